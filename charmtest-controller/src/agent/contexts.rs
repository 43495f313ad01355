//! The contexts of the hooks that run right now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::context::HookContext;

/// A context that hook tools may use; the lock makes the tools of one hook run one at a time.
pub type SharedContext = Arc<Mutex<HookContext>>;

/// Contexts by id.
#[derive(Debug, Default)]
pub struct Contexts(Mutex<HashMap<String, SharedContext>>);

impl Contexts {
    /// Returns the context with this id, if its hook runs.
    pub fn get(&self, id: &str) -> Option<SharedContext> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    /// Makes a context known to hook tools until [`Contexts::close`].
    pub fn open(&self, context: HookContext) -> SharedContext {
        let id = context.id.clone();
        let context = Arc::new(Mutex::new(context));
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, Arc::clone(&context));
        context
    }

    /// Takes a context away: later calls of tools with its id are refused.
    pub fn close(&self, id: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
    }

    /// Says whether nothing runs.
    pub fn is_empty(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }
}
