//! Which model a command means.

use std::fmt;

use crate::JujuVersion;
use crate::model::{Model, ModelUuid, State};

use super::command::Failure;

/// The name of the one controller.
pub(crate) const CONTROLLER: &str = "embedded";

/// The one user.
pub(crate) const USER: &str = "admin";

/// The cloud of the controller, and its region.
pub(crate) const CLOUD: &str = "localhost";

/// How long a text must be to be taken for the start of a model's UUID.
const UUID_START: usize = 6;

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
    /// What the user called it: `m` for `-m m` and for `JUJU_MODEL=m`, `admin/m` for the current model.
    pub(super) label: String,
}

/// A model name as a user writes it, its controller checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// This name, UUID or start of a UUID; with or without owner.
    Model(String),
    /// Whatever is current.
    Current,
}

/// Why the variables name no controller to work with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoController {
    /// They name one that is not there.
    NotFound,
    /// They contradict each other; what Juju says of it.
    Conflict(String),
}

impl fmt::Display for NoController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => write!(
                f,
                "No selected controller.\n\nUse \"juju switch\" to select from the following controllers:\n\n  - {CONTROLLER}"
            ),
            Self::Conflict(text) => f.write_str(text),
        }
    }
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
        None => default_controller(wanted).map_err(|error| error.to_string())?,
    }
    Ok(match model {
        "" => Named::Current,
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
        None => default_controller(wanted).map_err(|error| error.to_string()),
        Some(CONTROLLER) => Ok(()),
        Some(other) => Err(format!("controller {other} not found")),
    }
}

/// Checks the controller that the variables name.
///
/// # Errors
///
/// Fails when they name one that is not ours, or two.
pub(super) fn default_controller(wanted: &Wanted) -> Result<(), NoController> {
    let of_model = wanted.juju_model.as_deref().and_then(|text| split(text).0);
    let of_controller = wanted
        .juju_controller
        .as_deref()
        .filter(|name| !name.is_empty());
    if let (Some(a), Some(b)) = (of_model, of_controller)
        && a != b
    {
        return Err(NoController::Conflict(format!(
            "controller name from JUJU_MODEL ({a}) conflicts with value in JUJU_CONTROLLER ({b})"
        )));
    }
    match of_model.or(of_controller) {
        None | Some(CONTROLLER) => Ok(()),
        Some(_) => Err(NoController::NotFound),
    }
}

/// Finds the model.
///
/// # Errors
///
/// Fails with exit code 2 when no model is named and none is current, with 1 when there is no such model.
pub(super) fn find(state: &State, named: &Named) -> Result<Target, Failure> {
    let label = match named {
        Named::Model(name) => name.clone(),
        Named::Current => state
            .current_name()
            .ok_or_else(|| Failure::Usage(no_model(state)))?,
    };
    match lookup(state, &label)? {
        Some(model) => Ok(Target {
            uuid: model.info.uuid.clone(),
            label,
        }),
        None => Err(Failure::Failed(not_found(state.juju, &label))),
    }
}

/// Says that there is no model called `name`.
///
/// Juju 3.6 says so with the owner. Juju 4.0 repeats what it was given once that is long enough to be the start of a UUID (its
/// `modelFromStore`, and recorded: `nosuch` is repeated, `c-two` becomes `admin/c-two`).
fn not_found(juju: JujuVersion, name: &str) -> String {
    let repeated = name.contains('/') || (juju == JujuVersion::V4_0 && name.len() >= UUID_START);
    let owner = if repeated {
        String::new()
    } else {
        format!("{USER}/")
    };
    format!("model {CONTROLLER}:{owner}{name} not found")
}

