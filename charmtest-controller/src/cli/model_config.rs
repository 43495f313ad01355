//! `juju model-config`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use charmtest_charm::yaml;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::command::{Command, Cx, Failure, Running};
use super::table::TextTable;
use crate::JujuVersion;
use crate::flags::{Flag, Parsed, parse_go_duration};
use crate::model::changes::restart_retries;
use crate::model::{ControllerInfo, Model, Rejected, config_defaults};

pub(super) const COMMANDS: &[Command] = &[Command::new("model-config", "Displays or sets configuration values on a model.", run)
    .args("[<model-key>[=<value>] ...]", check_args)
    .formats(&["tabular", "json", "yaml"])
    .flags(&[
        Flag::text(&["file"], "Path to yaml-formatted configuration file"),
        Flag::text(&["reset"], "Reset the provided comma delimited keys"),
        Flag::switch(&["ignore-read-only-fields"], "Ignore read only fields that might cause errors to be emitted while processing yaml documents"),
        Flag::switch(&["color"], "Use ANSI color codes in output").unsupported(),
        Flag::switch(&["no-color"], "Disable ANSI color codes in tabular output"),
    ])];

/// Keys with other values than text.
const BOOLEANS: [&str; 9] = [
    "automatically-retry-hooks",
    "development",
    "disable-network-management",
    "disable-telemetry",
    "enable-os-refresh-update",
    "enable-os-upgrade",
    "ignore-machine-addresses",
    "ssl-hostname-verification",
    "test-mode",
];
const INTEGERS: [&str; 2] = ["num-provision-workers", "num-container-provision-workers"];

/// Keys that exist in Juju and cannot be set.
const READ_ONLY: [&str; 4] = ["agent-version", "name", "type", "uuid"];

/// What the positional arguments want.
pub(super) fn split(args: &Parsed) -> (Vec<&str>, Vec<(&str, &str)>) {
    let (pairs, keys): (Vec<&str>, Vec<&str>) = args
        .positionals
        .iter()
        .map(String::as_str)
        .partition(|arg| arg.contains('='));
    (
        keys,
        pairs
            .into_iter()
            .filter_map(|pair| pair.split_once('='))
            .collect(),
    )
}

pub(super) fn check_args(args: &Parsed) -> Result<(), String> {
    let (keys, pairs) = split(args);
    if !keys.is_empty() && !pairs.is_empty() {
        return Err("cannot get value and set key=value pairs simultaneously".to_owned());
    }
    if keys.len() > 1 {
        return Err("cannot specify multiple keys to get".to_owned());
    }
    if !keys.is_empty() && (args.is_set("reset") || args.is_set("file")) {
        return Err("cannot use --file or --reset flag and get value simultaneously".to_owned());
    }
    if args.list("reset").any(|key| key.contains('=')) {
        return Err("--reset accepts a comma delimited set of keys \"a,b,c\"".to_owned());
    }
    match args
        .list("reset")
        .find(|key| pairs.iter().any(|(set, _)| set == key))
    {
        Some(key) => Err(format!("cannot set and reset key {key:?} simultaneously")),
        None => Ok(()),
    }
}

fn run(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let (keys, pairs) = split(&cx.args);
        let changes = !pairs.is_empty() || cx.args.is_set("reset") || cx.args.is_set("file");
        if changes {
            change(cx, &pairs).await
        } else {
            show(cx, keys.first().copied()).await
        }
    })
}

async fn show(cx: &Cx, key: Option<&str>) -> Result<(), Failure> {
    let model = cx.model()?;
    let all = effective(&model, &cx.hub.snapshot().info);
    let Some(key) = key else {
        return cx
            .print_value(&attributes(&all, &cx.format), |_| table(&all))
            .await;
    };
    let Some((value, source)) = all.get(key) else {
        return Err(Failure::Failed(format!(
            "{key:?} is not a key of the currently targeted model: {:?}",
            model.info.name
        )));
    };
    let one = BTreeMap::from([(key.to_owned(), (value.clone(), *source))]);
    cx.print_value(&attributes(&one, &cx.format), |_| {
        super::values::smart(value)
    })
    .await
}

