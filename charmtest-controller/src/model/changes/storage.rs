//! Storage of units: making it, attaching, detaching, removing.
//!
//! An attachment that is going stays until the unit's agent has run `storage-detaching`; [`release`] is what the agent then calls.
//! Every filesystem here belongs to the model and not to a machine, as with the storage of a cloud: it can be detached and attached
//! to another unit, with its content. (Juju 3.6 refuses that for storage of machines; 4.0.15 was recorded to allow it.)

use std::collections::BTreeMap;

use charmtest_charm::{Charm, Storage, StorageKind};
use jiff::Timestamp;

use super::storage_error::StorageError;
use super::storage_request::StorageRequest;
use crate::JujuVersion;
use crate::model::{
    Life, Model, Status, StorageAttachment, StorageDirective, StorageId, StorageInfo,
    StorageInstance, StorageProvider, StorageStatus, UnitName,
};

/// The size of storage for which nobody named one, in MiB (Juju 3.6).
const DEFAULT_SIZE: u64 = 1024;

/// Fills in what users did not say about the storage of a new application, and checks it against the charm (Juju 3.6, `juju deploy`).
///
/// # Errors
///
/// Fails when the charm declares no such storage, there is no such pool, count or size do not fit, or a block device is needed.
pub fn plan_storage(
    charm: &Charm,
    requests: &BTreeMap<String, StorageRequest>,
    info: &StorageInfo,
    default_pool: Option<&str>,
) -> Result<BTreeMap<String, StorageDirective>, StorageError> {
    let declared = &charm.metadata.storage;
    if let Some(name) = requests.keys().find(|name| !declared.contains_key(*name)) {
        return Err(StorageError::NotInCharm {
            charm: charm.metadata.name.to_string(),
            name: name.clone(),
        });
    }
    let mut directives = BTreeMap::new();
    for (name, storage) in declared {
        let directive = complete(storage, requests.get(name), default_pool);
        check(charm, name, storage, &directive, info)?;
        directives.insert(name.clone(), directive);
    }
    Ok(directives)
}

/// Fills in the defaults of one directive.
fn complete(
    storage: &Storage,
    request: Option<&StorageRequest>,
    default_pool: Option<&str>,
) -> StorageDirective {
    let fallback = match storage.kind {
        StorageKind::Filesystem => StorageProvider::Rootfs,
        StorageKind::Block => StorageProvider::Loop,
    };
    // The model's default counts only for storage of which something was said.
    let pool = match request {
        None => fallback.as_str().to_owned(),
        Some(request) => request
            .pool
            .clone()
            .or_else(|| default_pool.map(str::to_owned))
            .unwrap_or_else(|| fallback.as_str().to_owned()),
    };
    let minimum = match storage.minimum_size {
        0 => DEFAULT_SIZE,
        size => size,
    };
    StorageDirective {
        pool,
        count: request.map_or(storage.count.min, |request| request.count.unwrap_or(1)),
        size: request.and_then(|request| request.size).unwrap_or(minimum),
    }
}

/// Checks a directive against what the charm declares.
fn check(
    charm: &Charm,
    name: &str,
    storage: &Storage,
    directive: &StorageDirective,
    info: &StorageInfo,
) -> Result<(), StorageError> {
    let (charm, count, name) = (
        charm.metadata.name.to_string(),
        directive.count,
        name.to_owned(),
    );
    if storage.shared {
        return Err(StorageError::Shared { charm, name });
    }
    let min = storage.count.min;
    if let Some(max) = storage.count.max.filter(|max| count > *max) {
        return Err(StorageError::TooMany {
            charm,
            name,
            count,
            min,
            max,
        });
    }
    if count < min {
        return Err(StorageError::TooFew {
            charm,
            name,
            count,
            min,
        });
    }
    check_size(charm, &name, storage, directive.size)?;
    check_pool(&name, storage, directive, info).map_err(|error| match error {
        StorageError::PoolNotFound(pool) => StorageError::DeployPool { name, pool },
        other => other,
    })
}

fn check_size(charm: String, name: &str, storage: &Storage, size: u64) -> Result<(), StorageError> {
    let min = storage.minimum_size;
    if size >= min {
        return Ok(());
    }
    Err(StorageError::TooSmall {
        charm,
        name: name.to_owned(),
        size,
        min,
    })
}

