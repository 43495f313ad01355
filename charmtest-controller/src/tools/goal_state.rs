//! `goal-state`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::format::Shown;
use super::status::unit_status;
use super::tool::{Answered, OutputKind, Scene, Tool, ToolError, at_most};
use crate::flags::Parsed;
use crate::model::{Life, Model, Unit, UnitName};

pub(super) const TOOLS: &[Tool] = &[Tool {
    name: "goal-state",
    arguments: "",
    summary: "Shows the units of the application and of related applications, with their status.",
    flags: &[],
    output: OutputKind::Yaml,
    run: goal_state,
}];

fn goal_state(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    at_most(parsed, 0)?;
    let goal = json!({
        "units": units(scene.model, &scene.context.unit, scene.context.unit.application()),
        "relations": relations(scene.model, &scene.context.unit),
    });
    Ok(Answered {
        shown: Some(Shown::Record {
            json: goal.clone(),
            yaml: goal,
        }),
        effect: None,
    })
}

/// Returns the units of `application` as `unit` sees them: of subordinates only its own, so a subordinate does not even find itself
/// (Juju 3.6).
fn units(model: &Model, unit: &UnitName, application: &str) -> Map<String, Value> {
    model
        .units_of(application)
        .filter(|other| other.principal.as_ref().is_none_or(|own| own == unit))
        .map(|unit| (unit.name.to_string(), unit_goal(unit)))
        .collect()
}

/// Returns, by endpoint, the applications on the other sides with their units; of a consumed application its URL and no units.
/// Peers are among the units already.
fn relations(model: &Model, unit: &UnitName) -> Map<String, Value> {
    let own = unit.application();
    let mut found: Vec<_> = model
        .relations_of(own)
        .filter(|relation| !relation.is_peer())
        .filter_map(|relation| {
            let remote = &relation.remote_of(own)?.application;
            let name = match &relation.cross_model {
                None => remote,
                // The side of the offer does not show who is connected (Juju 3.6).
                Some(cross) if cross.offer.is_some() => return None,
                Some(_) => &model.remote_applications.get(remote)?.url,
            };
            let since = relation
                .suspension()
                .map_or(relation.since, |suspension| suspension.since);
            let mut goals = Map::new();
            goals.insert(name.clone(), goal(relation.status().0, since));
            goals.extend(units(model, unit, remote));
            Some((relation.endpoint_of(own)?.name.clone(), goals))
        })
        .collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut relations = Map::new();
    for (endpoint, goals) in found {
        let entry = relations
            .entry(endpoint)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(entry) = entry {
            entry.extend(goals);
        }
    }
    relations
}

fn unit_goal(unit: &Unit) -> Value {
    let status = unit_status(unit);
    match unit.life {
        Life::Alive => goal(status.current.as_str(), status.since),
        Life::Dying | Life::Dead => goal("dying", status.since),
    }
}

fn goal(status: &str, since: Timestamp) -> Value {
    json!({"status": status, "since": since.strftime("%Y-%m-%d %H:%M:%SZ").to_string()})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::{World, unit};

    #[test]
    fn dying_units_are_told_apart_and_endpoints_come_together() {
        let world = World::new();
        world.edit(|model| {
            model.units.get_mut("two/1").unwrap().life = Life::Dying;
            let mut third = model.applications.get("oth").unwrap().clone();
            third.name = "third".to_owned();
            model.applications.insert("third".to_owned(), third);
            let mut relation = model.relations.get(&12).unwrap().clone();
            relation.id = 13;
            relation.endpoints[1].application = "third".to_owned();
            relation.members.clear();
            model.relations.insert(13, relation);
            model.units.remove(&unit("oth/0"));
        });
        let (code, stdout, _) = world.run("goal-state --format=json");
        let goal: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(code, 0);
        assert_eq!(
            goal,
            json!({
                "units": {
                    "two/0": {"status": "active", "since": "2026-11-22 00:09:55Z"},
                    "two/1": {"status": "dying", "since": "2026-11-22 00:09:10Z"},
                },
                "relations": {"server": {
                    "oth": {"status": "joined", "since": "2026-11-22 00:09:07Z"},
                    "third": {"status": "joining", "since": "2026-11-22 00:09:07Z"},
                }},
            })
        );
    }
}
