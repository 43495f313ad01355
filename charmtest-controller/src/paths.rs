//! Where the controller keeps things.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::model::{ModelUuid, StorageId, UnitName};
use crate::version::{JujuVersion, UnknownVersion};

/// The file that marks a directory as ours.
const MARKER: &str = "charmtest-data";

/// The variable that says for which Juju a new data directory is made.
const JUJU_VERSION_VARIABLE: &str = "CHARMTEST_JUJU_VERSION";

/// The longest path of a Unix socket that Linux takes, without the final zero.
const SOCKET_PATH_MAX: usize = 107;

/// Why a directory cannot be the data directory.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It holds something else, perhaps a real Juju client's files.
    #[error(
        "{0} is not a charmtest data directory and is not empty; set CHARMTEST_DATA to a directory of its own"
    )]
    Foreign(PathBuf),
    /// It cannot be made or read.
    #[error("cannot use the data directory {0}: {1}")]
    Io(PathBuf, #[source] io::Error),
    /// It was made for another Juju than the one asked for.
    #[error(
        "the data directory {path} was made for Juju {made}, not {wanted}; set CHARMTEST_DATA to another directory, or destroy its models and delete it"
    )]
    Version {
        /// The directory.
        path: PathBuf,
        /// What it was made for.
        made: JujuVersion,
        /// What was asked for.
        wanted: JujuVersion,
    },
    /// Its mark, or the variable `CHARMTEST_JUJU_VERSION`, names no version that we know.
    #[error("{0}: {1}")]
    UnknownVersion(String, UnknownVersion),
    /// No variable says where it should be.
    #[error("neither CHARMTEST_DATA nor HOME is set: there is no place for the controller's data")]
    NoHome,
}

/// The data directory of an embedded controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir {
    root: PathBuf,
    juju: JujuVersion,
}

impl DataDir {
    /// Finds the directory that the environment names: `CHARMTEST_DATA`, else `JUJU_DATA`, else `charmtest/embedded` in the user's
    /// state directory (`embedded-4.0` for that version). It is made when it is not there, for the Juju that `CHARMTEST_JUJU_VERSION`
    /// names, 3.6 by default.
    ///
    /// # Errors
    ///
    /// Fails when the directory holds something else (so a real Juju client's files are never touched) or cannot be made.
    pub fn from_env(var: impl Fn(&str) -> Option<String>) -> Result<Self, DataDirError> {
        let set = |name: &str| var(name).filter(|value| !value.is_empty());
        let wanted = set(JUJU_VERSION_VARIABLE)
            .map(|text| JujuVersion::parse(&text))
            .transpose()
            .map_err(|error| {
                DataDirError::UnknownVersion(JUJU_VERSION_VARIABLE.to_owned(), error)
            })?;
        if let Some(root) = set("CHARMTEST_DATA").or_else(|| set("JUJU_DATA")) {
            return Self::open_for(Path::new(&root), wanted);
        }
        let state = match set("XDG_STATE_HOME") {
            Some(state) => PathBuf::from(state),
            None => PathBuf::from(set("HOME").ok_or(DataDirError::NoHome)?).join(".local/state"),
        };
        let name = match wanted.unwrap_or_default() {
            JujuVersion::V3_6 => "charmtest/embedded".to_owned(),
            version @ JujuVersion::V4_0 => format!("charmtest/embedded-{version}"),
        };
        Self::open_for(&state.join(name), wanted)
    }

    /// Opens the data directory `root`, making it (0700) for Juju 3.6 when it is not there.
    ///
    /// # Errors
    ///
    /// See [`DataDir::from_env`].
    pub fn open(root: &Path) -> Result<Self, DataDirError> {
        Self::open_for(root, None)
    }

