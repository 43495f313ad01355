//! `attach-resource` and `resources`.

use std::path::Path;

use charmtest_charm::yaml_writer::{Times, YamlStyle, to_yaml_with};
use charmtest_charm::{Resource, ResourceKind};
use serde_json::{Map, Value, json};

use super::command::{Command, Cx, Failure, first_of};
use super::table::TextTable;
use super::target::USER;
use super::upload;
use crate::JujuVersion;
use crate::flags::{Flag, Parsed};
use crate::model::changes::{self, ChangeError};
use crate::model::{Application, Model, ResourceRow, UnitName, application_name};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "attach-resource",
        "Update a resource for an application.",
        |cx| Box::pin(attach(cx)),
    )
    .args("application <resource name>=<resource>", check_attach),
    Command::new(
        "resources",
        "Show the resources for an application or unit.",
        |cx| Box::pin(list(cx)),
    )
    .aliases(&["list-resources"])
    .args("<application or unit>", |args| {
        first_of(args, 1, "missing application or unit name")
    })
    .formats(&["tabular", "json", "yaml"])
    .flags(&[Flag::switch(
        &["details"],
        "show detailed information about resources used by each unit.",
    )
    .unsupported()]),
];

fn check_attach(args: &Parsed) -> Result<(), String> {
    let pair = match &args.positionals[..] {
        [] => return Err("missing application name".to_owned()),
        [_] => return Err("no resource specified".to_owned()),
        [_, pair] => pair,
        _ => return super::command::at_most(args, 2),
    };
    match pair.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => Ok(()),
        Some((name, _)) if !name.is_empty() => {
            Err(format!("bad resource arg {pair:?}: missing resource value"))
        }
        _ => Err(format!(
            "bad resource arg {pair:?}: expected name=path format"
        )),
    }
}

async fn attach(cx: &Cx) -> Result<(), Failure> {
    let application = cx.positionals()[0].as_str();
    let (name, value) = cx.positionals()[1].split_once('=').unwrap_or_default();
    let model = cx.model()?;
    let charm = model
        .charm_of(application)
        .ok_or_else(|| Failure::failed(ChangeError::ApplicationNotFound(application.to_owned())))?;
    let fail = |why: String| Failure::failed(format!("failed to upload resource {name:?}: {why}"));
    let declared = charm.charm.metadata.resources.get(name);
    check_extension(
        declared.ok_or_else(|| fail(format!("resource {name:?} not found")))?,
        value,
    )
    .map_err(fail)?;
    let row = upload::resource(cx, &charm.charm, name, value).await;
    let row = row.map_err(|error| fail(format!("open {value}: {}", upload::go_words(&error))))?;
    cx.change(|model| changes::attach_resource(model, application, name, row))
}

/// Checks that the file is called like the one that the charm expects, up to the last dot.
fn check_extension(declared: &Resource, value: &str) -> Result<(), String> {
    let ResourceKind::File { filename } = &declared.kind else {
        return Ok(());
    };
    let extension = |name: &str| {
        Path::new(name)
            .extension()
            .map(|ext| format!(".{}", ext.display()))
            .unwrap_or_default()
    };
    let expected = extension(filename);
    if extension(value) == expected {
        return Ok(());
    }
    Err(format!(
        "incorrect extension on resource upload {value:?}, expected {expected:?}"
    ))
}

async fn list(cx: &Cx) -> Result<(), Failure> {
    let name = cx.positionals()[0].as_str();
    let model = cx.model()?;
    let unit = UnitName::parse(name).ok();
    let application = unit.as_ref().map_or(name, UnitName::application);
    if application_name(application).is_err() {
        return Err(Failure::failed(format!(
            "{name:?} is neither an application nor a unit"
        )));
    }
    if let Some(unit) = unit
        .as_ref()
        .filter(|unit| model.applications.contains(application) && !model.units.contains(*unit))
    {
        return Err(Failure::failed(ChangeError::UnitNotFound(unit.to_string())));
    }
    let Some(row) = model.applications.get(application) else {
        return Err(Failure::failed(ChangeError::ApplicationNotFound(
            application.to_owned(),
        )));
    };
    let yaml = cx.format == "yaml";
    let described = describe_all(&model, row, yaml);
    if described.is_empty() {
        cx.info("No resources to display.").await;
        return Ok(());
    }
    let is_unit = unit.is_some();
    let value = if is_unit {
        Value::Array(described)
    } else {
        json!({"resources": described})
    };
    if yaml {
        let style = YamlStyle {
            times: Times::Plain,
            ..YamlStyle::default()
        };
        return cx.print(&to_yaml_with(&value, style)).await;
    }
    cx.print_value(&value, |_| tabular(&model, row, is_unit))
        .await
}

