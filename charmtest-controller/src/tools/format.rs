//! The output formats of hook tools: `smart`, `yaml` and `json`.

use charmtest_charm::yaml_writer::{Times, YamlStyle, to_yaml, to_yaml_sorted, to_yaml_with};
use serde_json::Value;

use crate::encode::{go_json, sorted};

/// What a tool prints, before it is formatted.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shown {
    /// A value whose maps are maps: keys are sorted.
    Map(Value),
    /// A value whose maps are records: keys stay as given. Juju shows some records differently in JSON.
    Record {
        /// The value for `json`.
        json: Value,
        /// The value for `yaml` and `smart`.
        yaml: Value,
    },
    /// A record with moments in it, which YAML shows without quotes.
    Timed(Value),
}

/// An output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Text as it is, lists line by line, the rest as YAML.
    Smart,
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

impl Format {
    /// Returns the format called `name`; `None` when it is none.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "smart" => Some(Self::Smart),
            "yaml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// Prints `shown` as Juju 3.6 prints the answers of its hook tools, with the final line break; nothing for null, unless in JSON.
    pub(super) fn print(self, shown: &Shown) -> String {
        match (self, shown) {
            (Self::Json, Shown::Map(value)) => go_json(&sorted(value)) + "\n",
            (Self::Json, Shown::Record { json, .. }) => go_json(json) + "\n",
            (Self::Json, Shown::Timed(value)) => go_json(value) + "\n",
            (_, Shown::Timed(value)) => to_yaml_with(
                value,
                YamlStyle {
                    times: Times::Plain,
                    ..YamlStyle::default()
                },
            ),
            (Self::Yaml, Shown::Map(value)) => to_yaml_sorted(value),
            (Self::Yaml, Shown::Record { yaml, .. }) => to_yaml(yaml),
            (Self::Smart, Shown::Map(value)) => {
                smart(value).unwrap_or_else(|| to_yaml_sorted(value))
            }
            (Self::Smart, Shown::Record { yaml, .. }) => {
                smart(yaml).unwrap_or_else(|| to_yaml(yaml))
            }
        }
    }
}

/// Prints what `smart` shows in its own way; `None` for what it leaves to YAML.
fn smart(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(flag) => Some(if *flag { "True\n" } else { "False\n" }.to_owned()),
        Value::String(text) if text.is_empty() => Some(String::new()),
        Value::String(text) => Some(format!("{text}\n")),
        Value::Array(items) => items
            .iter()
            .map(|item| Some(format!("{}\n", item.as_str()?)))
            .collect(),
        Value::Number(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::encode::with_floats;

    #[test]
    fn every_kind_of_value_in_every_format() {
        for (value, in_smart, in_yaml, in_json) in [
            (json!(null), "", "", "null\n"),
            (json!("calm"), "calm\n", "calm\n", "\"calm\"\n"),
            (json!(""), "", "\"\"\n", "\"\"\n"),
            (json!("yes"), "yes\n", "\"yes\"\n", "\"yes\"\n"),
            (json!("1"), "1\n", "\"1\"\n", "\"1\"\n"),
            (
                json!("a\nb: c\n"),
                "a\nb: c\n\n",
                "|\n  a\n  b: c\n",
                "\"a\\nb: c\\n\"\n",
            ),
            (json!(true), "True\n", "true\n", "true\n"),
            (json!(false), "False\n", "false\n", "false\n"),
            (json!([]), "", "[]\n", "[]\n"),
            (json!(["a", "b"]), "a\nb\n", "- a\n- b\n", "[\"a\",\"b\"]\n"),
            (json!(["a", 1]), "- a\n- 1\n", "- a\n- 1\n", "[\"a\",1]\n"),
            (json!({}), "{}\n", "{}\n", "{}\n"),
            (
                json!({"n": "x", "b": null}),
                "b: null\n\"n\": x\n",
                "b: null\n\"n\": x\n",
                "{\"b\":null,\"n\":\"x\"}\n",
            ),
            (json!(3.0), "3\n", "3\n", "3\n"),
            (json!(100_000.0), "100000\n", "100000\n", "100000\n"),
            (json!(1e6), "1e+06\n", "1e+06\n", "1000000\n"),
            (
                json!(12_345_678.0),
                "1.2345678e+07\n",
                "1.2345678e+07\n",
                "12345678\n",
            ),
            (json!(0.0001), "0.0001\n", "0.0001\n", "0.0001\n"),
            (json!(0.000_01), "1e-05\n", "1e-05\n", "0.00001\n"),
        ] {
            let shown = Shown::Map(value.clone());
            let printed =
                [Format::Smart, Format::Yaml, Format::Json].map(|format| format.print(&shown));
            assert_eq!(printed, [in_smart, in_yaml, in_json], "{value}");
        }
    }

    #[test]
    fn records_keep_the_order_of_their_keys() {
        let shown = Shown::Record {
            json: json!({"b": 1, "a": 2}),
            yaml: json!({"b": 1, "a": 2, "0": 3}),
        };
        assert_eq!(Format::Json.print(&shown), "{\"b\":1,\"a\":2}\n");
        assert_eq!(Format::Smart.print(&shown), "b: 1\na: 2\n\"0\": 3\n");
    }

    proptest! {
        /// JSON shows the digits, YAML and `smart` something that reads back as the number.
        #[test]
        fn whole_numbers_of_configuration_keep_their_value(number in -9_007_199_254_740_992_i64..=9_007_199_254_740_992) {
            let shown = Shown::Map(with_floats(&json!(number)));
            prop_assert_eq!(Format::Json.print(&shown), format!("{number}\n"));
            for format in [Format::Yaml, Format::Smart] {
                let printed = format.print(&shown);
                #[expect(clippy::cast_precision_loss, reason = "the range holds only what a float can hold")]
                let expected = number as f64;
                prop_assert_eq!(printed.trim_end().parse::<f64>().ok(), Some(expected), "{}", printed);
            }
        }
    }
}
