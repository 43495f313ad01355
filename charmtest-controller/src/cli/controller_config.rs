//! `juju controller-config`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::command::{Command, Cx, Failure, Scope};
use super::model_config::{read_file, split};
use super::table::TextTable;
use super::target::CONTROLLER;
use super::values;
use crate::JujuVersion;
use crate::flags::{Flag, Kind, Parsed, parse_go_duration};
use crate::model::State;
use crate::version::Versions;

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new(
    "controller-config",
    "Displays or sets configuration settings for a controller.",
    |cx| Box::pin(run(cx)),
)
.args("[<attribute key>[=<value>] ...]", check)
.scope(Scope::Controller)
.formats(&["tabular", "json", "yaml"])
.flags(&[
    Flag::text(&["file"], "Path to yaml-formatted configuration file"),
    Flag::switch(
        &["ignore-read-only-fields"],
        "Ignore read only fields that might cause errors to be emitted while processing yaml documents",
    ),
    Flag::of(Kind::Switch, &["color"], "Use ANSI color codes in output").unsupported(),
    Flag::switch(&["no-color"], "Disable ANSI color codes in tabular output"),
])];

/// Of what kind a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Text,
    Bool,
    Int,
    Float,
    Duration,
}

/// A key of the configuration: its default, the kind of its value, whether it can be set once the controller is there, and where it is.
struct Key {
    name: &'static str,
    default: &'static str,
    of: Of,
    settable: bool,
    versions: Versions,
}

const fn key(name: &'static str, default: &'static str, of: Of) -> Key {
    Key {
        name,
        default,
        of,
        settable: true,
        versions: Versions::All,
    }
}

impl Key {
    const fn fixed(self) -> Self {
        Self {
            settable: false,
            ..self
        }
    }

    const fn only(self, juju: JujuVersion) -> Self {
        Self {
            versions: Versions::Only(juju),
            ..self
        }
    }
}

/// The keys of Juju's controller configuration that have a value in every controller, with its defaults (3.6 and 4.0, `controller`
/// package). Those of the agents' logs, of the API server and of the databases mean nothing here, where there are none of these: they
/// are kept and shown.
const KEYS: &[Key] = &[
    key("agent-logfile-max-backups", "2", Of::Int),
    key("agent-logfile-max-size", "100M", Of::Text),
    key("agent-ratelimit-max", "10", Of::Int),
    key("agent-ratelimit-rate", "250ms", Of::Duration),
    key("api-port", "17070", Of::Int).fixed(),
    key("api-port-open-delay", "2s", Of::Duration).only(JujuVersion::V3_6),
    key("application-resource-download-limit", "0", Of::Int),
    key("audit-log-capture-args", "false", Of::Bool),
    key("audit-log-exclude-methods", "ReadOnlyMethods", Of::Text),
    key("audit-log-max-backups", "10", Of::Int),
    key("audit-log-max-size", "300M", Of::Text),
    key("auditing-enabled", "true", Of::Bool),
    key("controller-resource-download-limit", "0", Of::Int),
    key("juju-db-snap-channel", "4.4/stable", Of::Text)
        .fixed()
        .only(JujuVersion::V3_6),
    key("max-agent-state-size", "524288", Of::Int),
    key("max-charm-state-size", "2097152", Of::Int),
    key("max-debug-log-duration", "24h0m0s", Of::Duration),
    key("max-prune-txn-batch-size", "1000000", Of::Int).only(JujuVersion::V3_6),
    key("max-prune-txn-passes", "100", Of::Int).only(JujuVersion::V3_6),
    key("migration-agent-wait-time", "15m0s", Of::Duration),
    key("model-logfile-max-backups", "2", Of::Int),
    key("model-logfile-max-size", "10M", Of::Text),
    key("object-store-type", "file", Of::Text).only(JujuVersion::V4_0),
    key("open-telemetry-enabled", "false", Of::Bool),
    key("open-telemetry-insecure", "false", Of::Bool),
    key("open-telemetry-sample-ratio", "0.1", Of::Float),
    key("open-telemetry-stack-traces", "false", Of::Bool),
    key(
        "open-telemetry-tail-sampling-threshold",
        "1ms",
        Of::Duration,
    ),
    key("prune-txn-query-count", "1000", Of::Int).only(JujuVersion::V3_6),
    key("prune-txn-sleep-time", "10ms", Of::Duration).only(JujuVersion::V3_6),
    key("query-tracing-enabled", "false", Of::Bool),
    key("query-tracing-threshold", "1s", Of::Duration),
    key("ssh-max-concurrent-connections", "100", Of::Int),
    key("ssh-server-port", "17022", Of::Int).fixed(),
    key("state-port", "37017", Of::Int)
        .fixed()
        .only(JujuVersion::V3_6),
];

