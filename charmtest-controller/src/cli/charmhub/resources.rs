//! `juju charm-resources`, and resources of stores on their way to applications.

use std::fs;
use std::sync::Arc;

use charmtest_charm::yaml_writer::to_yaml;
use serde_json::{Value, json};

use super::super::command::{Command, Cx, Failure, first_of};
use super::super::table::TextTable;
use super::super::upload;
use super::view::resource_value;
use super::{blocking, open, parse_channel, parse_name, request, url_of_model};
use crate::charm_store::transport::StoreResource;
use crate::charm_store::{CharmStore, CharmStoreError, Request, resolve};
use crate::flags::Flag;
use crate::model::ResourceRow;

pub(super) const COMMAND: Command = Command::new(
    "charm-resources",
    "Display the resources for a charm in a repository.",
    |cx| Box::pin(list(cx)),
)
.aliases(&["list-charm-resources"])
.args("<charm>", |args| first_of(args, 1, "missing charm"))
.formats(&["tabular", "json", "yaml"])
.flags(&[Flag::text(&["channel"], "the channel of the charm")]);

async fn list(cx: &Cx) -> Result<(), Failure> {
    let name = parse_name(&cx.positionals()[0])
        .map_err(Failure::Failed)?
        .name;
    let channel = parse_channel(cx.args.text("channel").or(Some("stable")))?;
    let wanted = Request {
        channel: channel.clone(),
        ..request(&name)
    };
    let store = open(cx, &url_of_model(cx)?).await?;
    let found = blocking(move || {
        resolve(&store, &wanted).map_err(|error| match error.to_string() {
            text if text.starts_with("selecting releases: charm or bundle not found") => {
                let channel = channel.unwrap_or_default().normalized();
                CharmStoreError::Failed(format!(
                    "unable to locate charm {name:?} with matching channel {:?}",
                    channel.to_string()
                ))
            }
            _ => error,
        })
    })
    .await?;
    if found.kind == "bundle" && cx.format == "tabular" {
        cx.info("Bundles have no resources to display.").await;
        return Ok(());
    }
    let mut resources = found.resources;
    resources.sort_by(|a, b| a.name.cmp(&b.name));
    if resources.is_empty() && cx.format == "tabular" {
        cx.info("No resources to display.").await;
        return Ok(());
    }
    let value: Value = resources.iter().map(resource_value).collect();
    cx.print_value(&value, |_| {
        let mut table = TextTable::new(["Resource", "Revision"]);
        for resource in &resources {
            table.row([resource.name.as_str(), &resource.revision.to_string()]);
        }
        table.render()
    })
    .await
}

/// Copies a revision of a resource from the store `store` into the controller.
///
/// # Errors
///
/// Fails when it cannot be fetched or kept.
pub(super) async fn keep(
    cx: &Cx,
    store: &Arc<CharmStore>,
    charm: &str,
    resource: StoreResource,
) -> Result<ResourceRow, Failure> {
    let (store, what) = (
        Arc::clone(store),
        format!("{charm:?} resource {}", resource.name),
    );
    let (kind, revision, download) = (resource.kind, resource.revision, resource.download);
    let content = blocking(move || store.fetch(&what, &download)).await?;
    let image = if kind == "oci-image" {
        image_details(&fs::read_to_string(&content).map_err(Failure::failed)?)
    } else {
        None
    };
    let row = match image {
        Some(details) => upload::keep_resource(cx, upload::Content::Text(details)).await,
        None => upload::keep_resource(cx, upload::Content::File(content)).await,
    };
    let row = row.map_err(|error| {
        Failure::failed(format!(
            "cannot keep the resource {:?}: {error}",
            resource.name
        ))
    })?;
    Ok(ResourceRow {
        store_revision: Some(revision),
        ..row
    })
}

/// Returns what a unit gets for the description of an image that a store gives; `None` when it is in that form already.
fn image_details(text: &str) -> Option<String> {
    let details: Value = serde_json::from_str(text).ok()?;
    let name = details["ImageName"].as_str()?;
    let mut unit = json!({ "registrypath": name });
    for (from, to) in [("Username", "username"), ("Password", "password")] {
        if let Some(value) = details[from].as_str().filter(|value| !value.is_empty()) {
            unit[to] = value.into();
        }
    }
    Some(to_yaml(&unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_charmhub_become_what_units_get() {
        assert_eq!(
            image_details(r#"{"ImageName": "r/i@sha256:1", "Username": "u", "Password": "p"}"#)
                .unwrap(),
            "registrypath: r/i@sha256:1\nusername: u\npassword: p\n"
        );
        assert_eq!(image_details("registrypath: r/i\n"), None);
    }
}
