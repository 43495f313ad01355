//! The files of a charm, in a directory or in an archive.
//!
//! Invariant: only what is asked for is looked at, so that neither the size of a tree nor loops of symlinks matter; only regular
//! files are opened, so that neither a pipe nor a device can hold a check up.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use charmtest_charm::archive::{MemberKind, check_target};
use charmtest_charm::{Archive, ArchiveError};

/// The largest file that is read; the largest metadata of real charms has some 200 KiB.
const MAX_TEXT: u64 = 8 << 20;
/// The most entries of one directory that are looked at.
const MAX_ENTRIES: usize = 10_000;
/// As many symlinks as Linux follows.
const MAX_HOPS: usize = 40;

/// Something in a charm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name in its directory.
    pub(crate) name: String,
    /// What it is, symlinks followed.
    pub(crate) kind: Kind,
    /// Whether its owner may execute it.
    pub(crate) executable: bool,
}

/// What an [`Entry`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    /// A symlink that cannot be followed, and why.
    Broken(String),
    /// A pipe, a socket, a device.
    Other,
}

/// What reading a file gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    /// No text: a compiled program, an image.
    Binary,
    /// It is there and cannot be read.
    Unreadable(String),
    Absent,
}

/// The files of a charm, and the texts of those that were read.
#[derive(Debug)]
pub(crate) struct Files {
    source: Source,
    texts: RefCell<BTreeMap<String, String>>,
}

#[derive(Debug)]
enum Source {
    Directory(PathBuf),
    Archive(Box<Archive>),
}

impl Files {
    pub(crate) fn directory(dir: &Path) -> Self {
        Self::of(Source::Directory(dir.to_owned()))
    }

    /// Opens an archive.
    ///
    /// # Errors
    ///
    /// Fails when it is none, or one that Juju would refuse.
    pub(crate) fn archive(path: &Path) -> Result<Self, ArchiveError> {
        Ok(Self::of(Source::Archive(Box::new(Archive::open(path)?))))
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            texts: RefCell::default(),
        }
    }

    /// Returns the archive, if it is one.
    pub(crate) fn as_archive(&self) -> Option<&Archive> {
        match &self.source {
            Source::Archive(archive) => Some(archive),
            Source::Directory(_) => None,
        }
    }

    /// Returns the directory, if it is one.
    pub(crate) fn as_directory(&self) -> Option<&Path> {
        match &self.source {
            Source::Directory(dir) => Some(dir),
            Source::Archive(_) => None,
        }
    }

    /// Returns the texts that were read, by name.
    pub(crate) fn texts(&self) -> BTreeMap<String, String> {
        self.texts.borrow().clone()
    }

    /// Returns what is at a path below the charm, if anything is.
    pub(crate) fn find(&self, name: &str) -> Option<Entry> {
        match &self.source {
            Source::Directory(dir) => find_in_directory(dir, name),
            Source::Archive(archive) => find_in_archive(archive, name, MAX_HOPS),
        }
    }

    /// Says whether a regular file is at a path.
    pub(crate) fn has_file(&self, name: &str) -> bool {
        self.find(name)
            .is_some_and(|entry| entry.kind == Kind::File)
    }

    /// Lists a directory of the charm (`""` for its root) by name; what cannot be listed is empty.
    pub(crate) fn list(&self, dir: &str) -> Vec<Entry> {
        let mut names: Vec<String> = match &self.source {
            Source::Directory(root) => names_in_directory(&root.join(dir)),
            Source::Archive(archive) => names_in_archive(archive, dir),
        };
        names.sort();
        let full = |name: &str| match dir {
            "" => name.to_owned(),
            dir => format!("{dir}/{name}"),
        };
        let found = names.into_iter().filter_map(|name| {
            let entry = self.find(&full(&name))?;
            Some(Entry { name, ..entry })
        });
        found.collect()
    }

    /// Reads a file.
    pub(crate) fn read(&self, name: &str) -> Content {
        if let Some(text) = self.texts.borrow().get(name) {
            return Content::Text(text.clone());
        }
        let Some(entry) = self.find(name) else {
            return Content::Absent;
        };
        match entry.kind {
            Kind::File => {}
            Kind::Directory => return Content::Unreadable("is a directory".to_owned()),
            Kind::Other => return Content::Unreadable("is not a regular file".to_owned()),
            Kind::Broken(why) => return Content::Unreadable(why),
        }
        let content = match &self.source {
            Source::Directory(dir) => read_in_directory(&dir.join(name)),
            Source::Archive(archive) => read_in_archive(archive, name),
        };
        if let Content::Text(text) = &content {
            let mut texts = self.texts.borrow_mut();
            texts.insert(name.to_owned(), text.clone());
        }
        content
    }
}

