//! `juju help`.

use super::command::{Command, Cx, Failure, Running, Scope, any_args};
use super::table::TextTable;
use super::{GLOBAL_FLAGS, commands, find, format_flag, names, scope_flags};
use crate::JujuVersion;
use crate::flags::{Flag, Kind};

pub(super) const COMMANDS: &[Command] =
    &[
        Command::new("help", "Show help on a command or other topic.", run)
            .args("[topic]", any_args)
            .scope(Scope::Client),
    ];

/// What can be asked for beside commands.
pub(super) const TOPICS: [&str; 4] = ["basics", "commands", "topics", "global-options"];

fn run(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let text = match cx.positionals().first().map(String::as_str) {
            None | Some("basics") => general(cx.juju()),
            Some("commands") => list(cx.juju()),
            Some("topics") => topics(),
            Some("global-options") => options("Global Options", GLOBAL_FLAGS.iter().copied()),
            Some(name) => {
                let juju = cx.juju();
                let unknown = || Failure::Failed(names::unknown(name, juju));
                of(find(name, juju).ok_or_else(unknown)?, juju)
            }
        };
        cx.print(&text).await
    })
}

/// Returns the help page of the whole program.
pub(super) fn general(juju: JujuVersion) -> String {
    format!(
        "This is the embedded controller of charmtest: it speaks the command line of Juju {} and runs machine charms as\n\
         processes on this machine. There is one controller, \"embedded\", which needs no bootstrap.\n\n\
         Starter commands:\n\n    \
         add-model    Adds a model.\n    \
         deploy       Deploys a local charm.\n    \
         integrate    Adds a relation between two applications.\n    \
         status       Shows the model, its applications and units.\n    \
         debug-log    Shows the log of the model.\n\n\
         Help commands:\n\n    \
         juju help             This help page.\n    \
         juju help <command>   Help for one command.\n    \
         juju help commands    All commands.\n",
        juju.number()
    )
}

/// Returns the help page of a command.
pub(super) fn of(command: &Command, juju: JujuVersion) -> String {
    let mut text = format!("Usage: juju {} [options] {}", command.name, command.usage)
        .trim_end()
        .to_owned();
    text += &format!("\n\nSummary:\n{}\n\n", command.summary);
    text += &options("Global Options", GLOBAL_FLAGS.iter().copied());
    let mut own: Vec<Flag> = command
        .flags
        .iter()
        .copied()
        .chain(format_flag(command))
        .chain(scope_flags(command).copied())
        .collect();
    own.retain(|flag| !flag.unsupported && flag.versions.contain(juju));
    own.sort_by_key(|flag| {
        flag.names
            .first()
            .copied()
            .unwrap_or_default()
            .to_ascii_lowercase()
    });
    text += "\n";
    text += &options("Command Options", own.into_iter());
    if !command.aliases.is_empty() {
        text += &format!("\nAliases: {}\n", command.aliases.join(", "));
    }
    text
}

fn options(title: &str, flags: impl Iterator<Item = Flag>) -> String {
    let mut text = format!("{title}:\n");
    for flag in flags {
        let names = flag.names.iter().map(|name| {
            if name.len() > 1 {
                format!("--{name}")
            } else {
                format!("-{name}")
            }
        });
        let default = if matches!(flag.kind, Kind::Switch) {
            " (= false)"
        } else {
            ""
        };
        let values = match flag.kind {
            Kind::Format(formats) => format!(" ({})", sorted(formats).join("|")),
            _ => String::new(),
        };
        text += &format!(
            "{}{default}\n    {}{values}\n",
            names.collect::<Vec<_>>().join(", "),
            flag.help
        );
    }
    text
}

fn sorted(formats: &[&'static str]) -> Vec<&'static str> {
    let mut formats = formats.to_vec();
    formats.sort_unstable();
    formats
}

fn list(juju: JujuVersion) -> String {
    let mut rows: Vec<(String, String)> = commands(juju)
        .flat_map(|command| {
            let aliases = command.aliases.iter().map(|alias| {
                (
                    (*alias).to_owned(),
                    format!("Alias for '{}'.", command.name),
                )
            });
            aliases.chain([(command.name.to_owned(), command.summary.to_owned())])
        })
        .collect();
    rows.sort();
    let mut table = TextTable::default();
    for (name, summary) in rows {
        table.row([name, summary]);
    }
    table.render()
}

fn topics() -> String {
    let mut table = TextTable::default();
    for (topic, about) in [
        ("basics", "Basic help summary"),
        ("commands", "Basic help for all commands"),
        ("global-options", "Options common to all commands"),
        ("topics", "Topic list"),
    ] {
        table.row([topic, about]);
    }
    table.render()
}
