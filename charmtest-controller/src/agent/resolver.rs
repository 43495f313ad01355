//! What a unit's agent does next: a pure function of the model.
//!
//! The order is Juju 3.6's (its uniter's resolvers): a queued or failed hook first, then `relation-created`, leadership, secrets,
//! actions, storage, and on the idle path upgrade, `config-changed`, relation hooks, `update-status`. A step is never remembered: after every commit
//! the model is looked at afresh.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use charmtest_charm::Endpoint;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::hook::{Hook, RelationEvent, RelationHook, StorageEvent, StorageHook};
use super::secrets;
use crate::JujuVersion;
use crate::flags::parse_go_duration;
use crate::model::{
    CharmRow, Conflict, HookFailure, Life, Model, Moment, Relation, RelationId, RelationProgress,
    Resolved, Scope, StorageAttachment, StorageId, TaskId, TaskStatus, TimeScale, Unit, UnitName,
};

/// What an agent does next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// Run a hook that is due.
    Run(Hook),
    /// Run a failed hook again.
    Retry(Hook),
    /// Take a failed hook as done.
    SkipFailed(Hook),
    /// Run an action or a command.
    Action(TaskId),
    /// Put the charm's files in place: the first time, over an older charm, or again because that was interrupted.
    Unpack,
    /// Enter the scope of every alive relation: the units on the other side see this unit from then on.
    EnterScopes,
    /// Leave a relation's scope without a hook.
    LeaveScope(RelationId),
    /// Ask the subordinates of this dying unit to go.
    DestroySubordinates,
    /// Ask this subordinate to go: nothing ties it to its principal any more.
    Destroy,
    /// Make the directories of storage that is to be attached.
    ProvisionStorage(Vec<StorageId>),
    /// Let go of storage without a hook: its `storage-attached` never ran.
    DropStorage(StorageId),
    /// Remove the unit's record: nothing is left to do.
    Remove,
    /// Wait until something changes, or until that moment.
    Wait {
        /// When something is due by itself.
        until: Option<Timestamp>,
    },
}

/// Returns what the agent of `unit` does next.
pub(crate) fn next(model: &Model, unit: &Unit, moment: impl Into<Moment>) -> Step {
    let moment = moment.into();
    let now = moment.now;
    if unit.force_at.is_some_and(|at| at <= now) {
        return Step::Remove;
    }
    let forced = |relation: &&Relation| {
        relation
            .members
            .get(&unit.name)
            .is_some_and(|member| member.in_scope)
    };
    let forced = model
        .relations_of(unit.name.application())
        .filter(|relation| relation.force_at.is_some())
        .filter(forced);
    let mut limit = unit.force_at;
    for relation in forced {
        match relation.force_at {
            Some(at) if at <= now => return Step::LeaveScope(relation.id),
            at => limit = limit.into_iter().chain(at).min(),
        }
    }
    match (free_step(model, unit, moment), limit) {
        (Step::Wait { until }, Some(limit)) => Step::Wait {
            until: until.into_iter().chain([limit]).min(),
        },
        (step, _) => step,
    }
}

/// Returns what the agent does next while nothing is forced.
fn free_step(model: &Model, unit: &Unit, moment: Moment) -> Step {
    let now = moment.now;
    let progress = &unit.progress;
    let dying = unit.life != Life::Alive;
    if unit.life == Life::Dead || progress.removed {
        // A principal has run all its hooks by then, but waits for its subordinates.
        return match model.subordinates_of(&unit.name).next() {
            Some(_) => Step::Wait { until: None },
            None => Step::Remove,
        };
    }
    // A unit that is asked to go before its `install` was begun just goes.
    if dying && !progress.installed && progress.failure.is_none() && progress.storage.is_empty() {
        return Step::Remove;
    }
    if let Some(conflict) = &progress.conflict {
        return after_conflict(model, unit, conflict);
    }
    if progress.unpacking || progress.charm.is_none() {
        return Step::Unpack;
    }
    if progress.rebooted
        && progress.started
        && progress.failure.is_none()
        && progress.queued.is_none()
    {
        return Step::Run(Hook::Start);
    }
    if let Some(failure) = &progress.failure {
        return after_failure(model, unit, failure, now);
    }
    // `install` waits for the storage that the unit was deployed with; no other hook that comes next does.
    let before_install = progress
        .queued
        .as_ref()
        .map_or(!progress.installed, |queued| queued.hook == Hook::Install);
    if before_install && let Some(step) = storage_step(model, unit) {
        return step;
    }
    if let Some(queued) = &progress.queued {
        return match queued.not_before {
            Some(at) if at > now => Step::Wait { until: Some(at) },
            _ if is_obsolete(model, unit, &queued.hook) => Step::SkipFailed(queued.hook.clone()),
            _ => Step::Run(queued.hook.clone()),
        };
    }
    if !progress.installed {
        return Step::Run(Hook::Install);
    }
    if dying {
        dying_step(model, unit)
    } else {
        alive_step(model, unit, moment)
    }
}

