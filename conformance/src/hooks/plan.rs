//! How the recorded hooks are replayed, and the differences that stay.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::compare::{Aspect, Found};
use super::trace::Call;
use crate::Result;

/// A recorded scenario.
#[derive(Debug, Deserialize)]
pub(crate) struct Recording {
    pub(crate) steps: Vec<Step>,
    pub(crate) traces: BTreeMap<String, Vec<Call>>,
}

/// Something that was done while recording; what was only looked at has no command and tells the charm nothing.
#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    /// When it began, in milliseconds since the scenario did.
    #[serde(default)]
    pub(crate) at: u64,
    pub(crate) command: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) exit: i32,
    #[serde(default)]
    pub(crate) stdout: String,
    pub(crate) charm_behaviour_now: Option<Behaviour>,
}

/// What an application's charm does from now on, by hook.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Behaviour {
    #[serde(rename = "for")]
    pub(crate) application: String,
    #[serde(default)]
    exit: BTreeMap<String, i32>,
    #[serde(default)]
    kill: BTreeMap<String, i32>,
    #[serde(default)]
    run: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    sleep: BTreeMap<String, f64>,
}

impl Behaviour {
    /// Returns what the charm runs, as a script for each hook.
    pub(crate) fn scripts(&self) -> BTreeMap<String, String> {
        let mut scripts: BTreeMap<String, String> = BTreeMap::new();
        let mut add = |hook: &String, line: String| {
            let script = scripts.entry(hook.clone()).or_default();
            script.push_str(&line);
            script.push('\n');
        };
        for (hook, lines) in &self.run {
            for line in lines {
                add(hook, line.clone());
            }
        }
        for (hook, seconds) in &self.sleep {
            add(hook, format!("sleep {seconds}"));
        }
        for (hook, signal) in &self.kill {
            add(hook, format!("kill -{signal} $$"));
        }
        for (hook, code) in &self.exit {
            add(hook, format!("code={code}"));
        }
        scripts
    }
}

/// The plan of the replay.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    pub(crate) session: Vec<Session>,
    #[serde(default)]
    deviation: Vec<Deviation>,
    #[serde(default)]
    uncompared: Vec<Uncompared>,
    /// Scenarios that are not replayed, and why.
    pub(crate) skip: BTreeMap<String, String>,
}

/// Scenarios that go on in one model, in this order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    pub(crate) scenarios: Vec<String>,
    /// Commands that make what the first scenario found.
    #[serde(default)]
    pub(crate) setup: Vec<String>,
    /// Commands that make what a later scenario found, by scenario.
    #[serde(default)]
    pub(crate) before: BTreeMap<String, Vec<String>>,
    /// Scenarios that begin with new agents: here the whole controller is stopped and starts again.
    #[serde(default)]
    pub(crate) restarts: Vec<String>,
}

/// A unit whose hooks depend on who is first.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Uncompared {
    scenario: String,
    unit: String,
    why: String,
}

/// A difference that stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deviation {
    scenario: String,
    /// The unit, or all of them.
    unit: Option<String>,
    aspect: Aspect,
    hook: String,
    /// How many such differences it explains at most.
    #[serde(default = "once")]
    times: usize,
    /// Whether it depends on the moment, so that it need not be there.
    #[serde(default)]
    sometimes: bool,
    why: String,
}

fn once() -> usize {
    1
}

