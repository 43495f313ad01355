//! `juju model-defaults`: the configuration that new models begin with.
//!
//! Juju 3.6 and 4.0 keep it per cloud and region; there is one cloud here, with one region.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::command::{Command, Cx, Failure, Scope};
use super::model_config::{self, check_args, split};
use super::table::TextTable;
use super::target::CLOUD;
use crate::flags::{Flag, Parsed};
use crate::model::{State, config_defaults};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new(
    "model-defaults",
    "Displays or sets default configuration settings for new models.",
    |cx| Box::pin(run(cx)),
)
.aliases(&["model-default"])
.args("[<model-key>[=<value>] ...]", |args| {
    place(args)?;
    check_args(args)
})
.scope(Scope::Controller)
.formats(&["tabular", "json", "yaml"])
.flags(&[
    Flag::text(&["cloud"], "The cloud to target"),
    Flag::text(&["region"], "The region or cloud/region to target"),
    Flag::text(&["file"], "Path to yaml-formatted configuration file"),
    Flag::text(&["reset"], "Reset the provided comma delimited keys"),
    Flag::switch(
        &["ignore-read-only-fields"],
        "Ignore read only fields that might cause errors to be emitted while processing yaml documents",
    ),
    Flag::switch(&["color"], "Use ANSI color codes in output").unsupported(),
    Flag::switch(&["no-color"], "Disable ANSI color codes in tabular output"),
])];

/// Reads `--cloud` and `--region`: the names of a cloud and a region, empty where none is given.
fn place(args: &Parsed) -> Result<(&str, &str), String> {
    let cloud = args.text("cloud").unwrap_or_default();
    let Some(region) = args.text("region") else {
        return Ok((cloud, ""));
    };
    match region.split_once('/') {
        None => Ok((cloud, region)),
        Some(_) if !cloud.is_empty() => Err(
            "cannot specify cloud using both --cloud and --region flags; use either\n    --cloud=<cloud> --region=<region>\n    --region=<cloud>/<region>".to_owned(),
        ),
        Some(both) => Ok(both),
    }
}

async fn run(cx: &Cx) -> Result<(), Failure> {
    let (cloud, region) = place(&cx.args).map_err(Failure::usage)?;
    if !["", CLOUD].contains(&cloud) {
        return Err(Failure::failed(format!("cloud {cloud:?} not found")));
    }
    if !["", CLOUD].contains(&region) {
        return Err(Failure::failed(format!(
            "invalid region specified: {region:?}"
        )));
    }
    let in_region = !region.is_empty();
    let (keys, pairs) = split(&cx.args);
    if !pairs.is_empty() || cx.args.is_set("reset") || cx.args.is_set("file") {
        return change(cx, in_region, &pairs).await;
    }
    let mut shown = defaults(&cx.hub.snapshot());
    if in_region {
        shown.retain(|_, default| default.region.is_some());
    }
    let of_region = || match region {
        "" => String::new(),
        region => format!(" in region {region:?}"),
    };
    if let Some(key) = keys.first() {
        shown.retain(|name, _| name == key);
        if shown.is_empty() {
            let of = of_region();
            return Err(Failure::failed(format!(
                "there are no default model values for {key:?}{of}"
            )));
        }
    } else if shown.is_empty() {
        let of = of_region();
        return Err(Failure::failed(format!(
            "there are no default model values{of}"
        )));
    }
    let value: Map<String, Value> = shown
        .iter()
        .map(|(key, default)| (key.clone(), default.value()))
        .collect();
    cx.print_value(&Value::Object(value), |_| table(&shown))
        .await
}

/// What a key is at when a model does not say.
#[derive(Debug, Clone, Default, PartialEq)]
struct KeyDefaults {
    /// Juju's own default.
    built_in: Option<Value>,
    /// What was set for the whole cloud.
    controller: Option<Value>,
    /// What was set for the region.
    region: Option<Value>,
}

impl KeyDefaults {
    fn value(&self) -> Value {
        let mut map = Map::new();
        let parts = [
            ("default", &self.built_in),
            ("controller", &self.controller),
        ];
        for (key, value) in parts {
            if let Some(value) = value {
                map.insert(key.to_owned(), value.clone());
            }
        }
        if let Some(value) = &self.region {
            map.insert(
                "regions".to_owned(),
                json!([{ "name": CLOUD, "value": value }]),
            );
        }
        map.into()
    }
}

fn defaults(state: &State) -> BTreeMap<String, KeyDefaults> {
    let mut all: BTreeMap<String, KeyDefaults> = BTreeMap::new();
    for (key, value) in config_defaults(state.juju).filter(|(key, _)| *key != "agent-version") {
        all.entry(key.to_owned()).or_default().built_in = Some(model_config::typed(key, value));
    }
    for (key, value) in &state.info.defaults {
        all.entry(key.clone()).or_default().controller = Some(model_config::typed(key, value));
    }
    for (key, value) in &state.info.region_defaults {
        all.entry(key.clone()).or_default().region = Some(model_config::typed(key, value));
    }
    all
}

