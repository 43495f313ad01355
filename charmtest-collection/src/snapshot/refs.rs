//! The branches of a repository on this machine, read without a process.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use crate::bounds::LARGEST_FILE;

/// Returns the branches of a local repository with their commits.
///
/// `None` means that the repository is not one whose form is known for sure; then git itself has to be asked.
pub(super) fn local(url: &str) -> Option<BTreeMap<String, String>> {
    let path = Path::new(url.strip_prefix("file://").unwrap_or(url));
    let git = [path.join(".git"), path.to_owned()];
    let git = git
        .iter()
        .find(|git| git.join("HEAD").is_file() && git.join("objects").is_dir())?;
    // Other ways to keep references, and work trees that share them.
    if git.join("reftable").exists() || git.join("commondir").exists() {
        return None;
    }
    let mut branches = BTreeMap::new();
    // First the loose ones: one that is packed meanwhile is found among the packed.
    let mut loose = BTreeMap::new();
    read_loose(&git.join("refs/heads"), "", &mut 0, &mut loose)?;
    match read(&git.join("packed-refs")) {
        Ok(packed) => {
            for line in packed.lines().filter(|line| !line.starts_with(['#', '^'])) {
                let (id, name) = line.split_once(' ')?;
                if let Some(branch) = name.strip_prefix("refs/heads/") {
                    branches.insert(branch.to_owned(), commit(id)?);
                }
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(_) => return None,
    }
    branches.append(&mut loose);
    branches.retain(|name, _| is_branch(name));
    Some(branches)
}

/// Reads a file, which is not waited for if it is none.
fn read(path: &Path) -> std::io::Result<String> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let opened = File::options().read(true).custom_flags(flags).open(path)?;
    if !opened.metadata()?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let mut text = String::new();
    opened.take(LARGEST_FILE).read_to_string(&mut text)?;
    Ok(text)
}

fn read_loose(
    directory: &Path,
    prefix: &str,
    seen: &mut usize,
    branches: &mut BTreeMap<String, String>,
) -> Option<()> {
    for item in fs::read_dir(directory).ok()? {
        let item = item.ok()?;
        let name = format!("{prefix}{}", item.file_name().to_str()?);
        *seen += 1;
        if *seen > MOST || name.len() > LONGEST {
            return None;
        }
        let kind = item.file_type().ok()?;
        if kind.is_dir() {
            read_loose(&item.path(), &format!("{name}/"), seen, branches)?;
        } else if kind.is_symlink() && item.path().is_dir() {
            // It may lead round in circles.
        } else if !name.ends_with(".lock") {
            let text = read(&item.path()).ok()?;
            branches.insert(name, commit(text.trim_end())?);
        }
    }
    Some(())
}

/// How many branches are read without git.
const MOST: usize = 100_000;

/// How many bytes the name of a branch may have.
const LONGEST: usize = 250;

/// Says whether a branch can have this name. Git makes no other ones; who answers for a repository, or writes one, may.
pub(crate) fn is_branch(name: &str) -> bool {
    let bad =
        |letter: char| letter.is_control() || letter.is_whitespace() || "~^:?*[\\".contains(letter);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    name.len() <= LONGEST
        && !name.starts_with('-')
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && !name.contains(bad)
        && name.split('/').all(part)
}

/// Returns a commit's id; a reference that points to another one has none.
pub(super) fn commit(id: &str) -> Option<String> {
    let hex = id.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hex && matches!(id.len(), 40 | 64)).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_branch_has_a_name_that_git_makes() {
        for (name, good) in [
            ("main", true),
            ("release/1.2", true),
            ("x@y", true),
            ("", false),
            ("-x", false),
            ("/x", false),
            ("a//b", false),
            ("a..b", false),
            ("../../x", false),
            (".hidden", false),
            ("a/.b", false),
            ("x.lock", false),
            ("x.", false),
            ("x y", false),
            ("x\n+refs/heads/y", false),
            ("x\u{1b}[2J", false),
            ("x\u{9b}2J", false),
            ("a*", false),
            ("a:b", false),
        ] {
            assert_eq!(is_branch(name), good, "{name:?}");
        }
        assert!(!is_branch(&"x".repeat(300)));
    }

    #[test]
    fn links_among_branches_are_not_gone_into() {
        let directory = tempfile::tempdir().unwrap();
        let git = directory.path().join(".git");
        let heads = git.join("refs/heads");
        for path in [&heads, &git.join("objects")] {
            fs::create_dir_all(path).unwrap();
        }
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        let id = "0123456789".repeat(4);
        fs::write(heads.join("main"), &id).unwrap();
        // Whoever follows them goes 2^40 ways.
        for name in ["a", "b"] {
            symlink(".", heads.join(name)).unwrap();
        }
        let found = local(directory.path().to_str().unwrap()).unwrap();
        assert_eq!(found, BTreeMap::from([("main".to_owned(), id)]));
    }
}
