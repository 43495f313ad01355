//! What spread reads: a project file, and a task for each module.
//!
//! The format and its limits are those of spread's `Load` (`spread/project.go`): names are lower case, a suite and a task need a summary, an
//! ad-hoc backend needs `allocate`. A script of spread runs under `bash -eu` in the task's directory, with standard input closed and a PATH
//! of system directories only; `SPREAD_PATH` is the project's directory and `SPREAD_TASK` the task's below it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use charmtest::juju::quote;
use charmtest_charm::yaml_writer::to_yaml;
use serde_json::{Value, json};

use super::HEADER;

/// The directory of the tasks, below the project file's.
pub(super) const SUITE: &str = "spread";

/// The suite's name in the project file.
pub(super) const SUITE_KEY: &str = "spread/";

/// The variable that says where the ad-hoc machine is.
pub(super) const ADDRESS: &str = "SPREAD_ADHOC_ADDRESS";

/// The directory below a task's that comes back.
const RESULTS: &str = "results";

/// How long building and tearing down may take beside the tests of a module.
const BESIDE_TESTS: Duration = Duration::from_secs(60 * 60);

/// The longest time that spread knows, a year.
const FOR_EVER: &str = "8760h";

/// A module as a task runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Module {
    /// Its package.
    pub(super) package: String,
    /// Its test target, as cargo calls it.
    pub(super) target: String,
    /// Its name; `crate` for the root of the target.
    pub(super) name: String,
    /// The whole names of its tests.
    pub(super) tests: Vec<String>,
    /// How long its tests may take together, if that is limited.
    pub(super) limit: Option<Duration>,
}

/// A workspace to export.
#[derive(Debug, Clone, Default)]
pub(super) struct Workspace<'a> {
    /// Where it is below the project file's directory; empty for that directory.
    pub(super) below: &'a str,
    /// The packages and targets, as words for a shell, each after a space.
    pub(super) selection: String,
    /// What is built and run, in the same way.
    pub(super) options: String,
    /// Commands that each machine runs first.
    pub(super) setup: &'a [String],
}

impl Workspace<'_> {
    /// Returns the project file for a project of this name.
    pub(super) fn project(&self, name: &str) -> String {
        let name = slug(name);
        let mut prepare = self.enter();
        for command in self.setup {
            prepare += &format!("{command}\n");
        }
        let suite = json!({
            "summary": "charm tests, a task for each module",
            // Builds once on each machine; a build that fails aborts the suite and not every task.
            "prepare": format!("{}cargo charmtest list{}{} > /dev/null\n", self.enter(), self.selection, self.options),
            "kill-timeout": go_duration(Some(BESIDE_TESTS)),
        });
        let mut project = json!({
            "project": name,
            "path": format!("/root/{name}"),
            // tar takes these for any directory; `target` alone would leave modules of that name out.
            "exclude": ["target/debug", "target/release", "target/tmp", format!("{SUITE}/*/{RESULTS}")],
            "environment": {"PATH": "$HOME/.cargo/bin:$PATH"},
            "backends": {"adhoc": {
                "allocate": format!("ADDRESS \"${{{ADDRESS}:?is to be the machine that runs the tests, HOST[:PORT]}}\"\n"),
                "systems": ["ubuntu-24.04"],
            }},
        });
        if !self.setup.is_empty() {
            project["prepare"] = prepare.into();
        }
        project["suites"] = json!({SUITE_KEY: suite});
        text(&project)
    }

    /// Returns the name and the file of each module's task.
    pub(super) fn tasks(&self, modules: &[Module]) -> Vec<(String, String)> {
        let names = task_names(modules);
        let files = modules.iter().map(|module| self.task(module, modules));
        names.into_iter().zip(files).collect()
    }

    fn task(&self, module: &Module, all: &[Module]) -> String {
        let Module {
            package,
            target,
            name,
            ..
        } = module;
        let filters: String = filters(module, all)
            .into_iter()
            .map(|filter| format!(" {}", quote(filter)))
            .collect();
        let what = format!(
            "run --package {} --test {}{} --exact{filters}",
            quote(package),
            quote(target),
            self.options
        );
        // Of a pipe the shell tells only how the last command ended, unless it is asked for more.
        let execute = format!(
            "results=\"$SPREAD_PATH/$SPREAD_TASK/{RESULTS}\"\n\
             mkdir -p \"$results\"\n\
             export XDG_STATE_HOME=\"$results/state\"\n\
             {}set -o pipefail\n\
             cargo charmtest {what} 2>&1 | tee \"$results/report.txt\"\n",
            self.enter()
        );
        let restore = format!(
            "export XDG_STATE_HOME=\"$SPREAD_PATH/$SPREAD_TASK/{RESULTS}/state\"\n\
             cargo charmtest clean\n"
        );
        text(&json!({
            "summary": format!("charm tests of {package}::{target} {name}"),
            "execute": execute,
            "restore": restore,
            "artifacts": [RESULTS],
            "kill-timeout": go_duration(module.limit.map(|limit| limit.saturating_add(BESIDE_TESTS))),
        }))
    }

    /// Returns the line that changes to the workspace.
    fn enter(&self) -> String {
        match self.below {
            "" => "cd \"$SPREAD_PATH\"\n".to_owned(),
            below => format!("cd \"$SPREAD_PATH\"/{}\n", quote(below)),
        }
    }
}

