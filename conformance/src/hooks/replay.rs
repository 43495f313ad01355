//! One model in which recorded scenarios are played again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Environment;
use super::compare::{Aspect, Found, compare};
use super::output::{self, Ids};
use super::plan::{Behaviour, Recording, Session};
use super::trace::{self, Call, Hook};
use crate::juju::{Input, Juju};
use crate::scenario::at_rest;
use crate::{Options, Result, charm};

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(90);

/// How long units may take to come to rest after a command. Some never do: they stay in error.
const REST_LIMIT: Duration = Duration::from_secs(60);

/// How long nothing may happen before hooks that did not run count as hooks that do not.
const QUIET: Duration = Duration::from_secs(3);

/// How close to the next a command was, in milliseconds, when nobody waited between them.
const AT_ONCE: u64 = 1000;

/// Variables all hooks have whose values do not depend on the run.
const FIXED: &[&str] = &[
    "JUJU_VERSION",
    "JUJU_AVAILABILITY_ZONE",
    "JUJU_AGENT_SOCKET_NETWORK",
    "CLOUD_API_VERSION",
    "JUJU_CHARM_HTTP_PROXY",
    "JUJU_CHARM_NO_PROXY",
];

/// What came of a scenario.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How many hooks were recorded, without those that only time brought.
    pub(crate) hooks: usize,
    /// How many of them ran here in their place and with the same variables.
    pub(crate) agree: usize,
    /// What differs, by unit; commands are under `juju`.
    pub(crate) found: BTreeMap<String, Vec<Found>>,
    /// How long it took here.
    pub(crate) took: Duration,
    /// The hooks of each unit, on Juju and here.
    pub(crate) orders: BTreeMap<String, [String; 2]>,
}

/// A model with the recorder charm.
pub(crate) struct Stage {
    // Before the directory, so that the controller ends before its files go.
    juju: Juju,
    constant: BTreeMap<String, String>,
    names: BTreeSet<String>,
    notes: PathBuf,
    control: PathBuf,
    /// How many calls of each unit belong to earlier scenarios.
    seen: BTreeMap<String, usize>,
    /// What the recorded ids are here.
    ids: Ids,
    _dir: TempDir,
}

