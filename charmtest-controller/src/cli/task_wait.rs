//! Scheduling an operation and waiting for its tasks: what `run` and `exec` have in common.

use std::sync::Arc;
use std::time::Duration;

use charmtest_charm::yaml_writer::to_yaml_sorted;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::command::{Cx, Failure, Waited};
use super::task_view;
use crate::JujuVersion;
use crate::flags::{Parsed, parse_go_duration};
use crate::model::changes::{NewTask, Queued, check_room, forget_operations, queue_operation};
use crate::model::{Model, Rejected, Task, TaskId};

/// How long a command waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// So long.
    UpTo(Duration),
    /// Until the end.
    Forever,
}

impl Patience {
    /// Reads `--wait`: zero means `default`, a negative duration means forever (Juju 3.6).
    pub(super) fn of(args: &Parsed, default: Duration) -> Self {
        let nanos = args
            .text("wait")
            .and_then(|text| parse_go_duration(text).ok())
            .unwrap_or_default();
        match u64::try_from(nanos) {
            Ok(0) => Self::UpTo(default),
            Ok(nanos) => Self::UpTo(Duration::from_nanos(nanos)),
            Err(_) => Self::Forever,
        }
    }
}

/// Whether progress is told on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Tell it.
    Told,
    /// Keep it to oneself.
    Silent,
}

/// Refuses `--wait` together with `--background`.
pub(super) fn check_wait(args: &Parsed) -> Result<(), String> {
    if args.is_set("wait") && args.switch("background") {
        return Err("cannot specify both --wait and --background".to_owned());
    }
    Ok(())
}

/// An operation to be.
pub(super) struct Plan {
    /// One line that tells what it does.
    pub(super) what: String,
    /// The action.
    pub(super) action: String,
    /// Its tasks.
    pub(super) tasks: Vec<NewTask>,
    /// Why there are no more.
    pub(super) reasons: Vec<String>,
}

/// Queues what `plan` makes of the model; the plan is made inside the transaction, so it cannot be outdated.
///
/// # Errors
///
/// Fails when the plan is refused, or the database cannot write.
pub(super) fn queue(
    cx: &Cx,
    plan: impl FnOnce(&Model) -> Result<Plan, Failure>,
) -> Result<(Queued, Vec<String>), Failure> {
    let now = cx.hub.now();
    let outcome = cx.hub.transact_model(&cx.model_uuid(), |model| {
        let Plan {
            what,
            action,
            tasks,
            reasons,
        } = plan(model)?;
        check_room(model, tasks.len())?;
        forget_operations(model, now);
        let receivers: Vec<String> = tasks.iter().map(|task| task.receiver.tag()).collect();
        let summary = match model.info.juju {
            JujuVersion::V3_6 => format!("{what} run on {}", receivers.join(",")),
            JujuVersion::V4_0 if action == Task::EXEC => format!("exec {what}"),
            JujuVersion::V4_0 => format!("action {what:?}"),
        };
        let queued = queue_operation(model, summary, &action, tasks, &reasons, now);
        Ok::<_, Failure>((queued, reasons))
    });
    outcome.map_err(Failure::from)
}

/// Tells what was scheduled with `--background`.
///
/// # Errors
///
/// Fails when the result cannot be written.
pub(super) async fn tell_background(cx: &Cx, queued: &Queued) -> Result<(), Failure> {
    let id = queued.operation;
    if let [(task, _)] = &queued.tasks[..] {
        cx.info(&format!("Scheduled operation {id} with task {task}"))
            .await;
        cx.info(&format!(
            "Check operation status with 'juju show-operation {id}'"
        ))
        .await;
        cx.info(&format!("Check task status with 'juju show-task {task}'"))
            .await;
        return Ok(());
    }
    cx.info(&format!(
        "Scheduled operation {id} with {} tasks",
        queued.tasks.len()
    ))
    .await;
    cx.info(&format!(
        "Check operation status with 'juju show-operation {id}'"
    ))
    .await;
    cx.info("Check task status with 'juju show-task <id>'")
        .await;
    let ids: Map<String, Value> = queued
        .tasks
        .iter()
        .map(|(task, receiver)| (receiver.to_string(), json!({"id": task.to_string()})))
        .collect();
    cx.print(&to_yaml_sorted(&Value::Object(ids))).await
}

