//! `relation-ids`, `relation-list`, `relation-get`, `relation-model-get`.
//!
//! Everything is read from the model as it was when the hook began, so a unit keeps seeing the same data for the whole hook. Juju
//! also keeps data of joined members between hooks until their `-changed`; here a hook always begins with what was committed by
//! then, which the contract allows ("may keep seeing older data").

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::tool::{
    Answered, OutputKind, RELATION, Scene, Tool, ToolError, at_most, knows_relation, optional_key,
};
use crate::JujuVersion;
use crate::agent::{HookContext, RelationEvent};
use crate::flags::{Flag, Parsed};
use crate::model::{Relation, RelationId, UnitName, application_name};

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "relation-get",
        arguments: "<key> <unit>",
        summary: "Reads relation data of a unit or an application.",
        flags: &[
            RELATION,
            Flag::switch(&["app"], "Read the data of the application, not of a unit"),
        ],
        output: OutputKind::Smart,
        run: relation_get,
    },
    Tool {
        name: "relation-ids",
        arguments: "<endpoint>",
        summary: "Lists the ids of an endpoint's relations.",
        flags: &[],
        output: OutputKind::Smart,
        run: relation_ids,
    },
    Tool {
        name: "relation-list",
        arguments: "",
        summary: "Lists the units on the other side of a relation.",
        flags: &[
            RELATION,
            Flag::switch(&["app"], "Show the application, not its units"),
        ],
        output: OutputKind::Smart,
        run: relation_list,
    },
    Tool {
        name: "relation-model-get",
        arguments: "",
        summary: "Shows the model of the application on the other side of a relation.",
        flags: &[RELATION],
        output: OutputKind::Smart,
        run: relation_model_get,
    },
];

fn relation_ids(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let context = &*scene.context;
    let hook = context.relation();
    let endpoint = match (parsed.positionals.first(), hook) {
        (Some(endpoint), _) => endpoint.as_str(),
        (None, Some(hook)) => &hook.endpoint,
        (None, None) => return Err(ToolError::usage("no endpoint name specified")),
    };
    at_most(parsed, 1)?;
    let application = context.unit.application();
    // 4.0 goes on listing the relation (recorded 4.0.15).
    let hides = scene.model.info.juju == JujuVersion::V3_6;
    let broken = hook
        .filter(|hook| hides && hook.event == RelationEvent::Broken)
        .map(|hook| hook.relation);
    let ids: BTreeSet<String> = context
        .base
        .relations_of(application)
        .filter(|relation| {
            relation
                .endpoint_of(application)
                .is_some_and(|own| own.name == endpoint)
        })
        .filter(|relation| knows_relation(context, relation.id) && broken != Some(relation.id))
        .map(|relation| format!("{endpoint}:{}", relation.id))
        .collect();
    Ok(Answered::value(ids.into_iter().collect::<Vec<String>>()))
}

fn relation_list(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let id = scene.require_relation(parsed)?;
    at_most(parsed, 0)?;
    let context = &*scene.context;
    if parsed.switch("app") {
        let remote = context
            .base
            .relations
            .get(&id)
            .and_then(|relation| relation.remote_of(context.unit.application()));
        return Ok(Answered::value(
            remote.map(|endpoint| endpoint.application.clone()),
        ));
    }
    Ok(Answered::value(
        members(context, id).into_iter().collect::<Vec<String>>(),
    ))
}

/// Returns the remote units whose `-joined` has run, with the one that joins now and without the one that departs now.
fn members(context: &HookContext, id: RelationId) -> BTreeSet<String> {
    let progress = context
        .base
        .units
        .get(&context.unit)
        .and_then(|unit| unit.progress.relations.get(&id));
    let joined = progress
        .into_iter()
        .flat_map(|progress| progress.members.keys());
    let mut members: BTreeSet<String> = joined.map(ToString::to_string).collect();
    let Some(hook) = context.relation().filter(|hook| hook.relation == id) else {
        return members;
    };
    match (hook.event, &hook.remote_unit) {
        (RelationEvent::Joined, Some(unit)) => {
            members.insert(unit.to_string());
        }
        (RelationEvent::Departed, Some(unit)) => {
            members.remove(unit.as_str());
        }
        (RelationEvent::Broken, _) => members.clear(),
        _ => {}
    }
    members
}

