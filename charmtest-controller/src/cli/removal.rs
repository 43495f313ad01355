//! `remove-unit` and `remove-application`.

use super::command::{Command, Cx, Failure};
use crate::JujuVersion;
use crate::flags::{Flag, Kind, Parsed};
use crate::model::changes::{self, ChangeError, Haste};
use crate::model::{Life, Model, UnitName, application_name};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "remove-unit",
        "Remove application units from the model.",
        |cx| Box::pin(run(cx, Entity::Unit)),
    )
    .args("<unit> [...] | <application>", |args| {
        check(args, Entity::Unit)
    })
    .flags(&[
        DESTROY_STORAGE,
        DRY_RUN,
        FORCE,
        NO_PROMPT,
        NO_WAIT,
        NUM_UNITS,
    ]),
    Command::new(
        "remove-application",
        "Remove applications from the model.",
        |cx| Box::pin(run(cx, Entity::Application)),
    )
    .args("<application> [<application>...]", |args| {
        check(args, Entity::Application)
    })
    .flags(&[DESTROY_STORAGE, DRY_RUN, FORCE, NO_PROMPT, NO_WAIT]),
];

const DESTROY_STORAGE: Flag =
    Flag::switch(&["destroy-storage"], "Destroy storage attached to the unit");
const DRY_RUN: Flag = Flag::switch(
    &["dry-run"],
    "Print what this command would remove without removing",
);
const FORCE: Flag = Flag::switch(&["force"], "Completely remove and ignore errors");
const NO_PROMPT: Flag = Flag::switch(
    &["no-prompt"],
    "Do not ask for confirmation. Overrides `mode` model config setting",
);
const NO_WAIT: Flag = Flag::switch(
    &["no-wait"],
    "Rush through removal without waiting for each individual step to complete",
);
const NUM_UNITS: Flag = Flag::of(
    Kind::Int,
    &["num-units"],
    "Number of units to remove (k8s models only)",
);

/// What is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entity {
    Unit,
    Application,
}

impl Entity {
    fn noun(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Application => "application",
        }
    }

    /// Says why there is nothing to remove under `name`, if so.
    fn missing(self, model: &Model, name: &str) -> Option<ChangeError> {
        match self {
            Self::Unit => {
                let Some(unit) = model.units.get(name) else {
                    return Some(ChangeError::UnitNotFound(name.to_owned()));
                };
                unit.principal
                    .as_ref()
                    .map(|_| ChangeError::RemoveSubordinate {
                        unit: name.to_owned(),
                        application: unit.name.application().to_owned(),
                    })
            }
            Self::Application if !model.applications.contains(name) => {
                Some(ChangeError::ApplicationNotFound(name.to_owned()))
            }
            _ => None,
        }
    }

    /// Lists the storage that is destroyed or detached. Juju 4.0 says nothing about storage (recorded).
    fn storage_plan(self, model: &Model, name: &str, destroy: bool) -> String {
        if model.info.juju == JujuVersion::V4_0 {
            return String::new();
        }
        let concerns = |unit: &UnitName| match self {
            Self::Unit => unit.as_str() == name,
            Self::Application => unit.application() == name,
        };
        let ids = |destroyed: bool| {
            let of_units = model.storage.values().filter(move |instance| {
                let held = instance.attachment.as_ref();
                held.is_some_and(|held| concerns(&held.unit))
                    && (destroy || instance.life != Life::Alive) == destroyed
            });
            of_units.map(|instance| &instance.id)
        };
        let destroyed = ids(true).map(|id| format!("- will remove storage {id}\n"));
        let detached = ids(false).map(|id| format!("- will detach storage {id}\n"));
        destroyed.chain(detached).collect()
    }

    /// Lists what goes, as Juju 3.6 prints it.
    fn plan(self, model: &Model, name: &str, destroy_storage: bool) -> String {
        let mut plan = format!("will remove {} {name}\n", self.noun());
        if self == Self::Application {
            for unit in model.units_of(name) {
                plan += &format!("- will remove unit {}\n", unit.name);
            }
        }
        plan + &self.storage_plan(model, name, destroy_storage)
    }
}

