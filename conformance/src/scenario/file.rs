//! Scenario files: see `scenarios/README.md` for how they are written.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::VERSIONS;
use super::trace::Expected;
use crate::Result;
use crate::charm::Files;

/// One scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// The file's name without its ending.
    #[serde(skip)]
    pub(crate) name: String,
    /// What it shows, in one line.
    pub(crate) rule: String,
    /// Where the rule is written.
    pub(crate) source: String,
    /// The Juju versions for which it holds.
    #[serde(default = "all_versions")]
    pub(crate) versions: Vec<String>,
    /// Why it does not hold yet, by version. It runs all the same, and is to lose the entry once it holds.
    #[serde(default)]
    pub(crate) pending: BTreeMap<String, String>,
    /// Why it cannot run on a real Juju, if it cannot.
    #[serde(default)]
    pub(crate) embedded_only: Option<String>,
    /// How many times faster waits pass, for rules about hours; a real Juju has no such thing.
    #[serde(default = "real_time")]
    pub(crate) time_scale: u32,
    /// Charms by the name of their archive.
    #[serde(default)]
    pub(crate) charms: BTreeMap<String, Charm>,
    /// Other files in the working directory.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) step: Vec<Step>,
}

/// A charm of a scenario: a shell script that notes each hook, and then does what the scenario says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Charm {
    /// The charm's own name; its archive's name by default.
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) metadata: String,
    pub(crate) config: Option<String>,
    pub(crate) actions: Option<String>,
    /// Shell by hook name; `action NAME` for actions; `*` for every hook without an entry of its own.
    #[serde(default)]
    pub(crate) hooks: BTreeMap<String, String>,
    /// More files of the charm.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    /// Whether `dispatch` is left out, so that `files` bring the hooks.
    #[serde(default)]
    pub(crate) legacy: bool,
}

/// One step: a command, or something that must come to hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// A `juju` command line; words are split as by a shell.
    pub(crate) juju: Option<String>,
    /// Ends the controller with its agents and what they run, before anything else; it starts again at once.
    #[serde(default)]
    pub(crate) restart: bool,
    #[serde(default)]
    pub(crate) stdin: Option<String>,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// The exit code.
    #[serde(default)]
    pub(crate) exit: i32,
    /// What standard output has to contain; one empty text means that it has to be empty.
    #[serde(default)]
    pub(crate) stdout: Option<Texts>,
    /// The same for standard error.
    #[serde(default)]
    pub(crate) stderr: Option<Texts>,
    /// What standard output must not contain.
    #[serde(default)]
    pub(crate) stdout_lacks: Vec<String>,
    /// Values in the JSON on standard output, by keys with spaces between them.
    #[serde(default)]
    pub(crate) json: BTreeMap<String, toml::Value>,
    /// The same for YAML.
    #[serde(default)]
    pub(crate) yaml: BTreeMap<String, toml::Value>,
    /// Keeps standard output under this name, for `{name}` in later commands.
    pub(crate) keep: Option<String>,
    /// Keeps a value of the JSON: name to keys.
    #[serde(default)]
    pub(crate) keep_json: BTreeMap<String, String>,
    /// Repeats the command until everything holds.
    #[serde(default)]
    pub(crate) until: bool,
    /// Values that the JSON status has to come to, by keys with spaces between them.
    #[serde(default)]
    pub(crate) status: BTreeMap<String, toml::Value>,
    /// The hooks that each unit has run since the last such step.
    #[serde(default)]
    pub(crate) trace: BTreeMap<String, Vec<Expected>>,
    /// Texts that the log has to contain.
    #[serde(default)]
    pub(crate) log: Vec<String>,
    /// Texts that the log must not contain.
    #[serde(default)]
    pub(crate) log_lacks: Vec<String>,
    /// Does not wait for units to come to rest before this step.
    #[serde(default)]
    pub(crate) now: bool,
    /// The only version for which the step is.
    pub(crate) only: Option<String>,
}

/// One text or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Texts {
    pub(crate) fn all(&self) -> Vec<&str> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts.iter().map(String::as_str).collect(),
        }
    }
}

fn all_versions() -> Vec<String> {
    VERSIONS.iter().map(|&version| version.to_owned()).collect()
}

fn real_time() -> u32 {
    1
}

impl Scenario {
    /// Returns why it is not for a real Juju of this version, if it is not.
    pub(crate) fn not_for_real(&self, version: &str) -> Option<String> {
        if let Some(why) = &self.embedded_only {
            return Some(why.clone());
        }
        if self.time_scale != 1 {
            return Some("it would take hours: no clock but ours runs faster".to_owned());
        }
        let is_for = self.versions.iter().any(|own| own == version);
        (!is_for).then(|| format!("it is for {}", self.versions.join(" and ")))
    }
}

