//! Tasks and operations as Juju shows them.

use charmtest_charm::yaml_writer::to_yaml_sorted;
use serde_json::{Map, Value, json};

use super::times::Times;
use crate::encode::sorted;
use crate::model::{Model, Operation, Task, TaskId, TaskReceiver, TaskStatus};

/// Describes a task as `juju run` and `juju show-task` do: a map with keys in order.
pub(super) fn describe(task: &Task, times: &Times) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("id", Value::from(task.id.to_string()));
    if !task.log.is_empty() {
        put("log", log(task, times));
    }
    if !task.message.is_empty() {
        put("message", Value::from(task.message.as_str()));
    }
    if !task.results.is_empty() {
        put("results", results(task));
    }
    put("status", Value::from(task.status.as_str()));
    put("timing", sorted(&timing(task, times)));
    let key = match task.receiver {
        TaskReceiver::Unit(_) => "unit",
        TaskReceiver::Machine(_) => "machine",
    };
    put(key, Value::from(task.receiver.to_string()));
    sorted(&Value::Object(map))
}

/// Describes tasks by unit.
pub(super) fn by_unit<'a>(tasks: impl IntoIterator<Item = &'a Task>, times: &Times) -> Value {
    let map = tasks
        .into_iter()
        .map(|task| (task.receiver.to_string(), describe(task, times)));
    sorted(&Value::Object(map.collect()))
}

/// Describes an operation as `juju show-operation` does, keys in Juju's order.
pub(super) fn describe_operation(model: &Model, operation: &Operation, times: &Times) -> Value {
    let tasks: Vec<&Task> = tasks_of(model, operation).collect();
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("summary", Value::from(operation.summary.as_str()));
    put("status", Value::from(operation_status(&tasks).as_str()));
    if !operation.fail.is_empty() {
        put("fail", Value::from(operation.fail.as_str()));
    }
    if let Some(task) = tasks.first() {
        put(
            "action",
            json!({"name": task.action, "parameters": sorted(&Value::Object(task.params.clone()))}),
        );
    }
    put("timing", operation_timing(operation, &tasks, times));
    if !tasks.is_empty() {
        let described = tasks
            .iter()
            .map(|task| (task.id.to_string(), describe_in_operation(task, times)));
        put("tasks", Value::Object(described.collect()));
    }
    Value::Object(map)
}

/// Returns the tasks of an operation.
pub(super) fn tasks_of<'a>(
    model: &'a Model,
    operation: &'a Operation,
) -> impl Iterator<Item = &'a Task> {
    operation
        .tasks
        .iter()
        .filter_map(|id: &TaskId| model.tasks.get(id))
}

/// Returns where an operation stands: pending, running, or the worst of its tasks.
pub(super) fn operation_status(tasks: &[&Task]) -> TaskStatus {
    let any = |status: TaskStatus| tasks.iter().any(|task| task.status == status);
    if tasks.is_empty() {
        return TaskStatus::Error;
    }
    if tasks.iter().all(|task| task.status == TaskStatus::Pending) {
        return TaskStatus::Pending;
    }
    if tasks.iter().any(|task| !task.status.is_final()) {
        return TaskStatus::Running;
    }
    [
        TaskStatus::Error,
        TaskStatus::Aborted,
        TaskStatus::Failed,
        TaskStatus::Cancelled,
    ]
    .into_iter()
    .find(|status| any(*status))
    .unwrap_or(TaskStatus::Completed)
}

/// Returns the return code that decides about the exit code of `juju run` and `juju exec`.
pub(super) fn return_code(task: &Task) -> i64 {
    match &task.results.get("return-code") {
        Some(Value::Number(number)) => number.as_i64().unwrap_or_default(),
        Some(Value::String(text)) => text.parse().unwrap_or_default(),
        _ => 0,
    }
}

/// Renders actions as plain text (Juju 3.6, `juju run`): one as its values and output, several as YAML.
pub(super) fn plain(tasks: &[&Task]) -> String {
    match tasks {
        [task] => plain_one(task),
        tasks => {
            let map = tasks
                .iter()
                .map(|task| (task.receiver.to_string(), plain_of_many(task)));
            to_yaml_sorted(&Value::Object(map.collect()))
        }
    }
}

