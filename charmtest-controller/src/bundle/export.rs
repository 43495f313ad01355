//! A model as a bundle.

use std::collections::{BTreeMap, BTreeSet};

use charmtest_charm::bundle::natural;
use charmtest_charm::yaml_writer::to_yaml;
use serde_json::{Map, Value, json};

use super::existing::stable;
use crate::model::{Application, ExposedTo, Life, Model};

/// The base that bundles leave out when the model's configuration names none (Juju 3.6).
const DEFAULT_BASE: &str = "ubuntu@24.04/stable";

/// Writes a model as a bundle (Juju 3.6, `juju export-bundle`); what only overlays may say comes as a second document.
///
/// With `defaults` the options of charms that have a default are written as well.
///
/// # Errors
///
/// Fails when there are no applications.
pub(crate) fn export(model: &Model, defaults: bool) -> Result<String, String> {
    let apps: Vec<&Application> = {
        let mut apps: Vec<&Application> = model
            .applications
            .values()
            .filter(|app| app.life == Life::Alive)
            .collect();
        apps.sort_by(|a, b| natural(&a.name, &b.name));
        apps
    };
    if apps.is_empty() {
        return Err("nothing to export as there are no applications".to_owned());
    }
    let configured = model.config("default-base").filter(|base| !base.is_empty());
    let mut default_base = configured.map_or_else(|| DEFAULT_BASE.to_owned(), stable);
    let machines = used_machines(model);
    let bases: BTreeSet<String> = apps
        .iter()
        .map(|app| stable(&app.base))
        .chain(
            machines
                .iter()
                .filter_map(|id| Some(stable(&model.machines.get(*id)?.base))),
        )
        .collect();
    match bases.first() {
        Some(only) if bases.len() == 1 => default_base.clone_from(only),
        _ if !bases.contains(&default_base) => default_base.clear(),
        _ => {}
    }

    let mut root = Map::new();
    if !default_base.is_empty() {
        root.insert("default-base".to_owned(), json!(default_base));
    }
    let saas: Map<String, Value> = model
        .remote_applications
        .values()
        .filter(|remote| remote.life == Life::Alive)
        .map(|remote| (remote.name.clone(), json!({ "url": remote.url })))
        .collect();
    put_map(&mut root, "saas", saas.clone());
    let applications: Map<String, Value> = apps
        .iter()
        .map(|app| {
            (
                app.name.clone(),
                application(model, app, &default_base, defaults),
            )
        })
        .collect();
    root.insert("applications".to_owned(), applications.into());
    if !machines.is_empty() {
        let rows = machines.iter().filter_map(|id| {
            let machine = model.machines.get(*id)?;
            let mut map = Map::new();
            put_text(&mut map, "constraints", &constraints(&machine.constraints));
            put_map(&mut map, "annotations", texts(&machine.annotations));
            let base = stable(&machine.base);
            if base != default_base {
                put_text(&mut map, "base", &base);
            }
            Some(((*id).to_owned(), map.into()))
        });
        root.insert("machines".to_owned(), Value::Object(rows.collect()));
    }
    let relations: Vec<Value> = model
        .relations
        .values()
        .filter(|relation| !relation.is_peer())
        // The other model's half of a relation is its own affair.
        .filter(|relation| {
            let mut ends = relation.endpoints.iter();
            ends.all(|end| {
                model.applications.contains(&end.application) || saas.contains_key(&end.application)
            })
        })
        .map(|relation| {
            let ends = relation.endpoints.iter();
            ends.map(|end| json!(format!("{}:{}", end.application, end.name)))
                .collect()
        })
        .collect();
    if !relations.is_empty() {
        root.insert("relations".to_owned(), relations.into());
    }
    let mut text = to_yaml(&Value::Object(root));
    let overlay: Map<String, Value> = apps.iter().filter_map(|app| overlay(model, app)).collect();
    if !overlay.is_empty() {
        text.push_str("--- # overlay.yaml\n");
        text.push_str(&to_yaml(&json!({ "applications": overlay })));
    }
    Ok(text)
}

/// Returns the machines that units are on, in the order of their numbers.
fn used_machines(model: &Model) -> Vec<&str> {
    let used: BTreeSet<&str> = model
        .units
        .values()
        .filter(|unit| unit.principal.is_none())
        .map(|unit| unit.machine.as_str())
        .collect();
    let mut used: Vec<&str> = used.into_iter().collect();
    used.sort_by(|a, b| natural(a, b));
    used
}

