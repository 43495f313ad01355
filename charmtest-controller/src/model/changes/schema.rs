//! JSON schemas (draft 4) of action parameters.
//!
//! Words that draft 4 does not know are comments to it, as they are to Juju. `$ref` never gets here: Juju takes no charm with it.

use serde_json::{Map, Value};

use super::schema_logic::{
    broken_pattern, by_pattern, check_combined, check_pattern, check_properties, check_tuple,
};
use crate::JujuVersion;

/// Parameters that cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// They do not fit the schema; the words are Juju's.
    #[error("validation failed: {}", .0.join("; "))]
    Invalid(Vec<String>),
    /// A pattern in the schema is no regular expression.
    #[error(
        "the schema of action {action:?} has the pattern {pattern:?}, which is no regular expression"
    )]
    Pattern {
        /// The action.
        action: String,
        /// The pattern.
        pattern: String,
    },
}

/// Checks parameters against the schema of an action and returns them with the defaults inserted (Juju 3.6).
///
/// The check comes first, so a default does not stand in for a required parameter that is missing.
///
/// # Errors
///
/// Fails when the parameters do not fit, or a pattern of the schema is none.
pub(super) fn check_params(
    action: &str,
    schema: &Value,
    params: &Map<String, Value>,
    juju: JujuVersion,
) -> Result<Map<String, Value>, SchemaError> {
    if let Some(pattern) = broken_pattern(schema) {
        return Err(SchemaError::Pattern {
            action: action.to_owned(),
            pattern,
        });
    }
    let schema = &full_schema(schema, juju);
    let mut errors = Vec::new();
    check(
        schema,
        &Value::Object(params.clone()),
        "(root)",
        &mut errors,
    );
    if !errors.is_empty() {
        return Err(SchemaError::Invalid(errors));
    }
    let mut params = params.clone();
    insert_defaults(schema, &mut params);
    Ok(params)
}

/// Returns the schema of an action with what Juju adds to it: 4.0 allows no parameters that are not declared, unless the action says
/// otherwise.
pub fn full_schema(schema: &Value, juju: JujuVersion) -> Value {
    let mut schema = schema.clone();
    if juju == JujuVersion::V4_0
        && let Some(words) = schema.as_object_mut()
    {
        words
            .entry("additionalProperties")
            .or_insert(Value::Bool(false));
    }
    schema
}

/// Collects what is wrong with `value`.
pub(super) fn check(schema: &Value, value: &Value, place: &str, errors: &mut Vec<String>) {
    let mut wrong = |what: String| errors.push(format!("{place} : {what}, given {value}"));
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|kind| is_of(value, kind)) {
        wrong(format!("must be of type {}", types.join(" or ")));
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.iter().any(|one| same(one, value))
    {
        wrong(format!(
            "must match one of the enum values {}",
            schema["enum"]
        ));
    }
    match value {
        Value::Number(_) => check_number(schema, value, place, errors),
        Value::String(text) => {
            check_length(
                schema,
                ("minLength", "maxLength"),
                text.chars().count(),
                value,
                place,
                errors,
            );
            check_pattern(schema, text, place, errors);
        }
        Value::Array(items) => check_items(schema, items, value, place, errors),
        Value::Object(map) => check_object(schema, map, place, errors),
        Value::Null | Value::Bool(_) => {}
    }
    check_combined(schema, value, place, errors);
}

fn check_number(schema: &Value, value: &Value, place: &str, errors: &mut Vec<String>) {
    let Some(number) = value.as_f64() else { return };
    let mut wrong = |what: String| errors.push(format!("{place} : {what}, given \"{value}\""));
    let exclusive = |word: &str| schema[word] == Value::Bool(true);
    if let Some(minimum) = schema["minimum"].as_f64() {
        let too_small = if exclusive("exclusiveMinimum") {
            number <= minimum
        } else {
            number < minimum
        };
        if too_small {
            wrong(format!("must be greater than {}", schema["minimum"]));
        }
    }
    if let Some(maximum) = schema["maximum"].as_f64() {
        let too_large = if exclusive("exclusiveMaximum") {
            number >= maximum
        } else {
            number > maximum
        };
        if too_large {
            wrong(format!("must be less than {}", schema["maximum"]));
        }
    }
    if let Some(step) = schema["multipleOf"].as_f64()
        && step > 0.0
        && (number / step).fract() != 0.0
    {
        wrong(format!("must be a multiple of {}", schema["multipleOf"]));
    }
}

fn check_length(
    schema: &Value,
    words: (&str, &str),
    length: usize,
    value: &Value,
    place: &str,
    errors: &mut Vec<String>,
) {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    if let Some(least) = schema[words.0].as_u64().filter(|least| length < *least) {
        errors.push(format!(
            "{place} : must have a length of at least {least}, given {value}"
        ));
    }
    if let Some(most) = schema[words.1].as_u64().filter(|most| length > *most) {
        errors.push(format!(
            "{place} : must have a length of at most {most}, given {value}"
        ));
    }
}

