//! `deploy`, and `add-unit`, which places units by the same rules.

use std::collections::BTreeMap;

use super::command::{Command, Cx, Failure, first_of};
use super::{bundle, charmhub, constraints, refusals, settings, upload};
use crate::JujuVersion;
use crate::flags::{Flag, Kind, Parsed};
use crate::model::changes::{
    self, Addresses, ChangeError, Force, NewApplication, Placement, Places, StorageRequest,
};
use crate::model::{Model, Rejected, StorageId, Transact, application_name};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("deploy", "Deploys a new application.", |cx| {
        Box::pin(deploy(cx))
    })
    .args("<charm or bundle> [<application name>]", check)
    .flags(FLAGS),
    Command::new(
        "add-unit",
        "Adds one or more units to a deployed application.",
        |cx| Box::pin(add_unit(cx)),
    )
    .args("<application name>", check_add_unit)
    .flags(&[
        Flag::text(
            &["attach-storage"],
            "Existing storage to attach to the deployed unit",
        ),
        Flag::of(Kind::Int, &["n", "num-units"], "Number of units to add"),
        Flag::text(&["to"], "The machine to deploy the unit to"),
    ]),
];

/// The most units of one command: all of them run on this machine.
const MAX_UNITS: u32 = 1000;

const FLAGS: &[Flag] = &[
    Flag::text(
        &["attach-storage"],
        "Existing storage to attach to the deployed unit",
    ),
    Flag::text(&["base"], "The base on which to deploy"),
    Flag::text(
        &["bind"],
        "Configure application endpoint bindings to spaces",
    ),
    Flag::text(&["channel"], "Channel to use when deploying a charm"),
    Flag::text(
        &["config"],
        "Either a path to yaml-formatted application config file or a key=value pair",
    ),
    Flag::text(&["constraints"], "Set application constraints"),
    Flag::text(&["device"], "Charm device constraints"),
    Flag::switch(&["dry-run"], "Just show what the deploy would do"),
    Flag::switch(
        &["force"],
        "Allow a charm to be deployed which bypasses checks",
    ),
    Flag::text(
        &["map-machines"],
        "Specify the existing machines to use for bundle deployments",
    ),
    Flag::of(
        Kind::Int,
        &["n", "num-units"],
        "Number of application units to deploy",
    ),
    Flag::text(
        &["overlay"],
        "Bundles to overlay on the primary bundle, applied in order",
    ),
    Flag::text(&["resource"], "Resource to be uploaded to the controller"),
    Flag::of(Kind::Int, &["revision"], "The revision to deploy"),
    Flag::text(&["series"], "The series on which to deploy")
        .unsupported()
        .only(JujuVersion::V3_6),
    Flag::text(&["storage"], "Charm storage directives"),
    Flag::text(&["to"], "The machine to deploy the unit to"),
    Flag::switch(
        &["trust"],
        "Allows charm to run hooks that require access credentials",
    ),
];

fn check(args: &Parsed) -> Result<(), String> {
    first_of(args, 2, "no charm or bundle specified")?;
    if let Some(name) = args.positionals.get(1) {
        application_name(name).map_err(|error| error.to_string())?;
    }
    check_count(args)?;
    bundle::machine_map(args)?;
    check_storage(args)?;
    if let Some(value) = args.all("device").find(|value| !value.contains('=')) {
        return Err(format!(
            "invalid value {value:?} for option --device: expected <name>=<constraints>"
        ));
    }
    check_resources(args)
}

/// Returns the names of the devices that `--device` asks for.
pub(super) fn devices(args: &Parsed) -> impl Iterator<Item = &str> {
    args.all("device")
        .map(|value| value.split('=').next().unwrap_or_default())
}

fn check_add_unit(args: &Parsed) -> Result<(), String> {
    first_of(args, 1, "no application specified")?;
    check_count(args)?;
    check_storage(args)
}

fn check_count(args: &Parsed) -> Result<(), String> {
    match args.int("num-units") {
        Some(..=0) => Err("--num-units must be a positive integer".to_owned()),
        _ if count(args).is_none() => Err(format!(
            "--num-units must be at most {MAX_UNITS} in the embedded controller"
        )),
        _ => Ok(()),
    }
}

/// Refuses storage directives and storage ids that are none, and `--attach-storage` for more than one unit.
fn check_storage(args: &Parsed) -> Result<(), String> {
    storage_requests(args)?;
    let ids = storage_ids(args)?;
    if !ids.is_empty() && count(args) != Some(1) {
        return Err("--attach-storage cannot be used with -n".to_owned());
    }
    Ok(())
}

