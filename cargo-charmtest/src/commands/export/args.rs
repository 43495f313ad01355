//! What `export` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::{CargoArgs, OutputArgs};

/// For what the charm tests are exported.
#[derive(Subcommand, Debug, Clone)]
pub(crate) enum ExportCommand {
    /// Write a spread.yaml with a task for each module, for spread to run on its machines.
    Spread(SpreadArgs),
    /// Print a workflow of GitHub Actions whose jobs run a part of the modules each.
    Github(GithubArgs),
}

/// What `export spread` takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct SpreadArgs {
    /// The project file, in the root of the workspace or above it [default: spread.yaml in the root of the workspace].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite files that are there and differ.
    #[arg(long)]
    pub(crate) force: bool,
    /// Export this delta of a watched collection, with a task for each of its jobs, instead of the charm tests: its number, the
    /// beginning of its id, or `last`.
    #[arg(long, value_name = "ID", conflicts_with_all = NOT_OF_DELTAS)]
    pub(crate) delta: Option<String>,
    /// With --delta, the collection [default: charms.toml].
    #[arg(long, value_name = "FILE", requires = "delta")]
    pub(crate) collection: Option<PathBuf>,
    /// With --delta, where the collection is recorded, instead of charmtest/watch/NAME in the user's state directory.
    #[arg(long, value_name = "DIR", requires = "delta")]
    pub(crate) state: Option<PathBuf>,
    /// Run this command on each machine before the tests, to install what they need. May be given several times.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) setup: Vec<String>,
    /// Export the tests that this profile of .config/charmtest.toml selects, and run them with it [default: default].
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) cargo: CargoArgs,
    #[command(flatten)]
    pub(crate) tell: OutputArgs,
}

/// What is about charm tests of a workspace, and not about a delta, which is recorded with all that its tests depend on.
const NOT_OF_DELTAS: [&str; 15] = [
    "profile",
    "packages",
    "workspace",
    "exclude",
    "tests",
    "features",
    "all_features",
    "no_default_features",
    "release",
    "cargo_profile",
    "target",
    "target_dir",
    "manifest_path",
    "locked",
    "offline",
];

/// What `export github` takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct GithubArgs {
    /// Write this file instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite the file if it is there and differs.
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
    /// How many jobs share the modules.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) parts: u32,
    /// Run this command in each job before the tests. May be given several times [default: install cargo-charmtest].
    #[arg(long, value_name = "COMMAND")]
    pub(crate) setup: Vec<String>,
    /// Run with this profile of .config/charmtest.toml.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) cargo: CargoArgs,
}
