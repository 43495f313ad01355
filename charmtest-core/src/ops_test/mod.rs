//! What a charm test works with: [`OpsTest`] and [`Model`].
mod model;
mod parts;
pub use crate::juju::{Note, Observer};
pub use model::{CreateModel, Model};
pub use parts::{OpsTest, OpsTestParts};
