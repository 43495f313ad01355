//! The flags that say how charms are packed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::str::FromStr;

use clap::Args;
use clap::builder::BoolishValueParser;

use crate::ops_test::CharmPath;

/// How charms are packed: pytest-operator's flags of the same names, and `--charm-path`.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Charm tests")]
pub struct PackFlags {
    /// Let `charmcraft pack` build on this machine instead of in a container.
    #[arg(long, env = "CHARMTEST_DESTRUCTIVE_MODE", hide_env_values = true, value_parser = BoolishValueParser::new())]
    pub destructive_mode: bool,

    /// One more argument for `charmcraft pack`; can be given several times. As a variable: one argument per line.
    #[arg(
        long = "charmcraft-args",
        value_name = "ARG",
        env = "CHARMTEST_CHARMCRAFT_ARGS",
        hide_env_values = true,
        allow_hyphen_values = true,
        value_delimiter = '\n'
    )]
    pub charmcraft_args: Vec<String>,

    /// A packed charm to use instead of packing the charm of that name; without NAME the file's name says it, up to the first
    /// `_`. Can be given several times. As a variable: one per line.
    #[arg(
        long = "charm-path",
        value_name = "[NAME=]FILE",
        env = "CHARMTEST_CHARM_PATH",
        hide_env_values = true
    )]
    pub charm_paths: Vec<CharmPaths>,
}

/// The value of `--charm-path`: one per line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CharmPaths(Vec<CharmPath>);

impl FromStr for CharmPaths {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// How charms are to be packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackOptions {
    /// Whether `charmcraft` builds on this machine instead of in a container.
    pub destructive_mode: bool,
    /// More arguments for `charmcraft pack`, each one word of the command.
    pub charmcraft_args: Vec<String>,
    /// Charms that are packed already.
    pub charm_paths: Vec<CharmPath>,
}

impl PackFlags {
    /// Returns what the flags say.
    #[must_use]
    pub fn options(&self) -> PackOptions {
        let args = self.charmcraft_args.iter();
        PackOptions {
            destructive_mode: self.destructive_mode,
            // A variable with several lines ends with a line break, as CI systems write it.
            charmcraft_args: args.filter(|arg| !arg.is_empty()).cloned().collect(),
            charm_paths: self
                .charm_paths
                .iter()
                .flat_map(|CharmPaths(paths)| paths.iter().cloned())
                .collect(),
        }
    }

    /// Returns the charms of `--charm-path` that nobody took; `taken` are the files that were.
    pub(super) fn not_taken(&self, taken: &BTreeSet<String>) -> Vec<CharmPath> {
        let mut given = self.options().charm_paths;
        given.retain(|charm| !taken.contains(&charm.file().display().to_string()));
        given
    }

    /// Returns the flags as variables of the environment.
    pub(super) fn to_env(&self) -> Vec<(&'static str, OsString)> {
        let PackOptions {
            destructive_mode,
            charmcraft_args,
            charm_paths,
        } = self.options();
        let mode = destructive_mode.then(|| "1".into());
        let args = (!charmcraft_args.is_empty()).then(|| charmcraft_args.join("\n").into());
        let paths: Vec<String> = charm_paths.iter().map(ToString::to_string).collect();
        let paths = (!paths.is_empty()).then(|| paths.join("\n").into());
        [
            ("CHARMTEST_CHARM_PATH", paths),
            ("CHARMTEST_DESTRUCTIVE_MODE", mode),
            ("CHARMTEST_CHARMCRAFT_ARGS", args),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}
