//! The command line of `cargo charmtest`.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use charmtest::generic::{Generic, Require};
use charmtest::harness::{
    BackendArg, Limit, Profile, RunFlags, ignore_empty_variables, parse_program,
};
use charmtest::juju::ModelName;
use charmtest_charm::Verbosity;
use charmtest_controller::JujuVersion;
use charmtest_sandbox::Network;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::commands;
use crate::commands::export::ExportCommand;
use crate::commands::watch::{ReplayArgs, WatchArgs};
use crate::error::Error;
use crate::profile;
use crate::report::{heading, say};
use crate::results::ResultsArgs;
use crate::run::partition::Partition;
use crate::suite::{self, SUITE_COMMAND};

/// `cargo charmtest`, as cargo calls it: `cargo-charmtest charmtest ...`.
#[derive(Parser, Debug)]
#[command(name = "cargo", bin_name = "cargo", disable_help_subcommand = true)]
struct Cargo {
    #[command(subcommand)]
    charmtest: Subcommands,
}

#[derive(Subcommand, Debug)]
enum Subcommands {
    /// Run charm tests on the embedded controller or on a real Juju.
    #[command(
        args_conflicts_with_subcommands = true,
        disable_help_subcommand = true,
        version,
        max_term_width = 100
    )]
    Charmtest(Charmtest),
}

#[derive(Args, Debug)]
struct Charmtest {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the selected charm tests (the default).
    Run(RunArgs),
    /// List the selected charm tests.
    List(ListArgs),
    /// Pack a charm as `charmcraft pack` would, and print the name of the file.
    Pack(PackArgs),
    /// Run the generic tests of charms, which no author wrote: deploy, scale, relate, upgrade, remove and more.
    Generic(GenericArgs),
    /// Run the generic tests of charms and the scripts in their `tests/`.
    Scripts(ScriptsArgs),
    /// Check charms, bundles and their tests without running them.
    Lint(LintArgs),
    /// Watch a collection of charms, and test each set of changes: record first, then test.
    Watch(Box<WatchArgs>),
    /// Test a recorded set of changes again: the same inputs, byte for byte, without network or source repositories.
    Replay(Box<ReplayArgs>),
    /// Write the charm tests down as work for programs that have many machines: spread, GitHub Actions.
    Export {
        #[command(subcommand)]
        command: Box<ExportCommand>,
    },
    /// Merge the results of several machines or parts, as --results wrote them, and say what is missing.
    Report(ReportArgs),
    /// Destroy the models of runs that ended without doing so, as when they were killed.
    Clean(CleanArgs),
    /// Start, stop and look at the embedded controller.
    Controller {
        #[command(subcommand)]
        command: ControllerCommand,
    },
    /// Run a command of the embedded controller's `juju` by hand.
    Juju {
        /// The arguments of `juju`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Save all that Juju tells about a model in one archive, and print its name.
    CrashDump(CrashDumpArgs),
    /// Run any command with the embedded `juju` first on PATH and a data directory of its own.
    With(WithArgs),
    /// Say what of Juju is not supported, and which sandboxes this machine has.
    Doctor(DoctorArgs),
    /// Print where the embedded controller's `juju` is; for test binaries.
    #[command(hide = true)]
    EmbeddedEnv,
    /// Print what a charm says about itself; for test binaries.
    #[command(hide = true)]
    CharmInfo {
        /// A `.charm` file or a charm's directory.
        path: PathBuf,
    },
    /// Run a suite in the sandbox that this process is in, and tell of its tests on standard output; for `watch`.
    #[command(hide = true)]
    SuiteInside {
        /// The suite.
        file: PathBuf,
        /// What the user would type to run it again.
        #[arg(long, value_name = "COMMAND")]
        again: String,
        #[command(flatten)]
        suite: Box<SuiteArgs>,
    },
    /// Render templates as the JSON on standard input says; for test binaries.
    #[command(hide = true)]
    Render,
    /// Print the values of a profile; for test binaries.
    #[command(hide = true)]
    ProfileEnv(ProfileArgs),
}

/// What `profile-env` takes.
#[derive(Args, Debug)]
pub(crate) struct ProfileArgs {
    /// The profile, instead of the default one.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// What `doctor` takes.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct DoctorArgs {
    /// List the commands and options of Juju that the embedded controller does not support.
    #[arg(long, required_unless_present = "sandbox")]
    pub(crate) embedded: bool,
    /// Try which sandbox levels this machine has for scripts and hooks, and say how to get the others.
    #[arg(long)]
    pub(crate) sandbox: bool,
    /// Only for this Juju: 3.6 or 4.0.
    #[arg(long, value_name = "VERSION", value_parser = JujuVersion::parse, requires = "embedded")]
    pub(crate) juju_version: Option<JujuVersion>,
}

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

/// How the tests of a suite that is made at run time are run and told of.
#[derive(Args, Debug, Clone)]
pub(crate) struct SuiteArgs {
    #[command(flatten)]
    pub(crate) flags: RunFlags,
    /// Fail also when tests were skipped.
    #[arg(long, help_heading = "Output")]
    pub(crate) fail_on_skip: bool,
    /// List the tests instead of running them.
    #[arg(long, help_heading = "Output")]
    pub(crate) list: bool,
    /// Show the output of passing tests too.
    #[arg(
        long = "nocapture",
        visible_alias = "no-capture",
        help_heading = "Output"
    )]
    pub(crate) no_capture: bool,
    /// Print only what went wrong and the summary.
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// When to colour the output.
    #[arg(
        long,
        value_name = "WHEN",
        env = "CARGO_TERM_COLOR",
        hide_env = true,
        default_value = "auto",
        help_heading = "Output"
    )]
    pub(crate) color: ColorArg,
}

