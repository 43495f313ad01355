//! What came of tests, for the record.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use charmtest::harness::Outcome as TestOutcome;
use charmtest_collection::{Job, Verdict};

use crate::report::FinishedTest;

/// What an outcome of the harness means; nothing for a test that did not run.
pub(super) fn verdict(outcome: TestOutcome) -> Option<Verdict> {
    Some(match outcome {
        TestOutcome::Passed | TestOutcome::Flaky | TestOutcome::Xfailed | TestOutcome::Xpassed => {
            Verdict::Pass
        }
        TestOutcome::Skipped => Verdict::Skip,
        TestOutcome::Failed => Verdict::Fail,
        TestOutcome::TimedOut => Verdict::Timeout,
        TestOutcome::Errored => Verdict::Infra,
        TestOutcome::Refused => Verdict::Refused,
        TestOutcome::Unmet => Verdict::Unmet,
        TestOutcome::Aborted => return None,
    })
}

/// What tests printed.
pub(super) struct Logs<'a> {
    pub(super) directory: &'a Path,
    pub(super) attempt: u32,
}

impl Logs<'_> {
    /// Keeps what a test said; returns the file, relative to the directory.
    pub(super) fn write(&self, job: &Job, test: &FinishedTest) -> Option<String> {
        let mut text = String::new();
        if let Some(message) = &test.message {
            let _ = writeln!(text, "{message}");
        }
        for line in &test.output {
            let _ = writeln!(text, "{line}");
        }
        if text.is_empty() {
            return None;
        }
        let letter = |letter: char| {
            if letter.is_ascii_alphanumeric() || ".-_@".contains(letter) {
                letter
            } else {
                '_'
            }
        };
        let name: String = job.id().chars().map(letter).collect();
        let file = format!("logs/{name}.{}.log", self.attempt);
        let path = self.directory.join(&file);
        let written =
            fs::create_dir_all(self.directory.join("logs")).and_then(|()| fs::write(path, text));
        written.is_ok().then_some(file)
    }
}
