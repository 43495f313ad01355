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

use read::{lenient, relations};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The status of a model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Status {
    /// The model itself.
    #[serde(default, deserialize_with = "lenient")]
    pub model: ModelInfo,
    /// Machines by number; none in a Kubernetes model.
    #[serde(default, deserialize_with = "lenient")]
    pub machines: BTreeMap<String, Machine>,
    /// Applications by name.
    #[serde(default, deserialize_with = "lenient")]
    pub applications: BTreeMap<String, Application>,
    /// Consumed offers by name.
    #[serde(default, deserialize_with = "lenient")]
    pub application_endpoints: BTreeMap<String, RemoteApplication>,
    /// Offers by name.
    #[serde(default, deserialize_with = "lenient")]
    pub offers: BTreeMap<String, Offer>,
    /// Storage, as Juju prints it.
    #[serde(default, deserialize_with = "lenient")]
    pub storage: serde_json::Value,
}

/// The model that a [`Status`] is about.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[non_exhaustive]
pub struct ModelInfo {
    /// The name, without owner.
    #[serde(deserialize_with = "lenient")]
    pub name: String,
    /// `iaas` for machines, `caas` for Kubernetes.
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub kind: String,
    /// The controller.
    #[serde(deserialize_with = "lenient")]
    pub controller: String,
    /// The cloud.
    #[serde(deserialize_with = "lenient")]
    pub cloud: String,
    /// The region of the cloud.
    #[serde(deserialize_with = "lenient")]
    pub region: String,
    /// The version of the model's agents.
    #[serde(deserialize_with = "lenient")]
    pub version: String,
    /// `available`, `busy`, `suspended`, `destroying`, `error`.
    #[serde(rename = "model-status", deserialize_with = "lenient")]
    pub status: StatusInfo,
}

/// One status with its message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[non_exhaustive]
pub struct StatusInfo {
    /// The status: `active`, `idle`, ...
    #[serde(deserialize_with = "lenient")]
    pub current: String,
    /// The message.
    #[serde(deserialize_with = "lenient")]
    pub message: String,
    /// Why, where Juju says so.
    #[serde(deserialize_with = "lenient")]
    pub reason: String,
    /// Since when, as Juju prints it; only good for being compared.
    #[serde(deserialize_with = "lenient")]
    pub since: String,
    /// The version of the agent.
    #[serde(deserialize_with = "lenient")]
    pub version: String,
    /// `alive`, `dying`, `dead`; before Juju 4 empty for what is alive.
    #[serde(deserialize_with = "lenient")]
    pub life: String,
    #[serde(deserialize_with = "lenient")]
    status_error: String,
}

/// A base: an operating system and its channel, as `ubuntu` and `24.04`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Base {
    /// The operating system.
    #[serde(deserialize_with = "lenient")]
    pub name: String,
    /// Its channel.
    #[serde(deserialize_with = "lenient")]
    pub channel: String,
}

/// An application.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[non_exhaustive]
pub struct Application {
    /// The charm: its name, or `local:name-revision`.
    #[serde(deserialize_with = "lenient")]
    pub charm: String,
    /// `charmhub` or `local`.
    #[serde(deserialize_with = "lenient")]
    pub charm_origin: String,
    /// The charm's name.
    #[serde(deserialize_with = "lenient")]
    pub charm_name: String,
    /// The charm's revision; -1 when the controller could not tell.
    #[serde(deserialize_with = "lenient")]
    pub charm_rev: i64,
    /// The channel that the charm is from.
    #[serde(deserialize_with = "lenient")]
    pub charm_channel: String,
    /// The version that the charm gives itself.
    #[serde(deserialize_with = "lenient")]
    pub charm_version: String,
    /// A newer revision of the charm.
    #[serde(deserialize_with = "lenient")]
    pub can_upgrade_to: String,
    /// The base; empty before Juju 3, which has `series`.
    #[serde(deserialize_with = "lenient")]
    pub base: Base,
    /// The series (Juju 2.9).
    #[serde(deserialize_with = "lenient")]
    pub series: String,
    /// How many units the application should have (Kubernetes).
    #[serde(deserialize_with = "lenient")]
    pub scale: Option<usize>,
    /// The cloud's name for the application (Kubernetes).
    #[serde(deserialize_with = "lenient")]
    pub provider_id: String,
    /// The address of the service (Kubernetes).
    #[serde(deserialize_with = "lenient")]
    pub address: String,
    /// Whether the application is exposed.
    #[serde(deserialize_with = "lenient")]
    pub exposed: bool,
    /// `alive`, `dying`, `dead`; before Juju 4 empty for what is alive.
    #[serde(deserialize_with = "lenient")]
    pub life: String,
    /// The application's status: the one the leader set, else the gravest of its units.
    #[serde(rename = "application-status", deserialize_with = "lenient")]
    pub status: StatusInfo,
    /// Relations by endpoint. Peer relations name the application itself.
    #[serde(deserialize_with = "relations")]
    pub relations: Relations,
    /// The principals of a subordinate application.
    #[serde(deserialize_with = "lenient")]
    pub subordinate_to: Vec<String>,
    /// The units; [`Status::units_of`] also knows those of subordinate applications.
    #[serde(deserialize_with = "lenient")]
    pub units: BTreeMap<String, Unit>,
    /// The version of the workload.
    #[serde(deserialize_with = "lenient")]
    pub version: String,
    /// Space by endpoint.
    #[serde(deserialize_with = "lenient")]
    pub endpoint_bindings: BTreeMap<String, String>,
    #[serde(deserialize_with = "lenient")]
    status_error: String,
}

