//! What `run` and `list` take: which tests, how they run, how they are built, and how that is told.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use charmtest::harness::RunFlags;
use clap::{Args, ValueEnum};

use crate::results::ResultsArgs;
use crate::run::partition::Partition;

/// What `run` takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) tests: TestsArgs,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
    /// Show the output of passing tests too.
    #[arg(
        long = "nocapture",
        visible_alias = "no-capture",
        help_heading = "Output"
    )]
    pub(crate) no_capture: bool,
    /// List the tests instead of running them.
    #[arg(long, hide = true)]
    pub(crate) list: bool,
    /// How to list.
    #[arg(long, hide = true, value_name = "FORMAT")]
    pub(crate) format: Option<ListFormat>,
    /// The same as --jobs.
    #[arg(long, hide = true, value_name = "N")]
    pub(crate) test_threads: Option<NonZeroUsize>,
}

/// What `list` takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) tests: TestsArgs,
    /// How to list.
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "human",
        help_heading = "Output"
    )]
    pub(crate) format: ListFormat,
}

/// Which tests, how they run, how they are built, and how that is told: what `run` and `list` have in common.
#[derive(Args, Debug, Clone)]
pub(crate) struct TestsArgs {
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    #[command(flatten)]
    pub(crate) flags: RunFlags,
    #[command(flatten)]
    pub(crate) cargo: CargoArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Which tests.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectArgs {
    /// Only tests whose name contains FILTER; a module or a source file selects its tests.
    #[arg(value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    /// Match filters and skips against whole names.
    #[arg(long)]
    pub(crate) exact: bool,
    /// Leave out tests whose name contains FILTER.
    #[arg(long, value_name = "FILTER")]
    pub(crate) skip: Vec<String>,
    /// Run only ignored tests.
    #[arg(long)]
    pub(crate) ignored: bool,
    /// Run ignored tests too.
    #[arg(long, conflicts_with = "ignored")]
    pub(crate) include_ignored: bool,
    /// Only this part of the modules: hash:1/4 by name, count:1/4 in turn, module:NAME that one. All parts together are every
    /// module once.
    #[arg(long, value_name = "PART")]
    pub(crate) partition: Option<Partition>,
}

/// cargo's own flags, passed on.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Cargo")]
pub(crate) struct CargoArgs {
    /// Only the tests of this package.
    #[arg(short, long = "package", value_name = "SPEC")]
    pub(crate) packages: Vec<String>,
    /// The tests of all packages of the workspace.
    #[arg(long, visible_alias = "all")]
    pub(crate) workspace: bool,
    /// Leave out a package; with --workspace.
    #[arg(long, value_name = "SPEC", requires = "workspace")]
    pub(crate) exclude: Vec<String>,
    /// Only this test target.
    #[arg(long = "test", value_name = "NAME")]
    pub(crate) tests: Vec<String>,
    /// Features to activate.
    #[arg(short = 'F', long, value_name = "FEATURES")]
    pub(crate) features: Vec<String>,
    /// Activate all features.
    #[arg(long)]
    pub(crate) all_features: bool,
    /// Do not activate the `default` feature.
    #[arg(long)]
    pub(crate) no_default_features: bool,
    /// Build in release mode.
    #[arg(short, long)]
    pub(crate) release: bool,
    /// Build with this cargo profile.
    #[arg(long, value_name = "NAME", conflicts_with = "release")]
    pub(crate) cargo_profile: Option<String>,
    /// Build for this target triple.
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Option<String>,
    /// The directory for build results.
    #[arg(long, value_name = "DIR")]
    pub(crate) target_dir: Option<PathBuf>,
    /// The manifest of the package or workspace.
    #[arg(long, value_name = "PATH")]
    pub(crate) manifest_path: Option<PathBuf>,
    /// Require that Cargo.lock stays as it is.
    #[arg(long)]
    pub(crate) locked: bool,
    /// Do not use the network.
    #[arg(long)]
    pub(crate) offline: bool,
    /// --locked and --offline.
    #[arg(long)]
    pub(crate) frozen: bool,
}

impl CargoArgs {
    /// Returns those that select all packages and targets of the same workspace.
    pub(crate) fn of_all(&self) -> Self {
        Self {
            packages: Vec::new(),
            exclude: Vec::new(),
            tests: Vec::new(),
            workspace: true,
            ..self.clone()
        }
    }

    /// Returns the options that decide what is built, as cargo spells them; `profile` is the flag that names a profile.
    pub(crate) fn options(&self, profile: &str) -> Vec<OsString> {
        let mut args: Vec<OsString> = Vec::new();
        for features in &self.features {
            args.extend(["--features".into(), features.into()]);
        }
        let texts = [(profile, &self.cargo_profile), ("--target", &self.target)];
        for (flag, value) in texts {
            args.extend(value.iter().flat_map(|value| [flag.into(), value.into()]));
        }
        let paths = [
            ("--target-dir", &self.target_dir),
            ("--manifest-path", &self.manifest_path),
        ];
        for (flag, path) in paths {
            args.extend(path.iter().flat_map(|path| [flag.into(), path.into()]));
        }
        for (on, flag) in [
            (self.all_features, "--all-features"),
            (self.no_default_features, "--no-default-features"),
            (self.release, "--release"),
            (self.locked, "--locked"),
            (self.offline, "--offline"),
            (self.frozen, "--frozen"),
        ] {
            args.extend(on.then(|| flag.into()));
        }
        args
    }
}

/// How to tell what happens.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Print only what went wrong and the summary.
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Show what cargo builds even when nobody watches; twice, its commands too.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to colour the output.
    #[arg(
        long,
        value_name = "WHEN",
        env = "CARGO_TERM_COLOR",
        hide_env = true,
        default_value = "auto"
    )]
    pub(crate) color: ColorArg,
}

/// How to list tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// For people.
    #[value(alias = "pretty")]
    Human,
    /// One line per test, as libtest prints it.
    Terse,
    /// One JSON document.
    Json,
}

/// When to colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorArg {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorArg {
    /// Returns the value as it is written on a command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

impl From<RunArgs> for ListArgs {
    fn from(args: RunArgs) -> Self {
        Self {
            tests: args.tests,
            format: args.format.unwrap_or(ListFormat::Human),
        }
    }
}
