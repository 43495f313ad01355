//! Operations and tasks: `juju run` and `juju exec`.

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

/// One action or command on one unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The number.
    pub id: TaskId,
    /// The operation it belongs to.
    pub operation: TaskId,
    /// The unit it runs on.
    pub unit: UnitName,
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
