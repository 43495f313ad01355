//! Testing a recorded delta again, or parts of its changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::bisect::{Bisect, Blame, Finding};
use crate::delta::{Delta, Trigger};
use crate::error::{Context, Error, Result};
use crate::gc::objects_of;
use crate::job::Job;
use crate::record::DeltaRecord;
use crate::results::{Outcome, Verdict, latest};
use crate::run::{Ended, Run};
use crate::snapshot::{Entry, Key, Snapshot};
use crate::state::State;
use crate::watcher::planned;
use crate::world::World;

/// A program or a host that is another one than when the delta was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub what: String,
    /// What it was.
    pub recorded: Option<String>,
    /// What it is.
    pub now: Option<String>,
}

/// A recorded delta that has been checked, byte by byte.
#[derive(Debug)]
pub struct Replay<'a> {
    state: &'a State,
    record: DeltaRecord,
    delta: Delta,
}

impl<'a> Replay<'a> {
    /// Opens a delta and checks all that it holds: nothing else is looked at, neither the network nor the sources.
    ///
    /// # Errors
    ///
    /// Fails when one byte differs, and names the file.
    pub fn open(state: &'a State, record: DeltaRecord) -> Result<Self> {
        let delta = state.delta(&record)?;
        objects_of(state, &delta)?;
        Ok(Self {
            state,
            record,
            delta,
        })
    }

    /// Returns the delta.
    #[must_use]
    pub fn delta(&self) -> &Delta {
        &self.delta
    }

    /// Returns what differs between the tools of the record and `now`.
    #[must_use]
    pub fn differences(&self, now: &BTreeMap<String, String>) -> Vec<Difference> {
        let recorded = &self.delta.tools;
        let names: BTreeSet<&String> = recorded.keys().chain(now.keys()).collect();
        let differing = names
            .into_iter()
            .filter(|name| recorded.get(*name) != now.get(*name));
        differing
            .map(|name| Difference {
                what: name.clone(),
                recorded: recorded.get(name).cloned(),
                now: now.get(name).cloned(),
            })
            .collect()
    }

    /// Runs the jobs that `wanted` names, all without any; returns their outcomes and where they are recorded. Nothing is promoted.
    ///
    /// # Errors
    ///
    /// Fails when a job is not in the delta, and as [`World::run`].
    pub fn run(
        &self,
        world: &mut dyn World,
        wanted: &[String],
    ) -> Result<(Ended, Vec<Outcome>, PathBuf)> {
        let mut jobs = self.delta.jobs();
        for name in wanted {
            if !jobs.iter().any(|job| is_meant(name, job)) {
                let known: Vec<String> = jobs.iter().map(Job::id).collect();
                return Err(Error::Usage(format!(
                    "delta {} has no job `{name}`; it has\n  {}",
                    self.delta.id,
                    known.join("\n  ")
                )));
            }
        }
        jobs.retain(|job| wanted.is_empty() || wanted.iter().any(|name| is_meant(name, job)));
        let replays = self.record.path.join("replays");
        let directory = next_directory(&replays)?;
        let run = Run {
            state: self.state,
            delta: &self.delta,
            entries: self.delta.snapshot.entries(),
            required: self.delta.settings.required_sandbox,
            retries: 0,
            directory: &directory,
            trigger: Trigger::Replay,
            jobs,
        };
        let ended = run.to_end(world)?;
        let outcomes = self.state.outcomes_in(&directory)?;
        Ok((ended, outcomes, directory))
    }

