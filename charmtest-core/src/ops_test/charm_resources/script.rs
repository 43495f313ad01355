//! Building resources by a script.

use super::ResourceError;
use crate::ops_test::{OpsTest, awaitable};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long a script may take unless it is given more: it may build images.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// A script about to build resources: see [`OpsTest::build_resources`].
#[must_use = "nothing is built until this is awaited"]
#[derive(Clone, Debug)]
pub struct BuildResources {
    ops_test: OpsTest,
    script: PathBuf,
    arguments: Vec<OsString>,
    user: User,
    limit: Duration,
}

/// As whom the script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    /// The user who runs the tests.
    This,
    /// The root user, by sudo.
    Root,
}

impl BuildResources {
    pub(super) fn new(ops_test: OpsTest, script: &Path) -> Self {
        Self {
            script: ops_test.package_dir().join(script),
            ops_test,
            arguments: Vec::new(),
            user: User::This,
            limit: LIMIT,
        }
    }

    /// Runs the script as the root user, by `sudo`, as pytest-operator does unless it is told otherwise.
    pub fn with_sudo(mut self) -> Self {
        self.user = User::Root;
        self
    }

    /// Appends an argument of the script.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets the time limit; 30 minutes without it.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    async fn run(self) -> Result<Vec<PathBuf>, ResourceError> {
        let Ok(script) = self.script.canonicalize() else {
            return Err(ResourceError::NoScript {
                script: self.script,
            });
        };
        if !is_executable(&script) {
            return Err(ResourceError::NotExecutable { script });
        }
        let directory = self.ops_test.tmp_path().join("resources");
        let failed = |source| ResourceError::Io {
            path: directory.clone(),
            source,
        };
        fs::create_dir_all(&directory).map_err(failed)?;
        let before = files(&directory).map_err(failed)?;
        let command = match self.user {
            User::This => vec![script.clone().into_os_string()],
            User::Root => vec!["sudo".into(), script.clone().into_os_string()],
        };
        self.ops_test
            .run(command.into_iter().chain(self.arguments))
            .cwd(&directory)
            .timeout(self.limit)
            .check()
            .await
            .map_err(|error| ResourceError::Script {
                script,
                directory: directory.clone(),
                error: Box::new(error),
            })?;
        let after = files(&directory).map_err(failed)?;
        let is_new = |path: &PathBuf, about| before.get(path) != Some(about);
        Ok(after
            .iter()
            .filter(|(path, about)| is_new(path, about))
            .map(|(path, _)| path.clone())
            .collect())
    }
}

awaitable!(BuildResources => Result<Vec<PathBuf>, ResourceError>);

/// Returns all files in a directory and those below it, with their length and the time of their last change.
fn files(directory: &Path) -> io::Result<BTreeMap<PathBuf, (u64, SystemTime)>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            // A link that leads nowhere is no file.
            let Ok(about) = fs::metadata(&path) else {
                continue;
            };
            if path.is_symlink() && about.is_dir() {
                continue;
            }
            if about.is_dir() {
                waiting.push(path);
            } else {
                found.insert(path, (about.len(), about.modified()?));
            }
        }
    }
    Ok(found)
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}
