//! Bundles on the command line: `deploy ./bundle.yaml`, `export-bundle`, `diff-bundle`.

mod apply;
mod compare;
mod source;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use charmtest_charm::bundle::{Application, Bundle, KUBERNETES};
use charmtest_charm::{Base, Charm};

use super::charmhub::{BundleStore, bare_name};
use super::command::{Command, Cx, Failure};
use super::constraints;
use crate::JujuVersion;
use crate::bundle::{Change, CharmRef, Existing, MachineMap, Planned, StoreCharm, Wanted, plan};
use crate::charm_store::Resolved;
use crate::flags::Parsed;
use crate::model::Model;
use crate::model::changes::DEFAULT_ARCH;

pub(super) use source::Source;

/// The commands of this directory.
pub(super) const COMMANDS: &[Command] = compare::COMMANDS;

/// The options of `deploy` that only charms take, as in Juju.
const CHARM_ONLY: &[&str] = &[
    "attach-storage",
    "base",
    "bind",
    "config",
    "constraints",
    "num-units",
    "resource",
    "series",
    "to",
];

/// A bundle that can be deployed.
struct Prepared {
    /// The directory of the bundle.
    dir: PathBuf,
    changes: Vec<Planned>,
    /// What the charm stores have for applications, by application.
    found: BTreeMap<String, Resolved>,
}

impl Prepared {
    /// Returns what a store has for the charm that a change brings: for the first application that gets that charm.
    ///
    /// # Errors
    ///
    /// Fails when no application of the bundle does.
    fn found_for(&self, change: usize) -> Result<&Resolved, Failure> {
        let users = self
            .changes
            .iter()
            .filter_map(|planned| match &planned.change {
                Change::Deploy { name, charm, .. } | Change::Upgrade { name, charm, .. } => {
                    (*charm == CharmRef::New(change)).then_some(name)
                }
                _ => None,
            });
        let mut found = users.filter_map(|name| self.found.get(name));
        found
            .next()
            .ok_or_else(|| Failure::failed("the charm belongs to no application"))
    }
}

/// Deploys a bundle (Juju 3.6, `juju deploy ./bundle.yaml`).
///
/// As in Juju, what was done stays when a later change fails.
///
/// # Errors
///
/// Fails in Juju's words when the bundle or a file that it names is wrong, or a change is refused.
pub(super) async fn deploy(cx: &Cx, source: Source) -> Result<(), Failure> {
    let args = &cx.args;
    let wrong: Vec<&str> = CHARM_ONLY
        .iter()
        .filter_map(|name| args.spelled(name))
        .collect();
    if !wrong.is_empty() {
        return Err(Failure::failed(format!(
            "options provided but not supported when deploying a bundle: {}",
            wrong.join(", ")
        )));
    }
    let machines = machine_map(args).map_err(Failure::usage)?;
    let overlays: Vec<String> = args.all("overlay").map(str::to_owned).collect();
    let dry_run = args.switch("dry-run");
    let dir = source.dir.clone();
    let composed = source::compose(cx, source, &overlays).map_err(cannot_deploy)?;
    if dry_run {
        for warning in &composed.warnings {
            cx.warn(&format!("\n {warning}\n")).await;
        }
    }
    let bundle = composed.bundle;
    check_trust(&bundle, args)?;
    if bundle.kind == KUBERNETES {
        return Err(cannot_deploy(
            "Kubernetes bundles are not supported by the embedded controller, whose models are of machines",
        ));
    }
    let mut store = BundleStore::default();
    let prepared = prepare(cx, bundle, dir, &machines, &mut store)
        .await
        .map_err(cannot_deploy)?;
    if prepared.changes.is_empty() {
        cx.info("No changes to apply.").await;
        return Ok(());
    }
    let title = if dry_run {
        "Changes to deploy bundle:"
    } else {
        check_possible(&prepared)?;
        "Executing changes:"
    };
    cx.print(&format!("{title}\n")).await?;
    let mut applied = apply::Applied::new(store);
    for planned in &prepared.changes {
        for line in planned.change.describe() {
            cx.print(&format!("- {line}\n")).await?;
        }
        if !dry_run {
            applied
                .make(cx, &prepared, planned)
                .await
                .map_err(in_bundle)?;
        }
    }
    if !dry_run {
        cx.info("Deploy of bundle completed.").await;
    }
    Ok(())
}

/// Reads `--map-machines`.
///
/// # Errors
///
/// Fails in Juju's words.
pub(super) fn machine_map(args: &Parsed) -> Result<MachineMap, String> {
    MachineMap::parse(args.text("map-machines").unwrap_or_default())
}

/// Says that a bundle cannot be deployed.
fn cannot_deploy(why: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("cannot deploy bundle: {why}"))
}

/// Says of which bundle's deployment a failure is.
fn in_bundle(failure: Failure) -> Failure {
    match failure {
        Failure::Failed(why) | Failure::Usage(why) => cannot_deploy(why),
        silent @ Failure::Silent(_) => silent,
    }
}

