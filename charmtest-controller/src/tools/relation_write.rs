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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::tools::testing::{World, unit};

    fn committed(world: &World, id: u32, key: &str) -> Option<String> {
        let model = world.model();
        model
            .relations
            .get(&id)?
            .members
            .get("two/0")?
            .bag
            .data
            .get(key)
            .cloned()
    }

    #[test]
    fn writes_are_the_units_own_until_the_flush() {
        let world = World::new();
        let before = world.model();
        world.check(&[
            ("relation-set -r 12 a=1 from=", 0, "", ""),
            ("relation-set -r 12 a=2 --app", 0, "", ""),
            ("relation-get -r 12 a two/0", 0, "1\n", ""),
            ("relation-get -r 12 --app a two", 0, "2\n", ""),
        ]);
        assert_eq!(world.model(), before);
        world.flush().unwrap();
        assert_eq!(
            (
                committed(&world, 12, "a").as_deref(),
                committed(&world, 12, "from")
            ),
            (Some("1"), None)
        );
        let model = world.model();
        let relation = model.relations.get(&12).unwrap();
        assert_eq!(relation.applications["two"].data["a"], "2");
        assert_eq!(
            (
                relation.applications["two"].version,
                relation.members["two/0"].bag.version
            ),
            (2, 2)
        );
    }

    #[test]
    fn equal_values_change_nothing() {
        let world = World::new();
        let before = world.model();
        world.check(&[
            ("relation-set -r 12 from=two/0 gone=", 0, "", ""),
            ("relation-set -r 12 --app app-from=two", 0, "", ""),
        ]);
        world.flush().unwrap();
        assert_eq!(world.model(), before);
    }

    #[test]
    fn only_the_leader_writes_for_the_application() {
        let mut world = World::new();
        world.check(&[("relation-set -r 12 --app a=1", 0, "", "")]);
        world.edit(|model| model.applications.get_mut("two").unwrap().leader = Some(unit("two/1")));
        let before = world.model();
        assert_eq!(
            world.flush().unwrap_err(),
            "\"two/0\" is not leader of \"two\""
        );
        assert_eq!(world.model(), before);
        world.enter("two/0", None, None);
        world.check(&[(
            "relation-set -r 12 --app a=1",
            1,
            "",
            "ERROR cannot write relation settings\n",
        )]);
    }

    #[test]
    fn a_file_is_read_from_the_callers_directory_and_arguments_win() {
        let world = World::new();
        fs::write(
            world.cwd().join("data.yaml"),
            "a: ' x '\nb: 1.50\nfrom: null\n",
        )
        .unwrap();
        world.check(&[
            ("relation-set -r 12 --file data.yaml b=2", 0, "", ""),
            ("relation-get -r 12 - two/0 --format=json", 0, "{\"a\":\" x \",\"b\":\"2\",\"egress-subnets\":\"10.200.0.5/32\",\"ingress-address\":\"10.200.0.5\",\"seen-oth-0\":\"yes\"}\n", ""),
        ]);
        let (code, _, stderr) = world.run("relation-set -r 12 --file /dev/zero");
        assert_eq!(
            (code, stderr.as_str()),
            (1, "ERROR open /dev/zero: not a regular file\n")
        );
    }

    #[test]
    fn files_are_flat_maps_of_scalars() {
        for (text, expected) in [
            ("", "{}"),
            ("{}", "{}"),
            ("a: 1", r#"{"a": "1"}"#),
            (
                "a: 0x10\nb: yes\nc: 1.50\nd: ~\n",
                r#"{"a": "0x10", "b": "yes", "c": "1.50", "d": ""}"#,
            ),
            (
                r#"{"a": "\ud83d\ude00", "b": "<\n>"}"#,
                "{\"a\": \"😀\", \"b\": \"<\\n>\"}",
            ),
            ("a: |\n  x\n  y\n", r#"{"a": "x\ny\n"}"#),
        ] {
            assert_eq!(
                parse_file(text).map(|map| format!("{map:?}")).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
        for (text, expected) in [
            (
                "a: {b: c}",
                "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!map into string",
            ),
            (
                "a: b\nc: [d]",
                "yaml: unmarshal errors:\n  line 2: cannot unmarshal !!seq into string",
            ),
            (
                "- a",
                "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into map[string]string",
            ),
            (
                "text",
                "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str into map[string]string",
            ),
        ] {
            assert_eq!(parse_file(text), Err(expected.to_owned()), "{text}");
        }
        assert!(parse_file("a: [").unwrap_err().starts_with("yaml: line "));
    }
}
