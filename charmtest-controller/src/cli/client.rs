//! Commands about the client's own knowledge: `juju switch`, `whoami`, `controllers`, `show-controller`, `version`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::command::{Command, Cx, Failure, Running, Scope, any_args, at_most};
use super::models::current_name;
use super::table::{Align, TextTable};
use super::target::{self, CLOUD, CONTROLLER, USER};
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
        "switch",
        "Selects or identifies the current controller and model.",
        switch,
    )
    .args(
        "[<controller>|<model>|<controller>:|:<model>|<controller>:<model>]",
        |args| at_most(args, 1),
    )
    .scope(Scope::Client)
    .flags(&[
        Flag::text(&["c", "controller"], "Name of the controller to switch to")
            .only(JujuVersion::V4_0),
        Flag::text(&["m", "model"], "Name of the model to switch to").only(JujuVersion::V4_0),
    ]),
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
    .flags(&[Flag::switch(&["show-password"], "Show password for logged in user").unsupported()]),
    Command::new("version", "Print the Juju CLI client version.", version)
        .scope(Scope::Client)
        .formats(&["smart", "json", "yaml"])
        .flags(&[Flag::switch(&["all"], "Prints all version information")]),
];

fn switch(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let state = cx.hub.snapshot();
        let current = place(&state);
        let Some(wanted) = wanted(cx)? else {
            return cx.print(&format!("{current}\n")).await;
        };
        for (variable, what) in [("JUJU_MODEL", "model"), ("JUJU_CONTROLLER", "controller")] {
            if let Some(value) = cx.env(variable) {
                return Err(Failure::Failed(format!(
                    "cannot switch when {variable} is overriding the {what} (set to {value:?})"
                )));
            }
        }
        let names_controller = wanted == CONTROLLER || wanted.strip_suffix(':') == Some(CONTROLLER);
        if !names_controller {
            switch_model(cx, &wanted)?;
        }
        let new = place(&cx.hub.snapshot());
        let text = if new == current {
            format!("{new} (no change)")
        } else if current == CONTROLLER {
            format!("{current} (controller) -> {new}")
        } else {
            format!("{current} -> {new}")
        };
        cx.info(&text).await;
        Ok(())
    })
}

/// Returns what to switch to: the argument, or in Juju 4.0 what `-m` and `-c` name; there, `-` is the model that was current before.
fn wanted(cx: &Cx) -> Result<Option<String>, Failure> {
    let (model, controller) = (cx.args.text("model"), cx.args.text("controller"));
    let wanted = match (cx.positionals().first(), controller, model) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            return Err(Failure::usage(
                "cannot specify both a target and the --controller or --model options",
            ));
        }
        (Some(wanted), ..) => wanted.clone(),
        (None, Some(controller), model) => format!("{controller}:{}", model.unwrap_or_default()),
        (None, None, Some(model)) => model.to_owned(),
        (None, None, None) => return Ok(None),
    };
    if wanted != "-" || cx.juju() == JujuVersion::V3_6 {
        return Ok(Some(wanted));
    }
    let previous = cx.hub.snapshot().remembered.previous.clone();
    let none = || Failure::failed("there is no previous model to switch to");
    previous.map(Some).ok_or_else(none)
}

fn switch_model(cx: &Cx, wanted: &str) -> Result<(), Failure> {
    let (controller, name) = target::split(wanted);
    let unknown = || {
        let text = format!("{wanted:?} is not the name of a model or controller");
        Failure::Failed(match (cx.juju(), controller) {
            (JujuVersion::V3_6, _) => text,
            (JujuVersion::V4_0, Some(CONTROLLER)) => format!("invalid target model: {text}"),
            (JujuVersion::V4_0, Some(other)) => {
                format!("invalid target model: controller {other} not found")
            }
            (JujuVersion::V4_0, None) => format!(
                "cannot determine if {wanted:?} is a valid model: {:?} is not the name of a model or controller",
                format!("{CONTROLLER}:{wanted}")
            ),
        })
    };
    if controller.is_some_and(|name| name != CONTROLLER) {
        return Err(unknown());
    }
    cx.hub.transact(|state| {
        let found = target::lookup(state, name)
            .ok()
            .flatten()
            .map(|model| model.info.uuid.clone());
        state.make_current(found.ok_or_else(unknown)?);
        Ok::<_, Failure>(())
    })?;
    Ok(())
}

/// Returns `controller:owner/model`, or the controller alone when no model is current.
fn place(state: &State) -> String {
    match state.current_name() {
        Some(model) => format!("{CONTROLLER}:{model}"),
        None => CONTROLLER.to_owned(),
    }
}

