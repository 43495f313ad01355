//! Operations and tasks: `juju run` and `juju exec`.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ids::{TaskId, UnitName};

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    /// Not started.
    Pending,
    /// Running.
    Running,
    /// Ended by itself.
    Completed,
    /// Ended in failure.
    Failed,
    /// Cancelled before it started.
    Cancelled,
    /// Asked to stop.
    Aborting,
    /// Stopped while running.
    Aborted,
    /// Could not be run at all.
    Error,
}

impl TaskStatus {
    /// Returns the word that Juju prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Aborting => "aborting",
            Self::Aborted => "aborted",
            Self::Error => "error",
        }
    }

    /// Says whether the task has ended.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Aborting)
    }
}

/// Who runs a task: a unit, or for commands also a machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum TaskReceiver {
    /// This unit.
    Unit(UnitName),
    /// The machine with this id.
    Machine(String),
}

impl TaskReceiver {
    /// Returns the unit, if it is one.
    pub fn unit(&self) -> Option<&UnitName> {
        match self {
            Self::Unit(unit) => Some(unit),
            Self::Machine(_) => None,
        }
    }

    /// Returns the machine's id, if it is one.
    pub fn machine(&self) -> Option<&str> {
        match self {
            Self::Unit(_) => None,
            Self::Machine(id) => Some(id),
        }
    }

    /// Returns the tag, `unit-app-0` or `machine-0`.
    pub fn tag(&self) -> String {
        match self {
            Self::Unit(unit) => unit.tag(),
            Self::Machine(id) => format!("machine-{}", id.replace('/', "-")),
        }
    }

    /// Returns what Juju calls it in messages, `unit app/0` or `machine 0`.
    pub fn describe(&self) -> String {
        match self {
            Self::Unit(unit) => format!("unit {unit}"),
            Self::Machine(id) => format!("machine {id}"),
        }
    }
}

impl fmt::Display for TaskReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit(unit) => unit.fmt(f),
            Self::Machine(id) => f.write_str(id),
        }
    }
}

impl From<TaskReceiver> for String {
    fn from(receiver: TaskReceiver) -> Self {
        receiver.to_string()
    }
}

impl From<String> for TaskReceiver {
    /// A unit's name has an application in front, a machine's id begins with a digit.
    fn from(text: String) -> Self {
        match UnitName::parse(&text) {
            Ok(unit) => Self::Unit(unit),
            Err(_) => Self::Machine(text),
        }
    }
}

impl From<UnitName> for TaskReceiver {
    fn from(unit: UnitName) -> Self {
        Self::Unit(unit)
    }
}

/// One action or command on one unit or machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The number.
    pub id: TaskId,
    /// The operation it belongs to.
    pub operation: TaskId,
    /// Who runs it.
    #[serde(rename = "unit")]
    pub receiver: TaskReceiver,
    /// The action's name; `juju-exec` for `juju exec`.
    pub action: String,
    /// The parameters, defaults inserted. For `juju-exec`: `command` (string) and `timeout` (nanoseconds).
    pub params: Map<String, Value>,
    /// Where it stands.
    pub status: TaskStatus,
    /// Why it failed.
    pub message: String,
    /// What it gave back, `return-code`, `stdout`, `stderr` and `action-set` values.
    pub results: Map<String, Value>,
    /// What `action-log` said.
    pub log: Vec<(Timestamp, String)>,
    /// When it was queued.
    pub enqueued: Timestamp,
    /// When it started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub completed: Option<Timestamp>,
}

impl Task {
    /// The action name behind `juju exec`.
    pub const EXEC: &str = "juju-exec";
}

/// What one `juju run` or `juju exec` started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// The number.
    pub id: TaskId,
    /// One line that tells what it does.
    pub summary: String,
    /// Its tasks.
    pub tasks: Vec<TaskId>,
    /// Why nothing, or not everything, was scheduled.
    pub fail: String,
    /// When it was queued.
    pub enqueued: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_stored_as_their_names() {
        for (text, machine) in [
            ("web/0", None),
            ("0", Some("0")),
            ("0/lxd/1", Some("0/lxd/1")),
        ] {
            let receiver: TaskReceiver = serde_json::from_value(text.into()).unwrap();
            assert_eq!(receiver.machine(), machine, "{text}");
            assert_eq!(serde_json::to_value(&receiver).unwrap(), text);
        }
        assert_eq!(
            TaskReceiver::Machine("0/lxd/1".to_owned()).tag(),
            "machine-0-lxd-1"
        );
    }
}
