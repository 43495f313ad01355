//! Why a wait did not reach what it waited for.

use super::{Busy, Trouble};
use crate::juju::JujuError;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a wait did not reach what it waited for.
#[derive(Debug)]
#[non_exhaustive]
pub enum WaitError {
    /// The time limit is over.
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
        /// What was still missing.
        busy: Vec<Busy>,
        /// The last failure of `juju status`, if it failed at any time.
        failure: Option<Box<JujuError>>,
    },
    /// Something is in a state from which the wait would not recover.
    InTrouble {
        /// What was waited for.
        what: String,
        /// What is wrong, the gravest first.
        troubles: Vec<Trouble>,
    },
    /// The condition given to [`Wait::error`](super::Wait::error) came true.
    Condition {
        /// What was waited for.
        what: String,
        /// The units at that moment.
        units: Vec<Busy>,
    },
    /// `juju status` cannot work: no such model, no such program.
    Status(JujuError),
    /// The wait makes no sense as asked for.
    Usage(String),
}

impl WaitError {
    /// Returns what to try next.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Status(error) => error.hint(),
            _ => None,
        }
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut {
                what,
                limit,
                busy,
                failure,
            } => {
                write!(f, "timed out after {limit:?} waiting for {what}")?;
                write_lines(f, busy)?;
                match failure {
                    Some(failure) => {
                        write!(f, "\nand it was not always possible to tell: {failure}")
                    }
                    None => Ok(()),
                }
            }
            Self::InTrouble { what, troubles } => {
                write!(f, "while waiting for {what}")?;
                if let [trouble] = troubles.as_slice() {
                    return write!(f, ": {trouble}");
                }
                write_lines(f, troubles)
            }
            Self::Condition { what, units } => {
                write!(f, "the error condition came true while waiting for {what}")?;
                write_lines(f, units)
            }
            Self::Status(error) => error.fmt(f),
            Self::Usage(why) => f.write_str(why),
        }
    }
}

fn write_lines(f: &mut fmt::Formatter<'_>, lines: &[impl fmt::Display]) -> fmt::Result {
    if !lines.is_empty() {
        f.write_str(":")?;
    }
    lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
}

impl Error for WaitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Status(error) => error.source(),
            _ => None,
        }
    }
}
