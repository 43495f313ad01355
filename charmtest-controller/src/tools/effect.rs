//! What tools do at once: it stays, whatever becomes of the hook.

use jiff::Timestamp;

use super::resources;
use super::tool::{Effect, ToolError};
use crate::agent::HookContext;
use crate::model::changes::{self, SecretError, SecretUpdate};
use crate::model::{Hub, LogLevel, LogLine, Model, SecretId, Status, Transact, UnitName};

/// Does what a tool asked for and returns what it prints.
///
/// # Errors
///
/// Fails when the model refuses the change, and when it cannot be written to disk.
pub(super) fn apply(hub: &Hub, context: &HookContext, effect: Effect) -> Result<String, ToolError> {
    match effect {
        Effect::Log(lines) => log(hub, context, lines).map(|()| String::new()),
        Effect::FetchResource(name) => {
            let model = hub
                .model(&context.model)
                .unwrap_or_else(|| context.base.clone());
            let path = resources::fetch(&hub.data, &model, &context.unit, &name)
                .map_err(ToolError::failed)?;
            note_fetched(hub, context, &model, &name)?;
            // Without a line break: Juju prints none here.
            Ok(path.display().to_string())
        }
        Effect::KillHook => {
            context.kill.notify_one();
            Ok(String::new())
        }
        change => {
            let now = hub.now();
            let changed = hub.transact_model(&context.model, |model| {
                self::change(model, context, change, now)
            });
            changed
                .map(|()| String::new())
                .map_err(|error| match error {
                    Transact::Rejected(error) => error,
                    Transact::Store(error) => ToolError::failed(error.to_string()),
                })
        }
    }
}

/// Notes which resource the unit has now, for `juju resources`.
fn note_fetched(
    hub: &Hub,
    context: &HookContext,
    model: &Model,
    name: &str,
) -> Result<(), ToolError> {
    let unit = &context.unit;
    let row = model
        .applications
        .get(unit.application())
        .and_then(|app| app.resources.get(name));
    let known = model
        .units
        .get(unit)
        .and_then(|unit| unit.progress.resources.get(name));
    let Some(row) = row.filter(|row| known != Some(*row)) else {
        return Ok(());
    };
    let noted = hub.transact_model(&context.model, |model| {
        if let Some(unit) = model.units.get_mut(unit) {
            unit.progress.resources.insert(name.to_owned(), row.clone());
        }
        Ok::<_, ToolError>(())
    });
    noted.map_err(|error| match error {
        Transact::Rejected(error) => error,
        Transact::Store(error) => ToolError::failed(error.to_string()),
    })
}

/// Makes a change in the model.
pub(super) fn change(
    model: &mut Model,
    context: &HookContext,
    effect: Effect,
    now: Timestamp,
) -> Result<(), ToolError> {
    let unit = &context.unit;
    let leads = model.is_leader(unit);
    let gone = || ToolError::failed(format!("unit \"{unit}\" not found"));
    match effect {
        Effect::UnitStatus(status, message) => {
            let row = model.units.get_mut(unit).ok_or_else(gone)?;
            row.workload = Status::new(status, message, now);
            row.charm_set_status = true;
        }
        Effect::ApplicationStatus(status, message) => {
            if !leads {
                return Err(ToolError::failed("this unit is not the leader"));
            }
            let row = model
                .applications
                .get_mut(unit.application())
                .ok_or_else(gone)?;
            row.status = Some(Status::new(status, message, now));
        }
        Effect::WorkloadVersion(version) => {
            let same = model
                .units
                .get(unit)
                .is_some_and(|row| row.workload_version.as_deref() == Some(&version));
            let shown = model
                .applications
                .get(unit.application())
                .and_then(|row| row.workload_version.as_deref());
            if same && shown == Some(&version) {
                return Ok(());
            }
            model.units.get_mut(unit).ok_or_else(gone)?.workload_version = Some(version.clone());
            model
                .applications
                .get_mut(unit.application())
                .ok_or_else(gone)?
                .workload_version = Some(version);
        }
        Effect::LeaderSettings(settings) => {
            if !leads {
                return Err(ToolError::failed(
                    "cannot write leadership settings: cannot write settings: not the leader",
                ));
            }
            model
                .applications
                .get_mut(unit.application())
                .ok_or_else(gone)?
                .leader_settings
                .merge(&settings);
        }
        Effect::ActionLog(message) => {
            let task = context
                .action
                .as_ref()
                .map(|action| action.task)
                .unwrap_or_default();
            model
                .tasks
                .update(task, |task| task.log.push((now, message)))
                .ok_or_else(|| ToolError::failed("not running an action"))?;
        }
        Effect::TrackSecret {
            id,
            revision,
            label,
        } => track_secret(model, unit, &id, revision, label, now)
            .map_err(|error| ToolError::failed(error.to_string()))?,
        // These do not change the model, see `apply`.
        Effect::Log(_) | Effect::FetchResource(_) | Effect::KillHook => {}
    }
    Ok(())
}

/// Notes which revision of a secret a unit reads, and the label that it gave.
///
/// The label of whoever looks after the secret is the secret's own; the other units of an application that owns it have no label of
/// their own for it; that of anybody else is its private one (Juju 3.6).
fn track_secret(
    model: &mut Model,
    unit: &UnitName,
    id: &SecretId,
    revision: Option<u32>,
    label: Option<String>,
    now: Timestamp,
) -> Result<(), SecretError> {
    let leads = model.is_leader(unit);
    let secret = model.secrets.get(id);
    let manages = secret.is_some_and(|secret| secret.is_managed_by(unit, leads));
    let owns = secret.is_some_and(|secret| secret.owner.application() == Some(unit.application()));
    let new_label = label.filter(|label| secret.is_some_and(|secret| secret.label != *label));
    if manages && new_label.is_some() {
        let change = SecretUpdate {
            label: new_label.clone(),
            ..SecretUpdate::default()
        };
        changes::update_secret(model, id, change, now)?;
    }
    let own_label = new_label.filter(|_| !manages && !owns);
    changes::track_secret(model, unit, id, revision, own_label.as_deref())
}

/// Writes log lines. This is the tool that charms call most, so there is no transaction on the state.
fn log(hub: &Hub, context: &HookContext, lines: Vec<(LogLevel, String)>) -> Result<(), ToolError> {
    let at = hub.now();
    let lines = lines.into_iter().map(|(level, message)| LogLine {
        model: context.model.clone(),
        at,
        entity: context.unit.tag(),
        level,
        module: format!("unit.{}.juju-log", context.unit),
        message,
    });
    hub.log(lines)
        .map_err(|error| ToolError::failed(error.to_string()))
}
