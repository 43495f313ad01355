//! What `juju status --format json` says, for Juju 2.9, 3.6 and 4.0.
//!
//! Reading is lenient: unknown keys are ignored, `null` and a missing key are the same, and what the controller could not
//! tell (`status-error`) becomes the status `failed`.

mod predicates;
mod read;

pub use predicates::{
    all_active, all_agents_idle, all_blocked, all_error, all_maintenance, all_waiting, any_active,
    any_blocked, any_error, any_maintenance, any_waiting,
};

use super::read::Read;
use std::collections::BTreeMap;

/// The status of a model.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// The model itself.
    pub model: ModelInfo,
    /// Machines by number; none in a Kubernetes model.
    pub machines: BTreeMap<String, Machine>,
    /// Applications by name.
    pub applications: BTreeMap<String, Application>,
    /// Consumed offers by name.
    pub application_endpoints: BTreeMap<String, RemoteApplication>,
    /// Offers by name.
    pub offers: BTreeMap<String, Offer>,
    /// Storage, as Juju prints it.
    pub storage: serde_json::Value,
}

/// The model that a [`Status`] is about.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ModelInfo {
    /// The name, without owner.
    pub name: String,
    /// `iaas` for machines, `caas` for Kubernetes.
    pub kind: String,
    /// The controller.
    pub controller: String,
    /// The cloud.
    pub cloud: String,
    /// The region of the cloud.
    pub region: String,
    /// The version of the model's agents.
    pub version: String,
    /// `available`, `busy`, `suspended`, `destroying`, `error`.
    pub status: StatusInfo,
}

/// One status with its message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusInfo {
    /// The status: `active`, `idle`, ...
    pub current: String,
    /// The message.
    pub message: String,
    /// Why, where Juju says so.
    pub reason: String,
    /// Since when, as Juju prints it; only good for being compared.
    pub since: String,
    /// The version of the agent.
    pub version: String,
    /// `alive`, `dying`, `dead`; before Juju 4 empty for what is alive.
    pub life: String,
    /// Why the controller could not tell the status.
    status_error: String,
}

/// A base: an operating system and its channel, as `ubuntu` and `24.04`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Base {
    /// The operating system.
    pub name: String,
    /// Its channel.
    pub channel: String,
}

/// An application.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Application {
    /// The charm: its name, or `local:name-revision`.
    pub charm: String,
    /// `charmhub` or `local`.
    pub charm_origin: String,
    /// The charm's name.
    pub charm_name: String,
    /// The charm's revision; -1 when the controller could not tell.
    pub charm_rev: i64,
    /// The channel that the charm is from.
    pub charm_channel: String,
    /// The version that the charm gives itself.
    pub charm_version: String,
    /// A newer revision of the charm.
    pub can_upgrade_to: String,
    /// The base; empty before Juju 3, which has `series`.
    pub base: Base,
    /// The series (Juju 2.9).
    pub series: String,
    /// How many units the application should have (Kubernetes).
    pub scale: Option<usize>,
    /// The cloud's name for the application (Kubernetes).
    pub provider_id: String,
    /// The address of the service (Kubernetes).
    pub address: String,
    /// Whether the application is exposed.
    pub exposed: bool,
    /// `alive`, `dying`, `dead`; before Juju 4 empty for what is alive.
    pub life: String,
    /// The application's status: the one the leader set, else the gravest of its units.
    pub status: StatusInfo,
    /// Relations by endpoint. Peer relations name the application itself.
    pub relations: Relations,
    /// The principals of a subordinate application.
    pub subordinate_to: Vec<String>,
    /// The units; [`Status::units_of`] also knows those of subordinate applications.
    pub units: BTreeMap<String, Unit>,
    /// The version of the workload.
    pub version: String,
    /// Space by endpoint.
    pub endpoint_bindings: BTreeMap<String, String>,
}

/// The relations of an application, by its endpoint.
pub type Relations = BTreeMap<String, Vec<Relation>>;

/// One relation of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relation {
    /// The application at the other end.
    pub related_application: String,
    /// The interface; empty before Juju 3.
    pub interface: String,
    /// `global` or `container`; empty before Juju 3.
    pub scope: String,
}

/// A unit.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Unit {
    /// What the charm says of the workload.
    pub workload: StatusInfo,
    /// What the agent does.
    pub agent: StatusInfo,
    /// Whether the unit is its application's leader.
    pub leader: bool,
    /// The charm that the unit is being upgraded from.
    pub upgrading_from: String,
    /// The machine; empty for subordinates and in Kubernetes.
    pub machine: String,
    /// Open ports, as `8080/tcp`.
    pub open_ports: Vec<String>,
    /// The public address (machines).
    pub public_address: String,
    /// The address (Kubernetes).
    pub address: String,
    /// The cloud's name for the unit (Kubernetes).
    pub provider_id: String,
    /// Subordinate units.
    pub subordinates: BTreeMap<String, Unit>,
}

/// A machine.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Machine {
    /// What the machine's agent does.
    pub agent: StatusInfo,
    /// What the cloud says of the machine.
    pub instance: StatusInfo,
    /// The host name.
    pub hostname: String,
    /// The address to reach it by.
    pub dns_name: String,
    /// Its addresses.
    pub ip_addresses: Vec<String>,
    /// The cloud's name for it; `pending` until there is one.
    pub instance_id: String,
    /// The base.
    pub base: Base,
    /// What it is made of.
    pub hardware: String,
    /// Machines on this machine.
    pub containers: BTreeMap<String, Machine>,
}

