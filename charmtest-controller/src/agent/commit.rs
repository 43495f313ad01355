//! What the steps of an agent change in the model: pure functions over a transaction's copy.
//!
//! Everything that one hook commits is one call here, made in one transaction. Each function leaves the model alone when the unit is
//! no longer there: it may be removed by force at any moment.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::hook::{Hook, RelationEvent, RelationHook};
use super::resolver::{config_fingerprint, enters, jitter};
use super::secrets;
use super::tidy::elect;
use crate::model::changes::{add_subordinate, forget_excess};
use crate::model::{
    AgentStatus, Conflict, HookFailure, Life, Model, QueuedHook, RelationId, Running, Scope,
    Status, TaskId, TaskStatus, Timing, Unit, UnitName, Workload,
};
use crate::tools::network_settings;

/// Shows that the machine takes the unit up: the moment between "waiting for machine" and the agent's first word.
pub(crate) fn take_up(model: &mut Model, unit: &UnitName, now: Timestamp) {
    if let Some(row) = model.units.get_mut(unit)
        && is_new(row)
    {
        row.workload = Status::new(Workload::Waiting, "installing agent", now);
    }
}

/// Says whether no agent has done anything for the unit yet.
pub(crate) fn is_new(unit: &Unit) -> bool {
    let progress = &unit.progress;
    progress.charm.is_none() && !progress.unpacking && !unit.charm_set_status
}

/// Notes that the charm's files are about to be written. That takes up a `juju resolved` after an upgrade that failed.
pub(crate) fn begin_unpack(model: &mut Model, unit: &UnitName, now: Timestamp) {
    let Some(row) = model.units.get_mut(unit) else {
        return;
    };
    row.progress.unpacking = true;
    if row.progress.conflict.take().is_some() {
        row.resolved = None;
    }
    if row.progress.charm.is_none() && !row.charm_set_status {
        row.workload = Status::new(Workload::Waiting, "agent initialising", now);
    }
}

/// Notes that the files of the charm `url` are in place, as of the application's change number `modified`.
///
/// The first time the unit's agent is up: it takes the leadership if nobody has it, and `install` comes next. Later `upgrade-charm`
/// comes next, unless a hook is in error (a forced upgrade): then that hook stays the next one.
pub(crate) fn finish_unpack(model: &mut Model, unit: &UnitName, url: &str, modified: u64) {
    let Some(row) = model.units.get_mut(unit) else {
        return;
    };
    let progress = &mut row.progress;
    progress.unpacking = false;
    progress.charm_modified = modified;
    let first = progress.charm.replace(url.to_owned()).is_none();
    if first {
        queue(row, Hook::Install);
    } else if progress.installed && progress.failure.is_none() && progress.queued.is_none() {
        queue(row, Hook::UpgradeCharm);
    }
    elect(model, unit.application());
}

/// Shows that the files of the charm `url` could not be written over those of an older charm; the agent waits until that is resolved
/// (Juju 3.6). A first charm that cannot be written is not shown: the agent tries again.
pub(crate) fn fail_unpack(
    model: &mut Model,
    unit: &UnitName,
    url: &str,
    modified: u64,
    now: Timestamp,
) {
    let Some(row) = model.units.get_mut(unit) else {
        return;
    };
    if row.progress.charm.is_none() {
        return;
    }
    row.progress.conflict = Some(Conflict {
        charm: url.to_owned(),
        modified,
    });
    row.agent = Status::new(AgentStatus::Error, "upgrade failed", now);
}

