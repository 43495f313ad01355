//! `juju-log` and `juju-reboot`: what a unit asks of its agent.

use super::tool::{Answered, Effect, OutputKind, Scene, Tool, ToolError, at_most};
use crate::flags::{Flag, Parsed};
use crate::model::LogLevel;

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "juju-log",
        arguments: "<message>",
        summary: "Writes a message to the model's log.",
        flags: &[
            Flag::switch(&["debug"], "At the level DEBUG"),
            Flag::text(&["l", "log-level"], "At this level (INFO)"),
        ],
        output: OutputKind::Deprecated,
        run: juju_log,
    },
    Tool {
        name: "juju-reboot",
        arguments: "",
        summary: "Asks for a reboot of the machine once the hook has succeeded.",
        flags: &[Flag::switch(
            &["now"],
            "Reboot at once and run the hook again afterwards",
        )],
        output: OutputKind::Plain,
        run: juju_reboot,
    },
];

fn juju_log(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    if parsed.positionals.is_empty() {
        return Err(ToolError::usage("no message specified"));
    }
    let mut lines = Vec::new();
    let level = match parsed.text("log-level") {
        _ if parsed.switch("debug") => LogLevel::Debug,
        None => LogLevel::Info,
        Some(word) => LogLevel::parse(word).unwrap_or_else(|| {
            lines.push((
                LogLevel::Warning,
                format!("Specified log level of {word:?} is not valid"),
            ));
            LogLevel::Info
        }),
    };
    let message = parsed.positionals.join(" ");
    let message = match scene.context.relation() {
        Some(hook) => format!("{}:{}: {message}", hook.endpoint, hook.relation),
        None => message,
    };
    lines.push((level, message));
    Ok(Answered::after(Effect::Log(lines)))
}

fn juju_reboot(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    at_most(parsed, 0)?;
    if scene.context.action.is_some() {
        return Err(ToolError::failed(
            "juju-reboot is not supported when running an action.",
        ));
    }
    if parsed.switch("now") {
        return Err(ToolError::failed(
            "juju-reboot --now is not supported by the embedded controller; without --now the reboot follows the hook",
        ));
    }
    scene.context.pending.reboot = true;
    Ok(Answered::nothing())
}
