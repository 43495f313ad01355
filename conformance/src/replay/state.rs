//! How the units are that a status shows.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::shape;

/// Units and how they are: workload, agent, and the messages of both.
pub(crate) type State = BTreeMap<String, [String; 4]>;

/// Returns what units a structured status shows, and how they are.
fn units(status: &Value) -> Option<State> {
    let applications = status["applications"].as_object()?;
    let units = applications
        .values()
        .flat_map(|application| application["units"].as_object().into_iter().flatten());
    let word = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let state = units.map(|(name, unit)| {
        let (workload, agent) = (&unit["workload-status"], &unit["juju-status"]);
        let words = [
            word(&workload["current"]),
            word(&agent["current"]),
            word(&workload["message"]),
            word(&agent["message"]),
        ];
        (name.clone(), words)
    });
    Some(state.collect())
}

/// Returns what units a status shows, and how they are: workload, agent, and what both say.
pub(crate) fn read(status: &str) -> Option<State> {
    let value = shape::json(status)
        .filter(Value::is_object)
        .or_else(|| shape::yaml(status));
    if let Some(state) = value.and_then(|value| units(&value)) {
        return Some(state);
    }
    let lines = status.lines().skip_while(|line| !line.starts_with("Unit "));
    let mut state = BTreeMap::new();
    for line in lines.skip(1).take_while(|line| !line.is_empty()) {
        let words: Vec<&str> = line
            .split("  ")
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .collect();
        if let [unit, workload, agent, ..] = words.as_slice() {
            let words = [
                (*workload).to_owned(),
                (*agent).to_owned(),
                String::new(),
                String::new(),
            ];
            state.insert((*unit).to_owned(), words);
        }
    }
    (!state.is_empty()).then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_units_is_read_from_every_format() {
        let json = r#"{"applications":{"a":{"units":{"a/0":{"workload-status":{"current":"active"},"juju-status":{"current":"idle"}}}}}}"#;
        let yaml = "applications:\n  a:\n    units:\n      a/0:\n        workload-status:\n          current: active\n        juju-status:\n          current: idle\n";
        let table = "Model  X\nm      y\n\nUnit   Workload  Agent  Machine\na/0    active    idle   0\n\nMachine  State\n0        started\n";
        let words = ["active", "idle", "", ""].map(str::to_owned);
        let expected = Some(BTreeMap::from([("a/0".to_owned(), words)]));
        for text in [json, yaml, table] {
            assert_eq!(read(text), expected, "{text}");
        }
        assert_eq!(read("Model  X\n"), None);
    }
}
