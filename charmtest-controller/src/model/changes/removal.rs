//! Taking things away: marking them as dying, and removing the records once nothing holds them.
//!
//! An entity with an agent behind it becomes Dying, its agent runs the last hooks, and the record goes with
//! [`remove_unit_record`]. What no agent has ever seen goes at once.

use jiff::{SignedDuration, Timestamp};

use super::ChangeError;
use super::secret::{forget_application, forget_relation, forget_unit};
use super::storage::{destroy_all, end_attachments, release_all};
use crate::model::{
    AgentStatus, Life, Model, Relation, RelationId, TaskReceiver, TaskStatus, Unit, UnitName,
};

/// How removal goes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Haste {
    /// Agents run their last hooks.
    Orderly,
    /// Agents run their last hooks, but not for longer than until then (`--force`).
    ForcedAt(Timestamp),
    /// The record goes at once (`--force --no-wait`); no hook runs any more.
    Forced,
}

/// How long agents are given for their last hooks by `--force` without `--no-wait` (Juju 3.6).
const FORCE_WAIT: SignedDuration = SignedDuration::from_mins(1);

impl Haste {
    /// Returns the haste of a command's `--force` and `--no-wait`.
    pub fn of(force: bool, no_wait: bool, now: Timestamp) -> Self {
        match (force, no_wait) {
            (false, _) => Self::Orderly,
            (true, true) => Self::Forced,
            (true, false) => Self::ForcedAt(now.checked_add(FORCE_WAIT).unwrap_or(now)),
        }
    }

    /// Returns the earlier of a moment that was set before and the one that this haste sets.
    fn limit(self, before: Option<Timestamp>) -> Option<Timestamp> {
        let own = match self {
            Self::ForcedAt(at) => Some(at),
            Self::Orderly | Self::Forced => None,
        };
        before.into_iter().chain(own).min()
    }
}

/// Asks a unit to go (Juju 3.6, `juju remove-unit`).
///
/// A unit whose agent never reported is removed at once, without hooks. Asking twice is no error.
///
/// # Errors
///
/// Fails when there is no such unit, or it is a subordinate: those go with their principal or their relation to it.
pub fn remove_unit(
    model: &mut Model,
    name: &UnitName,
    haste: Haste,
    now: Timestamp,
) -> Result<(), ChangeError> {
    let unit = model
        .units
        .get(name)
        .ok_or_else(|| ChangeError::UnitNotFound(name.to_string()))?;
    if unit.principal.is_some() {
        return Err(ChangeError::RemoveSubordinate {
            unit: name.to_string(),
            application: name.application().to_owned(),
        });
    }
    destroy_unit(model, name, haste, now);
    Ok(())
}

/// Asks a unit to go, whoever asks. A unit whose agent never reported is removed at once, without hooks.
pub fn destroy_unit(model: &mut Model, name: &UnitName, haste: Haste, now: Timestamp) {
    let Some(unit) = model.units.get_mut(name) else {
        return;
    };
    if haste == Haste::Forced || is_unborn(unit) {
        remove_unit_record(model, name, now);
        return;
    }
    if unit.life == Life::Alive {
        unit.life = Life::Dying;
    }
    unit.force_at = haste.limit(unit.force_at);
    end_attachments(model, name);
    for id in relations_with(model, name) {
        let member = model
            .relations
            .get_mut(&id)
            .and_then(|relation| relation.members.get_mut(name));
        if let Some(member) = member {
            member.departing = true;
        }
    }
}

/// Asks the subordinates of a unit to go: it cannot go before them.
pub fn destroy_subordinates(model: &mut Model, principal: &UnitName, now: Timestamp) {
    let alive: Vec<UnitName> = model
        .subordinates_of(principal)
        .filter(|unit| unit.life == Life::Alive)
        .map(|unit| unit.name.clone())
        .collect();
    for name in &alive {
        destroy_unit(model, name, Haste::Orderly, now);
    }
}

