//! Why a change of storage is refused.

use crate::model::{StorageId, UnitName};

/// A change of storage that cannot be made; the words are those that Juju 4.0.15 was recorded with, else Juju 3.6's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// There is no such instance.
    #[error("storage \"{0}\" does not exist")]
    NotFound(StorageId),
    /// The instance is going.
    #[error("storage \"{0}\" is not alive")]
    NotAlive(StorageId),
    /// There is no such unit.
    #[error("unit \"{0}\" does not exist")]
    UnitNotFound(UnitName),
    /// The unit is going.
    #[error("unit \"{0}\" is not alive")]
    UnitNotAlive(UnitName),
    /// The charm of a running unit does not declare it.
    #[error("storage name {0:?} not supported by charm")]
    NameNotSupported(String),
    /// The charm to be deployed does not declare it.
    #[error("storage directive {name:?} does not exist in the charm")]
    NotInCharm {
        /// The charm.
        charm: String,
        /// The storage.
        name: String,
    },
    /// There is no such pool.
    #[error("storage pool {0:?} does not exist")]
    PoolNotFound(String),
    /// More than the charm takes.
    #[error(
        "storage directive {name:?} request count {count} exceeds the charm's maximum count of {max}"
    )]
    TooMany {
        /// The charm.
        charm: String,
        /// The storage.
        name: String,
        /// How many there would be.
        count: u32,
        /// How many the charm needs.
        min: u32,
        /// How many the charm takes.
        max: u32,
    },
    /// Less than the charm needs.
    #[error("charm {charm:?} store {name:?}: {min} instances required, {count} specified")]
    TooFew {
        /// The charm.
        charm: String,
        /// The storage.
        name: String,
        /// How many there would be.
        count: u32,
        /// How many the charm needs.
        min: u32,
    },
    /// Smaller than the charm needs.
    #[error(
        "charm {charm:?} store {name:?}: minimum storage size is {min} MiB, {size} MiB specified"
    )]
    TooSmall {
        /// The charm.
        charm: String,
        /// The storage.
        name: String,
        /// The size asked for in MiB.
        size: u64,
        /// The smallest that the charm takes in MiB.
        min: u64,
    },
    /// The charm wants one instance for all units, which Juju does not have.
    #[error("charm {charm:?} store {name:?}: shared storage support not implemented")]
    Shared {
        /// The charm.
        charm: String,
        /// The storage.
        name: String,
    },
    /// It needs block devices.
    #[error(
        "storage {name:?} needs a block device, which is not supported by the embedded controller; \
         it has filesystems of the pools \"rootfs\" and \"tmpfs\""
    )]
    Block {
        /// The storage.
        name: String,
    },
    /// The unit has as many as the charm takes.
    #[error(
        "attaching storage \"{id}\" would exceed the maximum count of {max} for storage definition {name:?} of unit \"{unit}\"",
        name = .id.name()
    )]
    AttachTooMany {
        /// The instance.
        id: StorageId,
        /// The unit.
        unit: UnitName,
        /// How many the charm takes.
        max: u32,
    },
    /// Another unit, or the same, holds it.
    #[error("storage \"{id}\" is already attached to unit \"{unit}\"")]
    AlreadyAttached {
        /// The instance.
        id: StorageId,
        /// Who holds it.
        unit: UnitName,
    },
    /// The charm needs exactly this one.
    #[error("cannot detach, storage is singular")]
    Singular,
    /// The charm needs so many.
    #[error(
        "detaching 1 storage instance brings the total to {count}, which is less than the minimum of {min}"
    )]
    DetachTooMany {
        /// How many would be left.
        count: u32,
        /// How many the charm needs.
        min: u32,
    },
    /// It is held by a unit (Juju 3.6).
    #[error("cannot destroy storage \"{0}\": storage is attached")]
    Attached(StorageId),
    /// It is held by a unit (Juju 4.0, with or without `--force`).
    #[error(
        "removing storage \"{0}\": ensuring storage instance \"{0}\" is not alive: storage instance still attached"
    )]
    StillAttached(StorageId),
    /// The pool cannot give storage away.
    #[error(
        "cannot release storage \"{id}\": storage provider {provider:?} does not support releasing storage"
    )]
    NotReleasable {
        /// The instance.
        id: StorageId,
        /// What provides it.
        provider: &'static str,
    },
    /// The new charm does not fit the storage that is there (Juju 3.6).
    #[error("cannot upgrade application {application:?} to charm {charm:?}: {why}")]
    Upgrade {
        /// The application.
        application: String,
        /// The new charm.
        charm: String,
        /// What does not fit.
        why: String,
    },
    /// The new charm does not fit the storage that is there (Juju 4.0).
    #[error("cannot set charm {charm:?} because {why}")]
    SetCharm {
        /// The new charm.
        charm: String,
        /// What does not fit.
        why: String,
    },
    /// There is no such pool for an application that is refreshed.
    #[error("storage directive {name:?} references unknown storage pool {pool:?} (not found)")]
    UnknownPool {
        /// The storage.
        name: String,
        /// The pool.
        pool: String,
    },
    /// There is no such pool for an application that is deployed.
    #[error(
        "storage directive {name} pool: getting storage pool {pool:?} UUID: storage pool {pool:?} not found"
    )]
    DeployPool {
        /// The storage.
        name: String,
        /// The pool.
        pool: String,
    },
    /// A pool of this name is there.
    #[error("storage pool for name {0:?} already exists in the model")]
    PoolExists(String),
    /// There is no such provider.
    #[error("no storage provider {0:?} exists in the current model")]
    NoProvider(String),
    /// The name breaks Juju's rules.
    #[error("pool name {0:?} not valid")]
    PoolName(String),
    /// There is no such pool to change.
    #[error("pool {0:?} not found")]
    NoSuchPool(String),
    /// The pool is in use.
    #[error("storage pool {0:?} in use")]
    PoolInUse(String),
}