/// Reads all scenarios, by name.
pub(crate) fn read_all(dir: &Path) -> Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let mut scenario = parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        scenario.name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        scenarios.push(scenario);
    }
    scenarios.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(scenarios)
}

/// Reads one scenario.
pub(crate) fn parse(text: &str) -> Result<Scenario> {
    let scenario: Scenario = toml::from_str(text)?;
    let unknown = scenario
        .versions
        .iter()
        .chain(scenario.pending.keys())
        .chain(scenario.step.iter().filter_map(|step| step.only.as_ref()));
    for version in unknown {
        if !VERSIONS.contains(&version.as_str()) {
            return Err(format!("no version {version}").into());
        }
    }
    if scenario.embedded_only.is_none() && scenario.step.iter().any(|step| step.restart) {
        return Err("a step with `restart` needs `embedded_only`".into());
    }
    Ok(scenario)
}

/// What every charm does first: it notes the hook in the log.
const NOTE: &str = r#"#!/bin/sh
juju-log "hook: ${JUJU_DISPATCH_PATH}|${JUJU_REMOTE_UNIT:-$JUJU_REMOTE_APP}|${JUJU_DEPARTING_UNIT}${JUJU_STORAGE_ID}"
set -e
case "$JUJU_DISPATCH_PATH" in
"#;

impl Charm {
    /// Returns the charm's files.
    pub(crate) fn files(&self, archive: &str) -> Files {
        let name = self.name.as_deref().unwrap_or(archive);
        let mut files = self.files.clone();
        files.insert(
            "metadata.yaml".to_owned(),
            format!("name: {name}\nsummary: a charm of a scenario\ndescription: a charm of a scenario\n{}", self.metadata),
        );
        files.insert(
            "manifest.yaml".to_owned(),
            "bases:\n- {name: ubuntu, channel: '24.04', architectures: [amd64]}\n".to_owned(),
        );
        for (file, text) in [
            ("config.yaml", &self.config),
            ("actions.yaml", &self.actions),
        ] {
            if let Some(text) = text {
                files.insert(file.to_owned(), text.clone());
            }
        }
        if !self.legacy {
            files.insert("dispatch".to_owned(), self.dispatch());
        }
        files
    }

    fn dispatch(&self) -> String {
        let mut script = NOTE.to_owned();
        let mut arm = |pattern: &str, body: &str| {
            // Writing to a string cannot fail.
            let _ = write!(script, "{pattern})\n{body}\n;;\n");
        };
        for (hook, body) in &self.hooks {
            match hook.strip_prefix("action ") {
                _ if hook == "*" => {}
                Some(action) => arm(&format!("actions/{action}"), body),
                None => arm(&format!("hooks/{hook}"), body),
            }
        }
        if !self.hooks.contains_key("start") {
            arm("hooks/start", "status-set active");
        }
        if let Some(body) = self.hooks.get("*") {
            arm("*", body);
        }
        script.push_str("esac\nexit 0\n");
        script
    }
}

/// Splits a command line into words: quotes keep words together, and there is nothing else to it.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_by_a_shell() {
        for (line, expected) in [
            ("deploy ./a.charm a", vec!["deploy", "./a.charm", "a"]),
            (
                "exec -u a/0 -- 'echo \"x y\"  z'",
                vec!["exec", "-u", "a/0", "--", "echo \"x y\"  z"],
            ),
            (
                "config a mode=\"b c\" ''",
                vec!["config", "a", "mode=b c", ""],
            ),
            ("  ", vec![]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn a_charm_runs_what_the_scenario_says() {
        let charm: Charm =
            toml::from_str("hooks = {install = 'echo a', 'action say' = 'echo b', '*' = 'echo c'}")
                .unwrap();
        let script = &charm.files("x")["dispatch"];
        let expected =
            "hooks/install)\necho a\n;;\nhooks/start)\nstatus-set active\n;;\n*)\necho c\n;;\nesac";
        assert!(script.contains("actions/say)\necho b\n;;\n"), "{script}");
        assert!(script.contains(expected), "{script}");
    }

    #[test]
    fn unknown_keys_and_versions_are_refused() {
        let start = "rule = 'r'\nsource = 's'\n";
        for (rest, expected) in [
            ("[[step]]\njuj = 'status'", "unknown field `juj`"),
            (
                "versions = ['2.9']\n[[step]]\njuju = 'status'",
                "no version 2.9",
            ),
            ("[[step]]\nonly = '5'\njuju = 'status'", "no version 5"),
            ("[[step]]\nrestart = true", "needs `embedded_only`"),
        ] {
            let error = parse(&format!("{start}{rest}")).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
