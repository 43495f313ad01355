//! Files that go between a script and a command: what the script's own process sends, and what it is sent back.
//!
//! The broker never opens a path that a script names: the thin client, which may read what the script may read and nothing else, sends the
//! content, and a copy of it lies where the command runs.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use super::wire::{Entry, Fetched, Kind, PIECE};

/// How many bytes the files of one command may have together.
const MAX_BYTES: u64 = 4 << 30;

/// How many files, directories and symlinks one command may name together.
const MAX_ENTRIES: usize = 200_000;

/// The directory in which one command runs, and what of the script's files is in it.
#[derive(Debug)]
pub struct Work {
    root: PathBuf,
    /// What came from the script, relative to the root.
    staged: BTreeSet<PathBuf>,
    bytes: u64,
    entries: usize,
}

/// Takes what a client sends of one path.
#[derive(Debug)]
pub struct Receiver<'a> {
    work: &'a mut Work,
    /// Relative to the root.
    at: PathBuf,
    open: Option<File>,
    /// Made when everything else is there, so that nothing is written through one; relative to the root.
    links: Vec<(PathBuf, String)>,
    /// Set when everything else is there.
    modes: Vec<(PathBuf, u32)>,
}

impl Work {
    /// Takes an empty directory.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            staged: BTreeSet::new(),
            bytes: 0,
            entries: 0,
        }
    }

    /// Returns the directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Says whether something of the script's is at a path relative to the root already.
    #[must_use]
    pub fn has(&self, at: &Path) -> bool {
        clean(at) != Path::new("") && fs::symlink_metadata(self.root.join(at)).is_ok()
    }

    /// Makes a directory, relative to the root, with those above it.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be made, or leads through a symlink.
    pub fn make_directory(&self, at: &Path) -> io::Result<()> {
        let mut path = self.root.clone();
        for component in at.components() {
            match component {
                Component::CurDir => continue,
                Component::Normal(part) => path.push(part),
                _ => {
                    return Err(io::Error::other(format!(
                        "{} leads out of its directory",
                        at.display()
                    )));
                }
            }
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => {
                    return Err(io::Error::new(
                        io::ErrorKind::NotADirectory,
                        format!("{} is no directory", at.display()),
                    ));
                }
                Err(_) => fs::create_dir(&path)?,
            }
        }
        Ok(())
    }

    /// Begins to take what the client sends of a path; it comes to `at`, relative to the root.
    ///
    /// # Errors
    ///
    /// Fails when the directories above cannot be made.
    pub fn receive(&mut self, at: &Path) -> io::Result<Receiver<'_>> {
        let at = clean(at);
        if let Some(parent) = at.parent() {
            self.make_directory(parent)?;
        }
        self.staged.insert(at.clone());
        Ok(Receiver {
            work: self,
            at,
            open: None,
            links: Vec::new(),
            modes: Vec::new(),
        })
    }

    /// Says what is at a path relative to the root: that counts, and not what the client says that it sent.
    #[must_use]
    pub fn found(&self, at: &Path) -> Fetched {
        match fs::metadata(self.root.join(at)) {
            Ok(found) if found.is_dir() => Fetched::Directory,
            Ok(_) => Fetched::File,
            Err(_) => Fetched::Missing,
        }
    }

    /// Replaces the content of a file that the client sent.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be written.
    pub fn replace(&self, at: &Path, content: &str) -> io::Result<()> {
        let path = self.root.join(at);
        fs::remove_file(&path)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(content.as_bytes())
    }

    /// Lists what a command left at `at` that the script did not send, in an order in which it can be made: relative to `at`, empty for
    /// that itself.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be read.
    pub fn made(&self, at: &Path) -> io::Result<Vec<Entry>> {
        let at = clean(at);
        let mut made = Vec::new();
        let is_root = at == Path::new("");
        let own = |path: &Path| {
            path.ancestors().any(|above| self.staged.contains(above))
                || (is_root && path == Path::new(".root"))
        };
        list(&self.root.join(&at), &mut |relative, kind| {
            let is_own =
                own(&at.join(relative)) && (!relative.is_empty() || matches!(kind, Kind::File(_)));
            if !is_own && !relative.is_empty() | matches!(kind, Kind::File(_)) {
                made.push(Entry {
                    path: relative.to_owned(),
                    kind: kind.clone(),
                });
            }
            !is_own || relative.is_empty()
        })?;
        Ok(made)
    }
}