fn check_items(
    schema: &Value,
    items: &[Value],
    value: &Value,
    place: &str,
    errors: &mut Vec<String>,
) {
    check_length(
        schema,
        ("minItems", "maxItems"),
        items.len(),
        value,
        place,
        errors,
    );
    let repeated =
        |(index, item): (usize, &Value)| items[..index].iter().any(|other| same(other, item));
    if schema["uniqueItems"] == Value::Bool(true) && items.iter().enumerate().any(repeated) {
        errors.push(format!(
            "{place} : must not have an item twice, given {value}"
        ));
    }
    if schema["items"].is_object() {
        for (index, item) in items.iter().enumerate() {
            check(&schema["items"], item, &format!("{place}.{index}"), errors);
        }
    }
    check_tuple(schema, items, place, errors);
}

fn check_object(schema: &Value, map: &Map<String, Value>, place: &str, errors: &mut Vec<String>) {
    let given = sorted(map);
    for name in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if !map.contains_key(name) {
            errors.push(format!(
                "{place} : {name:?} property is missing and required, given {given}"
            ));
        }
    }
    check_properties(schema, map, place, errors);
    let properties = schema["properties"].as_object();
    for (name, value) in map {
        let place_of = format!("{place}.{name}");
        let patterned = by_pattern(schema, name);
        for nested in &patterned {
            check(nested, value, &place_of, errors);
        }
        match (
            properties.and_then(|properties| properties.get(name)),
            &schema["additionalProperties"],
        ) {
            (Some(property), _) => check(property, value, &place_of, errors),
            (None, Value::Bool(false)) if patterned.is_empty() => {
                errors.push(format!(
                    "{place} : additional property {name:?} is not allowed, given {given}"
                ));
            }
            (None, nested @ Value::Object(_)) if patterned.is_empty() => {
                check(nested, value, &place_of, errors);
            }
            (None, _) => {}
        }
    }
}

/// Inserts the defaults of properties that are missing, also into nested objects, which are made if they have some.
fn insert_defaults(schema: &Value, map: &mut Map<String, Value>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        match map.get_mut(name) {
            Some(Value::Object(nested)) => insert_defaults(property, nested),
            Some(_) => {}
            None => {
                if let Some(default) = property.get("default") {
                    map.insert(name.clone(), default.clone());
                    continue;
                }
                let mut nested = Map::new();
                insert_defaults(property, &mut nested);
                if !nested.is_empty() {
                    map.insert(name.clone(), Value::Object(nested));
                }
            }
        }
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => {
            value.is_i64()
                || value.is_u64()
                || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}

/// Compares as JSON does: `1` and `1.0` are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x.as_f64() == y.as_f64(),
        _ => a == b,
    }
}

