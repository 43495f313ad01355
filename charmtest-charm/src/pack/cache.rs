//! Packed charms by the content they were made from.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::PackError;
use crate::archive::tree::{TreeEntry, TreeKind};

/// Raised when the same tree and tools would make another archive.
const PACKER_VERSION: &str = "1";
/// How often a lock that another process holds is tried.
const INTERVAL: Duration = Duration::from_millis(50);

/// Returns the key of a charm: a hash of its files and of everything else that decides what is made of them.
///
/// # Errors
///
/// Fails when a file cannot be read.
pub(super) fn key(tree: &[TreeEntry], ingredients: &[&str]) -> Result<String, PackError> {
    let mut hasher = Sha256::new();
    // Every field is preceded by its length, so that no two lists of fields run into the same bytes.
    let mut field = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    field(PACKER_VERSION.as_bytes());
    field(&ingredients.len().to_le_bytes());
    for ingredient in ingredients {
        field(ingredient.as_bytes());
    }
    for TreeEntry { name, kind } in tree {
        field(name.as_bytes());
        match kind {
            TreeKind::Directory => field(b"directory"),
            TreeKind::Symlink { target } => {
                field(b"symlink");
                field(target.as_bytes());
            }
            TreeKind::File { path, mode } => {
                field(format!("file {mode:o}").as_bytes());
                field(&hash_file(path).map_err(|error| PackError::io("read", path, error))?);
            }
        }
    }
    Ok(format!("{:x}", hasher.finalize()))
}

fn hash_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hasher.finalize().to_vec())
}

/// The right to make the entry of one key; given back when dropped, or when the process dies.
#[derive(Debug)]
pub(super) struct Slot {
    dir: PathBuf,
    _lock: File,
}

impl Slot {
    /// Waits for the right to make the entry of `key`.
    ///
    /// # Errors
    ///
    /// Fails when another process keeps it longer than `limit`.
    pub(super) fn take(cache: &Path, key: &str, limit: Duration) -> Result<Self, PackError> {
        fs::create_dir_all(cache).map_err(|error| PackError::io("create", cache, error))?;
        let path = cache.join(format!("{key}.lock"));
        let lock = File::create(&path).map_err(|error| PackError::io("create", &path, error))?;
        let deadline = Instant::now() + limit;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(PackError::io("lock", &path, error)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    return Err(PackError::TimedOut {
                        command: format!(
                            "another process that packs this charm ({})",
                            path.display()
                        ),
                        limit,
                        output: String::new(),
                    });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(INTERVAL),
            }
        }
        Ok(Self {
            dir: cache.join(key),
            _lock: lock,
        })
    }

    /// Returns the charms of the entry in order of names; empty when there is none.
    pub(super) fn charms(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut charms: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "charm"))
            .collect();
        charms.sort();
        charms
    }

    /// Makes the entry with what `make` puts into an empty directory; there is no entry if that fails.
    ///
    /// # Errors
    ///
    /// Fails when `make` does or the file system refuses.
    pub(super) fn fill(
        &self,
        make: impl FnOnce(&Path) -> Result<(), PackError>,
    ) -> Result<(), PackError> {
        let parent = self.dir.parent().unwrap_or(Path::new("."));
        let workshop = tempfile::Builder::new()
            .prefix(".packing-")
            .tempdir_in(parent)
            .map_err(|error| PackError::io("create", parent, error))?;
        let result = workshop.path().join("result");
        fs::create_dir(&result).map_err(|error| PackError::io("create", &result, error))?;
        make(&result)?;
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(PackError::io("remove", &self.dir, error));
            }
            _ => {}
        }
        fs::rename(&result, &self.dir).map_err(|error| PackError::io("create", &self.dir, error))
    }
}
