//! The report of plain `cargo test`, and of nextest: libtest-mimic prints, our scheduler runs.
//!
//! Each trial of libtest-mimic only waits for the verdict that the scheduler sends it. libtest-mimic runs the trials in the
//! main thread, one by one in plan order, so that what it prints does not depend on how many modules run side by side.
//! This is the only file that knows libtest-mimic.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};

use libtest_mimic::{Arguments, ColorSetting, Completion, Failed, FormatSetting, Trial};

use super::failure_text::failure_text;
use super::lines;
use crate::harness::args::{ColorArg, FormatArg};
use crate::harness::event::{Event, Outcome};
use crate::harness::plan::{Choice, Plan};

/// How to print.
#[derive(Clone, Debug)]
pub(in crate::harness) struct Style {
    pub(in crate::harness) format: Option<FormatArg>,
    pub(in crate::harness) color: Option<ColorArg>,
    pub(in crate::harness) logfile: Option<PathBuf>,
}

/// The part of the report that prints; it stays in the main thread.
pub(in crate::harness) struct Printer {
    arguments: Arguments,
    trials: Vec<Trial>,
}

/// The part of the report that hears of events; the scheduler owns it.
///
/// Dropping it ends every wait of the printer, so that a fault in the scheduler cannot hang the run.
pub(in crate::harness) struct Desk {
    verdicts: Mutex<BTreeMap<String, mpsc::Sender<Verdict>>>,
    waits: Mutex<BTreeMap<String, u64>>,
    /// The tests that failed as expected: a test that one of them aborted is the first that looks like a failure.
    xfailed: Mutex<BTreeSet<String>>,
}

type Verdict = Result<Completion, Failed>;

/// How often a wait that goes on is mentioned.
const WAIT_NOTE_MS: u64 = 30_000;

/// Makes the two parts of the report on a plan.
pub(in crate::harness) fn report(plan: &Plan, style: &Style) -> (Printer, Desk) {
    let mut verdicts = BTreeMap::new();
    let mut trials = Vec::new();
    let mut filtered_out = Vec::new();
    for test in plan.tests() {
        if test.choice == Choice::FilteredOut {
            filtered_out.push(test.name.clone());
        }
        let (sender, receiver) = mpsc::channel();
        verdicts.insert(test.name.clone(), sender);
        trials.push(Trial::ignorable_test(test.name.clone(), move || {
            let verdict: Result<Verdict, _> = receiver.recv();
            verdict.unwrap_or_else(|_| Err("the scheduler lost this test".into()))
        }));
    }
    let arguments = Arguments {
        // The selection is ours; libtest-mimic only counts what was filtered out.
        exact: true,
        skip: filtered_out,
        test_threads: Some(1),
        logfile: style
            .logfile
            .as_ref()
            .map(|path| path.display().to_string()),
        color: style.color.map(|color| match color {
            ColorArg::Auto => ColorSetting::Auto,
            ColorArg::Always => ColorSetting::Always,
            ColorArg::Never => ColorSetting::Never,
        }),
        format: style.format.map(|format| match format {
            FormatArg::Pretty => FormatSetting::Pretty,
            FormatArg::Terse => FormatSetting::Terse,
            FormatArg::Json => FormatSetting::Json,
        }),
        ..Arguments::default()
    };
    let desk = Desk {
        verdicts: Mutex::new(verdicts),
        waits: Mutex::default(),
        xfailed: Mutex::default(),
    };
    (Printer { arguments, trials }, desk)
}

impl Printer {
    /// Prints the report while the scheduler sends its verdicts; returns when the last one is printed.
    pub(in crate::harness) fn print(self) {
        // The exit code is counted from the events: what libtest-mimic concludes knows nothing of aborted tests and models.
        let _ = libtest_mimic::run(&self.arguments, self.trials);
    }
}

impl Desk {
    /// Hears of an event.
    pub(in crate::harness) fn hear(&self, event: &Event) {
        match event {
            Event::RunStarted { why, .. } => lines::note(why),
            Event::ModelNamed { module, model } => {
                lines::note(&format!("model {model} for module {module}"))
            }
            Event::CrashDump { model, path, .. } => {
                lines::note(&format!("crash dump of model {model}: {path}"));
            }
            Event::Warning { message } => lines::note(&format!("warning: {message}")),
            Event::Waiting {
                test,
                what,
                elapsed_ms,
                ..
            } => self.note_wait(test, what, *elapsed_ms),
            Event::TestRetried {
                test,
                attempt,
                attempts,
                message,
                location,
                evidence,
                ..
            } => {
                let why = failure_text(message.as_deref(), location.as_deref(), evidence.as_ref());
                lines::note(&format!(
                    "{test} failed at attempt {attempt} of {attempts} and is tried again: {why}"
                ));
            }
            Event::TestFinished { test, .. } => self.deliver(test, event),
            _ => {}
        }
    }

    fn deliver(&self, test: &str, event: &Event) {
        let sender = self
            .verdicts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(test);
        let mut xfailed = self.xfailed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_blamed = |test: &str| !xfailed.contains(test);
        let verdict = verdict(event, is_blamed);
        if matches!(event, Event::TestFinished { outcome, .. } if *outcome == Outcome::Xfailed) {
            xfailed.insert(test.to_owned());
        }
        if let (Some(sender), Some(verdict)) = (sender, verdict) {
            // Nobody waits for the verdict any more only if printing failed; the run goes on to its tear-down.
            let _ = sender.send(verdict);
        }
    }

    fn note_wait(&self, test: &str, what: &str, elapsed_ms: u64) {
        let step = elapsed_ms / WAIT_NOTE_MS;
        let earlier = self
            .waits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(test.to_owned(), step);
        if step > earlier.unwrap_or(0) {
            lines::note(&format!(
                "{test}: waiting for {what} ({} s)",
                elapsed_ms / 1_000
            ));
        }
    }
}

/// Returns what libtest-mimic prints about a test that finished; `is_blamed` says whether a test is shown as failed.
fn verdict(event: &Event, is_blamed: impl Fn(&str) -> bool) -> Option<Verdict> {
    let Event::TestFinished {
        outcome,
        message,
        location,
        cause,
        evidence,
        ..
    } = event
    else {
        return None;
    };
    let message = message.as_deref();
    let failed = || {
        Failed::from(failure_text(
            message,
            location.as_deref(),
            evidence.as_ref(),
        ))
    };
    Some(match outcome {
        // A flaky test is named again at the end of the run.
        Outcome::Passed | Outcome::Flaky => Ok(Completion::Completed),
        Outcome::Failed
        | Outcome::TimedOut
        | Outcome::Errored
        | Outcome::Refused
        | Outcome::Unmet => Err(failed()),
        // An aborted test without a failed test as its cause is the one that was running when the run was interrupted, or
        // comes after one that failed as expected: shown as a failure, so that nobody reads "test result: ok".
        Outcome::Aborted if !cause.as_deref().is_some_and(is_blamed) => Err(failed()),
        Outcome::Skipped | Outcome::Aborted => Ok(match message {
            Some(reason) => Completion::ignored_with(reason),
            None => Completion::ignored(),
        }),
        // libtest knows no such outcomes; the words are pytest's.
        Outcome::Xfailed => Ok(expected("xfailed", message)),
        Outcome::Xpassed => Ok(expected("xpassed", message)),
    })
}

fn expected(outcome: &str, reason: Option<&str>) -> Completion {
    Completion::ignored_with(match reason {
        Some(reason) => format!("{outcome}: {reason}"),
        None => outcome.to_owned(),
    })
}
