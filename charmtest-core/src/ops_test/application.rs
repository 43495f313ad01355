//! Handles: one application and one unit of a model, for tests that were written against libjuju.

use super::config::ConfigValue;
use super::{
    AddUnit, ApplicationInfo, Constraints, Exec, ExecOnUnits, Model, Refresh, RelationData,
    RemoveApplication, RemoveUnit, Resolved, Resource, RunAction, Scp, Ssh, Trust, UnitInfo,
};
use crate::juju::status::Relations;
use crate::juju::{ApplicationName, JujuError, NameError, Status, UnitName, status};
use crate::wait::WaitForIdle;
use crate::workload::{HttpGet, WaitForPort};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

impl Model {
    /// Returns a handle of an application: [`Model`]'s methods for applications without its name. It asks nothing of Juju; the
    /// application need not be there yet.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// let web = model.application("web")?;
    /// web.set_config([("port", 8080)]).await?;
    /// web.wait_for_idle().status("active").await?;
    /// for unit in web.units().await? {
    ///     assert_eq!(unit.workload_status().await?, "active", "{}", unit.name());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the text is no application name.
    pub fn application<N>(&self, name: N) -> Result<Application, NameError>
    where
        N: TryInto<ApplicationName>,
        NameError: From<N::Error>,
    {
        Ok(Application {
            model: self.clone(),
            name: name.try_into()?,
        })
    }

    /// Returns handles of all applications of the model, in the order of their names.
    ///
    /// # Errors
    ///
    /// If `juju status` fails.
    pub async fn applications(&self) -> Result<Vec<Application>, JujuError> {
        let status = self.status().await?;
        let names = status.applications.keys().map(String::as_str);
        names.map(|name| Ok(self.application(name)?)).collect()
    }

    /// Returns a handle of a unit, `application/number` or `application/leader`: [`Model`]'s methods for units without its
    /// name. It asks nothing of Juju; the unit need not be there yet.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// let unit = model.unit("web/0")?;
    /// unit.wait_for_port(8080).await?;
    /// let home = unit.http_get(8080, "/").await?;
    /// assert!(home.body.contains("Welcome"), "{}", home.body);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the text is no unit name.
    pub fn unit<N>(&self, name: N) -> Result<Unit, NameError>
    where
        N: TryInto<UnitName>,
        NameError: From<N::Error>,
    {
        Ok(Unit {
            model: self.clone(),
            name: name.try_into()?,
        })
    }

    /// Returns handles of an application's units, in the order of their numbers; units of subordinates too.
    ///
    /// # Errors
    ///
    /// If `juju status` fails, or there is no such application.
    pub async fn units(&self, application: &str) -> Result<Vec<Unit>, JujuError> {
        let status = self.status().await?;
        application_of(self, &status, application)?;
        let units = status.units_of(application).into_iter();
        units.map(|(name, _)| Ok(self.unit(name)?)).collect()
    }

    /// Returns a handle of the unit that leads an application at this moment.
    ///
    /// # Errors
    ///
    /// If `juju status` fails, there is no such application, or it has no leader yet.
    pub async fn leader(&self, application: &str) -> Result<Unit, JujuError> {
        let status = self.status().await?;
        application_of(self, &status, application)?;
        match status.leader_of(application) {
            Some((name, _)) => Ok(self.unit(name)?),
            None => Err(JujuError::NotFound(format!(
                "`{application}` in the model {} has no leader",
                self.full_name()
            ))),
        }
    }
}

/// Returns an application of a status, or the error that says which there are.
fn application_of<'a>(
    model: &Model,
    status: &'a Status,
    name: &str,
) -> Result<&'a status::Application, JujuError> {
    status.app(name).ok_or_else(|| {
        let names: Vec<&str> = status.applications.keys().map(String::as_str).collect();
        missing(model, "application", name, &names)
    })
}

fn missing(model: &Model, what: &str, name: &str, others: &[&str]) -> JujuError {
    let others = match others {
        [] => "there is none".to_owned(),
        names => format!("there is {}", names.join(", ")),
    };
    JujuError::NotFound(format!(
        "there is no {what} `{name}` in the model {}; {others}",
        model.full_name()
    ))
}

/// An application of a model: see [`Model::application`]. Each method asks Juju anew; nothing is kept.
#[derive(Clone, Debug)]
pub struct Application {
    model: Model,
    name: ApplicationName,
}

impl Application {
    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Returns the model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Returns what `juju status` says of the application: its status, charm, relations, units.
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn status(&self) -> Result<status::Application, JujuError> {
        let status = self.model.status().await?;
        application_of(&self.model, &status, self.name()).cloned()
    }

    /// Returns handles of the units: see [`Model::units`].
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn units(&self) -> Result<Vec<Unit>, JujuError> {
        self.model.units(self.name()).await
    }