/// What `generic` takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct GenericArgs {
    /// The charms: directories or `.charm` files. A relation is tested with one of them if it has the endpoint for it.
    #[arg(value_name = "CHARM", default_value = ".")]
    pub(crate) charms: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) generic: GenericSelectArgs,
    /// Upgrade the charm NAME from this earlier version of it in the `upgrade` test; it is upgraded from itself without.
    #[arg(long, value_name = "NAME=CHARM", value_parser = named_path, help_heading = "Generic tests")]
    pub(crate) previous: Vec<(String, PathBuf)>,
    #[command(flatten)]
    pub(crate) inside: InsideArgs,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
    #[command(flatten)]
    pub(crate) suite: SuiteArgs,
}

/// Understands `NAME=PATH`.
fn named_path(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(path)))
        }
        _ => Err(format!("`{text}` is not of the form NAME=CHARM")),
    }
}

/// Which generic tests, and what they demand.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Generic tests")]
pub(crate) struct GenericSelectArgs {
    /// Only these generic tests, separated by commas.
    #[arg(long = "generic", value_name = "IDS", value_delimiter = ',')]
    pub(crate) ids: Vec<Generic>,
    /// What units must come to: settled takes blocked and waiting with a note, active does not.
    #[arg(long, value_name = "STATUS", default_value_t)]
    pub(crate) require: Require,
}

/// What `scripts` takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct ScriptsArgs {
    /// The charms: directories, `.charm` files, or directories of charms. Their scripts may name one another.
    #[arg(value_name = "CHARM", default_value = ".")]
    pub(crate) charms: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) generic: GenericSelectArgs,
    /// Leave the generic tests out.
    #[arg(long, help_heading = "Generic tests")]
    pub(crate) no_generic: bool,
    /// Say what a charm name stands for in scripts: a path, or `ch:NAME`. May be given several times.
    #[arg(long = "charm", value_name = "NAME=CHARM", help_heading = "Scripts")]
    pub(crate) choose: Vec<String>,
    /// Say which packed charm is the last good one of a name, for `juju deploy-previous`. May be given several times.
    #[arg(long = "previous", value_name = "NAME=FILE", help_heading = "Scripts")]
    pub(crate) previous: Vec<String>,
    /// The sandbox of scripts: the best there is, this level (0 plain, 1 landlock, 2 seccomp, 3 namespaces), or none.
    #[arg(
        long,
        value_name = "auto|LEVEL|off",
        default_value = "auto",
        help_heading = "Scripts"
    )]
    pub(crate) sandbox: String,
    /// Hide compilers, linkers, make, cargo and the like from scripts.
    #[arg(long, help_heading = "Scripts")]
    pub(crate) hide_build_tools: bool,
    /// Install the packages that tests/requirements.yaml names, if this is root; CI systems (CI is set) need no such leave.
    #[arg(long, help_heading = "Scripts")]
    pub(crate) install_requirements: bool,
    /// What else to do about packages that are missing: unpack them beside the system, for scripts alone.
    #[arg(
        long,
        value_name = "HOW",
        conflicts_with = "install_requirements",
        help_heading = "Scripts"
    )]
    pub(crate) requirements: Option<RequirementsArg>,
    /// Take packages that are installed from elsewhere than the distribution's own archive, with a note.
    #[arg(long, help_heading = "Scripts")]
    pub(crate) allow_installed: bool,
    /// Open a shell in the environment of each script instead of running it.
    #[arg(long, conflicts_with = "debug", help_heading = "Scripts")]
    pub(crate) shell: bool,
    /// Open a shell in the environment of each script that fails, before anything is cleaned up.
    #[arg(long, help_heading = "Scripts")]
    pub(crate) debug: bool,
    #[command(flatten)]
    pub(crate) inside: InsideArgs,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
    #[command(flatten)]
    pub(crate) suite: SuiteArgs,
}

