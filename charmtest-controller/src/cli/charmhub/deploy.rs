//! `juju deploy NAME`: charms of a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use charmtest_charm::Charm;

use super::super::command::{Cx, Failure};
use super::super::deploy::{
    check_bindings, check_charm_options, count, devices, owned, placement, storage_ids,
    storage_requests, with_addresses,
};
use super::super::{constraints, refusals, settings, upload};
use super::resources::keep;
use super::{
    blocking, open, parse_base, parse_channel, parse_name, refuse_bundle, request, revision,
    url_of_model,
};
use crate::charm_store::transport::StoreResource;
use crate::charm_store::{CharmStore, Request, Resolved, resolve};
use crate::model::changes::{self, ChangeError, Force, NewApplication};
use crate::model::{ResourceRow, application_name};

/// Deploys the charm that the first argument names.
///
/// # Errors
///
/// Fails as Juju 3.6 and 4.0 do: in one line when the store has nothing such, and with a last line `failed to deploy charm` when the charm
/// was found and something else does not fit.
pub(in crate::cli) async fn deploy(cx: &Cx) -> Result<(), Failure> {
    let args = &cx.args;
    let named = parse_name(&cx.positionals()[0]).map_err(Failure::Failed)?;
    if named.revision.is_some() {
        return Err(Failure::failed(
            "cannot specify revision in a charm or bundle name. Please use --revision.",
        ));
    }
    let channel = parse_channel(args.text("channel"))?;
    let revision = revision(args);
    if revision.is_some() && channel.is_none() {
        return Err(Failure::failed(
            "specifying a revision requires a channel for future upgrades. Please use --channel",
        ));
    }
    check_bindings(args.text("bind").unwrap_or_default())?;
    let constraints = constraints::parse(args.all("constraints")).map_err(Failure::Failed)?;
    let model = cx.model()?;
    let default_base = model.config("default-base").unwrap_or_default();
    let mut wanted = Request {
        channel,
        revision,
        base: parse_base(args.text("base").or(Some(default_base)))?,
        ..request(&named.name)
    };
    if let Some(arch) = constraints.get("arch") {
        wanted.arch.clone_from(arch);
    }
    let store = open(cx, &url_of_model(cx)?).await?;
    let found = {
        let store = Arc::clone(&store);
        blocking(move || resolve(&store, &wanted)).await?
    };
    refuse_bundle(&found.name, &found.kind)?;
    check_charm_options(args)?;
    let name = found.name.clone();
    let outcome = install(cx, &store, found, constraints).await;
    match outcome {
        // What the controller finds wrong stands in a line of its own.
        Err(Failure::Failed(why)) => {
            cx.io.stderr(&format!("ERROR {why}\n")).await;
            Err(Failure::failed(format!("failed to deploy charm {name:?}")))
        }
        other => other,
    }
}

/// Deploys a revision that was found.
async fn install(
    cx: &Cx,
    store: &Arc<CharmStore>,
    found: Resolved,
    constraints: BTreeMap<String, String>,
) -> Result<(), Failure> {
    let args = &cx.args;
    let units = count(args).unwrap_or(1);
    let placement = placement(cx, units).await?;
    let package = fetch(cx, store, &found).await?;
    let charm = package.charm;
    let force = Force::of(args.switch("force"));
    let name = cx
        .positionals()
        .get(1)
        .map_or_else(|| charm.metadata.name.to_string(), Clone::clone);
    application_name(&name).map_err(Failure::failed)?;
    changes::check_supported(&charm, cx.juju(), force).map_err(Failure::failed)?;
    let model = cx.model()?;
    let base = changes::choose_base(
        &charm,
        cx.juju(),
        args.text("base"),
        model.config("default-base").unwrap_or_default(),
        force,
    )
    .map_err(Failure::failed)?;
    if charm.metadata.subordinate && !constraints.is_empty() {
        return Err(Failure::failed(
            "subordinate application must be deployed without constraints",
        ));
    }
    if model.applications.contains(&name) {
        return Err(Failure::failed(format!(
            "cannot add application {name:?}: application already exists"
        )));
    }
    let settings = settings::from_flags(cx, &name, &owned(args.all("config"))).await?;
    let text = format!(
        "{name:?} from charm-hub charm {:?}, revision {} in channel {} on {base}/stable",
        found.name, found.revision, found.channel
    );
    if args.switch("dry-run") {
        changes::parse_settings(&charm, &settings).map_err(Failure::failed)?;
        cx.info(&format!("{text} would be deployed")).await;
        return Ok(());
    }
    let given = Given::of(cx, &charm);
    let mut resources = of_store(cx, store, &found, &charm, &given, |_| true).await?;
    let (uploaded, failed) = upload_given(cx, &charm, &given).await;
    resources.extend(uploaded);
    let now = cx.hub.now();
    let storage = storage_requests(args).map_err(Failure::usage)?;
    let attach_storage = storage_ids(args).map_err(Failure::usage)?;
    let label = name.clone();
    let refused = |error| refusals::deploy_from_store(cx.juju(), &label, error);
    changes::check_devices(&charm, devices(args)).map_err(refused)?;
    with_addresses(cx, refused, |model, addresses| {
        let row = changes::add_store_charm(
            model,
            &found.name,
            found.revision,
            &package.sha256,
            Arc::clone(&charm),
        );
        let new = NewApplication {
            name: name.clone(),
            charm: row.url,
            units,
            settings,
            trust: args.switch("trust"),
            base,
            channel: Some(found.channel.to_string()),
            constraints,
            resources,
            placement,
            storage,
            attach_storage,
        };
        changes::deploy(model, addresses, new, now)
    })?;
    if let Some(why) = failed {
        // The odd spaces are Juju's.
        cx.io
            .stderr(&format!(
                "ERROR Unable to upload resources for {name}, consider using --attach-resource. \n {why}\n"
            ))
            .await;
    }
    cx.info(&format!("Deployed {text}")).await;
    Ok(())
}

