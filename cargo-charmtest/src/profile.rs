//! `.config/charmtest.toml`: options by profile.
//!
//! ```toml
//! [profile.default]
//! tags = "not slow"
//!
//! [profile.ci]
//! maxfail = 5
//! crash-dump = "on-failure"
//! ```
//!
//! A profile stands on `default`; each key is an option's long name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use charmtest::harness::{
    OptionKind, PROFILE_FILE, Profile, ProfileOption, RunFlags, options_of, profile_options,
};
use clap::Args;
use clap::builder::Resettable;
use strsim::levenshtein;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::error::{Error, Kind, Result};
use crate::results::ResultsArgs;
use crate::run::process;

/// The profile that the others stand on, and that is used when none is named.
pub(crate) const DEFAULT: &str = "default";

/// How long cargo may take to say where the workspace begins.
const LOCATE_LIMIT: Duration = Duration::from_secs(60);

/// Reads the profile `name` of the workspace, or the default one; empty when there is no file.
///
/// # Errors
///
/// Fails when the file has a fault, and when the profile that is named is not there.
pub(crate) fn read(name: Option<&str>, manifest_path: Option<&Path>) -> Result<Profile> {
    let Some(root) = root_with_file(name, manifest_path) else {
        return Ok(Profile::default());
    };
    let file = root.join(PROFILE_FILE);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return match name {
                Some(name) => Err(Error::new(
                    Kind::Usage,
                    format!(
                        "there is no profile `{name}`: the workspace has no {}",
                        file.display()
                    ),
                )),
                None => Ok(Profile::default()),
            };
        }
        Err(error) => {
            return Err(Error::new(
                Kind::Usage,
                format!("{}: {error}", file.display()),
            ));
        }
    };
    let values = parse(&text, &root, name).map_err(|fault| {
        let place = match fault.at {
            Some(at) => format!("{}:{}", file.display(), line_of(&text, at)),
            None => file.display().to_string(),
        };
        Error::new(Kind::Usage, format!("{place}: {}", fault.message))
    })?;
    Ok(Profile {
        file: Some(file),
        values,
    })
}

/// Returns the root of the workspace if it may have the file. cargo is asked only if a directory above has one, or a profile is
/// named: without profiles nothing is lost.
fn root_with_file(name: Option<&str>, manifest_path: Option<&Path>) -> Option<PathBuf> {
    let start = match manifest_path {
        Some(manifest) => std::path::absolute(manifest).ok()?,
        None => std::env::current_dir().ok()?,
    };
    let near = start
        .ancestors()
        .any(|dir| dir.join(PROFILE_FILE).is_file());
    if !near && name.is_none() {
        return None;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["locate-project", "--workspace", "--message-format", "plain"]);
    if let Some(manifest) = manifest_path {
        command.arg("--manifest-path").arg(manifest);
    }
    // Without a workspace there is nothing to run either, which is told when it is looked for.
    let output = process::output(command, LOCATE_LIMIT).ok()?;
    let manifest = Path::new(output.stdout.trim());
    output
        .status
        .success()
        .then(|| manifest.parent().map(Path::to_owned))?
}

/// What is wrong with a file, and where.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    /// The offset in the text.
    at: Option<usize>,
    message: String,
}

impl Fault {
    fn at<T>(value: &Spanned<T>, message: String) -> Self {
        Self {
            at: Some(value.span().start),
            message,
        }
    }
}

/// Returns the options that a profile can give: those of a test binary too, and those of this program alone.
fn options() -> Vec<ProfileOption> {
    let mut options = profile_options();
    let own = ResultsArgs::augment_args(clap::Command::new("options"));
    options.extend(options_of(&own));
    options
}

type Values = BTreeMap<String, Vec<String>>;
type Entry<'a, 'i> = (&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>);

