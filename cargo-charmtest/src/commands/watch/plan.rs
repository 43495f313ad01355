//! From jobs to the suite that tests them: which charms are written where, and what stands for their names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use charmtest::generic::{Generic, Require};
use charmtest_collection::{
    Digest, Entry, Error as WatchError, Job, Key, Kind as JobKind, Named, Resolved,
    Result as WatchResult, Work,
};
use charmtest_sandbox::Request;

use crate::suite::{Room, ShelfFile, Stored, SuiteCharm, SuiteFile, SuiteScripts, script_name};

/// What the tests of a suite have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common {
    /// What units must come to in generic tests.
    pub(super) require: Require,
    /// How long one script may take, in seconds; 0 for no limit.
    pub(super) limit_s: u64,
    /// The sandbox of scripts.
    pub(super) sandbox: Request,
    /// Whether they run in a sandbox from which the record cannot be reached.
    pub(super) contained: bool,
}

/// Writes the charms of some work below `directory`, and returns the suite that tests them, with the job of each of its tests.
///
/// Nothing of a charm is read or packed: that may not be ours to do ([`crate::suite::prepare`]).
///
/// # Errors
///
/// Fails when a charm cannot be written.
pub(super) fn suite(
    work: &Work<'_>,
    common: &Common,
    directory: &Path,
) -> WatchResult<(SuiteFile, BTreeMap<String, Job>)> {
    let allowed: BTreeMap<&Key, &Entry> = work
        .allowed
        .iter()
        .map(|entry| (&entry.key, *entry))
        .collect();
    let mut own: BTreeMap<&Key, Vec<&Job>> = BTreeMap::new();
    let mut keys: Vec<&Key> = Vec::new();
    for job in work.jobs {
        let jobs = own.entry(&job.key).or_default();
        if jobs.is_empty() {
            keys.push(&job.key);
        }
        jobs.push(job);
    }
    let room = Room::new(work.store.clone(), directory.to_owned());
    let places = Places {
        work,
        room,
        contained: common.contained,
    };
    let mut shelves = Vec::new();
    let mut charms = Vec::new();
    let mut names = BTreeMap::new();
    let mut modules = BTreeSet::new();
    for key in keys {
        let Some(entry) = allowed.get(key) else {
            continue;
        };
        let own = &own[key];
        let module = module(key, &mut modules);
        for job in own {
            let test = match job.kind {
                JobKind::Generic => job.test.clone(),
                JobKind::Script => script_name(script_file(job)),
            };
            names.insert(format!("{module}::{test}"), (*job).clone());
        }
        let named = |kind: JobKind| own.iter().filter(move |job| job.kind == kind);
        let generic = named(JobKind::Generic)
            .filter_map(|job| Generic::ALL.into_iter().find(|id| id.id() == job.test));
        let scripts: Vec<String> = named(JobKind::Script)
            .map(|job| script_file(job).to_owned())
            .collect();
        let path = places.charm("charms", key, &entry.content)?;
        let previous = work.previous.get(&key.to_string());
        let previous = previous.map(|previous| places.charm("previous", key, &previous.content));
        let partners = partners(entry, work.trusted)
            .into_iter()
            .map(|partner| places.charm("charms", &partner.key, &partner.content));
        charms.push(SuiteCharm {
            module,
            place: Some(key.to_string()),
            previous: previous.transpose()?,
            partners: partners.collect::<WatchResult<Vec<_>>>()?,
            generic: generic.collect(),
            require: common.require,
            scripts: match scripts.is_empty() {
                true => None,
                false => Some(SuiteScripts {
                    shelf: Some(places.shelf(entry, &mut shelves)?),
                    ..scripts_of(entry, scripts, common, &path, &places)?
                }),
            },
            path,
        });
    }
    Ok((SuiteFile::new("watch", charms), names))
}

/// Returns the scripts of a charm with what they run with, but for the other charms of this delta: what `[resolve]` names.
fn scripts_of(
    entry: &Entry,
    names: Vec<String>,
    common: &Common,
    directory: &Path,
    places: &Places<'_>,
) -> WatchResult<SuiteScripts> {
    let mut scripts = SuiteScripts {
        charm: entry.facts.name.clone(),
        directory: directory.to_owned(),
        artifact: directory.to_owned(),
        names,
        limit_s: common.limit_s,
        sandbox: common.sandbox.to_string(),
        ..SuiteScripts::default()
    };
    for (name, target) in &places.work.delta.resolve {
        let target = match target {
            Resolved::Store(name) => format!("ch:{name}"),
            Resolved::File { sha256, .. } => places.file(name, sha256)?.display().to_string(),
            Resolved::Tree { content, .. } => {
                let path = places.room.charm("resolve", name, content)?;
                path.display().to_string()
            }
        };
        scripts.chosen.insert(name.clone(), target);
    }
    Ok(scripts)
}

/// Returns the name in `tests/` of the script of a job.
fn script_file(job: &Job) -> &str {
    job.test.strip_prefix("tests/").unwrap_or(&job.test)
}

/// Where the charms of some work are written to.
struct Places<'a> {
    work: &'a Work<'a>,
    room: Room,
    contained: bool,
}

/// The files of shelves that are written already, by base and branch.
type Shelves<'a> = Vec<((&'a str, &'a str), PathBuf)>;

