//! Which units a bundle adds, and where they go.

use std::collections::{BTreeMap, BTreeSet};

use charmtest_charm::bundle::{Application, On, Placement};

use super::change::{Change, Target};
use super::plan::{PlanError, Planner};

/// Where a unit goes.
#[derive(Debug, Clone, Default)]
struct Place {
    target: Option<Target>,
    container: Option<String>,
    /// In words; empty for a machine of its own.
    words: String,
    /// The machine at the bottom of it.
    machine: String,
    requires: Option<usize>,
    /// The placement, when it is worth telling.
    directive: String,
}

/// Adds the changes that add units.
///
/// # Errors
///
/// Fails when placements go round in a circle.
pub(super) fn place(planner: &mut Planner<'_>) -> Result<(), PlanError> {
    let mut units = Units::default();
    units.add_all(planner);
    let mut waiting: BTreeSet<&str> = planner.wanted.bundle.apps().map(|(name, _)| name).collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    while !waiting.is_empty() {
        let before = done.len();
        for name in waiting.clone() {
            let Some(app) = planner.wanted.bundle.app(name) else {
                continue;
            };
            if beside(app).all(|other| done.contains(other.as_str())) {
                units.place(planner, name, app);
                done.insert(name);
                waiting.remove(name);
            }
        }
        if done.len() == before {
            let names: Vec<&str> = waiting.into_iter().collect();
            return Err(PlanError(format!(
                "cycle in placement directives for: {}",
                names.join(", ")
            )));
        }
    }
    Ok(())
}

/// Iterates over the applications beside which an application is placed.
fn beside(app: &Application) -> impl Iterator<Item = String> {
    app.to
        .iter()
        .filter_map(|to| match Placement::parse(to).ok()?.on {
            On::Application(other) | On::Unit(other, _) => Some(other),
            On::New | On::Machine(_) => None,
        })
}

#[derive(Debug, Default)]
struct Units {
    /// The change that adds a unit, by application and number in the bundle.
    added: BTreeMap<(String, usize), usize>,
    /// Machines with the second application on which the first may still go.
    free_machines: BTreeMap<(String, String), Vec<String>>,
    /// New units of the second application beside which the first may still go.
    free_units: BTreeMap<(String, String), Vec<usize>>,
}

impl Units {
    fn add_all(&mut self, planner: &mut Planner<'_>) {
        let bundle = planner.wanted.bundle;
        for (name, app) in bundle.apps() {
            let deployed = planner.deployed.get(name).copied();
            for index in planner.existing.unit_count(name)..wanted(app) {
                let unit = planner.existing.take_unit(name);
                let change = Change::AddUnit {
                    application: name.to_owned(),
                    unit,
                    target: None,
                    container: None,
                    place: String::new(),
                    machine: String::new(),
                    directive: String::new(),
                };
                let id = planner.add(change, deployed);
                self.added.insert((name.to_owned(), index), id);
            }
        }
    }

    fn place(&mut self, planner: &mut Planner<'_>, name: &str, app: &Application) {
        // What stands last counts for the units after it, but a machine or unit is for one only.
        let last = app.to.last().filter(|to| {
            matches!(
                Placement::parse(to).map(|to| to.on),
                Ok(On::New | On::Application(_))
            )
        });
        let mut unsatisfied = unsatisfied(planner, name, app).into_iter();
        let mut previous = None;
        for index in planner.existing.unit_count(name)..wanted(app) {
            let directive = unsatisfied.next().or_else(|| last.cloned());
            let place = self.choose(planner, name, app, directive.as_deref());
            let Some(id) = self.added.get(&(name.to_owned(), index)).copied() else {
                continue;
            };
            let planned = &mut planner.changes[id];
            planned.requires.extend(place.requires);
            planned.requires.extend(previous);
            previous = Some(id);
            if let Change::AddUnit {
                target,
                container,
                place: words,
                machine,
                directive,
                ..
            } = &mut planned.change
            {
                *target = place.target;
                *container = place.container;
                *words = place.words;
                *machine = place.machine;
                *directive = place.directive;
            }
        }
    }

    fn choose(
        &mut self,
        planner: &mut Planner<'_>,
        name: &str,
        app: &Application,
        directive: Option<&str>,
    ) -> Place {
        let own_machine = |planner: &mut Planner<'_>| Place {
            machine: planner.existing.take_machine(),
            ..Place::default()
        };
        let Some((text, placement)) =
            directive.and_then(|text| Some((text, Placement::parse(text).ok()?)))
        else {
            return own_machine(planner);
        };
        let container = placement.container.as_deref();
        match &placement.on {
            On::New => new_machine(planner, app, container),
            On::Machine(id) => match planner.existing.mapped(id).map(str::to_owned) {
                Some(machine) => on_existing(planner, machine, container),
                None => match planner.machines.get(id).cloned() {
                    Some((number, machine)) => {
                        let place = Place {
                            target: Some(Target::Change(number)),
                            words: format!("new machine {machine}"),
                            machine,
                            requires: Some(number),
                            ..Place::default()
                        };
                        in_container(planner, app, place, container)
                    }
                    None => own_machine(planner),
                },
            },
            On::Unit(other, number) => {
                if let Some(machine) = planner
                    .existing
                    .machine_of(other, *number)
                    .map(str::to_owned)
                {
                    return told(on_existing(planner, machine, container), text);
                }
                match self.added.get(&(other.clone(), *number as usize)).copied() {
                    Some(unit) => told(beside_unit(planner, app, unit, container), text),
                    None => new_machine(planner, app, container),
                }
            }
            On::Application(other) => {
                let key = (name.to_owned(), other.clone());
                let machines = self
                    .free_machines
                    .entry(key.clone())
                    .or_insert_with(|| planner.existing.machines_without(name, other));
                if !machines.is_empty() {
                    let machine = machines.remove(0);
                    return told(on_existing(planner, machine, container), text);
                }
                let units = self.free_units.entry(key).or_insert_with(|| {
                    let of_other = self.added.iter().filter(|((app, _), _)| app == other);
                    of_other.map(|(_, id)| *id).collect()
                });
                if units.is_empty() {
                    return own_machine(planner);
                }
                let unit = units.remove(0);
                told(beside_unit(planner, app, unit, container), text)
            }
        }
    }
}