/// Returns the values of a profile. All profiles are checked, also those that are not used.
fn parse(text: &str, root: &Path, name: Option<&str>) -> std::result::Result<Values, Fault> {
    let table = DeTable::parse(text).map_err(|error| Fault {
        at: error.span().map(|span| span.start),
        message: error.message().to_owned(),
    })?;
    let options = options();
    let mut profiles: BTreeMap<String, Values> =
        BTreeMap::from([(DEFAULT.to_owned(), Values::new())]);
    for (key, value) in table.get_ref() {
        if key.get_ref() != "profile" {
            return Err(unknown(key, "key", ["profile"].into_iter()));
        }
        let tables = value.get_ref().as_table();
        let tables = tables.ok_or_else(|| {
            Fault::at(
                value,
                "`profile` is a table: write [profile.default]".to_owned(),
            )
        })?;
        for (profile, table) in tables {
            let values = values_of((profile, table), &options, root)?;
            profiles.insert(profile.get_ref().to_string(), values);
        }
    }
    let mut values = profiles.get(DEFAULT).cloned().unwrap_or_default();
    if let Some(name) = name {
        let Some(own) = profiles.get(name) else {
            let names: Vec<&str> = profiles.keys().map(String::as_str).collect();
            let message = format!(
                "there is no profile `{name}`; there are: {}",
                names.join(", ")
            );
            return Err(Fault { at: None, message });
        };
        values.extend(own.clone());
    }
    Ok(values)
}

fn values_of(
    (profile, table): Entry<'_, '_>,
    options: &[ProfileOption],
    root: &Path,
) -> std::result::Result<Values, Fault> {
    let name = profile.get_ref();
    let entries = table.get_ref().as_table();
    let entries = entries.ok_or_else(|| {
        Fault::at(
            table,
            format!("`{name}` is a table: write [profile.{name}]"),
        )
    })?;
    let mut values = Values::new();
    for (key, value) in entries {
        let Some(option) = options.iter().find(|option| option.key == *key.get_ref()) else {
            return Err(unknown(
                key,
                "option",
                options.iter().map(|option| option.key.as_str()),
            ));
        };
        let texts = texts(option, value.get_ref(), root)
            .map_err(|expected| Fault::at(value, format!("`{}` is {expected}", option.key)))?;
        check(option, &texts)
            .map_err(|why| Fault::at(value, format!("`{}`: {why}", option.key)))?;
        values.insert(option.variable.clone(), texts);
    }
    Ok(values)
}

/// Returns a value as the texts that stand for it in variables; or what it should be.
fn texts(
    option: &ProfileOption,
    value: &DeValue<'_>,
    root: &Path,
) -> std::result::Result<Vec<String>, &'static str> {
    match (option.kind, value) {
        (OptionKind::Switch, DeValue::Boolean(on)) => Ok(vec![on.to_string()]),
        (OptionKind::Switch, _) => Err("true or false"),
        (OptionKind::Texts, DeValue::Array(items)) => {
            let text = |item: &Spanned<DeValue<'_>>| {
                let text = item.get_ref().as_str()?;
                match option.key.as_str() {
                    CHARM_PATH => place_charm(text, root),
                    _ => Some(text.to_owned()),
                }
            };
            let texts: Option<Vec<String>> = items.iter().map(text).collect();
            texts.ok_or("a list of texts")
        }
        (OptionKind::Texts, _) => Err("a list of texts"),
        (OptionKind::Path, DeValue::String(path)) => {
            // The bare name of a program is searched on PATH.
            let bare = option.key == "juju" && !path.contains('/');
            let path = if bare {
                PathBuf::from(path.as_ref())
            } else {
                root.join(path.as_ref())
            };
            path.into_os_string()
                .into_string()
                .map(|path| vec![path])
                .map_err(|_| "a path in UTF-8")
        }
        (OptionKind::Path, _) => Err("a path"),
        (OptionKind::Text, DeValue::String(text)) => Ok(vec![text.to_string()]),
        (OptionKind::Text, DeValue::Boolean(on)) => Ok(vec![on.to_string()]),
        (OptionKind::Text, DeValue::Integer(number)) => Ok(vec![number.to_string()]),
        (OptionKind::Text, _) => Err("a text or a number"),
    }
}

/// The option whose values are `[NAME=]FILE`.
const CHARM_PATH: &str = "charm-path";

