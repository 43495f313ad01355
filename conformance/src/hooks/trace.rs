//! What one unit ran: its hooks in order, in a form in which two runs can be compared.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The variable that says whose subordinate a unit is: it is there for all units, and empty for most.
const PRINCIPAL: &str = "JUJU_PRINCIPAL_UNIT";

/// What stands for the directory of a storage instance: each has one of its own here.
const STORAGE: &str = "DIRECTORY";

/// A call of a charm as it was noted.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Call {
    /// When it started, in milliseconds since the scenario did.
    #[serde(default)]
    pub(crate) at: u64,
    pub(crate) dispatch: String,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) leader: bool,
    /// `None` when a signal ended it.
    pub(crate) exit: Option<i32>,
}

/// A hook or action, and what it was run with, without what differs from run to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hook {
    /// The name, for an action `action NAME`.
    pub(crate) name: String,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) leader: bool,
    /// How it ended: more than one end when it failed and was run again, each only once.
    pub(crate) ends: Vec<Option<i32>>,
}

impl Hook {
    /// Returns what tells this hook from others of its unit.
    pub(crate) fn text(&self) -> String {
        let variable = |name: &str| {
            let value = self.env.get(name).map(String::as_str);
            value.filter(|value| !value.is_empty())
        };
        let mut text = self.name.clone();
        if let Some(remote) = variable("JUJU_REMOTE_UNIT").or_else(|| variable("JUJU_REMOTE_APP")) {
            text.push_str(&format!("({remote})"));
        }
        let about = ["JUJU_DEPARTING_UNIT", "JUJU_STORAGE_ID"];
        if let Some(about) = about.into_iter().find_map(variable) {
            text.push_str(&format!("<{about}>"));
        }
        text
    }

    /// Returns the relation, as `endpoint#n` for the n-th of that endpoint.
    pub(crate) fn relation(&self) -> Option<&str> {
        self.env.get("JUJU_RELATION_ID").map(String::as_str)
    }

    /// Returns the remote unit; it is empty for what concerns the remote application.
    pub(crate) fn remote(&self) -> &str {
        self.env.get("JUJU_REMOTE_UNIT").map_or("", String::as_str)
    }

    fn is_again(&self, earlier: &Self) -> bool {
        self.name == earlier.name
            && self.env == earlier.env
            && earlier.ends.last().is_some_and(|end| *end != Some(0))
    }
}

/// Makes the hooks of one unit comparable: without `update-status`, with each hook that was run again until it succeeded as one, and
/// with ids by their order. `constant` are the variables that all hooks have.
pub(crate) fn normal<'a>(
    calls: impl IntoIterator<Item = &'a Call>,
    constant: &BTreeSet<String>,
) -> Vec<Hook> {
    let mut hooks: Vec<Hook> = Vec::new();
    let mut relations: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for call in calls {
        let name = match call.dispatch.split_once('/') {
            Some(("actions", name)) => format!("action {name}"),
            Some((_, name)) => name.to_owned(),
            None => call.dispatch.clone(),
        };
        if name == "update-status" {
            continue;
        }
        let own = |name: &str, value: &str| {
            name.starts_with("JUJU_")
                && (!constant.contains(name) || name == PRINCIPAL && !value.is_empty())
        };
        let env = call
            .env
            .iter()
            .filter(|(name, value)| own(name, value))
            .map(|(name, value)| (name.clone(), plain(name, value, &mut relations)));
        let hook = Hook {
            name,
            env: env.collect(),
            leader: call.leader,
            ends: vec![call.exit],
        };
        match hooks.last_mut() {
            Some(last) if hook.is_again(last) => {
                if last.ends.last() != hook.ends.last() {
                    last.ends.extend(hook.ends);
                }
            }
            _ => hooks.push(hook),
        }
    }
    hooks
}