fn text(value: &Value) -> String {
    format!("{}{}", HEADER.replace("COMMAND", "spread"), to_yaml(value))
}

/// Returns the filters that select exactly `module` in its target under `--exact`: its name, unless a test elsewhere is called the same.
fn filters<'a>(module: &'a Module, all: &'a [Module]) -> Vec<&'a str> {
    let others = all.iter().filter(|other| {
        (&other.package, &other.target) == (&module.package, &module.target)
            && other.name != module.name
    });
    let means = |test: &String| {
        let rest = test.strip_prefix(&module.name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
    };
    match others.flat_map(|other| &other.tests).any(means) {
        false => vec![&module.name],
        true => module.tests.iter().map(String::as_str).collect(),
    }
}

/// Returns names for the tasks of `modules`, no two the same.
fn task_names(modules: &[Module]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let name = |module: &Module| {
        let parts = [&module.package, &module.target, &module.name];
        let stem = parts.map(|part| slug(part)).join(".");
        let mut name = stem.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{stem}-{number}");
            number += 1;
        }
        name
    };
    modules.iter().map(name).collect()
}

/// Returns `name` with what spread does not take in names replaced: lower-case letters and digits, with single dashes between them.
fn slug(name: &str) -> String {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    match words.is_empty() {
        false => words.join("-"),
        true => "unnamed".to_owned(),
    }
}

/// Writes a duration as Go does, in minutes and rounded up.
fn go_duration(limit: Option<Duration>) -> String {
    match limit {
        Some(limit) => format!("{}m", limit.as_secs().div_ceil(60)),
        None => FOR_EVER.to_owned(),
    }
}

/// Says whether a file of the suite's directory is one of ours.
pub(super) fn is_ours(file: &Path) -> bool {
    std::fs::read_to_string(file)
        .is_ok_and(|text| text.starts_with(&HEADER.replace("COMMAND", "spread")))
}

#[cfg(test)]
mod tests {
    use charmtest_charm::yaml;

    use super::*;

    fn module(package: &str, target: &str, name: &str, tests: &[&str]) -> Module {
        Module {
            package: package.to_owned(),
            target: target.to_owned(),
            name: name.to_owned(),
            tests: tests.iter().map(|&test| test.to_owned()).collect(),
            limit: Some(Duration::from_secs(61)),
        }
    }