/// Asks an application, its relations and its units to go (Juju 3.6, `juju remove-application`).
///
/// # Errors
///
/// Fails when there is no such application, and without force when other models are connected to its offers.
pub fn remove_application(
    model: &mut Model,
    name: &str,
    haste: Haste,
    now: Timestamp,
) -> Result<(), ChangeError> {
    remove_offers_of(model, name, haste)?;
    let application = model
        .applications
        .get_mut(name)
        .ok_or_else(|| ChangeError::ApplicationNotFound(name.to_owned()))?;
    application.life = Life::Dying;
    let relations: Vec<RelationId> = model
        .relations_of(name)
        .filter(|relation| !relation.is_peer())
        .map(|relation| relation.id)
        .collect();
    for id in relations {
        end_relation(model, id, haste);
    }
    let units: Vec<UnitName> = model.units_of(name).map(|unit| unit.name.clone()).collect();
    for unit in &units {
        destroy_unit(model, unit, haste, now);
    }
    remove_application_if_empty(model, name);
    Ok(())
}

/// Asks a relation to go (Juju 3.6, `juju remove-relation`).
///
/// # Errors
///
/// Fails when there is no such relation, or it is a peer relation.
pub fn remove_relation(model: &mut Model, id: RelationId, haste: Haste) -> Result<(), ChangeError> {
    let relation = model
        .relations
        .get(&id)
        .ok_or(ChangeError::RelationIdNotFound(id))?;
    if relation.is_peer() {
        return Err(ChangeError::PeerRelation(relation.key()));
    }
    end_relation(model, id, haste);
    Ok(())
}

/// Asks the model and everything in it to go (Juju 3.6, `juju destroy-model`). The model's own record is for the caller to remove
/// once no applications and machines are left.
pub fn destroy_model(model: &mut Model, haste: Haste, now: Timestamp) {
    model.info_mut().life = Life::Dying;
    leave_other_models(model, haste);
    destroy_all(model);
    let applications: Vec<String> = model.applications.keys().cloned().collect();
    for name in &applications {
        // One that only waited for a relation to end went with the application at its other end.
        if model.applications.contains(name) {
            let gone = remove_application(model, name, haste, now);
            debug_assert!(gone.is_ok(), "{name} is there");
        }
    }
    let machines: Vec<String> = model.machines.keys().cloned().collect();
    for id in &machines {
        remove_machine_if_empty(model, id, now);
    }
}

/// Removes a unit's record and whatever only existed for it: subordinates that are still there, its machine, its tasks that have not ended, its leadership, and the dying
/// relations and the dying application of which it was the last unit.
///
/// Its databags stay readable in relations that others are still in.
pub fn remove_unit_record(model: &mut Model, name: &UnitName, now: Timestamp) {
    let Some(unit) = model.units.remove(name) else {
        return;
    };
    let subordinates: Vec<UnitName> = model
        .subordinates_of(name)
        .map(|unit| unit.name.clone())
        .collect();
    for subordinate in &subordinates {
        remove_unit_record(model, subordinate, now);
    }
    end_tasks(model, name, now);
    forget_unit(model, name);
    release_all(model, name, now);
    for id in relations_with(model, name) {
        let member = model
            .relations
            .get_mut(&id)
            .and_then(|relation| relation.members.get_mut(name));
        if let Some(member) = member {
            member.in_scope = false;
            member.departing = true;
        }
        drop_relation_if_empty(model, id);
    }
    // Looked at first: a row that is taken for changing counts as changed, and wakes all units of its application.
    if model.is_leader(name)
        && let Some(application) = model.applications.get_mut(name.application())
    {
        application.leader = None;
    }
    remove_machine_if_empty(model, &unit.machine, now);
    remove_application_if_empty(model, name.application());
}

/// Removes a relation that is going and that every unit has left; says whether it did.
pub fn drop_relation_if_empty(model: &mut Model, id: RelationId) -> bool {
    let Some(relation) = model.relations.get(&id) else {
        return false;
    };
    // The other model sees to its own units.
    let mut own = relation
        .members
        .iter()
        .filter(|(unit, _)| !relation.is_foreign(unit));
    if relation.life == Life::Alive || own.any(|(_, member)| member.in_scope) {
        return false;
    }
    drop_relation(model, id);
    true
}

/// Removes an application that is going and has no units and no relations with others any more; says whether it did.
pub fn remove_application_if_empty(model: &mut Model, name: &str) -> bool {
    let dying = model
        .applications
        .get(name)
        .is_some_and(|application| application.life != Life::Alive);
    let in_use = model.units_of(name).next().is_some()
        || model.relations_of(name).any(|relation| !relation.is_peer());
    if !dying || in_use {
        return false;
    }
    let peers: Vec<RelationId> = model
        .relations_of(name)
        .map(|relation| relation.id)
        .collect();
    for id in peers {
        model.relations.remove(&id);
    }
    forget_application(model, name);
    if let Some(application) = model.applications.remove(name) {
        model
            .info_mut()
            .unit_counters
            .insert(name.to_owned(), application.next_unit);
    }
    true
}

