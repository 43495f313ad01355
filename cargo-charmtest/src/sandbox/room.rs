//! The directories of runs in sandboxes, and what killed ones leave.
//!
//! Beside each is a file `ROOM.lock`, which is locked by the process outside as long as that lives, and is gone once the directory was
//! deleted or is kept. So one that nobody has locked is of a run that was killed. Nothing in the sandbox reaches it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use charmtest_scripts::remove_tree;
use rustix::fs::{FlockOperation, flock};

use crate::error::{Error, Result};
use crate::record;
use crate::report::{heading, say};

/// What the names of the directories have in common.
const MARK: &str = "-inside";

/// The directories of one run inside: its state, home and temporary files.
#[derive(Debug)]
pub(crate) struct Room {
    path: PathBuf,
    /// Locked as long as the run lives.
    _lock: File,
}

impl Room {
    /// Makes the directories, and deletes those of runs that were killed.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be made.
    pub(crate) fn make() -> Result<Self> {
        let runs = runs()?;
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = match NEXT.fetch_add(1, Ordering::Relaxed) {
            0 => String::new(),
            number => format!("-{number}"),
        };
        Self::make_in(&runs, &format!("{}{MARK}{number}", record::new_id()))
    }

    fn make_in(runs: &Path, name: &str) -> Result<Self> {
        let path = runs.join(name);
        let cannot = |error: io::Error| {
            Error::infrastructure(format!("cannot make {}: {error}", path.display()))
        };
        fs::create_dir_all(runs).map_err(cannot)?;
        for left in left(runs) {
            // It is tried again next time, and `clean` says why.
            let _ = left.delete();
        }
        // Locked before it has its name: nobody finds it without an owner.
        let lock = tempfile::NamedTempFile::new_in(runs).map_err(cannot)?;
        flock(lock.as_file(), FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| cannot(error.into()))?;
        let lock = lock
            .persist(lock_of(&path))
            .map_err(|error| cannot(error.error))?;
        for name in ["state", "home", "tmp"] {
            fs::create_dir_all(path.join(name)).map_err(cannot)?;
        }
        Ok(Self { path, _lock: lock })
    }

    /// Returns the directory that holds all of them.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Deletes the directories, or says that they are kept.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be deleted.
    pub(crate) fn end(self, keep: bool) -> Result<()> {
        let room = self.path.display();
        if keep {
            say(&heading("Kept", &room.to_string()));
        } else {
            delete(&self.path)
                .map_err(|error| Error::infrastructure(format!("cannot delete {room}: {error}")))?;
        }
        // What is there without a lock is kept.
        let _ = fs::remove_file(lock_of(&self.path));
        Ok(())
    }
}

/// A directory of a run that has ended.
#[derive(Debug)]
pub(crate) struct Left {
    /// The directory.
    pub(crate) path: PathBuf,
    /// Held while it is deleted; none if the directory was kept.
    _lock: Option<File>,
}