/// Returns what the agent of `unit` is about to do, if it has something to do at once: not what waits for a moment to come.
pub(crate) fn due(model: &Model, unit: &Unit) -> Option<Step> {
    // At the beginning of time nothing timed is due yet.
    match next(model, unit, Timestamp::UNIX_EPOCH) {
        Step::Wait { .. } | Step::Remove => None,
        step => Some(step),
    }
}

/// Returns the fingerprint that `config-changed` compares: explicit configuration, trust, address (Juju's three hashes).
pub(crate) fn config_fingerprint(model: &Model, unit: &Unit) -> String {
    let app = model.applications.get(unit.name.application());
    let config = app.map(|app| serde_json::to_string(&app.config).unwrap_or_default());
    let parts = (
        config,
        app.map(|app| app.trust),
        model.address_of(&unit.name),
    );
    format!("{:x}", Sha256::digest(format!("{parts:?}")))
}

/// Returns a number from -`percent` to `percent` that is fixed for this unit and moment: the jitter of a wait, drawn once.
pub(crate) fn jitter(unit: &UnitName, at: Timestamp, percent: i64) -> i64 {
    let mut hasher = DefaultHasher::new();
    (unit, at.as_nanosecond()).hash(&mut hasher);
    (hasher.finish() % (2 * percent.unsigned_abs() + 1)).cast_signed() - percent
}

/// Says whether hooks run for `unit` in this relation: its charm declares the endpoint. For the implicit `juju-info`, and for an
/// endpoint that only another charm of the application has, none do: a unit that is still to be upgraded has the older charm.
pub(crate) fn has_hooks(model: &Model, unit: &UnitName, relation: &Relation) -> bool {
    let Some(endpoint) = relation.endpoint_of(unit.application()) else {
        return false;
    };
    let own = model
        .units
        .get(unit)
        .and_then(|row| model.charms.get(row.progress.charm.as_ref()?));
    let charm = own.or_else(|| model.charm_of(unit.application()));
    charm.is_some_and(|row| row.charm.metadata.endpoint(&endpoint.name).is_some())
}

/// Returns the relations that `unit` takes no part in because its charm has no such endpoint: a newer one may.
pub(crate) fn ignored_relations<'a>(
    model: &'a Model,
    unit: &'a UnitName,
) -> impl Iterator<Item = (&'a Relation, &'a str)> {
    let implicit = Endpoint::juju_info();
    model
        .relations_of(unit.application())
        .filter(|relation| !is_going(model, relation))
        .filter_map(|relation| {
            let endpoint = relation.endpoint_of(unit.application())?;
            Some((relation, endpoint.name.as_str()))
        })
        .filter(move |(relation, endpoint)| {
            *endpoint != implicit.name && !has_hooks(model, unit, relation)
        })
}

/// Says whether `relation` is going, or an application in it is.
pub(crate) fn is_going(model: &Model, relation: &Relation) -> bool {
    // The other model says by the relation's life that its application is going.
    let alive = |name: &str| {
        relation.is_foreign_application(name)
            || model
                .applications
                .get(name)
                .is_some_and(|app| app.life == Life::Alive)
    };
    relation.life != Life::Alive
        || !relation
            .endpoints
            .iter()
            .all(|endpoint| alive(&endpoint.application))
}

