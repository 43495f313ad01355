//! `action-get`, `action-set`, `action-fail`, `action-log`.

use serde_json::{Map, Value};

use super::tool::{Answered, Effect, OutputKind, Scene, Tool, ToolError, at_most};
use crate::agent::ActionContext;
use crate::encode::with_floats;
use crate::flags::Parsed;

/// Keys of results that Juju writes itself.
const RESERVED: [&str; 4] = ["stdout", "stdout-encoding", "stderr", "stderr-encoding"];

const NO_REASON: &str = "action failed without reason given, check action for errors";

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "action-fail",
        arguments: "[\"<message>\"]",
        summary: "Marks the action as failed, with a message.",
        flags: &[],
        output: OutputKind::Plain,
        run: action_fail,
    },
    Tool {
        name: "action-get",
        arguments: "[<key>[.<key>.<key>...]]",
        summary: "Shows the action's parameters.",
        flags: &[],
        output: OutputKind::Smart,
        run: action_get,
    },
    Tool {
        name: "action-log",
        arguments: "<message>",
        summary: "Records a progress message of the action, at once.",
        flags: &[],
        output: OutputKind::Plain,
        run: action_log,
    },
    Tool {
        name: "action-set",
        arguments: "<key>=<value> [<key>=<value> ...]",
        summary: "Adds to the action's results.",
        flags: &[],
        output: OutputKind::Plain,
        run: action_set,
    },
];

fn action<'a>(scene: &'a mut Scene<'_>) -> Result<&'a mut ActionContext, ToolError> {
    scene
        .context
        .action
        .as_mut()
        .ok_or_else(|| ToolError::failed("not running an action"))
}

fn action_get(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    at_most(parsed, 1)?;
    let params = &action(scene)?.params;
    let Some(path) = parsed.positionals.first() else {
        return Ok(Answered::value(with_floats(&Value::Object(params.clone()))));
    };
    let mut keys = path.split('.');
    let first = keys.next().and_then(|key| params.get(key));
    let found = keys.fold(first, |value, key| {
        value.and_then(|value| value.as_object()?.get(key))
    });
    Ok(Answered::value(found.map_or(Value::Null, with_floats)))
}

fn action_set(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let mut results = Vec::new();
    for argument in &parsed.positionals {
        let (path, value) = argument.split_once('=').ok_or_else(|| {
            ToolError::usage(format!(
                "argument {argument:?} must be of the form key...=value"
            ))
        })?;
        let keys: Vec<&str> = path.split('.').collect();
        keys.iter().try_for_each(|key| check_key(key))?;
        results.push((keys, value));
    }
    let action = action(scene)?;
    for (keys, value) in results {
        set_nested(&mut action.results, &keys, value);
    }
    Ok(Answered::nothing())
}

/// Puts `value` under the path `keys`; what stands in the way is replaced.
fn set_nested(map: &mut Map<String, Value>, keys: &[&str], value: &str) {
    let Some((first, rest)) = keys.split_first() else {
        return;
    };
    if rest.is_empty() {
        map.insert((*first).to_owned(), Value::from(value));
        return;
    }
    let inner = map
        .entry(*first)
        .or_insert_with(|| Value::Object(Map::new()));
    if !inner.is_object() {
        *inner = Value::Object(Map::new());
    }
    if let Value::Object(inner) = inner {
        set_nested(inner, rest, value);
    }
}

/// Accepts what Juju 3.6 does: lower-case letters, digits and inner hyphens.
fn check_key(key: &str) -> Result<(), ToolError> {
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = key.as_bytes();
    let ends = bytes.first().is_some_and(alphanumeric) && bytes.last().is_some_and(alphanumeric);
    if !ends || !bytes.iter().all(|b| alphanumeric(b) || *b == b'-') {
        return Err(ToolError::usage(format!(
            "key {key:?} must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric, hyphens and periods"
        )));
    }
    if RESERVED.contains(&key) {
        return Err(ToolError::usage(format!(
            "cannot set reserved action key {key:?}"
        )));
    }
    Ok(())
}