/// Checks that there is such a pool and, if something is to be made, that it gives what can be had here.
fn check_pool(
    name: &str,
    storage: &Storage,
    directive: &StorageDirective,
    info: &StorageInfo,
) -> Result<(), StorageError> {
    let provider = info
        .provider(&directive.pool)
        .ok_or_else(|| StorageError::PoolNotFound(directive.pool.clone()))?;
    let is_block = storage.kind == StorageKind::Block || provider == StorageProvider::Loop;
    if is_block && directive.count > 0 {
        return Err(StorageError::Block {
            name: name.to_owned(),
        });
    }
    Ok(())
}

/// Gives a new unit its storage: what its application's directives say, less what is attached to it instead of something new.
///
/// # Errors
///
/// Fails when storage that is to be attached is not there, is held by a unit, or does not fit the charm.
pub(super) fn furnish_unit(
    model: &mut Model,
    unit: &UnitName,
    attach: &[StorageId],
    now: Timestamp,
) -> Result<(), StorageError> {
    for id in attach {
        attach_storage(model, unit, id, now)?;
    }
    let directives = model
        .applications
        .get(unit.application())
        .map(|app| app.storage.clone())
        .unwrap_or_default();
    for (name, directive) in directives {
        let there = held(model, unit, &name);
        make(
            model,
            unit,
            &name,
            directive.count.saturating_sub(there),
            &directive,
            now,
        );
    }
    Ok(())
}

/// Adds storage to a unit (Juju 3.6, `juju add-storage` and the hook tool `storage-add`) and returns the new instances.
///
/// # Errors
///
/// Fails when there is no such unit or pool, the unit's charm declares no such storage, or count and size do not fit.
pub fn add_storage(
    model: &mut Model,
    unit: &UnitName,
    name: &str,
    request: &StorageRequest,
    now: Timestamp,
) -> Result<Vec<StorageId>, StorageError> {
    let (charm, storage) = declared(model, unit, name)?;
    let app = model.applications.get(unit.application());
    let usual = app
        .and_then(|app| app.storage.get(name).cloned())
        .unwrap_or_else(|| complete(&storage, None, None));
    let directive = StorageDirective {
        pool: request.pool.clone().unwrap_or(usual.pool),
        count: request.count.unwrap_or(1),
        size: request.size.unwrap_or(usual.size),
    };
    let total = directive.count.saturating_add(held(model, unit, name));
    if let Some(max) = storage.count.max.filter(|max| total > *max) {
        return Err(StorageError::TooMany {
            charm,
            name: name.to_owned(),
            count: total,
            min: storage.count.min,
            max,
        });
    }
    check_size(charm, name, &storage, directive.size)?;
    check_pool(name, &storage, &directive, &model.info.storage)?;
    Ok(make(model, unit, name, directive.count, &directive, now))
}

/// Finds what the charm of an alive unit declares of a storage, with the charm's name.
fn declared(model: &Model, unit: &UnitName, name: &str) -> Result<(String, Storage), StorageError> {
    let row = model
        .units
        .get(unit)
        .ok_or_else(|| StorageError::UnitNotFound(unit.clone()))?;
    if row.life != Life::Alive {
        return Err(StorageError::UnitNotAlive(unit.clone()));
    }
    let metadata = model
        .charm_of(unit.application())
        .map(|row| &row.charm.metadata);
    metadata
        .and_then(|metadata| {
            Some((
                metadata.name.to_string(),
                metadata.storage.get(name)?.clone(),
            ))
        })
        .ok_or_else(|| StorageError::NameNotSupported(name.to_owned()))
}

/// Counts the instances of one storage that a unit holds.
fn held(model: &Model, unit: &UnitName, name: &str) -> u32 {
    let of_name = model
        .storage_of(unit)
        .filter(|instance| instance.id.name() == name);
    u32::try_from(of_name.count()).unwrap_or(u32::MAX)
}