/// Returns the other units in `relation` that `unit` sees: in scope and not on their way out.
///
/// A dying unit is hidden at once, as Juju 3.6 does; the recorded 4.0.15 shows it until it has left the scope.
pub(crate) fn visible_members<'a>(
    model: &'a Model,
    unit: &UnitName,
    relation: &'a Relation,
) -> BTreeSet<&'a UnitName> {
    let remote = relation
        .remote_of(unit.application())
        .map(|endpoint| endpoint.application.as_str());
    let alive = |name: &UnitName| {
        relation.is_foreign(name)
            || model
                .units
                .get(name)
                .is_some_and(|unit| unit.life == Life::Alive)
    };
    // Within a container a unit sees its own principal or its own subordinates only. (The recorded 4.0.15 treats such a relation as
    // any other, which is a bug of it.)
    let container = |name: &UnitName| model.units.get(name).map(|unit| unit.container().clone());
    let own = container(unit);
    let near = |name: &UnitName| relation.scope == Scope::Global || container(name) == own;
    relation
        .members
        .iter()
        .filter(|(name, member)| member.in_scope && !member.departing && alive(name))
        .map(|(name, _)| name)
        .filter(|name| *name != unit && Some(name.application()) == remote)
        .filter(|name| near(name))
        .collect()
}

/// Says whether `relation` can concern `unit`: within a container, a subordinate has to do with its own principal's application and
/// with other subordinates only (Juju 3.6).
fn concerns(model: &Model, unit: &Unit, relation: &Relation) -> bool {
    let Some(principal) = &unit.principal else {
        return true;
    };
    if relation.scope == Scope::Global || relation.is_peer() {
        return true;
    }
    relation
        .remote_of(unit.name.application())
        .is_some_and(|remote| {
            remote.application == principal.application()
                || model.is_subordinate(&remote.application)
        })
}

/// Says whether a subordinate has lost the last relation within its container to its principal's application.
fn is_orphan(model: &Model, unit: &Unit) -> bool {
    let Some(principal) = &unit.principal else {
        return false;
    };
    let ties = |relation: &Relation| {
        relation.scope == Scope::Container
            && !is_going(model, relation)
            && relation
                .remote_of(unit.name.application())
                .is_some_and(|remote| remote.application == principal.application())
            && relation
                .members
                .get(&unit.name)
                .is_some_and(|member| member.in_scope)
    };
    !in_turn(model, unit).any(ties)
}

/// Says whether the subordinate that this unit would bring into `relation` is the one that is going just now; the unit waits for it to
/// be gone (Juju 3.6: "cannot enter scope for relation ...; waiting for subordinate to be removed").
fn waits_for_subordinate(model: &Model, unit: &Unit, relation: &Relation) -> bool {
    let Some(remote) = relation
        .remote_of(unit.name.application())
        .filter(|_| relation.scope == Scope::Container)
    else {
        return false;
    };
    model
        .subordinates_of(&unit.name)
        .any(|other| other.name.application() == remote.application && other.life != Life::Alive)
}

/// Reads an interval as model configuration holds it: a Go duration that is not negative.
fn interval(text: &str) -> Option<SignedDuration> {
    let nanos = parse_go_duration(text.trim()).ok()?;
    (nanos >= 0).then(|| SignedDuration::from_nanos(nanos))
}

/// The relations of `unit` in the order in which they are served.
///
/// Juju takes them in Go's random map order; here it is the order of their ids. This is the one place that chooses, so that a seed
/// can choose instead.
fn in_turn<'a>(model: &'a Model, unit: &'a Unit) -> impl Iterator<Item = &'a Relation> + Clone {
    model
        .relations_of(unit.name.application())
        .filter(|relation| concerns(model, unit, relation))
}

/// After an upgrade that could not write its files only `juju resolved`, of either kind, or a later upgrade by force goes on (Juju
/// 3.6).
fn after_conflict(model: &Model, unit: &Unit, conflict: &Conflict) -> Step {
    let app = model.applications.get(unit.name.application());
    let forced = app.is_some_and(|app| {
        app.force_charm && (app.charm != conflict.charm || app.charm_modified != conflict.modified)
    });
    match unit.resolved.is_some() || forced {
        true => Step::Unpack,
        false => Step::Wait { until: None },
    }
}

/// Returns the charm that [`Step::Unpack`] puts in place, and the application's change number that goes with it: what the application
/// has now, or again the charm whose files could not be written, once that is resolved.
pub(crate) fn charm_to_unpack(model: &Model, unit: &Unit) -> Option<(String, u64)> {
    let app = model.applications.get(unit.name.application())?;
    let again = unit.progress.conflict.as_ref();
    let again =
        again.filter(|conflict| unit.resolved.is_some() && model.charms.contains(&conflict.charm));
    Some(match again {
        Some(conflict) => (conflict.charm.clone(), conflict.modified),
        None => (app.charm.clone(), app.charm_modified),
    })
}

