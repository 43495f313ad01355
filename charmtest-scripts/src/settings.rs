//! `tests/tests.yaml`: what a suite of scripts asks for; and `tests/STEM.yaml`: what one script asks for.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use charmtest_charm::FileError;
use charmtest_charm::yaml;
use glob::Pattern;
use serde::Deserialize;
use serde_json::Value;

use crate::discover::{DEFAULT_PATTERN, NOT_SCRIPTS};
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
    cwd: Option<Cwd>,
    tests: Option<String>,
    exit_codes: BTreeMap<String, Verdict>,
    timeout: Option<String>,
    compat: Option<Compat>,
    testbed: Option<String>,
    resolve: BTreeMap<String, String>,
    allow_store: Option<bool>,
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
            Err(error) => Err(wrong(FILE, format!("cannot be read: {error}"))),
        }
    }

    /// Parses the text of a `tests.yaml`.
    ///
    /// # Errors
    ///
    /// As [`Settings::read`].
    pub fn parse(text: &str) -> Result<Self, FileError> {
        Self::default().with(FILE, text)
    }

    /// Returns what holds for one script: these settings, and what `STEM.yaml` or `STEM.yml` beside the script says, as bundletester has it.
    ///
    /// The keys are those of `tests/tests.yaml`. A value replaces that of the suite; exit codes and `resolve` are added to the suite's, a
    /// `setup` runs after the suite's, and a `teardown` before it. `tests` has no effect. The warnings are those of the script's file alone.
    ///
    /// # Errors
    ///
    /// As [`Settings::read`], and when both files are there.
    pub fn of_script(&self, charm: &Path, script: &str) -> Result<Self, FileError> {
        let suite = Self {
            warnings: Vec::new(),
            ..self.clone()
        };
        let mut given = Vec::new();
        for file in control_files(script) {
            let file = format!("tests/{file}");
            match fs::read_to_string(charm.join(&file)) {
                Ok(text) => given.push((file, text)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(wrong(&file, format!("cannot be read: {error}"))),
            }
        }
        match &given[..] {
            [] => Ok(suite),
            [(file, text)] => suite.with(file, text),
            [(file, _), (other, _), ..] => Err(wrong(
                file,
                format!("{other} is there too: one of them is meant for tests/{script}"),
            )),
        }
    }

    /// Checks the files of the scripts of a charm, and that what they and these settings name is there; returns their warnings.
    ///
    /// # Errors
    ///
    /// As [`Settings::of_script`], of the first one that cannot be read, and when a set-up, a tear-down or what a charm name stands for is
    /// not there.
    pub fn of_scripts(&self, charm: &Path, scripts: &[String]) -> Result<Vec<String>, FileError> {
        let mut warnings = Vec::new();
        self.are_there(charm, FILE)?;
        let mut used: BTreeMap<String, &str> = BTreeMap::new();
        for script in scripts {
            let own = self.of_script(charm, script)?;
            for file in control_files(script) {
                let file = format!("tests/{file}");
                if charm.join(&file).exists() {
                    own.are_there(charm, &file)?;
                }
            }
            warnings.extend(own.warnings);
            for file in control_files(script) {
                if !charm.join("tests").join(&file).exists() {
                    continue;
                }
                if let Some(other) = used.insert(file.clone(), script) {
                    warnings.push(format!(
                        "tests/{file} holds for tests/{other} and for tests/{script}"
                    ));
                }
            }
        }
        Ok(warnings)
    }

    /// Checks that the programs and charms which `file` names are there.
    fn are_there(&self, charm: &Path, file: &str) -> Result<(), FileError> {
        for (key, names) in [("setup", &self.setup), ("teardown", &self.teardown)] {
            for name in names {
                let why = match fs::metadata(charm.join("tests").join(name)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        "is not there".to_owned()
                    }
                    Err(error) => error.to_string(),
                    Ok(found) if !found.is_file() => "is no file".to_owned(),
                    Ok(found) if found.permissions().mode() & 0o111 == 0 => {
                        "is not executable (chmod +x)".to_owned()
                    }
                    Ok(_) => continue,
                };
                return Err(wrong(file, format!("{key}: tests/{name} {why}")));
            }
        }
        for (name, to) in &self.resolve {
            // `ch:NAME`, and what Juju 1 had.
            if to.contains(':') {
                continue;
            }
            let why = match to.starts_with(['.', '/']) {
                true if charm.join(to).exists() => continue,
                true => "is not there",
                false => "is neither a path, as ../NAME or /NAME, nor ch:NAME",
            };
            return Err(wrong(file, format!("resolve: {name}: {to} {why}")));
        }
        Ok(())
    }

    /// Returns these settings with what a file for one script says; see [`Settings::of_script`].
    ///
    /// # Errors
    ///
    /// As [`Settings::read`].
    pub fn with(self, file: &str, text: &str) -> Result<Self, FileError> {
        let Some(raw) = yaml::parse::<Option<Raw>>(file, text)? else {
            return Ok(self);
        };
        let wrong = |message| wrong(file, message);
        let mut settings = Self {
            cwd: raw.cwd.unwrap_or(self.cwd),
            compat: raw.compat.or(self.compat),
            testbed: raw.testbed.clone().or_else(|| self.testbed.clone()),
            allow_store: raw.allow_store.unwrap_or(self.allow_store),
            ..self
        };
        settings.resolve.extend(raw.resolve);
        match raw.tests {
            Some(pattern) if file == FILE => {
                settings.tests = Pattern::new(&pattern)
                    .map_err(|error| wrong(format!("`tests: {pattern}` is no pattern: {error}")))?;
            }
            Some(_) => settings.warnings.push(format!(
                "{file}: `tests` has no effect: {FILE} says which files are scripts"
            )),
            None => {}
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
        if let Some(testbed) = &raw.testbed {
            base(testbed).map_err(&wrong)?;
        }
        if let Some(timeout) = raw.timeout {
            settings.timeout = Some(duration(&timeout).map_err(&wrong)?);
        }
        let (setup, teardown) = (raw.setup.list(), raw.teardown.list());
        settings
            .setup
            .extend(programs("setup", setup).map_err(&wrong)?);
        let teardown = programs("teardown", teardown).map_err(&wrong)?;
        settings.teardown.extend(teardown);
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
        let warnings = WITHOUT_EFFECT
            .iter()
            .zip(given)
            .filter(|(_, given)| given.is_some())
            .map(|((key, why), _)| format!("{file}: `{key}` has no effect: {why}"));
        settings.warnings.extend(warnings);
        Ok(settings)
    }
}

