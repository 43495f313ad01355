//! Making the changes of a bundle, one transaction each.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use charmtest_charm::bundle::{Application, ExposedEndpoint};
use charmtest_charm::{Charm, ResourceKind};
use serde_json::Value;

use super::super::command::{Cx, Failure};
use super::super::deploy::transact_with_addresses;
use super::super::{constraints, upload};
use super::Prepared;
use crate::bundle::{Change, CharmRef, Holder, Planned, Target};
use crate::model::changes::{
    self, Addresses, ChangeError, EndpointName, Force, NewApplication, Placement, Places, Refresh,
    Setting, StorageRequest,
};
use crate::model::{ExposedTo, Model, ResourceRow};

/// What came of the changes so far.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// URLs of charms, by the number of the change that brought them.
    charms: BTreeMap<usize, String>,
    /// Ids of machines, by the number of the change that made them or put a unit there.
    machines: BTreeMap<usize, String>,
}

impl Applied {
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
            Change::Offer { name, .. } | Change::Consume { name, .. } => Err(Failure::failed(
                format!("offers in bundles ({name}) are not supported by the embedded controller"),
            )),
            Change::Grant { user, .. } => Err(Failure::failed(format!(
                "users ({user}) are not supported by the embedded controller"
            ))),
        }
    }

    /// Returns the URL of a charm.
    fn url(&self, charm: &CharmRef) -> Result<String, Failure> {
        match charm {
            CharmRef::Known(url) => Ok(url.clone()),
            CharmRef::New(id) => self
                .charms
                .get(id)
                .cloned()
                .ok_or_else(|| Failure::failed("the charm was not uploaded")),
        }
    }

    async fn deploy(
        &self,
        cx: &Cx,
        prepared: &Prepared,
        name: &str,
        charm: &CharmRef,
        base: &str,
        spec: &Application,
    ) -> Result<(), Failure> {
        let url = self.url(charm)?;
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
        let base = changes::choose_base(&meta, wanted, default, force)
            .map_err(|error| refused(error.to_string()))?;
        let resources = resources(cx, &meta, spec, &prepared.dir).await?;
        let added: Vec<String> = resources.keys().cloned().collect();
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
            channel: (!spec.channel.is_empty()).then(|| spec.channel.clone()),
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
        &self,
        cx: &Cx,
        prepared: &Prepared,
        name: &str,
        charm: &CharmRef,
        spec: &Application,
    ) -> Result<(), Failure> {
        let url = self.url(charm)?;
        let meta = charm_of(cx, &url)?;
        let resources = resources(cx, &meta, spec, &prepared.dir).await?;
        let added: Vec<String> = resources.keys().cloned().collect();
        let refresh = Refresh {
            charm: url,
            settings: Vec::new(),
            resources,
            trust: None,
            base: None,
            channel: (!spec.channel.is_empty()).then(|| spec.channel.clone()),
            force_units: false,
            storage: BTreeMap::new(),
        };
        let now = cx.hub.now();
        change(cx, |model, _| changes::refresh(model, name, refresh, now))
            .map_err(Failure::Failed)?;
        tell_added(cx, &added).await;
        Ok(())
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

/// Copies the resources of an application into the controller; relative paths begin at the bundle.
async fn resources(
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
    let now = cx.hub.now();
    change(cx, |model, _| {
        match changes::add_relation(model, left, right, now) {
            // As Juju's client, which does not know which endpoints are meant before it asks.
            Err(ChangeError::RelationExists(_)) => Ok(()),
            other => other.map(drop),
        }
    })
    .map_err(refused)
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
