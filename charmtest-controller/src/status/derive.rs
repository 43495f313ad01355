//! Statuses that are not stored but follow from what is.

use super::report::{RelationPart, Shown};
use crate::agent::{Step, due};
use crate::model::{
    AgentStatus, Application, Life, Model, ModelInfo, PortRange, Relation, Scope, Status, Unit,
    Workload,
};

/// Returns the workload and agent status of a unit as `juju status` shows them.
///
/// A failed hook is stored as the agent's error; shown is a workload in error and an idle agent. If a relation hook failed, the
/// message names the other side of the relation.
///
/// An agent that has a hook to run is shown as executing even before it has begun: who changes something and then waits for an
/// idle unit must never see the moment in between. Juju has that moment, and its clients wait long to be safe from it.
pub(crate) fn unit_status(model: &Model, unit: &Unit) -> (Shown, Shown) {
    let mut agent = shown(unit.agent.current.as_str(), &unit.agent);
    if unit.agent.current == AgentStatus::Idle
        && let Some(step) = due(model, unit)
    {
        agent.current = AgentStatus::Executing.as_str();
        agent.message = match step {
            Step::Run(hook) => hook.running_message(),
            _ => String::new(),
        };
    }
    if unit.agent.current != AgentStatus::Error {
        return (shown(unit.workload.current.as_str(), &unit.workload), agent);
    }
    let mut workload = Shown {
        current: Workload::Error.as_str(),
        ..agent.clone()
    };
    if let Some(other) = failed_relation(model, unit) {
        workload.message.push_str(&format!(" for {other}"));
    }
    (
        workload,
        Shown {
            current: AgentStatus::Idle.as_str(),
            message: String::new(),
            ..agent
        },
    )
}

/// Returns `application:endpoint` of the other side of the relation whose hook failed on a unit.
fn failed_relation(model: &Model, unit: &Unit) -> Option<String> {
    let failure = unit.progress.failure.as_ref()?;
    let relation = model.relations.get(&failure.hook.relation()?.relation)?;
    let other = relation
        .endpoints
        .iter()
        .find(|side| side.application != unit.name.application())?;
    Some(format!("{}:{}", other.application, other.name))
}

/// Returns the status of an application: the one its leader set, else that of its worst unit, the first of equals.
pub(crate) fn application_status(model: &Model, app: &Application) -> Shown {
    if let Some(status) = &app.status {
        return shown(status.current.as_str(), status);
    }
    let mut worst: Option<(u8, &Unit)> = None;
    for unit in model.units_of(&app.name) {
        let severity = match unit.agent.current {
            AgentStatus::Error => Workload::Error.severity(),
            _ => unit.workload.current.severity(),
        };
        if worst.is_none_or(|(other, _)| severity > other) {
            worst = Some((severity, unit));
        }
    }
    match worst {
        None => Shown {
            current: Workload::Unknown.as_str(),
            message: String::new(),
            since: None,
        },
        // The application's message does not name the relation, as in Juju.
        Some((_, unit)) if unit.agent.current == AgentStatus::Error => {
            shown(Workload::Error.as_str(), &unit.agent)
        }
        Some((_, unit)) => shown(unit.workload.current.as_str(), &unit.workload),
    }
}

/// Returns the status of a model.
pub(super) fn model_status(info: &ModelInfo) -> Shown {
    let current = match info.life {
        Life::Alive => "available",
        Life::Dying | Life::Dead => "destroying",
    };
    Shown {
        current,
        message: String::new(),
        since: Some(info.created),
    }
}

/// Says whether a relation was made by another model to an offer of this one: status shows it with the offer, not as a relation (Juju
/// 3.6).
pub(super) fn is_of_consumer(relation: &Relation) -> bool {
    let cross = relation.cross_model.as_ref();
    cross.is_some_and(|cross| cross.offer.is_some())
}

/// Returns the row of a relation in the relation table; a relation without endpoints has none.
pub(super) fn relation_row(relation: &Relation) -> Option<RelationPart> {
    let provider = relation.endpoints.first()?;
    let requirer = relation.endpoints.last()?;
    let kind = match relation.scope {
        _ if relation.is_peer() => "peer",
        Scope::Container => "subordinate",
        Scope::Global => "regular",
    };
    let message = match relation.status() {
        ("joined", _) => String::new(),
        _ if relation.is_peer() => String::new(),
        (word, "") => word.to_owned(),
        // Juju puts the reason into a column of its own.
        (word, why) => format!("{word}   - {why}"),
    };
    Some(RelationPart {
        provider: format!("{}:{}", provider.application, provider.name),
        requirer: format!("{}:{}", requirer.application, requirer.name),
        interface: provider.interface.clone(),
        kind,
        message,
    })
}

