//! Reading files of results, whatever state they are in.

use std::path::{Path, PathBuf};

use super::record::{End, FORM, Header, Line, TestRecord};

/// What a file is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Read {
    /// Results; several runs if somebody put files together.
    Parts(Vec<Part>),
    /// To be results, but without a beginning that says of what; why.
    Headless(String),
    /// Nothing of ours.
    Foreign,
}

/// The results of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Part {
    /// The file.
    pub(crate) file: PathBuf,
    /// What was to run.
    pub(crate) header: Header,
    /// The attempts, in their order; what they say of evidence is a path from here.
    pub(crate) tests: Vec<TestRecord>,
    /// How the run ended; nothing if it was cut off.
    pub(crate) end: Option<End>,
    /// The lines that cannot be read, with the reason.
    pub(crate) broken: Vec<(usize, String)>,
}

/// Understands the content of `file`.
pub(crate) fn read(file: &Path, bytes: &[u8]) -> Read {
    if bytes.is_empty() {
        return Read::Headless("it is empty: its run ended before the first test began".to_owned());
    }
    let directory = file.parent().unwrap_or(Path::new(""));
    let mut parts: Vec<Part> = Vec::new();
    for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = at + 1;
        let whole = line.strip_suffix(b"\n");
        let read = match whole {
            None => Err("the line has no end: it was cut off".to_owned()),
            Some(line) => serde_json::from_slice::<Line>(line).map_err(|error| error.to_string()),
        };
        let part = match (read, parts.last_mut()) {
            (Ok(Line::Run(header)), _) => {
                let mut part = Part {
                    file: file.to_owned(),
                    header: *header,
                    ..Part::default()
                };
                let form = part.header.charmtest;
                if form != FORM {
                    let why = format!("it has the form {form}, and this program knows {FORM}");
                    part.broken.push((number, why));
                }
                parts.push(part);
                continue;
            }
            (read, None) => {
                let ours = |line: &[u8]| {
                    let text = String::from_utf8_lossy(line);
                    text.trim_start().starts_with(r#"{"record""#)
                };
                return match read {
                    Ok(_) => Read::Headless("line 1 does not say what was to run".to_owned()),
                    Err(why) if ours(line) => Read::Headless(format!("line 1 is broken: {why}")),
                    Err(_) => Read::Foreign,
                };
            }
            (read, Some(part)) => (read, part),
        };
        let (read, part) = part;
        match read {
            _ if part.end.is_some() => {
                let why = "it comes after the end of its run".to_owned();
                part.broken.push((number, why));
            }
            Ok(Line::Test(mut test)) => {
                let place = |dump: String| directory.join(dump).display().to_string();
                test.dump = test.dump.map(place);
                part.tests.push(*test);
            }
            Ok(Line::End(end)) => part.end = Some(end),
            Ok(Line::Run(_)) => {}
            Err(why) => part.broken.push((number, why)),
        }
    }
    Read::Parts(parts)
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    fn header() -> String {
        let header = Header {
            charmtest: FORM,
            ..Header::default()
        };
        Line::Run(Box::new(header)).to_text()
    }

    fn test() -> String {
        let mut test = record("a", "a::t");
        test.dump = Some("state/1".to_owned());
        Line::Test(Box::new(test)).to_text()
    }

    fn end() -> String {
        Line::End(End::default()).to_text()
    }

    fn parts(text: &str) -> Vec<Part> {
        match read(Path::new("/r/a.jsonl"), text.as_bytes()) {
            Read::Parts(parts) => parts,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whole_files_and_files_put_together_are_read() {
        let text = [header(), test(), test(), end()].concat();
        let parts = parts(&(text.clone() + &text));
        assert_eq!(parts.len(), 2);
        for part in parts {
            assert_eq!((part.tests.len(), part.broken), (2, vec![]));
            assert!(part.end.is_some());
            assert_eq!(part.tests[0].dump.as_deref(), Some("/r/state/1"));
        }
    }

    #[test]
    fn broken_lines_are_named_and_the_others_count() {
        let cut = &test()[..40];
        for (text, tests, line, why) in [
            (header() + &test() + cut, 1, 3, "cut off"),
            (header() + "{\n" + &test() + &end(), 1, 2, "EOF"),
            (header() + &end() + &test(), 0, 3, "after the end"),
            (
                header() + "{\"record\":\"other\"}\n" + &end(),
                0,
                2,
                "unknown variant",
            ),
            (
                header().replace("\"charmtest\":1", "\"charmtest\":2") + &end(),
                0,
                1,
                "form 2",
            ),
        ] {
            let parts = parts(&text);
            let [part] = &parts[..] else {
                panic!("{parts:?}")
            };
            assert_eq!(part.tests.len(), tests, "{text}");
            let [(number, said)] = &part.broken[..] else {
                panic!("{part:?}")
            };
            assert_eq!(*number, line, "{text}");
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn what_has_no_beginning_is_told_from_what_is_not_ours() {
        let said = |text: &str| read(Path::new("a"), text.as_bytes());
        for (text, why) in [
            ("", "empty"),
            (&test()[..], "does not say"),
            (&header()[..30], "line 1 is broken"),
        ] {
            match said(text) {
                Read::Headless(said) => assert!(said.contains(why), "{said}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        for text in ["text", "\n", "{\"job\":\"a\"}\n", "[1]\n"] {
            assert_eq!(said(text), Read::Foreign, "{text}");
        }
    }
}
