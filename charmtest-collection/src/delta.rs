//! A delta: everything that changed since the last record, and what is to be tested because of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::collection::Scope;
use crate::digest::Digest;
use crate::job::{Job, Kind, Variant};
use crate::json::canonical;
use crate::previous::Previous;
use crate::seal::{self, sealed};
use crate::snapshot::{Entry, Key, Snapshot, is_branch};

/// The form of `delta.json`.
pub(crate) const SCHEMA: u32 = 1;

/// Where a version of a charm came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The directory, or the repository's address.
    pub place: String,
    /// The charm's directory in the repository.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subdir: String,
    /// The repository's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The commit; a work tree may hold changes to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Who made the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The first line of what it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        if !self.subdir.is_empty() {
            write!(f, " ({})", self.subdir)?;
        }
        Ok(())
    }
}

/// How a charm changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// It has other content.
    Changed,
    /// It is not there any more.
    Removed,
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        })
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Of which charm.
    #[serde(flatten)]
    pub key: Key,
    /// How.
    pub kind: ChangeKind,
    /// What was there, unless it was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Entry>,
    /// What is there, unless it was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Entry>,
}

/// Why jobs run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// A watcher found changes.
    Poll,
    /// Somebody runs a recorded delta again.
    Replay,
    /// Somebody looks for the guilty change.
    Bisect,
}

/// A test that is one of the charm's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Its path in the charm's directory.
    pub path: String,
    /// The digest of its content.
    pub sha256: Digest,
}

/// The tests of one charm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTests {
    /// The generic tests, which come first.
    pub generic: Vec<String>,
    /// The charm's own, in their order.
    pub tests: Vec<Script>,
}

/// A charm's part of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Which charm.
    #[serde(flatten)]
    pub key: Key,
    /// Its tests.
    #[serde(flatten)]
    pub tests: PlannedTests,
}

/// What a run's results depend on beside the charms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Whose tests run.
    pub scope: Scope,
    /// The ways in which everything is tested.
    pub variants: Vec<Variant>,
    /// The sandbox level at which untrusted charms may run.
    pub required_sandbox: Option<u8>,
    /// How often a job is tried again when something around it failed.
    pub infra_retries: u32,
    /// What else the one who runs the tests wants to be told again at a replay.
    #[serde(default)]
    pub more: BTreeMap<String, String>,
}

/// A recorded delta: all that is needed to test it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// The form of this record.
    pub schema: u32,
    /// The first 12 digits of the SHA-256 of the rest, but for what says only when and where it was recorded.
    pub id: String,
    /// Its number, counted from 1.
    pub seq: u64,
    /// The id of the delta before it.
    pub parent: Option<String>,
    /// When it was recorded.
    pub created: String,
    /// Why.
    pub trigger: Trigger,
    /// What changed, in the order of the keys.
    pub changes: Vec<Change>,
    /// The whole collection.
    pub snapshot: Snapshot,
    /// The last good versions before it.
    pub previous: BTreeMap<String, Previous>,
    /// What else tests may deploy by name: a name in a store (`ch:NAME`) or a recorded file.
    pub resolve: BTreeMap<String, Resolved>,
    /// What is tested, in this order.
    pub plan: Vec<Planned>,
    /// What else results depend on.
    pub settings: Settings,
    /// The programs and the host that recorded it.
    pub tools: BTreeMap<String, String>,
}

/// What a name of `[resolve]` means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolved {
    /// A charm of a store, by its name there.
    Store(String),
    /// A packed charm that is recorded.
    File {
        /// The name of the file.
        name: String,
        /// Its content.
        sha256: Digest,
    },
    /// A charm's directory that is recorded.
    Tree {
        /// The name of the directory.
        name: String,
        /// Its content.
        content: Digest,
    },
}

/// What of a delta says how to read the rest.
#[derive(Deserialize)]
struct Form {
    schema: u32,
}

/// What keeps to the moment and the machine, and so is no part of a delta's identity.
const VOLATILE: [&str; 5] = ["id", "seq", "created", "trigger", "tools"];