/// Returns the names in `tests/` of the files that may say something of one script.
#[must_use]
pub fn control_files(script: &str) -> Vec<String> {
    let stem = Path::new(script).file_stem().and_then(|stem| stem.to_str());
    let names = stem
        .into_iter()
        .flat_map(|stem| ["yaml", "yml"].map(|end| format!("{stem}.{end}")));
    // A script called `tests.test` does not make the suite's own files its own, and no script is its own.
    let own = |name: &String| !NOT_SCRIPTS.contains(&name.as_str()) && name != script;
    names.filter(own).collect()
}

fn wrong(file: &str, message: String) -> FileError {
    FileError {
        file: file.to_owned(),
        position: None,
        message,
    }
}

/// Reads `90`, `90s`, `10m` or `1h`; a number alone is seconds.
fn duration(text: &str) -> Result<Duration, String> {
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
        _ => Err(format!(
            "`timeout: {text}` is no time: write 90, 90s, 10m or 1h"
        )),
    }
}

/// Accepts what a machine can be, as [`crate::environment::testbed`] says it.
fn base(text: &str) -> Result<(), String> {
    let is_word = |word: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !word.is_empty() && word.chars().all(known)
    };
    match text.split_once('@') {
        Some((name, version)) if is_word(name) && is_word(version) => Ok(()),
        _ => Err(format!(
            "`testbed: {text}` is no base: write NAME@VERSION, as ubuntu@24.04"
        )),
    }
}

