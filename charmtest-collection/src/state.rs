//! The state directory: what is where.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::delta::Delta;
use crate::disk::{Disk, Durability, read_if_there};
use crate::error::{Context, Error, Result};
use crate::lock::Lock;
use crate::previous::Previous;
use crate::record::{DeltaRecord, Head};
use crate::results::{Outcome, Tally, Verdict, parse};
use crate::reviews::{Review, Reviews};
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
    /// What came of them.
    pub tally: Tally,
    /// The last delta in which it was good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub green: Option<String>,
    /// The names that its tests deployed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub deployed: BTreeSet<String>,
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
        let head = self.json(&self.root.join("head.json"))?;
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
        Ok(self
            .json(&self.root.join("index.json"))?
            .unwrap_or_default())
    }

    /// Returns the approvals.
    ///
    /// # Errors
    ///
    /// Fails when `reviews.toml` is not understood.
    pub fn reviews(&self) -> Result<Reviews> {
        Reviews::read(&self.root)
    }

    /// Adds an approval.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be written.
    pub fn approve(&self, review: Review) -> Result<()> {
        let mut reviews = self.reviews()?;
        reviews.reviews.push(review);
        reviews.write(&self.root, &self.disk)
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
        self.json(&crate::previous::file(&self.root, key))
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
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| Error::Corrupt {
                path: path.to_owned(),
                message: error.to_string(),
            })
    }

    pub(crate) fn write_json<T: Serialize>(&self, path: &Path, value: &T) -> Result<()> {
        let text = serde_json::to_vec(value).map_err(|error| Error::Usage(error.to_string()))?;
        self.disk.write(path, &text, Durability::Synced)
    }
}
