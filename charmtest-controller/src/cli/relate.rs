//! `integrate` and `remove-relation`.

use std::net::IpAddr;

use super::command::{Command, Cx, Failure};
use crate::JujuVersion;
use crate::flags::{Flag, Parsed};
use crate::model::changes::{self, ChangeError, EndpointName, Haste, OfferError, OfferUrl};
use crate::model::{RelationId, Transact};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("integrate", "Integrate two applications.", |cx| {
        Box::pin(integrate(cx))
    })
    .aliases(&["relate"])
    .args(
        "<application>[:<endpoint>] <application>[:<endpoint>]",
        |args| sides(args).map(drop).and_then(|()| via(args).map(drop)),
    )
    .flags(&[Flag::text(
        &["via"],
        "For cross model integrations, specify the egress subnets",
    )]),
    Command::new(
        "remove-relation",
        "Removes an existing relation between two applications.",
        |cx| Box::pin(remove(cx)),
    )
    .args(
        "<application1>[:<relation name1>] <application2>[:<relation name2>] | <relation-id>",
        |args| which(args).map(drop),
    )
    .flags(&[Flag::switch(&["force"], "Force remove a relation")]),
];

/// One side of an integration.
#[derive(Debug, Clone)]
enum Side {
    /// An application of the model, or one that it consumes.
    Local(EndpointName),
    /// An offer of another model, to be consumed.
    Offer(OfferUrl),
}

/// A relation as the user names it.
enum Which {
    Id(RelationId),
    Ends(EndpointName, EndpointName),
}

fn sides(args: &Parsed) -> Result<[Side; 2], String> {
    let [a, b] = &args.positionals[..] else {
        return Err("an integration must involve two applications".to_owned());
    };
    let parse = |text: &str| {
        if text.contains(['.', '/']) {
            let url = OfferUrl::parse(text);
            return url
                .map(Side::Offer)
                .map_err(|_| format!("offer URL {text:?} not valid"));
        }
        EndpointName::parse(text)
            .map(Side::Local)
            .map_err(|error| error.to_string())
    };
    let sides = [parse(a)?, parse(b)?];
    if matches!(sides, [Side::Offer(_), Side::Offer(_)]) {
        return Err("providing more than one remote endpoints not supported".to_owned());
    }
    Ok(sides)
}

/// Returns the subnets of `--via`.
fn via(args: &Parsed) -> Result<Vec<String>, String> {
    let text = args.text("via").unwrap_or_default();
    let subnets = text.split(',').map(str::trim).filter(|net| !net.is_empty());
    let check = |net: &str| {
        let (address, bits) = net.split_once('/').unwrap_or((net, ""));
        let most = match address.parse() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => 0,
        };
        match bits.parse::<u8>() {
            Ok(bits) if bits <= most && most > 0 => Ok(net.to_owned()),
            _ => Err(format!("invalid CIDR address: {net}")),
        }
    };
    subnets.map(check).collect()
}

fn which(args: &Parsed) -> Result<Which, String> {
    match &args.positionals[..] {
        [id] => id
            .parse()
            .map(Which::Id)
            .map_err(|_| format!("relation ID {id:?} not valid")),
        [a, b] => {
            let parse = |text: &str| EndpointName::parse(text).map_err(|error| error.to_string());
            Ok(Which::Ends(parse(a)?, parse(b)?))
        }
        _ => Err("a relation must involve two applications".to_owned()),
    }
}

async fn integrate(cx: &Cx) -> Result<(), Failure> {
    let egress = via(&cx.args).map_err(Failure::Usage)?;
    let sides = sides(&cx.args).map_err(Failure::Usage)?;
    let (uuid, now) = (cx.model_uuid(), cx.hub.now());
    // As in Juju, what was consumed for an integration stays if that fails.
    let consume = |side: Side| match side {
        Side::Local(name) => Ok(name),
        Side::Offer(url) => {
            cx.check_controller(url.controller.as_deref())?;
            let name = cx.change_across(|state| changes::consume(state, &uuid, &url, None, now))?;
            Ok::<_, Failure>(EndpointName {
                application: name,
                endpoint: url.endpoint,
            })
        }
    };
    let [a, b] = sides.map(consume);
    let (a, b) = (a?, b?);
    let outcome = cx
        .hub
        .transact(|state| changes::relate(state, &uuid, &a, &b, &egress, now));
    match outcome {
        Ok(_) => Ok(()),
        Err(Transact::Store(error)) => Err(error.into()),
        Err(Transact::Rejected(OfferError::Change(error))) => {
            Err(Failure::Failed(integrate_error(cx.juju(), &a, &b, &error)))
        }
        Err(Transact::Rejected(error)) => Err(Failure::Failed(error.words(cx.juju()))),
    }
}

