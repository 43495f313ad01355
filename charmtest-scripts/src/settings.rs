//! `tests/tests.yaml`: what a suite of scripts asks for.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use charmtest_charm::FileError;
use charmtest_charm::yaml;
use glob::Pattern;
use serde::Deserialize;
use serde_json::Value;

use crate::discover::DEFAULT_PATTERN;
use crate::verdict::{ExitCodes, Verdict};

/// The name of the file.
pub const FILE: &str = "tests/tests.yaml";

/// Where a script starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cwd {
    /// In the charm's root, as the specification says.
    #[default]
    Charm,
    /// In `tests/`, as the later systems had it.
    Tests,
}

/// Older verbs that a suite still uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Compat {
    /// Those of Juju 1: `add-relation`, `destroy-service`, `set`, `get` and their like.
    #[serde(rename = "juju-1")]
    Juju1,
}

/// What `tests/tests.yaml` says; without the file, everything is as the specification has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where a script starts.
    pub cwd: Cwd,
    /// Which files of `tests/` are scripts.
    pub tests: Pattern,
    /// Exit codes with a meaning of their own.
    pub exit_codes: ExitCodes,
    /// How long one script may take; `None` leaves it to the run.
    pub timeout: Option<Duration>,
    /// Older verbs that are understood.
    pub compat: Option<Compat>,
    /// What the scripts have to run on, as `ubuntu@24.04`.
    pub testbed: Option<String>,
    /// What bare charm names stand for: a path below the charm's directory, an absolute one, or `ch:NAME`.
    pub resolve: BTreeMap<String, String>,
    /// Whether a bare name that nothing else explains may come from Charmhub.
    pub allow_store: bool,
    /// Executables in `tests/` that are run before each script; one that fails skips the script.
    pub setup: Vec<String>,
    /// Executables in `tests/` that are run after each script, the last one first, whatever became of it.
    pub teardown: Vec<String>,
    /// Keys that have no effect here, one sentence each.
    pub warnings: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cwd: Cwd::default(),
            tests: Pattern::new(DEFAULT_PATTERN).unwrap_or_default(),
            exit_codes: ExitCodes::new(),
            timeout: None,
            compat: None,
            testbed: None,
            resolve: BTreeMap::new(),
            allow_store: false,
            setup: Vec::new(),
            teardown: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// Keys of bundletester that have no effect, and why.
const WITHOUT_EFFECT: [(&str, &str); 14] = [
    (
        "bootstrap",
        "the controller is there before the first script",
    ),
    ("reset", "each script has a model of its own"),
    ("reset_timeout", "each script has a model of its own"),
    ("bundle", "deploy it in the script or in a `setup` program"),
    (
        "bundle_deploy",
        "deploy it in the script or in a `setup` program",
    ),
    ("deployment_timeout", "`timeout` limits the whole script"),
    ("virtualenv", "scripts get no virtual environment"),
    ("virtualenv_python", "scripts get no virtual environment"),
    (
        "excludes",
        "name the charms that are tested on the command line",
    ),
    (
        "sources",
        "packages come from the distribution's archive only",
    ),
    ("packages", "name them in tests/requirements.yaml"),
    (
        "python_packages",
        "packages come from the distribution's archive only; name them in tests/requirements.yaml",
    ),
    (
        "requirements",
        "packages come from the distribution's archive only; name them in tests/requirements.yaml",
    ),
    ("makefile", "targets of a Makefile are not run"),
];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Raw {
    cwd: Cwd,
    tests: Option<String>,
    exit_codes: BTreeMap<String, Verdict>,
    timeout: Option<String>,
    compat: Option<Compat>,
    testbed: Option<String>,
    resolve: BTreeMap<String, String>,
    allow_store: bool,
    setup: OneOrMore,
    teardown: OneOrMore,
    bootstrap: Option<Value>,
    reset: Option<Value>,
    #[serde(rename = "reset_timeout")]
    reset_timeout: Option<Value>,
    bundle: Option<Value>,
    #[serde(rename = "bundle_deploy")]
    bundle_deploy: Option<Value>,
    #[serde(rename = "deployment_timeout")]
    deployment_timeout: Option<Value>,
    virtualenv: Option<Value>,
    #[serde(rename = "virtualenv_python")]
    virtualenv_python: Option<Value>,
    excludes: Option<Value>,
    sources: Option<Value>,
    packages: Option<Value>,
    #[serde(rename = "python_packages")]
    python_packages: Option<Value>,
    requirements: Option<Value>,
    makefile: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

impl OneOrMore {
    fn list(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::More(more) => more,
        }
    }
}

