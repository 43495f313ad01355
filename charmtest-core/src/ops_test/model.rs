//! A model.
use crate::juju::{Juju, JujuError, ModelName, Observer, Status};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a new model is made with.
#[derive(Clone, Debug, Default)]
pub struct CreateModel {
    /// The controller; the current one if none is given.
    pub controller: Option<String>,
    /// The cloud, or `cloud/region`.
    pub cloud: Option<String>,
    /// Model configuration.
    pub config: BTreeMap<String, String>,
}

/// A model; cheap to clone.
#[derive(Clone, Debug)]
pub struct Model {}

impl Model {
    /// Makes a model.
    pub async fn create(
        _juju: &Juju,
        _name: &ModelName,
        _options: CreateModel,
    ) -> Result<Self, JujuError> {
        todo!()
    }
    /// Takes a model that is there; `None` if it does not exist.
    pub async fn adopt(_juju: &Juju, _name: &ModelName) -> Result<Option<Self>, JujuError> {
        todo!()
    }
    /// Destroys the model with all it holds; a model that is gone already is fine.
    pub async fn destroy(&self, _limit: Duration) -> Result<(), JujuError> {
        todo!()
    }
    /// Tells whether the model holds applications.
    pub async fn has_applications(&self) -> Result<bool, JujuError> {
        todo!()
    }
    /// Returns the short name.
    #[must_use]
    pub fn name(&self) -> &str {
        todo!()
    }
    /// Returns `controller:name`.
    #[must_use]
    pub fn full_name(&self) -> &str {
        todo!()
    }
    /// Returns the client.
    #[must_use]
    pub fn juju(&self) -> &Juju {
        todo!()
    }
    /// Returns the same model, reporting to the observer.
    #[must_use]
    pub fn with_observer(self, _observer: Observer) -> Self {
        self
    }
    /// Returns the status.
    pub async fn status(&self) -> Result<Status, JujuError> {
        todo!()
    }
}