/// How packages that scripts need and that are missing are had without changing the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RequirementsArg {
    /// Unpacked beside the system.
    Overlay,
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

/// What `pack` takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct PackArgs {
    /// The charm's directory.
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Where to put the packed charm.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) output_dir: PathBuf,
    /// How to print the result.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: PackFormat,
    /// Pack only for the base with this number in the charm's `bases`, counted from 0.
    #[arg(long, value_name = "N")]
    pub(crate) bases_index: Option<usize>,
    /// How much charmcraft says: quiet, brief, verbose, debug or trace.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) verbosity: Option<Verbosity>,
    /// Let charmcraft build on this machine instead of in a container.
    #[arg(long)]
    pub(crate) destructive_mode: bool,
    /// One more argument for `charmcraft pack`; can be given several times.
    #[arg(
        long = "charmcraft-args",
        value_name = "ARG",
        allow_hyphen_values = true
    )]
    pub(crate) charmcraft_args: Vec<String>,
}

/// What `lint` takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct LintArgs {
    /// Charms, bundles and tests: directories or files.
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// How to print what is found.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: LintFormat,
    /// Leave out findings of a rule; can be given several times.
    #[arg(long, value_name = "ID")]
    pub(crate) allow: Vec<String>,
    /// Make findings of a rule errors, or those of level warning with `warnings`; can be given several times.
    #[arg(long, value_name = "ID|warnings")]
    pub(crate) deny: Vec<String>,
    /// Say what a rule is about, and check nothing.
    #[arg(long, value_name = "ID", conflicts_with_all = ["paths", "format", "allow", "deny", "with_charmcraft"])]
    pub(crate) explain: Option<String>,
    /// Run `charmcraft analyse` on packed charms too.
    #[arg(long)]
    pub(crate) with_charmcraft: bool,
    /// How long charmcraft may take for one charm; 0 for no limit.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "2m",
        requires = "with_charmcraft"
    )]
    pub(crate) charmcraft_timeout: Limit,
}

/// How `lint` prints what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LintFormat {
    /// A line for each finding.
    Human,
    /// One JSON object.
    Json,
    /// A log of SARIF 2.1.0.
    Sarif,
}

/// What `report` takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct ReportArgs {
    /// Files that --results wrote, and directories below which they are found.
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// Write the merged results to this file as JSON lines.
    #[arg(long, value_name = "FILE")]
    pub(crate) results: Option<PathBuf>,
    /// Write the merged results to this file as JUnit XML.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Print only the summary.
    #[arg(short, long)]
    pub(crate) quiet: bool,
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

/// What `clean` takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct CleanArgs {
    /// Only say what would be destroyed.
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Destroy also models that were kept on request, of runs that have ended.
    #[arg(long)]
    pub(crate) all: bool,
    /// Only the models of this run.
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// How long destroying one model may take.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5m",
        env = "CHARMTEST_TEARDOWN_TIMEOUT",
        hide_env_values = true
    )]
    pub(crate) teardown_timeout: Limit,
}

/// What `crash-dump` takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct CrashDumpArgs {
    /// The model, with its controller if need be [default: the current model].
    #[arg(short, long, value_name = "NAME", value_parser = ModelName::parse)]
    pub(crate) model: Option<ModelName>,
    /// The directory for the archive; it is made if it is not there.
    #[arg(short, long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    pub(crate) output: PathBuf,
    /// What answers as `juju`; auto takes a real controller if there is one.
    #[arg(
        long,
        value_enum,
        value_name = "BACKEND",
        default_value_t,
        env = "CHARMTEST_BACKEND",
        hide_env_values = true
    )]
    pub(crate) backend: BackendArg,
    /// The `juju` program to use.
    #[arg(
        long,
        value_name = "PATH",
        env = "CHARMTEST_JUJU",
        hide_env_values = true,
        value_parser = parse_program
    )]
    pub(crate) juju: Option<PathBuf>,
    /// How long all of it may take; what there is no time for is named and left out.
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub(crate) timeout: Limit,
    /// How to print the result.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: CrashDumpFormat,
    /// The record of a run whose list of commands goes into the dump.
    #[arg(long, hide = true, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
    /// Hide these values: a JSON list on standard input.
    #[arg(long, hide = true)]
    pub(crate) secrets_from_stdin: bool,
}