/// Makes the file of a `[NAME=]FILE` one below the root of the workspace.
fn place_charm(text: &str, root: &Path) -> Option<String> {
    let (name, file) = match text.split_once('=') {
        Some((name, file)) => (format!("{name}="), file),
        None => (String::new(), text),
    };
    Some(name + root.join(file).to_str()?)
}

/// Checks a value as the command line would.
fn check(option: &ProfileOption, texts: &[String]) -> std::result::Result<(), String> {
    if option.kind == OptionKind::Switch {
        return Ok(());
    }
    let command = RunFlags::augment_args(clap::Command::new("profile").no_binary_name(true));
    let command = ResultsArgs::augment_args(command);
    let command = command.mut_args(|arg| arg.env(Resettable::Reset));
    let words = texts.iter().map(|text| format!("{}={text}", option.flag));
    match command.try_get_matches_from(words) {
        Ok(_) => Ok(()),
        Err(error) => {
            let text = error.to_string();
            let lines = text.lines().take_while(|line| !line.is_empty());
            let text = lines.collect::<Vec<_>>().join("\n");
            Err(text.trim_start_matches("error: ").to_owned())
        }
    }
}

fn unknown<'a>(
    key: &Spanned<DeString<'_>>,
    what: &str,
    known: impl Iterator<Item = &'a str>,
) -> Fault {
    let word = key.get_ref();
    let near = known
        .map(|known| (levenshtein(word, known), known))
        .min()
        .filter(|(distance, _)| *distance <= word.len().max(6) / 3);
    let hint = near.map_or_else(String::new, |(_, near)| format!("; did you mean `{near}`?"));
    Fault::at(key, format!("there is no {what} `{word}`{hint}"))
}

/// Returns the line of an offset, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    1 + before.filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
[profile.default]
tags = 'not slow'
model-config = 'model.yaml'
keep-models = false
juju = 'juju'

