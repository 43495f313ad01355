//! A charm as a whole, read from a directory or an archive.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actions::Actions;
use crate::archive::Archive;
use crate::charmcraft::Project;
use crate::config::ConfigOptions;
use crate::error::{FileError, ReadError};
use crate::manifest::Manifest;
use crate::metadata::Metadata;
use crate::yaml;

/// What a charm says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Charm {
    /// `metadata.yaml`.
    pub metadata: Metadata,
    /// `config.yaml`; no options when there is no such file.
    #[serde(default)]
    pub config: ConfigOptions,
    /// `actions.yaml`; no actions when there is no such file.
    #[serde(default)]
    pub actions: Actions,
    /// `manifest.yaml`; no bases when there is no such file.
    #[serde(default)]
    pub manifest: Manifest,
    /// `lxd-profile.yaml`, if there is one.
    #[serde(default)]
    pub lxd_profile: Option<Value>,
    /// The content of the file `version`, if there is one.
    #[serde(default)]
    pub version: Option<String>,
}

/// The largest file of the metadata kind that is read; the largest in real charms are some 200 KiB.
const MAX_TEXT: u64 = 8 << 20;

impl Charm {
    /// Reads a charm from a directory or a `.charm` file.
    ///
    /// A directory with `charmcraft.yaml` is read as the charm that charmcraft would make of it: keys of that file
    /// stand in for a missing `metadata.yaml`, `config.yaml`, `actions.yaml` and `manifest.yaml`.
    ///
    /// # Errors
    ///
    /// Fails when there is nothing at `path`, it cannot be read, it is no charm, or a file of it breaks a rule of
    /// Juju's; the error names the file and the line.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let found = fs::metadata(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ReadError::NotFound(path.to_owned()),
            _ => io_error(path, source),
        })?;
        if found.is_dir() {
            return Self::read_directory(path);
        }
        Self::read_archive(&Archive::open(path)?)
    }

    /// Reads a charm from an open archive.
    ///
    /// # Errors
    ///
    /// As [`Charm::read`].
    pub fn read_archive(archive: &Archive) -> Result<Self, ReadError> {
        Self::assemble(|name| Ok(archive.read_text(name)?))
    }

    fn read_directory(dir: &Path) -> Result<Self, ReadError> {
        let project = match read_text(dir, "charmcraft.yaml")? {
            Some(text) => Some(Project::parse("charmcraft.yaml", &text)?),
            None => None,
        };
        match project {
            None => Self::assemble(|name| read_text(dir, name)),
            Some(project) => Self::assemble(|name| match read_text(dir, name)? {
                Some(text) => Ok(Some(text)),
                None => Ok(project.generated(name)?),
            }),
        }
    }

    /// Puts a charm together from its files; `file` returns the text of one, or `None` if there is no such file.
    fn assemble(
        mut file: impl FnMut(&str) -> Result<Option<String>, ReadError>,
    ) -> Result<Self, ReadError> {
        let metadata = file("metadata.yaml")?
            .ok_or_else(|| FileError::new("metadata.yaml", "not found; this is not a charm"))?;
        let charm = Self {
            metadata: Metadata::parse("metadata.yaml", &metadata)?,
            config: parse_or_default(file("config.yaml")?, |text| {
                ConfigOptions::parse("config.yaml", text)
            })?,
            actions: parse_or_default(file("actions.yaml")?, |text| {
                Actions::parse("actions.yaml", text)
            })?,
            manifest: parse_or_default(file("manifest.yaml")?, |text| {
                Manifest::parse("manifest.yaml", text)
            })?,
            lxd_profile: file("lxd-profile.yaml")?
                .map(|text| parse_lxd_profile("lxd-profile.yaml", &text))
                .transpose()?,
            version: file("version")?.map(|text| text.trim().to_owned()),
        };
        charm.check_format()?;
        Ok(charm)
    }

    /// Checks what holds between `metadata.yaml` and `manifest.yaml`.
    fn check_format(&self) -> Result<(), FileError> {
        let Metadata {
            containers,
            assumes,
            series,
            ..
        } = &self.metadata;
        let has_bases = !self.manifest.bases.is_empty();
        if !containers.is_empty() && !has_bases {
            return Err(FileError::new(
                "metadata.yaml",
                "`containers` needs a `manifest.yaml` with `bases`; pack the charm to get one",
            ));
        }
        if !assumes.is_empty() && !has_bases {
            return Err(FileError::new(
                "metadata.yaml",
                "`assumes` needs a `manifest.yaml` with `bases`; pack the charm to get one",
            ));
        }
        if has_bases && !series.is_empty() {
            return Err(FileError::new(
                "metadata.yaml",
                "`series` cannot be used in a charm whose `manifest.yaml` has `bases`",
            ));
        }
        Ok(())
    }
}

fn parse_or_default<T: Default>(
    text: Option<String>,
    parse: impl FnOnce(&str) -> Result<T, FileError>,
) -> Result<T, FileError> {
    text.map_or_else(|| Ok(T::default()), |text| parse(&text))
}

/// Reads `name` in `dir`; `None` if there is no such file.
pub(crate) fn read_text(dir: &Path, name: &str) -> Result<Option<String>, ReadError> {
    let path = dir.join(name);
    // Opening a pipe would wait for somebody to write to it.
    let opened = fs::metadata(&path).and_then(|found| {
        if found.is_file() || found.is_dir() {
            fs::File::open(&path)
        } else {
            Err(io::Error::other("it is not a regular file"))
        }
    });
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(&path, error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_TEXT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| io_error(&path, error))?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(FileError::new(name, "is larger than 8 MiB").into());
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(FileError::new(name, "is not UTF-8 text").into()),
    }
}

fn io_error(path: &Path, source: io::Error) -> ReadError {
    ReadError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Parses `lxd-profile.yaml` and refuses what Juju refuses.
fn parse_lxd_profile(file: &str, text: &str) -> Result<Value, FileError> {
    const DEVICE_TYPES: [&str; 4] = ["unix-char", "unix-block", "gpu", "usb"];
    let profile = yaml::parse_value(file, text)?;
    let config = profile["config"].as_object().into_iter().flatten();
    for (key, _) in config {
        if ["boot", "limits", "migration"]
            .iter()
            .any(|p| key.starts_with(p))
        {
            return Err(FileError::new(
                file,
                format!("invalid lxd-profile: contains config value `{key}`"),
            ));
        }
    }
    let devices = profile["devices"].as_object().into_iter().flatten();
    for (name, device) in devices {
        let kind = device["type"].as_str().unwrap_or_default();
        if !DEVICE_TYPES.contains(&kind) {
            let message = format!(
                "invalid lxd-profile: device `{name}` has type `{kind}`; use one of {}",
                DEVICE_TYPES.join(", ")
            );
            return Err(FileError::new(file, message));
        }
    }
    Ok(profile)
}