    /// Looks for the changes that made jobs red. Jobs that other changes made red are looked at by themselves.
    ///
    /// # Errors
    ///
    /// Fails when nothing of the delta is red, when jobs cannot be run with some of the changes, and as [`World::run`];
    /// [`Error::Interrupted`] when somebody wants it to end.
    pub fn bisect(&self, world: &mut dyn World) -> Result<Vec<Blame>> {
        let outcomes = self.state.outcomes(&self.record)?;
        let latest = latest(&outcomes);
        let is_red = |job: &Job| {
            latest
                .get(job.id().as_str())
                .is_some_and(|outcome| outcome.verdict.is_red())
        };
        let recorded: Vec<Job> = self.delta.jobs().into_iter().filter(is_red).collect();
        if recorded.is_empty() {
            return Err(Error::Usage(format!(
                "no test of delta {} failed",
                self.delta.id
            )));
        }
        let mut blames = Vec::new();
        let (before, left) = self.split(recorded, &[], world)?;
        blame(&mut blames, &before, Finding::RedBefore);
        let all: Vec<usize> = (0..self.delta.changes.len()).collect();
        let (mut left, not_again) = match left.is_empty() {
            true => (left, Vec::new()),
            false => self.split(left, &all, world)?,
        };
        while !left.is_empty() {
            let mut bisect = Bisect::green_before(all.len());
            // Those that are red with the fewest changes so far.
            let mut explained = left.clone();
            let finding = loop {
                match bisect.candidate() {
                    Err(finding) => break finding,
                    Ok(changes) => {
                        let (red, _) = self.split(left.clone(), &changes, world)?;
                        bisect.answer(!red.is_empty());
                        if !red.is_empty() {
                            explained = red;
                        }
                    }
                }
            };
            blame(&mut blames, &explained, finding);
            left.retain(|job| !explained.contains(job));
        }
        blame(&mut blames, &not_again, Finding::NotAgain);
        Ok(blames)
    }

    /// Runs jobs with only some of the changes, and returns those that are red, and the others.
    fn split(
        &self,
        jobs: Vec<Job>,
        changes: &[usize],
        world: &mut dyn World,
    ) -> Result<(Vec<Job>, Vec<Job>)> {
        let names: Vec<String> = changes
            .iter()
            .map(|index| self.delta.changes[*index].key.to_string())
            .collect();
        let text = match names.as_slice() {
            [] => "none of the changes".to_owned(),
            names => names.join(", "),
        };
        world.say(&format!("trying with {text}"));
        let (outcomes, directory) = self.run_with(world, changes, &jobs)?;
        let latest = latest(&outcomes);
        let verdict = |job: &Job| Some(latest.get(job.id().as_str())?.verdict);
        for job in &jobs {
            let Some(outcome) = latest.get(job.id().as_str()) else {
                continue;
            };
            if matches!(
                outcome.verdict,
                Verdict::Infra | Verdict::Refused | Verdict::Unmet
            ) {
                // The next bisection asks again.
                self.state.disk.remove(&directory)?;
                return Err(Error::Runner(format!(
                    "with {text}, {} came to `{}`, so nothing can be said of the changes: {}",
                    outcome.job,
                    outcome.verdict,
                    outcome.reason.as_deref().unwrap_or_default()
                )));
            }
        }
        Ok(jobs
            .into_iter()
            .partition(|job| verdict(job).is_some_and(Verdict::is_red)))
    }

    /// Runs red jobs with only some of the changes; returns all outcomes that there are with these changes, and where.
    fn run_with(
        &self,
        world: &mut dyn World,
        changes: &[usize],
        red: &[Job],
    ) -> Result<(Vec<Outcome>, PathBuf)> {
        let mut delta = self.delta.clone();
        delta.trigger = Trigger::Bisect;
        delta.snapshot = with_changes(&self.delta, changes);
        delta.changes = changes
            .iter()
            .map(|index| self.delta.changes[*index].clone())
            .collect();
        let mut plan = Vec::new();
        for entry in delta.snapshot.entries() {
            if let Some(of) = self
                .delta
                .plan
                .iter()
                .find(|planned| planned.key == entry.key)
            {
                plan.push(planned(entry, &of.tests.generic, self.state.store())?);
            }
        }
        delta.plan = plan;
        delta.id = delta
            .computed_id()
            .map_err(|error| Error::Usage(error.to_string()))?;
        // A test that the older version does not have cannot have failed there.
        let jobs: Vec<Job> = delta
            .jobs()
            .into_iter()
            .filter(|job| red.contains(job))
            .collect();
        // By its id: what was tried before an interruption is not tried again.
        let directory = self.record.path.join("bisect").join(&delta.id);
        let run = Run {
            state: self.state,
            delta: &delta,
            entries: delta.snapshot.entries(),
            required: delta.settings.required_sandbox,
            retries: delta.settings.infra_retries,
            directory: &directory,
            trigger: Trigger::Bisect,
            jobs,
        };
        match run.to_end(world)? {
            Ended::Completed => Ok((self.state.outcomes_in(&directory)?, directory)),
            Ended::Interrupted => Err(Error::Interrupted),
        }
    }
}

