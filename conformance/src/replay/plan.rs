//! `replay.toml`: what a replay needs besides the recordings, and every difference that stays, with its reason.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::compare::{Aspect, Found};
use crate::{Result, shape};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// Recorded words and what stands for them here.
    #[serde(default)]
    pub(crate) words: BTreeMap<String, String>,
    /// Parts of error messages that programs match on.
    #[serde(default)]
    pub(crate) fragments: Vec<String>,
    /// Commands that bring about the state in which the recording begins.
    #[serde(default)]
    pub(crate) setup: Vec<String>,
    /// Texts of files in the working directory.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    /// Charms in the working directory.
    #[serde(default)]
    pub(crate) charms: Vec<Variant>,
    /// What happened between records and was not recorded.
    #[serde(default)]
    pub(crate) between: Vec<Between>,
    /// Records that cannot apply.
    #[serde(default)]
    pub(crate) skip: Vec<Skip>,
    /// Commands and options that the embedded controller says it does not have, with the reason.
    #[serde(default)]
    pub(crate) absent: BTreeMap<String, String>,
    /// Differences that stay.
    #[serde(default)]
    pub(crate) difference: Vec<Known>,
    /// Differences of keys and types that stay, wherever they appear.
    #[serde(default)]
    pub(crate) shape: Vec<KnownShape>,
}

/// A charm that differs from a fixture.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variant {
    /// The file to make: an archive when it ends with `.charm`, else a directory.
    pub(crate) to: String,
    /// The directory below `charms/`.
    pub(crate) from: String,
    /// Texts to replace: file, old, new.
    #[serde(default)]
    pub(crate) replace: Vec<(String, String, String)>,
    /// Files to leave out.
    #[serde(default)]
    pub(crate) without: Vec<String>,
}

/// Commands to run before a record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Between {
    pub(crate) before: String,
    pub(crate) run: Vec<String>,
    /// How we know that it happened.
    #[expect(dead_code, reason = "for readers of the file")]
    pub(crate) why: String,
}

/// Records that are not replayed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Skip {
    pub(crate) reason: String,
    /// Records, or ranges of records of one topic (`model-001..model-009`).
    pub(crate) records: Vec<String>,
}

/// Differences of records that have one reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    pub(crate) reason: String,
    /// Whether it depends on when the command runs, so that the answers may be alike in another run.
    #[serde(default)]
    pub(crate) sometimes: bool,
    /// Record to aspects; `shape` stands for all places of the record.
    pub(crate) records: BTreeMap<String, Vec<Aspect>>,
}

/// Differences of shape that have one reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownShape {
    pub(crate) reason: String,
    /// Whether it depends on when the command runs, so that the answers may be alike in another run.
    #[serde(default)]
    pub(crate) sometimes: bool,
    /// Patterns of paths; see [`shape::covers`].
    pub(crate) paths: Vec<String>,
    /// The only records that the entry is about; all when there are none.
    #[serde(default)]
    pub(crate) records: Vec<String>,
}

impl Plan {
    /// Reads the file and checks that what it names is there.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let plan: Self =
            toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(plan)
    }

    /// Returns why a record is skipped.
    pub(crate) fn skipped(&self, id: &str) -> Option<&str> {
        let skip = self
            .skip
            .iter()
            .find(|skip| skip.records.iter().any(|range| in_range(range, id)))?;
        Some(&skip.reason)
    }

    /// Returns what has to happen before a record.
    pub(crate) fn before(&self, id: &str) -> impl Iterator<Item = &str> {
        let between = self
            .between
            .iter()
            .filter(move |between| between.before == id);
        between.flat_map(|between| between.run.iter().map(String::as_str))
    }

    /// Returns the entries of the file that name records that are not there.
    pub(crate) fn strangers(&self, known: impl Fn(&str) -> bool) -> Vec<String> {
        let skips = self.skip.iter().flat_map(|skip| &skip.records);
        let skips = skips.flat_map(|range| range.split("..").map(str::to_owned));
        let differences = self
            .difference
            .iter()
            .flat_map(|entry| entry.records.keys().cloned());
        let shapes = self
            .shape
            .iter()
            .flat_map(|entry| entry.records.iter().cloned());
        let between = self.between.iter().map(|between| between.before.clone());
        let all = skips.chain(differences).chain(shapes).chain(between);
        all.filter(|id| !known(id)).collect()
    }
}

fn in_range(range: &str, id: &str) -> bool {
    let Some((first, last)) = range.split_once("..") else {
        return range == id;
    };
    let split = |id: &str| {
        let (topic, number) = id.rsplit_once('-')?;
        Some((topic.to_owned(), number.parse::<u32>().ok()?))
    };
    match (split(first), split(last), split(id)) {
        (Some(first), Some(last), Some(id)) => {
            first.0 == id.0 && last.0 == id.0 && (first.1..=last.1).contains(&id.1)
        }
        _ => false,
    }
}

/// Keeps account of which entries of the list were needed.
#[derive(Debug)]
pub(crate) struct Ledger<'a> {
    plan: &'a Plan,
    used: Vec<(String, Aspect)>,
    used_paths: Vec<(usize, usize)>,
    replayed: Vec<String>,
}

