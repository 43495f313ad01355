//! SARIF 2.1.0, which code hosts show beside the lines of a change.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::pretty;
use crate::finding::{Finding, Report};
use crate::rules::{Level, Rule};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Returns the report as a log of SARIF 2.1.0 with one run.
pub fn sarif(report: &Report) -> String {
    let ids: BTreeSet<&str> = report
        .findings
        .iter()
        .map(|finding| finding.rule.id)
        .collect();
    let rules: Vec<&Rule> = ids.iter().filter_map(|id| crate::rules::rule(id)).collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| result(finding, &rules))
        .collect();
    pretty(&json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "charmtest-lint",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|rule| about(rule)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "note",
    }
}

fn about(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": format!("{}. {}", rule.title, rule.advice) },
        "help": { "text": format!("{} From: {}.", rule.advice, rule.source) },
        "defaultConfiguration": { "level": level(rule.level) },
        "properties": { "tags": [rule.group()] },
    })
}

fn result(finding: &Finding, rules: &[&Rule]) -> Value {
    let mut place = json!({ "artifactLocation": { "uri": uri(&finding.file) } });
    if let Some(at) = finding.position {
        place["region"] = json!({ "startLine": at.line.max(1), "startColumn": at.column.max(1) });
    }
    json!({
        "ruleId": finding.rule.id,
        "ruleIndex": rules.iter().position(|rule| rule.id == finding.rule.id),
        "level": level(finding.level),
        "message": { "text": finding.message },
        "locations": [{ "physicalLocation": place }],
    })
}

/// Returns a path as a reference of RFC 3986: relative as it is, absolute as a `file:` URI.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/+@,=".contains(&byte);
    let mut text = String::new();
    for byte in path.bytes() {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    if path.starts_with('/') {
        format!("file://{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_references() {
        for (path, expected) in [
            ("a/metadata.yaml", "a/metadata.yaml"),
            ("/a b/ü", "file:///a%20b/%C3%BC"),
            ("a:b", "a%3Ab"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }
}
