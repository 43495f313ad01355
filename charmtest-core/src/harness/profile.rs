//! Profiles of `.config/charmtest.toml`: values for options that nobody gives otherwise.
//!
//! `cargo charmtest` reads the file; a test binary that is started without it asks it to. So test authors compile no TOML.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueHint;
use serde::{Deserialize, Serialize};

use crate::juju::{Call, Observer, Transcript, find_cargo_charmtest, parse_json};

/// Where the file is, below the root of the workspace.
pub const PROFILE_FILE: &str = ".config/charmtest.toml";

/// How long reading the file may take on a busy machine: cargo is asked where the workspace begins.
const LIMIT: Duration = Duration::from_secs(60);

/// The values of a profile, by the variables of their options.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The file that they are from; without, there is none.
    pub file: Option<PathBuf>,
    /// One value, or several where an option takes several.
    pub values: BTreeMap<String, Vec<String>>,
}

impl Profile {
    /// Makes the values the defaults of a command line: flags and variables win over them.
    #[must_use]
    pub fn apply(&self, command: clap::Command) -> clap::Command {
        command.mut_args(|arg| {
            let variable = arg.get_env().and_then(|name| name.to_str());
            match variable.and_then(|name| self.values.get(name)) {
                Some(values) => {
                    // The command line keeps its texts as long as the process lives; there is one in a process.
                    let values = values.iter().map(|value| &*value.clone().leak());
                    arg.default_values(values)
                }
                None => arg,
            }
        })
    }

    /// Asks `cargo-charmtest` for a profile of the workspace around the current directory.
    ///
    /// # Errors
    ///
    /// A text for the user: there is no such profile, the file has a fault, or nobody can read it.
    pub(super) fn ask(name: Option<&str>, program: Option<&Path>) -> Result<Answer, String> {
        let directory = std::env::current_dir().unwrap_or_default();
        let Some(file) = file_around(&directory) else {
            return match name {
                Some(name) => Err(format!(
                    "there is no profile `{name}`: the workspace of {} has no {PROFILE_FILE}",
                    directory.display()
                )),
                None => Ok(Answer::Profile(Self::default())),
            };
        };
        let Some(program) = find_cargo_charmtest(program) else {
            let file = file.display();
            return match name {
                Some(name) => Err(format!(
                    "profile `{name}` of {file} cannot be read: that takes `cargo-charmtest`; install it with `cargo install cargo-charmtest`"
                )),
                None => Ok(Answer::Unread(format!(
                    "{file} is not used: reading it takes `cargo-charmtest`; install it with `cargo install cargo-charmtest`"
                ))),
            };
        };
        let call = Call::new(program, Transcript::default(), Observer::default())
            .args(["charmtest", "profile-env"])
            .args(name.map(|name| format!("--profile={name}")))
            .timeout(LIMIT);
        let command = call.command_line();
        let output = call.run_blocking().map_err(|error| error.to_string())?;
        if output.code != 0 {
            let said = output.stderr.trim();
            return Err(said.trim_start_matches("error: ").to_owned());
        }
        let profile = parse_json(&output.stdout, &command, "the values of a profile");
        profile
            .map(Answer::Profile)
            .map_err(|error| error.to_string())
    }
}

/// What came of asking for a profile.
#[derive(Debug)]
pub(super) enum Answer {
    Profile(Profile),
    /// Nobody can read the file, and why; the user did not ask for a profile by name.
    Unread(String),
}

/// Returns the file of the workspace around a directory. The root of a workspace is where `Cargo.lock` is.
fn file_around(directory: &Path) -> Option<PathBuf> {
    for directory in directory.ancestors() {
        let file = directory.join(PROFILE_FILE);
        if file.is_file() {
            return Some(file);
        }
        if directory.join("Cargo.lock").is_file() {
            return None;
        }
    }
    None
}

/// Returns the key of an option in a profile, which is its variable without `CHARMTEST_`: `keep-models`.
pub(super) fn key_of(variable: &str) -> String {
    let name = variable.strip_prefix("CHARMTEST_").unwrap_or(variable);
    name.to_lowercase().replace('_', "-")
}

/// An option that a profile can give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileOption {
    /// Its key.
    pub key: String,
    /// Its variable.
    pub variable: String,
    /// What its value is.
    pub kind: OptionKind,
    /// The flag as it is written before `=VALUE`.
    pub flag: String,
}

/// What the value of an option is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// True or false.
    Switch,
    /// A list of texts.
    Texts,
    /// A path, relative to the root of the workspace.
    Path,
    /// A text or a number.
    Text,
}

/// Returns the options of a test binary that a profile can give.
#[must_use]
pub fn profile_options() -> Vec<ProfileOption> {
    use clap::Args;

    options_of(&super::RunFlags::augment_args(clap::Command::new(
        "options",
    )))
}

