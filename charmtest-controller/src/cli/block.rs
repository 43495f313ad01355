//! `disable-command`, `enable-command`, `disabled-commands`, and what they keep other commands from doing.
//!
//! Juju groups commands into three sets that overlap; the tables are those of its `disable-command` help (3.6 and 4.0).

use serde_json::{Value, json};

use super::command::{Command, Cx, Failure, any_args, at_most, no_args};
use super::table::TextTable;
use crate::JujuVersion;
use crate::flags::{Flag, Parsed};
use crate::model::{Model, Rejected};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("disable-command", "Disable commands for the model.", |cx| {
        Box::pin(disable(cx))
    })
    .args("<command set> [message...]", |args| {
        check_set(args)?;
        any_args(args)
    }),
    Command::new(
        "enable-command",
        "Enable commands that had been previously disabled.",
        |cx| Box::pin(enable(cx)),
    )
    .args("<command set>", |args| {
        check_set(args)?;
        at_most(args, 1)
    }),
    Command::new("disabled-commands", "List disabled commands.", |cx| {
        Box::pin(list(cx))
    })
    .aliases(&["list-disabled-commands"])
    .args("", no_args)
    .formats(&["tabular", "json", "yaml"])
    .flags(&[Flag::switch(
        &["all"],
        "Lists for all models (administrative users only)",
    )]),
];

const DESTROY: &str = "destroy-model";
const REMOVE: &str = "remove-object";
const ALL: &str = "all";

/// The sets by what Juju's API calls them, in its order.
const SETS: [(&str, &str); 3] = [
    (DESTROY, "BlockDestroy"),
    (REMOVE, "BlockRemove"),
    (ALL, "BlockChange"),
];

/// What removes something; `destroy-model` is apart.
const REMOVALS: [&str; 7] = [
    "detach-storage",
    "remove-application",
    "remove-machine",
    "remove-relation",
    "remove-saas",
    "remove-storage",
    "remove-unit",
];

/// What changes a model and removes nothing.
const CHANGES: [&str; 46] = [
    "add-machine",
    "add-secret",
    "add-space",
    "add-ssh-key",
    "add-storage",
    "add-unit",
    "attach-resource",
    "attach-storage",
    "bind",
    "cancel-task",
    "consume",
    "create-storage-pool",
    "deploy",
    "exec",
    "expose",
    "grant-secret",
    "import-ssh-key",
    "integrate",
    "model-secret-backend",
    "move-to-space",
    "refresh",
    "reload-spaces",
    "remove-secret",
    "remove-space",
    "remove-ssh-key",
    "remove-storage-pool",
    "rename-space",
    "resolved",
    "resume-relation",
    "retry-provisioning",
    "revoke-secret",
    "run",
    "scale-application",
    "set-application-base",
    "set-application-storage",
    "set-constraints",
    "set-credential",
    "set-firewall-rule",
    "set-model-constraints",
    "suspend-relation",
    "trust",
    "unexpose",
    "update-secret",
    "update-storage-pool",
    "upgrade-machine",
    "upgrade-model",
];

/// What shows when it has nothing to set.
const SHOW_OR_CHANGE: [&str; 2] = ["config", "model-config"];

fn check_set(args: &Parsed) -> Result<(), String> {
    let valid = "all, destroy-model, remove-object";
    match args.positionals.first() {
        None => Err(format!("missing command set ({valid})")),
        Some(set) if SETS.iter().any(|(name, _)| name == set) => Ok(()),
        Some(_) => Err(format!("bad command set, valid options: {valid}")),
    }
}

/// Returns what Juju's API calls a set.
fn api_name(set: &str) -> &'static str {
    let found = SETS.iter().find(|(name, _)| *name == set);
    found.map_or("", |(_, api)| *api)
}

async fn disable(cx: &Cx) -> Result<(), Failure> {
    let (set, message) = (&cx.positionals()[0], cx.positionals()[1..].join(" "));
    switch(cx, |model| {
        let juju = model.info.juju;
        let blocks = &mut model.info_mut().blocks;
        match (blocks.contains_key(set), juju) {
            (true, JujuVersion::V3_6) => Err(format!("block {} is already ON", api_name(set))),
            // Nothing changes then, the message neither.
            (true, JujuVersion::V4_0) => Ok(()),
            (false, _) => {
                blocks.insert(set.clone(), message);
                Ok(())
            }
        }
    })
}

