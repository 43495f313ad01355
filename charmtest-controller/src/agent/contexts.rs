//! The contexts of the hooks that run right now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::context::HookContext;

/// A context that hook tools may use; the lock makes the tools of one hook run one at a time.
///
/// It is `None` once the hook has ended: a tool that was called before that, and waits for the lock or for its standard input, must
/// find nothing to write into.
pub type SharedContext = Arc<Mutex<Option<HookContext>>>;

/// Whose turn it is among the tools of a context. A hook may call thousands of tools at once; they wait here, where it takes no thread.
pub type ToolTurn = Arc<tokio::sync::Mutex<()>>;

/// Contexts by id.
#[derive(Debug, Default)]
pub struct Contexts(Mutex<HashMap<String, (SharedContext, ToolTurn)>>);

impl Contexts {
    /// Returns the context with this id and whose turn it is there, if its hook runs.
    pub fn get(&self, id: &str) -> Option<(SharedContext, ToolTurn)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    /// Makes a context known to hook tools until [`Contexts::close`].
    pub fn open(&self, context: HookContext) {
        let id = context.id.clone();
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(
                id,
                (Arc::new(Mutex::new(Some(context))), ToolTurn::default()),
            );
    }

    /// Takes a context away from hook tools and returns what they made of it.
    pub fn close(&self, id: &str) -> Option<HookContext> {
        let (context, _) = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id)?;
        context
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Says whether nothing runs.
    pub fn is_empty(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }
}
