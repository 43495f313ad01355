//! Which model a command means.

use crate::model::{Model, ModelUuid, State};

use super::command::Failure;

/// The name of the one controller.
pub(crate) const CONTROLLER: &str = "embedded";

/// The one user.
pub(crate) const USER: &str = "admin";

/// The cloud of the controller, and its region.
pub(crate) const CLOUD: &str = "localhost";

/// What a client asks a model by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// `-m`, if it was given.
    pub(super) flag: Option<String>,
    /// `JUJU_MODEL`.
    pub(super) juju_model: Option<String>,
    /// `JUJU_CONTROLLER`.
    pub(super) juju_controller: Option<String>,
}

/// The model of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The model.
    pub(super) uuid: ModelUuid,
    /// What the user called it: `admin/m` for the current model, `m` for `-m m`.
    pub(super) label: String,
}

/// A model name as a user writes it, its controller checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// This name, UUID or start of a UUID; with or without owner.
    Model(String),
    /// This name, from `JUJU_MODEL` and without a controller: Juju then speaks of the model with its owner.
    Default(String),
    /// Whatever is current.
    Current,
}

/// Checks the controllers named by the command line and the variables and returns the model name that decides.
///
/// # Errors
///
/// Fails with Juju's words when a controller is named that is not ours; such a failure exits 2 for commands of a model.
pub(super) fn named(wanted: &Wanted) -> Result<Named, String> {
    let flag = wanted.flag.as_deref().filter(|text| !text.is_empty());
    let text = flag.or(wanted.juju_model.as_deref());
    let (controller, model) = split(text.unwrap_or_default());
    match controller {
        Some(CONTROLLER) => {}
        Some(other) => return Err(format!("controller {other} not found")),
        None => default_controller(wanted)?,
    }
    Ok(match model {
        "" => Named::Current,
        name if flag.is_none() && controller.is_none() => Named::Default(name.to_owned()),
        name => Named::Model(name.to_owned()),
    })
}

/// Checks the controller of a command that takes `-c`.
///
/// # Errors
///
/// Fails when it is not ours.
pub(super) fn controller(flag: Option<&str>, wanted: &Wanted) -> Result<(), String> {
    match flag.filter(|name| !name.is_empty()) {
        None => default_controller(wanted),
        Some(CONTROLLER) => Ok(()),
        Some(other) => Err(format!("controller {other} not found")),
    }
}

/// Checks the controller that the variables name.
///
/// # Errors
///
/// Fails when they name one that is not ours, or two.
pub(super) fn default_controller(wanted: &Wanted) -> Result<(), String> {
    let of_model = wanted.juju_model.as_deref().and_then(|text| split(text).0);
    let of_controller = wanted
        .juju_controller
        .as_deref()
        .filter(|name| !name.is_empty());
    if let (Some(a), Some(b)) = (of_model, of_controller)
        && a != b
    {
        return Err(format!(
            "controller name from JUJU_MODEL ({a}) conflicts with value in JUJU_CONTROLLER ({b})"
        ));
    }
    match of_model.or(of_controller) {
        None | Some(CONTROLLER) => Ok(()),
        Some(_) => Err(format!(
            "No selected controller.\n\nUse \"juju switch\" to select from the following controllers:\n\n  - {CONTROLLER}"
        )),
    }
}

/// Finds the model.
///
/// # Errors
///
/// Fails with exit code 2 when no model is named and none is current, with 1 when there is no such model.
pub(super) fn find(state: &State, named: &Named) -> Result<Target, Failure> {
    let (name, qualified) = match named {
        Named::Model(name) => (name, name.contains('/')),
        Named::Default(name) => (name, true),
        Named::Current => {
            let missing = || match state.current_name() {
                Some(gone) => Failure::Failed(format!("model {CONTROLLER}:{gone} not found")),
                None => Failure::usage(NO_MODEL),
            };
            let model = state.current().ok_or_else(missing)?;
            return Ok(Target {
                uuid: model.info.uuid.clone(),
                label: full_name(model),
            });
        }
    };
    match lookup(state, name)? {
        Some(model) if qualified => Ok(Target {
            uuid: model.info.uuid.clone(),
            label: full_name(model),
        }),
        Some(model) => Ok(Target {
            uuid: model.info.uuid.clone(),
            label: model.info.name.clone(),
        }),
        None => Err(Failure::Failed(format!(
            "model {CONTROLLER}:{name} not found"
        ))),
    }
}

/// Finds the model called `name`: `name`, `owner/name`, a UUID, or the first 6 or more characters of one.
///
/// # Errors
///
/// Fails when the name breaks the rules for names.
pub(super) fn lookup<'a>(state: &'a State, name: &str) -> Result<Option<&'a Model>, Failure> {
    let (owner, bare) = name.split_once('/').unwrap_or((USER, name));
    let by_name = state
        .models
        .values()
        .find(|model| model.info.name == bare && model.info.owner == owner);
    let by_uuid = || {
        state
            .models
            .values()
            .find(|model| name.len() >= 6 && model.info.uuid.0.starts_with(name))
    };
    if let Some(model) = by_name.or_else(by_uuid) {
        return Ok(Some(model));
    }
    if crate::model::model_name(bare).is_err() {
        return Err(Failure::Failed(format!(
            "model name {:?} not valid",
            format!("{owner}/{bare}")
        )));
    }
    Ok(None)
}