async fn enable(cx: &Cx) -> Result<(), Failure> {
    let set = &cx.positionals()[0];
    switch(cx, |model| {
        let juju = model.info.juju;
        let was = model.info_mut().blocks.remove(set);
        was.map(drop).ok_or_else(|| match juju {
            JujuVersion::V3_6 => format!("block {} is already OFF", api_name(set)),
            JujuVersion::V4_0 => "executing block command: block not found".to_owned(),
        })
    })
}

fn switch(cx: &Cx, change: impl FnOnce(&mut Model) -> Result<(), String>) -> Result<(), Failure> {
    cx.hub
        .transact(|state| {
            let uuid = cx.model_uuid();
            let model = state.model_mut(&uuid).ok_or(Rejected(uuid))?;
            change(model).map_err(Failure::Failed)
        })
        .map_err(Failure::from)
}

async fn list(cx: &Cx) -> Result<(), Failure> {
    let is_all = cx.args.switch("all");
    let blocked: Vec<Value> = if is_all {
        let state = cx.hub.snapshot();
        let models = state.models.values();
        models
            .filter(|model| !model.info.blocks.is_empty())
            .map(|model| {
                json!({
                    "name": model.info.name,
                    "model-uuid": model.info.uuid,
                    "owner": model.info.owner,
                    "disabled-commands": model.info.blocks.keys().collect::<Vec<_>>(),
                })
            })
            .collect()
    } else {
        let model = cx.model()?;
        let sets = SETS
            .iter()
            .filter_map(|(set, _)| Some((set, model.info.blocks.get(*set)?)));
        sets.map(|(set, message)| {
            let mut about = json!({ "command-set": set });
            if !message.is_empty() {
                about["message"] = message.clone().into();
            }
            about
        })
        .collect()
    };
    if blocked.is_empty() && cx.format == "tabular" {
        cx.info("No commands are currently disabled.").await;
        return Ok(());
    }
    cx.print_value(&json!(blocked), |_| table(is_all, &blocked))
        .await
}