impl Settings {
    /// Reads `tests/tests.yaml` of a charm's directory.
    ///
    /// # Errors
    ///
    /// Fails when the file is there and cannot be read, is no YAML, has a key that neither we nor bundletester have, or a value of the
    /// wrong kind; the error names the line.
    pub fn read(charm: &Path) -> Result<Self, FileError> {
        match fs::read_to_string(charm.join(FILE)) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(wrong(format!("cannot be read: {error}"))),
        }
    }

    /// Parses the text of a `tests.yaml`.
    ///
    /// # Errors
    ///
    /// As [`Settings::read`].
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let Some(raw) = yaml::parse::<Option<Raw>>(FILE, text)? else {
            return Ok(Self::default());
        };
        let mut settings = Self {
            cwd: raw.cwd,
            compat: raw.compat,
            testbed: raw.testbed,
            resolve: raw.resolve,
            allow_store: raw.allow_store,
            ..Self::default()
        };
        if let Some(pattern) = raw.tests {
            settings.tests = Pattern::new(&pattern)
                .map_err(|error| wrong(format!("`tests: {pattern}` is no pattern: {error}")))?;
        }
        for (code, verdict) in raw.exit_codes {
            let number = code.parse().ok().filter(|code| (0..=255).contains(code));
            let number = number.ok_or_else(|| {
                wrong(format!(
                    "exit-codes: {code:?} is no exit code between 0 and 255"
                ))
            })?;
            settings.exit_codes.insert(number, verdict);
        }
        settings.timeout = raw.timeout.as_deref().map(duration).transpose()?;
        settings.setup = programs("setup", raw.setup.list())?;
        settings.teardown = programs("teardown", raw.teardown.list())?;
        let given = [
            &raw.bootstrap,
            &raw.reset,
            &raw.reset_timeout,
            &raw.bundle,
            &raw.bundle_deploy,
            &raw.deployment_timeout,
            &raw.virtualenv,
            &raw.virtualenv_python,
            &raw.excludes,
            &raw.sources,
            &raw.packages,
            &raw.python_packages,
            &raw.requirements,
            &raw.makefile,
        ];
        settings.warnings = WITHOUT_EFFECT
            .iter()
            .zip(given)
            .filter(|(_, given)| given.is_some())
            .map(|((key, why), _)| format!("{FILE}: `{key}` has no effect: {why}"))
            .collect();
        Ok(settings)
    }
}

fn wrong(message: String) -> FileError {
    FileError {
        file: FILE.to_owned(),
        position: None,
        message,
    }
}

/// Reads `90`, `90s`, `10m` or `1h`; a number alone is seconds.
fn duration(text: &str) -> Result<Duration, FileError> {
    let (number, factor) = match text.trim().char_indices().next_back() {
        Some((at, 's')) => (&text.trim()[..at], 1),
        Some((at, 'm')) => (&text.trim()[..at], 60),
        Some((at, 'h')) => (&text.trim()[..at], 3600),
        _ => (text.trim(), 1),
    };
    match number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
    {
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err(wrong(format!(
            "`timeout: {text}` is no time: write 90, 90s, 10m or 1h"
        ))),
    }
}

