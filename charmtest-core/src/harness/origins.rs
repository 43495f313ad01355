//! Where the value of an option comes from.

use std::collections::BTreeMap;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::profile::key_of;
use super::run_flags::RunFlags;

/// Where the value of an option comes from; a later one wins over an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// A profile; what is built in counts as not given.
    #[default]
    Profile,
    /// A variable of the environment.
    Variable,
    /// The command line.
    Flag,
}

/// Where the values of all options come from, by the options' identifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    of: BTreeMap<String, Origin>,
    /// Options that were given by another name, with the identifier of that name.
    renamed: BTreeMap<&'static str, &'static str>,
}

impl Origins {
    pub(super) fn of(&self, id: &str) -> Origin {
        self.of.get(id).copied().unwrap_or_default()
    }

    /// Notes that an option was given by another name.
    pub(super) fn rename(&mut self, id: &'static str, name: &'static str) {
        self.of.insert(id.to_owned(), self.of(name));
        self.renamed.insert(id, name);
    }

    /// Returns an option's name as its user wrote it: `--cloud`, `CHARMTEST_CLOUD`, or `cloud` in the profile.
    pub(super) fn spelled(&self, id: &str) -> String {
        if let Some(name) = self.renamed.get(id) {
            return format!("--{}", name.replace('_', "-"));
        }
        let command = RunFlags::augment_args(Command::new("options"));
        let arg = command.get_arguments().find(|arg| arg.get_id() == id);
        let flag = match arg.map(|arg| (arg.get_long(), arg.get_short())) {
            Some((Some(long), _)) => format!("--{long}"),
            Some((None, Some(short))) => format!("-{short}"),
            _ => format!("--{id}"),
        };
        let variable = arg
            .and_then(clap::Arg::get_env)
            .map(|name| name.to_string_lossy());
        match (self.of(id), variable) {
            (Origin::Profile, Some(variable)) => format!("`{}` in the profile", key_of(&variable)),
            (Origin::Variable, Some(variable)) => variable.into_owned(),
            _ => flag,
        }
    }
}

/// Has no options of its own: it sees where those of the whole command line come from.
impl Args for Origins {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

impl FromArgMatches for Origins {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let origin = |id: &clap::Id| {
            let origin = match matches.value_source(id.as_str())? {
                ValueSource::CommandLine => Origin::Flag,
                ValueSource::EnvVariable => Origin::Variable,
                _ => return None,
            };
            Some((id.as_str().to_owned(), origin))
        };
        Ok(Self {
            of: matches.ids().filter_map(origin).collect(),
            renamed: BTreeMap::new(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
