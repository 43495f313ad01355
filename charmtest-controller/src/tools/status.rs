//! `status-get`, `status-set`, `application-version-set`.

use serde_json::{Map, Value, json};

use super::tool::{Answered, Effect, OutputKind, Scene, Tool, ToolError, at_most};
use crate::flags::{Flag, Parsed};
use crate::model::{AgentStatus, Model, Status, Unit, UnitName, Workload};

const APPLICATION: Flag = Flag::switch(
    &["application"],
    "The status of the application (leader only)",
);

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "application-version-set",
        arguments: "<version>",
        summary: "Says which version of the workload runs.",
        flags: &[],
        output: OutputKind::Plain,
        run: application_version_set,
    },
    Tool {
        name: "status-get",
        arguments: "",
        summary: "Shows the status of the unit or the application.",
        flags: &[
            APPLICATION,
            Flag::switch(&["include-data"], "Show message and data too"),
        ],
        output: OutputKind::Smart,
        run: status_get,
    },
    Tool {
        name: "status-set",
        arguments: "<status> [<message>]",
        summary: "Sets the status of the unit or the application, at once.",
        flags: &[APPLICATION],
        output: OutputKind::Plain,
        run: status_set,
    },
];

fn application_version_set(_: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let version = parsed
        .positionals
        .first()
        .ok_or_else(|| ToolError::usage("no version specified"))?;
    at_most(parsed, 1)?;
    Ok(Answered::after(Effect::WorkloadVersion(version.clone())))
}

fn status_set(_: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let Some(word) = parsed.positionals.first() else {
        return Err(ToolError::usage("invalid args, require <status> [message]"));
    };
    let settable = [
        Workload::Maintenance,
        Workload::Blocked,
        Workload::Waiting,
        Workload::Active,
    ];
    let Some(status) = settable.into_iter().find(|status| status.as_str() == word) else {
        let words = settable.map(Workload::as_str).join(" ");
        return Err(ToolError::usage(format!(
            "invalid status {word:?}, expected one of [{words}]"
        )));
    };
    at_most(parsed, 2)?;
    let message = parsed.positionals.get(1).cloned().unwrap_or_default();
    Ok(Answered::after(match parsed.switch("application") {
        true => Effect::ApplicationStatus(status, message),
        false => Effect::UnitStatus(status, message),
    }))
}

fn status_get(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    at_most(parsed, 0)?;
    let include_data = parsed.switch("include-data");
    let bare = !include_data && matches!(parsed.text("format"), None | Some("smart"));
    if parsed.switch("application") {
        if !scene.is_leader() {
            return Err(ToolError::failed(
                "finding application status: this unit is not the leader",
            ));
        }
        let application = scene.context.unit.application();
        let status = application_status(scene.model, application);
        if bare {
            return Ok(Answered::value(
                status.map_or(Workload::Unknown.as_str(), |status| status.current.as_str()),
            ));
        }
        let mut shown = shown(status.as_ref(), include_data);
        let units = scene.model.units_of(application).map(|unit| {
            (
                unit.name.to_string(),
                Value::Object(self::shown(Some(&unit_status(unit)), include_data)),
            )
        });
        shown.insert("units".to_owned(), Value::Object(units.collect()));
        return Ok(Answered::value(json!({"application-status": shown})));
    }
    let status = own_status(scene)?;
    Ok(match bare {
        true => Answered::value(status.current.as_str()),
        false => Answered::value(shown(Some(&status), include_data)),
    })
}

/// Returns the unit's status; asked again in the same hook, the answer is the same.
fn own_status(scene: &mut Scene<'_>) -> Result<Status<Workload>, ToolError> {
    if let Some(status) = &scene.context.status_seen {
        return Ok(status.clone());
    }
    let unit: &UnitName = &scene.context.unit;
    let row = scene
        .model
        .units
        .get(unit)
        .ok_or_else(|| ToolError::failed(format!("unit \"{unit}\" not found")))?;
    let status = unit_status(row);
    scene.context.status_seen = Some(status.clone());
    Ok(status)
}

/// Returns the workload status as others see it: `error` while a failed hook waits.
pub(super) fn unit_status(unit: &Unit) -> Status<Workload> {
    match unit.agent.current {
        AgentStatus::Error => {
            let mut status = Status::new(
                Workload::Error,
                unit.agent.message.clone(),
                unit.agent.since,
            );
            status.data.clone_from(&unit.agent.data);
            status
        }
        _ => unit.workload.clone(),
    }
}

