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

/// The directory of the tasks of a delta.
pub(super) const DELTA_SUITE: &str = "delta";

/// The delta with all its content, in the directory of its tasks.
pub(super) const DELTA_FILE: &str = "delta.tar";

/// The line that changes to the project's directory.
const ENTER: &str = "cd \"$SPREAD_PATH\"\n";

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
        let suite = json!({
            "summary": "charm tests, a task for each module",
            // Builds once on each machine; a build that fails aborts the suite and not every task.
            "prepare": format!("{}cargo charmtest list{}{} > /dev/null\n", self.enter(), self.selection, self.options),
            "kill-timeout": go_duration(Some(BESIDE_TESTS)),
        });
        // tar takes these for any directory; `target` alone would leave modules of that name out.
        let exclude = ["target/debug", "target/release", "target/tmp"];
        project(&name, SUITE, &exclude, (&self.enter(), self.setup), suite)
    }

    /// Returns the name and the file of each module's task.
    pub(super) fn tasks(&self, modules: &[Module]) -> Vec<(String, String)> {
        let names = task_names(modules);
        let files = modules.iter().map(|module| self.task(module));
        names.into_iter().zip(files).collect()
    }

    fn task(&self, module: &Module) -> String {
        let name = format!("{}::{} {}", module.package, module.target, module.name);
        // A part of the same selection on every machine, so that the results say what else there is to be.
        let part = quote(format!("module:{name}"));
        let what = format!("run{}{} --partition {part}", self.selection, self.options);
        task(
            &format!("charm tests of {name}"),
            &self.enter(),
            &what,
            module.limit,
        )
    }

    /// Returns the line that changes to the workspace.
    fn enter(&self) -> String {
        match self.below {
            "" => ENTER.to_owned(),
            below => format!("cd \"$SPREAD_PATH\"/{}\n", quote(below)),
        }
    }
}

/// Returns a project file with one suite: `excluded` stays where it is, each machine runs the commands of `setup` first, after the
/// line that goes to where they belong.
fn project(
    name: &str,
    directory: &str,
    excluded: &[&str],
    (enter, setup): (&str, &[String]),
    suite: Value,
) -> String {
    let mut exclude: Vec<String> = excluded.iter().map(ToString::to_string).collect();
    exclude.push(format!("{directory}/*/{RESULTS}"));
    let mut project = json!({
        "project": name,
        "path": format!("/root/{name}"),
        "exclude": exclude,
        "environment": {"PATH": "$HOME/.cargo/bin:$PATH"},
        "backends": {"adhoc": {
            "allocate": format!("ADDRESS \"${{{ADDRESS}:?is to be the machine that runs the tests, HOST[:PORT]}}\"\n"),
            "systems": ["ubuntu-24.04"],
        }},
    });
    if !setup.is_empty() {
        let commands: String = setup.iter().map(|command| format!("{command}\n")).collect();
        project["prepare"] = (enter.to_owned() + &commands).into();
    }
    let mut suites = serde_json::Map::new();
    suites.insert(format!("{directory}/"), suite);
    project["suites"] = suites.into();
    text(&project)
}

/// Returns a task that runs `cargo charmtest WHAT` after the line that goes to where it belongs, and brings back what came of it.
fn task(summary: &str, enter: &str, what: &str, limit: Option<Duration>) -> String {
    // Of a pipe the shell tells only how the last command ended, unless it is asked for more.
    let execute = format!(
        "results=\"$SPREAD_PATH/$SPREAD_TASK/{RESULTS}\"\n\
         mkdir -p \"$results\"\n\
         export XDG_STATE_HOME=\"$results/state\"\n\
         {enter}set -o pipefail\n\
         cargo charmtest {what} \\\n  \
         --results \"$results/results.jsonl\" --junit \"$results/junit.xml\" 2>&1 | tee \"$results/report.txt\"\n"
    );
    let restore = format!(
        "export XDG_STATE_HOME=\"$SPREAD_PATH/$SPREAD_TASK/{RESULTS}/state\"\n\
         cargo charmtest clean\n"
    );
    text(&json!({
        "summary": summary,
        "execute": execute,
        "restore": restore,
        "artifacts": [RESULTS],
        "kill-timeout": go_duration(limit.map(|limit| limit.saturating_add(BESIDE_TESTS))),
    }))
}

/// A delta to export.
#[derive(Debug, Clone)]
pub(super) struct Jobs<'a> {
    /// Its id.
    pub(super) delta: &'a str,
    /// The names of its jobs.
    pub(super) jobs: Vec<String>,
    /// The limit of its tests, as an option says it, if it was recorded.
    pub(super) limit: Option<&'a str>,
    /// How long a job may take, if that is limited.
    pub(super) at_most: Option<Duration>,
    /// Commands that each machine runs first.
    pub(super) setup: &'a [String],
}

