//! What a charm test works with: [`OpsTest`] and [`Model`].

mod action;
mod application;
mod applications;
mod build;
mod charm_resources;
mod cloud;
mod config;
mod constraints;
mod debug_log;
mod deploy;
mod fast_forward;
mod keep;
mod machines;
mod model;
mod offers;
mod pending_task;
mod program;
mod resources;
mod secrets;
mod show;
mod ssh;
mod storage;
mod templates;
mod test;
mod track;
mod track_error;
mod tracker;
mod units;

pub use crate::juju::{Note, Observer};
pub use action::{Exec, ExecOnUnits, RunAction, RunActionOnUnits};
pub use application::{Application, Unit};
pub use applications::{RemoveApplication, RemoveRelation, Trust};
pub(crate) use build::PackSite;
#[doc(hidden)]
pub use build::packed_charm;
pub use build::{
    BuildAll, BuildCharm, BuildCharms, BuildError, BuiltBase, BuiltCharm, CharmPath, PackedCharm,
    Verbosity,
};
pub use charm_resources::{
    BuildResources, CharmEndpoint, CharmInfo, CharmOption, CharmResource, DownloadResources,
    EndpointRole, EndpointScope, FileResource, OptionType, ResourceError, ResourceKind,
};
pub use cloud::{AddK8s, ForgetCloud};
pub use config::ConfigValue;
pub use constraints::Constraints;
pub use debug_log::DebugLog;
pub use deploy::{Charm, Deploy, Refresh};
pub use fast_forward::{FastForward, FastForwardGuard};
pub use keep::Keep;
pub use machines::{AddMachine, RemoveMachine};
pub use model::{CreateModel, Model};
pub use offers::{
    Consume, CreateOffer, Offer, OfferConnection, OfferEndpoint, RemoveOffer, RemoveSaas,
};
pub use pending_task::PendingTask;
pub use program::NoProgram;
pub use resources::Resource;
pub use secrets::{
    AddSecret, RemoveSecret, Secret, SecretAccess, SecretContent, SecretRevision, ShowSecret,
    UpdateSecret,
};
pub use show::{ApplicationInfo, Data, Databag, RelationData, UnitData, UnitInfo, UnitRelation};
pub use ssh::{Scp, Ssh};
pub use storage::{DetachStorage, RemoveStorage, Storage, StorageAttachment};
pub use templates::{
    Bundle, BundleSource, RenderBundle, RenderBundles, RenderCharm, RenderCharms, TemplateError,
};
pub use test::{OpsTest, OpsTestParts};
pub use track::{ForgetModel, TrackModel};
pub use track_error::TrackError;
pub use tracker::TrackedModel;
pub(crate) use tracker::Tracking;
pub use units::{AddUnit, RemoveUnit, Resolved};

/// Makes a builder awaitable: awaiting it calls its `run`.
macro_rules! awaitable {
    ($builder:ty => $output:ty) => {
        impl std::future::IntoFuture for $builder {
            type Output = $output;
            type IntoFuture = std::pin::Pin<Box<dyn Future<Output = Self::Output> + Send>>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(self.run())
            }
        }
    };
}
use awaitable;
