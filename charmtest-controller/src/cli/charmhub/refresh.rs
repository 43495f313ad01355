//! `juju refresh` of charms of a store, and `--switch` to one.

use std::collections::BTreeMap;
use std::sync::Arc;

use charmtest_charm::Charm;

use super::super::command::{Cx, Failure};
use super::super::deploy::{check_bindings, owned, storage_requests};
use super::super::refresh::endpoint_lines;
use super::super::settings;
use super::deploy::{Given, fetch, of_store, upload_given};
use super::{
    blocking, open, parse_base, parse_channel, parse_name, refuse_bundle, request, revision,
    url_of_model,
};
use crate::charm_store::channel::Channel;
use crate::charm_store::transport::StoreResource;
use crate::charm_store::{CharmStore, Request, Resolved, resolve};
use crate::model::changes::{self, ChangeError, Force, Refresh};
use crate::model::{Application, ResourceRow};

/// Refreshes the application that the first argument names from a store.
///
/// # Errors
///
/// Fails as Juju 3.6 does: in one line.
pub(in crate::cli) async fn refresh(cx: &Cx) -> Result<(), Failure> {
    let args = &cx.args;
    let name = cx.positionals()[0].as_str();
    let model = cx.model()?;
    let not_found = || Failure::failed(ChangeError::ApplicationNotFound(name.to_owned()));
    let application = model.applications.get(name).ok_or_else(not_found)?;
    let old = model.charm_of(name).ok_or_else(not_found)?.clone();
    let other = args.text("switch").or(args.text("path"));
    let named = parse_name(other.unwrap_or(&old.url)).map_err(Failure::Failed)?;
    check_bindings(args.text("bind").unwrap_or_default())?;
    let channel = followed(cx, application)?;
    let any_base = ["force", "force-base", "force-series"]
        .into_iter()
        .any(|flag| args.switch(flag));
    let base = args.text("base").unwrap_or(&application.base).to_owned();
    let wanted = Request {
        channel: channel.clone(),
        revision: revision(args),
        base: parse_base(Some(&base).filter(|_| !any_base).map(String::as_str))?,
        ..request(&named.name)
    };
    let store = open(cx, &url_of_model(cx)?).await?;
    let found = {
        let store = Arc::clone(&store);
        blocking(move || resolve(&store, &wanted)).await?
    };
    refuse_bundle(&found.name, &found.kind)?;
    let same = old.is_from_store()
        && old.revision == found.revision
        && parse_name(&old.url).is_ok_and(|old| old.name == found.name);
    if same {
        return up_to_date(cx, &store, application, &old.charm, &found).await;
    }

    let package = fetch(cx, &store, &found).await?;
    let charm = package.charm;
    let force = Force::of(args.switch("force"));
    changes::check_supported(&charm, cx.juju(), force).map_err(Failure::failed)?;
    let base = changes::choose_base(&charm, cx.juju(), Some(&base), "", Force::of(any_base))
        .map_err(Failure::failed)?;
    cx.info(&format!(
        "Added charm-hub charm {:?}, revision {} in channel {}, to the model",
        found.name, found.revision, found.channel
    ))
    .await;
    let resources = resources(cx, &store, application, &charm, &found).await?;
    let settings = settings::from_flags(cx, name, &owned(args.all("config"))).await?;
    let storage = storage_requests(args).map_err(Failure::usage)?;
    let now = cx.hub.now();
    cx.change(|model| {
        let row = changes::add_store_charm(
            model,
            &found.name,
            found.revision,
            &package.sha256,
            Arc::clone(&charm),
        );
        let change = Refresh {
            charm: row.url,
            settings,
            resources,
            trust: args.is_set("trust").then(|| args.switch("trust")),
            base: Some(base),
            channel: Some(found.channel.to_string()),
            force_units: args.switch("force-units"),
            storage,
        };
        changes::refresh(model, name, change, now)
    })?;
    for line in endpoint_lines(cx.juju(), Some(&old.charm), &charm) {
        cx.info(&line).await;
    }
    Ok(())
}

/// Returns the channel to follow: the one asked for, on the present track if only a risk was, else the present one.
fn followed(cx: &Cx, application: &Application) -> Result<Option<Channel>, Failure> {
    let present = application
        .channel
        .as_deref()
        .and_then(|text| Channel::parse(text).ok());
    let asked = parse_channel(cx.args.text("channel"))?;
    Ok(match (asked, present) {
        (Some(asked), Some(present)) => Some(asked.on_track_of(&present)),
        (asked, present) => asked.or(present),
    })
}

/// Does what is left to do when the charm is the newest: another channel to follow, newer resources.
async fn up_to_date(
    cx: &Cx,
    store: &Arc<CharmStore>,
    application: &Application,
    charm: &Charm,
    found: &Resolved,
) -> Result<(), Failure> {
    let which = if revision(&cx.args).is_some() {
        format!("charm {:?}, revision {}", found.name, found.revision)
    } else {
        format!("charm {:?}", found.name)
    };
    let resources = resources(cx, store, application, charm, found).await?;
    cx.info(&format!("{which}: already up-to-date")).await;
    let channel = found.channel.to_string();
    let moved = application.channel.as_ref() != Some(&channel);
    if moved {
        cx.info(&format!(
            "Note: all future refreshes will now use channel {channel:?}"
        ))
        .await;
    }
    if !resources.is_empty() {
        cx.info("resources to be upgraded").await;
    }
    if !moved && resources.is_empty() {
        return Ok(());
    }
    let name = &application.name;
    cx.change(|model| changes::follow_channel(model, name, moved.then_some(channel), resources))
}

/// Returns the resources that a refresh brings: those given, and those of the store that differ from what the application has from there.
async fn resources(
    cx: &Cx,
    store: &Arc<CharmStore>,
    application: &Application,
    charm: &Charm,
    found: &Resolved,
) -> Result<BTreeMap<String, ResourceRow>, Failure> {
    let given = Given::of(cx, charm);
    // What the user uploaded stays until he says otherwise.
    let is_new = |resource: &StoreResource| match application.resources.get(&resource.name) {
        None => true,
        Some(row) => row
            .store_revision
            .is_some_and(|revision| revision != resource.revision),
    };
    let mut rows = of_store(cx, store, found, charm, &given, is_new).await?;
    let (uploaded, failed) = upload_given(cx, charm, &given).await;
    if let Some(why) = failed {
        return Err(Failure::Failed(why));
    }
    rows.extend(uploaded);
    Ok(rows)
}