/// Writes port ranges as the unit table does: ranges of one protocol in one word, neighbours merged, `80-81,443/tcp 53/udp`.
pub(super) fn merged_ports(sorted: &[PortRange]) -> String {
    let mut groups: Vec<(&str, Vec<(u16, u16)>)> = Vec::new();
    for port in sorted {
        match groups.last_mut() {
            Some((protocol, ranges)) if *protocol == port.protocol => match ranges.last_mut() {
                Some((_, to)) if port.from <= to.saturating_add(1) => *to = port.to.max(*to),
                _ => ranges.push((port.from, port.to)),
            },
            _ => groups.push((&port.protocol, vec![(port.from, port.to)])),
        }
    }
    let word = |(protocol, ranges): &(&str, Vec<(u16, u16)>)| {
        if *protocol == "icmp" {
            return "icmp".to_owned();
        }
        let ranges: Vec<String> = ranges
            .iter()
            .map(|(from, to)| {
                if from == to {
                    from.to_string()
                } else {
                    format!("{from}-{to}")
                }
            })
            .collect();
        format!("{}/{protocol}", ranges.join(","))
    };
    groups.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn shown<S>(current: &'static str, status: &Status<S>) -> Shown {
    Shown {
        current,
        message: status.message.clone(),
        since: Some(status.since),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::agent::{Hook, RelationEvent, RelationHook};
    use crate::model::{HookFailure, QueuedHook};

    #[test]
    fn an_application_shows_its_worst_unit() {
        let mut model = fixture::model();
        fixture::application(&mut model, "app", 3);
        let app = model.applications.get("app").unwrap().clone();
        for (states, expected) in [
            (
                [Workload::Active, Workload::Active, Workload::Active],
                "active 0",
            ),
            (
                [Workload::Active, Workload::Waiting, Workload::Maintenance],
                "maintenance 2",
            ),
            (
                [Workload::Blocked, Workload::Maintenance, Workload::Blocked],
                "blocked 0",
            ),
            (
                [Workload::Unknown, Workload::Terminated, Workload::Unknown],
                "terminated 1",
            ),
            (
                [Workload::Active, Workload::Unknown, Workload::Waiting],
                "waiting 2",
            ),
            (
                [Workload::Blocked, Workload::Error, Workload::Error],
                "error 1",
            ),
        ] {
            for (number, state) in (0..).zip(states) {
                fixture::workload(
                    &mut model,
                    &format!("app/{number}"),
                    state,
                    &number.to_string(),
                );
            }
            let status = application_status(&model, &app);
            assert_eq!(format!("{} {}", status.current, status.message), expected);
        }
        let own = Status::new(Workload::Active, "set by the leader", fixture::AT);
        let app = Application {
            status: Some(own),
            ..app
        };
        assert_eq!(
            application_status(&model, &app).message,
            "set by the leader"
        );
    }

    #[test]
    fn an_application_without_units_is_unknown() {
        let mut model = fixture::model();
        fixture::application(&mut model, "app", 0);
        let status = application_status(&model, model.applications.get("app").unwrap());
        assert_eq!(
            status,
            Shown {
                current: "unknown",
                message: String::new(),
                since: None
            }
        );
    }

    #[test]
    fn a_failed_relation_hook_names_the_other_side() {
        let mut model = fixture::model();
        fixture::application(&mut model, "web", 1);
        fixture::application(&mut model, "db", 1);
        fixture::relation(&mut model, 3, ("db", "server"), ("web", "client"));
        let unit = model.units.get_mut("web/0").unwrap();
        let hook = Hook::Relation(RelationHook {
            event: RelationEvent::Changed,
            relation: 3,
            endpoint: "client".to_owned(),
            remote_application: "db".to_owned(),
            remote_unit: None,
            departing_unit: None,
        });
        unit.agent = Status::new(
            AgentStatus::Error,
            "hook failed: \"client-relation-changed\"",
            fixture::AT,
        );
        unit.progress.failure = Some(HookFailure {
            hook,
            attempts: 1,
            retry_at: jiff::Timestamp::UNIX_EPOCH,
        });
        let (workload, agent) = unit_status(&model, model.units.get("web/0").unwrap());
        assert_eq!(
            (workload.current, workload.message.as_str()),
            (
                "error",
                "hook failed: \"client-relation-changed\" for db:server"
            )
        );
        assert_eq!((agent.current, agent.message.as_str()), ("idle", ""));
        let of_app = application_status(&model, model.applications.get("web").unwrap());
        assert_eq!(
            (of_app.current, of_app.message.as_str()),
            ("error", "hook failed: \"client-relation-changed\"")
        );
    }

    #[test]
    fn an_agent_with_work_to_do_is_never_shown_idle() {
        let mut model = fixture::model();
        fixture::application(&mut model, "web", 1);
        let shown = |model: &Model| unit_status(model, model.units.get("web/0").unwrap()).1;
        assert_eq!(shown(&model).current, "idle");
        model.units.get_mut("web/0").unwrap().progress.queued = Some(QueuedHook {
            hook: Hook::ConfigChanged,
            not_before: None,
        });
        let agent = shown(&model);
        assert_eq!(
            (agent.current, agent.message.as_str()),
            ("executing", "running config-changed hook")
        );
    }

    #[test]
    fn ports_of_one_protocol_are_merged() {
        let port = |text: &str| {
            let (range, protocol) = text.split_once('/').unwrap();
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            PortRange {
                protocol: protocol.to_owned(),
                from: from.parse().unwrap(),
                to: to.parse().unwrap(),
            }
        };
        for (ports, expected) in [
            ("", ""),
            ("80/tcp", "80/tcp"),
            ("80/tcp 81/tcp 5432/tcp", "80-81,5432/tcp"),
            ("80/tcp 443/tcp 8000-8010/udp", "80,443/tcp 8000-8010/udp"),
            ("0/icmp 65534-65535/tcp", "icmp 65534-65535/tcp"),
        ] {
            let ports: Vec<PortRange> = ports.split_whitespace().map(port).collect();
            assert_eq!(merged_ports(&ports), expected);
        }
    }
}
