//! One module of a run: its model, made when first needed, and the end of that model.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OnceCell, OwnedSemaphorePermit};
use tokio::time::timeout;

use super::duration::format_duration;
use super::event::Event;
use super::fixtures;
use super::flag::race;
use super::model_name;
use super::plan::Deploying;
use super::progress::Progress;
use super::run_state::{Keep, RunState};
use super::world::{Site, Tenant};
use crate::failure::{Failure, Result};
use crate::fixture::FixtureCache;
use crate::juju::Observer;

/// One module of a run.
pub(super) struct ModuleState {
    run: Arc<RunState>,
    name: String,
    model: OnceCell<Opened>,
    fixtures: Arc<FixtureCache>,
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
    /// The leave to have a model. It goes back when the model has ended, and not when the module is dropped: a test that was
    /// left behind holds the module for ever.
    slot: Option<OwnedSemaphorePermit>,
}

/// The model of a module.
pub(super) struct Opened {
    pub(super) site: Arc<dyn Site>,
    fate: Fate,
}

/// What becomes of a model at the end of its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Destroy,
    Keep(&'static str),
}

/// What becomes of the files that the tests of a module made, when its model is destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TestFiles {
    /// A test did not pass: the files may tell why.
    Keep,
    /// Nobody needs them any more.
    Remove,
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
            fixtures: Arc::default(),
            inner: Mutex::default(),
        }
    }

    pub(super) fn run(&self) -> &Arc<RunState> {
        &self.run
    }

    /// Returns the fixtures of the module.
    pub(super) fn fixtures(&self) -> &FixtureCache {
        &self.fixtures
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
            self.inner().setup_error = Some(failure.full_text());
        })
    }

    async fn set_up(self: &Arc<Self>) -> Result<Opened> {
        let run = &self.run;
        let slot = run.model_slot().await?;
        let shared = run.settings.shared_model.as_deref();
        // An earlier attempt may have been cut off after the announcement: the module keeps to one model.
        let announced = self.inner().announced.clone();
        let may_be_there = shared.is_some() || announced.is_some();
        let model = announced.or(shared.map(str::to_owned)).unwrap_or_else(|| {
            model_name::generate(&self.name, &run.settings.target, model_name::random_seed())
        });
        self.announce(&model);
        let found = if may_be_there {
            let found = run.world.find(&model, self.tenant()).await;
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
        self.warn_of_options(&model, origin);
        let site = match found {
            Some(site) => site,
            None => {
                let created = run.world.create(&model, self.tenant()).await;
                created.map_err(Failure::into_setup)?
            }
        };
        run.emit(Event::ModelReady {
            module: self.name.clone(),
            model: run.world.full_name(&model),
        });
        self.inner().slot = Some(slot);
        Ok(Opened {
            site,
            fate: fate(origin, run.settings.keep),
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

    /// Says which options have no effect, now that it is known where the model comes from.
    fn warn_of_options(&self, model: &str, origin: Origin) {
        if origin == Origin::Generated {
            return;
        }
        let model = self.run.world.full_name(model);
        let options = &self.run.settings.model_options;
        if let Some(message) = options.without_effect(&model, origin == Origin::Found) {
            self.run.warn_once(message);
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

    /// Ends the module's fixtures, and then its model as its fate says; never fails, never hangs.
    pub(super) async fn tear_down(self: &Arc<Self>, files: TestFiles) {
        let of = format!("module `{}`", self.name);
        fixtures::tear_down(&self.fixtures, &self.run, &of).await;
        let Some(model) = self.inner().announced.clone() else {
            return;
        };
        let module = self.name.clone();
        let full_name = self.run.world.full_name(&model);
        let event = match self.end_model(&model, files).await {
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
        self.inner().slot = None;
    }

    async fn end_model(self: &Arc<Self>, model: &str, files: TestFiles) -> End {
        let (site, fate) = match self.opened() {
            Some(opened) => (Arc::clone(&opened.site), opened.fate),
            None => {
                // The set-up failed or was interrupted: the model may be there all the same.
                if self.run.settings.shared_model.is_some() {
                    return End::Kept("--model names it; its set-up failed".to_owned());
                }
                let search = self.run.world.find(model, self.tenant());
                match self.bounded("looking for it", search).await {
                    Ok(Some(site)) => (site, Fate::Destroy),
                    Ok(None) => {
                        return End::Destroyed("its set-up failed before it was made".to_owned());
                    }
                    Err(why) => return End::Left(why),
                }
            }
        };
        let dumps = site.crash_dump(matches!(fate, Fate::Keep(_)), files);
        // Whoever interrupts the run wants it to end.
        race(self.run.interrupt.wait(), dumps).await;
        site.end_tracked(files).await;
        if let Fate::Keep(why) = fate {
            site.keep(why);
            return End::Kept(why.to_owned());
        }
        let destruction = site.destroy(self.run.settings.teardown_timeout);
        match self.bounded("destroying it", destruction).await {
            Ok(()) => {
                if files == TestFiles::Remove {
                    site.remove_files();
                }
                End::Destroyed("its module is done".to_owned())
            }
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
            Ok(Err(failure)) => Err(format!("{step} failed: {}", failure.full_text())),
            Err(_) => Err(format!(
                "{step} took longer than {}",
                format_duration(limit)
            )),
        }
    }

    /// Says for whom a model is made or taken.
    fn tenant(self: &Arc<Self>) -> Tenant {
        let settings = &self.run.settings;
        let run = Arc::downgrade(&self.run);
        let origin = match settings.shared_model {
            // Whether it was there before makes no difference to what becomes of it.
            Some(_) => Origin::Named,
            None => Origin::Generated,
        };
        Tenant {
            module: self.name.clone(),
            observer: self.observer(),
            emit: Arc::new(move |event| {
                if let Some(run) = run.upgrade() {
                    run.emit(event);
                }
            }),
            kept: match fate(origin, settings.keep) {
                Fate::Keep(why) => Some(why),
                Fate::Destroy => None,
            },
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