impl Stage {
    /// Makes the model of a session.
    pub(crate) fn new(
        options: &Options,
        root: &Path,
        session: &Session,
        environment: &Environment,
    ) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let juju = Juju::embedded(&options.charmtest, dir.path(), "4.0")?;
        let (notes, control) = (dir.path().join("notes"), dir.path().join("control"));
        fs::create_dir_all(&notes)?;
        fs::create_dir_all(&control)?;
        charms(root, juju.work(), &notes, &control)?;
        let stage = Self {
            juju,
            constant: environment.env.clone(),
            names: environment.env.keys().cloned().collect(),
            notes,
            control,
            seen: BTreeMap::new(),
            ids: Ids::default(),
            _dir: dir,
        };
        stage.must("add-model h1")?;
        stage.prepare(&session.setup)?;
        Ok(stage)
    }

    /// Runs commands that make what a scenario found.
    pub(crate) fn prepare(&self, commands: &[String]) -> Result {
        for command in commands {
            self.must(command)?;
            self.settle(Instant::now(), |_| false)?;
        }
        Ok(())
    }

    /// Stops the controller, so that the next command gives every unit a new agent.
    pub(crate) fn restart(&self) {
        self.juju.stop();
    }

    fn must(&self, line: &str) -> Result {
        let args: Vec<&str> = line.split(' ').collect();
        let said = self.juju.say(&args)?;
        if said.code == 0 {
            return Ok(());
        }
        Err(format!("`juju {line}` ended with {}: {}", said.code, said.stderr).into())
    }

    /// Plays a scenario and compares what each unit ran.
    ///
    /// `explains` says whether the plan explains what was found of a unit.
    pub(crate) fn play(
        &mut self,
        recording: &Recording,
        explains: impl Fn(&str, Vec<Found>) -> bool,
    ) -> Result<Outcome> {
        let before = self.calls()?;
        self.seen = before
            .iter()
            .map(|(unit, calls)| (unit.clone(), calls.len()))
            .collect();
        let mut outcome = Outcome::default();
        let began = Instant::now();
        let done: Vec<_> = recording
            .steps
            .iter()
            .filter(|step| step.command.is_some() || step.charm_behaviour_now.is_some())
            .collect();
        for (index, step) in done.iter().enumerate() {
            if let Some(behaviour) = &step.charm_behaviour_now {
                self.tell(behaviour)?;
            }
            if let Some(command) = &step.command {
                let words: Vec<String> = words(command)
                    .iter()
                    .map(|word| self.ids.here(word))
                    .collect();
                let said = self.juju.call(&words, &Input::default(), LIMIT)?;
                if said.code != step.exit {
                    let detail = format!(
                        "ended with {} on Juju, {} here: {}",
                        step.exit,
                        said.code,
                        said.stderr.lines().last().unwrap_or_default()
                    );
                    outcome
                        .found
                        .entry("juju".to_owned())
                        .or_default()
                        .push(Found {
                            aspect: Aspect::Command,
                            hook: command.join(" "),
                            detail,
                        });
                }
                self.ids.learn(&step.stdout, &said.stdout);
                let label = format!("{} at {}", words[0], step.at);
                for (unit, detail) in output::tasks(&self.ids.here(&step.stdout), &said.stdout) {
                    outcome.found.entry(unit).or_default().push(Found {
                        aspect: Aspect::Output,
                        hook: label.clone(),
                        detail,
                    });
                }
            }
            let next = done.get(index + 1).map(|next| next.at);
            if next.is_none_or(|next| next.saturating_sub(step.at) >= AT_ONCE) {
                let until = next.unwrap_or(u64::MAX);
                self.settle(began + last_before(recording, until), |calls| {
                    self.agrees(recording, until, calls, &explains)
                })?;
            }
        }
        self.compare(recording, &mut outcome)?;
        outcome.took = began.elapsed();
        Ok(outcome)
    }

    /// Writes what an application's charm does from now on.
    fn tell(&self, behaviour: &Behaviour) -> Result {
        let dir = self.control.join(&behaviour.application);
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir_all(&dir)?;
        for (hook, script) in behaviour.scripts() {
            fs::write(dir.join(hook), script)?;
        }
        Ok(())
    }

    /// Waits until no unit has anything to do, and all ran what is expected or nothing more comes.
    ///
    /// A unit whose hook is killed again and again never rests; it counts as resting when it ran what is expected and nothing else comes.
    ///
    /// What is yet to come by itself has until `due`.
    fn settle(
        &self,
        due: Instant,
        agrees: impl Fn(&BTreeMap<String, Vec<Call>>) -> bool,
    ) -> Result {
        let mut count = 0;
        let (mut counted, mut rested) = (Instant::now(), Instant::now());
        Juju::wait(REST_LIMIT, || {
            let calls = self.calls()?;
            // Hooks that fail again are not news.
            let hooks = |calls: &Vec<Call>| trace::normal(calls, &self.names).len();
            let now = calls.values().map(hooks).sum();
            let status = self.juju.status(None)?;
            if now != count {
                count = now;
                (counted, rested) = (Instant::now(), Instant::now());
                return Ok(false);
            }
            if !at_rest(&status) {
                rested = Instant::now();
                return Ok(counted.elapsed() >= 2 * QUIET && agrees(&calls));
            }
            let is_over = rested.elapsed() >= QUIET && Instant::now() >= due;
            Ok(is_over || agrees(&calls))
        })?;
        Ok(())
    }

    /// Returns whether units ran what was recorded before a time.
    fn agrees(
        &self,
        recording: &Recording,
        until: u64,
        calls: &BTreeMap<String, Vec<Call>>,
        explains: impl Fn(&str, Vec<Found>) -> bool,
    ) -> bool {
        recording.traces.iter().all(|(unit, recorded)| {
            let recorded = recorded.iter().filter(|call| call.at < until);
            let theirs = trace::normal(recorded, &self.names);
            let ours = trace::normal(self.new_calls(unit, calls), &self.names);
            explains(unit, compare(&theirs, &ours).found)
        })
    }

    fn new_calls<'a>(
        &self,
        unit: &str,
        calls: &'a BTreeMap<String, Vec<Call>>,
    ) -> impl Iterator<Item = &'a Call> + use<'a> {
        let seen = self.seen.get(unit).copied().unwrap_or(0);
        let calls = calls.get(unit).map(Vec::as_slice).unwrap_or_default();
        calls.iter().skip(seen)
    }

    fn compare(&self, recording: &Recording, outcome: &mut Outcome) -> Result {
        let calls = self.calls()?;
        let units: BTreeSet<&String> = recording.traces.keys().chain(calls.keys()).collect();
        for unit in units {
            let empty = Vec::new();
            let recorded = recording.traces.get(unit).unwrap_or(&empty);
            let theirs = trace::normal(recorded, &self.names);
            let ours = trace::normal(self.new_calls(unit, &calls), &self.names);
            let compared = compare(&theirs, &ours);
            let mut found = compared.found;
            found.extend(self.environment(self.new_calls(unit, &calls)));
            outcome.hooks += compared.hooks;
            outcome.agree += compared.agree;
            if !found.is_empty() {
                outcome.found.entry(unit.clone()).or_default().extend(found);
            }
            let texts = [theirs, ours].map(|hooks| {
                let texts: Vec<String> = hooks.iter().map(Hook::text).collect();
                texts.join(" ")
            });
            outcome.orders.insert(unit.clone(), texts);
        }
        Ok(())
    }

    /// Compares the variables that all hooks have, each difference once for a unit.
    fn environment<'a>(&self, calls: impl Iterator<Item = &'a Call>) -> Vec<Found> {
        let mut details = BTreeSet::new();
        for call in calls {
            for (name, value) in &self.constant {
                match call.env.get(name) {
                    None => {
                        details.insert(format!("{name} is not set here"));
                    }
                    Some(ours) if FIXED.contains(&name.as_str()) && ours != value => {
                        details.insert(format!("{name} is `{value}` on Juju, `{ours}` here"));
                    }
                    Some(_) => {}
                }
            }
        }
        details
            .into_iter()
            .map(|detail| Found {
                aspect: Aspect::Variable,
                hook: "all hooks".to_owned(),
                detail,
            })
            .collect()
    }

    /// Reads what the units noted, by unit in order.
    fn calls(&self) -> io::Result<BTreeMap<String, Vec<Call>>> {
        let mut files: Vec<PathBuf> = fs::read_dir(&self.notes)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()?;
        files.retain(|path| path.extension().is_none());
        files.sort();
        let mut calls: BTreeMap<String, Vec<Call>> = BTreeMap::new();
        for file in files {
            if let Some((unit, call)) = trace::note(&fs::read_to_string(file)?) {
                calls.entry(unit).or_default().push(call);
            }
        }
        Ok(calls)
    }
}

