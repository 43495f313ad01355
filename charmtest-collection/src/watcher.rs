//! Watching: snapshot, delta, record, test, remember.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::collection::Collection;
use crate::delta::{self, Delta, Planned, PlannedTests, Resolved, Script, Settings, Trigger};
use crate::disk::{Durability, read_if_there};
use crate::error::{Context, Error, Result};
use crate::job::Job;
use crate::junit::junit;
use crate::previous::{self, promoted};
use crate::record::{DeltaRecord, Head};
use crate::results::{self, Outcome, Tally, Verdict};
use crate::reviews::{Decision, Gate};
use crate::snapshot::{Entry, Git, Key, Problem, Snapshot, Taken, Taker};
use crate::state::{Standing, State};
use crate::store::Store;
use crate::tree::Tree;
use crate::world::{Work, World};

/// How work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All was done.
    Completed,
    /// Somebody wants it to end; it goes on next time.
    Interrupted,
}

/// A delta that was tested, as far as that went.
#[derive(Debug)]
pub struct Tested {
    /// Where it is recorded.
    pub record: DeltaRecord,
    /// The delta.
    pub delta: Delta,
    /// All outcomes that there are of its jobs.
    pub outcomes: Vec<Outcome>,
}

/// What came of one look at a collection.
#[derive(Debug, Default)]
pub struct Pass {
    /// The deltas that were tested, in the order in which they were: one that was cut off, those with jobs that may run now, a new one.
    pub tested: Vec<Tested>,
    /// What could not be looked at.
    pub problems: Vec<Problem>,
    /// How the jobs of these deltas ended.
    pub tally: Tally,
    /// Whether somebody wants it to end.
    pub interrupted: bool,
}

/// Watches a collection. The caller holds the [`crate::Lock`].
pub struct Watcher<'a> {
    /// Where everything is kept.
    pub state: &'a State,
    /// How git is called.
    pub git: Git,
    /// Charms, tests, time, people.
    pub world: &'a mut dyn World,
    /// The generic tests of each charm.
    pub generic: Vec<String>,
    /// What else results depend on.
    pub more: BTreeMap<String, String>,
    /// The programs and the host.
    pub tools: BTreeMap<String, String>,
}