/// Returns what the leader set, or else the worst status of the units (Juju 3.6); `None` without units.
fn application_status(model: &Model, application: &str) -> Option<Status<Workload>> {
    let set = model
        .applications
        .get(application)
        .and_then(|application| application.status.clone());
    set.or_else(|| {
        let worst = |worst: Status<Workload>, next: Status<Workload>| match next.current.severity()
            > worst.current.severity()
        {
            true => next,
            false => worst,
        };
        model.units_of(application).map(unit_status).reduce(worst)
    })
}

fn shown(status: Option<&Status<Workload>>, include_data: bool) -> Map<String, Value> {
    let mut shown = Map::new();
    let current = status.map_or(Workload::Unknown, |status| status.current);
    shown.insert("status".to_owned(), json!(current.as_str()));
    if include_data {
        shown.insert(
            "message".to_owned(),
            json!(
                status
                    .map(|status| status.message.as_str())
                    .unwrap_or_default()
            ),
        );
        let data = status.map(|status| status.data.clone()).unwrap_or_default();
        shown.insert("status-data".to_owned(), Value::Object(data));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Hook;
    use crate::model::StatusKind;
    use crate::tools::testing::World;

    #[test]
    fn a_status_is_set_at_once_and_read_again_in_the_next_hook() {
        let mut world = World::new();
        world.edit(|model| model.units.get_mut("two/0").unwrap().charm_set_status = false);
        world.check(&[
            ("status-get", 0, "active\n", ""),
            (
                "status-set --application=False blocked -- '-no db'",
                0,
                "",
                "",
            ),
            ("status-get", 0, "active\n", ""),
        ]);
        let model = world.model();
        let unit = model.units.get("two/0").unwrap();
        assert_eq!(
            (
                unit.workload.current,
                unit.workload.message.as_str(),
                unit.charm_set_status
            ),
            (Workload::Blocked, "-no db", true)
        );
        world.enter("two/0", Some(Hook::UpdateStatus), None);
        world.check(&[(
            "status-get --include-data --format=json",
            0,
            "{\"message\":\"-no db\",\"status\":\"blocked\",\"status-data\":{}}\n",
            "",
        )]);
    }

    #[test]
    fn an_application_has_its_own_status_or_that_of_its_worst_unit() {
        let world = World::new();
        world.check(&[("status-get --application", 0, "active\n", "")]);
        world.edit(|model| {
            let unit = model.units.get_mut("two/1").unwrap();
            unit.agent = Status::new(
                AgentStatus::Error,
                "hook failed: \"start\"",
                unit.agent.since,
            );
        });
        world.check(&[
            ("status-get --application", 0, "error\n", ""),
            ("status-set --application waiting soon", 0, "", ""),
            (
                "status-get --application --include-data",
                0,
                "application-status:\n  message: soon\n  status: waiting\n  status-data: {}\n  units:\n    two/0:\n      message: ready\n      status: active\n      status-data: {}\n    two/1:\n      message: 'hook failed: \"start\"'\n      status: error\n      status-data: {}\n",
                "",
            ),
        ]);
    }

    #[test]
    fn saying_the_same_again_is_no_news_for_the_history() {
        let world = World::new();
        for line in [
            "status-set waiting soon",
            "status-set waiting soon",
            "status-set waiting later",
        ] {
            assert_eq!(world.run(line).0, 0);
        }
        let uuid = world.model().info.uuid.clone();
        let history = world
            .hub
            .read_history(&uuid, "two/0", &[StatusKind::Workload], 3)
            .unwrap();
        let messages: Vec<_> = history
            .iter()
            .map(|record| record.message.as_str())
            .collect();
        assert_eq!(messages, ["ready", "soon", "later"]);
    }

    #[test]
    fn any_unit_sets_the_workload_version() {
        let mut world = World::new();
        world.enter("two/1", None, None);
        world.check(&[("application-version-set -- -1.2", 0, "", "")]);
        let model = world.model();
        assert_eq!(
            model
                .applications
                .get("two")
                .unwrap()
                .workload_version
                .as_deref(),
            Some("-1.2")
        );
        assert_eq!(
            model
                .units
                .get("two/1")
                .unwrap()
                .workload_version
                .as_deref(),
            Some("-1.2")
        );
    }
}
