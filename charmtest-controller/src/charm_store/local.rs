//! A charm store in directories of this machine; it answers as Charmhub does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use charmtest_charm::{Archive, Charm, ResourceKind};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256, Sha384};

use super::catalogue::{self, Catalogue, Content, Package, ReleaseRow, rank};
use super::channel::{Channel, RISKS};
use super::transport::{
    ApiError, ApiErrorExtra, Base, Download, Entity, Found, Info, Publisher, RefreshCharm,
    RefreshResult, Release, ReleaseChannel, Released, Revision, StoreResource,
};
use super::{CharmStoreError, Request};

/// What Charmhub says when nothing is released as asked.
const NO_REVISION: &str = "No revision was found in the Store.";

/// The beginning of URLs of files on this machine.
pub(super) const FILE_SCHEME: &str = "file://";

/// The beginning of URLs that hold their content.
pub(super) const INLINE_SCHEME: &str = "inline:";

/// The charms of some directories and `.charm` files.
#[derive(Debug, Default)]
pub(crate) struct LocalStore {
    catalogue: Catalogue,
    paths: Vec<PathBuf>,
}

/// An archive that was looked into.
#[derive(Debug)]
struct Opened {
    charm: Charm,
    metadata_yaml: String,
    config_yaml: String,
    bases: Vec<Base>,
    download: Download,
    modified: String,
}

impl LocalStore {
    /// Reads what `paths` offer.
    ///
    /// # Errors
    ///
    /// See [`catalogue::read`].
    pub(super) fn open(paths: &[PathBuf]) -> Result<Self, CharmStoreError> {
        Ok(Self {
            catalogue: catalogue::read(paths)?,
            paths: paths.to_vec(),
        })
    }

    /// Says whether a charm is here.
    pub(super) fn has(&self, name: &str) -> bool {
        self.catalogue.contains_key(name)
    }

    /// Iterates over the names of all charms.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.catalogue.keys().map(String::as_str)
    }

    /// Returns where was looked, for errors.
    pub(super) fn places(&self) -> String {
        let places: Vec<String> = self
            .paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        places.join(", ")
    }

    /// Answers `info`; `None` for a charm that is not here.
    ///
    /// # Errors
    ///
    /// Fails when an archive cannot be read.
    pub(super) fn info(&self, name: &str) -> Result<Option<Info>, CharmStoreError> {
        let Some(package) = self.catalogue.get(name) else {
            return Ok(None);
        };
        let mut channel_map = Vec::new();
        for row in ordered(package) {
            let opened = open(name, package, row.revision)?;
            channel_map.push(released(row, &opened, false));
        }
        let (entity, default_release) = described(name, package)?;
        Ok(Some(Info {
            kind: "charm".to_owned(),
            id: id(name),
            name: name.to_owned(),
            entity,
            channel_map,
            default_release,
            error_list: Vec::new(),
        }))
    }

    /// Returns a charm as a result of `find`; `None` for a charm that is not here, or not in the channel.
    ///
    /// # Errors
    ///
    /// Fails when an archive cannot be read.
    pub(super) fn found(
        &self,
        name: &str,
        channel: Option<&Channel>,
    ) -> Result<Option<Found>, CharmStoreError> {
        let Some(package) = self.catalogue.get(name) else {
            return Ok(None);
        };
        if let Some(channel) = channel
            && !package
                .releases
                .iter()
                .any(|row| row.channel == channel.full())
        {
            return Ok(None);
        }
        let (entity, default_release) = described(name, package)?;
        Ok(Some(Found {
            kind: "charm".to_owned(),
            id: id(name),
            name: name.to_owned(),
            entity,
            default_release,
        }))
    }

    /// Finds the revision that `request` gets; `None` for a charm that is not here.
    ///
    /// # Errors
    ///
    /// Fails when an archive cannot be read.
    pub(super) fn refresh(
        &self,
        request: &Request,
    ) -> Result<Option<RefreshResult>, CharmStoreError> {
        let Some(package) = self.catalogue.get(&request.name) else {
            return Ok(None);
        };
        let name = &request.name;
        if let Some(revision) = request.revision {
            if !package.revisions.contains_key(&revision) {
                return Ok(Some(not_found(Vec::new())));
            }
            let row = package.releases.iter().find(|row| row.revision == revision);
            let charm = refresh_charm(name, package, revision, row)?;
            return Ok(Some(RefreshResult {
                charm,
                ..RefreshResult::default()
            }));
        }
        if let Some(row) = choose(package, request)? {
            return Ok(Some(RefreshResult {
                charm: refresh_charm(name, package, row.revision, Some(row))?,
                effective_channel: row.channel.to_string(),
                error: None,
            }));
        }
        let mut releases = Vec::new();
        for row in ordered(package) {
            let opened = open(name, package, row.revision)?;
            for base in opened.bases.clone() {
                let release = Release {
                    base,
                    channel: row.channel.to_string(),
                };
                if !releases.contains(&release) {
                    releases.push(release);
                }
            }
        }
        Ok(Some(not_found(releases)))
    }

    /// Returns the revision that a channel has for a base; `None` when there is none, or no such charm.
    ///
    /// # Errors
    ///
    /// Fails when an archive cannot be read.
    pub(super) fn newest(&self, request: &Request) -> Result<Option<u32>, CharmStoreError> {
        let Some(package) = self.catalogue.get(&request.name) else {
            return Ok(None);
        };
        Ok(choose(package, request)?.map(|row| row.revision))
    }

    /// Returns all revisions of a resource; `None` for a charm that is not here.
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be read.
    pub(super) fn resource_revisions(
        &self,
        charm: &str,
        resource: &str,
    ) -> Result<Option<Vec<StoreResource>>, CharmStoreError> {
        let Some(package) = self.catalogue.get(charm) else {
            return Ok(None);
        };
        let Some(latest) = package.revisions.keys().next_back() else {
            return Ok(Some(Vec::new()));
        };
        let opened = open(charm, package, *latest)?;
        let revisions = package.resources.get(resource).into_iter().flatten();
        let all = revisions
            .map(|(revision, content)| store_resource(&opened.charm, resource, *revision, content));
        all.collect::<Result<_, _>>().map(Some)
    }
}

