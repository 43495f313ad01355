//! Ending when somebody asks for it.

use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::run::signals::{self, Interrupt};

/// Whether somebody wants us to end.
#[derive(Debug, Clone)]
pub(super) struct Stop(Arc<(Mutex<Option<Interrupt>>, Condvar)>);

impl Stop {
    /// Listens to signals from now on.
    pub(super) fn on_signals() -> Result<Self> {
        let shared = Arc::new((Mutex::new(None), Condvar::new()));
        let (sender, signals) = mpsc::channel::<Interrupt>();
        signals::forward(sender).map_err(Error::infrastructure)?;
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for interrupt in signals {
                let (asked, changed) = &*of_thread;
                asked
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .get_or_insert(interrupt);
                changed.notify_all();
            }
        });
        Ok(Self(shared))
    }

    pub(super) fn asked(&self) -> Option<Interrupt> {
        *self
            .0
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn wait(&self, duration: Duration) -> bool {
        let (asked, changed) = &*self.0;
        let guard = asked
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let waited = changed.wait_timeout_while(guard, duration, |asked| asked.is_none());
        let (guard, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        guard.is_some()
    }
}