fn after_failure(model: &Model, unit: &Unit, failure: &HookFailure, now: Timestamp) -> Step {
    // Actions still run while a hook is in error.
    if let Some(task) = next_task(model, unit) {
        return Step::Action(task);
    }
    if let Some(step) = hookless_storage_step(model, unit, &failure.hook) {
        return step;
    }
    let app = model.applications.get(unit.name.application());
    if app.is_some_and(|app| app.force_charm) && charm_is_old(model, unit) {
        return Step::Unpack;
    }
    if is_obsolete(model, unit, &failure.hook) {
        return Step::SkipFailed(failure.hook.clone());
    }
    match unit.resolved {
        Some(Resolved::Skip) => return Step::SkipFailed(failure.hook.clone()),
        Some(Resolved::Retry) => return Step::Retry(failure.hook.clone()),
        None => {}
    }
    if model.config("automatically-retry-hooks") == Some("false") {
        return Step::Wait { until: None };
    }
    if failure.retry_at <= now {
        return Step::Retry(failure.hook.clone());
    }
    Step::Wait {
        until: Some(failure.retry_at),
    }
}

/// Says whether a waiting hook has lost its object: its relation was forced away, or the leadership went to another unit.
fn is_obsolete(model: &Model, unit: &Unit, hook: &Hook) -> bool {
    match hook {
        Hook::Relation(hook) => !model.relations.contains(&hook.relation),
        Hook::LeaderElected => !model.is_leader(&unit.name),
        Hook::Secret(hook) => secrets::is_obsolete(model, &unit.name, hook),
        Hook::Storage(hook) => {
            let instance = model.storage.get(&hook.storage);
            instance.is_none_or(|instance| instance.attachment_of(&unit.name).is_none())
        }
        _ => false,
    }
}

fn alive_step(model: &Model, unit: &Unit, moment: Moment) -> Step {
    if in_turn(model, unit).any(|relation| enters(model, unit, relation)) {
        return Step::EnterScopes;
    }
    if is_orphan(model, unit) {
        return Step::Destroy;
    }
    if let Some(hook) =
        in_turn(model, unit).find_map(|relation| created_hook(model, unit, relation))
    {
        return Step::Run(hook);
    }
    if let Some(hook) = leadership_hook(model, unit) {
        return Step::Run(hook);
    }
    if let Some(hook) = secrets::next_hook(model, unit, moment) {
        return Step::Run(hook);
    }
    if let Some(task) = next_task(model, unit) {
        return Step::Action(task);
    }
    if let Some(step) = storage_step(model, unit) {
        return step;
    }
    if charm_is_old(model, unit) {
        return Step::Unpack;
    }
    if unit.progress.config_seen.as_ref() != Some(&config_fingerprint(model, unit)) {
        return Step::Run(Hook::ConfigChanged);
    }
    if let Some(step) = relation_step(model, unit) {
        return step;
    }
    match update_status_at(model, unit, moment.scale) {
        Some(at) if at <= moment.now => Step::Run(Hook::UpdateStatus),
        update_status => {
            let timed = [update_status, secrets::next_due(model, unit, moment)];
            Step::Wait {
                until: timed.into_iter().flatten().min(),
            }
        }
    }
}

fn dying_step(model: &Model, unit: &Unit) -> Step {
    if let Some(task) = next_task(model, unit) {
        return Step::Action(task);
    }
    if model
        .subordinates_of(&unit.name)
        .any(|other| other.life == Life::Alive)
    {
        return Step::DestroySubordinates;
    }
    // Before the relations are torn down, though Juju's documentation names `stop` first.
    if let Some(step) = storage_step(model, unit) {
        return step;
    }
    if let Some(step) = relation_step(model, unit) {
        return step;
    }
    let progress = &unit.progress;
    if progress.started && !progress.stopped {
        return Step::Run(Hook::Stop);
    }
    Step::Run(Hook::Remove)
}

/// Says whether the unit has yet to enter the scope of an alive relation. Implicit endpoints enter as well, without any hook.
pub(crate) fn enters(model: &Model, unit: &Unit, relation: &Relation) -> bool {
    let implicit = relation
        .endpoint_of(unit.name.application())
        .is_some_and(|endpoint| endpoint.name == "juju-info");
    let inside = relation
        .members
        .get(&unit.name)
        .is_some_and(|member| member.in_scope);
    let done = unit
        .progress
        .relations
        .get(&relation.id)
        .is_some_and(|progress| progress.done);
    !inside
        && !done
        && !is_going(model, relation)
        && relation.suspension().is_none()
        && (implicit || has_hooks(model, &unit.name, relation))
        && concerns(model, unit, relation)
        && !waits_for_subordinate(model, unit, relation)
}

