//! The object that a charm test is given.

use super::track::Request;
use super::tracker::{Tracker, Tracking, files_around};
use super::{Model, TrackError, TrackedModel};
use crate::blocking::{block_on, leave};
use crate::failure::{abort, skip};
use crate::harness::PackOptions;
use crate::juju::{Backend, Call, Observer};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What an [`OpsTest`] is made of.
#[derive(Clone, Debug)]
pub struct OpsTestParts {
    /// The backend.
    pub backend: Arc<Backend>,
    /// The module's model.
    pub model: Model,
    /// The directory of the test's package: relative paths begin here.
    pub package_dir: PathBuf,
    /// A directory for the module's files; it is made when it is first asked for.
    pub tmp_path: PathBuf,
    /// How charms are packed.
    pub pack: PackOptions,
    /// The `cargo-charmtest` program to use instead of the one that is found.
    pub program: Option<PathBuf>,
    /// Who hears of waits and commands.
    pub observer: Observer,
}

/// What a charm test works with: its model, charms, files, and commands. Cheap to clone.
///
/// ```no_run
/// # async fn test(ops_test: charmtest::ops_test::OpsTest) -> Result<(), Box<dyn std::error::Error>> {
/// let charm = ops_test.build_charm(".").await?;
/// ops_test.model().deploy(charm).name("web").await?;
/// ops_test.model().wait_for_idle().apps(["web"]).status("active").await?;
///
/// let output = ops_test.juju(["ssh", "web/0", "hostname"]).check().await?;
/// assert!(!output.stdout.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OpsTest {
    parts: Arc<OpsTestParts>,
    tracker: Arc<Tracker>,
    /// The module's own model, where this one is about another.
    main: Option<Model>,
}