/// Makes instances and attaches them to a unit; the unit's agent makes the directories.
pub(super) fn make(
    model: &mut Model,
    unit: &UnitName,
    name: &str,
    count: u32,
    directive: &StorageDirective,
    now: Timestamp,
) -> Vec<StorageId> {
    let storage = model
        .charm_of(unit.application())
        .and_then(|row| row.charm.metadata.storage.get(name));
    let Some((kind, read_only)) = storage.map(|storage| (storage.kind, storage.read_only)) else {
        return Vec::new();
    };
    (0..count)
        .map(|_| {
            let info = &mut model.info_mut().storage;
            let id = StorageId::new(name, info.next_instance);
            let filesystem = info.next_filesystem;
            info.next_instance += 1;
            info.next_filesystem += 1;
            let instance = StorageInstance {
                id: id.clone(),
                kind,
                life: Life::Alive,
                pool: directive.pool.clone(),
                size: directive.size,
                filesystem,
                read_only,
                status: Status::new(StorageStatus::Pending, "", now),
                attachment: attachment(model, unit),
            };
            model.storage.insert(id.clone(), instance);
            id
        })
        .collect()
}

fn attachment(model: &Model, unit: &UnitName) -> Option<StorageAttachment> {
    let machine = model.units.get(unit)?.machine.clone();
    Some(StorageAttachment {
        unit: unit.clone(),
        machine,
        life: Life::Alive,
        location: None,
    })
}

/// Attaches storage that nobody holds to a unit (Juju 3.6, `juju attach-storage`).
///
/// # Errors
///
/// Fails when there is no such unit or storage, one of them is going, a unit holds the storage, or the unit's charm does not take it.
pub fn attach_storage(
    model: &mut Model,
    unit: &UnitName,
    id: &StorageId,
    now: Timestamp,
) -> Result<(), StorageError> {
    let instance = alive(model, id)?;
    if let Some(other) = &instance.attachment {
        return Err(StorageError::AlreadyAttached {
            id: id.clone(),
            unit: other.unit.clone(),
        });
    }
    let (_, storage) = declared(model, unit, id.name())?;
    let there = held(model, unit, id.name());
    if let Some(max) = storage.count.max.filter(|max| there >= *max) {
        return Err(StorageError::AttachTooMany {
            id: id.clone(),
            unit: unit.clone(),
            max,
        });
    }
    let attachment = attachment(model, unit);
    if let Some(instance) = model.storage.get_mut(id) {
        instance.attachment = attachment;
        instance.status = Status::new(StorageStatus::Attaching, "", now);
    }
    Ok(())
}

/// Asks for storage to be detached from the unit that holds it (Juju 3.6, `juju detach-storage`); it stays in the model. Storage that
/// nobody holds stays as it is. With `force` no hook runs, and the charm's minimum does not count.
///
/// # Errors
///
/// Fails when there is no such storage, and when the unit needs it: its charm says how many it has at least.
pub fn detach_storage(
    model: &mut Model,
    id: &StorageId,
    force: bool,
    now: Timestamp,
) -> Result<(), StorageError> {
    let instance = model
        .storage
        .get(id)
        .ok_or_else(|| StorageError::NotFound(id.clone()))?;
    let Some(attachment) = &instance.attachment else {
        return Ok(());
    };
    if force {
        release(model, id, now);
        return Ok(());
    }
    if attachment.life == Life::Alive {
        let unit = attachment.unit.clone();
        check_detach(model, &unit, id)?;
        let instance = model.storage.get_mut(id);
        if let Some(attachment) = instance.and_then(|instance| instance.attachment.as_mut()) {
            attachment.life = Life::Dying;
        }
    }
    Ok(())
}

/// Checks that a unit keeps what its charm needs; a unit that is going needs nothing.
fn check_detach(model: &Model, unit: &UnitName, id: &StorageId) -> Result<(), StorageError> {
    let Ok((_, storage)) = declared(model, unit, id.name()) else {
        return Ok(());
    };
    let staying = model.storage_of(unit).filter(|instance| {
        instance.id.name() == id.name()
            && instance.id != *id
            && instance
                .attachment
                .as_ref()
                .is_some_and(|attachment| attachment.life == Life::Alive)
    });
    let count = u32::try_from(staying.count()).unwrap_or(u32::MAX);
    let min = storage.count.min;
    if count >= min {
        return Ok(());
    }
    Err(if min == 1 && storage.count.max == Some(1) {
        StorageError::Singular
    } else {
        StorageError::DetachTooMany { count, min }
    })
}

