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
        return Ok(Answered::after(Effect::KillHook));
    }
    scene.context.pending.reboot = true;
    Ok(Answered::nothing())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::agent::RelationEvent;
    use crate::tools::testing::World;

    #[test]
    fn messages_reach_the_log_at_their_level() {
        let mut world = World::new();
        world.edit(|model| {
            drop(model.info_mut().config.insert(
                "logging-config".to_owned(),
                "<root>=INFO;unit=TRACE".to_owned(),
            ))
        });
        world.check(&[
            ("juju-log hello  world", 0, "", ""),
            ("juju-log -l warn w", 0, "", ""),
            ("juju-log --debug d", 0, "", ""),
            ("juju-log --log-level TRACE -- -t", 0, "", ""),
            ("juju-log -l bogus b", 0, "", ""),
            (
                "juju-log --format json f",
                0,
                "",
                "--format flag deprecated for command \"juju-log\"",
            ),
        ]);
        world.enter_relation(RelationEvent::Changed, Some("oth/0"));
        world.check(&[("juju-log r", 0, "", "")]);
        let log = world.log();
        assert_eq!(
            log,
            [
                "INFO unit.two/0.juju-log hello world",
                "WARNING unit.two/0.juju-log w",
                "DEBUG unit.two/0.juju-log d",
                "TRACE unit.two/0.juju-log -t",
                "WARNING unit.two/0.juju-log Specified log level of \"bogus\" is not valid",
                "INFO unit.two/0.juju-log b",
                "INFO unit.two/0.juju-log f",
                "INFO unit.two/0.juju-log server:12: r",
            ]
        );
    }

    #[test]
    fn a_reboot_waits_for_the_hook_and_is_refused_in_actions() {
        let mut world = World::new();
        world.check(&[
            ("juju-reboot x", 2, "", "ERROR unrecognized args: [\"x\"]\n"),
            ("juju-reboot", 0, "", ""),
        ]);
        assert!(world.context(|context| context.pending.reboot));
        world.enter("two/0", None, None);
        world.check(&[("juju-reboot --now", 0, "", "")]);
        let asked = world.context(|context| context.kill.clone());
        let mut asked = std::pin::pin!(asked.notified());
        assert!(
            asked.as_mut().enable(),
            "the agent was told to kill the hook"
        );
        world.enter_action("two/0", json!({}));
        world.check(&[(
            "juju-reboot",
            1,
            "",
            "ERROR juju-reboot is not supported when running an action.\n",
        )]);
        assert!(!world.context(|context| context.pending.reboot));
    }
}