/// An offer that the model consumes.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RemoteApplication {
    /// The offer's URL.
    pub url: String,
    /// `alive`, `dying`, `dead`.
    pub life: String,
    /// Its status.
    pub status: StatusInfo,
    /// Related applications by endpoint.
    pub relations: BTreeMap<String, Vec<String>>,
}

/// An offer of the model.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Offer {
    /// The application that is offered.
    pub application: String,
    /// How many relations there are to it.
    pub total_connected_count: u64,
    /// How many of them are active.
    pub active_connected_count: u64,
}

impl Status {
    /// Reads the output of `juju status --format json`.
    ///
    /// # Errors
    ///
    /// If the text is not JSON, or not shaped as a status; the error then names the place.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        let value = serde_json::from_str(text)?;
        Self::read(&value).map_err(serde::de::Error::custom)
    }

    /// Returns an application.
    #[must_use]
    pub fn app(&self, name: &str) -> Option<&Application> {
        self.applications.get(name)
    }

    /// Returns an application's units in the order of their numbers, those of a subordinate application included. Empty
    /// for an application that is not there.
    #[must_use]
    pub fn units_of<'a>(&'a self, application: &str) -> Vec<(&'a str, &'a Unit)> {
        let Some(app) = self.app(application) else {
            return Vec::new();
        };
        let of_it = |unit: &str| {
            unit.rsplit_once('/')
                .is_some_and(|(name, _)| name == application)
        };
        let principals = self
            .applications
            .values()
            .flat_map(|app| app.units.values());
        let subordinates = principals
            .flat_map(|unit| &unit.subordinates)
            .filter(|(name, _)| of_it(name));
        let mut units: Vec<_> = app
            .units
            .iter()
            .chain(subordinates)
            .map(|(name, unit)| (name.as_str(), unit))
            .collect();
        units.sort_by_key(|(name, _)| unit_number(name));
        units
    }

    /// Returns a unit, subordinate or not; `application/leader` is the leader.
    #[must_use]
    pub fn unit(&self, name: &str) -> Option<&Unit> {
        let (application, number) = name.rsplit_once('/')?;
        if number == "leader" {
            return self.leader_of(application).map(|(_, unit)| unit);
        }
        self.units_of(application)
            .into_iter()
            .find(|(unit, _)| *unit == name)
            .map(|(_, unit)| unit)
    }

    /// Returns an application's leader, once it has one.
    #[must_use]
    pub fn leader_of<'a>(&'a self, application: &str) -> Option<(&'a str, &'a Unit)> {
        self.units_of(application)
            .into_iter()
            .find(|(_, unit)| unit.leader)
    }

    /// Returns the number of a unit's machine; of its principal's, for a subordinate. `None` in Kubernetes.
    #[must_use]
    pub fn machine_of(&self, unit: &str) -> Option<&str> {
        let own = &self.unit(unit)?.machine;
        if !own.is_empty() {
            return Some(own);
        }
        let principals = self
            .applications
            .values()
            .flat_map(|app| app.units.values());
        principals
            .into_iter()
            .find(|principal| principal.subordinates.contains_key(unit))
            .map(|principal| principal.machine.as_str())
            .filter(|machine| !machine.is_empty())
    }

    /// Returns the address at which a test can reach a unit: in Kubernetes the pod's, else the public address, else the first
    /// one of its machine. `None` while there is none.
    #[must_use]
    pub fn address_of(&self, unit: &str) -> Option<&str> {
        let shown = self.unit(unit)?;
        let machine = || self.machine(self.machine_of(unit)?);
        [&shown.address, &shown.public_address]
            .into_iter()
            .chain(machine().map(|machine| &machine.dns_name))
            .chain(machine().and_then(|machine| machine.ip_addresses.first()))
            .map(String::as_str)
            .find(|address| !address.is_empty())
    }

    /// Returns a machine, or a container on one (`0/lxd/1`).
    #[must_use]
    pub fn machine(&self, id: &str) -> Option<&Machine> {
        if let Some(machine) = self.machines.get(id) {
            return Some(machine);
        }
        self.machine(id.rsplitn(3, '/').nth(2)?)?.containers.get(id)
    }
}

/// Returns the number of a unit.
pub(crate) fn unit_number(unit: &str) -> u64 {
    unit.rsplit_once('/')
        .and_then(|(_, number)| number.parse().ok())
        .unwrap_or(u64::MAX)
}

/// The questions that tests ask of both applications and units.
macro_rules! status_questions {
    ($($kind:ident: $field:ident),*) => {$(
        impl $kind {
            /// Tells whether its status is `active`.
            #[must_use]
            pub fn is_active(&self) -> bool {
                self.$field.current == "active"
            }

            /// Tells whether its status is `blocked`.
            #[must_use]
            pub fn is_blocked(&self) -> bool {
                self.$field.current == "blocked"
            }

            /// Tells whether its status is `error`.
            #[must_use]
            pub fn is_error(&self) -> bool {
                self.$field.current == "error"
            }

            /// Tells whether its status is `maintenance`.
            #[must_use]
            pub fn is_maintenance(&self) -> bool {
                self.$field.current == "maintenance"
            }

            /// Tells whether its status is `waiting`.
            #[must_use]
            pub fn is_waiting(&self) -> bool {
                self.$field.current == "waiting"
            }
        }
    )*};
}

status_questions!(Application: status, Unit: workload);

impl StatusInfo {
    /// Tells whether the controller could tell the status at all; now and then it cannot, for a moment.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.status_error.is_empty()
    }
}

impl Unit {
    /// Tells whether the agent is idle.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.agent.current == "idle"
    }
}
