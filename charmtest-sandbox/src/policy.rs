//! What one sandboxed command may touch.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::SandboxError;
use crate::public::public_paths;

/// What may be done below a path; the later has what the earlier have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Access {
    /// A Unix socket may be connected to.
    Connect,
    Read,
    Execute,
    /// All: reading, executing, changing, making.
    Write,
}

/// What one sandboxed command may touch: an allow-list of paths, and its environment.
///
/// A policy holds at each level as far as the level goes; at [`Level::Plain`](crate::Level::Plain) only its environment counts.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    paths: BTreeMap<PathBuf, Access>,
    hidden: Vec<PathBuf>,
    environment: Option<Vec<(OsString, OsString)>>,
    own_session: bool,
}

/// What of a system every command needs and everybody may see.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
];

/// Parts of `/proc`, `/sys` and `/var` that say something of the machine and nothing of its processes and users.
const FACTS: &[&str] = &[
    "/proc/cpuinfo",
    "/proc/filesystems",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys",
    "/proc/uptime",
    "/proc/version",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/var/lib/dpkg",
];

impl Policy {
    /// Returns a policy that allows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a policy that allows what is the system's and public: programs and libraries, of `/etc` what every user may read.
    ///
    /// Home directories, Juju's data, other processes and the temporary files of others are not in it. The devices that every
    /// program may use (`/dev/null` and the like) come with each sandbox.
    pub fn system() -> Self {
        let mut policy = Self::new();
        for path in SYSTEM.iter().map(Path::new).filter(|path| path.exists()) {
            policy = policy.executable(path);
        }
        for path in FACTS.iter().map(Path::new).filter(|path| path.exists()) {
            policy = policy.readable(path);
        }
        for path in public_paths(Path::new("/etc")) {
            policy = policy.readable(path);
        }
        policy
    }

    /// Allows reading a file, or all below a directory.
    pub fn readable(self, path: impl Into<PathBuf>) -> Self {
        self.allow(path.into(), Access::Read)
    }

    /// Allows reading and executing a file, or all below a directory.
    pub fn executable(self, path: impl Into<PathBuf>) -> Self {
        self.allow(path.into(), Access::Execute)
    }

    /// Allows everything with a file, or with all below a directory.
    pub fn writable(self, path: impl Into<PathBuf>) -> Self {
        self.allow(path.into(), Access::Write)
    }

    /// Allows connecting to a Unix socket, where the sandbox has Unix sockets at all ([`Achieved::unix_sockets`](crate::Achieved::unix_sockets)).
    pub fn socket(self, path: impl Into<PathBuf>) -> Self {
        self.allow(path.into(), Access::Connect)
    }

    /// Demands that a path is out of reach.
    ///
    /// All that is not allowed is out of reach. This says of a path that it must be, so that a policy that allows it by mistake, for
    /// it lies below something that is allowed, is refused.
    pub fn hidden(mut self, path: impl Into<PathBuf>) -> Self {
        self.hidden.push(path.into());
        self
    }

