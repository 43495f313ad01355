//! Small commands about applications and units: `expose`, `unexpose`, `resolved`.

use super::command::{Command, Cx, Failure, first_of};
use crate::flags::{Flag, Parsed};
use crate::model::changes::{self, ChangeError};
use crate::model::{ExposedTo, Resolved, UnitName};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "expose",
        "Makes an application publicly available over the network.",
        |cx| Box::pin(expose(cx)),
    )
    .args("<application name>", |args| {
        first_of(args, 1, "no application name specified")
    })
    .flags(&[
        Flag::text(
            &["endpoints"],
            "Expose only the ports that charms have opened for this list of endpoints",
        ),
        Flag::text(
            &["to-cidrs"],
            "A list of CIDRs that should be able to access the application ports",
        ),
        Flag::text(
            &["to-spaces"],
            "A list of spaces that should be able to access the application ports",
        ),
    ]),
    Command::new(
        "unexpose",
        "Removes public availability over the network for an application.",
        |cx| Box::pin(unexpose(cx)),
    )
    .args("<application name>", |args| {
        first_of(args, 1, "no application name specified")
    })
    .flags(&[Flag::text(
        &["endpoints"],
        "Unexpose only the ports that charms have opened for this list of endpoints",
    )]),
    Command::new(
        "resolved",
        "Marks unit errors resolved and re-executes failed hooks.",
        |cx| Box::pin(resolved(cx)),
    )
    .aliases(&["resolve"])
    .args("[<unit> ...]", check_resolved)
    .flags(&[
        Flag::switch(&["all"], "Marks all units in error as resolved"),
        Flag::switch(&["no-retry"], "Do not re-execute failed hooks on the unit"),
    ]),
];

async fn expose(cx: &Cx) -> Result<(), Failure> {
    let list = |name: &str| cx.args.list(name).map(str::to_owned).collect::<Vec<_>>();
    let to = ExposedTo {
        spaces: list("to-spaces"),
        cidrs: list("to-cidrs"),
    };
    let mut endpoints = list("endpoints");
    if endpoints.is_empty() {
        // All of them.
        endpoints.push(String::new());
    }
    let exposed = endpoints.into_iter().map(|name| (name, to.clone()));
    cx.change(|model| changes::expose(model, &cx.positionals()[0], exposed.collect()))
}

async fn unexpose(cx: &Cx) -> Result<(), Failure> {
    let endpoints: Vec<String> = cx.args.list("endpoints").map(str::to_owned).collect();
    cx.change(|model| changes::unexpose(model, &cx.positionals()[0], &endpoints))
}

fn check_resolved(args: &Parsed) -> Result<(), String> {
    match (args.switch("all"), &args.positionals[..]) {
        (true, [_, ..]) => Err("specifying unit names(s) with --all not supported".to_owned()),
        (false, []) => Err("no unit specified".to_owned()),
        (_, units) => match units.iter().find(|unit| UnitName::parse(unit).is_err()) {
            Some(unit) => Err(format!("unit name {unit:?} not valid")),
            None => Ok(()),
        },
    }
}

async fn resolved(cx: &Cx) -> Result<(), Failure> {
    let how = if cx.args.switch("no-retry") {
        Resolved::Skip
    } else {
        Resolved::Retry
    };
    cx.change(|model| {
        if cx.args.switch("all") {
            changes::resolve_all(model, how);
        }
        for unit in cx.positionals() {
            changes::resolve(model, &UnitName::parse(unit)?, how)?;
        }
        Ok::<_, ChangeError>(())
    })
}
