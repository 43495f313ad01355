//! The books of a run: what the events add up to, and the exit code that follows.

use std::collections::BTreeMap;

use super::event::{Event, Outcome};
use super::signals::Signal;
use crate::exit;

/// What a run adds up to so far.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Models that were announced and have not ended, by their module.
    standing: BTreeMap<String, String>,
    kept: Vec<String>,
    left: Vec<(String, String)>,
    unsuccessful: usize,
    flaky: Vec<String>,
}

impl Ledger {
    /// Enters an event.
    pub(super) fn enter(&mut self, event: &Event) {
        match event {
            Event::ModelNamed { module, model } => {
                self.standing.insert(module.clone(), model.clone());
            }
            Event::ModelKept { module, model, .. } => {
                self.standing.remove(module);
                if !self.kept.contains(model) {
                    self.kept.push(model.clone());
                }
            }
            Event::ModelDestroyed { module, .. } => {
                self.standing.remove(module);
            }
            Event::ModelLeft { module, model, why } => {
                self.standing.remove(module);
                self.left.push((model.clone(), why.clone()));
            }
            Event::TestFinished {
                test,
                outcome,
                message,
                ..
            } => {
                self.unsuccessful += usize::from(!Outcome::is_success(*outcome));
                if *outcome == Outcome::Flaky {
                    let how = message.as_deref().unwrap_or_default();
                    self.flaky.push(format!("warning: {test} is flaky: {how}"));
                }
            }
            _ => {}
        }
    }

    /// Returns the exit code of the test binary.
    ///
    /// It is counted from the events and not from what was printed: a run in which something was aborted, or a model was
    /// left, never succeeds.
    pub(super) fn exit_code(&self, interrupt: Option<Signal>) -> u8 {
        if let Some(signal) = interrupt {
            return signal.exit_code();
        }
        if self.unsuccessful > 0 || !self.left.is_empty() || !self.standing.is_empty() {
            return exit::TEST_FAILED;
        }
        exit::SUCCESS
    }

    /// Returns the lines about flaky tests and about models that are still there.
    pub(super) fn closing_lines(&self) -> Vec<String> {
        let kept = self
            .kept
            .iter()
            .map(|model| format!("model {model} was kept"));
        let left = self
            .left
            .iter()
            .map(|(model, why)| format!("error: model {model} could not be destroyed: {why}"));
        let standing = self
            .standing
            .values()
            .map(|model| format!("error: model {model} was left behind"));
        let flaky = self.flaky.iter().cloned();
        flaky.chain(kept).chain(left).chain(standing).collect()
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
    fn models_that_are_still_there_are_named() {
        let lines = |events: &[Event]| {
            let mut ledger = Ledger::default();
            events.iter().for_each(|event| ledger.enter(event));
            ledger.closing_lines()
        };
        assert_eq!(lines(&[named(), destroyed()]), [""; 0]);
        assert_eq!(
            lines(&[named(), kept(), named(), kept()]),
            ["model m-abcd was kept"]
        );
        assert_eq!(lines(&[named()]), ["error: model m-abcd was left behind"]);
        assert_eq!(
            lines(&[named(), left()]),
            ["error: model m-abcd could not be destroyed: no answer"]
        );
    }
}
