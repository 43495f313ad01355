//! The models and clouds that the tests of a module added to its own model, and how they end.

use super::keep::storage_goes;
use super::track::Request;
use super::{CreateModel, Keep, Model, TrackError};
use crate::harness::{
    Claim, CloudDeed, Deed, Event, Register, Title, Warn, format_duration, generate_model_name,
};
use crate::juju::{Juju, ModelName};
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// How much longer than its limit a step may take that knows its limit.
const GRACE: Duration = Duration::from_secs(5);

/// How a module goes about its tracked models.
#[derive(Clone)]
pub(crate) struct Tracking {
    /// The module, for events.
    pub(crate) module: String,
    /// What the names of new models begin with.
    pub(crate) stem: String,
    /// The alias of the module's own model.
    pub(crate) main_alias: String,
    /// Why the module's own model is kept, if it is.
    pub(crate) main_kept: Option<&'static str>,
    /// Whether the module's own model was there before.
    pub(crate) main_was_there: bool,
    /// The cloud that the user named.
    pub(crate) cloud: Option<String>,
    /// `--keep-models`.
    pub(crate) keep_models: bool,
    /// `--destroy-storage`.
    pub(crate) destroy_storage: Option<bool>,
    /// The time limit of each step of the tear-down.
    pub(crate) limit: Duration,
    /// The record of models.
    pub(crate) register: Option<Arc<Register>>,
    /// The directory that holds one directory per model, for files that tests make.
    pub(crate) files: PathBuf,
    /// Who hears of models that come and go.
    pub(crate) emit: Arc<dyn Fn(Event) + Send + Sync>,
}

impl fmt::Debug for Tracking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracking")
            .field("module", &self.module)
            .finish_non_exhaustive()
    }
}

/// A tracked model as [`OpsTest::models`](super::OpsTest::models) lists it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TrackedModel {
    /// The alias.
    pub alias: String,
    /// The model.
    pub model: Model,
    /// Whether it stays at the end of the module.
    pub keep_model: bool,
    /// Whether its storage is destroyed with it.
    pub destroy_storage: bool,
}

/// What the tests of a module track.
#[derive(Debug)]
pub(crate) struct Tracker {
    tracking: Tracking,
    /// The oldest first.
    entries: Mutex<Vec<Entry>>,
    next: AtomicU64,
}

#[derive(Clone, Debug)]
struct Entry {
    id: u64,
    thing: Thing,
}

#[derive(Clone, Debug)]
enum Thing {
    /// An alias that a model is sought or made for.
    Reserved {
        alias: String,
    },
    Model(Tracked),
    Cloud(Cloud),
}

#[derive(Clone, Debug)]
struct Tracked {
    /// None when its set-up failed: the model may be there, and no test can find it.
    alias: Option<String>,
    name: ModelName,
    /// Whether it is the module's own model under a second name.
    own: bool,
    juju: Juju,
    /// None as long as it is being made.
    model: Option<Model>,
    keep: Keep,
    title: Title,
    destroy_storage: bool,
    deed: Option<Deed>,
}

/// A cloud that a test added to a controller.
#[derive(Clone, Debug)]
pub(super) struct Cloud {
    pub(super) name: String,
    pub(super) controller: String,
    pub(super) juju: Juju,
    /// What the record says of it.
    pub(super) deed: Option<CloudDeed>,
}

impl Cloud {
    fn holds(&self, model: &Model) -> bool {
        model.cloud() == self.name && model.controller() == self.controller
    }
}

/// What became of a model.
enum End {
    Kept(&'static str),
    Destroyed(&'static str),
}

impl Tracked {
    fn kept(&self, keep_models: bool) -> Option<&'static str> {
        self.keep.reason(keep_models, self.title == Title::Adopted)
    }
}

impl Tracker {
    pub(crate) fn new(tracking: Tracking) -> Self {
        Self {
            tracking,
            entries: Mutex::default(),
            next: AtomicU64::new(0),
        }
    }

    pub(crate) fn tracking(&self) -> &Tracking {
        &self.tracking
    }

    /// Returns the directory for files of a model's tests.
    pub(crate) fn files_of(&self, model: &Model) -> PathBuf {
        self.tracking.files.join(model.name())
    }

