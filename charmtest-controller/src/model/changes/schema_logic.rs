//! JSON schemas (draft 4): words that combine schemas, and those that need a regular expression.

use regex::Regex;
use serde_json::{Map, Value};

use super::schema::check;

/// Collects what is wrong with `value` by `allOf`, `anyOf`, `oneOf` and `not`.
pub(super) fn check_combined(schema: &Value, value: &Value, place: &str, errors: &mut Vec<String>) {
    let fits = |schema: &Value| {
        let mut errors = Vec::new();
        check(schema, value, place, &mut errors);
        errors.is_empty()
    };
    let mut wrong = |what: &str| errors.push(format!("{place} : {what}, given {value}"));
    let list = |word: &str| schema[word].as_array();
    if list("anyOf").is_some_and(|any| !any.iter().any(fits)) {
        wrong("must validate at least one schema (anyOf)");
    }
    if list("oneOf").is_some_and(|one| one.iter().filter(|one| fits(one)).count() != 1) {
        wrong("must validate one and only one schema (oneOf)");
    }
    if list("allOf").is_some_and(|all| !all.iter().all(fits)) {
        wrong("must validate all the schemas (allOf)");
    }
    if schema["not"].is_object() && fits(&schema["not"]) {
        wrong("must not validate the schema (not)");
    }
    // What each part of `allOf` misses says more than that one does.
    for part in list("allOf").into_iter().flatten() {
        check(part, value, place, errors);
    }
}

/// Collects what is wrong with a text by `pattern`.
pub(super) fn check_pattern(schema: &Value, text: &str, place: &str, errors: &mut Vec<String>) {
    let Some(pattern) = schema["pattern"].as_str() else {
        return;
    };
    if !matches(pattern, text) {
        errors.push(format!(
            "{place} : does not match pattern '{pattern}', given {}",
            Value::from(text)
        ));
    }
}

/// Says whether a text contains what a pattern describes; a pattern that is none matches nothing.
fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).is_ok_and(|regex| regex.is_match(text))
}

/// Finds a pattern in a schema that is no regular expression: Juju could not compile such a schema.
pub(super) fn broken_pattern(schema: &Value) -> Option<String> {
    let broken = |pattern: &str| Regex::new(pattern).is_err().then(|| pattern.to_owned());
    match schema {
        Value::Object(words) => {
            words
                .iter()
                .find_map(|(word, value)| match (word.as_str(), value) {
                    ("pattern", Value::String(pattern)) => broken(pattern),
                    ("patternProperties", Value::Object(map)) => map
                        .keys()
                        .find_map(|pattern| broken(pattern))
                        .or_else(|| broken_pattern(value)),
                    ("enum" | "default", _) => None,
                    _ => broken_pattern(value),
                })
        }
        Value::Array(items) => items.iter().find_map(broken_pattern),
        _ => None,
    }
}

/// Returns the schemas of `patternProperties` that hold for the property `name`.
pub(super) fn by_pattern<'a>(schema: &'a Value, name: &'a str) -> Vec<&'a Value> {
    let patterns = schema["patternProperties"].as_object();
    let fitting = patterns
        .into_iter()
        .flatten()
        .filter(|(pattern, _)| matches(pattern, name));
    fitting.map(|(_, schema)| schema).collect()
}

/// Collects what is wrong with an object by `minProperties`, `maxProperties` and `dependencies`.
pub(super) fn check_properties(
    schema: &Value,
    map: &Map<String, Value>,
    place: &str,
    errors: &mut Vec<String>,
) {
    let count = u64::try_from(map.len()).unwrap_or(u64::MAX);
    if let Some(least) = schema["minProperties"]
        .as_u64()
        .filter(|least| count < *least)
    {
        errors.push(format!("{place} : must have at least {least} properties"));
    }
    if let Some(most) = schema["maxProperties"]
        .as_u64()
        .filter(|most| count > *most)
    {
        errors.push(format!("{place} : must have at most {most} properties"));
    }
    for (name, needs) in schema["dependencies"].as_object().into_iter().flatten() {
        if !map.contains_key(name) {
            continue;
        }
        match needs {
            Value::Array(names) => {
                let missing = names
                    .iter()
                    .filter_map(Value::as_str)
                    .filter(|other| !map.contains_key(*other));
                errors.extend(
                    missing.map(|other| format!("{place}.{name} : has a dependency on {other}")),
                );
            }
            needs => check(needs, &Value::Object(map.clone()), place, errors),
        }
    }
}