impl Plan {
    /// Reads the plan.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Ok(toml::from_str(&fs::read_to_string(path)?)?)
    }

    /// Returns why a unit's hooks are not compared, if they are not.
    pub(crate) fn uncompared(&self, scenario: &str, unit: &str) -> Option<&str> {
        let names = |known: &&Uncompared| known.scenario == scenario && known.unit == unit;
        let known = self.uncompared.iter().find(names);
        known.map(|known| known.why.as_str())
    }

    /// Takes out what a deviation explains; returns what is left. `used` counts what each explained.
    pub(crate) fn unexplained(
        &self,
        scenario: &str,
        unit: &str,
        found: Vec<Found>,
        used: &mut BTreeMap<usize, usize>,
    ) -> Vec<Found> {
        let mut left = Vec::new();
        for found in found {
            let explains = |(index, known): &(usize, &Deviation)| {
                known.scenario == scenario
                    && known.unit.as_deref().is_none_or(|known| known == unit)
                    && known.aspect == found.aspect
                    && known.hook == found.hook
                    && used.get(index).copied().unwrap_or(0) < known.times
            };
            match self.deviation.iter().enumerate().find(explains) {
                Some((index, _)) => *used.entry(index).or_default() += 1,
                None => left.push(found),
            }
        }
        left
    }

    /// Returns what in the plan is not so any more: deviations of scenarios that ran which explained nothing.
    pub(crate) fn stale(
        &self,
        used: &BTreeMap<usize, usize>,
        ran: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let stale = |(index, known): (usize, &Deviation)| {
            (ran(&known.scenario) && !known.sometimes && !used.contains_key(&index)).then(|| {
                format!(
                    "hooks.toml explains a difference of {} in {} that is not there any more ({})",
                    known.hook, known.scenario, known.why
                )
            })
        };
        self.deviation
            .iter()
            .enumerate()
            .filter_map(stale)
            .collect()
    }

    /// Returns recorded scenarios about which the plan says nothing, and those it names that are not recorded.
    pub(crate) fn gaps(&self, recorded: &[String]) -> Vec<String> {
        let planned = |name: &String| {
            self.skip.contains_key(name)
                || self
                    .session
                    .iter()
                    .any(|session| session.scenarios.contains(name))
        };
        let missing = recorded
            .iter()
            .filter(|name| !planned(name))
            .map(|name| format!("hooks.toml says nothing about {name}"));
        let named = self
            .session
            .iter()
            .flat_map(|session| &session.scenarios)
            .chain(self.skip.keys());
        let strange = named
            .filter(|name| !recorded.contains(name))
            .map(|name| format!("hooks.toml names {name}, which is not recorded"));
        missing.chain(strange).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"
        [[session]]
        scenarios = ["one"]
        [[deviation]]
        scenario = "one"
        unit = "a/0"
        aspect = "recorded"
        hook = "config-changed"
        why = "runs twice"
        [[uncompared]]
        scenario = "one"
        unit = "b/0"
        why = "races"
        [skip]
        two = "reason"
    "#;

    fn difference(hook: &str) -> Found {
        Found {
            aspect: Aspect::Recorded,
            hook: hook.to_owned(),
            detail: String::new(),
        }
    }

    #[test]
    fn a_deviation_explains_its_own_difference_only_as_often_as_it_says() {
        let plan: Plan = toml::from_str(PLAN).unwrap();
        assert_eq!(plan.uncompared("one", "b/0"), Some("races"));
        assert_eq!(plan.uncompared("one", "a/0"), None);
        let mut used = BTreeMap::new();
        assert_eq!(plan.stale(&used, |_| true).len(), 1);
        assert_eq!(plan.stale(&used, |_| false).len(), 0);
        let all = || vec![difference("config-changed")];
        assert_eq!(plan.unexplained("two", "a/0", all(), &mut used).len(), 1);
        assert_eq!(plan.unexplained("one", "a/1", all(), &mut used).len(), 1);
        let other = vec![difference("start")];
        assert_eq!(plan.unexplained("one", "a/0", other, &mut used).len(), 1);
        assert_eq!(plan.unexplained("one", "a/0", all(), &mut used).len(), 0);
        assert_eq!(plan.unexplained("one", "a/0", all(), &mut used).len(), 1);
        assert!(plan.stale(&used, |_| true).is_empty());
    }

    #[test]
    fn every_recording_is_planned_or_skipped() {
        let plan: Plan = toml::from_str(PLAN).unwrap();
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        assert!(plan.gaps(&names(&["one", "two"])).is_empty());
        assert_eq!(plan.gaps(&names(&["one", "two", "three"])).len(), 1);
        assert_eq!(plan.gaps(&names(&["one"])).len(), 1);
    }

    #[test]
    fn behaviour_becomes_scripts() {
        let text = r#"{"for": "a", "exit": {"stop": 1}, "kill": {"start": 9}, "run": {"stop": ["x y", "z"]}}"#;
        let behaviour: Behaviour = serde_json::from_str(text).unwrap();
        let scripts = behaviour.scripts();
        assert_eq!(scripts["stop"], "x y\nz\ncode=1\n");
        assert_eq!(scripts["start"], "kill -9 $$\n");
    }
}
