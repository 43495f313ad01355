//! A model: its life, its status, waiting for it.

use super::fast_forward::Fast;
use crate::juju::{BackendKind, Call, Juju, JujuError, ModelName, Observer, Status};
use crate::wait::{Wait, WaitForIdle};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long making a model may take: a Kubernetes cloud has to make a namespace and start an operator.
const CREATE_LIMIT: Duration = Duration::from_secs(10 * 60);

/// What a new model is made with.
#[derive(Clone, Debug, Default)]
pub struct CreateModel {
    /// The controller; the current one if none is given.
    pub controller: Option<String>,
    /// The cloud, or `cloud/region`; the controller's own if none is given.
    pub cloud: Option<String>,
    /// The credential; Juju's choice if none is given.
    pub credential: Option<String>,
    /// A YAML file with model configuration.
    pub config_file: Option<PathBuf>,
    /// Model configuration; it wins over the file's.
    pub config: BTreeMap<String, String>,
}

/// A model; cheap to clone.
///
/// Each method is one `juju` command with `--model`; the user's current model does not matter and is not changed.
///
/// ```no_run
/// # async fn test(model: charmtest::ops_test::Model) -> Result<(), Box<dyn std::error::Error>> {
/// model.deploy("./hello.charm").name("web").units(2).config("port", 8080).await?;
/// model.deploy("postgresql-k8s").name("db").channel("14/stable").trust().await?;
/// model.integrate("web:database", "db").await?;
/// model.wait_for_idle().apps(["web", "db"]).status("active").raise_on_blocked().await?;
///
/// let backup = model.run_action("db/leader", "create-backup").param("full", true).await?;
/// assert_eq!(backup.result("status"), Some("finished"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    juju: Juju,
    identity: Arc<Identity>,
}

#[derive(Debug)]
struct Identity {
    name: ModelName,
    full_name: String,
    uuid: String,
    kubernetes: bool,
    cloud: String,
    fast: Mutex<Option<Fast>>,
}

impl Model {
    /// Makes a model: `juju add-model --no-switch`.
    ///
    /// # Errors
    ///
    /// If Juju refuses, as for a name that is taken.
    pub async fn create(
        juju: &Juju,
        name: &ModelName,
        options: CreateModel,
    ) -> Result<Self, JujuError> {
        let controller = options.controller.as_deref().or(name.controller());
        let mut call = juju
            .call(["add-model", "--no-switch", name.short()])
            .check()
            .timeout(CREATE_LIMIT);
        if let Some(cloud) = &options.cloud {
            call = call.arg(cloud);
        }
        if let Some(controller) = controller {
            call = call.arg("--controller").arg(controller);
        }
        if let Some(owner) = name.owner() {
            call = call.arg("--owner").arg(owner);
        }
        if let Some(credential) = &options.credential {
            call = call.arg("--credential").arg(credential);
        }
        if let Some(file) = &options.config_file {
            call = call.arg("--config").arg(file);
        }
        for (key, value) in &options.config {
            call = call.arg("--config").arg(format!("{key}={value}"));
        }
        call.await?;
        let name = match controller {
            Some(controller) => name.clone().on_controller(controller),
            None => name.clone(),
        };
        Self::show(juju, &name).await
    }

