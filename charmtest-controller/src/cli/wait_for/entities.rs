//! What `wait-for` can ask of a model, an application, a unit and a machine (Juju 3.6).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::{Map, Value};

use super::eval::{Entity, EvalError, Operand, Scope};
use crate::model::{Application, Life, Machine, Model, Unit, config_defaults};
use crate::status::{application_status, unit_status};

/// Which names a query asked for: these are what the summary shows.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    own: RefCell<BTreeSet<&'static str>>,
    children: RefCell<BTreeMap<(&'static str, String), Rc<Recorder>>>,
}

impl Recorder {
    fn note(&self, known: &[&'static str], name: &str) {
        if let Some(name) = known.iter().find(|known| **known == name) {
            self.own.borrow_mut().insert(name);
        }
    }

    /// Returns the names noted so far; showing their values notes them again.
    fn names(&self) -> BTreeSet<&'static str> {
        self.own.borrow().clone()
    }

    fn child(&self, kind: &'static str, name: &str) -> Rc<Self> {
        let mut children = self.children.borrow_mut();
        Rc::clone(children.entry((kind, name.to_owned())).or_default())
    }

    /// Makes the summary of an entity that was asked through this recorder.
    pub(super) fn summary<'a>(&self, model: &'a Model, entity: &dyn Scope<'a>) -> Value {
        let mut all = Map::new();
        all.insert("properties".to_owned(), shown(&self.names(), entity));
        let children = self.children.borrow().clone();
        for ((kind, name), child) in &children {
            let unheard = Rc::new(Recorder::default());
            let found: Option<Entity<'a>> = match *kind {
                "applications" => application(model, name, unheard),
                "units" => unit(model, name, unheard),
                _ => machine(model, name, unheard),
            };
            let Some(found) = found else { continue };
            let group = all
                .entry((*kind).to_owned())
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(group) = group {
                group.insert(name.clone(), shown(&child.names(), &*found));
            }
        }
        Value::Object(all)
    }
}

fn shown(names: &BTreeSet<&'static str>, entity: &dyn Scope<'_>) -> Value {
    let values = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), entity.get(name).ok()?.shown())));
    Value::Object(values.collect())
}

/// Returns a model as a scope.
pub(super) fn model(model: &Model, recorder: Rc<Recorder>) -> Entity<'_> {
    Rc::new(ModelScope { model, recorder })
}

/// Returns an application as a scope, if it is there.
pub(super) fn application<'a>(
    model: &'a Model,
    name: &str,
    recorder: Rc<Recorder>,
) -> Option<Entity<'a>> {
    let app = model.applications.get(name)?;
    Some(Rc::new(ApplicationScope {
        model,
        app,
        recorder,
    }))
}

/// Returns a unit as a scope, if it is there.
pub(super) fn unit<'a>(model: &'a Model, name: &str, recorder: Rc<Recorder>) -> Option<Entity<'a>> {
    let unit = model.units.get(name)?;
    Some(Rc::new(UnitScope {
        model,
        unit,
        recorder,
    }))
}

/// Returns a machine as a scope, if it is there.
pub(super) fn machine<'a>(
    model: &'a Model,
    id: &str,
    recorder: Rc<Recorder>,
) -> Option<Entity<'a>> {
    let machine = model.machines.get(id)?;
    Some(Rc::new(MachineScope { machine, recorder }))
}

fn text<'a>(text: impl Into<String>) -> Operand<'a> {
    Operand::Text(text.into())
}

fn life<'a>(life: Life) -> Operand<'a> {
    text(life.as_str())
}

fn unknown<'a>(
    name: &str,
    on: &'static str,
    known: &[&'static str],
) -> Result<Operand<'a>, EvalError> {
    Err(EvalError::Name {
        name: name.to_owned(),
        on,
        known: known.to_vec(),
    })
}

fn machines<'a>(
    model: &'a Model,
    recorder: &Recorder,
    wanted: impl Fn(&Machine) -> bool,
) -> Operand<'a> {
    let entities = model
        .machines
        .values()
        .filter(|machine| wanted(machine))
        .filter_map(|row| {
            let child = recorder.child("machines", &row.id);
            Some((row.id.clone(), machine(model, &row.id, child)?))
        });
    Operand::Entities(entities.collect())
}

fn units<'a>(model: &'a Model, recorder: &Recorder, application: Option<&str>) -> Operand<'a> {
    let entities = model
        .units
        .values()
        .filter(|unit| application.is_none_or(|name| unit.name.application() == name))
        .filter_map(|row| {
            let name = row.name.as_str();
            Some((
                name.to_owned(),
                unit(model, name, recorder.child("units", name))?,
            ))
        });
    Operand::Entities(entities.collect())
}

struct ModelScope<'a> {
    model: &'a Model,
    recorder: Rc<Recorder>,
}

const MODEL: &[&str] = &[
    "name",
    "life",
    "is-controller",
    "status",
    "config",
    "applications",
    "machines",
    "units",
];

