//! Errors of reading a charm, which name the file and the line.

use std::fmt;
use std::path::PathBuf;

use crate::archive::ArchiveError;

/// A place in a text, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// Something wrong in one file of a charm; prints as `metadata.yaml:3:5: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// The file, as the user would look for it: its name in the charm, or a path; empty for text from elsewhere.
    pub file: String,
    /// Where in the file; `None` when the file as a whole is meant.
    pub position: Option<Position>,
    /// What is wrong.
    pub message: String,
}

impl FileError {
    /// Makes an error about a whole file.
    pub fn new(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            position: None,
            message: message.into(),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_str(), self.position) {
            ("", None) => {}
            ("", Some(Position { line, column })) => write!(f, "line {line}, column {column}: ")?,
            (file, None) => write!(f, "{file}: ")?,
            (file, Some(Position { line, column })) => write!(f, "{file}:{line}:{column}: ")?,
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for FileError {}

/// Why a charm could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is nothing at the path.
    #[error("no charm was found at `{}`", .0.display())]
    NotFound(PathBuf),
    /// A file of the charm is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The operating system refuses to read something.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// What was to be read.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
