//! Committing what a hook left pending.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{ports, secret_flush};
use crate::JujuVersion;
use crate::agent::{HookContext, Pending};
use crate::model::changes::{StorageRequest, add_storage};
use crate::model::{Bag, Model, Relation, RelationId, UnitName};

/// The longest key of `state-set`, in bytes (Juju 3.6, controller configuration `max-charm-state-size` and friends).
pub(super) const STATE_KEY_MAX: usize = 256;
/// The longest value of `state-set`, in bytes.
pub(super) const STATE_VALUE_MAX: usize = 64 << 10;
/// The most that a unit may keep with `state-set`, in bytes.
const STATE_TOTAL_MAX: usize = 2 << 20;

/// Writes what is pending in `context` into the model: relation settings, ports, charm state, storage, secrets.
///
/// For the transaction that commits the hook, which must be given up on an error: nothing of the hook is written then.
///
/// # Errors
///
/// Fails when the unit wrote application data and leads no longer, when ports were opened for an unknown endpoint or collide with
/// ports opened meanwhile, when the charm state is too large, when the charm does not take the storage, and when a secret is not the
/// unit's to change or its label is taken.
pub fn flush(model: &mut Model, context: &HookContext, now: Timestamp) -> Result<(), String> {
    let Pending {
        unit_settings,
        app_settings,
        charm_state,
        secrets,
        storage,
        ..
    } = &context.pending;
    if !app_settings.is_empty() && !model.is_leader(&context.unit) {
        let application = context.unit.application();
        return Err(format!(
            "{:?} is not leader of {application:?}",
            context.unit.as_str()
        ));
    }
    for (id, settings) in unit_settings {
        merge_unit(model, *id, &context.unit, settings);
    }
    for (id, settings) in app_settings {
        merge_application(model, *id, context.unit.application(), settings);
    }
    ports::flush(model, &context.unit, &context.pending)?;
    flush_state(model, &context.unit, charm_state)?;
    flush_storage(model, &context.unit, storage, now)?;
    secret_flush::flush(model, &context.unit, secrets, now)
}

/// Puts the unit's address into its databags of all relations it is in, over what the charm may have put there.
///
/// Juju's agent does so in the flush of `config-changed`, before what the charm wrote.
pub fn refresh_network(model: &mut Model, unit: &UnitName) {
    let ids: Vec<RelationId> = model
        .relations_of(unit.application())
        .filter(|relation| {
            relation
                .members
                .get(unit)
                .is_some_and(|member| member.in_scope)
        })
        .map(|relation| relation.id)
        .collect();
    for id in ids {
        let settings = network_settings(model, unit, id);
        merge_unit(model, id, unit, &settings);
    }
}

/// Returns what a unit's databag holds when the unit enters a relation: `ingress-address`, `egress-subnets`, and in Juju 3.6
/// `private-address`.
///
/// Egress is the unit's address, unless the relation was made with `--via`.
pub fn network_settings(
    model: &Model,
    unit: &UnitName,
    id: RelationId,
) -> BTreeMap<String, String> {
    let Some(address) = model.address_of(unit) else {
        return BTreeMap::new();
    };
    let via = model.relations.get(&id).map(Relation::own_egress);
    let egress = match via {
        Some(via) if !via.is_empty() => via.join(","),
        _ => format!("{address}/32"),
    };
    let mut settings = BTreeMap::from([
        ("egress-subnets".to_owned(), egress),
        ("ingress-address".to_owned(), address.to_string()),
    ]);
    if model.info.juju == JujuVersion::V3_6 {
        settings.insert("private-address".to_owned(), address.to_string());
    }
    settings
}

/// Merges into a unit's databag. A relation that was removed by force meanwhile has nobody left to read it.
fn merge_unit(
    model: &mut Model,
    id: RelationId,
    unit: &UnitName,
    settings: &BTreeMap<String, String>,
) {
    let Some(relation) = model.relations.get(&id) else {
        return;
    };
    let member = relation.members.get(unit);
    let Some(bag) = merged(member.map(|member| &member.bag), settings) else {
        return;
    };
    if let Some(relation) = model.relations.get_mut(&id) {
        relation.members.entry(unit.clone()).or_default().bag = bag;
    }
}

fn merge_application(
    model: &mut Model,
    id: RelationId,
    application: &str,
    settings: &BTreeMap<String, String>,
) {
    let Some(relation) = model.relations.get(&id) else {
        return;
    };
    let Some(bag) = merged(relation.applications.get(application), settings) else {
        return;
    };
    if let Some(relation) = model.relations.get_mut(&id) {
        relation.applications.insert(application.to_owned(), bag);
    }
}

