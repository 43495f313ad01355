//! What `watch` and `replay` take.

use std::path::PathBuf;

use charmtest::generic::{Generic, Require};
use charmtest::harness::Limit;
use charmtest_sandbox::{Network, Request};
use clap::{Args, Subcommand, ValueEnum};

use crate::cli::{SuiteArgs, reachable};
use crate::results::ResultsArgs;

/// What `watch` takes.
#[derive(Args, Debug, Clone)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct WatchArgs {
    #[command(subcommand)]
    pub(crate) command: Option<WatchCommand>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Look once, test what changed, and end.
    #[arg(long, conflicts_with = "interval")]
    pub(crate) once: bool,
    /// How long to wait between two looks.
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub(crate) interval: Limit,
    #[command(flatten)]
    pub(crate) tests: WatchTestsArgs,
    #[command(flatten)]
    pub(crate) inside: WatchInsideArgs,
    #[command(flatten)]
    pub(crate) suite: SuiteArgs,
}

/// Where tests take place, their controller and hooks included.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Sandbox")]
pub(crate) struct WatchInsideArgs {
    /// Put the controller, all hooks and the tests in one sandbox (level 3) also for charms that are trusted.
    #[arg(long)]
    pub(crate) contain: bool,
    /// The sandbox: auto (the best for each script, none for hooks of trusted charms), off, or a level 0 to 3 that hooks and scripts must
    /// have.
    #[arg(long, value_name = "LEVEL", value_parser = str::parse::<Request>, conflicts_with = "contain")]
    pub(crate) sandbox: Option<Request>,
    /// What controller, hooks and tests reach over the network: host (everything), or nodes (one another and nothing else) [default: nodes
    /// for untrusted charms, host for others].
    #[arg(long, value_name = "NETWORK", value_parser = reachable)]
    pub(crate) network: Option<Network>,
    /// A file or directory that contained runs may read, beside the charms.
    #[arg(long = "readable", value_name = "PATH")]
    pub(crate) readable: Vec<PathBuf>,
}

impl WatchInsideArgs {
    /// Returns what was given, for the record.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        let contain = self.contain.then(|| "true".to_owned());
        let sandbox = self.sandbox.map(|sandbox| sandbox.to_string());
        let network = self.network.map(|network| network.to_string());
        let given = [
            ("contain", contain),
            ("sandbox", sandbox),
            ("network", network),
        ];
        given
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }
}

/// Which tests a charm gets beside its own.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Generic tests")]
pub(crate) struct WatchTestsArgs {
    /// Only these generic tests, separated by commas.
    #[arg(long = "generic", value_name = "IDS", value_delimiter = ',')]
    pub(crate) generic: Vec<Generic>,
    /// No generic tests.
    #[arg(long, conflicts_with = "generic")]
    pub(crate) no_generic: bool,
    /// What units must come to in generic tests: settled takes blocked and waiting with a note, active does not.
    #[arg(long, value_name = "STATUS", default_value_t)]
    pub(crate) require: Require,
}

/// The file with a collection.
const USUAL: &str = "charms.toml";

/// Which collection, and where its record is.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Collection")]
pub(crate) struct PlaceArgs {
    /// The collection.
    #[arg(long, value_name = "FILE", default_value = USUAL)]
    pub(crate) collection: PathBuf,
    /// Where everything is recorded, instead of charmtest/watch/NAME in the user's state directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

impl PlaceArgs {
    /// Returns the collection that is meant when none is named.
    pub(crate) fn usual() -> PathBuf {
        USUAL.into()
    }
}

/// What can be asked of a record.
#[derive(Subcommand, Debug, Clone)]
pub(crate) enum WatchCommand {
    /// Show how each charm stands.
    Status {
        #[command(flatten)]
        place: PlaceArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// List the recorded deltas, the newest first.
    Log {
        #[command(flatten)]
        place: PlaceArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Show what changed in a delta, and what came of its tests.
    Show {
        #[command(flatten)]
        delta: DeltaArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Write a delta with all its content to one tar file, for another machine.
    Export {
        #[command(flatten)]
        delta: DeltaArgs,
        /// The file.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Find out which of a delta's changes made its tests fail.
    Bisect {
        #[command(flatten)]
        delta: DeltaArgs,
        #[command(flatten)]
        inside: WatchInsideArgs,
        #[command(flatten)]
        suite: Box<SuiteArgs>,
    },
    /// Drop old deltas, and contents that nothing needs any more.
    Gc {
        #[command(flatten)]
        place: PlaceArgs,
        /// How many deltas to keep.
        #[arg(long, value_name = "N", default_value_t = 50)]
        keep: usize,
    },
    /// Let this very version of an untrusted charm run.
    Approve {
        #[command(flatten)]
        place: PlaceArgs,
        /// The charm: its name, BASE:CHARM:BRANCH, or its tree.
        charm: String,
        /// Who has looked at it, instead of the user who runs this.
        #[arg(long, value_name = "NAME")]
        who: Option<String>,
        /// What is to be remembered about it.
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
}

/// One delta of a record.
#[derive(Args, Debug, Clone)]
pub(crate) struct DeltaArgs {
    /// The delta: its number, the beginning of its id, or `last`.
    #[arg(value_name = "ID", default_value = "last")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// How to print.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct FormatArgs {
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: Format,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// What `replay` takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct ReplayArgs {
    /// The delta: its number, the beginning of its id, `last`, or a file that `watch export` wrote.
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Only these jobs: their names, CHARM/TEST, or CHARM.
    #[arg(value_name = "JOB")]
    pub(crate) only: Vec<String>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
    #[command(flatten)]
    pub(crate) inside: WatchInsideArgs,
    #[command(flatten)]
    pub(crate) suite: SuiteArgs,
}