/// Splits `controller:model` at the first colon.
pub(super) fn split(text: &str) -> (Option<&str>, &str) {
    match text.split_once(':') {
        Some((controller, model)) => (Some(controller).filter(|name| !name.is_empty()), model),
        None => (None, text),
    }
}

/// Returns `owner/name`.
pub(super) fn full_name(model: &Model) -> String {
    model.info.full_name()
}

const NO_MODEL: &str = "No model in focus.

Please use \"juju models\" to see models available to you.
You can set current model by running \"juju switch\"
or specify any other model on the command line using the \"-m\" option.
";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::JujuVersion;
    use crate::model::ModelInfo;

    fn state(current: Option<&str>) -> State {
        let model = |name: &str, uuid: &str| {
            let info = ModelInfo::new(
                JujuVersion::V3_6,
                ModelUuid(uuid.to_owned()),
                name.to_owned(),
                jiff::Timestamp::UNIX_EPOCH,
            );
            (ModelUuid(uuid.to_owned()), Arc::new(Model::new(info)))
        };
        State {
            controller: "c".to_owned(),
            juju: JujuVersion::V3_6,
            models: [model("m", "aaaaaaaa-1111"), model("n", "bbbbbbbb-2222")].into(),
            current_model: current.map(|uuid| ModelUuid(uuid.to_owned())),
            remembered: Default::default(),
        }
    }

    fn resolve(
        flag: &str,
        juju_model: &str,
        juju_controller: &str,
        current: Option<&str>,
    ) -> Result<String, Failure> {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let wanted = Wanted {
            flag: some(flag),
            juju_model: some(juju_model),
            juju_controller: some(juju_controller),
        };
        let named = named(&wanted).map_err(Failure::Usage)?;
        find(&state(current), &named)
            .map(|target| format!("{} {}", &target.uuid.0[..1], target.label))
    }

    #[test]
    fn every_way_to_name_a_model() {
        let m = Some("aaaaaaaa-1111");
        for (flag, juju_model, juju_controller, expected) in [
            ("", "", "", "a admin/m"),
            ("n", "", "", "b n"),
            ("admin/n", "", "", "b admin/n"),
            ("embedded:n", "", "", "b n"),
            ("embedded:admin/n", "", "", "b admin/n"),
            ("embedded:", "", "", "a admin/m"),
            (":n", "", "", "b n"),
            ("bbbbbb", "", "", "b n"),
            ("bbbbbbbb-2222", "", "", "b n"),
            ("", "n", "", "b admin/n"),
            ("", "embedded:n", "other", "b n"),
            ("m", "n", "", "a m"),
            ("m", "embedded:n", "", "a m"),
            ("embedded:n", "other:x", "third", "b n"),
            ("embedded:n", "", "other", "b n"),
            ("", "", "embedded", "a admin/m"),
        ] {
            assert_eq!(
                resolve(flag, juju_model, juju_controller, m).as_deref(),
                Ok(expected),
                "-m {flag:?} JUJU_MODEL={juju_model} JUJU_CONTROLLER={juju_controller}"
            );
        }
    }

    #[test]
    fn what_cannot_be_found() {
        let m = Some("aaaaaaaa-1111");
        let failed = |text: &str| Failure::Failed(text.to_owned());
        for (flag, expected) in [
            ("nosuch", failed("model embedded:nosuch not found")),
            (
                "admin/nosuch",
                failed("model embedded:admin/nosuch not found"),
            ),
            ("bob/m", failed("model embedded:bob/m not found")),
            ("bbbbb", failed("model embedded:bbbbb not found")),
            (
                "Bad_Name",
                failed("model name \"admin/Bad_Name\" not valid"),
            ),
            ("other:m", Failure::usage("controller other not found")),
        ] {
            assert_eq!(resolve(flag, "", "", m), Err(expected));
        }
        let usage = |outcome: Result<String, Failure>| match outcome {
            Err(Failure::Usage(text)) => text.lines().next().map(str::to_owned),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            usage(resolve("", "", "", None)).as_deref(),
            Some("No model in focus.")
        );
        assert_eq!(
            usage(resolve("m", "", "nosuch", m)).as_deref(),
            Some("No selected controller.")
        );
        assert_eq!(
            usage(resolve("m", "nosuch:m", "", m)).as_deref(),
            Some("No selected controller.")
        );
        assert_eq!(
            usage(resolve("", "nosuch:m", "", m)).as_deref(),
            Some("controller nosuch not found")
        );
        let conflict = usage(resolve("m", "a:m", "b", m));
        assert_eq!(
            conflict.as_deref(),
            Some("controller name from JUJU_MODEL (a) conflicts with value in JUJU_CONTROLLER (b)")
        );
    }
}
