//! The object that a charm test is given.

use super::{BuildError, Model, build};
use crate::harness::PackOptions;
use crate::juju::{Backend, Call, Observer};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What an [`OpsTest`] is made of.
#[derive(Clone, Debug)]
pub struct OpsTestParts {
    /// The backend.
    pub backend: Arc<Backend>,
    /// The module's model.
    pub model: Model,
    /// The directory of the test's package: relative paths begin here.
    pub package_dir: PathBuf,
    /// A directory for the module's files; it exists.
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
}

impl OpsTest {
    /// Puts the parts together.
    #[must_use]
    pub fn new(mut parts: OpsTestParts) -> Self {
        parts.model = parts.model.with_observer(parts.observer.clone());
        Self {
            parts: Arc::new(parts),
        }
    }

    /// Returns the module's model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.parts.model
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

    /// Returns a directory for the module's files. It goes with the model when every test of the module has passed.
    #[must_use]
    pub fn tmp_path(&self) -> &Path {
        &self.parts.tmp_path
    }

    /// Packs the charm in a directory, relative to the package's, and returns the `.charm` file.
    ///
    /// It is packed by `cargo-charmtest`, or by `charmcraft` if that is not installed; once in a run for each directory,
    /// however many tests and modules ask.
    ///
    /// # Errors
    ///
    /// If there is no such directory, no program that packs, or the program fails.
    pub async fn build_charm(&self, directory: impl AsRef<Path>) -> Result<PathBuf, BuildError> {
        build::build_charm(&self.parts, directory.as_ref()).await
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

    /// Runs a future in a test that is not `async`, blocking its thread.
    ///
    /// # Panics
    ///
    /// If it is called outside of a charm test: it needs the harness's runtime.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
    }

    /// Returns `PATH` with the backend's `juju` first.
    fn path_variable(&self) -> Option<OsString> {
        let first = self.parts.backend.path_dir.clone()?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::join_paths(std::iter::once(first).chain(std::env::split_paths(&path))).ok()
    }
}
