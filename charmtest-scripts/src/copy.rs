//! The pristine copy of a charm in which a script runs.

use std::ffi::OsString;
use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Directories that are no part of a charm and often large.
const LEFT_OUT: [&str; 5] = [".git", ".bzr", ".tox", ".venv", "target"];

/// Copies a charm's directory to `to`, which must not exist: files with their modes, directories, symlinks as they are.
///
/// Left out are, at the top, `.git`, `.bzr`, `.tox`, `.venv` and `target`.
///
/// # Errors
///
/// Fails when something cannot be read or written; the error names it.
pub fn copy_charm(from: &Path, to: &Path) -> io::Result<()> {
    copy(from, to, &LEFT_OUT)
}

/// Copies a directory to `to`, which must not exist.
///
/// # Errors
///
/// As [`copy_charm`].
pub fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    copy(from, to, &[])
}

fn copy(from: &Path, to: &Path, left_out: &[&str]) -> io::Result<()> {
    let mut waiting: Vec<(PathBuf, PathBuf)> = vec![(from.to_owned(), to.to_owned())];
    // A directory gets its mode last: it may be one that cannot be written to.
    let mut modes = Vec::new();
    while let Some((from_dir, to_dir)) = waiting.pop() {
        let named = |error| about(&from_dir, error);
        fs::create_dir_all(&to_dir).map_err(|error| about(&to_dir, error))?;
        let mode = fs::metadata(&from_dir).map_err(named)?.permissions().mode();
        modes.push((to_dir.clone(), mode));
        let mut names: Vec<OsString> = Vec::new();
        for entry in fs::read_dir(&from_dir).map_err(named)? {
            names.push(entry.map_err(named)?.file_name());
        }
        for name in names {
            if from_dir == from && left_out.iter().any(|out| name == *out) {
                continue;
            }
            let (source, target) = (from_dir.join(&name), to_dir.join(&name));
            let named = |error| about(&source, error);
            let found = fs::symlink_metadata(&source).map_err(named)?;
            if found.is_symlink() {
                let aim = fs::read_link(&source).map_err(named)?;
                symlink(aim, &target).map_err(|error| about(&target, error))?;
            } else if found.is_dir() {
                waiting.push((source, target));
            } else if found.is_file() {
                copy_file(&source, &target, found.permissions().mode())
                    .map_err(|error| about(&source, error))?;
            }
            // Sockets, pipes and devices are no part of a charm.
        }
    }
    for (directory, mode) in modes.into_iter().rev() {
        fs::set_permissions(&directory, Permissions::from_mode(mode & 0o7777 | 0o700))?;
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path, mode: u32) -> io::Result<()> {
    let mut source = fs::File::open(from)?;
    let mut target = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)?;
    io::copy(&mut source, &mut target)?;
    target.set_permissions(Permissions::from_mode(mode & 0o777))
}

fn about(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_files_modes_and_symlinks() {
        let room = tempfile::tempdir().unwrap();
        let from = room.path().join("charm");
        fs::create_dir_all(from.join("hooks/deep")).unwrap();
        fs::create_dir_all(from.join(".git")).unwrap();
        fs::create_dir_all(from.join("src/target")).unwrap();
        fs::write(from.join("metadata.yaml"), "name: a\n").unwrap();
        fs::write(from.join("hooks/install"), "#!/bin/sh\n").unwrap();
        fs::write(from.join("src/target/x"), "x").unwrap();
        fs::set_permissions(from.join("hooks/install"), Permissions::from_mode(0o750)).unwrap();
        symlink("install", from.join("hooks/start")).unwrap();
        symlink("/nowhere", from.join("dangling")).unwrap();
        let to = room.path().join("copy");
        copy_charm(&from, &to).unwrap();
        assert_eq!(fs::read(to.join("metadata.yaml")).unwrap(), b"name: a\n");
        let mode = fs::metadata(to.join("hooks/install")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o750);
        assert_eq!(
            fs::read_link(to.join("hooks/start")).unwrap(),
            Path::new("install")
        );
        assert_eq!(
            fs::read_link(to.join("dangling")).unwrap(),
            Path::new("/nowhere")
        );
        assert!(to.join("hooks/deep").is_dir());
        assert!(
            to.join("src/target/x").is_file(),
            "only left out at the top"
        );
        assert!(!to.join(".git").exists());

        fs::write(to.join("metadata.yaml"), "name: b\n").unwrap();
        assert_eq!(fs::read(from.join("metadata.yaml")).unwrap(), b"name: a\n");
    }

    #[test]
    fn an_error_names_the_file() {
        let room = tempfile::tempdir().unwrap();
        let error = copy_charm(&room.path().join("no"), &room.path().join("to")).unwrap_err();
        assert!(error.to_string().contains("/no: "), "{error}");
    }
}