/// Collects what is wrong with the items of a list by a list of schemas, one for each place, and `additionalItems`.
pub(super) fn check_tuple(schema: &Value, items: &[Value], place: &str, errors: &mut Vec<String>) {
    let Some(schemas) = schema["items"].as_array() else {
        return;
    };
    for (index, item) in items.iter().enumerate() {
        let place = format!("{place}.{index}");
        match (schemas.get(index), &schema["additionalItems"]) {
            (Some(schema), _) => check(schema, item, &place, errors),
            (None, Value::Bool(false)) => {
                errors.push(format!("{place} : no additional item allowed on array"));
            }
            (None, nested @ Value::Object(_)) => check(nested, item, &place, errors),
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors(schema: &Value, value: &Value) -> Vec<String> {
        let mut errors = Vec::new();
        check(schema, value, "(root)", &mut errors);
        errors
    }

    #[test]
    fn what_fits_and_what_does_not() {
        for (schema, good, bad, expected) in [
            (
                json!({"pattern": "^a+$"}),
                json!("aa"),
                json!("b"),
                "(root) : does not match pattern '^a+$', given \"b\"",
            ),
            (
                json!({"anyOf": [{"type": "string"}, {"minimum": 3}]}),
                json!(3),
                json!(2),
                "(root) : must validate at least one schema (anyOf), given 2",
            ),
            (
                json!({"oneOf": [{"multipleOf": 2}, {"multipleOf": 3}]}),
                json!(4),
                json!(6),
                "(root) : must validate one and only one schema (oneOf), given 6",
            ),
            (
                json!({"allOf": [{"minimum": 1}, {"maximum": 3}]}),
                json!(2),
                json!(5),
                "(root) : must validate all the schemas (allOf), given 5; (root) : must be less than 3, given \"5\"",
            ),
            (
                json!({"not": {"type": "null"}}),
                json!(1),
                json!(null),
                "(root) : must not validate the schema (not), given null",
            ),
            (
                json!({"minProperties": 1, "maxProperties": 1}),
                json!({"a": 1}),
                json!({}),
                "(root) : must have at least 1 properties",
            ),
            (
                json!({"patternProperties": {"^x-": {"type": "integer"}}, "additionalProperties": false}),
                json!({"x-a": 1}),
                json!({"x-a": "1"}),
                "(root).x-a : must be of type integer, given \"1\"",
            ),
            (
                json!({"dependencies": {"a": ["b"]}}),
                json!({"a": 1, "b": 2}),
                json!({"a": 1}),
                "(root).a : has a dependency on b",
            ),
            (
                json!({"items": [{"type": "string"}], "additionalItems": false}),
                json!(["a"]),
                json!(["a", "b"]),
                "(root).1 : no additional item allowed on array",
            ),
        ] {
            assert_eq!(errors(&schema, &good), [""; 0], "{schema} {good}");
            assert_eq!(errors(&schema, &bad).join("; "), expected, "{schema}");
        }
    }

    #[test]
    fn patterns_that_are_none_are_found() {
        for (schema, expected) in [
            (json!({"pattern": "["}), Some("[")),
            (
                json!({"properties": {"a": {"items": {"pattern": "("}}}}),
                Some("("),
            ),
            (json!({"patternProperties": {"*": {}}}), Some("*")),
            (json!({"pattern": "^a$", "default": {"pattern": "["}}), None),
        ] {
            assert_eq!(broken_pattern(&schema).as_deref(), expected, "{schema}");
        }
    }
}