/// Renders commands as plain text (Juju 3.6, `juju exec`): what they wrote, headed by the unit if several wrote something.
pub(super) fn plain_exec(tasks: &[&Task]) -> String {
    let mut tasks = tasks.to_vec();
    tasks.sort_by_key(|task| task.receiver.to_string());
    let outputs: Vec<(&Task, String)> = tasks
        .into_iter()
        .map(|task| (task, output(task)))
        .filter(|(_, output)| !output.is_empty())
        .collect();
    match &outputs[..] {
        [(_, output)] => output.clone(),
        outputs => outputs
            .iter()
            .map(|(task, output)| format!("{}:\n{output}\n", task.receiver))
            .collect(),
    }
}

fn plain_one(task: &Task) -> String {
    let mut text = String::new();
    if !task.message.is_empty() {
        text += &format!("Action id {} failed: {}\n", task.id, task.message);
    }
    if task.results.is_empty() {
        if task.message.is_empty() {
            text += &format!("Task {} {}\n", task.id, task.status.as_str());
        }
        return text;
    }
    text + &values(task) + "\n" + &output(task)
}

fn plain_of_many(task: &Task) -> Value {
    let mut map = Map::new();
    map.insert("id".to_owned(), Value::from(task.id.to_string()));
    if !task.message.is_empty() {
        map.insert("message".to_owned(), Value::from(task.message.as_str()));
    }
    map.insert(
        "output".to_owned(),
        Value::from(values(task) + &output(task)),
    );
    map.insert("status".to_owned(), Value::from(task.status.as_str()));
    Value::Object(map)
}

/// Renders what `action-set` collected.
fn values(task: &Task) -> String {
    let output = [
        "return-code",
        "stdout",
        "stderr",
        "stdout-encoding",
        "stderr-encoding",
    ];
    let rest = task
        .results
        .iter()
        .filter(|(key, _)| !output.contains(&key.as_str()));
    let rest: Map<String, Value> = rest
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if rest.is_empty() {
        String::new()
    } else {
        to_yaml_sorted(&Value::Object(rest))
    }
}

/// Renders standard output and standard error, each with one newline at its end.
fn output(task: &Task) -> String {
    let streams = ["stdout", "stderr"]
        .into_iter()
        .filter_map(|key| task.results.get(key)?.as_str());
    streams
        .map(|text| text.trim_matches('\n'))
        .filter(|text| !text.is_empty())
        .map(|text| format!("{text}\n"))
        .collect()
}

fn describe_in_operation(task: &Task, times: &Times) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("host", Value::from(task.receiver.to_string()));
    put("status", Value::from(task.status.as_str()));
    put("timing", timing(task, times));
    if !task.log.is_empty() {
        put("log", log(task, times));
    }
    if !task.message.is_empty() {
        put("message", Value::from(task.message.as_str()));
    }
    if !task.results.is_empty() {
        put("results", results(task));
    }
    Value::Object(map)
}

fn results(task: &Task) -> Value {
    sorted(&Value::Object(task.results.clone()))
}

fn log(task: &Task, times: &Times) -> Value {
    task.log
        .iter()
        .map(|(at, line)| Value::from(format!("{} {line}", times.go(*at))))
        .collect()
}

/// Describes when a task was queued, started and ended.
fn timing(task: &Task, times: &Times) -> Value {
    let moments = [
        ("enqueued", Some(task.enqueued)),
        ("started", task.started),
        ("completed", task.completed),
    ];
    let set = moments
        .into_iter()
        .filter_map(|(key, at)| Some((key.to_owned(), Value::from(times.go(at?)))));
    Value::Object(set.collect())
}

fn operation_timing(operation: &Operation, tasks: &[&Task], times: &Times) -> Value {
    let started = tasks.iter().filter_map(|task| task.started).min();
    let moments = [
        ("enqueued", Some(operation.enqueued)),
        ("started", started),
        ("completed", completed(tasks)),
    ];
    let set = moments
        .into_iter()
        .filter_map(|(key, at)| Some((key.to_owned(), Value::from(times.go(at?)))));
    Value::Object(set.collect())
}

