//! Agents: what hook is next for a unit, and running it.
//!
//! `resolver` decides what a unit does next and `commit` what that changes; both are pure. `worker` acts: one task per unit that
//! looks, runs, commits. This module starts workers, wakes those that a commit concerns, and cleans up after units that are gone.
//!
//! Invariant: what a hook is about to do is in the database before its process starts, and what it did is committed in one
//! transaction after it ended; so a hook that a crash interrupted runs again, and one that was committed never does.

mod action;
mod charm_dir;
mod cleaner;
mod commit;
mod context;
mod contexts;
#[cfg(test)]
mod cross_model_tests;
mod environment;
mod hook;
mod machine;
mod operation;
mod output;
mod pending_secrets;
mod persist;
mod process;
mod processes;
mod resolver;
mod secrets;
mod shared;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod stage_tests;
mod storage;
#[cfg(test)]
mod subordinate_tests;
mod supervisor;
#[cfg(test)]
mod tests;
mod tidy;
mod worker;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub(crate) use action::base64;
pub use context::{ActionContext, HookContext, Pending};
pub use contexts::{Contexts, SharedContext, ToolTurn};
pub use hook::{
    Hook, RelationEvent, RelationHook, SecretEvent, SecretHook, StorageEvent, StorageHook,
};
pub use pending_secrets::{NewSecret, PendingSecrets};
pub(crate) use processes::{MACHINE_VARIABLE, kill_group, machine_mark};
pub(crate) use resolver::{Step, due};

use crate::model::{Hub, Touched};
use shared::Shared;
use supervisor::Supervisor;

/// All agents of the controller.
#[derive(Debug)]
pub struct Agents {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
}

impl Agents {
    /// Starts an agent for every unit there is, and for those to come.
    ///
    /// Hooks that an earlier daemon left behind are killed first, and run again.
    pub fn start(hub: Arc<Hub>, touched: mpsc::UnboundedReceiver<Touched>) -> Arc<Self> {
        let shared = Arc::new(Shared::new(hub));
        let (stop, stopped) = watch::channel(false);
        let supervisor = Supervisor::new(Arc::clone(&shared), touched, stopped);
        let running = tokio::spawn(supervisor.run(shared.hub.snapshot()));
        Arc::new(Self {
            shared,
            stop,
            supervisor: Mutex::new(Some(running)),
        })
    }

    /// Returns the contexts of the hooks that run right now.
    pub fn contexts(&self) -> &Contexts {
        &self.shared.contexts
    }

    /// Says whether a hook or an action runs.
    pub fn is_busy(&self) -> bool {
        !self.shared.contexts.is_empty()
    }

    /// Kills what runs and ends the agents; what was running starts again with the next daemon.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let running = self
            .supervisor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(running) = running {
            // A panic in an agent is in the daemon's log already.
            let _ = running.await;
        }
    }
}
