//! Operations and tasks: actions and commands on units.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::ChangeError;
use super::schema::check_params;
use crate::JujuVersion;
use crate::model::{
    Life, Model, NameError, Operation, Task, TaskId, TaskReceiver, TaskStatus, UnitName,
    application_name,
};

/// Who is to run an action: a unit, whoever leads an application, or for commands a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    /// This unit.
    Unit(UnitName),
    /// The leader of this application, `app/leader`.
    Leader(String),
    /// The machine with this id.
    Machine(String),
}

impl Receiver {
    /// Parses `app/0` or `app/leader`.
    ///
    /// # Errors
    ///
    /// Fails with Juju's words when the text is neither.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match text.strip_suffix("/leader") {
            Some(application) if application_name(application).is_ok() => {
                Ok(Self::Leader(application.to_owned()))
            }
            _ => UnitName::parse(text).map(Self::Unit),
        }
    }

    /// Returns the name of the application; a machine has none.
    pub fn application(&self) -> Option<&str> {
        match self {
            Self::Unit(unit) => Some(unit.application()),
            Self::Leader(application) => Some(application),
            Self::Machine(_) => None,
        }
    }

    /// Finds the unit or the machine.
    ///
    /// # Errors
    ///
    /// Fails with the reason that Juju 3.6 gives for a task that cannot be scheduled.
    fn find(&self, model: &Model) -> Result<TaskReceiver, String> {
        match self {
            Self::Machine(id) if model.machines.contains(id) => {
                Ok(TaskReceiver::Machine(id.clone()))
            }
            Self::Machine(id) => Err(match model.info.juju {
                JujuVersion::V3_6 => format!("\"machine-{}\" not found", id.replace('/', "-")),
                JujuVersion::V4_0 => {
                    format!("getting machine UUID for {id:?}: machine {id:?} not found")
                }
            }),
            Self::Unit(unit) if model.units.contains(unit) => Ok(unit.clone().into()),
            Self::Unit(unit) => Err(match model.info.juju {
                JujuVersion::V3_6 => format!("{:?} not found", unit.tag()),
                JujuVersion::V4_0 => format!(
                    "linking task to unit: getting unit UUID for {0:?}: unit {0:?} not found",
                    unit.as_str()
                ),
            }),
            Self::Leader(application) => {
                let leader = model
                    .applications
                    .get(application)
                    .and_then(|row| row.leader.clone());
                leader
                    .map(TaskReceiver::Unit)
                    .ok_or_else(|| format!("could not determine leader for {application:?}"))
            }
        }
    }
}

/// A task to be.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTask {
    /// Who runs it.
    pub receiver: TaskReceiver,
    /// The parameters, defaults inserted.
    pub params: Map<String, Value>,
}

/// What was queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The operation.
    pub operation: TaskId,
    /// Its tasks.
    pub tasks: Vec<(TaskId, TaskReceiver)>,
}

/// What became of a request to cancel a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It had not begun and never will.
    Cancelled,
    /// It runs, and was asked to stop.
    Aborting,
    /// It had ended.
    TooLate,
}

/// Decides what `juju run` can schedule (Juju 3.6): the tasks, and for every receiver that gets none, why.
pub fn plan_action(
    model: &Model,
    receivers: &[Receiver],
    action: &str,
    params: &Map<String, Value>,
) -> (Vec<NewTask>, Vec<String>) {
    plan(model, receivers, |receiver| {
        let unit = receiver
            .unit()
            .ok_or_else(|| format!("{} runs no actions", receiver.describe()))?;
        let charm = model.charm_of(unit.application()).map(|row| &row.charm);
        let declared = charm.and_then(|charm| charm.actions.0.get(action));
        let declared = declared
            .ok_or_else(|| format!("action {action:?} not defined on unit {:?}", unit.as_str()))?;
        // Juju 4.0 leaves that to the unit, see `params_at_unit`.
        if model.info.juju == JujuVersion::V4_0 {
            return Ok(params.clone());
        }
        check_params(action, &declared.schema, params, model.info.juju)
            .map_err(|error| error.to_string())
    })
}