fn relation_model_get(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let id = scene.require_relation(parsed)?;
    at_most(parsed, 0)?;
    let relation = scene.context.base.relations.get(&id);
    let cross = relation.and_then(|relation| relation.cross_model.as_ref());
    let model = cross.map_or(&scene.context.model, |cross| &cross.model);
    Ok(Answered::value(json!({"uuid": model.0})))
}

/// Whose databag is read.
enum Target {
    Unit(UnitName),
    Application(String),
}

fn relation_get(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let id = scene.require_relation(parsed)?;
    let key = optional_key(parsed.positionals.first());
    let named = parsed.positionals.get(1).map(String::as_str);
    let target = target(scene.context, named, parsed.switch("app"))?;
    at_most(parsed, 2)?;
    let relation = scene.context.base.relations.get(&id);
    let relation = relation.ok_or_else(|| ToolError::failed("relation not found"))?;
    let bag = match target {
        Target::Unit(unit) => unit_bag(scene.context, relation, &unit),
        Target::Application(application) => application_bag(scene, relation, &application),
    }?;
    Ok(Answered::value(match key {
        Some(key) => bag.get(key).map_or(Value::Null, |value| json!(value)),
        None => json!(bag),
    }))
}

/// Decides whose data is meant: what is named wins, then the hook's remote unit, then its remote application.
fn target(
    context: &HookContext,
    named: Option<&str>,
    of_application: bool,
) -> Result<Target, ToolError> {
    let Some(named) = named.filter(|named| !named.is_empty()) else {
        let hook = context.relation();
        let unit = hook
            .and_then(|hook| hook.remote_unit.clone())
            .filter(|_| !of_application);
        let application = || hook.map(|hook| hook.remote_application.clone());
        return unit
            .map(Target::Unit)
            .or_else(|| application().map(Target::Application))
            .ok_or_else(|| ToolError::usage("no unit or application specified"));
    };
    match (UnitName::parse(named), of_application) {
        (Ok(unit), true) => Ok(Target::Application(unit.application().to_owned())),
        (Ok(unit), false) => Ok(Target::Unit(unit)),
        (Err(_), true) if application_name(named).is_ok() => {
            Ok(Target::Application(named.to_owned()))
        }
        (Err(_), true) => Err(ToolError::usage(format!(
            "invalid application name {named:?}"
        ))),
        (Err(_), false) if application_name(named).is_ok() => Err(ToolError::usage(format!(
            "expected unit name, got application name {named:?}"
        ))),
        (Err(_), false) => Err(ToolError::usage(format!("invalid unit name {named:?}"))),
    }
}

fn unit_bag(
    context: &HookContext,
    relation: &Relation,
    unit: &UnitName,
) -> Result<BTreeMap<String, String>, ToolError> {
    let own = *unit == context.unit;
    let bag = match relation.members.get(unit) {
        Some(member) => member.bag.data.clone(),
        None if own => BTreeMap::new(),
        None => return Err(ToolError::failed("relation unit not found")),
    };
    match context
        .pending
        .unit_settings
        .get(&relation.id)
        .filter(|_| own)
    {
        Some(pending) => Ok(with_pending(bag, pending)),
        None => Ok(bag),
    }
}

fn application_bag(
    scene: &Scene<'_>,
    relation: &Relation,
    application: &str,
) -> Result<BTreeMap<String, String>, ToolError> {
    if relation.endpoint_of(application).is_none() {
        return Err(ToolError::failed(format!(
            "getting application {application:?} not found"
        )));
    }
    let own = application == scene.context.unit.application();
    // Juju 3.6: between applications, only the leader reads what it tells the other side. 4.0 dropped that check.
    let guarded = scene.model.info.juju == JujuVersion::V3_6;
    if guarded && own && !relation.is_peer() && !scene.is_leader() {
        return Err(ToolError::failed("permission denied"));
    }
    let bag = relation
        .applications
        .get(application)
        .map(|bag| bag.data.clone())
        .unwrap_or_default();
    match scene
        .context
        .pending
        .app_settings
        .get(&relation.id)
        .filter(|_| own)
    {
        Some(pending) => Ok(with_pending(bag, pending)),
        None => Ok(bag),
    }
}

