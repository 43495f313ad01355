//! `add-machine` and `remove-machine`.

use super::command::{Command, Cx, Failure, at_most};
use super::constraints;
use super::login::is_machine_id;
use super::removal::{asks, complain, confirm};
use crate::JujuVersion;
use crate::flags::{Flag, Kind, Parsed};
use crate::model::Model;
use crate::model::changes::{self, Addresses, ChangeError, Haste};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "add-machine",
        "Provision a new machine or assign one to the model.",
        |cx| Box::pin(add(cx)),
    )
    .args(
        "[<container-type>[:<machine-id>] | ssh:[<user>@]<host> | <placement>]",
        check_add,
    )
    .flags(&[
        Flag::text(&["base"], "The operating system base to install on the new machine(s)"),
        Flag::text(&["constraints"], "Machine constraints that overwrite those available from 'juju model-constraints' and provider's defaults"),
        Flag::text(&["disks"], "Storage constraints for disks to attach to the machine(s)").unsupported(),
        Flag::of(Kind::Int, &["n"], "The number of machines to add"),
        Flag::text(&["private-key"], "Path to the private key to use during the connection").unsupported(),
        Flag::text(&["public-key"], "Path to the public key to add to the remote authorized keys").unsupported(),
        Flag::text(&["series"], "The operating system series to install on the new machine(s)")
            .only(JujuVersion::V3_6)
            .unsupported(),
    ]),
    Command::new(
        "remove-machine",
        "Removes one or more machines from a model.",
        |cx| Box::pin(remove(cx)),
    )
    .args("<machine number> [<machine number> ...]", check_remove)
    .flags(&[
        Flag::switch(&["dry-run"], "Print what this command would be removed without removing"),
        Flag::switch(&["force"], "Completely remove a machine and all its dependencies"),
        Flag::switch(&["keep-instance"], "Do not stop the running cloud instance"),
        Flag::switch(&["no-prompt"], "Do not ask for confirmation. Overrides `mode` model config setting"),
        Flag::switch(&["no-wait"], "Rush through machine removal without waiting for each individual step to complete"),
    ]),
];

/// The base of a machine when none is asked for.
const BASE: &str = "ubuntu@24.04";

fn check_add(args: &Parsed) -> Result<(), String> {
    at_most(args, 1)?;
    if args.int("n").is_some_and(|count| count < 1) {
        return Err("--n must be a positive integer".to_owned());
    }
    if let Some(base) = args.text("base")
        && base
            .split_once('@')
            .is_none_or(|(os, channel)| os.is_empty() || channel.is_empty())
    {
        return Err(format!(
            "expected base string to contain os and channel separated by '@', got {base:?}"
        ));
    }
    constraints::parse(args.text("constraints")).map(drop)
}

async fn add(cx: &Cx) -> Result<(), Failure> {
    if let Some(placement) = cx.positionals().first() {
        return Err(Failure::failed(format!(
            "placement {placement:?} of \"add-machine\" is not supported by the embedded controller: its machines are all on this host"
        )));
    }
    let wanted = constraints::parse(cx.args.text("constraints")).map_err(Failure::Usage)?;
    let uuid = cx.model_uuid();
    let count = cx.args.int("n").unwrap_or(1);
    let now = cx.hub.now();
    let made = cx.hub.transact(|state| {
        let mut addresses = Addresses::of(state);
        let model = state
            .model_mut(&uuid)
            .ok_or_else(|| Failure::from(crate::model::Rejected(uuid.clone())))?;
        let default = model.config("default-base").filter(|base| !base.is_empty());
        let base = cx.args.text("base").or(default).unwrap_or(BASE).to_owned();
        (0..count)
            .map(|_| {
                changes::add_machine(model, &mut addresses, &base, wanted.clone(), now)
                    .map_err(Failure::failed)
            })
            .collect::<Result<Vec<_>, _>>()
    })?;
    for id in made {
        cx.info(&format!("created machine {id}")).await;
    }
    Ok(())
}

fn check_remove(args: &Parsed) -> Result<(), String> {
    if args.positionals.is_empty() {
        return Err("no machines specified".to_owned());
    }
    if args.switch("no-wait") && !args.switch("force") {
        return Err("--no-wait without --force not valid".to_owned());
    }
    match args.positionals.iter().find(|id| !is_machine_id(id)) {
        Some(id) => Err(format!("invalid machine id {id:?}")),
        None => Ok(()),
    }
}

/// Lists what goes with a machine, as Juju prints it.
fn plan(model: &Model, id: &str, keeps: bool) -> String {
    let but = if keeps {
        " (but retaining cloud instance)"
    } else {
        ""
    };
    let units: String = changes::units_on(model, id)
        .map(|unit| format!("- will remove unit {unit}\n"))
        .collect();
    format!("will remove machine {id}{but}\n{units}")
}

