//! What a script leaves for whoever looks at its result.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::copy::copy_tree;
use crate::verdict::Verdict;

/// Says whether what a script left in `$CHARMTEST_ARTIFACTS` is kept: when it did not pass and was not skipped.
#[must_use]
pub fn are_kept(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Pass | Verdict::Skip => false,
        Verdict::Fail | Verdict::Timeout | Verdict::Infra => true,
    }
}

/// Copies the artifacts to `keep` if they are kept and there are any, and returns where they are.
///
/// Files that a script left unreadable, and symlinks to elsewhere, are no reason to lose the others: the copy keeps symlinks as they are.
///
/// # Errors
///
/// Fails when they cannot be copied.
pub fn keep(artifacts: &Path, verdict: Verdict, keep: &Path) -> io::Result<Option<PathBuf>> {
    if !are_kept(verdict) || fs::read_dir(artifacts)?.next().is_none() {
        return Ok(None);
    }
    copy_tree(artifacts, keep)?;
    Ok(Some(keep.to_owned()))
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
        assert_eq!(keep(&left, Verdict::Fail, &at).unwrap(), None);
        fs::write(left.join("page.html"), "x").unwrap();
        for verdict in [Verdict::Pass, Verdict::Skip] {
            assert_eq!(keep(&left, verdict, &at).unwrap(), None);
        }
        assert!(!at.exists());
        assert_eq!(
            keep(&left, Verdict::Timeout, &at).unwrap().as_deref(),
            Some(at.as_path())
        );
        assert_eq!(fs::read(at.join("page.html")).unwrap(), b"x");
    }
}