    /// Opens the data directory `root`, making it (0700) when it is not there.
    ///
    /// A new directory is made for `wanted`; for an existing one, `None` takes what it was made for.
    ///
    /// # Errors
    ///
    /// See [`DataDir::from_env`].
    pub fn open_for(root: &Path, wanted: Option<JujuVersion>) -> Result<Self, DataDirError> {
        let fail = |error| DataDirError::Io(root.to_owned(), error);
        let marker = root.join(MARKER);
        if !marker.exists() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(root)
                .map_err(fail)?;
            if fs::read_dir(root).map_err(fail)?.next().is_some() && !marker.exists() {
                return Err(DataDirError::Foreign(root.to_owned()));
            }
            let text = format!("juju-version: {}\n", wanted.unwrap_or_default());
            // Renamed into place, because another process may be reading it.
            let fresh = root.join(format!(".{MARKER}-{}", std::process::id()));
            fs::write(&fresh, text).map_err(fail)?;
            fs::rename(&fresh, &marker).map_err(fail)?;
        }
        let juju = made_for(&marker)?;
        match wanted {
            Some(wanted) if wanted != juju => Err(DataDirError::Version {
                path: root.to_owned(),
                made: juju,
                wanted,
            }),
            _ => Ok(Self {
                root: root.canonicalize().map_err(fail)?,
                juju,
            }),
        }
    }

    /// Returns the Juju that the controller of this directory speaks as.
    pub fn juju(&self) -> JujuVersion {
        self.juju
    }

    /// Returns the directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the directory with `juju` in it.
    pub fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// Returns the directory with the hook tools.
    pub fn tools(&self) -> PathBuf {
        self.root.join("tools")
    }

    /// Returns the file with the user's aliases of commands.
    pub(crate) fn aliases(&self) -> PathBuf {
        self.root.join("aliases")
    }

    /// Returns the daemon's log file.
    pub fn daemon_log(&self) -> PathBuf {
        self.root.join("daemon.log")
    }

    /// Returns the socket on which the daemon listens: in the directory itself, or in a private directory under `/tmp` when the path
    /// would be too long for a socket.
    pub fn socket(&self) -> PathBuf {
        let own = self.root.join("daemon.sock");
        if own.as_os_str().len() <= SOCKET_PATH_MAX {
            return own;
        }
        let mut hasher = DefaultHasher::new();
        self.root.hash(&mut hasher);
        let user = rustix::process::getuid().as_raw();
        PathBuf::from(format!(
            "/tmp/charmtest-{user}/{:016x}.sock",
            hasher.finish()
        ))
    }

    /// Makes the socket's directory if it is outside the data directory, and checks that it is ours alone.
    pub(crate) fn prepare_socket_dir(&self) -> io::Result<()> {
        let socket = self.socket();
        let dir = socket.parent().unwrap_or(&self.root);
        if dir == self.root {
            return Ok(());
        }
        if let Err(error) = fs::DirBuilder::new().mode(0o700).create(dir)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        let meta = fs::symlink_metadata(dir)?;
        let private = meta.is_dir()
            && meta.mode() & 0o077 == 0
            && meta.uid() == rustix::process::getuid().as_raw();
        if private {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{} is not a private directory of this user",
            dir.display()
        )))
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("state.db")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("daemon.lock")
    }

    /// Returns where an uploaded charm archive is kept.
    pub(crate) fn charm(&self, sha256: &str) -> PathBuf {
        self.root.join("charms").join(format!("{sha256}.charm"))
    }

    /// Returns where the content of an uploaded resource is kept.
    pub(crate) fn resource(&self, fingerprint: &str) -> PathBuf {
        self.root.join("resources").join(fingerprint)
    }

    /// Returns the directory of everything that a model's units have on disk.
    pub(crate) fn model(&self, model: &ModelUuid) -> PathBuf {
        self.root.join("models").join(&model.0)
    }

    /// Returns the directory of a storage instance: its own, whatever location its charm names, so that units of this host never share
    /// one; outside of any unit's directory, so that it outlives them.
    pub(crate) fn storage(&self, model: &ModelUuid, id: &StorageId) -> PathBuf {
        self.model(model).join("storage").join(id.to_string())
    }

    /// Returns the home directory of a machine: what `juju ssh` begins in and relative paths of `juju scp` start from.
    pub(crate) fn machine(&self, model: &ModelUuid, machine: &str) -> PathBuf {
        self.model(model)
            .join("machines")
            .join(machine.replace('/', "-"))
    }

    /// Returns the agent directory of a unit; `charm/` and `resources/` are below it.
    pub(crate) fn agent(&self, model: &ModelUuid, unit: &UnitName) -> PathBuf {
        self.model(model).join("agents").join(unit.tag())
    }
}

