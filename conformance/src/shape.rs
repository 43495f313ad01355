//! The shape of structured output: which keys there are, of which types, and the values that programs compare literally.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Keys whose values are words of Juju that programs compare, not facts of one run.
const LITERAL: &[&str] = &[
    "access",
    "charm-name",
    "charm-origin",
    "current",
    "endpoint",
    "exposed",
    "in-scope",
    "interface",
    "kind",
    "leader",
    "life",
    "model-type",
    "origin",
    "persistent",
    "principal",
    "related-endpoint",
    "remote",
    "return-code",
    "role",
    "scope",
    "source",
    "status",
    "type",
];

/// How one place of two outputs differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// Juju prints it and we do not.
    Missing(String),
    /// We print it and Juju does not.
    Extra(String),
    /// Both print it, differently.
    Other(String, String, String),
}

impl Difference {
    /// Returns the place: keys joined by dots, `*` for names of one run and `[]` for the elements of a list.
    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Missing(path) | Self::Extra(path) | Self::Other(path, _, _) => path,
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "lacks `{path}`"),
            Self::Extra(path) => write!(f, "adds `{path}`"),
            Self::Other(path, theirs, ours) => write!(f, "`{path}` is {ours}, not {theirs}"),
        }
    }
}

/// Reads JSON; `None` when the text is something else.
pub(crate) fn json(text: &str) -> Option<Value> {
    serde_json::from_str(text.trim()).ok()
}

/// Reads YAML; `None` when the text is something else.
pub(crate) fn yaml(text: &str) -> Option<Value> {
    serde_saphyr::from_str(text).ok()
}

/// Compares the shapes of what Juju printed and what we printed.
pub(crate) fn compare(theirs: &Value, ours: &Value) -> Vec<Difference> {
    let (theirs, ours) = (flatten(theirs), flatten(ours));
    let paths: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    let mut found: Vec<Difference> = Vec::new();
    for path in paths {
        let difference = match (theirs.get(path), ours.get(path)) {
            (Some(_), None) => Difference::Missing(path.clone()),
            (None, Some(_)) => Difference::Extra(path.clone()),
            (Some(a), Some(b)) if a != b => Difference::Other(path.clone(), list(a), list(b)),
            _ => continue,
        };
        // What is below a place that only one side has needs no line of its own.
        let below = found
            .iter()
            .any(|known| !matches!(known, Difference::Other(..)) && is_below(path, known.path()));
        if !below {
            found.push(difference);
        }
    }
    found
}

fn is_below(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent)
        .is_some_and(|rest| rest.starts_with('.') || rest.starts_with('['))
}

fn list(set: &BTreeSet<String>) -> String {
    let words: Vec<&str> = set.iter().map(String::as_str).collect();
    words.join("|")
}

fn flatten(value: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut places = BTreeMap::new();
    walk(value, "", "", &mut places);
    places
}

fn walk(value: &Value, path: &str, key: &str, places: &mut BTreeMap<String, BTreeSet<String>>) {
    let kind = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) if LITERAL.contains(&key) => {
            value.to_string()
        }
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "list".to_owned(),
        Value::Object(_) => "map".to_owned(),
    };
    places.entry(path.to_owned()).or_default().insert(kind);
    match value {
        Value::Array(items) => {
            for item in items {
                walk(item, &format!("{path}[]"), key, places);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                let name = if is_of_one_run(key) { "*" } else { key };
                let below = if path.is_empty() {
                    name.to_owned()
                } else {
                    format!("{path}.{name}")
                };
                walk(item, &below, key, places);
            }
        }
        _ => {}
    }
}

/// Returns whether a key is a number or an id that another run would not give again.
fn is_of_one_run(key: &str) -> bool {
    let id = key.rsplit(['/', ':']).next().unwrap_or(key);
    let number = !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit());
    number || is_secret_id(id) || is_uuid(key)
}

