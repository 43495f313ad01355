//! What became of a test, and what follows for the rest of its module: the abort table of charmtest. Pure.
//!
//! | how the test ended | outcome | the rest of the module is aborted |
//! | --- | --- | --- |
//! | returned an error, panicked, ran out of time | failed, timed out | with `abort_on_fail` |
//! | the same after all its retries | failed, timed out | with `abort_on_fail`, after the last attempt |
//! | the same, and passed when it was tried again | flaky | never |
//! | something it asked for could not be made | errored | with `abort_on_fail` |
//! | a fixture it asked for failed, now or for an earlier test | errored | with `abort_on_fail` |
//! | a fixture it asked for says `skip(..)`, `xfail(..)`, `abort(..)` | as if the test said so | as if the test said so |
//! | the module's model could not be made | errored | always: nothing in the module has a model |
//! | `abort(..)` | failed; xfailed under `xfail` | always |
//! | `Failure::refused(..)` | refused | with `abort_on_fail` |
//! | `Failure::unmet(..)` | unmet | with `abort_on_fail` |
//! | `skip(..)`, `#[ignore]`, `--no-deploy` | skipped | never |
//! | failed as `xfail` says, or `xfail(..)` | xfailed | with `abort_on_xfail` |
//! | passed in spite of `xfail` | xpassed | never: it passed |
//! | passed in spite of a strict `xfail` | failed | with `abort_on_fail` |
//! | blocks its thread beyond its time limit | timed out | always: it still runs |
//! | the run was interrupted | aborted | the rest is skipped |
//!
//! The tear-down of a fixture changes no outcome: when it fails, the run does.
//!
//! An abort reaches to the end of its module and no further. What it keeps from running is aborted, with the test that
//! caused it, and a run in which anything was aborted fails.

use std::io;
use std::time::Duration;

use super::duration::format_duration;
use super::event::{Event, Evidence, Outcome};
use super::marks::Treatment;
use super::progress::millis;
use super::signals::Signal;
use super::test_thread::BodyEnd;
use crate::failure::{Failure, FailureKind};
use crate::registry::Xfail;

/// What became of a test, but for its duration.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    pub(super) message: Option<String>,
    pub(super) location: Option<String>,
    pub(super) cause: Option<String>,
    pub(super) evidence: Option<Evidence>,
    /// Whether the test asked to abort the rest of its module.
    wants_abort: bool,
}

impl Verdict {
    pub(super) fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            message: None,
            location: None,
            cause: None,
            evidence: None,
            wants_abort: false,
        }
    }

    pub(super) fn because(self, message: impl Into<String>) -> Self {
        Self {
            message: Some(message.into()),
            ..self
        }
    }

    pub(super) fn caused_by(self, test: &str) -> Self {
        Self {
            cause: Some(test.to_owned()),
            ..self
        }
    }

    fn at(self, location: Option<String>) -> Self {
        Self { location, ..self }
    }

    /// Returns whether what is known about the model at this moment is worth saving.
    pub(super) fn needs_evidence(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Failed | Outcome::TimedOut | Outcome::Errored
        )
    }

    /// Returns the first line of the reason.
    fn summary(&self) -> &str {
        let message = self.message.as_deref().unwrap_or_default();
        message.lines().next().unwrap_or("no reason was given")
    }

    /// Takes account of earlier attempts: `earlier` is the verdict on the last of them.
    pub(super) fn after_attempts(
        self,
        attempt: u32,
        attempts: u32,
        earlier: Option<&Self>,
    ) -> Self {
        match (self.outcome, earlier) {
            (Outcome::Passed, Some(earlier)) => {
                let before = earlier.summary();
                Self {
                    outcome: Outcome::Flaky,
                    ..self
                }
                .because(format!(
                    "passed at attempt {attempt} of {attempts}; the one before failed: {before}"
                ))
            }
            (Outcome::Failed | Outcome::TimedOut, Some(_)) if attempt == attempts => {
                let message = self.message.clone().unwrap_or_default();
                self.because(format!("{message}\nnone of {attempts} attempts passed"))
            }
            _ => self,
        }
    }

    /// Returns the event about an attempt after which the test is tried again.
    pub(super) fn into_retry(
        self,
        test: &str,
        duration: Duration,
        attempt: u32,
        attempts: u32,
    ) -> Event {
        Event::TestRetried {
            test: test.to_owned(),
            attempt,
            attempts,
            outcome: self.outcome,
            duration_ms: millis(duration),
            message: self.message,
            location: self.location,
            evidence: self.evidence,
        }
    }

    pub(super) fn into_event(self, test: &str, duration: Duration) -> Event {
        Event::TestFinished {
            test: test.to_owned(),
            outcome: self.outcome,
            duration_ms: millis(duration),
            message: self.message,
            location: self.location,
            cause: self.cause,
            evidence: self.evidence,
        }
    }
}

/// How the run of one test ended, seen from outside.
pub(super) enum TestEnd {
    Body(BodyEnd),
    OutOfTime(Stop),
    Interrupted(Stop),
    /// Its thread could not be started.
    NotStarted(io::Error),
    /// Its thread ended without a word.
    Lost,
}

