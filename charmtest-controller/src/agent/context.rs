//! What a hook tool may see and change while one hook or action runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::Notify;

use super::hook::{Hook, RelationHook, StorageHook};
use super::pending_secrets::PendingSecrets;
use crate::model::{Model, ModelUuid, PortRange, RelationId, Status, TaskId, UnitName, Workload};

/// The context of one running hook or action. Hook tools read it and write into it; what is pending in it is committed by one
/// transaction after the hook exits 0, and dropped otherwise.
#[derive(Debug, Clone)]
pub struct HookContext {
    /// The context id, `<unit>-<hook>-<32 hex>`: who knows it may use the tools of this hook, while it runs.
    pub id: String,
    /// The model.
    pub model: ModelUuid,
    /// The unit.
    pub unit: UnitName,
    /// The hook; `None` for actions and commands.
    pub hook: Option<Hook>,
    /// The action or command, if one runs.
    pub action: Option<ActionContext>,
    /// The model as it was when the hook began. Configuration and relation data are read from it, so they stay the same for the
    /// whole hook: Juju's agents cache both per hook, and what a remote unit writes meanwhile is the matter of the next `-changed`.
    pub base: Arc<Model>,
    /// The unit's status as `status-get` first saw it: later calls in the same hook answer the same, `status-set` or not (Juju 3.6).
    pub status_seen: Option<Status<Workload>>,
    /// What to commit at the end.
    pub pending: Pending,
    /// Asks the agent to kill the hook, reboot, and run it again (`juju-reboot --now`).
    pub kill: Arc<Notify>,
}

/// The action part of a context.
#[derive(Debug, Clone, Default)]
pub struct ActionContext {
    /// The task.
    pub task: TaskId,
    /// The action's name.
    pub name: String,
    /// The parameters, defaults inserted.
    pub params: Map<String, Value>,
    /// What `action-set` collected, nested.
    pub results: Map<String, Value>,
    /// The message of `action-fail`.
    pub failed: Option<String>,
}

/// Writes that wait for the end of the hook.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pending {
    /// `relation-set` of the unit's own databag, per relation; an empty value deletes.
    pub unit_settings: BTreeMap<RelationId, BTreeMap<String, String>>,
    /// `relation-set --app`, per relation.
    pub app_settings: BTreeMap<RelationId, BTreeMap<String, String>>,
    /// `open-port` per endpoint (`""`: all).
    pub open_ports: BTreeMap<String, BTreeSet<PortRange>>,
    /// `close-port` per endpoint.
    pub close_ports: BTreeMap<String, BTreeSet<PortRange>>,
    /// `state-set` (`Some`) and `state-delete` (`None`).
    pub charm_state: BTreeMap<String, Option<String>>,
    /// The `secret-*` tools.
    pub secrets: PendingSecrets,
    /// `storage-add`: storage by name with how many instances, call by call.
    pub storage: Vec<(String, u32)>,
    /// `juju-reboot` was called without `--now`.
    pub reboot: bool,
}

impl HookContext {
    /// Makes the context of a hook or action that is about to run.
    pub fn new(
        id: String,
        unit: UnitName,
        hook: Option<Hook>,
        action: Option<ActionContext>,
        base: Arc<Model>,
    ) -> Self {
        let model = base.info.uuid.clone();
        Self {
            id,
            model,
            unit,
            hook,
            action,
            base,
            status_seen: None,
            pending: Pending::default(),
            kill: Arc::default(),
        }
    }

    /// Returns the storage part of a storage hook.
    pub fn storage(&self) -> Option<&StorageHook> {
        self.hook.as_ref().and_then(Hook::storage)
    }

    /// Returns the relation part of a relation hook.
    pub fn relation(&self) -> Option<&RelationHook> {
        self.hook.as_ref().and_then(Hook::relation)
    }
}
