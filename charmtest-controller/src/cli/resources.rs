//! `attach-resource` and `resources`.

use charmtest_charm::yaml_writer::{Times, YamlStyle, to_yaml_with};

use super::charmhub;
use super::command::{Command, Cx, Failure, first_of};
use super::resource_view::ResourceView;
use super::table::TextTable;
use super::upload::{self, ResourceError};
use crate::JujuVersion;
use crate::charm_store::transport::StoreResource;
use crate::flags::{Flag, Parsed};
use crate::model::changes::{self, ChangeError};
use crate::model::{UnitName, application_name};

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
    )]),
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
        .ok_or_else(|| not_found(cx, application))?;
    let fail = |why: String| Failure::failed(format!("failed to upload resource {name:?}: {why}"));
    if !charm.charm.metadata.resources.contains_key(name) {
        return Err(fail(format!("resource {name:?} not found")));
    }
    let row = upload::resource(cx, &charm.charm, name, value).await;
    let row = row.map_err(|error| match error {
        ResourceError::Io(error) => fail(format!("open {value}: {}", upload::go_words(&error))),
        other => fail(other.to_string()),
    })?;
    cx.change(|model| changes::attach_resource(model, application, name, row))
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
    let application = model
        .applications
        .get(application)
        .ok_or_else(|| not_found(cx, application))?;
    let view = ResourceView {
        model: &model,
        application,
        // For a unit that is not there Juju shows what its application has (recorded).
        unit: unit.as_ref().and_then(|unit| model.units.get(unit)),
        is_of_unit: unit.is_some(),
        is_yaml: cx.format == "yaml",
    };
    let details = cx.args.switch("details");
    if view.is_empty() {
        cx.info("No resources to display.").await;
        return Ok(());
    }
    let mut value = if details {
        view.details()
    } else {
        view.value()
    };
    let updates = if details || view.unit.is_some() {
        Vec::new()
    } else {
        charmhub::resource_updates(cx, &model, application).await
    };
    if !updates.is_empty() {
        value["updates"] = updates.iter().map(charmhub::resource_value).collect();
    }
    if view.is_yaml {
        let style = YamlStyle {
            times: Times::Plain,
            ..YamlStyle::default()
        };
        return cx.print(&to_yaml_with(&value, style)).await;
    }
    cx.print_value(&value, |_| {
        if details {
            view.details_table()
        } else {
            format!("{}{}", view.table(), updates_table(&updates))
        }
    })
    .await
}

/// Renders the table of newer resources, which stands below the others; empty when there are none.
fn updates_table(updates: &[StoreResource]) -> String {
    if updates.is_empty() {
        return String::new();
    }
    let mut table = TextTable::new(["Resource", "Revision"]);
    for resource in updates {
        table.row([resource.name.as_str(), &resource.revision.to_string()]);
    }
    format!("\n[Updates Available]\n{}", table.render())
}

/// Makes the failure that there is no such application; 4.0 names it without quotes (recorded).
fn not_found(cx: &Cx, application: &str) -> Failure {
    match cx.juju() {
        JujuVersion::V3_6 => {
            Failure::failed(ChangeError::ApplicationNotFound(application.to_owned()))
        }
        JujuVersion::V4_0 => Failure::failed(format!("application {application} not found")),
    }
}
