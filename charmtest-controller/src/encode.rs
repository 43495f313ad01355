//! JSON and numbers as Juju's Go programs print them.

use std::fmt::Write;

use serde_json::{Map, Number, Value};

/// Returns `value` as compact JSON in Go's manner: `<`, `>` and `&` are escaped, a float without a fraction has none (`3`).
///
/// Keys stay in the order given, as Go does for structs; see [`sorted`] for maps.
pub(crate) fn go_json(value: &Value) -> String {
    let mut out = String::new();
    write_json(&mut out, value);
    out
}

/// Returns `value` with the keys of all its maps in byte order, as Go's JSON shows maps.
pub(crate) fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entries = entries
                .into_iter()
                .map(|(key, value)| (key.clone(), sorted(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        scalar => scalar.clone(),
    }
}

/// Returns `value` with every number as a 64-bit float.
///
/// Charm configuration and action parameters reach Juju's agents like that, so a million prints as `1e+06` in YAML.
pub(crate) fn with_floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => number
            .as_f64()
            .and_then(Number::from_f64)
            .map_or_else(|| value.clone(), Value::Number),
        Value::Array(items) => items.iter().map(with_floats).collect(),
        Value::Object(map) => {
            let entries = map
                .iter()
                .map(|(key, value)| (key.clone(), with_floats(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn write_json(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(out, key);
                out.push(':');
                write_json(out, value);
            }
            out.push('}');
        }
    }
}

fn write_number(out: &mut String, number: &Number) {
    match number.as_f64() {
        Some(float) if number.is_f64() => out.push_str(&json_float(float)),
        _ => out.push_str(&number.to_string()),
    }
}

/// Prints a float as Go's `encoding/json`: in full up to 1e21, and an exponent without a leading zero.
fn json_float(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let scientific = format!("{value:e}");
        return match scientific.split_once('e') {
            Some((mantissa, exponent)) if !exponent.starts_with('-') => {
                format!("{mantissa}e+{exponent}")
            }
            _ => scientific,
        };
    }
    format!("{value}")
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        // Writing to a string cannot fail.
        let _ = match c {
            '"' => out.write_str("\\\""),
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            '\u{8}' => out.write_str("\\b"),
            '\u{c}' => out.write_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                write!(out, "\\u{:04x}", u32::from(c))
            }
            _ => out.write_char(c),
        };
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_gos() {
        for (value, expected) in [
            (
                json!({"b": [1, null], "a": {"c": true}}),
                r#"{"b":[1,null],"a":{"c":true}}"#,
            ),
            (json!("a<b>&c\u{2028}"), r#""a\u003cb\u003e\u0026c\u2028""#),
            (
                json!("\"\\\n\t\u{1}\u{7f}ü"),
                "\"\\\"\\\\\\n\\t\\u0001\u{7f}ü\"",
            ),
            (json!([]), "[]"),
        ] {
            assert_eq!(go_json(&value), expected);
        }
    }

    #[test]
    fn floats_are_gos() {
        for (value, expected) in [
            (3.0, "3"),
            (0.5, "0.5"),
            (0.0, "0"),
            (-1.5, "-1.5"),
            (12_345_678.0, "12345678"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (-2.5e-10, "-2.5e-10"),
        ] {
            assert_eq!(go_json(&json!(value)), expected);
        }
    }

    #[test]
    fn numbers_become_floats_at_any_depth() {
        let value = with_floats(&json!({"a": [1, "1"], "b": 9_007_199_254_740_993_i64}));
        assert_eq!(go_json(&value), r#"{"a":[1,"1"],"b":9007199254740992}"#);
        assert!(value["a"][0].is_f64());
    }

    #[test]
    fn maps_are_sorted_by_bytes() {
        assert_eq!(
            go_json(&sorted(&json!({"b": {"z": 1, "Z": 2}, "a10": 1, "a2": 1}))),
            r#"{"a10":1,"a2":1,"b":{"Z":2,"z":1}}"#
        );
    }

    proptest! {
        #[test]
        fn every_number_reads_back_as_itself(number in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO) {
            let text = go_json(&json!(number));
            prop_assert_eq!(text.parse::<f64>().ok(), Some(number));
            prop_assert!(!text.contains('.') || text.contains('e') || !text.ends_with('0'), "the shortest digits: {}", text);
        }

        #[test]
        fn every_text_reads_back_as_itself(text in ".*") {
            let encoded = go_json(&json!(text));
            prop_assert!(!encoded.contains(['<', '>', '&']));
            prop_assert_eq!(serde_json::from_str::<String>(&encoded).ok(), Some(text));
        }
    }
}
