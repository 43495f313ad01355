//! Whether a model is idle: a pure judgement of a status.

use crate::juju::Status;
use crate::juju::status::{Application, StatusInfo, Unit};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What [`judge`] holds a status against.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IdleGoal {
    /// The applications; all that are in the model at that moment if none is named.
    pub applications: Vec<String>,
    /// The workload status that every unit, and the application, should have.
    pub status: Option<String>,
    /// How long each unit should have been idle.
    pub idle_period: Duration,
    /// How many units of each application should be settled; the others are not looked at. Without it: all units, at least
    /// one, and in Kubernetes as many as the application's scale.
    pub at_least: Option<usize>,
    /// How many units each application should have. With 0 the status does not matter.
    pub exactly: Option<usize>,
    /// What to do about machines, agents, units and applications in error.
    pub on_error: OnTrouble,
    /// What to do about units and applications that are blocked.
    pub on_blocked: OnTrouble,
}

/// What a judgement does about trouble.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnTrouble {
    /// Reports it: the wait fails at once.
    Raise,
    /// Keeps waiting: it may pass. What is in error is not idle, though.
    #[default]
    Wait,
}

/// Since when each unit has been idle, as far as earlier judgements have seen.
///
/// Juju's own `since` tells apart two calm moments with a short burst of work between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IdleMemory(BTreeMap<String, Calm>);

#[derive(Clone, Debug, PartialEq)]
struct Calm {
    agent_since: String,
    from: Duration,
}

/// What [`judge`] finds.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// All is as it should be, and has been for the idle period.
    Settled,
    /// Something is missing.
    Busy {
        /// What, in the order of the applications and units.
        reasons: Vec<Busy>,
        /// When the verdict will be [`Verdict::Settled`] if nothing happens: only idle periods are missing.
        settled_in: Option<Duration>,
    },
    /// Something is wrong, the gravest first: machines, agents, units, applications; then what is blocked.
    Trouble(Vec<Trouble>),
}

/// Something that keeps a wait waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    /// The unit or application; empty for the model.
    pub subject: String,
    /// What is missing.
    pub why: String,
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.subject.is_empty() {
            return f.write_str(&self.why);
        }
        write!(f, "{}: {}", self.subject, self.why)
    }
}

/// Something wrong with a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What kind of thing it is.
    pub kind: TroubleKind,
    /// Its name.
    pub subject: String,
    /// What Juju or the charm says about it.
    pub message: String,
}

/// Kinds of trouble, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TroubleKind {
    /// A machine is in error.
    Machine,
    /// A unit's agent has failed.
    Agent,
    /// A unit is in error: a hook failed.
    Unit,
    /// An application is in error, its units are not.
    Application,
    /// A unit is blocked.
    BlockedUnit,
    /// An application is blocked, its units are not.
    BlockedApplication,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, state) = match self.kind {
            TroubleKind::Machine => ("machine", "is in error"),
            TroubleKind::Agent => ("the agent of", "has failed"),
            TroubleKind::Unit => ("unit", "is in error"),
            TroubleKind::Application => ("application", "is in error"),
            TroubleKind::BlockedUnit => ("unit", "is blocked"),
            TroubleKind::BlockedApplication => ("application", "is blocked"),
        };
        write!(f, "{what} {} {state}", self.subject)?;
        if self.message.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.message)
    }
}

/// Judges whether a model is idle. `now` is the time since the wait began.
///
/// Returns the memory for the next judgement. The rules are those of pytest-operator's `wait_for_idle` without its surprises:
/// a unit in error is never idle, units are counted per application, a model without applications is not idle, and the idle
/// period always holds.
#[must_use]
pub fn judge(
    goal: &IdleGoal,
    memory: &IdleMemory,
    status: &Status,
    now: Duration,
) -> (Verdict, IdleMemory) {
    let mut judgement = Judgement {
        goal,
        memory,
        status,
        now,
        next: IdleMemory::default(),
        busy: Vec::new(),
        troubles: Vec::new(),
    };
    let all: Vec<&String> = status.applications.keys().collect();
    let named: Vec<&String> = if goal.applications.is_empty() {
        all
    } else {
        goal.applications.iter().collect()
    };
    if named.is_empty() {
        judgement.missing("", "there are no applications in the model");
    }
    for name in named {
        judgement.application(name);
    }
    judgement.conclude()
}