impl<'a> Ledger<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            used: Vec::new(),
            used_paths: Vec::new(),
            replayed: Vec::new(),
        }
    }

    /// Sorts the differences of a record into those that are listed and those that are not, which are returned.
    pub(crate) fn unexplained(&mut self, id: &str, found: Vec<Found>) -> Vec<Found> {
        self.replayed.push(id.to_owned());
        found
            .into_iter()
            .filter(|found| !self.explains(id, found))
            .collect()
    }

    fn explains(&mut self, id: &str, found: &Found) -> bool {
        if let Some(difference) = &found.shape {
            let mut explained = false;
            for (index, entry) in self.plan.shape.iter().enumerate() {
                if !entry.records.is_empty() && !entry.records.iter().any(|record| record == id) {
                    continue;
                }
                for (at, pattern) in entry.paths.iter().enumerate() {
                    if shape::covers(pattern, difference.path()) {
                        self.used_paths.push((index, at));
                        explained = true;
                    }
                }
            }
            if explained {
                return true;
            }
        }
        let listed = self.plan.difference.iter().any(|entry| {
            let aspects = entry.records.get(id);
            aspects.is_some_and(|aspects| aspects.contains(&found.aspect))
        });
        if listed {
            self.used.push((id.to_owned(), found.aspect));
        }
        listed
    }

    /// Returns the entries that explained nothing, of those whose records were replayed.
    pub(crate) fn stale(&self, whole: bool) -> Vec<String> {
        let mut stale = Vec::new();
        for entry in self.plan.difference.iter().filter(|entry| !entry.sometimes) {
            for (id, aspects) in &entry.records {
                for aspect in aspects {
                    let used = self.used.contains(&(id.clone(), *aspect));
                    if !used && self.replayed.contains(id) {
                        stale.push(format!(
                            "{id}: {aspect} no longer differs ({})",
                            entry.reason
                        ));
                    }
                }
            }
        }
        if whole {
            for (index, entry) in self.plan.shape.iter().enumerate() {
                if entry.sometimes {
                    continue;
                }
                for (at, path) in entry.paths.iter().enumerate() {
                    if !self.used_paths.contains(&(index, at)) {
                        stale.push(format!("`{path}` no longer differs ({})", entry.reason));
                    }
                }
            }
        }
        stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Difference;

    const PLAN: &str = r#"
[[skip]]
reason = "no second host"
records = ["model-002..model-004", "units-001"]

[[difference]]
reason = "a defect of that build"
[difference.records]
config-001 = ["exit", "stdout"]

[[shape]]
reason = "machines here have no hardware"
paths = ["machines.*.hardware", "machines.*.nothing"]
"#;

    fn found(aspect: Aspect) -> Found {
        Found {
            aspect,
            text: String::new(),
            shape: None,
        }
    }

    #[test]
    fn ranges_are_of_one_topic() {
        let plan: Plan = toml::from_str(PLAN).unwrap();
        for (id, skipped) in [
            ("model-001", false),
            ("model-002", true),
            ("model-004", true),
            ("model-005", false),
            ("units-001", true),
            ("units-003", false),
        ] {
            assert_eq!(plan.skipped(id).is_some(), skipped, "{id}");
        }
    }

    #[test]
    fn listed_differences_are_explained_and_others_are_not() {
        let plan: Plan = toml::from_str(PLAN).unwrap();
        let mut ledger = Ledger::new(&plan);
        let left = ledger.unexplained(
            "config-001",
            vec![found(Aspect::Exit), found(Aspect::Error)],
        );
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].aspect, Aspect::Error);
        assert_eq!(
            ledger
                .unexplained("config-002", vec![found(Aspect::Exit)])
                .len(),
            1
        );
    }

    #[test]
    fn entries_that_explain_nothing_are_named() {
        let plan: Plan = toml::from_str(PLAN).unwrap();
        let mut ledger = Ledger::new(&plan);
        let mut shape = found(Aspect::Shape);
        shape.shape = Some(Difference::Missing("machines.*.hardware".to_owned()));
        assert!(
            ledger
                .unexplained("config-001", vec![found(Aspect::Exit), shape])
                .is_empty()
        );
        assert_eq!(
            ledger.stale(true),
            [
                "config-001: stdout no longer differs (a defect of that build)",
                "`machines.*.nothing` no longer differs (machines here have no hardware)"
            ]
        );
        assert_eq!(ledger.stale(false).len(), 1);
    }

    #[test]
    fn what_differs_sometimes_is_never_stale() {
        for (sometimes, stale) in [(true, 0), (false, 1)] {
            let text = format!(
                "[[difference]]\nreason = \"a moment\"\nsometimes = {sometimes}\nrecords = {{ config-001 = [\"shape\"] }}\n"
            );
            let plan: Plan = toml::from_str(&text).unwrap();
            let mut ledger = Ledger::new(&plan);
            assert!(ledger.unexplained("config-001", Vec::new()).is_empty());
            assert_eq!(ledger.stale(true).len(), stale);
            let mut shape = found(Aspect::Shape);
            shape.shape = Some(Difference::Extra("a.b".to_owned()));
            assert!(ledger.unexplained("config-001", vec![shape]).is_empty());
        }
    }

    #[test]
    fn records_that_are_not_there_are_named() {
        let plan: Plan = toml::from_str(PLAN).unwrap();
        let strangers = plan.strangers(|id| id != "model-004");
        assert_eq!(strangers, ["model-004"]);
    }
}
