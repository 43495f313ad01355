//! Keeping the two halves of relations across models in step.
//!
//! What belongs to a side is written there and copied to the other: the databags of its application and its units with their scope,
//! who is on the way out, and that the relation is going. Suspension comes from the side of the offer, egress subnets from the
//! consumer. Every transaction ends with this, so both halves always tell the same, whoever changed one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ids::{ModelUuid, RelationId, UnitName};
use super::relation::{Bag, Member, Relation};
use super::state::{Life, Model, State};

/// A half of a relation.
type Half = (ModelUuid, RelationId);

/// Brings the other halves in line with what a transaction has changed between `before` and `after`.
///
/// A half whose other half is gone is going itself, and sees nobody any more.
pub fn keep_in_step(before: &State, after: &mut State) {
    for (uuid, id) in touched(before, after) {
        let Some((half, other)) = pair(after, &uuid, id) else {
            abandon(after, &uuid, id);
            continue;
        };
        let (half, other) = (Arc::new(half), Arc::new(other));
        let copied_there = copied(&half, &other);
        let copied_here = copied(&other, &half);
        put(after, &uuid, &half, copied_here);
        if let Some(cross) = &half.cross_model {
            put(after, &cross.model, &other, copied_there);
        }
    }
}

/// Lists one half of each relation across models of which a half has changed, come, or gone.
fn touched(before: &State, after: &State) -> BTreeSet<Half> {
    let mut halves = BTreeSet::new();
    let mut note = |model: &ModelUuid, row: Option<&Relation>, old: Option<&Relation>| {
        if let Some(relation) = row.filter(|relation| relation.cross_model.is_some()) {
            halves.insert((model.clone(), relation.id));
        }
        // What is gone is noted by the half that it leaves behind.
        if row.is_none()
            && let Some(cross) = old.and_then(|relation| relation.cross_model.as_ref())
        {
            halves.insert((cross.model.clone(), cross.relation));
        }
    };
    for (uuid, model) in &after.models {
        let old = before.models.get(uuid);
        if old.is_some_and(|old| Arc::ptr_eq(old, model)) {
            continue;
        }
        let none = super::table::Table::default();
        let old = old.map_or(&none, |old| &old.relations);
        model.relations.each_change(old, |id, row| {
            note(uuid, row.map(Arc::as_ref), old.get(id));
        });
    }
    for (uuid, model) in &before.models {
        if !after.models.contains_key(uuid) {
            for relation in model.relations.values() {
                note(uuid, None, Some(relation));
            }
        }
    }
    halves
}

/// Returns both halves as they are; `None` when one is missing.
fn pair(state: &State, uuid: &ModelUuid, id: RelationId) -> Option<(Relation, Relation)> {
    let half = state.models.get(uuid)?.relations.get(&id)?;
    let cross = half.cross_model.as_ref()?;
    let other = state
        .models
        .get(&cross.model)?
        .relations
        .get(&cross.relation)?;
    let back = other.cross_model.as_ref()?;
    (back.model == *uuid && back.relation == id).then(|| (half.clone(), other.clone()))
}

/// Ends what is left of a relation: nobody is on the other side any more.
fn abandon(state: &mut State, uuid: &ModelUuid, id: RelationId) {
    let Some(relation) = state
        .models
        .get(uuid)
        .and_then(|model| model.relations.get(&id))
    else {
        return;
    };
    let mut ended = relation.clone();
    if ended.life == Life::Alive {
        ended.life = Life::Dying;
    }
    for (unit, member) in &mut ended.members {
        if relation.is_foreign(unit) {
            member.in_scope = false;
            member.departing = true;
        }
    }
    let relation = relation.clone();
    put(state, uuid, &relation, ended);
}

/// Returns `to` with everything that belongs to the side of `from` as it is in `from`.
fn copied(from: &Relation, to: &Relation) -> Relation {
    let mut result = to.clone();
    let (Some(here), Some(there)) = (&from.cross_model, &to.cross_model) else {
        return result;
    };
    if from.life != Life::Alive && to.life == Life::Alive {
        result.life = Life::Dying;
    }
    let own = from
        .endpoints
        .iter()
        .find(|endpoint| endpoint.application != here.application);
    let bag = own.and_then(|endpoint| from.applications.get(&endpoint.application));
    let bag: Bag = bag.cloned().unwrap_or_default();
    result.applications.insert(there.application.clone(), bag);
    let members: BTreeMap<UnitName, Member> = from
        .members
        .iter()
        .filter(|(unit, _)| !from.is_foreign(unit))
        .map(|(unit, member)| {
            (
                UnitName::new(&there.application, unit.number()),
                member.clone(),
            )
        })
        .collect();
    result.members.extend(members);
    let from_offer = here.offer.is_some();
    if let Some(cross) = &mut result.cross_model
        && from_offer
    {
        cross.suspended.clone_from(&here.suspended);
    }
    if !from_offer {
        result.egress.clone_from(&from.egress);
    }
    result
}

/// Writes a half back, if it is another than before.
fn put(state: &mut State, uuid: &ModelUuid, before: &Relation, after: Relation) {
    if *before == after {
        return;
    }
    if let Some(model) = state.model_mut(uuid) {
        model.relations.insert(after.id, after);
    }
}

impl Model {
    /// Says whether something in this model goes by the name of an application: its own, a consumed one, or the consumer of an offer.
    pub fn knows_application(&self, name: &str) -> bool {
        let is_consumer = |relation: &Relation| {
            let cross = relation.cross_model.as_ref();
            cross.is_some_and(|cross| cross.application == name)
        };
        self.applications.contains(name)
            || self.remote_applications.contains(name)
            || self.relations.values().any(is_consumer)
    }
}