    /// Makes or takes a model; `main` is the module's own, `base` the one whose controller is meant where none is named.
    pub(super) async fn track(
        &self,
        main: &Model,
        base: &Model,
        request: Request,
    ) -> Result<Model, TrackError> {
        let mut place = self.reserve(&request.alias, main)?;
        let (name, title) = self.name(base, &request)?;
        let found = match title {
            Title::Generated => None,
            _ => Model::adopt(base.juju(), &name).await?,
        };
        let model = || name.to_string();
        match (request.use_existing, found) {
            (Some(false), Some(_)) => Err(TrackError::Exists { model: model() }),
            (Some(true), None) => Err(TrackError::Missing { model: model() }),
            (_, Some(found)) => Ok(self.adopt(&mut place, &request, main, found)),
            (_, None) => {
                let options = self.creation(main, base, &request, &name);
                self.create(&mut place, &request, base.juju(), &name, title, options)
                    .await
            }
        }
    }

    fn name(&self, base: &Model, request: &Request) -> Result<(ModelName, Title), TrackError> {
        let (name, title) = match &request.name {
            Some(name) => (ModelName::parse(name)?, Title::Named),
            None if request.use_existing == Some(true) => {
                return Err(TrackError::Nonsense(format!(
                    "`use_existing(true)` needs the name of the model: track_model({:?}).name(..)",
                    request.alias
                )));
            }
            None => {
                let stem = format!("{}-{}", self.tracking.stem, request.alias);
                (
                    ModelName::parse(&generate_model_name(&stem))?,
                    Title::Generated,
                )
            }
        };
        match (name.controller(), &request.controller) {
            (Some(one), Some(other)) if one != other => Err(TrackError::Nonsense(format!(
                "model {name} is on controller `{one}`, and `controller({other:?})` asks for another one"
            ))),
            (_, Some(controller)) => Ok((name.on_controller(controller), title)),
            (_, None) => Ok((name.on_controller(base.controller()), title)),
        }
    }

    /// Says how a model is made. A model without a cloud of its own goes where the one beside it is.
    fn creation(
        &self,
        main: &Model,
        base: &Model,
        request: &Request,
        name: &ModelName,
    ) -> CreateModel {
        let here = name.controller() == Some(base.controller());
        let beside = || {
            // The controller's own choice was good enough for a model that the run made without a cloud.
            let chosen = self.tracking.main_was_there || base.uuid() != main.uuid();
            let cloud = Some(base.cloud()).filter(|cloud| chosen && !cloud.is_empty());
            cloud.map(ToOwned::to_owned)
        };
        let cloud = match &request.cloud {
            Some(cloud) => Some(cloud.clone()),
            None if !here => None,
            None if base.uuid() == main.uuid() && self.tracking.cloud.is_some() => {
                self.tracking.cloud.clone()
            }
            None => beside(),
        };
        CreateModel {
            cloud,
            credential: request.credential.clone(),
            config: request.config.clone(),
            ..CreateModel::default()
        }
    }

    fn adopt(&self, place: &mut Place<'_>, request: &Request, main: &Model, model: Model) -> Model {
        let ignored = request.ignored_when_adopting();
        if !ignored.is_empty() {
            self.warn(format!(
                "model {} was there before: {} in track_model({:?}) {} no effect",
                model.full_name(),
                ignored.join(", "),
                request.alias,
                if ignored.len() == 1 { "has" } else { "have" }
            ));
        }
        let flag = self.tracking.destroy_storage;
        let destroy_storage = storage_goes(request.destroy_storage, flag, true);
        let own = model.uuid() == main.uuid();
        let mut deed = None;
        if !own {
            let (juju, name) = (model.juju(), model.full_name());
            deed = self.claim(juju, name, Title::Adopted, destroy_storage);
            deed.iter().for_each(|deed| deed.made(name, model.uuid()));
            self.emit(Event::ModelReady {
                module: self.tracking.module.clone(),
                model: model.full_name().to_owned(),
            });
        }
        place.fill(Tracked {
            alias: Some(request.alias.clone()),
            name: model.model_name().clone(),
            own,
            juju: model.juju().clone(),
            model: Some(model.clone()),
            keep: request.keep,
            title: Title::Adopted,
            destroy_storage,
            deed,
        });
        model
    }