/// What `with` takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct WithArgs {
    /// Keep the models (and the data directory) instead of destroying them at the end.
    #[arg(long, env = "CHARMTEST_KEEP_MODELS", hide_env_values = true, value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) keep_models: bool,
    #[command(flatten)]
    pub(crate) version: JujuVersionArgs,
    #[command(flatten)]
    pub(crate) inside: InsideArgs,
    /// The command and its arguments.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub(crate) command: Vec<OsString>,
}

/// Where a whole run takes place, its controller and its hooks included.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Sandbox of the run")]
pub(crate) struct InsideArgs {
    /// Put the controller, all hooks and the tests in one sandbox (level 3), as for charms that nobody has reviewed.
    #[arg(long)]
    pub(crate) contain: bool,
    /// What controller, hooks and tests reach over the network: host (everything), or nodes (one another and nothing else).
    #[arg(long, value_name = "NETWORK", default_value = "host", value_parser = reachable)]
    pub(crate) network: Network,
    /// With --contain, a file or directory that the run may read, beside the working directory.
    #[arg(long = "readable", value_name = "PATH", requires = "contain")]
    pub(crate) readable: Vec<PathBuf>,
    /// With --contain, a file or directory that the run may change.
    #[arg(long = "writable", value_name = "PATH", requires = "contain")]
    pub(crate) writable: Vec<PathBuf>,
}

/// Reads the network of a run: one in which nothing is reached could not even reach its units.
pub(crate) fn reachable(text: &str) -> Result<Network, String> {
    match text.parse() {
        Ok(Network::None) => Err("a run must reach its units: host or nodes".to_owned()),
        Ok(network) => Ok(network),
        Err(error) => Err(error.to_string()),
    }
}

/// As which Juju an embedded controller speaks.
#[derive(Args, Debug, Clone, Copy, Default)]
pub(crate) struct JujuVersionArgs {
    /// The Juju that the controller speaks as: 3.6 (the default) or 4.0. It stays with the data directory.
    #[arg(long, value_name = "VERSION", env = "CHARMTEST_JUJU_VERSION", hide_env_values = true, value_parser = JujuVersion::parse)]
    pub(crate) juju_version: Option<JujuVersion>,
}

/// What can be done with the embedded controller.
#[derive(Subcommand, Debug, Clone, Copy)]
pub(crate) enum ControllerCommand {
    /// Start it, if it does not run.
    Start(JujuVersionArgs),
    /// Stop it; its models stay and go on with the next start.
    Stop,
    /// Say whether it runs, where its data is, and what it holds.
    Status,
    /// Print the log of its daemon.
    Logs,
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

/// How to print the result of packing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PackFormat {
    /// The name of the file.
    Human,
    /// One JSON object.
    Json,
}

/// How to print where a crash dump is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CrashDumpFormat {
    /// The path, and on standard error what is missing.
    Human,
    /// One JSON object.
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