impl Watcher<'_> {
    /// Looks once: finishes what was cut off, then records and tests what changed.
    ///
    /// # Errors
    ///
    /// Fails when the state is damaged or cannot be written, and when the collection makes no sense.
    pub fn pass(&mut self, collection: &Collection) -> Result<Pass> {
        let version = self.world.facts_version();
        let mut pass = Pass::default();
        let mut head = self.state.adopt(&version)?;
        if let Some(unfinished) = self.unfinished(&head)? {
            self.world
                .say(&format!("going on with delta {}", unfinished.id));
            let delta = self.state.delta(&unfinished)?;
            self.test(unfinished, delta, collection, &head.snapshot, &mut pass)?;
            if pass.interrupted {
                return Ok(pass);
            }
        }
        let taker = Taker {
            git: &self.git,
            store: self.state.store(),
            state: self.state.root(),
            disk: &self.state.disk,
        };
        let fresh = head.facts_version != version;
        let Taken { snapshot, problems } =
            taker.take(collection, &head.snapshot, fresh, self.world)?;
        pass.problems = problems;
        let changes = delta::compare(&head.snapshot, &snapshot);
        if changes.is_empty() && (head.snapshot != snapshot || fresh) {
            // The same content, but from another commit or with another trust.
            head.snapshot = snapshot.clone();
            head.facts_version.clone_from(&version);
            self.state.write_head(&head)?;
        }
        self.test_owed(collection, &head, &snapshot, &mut pass)?;
        if changes.is_empty() || pass.interrupted {
            return Ok(pass);
        }
        let delta = self.delta(collection, &head, snapshot, changes)?;
        let record = self.state.record(&delta, &version)?;
        let now = delta.snapshot.clone();
        self.test(record, delta, collection, &now, &mut pass)?;
        Ok(pass)
    }

    /// Returns the delta of the head if it has not been tested to its end.
    fn unfinished(&self, head: &Head) -> Result<Option<DeltaRecord>> {
        let Some(id) = &head.delta else {
            return Ok(None);
        };
        let records = self.state.deltas()?;
        let record = records
            .into_iter()
            .find(|record| record.seq == head.seq && record.id == *id);
        Ok(record.filter(|record| !record.is_done()))
    }

    /// Tests what was refused and may run now, if it is still what the collection holds.
    fn test_owed(
        &mut self,
        collection: &Collection,
        head: &Head,
        now: &Snapshot,
        pass: &mut Pass,
    ) -> Result<()> {
        let reviews = self.state.reviews()?;
        let gates: Vec<Gate<'_>> = collection
            .variants
            .iter()
            .map(|variant| Gate {
                reviews: &reviews,
                required: collection.required_sandbox,
                reached: self.world.sandbox_level(variant),
            })
            .collect();
        let mut owed: BTreeSet<String> = BTreeSet::new();
        for standing in self
            .state
            .index()?
            .charms
            .into_values()
            .filter(Standing::is_owed)
        {
            let same = |entry: &&Entry| {
                now.get(&standing.key)
                    .is_some_and(|now| now.content == entry.content)
            };
            let entry = head.snapshot.get(&standing.key).filter(same);
            let may_run =
                |entry: &Entry| gates.iter().any(|gate| gate.decide(entry) == Decision::Run);
            if entry.is_some_and(may_run) {
                owed.insert(standing.delta);
            }
        }
        let records = self.state.deltas()?;
        for record in records
            .into_iter()
            .filter(|record| owed.contains(&record.id))
        {
            let delta = self.state.delta(&record)?;
            self.test(record, delta, collection, &head.snapshot, pass)?;
            if pass.interrupted {
                break;
            }
        }
        Ok(())
    }

    fn delta(
        &self,
        collection: &Collection,
        head: &Head,
        snapshot: Snapshot,
        changes: Vec<delta::Change>,
    ) -> Result<Delta> {
        let mut deployed = BTreeMap::new();
        for standing in self.state.index()?.charms.into_values() {
            deployed.insert(standing.key, standing.deployed);
        }
        let store = self.state.store();
        let mut plan = Vec::new();
        for key in delta::select(collection.scope, &snapshot, &changes, &deployed) {
            if let Some(entry) = snapshot.get(key) {
                plan.push(planned(entry, &self.generic, store)?);
            }
        }
        let mut previous = BTreeMap::new();
        for entry in snapshot.entries() {
            if let Some(good) = self.state.previous(&entry.key)? {
                previous.insert(entry.key.to_string(), good);
            }
        }
        let mut resolve = BTreeMap::new();
        for (name, target) in &collection.resolve {
            resolve.insert(name.clone(), record_resolved(target, store)?);
        }
        let mut delta = Delta {
            schema: delta::SCHEMA,
            id: String::new(),
            seq: head.seq + 1,
            parent: head.delta.clone(),
            created: self.world.now(),
            trigger: Trigger::Poll,
            changes,
            snapshot,
            previous,
            resolve,
            plan,
            settings: Settings {
                scope: collection.scope,
                variants: collection.variants.clone(),
                required_sandbox: collection.required_sandbox,
                infra_retries: collection.infra_retries,
                more: self.more.clone(),
            },
            tools: self.tools.clone(),
        };
        delta.id = delta
            .computed_id()
            .map_err(|error| Error::Usage(error.to_string()))?;
        Ok(delta)
    }

    /// Runs what is left of a delta, and remembers what came of it.
    fn test(
        &mut self,
        record: DeltaRecord,
        delta: Delta,
        collection: &Collection,
        now: &Snapshot,
        pass: &mut Pass,
    ) -> Result<()> {
        let trusted = with_trust_of(&delta.snapshot, now);
        let run = Run {
            state: self.state,
            delta: &delta,
            entries: &trusted,
            required: collection.required_sandbox,
            retries: collection.infra_retries,
            directory: &record.path,
            trigger: Trigger::Poll,
            jobs: delta.jobs(),
        };
        let ended = run.to_end(self.world)?;
        let outcomes = self.state.outcomes(&record)?;
        for (verdict, count) in Tally::of(&outcomes).0 {
            *pass.tally.0.entry(verdict).or_default() += count;
        }
        match ended {
            Ended::Completed => self.remember(&record, &delta, &outcomes)?,
            Ended::Interrupted => pass.interrupted = true,
        }
        pass.tested.push(Tested {
            record,
            delta,
            outcomes,
        });
        Ok(())
    }

    /// Writes what follows from a delta's results. Everything here may be done twice.
    fn remember(&self, record: &DeltaRecord, delta: &Delta, outcomes: &[Outcome]) -> Result<()> {
        let state = self.state;
        let good = promoted(delta, outcomes);
        for (key, good) in &good {
            // Jobs that were refused may run after those of a later delta.
            let is_newer = state
                .previous(key)?
                .is_none_or(|there| there.seq <= good.seq);
            if is_newer {
                state.write_json(&previous::file(state.root(), key), good)?;
            }
        }
        let xml = junit(&delta.jobs(), outcomes);
        state.disk.write(
            &record.path.join("junit.xml"),
            xml.as_bytes(),
            Durability::Cache,
        )?;
        let mut index = state.index()?;
        let good: BTreeSet<&Key> = good.iter().map(|(key, _)| key).collect();
        let mut of_charm: BTreeMap<&Key, Vec<Outcome>> = BTreeMap::new();
        for outcome in outcomes {
            let own = of_charm.entry(&outcome.key).or_default();
            own.push(outcome.clone());
        }
        for planned in &delta.plan {
            let own = of_charm.remove(&planned.key).unwrap_or_default();
            let text = planned.key.to_string();
            let before = index.charms.remove(&text);
            let (before, known) = match before {
                Some(standing) => (standing.green, standing.deployed),
                None => (None, BTreeSet::new()),
            };
            let standing = Standing {
                key: planned.key.clone(),
                delta: delta.id.clone(),
                tally: Tally::of(&own),
                green: if good.contains(&planned.key) {
                    Some(delta.id.clone())
                } else {
                    before
                },
                deployed: results::deployed(&own, known),
            };
            index.charms.insert(text, standing);
        }
        let present = |standing: &Standing| delta.snapshot.get(&standing.key).is_some();
        index.charms.retain(|_, standing| present(standing));
        state.write_json(&state.root().join("index.json"), &index)?;
        state.write_json(&record.path.join("done.json"), &Tally::of(outcomes))
    }
}

