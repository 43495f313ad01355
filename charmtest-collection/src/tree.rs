//! A charm's files, as a list that has a digest.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Dir, FileType, Mode, OFlags, fstat, open, openat, readlinkat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::bounds::{Bounds, LARGEST_FILE, too_large};
use crate::digest::Digest;

/// How many links are followed for one path, as in Linux.
const MOST_LINKS: usize = 40;

/// How many bytes a name may have, as in Linux.
const LONGEST_NAME: usize = 255;

/// How many bytes a path may have: with the directory in which it is written it must be one that Linux takes.
const LONGEST_PATH: usize = 2048;

/// What a path of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// A file.
    File,
    /// A file that may be executed.
    Executable,
    /// A symbolic link; its content is its target.
    Link,
}

/// One path of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeEntry {
    /// The path below the charm's directory, with `/`.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// The digest of its content.
    pub sha256: Digest,
}

/// What gets each content that is read, with its digest.
pub type Keep<'a> = &'a mut dyn FnMut(&Digest, &[u8]) -> Result<(), String>;

/// All files of a charm in byte order of their paths. Empty directories do not count, as in git.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree(Vec<TreeEntry>);

impl Tree {
    /// Makes a tree of entries in any order.
    ///
    /// # Errors
    ///
    /// Fails when a path leaves the tree, appears twice, or lies below one that is no directory.
    pub fn new(mut entries: Vec<TreeEntry>) -> Result<Self, String> {
        entries.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
        let mut paths = std::collections::HashSet::new();
        for entry in &entries {
            let path = entry.path.as_str();
            let wrong =
                |part: &str| matches!(part, "" | "." | ".." | ".git") || part.contains('\0');
            // What cannot be written must not be recorded: a charm that no run can read would end them all.
            let long = |part: &str| part.len() > LONGEST_NAME;
            if path.split('/').any(|part| wrong(part) || long(part)) || path.len() > LONGEST_PATH {
                return Err(format!("`{}` is no path of a charm", path.escape_debug()));
            }
            if !paths.insert(path) {
                return Err(format!("`{path}` is there twice"));
            }
        }
        for entry in &entries {
            let path = entry.path.as_str();
            let mut parents = path.match_indices('/').map(|(end, _)| &path[..end]);
            if let Some(parent) = parents.find(|parent| paths.contains(parent)) {
                return Err(format!(
                    "`{path}` lies below `{parent}`, which is no directory"
                ));
            }
        }
        Ok(Self(entries))
    }

    /// Returns the entries in byte order of their paths.
    #[must_use]
    pub fn entries(&self) -> &[TreeEntry] {
        &self.0
    }

    /// Returns the entry of a path.
    #[must_use]
    pub fn entry(&self, path: &str) -> Option<&TreeEntry> {
        let found = self
            .0
            .binary_search_by(|entry| entry.path.as_bytes().cmp(path.as_bytes()));
        found.ok().map(|index| &self.0[index])
    }

    /// Returns the file that a path means when links are followed; none when they lead out of the tree, to nothing, or round in circles.
    ///
    /// `content` returns the target of a link.
    pub fn resolve(
        &self,
        path: &str,
        content: &dyn Fn(&TreeEntry) -> Option<String>,
    ) -> Option<&TreeEntry> {
        let parts = |path: &str| path.split('/').rev().map(str::to_owned).collect::<Vec<_>>();
        let (mut waiting, mut done, mut links) = (parts(path), Vec::<String>::new(), 0);
        while let Some(part) = waiting.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    done.pop()?;
                    continue;
                }
                _ => done.push(part),
            }
            let here = done.join("/");
            let Some(entry) = self.entry(&here) else {
                continue;
            };
            if entry.kind != FileKind::Link {
                return waiting.is_empty().then_some(entry);
            }
            links += 1;
            let target = content(entry).filter(|target| !target.starts_with('/'))?;
            if links > MOST_LINKS {
                return None;
            }
            done.pop();
            waiting.extend(parts(&target));
        }
        None
    }

    /// Returns the text whose digest names the tree: one line per entry, `KIND SHA256 PATH`.
    #[must_use]
    pub fn manifest(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for entry in &self.0 {
            let kind = match entry.kind {
                FileKind::File => "file",
                FileKind::Executable => "exec",
                FileKind::Link => "link",
            };
            text.extend_from_slice(kind.as_bytes());
            text.push(b' ');
            text.extend_from_slice(entry.sha256.as_str().as_bytes());
            text.push(b' ');
            text.extend_from_slice(entry.path.as_bytes());
            // Not a new line: a path may hold one.
            text.push(0);
        }
        text
    }

    /// Returns the digest of the tree.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest())
    }

    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// Fails when `bytes` is not a manifest, or one of a tree that cannot be.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not the manifest of a tree")?;
        let mut entries = Vec::new();
        for line in text.split_terminator('\0') {
            let mut words = line.splitn(3, ' ');
            let (Some(kind), Some(sha256), Some(path)) = (words.next(), words.next(), words.next())
            else {
                return Err("not the manifest of a tree".to_owned());
            };
            let kind = match kind {
                "file" => FileKind::File,
                "exec" => FileKind::Executable,
                "link" => FileKind::Link,
                other => return Err(format!("`{other}` is no kind of file")),
            };
            entries.push(TreeEntry {
                path: path.to_owned(),
                kind,
                sha256: Digest::parse(sha256)?,
            });
        }
        Self::new(entries)
    }

    /// Reads a directory; `keep` gets each content with its digest, and `.git` is left out wherever it is.
    ///
    /// # Errors
    ///
    /// Fails when something cannot be read, is neither file, directory nor link, or has a name that is not UTF-8.
    pub fn read(directory: &Path, keep: Keep<'_>) -> Result<Self, String> {
        let mut entries = Vec::new();
        // The directory itself may be a link: its user named it.
        let flags = OPEN.difference(OFlags::NOFOLLOW) | OFlags::DIRECTORY;
        let opened = open(directory, flags, Mode::empty());
        let opened =
            opened.map_err(|error| format!("cannot read {}: {error}", directory.display()))?;
        let mut bounds = Bounds::default();
        read_into(&opened, directory, "", &mut bounds, keep, &mut entries)?;
        Self::new(entries)
    }
}

