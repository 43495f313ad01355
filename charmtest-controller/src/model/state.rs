//! The whole state as one value.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::application::{Application, CharmRow};
use super::controller::ControllerInfo;
use super::ids::{ModelUuid, RelationId, TaskId, UnitName};
use super::machine::Machine;
use super::offer::{Offer, RemoteApplication};
use super::relation::Relation;
use super::secret::{Secret, SecretId};
use super::storage::{StorageId, StorageInfo, StorageInstance};
use super::table::Table;
use super::task::Operation;
use super::tasks::Tasks;
use super::unit::Unit;
use crate::JujuVersion;

/// Whether an entity is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Life {
    /// Here to stay.
    Alive,
    /// Asked to go.
    Dying,
    /// Gone but for its record.
    Dead,
}

impl Life {
    /// Returns the word that Juju prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Dying => "dying",
            Self::Dead => "dead",
        }
    }
}

/// What a model is, apart from what is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its UUID.
    pub uuid: ModelUuid,
    /// Its name without the owner.
    pub name: String,
    /// The Juju that its controller speaks as.
    #[serde(default)]
    pub juju: JujuVersion,
    /// Its owner; the only user is `admin`.
    pub owner: String,
    /// Whether it is going.
    pub life: Life,
    /// When it was made.
    pub created: Timestamp,
    /// Explicit model configuration.
    pub config: BTreeMap<String, String>,
    /// Model constraints.
    pub constraints: BTreeMap<String, String>,
    /// The next relation id.
    pub next_relation: RelationId,
    /// The next operation or task id.
    pub next_task: TaskId,
    /// The next machine id.
    pub next_machine: u32,
    /// The next revision per charm name.
    pub next_revision: BTreeMap<String, u32>,
    /// Numbers of units of removed applications, by application name: a new application of that name goes on counting.
    pub unit_counters: BTreeMap<String, u32>,
    /// Counters and pools of storage.
    #[serde(default)]
    pub storage: StorageInfo,
    /// The public SSH keys that may log in to the model's machines (`juju add-ssh-key`), in the order in which they were added.
    #[serde(default)]
    pub authorized_keys: Vec<String>,
    /// Sets of commands that are disabled, each with the reason given (`juju disable-command`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blocks: BTreeMap<String, String>,
    /// Access of users beside its owner.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<String, String>,
}

impl ModelInfo {
    /// Returns `owner/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// Makes the record of a new model of the user `admin`.
    pub fn new(juju: JujuVersion, uuid: ModelUuid, name: String, created: Timestamp) -> Self {
        Self {
            uuid,
            name,
            juju,
            owner: "admin".to_owned(),
            life: Life::Alive,
            created,
            config: BTreeMap::new(),
            constraints: BTreeMap::new(),
            next_relation: 0,
            // Operations and tasks share one counter; Juju 4.0 begins it at 0.
            next_task: match juju {
                JujuVersion::V3_6 => 1,
                JujuVersion::V4_0 => 0,
            },
            next_machine: 0,
            next_revision: BTreeMap::new(),
            unit_counters: BTreeMap::new(),
            storage: StorageInfo::default(),
            authorized_keys: Vec::new(),
            blocks: BTreeMap::new(),
            users: BTreeMap::new(),
        }
    }
}

/// A model and everything in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// What it is.
    pub info: Arc<ModelInfo>,
    /// Applications by name.
    pub applications: Table<String, Application>,
    /// Units by name.
    pub units: Table<UnitName, Unit>,
    /// Machines by id.
    pub machines: Table<String, Machine>,
    /// Relations by number.
    pub relations: Table<RelationId, Relation>,
    /// Offers by name.
    pub offers: Table<String, Offer>,
    /// Applications of other models that this model consumes, by their name here.
    pub remote_applications: Table<String, RemoteApplication>,
    /// Uploaded charms by URL.
    pub charms: Table<String, CharmRow>,
    /// Operations by number.
    pub operations: Table<TaskId, Operation>,
    /// Tasks by number.
    pub tasks: Tasks,
    /// Secrets by id.
    pub secrets: Table<SecretId, Secret>,
    /// Storage instances by id.
    pub storage: Table<StorageId, StorageInstance>,
}

