//! `state-get`, `state-set`, `state-delete`: a store of the unit's own at the controller.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::flush::{STATE_KEY_MAX, STATE_VALUE_MAX};
use super::relation_write::file_and_arguments;
use super::tool::{Answered, FILE, OutputKind, Scene, Tool, ToolError, at_most, optional_key};
use crate::flags::{Flag, Parsed};

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "state-delete",
        arguments: "<key>",
        summary: "Deletes a key from the unit's state once the hook has succeeded.",
        flags: &[],
        output: OutputKind::Plain,
        run: state_delete,
    },
    Tool {
        name: "state-get",
        arguments: "[<key>]",
        summary: "Shows the unit's state.",
        flags: &[Flag::switch(&["strict"], "Fail when the key is not there")],
        output: OutputKind::Smart,
        run: state_get,
    },
    Tool {
        name: "state-set",
        arguments: "key=value [key=value ...]",
        summary: "Changes the unit's state once the hook has succeeded.",
        flags: &[FILE],
        output: OutputKind::Plain,
        run: state_set,
    },
];

fn state_get(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    at_most(parsed, 1)?;
    let state = state(scene);
    let Some(key) = optional_key(parsed.positionals.first()) else {
        // Go shows a map that was never made as null.
        let null = state.is_empty() && parsed.text("format") == Some("json");
        return Ok(Answered::value(if null {
            Value::Null
        } else {
            json!(state)
        }));
    };
    match state.get(key) {
        Some(value) => Ok(Answered::value(value.as_str())),
        None if parsed.switch("strict") => Err(ToolError::failed(format!("{key:?} not found"))),
        None => Ok(Answered::value("")),
    }
}

/// Returns the state with what is pending.
fn state(scene: &Scene<'_>) -> BTreeMap<String, String> {
    let unit = scene.context.base.units.get(&scene.context.unit);
    let mut state = unit
        .map(|unit| unit.charm_state.clone())
        .unwrap_or_default();
    for (key, value) in &scene.context.pending.charm_state {
        match value {
            Some(value) => state.insert(key.clone(), value.clone()),
            None => state.remove(key),
        };
    }
    state
}

fn state_set(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let changes = file_and_arguments(scene, parsed)?;
    for (key, value) in &changes {
        let lengths = [
            ("key", key.len(), STATE_KEY_MAX),
            ("value", value.len(), STATE_VALUE_MAX),
        ];
        if let Some((what, _, limit)) = lengths.iter().find(|(_, length, limit)| length > limit) {
            return Err(ToolError::failed(format!(
                "max allowed {what} length ({limit}): quota limit exceeded"
            )));
        }
    }
    let changes = changes.into_iter().map(|(key, value)| (key, Some(value)));
    scene.context.pending.charm_state.extend(changes);
    Ok(Answered::nothing())
}

fn state_delete(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    at_most(parsed, 1)?;
    if let Some(key) = parsed.positionals.first() {
        scene.context.pending.charm_state.insert(key.clone(), None);
    }
    Ok(Answered::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::World;

    #[test]
    fn state_is_committed_with_the_hook() {
        let mut world = World::new();
        world.check(&[
            ("state-set a=1 b=", 0, "", ""),
            ("state-delete nokey", 0, "", ""),
        ]);
        assert!(
            world
                .model()
                .units
                .get("two/0")
                .unwrap()
                .charm_state
                .is_empty()
        );
        world.flush().unwrap();
        world.enter("two/0", None, None);
        world.check(&[
            (
                "state-get --format=json",
                0,
                "{\"a\":\"1\",\"b\":\"\"}\n",
                "",
            ),
            ("state-delete a", 0, "", ""),
            ("state-get a --strict", 1, "", "ERROR \"a\" not found\n"),
        ]);
        world.flush().unwrap();
        assert_eq!(
            world
                .model()
                .units
                .get("two/0")
                .unwrap()
                .charm_state
                .keys()
                .collect::<Vec<_>>(),
            ["b"]
        );
    }

    #[test]
    fn keys_and_values_have_limits() {
        let world = World::new();
        let set = |key: usize, value: usize| {
            world.call(
                &[
                    "state-set".to_owned(),
                    format!("{}={}", "k".repeat(key), "v".repeat(value)),
                ],
                None,
            )
        };
        assert_eq!(set(STATE_KEY_MAX, STATE_VALUE_MAX).0, 0);
        assert_eq!(
            set(STATE_KEY_MAX + 1, 1),
            (
                1,
                String::new(),
                "ERROR max allowed key length (256): quota limit exceeded\n".to_owned()
            )
        );
        assert_eq!(
            set(1, STATE_VALUE_MAX + 1),
            (
                1,
                String::new(),
                "ERROR max allowed value length (65536): quota limit exceeded\n".to_owned()
            )
        );
    }
}
