//! `juju destroy-model`.

use std::time::Duration;

use jiff::Timestamp;

use super::block;
use super::command::{Command, Cx, Failure, Running, Scope, first_of};
use super::models::named_model;
use crate::flags::{Flag, Kind, Parsed};
use crate::model::changes::{self, Haste};
use crate::model::{Hub, Life, Model, ModelUuid, State};

pub(super) const COMMANDS: &[Command] = &[Command::new(
    "destroy-model",
    "Terminate all machines/containers and resources for a non-controller model.",
    run,
)
.args("[<controller name>:]<model name>", check)
.scope(Scope::Client)
.flags(&[
    Flag::switch(&["no-prompt"], "Do not ask for confirmation"),
    Flag::switch(&["force"], "Force destroy model ignoring any errors"),
    Flag::switch(
        &["no-wait"],
        "Rush through model destruction without waiting for each individual step to complete",
    ),
    Flag::of(
        Kind::Duration,
        &["t", "timeout"],
        "Timeout for each step of force model destruction",
    ),
    Flag::switch(
        &["destroy-storage"],
        "Destroy all storage instances in the model",
    ),
    Flag::switch(
        &["release-storage"],
        "Release all storage instances from the model",
    ),
])];

/// How often the command says that it still waits.
const PROGRESS: Duration = Duration::from_secs(2);

fn check(args: &Parsed) -> Result<(), String> {
    if args.switch("destroy-storage") && args.switch("release-storage") {
        return Err("--destroy-storage and --release-storage cannot both be specified".to_owned());
    }
    if args.is_set("timeout") && !args.switch("force") {
        return Err("--timeout can only be used with --force (dangerous)".to_owned());
    }
    first_of(args, 1, "no model specified")
}

/// Returns how the model goes: with force its agents have a minute for their last hooks, or what `--timeout` says if that is less.
fn haste(args: &Parsed, now: Timestamp) -> Haste {
    let haste = Haste::of(args.switch("force"), args.switch("no-wait"), now);
    let limit = args
        .duration("timeout")
        .and_then(|limit| now.checked_add(limit).ok());
    match (haste, limit) {
        (Haste::ForcedAt(at), Some(limit)) => Haste::ForcedAt(at.min(limit)),
        _ => haste,
    }
}

fn run(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let force = cx.args.switch("force");
        if cx.args.switch("no-wait") && !force {
            return Err(Failure::failed("--no-wait without --force not valid"));
        }
        let state = cx.hub.snapshot();
        let model = named_model(cx, &state, cx.positionals().first().map(String::as_str))?;
        block::check(model, "destroy-model", &cx.args)?;
        if !cx.args.switch("no-prompt") && !confirm(cx, model).await {
            return Err(Failure::failed("model destruction: aborted"));
        }
        let decided = cx.args.switch("destroy-storage") || cx.args.switch("release-storage");
        if !decided && !force {
            check_storage(model)?;
        }
        let uuid = model.info.uuid.clone();
        cx.info("Destroying model").await;
        begin(&cx.hub, &uuid, haste(&cx.args, cx.hub.now()))?;
        tokio::select! {
            outcome = wait(cx, &uuid) => outcome?,
            // The model goes on going; nobody is there to be told.
            () = cx.io.gone() => return Err(Failure::Silent(1)),
        }
        cx.info("Model destroyed.").await;
        Ok(())
    })
}

/// Refuses to destroy a model with storage when nobody said what becomes of it.
fn check_storage(model: &Model) -> Result<(), Failure> {
    let plural = match model.storage.len() {
        0 => return Ok(()),
        1 => "",
        _ => "s",
    };
    Err(Failure::failed(format!(
        "cannot destroy model {:?}\n\nThe model has persistent storage remaining:\n\t{} filesystem{plural}\n\n\
         To destroy the storage, run the destroy-model\ncommand again with the \"--destroy-storage\" option.\n\n\
         To release the storage from Juju's management\nwithout destroying it, use the \"--release-storage\"\noption instead. \
         The storage can then be imported\ninto another Juju model.\n\n",
        model.info.name,
        model.storage.len(),
    )))
}

