//! What suites that are made at run time take: `generic` and `scripts`, and what `watch` has in common with them.

use std::path::PathBuf;

use charmtest::generic::{Generic, Require};
use charmtest::harness::RunFlags;
use charmtest_sandbox::Network;
use clap::{Args, ValueEnum};

use super::run::ColorArg;
use crate::results::ResultsArgs;

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
