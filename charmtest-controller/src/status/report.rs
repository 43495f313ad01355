//! What is shown of a model, as values.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::cross_model::{self, ConsumedPart, OfferPart};
use super::derive;
use super::selection::Selection;
use super::storage::StorageReport;
use crate::JujuVersion;
use crate::model::{Application, Life, Machine, Model, Unit, UnitName, changes, is_store_url};

/// What the report says about this machine, on which all machines of all models are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// The architecture in Juju's words.
    pub(crate) arch: &'static str,
    /// The number of processors.
    pub(crate) cores: usize,
    /// The memory in MiB.
    pub(crate) memory: u64,
}

impl Host {
    /// Looks at this machine.
    pub(crate) fn detect() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let memory = std::fs::read_to_string("/proc/meminfo")
            .ok()
            .and_then(|text| {
                let line = text
                    .lines()
                    .find_map(|line| line.strip_prefix("MemTotal:"))?;
                line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
            });
        Self {
            arch: Self::ARCH,
            cores,
            memory: memory.unwrap_or_default() / 1024,
        }
    }

    /// The architecture of this build in Juju's words.
    pub(crate) const ARCH: &str = match std::env::consts::ARCH.as_bytes() {
        b"x86_64" => "amd64",
        b"aarch64" => "arm64",
        b"powerpc64" => "ppc64el",
        _ => std::env::consts::ARCH,
    };

    fn hardware(&self) -> String {
        format!(
            "arch={} cores={} mem={}M",
            self.arch, self.cores, self.memory
        )
    }
}

/// A status word with its message and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) current: &'static str,
    pub(crate) message: String,
    pub(crate) since: Option<Timestamp>,
}

/// What `juju status` shows of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    pub(crate) model: String,
    pub(crate) juju: JujuVersion,
    pub(crate) model_status: Shown,
    pub(crate) machines: Vec<MachinePart>,
    pub(crate) applications: Vec<ApplicationPart>,
    pub(crate) relations: Vec<RelationPart>,
    /// Consumed applications; see [`Report::with_consumed`].
    pub(crate) consumed: Vec<ConsumedPart>,
    pub(crate) offers: Vec<OfferPart>,
    pub(crate) storage: StorageReport,
    pub(crate) at: Timestamp,
}

/// A machine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MachinePart {
    pub(crate) id: String,
    pub(crate) address: String,
    pub(crate) hostname: String,
    pub(crate) base: String,
    pub(crate) life: Life,
    pub(crate) since: Timestamp,
    pub(crate) constraints: String,
    pub(crate) hardware: String,
}

/// An application.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApplicationPart {
    pub(crate) name: String,
    pub(crate) charm: String,
    pub(crate) charm_name: String,
    pub(crate) charm_rev: u32,
    pub(crate) charm_channel: Option<String>,
    pub(crate) charm_version: Option<String>,
    /// The URL of a newer revision in the charm store; [`Report::of`] knows of none, the store is asked elsewhere.
    pub(crate) can_upgrade_to: Option<String>,
    pub(crate) base: String,
    pub(crate) exposed: bool,
    pub(crate) life: Life,
    pub(crate) status: Shown,
    pub(crate) relations: BTreeMap<String, Vec<RelatedPart>>,
    pub(crate) subordinate_to: Vec<String>,
    pub(crate) units: Vec<UnitPart>,
    pub(crate) version: Option<String>,
    /// What is bound to a space, by name; the empty name is the application itself.
    pub(crate) bound: Vec<String>,
    pub(crate) is_subordinate: bool,
}

/// The other side of an application's relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RelatedPart {
    pub(crate) application: String,
    pub(crate) interface: String,
    pub(crate) scope: &'static str,
}

/// A unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UnitPart {
    pub(crate) name: UnitName,
    pub(crate) workload: Shown,
    pub(crate) agent: Shown,
    pub(crate) leader: bool,
    pub(crate) machine: String,
    pub(crate) ports: Vec<String>,
    pub(crate) merged_ports: String,
    pub(crate) address: Option<String>,
    pub(crate) subordinates: Vec<UnitPart>,
}

/// A row of the relation table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RelationPart {
    pub(crate) provider: String,
    pub(crate) requirer: String,
    pub(crate) interface: String,
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