impl Delta {
    /// Returns the id that the content has.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be written as JSON.
    pub fn computed_id(&self) -> Result<String, serde_json::Error> {
        let mut value = serde_json::to_value(self)?;
        if let Value::Object(map) = &mut value {
            map.retain(|key, _| !VOLATILE.contains(&key.as_str()));
        }
        Ok(Digest::of(canonical(&value).as_bytes()).short().to_owned())
    }

    /// Returns the bytes of `delta.json`, which end with the digest of what is before it.
    ///
    /// The id is of what results depend on; the digest is of all of it, so that nothing can differ unnoticed.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be written as JSON.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self).map(sealed)
    }

    /// Reads the bytes of `delta.json`.
    ///
    /// # Errors
    ///
    /// Fails when one of them differs from what was written.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        seal::check(bytes)?;
        let form: Form = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if form.schema != SCHEMA {
            return Err(format!(
                "it has the form {}, and this charmtest knows the form {SCHEMA} alone; use the charmtest that recorded it, or a newer one",
                form.schema
            ));
        }
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// Checks the names in it. They become parts of paths and of lines, and somebody else may have written the delta.
    ///
    /// # Errors
    ///
    /// Says which name nothing can have.
    pub(crate) fn check(&self) -> Result<(), String> {
        let changed = self.changes.iter();
        let entries = changed
            .clone()
            .flat_map(|change| [&change.from, &change.to])
            .flatten()
            .chain(self.snapshot.entries());
        let names = entries.clone().map(|entry| &entry.facts.name);
        let keys = entries.clone().map(|entry| &entry.key);
        let keys = keys.chain(changed.map(|change| &change.key));
        let keys = keys.chain(self.plan.iter().map(|planned| &planned.key));
        let names = names.chain(keys.clone().flat_map(|key| [&key.charm, &key.base]));
        let names = names.chain(self.resolve.keys());
        if let Some(name) = names.into_iter().find(|name| !is_part(name)) {
            return Err(no_name(name));
        }
        let mut branches = keys.map(|key| &key.branch);
        if let Some(branch) = branches.find(|branch| *branch != "-" && !is_branch(branch)) {
            return Err(no_name(branch));
        }
        let planned = self.plan.iter().flat_map(|planned| &planned.tests.tests);
        let planned = planned.map(|script| &script.path);
        let mut scripts = entries
            .flat_map(|entry| &entry.facts.scripts)
            .chain(planned);
        match scripts.find(|path| !path.split('/').all(is_part)) {
            Some(path) => Err(no_name(path)),
            None => Ok(()),
        }
    }

    /// Returns the name of its directory, `0007-3f2a6b11c0de`.
    #[must_use]
    pub fn directory_name(&self) -> String {
        format!("{:04}-{}", self.seq, self.id)
    }

    /// Returns all jobs: variant by variant in the order of the plan, of each charm the generic tests first.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for variant in &self.settings.variants {
            for planned in &self.plan {
                let job = |kind, test: &str| Job {
                    key: planned.key.clone(),
                    test: test.to_owned(),
                    kind,
                    variant: variant.clone(),
                };
                jobs.extend(
                    planned
                        .tests
                        .generic
                        .iter()
                        .map(|test| job(Kind::Generic, test)),
                );
                jobs.extend(planned.tests.tests.iter().map(|script| {
                    let name = script.path.rsplit('/').next().unwrap_or(&script.path);
                    // A script may be called as a generic test is.
                    match planned.tests.generic.iter().any(|id| id == name) {
                        true => job(Kind::Script, &script.path),
                        false => job(Kind::Script, name),
                    }
                }));
            }
        }
        jobs
    }

    /// Returns the digests of everything that the delta holds: contents of trees, and single files.
    #[must_use]
    pub fn contents(&self) -> (BTreeSet<Digest>, BTreeSet<Digest>) {
        let mut trees: BTreeSet<Digest> = BTreeSet::new();
        let mut files = BTreeSet::new();
        trees.extend(
            self.snapshot
                .entries()
                .iter()
                .map(|entry| entry.content.clone()),
        );
        trees.extend(
            self.previous
                .values()
                .map(|previous| previous.content.clone()),
        );
        let changed = self
            .changes
            .iter()
            .flat_map(|change| [&change.from, &change.to]);
        trees.extend(changed.flatten().map(|entry| entry.content.clone()));
        for resolved in self.resolve.values() {
            match resolved {
                Resolved::Store(_) => {}
                Resolved::File { sha256, .. } => drop(files.insert(sha256.clone())),
                Resolved::Tree { content, .. } => drop(trees.insert(content.clone())),
            }
        }
        (trees, files)
    }
}

