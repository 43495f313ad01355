//! What the units did: the history of their states as `juju show-status-log` tells it. Pure.

use serde_json::Value;

/// One state that a unit was in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    since: String,
    kind: String,
    status: String,
    message: String,
}

/// Reads `juju show-status-log --format json`, the oldest entry first; what is none leaves nothing.
pub(super) fn read(text: &str) -> Vec<Entry> {
    let entries: Value = serde_json::from_str(text).unwrap_or_default();
    let read = |entry: &Value| {
        let word = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        Entry {
            since: word("since"),
            kind: word("type"),
            status: word("status"),
            message: word("message"),
        }
    };
    entries.as_array().into_iter().flatten().map(read).collect()
}

/// Lists the states of one unit.
pub(super) fn table(entries: &[Entry]) -> String {
    let lines = entries.iter().map(|entry| {
        let Entry { kind, status, .. } = entry;
        line(&format!(
            "{}  {kind:<9}  {status:<11}  {}",
            time(entry),
            entry.message
        ))
    });
    lines.collect()
}

/// Lists the hooks and actions that the units ran, in the order in which they began.
pub(super) fn hooks(entries: Vec<(&str, Entry)>) -> String {
    let mut ran: Vec<(&str, Entry)> = entries
        .into_iter()
        .filter(|(_, entry)| {
            entry.kind == "juju-unit" && matches!(entry.status.as_str(), "executing" | "error")
        })
        .collect();
    // Times have whole seconds: of the same second, a unit's own order holds.
    ran.sort_by(|(_, one), (_, other)| one.since.cmp(&other.since));
    let lines = ran.iter().map(|(unit, entry)| {
        let what = match entry.status.as_str() {
            "error" => format!("FAILED: {}", entry.message),
            _ => entry.message.clone(),
        };
        line(&format!("{}  {unit}  {what}", time(entry)))
    });
    lines.collect()
}

/// Returns `2026-11-22 09:05:01` of `2026-11-22T09:05:01Z`, as the log writes it.
fn time(entry: &Entry) -> String {
    entry
        .since
        .replacen('T', " ", 1)
        .trim_end_matches('Z')
        .to_owned()
}

fn line(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the embedded controller prints it; Juju 3.6 prints the same keys.
    const LOG: &str = r#"[
        {"status":"waiting","message":"waiting for machine","since":"2026-11-22T11:22:34Z","type":"workload"},
        {"status":"allocating","since":"2026-11-22T11:22:34Z","type":"juju-unit"},
        {"status":"executing","message":"running install hook","since":"2026-11-22T11:22:36Z","type":"juju-unit"},
        {"status":"error","message":"hook failed: \"install\"","since":"2026-11-22T11:22:38Z","type":"juju-unit"}
    ]"#;

    #[test]
    fn states_are_listed_as_they_came() {
        let text = table(&read(LOG));
        assert_eq!(
            text.lines().next(),
            Some("2026-11-22 11:22:34  workload   waiting      waiting for machine")
        );
        assert_eq!(
            text.lines().nth(1),
            Some("2026-11-22 11:22:34  juju-unit  allocating")
        );
        assert_eq!(read("ERROR no status history available"), []);
    }

    #[test]
    fn hooks_of_all_units_are_in_one_order() {
        let other = r#"[{"status":"executing","message":"running start hook","since":"2026-11-22T11:22:37Z","type":"juju-unit"}]"#;
        let of = |unit, text| read(text).into_iter().map(move |entry| (unit, entry));
        let text = hooks(of("a/0", LOG).chain(of("b/0", other)).collect());
        assert_eq!(
            text,
            "2026-11-22 11:22:36  a/0  running install hook\n\
             2026-11-22 11:22:37  b/0  running start hook\n\
             2026-11-22 11:22:38  a/0  FAILED: hook failed: \"install\"\n"
        );
    }
}
