//! `config` and `trust`.

use charmtest_charm::{ConfigOption, OptionType};
use serde_json::{Map, Value, json};

use super::command::{Command, Cx, Failure, first_of};
use super::{refusals, settings};
use crate::JujuVersion;
use crate::encode::go_json;
use crate::flags::{Flag, Parsed};
use crate::model::changes;
use crate::model::{Application, Model};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "config",
        "Gets, sets, or resets configuration for a deployed application.",
        |cx| Box::pin(config(cx)),
    )
    .args(
        "<application name> [--reset <key[,key]>] [<attribute-key>][=<value>] ...]",
        check,
    )
    .formats(&["yaml", "json"])
    .flags(&[
        Flag::switch(&["color"], "Use ANSI color codes in output"),
        Flag::text(&["file"], "Path to yaml-formatted configuration file"),
        Flag::switch(&["no-color"], "Disable ANSI color codes in tabular output"),
        Flag::text(&["reset"], "Reset the provided comma delimited keys"),
    ]),
    Command::new(
        "trust",
        "Sets the trust status of a deployed application to true.",
        |cx| Box::pin(trust(cx)),
    )
    // Words after the first are passed over (recorded 4.0.15).
    .args("<application name>", |args| {
        first_of(args, usize::MAX, "no application name specified")
    })
    .flags(&[
        Flag::switch(
            &["remove"],
            "Remove trusted access from a trusted application",
        ),
        Flag::text(&["scope"], "k8s models only - needs to be set to 'cluster'"),
    ]),
];

fn check(args: &Parsed) -> Result<(), String> {
    let (_, rest) = args
        .positionals
        .split_first()
        .filter(|(name, _)| !name.contains('='))
        .ok_or("no application name specified")?;
    let (pairs, keys): (Vec<&String>, Vec<&String>) =
        rest.iter().partition(|arg| arg.contains('='));
    if keys.len() > 1 {
        return Err("cannot specify multiple keys to get".to_owned());
    }
    if !keys.is_empty() && !pairs.is_empty() {
        return Err("cannot get value and set key=value pairs simultaneously".to_owned());
    }
    if !keys.is_empty() && (args.is_set("reset") || args.is_set("file")) {
        return Err("cannot use --file or --reset and retrieve values simultaneously".to_owned());
    }
    let set = |key: &str| pairs.iter().any(|pair| pair.split('=').next() == Some(key));
    match args.list("reset").find(|key| set(key)) {
        Some(key) => Err(format!("cannot set and reset key {key:?} simultaneously")),
        None => Ok(()),
    }
}

async fn config(cx: &Cx) -> Result<(), Failure> {
    let (name, rest) = cx
        .positionals()
        .split_first()
        .ok_or_else(|| Failure::usage("no application name specified"))?;
    match rest {
        [key] if !key.contains('=') => return get_one(cx, name, key).await,
        [] if !cx.args.is_set("reset") && !cx.args.is_set("file") => {
            return get_all(cx, name).await;
        }
        _ => {}
    }
    let mut given = match cx.args.text("file") {
        Some(file) => settings::from_file(cx, name, file).await?,
        None => Vec::new(),
    };
    for pair in rest {
        given.push(settings::from_pair(cx, pair)?);
    }
    let reset: Vec<String> = cx.args.list("reset").map(str::to_owned).collect();
    if cx.juju() == JujuVersion::V4_0
        && !reset.is_empty()
        && !cx.model()?.applications.contains(name)
    {
        // A reset comes first, and is refused in words of its own (recorded).
        return Err(Failure::failed(format!("application {name} not found")));
    }
    let refused = |error| refusals::config(cx.juju(), error);
    let change = |model: &mut Model| changes::set_config(model, name, &given, &reset);
    cx.change_or(refused, change)
}

async fn get_one(cx: &Cx, name: &str, key: &str) -> Result<(), Failure> {
    let document = describe_application(cx, name)?;
    let described = ["settings", "application-config"]
        .iter()
        .find_map(|section| document[section].get(key));
    let missing = || {
        Failure::failed(format!(
            "key {key:?} not found in {name:?} application config or charm settings."
        ))
    };
    let text = match &described.ok_or_else(missing)?["value"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => go_json(value),
    };
    // As in Juju, `--format` and `--output` do not matter for one value.
    cx.io.stdout(&format!("{text}\n")).await;
    Ok(())
}

async fn get_all(cx: &Cx, name: &str) -> Result<(), Failure> {
    let document = describe_application(cx, name)?;
    cx.print_value(&document, Value::to_string).await
}

async fn trust(cx: &Cx) -> Result<(), Failure> {
    let trust = !cx.args.switch("remove");
    cx.change(|model| changes::set_trust(model, &cx.positionals()[0], trust))
}

fn describe_application(cx: &Cx, name: &str) -> Result<Value, Failure> {
    let model = cx.model()?;
    let not_found = || refusals::no_application(cx.juju(), name);
    let application = model.applications.get(name).ok_or_else(not_found)?;
    let charm = &model.charm_of(name).ok_or_else(not_found)?.charm;
    let settings: Map<String, Value> = charm
        .config
        .0
        .iter()
        .map(|(key, option)| (key.clone(), describe(option, application.config.get(key))))
        .collect();
    Ok(json!({
        "application": name,
        "application-config": {"trust": describe_trust(application)},
        "charm": charm.metadata.name.as_str(),
        "settings": settings,
    }))
}

/// Describes an option as `juju config` shows it, keys in order.
fn describe(option: &ConfigOption, explicit: Option<&Value>) -> Value {
    let mut described = Map::new();
    if let Some(default) = &option.default {
        described.insert("default".to_owned(), default.clone());
    }
    described.insert(
        "description".to_owned(),
        Value::from(option.description.as_str()),
    );
    let source = match (explicit, &option.default) {
        (None, None) => "unset",
        (None, Some(_)) => "default",
        (Some(value), Some(default)) if value == default => "default",
        (Some(_), _) => "user",
    };
    described.insert("source".to_owned(), Value::from(source));
    described.insert(
        "type".to_owned(),
        Value::from(OptionType::as_str(option.kind)),
    );
    if let Some(value) = explicit.or(option.default.as_ref()) {
        described.insert("value".to_owned(), value.clone());
    }
    Value::Object(described)
}

fn describe_trust(application: &Application) -> Value {
    json!({
        "default": false,
        "description": "Does this application have access to trusted credentials",
        "source": if application.trust { "user" } else { "default" },
        "type": "bool",
        "value": application.trust,
    })
}