    /// Gives the whole environment of the command; without it, it is that of this process.
    ///
    /// It is handed to the command and not to the shim, so that a variable such as `LD_PRELOAD` does nothing outside of the sandbox.
    pub fn environment<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        self.environment = Some(
            variables
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        );
        self
    }

    /// Keeps the command from the terminal of whoever starts it, `/dev/tty`, also if its standard files lead elsewhere: it is in a session
    /// of its own. What is typed there is no signal to it then.
    pub fn own_session(mut self) -> Self {
        self.own_session = true;
        self
    }

    pub(crate) fn has_own_session(&self) -> bool {
        self.own_session
    }

    fn allow(mut self, path: PathBuf, access: Access) -> Self {
        let known = self.paths.entry(path).or_insert(access);
        *known = access.max(*known);
        self
    }

    /// Finds the paths that are meant, and checks that nothing hidden is among them.
    pub(crate) fn resolve(&self) -> Result<Resolved, SandboxError> {
        let mut paths: BTreeMap<PathBuf, Access> = BTreeMap::new();
        let mut links = Vec::new();
        for (path, access) in &self.paths {
            let real = path.canonicalize().map_err(|error| SandboxError::NoPath {
                path: path.display().to_string(),
                reason: error.to_string(),
            })?;
            if real.parent().is_none() {
                return Err(SandboxError::Everything(path.clone()));
            }
            if real != *path {
                links.push((path.clone(), real.clone()));
            }
            let known = paths.entry(real).or_insert(*access);
            *known = (*access).max(*known);
        }
        for hidden in &self.hidden {
            // What is not there cannot be read; a link to it is followed as the kernel would.
            let real = hidden.canonicalize().unwrap_or_else(|_| hidden.clone());
            if let Some((above, _)) = paths
                .iter()
                .find(|(path, access)| real.starts_with(path) && **access != Access::Connect)
            {
                return Err(SandboxError::Exposed {
                    hidden: hidden.clone(),
                    allowed: above.clone(),
                });
            }
        }
        let variables = match &self.environment {
            Some(variables) => variables.clone(),
            None => std::env::vars_os().collect(),
        };
        let environment = variables
            .into_iter()
            .map(|(key, value)| {
                let text = |text: OsString| {
                    text.into_string()
                        .map_err(|text| SandboxError::NotText(text.to_string_lossy().into_owned()))
                };
                Ok((text(key)?, text(value)?))
            })
            .collect::<Result<_, SandboxError>>()?;
        Ok(Resolved {
            paths: paths.into_iter().collect(),
            links,
            environment,
        })
    }
}

/// A policy with the paths that are meant by it: what the shim is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Resolved {
    /// Real paths, each after those above it.
    pub(crate) paths: Vec<(PathBuf, Access)>,
    /// Other names of them: where a link is, and what it leads to.
    pub(crate) links: Vec<(PathBuf, PathBuf)>,
    /// The whole environment of the command.
    pub(crate) environment: Vec<(String, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_must_be_hidden_may_not_lie_below_what_is_allowed() {
        let dir = tempfile::tempdir().expect("tempdir");
        let root = dir.path().canonicalize().expect("real");
        fs::create_dir_all(root.join("home/.local/share/juju")).expect("mkdir");
        let juju = root.join("home/.local/share/juju");
        let policy = Policy::new().environment([("A", "b")]);
        assert!(policy.clone().hidden(&juju).resolve().is_ok());
        let error = policy
            .clone()
            .readable(root.join("home"))
            .hidden(&juju)
            .resolve()
            .expect_err("below an allowed path");
        assert!(
            error.to_string().contains("home/.local/share/juju"),
            "{error}"
        );
        std::os::unix::fs::symlink(&root, root.join("other")).expect("link");
        assert!(
            policy
                .clone()
                .readable(root.join("home"))
                .hidden(root.join("other/home/.local"))
                .resolve()
                .is_err(),
            "by another name"
        );
        assert!(policy.clone().readable("/").resolve().is_err());
        assert!(policy.readable(root.join("absent")).resolve().is_err());
    }

    #[test]
    fn a_path_has_the_most_that_it_was_given() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().canonicalize().expect("real");
        let policy = Policy::new()
            .writable(&path)
            .readable(&path)
            .environment([("A", "b")]);
        let resolved = policy.resolve().expect("policy");
        assert_eq!(resolved.paths, [(path, Access::Write)]);
        assert_eq!(resolved.environment, [("A".to_owned(), "b".to_owned())]);
    }

    #[test]
    fn the_system_is_no_home_and_no_secret() {
        let resolved = Policy::system()
            .environment([("A", "b")])
            .hidden("/root")
            .hidden("/home")
            .hidden("/etc/shadow")
            .hidden("/etc/ssh")
            .hidden("/var/run")
            .hidden("/proc/self")
            .resolve()
            .expect("policy");
        assert!(
            resolved
                .paths
                .contains(&(PathBuf::from("/usr"), Access::Execute))
        );
        assert!(
            resolved
                .paths
                .contains(&(PathBuf::from("/etc/passwd"), Access::Read))
        );
    }
}
