//! `juju add-storage`, `attach-storage`, `detach-storage` and `remove-storage`.

use std::collections::BTreeSet;

use super::command::{Command, Cx, Failure, Running};
use crate::JujuVersion;
use crate::flags::{Flag, Parsed};
use crate::model::changes::{self, ChangeError, StorageError, StorageRequest};
use crate::model::{Model, StorageId, UnitName};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "add-storage",
        "Adds storage to a unit after it has been deployed.",
        add,
    )
    .args("<unit> <storage-directive>", check_add),
    Command::new(
        "attach-storage",
        "Attaches existing storage to a unit.",
        attach,
    )
    .args("<unit> <storage> [<storage> ...]", check_attach),
    Command::new("detach-storage", "Detaches storage from units.", detach)
        .args("<storage> [<storage> ...]", |args| {
            check_ids(args, "detach-storage")
        })
        .flags(&[Flag::switch(&["force"], "Forcefully detach storage")]),
    Command::new("remove-storage", "Removes storage from the model.", remove)
        .args("<storage> [<storage> ...]", |args| {
            check_ids(args, "remove-storage")
        })
        .flags(&[
            Flag::switch(
                &["force"],
                "Remove storage even if it is currently attached",
            ),
            Flag::switch(&["no-destroy"], "Remove the storage without destroying it"),
        ]),
];

const ATTACHED_HINT: &str = "
Use the --force option to remove attached storage, or use
\"juju detach-storage\" to explicitly detach the storage
before removing.";

fn check_add(args: &Parsed) -> Result<(), String> {
    let [unit, directives @ ..] = &args.positionals[..] else {
        return Err("add-storage requires a unit and a storage directive".to_owned());
    };
    if directives.is_empty() {
        return Err("add-storage requires a unit and a storage directive".to_owned());
    }
    check_unit(unit)?;
    StorageRequest::parse_all(directives).map(drop)
}

fn check_attach(args: &Parsed) -> Result<(), String> {
    match &args.positionals[..] {
        [unit, _, ..] => check_unit(unit),
        _ => Err("attach-storage requires a unit ID and at least one storage ID".to_owned()),
    }
}

fn check_unit(name: &str) -> Result<(), String> {
    match UnitName::parse(name) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("unit name {name:?} not valid")),
    }
}

fn check_ids(args: &Parsed, command: &str) -> Result<(), String> {
    if args.positionals.is_empty() {
        return Err(format!("{command} requires at least one storage ID"));
    }
    Ok(())
}

fn add(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let unit = UnitName::parse(&cx.positionals()[0]).map_err(Failure::usage)?;
        let requests = StorageRequest::parse_all(&cx.positionals()[1..]).map_err(Failure::usage)?;
        let now = cx.hub.now();
        let mut failures = Vec::new();
        for (name, request) in &requests {
            let added = cx.change(|model| {
                changes::add_storage(model, &unit, name, request, now).map_err(ChangeError::from)
            });
            match added {
                Ok(ids) => {
                    for id in ids {
                        cx.info(&format!("added storage {id} to {unit}")).await;
                    }
                }
                Err(failure) => failures.push((name, text(failure))),
            }
        }
        if failures.is_empty() {
            return Ok(());
        }
        // What is wrong with the unit is said once.
        let distinct: BTreeSet<&str> = failures.iter().map(|(_, why)| why.as_str()).collect();
        let is_common = failures.len() == requests.len() && distinct.len() < failures.len();
        if is_common {
            for why in distinct {
                cx.io.stderr(&format!("{why}\n")).await;
            }
        } else {
            for (name, why) in &failures {
                let line = format!("failed to add storage {name:?} to {unit}: {why}\n");
                cx.io.stderr(&line).await;
            }
        }
        Err(Failure::Silent(1))
    })
}

fn attach(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let unit = UnitName::parse(&cx.positionals()[0]).map_err(Failure::usage)?;
        let now = cx.hub.now();
        let outcome = each(cx, &cx.positionals()[1..], |model, id| {
            changes::attach_storage(model, &unit, id, now)
        })?;
        outcome
            .report(
                cx,
                |id| format!("attaching {id} to {unit}"),
                |id| format!("failed to attach {id} to {unit}"),
            )
            .await
    })
}

fn detach(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let (force, now) = (cx.args.switch("force"), cx.hub.now());
        let outcome = each(cx, cx.positionals(), |model, id| {
            changes::detach_storage(model, id, force, now)
        })?;
        outcome
            .report(
                cx,
                |id| format!("detaching {id}"),
                |id| format!("failed to detach {id}"),
            )
            .await
    })
}

fn remove(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let (force, keep) = (cx.args.switch("force"), cx.args.switch("no-destroy"));
        let outcome = each(cx, cx.positionals(), |model, id| {
            if keep {
                changes::release_from_model(model, id)?;
            }
            changes::remove_storage(model, id, force)
        })?;
        let is_attached = |(_, why): &(StorageId, String)| why.ends_with("storage is attached");
        let hint = cx.juju() == JujuVersion::V3_6 && outcome.failed.iter().any(is_attached);
        let reported = outcome
            .report(
                cx,
                |id| format!("removing {id}"),
                |id| format!("failed to remove {id}"),
            )
            .await;
        if hint {
            cx.info(ATTACHED_HINT).await;
        }
        reported
    })
}

/// What came of a change of several instances.
struct Outcome {
    done: Vec<StorageId>,
    failed: Vec<(StorageId, String)>,
}

/// Changes one instance after the other; what cannot be done does not keep the others from being done.
fn each(
    cx: &Cx,
    texts: &[String],
    change: impl Fn(&mut Model, &StorageId) -> Result<(), StorageError>,
) -> Result<Outcome, Failure> {
    let ids: Vec<StorageId> = texts
        .iter()
        .map(|text| {
            StorageId::parse(text)
                .map_err(|_| Failure::failed(format!("storage ID {text:?} not valid")))
        })
        .collect::<Result<_, _>>()?;
    let mut outcome = Outcome {
        done: Vec::new(),
        failed: Vec::new(),
    };
    for id in ids {
        match cx.change(|model| change(model, &id).map_err(ChangeError::from)) {
            Ok(()) => outcome.done.push(id),
            Err(failure) => outcome.failed.push((id, text(failure))),
        }
    }
    Ok(outcome)
}

impl Outcome {
    /// Says what was done, then what was not.
    async fn report(
        self,
        cx: &Cx,
        done: impl Fn(&StorageId) -> String,
        failed: impl Fn(&StorageId) -> String,
    ) -> Result<(), Failure> {
        for id in &self.done {
            cx.info(&done(id)).await;
        }
        for (id, why) in &self.failed {
            cx.info(&format!("{}: {why}", failed(id))).await;
        }
        match self.failed.is_empty() {
            true => Ok(()),
            false => Err(Failure::Silent(1)),
        }
    }
}

fn text(failure: Failure) -> String {
    match failure {
        Failure::Usage(why) | Failure::Failed(why) => why,
        Failure::Silent(code) => format!("exit code {code}"),
    }
}
