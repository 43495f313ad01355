//! What directories and `.charm` files of this machine offer, by the names of files and by `index.yaml`; no archive is opened here.
//!
//! `NAME.charm` is revision 0 of NAME in `latest/stable`. `NAME_r3.charm` is revision 3 there, `NAME_r3_edge.charm` in `latest/edge` and
//! `NAME_r3_14-edge.charm` in `14/edge`; other parts between underscores, as charmcraft writes them (`NAME_ubuntu-22.04-amd64.charm`),
//! mean nothing. `resource_RES_r2_FILE`, the name that `juju download --resources` gives, is revision 2 of the resource RES of the
//! directory's charms.
//!
//! An `index.yaml` beside them says more, and all there is to know about the charms that it names:
//!
//! ```yaml
//! db:
//!   default-track: "14"          # of deploys without a channel; latest when left out
//!   publisher: Database Team
//!   channels:
//!     14/stable: {revision: 3, file: db-3.charm, resources: {blob: 1}}
//!     14/edge:                   # several revisions, for several bases
//!       - {revision: 4, file: db-4-jammy.charm}
//!       - {revision: 5, file: db-5-noble.charm}
//!   revisions: {1: db-1.charm}   # in no channel: for --revision
//!   resources:                   # of each the highest revision is released, unless a channel says otherwise
//!     blob: {1: blob-1.bin, 2: blob-2.bin}
//!     image: {1: "registry.example.com/db:1"}
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use charmtest_charm::yaml;
use serde::Deserialize;

use super::CharmStoreError;
use super::channel::{Channel, DEFAULT_TRACK, RISKS, risk};

/// The file of a directory that says what it offers.
const INDEX: &str = "index.yaml";

/// All charms by name.
pub(crate) type Catalogue = BTreeMap<String, Package>;

/// A charm with all its revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// The track of deploys that name no channel.
    pub(crate) default_track: String,
    /// Who published it; may be empty.
    pub(crate) publisher: String,
    /// The archives by revision.
    pub(crate) revisions: BTreeMap<u32, PathBuf>,
    /// What is released where.
    pub(crate) releases: Vec<ReleaseRow>,
    /// Resources, and their contents by revision: files, and references of OCI images.
    pub(crate) resources: BTreeMap<String, BTreeMap<u32, Content>>,
}

/// A revision in a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReleaseRow {
    /// The channel, with track and risk.
    pub(crate) channel: Channel,
    /// The revision.
    pub(crate) revision: u32,
    /// Revisions of resources that go with it, where it is not the highest.
    pub(crate) resources: BTreeMap<String, u32>,
}

/// What a revision of a resource holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// The content of this file.
    File(PathBuf),
    /// A text of `index.yaml` that names no file: the reference of an image.
    Reference(String),
}

impl Default for Package {
    fn default() -> Self {
        Self {
            default_track: DEFAULT_TRACK.to_owned(),
            publisher: String::new(),
            revisions: BTreeMap::new(),
            releases: Vec::new(),
            resources: BTreeMap::new(),
        }
    }
}

impl Package {
    /// Adds what another place offers of the same charm; what is there already wins.
    fn merge(&mut self, other: Self) {
        for (revision, file) in other.revisions {
            self.revisions.entry(revision).or_insert(file);
        }
        for release in other.releases {
            let known = |row: &ReleaseRow| {
                (&row.channel, row.revision) == (&release.channel, release.revision)
            };
            if !self.releases.iter().any(known) {
                self.releases.push(release);
            }
        }
        for (name, revisions) in other.resources {
            let own = self.resources.entry(name).or_default();
            for (revision, content) in revisions {
                own.entry(revision).or_insert(content);
            }
        }
    }
}

/// Reads what these directories and `.charm` files offer; of the same revision in two places the earlier one is taken.
///
/// # Errors
///
/// Fails when one cannot be read, an `index.yaml` says something else or names a file that is not there, or two files of a directory
/// are the same revision of a charm.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Catalogue, CharmStoreError> {
    let mut catalogue = Catalogue::new();
    for path in paths {
        let packages = if path.is_dir() {
            directory(path)?
        } else {
            let mut packages = Catalogue::new();
            add_file(&mut packages, path)?;
            packages
        };
        for (name, package) in packages {
            match catalogue.get_mut(&name) {
                Some(known) => known.merge(package),
                None => drop(catalogue.insert(name, package)),
            }
        }
    }
    Ok(catalogue)
}