    /// Returns a handle of the unit with this number; it need not be there yet.
    ///
    /// # Errors
    ///
    /// Never: every number makes a unit name.
    pub fn unit(&self, number: u32) -> Result<Unit, NameError> {
        self.model.unit(format!("{}/{number}", self.name))
    }

    /// Returns a handle of the leader: see [`Model::leader`].
    ///
    /// # Errors
    ///
    /// If there is no such application, or it has no leader yet.
    pub async fn leader(&self) -> Result<Unit, JujuError> {
        self.model.leader(self.name()).await
    }

    /// Returns the relations by endpoint.
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn relations(&self) -> Result<Relations, JujuError> {
        Ok(self.status().await?.relations)
    }

    /// Waits until the application is idle: see [`Model::wait_for_idle`].
    pub fn wait_for_idle(&self) -> WaitForIdle {
        self.model.wait_for_idle().apps([self.name()])
    }

    /// See [`Model::config`].
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn config(&self) -> Result<BTreeMap<String, Value>, JujuError> {
        self.model.config(self.name()).await
    }

    /// See [`Model::set_config`].
    ///
    /// # Errors
    ///
    /// If there is no such application or option, or the value has the wrong type.
    pub async fn set_config<I, K, V>(&self, values: I) -> Result<(), JujuError>
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<str>,
        V: Into<ConfigValue>,
    {
        self.model.set_config(self.name(), values).await
    }

    /// See [`Model::reset_config`].
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn reset_config(&self, keys: &[&str]) -> Result<(), JujuError> {
        self.model.reset_config(self.name(), keys).await
    }

    /// See [`Model::constraints`].
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn constraints(&self) -> Result<Constraints, JujuError> {
        self.model.constraints(self.name()).await
    }

    /// See [`Model::add_unit`].
    pub fn add_unit(&self) -> AddUnit {
        self.model.add_unit(self.name())
    }

    /// See [`Model::scale`].
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn scale(&self, count: usize) -> Result<(), JujuError> {
        self.model.scale(self.name(), count).await
    }

    /// See [`Model::refresh`].
    pub fn refresh(&self) -> Refresh {
        self.model.refresh(self.name())
    }

    /// See [`Model::trust`].
    pub fn trust(&self) -> Trust {
        self.model.trust(self.name())
    }

    /// See [`Model::expose`].
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn expose(&self) -> Result<(), JujuError> {
        self.model.expose(self.name()).await
    }

    /// See [`Model::unexpose`].
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn unexpose(&self) -> Result<(), JujuError> {
        self.model.unexpose(self.name()).await
    }

    /// See [`Model::resources`].
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn resources(&self) -> Result<Vec<Resource>, JujuError> {
        self.model.resources(self.name()).await
    }

    /// See [`Model::attach_resource`].
    ///
    /// # Errors
    ///
    /// If there is no such application, resource or file.
    pub async fn attach_resource(
        &self,
        name: &str,
        value: impl AsRef<OsStr>,
    ) -> Result<(), JujuError> {
        self.model.attach_resource(self.name(), name, value).await
    }

    /// See [`Model::actions`].
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn actions(&self) -> Result<BTreeMap<String, String>, JujuError> {
        self.model.actions(self.name()).await
    }

    /// Runs a shell command on all units: see [`Model::exec_on_application`].
    pub fn exec(&self, command: impl Into<String>) -> ExecOnUnits {
        self.model.exec_on_application(self.name(), command)
    }

    /// See [`Model::show_application`].
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn show(&self) -> Result<ApplicationInfo, JujuError> {
        self.model.show_application(self.name()).await
    }

    /// See [`Model::remove_application`].
    pub fn remove(&self) -> RemoveApplication {
        self.model.remove_application(self.name())
    }
}

/// A unit of a model: see [`Model::unit`]. Each method asks Juju anew; nothing is kept.
#[derive(Clone, Debug)]
pub struct Unit {
    model: Model,
    name: UnitName,
}

impl Unit {
    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Returns the model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Returns a handle of its application.
    ///
    /// # Errors
    ///
    /// Never: a unit name holds an application name.
    pub fn application(&self) -> Result<Application, NameError> {
        self.model.application(self.name.application())
    }

    /// Returns what `juju status` says of the unit: what the workload and the agent do, its machine, its addresses.
    ///
    /// # Errors
    ///
    /// If there is no such unit.
    pub async fn status(&self) -> Result<status::Unit, JujuError> {
        let status = self.model.status().await?;
        self.of(&status).cloned()
    }

