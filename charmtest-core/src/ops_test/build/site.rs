//! [`PackSite`]: where and how charms are packed.

use crate::harness::PackOptions;
use crate::juju::Juju;
use crate::ops_test::OpsTestParts;
use std::path::PathBuf;

/// Where and how charms are packed, for one model or for a run.
#[derive(Clone, Debug)]
pub(crate) struct PackSite {
    /// The directory of the test's package: relative paths begin here.
    pub(crate) package_dir: PathBuf,
    /// What is packed is copied to `charms/` in this directory.
    pub(crate) tmp_path: PathBuf,
    /// How charms are packed.
    pub(crate) pack: PackOptions,
    /// The `cargo-charmtest` program to use instead of the one that is found.
    pub(crate) program: Option<PathBuf>,
    /// The client whose record tells of the packer too.
    pub(crate) juju: Juju,
}

impl From<&OpsTestParts> for PackSite {
    fn from(parts: &OpsTestParts) -> Self {
        Self {
            package_dir: parts.package_dir.clone(),
            tmp_path: parts.tmp_path.clone(),
            pack: parts.pack.clone(),
            program: parts.program.clone(),
            juju: parts.model.juju().clone(),
        }
    }
}
