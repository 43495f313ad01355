//! What a script leaves for whoever looks at its result.

use std::ffi::{CStr, OsStr};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;

use crate::broker::files::stays_inside;
use crate::verdict::Verdict;

/// How many bytes of a script's artifacts are kept.
const MAX_BYTES: u64 = 1 << 30;

/// How many files, directories and symlinks of a script's artifacts are kept.
const MAX_ENTRIES: usize = 10_000;

/// How deep in `$CHARMTEST_ARTIFACTS` a file may lie that is kept.
const DEPTH: usize = 32;

/// How much of what is left out is named.
const NAMED: usize = 5;

/// Says whether what a script left in `$CHARMTEST_ARTIFACTS` is kept: when it did not pass and was not skipped.
#[must_use]
pub fn are_kept(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Pass | Verdict::Skip => false,
        Verdict::Fail | Verdict::Timeout | Verdict::Infra => true,
    }
}

/// What became of a script's artifacts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Where they are, if there are any.
    pub at: Option<PathBuf>,
    /// What is not among them, and why.
    pub left_out: Vec<String>,
}

/// Copies the artifacts to `keep`, which must not be there, if they are kept and there are any. The verdict stands whatever a script left.
///
/// Nothing but what is in the directory is copied: what a script put in its place, or swaps while it is read, is not followed, and symlinks
/// that lead out are left out, since whoever collects artifacts may follow them. So is what cannot be read and what is too much.
pub fn keep(artifacts: &Path, verdict: Verdict, keep: &Path) -> Kept {
    let mut kept = Kept::default();
    if !are_kept(verdict) {
        return kept;
    }
    let mut copying = Copying {
        bytes: 0,
        entries: 0,
        made: false,
        left_out: Vec::new(),
        more: 0,
    };
    match open(CWD, artifacts, OFlags::DIRECTORY) {
        Ok(directory) => copying.directory(&directory, Path::new(""), keep, 0),
        // It is the script's to remove.
        Err(Errno::NOENT) => {}
        Err(error) => copying.leave_out(Path::new(""), &io::Error::from(error).to_string()),
    }
    kept.at = copying.made.then(|| keep.to_owned());
    kept.left_out = copying.left_out;
    if copying.more > 0 {
        kept.left_out
            .push(format!("and {} artifacts more are left out", copying.more));
    }
    kept
}

fn open(
    above: impl std::os::fd::AsFd,
    name: impl rustix::path::Arg,
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    // A pipe or a device is not waited for.
    let always = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    openat(above, name, OFlags::RDONLY | always | flags, Mode::empty())
}

struct Copying {
    bytes: u64,
    entries: usize,
    /// Whether there is a directory for them.
    made: bool,
    left_out: Vec<String>,
    more: usize,
}

impl Copying {
    fn leave_out(&mut self, path: &Path, why: &str) {
        if self.left_out.len() < NAMED {
            let what = match path.to_str() {
                Some("") => "$CHARMTEST_ARTIFACTS".to_owned(),
                _ => format!("artifact {path:?}"),
            };
            self.left_out.push(format!("{what} is left out: {why}"));
        } else {
            self.more += 1;
        }
    }

    /// Copies what is in a directory, `path` below the artifacts, to `to`, which is made once there is something for it.
    fn directory(&mut self, directory: &OwnedFd, path: &Path, to: &Path, depth: usize) {
        let entries = match Dir::read_from(directory) {
            Ok(entries) => entries,
            Err(error) => return self.leave_out(path, &io::Error::from(error).to_string()),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return self.leave_out(path, &io::Error::from(error).to_string()),
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.entries += 1;
            let path = path.join(OsStr::from_bytes(name.to_bytes()));
            let copied = match self.entries {
                0..=MAX_ENTRIES => self.entry(directory, name, &path, to, depth),
                _ => Err(io::Error::other(format!(
                    "there are more than {MAX_ENTRIES} of them"
                ))),
            };
            if let Err(error) = copied {
                self.leave_out(&path, &error.to_string());
            }
        }
    }