fn action_fail(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    at_most(parsed, 1)?;
    let message = parsed.positionals.first().map_or(NO_REASON, String::as_str);
    action(scene)?.failed = Some(message.to_owned());
    Ok(Answered::nothing())
}

fn action_log(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    if parsed.positionals.is_empty() {
        return Err(ToolError::usage("no message specified"));
    }
    action(scene)?;
    Ok(Answered::after(Effect::ActionLog(
        parsed.positionals.join(" "),
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tools::testing::World;

    #[test]
    fn parameters_are_found_by_path() {
        let mut world = World::new();
        world.enter_action(
            "two/0",
            json!({"word": "hi", "n": 1_000_000, "opts": {"deep": {"x": true}}}),
        );
        world.check(&[
            ("action-get word", 0, "hi\n", ""),
            ("action-get n", 0, "1e+06\n", ""),
            ("action-get n --format=json", 0, "1000000\n", ""),
            ("action-get opts.deep.x", 0, "True\n", ""),
            ("action-get opts.deep", 0, "x: true\n", ""),
            ("action-get opts.none.x --format=json", 0, "null\n", ""),
            ("action-get word.x --format=json", 0, "null\n", ""),
            (
                "action-get --format=json",
                0,
                "{\"n\":1000000,\"opts\":{\"deep\":{\"x\":true}},\"word\":\"hi\"}\n",
                "",
            ),
            (
                "action-get a b",
                2,
                "",
                "ERROR unrecognized args: [\"b\"]\n",
            ),
        ]);
    }

    #[test]
    fn results_are_text_nested_by_path() {
        let mut world = World::new();
        world.enter_action("two/0", json!({}));
        world.check(&[
            ("action-set", 0, "", ""),
            ("action-set a=1 b.c=2 b.d='x=y z'", 0, "", ""),
            ("action-set a.deep=3", 0, "", ""),
            (
                "action-set novalue",
                2,
                "",
                "ERROR argument \"novalue\" must be of the form key...=value\n",
            ),
            (
                "action-set ok=1 b.stdout=x",
                2,
                "",
                "ERROR cannot set reserved action key \"stdout\"\n",
            ),
        ]);
        for bad in ["A=1", "a_b=1", "-- -a=1", "a-=1", "a..b=1", "=1"] {
            let (code, _, stderr) = world.run(&format!("action-set {bad}"));
            assert!(
                code == 2 && stderr.contains("must start and end with lowercase alphanumeric"),
                "{bad}: {stderr}"
            );
        }
        let results = world.context(|context| context.action.clone().unwrap().results);
        assert_eq!(
            json!(results),
            json!({"a": {"deep": "3"}, "b": {"c": "2", "d": "x=y z"}})
        );
    }

    #[test]
    fn failing_and_logging() {
        let mut world = World::new();
        world.enter_action("two/0", json!({}));
        world.check(&[("action-fail", 0, "", "")]);
        let reason =
            |world: &World| world.context(|context| context.action.clone().unwrap().failed);
        assert_eq!(
            reason(&world).as_deref(),
            Some("action failed without reason given, check action for errors")
        );
        world.check(&[
            ("action-fail 'no disk'", 0, "", ""),
            (
                "action-fail a b",
                2,
                "",
                "ERROR unrecognized args: [\"b\"]\n",
            ),
            ("action-log -- half done", 0, "", ""),
        ]);
        assert_eq!(reason(&world).as_deref(), Some("no disk"));
        assert_eq!(world.model().tasks.get(&5).unwrap().log[0].1, "half done");
    }

    #[test]
    fn outside_actions_there_is_nothing_to_get_or_set() {
        let world = World::new();
        for line in [
            "action-get",
            "action-set a=b",
            "action-fail",
            "action-log x",
        ] {
            assert_eq!(
                world.run(line),
                (1, String::new(), "ERROR not running an action\n".to_owned()),
                "{line}"
            );
        }
    }
}
