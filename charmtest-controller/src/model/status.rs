//! Statuses of units, agents, applications.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The workload status of a unit or an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Workload {
    /// A hook failed; set by the agent only.
    Error,
    /// An operator has to act.
    Blocked,
    /// Work is going on.
    Maintenance,
    /// Waiting for something else.
    Waiting,
    /// Ready.
    Active,
    /// The unit has run its last hook.
    Terminated,
    /// Nobody said anything.
    Unknown,
}

impl Workload {
    /// Returns the word that Juju prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Blocked => "blocked",
            Self::Maintenance => "maintenance",
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::Terminated => "terminated",
            Self::Unknown => "unknown",
        }
    }

    /// Returns how bad the status is; an application without a status of its own shows its worst unit (Juju 3.6).
    pub fn severity(self) -> u8 {
        match self {
            Self::Error => 100,
            Self::Blocked => 90,
            Self::Maintenance => 80,
            Self::Waiting => 70,
            Self::Active => 60,
            Self::Terminated => 50,
            Self::Unknown => 40,
        }
    }
}

/// The status of a unit's agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentStatus {
    /// The agent has not reported yet.
    Allocating,
    /// A hook or an action runs.
    Executing,
    /// Settled.
    Idle,
    /// A hook failed; shown as `idle`, with the workload in `error`.
    Error,
    /// A reboot was asked for.
    Rebooting,
    /// The agent itself failed.
    Failed,
    /// The agent is gone.
    Lost,
}

impl AgentStatus {
    /// Returns the word that Juju stores; `juju status` shows `error` as `idle`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allocating => "allocating",
            Self::Executing => "executing",
            Self::Idle => "idle",
            Self::Error => "error",
            Self::Rebooting => "rebooting",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }
}

/// A status with its message and the moment it was set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status<S> {
    /// The status word.
    pub current: S,
    /// What goes with it; may be empty.
    pub message: String,
    /// When it was set.
    pub since: Timestamp,
    /// The status data, as `status-get --include-data` shows it.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub data: serde_json::Map<String, serde_json::Value>,
}

impl<S> Status<S> {
    /// Makes a status without data.
    pub fn new(current: S, message: impl Into<String>, since: Timestamp) -> Self {
        Self {
            current,
            message: message.into(),
            since,
            data: serde_json::Map::new(),
        }
    }
}

impl<S: PartialEq> Status<S> {
    /// Says whether both statuses say the same, whenever they were set. Saying it again is no news for the status history (Juju 3.6).
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.current == other.current && self.message == other.message && self.data == other.data
    }
}

/// Which of an entity's statuses a history record belongs to (`juju show-status-log --type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusKind {
    /// The status of a unit's agent.
    JujuUnit,
    /// The status of a unit's workload.
    Workload,
    /// The status that a leader set for its application.
    Application,
}

/// One entry of the status history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusRecord {
    /// The unit or application.
    pub entity: String,
    /// Which status.
    pub kind: StatusKind,
    /// The status word.
    pub status: String,
    /// The message.
    pub message: String,
    /// When it was set.
    pub since: Timestamp,
    /// The status data: of a failed hook, which one it was.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub data: serde_json::Map<String, serde_json::Value>,
}