    async fn create(
        &self,
        place: &mut Place<'_>,
        request: &Request,
        juju: &Juju,
        name: &ModelName,
        title: Title,
        options: CreateModel,
    ) -> Result<Model, TrackError> {
        let shown = name.to_string();
        let flag = self.tracking.destroy_storage;
        let destroy_storage = storage_goes(request.destroy_storage, flag, false);
        let deed = self.claim(juju, &shown, title, destroy_storage);
        let mut tracked = Tracked {
            alias: Some(request.alias.clone()),
            name: name.clone(),
            own: false,
            juju: juju.clone(),
            model: None,
            keep: request.keep,
            title,
            destroy_storage,
            deed,
        };
        // From here on the model may be there, whatever becomes of this future.
        place.fill(tracked.clone());
        let module = || self.tracking.module.clone();
        self.emit(Event::ModelNamed {
            module: module(),
            model: shown.clone(),
        });
        match Model::create(juju, name, options).await {
            Ok(model) => {
                if let Some(deed) = &tracked.deed {
                    deed.made(model.full_name(), model.uuid());
                }
                tracked.model = Some(model.clone());
                place.fill(tracked);
                self.emit(Event::ModelReady {
                    module: module(),
                    model: shown,
                });
                Ok(model)
            }
            Err(error) => {
                if error.is_name_taken() {
                    // Somebody else's: it must not be touched.
                    if let Some(deed) = &tracked.deed {
                        deed.gone();
                    }
                    place.clear();
                    self.emit(Event::ModelDestroyed {
                        module: module(),
                        model: shown,
                        why: "it was not made: somebody else has a model of this name".to_owned(),
                    });
                } else {
                    tracked.alias = None;
                    place.fill(tracked);
                }
                Err(error.into())
            }
        }
    }

    /// Returns the models that tests can find, the oldest first.
    pub(super) fn models(&self) -> Vec<TrackedModel> {
        let entries = self.entries();
        let models = entries.iter().filter_map(|entry| match &entry.thing {
            Thing::Model(tracked) => Some(TrackedModel {
                alias: tracked.alias.clone()?,
                model: tracked.model.clone()?,
                keep_model: tracked.kept(self.tracking.keep_models).is_some(),
                destroy_storage: tracked.destroy_storage,
            }),
            _ => None,
        });
        models.collect()
    }

    /// Returns the model under an alias.
    pub(super) fn model(&self, alias: &str, main: &Model) -> Result<Model, TrackError> {
        if alias == self.tracking.main_alias {
            return Ok(main.clone());
        }
        let models = self.models();
        match models.iter().find(|tracked| tracked.alias == alias) {
            Some(tracked) => Ok(tracked.model.clone()),
            None => Err(self.unknown(alias)),
        }
    }

    fn unknown(&self, alias: &str) -> TrackError {
        let models = self.models();
        let tracked = models.iter().map(|tracked| &tracked.alias);
        TrackError::UnknownAlias {
            alias: alias.to_owned(),
            known: std::iter::once(&self.tracking.main_alias)
                .chain(tracked)
                .cloned()
                .collect(),
        }
    }

    /// Ends a model before the end of its module; what does not end stays tracked, so that the tear-down tries again.
    pub(super) async fn forget(
        &self,
        alias: &str,
        limit: Option<Duration>,
        destroy_storage: Option<bool>,
    ) -> Result<(), TrackError> {
        if alias == self.tracking.main_alias {
            return Err(TrackError::OwnModel {
                alias: alias.to_owned(),
            });
        }
        let found = self.entries().iter().find_map(|entry| match &entry.thing {
            Thing::Model(tracked) if tracked.alias.as_deref() == Some(alias) => {
                Some((entry.id, tracked.clone()))
            }
            _ => None,
        });
        let Some((id, mut tracked)) = found else {
            return Err(self.unknown(alias));
        };
        if let Some(destroy_storage) = destroy_storage {
            tracked.destroy_storage = destroy_storage;
        }
        let end = self
            .end(&tracked, limit.unwrap_or(self.tracking.limit))
            .await?;
        self.told(&tracked, Ok(end));
        self.remove(id);
        Ok(())
    }

