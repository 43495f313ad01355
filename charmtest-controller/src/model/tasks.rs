//! The tasks of a model, with an index of those that have not ended.

use std::ops::Deref;

use imbl::OrdSet;
use serde_json::{Map, Value};

use super::ids::TaskId;
use super::table::Table;
use super::task::{Task, TaskReceiver};

/// Tasks by number.
///
/// They stay for weeks after they have ended, and every agent looks for its own before each hook: so those that have not ended are
/// found without a look at the others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tasks {
    rows: Table<TaskId, Task>,
    open: OrdSet<(TaskReceiver, TaskId)>,
    size: u64,
}

impl Tasks {
    /// Puts a task under its number.
    pub fn insert(&mut self, task: Task) {
        self.remove(task.id);
        self.note(&task);
        self.rows.insert(task.id, task);
    }

    /// Removes a task.
    pub fn remove(&mut self, id: TaskId) {
        if let Some(task) = self.rows.remove(&id) {
            self.forget(&task);
        }
    }

    /// Changes a task and returns what `change` does; `None` when there is no such task.
    pub fn update<R>(&mut self, id: TaskId, change: impl FnOnce(&mut Task) -> R) -> Option<R> {
        let before = self.rows.get_arc(&id)?;
        let task = self.rows.get_mut(&id)?;
        let result = change(task);
        let after = self.rows.get_arc(&id)?;
        self.forget(&before);
        self.note(&after);
        Some(result)
    }

    /// Iterates over the tasks of a receiver that have not ended, in the order of their numbers.
    pub fn open_of(&self, receiver: &TaskReceiver) -> impl Iterator<Item = &Task> {
        let bounds = (receiver.clone(), TaskId::MIN)..=(receiver.clone(), TaskId::MAX);
        let ids = self.open.range(bounds);
        ids.filter_map(|(_, id)| self.rows.get(id))
    }

    /// Returns how many tasks have not ended.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Returns about how many bytes the tasks hold: parameters, results and logs.
    pub fn size(&self) -> u64 {
        self.size
    }

    fn note(&mut self, task: &Task) {
        self.size += size(task);
        if !task.status.is_final() {
            self.open.insert((task.receiver.clone(), task.id));
        }
    }

    fn forget(&mut self, task: &Task) {
        self.size = self.size.saturating_sub(size(task));
        self.open.remove(&(task.receiver.clone(), task.id));
    }
}

impl Deref for Tasks {
    type Target = Table<TaskId, Task>;

    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}

impl From<Table<TaskId, Task>> for Tasks {
    fn from(rows: Table<TaskId, Task>) -> Self {
        let mut tasks = Self::default();
        for task in rows.values() {
            tasks.note(task);
        }
        tasks.rows = rows;
        tasks
    }
}

fn size(task: &Task) -> u64 {
    let log: usize = task.log.iter().map(|(_, line)| line.len()).sum();
    let text = task.action.len() + task.message.len() + log;
    // What the row itself takes, about.
    let row = std::mem::size_of::<Task>() + text;
    u64::try_from(row).unwrap_or(u64::MAX) + map_size(&task.params) + map_size(&task.results)
}

fn map_size(map: &Map<String, Value>) -> u64 {
    map.iter()
        .map(|(key, value)| key.len() as u64 + value_size(value))
        .sum()
}

fn value_size(value: &Value) -> u64 {
    let own = std::mem::size_of::<Value>() as u64;
    own + match value {
        Value::String(text) => text.len() as u64,
        Value::Array(values) => values.iter().map(value_size).sum(),
        Value::Object(map) => map_size(map),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{TaskStatus, UnitName};

    fn task(id: TaskId, unit: &str) -> Task {
        Task {
            id,
            operation: id,
            receiver: UnitName::parse(unit).unwrap().into(),
            action: "act".to_owned(),
            params: Map::new(),
            status: TaskStatus::Pending,
            message: String::new(),
            results: Map::new(),
            log: Vec::new(),
            enqueued: jiff::Timestamp::UNIX_EPOCH,
            started: None,
            completed: None,
        }
    }

    fn open(tasks: &Tasks, unit: &str) -> Vec<TaskId> {
        let receiver = UnitName::parse(unit).unwrap().into();
        tasks.open_of(&receiver).map(|task| task.id).collect()
    }

    #[test]
    fn the_open_tasks_of_a_unit_are_known() {
        let mut tasks = Tasks::default();
        for (id, unit) in [(9, "a/0"), (1, "a/0"), (2, "a/1"), (3, "a/10")] {
            tasks.insert(task(id, unit));
        }
        assert_eq!(open(&tasks, "a/0"), [1, 9]);
        assert_eq!(open(&tasks, "a/1"), [2]);
        assert_eq!(tasks.open_count(), 4);
        let empty = tasks.size();
        tasks.update(1, |task| {
            task.status = TaskStatus::Completed;
            task.results
                .insert("stdout".to_owned(), "x".repeat(1000).into());
        });
        assert_eq!(open(&tasks, "a/0"), [9]);
        assert!(tasks.size() > empty + 1000);
        assert_eq!(
            tasks,
            Tasks::from((*tasks).clone()),
            "as read from the database"
        );
        for id in [1, 2, 3, 9] {
            tasks.remove(id);
        }
        assert_eq!(tasks, Tasks::default());
        assert_eq!(tasks.update(1, |_| ()), None);
    }
}