async fn remove(cx: &Cx) -> Result<(), Failure> {
    let model = cx.model()?;
    let dry_run = cx.args.switch("dry-run");
    let asks = asks(cx, &model);
    let mut failed = false;
    let mut there = Vec::new();
    for id in cx.positionals() {
        if model.machines.contains(id) {
            there.push(id);
        } else {
            let why = ChangeError::MachineNotFound(id.clone()).to_string();
            complain(cx, "machine", id, &why).await;
            failed = true;
        }
    }
    let text: String = there
        .iter()
        .map(|id| plan(&model, id, cx.args.switch("keep-instance")))
        .collect();
    if (asks || dry_run) && !there.is_empty() {
        cx.warn("This command will perform the following actions:")
            .await;
        cx.print(&text).await?;
        let in_use = there
            .iter()
            .any(|id| changes::units_on(&model, id).next().is_some());
        if in_use && !cx.args.switch("force") {
            cx.io.stderr("\nThis will require `--force`\n").await;
        }
    }
    if asks && !there.is_empty() {
        confirm(cx, "\nContinue [y/N]? ", "machine").await?;
    }
    if !dry_run {
        let haste = if cx.args.switch("force") {
            Haste::Forced
        } else {
            Haste::Orderly
        };
        let now = cx.hub.now();
        for id in there {
            let plan = plan(&model, id, cx.args.switch("keep-instance"));
            match cx.change(|model| changes::remove_machine(model, id, haste, now)) {
                Ok(()) if asks => {}
                Ok(()) => cx.print(&plan).await?,
                Err(Failure::Failed(why) | Failure::Usage(why)) => {
                    complain(cx, "machine", id, &why).await;
                    failed = true;
                }
                Err(silent @ Failure::Silent(_)) => return Err(silent),
            }
        }
    }
    if failed {
        return Err(Failure::Silent(1));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Controller;

    #[test]
    fn machines_are_added() {
        let c = Controller::with_model();
        assert_eq!(
            c.juju("add-machine --constraints mem=4G").ok().stderr,
            "created machine 0\n"
        );
        assert_eq!(
            c.juju("add-machine -n 2 --base ubuntu@22.04").ok().stderr,
            "created machine 1\ncreated machine 2\n"
        );
        let shown = c.juju("show-machine 1 --format json").ok().json();
        assert_eq!(
            (
                &shown["machines"]["1"]["base"]["channel"],
                &shown["machines"]["0"]
            ),
            (&serde_json::json!("22.04"), &serde_json::Value::Null)
        );
        for (line, code, stderr) in [
            ("add-machine a b", 2, "ERROR unrecognized args: [\"b\"]\n"),
            (
                "add-machine --base jammy",
                2,
                "ERROR expected base string to contain os and channel separated by '@', got \"jammy\"\n",
            ),
            (
                "add-machine --constraints x=1",
                2,
                "ERROR unknown constraint \"x\"\n",
            ),
            (
                "add-machine lxd:0",
                1,
                "ERROR placement \"lxd:0\" of \"add-machine\" is not supported by the embedded controller: its machines are all on this host\n",
            ),
        ] {
            let outcome = c.juju(line);
            assert_eq!(
                (outcome.code, outcome.stderr.as_str()),
                (code, stderr),
                "{line}"
            );
        }
    }

    #[test]
    fn machines_are_removed() {
        let c = Controller::with_applications();
        for (line, code, stdout, stderr) in [
            ("remove-machine", 2, "", "ERROR no machines specified\n"),
            (
                "remove-machine x",
                2,
                "",
                "ERROR invalid machine id \"x\"\n",
            ),
            (
                "remove-machine 0 --dry-run",
                0,
                "will remove machine 0\n- will remove unit server/0\n",
                "WARNING This command will perform the following actions:\n\nThis will require `--force`\n",
            ),
            (
                "remove-machine 0",
                1,
                "will remove machine 0\n- will remove unit server/0\n",
                "WARNING This command will perform the following actions:\n\nThis will require `--force`\n\nContinue [y/N]? ERROR machine removal: aborted\n",
            ),
            (
                "remove-machine 0 --no-prompt",
                1,
                "",
                "ERROR removing machine 0 failed: machine 0 has unit \"server/0\" assigned\n",
            ),
            (
                "remove-machine 0 9 --no-prompt --force",
                1,
                "will remove machine 0\n- will remove unit server/0\n",
                "ERROR removing machine 9 failed: machine 9 not found\n",
            ),
        ] {
            let outcome = c.juju(line);
            assert_eq!(
                (
                    outcome.code,
                    outcome.stdout.as_str(),
                    outcome.stderr.as_str()
                ),
                (code, stdout, stderr),
                "{line}"
            );
        }
        c.juju("add-machine").ok();
        let last = c.model().machines.keys().last().cloned().unwrap();
        c.juju(&format!("remove-machine {last} --no-prompt")).ok();
        assert!(!c.model().machines.contains(&last));
    }
}