    /// Takes a model that is there already; `None` if it is not.
    ///
    /// # Errors
    ///
    /// If Juju cannot tell, as for a controller that does not answer.
    pub async fn adopt(juju: &Juju, name: &ModelName) -> Result<Option<Self>, JujuError> {
        match Self::show(juju, name).await {
            Ok(model) => Ok(Some(model)),
            Err(error) if error.is_model_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the model as Juju knows it, its controller's name included: whatever the user switches to later, this one
    /// is meant.
    async fn show(juju: &Juju, name: &ModelName) -> Result<Self, JujuError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Shown {
            model_uuid: String,
            #[serde(default)]
            model_type: String,
            controller_name: String,
            #[serde(default)]
            cloud: String,
        }
        const EXPECTED: &str = "a model";
        let call = juju.call(["show-model", "--format", "json", &name.to_string()]);
        let command = call.command_line();
        let models: BTreeMap<String, Shown> = call.json(EXPECTED).await?;
        let Some(shown) = models.into_values().next() else {
            return Err(JujuError::garbage(
                command,
                EXPECTED,
                "the object is empty",
                "{}",
            ));
        };
        let name = name.clone().on_controller(&shown.controller_name);
        Ok(Self {
            juju: juju.clone(),
            identity: Arc::new(Identity {
                full_name: name.to_string(),
                name,
                uuid: shown.model_uuid,
                kubernetes: shown.model_type == "caas",
                cloud: shown.cloud,
                fast: Mutex::default(),
            }),
        })
    }

    /// Destroys the model with all it holds, storage included. A model that is gone already is fine.
    ///
    /// A real Juju first lets the charms end as they like, by the minute for each step that `--force` gives them, so that
    /// nothing is left in the cloud; when three quarters of the time are over, nothing waits for them any more. What an
    /// embedded model holds ends with it in any case, so nothing waits for its charms (`--no-wait`).
    ///
    /// # Errors
    ///
    /// If the model is still there when the time is over, or Juju refuses.
    pub async fn destroy(&self, limit: Duration) -> Result<(), JujuError> {
        self.end(limit, "--destroy-storage").await
    }

    /// Destroys the model like [`Model::destroy`], but releases its storage: volumes stay in the cloud, where nobody but their
    /// owner finds them again.
    ///
    /// # Errors
    ///
    /// Those of [`Model::destroy`].
    pub async fn destroy_releasing_storage(&self, limit: Duration) -> Result<(), JujuError> {
        self.end(limit, "--release-storage").await
    }

    /// Juju wants to be told what becomes of the storage: without, it refuses to destroy a model that has some (3.6, 4.0).
    async fn end(&self, limit: Duration, storage: &str) -> Result<(), JujuError> {
        let began = Instant::now();
        if self.backend_kind() == BackendKind::Juju {
            let patient = self
                .destroy_call(storage)
                .timeout(limit.mul_f64(0.75))
                .await;
            match patient {
                Ok(_) => return Ok(()),
                Err(error) if error.is_model_missing() => return Ok(()),
                Err(JujuError::TimedOut { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let left = limit
            .saturating_sub(began.elapsed())
            .max(Duration::from_secs(1));
        match self
            .destroy_call(storage)
            .arg("--no-wait")
            .timeout(left)
            .await
        {
            Err(error) if !error.is_model_missing() => Err(error),
            _ => Ok(()),
        }
    }

    fn destroy_call(&self, storage: &str) -> Call {
        self.juju
            .call([
                "destroy-model",
                self.full_name(),
                "--no-prompt",
                storage,
                "--force",
            ])
            .check()
    }

    /// Tells whether the model holds applications.
    ///
    /// # Errors
    ///
    /// If `juju status` fails.
    pub async fn has_applications(&self) -> Result<bool, JujuError> {
        Ok(!self.status().await?.applications.is_empty())
    }

    /// Returns the name, without controller and owner.
    #[must_use]
    pub fn name(&self) -> &str {
        self.identity.name.short()
    }

    pub(crate) fn model_name(&self) -> &ModelName {
        &self.identity.name
    }

    /// Returns the name with the controller, as `--model` and `JUJU_MODEL` take it: `controller:name`.
    #[must_use]
    pub fn full_name(&self) -> &str {
        &self.identity.full_name
    }

    /// Returns the name with the owner, if that is known, and without the controller.
    pub(super) fn qualified_name(&self) -> String {
        match self.identity.name.owner() {
            Some(owner) => format!("{owner}/{}", self.name()),
            None => self.name().to_owned(),
        }
    }

    /// Returns the UUID.
    #[must_use]
    pub fn uuid(&self) -> &str {
        &self.identity.uuid
    }

    /// Reads or changes what is known about the interval of `update-status`.
    pub(super) fn with_fast<T>(&self, look: impl FnOnce(&mut Option<Fast>) -> T) -> T {
        let fast = &self.identity.fast;
        look(&mut fast.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells whether it is a Kubernetes model (`caas`) rather than one of machines (`iaas`).
    #[must_use]
    pub fn is_kubernetes(&self) -> bool {
        self.identity.kubernetes
    }

    /// Returns the name of the cloud that the model is on.
    #[must_use]
    pub fn cloud(&self) -> &str {
        &self.identity.cloud
    }

    /// Returns the name of the controller that the model is on.
    #[must_use]
    pub fn controller(&self) -> &str {
        self.identity.name.controller().unwrap_or_default()
    }

    /// Returns the client that the model is reached by.
    #[must_use]
    pub fn juju(&self) -> &Juju {
        &self.juju
    }

    /// Returns what the backend of the model is.
    #[must_use]
    pub fn backend_kind(&self) -> BackendKind {
        self.juju.kind()
    }

    /// Returns the same model, reporting commands and waits to the observer.
    #[must_use]
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.juju = self.juju.with_observer(observer);
        self
    }

    /// Returns a `juju` command with `--model`, unchecked: for what no method is made for.
    pub fn call<I>(&self, arguments: I) -> Call
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        self.juju.call_in(&self.identity.name, arguments)
    }

    /// Returns the status: `juju status --format json`.
    ///
    /// # Errors
    ///
    /// If the command fails or prints no status.
    pub async fn status(&self) -> Result<Status, JujuError> {
        self.status_within(Duration::from_secs(2 * 60)).await
    }

    pub(crate) async fn status_within(&self, limit: Duration) -> Result<Status, JujuError> {
        let call = self
            .call(["status", "--format", "json"])
            .check()
            .timeout(limit);
        let command = call.command_line();
        let output = call.await?;
        Status::from_json(&output.stdout)
            .map_err(|error| JujuError::garbage(command, "a status", error, &output.stdout))
    }

    /// Waits for a condition on the status: three times in a row true, within 10 minutes.
    ///
    /// The conditions in [`juju::status`](crate::juju::status) fit here.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> Result<(), charmtest::wait::WaitError> {
    /// use charmtest::juju::status::{all_active, any_error};
    ///
    /// model
    ///     .wait(|status| all_active(status, &["web"]))
    ///     .error(|status| any_error(status, &[]))
    ///     .describe("web to be active")
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails with a [`WaitError`](crate::wait::WaitError) that says what the units were doing.
    pub fn wait<'a>(&self, ready: impl FnMut(&Status) -> bool + Send + 'a) -> Wait<'a> {
        Wait::new(self.clone(), ready)
    }

    /// Waits until a condition on the status is true for the first time, within 10 minutes: [`Model::wait`] with one success.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// model.remove_unit("web/1").await?;
    /// model.block_until(|status| status.units_of("web").len() == 1).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails as [`Model::wait`] does.
    pub fn block_until<'a>(&self, condition: impl FnMut(&Status) -> bool + Send + 'a) -> Wait<'a> {
        self.wait(condition).successes(1)
    }

    /// Waits until every unit is idle and stays so for a while, within 10 minutes; fails at once when one is in error.
    ///
    /// The parameters are pytest-operator's. What differs: a unit in error is never idle, units are counted per application,
    /// a model without applications is not idle, the idle period always holds, and work between two looks is noticed.
    ///
    /// # Errors
    ///
    /// Awaiting it fails with a [`WaitError`](crate::wait::WaitError) that names each unit that is in error or still busy.
    pub fn wait_for_idle(&self) -> WaitForIdle {
        WaitForIdle::new(self.clone())
    }
}
