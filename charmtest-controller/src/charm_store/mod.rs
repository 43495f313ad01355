//! Charm stores: directories of this machine, and Charmhub where the user allows it.
//!
//! Both answer in Charmhub's shapes ([`transport`]), so what Juju makes of an answer ([`resolve`]) is written once. Everything here
//! blocks: on files, or for up to its time limit on the network.

mod catalogue;
pub(crate) mod channel;
mod charmhub;
mod http;
mod local;
mod resolve;
mod settings;
pub(crate) mod transport;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256, Sha384};

use crate::model::random_hex;
use channel::Channel;
use charmhub::Charmhub;
use http::Http;
use local::{FILE_SCHEME, INLINE_SCHEME, LocalStore, hex};
use transport::{ApiError, Download, Found, Info, RefreshResult, StoreResource};

pub(crate) use resolve::{Resolved, resolve};
pub(crate) use settings::{CHARMHUB_URL, Settings};

/// The variables of a client that say which stores are asked, and how.
pub(crate) const VARIABLES: [&str; 10] = [
    settings::PATHS_VARIABLE,
    settings::CHARMHUB_VARIABLE,
    "CHARMHUB_URL",
    http::VARIABLES[0],
    http::VARIABLES[1],
    http::VARIABLES[2],
    http::VARIABLES[3],
    http::VARIABLES[4],
    http::VARIABLES[5],
    http::VARIABLES[6],
];

/// The directory of the data directory where downloads are kept, by their SHA-256; it may be deleted at any time.
const CACHE: &str = "store-cache";

/// Why a charm store does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CharmStoreError {
    /// The stores have no charm of this name.
    #[error("charm {0:?} not found")]
    NotFound(String),
    /// Everything else, in a sentence that says what to do.
    #[error("{0}")]
    Failed(String),
}

impl CharmStoreError {
    fn failed(why: impl ToString) -> Self {
        Self::Failed(why.to_string())
    }
}

/// Which revision of a charm is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The charm's name.
    pub(crate) name: String,
    /// The channel, if one was asked for.
    pub(crate) channel: Option<Channel>,
    /// The revision, if one was asked for; it outranks the channel.
    pub(crate) revision: Option<u32>,
    /// The base, if it is settled.
    pub(crate) base: Option<WantedBase>,
    /// The architecture, `amd64`.
    pub(crate) arch: String,
}

/// An operating system release: `ubuntu`, `22.04`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedBase {
    /// The operating system.
    pub(crate) name: String,
    /// The release, without a risk.
    pub(crate) channel: String,
}

/// What to search for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// A text in names and summaries; empty for anything.
    pub(crate) text: String,
    /// A category.
    pub(crate) category: Option<String>,
    /// A channel with something released in it.
    pub(crate) channel: Option<String>,
    /// `charm` or `bundle`.
    pub(crate) kind: Option<String>,
    /// A publisher.
    pub(crate) publisher: Option<String>,
}

/// All stores that a client asks.
#[derive(Debug)]
pub(crate) struct CharmStore {
    local: LocalStore,
    hub: Option<Charmhub>,
    cache: PathBuf,
}

impl CharmStore {
    /// Opens the stores of `settings`: the paths, and behind them Charmhub at `url` if it is allowed. `data` is the data directory, `env`
    /// the client's variables.
    ///
    /// # Errors
    ///
    /// Fails when a path cannot be read or its index is wrong.
    pub(crate) fn open(
        settings: &Settings,
        url: &str,
        data: &Path,
        env: &BTreeMap<String, String>,
    ) -> Result<Self, CharmStoreError> {
        Ok(Self {
            local: LocalStore::open(&settings.paths)?,
            hub: settings
                .charmhub
                .then(|| Charmhub::new(url, Http::new(env))),
            cache: data.join(CACHE),
        })
    }

    /// Returns what is known of a charm.
    ///
    /// # Errors
    ///
    /// Fails when there is no such charm, or a store cannot be asked.
    pub(crate) fn info(&self, name: &str) -> Result<Info, CharmStoreError> {
        let found = match (self.local.info(name)?, &self.hub) {
            (Some(info), _) => Some(info),
            (None, Some(hub)) => hub.info(name)?,
            (None, None) => None,
        };
        found.ok_or_else(|| CharmStoreError::NotFound(name.to_owned()))
    }

    /// Searches for charms; those on this machine come first and hide their namesakes.
    ///
    /// # Errors
    ///
    /// Fails when a store cannot be asked.
    pub(crate) fn find(&self, query: &Query) -> Result<Vec<Found>, CharmStoreError> {
        let channel = match query.channel.as_deref() {
            Some(text) => Some(Channel::parse(text).map_err(CharmStoreError::failed)?),
            None => None,
        };
        let mut results = Vec::new();
        // Directories know no bundles and no categories.
        let possible =
            query.category.is_none() && query.kind.as_deref().is_none_or(|kind| kind == "charm");
        for name in self.local.names().filter(|_| possible) {
            let Some(found) = self.local.found(name, channel.as_ref())? else {
                continue;
            };
            let text = query.text.to_lowercase();
            let matches =
                name.contains(&text) || found.entity.summary.to_lowercase().contains(&text);
            let published = query
                .publisher
                .as_ref()
                .is_none_or(|publisher| *publisher == found.entity.publisher.display_name);
            if matches && published {
                results.push(found);
            }
        }
        if let Some(hub) = &self.hub {
            let others = hub.find(query)?.into_iter();
            results.extend(others.filter(|found| !self.local.has(&found.name)));
        }
        Ok(results)
    }