impl Receiver<'_> {
    /// Takes the beginning of a file, a directory, or a symlink.
    ///
    /// # Errors
    ///
    /// Fails when it leads out of its directory, is too much, or cannot be written.
    pub fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        self.close();
        self.work.entries += 1;
        if self.work.entries > MAX_ENTRIES {
            return Err(io::Error::other(format!(
                "these are more than {MAX_ENTRIES} files"
            )));
        }
        let inside = Path::new(&entry.path);
        if !inside
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
        {
            return Err(leads_out(&entry.path));
        }
        let at = match entry.path.as_str() {
            "" => self.at.clone(),
            _ => self.at.join(inside),
        };
        let path = self.work.root.join(&at);
        match &entry.kind {
            Kind::Directory(mode) => {
                self.work.make_directory(&at)?;
                self.modes.push((path, mode & 0o777 | 0o700));
            }
            Kind::File(mode) => {
                if let Some(parent) = at.parent() {
                    self.work.make_directory(parent)?;
                }
                let file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&path)?;
                self.open = Some(file);
                self.modes.push((path, mode & 0o777 | 0o600));
            }
            Kind::Symlink(target) => {
                if entry.path.is_empty() || !stays_inside(inside, target) {
                    return Err(io::Error::other(format!(
                        "{}: a symlink to {target}, which leads out of the directory",
                        entry.path
                    )));
                }
                self.links.push((at, target.clone()));
            }
        }
        Ok(())
    }

    /// Takes content of the file whose entry came last.
    ///
    /// # Errors
    ///
    /// Fails when there is none, it is too much, or cannot be written.
    pub fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.work.bytes += bytes.len() as u64;
        if self.work.bytes > MAX_BYTES {
            return Err(io::Error::other("these are more than 4 GiB"));
        }
        match &mut self.open {
            Some(file) => file.write_all(bytes),
            None => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "content of no file",
            )),
        }
    }

    fn close(&mut self) {
        self.open = None;
    }

    /// Ends it: symlinks are made and modes set.
    ///
    /// # Errors
    ///
    /// Fails when the file system refuses.
    pub fn finish(mut self) -> io::Result<()> {
        self.close();
        for (path, mode) in self.modes.iter().rev() {
            fs::set_permissions(path, Permissions::from_mode(*mode))?;
        }
        for (at, target) in &self.links {
            // Behind another symlink it would be elsewhere, where its target can lead out.
            if let Some(parent) = at.parent() {
                self.work.make_directory(parent)?;
            }
            symlink(target, self.work.root.join(at))?;
        }
        Ok(())
    }
}

fn leads_out(path: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{path:?} leads out of its directory"),
    )
}

/// Drops `.` from a path.
pub(super) fn clean(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .collect()
}

/// Says whether a symlink at `link` stays in the tree: `..` only at the beginning of its target, and no more often than it is deep. A `..`
/// behind a name could be taken in another directory, through another symlink.
pub(crate) fn stays_inside(link: &Path, target: &str) -> bool {
    let depth = link.components().count().saturating_sub(1);
    let mut up = 0;
    let mut down = false;
    for part in Path::new(target).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(_) => down = true,
            Component::ParentDir if !down => up += 1,
            _ => return false,
        }
    }
    up <= depth && !target.is_empty()
}

/// Lists a file, or a directory with all below it, parents first; symlinks are not followed. `each` gets the path relative to `top` and says
/// whether what is below is wanted. Sockets, pipes and devices are left out.
///
/// # Errors
///
/// Fails when something cannot be read.
pub fn list(top: &Path, each: &mut dyn FnMut(&str, &Kind) -> bool) -> io::Result<()> {
    let mut waiting = vec![String::new()];
    while let Some(relative) = waiting.pop() {
        let path = match relative.as_str() {
            "" => top.to_owned(),
            relative => top.join(relative),
        };
        let found = fs::symlink_metadata(&path)?;
        let mode = found.permissions().mode() & 0o777;
        let kind = if found.is_symlink() {
            let target = fs::read_link(&path)?;
            Kind::Symlink(target.to_string_lossy().into_owned())
        } else if found.is_dir() {
            Kind::Directory(mode)
        } else if found.is_file() {
            Kind::File(mode)
        } else {
            continue;
        };
        if !each(&relative, &kind) || !found.is_dir() {
            continue;
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&path)? {
            let name = entry?.file_name();
            let name = name.to_str().ok_or_else(|| {
                io::Error::other(format!(
                    "{}: its name is not UTF-8",
                    path.join(&name).display()
                ))
            })?;
            names.push(match relative.as_str() {
                "" => name.to_owned(),
                relative => format!("{relative}/{name}"),
            });
        }
        names.sort_unstable_by(|a, b| b.cmp(a));
        waiting.extend(names);
    }
    Ok(())
}