/// Opens what is neither followed, if it is a link, nor waited for, if it is a pipe.
const OPEN: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Reads what is in a directory. It is read by its handle: whoever exchanges a part of its path meanwhile leads nowhere else.
fn read_into(
    directory: &OwnedFd,
    place: &Path,
    prefix: &str,
    bounds: &mut Bounds,
    keep: Keep<'_>,
    entries: &mut Vec<TreeEntry>,
) -> Result<(), String> {
    bounds.enter().map_err(|why| of_place(place, &why))?;
    let unread = |path: &Path, error: io::Error| format!("cannot read {}: {error}", path.display());
    let listed = Dir::read_from(directory).map_err(|error| unread(place, error.into()))?;
    // All names first: a handle for each directory on the way is enough.
    let mut names = Vec::new();
    for item in listed {
        let item = item.map_err(|error| unread(place, error.into()))?;
        let name = item.file_name().to_bytes();
        if ![b".".as_slice(), b"..", b".git"].contains(&name) {
            bounds.name().map_err(|why| of_place(place, &why))?;
            names.push((OsStr::from_bytes(name).to_owned(), item.file_type()));
        }
    }
    for (name, kind) in names {
        let file = place.join(&name);
        let Some(text) = name.to_str() else {
            return Err(format!("the name of {} is not UTF-8", file.display()));
        };
        let path = format!("{prefix}{text}");
        let unread = |error: io::Error| unread(&file, error);
        let is_plain = |kind: FileType| {
            matches!(
                kind,
                FileType::RegularFile | FileType::Directory | FileType::Symlink | FileType::Unknown
            )
        };
        let other = || {
            format!(
                "{} is neither a file nor a directory nor a link",
                file.display()
            )
        };
        if !is_plain(kind) {
            return Err(other());
        }
        let opened = match kind {
            FileType::Symlink => Err(Errno::LOOP),
            _ => openat(directory, &name, OPEN, Mode::empty()),
        };
        let (kind, bytes) = match opened {
            Err(Errno::LOOP) => {
                let target = readlinkat(directory, &name, Vec::new());
                let target = target.map_err(|error| unread(error.into()))?.into_bytes();
                (FileKind::Link, target)
            }
            Err(error) => return Err(unread(error.into())),
            Ok(opened) => {
                let about = fstat(&opened).map_err(|error| unread(error.into()))?;
                match FileType::from_raw_mode(about.st_mode) {
                    FileType::Directory => {
                        let below = format!("{path}/");
                        read_into(&opened, &file, &below, bounds, keep, entries)?;
                        continue;
                    }
                    FileType::RegularFile => {}
                    _ => return Err(other()),
                }
                // As git does: what its owner may execute.
                let kind = match about.st_mode & 0o100 {
                    0 => FileKind::File,
                    _ => FileKind::Executable,
                };
                let large = || too_large(&file.display().to_string());
                if u64::try_from(about.st_size).map_or(true, |size| size > LARGEST_FILE) {
                    return Err(large());
                }
                // It may grow meanwhile.
                let mut bytes = Vec::new();
                let mut limited = File::from(opened).take(LARGEST_FILE + 1);
                limited.read_to_end(&mut bytes).map_err(unread)?;
                if bytes.len() as u64 > LARGEST_FILE {
                    return Err(large());
                }
                (kind, bytes)
            }
        };
        bounds
            .bytes(bytes.len())
            .map_err(|why| of_place(place, &why))?;
        let sha256 = Digest::of(&bytes);
        keep(&sha256, &bytes)?;
        entries.push(TreeEntry { path, kind, sha256 });
    }
    bounds.leave();
    Ok(())
}

