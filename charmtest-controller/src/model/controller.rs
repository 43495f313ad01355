//! What the controller and its client know apart from the models.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::State;
use crate::JujuVersion;

/// What is known of the controller itself; one row of the database.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ControllerInfo {
    /// Controller configuration that was set (`juju controller-config`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
    /// Model configuration that new models begin with (`juju model-defaults`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub defaults: BTreeMap<String, String>,
    /// The same for models in the one region of the cloud; it wins.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub region_defaults: BTreeMap<String, String>,
    /// Users beside `admin`, by name (`juju add-user`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<String, User>,
    /// Access to the controller of users beside `admin`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub access: BTreeMap<String, String>,
    /// Access to the cloud of users beside `admin`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cloud_access: BTreeMap<String, String>,
}

/// A user that an administrator added. Nobody can log in as such a user: the client of this controller is always `admin`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The name for people; may be empty.
    pub display_name: String,
    /// When the user was added.
    pub created: Timestamp,
    /// Whether the user may not log in (`juju disable-user`).
    #[serde(default)]
    pub disabled: bool,
}

impl ControllerInfo {
    /// Returns the configuration that a new model begins with.
    pub fn inherited(&self) -> BTreeMap<String, String> {
        let all = self.defaults.iter().chain(&self.region_defaults);
        all.map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Returns from where a model has this value of a key: `region`, `controller` or `model`.
    ///
    /// Juju compares values, too: it does not know which ones were set in the model itself.
    pub fn source_of(&self, key: &str, value: &str) -> &'static str {
        let is = |defaults: &BTreeMap<String, String>| {
            defaults.get(key).is_some_and(|default| default == value)
        };
        if is(&self.region_defaults) {
            "region"
        } else if is(&self.defaults) {
            "controller"
        } else {
            "model"
        }
    }
}

impl State {
    /// Makes the state of a controller without models.
    pub fn new(controller: String, juju: JujuVersion) -> Self {
        Self {
            controller,
            juju,
            models: Default::default(),
            current_model: None,
            remembered: Default::default(),
            info: Default::default(),
        }
    }

    /// Returns what is known of the controller for changing.
    pub fn info_mut(&mut self) -> &mut ControllerInfo {
        std::sync::Arc::make_mut(&mut self.info)
    }
}