/// Removes a consumed application that is going and has no relations any more; says whether it did.
pub fn remove_remote_application_if_empty(model: &mut Model, name: &str) -> bool {
    let row = model.remote_applications.get(name);
    let dying = row.is_some_and(|row| row.life != Life::Alive);
    if !dying || model.relations_of(name).next().is_some() {
        return false;
    }
    model.remote_applications.remove(name);
    true
}

/// Says whether no agent has ever done anything for the unit.
fn is_unborn(unit: &Unit) -> bool {
    let progress = &unit.progress;
    unit.agent.current == AgentStatus::Allocating
        && progress.charm.is_none()
        && !progress.installed
        && progress.running.is_none()
}

pub(super) fn end_relation(model: &mut Model, id: RelationId, haste: Haste) {
    if haste == Haste::Forced {
        drop_relation(model, id);
        return;
    }
    if let Some(relation) = model.relations.get_mut(&id) {
        relation.life = Life::Dying;
        relation.force_at = haste.limit(relation.force_at);
    }
    drop_relation_if_empty(model, id);
}

/// Removes a relation's record, what units know of it, and the dying applications that waited for it.
fn drop_relation(model: &mut Model, id: RelationId) {
    let Some(relation) = model.relations.remove(&id) else {
        return;
    };
    forget_relation(model, id);
    for endpoint in &relation.endpoints {
        let knowing: Vec<UnitName> = model
            .units_of(&endpoint.application)
            .filter(|unit| unit.progress.relations.contains_key(&id))
            .map(|unit| unit.name.clone())
            .collect();
        for unit in &knowing {
            if let Some(unit) = model.units.get_mut(unit) {
                unit.progress.relations.remove(&id);
            }
        }
        remove_application_if_empty(model, &endpoint.application);
        remove_remote_application_if_empty(model, &endpoint.application);
    }
}

/// Takes back the offers of an application that goes.
fn remove_offers_of(model: &mut Model, name: &str, haste: Haste) -> Result<(), ChangeError> {
    let offers: Vec<String> = model
        .offers
        .values()
        .filter(|offer| offer.application == name)
        .map(|offer| offer.name.clone())
        .collect();
    let used = offers
        .iter()
        .filter_map(|offer| model.offers.get(offer))
        .map(|offer| offer.connections(model).count())
        .sum();
    if used > 0 && haste == Haste::Orderly {
        return Err(ChangeError::UsedByConsumers {
            application: name.to_owned(),
            consumers: used,
        });
    }
    for offer in &offers {
        model.offers.remove(offer);
    }
    Ok(())
}

/// Takes back the offers of a model that goes, and gives up what it consumes.
fn leave_other_models(model: &mut Model, haste: Haste) {
    let offers: Vec<String> = model.offers.keys().cloned().collect();
    for name in &offers {
        model.offers.remove(name);
    }
    let consumed: Vec<String> = model.remote_applications.keys().cloned().collect();
    for name in &consumed {
        if let Some(row) = model.remote_applications.get_mut(name) {
            row.life = Life::Dying;
        }
    }
    let crossing: Vec<RelationId> = model
        .relations
        .values()
        .filter(|relation| relation.cross_model.is_some())
        .map(|relation| relation.id)
        .collect();
    for id in crossing {
        end_relation(model, id, haste);
    }
    for name in &consumed {
        remove_remote_application_if_empty(model, name);
    }
}

fn relations_with(model: &Model, unit: &UnitName) -> Vec<RelationId> {
    let has = |relation: &&Relation| relation.members.contains_key(unit);
    model
        .relations
        .values()
        .filter(has)
        .map(|relation| relation.id)
        .collect()
}

fn remove_machine_if_empty(model: &mut Model, id: &str, now: Timestamp) {
    if !model.units.values().any(|unit| unit.machine == id) {
        model.machines.remove(id);
        end_machine_tasks(model, id, now);
    }
}

