//! Stand-ins: small charms that play the other part of a relation. Pure but for writing them.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::ops_test::{CharmEndpoint, EndpointRole, EndpointScope};

/// What a stand-in does: nothing but being there. It says nothing over its relation, since nobody knows the interface.
const DISPATCH: &str =
    "#!/bin/sh\ncase \"$JUJU_DISPATCH_PATH\" in\nhooks/start) status-set active ;;\nesac\n";

/// A charm that is made on the fly.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StandIn {
    /// The charm's name, which is also that of its application.
    pub(super) name: String,
    /// The endpoint for the charm under test.
    pub(super) endpoint: String,
    metadata: Value,
}

impl StandIn {
    /// Makes the other part for an endpoint of the charm under test.
    ///
    /// A relation within a machine needs a principal and a subordinate, so the other part of a principal is a subordinate there.
    pub(super) fn for_endpoint(endpoint: &CharmEndpoint, of_subordinate: bool) -> Self {
        let within = endpoint.scope == EndpointScope::Container;
        let (own, section) = match endpoint.role {
            EndpointRole::Provider => ("client", "requires"),
            EndpointRole::Requirer | EndpointRole::Peer => ("server", "provides"),
        };
        let mut declared = Map::new();
        declared.insert("interface".to_owned(), json!(endpoint.interface));
        if within {
            declared.insert("scope".to_owned(), json!("container"));
        }
        let name = format!("stand-in-{}", slug(&endpoint.name));
        let mut metadata = json!({
            "name": name,
            "summary": "Stands in for another charm in a generic test.",
            "description": "It says nothing over its relation.",
            "subordinate": within && !of_subordinate,
        });
        // What every charm provides anyway cannot be declared.
        let endpoint = if endpoint.interface == "juju-info" && section == "provides" {
            "juju-info".to_owned()
        } else {
            metadata[section] = json!({ own: declared });
            own.to_owned()
        };
        Self {
            name,
            endpoint,
            metadata,
        }
    }

    /// Writes the charm's directory; `bases` are those of the charm under test, as `ubuntu@24.04` with architectures.
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be written.
    pub(super) fn write(
        &self,
        directory: &Path,
        bases: &[(String, Vec<String>)],
    ) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        // JSON is YAML.
        fs::write(directory.join("metadata.yaml"), self.metadata.to_string())?;
        let bases: Vec<Value> = bases
            .iter()
            .filter_map(|(base, architectures)| {
                let (name, channel) = base.split_once('@')?;
                Some(json!({"name": name, "channel": channel, "architectures": architectures}))
            })
            .collect();
        if !bases.is_empty() {
            let manifest = json!({ "bases": bases });
            fs::write(directory.join("manifest.yaml"), manifest.to_string())?;
        }
        let dispatch = directory.join("dispatch");
        fs::write(&dispatch, DISPATCH)?;
        fs::set_permissions(&dispatch, fs::Permissions::from_mode(0o755))
    }
}

/// Returns a name of an endpoint as a part of an application's name: those take no underscores, and no number after a hyphen.
fn slug(endpoint: &str) -> String {
    let mut slug = String::new();
    for c in endpoint.chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9') => slug.push(c),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    let slug = slug.trim_end_matches('-');
    slug.split('-')
        .map(
            |part| match part.starts_with(|c: char| c.is_ascii_digit()) {
                true => format!("x{part}"),
                false => part.to_owned(),
            },
        )
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(role: EndpointRole, interface: &str, scope: EndpointScope) -> CharmEndpoint {
        CharmEndpoint {
            name: "my_end-1".to_owned(),
            role,
            interface: interface.to_owned(),
            scope,
            optional: false,
        }
    }

    #[test]
    fn a_stand_in_has_the_other_end() {
        let global = EndpointScope::Global;
        let provider =
            StandIn::for_endpoint(&endpoint(EndpointRole::Requirer, "mysql", global), false);
        assert_eq!(provider.name, "stand-in-my-end-x1");
        assert_eq!(provider.endpoint, "server");
        assert_eq!(
            provider.metadata["provides"]["server"]["interface"],
            "mysql"
        );
        assert_eq!(provider.metadata["subordinate"], false);
        let requirer =
            StandIn::for_endpoint(&endpoint(EndpointRole::Provider, "http", global), false);
        assert_eq!(requirer.metadata["requires"]["client"]["interface"], "http");
    }

    #[test]
    fn a_relation_within_a_machine_has_a_subordinate() {
        let of = |role, interface, of_subordinate| {
            let endpoint = endpoint(role, interface, EndpointScope::Container);
            StandIn::for_endpoint(&endpoint, of_subordinate)
        };
        let principal = of(EndpointRole::Requirer, "juju-info", true);
        assert_eq!(principal.endpoint, "juju-info");
        assert_eq!(principal.metadata.get("provides"), None);
        assert_eq!(principal.metadata["subordinate"], false);
        let subordinate = of(EndpointRole::Provider, "logs", false);
        assert_eq!(subordinate.metadata["subordinate"], true);
        assert_eq!(
            subordinate.metadata["requires"]["client"]["scope"],
            "container"
        );
    }
}