/// Notes that `hook` is about to run in the context `context`, and shows it in the statuses.
pub(crate) fn begin_hook(
    model: &mut Model,
    unit: &UnitName,
    hook: &Hook,
    context: &str,
    now: Timestamp,
) {
    let Some(row) = model.units.get_mut(unit) else {
        return;
    };
    row.progress.running = Some(Running {
        context: context.to_owned(),
        hook: Some(hook.clone()),
        task: None,
    });
    if row.resolved.take().is_some()
        && let Some(failure) = &mut row.progress.failure
    {
        // A re-run that the operator asked for starts the back-off anew.
        failure.attempts = 0;
    }
    // `update-status` runs without being shown.
    if *hook == Hook::UpdateStatus {
        return;
    }
    row.agent = Status::new(AgentStatus::Executing, hook.running_message(), now);
    match hook {
        Hook::Install if !row.charm_set_status => {
            row.workload = Status::new(Workload::Maintenance, "installing charm software", now);
        }
        Hook::Stop => {
            row.workload = Status::new(Workload::Maintenance, "stopping charm software", now)
        }
        Hook::Remove => {
            row.workload = Status::new(
                Workload::Maintenance,
                "cleaning up prior to charm deletion",
                now,
            )
        }
        _ => {}
    }
}

/// Takes `hook` as done: what it saw of the model is `base`, the model as it was when the hook began.
pub(crate) fn finish_hook(
    model: &mut Model,
    unit: &UnitName,
    hook: &Hook,
    base: &Model,
    now: Timestamp,
) {
    let is_leader = model.is_leader(unit);
    let Some(row) = model.units.get_mut(unit) else {
        return;
    };
    end_hook(row, hook);
    row.resolved = None;
    row.progress.failure = None;
    row.progress.last_hook = Some(now);
    if row.agent.current == AgentStatus::Error {
        row.agent = Status::new(AgentStatus::Idle, "", now);
    }
    match hook {
        Hook::Install => row.progress.installed = true,
        Hook::LeaderElected => {
            row.progress.leader = is_leader;
            row.progress.leader_settings_seen = leader_settings(base, unit);
        }
        Hook::LeaderSettingsChanged => {
            row.progress.leader_settings_seen = leader_settings(base, unit)
        }
        Hook::ConfigChanged => {
            row.progress.config_seen = base
                .units
                .get(unit)
                .map(|seen| config_fingerprint(base, seen));
            if !row.progress.started {
                queue(row, Hook::Start);
            }
        }
        Hook::Start => {
            row.progress.started = true;
            row.progress.stopped = false;
            row.progress.rebooted = false;
            if !row.charm_set_status {
                row.workload = Status::new(Workload::Unknown, "", now);
            }
        }
        Hook::UpdateStatus => {}
        Hook::UpgradeCharm => queue(row, Hook::ConfigChanged),
        Hook::Stop => {
            row.progress.stopped = true;
            row.workload = Status::new(Workload::Maintenance, "", now);
        }
        Hook::Remove => {
            row.progress.removed = true;
            row.workload = Status::new(Workload::Terminated, "", now);
        }
        Hook::Relation(hook) => finish_relation_hook(model, unit, hook, base),
        Hook::Secret(hook) => secrets::finish(model, unit, hook, now),
        Hook::Storage(hook) => super::storage::finish_storage_hook(model, unit, hook, now),
    }
}

/// Puts the unit into error because `hook` failed, and says when it is tried again.
pub(crate) fn fail_hook(
    model: &mut Model,
    unit: &UnitName,
    hook: &Hook,
    timing: &Timing,
    now: Timestamp,
) {
    let Some(row) = model.units.get_mut(unit) else {
        return;
    };
    end_hook(row, hook);
    let attempts = row
        .progress
        .failure
        .as_ref()
        .map_or(0, |failure| failure.attempts)
        + 1;
    let retry_at = now
        .checked_add(retry_delay(timing, attempts, &row.name, now))
        .unwrap_or(now);
    row.progress.failure = Some(HookFailure {
        hook: hook.clone(),
        attempts,
        retry_at,
    });
    show_failure(row, now);
}

/// Puts `hook` first in line again: its process was killed, or the agent ended under it. Nothing that it did is committed.
pub(crate) fn requeue_hook(
    model: &mut Model,
    unit: &UnitName,
    hook: &Hook,
    not_before: Option<Timestamp>,
) {
    let Some(row) = model.units.get_mut(unit) else {
        return;
    };
    row.progress.running = None;
    row.progress.failure = None;
    row.progress.queued = Some(QueuedHook {
        hook: hook.clone(),
        not_before,
    });
}