/// Ends the tasks of a unit that goes: nobody will run them, and somebody may be waiting for them.
fn end_tasks(model: &mut Model, unit: &UnitName, now: Timestamp) {
    end_tasks_of(
        model,
        &unit.clone().into(),
        &format!("unit {unit} was removed"),
        now,
    );
}

/// Ends the tasks of a machine that goes.
pub(super) fn end_machine_tasks(model: &mut Model, machine: &str, now: Timestamp) {
    end_tasks_of(
        model,
        &TaskReceiver::Machine(machine.to_owned()),
        &format!("machine {machine} was removed"),
        now,
    );
}

fn end_tasks_of(model: &mut Model, receiver: &TaskReceiver, message: &str, now: Timestamp) {
    let open = model.tasks.open_of(receiver);
    let ids: Vec<_> = open.map(|task| task.id).collect();
    for id in ids {
        model.tasks.update(id, |task| {
            task.status = match task.started {
                Some(_) => TaskStatus::Aborted,
                None => TaskStatus::Cancelled,
            };
            task.message = message.to_owned();
            task.completed = Some(now);
        });
    }
}

#[cfg(test)]
mod tests {

    use super::super::fixture::{charm, deployed, model};
    use super::super::{EndpointName, add_relation};
    use super::*;
    use crate::model::{Member, RelationProgress};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn unit(name: &str) -> UnitName {
        UnitName::parse(name).unwrap()
    }

    /// Two related applications, one unit each, whose agents have installed and joined.
    fn related() -> (Model, RelationId) {
        let mut model = model();
        deployed(
            &mut model,
            "db",
            charm("db", "provides: {db: sql}\npeers: {ring: ring}"),
            1,
        );
        deployed(&mut model, "web", charm("web", "requires: {db: sql}"), 1);
        let id = add_relation(
            &mut model,
            &EndpointName::parse("web").unwrap(),
            &EndpointName::parse("db").unwrap(),
            NOW,
        )
        .unwrap();
        for name in ["db/0", "web/0"] {
            let unit_row = model.units.get_mut(&unit(name)).unwrap();
            unit_row.progress.installed = true;
            unit_row.progress.relations.insert(
                id,
                RelationProgress {
                    created: true,
                    ..Default::default()
                },
            );
            let relation = model.relations.get_mut(&id).unwrap();
            relation.members.insert(
                unit(name),
                Member {
                    in_scope: true,
                    ..Member::default()
                },
            );
        }
        (model, id)
    }

    fn leave(model: &mut Model, id: RelationId, name: &str) {
        model
            .relations
            .get_mut(&id)
            .unwrap()
            .members
            .get_mut(&unit(name))
            .unwrap()
            .in_scope = false;
    }

    #[test]
    fn a_unit_that_never_ran_goes_at_once_with_its_machine() {
        let mut model = model();
        deployed(&mut model, "db", charm("db", ""), 2);
        model.applications.get_mut("db").unwrap().leader = Some(unit("db/0"));
        remove_unit(&mut model, &unit("db/0"), Haste::Orderly, NOW).unwrap();
        assert_eq!(
            model.units.keys().map(UnitName::as_str).collect::<Vec<_>>(),
            ["db/1"]
        );
        assert_eq!(model.machines.keys().collect::<Vec<_>>(), ["1"]);
        assert_eq!(model.applications.get("db").unwrap().leader, None);
        let error = remove_unit(&mut model, &unit("db/9"), Haste::Orderly, NOW).unwrap_err();
        assert_eq!(error.to_string(), "unit \"db/9\" not found");
    }

    #[test]
    fn a_unit_that_runs_becomes_dying_and_is_hidden_from_others() {
        let (mut model, id) = related();
        remove_unit(&mut model, &unit("web/0"), Haste::Orderly, NOW).unwrap();
        remove_unit(&mut model, &unit("web/0"), Haste::Orderly, NOW).unwrap();
        assert_eq!(model.units.get(&unit("web/0")).unwrap().life, Life::Dying);
        let member = &model.relations.get(&id).unwrap().members[&unit("web/0")];
        assert!(member.departing && member.in_scope);
        assert_eq!(model.applications.get("web").unwrap().life, Life::Alive);

        remove_unit_record(&mut model, &unit("web/0"), NOW);
        assert!(
            model.relations.contains(&id),
            "the relation stays, for units to come"
        );
        assert!(!model.relations.get(&id).unwrap().members[&unit("web/0")].in_scope);
        assert!(model.applications.contains("web"));
    }

