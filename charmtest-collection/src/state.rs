//! The state directory: what is where.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::delta::Delta;
use crate::disk::{Disk, Durability, read_if_there};
use crate::error::{Context, Error, Result};
use crate::lock::Lock;
use crate::previous::{Previous, promoted};
use crate::record::{DeltaRecord, Head};
use crate::results::{self, Outcome, Tally, Verdict, parse};
use crate::reviews::{Review, Reviews};
use crate::seal::{sealed, unsealed};
use crate::snapshot::{Key, Snapshot};
use crate::store::Store;

/// All that is kept of a collection.
///
/// ```text
/// lock           who watches
/// head.json      the last recorded snapshot, and its delta
/// reviews.toml   approvals
/// cas/sha256/    contents
/// deltas/0007-3f2a6b11c0de/{delta.json,results.jsonl,junit.xml,done.json,logs/,replays/,bisect/}
/// previous/BASE/CHARM/BRANCH.json
/// index.json     what follows from the results of all deltas
/// git/ seen.json caches; may be deleted while nobody watches
/// ```
#[derive(Debug, Clone)]
pub struct State {
    root: PathBuf,
    pub(crate) disk: Arc<Disk>,
    store: Store,
}

/// What follows from the results of all deltas, per charm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// By the texts of their keys.
    pub charms: BTreeMap<String, Standing>,
}

/// How a charm stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Which charm.
    #[serde(flatten)]
    pub key: Key,
    /// The delta in which its tests ran last.
    pub delta: String,
    /// The number of that delta.
    #[serde(default)]
    pub seq: u64,
    /// What came of them.
    pub tally: Tally,
    /// The last delta in which it was good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub green: Option<String>,
    /// The number of that delta; 0 without one.
    #[serde(default)]
    pub green_seq: u64,
    /// The names that its tests deployed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub deployed: BTreeSet<String>,
}

impl Index {
    /// Enters what came of a delta: `outcomes`, and the charms of which it has a good version.
    ///
    /// What a charm came to in a later delta stays: jobs that were refused may run after it.
    pub(crate) fn enter(&mut self, delta: &Delta, outcomes: &[Outcome], good: &BTreeSet<&Key>) {
        let mut of_charm: BTreeMap<&Key, Vec<Outcome>> = BTreeMap::new();
        for outcome in outcomes {
            let own = of_charm.entry(&outcome.key).or_default();
            own.push(outcome.clone());
        }
        for key in delta.plan.iter().map(|planned| &planned.key) {
            let own = of_charm.remove(key).unwrap_or_default();
            let text = key.to_string();
            let mut standing = self.charms.remove(&text).unwrap_or_else(|| Standing {
                key: key.clone(),
                delta: String::new(),
                seq: 0,
                tally: Tally::default(),
                green: None,
                green_seq: 0,
                deployed: BTreeSet::new(),
            });
            if good.contains(key) && standing.green_seq <= delta.seq {
                standing.green = Some(delta.id.clone());
                standing.green_seq = delta.seq;
            }
            if standing.seq <= delta.seq {
                standing.delta.clone_from(&delta.id);
                standing.seq = delta.seq;
                standing.tally = Tally::of(&own);
                standing.deployed = results::deployed(&own, standing.deployed);
            }
            self.charms.insert(text, standing);
        }
    }
}

/// Says of a damaged file what to do.
fn made_again(error: Error) -> Error {
    match error {
        Error::Corrupt { path, message } => {
            let message = format!(
                "{message}; the next `cargo charmtest watch` makes it again from the deltas"
            );
            Error::Corrupt { path, message }
        }
        error => error,
    }
}

impl Standing {
    /// Says whether some of its tests were refused.
    pub(crate) fn is_owed(&self) -> bool {
        self.tally.count(Verdict::Refused) > 0
    }
}

