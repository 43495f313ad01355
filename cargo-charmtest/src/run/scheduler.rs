//! Which module runs when, and what comes of it.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use charmtest::harness::{Event, Outcome, enough_failures};
use rustix::process::Signal;
use tempfile::TempDir;

use super::module::{Common, ModulePlan};
use super::process::Group;
use super::signals::Interrupt;
use super::together::ProcessPlan;
use crate::report::Report;

/// The number of a process among all of a run.
pub(crate) type Job = usize;

/// How often a terminal's progress is drawn anew.
const TICK: Duration = Duration::from_millis(100);

/// How much longer than a tear-down step a process may take to end after an interruption.
const GRACE: Duration = Duration::from_secs(30);

/// How long a process may take to end after a second interruption.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);

/// What happens during a run.
#[derive(Debug)]
pub(crate) enum Message {
    /// A module's harness reports.
    Event {
        /// Which process.
        job: Job,
        /// What.
        event: Event,
    },
    /// A test wrote a line.
    Output {
        /// Which process.
        job: Job,
        /// The line.
        line: String,
    },
    /// A process ended.
    Ended {
        /// Which process.
        job: Job,
        /// How.
        status: io::Result<ExitStatus>,
        /// Whether all that it wrote was read.
        streams: Streams,
    },
    /// The user wants to end the run.
    Interrupt(Interrupt),
}

/// What became of the output streams of a process that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streams {
    /// They were read to their ends.
    Closed,
    /// Another process, which a test left behind, holds them open.
    Held,
}

impl From<Interrupt> for Message {
    fn from(interrupt: Interrupt) -> Self {
        Self::Interrupt(interrupt)
    }
}

/// Everything that [`run`] needs beside the plan.
pub(crate) struct Run<'a> {
    /// What every process gets.
    pub(crate) common: Common,
    /// How many modules at a time.
    pub(crate) jobs: usize,
    /// How long a tear-down step may take.
    pub(crate) teardown: Duration,
    /// When to start no more tests.
    pub(crate) stop: Option<Stop>,
    /// Where messages are sent to.
    pub(crate) sender: Sender<Message>,
    /// Where they arrive.
    pub(crate) messages: Receiver<Message>,
    /// Who tells the user.
    pub(crate) report: &'a mut Report,
}

/// When to start no more tests because enough have failed.
#[derive(Debug)]
pub(crate) struct Stop {
    limit: usize,
    /// Holds the file that tells the running modules.
    directory: TempDir,
}

impl Stop {
    /// Stops after so many failures.
    ///
    /// # Errors
    ///
    /// Fails when no temporary directory can be made.
    pub(crate) fn after(limit: usize) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("charmtest-").tempdir()?;
        Ok(Self { limit, directory })
    }

    /// Returns the file that tells the running modules, once it is there.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("stop")
    }

    /// Returns why no more tests start after so many failures, if so, and tells the running modules. What prevents that is
    /// said: they run to their ends then.
    fn now(&self, report: &mut Report) -> Option<String> {
        if report.failures() < self.limit {
            return None;
        }
        let why = enough_failures(self.limit);
        let (file, fresh) = (self.file(), self.directory.path().join("new"));
        let written = fs::write(&fresh, &why).and_then(|()| fs::rename(&fresh, &file));
        if let Err(error) = written {
            let file = file.display();
            report.warn(&format!(
                "modules that run already are not stopped: {file}: {error}"
            ));
        }
        Some(why)
    }
}

/// How far the end of an interrupted run has come.
#[derive(Debug, Clone, Copy)]
struct Ending {
    /// Why it ends.
    interrupt: Interrupt,
    /// Whether the modules were told to leave at once.
    at_once: bool,
    /// When they were told last.
    since: Instant,
    /// How long they may take then.
    limit: Duration,
}

/// A process that runs.
#[derive(Debug)]
struct Running {
    group: Group,
    /// How many of its modules may run side by side.
    width: usize,
    /// How many of its modules are not done.
    open: usize,
}

impl Running {
    /// Returns how many modules may be running in it. Its own tear-down counts as one.
    fn slots(&self) -> usize {
        self.width.min(self.open).max(1)
    }
}

/// Returns how many modules may be running.
fn slots(running: &BTreeMap<Job, Running>) -> usize {
    running.values().map(Running::slots).sum()
}

