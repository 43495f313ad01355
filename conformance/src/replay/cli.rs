//! The recorded command lines, run again in their order on the embedded controller.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::compare::{self, Found};
use super::names::Names;
use super::plan::{Ledger, Plan};
use super::record::{self, Record};
use crate::juju::{Input, Juju, TOO_LATE};
use crate::{Options, Result, charm, print, shape};

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(20);

/// How long a command runs that was ended by the recorder.
const LATE_LIMIT: Duration = Duration::from_millis(700);

/// How long units may take to come to rest after a command. Some never do: they stay in error.
const SETTLE: Duration = Duration::from_secs(5);

/// How long the same state may last, once it is known as one that does not come to rest.
const STUCK: Duration = Duration::from_millis(200);

/// How long a status may take to show the units as they were recorded.
const SAME_STATE: Duration = Duration::from_millis(600);

/// What came of the records of one topic.
#[derive(Debug, Default)]
struct Tally {
    skipped: usize,
    alike: usize,
    explained: usize,
    unexplained: usize,
    /// Answered with "not supported by the embedded controller".
    missing: usize,
    same_words: usize,
}

/// Replays all records, and prints what differs; returns whether every difference is explained.
pub(crate) fn run(options: &Options, root: &Path) -> Result<bool> {
    let records = record::read(&root.join("recordings/juju-4.0.15/cli"))?;
    let plan = Plan::read(&root.join("recordings/replay.toml"))?;
    let dir = tempfile::tempdir()?;
    let juju = Juju::embedded(&options.charmtest, dir.path(), "4.0")?;
    prepare(&plan, root, &juju)?;
    let mut replay = Replay {
        juju,
        names: Names::new(&plan.words),
        changed: false,
        in_vain: None,
        stuck: None,
    };
    for line in &plan.setup {
        replay.between(line)?;
    }
    let mut ledger = Ledger::new(&plan);
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut unexplained = 0;
    let mut absent: BTreeMap<String, usize> = BTreeMap::new();
    for record in &records {
        for line in plan.before(&record.id) {
            replay.between(line)?;
        }
        let tally = tallies.entry(record.topic().to_owned()).or_default();
        if plan.skipped(&record.id).is_some() {
            tally.skipped += 1;
            continue;
        }
        let since = Instant::now();
        let (found, same_words, missing) = replay.replay(record, &plan.fragments)?;
        if options.verbose {
            print(&format!(
                "{} ({}) took {} ms",
                record.id,
                record.argv.join(" "),
                since.elapsed().as_millis()
            ));
        }
        if let Some(what) = missing {
            tally.missing += 1;
            if !plan.absent.contains_key(&what) {
                print(&format!(
                    "{} ({}): `{what}` is not there",
                    record.id,
                    record.argv.join(" ")
                ));
                unexplained += 1;
            }
            *absent.entry(what).or_default() += 1;
            continue;
        }
        let any = !found.is_empty();
        tally.same_words += usize::from(same_words);
        let left = ledger.unexplained(&record.id, found);
        match (any, left.is_empty()) {
            (false, _) => tally.alike += 1,
            (true, true) => tally.explained += 1,
            (true, false) => tally.unexplained += 1,
        }
        unexplained += left.len();
        for found in left {
            print(&format!(
                "{} ({}) {}: {}",
                record.id,
                record.argv.join(" "),
                found.aspect,
                found.text
            ));
        }
    }
    let known = |id: &str| records.iter().any(|record| record.id == id);
    let mut faults: Vec<String> = plan
        .strangers(known)
        .iter()
        .map(|id| format!("replay.toml names {id}, which is not recorded"))
        .collect();
    faults.extend(ledger.stale(true));
    let there = plan
        .absent
        .iter()
        .filter(|(what, _)| !absent.contains_key(*what));
    faults.extend(there.map(|(what, why)| format!("`{what}` is there now ({why})")));
    for fault in &faults {
        print(fault);
    }
    if !absent.is_empty() {
        let counts: Vec<String> = absent
            .iter()
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        print(&format!("not there: {}", counts.join(", ")));
    }
    summary(&tallies);
    Ok(unexplained == 0 && faults.is_empty())
}

fn summary(tallies: &BTreeMap<String, Tally>) {
    print(&format!(
        "{:<14} {:>8} {:>8} {:>6} {:>10} {:>12} {:>10} {:>10}",
        "recorded",
        "replayed",
        "alike",
        "share",
        "explained",
        "unexplained",
        "not there",
        "skipped"
    ));
    let mut all = Tally::default();
    for (topic, tally) in tallies {
        line(topic, tally);
        all.skipped += tally.skipped;
        all.alike += tally.alike;
        all.explained += tally.explained;
        all.unexplained += tally.unexplained;
        all.missing += tally.missing;
        all.same_words += tally.same_words;
    }
    line("all", &all);
    let replayed = all.alike + all.explained + all.unexplained + all.missing;
    print(&format!(
        "messages equal word for word: {} of {replayed}",
        all.same_words
    ));
}