fn find_in_directory(dir: &Path, name: &str) -> Option<Entry> {
    let path = dir.join(name);
    let entry = |kind, executable| {
        Some(Entry {
            name: name.to_owned(),
            kind,
            executable,
        })
    };
    let broken = |why: String| entry(Kind::Broken(why), false);
    let own = match fs::symlink_metadata(&path) {
        Ok(own) => own,
        Err(error) if is_absent(&error) => return None,
        Err(error) => return broken(format!("cannot be looked at: {error}")),
    };
    if own.is_symlink() {
        let target = match fs::read_link(&path) {
            Ok(target) => target.to_string_lossy().into_owned(),
            Err(error) => return broken(format!("cannot be looked at: {error}")),
        };
        if let Err(why) = check_target(name, &target) {
            return broken(why);
        }
    }
    match fs::metadata(&path) {
        Ok(found) if found.is_file() => entry(Kind::File, found.permissions().mode() & 0o100 != 0),
        Ok(found) if found.is_dir() => entry(Kind::Directory, false),
        Ok(_) => entry(Kind::Other, false),
        Err(error) if is_absent(&error) => broken("is a symlink to nothing".to_owned()),
        Err(error) => broken(format!("is a symlink that cannot be followed: {error}")),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput
    )
}

fn names_in_directory(path: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .take(MAX_ENTRIES)
        .collect()
}

fn read_in_directory(path: &Path) -> Content {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(path)?
            .take(MAX_TEXT + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Err(error) => Content::Unreadable(format!("cannot be read: {error}")),
        Ok(bytes) if bytes.len() as u64 > MAX_TEXT => {
            Content::Unreadable("is larger than 8 MiB".to_owned())
        }
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Content::Text(text),
            _ => Content::Binary,
        },
    }
}

fn find_in_archive(archive: &Archive, name: &str, hops: usize) -> Option<Entry> {
    let entry = |kind, executable| {
        Some(Entry {
            name: name.to_owned(),
            kind,
            executable,
        })
    };
    let Some(member) = archive.members().get(name) else {
        let below = format!("{name}/");
        let mut after = archive.members().range(below.clone()..);
        let there = after
            .next()
            .is_some_and(|(found, _)| found.starts_with(&below));
        return there.then(|| entry(Kind::Directory, false)).flatten();
    };
    match &member.kind {
        MemberKind::File { .. } => entry(Kind::File, member.mode & 0o100 != 0),
        MemberKind::Directory => entry(Kind::Directory, false),
        MemberKind::Symlink { .. } if hops == 0 => {
            entry(Kind::Broken("is a loop of symlinks".to_owned()), false)
        }
        MemberKind::Symlink { target } => {
            let found = find_in_archive(archive, &resolve(name, target), hops - 1);
            match found {
                Some(found) => entry(found.kind, found.executable),
                None => entry(Kind::Broken("is a symlink to nothing".to_owned()), false),
            }
        }
    }
}

/// Returns where a symlink in an archive leads, from the archive's root; its target was checked to stay inside.
fn resolve(name: &str, target: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            plain => parts.push(plain),
        }
    }
    parts.join("/")
}

fn names_in_archive(archive: &Archive, dir: &str) -> Vec<String> {
    let below = match dir {
        "" => String::new(),
        dir => format!("{dir}/"),
    };
    let names: BTreeSet<String> = archive
        .members()
        .range(below.clone()..)
        .take_while(|(name, _)| name.starts_with(&below))
        .filter_map(|(name, _)| name[below.len()..].split('/').next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    names.into_iter().take(MAX_ENTRIES).collect()
}

fn read_in_archive(archive: &Archive, name: &str) -> Content {
    let mut place = name.to_owned();
    for _ in 0..MAX_HOPS {
        match archive.members().get(&place).map(|member| &member.kind) {
            Some(MemberKind::Symlink { target }) => place = resolve(&place, target),
            _ => break,
        }
    }
    match archive.read_text(&place) {
        Ok(Some(text)) if !text.contains('\0') => Content::Text(text),
        Ok(Some(_)) => Content::Binary,
        Ok(None) => Content::Absent,
        Err(ArchiveError::BadMember { reason, .. }) if reason.contains("UTF-8") => Content::Binary,
        Err(ArchiveError::BadMember { reason, .. }) => Content::Unreadable(reason),
        Err(error) => Content::Unreadable(error.to_string()),
    }
}
