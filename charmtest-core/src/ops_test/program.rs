//! Asking `cargo-charmtest`, which reads and writes what this crate does not: YAML, archives, templates.

use super::OpsTestParts;
use crate::juju::{Call, JujuError, find_cargo_charmtest, parse_json};
use serde::de::DeserializeOwned;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How long reading a charm or rendering templates may take.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// `cargo-charmtest`, for its commands that answer in JSON.
#[derive(Clone, Debug)]
pub(super) struct Program<'a> {
    path: PathBuf,
    parts: &'a OpsTestParts,
}

impl<'a> Program<'a> {
    /// Finds it: the one that the parts name, else one beside the test binary, in cargo's directory or on `PATH`.
    pub(super) fn find(parts: &'a OpsTestParts) -> Option<Self> {
        let path = find_cargo_charmtest(parts.program.as_deref())?;
        Some(Self { path, parts })
    }

    /// Finds it, or says who would need it.
    pub(super) fn need(parts: &'a OpsTestParts, what: &'static str) -> Result<Self, NoProgram> {
        Self::find(parts).ok_or(NoProgram { what })
    }

    /// Returns one of its commands, checked.
    pub(super) fn call<I>(&self, arguments: I) -> Call
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        let juju = self.parts.model.juju();
        Call::new(
            &self.path,
            juju.transcript().clone(),
            juju.observer().clone(),
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
