//! Why a charm could not be packed.

use super::BuiltCharm;
use crate::juju::JujuError;
use crate::ops_test::program::{NoProgram, refusal};
use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a charm could not be packed.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no such directory.
    NoDirectory {
        /// The directory.
        directory: PathBuf,
    },
    /// There is no program that packs charms, or reads packed ones.
    NoPacker(NoProgram),
    /// A variable names a packed charm that is not there.
    NoPrebuilt {
        /// The variable.
        variable: &'static str,
        /// What is wrong with its value.
        why: String,
    },
    /// The program that packs failed.
    Failed {
        /// The charm's directory.
        directory: PathBuf,
        /// What the program said.
        error: Box<JujuError>,
    },
    /// The charm was packed, and for nothing that was asked for.
    NoneFits {
        /// The charm's directory.
        directory: PathBuf,
        /// The base and the architecture that were asked for.
        wanted: String,
        /// What there is.
        charms: Vec<BuiltCharm>,
    },
    /// Two directories hold a charm of the same name.
    SameName {
        /// The name.
        name: String,
        /// The directories.
        directories: [PathBuf; 2],
    },
    /// Several charms could not be packed.
    Several(Vec<BuildError>),
    /// Another process has been packing the same charm for too long.
    Busy {
        /// The charm's directory.
        directory: PathBuf,
    },
    /// A file could not be read or written.
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDirectory { directory } => {
                write!(f, "there is no charm directory `{}`", directory.display())
            }
            Self::NoPacker(error) => {
                write!(f, "{error}, or give a packed charm with --charm-path")
            }
            Self::NoPrebuilt { variable, why } => write!(f, "{variable}: {why}"),
            Self::Failed { directory, error } => {
                write!(f, "cannot pack the charm in `{}`", directory.display())?;
                // What the packer says is the user's business, our call of the packer is not.
                refusal(error).map_or(Ok(()), |text| write!(f, ": {text}"))
            }
            Self::NoneFits {
                directory,
                wanted,
                charms,
            } => {
                let directory = directory.display();
                write!(
                    f,
                    "the charm in `{directory}` was not packed for {wanted}, but for:"
                )?;
                charms.iter().try_for_each(|charm| write!(f, "\n  {charm}"))
            }
            Self::SameName { name, directories } => {
                let [first, second] = directories.each_ref().map(|path| path.display());
                write!(
                    f,
                    "both `{first}` and `{second}` hold a charm `{name}`; pack them with build_charm"
                )
            }
            Self::Several(errors) => {
                write!(f, "{} charms could not be packed", errors.len())?;
                errors.iter().try_for_each(|error| {
                    write!(f, "\n{error}")?;
                    let mut cause = error.source();
                    while let Some(error) = cause {
                        write!(f, "\n  caused by: {error}")?;
                        cause = error.source();
                    }
                    Ok(())
                })
            }
            Self::Busy { directory } => {
                let directory = directory.display();
                write!(
                    f,
                    "another process has been packing `{directory}` for more than half an hour"
                )
            }
            Self::Io { path, .. } => {
                write!(f, "cannot use `{}` for packed charms", path.display())
            }
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed { error, .. } if refusal(error).is_none() => Some(&**error),
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<NoProgram> for BuildError {
    fn from(error: NoProgram) -> Self {
        Self::NoPacker(error)
    }
}
