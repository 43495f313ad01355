//! The record of deltas: written before anything is tested, so that a watcher may die at any moment.
//!
//! Order: contents, then `delta.json`, then `head.json`. A delta that follows the head but is not it was cut off before the last step, which
//! is then made up for. A delta without `done.json` is tested from where it was.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::delta::Delta;
use crate::disk::Durability;
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use crate::state::State;

/// The last recorded snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number of its delta; 0 before the first.
    pub seq: u64,
    /// The id of its delta.
    pub delta: Option<String>,
    /// The version of what charms were asked for their facts.
    pub facts_version: String,
    /// The snapshot.
    pub snapshot: Snapshot,
}

/// Where a delta is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeltaRecord {
    /// Its number.
    pub seq: u64,
    /// Its id.
    pub id: String,
    /// Its directory.
    pub path: PathBuf,
}

impl DeltaRecord {
    /// Understands the name of a directory.
    pub(crate) fn of(path: PathBuf) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let (seq, id) = name.split_once('-')?;
        let is_id = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(Self {
            seq: seq.parse().ok().filter(|_| is_id)?,
            id: id.to_owned(),
            path,
        })
    }

    /// Returns the file with the delta.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.path.join("delta.json")
    }

    /// Says whether all its jobs have been run.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.path.join("done.json").is_file()
    }
}

impl State {
    /// Records a delta whose contents are in the store, and moves the head to it.
    pub(crate) fn record(&self, delta: &Delta, facts_version: &str) -> Result<DeltaRecord> {
        let path = self.root().join("deltas").join(delta.directory_name());
        let record = DeltaRecord {
            seq: delta.seq,
            id: delta.id.clone(),
            path,
        };
        let bytes = delta
            .to_bytes()
            .map_err(|error| Error::Usage(error.to_string()))?;
        self.disk
            .write(&record.file(), &bytes, Durability::Synced)?;
        self.move_head(delta, facts_version)?;
        Ok(record)
    }

    fn move_head(&self, delta: &Delta, facts_version: &str) -> Result<()> {
        self.write_head(&Head {
            seq: delta.seq,
            delta: Some(delta.id.clone()),
            facts_version: facts_version.to_owned(),
            snapshot: delta.snapshot.clone(),
        })
    }

    pub(crate) fn write_head(&self, head: &Head) -> Result<()> {
        self.write_sealed(&self.head_file(), head)
    }

    /// Makes up for what a watcher that was killed between the two steps of recording did not do.
    pub(crate) fn adopt(&self, facts_version: &str) -> Result<Head> {
        let head = self.head()?;
        let next = self
            .deltas()?
            .into_iter()
            .find(|record| record.seq > head.seq);
        let Some(next) = next else {
            return Ok(head);
        };
        let delta = self.delta(&next)?;
        if delta.parent != head.delta || delta.seq != head.seq + 1 {
            return Err(Error::Corrupt {
                path: next.path,
                message: "it does not follow the last delta that head.json names".to_owned(),
            });
        }
        self.move_head(&delta, facts_version)?;
        self.head()
    }
}
