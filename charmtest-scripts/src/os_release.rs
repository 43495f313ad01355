//! What `/etc/os-release` says of this machine.

use std::fs;

/// Returns the text of this machine's `/etc/os-release`, or of `/usr/lib/os-release`, which stands in for it (os-release(5)) and can be
/// read in a sandbox; empty when neither can.
#[must_use]
pub fn read() -> String {
    let files = ["/etc/os-release", "/usr/lib/os-release"];
    let mut texts = files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok());
    texts.next().unwrap_or_default()
}

/// Returns the value of a key in the text of an `/etc/os-release`, without its quotes.
#[must_use]
pub fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(line.trim().trim_matches(['"', '\'']))
}
