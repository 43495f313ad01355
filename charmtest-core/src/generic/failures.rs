//! What is said about a charm whose hook failed or whose status is not good enough. Pure.

use super::Require;
use crate::juju::Status;
use crate::juju::status::Unit;

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
    let (name, end) = match hook.split_once(' ') {
        Some((name, end)) => (name, format!(" ({end})")),
        None => (hook, String::new()),
    };
    let how = exit_of(name, &lines).map_or_else(String::new, |how| format!(": {how}"));
    let mut text = format!("hook \"{name}\"{end} of {unit} failed{how}");
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

/// Returns how the hook ended, as the log says it: `exit status 1`.
fn exit_of<'a>(name: &str, lines: &[&'a str]) -> Option<&'a str> {
    let begin = format!("hook \"{name}\"");
    lines.iter().rev().find_map(|line| {
        let (_, rest) = line.split_once(&begin)?;
        let (_, how) = rest.split_once(" failed: ")?;
        Some(how.trim())
    })
}

/// Returns what is to be said of units that are settled: what keeps a test from passing, else a note for each.
pub(super) fn weigh(
    status: &Status,
    application: &str,
    require: Require,
) -> Result<Vec<String>, String> {
    let mut notes = Vec::new();
    for (name, unit) in status.units_of(application) {
        let (current, message) = (&unit.workload.current, &unit.workload.message);
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
}
