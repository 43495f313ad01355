//! `show-task`, `show-operation`, `operations`, `cancel-task`.

use charmtest_charm::yaml_writer::to_yaml_sorted;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::command::{Command, Cx, Failure, at_most};
use super::table::{Align, TextTable};
use super::task_view::{self, describe_operation, operation_status, tasks_of};
use super::task_wait::{Patience, Progress, print, wait};
use super::values;
use crate::encode::sorted;
use crate::flags::{Flag, Kind, Parsed};
use crate::model::changes::{self, Cancelled, ChangeError};
use crate::model::{Model, Operation, Task, TaskId, TaskReceiver, TaskStatus};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("show-task", "Show results of a task by ID.", |cx| {
        Box::pin(show_task(cx))
    })
    .args("<task ID>", |args| one_id(args, "task").map(drop))
    .formats(&["plain", "json", "yaml"])
    .flags(WAIT_FLAGS),
    Command::new("show-operation", "Show results of an operation.", |cx| {
        Box::pin(show_operation(cx))
    })
    .args("<operation-id>", |args| one_id(args, "operation").map(drop))
    .formats(&["yaml", "json"])
    .flags(WAIT_FLAGS),
    Command::new(
        "operations",
        "Lists pending, running, or completed operations.",
        |cx| Box::pin(operations(cx)),
    )
    .aliases(&["list-operations"])
    .args("", check_operations)
    .formats(&["plain", "json", "yaml"])
    .flags(&[
        Flag::text(
            &["actions"],
            "Comma separated list of actions names to filter on",
        ),
        Flag::text(
            &["apps", "applications"],
            "Comma separated list of applications to filter on",
        ),
        Flag::of(
            Kind::Uint,
            &["limit"],
            "The maximum number of operations to return",
        ),
        Flag::text(
            &["machines"],
            "Comma separated list of machines to filter on",
        ),
        Flag::of(
            Kind::Uint,
            &["offset"],
            "Return operations from offset onwards",
        ),
        Flag::text(
            &["status"],
            "Comma separated list of operation status values to filter on",
        ),
        Flag::text(&["units"], "Comma separated list of units to filter on"),
        Flag::switch(&["utc"], "Show times in UTC"),
    ]),
    Command::new("cancel-task", "Cancel pending or running tasks.", |cx| {
        Box::pin(cancel(cx))
    })
    .args("(<task-id>|<task-id-prefix>) [...]", |args| {
        ids(args, "task").map(drop)
    })
    .formats(&["yaml", "json"]),
];

const WAIT_FLAGS: &[Flag] = &[
    Flag::switch(&["utc"], "Show times in UTC"),
    Flag::of(
        Kind::Duration,
        &["wait"],
        "Maximum wait time for a task to complete",
    ),
    Flag::switch(&["watch"], "Wait indefinitely for results"),
];

/// How many operations are listed unless told otherwise.
const DEFAULT_LIMIT: usize = 50;

fn one_id(args: &Parsed, what: &str) -> Result<TaskId, String> {
    at_most(args, 1)?;
    ids(args, what)?
        .first()
        .copied()
        .ok_or_else(|| format!("no {what} ID specified"))
}

fn ids(args: &Parsed, what: &str) -> Result<Vec<TaskId>, String> {
    args.positionals
        .iter()
        .map(|id| {
            id.parse()
                .map_err(|_| format!("{what} ID {id:?} not valid"))
        })
        .collect()
}

/// Waits for tasks as `--wait` and `--watch` want; without them takes them as they are.
async fn wait_as_asked(
    cx: &Cx,
    tasks: &[TaskId],
    progress: Progress,
) -> Result<std::sync::Arc<Model>, Failure> {
    let patience = match cx.args.duration("wait") {
        _ if cx.args.switch("watch") => Patience::Forever,
        Some(limit) if !limit.is_zero() => Patience::UpTo(limit),
        _ => return cx.model(),
    };
    let (model, open) = wait(cx, tasks, patience, progress).await?;
    if open.is_empty() {
        Ok(model)
    } else {
        Err(Failure::failed("maximum wait time reached"))
    }
}

