//! What was run.

use super::Masker;
use serde::Serialize;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How many commands are kept in memory.
const CAPACITY: usize = 1000;

/// One command of a [`Transcript`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscriptEntry {
    /// When it began.
    pub started: SystemTime,
    /// The command line, ready to paste.
    pub command: String,
    /// How long it took.
    pub duration: Duration,
    /// Its exit code; none when it was killed before it ended by itself.
    pub code: Option<i32>,
}

/// The commands of a run: the newest 1000 in memory, all of them in a file when there is one.
///
/// Clones share their entries. When a command is repeated with the same end, as a wait repeats `juju status`, only the first
/// and the latest are kept in memory. The file holds one JSON object per line: `started_ms` (since 1970), `duration_ms`,
/// `code` (or null) and `command`.
#[derive(Clone, Debug, Default)]
pub struct Transcript(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    newest: VecDeque<TranscriptEntry>,
    file: Option<File>,
    /// How many commands are not in the file, and why the first is not.
    lost: Option<(usize, io::Error)>,
    secrets: Masker,
}

impl Entries {
    /// Tells whether the newest two commands were this one, with the same end.
    fn repeats(&self, entry: &TranscriptEntry) -> bool {
        let mut newest = self.newest.iter().rev();
        let same = |it: &TranscriptEntry| it.command == entry.command && it.code == entry.code;
        newest.next().is_some_and(same) && newest.next().is_some_and(same)
    }
}

impl Transcript {
    /// Returns a transcript that also appends to the file.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened. Later failures to write fail nothing; [`lost`](Self::lost) tells of them.
    pub fn to_file(path: impl AsRef<Path>) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Arc::new(Mutex::new(Entries {
            newest: VecDeque::new(),
            file: Some(file),
            lost: None,
            secrets: Masker::default(),
        }))))
    }

    /// Returns the newest commands, oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<TranscriptEntry> {
        self.lock().newest.iter().cloned().collect()
    }

    /// Says how many commands are not in the file, and why; nothing if all of them are.
    #[must_use]
    pub fn lost(&self) -> Option<String> {
        let entries = self.lock();
        let (count, error) = entries.lost.as_ref()?;
        let plural = if *count == 1 { "" } else { "s" };
        Some(format!(
            "{count} command{plural} could not be written to it: {error}"
        ))
    }

    /// Returns what hides the secrets that the commands of this transcript were given or revealed.
    #[must_use]
    pub fn masker(&self) -> Masker {
        self.lock().secrets.clone()
    }

    pub(crate) fn learn(&self, learn: impl FnOnce(&mut Masker)) {
        learn(&mut self.lock().secrets);
    }

    pub(super) fn push(&self, entry: TranscriptEntry) {
        let mut entries = self.lock();
        if let Some(file) = &mut entries.file
            // One write per line, so that processes can share the file.
            && let Err(error) = file.write_all(line(&entry).as_bytes())
        {
            entries.lost.get_or_insert((0, error)).0 += 1;
        }
        if entries.repeats(&entry) {
            entries.newest.pop_back();
        } else if entries.newest.len() == CAPACITY {
            entries.newest.pop_front();
        }
        entries.newest.push_back(entry);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Serialize)]
struct Line<'a> {
    started_ms: u128,
    duration_ms: u128,
    code: Option<i32>,
    command: &'a str,
}

fn line(entry: &TranscriptEntry) -> String {
    let line = Line {
        started_ms: entry
            .started
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis(),
        duration_ms: entry.duration.as_millis(),
        code: entry.code,
        command: &entry.command,
    };
    let mut text = serde_json::to_string(&line).expect("numbers and a string always serialise");
    text.push('\n');
    text
}
