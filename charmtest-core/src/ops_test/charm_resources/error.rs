//! Why there are no resources.

use crate::juju::JujuError;
use crate::ops_test::program::{NoProgram, refusal};
use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a resource, or what a charm says of its resources, could not be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum ResourceError {
    /// There is no program that reads charms.
    NoProgram(NoProgram),
    /// The charm could not be read.
    Charm {
        /// The charm.
        charm: PathBuf,
        /// What the program that reads charms said.
        error: Box<JujuError>,
    },
    /// There is no such script.
    NoScript {
        /// The script.
        script: PathBuf,
    },
    /// The script is no file that can be executed.
    NotExecutable {
        /// The script.
        script: PathBuf,
    },
    /// The script failed.
    Script {
        /// The script.
        script: PathBuf,
        /// The directory that it ran in.
        directory: PathBuf,
        /// What it said.
        error: Box<JujuError>,
    },
    /// Juju could not download the charm with its resources.
    Download {
        /// The charm.
        charm: String,
        /// What Juju said.
        error: Box<JujuError>,
    },
    /// The charm has no such resource, or none was published.
    NoResource {
        /// The charm.
        charm: String,
        /// The resource.
        resource: String,
        /// Those that the charm has.
        resources: Vec<String>,
    },
    /// A file could not be read or written.
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProgram(error) => error.fmt(f),
            Self::Charm { charm, error } => {
                write!(f, "cannot read the charm `{}`", charm.display())?;
                refusal(error).map_or(Ok(()), |text| write!(f, ": {text}"))
            }
            Self::NoScript { script } => write!(f, "there is no script `{}`", script.display()),
            Self::NotExecutable { script } => {
                let script = script.display();
                write!(
                    f,
                    "`{script}` cannot be executed; `chmod +x` it, and begin it with `#!`"
                )
            }
            Self::Script {
                script, directory, ..
            } => {
                let (script, directory) = (script.display(), directory.display());
                write!(f, "`{script}` built no resources in `{directory}`")
            }
            Self::Download { charm, .. } => {
                write!(f, "cannot download the resources of the charm `{charm}`")
            }
            Self::NoResource {
                charm,
                resource,
                resources,
            } => {
                write!(
                    f,
                    "no resource `{resource}` was published with the charm `{charm}`; "
                )?;
                match resources.as_slice() {
                    [] => f.write_str("it has none"),
                    resources => write!(f, "it has {}", resources.join(", ")),
                }
            }
            Self::Io { path, .. } => write!(f, "cannot use `{}` for resources", path.display()),
        }
    }
}

impl Error for ResourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Charm { error, .. } if refusal(error).is_some() => None,
            Self::Charm { error, .. }
            | Self::Script { error, .. }
            | Self::Download { error, .. } => Some(&**error),
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<NoProgram> for ResourceError {
    fn from(error: NoProgram) -> Self {
        Self::NoProgram(error)
    }
}