/// Shows what would go and asks for the model's name.
async fn confirm(cx: &Cx, model: &Model) -> bool {
    let name = &model.info.name;
    let count = |count: usize, what: &str| {
        format!(
            " - {count} {what}{} will be destroyed\n",
            if count == 1 { "" } else { "s" }
        )
    };
    let mut text = format!(
        "WARNING This command will destroy the {name:?} model and affect the following resources. It cannot be stopped.\n\n"
    );
    if !model.machines.is_empty() {
        text += &count(model.machines.len(), "machine");
    }
    let applications = model.applications.len();
    text += &format!(
        " - {applications} application{} will be removed\n",
        if applications > 1 { "s" } else { "" }
    );
    let filesystems = model.storage.len();
    let fate = if cx.args.switch("release-storage") {
        "released"
    } else {
        "destroyed"
    };
    text += &format!(
        " - {filesystems} filesystem{} and 0 volume will be {fate}\n",
        if filesystems > 1 { "s" } else { "" }
    );
    text += "\nTo continue, enter the name of the model to be unregistered: ";
    cx.ask(&text).await.as_ref() == Some(name)
}

/// Marks the model and everything in it as going; what is empty goes at once.
fn begin(hub: &Hub, uuid: &ModelUuid, haste: Haste) -> Result<(), Failure> {
    let now = hub.now();
    hub.transact(|state| {
        if let Some(model) = state.model_mut(uuid) {
            changes::destroy_model(model, haste, now);
        }
        remove_if_empty(state, uuid);
        Ok::<_, Failure>(())
    })
    .map_err(Failure::from)
}

/// Removes the record of a model that is going and has nothing left in it, and forgets that it was current.
fn remove_if_empty(state: &mut State, uuid: &ModelUuid) {
    if !state.models.get(uuid).is_some_and(|model| is_over(model)) {
        return;
    }
    state.remove_model(uuid);
}

fn is_over(model: &Model) -> bool {
    model.info.life != Life::Alive && model.applications.is_empty() && model.units.is_empty()
}

/// Waits until the agents have emptied the model and its record is gone, and its directory with it.
async fn wait(cx: &Cx, uuid: &ModelUuid) -> Result<(), Failure> {
    let mut states = cx.hub.watch();
    let mut progress = tokio::time::interval(PROGRESS);
    progress.tick().await;
    let mut said = String::new();
    loop {
        let state = states.borrow_and_update().clone();
        match state.models.get(uuid) {
            None => break,
            Some(model) if is_over(model) => {
                cx.hub.transact(|state| {
                    remove_if_empty(state, uuid);
                    Ok::<_, Failure>(())
                })?;
                continue;
            }
            Some(_) => {}
        }
        tokio::select! {
            changed = states.changed() => changed.map_err(|_| Failure::failed("the controller ends"))?,
            _ = progress.tick() => {
                let text = remaining(&state, uuid);
                if text != said {
                    cx.info(&text).await;
                    said = text;
                }
            }
        }
    }
    // So that nothing is left when the command ends. What cannot be deleted does no harm: the directory bears a UUID that never comes
    // again, and the agents delete it as well.
    let dir = cx.hub.data.model(uuid);
    let _ = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(dir)).await;
    Ok(())
}

fn remaining(state: &State, uuid: &ModelUuid) -> String {
    let mut text = "Waiting for model to be removed".to_owned();
    if let Some(model) = state.models.get(uuid) {
        for (count, what) in [
            (model.machines.len(), "machine(s)"),
            (model.applications.len(), "application(s)"),
        ] {
            if count > 0 {
                text += &format!(", {count} {what}");
            }
        }
    }
    text + "..."
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::flags::{Placement, parse};

    #[test]
    fn force_gives_agents_a_minute_or_less() {
        let now = Timestamp::UNIX_EPOCH;
        let after = |seconds| Haste::ForcedAt(now + SignedDuration::from_secs(seconds));
        for (line, expected) in [
            ("m", Haste::Orderly),
            ("m --force", after(60)),
            ("m --force --timeout 10s", after(10)),
            ("m --force -t 0s", after(0)),
            ("m --force --timeout 30m", after(60)),
            ("m --force --no-wait", Haste::Forced),
            ("m --force --no-wait --timeout 10s", Haste::Forced),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let flags = COMMANDS[0].flags;
            let args = parse(flags, Placement::Anywhere, &words).unwrap();
            assert_eq!(haste(&args, now), expected, "{line}");
        }
    }
}
