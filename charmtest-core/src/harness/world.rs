//! What the scheduler needs from the world outside: a backend and models. The scheduler is tested with a fake one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::event::{Event, Evidence};
use super::module::TestFiles;
use crate::diagnose::Capture;
use crate::failure::Failure;
use crate::juju::{BackendKind, Juju, Observer};
use crate::ops_test::{OpsTest, PackSite};

/// A future that stays on its thread.
pub(super) type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Where models live.
pub(super) trait World: Send + Sync {
    /// Selects the backend; blocks, and is called at most once.
    fn select(&self) -> Result<BackendReport, Failure>;

    /// Returns the client of the selected backend.
    fn juju(&self) -> Option<&Juju>;

    /// Returns where and how charms are packed that are for all modules.
    fn pack_site(&self) -> Result<PackSite, Failure> {
        Err(Failure::setup("this run has no Juju behind it"))
    }

    /// Removes the files that are for all modules.
    fn remove_files(&self) {}

    /// Returns the name under which a model of this short name is known to the user.
    fn full_name(&self, model: &str) -> String;

    /// Takes a model that is there, or returns `None`.
    fn find<'a>(
        &'a self,
        model: &'a str,
        tenant: Tenant,
    ) -> LocalFuture<'a, Result<Option<Arc<dyn Site>>, Failure>>;

    /// Makes a model.
    fn create<'a>(
        &'a self,
        model: &'a str,
        tenant: Tenant,
    ) -> LocalFuture<'a, Result<Arc<dyn Site>, Failure>>;
}

/// For whom a model is made or taken.
#[derive(Clone)]
pub(super) struct Tenant {
    /// The module.
    pub(super) module: String,
    /// Who hears what the client does.
    pub(super) observer: Observer,
    /// Who hears of models beside the module's own.
    pub(super) emit: Arc<dyn Fn(Event) + Send + Sync>,
    /// Why the model stays at the end of the module, if it does.
    pub(super) kept: Option<&'static str>,
}

/// One model, and what its tests work with.
pub(super) trait Site: Send + Sync {
    /// Returns what the tests take as parameters.
    fn ops_test(&self) -> Option<&OpsTest>;

    /// Tells whether the model holds applications.
    fn has_applications(&self) -> LocalFuture<'_, Result<bool, Failure>>;

    /// Saves what is known about the model at this moment.
    fn capture<'a>(&'a self, request: Capture<'a>) -> LocalFuture<'a, Result<Evidence, Failure>>;

    /// Makes crash dumps of the model and of those that tests made beside it, where they are wanted; never fails, and each
    /// has its time limit.
    fn crash_dump(&self, kept: bool, files: TestFiles) -> LocalFuture<'_, ()>;

    /// Ends what tests made beside the model, the newest first; never fails, never hangs, and tells of each end itself.
    fn end_tracked(&self, files: TestFiles) -> LocalFuture<'_, ()>;

    /// Notes that the model stays, and why.
    fn keep(&self, why: &str);

    /// Destroys the model with all that it holds; a model that is gone already is fine.
    fn destroy(&self, limit: Duration) -> LocalFuture<'_, Result<(), Failure>>;

    /// Removes the files that the tests left in their directory.
    fn remove_files(&self);
}

/// The backend that was selected.
#[derive(Clone, Debug)]
pub(super) struct BackendReport {
    pub(super) kind: BackendKind,
    pub(super) version: String,
    pub(super) why: String,
    /// What went wrong and stops nothing.
    pub(super) warning: Option<String>,
}
