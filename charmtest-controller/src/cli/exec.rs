//! `exec`: commands on units and machines.

use std::time::Duration;

use super::command::{Command, Cx, Failure};
use super::login::is_machine_id;
use super::task_view;
use super::task_wait::{Patience, Plan, Progress, check_wait, finish, queue, tell_background};
use crate::JujuVersion;
use crate::flags::{Flag, Kind, Parsed};
use crate::model::changes::{ChangeError, Receiver, plan_exec};
use crate::model::{Model, Task, application_name};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new(
    "exec",
    "Run the commands on the remote targets specified.",
    |cx| Box::pin(exec(cx)),
)
.args("<commands>", check)
.formats(&["plain", "json", "yaml"])
.flags(&[
    Flag::switch(&["all"], "Run the commands on all the machines"),
    Flag::text(
        &["a", "app", "application"],
        "One or more application names",
    ),
    Flag::switch(&["background"], "Run the task in the background"),
    Flag::switch(&["color"], "Use ANSI color codes in output"),
    Flag::text(
        &["execution-group"],
        "Commands in the same execution group are run sequentially",
    ),
    Flag::text(&["machine"], "One or more machine ids"),
    Flag::switch(&["no-color"], "Disable ANSI color codes in output"),
    Flag::switch(&["operator"], "Run the commands on the operator (k8s-only)")
        .only(JujuVersion::V3_6)
        .unsupported(),
    Flag::switch(
        &["parallel"],
        "Run the commands in parallel without first acquiring a lock",
    ),
    Flag::text(&["u", "unit"], "One or more unit ids"),
    Flag::switch(&["utc"], "Show times in UTC"),
    Flag::of(
        Kind::Duration,
        &["wait"],
        "Maximum wait time for a task to complete",
    ),
])];

/// How long `exec` waits, and lets the command run, unless told otherwise.
const DEFAULT_WAIT: Duration = Duration::from_secs(5 * 60);

/// The limit of commands that may run for ever: the longest duration of Go.
const NO_LIMIT: Duration = Duration::from_nanos(i64::MAX as u64);

fn check(args: &Parsed) -> Result<(), String> {
    if args.positionals.is_empty() {
        return Err("no commands specified".to_owned());
    }
    check_wait(args)?;
    let given = |name: &str| args.list(name).next().is_some();
    let named = given("machine") || given("application") || given("unit");
    if args.switch("all") {
        if let Some(name) = ["machine", "application", "unit"]
            .into_iter()
            .find(|name| given(name))
        {
            let noun = if name == "application" {
                "applications"
            } else if name == "unit" {
                "units"
            } else {
                "individual machines"
            };
            return Err(format!("You cannot specify --all and {noun}"));
        }
    } else if !named {
        return Err(
            "You must specify a target, either through --all, --machine, --application or --unit"
                .to_owned(),
        );
    }
    let mut wrong: Vec<String> = Vec::new();
    for id in args.list("machine").filter(|id| !is_machine_id(id)) {
        wrong.push(format!("  {id:?} is not a valid machine id"));
    }
    for name in args
        .list("application")
        .filter(|name| application_name(name).is_err())
    {
        wrong.push(format!("  {name:?} is not a valid application name"));
    }
    for unit in args
        .list("unit")
        .filter(|unit| Receiver::parse(unit).is_err())
    {
        wrong.push(format!("  {unit:?} is not a valid unit name"));
    }
    if !wrong.is_empty() {
        return Err(format!(
            "The following exec targets are not valid:\n{}",
            wrong.join("\n")
        ));
    }
    Ok(())
}

async fn exec(cx: &Cx) -> Result<(), Failure> {
    let command = command_line(cx.positionals());
    let patience = Patience::of(&cx.args, DEFAULT_WAIT);
    let limit = match patience {
        Patience::UpTo(limit) => limit,
        Patience::Forever => NO_LIMIT,
    };
    let (queued, reasons) = queue(cx, |model| {
        let (tasks, reasons) = plan_exec(model, &targets(model, &cx.args)?, &command, limit);
        Ok(Plan {
            what: format!("{command:?}"),
            action: Task::EXEC.to_owned(),
            tasks,
            reasons,
        })
    })?;
    if queued.tasks.is_empty() {
        cx.info(&format!(
            "Operation {} failed to schedule any tasks:\n{}",
            queued.operation,
            reasons.join("\n")
        ))
        .await;
        return Ok(());
    }
    if !reasons.is_empty() {
        cx.info(&format!(
            "Some actions could not be scheduled:\n{}\n",
            reasons.join("\n")
        ))
        .await;
    }
    if cx.args.switch("background") {
        return tell_background(cx, &queued).await;
    }
    let progress = if cx.args.switch("verbose") {
        Progress::Told
    } else {
        Progress::Silent
    };
    if progress == Progress::Told {
        let count = queued.tasks.len();
        cx.info(&format!(
            "Running operation {} with {count} {}",
            queued.operation,
            if count == 1 { "task" } else { "tasks" }
        ))
        .await;
        for (id, unit) in &queued.tasks {
            cx.info(&format!("  - task {id} on {}", unit.tag())).await;
        }
        cx.info("").await;
    }
    finish(cx, &queued, patience, progress, task_view::plain_exec).await
}

/// Lists who is to run the command, each once: machines, the units named, then those of the applications named.
fn targets(model: &Model, args: &Parsed) -> Result<Vec<Receiver>, Failure> {
    let mut targets = Vec::new();
    if args.switch("all") {
        targets.extend(model.machines.keys().cloned().map(Receiver::Machine));
    }
    targets.extend(
        args.list("machine")
            .map(|id| Receiver::Machine(id.to_owned())),
    );
    for unit in args.list("unit") {
        let target = Receiver::parse(unit).map_err(Failure::usage)?;
        check_leader(model, &target)?;
        targets.push(target);
    }
    for name in args.list("application") {
        if !model.applications.contains(name) {
            return Err(match model.info.juju {
                JujuVersion::V3_6 => {
                    Failure::failed(ChangeError::ApplicationNotFound(name.to_owned()))
                }
                JujuVersion::V4_0 => Failure::failed(format!(
                    "starting exec operation: adding exec operation: getting units for applications [{name}]: no application found"
                )),
            });
        }
        targets.extend(
            model
                .units_of(name)
                .map(|unit| Receiver::Unit(unit.name.clone())),
        );
    }
    let mut once: Vec<Receiver> = Vec::new();
    for target in targets {
        if !once.contains(&target) {
            once.push(target);
        }
    }
    Ok(once)
}

/// Refuses the leader of an application that has none: Juju 4.0 makes no operation then (recorded), 3.6 one that fails.
fn check_leader(model: &Model, target: &Receiver) -> Result<(), Failure> {
    let Receiver::Leader(application) = target else {
        return Ok(());
    };
    let row = model.applications.get(application);
    if model.info.juju == JujuVersion::V3_6 || row.is_some_and(|row| row.leader.is_some()) {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "getting leader unit for {application}: application {application:?} not found in leases (not found)"
    )))
}

/// Makes the command line: one argument is shell text as it stands, several are the words of a command.
fn command_line(args: &[String]) -> String {
    match args {
        [text] => text.clone(),
        words => words
            .iter()
            .map(|word| quoted(word))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// Quotes a word for a shell if it needs that.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_argument_is_shell_text_and_several_are_words() {
        let line = |args: &[&str]| {
            command_line(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(line(&["echo out; exit 3"]), "echo out; exit 3");
        assert_eq!(
            line(&["echo", "a  b", "it's", "", "x=1"]),
            r"echo 'a  b' 'it'\''s' '' x=1"
        );
    }
}
