//! Storage of units.

use super::{Model, awaitable};
use crate::juju::read::{Misshapen, Object, Read, readable};
use crate::juju::status::StatusInfo;
use crate::juju::{Call, JujuError, NameError, UnitName};
use serde_json::Value;
use std::collections::BTreeMap;

/// One storage instance, as `data/0`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Storage {
    /// `filesystem` or `block`.
    pub kind: String,
    /// `alive`, `dying`, `dead`; empty where Juju does not say.
    pub life: String,
    /// `pending`, `attached`, `detached`, ...
    pub status: StatusInfo,
    /// Whether it outlives its machine.
    pub persistent: bool,
    /// The units that it is attached to.
    pub units: BTreeMap<String, StorageAttachment>,
    /// The pool that it is from; empty until it has been provisioned.
    pub pool: String,
    /// Its size in MiB; 0 until it has been provisioned.
    pub size: u64,
}

readable! {
    /// Where a unit has a storage instance.
    pub struct StorageAttachment {
        /// The machine.
        "machine" => machine: String,
        /// The path of the filesystem or the device.
        "location" => location: String,
        /// `alive`, `dying`, `dead`.
        "life" => life: String,
    }
}

/// What `juju storage` prints.
#[derive(Default)]
struct Listing(BTreeMap<String, Storage>);

impl Read for Storage {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        #[derive(Default)]
        struct Attachments(BTreeMap<String, StorageAttachment>);
        impl Read for Attachments {
            fn read(value: &Value) -> Result<Self, Misshapen> {
                Ok(Self(Object::of(value)?.get("units")?))
            }
        }
        let object = Object::of(value)?;
        Ok(Self {
            kind: object.get("kind")?,
            life: object.get("life")?,
            status: object.get("status")?,
            persistent: object.get("persistent")?,
            units: object.get::<Attachments>("attachments")?.0,
            ..Self::default()
        })
    }
}

/// A filesystem or a volume.
#[derive(Default)]
struct Backing {
    /// The instance that it is for.
    storage: String,
    pool: String,
    size: u64,
}

impl Read for Backing {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        let object = Object::of(value)?;
        Ok(Self {
            storage: object.get("storage")?,
            pool: object.get("pool")?,
            size: object.get("size")?,
        })
    }
}

impl Read for Listing {
    fn read(value: &Value) -> Result<Self, Misshapen> {
        let object = Object::of(value)?;
        let mut all: BTreeMap<String, Storage> = object.get("storage")?;
        // A filesystem may be on a volume of the same instance; what the unit sees is the filesystem, so it counts last.
        for kind in ["volumes", "filesystems"] {
            for backing in object.get::<BTreeMap<String, Backing>>(kind)?.into_values() {
                if let Some(storage) = all.get_mut(&backing.storage) {
                    storage.pool = backing.pool;
                    storage.size = backing.size;
                }
            }
        }
        Ok(Self(all))
    }
}

impl Model {
    /// Returns the storage instances of the model by name: `juju storage`.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// let storage = model.storage().await?;
    /// let data = &storage["data/0"];
    /// assert!(data.units["db/0"].location.starts_with("/"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the command fails.
    pub async fn storage(&self) -> Result<BTreeMap<String, Storage>, JujuError> {
        let call = self.call(["storage", "--format", "json"]);
        Ok(call.read::<Listing>("a list of storage").await?.0)
    }

    /// Adds storage to a unit and returns the names of the instances: `juju add-storage`. The directive is the name in the
    /// charm, alone or as `data=POOL,COUNT,SIZE`. Kubernetes models cannot.
    ///
    /// # Errors
    ///
    /// If there is no such unit, storage or pool, or the charm allows no more of it.
    pub async fn add_storage<U>(&self, unit: U, directive: &str) -> Result<Vec<String>, JujuError>
    where
        U: TryInto<UnitName>,
        NameError: From<U::Error>,
    {
        let unit = unit.try_into().map_err(NameError::from)?;
        let output = self
            .call(["add-storage", unit.as_str(), directive])
            .check()
            .await?;
        // `added storage data/4 to server/0`, a line for each, on standard error
        let added = |line: &str| {
            let (name, _) = line.strip_prefix("added storage ")?.split_once(" to ")?;
            Some(name.to_owned())
        };
        Ok(output.stderr.lines().filter_map(added).collect())
    }

    /// Attaches storage that is detached to a unit: `juju attach-storage`.
    ///
    /// # Errors
    ///
    /// If there is no such unit or storage, or the charm allows no more of it.
    pub async fn attach_storage<U>(&self, unit: U, storage: &str) -> Result<(), JujuError>
    where
        U: TryInto<UnitName>,
        NameError: From<U::Error>,
    {
        let unit = unit.try_into().map_err(NameError::from)?;
        self.call(["attach-storage", unit.as_str(), storage])
            .check()
            .await?;
        Ok(())
    }

    /// Detaches storage from its unit: `juju detach-storage`. It goes while the charm runs its hook.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such storage.
    pub fn detach_storage(&self, storage: &str) -> DetachStorage {
        DetachStorage {
            call: self.call(["detach-storage", storage]),
        }
    }

    /// Removes storage: `juju remove-storage`. What is attached has to be detached first, or [forced](RemoveStorage::force).
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such storage, or it is attached.
    pub fn remove_storage(&self, storage: &str) -> RemoveStorage {
        RemoveStorage {
            call: self.call(["remove-storage", storage]),
        }
    }
}

/// Storage about to be detached: see [`Model::detach_storage`].
#[must_use = "nothing is detached until this is awaited"]
#[derive(Clone, Debug)]
pub struct DetachStorage {
    call: Call,
}

impl DetachStorage {
    /// Goes on when hooks fail.
    pub fn force(mut self) -> Self {
        self.call = self.call.arg("--force");
        self
    }

    async fn run(self) -> Result<(), JujuError> {
        self.call.check().await?;
        Ok(())
    }
}

awaitable!(DetachStorage => Result<(), JujuError>);

/// Storage about to be removed: see [`Model::remove_storage`].
#[must_use = "nothing is removed until this is awaited"]
#[derive(Clone, Debug)]
pub struct RemoveStorage {
    call: Call,
}

impl RemoveStorage {
    /// Removes it even if it is attached.
    pub fn force(mut self) -> Self {
        self.call = self.call.arg("--force");
        self
    }

    /// Only forgets it: the cloud keeps it.
    pub fn no_destroy(mut self) -> Self {
        self.call = self.call.arg("--no-destroy");
        self
    }

    async fn run(self) -> Result<(), JujuError> {
        self.call.check().await?;
        Ok(())
    }
}

awaitable!(RemoveStorage => Result<(), JujuError>);
