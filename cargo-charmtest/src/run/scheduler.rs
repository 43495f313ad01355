//! Which module runs when, and what comes of it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use charmtest::harness::{Event, Outcome};
use rustix::process::Signal;

use super::module::{Common, ModulePlan};
use super::process::{Group, describe};
use super::signals::Interrupt;
use crate::report::Report;

/// The number of a module in the plan.
pub(crate) type Job = usize;

/// How often a terminal's progress is drawn anew.
const TICK: Duration = Duration::from_millis(100);

/// How much longer than a tear-down step a module may take to end after an interruption.
const GRACE: Duration = Duration::from_secs(30);

/// What happens during a run.
#[derive(Debug)]
pub(crate) enum Message {
    /// A module's harness reports.
    Event {
        /// Which module.
        job: Job,
        /// What.
        event: Event,
    },
    /// A test wrote a line.
    Output {
        /// Which module.
        job: Job,
        /// The line.
        line: String,
    },
    /// A module's process ended.
    Ended {
        /// Which module.
        job: Job,
        /// How.
        status: io::Result<ExitStatus>,
    },
    /// The user wants to end the run.
    Interrupt(Interrupt),
}

/// Everything that [`run`] needs beside the plan.
pub(crate) struct Run<'a> {
    /// What every module process gets.
    pub(crate) common: Common,
    /// How many modules at a time.
    pub(crate) jobs: usize,
    /// How long a tear-down step may take.
    pub(crate) teardown: Duration,
    /// Where messages are sent to.
    pub(crate) sender: Sender<Message>,
    /// Where they arrive.
    pub(crate) messages: Receiver<Message>,
    /// Who tells the user.
    pub(crate) report: &'a mut Report,
}

/// Runs all modules of `plan`, at most `jobs` at a time, and returns how the run was interrupted, if it was.
pub(crate) fn run(plan: &[ModulePlan], run: Run<'_>) -> Option<Interrupt> {
    let mut waiting: VecDeque<Job> = (0..plan.len()).collect();
    let mut running: BTreeMap<Job, Group> = BTreeMap::new();
    let mut interrupted: Option<(Interrupt, Instant)> = None;
    loop {
        while interrupted.is_none() && running.len() < run.jobs {
            let Some(job) = waiting.pop_front() else {
                break;
            };
            match plan[job].start(job, &run.common, &run.sender) {
                Ok(group) => {
                    running.insert(job, group);
                }
                Err(error) => run
                    .report
                    .lost(job, &format!("cannot start the test binary: {error}")),
            }
        }
        if running.is_empty() {
            let left = waiting.iter().copied();
            left.for_each(|job| run.report.not_started(job, "interrupted"));
            return interrupted.map(|(interrupt, _)| interrupt);
        }
        match run.messages.recv_timeout(TICK) {
            Ok(Message::Event { job, event }) => run.report.event(job, event),
            Ok(Message::Output { job, line }) => run.report.output(job, line),
            Ok(Message::Ended { job, status }) => {
                running.remove(&job);
                let how = status.map_or_else(|error| error.to_string(), describe);
                run.report
                    .lost(job, &format!("the test process ended early ({how})"));
            }
            Ok(Message::Interrupt(interrupt)) if interrupted.is_none() => {
                interrupted = Some((interrupt, Instant::now()));
                run.report.interrupted(running.len());
                let signal = if interrupt == Interrupt::Int {
                    Signal::INT
                } else {
                    Signal::TERM
                };
                running.values().for_each(|group| group.signal(signal));
            }
            Ok(Message::Interrupt(_)) => {
                // A second one: leave at once.
                running
                    .values()
                    .for_each(|group| group.signal(Signal::KILL));
                running
                    .keys()
                    .for_each(|job| run.report.lost(*job, "killed"));
                return interrupted.map(|(interrupt, _)| interrupt);
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        if interrupted.is_some_and(|(_, since)| since.elapsed() > run.teardown + GRACE) {
            running
                .values()
                .for_each(|group| group.signal(Signal::KILL));
        }
        run.report.tick();
    }
}

/// Returns the exit code of a run: an interruption wins over trouble with the infrastructure, which wins over failed tests.
pub(crate) fn exit_code(
    outcomes: &[Outcome],
    models_left: bool,
    interrupted: Option<Interrupt>,
) -> u8 {
    if let Some(interrupt) = interrupted {
        return interrupt.exit_code();
    }
    if outcomes.contains(&Outcome::Errored) {
        return charmtest::exit::INFRASTRUCTURE;
    }
    if models_left || outcomes.iter().any(|outcome| !outcome.is_success()) {
        return charmtest::exit::FAILED;
    }
    charmtest::exit::SUCCESS
}

#[cfg(test)]
mod tests {
    use charmtest::exit;

    use super::*;

    #[test]
    fn exit_codes() {
        use Outcome::{Aborted, Errored, Failed, Passed, Skipped, TimedOut};
        for (outcomes, left, interrupted, expected) in [
            (vec![], false, None, exit::SUCCESS),
            (vec![Passed, Skipped], false, None, exit::SUCCESS),
            (vec![Passed, Failed], false, None, exit::FAILED),
            (vec![Aborted], false, None, exit::FAILED),
            (vec![TimedOut], false, None, exit::FAILED),
            (vec![Passed], true, None, exit::FAILED),
            (vec![Failed, Errored], false, None, exit::INFRASTRUCTURE),
            (vec![Errored], true, Some(Interrupt::Int), exit::INTERRUPTED),
            (vec![Passed], false, Some(Interrupt::Term), exit::TERMINATED),
        ] {
            assert_eq!(
                exit_code(&outcomes, left, interrupted),
                expected,
                "{outcomes:?} {left} {interrupted:?}"
            );
        }
    }
}
