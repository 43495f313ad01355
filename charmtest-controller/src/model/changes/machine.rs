//! Machines that are removed by themselves: `juju remove-machine`.

use jiff::Timestamp;

use super::ChangeError;
use super::removal::{Haste, end_machine_tasks, remove_unit};
use crate::model::{Model, UnitName};

/// Lists the units on a machine in name order.
pub fn units_on<'a>(model: &'a Model, id: &'a str) -> impl Iterator<Item = &'a UnitName> + Clone {
    let on = model.units.values().filter(move |unit| unit.machine == id);
    on.map(|unit| &unit.name)
}

/// Asks a machine to go (Juju 3.6, `juju remove-machine`): at once when nothing is on it, with force also its units.
///
/// # Errors
///
/// Fails when there is no such machine, or units are on it and force is not used.
pub fn remove_machine(
    model: &mut Model,
    id: &str,
    haste: Haste,
    now: Timestamp,
) -> Result<(), ChangeError> {
    if !model.machines.contains(id) {
        return Err(ChangeError::MachineNotFound(id.to_owned()));
    }
    let units: Vec<UnitName> = units_on(model, id).cloned().collect();
    if haste != Haste::Forced
        && let Some(unit) = units.first()
    {
        return Err(ChangeError::MachineInUse {
            machine: id.to_owned(),
            unit: unit.to_string(),
        });
    }
    for unit in &units {
        // A principal takes its subordinates with it.
        if model.units.contains(unit) {
            remove_unit(model, unit, haste, now)?;
        }
    }
    // The machine has gone with its last unit, or nothing was on it.
    model.machines.remove(id);
    end_machine_tasks(model, id, now);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::add_machine;
    use super::super::fixture::{addresses, charm, deployed, model};
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn a_machine_comes_and_goes() {
        let mut model = model();
        model
            .info_mut()
            .constraints
            .insert("mem".to_owned(), "4M".to_owned());
        let constraints = BTreeMap::from([("cores".to_owned(), "2".to_owned())]);
        let mut free = addresses();
        let id = add_machine(&mut model, &mut free, "ubuntu@24.04", constraints, NOW);
        assert_eq!(id, Ok("0".to_owned()));
        let row = model.machines.get("0").unwrap();
        assert_eq!(row.constraints.len(), 2);
        assert_eq!(remove_machine(&mut model, "0", Haste::Orderly, NOW), Ok(()));
        assert!(model.machines.is_empty());
        assert_eq!(
            remove_machine(&mut model, "0", Haste::Orderly, NOW),
            Err(ChangeError::MachineNotFound("0".to_owned()))
        );
    }

    #[test]
    fn units_hold_their_machine_unless_forced() {
        let mut model = model();
        deployed(&mut model, "db", charm("db", ""), 2);
        let error = remove_machine(&mut model, "0", Haste::Orderly, NOW).unwrap_err();
        assert_eq!(error.to_string(), "machine 0 has unit \"db/0\" assigned");
        remove_machine(&mut model, "0", Haste::Forced, NOW).unwrap();
        assert_eq!(
            model.units.keys().map(UnitName::as_str).collect::<Vec<_>>(),
            ["db/1"]
        );
        assert_eq!(model.machines.keys().collect::<Vec<_>>(), ["1"]);
    }
}