    /// Ends everything, the newest first; each step has its time limit, and none keeps the next one from being tried.
    pub(crate) async fn tear_down(&self, remove_files: bool) {
        let mut kept: Vec<Model> = Vec::new();
        loop {
            let Some(entry) = self.entries().pop() else {
                return;
            };
            match entry.thing {
                Thing::Reserved { .. } => {}
                Thing::Model(tracked) => {
                    let end = self.end(&tracked, self.tracking.limit).await;
                    if matches!(end, Ok(End::Kept(_))) {
                        kept.extend(tracked.model.clone());
                    }
                    if remove_files && matches!(end, Ok(End::Destroyed(_))) {
                        let _ =
                            std::fs::remove_dir_all(self.tracking.files.join(tracked.name.short()));
                    }
                    self.told(&tracked, end);
                }
                Thing::Cloud(cloud) => match kept.iter().find(|model| cloud.holds(model)) {
                    Some(model) => {
                        let why = format!("model {} on it was kept", model.full_name());
                        cloud.deed.as_ref().inspect(|deed| deed.kept(&why));
                        self.warn(format!(
                            "cloud {} stays on controller {}: {why}",
                            cloud.name, cloud.controller
                        ));
                    }
                    None => self.end_cloud(&cloud).await,
                },
            }
        }
    }

    /// Keeps or destroys a model.
    async fn end(&self, tracked: &Tracked, limit: Duration) -> Result<End, TrackError> {
        let model = match &tracked.model {
            Some(model) => {
                if let Some(why) = tracked.kept(self.tracking.keep_models) {
                    return Ok(End::Kept(why));
                }
                model.clone()
            }
            None => {
                // Making it failed or was interrupted: it may be there all the same.
                let search = Model::adopt(&tracked.juju, &tracked.name);
                match within(limit, "looking for it", search).await? {
                    Some(model) => model,
                    None => return Ok(End::Destroyed("its set-up failed before it was made")),
                }
            }
        };
        let destroy = async {
            if tracked.destroy_storage {
                model.destroy(limit).await
            } else {
                model.destroy_releasing_storage(limit).await
            }
        };
        within(limit, "destroying it", destroy).await?;
        Ok(End::Destroyed("its module is done with it"))
    }

    /// Tells of a model's end, to the user and to the record.
    fn told(&self, tracked: &Tracked, end: Result<End, TrackError>) {
        let module = self.tracking.module.clone();
        let model = tracked.name.to_string();
        let deed = tracked.deed.as_ref();
        self.emit(match end {
            Ok(End::Kept(_)) if tracked.own => return,
            Ok(End::Kept(why)) => {
                deed.inspect(|deed| deed.kept(why));
                let why = why.to_owned();
                Event::ModelKept { module, model, why }
            }
            Ok(End::Destroyed(why)) => {
                deed.inspect(|deed| deed.gone());
                let why = why.to_owned();
                Event::ModelDestroyed { module, model, why }
            }
            Err(error) => {
                let why = error.to_string();
                Event::ModelLeft { module, model, why }
            }
        });
    }

    /// Enters a cloud; returns what [`Tracker::remove`] takes.
    pub(super) fn add_cloud(&self, cloud: Cloud) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let thing = Thing::Cloud(cloud);
        self.entries().push(Entry { id, thing });
        id
    }

    /// Removes a cloud that a test added, its models first.
    pub(super) async fn forget_cloud(&self, name: &str) -> Result<(), TrackError> {
        let found = self.entries().iter().find_map(|entry| match &entry.thing {
            Thing::Cloud(cloud) if cloud.name == name => Some((entry.id, cloud.clone())),
            _ => None,
        });
        let Some((id, cloud)) = found else {
            return Err(TrackError::UnknownCloud {
                cloud: name.to_owned(),
            });
        };
        let models = self.models();
        for tracked in models
            .iter()
            .rev()
            .filter(|tracked| cloud.holds(&tracked.model))
        {
            self.forget(&tracked.alias, None, None).await?;
        }
        self.remove_cloud(&cloud).await?;
        self.remove(id);
        Ok(())
    }

    async fn end_cloud(&self, cloud: &Cloud) {
        if let Err(error) = self.remove_cloud(cloud).await {
            self.emit(Event::CloudLeft {
                module: self.tracking.module.clone(),
                cloud: cloud.name.clone(),
                controller: cloud.controller.clone(),
                why: error.to_string(),
            });
        }
    }

