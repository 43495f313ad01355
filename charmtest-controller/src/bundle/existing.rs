//! What a model has, as far as bundles care.

use std::collections::{BTreeMap, BTreeSet};

use charmtest_charm::bundle::{Bundle, On, Placement, natural};
use serde_json::Value;

use crate::model::{ExposedTo, Model};

/// Which machines of a bundle are which of the model (`--map-machines`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MachineMap {
    /// Machines of the same id are the same.
    pub(crate) existing: bool,
    /// Machines of the model by their id in the bundle.
    pub(crate) map: BTreeMap<String, String>,
}

impl MachineMap {
    /// Parses the value of `--map-machines`: `existing`, `bundle-id=machine-id`, with commas between.
    ///
    /// # Errors
    ///
    /// Fails in Juju's words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parsed = Self::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            if part == "existing" {
                parsed.existing = true;
                continue;
            }
            let (bundle, machine) = part
                .split_once('=')
                .filter(|(_, machine)| !machine.contains('='))
                .ok_or_else(|| {
                    format!(
                        "error in --map-machines: expected \"existing\" or \"<bundle-id>=<machine-id>\", got {part:?}"
                    )
                })?;
            for (what, id) in [("bundle-id", bundle), ("machine-id", machine)] {
                if id.parse::<u32>().is_err() {
                    return Err(format!(
                        "error in --map-machines: {what} {id:?} is not a top level machine id"
                    ));
                }
            }
            parsed.map.insert(bundle.to_owned(), machine.to_owned());
        }
        Ok(parsed)
    }
}

/// What a model has.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Existing {
    /// Applications by name.
    pub(crate) applications: BTreeMap<String, ExistingApplication>,
    /// Annotations of machines by id.
    pub(crate) machines: BTreeMap<String, ExistingMachine>,
    /// Pairs of endpoints, `app:endpoint`, of all relations but those of peers.
    pub(crate) relations: Vec<[String; 2]>,
    /// Machines of the model by their id in the bundle.
    pub(crate) machine_map: BTreeMap<String, String>,
    next_machine: u32,
    next_unit: BTreeMap<String, u32>,
    next_container: BTreeMap<String, u32>,
}

/// An application of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ExistingApplication {
    /// The URL of its charm; for a charm of a store its name.
    pub(crate) charm: String,
    /// The revision of its charm.
    pub(crate) revision: i64,
    /// Its base with the risk, `ubuntu@22.04/stable`.
    pub(crate) base: String,
    /// Its channel; empty for local charms.
    pub(crate) channel: String,
    /// Options that have a value, be it their default.
    pub(crate) options: BTreeMap<String, Value>,
    /// Its annotations.
    pub(crate) annotations: BTreeMap<String, String>,
    /// Its constraints; Juju asks only for those of applications with units.
    pub(crate) constraints: BTreeMap<String, String>,
    /// Whether it is exposed.
    pub(crate) exposed: bool,
    /// To whom, by endpoint.
    pub(crate) exposed_endpoints: BTreeMap<String, ExposedTo>,
    /// Whether it is a subordinate.
    pub(crate) subordinate: bool,
    /// Machines by unit, in the order of the units' numbers.
    pub(crate) units: Vec<(String, String)>,
    /// Names of its offers.
    pub(crate) offers: BTreeSet<String>,
}

