//! Taking a snapshot: everything is looked at, only what changed is read.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::git::Git;
use super::objects::CommitInfo;
use super::remote::{self, Mirror};
use super::work_tree::{Roots, WorkTree};
use super::{Entry, Facts, Key, Snapshot, StoredFiles, directory};
use crate::collection::{Collection, Location, Source, branch_matches, has_pattern};
use crate::delta::Origin;
use crate::digest::Digest;
use crate::disk::{Disk, Durability, read_if_there};
use crate::error::{Error, Result};
use crate::store::Store;
use crate::world::World;

/// How often a directory that somebody writes to is read again.
const PATIENCE: u32 = 5;

/// Something of a collection that could not be looked at. What was there before counts as unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which directory or repository.
    pub place: String,
    /// What happened.
    pub message: String,
}

/// A snapshot, and what could not be looked at.
#[derive(Debug)]
pub(crate) struct Taken {
    /// What there is.
    pub(crate) snapshot: Snapshot,
    /// What could not be looked at.
    pub(crate) problems: Vec<Problem>,
}

/// Takes snapshots.
#[derive(Debug)]
pub(crate) struct Taker<'a> {
    /// How git is called.
    pub(crate) git: &'a Git,
    /// Where contents go.
    pub(crate) store: &'a Store,
    /// The state directory: for copies of repositories, and for what was seen of them.
    pub(crate) state: &'a Path,
    pub(crate) disk: &'a Disk,
}

/// One charm's place, before it is known what is there.
#[derive(Debug, Clone)]
struct Site<'a> {
    source: &'a Source,
    /// A directory's path, or a repository's address.
    location: String,
    branch: String,
    /// Matched by a pattern: what is no charm is passed over.
    by_pattern: bool,
    kept: bool,
}

/// What is at a site.
struct Content {
    tree: String,
    content: Digest,
    commit: Option<CommitInfo>,
}

enum Found {
    /// As it was.
    Same,
    New(Content),
    /// A problem has been told.
    Nothing,
}

/// What was seen of the branches of repositories: a cache that spares work when a commit does not change a charm.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Seen(BTreeMap<String, (String, String)>);

/// The entries of a place, whatever their bases.
type Place = (String, String, String);

