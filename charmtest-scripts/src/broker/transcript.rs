//! The record of every `juju` command of a script, one JSON object per line.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// One command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When it began, in milliseconds since 1970 (UTC).
    pub time_ms: u64,
    /// How long it took in milliseconds.
    pub took_ms: u64,
    /// The words that the script gave, without `juju`. Contents of secrets are `…`.
    pub argv: Vec<String>,
    /// The words that were run; `None` when the broker answered by itself.
    pub ran: Option<Vec<String>>,
    /// The exit code; `None` when the command was cut off, since the script's `juju` went away or the script's time was over.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Stream,
    /// Standard error.
    pub stderr: Stream,
    /// What a reader should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What went through a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256 in hexadecimal.
    pub sha256: String,
}

/// The file of a transcript.
#[derive(Debug)]
pub struct Transcript(Mutex<File>);

impl Transcript {
    /// Opens the file, at whose end records are put.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be written to.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Mutex::new(file)))
    }

    /// Writes a record.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be written to.
    pub fn write(&self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(&line)
    }
}

/// Reads the records of a transcript; none when there is no such file.
///
/// # Errors
///
/// Fails when the file cannot be read or a line is no record.
pub fn read(path: &Path) -> io::Result<Vec<Record>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    text.lines()
        .map(|line| serde_json::from_str(line).map_err(io::Error::from))
        .collect()
}

/// Hides the contents of secrets in the words of a command.
#[must_use]
pub fn masked(argv: &[String]) -> Vec<String> {
    let is_secret = argv
        .iter()
        .any(|word| ["add-secret", "update-secret"].contains(&word.as_str()));
    let mask = |word: &String| match word.split_once('=') {
        Some((key, _)) if is_secret && !key.starts_with('-') && !key.ends_with("#file") => {
            format!("{key}=…")
        }
        _ => word.clone(),
    };
    argv.iter().map(mask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_written() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("t.jsonl");
        assert!(read(&path).unwrap().is_empty());
        let record = Record {
            argv: vec!["status".into()],
            code: Some(0),
            ..Record::default()
        };
        Transcript::open(&path).unwrap().write(&record).unwrap();
        Transcript::open(&path).unwrap().write(&record).unwrap();
        assert_eq!(read(&path).unwrap(), [record.clone(), record]);
    }

    #[test]
    fn secrets_are_hidden() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            masked(&words("add-secret s a=b c#file=x --info=y")),
            words("add-secret s a=… c#file=x --info=y")
        );
        assert_eq!(masked(&words("config w a=b")), words("config w a=b"));
    }
}
