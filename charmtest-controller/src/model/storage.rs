//! Storage: instances that units are attached to, and the pools they come from.

use std::collections::BTreeMap;
use std::fmt;

use charmtest_charm::StorageKind;
use serde::{Deserialize, Serialize};

use super::ids::{NameError, UnitName};
use super::state::Life;
use super::status::Status;

/// The id of a storage instance, `data/0`; the number comes from one counter for all storage of a model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StorageId {
    name: String,
    number: u32,
}

impl StorageId {
    /// Makes the id of instance `number` of the storage `name`.
    pub fn new(name: &str, number: u32) -> Self {
        Self {
            name: name.to_owned(),
            number,
        }
    }

    /// Parses `data/0`.
    ///
    /// # Errors
    ///
    /// Fails with Juju's words, ``invalid storage ID "x"``, when the text is not a name, a slash and a number.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let invalid = || NameError(format!("invalid storage ID {text:?}"));
        let (name, number) = text.split_once('/').ok_or_else(invalid)?;
        let number = number
            .parse()
            .ok()
            .filter(|value: &u32| value.to_string() == number)
            .ok_or_else(invalid)?;
        let well_formed = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !name.ends_with('-');
        if !well_formed {
            return Err(invalid());
        }
        Ok(Self::new(name, number))
    }

    /// Returns the name of the storage in the charm's metadata.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for StorageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.number)
    }
}

impl From<StorageId> for String {
    fn from(id: StorageId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for StorageId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

/// What provides the storage of a pool (Juju's providers for every cloud).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageProvider {
    /// Block devices backed by files.
    Loop,
    /// Directories on the root disk.
    Rootfs,
    /// Directories in memory.
    Tmpfs,
}

impl StorageProvider {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 3] = [Self::Loop, Self::Rootfs, Self::Tmpfs];

    /// Returns Juju's word; a pool of this name is always there.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::Rootfs => "rootfs",
            Self::Tmpfs => "tmpfs",
        }
    }
}

/// A pool that somebody made (`juju create-storage-pool`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoragePool {
    /// What provides its storage.
    pub provider: StorageProvider,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
}

/// What a model knows of storage apart from the instances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StorageInfo {
    /// The number of the next instance.
    pub next_instance: u32,
    /// The number of the next filesystem.
    pub next_filesystem: u32,
    /// Pools that were made, by name.
    pub pools: BTreeMap<String, StoragePool>,
}

impl StorageInfo {
    /// Returns what provides the storage of the pool `name`, if there is such a pool.
    pub fn provider(&self, name: &str) -> Option<StorageProvider> {
        let made = self.pools.get(name).map(|pool| pool.provider);
        made.or_else(|| {
            StorageProvider::ALL
                .into_iter()
                .find(|provider| provider.as_str() == name)
        })
    }
}

/// What an application's units get of one storage, all defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageDirective {
    /// The pool.
    pub pool: String,
    /// How many instances a new unit gets.
    pub count: u32,
    /// The size of each in MiB.
    pub size: u64,
}

/// Where a storage instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageStatus {
    /// Not made yet.
    Pending,
    /// On its way to a unit.
    Attaching,
    /// Usable by its unit.
    Attached,
    /// Nobody's.
    Detached,
    /// It could not be made.
    Error,
}

impl StorageStatus {
    /// Returns the word that Juju prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Attaching => "attaching",
            Self::Attached => "attached",
            Self::Detached => "detached",
            Self::Error => "error",
        }
    }
}

/// A unit's hold on a storage instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageAttachment {
    /// The unit.
    pub unit: UnitName,
    /// The unit's machine.
    pub machine: String,
    /// Whether it is going: the unit runs `storage-detaching` if it ran `storage-attached`.
    pub life: Life,
    /// The directory, once it is there.
    pub location: Option<String>,
}

/// A storage instance with its filesystem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StorageInstance {
    /// Its id.
    pub id: StorageId,
    /// What it is.
    pub kind: StorageKind,
    /// Whether it is going: it is removed, content and all, when no unit holds it any more.
    pub life: Life,
    /// The pool it comes from.
    pub pool: String,
    /// The size in MiB: what was asked for, until the filesystem is there.
    pub size: u64,
    /// The number of its filesystem.
    pub filesystem: u32,
    /// Whether the charm asked for a filesystem that is only read.
    pub read_only: bool,
    /// Where it stands.
    pub status: Status<StorageStatus>,
    /// The unit that holds it, if one does.
    pub attachment: Option<StorageAttachment>,
}

impl StorageInstance {
    /// Returns the attachment if `unit` holds this instance.
    pub fn attachment_of(&self, unit: &UnitName) -> Option<&StorageAttachment> {
        self.attachment
            .as_ref()
            .filter(|attachment| attachment.unit == *unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        for good in ["data/0", "pg-data/12", "a1/3"] {
            let id = StorageId::parse(good).unwrap();
            assert_eq!(id.to_string(), good);
        }
        for bad in [
            "data", "data/", "data/x", "data/01", "Data/0", "-/0", "a-/0", "/0", "a/0/1",
        ] {
            assert_eq!(
                StorageId::parse(bad).unwrap_err().to_string(),
                format!("invalid storage ID {bad:?}")
            );
        }
        let mut ids = ["b/1", "a/10", "a/2"].map(|id| StorageId::parse(id).unwrap());
        ids.sort();
        assert_eq!(ids.map(|id| id.to_string()), ["a/2", "a/10", "b/1"]);
    }

    #[test]
    fn pools() {
        let mut info = StorageInfo::default();
        assert_eq!(info.provider("rootfs"), Some(StorageProvider::Rootfs));
        assert_eq!(info.provider("fast"), None);
        let pool = StoragePool {
            provider: StorageProvider::Tmpfs,
            attributes: BTreeMap::new(),
        };
        info.pools.insert("fast".to_owned(), pool);
        assert_eq!(info.provider("fast"), Some(StorageProvider::Tmpfs));
    }
}