fn table(shown: &BTreeMap<String, KeyDefaults>) -> String {
    let text = |value: Option<&Value>| match value {
        None => "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "\"\"".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let mut table = TextTable::new(["Attribute", "Default", "Controller"]);
    for (key, default) in shown {
        table.row([
            key.clone(),
            text(default.built_in.as_ref()),
            text(default.controller.as_ref()),
        ]);
        if let Some(value) = &default.region {
            table.row([format!("  {CLOUD}"), text(Some(value)), "-".to_owned()]);
        }
    }
    table.render()
}

async fn change(cx: &Cx, in_region: bool, pairs: &[(&str, &str)]) -> Result<(), Failure> {
    let mut set = BTreeMap::new();
    for file in cx.args.all("file") {
        set.extend(model_config::read_file(cx, file).await?);
    }
    if cx.args.switch("ignore-read-only-fields") {
        set.remove("agent-version");
    }
    set.extend(
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
    );
    for (key, value) in &set {
        model_config::check(key, value).map_err(Failure::Failed)?;
    }
    let reset: BTreeSet<&str> = cx.args.list("reset").collect();
    if reset.contains("agent-version") {
        return Err(Failure::failed("\"agent-version\" cannot be reset"));
    }
    let known = defaults(&cx.hub.snapshot());
    let named = set.keys().map(String::as_str).chain(reset.iter().copied());
    for key in named.filter(|key| !known.contains_key(*key)) {
        cx.warn(&format!(
            "key {key:?} is not defined in the known model configuration: possible misspelling"
        ))
        .await;
    }
    cx.hub
        .transact(|state| {
            let info = state.info_mut();
            let present = if in_region {
                &mut info.region_defaults
            } else {
                &mut info.defaults
            };
            present.retain(|key, _| !reset.contains(key.as_str()));
            present.extend(set);
            Ok::<_, Failure>(())
        })
        .map_err(Failure::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::Controller;
    use crate::JujuVersion;

    #[test]
    fn new_models_begin_with_the_defaults() {
        for juju in JujuVersion::ALL {
            let c = Controller::with_model_of(juju);
            let key = "update-status-hook-interval";
            assert_eq!(
                c.juju(&format!("model-defaults {key}")).ok().stdout,
                "Attribute                    Default  Controller\nupdate-status-hook-interval  5m       -\n"
            );
            c.juju(&format!("model-defaults {key}=2m test-mode=true"))
                .ok();
            c.juju(&format!("model-defaults --region localhost {key}=1m"))
                .ok();
            assert_eq!(
                c.juju(&format!("model-defaults {key} --format json"))
                    .ok()
                    .stdout,
                "{\"update-status-hook-interval\":{\"default\":\"5m\",\"controller\":\"2m\",\"regions\":[{\"name\":\"localhost\",\"value\":\"1m\"}]}}\n"
            );
            assert_eq!(
                c.juju(&format!("model-defaults {key}")).ok().stdout,
                "Attribute                    Default  Controller\nupdate-status-hook-interval  5m       2m\n  localhost                  1m       -\n"
            );
            let model = |line: &str| {
                c.juju(&format!("model-config {line} --format json"))
                    .ok()
                    .json()
            };
            assert_eq!(
                model(key)[key],
                json!({"Value": "5m", "Source": "default"}),
                "older"
            );
            c.juju("add-model n").ok();
            assert_eq!(model(key)[key], json!({"Value": "1m", "Source": "region"}));
            assert_eq!(
                model("test-mode")["test-mode"],
                json!({"Value": true, "Source": "controller"})
            );
            c.juju(&format!("model-config {key}=9m")).ok();
            assert_eq!(model(key)[key], json!({"Value": "9m", "Source": "model"}));
            c.juju(&format!("model-config --reset {key}")).ok();
            assert_eq!(model(key)[key], json!({"Value": "1m", "Source": "region"}));
            c.juju(&format!("add-model o --config {key}=7m")).ok();
            assert_eq!(model(key)[key], json!({"Value": "7m", "Source": "model"}));
            c.juju(&format!(
                "model-defaults --region localhost/localhost --reset {key}"
            ))
            .ok();
            c.juju("model-defaults --reset test-mode").ok();
            let all = c.juju("model-defaults --format json").ok().json();
            assert_eq!(all["test-mode"], json!({"default": false}));
            assert_eq!(all[key], json!({"default": "5m", "controller": "2m"}));
        }
    }

    #[test]
    fn what_is_refused() {
        let c = Controller::new();
        for (line, code, expected) in [
            (
                "nosuchkey",
                1,
                "there are no default model values for \"nosuchkey\"",
            ),
            (
                "--region localhost mode",
                1,
                "there are no default model values for \"mode\" in region \"localhost\"",
            ),
            (
                "--region localhost",
                1,
                "there are no default model values in region \"localhost\"",
            ),
            ("--cloud aws", 1, "cloud \"aws\" not found"),
            (
                "--region nowhere",
                1,
                "invalid region specified: \"nowhere\"",
            ),
            (
                "agent-version=1",
                1,
                "\"agent-version\" must be set via \"upgrade-model\"",
            ),
            (
                "test-mode=maybe",
                1,
                "test-mode: expected bool, got string(\"maybe\")",
            ),
            (
                "--cloud a --region b/c",
                2,
                "cannot specify cloud using both --cloud and --region flags; use either",
            ),
            ("a b", 2, "cannot specify multiple keys to get"),
        ] {
            let outcome = c.juju(&format!("model-defaults {line}"));
            assert_eq!(
                (
                    outcome.code,
                    outcome.stderr.lines().next().unwrap_or_default()
                ),
                (code, format!("ERROR {expected}").as_str()),
                "{line}"
            );
        }
        let outcome = c.juju("model-defaults nosuch=1").ok();
        assert_eq!(
            outcome.stderr,
            "WARNING key \"nosuch\" is not defined in the known model configuration: possible misspelling\n"
        );
    }
}
