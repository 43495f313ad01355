//! Watching: snapshot, delta, record, test, remember.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::collection::Collection;
use crate::delta::{self, Delta, Planned, PlannedTests, Resolved, Script, Settings, Trigger};
use crate::disk::{Durability, read_if_there};
use crate::error::{Error, Result};
use crate::junit::junit;
use crate::previous::{self, Previous, promoted};
use crate::record::{DeltaRecord, Head};
use crate::results::{Outcome, Tally};
use crate::reviews::Gate;
use crate::run::{Ended, Run};
use crate::snapshot::{Entry, Git, Key, Problem, Snapshot, Taken, Taker};
use crate::state::{Standing, State};
use crate::store::Store;
use crate::tree::Tree;
use crate::world::World;

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
        for line in self.state.mend()? {
            self.world.say(&format!("warning: {line}"));
        }
        let mut head = self.state.adopt(&version)?;
        let git = self.git.clone();
        let taker = Taker {
            git: &git,
            store: self.state.store(),
            state: self.state.root(),
            disk: &self.state.disk,
        };
        if let Some(unfinished) = self.unfinished(&head)? {
            self.world
                .say(&format!("going on with delta {}", unfinished.id));
            let delta = self.state.delta(&unfinished)?;
            let store = self.state.store();
            if !delta.contents().0.iter().all(|content| store.has(content)) {
                // A look reads again what was lost of charms that are still as they were; what it finds is looked at afterwards.
                taker.take(collection, &head.snapshot, false, self.world)?;
            }
            self.test(unfinished, delta, collection, &head.snapshot, &mut pass)?;
            if pass.interrupted {
                return Ok(pass);
            }
        }
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
        let owed = self.owed(collection, head, now)?;
        if owed.is_empty() {
            return Ok(());
        }
        let records = self.state.deltas()?;
        for record in records
            .into_iter()
            .filter(|record| owed.contains(&record.id))
        {
            let delta = self.state.delta(&record)?;
            // A test may have been refused for a charm that it deploys.
            let trusted = with_trust_of(&delta.snapshot, &head.snapshot);
            let reviews = self.state.reviews()?;
            let run = self.run(&record, &delta, collection, &trusted);
            let none = run.open(&reviews, &*self.world)?.jobs.is_empty();
            // A watcher may have been killed after the last of them, before it wrote what follows from that.
            if none && self.is_remembered(&record)? {
                continue;
            }
            self.test(record, delta, collection, &head.snapshot, pass)?;
            if pass.interrupted {
                break;
            }
        }
        Ok(())
    }

    /// Returns the deltas in which charms were refused that may run now and are still what the collection holds.
    fn owed(
        &self,
        collection: &Collection,
        head: &Head,
        now: &Snapshot,
    ) -> Result<BTreeSet<String>> {
        let reviews = self.state.reviews()?;
        let world = &*self.world;
        let may_run = |entry: &Entry| {
            collection.variants.iter().any(|variant| {
                let gate = Gate {
                    reviews: &reviews,
                    required: collection.required_sandbox,
                    reached: &|| world.sandbox_level(variant),
                };
                gate.decide(entry).runs()
            })
        };
        let mut owed = BTreeSet::new();
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
            if head
                .snapshot
                .get(&standing.key)
                .filter(same)
                .is_some_and(may_run)
            {
                owed.insert(standing.delta);
            }
        }
        Ok(owed)
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

    /// Returns the work of a delta; `trusted` are its charms with the trust that they have now.
    fn run<'r>(
        &self,
        record: &'r DeltaRecord,
        delta: &'r Delta,
        collection: &Collection,
        trusted: &'r [Entry],
    ) -> Run<'r>
    where
        Self: 'r,
    {
        Run {
            state: self.state,
            delta,
            entries: trusted,
            required: collection.required_sandbox,
            retries: collection.infra_retries,
            directory: &record.path,
            trigger: Trigger::Poll,
            jobs: delta.jobs(),
        }
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
        let run = self.run(&record, &delta, collection, &trusted);
        let ended = run.to_end(self.world)?;
        let outcomes = self.state.outcomes(&record)?;
        for (verdict, count) in Tally::of(&outcomes).0 {
            *pass.tally.0.entry(verdict).or_default() += count;
        }
        match ended {
            Ended::Completed => self.remember(&record, &delta, &trusted, &outcomes)?,
            Ended::Interrupted => pass.interrupted = true,
        }
        pass.tested.push(Tested {
            record,
            delta,
            outcomes,
        });
        Ok(())
    }

    /// Says whether what follows from a delta's results has been written; what cannot be read is written again.
    fn is_remembered(&self, record: &DeltaRecord) -> Result<bool> {
        let told = self.state.json::<Tally>(&record.path.join("done.json"));
        let outcomes = self.state.outcomes(record)?;
        Ok(told.ok().flatten() == Some(Tally::of(&outcomes)))
    }

    /// Writes what follows from a delta's results. Everything here may be done twice.
    fn remember(
        &self,
        record: &DeltaRecord,
        delta: &Delta,
        trusted: &[Entry],
        outcomes: &[Outcome],
    ) -> Result<()> {
        let state = self.state;
        let good = promoted(delta, outcomes);
        let reviews = state.reviews()?;
        for (key, good) in &good {
            // The entries are in the order of their keys.
            let entry = trusted.binary_search_by(|entry| entry.key.cmp(key)).ok();
            let good = Previous {
                untrusted: !entry.is_some_and(|at| reviews.trust(&trusted[at])),
                ..good.clone()
            };
            // Jobs that were refused may run after those of a later delta.
            let is_newer = state
                .previous(key)?
                .is_none_or(|there| there.seq <= good.seq);
            if is_newer {
                state.write_sealed(&previous::file(state.root(), key), &good)?;
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
        index.enter(delta, outcomes, &good);
        // Not what this delta holds: jobs that were refused may run after later deltas.
        let now = state.head()?.snapshot;
        let present = |standing: &Standing| now.get(&standing.key).is_some();
        index.charms.retain(|_, standing| present(standing));
        state.write_sealed(&state.index_file(), &index)?;
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
            if let Some(file) = store.resolve(&tree, path) {
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

#[cfg(test)]
#[path = "watcher_tests.rs"]
mod tests;
