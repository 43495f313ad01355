//! The books of a run: what the events add up to, and the exit code that follows.

use std::collections::BTreeSet;
use std::time::Duration;

use super::event::{Event, Outcome};
use super::signals::Signal;
use crate::exit;

/// What a run adds up to so far.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Models that were announced and have not ended, with their modules.
    standing: BTreeSet<(String, String)>,
    kept: Vec<String>,
    left: Vec<(String, String)>,
    clouds: Vec<LeftCloud>,
    /// What was said of fixtures that could not be torn down.
    fixtures: Vec<String>,
    /// The files of charms that were packed before and taken.
    prebuilt: BTreeSet<String>,
    unsuccessful: usize,
    flaky: Vec<String>,
    /// What tests that passed remarked.
    notes: Vec<String>,
    started: BTreeSet<String>,
    /// The tests that have ended, with what became of them and how long they took.
    finished: Vec<(String, Outcome, Duration)>,
    /// What is called to remove by hand what is left: `juju`, or the embedded one.
    juju: Option<&'static str>,
}

/// A cloud that could not be removed.
#[derive(Debug)]
struct LeftCloud {
    name: String,
    controller: String,
    why: String,
}

impl Ledger {
    /// Enters an event.
    pub(super) fn enter(&mut self, event: &Event) {
        match event {
            Event::RunStarted { backend, .. } if backend == "embedded" => {
                self.juju = Some("cargo charmtest juju");
            }
            Event::ModelNamed { module, model } => {
                self.standing.insert((module.clone(), model.clone()));
            }
            Event::ModelKept { module, model, .. } => {
                self.ended(module, model);
                if !self.kept.contains(model) {
                    self.kept.push(model.clone());
                }
            }
            Event::ModelDestroyed { module, model, .. } => {
                self.ended(module, model);
                // A test may have taken a model twice and let one of them be destroyed.
                self.kept.retain(|kept| kept != model);
            }
            Event::ModelLeft { module, model, why } => {
                self.ended(module, model);
                self.left.push((model.clone(), why.clone()));
            }
            Event::CloudLeft {
                cloud,
                controller,
                why,
                ..
            } => self.clouds.push(LeftCloud {
                name: cloud.clone(),
                controller: controller.clone(),
                why: why.clone(),
            }),
            Event::PrebuiltCharm { file } => {
                self.prebuilt.insert(file.clone());
            }
            Event::TestStarted { test } => {
                self.started.insert(test.clone());
            }
            Event::FixtureLeft { fixture, of, why } => self.fixtures.push(format!(
                "error: fixture `{fixture}` of {of} could not be torn down: {why}"
            )),
            Event::TestFinished {
                test,
                outcome,
                duration_ms,
                message,
                ..
            } => {
                self.unsuccessful += usize::from(!Outcome::is_success(*outcome));
                let took = Duration::from_millis(*duration_ms);
                self.finished.push((test.clone(), *outcome, took));
                if let (Outcome::Passed, Some(note)) = (outcome, message) {
                    self.notes.push(format!("note: {test}: {note}"));
                }
                if *outcome == Outcome::Flaky {
                    let how = message.as_deref().unwrap_or_default();
                    self.flaky.push(format!("warning: {test} is flaky: {how}"));
                }
            }
            _ => {}
        }
    }

    fn ended(&mut self, module: &str, model: &str) {
        self.standing.remove(&(module.to_owned(), model.to_owned()));
    }

    fn leaves_something(&self) -> bool {
        !(self.left.is_empty()
            && self.standing.is_empty()
            && self.clouds.is_empty()
            && self.fixtures.is_empty())
    }

    /// Returns the exit code of the test binary.
    ///
    /// It is counted from the events and not from what was printed: a run in which something was aborted, or a model was
    /// left, never succeeds.
    pub(super) fn exit_code(&self, interrupt: Option<Signal>) -> u8 {
        if let Some(signal) = interrupt {
            return signal.exit_code();
        }
        if self.unsuccessful > 0 || self.leaves_something() {
            return exit::TEST_FAILED;
        }
        exit::SUCCESS
    }

