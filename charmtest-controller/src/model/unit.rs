//! Units and what their agents have done so far.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::application::ResourceRow;
use super::ids::{RelationId, TaskId, UnitName};
use super::secret::SecretId;
use super::state::Life;
use super::status::{AgentStatus, Status, Workload};
use super::storage::StorageId;
use crate::agent::Hook;

/// A port range that a unit opened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortRange {
    /// `tcp`, `udp` or `icmp`.
    pub protocol: String,
    /// First port; 0 for icmp.
    pub from: u16,
    /// Last port, inclusive.
    pub to: u16,
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.protocol.as_str(), self.from, self.to) {
            ("icmp", ..) => f.write_str("icmp"),
            (protocol, from, to) if from == to => write!(f, "{from}/{protocol}"),
            (protocol, from, to) => write!(f, "{from}-{to}/{protocol}"),
        }
    }
}

impl Unit {
    /// Returns the principal unit whose container this unit is in: its own name, or that of its principal.
    pub fn container(&self) -> &UnitName {
        self.principal.as_ref().unwrap_or(&self.name)
    }
}

/// How `juju resolved` wants a failed hook to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resolved {
    /// Run the hook again.
    Retry,
    /// Take the hook as done (`--no-retry`).
    Skip,
}

/// A hook that failed and waits to be retried or resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HookFailure {
    /// The hook.
    pub hook: Hook,
    /// How often it failed in a row.
    pub attempts: u32,
    /// When it is retried by itself, unless the model's `automatically-retry-hooks` is off.
    pub retry_at: Timestamp,
}

/// A hook that comes next whatever else is due (Juju's step "queued").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueuedHook {
    /// The hook.
    pub hook: Hook,
    /// Not before this moment: a hook that was killed waits a little, so that one that always gets killed does not spin.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
}

/// What a unit's agent knows of one relation: the basis for which relation hook is next.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RelationProgress {
    /// `relation-created` was committed.
    pub created: bool,
    /// Remote units whose `-joined` was committed, with the bag version that `-changed` last saw.
    pub members: BTreeMap<UnitName, u64>,
    /// The unit whose `-joined` was just committed: its `-changed` comes next.
    pub changed_pending: Option<UnitName>,
    /// Application bag versions that `-changed` last saw.
    pub applications: BTreeMap<String, u64>,
    /// `-broken` was committed (or will never come): nothing more happens here.
    pub done: bool,
}

/// What a unit's agent has told its charm about secrets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SecretProgress {
    /// The revision that the last committed `secret-changed` was about.
    pub changed: BTreeMap<SecretId, u32>,
    /// Revisions for which `secret-remove` was committed.
    pub removed: BTreeMap<SecretId, BTreeSet<u32>>,
}

impl SecretProgress {
    /// Says whether there is anything about the secret.
    pub fn knows(&self, id: &SecretId) -> bool {
        self.changed.contains_key(id) || self.removed.contains_key(id)
    }

    /// Forgets a secret that is gone.
    pub fn forget(&mut self, id: &SecretId) {
        self.changed.remove(id);
        self.removed.remove(id);
    }
}

/// An upgrade that could not write its files over those of the older charm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The URL of the newer charm.
    pub charm: String,
    /// The application's `charm_modified` at that time.
    pub modified: u64,
}

/// What a unit's agent has committed: everything the resolver needs beside the model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct UnitProgress {
    /// `install` was committed.
    pub installed: bool,
    /// `start` was committed.
    pub started: bool,
    /// `stop` was committed.
    pub stopped: bool,
    /// `remove` was committed.
    pub removed: bool,
    /// `leader-elected` was committed for the present leadership.
    pub leader: bool,
    /// The version of the leader settings at the last committed `leader-settings-changed` (Juju 3.6: a minion runs one at start-up,
    /// whether anything was set or not).
    #[serde(default)]
    pub leader_settings_seen: Option<u64>,
    /// Fingerprint of configuration, trust and addresses at the last committed `config-changed`; `None` forces one.
    pub config_seen: Option<String>,
    /// The URL of the charm in the charm directory.
    pub charm: Option<String>,
    /// The application's `charm_modified` that this unit has caught up with.
    pub charm_modified: u64,
    /// Files of a charm are being written to the charm directory; nothing may run from it until that was finished.
    #[serde(default)]
    pub unpacking: bool,
    /// The upgrade that could not write its files; the agent does nothing else until that is resolved.
    #[serde(default)]
    pub conflict: Option<Conflict>,
    /// The hook that comes next whatever else is due.
    #[serde(default)]
    pub queued: Option<QueuedHook>,
    /// Relations.
    pub relations: BTreeMap<RelationId, RelationProgress>,
    /// The machine was rebooted and the charm has not been told yet: `start` runs again.
    #[serde(default)]
    pub rebooted: bool,
    /// Secrets.
    #[serde(default)]
    pub secrets: SecretProgress,
    /// Storage whose `storage-attached` was committed and whose `storage-detaching` was not.
    #[serde(default)]
    pub storage: BTreeSet<StorageId>,
    /// Resources that `resource-get` brought to the unit, as they were then.
    #[serde(default)]
    pub resources: BTreeMap<String, ResourceRow>,
    /// A hook that failed.
    pub failure: Option<HookFailure>,
    /// The hook that was started and has not ended: after a crash it runs again.
    pub running: Option<Running>,
    /// When the last hook was committed; `update-status` counts from it.
    pub last_hook: Option<Timestamp>,
}

/// What an agent is running right now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// The context id that its processes carry in `JUJU_CONTEXT_ID`.
    pub context: String,
    /// The hook, or none while an action runs.
    pub hook: Option<Hook>,
    /// The task, while an action or command runs.
    pub task: Option<TaskId>,
}

/// A unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// Its name.
    pub name: UnitName,
    /// The id of its machine.
    pub machine: String,
    /// The principal unit of a subordinate.
    pub principal: Option<UnitName>,
    /// Whether it is going.
    pub life: Life,
    /// What its charm said last, or Juju itself before that.
    pub workload: Status<Workload>,
    /// Whether the charm ever called `status-set` for the unit.
    pub charm_set_status: bool,
    /// What its agent does.
    pub agent: Status<AgentStatus>,
    /// What `application-version-set` said last on this unit.
    pub workload_version: Option<String>,
    /// Opened ports by endpoint; `""` stands for all endpoints.
    pub ports: BTreeMap<String, BTreeSet<PortRange>>,
    /// What `state-set` stored.
    pub charm_state: BTreeMap<String, String>,
    /// What its agent has done.
    pub progress: UnitProgress,
    /// A `juju resolved` that the agent has not taken up yet.
    pub resolved: Option<Resolved>,
    /// When the unit goes whatever its agent has done by then (`--force` without `--no-wait`).
    #[serde(default)]
    pub force_at: Option<Timestamp>,
}
