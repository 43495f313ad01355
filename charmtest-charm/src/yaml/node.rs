//! A YAML document as a tree that remembers where everything is written.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{Located, options, parse_with};
use crate::error::{FileError, Position};

/// A value of a document and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub data: Data,
    /// Where it begins; `None` when the parser does not tell.
    pub position: Option<Position>,
}

/// What a [`Node`] is.
#[derive(Debug, Clone)]
pub enum Data {
    /// Nothing is written, or `null`.
    Null,
    /// A boolean of YAML 1.1: `yes` is one.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in written order.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and its place.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key; a number or a boolean is taken as it is written.
    pub text: String,
    /// Where it stands.
    pub position: Option<Position>,
}

/// Parses a document into a tree; an empty document is [`Data::Null`].
///
/// # Errors
///
/// Names `file`, line and column when the text is not YAML, holds a key twice, nests deeper than 64 levels, or has aliases that stand for
/// more than 20,000 values.
pub fn parse_node(file: &str, text: &str) -> Result<Node, FileError> {
    let mut options = options();
    // Few charms use aliases at all; a file that is made of them must not cost seconds.
    options.alias_limits.max_total_replayed_events = 20_000;
    parse_with(file, text, options)
}

impl Node {
    /// Returns the text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the items of a list; `None` for anything else.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.data {
            Data::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the entries of a map; `None` for anything else.
    pub fn as_map(&self) -> Option<&[(Key, Node)]> {
        match &self.data {
            Data::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Says whether nothing is written.
    pub fn is_null(&self) -> bool {
        matches!(self.data, Data::Null)
    }

    /// Returns the entry of a map under a key.
    pub fn entry(&self, key: &str) -> Option<(&Key, &Node)> {
        let entries = self.as_map()?;
        let (key, node) = entries.iter().find(|(found, _)| found.text == key)?;
        Some((key, node))
    }

    /// Returns the value of a map under a key, unless it is null.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key)
            .map(|(_, node)| node)
            .filter(|node| !node.is_null())
    }

    /// Returns the kind of the value as a reader would call it: `a map`, `a number`.
    pub fn kind(&self) -> &'static str {
        match self.data {
            Data::Null => "nothing",
            Data::Bool(_) => "a boolean",
            Data::Number(_) => "a number",
            Data::Text(_) => "text",
            Data::List(_) => "a list",
            Data::Map(_) => "a map",
        }
    }

    /// Returns the value without its places.
    pub fn to_value(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(flag) => Value::Bool(*flag),
            Data::Number(number) => Value::Number(number.clone()),
            Data::Text(text) => Value::String(text.clone()),
            Data::List(items) => items.iter().map(Self::to_value).collect(),
            Data::Map(entries) => {
                let entries = entries.iter();
                let map: Map<String, Value> = entries
                    .map(|(key, node)| (key.text.clone(), node.to_value()))
                    .collect();
                Value::Object(map)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let located = Located::<Data>::deserialize(deserializer)?;
        Ok(Self {
            position: located.position,
            data: located.value,
        })
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DataVisitor;

        impl<'de> Visitor<'de> for DataVisitor {
            type Value = Data;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Data, E> {
                Ok(Data::Null)
            }

            fn visit_none<E>(self) -> Result<Data, E> {
                Ok(Data::Null)
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Data, D::Error> {
                Data::deserialize(deserializer)
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Data, E> {
                Ok(Data::Bool(flag))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Data, E> {
                Ok(Data::Number(number.into()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Data, E> {
                Ok(Data::Number(number.into()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Data, E> {
                // JSON has no word for infinity; what cannot be shown there is text.
                Ok(Number::from_f64(number)
                    .map_or_else(|| Data::Text(number.to_string()), Data::Number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Data, E> {
                Ok(Data::Text(text.to_owned()))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Data, E> {
                Ok(Data::Text(String::from_utf8_lossy(bytes).into_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Data, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Data::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, node)) = map.next_entry::<Located<String>, Node>()? {
                    let key = Key {
                        text: key.value,
                        position: key.position,
                    };
                    entries.push((key, node));
                }
                Ok(Data::Map(entries))
            }
        }

        deserializer.deserialize_any(DataVisitor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(position: Option<Position>) -> (u64, u64) {
        position.map_or((0, 0), |at| (at.line, at.column))
    }

    #[test]
    fn a_tree_knows_places_and_values() {
        let text = "name: a\noptions:\n  port: {type: int, default: 1.5}\n  on: yes\nlist:\n- x\n- \"2\"\nnone:\n";
        let node = parse_node("f", text).unwrap();
        assert_eq!(
            node.to_value(),
            json!({"name": "a", "options": {"port": {"type": "int", "default": 1.5}, "on": true}, "list": ["x", "2"], "none": null})
        );
        let (key, port) = node.get("options").unwrap().entry("port").unwrap();
        assert_eq!((at(key.position), at(port.position)), ((3, 3), (3, 9)));
        let default = port.get("default").unwrap();
        assert_eq!(
            (at(default.position), default.kind()),
            ((3, 30), "a number")
        );
        assert_eq!(
            at(node.get("list").unwrap().as_list().unwrap()[1].position),
            (7, 3)
        );
        assert!(node.get("none").is_none() && node.entry("none").is_some());
        assert!(parse_node("f", "").unwrap().is_null());
    }

    #[test]
    fn what_is_hostile_is_an_error() {
        let deep = "[".repeat(100_000);
        let bomb = format!(
            "a: &a [x]\n{}",
            (0..40)
                .map(|i| format!(
                    "b{i}: &b{i} [{0},{0},{0},{0},{0},{0},{0},{0}]\n",
                    if i == 0 {
                        "*a".to_owned()
                    } else {
                        format!("*b{}", i - 1)
                    }
                ))
                .collect::<String>()
        );
        for text in [
            deep.as_str(),
            &bomb,
            "a: [",
            "? [x]\n: y\n",
            "a: 1\na: 2\n",
            "\u{0}",
            "%FOO\n---\n- a\n...\nb",
            "&a [*a]",
        ] {
            let outcome = parse_node("f", text);
            assert!(outcome.is_err(), "{:.40}: {outcome:?}", text);
        }
    }
}
