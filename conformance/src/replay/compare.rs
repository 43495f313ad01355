//! What is compared of a record and our answer to the same command.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;

use super::record::Record;
use super::state::{self, State};
use crate::juju::{Said, TOO_LATE};
use crate::shape::{self, Difference};

/// What of an answer differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Aspect {
    /// The exit code.
    Exit,
    /// Whether there is anything on standard output.
    Stdout,
    /// Whether there is anything on standard error.
    Stderr,
    /// Whether an `ERROR` is printed.
    Error,
    /// A part of a message that programs match on.
    Text,
    /// The headings of tables.
    Table,
    /// Keys, types and literal values of JSON or YAML.
    Shape,
    /// What a status says of the units: which there are, what their workloads and agents do, and their messages.
    State,
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exit => "exit",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Error => "error",
            Self::Text => "text",
            Self::Table => "table",
            Self::Shape => "shape",
            Self::State => "state",
        })
    }
}

/// One difference between a record and our answer.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) aspect: Aspect,
    pub(crate) text: String,
    /// The place, when it is one of shape.
    pub(crate) shape: Option<Difference>,
}

/// Commands whose default format is YAML.
const YAML: &[&str] = &[
    "config",
    "show-model",
    "show-controller",
    "show-application",
    "show-unit",
    "show-machine",
    "show-storage",
    "show-operation",
    "show-secret",
    "show-space",
    "show-user",
    "show-credential",
];

/// Commands whose default format is a table.
const TABLES: &[&str] = &[
    "status",
    "models",
    "machines",
    "controllers",
    "storage",
    "storage-pools",
    "offers",
    "find-offers",
    "secrets",
    "resources",
    "model-config",
    "list-models",
    "list-machines",
    "list-resources",
    "show-status-log",
    "actions",
];

/// Compares the units that a status shows with those that were recorded.
pub(crate) fn states(theirs: &State, ours: &str) -> Option<Found> {
    let ours = state::read(ours).unwrap_or_default();
    let names: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    let different: Vec<String> = names
        .into_iter()
        .filter(|&name| theirs.get(name) != ours.get(name))
        .map(|name| {
            let [ours, theirs] = [&ours, theirs].map(|state| match state.get(name) {
                Some(words) => words.join(" ").trim().to_owned(),
                None => "absent".to_owned(),
            });
            format!("{name} is {ours}, not {theirs}")
        })
        .collect();
    (!different.is_empty()).then(|| Found {
        aspect: Aspect::State,
        text: different.join("; "),
        shape: None,
    })
}

/// Compares our answer with what was recorded, whose names are already ours.
pub(crate) fn compare(record: &Record, ours: &Said, fragments: &[String]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut add = |aspect, text: String| {
        found.push(Found {
            aspect,
            text,
            shape: None,
        });
    };
    if record.exit != ours.code {
        add(
            Aspect::Exit,
            format!("exit {}, not {}", ours.code, record.exit),
        );
    }
    for (aspect, theirs, ours) in [
        (Aspect::Stdout, &record.stdout, &ours.stdout),
        (Aspect::Stderr, &record.stderr, &ours.stderr),
    ] {
        match (theirs.trim().is_empty(), ours.trim().is_empty()) {
            (true, false) => add(aspect, format!("{aspect} should be empty: {}", cut(ours))),
            (false, true) => add(aspect, format!("{aspect} is empty, not {}", cut(theirs))),
            _ => {}
        }
    }
    let (theirs_error, ours_error) = (has_error(&record.stderr), has_error(&ours.stderr));
    if theirs_error != ours_error && record.exit != TOO_LATE {
        let text = if theirs_error {
            "prints no ERROR"
        } else {
            "prints an ERROR"
        };
        add(Aspect::Error, format!("{text}: {}", cut(&ours.stderr)));
    }
    for fragment in fragments {
        if record.stderr.contains(fragment.as_str()) && !ours.stderr.contains(fragment.as_str()) {
            add(
                Aspect::Text,
                format!(
                    "lacks `{fragment}` of `{}`: {}",
                    cut(&record.stderr),
                    cut(&ours.stderr)
                ),
            );
            break;
        }
    }
    if record.stdout.trim().is_empty() || ours.stdout.trim().is_empty() {
        return found;
    }
    match values(record, ours) {
        Values::Both(theirs, ours) => {
            found.extend(
                shape::compare(&theirs, &ours)
                    .into_iter()
                    .map(|difference| Found {
                        aspect: Aspect::Shape,
                        text: difference.to_string(),
                        shape: Some(difference),
                    }),
            );
        }
        Values::Theirs => found.push(Found {
            aspect: Aspect::Stdout,
            text: format!("is not structured: {}", cut(&ours.stdout)),
            shape: None,
        }),
        Values::Neither if is_table(record) => {
            let (theirs, ours) = (headings(&record.stdout), headings(&ours.stdout));
            if theirs != ours {
                found.push(Found {
                    aspect: Aspect::Table,
                    text: format!("has the headings {ours:?}, not {theirs:?}"),
                    shape: None,
                });
            }
        }
        Values::Neither => {}
    }
    found
}

/// Returns whether the messages are equal, word for word.
pub(crate) fn same_words(record: &Record, ours: &Said) -> bool {
    record.stderr.trim() == ours.stderr.trim()
}

