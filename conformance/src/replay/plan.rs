//! `recordings/replay/`: what a replay needs besides the recordings, and every difference that stays, with its reason.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::compare::{Aspect, Found};
use crate::{Result, shape};

/// The file of what all topics share.
const COMMON: &str = "common.toml";

/// All that the directory says.
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
    /// Records that are run before the units have come to rest.
    #[serde(default)]
    pub(crate) moment: Vec<Skip>,
    /// Records that cannot apply.
    #[serde(default)]
    pub(crate) skip: Vec<Skip>,
    /// Commands and options that the embedded controller says it does not have, with the reason.
    #[serde(default)]
    pub(crate) absent: BTreeMap<String, String>,
    /// Differences of keys and types that stay, wherever they appear.
    #[serde(default)]
    pub(crate) shape: Vec<KnownShape>,
    /// Differences that stay, of single records; they are in the files of the topics.
    #[serde(skip)]
    pub(crate) difference: Vec<Known>,
}

/// The file of one topic.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    #[serde(default)]
    difference: Vec<Known>,
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
    /// Whether it is run before the units have come to rest.
    #[serde(default)]
    pub(crate) at_once: bool,
    /// How we know that it happened.
    #[expect(dead_code, reason = "for readers of the file")]
    pub(crate) why: String,
}

/// Records that are treated otherwise than the rest.
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
    /// The places that `shape` stands for, as patterns of paths; see [`shape::covers`]. All places when there are none.
    #[serde(default)]
    pub(crate) paths: Vec<String>,
    /// Record to aspects.
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
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?)
}

impl Plan {
    /// Reads the files of a directory: the common one, and one for each topic.
    pub(crate) fn read(dir: &Path) -> Result<Self> {
        let mut plan: Self = read(&dir.join(COMMON))?;
        for entry in fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))? {
            let path = entry?.path();
            let is_toml = path
                .extension()
                .is_some_and(|extension| extension == "toml");
            if !is_toml || path.ends_with(COMMON) {
                continue;
            }
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let topic: Topic = read(&path)?;
            plan.add(&name, topic)
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(plan)
    }

    /// Adds the entries of a topic, which are about its own records.
    fn add(&mut self, name: &str, topic: Topic) -> Result {
        for entry in &topic.difference {
            for id in entry.records.keys() {
                if topic_of(id) != name {
                    return Err(format!("{id} belongs into another file").into());
                }
            }
        }
        self.difference.extend(topic.difference);
        Ok(())
    }

    /// Returns why a record is skipped.
    pub(crate) fn skipped(&self, id: &str) -> Option<&str> {
        let skip = self
            .skip
            .iter()
            .find(|skip| skip.records.iter().any(|range| in_range(range, id)))?;
        Some(&skip.reason)
    }

    /// Returns whether a record is run before the units have come to rest.
    pub(crate) fn at_once(&self, id: &str) -> bool {
        let mut ranges = self.moment.iter().flat_map(|moment| &moment.records);
        ranges.any(|range| in_range(range, id))
    }

    /// Returns whether a difference of this kind has a reason for a record.
    pub(crate) fn lists(&self, id: &str, aspect: Aspect) -> bool {
        let mut listed = self
            .difference
            .iter()
            .filter_map(|entry| entry.records.get(id));
        listed.any(|aspects| aspects.contains(&aspect))
    }

    /// Returns what has to happen before a record.
    pub(crate) fn before(&self, id: &str) -> impl Iterator<Item = &Between> {
        self.between
            .iter()
            .filter(move |between| between.before == id)
    }

    /// Returns the entries of the file that name records that are not there.
    pub(crate) fn strangers(&self, known: impl Fn(&str) -> bool) -> Vec<String> {
        let skips = self.skip.iter().chain(&self.moment);
        let skips = skips.flat_map(|skip| &skip.records);
        let skips = skips.flat_map(|range| range.split("..").map(str::to_owned));
        let differences = self
            .difference
            .iter()
            .flat_map(|entry| entry.records.keys().cloned());
        let between = self.between.iter().map(|between| between.before.clone());
        let all = skips.chain(differences).chain(between);
        all.filter(|id| !known(id)).collect()
    }
}

/// Returns the topic of a record's id.
pub(crate) fn topic_of(id: &str) -> &str {
    id.rsplit_once('-').map_or("", |(topic, _)| topic)
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
    /// The entries of records that were needed, for which record and which aspect.
    used: Vec<(usize, String, Aspect)>,
    /// Those entries again, with the place of the path that was needed.
    used_places: Vec<(usize, usize)>,
    used_paths: Vec<(usize, usize)>,
    replayed: Vec<String>,
}

