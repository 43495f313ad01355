//! CT201 to CT212: options.

use charmtest_charm::ConfigOptions;
use charmtest_charm::yaml::{Data, Key, Node};
use serde_json::json;

use super::Subject;
use crate::document::{Document, one, unknown_key};
use crate::files::Content;
use crate::finding::Findings;
use crate::rules::*;

const KEYS: [&str; 3] = ["type", "default", "description"];
const TYPES: [&str; 5] = ["string", "int", "float", "boolean", "secret"];

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let Some(Document { file, node }) = &subject.config else {
        if matches!(subject.files.read("config.yaml"), Content::Absent)
            && let Some(metadata) = &subject.metadata
        {
            findings.add(&CT212, &metadata.file, None, "the charm has no options");
        }
        return;
    };
    let Some(entries) = node.as_map() else {
        let message = match node.data {
            Data::Null => "is empty; write `options: {}` or remove the file".to_owned(),
            _ => format!(
                "the configuration must be a map with `options`, and is {}",
                node.kind()
            ),
        };
        findings.add(&CT203, file, node.position, message);
        return;
    };
    for (key, _) in entries.iter().filter(|(key, _)| key.text != "options") {
        let message = unknown_key("the configuration", &key.text, &["options"]);
        findings.add(&CT210, file, key.position, message);
    }
    let Some((at, options)) = node.entry("options") else {
        findings.add(&CT203, file, None, "`options` is missing");
        return;
    };
    let options = match &options.data {
        Data::Map(options) => options.as_slice(),
        Data::Null => &[],
        _ => {
            let message = format!(
                "`options` must be a map of options, and is {}",
                options.kind()
            );
            findings.add(&CT203, file, at.position, message);
            return;
        }
    };
    for (name, option) in options {
        self::name(file, name, findings);
        body(file, name, option, findings);
    }
}

fn name(file: &str, name: &Key, findings: &mut Findings) {
    let text = name.text.as_str();
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let ends = |c: char| c.is_ascii_alphanumeric();
    if !text.chars().all(inner) || !text.starts_with(ends) || !text.ends_with(ends) {
        findings.add(
            &CT204,
            file,
            name.position,
            format!("`{text}` cannot name an option"),
        );
    } else if text.contains(|c: char| c == '_' || c.is_ascii_uppercase()) {
        let message =
            format!("option `{text}` is not written in lower-case words joined by hyphens");
        findings.add(&CT211, file, name.position, message);
    }
}

fn body(file: &str, name: &Key, option: &Node, findings: &mut Findings) {
    let text = &name.text;
    let entries = match &option.data {
        Data::Map(entries) => entries.as_slice(),
        Data::Null => &[],
        _ => {
            let message = format!("option `{text}` must be a map, and is {}", option.kind());
            findings.add(&CT202, file, option.position.or(name.position), message);
            return;
        }
    };
    for (key, _) in entries {
        if !KEYS.contains(&key.text.as_str()) {
            let message = unknown_key(&format!("option `{text}`"), &key.text, &KEYS);
            findings.add(&CT210, file, key.position, message);
        }
    }
    let description = option.get("description");
    if description.is_none_or(|node| node.as_str().is_some_and(|text| text.trim().is_empty())) {
        findings.add(
            &CT207,
            file,
            name.position,
            format!("option `{text}` has no description"),
        );
    }
    if option.get("type").is_none() {
        findings.add(
            &CT208,
            file,
            name.position,
            format!("option `{text}` has no type; Juju takes `string`"),
        );
    }
    let kind = option.get("type").and_then(Node::as_str);
    if option.get("default").is_none() && kind != Some("secret") {
        findings.add(
            &CT209,
            file,
            name.position,
            format!("option `{text}` has no default"),
        );
    }
    if let Some(node) = option.get("type")
        && !node.as_str().is_some_and(|kind| TYPES.contains(&kind))
    {
        let written = node.as_str().unwrap_or(node.kind());
        let message = format!("option `{text}` has the unknown type `{written}`");
        findings.add(&CT206, file, node.position, message);
        return;
    }
    // JSON is YAML, so an option can be tried alone.
    let alone = json!({ "options": one(text, option.to_value()) }).to_string();
    if let Err(error) = ConfigOptions::parse("", &alone) {
        match error.message.strip_prefix("invalid config default: ") {
            Some(why) => {
                let position = option.get("default").and_then(|node| node.position);
                findings.add(
                    &CT205,
                    file,
                    position.or(name.position),
                    format!("wrong default: {why}"),
                );
            }
            None => findings.add(
                &CT202,
                file,
                name.position,
                format!("option `{text}`: {}", error.message),
            ),
        }
    }
}