    /// Returns the files of charms that were packed before and taken.
    pub(super) fn prebuilt(&self) -> &BTreeSet<String> {
        &self.prebuilt
    }

    /// Returns how long the tests took that were started.
    pub(super) fn durations(&self) -> Vec<(String, Duration)> {
        let started = self
            .finished
            .iter()
            .filter(|(test, ..)| self.started.contains(test));
        started
            .map(|(test, _, took)| (test.clone(), *took))
            .collect()
    }

    /// Returns what became of the tests that ran or were kept from it by a failure; not of those that the user left out.
    pub(super) fn outcomes(&self) -> Vec<(String, Outcome)> {
        let ran = self.finished.iter().filter(|(test, outcome, _)| {
            self.started.contains(test) || !Outcome::is_success(*outcome)
        });
        ran.map(|(test, outcome, _)| (test.clone(), *outcome))
            .collect()
    }

    /// Returns the lines about notes, about flaky tests, and about models and clouds that are still there with the commands that remove them.
    pub(super) fn closing_lines(&self) -> Vec<String> {
        let juju = self.juju.unwrap_or("juju");
        let kept = self
            .kept
            .iter()
            .map(|model| format!("model {model} was kept; `{juju} status -m {model}` shows it"));
        let left = self
            .left
            .iter()
            .map(|(model, why)| format!("error: model {model} could not be destroyed: {why}"));
        let standing = self
            .standing
            .iter()
            .map(|(_, model)| format!("error: model {model} was left behind"));
        let clouds = self.clouds.iter().map(|cloud| {
            format!(
                "error: cloud {} could not be removed: {}",
                cloud.name, cloud.why
            )
        });
        let remarks = self.notes.iter().chain(&self.flaky).cloned();
        let told = remarks
            .chain(kept)
            .chain(left)
            .chain(standing)
            .chain(clouds);
        let told = told.chain(self.fixtures.iter().cloned());
        told.chain(self.advice()).collect()
    }

