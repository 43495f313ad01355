//! The real world: models of the selected backend.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::event::Evidence;
use super::run_state::Settings;
use super::world::{BackendReport, CaptureRequest, LocalFuture, Site, World};
use crate::diagnose;
use crate::failure::Failure;
use crate::juju::{Backend, BackendOptions, Juju, ModelName, Observer, Transcript};
use crate::ops_test::{CreateModel, Model, OpsTest, OpsTestParts};

/// Models of a real Juju or of the embedded controller.
#[derive(Debug)]
pub(super) struct JujuWorld {
    options: BackendOptions,
    settings: Settings,
    backend: OnceLock<Arc<Backend>>,
}

impl JujuWorld {
    pub(super) fn new(options: BackendOptions, settings: Settings) -> Self {
        Self {
            options,
            settings,
            backend: OnceLock::new(),
        }
    }

    /// Opens the file that lists every command of the run.
    fn open_transcript(&self) -> io::Result<Transcript> {
        fs::create_dir_all(&self.settings.record_dir)?;
        Transcript::to_file(self.settings.record_dir.join("commands.jsonl"))
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

    /// Returns the directory that holds one directory per model, for files that tests make.
    fn files(&self) -> PathBuf {
        let base = self.settings.base_temp.clone();
        base.unwrap_or_else(files_beside_the_binary)
    }

    fn site(&self, model: Model, observer: Observer) -> Result<Arc<dyn Site>, Failure> {
        let tmp_path = self.files().join(model.name());
        fs::create_dir_all(&tmp_path)?;
        let ops_test = OpsTest::new(OpsTestParts {
            backend: Arc::clone(self.backend()?),
            model: model.with_observer(observer.clone()),
            package_dir: self.settings.package_dir.clone(),
            tmp_path,
            pack: self.settings.pack.clone(),
            program: self.options.program.clone(),
            observer,
        });
        let releases_storage = self.settings.destroy_storage == Some(false);
        Ok(Arc::new(JujuSite {
            ops_test,
            releases_storage,
        }))
    }
}

impl World for JujuWorld {
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
        observer: Observer,
    ) -> LocalFuture<'a, Result<Option<Arc<dyn Site>>, Failure>> {
        Box::pin(async move {
            let juju = self.backend()?.juju.clone().with_observer(observer.clone());
            match Model::adopt(&juju, &self.name(model)?).await? {
                Some(model) => Ok(Some(self.site(model, observer)?)),
                None => Ok(None),
            }
        })
    }

    fn create<'a>(
        &'a self,
        model: &'a str,
        observer: Observer,
    ) -> LocalFuture<'a, Result<Arc<dyn Site>, Failure>> {
        Box::pin(async move {
            let juju = self.backend()?.juju.clone().with_observer(observer.clone());
            let options = CreateModel {
                controller: self.options.controller.clone(),
                cloud: self.options.cloud.clone(),
                credential: None,
                config_file: self.settings.model_config.clone(),
                config: BTreeMap::new(),
            };
            let model = Model::create(&juju, &self.name(model)?, options).await?;
            self.site(model, observer)
        })
    }
}

/// One model of the backend.
struct JujuSite {
    ops_test: OpsTest,
    releases_storage: bool,
}

impl Site for JujuSite {
    fn ops_test(&self) -> Option<&OpsTest> {
        Some(&self.ops_test)
    }

    fn has_applications(&self) -> LocalFuture<'_, Result<bool, Failure>> {
        Box::pin(async { Ok(self.ops_test.model().has_applications().await?) })
    }

    fn capture<'a>(
        &'a self,
        request: CaptureRequest<'a>,
    ) -> LocalFuture<'a, Result<Evidence, Failure>> {
        Box::pin(async move {
            let model = self.ops_test.model();
            Ok(diagnose::capture(model, request.directory, request.since, request.message).await?)
        })
    }

    fn destroy(&self, limit: Duration) -> LocalFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let model = self.ops_test.model();
            if self.releases_storage {
                return Ok(model.destroy_releasing_storage(limit).await?);
            }
            Ok(model.destroy(limit).await?)
        })
    }

    fn remove_files(&self) {
        // What cannot be removed goes with the rest of cargo's target directory.
        let _ = fs::remove_dir_all(self.ops_test.tmp_path());
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