/// A machine of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ExistingMachine {
    /// Its base with the risk.
    pub(crate) base: String,
    /// Its annotations.
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Existing {
    /// Looks at a model.
    pub(crate) fn of(model: &Model, machines: &MachineMap) -> Self {
        let mut existing = Self {
            next_machine: model.info.next_machine,
            next_unit: model.info.unit_counters.clone(),
            ..Self::default()
        };
        for machine in model.machines.values() {
            let row = ExistingMachine {
                base: stable(&machine.base),
                annotations: machine.annotations.clone(),
            };
            existing.machines.insert(machine.id.clone(), row);
            if machines.existing {
                existing
                    .machine_map
                    .insert(machine.id.clone(), machine.id.clone());
            }
        }
        existing.machine_map.extend(machines.map.clone());
        for app in model.applications.values() {
            let Some(charm) = model.charm_of(&app.name) else {
                continue;
            };
            let options = charm.charm.config.0.iter().filter_map(|(name, option)| {
                let value = app.config.get(name).or(option.default.as_ref())?;
                Some((name.clone(), value.clone()))
            });
            let mut units: Vec<(String, String)> = model
                .units_of(&app.name)
                .filter(|unit| unit.principal.is_none())
                .map(|unit| (unit.name.to_string(), unit.machine.clone()))
                .collect();
            units.sort_by(|(a, _), (b, _)| natural(a, b));
            let constraints = if units.is_empty() {
                BTreeMap::new()
            } else {
                app.constraints.clone()
            };
            let offers = model.offers.values();
            let offers = offers.filter(|offer| offer.application == app.name);
            let (written, channel) = if charm.is_from_store() {
                let name = charm.charm.metadata.name.to_string();
                (name, app.channel.clone().unwrap_or_default())
            } else {
                (charm.url.clone(), String::new())
            };
            let row = ExistingApplication {
                charm: written,
                revision: charm.revision.into(),
                base: stable(&app.base),
                channel,
                options: options.collect(),
                annotations: app.annotations.clone(),
                constraints,
                exposed: app.exposed,
                exposed_endpoints: app.exposed_endpoints.clone(),
                subordinate: charm.charm.metadata.subordinate,
                units,
                offers: offers.map(|offer| offer.name.clone()).collect(),
            };
            existing.applications.insert(app.name.clone(), row);
            existing.next_unit.insert(app.name.clone(), app.next_unit);
        }
        for relation in model.relations.values() {
            if let [a, b] = &relation.endpoints[..] {
                let end =
                    |end: &crate::model::Endpoint| format!("{}:{}", end.application, end.name);
                existing.relations.push([end(a), end(b)]);
            }
        }
        existing
    }

    /// Returns the number of the next machine and counts it.
    pub(super) fn take_machine(&mut self) -> String {
        self.next_machine += 1;
        (self.next_machine - 1).to_string()
    }

    /// Returns the id of the next container on a machine and counts it.
    pub(super) fn take_container(&mut self, machine: &str, kind: &str) -> String {
        let next = self
            .next_container
            .entry(format!("{machine}/{kind}"))
            .or_default();
        *next += 1;
        format!("{machine}/{kind}/{}", *next - 1)
    }

    /// Returns the name of the next unit of an application and counts it.
    pub(super) fn take_unit(&mut self, application: &str) -> String {
        let next = self.next_unit.entry(application.to_owned()).or_default();
        *next += 1;
        format!("{application}/{}", *next - 1)
    }

    /// Returns the machine of the model that a machine of the bundle is.
    pub(super) fn mapped(&self, bundle_id: &str) -> Option<&str> {
        let id = self.machine_map.get(bundle_id)?;
        self.machines.contains_key(id).then_some(id.as_str())
    }

    /// Returns how many units an application has.
    pub(super) fn unit_count(&self, application: &str) -> usize {
        self.applications
            .get(application)
            .map_or(0, |app| app.units.len())
    }

    /// Returns the machine of a unit.
    pub(super) fn machine_of(&self, application: &str, number: u32) -> Option<&str> {
        let name = format!("{application}/{number}");
        let units = &self.applications.get(application)?.units;
        let (_, machine) = units.iter().find(|(unit, _)| *unit == name)?;
        Some(machine)
    }

    /// Says whether two applications are related by these endpoints, `app:endpoint`.
    pub(super) fn is_related(&self, a: &str, b: &str) -> bool {
        self.relations
            .iter()
            .any(|[x, y]| (x == a && y == b) || (x == b && y == a))
    }

    /// Returns a unit of the application on a machine of the bundle, or on the machine of the model with this id.
    pub(super) fn unit_on(&self, machine: &str, application: &str) -> Option<&str> {
        let machine = self
            .machine_map
            .get(machine)
            .map_or(machine, String::as_str);
        let units = &self.applications.get(application)?.units;
        let (unit, _) = units.iter().find(|(_, on)| on == machine)?;
        Some(unit)
    }

    /// Returns the machines with a unit of `beside` but none of `application`.
    pub(super) fn machines_without(&self, application: &str, beside: &str) -> Vec<String> {
        let machines = |name: &str| -> BTreeSet<String> {
            let units = self.applications.get(name).map(|app| &app.units);
            units
                .into_iter()
                .flatten()
                .map(|(_, machine)| machine.clone())
                .collect()
        };
        let mut free: Vec<String> = machines(beside)
            .difference(&machines(application))
            .cloned()
            .collect();
        free.sort_by(|a, b| natural(a, b));
        free
    }

    /// Guesses which machines of the bundle are which of the model: those that have a unit that the bundle places there.
    pub(crate) fn infer(&mut self, bundle: &Bundle) {
        let mut taken: BTreeSet<String> = self.machine_map.values().cloned().collect();
        let mut free: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
        for (name, _) in bundle.apps() {
            let units = self.applications.get(name).map(|app| app.units.clone());
            let units = units.unwrap_or_default();
            free.insert(
                name,
                units
                    .into_iter()
                    .filter(|(_, machine)| !taken.contains(machine))
                    .collect(),
            );
        }
        let mut unused: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, app) in bundle.apps() {
            let mut left = Vec::new();
            for to in &app.to {
                left.push(to.clone());
                let Some(machine) = machine_named(to) else {
                    continue;
                };
                if self.machine_map.contains_key(&machine) {
                    continue;
                }
                if let Some(unit) = self.unit_on(&machine, name).map(str::to_owned) {
                    self.machine_map.insert(machine.clone(), machine.clone());
                    taken.insert(machine);
                    if let Some(units) = free.get_mut(name) {
                        units.retain(|(other, _)| *other != unit);
                    }
                    left.pop();
                }
            }
            left.sort();
            unused.insert(name, left);
        }
        let mut ids: Vec<&String> = bundle.machines.keys().collect();
        ids.sort_by(|a, b| natural(a, b));
        for id in ids {
            if self.machine_map.contains_key(id) {
                continue;
            }
            for (name, left) in &unused {
                let wants = left.iter().any(|to| machine_named(to).as_ref() == Some(id));
                let Some(units) = free
                    .get_mut(name)
                    .filter(|units| wants && !units.is_empty())
                else {
                    continue;
                };
                let machine = units[0].1.clone();
                if taken.contains(&machine) {
                    continue;
                }
                units.remove(0);
                self.machine_map.insert(id.clone(), machine);
                break;
            }
        }
    }
}

