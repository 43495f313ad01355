//! Texts that somebody else wrote, as they may reach a terminal: letters and colours, and nothing that it obeys.

use std::io::{self, IsTerminal as _, Read, Write};

/// The longest sequence that a colour takes.
const LONGEST: usize = 24;

/// How much is read at once.
const CHUNK: usize = 16 << 10;

/// Lets through what is harmless of a stream of bytes: text in UTF-8, new lines, tabs, and colours, which end with their line.
///
/// What a terminal obeys is left out: moving the cursor, titles, the clipboard, questions that it answers as if somebody typed; and
/// letters that show others in another order. A return to the beginning of a line is a new line, so nothing is written over.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    /// A letter or a sequence that is not whole yet.
    open: Vec<u8>,
    /// Whether a colour is on.
    coloured: bool,
    /// Whether the last byte was a return.
    returned: bool,
}

impl Plain {
    /// Takes bytes, and adds what is harmless of them to `out`.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut String) {
        self.open.extend_from_slice(bytes);
        let open = std::mem::take(&mut self.open);
        let mut rest = &open[..];
        while !rest.is_empty() {
            if rest[0] == 0x1b {
                match sequence(rest) {
                    Sequence::Open => break,
                    Sequence::Colour(length) => {
                        self.end_return(out);
                        out.push_str(std::str::from_utf8(&rest[..length]).unwrap_or_default());
                        self.coloured = !matches!(&rest[2..length - 1], b"" | b"0");
                        rest = &rest[length..];
                    }
                    Sequence::Other => rest = &rest[1..],
                }
                continue;
            }
            let end = rest.iter().position(|byte| *byte == 0x1b);
            let text = &rest[..end.unwrap_or(rest.len())];
            let (valid, error) = match std::str::from_utf8(text) {
                Ok(valid) => (valid, None),
                Err(error) => {
                    let (valid, _) = text.split_at(error.valid_up_to());
                    (std::str::from_utf8(valid).unwrap_or_default(), Some(error))
                }
            };
            self.letters(valid, out);
            rest = &rest[valid.len()..];
            match error.map(|error| error.error_len()) {
                None => {}
                Some(Some(length)) => {
                    self.letters("\u{fffd}", out);
                    rest = &rest[length..];
                }
                // The rest of the letter may follow; after a sequence it cannot.
                Some(None) if end.is_none() => break,
                Some(None) => {
                    self.letters("\u{fffd}", out);
                    rest = &rest[text.len() - valid.len()..];
                }
            }
        }
        self.open = rest.to_vec();
    }

    /// Ends the stream.
    pub(crate) fn end(&mut self, out: &mut String) {
        self.end_return(out);
        if std::mem::take(&mut self.coloured) {
            out.push_str(RESET);
        }
        self.open.clear();
    }

    fn end_return(&mut self, out: &mut String) {
        if std::mem::take(&mut self.returned) {
            self.end_line(out);
        }
    }

    fn end_line(&mut self, out: &mut String) {
        if std::mem::take(&mut self.coloured) {
            out.push_str(RESET);
        }
        out.push('\n');
    }

    fn letters(&mut self, text: &str, out: &mut String) {
        for letter in text.chars() {
            match letter {
                '\r' => {
                    self.end_return(out);
                    self.returned = true;
                    continue;
                }
                '\n' => {
                    self.returned = false;
                    self.end_line(out);
                    continue;
                }
                _ => self.end_return(out),
            }
            if letter == '\t' || !is_obeyed(letter) {
                out.push(letter);
            }
        }
    }
}

/// Ends all colours.
const RESET: &str = "\x1b[0m";