fn line(topic: &str, tally: &Tally) {
    let replayed = tally.alike + tally.explained + tally.unexplained + tally.missing;
    let share = (tally.alike * 100).checked_div(replayed).unwrap_or(100);
    print(&format!(
        "{topic:<14} {replayed:>8} {:>8} {share:>5}% {:>10} {:>12} {:>10} {:>10}",
        tally.alike, tally.explained, tally.unexplained, tally.missing, tally.skipped
    ));
}

/// Writes the files and charms that the commands name.
fn prepare(plan: &Plan, root: &Path, juju: &Juju) -> Result {
    for (name, text) in &plan.files {
        let path = juju.work().join(name);
        fs::create_dir_all(path.parent().unwrap_or(juju.work()))?;
        fs::write(path, text)?;
    }
    for variant in &plan.charms {
        let mut files = charm::read(&root.join("charms").join(&variant.from))?;
        for (file, old, new) in &variant.replace {
            let text = files
                .get_mut(file)
                .ok_or_else(|| format!("{}: no file {file}", variant.to))?;
            if !text.contains(old.as_str()) {
                return Err(format!("{}: {file} has no `{old}`", variant.to).into());
            }
            *text = text.replace(old.as_str(), new);
        }
        files.retain(|name, _| !variant.without.contains(name));
        let to = juju.work().join(&variant.to);
        if variant.to.ends_with(".charm") {
            charm::pack(&files, &to)?;
        } else {
            charm::unpack(&files, &to)?;
        }
    }
    Ok(())
}

/// Units and how they are: workload, agent, and the messages of both.
type State = BTreeMap<String, [String; 4]>;

/// A replay on its way.
struct Replay {
    juju: Juju,
    names: Names,
    /// Whether something was asked for that units may still be busy with.
    changed: bool,
    /// A state of units that did not come; the records after it often show the same in other formats.
    in_vain: Option<State>,
    /// A state that did not come to rest; after commands that change nothing of it, there is nothing to wait for.
    stuck: Option<State>,
}

impl Replay {
    /// Runs what happened between records: a `juju` command line, or a shell command after `!`.
    fn between(&mut self, line: &str) -> Result {
        self.settle()?;
        let said = match line.strip_prefix('!') {
            Some(script) => {
                self.juju
                    .other(&["sh".to_owned(), "-c".to_owned(), script.to_owned()])?
            }
            None => {
                let args: Vec<String> = line.split(' ').map(|word| self.names.text(word)).collect();
                self.juju.call(&args, &Input::default(), LIMIT)?
            }
        };
        self.changed = true;
        if said.code == 0 {
            return Ok(());
        }
        Err(format!(
            "between records, `{line}` ended with {}: {}",
            said.code, said.stderr
        )
        .into())
    }

    /// Runs the command of a record again and compares.
    fn replay(
        &mut self,
        record: &Record,
        fragments: &[String],
    ) -> Result<(Vec<Found>, bool, Option<String>)> {
        if !is_at_once(record) {
            self.settle()?;
        }
        let mut ours = self.ask(record)?;
        if let Some(state) = state(&record.stdout)
            && record.command() == "status"
            && self.in_vain.as_ref() != Some(&state)
        {
            let mut latest = ours.clone();
            let same = Juju::wait(SAME_STATE, || {
                if self::state(&latest.stdout).as_ref() == Some(&state) {
                    return Ok(true);
                }
                latest = self.ask(record).map_err(std::io::Error::other)?;
                Ok(false)
            })?;
            if same {
                ours = latest;
            } else {
                self.in_vain = Some(state);
            }
        }
        self.names.learn(&record.stdout, &ours.stdout);
        self.names.learn(&record.stderr, &ours.stderr);
        let mut theirs = record.clone();
        theirs.stdout = self.names.text(&record.stdout);
        theirs.stderr = self.names.text(&record.stderr);
        let mut found = compare::compare(&theirs, &ours, fragments);
        if record.is_other() {
            // What a file holds was printed by the command that wrote it, and is compared there.
            found.retain(|found| found.aspect == compare::Aspect::Exit);
        }
        self.changed |= !record.reads();
        Ok((
            found,
            compare::same_words(&theirs, &ours),
            missing(&ours.stderr),
        ))
    }