/// Returns a variable's value without what is only of this run.
fn plain(name: &str, value: &str, relations: &mut BTreeMap<String, Vec<String>>) -> String {
    match name {
        "JUJU_RELATION_ID" => {
            let endpoint = value.split(':').next().unwrap_or(value);
            let known = relations.entry(endpoint.to_owned()).or_default();
            let index = known.iter().position(|id| id == value);
            let index = index.unwrap_or_else(|| {
                known.push(value.to_owned());
                known.len() - 1
            });
            format!("{endpoint}#{index}")
        }
        "JUJU_ACTION_UUID" => "ID".to_owned(),
        "JUJU_ACTION_TAG" if value.starts_with("action-") => "action-ID".to_owned(),
        "JUJU_STORAGE_LOCATION" if value.starts_with('/') => STORAGE.to_owned(),
        "JUJU_SECRET_ID" if value.starts_with("secret:") => "secret:ID".to_owned(),
        "JUJU_SECRET_ID" => "ID".to_owned(),
        _ => value.to_owned(),
    }
}

/// Reads what a call of the recorder charm noted: `env` lines, with `leader=` before and `exit=` after them.
pub(crate) fn note(text: &str) -> Option<(String, Call)> {
    let mut call = Call::default();
    for line in text.lines() {
        match line.split_once('=') {
            Some(("leader", value)) => call.leader = value == "True",
            Some(("exit", value)) => call.exit = value.parse().ok(),
            Some((name, value)) => {
                call.env.insert(name.to_owned(), value.to_owned());
            }
            // The next line of a variable with many.
            None => {}
        }
    }
    call.dispatch = call.env.get("JUJU_DISPATCH_PATH")?.clone();
    let unit = call.env.get("JUJU_UNIT_NAME")?.clone();
    Some((unit, call))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(dispatch: &str, env: &[(&str, &str)], exit: i32) -> Call {
        let env = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Call {
            dispatch: dispatch.to_owned(),
            env: env.collect(),
            exit: Some(exit),
            ..Call::default()
        }
    }

    #[test]
    fn what_depends_on_time_or_on_the_run_is_left_out() {
        let constant = BTreeSet::from(["JUJU_VERSION".to_owned(), PRINCIPAL.to_owned()]);
        let calls = [
            call(
                "hooks/config-changed",
                &[("JUJU_VERSION", "4"), (PRINCIPAL, ""), ("HOME", "/")],
                1,
            ),
            call("hooks/config-changed", &[], 1),
            call("hooks/update-status", &[], 0),
            call("hooks/config-changed", &[], 0),
            call("hooks/config-changed", &[], 0),
            call(
                "hooks/a-relation-created",
                &[("JUJU_RELATION_ID", "a:7"), (PRINCIPAL, "p/0")],
                0,
            ),
            call(
                "hooks/a-relation-created",
                &[("JUJU_RELATION_ID", "a:9")],
                0,
            ),
            call("actions/say", &[("JUJU_ACTION_TAG", "action-3")], 0),
        ];
        let hooks = normal(&calls, &constant);
        let shown: Vec<(&str, usize, &[Option<i32>])> = hooks
            .iter()
            .map(|hook| (hook.name.as_str(), hook.env.len(), hook.ends.as_slice()))
            .collect();
        assert_eq!(
            shown,
            [
                ("config-changed", 0, [Some(1), Some(0)].as_slice()),
                ("config-changed", 0, &[Some(0)]),
                ("a-relation-created", 2, &[Some(0)]),
                ("a-relation-created", 1, &[Some(0)]),
                ("action say", 1, &[Some(0)]),
            ]
        );
        assert_eq!(hooks[2].relation(), Some("a#0"));
        assert_eq!(hooks[3].relation(), Some("a#1"));
    }

    #[test]
    fn a_note_without_an_exit_code_is_of_a_hook_that_was_ended() {
        let text = "leader=True\nJUJU_DISPATCH_PATH=hooks/start\nJUJU_UNIT_NAME=a/0\nX=1\nmore\n";
        let (unit, call) = note(text).unwrap();
        assert_eq!(
            (unit.as_str(), call.dispatch.as_str()),
            ("a/0", "hooks/start")
        );
        assert!(call.leader && call.exit.is_none());
        let (_, call) = note(&format!("{text}exit=3\n")).unwrap();
        assert_eq!(call.exit, Some(3));
        assert!(note("leader=True\n").is_none());
    }
}
