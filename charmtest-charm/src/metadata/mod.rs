//! `metadata.yaml`: name, endpoints, storage, resources and containers of a charm.

mod assumes;
mod endpoint;
mod raw;
mod storage;

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use assumes::{Assumes, Comparison, Requirement};
pub use endpoint::{Endpoint, Role, Scope};
pub(crate) use raw::RawMetadata;
pub use storage::{Storage, StorageCount, StorageKind, parse_size};

use crate::error::FileError;
use crate::yaml;

/// What a charm says about itself in `metadata.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// The charm's name.
    pub name: CharmName,
    /// The name for people, if it differs.
    #[serde(default)]
    pub display_name: Option<String>,
    /// One line about the charm.
    #[serde(default)]
    pub summary: String,
    /// More about the charm.
    #[serde(default)]
    pub description: String,
    /// Whether its units live beside units of another application.
    #[serde(default)]
    pub subordinate: bool,
    /// Declared endpoints: first `provides`, then `requires`, then `peers`, each in written order.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// Names that can be bound to a space without being endpoints.
    #[serde(default)]
    pub extra_bindings: Vec<String>,
    /// Storage by name.
    #[serde(default)]
    pub storage: BTreeMap<String, Storage>,
    /// Resources by name.
    #[serde(default)]
    pub resources: BTreeMap<String, Resource>,
    /// Workload containers by name; a charm that has some runs on Kubernetes.
    #[serde(default)]
    pub containers: BTreeMap<String, Container>,
    /// Devices by name.
    #[serde(default)]
    pub devices: BTreeMap<String, Device>,
    /// What the charm needs of Juju and the cluster; all of it must hold.
    #[serde(default)]
    pub assumes: Vec<Assumes>,
    /// The user that runs the charm's code on Kubernetes.
    #[serde(default)]
    pub charm_user: CharmUser,
    /// Ubuntu releases by code name, only in charms of the old format.
    #[serde(default)]
    pub series: Vec<String>,
    /// The oldest Juju that runs the charm, only in charms of the old format.
    #[serde(default)]
    pub min_juju_version: Option<String>,
    /// Terms that the operator must have agreed to.
    #[serde(default)]
    pub terms: Vec<String>,
    /// Categories, as in the charm store of old.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Vec<String>,
}

impl Metadata {
    /// Reads the text of `metadata.yaml`; `file` is named in errors.
    ///
    /// # Errors
    ///
    /// Fails when the text is not YAML, a key has the wrong type or is missing, or a rule of Juju's is broken (an
    /// endpoint in two sections, a reserved name, a subordinate without a container-scoped `requires`, ...).
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let raw: Option<RawMetadata> = yaml::parse_strict(file, text)?;
        raw.ok_or_else(|| FileError::new(file, "is empty; at least `name` is needed"))?
            .check(file)
    }

    /// Returns the declared endpoint called `name`; the implicit `juju-info` is not among them.
    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.name == name)
    }

    /// Iterates over the declared endpoints of one role.
    pub fn endpoints_with_role(&self, role: Role) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter().filter(move |e| e.role == role)
    }
}

/// The name of a charm: words of lower-case letters and digits joined by hyphens, each with a letter in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CharmName(String);

/// A text that cannot name a charm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid charm name `{0}`; use lower-case letters, digits and hyphens, start with a letter, \
     and put a letter into every part between hyphens"
)]
pub struct CharmNameError(String);

impl CharmName {
    /// Parses a charm name.
    ///
    /// # Errors
    ///
    /// Fails when Juju would refuse the name in a charm URL.
    pub fn new(text: &str) -> Result<Self, CharmNameError> {
        if is_hyphenated_name(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(CharmNameError(text.to_owned()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CharmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for CharmName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for CharmName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CharmName {
    type Error = CharmNameError;

    fn try_from(text: String) -> Result<Self, CharmNameError> {
        Self::new(&text)
    }
}

impl From<CharmName> for String {
    fn from(name: CharmName) -> Self {
        name.0
    }
}

/// Juju's rule for names of charms and storage.
fn is_hyphenated_name(text: &str) -> bool {
    let word = |part: &str| {
        part.chars().any(|c| c.is_ascii_lowercase())
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split('-').all(word)
}

/// A resource of a charm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// What kind it is.
    pub kind: ResourceKind,
    /// What the charm's author says about it.
    #[serde(default)]
    pub description: String,
    /// Where tests and publishers take it from (`upstream-source`); Juju does not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_source: Option<String>,
}

/// The kinds of resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum ResourceKind {
    /// A file, stored under `filename` whatever the uploaded file is called.
    File {
        /// The name in the unit's `resources` directory.
        filename: String,
    },
    /// An OCI image.
    OciImage,
}

/// A workload container of a Kubernetes charm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The `oci-image` resource it runs.
    #[serde(default)]
    pub resource: Option<String>,
    /// Where storage is mounted in it.
    #[serde(default)]
    pub mounts: Vec<Mount>,
    /// The user that runs Pebble.
    #[serde(default)]
    pub uid: Option<u32>,
    /// The group that runs Pebble.
    #[serde(default)]
    pub gid: Option<u32>,
}

/// A storage mounted in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// The storage.
    pub storage: String,
    /// The absolute path in the container, if the charm gives one.
    #[serde(default)]
    pub location: Option<String>,
}

/// A device that units ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The device type, `nvidia.com/gpu`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many at least.
    pub count_min: u32,
    /// How many at most.
    pub count_max: u32,
    /// What the charm's author says about it.
    #[serde(default)]
    pub description: String,
}

/// The user that runs a charm's code on Kubernetes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CharmUser {
    /// Root, as on machines.
    #[default]
    Root,
    /// A user that may use sudo.
    Sudoer,
    /// A user that may not.
    NonRoot,
}