fn application(model: &Model, app: &Application, default_base: &str, defaults: bool) -> Value {
    let charm = model.charm_of(&app.name);
    let mut map = Map::new();
    let of_store = charm.filter(|row| row.is_from_store());
    let name = of_store.map(|row| row.charm.metadata.name.to_string());
    put_text(&mut map, "charm", name.as_deref().unwrap_or(&app.charm));
    put_text(
        &mut map,
        "channel",
        app.channel.as_deref().unwrap_or_default(),
    );
    if let Some(row) = of_store {
        map.insert("revision".to_owned(), row.revision.into());
    }
    let base = stable(&app.base);
    if base != default_base {
        put_text(&mut map, "base", &base);
    }
    let resources = app.resources.iter();
    let resources =
        resources.filter_map(|(name, row)| Some((name.clone(), row.store_revision?.into())));
    put_map(&mut map, "resources", resources.collect());
    let mut units: Vec<_> = model
        .units_of(&app.name)
        .filter(|unit| unit.principal.is_none())
        .collect();
    units.sort_by(|a, b| natural(a.name.as_str(), b.name.as_str()));
    if !units.is_empty() {
        map.insert("num_units".to_owned(), json!(units.len()));
        let machines: Vec<&str> = units.iter().map(|unit| unit.machine.as_str()).collect();
        map.insert("to".to_owned(), json!(machines));
    }
    if app.exposed && exposed_endpoints(app).is_none() {
        map.insert("expose".to_owned(), true.into());
    }
    let mut options: BTreeMap<String, Value> = app.config.clone();
    if defaults && let Some(charm) = charm {
        for (name, option) in &charm.charm.config.0 {
            if let Some(default) = &option.default {
                options
                    .entry(name.clone())
                    .or_insert_with(|| default.clone());
            }
        }
    }
    put_map(&mut map, "options", options.into_iter().collect());
    put_map(&mut map, "annotations", texts(&app.annotations));
    put_text(&mut map, "constraints", &constraints(&app.constraints));
    if app.trust {
        map.insert("trust".to_owned(), true.into());
    }
    map.into()
}

/// Returns what an overlay has to say about an application: offers, and to whom endpoints are exposed.
fn overlay(model: &Model, app: &Application) -> Option<(String, Value)> {
    let mut map = Map::new();
    put_map(
        &mut map,
        "exposed-endpoints",
        exposed_endpoints(app).unwrap_or_default(),
    );
    let offers = model.offers.values();
    let offers = offers.filter(|offer| offer.application == app.name);
    let offers: Map<String, Value> = offers
        .map(|offer| {
            let mut endpoints = offer.endpoints.clone();
            endpoints.sort();
            let mut acl = texts(&offer.users);
            acl.insert(model.info.owner.clone(), "admin".into());
            acl.sort_keys();
            (
                offer.name.clone(),
                json!({ "endpoints": endpoints, "acl": acl }),
            )
        })
        .collect();
    put_map(&mut map, "offers", offers);
    (!map.is_empty()).then(|| (app.name.clone(), map.into()))
}