impl<'a> Scope<'a> for ModelScope<'a> {
    fn get(&self, name: &str) -> Result<Operand<'a>, EvalError> {
        let info = &self.model.info;
        if !matches!(name, "applications" | "machines" | "units") {
            self.recorder.note(MODEL, name);
        }
        Ok(match name {
            "name" => text(info.name.as_str()),
            "life" => life(info.life),
            "is-controller" => Operand::Bool(false),
            "status" => text(match info.life {
                Life::Alive => "available",
                Life::Dying | Life::Dead => "destroying",
            }),
            "config" => {
                let defaults =
                    config_defaults(info.juju).map(|(key, value)| (key.to_owned(), value.into()));
                let own = info
                    .config
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone().into()));
                Operand::Map(defaults.chain(own).collect())
            }
            "applications" => {
                let entities = self.model.applications.keys().filter_map(|name| {
                    let child = self.recorder.child("applications", name);
                    Some((name.clone(), application(self.model, name, child)?))
                });
                Operand::Entities(entities.collect())
            }
            "machines" => machines(self.model, &self.recorder, |_| true),
            "units" => units(self.model, &self.recorder, None),
            _ => return unknown(name, "ModelInfo", MODEL),
        })
    }
}

struct ApplicationScope<'a> {
    model: &'a Model,
    app: &'a Application,
    recorder: Rc<Recorder>,
}

const APPLICATION: &[&str] = &[
    "name",
    "life",
    "exposed",
    "charm-url",
    "min-units",
    "subordinate",
    "status",
    "workload-version",
    "units",
    "machines",
];

impl<'a> Scope<'a> for ApplicationScope<'a> {
    fn get(&self, name: &str) -> Result<Operand<'a>, EvalError> {
        self.recorder.note(APPLICATION, name);
        let (model, app) = (self.model, self.app);
        Ok(match name {
            "name" => text(app.name.as_str()),
            "life" => life(app.life),
            "exposed" => Operand::Bool(app.exposed),
            "charm-url" => text(app.charm.as_str()),
            "min-units" => Operand::Int(0),
            "subordinate" => Operand::Bool(
                model
                    .charm_of(&app.name)
                    .is_some_and(|row| row.charm.metadata.subordinate),
            ),
            "status" => text(application_status(model, app).current),
            "workload-version" => text(app.workload_version.clone().unwrap_or_default()),
            "units" => units(model, &self.recorder, Some(&app.name)),
            "machines" => machines(model, &self.recorder, |machine| {
                model
                    .units_of(&app.name)
                    .any(|unit| unit.machine == machine.id)
            }),
            _ => return unknown(name, "ApplicationInfo", APPLICATION),
        })
    }
}

struct UnitScope<'a> {
    model: &'a Model,
    unit: &'a Unit,
    recorder: Rc<Recorder>,
}

const UNIT: &[&str] = &[
    "name",
    "application",
    "base",
    "charm-url",
    "life",
    "public-address",
    "private-address",
    "machine-id",
    "principal",
    "subordinate",
    "workload-status",
    "workload-message",
    "agent-status",
    "machines",
];

impl<'a> Scope<'a> for UnitScope<'a> {
    fn get(&self, name: &str) -> Result<Operand<'a>, EvalError> {
        self.recorder.note(UNIT, name);
        let (model, unit) = (self.model, self.unit);
        let status = || unit_status(model, unit);
        Ok(match name {
            "name" => text(unit.name.as_str()),
            "application" => text(unit.name.application()),
            "base" => {
                let machine = model.machines.get(&unit.machine);
                text(
                    machine
                        .map(|machine| machine.base.clone())
                        .unwrap_or_default(),
                )
            }
            "charm-url" => text(unit.progress.charm.clone().unwrap_or_default()),
            "life" => life(unit.life),
            "public-address" | "private-address" => {
                let address = model.address_of(&unit.name);
                text(
                    address
                        .map(|address| address.to_string())
                        .unwrap_or_default(),
                )
            }
            "machine-id" => text(unit.machine.as_str()),
            "principal" => {
                let principal = unit.principal.as_ref();
                text(principal.map(ToString::to_string).unwrap_or_default())
            }
            "subordinate" => Operand::Bool(unit.principal.is_some()),
            "workload-status" => text(status().0.current),
            "workload-message" => text(status().0.message),
            "agent-status" => text(status().1.current),
            "machines" => machines(model, &self.recorder, |machine| machine.id == unit.machine),
            _ => return unknown(name, "UnitInfo", UNIT),
        })
    }
}

struct MachineScope<'a> {
    machine: &'a Machine,
    recorder: Rc<Recorder>,
}

const MACHINE: &[&str] = &[
    "id",
    "life",
    "status",
    "agent-status",
    "instance-status",
    "base",
    "container-type",
    "config",
    "supported-containers",
];

impl<'a> Scope<'a> for MachineScope<'a> {
    fn get(&self, name: &str) -> Result<Operand<'a>, EvalError> {
        self.recorder.note(MACHINE, name);
        let machine = self.machine;
        Ok(match name {
            "id" => text(machine.id.as_str()),
            "life" => life(machine.life),
            // A machine is there as soon as it is made.
            "status" | "agent-status" => text("started"),
            "instance-status" => text("running"),
            "base" => text(machine.base.as_str()),
            "container-type" => text(""),
            "config" => Operand::Map(Map::new()),
            "supported-containers" => Operand::List(Vec::new()),
            _ => return unknown(name, "MachineInfo", MACHINE),
        })
    }
}
