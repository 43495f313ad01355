//! What a thin client and its broker say to each other through two pipes.
//!
//! One connection is one command. Each message is one byte of kind, the length in four bytes, big end first, and the content: JSON for
//! [`ToBroker`] and [`ToClient`], bytes for the rest. The bytes of a file follow its entry, up to the next message that is JSON.
//!
//! The order: the client says [`ToBroker::Call`]. The broker may ask for files ([`ToClient::Fetch`]), and for each the client answers
//! entries and at last [`ToBroker::Fetched`]. Then the broker sends output as it comes; standard input only flows once it has said
//! [`ToClient::Stdin`]. At the end come the files that the command wrote, and [`ToClient::Exit`]. [`ToClient::Plugin`] stands for all that.
//! Whoever goes away ends the other: a broker kills the command, a client fails.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest message in bytes; content is sent in pieces far below.
const MAX: u32 = 8 << 20;

/// How many bytes of content are sent at once.
pub const PIECE: usize = 64 << 10;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToBroker {
    /// A command.
    Call {
        /// The words after `juju`.
        argv: Vec<String>,
        /// Where the script is.
        cwd: String,
        /// Variables that commands of Juju act on.
        env: Vec<(String, String)>,
    },
    /// Something that was asked for; the bytes of a file follow.
    Entry(Entry),
    /// All of what was asked for was said.
    Fetched(Fetched),
    /// Standard input has ended.
    StdinEnd,
}

/// A file, a directory or a symlink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it is: relative to what was asked for (empty for that itself), or, from the broker, the path that the script wrote.
    pub path: String,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A file with its mode.
    File(u32),
    /// A directory with its mode.
    Directory(u32),
    /// A symlink with its target.
    Symlink(String),
}

/// What became of a path that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fetched {
    /// It is a file.
    File,
    /// It is a directory.
    Directory,
    /// There is nothing.
    Missing,
    /// It cannot be read, for this reason.
    Failed(String),
}

/// What a broker says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToClient {
    /// Send what is at a path, or say only what it is.
    Fetch {
        /// The path as the script wrote it.
        path: String,
        /// Whether the content is wanted.
        content: bool,
    },
    /// The command reads standard input.
    Stdin,
    /// Write this; the bytes of a file follow.
    Entry(Entry),
    /// It is no command of Juju: run `juju-NAME`, if there is one.
    Plugin {
        /// The name.
        name: String,
        /// The words after it.
        args: Vec<String>,
    },
    /// The command has ended.
    Exit(i32),
}

/// A message as it is read.
#[derive(Debug, PartialEq, Eq)]
pub enum Message<T> {
    /// JSON.
    Said(T),
    /// Content of a file, or standard input.
    Data(Vec<u8>),
    /// Standard output.
    Stdout(Vec<u8>),
    /// Standard error.
    Stderr(Vec<u8>),
}

const SAID: u8 = 0;
const DATA: u8 = 1;
const STDOUT: u8 = 2;
const STDERR: u8 = 3;

/// Writes a message.
///
/// # Errors
///
/// Fails when the other side is gone.
pub fn say(to: &mut impl Write, said: &impl Serialize) -> io::Result<()> {
    write(to, SAID, &serde_json::to_vec(said)?)
}

/// Writes content of a file, or of standard input.
///
/// # Errors
///
/// Fails when the other side is gone.
pub fn send_data(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    write(to, DATA, bytes)
}

/// Writes output of a command.
///
/// # Errors
///
/// Fails when the other side is gone.
pub fn send_output(to: &mut impl Write, is_error: bool, bytes: &[u8]) -> io::Result<()> {
    write(to, if is_error { STDERR } else { STDOUT }, bytes)
}

fn write(to: &mut impl Write, kind: u8, content: &[u8]) -> io::Result<()> {
    let length = u32::try_from(content.len())
        .ok()
        .filter(|length| *length <= MAX);
    let length = length
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a message is too long"))?;
    let mut message = Vec::with_capacity(content.len() + 5);
    message.push(kind);
    message.extend(length.to_be_bytes());
    message.extend(content);
    to.write_all(&message)?;
    to.flush()
}

/// Reads the next message; `None` at the end.
///
/// # Errors
///
/// Fails when the connection breaks inside a message, or what comes is none.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<Message<T>>> {
    let mut kind = [0];
    loop {
        match from.read(&mut kind) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a message is too long",
        ));
    }
    let mut content = vec![0; length as usize];
    from.read_exact(&mut content)?;
    Ok(Some(match kind[0] {
        SAID => Message::Said(serde_json::from_slice(&content)?),
        DATA => Message::Data(content),
        STDOUT => Message::Stdout(content),
        STDERR => Message::Stderr(content),
        _ => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a message of no known kind",
            ));
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read() {
        let mut wire = Vec::new();
        say(&mut wire, &ToClient::Exit(3)).unwrap();
        send_data(&mut wire, b"x").unwrap();
        send_output(&mut wire, true, b"").unwrap();
        let mut wire = wire.as_slice();
        assert_eq!(
            read(&mut wire).unwrap(),
            Some(Message::Said(ToClient::Exit(3)))
        );
        assert_eq!(
            read::<ToClient>(&mut wire).unwrap(),
            Some(Message::Data(b"x".to_vec()))
        );
        assert_eq!(
            read::<ToClient>(&mut wire).unwrap(),
            Some(Message::Stderr(Vec::new()))
        );
        assert_eq!(read::<ToClient>(&mut wire).unwrap(), None);
    }

    #[test]
    fn nonsense_is_an_error() {
        for bytes in [
            &b"\x00\xff\xff\xff\xff"[..],
            b"\x09\0\0\0\0",
            b"\0\0\0\0\x02{}",
            b"\0\0",
        ] {
            assert!(read::<ToClient>(&mut &*bytes).is_err(), "{bytes:?}");
        }
    }
}
