//! The flags that say when a crash dump is made of a module's models, and how.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use super::words::{Words, future_directory};

/// When a crash dump of a model is made, and how; pytest-operator's flags of the same names.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Charm tests")]
pub struct CrashDumpFlags {
    /// When to make a crash dump of a model; legacy: when a test failed and the model is not kept [default: legacy].
    #[arg(
        long,
        value_enum,
        value_name = "MODE",
        env = "CHARMTEST_CRASH_DUMP",
        hide_env_values = true
    )]
    pub crash_dump: Option<CrashDumpMode>,

    /// The same as --crash-dump never, which replaces it; it wins over --crash-dump.
    #[arg(long, env = "CHARMTEST_NO_CRASH_DUMP", hide_env_values = true, value_parser = BoolishValueParser::new())]
    pub no_crash_dump: bool,

    /// The directory for crash dumps.
    #[arg(long, value_name = "DIR", env = "CHARMTEST_CRASH_DUMP_OUTPUT", hide_env_values = true, value_parser = future_directory,
          value_hint = clap::ValueHint::DirPath)]
    pub crash_dump_output: Option<PathBuf>,

    /// More arguments for `juju-crashdump`, split as a shell would.
    #[arg(
        long,
        value_name = "ARGS",
        env = "CHARMTEST_CRASH_DUMP_ARGS",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    pub crash_dump_args: Option<Words>,
}

/// When a crash dump of a model is made: the value of `--crash-dump`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CrashDumpMode {
    /// At the end of every model.
    Always,
    /// At the end of a model whose module had a failure.
    OnFailure,
    /// At the end of a model whose module had a failure, if the model is not kept.
    #[default]
    Legacy,
    /// Not at all.
    Never,
}

/// What was decided about crash dumps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CrashDumpSettings {
    /// When one is made.
    pub(crate) mode: CrashDumpMode,
    /// The directory for them; the maker's own choice without.
    pub(crate) output: Option<PathBuf>,
    /// More arguments for `juju-crashdump`.
    pub(crate) args: Vec<String>,
}

impl CrashDumpFlags {
    /// Returns when crash dumps are made: `--no-crash-dump` wins, as in pytest-operator.
    #[must_use]
    pub fn mode(&self) -> CrashDumpMode {
        match self.no_crash_dump {
            true => CrashDumpMode::Never,
            false => self.crash_dump.unwrap_or_default(),
        }
    }

    pub(crate) fn settings(&self) -> CrashDumpSettings {
        CrashDumpSettings {
            mode: self.mode(),
            output: self.crash_dump_output.clone(),
            args: self
                .crash_dump_args
                .as_ref()
                .map_or_else(Vec::new, |words| words.as_slice().to_vec()),
        }
    }

    /// Returns the flags as variables of the environment; the deprecated one as what it means.
    pub(super) fn to_env(&self) -> Vec<(&'static str, OsString)> {
        let mode = match self.no_crash_dump {
            true => Some(CrashDumpMode::Never),
            false => self.crash_dump,
        };
        let mode = mode.and_then(|mode| Some(mode.to_possible_value()?.get_name().into()));
        let output = self.crash_dump_output.as_ref().map(Into::into);
        let args = self.crash_dump_args.as_ref();
        let args = args.map(|words| words.to_string().into());
        [
            ("CHARMTEST_CRASH_DUMP", mode),
            ("CHARMTEST_CRASH_DUMP_OUTPUT", output),
            ("CHARMTEST_CRASH_DUMP_ARGS", args),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}
