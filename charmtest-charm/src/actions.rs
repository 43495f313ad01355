//! `actions.yaml`: the actions of a charm and the JSON schemas of their parameters.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::FileError;
use crate::yaml::{self, Entries};

/// The actions of a charm by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actions(pub BTreeMap<String, Action>);

/// One action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// What it does; `No description` when the charm does not say (Juju's default).
    pub description: String,
    /// Whether it may run beside other actions of its execution group.
    #[serde(default)]
    pub parallel: bool,
    /// The group whose actions run one after the other; empty when none is named.
    #[serde(default)]
    pub execution_group: String,
    /// The JSON schema (draft 4) of the parameters as Juju builds it: an object with `title`, `description`,
    /// `type: object`, `properties` (the `params` of the file) and every other key as written.
    pub schema: Value,
}

impl Action {
    /// Returns the title: the one written, else the name of the action.
    pub fn title(&self) -> &str {
        self.schema["title"].as_str().unwrap_or_default()
    }
}

/// What Juju 3.6 shows for an action without a description.
const NO_DESCRIPTION: &str = "No description";

impl Actions {
    /// Reads the text of `actions.yaml`; `file` is named in errors.
    ///
    /// # Errors
    ///
    /// Fails when the text is not YAML, a name is not an action name or is reserved, a key has the wrong type, or a
    /// schema refers to other schemas (`$ref`, `$schema`).
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let raw: Option<Entries<Option<Map<String, Value>>>> = yaml::parse(file, text)?;
        check(file, raw.unwrap_or_default())
    }
}

/// Checks actions as written in `actions.yaml` or under `actions` in `charmcraft.yaml`.
pub(crate) fn check(
    file: &str,
    raw: Entries<Option<Map<String, Value>>>,
) -> Result<Actions, FileError> {
    let mut actions = BTreeMap::new();
    for (name, written) in raw.0 {
        let action = check_name(&name.value)
            .and_then(|()| build(&name.value, written.unwrap_or_default()))
            .map_err(|message| name.error(file, message))?;
        actions.insert(name.value, action);
    }
    Ok(Actions(actions))
}

/// Accepts lower-case letters, digits and inner hyphens, and refuses Juju's own `juju` and `juju-...`.
fn check_name(name: &str) -> Result<(), String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(inner) || name.starts_with('-') || name.ends_with('-') {
        return Err(format!(
            "bad action name `{name}`; use lower-case letters, digits and inner hyphens"
        ));
    }
    if name == "juju" || name.starts_with("juju-") {
        return Err(format!(
            "action name `{name}` is reserved: names starting with `juju-` are Juju's own"
        ));
    }
    Ok(())
}

fn build(name: &str, written: Map<String, Value>) -> Result<Action, String> {
    let mut schema = Map::new();
    schema.insert("title".into(), Value::from(name));
    schema.insert("description".into(), Value::from(NO_DESCRIPTION));
    schema.insert("type".into(), Value::from("object"));
    schema.insert("properties".into(), Value::Object(Map::new()));
    let mut parallel = false;
    let mut execution_group = String::new();

    for (key, value) in written {
        match key.as_str() {
            "title" | "description" => {
                schema.insert(key.clone(), Value::from(string(name, &key, value)?));
            }
            "execution-group" => execution_group = string(name, &key, value)?,
            "parallel" => match value {
                Value::Bool(flag) => parallel = flag,
                _ => return Err(format!("action `{name}`: `parallel` must be a boolean")),
            },
            "required" if !value.is_array() => {
                return Err(format!("action `{name}`: `required` must be a list"));
            }
            "params" => match value {
                Value::Null => {}
                Value::Object(_) => {
                    schema.insert("properties".into(), value);
                }
                _ => return Err(format!("action `{name}`: `params` must be a map")),
            },
            _ => {
                schema.insert(key, value);
            }
        }
    }

    let schema = Value::Object(schema);
    if let Some(key) = reference(&schema) {
        return Err(format!(
            "action `{name}`: schema key `{key}` is not supported; write the schema out in place"
        ));
    }
    check_schema(&schema).map_err(|why| format!("action `{name}`: {why}"))?;
    let description = schema["description"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    Ok(Action {
        description,
        parallel,
        execution_group,
        schema,
    })
}

/// The types of JSON Schema draft 4.
const TYPES: [&str; 7] = [
    "array", "boolean", "integer", "null", "number", "object", "string",
];

/// Checks that a schema is one: Juju compiles it, and refuses the charm when that fails.
fn check_schema(schema: &Value) -> Result<(), String> {
    let Some(schema) = schema.as_object() else {
        return Err(format!("`{schema}` stands where a schema must be a map"));
    };
    let is_type = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
    for (key, value) in schema {
        let valid = match (key.as_str(), value) {
            ("type", Value::Array(types)) => !types.is_empty() && types.iter().all(is_type),
            ("type", value) => is_type(value),
            // YAML 1.1 reads a bare `n` or `yes` as a boolean: the parameter would silently not be required.
            ("required", value) => value
                .as_array()
                .is_some_and(|names| !names.is_empty() && names.iter().all(Value::is_string)),
            ("properties" | "patternProperties" | "definitions", Value::Object(schemas)) => {
                for schema in schemas.values() {
                    check_schema(schema)?;
                }
                true
            }
            ("properties" | "patternProperties" | "definitions", _) => false,
            ("items" | "additionalProperties" | "not", Value::Object(_)) => {
                check_schema(value)?;
                true
            }
            ("minimum" | "maximum" | "multipleOf", value) => value.is_number(),
            ("minLength" | "maxLength" | "minItems" | "maxItems", value) => value.is_u64(),
            ("enum", value) => value.as_array().is_some_and(|values| !values.is_empty()),
            _ => true,
        };
        if !valid {
            return Err(format!("`{key}: {value}` is not valid in a JSON schema"));
        }
    }
    Ok(())
}

fn string(action: &str, key: &str, value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(format!("action `{action}`: `{key}` must be a string")),
    }
}

/// Finds `$ref` or `$schema` at any depth.
fn reference(value: &Value) -> Option<&'static str> {
    match value {
        Value::Object(map) => map.iter().find_map(|(key, value)| match key.as_str() {
            "$ref" => Some("$ref"),
            "$schema" => Some("$schema"),
            _ => reference(value),
        }),
        Value::Array(items) => items.iter().find_map(reference),
        _ => None,
    }
}
