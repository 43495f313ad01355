//! Listing the files of a charm directory.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::ignore::{Ignore, PathKind};
use super::{ArchiveError, MAX_MEMBERS, bad, check_target, io_error};

/// Something in a charm directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeEntry {
    /// The path below the directory, `/` between parts.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: TreeKind,
}

/// What a [`TreeEntry`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TreeKind {
    /// A file and where to read it; the mode is 0755 or 0644.
    File { path: PathBuf, mode: u32 },
    /// A directory.
    Directory,
    /// A symlink that stays inside.
    Symlink { target: String },
}

/// Marks a directory as a cache, such as Cargo's `target`; see the Cache Directory Tagging Specification.
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// Lists what is below `dir` in order of names, without what `ignore` names and without cache directories.
///
/// Symlinks are not followed.
///
/// # Errors
///
/// Fails when something cannot be read, is neither file, directory nor symlink, has a name that is not UTF-8, or is a
/// symlink that leaves the directory; or when there are more members than an archive may have.
pub(crate) fn list(dir: &Path, ignore: &Ignore) -> Result<Vec<TreeEntry>, ArchiveError> {
    let mut entries = Vec::new();
    let mut waiting = vec![String::new()];
    while let Some(parent) = waiting.pop() {
        for name in names(dir, &parent)? {
            let path = dir.join(&name);
            let found = fs::symlink_metadata(&path).map_err(|e| io_error("read", &path, e))?;
            let kind = if found.is_dir() {
                PathKind::Directory
            } else {
                PathKind::Other
            };
            if ignore.is_ignored(&name, kind) {
                continue;
            }
            let kind = if found.is_dir() {
                if path.join(CACHE_TAG).exists() {
                    continue;
                }
                waiting.push(name.clone());
                TreeKind::Directory
            } else if found.is_symlink() {
                symlink(dir, &path, &name)?
            } else if found.is_file() {
                let executable = found.permissions().mode() & 0o100 != 0;
                let mode = if executable { 0o755 } else { 0o644 };
                TreeKind::File { path, mode }
            } else {
                return Err(bad(
                    dir,
                    &name,
                    "is neither a file, a directory nor a symlink",
                ));
            };
            entries.push(TreeEntry { name, kind });
            if entries.len() > MAX_MEMBERS {
                return Err(ArchiveError::Refused {
                    path: dir.to_owned(),
                    reason: format!("holds more than {MAX_MEMBERS} files"),
                });
            }
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn names(dir: &Path, parent: &str) -> Result<Vec<String>, ArchiveError> {
    let path = dir.join(parent);
    let failed = |error| io_error("read", &path, error);
    let mut names = Vec::new();
    for entry in fs::read_dir(&path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(name) = name.to_str() else {
            return Err(bad(
                dir,
                &name.to_string_lossy(),
                "has a name that is not UTF-8",
            ));
        };
        names.push(match parent {
            "" => name.to_owned(),
            parent => format!("{parent}/{name}"),
        });
    }
    Ok(names)
}

fn symlink(dir: &Path, path: &Path, name: &str) -> Result<TreeKind, ArchiveError> {
    let target = fs::read_link(path).map_err(|error| io_error("read", path, error))?;
    let target = target
        .into_os_string()
        .into_string()
        .map_err(|_| bad(dir, name, "has a target that is not UTF-8"))?;
    check_target(name, &target).map_err(|why| bad(dir, name, &why))?;
    Ok(TreeKind::Symlink { target })
}

/// Reads the `.jujuignore` of a directory; without one, only the defaults and `more` hold.
pub(crate) fn ignore_of(dir: &Path, more: &[&str]) -> Result<Ignore, ArchiveError> {
    let path = dir.join(".jujuignore");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Ignore::new(&text, more)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ignore::new("", more)),
        Err(error) => Err(io_error("read", &path, error)),
    }
}
