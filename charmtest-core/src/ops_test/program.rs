//! Asking `cargo-charmtest`, which reads and writes what this crate does not: YAML, archives, templates.

use super::OpsTestParts;
use crate::juju::{Call, Juju, JujuError, find_cargo_charmtest, parse_json};
use serde::de::DeserializeOwned;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long reading a charm or rendering templates may take.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// `cargo-charmtest`, for its commands that answer in JSON.
#[derive(Clone, Debug)]
pub(super) struct Program<'a> {
    path: PathBuf,
    juju: &'a Juju,
}

impl<'a> Program<'a> {
    /// Finds it: the one that the parts name, else one beside the test binary, in cargo's directory or on `PATH`.
    pub(super) fn find(parts: &'a OpsTestParts) -> Option<Self> {
        Self::beside(parts.model.juju(), parts.program.as_deref())
    }

    /// Finds it: this one, else one as [`find`](Self::find) does; the client's record tells of its commands too.
    pub(super) fn beside(juju: &'a Juju, program: Option<&Path>) -> Option<Self> {
        let path = find_cargo_charmtest(program)?;
        Some(Self { path, juju })
    }

    /// Finds it, or says who would need it.
    pub(super) fn need(parts: &'a OpsTestParts, what: &'static str) -> Result<Self, NoProgram> {
        Self::find(parts).ok_or(NoProgram::to(what))
    }

    /// Returns one of its commands, checked.
    pub(super) fn call<I>(&self, arguments: I) -> Call
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        Call::new(
            &self.path,
            self.juju.transcript().clone(),
            self.juju.observer().clone(),
        )
        .arg("charmtest")
        .args(arguments)
        .timeout(LIMIT)
        .check()
    }
}

/// Runs a command of `cargo-charmtest` and reads its answer.
pub(super) async fn answer<T: DeserializeOwned>(
    call: Call,
    expected: &'static str,
) -> Result<T, JujuError> {
    let command = call.command_line();
    let output = call.run().await?;
    parse_json(&output.stdout, &command, expected)
}

/// Returns what `cargo-charmtest` said when it refused, without the command line: that is ours and not the user's.
pub(super) fn refusal(error: &JujuError) -> Option<&str> {
    match error {
        JujuError::Failed { stderr, .. } => {
            let text = stderr.trim();
            Some(text.strip_prefix("error: ").unwrap_or(text))
        }
        _ => None,
    }
}

/// There is no `cargo-charmtest`.
#[derive(Clone, Debug)]
pub struct NoProgram {
    what: &'static str,
}

impl NoProgram {
    /// Says who would need it.
    pub(super) fn to(what: &'static str) -> Self {
        Self { what }
    }
}

impl fmt::Display for NoProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "there is no `cargo-charmtest` to {}; install it with `cargo install cargo-charmtest`",
            self.what
        )
    }
}

impl std::error::Error for NoProgram {}
