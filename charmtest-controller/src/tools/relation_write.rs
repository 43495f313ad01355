//! `relation-set`, and the files of keys and values that it shares with `state-set`.

use std::collections::BTreeMap;

use charmtest_charm::yaml;
use serde_json::Value;

use super::tool::{Answered, FILE, OutputKind, RELATION, Scene, Tool, ToolError, key_values};
use crate::flags::{Flag, Parsed};

pub(super) const TOOLS: &[Tool] = &[Tool {
    name: "relation-set",
    arguments: "key=value [key=value ...]",
    summary: "Writes relation data of the unit or, as the leader, of the application, once the hook has succeeded.",
    flags: &[
        RELATION,
        Flag::switch(&["app"], "Write the data of the application (leader only)"),
        FILE,
    ],
    output: OutputKind::Deprecated,
    run: relation_set,
}];

fn relation_set(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let id = scene.require_relation(parsed)?;
    let settings = file_and_arguments(scene, parsed)?;
    let of_application = parsed.switch("app");
    if of_application && !scene.is_leader() {
        return Err(ToolError::failed("cannot write relation settings"));
    }
    if settings.is_empty() {
        return Ok(Answered::nothing());
    }
    let pending = &mut scene.context.pending;
    let bags = if of_application {
        &mut pending.app_settings
    } else {
        &mut pending.unit_settings
    };
    bags.entry(id).or_default().extend(settings);
    Ok(Answered::nothing())
}

/// Returns the settings of `--file` with those of the arguments over them.
pub(super) fn file_and_arguments(
    scene: &Scene<'_>,
    parsed: &Parsed,
) -> Result<BTreeMap<String, String>, ToolError> {
    let arguments = key_values(&parsed.positionals)?;
    let mut settings = match &scene.file {
        Some(text) => parse_file(text).map_err(ToolError::failed)?,
        None => BTreeMap::new(),
    };
    settings.extend(arguments);
    Ok(settings)
}

/// Reads a flat map of scalars, each kept as it is written (`1.50` stays `1.50`); null is the empty text.
///
/// # Errors
///
/// Fails in the words of Go's YAML reader.
fn parse_file(text: &str) -> Result<BTreeMap<String, String>, String> {
    type Settings = Option<BTreeMap<String, Option<String>>>;
    // JSON first: its escapes for characters outside the basic plane are no YAML.
    let settings =
        serde_json::from_str::<Settings>(text).or_else(|_| yaml::parse::<Settings>("", text));
    match settings {
        Ok(settings) => Ok(settings
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| (key, value.unwrap_or_default()))
            .collect()),
        Err(error) => {
            let line = error.position.map_or(1, |position| position.line);
            Err(match yaml::parse_value("", text) {
                Ok(value) => format!(
                    "yaml: unmarshal errors:\n  line {line}: cannot unmarshal {}",
                    misfit(&value)
                ),
                Err(error) => format!("yaml: line {line}: {}", error.message),
            })
        }
    }
}

/// Says which part of a document is not what a flat map of text has.
fn misfit(value: &Value) -> &'static str {
    let Value::Object(map) = value else {
        return match value {
            Value::Array(_) => "!!seq into map[string]string",
            _ => "!!str into map[string]string",
        };
    };
    match map.values().any(Value::is_array) {
        true => "!!seq into string",
        false => "!!map into string",
    }
}