[profile.ci]
maxfail = 5
crash-dump = 'on-failure'
crash-dump-output = 'dumps'
charmcraft-args = ['--verbosity=trace', 'a b']
keep-models = true
destroy-storage = false
";

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("model.yaml"), "test-mode: true\n").unwrap();
        root
    }

    #[test]
    fn a_profile_stands_on_the_default_one() {
        let root = root();
        let values = |name| {
            let values = parse(FILE, root.path(), name).unwrap();
            let shown = |(name, texts): (String, Vec<String>)| {
                let name = name.trim_start_matches("CHARMTEST_").to_owned();
                let texts = texts.join("|");
                format!(
                    "{name}={}",
                    texts.replace(root.path().to_str().unwrap(), "ROOT")
                )
            };
            values.into_iter().map(shown).collect::<Vec<_>>()
        };
        let default = [
            "JUJU=juju",
            "KEEP_MODELS=false",
            "MODEL_CONFIG=ROOT/model.yaml",
            "TAGS=not slow",
        ];
        assert_eq!(values(None), default);
        assert_eq!(values(Some("default")), default);
        assert_eq!(
            values(Some("ci")),
            [
                "CHARMCRAFT_ARGS=--verbosity=trace|a b",
                "CRASH_DUMP=on-failure",
                "CRASH_DUMP_OUTPUT=ROOT/dumps",
                "DESTROY_STORAGE=false",
                "JUJU=juju",
                "KEEP_MODELS=true",
                "MAXFAIL=5",
                "MODEL_CONFIG=ROOT/model.yaml",
                "TAGS=not slow",
            ]
        );
        assert!(parse("", root.path(), None).unwrap().is_empty());
    }

    #[test]
    fn faults_name_the_key_the_line_and_what_was_meant() {
        let root = root();
        let cases = [
            (
                "[profile.default]\nkeep-model = true",
                2,
                "there is no option `keep-model`; did you mean `keep-models`?",
            ),
            (
                "[profile.ci]\n\nmaxfial = 1",
                3,
                "there is no option `maxfial`; did you mean `maxfail`?",
            ),
            ("[profile.ci]\nzzzzzz = 1", 2, "there is no option `zzzzzz`"),
            (
                "[profiles.ci]",
                1,
                "there is no key `profiles`; did you mean `profile`?",
            ),
            (
                "[profile.ci]\nprofile = 'x'",
                2,
                "there is no option `profile`",
            ),
            (
                "profile = 1",
                1,
                "`profile` is a table: write [profile.default]",
            ),
            (
                "[profile]\nci = 1",
                2,
                "`ci` is a table: write [profile.ci]",
            ),
            (
                "[profile.ci]\nkeep-models = 'yes'",
                2,
                "`keep-models` is true or false",
            ),
            (
                "[profile.ci]\ncharmcraft-args = '-v'",
                2,
                "`charmcraft-args` is a list of texts",
            ),
            (
                "[profile.ci]\ncharmcraft-args = [1]",
                2,
                "`charmcraft-args` is a list of texts",
            ),
            (
                "[profile.ci]\nmodel = 1.5",
                2,
                "`model` is a text or a number",
            ),
            ("[profile.ci]\nbasetemp = 1", 2, "`basetemp` is a path"),
        ];
        for (text, line, message) in cases {
            let fault = parse(text, root.path(), None).unwrap_err();
            assert_eq!(
                (line_of(text, fault.at.unwrap()), fault.message.as_str()),
                (line, message),
                "{text}"
            );
        }
        // Values are checked as on the command line, and a text that is no TOML by its reader.
        for (text, line, part) in [
            ("[profile.ci]\njobs = 0", 2, "`jobs`: invalid value '0'"),
            ("[profile.ci]\ncrash-dump = 'sometimes'", 2, "on-failure"),
            (
                "[profile.ci]\ntest-timeout = 'soon'",
                2,
                "`soon` is not a duration",
            ),
            ("[profile.ci]\ntags = 'a b'", 2, "expected `and`"),
            (
                "[profile.ci]\nmodel-config = 'nosuch.yaml'",
                2,
                "nosuch.yaml",
            ),
            ("[profile.ci]\nmodel = 'Web'", 2, "lowercase"),
            ("[profile.ci]\nmaxfail 5", 2, ""),
        ] {
            let fault = parse(text, root.path(), None).unwrap_err();
            assert_eq!(line_of(text, fault.at.unwrap()), line, "{text}: {fault:?}");
            assert!(fault.message.contains(part), "{text}: {fault:?}");
        }
        let fault = parse(FILE, root.path(), Some("nightly")).unwrap_err();
        assert_eq!(
            fault.message,
            "there is no profile `nightly`; there are: ci, default"
        );
    }

    #[test]
    fn the_documentation_lists_every_option() {
        let document = include_str!("../../docs/options.md");
        let key = |line: &str| {
            let key = line.strip_prefix("| `-")?.split('|').nth(1)?.trim();
            Some(key.trim_matches('`').to_owned()).filter(|key| !key.is_empty())
        };
        let table = document.split("## All options").nth(1).unwrap();
        let table = table.split("\n## ").next().unwrap();
        let mut documented: Vec<String> = table.lines().filter_map(key).collect();
        documented.sort_unstable();
        let mut options: Vec<String> = super::options()
            .into_iter()
            .map(|option| option.key)
            .collect();
        options.sort_unstable();
        assert_eq!(documented, options);

        let profiles = document.split("```toml\n").nth(1).unwrap();
        let profiles = profiles.split("```").next().unwrap();
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("tests")).unwrap();
        std::fs::write(root.path().join("tests/model.yaml"), "").unwrap();
        assert_eq!(parse(profiles, root.path(), Some("ci")).unwrap().len(), 6);
    }

    #[test]
    fn packed_charms_are_below_the_workspace_too() {
        let place = |text| place_charm(text, Path::new("/ws")).unwrap();
        assert_eq!(place("web=charms/web.charm"), "web=/ws/charms/web.charm");
        assert_eq!(place("web.charm"), "/ws/web.charm");
        assert_eq!(place("web=/tmp/web.charm"), "web=/tmp/web.charm");
    }
}
