//! `network-get`.
//!
//! Every unit has one address on the loopback interface, for all bindings; egress is that address, unless a relation says otherwise.

use serde_json::{Map, Value, json};

use super::format::Shown;
use super::tool::{Answered, OutputKind, RELATION, Scene, Tool, ToolError, at_most};
use crate::JujuVersion;
use crate::flags::{Flag, Parsed};
use crate::model::{Relation, RelationId};

/// The options that ask for one part, with the keys under which several parts are shown.
const BIND: &str = "bind-address";
const INGRESS: &str = "ingress-address";
const EGRESS: &str = "egress-subnets";
const PRIMARY: &str = "primary-address";

const INTERFACE: &str = "lo";
const MAC: &str = "00:00:00:00:00:00";
const SUBNET: &str = "127.0.0.0/8";

pub(super) const TOOLS: &[Tool] = &[Tool {
    name: "network-get",
    arguments: "<binding>",
    summary: "Shows the addresses that a binding listens on and is reached at.",
    flags: &[
        Flag::switch(&[BIND], "Only the address to listen on"),
        Flag::switch(&[EGRESS], "Only the subnets that traffic comes from"),
        Flag::switch(
            &[INGRESS],
            "Only the address at which others reach the unit",
        ),
        Flag::switch(&[PRIMARY], "Deprecated, the same as --bind-address"),
        RELATION,
    ],
    output: OutputKind::Smart,
    run: network_get,
}];

fn network_get(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let relation = scene.relation_id(parsed)?;
    let binding = parsed
        .positionals
        .first()
        .ok_or_else(|| ToolError::usage("no arguments specified"))?;
    if binding.is_empty() {
        return Err(ToolError::usage("no binding name specified"));
    }
    at_most(parsed, 1)?;
    let asked: Vec<&str> = [BIND, EGRESS, INGRESS]
        .into_iter()
        .filter(|part| parsed.switch(part))
        .collect();
    if parsed.switch(PRIMARY) && !asked.is_empty() {
        return Err(ToolError::failed(
            "--primary-address must be the only flag specified",
        ));
    }
    let address = scene
        .model
        .address_of(&scene.context.unit)
        .filter(|_| has_binding(scene, binding));
    let Some(address) = address.map(|address| address.to_string()) else {
        return Err(ToolError::failed(format!(
            "no network config found for binding {binding:?}"
        )));
    };
    let egress = egress(scene, relation, &address);
    let part = |name: &str| match name {
        EGRESS => json!(egress),
        _ => json!(address),
    };
    Ok(match asked.as_slice() {
        _ if parsed.switch(PRIMARY) => Answered::value(part(PRIMARY)),
        [] => everything(
            &address,
            host_name(scene.model.info.juju, &address),
            &egress,
        ),
        [one] => Answered::value(part(one)),
        several => {
            let parts = several.iter().map(|name| ((*name).to_owned(), part(name)));
            Answered::value(Value::Object(parts.collect::<Map<_, _>>()))
        }
    })
}

/// Returns the subnets of outgoing traffic: those that the relation was made with, else the address.
fn egress(scene: &Scene<'_>, relation: Option<RelationId>, address: &str) -> Vec<String> {
    let relation = relation.and_then(|id| scene.model.relations.get(&id));
    let via = relation.map(Relation::own_egress).unwrap_or_default();
    if via.is_empty() {
        return vec![format!("{address}/32")];
    }
    via.to_vec()
}

fn has_binding(scene: &Scene<'_>, binding: &str) -> bool {
    let charm = scene.model.charm_of(scene.context.unit.application());
    binding == "juju-info"
        || charm.is_some_and(|row| {
            let metadata = &row.charm.metadata;
            metadata.endpoint(binding).is_some()
                || metadata.extra_bindings.iter().any(|extra| extra == binding)
        })
}

/// Returns the host name of an address: Juju 3.6 has none, 4.0 repeats the address (recorded 4.0.15).
fn host_name(juju: JujuVersion, address: &str) -> &str {
    match juju {
        JujuVersion::V3_6 => "",
        JujuVersion::V4_0 => address,
    }
}

/// Shows all parts. YAML repeats some under the names they had in Juju 2.
fn everything(address: &str, host: &str, egress: &[String]) -> Answered {
    let whole = |interface: Value| json!({"bind-addresses": [interface], "egress-subnets": egress, "ingress-addresses": [address]});
    let json = whole(json!({
        "mac-address": MAC,
        "interface-name": INTERFACE,
        "addresses": [{"hostname": host, "value": address, "cidr": SUBNET}],
    }));
    let yaml = whole(json!({
        "mac-address": MAC,
        "interface-name": INTERFACE,
        "addresses": [{"hostname": host, "value": address, "cidr": SUBNET, "address": address}],
        "macaddress": MAC,
        "interfacename": INTERFACE,
    }));
    Answered {
        shown: Some(Shown::Record { json, yaml }),
        effect: None,
    }
}