fn directory(dir: &Path) -> Result<Catalogue, CharmStoreError> {
    let fail = |error: io::Error| {
        CharmStoreError::failed(format!(
            "cannot read the charm store {}: {error}",
            dir.display()
        ))
    };
    let mut names: Vec<PathBuf> = fs::read_dir(dir)
        .map_err(fail)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, io::Error>>()
        .map_err(fail)?;
    names.sort();
    let indexed = match fs::read_to_string(dir.join(INDEX)) {
        Ok(text) => index(dir, &text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Catalogue::new(),
        Err(error) => return Err(fail(error)),
    };
    let mut catalogue = Catalogue::new();
    let mut resources: BTreeMap<String, BTreeMap<u32, Content>> = BTreeMap::new();
    for path in &names {
        if let Some((name, revision)) = resource_file(&file_name(path)) {
            let content = Content::File(path.clone());
            resources.entry(name).or_default().insert(revision, content);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "charm")
        {
            let parsed = charm_file(&file_name(path));
            if !parsed.is_some_and(|file| indexed.contains_key(&file.name)) {
                add_file(&mut catalogue, path)?;
            }
        }
    }
    for package in catalogue.values_mut() {
        package.resources.clone_from(&resources);
    }
    catalogue.extend(indexed);
    Ok(catalogue)
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Adds a `.charm` file under what its name says.
fn add_file(catalogue: &mut Catalogue, path: &Path) -> Result<(), CharmStoreError> {
    let Some(file) = charm_file(&file_name(path)) else {
        return Err(CharmStoreError::failed(format!(
            "{} is in a charm store and not called after a charm: call it NAME_rREVISION.charm or NAME_rREVISION_CHANNEL.charm",
            path.display()
        )));
    };
    let package = catalogue.entry(file.name.clone()).or_default();
    let release = ReleaseRow {
        channel: file.channel,
        revision: file.revision,
        resources: BTreeMap::new(),
    };
    if let Some(other) = package.revisions.get(&file.revision)
        && package.releases.contains(&release)
    {
        return Err(CharmStoreError::failed(format!(
            "{} and {} are both revision {} of {:?}: call them NAME_rREVISION.charm with a revision for each, or write an {INDEX}",
            other.display(),
            path.display(),
            file.revision,
            file.name
        )));
    }
    package
        .revisions
        .entry(file.revision)
        .or_insert_with(|| path.to_owned());
    package.releases.push(release);
    Ok(())
}

/// What the name of a `.charm` file says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CharmFile {
    name: String,
    revision: u32,
    channel: Channel,
}

fn charm_file(file: &str) -> Option<CharmFile> {
    let mut parts = file.strip_suffix(".charm")?.split('_');
    let name = parts.next().filter(|name| !name.is_empty())?.to_owned();
    let (mut revision, mut channel) = (None, None);
    for part in parts {
        let number = part
            .strip_prefix('r')
            .and_then(|digits| digits.parse().ok());
        revision = revision.or(number);
        channel = channel.or_else(|| channel_part(part));
    }
    Some(CharmFile {
        name,
        revision: revision.unwrap_or_default(),
        channel: channel.unwrap_or_default().full(),
    })
}

/// Reads `edge` or `14-edge`; a file name has no room for the slash.
fn channel_part(part: &str) -> Option<Channel> {
    let (track, name) = match part.rsplit_once('-') {
        Some((track, name)) if !track.is_empty() => (Some(track.to_owned()), name),
        Some(_) => return None,
        None => (None, part),
    };
    Some(Channel {
        track,
        risk: Some(risk(name)?),
        branch: None,
    })
}

/// Reads `resource_NAME_rREV` and `resource_NAME_rREV_FILE`.
fn resource_file(file: &str) -> Option<(String, u32)> {
    let rest = file.strip_prefix("resource_")?;
    // The name of a resource may have underscores too: the first part that is a revision ends it.
    let mut from = 0;
    while let Some(at) = rest[from..].find("_r") {
        let (name, after) = (&rest[..from + at], &rest[from + at + 2..]);
        let digits = after.split('_').next().unwrap_or_default();
        if let Ok(revision) = digits.parse()
            && !name.is_empty()
        {
            return Some((name.to_owned(), revision));
        }
        from += at + 2;
    }
    None
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct IndexEntry {
    default_track: Option<String>,
    #[serde(default)]
    publisher: String,
    #[serde(default)]
    channels: BTreeMap<String, OneOrMore>,
    #[serde(default)]
    revisions: BTreeMap<u32, String>,
    #[serde(default)]
    resources: BTreeMap<String, BTreeMap<u32, String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(IndexRelease),
    More(Vec<IndexRelease>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexRelease {
    revision: u32,
    file: Option<String>,
    #[serde(default)]
    resources: BTreeMap<String, u32>,
}

/// Reads an `index.yaml`.
fn index(dir: &Path, text: &str) -> Result<Catalogue, CharmStoreError> {
    let place = dir.join(INDEX).display().to_string();
    let entries: Option<BTreeMap<String, IndexEntry>> =
        yaml::parse(&place, text).map_err(CharmStoreError::failed)?;
    let fail =
        |name: &str, why: String| CharmStoreError::failed(format!("{place}: {name:?}: {why}"));
    let existing = |name: &str, file: &str| {
        let path = dir.join(file);
        if path.is_file() {
            return Ok(path);
        }
        Err(fail(name, format!("there is no file {file:?} beside it")))
    };
    let mut catalogue = Catalogue::new();
    for (name, entry) in entries.unwrap_or_default() {
        let mut package = Package {
            default_track: entry
                .default_track
                .unwrap_or_else(|| DEFAULT_TRACK.to_owned()),
            publisher: entry.publisher,
            ..Package::default()
        };
        for (revision, file) in &entry.revisions {
            package.revisions.insert(*revision, existing(&name, file)?);
        }
        for (channel, releases) in entry.channels {
            let parsed =
                Channel::parse(&channel).map_err(|error| fail(&name, error.to_string()))?;
            let releases = match releases {
                OneOrMore::One(release) => vec![release],
                OneOrMore::More(releases) => releases,
            };
            for release in releases {
                if let Some(file) = &release.file {
                    package
                        .revisions
                        .insert(release.revision, existing(&name, file)?);
                }
                package.releases.push(ReleaseRow {
                    channel: parsed.full(),
                    revision: release.revision,
                    resources: release.resources,
                });
            }
        }
        for release in &package.releases {
            if !package.revisions.contains_key(&release.revision) {
                let why = format!(
                    "{} releases revision {}, which has no file",
                    release.channel, release.revision
                );
                return Err(fail(&name, why));
            }
        }
        for (resource, revisions) in entry.resources {
            let content = |text: String| {
                let path = dir.join(&text);
                if path.is_file() {
                    Content::File(path)
                } else {
                    Content::Reference(text)
                }
            };
            let revisions = revisions
                .into_iter()
                .map(|(revision, text)| (revision, content(text)));
            package.resources.insert(resource, revisions.collect());
        }
        catalogue.insert(name, package);
    }
    Ok(catalogue)
}

/// Returns how safe a risk is, 0 being the safest.
pub(crate) fn rank(name: &str) -> usize {
    RISKS
        .iter()
        .position(|risk| *risk == name)
        .unwrap_or(RISKS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(dir: &Path, names: &[&str]) {
        fs::create_dir_all(dir).unwrap();
        for name in names {
            fs::write(dir.join(name), "").unwrap();
        }
    }

    /// Describes the releases of a charm, `REVISION CHANNEL`.
    fn releases(package: &Package) -> Vec<String> {
        let mut rows: Vec<String> = package
            .releases
            .iter()
            .map(|row| format!("{} {}", row.revision, row.channel))
            .collect();
        rows.sort();
        rows
    }

    #[test]
    fn names_of_charm_files() {
        for (file, name, revision, channel) in [
            ("db.charm", "db", 0, "latest/stable"),
            ("my-db_r12.charm", "my-db", 12, "latest/stable"),
            ("db_r3_edge.charm", "db", 3, "latest/edge"),
            ("db_r3_14-edge.charm", "db", 3, "14/edge"),
            ("db_8.0-lts-beta_r3.charm", "db", 3, "8.0-lts/beta"),
            ("db_ubuntu-22.04-amd64.charm", "db", 0, "latest/stable"),
            ("db_r7_ubuntu-22.04-amd64.charm", "db", 7, "latest/stable"),
        ] {
            let parsed = charm_file(file).unwrap();
            assert_eq!(
                (
                    parsed.name.as_str(),
                    parsed.revision,
                    parsed.channel.to_string().as_str()
                ),
                (name, revision, channel),
                "{file}"
            );
        }
        for file in ["db.zip", ".charm", "_r1.charm"] {
            assert_eq!(charm_file(file), None, "{file}");
        }
    }

    #[test]
    fn names_of_resource_files() {
        for (file, expected) in [
            ("resource_blob_r1", Some(("blob", 1))),
            ("resource_blob_r12_blob_r3.tgz", Some(("blob", 12))),
            ("resource_my_rare_r2_f", Some(("my_rare", 2))),
            ("resource_blob", None),
            ("resource__r1", None),
            ("blob_r1", None),
        ] {
            let parsed = resource_file(file);
            let parsed = parsed
                .as_ref()
                .map(|(name, revision)| (name.as_str(), *revision));
            assert_eq!(parsed, expected, "{file}");
        }
    }

    #[test]
    fn a_directory_goes_by_its_file_names() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        files(
            &one,
            &[
                "db_r1.charm",
                "db_r2_edge.charm",
                "web.charm",
                "README",
                "resource_blob_r4_b",
            ],
        );
        files(&two, &["db_r2_edge.charm", "db_r5.charm"]);
        let catalogue = read(&[one.clone(), two.clone(), one.join("web.charm")]).unwrap();
        let db = &catalogue["db"];
        assert_eq!(
            releases(db),
            ["1 latest/stable", "2 latest/edge", "5 latest/stable"]
        );
        assert_eq!(
            db.revisions[&2],
            one.join("db_r2_edge.charm"),
            "the earlier place wins"
        );
        assert_eq!(
            db.resources["blob"][&4],
            Content::File(one.join("resource_blob_r4_b"))
        );
        assert_eq!(releases(&catalogue["web"]), ["0 latest/stable"]);
    }

    #[test]
    fn an_index_says_all_about_its_charms() {
        let dir = tempfile::tempdir().unwrap();
        files(
            dir.path(),
            &["db_r9.charm", "a.charm", "b.charm", "c", "blob-1"],
        );
        let text = "db:\n  default-track: '14'\n  publisher: P\n  channels:\n    14/stable: {revision: 3, file: a.charm, resources: {blob: 1}}\n    \
                    14/edge: [{revision: 4, file: b.charm}, {revision: 3}]\n  revisions: {1: c}\n  \
                    resources: {blob: {1: blob-1}, image: {2: 'r.example/i:2'}}\n";
        fs::write(dir.path().join(INDEX), text).unwrap();
        let catalogue = read(&[dir.path().to_owned()]).unwrap();
        assert_eq!(catalogue.keys().collect::<Vec<_>>(), ["a", "b", "db"]);
        let db = &catalogue["db"];
        assert_eq!(releases(db), ["3 14/edge", "3 14/stable", "4 14/edge"]);
        assert_eq!(db.revisions.keys().collect::<Vec<_>>(), [&1, &3, &4]);
        assert_eq!(
            (db.default_track.as_str(), db.publisher.as_str()),
            ("14", "P")
        );
        assert_eq!(
            db.resources["image"][&2],
            Content::Reference("r.example/i:2".to_owned())
        );
        assert_eq!(
            db.releases
                .iter()
                .find(|row| !row.resources.is_empty())
                .unwrap()
                .resources["blob"],
            1
        );
    }

    #[test]
    fn mistakes_name_their_place() {
        let dir = tempfile::tempdir().unwrap();
        files(dir.path(), &["db_jammy.charm", "db_noble.charm"]);
        let fail = || read(&[dir.path().to_owned()]).unwrap_err().to_string();
        assert!(
            fail().contains("are both revision 0 of \"db\": call them NAME_rREVISION.charm"),
            "{}",
            fail()
        );
        for (text, expected) in [
            (
                "db: {channels: {a/b/c/d: {revision: 1, file: db_jammy.charm}}}",
                "index.yaml: \"db\": channel is malformed",
            ),
            (
                "db: {channels: {edge: {revision: 1, file: x}}}",
                "there is no file \"x\" beside it",
            ),
            (
                "db: {channels: {edge: {revision: 1}}}",
                "latest/edge releases revision 1, which has no file",
            ),
            ("db: {chanels: {}}", "chanels"),
        ] {
            fs::write(dir.path().join(INDEX), text).unwrap();
            assert!(fail().contains(expected), "{text}: {}", fail());
        }
    }
}
