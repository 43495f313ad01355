//! All writing: whole files by renaming, lines by appending.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
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

    /// Appends one line; a line that a killed process left unfinished before it is cut off.
    pub(crate) fn append(&self, path: &Path, line: &str) -> Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .create(true)
            .append(true)
            .open(path)
            .context("open", path)?;
        let whole = whole_lines(path)?;
        file.set_len(whole).context("write", path)?;
        self.torn(path, &mut file, line)?;
        let line = format!("{line}\n");
        file.write_all(line.as_bytes()).context("write", path)?;
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
    fn torn(&self, _: &Path, _: &mut File, _: &str) -> Result<()> {
        Ok(())
    }
}

/// Returns how many bytes of a file are whole lines.
fn whole_lines(path: &Path) -> Result<u64> {
    let bytes = fs::read(path).context("read", path)?;
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    Ok(end.map_or(0, |end| end as u64 + 1))
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

        /// One step that leaves half of a line.
        pub(super) fn torn(&self, path: &Path, file: &mut File, line: &str) -> Result<()> {
            self.fault(path).inspect_err(|_| {
                let _ = file.write_all(&line.as_bytes()[..line.len() / 2]);
            })
        }
    }

    #[test]
    fn a_torn_line_is_cut_off_by_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        Disk::default().append(&path, "one").unwrap();
        Disk::failing_after(0).append(&path, "two two").unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo");
        Disk::default().append(&path, "three").unwrap();
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
