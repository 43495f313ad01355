//! `wait-for`: waits until a query about a model, an application, a unit or a machine holds (Juju 3.6; 4.0 has no such command).

mod entities;
mod eval;
mod syntax;
#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::time::Duration;

use charmtest_charm::yaml_writer::to_yaml;
use tokio::time::Instant;

use super::command::{Command, Cx, Failure, Waited};
use super::login::is_machine_id;
use crate::JujuVersion;
use crate::flags::{Flag, Kind, Parsed};
use crate::model::{Life, Model, State, UnitName, application_name, model_name};
use entities::Recorder;
use eval::{Entity, evaluate};
use syntax::Expr;

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new(
    "wait-for",
    "Wait for an entity to reach a specified state.",
    |cx| Box::pin(wait_for(cx)),
)
.only(JujuVersion::V3_6)
.args("(application|machine|model|unit) <name>", |args| {
    Target::parse(args).map(drop)
})
.flags(&[
    Flag::text(&["query"], "query the goal state"),
    Flag::switch(
        &["summary"],
        "output a summary of the application query on exit",
    ),
    Flag::of(
        Kind::Duration,
        &["timeout"],
        "how long to wait, before timing out",
    ),
])];

/// How long `wait-for` waits unless told otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// What a user can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Application,
    Machine,
    Model,
    Unit,
}

impl What {
    const ALL: [Self; 4] = [Self::Application, Self::Machine, Self::Model, Self::Unit];

    fn word(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Machine => "machine",
            Self::Model => "model",
            Self::Unit => "unit",
        }
    }

    /// Returns the query that is meant when none is given.
    fn query(self) -> &'static str {
        match self {
            Self::Application => "life==\"alive\" && status==\"active\"",
            Self::Machine => "life==\"alive\" && status==\"started\"",
            Self::Model => "life==\"alive\" && status==\"available\"",
            Self::Unit => "life==\"alive\" && workload-status==\"active\"",
        }
    }

    /// Returns the word at the beginning of the last message: Juju writes two of them with a capital letter.
    fn title(self) -> &'static str {
        match self {
            Self::Application => "Application",
            Self::Model => "Model",
            Self::Machine | Self::Unit => self.word(),
        }
    }
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    what: What,
    name: String,
}

impl Target {
    fn parse(args: &Parsed) -> Result<Self, String> {
        let Some((word, rest)) = args.positionals.split_first() else {
            return Err(
                "no subcommand given; wait for one of application, machine, model, unit".to_owned(),
            );
        };
        let what = What::ALL
            .into_iter()
            .find(|what| what.word() == word)
            .ok_or_else(|| format!("unrecognized command: juju wait-for {word}"))?;
        let noun = match what {
            What::Machine => "id",
            _ => "name",
        };
        let word = what.word();
        let name = match rest {
            [] => {
                return Err(format!(
                    "{word} {noun} must be supplied when waiting for an {word}"
                ));
            }
            [name] => name,
            _ => {
                return Err(format!(
                    "only one {word} {noun} can be supplied as an argument to this command"
                ));
            }
        };
        let valid = match what {
            What::Application => application_name(name).is_ok(),
            What::Machine => is_machine_id(name),
            What::Model => model_name(name).is_ok(),
            What::Unit => UnitName::parse(name).is_ok(),
        };
        if !valid {
            return Err(format!("{name:?} is not valid {word} {noun}"));
        }
        Ok(Self {
            what,
            name: name.clone(),
        })
    }

    /// Returns the model to look at: the command's own, or the one that is waited for.
    fn model<'a>(&self, state: &'a State, own: &crate::model::ModelUuid) -> Option<&'a Model> {
        match self.what {
            What::Model => state.model_named(&self.name).map(AsRef::as_ref),
            _ => state.models.get(own).map(AsRef::as_ref),
        }
    }

    /// Returns the entity, if it is there.
    fn entity<'a>(&self, model: &'a Model, recorder: &Rc<Recorder>) -> Option<Entity<'a>> {
        let recorder = Rc::clone(recorder);
        match self.what {
            What::Application => entities::application(model, &self.name, recorder),
            What::Machine => entities::machine(model, &self.name, recorder),
            What::Model => Some(entities::model(model, recorder)),
            What::Unit => entities::unit(model, &self.name, recorder),
        }
    }

    fn life(&self, model: &Model) -> Option<Life> {
        Some(match self.what {
            What::Application => model.applications.get(&self.name)?.life,
            What::Machine => model.machines.get(&self.name)?.life,
            What::Model => model.info.life,
            What::Unit => model.units.get(self.name.as_str())?.life,
        })
    }
}

