//! Whether an answer is what a step expects.

use std::collections::BTreeMap;

use serde_json::Value;

use super::file::{Step, Texts};
use crate::juju::Said;
use crate::shape;

/// Stands for any value that is there.
const ANY: &str = "<any>";

/// Stands for a key that is not there.
const NONE: &str = "<none>";

/// Returns what of an answer is not as expected.
pub(crate) fn problems(step: &Step, said: &Said, fill: impl Fn(&str) -> String) -> Vec<String> {
    let mut problems = Vec::new();
    if said.code != step.exit {
        problems.push(format!("exit {}, expected {}", said.code, step.exit));
    }
    for (name, texts, ours) in [
        ("stdout", &step.stdout, &said.stdout),
        ("stderr", &step.stderr, &said.stderr),
    ] {
        problems.extend(lacking(name, texts.as_ref(), ours, &fill));
    }
    for text in &step.stdout_lacks {
        if said.stdout.contains(&fill(text)) {
            problems.push(format!("stdout has `{text}`"));
        }
    }
    for (expected, read) in [
        (&step.json, shape::json as fn(&str) -> Option<Value>),
        (&step.yaml, shape::yaml),
    ] {
        if expected.is_empty() {
            continue;
        }
        match read(&said.stdout) {
            Some(value) => problems.extend(values(&value, expected, &fill)),
            None => problems.push("stdout is not in that format".to_owned()),
        }
    }
    if !problems.is_empty() {
        problems.push(format!("stdout: {}", said.stdout.trim_end()));
        problems.push(format!("stderr: {}", said.stderr.trim_end()));
    }
    problems
}

fn lacking(
    name: &str,
    texts: Option<&Texts>,
    ours: &str,
    fill: &impl Fn(&str) -> String,
) -> Vec<String> {
    let texts = texts.map(Texts::all).unwrap_or_default();
    if texts == [""] {
        let filled = !ours.trim().is_empty();
        return filled
            .then(|| format!("{name} is not empty"))
            .into_iter()
            .collect();
    }
    let missing = texts.into_iter().filter(|text| !ours.contains(&fill(text)));
    missing
        .map(|text| format!("{name} lacks `{text}`"))
        .collect()
}

/// Returns which values of structured output are not as expected.
pub(crate) fn values(
    value: &Value,
    expected: &BTreeMap<String, toml::Value>,
    fill: &impl Fn(&str) -> String,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, expected) in expected {
        let found = at(value, &fill(path)).filter(|value| !value.is_null());
        let expected = as_json(expected, fill);
        let holds = match (&expected, &found) {
            (Value::String(word), None) => word == NONE,
            (Value::String(word), Some(_)) if word == ANY => true,
            (Value::Number(a), Some(Value::Number(b))) => a.as_f64() == b.as_f64(),
            (expected, Some(found)) => expected == found,
            (_, None) => false,
        };
        if !holds {
            let found = found.map_or("nothing".to_owned(), |value| value.to_string());
            problems.push(format!("`{path}` is {found}, expected {expected}"));
        }
    }
    problems
}

/// Returns the value at keys that have spaces between them; a number is also the place in a list.
pub(crate) fn at(value: &Value, path: &str) -> Option<Value> {
    let mut value = value;
    for key in path.split(' ').filter(|key| !key.is_empty()) {
        value = match value {
            Value::Array(items) => items.get(key.parse::<usize>().ok()?)?,
            Value::Object(map) if key == "*" => map.values().next()?,
            Value::Object(map) => map.get(key)?,
            _ => return None,
        };
    }
    Some(value.clone())
}

fn as_json(value: &toml::Value, fill: &impl Fn(&str) -> String) -> Value {
    match value {
        toml::Value::String(text) => Value::String(fill(text)),
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(text: &str) -> Step {
        toml::from_str(text).unwrap()
    }

    fn said(code: i32, stdout: &str, stderr: &str) -> Said {
        Said {
            code,
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        }
    }

    #[test]
    fn each_expectation_can_fail() {
        for (text, said, holds) in [
            ("", said(0, "x", "y"), true),
            ("", said(1, "", ""), false),
            ("exit = 2", said(2, "", ""), true),
            ("stdout = ''", said(0, " ", ""), true),
            ("stdout = ''", said(0, "x", ""), false),
            ("stdout = ['a', 'b']", said(0, "a b", ""), true),
            ("stdout = ['a', 'b']", said(0, "a", ""), false),
            ("stderr = 'not found'", said(0, "", "it is not found"), true),
            ("stderr = 'not found'", said(0, "not found", ""), false),
            ("stdout_lacks = ['a']", said(0, "a", ""), false),
            (
                "json = {'a b' = 1}",
                said(0, r#"{"a":{"b":1.0}}"#, ""),
                true,
            ),
            (
                "json = {'a b' = 1}",
                said(0, r#"{"a":{"b":"1"}}"#, ""),
                false,
            ),
            (
                "json = {'a 1' = 'y'}",
                said(0, r#"{"a":["x","y"]}"#, ""),
                true,
            ),
            ("json = {'a' = '<any>'}", said(0, r#"{"b":1}"#, ""), false),
            ("json = {'a' = '<none>'}", said(0, r#"{"b":1}"#, ""), true),
            ("json = {'b' = '<none>'}", said(0, r#"{"b":1}"#, ""), false),
            ("json = {'b' = 1}", said(0, "nothing", ""), false),
            (
                "yaml = {'a/0 x' = true}",
                said(0, "a/0:\n  x: true\n", ""),
                true,
            ),
            (
                "yaml = {'a/0 x' = true}",
                said(0, "a/0:\n  x: false\n", ""),
                false,
            ),
        ] {
            let found = problems(&step(text), &said, str::to_owned);
            assert_eq!(found.is_empty(), holds, "{text}: {found:?}");
        }
    }
}