/// Finds what is released for a request: in its channel, or in the safer one that stands in for it; the newest that fits.
fn choose<'a>(
    package: &'a Package,
    request: &Request,
) -> Result<Option<&'a ReleaseRow>, CharmStoreError> {
    let wanted = match &request.channel {
        Some(channel) => channel.full(),
        None => Channel {
            track: Some(package.default_track.clone()),
            ..Channel::default().full()
        },
    };
    for channel in followed(&wanted) {
        let mut rows: Vec<&ReleaseRow> = package
            .releases
            .iter()
            .filter(|row| row.channel == channel)
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.revision));
        for row in rows {
            let opened = open(&request.name, package, row.revision)?;
            if supports(&opened.bases, request) {
                return Ok(Some(row));
            }
        }
    }
    Ok(None)
}

/// Returns the channels that a wanted one may get its revision from: its branch, itself, and the safer ones, as long as it is closed.
fn followed(wanted: &Channel) -> Vec<Channel> {
    let risk = rank(wanted.risk.unwrap_or(RISKS[0]));
    let with = |risk, branch| Channel {
        track: wanted.track.clone(),
        risk: Some(risk),
        branch,
    };
    let branch = wanted.branch.as_ref().map(|_| wanted.clone());
    let safer = RISKS[..=risk.min(RISKS.len() - 1)].iter().rev();
    branch
        .into_iter()
        .chain(safer.map(|risk| with(risk, None)))
        .collect()
}

/// Returns what is released, the default track first, the safest risk first, the newest first.
fn ordered(package: &Package) -> Vec<&ReleaseRow> {
    let mut rows: Vec<&ReleaseRow> = package.releases.iter().collect();
    rows.sort_by_key(|row| {
        let other_track = row.channel.track.as_deref() != Some(&package.default_track);
        let risk = row.channel.risk.map_or(RISKS.len(), rank);
        (
            other_track,
            row.channel.track.clone(),
            risk,
            row.channel.branch.clone(),
            std::cmp::Reverse(row.revision),
        )
    });
    rows
}

