//! All writing: whole files by renaming, lines by appending.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Context, Error, Result};

/// How much a write is worth when the machine loses power; a process that is killed loses nothing of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// What is found damaged and can be had again.
    Cache,
    /// What is acknowledged to somebody.
    Synced,
}

/// Writes files so that nobody ever sees half of one.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    #[cfg(test)]
    faults: tests::Faults,
}

/// Tells the temporary files of one process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl Disk {
    /// Writes a whole file, with its directories; whoever reads it sees either what was there or all of `bytes`.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8], durability: Durability) -> Result<()> {
        self.fault(path)?;
        let parent = path.parent().unwrap_or(Path::new("."));
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".new-{}-{number}", std::process::id());
        let temporary = parent.join(name);
        let file = match File::create(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(parent).context("make directory", parent)?;
                File::create(&temporary)
            }
            result => result,
        };
        let mut file = file.context("write", &temporary)?;
        let written = file.write_all(bytes).and_then(|()| match durability {
            Durability::Cache => Ok(()),
            Durability::Synced => file.sync_data(),
        });
        let renamed = written.and_then(|()| fs::rename(&temporary, path));
        if renamed.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        renamed.context("write", path)?;
        if durability == Durability::Synced {
            let directory = File::open(parent).context("open", parent)?;
            directory.sync_data().context("write", parent)?;
        }
        self.fault(path)
    }

    /// Appends lines; a line that a killed process left unfinished before them is cut off.
    pub(crate) fn append(&self, path: &Path, lines: &[String]) -> Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .create(true)
            .append(true)
            .open(path)
            .context("open", path)?;
        let length = file.metadata().context("read", path)?.len();
        let whole = whole_lines(&mut file, length).context("read", path)?;
        if whole < length {
            file.set_len(whole).context("write", path)?;
        }
        let mut text = String::new();
        for line in lines {
            self.torn(path, &mut file, &text, line)?;
            text.push_str(line);
            text.push('\n');
        }
        file.write_all(text.as_bytes()).context("write", path)?;
        file.sync_data().context("write", path)?;
        self.fault(path)
    }

    /// Removes a file or a directory with all that is in it; nothing there is fine.
    pub(crate) fn remove(&self, path: &Path) -> Result<()> {
        self.fault(path)?;
        let is_directory = fs::symlink_metadata(path).is_ok_and(|about| about.is_dir());
        let removed = if is_directory {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result.context("remove", path),
        }
    }

    #[cfg(not(test))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "faults are for tests"
    )]
    fn fault(&self, _: &Path) -> Result<()> {
        Ok(())
    }

    #[cfg(not(test))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "faults are for tests"
    )]
    fn torn(&self, _: &Path, _: &mut File, _: &str, _: &str) -> Result<()> {
        Ok(())
    }
}

/// Returns how many of a file's first `length` bytes are whole lines; only its end is read.
fn whole_lines(file: &mut File, length: u64) -> io::Result<u64> {
    let mut piece = [0; 4096];
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(piece.len() as u64);
        let part = &mut piece[..usize::try_from(end - start).unwrap_or(0)];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Reads a file that may be missing.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io {
            action: "read",
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::atomic::AtomicI64;

    /// How many steps are left until everything fails, as if the process had been killed; below zero: no limit.
    #[derive(Debug)]
    pub(crate) struct Faults(AtomicI64);

    impl Default for Faults {
        fn default() -> Self {
            Self(AtomicI64::new(-1))
        }
    }

    impl Disk {
        /// A disk on which nothing can be written after `steps` steps.
        pub(crate) fn failing_after(steps: i64) -> Self {
            Self {
                faults: Faults(AtomicI64::new(steps)),
            }
        }

        pub(super) fn fault(&self, path: &Path) -> Result<()> {
            let left = self.faults.0.load(Ordering::Relaxed);
            match left {
                0 => Err(Error::Io {
                    action: "write",
                    path: path.to_owned(),
                    source: io::Error::other("killed here"),
                }),
                left if left < 0 => Ok(()),
                left => {
                    self.faults.0.store(left - 1, Ordering::Relaxed);
                    Ok(())
                }
            }
        }

        /// One step that leaves whole lines and half of one.
        pub(super) fn torn(
            &self,
            path: &Path,
            file: &mut File,
            whole: &str,
            line: &str,
        ) -> Result<()> {
            self.fault(path).inspect_err(|_| {
                let _ = file.write_all(whole.as_bytes());
                let _ = file.write_all(&line.as_bytes()[..line.len() / 2]);
            })
        }
    }

    #[test]
    fn a_torn_line_is_cut_off_by_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        let [one, three] = ["one", "three"].map(|line| [line.to_owned()]);
        Disk::default().append(&path, &one).unwrap();
        // Longer than what is read at once.
        let torn = ["two".repeat(10_000)];
        Disk::failing_after(0).append(&path, &torn).unwrap_err();
        assert_eq!(fs::metadata(&path).unwrap().len(), 4 + 15_000);
        Disk::default().append(&path, &three).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\nthree\n");
        fs::write(&path, "torn").unwrap();
        Disk::default().append(&path, &one).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
    }

    #[test]
    fn of_several_lines_the_whole_ones_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        let lines = ["one", "two two", "three"].map(str::to_owned);
        Disk::failing_after(1).append(&path, &lines).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo");
        Disk::default().append(&path, &lines[2..]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\nthree\n");
    }

    #[test]
    fn a_failed_write_leaves_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/file");
        Disk::default()
            .write(&path, b"old", Durability::Synced)
            .unwrap();
        Disk::failing_after(0)
            .write(&path, b"new", Durability::Synced)
            .unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
