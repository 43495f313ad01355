//! Waiting for a condition of the test's own.

use super::WaitError;
use super::idle::describe_all;
use super::poll::{Pace, Step, poll};
use crate::juju::{BackendKind, Status};
use crate::ops_test::Model;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

type Condition<'a> = Box<dyn FnMut(&Status) -> bool + Send + 'a>;

/// A wait for a condition: see [`Model::wait`].
#[must_use = "a wait does nothing until it is awaited"]
pub struct Wait<'a> {
    model: Model,
    ready: Condition<'a>,
    error: Option<Condition<'a>>,
    what: String,
    successes: u32,
    delay: Duration,
    limit: Option<Duration>,
}

impl<'a> Wait<'a> {
    pub(crate) fn new(model: Model, ready: impl FnMut(&Status) -> bool + Send + 'a) -> Self {
        let delay = match model.juju().kind() {
            BackendKind::Embedded => Duration::from_millis(100),
            BackendKind::Juju => Duration::from_secs(1),
        };
        Self {
            model,
            ready: Box::new(ready),
            error: None,
            what: "a condition".to_owned(),
            successes: 3,
            delay,
            limit: Some(super::idle_wait::LIMIT),
        }
    }

    /// Fails the wait with [`WaitError::Condition`] as soon as this is true.
    pub fn error(mut self, condition: impl FnMut(&Status) -> bool + Send + 'a) -> Self {
        self.error = Some(Box::new(condition));
        self
    }

    /// Sets the time limit; 10 minutes without it.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sets how long to pause between two statuses; 1 second without it, 100 milliseconds on the embedded controller.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets how many times in a row the condition has to be true; 3 times without it.
    pub fn successes(mut self, count: u32) -> Self {
        self.successes = count;
        self
    }

    /// Says what is waited for, for reports and errors.
    pub fn describe(mut self, what: impl Into<String>) -> Self {
        self.what = what.into();
        self
    }

    async fn run(self) -> Result<Status, WaitError> {
        let Self {
            model,
            mut ready,
            mut error,
            what,
            successes,
            delay,
            limit,
        } = self;
        let pace = Pace {
            what: what.clone(),
            every: delay,
            limit,
        };
        let mut in_a_row = 0;
        poll(&model, pace, |status, _| {
            if error.as_mut().is_some_and(|error| error(status)) {
                return Step::Fail(WaitError::Condition {
                    what: what.clone(),
                    units: describe_all(status),
                });
            }
            in_a_row = if ready(status) { in_a_row + 1 } else { 0 };
            if in_a_row >= successes.max(1) {
                return Step::Done;
            }
            Step::Again {
                busy: describe_all(status),
                wake: None,
            }
        })
        .await
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("what", &self.what)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl<'a> IntoFuture for Wait<'a> {
    type Output = Result<Status, WaitError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
