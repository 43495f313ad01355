//! The context that a charm test's parameters are made from, and the model behind it, which is made when first needed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::event::Event;
use super::fixtures::{Step, no_model_for};
use super::module::{ModuleState, Opened};
use super::progress::Progress;
use super::schedule::evidence_directory;
use crate::failure::{Failure, Result};
use crate::fixture::{FixtureCache, Scope};
use crate::juju::Juju;
use crate::ops_test::{Model, OpsTest, PackSite};
use crate::registry::{FromContext, TestEntry};

/// What the harness knows about the running test; [`FromContext`] makes parameters from it.
///
/// The module's model is made when the first test asks for something that needs it, so tests without such a parameter
/// cost no model.
pub struct Context {
    entry: &'static TestEntry,
    module: Arc<ModuleState>,
    progress: Arc<Progress>,
    /// The fixtures of the test.
    fixtures: Arc<FixtureCache>,
    /// The fixtures that are being made for one another, the outermost first; none for the test itself.
    steps: Vec<Step>,
}

impl Context {
    pub(super) fn new(
        entry: &'static TestEntry,
        module: Arc<ModuleState>,
        progress: Arc<Progress>,
        fixtures: Arc<FixtureCache>,
    ) -> Self {
        Self {
            entry,
            module,
            progress,
            fixtures,
            steps: Vec::new(),
        }
    }

    /// Returns the context in which a fixture is made.
    pub(super) fn for_fixture(&self, step: Step) -> Self {
        let mut steps = self.steps.clone();
        steps.push(step);
        Self {
            entry: self.entry,
            module: Arc::clone(&self.module),
            progress: Arc::clone(&self.progress),
            fixtures: Arc::clone(&self.fixtures),
            steps,
        }
    }

    /// Returns the test that runs.
    pub(super) fn entry(&self) -> &'static TestEntry {
        self.entry
    }

    /// Returns the module that the test belongs to.
    pub(super) fn module(&self) -> &ModuleState {
        &self.module
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Returns where the fixtures of a scope are kept.
    pub(super) fn fixtures(&self, scope: Scope) -> &FixtureCache {
        match scope {
            Scope::Test => &self.fixtures,
            Scope::Module => self.module.fixtures(),
            Scope::Run => self.module.run().fixtures(),
            Scope::Process => self.module.run().charms(),
        }
    }

    /// Returns the full name of the running test, without the target: `relations::build_and_deploy`.
    #[must_use]
    pub fn test_name(&self) -> &str {
        self.progress.test()
    }

    /// Adds a note to the test: reports show it if the test passes, as in `web/0 is blocked: needs a database`.
    ///
    /// It changes nothing about the outcome. The same note again is left out.
    pub fn note(&self, note: impl Into<String>) {
        self.progress.remark(note.into());
    }

    /// Returns the directory of the run's record for what is kept of the test: its evidence, if it fails. It may not be there yet.
    #[must_use]
    pub fn record_dir(&self) -> PathBuf {
        evidence_directory(&self.module.run().settings.record_dir, self.test_name())
    }

    /// Returns the directory of the package that the test belongs to.
    #[must_use]
    pub fn package_dir(&self) -> &Path {
        &self.module.run().settings.package_dir
    }

    /// Returns the module's model, making it if this is the first time that it is needed.
    ///
    /// # Errors
    ///
    /// The backend could not be selected or the model could not be made; the test then counts as errored.
    pub async fn ops_test(&self) -> Result<&OpsTest> {
        let opened = self.open().await?;
        opened
            .site
            .ops_test()
            .ok_or_else(|| Failure::setup("this run has no Juju behind it"))
    }

    /// Returns a client of the selected backend, selecting it if this is the first time that it is needed; it makes no model.
    ///
    /// # Errors
    ///
    /// The backend could not be selected; the test then counts as errored.
    pub async fn juju(&self) -> Result<&Juju> {
        let run = self.module.run();
        let paused = self.progress.pause();
        run.backend().await?;
        drop(paused);
        run.world
            .juju()
            .ok_or_else(|| Failure::setup("this run has no Juju behind it"))
    }

    /// Returns where and how charms are packed that are for all modules.
    pub(crate) async fn pack_site(&self) -> Result<PackSite> {
        let run = self.module.run();
        run.backend().await?;
        run.world.pack_site()
    }

    /// Returns what tells of events of the run.
    pub(crate) fn emitter(&self) -> Arc<dyn Fn(Event) + Send + Sync> {
        let run = Arc::clone(self.module.run());
        Arc::new(move |event| run.emit(event))
    }

    /// Makes or takes the module's model, whose time does not count against the test's limit.
    pub(super) async fn open(&self) -> Result<&Opened> {
        if let Some(failure) = no_model_for(&self.steps) {
            return Err(failure);
        }
        let _paused = self.progress.pause();
        self.module.open().await
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("test", &self.test_name())
            .finish_non_exhaustive()
    }
}

impl<'a> FromContext<'a> for &'a Context {
    async fn from_context(cx: &'a Context) -> Result<Self> {
        Ok(cx)
    }
}

impl<'a> FromContext<'a> for &'a OpsTest {
    async fn from_context(cx: &'a Context) -> Result<Self> {
        cx.ops_test().await
    }
}

impl<'a> FromContext<'a> for &'a Model {
    async fn from_context(cx: &'a Context) -> Result<Self> {
        Ok(cx.ops_test().await?.model())
    }
}

impl<'a> FromContext<'a> for &'a Juju {
    async fn from_context(cx: &'a Context) -> Result<Self> {
        cx.juju().await
    }
}
