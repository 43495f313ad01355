//! Where a run takes place.

use std::collections::BTreeMap;
use std::fs;
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
