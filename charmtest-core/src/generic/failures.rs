//! What is said about a charm whose hook failed or whose status is not good enough. Pure.

use super::Require;
use crate::juju::Status;
use crate::juju::status::{StatusInfo, Unit};

/// How many of the last lines of a unit's log are shown.
pub(super) const LOG_LINES: usize = 50;

/// Returns the units in error with the hook that failed, those in `applications` first.
pub(super) fn failed_hooks(status: &Status, applications: &[String]) -> Vec<(String, String)> {
    let others = status.applications.keys();
    let others = others.filter(|name| !applications.contains(name));
    let names = applications.iter().chain(others);
    let units = names.flat_map(|name| status.units_of(name));
    units
        .filter_map(|(name, unit)| Some((name.to_owned(), failed_hook(unit)?)))
        .collect()
}

/// Returns the hook in which a unit is stuck: Juju says `hook failed: "install"`, and of relation hooks `hook failed: "db-relation-joined" for
/// db:server`.
fn failed_hook(unit: &Unit) -> Option<String> {
    let status = [&unit.workload, &unit.agent]
        .into_iter()
        .find(|status| status.current == "error")?;
    let hook = status.message.strip_prefix("hook failed: ");
    Some(hook.map_or_else(|| status.message.clone(), |hook| hook.replacen('"', "", 2)))
}

/// Describes a hook that failed by the log of its unit, the oldest line first.
pub(super) fn describe_hook(unit: &str, hook: &str, log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    // Juju logs the name of the hook alone.
    let (kind, end) = match hook.split_once(' ') {
        Some((name, end)) => (name, format!(" ({end})")),
        None => (hook, String::new()),
    };
    let (name, how) = match exit_of(kind, &lines) {
        Some((name, how)) => (name, format!(": {how}")),
        None => (kind, String::new()),
    };
    with_log(
        format!("hook \"{name}\"{end} of {unit} failed{how}"),
        unit,
        &lines,
    )
}

/// A hook that was killed, as Juju's agent tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kill {
    /// The unit.
    pub(super) unit: String,
    /// The kind of the hook: its name, but for those of relations and storage.
    kind: String,
}

impl Kill {
    /// Says whether the hook was one of this application's.
    pub(super) fn is_of(&self, application: &str) -> bool {
        let app = self.unit.rsplit_once('/').map(|(app, _)| app);
        app == Some(application)
    }
}

/// The part of Juju that tells of hooks that were killed.
pub(super) const KILLED_MODULE: &str = "juju.worker.uniter.resolver";

/// What it says behind the kind of the hook, if nobody but the hook was.
const KILLED: &str = "\" hook was killed, but agent still alive";

/// Returns the hooks that were killed, by what [`KILLED_MODULE`] logged: `unit-web-0: 12:00:00 WARNING
/// juju.worker.uniter.resolver last "install" hook was killed, but agent still alive`.
pub(super) fn killed_hooks(log: &str) -> Vec<Kill> {
    let killed = |line: &str| {
        let (begin, kind) = line.strip_suffix(KILLED)?.split_once(" last \"")?;
        let (tag, _) = begin.strip_prefix("unit-")?.split_once(": ")?;
        let (app, number) = tag.rsplit_once('-')?;
        Some(Kill {
            unit: format!("{app}/{number}"),
            kind: kind.to_owned(),
        })
    };
    log.lines().filter_map(killed).collect()
}

/// Describes a hook that was killed by the log of its unit, the oldest line first.
pub(super) fn describe_kill(kill: &Kill, log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let Kill { unit, kind } = kill;
    let mut names = lines.iter().rev().filter_map(|line| {
        let line = line.strip_suffix("\" was terminated")?;
        let (_, name) = line.split_once(" hook \"")?;
        is_of_kind(name, kind).then_some(name)
    });
    let name = names.next().unwrap_or(kind);
    let what = format!(
        "hook \"{name}\" of {unit} died of SIGTERM or SIGKILL; Juju does not call that a failure and only runs it again and again"
    );
    with_log(what, unit, &lines)
}

/// Puts the end of a unit's log behind what is said of it.
fn with_log(mut text: String, unit: &str, lines: &[&str]) -> String {
    let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
    if last.is_empty() {
        text.push_str("; its log is empty");
        return text;
    }
    text.push_str(&format!("\nthe last lines of the log of {unit}:"));
    for line in last {
        text.push_str("\n  ");
        text.push_str(line);
    }
    text
}

