//! `integrate` and `remove-relation`.

use super::command::{Command, Cx, Failure};
use crate::flags::{Flag, Parsed};
use crate::model::RelationId;
use crate::model::changes::{self, ChangeError, EndpointName, Haste};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("integrate", "Integrate two applications.", |cx| {
        Box::pin(integrate(cx))
    })
    .aliases(&["relate", "add-relation"])
    .args(
        "<application>[:<endpoint>] <application>[:<endpoint>]",
        |args| pair(args).map(drop),
    )
    .flags(&[Flag::text(
        &["via"],
        "For cross model integrations, specify the egress subnets",
    )
    .unsupported()]),
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

/// A relation as the user names it.
enum Which {
    Id(RelationId),
    Ends(EndpointName, EndpointName),
}

fn pair(args: &Parsed) -> Result<(EndpointName, EndpointName), String> {
    let [a, b] = &args.positionals[..] else {
        return Err("an integration must involve two applications".to_owned());
    };
    let parse = |text: &str| {
        if text.contains(['.', '/']) {
            return Err(format!(
                "{text:?}: offers of other models are not supported by the embedded controller"
            ));
        }
        EndpointName::parse(text).map_err(|error| error.to_string())
    };
    Ok((parse(a)?, parse(b)?))
}

fn which(args: &Parsed) -> Result<Which, String> {
    match &args.positionals[..] {
        [id] => id
            .parse()
            .map(Which::Id)
            .map_err(|_| format!("relation ID {id:?} not valid")),
        [_, _] => pair(args).map(|(a, b)| Which::Ends(a, b)),
        _ => Err("a relation must involve two applications".to_owned()),
    }
}

async fn integrate(cx: &Cx) -> Result<(), Failure> {
    let (a, b) = pair(&cx.args).map_err(Failure::Usage)?;
    let now = cx.hub.now();
    let uuid = cx.model_uuid();
    let outcome = cx
        .hub
        .transact_model(&uuid, |model| changes::add_relation(model, &a, &b, now));
    match outcome {
        Ok(_) => Ok(()),
        Err(error) => {
            let there = matches!(
                error,
                crate::model::Transact::Rejected(
                    ChangeError::RelationExists(_) | ChangeError::RelationDying(_)
                )
            );
            let hint = if there {
                "\n\nUse 'juju status --relations' to view the current relations."
            } else {
                ""
            };
            Err(Failure::failed(format!("{error}{hint}")))
        }
    }
}

async fn remove(cx: &Cx) -> Result<(), Failure> {
    let which = which(&cx.args).map_err(Failure::Usage)?;
    let haste = Haste::of(cx.args.switch("force"), false, cx.hub.now());
    cx.change(|model| {
        let id = match &which {
            Which::Id(id) => *id,
            Which::Ends(a, b) => changes::find_relation(model, a, b)?,
        };
        changes::remove_relation(model, id, haste)
    })
}