/// Returns the machine that a placement names; containers are on none that the model could have.
fn machine_named(to: &str) -> Option<String> {
    let placement = Placement::parse(to).ok()?;
    match placement.on {
        On::Machine(id) if placement.container.is_none() => Some(id),
        _ => None,
    }
}

/// Writes a base with its risk, as bundles do.
pub(super) fn stable(base: &str) -> String {
    if base.is_empty() || base.contains('/') {
        base.to_owned()
    } else {
        format!("{base}/stable")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_maps() {
        let map = MachineMap::parse("existing, 0=3,1=4,").unwrap();
        assert!(map.existing);
        assert_eq!(
            map.map,
            BTreeMap::from([("0", "3"), ("1", "4")].map(|(a, b)| (a.to_owned(), b.to_owned())))
        );
        assert_eq!(MachineMap::parse(""), Ok(MachineMap::default()));
        for (text, expected) in [
            (
                "foo",
                "expected \"existing\" or \"<bundle-id>=<machine-id>\", got \"foo\"",
            ),
            (
                "0=1=2",
                "expected \"existing\" or \"<bundle-id>=<machine-id>\", got \"0=1=2\"",
            ),
            ("x=1", "bundle-id \"x\" is not a top level machine id"),
            (
                "1=0/lxd/0",
                "machine-id \"0/lxd/0\" is not a top level machine id",
            ),
        ] {
            assert_eq!(
                MachineMap::parse(text),
                Err(format!("error in --map-machines: {expected}"))
            );
        }
    }
}