fn with_pending(
    mut bag: BTreeMap<String, String>,
    pending: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    for (key, value) in pending {
        match value.as_str() {
            "" => bag.remove(key),
            _ => bag.insert(key.clone(), value.clone()),
        };
    }
    bag
}

#[cfg(test)]
mod tests {
    use crate::JujuVersion;
    use crate::agent::RelationEvent;
    use crate::model::{Life, Member};
    use crate::tools::testing::{World, unit};

    const OTH: &str = r#"{"egress-subnets":"10.200.0.5/32","from":"oth/0","ingress-address":"10.200.0.5","seen-two-0":"yes","seen-two-1":"yes"}"#;

    #[test]
    fn a_relation_hook_gives_relation_and_remote() {
        let mut world = World::new();
        let oth = format!("{OTH}\n");
        world.enter_relation(RelationEvent::Changed, Some("oth/0"));
        world.check(&[
            ("relation-ids", 0, "server:12\n", ""),
            ("relation-ids ring", 0, "ring:10\n", ""),
            ("relation-list", 0, "oth/0\n", ""),
            ("relation-list --app", 0, "oth\n", ""),
            ("relation-list -r ring:10 --app", 0, "two\n", ""),
            ("relation-get --format=json", 0, &oth, ""),
            ("relation-get --format=json -", 0, &oth, ""),
            ("relation-get from", 0, "oth/0\n", ""),
            (
                "relation-get --app --format=json",
                0,
                "{\"app-from\":\"oth\"}\n",
                "",
            ),
            ("relation-get from two/0", 0, "two/0\n", ""),
            ("relation-get -r ring:10 from two/1", 0, "two/1\n", ""),
            (
                "relation-model-get --format=json",
                0,
                "{\"uuid\":\"f9b1fe93-c6b4-4956-8442-f3344fac642a\"}\n",
                "",
            ),
            (
                "relation-list --relation 99",
                2,
                "",
                "ERROR invalid value \"99\" for option --relation: relation not found\n",
            ),
            (
                "relation-get --app - 'bad app'",
                2,
                "",
                "ERROR invalid application name \"bad app\"\n",
            ),
        ]);
        world.enter_relation(RelationEvent::Created, None);
        world.check(&[(
            "relation-get --format=json",
            0,
            "{\"app-from\":\"oth\"}\n",
            "",
        )]);
    }

    #[test]
    fn the_list_has_who_joined_and_who_joins_but_not_who_departs() {
        let mut world = World::new();
        let later = unit("oth/1");
        world.edit(|model| {
            let relation = model.relations.get_mut(&12).unwrap();
            relation.members.insert(
                later.clone(),
                Member {
                    in_scope: true,
                    ..Member::default()
                },
            );
        });
        world.enter_relation(RelationEvent::Changed, Some("oth/0"));
        world.check(&[
            ("relation-list", 0, "oth/0\n", ""),
            ("relation-get - oth/1", 0, "{}\n", ""),
        ]);
        world.enter_relation(RelationEvent::Joined, Some("oth/1"));
        world.check(&[(
            "relation-list --format=json",
            0,
            "[\"oth/0\",\"oth/1\"]\n",
            "",
        )]);
        world.enter_relation(RelationEvent::Departed, Some("oth/0"));
        world.check(&[
            ("relation-list --format=json", 0, "[]\n", ""),
            ("relation-get from oth/0", 0, "oth/0\n", ""),
        ]);
    }