/// Returns the options of a command line that a profile can give: those with a variable.
#[must_use]
pub fn options_of(command: &clap::Command) -> Vec<ProfileOption> {
    use clap::ArgAction;

    let option = |arg: &clap::Arg| {
        let variable = arg.get_env()?.to_str()?.to_owned();
        let kind = match (arg.get_action(), arg.get_value_hint()) {
            (ArgAction::SetTrue, _) => OptionKind::Switch,
            (ArgAction::Append, _) => OptionKind::Texts,
            (_, ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath) => OptionKind::Path,
            _ => OptionKind::Text,
        };
        let flag = match (arg.get_long(), arg.get_short()) {
            (Some(long), _) => format!("--{long}"),
            (None, short) => format!("-{}", short?),
        };
        Some(ProfileOption {
            key: key_of(&variable),
            variable,
            kind,
            flag,
        })
    };
    let options = command.get_arguments().filter_map(option);
    // A profile does not choose a profile.
    options.filter(|option| option.key != "profile").collect()
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;
    use crate::harness::RunFlags;

    fn profile(values: &[(&str, &str)]) -> Profile {
        let owned =
            |(name, value): &(&str, &str)| (format!("CHARMTEST_{name}"), vec![(*value).to_owned()]);
        Profile {
            file: None,
            values: values.iter().map(owned).collect(),
        }
    }

    #[test]
    fn a_flag_wins_over_a_profile_and_a_profile_over_what_is_built_in() {
        let command = || RunFlags::augment_args(clap::Command::new("t"));
        let profile = profile(&[
            ("TEST_TIMEOUT", "10m"),
            ("KEEP_MODELS", "true"),
            ("CLOUD", "k8s"),
            ("MAXFAIL", "3"),
            ("CHARMCRAFT_ARGS", "--verbosity=trace"),
            ("DESTROY_STORAGE", "false"),
        ]);
        let flags = |line: &str| {
            let words = std::iter::once("t").chain(line.split_whitespace());
            let matches = profile.apply(command()).get_matches_from(words);
            RunFlags::from_arg_matches(&matches).unwrap()
        };
        let plain = flags("");
        assert_eq!(plain.test_timeout.to_string(), "10m");
        assert!(plain.keep_models);
        assert_eq!(
            (plain.cloud.as_deref(), plain.maxfail),
            (Some("k8s"), Some(3))
        );
        assert_eq!(plain.pack.charmcraft_args, ["--verbosity=trace"]);
        assert_eq!(plain.destroy_storage, Some(false));
        let given = flags("--test-timeout 5m --cloud lxd --charmcraft-args=--a --destroy-storage");
        assert_eq!(given.test_timeout.to_string(), "5m");
        assert_eq!(given.cloud.as_deref(), Some("lxd"));
        assert_eq!(given.pack.charmcraft_args, ["--a"]);
        assert_eq!(given.destroy_storage, Some(true));
    }

    #[test]
    fn every_option_with_a_variable_has_a_key() {
        let options = profile_options();
        let kind = |key: &str| {
            options
                .iter()
                .find(|option| option.key == key)
                .map(|option| option.kind)
        };
        for (key, expected) in [
            ("keep-models", Some(OptionKind::Switch)),
            ("charmcraft-args", Some(OptionKind::Texts)),
            ("charm-path", Some(OptionKind::Texts)),
            ("model-config", Some(OptionKind::Path)),
            ("juju", Some(OptionKind::Path)),
            ("crash-dump-output", Some(OptionKind::Path)),
            ("basetemp", Some(OptionKind::Path)),
            ("tags", Some(OptionKind::Text)),
            ("filter", Some(OptionKind::Text)),
            ("maxfail", Some(OptionKind::Text)),
            ("crash-dump", Some(OptionKind::Text)),
            ("profile", None),
        ] {
            assert_eq!(kind(key), expected, "{key}");
        }
        // Where an option has a long name, that is its key.
        for option in options
            .iter()
            .filter(|option| option.flag.starts_with("--"))
        {
            assert_eq!(option.flag, format!("--{}", option.key));
        }
    }

    #[test]
    fn the_file_is_searched_no_further_than_the_workspace() {
        let temp = tempfile::tempdir().unwrap();
        let member = temp.path().join("workspace/charms/web");
        std::fs::create_dir_all(&member).unwrap();
        let write = |path: &str| {
            let path = temp.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            path
        };
        write("workspace/Cargo.lock");
        write(PROFILE_FILE);
        assert_eq!(file_around(&member), None);
        let file = write(&format!("workspace/{PROFILE_FILE}"));
        assert_eq!(file_around(&member), Some(file));
    }
}