async fn show_task(cx: &Cx) -> Result<(), Failure> {
    let id = one_id(&cx.args, "task").map_err(Failure::Usage)?;
    let not_found = || Failure::failed("id not found");
    // What a task that has ended logged is in its results alone (recorded 4.0.15).
    let progress = match cx.model()?.tasks.get(&id) {
        None => return Err(not_found()),
        Some(task) if task.status.is_final() => Progress::Silent,
        Some(_) => Progress::Told,
    };
    let model = wait_as_asked(cx, &[id], progress).await?;
    let task = model.tasks.get(&id).ok_or_else(not_found)?;
    print(cx, &task_view::describe(task, &cx.times()), || {
        task_view::plain(&[task])
    })
    .await
}

async fn show_operation(cx: &Cx) -> Result<(), Failure> {
    let id = one_id(&cx.args, "operation").map_err(Failure::Usage)?;
    let not_found = || Failure::failed(format!("operation \"{id}\" not found"));
    let tasks = cx
        .model()?
        .operations
        .get(&id)
        .ok_or_else(not_found)?
        .tasks
        .clone();
    let model = wait_as_asked(cx, &tasks, Progress::Silent).await?;
    let operation = model.operations.get(&id).ok_or_else(not_found)?;
    cx.print_value(
        &describe_operation(&model, operation, &cx.times()),
        Value::to_string,
    )
    .await
}

fn check_operations(args: &Parsed) -> Result<(), String> {
    at_most(args, 0)?;
    const ALL: [TaskStatus; 8] = [
        TaskStatus::Pending,
        TaskStatus::Running,
        TaskStatus::Completed,
        TaskStatus::Failed,
        TaskStatus::Cancelled,
        TaskStatus::Aborting,
        TaskStatus::Aborted,
        TaskStatus::Error,
    ];
    let words = ALL.map(TaskStatus::as_str);
    match args.list("status").find(|status| !words.contains(status)) {
        Some(status) => Err(format!(
            "{status:?} is not a valid task status, want one of [{}]",
            words.join(" ")
        )),
        None => Ok(()),
    }
}

async fn operations(cx: &Cx) -> Result<(), Failure> {
    let model = cx.model()?;
    let number = |name: &str| {
        cx.args
            .int(name)
            .and_then(|value| usize::try_from(value).ok())
            .unwrap_or_default()
    };
    let offset = number("offset");
    let limit = Some(number("limit"))
        .filter(|limit| *limit > 0)
        .unwrap_or(DEFAULT_LIMIT);
    let mut matching = model
        .operations
        .values()
        .filter(|operation| is_wanted(&model, operation, &cx.args))
        .skip(offset);
    let shown: Vec<&Operation> = matching.by_ref().take(limit).collect();
    let more = matching.next().is_some();
    if shown.is_empty() {
        cx.info("no matching operations").await;
        return Ok(());
    }
    let times = cx.times();
    let described = shown.iter().map(|operation| {
        (
            operation.id.to_string(),
            describe_operation(&model, operation, &times),
        )
    });
    let mut described: Vec<(String, Value)> = described.collect();
    // In Juju this is a map of structs: its keys are in order, theirs are not.
    described.sort_by(|(a, _), (b, _)| a.cmp(b));
    let text = match cx.format.as_str() {
        "json" => values::json(&Value::Object(described.into_iter().collect())),
        "yaml" => yaml_of(&shown, described),
        _ => {
            let table = table(&model, &shown, &|at| times.format(at, "%Y-%m-%dT%H:%M:%S"));
            if more {
                format!("{}{table}", batch(offset, limit))
            } else {
                table
            }
        }
    };
    cx.print(&text).await
}

/// Renders YAML with the operations by number, as goyaml orders numeric keys.
fn yaml_of(shown: &[&Operation], described: Vec<(String, Value)>) -> String {
    let mut by_id: Map<String, Value> = described.into_iter().collect();
    let entries = shown
        .iter()
        .filter_map(|operation| by_id.remove_entry(&operation.id.to_string()));
    charmtest_charm::yaml_writer::to_yaml(&Value::Object(entries.collect()))
}

