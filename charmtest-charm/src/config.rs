//! `config.yaml`: the options of a charm.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::FileError;
use crate::yaml::{self, Entries, Located};

/// The options of a charm by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigOptions(pub BTreeMap<String, ConfigOption>);

/// One option.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigOption {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: OptionType,
    /// The value when none is set, already of the right type; `None` when there is no default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What the charm's author says about it; may be empty.
    #[serde(default)]
    pub description: String,
}

/// The type of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptionType {
    /// Any text.
    String,
    /// A 64-bit signed integer.
    Int,
    /// A 64-bit float.
    Float,
    /// True or false.
    Boolean,
    /// The URI of a user secret (Juju 3.4 and later).
    Secret,
}

impl OptionType {
    /// Returns the word that `config.yaml` uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Secret => "secret",
        }
    }
}

impl fmt::Display for OptionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A setting that the charm does not accept; the words are Juju's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The charm has no such option.
    #[error("unknown option {}", quote(.0))]
    UnknownOption(String),
    /// The value is not of the option's type.
    #[error("option {} expected {expected}, got {got}", quote(.option))]
    WrongType {
        /// The option.
        option: String,
        /// Its type.
        expected: OptionType,
        /// The value as Go would print it (`"abc"`, `true`, `1.5`).
        got: String,
    },
}

impl ConfigOptions {
    /// Reads the text of `config.yaml`; `file` is named in errors.
    ///
    /// # Errors
    ///
    /// Fails when the text is empty or not YAML, when an option has an unknown type, and when a default is not of the
    /// type of its option.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        // Juju decodes this file into strings, so an option may be called `y` or `1`; the metadata it checks against a schema.
        let raw: Option<RawConfig> = yaml::parse(file, text)?;
        let raw = raw.ok_or_else(|| {
            FileError::new(file, "is empty; write `options: {}` or remove the file")
        })?;
        raw.check(file)
    }

    /// Returns the option called `name`.
    ///
    /// # Errors
    ///
    /// Fails with Juju's words, `unknown option "x"`, when the charm has none.
    pub fn option(&self, name: &str) -> Result<&ConfigOption, ConfigError> {
        self.0
            .get(name)
            .ok_or_else(|| ConfigError::UnknownOption(name.to_owned()))
    }

    /// Parses what a user typed for the option `name` (`juju config app name=text`).
    ///
    /// # Errors
    ///
    /// Fails with Juju's words when there is no such option or the text is not of its type.
    pub fn parse_value(&self, name: &str, text: &str) -> Result<Value, ConfigError> {
        let option = self.option(name)?;
        option
            .kind
            .parse(text)
            .ok_or_else(|| wrong_type(name, option.kind, &Value::from(text)))
    }

    /// Checks a value from a YAML file (`juju deploy --config file.yaml`) and gives it the option's type.
    ///
    /// Strings are parsed as if typed; an integer is accepted for a float.
    ///
    /// # Errors
    ///
    /// Fails with Juju's words when there is no such option or the value is not of its type.
    pub fn check_value(&self, name: &str, value: &Value) -> Result<Value, ConfigError> {
        let option = self.option(name)?;
        option
            .kind
            .coerce(value)
            .ok_or_else(|| wrong_type(name, option.kind, value))
    }
}

impl OptionType {
    /// Parses typed text; the rules are those of Go's `strconv`.
    fn parse(self, text: &str) -> Option<Value> {
        match self {
            Self::String => Some(Value::from(text)),
            Self::Secret => (text.is_empty() || is_secret_uri(text)).then(|| Value::from(text)),
            Self::Int => text.parse::<i64>().ok().map(Value::from),
            Self::Float => parse_float(text).map(Value::from),
            Self::Boolean => match text {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(Value::Bool(true)),
                "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(Value::Bool(false)),
                _ => None,
            },
        }
    }

    fn coerce(self, value: &Value) -> Option<Value> {
        match (self, value) {
            (_, Value::String(text)) => self.parse(text),
            (Self::Int, Value::Number(number)) => number.as_i64().map(Value::from),
            (Self::Float, Value::Number(number)) => number.as_f64().map(Value::from),
            (Self::Boolean, Value::Bool(_)) => Some(value.clone()),
            _ => None,
        }
    }
}

/// Parses a finite float; `1_000`, `inf` and `nan` are refused, since no YAML or JSON output could show the latter two.
fn parse_float(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

fn is_secret_uri(text: &str) -> bool {
    text.strip_prefix("secret:")
        .is_some_and(|id| !id.is_empty() && !id.contains(char::is_whitespace))
}

fn wrong_type(option: &str, expected: OptionType, got: &Value) -> ConfigError {
    ConfigError::WrongType {
        option: option.to_owned(),
        expected,
        got: go_syntax(got),
    }
}

/// Prints a value as Go's `%#v` does.
fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => quote(text),
        other => other.to_string(),
    }
}

/// Quotes as Go's `%q` does, as far as names and settings go: JSON's escapes are the same.
fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

#[derive(Deserialize)]
pub(crate) struct RawConfig {
    #[serde(default)]
    options: Entries<Option<RawOption>>,
}

#[derive(Default, Deserialize)]
struct RawOption {
    #[serde(rename = "type")]
    kind: Option<Located<String>>,
    default: Option<Located<Value>>,
    #[serde(default)]
    description: Option<String>,
}

impl RawConfig {
    pub(crate) fn check(self, file: &str) -> Result<ConfigOptions, FileError> {
        let mut options = BTreeMap::new();
        for (name, option) in self.options.0 {
            let option = option.unwrap_or_default().check(file, &name.value)?;
            options.insert(name.value, option);
        }
        Ok(ConfigOptions(options))
    }
}

impl RawOption {
    fn check(self, file: &str, name: &str) -> Result<ConfigOption, FileError> {
        let kind = match &self.kind {
            None => OptionType::String,
            Some(word) => option_type(file, name, word)?,
        };
        let default = match self.default {
            None => None,
            Some(written) if written.value.is_null() => None,
            Some(written) => {
                let typed = kind.coerce(&written.value).ok_or_else(|| {
                    let error = wrong_type(name, kind, &written.value);
                    written.error(file, format!("invalid config default: {error}"))
                })?;
                Some(typed)
            }
        };
        Ok(ConfigOption {
            kind,
            default,
            description: self.description.unwrap_or_default(),
        })
    }
}

fn option_type(file: &str, name: &str, word: &Located<String>) -> Result<OptionType, FileError> {
    match word.value.as_str() {
        "" | "string" => Ok(OptionType::String),
        "int" => Ok(OptionType::Int),
        "float" => Ok(OptionType::Float),
        "boolean" => Ok(OptionType::Boolean),
        "secret" => Ok(OptionType::Secret),
        other => Err(word.error(
            file,
            format!(
                "option {} has unknown type {}; use string, int, float, boolean or secret",
                quote(name),
                quote(other)
            ),
        )),
    }
}
