//! What all agents share: the state, the turns they take, and how they commit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{OwnedMutexGuard, Semaphore};

use super::contexts::Contexts;
use super::output::complain;
use super::tidy::tidy;
use crate::model::{Hub, Model, ModelUuid, State, Transact};

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
    machines: Mutex<MachineLocks>,
}

/// The locks of machines that somebody uses or waits for.
#[derive(Debug, Default)]
struct MachineLocks {
    locks: HashMap<(ModelUuid, String, String), MachineLock>,
    /// How many there may be before those that nobody holds are dropped.
    limit: usize,
}

impl MachineLocks {
    fn get(&mut self, model: &ModelUuid, machine: &str, group: &str) -> MachineLock {
        // Machines that nobody uses or waits for may be gone. Looking for them now and then keeps the price of one lock small.
        if self.locks.len() >= self.limit {
            self.locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            self.limit = 2 * self.locks.len() + 16;
        }
        let key = (model.clone(), machine.to_owned(), group.to_owned());
        Arc::clone(self.locks.entry(key).or_default())
    }
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
            machines.get(model, machine, group)
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
            state.remove_model(uuid);
        }
        Ok(())
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_that_nobody_holds_are_dropped_and_others_stay() {
        let model = ModelUuid("m".to_owned());
        let mut locks = MachineLocks::default();
        let held = locks.get(&model, "0", "");
        for machine in 1..1_000 {
            locks.get(&model, &machine.to_string(), "");
            assert!(locks.locks.len() < 40, "{}", locks.locks.len());
        }
        assert!(Arc::ptr_eq(&held, &locks.get(&model, "0", "")));
        assert!(!Arc::ptr_eq(&held, &locks.get(&model, "0", "group")));
    }
}
