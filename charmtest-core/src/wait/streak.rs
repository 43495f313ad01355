//! For how long a condition has to hold.

use crate::juju::Status;
use std::time::Duration;

/// How often the condition is looked at, at least, where nothing else is asked for.
const LOOKS: u32 = 3;

/// How long it has to hold on the embedded controller while there is work to do.
const WHILE_BUSY: Duration = Duration::from_millis(200);

/// How often it has to hold there while there is none.
const AT_REST: u32 = 2;

/// When a condition has held for long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// When it was true so many times in a row.
    Looks(u32),
    /// When it was true for a moment in a model at rest, in which nothing is going to change; else for longer. For the
    /// embedded controller, which shows no agent idle that has something to do.
    Rest,
}

impl Patience {
    /// What a real Juju needs, which shows its agents idle for a moment before they work.
    pub(super) const USUAL: Self = Self::Looks(LOOKS);
}

/// How long a condition has held up to now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Streak {
    looks: u32,
    at_rest: u32,
    since: Duration,
}

impl Streak {
    /// Takes a look, at a time since the wait began, and tells whether the condition has held for long enough.
    pub(super) fn look(
        &mut self,
        patience: Patience,
        ready: bool,
        at_rest: bool,
        now: Duration,
    ) -> bool {
        if !ready {
            *self = Self::default();
            return false;
        }
        if self.looks == 0 {
            self.since = now;
        }
        self.looks += 1;
        self.at_rest = if at_rest { self.at_rest + 1 } else { 0 };
        match patience {
            Patience::Looks(looks) => self.looks >= looks,
            Patience::Rest => {
                let held = now.saturating_sub(self.since) >= WHILE_BUSY && self.looks >= LOOKS;
                self.at_rest >= AT_REST || held
            }
        }
    }
}

/// Tells whether nothing in a model has anything to do.
pub(super) fn is_at_rest(status: &Status) -> bool {
    let leaving = |life: &str| !matches!(life, "" | "alive");
    status.applications.iter().all(|(name, application)| {
        let units = status.units_of(name);
        !leaving(&application.life) && units.iter().all(|(_, unit)| unit.is_idle())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::juju::status::{Application, Unit};

    /// Returns after which of the looks, 50 milliseconds apart, the condition has held for long enough.
    fn enough_after(patience: Patience, looks: &[(bool, bool)]) -> Option<usize> {
        let mut streak = Streak::default();
        looks
            .iter()
            .enumerate()
            .position(|(number, (ready, at_rest))| {
                let now = Duration::from_millis(50) * u32::try_from(number).unwrap();
                streak.look(patience, *ready, *at_rest, now)
            })
    }

    #[test]
    fn a_condition_holds_for_some_looks_or_until_the_model_rests() {
        const NO: (bool, bool) = (false, true);
        const BUSY: (bool, bool) = (true, false);
        const REST: (bool, bool) = (true, true);
        let looks = Patience::Looks(3);
        assert_eq!(enough_after(looks, &[BUSY, REST, BUSY]), Some(2));
        assert_eq!(enough_after(looks, &[BUSY, BUSY, NO, BUSY, BUSY]), None);
        assert_eq!(enough_after(Patience::Looks(1), &[NO, BUSY]), Some(1));
        let rest = Patience::Rest;
        assert_eq!(enough_after(rest, &[REST, REST]), Some(1));
        assert_eq!(enough_after(rest, &[NO, BUSY, REST, REST]), Some(3));
        assert_eq!(enough_after(rest, &[REST, BUSY, REST, BUSY]), None);
        assert_eq!(enough_after(rest, &[BUSY; 5]), Some(4));
        assert_eq!(
            enough_after(rest, &[BUSY, BUSY, NO, BUSY, BUSY, BUSY]),
            None
        );
    }

    #[test]
    fn a_model_rests_when_every_agent_is_idle_and_nothing_leaves() {
        let status = |agent: &str, life: &str| {
            let mut unit = Unit::default();
            unit.agent.current = agent.to_owned();
            let application = Application {
                life: life.to_owned(),
                units: [("a/0".to_owned(), unit)].into(),
                ..Application::default()
            };
            Status {
                applications: [("a".to_owned(), application)].into(),
                ..Status::default()
            }
        };
        for (agent, life, rests) in [
            ("idle", "", true),
            ("idle", "alive", true),
            ("executing", "alive", false),
            ("allocating", "", false),
            ("idle", "dying", false),
        ] {
            assert_eq!(is_at_rest(&status(agent, life)), rests, "{agent} {life}");
        }
        assert!(is_at_rest(&Status::default()));
    }
}