impl StorageError {
    /// Words why an application cannot be deployed with its storage, as Juju 3.6 does.
    pub fn words_at_deploy_3_6(&self) -> String {
        match self {
            Self::NotInCharm { charm, name } => {
                format!("charm {charm:?} has no store called {name:?}")
            }
            Self::TooMany {
                charm,
                name,
                count,
                min: 1,
                max: 1,
            } => format!("charm {charm:?} store {name:?}: storage is singular, {count} specified"),
            Self::TooMany {
                charm,
                name,
                count,
                max,
                ..
            } => format!(
                "charm {charm:?} store {name:?}: at most {max} instances supported, {count} specified"
            ),
            Self::TooSmall {
                charm,
                name,
                size,
                min,
            } => format!(
                "charm {charm:?} store {name:?}: minimum storage size is {}, {} specified",
                megabytes(*min),
                megabytes(*size)
            ),
            Self::DeployPool { pool, .. } => format!("pool {pool:?} not found"),
            other => other.to_string(),
        }
    }
}

/// Shows a number of megabytes as 3.6 does in errors: in steps of a thousand, with one digit after the point below ten.
fn megabytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["MB", "GB", "TB", "PB", "EB"];
    if size == 0 {
        return "0 B".to_owned();
    }
    let (mut scale, mut unit) = (1_u128, 0);
    while u128::from(size) >= scale * 1000 && unit + 1 < UNITS.len() {
        scale *= 1000;
        unit += 1;
    }
    // Rounded to tenths, then from ten on to the nearest whole number, the even one of two.
    let tenths = (u128::from(size) * 20 + scale) / (2 * scale);
    let (whole, rest) = (tenths / 10, tenths % 10);
    let unit = UNITS[unit];
    if tenths < 100 {
        return format!("{whole}.{rest} {unit}");
    }
    let up = rest > 5 || (rest == 5 && whole % 2 == 1);
    format!("{} {unit}", whole + u128::from(up))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_errors_of_3_6() {
        for (size, expected) in [
            (0, "0 B"),
            (1, "1.0 MB"),
            (16, "16 MB"),
            (64, "64 MB"),
            (999, "999 MB"),
            (1024, "1.0 GB"),
            (1550, "1.6 GB"),
            (10_240, "10 GB"),
            (10_500, "10 GB"),
            (11_500, "12 GB"),
            (2_097_152, "2.1 TB"),
        ] {
            assert_eq!(megabytes(size), expected, "{size}");
        }
    }
}
