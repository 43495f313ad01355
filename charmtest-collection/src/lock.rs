//! One watcher per state directory.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::error::{Context, Error, Result};

/// The right to write to a state directory; it ends with the process at the latest.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a state directory.
    ///
    /// # Errors
    ///
    /// Names the process that has it.
    pub(crate) fn take(state: &Path) -> Result<Self> {
        fs::create_dir_all(state).context("make directory", state)?;
        let path = state.join("lock");
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut file = file.context("open", &path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(error) if error == rustix::io::Errno::WOULDBLOCK => {
                let holder = fs::read_to_string(&path).unwrap_or_default();
                let holder = match holder.trim() {
                    "" => "another process".to_owned(),
                    pid => format!("process {pid}"),
                };
                let path = state.to_owned();
                return Err(Error::Locked { path, holder });
            }
            Err(error) => return Err(std::io::Error::from(error)).context("lock", &path),
        }
        file.set_len(0).context("write", &path)?;
        writeln!(file, "{}", std::process::id()).context("write", &path)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_exclude_each_other_and_the_holder_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let first = Lock::take(directory.path()).unwrap();
        let error = Lock::take(directory.path()).unwrap_err().to_string();
        assert!(
            error.contains(&format!("process {}", std::process::id())),
            "{error}"
        );
        drop(first);
        Lock::take(directory.path()).unwrap();
    }
}
