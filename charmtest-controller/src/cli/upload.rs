//! Charms and resources on their way from the client's files into the controller.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use charmtest_charm::archive::pack_directory;
use charmtest_charm::yaml_writer::to_yaml;
use charmtest_charm::{Archive, Charm, ResourceKind};
use serde_json::json;
use sha2::{Digest, Sha384};

use super::command::{Cx, Failure};
use crate::JujuVersion;
use crate::causes::chain;
use crate::model::{ResourceRow, random_hex};
use crate::paths::DataDir;

/// A charm whose archive the controller keeps.
#[derive(Debug, Clone)]
pub(super) struct Package {
    /// The SHA-256 of the archive.
    pub(super) sha256: String,
    /// What it says about itself.
    pub(super) charm: Arc<Charm>,
}

/// Why what a path names is no charm that could be deployed.
#[derive(Debug, Clone)]
enum CharmError {
    /// There is nothing.
    Missing,
    /// It is no zip file; what the reader says.
    NotZip(String),
    /// Its files are not those of a charm.
    Unread(String),
    /// Something else.
    Other(String),
}

impl CharmError {
    /// Words it as `juju deploy` does, for which the path is the name of a charm.
    fn deploying(self, named: &str) -> Failure {
        Failure::Failed(match self {
            Self::Missing => format!("no charm was found at {named:?}"),
            Self::NotZip(why) => format!("invalid charm or bundle provided at {named:?}: {why}"),
            Self::Unread(why) => format!("attempting to deploy {named:?}: {why}"),
            Self::Other(why) => why,
        })
    }

    /// Words it as `juju refresh --path` does (recorded 4.0.15; Juju 3.6 reads the charm in the same way).
    fn refreshing(self, named: &str) -> Failure {
        Failure::Failed(match self {
            Self::Missing => format!("{named:?}: file does not exist"),
            Self::NotZip(_) => "zip: not a valid zip file".to_owned(),
            Self::Unread(why) | Self::Other(why) => why,
        })
    }
}

/// Copies the charm at `path`, an archive or a directory, into the controller, to be deployed; a directory is packed on the way.
///
/// # Errors
///
/// Fails when there is nothing at `path`, or it is no charm that could run.
pub(super) async fn charm(cx: &Cx, path: &str) -> Result<Package, Failure> {
    keep_charm(cx, cx.path(path), path, CharmError::deploying).await
}

/// Copies the charm at `path` into the controller as [`charm`] does, for an application that gets it instead of its own.
///
/// # Errors
///
/// Fails in the words of `juju refresh` where [`charm`] does.
pub(super) async fn next_charm(cx: &Cx, path: &str) -> Result<Package, Failure> {
    keep_charm(cx, cx.path(path), path, CharmError::refreshing).await
}

/// Refuses a charm in a directory where Juju takes archives only (Juju 4.0; 3.6 takes both).
///
/// # Errors
///
/// Fails in Juju's words when `path` is a directory and the controller speaks as Juju 4.0.
pub(super) fn check_archive(cx: &Cx, path: &str) -> Result<(), &'static str> {
    match cx.juju() {
        JujuVersion::V4_0 if cx.path(path).is_dir() => {
            Err("deploying from directory not supported")
        }
        JujuVersion::V3_6 | JujuVersion::V4_0 => Ok(()),
    }
}

/// Copies the archive at `source` into the controller; errors call it `named`.
///
/// # Errors
///
/// Fails when it is no charm that could run.
pub(super) async fn archive(cx: &Cx, source: PathBuf, named: &str) -> Result<Package, Failure> {
    keep_charm(cx, source, named, CharmError::deploying).await
}

/// Copies a charm into the controller, away from the threads that serve clients.
async fn keep_charm(
    cx: &Cx,
    source: PathBuf,
    named: &str,
    words: fn(CharmError, &str) -> Failure,
) -> Result<Package, Failure> {
    let (data, named) = (cx.hub.data.clone(), named.to_owned());
    let work = move || store_charm(&data, &source, &named).map_err(|error| words(error, &named));
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Failure::failed)?
}

