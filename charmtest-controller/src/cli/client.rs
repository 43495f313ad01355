//! Commands about the client's own knowledge: `juju whoami`, `controllers`, `show-controller`, `version`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::command::{Command, Cx, Failure, Running, Scope, any_args};
use super::models::current_name;
use super::table::{Align, TextTable};
use super::target::{self, CLOUD, CONTROLLER, NoController, USER};
use crate::JujuVersion;
use crate::flags::Flag;
use crate::model::State;
use crate::status::Host;

/// What stands over the table of controllers.
const HINT: &str = "Use --refresh option with this command to see the latest information.\n\n";

/// How much the user may do.
const ACCESS: &str = "superuser";

pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "whoami",
        "Display the current controller, model and logged in user name.",
        whoami,
    )
    .scope(Scope::Client)
    .formats(&["tabular", "json", "yaml"]),
    Command::new("controllers", "Lists all controllers.", controllers)
        .aliases(&["list-controllers"])
        .scope(Scope::Client)
        .formats(&["tabular", "json", "yaml"])
        .flags(&[
            Flag::switch(
                &["refresh"],
                "Connect to each controller to download the latest details",
            ),
            Flag::switch(&["managed"], "Show controllers managed by JAAS").unsupported(),
        ]),
    Command::new(
        "show-controller",
        "Shows detailed information of a controller.",
        show_controller,
    )
    .args("[<controller name> ...]", any_args)
    .scope(Scope::Client)
    .formats(&["yaml", "json"])
    .flags(&[Flag::switch(
        &["show-password"],
        "Show password for logged in user",
    )]),
    Command::new("version", "Print the Juju CLI client version.", version)
        .scope(Scope::Client)
        .formats(&["smart", "json", "yaml"])
        .flags(&[Flag::switch(&["all"], "Prints all version information")]),
];

fn whoami(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let selected = target::default_controller(&cx.wanted());
        if let Err(conflict @ NoController::Conflict(_)) = selected {
            return Err(Failure::failed(conflict));
        }
        if selected.is_err() {
            cx.io.stderr("There is no current controller.\nRun juju controllers to see available controllers.\n").await;
            return Ok(());
        }
        let state = cx.hub.snapshot();
        let model = current_name(&state);
        let mut value = json!({ "controller": CONTROLLER });
        if let Some(model) = &model {
            value["model"] = model.clone().into();
        }
        value["user"] = USER.into();
        let table = |_: &Value| {
            let mut table = TextTable::default();
            table.row(["Controller:", CONTROLLER]);
            table.row(["Model:", model.as_deref().unwrap_or("<no-current-model>")]);
            table.row(["User:", USER]);
            table.render()
        };
        cx.print_value(&value, table).await
    })
}

fn controllers(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let state = cx.hub.snapshot();
        let mut about = Map::new();
        let mut put = |key: &str, value: Value| about.insert(key.to_owned(), value);
        if let Some(model) = current_name(&state) {
            put("current-model", model.into());
        }
        put("user", USER.into());
        put("access", ACCESS.into());
        // The one struct of Juju whose YAML names this key differently.
        put(
            if cx.format == "yaml" {
                "controller-uuid"
            } else {
                "uuid"
            },
            state.controller.clone().into(),
        );
        put("api-endpoints", json!([]));
        put("cloud", CLOUD.into());
        put("region", CLOUD.into());
        put("agent-version", cx.juju().number().into());
        put("model-count", state.models.len().into());
        let value =
            json!({ "controllers": { CONTROLLER: about }, "current-controller": CONTROLLER });
        let hint = if cx.args.switch("refresh") { "" } else { HINT };
        let table = |_: &Value| format!("{hint}{}", controllers_table(&state));
        cx.print_value(&value, table).await
    })
}

fn controllers_table(state: &State) -> String {
    let header = [
        "Controller",
        "Model",
        "User",
        "Access",
        "Cloud/Region",
        "Models",
        "Nodes",
        "HA",
        "Version",
    ];
    let mut table = TextTable::new(header)
        .align(5, Align::Right)
        .align(6, Align::Right)
        .align(7, Align::Right)
        .padded_end();
    let model = current_name(state);
    let models = state.models.len().to_string();
    let region = format!("{CLOUD}/{CLOUD}");
    table.row([
        &format!("{CONTROLLER}*"),
        model.as_deref().unwrap_or("-"),
        USER,
        ACCESS,
        &region,
        &models,
        "1",
        "none",
        state.juju.number(),
    ]);
    table.render()
}