impl OpsTest {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: OpsTestParts) -> Self {
        let tracking = Tracking {
            module: String::new(),
            stem: parts.model.name().to_owned(),
            main_alias: "main".to_owned(),
            main_kept: None,
            main_was_there: true,
            cloud: None,
            keep_models: false,
            destroy_storage: None,
            limit: Duration::from_secs(5 * 60),
            register: None,
            files: files_around(&parts.tmp_path),
            emit: Arc::new(|_| {}),
        };
        Self::tracking(parts, tracking)
    }

    /// Puts the parts together, with how the module goes about further models.
    pub(crate) fn tracking(mut parts: OpsTestParts, tracking: Tracking) -> Self {
        parts.model = parts.model.with_observer(parts.observer.clone());
        Self {
            parts: Arc::new(parts),
            tracker: Arc::new(Tracker::new(tracking)),
            main: None,
        }
    }

    /// Returns what it is made of, for the parts of its interface that have files of their own.
    pub(super) fn parts(&self) -> &Arc<OpsTestParts> {
        &self.parts
    }

    /// Returns an `OpsTest` on another model: its `model()`, `juju(..)`, `run(..)`, `tmp_path()` and names are about that one,
    /// and nothing changes for anybody else.
    ///
    /// ```no_run
    /// # async fn test(ops: charmtest::ops_test::OpsTest) -> charmtest::Result {
    /// let cos = ops.on(&ops.tracked("cos")?);
    /// cos.juju(["offer", "prometheus:metrics"]).check().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on(&self, model: &Model) -> Self {
        let main = self.main_model();
        let is_main = model.uuid() == main.uuid();
        Self {
            parts: Arc::new(OpsTestParts {
                model: model.clone().with_observer(self.parts.observer.clone()),
                tmp_path: self.tracker.files_of(model),
                ..OpsTestParts::clone(&self.parts)
            }),
            tracker: Arc::clone(&self.tracker),
            main: (!is_main).then(|| main.clone()),
        }
    }

    /// Returns the model: the module's own, or the one of [`OpsTest::on`].
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.parts.model
    }

    /// Returns the model's name, without controller and owner.
    #[must_use]
    pub fn model_name(&self) -> &str {
        self.model().name()
    }

    /// Returns the model's name with its controller, as `--model` and `JUJU_MODEL` take it.
    #[must_use]
    pub fn model_full_name(&self) -> &str {
        self.model().full_name()
    }

    /// Returns the name of the cloud that the model is on.
    #[must_use]
    pub fn cloud_name(&self) -> &str {
        self.model().cloud()
    }

    /// Returns the name of the controller that the model is on.
    #[must_use]
    pub fn controller_name(&self) -> &str {
        self.model().controller()
    }

    /// Tells whether the model stays at the end of its module.
    #[must_use]
    pub fn keep_model(&self) -> bool {
        if self.main.is_none() {
            return self.tracker.tracking().main_kept.is_some();
        }
        let mut models = self.models().into_iter();
        // A model that nobody tracks is nobody's to destroy.
        models
            .find(|tracked| tracked.model.uuid() == self.model().uuid())
            .is_none_or(|tracked| tracked.keep_model)
    }

    /// Returns the models that the tests of the module track, the oldest first; the module's own is not among them.
    #[must_use]
    pub fn models(&self) -> Vec<TrackedModel> {
        self.tracker.models()
    }

    pub(super) fn main_model(&self) -> &Model {
        self.main.as_ref().unwrap_or(&self.parts.model)
    }

    pub(crate) fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    pub(super) async fn track(&self, request: Request) -> Result<Model, TrackError> {
        let (main, base) = (self.main_model(), self.model());
        let model = self.tracker.track(main, base, request).await?;
        Ok(model.with_observer(self.parts.observer.clone()))
    }

    /// Returns the backend. A test should not need it.
    #[must_use]
    pub fn backend(&self) -> &Backend {
        &self.parts.backend
    }

    /// Returns the directory of the test's package.
    #[must_use]
    pub fn package_dir(&self) -> &Path {
        &self.parts.package_dir
    }

    /// Returns a directory for files of the model's tests; each model has its own. It goes with the model when every test of the
    /// module has passed.
    #[must_use]
    pub fn tmp_path(&self) -> &Path {
        // Where it cannot be made, whoever writes into it learns why.
        let _ = std::fs::create_dir_all(&self.parts.tmp_path);
        &self.parts.tmp_path
    }

    /// Returns a `juju` command on the module's model, unchecked; `JUJU_MODEL` says which that is.
    pub fn juju<I>(&self, arguments: I) -> Call
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        let model = self.model();
        model
            .juju()
            .call(arguments)
            .env("JUJU_MODEL", model.full_name())
    }

    /// Returns a command of any program, unchecked, in the package's directory. `juju` is the backend's, on the module's
    /// model.
    pub fn run<I>(&self, command: I) -> Call
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        let mut words = command.into_iter().map(Into::into);
        let program = words.next().unwrap_or_default();
        let juju = self.model().juju();
        let call = Call::new(program, juju.transcript().clone(), juju.observer().clone())
            .args(words)
            .envs(juju.env())
            .env("JUJU_MODEL", self.model().full_name())
            .cwd(self.package_dir());
        match self.path_variable() {
            Some(path) => call.env("PATH", path),
            None => call,
        }
    }

    /// Fails the running test and aborts the rest of its module, from wherever in the test this is called:
    /// `ops_test.abort` of pytest-operator.
    ///
    /// ```no_run
    /// # use charmtest::prelude::*;
    /// # async fn test(ops: &OpsTest, model: &Model) -> Result {
    /// let Some(units) = model.status().await?.app("web").map(|app| app.units.len()) else {
    ///     ops.abort("web was not deployed: nothing below can work");
    /// };
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Where a [`Result`](crate::Result) is returned, `Err(abort("..."))?` does the same: see [`abort`](crate::abort). In a
    /// task that the test spawned it is a panic.
    #[track_caller]
    pub fn abort(&self, message: impl Into<String>) -> ! {
        leave(abort(message))
    }

    /// Skips the rest of the running test, from wherever in the test this is called; it aborts nothing.
    ///
    /// Where a [`Result`](crate::Result) is returned, `Err(skip("..."))?` does the same: see [`skip`](crate::skip). In a task
    /// that the test spawned it is a panic.
    #[track_caller]
    pub fn skip(&self, reason: impl Into<String>) -> ! {
        leave(skip(reason))
    }

    /// Waits for what can be awaited in a test that is not `async`: the same as [`Blocking::block_on`](crate::Blocking).
    ///
    /// # Panics
    ///
    /// If it is called outside of a charm test: it needs the harness's runtime.
    #[track_caller]
    pub fn block_on<F: IntoFuture>(&self, future: F) -> F::Output {
        block_on(future)
    }

    /// Returns `PATH` with the backend's `juju` first.
    fn path_variable(&self) -> Option<OsString> {
        let first = self.parts.backend.path_dir.clone()?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::join_paths(std::iter::once(first).chain(std::env::split_paths(&path))).ok()
    }
}