/// Copies resources, given as `name=path` (for OCI images: `name=reference`), into the controller.
///
/// # Errors
///
/// Fails when the charm declares no such resource or a file cannot be read.
pub(super) async fn resources(
    cx: &Cx,
    charm: &Charm,
    pairs: &[String],
) -> Result<BTreeMap<String, ResourceRow>, Failure> {
    let mut given = Vec::new();
    for pair in pairs {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        given.push((name.to_owned(), value.to_owned()));
    }
    let unknown: Vec<&str> = given
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !charm.metadata.resources.contains_key(*name))
        .collect();
    match unknown[..] {
        [] => {}
        [name] => return Err(Failure::failed(format!("unrecognized resource {name:?}"))),
        _ => {
            return Err(Failure::failed(format!(
                "unrecognized resources: {}",
                unknown.join(", ")
            )));
        }
    }
    let mut rows = BTreeMap::new();
    for (name, value) in given {
        let row = resource(cx, charm, &name, &value)
            .await
            .map_err(|error| match error {
                ResourceError::Io(error) => Failure::failed(format!(
                    "file for resource {name:?}: stat {value}: {}",
                    go_words(&error)
                )),
                other => Failure::failed(other),
            })?;
        rows.insert(name, row);
    }
    Ok(rows)
}

/// Why a resource cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResourceError {
    /// The file cannot be read or stored.
    #[error("{}", go_words(.0))]
    Io(#[from] io::Error),
    /// The file is not called like the one that the charm expects.
    #[error("incorrect extension on resource upload {file:?}, expected {expected:?}")]
    Extension {
        /// The file.
        file: String,
        /// What its name should end with.
        expected: String,
    },
    /// It names no image.
    #[error("docker image path {0:?} not valid")]
    Image(String),
}

/// Copies one resource that the charm declares into the controller, for a new application as for one that is there.
///
/// An image is a reference, or a file that holds one with perhaps a user name and a password (Juju 3.6).
///
/// # Errors
///
/// Fails when the file cannot be read or stored, its extension is not that of the charm's file, or an image is none.
pub(super) async fn resource(
    cx: &Cx,
    charm: &Charm,
    name: &str,
    value: &str,
) -> Result<ResourceRow, ResourceError> {
    let kind = charm
        .metadata
        .resources
        .get(name)
        .map(|resource| &resource.kind);
    let source = cx.path(value);
    let content = match kind {
        Some(ResourceKind::OciImage) => Content::Text(image(&source, value)?),
        Some(ResourceKind::File { filename }) if extension(filename) != extension(value) => {
            // A file that is not there is the first thing to say.
            File::open(source)?;
            return Err(ResourceError::Extension {
                file: value.to_owned(),
                expected: extension(filename),
            });
        }
        _ => Content::File(source),
    };
    Ok(keep_resource(cx, content).await?)
}

/// What a resource holds.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// The content of a file.
    File(PathBuf),
    /// This text.
    Text(String),
}

/// Copies the content of a resource into the controller.
///
/// # Errors
///
/// Fails when it cannot be read or stored.
pub(super) async fn keep_resource(cx: &Cx, content: Content) -> io::Result<ResourceRow> {
    let (data, now) = (cx.hub.data.clone(), cx.hub.now());
    let stored = tokio::task::spawn_blocking(move || match content {
        Content::Text(text) => store_resource(&data, &mut text.as_bytes()),
        Content::File(source) if source.is_dir() => {
            Err(io::Error::from(io::ErrorKind::IsADirectory))
        }
        Content::File(source) => store_resource(&data, &mut File::open(source)?),
    });
    let (fingerprint, size) = stored.await.map_err(io::Error::other)??;
    let path = cx.hub.data.resource(&fingerprint);
    let path = path
        .strip_prefix(cx.hub.data.root())
        .unwrap_or(&path)
        .display()
        .to_string();
    Ok(ResourceRow {
        path,
        fingerprint,
        size,
        uploaded: now,
        store_revision: None,
    })
}

/// Returns what a file name ends with, from its last dot on.
fn extension(name: &str) -> String {
    let extension = Path::new(name).extension();
    extension
        .map(|extension| format!(".{}", extension.display()))
        .unwrap_or_default()
}

