//! What all agents share: the state, the turns they take, and how they commit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{OwnedMutexGuard, Semaphore};

use super::contexts::Contexts;
use super::output::complain;
use super::processes::kill_by_environment;
use super::tidy::tidy;
use crate::model::{Hub, Model, ModelUuid, State, Transact, UnitName};

/// Held while something runs on a machine, or in an execution group there.
type MachineLock = Arc<tokio::sync::Mutex<()>>;

/// What all agents share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The state.
    pub(super) hub: Arc<Hub>,
    /// The contexts of what runs.
    pub(super) contexts: Contexts,
    /// Bounds how many hooks start at once over all units.
    pub(super) slots: Arc<Semaphore>,
    machines: Mutex<HashMap<(ModelUuid, String, String), MachineLock>>,
}

impl Shared {
    /// Makes what the agents of one controller share.
    pub(super) fn new(hub: Arc<Hub>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let slots = Arc::new(Semaphore::new((2 * cores).max(4)));
        Self {
            hub,
            contexts: Contexts::default(),
            slots,
            machines: Mutex::default(),
        }
    }

    /// Waits until nothing else runs on a machine in the same execution group; hooks, and actions that name none, are in `""`.
    pub(super) async fn lock_machine(
        &self,
        model: &ModelUuid,
        machine: &str,
        group: &str,
    ) -> OwnedMutexGuard<()> {
        let lock = {
            let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
            // Machines that nobody uses or waits for may be gone.
            machines.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(
                machines
                    .entry((model.clone(), machine.to_owned(), group.to_owned()))
                    .or_default(),
            )
        };
        lock.lock_owned().await
    }
}

/// Commits a change of one model, with everything that follows from it; nothing happens when the model is gone.
///
/// # Errors
///
/// Fails with what `change` returns, and when the database cannot be written.
pub(super) fn transact<E>(
    hub: &Hub,
    uuid: &ModelUuid,
    change: impl FnOnce(&mut Model, Timestamp) -> Result<(), E>,
) -> Result<(), Transact<E>> {
    let now = hub.now();
    hub.transact(|state: &mut State| {
        let Some(model) = state.model_mut(uuid) else {
            return Ok(());
        };
        change(model, now)?;
        if tidy(model) {
            state.models.remove(uuid);
            state.current_model = state.current_model.take().filter(|current| current != uuid);
        }
        Ok(())
    })
}

/// Removes what a unit leaves behind: its processes and its directory.
pub(super) fn clean_up(hub: &Hub, model: &ModelUuid, unit: &UnitName) {
    kill_by_environment(&[
        ("JUJU_UNIT_NAME", unit.as_str()),
        ("JUJU_MODEL_UUID", &model.0),
    ]);
    remove_dir(&hub.data.agent(model, unit));
}

/// Removes a directory with everything in it, if it is there.
pub(super) fn remove_dir(path: &std::path::Path) {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            complain(&format!("cannot remove {}: {error}", path.display()))
        }
        _ => {}
    }
}