/// Says whether a letter does something else than to be shown.
pub(crate) fn is_obeyed(letter: char) -> bool {
    // The last two groups change the order of letters.
    letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

enum Sequence {
    /// What follows decides.
    Open,
    /// A colour of so many bytes.
    Colour(usize),
    Other,
}

/// Says what begins with an escape.
fn sequence(bytes: &[u8]) -> Sequence {
    match bytes.get(1) {
        None => return Sequence::Open,
        Some(b'[') => {}
        Some(_) => return Sequence::Other,
    }
    let parameter = |byte: &u8| byte.is_ascii_digit() || *byte == b';';
    let length = bytes[2..].iter().take_while(|byte| parameter(byte)).count();
    match bytes.get(2 + length) {
        _ if length > LONGEST => Sequence::Other,
        None => Sequence::Open,
        Some(b'm') if are_harmless(&bytes[2..2 + length]) => Sequence::Colour(length + 3),
        Some(_) => Sequence::Other,
    }
}

/// Says whether all of a list are colours of letters, or ways to write them that leave them to be read.
fn are_harmless(list: &[u8]) -> bool {
    let text = std::str::from_utf8(list).unwrap_or_default();
    text.split(';').all(|number| {
        number.is_empty()
            || number
                .parse::<u8>()
                .is_ok_and(|number| matches!(number, 0..=4 | 22..=24 | 31..=37 | 39 | 90..=97))
    })
}

/// Returns what is harmless of a text.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut plain = Plain::default();
    plain.push(text.as_bytes(), &mut out);
    plain.end(&mut out);
    out
}

/// Hands on what is harmless of what is said, until it ends or `most` bytes were said; what comes then is not heard.
pub(crate) fn hand_on(mut said: impl Read, mut to: impl Write, most: u64) {
    let mut plain = Plain::default();
    let mut bytes = vec![0; CHUNK];
    let mut heard: u64 = 0;
    let mut text = String::new();
    loop {
        let read = match said.read(&mut bytes) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => 0,
        };
        let is_heard = heard <= most;
        heard = heard.saturating_add(read as u64);
        text.clear();
        match read {
            0 if is_heard => plain.end(&mut text),
            _ if heard <= most => plain.push(&bytes[..read], &mut text),
            _ if is_heard => {
                plain.end(&mut text);
                text.push_str("\n... more was said, and is not shown\n");
            }
            _ => {}
        }
        // Whoever does not listen any more must not hold up who speaks.
        let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
        if read == 0 {
            return;
        }
    }
}

/// Says whether standard error is a terminal that shows colours.
pub(crate) fn shows_colours() -> bool {
    let has = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal()
        && !has("NO_COLOR")
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_left_out() {
        for (text, expected) in [
            ("a\tb\nc", "a\tb\nc"),
            ("äö€😀", "äö€😀"),
            ("\x1b[2Jx", "[2Jx"),
            ("\x1b]0;title\x07x", "]0;titlex"),
            ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
            ("\x1b[1;36mbold\nnext", "\x1b[1;36mbold\x1b[0m\nnext"),
            // What hides letters, and what is no colour.
            ("\x1b[8mhidden", "[8mhidden"),
            ("\x1b[30;40mhidden", "[30;40mhidden"),
            ("\x1b[38;5;1mx", "[38;5;1mx"),
            ("\x1b[6n\x1b[c\x1bc\x1b", "[6n[cc"),
            ("\u{9b}2J\u{7f}\u{202e}x\0", "2Jx"),
            ("over\rwritten\r\nnext\r", "over\nwritten\nnext\n"),
            ("\x1b\x1b[2J", "[2J"),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_stream_may_come_in_any_pieces() {
        let all = "€\x1b[32mgreen\x1b[39m\r\n\x1b[2J😀\x1b[1mend".as_bytes();
        let whole = plain(std::str::from_utf8(all).unwrap());
        for size in 1..all.len() {
            let mut out = String::new();
            let mut plain = Plain::default();
            for piece in all.chunks(size) {
                plain.push(piece, &mut out);
            }
            plain.end(&mut out);
            assert_eq!(out, whole, "in pieces of {size}");
        }
        let mut out = String::new();
        let mut plain = Plain::default();
        plain.push(b"a\xffb\xe2\x82", &mut out);
        plain.push(b"\x1b[mc\x80", &mut out);
        assert_eq!(out, "a\u{fffd}b\u{fffd}\x1b[mc\u{fffd}");
        // An endless sequence takes no memory.
        plain.push(&[b"\x1b[".as_slice(), &[b'1'; 1000]].concat(), &mut out);
        assert!(plain.open.is_empty());
    }

    #[test]
    fn no_more_is_handed_on_than_can_be_read() {
        let mut out = Vec::new();
        hand_on(&b"hello\x1b[2J"[..], &mut out, 100);
        assert_eq!(out, b"hello[2J");
        let mut out = Vec::new();
        hand_on(&[b'x'; 3 * CHUNK][..], &mut out, CHUNK as u64);
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.matches('x').count(), CHUNK);
        assert_eq!(out.matches("more was said").count(), 1);
    }
}