/// Notes that a task is about to run in the context `context`.
pub(crate) fn begin_task(
    model: &mut Model,
    unit: &UnitName,
    id: TaskId,
    context: &str,
    now: Timestamp,
) {
    let begun = model.tasks.update(id, |task| {
        task.status = TaskStatus::Running;
        task.started = Some(now);
        format!("running action {}", task.action)
    });
    let Some(message) = begun else {
        return;
    };
    let Some(row) = model.units.get_mut(unit) else {
        return;
    };
    row.progress.running = Some(Running {
        context: context.to_owned(),
        hook: None,
        task: Some(id),
    });
    row.agent = Status::new(AgentStatus::Executing, message, now);
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TaskEnd {
    /// Where it stands now.
    pub(crate) status: TaskStatus,
    /// Why it failed.
    pub(crate) message: String,
    /// What it gave back.
    pub(crate) results: Map<String, Value>,
}

impl TaskEnd {
    /// Makes the end of a task that has no results.
    pub(crate) fn without_results(status: TaskStatus, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            results: Map::new(),
        }
    }
}

/// Notes how a task ended. Actions never put a unit into error; one that is in error stays so.
pub(crate) fn finish_task(
    model: &mut Model,
    unit: &UnitName,
    id: TaskId,
    end: TaskEnd,
    now: Timestamp,
) {
    model.tasks.update(id, |task| {
        task.status = end.status;
        task.message = end.message;
        task.results = end.results;
        task.completed = Some(now);
    });
    forget_excess(model, now);
    let Some(row) = model.units.get_mut(unit) else {
        return;
    };
    row.progress.running = None;
    if row.progress.failure.is_some() {
        show_failure(row, now);
    }
}

/// Says whether an agent that starts finds something that an earlier one left behind, see [`recover`].
pub(crate) fn is_interrupted(unit: &Unit) -> bool {
    unit.progress.running.is_some() || unit.progress.conflict.is_some()
}

/// Takes up what an agent that was killed left behind: its hook runs again, its action has failed, and an upgrade that failed is tried
/// again (Juju 3.6).
pub(crate) fn recover(model: &mut Model, unit: &UnitName, now: Timestamp) {
    if let Some(row) = model.units.get_mut(unit) {
        row.progress.conflict = None;
    }
    let Some(running) = model
        .units
        .get(unit)
        .and_then(|row| row.progress.running.clone())
    else {
        return;
    };
    match (running.hook, running.task) {
        (Some(hook), _) => requeue_hook(model, unit, &hook, None),
        (None, Some(task)) => {
            let end = TaskEnd::without_results(TaskStatus::Failed, "action terminated");
            finish_task(model, unit, task, end, now);
        }
        (None, None) => {
            if let Some(row) = model.units.get_mut(unit) {
                row.progress.running = None;
            }
        }
    }
}

/// Does what a reboot of the unit's machine does to agents: every unit there that was started runs `start` again, once no other hook
/// of it is queued or in error (Juju 3.6).
pub(crate) fn reboot(model: &mut Model, unit: &UnitName, now: Timestamp) {
    let Some(row) = model.units.get_mut(unit) else {
        return;
    };
    row.agent = Status::new(AgentStatus::Rebooting, "", now);
    let machine = row.machine.clone();
    let there: Vec<UnitName> = model
        .units
        .values()
        .filter(|row| row.machine == machine && row.progress.started)
        .map(|row| row.name.clone())
        .collect();
    for name in there {
        if let Some(row) = model.units.get_mut(&name) {
            row.progress.rebooted = true;
        }
    }
}

/// Shows that the agent itself failed, and takes up what it left behind; it is started again after a moment.
pub(crate) fn fail_agent(model: &mut Model, unit: &UnitName, now: Timestamp) {
    recover(model, unit, now);
    if let Some(row) = model.units.get_mut(unit) {
        row.agent = Status::new(AgentStatus::Failed, "resolver loop error", now);
    }
}