    /// What spread's `validName` demands.
    fn is_name(name: &str) -> bool {
        let word = |word: &str| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            !word.is_empty() && word.chars().all(plain)
        };
        name.split(['-', '.', '_']).all(word)
    }

    #[test]
    fn the_project_has_what_spread_demands() {
        let setup = ["apt-get install -y cargo".to_owned()];
        let workspace = Workspace {
            below: "charms/my web",
            selection: " --workspace".to_owned(),
            options: " --features a,b".to_owned(),
            setup: &setup,
        };
        let project = yaml::parse_value("spread.yaml", &workspace.project("My_Web (2)")).unwrap();
        assert_eq!(project["project"], "my-web-2");
        assert_eq!(project["path"], "/root/my-web-2");
        let backend = &project["backends"]["adhoc"];
        let allocate = backend["allocate"].as_str().unwrap();
        assert!(
            allocate.starts_with("ADDRESS \"${SPREAD_ADHOC_ADDRESS:?"),
            "{allocate}"
        );
        assert_eq!(backend["systems"], json!(["ubuntu-24.04"]));
        assert_eq!(
            project["prepare"],
            "cd \"$SPREAD_PATH\"/'charms/my web'\napt-get install -y cargo\n"
        );
        let suites = project["suites"].as_object().unwrap();
        assert_eq!(suites.keys().collect::<Vec<_>>(), [SUITE_KEY]);
        let suite = &suites[SUITE_KEY];
        assert_ne!(suite["summary"], "");
        assert_eq!(
            suite["prepare"],
            "cd \"$SPREAD_PATH\"/'charms/my web'\ncargo charmtest list --workspace --features a,b > /dev/null\n"
        );
        let plain = Workspace::default().project("");
        let plain = yaml::parse_value("spread.yaml", &plain).unwrap();
        assert_eq!(plain["project"], "unnamed");
        assert!(plain.get("prepare").is_none(), "{plain}");
    }

    #[test]
    fn every_module_has_one_task_that_runs_it() {
        let modules = [
            module("web", "integration", "crate", &["deploys", "relates"]),
            // `--exact relates` would run the test of the root, too.
            module(
                "web",
                "integration",
                "relates",
                &["relates::db", "relates::web[two words]"],
            ),
            module(
                "web",
                "integration",
                "relates::late",
                &["relates::late::db"],
            ),
            module("web", "upgrade", "relates", &["relates::db"]),
            module("web", "upgrade", "scales", &["scales::up[one]"]),
        ];
        let workspace = Workspace {
            options: " --release".to_owned(),
            ..Workspace::default()
        };
        let expected = [
            (
                "web.integration.crate",
                "--test integration --release --exact crate",
            ),
            (
                "web.integration.relates",
                "--test integration --release --exact relates::db 'relates::web[two words]'",
            ),
            (
                "web.integration.relates-late",
                "--test integration --release --exact relates::late",
            ),
            (
                "web.upgrade.relates",
                "--test upgrade --release --exact relates",
            ),
            (
                "web.upgrade.scales",
                "--test upgrade --release --exact scales",
            ),
        ];
        let tasks = workspace.tasks(&modules);
        assert_eq!(tasks.len(), expected.len());
        for ((name, text), (expected, what)) in tasks.iter().zip(expected) {
            assert_eq!(name, expected);
            let task = yaml::parse_value("task.yaml", text).unwrap();
            let execute = task["execute"].as_str().unwrap();
            let line = format!("\ncargo charmtest run --package web {what} 2>&1 | tee ");
            assert_eq!(execute.matches("cargo charmtest").count(), 1, "{execute}");
            assert!(execute.contains(&line), "{execute}");
            assert!(execute.contains("\ncd \"$SPREAD_PATH\"\n"), "{execute}");
            assert!(execute.contains("set -o pipefail\n"), "{execute}");
            assert_ne!(task["summary"], "");
            assert_eq!(task["artifacts"], json!(["results"]));
            // Two minutes, rounded up, and an hour.
            assert_eq!(task["kill-timeout"], "62m");
        }
    }

    #[test]
    fn tasks_have_names_that_spread_takes_and_no_two_the_same() {
        let modules = [
            module("My_Charm", "it", "a::b", &[]),
            module("my-charm", "it", "a_b", &[]),
            module("my-charm", "it", "__a__B__", &[]),
            module("my-charm", "it", "a_b_2", &[]),
            module("my-charm", "it", "größe", &[]),
            module("my-charm", "it", "鍵", &[]),
        ];
        let names = task_names(&modules);
        assert!(names.iter().all(|name| is_name(name)), "{names:?}");
        let different: BTreeSet<&String> = names.iter().collect();
        assert_eq!(different.len(), modules.len(), "{names:?}");
        assert_eq!(names[0], "my-charm.it.a-b");
        assert_eq!(names[5], "my-charm.it.unnamed");
    }

    #[test]
    fn spread_ends_no_task_before_its_tests_are_out_of_time() {
        for (limit, expected) in [
            (Some(0), "0m"),
            (Some(1), "1m"),
            (Some(3600), "60m"),
            (None, FOR_EVER),
        ] {
            assert_eq!(go_duration(limit.map(Duration::from_secs)), expected);
        }
        let endless = Module {
            limit: None,
            ..module("web", "it", "a", &["a::t"])
        };
        let tasks = Workspace::default().tasks(&[endless]);
        assert!(tasks[0].1.contains("kill-timeout: 8760h\n"), "{tasks:?}");
    }
}