/// A judgement under way.
struct Judgement<'a> {
    goal: &'a IdleGoal,
    memory: &'a IdleMemory,
    status: &'a Status,
    now: Duration,
    next: IdleMemory,
    /// With the time that is left, for what only time is missing to.
    busy: Vec<(Busy, Option<Duration>)>,
    troubles: Vec<Trouble>,
}

impl Judgement<'_> {
    fn application(&mut self, name: &str) {
        let Some(application) = self.status.app(name) else {
            return self.missing(name, "is not in the model");
        };
        let units = self.status.units_of(name);
        let (busy_before, troubles_before) = (self.busy.len(), self.troubles.len());
        let settled = units
            .iter()
            .filter(|(unit_name, unit)| self.unit(unit_name, unit))
            .count();
        if self.troubles.len() == troubles_before {
            self.application_trouble(name, application);
        }

        if let Some(exactly) = self.goal.exactly
            && units.len() != exactly
        {
            return self.missing(
                name,
                &format!("has {} of exactly {exactly} units", units.len()),
            );
        }
        if let Some(least) = self.goal.at_least {
            if settled >= least {
                self.busy.truncate(busy_before);
            } else if units.len() < least {
                self.missing(
                    name,
                    &format!("has {} of at least {least} units", units.len()),
                );
            }
            return;
        }
        if units.is_empty() && self.goal.exactly == Some(0) {
            return;
        }
        let wanted = if self.goal.exactly.is_some() {
            0
        } else {
            application.scale.unwrap_or(1)
        };
        if units.len() < wanted {
            self.missing(name, &format!("has {} of {wanted} units", units.len()));
        }
        self.application_status(name, application);
    }

    /// The leader may have given the application a status of its own.
    fn application_status(&mut self, name: &str, application: &Application) {
        let Some(wanted) = &self.goal.status else {
            return;
        };
        let current = &application.status.current;
        let told = !matches!(current.as_str(), "" | "unset" | "unknown");
        if told && current != wanted {
            self.missing(
                name,
                &format!(
                    "the application is {}, not `{wanted}`",
                    describe(&application.status)
                ),
            );
        }
    }

    /// Judges a unit and returns whether it is settled.
    fn unit(&mut self, name: &str, unit: &Unit) -> bool {
        if self.unit_trouble(name, unit) {
            return false;
        }
        if let Some(why) = self.unsettled(unit) {
            self.missing(name, &why);
            return false;
        }
        let from = match self.memory.0.get(name) {
            Some(calm) if calm.agent_since == unit.agent.since => calm.from,
            _ => self.now,
        };
        let calm = Calm {
            agent_since: unit.agent.since.clone(),
            from,
        };
        self.next.0.insert(name.to_owned(), calm);

        let idle = self.now.saturating_sub(from);
        let left = self.goal.idle_period.saturating_sub(idle);
        if left.is_zero() {
            return true;
        }
        let why = format!("idle for {:.1?} of {:.1?}", idle, self.goal.idle_period);
        self.busy.push((busy(name, &why), Some(left)));
        false
    }

    /// Returns what keeps a unit from being idle in the right status.
    fn unsettled(&self, unit: &Unit) -> Option<String> {
        if unit.workload.current == "error" {
            return Some(format!("the unit is {}", describe(&unit.workload)));
        }
        if unit.agent.current != "idle" {
            return Some(format!("the agent is {}", describe(&unit.agent)));
        }
        let wanted = self.goal.status.as_deref()?;
        (unit.workload.current != wanted)
            .then(|| format!("the unit is {}, not `{wanted}`", describe(&unit.workload)))
    }

    /// Notes what is wrong with a unit or its machine, and returns whether something is.
    fn unit_trouble(&mut self, name: &str, unit: &Unit) -> bool {
        if self.goal.on_error == OnTrouble::Raise {
            if let Some(machine) = self.status.machine(&unit.machine)
                && let Some(info) = [&machine.instance, &machine.agent]
                    .into_iter()
                    .find(|info| machine_error(info))
            {
                return self.trouble(TroubleKind::Machine, &unit.machine, info);
            }
            if matches!(unit.agent.current.as_str(), "error" | "failed") && unit.agent.is_told() {
                return self.trouble(TroubleKind::Agent, name, &unit.agent);
            }
            if unit.workload.current == "error" {
                return self.trouble(TroubleKind::Unit, name, &unit.workload);
            }
        }
        if self.raises_blocked() && unit.workload.current == "blocked" {
            return self.trouble(TroubleKind::BlockedUnit, name, &unit.workload);
        }
        false
    }

    fn application_trouble(&mut self, name: &str, application: &Application) {
        match application.status.current.as_str() {
            "error" if self.goal.on_error == OnTrouble::Raise => {
                self.trouble(TroubleKind::Application, name, &application.status);
            }
            "blocked" if self.raises_blocked() => {
                self.trouble(TroubleKind::BlockedApplication, name, &application.status);
            }
            _ => {}
        }
    }

    /// Who waits for `blocked` does not want to hear of it as trouble.
    fn raises_blocked(&self) -> bool {
        self.goal.on_blocked == OnTrouble::Raise && self.goal.status.as_deref() != Some("blocked")
    }

    fn trouble(&mut self, kind: TroubleKind, subject: &str, info: &StatusInfo) -> bool {
        let trouble = Trouble {
            kind,
            subject: subject.to_owned(),
            message: info.message.clone(),
        };
        // Units that share a machine share its trouble.
        if !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
        true
    }

    fn missing(&mut self, subject: &str, why: &str) {
        self.busy.push((busy(subject, why), None));
    }

    fn conclude(mut self) -> (Verdict, IdleMemory) {
        if !self.troubles.is_empty() {
            self.troubles.sort_by_key(|trouble| trouble.kind);
            return (Verdict::Trouble(self.troubles), self.next);
        }
        if self.busy.is_empty() {
            return (Verdict::Settled, self.next);
        }
        let lefts: Option<Vec<Duration>> = self.busy.iter().map(|(_, left)| *left).collect();
        let verdict = Verdict::Busy {
            settled_in: lefts.and_then(|lefts| lefts.into_iter().max()),
            reasons: self.busy.into_iter().map(|(busy, _)| busy).collect(),
        };
        (verdict, self.next)
    }
}

fn machine_error(info: &StatusInfo) -> bool {
    matches!(info.current.as_str(), "error" | "provisioning error")
}

fn busy(subject: &str, why: &str) -> Busy {
    Busy {
        subject: subject.to_owned(),
        why: why.to_owned(),
    }
}

/// Returns a status with its message, as "`executing` (running install hook)".
fn describe(info: &StatusInfo) -> String {
    let current = if info.current.is_empty() {
        "unknown"
    } else {
        &info.current
    };
    if info.message.is_empty() {
        return format!("`{current}`");
    }
    format!("`{current}` ({})", info.message)
}

/// Returns what each application and unit of a status is doing.
pub(super) fn describe_all(status: &Status) -> Vec<Busy> {
    let mut lines = Vec::new();
    for (name, application) in &status.applications {
        lines.push(busy(name, &describe(&application.status)));
        for (name, unit) in status.units_of(name) {
            lines.push(busy(
                name,
                &format!(
                    "{}, agent {}",
                    describe(&unit.workload),
                    describe(&unit.agent)
                ),
            ));
        }
    }
    if lines.is_empty() {
        lines.push(busy("", "there are no applications in the model"));
    }
    lines
}
