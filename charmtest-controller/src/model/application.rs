//! Applications and the charms they run.

use std::collections::BTreeMap;
use std::sync::Arc;

use charmtest_charm::Charm;
use serde::{Deserialize, Serialize};

use super::ids::UnitName;
use super::relation::Bag;
use super::state::Life;
use super::status::{Status, Workload};
use super::storage::StorageDirective;

/// A charm that a model has, uploaded or from a charm store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CharmRow {
    /// `local:name-0`, or `ch:amd64/name-0` for a charm from a store.
    pub url: String,
    /// The revision: the store's, or for uploads counted per charm name and model.
    pub revision: u32,
    /// The SHA-256 of the archive, which is also its file name under `charms/`.
    pub sha256: String,
    /// What the archive says about itself.
    pub charm: Arc<Charm>,
}

impl CharmRow {
    /// Says whether the charm comes from a charm store and not from the user's files.
    pub fn is_from_store(&self) -> bool {
        is_store_url(&self.url)
    }
}

/// Says whether a charm URL names a charm of a store: `ch:amd64/name-1`.
pub fn is_store_url(url: &str) -> bool {
    url.starts_with("ch:")
}

/// A resource file of an application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceRow {
    /// Where the controller keeps the file (for `oci-image`: a generated `content.yaml`), below the data directory.
    pub path: String,
    /// The SHA-384 of the content.
    pub fingerprint: String,
    /// Size in bytes.
    pub size: u64,
    /// When it was uploaded.
    pub uploaded: jiff::Timestamp,
    /// Its revision in the charm store; `None` when the user uploaded it.
    #[serde(default)]
    pub store_revision: Option<u32>,
}

/// To whom an endpoint is exposed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExposedTo {
    /// Names of spaces, sorted.
    pub spaces: Vec<String>,
    /// Networks, sorted.
    pub cidrs: Vec<String>,
}

impl ExposedTo {
    /// Returns what `juju expose` means without more words: the whole world.
    pub fn everybody() -> Self {
        Self {
            spaces: Vec::new(),
            cidrs: ["0.0.0.0/0", "::/0"].map(str::to_owned).to_vec(),
        }
    }

    /// Returns endpoints with those to whom they are exposed, as Juju shows them.
    pub fn show(endpoints: &BTreeMap<String, Self>) -> serde_json::Value {
        let describe = |to: &Self| {
            let lists = [
                ("expose-to-spaces", &to.spaces),
                ("expose-to-cidrs", &to.cidrs),
            ];
            let given = lists.into_iter().filter(|(_, list)| !list.is_empty());
            given
                .map(|(key, list)| (key.to_owned(), serde_json::json!(list)))
                .collect::<serde_json::Map<_, _>>()
        };
        let shown = endpoints
            .iter()
            .map(|(name, to)| (name.clone(), describe(to).into()));
        serde_json::Value::Object(shown.collect())
    }
}

/// An application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Application {
    /// Its name.
    pub name: String,
    /// The URL of its charm, the key into [`super::Model::charms`].
    pub charm: String,
    /// Counts changes of the charm and of resources; a unit that has seen less runs `upgrade-charm`.
    pub charm_modified: u64,
    /// Whether it is going.
    pub life: Life,
    /// Explicit configuration; options at their default are absent.
    pub config: BTreeMap<String, serde_json::Value>,
    /// Whether it was given the cloud's credentials (`juju trust`).
    pub trust: bool,
    /// Whether it is exposed.
    pub exposed: bool,
    /// To whom its endpoints are exposed, by endpoint; the empty name means all of them.
    #[serde(default)]
    pub exposed_endpoints: BTreeMap<String, ExposedTo>,
    /// Annotations, which only bundles set.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// The base of its units, `ubuntu@22.04`.
    pub base: String,
    /// The channel that a charm from a store follows, `latest/stable`; for an uploaded charm the one given at deploy.
    pub channel: Option<String>,
    /// Constraints as given, key to value.
    pub constraints: BTreeMap<String, String>,
    /// The status that the leader set with `status-set --application`.
    pub status: Option<Status<Workload>>,
    /// The leader.
    pub leader: Option<UnitName>,
    /// The number of the next unit; numbers are never used twice.
    pub next_unit: u32,
    /// What `application-version-set` said last.
    pub workload_version: Option<String>,
    /// Its resources by name.
    pub resources: BTreeMap<String, ResourceRow>,
    /// What `leader-set` stored (Juju 3.6).
    #[serde(default)]
    pub leader_settings: Bag,
    /// Units in hook error take up a new charm as well (`juju refresh --force-units`).
    #[serde(default)]
    pub force_charm: bool,
    /// What its units get of each storage of the charm.
    #[serde(default)]
    pub storage: BTreeMap<String, StorageDirective>,
}
