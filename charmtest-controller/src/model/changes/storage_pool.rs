//! Storage pools of a model.

use std::collections::BTreeMap;

use super::storage_error::StorageError;
use super::storage_request::is_pool;
use crate::model::{Model, StoragePool, StorageProvider};

/// Makes a pool (Juju 3.6, `juju create-storage-pool`).
///
/// # Errors
///
/// Fails when the name is taken or no name for a pool, or there is no such provider.
pub fn create_pool(
    model: &mut Model,
    name: &str,
    provider: &str,
    attributes: BTreeMap<String, String>,
) -> Result<(), StorageError> {
    let provider = StorageProvider::ALL
        .into_iter()
        .find(|known| known.as_str() == provider)
        .ok_or_else(|| StorageError::NoProvider(provider.to_owned()))?;
    if !is_pool(name) {
        return Err(StorageError::PoolName(name.to_owned()));
    }
    if model.info.storage.provider(name).is_some() {
        return Err(StorageError::PoolExists(name.to_owned()));
    }
    let pool = StoragePool {
        provider,
        attributes,
    };
    let pools = &mut model.info_mut().storage.pools;
    pools.insert(name.to_owned(), pool);
    Ok(())
}

/// Changes attributes of a pool that was made (Juju 3.6, `juju update-storage-pool`).
///
/// # Errors
///
/// Fails when no such pool was made.
pub fn update_pool(
    model: &mut Model,
    name: &str,
    attributes: BTreeMap<String, String>,
) -> Result<(), StorageError> {
    let pools = &mut model.info_mut().storage.pools;
    let pool = pools
        .get_mut(name)
        .ok_or_else(|| StorageError::NoSuchPool(name.to_owned()))?;
    pool.attributes.extend(attributes);
    Ok(())
}

/// Removes a pool that was made (Juju 3.6, `juju remove-storage-pool`).
///
/// # Errors
///
/// Fails when no such pool was made, or storage or an application uses it.
pub fn remove_pool(model: &mut Model, name: &str) -> Result<(), StorageError> {
    if !model.info.storage.pools.contains_key(name) {
        return Err(StorageError::NoSuchPool(name.to_owned()));
    }
    let by_storage = model.storage.values().any(|instance| instance.pool == name);
    let by_application = model
        .applications
        .values()
        .any(|app| app.storage.values().any(|directive| directive.pool == name));
    if by_storage || by_application {
        return Err(StorageError::PoolInUse(name.to_owned()));
    }
    model.info_mut().storage.pools.remove(name);
    Ok(())
}