impl<'a> Ledger<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            used: Vec::new(),
            used_places: Vec::new(),
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
        let mut listed = false;
        for (index, entry) in self.plan.difference.iter().enumerate() {
            let aspects = entry.records.get(id);
            if !aspects.is_some_and(|aspects| aspects.contains(&found.aspect)) {
                continue;
            }
            if let Some(difference) = &found.shape
                && !entry.paths.is_empty()
            {
                let covers = |pattern: &String| shape::covers(pattern, difference.path());
                let Some(at) = entry.paths.iter().position(covers) else {
                    continue;
                };
                self.used_places.push((index, at));
            }
            self.used.push((index, id.to_owned(), found.aspect));
            listed = true;
        }
        listed
    }

    /// Returns the entries that explained nothing, of those whose records were replayed.
    pub(crate) fn stale(&self, whole: bool) -> Vec<String> {
        let mut stale = Vec::new();
        let replayed = |id: &String| self.replayed.contains(id);
        for (index, entry) in self.plan.difference.iter().enumerate() {
            if entry.sometimes {
                continue;
            }
            for (id, aspects) in entry.records.iter().filter(|(id, _)| replayed(id)) {
                for aspect in aspects {
                    if !self.used.contains(&(index, id.clone(), *aspect)) {
                        let reason = &entry.reason;
                        stale.push(format!("{id}: {aspect} no longer differs ({reason})"));
                    }
                }
            }
            if !entry.records.keys().all(replayed) {
                continue;
            }
            for (at, path) in entry.paths.iter().enumerate() {
                if !self.used_places.contains(&(index, at)) {
                    let ids: Vec<&str> = entry.records.keys().map(String::as_str).collect();
                    let ids = ids.join(", ");
                    stale.push(format!(
                        "{ids}: `{path}` no longer differs ({})",
                        entry.reason
                    ));
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

[[shape]]
reason = "machines here have no hardware"
paths = ["machines.*.hardware", "machines.*.nothing"]
"#;

    const CONFIG: &str = r#"
[[difference]]
reason = "a defect of that build"
[difference.records]
config-001 = ["exit", "stdout"]
"#;

    fn plan(common: &str, config: &str) -> Plan {
        let mut plan: Plan = toml::from_str(common).unwrap();
        plan.add("config", toml::from_str(config).unwrap()).unwrap();
        plan
    }

    fn found(aspect: Aspect) -> Found {
        Found {
            aspect,
            text: String::new(),
            shape: None,
        }
    }

    #[test]
    fn ranges_are_of_one_topic() {
        let plan = plan(PLAN, CONFIG);
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
        let plan = plan(PLAN, CONFIG);
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
        let plan = plan(PLAN, CONFIG);
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
            let plan = plan("", &text);
            let mut ledger = Ledger::new(&plan);
            assert!(ledger.unexplained("config-001", Vec::new()).is_empty());
            assert_eq!(ledger.stale(true).len(), stale);
            let mut shape = found(Aspect::Shape);
            shape.shape = Some(Difference::Extra("a.b".to_owned()));
            assert!(ledger.unexplained("config-001", vec![shape]).is_empty());
        }
    }

    #[test]
    fn what_is_listed_of_a_record_is_known_before_it_is_run() {
        let plan = plan("", CONFIG);
        assert!(plan.lists("config-001", Aspect::Exit));
        assert!(!plan.lists("config-001", Aspect::State));
        assert!(!plan.lists("config-002", Aspect::Exit));
    }

    #[test]
    fn records_that_are_not_there_are_named() {
        let plan = plan(PLAN, CONFIG);
        let strangers = plan.strangers(|id| id != "model-004");
        assert_eq!(strangers, ["model-004"]);
    }

    #[test]
    fn an_entry_can_be_about_some_places_of_its_records() {
        let text = r#"
[[difference]]
reason = "a moment"
paths = ["a.*", "b"]
[difference.records]
config-001 = ["shape"]
"#;
        let plan = plan("", text);
        let mut ledger = Ledger::new(&plan);
        let shape = |path: &str| Found {
            shape: Some(Difference::Extra(path.to_owned())),
            ..found(Aspect::Shape)
        };
        let left = ledger.unexplained("config-001", vec![shape("a.x"), shape("c")]);
        assert_eq!(left.len(), 1);
        assert_eq!(
            ledger.stale(false),
            ["config-001: `b` no longer differs (a moment)"]
        );
    }

    #[test]
    fn a_record_stands_in_the_file_of_its_topic() {
        let topic = toml::from_str(CONFIG).unwrap();
        let error = Plan::default().add("model", topic).unwrap_err();
        assert_eq!(error.to_string(), "config-001 belongs into another file");
    }
}