/// What a look at the state showed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Look {
    /// It is not there.
    Missing,
    /// It is there; what to tell.
    Waiting(String),
    /// The query holds; what to tell, and the summary if there is one.
    Done(String, Option<String>),
}

/// Looks whether the query holds.
///
/// # Errors
///
/// Fails with the explanation when the query cannot be evaluated.
fn look(
    target: &Target,
    model: Option<&Model>,
    query: Option<&Expr>,
    input: &str,
) -> Result<Look, String> {
    let recorder = Rc::new(Recorder::default());
    let found = model.and_then(|model| Some((model, target.entity(model, &recorder)?)));
    let Some((model, entity)) = found else {
        return Ok(Look::Missing);
    };
    let holds = match query {
        Some(query) => evaluate(query, &*entity)
            .map_err(|error| error.explain(input))?
            .is_true(),
        None => false,
    };
    let life = target.life(model).unwrap_or(Life::Dead);
    let (word, title, name) = (target.what.word(), target.what.title(), &target.name);
    if holds || life == Life::Dead {
        return Ok(match life {
            Life::Dead => Look::Done(format!("{title} {name:?} has been removed"), None),
            Life::Dying => Look::Done(format!("{title} {name:?} is being removed"), None),
            Life::Alive => Look::Done(
                format!("{title} {name:?} is running"),
                Some(to_yaml(&recorder.summary(model, &*entity))),
            ),
        });
    }
    let with = match target.what {
        What::Application => {
            let status = entity.get("status").map(|status| status.shown());
            let status = status
                .ok()
                .and_then(|text| text.as_str().map(str::to_owned));
            format!(" with {:?}", status.unwrap_or_default())
        }
        _ => String::new(),
    };
    Ok(Look::Waiting(format!(
        "{word} {name:?} found{with}, waiting..."
    )))
}

async fn wait_for(cx: &Cx) -> Result<(), Failure> {
    let target = Target::parse(&cx.args).map_err(Failure::Usage)?;
    let input = cx
        .args
        .text("query")
        .unwrap_or(target.what.query())
        .to_owned();
    let query = syntax::parse(&input).map_err(|error| Failure::Failed(error.explain(&input)))?;
    let summary = !cx.args.is_set("summary") || cx.args.switch("summary");
    let limit = cx.args.duration("timeout").unwrap_or(DEFAULT_TIMEOUT);
    let deadline = Instant::now().checked_add(limit);
    let own = cx.model_uuid();
    let mut states = cx.hub.watch();
    let mut told = String::new();
    let mut was_there = false;
    loop {
        let state = states.borrow_and_update().clone();
        let seen = look(&target, target.model(&state, &own), query.as_ref(), &input)
            .map_err(Failure::Failed)?;
        let text = match seen {
            Look::Done(text, yaml) => {
                if summary {
                    cx.info(&text).await;
                    if let Some(yaml) = yaml {
                        cx.print(&yaml).await?;
                    }
                }
                return Ok(());
            }
            Look::Missing if was_there => {
                return Err(Failure::failed(format!(
                    "{} {} removed",
                    target.what.word(),
                    target.name
                )));
            }
            Look::Missing => format!(
                "{} {:?} not found, waiting...",
                target.what.word(),
                target.name
            ),
            Look::Waiting(text) => {
                was_there = true;
                text
            }
        };
        // Juju says it at every change of the model; what nobody can tell apart is said once here.
        if told != text {
            cx.info(&text).await;
            told = text;
        }
        if let Waited::TimeIsUp = cx.wait_for_change(&mut states, deadline).await? {
            return Err(Failure::failed(format!(
                "timed out waiting for {:?} to reach goal state",
                target.name
            )));
        }
    }
}
