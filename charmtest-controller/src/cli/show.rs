//! `juju show-unit` and `juju show-application`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::command::{Command, Cx, Failure, Running};
use super::constraints;
use crate::JujuVersion;
use crate::flags::{Flag, Parsed};
use crate::model::changes;
use crate::model::{
    Application, Bag, ExposedTo, Model, Relation, Unit, UnitName, application_name,
};

pub(super) const COMMANDS: &[Command] = &[
    Command::new("show-unit", "Displays information about a unit.", show_unit)
        .args("<unit name>", check_units)
        .formats(&["yaml", "json"])
        .flags(&[
            Flag::text(
                &["endpoint"],
                "Only show relation data for the specified endpoint",
            ),
            Flag::text(
                &["related-unit"],
                "Only show relation data for the specified unit",
            ),
            Flag::switch(&["app"], "Only show application relation data"),
        ]),
    Command::new(
        "show-application",
        "Displays information about an application.",
        show_application,
    )
    .args("<application name or alias>", check_applications)
    .formats(&["yaml", "json"]),
];

fn check_units(args: &Parsed) -> Result<(), String> {
    if args.positionals.is_empty() {
        return Err("an unit name must be supplied".to_owned());
    }
    args.positionals.iter().try_for_each(|name| {
        UnitName::parse(name)
            .map(drop)
            .map_err(|error| error.to_string())
    })
}

fn check_applications(args: &Parsed) -> Result<(), String> {
    if args.positionals.is_empty() {
        return Err("an application name must be supplied".to_owned());
    }
    args.positionals.iter().try_for_each(|name| {
        application_name(name)
            .map(drop)
            .map_err(|_| format!("application name {name} not valid"))
    })
}

/// Says that something is not there; 4.0 leaves out the quotes (recorded).
fn not_found(juju: JujuVersion, kind: &str, name: &str) -> Failure {
    Failure::Failed(match juju {
        JujuVersion::V3_6 => format!("{kind} {name:?} not found"),
        JujuVersion::V4_0 => format!("{kind} {name} not found"),
    })
}

fn show_unit(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let model = cx.model()?;
        let filter = RelationFilter::new(&cx.args, &cx.format);
        let mut shown = BTreeMap::new();
        for name in cx.positionals() {
            let unit = model
                .units
                .get(name.as_str())
                .ok_or_else(|| not_found(cx.juju(), "unit", name))?;
            shown.insert(name.clone(), unit_value(&model, unit, &filter));
        }
        cx.print_value(&json!(shown), |_| String::new()).await
    })
}

/// Which relation data of a unit are shown.
#[derive(Debug, Default)]
struct RelationFilter {
    endpoint: Option<String>,
    related_unit: Option<String>,
    app_only: bool,
    /// YAML leaves out the data of the unit itself where JSON shows an empty struct.
    is_yaml: bool,
}

impl RelationFilter {
    fn new(args: &Parsed, format: &str) -> Self {
        Self {
            endpoint: args.text("endpoint").map(str::to_owned),
            related_unit: args.text("related-unit").map(str::to_owned),
            app_only: args.switch("app"),
            is_yaml: format == "yaml",
        }
    }
}

fn unit_value(model: &Model, unit: &Unit, filter: &RelationFilter) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    if let Some(version) = unit
        .workload_version
        .as_ref()
        .filter(|version| !version.is_empty())
    {
        put("workload-version", version.clone().into());
    }
    if unit.principal.is_none() {
        put("machine", unit.machine.clone().into());
    }
    let mut ports: Vec<_> = unit.ports.values().flatten().collect();
    ports.sort();
    ports.dedup();
    let ports: Vec<String> = ports.into_iter().map(ToString::to_string).collect();
    put(
        "opened-ports",
        if ports.is_empty() && !filter.is_yaml {
            Value::Null
        } else {
            json!(ports)
        },
    );
    if let Some(address) = model.address_of(&unit.name) {
        put("public-address", address.to_string().into());
    }
    let charm = model
        .applications
        .get(unit.name.application())
        .map(|app| app.charm.clone());
    put(
        "charm",
        unit.progress
            .charm
            .clone()
            .or(charm)
            .unwrap_or_default()
            .into(),
    );
    put("leader", model.is_leader(&unit.name).into());
    put("life", unit.life.as_str().into());
    let relations: Vec<Value> = model
        .relations_of(unit.name.application())
        .filter_map(|relation| relation_value(model, unit, relation, filter))
        .collect();
    if !relations.is_empty() {
        put("relation-info", relations.into());
    }
    map.into()
}

