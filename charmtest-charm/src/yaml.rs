//! Reading YAML; the only module that knows which parser is used.
//!
//! Juju reads YAML with goyaml v2, a YAML 1.1 parser, so `yes` is a boolean, `0644` is 420 and merge keys are applied.
//! In two points this parser is stricter, because both are mistakes in a charm: a key may not be given twice, and a file
//! holds one document.

mod node;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

pub use node::{Data, Key, Node, parse_node};

use crate::error::{FileError, Position};

/// Parses a document into `T`; a number or a boolean is taken where a string is wanted (`channel: 22.04`).
///
/// # Errors
///
/// Names `file`, line and column when the text is not YAML or has another shape than `T`.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, FileError> {
    parse_with(file, text, options())
}

/// Parses a document into `T` as strictly as Juju: `summary: 1` is an integer and no string.
///
/// # Errors
///
/// Names `file`, line and column when the text is not YAML or has another shape than `T`.
pub fn parse_strict<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, FileError> {
    let mut options = options();
    options.no_schema = true;
    parse_with(file, text, options)
}

/// Parses a document without a schema; an empty document is null.
///
/// # Errors
///
/// Names `file`, line and column when the text is not YAML.
pub fn parse_value(file: &str, text: &str) -> Result<serde_json::Value, FileError> {
    parse(file, text)
}

/// Parses all documents of a text; documents that are null are left out.
///
/// # Errors
///
/// Names line and column when the text is not YAML or a document has another shape than `T`.
pub fn parse_documents<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, FileError> {
    serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| describe("", &error))
}

fn options() -> serde_saphyr::Options {
    let mut options = serde_saphyr::Options::default();
    options.legacy_octal_numbers = true;
    options.with_snippet = false;
    options
}

fn parse_with<T: DeserializeOwned>(
    file: &str,
    text: &str,
    options: serde_saphyr::Options,
) -> Result<T, FileError> {
    serde_saphyr::from_str_with_options(text, options).map_err(|error| describe(file, &error))
}

fn describe(file: &str, error: &serde_saphyr::Error) -> FileError {
    let position = error.location().and_then(position);
    let rendered = error
        .without_snippet()
        .render_with_formatter(&serde_saphyr::UserMessageFormatter);
    let message = match position {
        // The position stands in front of the message already.
        Some(Position { line, column }) => {
            rendered.replace(&format!(" at line {line}, column {column}"), "")
        }
        None => rendered,
    };
    FileError {
        file: file.to_owned(),
        position,
        message,
    }
}

fn position(location: serde_saphyr::Location) -> Option<Position> {
    (location.line() > 0).then(|| Position {
        line: location.line(),
        column: location.column(),
    })
}

/// A value that remembers where it was written.
#[derive(Debug, Clone)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    position: Option<Position>,
}

impl<T> Located<T> {
    /// Returns the line where the value stands; 0 when it is not known.
    pub(crate) fn line(&self) -> u64 {
        self.position.map_or(0, |position| position.line)
    }

    /// Makes the error that `message` is wrong at this place.
    pub(crate) fn error(&self, file: &str, message: impl Into<String>) -> FileError {
        FileError {
            file: file.to_owned(),
            position: self.position,
            message: message.into(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = serde_saphyr::Spanned::<T>::deserialize(deserializer)?;
        Ok(Self {
            value: spanned.value,
            position: position(spanned.referenced),
        })
    }
}

/// A map in written order whose keys remember where they stand; null counts as empty.
#[derive(Debug, Clone)]
pub(crate) struct Entries<T>(pub(crate) Vec<(Located<String>, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Entries::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_any(EntriesVisitor(PhantomData))
    }
}
