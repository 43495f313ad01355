//! Canonical JSON: one text per value, so that a value has one digest.

use serde_json::Value;

/// Returns `value` as JSON without white space and with the keys of each object in byte order.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(map) => {
            // The order of `Map` depends on a feature that any crate of the program may switch on.
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            text.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::String(key.clone()).to_string());
                text.push(':');
                write(&map[key], text);
            }
            text.push('}');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_value_has_one_text() {
        let value = json!({"b": [1, {"y": null, "x": "é\n"}], "a": true});
        assert_eq!(
            canonical(&value),
            r#"{"a":true,"b":[1,{"x":"é\n","y":null}]}"#
        );
    }
}
