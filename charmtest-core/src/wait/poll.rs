//! The loop around a judgement.

use super::{Busy, WaitError};
use crate::juju::{JujuError, Note, Status};
use crate::ops_test::Model;
use std::time::{Duration, Instant};

/// How long one `juju status` may take. A real controller under load may need long; one that hangs should be asked anew.
const STATUS_LIMIT: Duration = Duration::from_secs(60);

/// How long `juju status` may take even when the time limit of the wait is about to be over.
const STATUS_LEAST: Duration = Duration::from_secs(1);

/// The shortest and the longest pause of [`Every::Prompt`].
const PROMPT_LEAST: Duration = Duration::from_millis(15);
const PROMPT_MOST: Duration = Duration::from_millis(100);

/// How often a wait says that it still waits.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// What a judgement says about a status.
pub(super) enum Step {
    /// The wait is over.
    Done,
    /// The wait has failed.
    Fail(WaitError),
    /// Something is missing.
    Again {
        /// What.
        busy: Vec<Busy>,
        /// When to look again, if that is before the next regular time.
        wake: Option<Duration>,
    },
}

/// How long to pause between two statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Every {
    /// This long.
    Pause(Duration),
    /// As short as makes sense: as long as a few statuses take, so that waits that go on side by side leave the machine to
    /// what they wait for.
    Prompt,
}

impl Every {
    /// Returns how long to pause after a status that took so long.
    fn after(self, status: Duration) -> Duration {
        match self {
            Self::Pause(pause) => pause,
            Self::Prompt => (status * 2).clamp(PROMPT_LEAST, PROMPT_MOST),
        }
    }
}

/// What a wait is about and how it goes.
pub(super) struct Pace {
    pub(super) what: String,
    pub(super) every: Every,
    pub(super) limit: Option<Duration>,
}

/// Asks for the status until the judgement is made or the time is over; at least once. The judgement is told how long the
/// wait has lasted.
pub(super) async fn poll(
    model: &Model,
    pace: Pace,
    mut judge: impl FnMut(&Status, Duration) -> Step + Send,
) -> Result<Status, WaitError> {
    let began = Instant::now();
    let mut noted: Option<Duration> = None;
    let mut missing = Vec::new();
    let mut failure = None;
    loop {
        let left = pace
            .limit
            .map(|limit| limit.saturating_sub(began.elapsed()));
        let status_limit = left.map_or(STATUS_LIMIT, |left| left.clamp(STATUS_LEAST, STATUS_LIMIT));
        let asked = Instant::now();
        let answer = model.status_within(status_limit).await;
        let mut sleep = pace.every.after(asked.elapsed());
        match answer {
            Ok(status) => match judge(&status, began.elapsed()) {
                Step::Done => return Ok(status),
                Step::Fail(error) => return Err(error),
                Step::Again { busy, wake } => {
                    missing = busy;
                    sleep = wake.unwrap_or(sleep).min(sleep);
                }
            },
            Err(error) if is_final(&error) => return Err(WaitError::Status(error)),
            Err(error) => failure = Some(Box::new(error)),
        }

        let elapsed = began.elapsed();
        if pace.limit.is_some_and(|limit| elapsed >= limit) {
            return Err(WaitError::TimedOut {
                what: pace.what,
                limit: pace.limit.unwrap_or(elapsed),
                busy: missing,
                failure,
            });
        }
        if noted.is_none_or(|at| elapsed - at >= NOTE_EVERY) {
            noted = Some(elapsed);
            model.juju().observer().note(&Note::Waiting {
                what: summary(&pace.what, &missing, failure.as_deref()),
                elapsed,
                limit: pace.limit,
            });
        }
        let left = pace
            .limit
            .map_or(sleep, |limit| limit.saturating_sub(elapsed));
        tokio::time::sleep(sleep.min(left)).await;
    }
}

/// Tells whether `juju status` will fail again however often it is tried.
fn is_final(error: &JujuError) -> bool {
    error.is_model_missing()
        || matches!(
            error,
            JujuError::NotRunnable { .. } | JujuError::NoDirectory { .. } | JujuError::Name(_)
        )
        || error.code() == Some(2)
}

/// Returns what is waited for, with the first thing that is missing.
fn summary(what: &str, missing: &[Busy], failure: Option<&JujuError>) -> String {
    match (missing, failure) {
        ([], None) => what.to_owned(),
        ([], Some(failure)) => format!("{what}; {failure}"),
        ([first], _) => format!("{what}; {first}"),
        ([first, rest @ ..], _) => format!("{what}; {first}; {} more", rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_wait_leaves_time_for_what_it_waits_for() {
        let millis = Duration::from_millis;
        for (status, pause) in [(1, 15), (20, 40), (500, 100)] {
            assert_eq!(Every::Prompt.after(millis(status)), millis(pause));
            assert_eq!(Every::Pause(millis(7)).after(millis(status)), millis(7));
        }
    }
}