fn not_found(releases: Vec<Release>) -> RefreshResult {
    RefreshResult {
        error: Some(ApiError {
            code: "revision-not-found".to_owned(),
            message: NO_REVISION.to_owned(),
            extra: ApiErrorExtra {
                releases,
                default_bases: Vec::new(),
            },
        }),
        ..RefreshResult::default()
    }
}

/// Says whether a revision for these bases is one for the base and architecture of a request; one without bases is for all.
fn supports(bases: &[Base], request: &Request) -> bool {
    bases.is_empty()
        || bases.iter().any(|base| {
            let architecture = base.architecture == "all" || base.architecture == request.arch;
            let release = request.base.as_ref().is_none_or(|wanted| {
                (&wanted.name, &wanted.channel) == (&base.name, &base.channel)
            });
            architecture && release
        })
}

fn described(name: &str, package: &Package) -> Result<(Entity, Released), CharmStoreError> {
    let rows = ordered(package);
    let unreleased;
    let row = match rows.first() {
        Some(row) => *row,
        None => {
            unreleased = ReleaseRow {
                channel: Channel::default(),
                revision: package.revisions.keys().next_back().copied().unwrap_or(0),
                resources: BTreeMap::new(),
            };
            &unreleased
        }
    };
    let opened = open(name, package, row.revision)?;
    let entity = Entity {
        description: opened.charm.metadata.description.clone(),
        summary: opened.charm.metadata.summary.clone(),
        publisher: Publisher {
            display_name: package.publisher.clone(),
        },
        ..Entity::default()
    };
    Ok((entity, released(row, &opened, true)))
}

fn released(row: &ReleaseRow, opened: &Opened, with_files: bool) -> Released {
    let file = |text: &String| {
        if with_files {
            text.clone()
        } else {
            String::new()
        }
    };
    Released {
        channel: ReleaseChannel {
            released_at: opened.modified.clone(),
            risk: row.channel.risk.unwrap_or_default().to_owned(),
            track: row.channel.track.clone().unwrap_or_default(),
        },
        revision: Revision {
            config_yaml: file(&opened.config_yaml),
            metadata_yaml: file(&opened.metadata_yaml),
            download: opened.download.clone(),
            bases: opened.bases.clone(),
            revision: row.revision,
            // On Charmhub the version of a charm is its revision.
            version: row.revision.to_string(),
        },
    }
}

fn refresh_charm(
    name: &str,
    package: &Package,
    revision: u32,
    row: Option<&ReleaseRow>,
) -> Result<RefreshCharm, CharmStoreError> {
    let opened = open(name, package, revision)?;
    let mut resources = Vec::new();
    for resource in opened.charm.metadata.resources.keys() {
        let Some(revisions) = package.resources.get(resource) else {
            continue;
        };
        let chosen = row
            .and_then(|row| row.resources.get(resource))
            .or_else(|| revisions.keys().next_back());
        let Some(chosen) = chosen else { continue };
        let Some(content) = revisions.get(chosen) else {
            return Err(CharmStoreError::failed(format!(
                "the charm store releases {name:?} with revision {chosen} of the resource {resource:?}, which it does not have; \
                 correct its index.yaml"
            )));
        };
        resources.push(store_resource(&opened.charm, resource, *chosen, content)?);
    }
    Ok(RefreshCharm {
        kind: "charm".to_owned(),
        download: opened.download.clone(),
        name: name.to_owned(),
        resources,
        bases: opened.bases.clone(),
        revision,
    })
}