/// Runs the command line `args` (without the program's own name).
pub(crate) fn main(args: Vec<OsString>) -> ExitCode {
    // The arguments of a test binary are no concern of this command line.
    if let [_, command, rest @ ..] = &args[..]
        && command == SUITE_COMMAND
    {
        return suite::main(rest.to_vec());
    }
    let Charmtest { command, run } = match parse_with_profile(args) {
        Ok(charmtest) => charmtest,
        Err(WrongArgs::Line(error)) => {
            // Printing help to a closed pipe is no reason to fail.
            let _ = error.print();
            return ExitCode::from(
                u8::try_from(error.exit_code()).unwrap_or(charmtest::exit::USAGE),
            );
        }
        Err(WrongArgs::Profile(error)) => {
            say(&error.to_string());
            return ExitCode::from(error.exit_code());
        }
    };
    let result = match command.unwrap_or(Command::Run(run)) {
        Command::Run(args) if args.list => {
            if let Some(warning) = args.results.without_effect() {
                say(&format!("warning: {warning}"));
            }
            commands::list::main(args.into())
        }
        Command::Run(args) => commands::run::main(args),
        Command::List(args) => commands::list::main(args),
        Command::Generic(args) => commands::generic::main(args),
        Command::Scripts(args) => commands::scripts::main(args),
        Command::Pack(args) => commands::pack::main(&args),
        Command::Lint(args) => commands::lint::main(&args),
        Command::Watch(args) => commands::watch::main(*args),
        Command::Replay(args) => commands::watch::replay(*args),
        Command::Export { command } => commands::export::main(&command),
        Command::Report(args) => commands::report::main(&args),
        Command::Clean(args) => commands::clean::main(&args),
        Command::Controller { command } => commands::controller::main(command),
        Command::Juju { args } => commands::juju::main(args),
        Command::CrashDump(args) => commands::crash_dump::main(&args),
        Command::With(args) => commands::with::main(&args),
        Command::Doctor(args) => commands::doctor::main(args),
        Command::EmbeddedEnv => commands::embedded_env::main(),
        Command::ProfileEnv(args) => commands::profile_env::main(&args),
        Command::CharmInfo { path } => commands::charm_info::main(&path),
        Command::SuiteInside { file, again, suite } => suite::inside_main(&file, *suite, again),
        Command::Render => commands::render::main(),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&error.to_string());
            ExitCode::from(error.exit_code())
        }
    }
}

/// What keeps a command line from being understood.
enum WrongArgs {
    Line(clap::Error),
    Profile(Error),
}

/// Understands a command line, with the values of its profile for what it does not give.
fn parse_with_profile(args: Vec<OsString>) -> Result<Charmtest, WrongArgs> {
    let plain = parse(args.clone(), &Profile::default()).map_err(WrongArgs::Line)?;
    let of_tests = |tests: &TestsArgs| {
        let manifest = tests.cargo.manifest_path.clone();
        (tests.flags.profile.clone(), manifest, tests.output.quiet)
    };
    let of_suite = |suite: &SuiteArgs| (suite.flags.profile.clone(), None, suite.quiet);
    let ((name, manifest, quiet), runs) = match &plain.command {
        None => (of_tests(&plain.run.tests), !plain.run.list),
        Some(Command::Run(run)) => (of_tests(&run.tests), !run.list),
        Some(Command::List(list)) => (of_tests(&list.tests), false),
        Some(Command::Generic(args)) => (of_suite(&args.suite), !args.suite.list),
        Some(Command::Scripts(args)) => (of_suite(&args.suite), !args.suite.list),
        Some(Command::Watch(args)) => (of_suite(&args.suite), args.command.is_none()),
        Some(Command::Replay(args)) => (of_suite(&args.suite), true),
        Some(_) => return Ok(plain),
    };
    let name = name.as_deref();
    let profile = profile::read(name, manifest.as_deref()).map_err(WrongArgs::Profile)?;
    let Some(file) = &profile.file else {
        return Ok(plain);
    };
    if runs && !quiet {
        let name = name.unwrap_or(profile::DEFAULT);
        let text = format!("{name} of {}", file.display());
        say(&heading("Profile", &text));
    }
    parse(args, &profile).map_err(WrongArgs::Line)
}

fn parse(args: Vec<OsString>, profile: &Profile) -> Result<Charmtest, clap::Error> {
    let args = std::iter::once("cargo".into()).chain(merge_dashes(args));
    let command = without_empty_variables(Cargo::command());
    let matches = with_profile(command, profile).try_get_matches_from(args)?;
    let Cargo {
        charmtest: Subcommands::Charmtest(charmtest),
    } = Cargo::from_arg_matches(&matches)?;
    Ok(charmtest)
}

fn with_profile(command: clap::Command, profile: &Profile) -> clap::Command {
    let of_subcommand = |command| with_profile(command, profile);
    profile.apply(command).mut_subcommands(of_subcommand)
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    ignore_empty_variables(command).mut_subcommands(without_empty_variables)
}

impl From<RunArgs> for ListArgs {
    fn from(args: RunArgs) -> Self {
        Self {
            tests: args.tests,
            format: args.format.unwrap_or(ListFormat::Human),
        }
    }
}