    #[test]
    fn in_broken_the_relation_is_readable_and_listed_in_4_0_only() {
        for (juju, listed) in [(JujuVersion::V3_6, ""), (JujuVersion::V4_0, "server:12\n")] {
            let mut world = World::of(juju);
            world.edit(|model| model.relations.get_mut(&12).unwrap().life = Life::Dying);
            world.enter_relation(RelationEvent::Broken, None);
            world.check(&[
                ("relation-ids server", 0, listed, ""),
                ("relation-list", 0, "", ""),
                ("relation-list --app", 0, "oth\n", ""),
                ("relation-get from oth/0", 0, "oth/0\n", ""),
                ("relation-get app-from oth --app", 0, "oth\n", ""),
                ("relation-set k=v", 0, "", ""),
                ("relation-get k two/0", 0, "v\n", ""),
            ]);
        }
    }

    #[test]
    fn a_relation_that_the_unit_has_not_entered_or_has_left_is_unknown() {
        let mut world = World::new();
        world.edit(|model| {
            model
                .relations
                .get_mut(&12)
                .unwrap()
                .members
                .get_mut("two/0")
                .unwrap()
                .in_scope = false;
            model
                .relations
                .get_mut(&10)
                .unwrap()
                .members
                .remove("two/0");
        });
        world.enter("two/0", None, None);
        world.check(&[
            ("relation-ids server --format=json", 0, "[]\n", ""),
            ("relation-ids ring --format=json", 0, "[]\n", ""),
            (
                "relation-list -r 12",
                2,
                "",
                "ERROR invalid value \"12\" for option -r: relation not found\n",
            ),
        ]);
    }

    #[test]
    fn what_others_write_during_the_hook_is_seen_in_the_next_one() {
        let mut world = World::new();
        world.enter_relation(RelationEvent::Changed, Some("oth/0"));
        world.edit(|model| {
            let relation = model.relations.get_mut(&12).unwrap();
            relation
                .members
                .get_mut("oth/0")
                .unwrap()
                .bag
                .data
                .insert("from".to_owned(), "later".to_owned());
        });
        world.check(&[("relation-get from", 0, "oth/0\n", "")]);
        world.enter_relation(RelationEvent::Changed, Some("oth/0"));
        world.check(&[("relation-get from", 0, "later\n", "")]);
    }

    #[test]
    fn ids_are_sorted_as_text() {
        let mut world = World::new();
        world.edit(|model| {
            let relation = model.relations.get(&12).unwrap().clone();
            for id in [2, 100] {
                model.relations.insert(
                    id,
                    crate::model::Relation {
                        id,
                        ..relation.clone()
                    },
                );
            }
        });
        world.enter("two/0", None, None);
        world.check(&[(
            "relation-ids server",
            0,
            "server:100\nserver:12\nserver:2\n",
            "",
        )]);
    }

    #[test]
    fn who_may_read_which_databag() {
        let mut world = World::new();
        let denied = "ERROR permission denied\n";
        world.enter("two/0", None, None);
        world.check(&[
            ("relation-get -r 12 app-from two --app", 0, "two\n", ""),
            ("relation-get -r 12 from two/1", 0, "two/1\n", ""),
            ("relation-get -r 12 app-from oth --app", 0, "oth\n", ""),
        ]);
        world.enter("two/1", None, None);
        world.check(&[
            ("relation-get -r 12 app-from two --app", 1, "", denied),
            ("relation-get -r 12 app-from two/0 --app", 1, "", denied),
            ("relation-get -r 12 from two/0", 0, "two/0\n", ""),
            ("relation-get -r 12 app-from oth --app", 0, "oth\n", ""),
            ("relation-get -r 10 app-from two --app", 0, "two\n", ""),
        ]);
    }

    #[test]
    fn minions_read_what_their_leader_tells_in_4_0() {
        let mut world = World::of(JujuVersion::V4_0);
        world.enter("two/1", None, None);
        world.check(&[
            ("relation-get -r 12 app-from two --app", 0, "two\n", ""),
            ("relation-get -r 12 app-from two/0 --app", 0, "two\n", ""),
        ]);
    }
}