impl Taker<'_> {
    /// Takes a snapshot. `last` is the one before, as recorded; `fresh` says that facts must be asked again.
    ///
    /// # Errors
    ///
    /// Fails when two charms have one key, and when nothing can be written.
    pub(crate) fn take(
        &self,
        collection: &Collection,
        last: &Snapshot,
        fresh: bool,
        world: &dyn World,
    ) -> Result<Taken> {
        let mut problems = Vec::new();
        let mut before: HashMap<Place, Vec<&Entry>> = HashMap::new();
        for entry in last.entries() {
            let origin = &entry.origin;
            let branch = if origin.url.is_some() {
                entry.key.branch.clone()
            } else {
                String::new()
            };
            let place = (origin.place.clone(), origin.subdir.clone(), branch);
            before.entry(place).or_default().push(entry);
        }
        let mut unread = Vec::new();
        let mut sites = self.directories(collection, &before, &mut unread, &mut problems);
        let found = self.local(&mut sites, &before, collection, &mut problems)?;
        let mut all: Vec<(Site<'_>, Found)> = sites.into_iter().zip(found).collect();
        all.extend(self.remote(collection, &before, &mut problems)?);
        let mut entries: Vec<Entry> = Vec::new();
        // Entries of places that could not be looked at, of which two sources may tell.
        let mut kept: Vec<Entry> = Vec::new();
        // Where a key of a place was named first.
        let mut named: HashMap<(Key, Place), usize> = HashMap::new();
        // The sources of which there is something to say.
        let mut found_of: BTreeSet<usize> = BTreeSet::new();
        let mut known: HashMap<Digest, Option<Facts>> = HashMap::new();
        for (site, found) in all {
            let place = site.place();
            let line = site.source.line;
            let old = before.get(&place).map(Vec::as_slice).unwrap_or_default();
            let (tree, content, origin) = match (found, old.first()) {
                (Found::Same, Some(old)) => {
                    (old.tree.clone(), old.content.clone(), old.origin.clone())
                }
                (Found::New(new), _) => {
                    let origin = site.origin(new.commit);
                    (new.tree, new.content, origin)
                }
                (Found::Same, None) => continue,
                (Found::Nothing, _) => {
                    found_of.insert(line);
                    kept.extend(site.kept(old));
                    continue;
                }
            };
            let same = old.iter().find(|old| old.content == content && !fresh);
            let facts = match (same, known.get(&content)) {
                (Some(old), _) => Some(old.facts.clone()),
                (None, Some(facts)) => facts.clone(),
                (None, None) => match self.facts(&content, world) {
                    Ok(facts) => {
                        known.insert(content.clone(), facts.clone());
                        facts
                    }
                    Err(message) => {
                        problems.push(site.problem(message));
                        found_of.insert(line);
                        kept.extend(site.kept(old));
                        continue;
                    }
                },
            };
            let Some(facts) = facts else {
                if !site.by_pattern {
                    problems.push(site.problem(
                        "there is no charm: neither charmcraft.yaml nor metadata.yaml".to_owned(),
                    ));
                }
                continue;
            };
            found_of.insert(line);
            let name = site.source.name.as_ref().unwrap_or(&facts.name);
            for base in &site.source.bases {
                let key = Key::new(base, name, &site.branch);
                match named.insert((key.clone(), place.clone()), line) {
                    None => {}
                    Some(first) if first == line => continue,
                    Some(first) => {
                        return Err(Error::Usage(format!(
                            "{}: {key} is there twice: {origin} is named by the [[charm]] of line {first} and by that of line {line}",
                            collection.file.display()
                        )));
                    }
                }
                entries.push(Entry {
                    key,
                    tree: tree.clone(),
                    content: content.clone(),
                    trust: site.source.trust,
                    origin: origin.clone(),
                    facts: facts.clone(),
                });
            }
        }
        let is_unread = |entry: &&Entry| {
            let place = Path::new(&entry.origin.place);
            entry.origin.url.is_none() && unread.iter().any(|path| place.starts_with(path))
        };
        kept.extend(last.entries().iter().filter(is_unread).cloned());
        let of_place = |entry: &Entry| {
            let origin = &entry.origin;
            (
                entry.key.clone(),
                origin.place.clone(),
                origin.subdir.clone(),
            )
        };
        if !kept.is_empty() {
            let mut seen: HashSet<_> = entries.iter().map(of_place).collect();
            entries.extend(
                kept.into_iter()
                    .filter(|entry| seen.insert(of_place(entry))),
            );
        }
        problems.extend(empty_patterns(collection, &found_of));
        let snapshot = Snapshot::new(entries).map_err(Error::Usage)?;
        Ok(Taken { snapshot, problems })
    }

    fn facts(&self, content: &Digest, world: &dyn World) -> Result<Option<Facts>, String> {
        let tree = self
            .store
            .tree(content)
            .map_err(|error| error.to_string())?;
        let files = StoredFiles {
            tree: &tree,
            store: self.store,
        };
        world.facts(&files)
    }

    /// Finds the directories of a collection.
    fn directories<'c>(
        &self,
        collection: &'c Collection,
        before: &HashMap<Place, Vec<&Entry>>,
        unread: &mut Vec<PathBuf>,
        problems: &mut Vec<Problem>,
    ) -> Vec<Site<'c>> {
        let mut sites = Vec::new();
        for source in &collection.charms {
            let Location::Directories { pattern } = &source.location else {
                continue;
            };
            let by_pattern = has_pattern(pattern);
            let text = pattern.to_string_lossy();
            let mut paths: Vec<PathBuf> = if by_pattern {
                let mut paths = Vec::new();
                // The pattern itself was checked with the file.
                for found in glob::glob(&text).into_iter().flatten() {
                    match found {
                        Ok(path) if path.is_dir() => paths.push(path),
                        Ok(_) => {}
                        Err(error) => {
                            let message = format!("it cannot be read: {}", error.error());
                            let place = error.path().display().to_string();
                            problems.push(Problem { place, message });
                            unread.push(error.path().to_owned());
                        }
                    }
                }
                paths
            } else {
                vec![pattern.clone()]
            };
            paths.sort();
            for path in paths {
                let path = path.join(&source.subdir);
                if !path.is_dir() {
                    if !by_pattern {
                        let message = "it is not there, or no directory".to_owned();
                        let place = path.display().to_string();
                        problems.push(Problem { place, message });
                    }
                    continue;
                }
                // With `subdir` joined a path may end in `/`.
                let path: PathBuf = path.components().collect();
                let site = Site {
                    source,
                    location: path.to_string_lossy().into_owned(),
                    branch: "-".to_owned(),
                    by_pattern,
                    kept: false,
                };
                // What a pattern finds beside charms may be large, change all the time, or hold what cannot be read.
                let names = ["charmcraft.yaml", "metadata.yaml"];
                let is_charm = names.iter().any(|name| path.join(name).is_file());
                if is_charm || !by_pattern || before.contains_key(&site.place()) {
                    sites.push(site);
                }
            }
        }
        sites
    }

    /// Looks at directories; what changed counts once two reads are equal.
    fn local(
        &self,
        sites: &mut [Site<'_>],
        before: &HashMap<Place, Vec<&Entry>>,
        collection: &Collection,
        problems: &mut Vec<Problem>,
    ) -> Result<Vec<Found>> {
        let mut found: Vec<Found> = sites.iter().map(|_| Found::Same).collect();
        let all: Vec<usize> = (0..sites.len()).collect();
        let first = self.read(sites, &all, None);
        let mut open: BTreeMap<usize, String> = BTreeMap::new();
        for (index, read) in all.into_iter().zip(first) {
            match read {
                Ok(read) => {
                    let old = before.get(&sites[index].place());
                    let same = old.is_some_and(|old| {
                        old[0].tree == read.tree
                            && (!read.versioned || old[0].key.branch == read.branch)
                            && self.store.has(&old[0].content)
                    });
                    sites[index].branch = read.branch;
                    if !same {
                        open.insert(index, read.tree);
                    }
                }
                Err(message) => {
                    problems.push(sites[index].problem(message));
                    found[index] = Found::Nothing;
                }
            }
        }
        for _ in 0..PATIENCE {
            if open.is_empty() {
                break;
            }
            std::thread::sleep(collection.settle);
            let indexes: Vec<usize> = open.keys().copied().collect();
            let again = self.read(sites, &indexes, Some(&open));
            for (index, read) in indexes.into_iter().zip(again) {
                match read {
                    Ok(Read {
                        content: Some(content),
                        tree,
                        commit,
                        branch,
                        ..
                    }) => {
                        open.remove(&index);
                        sites[index].branch = branch;
                        found[index] = Found::New(Content {
                            tree,
                            content,
                            commit,
                        });
                    }
                    Ok(Read { tree, .. }) => {
                        open.insert(index, tree);
                    }
                    Err(message) => {
                        open.remove(&index);
                        problems.push(sites[index].problem(message));
                        found[index] = Found::Nothing;
                    }
                }
            }
        }
        for index in open.into_keys() {
            let message =
                "it is still being written to; it is looked at again next time".to_owned();
            problems.push(sites[index].problem(message));
            found[index] = Found::Nothing;
        }
        Ok(found)
    }

    /// Reads some sites; what has the tree that is expected is stored.
    fn read(
        &self,
        sites: &[Site<'_>],
        indexes: &[usize],
        expected: Option<&BTreeMap<usize, String>>,
    ) -> Vec<Result<Read, String>> {
        let mut results: BTreeMap<usize, Result<Read, String>> = BTreeMap::new();
        let mut roots = Roots::default();
        let mut groups: BTreeMap<PathBuf, Vec<usize>> = BTreeMap::new();
        let mut plain = Vec::new();
        for index in indexes {
            match roots.of(Path::new(&sites[*index].location)) {
                Some(root) => groups.entry(root).or_default().push(*index),
                None => plain.push(*index),
            }
        }
        for (root, group) in groups {
            let paths: Vec<&Path> = group
                .iter()
                .map(|index| Path::new(&sites[*index].location))
                .collect();
            let mut work_tree = match WorkTree::read(self.git, &root, &paths) {
                Ok(work_tree) => work_tree,
                Err(error) => {
                    let failed = group.iter().map(|index| (*index, Err(error.to_string())));
                    results.extend(failed);
                    continue;
                }
            };
            for (index, path) in group.iter().zip(paths) {
                let below = path.strip_prefix(&root).unwrap_or(path).to_string_lossy();
                let tree = match work_tree.tree_id(&below) {
                    Ok(Some(tree)) => tree,
                    // Ignored by git, or empty: then it is a plain directory.
                    Ok(None) => {
                        plain.push(*index);
                        continue;
                    }
                    Err(error) => {
                        results.insert(*index, Err(error.to_string()));
                        continue;
                    }
                };
                let is_expected =
                    expected.is_some_and(|expected| expected.get(index) == Some(&tree));
                let content = is_expected.then(|| work_tree.objects().import(&tree, self.store));
                let read = content.transpose().map(|content| Read {
                    tree,
                    branch: work_tree.branch.clone(),
                    commit: work_tree.commit.clone(),
                    content,
                    versioned: true,
                });
                results.insert(*index, read.map_err(|error| error.to_string()));
            }
        }
        let paths: Vec<&Path> = plain
            .iter()
            .map(|index| Path::new(&sites[*index].location))
            .collect();
        let digests = directory::read_all(&paths, expected.map(|_| self.store));
        for (index, digest) in plain.into_iter().zip(digests) {
            let read = digest.map(|digest| {
                let tree = digest.to_string();
                let is_expected =
                    expected.is_some_and(|expected| expected.get(&index) == Some(&tree));
                Read {
                    tree,
                    branch: "-".to_owned(),
                    commit: None,
                    content: is_expected.then_some(digest),
                    versioned: false,
                }
            });
            results.insert(index, read);
        }
        let missing = || Err("it was not read".to_owned());
        indexes
            .iter()
            .map(|index| results.remove(index).unwrap_or_else(missing))
            .collect()
    }

    /// Looks at repositories, and fetches what moved.
    fn remote<'c>(
        &self,
        collection: &'c Collection,
        before: &HashMap<Place, Vec<&Entry>>,
        problems: &mut Vec<Problem>,
    ) -> Result<Vec<(Site<'c>, Found)>> {
        let mut by_url: BTreeMap<&str, Vec<(&Source, &[String])>> = BTreeMap::new();
        for source in &collection.charms {
            if let Location::Git { url, branches } = &source.location {
                by_url.entry(url).or_default().push((source, branches));
            }
        }
        if by_url.is_empty() {
            return Ok(Vec::new());
        }
        let seen_file = self.state.join("seen.json");
        let mut seen: Seen = read_if_there(&seen_file)?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let mut has_news = false;
        let mut all = Vec::new();
        let urls: Vec<&str> = by_url.keys().copied().collect();
        let listed = remote::branches(self.git, &urls);
        for ((url, sources), heads) in by_url.into_iter().zip(listed) {
            let heads = match heads {
                Ok(heads) => heads,
                Err(error) => {
                    problems.push(Problem {
                        place: url.to_owned(),
                        message: error.to_string(),
                    });
                    all.extend(unreachable(url, &sources, before));
                    continue;
                }
            };
            let mut open = Vec::new();
            for (source, patterns) in sources {
                let branches: Vec<&String> = heads
                    .keys()
                    .filter(|branch| {
                        patterns
                            .iter()
                            .any(|pattern| branch_matches(pattern, branch))
                    })
                    .collect();
                if branches.is_empty() {
                    let message = format!("it has no branch {}", patterns.join(" or "));
                    problems.push(Problem {
                        place: url.to_owned(),
                        message,
                    });
                }
                for branch in branches {
                    // What git said is not what it would have to be asked for.
                    if branch.contains('\u{fffd}') {
                        problems.push(Problem {
                            place: format!("{url} ({branch})"),
                            message: "the name of the branch is not UTF-8".to_owned(),
                        });
                        continue;
                    }
                    let site = Site {
                        source,
                        location: url.to_owned(),
                        branch: branch.clone(),
                        by_pattern: patterns.iter().all(|pattern| pattern.contains('*')),
                        kept: false,
                    };
                    let old = before.get(&site.place());
                    let known = seen.0.get(&site.seen());
                    match (old, known) {
                        (Some(old), Some((commit, tree)))
                            if *commit == heads[branch]
                                && *tree == old[0].tree
                                && self.store.has(&old[0].content) =>
                        {
                            all.push((site, Found::Same));
                        }
                        _ => open.push(site),
                    }
                }
            }
            if open.is_empty() {
                continue;
            }
            has_news = true;
            let mirror = Mirror::new(&self.state.join("git"), url);
            let branches: BTreeSet<&str> = open.iter().map(|site| site.branch.as_str()).collect();
            let branches: Vec<&str> = branches.into_iter().collect();
            let objects = mirror
                .fetch(self.git, url, &branches)
                .and_then(|()| mirror.objects(self.git));
            let mut objects = match objects {
                Ok(objects) => objects,
                Err(error) => {
                    problems.push(Problem {
                        place: url.to_owned(),
                        message: error.to_string(),
                    });
                    all.extend(open.into_iter().map(|site| (site, Found::Nothing)));
                    continue;
                }
            };
            let mut commits: HashMap<String, Option<CommitInfo>> = HashMap::new();
            for site in open {
                let old = before.get(&site.place()).map(|old| old[0]);
                let mut look = || -> Result<Found> {
                    if !commits.contains_key(&site.branch) {
                        let head = format!("refs/heads/{}", site.branch);
                        commits.insert(site.branch.clone(), objects.commit(&head)?);
                    }
                    let Some(commit) = commits[&site.branch].clone() else {
                        return Err(Error::Git(format!(
                            "the branch {} was not fetched",
                            site.branch
                        )));
                    };
                    let Some(tree) = objects.tree_id(&commit.id, &site.source.subdir)? else {
                        return Err(Error::Git(format!(
                            "the branch {} has no directory `{}`",
                            site.branch, site.source.subdir
                        )));
                    };
                    seen.0
                        .insert(site.seen(), (commit.id.clone(), tree.clone()));
                    if old.is_some_and(|old| old.tree == tree && self.store.has(&old.content)) {
                        return Ok(Found::Same);
                    }
                    let content = objects.import(&tree, self.store)?;
                    Ok(Found::New(Content {
                        tree,
                        content,
                        commit: Some(commit),
                    }))
                };
                let found = look().unwrap_or_else(|error| {
                    problems.push(site.problem(error.to_string()));
                    Found::Nothing
                });
                all.push((site, found));
            }
        }
        if has_news {
            let text =
                serde_json::to_vec(&seen).map_err(|error| Error::Usage(error.to_string()))?;
            self.disk.write(&seen_file, &text, Durability::Cache)?;
        }
        Ok(all)
    }
}