    fn ask(&self, record: &Record) -> Result<crate::juju::Said> {
        if record.is_other() {
            return Ok(self.juju.other(&record.argv)?);
        }
        let command = record.command().to_owned();
        let args: Vec<String> = record
            .words()
            .iter()
            .map(|word| self.names.argument(&command, word))
            .collect();
        let env = record
            .env
            .iter()
            .map(|(name, value)| (name.clone(), self.names.text(value)));
        let input = Input {
            stdin: record.stdin.clone(),
            env: env.collect(),
        };
        let limit = if record.exit == TOO_LATE {
            LATE_LIMIT
        } else {
            LIMIT
        };
        Ok(self.juju.call(&args, &input, limit)?)
    }

    /// Waits until no unit has anything to do.
    fn settle(&mut self) -> Result {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        let mut latest = Value::Null;
        let mut known_since = None;
        let stuck = self.stuck.take();
        let settled = Juju::wait(SETTLE, || {
            latest = self.juju.status(None)?;
            if is_settled(&latest) {
                return Ok(true);
            }
            if stuck.is_none() || units(&latest) != stuck {
                known_since = None;
                return Ok(false);
            }
            let since = *known_since.get_or_insert_with(Instant::now);
            Ok(since.elapsed() >= STUCK)
        })?;
        if !settled || !is_settled(&latest) {
            self.stuck = units(&latest);
        }
        Ok(())
    }
}

/// Returns what the embedded controller says that it does not support.
fn missing(stderr: &str) -> Option<String> {
    let line = stderr
        .lines()
        .find_map(|line| line.strip_prefix("ERROR "))?;
    let what = line.strip_suffix(" is not supported by the embedded controller")?;
    Some(what.replace('"', ""))
}

/// Returns whether a record shows what is only so for a moment after a command.
fn is_at_once(record: &Record) -> bool {
    let note = record.note.as_deref().unwrap_or("");
    const MOMENTS: &[&str] = &[
        "just ",
        "being removed",
        "pending",
        "running",
        "a moment",
        "at once",
        "hooks take three seconds",
        "first cancels",
        "unit just added",
    ];
    record.command() == "resolved" && note.is_empty()
        || MOMENTS.iter().any(|moment| note.contains(moment))
}

fn is_settled(status: &Value) -> bool {
    let applications = status["applications"].as_object().into_iter().flatten();
    applications.into_iter().all(|(_, application)| {
        let idle = |unit: &Value| unit["juju-status"]["current"] == "idle";
        let units = application["units"].as_object().into_iter().flatten();
        let dying = application["life"] == "dying";
        !dying
            && units.into_iter().all(|(_, unit)| {
                let subordinates = unit["subordinates"].as_object().into_iter().flatten();
                idle(unit) && subordinates.into_iter().all(|(_, unit)| idle(unit))
            })
    })
}

/// Returns what units a structured status shows, and how they are.
fn units(status: &Value) -> Option<State> {
    let applications = status["applications"].as_object()?;
    let units = applications
        .values()
        .flat_map(|application| application["units"].as_object().into_iter().flatten());
    let word = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let state = units.map(|(name, unit)| {
        let (workload, agent) = (&unit["workload-status"], &unit["juju-status"]);
        let words = [
            word(&workload["current"]),
            word(&agent["current"]),
            word(&workload["message"]),
            word(&agent["message"]),
        ];
        (name.clone(), words)
    });
    Some(state.collect())
}

/// Returns what units a status shows, and how they are: workload, agent, and what both say.
fn state(status: &str) -> Option<State> {
    let value = shape::json(status)
        .filter(Value::is_object)
        .or_else(|| shape::yaml(status));
    if let Some(state) = value.and_then(|value| units(&value)) {
        return Some(state);
    }
    let lines = status.lines().skip_while(|line| !line.starts_with("Unit "));
    let mut state = BTreeMap::new();
    for line in lines.skip(1).take_while(|line| !line.is_empty()) {
        let words: Vec<&str> = line
            .split("  ")
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .collect();
        if let [unit, workload, agent, ..] = words.as_slice() {
            let words = [
                (*workload).to_owned(),
                (*agent).to_owned(),
                String::new(),
                String::new(),
            ];
            state.insert((*unit).to_owned(), words);
        }
    }
    (!state.is_empty()).then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_units_is_read_from_every_format() {
        let json = r#"{"applications":{"a":{"units":{"a/0":{"workload-status":{"current":"active"},"juju-status":{"current":"idle"}}}}}}"#;
        let yaml = "applications:\n  a:\n    units:\n      a/0:\n        workload-status:\n          current: active\n        juju-status:\n          current: idle\n";
        let table = "Model  X\nm      y\n\nUnit   Workload  Agent  Machine\na/0    active    idle   0\n\nMachine  State\n0        started\n";
        let words = ["active", "idle", "", ""].map(str::to_owned);
        let expected = Some(BTreeMap::from([("a/0".to_owned(), words)]));
        for text in [json, yaml, table] {
            assert_eq!(state(text), expected, "{text}");
        }
        assert_eq!(state("Model  X\n"), None);
    }
}