/// Returns the changed bag; `None` when nothing changes, so that the relation's row need not be written.
fn merged(bag: Option<&Bag>, settings: &BTreeMap<String, String>) -> Option<Bag> {
    let mut bag = bag.cloned().unwrap_or_default();
    bag.merge(settings).then_some(bag)
}

/// Adds the storage that was asked for.
fn flush_storage(
    model: &mut Model,
    unit: &UnitName,
    additions: &[(String, u32)],
    now: Timestamp,
) -> Result<(), String> {
    for (name, count) in additions {
        let request = StorageRequest::of_count(*count);
        add_storage(model, unit, name, &request, now).map_err(|error| {
            format!("preparing storage additions: preparing storage add {name:?} for unit \"{unit}\": {error}")
        })?;
    }
    Ok(())
}

fn flush_state(
    model: &mut Model,
    unit: &UnitName,
    changes: &BTreeMap<String, Option<String>>,
) -> Result<(), String> {
    let Some(row) = model.units.get(unit).filter(|_| !changes.is_empty()) else {
        return Ok(());
    };
    let mut state = row.charm_state.clone();
    for (key, value) in changes {
        match value {
            Some(value) => state.insert(key.clone(), value.clone()),
            None => state.remove(key),
        };
    }
    let size: usize = state
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if size > STATE_TOTAL_MAX {
        return Err(format!(
            "max allowed charm state size ({STATE_TOTAL_MAX}): quota limit exceeded"
        ));
    }
    if state != row.charm_state
        && let Some(row) = model.units.get_mut(unit)
    {
        row.charm_state = state;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::{World, unit};

    fn own_bag(world: &World, id: RelationId) -> BTreeMap<String, String> {
        world.model().relations.get(&id).unwrap().members["two/0"]
            .bag
            .data
            .clone()
    }

    #[test]
    fn the_network_is_refreshed_in_all_relations_over_what_the_charm_wrote() {
        let mut world = World::new();
        world.check(&[(
            "relation-set -r 12 ingress-address=1.2.3.4 egress-subnets=",
            0,
            "",
            "",
        )]);
        world.flush().unwrap();
        world.edit(|model| refresh_network(model, &unit("two/0")));
        for id in [10, 12] {
            let bag = own_bag(&world, id);
            let network = ["ingress-address", "private-address", "egress-subnets"]
                .map(|key| bag[key].as_str());
            assert_eq!(network, ["10.200.0.5", "10.200.0.5", "10.200.0.5/32"]);
        }
        let before = world.model();
        world.edit(|model| refresh_network(model, &unit("two/0")));
        assert_eq!(world.model(), before, "equal values are no change");
        world.edit(|model| {
            model
                .relations
                .get_mut(&12)
                .unwrap()
                .members
                .get_mut("two/0")
                .unwrap()
                .in_scope = false
        });
        world.edit(|model| model.machines.get_mut("0").unwrap().address = [127, 0, 0, 9].into());
        world.edit(|model| refresh_network(model, &unit("two/0")));
        assert_eq!(own_bag(&world, 10)["ingress-address"], "127.0.0.9");
        assert_eq!(
            own_bag(&world, 12)["ingress-address"],
            "10.200.0.5",
            "left relations are left alone"
        );
        world.enter("two/0", None, None);
    }

    #[test]
    fn an_error_leaves_nothing_behind() {
        let world = World::new();
        let before = world.model();
        world.check(&[
            ("relation-set -r 12 a=1", 0, "", ""),
            ("state-set k=v", 0, "", ""),
            ("open-port 80 --endpoints nope", 0, "", ""),
        ]);
        assert_eq!(
            world.flush().unwrap_err(),
            "open port range: endpoint \"nope\" for unit \"two/0\" not found"
        );
        assert_eq!(world.model(), before);
    }

    #[test]
    fn a_relation_that_went_meanwhile_is_no_error() {
        let world = World::new();
        world.check(&[
            ("relation-set -r 12 a=1", 0, "", ""),
            ("relation-set -r 12 --app a=1", 0, "", ""),
        ]);
        world.edit(|model| drop(model.relations.remove(&12)));
        assert_eq!(world.flush(), Ok(()));
    }

    #[test]
    fn the_charm_state_has_a_limit() {
        let world = World::new();
        let value = "v".repeat(STATE_VALUE_MAX);
        for n in 0..=(STATE_TOTAL_MAX / STATE_VALUE_MAX) {
            assert_eq!(
                world
                    .call(&["state-set".to_owned(), format!("k{n}={value}")], None)
                    .0,
                0
            );
        }
        assert_eq!(
            world.flush().unwrap_err(),
            "max allowed charm state size (2097152): quota limit exceeded"
        );
    }
}