impl Model {
    /// Makes an empty model.
    pub fn new(info: ModelInfo) -> Self {
        Self {
            info: Arc::new(info),
            applications: Table::default(),
            units: Table::default(),
            machines: Table::default(),
            relations: Table::default(),
            offers: Table::default(),
            remote_applications: Table::default(),
            charms: Table::default(),
            operations: Table::default(),
            tasks: Tasks::default(),
            secrets: Table::default(),
            storage: Table::default(),
        }
    }

    /// Returns `owner/name`.
    pub fn full_name(&self) -> String {
        self.info.full_name()
    }

    /// Returns the model's own record for changing.
    pub fn info_mut(&mut self) -> &mut ModelInfo {
        Arc::make_mut(&mut self.info)
    }

    /// Iterates over the units of `application` in name order.
    pub fn units_of<'a>(&'a self, application: &'a str) -> impl Iterator<Item = &'a Unit> + Clone {
        let first = format!("{application}/");
        self.units
            .values_from(first.as_str())
            .take_while(move |unit| unit.name.application() == application)
    }

    /// Iterates over the relations of `application` in id order.
    pub fn relations_of<'a>(
        &'a self,
        application: &'a str,
    ) -> impl Iterator<Item = &'a Relation> + Clone {
        self.relations
            .values()
            .filter(move |relation| relation.endpoint_of(application).is_some())
    }

    /// Iterates over the storage instances that `unit` holds, in id order.
    pub fn storage_of<'a>(
        &'a self,
        unit: &'a UnitName,
    ) -> impl Iterator<Item = &'a StorageInstance> + Clone {
        self.storage
            .values()
            .filter(move |instance| instance.attachment_of(unit).is_some())
    }

    /// Returns the charm that `application` is set to run.
    pub fn charm_of(&self, application: &str) -> Option<&CharmRow> {
        self.charms.get(&self.applications.get(application)?.charm)
    }

    /// Says whether the charm of `application` is a subordinate: its units live beside those of other applications.
    pub fn is_subordinate(&self, application: &str) -> bool {
        self.charm_of(application)
            .is_some_and(|row| row.charm.metadata.subordinate)
    }

    /// Iterates over the subordinates of a principal unit, application by application.
    pub fn subordinates_of<'a>(
        &'a self,
        principal: &'a UnitName,
    ) -> impl Iterator<Item = &'a Unit> + Clone {
        // All units of an application are subordinates or none is: one look at those that have no principal is enough.
        self.applications
            .keys()
            .flat_map(|application| {
                self.units_of(application)
                    .take_while(|unit| unit.principal.is_some())
            })
            .filter(move |unit| unit.principal.as_ref() == Some(principal))
    }

    /// Says whether `unit` is its application's leader.
    pub fn is_leader(&self, unit: &UnitName) -> bool {
        self.applications
            .get(unit.application())
            .is_some_and(|app| app.leader.as_ref() == Some(unit))
    }

    /// Returns the address of `unit`.
    pub fn address_of(&self, unit: &UnitName) -> Option<std::net::Ipv4Addr> {
        Some(self.machines.get(&self.units.get(unit)?.machine)?.address)
    }

    /// Returns the model configuration value of `key`: the explicit one, or the default.
    pub fn config(&self, key: &str) -> Option<&str> {
        let explicit = self.info.config.get(key).map(String::as_str);
        explicit.or_else(|| {
            config_defaults(self.info.juju)
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value)
        })
    }
}

/// Returns the model configuration that the embedded controller acts on or that clients look for, with Juju's defaults, by name.
pub fn config_defaults(juju: JujuVersion) -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = CONFIG_DEFAULTS.iter().copied();
    std::iter::once(("agent-version", juju.number()))
        .chain(all.filter(move |(key, _)| juju == JujuVersion::V3_6 || !ONLY_3_6.contains(key)))
}

