//! The charm directory of a unit: putting a charm's files there, over an older charm or over a part of itself.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use charmtest_charm::Archive;

/// The list of the files that the charm brought, beside the charm directory.
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
/// Files of the charm that was there before and that the new one lacks are deleted; files that the charm made itself stay. May be
/// interrupted at any point and called again: until all is done, the list on disk holds what either charm brought.
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
    let mut known = read_list(agent);
    known.extend(archive.members().keys().cloned());
    write_list(agent, &known)?;
    let written = archive.extract_to(&dir)?;
    // Deepest first, so that directories are empty when their turn comes.
    for name in known.iter().rev().filter(|name| !written.contains(*name)) {
        remove(&dir.join(name)).map_err(|source| UnpackError::Io {
            path: dir.join(name),
            source,
        })?;
    }
    write_list(agent, &written)
}

/// Removes a file, or a directory in which nothing is left.
fn remove(path: &Path) -> io::Result<()> {
    let is_dir = match fs::symlink_metadata(path) {
        Ok(found) => found.is_dir(),
        // Gone already, or what was its directory is a file now.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    if !is_dir {
        return fs::remove_file(path);
    }
    match fs::remove_dir(path) {
        // The charm made files in it.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
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