impl Left {
    /// Deletes the directory.
    ///
    /// # Errors
    ///
    /// Fails when something of it cannot be deleted.
    pub(crate) fn delete(&self) -> io::Result<()> {
        delete(&self.path)?;
        match fs::remove_file(lock_of(&self.path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn runs() -> Result<PathBuf> {
    record::runs_dir()
        .ok_or_else(|| Error::infrastructure("neither XDG_STATE_HOME nor HOME is set"))
}

fn lock_of(room: &Path) -> PathBuf {
    let mut path = OsString::from(room);
    path.push(".lock");
    path.into()
}

/// Returns what runs left that were killed; and with `kept`, what was kept of others.
pub(crate) fn left_behind(kept: bool) -> Vec<Left> {
    let Ok(runs) = runs() else {
        return Vec::new();
    };
    let mut all = left(&runs);
    if kept {
        all.extend(kept_in(&runs));
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

/// Returns the names in a directory that those of runs are, each without `.lock`, and whether it has that.
fn names(runs: &Path) -> Vec<(PathBuf, bool)> {
    let items = fs::read_dir(runs).into_iter().flatten().flatten();
    items
        .filter_map(|item| {
            let name = item.file_name().into_string().ok()?;
            let room = name.strip_suffix(".lock");
            let (id, number) = room.unwrap_or(&name).rsplit_once(MARK)?;
            let digits = |text: &str, more: &[u8]| {
                let good = |byte: u8| byte.is_ascii_digit() || more.contains(&byte);
                text.bytes().all(good)
            };
            let is_room = !id.is_empty() && digits(id, b"-") && digits(number, b"-");
            is_room.then(|| (runs.join(room.unwrap_or(&name)), room.is_some()))
        })
        .collect()
}

/// Returns the directories that killed runs have left and in which nobody lives any more.
fn left(runs: &Path) -> Vec<Left> {
    let locks = names(runs).into_iter().filter(|(_, is_lock)| *is_lock);
    locks
        .filter_map(|(path, _)| {
            let lock = File::open(lock_of(&path)).ok()?;
            flock(&lock, FlockOperation::NonBlockingLockExclusive).ok()?;
            // The run may just have ended; and what it started ends a moment after it.
            let is_left = lock_of(&path).exists() && !is_lived_in(&path);
            is_left.then_some(Left {
                path,
                _lock: Some(lock),
            })
        })
        .collect()
}

/// Returns the directories that were kept.
fn kept_in(runs: &Path) -> Vec<Left> {
    let rooms = names(runs).into_iter().filter(|(_, is_lock)| !is_lock);
    rooms
        .filter(|(path, _)| !lock_of(path).exists() && path.is_dir() && !is_lived_in(path))
        .map(|(path, _)| Left { path, _lock: None })
        .collect()
}

/// Says whether a process is there that was started for a directory: the first one of each sandbox knows it by its environment.
fn is_lived_in(room: &Path) -> bool {
    let room = room.as_os_str().as_bytes();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| fs::read(process.path().join("environ")).ok())
        .any(|environment| environment.windows(room.len()).any(|part| part == room))
}

/// Deletes a directory whatever is in it: whoever ran there could make directories that are not open, and ones deeper than any path.
///
/// Nothing is followed, and nobody may live there any more.
fn delete(directory: &Path) -> io::Result<()> {
    match fs::symlink_metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(about) if !about.is_dir() => fs::remove_file(directory),
        Ok(_) => remove_tree(directory),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::process::{Command, Stdio};

    use super::*;

    fn entries(directory: &Path) -> Vec<String> {
        let items = fs::read_dir(directory).unwrap().flatten();
        let mut names: Vec<String> = items
            .map(|item| item.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_killed_run_left_goes_and_what_lives_or_is_kept_stays() {
        let runs = tempfile::tempdir().unwrap();
        let runs = runs.path();
        let make = |name: &str| Room::make_in(runs, name).unwrap();
        let killed = make("1-1-inside");
        // As the kernel does when the process is gone.
        drop(killed);
        let alive = make("2-2-inside");
        assert_eq!(entries(runs), ["2-2-inside", "2-2-inside.lock"]);
        make("3-3-inside-1").end(true).unwrap();
        make("4-4-inside").end(false).unwrap();
        for other in ["5-5", "x-inside", "5-5-inside.txt"] {
            fs::create_dir(runs.join(other)).unwrap();
        }
        let lived_in = make("6-6-inside");
        let mut child = Command::new("sleep")
            .arg("1000")
            .env("ROOM", lived_in.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        drop(lived_in);
        let before = entries(runs);
        assert!(left(runs).is_empty());
        make("7-7-inside").end(false).unwrap();
        assert_eq!(entries(runs), before);
        let kept: Vec<PathBuf> = kept_in(runs).into_iter().map(|left| left.path).collect();
        assert_eq!(kept, [runs.join("3-3-inside-1")]);
        child.kill().unwrap();
        child.wait().unwrap();
        make("8-8-inside").end(false).unwrap();
        assert!(!entries(runs).contains(&"6-6-inside".to_owned()));
        alive.end(false).unwrap();
    }

    #[test]
    fn whatever_is_in_a_directory_it_is_deleted() {
        let room = tempfile::tempdir().unwrap();
        let outside = room.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "").unwrap();
        let directory = room.path().join("run");
        fs::create_dir_all(directory.join("a/closed/b")).unwrap();
        fs::write(directory.join("a/closed/b/file"), "").unwrap();
        fs::write(directory.join(".1"), "").unwrap();
        symlink(&outside, directory.join("a/link")).unwrap();
        symlink(&outside, directory.join("link")).unwrap();
        fs::set_permissions(directory.join("a/closed"), Permissions::from_mode(0o000)).unwrap();
        // Deeper than a path can be, as is made by going down.
        let deep = "for (1..300) { mkdir 'd' x 100 and chdir 'd' x 100 or exit 1 }";
        let made = Command::new("perl")
            .args(["-e", deep])
            .current_dir(&directory)
            .status()
            .unwrap();
        assert!(made.success());
        delete(&directory).unwrap();
        assert!(!directory.exists());
        assert!(outside.join("file").exists());
        delete(&directory).unwrap();
    }
}
