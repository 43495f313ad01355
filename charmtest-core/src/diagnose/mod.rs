//! Evidence: what is captured from a model at the moment when a test fails.

mod crash_dump;
mod highlights;
mod history;
mod relations;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::harness::{Evidence, Utc};
use crate::juju::{JujuError, Masker, TranscriptEntry};
use crate::ops_test::Model;
pub(crate) use crash_dump::{Afterwards, CrashDumps, Outcomes, is_wanted};
use highlights::Unit;
use history::Entry;

/// How long one command of the capture may take.
const STEP_LIMIT: Duration = Duration::from_secs(20);

/// Of how many units the history and the workload's log are captured, those in trouble first: each takes a command.
const UNITS: usize = 20;

/// How many entries of a unit's history are captured.
const ENTRIES: &str = "200";

/// What a unit on Kubernetes runs to print the logs of its workload's containers: their Pebbles listen in the charm's own.
const WORKLOAD_LOGS: &str = "for socket in /charm/containers/*/pebble.socket; do [ -S \"$socket\" ] || continue; \
     echo \"== $socket\"; PEBBLE_SOCKET=\"$socket\" /charm/bin/pebble logs -n 500; done";

/// What to capture, and where to put it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capture<'a> {
    /// The directory; it need not exist.
    pub(crate) directory: &'a Path,
    /// When the test began.
    pub(crate) since: SystemTime,
    /// Why the test did not pass.
    pub(crate) message: &'a str,
    /// How long all of it may take; what there is no time for is left out and named.
    pub(crate) limit: Duration,
}

/// What came of a capture.
#[derive(Clone, Debug)]
pub(crate) struct Captured {
    pub(crate) evidence: Evidence,
    /// What could not be written, and why.
    pub(crate) problem: Option<String>,
}

/// Saves what is known about a model into a directory: its status, its log since the test began, every unit with its
/// relations, its history and its hooks, the commands that the test ran, and the failure's message; secrets are hidden.
///
/// It never fails: a command that fails leaves its error in place of its output, and the others go on; without a place to
/// write to, what can be shown is shown all the same.
pub(crate) async fn capture(model: &Model, request: Capture<'_>) -> Captured {
    let collection = Collection {
        model,
        deadline: Instant::now() + request.limit,
        texts: Vec::new(),
    };
    let (texts, highlights) = collection.collect(&request).await;

    // What is learned here hides secrets in all that the run still stores and tells, not only in these files.
    let transcript = model.juju().transcript();
    transcript.learn(|masker| {
        texts
            .iter()
            .filter(|(name, _)| !name.contains("log"))
            .for_each(|(_, text)| masker.learn_from(text));
    });
    let masker = transcript.masker();
    let problem = save(request.directory, &texts, &masker).err();
    Captured {
        evidence: Evidence {
            directory: match request.directory.is_dir() {
                true => shown(request.directory),
                false => String::new(),
            },
            highlights: highlights.iter().map(|line| masker.mask(line)).collect(),
        },
        problem,
    }
}

/// A capture that goes on.
struct Collection<'a> {
    model: &'a Model,
    deadline: Instant,
    texts: Vec<(String, String)>,
}

impl Collection<'_> {
    /// Asks for everything; returns the files with their texts, and the lines to show.
    async fn collect(mut self, request: &Capture<'_>) -> (Vec<(String, String)>, Vec<String>) {
        let since = request.since;
        self.add("message.txt", request.message);
        let entries = self.model.juju().transcript().entries();
        self.add("commands.txt", &commands(&entries, since));

        let status = self.ask(&["status", "--format", "json"]).await;
        self.add("status.json", &text_of(&status));
        let table = self.ask(&["status", "--relations"]).await;
        self.add("status.txt", &text_of(&table));
        // All levels: what the model's logging-config lets through.
        let log = ["debug-log", "--replay", "--no-tail", "--utc", "--date"];
        let log = self.ask(&log).await;
        let log = log.map(|log| highlights::log_since(&log, since));
        self.add("debug-log.txt", &text_of(&log));

        let units = highlights::units(&json_of(&status));
        self.show_units(&units).await;
        self.history(&units).await;
        self.workload_logs(&units).await;
        let highlights = highlights::choose(&units, log.as_deref().unwrap_or_default());
        (self.texts, highlights)
    }

    async fn show_units(&mut self, units: &[Unit]) {
        if units.is_empty() {
            return;
        }
        let mut arguments = vec!["show-unit"];
        arguments.extend(units.iter().map(|unit| unit.name.as_str()));
        let shown = self.ask(&arguments).await;
        self.add("show-unit.yaml", &text_of(&shown));
        if shown.is_ok() {
            arguments.extend(["--format", "json"]);
            let shown = self.ask(&arguments).await;
            let text = shown.map(|text| relations::text(&json_of(&Ok(text))));
            self.add("relations.txt", &text_of(&text));
        }
    }

    /// Adds what the units' states were, and which hooks they ran.
    async fn history(&mut self, units: &[Unit]) {
        if units.is_empty() {
            return;
        }
        let mut log = String::new();
        let mut entries: Vec<(&str, Entry)> = Vec::new();
        for unit in urgent(units).take(UNITS) {
            let arguments = [
                "show-status-log",
                "-n",
                ENTRIES,
                "--utc",
                "--format",
                "json",
                &unit.name,
            ];
            let answer = self.ask(&arguments).await;
            log.push_str(&format!("# {}\n", unit.name));
            match &answer {
                Ok(text) => {
                    let read = history::read(text);
                    log.push_str(&history::table(&read));
                    entries.extend(read.into_iter().map(|entry| (unit.name.as_str(), entry)));
                }
                Err(_) => log.push_str(&text_of(&answer)),
            }
            log.push('\n');
        }
        log.push_str(&left_out(units));
        self.add("status-log.txt", &log);
        self.add("hooks.txt", &history::hooks(entries));
    }

    /// Adds what the workloads logged, which only Kubernetes knows apart from the units' own log.
    async fn workload_logs(&mut self, units: &[Unit]) {
        if !self.model.is_kubernetes() || units.is_empty() {
            return;
        }
        let mut logs = String::new();
        for unit in urgent(units).take(UNITS) {
            let log = self.ask(&["ssh", &unit.name, WORKLOAD_LOGS]).await;
            logs.push_str(&format!("# {}\n{}\n", unit.name, text_of(&log)));
        }
        logs.push_str(&left_out(units));
        self.add("workload-logs.txt", &logs);
    }

    fn add(&mut self, name: &str, text: &str) {
        self.texts.push((name.to_owned(), text.to_owned()));
    }

    /// Runs a command within the time that is left.
    async fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err("there was no time left for it".to_owned());
        }
        let call = self.model.call(arguments).check();
        let answer: Result<_, JujuError> = call.timeout(left.min(STEP_LIMIT)).run().await;
        answer
            .map(|output| output.stdout)
            .map_err(|error| error.to_string())
    }
}

