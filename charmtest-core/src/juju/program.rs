//! Where programs are found on this machine.

use std::env::{self, consts::EXE_SUFFIX};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The program that packs charms and holds the embedded controller.
const PROGRAM: &str = "cargo-charmtest";

/// Returns the first executable file of that name on `PATH`.
pub(crate) fn find_on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory| with_suffix(&directory, name))
        .find(|file| is_executable(file))
}

/// Finds `cargo-charmtest`: the one that was named, else the one beside this test binary
/// (`target/<profile>/cargo-charmtest`), in `$CARGO_HOME/bin`, or on `PATH`.
///
/// A program that was named is taken as it is: that it does not exist is for its first command to say.
pub(crate) fn find_cargo_charmtest(named: Option<&Path>) -> Option<PathBuf> {
    if let Some(named) = named {
        return Some(named.to_owned());
    }
    let exe = env::current_exe().unwrap_or_default();
    // `target/<profile>/deps/<test>`, or `target/<profile>/<program>`
    let beside = exe.ancestors().skip(1).take(2).map(Path::to_owned);
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cargo")));
    beside
        .chain(cargo_home.map(|home| home.join("bin")))
        .map(|directory| with_suffix(&directory, PROGRAM))
        .find(|file| is_executable(file))
        .or_else(|| find_on_path(PROGRAM))
}

/// Returns the `cargo-charmtest` behind a program called `juju`, if that is what it is: the embedded controller's `juju`
/// is a symbolic link, and by its output it cannot be told from a real one.
pub(super) fn embedded_behind(juju: &Path) -> Option<PathBuf> {
    let target = juju.canonicalize().ok()?;
    (target.file_stem() == Some(OsStr::new(PROGRAM))).then_some(target)
}

fn with_suffix(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}{EXE_SUFFIX}"))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}