/// The relations of an application, by its endpoint.
pub type Relations = BTreeMap<String, Vec<Relation>>;

/// One relation of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[non_exhaustive]
pub struct Relation {
    /// The application at the other end.
    #[serde(deserialize_with = "lenient")]
    pub related_application: String,
    /// The interface; empty before Juju 3.
    #[serde(deserialize_with = "lenient")]
    pub interface: String,
    /// `global` or `container`; empty before Juju 3.
    #[serde(deserialize_with = "lenient")]
    pub scope: String,
}

/// A unit.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[non_exhaustive]
pub struct Unit {
    /// What the charm says of the workload.
    #[serde(rename = "workload-status", deserialize_with = "lenient")]
    pub workload: StatusInfo,
    /// What the agent does.
    #[serde(rename = "juju-status", deserialize_with = "lenient")]
    pub agent: StatusInfo,
    /// Whether the unit is its application's leader.
    #[serde(deserialize_with = "lenient")]
    pub leader: bool,
    /// The charm that the unit is being upgraded from.
    #[serde(deserialize_with = "lenient")]
    pub upgrading_from: String,
    /// The machine; empty for subordinates and in Kubernetes.
    #[serde(deserialize_with = "lenient")]
    pub machine: String,
    /// Open ports, as `8080/tcp`.
    #[serde(deserialize_with = "lenient")]
    pub open_ports: Vec<String>,
    /// The public address (machines).
    #[serde(deserialize_with = "lenient")]
    pub public_address: String,
    /// The address (Kubernetes).
    #[serde(deserialize_with = "lenient")]
    pub address: String,
    /// The cloud's name for the unit (Kubernetes).
    #[serde(deserialize_with = "lenient")]
    pub provider_id: String,
    /// Subordinate units.
    #[serde(deserialize_with = "lenient")]
    pub subordinates: BTreeMap<String, Unit>,
    #[serde(deserialize_with = "lenient")]
    status_error: String,
}

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[non_exhaustive]
pub struct Machine {
    /// What the machine's agent does.
    #[serde(rename = "juju-status", deserialize_with = "lenient")]
    pub agent: StatusInfo,
    /// What the cloud says of the machine.
    #[serde(rename = "machine-status", deserialize_with = "lenient")]
    pub instance: StatusInfo,
    /// The host name.
    #[serde(deserialize_with = "lenient")]
    pub hostname: String,
    /// The address to reach it by.
    #[serde(deserialize_with = "lenient")]
    pub dns_name: String,
    /// Its addresses.
    #[serde(deserialize_with = "lenient")]
    pub ip_addresses: Vec<String>,
    /// The cloud's name for it; `pending` until there is one.
    #[serde(deserialize_with = "lenient")]
    pub instance_id: String,
    /// The base.
    #[serde(deserialize_with = "lenient")]
    pub base: Base,
    /// What it is made of.
    #[serde(deserialize_with = "lenient")]
    pub hardware: String,
    /// Machines on this machine.
    #[serde(deserialize_with = "lenient")]
    pub containers: BTreeMap<String, Machine>,
    #[serde(deserialize_with = "lenient")]
    status_error: String,
}

/// An offer that the model consumes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[non_exhaustive]
pub struct RemoteApplication {
    /// The offer's URL.
    #[serde(deserialize_with = "lenient")]
    pub url: String,
    /// `alive`, `dying`, `dead`.
    #[serde(deserialize_with = "lenient")]
    pub life: String,
    /// Its status.
    #[serde(rename = "application-status", deserialize_with = "lenient")]
    pub status: StatusInfo,
    /// Related applications by endpoint.
    #[serde(deserialize_with = "lenient")]
    pub relations: BTreeMap<String, Vec<String>>,
}

/// An offer of the model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[non_exhaustive]
pub struct Offer {
    /// The application that is offered.
    #[serde(deserialize_with = "lenient")]
    pub application: String,
    /// How many relations there are to it.
    #[serde(deserialize_with = "lenient")]
    pub total_connected_count: u64,
    /// How many of them are active.
    #[serde(deserialize_with = "lenient")]
    pub active_connected_count: u64,
}

impl Status {
    /// Reads the output of `juju status --format json`.
    ///
    /// # Errors
    ///
    /// If the text is not JSON, or not shaped as a status.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        // A list would do for a struct, by the order of its fields.
        if text.trim_start().starts_with('[') {
            return Err(serde::de::Error::custom(
                "a status is an object, not a list",
            ));
        }
        let mut status: Self = serde_json::from_str(text)?;
        read::settle(&mut status);
        Ok(status)
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