fn created_hook(model: &Model, unit: &Unit, relation: &Relation) -> Option<Hook> {
    let created = unit
        .progress
        .relations
        .get(&relation.id)
        .is_some_and(|progress| progress.created || progress.done);
    let ends = is_going(model, relation) || relation.suspension().is_some();
    if created || ends || !has_hooks(model, &unit.name, relation) {
        return None;
    }
    relation_hook(model, unit, relation, RelationEvent::Created, None)
}

fn leadership_hook(model: &Model, unit: &Unit) -> Option<Hook> {
    let progress = &unit.progress;
    if model.is_leader(&unit.name) {
        return (!progress.leader).then_some(Hook::LeaderElected);
    }
    if model.info.juju != JujuVersion::V3_6 {
        return None;
    }
    let version = model
        .applications
        .get(unit.name.application())?
        .leader_settings
        .version;
    (progress.leader_settings_seen != Some(version)).then_some(Hook::LeaderSettingsChanged)
}

/// Returns what comes next for the storage that the unit holds. Juju takes instances in Go's random map order; here it is the order of
/// their ids.
fn storage_step(model: &Model, unit: &Unit) -> Option<Step> {
    let hook = |event, storage: &StorageId| {
        Step::Run(Hook::Storage(StorageHook {
            event,
            storage: storage.clone(),
        }))
    };
    if let Some(step) = provision_step(model, unit) {
        return Some(step);
    }
    attachments(model, unit).find_map(|(id, held)| {
        let seen = unit.progress.storage.contains(id);
        match (stays(unit, held), seen) {
            (true, false) => Some(hook(StorageEvent::Attached, id)),
            (true, true) => None,
            (false, true) => Some(hook(StorageEvent::Detaching, id)),
            (false, false) => Some(Step::DropStorage(id.clone())),
        }
    })
}

/// Returns what is done about storage while `failed` waits: the machine makes it, and what goes before its hook ever ran just goes
/// (Juju 3.6).
fn hookless_storage_step(model: &Model, unit: &Unit, failed: &Hook) -> Option<Step> {
    let waits = |id: &StorageId| matches!(failed, Hook::Storage(hook) if hook.storage == *id);
    let mut attachments = attachments(model, unit);
    provision_step(model, unit).or_else(|| {
        attachments
            .find(|(id, held)| {
                !stays(unit, held) && !unit.progress.storage.contains(id) && !waits(id)
            })
            .map(|(id, _)| Step::DropStorage(id.clone()))
    })
}

fn provision_step(model: &Model, unit: &Unit) -> Option<Step> {
    let missing: Vec<StorageId> = attachments(model, unit)
        .filter(|(_, held)| stays(unit, held) && held.location.is_none())
        .map(|(id, _)| id.clone())
        .collect();
    (!missing.is_empty()).then_some(Step::ProvisionStorage(missing))
}

/// The storage that the unit holds, as far as its charm knows of it: what came with a newer charm waits until the unit has that charm,
/// because the older one knows no such hook.
fn attachments<'a>(
    model: &'a Model,
    unit: &'a Unit,
) -> impl Iterator<Item = (&'a StorageId, &'a StorageAttachment)> {
    let charm = unit.progress.charm.as_ref();
    let charm = charm.and_then(|url| model.charms.get(url));
    let is_known = move |id: &StorageId| {
        let declares = |row: &CharmRow| row.charm.metadata.storage.contains_key(id.name());
        unit.progress.storage.contains(id) || charm.is_none_or(declares)
    };
    model
        .storage_of(&unit.name)
        .filter(move |instance| is_known(&instance.id))
        .filter_map(|instance| Some((&instance.id, instance.attachment.as_ref()?)))
}

fn stays(unit: &Unit, held: &StorageAttachment) -> bool {
    held.life == Life::Alive && unit.life == Life::Alive
}

/// Returns the unit's oldest task that has not started.
fn next_task(model: &Model, unit: &Unit) -> Option<TaskId> {
    let receiver = unit.name.clone().into();
    let mut open = model.tasks.open_of(&receiver);
    open.find(|task| task.status == TaskStatus::Pending)
        .map(|task| task.id)
}

