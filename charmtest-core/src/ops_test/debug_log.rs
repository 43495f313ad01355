//! The log of the model.

use super::{Model, awaitable};
use crate::juju::{Call, JujuError};

impl Model {
    /// Returns the model's log, all of it unless told otherwise: `juju debug-log`.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if the command does.
    pub fn debug_log(&self) -> DebugLog {
        DebugLog {
            call: self.call(["debug-log", "--no-tail"]),
            lines: None,
        }
    }
}

/// A log about to be fetched: see [`Model::debug_log`].
#[must_use = "nothing is fetched until this is awaited"]
#[derive(Clone, Debug)]
pub struct DebugLog {
    call: Call,
    lines: Option<usize>,
}

impl DebugLog {
    /// Fetches only the newest lines.
    pub fn lines(mut self, count: usize) -> Self {
        self.lines = Some(count);
        self
    }

    /// Fetches only lines of that level or graver: `ERROR`, `WARNING`, `INFO`, `DEBUG`, `TRACE`.
    pub fn level(mut self, level: &str) -> Self {
        self.call = self.call.arg("--level").arg(level);
        self
    }

    /// Fetches only the lines of a unit, an application or a machine; may be repeated.
    pub fn include(mut self, entity: &str) -> Self {
        self.call = self.call.arg("--include").arg(entity);
        self
    }

    /// Fetches only the lines of a part of Juju, by the name of its logger; may be repeated.
    pub(crate) fn module(mut self, name: &str) -> Self {
        self.call = self.call.arg("--include-module").arg(name);
        self
    }

    async fn run(self) -> Result<String, JujuError> {
        // `--limit` begins at the oldest line with `--replay` and at the newest without; `--lines` cannot be said together
        // with `--no-tail`.
        let call = match self.lines {
            Some(count) => self.call.arg("--limit").arg(count.to_string()),
            None => self.call.arg("--replay"),
        };
        Ok(call.check().await?.stdout)
    }
}

awaitable!(DebugLog => Result<String, JujuError>);
