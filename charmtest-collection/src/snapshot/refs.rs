//! The branches of a repository on this machine, read without a process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

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
    read_loose(&git.join("refs/heads"), "", &mut loose)?;
    match fs::read_to_string(git.join("packed-refs")) {
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
    Some(branches)
}

fn read_loose(
    directory: &Path,
    prefix: &str,
    branches: &mut BTreeMap<String, String>,
) -> Option<()> {
    for item in fs::read_dir(directory).ok()? {
        let path: PathBuf = item.ok()?.path();
        let name = format!("{prefix}{}", path.file_name()?.to_str()?);
        if path.is_dir() {
            read_loose(&path, &format!("{name}/"), branches)?;
        } else if !name.ends_with(".lock") {
            let text = fs::read_to_string(&path).ok()?;
            branches.insert(name, commit(text.trim_end())?);
        }
    }
    Some(())
}

/// Returns a commit's id; a reference that points to another one has none.
fn commit(id: &str) -> Option<String> {
    let hex = id.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hex && matches!(id.len(), 40 | 64)).then(|| id.to_owned())
}
