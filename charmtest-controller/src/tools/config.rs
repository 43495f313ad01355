//! `config-get`, `is-leader`, `leader-get`, `leader-set`, `unit-get`, `credential-get`.

use serde_json::{Map, Value, json};

use super::tool::{
    Answered, Effect, OutputKind, Scene, Tool, ToolError, at_most, key_values, optional_key,
};
use crate::agent::HookContext;
use crate::encode::with_floats;
use crate::flags::{Flag, Parsed};

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "config-get",
        arguments: "[<key>]",
        summary: "Shows the application's configuration.",
        flags: &[Flag::switch(
            &["a", "all"],
            "Show options without a value too",
        )],
        output: OutputKind::Smart,
        run: config_get,
    },
    Tool {
        name: "credential-get",
        arguments: "",
        summary: "Shows the cloud and its credential to applications that are trusted with it.",
        flags: &[],
        output: OutputKind::Smart,
        run: credential_get,
    },
    Tool {
        name: "is-leader",
        arguments: "",
        summary: "Says whether the unit leads its application.",
        flags: &[],
        output: OutputKind::Smart,
        run: is_leader,
    },
    Tool {
        name: "leader-get",
        arguments: "[<key>]",
        summary: "Shows what the leader stored with leader-set.",
        flags: &[],
        output: OutputKind::Smart,
        run: leader_get,
    },
    Tool {
        name: "leader-set",
        arguments: "<key>=<value> [...]",
        summary: "Stores settings that all units of the application can read.",
        flags: &[],
        output: OutputKind::Plain,
        run: leader_set,
    },
    Tool {
        name: "unit-get",
        arguments: "<setting>",
        summary: "Shows the unit's private-address or public-address.",
        flags: &[],
        output: OutputKind::Smart,
        run: unit_get,
    },
];

fn config_get(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let key = parsed.positionals.first();
    let all = parsed.switch("all");
    if let Some(key) = key.filter(|_| all) {
        return Err(ToolError::usage(format!(
            "cannot use argument --all together with key {key:?}"
        )));
    }
    at_most(parsed, 1)?;
    let mut settings = settings(scene.context);
    if let Some(key) = key {
        return Ok(Answered::value(settings.remove(key).unwrap_or_default()));
    }
    if !all {
        settings.retain(|_, value| !value.is_null());
    }
    Ok(Answered::value(settings))
}

/// Returns all options of the charm that the unit runs, those without a value as null.
fn settings(context: &HookContext) -> Map<String, Value> {
    let application = context.unit.application();
    let explicit = context
        .base
        .applications
        .get(application)
        .map(|application| &application.config);
    let running = context
        .base
        .units
        .get(&context.unit)
        .and_then(|unit| unit.progress.charm.as_ref());
    let charm = running
        .and_then(|url| context.base.charms.get(url))
        .or_else(|| context.base.charm_of(application));
    let options = charm.into_iter().flat_map(|row| &row.charm.config.0);
    let value = |name: &String, default: &Option<Value>| {
        let set = explicit.and_then(|explicit| explicit.get(name));
        set.or(default.as_ref()).map_or(Value::Null, with_floats)
    };
    options
        .map(|(name, option)| (name.clone(), value(name, &option.default)))
        .collect()
}

fn is_leader(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    at_most(parsed, 0)?;
    Ok(Answered::value(scene.is_leader()))
}

fn leader_get(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    at_most(parsed, 1)?;
    let application = scene
        .model
        .applications
        .get(scene.context.unit.application());
    let settings = application
        .map(|application| application.leader_settings.data.clone())
        .unwrap_or_default();
    Ok(Answered::value(
        match optional_key(parsed.positionals.first()) {
            Some(key) => settings.get(key).map_or(Value::Null, |value| json!(value)),
            None => json!(settings),
        },
    ))
}

fn leader_set(_: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    Ok(Answered::after(Effect::LeaderSettings(key_values(
        &parsed.positionals,
    )?)))
}

