//! Where a run keeps its record.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::SystemTime;

use super::utc::Utc;

/// Decides where a run keeps its record: `CHARMTEST_RECORD_DIR`, or a new directory of the user's state.
pub(super) fn directory(
    variable: impl Fn(&str) -> Option<OsString>,
    now: SystemTime,
    pid: u32,
) -> PathBuf {
    let named = variable("CHARMTEST_RECORD_DIR").filter(|value| !value.is_empty());
    if let Some(directory) = named {
        return directory.into();
    }
    let id = format!("{}-{pid}", Utc::of(now).compact());
    state_dir(variable).join("runs").join(id)
}

/// Returns the directory for what outlives a run: `charmtest` in the user's state.
pub(super) fn state_dir(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let path = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let state = path("XDG_STATE_HOME")
        .or_else(|| Some(path("HOME")?.join(".local/state")))
        .unwrap_or_else(std::env::temp_dir);
    state.join("charmtest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_wins_over_the_user_state() {
        let now = SystemTime::UNIX_EPOCH;
        let with = |set: &'static [(&str, &str)]| {
            let variable = move |name: &str| {
                let found = set.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| OsString::from(value))
            };
            directory(variable, now, 7)
        };
        let id = "charmtest/runs/19700101T000000Z-7";
        assert_eq!(
            with(&[("CHARMTEST_RECORD_DIR", "/r"), ("HOME", "/h")]),
            PathBuf::from("/r")
        );
        assert_eq!(
            with(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]),
            PathBuf::from("/s").join(id)
        );
        assert_eq!(
            with(&[("CHARMTEST_RECORD_DIR", ""), ("HOME", "/h")]),
            PathBuf::from("/h/.local/state").join(id)
        );
        assert_eq!(with(&[]), std::env::temp_dir().join(id));
    }
}