/// Makes the next directory `0001`, `0002` and so on: each replay has one of its own, also of two at a time.
fn next_directory(parent: &Path) -> Result<PathBuf> {
    fs::create_dir_all(parent).context("make directory", parent)?;
    let mut number = 1;
    loop {
        let directory = parent.join(format!("{number:04}"));
        match fs::create_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            made => {
                break made
                    .context("make directory", &directory)
                    .map(|()| directory);
            }
        }
    }
}

/// Adds what came of jobs, if there are any.
fn blame(blames: &mut Vec<Blame>, jobs: &[Job], finding: Finding) {
    if !jobs.is_empty() {
        let jobs = jobs.iter().map(Job::id).collect();
        blames.push(Blame { jobs, finding });
    }
}

/// Says whether a user means a job by a name: its id, or its charm and test without base and branch.
fn is_meant(name: &str, job: &Job) -> bool {
    let id = job.id();
    name == id
        || name == format!("{}/{}", job.key.charm, job.test)
        || name == job.key.charm
        || id.strip_suffix(&format!("[{}]", job.variant)) == Some(name)
}

/// Returns the snapshot before a delta with only some of its changes.
fn with_changes(delta: &Delta, changes: &[usize]) -> Snapshot {
    let mut entries: BTreeMap<&Key, &Entry> = delta.snapshot.to_map();
    for (index, change) in delta.changes.iter().enumerate() {
        let side = if changes.contains(&index) {
            &change.to
        } else {
            &change.from
        };
        match side {
            Some(entry) => drop(entries.insert(&change.key, entry)),
            None => drop(entries.remove(&change.key)),
        }
    }
    Snapshot::new(entries.into_values().cloned().collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::compare;
    use crate::delta::tests::{delta, entry};

    #[test]
    fn some_changes_give_what_was_there_with_only_them() {
        let snapshot = |entries: &[(&str, &str)]| {
            let entries = entries
                .iter()
                .map(|(charm, content)| entry("b", charm, "-", content));
            Snapshot::new(entries.collect()).unwrap()
        };
        let last = snapshot(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let now = snapshot(&[("a", "2"), ("c", "1"), ("d", "1")]);
        let mut delta = delta(1, "x");
        delta.changes = compare(&last, &now);
        delta.snapshot = now.clone();
        let kinds: Vec<&str> = delta
            .changes
            .iter()
            .map(|change| change.key.charm.as_str())
            .collect();
        assert_eq!(kinds, ["a", "b", "d"]);
        assert_eq!(with_changes(&delta, &[]), last);
        assert_eq!(with_changes(&delta, &[0, 1, 2]), now);
        assert_eq!(
            with_changes(&delta, &[1]),
            snapshot(&[("a", "1"), ("c", "1")])
        );
    }

    #[test]
    fn jobs_are_named_in_full_or_by_charm_and_test() {
        let mut job = delta(1, "x").jobs().remove(0);
        for (name, meant) in [
            ("b:a:-/deploy", true),
            ("a/deploy", true),
            ("a", true),
            ("deploy", false),
            ("b:a:-", false),
        ] {
            assert_eq!(is_meant(name, &job), meant, "{name}");
        }
        job.variant.0.push(("juju".to_owned(), "4.0".to_owned()));
        assert!(is_meant("b:a:-/deploy", &job) && is_meant("b:a:-/deploy[4.0]", &job));
    }
}