fn whoami(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        if target::default_controller(&cx.wanted()).is_err() {
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
    fn switching() {
        let mut c = Controller::new();
        assert_eq!(c.juju("switch").ok().stdout, "embedded\n");
        c.juju("add-model --no-switch a").ok();
        c.juju("add-model --no-switch b").ok();
        for (argument, expected) in [
            ("a", "embedded (controller) -> embedded:admin/a\n"),
            ("a", "embedded:admin/a (no change)\n"),
            ("admin/b", "embedded:admin/a -> embedded:admin/b\n"),
            (":a", "embedded:admin/b -> embedded:admin/a\n"),
            ("embedded", "embedded:admin/a (no change)\n"),
            ("embedded:", "embedded:admin/a (no change)\n"),
            ("embedded:b", "embedded:admin/a -> embedded:admin/b\n"),
        ] {
            let outcome = c.juju(&format!("switch {argument}")).ok();
            assert_eq!(
                (outcome.stdout.as_str(), outcome.stderr.as_str()),
                ("", expected),
                "{argument}"
            );
        }
        assert_eq!(c.juju("switch").ok().stdout, "embedded:admin/b\n");
        for argument in ["nosuch", "embedded:nosuch", "other:a"] {
            let outcome = c.juju(&format!("switch {argument}"));
            assert_eq!(
                (outcome.code, outcome.stderr),
                (
                    1,
                    format!("ERROR {argument:?} is not the name of a model or controller\n")
                )
            );
        }
        c.set_env("JUJU_MODEL", "b");
        let outcome = c.juju("switch a");
        assert_eq!(
            (outcome.code, outcome.stderr.as_str()),
            (
                1,
                "ERROR cannot switch when JUJU_MODEL is overriding the model (set to \"b\")\n"
            )
        );
    }

    #[test]
    fn switching_in_4_0_also_by_options_and_back() {
        let c = Controller::of(JujuVersion::V4_0);
        c.juju("add-model a").ok();
        c.juju("add-model b").ok();
        for (line, code, stderr) in [
            ("switch -", 0, "embedded:admin/b -> embedded:admin/a\n"),
            ("switch -", 0, "embedded:admin/a -> embedded:admin/b\n"),
            ("switch -m a", 0, "embedded:admin/b -> embedded:admin/a\n"),
            ("switch -c embedded", 0, "embedded:admin/a (no change)\n"),
            (
                "switch -c embedded -m b",
                0,
                "embedded:admin/a -> embedded:admin/b\n",
            ),
            (
                "switch nosuch",
                1,
                "ERROR cannot determine if \"nosuch\" is a valid model: \"embedded:nosuch\" is not the name of a model or controller\n",
            ),
            (
                "switch embedded:nosuch",
                1,
                "ERROR invalid target model: \"embedded:nosuch\" is not the name of a model or controller\n",
            ),
            (
                "switch nosuch:a",
                1,
                "ERROR invalid target model: controller nosuch not found\n",
            ),
        ] {
            let outcome = c.juju(line);
            assert_eq!(
                (outcome.code, outcome.stderr.as_str()),
                (code, stderr),
                "{line}"
            );
        }
        assert_eq!(
            Controller::with_model().juju("switch -m m").code,
            2,
            "3.6 has no -m"
        );
    }

    #[test]
    fn a_destroyed_model_stays_current_in_4_0() {
        for (juju, place, code, error) in [
            (
                JujuVersion::V3_6,
                "embedded\n",
                2,
                "ERROR No model in focus.",
            ),
            (
                JujuVersion::V4_0,
                "embedded:admin/m\n",
                1,
                "ERROR model embedded:admin/m not found",
            ),
        ] {
            let c = Controller::with_model_of(juju);
            c.juju("add-model --no-switch other").ok();
            c.juju("destroy-model --no-prompt m").ok();
            assert_eq!(c.juju("switch").ok().stdout, place);
            let status = c.juju("status");
            assert_eq!(status.code, code);
            assert!(status.stderr.starts_with(error), "{}", status.stderr);
            let is_4_0 = juju == JujuVersion::V4_0;
            for (line, key) in [("whoami", "model"), ("models", "current-model")] {
                let value = c.juju(&format!("{line} --format json")).ok().json();
                assert_eq!(value[key] == "m", is_4_0, "{line}");
            }
            c.juju("add-model --no-switch m").ok();
            assert_eq!(c.juju("status").code == 0, is_4_0, "known by its name");
            c.juju("switch other").ok();
            assert_eq!(c.juju("switch").ok().stdout, "embedded:admin/other\n");
        }
    }

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
