//! The recorded commands.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::Result;

/// One command that was run on a real Juju, and what came of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Record {
    /// Topic and number.
    pub(crate) id: String,
    /// The place in the order over all topics.
    pub(crate) seq: u32,
    pub(crate) argv: Vec<String>,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) stdin: Option<String>,
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    #[serde(default)]
    pub(crate) note: Option<String>,
}

impl Record {
    /// Returns the topic, which is the name of the file.
    pub(crate) fn topic(&self) -> &str {
        super::plan::topic_of(&self.id)
    }

    /// Returns the words after `juju`; empty for another program.
    pub(crate) fn words(&self) -> &[String] {
        match self.argv.split_first() {
            Some((program, words)) if program == "juju" => words,
            _ => &[],
        }
    }

    /// Returns whether another program than `juju` was run, to show a file.
    pub(crate) fn is_other(&self) -> bool {
        self.argv.first().is_none_or(|program| program != "juju")
    }

    /// Returns the name of the juju command.
    pub(crate) fn command(&self) -> &str {
        let words = self.words().iter().map(String::as_str);
        words
            .into_iter()
            .find(|word| !word.starts_with('-'))
            .unwrap_or("")
    }

    /// Returns the value of `--format`, if it is given before `--`.
    pub(crate) fn format(&self) -> Option<&str> {
        self.value_of("--format")
    }

    fn value_of(&self, option: &str) -> Option<&str> {
        let words = self.words();
        let end = words.iter().position(|word| word == "--");
        let words = &words[..end.unwrap_or(words.len())];
        let at = words.iter().position(|word| word == option)?;
        words.get(at + 1).map(String::as_str)
    }

    /// Returns the model that `-m` or `--model` names, if it is given before `--`.
    pub(crate) fn model(&self) -> Option<&str> {
        self.value_of("-m").or_else(|| self.value_of("--model"))
    }

    /// Returns whether the command only reads.
    pub(crate) fn reads(&self) -> bool {
        const READING: &[&str] = &[
            "actions",
            "clouds",
            "constraints",
            "controllers",
            "debug-log",
            "find-offers",
            "help",
            "machines",
            "models",
            "model-constraints",
            "offers",
            "operations",
            "resources",
            "secrets",
            "spaces",
            "status",
            "storage",
            "storage-pools",
            "subnets",
            "users",
            "version",
            "whoami",
        ];
        let command = self.command();
        command.starts_with("show-") || command.starts_with("list-") || READING.contains(&command)
    }
}

/// Reads the records of all topics, in the order in which they were recorded.
pub(crate) fn read(dir: &Path) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))? {
        let path = entry?.path();
        if path
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            continue;
        }
        for (index, line) in fs::read_to_string(&path)?.lines().enumerate() {
            let record = serde_json::from_str(line)
                .map_err(|error| format!("{}:{}: {error}", path.display(), index + 1))?;
            records.push(record);
        }
    }
    records.sort_by_key(|record: &Record| record.seq);
    Ok(records)
}