    /// Asks for the revision that `request` gets; an error in the answer says why there is none.
    ///
    /// # Errors
    ///
    /// Fails when a store cannot be asked.
    pub(crate) fn refresh(&self, request: &Request) -> Result<RefreshResult, CharmStoreError> {
        match (self.local.refresh(request)?, &self.hub) {
            (Some(result), _) => Ok(result),
            (None, Some(hub)) => hub.refresh(request),
            (None, None) => Ok(RefreshResult {
                error: Some(ApiError {
                    code: "name-not-found".to_owned(),
                    message: format!(
                        "No charm or bundle with name {:?} in {}; Charmhub is not asked ({} allows it)",
                        request.name,
                        self.local.places(),
                        settings::CHARMHUB_VARIABLE
                    ),
                    ..ApiError::default()
                }),
                ..RefreshResult::default()
            }),
        }
    }

    /// Returns the revision that the channel of `request` has for its base, asking only the stores of this machine.
    ///
    /// # Errors
    ///
    /// Fails when an archive cannot be read.
    pub(crate) fn newest_here(&self, request: &Request) -> Result<Option<u32>, CharmStoreError> {
        self.local.newest(request)
    }

    /// Returns a revision of a resource of a charm.
    ///
    /// # Errors
    ///
    /// Fails when there is no such revision, or a store cannot be asked.
    pub(crate) fn resource(
        &self,
        charm: &str,
        resource: &str,
        revision: u32,
    ) -> Result<StoreResource, CharmStoreError> {
        let all = match (self.local.resource_revisions(charm, resource)?, &self.hub) {
            (Some(all), _) => all,
            (None, Some(hub)) => hub.resource_revisions(charm, resource)?,
            (None, None) => Vec::new(),
        };
        all.into_iter()
            .find(|found| found.revision == revision)
            .ok_or_else(|| {
                // Juju's words: `juju deploy n --resource r=9`.
                CharmStoreError::failed(format!(
                    "charm resource {resource:?} at revision {revision} not found"
                ))
            })
    }

    /// Makes the file behind `download` readable on this machine and returns where it is; `what` is named in errors.
    ///
    /// What comes over the network is kept, and checked against the hash that the store gave.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be fetched or kept, or is not what the store says.
    pub(crate) fn fetch(
        &self,
        what: &str,
        download: &Download,
    ) -> Result<PathBuf, CharmStoreError> {
        let url = &download.url;
        if let Some(path) = url.strip_prefix(FILE_SCHEME) {
            return Ok(PathBuf::from(path));
        }
        let keep = |error: io::Error| {
            CharmStoreError::failed(format!(
                "cannot keep {what} in {}: {error}",
                self.cache.display()
            ))
        };
        if let Some(text) = url.strip_prefix(INLINE_SCHEME) {
            fs::create_dir_all(&self.cache).map_err(keep)?;
            let path = self.cache.join(hex(&Sha256::digest(text.as_bytes())));
            fs::write(&path, text).map_err(keep)?;
            return Ok(path);
        }
        if is_hash(&download.sha256) {
            let kept = self.cache.join(&download.sha256);
            if kept.is_file() {
                return Ok(kept);
            }
        }
        let Some(hub) = &self.hub else {
            return Err(CharmStoreError::failed(format!(
                "{what} is at {url}, and Charmhub is not asked ({} allows it)",
                settings::CHARMHUB_VARIABLE
            )));
        };
        fs::create_dir_all(&self.cache).map_err(keep)?;
        let temporary = Removed(self.cache.join(format!(".{}", random_hex(8))));
        let mut file = File::create(&temporary.0).map_err(keep)?;
        hub.http().download(url, &mut file)?;
        file.flush().map_err(keep)?;
        let (sha256, sha384) = hashes(&temporary.0).map_err(keep)?;
        for (expected, calculated) in [(&download.sha256, &sha256), (&download.sha384, &sha384)] {
            if !expected.is_empty() && expected != calculated {
                // Juju's words, `juju download`.
                return Err(CharmStoreError::failed(format!(
                    "Checksum of download failed for {what}:\nExpected:   {expected}\nCalculated: {calculated}"
                )));
            }
        }
        let kept = self.cache.join(sha256);
        fs::rename(&temporary.0, &kept).map_err(keep)?;
        Ok(kept)
    }
}

/// Says whether a text from the network is a SHA-256 and so can be a file name.
fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns the SHA-256 and the SHA-384 of a file.
fn hashes(path: &Path) -> io::Result<(String, String)> {
    let (mut short, mut long) = (Sha256::new(), Sha384::new());
    let mut file = File::open(path)?;
    let mut chunk = vec![0; 64 << 10];
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            return Ok((hex(&short.finalize()), hex(&long.finalize())));
        }
        short.update(&chunk[..length]);
        long.update(&chunk[..length]);
    }
}

/// A file that is removed again unless it was renamed.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // After the rename there is nothing to remove.
        let _ = fs::remove_file(&self.0);
    }
}

/// Returns the architecture of this machine in Juju's words.
pub(crate) fn host_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64el",
        "riscv64" => "riscv64",
        "s390x" => "s390x",
        other => other,
    }
}