/// Returns to whom endpoints are exposed, unless that is nobody or everybody.
fn exposed_endpoints(app: &Application) -> Option<Map<String, Value>> {
    let world = BTreeMap::from([(String::new(), ExposedTo::everybody())]);
    if !app.exposed || app.exposed_endpoints.is_empty() || app.exposed_endpoints == world {
        return None;
    }
    match ExposedTo::show(&app.exposed_endpoints) {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

fn put_text(map: &mut Map<String, Value>, key: &str, text: &str) {
    if !text.is_empty() {
        map.insert(key.to_owned(), json!(text));
    }
}

fn put_map(map: &mut Map<String, Value>, key: &str, inner: Map<String, Value>) {
    if !inner.is_empty() {
        map.insert(key.to_owned(), inner.into());
    }
}

fn texts(texts: &BTreeMap<String, String>) -> Map<String, Value> {
    texts
        .iter()
        .map(|(key, text)| (key.clone(), json!(text)))
        .collect()
}

/// Writes constraints as exported bundles do: in an order of their own, sizes without a suffix.
fn constraints(constraints: &BTreeMap<String, String>) -> String {
    const ORDER: &[(&str, &str)] = &[
        ("arch", "arch"),
        ("cores", "cpu-cores"),
        ("cpu-power", "cpu-power"),
        ("mem", "mem"),
        ("root-disk", "root-disk"),
        ("instance-type", "instance-type"),
        ("image-id", "image-id"),
        ("container", "container"),
        ("virt-type", "virt-type"),
        ("tags", "tags"),
        ("spaces", "spaces"),
        ("zones", "zones"),
        ("root-disk-source", "root-disk-source"),
    ];
    let parts = ORDER.iter().filter_map(|(name, written)| {
        let value = constraints.get(*name)?;
        let value = match *name {
            "mem" | "root-disk" => value.strip_suffix('M').unwrap_or(value),
            _ => value,
        };
        Some(format!("{written}={value}"))
    });
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use charmtest_charm::bundle::parse;
    use jiff::Timestamp;

    use super::*;
    use crate::model::changes::fixture::{deployed, full_charm, model};
    use crate::model::changes::{self, EndpointName, Setting};

    fn filled() -> Model {
        let mut model = model();
        let charm = full_charm(
            "tracer",
            "provides: {x: i}\nrequires: {w: i}\npeers: {ring: r}",
            "options: {level: {type: int, default: 3}, mode: {}}",
            "",
        );
        deployed(&mut model, "a", charm.clone(), 2);
        deployed(&mut model, "b", charm, 1);
        let [a, b] = ["a:x", "b:w"].map(|text| EndpointName::parse(text).unwrap());
        changes::add_relation(&mut model, &a, &b, Timestamp::UNIX_EPOCH).unwrap();
        let mode = [("mode".to_owned(), Setting::Text("m".to_owned()))];
        changes::set_config(&mut model, "a", &mode, &[]).unwrap();
        changes::expose(&mut model, "a", BTreeMap::new()).unwrap();
        changes::set_trust(&mut model, "b", true).unwrap();
        model
    }

    #[test]
    fn a_model_is_written_and_can_be_read() {
        let mut model = filled();
        let text = export(&model, false).unwrap();
        assert_eq!(
            text,
            "default-base: ubuntu@22.04/stable\napplications:\n  a:\n    charm: local:tracer-0\n    num_units: 2\n    to:\n    - \"0\"\n    \
             - \"1\"\n    expose: true\n    options:\n      mode: m\n    constraints: arch=amd64\n  b:\n    charm: local:tracer-1\n    \
             num_units: 1\n    to:\n    - \"2\"\n    constraints: arch=amd64\n    trust: true\nmachines:\n  \"0\":\n    \
             constraints: arch=amd64\n  \"1\":\n    constraints: arch=amd64\n  \"2\":\n    constraints: arch=amd64\nrelations:\n\
             - - a:x\n  - b:w\n"
        );
        assert_eq!(
            parse(&text).unwrap()[0].unknown_keys(),
            Vec::<&charmtest_charm::bundle::Unknown>::new()
        );
        let inside = ExposedTo {
            spaces: vec!["alpha".to_owned()],
            cidrs: Vec::new(),
        };
        changes::expose(&mut model, "a", BTreeMap::from([("x".to_owned(), inside)])).unwrap();
        let text = export(&model, true).unwrap();
        assert!(!text.contains("expose: true"), "{text}");
        assert!(text.contains("      level: 3\n      mode: m\n"), "{text}");
        let (_, overlay) = text.split_once("--- # overlay.yaml\n").unwrap();
        assert_eq!(
            overlay,
            "applications:\n  a:\n    exposed-endpoints:\n      \"\":\n        expose-to-cidrs:\n        - 0.0.0.0/0\n        - ::/0\n      \
             x:\n        expose-to-spaces:\n        - alpha\n"
        );
    }

    #[test]
    fn bases_are_named_when_there_are_several() {
        let mut model = filled();
        model.applications.get_mut("b").unwrap().base = "ubuntu@24.04".to_owned();
        let text = export(&model, false).unwrap();
        assert!(
            text.starts_with("default-base: ubuntu@24.04/stable\n"),
            "{text}"
        );
        assert!(
            text.contains("    charm: local:tracer-0\n    base: ubuntu@22.04/stable\n"),
            "{text}"
        );
    }

    #[test]
    fn nothing_to_export() {
        assert_eq!(
            export(&model(), false),
            Err("nothing to export as there are no applications".to_owned())
        );
    }
}