/// Runs all modules of `plan`, divided into `processes`, at most `jobs` at a time, and returns how the run was interrupted, if it
/// was.
///
/// A process starts when as many jobs are free as it can use: what it gets then it keeps.
///
/// A first interruption lets the running modules tear down. A second one, and a tear-down that takes too long, makes them leave at
/// once: they get the signal again, so that they can take the commands they run with them, and are killed if they do not go.
pub(crate) fn run(
    plan: &[ModulePlan],
    processes: &[ProcessPlan],
    run: Run<'_>,
) -> Option<Interrupt> {
    let mut waiting: VecDeque<Job> = (0..processes.len()).collect();
    let mut running: BTreeMap<Job, Running> = BTreeMap::new();
    let mut ending: Option<Ending> = None;
    let mut enough: Option<String> = None;
    loop {
        while ending.is_none() && enough.is_none() {
            let free = run.jobs.saturating_sub(slots(&running));
            let fits = |job: &Job| processes[*job].width(run.jobs) <= free;
            let Some(job) = waiting.pop_front_if(|job| fits(job)) else {
                break;
            };
            let process = &processes[job];
            let width = process.width(run.jobs);
            match process.start(plan, width, job, &run.common, &run.sender) {
                Ok(group) => {
                    let open = process.modules.len();
                    running.insert(job, Running { group, width, open });
                }
                Err(error) => run
                    .report
                    .lost(job, &format!("cannot start the test binary: {error}")),
            }
        }
        if running.is_empty() {
            let left = waiting.iter().copied();
            let why = match (ending, &enough) {
                (None, Some(enough)) => enough,
                _ => "interrupted",
            };
            left.for_each(|job| run.report.not_started(job, why));
            return ending.map(|ending| ending.interrupt);
        }
        match run.messages.recv_timeout(TICK) {
            Ok(Message::Event { job, event }) => {
                // Each step of a tear-down has the time of one.
                if let Some(ending) = ending.as_mut().filter(|ending| !ending.at_once) {
                    ending.since = Instant::now();
                }
                if let (Event::ModuleFinished { .. }, Some(process)) =
                    (&event, running.get_mut(&job))
                {
                    process.open = process.open.saturating_sub(1);
                }
                run.report.event(job, event);
            }
            Ok(Message::Output { job, line }) => run.report.output(job, line),
            Ok(Message::Ended {
                job,
                status,
                streams,
            }) => {
                running.remove(&job);
                run.report.ended(job, status, streams);
            }
            Ok(Message::Interrupt(interrupt)) => {
                ending = Some(match ending {
                    Some(ending) => hurry(ending, &running),
                    None => {
                        run.report.interrupted(slots(&running));
                        signal_all(&running, interrupt.signal());
                        Ending {
                            interrupt,
                            at_once: false,
                            since: Instant::now(),
                            limit: run.teardown.saturating_add(GRACE),
                        }
                    }
                });
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        if enough.is_none() {
            let stop = run.stop.as_ref();
            enough = stop.and_then(|stop| stop.now(run.report));
        }
        if let Some(late) = ending.filter(|ending| ending.since.elapsed() > ending.limit) {
            ending = Some(hurry(late, &running));
        }
        run.report.tick();
    }
}

/// Makes the running modules leave at once; kills them if they were told before.
fn hurry(ending: Ending, running: &BTreeMap<Job, Running>) -> Ending {
    let signal = if ending.at_once {
        Signal::KILL
    } else {
        ending.interrupt.signal()
    };
    signal_all(running, signal);
    Ending {
        at_once: true,
        since: Instant::now(),
        limit: LEAVE_LIMIT,
        ..ending
    }
}

fn signal_all(running: &BTreeMap<Job, Running>, signal: Signal) {
    running
        .values()
        .for_each(|process| process.group.signal(signal));
}

/// Returns the exit code of a run: an interruption wins over an infrastructure that failed, which wins over failed tests and over
/// `trouble` after them, which win over tests that were refused.
pub(crate) fn exit_code(outcomes: &[Outcome], trouble: bool, interrupted: Option<Interrupt>) -> u8 {
    if let Some(interrupt) = interrupted {
        return interrupt.exit_code();
    }
    if outcomes.contains(&Outcome::Errored) || outcomes.contains(&Outcome::Unmet) {
        return charmtest::exit::INFRASTRUCTURE;
    }
    let is_bad = |outcome: &Outcome| !outcome.is_success() && *outcome != Outcome::Refused;
    if trouble || outcomes.iter().any(is_bad) {
        return charmtest::exit::FAILED;
    }
    if outcomes.contains(&Outcome::Refused) {
        return charmtest::exit::REFUSED;
    }
    charmtest::exit::SUCCESS
}

#[cfg(test)]
mod tests {
    use charmtest::exit;

    use super::*;

    #[test]
    fn a_process_gives_its_jobs_back_as_its_modules_end() {
        let process = |width, open| Running {
            group: Group::none(),
            width,
            open,
        };
        for (width, open, taken) in [(2, 5, 2), (2, 2, 2), (2, 1, 1), (2, 0, 1), (1, 1, 1)] {
            assert_eq!(process(width, open).slots(), taken, "{width} {open}");
        }
        let running = BTreeMap::from([(0, process(2, 3)), (1, process(1, 1))]);
        assert_eq!(slots(&running), 3);
    }

    #[test]
    fn exit_codes() {
        use Outcome::{Aborted, Errored, Failed, Passed, Refused, Skipped, TimedOut, Unmet};
        for (outcomes, trouble, interrupted, expected) in [
            (vec![], false, None, exit::SUCCESS),
            (vec![Passed, Skipped], false, None, exit::SUCCESS),
            (vec![Passed, Failed], false, None, exit::FAILED),
            (vec![Aborted], false, None, exit::FAILED),
            (vec![TimedOut], false, None, exit::FAILED),
            (vec![Passed], true, None, exit::FAILED),
            (vec![Failed, Errored], false, None, exit::INFRASTRUCTURE),
            (vec![Failed, Unmet], false, None, exit::INFRASTRUCTURE),
            (vec![Passed, Refused], false, None, exit::REFUSED),
            (vec![Refused, Failed], false, None, exit::FAILED),
            (vec![Refused], true, None, exit::FAILED),
            (vec![Refused, Unmet], false, None, exit::INFRASTRUCTURE),
            (vec![Errored], true, Some(Interrupt::Int), exit::INTERRUPTED),
            (vec![Passed], false, Some(Interrupt::Term), exit::TERMINATED),
        ] {
            assert_eq!(
                exit_code(&outcomes, trouble, interrupted),
                expected,
                "{outcomes:?} {trouble} {interrupted:?}"
            );
        }
    }
}