/// Says why two applications could not be related.
fn integrate_error(
    juju: JujuVersion,
    a: &EndpointName,
    b: &EndpointName,
    error: &ChangeError,
) -> String {
    if juju == JujuVersion::V4_0 {
        return recorded_integrate_error(a, b, error);
    }
    match error {
        ChangeError::RelationExists(_) | ChangeError::RelationDying(_) => {
            format!("{error}\n\nUse 'juju status --relations' to view the current relations.")
        }
        _ => error.to_string(),
    }
}

/// Says it in the words of 4.0.15.
fn recorded_integrate_error(a: &EndpointName, b: &EndpointName, error: &ChangeError) -> String {
    let (a_text, b_text) = (a.to_string(), b.to_string());
    let why = match error {
        ChangeError::RelationExists(key) => {
            // In the order of the arguments, where 3.6 names the requirer first.
            let mut sides: Vec<&str> = key.split(' ').collect();
            sides.sort_by_key(|side| side.split(':').next() != Some(a.application.as_str()));
            format!(
                "cannot add relation {a_text:?}, {b_text:?}: relation {}: already exists",
                sides.join(" ")
            )
        }
        _ => {
            let why = match error {
                ChangeError::NoRelations => {
                    "no compatible endpoints found between applications".to_owned()
                }
                ChangeError::ApplicationNotFound(name) => {
                    no_candidates(if a.application == *name { a } else { b })
                }
                ChangeError::EndpointNotFound { application, .. } => {
                    no_candidates(if a.application == *application { a } else { b })
                }
                ChangeError::AmbiguousRelation { .. } => error.to_string(),
                _ => {
                    return format!(
                        "adding relation between endpoints {a_text:?} and {b_text:?}: {error}"
                    );
                }
            };
            format!("cannot relate endpoints {a_text:?} and {b_text:?}: {why}")
        }
    };
    format!("adding relation between endpoints {a_text:?} and {b_text:?}: {why}")
}

fn no_candidates(side: &EndpointName) -> String {
    format!("no candidates for {side}: relation endpoint not found")
}

async fn remove(cx: &Cx) -> Result<(), Failure> {
    let which = which(&cx.args).map_err(Failure::Usage)?;
    let haste = Haste::of(cx.args.switch("force"), false, cx.hub.now());
    let outcome = cx.hub.transact_model(&cx.model_uuid(), |model| {
        let id = match &which {
            Which::Id(id) => *id,
            Which::Ends(a, b) => changes::find_relation(model, a, b)?,
        };
        changes::remove_relation(model, id, haste)
    });
    match outcome {
        Ok(()) => Ok(()),
        Err(Transact::Store(error)) => Err(error.into()),
        Err(Transact::Rejected(error)) => Err(Failure::Failed(match cx.juju() {
            JujuVersion::V3_6 => error.to_string(),
            JujuVersion::V4_0 => recorded_remove_error(&which, &error),
        })),
    }
}

/// Says why a relation was not removed in the words of 4.0.15.
fn recorded_remove_error(which: &Which, error: &ChangeError) -> String {
    let (ends, id) = match which {
        Which::Id(id) => (String::new(), *id),
        Which::Ends(a, b) => (format!("{a} {b}"), 0),
    };
    match error {
        ChangeError::RelationNotFound(_)
        | ChangeError::RelationIdNotFound(_)
        | ChangeError::ApplicationNotFound(_) => {
            format!("relation with endpoints [{ends}] or id {id} not found (not found)")
        }
        ChangeError::AmbiguousEndpoints(_) => format!("{error} (bad request)"),
        _ => error.to_string(),
    }
}
