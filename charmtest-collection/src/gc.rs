//! Dropping what nobody needs any more.

use std::collections::BTreeSet;

use crate::delta::{Delta, Resolved};
use crate::digest::Digest;
use crate::error::Result;
use crate::record::DeltaRecord;
use crate::state::State;

/// What was dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dropped {
    /// The ids of deltas.
    pub deltas: Vec<String>,
    /// How many objects of the store.
    pub objects: usize,
}

/// Says which deltas go: all but the newest `keep`, those that are not tested to their end, and those that are owed something.
fn dropped<'a>(
    records: &'a [DeltaRecord],
    keep: usize,
    needed: &BTreeSet<String>,
    is_done: &dyn Fn(&DeltaRecord) -> bool,
) -> Vec<&'a DeltaRecord> {
    let old = &records[..records.len().saturating_sub(keep)];
    old.iter()
        .filter(|record| is_done(record) && !needed.contains(&record.id))
        .collect()
}

/// Drops deltas but the newest `keep`, and contents that neither a kept delta nor a last good version nor the last snapshot needs.
///
/// The caller holds the [`crate::Lock`].
///
/// # Errors
///
/// Fails when something cannot be read or removed; then nothing that is needed is gone.
pub fn collect(state: &State, keep: usize) -> Result<Dropped> {
    let records = state.deltas()?;
    let head = state.head()?;
    let mut needed: BTreeSet<String> = head.delta.into_iter().collect();
    let charms = state.index()?.charms;
    needed.extend(
        charms
            .values()
            .filter(|standing| standing.is_owed())
            .map(|standing| standing.delta.clone()),
    );
    let gone: Vec<DeltaRecord> = dropped(&records, keep, &needed, &DeltaRecord::is_done)
        .into_iter()
        .cloned()
        .collect();
    let mut trees: BTreeSet<Digest> = head
        .snapshot
        .entries()
        .iter()
        .map(|entry| entry.content.clone())
        .collect();
    let mut files = BTreeSet::new();
    for record in records.iter().filter(|record| !gone.contains(record)) {
        let (more_trees, more_files) = state.delta(record)?.contents();
        trees.extend(more_trees);
        files.extend(more_files);
    }
    // Also those of charms that are gone: a branch may come back.
    let previous = state.all_previous()?.into_iter();
    trees.extend(previous.map(|previous| previous.content));
    // Before anything goes: what cannot be read may be needed with all that it names.
    let mut kept = files;
    for tree in trees {
        let entries = state.store().tree(&tree)?;
        kept.extend(entries.entries().iter().map(|entry| entry.sha256.clone()));
        kept.insert(tree);
    }
    for record in &gone {
        // First the file that makes it a delta: what is left of a directory afterwards is no delta.
        state.disk.remove(&record.file())?;
        state.disk.remove(&record.path)?;
    }
    let mut objects = 0;
    for object in state.store().objects()? {
        if !kept.contains(&object) {
            state.disk.remove(&state.store().path(&object))?;
            objects += 1;
        }
    }
    Ok(Dropped {
        deltas: gone.into_iter().map(|record| record.id).collect(),
        objects,
    })
}

/// Returns the digests of all objects that a delta needs, after checking each.
pub(crate) fn objects_of(state: &State, delta: &Delta) -> Result<BTreeSet<Digest>> {
    let (trees, files) = delta.contents();
    let mut objects = BTreeSet::new();
    for content in trees {
        for entry in state.store().tree(&content)?.entries() {
            if objects.insert(entry.sha256.clone()) {
                state.store().get(&entry.sha256)?;
            }
        }
        objects.insert(content);
    }
    for resolved in delta.resolve.values() {
        if let Resolved::File { sha256, .. } = resolved {
            state.store().get(sha256)?;
        }
    }
    objects.extend(files);
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_the_unfinished_and_the_needed_stay() {
        let record = |seq: u64| DeltaRecord {
            seq,
            id: format!("{seq}"),
            path: format!("/{seq}").into(),
        };
        let records: Vec<DeltaRecord> = (1..=6).map(record).collect();
        let needed: BTreeSet<String> = ["2".to_owned()].into();
        let gone = |keep| -> Vec<u64> {
            let dropped = dropped(&records, keep, &needed, &|record| record.seq != 3);
            dropped.into_iter().map(|record| record.seq).collect()
        };
        assert_eq!(gone(2), [1, 4]);
        assert_eq!(gone(0), [1, 4, 5, 6]);
        assert!(gone(10).is_empty());
    }
}
