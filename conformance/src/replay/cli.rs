//! The recorded command lines, run again in their order on the embedded controller.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::compare::{self, Found};
use super::names::Names;
use super::plan::Plan;
use super::record::{self, Record};
use super::report::Report;
use super::state;
use crate::juju::{Input, Juju, Said, TOO_LATE};
use crate::scenario::at_rest;
use crate::{Options, Result, charm, print};

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(90);

/// How long a command runs that was ended by the recorder, once it has said what it has to say.
const LATE_LIMIT: Duration = Duration::from_millis(700);

/// How long units may take to come to rest after a command, and a status to show them as they were recorded. Both come, or the
/// replay has failed: so it is long, and costs time only then.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the files begin that hold units.
const HOLD: &str = "hold-";

/// The name of this part of the suite.
pub(crate) const NAME: &str = "recorded";

/// Replays the records that were asked for, and prints what differs; returns whether every difference is explained.
pub(crate) fn run(options: &Options, root: &Path) -> Result<bool> {
    let records = record::read(&root.join("recordings/juju-4.0.15/cli"))?;
    let plan = Plan::read(&root.join("recordings/replay"))?;
    let choice = Choice::new(options, &records)?;
    let dir = tempfile::tempdir()?;
    let juju = Juju::embedded(&options.charmtest, dir.path(), "4.0")?;
    prepare(&plan, root, &juju)?;
    let mut answers = options.answers.as_ref().map(File::create).transpose()?;
    let mut replay = Replay {
        juju,
        names: Names::new(&plan.words),
        settled: BTreeSet::new(),
    };
    for line in &plan.setup {
        replay.settle(None)?;
        replay.between(line)?;
    }
    let mut report = Report::new(&plan);
    for record in &records[..choice.end] {
        for between in plan.before(&record.id) {
            if !between.at_once {
                replay.settle(None)?;
            }
            for line in &between.run {
                replay.between(line)?;
            }
        }
        let chosen = choice.has(record);
        if plan.skipped(&record.id).is_some() {
            if chosen {
                report.skipped(record);
            }
            continue;
        }
        if !chosen && record.reads() {
            continue;
        }
        let since = Instant::now();
        let answer = replay.replay(record, &plan)?;
        if options.verbose {
            let argv = record.argv.join(" ");
            let took = since.elapsed().as_millis();
            print(&format!("{} ({argv}) took {took} ms", record.id));
        }
        if let Some(file) = &mut answers {
            write_answer(file, record, &answer)?;
        }
        if chosen {
            report.add(record, answer);
        }
    }
    Ok(report.finish(&records, choice.is_all()))
}

/// Which records are compared.
struct Choice<'a> {
    topics: &'a [String],
    /// How many of the records are run.
    end: usize,
    of: usize,
}

impl<'a> Choice<'a> {
    fn new(options: &'a Options, records: &[Record]) -> Result<Self> {
        let topics = options.names.get(1..).unwrap_or_default();
        for topic in topics {
            if !records.iter().any(|record| record.topic() == topic) {
                return Err(format!("{topic}: no such topic is recorded").into());
            }
        }
        let asked =
            |record: &Record| topics.is_empty() || topics.contains(&record.topic().to_owned());
        let last = match &options.until {
            Some(id) => records
                .iter()
                .position(|record| record.id == *id)
                .ok_or_else(|| format!("{id} is not recorded"))?,
            None => records.iter().rposition(asked).unwrap_or(0),
        };
        Ok(Self {
            topics,
            end: last + 1,
            of: records.len(),
        })
    }

    fn has(&self, record: &Record) -> bool {
        self.topics.is_empty() || self.topics.iter().any(|topic| topic == record.topic())
    }

    fn is_all(&self) -> bool {
        self.topics.is_empty() && self.end == self.of
    }
}

fn write_answer(file: &mut File, record: &Record, answer: &Answer) -> Result {
    let found: Vec<String> = answer
        .found
        .iter()
        .map(|found| format!("{}: {}", found.aspect, found.text))
        .collect();
    let value = json!({
        "id": record.id,
        "argv": record.argv,
        "exit": answer.said.code,
        "stdout": answer.said.stdout,
        "stderr": answer.said.stderr,
        "differs": found,
    });
    writeln!(file, "{value}")?;
    Ok(())
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
        // The charms look there for what has to wait.
        let work = juju.work().display().to_string();
        for text in files.values_mut() {
            *text = text.replace("@WORK@", &work);
        }
        let to = juju.work().join(&variant.to);
        if variant.to.ends_with(".charm") {
            charm::pack(&files, &to)?;
        } else {
            charm::unpack(&files, &to)?;
        }
    }
    Ok(())
}

