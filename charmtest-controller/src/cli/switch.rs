//! `juju switch`.

use super::command::{Command, Cx, Failure, Running, Scope, at_most};
use super::target::{self, CONTROLLER, NoController, USER};
use crate::JujuVersion;
use crate::flags::{Flag, Parsed};
use crate::model::{State, model_name};

pub(super) const COMMANDS: &[Command] = &[Command::new(
    "switch",
    "Selects or identifies the current controller and model.",
    switch,
)
.args(
    "[<controller>|<model>|<controller>:|:<model>|<controller>:<model>]",
    check,
)
.flags(&[
    Flag::text(
        &["m", "model"],
        "Model to operate in. Accepts [<controller name>:]<model name>",
    )
    .only(JujuVersion::V4_0),
    Flag::text(&["c", "controller"], "Controller to operate in").only(JujuVersion::V4_0),
])
.scope(Scope::Client)];

/// What Juju calls an option that is set to nothing: not set.
fn set<'a>(args: &'a Parsed, name: &str) -> Option<&'a str> {
    args.text(name).filter(|value| !value.is_empty())
}

fn check(args: &Parsed) -> Result<(), String> {
    let (model, controller) = (set(args, "model"), set(args, "controller"));
    let flag = match (model, controller) {
        (Some(_), Some(_)) => {
            return Err("cannot specify both a --model and --controller".to_owned());
        }
        (Some(_), None) => "--model",
        (None, Some(_)) => "--controller",
        (None, None) => return at_most(args, 1),
    };
    if args.positionals.is_empty() {
        return Ok(());
    }
    Err(format!(
        "no argument accepted when {flag} flag  is specified"
    ))
}

/// What a switch is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Aim {
    /// A controller, or else a model of the current controller.
    Either(String),
    /// A controller.
    Controller(String),
    /// A model of this controller.
    Model(String, String),
}

fn switch(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let state = cx.hub.snapshot();
        let aim = match cx.juju() {
            JujuVersion::V3_6 => aim_3_6(&cx.args)?,
            JujuVersion::V4_0 => aim_4_0(&cx.args, &state)?,
        };
        let is_selected = match target::default_controller(&cx.wanted()) {
            Ok(()) => true,
            Err(NoController::NotFound) => false,
            Err(conflict) => return Err(Failure::failed(conflict)),
        };
        let Some(aim) = aim else {
            if is_selected {
                return cx.print(&format!("{}\n", place(&state))).await;
            }
            let hint = "juju: no model name was passed. See \"juju switch --help\".";
            return Err(Failure::Failed(format!(
                "{hint}\n\nDid you mean:\n\tjuju switch <model name>"
            )));
        };
        for (variable, what) in [("JUJU_CONTROLLER", "controller"), ("JUJU_MODEL", "model")] {
            if let Some(value) = cx.env(variable) {
                return Err(Failure::Failed(format!(
                    "cannot switch when {variable} is overriding the {what} (set to {value:?})"
                )));
            }
        }
        cx.hub
            .transact(|state| go(state, &aim).map_err(|why| explain(cx.juju(), &aim, &why)))?;
        let (old, new) = (place(&state), place(&cx.hub.snapshot()));
        let text = if new == old {
            format!("{} (no change)", with_kind(&old))
        } else {
            format!("{} -> {}", with_kind(&old), with_kind(&new))
        };
        cx.info(&text).await;
        Ok(())
    })
}

/// Reads the argument as Juju 3.6 does.
fn aim_3_6(args: &Parsed) -> Result<Option<Aim>, Failure> {
    let Some(wanted) = args.positionals.first().filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    Ok(Some(match wanted.strip_suffix(':') {
        Some("") => return Err(Failure::failed("empty controller name not valid")),
        Some(controller) => Aim::Controller(controller.to_owned()),
        None => match target::split(wanted) {
            (None, model) if model == wanted => Aim::Either(model.to_owned()),
            (controller, model) => Aim::Model(
                controller.unwrap_or(CONTROLLER).to_owned(),
                model.to_owned(),
            ),
        },
    }))
}