fn known(juju: JujuVersion, name: &str) -> Option<&'static Key> {
    let mut keys = KEYS.iter().filter(|key| key.versions.contain(juju));
    keys.find(|key| key.name == name)
}

/// Makes of a text a value of its kind; `None` when it is none.
fn typed(of: Of, text: &str) -> Option<Value> {
    Some(match of {
        Of::Text => text.into(),
        Of::Bool => text.parse::<bool>().ok()?.into(),
        Of::Int => text.parse::<i64>().ok()?.into(),
        Of::Float => text.parse::<f64>().ok()?.into(),
        Of::Duration => {
            parse_go_duration(text).ok()?;
            text.into()
        }
    })
}

fn check(args: &Parsed) -> Result<(), String> {
    let (keys, pairs) = split(args);
    if !keys.is_empty() && !pairs.is_empty() {
        return Err("cannot get value and set key=value pairs simultaneously".to_owned());
    }
    if keys.len() > 1 {
        return Err("cannot specify multiple keys to get".to_owned());
    }
    if !keys.is_empty() && args.is_set("file") {
        return Err("cannot use --file flag and get value simultaneously".to_owned());
    }
    Ok(())
}

/// Returns the whole configuration.
fn effective(state: &State) -> BTreeMap<String, Value> {
    let defaults = KEYS.iter().filter(|key| key.versions.contain(state.juju));
    let mut all: BTreeMap<String, Value> = defaults
        .filter_map(|key| Some((key.name.to_owned(), typed(key.of, key.default)?)))
        .collect();
    let methods = "audit-log-exclude-methods";
    for (name, text) in &state.info.config {
        let of = known(state.juju, name).map_or(Of::Text, |key| key.of);
        let value = typed(of, text).unwrap_or_else(|| text.clone().into());
        all.insert(name.clone(), value);
    }
    if let Some(Value::String(text)) = all.get(methods).cloned() {
        all.insert(methods.to_owned(), text.split(',').collect());
    }
    all.insert("controller-name".to_owned(), CONTROLLER.into());
    all.insert(
        "controller-uuid".to_owned(),
        state.controller.clone().into(),
    );
    all
}