/// Returns the parameters with which a unit runs a task: as they were queued, and in Juju 4.0, where nobody has looked at them before,
/// checked and with the defaults inserted.
///
/// # Errors
///
/// Fails with the message of a task that cannot be run (Juju 4.0): `cannot run "say" action: validation failed: ...`.
pub fn params_at_unit(model: &Model, task: &Task) -> Result<Map<String, Value>, String> {
    let unit = task.receiver.unit();
    let charm = unit
        .and_then(|unit| model.charm_of(unit.application()))
        .map(|row| &row.charm);
    let declared = charm.and_then(|charm| charm.actions.0.get(&task.action));
    match declared {
        Some(declared) if model.info.juju == JujuVersion::V4_0 => check_params(
            &task.action,
            &declared.schema,
            &task.params,
            model.info.juju,
        )
        .map_err(|error| format!("cannot run {:?} action: {error}", task.action)),
        _ => Ok(task.params.clone()),
    }
}

/// Says why no task of an action can be queued at all: in Juju 4.0 a leader or an application that is not there, and an action that one
/// of the units does not have, fail the command (recorded).
pub fn refused_action(model: &Model, receivers: &[Receiver], action: &str) -> Option<String> {
    if model.info.juju != JujuVersion::V4_0 {
        return None;
    }
    let leaderless = receivers.iter().find_map(|receiver| match receiver {
        Receiver::Leader(application) => receiver.find(model).err().map(|_| application),
        _ => None,
    });
    if let Some(name) = leaderless {
        return Some(format!(
            "getting leader unit for {name}: application {name:?} not found in leases (not found)"
        ));
    }
    let stranger = receivers
        .iter()
        .filter_map(Receiver::application)
        .find(|name| !model.applications.contains(*name));
    if let Some(name) = stranger {
        return Some(format!(
            "adding action operation: adding action operation: getting charm UUID for application {name:?}: application {name:?} not found"
        ));
    }
    receivers.iter().find_map(|receiver| {
        let receiver = receiver.find(model).ok()?;
        let unit = receiver.unit()?;
        let charm = &model.charm_of(unit.application())?.charm;
        (!charm.actions.0.contains_key(action)).then(|| {
            format!(
                "action {action:?} not defined for unit {:?}. (not found)",
                unit.as_str()
            )
        })
    })
}

/// Decides what `juju exec` can schedule: the tasks, and for every receiver that gets none, why.
pub fn plan_exec(
    model: &Model,
    receivers: &[Receiver],
    command: &str,
    timeout: std::time::Duration,
) -> (Vec<NewTask>, Vec<String>) {
    let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    let params: Map<String, Value> = [
        ("command".to_owned(), Value::from(command)),
        ("timeout".to_owned(), Value::from(nanos)),
    ]
    .into_iter()
    .collect();
    plan(model, receivers, |_| Ok(params.clone()))
}

/// Queues an operation with its tasks; both draw their numbers from one counter (Juju 3.6: the first operation is 1, its task 2).
///
/// An operation without tasks is queued too: it keeps the reasons in `fail`.
pub fn queue_operation(
    model: &mut Model,
    summary: String,
    action: &str,
    tasks: Vec<NewTask>,
    fail: &[String],
    now: Timestamp,
) -> Queued {
    let operation = next_id(model);
    let mut queued = Queued {
        operation,
        tasks: Vec::new(),
    };
    for new in tasks {
        let id = next_id(model);
        queued.tasks.push((id, new.receiver.clone()));
        let task = Task {
            id,
            operation,
            receiver: new.receiver,
            action: action.to_owned(),
            params: new.params,
            status: TaskStatus::Pending,
            message: String::new(),
            results: Map::new(),
            log: Vec::new(),
            enqueued: now,
            started: None,
            completed: None,
        };
        model.tasks.insert(task);
    }
    let tasks = queued.tasks.iter().map(|(id, _)| *id).collect();
    model.operations.insert(
        operation,
        Operation {
            id: operation,
            summary,
            tasks,
            fail: fail.join("\n"),
            enqueued: now,
        },
    );
    queued
}