/// Reads options and argument as Juju 4.0 does: `-` is the previous one of its kind.
fn aim_4_0(args: &Parsed, state: &State) -> Result<Option<Aim>, Failure> {
    let previous = state.remembered.previous.as_deref();
    // There is one controller, so none was ever left for another one.
    let no_controller =
        || Failure::usage("interpreting \"--controller -\": previous controller not found");
    if let Some(controller) = set(args, "controller") {
        if controller == "-" {
            return Err(no_controller());
        }
        return Ok(Some(Aim::Controller(controller.to_owned())));
    }
    let flag = set(args, "model");
    let Some(wanted) = flag.or(args.positionals.first().map(String::as_str)) else {
        return Ok(None);
    };
    let own = |model: &str| Some(Aim::Model(CONTROLLER.to_owned(), model.to_owned()));
    match (wanted, flag.is_some(), previous) {
        ("-", _, Some(previous)) => return Ok(own(previous)),
        ("-", true, None) => {
            return Err(Failure::Usage(format!(
                "interpreting \"--model -\": previous model for controller {CONTROLLER} not found"
            )));
        }
        ("-", false, None) => {
            return Err(Failure::Usage(format!(
                "no previous model for this controller {CONTROLLER}, use a qualified switch 'juju switch controller:model' or return to previous controller through 'juju switch -c -' "
            )));
        }
        _ => {}
    }
    let Some((controller, model)) = wanted.split_once(':') else {
        return Ok(match flag {
            _ if wanted.is_empty() => None,
            Some(model) => own(model),
            None => Some(Aim::Either(wanted.to_owned())),
        });
    };
    Ok(match (controller, model) {
        ("-", _) => return Err(no_controller()),
        ("", "") => None,
        ("", model) => own(model),
        (controller, "") => Some(Aim::Controller(controller.to_owned())),
        (controller, "-") => match previous {
            Some(previous) => Some(Aim::Model(controller.to_owned(), previous.to_owned())),
            None => {
                return Err(Failure::Usage(format!(
                    "interpreting \"--model -\": previous model for controller {controller} not found"
                )));
            }
        },
        (controller, model) => Some(Aim::Model(controller.to_owned(), model.to_owned())),
    })
}

/// Why a switch cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Missing {
    Controller(String),
    /// No such model in this controller.
    Model(String, String),
    /// Not a name that a model can have.
    BadName(String),
}

fn go(state: &mut State, aim: &Aim) -> Result<(), Missing> {
    let (controller, model) = match aim {
        Aim::Either(name) | Aim::Controller(name) if name == CONTROLLER => return Ok(()),
        Aim::Controller(name) => return Err(Missing::Controller(name.clone())),
        Aim::Either(name) => (CONTROLLER, name),
        Aim::Model(controller, name) => (controller.as_str(), name),
    };
    if controller != CONTROLLER {
        return Err(Missing::Controller(controller.to_owned()));
    }
    let (owner, bare) = model.split_once('/').unwrap_or((USER, model));
    let full = format!("{owner}/{bare}");
    if model_name(bare).is_err() {
        return Err(Missing::BadName(full));
    }
    let found = state
        .models
        .values()
        .find(|model| model.full_name() == full);
    let missing = || Missing::Model(controller.to_owned(), model.clone());
    let uuid = found.ok_or_else(missing)?.info.uuid.clone();
    state.make_current(uuid);
    Ok(())
}

/// Says in the words of `juju` why a switch cannot be.
fn explain(juju: JujuVersion, aim: &Aim, why: &Missing) -> Failure {
    let text = match why {
        Missing::Controller(name) => format!("controller {name} not found"),
        Missing::BadName(name) => format!("model name {name:?} not valid"),
        Missing::Model(controller, name) => {
            let written = match (juju, aim) {
                (JujuVersion::V3_6, Aim::Either(_)) => name.clone(),
                _ => format!("{controller}:{name}"),
            };
            format!("{written:?} is not the name of a model or controller")
        }
    };
    Failure::Failed(match (juju, aim) {
        (JujuVersion::V3_6, _) => text,
        (JujuVersion::V4_0, Aim::Either(name)) => {
            format!("cannot determine if {name:?} is a valid model: {text}")
        }
        (JujuVersion::V4_0, Aim::Controller(_)) => format!("invalid target controller: {text}"),
        (JujuVersion::V4_0, Aim::Model(..)) => format!("invalid target model: {text}"),
    })
}

