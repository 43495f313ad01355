//! From a bundle and a model to the changes between them.

use std::collections::{BTreeMap, BTreeSet};

use charmtest_charm::Base;
use charmtest_charm::bundle::{Application, Bundle, ExposedEndpoint, base_of_series, natural};
use serde_json::Value;

use super::change::{Change, CharmRef, Holder, Planned, Target};
use super::existing::{Existing, ExistingApplication, stable};
use super::units;
use crate::JujuVersion;
use crate::model::ExposedTo;

/// A bundle that cannot be deployed to a model, in Juju's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct PlanError(pub(crate) String);

/// Constraints by name.
pub(crate) type Constraints = BTreeMap<String, String>;

/// What is to be.
pub(crate) struct Wanted<'a> {
    /// The bundle, verified, with its overlays.
    pub(crate) bundle: &'a Bundle,
    /// The bases of local charms by path.
    pub(crate) bases: &'a BTreeMap<String, Vec<Base>>,
    /// What the charm stores have for applications of their charms, by application.
    pub(crate) store: &'a BTreeMap<String, StoreCharm>,
    /// The architecture of applications whose constraints name none.
    pub(crate) arch: &'a str,
    /// Parses constraints.
    pub(crate) constraints: &'a dyn Fn(&str) -> Result<Constraints, String>,
    /// Whether the user insists (`--force`).
    pub(crate) force: bool,
    /// As which Juju we speak.
    pub(crate) juju: JujuVersion,
}

/// What a charm store has for an application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StoreCharm {
    /// The revision.
    pub(crate) revision: i64,
    /// The channel that it is from, with a track and a risk.
    pub(crate) channel: String,
}

/// Returns the changes that make a model as a bundle says, in the order in which they are to be made; nothing is ever taken away.
///
/// # Errors
///
/// Fails when placements go round in a circle, machines do not fit each other, or a charm would have to change its channel.
pub(crate) fn plan(wanted: &Wanted<'_>, mut existing: Existing) -> Result<Vec<Planned>, PlanError> {
    existing.infer(wanted.bundle);
    let mut planner = Planner {
        wanted,
        existing,
        changes: Vec::new(),
        deployed: BTreeMap::new(),
        machines: BTreeMap::new(),
        added_machines: BTreeSet::new(),
    };
    planner.applications()?;
    planner.machines();
    planner.offers();
    planner.relations();
    units::place(&mut planner)?;
    planner.check_machines_used()?;
    sorted(planner.changes)
}

/// The changes so far.
pub(super) struct Planner<'a> {
    pub(super) wanted: &'a Wanted<'a>,
    pub(super) existing: Existing,
    pub(super) changes: Vec<Planned>,
    /// The changes that deploy applications, by application, and consume offers.
    pub(super) deployed: BTreeMap<String, usize>,
    /// The changes that add machines of the bundle, and the ids that these should get.
    pub(super) machines: BTreeMap<String, (usize, String)>,
    /// All changes that add machines: they are made one after the other.
    added_machines: BTreeSet<usize>,
}