/// Asks for storage to be removed with its content (`juju remove-storage`). In Juju 3.6 `force` detaches what a unit holds; 4.0
/// refuses such storage either way (recorded).
///
/// # Errors
///
/// Fails when there is no such storage, or a unit holds it.
pub fn remove_storage(model: &mut Model, id: &StorageId, force: bool) -> Result<(), StorageError> {
    let juju = model.info.juju;
    let instance = model
        .storage
        .get_mut(id)
        .ok_or_else(|| StorageError::NotFound(id.clone()))?;
    match &mut instance.attachment {
        None => {
            model.storage.remove(id);
        }
        Some(_) if juju == JujuVersion::V4_0 => {
            return Err(StorageError::StillAttached(id.clone()));
        }
        Some(_) if !force => return Err(StorageError::Attached(id.clone())),
        Some(attachment) => {
            attachment.life = Life::Dying;
            instance.life = Life::Dying;
        }
    }
    Ok(())
}

/// Gives storage away without destroying its content (`juju remove-storage --no-destroy`), which no pool of this controller can.
///
/// # Errors
///
/// Always fails, with Juju 3.6's words for such pools.
pub fn release_from_model(model: &Model, id: &StorageId) -> Result<(), StorageError> {
    let instance = model
        .storage
        .get(id)
        .ok_or_else(|| StorageError::NotFound(id.clone()))?;
    let provider = model.info.storage.provider(&instance.pool);
    Err(StorageError::NotReleasable {
        id: id.clone(),
        provider: provider.map_or("", StorageProvider::as_str),
    })
}

/// Marks all storage of a unit to be destroyed with it (`--destroy-storage`).
pub fn destroy_storage_of(model: &mut Model, unit: &UnitName) {
    for id in ids_of(model, unit) {
        if let Some(instance) = model.storage.get_mut(&id) {
            instance.life = Life::Dying;
        }
    }
}

/// Marks all attachments of a unit as going: the unit itself is.
pub(super) fn end_attachments(model: &mut Model, unit: &UnitName) {
    for id in ids_of(model, unit) {
        let instance = model.storage.get_mut(&id);
        if let Some(attachment) = instance.and_then(|instance| instance.attachment.as_mut()) {
            attachment.life = Life::Dying;
        }
    }
}

/// Detaches everything from a unit whose record goes.
pub(super) fn release_all(model: &mut Model, unit: &UnitName, now: Timestamp) {
    for id in ids_of(model, unit) {
        release(model, &id, now);
    }
}

/// Marks all storage of a model that is going; what nobody holds goes at once.
pub(super) fn destroy_all(model: &mut Model) {
    let ids: Vec<StorageId> = model.storage.keys().cloned().collect();
    for id in ids {
        match model.storage.get_mut(&id) {
            Some(instance) if instance.attachment.is_some() => instance.life = Life::Dying,
            _ => drop(model.storage.remove(&id)),
        }
    }
}

/// Ends the attachment of an instance: its unit does not know it any more, and an instance that is going is removed. Who removes a
/// record has to delete its directory.
pub(crate) fn release(model: &mut Model, id: &StorageId, now: Timestamp) {
    let Some(instance) = model.storage.get_mut(id) else {
        return;
    };
    let Some(attachment) = instance.attachment.take() else {
        return;
    };
    instance.status = Status::new(StorageStatus::Detached, "", now);
    if instance.life != Life::Alive {
        model.storage.remove(id);
    }
    if let Some(unit) = model.units.get_mut(&attachment.unit) {
        unit.progress.storage.remove(id);
    }
}

fn alive<'a>(model: &'a Model, id: &StorageId) -> Result<&'a StorageInstance, StorageError> {
    match model.storage.get(id) {
        None => Err(StorageError::NotFound(id.clone())),
        Some(instance) if instance.life != Life::Alive => Err(StorageError::NotAlive(id.clone())),
        Some(instance) => Ok(instance),
    }
}

fn ids_of(model: &Model, unit: &UnitName) -> Vec<StorageId> {
    let held = model.storage_of(unit);
    held.map(|instance| instance.id.clone()).collect()
}

#[cfg(test)]
#[path = "storage_tests.rs"]
mod tests;
