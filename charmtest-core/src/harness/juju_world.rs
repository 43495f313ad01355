//! The real world: models of the selected backend.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::event::{Event, Evidence};
use super::files::{self, Holder};
use super::model_name;
use super::module::TestFiles;
use super::ownership::{Claim, Deed, Register, Title, ownership_dir};
use super::run_state::{Keep, Settings};
use super::world::{BackendReport, LocalFuture, Site, Tenant, World};
use crate::diagnose::{self, Afterwards, Capture, CrashDumps, Outcomes};
use crate::failure::Failure;
use crate::juju::{
    Backend, BackendKind, BackendOptions, Juju, ModelName, Transcript, current_controller,
};
use crate::ops_test::{CreateModel, Model, OpsTest, OpsTestParts, PackSite, Tracking};

/// The file of the record that lists every command of the run.
pub(super) const TRANSCRIPT_FILE: &str = "commands.jsonl";

/// Models of a real Juju or of the embedded controller.
#[derive(Debug)]
pub(super) struct JujuWorld {
    options: BackendOptions,
    settings: Settings,
    backend: OnceLock<Arc<Backend>>,
    register: Arc<Register>,
    /// What the record says of the modules' own models, by the names that they were announced under.
    deeds: Mutex<BTreeMap<String, Deed>>,
    /// Models that could not be made because somebody else has one of the name.
    foreign: Mutex<BTreeSet<String>>,
    /// The directory for files that are for all modules.
    files: Mutex<Option<(PathBuf, Holder)>>,
    /// The controller that Juju takes where none is named; empty if it does not say.
    default_controller: OnceCell<String>,
}

impl JujuWorld {
    pub(super) fn new(options: BackendOptions, settings: Settings) -> Self {
        let run = settings.record_dir.file_name().unwrap_or_default();
        let register = Register::new(
            ownership_dir(|name| env::var_os(name)),
            run.to_string_lossy().into_owned(),
        );
        Self {
            options,
            register: Arc::new(register),
            deeds: Mutex::default(),
            foreign: Mutex::default(),
            files: Mutex::default(),
            default_controller: OnceCell::new(),
            settings,
            backend: OnceLock::new(),
        }
    }

    /// Opens the file that lists every command of the run.
    fn open_transcript(&self) -> io::Result<Transcript> {
        fs::create_dir_all(&self.settings.record_dir)?;
        Transcript::to_file(self.settings.record_dir.join(TRANSCRIPT_FILE))
    }

    fn backend(&self) -> Result<&Arc<Backend>, Failure> {
        self.backend
            .get()
            .ok_or_else(|| Failure::setup("no backend has been selected"))
    }

    /// Reads a model's name; a name without a controller is on the one that the user named.
    fn name(&self, model: &str) -> Result<ModelName, Failure> {
        let name = ModelName::parse(model)?;
        Ok(match &self.options.controller {
            Some(controller) => name.on_controller(controller),
            None => name,
        })
    }

