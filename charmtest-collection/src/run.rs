//! Running jobs: who may run and where, what is tried again, and the lines of results.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::delta::{Delta, Trigger};
use crate::error::{Context, Error, Result};
use crate::job::{Job, Variant};
use crate::previous::Previous;
use crate::results::{self, Open, Outcome, Verdict};
use crate::reviews::{Decision, Gate, Reviews};
use crate::snapshot::{Entry, Key};
use crate::state::State;
use crate::world::{Work, World};

/// How work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All was done.
    Completed,
    /// Somebody wants it to end; it goes on next time.
    Interrupted,
}

/// The work that is left of a set of jobs.
pub(crate) struct Run<'a> {
    pub(crate) state: &'a State,
    pub(crate) delta: &'a Delta,
    /// The charms, with the trust that counts.
    pub(crate) entries: &'a [Entry],
    pub(crate) required: Option<u8>,
    pub(crate) retries: u32,
    /// Where results go.
    pub(crate) directory: &'a Path,
    pub(crate) trigger: Trigger,
    pub(crate) jobs: Vec<Job>,
}

/// Jobs that run together.
#[derive(Debug)]
struct Group {
    contained: bool,
    jobs: Vec<Job>,
}

impl Run<'_> {
    /// Runs jobs until none is left.
    pub(crate) fn to_end(&self, world: &mut dyn World) -> Result<Ended> {
        fs::create_dir_all(self.directory).context("make directory", self.directory)?;
        let reviews = self.state.reviews()?;
        let mut backed_off = 0;
        let mut withheld = BTreeSet::new();
        loop {
            let open = self.open(&reviews, world)?;
            if open.jobs.is_empty() {
                return Ok(Ended::Completed);
            }
            if open.attempt > backed_off {
                backed_off = open.attempt;
                if !world.back_off(open.attempt) {
                    return Ok(Ended::Interrupted);
                }
            }
            for variant in &self.delta.settings.variants {
                let (mut runnable, mut refused) = (Vec::new(), Vec::new());
                for job in open.jobs.iter().filter(|job| job.variant == *variant) {
                    match self.decide_job(&reviews, world, job) {
                        Decision::Run => runnable.push((job.clone(), false)),
                        Decision::Contained => runnable.push((job.clone(), true)),
                        Decision::Refused(why) => {
                            let mut outcome = Outcome::new(job, Verdict::Refused, Some(why));
                            outcome.ended = world.now();
                            refused.push(outcome);
                        }
                    }
                }
                self.append(refused, open.attempt)?;
                for group in groups(runnable) {
                    for line in self.withheld(&reviews, &group) {
                        if withheld.insert(line.clone()) {
                            world.say(&line);
                        }
                    }
                    let ended = self.run(world, &reviews, variant, &group, open.attempt)?;
                    if ended == Ended::Interrupted {
                        return Ok(Ended::Interrupted);
                    }
                }
            }
        }
    }

    /// Says which jobs are to run.
    pub(crate) fn open(&self, reviews: &Reviews, world: &dyn World) -> Result<Open> {
        let outcomes = self.state.outcomes_in(self.directory)?;
        let may_run = |job: &Job, last: &Outcome| {
            let own = self.decide_job(reviews, world, job);
            let may_meet = |key: &Key| {
                let entry = self.entry(key);
                entry.is_some_and(|entry| {
                    let other = self.decide(reviews, world, &job.variant, entry);
                    may_meet(own == Decision::Contained, &other)
                })
            };
            own.runs() && last.refused.iter().all(may_meet)
        };
        let jobs = self.jobs.clone();
        Ok(results::open(jobs, &outcomes, self.retries, &may_run))
    }

    /// Returns the charm of a key.
    fn entry(&self, key: &Key) -> Option<&Entry> {
        // The entries are in the order of their keys.
        let found = self.entries.binary_search_by(|entry| entry.key.cmp(key));
        found.ok().map(|at| &self.entries[at])
    }

    fn decide(
        &self,
        reviews: &Reviews,
        world: &dyn World,
        variant: &Variant,
        entry: &Entry,
    ) -> Decision {
        let gate = Gate {
            reviews,
            required: self.required,
            reached: &|| world.sandbox_level(variant),
        };
        gate.decide(entry)
    }

    fn decide_job(&self, reviews: &Reviews, world: &dyn World, job: &Job) -> Decision {
        match self.entry(&job.key) {
            Some(entry) => self.decide(reviews, world, &job.variant, entry),
            None => Decision::Refused("the charm is not in this delta".to_owned()),
        }
    }

    /// Says whether a last good version may be deployed by jobs.
    fn may_deploy(&self, reviews: &Reviews, group: &Group, previous: &Previous) -> bool {
        group.contained || self.required == Some(0) || reviews.trust_previous(previous)
    }

    /// Tells of the last good versions of tested charms that they do not get.
    fn withheld(&self, reviews: &Reviews, group: &Group) -> Vec<String> {
        let keys: BTreeSet<&Key> = group.jobs.iter().map(|job| &job.key).collect();
        let text = |key: &Key| {
            let previous = self.delta.previous.get(&key.to_string())?;
            (!self.may_deploy(reviews, group, previous)).then(|| {
                format!(
                    "note: {key}: its last good version, tree {}, was untrusted and is not approved, so nothing is upgraded from it",
                    previous.tree
                )
            })
        };
        keys.into_iter().filter_map(text).collect()
    }

    fn run(
        &self,
        world: &mut dyn World,
        reviews: &Reviews,
        variant: &Variant,
        group: &Group,
        attempt: u32,
    ) -> Result<Ended> {
        let jobs = &group.jobs;
        let tested = |entry: &Entry| jobs.iter().any(|job| job.key == entry.key);
        let mut allowed: Vec<&Entry> = Vec::new();
        let mut trusted: Vec<&Entry> = Vec::new();
        let mut refused: Vec<(&Entry, String)> = Vec::new();
        for entry in self.entries {
            let decision = self.decide(reviews, world, variant, entry);
            if decision == Decision::Run || (group.contained && tested(entry)) {
                trusted.push(entry);
            }
            match decision {
                decision if may_meet(group.contained, &decision) => allowed.push(entry),
                Decision::Refused(why) => refused.push((entry, why)),
                _ => {
                    let text = format!(
                        "untrusted, tree {} is not approved, and these tests do not run in its sandbox; look at it, then `cargo charmtest watch approve {}`",
                        entry.tree, entry.key
                    );
                    refused.push((entry, text));
                }
            }
        }
        let previous = self.delta.previous.iter();
        let previous: BTreeMap<String, Previous> = previous
            .filter(|(_, previous)| self.may_deploy(reviews, group, previous))
            .map(|(key, previous)| (key.clone(), previous.clone()))
            .collect();
        let mut without: BTreeMap<String, &Job> = jobs.iter().map(|job| (job.id(), job)).collect();
        let work = Work {
            delta: self.delta,
            jobs,
            contained: group.contained,
            allowed: &allowed,
            refused: &refused,
            trusted: &trusted,
            previous: &previous,
            store: self.state.store(),
            directory: self.directory,
            trigger: self.trigger,
            attempt,
        };
        let ended = {
            let mut report = |mut outcome: Outcome| {
                // One outcome per job: a second one would count as another attempt.
                if without.remove(&outcome.job).is_none() {
                    return Ok(());
                }
                self.refuse(&work, &mut outcome);
                self.append(vec![outcome], attempt)
            };
            world.run(work, &mut report)
        };
        let why = match ended {
            Ok(Ended::Interrupted) => return Ok(Ended::Interrupted),
            Ok(Ended::Completed) => "the run ended without an outcome of this test".to_owned(),
            Err(Error::Runner(why)) => why,
            Err(error) => return Err(error),
        };
        let left: BTreeSet<String> = without.into_keys().collect();
        let left = jobs.iter().filter(|job| left.contains(&job.id()));
        let left = left.map(|job| {
            let mut outcome = Outcome::new(job, Verdict::Infra, Some(why.clone()));
            outcome.ended = world.now();
            outcome
        });
        self.append(left.collect(), attempt)?;
        Ok(Ended::Completed)
    }

    /// Makes a refusal of what came of a test that asked for charms that must not be deployed: whatever it came to, it did without them.
    fn refuse(&self, work: &Work<'_>, outcome: &mut Outcome) {
        use Verdict::{Fail, Pass, Skip, Timeout};

        let Some(own) = self.entry(&outcome.key) else {
            return;
        };
        let is_own = |name: &String| *name == own.key.charm || *name == own.facts.name;
        if !matches!(outcome.verdict, Pass | Skip | Fail | Timeout)
            || work.refused.is_empty()
            || outcome.deployed.iter().all(is_own)
        {
            return;
        }
        let named = work.named(own);
        let mut reasons = Vec::new();
        for name in outcome.deployed.iter().filter(|name| !is_own(name)) {
            let meant = named.get(name.as_str());
            if let Some((meant, why)) = meant.and_then(|meant| Some((meant, meant.refused?))) {
                outcome.refused.insert(meant.entry.key.clone());
                reasons.push(format!("it deploys {name}, which is refused: {why}"));
            }
        }
        if !reasons.is_empty() {
            outcome.verdict = Verdict::Refused;
            outcome.reason = Some(reasons.join("\n"));
        }
    }

    /// Writes outcomes down, all with one write to the disk.
    fn append(&self, outcomes: Vec<Outcome>, attempt: u32) -> Result<()> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let lines = outcomes.into_iter().map(|mut outcome| {
            outcome.attempt = attempt;
            outcome.trigger = self.trigger;
            serde_json::to_string(&outcome).map_err(|error| Error::Usage(error.to_string()))
        });
        let lines: Vec<String> = lines.collect::<Result<_>>()?;
        self.state
            .disk
            .append(&self.directory.join("results.jsonl"), &lines)
    }
}

/// Says whether tests may deploy another charm of the collection by its name: in a sandbox around all of them also what is untrusted.
fn may_meet(contained: bool, other: &Decision) -> bool {
    *other == Decision::Run || (contained && other.runs())
}

/// Puts jobs together, in their order: trusted charms that follow one another, and each untrusted charm alone.
fn groups(jobs: Vec<(Job, bool)>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (job, contained) in jobs {
        let last = groups.last_mut().filter(|group| {
            let same = |last: &Job| !contained || last.key == job.key;
            group.contained == contained && group.jobs.last().is_some_and(same)
        });
        match last {
            Some(group) => group.jobs.push(job),
            None => groups.push(Group {
                contained,
                jobs: vec![job],
            }),
        }
    }
    groups
}
