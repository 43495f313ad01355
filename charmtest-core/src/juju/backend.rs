//! Which program answers as `juju`.
use super::Juju;
use std::fmt;
use std::path::PathBuf;

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackendChoice {
    /// A real controller when there is one, else the embedded one.
    #[default]
    Auto,
    /// The embedded controller.
    Embedded,
    /// A real Juju client.
    Juju,
}

/// Which backend was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BackendKind {
    /// The embedded controller.
    Embedded,
    /// A real Juju client.
    Juju,
}

/// What [`Backend::select`] chooses by.
#[derive(Clone, Debug, Default)]
pub struct BackendOptions {
    /// What the user asked for.
    pub kind: BackendChoice,
    /// The `juju` program to use.
    pub juju: Option<PathBuf>,
    /// The controller that the user named.
    pub controller: Option<String>,
    /// The cloud that the user named.
    pub cloud: Option<String>,
    /// The `cargo-charmtest` program.
    pub program: Option<PathBuf>,
}

/// The program that answers as `juju`, and what it needs.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Which one.
    pub kind: BackendKind,
    /// The client to run commands with.
    pub juju: Juju,
    /// The version that the program reports.
    pub version: String,
    /// Which backend, which version and why, in one line.
    pub why: String,
    /// The directory to put first on `PATH`.
    pub path_dir: Option<PathBuf>,
    /// The data directory of the embedded backend.
    pub juju_data: Option<PathBuf>,
}

impl Backend {
    /// Selects the backend.
    pub fn select(_options: &BackendOptions) -> Result<Self, BackendError> {
        todo!()
    }
}

/// Why no backend could be selected.
#[derive(Debug)]
pub struct BackendError;
impl fmt::Display for BackendError {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}
impl std::error::Error for BackendError {}