/// Copies the archive of a revision into the controller.
pub(super) async fn fetch(
    cx: &Cx,
    store: &Arc<CharmStore>,
    found: &Resolved,
) -> Result<upload::Package, Failure> {
    let (store, what, download) = (
        Arc::clone(store),
        format!("{:?}", found.name),
        found.download.clone(),
    );
    let archive = blocking(move || store.fetch(&what, &download)).await?;
    let named = format!("ch:{}-{}", found.name, found.revision);
    upload::archive(cx, archive, &named).await
}

/// What `--resource` says about resources that the charm declares; Juju ignores all others here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Given {
    /// Revisions in the store.
    pub(super) revisions: BTreeMap<String, u32>,
    /// Files and references of images.
    pub(super) uploads: BTreeMap<String, String>,
}

impl Given {
    pub(super) fn of(cx: &Cx, charm: &Charm) -> Self {
        let mut given = Self::default();
        for pair in cx.args.all("resource") {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !charm.metadata.resources.contains_key(name) {
                continue;
            }
            match value.parse() {
                Ok(revision) => drop(given.revisions.insert(name.to_owned(), revision)),
                Err(_) => drop(given.uploads.insert(name.to_owned(), value.to_owned())),
            }
        }
        given
    }

    fn has(&self, name: &str) -> bool {
        self.revisions.contains_key(name) || self.uploads.contains_key(name)
    }
}

/// Copies resources of the store into the controller: the revisions asked for, and those that go with the charm where `wanted` says so.
pub(super) async fn of_store(
    cx: &Cx,
    store: &Arc<CharmStore>,
    found: &Resolved,
    charm: &Charm,
    given: &Given,
    wanted: impl Fn(&StoreResource) -> bool,
) -> Result<BTreeMap<String, ResourceRow>, Failure> {
    let mut chosen: Vec<StoreResource> = found
        .resources
        .iter()
        .filter(|resource| charm.metadata.resources.contains_key(&resource.name))
        .filter(|resource| !given.has(&resource.name) && wanted(resource))
        .cloned()
        .collect();
    for (name, revision) in &given.revisions {
        let (store, charm) = (Arc::clone(store), found.name.clone());
        let (name, revision) = (name.clone(), *revision);
        chosen.push(blocking(move || store.resource(&charm, &name, revision)).await?);
    }
    let mut rows = BTreeMap::new();
    for resource in chosen {
        let name = resource.name.clone();
        rows.insert(name, keep(cx, store, &found.name, resource).await?);
    }
    Ok(rows)
}

/// Copies the user's resources into the controller; returns those that it could, and why it could not do the first of the others.
pub(super) async fn upload_given(
    cx: &Cx,
    charm: &Charm,
    given: &Given,
) -> (BTreeMap<String, ResourceRow>, Option<String>) {
    let (mut rows, mut failed) = (BTreeMap::new(), None);
    for (name, value) in &given.uploads {
        match upload::resource(cx, charm, name, value).await {
            Ok(row) => drop(rows.insert(name.clone(), row)),
            Err(upload::ResourceError::Io(error)) => {
                let why = upload::go_words(&error);
                failed.get_or_insert(format!(
                    "unable to open resource {name:?}: stat {value}: {why}"
                ));
            }
            Err(error) => {
                failed.get_or_insert(error.to_string());
            }
        }
    }
    (rows, failed)
}

/// Lets a refusal of the model stand for that of a command.
impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        Self::failed(error)
    }
}