/// Accepts names of files in `tests/`, and nothing that leads out of it.
fn programs(key: &str, names: Vec<String>) -> Result<Vec<String>, String> {
    match names
        .iter()
        .find(|name| name.is_empty() || name.contains('/'))
    {
        None => Ok(names),
        Some(name) => Err(format!("{key}: {name:?} is no name of a file in tests/")),
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
    fn a_script_has_settings_of_its_own() {
        let charm = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            fs::create_dir_all(charm.path().join("tests")).unwrap();
            fs::write(charm.path().join("tests").join(name), text).unwrap();
        };
        let suite = Settings::parse(
            "cwd: tests\ntimeout: 5m\nsetup: up\nteardown: down\nexit-codes: {3: skip, 4: skip}\nreset: false\nallow-store: true\n\
             resolve: {a: ../a, b: ../b}\n",
        )
        .unwrap();
        let of = |script: &str| suite.of_script(charm.path(), script);
        let unchanged = Settings {
            warnings: Vec::new(),
            ..suite.clone()
        };
        assert_eq!(of("a.test").unwrap(), unchanged);
        write("a.yaml", "# nothing\n");
        assert_eq!(of("a.test").unwrap(), unchanged);
        write(
            "a.yaml",
            "cwd: charm\ntimeout: 10m\nsetup: [more]\nteardown: less\nexit-codes: {4: infra, 5: pass}\nallow-store: false\n\
             resolve: {b: ../c}\ntests: '*'\nbundle: x.yaml\n",
        );
        write("b.yml", "timeout: 1h\n");
        let own = of("a.test").unwrap();
        assert_eq!(own.cwd, Cwd::Charm);
        assert_eq!(own.timeout, Some(Duration::from_secs(600)));
        assert_eq!(own.setup, ["up", "more"]);
        assert_eq!(own.teardown, ["down", "less"]);
        let codes = [(3, Verdict::Skip), (4, Verdict::Infra), (5, Verdict::Pass)];
        assert_eq!(own.exit_codes, ExitCodes::from(codes));
        assert!(!own.allow_store);
        assert_eq!((&*own.resolve["a"], &*own.resolve["b"]), ("../a", "../c"));
        assert_eq!(own.tests, suite.tests);
        assert_eq!(own.warnings.len(), 2, "{:?}", own.warnings);
        assert!(own.warnings[0].starts_with("tests/a.yaml: `tests` has no effect"));
        assert!(own.warnings[1].starts_with("tests/a.yaml: `bundle` has no effect"));
        assert_eq!(of("b").unwrap().timeout, Some(Duration::from_secs(3600)));
        // bundletester leaked one test's lists into its siblings.
        assert_eq!(of("c.test").unwrap(), unchanged);

        write("tests.yaml", "timeout: 7s\n");
        write("requirements.yaml", "packages: []\n");
        assert_eq!(of("tests.test").unwrap(), unchanged);
        assert_eq!(of("requirements.test").unwrap(), unchanged);
        write("d.yml", "\n\ntimeuot: 1\n");
        let error = of("d.test").unwrap_err();
        assert_eq!(
            (&*error.file, error.position.unwrap().line),
            ("tests/d.yml", 3)
        );
        write("d.yaml", "timeout: 1\n");
        let error = of("d.test").unwrap_err().to_string();
        assert!(error.contains("tests/d.yml is there too"), "{error}");
    }

    #[test]
    fn what_settings_name_is_there() {
        let charm = tempfile::tempdir().unwrap();
        let tests = charm.path().join("tests");
        fs::create_dir_all(tests.join("dir")).unwrap();
        for (name, mode) in [("up", 0o755), ("plain", 0o644)] {
            fs::write(tests.join(name), "").unwrap();
            fs::set_permissions(tests.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let scripts = ["a.test".to_owned()];
        let check = |suite: &str| {
            let suite = Settings::parse(suite).unwrap();
            let checked = suite.of_scripts(charm.path(), &scripts);
            checked.err().map(|error| error.to_string())
        };
        for (suite, expected) in [
            (
                "setup: up\nteardown: [up]\nresolve: {x: ./tests, y: 'ch:y', z: /}\n",
                None,
            ),
            (
                "setup: [nothere]\n",
                Some("setup: tests/nothere is not there"),
            ),
            (
                "teardown: [up, plain]\n",
                Some("teardown: tests/plain is not executable"),
            ),
            ("setup: dir\n", Some("setup: tests/dir is no file")),
            (
                "resolve: {x: ../nothere}\n",
                Some("resolve: x: ../nothere is not there"),
            ),
            (
                "resolve: {x: nothere}\n",
                Some("resolve: x: nothere is neither a path"),
            ),
        ] {
            let said = check(suite);
            assert_eq!(said.is_some(), expected.is_some(), "{suite}: {said:?}");
            let said = said.unwrap_or_default();
            assert!(
                said.contains(expected.unwrap_or_default()),
                "{suite}: {said}"
            );
        }
        fs::write(tests.join("a.yaml"), "setup: gone\n").unwrap();
        let said = check("").unwrap();
        assert!(
            said.contains("tests/a.yaml") && said.contains("tests/gone is not there"),
            "{said}"
        );
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
            ("testbed: junk\n", None, "`testbed: junk` is no base"),
            ("testbed: '@1'\n", None, "is no base"),
            ("testbed: ubuntu@24.04/stable\n", None, "is no base"),
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
