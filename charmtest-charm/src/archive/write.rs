//! Writing archives; the same content always makes the same bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::tree::{TreeEntry, TreeKind, ignore_of, list};
use super::{Archive, ArchiveError, MAX_MEMBER_SIZE, bad, io_error};
use crate::hooks::known_hooks;
use crate::metadata::Metadata;

/// A member to be written.
#[derive(Debug)]
pub(crate) enum Source {
    /// A file or link from disk.
    Disk(TreeKind),
    /// A text that is made up.
    Text {
        /// The content.
        text: String,
        /// 0755 or 0644.
        mode: u32,
    },
}

/// Packs a charm directory as it stands, as `juju deploy ./dir` of Juju 3.6 does.
///
/// `.git`, `.tox`, `build/`, `revision`, `version` and what `.jujuignore` names stay out; so do cache directories
/// (those with a `CACHEDIR.TAG`) and Python's `__pycache__`. Modes become 0755 or 0644, and known hooks in `hooks/` are
/// made executable. The archive appears at `out` when it is complete.
///
/// # Errors
///
/// Fails when something in `dir` cannot be read or cannot be a member (a device, a symlink that leaves the directory),
/// or when `out` cannot be written.
pub fn pack_directory(dir: &Path, out: &Path) -> Result<Archive, ArchiveError> {
    let entries = list(dir, &ignore_of(dir, &[])?)?;
    let hooks = match std::fs::read_to_string(dir.join("metadata.yaml")) {
        Ok(text) => Metadata::parse("metadata.yaml", &text)
            .map(|metadata| known_hooks(&metadata))
            .unwrap_or_default(),
        Err(_) => Default::default(),
    };
    let members = entries.into_iter().map(|TreeEntry { name, kind }| {
        let kind = match kind {
            TreeKind::File { path, .. }
                if name
                    .strip_prefix("hooks/")
                    .is_some_and(|hook| hooks.contains(hook)) =>
            {
                TreeKind::File { path, mode: 0o755 }
            }
            other => other,
        };
        (name, Source::Disk(kind))
    });
    write(&members.collect(), out)
}

/// Writes `members` to `out`, which appears when it is complete.
pub(crate) fn write(
    members: &BTreeMap<String, Source>,
    out: &Path,
) -> Result<Archive, ArchiveError> {
    let parent = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let unwritable = |error| io_error("write", out, error);
    let mut file = tempfile::Builder::new()
        .prefix(".charm-")
        .tempfile_in(parent)
        .map_err(unwritable)?;
    write_members(members, file.as_file_mut(), out)?;
    file.as_file_mut().flush().map_err(unwritable)?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file()
        .set_permissions(readable)
        .map_err(unwritable)?;
    file.persist(out).map_err(|error| unwritable(error.error))?;
    Archive::open(out)
}

fn write_members(
    members: &BTreeMap<String, Source>,
    file: &mut File,
    out: &Path,
) -> Result<(), ArchiveError> {
    let broken = |error: zip::result::ZipError| io_error("write", out, io::Error::other(error));
    let mut zip = ZipWriter::new(file);
    for (name, source) in members {
        match source {
            Source::Text { text, mode } => {
                zip.start_file(name, options(*mode)).map_err(broken)?;
                zip.write_all(text.as_bytes())
                    .map_err(|error| io_error("write", out, error))?;
            }
            Source::Disk(TreeKind::Directory) => {
                zip.add_directory(name, options(0o755)).map_err(broken)?;
            }
            Source::Disk(TreeKind::Symlink { target }) => {
                zip.add_symlink(name, target, options(0o777))
                    .map_err(broken)?;
            }
            Source::Disk(TreeKind::File { path, mode }) => {
                zip.start_file(name, options(*mode)).map_err(broken)?;
                let file = File::open(path).map_err(|error| io_error("read", path, error))?;
                let copied = io::copy(&mut file.take(MAX_MEMBER_SIZE + 1), &mut zip)
                    .map_err(|error| io_error("read", path, error))?;
                if copied > MAX_MEMBER_SIZE {
                    return Err(bad(out, name, "is larger than 1 GiB"));
                }
            }
        }
    }
    zip.finish().map_err(broken)?;
    Ok(())
}

fn options(mode: u32) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(mode)
}
