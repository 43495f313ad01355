//! Why a file that is there cannot be run: the kernel then says that there is none, of the interpreter that its first line names.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What may run it or not is in the first bytes, as the kernel sees it.
const LINE: u64 = 256;

/// Says what is wrong with the first line of a program that could not be run, if that is it.
pub(crate) fn trouble(program: &Path) -> Option<String> {
    let mut first = Vec::new();
    File::open(program)
        .ok()?
        .take(LINE)
        .read_to_end(&mut first)
        .ok()?;
    wrong(&first, &|path| path.exists())
}

fn wrong(text: &[u8], exists: &dyn Fn(&Path) -> bool) -> Option<String> {
    let line = text
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    let line = String::from_utf8_lossy(line);
    if line.ends_with('\r') {
        return Some(format!(
            "its lines end in CR LF, as on Windows, so that \"#!{}\" names no program: write them with LF alone",
            line.trim_end().trim_start()
        ));
    }
    let name = line.split([' ', '\t']).find(|word| !word.is_empty())?;
    let missing = name.starts_with('/') && !exists(Path::new(name));
    missing.then(|| format!("its interpreter, {name}, is not there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_why() {
        let exists = |path: &Path| path == Path::new("/bin/sh");
        for (text, expected) in [
            ("#!/bin/sh\necho\r\n", None),
            ("#! /bin/sh -e\n", None),
            ("echo\n", None),
            ("#!\n", None),
            ("", None),
            ("#!/bin/sh\r\necho\r\n", Some("CR LF")),
            (
                "#!/usr/bin/env python3\r\n",
                Some("\"#!/usr/bin/env python3\""),
            ),
            (
                "#! /bin/nosuch -e\n",
                Some("its interpreter, /bin/nosuch, is"),
            ),
            ("#!nosuch\n", None),
        ] {
            let said = wrong(text.as_bytes(), &exists);
            assert_eq!(said.is_some(), expected.is_some(), "{text:?}: {said:?}");
            let said = said.unwrap_or_default();
            assert!(
                said.contains(expected.unwrap_or_default()),
                "{text:?}: {said}"
            );
        }
    }
}