/// Shows that the agent has nothing to do.
pub(crate) fn settle(model: &mut Model, unit: &UnitName, now: Timestamp) {
    let Some(row) = model.units.get_mut(unit) else {
        return;
    };
    row.agent = Status::new(AgentStatus::Idle, "", now);
    // `resolved` for a unit that got well by itself in the meantime.
    row.resolved = None;
}

/// Says whether [`settle`] would change anything.
pub(crate) fn is_unsettled(unit: &Unit) -> bool {
    let progress = &unit.progress;
    // A principal that has run its last hook shows that until its subordinates are gone as well.
    let waits = progress.failure.is_some()
        || progress.conflict.is_some()
        || progress.queued.is_some()
        || progress.removed;
    !waits && (unit.agent.current != AgentStatus::Idle || unit.resolved.is_some())
}

/// Enters the scope of every alive relation that the unit is not yet in. Its subordinates come with that (Juju 3.6).
pub(crate) fn enter_scopes(model: &mut Model, unit: &UnitName, now: Timestamp) {
    let Some(row) = model.units.get(unit) else {
        return;
    };
    let entered: Vec<RelationId> = model
        .relations_of(unit.application())
        .filter(|relation| enters(model, row, relation))
        .map(|relation| relation.id)
        .collect();
    for id in entered {
        let addresses = network_settings(model, unit, id);
        let Some(relation) = model.relations.get_mut(&id) else {
            continue;
        };
        let member = relation.members.entry(unit.clone()).or_default();
        // Created or reset; the version goes on counting, so that others notice.
        member.bag.data.clear();
        member.bag.merge(&addresses);
        member.in_scope = true;
        member.departing = false;
        bring_subordinate(model, unit, id, now);
    }
}

/// Adds the subordinate that a principal brings into a relation within its container.
fn bring_subordinate(model: &mut Model, unit: &UnitName, id: RelationId, now: Timestamp) {
    let is_principal = model
        .units
        .get(unit)
        .is_some_and(|row| row.principal.is_none());
    let remote = model
        .relations
        .get(&id)
        .filter(|relation| is_principal && relation.scope == Scope::Container)
        .and_then(|relation| relation.remote_of(unit.application()))
        .map(|endpoint| endpoint.application.clone());
    if let Some(remote) = remote.filter(|remote| model.is_subordinate(remote)) {
        add_subordinate(model, &remote, unit, now);
    }
}

/// Leaves the scope of a relation, for good unless the relation is suspended; the databag stays readable until the relation goes.
pub(crate) fn leave_scope(model: &mut Model, unit: &UnitName, id: RelationId) {
    let Some(relation) = model.relations.get_mut(&id) else {
        return;
    };
    if let Some(member) = relation.members.get_mut(unit) {
        member.in_scope = false;
    }
    // A suspended relation may be resumed, or was while the hook ran: then everything begins anew.
    let comes_again = relation.life == Life::Alive && relation.cross_model.is_some();
    if let Some(row) = model.units.get_mut(unit) {
        if comes_again && row.life == Life::Alive {
            row.progress.relations.remove(&id);
        } else {
            row.progress.relations.entry(id).or_default().done = true;
        }
    }
}