/// Reads for which Juju a directory was made; a mark that does not say is from the time when there was only 3.6.
fn made_for(marker: &Path) -> Result<JujuVersion, DataDirError> {
    let text =
        fs::read_to_string(marker).map_err(|error| DataDirError::Io(marker.to_owned(), error))?;
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("juju-version:"));
    version.map_or(Ok(JujuVersion::V3_6), |version| {
        JujuVersion::parse(version.trim())
            .map_err(|error| DataDirError::UnknownVersion(marker.display().to_string(), error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_directory_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("controllers.yaml"), "controllers: {}\n").unwrap();
        assert!(matches!(
            DataDir::open(dir.path()),
            Err(DataDirError::Foreign(_))
        ));
        assert!(!dir.path().join(MARKER).exists());
    }

    #[test]
    fn variables_are_asked_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| Some(dir.path().join(name).display().to_string());
        let open = |vars: &[&str]| {
            let root = DataDir::from_env(|name| vars.contains(&name).then(|| path(name)).flatten())
                .unwrap();
            root.root()
                .strip_prefix(dir.path().canonicalize().unwrap())
                .unwrap()
                .display()
                .to_string()
        };
        assert_eq!(
            open(&["CHARMTEST_DATA", "JUJU_DATA", "HOME"]),
            "CHARMTEST_DATA"
        );
        assert_eq!(open(&["JUJU_DATA", "HOME"]), "JUJU_DATA");
        assert_eq!(
            open(&["XDG_STATE_HOME", "HOME"]),
            "XDG_STATE_HOME/charmtest/embedded"
        );
        assert_eq!(open(&["HOME"]), "HOME/.local/state/charmtest/embedded");
    }

    #[test]
    fn a_directory_stays_with_the_version_it_was_made_for() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("d");
        let four = Some(JujuVersion::V4_0);
        assert_eq!(
            DataDir::open_for(&root, four).unwrap().juju(),
            JujuVersion::V4_0
        );
        assert_eq!(DataDir::open(&root).unwrap().juju(), JujuVersion::V4_0);
        let error = DataDir::open_for(&root, Some(JujuVersion::V3_6)).unwrap_err();
        assert!(
            error.to_string().contains("made for Juju 4.0, not 3.6"),
            "{error}"
        );
        fs::write(root.join(MARKER), "1\n").unwrap();
        assert_eq!(
            DataDir::open(&root).unwrap().juju(),
            JujuVersion::V3_6,
            "an old mark"
        );
        fs::write(root.join(MARKER), "juju-version: 5.0\n").unwrap();
        assert!(DataDir::open(&root).is_err());
    }

    #[test]
    fn the_version_is_asked_of_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let open = |version: &str| {
            DataDir::from_env(|name| match name {
                "HOME" => Some(dir.path().display().to_string()),
                "CHARMTEST_JUJU_VERSION" => Some(version.to_owned()),
                _ => None,
            })
        };
        assert_eq!(open("").unwrap().juju(), JujuVersion::V3_6);
        let four = open("4.0").unwrap();
        assert_eq!(four.juju(), JujuVersion::V4_0);
        assert!(four.root().ends_with("charmtest/embedded-4.0"));
        let error = open("2.9").unwrap_err().to_string();
        assert!(
            error.starts_with("CHARMTEST_JUJU_VERSION: \"2.9\""),
            "{error}"
        );
    }

    #[test]
    fn a_long_path_moves_the_socket() {
        let dir = tempfile::tempdir().unwrap();
        let short = DataDir::open(&dir.path().join("d")).unwrap();
        assert!(short.socket().starts_with(short.root()));
        let long = DataDir::open(&dir.path().join("x".repeat(120))).unwrap();
        assert!(long.socket().as_os_str().len() <= SOCKET_PATH_MAX);
        long.prepare_socket_dir().unwrap();
    }
}
