//! OpsTest.
use super::Model;
use crate::juju::{Backend, Observer};
use std::path::PathBuf;
use std::sync::Arc;

/// What an [`OpsTest`] is made of.
#[derive(Clone, Debug)]
pub struct OpsTestParts {
    /// The backend.
    pub backend: Arc<Backend>,
    /// The module's model.
    pub model: Model,
    /// The directory of the test's package: relative paths begin here.
    pub package_dir: PathBuf,
    /// A directory of the module.
    pub tmp_path: PathBuf,
    /// The `cargo-charmtest` program.
    pub program: Option<PathBuf>,
    /// Who hears of waits and commands.
    pub observer: Observer,
}

/// What a charm test works with; cheap to clone.
#[derive(Clone, Debug)]
pub struct OpsTest {
    parts: Arc<OpsTestParts>,
}

impl OpsTest {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: OpsTestParts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }
    /// Returns the module's model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.parts.model
    }
}
