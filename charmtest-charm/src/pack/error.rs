//! Why a charm could not be packed.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::archive::ArchiveError;
use crate::error::{FileError, ReadError};

/// Why a charm could not be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// There is no directory to pack.
    #[error("cannot pack `{}`: not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// The charm needs something that only charmcraft does.
    #[error(
        "cannot pack `{}` without charmcraft: {reason}; install charmcraft, or pack the charm elsewhere and deploy the \
         `.charm` file",
        dir.display()
    )]
    NeedsCharmcraft {
        /// The charm.
        dir: PathBuf,
        /// What it asks for.
        reason: String,
    },
    /// The charm itself is incomplete.
    #[error("cannot pack `{}`: {reason}", dir.display())]
    Incomplete {
        /// The charm.
        dir: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A file of the charm is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The charm cannot be read, or the packed one is no charm.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file cannot go into an archive, or the archive cannot be written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A program that is needed is not there.
    #[error("cannot install the charm's Python dependencies: {0}")]
    NoPython(String),
    /// Charmcraft would build in a container, and nobody here could be allowed to.
    #[error(
        "charmcraft builds in LXD, and this machine has no group `lxd`; install and initialise LXD, or build on this machine \
         with --destructive-mode"
    )]
    NoLxdGroup,
    /// The user is not in the group `lxd`, and there is no `sudo` to get it.
    #[error(
        "charmcraft builds in LXD, this user is not in the group `lxd`, and there is no `sudo`; add the user to the group, or \
         build on this machine with --destructive-mode"
    )]
    NoSudo,
    /// An option that only charmcraft understands was given, and charmcraft is not there.
    #[error(
        "{option} is for charmcraft, which is not on PATH; install it, or leave the option out"
    )]
    OnlyCharmcraft {
        /// The option.
        option: &'static str,
    },
    /// A program failed.
    #[error("`{command}` failed ({status}):\n{output}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// The end of what it printed.
        output: String,
    },
    /// A program, or another process that packs the same charm, took too long.
    #[error("`{command}` did not finish in {} s and was stopped:\n{output}", limit.as_secs())]
    TimedOut {
        /// The command line, or what was waited for.
        command: String,
        /// The limit.
        limit: Duration,
        /// The end of what it printed.
        output: String,
    },
    /// The operating system refuses something.
    #[error("cannot {verb} `{}`", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl PackError {
    pub(super) fn io(verb: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io {
            verb,
            path: path.into(),
            source,
        }
    }
}
