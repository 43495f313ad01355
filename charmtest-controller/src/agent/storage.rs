//! Storage of a unit: making its directories, and what its hooks change.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::hook::{StorageEvent, StorageHook};
use super::output::complain;
use super::worker::Worker;
use crate::model::changes::storage::release;
use crate::model::{Model, Status, StorageId, StorageProvider, StorageStatus, UnitName};

/// How long an agent waits before it tries again to make a directory.
const RETRY: Duration = Duration::from_secs(5);

impl Worker {
    /// Makes the directories of storage that is to be attached. What does not work is shown and tried again.
    pub(super) async fn provision_storage(&mut self, ids: Vec<StorageId>) {
        let mut failed = false;
        for id in &ids {
            let dir = self.shared.hub.data.storage(&self.model, id);
            let made = tokio::task::spawn_blocking(move || make(&dir).map(|size| (dir, size)));
            match made.await.map_err(io::Error::other).flatten() {
                Ok((dir, size)) => {
                    let location = dir.display().to_string();
                    self.commit(|model, unit, now| {
                        provisioned(model, unit, id, &location, size, now)
                    })
                    .await;
                }
                Err(error) => {
                    complain(&format!("{}: storage {id}: {error}", self.unit));
                    failed = true;
                    let why = error.to_string();
                    self.commit(|model, _, now| refused(model, id, &why, now))
                        .await;
                }
            }
        }
        if failed {
            self.pause(RETRY).await;
        }
    }
}

/// Makes a directory, if it is not there, and returns the size of the disk it is on, in MiB.
fn make(dir: &Path) -> io::Result<u64> {
    std::fs::create_dir_all(dir)?;
    let disk = rustix::fs::statvfs(dir)?;
    Ok((disk.f_blocks.saturating_mul(disk.f_frsize)) >> 20)
}

/// Notes that the directory of an instance is there. A filesystem on the root disk is as large as that disk (Juju 3.6).
pub(super) fn provisioned(
    model: &mut Model,
    unit: &UnitName,
    id: &StorageId,
    location: &str,
    disk: u64,
    now: Timestamp,
) {
    let Some(instance) = model.storage.get(id) else {
        return;
    };
    let provider = model.info.storage.provider(&instance.pool);
    if instance.attachment_of(unit).is_none() {
        return;
    }
    let Some(instance) = model.storage.get_mut(id) else {
        return;
    };
    if provider == Some(StorageProvider::Rootfs) {
        instance.size = disk;
    }
    instance.status = Status::new(StorageStatus::Attached, "", now);
    if let Some(attachment) = &mut instance.attachment {
        attachment.location = Some(location.to_owned());
    }
}

/// Shows why the directory of an instance is not there.
fn refused(model: &mut Model, id: &StorageId, why: &str, now: Timestamp) {
    if let Some(instance) = model.storage.get_mut(id)
        && instance.status.message != why
    {
        instance.status = Status::new(StorageStatus::Error, why, now);
    }
}

/// Notes what a storage hook has done: the unit has the storage, or has let go of it.
pub(super) fn finish_storage_hook(
    model: &mut Model,
    unit: &UnitName,
    hook: &StorageHook,
    now: Timestamp,
) {
    let held = model.storage.get(&hook.storage);
    if held.is_none_or(|instance| instance.attachment_of(unit).is_none()) {
        // Detached by force while the hook ran.
        return;
    }
    match hook.event {
        StorageEvent::Attached => {
            if let Some(row) = model.units.get_mut(unit) {
                row.progress.storage.insert(hook.storage.clone());
            }
        }
        StorageEvent::Detaching => release(model, &hook.storage, now),
    }
}

/// Returns the directories below `root` of instances that a model does not have (any more).
pub(super) fn strays(root: &Path, model: Option<&Model>) -> Vec<PathBuf> {
    let subdirs = |dir: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).into_iter().flatten();
        entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect()
    };
    let known = |dir: &Path| {
        let relative = dir.strip_prefix(root).ok().and_then(Path::to_str);
        let id = relative.and_then(|text| StorageId::parse(text).ok());
        model
            .zip(id)
            .is_some_and(|(model, id)| model.storage.contains(&id))
    };
    subdirs(root)
        .iter()
        .flat_map(|names| subdirs(names))
        .filter(|dir| !known(dir))
        .collect()
}