    fn entry(
        &mut self,
        above: &OwnedFd,
        name: &CStr,
        path: &Path,
        to: &Path,
        depth: usize,
    ) -> io::Result<()> {
        fs::create_dir_all(to)?;
        self.made = true;
        let target = to.join(OsStr::from_bytes(name.to_bytes()));
        let found = match open(above, name, OFlags::empty()) {
            Err(Errno::LOOP) => return link(above, name, path, &target),
            found => found?,
        };
        match FileType::from_raw_mode(fstat(&found)?.st_mode) {
            FileType::Directory if depth == DEPTH => Err(io::Error::other(format!(
                "it is deeper than {DEPTH} directories"
            ))),
            FileType::Directory => {
                fs::create_dir_all(&target)?;
                self.directory(&found, path, &target, depth + 1);
                Ok(())
            }
            FileType::RegularFile => self.file(found, &target),
            _ => Err(io::Error::other("it is neither a file nor a directory")),
        }
    }

    fn file(&mut self, from: OwnedFd, to: &Path) -> io::Result<()> {
        let left = MAX_BYTES.saturating_sub(self.bytes);
        let too_much = || io::Error::other("the artifacts are more than 1 GiB");
        let from = File::from(from);
        if from.metadata()?.len() > left {
            return Err(too_much());
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(to)?;
        let copied = io::copy(&mut from.take(left), &mut file);
        self.bytes += copied.as_ref().copied().unwrap_or(left);
        copied.map(drop)
    }
}

fn link(above: &OwnedFd, name: &CStr, path: &Path, to: &Path) -> io::Result<()> {
    let aim = readlinkat(above, name, Vec::new())?;
    let aim = aim.to_string_lossy();
    if !stays_inside(path, &aim) {
        return Err(io::Error::other(format!(
            "it is a symlink to {aim:?}, out of the artifacts"
        )));
    }
    symlink(&*aim, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_of_failures_are_kept() {
        let room = tempfile::tempdir().unwrap();
        let left = room.path().join("left");
        fs::create_dir(&left).unwrap();
        let at = room.path().join("kept");
        assert_eq!(keep(&left, Verdict::Fail, &at), Kept::default());
        fs::create_dir(left.join("sub")).unwrap();
        fs::write(left.join("sub/page.html"), "x").unwrap();
        symlink("sub/page.html", left.join("page")).unwrap();
        for verdict in [Verdict::Pass, Verdict::Skip] {
            assert_eq!(keep(&left, verdict, &at), Kept::default());
        }
        assert!(!at.exists());
        let kept = keep(&left, Verdict::Timeout, &at);
        assert_eq!(kept.at.as_deref(), Some(at.as_path()));
        assert_eq!(kept.left_out, Vec::<String>::new());
        assert_eq!(fs::read(at.join("page")).unwrap(), b"x");
    }

    #[test]
    fn nothing_that_is_not_an_artifact_is_kept() {
        let room = tempfile::tempdir().unwrap();
        let secret = room.path().join("secret");
        fs::create_dir(&secret).unwrap();
        fs::write(secret.join("key"), "s").unwrap();
        let left = room.path().join("left");
        let at = room.path().join("kept");
        assert_eq!(keep(&left, Verdict::Fail, &at), Kept::default());
        symlink(&secret, &left).unwrap();
        let kept = keep(&left, Verdict::Fail, &at);
        assert_eq!((kept.at, kept.left_out.len()), (None, 1));
        fs::remove_file(&left).unwrap();

        fs::create_dir(&left).unwrap();
        fs::write(left.join("log"), "l").unwrap();
        let large = File::create(left.join("large")).unwrap();
        large.set_len(1 << 40).unwrap();
        symlink("../secret/key", left.join("up")).unwrap();
        symlink(secret.join("key"), left.join("away")).unwrap();
        rustix::fs::mknodat(
            CWD,
            left.join("pipe"),
            FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        let mut deep = left.clone();
        deep.extend(vec!["d"; DEPTH + 1]);
        fs::create_dir_all(&deep).unwrap();
        let kept = keep(&left, Verdict::Fail, &at);
        let mut left_out = kept.left_out;
        left_out.sort_unstable();
        for (text, part) in left_out
            .iter()
            .zip(["away", "d/d/d", "large", "pipe", "up"])
        {
            assert!(text.starts_with(&format!("artifact \"{part}")), "{text}");
        }
        assert_eq!(left_out.len(), 5, "{left_out:?}");
        assert_eq!(fs::read(at.join("log")).unwrap(), b"l");
        for name in ["away", "up", "large", "pipe"] {
            assert!(fs::symlink_metadata(at.join(name)).is_err(), "{name}");
        }
    }
}