/// Returns `controller:owner/model`, or the controller alone when no model is current.
fn place(state: &State) -> String {
    match state.current_name() {
        Some(model) => format!("{CONTROLLER}:{model}"),
        None => CONTROLLER.to_owned(),
    }
}

/// Marks a place that is a controller only.
fn with_kind(place: &str) -> String {
    if place == CONTROLLER {
        return format!("{place} (controller)");
    }
    place.to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Controller;
    use super::*;

    /// A controller with the models `a` and `b`, of which none is current.
    fn controller(juju: JujuVersion) -> Controller {
        let c = Controller::of(juju);
        c.juju("add-model --no-switch a").ok();
        c.juju("add-model --no-switch b").ok();
        c
    }

    #[test]
    fn every_way_to_say_where_to() {
        for juju in JujuVersion::ALL {
            let c = controller(juju);
            assert_eq!(c.juju("switch").ok().stdout, "embedded\n");
            for (argument, expected) in [
                ("embedded", "embedded (controller) (no change)\n"),
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
                    "{juju} {argument}"
                );
            }
            assert_eq!(c.juju("switch").ok().stdout, "embedded:admin/b\n");
        }
    }

    #[test]
    fn where_one_cannot_go() {
        let not = |name: &str| format!("{name:?} is not the name of a model or controller");
        for (argument, in_36, in_40) in [
            (
                "nosuch",
                not("nosuch"),
                format!("cannot determine if \"nosuch\" is a valid model: {}", not("embedded:nosuch")),
            ),
            (
                "embedded:nosuch",
                not("embedded:nosuch"),
                format!("invalid target model: {}", not("embedded:nosuch")),
            ),
            (
                "nosuch:a",
                "controller nosuch not found".to_owned(),
                "invalid target model: controller nosuch not found".to_owned(),
            ),
            (
                "nosuch:",
                "controller nosuch not found".to_owned(),
                "invalid target controller: controller nosuch not found".to_owned(),
            ),
            (
                "Bad_Name",
                "model name \"admin/Bad_Name\" not valid".to_owned(),
                "cannot determine if \"Bad_Name\" is a valid model: model name \"admin/Bad_Name\" not valid".to_owned(),
            ),
        ] {
            for (juju, expected) in [(JujuVersion::V3_6, &in_36), (JujuVersion::V4_0, &in_40)] {
                let outcome = controller(juju).juju(&format!("switch {argument}"));
                assert_eq!(
                    (outcome.code, outcome.stderr),
                    (1, format!("ERROR {expected}\n")),
                    "{juju} {argument}"
                );
            }
        }
    }

    #[test]
    fn a_uuid_is_no_name_to_switch_to() {
        let c = controller(JujuVersion::V3_6);
        let uuid = c.hub.snapshot().model_named("a").unwrap().info.uuid.clone();
        assert_eq!(c.juju(&format!("switch {uuid}")).code, 1);
        assert_eq!(c.juju(&format!("status -m {uuid}")).code, 0);
    }

    #[test]
    fn variables_stand_in_the_way() {
        let mut c = controller(JujuVersion::V3_6);
        c.juju("switch a").ok();
        c.set_env("JUJU_MODEL", "b");
        let outcome = c.juju("switch a");
        let expected =
            "ERROR cannot switch when JUJU_MODEL is overriding the model (set to \"b\")\n";
        assert_eq!((outcome.code, outcome.stderr.as_str()), (1, expected));
        assert_eq!(c.juju("switch").ok().stdout, "embedded:admin/a\n");
        c.set_env("JUJU_CONTROLLER", "embedded");
        let outcome = c.juju("switch a");
        let expected = "ERROR cannot switch when JUJU_CONTROLLER is overriding the controller (set to \"embedded\")\n";
        assert_eq!((outcome.code, outcome.stderr.as_str()), (1, expected));
        c.set_env("JUJU_MODEL", "nosuch:a");
        let outcome = c.juju("switch");
        assert!(
            outcome.code == 1 && outcome.stderr.contains("conflicts with"),
            "{outcome:?}"
        );
        c.set_env("JUJU_CONTROLLER", "");
        let outcome = c.juju("switch");
        assert!(
            outcome.code == 1
                && outcome
                    .stderr
                    .starts_with("ERROR juju: no model name was passed."),
            "{outcome:?}"
        );
    }

    #[test]
    fn in_4_0_one_can_go_back() {
        let c = controller(JujuVersion::V4_0);
        let stderr = |line: &str, code: u8| {
            let outcome = c.juju(line);
            assert_eq!(outcome.code, code, "{line}: {outcome:?}");
            outcome.stderr
        };
        assert!(
            stderr("switch -", 2)
                .starts_with("ERROR no previous model for this controller embedded, use")
        );
        assert_eq!(
            stderr("switch -m -", 2),
            "ERROR interpreting \"--model -\": previous model for controller embedded not found\n"
        );
        assert_eq!(
            stderr("switch -c -", 2),
            "ERROR interpreting \"--controller -\": previous controller not found\n"
        );
        stderr("switch -m a", 0);
        assert_eq!(
            stderr("switch -m embedded:b", 0),
            "embedded:admin/a -> embedded:admin/b\n"
        );
        assert_eq!(
            stderr("switch -", 0),
            "embedded:admin/b -> embedded:admin/a\n"
        );
        assert_eq!(
            stderr("switch -m -", 0),
            "embedded:admin/a -> embedded:admin/b\n"
        );
        assert_eq!(
            stderr("switch -c embedded", 0),
            "embedded:admin/b (no change)\n"
        );
        assert_eq!(
            stderr("switch -c nosuch", 1),
            "ERROR invalid target controller: controller nosuch not found\n"
        );
        assert_eq!(
            stderr("switch -c embedded -m a", 2),
            "ERROR cannot specify both a --model and --controller\n"
        );
        assert_eq!(
            stderr("switch -m a b", 2),
            "ERROR no argument accepted when --model flag  is specified\n"
        );
        let models = std::fs::read_to_string(c.hub.data.root().join("models.yaml")).unwrap();
        assert!(models.contains("previous-model: admin/a"), "{models}");
        stderr("destroy-model --no-prompt a", 0);
        assert!(stderr("switch -", 1).contains("\"embedded:admin/a\" is not the name"));
    }

    #[test]
    fn in_3_6_there_is_no_way_back() {
        let c = controller(JujuVersion::V3_6);
        c.juju("switch a").ok();
        c.juju("switch b").ok();
        let outcome = c.juju("switch -");
        let expected = "ERROR model name \"admin/-\" not valid\n";
        assert_eq!((outcome.code, outcome.stderr.as_str()), (1, expected));
        assert_eq!(c.juju("switch -m a").code, 2);
        let models = std::fs::read_to_string(c.hub.data.root().join("models.yaml")).unwrap();
        assert!(!models.contains("previous-model"), "{models}");
    }

    #[test]
    fn a_destroyed_model_stays_current_in_4_0() {
        let c = controller(JujuVersion::V4_0);
        c.juju("switch a").ok();
        c.juju("destroy-model --no-prompt a").ok();
        assert_eq!(c.juju("switch").ok().stdout, "embedded:admin/a\n");
        assert_eq!(c.juju("whoami --format json").json()["model"], "a");
        let outcome = c.juju("status --format json");
        assert_eq!(
            (
                outcome.code,
                outcome.stdout.as_str(),
                outcome.stderr.as_str()
            ),
            (1, "{}\n", "ERROR model embedded:admin/a not found\n")
        );
        c.juju("add-model --no-switch a").ok();
        c.juju("status").ok();

        let c = controller(JujuVersion::V3_6);
        c.juju("switch a").ok();
        c.juju("destroy-model --no-prompt a").ok();
        assert_eq!(c.juju("switch").ok().stdout, "embedded\n");
        assert_eq!(c.juju("status").code, 2);
    }
}
