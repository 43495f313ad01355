//! Talking to workloads: waiting for a port, and asking for a page by HTTP until it comes.
//!
//! [`Unit::wait_for_port`](crate::ops_test::Unit::wait_for_port) and [`Unit::http_get`](crate::ops_test::Unit::http_get) look the
//! address up; [`wait_for_port`] and [`http_get`] take one. Each has a time limit, and an error that shows the last answer.
//!
//! Only plain HTTP/1.1 is spoken, and only `GET`. For the rest there are crates and programs:
//! `ops.run(["curl", "--insecure", "https://..."])`.

mod get;
mod http;
mod port;

pub use get::{HttpGet, http_get};
pub use http::Response;
pub use port::{WaitForPort, wait_for_port};

use crate::juju::JujuError;
use crate::ops_test::Unit;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// How long a workload may take to answer if it is not told.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// How long to pause between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);

/// How long an attempt may take even when the time limit is about to be over: an answer says more than none.
const ATTEMPT_LEAST: Duration = Duration::from_secs(3);

/// Why a workload did not do what was waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkloadError {
    /// The time limit is over.
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
        /// The last answer, or why there was none.
        last: String,
    },
    /// It cannot be asked in this way.
    Unsupported(String),
}

impl fmt::Display for WorkloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { what, limit, last } => {
                write!(
                    f,
                    "timed out after {limit:?} waiting for {what}; at last: {last}"
                )
            }
            Self::Unsupported(why) => f.write_str(why),
        }
    }
}

impl Error for WorkloadError {}

/// Whom to ask.
#[derive(Clone, Debug)]
enum Peer {
    /// A host: a name or an address.
    Host(String),
    /// A unit, whose address is looked up.
    Unit(Unit),
}

impl Peer {
    /// Returns what is asked, for people.
    fn describe(&self, port: u16) -> String {
        match self {
            Self::Host(host) => join(host, port),
            Self::Unit(unit) => format!("{} port {port}", unit.name()),
        }
    }

    async fn host(&self) -> Result<String, JujuError> {
        match self {
            Self::Host(host) => Ok(host.clone()),
            Self::Unit(unit) => unit.address().await,
        }
    }
}

/// Returns host and port as they stand in URLs.
fn join(host: &str, port: u16) -> String {
    if host.contains(':') {
        return format!("[{host}]:{port}");
    }
    format!("{host}:{port}")
}