/// Describes every resource that the charm declares, given or not.
fn describe_all(model: &Model, application: &Application, yaml: bool) -> Vec<Value> {
    let Some(charm) = model.charm_of(&application.name) else {
        return Vec::new();
    };
    let declared = charm.charm.metadata.resources.iter();
    declared
        .map(|(name, resource)| describe(application, name, resource, model.info.juju, yaml))
        .collect()
}

fn describe(
    application: &Application,
    name: &str,
    declared: &Resource,
    juju: JujuVersion,
    yaml: bool,
) -> Value {
    let given = application.resources.get(name);
    let (kind, path) = match &declared.kind {
        ResourceKind::File { filename } => ("file", filename.as_str()),
        ResourceKind::OciImage => ("oci-image", ""),
    };
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put(
        "resourceid",
        Value::from(format!("{}/{name}", application.name)),
    );
    put("applicationId", Value::from(application.name.as_str()));
    put("name", Value::from(name));
    put("type", Value::from(kind));
    put("path", Value::from(path));
    if !declared.description.is_empty() {
        put("description", Value::from(declared.description.as_str()));
    }
    let store_revision = given.and_then(|row| row.store_revision);
    let shown = match (given, store_revision) {
        (None, _) => "-".to_owned(),
        (Some(_), revision) => revision.unwrap_or_default().to_string(),
    };
    put("revision", Value::from(shown));
    put(
        "fingerprint",
        Value::from(
            given
                .map(|row| row.fingerprint.as_str())
                .unwrap_or_default(),
        ),
    );
    put(
        "size",
        Value::from(given.map(|row| row.size).unwrap_or_default()),
    );
    let from = if store_revision.is_some() {
        "store"
    } else {
        "upload"
    };
    put("origin", Value::from(from));
    put("used", Value::from(given.is_some()));
    let uploaded = given.map_or_else(
        || "0001-01-01T00:00:00Z".to_owned(),
        |row| row.uploaded.to_string(),
    );
    put("timestamp", Value::from(uploaded));
    if given.is_some() && store_revision.is_none() {
        put("username", Value::from(USER));
    }
    if yaml {
        put("combinedrevision", Value::from(revision(given)));
        put(
            "usedyesno",
            Value::from(if given.is_some() { "yes" } else { "no" }),
        );
        put("combinedorigin", Value::from(origin(given, juju)));
    }
    Value::Object(map)
}

fn tabular(model: &Model, application: &Application, is_unit: bool) -> String {
    let names = model
        .charm_of(&application.name)
        .map(|row| row.charm.metadata.resources.keys())
        .into_iter()
        .flatten();
    let mut table = if is_unit {
        TextTable::new(["Resource", "Revision"])
    } else {
        TextTable::new(["Resource", "Supplied by", "Revision"])
    };
    for name in names {
        let given = application.resources.get(name);
        if is_unit {
            table.row([name.as_str(), &revision(given)]);
        } else {
            table.row([
                name.as_str(),
                origin(given, model.info.juju),
                &revision(given),
            ]);
        }
    }
    table.render()
}

/// Returns what Juju shows as the revision of a resource: the store's, or when it was uploaded.
fn revision(given: Option<&ResourceRow>) -> String {
    given.map_or_else(
        || "-".to_owned(),
        |row| match row.store_revision {
            Some(revision) => revision.to_string(),
            None => row.uploaded.strftime("%Y-%m-%dT%H:%M").to_string(),
        },
    )
}

/// Returns who gave a resource, in the words of the version.
fn origin(given: Option<&ResourceRow>, juju: JujuVersion) -> &'static str {
    match given {
        None => "upload",
        Some(row) if row.store_revision.is_none() => USER,
        Some(_) => match juju {
            JujuVersion::V3_6 => "charmstore",
            JujuVersion::V4_0 => "store",
        },
    }
}
