//! The files of a bundle.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use charmtest_charm::Archive;
use charmtest_charm::bundle::{Bundle, Checks, parse, verify};

use super::super::command::{Cx, Failure};
use super::super::constraints;
use crate::model::changes::StorageRequest;

/// A bundle's file, read.
#[derive(Debug)]
pub(in crate::cli) struct Source {
    /// Its documents: the bundle and overlays.
    documents: Vec<Bundle>,
    /// The directory where the files that it names are.
    pub(super) dir: PathBuf,
}

/// A bundle with its overlays.
#[derive(Debug)]
pub(super) struct Composed {
    pub(super) bundle: Bundle,
    /// What Juju warns of in a dry run.
    pub(super) warnings: Vec<String>,
}

impl Source {
    /// Reads a bundle: a YAML file, a directory or an archive with `bundle.yaml`; `None` when it is none of these but may be a charm.
    ///
    /// # Errors
    ///
    /// Fails in Juju's words when it is a bundle that cannot be read.
    pub(in crate::cli) fn find(cx: &Cx, name: &str) -> Result<Option<Self>, Failure> {
        let path = cx.path(name);
        let is_yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        match Self::read(&path) {
            Ok(source) => Ok(Some(source)),
            Err(Unread::Wrong(why)) if is_yaml || path.is_dir() => Err(super::cannot_deploy(why)),
            Err(Unread::Missing | Unread::Wrong(_)) => Ok(None),
        }
    }

    fn read(path: &Path) -> Result<Self, Unread> {
        let path = if path.is_dir() {
            path.join("bundle.yaml")
        } else {
            path.to_owned()
        };
        let dir = path.parent().unwrap_or(Path::new("/")).to_owned();
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Unread::Missing,
            _ => Unread::Wrong(format!(
                "access bundle data at {:?}: {error}",
                path.display().to_string()
            )),
        })?;
        if bytes.starts_with(b"PK") {
            return Self::read_archive(&path);
        }
        let text = String::from_utf8(bytes).map_err(|_| {
            Unread::Wrong("cannot unmarshal bundle contents: it is not UTF-8 text".to_owned())
        })?;
        Self::from_text(&text, dir)
    }

    fn read_archive(path: &Path) -> Result<Self, Unread> {
        let text = Archive::open(path)
            .and_then(|archive| archive.read_text("bundle.yaml"))
            .map_err(|error| Unread::Wrong(error.to_string()))?;
        // What an archive names is nowhere: Juju looks beside no file at all.
        Self::from_text(&text.ok_or(Unread::Missing)?, PathBuf::from("/"))
    }

    fn from_text(text: &str, dir: PathBuf) -> Result<Self, Unread> {
        let documents = parse(text)
            .map_err(|why| Unread::Wrong(format!("cannot unmarshal bundle contents: {why}")))?;
        Ok(Self { documents, dir })
    }
}

/// Why a file is no bundle.
#[derive(Debug)]
enum Unread {
    /// There is no such file, or it holds something else.
    Missing,
    /// It is wrong.
    Wrong(String),
}

/// Lays the overlays over a bundle and checks the outcome.
///
/// # Errors
///
/// Fails in Juju's words when a file cannot be read or the bundle is wrong.
pub(super) fn compose(cx: &Cx, source: Source, overlays: &[String]) -> Result<Composed, String> {
    let mut sources = vec![source];
    for name in overlays {
        let overlay = Source::read(&cx.path(name)).map_err(|why| match why {
            Unread::Missing => format!("unable to process overlays: {name:?} not found"),
            Unread::Wrong(why) => format!("unable to process overlays: {why}"),
        })?;
        sources.push(overlay);
    }
    let mut parts = sources.into_iter().flat_map(|source| {
        source
            .documents
            .into_iter()
            .map(move |part| (part, source.dir.clone()))
    });
    let (mut bundle, dir) = parts
        .next()
        .ok_or("malformed bundle: bundle is empty not valid")?;
    match &bundle.overlay_only()[..] {
        [] => {}
        [error] => return Err(error.clone()),
        [first, others @ ..] => return Err(format!("{first} (and {} more errors)", others.len())),
    }
    let mut warnings: Vec<String> = unknown(&bundle, 0).into_iter().collect();
    resolve(&mut bundle, &dir)?;
    for (index, (overlay, dir)) in parts.enumerate() {
        warnings.extend(unknown(&overlay, index + 1));
        bundle.overlay(overlay);
        resolve(&mut bundle, &dir)?;
    }
    let checks = Checks {
        exists: &|path| match fs::metadata(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        },
        constraints: &|text| constraints::parse([text]).map(drop),
        storage: &|text| StorageRequest::parse(text).map(drop),
        devices: &|_| Ok(()),
    };
    let errors = verify(&bundle, &checks);
    if !errors.is_empty() {
        return Err(format!(
            "the provided bundle has the following errors:\n{}",
            errors.join("\n")
        ));
    }
    Ok(Composed { bundle, warnings })
}

fn resolve(bundle: &mut Bundle, dir: &Path) -> Result<(), String> {
    bundle
        .resolve(dir, |path| fs::read(path))
        .map_err(|error| error.to_string())
}

/// Tells of keys that a document should not have.
fn unknown(bundle: &Bundle, index: usize) -> Option<String> {
    let keys: Vec<String> = bundle
        .unknown_keys()
        .iter()
        .map(|key| format!("\n  {key}"))
        .collect();
    (!keys.is_empty()).then(|| {
        format!(
            "unmarshal document {index}: yaml: unmarshal errors:{}",
            keys.concat()
        )
    })
}
