//! Paths of the broker in what a command says of its files: the script is told its own.

use std::path::Path;

/// Where paths of the script that do not lead down from its directory are copied to; see [`super::rewrite::mirrored`].
const OUTSIDE: [&[u8]; 2] = [b"/./.root/", b"/.root/"];

/// Replaces the directory in which a command runs by that of the script, in a stream.
#[derive(Debug, Clone)]
pub(super) struct Renamed {
    room: Vec<u8>,
    cwd: Vec<u8>,
    /// What may be the beginning of a path of the broker.
    held: Vec<u8>,
}

impl Renamed {
    /// Returns a stream of which nothing has come yet: of a command in `room`, for a script in `cwd`.
    pub(super) fn new(room: &Path, cwd: &str) -> Self {
        Self {
            room: room.as_os_str().as_encoded_bytes().to_vec(),
            cwd: cwd.as_bytes().to_vec(),
            held: Vec::new(),
        }
    }

    /// Takes the next piece, and returns what the script is told.
    pub(super) fn next(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        self.told(false)
    }

    /// Returns what is left at the end of the stream.
    pub(super) fn end(&mut self) -> Vec<u8> {
        self.told(true)
    }

    fn told(&mut self, is_last: bool) -> Vec<u8> {
        let mut told = Vec::new();
        let size = self.room.len();
        while let Some(at) = find(&self.held, &self.room) {
            let after = &self.held[at + size..];
            let unclear = |mark: &&[u8]| after.len() < mark.len() && mark.starts_with(after);
            if !is_last && OUTSIDE.iter().any(unclear) {
                told.extend(self.held.drain(..at));
                return told;
            }
            let outside = OUTSIDE.iter().find(|mark| after.starts_with(mark));
            told.extend(self.held.drain(..at));
            match outside {
                // The slash at the end is that of the root.
                Some(mark) => drop(self.held.drain(..size + mark.len() - 1)),
                None => {
                    told.extend_from_slice(&self.cwd);
                    drop(self.held.drain(..size));
                }
            }
        }
        let kept = match is_last {
            true => 0,
            false => (1..size.min(self.held.len() + 1))
                .rev()
                .find(|count| self.held.ends_with(&self.room[..*count]))
                .unwrap_or(0),
        };
        told.extend(self.held.drain(..self.held.len() - kept));
        told
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_broker_become_those_of_the_script() {
        let text =
            "open /b/7/cfg.yaml: no\nstat /b/7/./.root/etc/x: no\n/b/7/.root/y /b/8 /b/7\n/b/";
        let expected = "open /r/charm/cfg.yaml: no\nstat /etc/x: no\n/y /b/8 /r/charm\n/b/";
        for size in 1..=text.len() {
            let mut renamed = Renamed::new(Path::new("/b/7"), "/r/charm");
            let mut told = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                told.extend(renamed.next(piece));
            }
            told.extend(renamed.end());
            assert_eq!(
                String::from_utf8(told).unwrap(),
                expected,
                "in pieces of {size}"
            );
        }
    }
}