/// Whether a test that was told to stop did so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Stopped,
    LeftBehind,
}

/// Why no further test of a module runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Abort {
    pub(super) by: String,
    pub(super) message: String,
}

/// Decides what became of a test that was run; `seen` is what it was last seen doing.
pub(super) fn judge(
    end: &TestEnd,
    limit: Option<Duration>,
    seen: Option<String>,
    signal: Option<Signal>,
    xfail: Option<Xfail>,
) -> Verdict {
    let verdict = match end {
        TestEnd::Body(BodyEnd::Returned(Ok(()))) => Verdict::new(Outcome::Passed),
        TestEnd::Body(BodyEnd::Returned(Err(failure))) => failed(failure),
        TestEnd::Body(BodyEnd::Panicked(panic)) => Verdict::new(Outcome::Failed)
            .because(&panic.message)
            .at(panic.location.clone()),
        TestEnd::Body(BodyEnd::Stopped) | TestEnd::Lost => {
            Verdict::new(Outcome::Errored).because("the scheduler lost this test")
        }
        TestEnd::NotStarted(error) => Verdict::new(Outcome::Errored)
            .because(format!("no thread could be started for this test: {error}")),
        TestEnd::OutOfTime(stop) => {
            let mut message = format!(
                "ran longer than {}",
                format_duration(limit.unwrap_or_default())
            );
            if let Some(seen) = seen {
                message = format!("{message}; {seen}");
            }
            Verdict::new(Outcome::TimedOut).because(message + left_behind(*stop))
        }
        TestEnd::Interrupted(stop) => {
            let name = signal.map_or("interrupted", Signal::name);
            Verdict::new(Outcome::Aborted).because(name.to_owned() + left_behind(*stop))
        }
    };
    match xfail {
        Some(xfail) => expected(verdict, xfail),
        None => verdict,
    }
}

fn failed(failure: &Failure) -> Verdict {
    let outcome = match failure.kind() {
        FailureKind::Failed | FailureKind::Aborting => Outcome::Failed,
        FailureKind::Skipped => Outcome::Skipped,
        FailureKind::Xfailed => Outcome::Xfailed,
        FailureKind::Errored => Outcome::Errored,
        FailureKind::Refused => Outcome::Refused,
        FailureKind::Unmet => Outcome::Unmet,
        FailureKind::TimedOut => Outcome::TimedOut,
    };
    // The place of a set-up error is in the harness, which tells nobody anything.
    let location = failure.location().filter(|_| outcome == Outcome::Failed);
    Verdict {
        wants_abort: failure.kind() == FailureKind::Aborting,
        ..Verdict::new(outcome)
            .because(failure.full_text())
            .at(location.map(ToString::to_string))
    }
}

/// Weighs the verdict on a test that is expected to fail.
///
/// An error of the set-up is not the failure that is expected: the test never got to what is broken.
fn expected(verdict: Verdict, xfail: Xfail) -> Verdict {
    let Xfail { reason, strict } = xfail;
    match verdict.outcome {
        Outcome::Failed | Outcome::TimedOut => {
            let message = format!("{reason}: {}", verdict.summary());
            Verdict {
                outcome: Outcome::Xfailed,
                ..verdict
            }
            .because(message)
        }
        Outcome::Passed if strict => Verdict::new(Outcome::Failed).because(format!(
            "passed, and is expected to fail: {reason} (xfail is strict)"
        )),
        Outcome::Passed => Verdict::new(Outcome::Xpassed).because(reason),
        _ => verdict,
    }
}

fn left_behind(stop: Stop) -> &'static str {
    match stop {
        Stop::Stopped => "",
        Stop::LeftBehind => {
            "; the test blocks its thread and was left behind (await in tests, or `block_on`, and use `spawn_blocking` for work that blocks)"
        }
    }
}

/// Decides whether trying a test again could end otherwise.
pub(super) fn can_try_again(end: &TestEnd, verdict: &Verdict) -> bool {
    matches!(verdict.outcome, Outcome::Failed | Outcome::TimedOut)
        && !verdict.wants_abort
        && !matches!(end, TestEnd::OutOfTime(Stop::LeftBehind))
}

/// Decides whether the rest of the module can run after a test; the table above.
pub(super) fn abort_after(
    test: &str,
    treatment: &Treatment,
    end: &TestEnd,
    verdict: &Verdict,
    setup_error: Option<&str>,
) -> Option<Abort> {
    // `abort_on_xfail` says more than `abort_on_fail`, not something else.
    let is_marked = match verdict.outcome {
        Outcome::Xfailed => treatment.abort_on_xfail,
        outcome => !outcome.is_success() && (treatment.abort_on_fail || treatment.abort_on_xfail),
    };
    let message = match (end, setup_error) {
        (TestEnd::OutOfTime(Stop::LeftBehind), _) => format!("`{test}` still blocks its thread"),
        (_, Some(_)) => format!("model set-up failed in {test}"),
        _ if verdict.wants_abort || is_marked => format!("aborted by {test}"),
        _ => return None,
    };
    Some(Abort {
        by: test.to_owned(),
        message,
    })
}