fn show_controller(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        if cx.positionals().is_empty() {
            match target::default_controller(&cx.wanted()) {
                Ok(()) => {}
                Err(NoController::NotFound) => {
                    return Err(Failure::failed("there is no active controller"));
                }
                Err(conflict) => return Err(Failure::failed(conflict)),
            }
        }
        if let Some(other) = cx.positionals().iter().find(|name| *name != CONTROLLER) {
            return Err(Failure::Failed(format!("controller {other} not found")));
        }
        let state = cx.hub.snapshot();
        let uuid_key = if cx.format == "yaml" {
            "controller-uuid"
        } else {
            "uuid"
        };
        let mut about = json!({
            "details": {
                uuid_key: state.controller,
                "api-endpoints": [],
                "cloud": CLOUD,
                "region": CLOUD,
                "agent-version": cx.juju().number(),
                "controller-model-version": cx.juju().number(),
            },
        });
        let models: BTreeMap<&str, Value> = state
            .models
            .values()
            .map(|model| {
                let mut counts = json!({ if cx.format == "yaml" { "model-uuid" } else { "uuid" }: model.info.uuid });
                if !model.machines.is_empty() {
                    counts["machine-count"] = model.machines.len().into();
                }
                if !model.units.is_empty() && cx.juju() == JujuVersion::V3_6 {
                    counts["unit-count"] = model.units.len().into();
                }
                (model.info.name.as_str(), counts)
            })
            .collect();
        if !models.is_empty() {
            about["models"] = json!(models);
        }
        if let Some(model) = state.current_name() {
            about["current-model"] = model.into();
        }
        about["account"] = json!({ "user": USER, "access": ACCESS });
        cx.print_value(&json!({ CONTROLLER: about }), |_| String::new())
            .await
    })
}

fn version(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let os_release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let version = format!(
            "{}-{}-{}",
            cx.juju().number(),
            os_name(&os_release),
            Host::ARCH
        );
        if cx.args.switch("all") {
            let all = json!({ "version": version, "compiler": "gc", "official": false });
            return cx.print_value(&all, |_| String::new()).await;
        }
        cx.print_value(&version.into(), |_| String::new()).await
    })
}

/// Returns Juju's word for the operating system that `/etc/os-release` describes.
fn os_name(os_release: &str) -> &'static str {
    let id = os_release
        .lines()
        .find_map(|line| line.strip_prefix("ID="))
        .unwrap_or_default();
    match id.trim_matches('"') {
        "ubuntu" => "ubuntu",
        "centos" => "centos",
        _ => "genericlinux",
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Controller;
    use super::*;

    #[test]
    fn the_table_of_controllers_says_how_to_refresh_it() {
        let c = Controller::with_model();
        for (line, has_hint) in [("controllers", true), ("controllers --refresh", false)] {
            let outcome = c.juju(line).ok();
            let hint = outcome.stdout.starts_with("Use --refresh option");
            assert_eq!((hint, outcome.stderr.as_str()), (has_hint, ""), "{line}");
        }
    }

    #[test]
    fn whoami_tells_where_one_is() {
        let mut c = Controller::new();
        assert_eq!(
            c.juju("whoami").ok().stdout,
            "Controller:  embedded\nModel:       <no-current-model>\nUser:        admin\n"
        );
        c.juju("add-model m").ok();
        assert_eq!(
            c.juju("whoami --format json").ok().stdout,
            "{\"controller\":\"embedded\",\"model\":\"m\",\"user\":\"admin\"}\n"
        );
        c.set_env("JUJU_CONTROLLER", "nosuch");
        let outcome = c.juju("whoami --format json").ok();
        assert_eq!(
            (outcome.stdout.as_str(), outcome.stderr.lines().next()),
            ("", Some("There is no current controller."))
        );
    }

    #[test]
    fn the_version_is_of_the_emulated_juju() {
        let c = Controller::new();
        let text = c.juju("version").ok().stdout;
        assert!(
            text.starts_with("3.6.28-") && text.trim_end().matches('-').count() == 2,
            "{text}"
        );
        assert_eq!(c.juju("--version").ok().stdout, text);
        assert_eq!(
            c.juju("version --format json").json(),
            json!(text.trim_end())
        );
        assert_eq!(
            c.juju("version --all --format json").json()["version"],
            json!(text.trim_end())
        );
        for (id, name) in [
            ("ID=ubuntu\n", "ubuntu"),
            ("NAME=x\nID=\"centos\"", "centos"),
            ("ID=debian", "genericlinux"),
            ("", "genericlinux"),
        ] {
            assert_eq!(os_name(id), name);
        }
    }

    #[test]
    fn the_controller_is_listed() {
        let c = Controller::with_model();
        let listed = c.juju("controllers --format json").ok().json();
        assert_eq!(listed["current-controller"], "embedded");
        assert_eq!(listed["controllers"]["embedded"]["current-model"], "m");
        let shown = c.juju("show-controller --format json").ok().json();
        assert_eq!(shown["embedded"]["current-model"], "admin/m");
        let outcome = c.juju("show-controller nosuch");
        assert_eq!(
            (
                outcome.code,
                outcome.stdout.as_str(),
                outcome.stderr.as_str()
            ),
            (1, "{}\n", "ERROR controller nosuch not found\n")
        );
    }
}