/// Returns every key with its value and where that is from.
fn effective(
    model: &Model,
    controller: &ControllerInfo,
) -> BTreeMap<String, (Value, &'static str)> {
    let defaults = config_defaults(model.info.juju).map(|(key, value)| {
        // Juju writes these down when it makes a model (recorded 4.0.15).
        let source = if ["agent-version", "logging-config"].contains(&key) {
            "model"
        } else {
            "default"
        };
        (key.to_owned(), (typed(key, value), source))
    });
    let own = model
        .info
        .config
        .iter()
        // In Juju 4.0 the backend has a command of its own, `model-secret-backend`.
        .filter(|(key, _)| model.info.juju == JujuVersion::V3_6 || *key != "secret-backend")
        .map(|(key, value)| {
            let source = controller.source_of(key, value);
            (key.clone(), (typed(key, value), source))
        });
    defaults.chain(own).collect()
}

/// Returns what JSON or YAML shows; Juju's JSON has capital keys here.
fn attributes(all: &BTreeMap<String, (Value, &'static str)>, format: &str) -> Value {
    let (value_key, source_key) = if format == "yaml" {
        ("value", "source")
    } else {
        ("Value", "Source")
    };
    let entry = |(key, (value, source)): (&String, &(Value, &'static str))| {
        (key.clone(), json!({ value_key: value, source_key: source }))
    };
    Value::Object(all.iter().map(entry).collect::<Map<_, _>>())
}

fn table(all: &BTreeMap<String, (Value, &'static str)>) -> String {
    let mut table = TextTable::new(["Attribute", "From", "Value"]);
    for (key, (value, source)) in all {
        let text = match value {
            Value::String(text) if text.is_empty() => "\"\"".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        table.row([key.as_str(), source, &text]);
    }
    table.render()
}

pub(super) fn typed(key: &str, text: &str) -> Value {
    if BOOLEANS.contains(&key) {
        return (text == "true").into();
    }
    match text.parse::<i64>() {
        Ok(number) if INTEGERS.contains(&key) => number.into(),
        _ => text.into(),
    }
}

async fn change(cx: &Cx, pairs: &[(&str, &str)]) -> Result<(), Failure> {
    let mut set = BTreeMap::new();
    for file in cx.args.all("file") {
        set.extend(read_file(cx, file).await?);
    }
    if cx.args.switch("ignore-read-only-fields") {
        set.retain(|key, _| !READ_ONLY.contains(&key.as_str()));
    }
    set.extend(
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
    );
    for (key, value) in &set {
        check(key, value).map_err(|why| refused(cx.juju(), key, value, why))?;
        if (cx.juju(), key.as_str()) == (JujuVersion::V3_6, "secret-backend") {
            check_secret_backend(value).map_err(Failure::Failed)?;
        }
    }
    let reset: BTreeSet<&str> = cx.args.list("reset").collect();
    if let Some(key) = reset.iter().find(|key| READ_ONLY.contains(key)) {
        return Err(Failure::Failed(format!("{key:?} cannot be reset")));
    }
    let model = cx.model()?;
    let controller = Arc::clone(&cx.hub.snapshot().info);
    let known = effective(&model, &controller);
    for key in set
        .keys()
        .map(String::as_str)
        .chain(reset.iter().copied())
        .filter(|key| !known.contains_key(*key))
    {
        cx.warn(&format!(
            "key {key:?} is not defined in the current model configuration: possible misspelling"
        ))
        .await;
    }
    let now = cx.hub.now();
    let first = SignedDuration::try_from(cx.hub.timing.hook_retry_first).unwrap_or_default();
    cx.change(|model| {
        let retries = |model: &Model| model.config("automatically-retry-hooks").map(str::to_owned);
        let before = retries(model);
        let config = &mut model.info_mut().config;
        config.retain(|key, _| !reset.contains(key.as_str()));
        let mut inherited = controller.inherited();
        inherited.retain(|key, _| reset.contains(key.as_str()));
        config.extend(inherited);
        config.extend(set);
        if retries(model) != before {
            restart_retries(model, first, now);
        }
        Ok::<_, Rejected>(())
    })
}

/// Words why a value cannot be set in a model that is there: 4.0 tells what it was doing (recorded).
fn refused(juju: JujuVersion, key: &str, value: &str, why: String) -> Failure {
    let why = match (juju, key) {
        (JujuVersion::V3_6, _) | (JujuVersion::V4_0, "agent-version" | "name" | "type") => {
            return Failure::Failed(why);
        }
        (JujuVersion::V4_0, "uuid") => format!("uuid: expected UUID, got string({value:?})"),
        (JujuVersion::V4_0, _) => why,
    };
    Failure::Failed(format!(
        "making updated model configuration: building new model config with removed attributes: {why}"
    ))
}

/// Checks a value that is to be set.
///
/// # Errors
///
/// Fails when the key cannot be set or the value is not of its kind.
pub(super) fn check(key: &str, value: &str) -> Result<(), String> {
    match key {
        "agent-version" => Err("\"agent-version\" must be set via \"upgrade-model\"".to_owned()),
        "name" | "type" | "uuid" => Err(format!("cannot change {key}")),
        "update-status-hook-interval" => parse_go_duration(value).map(drop).map_err(|why| {
            format!("invalid update status hook interval in model configuration: {why}")
        }),
        "default-base" if !value.is_empty() && !value.contains('@') => Err(format!(
            "invalid default base {value:?}: expected base string to contain os and channel separated by '@'"
        )),
        _ if BOOLEANS.contains(&key) && !["true", "false"].contains(&value) => {
            Err(format!("{key}: expected bool, got string({value:?})"))
        }
        _ if INTEGERS.contains(&key) && value.parse::<i64>().is_err() => {
            Err(format!("{key}: expected number, got string({value:?})"))
        }
        _ => Ok(()),
    }
}

/// Checks the name of a secret backend; there is one, the controller.
fn check_secret_backend(name: &str) -> Result<(), String> {
    match name {
        "auto" | "internal" => Ok(()),
        "" => Err("empty \"secret-backend\" config value not valid".to_owned()),
        _ => Err(format!("secret backend {name:?} not found")),
    }
}

/// Reads a YAML file of configuration, `key: value` or the whole output of `model-config --format yaml`.
///
/// # Errors
///
/// Fails when the file cannot be read or is no map of scalars.
pub(super) async fn read_file(cx: &Cx, name: &str) -> Result<BTreeMap<String, String>, Failure> {
    let text = cx.read_file(name).await?;
    let value = yaml::parse_value(name, &text).map_err(Failure::failed)?;
    let not_a_map = || {
        Failure::Failed(format!(
            "{name} is not a map of configuration keys to values"
        ))
    };
    let map = value.as_object().ok_or_else(not_a_map)?;
    let mut config = BTreeMap::new();
    for (key, value) in map {
        let text = match value.get("value").unwrap_or(value) {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Array(_) | Value::Object(_) => {
                return Err(Failure::Failed(format!(
                    "{name}: the value of {key:?} is not a scalar"
                )));
            }
        };
        config.insert(key.clone(), text);
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::Controller;
    use super::JujuVersion;

    #[test]
    fn values_are_set_shown_and_reset() {
        let c = Controller::with_model();
        let get = |line: &str| c.juju(&format!("model-config {line}")).ok().stdout;
        assert_eq!(get("update-status-hook-interval"), "5m\n");
        c.juju("model-config update-status-hook-interval=10s logging-config=<root>=DEBUG;unit=TRACE mode=").ok();
        assert_eq!(get("update-status-hook-interval"), "10s\n");
        assert_eq!(
            get("logging-config --format json"),
            "{\"logging-config\":{\"Value\":\"\\u003croot\\u003e=DEBUG;unit=TRACE\",\"Source\":\"model\"}}\n"
        );
        assert_eq!(
            get("automatically-retry-hooks --format yaml"),
            "automatically-retry-hooks:\n  value: true\n  source: default\n"
        );
        assert_eq!(get("automatically-retry-hooks"), "True\n");
        c.juju("model-config --reset update-status-hook-interval,mode")
            .ok();
        assert_eq!(
            get("mode --format json"),
            "{\"mode\":{\"Value\":\"requires-prompts\",\"Source\":\"default\"}}\n"
        );
        let table = get("");
        assert!(
            table.starts_with("Attribute ") && table.contains("\nlogging-config "),
            "{table}"
        );
    }

    #[test]
    fn keys_and_kinds_are_those_of_the_version() {
        for (juju, has_history) in [(JujuVersion::V3_6, true), (JujuVersion::V4_0, false)] {
            let c = Controller::with_model_of(juju);
            let all = c.juju("model-config --format json").ok().json();
            assert_eq!(
                all["test-mode"],
                json!({"Value": false, "Source": "default"})
            );
            for key in [
                "max-status-history-age",
                "max-status-history-size",
                "secret-backend",
            ] {
                assert_eq!(all.get(key).is_some(), has_history, "{juju:?} {key}");
                let code = c.juju(&format!("model-config {key}")).code;
                assert_eq!(code == 0, has_history, "{juju:?} {key}");
            }
            assert_eq!(all["max-action-results-age"]["Value"], "336h");
            assert_eq!(all["logging-config"]["Source"], "model");
            let prefix = match juju {
                JujuVersion::V3_6 => "",
                JujuVersion::V4_0 => {
                    "making updated model configuration: building new model config with removed attributes: "
                }
            };
            let outcome = c.juju("model-config test-mode=maybe");
            assert_eq!(
                outcome.stderr,
                format!("ERROR {prefix}test-mode: expected bool, got string(\"maybe\")\n")
            );
            let uuid = match juju {
                JujuVersion::V3_6 => "cannot change uuid",
                JujuVersion::V4_0 => "uuid: expected UUID, got string(\"x\")",
            };
            assert_eq!(
                c.juju("model-config uuid=x").stderr,
                format!("ERROR {prefix}{uuid}\n")
            );
        }
    }

    #[test]
    fn files_and_pairs() {
        let c = Controller::with_model();
        std::fs::write(
            c.dir.path().join("mc.yaml"),
            "update-status-hook-interval: 3m\nautomatically-retry-hooks: false\nfoo:\n  value: 7\n",
        )
        .unwrap();
        let outcome = c
            .juju("model-config --file mc.yaml update-status-hook-interval=4m")
            .ok();
        assert_eq!(
            outcome.stderr,
            "WARNING key \"foo\" is not defined in the current model configuration: possible misspelling\n"
        );
        assert_eq!(
            c.juju("model-config update-status-hook-interval")
                .ok()
                .stdout,
            "4m\n"
        );
        assert_eq!(c.juju("model-config foo").ok().stdout, "7\n");
        assert_eq!(
            c.juju("model-config automatically-retry-hooks --format json")
                .json()["automatically-retry-hooks"]["Value"],
            false
        );
    }

    #[test]
    fn what_is_refused() {
        let c = Controller::with_model();
        for (line, code, stdout, error) in [
            (
                "nosuch",
                1,
                "",
                "\"nosuch\" is not a key of the currently targeted model: \"m\"",
            ),
            (
                "nosuch --format json",
                1,
                "{}\n",
                "\"nosuch\" is not a key of the currently targeted model: \"m\"",
            ),
            ("a b", 2, "", "cannot specify multiple keys to get"),
            (
                "a=1 b",
                2,
                "",
                "cannot get value and set key=value pairs simultaneously",
            ),
            (
                "a=1 --reset a",
                2,
                "",
                "cannot set and reset key \"a\" simultaneously",
            ),
            (
                "agent-version=4.0.0",
                1,
                "",
                "\"agent-version\" must be set via \"upgrade-model\"",
            ),
            (
                "development=maybe",
                1,
                "",
                "development: expected bool, got string(\"maybe\")",
            ),
            (
                "update-status-hook-interval=bogus",
                1,
                "",
                "invalid update status hook interval in model configuration: time: invalid duration \"bogus\"",
            ),
        ] {
            let outcome = c.juju(&format!("model-config {line}"));
            assert_eq!(
                (outcome.code, outcome.stdout.as_str(), outcome.stderr),
                (code, stdout, format!("ERROR {error}\n")),
                "{line}"
            );
        }
    }
}