/// Renders with keys in order, as Juju does.
fn sorted(map: &Map<String, Value>) -> Value {
    let mut keys: Vec<(&String, &Value)> = map.iter().collect();
    keys.sort_by_key(|(key, _)| *key);
    Value::Object(
        keys.into_iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(schema: Value, params: Value) -> Result<Value, String> {
        let params = params.as_object().unwrap();
        check_params("say", &schema, params, JujuVersion::V3_6)
            .map(Value::Object)
            .map_err(|error| error.to_string())
    }

    fn say() -> Value {
        json!({
            "title": "say", "description": "d", "type": "object", "required": ["word"], "additionalProperties": false,
            "properties": {"word": {"type": "string", "default": "hello"}, "times": {"type": "integer", "minimum": 1, "default": 1}}
        })
    }

    #[test]
    fn the_recorded_refusals() {
        for (params, expected) in [
            (
                json!({}),
                "(root) : \"word\" property is missing and required, given {}",
            ),
            (
                json!({"times": "abc"}),
                "(root) : \"word\" property is missing and required, given {\"times\":\"abc\"}; (root).times : must be of type integer, given \"abc\"",
            ),
            (
                json!({"times": 0}),
                "(root) : \"word\" property is missing and required, given {\"times\":0}; (root).times : must be greater than 1, given \"0\"",
            ),
            (
                json!({"nosuch": 1}),
                "(root) : \"word\" property is missing and required, given {\"nosuch\":1}; (root) : additional property \"nosuch\" is not allowed, given {\"nosuch\":1}",
            ),
            (
                json!({"word": 5}),
                "(root).word : must be of type string, given 5",
            ),
        ] {
            assert_eq!(
                outcome(say(), params),
                Err(format!("validation failed: {expected}"))
            );
        }
    }

    #[test]
    fn defaults_fill_what_is_missing_at_any_depth() {
        let schema = json!({"properties": {
            "a": {"default": 1},
            "nested": {"type": "object", "properties": {"b": {"default": "x"}, "c": {"type": "string"}}},
            "empty": {"type": "object", "properties": {"d": {"type": "string"}}},
        }});
        assert_eq!(
            outcome(schema.clone(), json!({})),
            Ok(json!({"a": 1, "nested": {"b": "x"}}))
        );
        assert_eq!(
            outcome(schema.clone(), json!({"a": null, "nested": {"c": "y"}})),
            Ok(json!({"a": null, "nested": {"c": "y", "b": "x"}}))
        );
        assert_eq!(
            outcome(schema, json!({"nested": {"b": "z"}, "more": 1})),
            Ok(json!({"nested": {"b": "z"}, "more": 1, "a": 1}))
        );
    }

    #[test]
    fn every_word_restricts() {
        for (schema, good, bad) in [
            (
                json!({"type": ["string", "null"]}),
                vec![json!("a"), json!(null)],
                vec![json!(1)],
            ),
            (
                json!({"type": "integer"}),
                vec![json!(1), json!(1.0), json!(-3)],
                vec![json!(1.5), json!("1"), json!(true)],
            ),
            (
                json!({"type": "number"}),
                vec![json!(1), json!(1.5)],
                vec![json!("1.5")],
            ),
            (
                json!({"type": "boolean"}),
                vec![json!(true)],
                vec![json!("true"), json!(1)],
            ),
            (
                json!({"enum": ["a", 1]}),
                vec![json!("a"), json!(1.0)],
                vec![json!("b"), json!(2)],
            ),
            (
                json!({"minimum": 1, "maximum": 3}),
                vec![json!(1), json!(3)],
                vec![json!(0.9), json!(3.1)],
            ),
            (
                json!({"minimum": 1, "exclusiveMinimum": true}),
                vec![json!(1.1)],
                vec![json!(1)],
            ),
            (
                json!({"maximum": 3, "exclusiveMaximum": true}),
                vec![json!(2)],
                vec![json!(3)],
            ),
            (json!({"multipleOf": 2}), vec![json!(4)], vec![json!(3)]),
            (
                json!({"minLength": 2, "maxLength": 3}),
                vec![json!("éé"), json!("abc")],
                vec![json!("a"), json!("abcd")],
            ),
            (
                json!({"type": "array", "items": {"type": "string"}}),
                vec![json!([]), json!(["a"])],
                vec![json!(["a", 1]), json!("a")],
            ),
            (
                json!({"minItems": 1, "maxItems": 2}),
                vec![json!([1])],
                vec![json!([]), json!([1, 2, 3])],
            ),
            (
                json!({"uniqueItems": true}),
                vec![json!([1, 2])],
                vec![json!([1, 1.0])],
            ),
            (
                json!({"additionalProperties": {"type": "string"}}),
                vec![json!({"a": "b"})],
                vec![json!({"a": 1})],
            ),
            (
                json!({"properties": {"a": {"required": ["b"]}}}),
                vec![json!({"a": {"b": 1}})],
                vec![json!({"a": {}})],
            ),
        ] {
            let schema = json!({"properties": {"p": schema}});
            for value in good {
                assert!(
                    outcome(schema.clone(), json!({"p": value})).is_ok(),
                    "{schema} takes {value}"
                );
            }
            for value in bad {
                assert!(
                    outcome(schema.clone(), json!({"p": value})).is_err(),
                    "{schema} refuses {value}"
                );
            }
        }
    }

    #[test]
    fn a_pattern_that_is_none_is_refused_by_name() {
        let error = outcome(json!({"properties": {"p": {"pattern": "["}}}), json!({})).unwrap_err();
        assert!(
            error.contains("\"[\", which is no regular expression"),
            "{error}"
        );
        assert_eq!(
            outcome(json!({"x-order": 1, "format": "email"}), json!({})),
            Ok(json!({}))
        );
    }

    #[test]
    fn undeclared_parameters_are_allowed_until_juju_40() {
        let params = json!({"a": 1});
        for (juju, schema, allowed) in [
            (JujuVersion::V3_6, json!({}), true),
            (JujuVersion::V4_0, json!({}), false),
            (
                JujuVersion::V4_0,
                json!({"additionalProperties": true}),
                true,
            ),
            (
                JujuVersion::V3_6,
                json!({"additionalProperties": false}),
                false,
            ),
        ] {
            let outcome = check_params("say", &schema, params.as_object().unwrap(), juju);
            assert_eq!(outcome.is_ok(), allowed, "{juju} {schema}");
        }
    }
}