/// Reads the values of `--storage`, `name=pool,count,size`.
///
/// # Errors
///
/// Fails with Juju 3.6's words when one is no directive.
pub(super) fn storage_requests(args: &Parsed) -> Result<BTreeMap<String, StorageRequest>, String> {
    let mut requests = BTreeMap::new();
    for value in args.all("storage") {
        let wrong = |why: &str| format!("invalid value {value:?} for option --storage: {why}");
        let (name, text) = value
            .split_once('=')
            .ok_or_else(|| wrong("expected [<application>:]<store>=<constraints>"))?;
        let request = StorageRequest::parse(text)
            .map_err(|why| wrong(&format!("cannot parse disk constraints: {why}")))?;
        requests.insert(name.to_owned(), request);
    }
    Ok(requests)
}

/// Reads the values of `--attach-storage`: storage ids, separated by commas.
pub(super) fn storage_ids(args: &Parsed) -> Result<Vec<StorageId>, String> {
    args.list("attach-storage")
        .map(|text| {
            StorageId::parse(text).map_err(|_| {
                format!("invalid value {text:?} for option --attach-storage: storage ID {text:?} not valid")
            })
        })
        .collect()
}

/// Refuses `--resource` without a value.
pub(super) fn check_resources(args: &Parsed) -> Result<(), String> {
    let bad = |pair: &&str| {
        pair.split_once('=')
            .is_none_or(|(name, value)| name.is_empty() || value.is_empty())
    };
    match args.all("resource").find(bad) {
        Some(pair) => Err(format!(
            "invalid value {pair:?} for option --resource: badly formatted name value pair: {pair}"
        )),
        None => Ok(()),
    }
}

/// Returns how many units are wanted; `None` when that is no sensible number.
pub(super) fn count(args: &Parsed) -> Option<u32> {
    match args.int("num-units") {
        None => Some(1),
        Some(count) => u32::try_from(count)
            .ok()
            .filter(|count| (1..=MAX_UNITS).contains(count)),
    }
}

async fn deploy(cx: &Cx) -> Result<(), Failure> {
    let args = &cx.args;
    let Some(path) = local_path(cx, &cx.positionals()[0])? else {
        return charmhub::deploy(cx).await;
    };
    if let Some(source) = bundle::Source::find(cx, path)? {
        return bundle::deploy(cx, source).await;
    }
    upload::check_archive(cx, path)
        .map_err(|why| Failure::failed(format!("attempting to deploy {path:?}: {why}")))?;
    check_charm_options(args)?;
    check_bindings(args.text("bind").unwrap_or_default())?;
    let constraints = constraints::parse(args.all("constraints")).map_err(Failure::Failed)?;
    let units = count(args).unwrap_or(1);
    let placement = placement(cx, units).await;
    if args.switch("dry-run") {
        cx.info("ignoring dry-run flag for local charms").await;
    }

    let package = upload::charm(cx, path).await?;
    let charm = package.charm;
    let name = cx
        .positionals()
        .get(1)
        .map_or_else(|| charm.metadata.name.to_string(), Clone::clone);
    application_name(&name).map_err(Failure::failed)?;
    let force = Force::of(args.switch("force"));
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

    let row = cx.change(|model| {
        Ok::<_, ChangeError>(changes::add_charm(model, &package.sha256, charm.clone()))
    })?;
    let (charm_name, revision) = (&charm.metadata.name, row.revision);
    cx.info(&format!(
        "Located local charm \"{charm_name}\", revision {revision}"
    ))
    .await;
    let units = if charm.metadata.subordinate {
        // Units come with those of the principals; one, the default, may be said all the same.
        if !constraints.is_empty() {
            return Err(Failure::failed(
                "cannot use --constraints with subordinate application",
            ));
        }
        if units != 1 || args.is_set("to") {
            return Err(Failure::failed(
                "cannot use --num-units or --to with subordinate application",
            ));
        }
        0
    } else {
        units
    };
    let settings = settings::from_flags(cx, &name, &owned(args.all("config"))).await?;
    let resources = upload::resources(cx, &charm, &owned(args.all("resource"))).await?;
    cx.info(&format!("Deploying \"{name}\" from local charm \"{charm_name}\", revision {revision} on {base}/stable")).await;
    let refused = |error| refusals::deploy(cx.juju(), &name, error);
    changes::check_devices(&charm, devices(args)).map_err(refused)?;
    let placement = placement.map_err(refused)?;
    let new = NewApplication {
        name: name.clone(),
        charm: row.url,
        units,
        settings,
        trust: args.switch("trust"),
        base,
        channel: args.text("channel").map(str::to_owned),
        constraints,
        resources,
        placement,
        storage: storage_requests(args).map_err(Failure::usage)?,
        attach_storage: storage_ids(args).map_err(Failure::usage)?,
    };
    let now = cx.hub.now();
    with_addresses(cx, refused, |model, addresses| {
        changes::deploy(model, addresses, new, now)
    })?;
    Ok(())
}

