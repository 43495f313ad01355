//! `juju models`, `juju show-model` and `juju add-model`.

use std::collections::BTreeMap;
use std::fmt::Display;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::access;
use super::command::{Command, Cx, Failure, Running, Scope, at_most, no_args};
use super::model_config;
use super::table::{Align, TextTable};
use super::target::{self, CLOUD, CONTROLLER, USER};
use super::times::friendly;
use super::users::NEVER;
use crate::JujuVersion;
use crate::flags::{Flag, Parsed};
use crate::model::{Life, Model, ModelInfo, ModelUuid, State, model_name, random_uuid};

/// The name of the one credential.
pub(super) const CREDENTIAL: &str = "default";

pub(super) const COMMANDS: &[Command] = &[
    Command::new("models", "Lists models a user can access on a controller.", models)
        .aliases(&["list-models"])
        .args("", no_args)
        .scope(Scope::Controller)
        .formats(&["tabular", "json", "yaml"])
        .flags(&[
            Flag::switch(&["all"], "Lists all models, regardless of user accessibility"),
            Flag::switch(&["exact-time"], "Use full timestamps"),
            Flag::switch(&["uuid"], "Display UUID for models"),
            Flag::text(&["user"], "The user to list models for"),
        ]),
    Command::new("show-model", "Shows information about the current or specified model.", show_model)
        .args("<model name>", |args| at_most(args, 1))
        .scope(Scope::Client)
        .formats(&["yaml", "json"]),
    Command::new("add-model", "Adds a workload model.", add_model)
        .args("<model name> [cloud|region|(cloud/region)]", check_add)
        .scope(Scope::Controller)
        .flags(&[
            Flag::text(&["config"], "Specify the path to a YAML model configuration file or individual configuration options"),
            Flag::text(&["credential"], "Specify the credential to be used by the model"),
            Flag::switch(&["no-switch"], "Choose not to switch to the newly created model"),
            Flag::text(&["owner"], "Specify the owner of the new model if not the current user"),
            Flag::text(&["target-controller"], "The name of a JAAS managed controller").unsupported(),
        ]),
];

fn models(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let state = cx.hub.snapshot();
        let user = cx.args.text("user").unwrap_or(USER);
        if user != USER && !state.info.users.contains_key(user) {
            return Err(Failure::Failed(format!(
                "user {user:?} does not exist (not found)"
            )));
        }
        let exact = cx.args.switch("exact-time");
        let (now, times) = (cx.hub.now(), cx.times());
        let since = |at: Timestamp| {
            if exact {
                times.go(at)
            } else {
                friendly(at, now)
            }
        };
        let all: Vec<Value> = state
            .models
            .values()
            .filter_map(|model| {
                let access = access::model_access(&state, model, user)?;
                let last = if user == USER {
                    since(now)
                } else {
                    NEVER.to_owned()
                };
                Some(listed(
                    &state,
                    model,
                    since(model.info.created),
                    access,
                    last,
                ))
            })
            .collect();
        let mut value = json!({ "models": all });
        if let Some(current) = current_name(&state) {
            value["current-model"] = current.into();
        }
        cx.print_value(&value, |_| {
            table(&state, user, cx.args.switch("uuid"), &since(now))
        })
        .await
    })
}

/// Returns the name of the current model without its owner; in Juju 4.0 the model may be gone.
pub(super) fn current_name(state: &State) -> Option<String> {
    let name = state.current_name()?;
    Some(
        name.rsplit_once('/')
            .map_or(name.as_str(), |(_, bare)| bare)
            .to_owned(),
    )
}

fn table(state: &State, user: &str, with_uuid: bool, connected: &str) -> String {
    let mut header = vec!["Model"];
    if with_uuid {
        header.push("UUID");
    }
    header.extend([
        "Cloud/Region",
        "Type",
        "Status",
        "Machines",
        "Units",
        "Access",
        "Last connection",
    ]);
    let numbers = header.len() - 4;
    let mut table = TextTable::new(header)
        .align(numbers, Align::Right)
        .align(numbers + 1, Align::Right);
    for model in state.models.values() {
        let Some(access) = access::model_access(state, model, user) else {
            continue;
        };
        let is_current = state.current_model.as_ref() == Some(&model.info.uuid);
        let mut row = vec![format!(
            "{}{}",
            model.info.name,
            if is_current { "*" } else { "" }
        )];
        if with_uuid {
            row.push(model.info.uuid.to_string());
        }
        row.extend([
            format!("{CLOUD}/{CLOUD}"),
            "lxd".to_owned(),
            status_word(&model.info).to_owned(),
            model.machines.len().to_string(),
            model.units.len().to_string(),
            access.to_owned(),
            if user == USER { connected } else { NEVER }.to_owned(),
        ]);
        table.row(row);
    }
    format!("Controller: {CONTROLLER}\n\n{}", table.render())
}

fn status_word(info: &ModelInfo) -> &'static str {
    match info.life {
        Life::Alive => "available",
        Life::Dying | Life::Dead => "destroying",
    }
}

/// Returns what `models` and `show-model` both show at first.
fn common(state: &State, model: &Model, since: String) -> Map<String, Value> {
    let info = &model.info;
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("name", target::full_name(model).into());
    put("short-name", info.name.clone().into());
    put("model-uuid", info.uuid.to_string().into());
    put("model-type", "iaas".into());
    put("controller-uuid", state.controller.clone().into());
    put("controller-name", CONTROLLER.into());
    put("is-controller", false.into());
    if state.juju == JujuVersion::V3_6 {
        put("owner", info.owner.clone().into());
    }
    put("cloud", CLOUD.into());
    put("region", CLOUD.into());
    put("type", "lxd".into());
    put("life", info.life.as_str().into());
    put(
        "status",
        json!({ "current": status_word(info), "since": since }),
    );
    map
}