enum Values {
    Both(serde_json::Value, serde_json::Value),
    Theirs,
    Neither,
}

fn values(record: &Record, ours: &Said) -> Values {
    let read: fn(&str) -> Option<serde_json::Value> = match record.format() {
        Some("json") => shape::json,
        Some("yaml") => shape::yaml,
        None if YAML.contains(&record.command()) && record.stdout.contains(':') => shape::yaml,
        _ => return Values::Neither,
    };
    // Not everything is structured: `config APP KEY` prints the bare value in every format.
    match (read(&record.stdout), read(&ours.stdout)) {
        (Some(theirs), Some(ours)) => Values::Both(theirs, ours),
        (Some(_), None) => Values::Theirs,
        _ => Values::Neither,
    }
}

fn is_table(record: &Record) -> bool {
    let tabular = record.format().is_none_or(|format| format == "tabular");
    tabular
        && record.exit == 0
        && TABLES.contains(&record.command())
        && !record.words().iter().any(|word| word == "--schema")
}

/// Returns the first line of each part of a table: its headings, or what stands over it.
fn headings(text: &str) -> Vec<String> {
    let parts = text.split("\n\n");
    let lines = parts.filter_map(|part| part.lines().find(|line| !line.trim().is_empty()));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn has_error(stderr: &str) -> bool {
    stderr.lines().any(|line| line.starts_with("ERROR"))
}

/// Returns the beginning of a text, on one line.
pub(crate) fn cut(text: &str) -> String {
    let line = text.trim().replace('\n', " / ");
    match line.char_indices().nth(160) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(words: &str, exit: i32, stdout: &str, stderr: &str) -> Record {
        Record {
            id: "x-001".to_owned(),
            seq: 1,
            argv: words.split(' ').map(str::to_owned).collect(),
            env: std::collections::BTreeMap::new(),
            stdin: None,
            exit,
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
            note: None,
        }
    }

    fn said(code: i32, stdout: &str, stderr: &str) -> Said {
        Said {
            code,
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        }
    }

    fn aspects(record: &Record, said: &Said) -> Vec<Aspect> {
        let fragments = ["not found".to_owned()];
        let found = compare(record, said, &fragments);
        found.iter().map(|found| found.aspect).collect()
    }

    #[test]
    fn an_answer_that_is_alike_has_no_difference() {
        let record = record("juju status --format json", 0, "{\"a\":1}\n", "hint");
        assert_eq!(aspects(&record, &said(0, "{\"a\":2}", "another hint")), []);
    }

    #[test]
    fn every_aspect_can_differ() {
        use Aspect::{Error, Exit, Shape, Stderr, Stdout, Table, Text};
        let json = record("juju status --format json", 0, "{\"a\":1}\n", "");
        let yaml = record("juju show-unit a/0", 0, "a/0:\n  leader: true\n", "");
        let table = record(
            "juju status",
            0,
            "Model  Controller\nm      c\n\nApp  Version\n",
            "",
        );
        let error = record(
            "juju config a",
            1,
            "{}\n",
            "ERROR application a not found (not found)\n",
        );
        for (record, said, expected) in [
            (&json, said(1, "{\"a\":1}", ""), vec![Exit]),
            (&json, said(0, "", ""), vec![Stdout]),
            (&json, said(0, "{\"a\":1}", "noise"), vec![Stderr]),
            (&json, said(0, "{\"b\":1}", ""), vec![Shape, Shape]),
            (&json, said(0, "no json", ""), vec![Stdout]),
            (&yaml, said(0, "a/0:\n  leader: false\n", ""), vec![Shape]),
            (
                &table,
                said(0, "Model  Controller\nm      c\n", ""),
                vec![Table],
            ),
            (
                &table,
                said(0, "Model Controller\nx  y\n\nApp  Version\n", ""),
                vec![],
            ),
            (
                &error,
                said(1, "{}", "ERROR no such application"),
                vec![Text],
            ),
            (&error, said(1, "{}", "application not found"), vec![Error]),
            (
                &error,
                said(0, "", ""),
                vec![Exit, Stdout, Stderr, Error, Text],
            ),
        ] {
            assert_eq!(aspects(record, &said), expected, "{said:?}");
        }
    }

    #[test]
    fn units_that_are_otherwise_are_named() {
        let table = |units: &str| format!("Unit  Workload  Agent\n{units}\n");
        let theirs = state::read(&table("a/0  active  idle\nb/0  error  idle\n")).unwrap();
        assert!(states(&theirs, &table("a/0   active  idle\nb/0  error  idle")).is_none());
        let found = states(&theirs, &table("a/0  active  executing\nc/0  active  idle")).unwrap();
        assert_eq!(found.aspect, Aspect::State);
        assert_eq!(
            found.text,
            "a/0 is active executing, not active idle; b/0 is absent, not error idle; c/0 is active idle, not absent"
        );
        assert!(states(&theirs, "").is_some());
    }

    #[test]
    fn the_format_after_two_dashes_belongs_to_the_remote_command() {
        let record = record("juju exec -u a/0 -- echo --format json", 0, "{\"a\":1}", "");
        assert_eq!(aspects(&record, &said(0, "text", "")), []);
    }
}
