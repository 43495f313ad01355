//! The model's log, as `juju debug-log` shows it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::ModelUuid;

/// The level of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// TRACE.
    Trace,
    /// DEBUG.
    Debug,
    /// INFO.
    Info,
    /// WARNING.
    Warning,
    /// ERROR.
    Error,
    /// CRITICAL.
    Critical,
}

impl LogLevel {
    /// Every level, lowest first.
    pub const ALL: [Self; 6] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warning,
        Self::Error,
        Self::Critical,
    ];

    /// Returns the word that Juju prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }

    /// Parses a level in any case; `WARN` is accepted.
    pub fn parse(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        let upper = if upper == "WARN" {
            "WARNING"
        } else {
            upper.as_str()
        };
        Self::ALL.into_iter().find(|level| level.as_str() == upper)
    }
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// The model.
    pub model: ModelUuid,
    /// When.
    pub at: Timestamp,
    /// Who: a tag such as `unit-web-0` or `controller-0`.
    pub entity: String,
    /// How important.
    pub level: LogLevel,
    /// Which part: `unit.web/0.juju-log`, `juju.worker.uniter.operation`, ...
    pub module: String,
    /// What; may have several lines.
    pub message: String,
}
