//! Making the changes of a bundle, one transaction each.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use charmtest_charm::bundle::{Application, ExposedEndpoint};
use charmtest_charm::{Charm, ResourceKind};
use serde_json::Value;

use super::super::charmhub::BundleStore;
use super::super::command::{Cx, Failure};
use super::super::deploy::transact_with_addresses;
use super::super::target::USER;
use super::super::{access, constraints, upload};
use super::{Prepared, text_of};
use crate::bundle::{Change, CharmRef, Holder, Planned, Target};
use crate::charm_store::Resolved;
use crate::model::changes::{
    self, Addresses, ChangeError, EndpointName, Force, NewApplication, OfferError, Placement,
    Places, Refresh, Setting, StorageRequest,
};
use crate::model::{ExposedTo, Model, Rejected, ResourceRow, Transact};

/// What came of the changes so far.
#[derive(Debug)]
pub(super) struct Applied {
    /// Where charms that are not local come from.
    store: BundleStore,
    /// URLs of charms, by the number of the change that brought them.
    charms: BTreeMap<usize, String>,
    /// Ids of machines, by the number of the change that made them or put a unit there.
    machines: BTreeMap<usize, String>,
}

impl Applied {
    /// Begins with nothing done.
    pub(super) fn new(store: BundleStore) -> Self {
        Self {
            store,
            charms: BTreeMap::new(),
            machines: BTreeMap::new(),
        }
    }

    /// Makes one change.
    ///
    /// # Errors
    ///
    /// Fails with what Juju says in front of why the change was refused.
    pub(super) async fn make(
        &mut self,
        cx: &Cx,
        prepared: &Prepared,
        planned: &Planned,
    ) -> Result<(), Failure> {
        match &planned.change {
            Change::AddCharm { charm, .. } => {
                if let Some(name) = charm.strip_prefix("local:") {
                    // Juju looks for a charm of the model beside the bundle.
                    let name = name.rsplit_once('-').map_or(name, |(name, _)| name);
                    let path = prepared.dir.join(name).display().to_string();
                    return Err(Failure::failed(format!(
                        "cannot deploy local charm at {path:?}: file does not exist"
                    )));
                }
                if !charm.starts_with(['.', '/']) {
                    let found = prepared.found_for(planned.id)?;
                    let url = self.store.add(cx, found).await?;
                    self.charms.insert(planned.id, url);
                    return Ok(());
                }
                let package = upload::charm(cx, charm).await?;
                let row = cx.change(|model| {
                    Ok::<_, ChangeError>(changes::add_charm(model, &package.sha256, package.charm))
                })?;
                self.charms.insert(planned.id, row.url);
                Ok(())
            }
            Change::Deploy {
                name,
                charm,
                base,
                spec,
            } => self.deploy(cx, prepared, name, charm, base, spec).await,
            Change::Upgrade {
                name, charm, spec, ..
            } => self.upgrade(cx, prepared, name, charm, spec).await,
            Change::AddMachine {
                base, constraints, ..
            } => {
                let parsed = constraints::parse([constraints.as_str()]).map_err(Failure::Failed)?;
                let now = cx.hub.now();
                let id = change(cx, |model, addresses| {
                    changes::add_machine(model, addresses, base, parsed, now)
                })
                .map_err(|why| Failure::failed(format!("cannot create machine: {why}")))?;
                self.machines.insert(planned.id, id);
                Ok(())
            }
            Change::Relate(a, b) => relate(cx, a, b),
            Change::AddUnit {
                application,
                target,
                ..
            } => self.add_unit(cx, planned.id, application, target.as_ref()),
            Change::Expose {
                application,
                endpoints,
            } => expose(cx, application, endpoints),
            Change::Annotate {
                of, annotations, ..
            } => self.annotate(cx, of, annotations),
            Change::SetOptions {
                application,
                options,
            } => {
                let settings = settings(options);
                change(cx, |model, _| {
                    changes::set_config(model, application, &settings, &[])
                })
                .map_err(|why| {
                    Failure::failed(format!(
                        "cannot update options for application {application:?}: {why}"
                    ))
                })
            }
            Change::SetConstraints {
                application,
                constraints,
            } => {
                let parsed = constraints::parse([constraints.as_str()]).map_err(Failure::Failed)?;
                change(cx, |model, _| {
                    changes::set_constraints(model, application, parsed)
                })
                .map_err(|why| {
                    Failure::failed(format!(
                        "cannot update constraints for application {application:?}: {why}"
                    ))
                })
            }
            Change::Offer {
                name,
                application,
                endpoints,
                ..
            } => offer(cx, name, application, endpoints),
            Change::Consume { name, url } => consume(cx, name, url).await,
            Change::Grant {
                user,
                access,
                offer,
            } => access::grant_in_bundle(cx, user, access, offer),
        }
    }

