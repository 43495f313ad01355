//! One module of a run: its model, made when first needed, and the end of that model.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::event::Event;
use super::flag::Flag;
use super::model_name;
use super::panics::SourceRoot;
use super::plan::Deploying;
use super::progress::Progress;
use super::signals::Signal;
use super::world::{BackendReport, Site, World};
use crate::failure::{Failure, Result};
use crate::juju::{BackendKind, Observer};

/// How a run goes about its work.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The target, which names the models of tests in its root.
    pub(super) target: String,
    /// How many modules run side by side; `None` to let the backend decide.
    pub(super) jobs: Option<std::num::NonZeroUsize>,
    /// The model that all modules share, by its short name.
    pub(super) shared_model: Option<String>,
    /// What becomes of the models that the run makes.
    pub(super) keep: Keep,
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
    sink: Box<dyn Fn(Event) + Send + Sync>,
    backend: OnceCell<std::result::Result<BackendReport, String>>,
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
            sink,
            backend: OnceCell::new(),
            gate: OnceLock::new(),
        }
    }

    pub(super) fn emit(&self, event: Event) {
        (self.sink)(event);
    }

    /// Returns the backend, selecting it if this is the first time that it is needed.
    pub(super) async fn backend(&self) -> Result<&BackendReport> {
        let selected = self.backend.get_or_init(|| async {
            let world = Arc::clone(&self.world);
            let selected = tokio::task::spawn_blocking(move || world.select()).await;
            let report = match selected {
                Ok(Ok(report)) => report,
                Ok(Err(failure)) => return Err(with_causes(&failure)),
                Err(error) => return Err(format!("no backend could be selected: {error}")),
            };
            self.emit(Event::RunStarted {
                backend: match report.kind {
                    BackendKind::Embedded => "embedded".to_owned(),
                    BackendKind::Juju => "juju".to_owned(),
                },
                version: report.version.clone(),
                why: report.why.clone(),
            });
            if let Some(message) = report.warning.clone() {
                self.emit(Event::Warning { message });
            }
            Ok(report)
        });
        selected
            .await
            .as_ref()
            .map_err(|error| Failure::setup(error.clone()))
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

/// The number of cores, or 1 where it cannot be told.
pub(super) fn cores() -> usize {
    available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// One module of a run.
pub(super) struct ModuleState {
    run: Arc<RunState>,
    name: String,
    model: OnceCell<Opened>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The model's short name, from the moment when it is announced.
    announced: Option<String>,
    /// Why the model could not be set up.
    setup_error: Option<String>,
    /// The test that runs.
    current: Option<Arc<Progress>>,
}

/// The model of a module.
pub(super) struct Opened {
    pub(super) site: Arc<dyn Site>,
    fate: Fate,
    _slot: OwnedSemaphorePermit,
}

/// What becomes of a model at the end of its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Destroy,
    Keep(&'static str),
}

/// Where a module's model comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The run made it and gave it a name of its own.
    Generated,
    /// The run made it because `--model` names it.
    Named,
    /// `--model` names it, and it was there.
    Found,
}

/// Decides what becomes of a model.
fn fate(origin: Origin, keep: Keep) -> Fate {
    match (origin, keep) {
        (Origin::Found, _) => Fate::Keep("it was there before"),
        (Origin::Named, _) => Fate::Keep("--model names it"),
        (Origin::Generated, Keep::Always) => Fate::Keep("--keep-models"),
        (Origin::Generated, Keep::Never) => Fate::Destroy,
    }
}

impl ModuleState {
    pub(super) fn new(run: Arc<RunState>, name: &str) -> Self {
        Self {
            run,
            name: name.to_owned(),
            model: OnceCell::new(),
            inner: Mutex::default(),
        }
    }

    pub(super) fn run(&self) -> &RunState {
        &self.run
    }

    /// Returns the model if there is one.
    pub(super) fn opened(&self) -> Option<&Opened> {
        self.model.get()
    }

    /// Returns why the model could not be set up, if that was tried and failed.
    pub(super) fn setup_error(&self) -> Option<String> {
        self.inner().setup_error.clone()
    }

    /// Says which test runs from now on; it hears what the client does.
    pub(super) fn set_current(&self, progress: Arc<Progress>) {
        self.inner().current = Some(progress);
    }

    /// Returns the model, making or taking it if this is the first time that it is needed.
    pub(super) async fn open(self: &Arc<Self>) -> Result<&Opened> {
        if let Some(error) = self.setup_error() {
            return Err(Failure::setup(error));
        }
        let opened = self.model.get_or_try_init(|| self.set_up()).await;
        opened.inspect_err(|failure| {
            self.inner().setup_error = Some(with_causes(failure));
        })
    }

    async fn set_up(self: &Arc<Self>) -> Result<Opened> {
        let run = &self.run;
        let backend = run.backend().await?;
        let gate = run
            .gate
            .get_or_init(|| Arc::new(Semaphore::new(run.model_slots(backend.kind))));
        let slot = Arc::clone(gate)
            .acquire_owned()
            .await
            .map_err(Failure::setup)?;

        let shared = run.settings.shared_model.as_deref();
        // An earlier attempt may have been cut off after the announcement: the module keeps to one model.
        let announced = self.inner().announced.clone();
        let may_be_there = shared.is_some() || announced.is_some();
        let model = announced.or(shared.map(str::to_owned)).unwrap_or_else(|| {
            model_name::generate(&self.name, &run.settings.target, model_name::random_seed())
        });
        self.announce(&model);
        let found = if may_be_there {
            let found = run.world.find(&model, self.observer()).await;
            found.map_err(Failure::into_setup)?
        } else {
            None
        };
        let origin = match (shared, &found) {
            (None, _) => Origin::Generated,
            (Some(_), None) => Origin::Named,
            (Some(_), Some(_)) => Origin::Found,
        };
        self.check_deployed(&model, found.as_ref()).await?;
        let site = match found {
            Some(site) => site,
            None => {
                let created = run.world.create(&model, self.observer()).await;
                created.map_err(Failure::into_setup)?
            }
        };
        run.emit(Event::ModelReady {
            module: self.name.clone(),
            model: run.world.full_name(&model),
        });
        Ok(Opened {
            site,
            fate: fate(origin, run.settings.keep),
            _slot: slot,
        })
    }

    /// Gives the model's name away before the model is made, once.
    fn announce(&self, model: &str) {
        let earlier = self.inner().announced.replace(model.to_owned());
        if earlier.is_none() {
            self.run.emit(Event::ModelNamed {
                module: self.name.clone(),
                model: self.run.world.full_name(model),
            });
        }
    }

    /// Under `--no-deploy`, the model must be there and hold applications.
    async fn check_deployed(&self, model: &str, found: Option<&Arc<dyn Site>>) -> Result<()> {
        if self.run.settings.deploying == Deploying::Allowed {
            return Ok(());
        }
        let Some(site) = found else {
            return Err(Failure::setup(format!(
                "--no-deploy needs a model that holds the applications, and there is no model `{model}`"
            )));
        };
        if site.has_applications().await.map_err(Failure::into_setup)? {
            return Ok(());
        }
        Err(Failure::setup(format!(
            "--no-deploy needs a model that holds the applications, and model `{model}` holds none"
        )))
    }

    /// Ends the module's model as its fate says; never fails, never hangs.
    pub(super) async fn tear_down(&self) {
        let Some(model) = self.inner().announced.clone() else {
            return;
        };
        let module = self.name.clone();
        let full_name = self.run.world.full_name(&model);
        let event = match self.end_model(&model).await {
            End::Kept(why) => Event::ModelKept {
                module,
                model: full_name,
                why,
            },
            End::Destroyed(why) => Event::ModelDestroyed {
                module,
                model: full_name,
                why,
            },
            End::Left(why) => Event::ModelLeft {
                module,
                model: full_name,
                why,
            },
        };
        self.run.emit(event);
    }

    async fn end_model(&self, model: &str) -> End {
        let (site, fate) = match self.opened() {
            Some(opened) => (Arc::clone(&opened.site), opened.fate),
            None => {
                // The set-up failed or was interrupted: the model may be there all the same.
                if self.run.settings.shared_model.is_some() {
                    return End::Kept("--model names it; its set-up failed".to_owned());
                }
                let search = self.run.world.find(model, Observer::default());
                match self.bounded("looking for it", search).await {
                    Ok(Some(site)) => (site, Fate::Destroy),
                    Ok(None) => {
                        return End::Destroyed("its set-up failed before it was made".to_owned());
                    }
                    Err(why) => return End::Left(why),
                }
            }
        };
        if let Fate::Keep(why) = fate {
            return End::Kept(why.to_owned());
        }
        let destruction = site.destroy(self.run.settings.teardown_timeout);
        match self.bounded("destroying it", destruction).await {
            Ok(()) => End::Destroyed("its module is done".to_owned()),
            Err(why) => End::Left(why),
        }
    }

    /// Runs one step of the tear-down within its time limit.
    async fn bounded<T>(
        &self,
        step: &str,
        work: impl Future<Output = Result<T>>,
    ) -> std::result::Result<T, String> {
        let limit = self.run.settings.teardown_timeout;
        // The step knows its limit and reports best on it; the outer bound is for a step that does not keep to it.
        match timeout(limit + self.run.settings.stop_grace, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(failure)) => Err(format!("{step} failed: {}", with_causes(&failure))),
            Err(_) => Err(format!(
                "{step} took longer than {}",
                super::duration::format_duration(limit)
            )),
        }
    }

    fn observer(self: &Arc<Self>) -> Observer {
        // The model keeps the observer, and the module keeps the model: a strong reference would keep both for ever.
        let module = Arc::downgrade(self);
        Observer::new(move |note| {
            let Some(module) = module.upgrade() else {
                return;
            };
            let current = module.inner().current.clone();
            if let Some(event) = current.and_then(|progress| progress.note(note)) {
                module.run.emit(event);
            }
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a model ended, and why so.
enum End {
    Kept(String),
    Destroyed(String),
    Left(String),
}

/// Returns a failure's text with its causes, as reports show it.
pub(super) fn with_causes(failure: &Failure) -> String {
    let mut text = failure.message();
    for cause in failure.causes() {
        text.push_str("\n  caused by: ");
        text.push_str(&cause);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_models_of_the_run_are_destroyed() {
        let cases = [
            (Origin::Generated, Keep::Never, Fate::Destroy),
            (Origin::Generated, Keep::Always, Fate::Keep("--keep-models")),
            (
                Origin::Found,
                Keep::Never,
                Fate::Keep("it was there before"),
            ),
            (Origin::Named, Keep::Never, Fate::Keep("--model names it")),
            (
                Origin::Found,
                Keep::Always,
                Fate::Keep("it was there before"),
            ),
        ];
        for (origin, keep, expected) in cases {
            assert_eq!(fate(origin, keep), expected, "{origin:?} {keep:?}");
        }
    }
}