/// Returns the units, those in trouble first.
fn urgent(units: &[Unit]) -> impl Iterator<Item = &Unit> {
    let (trouble, fine): (Vec<&Unit>, Vec<&Unit>) =
        units.iter().partition(|unit| unit.is_in_trouble());
    trouble.into_iter().chain(fine)
}

/// Says which units there was no room for.
fn left_out(units: &[Unit]) -> String {
    let names: Vec<&str> = urgent(units)
        .skip(UNITS)
        .map(|unit| unit.name.as_str())
        .collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("# not captured: {}\n", names.join(", ")),
    }
}

/// Writes all files, as many as can be written; the error names those that cannot.
fn save(directory: &Path, texts: &[(String, String)], masker: &Masker) -> Result<(), String> {
    let cannot =
        |path: &Path, error: io::Error| format!("cannot write {}: {error}", path.display());
    fs::create_dir_all(directory).map_err(|error| cannot(directory, error))?;
    let mut lost = texts.iter().filter_map(|(name, text)| {
        let path = directory.join(name);
        let error = fs::write(&path, masker.mask(text)).err()?;
        // Half a file takes the room that others need.
        let _ = fs::remove_file(&path);
        Some((name, cannot(&path, error)))
    });
    let Some((_, first)) = lost.next() else {
        return Ok(());
    };
    let others: Vec<&str> = lost.map(|(name, _)| name.as_str()).collect();
    match others.is_empty() {
        true => Err(first),
        false => Err(format!("{first}; nor {}", others.join(", "))),
    }
}

fn shown(directory: &Path) -> String {
    let absolute: PathBuf = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    absolute.display().to_string()
}

fn text_of(answer: &Result<String, String>) -> String {
    match answer {
        Ok(text) => text.clone(),
        Err(error) => format!("could not be captured: {error}\n"),
    }
}

fn json_of(answer: &Result<String, String>) -> Value {
    let text = answer.as_deref().unwrap_or_default();
    serde_json::from_str(text).unwrap_or_default()
}

/// Lists the commands that were run since the test began, ready to paste.
fn commands(entries: &[TranscriptEntry], since: SystemTime) -> String {
    let mut text = String::new();
    for entry in entries.iter().filter(|entry| entry.started >= since) {
        let started = Utc::of(entry.started).spaced();
        let end = match entry.code {
            Some(code) => format!("exit {code}"),
            None => "killed".to_owned(),
        };
        text.push_str(&format!(
            "# {started} {end} after {} ms\n{}\n",
            entry.duration.as_millis(),
            entry.command
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_the_test_are_listed() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let entry = |seconds, code| TranscriptEntry {
            started: at(seconds),
            command: format!("juju deploy web{seconds}"),
            duration: Duration::from_millis(7),
            code,
        };
        let text = commands(
            &[entry(10, Some(0)), entry(20, Some(1)), entry(30, None)],
            at(20),
        );
        assert_eq!(
            text,
            "# 1970-01-01 00:00:20 exit 1 after 7 ms\njuju deploy web20\n\
             # 1970-01-01 00:00:30 killed after 7 ms\njuju deploy web30\n"
        );
    }

    #[test]
    fn a_full_disk_costs_only_the_files_that_do_not_fit() {
        let directory = tempfile::tempdir().unwrap();
        let text = |name: &str| (name.to_owned(), "password: hunter2\n".to_owned());
        let texts = [text("a.txt"), text("b.txt"), text("c.txt"), text("d.txt")];
        for full in ["b.txt", "d.txt"] {
            std::os::unix::fs::symlink("/dev/full", directory.path().join(full)).unwrap();
        }
        let problem = save(directory.path(), &texts, &Masker::default()).unwrap_err();
        assert!(
            problem.contains("b.txt: No space left on device"),
            "{problem}"
        );
        assert!(problem.ends_with("; nor d.txt"), "{problem}");
        let saved = fs::read_to_string(directory.path().join("c.txt")).unwrap();
        assert_eq!(saved, "password: <hidden>\n");
    }
}