fn table(is_all: bool, blocked: &[Value]) -> String {
    let text = |value: &Value| match value {
        Value::Array(items) => {
            let names: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            names.join(", ")
        }
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let (header, keys): (&[&str], &[&str]) = if is_all {
        (
            &["Name", "Model UUID", "Owner", "Disabled commands"],
            &["name", "model-uuid", "owner", "disabled-commands"],
        )
    } else {
        (
            &["Disabled commands", "Message"],
            &["command-set", "message"],
        )
    };
    let mut table = TextTable::new(header.iter().copied());
    for one in blocked {
        table.row(keys.iter().map(|key| text(&one[*key])));
    }
    table.render()
}

/// Refuses a command that is disabled in its model.
///
/// # Errors
///
/// Fails with the reason that the user gave, and how to enable the command.
pub(super) fn check(model: &Model, command: &str, args: &Parsed) -> Result<(), Failure> {
    let blocks = &model.info.blocks;
    if blocks.is_empty() || !changes(command, args) {
        return Ok(());
    }
    let sets: &[&str] = match command {
        "destroy-model" => &[DESTROY, REMOVE, ALL],
        _ if REMOVALS.contains(&command) => &[REMOVE, ALL],
        _ => &[ALL],
    };
    let Some(message) = sets.iter().find_map(|set| blocks.get(*set)) else {
        return Ok(());
    };
    let message = match message.as_str() {
        "" => "the operation has been blocked",
        given => given,
    };
    let message = match command {
        "destroy-model" => format!("cannot destroy model: {message}"),
        _ => message.to_owned(),
    };
    let hint = match sets[0] {
        DESTROY => {
            "destroy-model operation has been disabled for the current model.\nTo enable the command run\n\n    juju enable-command destroy-model\n\n"
        }
        REMOVE => {
            "All operations that remove machines, containers, applications, units or relations have been disabled for the current model.\nTo enable removal, run\n\n    juju enable-command remove-object\n\n"
        }
        _ => {
            "All operations that change model have been disabled for the current model.\nTo enable changes, run\n\n    juju enable-command all\n\n"
        }
    };
    Err(Failure::Failed(format!("{message}\n\n{hint}")))
}

/// Says whether a command, with these arguments, would change its model.
fn changes(command: &str, args: &Parsed) -> bool {
    if SHOW_OR_CHANGE.contains(&command) {
        let sets = args.positionals.iter().any(|arg| arg.contains('='));
        return sets || args.is_set("reset") || args.is_set("file");
    }
    command == "destroy-model" || REMOVALS.contains(&command) || CHANGES.contains(&command)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Controller;
    use super::*;

    #[test]
    fn sets_of_commands_are_disabled_and_enabled() {
        for juju in JujuVersion::ALL {
            let c = Controller::with_model_of(juju);
            let outcome = c.juju("disabled-commands").ok();
            assert_eq!(
                (outcome.stdout.as_str(), outcome.stderr.as_str()),
                ("", "No commands are currently disabled.\n")
            );
            assert_eq!(
                c.juju("disabled-commands --format json").ok().stdout,
                "[]\n"
            );
            c.juju("disable-command remove-object hands off").ok();
            c.juju("disable-command destroy-model").ok();
            assert_eq!(
                c.juju("disabled-commands").ok().stdout,
                "Disabled commands  Message\ndestroy-model      \nremove-object      hands off\n"
            );
            assert_eq!(
                c.juju("disabled-commands --format json").ok().stdout,
                "[{\"command-set\":\"destroy-model\"},{\"command-set\":\"remove-object\",\"message\":\"hands off\"}]\n"
            );
            let all = c.juju("disabled-commands --all --format json").ok().json();
            assert_eq!(
                all[0]["disabled-commands"],
                json!(["destroy-model", "remove-object"])
            );
            let again = c.juju("disable-command remove-object other words");
            let (on, off) = match juju {
                JujuVersion::V3_6 => (
                    "ERROR block BlockRemove is already ON\n",
                    "ERROR block BlockDestroy is already OFF\n",
                ),
                JujuVersion::V4_0 => ("", "ERROR executing block command: block not found\n"),
            };
            assert_eq!(
                (again.code, again.stderr.as_str()),
                (u8::from(!on.is_empty()), on)
            );
            let kept = c.juju("disabled-commands").ok().stdout;
            assert!(kept.contains("remove-object      hands off"), "{kept}");
            c.juju("enable-command destroy-model").ok();
            let outcome = c.juju("enable-command destroy-model");
            assert_eq!((outcome.code, outcome.stderr.as_str()), (1, off));
        }
    }

    #[test]
    fn a_disabled_command_does_nothing() {
        let c = Controller::with_model();
        let refused = |line: &str, hint: &str| {
            let outcome = c.juju(line);
            assert_eq!(outcome.code, 1, "{line}: {outcome:?}");
            assert!(outcome.stderr.contains(hint), "{line}: {outcome:?}");
            outcome.stderr
        };
        c.juju("disable-command remove-object hands off").ok();
        assert_eq!(
            refused(
                "remove-application --no-prompt x",
                "enable-command remove-object"
            ),
            "ERROR hands off\n\nAll operations that remove machines, containers, applications, units or relations have been disabled for the current model.\nTo enable removal, run\n\n    juju enable-command remove-object\n\n\n"
        );
        refused(
            "destroy-model --no-prompt m",
            "cannot destroy model: hands off",
        );
        c.juju("add-machine").ok();
        c.juju("disable-command all").ok();
        refused(
            "add-machine",
            "ERROR the operation has been blocked\n\nAll operations that change model",
        );
        refused("model-config mode=", "enable-command all");
        refused("model-config --reset mode", "enable-command all");
        c.juju("model-config mode").ok();
        c.juju("status").ok();
        c.juju("show-model").ok();
        c.juju("enable-command remove-object").ok();
        refused(
            "remove-machine --no-prompt 0",
            "the operation has been blocked",
        );
        c.juju("enable-command all").ok();
        c.juju("remove-machine --no-prompt 0").ok();
        c.juju("disable-command destroy-model").ok();
        refused(
            "destroy-model --no-prompt m",
            "juju enable-command destroy-model",
        );
        c.juju("enable-command destroy-model").ok();
    }

    #[test]
    fn sets_that_are_none() {
        let c = Controller::with_model();
        for (line, expected) in [
            (
                "disable-command",
                "missing command set (all, destroy-model, remove-object)",
            ),
            (
                "enable-command",
                "missing command set (all, destroy-model, remove-object)",
            ),
            (
                "disable-command x",
                "bad command set, valid options: all, destroy-model, remove-object",
            ),
            ("enable-command all x", "unrecognized args: [\"x\"]"),
        ] {
            let outcome = c.juju(line);
            assert_eq!(
                (outcome.code, outcome.stderr),
                (2, format!("ERROR {expected}\n"))
            );
        }
    }

    #[test]
    fn every_command_that_can_be_disabled_is_one() {
        let known: Vec<&str> = JujuVersion::ALL
            .into_iter()
            .flat_map(super::super::catalogue::names)
            .collect();
        let all = REMOVALS.iter().chain(&CHANGES).chain(&SHOW_OR_CHANGE);
        for name in all {
            assert!(known.contains(name), "{name}");
        }
    }
}