/// Returns what a unit gets for an image: a file that names it.
fn image(source: &Path, value: &str) -> Result<String, ResourceError> {
    let mut described = json!({ "registrypath": value });
    if source.is_file() {
        let text = fs::read_to_string(source)?;
        let invalid = || ResourceError::Image(value.to_owned());
        let given = charmtest_charm::yaml::parse_value(value, &text).map_err(|_| invalid())?;
        let key = |names: [&str; 2]| {
            let found = names.iter().find_map(|name| given.get(*name));
            found.and_then(|value| value.as_str().map(str::to_owned))
        };
        let path = key(["registrypath", "ImageName"]).ok_or_else(invalid)?;
        described = json!({ "registrypath": path });
        for (name, other) in [("username", "Username"), ("password", "Password")] {
            if let Some(text) = key([name, other]) {
                described[name] = text.into();
            }
        }
    }
    let path = described["registrypath"].as_str().unwrap_or_default();
    if path.is_empty() || path.contains(char::is_whitespace) {
        return Err(ResourceError::Image(path.to_owned()));
    }
    Ok(to_yaml(&described))
}

/// Returns the reason of an I/O error in the words of Go, which tests look for.
pub(super) fn go_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    }
}

fn store_charm(data: &DataDir, source: &Path, named: &str) -> Result<Package, CharmError> {
    let other = |verb: &str, error: io::Error| {
        CharmError::Other(format!("cannot {verb} {named:?}: {error}"))
    };
    let unread = |error: &dyn Error| CharmError::Unread(chain(error));
    let found = fs::metadata(source).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => CharmError::Missing,
        _ => other("read", error),
    })?;
    let temporary = Temporary::new(data.charm(&format!(".{}", random_hex(8))))
        .map_err(|error| other("keep", error))?;
    if found.is_dir() {
        check_packed(source, named)?;
        pack_directory(source, &temporary.0).map_err(|error| unread(&error))?;
    } else {
        fs::copy(source, &temporary.0).map_err(|error| other("copy", error))?;
    }
    let archive = Archive::open(&temporary.0)
        .map_err(|error| CharmError::NotZip(about(named, &temporary.0, &error)))?;
    if !archive.members().contains_key("metadata.yaml") {
        return Err(CharmError::Unread(
            "archive file \"metadata.yaml\" not found".to_owned(),
        ));
    }
    let charm = Charm::read_archive(&archive).map_err(|error| unread(&error))?;
    archive
        .check_runnable(charm.metadata.name.as_str())
        .map_err(|error| CharmError::Other(error.to_string()))?;
    let sha256 = archive.sha256().to_owned();
    fs::rename(&temporary.0, data.charm(&sha256)).map_err(|error| other("keep", error))?;
    Ok(Package {
        sha256,
        charm: Arc::new(charm),
    })
}

/// Refuses a directory with the source of a charm, which lacks what packing makes of it.
fn check_packed(dir: &Path, named: &str) -> Result<(), CharmError> {
    if !dir.join("metadata.yaml").exists() && dir.join("charmcraft.yaml").exists() {
        return Err(CharmError::Other(format!(
            "{named:?} has a charmcraft.yaml but no metadata.yaml: it is the source of a charm; pack it first and deploy the .charm file"
        )));
    }
    Ok(())
}

/// Tells about the user's file, not about the copy of it.
fn about(named: &str, copy: &Path, error: &dyn Error) -> String {
    chain(error).replace(&copy.display().to_string(), named)
}

/// Copies `content` to where its SHA-384 says and returns that and the size.
fn store_resource(data: &DataDir, content: &mut dyn io::Read) -> io::Result<(String, u64)> {
    let temporary = Temporary::new(data.resource(&format!(".{}", random_hex(8))))?;
    let mut file = File::create(&temporary.0)?;
    let mut hasher = Sha384::new();
    let mut size = 0;
    let mut chunk = vec![0; 64 << 10];
    loop {
        let length = content.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        hasher.update(&chunk[..length]);
        io::Write::write_all(&mut file, &chunk[..length])?;
        size += length as u64;
    }
    let fingerprint = format!("{:x}", hasher.finalize());
    fs::rename(&temporary.0, data.resource(&fingerprint))?;
    Ok((fingerprint, size))
}

/// A file that is removed again unless it was renamed.
struct Temporary(PathBuf);

impl Temporary {
    /// Chooses the file and makes its directory.
    fn new(path: PathBuf) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        Ok(Self(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After the rename there is nothing to remove.
        let _ = fs::remove_file(&self.0);
    }
}
