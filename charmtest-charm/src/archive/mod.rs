//! `.charm` archives: zip files whose modes and symlinks matter.
//!
//! Invariant: an [`Archive`] that could be opened holds only names below its root, no name twice, no symlink that
//! leaves the tree, and no more than the limits below declare; reading checks that the declared sizes were honest.

mod extract;
pub(crate) mod ignore;
pub(crate) mod tree;
pub(crate) mod write;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zip::ZipArchive;

pub use write::pack_directory;

/// The most members an archive may have. A Python charm with its environment has some thousand; each costs an inode
/// per unit.
pub const MAX_MEMBERS: usize = 200_000;
/// The most bytes one member may unpack to. The largest real ones are bundled binaries of a few hundred MiB.
pub const MAX_MEMBER_SIZE: u64 = 1 << 30;
/// The most bytes an archive may unpack to, per unit.
pub const MAX_TOTAL_SIZE: u64 = 4 << 30;
/// The longest path of a member, Linux's `PATH_MAX` less room for the directory it is unpacked into.
const MAX_NAME: usize = 3072;
/// The longest target of a symlink.
const MAX_LINK_TARGET: u64 = 3072;
/// The largest member that is read as text.
const MAX_TEXT: u64 = 8 << 20;

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file is no zip file, or a broken one.
    #[error("`{}` is not a charm archive: {reason}", path.display())]
    NotAnArchive {
        /// The archive.
        path: PathBuf,
        /// What the zip reader says.
        reason: String,
    },
    /// A member is refused.
    #[error("`{}`: member `{member}` {reason}", path.display())]
    BadMember {
        /// The archive.
        path: PathBuf,
        /// The member's name as written.
        member: String,
        /// Why.
        reason: String,
    },
    /// The archive as a whole is refused.
    #[error("`{}` {reason}", path.display())]
    Refused {
        /// The archive.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The charm has nothing to run; the words are Juju's.
    #[error("invalid charm \"{name}\": has no hooks nor dispatch file")]
    NothingToRun {
        /// The charm's name.
        name: String,
    },
    /// The operating system refuses something.
    #[error("cannot {verb} `{}`", path.display())]
    Io {
        /// What was tried: `read`, `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberKind {
    /// A regular file of `size` bytes.
    File {
        /// The unpacked size as declared.
        size: u64,
    },
    /// A directory.
    Directory,
    /// A symlink.
    Symlink {
        /// The target as written; relative, and inside the archive.
        target: String,
    },
}

/// A member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What it is.
    pub kind: MemberKind,
    /// Permission bits, `0o755`.
    pub mode: u32,
    index: usize,
}

/// A checked `.charm` file.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    sha256: String,
    members: BTreeMap<String, Member>,
}

impl Archive {
    /// Opens a `.charm` file and checks everything that can be checked without unpacking it.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read, is no zip file, or breaks a rule of this module.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let path = path.to_owned();
        let mut zip = open_zip(&path)?;
        let members = survey(&path, &mut zip)?;
        let sha256 = hash_file(&path)?;
        Ok(Self {
            path,
            sha256,
            members,
        })
    }

    /// Returns where the archive is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the SHA-256 of the file in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Returns the members by normalised name (`src/charm.py`, no trailing slash).
    pub fn members(&self) -> &BTreeMap<String, Member> {
        &self.members
    }

    /// Reads a member as text; `None` if there is no such file.
    ///
    /// # Errors
    ///
    /// Fails when the member is damaged, is larger than 8 MiB, or is not UTF-8.
    pub fn read_text(&self, name: &str) -> Result<Option<String>, ArchiveError> {
        let Some(member) = self.members.get(name) else {
            return Ok(None);
        };
        if !matches!(member.kind, MemberKind::File { .. }) {
            return Err(bad(&self.path, name, "is not a regular file"));
        }
        let mut zip = open_zip(&self.path)?;
        let mut file = zip
            .by_index(member.index)
            .map_err(|error| bad(&self.path, name, &error.to_string()))?;
        let bytes = read_bounded(&mut file, MAX_TEXT).map_err(|why| bad(&self.path, name, &why))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(bad(&self.path, name, "is not UTF-8 text")),
        }
    }

    /// Checks that there is something to run: a file directly in `hooks/`, or a name that contains `dispatch`.
    ///
    /// # Errors
    ///
    /// Fails with the words of `juju deploy` for local charms; `name` is the charm's name.
    pub fn check_runnable(&self, name: &str) -> Result<(), ArchiveError> {
        let is_hook = |path: &str, member: &Member| {
            let in_hooks = path
                .strip_prefix("hooks/")
                .is_some_and(|rest| !rest.contains('/'));
            in_hooks && member.kind != MemberKind::Directory
        };
        let runnable = self
            .members
            .iter()
            .any(|(path, member)| path.contains("dispatch") || is_hook(path, member));
        if runnable {
            return Ok(());
        }
        Err(ArchiveError::NothingToRun {
            name: name.to_owned(),
        })
    }
}

fn bad(path: &Path, member: &str, reason: &str) -> ArchiveError {
    ArchiveError::BadMember {
        path: path.to_owned(),
        member: member.to_owned(),
        reason: reason.to_owned(),
    }
}

fn io_error(verb: &'static str, path: &Path, source: io::Error) -> ArchiveError {
    ArchiveError::Io {
        verb,
        path: path.to_owned(),
        source,
    }
}

fn open_zip(path: &Path) -> Result<ZipArchive<File>, ArchiveError> {
    let file = File::open(path).map_err(|error| io_error("read", path, error))?;
    ZipArchive::new(file).map_err(|error| match error {
        zip::result::ZipError::Io(error) => io_error("read", path, error),
        other => ArchiveError::NotAnArchive {
            path: path.to_owned(),
            reason: other.to_string(),
        },
    })
}

