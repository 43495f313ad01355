//! Constraints, bindings, and access.

use super::Model;
use crate::juju::{ApplicationName, JujuError};
use serde_json::Value;
use std::collections::BTreeMap;

/// Constraints by name; `mem` and `root-disk` are numbers of MiB.
pub type Constraints = BTreeMap<String, Value>;

impl Model {
    /// Returns the constraints of an application: `juju constraints` (Juju 2: `juju get-constraints`).
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn constraints(&self, application: &str) -> Result<Constraints, JujuError> {
        ApplicationName::parse(application)?;
        let command = self.spelled("get-constraints", "constraints");
        self.call([command, application, "--format", "json"])
            .read("constraints")
            .await
    }

    /// Sets the constraints of an application, all of them anew: `juju set-constraints`. They hold for units to come.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// model.set_constraints("db", [("mem", "4G"), ("cores", "2")]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no such application or constraint.
    pub async fn set_constraints<'a>(
        &self,
        application: &str,
        values: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), JujuError> {
        ApplicationName::parse(application)?;
        self.call(["set-constraints", application])
            .args(pairs(values))
            .check()
            .await?;
        Ok(())
    }

    /// Returns the constraints of the model: `juju model-constraints` (Juju 2: `juju get-model-constraints`).
    ///
    /// # Errors
    ///
    /// If the command fails.
    pub async fn model_constraints(&self) -> Result<Constraints, JujuError> {
        let command = self.spelled("get-model-constraints", "model-constraints");
        self.call([command, "--format", "json"])
            .read("constraints")
            .await
    }

    /// Sets the constraints of the model, all of them anew: `juju set-model-constraints`.
    ///
    /// # Errors
    ///
    /// If there is no such constraint.
    pub async fn set_model_constraints<'a>(
        &self,
        values: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), JujuError> {
        self.call(["set-model-constraints"])
            .args(pairs(values))
            .check()
            .await?;
        Ok(())
    }

    /// Binds endpoints of an application to spaces, each as `endpoint=space`, or `space` for all others: `juju bind`.
    ///
    /// # Errors
    ///
    /// If there is no such application, endpoint or space.
    pub async fn bind(&self, application: &str, bindings: &[&str]) -> Result<(), JujuError> {
        ApplicationName::parse(application)?;
        self.call(["bind", application])
            .args(bindings)
            .check()
            .await?;
        Ok(())
    }

    /// Lets a user into the model, with the access `read`, `write` or `admin`: `juju grant`.
    ///
    /// # Errors
    ///
    /// If there is no such user, or they have this access already.
    pub async fn grant(&self, user: &str, access: &str) -> Result<(), JujuError> {
        self.change_access("grant", user, access).await
    }

    /// Takes back [`Model::grant`]: `juju revoke`. Who loses `write` keeps `read`.
    ///
    /// # Errors
    ///
    /// If there is no such user, or they do not have this access.
    pub async fn revoke(&self, user: &str, access: &str) -> Result<(), JujuError> {
        self.change_access("revoke", user, access).await
    }

    async fn change_access(
        &self,
        command: &str,
        user: &str,
        access: &str,
    ) -> Result<(), JujuError> {
        let mut call = self.call([command, user, access, &self.qualified_name()]);
        call = call.arg("--controller").arg(self.controller());
        call.check().await?;
        Ok(())
    }

    /// Returns the word for a command that has another name in Juju 2.
    pub(super) fn spelled(&self, juju_2: &'static str, later: &'static str) -> &'static str {
        if self.juju().version().is_2() {
            juju_2
        } else {
            later
        }
    }

    /// Refuses `--series`, which Juju 4 has not.
    pub(super) fn needs_series(&self, command: &str) -> Result<(), JujuError> {
        let version = self.juju().version();
        if version.major >= 4 {
            return Err(JujuError::Unsupported(format!(
                "`juju {command}` of Juju {version} has no `--series`: give a base instead, `.base(..)`"
            )));
        }
        Ok(())
    }

    /// Refuses `--base`, which Juju 2.9 has not.
    pub(super) fn needs_bases(&self, command: &str) -> Result<(), JujuError> {
        if self.juju().version().is_2() {
            return Err(JujuError::Unsupported(format!(
                "`juju {command}` of Juju {} has no `--base`: bases came with Juju 3",
                self.juju().version()
            )));
        }
        Ok(())
    }
}

fn pairs<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let pair = |(key, value)| format!("{key}={value}");
    values.into_iter().map(pair).collect()
}