/// Returns how long after the start the last hook before `until` was recorded.
fn last_before(recording: &Recording, until: u64) -> Duration {
    let calls = recording.traces.values().flatten().map(|call| call.at);
    let last = calls.filter(|at| *at < until).max();
    Duration::from_millis(last.unwrap_or(0))
}

/// Returns the words of a recorded command after `juju`, without the machine it names: those of the recording were added by hand, which
/// the embedded controller does not support. Units have machines of their own here, which no hook is told more about than the number.
fn words(command: &[String]) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = command.iter().skip(1);
    while let Some(word) = rest.next() {
        if word == "--to" {
            rest.next();
        } else {
            words.push(word.clone());
        }
    }
    words
}

/// Writes the charms and the files that the commands name.
fn charms(root: &Path, work: &Path, notes: &Path, control: &Path) -> Result {
    let mut files = charm::read(&root.join("charms/rec"))?;
    if let Some(dispatch) = files.get_mut("dispatch") {
        *dispatch = dispatch
            .replace("@NOTES@", &notes.to_string_lossy())
            .replace("@CONTROL@", &control.to_string_lossy());
    }
    charm::pack(&files, &work.join("rec.charm"))?;
    let mut second = files.clone();
    second.insert("newfile.txt".to_owned(), "new\n".to_owned());
    second.insert("version".to_owned(), "2.0\n".to_owned());
    charm::pack(&second, &work.join("rec2.charm"))?;
    let metadata = fs::read_to_string(root.join("charms/recsub.yaml"))?;
    files.insert("metadata.yaml".to_owned(), metadata);
    charm::pack(&files, &work.join("recsub.charm"))?;
    fs::write(work.join("blob.txt"), "blob\n")?;
    fs::write(work.join("blob2.txt"), "other blob\n")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_lose_their_machine_only() {
        let command = "juju deploy ./a.charm a --to 0,1 -n 2"
            .split(' ')
            .map(str::to_owned);
        let words = words(&command.collect::<Vec<_>>());
        assert_eq!(words, ["deploy", "./a.charm", "a", "-n", "2"]);
    }
}
