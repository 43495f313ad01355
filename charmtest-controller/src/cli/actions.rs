//! `actions` and `show-action`.

use charmtest_charm::Actions;
use charmtest_charm::yaml_writer::{to_yaml, to_yaml_sorted};
use serde_json::{Map, Value, json};

use super::command::{Command, Cx, Failure, at_most, first_of};
use super::table::TextTable;
use super::values;
use crate::encode::sorted;
use crate::flags::{Flag, Parsed};
use crate::model::changes::{self, ChangeError};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "actions",
        "List actions defined for an application.",
        |cx| Box::pin(list(cx)),
    )
    .aliases(&["list-actions"])
    .args("<application>", |args| {
        first_of(args, 1, "no application name specified")
    })
    .formats(&["default", "json", "tabular", "yaml"])
    .flags(&[Flag::switch(&["schema"], "Display the full action schema")]),
    Command::new(
        "show-action",
        "Shows detailed information about an action.",
        |cx| Box::pin(show(cx)),
    )
    .args("<application> <action>", check_show),
];

async fn list(cx: &Cx) -> Result<(), Failure> {
    let name = cx.positionals()[0].as_str();
    let actions = actions_of(cx, name)?;
    if actions.0.is_empty() {
        cx.info(&format!("No actions defined for {name}.")).await;
        return if matches!(cx.format.as_str(), "json" | "yaml") {
            cx.print("{}\n").await
        } else {
            Ok(())
        };
    }
    let full = cx.args.switch("schema");
    let entries = actions.0.iter().map(|(name, action)| {
        let value = if full {
            sorted(&changes::full_schema(&action.schema, cx.juju()))
        } else {
            Value::from(action.description.as_str())
        };
        (name.clone(), value)
    });
    let document = Value::Object(entries.collect::<Map<_, _>>());
    let text = match (cx.format.as_str(), full) {
        ("json", _) => values::json(&document),
        ("yaml", _) | ("default", true) => to_yaml_sorted(&document),
        ("tabular", true) => {
            return Err(Failure::failed(
                "full schema not compatible with tabular output",
            ));
        }
        _ => tabular(&actions),
    };
    cx.print(&text).await
}

fn check_show(args: &Parsed) -> Result<(), String> {
    match args.positionals.len() {
        0 => Err("no application specified".to_owned()),
        1 => Err("no action specified".to_owned()),
        _ => at_most(args, 2),
    }
}

async fn show(cx: &Cx) -> Result<(), Failure> {
    let [application, name] = cx.positionals() else {
        return Err(Failure::usage("no action specified"));
    };
    let actions = actions_of(cx, application)?;
    let Some(action) = actions.0.get(name) else {
        cx.io.stderr(&format!("unknown action {name:?}\n")).await;
        return Err(Failure::Silent(1));
    };
    let properties = sorted(&action.schema["properties"]);
    let arguments: Map<String, Value> = properties
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, property)| (name.clone(), argument(property)))
        .collect();
    let mut text = format!("{}\n", action.description.trim_end());
    if !arguments.is_empty() {
        text += &format!("\nArguments\n{}\n", to_yaml(&Value::Object(arguments)));
    }
    cx.print(&text).await
}

/// Describes a parameter in the order of Juju: type, description, default.
fn argument(property: &Value) -> Value {
    let mut described = json!({"type": property["type"], "description": property["description"]});
    if let (Some(map), Some(default)) = (described.as_object_mut(), property.get("default")) {
        map.insert("default".to_owned(), default.clone());
    }
    described
}

fn tabular(actions: &Actions) -> String {
    let mut table = TextTable::new(["Action", "Description"]);
    for (name, action) in &actions.0 {
        // A table has room for one line.
        table.row([
            name.as_str(),
            action.description.trim().lines().next().unwrap_or_default(),
        ]);
    }
    table.render()
}

fn actions_of(cx: &Cx, application: &str) -> Result<Actions, Failure> {
    let model = cx.model()?;
    let row = model
        .charm_of(application)
        .ok_or_else(|| Failure::failed(ChangeError::ApplicationNotFound(application.to_owned())))?;
    Ok(row.charm.actions.clone())
}
