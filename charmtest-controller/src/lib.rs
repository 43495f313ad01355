//! An embedded controller: it speaks the Juju command line and really runs charms on this machine.
//!
//! Entry points: [`juju_main`] answers as the `juju` program, [`tool_main`] as a hook tool, [`daemon_main`] is the process behind both.
//! The first two are thin: they send their arguments to the daemon over a Unix socket and copy back what it answers.
//!
//! Inside the daemon, [`model`] holds the state (values, transactions, the SQLite store), `agent` decides and runs each
//! unit's hooks, `tools` answers hook tools, `cli` answers `juju` commands, `charm_store` finds charms by name, and `status` renders what they show.
//!
//! Invariant: nothing is acknowledged before it is in the database. A command, a hook tool or a hook that was reported as done
//! survives SIGKILL of the daemon.

pub mod agent;
mod bundle;
mod causes;
mod charm_store;
mod cli;
mod client;
mod daemon;
mod encode;
mod flags;
mod front;
pub mod model;
mod paths;
mod protocol;
mod secret_content;
mod status;
pub mod tools;
mod version;

pub use cli::catalogue::unsupported;
pub use client::{DAEMON_ARGUMENT, juju_in, juju_main, ping, start, tool_main};
pub use daemon::{StopOutcome, daemon_main, stop};
pub use paths::{DataDir, DataDirError};
pub use tools::NAMES as TOOL_NAMES;
pub use version::{JujuVersion, UnknownVersion};
