//! What clients and the daemon say to each other over the socket.
//!
//! A client sends one request; the daemon answers with frames (a kind byte, a length, bytes) and ends with [`Frame::Exit`]. Standard
//! input goes the other way, in [`Frame::Data`] frames, only after the daemon asked for it: a command must not swallow input that it
//! does not read.

use std::collections::BTreeMap;
use std::io::{self, Read};

/// The longest request and the longest frame that are accepted, in bytes: above what a command line may hold.
pub(crate) const LIMIT: usize = 8 << 20;

/// What a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A `juju` command.
    Juju,
    /// A hook tool.
    Tool,
    /// The daemon's process id.
    Ping,
    /// The daemon should end.
    Stop,
}

/// The one request of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// What is wanted.
    pub(crate) kind: Kind,
    /// Which build of the program asks; an idle daemon of another build makes room for it.
    pub(crate) build: String,
    /// The client's working directory.
    pub(crate) cwd: String,
    /// The arguments, without the program name for `juju`, with the tool's name first for hook tools.
    pub(crate) argv: Vec<String>,
    /// The variables that the daemon may want to know.
    pub(crate) env: BTreeMap<String, String>,
}

/// One message after the request. The first one is [`Frame::Accepted`] or [`Frame::Restart`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// The command begins now. A client that loses the daemon before this may ask the next one without doing anything twice.
    Accepted,
    /// For standard output.
    Stdout(Vec<u8>),
    /// For standard error.
    Stderr(Vec<u8>),
    /// The command reads standard input: send it.
    WantStdin,
    /// A piece of standard input; an empty one is its end.
    Data(Vec<u8>),
    /// The command ended with this code.
    Exit(u8),
    /// The daemon is of another build and ends now: start a new one and ask again.
    Restart,
}

impl Request {
    /// Encodes the request with its length in front.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = vec![match self.kind {
            Kind::Juju => b'j',
            Kind::Tool => b't',
            Kind::Ping => b'p',
            Kind::Stop => b's',
        }];
        put(&mut body, &self.build);
        put(&mut body, &self.cwd);
        put_count(&mut body, self.argv.len());
        for argument in &self.argv {
            put(&mut body, argument);
        }
        put_count(&mut body, self.env.len());
        for (name, value) in &self.env {
            put(&mut body, name);
            put(&mut body, value);
        }
        let mut whole = Vec::with_capacity(body.len() + 4);
        put_count(&mut whole, body.len());
        whole.extend(body);
        whole
    }

    /// Decodes a request without its length; `None` when the bytes make no sense.
    pub(crate) fn decode(body: &[u8]) -> Option<Self> {
        let mut rest = body;
        let kind = match take(&mut rest, 1)?[0] {
            b'j' => Kind::Juju,
            b't' => Kind::Tool,
            b'p' => Kind::Ping,
            b's' => Kind::Stop,
            _ => return None,
        };
        let build = take_text(&mut rest)?;
        let cwd = take_text(&mut rest)?;
        let argv = (0..take_count(&mut rest)?)
            .map(|_| take_text(&mut rest))
            .collect::<Option<_>>()?;
        let env = (0..take_count(&mut rest)?)
            .map(|_| Some((take_text(&mut rest)?, take_text(&mut rest)?)))
            .collect::<Option<_>>()?;
        rest.is_empty().then_some(Self {
            kind,
            build,
            cwd,
            argv,
            env,
        })
    }
}

impl Frame {
    /// Encodes the frame.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let code;
        let (kind, body): (u8, &[u8]) = match self {
            Self::Stdout(bytes) => (b'o', bytes),
            Self::Stderr(bytes) => (b'e', bytes),
            Self::Accepted => (b'a', &[]),
            Self::WantStdin => (b'w', &[]),
            Self::Data(bytes) => (b'd', bytes),
            Self::Exit(exit) => {
                code = [*exit];
                (b'x', &code)
            }
            Self::Restart => (b'r', &[]),
        };
        let mut whole = Vec::with_capacity(body.len() + 5);
        whole.push(kind);
        put_count(&mut whole, body.len());
        whole.extend_from_slice(body);
        whole
    }

    /// Decodes a frame of `kind`; `None` when it makes no sense.
    pub(crate) fn decode(kind: u8, body: Vec<u8>) -> Option<Self> {
        Some(match kind {
            b'o' => Self::Stdout(body),
            b'e' => Self::Stderr(body),
            b'a' => Self::Accepted,
            b'w' => Self::WantStdin,
            b'd' => Self::Data(body),
            b'x' => Self::Exit(*body.first()?),
            b'r' => Self::Restart,
            _ => return None,
        })
    }

    /// Reads a frame.
    ///
    /// # Errors
    ///
    /// Fails when the stream ends or holds something else.
    pub(crate) fn read(stream: &mut impl Read) -> io::Result<Self> {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length > LIMIT {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the daemon sent a frame that is too long",
            ));
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        Self::decode(head[0], body).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the daemon sent an unknown frame",
            )
        })
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    out.extend(count.to_be_bytes());
}

fn put(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend(text.as_bytes());
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

fn take_count(rest: &mut &[u8]) -> Option<usize> {
    let bytes = take(rest, 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?) as usize)
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let length = take_count(rest)?;
    Some(String::from_utf8_lossy(take(rest, length)?).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn requests_survive_the_way(build in ".*", cwd in ".*", argv in prop::collection::vec(".*", 0..4), env in prop::collection::btree_map(".*", ".*", 0..4)) {
            let request = Request { kind: Kind::Tool, build, cwd, argv, env };
            let bytes = request.encode();
            prop_assert_eq!(Request::decode(&bytes[4..]), Some(request));
        }

        #[test]
        fn garbage_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::decode(&bytes);
            let _ = Frame::read(&mut &bytes[..]);
        }
    }

    #[test]
    fn frames_survive_the_way() {
        for frame in [
            Frame::Accepted,
            Frame::Stdout(b"x".to_vec()),
            Frame::Stderr(Vec::new()),
            Frame::WantStdin,
            Frame::Data(vec![0; 9]),
            Frame::Exit(7),
            Frame::Restart,
        ] {
            assert_eq!(Frame::read(&mut &frame.encode()[..]).unwrap(), frame);
        }
    }
}
