//! Small pieces for waiting on whichever comes first.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::sync::watch;

/// A value that is set once and that any number of tasks can wait for.
#[derive(Clone, Debug)]
pub(crate) struct Flag<T> {
    value: watch::Sender<Option<T>>,
}

impl<T: Copy> Flag<T> {
    pub(crate) fn new() -> Self {
        Self {
            value: watch::Sender::new(None),
        }
    }

    /// Sets the value if none is set yet.
    pub(crate) fn set(&self, value: T) {
        self.value.send_if_modified(|slot| {
            let fresh = slot.is_none();
            if fresh {
                *slot = Some(value);
            }
            fresh
        });
    }

    pub(crate) fn get(&self) -> Option<T> {
        *self.value.borrow()
    }

    /// Waits until the value is set.
    pub(crate) async fn wait(&self) -> T {
        let mut receiver = self.value.subscribe();
        loop {
            if let Some(value) = *receiver.borrow_and_update() {
                return value;
            }
            receiver
                .changed()
                .await
                .expect("the flag itself holds the sender");
        }
    }
}

/// Which of two futures was ready first.
#[derive(Debug)]
pub(crate) enum Either<A, B> {
    First(A),
    Second(B),
}

/// Waits for whichever of two futures is ready first, and drops the other; if both are, the first wins.
pub(crate) async fn race<A, B>(
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> Either<A, B> {
    let mut first = pin!(first);
    let mut second = pin!(second);
    poll_fn(|cx| {
        if let Poll::Ready(value) = first.as_mut().poll(cx) {
            return Poll::Ready(Either::First(value));
        }
        second.as_mut().poll(cx).map(Either::Second)
    })
    .await
}