/// Refuses options that only bundles take.
pub(super) fn check_charm_options(args: &Parsed) -> Result<(), Failure> {
    let bundle_only: Vec<&str> = ["map-machines", "overlay"]
        .into_iter()
        .filter(|name| args.is_set(name))
        .collect();
    if !bundle_only.is_empty() {
        let named = bundle_only
            .iter()
            .map(|name| format!("--{name}"))
            .collect::<Vec<_>>()
            .join(", ");
        return Err(Failure::failed(format!(
            "options provided but not supported when deploying a charm: {named}"
        )));
    }
    Ok(())
}

async fn add_unit(cx: &Cx) -> Result<(), Failure> {
    let units = count(&cx.args).unwrap_or(1);
    let placement = placement(cx, units).await?;
    let (name, now) = (&cx.positionals()[0], cx.hub.now());
    let places = Places {
        count: units,
        placement,
        attach_storage: storage_ids(&cx.args).map_err(Failure::usage)?,
    };
    with_addresses(cx, Failure::failed, |model, addresses| {
        changes::add_units(model, addresses, name, places, now)
    })?;
    Ok(())
}

/// Returns the path that a charm is named by; `None` for a name without `./`, which is one of a charm store.
///
/// # Errors
///
/// Fails when the name could be either.
fn local_path<'a>(cx: &Cx, name: &'a str) -> Result<Option<&'a str>, Failure> {
    if name.starts_with(['.', '/']) {
        return Ok(Some(name));
    }
    if cx.path(name).exists() {
        return Err(Failure::failed(format!(
            "The charm or bundle {name:?} is ambiguous.\nTo deploy a local charm or bundle, run `juju deploy ./{name}`.\n\
             To deploy a charm or bundle from CharmHub, run `juju deploy ch:{name}`."
        )));
    }
    Ok(None)
}

/// Accepts bindings to the only space there is.
pub(super) fn check_bindings(bindings: &str) -> Result<(), Failure> {
    let space = |binding: &str| {
        binding
            .split_once('=')
            .map_or(binding, |(_, space)| space)
            .to_owned()
    };
    match bindings
        .split_whitespace()
        .map(space)
        .find(|space| space != "alpha")
    {
        Some(space) => Err(Failure::failed(format!("space {space:?} not found"))),
        None => Ok(()),
    }
}

/// Reads `--to`, and warns of what stands there beside the places of all units.
///
/// # Errors
///
/// Fails when a place is none that this controller has.
pub(super) async fn placement(cx: &Cx, units: u32) -> Result<Vec<Placement>, ChangeError> {
    let places: Vec<Placement> = cx
        .args
        .list("to")
        .map(Placement::parse)
        .collect::<Result<_, _>>()?;
    if places.len() > units as usize {
        cx.warn(&format!(
            "{units} unit(s) will be deployed, extra placement directives will be ignored"
        ))
        .await;
    }
    Ok(places)
}

/// Changes the command's model with the addresses of all models at hand; `refused` words what is refused.
pub(super) fn with_addresses<R>(
    cx: &Cx,
    refused: impl FnOnce(ChangeError) -> Failure,
    change: impl FnOnce(&mut Model, &mut Addresses) -> Result<R, ChangeError>,
) -> Result<R, Failure> {
    transact_with_addresses(cx, change).map_err(|error| match error {
        Transact::Rejected(error) => refused(error),
        Transact::Store(error) => error.into(),
    })
}

/// Changes the command's model with the addresses of all models at hand.
pub(in crate::cli) fn transact_with_addresses<R>(
    cx: &Cx,
    change: impl FnOnce(&mut Model, &mut Addresses) -> Result<R, ChangeError>,
) -> Result<R, Transact<ChangeError>> {
    let uuid = cx.model_uuid();
    cx.hub.transact(|state| {
        let mut addresses = Addresses::of(state);
        let model = state
            .model_mut(&uuid)
            .ok_or_else(|| Rejected(uuid.clone()))?;
        change(model, &mut addresses)
    })
}

/// Copies the values of an option.
pub(super) fn owned<'a>(values: impl Iterator<Item = &'a str>) -> Vec<String> {
    values.map(str::to_owned).collect()
}
