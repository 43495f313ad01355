//! The record of a run: a directory for what is captured.

use std::path::PathBuf;
use std::time::SystemTime;

/// Where the user's records are: `charmtest/runs` in the state directory.
pub(crate) fn runs_dir() -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(state.join("charmtest/runs"))
}

/// Returns a new run's id: the seconds since 1970 and the process id, so that ids sort by time and never clash on one machine.
pub(crate) fn new_id() -> String {
    let seconds = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    format!("{seconds}-{}", std::process::id())
}
