//! Who is connected to the daemon, and whether it still takes commands.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The connections of a daemon.
///
/// Counting and closing are one step under one lock: a client either is counted before the daemon decides to end, or finds it ending.
#[derive(Debug, Default)]
pub(super) struct Clients {
    state: Mutex<State>,
    closed: Notify,
}

#[derive(Debug, Default)]
struct State {
    connected: usize,
    closed: bool,
}

/// One client's presence; it is counted until this is dropped.
#[derive(Debug)]
pub(super) struct Presence(Arc<Clients>);

impl Clients {
    /// Counts a client in.
    pub(super) fn enter(self: &Arc<Self>) -> Presence {
        self.state().connected += 1;
        Presence(Arc::clone(self))
    }

    /// Returns how many clients are connected.
    pub(super) fn count(&self) -> usize {
        self.state().connected
    }

    /// Takes no more commands: the daemon ends.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.closed.notify_one();
    }

    /// Closes if the client that asks is the only one.
    pub(super) fn close_for_last(&self) {
        let mut state = self.state();
        if state.connected <= 1 {
            state.closed = true;
            self.closed.notify_one();
        }
    }

    /// Says whether commands are refused.
    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Resolves once the daemon has to end.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.state().connected -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_counted_twice_or_for_ever() {
        let clients = Arc::new(Clients::default());
        let one = clients.enter();
        let failing = Arc::clone(&clients);
        let panicked = std::thread::spawn(move || {
            let _two = failing.enter();
            assert_eq!(failing.count(), 0, "a bug in a command");
        });
        assert!(panicked.join().is_err());
        assert_eq!(clients.count(), 1);
        drop(one);
        assert_eq!(clients.count(), 0);
    }

    #[tokio::test]
    async fn room_is_made_only_by_one_that_is_alone() {
        let clients = Arc::new(Clients::default());
        let _one = clients.enter();
        let two = clients.enter();
        clients.close_for_last();
        assert!(!clients.is_closed());
        drop(two);
        clients.close_for_last();
        assert!(clients.is_closed());
        clients.closed().await;
    }
}