/// Waits for the tasks of an operation, prints their results with `plain` or as JSON or YAML, and fails when one of them returned a
/// code that is not zero.
///
/// # Errors
///
/// Fails when time is up, the client went away, or a task failed.
pub(super) async fn finish(
    cx: &Cx,
    queued: &Queued,
    patience: Patience,
    progress: Progress,
    plain: fn(&[&Task]) -> String,
) -> Result<(), Failure> {
    let ids: Vec<TaskId> = queued.tasks.iter().map(|(id, _)| *id).collect();
    if progress == Progress::Told {
        for id in &ids {
            cx.info(&format!("Waiting for task {id}...")).await;
        }
    }
    let (model, missing) = wait(cx, &ids, patience, progress).await?;
    if !missing.is_empty() {
        let units: Vec<String> = missing
            .iter()
            .filter_map(|id| model.tasks.get(id))
            .map(|task| task.receiver.describe())
            .collect();
        return Err(Failure::failed(format!(
            "timed out waiting for results from: {}",
            units.join(", ")
        )));
    }
    let tasks: Vec<&Task> = ids.iter().filter_map(|id| model.tasks.get(id)).collect();
    print(
        cx,
        &task_view::by_unit(tasks.iter().copied(), &cx.times()),
        || plain(&tasks),
    )
    .await?;
    check_codes(&tasks)
}

/// Prints a value whose maps are maps in Juju too: in JSON and YAML with sorted keys, else what `plain` makes.
///
/// # Errors
///
/// Fails when the result cannot be written.
pub(super) async fn print(
    cx: &Cx,
    value: &Value,
    plain: impl FnOnce() -> String,
) -> Result<(), Failure> {
    let text = match cx.format.as_str() {
        "json" => super::values::json(value),
        "yaml" => to_yaml_sorted(value),
        _ => plain(),
    };
    cx.print(&text).await
}

/// Waits until all tasks have ended or time is up; returns the model as it is then and the tasks that have not ended.
///
/// The log of a single task is copied to standard error as it comes.
///
/// # Errors
///
/// Fails when the model goes away or the client does.
pub(super) async fn wait(
    cx: &Cx,
    ids: &[TaskId],
    patience: Patience,
    progress: Progress,
) -> Result<(Arc<Model>, Vec<TaskId>), Failure> {
    let uuid = cx.model_uuid();
    let times = cx.times();
    let deadline = match patience {
        Patience::UpTo(limit) => Instant::now().checked_add(limit),
        Patience::Forever => None,
    };
    let mut states = cx.hub.watch();
    let mut told = 0;
    let mut open = ids.to_vec();
    loop {
        let model = states
            .borrow_and_update()
            .models
            .get(&uuid)
            .cloned()
            .ok_or_else(|| Rejected(uuid.clone()))?;
        if let ([id], Progress::Told) = (ids, progress) {
            let log = model
                .tasks
                .get(id)
                .map(|task| &task.log[..])
                .unwrap_or_default();
            for (at, line) in log.iter().skip(told) {
                cx.info(&format!("{} {line}", times.format(*at, "%H:%M:%S")))
                    .await;
            }
            told = log.len();
        }
        let is_open = |id: &TaskId| {
            model
                .tasks
                .get(id)
                .is_some_and(|task| !task.status.is_final())
        };
        // What has ended stays so: of many tasks only those are looked at that were open before.
        open.retain(is_open);
        if open.is_empty() {
            if told > 0 {
                cx.info("").await;
            }
            return Ok((model, open));
        }
        if let Waited::TimeIsUp = cx.wait_for_change(&mut states, deadline).await? {
            return Ok((model, open));
        }
    }
}

/// Fails when a task returned a code that is not zero; the status of a task does not matter (Juju 3.6).
fn check_codes(tasks: &[&Task]) -> Result<(), Failure> {
    let failed: Vec<String> = tasks
        .iter()
        .map(|task| (task.id, task_view::return_code(task)))
        .filter(|(_, code)| *code > 0)
        .map(|(id, code)| format!(" - id \"{id}\" with return code {code}\n"))
        .collect();
    let (tasks, failures) = match failed.len() {
        0 => return Ok(()),
        1 => ("task", "failure"),
        _ => ("tasks", "failures"),
    };
    Err(Failure::failed(format!(
        "the following {tasks} failed:\n{}\nuse 'juju show-task' to inspect the {failures}\n",
        failed.concat()
    )))
}
