//! Results of actions as types of the test's own. Juju makes a text of every result; what the type wants says how it is read.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Map, Value};

/// Reads results.
pub(super) fn parse<T: DeserializeOwned>(results: &Map<String, Value>) -> Result<T, Error> {
    T::deserialize(Lenient(&Value::Object(results.clone())))
}

/// A value that is a text where Juju made one of it.
struct Lenient<'a>(&'a Value);

impl Lenient<'_> {
    /// Reads a text as the JSON that it is, for a type that wants something else than a text.
    fn unwrapped<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.0.as_str().map(str::trim);
        // Python writes its booleans with capitals.
        let text = text.map(|text| match text {
            "True" => "true",
            "False" => "false",
            other => other,
        });
        match text.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            Some(inner) => Lenient(&inner).deserialize_any(visitor),
            None => self.deserialize_any(visitor),
        }
    }
}

impl<'a, 'de> IntoDeserializer<'de, Error> for Lenient<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Methods that read a text as JSON.
macro_rules! unwrapped {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.unwrapped(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Lenient<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.iter().map(Lenient)))
            }
            Value::Object(fields) => {
                let fields = fields.iter();
                let fields = fields.map(|(key, value)| (key.as_str(), Lenient(value)));
                visitor.visit_map(MapDeserializer::new(fields))
            }
            plain => plain.clone().deserialize_any(visitor),
        }
    }

    unwrapped! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64 deserialize_seq
        deserialize_map deserialize_unit
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.unwrapped(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.unwrapped(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.clone().deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf identifier ignored_any unit_struct tuple_struct
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Backup {
        id: String,
        size: u64,
        ratio: f64,
        complete: bool,
        parts: Vec<u8>,
        nested: Nested,
        state: State,
        note: Option<String>,
        retries: Option<i32>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Nested {
        #[serde(rename = "deep-key")]
        deep_key: i64,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum State {
        Done,
    }

    fn results() -> Value {
        json!({"id": "12", "size": "4096", "ratio": "0.5", "complete": "True", "parts": "[1, 2]",
            "nested": {"deep-key": "-3"}, "state": "done", "retries": "2", "return-code": 0})
    }

    fn read(results: &Value) -> Result<Backup, Error> {
        parse(results.as_object().unwrap())
    }

    #[test]
    fn texts_are_read_as_what_the_type_wants() {
        let expected = Backup {
            id: "12".to_owned(),
            size: 4096,
            ratio: 0.5,
            complete: true,
            parts: vec![1, 2],
            nested: Nested { deep_key: -3 },
            state: State::Done,
            note: None,
            retries: Some(2),
        };
        assert_eq!(read(&results()).unwrap(), expected);

        let mut as_json = results();
        as_json["nested"] = json!("{\"deep-key\": -3}");
        as_json["size"] = json!(4096);
        assert_eq!(read(&as_json).unwrap(), expected);
    }

    #[test]
    fn a_result_that_does_not_fit_is_named() {
        for (key, value, expected) in [
            (
                "size",
                json!("many"),
                "invalid type: string \"many\", expected u64",
            ),
            (
                "size",
                json!("-1"),
                "invalid value: integer `-1`, expected u64",
            ),
            ("nested", json!("flat"), "expected struct Nested"),
        ] {
            let mut wrong = results();
            wrong[key] = value;
            let error = read(&wrong).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let mut missing = results();
        missing.as_object_mut().unwrap().remove("size");
        assert_eq!(
            read(&missing).unwrap_err().to_string(),
            "missing field `size`"
        );
    }
}
