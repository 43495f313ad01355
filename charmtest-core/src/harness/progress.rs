//! What one test is doing: its time limit, and what it was last seen waiting for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::event::Event;
use super::flag::{Either, race};
use crate::juju::Note;

/// The progress of one test.
#[derive(Debug)]
pub(super) struct Progress {
    test: String,
    started: Instant,
    started_at: SystemTime,
    clock: watch::Sender<Clock>,
    last_note: Mutex<Option<String>>,
    /// What the test remarked.
    remarks: Mutex<Vec<String>>,
}

/// How the time limit of a test stands.
#[derive(Clone, Copy, Debug)]
enum Clock {
    Endless,
    Until(Instant),
    /// As long as there are holders.
    Paused {
        left: Duration,
        holders: usize,
    },
}

/// Holds the clock of a test still until it is dropped.
pub(super) struct Paused<'a> {
    progress: &'a Progress,
}

impl Progress {
    /// Starts a test now.
    pub(super) fn start(test: &str, limit: Option<Duration>) -> Self {
        let started = Instant::now();
        let clock = match limit.and_then(|limit| started.checked_add(limit)) {
            Some(end) => Clock::Until(end),
            None => Clock::Endless,
        };
        Self {
            test: test.to_owned(),
            started,
            started_at: SystemTime::now(),
            clock: watch::Sender::new(clock),
            last_note: Mutex::new(None),
            remarks: Mutex::default(),
        }
    }

    pub(super) fn test(&self) -> &str {
        &self.test
    }

    pub(super) fn started_at(&self) -> SystemTime {
        self.started_at
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Stops the clock while the harness works for the test.
    pub(super) fn pause(&self) -> Paused<'_> {
        self.clock.send_modify(|clock| match clock {
            Clock::Endless => {}
            Clock::Until(end) => {
                *clock = Clock::Paused {
                    left: end.saturating_duration_since(Instant::now()),
                    holders: 1,
                };
            }
            Clock::Paused { holders, .. } => *holders += 1,
        });
        Paused { progress: self }
    }

    /// Waits until the test has used up its time.
    pub(super) async fn out_of_time(&self) {
        let mut clock = self.clock.subscribe();
        loop {
            let now = *clock.borrow_and_update();
            let changed = async {
                clock
                    .changed()
                    .await
                    .expect("the progress itself holds the sender");
            };
            match now {
                Clock::Until(end) => {
                    if let Either::First(()) = race(sleep_until(end), changed).await {
                        return;
                    }
                }
                Clock::Endless | Clock::Paused { .. } => changed.await,
            }
        }
    }

    /// Takes note of what the client does, and returns the event that tells of it, if one does.
    pub(super) fn note(&self, note: &Note) -> Option<Event> {
        match note {
            Note::Waiting {
                what,
                elapsed,
                limit,
            } => {
                *self.last_note() = Some(format!("waiting for {what}"));
                Some(Event::Waiting {
                    test: self.test.clone(),
                    what: what.clone(),
                    elapsed_ms: millis(*elapsed),
                    limit_ms: limit.map(millis),
                })
            }
            Note::Warning(message) => Some(Event::Warning {
                message: message.clone(),
            }),
            Note::Command { command, .. } => {
                let mut last = self.last_note();
                // A wait runs commands; what it waits for says more than they do.
                if last
                    .as_ref()
                    .is_none_or(|text| !text.starts_with("waiting for "))
                {
                    *last = Some(format!("last command: {command}"));
                }
                None
            }
        }
    }

    /// Keeps a remark of the test.
    pub(super) fn remark(&self, remark: String) {
        let mut remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }

    /// Returns all that the test remarked, in one text.
    pub(super) fn remarks(&self) -> Option<String> {
        let remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        (!remarks.is_empty()).then(|| remarks.join("; "))
    }

    /// Returns what the test was last seen doing.
    pub(super) fn last_seen(&self) -> Option<String> {
        self.last_note().clone()
    }

    fn last_note(&self) -> MutexGuard<'_, Option<String>> {
        self.last_note
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.progress.clock.send_modify(|clock| match clock {
            Clock::Paused { left, holders: 1 } => *clock = Clock::Until(Instant::now() + *left),
            Clock::Paused { holders, .. } => *holders -= 1,
            Clock::Endless | Clock::Until(_) => {}
        });
    }
}

/// Returns a duration in milliseconds, as events carry it.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_stands_still_until_nobody_holds_it() {
        let progress = Progress::start("m::t", Some(Duration::from_secs(60)));
        let stands_still = || matches!(*progress.clock.borrow(), Clock::Paused { .. });
        let (first, second) = (progress.pause(), progress.pause());
        drop(first);
        assert!(stands_still());
        drop(second);
        assert!(!stands_still());
    }

    #[test]
    fn a_wait_outlives_the_commands_that_it_runs() {
        let progress = Progress::start("m::t", None);
        let command = |command: &str| Note::Command {
            command: command.to_owned(),
            duration: Duration::ZERO,
            code: Some(0),
        };
        assert_eq!(progress.note(&command("juju deploy web")), None);
        assert_eq!(
            progress.last_seen().unwrap(),
            "last command: juju deploy web"
        );
        let waiting = Note::Waiting {
            what: "web to be active".to_owned(),
            elapsed: Duration::from_secs(2),
            limit: Some(Duration::from_secs(60)),
        };
        assert_eq!(
            progress.note(&waiting),
            Some(Event::Waiting {
                test: "m::t".to_owned(),
                what: "web to be active".to_owned(),
                elapsed_ms: 2_000,
                limit_ms: Some(60_000),
            })
        );
        progress.note(&command("juju status"));
        assert_eq!(
            progress.last_seen().unwrap(),
            "waiting for web to be active"
        );
    }
}