/// Returns the data of one relation; `None` when it is filtered out, or when there are no data and it was not asked for.
fn relation_value(
    model: &Model,
    unit: &Unit,
    relation: &Relation,
    filter: &RelationFilter,
) -> Option<Value> {
    let application = unit.name.application();
    let own = relation.endpoint_of(application)?;
    let other = relation.remote_of(application)?;
    let named = filter.endpoint.as_ref();
    if named.is_some_and(|endpoint| *endpoint != own.name) {
        return None;
    }
    let data = |bag: Option<&Bag>| bag.map(|bag| bag.data.clone()).unwrap_or_default();
    let application_data = data(relation.applications.get(&other.application));
    let with_local = relation.is_peer() && !filter.app_only && filter.related_unit.is_none();
    let local = relation
        .members
        .get(&unit.name)
        .filter(|member| with_local && member.in_scope);
    let foreign = relation
        .members
        .iter()
        .filter(|(name, member)| relation.is_foreign(name) && member.in_scope)
        .map(|(name, _)| name);
    let remote: BTreeMap<String, Value> = model
        .units_of(&other.application)
        .map(|other| &other.name)
        .chain(foreign)
        .filter(|name| **name != unit.name && !filter.app_only)
        .filter(|name| {
            filter
                .related_unit
                .as_ref()
                .is_none_or(|wanted| name.as_str() == wanted)
        })
        .map(|name| {
            let member = relation
                .members
                .get(name)
                .filter(|member| member.in_scope && !member.departing);
            let data = member.map_or(Value::Null, |member| json!(member.bag.data));
            (
                name.to_string(),
                json!({ "in-scope": member.is_some(), "data": data }),
            )
        })
        .collect();
    if named.is_none() && application_data.is_empty() && local.is_none() && remote.is_empty() {
        return None;
    }
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("relation-id", relation.id.into());
    put("endpoint", own.name.clone().into());
    if relation.cross_model.is_some() {
        put("cross-model", true.into());
    }
    put("related-endpoint", other.name.clone().into());
    put("application-data", json!(application_data));
    match local {
        Some(member) => drop(put(
            "local-unit",
            json!({ "in-scope": true, "data": member.bag.data }),
        )),
        None if filter.is_yaml => {}
        None => drop(put(
            "local-unit",
            json!({ "in-scope": false, "data": null }),
        )),
    }
    if !remote.is_empty() {
        put("related-units", json!(remote));
    }
    Some(map.into())
}

fn show_application(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let model = cx.model()?;
        let mut shown = BTreeMap::new();
        for name in cx.positionals() {
            let app = model
                .applications
                .get(name)
                .ok_or_else(|| not_found(cx.juju(), "application", name))?;
            shown.insert(
                name.clone(),
                application_value(&model, app, cx.format == "yaml"),
            );
        }
        cx.print_value(&json!(shown), |_| String::new()).await
    })
}

fn application_value(model: &Model, app: &Application, is_yaml: bool) -> Value {
    let metadata = model.charms.get(&app.charm).map(|row| &row.charm.metadata);
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put(
        "charm",
        metadata
            .map(|metadata| metadata.name.to_string())
            .unwrap_or_default()
            .into(),
    );
    put("base", app.base.clone().into());
    if let Some(channel) = &app.channel {
        put("channel", channel.clone().into());
    }
    // A struct: JSON shows it although it is empty, YAML does not.
    if !is_yaml || !app.constraints.is_empty() {
        put("constraints", constraints::describe(&app.constraints));
    }
    put(
        "principal",
        metadata.is_none_or(|metadata| !metadata.subordinate).into(),
    );
    put("exposed", app.exposed.into());
    if app.exposed {
        put("exposed-endpoints", exposed_endpoints(app));
    }
    put("remote", false.into());
    put("life", app.life.as_str().into());
    let bindings: BTreeMap<String, &str> = changes::bound(model, &app.name)
        .into_iter()
        .map(|name| (name, changes::ALPHA))
        .collect();
    put("endpoint-bindings", json!(bindings));
    map.into()
}

/// Describes to whom an application is exposed.
fn exposed_endpoints(app: &Application) -> Value {
    if app.exposed_endpoints.is_empty() {
        // It was exposed by a version that knew no endpoints.
        return ExposedTo::show(&BTreeMap::from([(String::new(), ExposedTo::everybody())]));
    }
    ExposedTo::show(&app.exposed_endpoints)
}