fn charm_is_old(model: &Model, unit: &Unit) -> bool {
    let Some(app) = model.applications.get(unit.name.application()) else {
        return false;
    };
    unit.progress.charm.as_ref() != Some(&app.charm)
        || unit.progress.charm_modified != app.charm_modified
}

/// Returns the next relation hook: all other relations before peers, so that peer data is there while the others are torn down.
fn relation_step(model: &Model, unit: &Unit) -> Option<Step> {
    let relations = in_turn(model, unit);
    let others = relations.clone().filter(|relation| !relation.is_peer());
    let peers = relations.filter(|relation| relation.is_peer());
    others
        .chain(peers)
        .find_map(|relation| step_in_relation(model, unit, relation))
}

fn step_in_relation(model: &Model, unit: &Unit, relation: &Relation) -> Option<Step> {
    let hook = |event, remote: Option<&UnitName>| {
        relation_hook(model, unit, relation, event, remote).map(Step::Run)
    };
    let unknown = RelationProgress::default();
    let local = unit
        .progress
        .relations
        .get(&relation.id)
        .unwrap_or(&unknown);
    let inside = relation
        .members
        .get(&unit.name)
        .is_some_and(|member| member.in_scope);
    let going =
        is_going(model, relation) || relation.suspension().is_some() || unit.life != Life::Alive;
    if local.done || !inside {
        return None;
    }
    if !local.created || !has_hooks(model, &unit.name, relation) {
        return going.then_some(Step::LeaveScope(relation.id));
    }
    if let Some(joined) = &local.changed_pending {
        return hook(RelationEvent::Changed, Some(joined));
    }
    let visible = if going {
        BTreeSet::new()
    } else {
        visible_members(model, &unit.name, relation)
    };
    if let Some(left) = local.members.keys().find(|name| !visible.contains(name)) {
        return hook(RelationEvent::Departed, Some(left));
    }
    if going {
        // Peers never get `-broken` in 3.6 (4.0.15 was seen to run one after a restart of the agent); a peer relation is left when
        // the unit's record goes, so that `stop` and `remove` still find its data.
        return if relation.is_peer() {
            None
        } else {
            hook(RelationEvent::Broken, None)
        };
    }
    let remote = relation.remote_of(unit.name.application())?;
    let bag = relation
        .applications
        .get(&remote.application)
        .map_or(0, |bag| bag.version);
    if bag
        != local
            .applications
            .get(&remote.application)
            .copied()
            .unwrap_or_default()
    {
        return hook(RelationEvent::Changed, None);
    }
    if let Some(fresh) = visible
        .iter()
        .find(|name| !local.members.contains_key(**name))
    {
        return hook(RelationEvent::Joined, Some(fresh));
    }
    let version = |name: &UnitName| {
        relation
            .members
            .get(name)
            .map_or(0, |member| member.bag.version)
    };
    let stale = local
        .members
        .iter()
        .find(|(name, seen)| version(name) != **seen);
    stale.and_then(|(name, _)| hook(RelationEvent::Changed, Some(name)))
}

fn relation_hook(
    model: &Model,
    unit: &Unit,
    relation: &Relation,
    event: RelationEvent,
    remote: Option<&UnitName>,
) -> Option<Hook> {
    let application = unit.name.application();
    // Juju names the local unit when it, or its application, is the one that goes.
    let leaving_here = unit.life != Life::Alive
        || model
            .applications
            .get(application)
            .is_none_or(|app| app.life != Life::Alive);
    let departing = if leaving_here {
        Some(&unit.name)
    } else {
        remote
    };
    Some(Hook::Relation(RelationHook {
        event,
        relation: relation.id,
        endpoint: relation.endpoint_of(application)?.name.clone(),
        remote_application: relation.remote_of(application)?.application.clone(),
        remote_unit: remote.cloned(),
        departing_unit: departing
            .filter(|_| event == RelationEvent::Departed)
            .cloned(),
    }))
}

/// Returns when `update-status` is due: the interval after the last hook, give or take 20 %.
fn update_status_at(model: &Model, unit: &Unit, scale: TimeScale) -> Option<Timestamp> {
    let last = unit.progress.last_hook?;
    let interval = interval(model.config("update-status-hook-interval")?)?;
    let percent = 100 + jitter(&unit.name, last, 20);
    let wait =
        SignedDuration::try_from_secs_f64(interval.as_secs_f64() * percent as f64 / 100.0).ok()?;
    last.checked_add(scale.shorten(wait)).ok()
}

#[cfg(test)]
#[path = "resolver_tests.rs"]
mod tests;