impl Places<'_> {
    /// Writes a charm, checked byte by byte, unless it is there already.
    fn charm(&self, kind: &str, key: &Key, content: &Digest) -> WatchResult<PathBuf> {
        self.room.charm(kind, &key.charm, content)
    }

    /// Writes down which charms the scripts of `entry` may deploy by name: those of its base in this delta, and the good versions before
    /// it. Scripts of one base and branch share a shelf.
    ///
    /// From inside of a sandbox the record cannot be reached, so what a contained charm names is written now, for it alone.
    fn shelf<'a>(&self, entry: &'a Entry, shelves: &mut Shelves<'a>) -> WatchResult<PathBuf> {
        let kind = (entry.key.base.as_str(), entry.key.branch.as_str());
        let known = shelves.iter().find(|(of, _)| *of == kind);
        if let Some((_, shelf)) = known.filter(|_| !self.contained) {
            return Ok(shelf.clone());
        }
        let mut named = self.work.named(entry);
        if self.contained {
            self.keep_mentioned(entry, &mut named)?;
        }
        let mut charms = BTreeMap::new();
        for (name, Named { entry, refused }) in named {
            let previous = self.work.previous.get(&entry.key.to_string());
            let previous = previous.map(|previous| previous.content.clone());
            if self.contained && refused.is_none() {
                self.room.charm("charms", name, &entry.content)?;
                if let Some(content) = &previous {
                    self.room.charm("previous", name, content)?;
                }
            }
            let stored = Stored {
                content: entry.content.clone(),
                previous,
                refused: refused.map(str::to_owned),
            };
            charms.insert(name.to_owned(), stored);
        }
        let shelf = ShelfFile {
            state: self.work.store.state().to_owned(),
            room: self.room.directory().to_owned(),
            charms,
        };
        let path = self
            .room
            .directory()
            .join(format!("shelf-{}.json", shelves.len()));
        shelf.write(&path).map_err(WatchError::Runner)?;
        shelves.push((kind, path.clone()));
        Ok(path)
    }

    /// Leaves those names out that are in no file of a charm: its scripts cannot know them, and a collection may be large.
    fn keep_mentioned(
        &self,
        entry: &Entry,
        named: &mut BTreeMap<&str, Named<'_>>,
    ) -> WatchResult<()> {
        let store = self.work.store;
        let mut texts = Vec::new();
        for file in store.tree(&entry.content)?.entries() {
            texts.push(String::from_utf8_lossy(&store.get(&file.sha256)?).into_owned());
        }
        named.retain(|name, _| texts.iter().any(|text| text.contains(name)));
        Ok(())
    }

    /// Writes a recorded `.charm` file.
    fn file(&self, name: &str, content: &Digest) -> WatchResult<PathBuf> {
        let room = self.room.directory().join("resolve-files");
        let path = room.join(format!("{name}.charm"));
        if !path.is_file() {
            let bytes = self.work.store.get(content)?;
            let written = fs::create_dir_all(&room).and_then(|()| fs::write(&path, bytes));
            written.map_err(|error| {
                WatchError::Runner(format!("cannot write {}: {error}", path.display()))
            })?;
        }
        Ok(path)
    }
}

/// Returns a charm of each interface of `entry` with the same base, one for each at most: those with which it may be related.
fn partners<'a>(entry: &Entry, allowed: &[&'a Entry]) -> Vec<&'a Entry> {
    let mut partners: Vec<&Entry> = Vec::new();
    for interface in &entry.facts.interfaces {
        let fits = |other: &&&Entry| {
            other.key != entry.key
                && other.key.base == entry.key.base
                && other.facts.interfaces.contains(interface)
        };
        // One of the same branch, if there is one.
        let mut same = allowed
            .iter()
            .filter(fits)
            .filter(|other| other.key.branch == entry.key.branch);
        let found = same.next().or_else(|| allowed.iter().find(fits));
        partners.extend(found.filter(|found| !partners.iter().any(|there| there.key == found.key)));
    }
    partners
}

/// Returns a module for a charm that no other has: its name, with base and branch where that is not enough.
fn module(key: &Key, taken: &mut BTreeSet<String>) -> String {
    let plain = |text: &str| {
        text.replace(
            |letter: char| !letter.is_ascii_alphanumeric() && !".-_@".contains(letter),
            "-",
        )
    };
    let named = format!("{}@{}@{}", key.charm, plain(&key.base), plain(&key.branch));
    let numbered = (2..).map(|number| format!("{named}-{number}"));
    let mut names = [key.charm.clone(), named.clone()]
        .into_iter()
        .chain(numbered);
    names
        .find(|name| taken.insert(name.clone()))
        .unwrap_or(named)
}

/// Makes a directory for charms below that of a delta; what a watcher that was killed left there goes.
pub(super) fn room(directory: &Path) -> std::io::Result<tempfile::TempDir> {
    let rooms = directory.join("work");
    match fs::remove_dir_all(&rooms) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(directory)?,
    }
    // It goes as a whole, and leaves nothing.
    tempfile::Builder::new()
        .prefix("work")
        .rand_bytes(0)
        .tempdir_in(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_told_apart() {
        let mut taken = BTreeSet::new();
        let names = [
            ("24.04", "main"),
            ("22.04", "main"),
            ("22.04", "a/b"),
            ("22.04", "a-b"),
        ]
        .map(|(base, branch)| {
            module(
                &Key::new(&format!("ubuntu@{base}"), "a", branch),
                &mut taken,
            )
        });
        assert_eq!(
            names,
            [
                "a",
                "a@ubuntu@22.04@main",
                "a@ubuntu@22.04@a-b",
                "a@ubuntu@22.04@a-b-2"
            ]
        );
    }
}
