//! The few lines of the evidence that matter most. Pure.

use std::time::SystemTime;

use serde_json::Value;

use crate::harness::Utc;

/// How many lines of the log are worth showing at once.
const LOG_LINES: usize = 5;

/// How many units in trouble are worth showing at once.
const UNIT_LINES: usize = 10;

/// A unit as `juju status --format json` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) name: String,
    status: String,
    message: String,
}

impl Unit {
    /// Tells whether the unit may be why a test failed.
    pub(super) fn is_in_trouble(&self) -> bool {
        matches!(
            self.status.as_str(),
            "error" | "blocked" | "unknown" | "lost"
        )
    }
}

/// Returns every unit of a status, subordinates after their principals.
pub(super) fn units(status: &Value) -> Vec<Unit> {
    let applications = status["applications"].as_object();
    let mut found = Vec::new();
    for application in applications.into_iter().flat_map(|map| map.values()) {
        collect(&application["units"], &mut found);
    }
    found
}

fn collect(units: &Value, found: &mut Vec<Unit>) {
    for (name, unit) in units.as_object().into_iter().flatten() {
        let text = |key: &str| {
            unit["workload-status"][key]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        found.push(Unit {
            name: name.clone(),
            status: text("current"),
            message: text("message"),
        });
        collect(&unit["subordinates"], found);
    }
}

/// Chooses the lines to show: units in trouble, then the last warnings and errors of the log.
pub(super) fn choose(units: &[Unit], log: &str) -> Vec<String> {
    let mut lines: Vec<String> = units
        .iter()
        .filter(|unit| unit.is_in_trouble())
        .take(UNIT_LINES)
        .map(|unit| format!("{}: {}: {}", unit.name, unit.status, unit.message))
        .map(|line| line.trim_end_matches([':', ' ']).to_owned())
        .collect();
    let alarming: Vec<&str> = log.lines().filter(|line| is_alarming(line)).collect();
    let last = &alarming[alarming.len().saturating_sub(LOG_LINES)..];
    lines.extend(last.iter().map(|&line| line.to_owned()));
    lines
}

/// Returns whether a line of `ENTITY: DATE TIME LEVEL MODULE MESSAGE` is a warning or an error.
fn is_alarming(line: &str) -> bool {
    let level = line.split_whitespace().find(|word| {
        let level = ["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
        level.contains(word)
    });
    matches!(level, Some("WARNING" | "ERROR" | "CRITICAL"))
}

/// Keeps the part of a log that was written since a point in time; lines that continue a message stay with it.
pub(super) fn log_since(log: &str, since: SystemTime) -> String {
    let since = Utc::of(since).spaced();
    let mut kept = String::new();
    let mut keep = false;
    for line in log.lines() {
        if let Some(time) = time_of(line) {
            keep = time >= since.as_str();
        }
        if keep {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Returns `DATE TIME` of a line of the log, without fractions of a second.
fn time_of(line: &str) -> Option<&str> {
    const LENGTH: usize = "2026-11-22 09:05:01".len();
    let (entity, rest) = line.split_once(": ")?;
    let time = rest.get(..LENGTH)?;
    let shape = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b' ',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    (!entity.contains(' ') && time.bytes().enumerate().all(shape)).then_some(time)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn units_in_trouble_come_before_the_last_alarms() {
        let status = serde_json::json!({"applications": {
            "db": {"units": {"db/0": {
                "workload-status": {"current": "error", "message": "hook failed: \"start\""},
                "subordinates": {"log/0": {"workload-status": {"current": "blocked"}}},
            }}},
            "web": {"units": {"web/0": {"workload-status": {"current": "active", "message": "ready"}}}},
            "idle": {},
        }});
        let units = units(&status);
        let names: Vec<_> = units.iter().map(|unit| unit.name.as_str()).collect();
        assert_eq!(names, ["db/0", "log/0", "web/0"]);
        let log: String = (0..9)
            .map(|n| {
                format!("unit-db-0: 2026-11-22 09:05:0{n} ERROR unit.db/0.juju-log fault {n}\n")
            })
            .chain([
                "unit-db-0: 2026-11-22 09:05:09 INFO unit.db/0.juju-log no ERROR here\n".to_owned(),
            ])
            .collect();
        let lines = choose(&units, &log);
        assert_eq!(
            lines[..2],
            ["db/0: error: hook failed: \"start\"", "log/0: blocked"]
        );
        assert_eq!(lines.len(), 2 + LOG_LINES);
        assert!(lines[6].ends_with("fault 8"), "{lines:?}");
    }

    #[test]
    fn nothing_is_made_of_a_status_that_is_none() {
        assert_eq!(units(&Value::Null), []);
        assert_eq!(choose(&[], ""), [""; 0]);
    }

    #[test]
    fn the_log_begins_with_the_test() {
        let log = "\
unit-a-0: 2026-11-22 09:04:59 INFO m before
continued: before
unit-a-0: 2026-11-22 09:05:01 INFO m first
  Traceback
machine-0: 2026-11-22 09:05:02.125 ERROR m last
";
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_338_301);
        assert_eq!(
            log_since(log, since),
            "unit-a-0: 2026-11-22 09:05:01 INFO m first\n  Traceback\nmachine-0: 2026-11-22 09:05:02.125 ERROR m last\n"
        );
    }
}
