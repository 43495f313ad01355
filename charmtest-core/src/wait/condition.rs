//! Waiting for a condition of the test's own.

use super::WaitError;
use super::idle::describe_all;
use super::poll::{Every, Pace, Step, poll};
use super::streak::{Patience, Streak, is_at_rest};
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
    patience: Patience,
    every: Every,
    limit: Option<Duration>,
}

impl<'a> Wait<'a> {
    pub(crate) fn new(model: Model, ready: impl FnMut(&Status) -> bool + Send + 'a) -> Self {
        let (patience, every) = match model.juju().kind() {
            BackendKind::Embedded => (Patience::Rest, Every::Prompt),
            BackendKind::Juju => (Patience::USUAL, Every::Pause(Duration::from_secs(1))),
        };
        Self {
            model,
            ready: Box::new(ready),
            error: None,
            what: "a condition".to_owned(),
            patience,
            every,
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

    /// Takes the time limit away: that of the test is the only one.
    pub(crate) fn without_limit(mut self) -> Self {
        self.limit = None;
        self
    }

    /// Sets how long to pause between two statuses; 1 second without it, on the embedded controller a few milliseconds.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.every = Every::Pause(delay);
        self
    }

    /// Sets how many times in a row the condition has to be true; 3 times without it. On the embedded controller, which shows
    /// no agent idle that has something to do, twice without it once every agent is idle, else for 200 milliseconds.
    pub fn successes(mut self, count: u32) -> Self {
        self.patience = Patience::Looks(count);
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
            patience,
            every,
            limit,
        } = self;
        let pace = Pace {
            what: what.clone(),
            every,
            limit,
        };
        let mut streak = Streak::default();
        poll(&model, pace, |status, now| {
            if error.as_mut().is_some_and(|error| error(status)) {
                return Step::Fail(WaitError::Condition {
                    what: what.clone(),
                    units: describe_all(status),
                });
            }
            if streak.look(patience, ready(status), is_at_rest(status), now) {
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
