//! What a collection holds at one moment.

mod directory;
mod git;
mod objects;
mod refs;
mod remote;
mod take;
mod work_tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::collection::Trust;
use crate::delta::Origin;
use crate::digest::Digest;
use crate::error::Result;
use crate::store::Store;
use crate::tree::{FileKind, Tree};
use crate::world::Files;

pub use git::Git;
pub(crate) use refs::is_branch;
pub use take::Problem;
pub(crate) use take::{Taken, Taker};

/// What tells the charms of a collection apart. Keys are in byte order of base, charm and branch: the order in which charms are tested.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The base, such as `ubuntu@24.04`.
    pub base: String,
    /// The charm's name.
    pub charm: String,
    /// The branch; `-` for a directory that is on none.
    pub branch: String,
}

impl Key {
    /// Makes a key.
    #[must_use]
    pub fn new(base: &str, charm: &str, branch: &str) -> Self {
        Self {
            base: base.to_owned(),
            charm: charm.to_owned(),
            branch: branch.to_owned(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.base, self.charm, self.branch)
    }
}

/// What a charm's files tell of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The charm's name.
    pub name: String,
    /// The interfaces of its endpoints.
    #[serde(default)]
    pub interfaces: BTreeSet<String>,
    /// The paths of its tests, in the order in which they run.
    #[serde(default)]
    pub scripts: Vec<String>,
}

/// One charm of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which one.
    #[serde(flatten)]
    pub key: Key,
    /// Its identity: git's hash of its tree, or that of its content when it is not in git.
    pub tree: String,
    /// Its content in the store.
    pub content: Digest,
    /// Whether it may run without a review.
    pub trust: Trust,
    /// Where it came from.
    pub origin: Origin,
    /// What it tells of itself.
    pub facts: Facts,
}

/// All charms of a collection, in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Snapshot {
    entries: Vec<Entry>,
}

impl Snapshot {
    /// Makes a snapshot of entries in any order.
    ///
    /// # Errors
    ///
    /// Names two entries with one key: tests could not tell them apart.
    pub fn new(mut entries: Vec<Entry>) -> Result<Self, String> {
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        let double = entries.windows(2).find(|pair| pair[0].key == pair[1].key);
        if let Some([first, second]) = double {
            return Err(format!(
                "{} is there twice: from {} and from {}",
                first.key, first.origin, second.origin
            ));
        }
        Ok(Self { entries })
    }

    /// Returns the entries in the order of their keys.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the entry of a key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Entry> {
        let found = self.entries.binary_search_by(|entry| entry.key.cmp(key));
        found.ok().map(|index| &self.entries[index])
    }

    /// Returns the entries by their keys.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<&Key, &Entry> {
        self.entries
            .iter()
            .map(|entry| (&entry.key, entry))
            .collect()
    }
}

/// The files of a tree in the store.
pub(crate) struct StoredFiles<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) store: &'a Store,
}

impl Files for StoredFiles<'_> {
    fn paths(&self) -> Vec<&str> {
        let entries = self.tree.entries().iter();
        entries.map(|entry| entry.path.as_str()).collect()
    }

    fn is_executable(&self, path: &str) -> bool {
        let entry = self.store.resolve(self.tree, path);
        entry.is_some_and(|entry| entry.kind == FileKind::Executable)
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let entry = self.store.resolve(self.tree, path);
        entry.map(|entry| self.store.get(&entry.sha256)).transpose()
    }
}