    async fn remove_cloud(&self, cloud: &Cloud) -> Result<(), TrackError> {
        let limit = self.tracking.limit;
        let call = cloud
            .juju
            .call([
                "remove-cloud",
                &cloud.name,
                "--controller",
                &cloud.controller,
            ])
            .timeout(limit)
            .check();
        match within(limit, "removing it", call.run()).await {
            // Adding it was interrupted before it was there.
            Err(TrackError::Juju(error))
                if error
                    .stderr()
                    .is_some_and(|said| said.contains("not found")) => {}
            removed => drop(removed?),
        }
        cloud.deed.as_ref().inspect(|deed| deed.gone());
        Ok(())
    }

    /// Enters a cloud that is about to be added into the record.
    pub(super) fn claim_cloud(
        &self,
        juju: &Juju,
        (cloud, controller): (&str, &str),
        generated: bool,
    ) -> Option<CloudDeed> {
        let register = self.tracking.register.as_ref()?;
        let claim = Claim::new(juju, &self.tracking.module, "", Title::Named, false);
        register.enter_cloud(claim, cloud, controller, generated, &self.warning())
    }

    fn warning(&self) -> Warn {
        let emit = Arc::clone(&self.tracking.emit);
        Arc::new(move |message| emit(Event::Warning { message }))
    }

    fn claim(&self, juju: &Juju, model: &str, title: Title, destroy_storage: bool) -> Option<Deed> {
        let register = self.tracking.register.as_ref()?;
        let claim = Claim::new(juju, &self.tracking.module, model, title, destroy_storage);
        register.enter(claim, &self.warning())
    }

    fn warn(&self, message: String) {
        self.emit(Event::Warning { message });
    }

    fn emit(&self, event: Event) {
        (self.tracking.emit)(event);
    }

    /// Takes an alias, before anything is done for it.
    fn reserve(&self, alias: &str, main: &Model) -> Result<Place<'_>, TrackError> {
        let in_use = |model: Option<String>| TrackError::AliasInUse {
            alias: alias.to_owned(),
            model,
        };
        if alias == self.tracking.main_alias {
            return Err(in_use(Some(main.full_name().to_owned())));
        }
        let mut entries = self.entries();
        for entry in &*entries {
            match &entry.thing {
                Thing::Reserved { alias: other } if other == alias => return Err(in_use(None)),
                Thing::Model(tracked) if tracked.alias.as_deref() == Some(alias) => {
                    let model = tracked.model.as_ref();
                    return Err(in_use(model.map(|model| model.full_name().to_owned())));
                }
                _ => {}
            }
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        entries.push(Entry {
            id,
            thing: Thing::Reserved {
                alias: alias.to_owned(),
            },
        });
        drop(entries);
        Ok(Place { tracker: self, id })
    }

    pub(super) fn remove(&self, id: u64) {
        self.entries().retain(|entry| entry.id != id);
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a model that is being sought or made; given back when nothing came of it.
struct Place<'a> {
    tracker: &'a Tracker,
    id: u64,
}

impl Place<'_> {
    fn fill(&mut self, tracked: Tracked) {
        let mut entries = self.tracker.entries();
        if let Some(entry) = entries.iter_mut().find(|entry| entry.id == self.id) {
            entry.thing = Thing::Model(tracked);
        }
    }

    fn clear(&mut self) {
        self.tracker.remove(self.id);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let reserved =
            |entry: &Entry| entry.id == self.id && matches!(entry.thing, Thing::Reserved { .. });
        self.tracker.entries().retain(|entry| !reserved(entry));
    }
}

/// Does one step within its time limit. The step knows its limit and reports best on it; the outer bound is for a step that does
/// not keep to it.
async fn within<T, E: Into<TrackError>>(
    limit: Duration,
    step: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, TrackError> {
    match timeout(limit.saturating_add(GRACE), work).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(TrackError::Late {
            what: step.to_owned(),
            limit: format_duration(limit),
        }),
    }
}

/// Returns the directory that a model's own directory for files is in.
pub(crate) fn files_around(tmp_path: &Path) -> PathBuf {
    tmp_path.parent().unwrap_or(tmp_path).to_owned()
}
