//! The hooks that units ran, as their charm noted them in the log.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What starts a charm's note of a hook.
const MARK: &str = "hook: ";

/// A hook that has to have run, or hooks that have to have run in any order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Expected {
    One(String),
    AnyOrder(Vec<String>),
}

/// Reads the hooks of each unit from a log. A hook reads `NAME`, `NAME(remote)`, `NAME(remote)<departing unit or storage>`; an action
/// `action NAME`.
pub(crate) fn read(log: &str) -> BTreeMap<String, Vec<String>> {
    let mut traces: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in log.lines() {
        let Some((unit, hook)) = note(line) else {
            continue;
        };
        traces.entry(unit).or_default().push(hook);
    }
    traces
}

fn note(line: &str) -> Option<(String, String)> {
    let (before, note) = line.split_once(MARK)?;
    let (_, module) = before.split_once(" unit.")?;
    let (unit, _) = module.split_once(".juju-log")?;
    let mut parts = note.trim_end().split('|');
    let path = parts.next()?;
    let hook = match path.split_once('/')? {
        ("actions", name) => format!("action {name}"),
        (_, name) => name.to_owned(),
    };
    let remote = parts.next().filter(|remote| !remote.is_empty());
    let about = parts.next().filter(|about| !about.is_empty());
    let mut text = hook;
    if let Some(remote) = remote {
        text.push_str(&format!("({remote})"));
    }
    if let Some(about) = about {
        text.push_str(&format!("<{about}>"));
    }
    Some((unit.to_owned(), text))
}

/// Compares hooks with what was expected; `None` when they agree. `update-status` counts only where it is expected.
pub(crate) fn differ(expected: &[Expected], ran: &[String]) -> Option<String> {
    let timed = expected
        .iter()
        .any(|expected| expected.has("update-status"));
    let ran: Vec<&str> = ran
        .iter()
        .map(String::as_str)
        .filter(|hook| timed || *hook != "update-status")
        .collect();
    if agrees(expected, &ran) {
        return None;
    }
    let wanted: Vec<String> = expected.iter().map(Expected::text).collect();
    Some(format!(
        "ran      {}\nexpected {}",
        ran.join(" "),
        wanted.join(" ")
    ))
}

/// Returns how many hooks are expected.
pub(crate) fn count(expected: &[Expected]) -> usize {
    expected.iter().map(|expected| expected.hooks().len()).sum()
}

fn agrees(expected: &[Expected], ran: &[&str]) -> bool {
    let mut rest = ran;
    for expected in expected {
        let hooks = expected.hooks();
        let Some((here, after)) = rest.split_at_checked(hooks.len()) else {
            return false;
        };
        let (mut here, mut hooks) = (here.to_vec(), hooks);
        if matches!(expected, Expected::AnyOrder(_)) {
            here.sort_unstable();
            hooks.sort_unstable();
        }
        if here != hooks {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

impl Expected {
    fn hooks(&self) -> Vec<&str> {
        match self {
            Self::One(hook) => vec![hook],
            Self::AnyOrder(hooks) => hooks.iter().map(String::as_str).collect(),
        }
    }

    fn has(&self, hook: &str) -> bool {
        self.hooks().contains(&hook)
    }

    fn text(&self) -> String {
        match self {
            Self::One(hook) => hook.clone(),
            Self::AnyOrder(hooks) => format!("[{}]", hooks.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_in_a_log_are_hooks() {
        let log = "unit-a-0: 10:11:12 INFO unit.a/0.juju-log hook: hooks/install||\n\
                   unit-a-0: 10:11:12 INFO unit.a/0.juju-log something: else\n\
                   unit-b-c-1: 10:11:12 INFO unit.b-c/1.juju-log db:7: hook: hooks/db-relation-departed|a/0|a/0\n\
                   unit-a-0: 10:11:13 INFO unit.a/0.juju-log hook: actions/say||\n\
                   unit-a-0: 10:11:13 INFO unit.a/0.juju-log hook: hooks/data-storage-attached||data/0\n";
        let traces = read(log);
        assert_eq!(
            traces["a/0"],
            ["install", "action say", "data-storage-attached<data/0>"]
        );
        assert_eq!(traces["b-c/1"], ["db-relation-departed(a/0)<a/0>"]);
    }

    #[test]
    fn traces_differ_when_a_hook_is_missing_added_or_in_another_place() {
        let one = |hook: &str| Expected::One(hook.to_owned());
        let any = Expected::AnyOrder(vec!["x".to_owned(), "y".to_owned()]);
        let expected = [one("install"), any, one("start")];
        for (ran, same) in [
            (vec!["install", "x", "y", "start"], true),
            (vec!["install", "y", "x", "update-status", "start"], true),
            (vec!["install", "y", "start", "x"], false),
            (vec!["install", "x", "y"], false),
            (vec!["install", "x", "y", "start", "start"], false),
            (vec!["x", "y", "start"], false),
            (vec![], false),
        ] {
            let ran: Vec<String> = ran.into_iter().map(str::to_owned).collect();
            assert_eq!(differ(&expected, &ran).is_none(), same, "{ran:?}");
        }
    }
}
