//! What a charm test works with: [`OpsTest`] and [`Model`].

mod action;
mod applications;
mod build;
mod cloud;
mod config;
mod debug_log;
mod deploy;
mod keep;
mod model;
mod test;
mod track;
mod track_error;
mod tracker;
mod units;

pub use crate::juju::{Note, Observer};
pub use action::{Exec, RunAction};
pub use applications::{RemoveApplication, Trust};
pub use build::BuildError;
pub use cloud::{AddK8s, ForgetCloud};
pub use config::ConfigValue;
pub use debug_log::DebugLog;
pub use deploy::{Charm, Deploy, Refresh};
pub use keep::Keep;
pub use model::{CreateModel, Model};
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
