//! The record of a run: a directory for what is captured.

use std::path::PathBuf;
use std::time::SystemTime;

/// Returns the directory that `variable` names, else `fallback` below the user's home.
pub(crate) fn user_dir(variable: &str, fallback: &str) -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set(variable).or_else(|| Some(set("HOME")?.join(fallback)))
}

/// Returns where the user's records are: `charmtest/runs` in the state directory.
pub(crate) fn runs_dir() -> Option<PathBuf> {
    Some(user_dir("XDG_STATE_HOME", ".local/state")?.join("charmtest/runs"))
}

/// Returns a new run's id: the seconds since 1970 and the process id, so that ids sort by time and never clash on one machine.
pub(crate) fn new_id() -> String {
    let seconds = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    format!("{seconds}-{}", std::process::id())
}
