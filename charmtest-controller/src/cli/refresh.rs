//! `refresh`.

use charmtest_charm::Charm;

use super::command::{Command, Cx, Failure, first_of};
use super::deploy::{check_bindings, check_resources, owned, storage_requests};
use super::{charmhub, settings, upload};
use crate::JujuVersion;
use crate::flags::{Flag, Kind, Parsed};
use crate::model::changes::{self, ChangeError, Force, Refresh};
use crate::model::is_store_url;

/// The commands of this file.
pub(super) const COMMANDS: &[Command] =
    &[
        Command::new("refresh", "Refresh an application's charm.", |cx| {
            Box::pin(refresh(cx))
        })
        .args("<application>", check)
        .flags(&[
            Flag::text(
                &["base"],
                "Select a different base than what is currently running.",
            ),
            Flag::text(
                &["bind"],
                "Configure application endpoint bindings to spaces",
            ),
            Flag::text(
                &["channel"],
                "Channel to use when getting the charm from Charmhub",
            ),
            Flag::text(
                &["config"],
                "Either a path to yaml-formatted application config file or a key=value pair",
            ),
            Flag::switch(
                &["force"],
                "Allow a charm to be refreshed which bypasses checks",
            ),
            Flag::switch(
                &["force-base"],
                "Refresh even if the base of the deployed application is not supported",
            ),
            Flag::switch(
                &["force-series"],
                "Refresh even if the series of the deployed application is not supported",
            )
            .only(JujuVersion::V3_6),
            Flag::switch(
                &["force-units"],
                "Refresh all units immediately, even if in error state",
            ),
            Flag::text(&["path"], "Refresh to a charm located at path"),
            Flag::text(&["resource"], "Resource to be uploaded to the controller"),
            Flag::of(
                Kind::Int,
                &["revision"],
                "Explicit revision of current charm",
            ),
            Flag::text(&["storage"], "Charm storage directives"),
            Flag::text(&["switch"], "Crossgrade to a different charm"),
            Flag::switch(
                &["trust"],
                "Allows charm to run hooks that require access credentials",
            ),
        ]),
    ];

fn check(args: &Parsed) -> Result<(), String> {
    first_of(args, 1, "no application specified")?;
    let exclusive = ["switch", "path", "revision"]
        .into_iter()
        .filter(|name| args.is_set(name));
    if let [first, second, ..] = exclusive.collect::<Vec<_>>()[..] {
        return Err(format!("--{first} and --{second} are mutually exclusive"));
    }
    storage_requests(args)?;
    check_resources(args)
}

async fn refresh(cx: &Cx) -> Result<(), Failure> {
    let args = &cx.args;
    let name = cx.positionals()[0].as_str();
    let model = cx.model()?;
    let application = model
        .applications
        .get(name)
        .ok_or_else(|| Failure::failed(ChangeError::ApplicationNotFound(name.to_owned())))?;
    let path = match (args.text("path"), args.text("switch")) {
        (Some(path), _) | (None, Some(path)) if is_path(path) => path,
        // What does not begin like a path is the name of a charm of a store, also after --path.
        (Some(_), _) | (None, Some(_)) => return charmhub::refresh(cx).await,
        (None, None) if is_store_url(&application.charm) => return charmhub::refresh(cx).await,
        (None, None) => {
            return Err(Failure::failed(
                "refreshing a local charm requires either --path or --switch",
            ));
        }
    };
    upload::check_archive(cx, path).map_err(Failure::failed)?;
    check_bindings(args.text("bind").unwrap_or_default())?;
    let old = model.charm_of(name).map(|row| row.charm.clone());

    let package = upload::next_charm(cx, path).await?;
    let charm = package.charm;
    if let Some(old) = old
        .as_ref()
        .filter(|old| old.metadata.name != charm.metadata.name)
    {
        let (from, to) = (
            old.metadata.name.to_string(),
            charm.metadata.name.to_string(),
        );
        return Err(Failure::failed(ChangeError::OtherCharm { from, to }));
    }
    let force = Force::of(args.switch("force"));
    changes::check_supported(&charm, cx.juju(), force).map_err(Failure::failed)?;
    // 4.0 does not ask the charm: an application keeps its base (recorded).
    let any_base = args.switch("force-base")
        || args.switch("force-series")
        || force == Force::Yes
        || cx.juju() == JujuVersion::V4_0;
    let base = args.text("base").unwrap_or(&application.base);
    let base = changes::choose_base(&charm, cx.juju(), Some(base), "", Force::of(any_base))
        .map_err(Failure::failed)?;
    let row = cx.change(|model| {
        Ok::<_, ChangeError>(changes::add_charm(model, &package.sha256, charm.clone()))
    })?;
    cx.info(&format!(
        "Added local charm \"{}\", revision {}, to the model",
        charm.metadata.name, row.revision
    ))
    .await;
    if cx.juju() == JujuVersion::V4_0 && base != application.base {
        let (from, to) = (application.base.clone(), base);
        let charm = row.url;
        return Err(Failure::failed(ChangeError::OtherBase { charm, from, to }));
    }
    let settings = settings::from_flags(cx, name, &owned(args.all("config"))).await?;
    let mut given = owned(args.all("resource"));
    if cx.juju() == JujuVersion::V4_0 {
        // 4.0 passes over names that the charm does not declare (recorded).
        given.retain(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            charm.metadata.resources.contains_key(name)
        });
    }
    let resources = upload::resources(cx, &charm, &given).await?;

    let change = Refresh {
        charm: row.url,
        settings,
        resources,
        trust: args.is_set("trust").then(|| args.switch("trust")),
        base: Some(base),
        channel: args.text("channel").map(str::to_owned),
        force_units: args.switch("force-units"),
        storage: storage_requests(args).map_err(Failure::usage)?,
    };
    let now = cx.hub.now();
    cx.change(|model| changes::refresh(model, name, change, now))?;
    for line in endpoint_lines(cx.juju(), old.as_deref(), &charm) {
        cx.info(&line).await;
    }
    Ok(())
}

/// Returns whether a charm is named by its path, and not as one of a store (Juju 3.6, `juju refresh`).
fn is_path(name: &str) -> bool {
    ["/", "./", "../"]
        .iter()
        .any(|beginning| name.starts_with(beginning))
}

/// Tells in which space the endpoints are; there is one only. 4.0 names the implicit endpoint, too (recorded; not in what 3.6 prints).
pub(super) fn endpoint_lines(juju: JujuVersion, old: Option<&Charm>, new: &Charm) -> Vec<String> {
    let names = |charm: &Charm| -> Vec<String> {
        let mut names: Vec<String> = charm
            .metadata
            .endpoints
            .iter()
            .map(|endpoint| endpoint.name.clone())
            .collect();
        names.extend(charm.metadata.extra_bindings.iter().cloned());
        if juju == JujuVersion::V4_0 {
            names.push("juju-info".to_owned());
        }
        names.sort();
        names
    };
    let before = old.map(names).unwrap_or_default();
    let (kept, added): (Vec<String>, Vec<String>) = names(new)
        .into_iter()
        .partition(|name| before.contains(name));
    let mut lines = Vec::new();
    if !added.is_empty() {
        let noun = if added.len() == 1 {
            "endpoint"
        } else {
            "endpoints"
        };
        lines.push(format!(
            "adding {noun} {:?} to default space \"alpha\"",
            added.join(", ")
        ));
    }
    if !kept.is_empty() {
        lines.push(format!(
            "no change to endpoints in space \"alpha\": {}",
            kept.join(", ")
        ));
    }
    lines
}
