//! What every user of the machine may read below a directory.
//!
//! Root may read `/etc/shadow`; a command in a sandbox that root started shall see no more of `/etc` than an ordinary user.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Names that are left out whatever their permissions say: what is in them is made for one user or one service.
const PRIVATE_NAMES: &[&str] = &[
    "juju",
    "kubernetes",
    "openstack",
    "rancher",
    "ssh",
    "wireguard",
];

/// Returns the paths that together are what everybody may read below a directory.
///
/// A directory of which all is readable is one path. Symbolic links are followed once, since what a rule names is what they lead to;
/// links that lead out of the system's public places are left out by their target's permissions.
pub(crate) fn public_paths(directory: &Path) -> Vec<PathBuf> {
    match look(directory, 0) {
        Found::All => vec![directory.to_owned()],
        Found::Some(paths) => paths,
    }
}

enum Found {
    /// All that is below may be read by everybody.
    All,
    /// Only this.
    Some(Vec<PathBuf>),
}

/// Deeper than this nothing is looked at: links may run in circles.
const DEPTH: usize = 12;

fn look(path: &Path, depth: usize) -> Found {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return Found::Some(Vec::new());
    };
    if meta.is_symlink() {
        return match fs::canonicalize(path) {
            Ok(target) if is_public_file(&target) => Found::Some(vec![target]),
            _ => Found::Some(Vec::new()),
        };
    }
    let mode = meta.permissions().mode();
    if !meta.is_dir() {
        return if meta.is_file() && mode & 0o004 != 0 {
            Found::All
        } else {
            Found::Some(Vec::new())
        };
    }
    if mode & 0o005 != 0o005 || depth == DEPTH {
        return Found::Some(Vec::new());
    }
    let Ok(entries) = fs::read_dir(path) else {
        return Found::Some(Vec::new());
    };
    let (mut all, mut paths) = (true, Vec::new());
    for entry in entries.flatten() {
        let path = entry.path();
        if depth == 0
            && PRIVATE_NAMES
                .iter()
                .any(|name| entry.file_name().as_os_str() == *name)
        {
            all = false;
            continue;
        }
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        match look(&path, depth + 1) {
            Found::All => paths.push(path),
            Found::Some(found) => {
                // A link is no content: reading what it leads to is decided where that is.
                all &= is_link;
                paths.extend(found);
            }
        }
    }
    let leads_out = paths.iter().any(|found| !found.starts_with(path));
    if all && !leads_out {
        Found::All
    } else if all {
        let mut found = vec![path.to_owned()];
        found.extend(paths.into_iter().filter(|found| !found.starts_with(path)));
        Found::Some(found)
    } else {
        Found::Some(paths)
    }
}

/// Where links of the system lead to that are its configuration; not processes, devices and users.
const TARGETS: &[&str] = &["/etc", "/opt", "/run", "/usr", "/var"];

/// Says whether a link's target is a file of the system that everybody may read on a way that everybody may go.
fn is_public_file(target: &Path) -> bool {
    if !TARGETS.iter().any(|place| target.starts_with(place)) {
        return false;
    }
    let way = target.ancestors().skip(1).all(|parent| {
        fs::metadata(parent).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0)
    });
    way && target.is_file()
        && fs::metadata(target).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    }

    #[test]
    fn only_what_everybody_may_read_is_public() {
        let dir = tempfile::tempdir().expect("tempdir");
        let root = dir.path();
        // mktemp's directories are private; the way counts for links only
        set(root, 0o755);
        for name in [
            "hosts",
            "shadow",
            "ssl/certs/a.pem",
            "ssl/private/key",
            "apt/list",
            "ssh/config",
        ] {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
            fs::write(&path, "x").expect("write");
            set(&path, 0o644);
        }
        set(&root.join("shadow"), 0o640);
        set(&root.join("ssl/private"), 0o710);
        symlink(root.join("shadow"), root.join("leak")).expect("link");
        symlink("hosts", root.join("apt/hosts")).expect("link");
        let mut found = public_paths(root);
        found.sort();
        assert_eq!(
            found,
            [root.join("apt"), root.join("hosts"), root.join("ssl/certs")]
        );
    }
}