    /// Returns the directory for files that are for all modules, which is made when it is first asked for.
    fn files_of_the_run(&self) -> Result<PathBuf, Failure> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.is_none() {
            let name = format!("run-{}-{:x}", std::process::id(), model_name::random_seed());
            *files = Some(files::make(&self.base(), &name)?);
        }
        let path = files.as_ref().map(|(path, _)| path.clone());
        Ok(path.unwrap_or_default())
    }

    /// Returns the directory that holds one directory per model, for files that tests make.
    fn base(&self) -> PathBuf {
        let base = self.settings.base_temp.clone();
        base.unwrap_or_else(files_beside_the_binary)
    }

    fn site(
        &self,
        model: Model,
        tenant: Tenant,
        deed: Option<Deed>,
        title: Title,
    ) -> Result<Arc<dyn Site>, Failure> {
        let (tmp_path, files) = files::make(&self.base(), model.name())?;
        let settings = &self.settings;
        let parts = OpsTestParts {
            backend: Arc::clone(self.backend()?),
            model: model.with_observer(tenant.observer.clone()),
            package_dir: settings.package_dir.clone(),
            tmp_path,
            pack: settings.pack.clone(),
            program: self.options.program.clone(),
            observer: tenant.observer,
        };
        let tracking = Tracking {
            stem: model_name::stem(&tenant.module, &settings.target).to_owned(),
            module: tenant.module,
            main_alias: settings.model_alias.clone(),
            main_kept: tenant.kept,
            main_was_there: title == Title::Adopted,
            cloud: self.options.cloud.clone(),
            keep_models: settings.keep == Keep::Always,
            destroy_storage: settings.destroy_storage,
            limit: settings.teardown_timeout,
            register: Some(Arc::clone(&self.register)),
            files: self.base(),
            emit: tenant.emit,
        };
        Ok(Arc::new(JujuSite {
            ops_test: OpsTest::tracking(parts, tracking),
            releases_storage: settings.destroy_storage == Some(false),
            crash_dumps: CrashDumps {
                settings: settings.crash_dump.clone(),
                program: self.options.program.clone(),
                record_dir: settings.record_dir.clone(),
                limit: settings.teardown_timeout,
            },
            deed,
            files,
        }))
    }

    /// Enters a model into the record of models.
    async fn claim(&self, name: &ModelName, tenant: &Tenant, title: Title) -> Option<Deed> {
        let juju = &self.backend.get()?.juju;
        let on_its_controller = match name.controller() {
            Some(_) => name.clone(),
            None => match self.default_controller(juju).await {
                "" => name.clone(),
                controller => name.clone().on_controller(controller),
            },
        };
        let claim = Claim::new(
            juju,
            &tenant.module,
            &on_its_controller.to_string(),
            title,
            self.settings.destroy_storage != Some(false),
        );
        let emit = Arc::clone(&tenant.emit);
        self.register.enter(
            claim,
            &(Arc::new(move |message| emit(Event::Warning { message })) as _),
        )
    }

    /// Returns the controller that Juju takes where none is named: later, when the record is read, it may be another one.
    async fn default_controller(&self, juju: &Juju) -> &str {
        let ask = || async {
            let named = |variable| env::var(variable).ok().filter(|value| !value.is_empty());
            if juju.kind() == BackendKind::Juju {
                if let Some(controller) = named("JUJU_CONTROLLER") {
                    return controller;
                }
                let model = named("JUJU_MODEL").and_then(|name| ModelName::parse(&name).ok());
                if let Some(controller) = model.as_ref().and_then(ModelName::controller) {
                    return controller.to_owned();
                }
            }
            current_controller(juju).await.unwrap_or_default()
        };
        self.default_controller.get_or_init(ask).await
    }

    fn foreign(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.foreign.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deeds(&self) -> MutexGuard<'_, BTreeMap<String, Deed>> {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World for JujuWorld {
    fn pack_site(&self) -> Result<PackSite, Failure> {
        Ok(PackSite {
            package_dir: self.settings.package_dir.clone(),
            tmp_path: self.files_of_the_run()?,
            pack: self.settings.pack.clone(),
            program: self.options.program.clone(),
            juju: self.backend()?.juju.clone(),
        })
    }

    fn remove_files(&self) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((path, Holder::Us)) = files.take() {
            // What cannot be removed goes with the rest of cargo's target directory.
            let _ = fs::remove_dir_all(path);
        }
    }

    fn select(&self) -> Result<BackendReport, Failure> {
        let mut backend = Backend::select(&self.options)?;
        let mut warning = None;
        match self.open_transcript() {
            Ok(transcript) => backend.juju = backend.juju.with_transcript(transcript),
            Err(error) => {
                let directory = self.settings.record_dir.display();
                warning = Some(format!("the run leaves no record in {directory}: {error}"));
            }
        }
        let report = BackendReport {
            kind: backend.kind,
            version: backend.version.clone(),
            why: backend.why.clone(),
            warning,
        };
        self.backend
            .set(Arc::new(backend))
            .map_err(|_| Failure::setup("the backend was selected twice"))?;
        Ok(report)
    }

    fn juju(&self) -> Option<&Juju> {
        self.backend.get().map(|backend| &backend.juju)
    }

    fn full_name(&self, model: &str) -> String {
        self.name(model)
            .map_or_else(|_| model.to_owned(), |name| name.to_string())
    }

    fn find<'a>(
        &'a self,
        model: &'a str,
        tenant: Tenant,
    ) -> LocalFuture<'a, Result<Option<Arc<dyn Site>>, Failure>> {
        Box::pin(async move {
            let juju = &self.backend()?.juju;
            let juju = juju.clone().with_observer(tenant.observer.clone());
            let name = self.name(model)?;
            if self.foreign().contains(model) {
                return Ok(None);
            }
            let found = Model::adopt(&juju, &name).await?;
            let entered = self.deeds().get(model).cloned();
            let Some(found) = found else {
                if let Some(deed) = entered {
                    deed.gone();
                }
                return Ok(None);
            };
            let deed = match entered {
                Some(deed) => Some(deed),
                None => self.claim(&name, &tenant, Title::Adopted).await,
            };
            if let Some(deed) = &deed {
                deed.made(found.full_name(), found.uuid());
                self.deeds().insert(model.to_owned(), deed.clone());
            }
            Ok(Some(self.site(found, tenant, deed, Title::Adopted)?))
        })
    }

    fn create<'a>(
        &'a self,
        model: &'a str,
        tenant: Tenant,
    ) -> LocalFuture<'a, Result<Arc<dyn Site>, Failure>> {
        Box::pin(async move {
            let juju = &self.backend()?.juju;
            let juju = juju.clone().with_observer(tenant.observer.clone());
            let name = self.name(model)?;
            let title = match &self.settings.shared_model {
                Some(_) => Title::Named,
                None => Title::Generated,
            };
            let deed = self.claim(&name, &tenant, title).await;
            if let Some(deed) = &deed {
                self.deeds().insert(model.to_owned(), deed.clone());
            }
            let options = CreateModel {
                controller: self.options.controller.clone(),
                cloud: self.options.cloud.clone(),
                credential: None,
                config_file: self.settings.model_config.clone(),
                config: BTreeMap::new(),
            };
            let made = match Model::create(&juju, &name, options).await {
                Err(error) if error.is_name_taken() => {
                    // Somebody else's: the tear-down must not find it.
                    self.foreign().insert(model.to_owned());
                    if let Some(deed) = &deed {
                        deed.gone();
                    }
                    return Err(error.into());
                }
                made => made?,
            };
            if let Some(deed) = &deed {
                deed.made(made.full_name(), made.uuid());
            }
            self.site(made, tenant, deed, title)
        })
    }
}

