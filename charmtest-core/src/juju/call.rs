//! One command: arguments, input, limits.
use super::JujuError;
use std::ffi::OsString;
use std::future::{Future, IntoFuture};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

/// What a command left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit code; 128 + n for a process that signal n ended.
    pub code: i32,
    /// Standard output, invalid UTF-8 replaced.
    pub stdout: String,
    /// Standard error, invalid UTF-8 replaced.
    pub stderr: String,
}

/// A command about to run; awaiting it runs it.
#[must_use = "a call does nothing until it is awaited"]
#[derive(Clone, Debug)]
pub struct Call {}

impl Call {
    /// Sets an environment variable.
    pub fn env(self, _key: impl Into<OsString>, _value: impl Into<OsString>) -> Self {
        self
    }
    /// Gives the text to read on standard input.
    pub fn stdin(self, _text: impl Into<Vec<u8>>) -> Self {
        self
    }
    /// Sets the time limit.
    pub fn timeout(self, _limit: Duration) -> Self {
        self
    }
    /// Sets the working directory.
    pub fn cwd(self, _dir: impl Into<PathBuf>) -> Self {
        self
    }
    /// Makes an exit code other than 0 an error.
    pub fn check(self) -> Self {
        self
    }
    /// Runs the command.
    pub async fn run(self) -> Result<Output, JujuError> {
        todo!()
    }
    /// Runs the command and waits for it, blocking the thread.
    pub fn run_blocking(self) -> Result<Output, JujuError> {
        todo!()
    }
}

impl IntoFuture for Call {
    type Output = Result<Output, JujuError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
