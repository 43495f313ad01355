//! Reading the content of secrets from command lines and files, as `juju` and the hook tools of Juju 3.6 do.
//!
//! No message of this file holds a value.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use charmtest_charm::yaml;
use serde_json::Value;

use crate::model::Content;

/// The most that the values of one secret may have together in base64, and a file of them, in bytes.
const MAX: usize = 1_000_000;

/// Reads a file that holds a value, or all of them.
pub(crate) type ReadFile = fn(&Path) -> io::Result<Vec<u8>>;

/// Takes `key=value`, `key#base64=value` and `key#file=path` arguments and a file of keys and values; the file counts more.
///
/// # Errors
///
/// Fails with Juju's words when a key or an argument is malformed, a file cannot be read, or there is too much.
pub(crate) fn read(
    arguments: &[String],
    file: Option<&Path>,
    read: ReadFile,
) -> Result<Content, String> {
    let mut values = encode(from_arguments(arguments, read)?)?;
    if let Some(file) = file {
        let bytes = read_limited(file, read)?.map_err(|error| go_error(file, &error))?;
        values.extend(encode(from_document(&bytes)?)?);
    }
    Ok(Content::new(values))
}

fn from_arguments(
    arguments: &[String],
    read: ReadFile,
) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut values = BTreeMap::new();
    for argument in arguments {
        // What stands at the end may be the padding of base64.
        let equals = argument.trim_end_matches('=').find('=').unwrap_or(0);
        if equals == 0 {
            // The argument may be a value whose key was forgotten: Juju shows it, and so do we, to the one who typed it.
            return Err(format!("key value {argument:?} not valid"));
        }
        let (key, value) = (&argument[..equals], &argument[equals + 1..]);
        let Some(key) = key.strip_suffix("#file") else {
            values.insert(key.to_owned(), value.as_bytes().to_vec());
            continue;
        };
        let path = Path::new(value);
        let bytes = read_limited(path, read)?.map_err(|error| {
            format!(
                "reading content for secret key {key:?}: {}",
                go_error(path, &error)
            )
        })?;
        values.insert(key.to_owned(), bytes);
    }
    Ok(values)
}

/// Reads a flat map of YAML or JSON; values that are no text become one.
fn from_document(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "yaml: invalid UTF-8".to_owned())?;
    // JSON first: its escapes for characters outside the basic plane are no YAML.
    let strings = serde_json::from_str::<Option<BTreeMap<String, String>>>(text)
        .or_else(|_| yaml::parse::<Option<BTreeMap<String, String>>>("", text));
    match strings {
        Ok(strings) => Ok(strings
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| (key, value.into_bytes()))
            .collect()),
        // The words of the parser could quote the content.
        Err(error) => {
            let line = error.position.map_or(1, |position| position.line);
            let what = match yaml::parse_value("", text) {
                Ok(Value::Object(_)) => "unmarshal errors: values must be text",
                Ok(_) => "unmarshal errors: expected a map of keys and values",
                Err(_) => "malformed document",
            };
            Err(format!("yaml: line {line}: {what}"))
        }
    }
}