    /// Returns the URL of a charm.
    fn url(&self, cx: &Cx, charm: &CharmRef) -> Result<String, Failure> {
        match charm {
            CharmRef::Known(name) => Ok(known_url(&*cx.model()?, name)),
            CharmRef::New(id) => self
                .charms
                .get(id)
                .cloned()
                .ok_or_else(|| Failure::failed("the charm was not uploaded")),
        }
    }

    async fn deploy(
        &mut self,
        cx: &Cx,
        prepared: &Prepared,
        name: &str,
        charm: &CharmRef,
        base: &str,
        spec: &Application,
    ) -> Result<(), Failure> {
        let url = self.url(cx, charm)?;
        check_spaces(&spec.bindings)?;
        let meta = charm_of(cx, &url)?;
        let force = Force::of(cx.args.switch("force"));
        let refused =
            |why: String| Failure::failed(format!("cannot deploy application {name:?}: {why}"));
        changes::check_supported(&meta, cx.juju(), force)
            .map_err(|error| refused(error.to_string()))?;
        let model = cx.model()?;
        let wanted = (!base.is_empty()).then_some(base);
        let default = model.config("default-base").unwrap_or_default();
        let base = changes::choose_base(&meta, cx.juju(), wanted, default, force)
            .map_err(|error| refused(error.to_string()))?;
        let found = prepared.found.get(name);
        let resources = self
            .resources(cx, found, &meta, spec, &prepared.dir)
            .await?;
        // Juju gives every resource of the charm a place at once, and tells of all of them (recorded 4.0.15).
        let added: Vec<String> = meta.metadata.resources.keys().cloned().collect();
        let storage = spec
            .storage
            .iter()
            .map(|(store, text)| Ok((store.clone(), StorageRequest::parse(text)?)))
            .collect::<Result<_, String>>()
            .map_err(refused)?;
        let new = NewApplication {
            name: name.to_owned(),
            charm: url,
            units: 0,
            settings: settings(&spec.options),
            trust: cx.args.switch("trust") && spec.wants_trust(),
            base,
            channel: followed(spec, found),
            constraints: constraints::parse([spec.constraints.as_str()])
                .map_err(Failure::Failed)?,
            resources,
            placement: Vec::new(),
            storage,
            attach_storage: Vec::new(),
        };
        let now = cx.hub.now();
        change(cx, |model, addresses| {
            changes::deploy(model, addresses, new, now).map(drop)
        })
        .map_err(refused)?;
        tell_added(cx, &added).await;
        Ok(())
    }

    async fn upgrade(
        &mut self,
        cx: &Cx,
        prepared: &Prepared,
        name: &str,
        charm: &CharmRef,
        spec: &Application,
    ) -> Result<(), Failure> {
        let url = self.url(cx, charm)?;
        let meta = charm_of(cx, &url)?;
        let found = prepared.found.get(name);
        let resources = self
            .resources(cx, found, &meta, spec, &prepared.dir)
            .await?;
        let added: Vec<String> = resources.keys().cloned().collect();
        let refresh = Refresh {
            charm: url,
            settings: Vec::new(),
            resources,
            trust: None,
            base: None,
            channel: followed(spec, found),
            force_units: false,
            storage: BTreeMap::new(),
        };
        let now = cx.hub.now();
        change(cx, |model, _| changes::refresh(model, name, refresh, now))
            .map_err(Failure::Failed)?;
        tell_added(cx, &added).await;
        Ok(())
    }

