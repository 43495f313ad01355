//! `juju status` as tables.

use super::report::{ApplicationPart, Report, Shown, UnitPart};
use crate::JujuVersion;
use crate::cli::table::{Align, TextTable};
use crate::cli::times::Times;
use crate::cli::{CLOUD, CONTROLLER};

/// The sections that are shown on demand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sections {
    /// The relation table.
    pub(crate) relations: bool,
    /// The storage table.
    pub(crate) storage: bool,
}

/// The longest message and the longest version that are shown in full, in characters.
const MESSAGE_MAX: usize = 120;
const VERSION_MAX: usize = 15;

/// The hooks that Juju names in front of a unit's message while they run; it does so for no relation hook.
const NAMED_HOOKS: [&str; 12] = [
    "install",
    "start",
    "config-changed",
    "upgrade-charm",
    "stop",
    "remove",
    "leader-elected",
    "leader-settings-changed",
    "update-status",
    "collect-metrics",
    "meter-status-changed",
    "secret-changed",
];

impl Report {
    /// Renders the tables of `juju status`.
    pub(crate) fn tabular(&self, times: &Times, sections: Sections) -> String {
        let (region, timestamp) = (format!("{CLOUD}/{CLOUD}"), times.of_day(self.at));
        let columns = [
            ("Model", self.model.as_str()),
            ("Controller", CONTROLLER),
            ("Cloud/Region", &region),
            ("Version", self.juju.number()),
            ("SLA", "unsupported"),
            ("Timestamp", &timestamp),
        ];
        let shown = columns
            .iter()
            .filter(|(name, _)| *name != "SLA" || self.juju == JujuVersion::V3_6);
        let mut header = TextTable::new(shown.clone().map(|(name, _)| *name));
        header.row(shown.map(|(_, value)| *value));
        let mut parts = vec![header.render()];
        if !self.consumed.is_empty() {
            parts.push(self.consumed_table());
        }
        if !self.applications.is_empty() {
            parts.push(self.applications_table());
        }
        if self.units().next().is_some() {
            parts.push(self.units_table());
        }
        if !self.machines.is_empty() {
            parts.push(machines_table(self));
        }
        if !self.offers.is_empty() {
            parts.push(self.offers_table());
        }
        if sections.relations && !self.relations.is_empty() {
            parts.push(self.relations_table());
        }
        if sections.storage && !self.storage.is_empty() {
            parts.push(self.storage.status_table());
        }
        parts.join("\n")
    }

    fn applications_table(&self) -> String {
        let columns = [
            "App", "Version", "Status", "Scale", "Charm", "Channel", "Rev", "Exposed", "Message",
        ];
        let mut table = TextTable::new(columns)
            .align(3, Align::Right)
            .align(6, Align::Right);
        for app in &self.applications {
            let version = app
                .version
                .as_deref()
                .and_then(|version| version.lines().next())
                .unwrap_or_default();
            table.row([
                app.name.as_str(),
                &cut(version, VERSION_MAX),
                app.status.current,
                &self.scale(app),
                &app.charm_name,
                app.charm_channel.as_deref().unwrap_or_default(),
                &app.charm_rev.to_string(),
                if app.exposed { "yes" } else { "no" },
                &cut(&one_line(&app.status.message), MESSAGE_MAX),
            ]);
        }
        table.render()
    }

    /// Returns how many of an application's units have a working agent, and of how many when these differ.
    fn scale(&self, app: &ApplicationPart) -> String {
        let own = self
            .units()
            .map(|(_, unit)| unit)
            .filter(|unit| unit.name.application() == app.name);
        let (mut working, mut all) = (0, 0);
        for unit in own {
            all += 1;
            let works = matches!(unit.agent.current, "executing" | "idle")
                && unit.workload.current != "terminated";
            working += u32::from(works);
        }
        if working == all {
            all.to_string()
        } else {
            format!("{working}/{all}")
        }
    }

    fn units_table(&self) -> String {
        let mut table = TextTable::new([
            "Unit",
            "Workload",
            "Agent",
            "Machine",
            "Public address",
            "Ports",
            "Message",
        ]);
        for (depth, unit) in self.units() {
            let name = format!(
                "{}{}{}",
                "  ".repeat(depth),
                unit.name,
                if unit.leader { "*" } else { "" }
            );
            let machine = if depth == 0 {
                unit.machine.as_str()
            } else {
                ""
            };
            table.row([
                name.as_str(),
                unit.workload.current,
                unit.agent.current,
                machine,
                unit.address.as_deref().unwrap_or_default(),
                &unit.merged_ports,
                &cut(&one_line(&message(unit)), MESSAGE_MAX),
            ]);
        }
        table.render()
    }

    fn relations_table(&self) -> String {
        let mut table = TextTable::new([
            "Integration provider",
            "Requirer",
            "Interface",
            "Type",
            "Message",
        ]);
        for relation in &self.relations {
            table.row([
                relation.provider.as_str(),
                &relation.requirer,
                &relation.interface,
                relation.kind,
                &relation.message,
            ]);
        }
        table.render()
    }
}

/// Renders the machine table, which `juju machines` shows alone.
pub(crate) fn machines_table(report: &Report) -> String {
    let mut table = TextTable::new([
        "Machine", "State", "Address", "Inst id", "Base", "AZ", "Message",
    ]);
    for machine in &report.machines {
        let base = machine
            .base
            .strip_suffix("/stable")
            .unwrap_or(&machine.base);
        table.row([
            machine.id.as_str(),
            "started",
            &machine.address,
            &machine.hostname,
            base,
            "",
            "Running",
        ]);
    }
    table.render()
}

/// Returns a unit's message, with what its agent does in front.
fn message(unit: &UnitPart) -> String {
    let own = &unit.workload.message;
    if own.is_empty() && unit.agent.current == "allocating" {
        return unit.agent.message.clone();
    }
    match doing(&unit.agent) {
        Some(what) => format!("({what}) {own}"),
        None => own.clone(),
    }
}

/// Returns the hook or action that an agent runs.
fn doing(agent: &Shown) -> Option<&str> {
    if agent.current != "executing" {
        return None;
    }
    let text = agent.message.strip_prefix("running ")?;
    match text.strip_prefix("action ") {
        Some(action) => Some(action),
        None => text
            .strip_suffix(" hook")
            .filter(|hook| NAMED_HOOKS.contains(hook)),
    }
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let head: String = text.chars().take(max - 3).collect();
    format!("{head}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_does() {
        for (current, message, expected) in [
            (
                "executing",
                "running config-changed hook",
                Some("config-changed"),
            ),
            ("executing", "running action say", Some("say")),
            ("executing", "running ring-relation-created hook", None),
            (
                "executing",
                "running db-relation-changed hook for db/0",
                None,
            ),
            ("idle", "running install hook", None),
        ] {
            let agent = Shown {
                current,
                message: message.to_owned(),
                since: None,
            };
            assert_eq!(doing(&agent), expected, "{message}");
        }
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(cut("123456789012345", VERSION_MAX), "123456789012345");
        assert_eq!(cut("1234567890123456", VERSION_MAX), "123456789012...");
    }
}
