//! Agents: what hook is next for a unit, and running it.

mod commit;
mod context;
mod contexts;
mod hook;
mod resolver;
#[cfg(test)]
mod simulation;

use std::sync::Arc;

use tokio::sync::mpsc;

pub use context::{ActionContext, HookContext, Pending};
pub use contexts::{Contexts, SharedContext};
pub use hook::{Hook, RelationEvent, RelationHook};

use crate::model::{Hub, Touched};

/// All agents of the controller.
#[derive(Debug)]
pub struct Agents {
    contexts: Contexts,
}

impl Agents {
    /// Starts an agent for every unit there is, and for those to come.
    pub fn start(_hub: Arc<Hub>, _touched: mpsc::UnboundedReceiver<Touched>) -> Arc<Self> {
        Arc::new(Self {
            contexts: Contexts::default(),
        })
    }

    /// Returns the contexts of the hooks that run right now.
    pub fn contexts(&self) -> &Contexts {
        &self.contexts
    }

    /// Says whether a hook or an action runs.
    pub fn is_busy(&self) -> bool {
        !self.contexts.is_empty()
    }

    /// Kills what runs and ends the agents; what was running starts again with the next daemon.
    pub async fn stop(&self) {}
}