    fn of<'a>(&self, status: &'a Status) -> Result<&'a status::Unit, JujuError> {
        status.unit(self.name()).ok_or_else(|| {
            let units = status.units_of(self.name.application());
            let names: Vec<&str> = units.into_iter().map(|(name, _)| name).collect();
            missing(&self.model, "unit", self.name(), &names)
        })
    }

    /// Returns the status of the workload: `active`, `blocked`, ...
    ///
    /// # Errors
    ///
    /// If there is no such unit.
    pub async fn workload_status(&self) -> Result<String, JujuError> {
        Ok(self.status().await?.workload.current)
    }

    /// Returns the message of the workload's status.
    ///
    /// # Errors
    ///
    /// If there is no such unit.
    pub async fn workload_status_message(&self) -> Result<String, JujuError> {
        Ok(self.status().await?.workload.message)
    }

    /// Returns the status of the agent: `idle`, `executing`, ...
    ///
    /// # Errors
    ///
    /// If there is no such unit.
    pub async fn agent_status(&self) -> Result<String, JujuError> {
        Ok(self.status().await?.agent.current)
    }

    /// Tells whether the unit leads its application at this moment.
    ///
    /// # Errors
    ///
    /// If there is no such unit.
    pub async fn is_leader(&self) -> Result<bool, JujuError> {
        Ok(self.status().await?.leader)
    }

    /// Returns the number of its machine; of its principal's, for a subordinate. Empty in Kubernetes.
    ///
    /// # Errors
    ///
    /// If there is no such unit.
    pub async fn machine(&self) -> Result<String, JujuError> {
        let status = self.model.status().await?;
        self.of(&status)?;
        Ok(status
            .machine_of(self.name())
            .unwrap_or_default()
            .to_owned())
    }

    /// Returns the address at which the test can reach the unit: in Kubernetes the pod's, else the public address.
    ///
    /// # Errors
    ///
    /// If there is no such unit, or it has no address yet.
    pub async fn address(&self) -> Result<String, JujuError> {
        let status = self.model.status().await?;
        self.of(&status)?;
        match status.address_of(self.name()) {
            Some(address) => Ok(address.to_owned()),
            None => Err(JujuError::NotFound(format!(
                "the unit `{}` in the model {} has no address yet",
                self.name,
                self.model.full_name()
            ))),
        }
    }

    /// Returns the public address; empty in Kubernetes, and while there is none.
    ///
    /// # Errors
    ///
    /// If there is no such unit.
    pub async fn public_address(&self) -> Result<String, JujuError> {
        Ok(self.status().await?.public_address)
    }

    /// Runs an action and waits for it: see [`Model::run_action`].
    pub fn run_action(&self, action: impl Into<String>) -> RunAction {
        self.model.run_action(&self.name, action)
    }

    /// Runs a shell command in a hook's context: see [`Model::exec`].
    pub fn exec(&self, command: impl Into<String>) -> Exec {
        self.model.exec(&self.name, command)
    }

    /// Runs a shell command in a login: see [`Model::ssh`].
    pub fn ssh(&self, command: impl Into<String>) -> Ssh {
        self.model.ssh(self.name(), command)
    }

    /// Copies a file to the unit: see [`Model::scp_to`].
    pub fn scp_to(&self, local: impl AsRef<Path>, remote: &str) -> Scp {
        self.model.scp_to(self.name(), local, remote)
    }

    /// Copies a file from the unit: see [`Model::scp_from`].
    pub fn scp_from(&self, remote: &str, local: impl AsRef<Path>) -> Scp {
        self.model.scp_from(self.name(), remote, local)
    }

    /// See [`Model::show_unit`].
    ///
    /// # Errors
    ///
    /// If there is no such unit.
    pub async fn show(&self) -> Result<UnitInfo, JujuError> {
        self.model.show_unit(&self.name).await
    }

    /// See [`Model::relation_data`].
    ///
    /// # Errors
    ///
    /// If there is no such unit.
    pub async fn relation_data(&self, endpoint: &str) -> Result<Vec<RelationData>, JujuError> {
        self.model.relation_data(&self.name, endpoint).await
    }

    /// See [`Model::resolved`].
    pub fn resolved(&self) -> Resolved {
        self.model.resolved(&self.name)
    }

    /// See [`Model::remove_unit`].
    pub fn remove(&self) -> RemoveUnit {
        self.model.remove_unit(&self.name)
    }

    /// Waits until something listens on a port of the unit, within 5 minutes; until then it need not even have an address.
    pub fn wait_for_port(&self, port: u16) -> WaitForPort {
        WaitForPort::of(self.clone(), port)
    }

    /// Asks the unit for a page by HTTP, again and again until it comes, within 5 minutes: see [`HttpGet`].
    pub fn http_get(&self, port: u16, path: &str) -> HttpGet {
        HttpGet::of(self.clone(), port, path)
    }
}