    /// Copies the resources of an application into the controller; relative paths begin at the bundle.
    async fn resources(
        &mut self,
        cx: &Cx,
        found: Option<&Resolved>,
        charm: &Charm,
        spec: &Application,
        dir: &Path,
    ) -> Result<BTreeMap<String, ResourceRow>, Failure> {
        let Some(found) = found else {
            return local_resources(cx, charm, spec, dir).await;
        };
        let given: BTreeMap<String, Value> = spec
            .resources
            .iter()
            .map(|(name, value)| {
                let path = value.as_str().map(|text| dir.join(text));
                let file = path.filter(|path| fs::metadata(path).is_ok());
                let value =
                    file.map_or_else(|| value.clone(), |path| path.display().to_string().into());
                (name.clone(), value)
            })
            .collect();
        self.store.resources(cx, found, charm, &given).await
    }

    fn add_unit(
        &mut self,
        cx: &Cx,
        id: usize,
        application: &str,
        target: Option<&Target>,
    ) -> Result<(), Failure> {
        let refused = |why: String| {
            Failure::failed(format!(
                "cannot add unit for application {application:?}: {why}"
            ))
        };
        let placement = match target {
            None => Placement::NewMachine,
            Some(target) => Placement::Machine(self.machine(target).map_err(|_| {
                Failure::failed(format!(
                    "cannot retrieve placement for {application:?} unit"
                ))
            })?),
        };
        let now = cx.hub.now();
        let machine = change(cx, |model, addresses| {
            let places = Places {
                count: 1,
                placement: vec![placement],
                ..Places::default()
            };
            let units = changes::add_units(model, addresses, application, places, now)?;
            let unit = units.first().and_then(|name| model.units.get(name));
            Ok(unit.map(|unit| unit.machine.clone()).unwrap_or_default())
        })
        .map_err(refused)?;
        self.machines.insert(id, machine);
        Ok(())
    }

    /// Returns the id of a machine.
    fn machine(&self, target: &Target) -> Result<String, Failure> {
        match target {
            Target::Machine(id) => Ok(id.clone()),
            Target::Change(id) => self
                .machines
                .get(id)
                .cloned()
                .ok_or_else(|| Failure::failed("the machine was not added")),
        }
    }

    fn annotate(
        &self,
        cx: &Cx,
        of: &Holder,
        annotations: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let machine = match of {
            Holder::Machine(target) => Some(self.machine(target)?),
            Holder::Application(_) => None,
        };
        change(cx, |model, _| match (of, machine) {
            (Holder::Application(name), _) => {
                changes::annotate_application(model, name, annotations)
            }
            (_, Some(id)) => changes::annotate_machine(model, &id, annotations),
            (_, None) => Ok(()),
        })
        .map_err(Failure::Failed)
    }
}

/// Changes the command's model; what was refused comes back as a text.
fn change<R>(
    cx: &Cx,
    change: impl FnOnce(&mut Model, &mut Addresses) -> Result<R, ChangeError>,
) -> Result<R, String> {
    transact_with_addresses(cx, change).map_err(|error| error.to_string())
}

/// Returns what a charm of the model says about itself.
fn charm_of(cx: &Cx, url: &str) -> Result<Arc<Charm>, Failure> {
    let model = cx.model()?;
    let row = model
        .charms
        .get(url)
        .ok_or_else(|| Failure::failed(ChangeError::CharmNotFound(url.to_owned())))?;
    Ok(Arc::clone(&row.charm))
}

/// Accepts bindings to the only space there is.
fn check_spaces(bindings: &BTreeMap<String, String>) -> Result<(), Failure> {
    match bindings.values().find(|space| *space != changes::ALPHA) {
        Some(space) => Err(Failure::failed(ChangeError::SpaceNotFound(space.clone()))),
        None => Ok(()),
    }
}