/// Checks that the user trusts the applications that want it.
fn check_trust(bundle: &Bundle, args: &Parsed) -> Result<(), Failure> {
    if args.switch("trust") || args.switch("force") {
        return Ok(());
    }
    let wanting: Vec<&str> = bundle
        .apps()
        .filter(|(_, app)| app.wants_trust())
        .map(|(name, _)| name)
        .collect();
    if wanting.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "Bundle cannot be deployed without trusting applications with your cloud credentials.\nPlease repeat the deploy command with \
         the --trust argument if you consent to trust the following application(s):\n  - {}",
        wanting.join("\n  - ")
    )))
}

/// Reads the charms of a bundle, where they are from, and plans the changes.
async fn prepare(
    cx: &Cx,
    mut bundle: Bundle,
    dir: PathBuf,
    machines: &MachineMap,
    store: &mut BundleStore,
) -> Result<Prepared, String> {
    let model = cx.model().map_err(text_of)?;
    // As the model knows them: `ch:amd64/jammy/db-5`, which exported bundles of earlier versions say, is `db`.
    for app in bundle.applications.values_mut().flatten() {
        if app.charm.starts_with("ch:") {
            app.charm = bare_name(&app.charm);
        }
    }
    let bases = read_bases(cx.juju(), &bundle, &model)?;
    let arch = model.info.constraints.get("arch").cloned();
    let arch = arch.as_deref().unwrap_or(DEFAULT_ARCH);
    let found = find_charms(cx, &bundle, &model, arch, store).await?;
    let of_store: BTreeMap<String, StoreCharm> = found
        .iter()
        .map(|(name, found)| {
            let row = StoreCharm {
                revision: found.revision.into(),
                channel: found.channel.to_string(),
            };
            (name.clone(), row)
        })
        .collect();
    let wanted = Wanted {
        bundle: &bundle,
        bases: &bases,
        store: &of_store,
        arch,
        constraints: &|text| constraints::parse([text]),
        force: cx.args.switch("force"),
        juju: cx.juju(),
    };
    let changes =
        plan(&wanted, Existing::of(&model, machines)).map_err(|error| error.to_string())?;
    Ok(Prepared {
        dir,
        changes,
        found,
    })
}

/// Says whether the charm of an application is one of a store.
fn is_of_store(app: &Application) -> bool {
    !app.is_local() && !app.charm.starts_with("local:")
}

/// Asks the charm stores for what the applications of a bundle get.
async fn find_charms(
    cx: &Cx,
    bundle: &Bundle,
    model: &Model,
    arch: &str,
    store: &mut BundleStore,
) -> Result<BTreeMap<String, Resolved>, String> {
    let mut found = BTreeMap::new();
    for (name, app) in bundle.apps().filter(|(_, app)| is_of_store(app)) {
        // What is there already and not from a store stays as it is.
        if model.charm_of(name).is_some_and(|row| !row.is_from_store()) {
            continue;
        }
        let base = match app.base.as_str() {
            "" => bundle.default_base.as_str(),
            base => base,
        };
        let own = constraints::parse([app.constraints.as_str()]).unwrap_or_default();
        let arch = own.get("arch").map_or(arch, String::as_str);
        let resolved = store
            .resolve(cx, app, base, arch)
            .await
            .map_err(|failure| {
                let why = text_of(failure);
                format!("cannot resolve charm or bundle {:?}: {why}", app.charm)
            })?;
        found.insert(name.to_owned(), resolved);
    }
    Ok(found)
}

/// Reads on which bases the local charms of new applications run; those of others stay as they are.
fn read_bases(
    juju: JujuVersion,
    bundle: &Bundle,
    model: &Model,
) -> Result<BTreeMap<String, Vec<Base>>, String> {
    let mut bases = BTreeMap::new();
    for (name, app) in bundle.apps() {
        if model.applications.contains(name) || bases.contains_key(&app.charm) || !app.is_local() {
            continue;
        }
        let path = Path::new(&app.charm);
        if juju == JujuVersion::V4_0 && path.is_dir() {
            return Err(format!("read {}: is a directory", app.charm));
        }
        let charm = Charm::read(path)
            .map_err(|error| format!("cannot deploy local charm at {:?}: {error}", app.charm))?;
        bases.insert(app.charm.clone(), charm.manifest.bases);
    }
    Ok(bases)
}

/// Refuses changes that nothing here can make, before any is made.
fn check_possible(prepared: &Prepared) -> Result<(), Failure> {
    let refuse = |what: String| {
        Err(cannot_deploy(format!(
            "{what} not supported by the embedded controller"
        )))
    };
    for planned in &prepared.changes {
        match &planned.change {
            Change::AddMachine {
                container: Some((kind, id)),
                ..
            } => return refuse(format!("cannot create machine {id}: {kind} containers are")),
            Change::AddUnit {
                unit,
                container: Some(kind),
                ..
            } => return refuse(format!("cannot add unit {unit}: {kind} containers are")),
            Change::Deploy { name, spec, .. } if !spec.devices.is_empty() => {
                return refuse(format!("cannot deploy application {name:?}: devices are"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns the text of a failure.
fn text_of(failure: Failure) -> String {
    match failure {
        Failure::Failed(text) | Failure::Usage(text) => text,
        Failure::Silent(_) => String::new(),
    }
}
