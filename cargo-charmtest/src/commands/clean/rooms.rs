//! The directories of contained runs that were killed; and with `--all`, of those that were kept.

use crate::report::{heading, say};
use crate::sandbox::{Left, left_behind};

/// How many directories went which way.
#[derive(Debug, Default)]
pub(super) struct Count {
    removed: usize,
    pub(super) left: usize,
}

/// Deletes the directories, or says which it would.
pub(super) fn clean(all: bool, dry_run: bool) -> Count {
    let mut count = Count::default();
    for room in left_behind(all) {
        let what = format!("directory {}", room.path.display());
        let word = match dry_run {
            true => "Would remove",
            false => "Removed",
        };
        let deleted = match dry_run {
            true => Ok(()),
            false => Left::delete(&room),
        };
        match deleted {
            Ok(()) => {
                count.removed += 1;
                say(&heading(word, &what));
            }
            Err(error) => {
                count.left += 1;
                say(&heading("Left over", &format!("{what}: {error}")));
            }
        }
    }
    count
}

impl Count {
    /// Returns what the summary says of them; nothing if there were none.
    pub(super) fn parts(&self, verb: &str) -> Vec<String> {
        let directories = |count: usize| match count {
            1 => "1 directory".to_owned(),
            count => format!("{count} directories"),
        };
        let mut parts = Vec::new();
        if self.removed > 0 {
            parts.push(format!("{} {verb}", directories(self.removed)));
        }
        if self.left > 0 {
            parts.push(format!("{} left over", directories(self.left)));
        }
        parts
    }
}