    /// Returns how to remove what is left.
    fn advice(&self) -> Vec<String> {
        let juju = self.juju.unwrap_or("juju");
        let left = self.left.iter().map(|(model, _)| model);
        let models = left.chain(self.standing.iter().map(|(_, model)| model));
        let mut lines: Vec<String> = models
            .map(|model| {
                format!("  {juju} destroy-model --no-prompt --force --destroy-storage {model}")
            })
            .collect();
        if !lines.is_empty() {
            lines.insert(
                0,
                "to remove what was left: `cargo charmtest clean`, or".to_owned(),
            );
        } else if !self.clouds.is_empty() {
            lines.push("to remove what was left:".to_owned());
        }
        lines.extend(self.clouds.iter().map(|cloud| {
            format!(
                "  {juju} remove-cloud {} --controller {}",
                cloud.name, cloud.controller
            )
        }));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(outcome: Outcome) -> Event {
        Event::TestFinished {
            test: "m::t".to_owned(),
            outcome,
            duration_ms: 0,
            message: None,
            location: None,
            cause: None,
            evidence: None,
        }
    }

    fn model(make: impl Fn(String, String) -> Event) -> Event {
        make("m".to_owned(), "m-abcd".to_owned())
    }

    fn named() -> Event {
        model(|module, model| Event::ModelNamed { module, model })
    }

    fn left() -> Event {
        model(|module, model| Event::ModelLeft {
            module,
            model,
            why: "no answer".to_owned(),
        })
    }

    fn destroyed() -> Event {
        model(|module, model| Event::ModelDestroyed {
            module,
            model,
            why: String::new(),
        })
    }

    fn kept() -> Event {
        model(|module, model| Event::ModelKept {
            module,
            model,
            why: String::new(),
        })
    }

    #[test]
    fn exit_codes_follow_the_events() {
        let cases: [(&[Event], Option<Signal>, u8); 13] = [
            (&[], None, 0),
            (
                &[finished(Outcome::Passed), finished(Outcome::Skipped)],
                None,
                0,
            ),
            (&[finished(Outcome::Skipped)], None, 0),
            (
                &[
                    finished(Outcome::Flaky),
                    finished(Outcome::Xfailed),
                    finished(Outcome::Xpassed),
                ],
                None,
                0,
            ),
            (
                &[finished(Outcome::Xfailed), finished(Outcome::Aborted)],
                None,
                101,
            ),
            (&[finished(Outcome::Failed)], None, 101),
            (&[finished(Outcome::Aborted)], None, 101),
            (&[finished(Outcome::TimedOut)], None, 101),
            (&[finished(Outcome::Errored)], None, 101),
            (&[named(), left()], None, 101),
            (&[named(), destroyed(), named(), kept()], None, 0),
            (&[finished(Outcome::Failed)], Some(Signal::Interrupt), 130),
            (&[finished(Outcome::Passed)], Some(Signal::Terminate), 143),
        ];
        for (events, interrupt, expected) in cases {
            let mut ledger = Ledger::default();
            events.iter().for_each(|event| ledger.enter(event));
            assert_eq!(
                ledger.exit_code(interrupt),
                expected,
                "{events:?} {interrupt:?}"
            );
        }
    }

    #[test]
    fn flaky_tests_are_named_at_the_end() {
        let mut ledger = Ledger::default();
        ledger.enter(&finished(Outcome::Passed));
        ledger.enter(&finished(Outcome::Flaky));
        assert_eq!(ledger.closing_lines(), ["warning: m::t is flaky: "]);
    }

    #[test]
    fn what_did_not_run_is_no_result() {
        let event = |test: &str, outcome, duration_ms| {
            let mut event = finished(outcome);
            if let Event::TestFinished {
                test: name,
                duration_ms: took,
                ..
            } = &mut event
            {
                *name = test.to_owned();
                *took = duration_ms;
            }
            event
        };
        let mut ledger = Ledger::default();
        for test in ["passes", "skips"] {
            ledger.enter(&Event::TestStarted {
                test: test.to_owned(),
            });
        }
        ledger.enter(&event("passes", Outcome::Passed, 1_500));
        ledger.enter(&event("skips", Outcome::Skipped, 0));
        ledger.enter(&event("ignored", Outcome::Skipped, 0));
        ledger.enter(&event("aborted", Outcome::Aborted, 0));
        let outcomes = ledger.outcomes();
        let names: Vec<_> = outcomes.iter().map(|(test, _)| test.as_str()).collect();
        assert_eq!(names, ["passes", "skips", "aborted"]);
        let durations = ledger.durations();
        assert_eq!(durations.len(), 2);
        assert_eq!(durations[0].1, Duration::from_millis(1_500));
    }

    #[test]
    fn models_that_are_still_there_are_named() {
        let lines = |events: &[Event]| {
            let mut ledger = Ledger::default();
            events.iter().for_each(|event| ledger.enter(event));
            ledger.closing_lines()
        };
        assert_eq!(lines(&[named(), destroyed()]), [""; 0]);
        assert_eq!(
            lines(&[named(), kept(), named(), kept()]),
            ["model m-abcd was kept; `juju status -m m-abcd` shows it"]
        );
        let advice = [
            "to remove what was left: `cargo charmtest clean`, or",
            "  juju destroy-model --no-prompt --force --destroy-storage m-abcd",
        ];
        let with_advice = |line| [[line].as_slice(), advice.as_slice()].concat();
        assert_eq!(
            lines(&[named()]),
            with_advice("error: model m-abcd was left behind")
        );
        assert_eq!(
            lines(&[named(), left()]),
            with_advice("error: model m-abcd could not be destroyed: no answer")
        );
        assert_eq!(lines(&[kept(), destroyed()]), [""; 0]);
        let second = model(|module, model| Event::ModelNamed {
            module,
            model: format!("{model}-2"),
        });
        assert_eq!(
            lines(&[named(), second, destroyed()])[0],
            "error: model m-abcd-2 was left behind"
        );
        let cloud = Event::CloudLeft {
            module: "m".to_owned(),
            cloud: "k".to_owned(),
            controller: "c".to_owned(),
            why: "no answer".to_owned(),
        };
        assert_eq!(
            lines(&[cloud]),
            [
                "error: cloud k could not be removed: no answer",
                "to remove what was left:",
                "  juju remove-cloud k --controller c",
            ]
        );
    }
}