/// One model of the backend.
struct JujuSite {
    ops_test: OpsTest,
    releases_storage: bool,
    crash_dumps: CrashDumps,
    deed: Option<Deed>,
    files: Holder,
}

impl Site for JujuSite {
    fn ops_test(&self) -> Option<&OpsTest> {
        Some(&self.ops_test)
    }

    fn has_applications(&self) -> LocalFuture<'_, Result<bool, Failure>> {
        Box::pin(async { Ok(self.ops_test.model().has_applications().await?) })
    }

    fn capture<'a>(&'a self, request: Capture<'a>) -> LocalFuture<'a, Result<Evidence, Failure>> {
        Box::pin(async move {
            let model = self.ops_test.model();
            let captured = diagnose::capture(model, request).await;
            if let Some(problem) = captured.problem {
                let message = format!("the evidence is not complete: {problem}");
                (self.ops_test.tracker().tracking().emit)(Event::Warning { message });
            }
            Ok(captured.evidence)
        })
    }

    fn crash_dump(&self, kept: bool, files: TestFiles) -> LocalFuture<'_, ()> {
        Box::pin(async move {
            let outcomes = match files {
                TestFiles::Keep => Outcomes::Bad,
                TestFiles::Remove => Outcomes::Good,
            };
            // The newest first, as models end.
            let tracked = self.ops_test.models().into_iter().rev();
            let tracked = tracked.map(|tracked| (tracked.model, tracked.keep_model));
            let main = (self.ops_test.model().clone(), kept);
            for (model, kept) in tracked.chain([main]) {
                let afterwards = match kept {
                    true => Afterwards::Kept,
                    false => Afterwards::Gone,
                };
                if diagnose::is_wanted(self.crash_dumps.settings.mode, outcomes, afterwards) {
                    self.make_crash_dump(&model).await;
                }
            }
        })
    }

    fn end_tracked(&self, files: TestFiles) -> LocalFuture<'_, ()> {
        let tracker = self.ops_test.tracker();
        Box::pin(tracker.tear_down(files == TestFiles::Remove))
    }

    fn keep(&self, why: &str) {
        if let Some(deed) = &self.deed {
            deed.kept(why);
        }
    }

    fn destroy(&self, limit: Duration) -> LocalFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let model = self.ops_test.model();
            if self.releases_storage {
                model.destroy_releasing_storage(limit).await?;
            } else {
                model.destroy(limit).await?;
            }
            if let Some(deed) = &self.deed {
                deed.gone();
            }
            Ok(())
        })
    }

    fn remove_files(&self) {
        if self.files == Holder::Others {
            return;
        }
        // What cannot be removed goes with the rest of cargo's target directory.
        let _ = fs::remove_dir_all(self.ops_test.tmp_path());
    }
}

impl JujuSite {
    async fn make_crash_dump(&self, model: &Model) {
        let tracking = self.ops_test.tracker().tracking();
        let name = model.full_name();
        let dump = self.crash_dumps.make(model).await;
        for problem in dump.problems {
            let message = format!("crash dump of model {name}: {problem}");
            (tracking.emit)(Event::Warning { message });
        }
        if let Some(path) = dump.path {
            (tracking.emit)(Event::CrashDump {
                module: tracking.module.clone(),
                model: name.to_owned(),
                path: path.display().to_string(),
            });
        }
    }
}

/// Returns the directory for files that tests make: below cargo's target directory, which also programs that cannot read
/// `/tmp` can read; a temporary directory where there is none.
fn files_beside_the_binary() -> PathBuf {
    let executable = std::env::current_exe().unwrap_or_default();
    let deps = executable
        .parent()
        .filter(|parent| parent.ends_with("deps"));
    let target = deps.and_then(Path::parent).and_then(Path::parent);
    let root = target.map_or_else(std::env::temp_dir, |target| target.join("tmp"));
    root.join("charmtest")
}