/// Copies the resources of an application with a local charm into the controller.
async fn local_resources(
    cx: &Cx,
    charm: &Charm,
    spec: &Application,
    dir: &Path,
) -> Result<BTreeMap<String, ResourceRow>, Failure> {
    let pairs: Vec<String> = spec
        .resources
        .iter()
        .map(|(name, value)| {
            let given = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let path = dir.join(&given);
            let kind = charm
                .metadata
                .resources
                .get(name)
                .map(|resource| &resource.kind);
            // The reference of an image looks like a path, too.
            let is_file = kind != Some(&ResourceKind::OciImage) || fs::metadata(&path).is_ok();
            let value = if is_file {
                path.display().to_string()
            } else {
                given
            };
            format!("{name}={value}")
        })
        .collect();
    upload::resources(cx, charm, &pairs).await
}

async fn tell_added(cx: &Cx, resources: &[String]) {
    for name in resources {
        cx.info(&format!("  added resource {name}")).await;
    }
}

fn settings(options: &BTreeMap<String, Value>) -> Vec<(String, Setting)> {
    options
        .iter()
        .map(|(name, value)| (name.clone(), Setting::Value(value.clone())))
        .collect()
}

/// Returns the URL of a charm that the model has: of a store's charm the newest.
fn known_url(model: &Model, name: &str) -> String {
    if model.charms.contains(name) {
        return name.to_owned();
    }
    let rows = model.charms.values().filter(|row| row.is_from_store());
    rows.filter(|row| row.charm.metadata.name.as_str() == name)
        .max_by_key(|row| row.revision)
        .map_or_else(|| name.to_owned(), |row| row.url.clone())
}

/// Returns the channel that an application follows.
fn followed(spec: &Application, found: Option<&Resolved>) -> Option<String> {
    let given = (!spec.channel.is_empty()).then(|| spec.channel.clone());
    found.map(|found| found.channel.to_string()).or(given)
}

fn offer(cx: &Cx, name: &str, application: &str, endpoints: &[String]) -> Result<(), Failure> {
    let uuid = cx.model_uuid();
    let outcome = cx.change_across(|state| {
        let model = state.model_mut(&uuid);
        let model = model.ok_or_else(|| Rejected(uuid.clone()))?;
        changes::offer(model, application, endpoints, name)
    });
    outcome.map_err(|failure| {
        Failure::failed(format!("cannot create offer {name}: {}", text_of(failure)))
    })
}

async fn consume(cx: &Cx, name: &str, url: &str) -> Result<(), Failure> {
    let url = cx.offer_url(url)?;
    let (uuid, now) = (cx.model_uuid(), cx.hub.now());
    let alias = cx.change_across(|state| changes::consume(state, &uuid, &url, Some(name), now))?;
    cx.info(&format!("Added {} as {alias}", url.path(USER)))
        .await;
    Ok(())
}

fn relate(cx: &Cx, a: &str, b: &str) -> Result<(), Failure> {
    let refused = |why: String| {
        Failure::failed(format!(
            "cannot add relation between {a:?} and {b:?}: {why}"
        ))
    };
    let sides = [a, b].map(EndpointName::parse);
    let [Ok(left), Ok(right)] = &sides else {
        return Err(refused("they are no endpoints".to_owned()));
    };
    let (uuid, now) = (cx.model_uuid(), cx.hub.now());
    let outcome = cx
        .hub
        .transact(|state| changes::relate(state, &uuid, left, right, &[], now));
    match outcome {
        Ok(_) => Ok(()),
        // As Juju's client, which does not know which endpoints are meant before it asks.
        Err(Transact::Rejected(OfferError::Change(ChangeError::RelationExists(_)))) => Ok(()),
        Err(Transact::Rejected(error)) => Err(refused(error.words(cx.juju()))),
        Err(Transact::Store(error)) => Err(error.into()),
    }
}

fn expose(
    cx: &Cx,
    application: &str,
    endpoints: &BTreeMap<String, ExposedEndpoint>,
) -> Result<(), Failure> {
    let exposed = endpoints.iter().map(|(name, to)| {
        let to = ExposedTo {
            spaces: to.spaces.clone(),
            cidrs: to.cidrs.clone(),
        };
        (name.clone(), to)
    });
    change(cx, |model, _| {
        changes::expose(model, application, exposed.collect())
    })
    .map_err(|why| Failure::failed(format!("cannot expose application {application}: {why}")))
}
