//! The differences between a bundle and a model.

use std::collections::{BTreeMap, BTreeSet};

use charmtest_charm::bundle::{Application, Bundle};
use serde_json::{Map, Value, json};

use super::existing::{Existing, ExistingApplication, stable};
use crate::model::ExposedTo;

/// Describes the differences (Juju 3.6, `juju diff-bundle`); an empty map when there are none.
///
/// `constraints` writes those of the model as `juju constraints` does.
pub(crate) fn diff(
    bundle: &Bundle,
    existing: &Existing,
    with_annotations: bool,
    constraints: &dyn Fn(&BTreeMap<String, String>) -> String,
) -> Value {
    let mut result = Map::new();
    let mut put = |key: &str, map: Map<String, Value>| {
        if !map.is_empty() {
            result.insert(key.to_owned(), map.into());
        }
    };
    let names: BTreeSet<&str> = bundle
        .apps()
        .map(|(name, _)| name)
        .chain(existing.applications.keys().map(String::as_str))
        .collect();
    let mut applications = Map::new();
    for name in names {
        let difference = match (bundle.app(name), existing.applications.get(name)) {
            (None, _) => missing("bundle"),
            (_, None) => missing("model"),
            (Some(app), Some(old)) => application(bundle, app, old, with_annotations, constraints),
        };
        if !difference.is_empty() {
            applications.insert(name.to_owned(), difference.into());
        }
    }
    put("applications", applications);
    put("machines", machines(bundle, existing, with_annotations));
    put("relations", relations(bundle, existing));
    result.into()
}

fn missing(side: &str) -> Map<String, Value> {
    Map::from_iter([("missing".to_owned(), side.into())])
}

/// Adds two values that differ.
fn differ(map: &mut Map<String, Value>, key: &str, bundle: Value, model: Value) {
    if bundle != model {
        map.insert(key.to_owned(), json!({"bundle": bundle, "model": model}));
    }
}

fn application(
    bundle: &Bundle,
    app: &Application,
    old: &ExistingApplication,
    with_annotations: bool,
    constraints: &dyn Fn(&BTreeMap<String, String>) -> String,
) -> Map<String, Value> {
    let mut map = Map::new();
    differ(&mut map, "charm", json!(app.charm), json!(old.charm));
    let base = if app.base.is_empty() {
        &bundle.default_base
    } else {
        &app.base
    };
    differ(&mut map, "base", json!(stable(base)), json!(old.base));
    differ(
        &mut map,
        "revision",
        json!(app.revision.unwrap_or(-1)),
        json!(old.revision),
    );
    differ(&mut map, "channel", json!(app.channel), json!(old.channel));
    if !old.subordinate {
        differ(
            &mut map,
            "num_units",
            json!(app.num_units),
            json!(old.units.len()),
        );
    }
    let exposed = app.expose || !app.exposed_endpoints.is_empty();
    differ(&mut map, "expose", json!(exposed), json!(old.exposed));
    nested(
        &mut map,
        "exposed_endpoints",
        wanted_exposure(app),
        known_exposure(old),
    );
    nested(
        &mut map,
        "options",
        values(&app.options),
        values(&old.options),
    );
    if with_annotations {
        let texts = |texts: &BTreeMap<String, String>| {
            texts
                .iter()
                .map(|(key, text)| (key.clone(), json!(text)))
                .collect()
        };
        let empty = |map: Map<String, Value>, other: &BTreeMap<String, String>| {
            let mut map = map;
            for key in other.keys() {
                map.entry(key.clone()).or_insert_with(|| json!(""));
            }
            map
        };
        let wanted = empty(texts(&app.annotations), &old.annotations);
        let known = empty(texts(&old.annotations), &app.annotations);
        nested(&mut map, "annotations", wanted, known);
    }
    differ(
        &mut map,
        "constraints",
        json!(app.constraints),
        json!(constraints(&old.constraints)),
    );
    map
}

/// Adds a map of the keys whose values differ; a value that is not there is null.
fn nested(
    map: &mut Map<String, Value>,
    key: &str,
    bundle: Map<String, Value>,
    model: Map<String, Value>,
) {
    let keys: BTreeSet<&String> = bundle.keys().chain(model.keys()).collect();
    let mut differences = Map::new();
    for name in keys {
        let value = |side: &Map<String, Value>| side.get(name).cloned().unwrap_or_default();
        differ(&mut differences, name, value(&bundle), value(&model));
    }
    if !differences.is_empty() {
        map.insert(key.to_owned(), differences.into());
    }
}