impl Planner<'_> {
    /// Adds a change and returns its number.
    pub(super) fn add(
        &mut self,
        change: Change,
        requires: impl IntoIterator<Item = usize>,
    ) -> usize {
        let id = self.changes.len();
        self.changes.push(Planned {
            id,
            requires: requires.into_iter().collect(),
            change,
        });
        id
    }

    /// Adds a change that adds a machine, after all others of that kind.
    pub(super) fn add_machine(
        &mut self,
        change: Change,
        requires: impl IntoIterator<Item = usize>,
    ) -> usize {
        let earlier = self.added_machines.clone();
        let id = self.add(change, requires.into_iter().chain(earlier));
        self.added_machines.insert(id);
        id
    }

    fn default_base(&self) -> String {
        self.base(
            &self.wanted.bundle.default_base,
            &self.wanted.bundle.series,
            "",
        )
    }

    /// Returns the base that is named, by itself or by its series, else the default.
    fn base(&self, base: &str, series: &str, default: &str) -> String {
        if !base.is_empty() {
            return stable(base);
        }
        let by_series = match self.wanted.juju {
            JujuVersion::V3_6 => base_of_series(series),
            JujuVersion::V4_0 => None,
        };
        by_series.unwrap_or(default).to_owned()
    }

    /// Returns the base of an application; what a local charm supports counts when the bundle says nothing.
    pub(super) fn base_of(&self, app: &Application) -> String {
        let default = self.default_base();
        let named = self.base(&app.base, &app.series, &default);
        match self
            .wanted
            .bases
            .get(&app.charm)
            .and_then(|bases| bases.first())
        {
            Some(first) if named.is_empty() => stable(&first.to_string()),
            _ => named,
        }
    }

    fn arch_of(&self, constraints: &str) -> String {
        (self.wanted.constraints)(constraints)
            .ok()
            .and_then(|mut parsed| parsed.remove("arch"))
            .unwrap_or_else(|| self.wanted.arch.to_owned())
    }

    fn applications(&mut self) -> Result<(), PlanError> {
        let mut charms: BTreeMap<(String, String, String, String, Option<i64>), usize> =
            BTreeMap::new();
        for (name, app) in self.wanted.bundle.apps() {
            let old = self.existing.applications.get(name).cloned();
            let mut app = app.clone();
            if let Some(old) = &old
                && (app.is_local() || app.charm.starts_with("local:"))
            {
                // Bundles do not upgrade local charms.
                app.charm.clone_from(&old.charm);
            }
            let base = self.base_of(&app);
            let arch = self.arch_of(&app.constraints);
            let is_local = old
                .as_ref()
                .is_some_and(|old| old.charm.starts_with("local:"));
            let channel = match self.wanted.store.get(name) {
                Some(found) => found.channel.clone(),
                None if app.channel.is_empty() && !is_local => "stable".to_owned(),
                None => app.channel.clone(),
            };
            let key = (
                app.charm.clone(),
                arch.clone(),
                base.clone(),
                channel.clone(),
                app.revision,
            );
            let found = self.wanted.store.get(name).map(|found| found.revision);
            let revision = found.or(app.revision);
            if !charms.contains_key(&key) && !self.has_charm(&app, revision, &arch, &base, &channel)
            {
                let change = Change::AddCharm {
                    charm: app.charm.clone(),
                    revision: app.revision,
                    base: base.clone(),
                    channel: app.channel.clone(),
                    // The client of 4.0 does not tell it (recorded).
                    arch: (self.wanted.juju == JujuVersion::V3_6).then_some(arch),
                };
                let id = self.add(change, []);
                charms.insert(key.clone(), id);
            }
            let upload = charms.get(&key).copied();
            let charm = upload.map_or_else(|| CharmRef::Known(app.charm.clone()), CharmRef::New);
            let deployed = match &old {
                None => Some(self.new_application(name, app.clone(), charm, base, upload)),
                Some(old) => {
                    self.changed_application(name, old, &app, charm, base, upload)?;
                    None
                }
            };
            let known = old.as_ref().map(|old| &old.annotations);
            let annotations = changed(&app.annotations, known);
            if !annotations.is_empty() {
                let change = Change::Annotate {
                    of: Holder::Application(name.to_owned()),
                    target: name.to_owned(),
                    annotations,
                };
                self.add(change, deployed);
            }
        }
        Ok(())
    }

    /// Says whether the model has the charm of an application, for this architecture, base and channel.
    fn has_charm(
        &self,
        app: &Application,
        revision: Option<i64>,
        arch: &str,
        base: &str,
        channel: &str,
    ) -> bool {
        self.existing.applications.values().any(|old| {
            let old_arch = old
                .constraints
                .get("arch")
                .map_or(self.wanted.arch, String::as_str);
            old.charm == app.charm
                && old_arch == arch
                && (old.base == base || base.is_empty())
                && old.channel == channel
                && revision.is_none_or(|revision| revision == old.revision)
        })
    }

    fn new_application(
        &mut self,
        name: &str,
        app: Application,
        charm: CharmRef,
        base: String,
        upload: Option<usize>,
    ) -> usize {
        let expose = expose_change(name, &app);
        let change = Change::Deploy {
            name: name.to_owned(),
            charm,
            base,
            spec: Box::new(app),
        };
        let id = self.add(change, upload);
        self.deployed.insert(name.to_owned(), id);
        if let Some(change) = expose {
            self.add(change, [id]);
        }
        id
    }

    fn changed_application(
        &mut self,
        name: &str,
        old: &ExistingApplication,
        app: &Application,
        charm: CharmRef,
        base: String,
        upload: Option<usize>,
    ) -> Result<(), PlanError> {
        if self.upgrades(name, old, app)? {
            let change = Change::Upgrade {
                name: name.to_owned(),
                charm,
                base,
                spec: Box::new(app.clone()),
            };
            self.add(change, upload);
        }
        let options: BTreeMap<String, Value> = app
            .options
            .iter()
            .filter(|(key, value)| {
                old.options
                    .get(*key)
                    .is_none_or(|known| !same_value(known, value))
            })
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !options.is_empty() {
            let application = name.to_owned();
            self.add(
                Change::SetOptions {
                    application,
                    options,
                },
                [],
            );
        }
        let constraints = (self.wanted.constraints)(&app.constraints).unwrap_or_default();
        if old.constraints != constraints {
            let change = Change::SetConstraints {
                application: name.to_owned(),
                constraints: app.constraints.clone(),
            };
            self.add(change, []);
        }
        if let Some(change) = expose_change(name, app)
            && !(old.exposed && same_exposure(&old.exposed_endpoints, &app.exposed_endpoints))
        {
            self.add(change, []);
        }
        Ok(())
    }

    /// Says whether an application gets another charm.
    fn upgrades(
        &self,
        name: &str,
        old: &ExistingApplication,
        app: &Application,
    ) -> Result<bool, PlanError> {
        if old.charm != app.charm {
            return Ok(true);
        }
        if old.channel.is_empty() {
            return match (app.channel.is_empty(), self.wanted.force) {
                (true, _) => Ok(false),
                (false, true) => Ok(true),
                (false, false) => Err(PlanError(format!(
                    "upgrades not supported when the channel for {name:?} is unknown; use --force to override"
                ))),
            };
        }
        let found = self.wanted.store.get(name);
        let channel = found.map_or(&app.channel, |found| &found.channel);
        if !self.wanted.force && old.channel != *channel {
            return Err(PlanError(format!(
                "application {name:?}: upgrades not supported across channels (existing: {:?}, requested: {channel:?}); use --force to \
                 override",
                old.channel
            )));
        }
        let revision = found.map(|found| found.revision).or(app.revision);
        Ok(revision.is_some_and(|revision| revision > old.revision))
    }

    fn machines(&mut self) {
        let default = self.default_base();
        let mut ids: Vec<&String> = self.wanted.bundle.machines.keys().collect();
        ids.sort_by(|a, b| natural(a, b));
        for bundle_id in ids {
            let spec = self.wanted.bundle.machine(bundle_id).unwrap_or_default();
            let (target, words, requires, known) = match self.existing.mapped(bundle_id) {
                Some(id) => {
                    let known = self
                        .existing
                        .machines
                        .get(id)
                        .map(|row| row.annotations.clone());
                    let id = id.to_owned();
                    (
                        Target::Machine(id.clone()),
                        format!("existing machine {id}"),
                        None,
                        known,
                    )
                }
                None => {
                    let id = self.existing.take_machine();
                    let change = Change::AddMachine {
                        id: id.clone(),
                        bundle_id: bundle_id.clone(),
                        container: None,
                        on_existing: false,
                        base: self.base(&spec.base, &spec.series, &default),
                        constraints: spec.constraints.clone(),
                    };
                    let number = self.add_machine(change, []);
                    self.machines
                        .insert(bundle_id.clone(), (number, id.clone()));
                    (
                        Target::Change(number),
                        format!("new machine {id}"),
                        Some(number),
                        None,
                    )
                }
            };
            let annotations = changed(&spec.annotations, known.as_ref());
            if !annotations.is_empty() {
                let change = Change::Annotate {
                    of: Holder::Machine(target),
                    target: words,
                    annotations,
                };
                self.add(change, requires);
            }
        }
    }

    fn offers(&mut self) {
        let bundle = self.wanted.bundle;
        for (name, saas) in &bundle.saas {
            let url = saas
                .as_ref()
                .map(|saas| saas.url.clone())
                .unwrap_or_default();
            let id = self.add(
                Change::Consume {
                    name: name.clone(),
                    url,
                },
                [],
            );
            self.deployed.insert(name.clone(), id);
        }
        for (application, app) in bundle.apps() {
            for (offer, spec) in &app.offers {
                let Some(spec) = spec else { continue };
                let known = self.existing.applications.get(application);
                let update = known.is_some_and(|old| old.offers.contains(offer));
                let requires = self.deployed.get(application).copied();
                let change = Change::Offer {
                    name: offer.clone(),
                    application: application.to_owned(),
                    endpoints: spec.endpoints.clone(),
                    update,
                };
                let id = self.add(change, requires);
                for (user, access) in &spec.acl {
                    let change = Change::Grant {
                        user: user.clone(),
                        access: access.clone(),
                        offer: offer.clone(),
                    };
                    self.add(change, [id]);
                }
            }
        }
    }

    fn relations(&mut self) {
        for pair in &self.wanted.bundle.relations {
            let [a, b] = &pair[..] else { continue };
            if self.existing.is_related(a, b) {
                continue;
            }
            let requires: Vec<usize> = [a, b]
                .into_iter()
                .filter_map(|end| {
                    let application = end.split(':').next().unwrap_or_default();
                    let known = self.existing.applications.contains_key(application);
                    self.deployed.get(application).copied().filter(|_| !known)
                })
                .collect();
            self.add(Change::Relate(a.clone(), b.clone()), requires);
        }
    }

    /// Checks that every new machine of the bundle has something on it: if not, the user has to say which machine is meant.
    fn check_machines_used(&self) -> Result<(), PlanError> {
        for (bundle_id, (number, _)) in &self.machines {
            let used = self
                .changes
                .iter()
                .any(|planned| planned.requires.contains(number));
            if used {
                continue;
            }
            let mapped: BTreeSet<&String> = self
                .wanted
                .bundle
                .machines
                .keys()
                .filter_map(|id| self.existing.machine_map.get(id))
                .collect();
            let mut free: Vec<&String> = self
                .existing
                .machines
                .keys()
                .filter(|id| !mapped.contains(id))
                .collect();
            free.sort_by(|a, b| natural(a, b));
            let quoted: Vec<String> = free.iter().map(|id| format!("{id:?}")).collect();
            let perhaps = match &quoted[..] {
                [] => String::new(),
                [id] => format!(", perhaps to unreferenced model machine {id}"),
                ids => format!(", perhaps to one of model machines [{}]", ids.join(", ")),
            };
            let hosts: Vec<&str> = self
                .wanted
                .bundle
                .apps()
                .filter(|(_, app)| app.to.contains(bundle_id))
                .map(|(name, _)| name)
                .collect();
            let hosts = if hosts.is_empty() {
                String::new()
            } else {
                format!(" - the target should host [{}]", hosts.join(", "))
            };
            return Err(PlanError(format!(
                "bundle and machine mapping are inconsistent: need an explicit entry mapping bundle machine {bundle_id:?}{perhaps}{hosts}"
            )));
        }
        Ok(())
    }
}

