//! What `/etc/os-release` says of this machine.

use std::fs;

/// Returns the text of this machine's `/etc/os-release`, empty when it cannot be read.
#[must_use]
pub fn read() -> String {
    fs::read_to_string("/etc/os-release").unwrap_or_default()
}

/// Returns the value of a key in the text of an `/etc/os-release`, without its quotes.
#[must_use]
pub fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(line.trim().trim_matches(['"', '\'']))
}
