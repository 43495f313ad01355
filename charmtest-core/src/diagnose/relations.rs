//! What is in the relations, both sides of each: from what every unit sees of the other side. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

/// The data of a relation, by who wrote it.
type Writers = BTreeMap<String, BTreeMap<String, String>>;

/// Lists the relations in `juju show-unit --format json` of all units, with the data that each application and unit wrote.
///
/// A unit is shown what the other side wrote, so both sides are here if units of both are. Of another model's side only what
/// reached this one is known.
pub(super) fn text(units: &Value) -> String {
    let mut relations: BTreeMap<u64, (String, Writers)> = BTreeMap::new();
    for (unit, shown) in units.as_object().into_iter().flatten() {
        for relation in shown["relation-info"].as_array().into_iter().flatten() {
            let id = relation["relation-id"].as_u64().unwrap_or_default();
            let (title, writers) = relations.entry(id).or_default();
            let application = unit.split('/').next().unwrap_or_default();
            let word = |key: &str| relation[key].as_str().unwrap_or_default();
            let remote = others(relation).next();
            let remote = remote.and_then(|(name, _)| name.split('/').next());
            // Both sides tell of it: the one that sorts first names it.
            let name = format!(
                "{application}:{} {}:{}",
                word("endpoint"),
                remote.unwrap_or("?"),
                word("related-endpoint")
            );
            if title.is_empty() || (title.contains('?') && remote.is_some()) {
                *title = name;
            }
            if let Some(remote) = remote {
                enter(writers, remote, &relation["application-data"]);
            }
            for (name, side) in others(relation) {
                enter(writers, name, &side["data"]);
            }
            // Juju shows it only of some units (3.6: where the unit itself is in the relation's scope).
            enter(writers, unit, &relation["local-unit"]["data"]);
        }
    }
    let mut text = String::new();
    for (id, (title, writers)) in relations {
        text.push_str(&format!("# {title} (id {id})\n"));
        for (writer, data) in writers {
            text.push_str(&format!("{writer}\n"));
            for (key, value) in data {
                text.push_str(&format!("  {key}: {}\n", Value::from(value)));
            }
        }
        text.push('\n');
    }
    text
}

/// Returns the units on the other side, or the peers.
fn others(relation: &Value) -> impl Iterator<Item = (&String, &Value)> {
    relation["related-units"].as_object().into_iter().flatten()
}

fn enter(writers: &mut Writers, writer: &str, data: &Value) {
    let Some(data) = data.as_object() else {
        return;
    };
    let entries = writers.entry(writer.to_owned()).or_default();
    for (key, value) in data {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        entries.insert(key.clone(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_a_relation_are_listed_once() {
        let units = serde_json::json!({
            "db/0": {"relation-info": [{"relation-id": 2, "endpoint": "db", "related-endpoint": "store",
                "application-data": {}, "local-unit": {"in-scope": false, "data": null},
                "related-units": {"web/0": {"in-scope": true, "data": {"want": "1"}}}}]},
            "web/0": {"relation-info": [{"relation-id": 2, "endpoint": "store", "related-endpoint": "db",
                "application-data": {"endpoints": "a\nb"}, "local-unit": {"in-scope": false, "data": null},
                "related-units": {"db/0": {"in-scope": true, "data": {"host": "h"}}}}]},
        });
        assert_eq!(
            text(&units),
            "# db:db web:store (id 2)\ndb\n  endpoints: \"a\\nb\"\ndb/0\n  host: \"h\"\nweb\nweb/0\n  want: \"1\"\n\n"
        );
        assert_eq!(text(&Value::Null), "");
    }
}