/// Says whether a name can be one part of a path, and of a line.
fn is_part(name: &str) -> bool {
    let bad = |letter: char| letter.is_control() || letter == '/';
    !matches!(name, "" | "." | "..") && name.len() <= 255 && !name.contains(bad)
}

fn no_name(name: &str) -> String {
    format!("`{}` is no name that there can be", name.escape_debug())
}

/// Returns what differs between two snapshots, in the order of the keys. What has the same content is the same, whatever its commit.
#[must_use]
pub(crate) fn compare(last: &Snapshot, now: &Snapshot) -> Vec<Change> {
    let (old, new) = (last.to_map(), now.to_map());
    let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).copied().collect();
    let change = |key: &Key| {
        let (from, to) = (old.get(key), new.get(key));
        let kind = match (from, to) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            (Some(from), Some(to)) if from.tree == to.tree || from.content == to.content => {
                return None;
            }
            _ => ChangeKind::Changed,
        };
        Some(Change {
            key: key.clone(),
            kind,
            from: from.map(|entry| (*entry).clone()),
            to: to.map(|entry| (*entry).clone()),
        })
    };
    keys.into_iter().filter_map(change).collect()
}

/// Says whose tests run: the keys of the plan, in their order.
///
/// `deployed` has the names that the tests of a charm deployed when they last ran.
#[must_use]
pub(crate) fn select<'a>(
    scope: Scope,
    snapshot: &'a Snapshot,
    changes: &[Change],
    deployed: &BTreeMap<Key, BTreeSet<String>>,
) -> Vec<&'a Key> {
    let changed: BTreeSet<&Key> = changes.iter().map(|change| &change.key).collect();
    // Tests deploy charms of their own base, by the names in their metadata.
    let mut names: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut interfaces: BTreeSet<(&str, &str)> = BTreeSet::new();
    for change in changes {
        let base = change.key.base.as_str();
        names.insert((base, change.key.charm.as_str()));
        for entry in [&change.from, &change.to].into_iter().flatten() {
            names.insert((base, entry.facts.name.as_str()));
            let own = entry.facts.interfaces.iter();
            interfaces.extend(own.map(|interface| (base, interface.as_str())));
        }
    }
    let is_affected = |entry: &Entry| {
        let base = entry.key.base.as_str();
        let mut deploys = deployed.get(&entry.key).into_iter().flatten();
        let mut shares = entry.facts.interfaces.iter();
        deploys.any(|name| names.contains(&(base, name.as_str())))
            || shares.any(|interface| interfaces.contains(&(base, interface.as_str())))
    };
    let entries = snapshot.entries().iter().filter(|entry| match scope {
        Scope::All => true,
        Scope::Changed => changed.contains(&entry.key),
        Scope::Affected => changed.contains(&entry.key) || is_affected(entry),
    });
    entries.map(|entry| &entry.key).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::collection::Trust;
    use crate::snapshot::Facts;

    /// An entry whose content is that text.
    pub(crate) fn entry(base: &str, charm: &str, branch: &str, content: &str) -> Entry {
        Entry {
            key: Key::new(base, charm, branch),
            tree: format!("tree of {content}"),
            content: Digest::of(content.as_bytes()),
            trust: Trust::Official,
            origin: Origin {
                place: format!("/charms/{charm}"),
                subdir: String::new(),
                url: None,
                commit: None,
                author: None,
                subject: None,
            },
            facts: Facts {
                name: charm.to_owned(),
                ..Facts::default()
            },
        }
    }

    fn snapshot(entries: Vec<Entry>) -> Snapshot {
        Snapshot::new(entries).unwrap()
    }

    #[test]
    fn r25_the_order_is_that_of_bytes_by_base_charm_and_branch() {
        let mut entries = Vec::new();
        for base in ["ubuntu@24.04", "ubuntu@22.04", "debian@12"] {
            for charm in ["a.b", "a-b", "ab", "Ab", "a", "a_b"] {
                for branch in ["release/10", "release/2", "main", "Main", "-"] {
                    entries.push(entry(base, charm, branch, "x"));
                }
            }
        }
        entries.reverse();
        let snapshot = snapshot(entries);
        let keys: Vec<String> = snapshot
            .entries()
            .iter()
            .map(|entry| entry.key.to_string())
            .collect();
        assert_eq!(
            keys[..5],
            [
                "debian@12:Ab:-",
                "debian@12:Ab:Main",
                "debian@12:Ab:main",
                "debian@12:Ab:release/10",
                "debian@12:Ab:release/2"
            ]
        );
        let charms: Vec<&str> = snapshot
            .entries()
            .iter()
            .step_by(5)
            .map(|entry| entry.key.charm.as_str())
            .collect();
        assert_eq!(charms[..6], ["Ab", "a", "a-b", "a.b", "a_b", "ab"]);
        let bases: Vec<&str> = snapshot
            .entries()
            .iter()
            .step_by(30)
            .map(|entry| entry.key.base.as_str())
            .collect();
        assert_eq!(bases, ["debian@12", "ubuntu@22.04", "ubuntu@24.04"]);
    }

    #[test]
    fn one_key_has_one_entry() {
        let double = vec![entry("b", "a", "-", "x"), entry("b", "a", "-", "y")];
        assert!(
            Snapshot::new(double)
                .unwrap_err()
                .contains("b:a:- is there twice")
        );
    }

    #[test]
    fn changes_are_what_content_says() {
        let last = snapshot(vec![
            entry("b", "same", "-", "1"),
            entry("b", "changed", "-", "1"),
            entry("b", "removed", "-", "1"),
            entry("b", "moved", "-", "1"),
        ]);
        let mut moved = entry("b", "moved", "-", "1");
        moved.tree = "another kind of hash".to_owned();
        moved.origin.commit = Some("1234".to_owned());
        let now = snapshot(vec![
            entry("b", "same", "-", "1"),
            entry("b", "changed", "-", "2"),
            entry("b", "added", "-", "1"),
            moved,
        ]);
        let found: Vec<(String, ChangeKind)> = compare(&last, &now)
            .into_iter()
            .map(|change| (change.key.charm, change.kind))
            .collect();
        let expected = [
            ("added".to_owned(), ChangeKind::Added),
            ("changed".to_owned(), ChangeKind::Changed),
            ("removed".to_owned(), ChangeKind::Removed),
        ];
        assert_eq!(found, expected);
        assert!(compare(&now, &now).is_empty());
    }

    #[test]
    fn a_scope_says_whose_tests_run() {
        let with = |charm: &str, content: &str, interfaces: &[&str]| {
            let mut entry = entry("b", charm, "-", content);
            entry.facts.interfaces = interfaces.iter().map(|name| (*name).to_owned()).collect();
            entry
        };
        let last = snapshot(vec![
            with("db", "1", &["mysql"]),
            with("web", "1", &["mysql", "http"]),
            with("cache", "1", &["memcache"]),
            with("proxy", "1", &["http"]),
            with("gone", "1", &["memcache"]),
        ]);
        let now = snapshot(vec![
            with("db", "2", &["mysql"]),
            with("web", "1", &["mysql", "http"]),
            with("cache", "1", &["memcache"]),
            with("proxy", "1", &["http"]),
        ]);
        let changes = compare(&last, &now);
        let mut deployed = BTreeMap::new();
        let names = |scope, deployed: &_| -> Vec<String> {
            select(scope, &now, &changes, deployed)
                .into_iter()
                .map(|key| key.charm.clone())
                .collect()
        };
        assert_eq!(
            names(Scope::All, &deployed),
            ["cache", "db", "proxy", "web"]
        );
        assert_eq!(names(Scope::Changed, &deployed), ["db"]);
        // `cache` shares an interface with the charm that went.
        assert_eq!(names(Scope::Affected, &deployed), ["cache", "db", "web"]);
        deployed.insert(Key::new("b", "proxy", "-"), ["db".to_owned()].into());
        assert_eq!(
            names(Scope::Affected, &deployed),
            ["cache", "db", "proxy", "web"]
        );

        // Another name in the collection than in the metadata, and the same name with another base.
        let mut called = entry("b", "sql", "-", "2");
        called.facts.name = "db".to_owned();
        let now = snapshot(vec![
            called,
            entry("b", "web", "-", "1"),
            entry("c", "web", "-", "1"),
        ]);
        let last = snapshot(now.entries()[1..].to_vec());
        for base in ["b", "c"] {
            deployed.insert(Key::new(base, "web", "-"), ["db".to_owned()].into());
        }
        let changes = compare(&last, &now);
        let keys: Vec<String> = select(Scope::Affected, &now, &changes, &deployed)
            .into_iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(keys, ["b:sql:-", "b:web:-"]);
    }

    /// A delta of one charm.
    pub(crate) fn delta(seq: u64, content: &str) -> Delta {
        let snapshot = snapshot(vec![entry("b", "a", "-", content)]);
        let mut delta = Delta {
            schema: SCHEMA,
            id: String::new(),
            seq,
            parent: None,
            created: "2026-01-01T00:00:00Z".to_owned(),
            trigger: Trigger::Poll,
            changes: compare(&Snapshot::default(), &snapshot),
            snapshot,
            previous: BTreeMap::new(),
            resolve: BTreeMap::new(),
            plan: vec![Planned {
                key: Key::new("b", "a", "-"),
                tests: PlannedTests {
                    generic: vec!["deploy".to_owned()],
                    tests: vec![Script {
                        path: "tests/9.test".to_owned(),
                        sha256: Digest::of(b"x"),
                    }],
                },
            }],
            settings: Settings {
                scope: Scope::All,
                variants: vec![Variant::default()],
                required_sandbox: None,
                infra_retries: 1,
                more: BTreeMap::new(),
            },
            tools: BTreeMap::new(),
        };
        delta.id = delta.computed_id().unwrap();
        delta
    }

    #[test]
    fn an_id_is_of_the_content_and_not_of_the_moment() {
        let first = delta(1, "1");
        let mut later = delta(2, "1");
        later.created = "later".to_owned();
        later.tools.insert("host".to_owned(), "other".to_owned());
        assert_eq!(first.id, later.computed_id().unwrap());
        assert_eq!(first.id.len(), 12);
        assert_ne!(first.id, delta(1, "2").id);
        let text = serde_json::to_string(&first).unwrap();
        assert_eq!(serde_json::from_str::<Delta>(&text).unwrap(), first);
    }

    #[test]
    fn generic_tests_come_first_and_variants_one_after_the_other() {
        let mut delta = delta(1, "1");
        let values = ["3.6".to_owned(), "4.0".to_owned()];
        delta.settings.variants = Variant::product([("juju", values.as_slice())]);
        let ids: Vec<String> = delta.jobs().iter().map(Job::id).collect();
        assert_eq!(
            ids,
            [
                "b:a:-/deploy[3.6]",
                "b:a:-/9.test[3.6]",
                "b:a:-/deploy[4.0]",
                "b:a:-/9.test[4.0]"
            ]
        );
    }
}