fn hash_file(path: &Path) -> Result<String, ArchiveError> {
    let hash = || -> io::Result<String> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(0))?;
        let mut hasher = Sha256::new();
        io::copy(&mut file, &mut hasher)?;
        Ok(format!("{:x}", hasher.finalize()))
    };
    hash().map_err(|error| io_error("read", path, error))
}

/// Lists the members and checks names, kinds and declared sizes.
fn survey(
    path: &Path,
    zip: &mut ZipArchive<File>,
) -> Result<BTreeMap<String, Member>, ArchiveError> {
    let refuse = |reason: String| ArchiveError::Refused {
        path: path.to_owned(),
        reason,
    };
    if zip.is_empty() {
        return Err(refuse("is an empty archive".to_owned()));
    }
    if zip.len() > MAX_MEMBERS {
        return Err(refuse(format!("has more than {MAX_MEMBERS} members")));
    }
    if zip.has_duplicate_names() {
        return Err(refuse("has two members of one name".to_owned()));
    }

    let mut members = BTreeMap::new();
    let mut total: u64 = 0;
    for index in 0..zip.len() {
        let mut file = zip
            .by_index(index)
            .map_err(|error| refuse(format!("is damaged: {error}")))?;
        let written = file
            .name()
            .map_err(|error| refuse(format!("has a member without a usable name: {error}")))?
            .into_owned();
        let name = normalise(&written).map_err(|why| bad(path, &written, why))?;
        let member = describe(&mut file, &name, index).map_err(|why| bad(path, &written, &why))?;
        if let MemberKind::File { size } = member.kind {
            total = total.saturating_add(size);
        }
        if total > MAX_TOTAL_SIZE {
            return Err(refuse("unpacks to more than 4 GiB".to_owned()));
        }
        if name.is_empty() {
            continue;
        }
        if members.insert(name, member).is_some() {
            return Err(bad(path, &written, "is there twice"));
        }
    }
    check_parents(path, &members)?;
    Ok(members)
}

/// Returns the name without a leading `./` or a trailing slash; the root itself is the empty name.
fn normalise(written: &str) -> Result<String, &'static str> {
    if written.len() > MAX_NAME {
        return Err("has too long a name");
    }
    if written.starts_with('/') {
        return Err("has an absolute name");
    }
    if written.contains(['\\', '\0']) {
        return Err("has a backslash or a null byte in its name");
    }
    let mut parts = Vec::new();
    for part in written.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err("has `..` in its name"),
            plain => parts.push(plain),
        }
    }
    Ok(parts.join("/"))
}

const TYPE_MASK: u32 = 0o170_000;
const TYPE_FILE: u32 = 0o100_000;
const TYPE_DIRECTORY: u32 = 0o040_000;
const TYPE_SYMLINK: u32 = 0o120_000;

fn describe<R: Read>(
    file: &mut zip::read::ZipFile<'_, R>,
    name: &str,
    index: usize,
) -> Result<Member, String> {
    if file.encrypted() {
        return Err("is encrypted".to_owned());
    }
    let unix = file.unix_mode();
    let mode = unix.unwrap_or(if file.is_dir() { 0o755 } else { 0o644 }) & 0o777;
    let kind = match unix.unwrap_or_default() & TYPE_MASK {
        TYPE_SYMLINK => {
            let target = read_bounded(file, MAX_LINK_TARGET)?;
            let target = String::from_utf8(target).map_err(|_| "has a target that is not UTF-8")?;
            check_target(name, &target)?;
            MemberKind::Symlink { target }
        }
        _ if file.is_dir() => MemberKind::Directory,
        0 | TYPE_FILE => MemberKind::File { size: file.size() },
        TYPE_DIRECTORY => MemberKind::Directory,
        _ => return Err("is neither a file, a directory nor a symlink".to_owned()),
    };
    if file.size() > MAX_MEMBER_SIZE {
        return Err("unpacks to more than 1 GiB".to_owned());
    }
    Ok(Member { kind, mode, index })
}

/// Reads all of `source`, at most `limit` bytes.
fn read_bounded(source: &mut impl Read, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("is damaged: {error}"))?;
    if bytes.len() as u64 > limit {
        return Err(format!("is larger than {limit} bytes"));
    }
    Ok(bytes)
}

/// Refuses a symlink called `name` whose target is absolute or outside the tree; the words are Juju's.
///
/// # Errors
///
/// Says why the target is refused; a target that is inside and not there is none of its business.
pub fn check_target(name: &str, target: &str) -> Result<(), String> {
    if target.starts_with('/') {
        return Err(format!("symlink is absolute: `{target}`"));
    }
    let mut depth = name.split('/').count() - 1;
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return Err(format!("symlink links out of charm: `{target}`")),
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    if target.is_empty() || target.contains('\0') {
        return Err("symlink has no usable target".to_owned());
    }
    Ok(())
}

/// Refuses members below a file or a symlink; the latter would write through the link.
fn check_parents(path: &Path, members: &BTreeMap<String, Member>) -> Result<(), ArchiveError> {
    for name in members.keys() {
        for (slash, _) in name.match_indices('/') {
            let parent = members.get(&name[..slash]);
            if parent.is_some_and(|parent| parent.kind != MemberKind::Directory) {
                let reason = format!("is below `{}`, which is not a directory", &name[..slash]);
                return Err(bad(path, name, &reason));
            }
        }
    }
    Ok(())
}
