//! Reading what `juju` prints as JSON, field by field.
//!
//! By hand and not derived: every test author compiles this crate, of which the derived code was a large part.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// What can be read from JSON. Its default value stands for `null` and for what is missing.
pub(crate) trait Read: Default {
    fn read(value: &Value) -> Result<Self, Misshapen>;
}

/// Where JSON has another shape than it should have.
#[derive(Debug)]
pub(crate) struct Misshapen {
    /// The keys that lead there, the innermost first.
    path: Vec<String>,
    expected: &'static str,
}

impl Misshapen {
    fn new(expected: &'static str) -> Self {
        Self {
            path: Vec::new(),
            expected,
        }
    }
}

impl fmt::Display for Misshapen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return write!(f, "it is not {}", self.expected);
        }
        let path: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        write!(f, "`{}` is not {}", path.join("."), self.expected)
    }
}

/// A JSON object under reading.
pub(crate) struct Object<'a>(&'a Map<String, Value>);

impl<'a> Object<'a> {
    pub(crate) fn of(value: &'a Value) -> Result<Self, Misshapen> {
        value
            .as_object()
            .map(Self)
            .ok_or_else(|| Misshapen::new("an object"))
    }

    pub(crate) fn get<T: Read>(&self, key: &str) -> Result<T, Misshapen> {
        read_at(key, self.0.get(key).unwrap_or(&Value::Null))
    }
}

fn read_at<T: Read>(key: &str, value: &Value) -> Result<T, Misshapen> {
    if value.is_null() {
        return Ok(T::default());
    }
    T::read(value).map_err(|mut error| {
        error.path.push(key.to_owned());
        error
    })
}

impl<T: Read> Read for BTreeMap<String, T> {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        // A loop: collecting would sort, and be compiled once more for each type.
        let mut map = Self::new();
        for (key, value) in Object::of(value)?.0 {
            map.insert(key.clone(), read_at(key, value)?);
        }
        Ok(map)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        let items = value.as_array().ok_or_else(|| Misshapen::new("a list"))?;
        let item = |(at, item): (usize, &Value)| read_at(&at.to_string(), item);
        items.iter().enumerate().map(item).collect()
    }
}

impl<T: Read> Read for Option<T> {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        T::read(value).map(Some)
    }
}

impl Read for Value {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        Ok(value.clone())
    }
}

/// Says which JSON a plain type is read from.
macro_rules! plain {
    ($($kind:ty: $expected:literal, $read:expr;)*) => {$(
        impl Read for $kind {
            fn read(value: &Value) -> Result<Self, Misshapen> {
                let read: fn(&Value) -> Option<Self> = $read;
                read(value).ok_or_else(|| Misshapen::new($expected))
            }
        }
    )*};
}

plain! {
    String: "a text", |value| value.as_str().map(str::to_owned);
    bool: "a boolean", Value::as_bool;
    i64: "a whole number", Value::as_i64;
    u64: "a whole number of 0 or more", Value::as_u64;
    usize: "a whole number of 0 or more", |value| value.as_u64()?.try_into().ok();
}

/// Defines a structure and how it is read from a JSON object: each field with its key.
macro_rules! readable {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$field_meta:meta])* $key:literal => $field:ident: $kind:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $kind,)*
        }

        impl $crate::juju::read::Read for $name {
            fn read(value: &serde_json::Value) -> Result<Self, $crate::juju::read::Misshapen> {
                let object = $crate::juju::read::Object::of(value)?;
                Ok(Self {
                    $($field: object.get($key)?,)*
                })
            }
        }
    };
}
pub(crate) use readable;
