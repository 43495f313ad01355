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

/// Copies the charm at `path`, an archive or a directory, into the controller; a directory is packed on the way.
///
/// # Errors
///
/// Fails when there is nothing at `path`, or it is no charm that could run.
pub(super) async fn charm(cx: &Cx, path: &str) -> Result<Package, Failure> {
    let (data, source, named) = (cx.hub.data.clone(), cx.path(path), path.to_owned());
    blocking(move || store_charm(&data, &source, &named)).await
}

/// Copies the archive at `source` into the controller; errors call it `named`.
///
/// # Errors
///
/// Fails when it is no charm that could run.
pub(super) async fn archive(cx: &Cx, source: PathBuf, named: &str) -> Result<Package, Failure> {
    let (data, named) = (cx.hub.data.clone(), named.to_owned());
    blocking(move || store_charm(&data, &source, &named)).await
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
        let row = resource(cx, charm, &name, &value).await.map_err(|error| {
            Failure::failed(format!(
                "file for resource {name:?}: stat {value}: {}",
                go_words(&error)
            ))
        })?;
        rows.insert(name, row);
    }
    Ok(rows)
}

/// Copies one resource that the charm declares into the controller.
///
/// # Errors
///
/// Fails when the file cannot be read or stored.
pub(super) async fn resource(
    cx: &Cx,
    charm: &Charm,
    name: &str,
    value: &str,
) -> io::Result<ResourceRow> {
    let is_image = charm
        .metadata
        .resources
        .get(name)
        .is_some_and(|resource| resource.kind == ResourceKind::OciImage);
    let content = if is_image {
        // An image is a reference; the unit gets a file that names it.
        Content::Text(to_yaml(&json!({"registrypath": value})))
    } else {
        Content::File(cx.path(value))
    };
    keep_resource(cx, content).await
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

/// Returns the reason of an I/O error in the words of Go, which tests look for.
pub(super) fn go_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    }
}

/// Runs work on files away from the threads that serve clients.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Failure::failed)?
}

fn store_charm(data: &DataDir, source: &Path, named: &str) -> Result<Package, Failure> {
    let found = fs::metadata(source).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::failed(format!("no charm was found at {named:?}")),
        _ => Failure::failed(format!("cannot read {named:?}: {error}")),
    })?;
    let temporary = Temporary::new(data.charm(&format!(".{}", random_hex(8))))
        .map_err(|error| Failure::failed(format!("cannot keep {named:?}: {error}")))?;
    if found.is_dir() {
        check_packed(source, named)?;
        pack_directory(source, &temporary.0).map_err(|error| refuse(named, &error))?;
    } else {
        fs::copy(source, &temporary.0)
            .map_err(|error| Failure::failed(format!("cannot copy {named:?}: {error}")))?;
    }
    let archive = Archive::open(&temporary.0).map_err(|error| {
        Failure::failed(format!(
            "invalid charm or bundle provided at {named:?}: {}",
            about(named, &temporary.0, &error)
        ))
    })?;
    let charm = Charm::read_archive(&archive).map_err(|error| refuse(named, &error))?;
    archive
        .check_runnable(charm.metadata.name.as_str())
        .map_err(Failure::failed)?;
    let sha256 = archive.sha256().to_owned();
    fs::rename(&temporary.0, data.charm(&sha256))
        .map_err(|error| Failure::failed(format!("cannot keep {named:?}: {error}")))?;
    Ok(Package {
        sha256,
        charm: Arc::new(charm),
    })
}

/// Refuses a directory with the source of a charm, which lacks what packing makes of it.
fn check_packed(dir: &Path, named: &str) -> Result<(), Failure> {
    if !dir.join("metadata.yaml").exists() && dir.join("charmcraft.yaml").exists() {
        return Err(Failure::failed(format!(
            "{named:?} has a charmcraft.yaml but no metadata.yaml: it is the source of a charm; pack it first and deploy the .charm file"
        )));
    }
    Ok(())
}

fn refuse(named: &str, error: &dyn Error) -> Failure {
    Failure::failed(format!("attempting to deploy {named:?}: {}", chain(error)))
}

/// Tells about the user's file, not about the copy of it.
fn about(named: &str, copy: &Path, error: &dyn Error) -> String {
    chain(error).replace(&copy.display().to_string(), named)
}

/// Joins an error and its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
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
