//! The context that a charm test's parameters are made from, and the model behind it, which is made when first needed.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::module::{ModuleState, Opened};
use super::progress::Progress;
use crate::failure::{Failure, Result};
use crate::juju::Juju;
use crate::ops_test::{Model, OpsTest};
use crate::registry::FromContext;

/// What the harness knows about the running test; [`FromContext`] makes parameters from it.
///
/// The module's model is made when the first test asks for something that needs it, so tests without such a parameter
/// cost no model.
pub struct Context {
    module: Arc<ModuleState>,
    progress: Arc<Progress>,
}

impl Context {
    pub(super) fn new(module: Arc<ModuleState>, progress: Arc<Progress>) -> Self {
        Self { module, progress }
    }

    /// Returns the full name of the running test, without the target: `relations::build_and_deploy`.
    #[must_use]
    pub fn test_name(&self) -> &str {
        self.progress.test()
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

    /// Returns the module that the test belongs to.
    #[cfg(test)]
    pub(super) fn module(&self) -> &ModuleState {
        &self.module
    }

    /// Makes or takes the module's model, whose time does not count against the test's limit.
    pub(super) async fn open(&self) -> Result<&Opened> {
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
