//! Results as JSON and as `smart` text.

use charmtest_charm::yaml_writer;
use serde_json::Value;

use crate::encode::go_json;

/// Renders JSON as Go does, on one line.
pub(super) fn json(value: &Value) -> String {
    let mut text = go_json(value);
    text.push('\n');
    text
}

/// Renders `smart`: strings as they are, booleans as `True` and `False`, lists one item per line, the rest as YAML.
pub(super) fn smart(value: &Value) -> String {
    let line = |text: &str| format!("{text}\n");
    match value {
        Value::Null => String::new(),
        Value::String(text) => line(text),
        Value::Bool(true) => line("True"),
        Value::Bool(false) => line("False"),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).map(line).collect()
        }
        other => yaml_writer::to_yaml(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_escaped_as_in_go() {
        assert_eq!(
            json(&json!({"a": "<b> & \"c\"\u{2028}", "n": [1, true, null]})),
            "{\"a\":\"\\u003cb\\u003e \\u0026 \\\"c\\\"\\u2028\",\"n\":[1,true,null]}\n"
        );
    }

    #[test]
    fn smart_text() {
        for (value, expected) in [
            (json!("a: b"), "a: b\n"),
            (json!(true), "True\n"),
            (json!(false), "False\n"),
            (json!(["a", "b"]), "a\nb\n"),
            (json!(null), ""),
            (json!({"a": "b"}), "a: b\n"),
        ] {
            assert_eq!(smart(&value), expected);
        }
    }
}
