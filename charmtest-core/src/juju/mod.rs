//! The Juju client: every `juju` command goes through [`Juju`].
//!
//! The client drives the `juju` program with `--format json` and speaks no other protocol, so that it works with Juju 2.9,
//! 3.6 and 4.0 and with the embedded controller alike. [`Backend`] says which program that is.

mod backend;
mod call;
mod client;
mod error;
mod mask;
mod names;
mod observe;
mod process;
mod program;
pub(crate) mod read;
mod results;
mod shell;
mod task;
mod transcript;
mod version;

pub mod status;

pub use backend::{Backend, BackendChoice, BackendError, BackendKind, BackendOptions};
pub use call::{Call, Output};
pub use client::Juju;
pub use error::JujuError;
pub use mask::Masker;
pub use names::{ApplicationName, ModelName, NameError, UnitName};
pub use observe::{Note, Observer};
pub use process::kill_all as kill_all_commands;
pub use shell::quote;
pub use status::Status;
pub use task::Task;
pub use transcript::{Transcript, TranscriptEntry};
pub use version::{Version, VersionError};

pub(crate) use backend::current_controller;
pub(crate) use call::parse_json;
pub(crate) use program::{find_cargo_charmtest, find_on_path};
pub(crate) use task::{parse_all_tasks, parse_one_task};
