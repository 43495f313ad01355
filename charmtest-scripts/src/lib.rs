//! The `tests/*.test` scripts of a charm, as the Charm Testing specification wants them.
//!
//! [`discover()`] says which scripts a charm has, [`Settings`] what its `tests/tests.yaml` asks for, and [`run()`] runs one of them: in a
//! pristine copy of the charm ([`copy`]), in a cleared environment ([`environment`]), with a `juju` that is a thin [`client`] of a
//! [`broker`] outside. What the script's exit code and output mean is [`verdict`].
//!
//! Invariant: nothing that a script can reach holds credentials of Juju. Its `juju` sends words; the broker decides what runs, and
//! reads no file on behalf of the script that the script's own process did not send.

pub mod artifacts;
pub mod broker;
pub mod client;
pub mod copy;
pub mod discover;
pub mod environment;
mod hex;
mod interpreter;
pub mod os_release;
mod output;
pub mod process;
mod remove;
pub mod requirements;
pub mod run;
pub mod settings;
pub mod terminal;
pub mod verdict;

pub use discover::{Discovery, discover};
pub use remove::remove_tree;
pub use run::{RunError, ScriptResult, ScriptRun, run};
pub use settings::{Cwd, Settings};
pub use verdict::Verdict;
