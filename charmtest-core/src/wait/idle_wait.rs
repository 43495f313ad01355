//! Waiting for a model to be idle.

use super::WaitError;
use super::idle::{IdleGoal, IdleMemory, OnTrouble, Verdict, judge};
use super::poll::{Every, Pace, Step, poll};
use crate::juju::{BackendKind, Status};
use crate::ops_test::Model;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

/// How long a wait lasts at most if it is not told.
pub(super) const LIMIT: Duration = Duration::from_secs(10 * 60);

/// The statuses that a unit can have.
const STATUSES: [&str; 7] = [
    "active",
    "blocked",
    "error",
    "maintenance",
    "terminated",
    "unknown",
    "waiting",
];

/// A wait for an idle model: see [`Model::wait_for_idle`].
#[must_use = "a wait does nothing until it is awaited"]
#[derive(Clone, Debug)]
pub struct WaitForIdle {
    model: Model,
    goal: IdleGoal,
    every: Every,
    limit: Option<Duration>,
}

impl WaitForIdle {
    pub(crate) fn new(model: Model) -> Self {
        // The embedded controller never shows an agent idle that has a hook to run, so a moment of calm means there what
        // 15 seconds mean on a real one, which needs some to notice that there is something to do.
        let (idle_period, every) = match model.juju().kind() {
            BackendKind::Embedded => (Duration::from_millis(30), Every::Prompt),
            BackendKind::Juju => (
                Duration::from_secs(15),
                Every::Pause(Duration::from_millis(500)),
            ),
        };
        Self {
            model,
            goal: IdleGoal {
                idle_period,
                on_error: OnTrouble::Raise,
                ..IdleGoal::default()
            },
            every,
            limit: Some(LIMIT),
        }
    }

    /// Waits for these applications; without it for all that are in the model at any moment of the wait.
    pub fn apps<I>(mut self, applications: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.goal.applications = applications.into_iter().map(Into::into).collect();
        self
    }

    /// Waits until the workload of every unit, and the application, has this status: `active`, `blocked`, ...
    pub fn status(mut self, status: impl Into<String>) -> Self {
        self.goal.status = Some(status.into());
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

    /// Sets how long each unit has to be idle without interruption; 15 seconds without it, 30 milliseconds on the embedded
    /// controller.
    pub fn idle_period(mut self, period: Duration) -> Self {
        self.goal.idle_period = period;
        self
    }

    /// Sets how long to pause between two statuses; half a second without it, a few milliseconds on the embedded controller.
    pub fn check_freq(mut self, pause: Duration) -> Self {
        self.every = Every::Pause(pause);
        self
    }

    /// Goes on when a machine, an agent, a unit or an application is in error: it may recover. It is not idle meanwhile.
    pub fn ignore_errors(mut self) -> Self {
        self.goal.on_error = OnTrouble::Wait;
        self
    }

    /// Fails as soon as a unit or an application is blocked, unless that is the status waited for.
    pub fn raise_on_blocked(mut self) -> Self {
        self.goal.on_blocked = OnTrouble::Raise;
        self
    }

    /// Waits until at least so many units of each application are idle in the right status; the others are not looked at.
    pub fn wait_for_at_least_units(mut self, count: usize) -> Self {
        self.goal.at_least = Some(count);
        self
    }

    /// Waits until each application has exactly so many units, all of them idle in the right status.
    pub fn wait_for_exact_units(mut self, count: usize) -> Self {
        self.goal.exactly = Some(count);
        self
    }

    async fn run(self) -> Result<Status, WaitError> {
        self.validate()?;
        self.model.check_idle_period(self.goal.idle_period);
        let what = self.describe();
        let pace = Pace {
            what: what.clone(),
            every: self.every,
            limit: self.limit,
        };
        let mut memory = IdleMemory::default();
        poll(&self.model, pace, |status, now| {
            let (verdict, next) = judge(&self.goal, &memory, status, now);
            memory = next;
            match verdict {
                Verdict::Settled => Step::Done,
                Verdict::Trouble(troubles) => Step::Fail(WaitError::InTrouble {
                    what: what.clone(),
                    troubles,
                }),
                Verdict::Busy {
                    reasons,
                    settled_in,
                } => Step::Again {
                    busy: reasons,
                    wake: settled_in,
                },
            }
        })
        .await
    }

    fn validate(&self) -> Result<(), WaitError> {
        if let Some(status) = &self.goal.status
            && !STATUSES.contains(&status.as_str())
        {
            return Err(WaitError::Usage(format!(
                "`{status}` is not a status that a unit can have; there are {}",
                STATUSES.join(", ")
            )));
        }
        if self.goal.status.as_deref() == Some("error") {
            return Err(WaitError::Usage(
                "a unit in error is never idle; wait for it with `model.wait(|status| any_error(status, &[..]))`".to_owned(),
            ));
        }
        if let (Some(least), Some(exactly)) = (self.goal.at_least, self.goal.exactly)
            && least > exactly
        {
            return Err(WaitError::Usage(format!(
                "waiting for at least {least} and exactly {exactly} units cannot succeed"
            )));
        }
        if let Some(limit) = self.limit
            && limit < self.goal.idle_period
        {
            return Err(WaitError::Usage(format!(
                "a time limit of {limit:?} is over before units can have been idle for {:?}",
                self.goal.idle_period
            )));
        }
        Ok(())
    }

    fn describe(&self) -> String {
        let who = match self.goal.applications.as_slice() {
            [] => "all applications".to_owned(),
            names => names.join(", "),
        };
        match &self.goal.status {
            Some(status) => format!("{who} to be idle and {status}"),
            None => format!("{who} to be idle"),
        }
    }
}

impl IntoFuture for WaitForIdle {
    type Output = Result<Status, WaitError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
