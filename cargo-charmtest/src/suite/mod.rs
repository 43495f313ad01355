//! Suites made at run time: charm tests that come of charms, not of a test target.
//!
//! A command such as `generic` says in a [`SuiteFile`] what the suite holds and runs it with [`run()`]: this program is started again as
//! the test binary ([`SUITE_COMMAND`]), once for each test, so that each has a process and a model of its own.

mod charms;
mod file;
mod inside;
mod pack;
mod prepare;
mod requirements;
mod run;
mod scripts;
mod shelf;
mod tests;

pub(crate) use charms::charms;
pub(crate) use file::{SuiteCharm, SuiteFile, SuiteScripts, SuiteShell};
pub(crate) use inside::{INSIDE_COMMAND, Told, inside_main, understand};
pub(crate) use pack::packed;
pub(crate) use prepare::{packages, prepare};
pub(crate) use requirements::SuiteRequirements;
pub(crate) use run::{run, run_telling};
pub(crate) use scripts::{script_limit, script_name};
pub(crate) use shelf::{Room, ShelfFile, Stored, asked};
pub(crate) use tests::main;

/// The word by which this program is the test binary of a suite.
pub(crate) const SUITE_COMMAND: &str = "suite";

/// The variable that names the file with the suite.
pub(crate) const SUITE_VARIABLE: &str = "CHARMTEST_SUITE";
