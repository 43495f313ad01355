//! The one type through which every command goes.
use super::{BackendKind, Call, Observer, Transcript};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A `juju` program with the environment it needs.
#[derive(Clone, Debug)]
pub struct Juju {
    program: PathBuf,
}

impl Juju {
    /// Returns a client of the given program.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
        }
    }
    /// Sets an environment variable of every command.
    #[must_use]
    pub fn with_env(self, _key: impl Into<OsString>, _value: impl Into<OsString>) -> Self {
        self
    }
    /// Says which backend the program is.
    #[must_use]
    pub fn with_kind(self, _kind: BackendKind) -> Self {
        self
    }
    /// Appends every command to the given transcript.
    #[must_use]
    pub fn with_transcript(self, _transcript: Transcript) -> Self {
        self
    }
    /// Reports every command to the given observer.
    #[must_use]
    pub fn with_observer(self, _observer: Observer) -> Self {
        self
    }
    /// Returns the program.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }
    /// Returns the transcript.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        todo!()
    }
    /// Returns a `juju` command: it is a `check`ed one.
    pub fn call<I>(&self, _args: I) -> Call
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        todo!()
    }
}