fn expose_change(name: &str, app: &Application) -> Option<Change> {
    (app.expose || !app.exposed_endpoints.is_empty()).then(|| Change::Expose {
        application: name.to_owned(),
        endpoints: app.exposed_endpoints.clone(),
    })
}

/// Says whether an application is exposed to those that the bundle names.
fn same_exposure(
    known: &BTreeMap<String, ExposedTo>,
    wanted: &BTreeMap<String, ExposedEndpoint>,
) -> bool {
    let sorted = |list: &[String]| list.iter().cloned().collect::<BTreeSet<String>>();
    let mut wanted: BTreeMap<&str, (BTreeSet<String>, BTreeSet<String>)> = wanted
        .iter()
        .map(|(name, to)| (name.as_str(), (sorted(&to.spaces), sorted(&to.cidrs))))
        .collect();
    let world = ExposedTo::everybody();
    if wanted.is_empty() {
        wanted.insert("", (BTreeSet::new(), sorted(&world.cidrs)));
    }
    let known: BTreeMap<&str, (BTreeSet<String>, BTreeSet<String>)> = known
        .iter()
        .map(|(name, to)| (name.as_str(), (sorted(&to.spaces), sorted(&to.cidrs))))
        .collect();
    known == wanted
}

/// Returns the annotations that are new or other than those known.
fn changed(
    wanted: &BTreeMap<String, String>,
    known: Option<&BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    let same = |key: &String, value: &String| known.and_then(|known| known.get(key)) == Some(value);
    wanted
        .iter()
        .filter(|(key, value)| !same(key, value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Compares values of options; 1 is 1.0.
fn same_value(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b).is_eq(),
        _ => a == b,
    }
}

/// Puts changes in an order in which nothing comes before what it needs, and leaves them in theirs otherwise.
fn sorted(changes: Vec<Planned>) -> Result<Vec<Planned>, PlanError> {
    let mut done = BTreeSet::new();
    let mut waiting = changes;
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let mut later = Vec::new();
        let before = ordered.len();
        for planned in waiting {
            if planned.requires.iter().all(|id| done.contains(id)) {
                done.insert(planned.id);
                ordered.push(planned);
            } else {
                later.push(planned);
            }
        }
        if ordered.len() == before {
            return Err(PlanError("sort failed".to_owned()));
        }
        waiting = later;
    }
    Ok(ordered)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