/// Cancels a task that has not begun; asks one that runs to stop (Juju 3.6, `juju cancel-task`).
///
/// # Errors
///
/// Fails when there is no such task.
pub fn cancel_task(
    model: &mut Model,
    id: TaskId,
    now: Timestamp,
) -> Result<Cancelled, ChangeError> {
    let status = model
        .tasks
        .get(&id)
        .ok_or(ChangeError::TaskNotFound(id))?
        .status;
    if status.is_final() {
        return Ok(Cancelled::TooLate);
    }
    let cancelled = model.tasks.update(id, |task| {
        if status == TaskStatus::Pending {
            task.status = TaskStatus::Cancelled;
            task.message = "action cancelled via the API".to_owned();
            task.completed = Some(now);
            return Cancelled::Cancelled;
        }
        task.status = TaskStatus::Aborting;
        Cancelled::Aborting
    });
    cancelled.ok_or(ChangeError::TaskNotFound(id))
}

fn plan(
    model: &Model,
    receivers: &[Receiver],
    params: impl Fn(&TaskReceiver) -> Result<Map<String, Value>, String>,
) -> (Vec<NewTask>, Vec<String>) {
    let mut tasks = Vec::new();
    let mut reasons = Vec::new();
    for receiver in receivers {
        let outcome = receiver.find(model).and_then(|receiver| {
            let row = receiver.unit().and_then(|unit| model.units.get(unit));
            if let Some(row) = row.filter(|row| row.life == Life::Dead) {
                return Err(format!("unit {:?} is dead", row.name.as_str()));
            }
            let params = params(&receiver)?;
            Ok(NewTask { receiver, params })
        });
        match outcome {
            Ok(task) => tasks.push(task),
            Err(reason) => reasons.push(reason),
        }
    }
    (tasks, reasons)
}