fn encode(values: BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, String>, String> {
    let mut encoded = BTreeMap::new();
    let mut size = 0;
    for (key, value) in values {
        let (key, value) = match key.strip_suffix("#base64") {
            Some(key) => (key.to_owned(), String::from_utf8_lossy(&value).into_owned()),
            None => (key, STANDARD.encode(value)),
        };
        if !is_key(&key) {
            return Err(format!("key {key:?} not valid"));
        }
        if value.len() > MAX {
            return Err(format!(
                "base64 encoded secret content for key {key:?} too large: {} bytes",
                value.len()
            ));
        }
        size += value.len();
        encoded.insert(key, value);
    }
    if size > MAX {
        return Err(format!(
            "base64 encoded secret content too large: {size} bytes"
        ));
    }
    Ok(encoded)
}

/// Says whether a key is a letter and at least two letters or digits, small, with single hyphens between them.
fn is_key(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut letters = 0;
    let mut hyphen = false;
    for c in key.chars() {
        match c {
            '-' if letters > 0 && !hyphen => hyphen = true,
            c if plain(c) && (letters > 0 || c.is_ascii_lowercase()) => {
                letters += 1;
                hyphen = false;
            }
            _ => return false,
        }
    }
    letters >= 3 && !hyphen
}

fn read_limited(path: &Path, read: ReadFile) -> Result<io::Result<Vec<u8>>, String> {
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size > MAX as u64 {
        return Err(format!(
            "secret content in file {:?} too large: {size} bytes",
            path.display().to_string()
        ));
    }
    Ok(read(path))
}

fn go_error(path: &Path, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    };
    format!("open {}: {why}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str], file: Option<&str>) -> Result<String, String> {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let content = read(&arguments, file.map(Path::new), |path| {
            match path.to_str().unwrap() {
                "/tok.txt" => Ok(b"tok\n".to_vec()),
                "/s.yaml" => Ok(b"user: alice\npin: 1234\nkey#base64: Zm9v\n".to_vec()),
                "/s.json" => Ok(b"{\"user\": \"alice\"}".to_vec()),
                "/list.yaml" => Ok(b"- hunter2\n".to_vec()),
                "/deep.yaml" => Ok(b"user: {password: hunter2}\n".to_vec()),
                "/broken.yaml" => Ok(b"user: [hunter2\n".to_vec()),
                "/empty.yaml" => Ok(Vec::new()),
                "/big.bin" => Ok(vec![b'x'; 750_001]),
                _ => Err(io::Error::from(io::ErrorKind::NotFound)),
            }
        })?;
        let values = content.decoded().map(|pair| {
            let (key, value) = pair?;
            Ok(format!("{key}={}", String::from_utf8_lossy(&value)))
        });
        Ok(values.collect::<Result<Vec<_>, String>>()?.join(" "))
    }

    #[test]
    fn values_come_from_arguments_and_files() {
        for (arguments, file, expected) in [
            (&["user=bob", "token=s3"][..], None, "token=s3 user=bob"),
            (&["key#base64=Zm9v"], None, "key=foo"),
            (&["data#base64=AA=="], None, "data=\0"),
            (&["url=a=b=c"], None, "url=a=b=c"),
            (&["tok#file=/tok.txt"], None, "tok=tok\n"),
            (
                &["user=bob"],
                Some("/s.yaml"),
                "key=foo pin=1234 user=alice",
            ),
            (&[], Some("/s.json"), "user=alice"),
            (&[], Some("/empty.yaml"), ""),
        ] {
            assert_eq!(run(arguments, file).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_jujus_words() {
        for (arguments, file, expected) in [
            (&["a=1"][..], None, "key \"a\" not valid"),
            (&["aaa"], None, "key value \"aaa\" not valid"),
            (&["=1"], None, "key value \"=1\" not valid"),
            (&["key="], None, "key value \"key=\" not valid"),
            (&["A_B=value"], None, "key \"A_B\" not valid"),
            (&["ab-=value"], None, "key \"ab-\" not valid"),
            (
                &["key#file=/nosuch"],
                None,
                "reading content for secret key \"key\": open /nosuch: no such file or directory",
            ),
            (
                &[],
                Some("/nosuch"),
                "open /nosuch: no such file or directory",
            ),
            (
                &["key#file=/big.bin"],
                None,
                "base64 encoded secret content for key \"key\" too large: 1000004 bytes",
            ),
        ] {
            assert_eq!(run(arguments, file), Err(expected.to_owned()));
        }
        let half = "x".repeat(400_000);
        let (one, two) = (format!("one={half}"), format!("two={half}"));
        assert_eq!(
            run(&[&one, &two], None),
            Err("base64 encoded secret content too large: 1066672 bytes".to_owned())
        );
        for file in ["/list.yaml", "/deep.yaml", "/broken.yaml"] {
            let error = run(&[], Some(file)).unwrap_err();
            assert!(error.starts_with("yaml: line"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn keys() {
        for good in ["abc", "a1b", "a-bc", "a-b-c", "user", "ab3-4"] {
            assert!(is_key(good), "{good}");
        }
        for bad in [
            "", "ab", "a-b", "1ab", "-abc", "abc-", "a--bc", "aBc", "a_b", "k\u{e9}y",
        ] {
            assert!(!is_key(bad), "{bad}");
        }
    }
}