fn unit_get(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let setting = parsed
        .positionals
        .first()
        .ok_or_else(|| ToolError::usage("no setting specified"))?;
    if !matches!(setting.as_str(), "private-address" | "public-address") {
        return Err(ToolError::usage(format!("unknown setting {setting:?}")));
    }
    at_most(parsed, 1)?;
    let address = scene.model.address_of(&scene.context.unit);
    let address = address.ok_or_else(|| ToolError::failed(format!("{setting} not found")))?;
    Ok(Answered::value(address.to_string()))
}

fn credential_get(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    at_most(parsed, 0)?;
    let application = scene
        .context
        .base
        .applications
        .get(scene.context.unit.application());
    if !application.is_some_and(|application| application.trust) {
        return Err(ToolError::failed(
            "cannot access cloud credentials: permission denied",
        ));
    }
    // There is no cloud behind the embedded controller that a charm could talk to.
    Err(ToolError::failed(
        "cannot access cloud credentials: the embedded controller has no cloud with credentials",
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tools::testing::World;

    #[test]
    fn configuration_stays_the_same_for_the_whole_hook() {
        let mut world = World::new();
        world.edit(|model| {
            model
                .applications
                .get_mut("two")
                .unwrap()
                .config
                .insert("mode".to_owned(), json!("loud"));
        });
        world.check(&[("config-get mode", 0, "calm\n", "")]);
        world.enter("two/0", None, None);
        world.check(&[("config-get mode", 0, "loud\n", "")]);
    }

    #[test]
    fn leader_settings_are_the_leaders_to_write_at_once() {
        let mut world = World::new();
        world.check(&[
            ("leader-get", 0, "{}\n", ""),
            ("leader-set a=1 b=2", 0, "", ""),
            ("leader-set b=", 0, "", ""),
            (
                "leader-set novalue",
                2,
                "",
                "ERROR expected \"key=value\", got \"novalue\"\n",
            ),
            ("leader-get", 0, "a: \"1\"\n", ""),
        ]);
        world.enter("two/1", None, None);
        world.check(&[
            ("leader-get - --format=json", 0, "{\"a\":\"1\"}\n", ""),
            ("leader-get a", 0, "1\n", ""),
            ("leader-get b --format=json", 0, "null\n", ""),
            (
                "leader-get a b",
                2,
                "",
                "ERROR unrecognized args: [\"b\"]\n",
            ),
            (
                "leader-set a=2",
                1,
                "",
                "ERROR cannot write leadership settings: cannot write settings: not the leader\n",
            ),
        ]);
    }

    #[test]
    fn leadership_is_that_of_now() {
        let world = World::new();
        world.check(&[("is-leader", 0, "True\n", "")]);
        world.edit(|model| model.applications.get_mut("two").unwrap().leader = None);
        world.check(&[("is-leader --format json", 0, "false\n", "")]);
    }

    #[test]
    fn credentials_need_trust_and_are_not_there() {
        let mut world = World::new();
        world.check(&[(
            "credential-get",
            1,
            "",
            "ERROR cannot access cloud credentials: permission denied\n",
        )]);
        world.edit(|model| model.applications.get_mut("two").unwrap().trust = true);
        world.enter("two/0", None, None);
        let (code, stdout, stderr) = world.run("credential-get");
        assert_eq!((code, stdout.as_str()), (1, ""));
        assert!(stderr.contains("no cloud with credentials"), "{stderr}");
    }

    #[test]
    fn a_unit_without_an_address_says_so() {
        let world = World::new();
        world.edit(|model| drop(model.machines.remove("0")));
        world.check(&[
            (
                "unit-get private-address",
                1,
                "",
                "ERROR private-address not found\n",
            ),
            (
                "network-get server",
                1,
                "",
                "ERROR no network config found for binding \"server\"\n",
            ),
        ]);
    }
}
