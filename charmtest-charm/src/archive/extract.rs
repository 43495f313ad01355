//! Unpacking an archive for a unit.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use super::{Archive, ArchiveError, MemberKind, bad, io_error, open_zip};
use crate::hooks::known_hooks;
use crate::metadata::Metadata;

impl Archive {
    /// Unpacks the archive into `dir`, which is made if needed, and returns every path written, parents included.
    ///
    /// As Juju does it: modes come from the archive; a known hook in `hooks/` gets its owner's execute bit if that is
    /// missing, nothing else does (a `dispatch` that is not executable stays so); a file `revision` is always there
    /// afterwards. What stood at a member's path is replaced, even by another kind of file, and symlinks below `dir` are
    /// replaced rather than followed.
    ///
    /// # Errors
    ///
    /// Fails when a member is damaged or larger than declared, when a file stands where there has to be a directory that
    /// is no member itself, or when the file system refuses; `dir` then holds a part of the charm.
    pub fn extract_to(&self, dir: &Path) -> Result<BTreeSet<String>, ArchiveError> {
        let hooks = match self.read_text("metadata.yaml")? {
            Some(text) => Metadata::parse("metadata.yaml", &text)
                .map(|metadata| known_hooks(&metadata))
                .unwrap_or_default(),
            None => BTreeSet::new(),
        };
        let is_hook = |name: &str| {
            name.strip_prefix("hooks/")
                .is_some_and(|hook| hooks.contains(hook))
        };

        fs::create_dir_all(dir).map_err(|error| io_error("write", dir, error))?;
        let mut zip = open_zip(&self.path)?;
        let mut written = BTreeSet::new();
        for (name, member) in &self.members {
            make_parents(dir, name, &mut written)?;
            let path = dir.join(name);
            let failed = |error| io_error("write", &path, error);
            match &member.kind {
                MemberKind::Directory => make_directory(&path, member.mode).map_err(failed)?,
                MemberKind::Symlink { target } => {
                    clear(&path).map_err(failed)?;
                    symlink(target, &path).map_err(failed)?;
                }
                MemberKind::File { size } => {
                    let mode = member.mode | if is_hook(name) { 0o100 } else { 0 };
                    let mut source = zip
                        .by_index(member.index)
                        .map_err(|error| bad(&self.path, name, &error.to_string()))?;
                    clear(&path).map_err(failed)?;
                    let mut file = create(&path, mode).map_err(failed)?;
                    self.copy(name, *size, &mut source, &mut file)?;
                }
            }
            written.insert(name.clone());
        }
        if written.insert("revision".to_owned()) {
            let path = dir.join("revision");
            clear(&path)
                .and_then(|()| fs::write(&path, "0"))
                .map_err(|error| io_error("write", &path, error))?;
        }
        Ok(written)
    }

    /// Copies one member and refuses one that is not of its declared size.
    fn copy(
        &self,
        name: &str,
        size: u64,
        source: &mut impl Read,
        file: &mut File,
    ) -> Result<(), ArchiveError> {
        let copied = io::copy(&mut source.take(size.saturating_add(1)), file)
            .map_err(|error| bad(&self.path, name, &format!("cannot be unpacked: {error}")))?;
        if copied != size {
            return Err(bad(
                &self.path,
                name,
                "is not of the size that the archive declares",
            ));
        }
        Ok(())
    }
}

/// Makes the directories above `name`. A file that stands there is in the way, as in Juju; a symlink is replaced.
fn make_parents(
    dir: &Path,
    name: &str,
    written: &mut BTreeSet<String>,
) -> Result<(), ArchiveError> {
    for (slash, _) in name.match_indices('/') {
        let parent = &name[..slash];
        if !written.insert(parent.to_owned()) {
            continue;
        }
        let path = dir.join(parent);
        let made = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => Err(io::ErrorKind::NotADirectory.into()),
            _ => make_directory(&path, 0o755),
        };
        made.map_err(|error| io_error("write", &path, error))?;
    }
    Ok(())
}

/// Makes one directory that its owner can write to, whatever its mode in the archive says.
fn make_directory(path: &Path, mode: u32) -> io::Result<()> {
    let is_directory = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    if !is_directory {
        clear(path)?;
        fs::create_dir(path)?;
    }
    fs::set_permissions(path, Permissions::from_mode(mode | 0o700))
}

/// Removes whatever is at `path`, without following a symlink.
fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}

/// Creates a file that must not exist, with exactly this mode whatever the umask.
fn create(path: &Path, mode: u32) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}
