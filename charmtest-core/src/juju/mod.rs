//! The Juju client: every `juju` command goes through [`Juju`].

mod backend;
mod call;
mod client;
mod error;
mod names;
mod observe;
mod transcript;

pub mod status;

pub use backend::{Backend, BackendChoice, BackendError, BackendKind, BackendOptions};
pub use call::{Call, Output};
pub use client::Juju;
pub use error::JujuError;
pub use names::{ApplicationName, ModelName, NameError, UnitName};
pub use observe::{Note, Observer};
pub use status::Status;
pub use transcript::{Transcript, TranscriptEntry};