async fn run(cx: &Cx) -> Result<(), Failure> {
    let (keys, pairs) = split(&cx.args);
    if !pairs.is_empty() || cx.args.is_set("file") {
        return change(cx, &pairs).await;
    }
    let all = effective(&cx.hub.snapshot());
    if let Some(key) = keys.first() {
        let value = all.get(*key).ok_or_else(|| {
            Failure::failed(format!(
                "key {key:?} not found in controller {CONTROLLER:?}"
            ))
        })?;
        return cx.print_value(value, values::smart).await;
    }
    let value: Map<String, Value> = all.clone().into_iter().collect();
    cx.print_value(&Value::Object(value), |_| {
        let mut table = TextTable::new(["Attribute", "Value"]);
        for (key, value) in &all {
            let text = match value {
                Value::Array(_) => charmtest_charm::yaml_writer::to_yaml(value),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            table.row([key.as_str(), text.trim_end()]);
        }
        table.render()
    })
    .await
}

async fn change(cx: &Cx, pairs: &[(&str, &str)]) -> Result<(), Failure> {
    let mut set = BTreeMap::new();
    for file in cx.args.all("file") {
        set.extend(read_file(cx, file).await?);
    }
    let juju = cx.juju();
    let settable = |name: &str| known(juju, name).is_some_and(|key| key.settable);
    let from_file: Vec<String> = set.keys().cloned().collect();
    set.extend(
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
    );
    if cx.args.switch("ignore-read-only-fields") {
        set.retain(|key, _| settable(key) || !from_file.contains(key));
    }
    let fixed: Vec<&str> = set
        .keys()
        .map(String::as_str)
        .filter(|key| !settable(key))
        .collect();
    if !fixed.is_empty() {
        return Err(Failure::failed(format!(
            "invalid or read-only controller config values cannot be updated: {}",
            fixed.join(", ")
        )));
    }
    for (name, text) in &set {
        let key = known(juju, name);
        if key.is_some_and(|key| typed(key.of, text).is_none()) {
            let of = match key.map(|key| key.of) {
                Some(Of::Bool) => "bool",
                Some(Of::Duration) => "string or time.Duration",
                _ => "number",
            };
            return Err(Failure::failed(format!(
                "{name}: expected {of}, got string({text:?})"
            )));
        }
    }
    cx.hub
        .transact(|state| {
            state.info_mut().config.extend(set);
            Ok::<_, Failure>(())
        })
        .map_err(Failure::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::Controller;
    use super::*;

    #[test]
    fn every_default_is_of_its_kind() {
        for key in KEYS {
            assert!(typed(key.of, key.default).is_some(), "{}", key.name);
        }
    }

    #[test]
    fn values_are_shown_and_set() {
        for juju in JujuVersion::ALL {
            let c = Controller::of(juju);
            let uuid = c.hub.snapshot().controller.clone();
            assert_eq!(
                c.juju("controller-config controller-uuid").ok().stdout,
                format!("{uuid}\n")
            );
            c.juju("controller-config auditing-enabled=false max-charm-state-size=7")
                .ok();
            let all = c.juju("controller-config --format json").ok().json();
            assert_eq!(all["auditing-enabled"], json!(false));
            assert_eq!(all["max-charm-state-size"], json!(7));
            assert_eq!(all["audit-log-exclude-methods"], json!(["ReadOnlyMethods"]));
            assert_eq!(all.get("state-port").is_some(), juju == JujuVersion::V3_6);
            assert_eq!(
                c.juju("controller-config auditing-enabled").ok().stdout,
                "False\n"
            );
            let table = c.juju("controller-config").ok().stdout;
            assert!(
                table.starts_with("Attribute ") && table.contains("\napi-port "),
                "{table}"
            );
        }
    }

    #[test]
    fn what_is_refused() {
        let c = Controller::new();
        for (line, code, expected) in [
            (
                "nosuch",
                1,
                "key \"nosuch\" not found in controller \"embedded\"",
            ),
            (
                "api-port=1",
                1,
                "invalid or read-only controller config values cannot be updated: api-port",
            ),
            (
                "nosuch=1",
                1,
                "invalid or read-only controller config values cannot be updated: nosuch",
            ),
            (
                "auditing-enabled=maybe",
                1,
                "auditing-enabled: expected bool, got string(\"maybe\")",
            ),
            ("a b", 2, "cannot specify multiple keys to get"),
            (
                "a b=1",
                2,
                "cannot get value and set key=value pairs simultaneously",
            ),
        ] {
            let outcome = c.juju(&format!("controller-config {line}"));
            assert_eq!(
                (outcome.code, outcome.stderr),
                (code, format!("ERROR {expected}\n")),
                "{line}"
            );
        }
    }
}