/// Returns the whole name of a hook and how it ended, as the log says it: `exit status 1`.
fn exit_of<'a>(kind: &str, lines: &[&'a str]) -> Option<(&'a str, &'a str)> {
    lines.iter().rev().find_map(|line| {
        let (_, rest) = line.split_once(" hook \"")?;
        let (name, rest) = rest.split_once('"')?;
        let (_, how) = rest.split_once(" failed: ")?;
        is_of_kind(name, kind).then_some((name, how.trim()))
    })
}

/// Says whether a status or a log that names `kind` may mean the hook `name`: of storage and containers Juju tells the kind alone,
/// `storage-attached` of `data-storage-attached`.
fn is_of_kind(name: &str, kind: &str) -> bool {
    let whose = name.strip_suffix(kind);
    whose.is_some_and(|whose| whose.is_empty() || whose.ends_with('-'))
}

/// Returns what is to be said of units that are settled: what keeps a test from passing, else a note for each.
pub(super) fn weigh(
    status: &Status,
    application: &str,
    require: Require,
) -> Result<Vec<String>, String> {
    let units = status.units_of(application).into_iter();
    let mut said: Vec<(String, &StatusInfo)> = units
        .map(|(name, unit)| (name.to_owned(), &unit.workload))
        .collect();
    // Juju shows the worst of the units for an application whose leader says nothing of it.
    let own = status.app(application).map(|app| &app.status);
    let own = own.filter(|own| !matches!(own.current.as_str(), "" | "unset" | "unknown"));
    let is_own = |own: &&StatusInfo| said.iter().all(|(_, unit)| unit.current != own.current);
    let own = own.filter(is_own);
    said.extend(own.map(|own| (format!("the application {application}"), own)));
    let mut notes = Vec::new();
    for (
        name,
        StatusInfo {
            current, message, ..
        },
    ) in said
    {
        let said = match message.is_empty() {
            true => format!("{name} is {current}"),
            false => format!("{name} is {current}: {message}"),
        };
        match (require, current.as_str()) {
            (_, "active") | (Require::Settled, "unknown") => {}
            (Require::Settled, _) => notes.push(said),
            (Require::Active, _) => return Err(format!("{said} (--require active)")),
        }
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(workload: &str, message: &str) -> Status {
        let json = serde_json::json!({"applications": {
            "web": {"units": {"web/0": {
                "workload-status": {"current": workload, "message": message},
                "juju-status": {"current": "idle"},
            }}},
            "db": {"units": {"db/0": {
                "workload-status": {"current": "error", "message": "hook failed: \"web-relation-joined\" for web:db"},
                "juju-status": {"current": "idle"},
            }}},
        }});
        Status::from_json(&json.to_string()).unwrap()
    }

    #[test]
    fn a_hook_is_named_with_its_exit_code_and_the_end_of_the_log() {
        let status = status("error", "hook failed: \"install\"");
        let failed = failed_hooks(&status, &["web".to_owned()]);
        assert_eq!(failed[0], ("web/0".to_owned(), "install".to_owned()));
        let joined = "web-relation-joined for web:db";
        assert_eq!(failed[1], ("db/0".to_owned(), joined.to_owned()));
        let mut log: String = (0..60)
            .map(|line| format!("unit-web-0: {line}\n"))
            .collect();
        log.push_str(
            "unit-web-0: 12:00:00 ERROR juju.worker.uniter.operation hook \"install\" (via hook dispatching script: \
             dispatch) failed: exit status 7\n",
        );
        let text = describe_hook("web/0", "install", &log);
        assert!(
            text.starts_with("hook \"install\" of web/0 failed: exit status 7\n"),
            "{text}"
        );
        assert!(text.contains("\n  unit-web-0: 59\n") && !text.contains("unit-web-0: 10\n"));
        assert_eq!(text.lines().count(), 2 + LOG_LINES);
        let log = "unit-db-0: 12:00:00 ERROR juju.worker.uniter.operation hook \"web-relation-joined\" (via explicit, bespoke hook \
                   script) failed: exit status 3\n";
        let text = describe_hook("db/0", joined, log);
        let begin = "hook \"web-relation-joined\" (for web:db) of db/0 failed: exit status 3\n";
        assert!(text.starts_with(begin), "{text}");
    }

    #[test]
    fn a_hook_of_storage_is_named_by_the_log() {
        let log = "unit-db-0: 12:00:00 ERROR juju.worker.uniter.operation hook \"data-storage-detaching\" (via hook dispatching script: \
                   dispatch) failed: exit status 6\n";
        let text = describe_hook("db/0", "storage-detaching", log);
        let begin = "hook \"data-storage-detaching\" of db/0 failed: exit status 6\n";
        assert!(text.starts_with(begin), "{text}");
        let text = describe_hook("db/0", "detaching-not", log);
        assert!(
            text.starts_with("hook \"detaching-not\" of db/0 failed\n"),
            "{text}"
        );
        for (name, kind, is) in [
            ("start", "start", true),
            ("data-storage-attached", "storage-attached", true),
            ("restart", "start", false),
            ("start", "restart", false),
        ] {
            assert_eq!(is_of_kind(name, kind), is, "{name} {kind}");
        }
    }

    #[test]
    fn a_hook_that_was_killed_is_known_by_the_log() {
        let log = "unit-my-web-10: 12:00:00 WARNING juju.worker.uniter.resolver last \"relation-joined\" hook was killed, but agent still alive\n\
                   unit-my-web-10: 12:00:01 INFO juju.worker.uniter.resolver something else\n\
                   unit-db-0: 12:00:02 WARNING juju.worker.uniter.resolver last \"stop\" hook was killed, but agent still alive\n\
                   machine-0: 12:00:02 WARNING x.y last \"stop\" hook was killed, but agent still alive\n";
        let killed = killed_hooks(log);
        let units: Vec<&str> = killed.iter().map(|kill| kill.unit.as_str()).collect();
        assert_eq!(units, ["my-web/10", "db/0"]);
        assert!(killed[0].is_of("my-web") && !killed[0].is_of("web"));
        let log = "unit-my-web-10: 11:59:57 WARNING unit.my-web/10.db-relation-joined out of memory\n\
                   unit-my-web-10: 11:59:57 WARNING juju.worker.uniter.operation hook \"db-relation-joined\" was terminated\n";
        let text = describe_kill(&killed[0], log);
        let begin = "hook \"db-relation-joined\" of my-web/10 died of SIGTERM or SIGKILL; ";
        assert!(text.starts_with(begin), "{text}");
        assert!(
            text.contains("\n  unit-my-web-10: 11:59:57 WARNING unit.my-web/10.db"),
            "{text}"
        );
        let text = describe_kill(&killed[0], "");
        assert!(
            text.starts_with("hook \"relation-joined\" of my-web/10 died"),
            "{text}"
        );
    }

    #[test]
    fn statuses_are_weighed() {
        let cases = [
            ("active", "", Require::Settled, Ok(vec![])),
            ("active", "ready", Require::Active, Ok(vec![])),
            ("unknown", "", Require::Settled, Ok(vec![])),
            (
                "unknown",
                "",
                Require::Active,
                Err("web/0 is unknown (--require active)"),
            ),
            (
                "blocked",
                "needs a db",
                Require::Settled,
                Ok(vec!["web/0 is blocked: needs a db"]),
            ),
            (
                "waiting",
                "",
                Require::Settled,
                Ok(vec!["web/0 is waiting"]),
            ),
            (
                "blocked",
                "needs a db",
                Require::Active,
                Err("web/0 is blocked: needs a db (--require active)"),
            ),
        ];
        for (current, message, require, expected) in cases {
            let said = weigh(&status(current, message), "web", require);
            let expected = expected
                .map(|notes| notes.into_iter().map(str::to_owned).collect::<Vec<_>>())
                .map_err(str::to_owned);
            assert_eq!(said, expected, "{current} {require}");
        }
    }

    #[test]
    fn what_a_leader_says_of_the_application_counts_as_well() {
        for (of_app, of_unit, notes) in [
            (
                "blocked",
                "active",
                vec!["the application web is blocked: no quorum"],
            ),
            ("active", "blocked", vec!["web/0 is blocked"]),
            ("active", "active", vec![]),
            // As of an application of which nothing is said.
            ("blocked", "blocked", vec!["web/0 is blocked"]),
            ("unset", "active", vec![]),
        ] {
            let json = serde_json::json!({"applications": {"web": {
                "application-status": {"current": of_app, "message": "no quorum"},
                "units": {"web/0": {"workload-status": {"current": of_unit}}},
            }}});
            let status = Status::from_json(&json.to_string()).unwrap();
            assert_eq!(
                weigh(&status, "web", Require::Settled).unwrap(),
                notes,
                "{of_app} {of_unit}"
            );
            let all_active = weigh(&status, "web", Require::Active);
            assert_eq!(all_active.is_ok(), notes.is_empty(), "{of_app} {of_unit}");
        }
    }
}