    #[test]
    fn a_dying_relation_goes_with_the_last_unit_that_leaves_it() {
        let (mut model, id) = related();
        remove_relation(&mut model, id, Haste::Orderly).unwrap();
        remove_relation(&mut model, id, Haste::Orderly).unwrap();
        assert_eq!(model.relations.get(&id).unwrap().life, Life::Dying);
        leave(&mut model, id, "web/0");
        assert!(
            !drop_relation_if_empty(&mut model, id),
            "db/0 is still in it"
        );
        leave(&mut model, id, "db/0");
        assert!(drop_relation_if_empty(&mut model, id));
        assert!(
            !model
                .units
                .get(&unit("db/0"))
                .unwrap()
                .progress
                .relations
                .contains_key(&id)
        );
        assert_eq!(
            remove_relation(&mut model, id, Haste::Orderly),
            Err(ChangeError::RelationIdNotFound(id))
        );
    }

    #[test]
    fn an_application_goes_after_its_last_unit_and_relation() {
        let (mut model, id) = related();
        remove_application(&mut model, "db", Haste::Orderly, NOW).unwrap();
        assert_eq!(model.applications.get("db").unwrap().life, Life::Dying);
        assert_eq!(model.relations.get(&id).unwrap().life, Life::Dying);
        assert_eq!(model.units.get(&unit("db/0")).unwrap().life, Life::Dying);
        assert_eq!(model.units.get(&unit("web/0")).unwrap().life, Life::Alive);

        leave(&mut model, id, "db/0");
        remove_unit_record(&mut model, &unit("db/0"), NOW);
        assert!(
            model.applications.contains("db"),
            "web/0 has not left the relation"
        );
        leave(&mut model, id, "web/0");
        drop_relation_if_empty(&mut model, id);
        assert!(!model.applications.contains("db"));
        assert!(
            model.relations.is_empty(),
            "the peer relation went with the application"
        );

        deployed(&mut model, "db", charm("db", ""), 1);
        assert!(
            model.units.contains(&unit("db/1")),
            "numbers go on for an application of the same name"
        );
    }

    #[test]
    fn force_leaves_nothing() {
        let (mut model, _) = related();
        remove_application(&mut model, "db", Haste::Forced, NOW).unwrap();
        assert!(!model.applications.contains("db") && model.relations.is_empty());
        assert!(
            model
                .units
                .get(&unit("web/0"))
                .unwrap()
                .progress
                .relations
                .is_empty()
        );
        destroy_model(&mut model, Haste::Forced, NOW);
        assert!(
            model.applications.is_empty() && model.units.is_empty() && model.machines.is_empty()
        );
        assert_eq!(model.info.life, Life::Dying);
    }

    #[test]
    fn a_model_goes_with_applications_that_go_already() {
        let (mut model, id) = related();
        remove_application(&mut model, "web", Haste::Orderly, NOW).unwrap();
        leave(&mut model, id, "web/0");
        remove_unit_record(&mut model, &unit("web/0"), NOW);
        assert!(
            model.applications.contains("web"),
            "db/0 is in the relation"
        );
        destroy_model(&mut model, Haste::Forced, NOW);
        assert!(model.applications.is_empty() && model.machines.is_empty());
    }

    #[test]
    fn peer_relations_cannot_be_removed_alone() {
        let (mut model, _) = related();
        let error = remove_relation(&mut model, 0, Haste::Forced).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot destroy relation \"db:ring\": is a peer relation"
        );
    }

    #[test]
    fn tasks_of_a_removed_unit_end() {
        let mut model = model();
        deployed(&mut model, "db", charm("db", ""), 1);
        let task = super::super::NewTask {
            receiver: unit("db/0").into(),
            params: Default::default(),
        };
        let queued = super::super::queue_operation(
            &mut model,
            "s".to_owned(),
            "juju-exec",
            vec![task],
            &[],
            NOW,
        );
        remove_unit(&mut model, &unit("db/0"), Haste::Forced, NOW).unwrap();
        let task = model.tasks.get(&queued.tasks[0].0).unwrap();
        assert_eq!(
            (task.status, task.message.as_str()),
            (TaskStatus::Cancelled, "unit db/0 was removed")
        );
    }
}