fn finish_relation_hook(model: &mut Model, unit: &UnitName, hook: &RelationHook, base: &Model) {
    // Removed by force while the hook ran: nothing is left to note it in.
    if !model.relations.contains(&hook.relation) {
        return;
    }
    if hook.event == RelationEvent::Broken {
        leave_scope(model, unit, hook.relation);
        return;
    }
    let seen = base.relations.get(&hook.relation);
    let Some(row) = model.units.get_mut(unit) else {
        return;
    };
    let progress = row.progress.relations.entry(hook.relation).or_default();
    let unit_version = |name: &UnitName| {
        seen.and_then(|relation| relation.members.get(name))
            .map_or(0, |member| member.bag.version)
    };
    match (hook.event, &hook.remote_unit) {
        (RelationEvent::Created, _) => progress.created = true,
        (RelationEvent::Joined, Some(remote)) => {
            progress
                .members
                .insert(remote.clone(), unit_version(remote));
            progress.changed_pending = Some(remote.clone());
        }
        (RelationEvent::Changed, Some(remote)) => {
            progress
                .members
                .insert(remote.clone(), unit_version(remote));
            if progress.changed_pending.as_ref() == Some(remote) {
                progress.changed_pending = None;
            }
        }
        (RelationEvent::Changed, None) => {
            let application = &hook.remote_application;
            let version = seen
                .and_then(|relation| relation.applications.get(application))
                .map_or(0, |bag| bag.version);
            progress.applications.insert(application.clone(), version);
        }
        (RelationEvent::Departed, Some(remote)) => {
            progress.members.remove(remote);
            if progress.changed_pending.as_ref() == Some(remote) {
                progress.changed_pending = None;
            }
        }
        (RelationEvent::Joined | RelationEvent::Departed, None) | (RelationEvent::Broken, _) => {}
    }
}

fn end_hook(row: &mut Unit, hook: &Hook) {
    row.progress.running = None;
    if row
        .progress
        .queued
        .as_ref()
        .is_some_and(|queued| queued.hook == *hook)
    {
        row.progress.queued = None;
    }
}

fn queue(row: &mut Unit, hook: Hook) {
    row.progress.queued = Some(QueuedHook {
        hook,
        not_before: None,
    });
}

fn leader_settings(base: &Model, unit: &UnitName) -> Option<u64> {
    base.applications
        .get(unit.application())
        .map(|app| app.leader_settings.version)
}

/// Shows the pending failure: the agent is in `error`; `juju status` shows that as the workload's status.
fn show_failure(row: &mut Unit, now: Timestamp) {
    let Some(failure) = &row.progress.failure else {
        return;
    };
    // The full name only for relation hooks (Juju 3.6): a failed `data-storage-attached` is shown as "storage-attached".
    let shown = match failure.hook.relation() {
        Some(_) => failure.hook.name(),
        None => failure.hook.kind(),
    };
    let mut status = Status::new(AgentStatus::Error, format!("hook failed: {shown:?}"), now);
    status
        .data
        .insert("hook".to_owned(), Value::from(failure.hook.name()));
    if let Some(hook) = failure.hook.relation() {
        status
            .data
            .insert("relation-id".to_owned(), Value::from(hook.relation));
        if let Some(remote) = &hook.remote_unit {
            status
                .data
                .insert("remote-unit".to_owned(), Value::from(remote.as_str()));
        }
    }
    if let Hook::Secret(hook) = &failure.hook {
        let mut put =
            |key: &str, value: &str| status.data.insert(key.to_owned(), Value::from(value));
        put("secret-uri", &hook.uri);
        if !hook.label.is_empty() {
            put("secret-label", &hook.label);
        }
    }
    row.agent = status;
}

/// Returns the delay before attempt `attempts + 1`: it doubles from the first to the longest, give or take 3 %.
fn retry_delay(timing: &Timing, attempts: u32, unit: &UnitName, now: Timestamp) -> SignedDuration {
    let doubled = timing
        .hook_retry_first
        .saturating_mul(1_u32.checked_shl(attempts - 1).unwrap_or(u32::MAX));
    let delay = doubled.min(timing.hook_retry_max);
    // Juju's first delay is exact, the jitter comes with the doubling.
    let percent = if attempts > 1 {
        100 + jitter(unit, now, 3)
    } else {
        100
    };
    let jittered = delay.mul_f64(percent as f64 / 100.0);
    SignedDuration::try_from(jittered.min(Duration::from_secs(1 << 30)))
        .unwrap_or(SignedDuration::ZERO)
}

/// Takes up `juju resolved --no-retry`: the failed hook counts as done, with everything that follows from it.
pub(crate) fn skip_failed(model: &mut Model, unit: &UnitName, hook: &Hook, now: Timestamp) {
    let base = model.clone();
    finish_hook(model, unit, hook, &base, now);
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