fn credential() -> Value {
    json!({ "name": CREDENTIAL, "owner": USER, "cloud": CLOUD, "validity-check": "valid" })
}

fn listed(state: &State, model: &Model, since: String, access: &str, connected: String) -> Value {
    let mut map = common(state, model, since);
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("access", access.into());
    put("last-connection", connected.into());
    if state.juju == JujuVersion::V3_6 {
        put("credential", credential());
        put("sla", "unsupported".into());
    }
    put("agent-version", state.juju.number().into());
    map.into()
}

fn show_model(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let state = cx.hub.snapshot();
        let model = named_model(cx, &state, cx.positionals().first().map(String::as_str))?;
        let (now, created) = (cx.hub.now(), model.info.created);
        let mut map = common(&state, model, friendly(created, now));
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        put("users", super::users::of_model(&state, model, now));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let machines: BTreeMap<&String, Value> = model
            .machines
            .keys()
            .map(|id| (id, json!({ "cores": cores })))
            .collect();
        if !machines.is_empty() {
            put("machines", json!(machines));
        }
        put(
            "secret-backends",
            json!({ "internal": { "num-secrets": model.secrets.len(), "status": "active" } }),
        );
        if state.juju == JujuVersion::V3_6 {
            put("sla", "unsupported".into());
        }
        put("agent-version", state.juju.number().into());
        put("credential", credential());
        let feature = json!({ "name": "juju", "description": "the version of Juju used by the model", "version": state.juju.number() });
        put("supported-features", json!([feature]));
        cx.print_value(&json!({ model.info.name.as_str(): map }), |_| String::new())
            .await
    })
}

/// Finds the model that a positional argument names, `[controller:]name`, or the default one.
///
/// # Errors
///
/// Fails when there is no such model or controller, or none is current.
pub(super) fn named_model<'a>(
    cx: &Cx,
    state: &'a State,
    argument: Option<&str>,
) -> Result<&'a Model, Failure> {
    let wanted = target::Wanted {
        flag: argument.map(str::to_owned),
        ..cx.wanted()
    };
    let named = target::named(&wanted).map_err(Failure::Usage)?;
    let target = target::find(state, &named)?;
    let model = state.models.get(&target.uuid);
    Ok(model.expect("the target was found in this very state"))
}

fn check_add(args: &Parsed) -> Result<(), String> {
    let Some(name) = args.positionals.first() else {
        let hint = "juju: no model name was passed. See \"juju add-model --help\".";
        return Err(format!(
            "{hint}\n\nDid you mean:\n\tjuju add-model <model name>"
        ));
    };
    model_name(name).map_err(|error| error.to_string())?;
    at_most(args, 2)
}

fn add_model(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let name = cx.positionals()[0].clone();
        if let Some(place) = cx.positionals().get(1) {
            check_place(place).map_err(Failure::Failed)?;
        }
        let owner = cx.args.text("owner").unwrap_or(USER);
        if owner != USER {
            return Err(Failure::Failed(format!(
                "user {owner:?} not found: the embedded controller has only the user {USER:?}"
            )));
        }
        if let Some(credential) = cx
            .args
            .text("credential")
            .filter(|name| *name != CREDENTIAL)
        {
            return Err(Failure::Failed(format!(
                "credential '{credential}' not found\nUse 'juju credentials' to list all available credentials."
            )));
        }
        let config = config(cx).await?;
        let uuid = ModelUuid(random_uuid());
        let switch = !cx.args.switch("no-switch");
        let mut info = ModelInfo::new(cx.juju(), uuid.clone(), name.clone(), cx.hub.now());
        info.config = config;
        cx.hub.transact(|state| {
            if state.model_named(&name).is_some() {
                let text = format!("failed to create new model: model \"{name}\" for {USER} already exists (already exists)");
                return Err(Failure::Failed(text));
            }
            // Juju's client knows the current model by its name.
            let by_name = state.remembered.gone.as_ref() == Some(&info.full_name());
            state.models.insert(uuid.clone(), Model::new(info).into());
            if switch || by_name {
                state.make_current(uuid);
            }
            Ok(())
        })?;
        cx.info(&format!("Added '{name}' model on {CLOUD}/{CLOUD} with credential '{CREDENTIAL}' for user '{USER}'")).await;
        Ok(())
    })
}

/// Collects `--config`: YAML files first, then `key=value`, which win.
async fn config(cx: &Cx) -> Result<BTreeMap<String, String>, Failure> {
    let mut config = cx.hub.snapshot().info.inherited();
    let (pairs, files): (Vec<&str>, Vec<&str>) =
        cx.args.all("config").partition(|value| value.contains('='));
    for file in files {
        config.extend(model_config::read_file(cx, file).await?);
    }
    for pair in pairs {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        config.insert(key.to_owned(), value.to_owned());
    }
    for (key, value) in &config {
        model_config::check(key, value).map_err(|why| failed_to_create(&why))?;
    }
    Ok(config)
}

fn failed_to_create(why: &dyn Display) -> Failure {
    Failure::Failed(format!("failed to create new model: {why}"))
}

/// Accepts `localhost` and `localhost/localhost`, the only cloud and region there are.
fn check_place(place: &str) -> Result<(), String> {
    let (cloud, region) = place.split_once('/').unwrap_or((place, CLOUD));
    let hint =
        "Use 'juju clouds' to see a list of all available clouds or 'juju add-cloud' to a add one.";
    if cloud != CLOUD {
        return Err(format!("cloud {cloud} not found\n{hint}"));
    }
    if region != CLOUD {
        return Err(format!(
            "region {region:?} not found (expected one of [{CLOUD:?}])\n{hint}"
        ));
    }
    Ok(())
}