fn wanted(app: &Application) -> usize {
    usize::try_from(app.num_units).unwrap_or_default()
}

/// Returns the placements of an application that no unit of it satisfies yet.
fn unsatisfied(planner: &Planner<'_>, name: &str, app: &Application) -> Vec<String> {
    let existing = &planner.existing;
    let open = |to: &&String| {
        if !existing.applications.contains_key(name) {
            return true;
        }
        match Placement::parse(to) {
            Ok(Placement {
                container: None,
                on: On::Machine(machine),
            }) => existing.unit_on(&machine, name).is_none(),
            Ok(Placement {
                container: None,
                on: On::Unit(other, number),
            }) => existing
                .machine_of(&other, number)
                .is_none_or(|machine| existing.unit_on(machine, name).is_none()),
            Ok(_) => true,
            Err(_) => false,
        }
    };
    app.to.iter().filter(open).cloned().collect()
}

fn told(place: Place, directive: &str) -> Place {
    Place {
        directive: directive.to_owned(),
        ..place
    }
}

fn on_existing(planner: &mut Planner<'_>, machine: String, container: Option<&str>) -> Place {
    let words = match container {
        Some(kind) => planner.existing.take_container(&machine, kind),
        None => format!("existing machine {machine}"),
    };
    Place {
        target: Some(Target::Machine(machine.clone())),
        container: container.map(str::to_owned),
        words,
        machine,
        ..Place::default()
    }
}

/// Adds a machine, or a container on one, for a unit.
fn new_machine(planner: &mut Planner<'_>, app: &Application, container: Option<&str>) -> Place {
    let machine = planner.existing.take_machine();
    let inner = container.map(|kind| {
        (
            kind.to_owned(),
            planner.existing.take_container(&machine, kind),
        )
    });
    let words = inner
        .as_ref()
        .map_or_else(|| format!("new machine {machine}"), |(_, id)| id.clone());
    let change = Change::AddMachine {
        id: machine.clone(),
        bundle_id: String::new(),
        container: inner,
        on_existing: false,
        base: planner.base_of(app),
        constraints: with_spaces(app),
    };
    let number = planner.add_machine(change, []);
    Place {
        target: Some(Target::Change(number)),
        words,
        machine,
        requires: Some(number),
        ..Place::default()
    }
}

/// Places a unit where another new unit goes.
fn beside_unit(
    planner: &mut Planner<'_>,
    app: &Application,
    unit: usize,
    container: Option<&str>,
) -> Place {
    let Change::AddUnit {
        place: words,
        machine,
        ..
    } = &planner.changes[unit].change
    else {
        return Place::default();
    };
    let place = Place {
        target: Some(Target::Change(unit)),
        words: words.clone(),
        machine: machine.clone(),
        requires: Some(unit),
        ..Place::default()
    };
    in_container(planner, app, place, container)
}

/// Adds a container at a place, if there is to be one.
fn in_container(
    planner: &mut Planner<'_>,
    app: &Application,
    place: Place,
    container: Option<&str>,
) -> Place {
    let Some(kind) = container else {
        return place;
    };
    let id = planner.existing.take_container(&place.machine, kind);
    let change = Change::AddMachine {
        id: place.machine.clone(),
        bundle_id: String::new(),
        container: Some((kind.to_owned(), id.clone())),
        on_existing: planner.existing.machines.contains_key(&place.machine),
        base: planner.base_of(app),
        constraints: with_spaces(app),
    };
    let number = planner.add_machine(change, place.requires);
    Place {
        target: Some(Target::Change(number)),
        words: id,
        machine: place.machine,
        requires: Some(number),
        ..Place::default()
    }
}

/// Returns the constraints of a machine for an application: it has to be in the spaces that the application is bound to.
fn with_spaces(app: &Application) -> String {
    if app.bindings.is_empty() {
        return app.constraints.clone();
    }
    let mut spaces: BTreeSet<&str> = app.bindings.values().map(String::as_str).collect();
    let mut others = Vec::new();
    for constraint in app.constraints.split_whitespace() {
        match constraint.strip_prefix("spaces=") {
            Some(list) => spaces.extend(list.split(',').filter(|space| !space.is_empty())),
            None => others.push(constraint),
        }
    }
    others.sort_unstable();
    let spaces: Vec<&str> = spaces.into_iter().collect();
    let parts = [format!("spaces={}", spaces.join(","))]
        .into_iter()
        .chain(others.into_iter().map(str::to_owned));
    parts.collect::<Vec<_>>().join(" ")
}