impl Jobs<'_> {
    /// Returns the project file for a project of this name.
    pub(super) fn project(&self, name: &str) -> String {
        let suite = json!({
            "summary": format!("the jobs of delta {}", self.delta),
            "kill-timeout": go_duration(self.at_most.map(|limit| limit.saturating_add(BESIDE_TESTS))),
        });
        project(&slug(name), DELTA_SUITE, &[], (ENTER, self.setup), suite)
    }

    /// Returns the name and the file of each job's task.
    pub(super) fn tasks(&self) -> Vec<(String, String)> {
        let limit = self.limit.map(|limit| format!(" --test-timeout {limit}"));
        let limit = limit.unwrap_or_default();
        let file = |job: &String| {
            let archive = format!("{DELTA_SUITE}/{DELTA_FILE}");
            let what = format!("replay {archive} {}{limit}", quote(job));
            let summary = format!("job {job} of delta {}", self.delta);
            // Each unpacks the delta; what it makes of it stays on the machine.
            let enter = format!(
                "{ENTER}export TMPDIR=\"$SPREAD_PATH/$SPREAD_TASK/tmp\"\nmkdir -p \"$TMPDIR\"\n"
            );
            task(&summary, &enter, &what, self.at_most)
        };
        let names = different_names(self.jobs.iter().map(|job| slug(job)));
        names.into_iter().zip(self.jobs.iter().map(file)).collect()
    }
}

fn text(value: &Value) -> String {
    format!("{}{}", HEADER.replace("COMMAND", "spread"), to_yaml(value))
}

/// Returns names for the tasks of `modules`, no two the same.
fn task_names(modules: &[Module]) -> Vec<String> {
    different_names(modules.iter().map(|module| {
        let parts = [&module.package, &module.target, &module.name];
        parts.map(|part| slug(part)).join(".")
    }))
}

/// Returns the names with a number behind those that are there already.
fn different_names(stems: impl Iterator<Item = String>) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let name = |stem: String| {
        let mut name = stem.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{stem}-{number}");
            number += 1;
        }
        name
    };
    stems.map(name).collect()
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

    fn module(package: &str, target: &str, name: &str) -> Module {
        Module {
            package: package.to_owned(),
            target: target.to_owned(),
            name: name.to_owned(),
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
        assert_eq!(suites.keys().collect::<Vec<_>>(), ["spread/"]);
        let suite = &suites["spread/"];
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
            module("web", "integration", "crate"),
            module("web", "integration", "relates::late"),
            module("web", "up-grade", "relates"),
        ];
        let workspace = Workspace {
            selection: " --workspace".to_owned(),
            options: " --release".to_owned(),
            ..Workspace::default()
        };
        let expected = [
            ("web.integration.crate", "web::integration crate"),
            (
                "web.integration.relates-late",
                "web::integration relates::late",
            ),
            ("web.up-grade.relates", "web::up-grade relates"),
        ];
        let tasks = workspace.tasks(&modules);
        assert_eq!(tasks.len(), expected.len());
        for ((name, text), (expected, module)) in tasks.iter().zip(expected) {
            assert_eq!(name, expected);
            let task = yaml::parse_value("task.yaml", text).unwrap();
            let execute = task["execute"].as_str().unwrap();
            let line = format!(
                "\ncargo charmtest run --workspace --release --partition 'module:{module}' \\\n  --results \"$results/results.jsonl\" "
            );
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
    fn every_job_of_a_delta_has_one_task_that_runs_it() {
        let jobs = Jobs {
            delta: "77",
            jobs: vec![
                "ubuntu@24.04:web:-/deploy".into(),
                "ubuntu@24.04:web:-/10 a.test[4.0]".into(),
            ],
            limit: Some("10m"),
            at_most: Some(Duration::from_secs(600)),
            setup: &[],
        };
        let project = yaml::parse_value("spread.yaml", &jobs.project("My charms")).unwrap();
        assert_eq!(project["project"], "my-charms");
        assert_eq!(project["suites"]["delta/"]["kill-timeout"], "70m");
        let tasks = jobs.tasks();
        let names: Vec<&str> = tasks.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["ubuntu-24-04-web-deploy", "ubuntu-24-04-web-10-a-test-4-0"]
        );
        assert!(names.iter().all(|name| is_name(name)), "{names:?}");
        let task = yaml::parse_value("task.yaml", &tasks[1].1).unwrap();
        let execute = task["execute"].as_str().unwrap();
        let line = "cargo charmtest replay delta/delta.tar 'ubuntu@24.04:web:-/10 a.test[4.0]' --test-timeout 10m ";
        assert!(execute.contains(line), "{execute}");
    }

    #[test]
    fn tasks_have_names_that_spread_takes_and_no_two_the_same() {
        let modules = [
            module("My_Charm", "it", "a::b"),
            module("my-charm", "it", "a_b"),
            module("my-charm", "it", "__a__B__"),
            module("my-charm", "it", "a_b_2"),
            module("my-charm", "it", "größe"),
            module("my-charm", "it", "鍵"),
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
            ..module("web", "it", "a")
        };
        let tasks = Workspace::default().tasks(&[endless]);
        assert!(tasks[0].1.contains("kill-timeout: 8760h\n"), "{tasks:?}");
    }
}
