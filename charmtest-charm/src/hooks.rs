//! The names of the hooks that a charm can have.

use std::collections::BTreeSet;

use crate::metadata::Metadata;

const PLAIN: [&str; 18] = [
    "install",
    "start",
    "config-changed",
    "upgrade-charm",
    "stop",
    "remove",
    "action",
    "collect-metrics",
    "meter-status-changed",
    "update-status",
    "pre-series-upgrade",
    "post-series-upgrade",
    "leader-elected",
    "leader-settings-changed",
    "secret-changed",
    "secret-expired",
    "secret-remove",
    "secret-rotate",
];
const OF_RELATIONS: [&str; 5] = ["created", "joined", "changed", "departed", "broken"];
const OF_STORAGE: [&str; 2] = ["attached", "detaching"];
const OF_CONTAINERS: [&str; 4] = ["ready", "custom-notice", "check-failed", "check-recovered"];

/// Returns every hook name that Juju knows for a charm.
pub fn known_hooks(metadata: &Metadata) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = PLAIN.map(str::to_owned).into();
    for endpoint in &metadata.endpoints {
        names.extend(OF_RELATIONS.map(|event| format!("{}-relation-{event}", endpoint.name)));
    }
    for storage in metadata.storage.keys() {
        names.extend(OF_STORAGE.map(|event| format!("{storage}-storage-{event}")));
    }
    for container in metadata.containers.keys() {
        names.extend(OF_CONTAINERS.map(|event| format!("{container}-pebble-{event}")));
    }
    names
}