impl State {
    /// Opens a state directory, which need not be there yet.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self::on(root, Disk::default())
    }

    pub(crate) fn on(root: &Path, disk: Disk) -> Self {
        let disk = Arc::new(disk);
        Self {
            root: root.to_owned(),
            store: Store::new(root, Arc::clone(&disk)),
            disk,
        }
    }

    /// Returns the directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the store of contents.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Removes all contents: what was recorded of deltas stays, and cannot be tested again.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be removed.
    pub fn drop_contents(&self) -> Result<()> {
        self.disk.remove(&self.root.join("cas"))
    }

    /// Takes the right to write here.
    ///
    /// # Errors
    ///
    /// Names the process that has it.
    pub fn lock(&self) -> Result<Lock> {
        Lock::take(&self.root)
    }

    /// Returns the last recorded snapshot; an empty one before the first.
    ///
    /// # Errors
    ///
    /// Fails when it is damaged.
    pub fn head(&self) -> Result<Head> {
        let head = self.recorded_head().map_err(made_again)?;
        Ok(head.unwrap_or_else(|| Head {
            seq: 0,
            delta: None,
            facts_version: String::new(),
            snapshot: Snapshot::default(),
        }))
    }

    /// Returns how all charms stand.
    ///
    /// # Errors
    ///
    /// Fails when the index is damaged.
    pub fn index(&self) -> Result<Index> {
        let index = self.json(&self.index_file()).map_err(made_again)?;
        Ok(index.unwrap_or_default())
    }

    fn recorded_head(&self) -> Result<Option<Head>> {
        self.json(&self.head_file())
    }

    pub(crate) fn head_file(&self) -> PathBuf {
        self.root.join("head.json")
    }

    pub(crate) fn index_file(&self) -> PathBuf {
        self.root.join("index.json")
    }

    /// Makes `head.json` and `index.json` again from the deltas where they are damaged or lost; says which were.
    ///
    /// # Errors
    ///
    /// Fails when no delta is left to make them of, and when they cannot be written.
    pub(crate) fn mend(&self) -> Result<Vec<String>> {
        let mut said = Vec::new();
        let lost = match self.recorded_head() {
            Ok(Some(_)) => None,
            // One delta without a head is one that was cut off.
            Ok(None) if self.deltas()?.len() < 2 => None,
            Ok(None) => Some(format!("{} is not there", self.head_file().display())),
            Err(error @ Error::Corrupt { .. }) => Some(error.to_string()),
            Err(error) => return Err(error),
        };
        if let Some(why) = lost {
            let none = || Error::Missing(format!("{why}, and there is no delta to make it of"));
            let record = self.deltas()?.pop().ok_or_else(none)?;
            let delta = self.delta(&record)?;
            said.push(format!("{why}; it is made again from delta {}", delta.id));
            self.write_head(&Head {
                seq: delta.seq,
                delta: Some(delta.id),
                // What the charms tell of themselves is asked again.
                facts_version: String::new(),
                snapshot: delta.snapshot,
            })?;
        }
        let index = self.json::<Index>(&self.index_file());
        if let Err(error @ Error::Corrupt { .. }) = index {
            said.push(format!("{error}; it is made again from the results"));
            self.write_sealed(&self.index_file(), &self.index_of_results()?)?;
        }
        Ok(said)
    }

    /// Makes the index of what came of the deltas that are there.
    fn index_of_results(&self) -> Result<Index> {
        let mut index = Index::default();
        let records = self.deltas()?;
        for record in records.iter().filter(|record| record.is_done()) {
            let delta = match self.delta(record) {
                Err(Error::Corrupt { .. }) => continue,
                delta => delta?,
            };
            let outcomes = self.outcomes(record)?;
            let good = promoted(&delta, &outcomes);
            let good: BTreeSet<&Key> = good.iter().map(|(key, _)| key).collect();
            index.enter(&delta, &outcomes, &good);
        }
        let now = self.head()?.snapshot;
        index
            .charms
            .retain(|_, standing| now.get(&standing.key).is_some());
        Ok(index)
    }

    /// Returns the approvals.
    ///
    /// # Errors
    ///
    /// Fails when `reviews.toml` is not understood.
    pub fn reviews(&self) -> Result<Reviews> {
        Reviews::read(&self.root)
    }

    /// Adds an approval; what people wrote beside the others stays.
    ///
    /// # Errors
    ///
    /// Fails when `reviews.toml` is not understood, and when it cannot be written.
    pub fn approve(&self, review: Review) -> Result<()> {
        fs::create_dir_all(&self.root).context("make directory", &self.root)?;
        // Whoever approves something else at this moment waits: neither approval may be lost.
        let turn = File::open(&self.root).context("open", &self.root)?;
        turn.lock().context("lock", &self.root)?;
        Reviews::add(&self.root, &self.disk, review)
    }

    /// Returns the recorded deltas, oldest first.
    ///
    /// # Errors
    ///
    /// Fails when their directory cannot be listed.
    pub fn deltas(&self) -> Result<Vec<DeltaRecord>> {
        let path = self.root.join("deltas");
        let items = match fs::read_dir(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            items => items.context("list", &path)?,
        };
        let mut records = Vec::new();
        for item in items {
            let item = item.context("list", &path)?;
            let record = DeltaRecord::of(item.path());
            records.extend(record.filter(|record| record.file().is_file()));
        }
        records.sort_by(|a, b| (a.seq, &a.id).cmp(&(b.seq, &b.id)));
        Ok(records)
    }

    /// Finds a delta by the beginning of its id, by its number, or as `last`.
    ///
    /// # Errors
    ///
    /// Fails when there is none or more than one.
    pub fn find(&self, wanted: &str) -> Result<DeltaRecord> {
        let mut records = self.deltas()?;
        if wanted == "last" {
            let none = || Error::Usage(format!("no delta is recorded in {}", self.root.display()));
            return records.pop().ok_or_else(none);
        }
        // A number is one only when it is short: ids may consist of digits. It is never the beginning of an id: the delta of that number
        // may have been dropped, and another one is not what is meant.
        let number = wanted.parse::<u64>().ok().filter(|_| wanted.len() < 6);
        records.retain(|record| match number {
            Some(number) => number == record.seq,
            None => record.id.starts_with(wanted),
        });
        match records.len() {
            1 => Ok(records.remove(0)),
            0 => Err(Error::Usage(format!(
                "no delta `{wanted}` is recorded in {}; `cargo charmtest watch log` shows all",
                self.root.display()
            ))),
            _ => Err(Error::Usage(format!(
                "`{wanted}` is the beginning of several deltas"
            ))),
        }
    }

    /// Reads a delta and checks that it is what was recorded.
    ///
    /// # Errors
    ///
    /// Fails when one byte of it differs.
    pub fn delta(&self, record: &DeltaRecord) -> Result<Delta> {
        let path = record.file();
        let none = || Error::Missing(format!("{} is not there", path.display()));
        let bytes = read_if_there(&path)?.ok_or_else(none)?;
        let delta = Delta::from_bytes(&bytes).map_err(|message| Error::Corrupt {
            path: path.clone(),
            message,
        })?;
        let id = delta
            .computed_id()
            .map_err(|error| Error::Usage(error.to_string()))?;
        if id != delta.id || id != record.id || delta.seq != record.seq {
            let message = format!("it is delta {} with the id {id}", delta.seq);
            return Err(Error::Corrupt { path, message });
        }
        if let Err(message) = delta.check() {
            return Err(Error::Corrupt { path, message });
        }
        Ok(delta)
    }

    /// Returns the outcomes of a delta's jobs.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be read.
    pub fn outcomes(&self, record: &DeltaRecord) -> Result<Vec<Outcome>> {
        self.outcomes_in(&record.path)
    }

    /// Says what came of a delta's jobs when all of them had been run, if that is not what its results say now: then these are damaged.
    ///
    /// # Errors
    ///
    /// Fails when the results cannot be read.
    pub fn lost_results(&self, record: &DeltaRecord) -> Result<Option<Tally>> {
        let told = self.json::<Tally>(&record.path.join("done.json"));
        let now = Tally::of(&self.outcomes(record)?);
        Ok(told.ok().flatten().filter(|told| *told != now))
    }

    pub(crate) fn outcomes_in(&self, directory: &Path) -> Result<Vec<Outcome>> {
        let bytes = read_if_there(&directory.join("results.jsonl"))?;
        Ok(parse(&bytes.unwrap_or_default()))
    }

    /// Returns the last good version of a charm.
    ///
    /// # Errors
    ///
    /// Fails when its record is damaged.
    pub fn previous(&self, key: &Key) -> Result<Option<Previous>> {
        let previous = self.json(&crate::previous::file(&self.root, key));
        previous.map_err(|error| match error {
            Error::Corrupt { path, message } => {
                let message = format!(
                    "{message}; remove it, and {key} has no earlier version until it passes again"
                );
                Error::Corrupt { path, message }
            }
            error => error,
        })
    }

    /// Returns the last good versions of all charms, also of those that are not in the collection any more.
    pub(crate) fn all_previous(&self) -> Result<Vec<Previous>> {
        let mut found = Vec::new();
        let mut waiting = vec![self.root.join("previous")];
        while let Some(directory) = waiting.pop() {
            let entries = match fs::read_dir(&directory) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                entries => entries.context("read", &directory)?,
            };
            for entry in entries {
                let path = entry.context("read", &directory)?.path();
                if path.is_dir() {
                    waiting.push(path);
                } else if path
                    .extension()
                    .is_some_and(|extension| extension == "json")
                {
                    found.extend(self.json::<Previous>(&path)?);
                }
            }
        }
        Ok(found)
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>> {
        let Some(bytes) = read_if_there(path)? else {
            return Ok(None);
        };
        let wrong = |message: String| Error::Corrupt {
            path: path.to_owned(),
            message,
        };
        let object = unsealed(&bytes).map_err(wrong)?;
        serde_json::from_slice(&object)
            .map(Some)
            .map_err(|error| wrong(error.to_string()))
    }

    /// Writes an object so that a byte that differs later is seen.
    pub(crate) fn write_sealed<T: Serialize>(&self, path: &Path, value: &T) -> Result<()> {
        let text = serde_json::to_vec(value).map_err(|error| Error::Usage(error.to_string()))?;
        self.disk.write(path, &sealed(text), Durability::Synced)
    }

    pub(crate) fn write_json<T: Serialize>(&self, path: &Path, value: &T) -> Result<()> {
        let text = serde_json::to_vec(value).map_err(|error| Error::Usage(error.to_string()))?;
        self.disk.write(path, &text, Durability::Synced)
    }
}
