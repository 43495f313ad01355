//! The charm directory of a unit: putting a charm's files there, over an older charm or over a part of itself.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use charmtest_charm::Archive;

/// The list of what the charm's archive names, beside the charm directory.
const FILE_LIST: &str = "charm-files.json";

/// Why a charm could not be put in place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    /// The archive is damaged, or the file system refuses it.
    #[error(transparent)]
    Archive(#[from] charmtest_charm::archive::ArchiveError),
    /// The agent directory cannot be written.
    #[error("cannot write {path}: {source}")]
    Io {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Unpacks `archive` into `charm/` below the agent directory `agent`.
///
/// What the archive of the charm that was there before names and the new one does not is deleted first (Juju 3.6): a file, or a
/// directory with all that is in it. Everything else that the charm made stays, and so do directories that the old archive did not
/// name themselves. May be interrupted at any point and called again: until all is done, the list on disk holds what either charm
/// brought.
///
/// # Errors
///
/// Fails when the archive cannot be read or something cannot be written; the charm directory then holds a mixture.
pub(crate) fn unpack(archive: &Path, agent: &Path) -> Result<(), UnpackError> {
    let dir = agent.join("charm");
    for path in [&dir, &agent.join("resources")] {
        fs::create_dir_all(path).map_err(|source| UnpackError::Io {
            path: path.clone(),
            source,
        })?;
    }
    let archive = Archive::open(archive)?;
    let mut new: BTreeSet<String> = archive.members().keys().cloned().collect();
    new.insert("revision".to_owned());
    let old = read_list(agent);
    write_list(agent, &old.union(&new).cloned().collect())?;
    for name in old.difference(&new) {
        let path = dir.join(name);
        remove(&path).map_err(|source| UnpackError::Io { path, source })?;
    }
    archive.extract_to(&dir)?;
    write_list(agent, &new)
}

/// Removes a file, or a directory with all that is in it.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        // Gone already, with its directory or before; or what was its directory is a file now.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(())
        }
        other => other,
    }
}

fn read_list(agent: &Path) -> BTreeSet<String> {
    let text = fs::read(agent.join(FILE_LIST)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn write_list(agent: &Path, names: &BTreeSet<String>) -> Result<(), UnpackError> {
    let path = agent.join(FILE_LIST);
    let fresh = path.with_extension("new");
    let write = || -> io::Result<()> {
        fs::write(&fresh, serde_json::to_vec(names)?)?;
        fs::rename(&fresh, &path)
    };
    write().map_err(|source| UnpackError::Io {
        path: path.clone(),
        source,
    })
}