/// Takes the `--` out of a run's arguments: flags mean the same before and after it, so both sides are one command line.
///
/// Commands that pass something on (`juju`, `with`) keep theirs.
fn merge_dashes(args: Vec<OsString>) -> Vec<OsString> {
    let passes_on = |word: &OsString| word == "juju" || word == "with";
    if args.get(1).is_some_and(passes_on) {
        return args;
    }
    let dashes = args.iter().position(|arg| arg == "--");
    args.into_iter()
        .enumerate()
        .filter(|(index, _)| Some(*index) != dashes)
        .map(|(_, arg)| arg)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Charmtest, clap::Error> {
        super::parse(
            line.split_whitespace().map(Into::into).collect(),
            &Profile::default(),
        )
    }

    #[test]
    fn the_definition_is_consistent() {
        Cargo::command().debug_assert();
    }

    #[test]
    fn flags_mean_the_same_before_and_after_the_dashes() {
        let before = parse("charmtest relations --model foo --keep-models --skip slow")
            .unwrap()
            .run
            .tests;
        let after = parse("charmtest relations -- --model foo --keep-models --skip slow")
            .unwrap()
            .run
            .tests;
        assert_eq!(before.flags, after.flags);
        assert_eq!(
            (before.select.filters, before.select.skip),
            (after.select.filters, after.select.skip)
        );
        assert_eq!(
            after.flags.model.map(|model| model.to_string()).as_deref(),
            Some("foo")
        );
    }

    #[test]
    fn words_are_filters_unless_they_are_commands() {
        assert_eq!(
            parse("charmtest relations upgrade")
                .unwrap()
                .run
                .tests
                .select
                .filters,
            ["relations", "upgrade"]
        );
        assert!(
            matches!(parse("charmtest list relations").unwrap().command, Some(Command::List(args)) if args.tests.select.filters == ["relations"])
        );
        assert!(
            matches!(parse("charmtest run list").unwrap().command, Some(Command::Run(args)) if args.tests.select.filters == ["list"])
        );
    }

    #[test]
    fn what_is_passed_on_stays_as_it_is() {
        let Some(Command::Juju { args }) = parse("charmtest juju -- exec --unit a/0 -- ls -l")
            .unwrap()
            .command
        else {
            panic!("not taken as `juju`");
        };
        assert_eq!(args.join(" "), "exec --unit a/0 -- ls -l");
        let Some(Command::With(with)) =
            parse("charmtest with --keep-models -- python -m pytest -x")
                .unwrap()
                .command
        else {
            panic!("not taken as `with`");
        };
        assert!(with.keep_models);
        assert_eq!(with.command, ["python", "-m", "pytest", "-x"]);
    }

    #[test]
    fn what_is_passed_on_need_not_be_utf_8() {
        use std::os::unix::ffi::OsStringExt;

        let word = OsString::from_vec(b"caf\xe9".to_vec());
        let args = ["charmtest".into(), "with".into(), word.clone()];
        let Some(Command::With(with)) = super::parse(args.to_vec(), &Profile::default())
            .unwrap()
            .command
        else {
            panic!("not taken as `with`");
        };
        assert_eq!(with.command, [word]);
    }

    #[test]
    fn cargo_gets_its_own_flags() {
        let options = |line: &str| parse(line).unwrap().run.tests.cargo.options("--profile");
        let line = "charmtest --locked -F a,b -F c --cargo-profile fast --manifest-path d/Cargo.toml --test it";
        assert_eq!(
            options(line),
            [
                "--features",
                "a,b",
                "--features",
                "c",
                "--profile",
                "fast",
                "--manifest-path",
                "d/Cargo.toml",
                "--locked"
            ]
        );
        assert!(options("charmtest --test it -p x").is_empty());
    }

    #[test]
    fn the_juju_of_a_crash_dump_means_the_same_everywhere() {
        let juju = |path: &str| {
            let line = format!("charmtest crash-dump --juju {path}");
            match parse(&line).unwrap().command {
                Some(Command::CrashDump(args)) => args.juju.unwrap(),
                other => panic!("not taken as `crash-dump`: {other:?}"),
            }
        };
        let here = std::env::current_dir().unwrap();
        assert_eq!(juju("bin/juju"), here.join("bin/juju"));
        assert_eq!(juju("juju"), PathBuf::from("juju"));
    }

    #[test]
    fn unknown_flags_are_usage_errors() {
        for line in [
            "charmtest --no-such",
            "charmtest -- --no-such",
            "charmtest --exclude x",
            "charmtest with",
        ] {
            assert_eq!(
                parse(line).unwrap_err().exit_code(),
                i32::from(charmtest::exit::USAGE),
                "{line}"
            );
        }
    }
}