impl Report {
    /// Derives the report of what `selection` picks from a model.
    pub(crate) fn of(model: &Model, selection: &Selection, host: &Host, at: Timestamp) -> Self {
        let machines = model
            .machines
            .values()
            .filter(|machine| selection.has_machine(&machine.id));
        let applications = model
            .applications
            .values()
            .filter(|app| selection.has_application(&app.name));
        let mut relations: Vec<RelationPart> = model
            .relations
            .values()
            .filter(|relation| !derive::is_of_consumer(relation))
            .filter(|relation| {
                relation
                    .endpoints
                    .iter()
                    .any(|side| selection.has_application(&side.application))
            })
            .filter_map(derive::relation_row)
            .collect();
        relations.sort();
        Self {
            model: model.info.name.clone(),
            juju: model.info.juju,
            model_status: derive::model_status(&model.info),
            machines: machines
                .map(|machine| machine_part(model, machine, host))
                .collect(),
            applications: applications
                .map(|app| application_part(model, app, selection))
                .collect(),
            relations,
            consumed: Vec::new(),
            offers: cross_model::offers(model, selection),
            storage: StorageReport::of(model, selection),
            at,
        }
    }

    /// Iterates over all units with their depth, 1 for subordinates.
    pub(crate) fn units(&self) -> impl Iterator<Item = (usize, &UnitPart)> {
        self.applications
            .iter()
            .flat_map(|app| &app.units)
            .flat_map(|unit| {
                let below = unit.subordinates.iter().map(|subordinate| (1, subordinate));
                std::iter::once((0, unit)).chain(below)
            })
    }
}

fn machine_part(model: &Model, machine: &Machine, host: &Host) -> MachinePart {
    let short = model.info.uuid.0.get(..6).unwrap_or_default();
    let constraints: Vec<String> = machine
        .constraints
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    MachinePart {
        id: machine.id.clone(),
        address: machine.address.to_string(),
        hostname: format!("juju-{short}-{}", machine.id),
        base: machine.base.clone(),
        life: machine.life,
        since: machine.since,
        constraints: constraints.join(" "),
        hardware: host.hardware(),
    }
}

fn application_part(model: &Model, app: &Application, selection: &Selection) -> ApplicationPart {
    let row = model.charms.get(&app.charm);
    let metadata = row.map(|row| &row.charm.metadata);
    let mut relations: BTreeMap<String, Vec<RelatedPart>> = BTreeMap::new();
    let mut subordinate_to = Vec::new();
    let is_subordinate = metadata.is_some_and(|metadata| metadata.subordinate);
    for relation in model
        .relations_of(&app.name)
        .filter(|relation| !derive::is_of_consumer(relation))
    {
        let (Some(own), Some(other)) = (
            relation.endpoint_of(&app.name),
            relation.remote_of(&app.name),
        ) else {
            continue;
        };
        let related = RelatedPart {
            application: other.application.clone(),
            interface: own.interface.clone(),
            scope: relation.scope.as_str(),
        };
        relations.entry(own.name.clone()).or_default().push(related);
        if is_subordinate && !relation.is_peer() && relation.scope == crate::model::Scope::Container
        {
            subordinate_to.push(other.application.clone());
        }
    }
    for related in relations.values_mut() {
        related.sort();
    }
    subordinate_to.sort();
    subordinate_to.dedup();
    let units = model
        .units_of(&app.name)
        .filter(|unit| unit.principal.is_none() && selection.has_unit(&unit.name));
    ApplicationPart {
        name: app.name.clone(),
        charm: app.charm.clone(),
        charm_name: metadata
            .map(|metadata| metadata.name.to_string())
            .unwrap_or_default(),
        charm_rev: row.map_or(0, |row| row.revision),
        charm_channel: app.channel.clone().filter(|_| is_store_url(&app.charm)),
        charm_version: row.and_then(|row| row.charm.version.clone()),
        can_upgrade_to: None,
        base: app.base.clone(),
        exposed: app.exposed,
        life: app.life,
        status: derive::application_status(model, app),
        relations,
        subordinate_to,
        units: units
            .map(|unit| unit_part(model, unit, selection))
            .collect(),
        version: app
            .workload_version
            .clone()
            .filter(|version| !version.is_empty()),
        bound: changes::bound(model, &app.name),
        is_subordinate,
    }
}

fn unit_part(model: &Model, unit: &Unit, selection: &Selection) -> UnitPart {
    let (workload, agent) = derive::unit_status(model, unit);
    let mut ports: Vec<_> = unit.ports.values().flatten().cloned().collect();
    ports.sort();
    ports.dedup();
    let subordinates = model
        .subordinates_of(&unit.name)
        .filter(|other| selection.has_unit(&other.name));
    UnitPart {
        name: unit.name.clone(),
        workload,
        agent,
        leader: model.is_leader(&unit.name),
        machine: unit.machine.clone(),
        merged_ports: derive::merged_ports(&ports),
        ports: ports.iter().map(ToString::to_string).collect(),
        address: model
            .address_of(&unit.name)
            .map(|address| address.to_string()),
        subordinates: subordinates
            .map(|unit| unit_part(model, unit, selection))
            .collect(),
    }
}
