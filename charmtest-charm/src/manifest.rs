//! `manifest.yaml`: what a charm was built for. Juju reads only `bases`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::FileError;
use crate::yaml;

/// What Juju reads of `manifest.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The bases the charm runs on.
    #[serde(default)]
    pub bases: Vec<Base>,
}

/// An operating system release that a charm runs on; prints as `ubuntu@22.04`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Base {
    /// The operating system, `ubuntu`.
    pub name: String,
    /// The release without a risk, `22.04`.
    pub channel: String,
    /// The architectures in Juju's words (`amd64`); empty means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
}

impl Manifest {
    /// Reads the text of `manifest.yaml`; `file` is named in errors.
    ///
    /// # Errors
    ///
    /// Fails when the text is not YAML or a base lacks its name or channel.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let raw: Option<RawManifest> = yaml::parse(file, text)?;
        let bases = raw.and_then(|raw| raw.bases).unwrap_or_default();
        Ok(Self {
            bases: bases.into_iter().map(Base::from).collect(),
        })
    }
}

#[derive(Deserialize)]
struct RawManifest {
    bases: Option<Vec<RawBase>>,
}

/// A base as `manifest.yaml` and `charmcraft.yaml` write it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RawBase {
    name: String,
    channel: String,
    #[serde(default)]
    architectures: Option<Vec<String>>,
}

impl From<RawBase> for Base {
    fn from(raw: RawBase) -> Self {
        let channel = raw.channel.split('/').next().unwrap_or_default().to_owned();
        Self {
            name: raw.name,
            channel,
            architectures: raw.architectures.unwrap_or_default(),
        }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.channel)
    }
}

/// A text that is not of the form `ubuntu@22.04`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected base string to contain os and channel separated by '@', got `{0}`")]
pub struct BaseError(String);

impl FromStr for Base {
    type Err = BaseError;

    /// Parses `ubuntu@22.04`; a risk (`/stable`) is dropped.
    fn from_str(text: &str) -> Result<Self, BaseError> {
        let wrong = || BaseError(text.to_owned());
        let (name, channel) = text.split_once('@').ok_or_else(wrong)?;
        let channel = channel.split('/').next().unwrap_or_default();
        if name.is_empty() || channel.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            name: name.to_owned(),
            channel: channel.to_owned(),
            architectures: Vec::new(),
        })
    }
}