/// Tells of patterns by which no charm was found; `found` has the lines of the sources that gave something.
fn empty_patterns(collection: &Collection, found: &BTreeSet<usize>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in &collection.charms {
        if let Location::Directories { pattern } = &source.location
            && has_pattern(pattern)
            && !found.contains(&source.line)
        {
            problems.push(Problem {
                place: pattern.join(&source.subdir).display().to_string(),
                message: format!(
                    "no charm is there; line {} of {} names it",
                    source.line,
                    collection.file.display()
                ),
            });
        }
    }
    problems
}

/// Returns the sites of a repository that does not answer: those that it had and that the collection still names.
fn unreachable<'c>(
    url: &str,
    sources: &[(&'c Source, &[String])],
    before: &HashMap<Place, Vec<&Entry>>,
) -> Vec<(Site<'c>, Found)> {
    let mut sites = Vec::new();
    for (place, _) in before.iter().filter(|(place, _)| place.0 == url) {
        let source = sources.iter().find(|(source, patterns)| {
            let is_named = |pattern: &String| branch_matches(pattern, &place.2);
            source.subdir == place.1 && patterns.iter().any(is_named)
        });
        sites.extend(source.map(|(source, _)| {
            let site = Site {
                source,
                location: url.to_owned(),
                branch: place.2.clone(),
                by_pattern: true,
                kept: true,
            };
            (site, Found::Nothing)
        }));
    }
    sites
}

/// One look at a directory.
struct Read {
    tree: String,
    branch: String,
    commit: Option<CommitInfo>,
    content: Option<Digest>,
    /// Whether it is in git.
    versioned: bool,
}

impl Site<'_> {
    fn is_remote(&self) -> bool {
        matches!(self.source.location, Location::Git { .. })
    }

    fn place(&self) -> Place {
        if self.is_remote() {
            let subdir = self.source.subdir.clone();
            (self.location.clone(), subdir, self.branch.clone())
        } else {
            (self.location.clone(), String::new(), String::new())
        }
    }

    /// Returns what was there before, which cannot be looked at now. Trust is what the collection says of it now.
    fn kept(&self, old: &[&Entry]) -> Vec<Entry> {
        let entry = |old: &&Entry| Entry {
            trust: self.source.trust,
            ..(*old).clone()
        };
        old.iter().map(entry).collect()
    }

    fn seen(&self) -> String {
        format!("{} {} {}", self.location, self.branch, self.source.subdir)
    }

    fn origin(&self, commit: Option<CommitInfo>) -> Origin {
        let subdir = if self.is_remote() {
            self.source.subdir.clone()
        } else {
            String::new()
        };
        let (id, author, subject) = match commit {
            Some(commit) => (Some(commit.id), Some(commit.author), Some(commit.subject)),
            None => (None, None, None),
        };
        Origin {
            place: self.location.clone(),
            subdir,
            url: self.is_remote().then(|| self.location.clone()),
            commit: id,
            author,
            subject,
        }
    }

    fn problem(&self, message: String) -> Problem {
        let place = match (self.is_remote(), self.kept) {
            (true, false) => format!("{} ({})", self.location, self.branch),
            _ => self.location.clone(),
        };
        Problem { place, message }
    }
}
