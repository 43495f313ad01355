//! Several models in one module: tracking, finding and forgetting them.

use super::{ConfigValue, Keep, Model, OpsTest, TrackError, awaitable};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is asked of [`OpsTest::track_model`].
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) alias: String,
    pub(super) name: Option<String>,
    pub(super) cloud: Option<String>,
    pub(super) controller: Option<String>,
    pub(super) credential: Option<String>,
    pub(super) config: BTreeMap<String, String>,
    pub(super) keep: Keep,
    pub(super) use_existing: Option<bool>,
    pub(super) destroy_storage: Option<bool>,
}

impl Request {
    /// Returns what is of no use for a model that is there already.
    pub(super) fn ignored_when_adopting(&self) -> Vec<&'static str> {
        let given = [
            ("cloud", self.cloud.is_some()),
            ("credential", self.credential.is_some()),
            ("config", !self.config.is_empty()),
        ];
        given
            .into_iter()
            .filter_map(|(name, given)| given.then_some(name))
            .collect()
    }
}

/// A model about to be tracked: see [`OpsTest::track_model`].
#[must_use = "no model is made until this is awaited"]
#[derive(Clone, Debug)]
pub struct TrackModel {
    ops_test: OpsTest,
    request: Request,
}

impl TrackModel {
    pub(super) fn new(ops_test: OpsTest, alias: String) -> Self {
        Self {
            ops_test,
            request: Request {
                alias,
                name: None,
                cloud: None,
                controller: None,
                credential: None,
                config: BTreeMap::new(),
                keep: Keep::default(),
                use_existing: None,
                destroy_storage: None,
            },
        }
    }

    /// Names the model, `[controller:][owner/]name`. A model of that name is taken if there is one; without a name a new one is
    /// made, named after the module and the alias.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.request.name = Some(name.into());
        self
    }

    /// Names the cloud, or `cloud/region`, of a new model; without it the model goes where the one of this `OpsTest` is.
    pub fn cloud(mut self, cloud: impl Into<String>) -> Self {
        self.request.cloud = Some(cloud.into());
        self
    }

    /// Names the controller; without it that of this `OpsTest`'s model.
    pub fn controller(mut self, controller: impl Into<String>) -> Self {
        self.request.controller = Some(controller.into());
        self
    }

    /// Names the credential of a new model; without it the choice is Juju's.
    pub fn credential(mut self, credential: impl Into<String>) -> Self {
        self.request.credential = Some(credential.into());
        self
    }

    /// Sets one key of a new model's configuration.
    pub fn config(mut self, key: impl Into<String>, value: impl Into<ConfigValue>) -> Self {
        let value = value.into().to_string();
        self.request.config.insert(key.into(), value);
        self
    }

    /// Says what becomes of the model at the end of the module: a [`Keep`], or a `bool` as in pytest-operator.
    pub fn keep(mut self, keep: impl Into<Keep>) -> Self {
        self.request.keep = keep.into();
        self
    }

    /// Says whether the model must be there (`true`) or must be new (`false`); without it either is fine.
    pub fn use_existing(mut self, use_existing: bool) -> Self {
        self.request.use_existing = Some(use_existing);
        self
    }

    /// Says whether the model's storage is destroyed with it or released. Without it `--destroy-storage` counts; without that,
    /// the storage of a new model is destroyed, and that of one that was there before is released.
    pub fn destroy_storage(mut self, destroy_storage: bool) -> Self {
        self.request.destroy_storage = Some(destroy_storage);
        self
    }

    /// Makes or takes the model; what awaiting it does.
    ///
    /// # Errors
    ///
    /// If the alias is in use, the model is there and should not be or the other way round, or Juju refuses.
    pub async fn run(self) -> Result<Model, TrackError> {
        self.ops_test.track(self.request).await
    }
}

awaitable!(TrackModel => Result<Model, TrackError>);

/// A model about to be forgotten: see [`OpsTest::forget_model`].
#[must_use = "no model is forgotten until this is awaited"]
#[derive(Clone, Debug)]
pub struct ForgetModel {
    ops_test: OpsTest,
    alias: String,
    limit: Option<Duration>,
    destroy_storage: Option<bool>,
}

impl ForgetModel {
    pub(super) fn new(ops_test: OpsTest, alias: String) -> Self {
        Self {
            ops_test,
            alias,
            limit: None,
            destroy_storage: None,
        }
    }

    /// Sets the time limit; that of a step of the tear-down without it.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Says whether the model's storage is destroyed with it or released; as it was tracked without it.
    pub fn destroy_storage(mut self, destroy_storage: bool) -> Self {
        self.destroy_storage = Some(destroy_storage);
        self
    }

    /// Ends the model; what awaiting it does.
    ///
    /// # Errors
    ///
    /// If no model has the alias, or the model is still there when the time is over. It stays tracked then, and the tear-down
    /// of the module tries again.
    pub async fn run(self) -> Result<(), TrackError> {
        self.ops_test
            .tracker()
            .forget(&self.alias, self.limit, self.destroy_storage)
            .await
    }
}

awaitable!(ForgetModel => Result<(), TrackError>);

impl OpsTest {
    /// Makes or takes a model beside the module's own and tracks it under an alias: later tests of the module find it with
    /// [`OpsTest::tracked`], and it ends with the module, the newest first.
    ///
    /// ```no_run
    /// # async fn test(ops: charmtest::ops_test::OpsTest) -> charmtest::Result {
    /// use charmtest::ops_test::Keep;
    ///
    /// let cos = ops.track_model("cos").cloud("microk8s").config("test-mode", true).await?;
    /// cos.deploy("prometheus-k8s").trust().await?;
    ///
    /// let mine = ops.track_model("mine").name("prod:admin/mine").keep(Keep::Always).await?;
    /// ops.on(&mine).juju(["status"]).check().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails if the alias is in use, or Juju refuses.
    pub fn track_model(&self, alias: impl Into<String>) -> TrackModel {
        TrackModel::new(self.clone(), alias.into())
    }

    /// Returns a tracked model; the module's own is tracked as `main` (`--model-alias`).
    ///
    /// # Errors
    ///
    /// If no model is tracked under the alias; the error names those that there are.
    pub fn tracked(&self, alias: &str) -> Result<Model, TrackError> {
        self.tracker().model(alias, self.main_model())
    }

    /// Returns an `OpsTest` on a tracked model: its `model()`, `juju(..)`, `run(..)` and `tmp_path()` are about that one.
    ///
    /// pytest-operator's context of the same name changes what all tasks of a test mean by "the model"; this one changes nothing
    /// for anybody else.
    ///
    /// # Errors
    ///
    /// Those of [`OpsTest::tracked`].
    pub fn model_context(&self, alias: &str) -> Result<Self, TrackError> {
        Ok(self.on(&self.tracked(alias)?))
    }

    /// Destroys or keeps a tracked model, as its [`Keep`] says, and gives its alias free.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if no model has the alias, or the model is still there when the time is over.
    pub fn forget_model(&self, alias: impl Into<String>) -> ForgetModel {
        ForgetModel::new(self.clone(), alias.into())
    }
}
