//! Removing what a script leaves: however deep it is, and whatever its modes are.
//!
//! [`std::fs::remove_dir_all`] calls itself for each level and keeps it open: a tree that is deep enough ends the process that removes it.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, Mode, OFlags, RenameFlags, chmod, fchmod, fstat, openat, renameat_with,
    unlinkat,
};
use rustix::io::Errno;

/// How many directories are open at once. What is deeper is moved up first.
const DEPTH: usize = 100;

/// How often that is done: this many times [`DEPTH`] is deeper than anybody can make in the time of a test.
const PASSES: usize = 1_000_000;

/// Removes a directory with all that is in it; symlinks are not followed.
///
/// # Errors
///
/// Fails with the first thing that could not be removed; all else is gone then.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    let top = match open_directory(CWD, path) {
        Err(Errno::NOENT) => return Ok(()),
        top => top?,
    };
    let mut removing = Removing {
        top: &top,
        moved: 0,
        trouble: None,
    };
    for _ in 0..PASSES {
        let before = removing.moved;
        removing.empty(&top, 0);
        if removing.moved == before {
            break;
        }
    }
    match removing.trouble {
        Some(error) => Err(error.into()),
        None => Ok(unlinkat(CWD, path, AtFlags::REMOVEDIR)?),
    }
}

struct Removing<'a> {
    top: &'a OwnedFd,
    /// How many directories were moved to the top.
    moved: u64,
    trouble: Option<Errno>,
}

impl Removing<'_> {
    fn empty(&mut self, directory: &OwnedFd, depth: usize) {
        let names = match names(directory) {
            Ok(names) => names,
            Err(error) => return self.went_wrong(error),
        };
        for name in names {
            let removed = match unlinkat(directory, &name, AtFlags::empty()) {
                Err(Errno::ISDIR | Errno::PERM) => self.remove_directory(directory, &name, depth),
                removed => removed,
            };
            match removed {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => self.went_wrong(error),
            }
        }
    }

    fn remove_directory(
        &mut self,
        above: &OwnedFd,
        name: &CString,
        depth: usize,
    ) -> rustix::io::Result<()> {
        // It is opened also to be moved: that gives its owner the right to.
        let directory = open_directory(above, name.as_c_str())?;
        if depth < DEPTH {
            self.empty(&directory, depth + 1);
            return match unlinkat(above, name, AtFlags::REMOVEDIR) {
                // What is still in it was told already.
                Err(Errno::NOTEMPTY) if self.trouble.is_some() => Ok(()),
                removed => removed,
            };
        }
        drop(directory);
        loop {
            self.moved += 1;
            let to = format!(".removed-{}", self.moved);
            match renameat_with(above, name, self.top, to, RenameFlags::NOREPLACE) {
                Err(Errno::EXIST) => {}
                moved => return moved,
            }
        }
    }

    fn went_wrong(&mut self, error: Errno) {
        self.trouble.get_or_insert(error);
    }
}

fn names(directory: &OwnedFd) -> rustix::io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Opens a directory, and nothing else, in which its owner may do anything then.
fn open_directory(
    above: impl AsFd,
    name: impl rustix::path::Arg + Copy,
) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = match openat(&above, name, OFlags::RDONLY | flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            let closed = openat(&above, name, OFlags::PATH | flags, Mode::empty())?;
            // By its number, since another could have its name by now.
            chmod(format!("/proc/self/fd/{}", closed.as_raw_fd()), Mode::RWXU)?;
            openat(&above, name, OFlags::RDONLY | flags, Mode::empty())?
        }
        directory => directory?,
    };
    let mode = Mode::from_raw_mode(fstat(&directory)?.st_mode);
    if !mode.contains(Mode::RWXU) {
        // Without the right to, what is in it says so.
        let _ = fchmod(&directory, Mode::RWXU);
    }
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use rustix::fs::mkdirat;

    use super::*;

    #[test]
    fn a_tree_goes_whatever_is_in_it_and_nothing_else() {
        let room = tempfile::tempdir().unwrap();
        let outside = room.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "x").unwrap();
        let tree = room.path().join("tree");
        fs::create_dir_all(tree.join("a/closed/b")).unwrap();
        fs::write(tree.join("a/closed/b/file"), "x").unwrap();
        fs::write(tree.join(".removed-1"), "x").unwrap();
        symlink(&outside, tree.join("a/link")).unwrap();
        for closed in ["a/closed/b", "a/closed", "a"] {
            fs::set_permissions(tree.join(closed), fs::Permissions::from_mode(0o000)).unwrap();
        }
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
        assert!(outside.join("file").exists());
        remove_tree(&tree).unwrap();
        symlink(&outside, &tree).unwrap();
        assert!(remove_tree(&tree).is_err(), "a symlink is no tree");
        assert!(outside.join("file").exists());
    }

    #[test]
    fn a_tree_may_be_deeper_than_any_path() {
        let room = tempfile::tempdir().unwrap();
        let tree = room.path().join("tree");
        fs::create_dir(&tree).unwrap();
        let mut at = open_directory(CWD, &tree).unwrap();
        for _ in 0..3000 {
            mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = open_directory(&at, "d").unwrap();
        }
        drop(at);
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
    }
}