fn batch(offset: usize, limit: usize) -> String {
    format!(
        "Displaying operation results {} to {}.\nRun the command again with --offset={} --limit={limit} to see the next batch.\n\n",
        offset + 1,
        offset + limit,
        offset + limit
    )
}

fn table(model: &Model, operations: &[&Operation], format: &dyn Fn(Timestamp) -> String) -> String {
    let mut table = TextTable::new(["ID", "Status", "Started", "Finished", "Task IDs", "Summary"])
        .align(0, Align::Right);
    for operation in operations {
        let tasks: Vec<&Task> = tasks_of(model, operation).collect();
        let started = tasks.iter().filter_map(|task| task.started).min();
        let ids: Vec<String> = tasks.iter().map(|task| task.id.to_string()).collect();
        table.row([
            operation.id.to_string(),
            operation_status(&tasks).as_str().to_owned(),
            started.map(format).unwrap_or_default(),
            task_view::completed(&tasks).map(format).unwrap_or_default(),
            ids.join(","),
            operation.summary.clone(),
        ]);
    }
    table.render()
}

/// Says whether an operation passes all filters; of one filter any value will do.
fn is_wanted(model: &Model, operation: &Operation, args: &Parsed) -> bool {
    let tasks: Vec<&Task> = tasks_of(model, operation).collect();
    let passes =
        |name: &str, fits: &dyn Fn(&str) -> bool| !args.is_set(name) || args.list(name).any(fits);
    let some = |fits: &dyn Fn(&Task) -> bool| tasks.iter().any(|task| fits(task));
    passes("actions", &|action| some(&|task| task.action == action))
        && passes("applications", &|application| {
            some(&|task| {
                task.receiver
                    .unit()
                    .is_some_and(|unit| unit.application() == application)
            })
        })
        && passes("units", &|unit| {
            some(&|task| task.receiver.unit().is_some_and(|own| own.as_str() == unit))
        })
        && passes("machines", &|machine| {
            some(&|task| task.receiver.machine() == Some(machine))
        })
        && passes("status", &|status| {
            operation_status(&tasks).as_str() == status
        })
}

async fn cancel(cx: &Cx) -> Result<(), Failure> {
    let ids = ids(&cx.args, "task").map_err(Failure::Usage)?;
    if ids.is_empty() {
        return Err(Failure::failed("no task IDs specified"));
    }
    let now = cx.hub.now();
    let outcomes = cx.change(|model| {
        let outcomes = ids
            .iter()
            .map(|id| (*id, changes::cancel_task(model, *id, now)));
        Ok::<_, ChangeError>(outcomes.collect::<Vec<_>>())
    })?;
    let model = cx.model()?;
    let mut refused = Vec::new();
    let mut cancelled = Vec::new();
    for (id, outcome) in outcomes {
        match outcome {
            Err(error) => refused.push(format!("task: {id}, error: {error}")),
            Ok(Cancelled::TooLate) => {
                refused.push(format!("task: {id}, error: the task has already ended"))
            }
            Ok(Cancelled::Cancelled | Cancelled::Aborting) => {
                cancelled.extend(model.tasks.get(&id).map(describe_cancelled))
            }
        }
    }
    if !refused.is_empty() {
        cx.warn(&format!(
            "The following tasks could not be canceled:\n{}",
            refused.join("\n")
        ))
        .await;
    }
    if cancelled.is_empty() {
        return Ok(());
    }
    let value = json!({"actions": cancelled});
    print(cx, &value, || to_yaml_sorted(&value)).await
}

fn describe_cancelled(task: &Task) -> Value {
    let completed = task.completed.map_or_else(
        || "n/a".to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    );
    let key = match task.receiver {
        TaskReceiver::Unit(_) => "unit",
        TaskReceiver::Machine(_) => "machine",
    };
    sorted(&json!({
        "action": task.action,
        "completed at": completed,
        "id": task.id.to_string(),
        "status": task.status.as_str(),
        key: task.receiver.to_string(),
    }))
}
