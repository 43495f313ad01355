//! What the commands beside running tests take.

use std::ffi::OsString;
use std::path::PathBuf;

use charmtest::harness::{BackendArg, Limit, parse_program};
use charmtest::juju::ModelName;
use charmtest_charm::Verbosity;
use charmtest_controller::JujuVersion;
use clap::{Args, Subcommand, ValueEnum};

use super::run::ColorArg;
use super::suite::InsideArgs;

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