fn next_id(model: &mut Model) -> TaskId {
    let info = model.info_mut();
    let id = info.next_task;
    info.next_task += 1;
    id
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{deployed, full_charm, model};
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn app() -> Model {
        let mut model = model();
        let charm = full_charm(
            "a",
            "",
            "options: {}",
            "say: {params: {times: {type: integer, default: 1}}}",
        );
        deployed(&mut model, "a", charm, 2);
        model
    }

    fn receivers(texts: &[&str]) -> Vec<Receiver> {
        texts
            .iter()
            .map(|text| Receiver::parse(text).unwrap())
            .collect()
    }

    #[test]
    fn one_counter_for_operations_and_tasks() {
        let mut model = app();
        let (tasks, reasons) = plan_action(&model, &receivers(&["a/0", "a/1"]), "say", &Map::new());
        assert_eq!(
            (tasks[0].params.clone(), reasons),
            (json!({"times": 1}).as_object().unwrap().clone(), Vec::new())
        );
        let first = queue_operation(
            &mut model,
            "action \"say\"".to_owned(),
            "say",
            tasks.clone(),
            &[],
            NOW,
        );
        assert_eq!(
            first,
            Queued {
                operation: 1,
                tasks: vec![
                    (2, UnitName::new("a", 0).into()),
                    (3, UnitName::new("a", 1).into())
                ]
            }
        );
        let second = queue_operation(&mut model, String::new(), "say", tasks, &[], NOW);
        assert_eq!(second.operation, 4);
        assert_eq!(model.operations.get(&1).unwrap().tasks, [2, 3]);
        assert_eq!(model.tasks.get(&3).unwrap().status, TaskStatus::Pending);
    }

    #[test]
    fn what_cannot_be_scheduled_says_why() {
        let mut model = app();
        let none = Map::new();
        let reasons = |model: &Model, who: &[&str], action: &str, params: &Map<String, Value>| {
            plan_action(model, &receivers(who), action, params).1
        };
        assert_eq!(
            reasons(&model, &["a/9", "b/0"], "say", &none),
            ["\"unit-a-9\" not found", "\"unit-b-0\" not found"]
        );
        assert_eq!(
            reasons(&model, &["a/0"], "nosuch", &none),
            ["action \"nosuch\" not defined on unit \"a/0\""]
        );
        assert_eq!(
            reasons(&model, &["a/leader"], "say", &none),
            ["could not determine leader for \"a\""]
        );
        let bad = json!({"times": "x"});
        assert_eq!(
            reasons(&model, &["a/0"], "say", bad.as_object().unwrap()),
            ["validation failed: (root).times : must be of type integer, given \"x\""]
        );
        model.applications.get_mut("a").unwrap().leader = Some(UnitName::new("a", 1));
        let (tasks, reasons) = plan_action(&model, &receivers(&["a/leader", "a/7"]), "say", &none);
        assert_eq!(
            (tasks[0].receiver.to_string().as_str(), reasons.len()),
            ("a/1", 1)
        );
    }

    #[test]
    fn parameters_are_checked_by_the_controller_in_3_6_and_by_the_unit_in_4_0() {
        let bad = json!({"times": "x"});
        let bad = bad.as_object().unwrap();
        let why = "validation failed: (root).times : must be of type integer, given \"x\"";
        let mut model = app();
        assert_eq!(
            plan_action(&model, &receivers(&["a/0"]), "say", bad).1,
            [why]
        );

        model.info_mut().juju = JujuVersion::V4_0;
        let at_unit = |model: &mut Model, params: &Map<String, Value>| {
            let (tasks, reasons) = plan_action(model, &receivers(&["a/0"]), "say", params);
            assert!(reasons.is_empty(), "{reasons:?}");
            let queued = queue_operation(model, String::new(), "say", tasks, &[], NOW);
            params_at_unit(model, model.tasks.get(&queued.tasks[0].0).unwrap())
        };
        assert_eq!(
            at_unit(&mut model, bad),
            Err(format!("cannot run \"say\" action: {why}"))
        );
        let params = at_unit(&mut model, &Map::new()).unwrap();
        assert_eq!(Value::from(params), json!({"times": 1}));
    }

    #[test]
    fn what_fails_a_run_in_4_0() {
        let mut model = app();
        let why = |model: &Model, who: &[&str], action: &str| {
            refused_action(model, &receivers(who), action)
        };
        for who in [["a/0"], ["b/0"], ["b/leader"]] {
            assert_eq!(why(&model, &who, "nosuch"), None, "3.6 makes an operation");
        }
        model.info_mut().juju = JujuVersion::V4_0;
        for (who, action, expected) in [
            (&["a/0", "a/9"][..], "say", None),
            (
                &["a/0"],
                "nosuch",
                Some("action \"nosuch\" not defined for unit \"a/0\". (not found)"),
            ),
            (
                &["b/0"],
                "say",
                Some(
                    "adding action operation: adding action operation: getting charm UUID for application \"b\": application \"b\" not found",
                ),
            ),
            (
                &["b/leader"],
                "say",
                Some(
                    "getting leader unit for b: application \"b\" not found in leases (not found)",
                ),
            ),
        ] {
            assert_eq!(
                why(&model, who, action).as_deref(),
                expected,
                "{who:?} {action}"
            );
        }
    }

    #[test]
    fn cancelling() {
        let mut model = app();
        let (tasks, _) = plan_exec(
            &model,
            &receivers(&["a/0", "a/1"]),
            "true",
            std::time::Duration::from_secs(300),
        );
        assert_eq!(
            tasks[0].params,
            json!({"command": "true", "timeout": 300_000_000_000_u64})
                .as_object()
                .unwrap()
                .clone()
        );
        queue_operation(&mut model, String::new(), Task::EXEC, tasks, &[], NOW);
        model
            .tasks
            .update(3, |task| task.status = TaskStatus::Running)
            .unwrap();
        assert_eq!(cancel_task(&mut model, 2, NOW), Ok(Cancelled::Cancelled));
        assert_eq!(cancel_task(&mut model, 2, NOW), Ok(Cancelled::TooLate));
        assert_eq!(cancel_task(&mut model, 3, NOW), Ok(Cancelled::Aborting));
        assert_eq!(model.tasks.get(&3).unwrap().status, TaskStatus::Aborting);
        assert_eq!(
            cancel_task(&mut model, 9, NOW),
            Err(ChangeError::TaskNotFound(9))
        );
    }

    #[test]
    fn receivers_are_units_or_leaders() {
        assert_eq!(
            Receiver::parse("a/leader"),
            Ok(Receiver::Leader("a".to_owned()))
        );
        assert_eq!(
            Receiver::parse("a/0"),
            Ok(Receiver::Unit(UnitName::new("a", 0)))
        );
        for bad in ["a", "a/x", "Say", "/leader"] {
            assert!(Receiver::parse(bad).is_err(), "{bad}");
        }
    }
}
