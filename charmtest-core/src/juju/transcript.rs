//! What was run.
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
/// One command of a [`Transcript`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscriptEntry {
    /// When it began.
    pub started: SystemTime,
    /// The command line, ready to paste.
    pub command: String,
    /// How long it took.
    pub duration: Duration,
    /// Its exit code; none when it did not end by itself.
    pub code: Option<i32>,
}
/// The commands of a run: the newest in memory, all of them in a file when one is given.
#[derive(Clone, Debug, Default)]
pub struct Transcript {}
impl Transcript {
    /// Returns a transcript that also appends to the file.
    #[must_use]
    pub fn to_file(_path: impl Into<PathBuf>) -> Self {
        Self {}
    }
    /// Returns the newest commands, oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<TranscriptEntry> {
        Vec::new()
    }
}
