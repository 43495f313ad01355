//! Adding, removing and resolving units.

use super::{Model, awaitable};
use crate::juju::{ApplicationName, Call, JujuError, NameError, UnitName};
use std::cmp::Ordering;

impl Model {
    /// Adds units to an application, one unless told otherwise: `juju add-unit`.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such application.
    pub fn add_unit(&self, application: impl Into<String>) -> AddUnit {
        let application = application.into();
        AddUnit {
            call: self.call(["add-unit", &application]),
            application,
        }
    }

    /// Removes a unit: `juju remove-unit`. It goes while the charm runs its hooks. In Kubernetes units cannot be chosen: use
    /// [`Model::scale`].
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such unit.
    pub fn remove_unit<U>(&self, unit: U) -> RemoveUnit
    where
        U: TryInto<UnitName>,
        NameError: From<U::Error>,
    {
        RemoveUnit {
            unit: unit.try_into().map_err(NameError::from),
            call: self.call(["remove-unit", "--no-prompt"]),
            kubernetes: self.is_kubernetes(),
        }
    }

    /// Gives an application as many units as that: `juju scale-application` in Kubernetes; else units are added, or those
    /// with the highest numbers removed, as Kubernetes does.
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn scale(&self, application: &str, count: usize) -> Result<(), JujuError> {
        ApplicationName::parse(application)?;
        if self.is_kubernetes() {
            self.call(["scale-application", application, &count.to_string()])
                .check()
                .await?;
            return Ok(());
        }
        let status = self.status().await?;
        if status.app(application).is_none() {
            return Err(self.not_there("application", application));
        }
        let units: Vec<&str> = status
            .units_of(application)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        match count.cmp(&units.len()) {
            Ordering::Equal => Ok(()),
            Ordering::Greater => self.add_unit(application).units(count - units.len()).await,
            Ordering::Less => {
                let call = self.call(["remove-unit", "--no-prompt"]);
                call.args(units[count..].iter().rev().copied())
                    .check()
                    .await?;
                Ok(())
            }
        }
    }

    /// Marks the error of a unit as resolved, so that its hook runs again: `juju resolved`.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if the unit is not in error.
    pub fn resolved<U>(&self, unit: U) -> Resolved
    where
        U: TryInto<UnitName>,
        NameError: From<U::Error>,
    {
        Resolved {
            unit: unit.try_into().map_err(NameError::from),
            call: self.call(["resolved"]),
        }
    }
}

/// Units about to be added: see [`Model::add_unit`].
#[must_use = "nothing is added until this is awaited"]
#[derive(Clone, Debug)]
pub struct AddUnit {
    application: String,
    call: Call,
}

impl AddUnit {
    /// Sets how many units to add.
    pub fn units(mut self, count: usize) -> Self {
        self.call = self.call.arg("--num-units").arg(count.to_string());
        self
    }

    /// Places the units, as `0` or `lxd:0`; several are separated by commas.
    pub fn to(mut self, placement: &str) -> Self {
        self.call = self.call.arg("--to").arg(placement);
        self
    }

    /// Attaches storage that is detached, as `data/0`; several are separated by commas.
    pub fn attach_storage(mut self, storage: &str) -> Self {
        self.call = self.call.arg("--attach-storage").arg(storage);
        self
    }

    async fn run(self) -> Result<(), JujuError> {
        ApplicationName::parse(&self.application)?;
        self.call.check().await?;
        Ok(())
    }
}

awaitable!(AddUnit => Result<(), JujuError>);

/// A unit about to be removed: see [`Model::remove_unit`].
#[must_use = "nothing is removed until this is awaited"]
#[derive(Clone, Debug)]
pub struct RemoveUnit {
    unit: Result<UnitName, NameError>,
    call: Call,
    kubernetes: bool,
}

impl RemoveUnit {
    /// Goes on when hooks fail.
    pub fn force(mut self) -> Self {
        self.call = self.call.arg("--force");
        self
    }

    /// Destroys the storage as well.
    pub fn destroy_storage(mut self) -> Self {
        self.call = self.call.arg("--destroy-storage");
        self
    }

    async fn run(self) -> Result<(), JujuError> {
        let unit = self.unit?;
        if self.kubernetes {
            return Err(JujuError::Unsupported(format!(
                "`{unit}` cannot be removed by name: in Kubernetes the unit with the highest number goes first; use \
                 `model.scale(\"{}\", n)`",
                unit.application()
            )));
        }
        self.call.arg(unit.as_str()).check().await?;
        Ok(())
    }
}

awaitable!(RemoveUnit => Result<(), JujuError>);

/// A unit whose error is about to be resolved: see [`Model::resolved`].
#[must_use = "nothing is resolved until this is awaited"]
#[derive(Clone, Debug)]
pub struct Resolved {
    unit: Result<UnitName, NameError>,
    call: Call,
}

impl Resolved {
    /// Goes on with the next hook instead of running the failed one again.
    pub fn no_retry(mut self) -> Self {
        self.call = self.call.arg("--no-retry");
        self
    }

    async fn run(self) -> Result<(), JujuError> {
        self.call.arg(self.unit?.as_str()).check().await?;
        Ok(())
    }
}

awaitable!(Resolved => Result<(), JujuError>);
