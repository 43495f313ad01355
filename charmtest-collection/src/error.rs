//! What can go wrong, told so that it can be put right.

use std::io;
use std::path::{Path, PathBuf};

/// What keeps a collection from being watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The collection file is wrong.
    #[error("{}:{line}: {message}", file.display())]
    Collection {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// Something on the disk could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file of the state directory is not what was written there.
    #[error("{} is damaged: {message}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// How it shows.
        message: String,
    },
    /// Something that is needed is not in the state directory.
    #[error("{0}")]
    Missing(String),
    /// `git` failed.
    #[error("{0}")]
    Git(String),
    /// Another process has the state directory.
    #[error("{} is used by {holder}; stop that one, or choose another directory with --state", path.display())]
    Locked {
        /// The state directory.
        path: PathBuf,
        /// Who has it.
        holder: String,
    },
    /// What was asked for does not make sense.
    #[error("{0}")]
    Usage(String),
    /// Testing could not go on.
    #[error("{0}")]
    Runner(String),
    /// The process was asked to end.
    #[error("interrupted")]
    Interrupted,
}

/// The result of work with a collection.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Adds to a system's error what was to be done.
pub(crate) trait Context<T> {
    /// Names the action and the file.
    fn context(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io {
            action,
            path: path.to_owned(),
            source,
        })
    }
}