/// Keys that Juju 4.0 does not have.
const ONLY_3_6: [&str; 3] = [
    "max-status-history-age",
    "max-status-history-size",
    "secret-backend",
];

const CONFIG_DEFAULTS: &[(&str, &str)] = &[
    ("automatically-retry-hooks", "true"),
    ("default-base", ""),
    ("default-space", ""),
    ("development", "false"),
    ("disable-network-management", "false"),
    ("enable-os-refresh-update", "true"),
    ("enable-os-upgrade", "true"),
    ("firewall-mode", "instance"),
    ("ftp-proxy", ""),
    ("http-proxy", ""),
    ("https-proxy", ""),
    ("juju-ftp-proxy", ""),
    ("juju-http-proxy", ""),
    ("juju-https-proxy", ""),
    ("juju-no-proxy", "127.0.0.1,localhost,::1"),
    ("logging-config", "<root>=INFO"),
    ("max-action-results-age", "336h"),
    ("max-action-results-size", "5G"),
    ("max-status-history-age", "336h"),
    ("max-status-history-size", "5G"),
    ("mode", "requires-prompts"),
    ("no-proxy", "127.0.0.1,localhost,::1"),
    ("num-provision-workers", "16"),
    ("secret-backend", "auto"),
    ("ssl-hostname-verification", "true"),
    ("test-mode", "false"),
    ("update-status-hook-interval", "5m"),
];

/// Everything that the controller knows.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The controller's UUID.
    pub controller: String,
    /// The Juju that it speaks as.
    pub juju: JujuVersion,
    /// Models by UUID.
    pub models: BTreeMap<ModelUuid, Arc<Model>>,
    /// The model that commands without `-m` mean, as in the client's `models.yaml`.
    pub current_model: Option<ModelUuid>,
    /// What the client remembers of models that are not, or no longer, the current one.
    pub remembered: Remembered,
    /// What else is known of the controller.
    pub info: Arc<ControllerInfo>,
}

/// What a client remembers of models besides the current one, by `owner/name`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The model that was current before; `juju switch -` of Juju 4.0 goes back to it.
    #[serde(default)]
    pub previous: Option<String>,
    /// The model that was current when it was destroyed: in Juju 4.0 it stays the current one (recorded).
    #[serde(default)]
    pub gone: Option<String>,
}

impl State {
    /// Returns the model with this name (without owner).
    pub fn model_named(&self, name: &str) -> Option<&Arc<Model>> {
        self.models.values().find(|model| model.info.name == name)
    }

    /// Returns the current model, if it is there.
    pub fn current(&self) -> Option<&Arc<Model>> {
        self.models.get(self.current_model.as_ref()?)
    }

    /// Returns `owner/name` of the current model, which in Juju 4.0 may be gone.
    pub fn current_name(&self) -> Option<String> {
        let there = self.current().map(|model| model.info.full_name());
        there.or_else(|| self.remembered.gone.clone())
    }

    /// Makes a model the current one, and remembers the one before.
    pub fn make_current(&mut self, uuid: ModelUuid) {
        let before = self.current_name();
        self.current_model = Some(uuid);
        self.remembered.gone = None;
        if before != self.current_name() {
            self.remembered.previous = before;
        }
    }

    /// Removes a model; it then is no longer the current one, except that Juju 4.0 keeps its name as such (recorded).
    pub fn remove_model(&mut self, uuid: &ModelUuid) {
        let name = self.models.remove(uuid).map(|model| model.info.full_name());
        if self.current_model.as_ref() == Some(uuid) {
            self.current_model = None;
            self.remembered.gone = name.filter(|_| self.juju == JujuVersion::V4_0);
        }
    }

    /// Returns a model for changing.
    pub fn model_mut(&mut self, uuid: &ModelUuid) -> Option<&mut Model> {
        self.models.get_mut(uuid).map(Arc::make_mut)
    }
}