/// Accepts names of files in `tests/`, and nothing that leads out of it.
fn programs(key: &str, names: Vec<String>) -> Result<Vec<String>, FileError> {
    match names
        .iter()
        .find(|name| name.is_empty() || name.contains('/'))
    {
        None => Ok(names),
        Some(name) => Err(wrong(format!(
            "{key}: {name:?} is no name of a file in tests/"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_optional() {
        for text in ["", "{}", "# nothing\n", "null\n"] {
            assert_eq!(
                Settings::parse(text).unwrap(),
                Settings::default(),
                "{text:?}"
            );
        }
        let none = tempfile::tempdir().unwrap();
        assert_eq!(Settings::read(none.path()).unwrap(), Settings::default());
    }

    #[test]
    fn settings_are_read() {
        let settings = Settings::parse(
            "cwd: tests\ntests: '*'\nexit-codes: {3: skip, 9: infra}\ntimeout: 10m\ncompat: juju-1\n\
             testbed: ubuntu@24.04\nresolve: {mysql: ../mysql}\nallow-store: yes\nsetup: up\nteardown: [down, stop]\n",
        )
        .unwrap();
        assert_eq!(settings.cwd, Cwd::Tests);
        assert_eq!(settings.tests.as_str(), "*");
        assert_eq!(
            settings.exit_codes,
            ExitCodes::from([(3, Verdict::Skip), (9, Verdict::Infra)])
        );
        assert_eq!(settings.timeout, Some(Duration::from_secs(600)));
        assert_eq!(settings.compat, Some(Compat::Juju1));
        assert_eq!(settings.testbed.as_deref(), Some("ubuntu@24.04"));
        assert_eq!(settings.resolve["mysql"], "../mysql");
        assert!(settings.allow_store);
        assert_eq!(settings.setup, ["up"]);
        assert_eq!(settings.teardown, ["down", "stop"]);
        assert!(settings.warnings.is_empty());
    }

    #[test]
    fn keys_of_bundletester_without_effect_are_named() {
        let text =
            "bootstrap: false\nreset: true\npackages: [jq]\nmakefile: [lint]\nvirtualenv: true\n";
        let warnings = Settings::parse(text).unwrap().warnings;
        let keys: Vec<&str> = warnings
            .iter()
            .map(|w| w.split('`').nth(1).unwrap())
            .collect();
        assert_eq!(
            keys,
            ["bootstrap", "reset", "virtualenv", "packages", "makefile"]
        );
        for (key, _) in WITHOUT_EFFECT {
            let warnings = Settings::parse(&format!("{key}: [x]\n")).unwrap().warnings;
            assert_eq!(warnings.len(), 1, "{key}");
            assert!(warnings[0].contains(&format!("`{key}`")), "{warnings:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_line() {
        for (text, line, expected) in [
            ("cwd: tests\ncdw: x\n", Some(2), "cdw"),
            ("cwd: home\n", Some(1), "home"),
            ("tests: '[*'\n", None, "no pattern"),
            ("exit-codes: {x: skip}\n", None, "\"x\" is no exit code"),
            ("exit-codes: {300: skip}\n", None, "300"),
            ("a: 1\n\nexit-codes:\n  1: maybe\n", Some(1), "a"),
            ("exit-codes:\n  1: maybe\n", Some(2), "maybe"),
            ("timeout: soon\n", None, "no time"),
            ("timeout: 0\n", None, "no time"),
            ("setup: [../x]\n", None, "../x"),
            ("compat: juju-2\n", Some(1), "juju-2"),
            ("- a\n", Some(1), ""),
        ] {
            let error = Settings::parse(text).unwrap_err();
            assert!(error.to_string().contains(expected), "{text:?}: {error}");
            if let Some(line) = line {
                assert_eq!(
                    error.position.map(|p| p.line),
                    Some(line),
                    "{text:?}: {error}"
                );
            }
        }
    }
}