/// Returns the entries of a delta with the trust that they have now, if they are still what is there now.
fn with_trust_of(snapshot: &Snapshot, now: &Snapshot) -> Vec<Entry> {
    let entries = snapshot.entries().iter().cloned();
    entries
        .map(|mut entry| {
            if let Some(now) = now
                .get(&entry.key)
                .filter(|now| now.content == entry.content)
            {
                entry.trust = now.trust;
            }
            entry
        })
        .collect()
}

/// Returns what is tested of a charm.
pub(crate) fn planned(entry: &Entry, generic: &[String], store: &Store) -> Result<Planned> {
    let mut tests = Vec::new();
    if !entry.facts.scripts.is_empty() {
        let tree = store.tree(&entry.content)?;
        for path in &entry.facts.scripts {
            if let Some(file) = tree.entry(path) {
                tests.push(Script {
                    path: path.clone(),
                    sha256: file.sha256.clone(),
                });
            }
        }
    }
    Ok(Planned {
        key: entry.key.clone(),
        tests: PlannedTests {
            generic: generic.to_vec(),
            tests,
        },
    })
}

/// Keeps what a name of `[resolve]` means.
fn record_resolved(target: &str, store: &Store) -> Result<Resolved> {
    if let Some(name) = target.strip_prefix("ch:") {
        return Ok(Resolved::Store(name.to_owned()));
    }
    let path = Path::new(target);
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    if path.is_dir() {
        let mut keep = |digest: &crate::Digest, bytes: &[u8]| {
            store
                .put_as(digest, bytes)
                .map_err(|error| error.to_string())
        };
        let tree = Tree::read(path, &mut keep).map_err(Error::Usage)?;
        let content = store.put_tree(&tree)?;
        return Ok(Resolved::Tree { name, content });
    }
    match read_if_there(path)? {
        Some(bytes) => Ok(Resolved::File {
            name,
            sha256: store.put(&bytes)?,
        }),
        None => Err(Error::Usage(format!(
            "[resolve] names {target}, which is not there"
        ))),
    }
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

impl Run<'_> {
    /// Runs jobs until none is left.
    pub(crate) fn to_end(&self, world: &mut dyn World) -> Result<Ended> {
        fs::create_dir_all(self.directory).context("make directory", self.directory)?;
        let reviews = self.state.reviews()?;
        let entries: BTreeMap<&Key, &Entry> = self
            .entries
            .iter()
            .map(|entry| (&entry.key, entry))
            .collect();
        let decide = |world: &dyn World, job: &Job| {
            let gate = Gate {
                reviews: &reviews,
                required: self.required,
                reached: world.sandbox_level(&job.variant),
            };
            match entries.get(&job.key) {
                Some(entry) => gate.decide(entry),
                None => Decision::Refused("the charm is not in this delta".to_owned()),
            }
        };
        let mut backed_off = 0;
        loop {
            let outcomes = self.state.outcomes_in(self.directory)?;
            let may_run = |job: &Job| decide(world, job) == Decision::Run;
            let open = results::open(self.jobs.clone(), &outcomes, self.retries, &may_run);
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
                    match decide(world, job) {
                        Decision::Run => runnable.push(job.clone()),
                        Decision::Refused(why) => {
                            let mut outcome = Outcome::new(job, Verdict::Refused, Some(why));
                            outcome.ended = world.now();
                            refused.push(outcome);
                        }
                    }
                }
                self.append(refused, open.attempt)?;
                if runnable.is_empty() {
                    continue;
                }
                let reached = world.sandbox_level(variant);
                let gate = Gate {
                    reviews: &reviews,
                    required: self.required,
                    reached,
                };
                let allowed: Vec<&Entry> = self
                    .entries
                    .iter()
                    .filter(|entry| gate.decide(entry) == Decision::Run)
                    .collect();
                if self.run(world, &runnable, &allowed, open.attempt)? == Ended::Interrupted {
                    return Ok(Ended::Interrupted);
                }
            }
        }
    }

    fn run(
        &self,
        world: &mut dyn World,
        jobs: &[Job],
        allowed: &[&Entry],
        attempt: u32,
    ) -> Result<Ended> {
        let mut without: BTreeMap<String, &Job> = jobs.iter().map(|job| (job.id(), job)).collect();
        let work = Work {
            delta: self.delta,
            jobs,
            allowed,
            store: self.state.store(),
            directory: self.directory,
            trigger: self.trigger,
            attempt,
        };
        let ended = {
            let mut report = |outcome: Outcome| {
                // One outcome per job: a second one would count as another attempt.
                if without.remove(&outcome.job).is_none() {
                    return Ok(());
                }
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

#[cfg(test)]
#[path = "watcher_tests.rs"]
mod tests;
