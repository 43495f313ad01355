//! The events of a run: the only definition, written by the harness and read by `cargo charmtest`.

use serde::{Deserialize, Serialize};

/// What begins an event line on standard output; everything else there is output of the running test.
pub const EVENT_PREFIX: &str = "\u{1}charmtest ";

/// Something that happened in a run of one test binary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The backend was chosen; sent when the first model is needed.
    RunStarted {
        /// `embedded` or `juju`.
        backend: String,
        /// The version that the backend's `juju` reports.
        version: String,
        /// Why this backend.
        why: String,
    },
    /// A module begins; its tests follow, one after another.
    ModuleStarted {
        /// The module.
        module: String,
    },
    /// A model has a name; sent before the model is made, so that it can be found whatever happens.
    ModelNamed {
        /// The module.
        module: String,
        /// The model.
        model: String,
    },
    /// The model is there.
    ModelReady {
        /// The module.
        module: String,
        /// The model.
        model: String,
    },
    /// A test begins.
    TestStarted {
        /// The test's full name.
        test: String,
    },
    /// The running test waits for something.
    Waiting {
        /// The test's full name.
        test: String,
        /// What it waits for.
        what: String,
        /// How long it has waited.
        elapsed_ms: u64,
        /// How long it will wait at most; without it, for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit_ms: Option<u64>,
    },
    /// An attempt of a test with `retries` did not succeed, and the test is tried again.
    TestRetried {
        /// The test's full name.
        test: String,
        /// The number of the attempt that ended, counted from 1.
        attempt: u32,
        /// How many attempts there are at most.
        attempts: u32,
        /// How the attempt ended.
        outcome: Outcome,
        /// How long it ran.
        duration_ms: u64,
        /// Why it did not succeed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// `FILE:LINE:COLUMN` of the failure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
        /// What was captured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<Evidence>,
    },
    /// A test has its outcome; sent exactly once for each selected test.
    TestFinished {
        /// The test's full name.
        test: String,
        /// The outcome.
        outcome: Outcome,
        /// How long the test ran, set-up of its model and all attempts included.
        duration_ms: u64,
        /// Why it did not pass: the error with its causes, or the reason why it did not run; of a test that passed, its note.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// `FILE:LINE:COLUMN` of the failure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
        /// The test that aborted this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
        /// What was captured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<Evidence>,
    },
    /// A model stays, as asked for.
    ModelKept {
        /// The module.
        module: String,
        /// The model.
        model: String,
        /// Why it stays.
        why: String,
    },
    /// A model is gone.
    ModelDestroyed {
        /// The module.
        module: String,
        /// The model.
        model: String,
        /// Why it was destroyed.
        why: String,
    },
    /// A model should be gone and may still be there.
    ModelLeft {
        /// The module.
        module: String,
        /// The model.
        model: String,
        /// What prevented its destruction.
        why: String,
    },
    /// A cloud that a test added should be gone and may still be there.
    CloudLeft {
        /// The module.
        module: String,
        /// The cloud.
        cloud: String,
        /// The controller that it was added to.
        controller: String,
        /// What prevented its removal.
        why: String,
    },
    /// The tear-down of a fixture failed: what the fixture made may still be there.
    FixtureLeft {
        /// The fixture.
        fixture: String,
        /// Whose it was: ``test `m::t` ``, ``module `m` `` or `the run`.
        of: String,
        /// What went wrong.
        why: String,
    },
    /// A crash dump of a model was made.
    CrashDump {
        /// The module.
        module: String,
        /// The model.
        model: String,
        /// The archive.
        path: String,
    },
    /// A charm that was packed before the run was taken for one that a test builds.
    PrebuiltCharm {
        /// The file.
        file: String,
    },
    /// Something that the user should know and that fails no test.
    Warning {
        /// The text.
        message: String,
    },
    /// A module is done, tear-down included.
    ModuleFinished {
        /// The module.
        module: String,
    },
}

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It ran to its end.
    Passed,
    /// It failed, and passed when it was tried again.
    Flaky,
    /// It returned an error or panicked, or passed in spite of a strict `xfail`.
    Failed,
    /// It failed as `xfail` says.
    Xfailed,
    /// It passed in spite of an `xfail` that is not strict.
    Xpassed,
    /// It did not run, or asked to be skipped.
    Skipped,
    /// It did not run because an earlier test of its module failed.
    Aborted,
    /// It ran longer than its limit.
    TimedOut,
    /// Something that it stands on could not be set up.
    Errored,
    /// A policy does not let it run.
    Refused,
    /// What it requires of the machine is not there and cannot be had.
    Unmet,
}

impl Outcome {
    /// Returns whether the test itself failed, or what it stands on did: what `--maxfail` counts.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::TimedOut | Self::Errored | Self::Unmet
        )
    }

    /// Returns whether a run with this outcome can still succeed.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(
            self,
            Self::Passed | Self::Flaky | Self::Xfailed | Self::Xpassed | Self::Skipped
        )
    }
}

/// What was captured when a test failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The directory that holds the captured files; empty if it could not be made.
    pub directory: String,
    /// The few lines that matter most: units in trouble, the last errors of the log.
    #[serde(default)]
    pub highlights: Vec<String>,
}

impl Event {
    /// Returns the event as one line, line break included.
    #[must_use]
    pub fn to_line(&self) -> String {
        let json = serde_json::to_string(self).expect("an event has only string keys");
        format!("{EVENT_PREFIX}{json}\n")
    }

    /// Splits a line of a test binary's standard output into what the test wrote and the event that follows it.
    ///
    /// A test may have written text without a line break just before the event. A line that looks like an event and is none
    /// counts as output of the test.
    // Inline, so that only the crates that call it compile the code that reads events: test authors do not.
    #[inline]
    #[must_use]
    pub fn split_line(line: &str) -> (&str, Option<Self>) {
        let Some(at) = line.rfind(EVENT_PREFIX) else {
            return (line, None);
        };
        match serde_json::from_str(&line[at + EVENT_PREFIX.len()..]) {
            Ok(event) => (&line[..at], Some(event)),
            Err(_) => (line, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> Event {
        Event::TestStarted {
            test: "relations::deploy".to_owned(),
        }
    }

    #[test]
    fn an_event_is_one_line_that_reads_back() {
        let line = started().to_line();
        assert_eq!(
            line,
            "\u{1}charmtest {\"event\":\"test_started\",\"test\":\"relations::deploy\"}\n"
        );
        assert_eq!(Event::split_line(line.trim_end()), ("", Some(started())));
    }

    #[test]
    fn text_before_an_event_belongs_to_the_test() {
        let line = format!("no line break{}", started().to_line());
        assert_eq!(
            Event::split_line(line.trim_end()),
            ("no line break", Some(started()))
        );
    }

    #[test]
    fn what_is_no_event_is_output() {
        for line in [
            "plain",
            "\u{1}charmtest {",
            "\u{1}charmtest {\"event\":\"unheard_of\"}",
        ] {
            assert_eq!(Event::split_line(line), (line, None));
        }
    }

    #[test]
    fn absent_details_are_left_out() {
        let line = Event::TestFinished {
            test: "t".to_owned(),
            outcome: Outcome::TimedOut,
            duration_ms: 7,
            message: None,
            location: None,
            cause: None,
            evidence: None,
        }
        .to_line();
        let json = "{\"event\":\"test_finished\",\"test\":\"t\",\"outcome\":\"timed_out\",\"duration_ms\":7}";
        assert_eq!(line, format!("{EVENT_PREFIX}{json}\n"));
    }
}
