//! What commands said of tasks, in a form in which two runs can be compared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The ids of a recording with those they are here: of models and of secrets.
#[derive(Debug, Default)]
pub(crate) struct Ids(BTreeMap<String, String>);

impl Ids {
    /// Takes ids that are new from the same place of both texts.
    pub(crate) fn learn(&mut self, recorded: &str, here: &str) {
        let [theirs, ours] = [recorded, here].map(|text| {
            let ids: Vec<&str> = words(text).filter(|word| is_id(word)).collect();
            ids
        });
        if theirs.len() != ours.len() {
            return;
        }
        for (recorded, here) in theirs.into_iter().zip(ours) {
            self.0
                .entry(recorded.to_owned())
                .or_insert_with(|| here.to_owned());
        }
    }

    /// Returns a recorded text with the ids that they are here.
    pub(crate) fn here(&self, text: &str) -> String {
        let replace = |text: String, (theirs, ours): (&String, &String)| text.replace(theirs, ours);
        self.0.iter().fold(text.to_owned(), replace)
    }
}

/// Compares what two answers in JSON say of tasks; returns the differences, each with its unit. Ids of tasks and times are of the run.
pub(crate) fn tasks(recorded: &str, here: &str) -> Vec<(String, String)> {
    let [Ok(Value::Object(theirs)), Ok(Value::Object(ours))] =
        [recorded, here].map(serde_json::from_str::<Value>)
    else {
        return Vec::new();
    };
    // Operations have a summary.
    let is_task = |value: &Value| value.get("timing").is_some() && value.get("summary").is_none();
    if !theirs.values().all(is_task) {
        return Vec::new();
    }
    let receivers: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    let mut found = Vec::new();
    for receiver in receivers {
        let [theirs, ours] =
            [&theirs, &ours].map(|tasks| tasks.get(receiver).map(parts).unwrap_or_default());
        let names: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
        for name in names {
            let [theirs, ours] = [&theirs, &ours].map(|parts| parts.get(name));
            if theirs != ours {
                let shown = |value: Option<&String>| {
                    value.map_or_else(|| "not there".to_owned(), |value| format!("`{value}`"))
                };
                let detail = format!("{name} is {} on Juju, {} here", shown(theirs), shown(ours));
                found.push((receiver.clone(), detail));
            }
        }
    }
    found
}

/// Returns what a task says by name: status, message, results, log.
fn parts(task: &Value) -> BTreeMap<String, String> {
    let mut parts = BTreeMap::new();
    for name in ["status", "message"] {
        if let Some(text) = task[name].as_str() {
            parts.insert(name.to_owned(), plain(text));
        }
    }
    for (name, value) in task["results"].as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => plain(text),
            value => value.to_string(),
        };
        parts.insert(format!("results {name}"), text);
    }
    let lines = task["log"].as_array().into_iter().flatten();
    let lines: Vec<String> = lines.filter_map(Value::as_str).map(plain).collect();
    if !lines.is_empty() {
        parts.insert("log".to_owned(), lines.join("\n"));
    }
    parts
}

/// Returns a text without its times, addresses and ids: what is listed by id comes in another order in another run.
fn plain(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-:.".contains(c);
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest
            .find(|c| is_part(c) != is_part(first))
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        plain.push_str(stand_in(word).unwrap_or(word));
        rest = after;
    }
    plain
}

/// Returns what stands for a word that is of the run.
fn stand_in(word: &str) -> Option<&'static str> {
    let numbers: Vec<&str> = word.split('.').collect();
    let is_address =
        numbers.len() == 4 && numbers.iter().all(|number| number.parse::<u8>().is_ok());
    let is_time = word.len() >= 8
        && word.starts_with(|c: char| c.is_ascii_digit())
        && word
            .chars()
            .all(|c| c.is_ascii_digit() || "-:.TZ".contains(c))
        && (word.contains(':') || word.matches('-').count() == 2);
    match () {
        () if is_address => Some("ADDRESS"),
        () if is_time => Some("TIME"),
        () if is_id(word) => Some("ID"),
        () => word
            .strip_suffix(':')
            .filter(|word| is_id(word))
            .map(|_| "ID:"),
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
}

/// Says whether a word is the id of a secret or a UUID.
fn is_id(word: &str) -> bool {
    let is_secret = word.len() == 20
        && word.chars().all(|c| matches!(c, '0'..='9' | 'a'..='v'))
        && word.contains(|c: char| c.is_ascii_digit());
    let groups: Vec<usize> = word.split('-').map(str::len).collect();
    let is_uuid =
        groups == [8, 4, 4, 4, 12] && word.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    is_secret || is_uuid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_recording_become_those_of_the_run() {
        let mut ids = Ids::default();
        let model = "f9b1fe93-c6b4-4956-8442-f3344fac642a";
        let theirs = format!("secret://{model}/ll2a5gcv9jrm9mate2k0\n");
        ids.learn(
            &theirs,
            "secret://00000000-c6b4-4956-8442-f3344fac642a/aaaaaaaaaaaaaaaaaaa1\n",
        );
        ids.learn("one", "ll2a5gcv9jrm9mate2k0");
        assert_eq!(
            ids.here("secret-get secret:ll2a5gcv9jrm9mate2k0 key"),
            "secret-get secret:aaaaaaaaaaaaaaaaaaa1 key"
        );
        assert_eq!(ids.here("other"), "other");
    }

    #[test]
    fn tasks_are_compared_but_for_ids_and_times() {
        let task = |id: &str, stdout: &str| {
            format!(
                r#"{{"a/0": {{"id": "{id}", "timing": {{}}, "status": "completed", "results": {{"return-code": 0, "stdout": "{stdout}"}}}}}}"#
            )
        };
        let expiry = "expiry: 2026-11-22T00:13:37.762681005Z";
        let other = "expiry: 2027-01-01T00:00:00Z";
        assert_eq!(tasks(&task("1", expiry), &task("2", other)), []);
        assert_eq!(
            plain("10.200.0.5/32 \"ll2a5gcv9jrm9mate2k0\" ll2a5gcv9jrm9mate2k0:\n1 a.b 3:4"),
            "ADDRESS/32 \"ID\" ID:\n1 a.b 3:4"
        );
        assert_eq!(tasks(&task("1", "x"), &task("2", "x")), []);
        let found = tasks(&task("1", "x"), &task("1", "y"));
        let text = "results stdout is `x` on Juju, `y` here";
        assert_eq!(found, [("a/0".to_owned(), text.to_owned())]);
        let found = tasks(&task("1", "x"), "{}");
        assert_eq!(found.len(), 3);
        assert_eq!(tasks("{\"a\": 1}", "{}"), []);
        assert_eq!(tasks("text", "other"), []);
    }
}