/// Reads a file piece by piece.
///
/// # Errors
///
/// Fails when it cannot be read, or `each` fails.
pub fn pieces(path: &Path, each: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => each(&piece[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, kind: Kind) -> Entry {
        Entry {
            path: path.to_owned(),
            kind,
        }
    }

    #[test]
    fn a_tree_is_taken_with_modes_and_symlinks() {
        let room = tempfile::tempdir().unwrap();
        let mut work = Work::new(room.path().to_owned());
        let mut receiver = work.receive(Path::new("./.root/c/wiki")).unwrap();
        receiver.entry(&entry("", Kind::Directory(0o755))).unwrap();
        receiver
            .entry(&entry("hooks", Kind::Directory(0o755)))
            .unwrap();
        receiver
            .entry(&entry("hooks/start", Kind::Symlink("install".into())))
            .unwrap();
        receiver
            .entry(&entry("hooks/install", Kind::File(0o755)))
            .unwrap();
        receiver.data(b"#!/bin/").unwrap();
        receiver.data(b"sh\n").unwrap();
        receiver.finish().unwrap();
        let tree = room.path().join(".root/c/wiki");
        assert_eq!(fs::read(tree.join("hooks/start")).unwrap(), b"#!/bin/sh\n");
        let mode = fs::metadata(tree.join("hooks/install"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);
        assert!(work.has(Path::new("./.root/c/wiki/hooks/install")));
        assert!(!work.has(Path::new(".")));
    }

    #[test]
    fn nothing_leads_out_of_the_tree() {
        for (link, target, stays) in [
            ("a", "b", true),
            ("a/b", "../c/d", true),
            ("a", "../c", false),
            ("a/b", "../../c", false),
            ("a", "/etc/passwd", false),
            ("a/b/c", "d/..", false),
            ("a/b/c", "d/../../..", false),
            ("a", "", false),
        ] {
            assert_eq!(
                stays_inside(Path::new(link), target),
                stays,
                "{link} -> {target}"
            );
        }
        let room = tempfile::tempdir().unwrap();
        let mut work = Work::new(room.path().join("work"));
        fs::create_dir(work.root()).unwrap();
        for path in ["../x", "/etc/x", "a/../../x"] {
            let mut receiver = work.receive(Path::new("t")).unwrap();
            assert!(
                receiver.entry(&entry(path, Kind::File(0o644))).is_err(),
                "{path}"
            );
        }
        // A symlink that came before is not written through.
        let mut receiver = work.receive(Path::new("u")).unwrap();
        receiver.entry(&entry("", Kind::Directory(0o755))).unwrap();
        receiver
            .entry(&entry("d", Kind::Symlink("x".into())))
            .unwrap();
        receiver.finish().unwrap();
        assert!(work.make_directory(Path::new("u/d/e")).is_err());
        let mut again = work.receive(Path::new("u")).unwrap();
        assert!(again.entry(&entry("d/e", Kind::File(0o644))).is_err());
        // One that is made behind another one would have less above it than its name says.
        let secret = room.path().join("secret");
        fs::write(&secret, "s").unwrap();
        for order in [["d", "d/d/l"], ["d/d/l", "d"]] {
            let top = format!("v{}", order[0].len());
            let mut receiver = work.receive(Path::new(&top)).unwrap();
            receiver.entry(&entry("", Kind::Directory(0o755))).unwrap();
            for path in order {
                let target = if path == "d" { "." } else { "../../secret" };
                let kind = Kind::Symlink(target.into());
                receiver.entry(&entry(path, kind)).unwrap();
            }
            assert!(receiver.finish().is_err(), "{order:?}");
            assert!(fs::read(work.root().join(top).join("l")).is_err());
        }
        let mut whole = work.receive(Path::new("w")).unwrap();
        assert!(whole.entry(&entry("", Kind::Symlink("x".into()))).is_err());
    }

    #[test]
    fn what_a_command_made_is_told_from_what_it_got() {
        let room = tempfile::tempdir().unwrap();
        let mut work = Work::new(room.path().to_owned());
        let mut receiver = work.receive(Path::new("got")).unwrap();
        receiver.entry(&entry("", Kind::File(0o644))).unwrap();
        receiver.finish().unwrap();
        let mut receiver = work.receive(Path::new("./.root/etc/got")).unwrap();
        receiver.entry(&entry("", Kind::File(0o644))).unwrap();
        receiver.finish().unwrap();
        fs::create_dir(room.path().join("new")).unwrap();
        fs::write(room.path().join("new/file"), "x").unwrap();
        let paths = |at: &str| -> Vec<String> {
            let made = work.made(Path::new(at)).unwrap();
            made.into_iter().map(|entry| entry.path).collect()
        };
        assert_eq!(paths("."), ["new", "new/file"]);
        assert_eq!(paths("new"), ["file"]);
        assert_eq!(paths("new/file"), [""]);
        assert_eq!(paths("got"), Vec::<String>::new());
    }
}