/// Returns when the last task ended; `None` as long as one has not.
pub(super) fn completed(tasks: &[&Task]) -> Option<jiff::Timestamp> {
    let ended: Option<Vec<jiff::Timestamp>> = tasks.iter().map(|task| task.completed).collect();
    ended?.into_iter().max()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::UnitName;

    fn task(unit: &str, status: TaskStatus, message: &str, results: Value) -> Task {
        Task {
            id: 2,
            operation: 1,
            receiver: UnitName::parse(unit).unwrap().into(),
            action: "say".to_owned(),
            params: Map::new(),
            status,
            message: message.to_owned(),
            results: results.as_object().unwrap().clone(),
            log: Vec::new(),
            enqueued: Timestamp::UNIX_EPOCH,
            started: None,
            completed: None,
        }
    }

    #[test]
    fn plain_text_of_one_action_as_recorded() {
        use TaskStatus::{Completed, Failed, Pending};
        for (status, message, results, expected) in [
            (Pending, "", json!({}), "Task 2 pending\n"),
            (
                Failed,
                "validation",
                json!({}),
                "Action id 2 failed: validation\n",
            ),
            (
                Failed,
                "exit status 1",
                json!({"said": "hi", "return-code": 1, "stderr": "failing\n", "nested": {"a": "1", "b": "two"}}),
                "Action id 2 failed: exit status 1\nnested:\n  a: \"1\"\n  b: two\nsaid: hi\n\nfailing\n",
            ),
            (
                Failed,
                "exit status 3",
                json!({"return-code": 3, "stdout": "out\n", "stderr": "err\n"}),
                "Action id 2 failed: exit status 3\n\nout\nerr\n",
            ),
            (
                Completed,
                "",
                json!({"return-code": 0, "said": "x"}),
                "said: x\n\n",
            ),
        ] {
            assert_eq!(plain(&[&task("a/0", status, message, results)]), expected);
        }
    }

    #[test]
    fn plain_text_of_commands() {
        let completed = |unit, results| task(unit, TaskStatus::Completed, "", results);
        let both = completed(
            "a/0",
            json!({"return-code": 3, "stdout": "out\n", "stderr": "err"}),
        );
        let silent = completed("a/1", json!({"return-code": 0}));
        let other = completed("b/0", json!({"return-code": 0, "stdout": "b\n"}));
        assert_eq!(plain_exec(&[&both]), "out\nerr\n");
        assert_eq!(plain_exec(&[&silent]), "");
        assert_eq!(plain_exec(&[&both, &silent]), "out\nerr\n");
        assert_eq!(
            plain_exec(&[&other, &both]),
            "a/0:\nout\nerr\n\nb/0:\nb\n\n"
        );
    }

    #[test]
    fn an_operation_stands_where_its_tasks_stand() {
        use TaskStatus::{Cancelled, Completed, Error, Failed, Pending, Running};
        for (statuses, expected) in [
            (vec![], Error),
            (vec![Pending, Pending], Pending),
            (vec![Completed, Pending], Running),
            (vec![Running, Failed], Running),
            (vec![Completed, Failed], Failed),
            (vec![Cancelled, Completed], Cancelled),
            (vec![Completed], Completed),
        ] {
            let tasks: Vec<Task> = statuses
                .iter()
                .map(|status| task("a/0", *status, "", json!({})))
                .collect();
            assert_eq!(
                operation_status(&tasks.iter().collect::<Vec<_>>()),
                expected,
                "{statuses:?}"
            );
        }
    }

    #[test]
    fn the_keys_of_a_task_are_sorted() {
        let mut task = task(
            "a/0",
            TaskStatus::Failed,
            "m",
            json!({"z": 1, "a": {"c": 1, "b": 2}}),
        );
        task.log.push((Timestamp::UNIX_EPOCH, "hi".to_owned()));
        task.started = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(
            describe(&task, &Times::utc_zone()).to_string(),
            "{\"id\":\"2\",\"log\":[\"1970-01-01 00:00:00 +0000 UTC hi\"],\"message\":\"m\",\"results\":{\"a\":{\"b\":2,\"c\":1},\"z\":1},\
             \"status\":\"failed\",\"timing\":{\"enqueued\":\"1970-01-01 00:00:00 +0000 UTC\",\"started\":\"1970-01-01 00:00:00 +0000 UTC\"},\
             \"unit\":\"a/0\"}"
        );
    }
}