fn values(options: &BTreeMap<String, Value>) -> Map<String, Value> {
    options
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn exposure(spaces: &[String], cidrs: &[String]) -> Value {
    let lists = [("expose_to_spaces", spaces), ("expose_to_cidrs", cidrs)];
    let given = lists.into_iter().filter(|(_, list)| !list.is_empty());
    Value::Object(
        given
            .map(|(key, list)| (key.to_owned(), json!(list)))
            .collect(),
    )
}

fn wanted_exposure(app: &Application) -> Map<String, Value> {
    if app.expose && app.exposed_endpoints.is_empty() {
        let world = ExposedTo::everybody();
        return Map::from_iter([(String::new(), exposure(&world.spaces, &world.cidrs))]);
    }
    let endpoints = app.exposed_endpoints.iter();
    endpoints
        .map(|(name, to)| (name.clone(), exposure(&to.spaces, &to.cidrs)))
        .collect()
}

fn known_exposure(old: &ExistingApplication) -> Map<String, Value> {
    let endpoints = old.exposed_endpoints.iter().filter(|_| old.exposed);
    endpoints
        .map(|(name, to)| (name.clone(), exposure(&to.spaces, &to.cidrs)))
        .collect()
}

fn machines(bundle: &Bundle, existing: &Existing, with_annotations: bool) -> Map<String, Value> {
    let mut map = Map::new();
    let mut unseen: BTreeSet<&str> = existing.machines.keys().map(String::as_str).collect();
    for bundle_id in bundle.machines.keys() {
        // Machines of the same id are the same here, whatever is said.
        let id = existing.machine_map.get(bundle_id).unwrap_or(bundle_id);
        unseen.remove(id.as_str());
        let Some(machine) = existing.machines.get(id) else {
            map.insert(id.clone(), missing("model").into());
            continue;
        };
        let spec = bundle.machine(bundle_id).unwrap_or_default();
        let mut difference = Map::new();
        if with_annotations {
            let all = |texts: &BTreeMap<String, String>| {
                let keys = spec.annotations.keys().chain(machine.annotations.keys());
                keys.map(|key| {
                    (
                        key.clone(),
                        json!(texts.get(key).cloned().unwrap_or_default()),
                    )
                })
                .collect()
            };
            nested(
                &mut difference,
                "annotations",
                all(&spec.annotations),
                all(&machine.annotations),
            );
        }
        let base = if spec.base.is_empty() {
            &bundle.default_base
        } else {
            &spec.base
        };
        differ(
            &mut difference,
            "base",
            json!(stable(base)),
            json!(machine.base),
        );
        if !difference.is_empty() {
            map.insert(id.clone(), difference.into());
        }
    }
    for id in unseen {
        map.insert(id.to_owned(), missing("bundle").into());
    }
    map
}

fn relations(bundle: &Bundle, existing: &Existing) -> Map<String, Value> {
    let ordered = |pair: &[String]| {
        let mut pair = pair.to_vec();
        pair.sort();
        pair
    };
    let wanted: BTreeSet<Vec<String>> = bundle.relations.iter().map(|pair| ordered(pair)).collect();
    let known: BTreeSet<Vec<String>> = existing
        .relations
        .iter()
        .map(|pair| ordered(pair))
        .collect();
    let mut map = Map::new();
    for (key, list) in [
        (
            "bundle-additions",
            wanted.difference(&known).collect::<Vec<_>>(),
        ),
        ("model-additions", known.difference(&wanted).collect()),
    ] {
        if !list.is_empty() {
            map.insert(key.to_owned(), json!(list));
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use charmtest_charm::bundle::parse;
    use charmtest_charm::yaml_writer::to_yaml;

    use super::super::MachineMap;
    use super::*;
    use crate::model::Model;
    use crate::model::changes::fixture::{charm, deployed, full_charm, model};

    fn text(bundle: &str, model: &Model) -> String {
        let bundle = parse(bundle).unwrap().remove(0);
        let render = |constraints: &BTreeMap<String, String>| {
            let pairs = constraints.iter().map(|(k, v)| format!("{k}={v}"));
            pairs.collect::<Vec<_>>().join(" ")
        };
        let existing = Existing::of(model, &MachineMap::default());
        to_yaml(&diff(&bundle, &existing, true, &render))
    }

    #[test]
    fn differences() {
        let mut model = model();
        let charm = full_charm(
            "tracer",
            "",
            "options: {level: {type: int, default: 3}, mode: {default: calm}}",
            "",
        );
        deployed(&mut model, "alpha", charm.clone(), 1);
        deployed(&mut model, "client", charm, 1);
        let bundle = "default-base: ubuntu@24.04\napplications:\n  alpha: {charm: /w/tracer, num_units: 2, expose: true, \
                      options: {level: 6}, annotations: {k: v}}\n  new: {charm: /w/tracer}\nrelations: [[\"new:x\", \"alpha:y\"]]\n";
        assert_eq!(
            text(bundle, &model),
            "applications:\n  alpha:\n    charm:\n      bundle: /w/tracer\n      model: local:tracer-0\n    base:\n      \
             bundle: ubuntu@24.04/stable\n      model: ubuntu@22.04/stable\n    revision:\n      bundle: -1\n      model: 0\n    \
             num_units:\n      bundle: 2\n      model: 1\n    expose:\n      bundle: true\n      model: false\n    \
             exposed_endpoints:\n      \"\":\n        bundle:\n          expose_to_cidrs:\n          - 0.0.0.0/0\n          - ::/0\n        \
             model: null\n    options:\n      level:\n        bundle: 6\n        model: 3\n      mode:\n        bundle: null\n        \
             model: calm\n    annotations:\n      k:\n        bundle: v\n        model: \"\"\n    constraints:\n      bundle: \"\"\n      \
             model: arch=amd64\n  client:\n    missing: bundle\n  new:\n    missing: model\nmachines:\n  \"0\":\n    missing: bundle\n  \
             \"1\":\n    missing: bundle\nrelations:\n  bundle-additions:\n  - - alpha:y\n    - new:x\n"
        );
    }

    #[test]
    fn no_differences() {
        let mut model = model();
        deployed(&mut model, "a", charm("a", ""), 1);
        let bundle = "applications: {a: {charm: 'local:a-0', revision: 0, num_units: 1, base: ubuntu@22.04, constraints: arch=amd64, \
                      to: ['0']}}\nmachines: {0: {base: ubuntu@22.04}}";
        assert_eq!(text(bundle, &model), "{}\n");
    }
}