fn check(args: &Parsed, entity: Entity) -> Result<(), String> {
    if args.positionals.is_empty() {
        return Err(match entity {
            Entity::Unit => "no units specified",
            Entity::Application => "no application specified",
        }
        .to_owned());
    }
    if args.switch("no-wait") && !args.switch("force") {
        return Err("--no-wait without --force not valid".to_owned());
    }
    if args.int("num-units").is_some_and(|count| count != 0) {
        return Err(
            "--num-units is only supported on k8s models; name the units to remove".to_owned(),
        );
    }
    let invalid = |name: &&String| match entity {
        Entity::Unit => UnitName::parse(name).is_err(),
        Entity::Application => application_name(name).is_err(),
    };
    match args.positionals.iter().find(invalid) {
        Some(name) => Err(format!("invalid {} name {name:?}", entity.noun())),
        None => Ok(()),
    }
}

async fn run(cx: &Cx, entity: Entity) -> Result<(), Failure> {
    let model = cx.model()?;
    let dry_run = cx.args.switch("dry-run");
    let asks = asks(cx, &model);

    let mut failed = false;
    let mut plans = Vec::new();
    for name in cx.positionals() {
        match entity.missing(&model, name) {
            Some(why) => {
                complain(cx, entity.noun(), name, &why.to_string()).await;
                failed = true;
            }
            None => plans.push((
                name,
                entity.plan(&model, name, cx.args.switch("destroy-storage")),
            )),
        }
    }
    if (asks || dry_run) && !plans.is_empty() {
        cx.warn("This command will perform the following actions:")
            .await;
    }
    for (_, plan) in &plans {
        cx.print(plan).await?;
    }
    if asks && !plans.is_empty() {
        confirm(cx, "\nContinue [y/N]? ", entity.noun()).await?;
    }
    if !dry_run {
        for (name, _) in &plans {
            failed |= !remove(cx, entity, name).await;
        }
    }
    if failed {
        Err(Failure::Silent(1))
    } else {
        Ok(())
    }
}

/// Says whether the user is asked before something is removed: the model wants it, and no option says otherwise.
pub(super) fn asks(cx: &Cx, model: &Model) -> bool {
    let prompts = model
        .config("mode")
        .is_some_and(|mode| mode.contains("requires-prompts"));
    prompts && !cx.args.switch("dry-run") && !cx.args.switch("no-prompt")
}

/// Asks `question`; fails when the answer is not yes, so that no `noun` is removed.
pub(super) async fn confirm(cx: &Cx, question: &str, noun: &str) -> Result<(), Failure> {
    let answer = cx.ask(question).await.unwrap_or_default().to_lowercase();
    if matches!(answer.as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Failure::failed(format!("{noun} removal: aborted")))
}

/// Says that one thing could not be removed.
pub(super) async fn complain(cx: &Cx, noun: &str, name: &str, why: &str) {
    cx.io
        .stderr(&format!("ERROR removing {noun} {name} failed: {why}\n"))
        .await;
}

/// Removes one thing; says whether that went well.
async fn remove(cx: &Cx, entity: Entity, name: &str) -> bool {
    let now = cx.hub.now();
    let haste = Haste::of(cx.args.switch("force"), cx.args.switch("no-wait"), now);
    let destroy_storage = cx.args.switch("destroy-storage");
    let outcome = cx.change(|model| match entity {
        Entity::Unit => {
            let unit = UnitName::parse(name)?;
            if destroy_storage {
                changes::destroy_storage_of(model, &unit);
            }
            changes::remove_unit(model, &unit, haste, now)
        }
        Entity::Application => {
            let units: Vec<UnitName> = model.units_of(name).map(|unit| unit.name.clone()).collect();
            for unit in units.iter().filter(|_| destroy_storage) {
                changes::destroy_storage_of(model, unit);
            }
            changes::remove_application(model, name, haste, now)
        }
    });
    match outcome {
        Ok(()) => true,
        Err(Failure::Failed(why) | Failure::Usage(why)) => {
            complain(cx, entity.noun(), name, &why).await;
            false
        }
        Err(Failure::Silent(_)) => false,
    }
}