/// Our answer to a recorded command.
pub(crate) struct Answer {
    pub(crate) said: Said,
    pub(crate) found: Vec<Found>,
    /// Whether the messages are equal, word for word.
    pub(crate) same_words: bool,
    /// What we say that is not supported.
    pub(crate) missing: Option<String>,
}

/// A replay on its way.
struct Replay {
    juju: Juju,
    names: Names,
    /// The models whose units are known to be at rest since the last command that changes something; `None` is the current one.
    settled: BTreeSet<Option<String>>,
}

impl Replay {
    /// Runs what happened between records: a `juju` command line, or a shell command after `!`.
    fn between(&mut self, line: &str) -> Result {
        let said = match line.strip_prefix('!') {
            Some(script) => {
                self.juju
                    .other(&["sh".to_owned(), "-c".to_owned(), script.to_owned()])?
            }
            None => {
                let args: Vec<String> = words(line).map(|word| self.names.text(&word)).collect();
                self.juju.call(&args, &Input::default(), LIMIT)?
            }
        };
        self.settled.clear();
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
    fn replay(&mut self, record: &Record, plan: &Plan) -> Result<Answer> {
        if !is_at_once(record) && !plan.at_once(&record.id) {
            self.settle(None)?;
            if let Some(model) = record.model() {
                self.settle(Some(model))?;
            }
        }
        let mut ours = self.ask(record)?;
        let expected = (record.command() == "status")
            .then(|| state::read(&self.names.text(&record.stdout)))
            .flatten();
        if let Some(state) = &expected
            && !plan.lists(&record.id, compare::Aspect::State)
        {
            Juju::wait(PATIENCE, || {
                if state::read(&ours.stdout).as_ref() == Some(state) {
                    return Ok(true);
                }
                ours = self.ask(record).map_err(std::io::Error::other)?;
                Ok(false)
            })?;
        }
        self.names.learn(&record.stdout, &ours.stdout);
        self.names.learn(&record.stderr, &ours.stderr);
        let mut theirs = record.clone();
        theirs.stdout = self.names.text(&record.stdout);
        theirs.stderr = self.names.text(&record.stderr);
        let mut found = compare::compare(&theirs, &ours, &plan.fragments);
        if let Some(state) = &expected {
            found.extend(compare::states(state, &ours.stdout));
        }
        if record.is_other() {
            // What a file holds was printed by the command that wrote it, and is compared there.
            found.retain(|found| found.aspect == compare::Aspect::Exit);
        }
        if !record.reads() {
            self.settled.clear();
        }
        Ok(Answer {
            found,
            same_words: compare::same_words(&theirs, &ours),
            missing: missing(&ours.stderr),
            said: ours,
        })
    }

    fn ask(&self, record: &Record) -> Result<Said> {
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
        if record.exit == TOO_LATE {
            let speaks = !record.stdout.trim().is_empty();
            return Ok(self.juju.cut_off(&args, &input, LATE_LIMIT, speaks)?);
        }
        Ok(self.juju.call(&args, &input, LIMIT)?)
    }

    /// Returns whether units are held.
    fn holds(&self) -> Result<bool> {
        for entry in fs::read_dir(self.juju.work())? {
            if entry?.file_name().to_string_lossy().starts_with(HOLD) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Waits until no unit of a model has anything to do; units that are held have.
    fn settle(&mut self, model: Option<&str>) -> Result {
        let key = model.map(str::to_owned);
        if self.settled.contains(&key) || self.holds()? {
            return Ok(());
        }
        let mut latest = Value::Null;
        let settled = Juju::wait(PATIENCE, || {
            latest = self.juju.status(model)?;
            Ok(at_rest(&latest))
        })?;
        if settled {
            self.settled.insert(key);
            return Ok(());
        }
        let seconds = PATIENCE.as_secs();
        Err(format!("units do not come to rest within {seconds} s: {latest}").into())
    }
}

/// Splits a line at spaces; what stands between single quotes is one word.
fn words(line: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    for (index, part) in line.split('\'').enumerate() {
        let quoted = index % 2 == 1;
        let mut pieces = part.split(' ').filter(|_| !quoted);
        let first = if quoted { Some(part) } else { pieces.next() };
        if let Some(last) = words.last_mut() {
            last.push_str(first.unwrap_or_default());
        }
        words.extend(pieces.map(str::to_owned));
    }
    words.into_iter()
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
    MOMENTS.iter().any(|moment| note.contains(moment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_words_are_one() {
        let words: Vec<String> = words("exec -- status-set active 'mode calm' x").collect();
        assert_eq!(
            words,
            ["exec", "--", "status-set", "active", "mode calm", "x"]
        );
    }
}