/// Returns whether a word is the id of a secret: 20 characters of base 32.
pub(crate) fn is_secret_id(word: &str) -> bool {
    word.len() == 20
        && word
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'v').contains(&b))
        && word.bytes().any(|b| b.is_ascii_digit())
}

/// Returns whether a word is a UUID.
pub(crate) fn is_uuid(word: &str) -> bool {
    let groups: Vec<usize> = word.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && word.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// Returns whether a pattern of keys covers a path: `*` stands for one key, `**` for any number of them.
pub(crate) fn covers(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('.').collect();
    let path: Vec<&str> = path.split('.').collect();
    matches(&pattern, &path)
}

fn matches(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**"], _) => true,
        (["**", rest @ ..], [_, tail @ ..]) => matches(rest, path) || matches(pattern, tail),
        (["*", rest @ ..], [_, tail @ ..]) => matches(rest, tail),
        ([word, rest @ ..], [key, tail @ ..]) => word == key && matches(rest, tail),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(theirs: Value, ours: Value) -> Vec<String> {
        let differences = compare(&theirs, &ours);
        differences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn equal_shapes_have_no_difference_whatever_the_values() {
        let theirs = json!({"a": {"since": "1", "n": 1}, "machines": {"0": {"x": true}}});
        let ours = json!({"a": {"n": 7, "since": "2"}, "machines": {"4": {"x": false}}});
        assert_eq!(found(theirs, ours), Vec::<String>::new());
    }

    #[test]
    fn a_key_that_is_missing_or_added_is_found_once() {
        let theirs = json!({"a": {"b": {"c": 1}}, "same": 1});
        let ours = json!({"d": [{"e": 1}], "same": 1});
        assert_eq!(found(theirs, ours), ["lacks `a`", "adds `d`"]);
    }

    #[test]
    fn a_type_and_a_literal_value_are_compared() {
        let theirs = json!({"id": "1", "units": {"a/0": {"current": "idle"}}});
        let ours = json!({"id": 1, "units": {"a/0": {"current": "lost"}}});
        assert_eq!(
            found(theirs, ours),
            [
                "`id` is number, not string",
                "`units.a/0.current` is \"lost\", not \"idle\""
            ]
        );
    }

    #[test]
    fn elements_of_lists_are_taken_together() {
        let theirs = json!([{"a": 1}, {"b": "x"}]);
        assert_eq!(
            found(theirs.clone(), json!([{"b": "y", "a": 2}])),
            Vec::<String>::new()
        );
        assert_eq!(found(theirs, json!([{"a": 1}])), ["lacks `[].b`"]);
    }

    #[test]
    fn scalars_at_the_top_are_compared() {
        assert_eq!(found(json!("a"), json!(1)), ["`` is number, not string"]);
        assert_eq!(found(json!({}), json!([])), ["`` is list, not map"]);
    }

    #[test]
    fn yaml_has_the_shape_of_its_json() {
        let text = "a:\n- b: \"1\"\n  c: true\nd: 1.5\ne: null\n";
        let value = yaml(text).unwrap();
        assert_eq!(
            value,
            json!({"a": [{"b": "1", "c": true}], "d": 1.5, "e": null})
        );
    }

    #[test]
    fn patterns_cover_paths() {
        for (pattern, path, expected) in [
            ("**.hardware", "machines.*.hardware", true),
            ("machines.*.hardware", "machines.*.hardware", true),
            ("machines.*.hardware", "machines.*.hardware.x", false),
            ("machines.**", "machines.*.hardware.x", true),
            ("model.sla", "model.slab", false),
        ] {
            assert_eq!(covers(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn ids_of_one_run_are_known() {
        for (word, expected) in [
            ("12", true),
            ("secret:urv9m7no1r2qs0o7i8v0", true),
            ("704951cf-3415-48fa-8a43-2131c9bf3ae3", true),
            ("server/0", false),
            ("", false),
            ("update-status-hook-interval", false),
        ] {
            assert_eq!(is_of_one_run(word), expected, "{word}");
        }
    }
}