fn store_resource(
    charm: &Charm,
    name: &str,
    revision: u32,
    content: &Content,
) -> Result<StoreResource, CharmStoreError> {
    let declared = charm.metadata.resources.get(name);
    let (kind, filename) = match declared.map(|resource| &resource.kind) {
        Some(ResourceKind::File { filename }) => ("file", filename.clone()),
        Some(ResourceKind::OciImage) => ("oci-image", String::new()),
        None => ("file", String::new()),
    };
    let download = match content {
        Content::File(path) => {
            let fail = |error: io::Error| cannot_read(path, &error);
            let mut hasher = Sha384::new();
            let size = io::copy(&mut File::open(path).map_err(fail)?, &mut hasher).map_err(fail)?;
            Download {
                sha256: String::new(),
                sha384: hex(&hasher.finalize()),
                size,
                url: format!("{FILE_SCHEME}{}", path.display()),
            }
        }
        Content::Reference(reference) if kind == "oci-image" => {
            let text = json!({ "ImageName": reference }).to_string();
            Download {
                sha256: String::new(),
                sha384: hex(&Sha384::digest(text.as_bytes())),
                size: text.len() as u64,
                url: format!("{INLINE_SCHEME}{text}"),
            }
        }
        Content::Reference(reference) => {
            return Err(CharmStoreError::failed(format!(
                "the charm store has no file {reference:?} for the resource {name:?} of {:?}; correct its index.yaml",
                charm.metadata.name.as_str()
            )));
        }
    };
    Ok(StoreResource {
        download,
        description: declared
            .map(|resource| resource.description.clone())
            .unwrap_or_default(),
        name: name.to_owned(),
        filename,
        revision,
        kind: kind.to_owned(),
    })
}

/// What is known of archives, by their path, size and time of change: a status asks again and again, and an archive may be large.
static KNOWN: Mutex<BTreeMap<(PathBuf, u64, SystemTime), Arc<Opened>>> =
    Mutex::new(BTreeMap::new());

/// How many archives are known at most.
const KNOWN_MAX: usize = 1000;

/// Looks into the archive of a revision, unless it was looked into before.
fn open(name: &str, package: &Package, revision: u32) -> Result<Arc<Opened>, CharmStoreError> {
    let path = package.revisions.get(&revision).ok_or_else(|| {
        CharmStoreError::failed(format!(
            "the charm store has no revision {revision} of {name:?}"
        ))
    })?;
    let bad = |why: String| {
        CharmStoreError::failed(format!(
            "{} of the charm store cannot be used: {why}",
            path.display()
        ))
    };
    let found = fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
    let changed = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let key = (path.clone(), found.len(), changed);
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(opened) = known().get(&key)
        && opened.charm.metadata.name.as_str() == name
    {
        return Ok(Arc::clone(opened));
    }
    let archive = Archive::open(path).map_err(|error| bad(error.to_string()))?;
    let charm = Charm::read_archive(&archive).map_err(|error| bad(error.to_string()))?;
    if charm.metadata.name.as_str() != name {
        return Err(bad(format!(
            "it holds the charm {:?}, not {name:?}; call it after its charm",
            charm.metadata.name.as_str()
        )));
    }
    let text = |file: &str| {
        let text = archive
            .read_text(file)
            .map_err(|error| bad(error.to_string()))?;
        Ok::<_, CharmStoreError>(text.unwrap_or_default())
    };
    let (metadata_yaml, config_yaml) = (text("metadata.yaml")?, text("config.yaml")?);
    let modified = Timestamp::try_from(changed).unwrap_or_default();
    let bases = charm.manifest.bases.iter().flat_map(|base| {
        let mut architectures = base.architectures.clone();
        if architectures.is_empty() {
            architectures.push("all".to_owned());
        }
        architectures.into_iter().map(|architecture| Base {
            architecture,
            name: base.name.clone(),
            channel: base.channel.clone(),
        })
    });
    let opened = Arc::new(Opened {
        bases: bases.collect(),
        metadata_yaml,
        config_yaml,
        download: Download {
            sha256: archive.sha256().to_owned(),
            sha384: String::new(),
            size: found.len(),
            url: format!("{FILE_SCHEME}{}", path.display()),
        },
        modified: modified.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string(),
        charm,
    });
    let mut known = known();
    if known.len() >= KNOWN_MAX {
        known.clear();
    }
    known.insert(key, Arc::clone(&opened));
    Ok(opened)
}

fn cannot_read(path: &Path, error: &io::Error) -> CharmStoreError {
    CharmStoreError::failed(format!(
        "cannot read {} of the charm store: {error}",
        path.display()
    ))
}

/// Makes an id of a charm that looks like Charmhub's: 32 letters and digits.
fn id(name: &str) -> String {
    let mut id = hex(&Sha256::digest(name.as_bytes()));
    id.truncate(32);
    id
}

/// Returns bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
