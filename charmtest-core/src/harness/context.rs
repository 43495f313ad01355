//! The context that a charm test's parameters are made from.

use std::path::{Path, PathBuf};

/// What the harness knows about the running test; [`FromContext`](crate::FromContext) makes parameters from it.
#[derive(Debug)]
pub struct Context {
    test: String,
    package_dir: PathBuf,
}

impl Context {
    /// Returns the full name of the running test, without the target: `relations::build_and_deploy`.
    #[must_use]
    pub fn test_name(&self) -> &str {
        &self.test
    }

    /// Returns the directory of the package that the test belongs to.
    #[must_use]
    pub fn package_dir(&self) -> &Path {
        &self.package_dir
    }
}
