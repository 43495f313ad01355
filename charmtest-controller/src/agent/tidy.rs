//! What follows from any commit: empty things that are going go, and applications get leaders.

use crate::model::changes::{
    drop_relation_if_empty, remove_application_if_empty, remove_remote_application_if_empty,
};
use crate::model::{Life, Model, RelationId, Unit, UnitName};

/// Chooses a leader if the application has none and an agent is there to claim it: the lowest unit whose agent is up.
///
/// The first leader is the lowest unit of all. Units that are deployed together come up side by side here, and the race for the
/// lease, which unit 0 wins on nearly every Juju, should not make tests differ from run to run.
pub(super) fn elect(model: &mut Model, application: &str) {
    let Some(app) = model.applications.get(application) else {
        return;
    };
    let led = |leader: &UnitName| model.units.contains(leader);
    if app.life != Life::Alive || app.leader.as_ref().is_some_and(led) {
        return;
    }
    let alive = || {
        let units = model.units_of(application);
        units.filter(|unit| unit.life == Life::Alive)
    };
    let is_up = |unit: &Unit| unit.progress.charm.is_some();
    let is_first = alive().all(|unit| !unit.progress.installed) && alive().any(is_up);
    let leader = alive()
        .filter(|unit| is_first || is_up(unit))
        .min_by_key(|unit| unit.name.number())
        .map(|unit| unit.name.clone());
    if leader == app.leader {
        return;
    }
    if let Some(app) = model.applications.get_mut(application) {
        app.leader = leader;
    }
}

/// Removes what is going and empty, gives applications that have lost their leader a new one, and says whether the model itself is
/// going and empty, so that its record has to go.
///
/// Every commit of an agent ends with this, and every commit of somebody else is followed by it.
pub(crate) fn tidy(model: &mut Model) -> bool {
    let relations: Vec<RelationId> = model
        .relations
        .values()
        .filter(|r| !r.is_peer())
        .map(|relation| relation.id)
        .collect();
    for id in relations {
        drop_relation_if_empty(model, id);
    }
    let consumed: Vec<String> = model.remote_applications.keys().cloned().collect();
    for name in consumed {
        remove_remote_application_if_empty(model, &name);
    }
    let applications: Vec<String> = model.applications.keys().cloned().collect();
    for name in applications {
        if !remove_application_if_empty(model, &name) {
            elect(model, &name);
        }
    }
    model.info.life != Life::Alive && model.applications.is_empty() && model.units.is_empty()
}

/// Says whether [`tidy`] would change anything or ask for the model's removal.
pub(crate) fn needs_tidying(model: &Model) -> bool {
    let mut copy = model.clone();
    tidy(&mut copy)
        || copy.applications.differs(&model.applications)
        || copy.remote_applications.differs(&model.remote_applications)
        || copy.relations.differs(&model.relations)
}