/// Says of which directory something is said.
fn of_place(place: &Path, why: &str) -> String {
    format!("{}: {why}", place.display())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn entry(path: &str) -> TreeEntry {
        TreeEntry {
            path: path.to_owned(),
            kind: FileKind::File,
            sha256: Digest::of(path.as_bytes()),
        }
    }

    #[test]
    fn a_manifest_says_all_of_a_tree() {
        let mut link = entry("a b\n");
        link.kind = FileKind::Link;
        let tree = Tree::new(vec![entry("z"), entry("a/c"), entry("a.b"), link]).unwrap();
        let paths: Vec<&str> = tree
            .entries()
            .iter()
            .map(|entry| entry.path.as_str())
            .collect();
        assert_eq!(paths, ["a b\n", "a.b", "a/c", "z"]);
        assert_eq!(Tree::parse(&tree.manifest()).unwrap(), tree);
        assert!(tree.entry("a/c").is_some() && tree.entry("a").is_none());
    }

    #[test]
    fn links_are_followed_in_the_tree() {
        let links = BTreeMap::from([
            ("tests/a", "b"),
            ("tests/b", "../scripts/./run"),
            ("tests/via", "../lib/run"),
            ("lib", "scripts"),
            ("tests/out", "../../wiki/scripts/run"),
            ("tests/absolute", "/scripts/run"),
            ("tests/nothing", "../scripts/no"),
            ("tests/directory", "../scripts"),
            ("tests/below", "../scripts/run/x"),
            ("tests/round", "about"),
            ("tests/about", "round"),
        ]);
        let mut entries: Vec<TreeEntry> = links.keys().map(|path| entry(path)).collect();
        for entry in &mut entries {
            entry.kind = FileKind::Link;
        }
        entries.push(entry("scripts/run"));
        let tree = Tree::new(entries).unwrap();
        let content = |entry: &TreeEntry| Some(links[entry.path.as_str()].to_owned());
        for (path, expected) in [
            ("scripts/run", Some("scripts/run")),
            ("tests/a", Some("scripts/run")),
            ("tests/b", Some("scripts/run")),
            ("tests/via", Some("scripts/run")),
            ("lib/run", Some("scripts/run")),
            ("tests/out", None),
            ("tests/absolute", None),
            ("tests/nothing", None),
            ("tests/directory", None),
            ("tests/below", None),
            ("tests/round", None),
            ("tests/no", None),
        ] {
            let found = tree.resolve(path, &content);
            assert_eq!(found.map(|entry| entry.path.as_str()), expected, "{path}");
        }
    }

    #[test]
    fn paths_stay_in_the_tree() {
        for paths in [
            &["../x"][..],
            &["/x"],
            &["a//b"],
            &["a/./b"],
            &[".git/config"],
            &["a/.git"],
            &[""],
            &["x", "x"],
            &["x", "x/y"],
            &["x", "x/y/z", "x-1"],
        ] {
            let entries = paths.iter().map(|path| entry(path)).collect();
            assert!(Tree::new(entries).is_err(), "{paths:?}");
        }
    }

    #[test]
    fn what_counts_is_path_bit_target_and_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("hooks/empty")).unwrap();
        fs::write(at("hooks/install"), "x").unwrap();
        let read = || {
            Tree::read(directory.path(), &mut |_, _| Ok(()))
                .unwrap()
                .digest()
        };
        let mut seen = vec![read()];
        let mut new = |what: &str| {
            let now = read();
            assert!(!seen.contains(&now), "{what}");
            seen.push(now);
        };
        fs::write(at("hooks/install"), "y").unwrap();
        new("bytes");
        fs::set_permissions(at("hooks/install"), fs::Permissions::from_mode(0o755)).unwrap();
        new("bit");
        std::os::unix::fs::symlink("a", at("link")).unwrap();
        new("link");
        fs::remove_file(at("link")).unwrap();
        std::os::unix::fs::symlink("b", at("link")).unwrap();
        new("target");
        fs::rename(at("link"), at("link2")).unwrap();
        new("path");
        let before = read();
        fs::create_dir_all(at(".git")).unwrap();
        fs::write(at(".git/HEAD"), "x").unwrap();
        fs::create_dir_all(at("more")).unwrap();
        assert_eq!(read(), before, ".git and empty directories do not count");
    }
}
