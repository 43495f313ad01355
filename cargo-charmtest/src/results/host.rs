//! Where a run takes place.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use charmtest_scripts::os_release;

use crate::run::process;

/// How long git may take to name a commit.
const GIT_LIMIT: Duration = Duration::from_secs(10);

/// Returns the version of this program, and the host.
pub(crate) fn tools() -> BTreeMap<String, String> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    [
        ("charmtest", env!("CARGO_PKG_VERSION").to_owned()),
        ("container", container()),
        ("host", host()),
        ("kernel", kernel.trim().to_owned()),
        ("machine", std::env::consts::ARCH.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Returns the host's system, such as `debian 12`.
fn host() -> String {
    let release = os_release::read();
    let value = |key: &str| os_release::value(&release, key).unwrap_or_default();
    format!("{} {}", value("ID"), value("VERSION_ID"))
        .trim()
        .to_owned()
}

/// Returns in what kind of container this program runs, such as `docker`; `chroot` in a root directory that is not the system's, and
/// `none` on the system itself.
///
/// Who started a sandbox says in the variable [`CONTAINER`] what is around it.
pub(crate) fn container() -> String {
    let file = |path: &str| fs::read_to_string(path).ok();
    // Only root may look at the first process, and only root can change its root directory.
    let root = |path: &str| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    container_of(&Marks {
        variable: std::env::var(CONTAINER).ok(),
        manager: file("/run/systemd/container"),
        podman: Path::new("/run/.containerenv").exists(),
        docker: Path::new("/.dockerenv").exists(),
        other_root: root("/proc/1/root").is_some_and(|first| Some(first) != root("/")),
    })
}

/// The variable by which a container manager says what it is (systemd's "Container Interface").
pub(crate) const CONTAINER: &str = "container";

/// What container managers leave where their containers see it.
#[derive(Debug, Default)]
struct Marks {
    variable: Option<String>,
    manager: Option<String>,
    podman: bool,
    docker: bool,
    other_root: bool,
}

fn container_of(marks: &Marks) -> String {
    let named = [&marks.variable, &marks.manager];
    let mut named = named.into_iter().flatten().map(|name| name.trim());
    let word = match named.find(|name| !name.is_empty()) {
        Some(name) => name,
        None if marks.podman => "podman",
        None if marks.docker => "docker",
        None if marks.other_root => "chroot",
        None => "none",
    };
    word.to_owned()
}

/// Returns the name of this machine in its network.
pub(crate) fn node() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// Returns the commit that is checked out around a directory, if git is there and knows one.
pub(crate) fn commit(directory: &Path) -> Option<String> {
    let mut git = Command::new("git");
    git.args(["rev-parse", "--verify", "--quiet", "HEAD"])
        .current_dir(directory);
    let output = process::output(git, GIT_LIMIT).ok()?;
    let commit = output.stdout.trim();
    (output.status.success() && !commit.is_empty()).then(|| commit.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_known_by_their_marks() {
        let named = |name: &str| Some(name.to_owned());
        for (marks, expected) in [
            (Marks::default(), "none"),
            (
                Marks {
                    docker: true,
                    other_root: true,
                    ..Marks::default()
                },
                "docker",
            ),
            (
                Marks {
                    podman: true,
                    docker: true,
                    ..Marks::default()
                },
                "podman",
            ),
            (
                Marks {
                    manager: named("systemd-nspawn\n"),
                    ..Marks::default()
                },
                "systemd-nspawn",
            ),
            (
                Marks {
                    variable: named(""),
                    manager: named("lxc"),
                    ..Marks::default()
                },
                "lxc",
            ),
            (
                Marks {
                    variable: named("wsl"),
                    docker: true,
                    ..Marks::default()
                },
                "wsl",
            ),
            (
                Marks {
                    other_root: true,
                    ..Marks::default()
                },
                "chroot",
            ),
        ] {
            assert_eq!(container_of(&marks), expected, "{marks:?}");
        }
    }
}
