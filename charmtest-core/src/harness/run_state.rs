//! What all modules of a run share: how it goes about its work, its backend, and who hears of its events.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use super::crash_dump_flags::CrashDumpSettings;
use super::effect::ModelOptions;
use super::event::Event;
use super::flag::Flag;
use super::pack_flags::PackOptions;
use super::panics::SourceRoot;
use super::plan::Deploying;
use super::signals::Signal;
use super::world::{BackendReport, World};
use crate::failure::{Failure, Result};
use crate::fixture::FixtureCache;
use crate::juju::BackendKind;

/// How a run goes about its work.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The target, which names the models of tests in its root.
    pub(super) target: String,
    /// How many modules run side by side; `None` to let the backend decide.
    pub(super) jobs: Option<NonZeroUsize>,
    /// The model that all modules share, by its short name.
    pub(super) shared_model: Option<String>,
    /// The name that tests use for the module's own model.
    pub(super) model_alias: String,
    /// A YAML file with the configuration for a module's own model when it is made.
    pub(super) model_config: Option<PathBuf>,
    /// The options that may turn out to have no effect on the shared model.
    pub(super) model_options: ModelOptions,
    /// What becomes of the models that the run makes.
    pub(super) keep: Keep,
    /// What becomes of the storage of models that are destroyed; without it, that of models which the run made is destroyed
    /// with them, and that of others is released.
    pub(super) destroy_storage: Option<bool>,
    /// The directory for files that the tests of a model make; a directory beside the test binary without it.
    pub(super) base_temp: Option<PathBuf>,
    /// When crash dumps are made.
    pub(super) crash_dump: CrashDumpSettings,
    /// How charms are packed.
    pub(super) pack: PackOptions,
    /// After how many failures no more tests start.
    pub(super) max_failures: Option<usize>,
    /// A file that holds the reason when no more tests are to start; `cargo charmtest` writes it.
    pub(super) stop_file: Option<PathBuf>,
    /// Whether whoever started this process starts others for other modules of the target.
    pub(super) one_of_several: bool,
    /// Whether the shared model must already hold applications.
    pub(super) deploying: Deploying,
    /// The time limit of tests that have none of their own.
    pub(super) test_timeout: Option<Duration>,
    /// The time limit of each step of the tear-down.
    pub(super) teardown_timeout: Duration,
    /// How long a test that was told to stop may take to reach its next await.
    pub(super) stop_grace: Duration,
    /// The directory of the package.
    pub(super) package_dir: PathBuf,
    /// Where evidence of failures goes.
    pub(super) record_dir: PathBuf,
    /// What tells own source files from those of libraries.
    pub(super) sources: Arc<SourceRoot>,
}

/// What becomes of the models that a run makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// They are destroyed when their module is done.
    Never,
    /// `--keep-models`.
    Always,
}

/// What all modules of a run share.
pub(super) struct RunState {
    pub(super) world: Arc<dyn World>,
    pub(super) settings: Settings,
    pub(super) interrupt: Flag<Signal>,
    fixtures: Arc<FixtureCache>,
    /// The charms that were packed for all modules.
    charms: FixtureCache,
    sink: Box<dyn Fn(Event) + Send + Sync>,
    backend: OnceLock<std::result::Result<BackendReport, String>>,
    /// How many tests have failed.
    failures: AtomicUsize,
    /// What was warned about and concerns the whole run.
    warned: Mutex<BTreeSet<String>>,
    /// Lets only so many modules have a model at a time.
    gate: OnceLock<Arc<Semaphore>>,
}

impl RunState {
    pub(super) fn new(
        world: Arc<dyn World>,
        settings: Settings,
        interrupt: Flag<Signal>,
        sink: Box<dyn Fn(Event) + Send + Sync>,
    ) -> Self {
        Self {
            world,
            settings,
            interrupt,
            fixtures: Arc::default(),
            charms: FixtureCache::default(),
            sink,
            backend: OnceLock::new(),
            failures: AtomicUsize::new(0),
            warned: Mutex::default(),
            gate: OnceLock::new(),
        }
    }

    /// Returns the fixtures of the run.
    pub(super) fn fixtures(&self) -> &Arc<FixtureCache> {
        &self.fixtures
    }

    /// Returns the charms that were packed for all modules.
    pub(super) fn charms(&self) -> &FixtureCache {
        &self.charms
    }

    pub(super) fn emit(&self, event: Event) {
        if let Event::TestFinished { outcome, .. } = &event
            && outcome.is_failure()
        {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        (self.sink)(event);
    }

    /// Returns why no more tests start, if so: enough have failed, here or in another process of the run.
    pub(super) fn enough(&self) -> Option<String> {
        let failures = self.failures.load(Ordering::Relaxed);
        let limit = self.settings.max_failures;
        if let Some(limit) = limit.filter(|limit| failures >= *limit) {
            return Some(enough_failures(limit));
        }
        let stop = self.settings.stop_file.as_ref()?;
        std::fs::read_to_string(stop).ok()
    }

    /// Emits a warning, unless it was emitted before.
    pub(super) fn warn_once(&self, message: String) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert(message.clone()) {
            self.emit(Event::Warning { message });
        }
    }

    /// Returns the backend, selecting it if this is the first time that it is needed.
    ///
    /// A selection goes on when the test that asked for it is stopped, and the next one that asks waits for it: there is
    /// only one in a run.
    pub(super) async fn backend(self: &Arc<Self>) -> Result<&BackendReport> {
        if self.backend.get().is_none() {
            let run = Arc::clone(self);
            let selection =
                spawn_blocking(move || run.backend.get_or_init(|| run.select()).is_ok());
            if let Err(error) = selection.await {
                return Err(Failure::setup(format!(
                    "no backend could be selected: {error}"
                )));
            }
        }
        match self.backend.get() {
            Some(Ok(report)) => Ok(report),
            Some(Err(error)) => Err(Failure::setup(error.clone())),
            None => Err(Failure::setup("no backend has been selected")),
        }
    }

    fn select(&self) -> std::result::Result<BackendReport, String> {
        let report = self.world.select().map_err(|failure| failure.full_text())?;
        self.emit(Event::RunStarted {
            backend: report.kind.to_string(),
            version: report.version.clone(),
            why: report.why.clone(),
        });
        if let Some(message) = report.warning.clone() {
            self.emit(Event::Warning { message });
        }
        Ok(report)
    }

    /// Waits until one more module may have a model.
    pub(super) async fn model_slot(self: &Arc<Self>) -> Result<OwnedSemaphorePermit> {
        let backend = self.backend().await?;
        let gate = self
            .gate
            .get_or_init(|| Arc::new(Semaphore::new(self.model_slots(backend.kind))));
        Arc::clone(gate)
            .acquire_owned()
            .await
            .map_err(Failure::setup)
    }

    /// How many modules may have a model at a time.
    fn model_slots(&self, backend: BackendKind) -> usize {
        match (self.settings.jobs, backend) {
            (Some(jobs), _) => jobs.get(),
            (None, BackendKind::Embedded) => cores(),
            (None, BackendKind::Juju) => 1,
        }
    }
}

/// Returns the reason why tests did not run after `limit` failures.
#[must_use]
pub fn enough_failures(limit: usize) -> String {
    let plural = if limit == 1 { "" } else { "s" };
    format!("not run after {limit} failure{plural} (--maxfail)")
}

/// The number of cores, or 1 where it cannot be told.
pub(super) fn cores() -> usize {
    available_parallelism().map_or(1, NonZeroUsize::get)
}
