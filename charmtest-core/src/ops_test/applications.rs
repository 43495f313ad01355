//! Relations and what else concerns whole applications.

use super::{Model, awaitable};
use crate::juju::{ApplicationName, Call, JujuError};

impl Model {
    /// Relates two applications, each `application` or `application:endpoint`: `juju integrate` (Juju 2: `juju relate`). The
    /// second may be the URL of an [offer](Model::offer), which is then consumed.
    ///
    /// # Errors
    ///
    /// If Juju refuses: the relation is there already, or there is none or more than one between the two.
    pub async fn integrate(&self, a: &str, b: &str) -> Result<(), JujuError> {
        let command = self.spelled("relate", "integrate");
        self.call([command, a, b]).check().await?;
        Ok(())
    }

    /// Removes the relation of two applications: `juju remove-relation`. It goes while the charms run their hooks.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such relation.
    pub fn remove_relation(&self, a: &str, b: &str) -> RemoveRelation {
        RemoveRelation {
            call: self.call(["remove-relation", a, b]),
        }
    }

    /// Removes an application: `juju remove-application`. It goes while the charm runs its hooks; wait for that with
    /// `model.wait(|status| status.app("web").is_none())`.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such application.
    pub fn remove_application(&self, application: impl Into<String>) -> RemoveApplication {
        let application = application.into();
        RemoveApplication {
            call: self.call(["remove-application", "--no-prompt", &application]),
            application,
        }
    }

    /// Lets an application use the cloud's credentials: `juju trust`.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such application.
    pub fn trust(&self, application: impl Into<String>) -> Trust {
        Trust {
            model: self.clone(),
            application: application.into(),
            remove: false,
        }
    }

    /// Exposes an application: `juju expose`.
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn expose(&self, application: &str) -> Result<(), JujuError> {
        ApplicationName::parse(application)?;
        self.call(["expose", application]).check().await?;
        Ok(())
    }

    /// Takes back [`Model::expose`]: `juju unexpose`.
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn unexpose(&self, application: &str) -> Result<(), JujuError> {
        ApplicationName::parse(application)?;
        self.call(["unexpose", application]).check().await?;
        Ok(())
    }
}

/// A relation about to be removed: see [`Model::remove_relation`].
#[must_use = "nothing is removed until this is awaited"]
#[derive(Clone, Debug)]
pub struct RemoveRelation {
    call: Call,
}

impl RemoveRelation {
    /// Goes on when hooks fail.
    pub fn force(mut self) -> Self {
        self.call = self.call.arg("--force");
        self
    }

    async fn run(self) -> Result<(), JujuError> {
        self.call.check().await?;
        Ok(())
    }
}

awaitable!(RemoveRelation => Result<(), JujuError>);

/// A removal about to happen: see [`Model::remove_application`].
#[must_use = "nothing is removed until this is awaited"]
#[derive(Clone, Debug)]
pub struct RemoveApplication {
    application: String,
    call: Call,
}

impl RemoveApplication {
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
        ApplicationName::parse(&self.application)?;
        self.call.check().await?;
        Ok(())
    }
}

awaitable!(RemoveApplication => Result<(), JujuError>);

/// A change of trust about to happen: see [`Model::trust`].
#[must_use = "nothing is changed until this is awaited"]
#[derive(Clone, Debug)]
pub struct Trust {
    model: Model,
    application: String,
    remove: bool,
}

impl Trust {
    /// Takes the trust away instead.
    pub fn remove(mut self) -> Self {
        self.remove = true;
        self
    }

    async fn run(self) -> Result<(), JujuError> {
        ApplicationName::parse(&self.application)?;
        let mut call = self.model.call(["trust", &self.application]).check();
        if self.remove {
            call = call.arg("--remove");
        } else if self.model.is_kubernetes() {
            // There is no other scope in Kubernetes, and yet Juju wants it said.
            call = call.arg("--scope=cluster");
        }
        call.await?;
        Ok(())
    }
}

awaitable!(Trust => Result<(), JujuError>);