/// Says that no model is current.
fn no_model(state: &State) -> String {
    if state.juju == JujuVersion::V3_6 {
        return NO_MODEL.to_owned();
    }
    let mut names: Vec<String> = state
        .models
        .values()
        .map(|model| format!("\n  - {CONTROLLER}:{}", full_name(model)))
        .collect();
    names.sort();
    if names.is_empty() {
        return "No selected model.\n\nOnly the controller model exists. Use \"juju add-model\" to create an initial model.\n".to_owned();
    }
    format!(
        "No selected model.\n\nUse \"juju switch\" to select one of the following models:\n{}",
        names.concat()
    )
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
            .find(|model| name.len() >= UUID_START && model.info.uuid.0.starts_with(name))
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
    model.full_name()
}

const NO_MODEL: &str = "No model in focus.

Please use \"juju models\" to see models available to you.
You can set current model by running \"juju switch\"
or specify any other model on the command line using the \"-m\" option.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelInfo;

    fn state(juju: JujuVersion, current: Option<&str>) -> State {
        let mut state = State::new("c".to_owned(), juju);
        for (name, uuid) in [("m", "aaaaaaaa-1111"), ("n", "bbbbbbbb-2222")] {
            let uuid = ModelUuid(uuid.to_owned());
            let info = ModelInfo::new(
                juju,
                uuid.clone(),
                name.to_owned(),
                jiff::Timestamp::UNIX_EPOCH,
            );
            state.models.insert(uuid, Model::new(info).into());
        }
        state.current_model = current.map(|uuid| ModelUuid(uuid.to_owned()));
        state
    }

    fn resolve_as(
        juju: JujuVersion,
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
        find(&state(juju, current), &named)
            .map(|target| format!("{} {}", &target.uuid.0[..1], target.label))
    }

    fn resolve(
        flag: &str,
        juju_model: &str,
        juju_controller: &str,
        current: Option<&str>,
    ) -> Result<String, Failure> {
        resolve_as(
            JujuVersion::V3_6,
            flag,
            juju_model,
            juju_controller,
            current,
        )
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
            ("bbbbbb", "", "", "b bbbbbb"),
            ("bbbbbbbb-2222", "", "", "b bbbbbbbb-2222"),
            ("", "n", "", "b n"),
            ("", "admin/n", "", "b admin/n"),
            ("", "embedded:admin/n", "", "b admin/n"),
            ("", "embedded:", "", "a admin/m"),
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
        for (flag, in_36, in_40) in [
            (
                "nosuch",
                "model embedded:admin/nosuch not found",
                "model embedded:nosuch not found",
            ),
            (
                "short",
                "model embedded:admin/short not found",
                "model embedded:admin/short not found",
            ),
            (
                "admin/x",
                "model embedded:admin/x not found",
                "model embedded:admin/x not found",
            ),
            (
                "bob/m",
                "model embedded:bob/m not found",
                "model embedded:bob/m not found",
            ),
            (
                "bbbbb",
                "model embedded:admin/bbbbb not found",
                "model embedded:admin/bbbbb not found",
            ),
            (
                "cccccccc-3333",
                "model embedded:admin/cccccccc-3333 not found",
                "model embedded:cccccccc-3333 not found",
            ),
            (
                "Bad_Name",
                "model name \"admin/Bad_Name\" not valid",
                "model name \"admin/Bad_Name\" not valid",
            ),
        ] {
            for (juju, expected) in [(JujuVersion::V3_6, in_36), (JujuVersion::V4_0, in_40)] {
                assert_eq!(
                    resolve_as(juju, flag, "", "", m),
                    Err(failed(expected)),
                    "{juju}"
                );
            }
        }
        assert_eq!(
            resolve("other:m", "", "", m),
            Err(Failure::usage("controller other not found"))
        );
        let usage = |outcome: Result<String, Failure>| match outcome {
            Err(Failure::Usage(text)) => text.lines().next().map(str::to_owned),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            usage(resolve("", "", "", None)).as_deref(),
            Some("No model in focus.")
        );
        assert_eq!(
            resolve_as(JujuVersion::V4_0, "", "", "", None),
            Err(Failure::usage(
                "No selected model.\n\nUse \"juju switch\" to select one of the following models:\n\n  - embedded:admin/m\n  - embedded:admin/n"
            ))
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
