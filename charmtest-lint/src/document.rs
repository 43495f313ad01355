//! The YAML files of a charm, parsed with their places.

use charmtest_charm::yaml::{Node, parse_node};
use charmtest_charm::{FileError, Metadata};
use serde_json::{Map, Value, json};

use crate::files::{Content, Files};
use crate::finding::Findings;
use crate::rules::Rule;

/// A YAML file, or a part of one.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// The file.
    pub(crate) file: String,
    /// What is in it.
    pub(crate) node: Node,
}

impl Document {
    /// Reads a file; one that cannot be read is a finding of `rule`, and like one that is not there.
    pub(crate) fn read(
        files: &Files,
        name: &str,
        rule: &'static Rule,
        findings: &mut Findings,
    ) -> Option<Self> {
        let text = match files.read(name) {
            Content::Absent => return None,
            Content::Text(text) => text,
            Content::Binary => {
                findings.add(rule, name, None, "is not UTF-8 text");
                return None;
            }
            Content::Unreadable(why) => {
                findings.add(rule, name, None, why);
                return None;
            }
        };
        match parse_node(name, &text) {
            Ok(node) => Some(Self {
                file: name.to_owned(),
                node,
            }),
            Err(FileError {
                position, message, ..
            }) => {
                findings.add(rule, name, position, message);
                None
            }
        }
    }
}

/// Says why Juju would refuse a charm with this value under a key of its metadata; `context` is there too.
pub(crate) fn refused(key: &str, value: Value, context: &Map<String, Value>) -> Option<String> {
    let mut metadata = json!({"name": "x", "summary": "s", "description": "d"});
    if let Value::Object(map) = &mut metadata {
        map.extend(context.clone());
        map.insert(key.to_owned(), value);
    }
    // JSON is YAML, so what is written in one place of a file can be tried alone.
    let error = Metadata::parse("", &metadata.to_string()).err()?;
    Some(error.message)
}

/// Returns a map of one entry.
pub(crate) fn one(key: &str, value: Value) -> Value {
    Value::Object(std::iter::once((key.to_owned(), value)).collect())
}

/// Returns the word of `known` that was probably meant.
pub(crate) fn meant<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = if word.chars().count() < 5 { 1 } else { 2 };
    known
        .into_iter()
        .map(|known| (strsim::osa_distance(word, known), known))
        .filter(|(distance, _)| (1..=limit).contains(distance))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Returns a message about a key that is not known, with the one that was probably meant.
pub(crate) fn unknown_key(of: &str, key: &str, known: &[&str]) -> String {
    match meant(key, known.iter().copied()) {
        Some(meant) => format!("{of} has no key `{key}`; did you mean `{meant}`?"),
        None => format!("{of} has no key `{key}`"),
    }
}
