//! What the options of a test and those of its module come to together. Pure.

use std::time::Duration;

use crate::registry::{Marks, Xfail};

/// How the harness treats one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Treatment {
    /// Whether the rest of the module runs when the test does not succeed.
    pub(super) abort_on_fail: bool,
    /// Whether it runs when the test fails as expected.
    pub(super) abort_on_xfail: bool,
    /// Whether `--no-deploy` skips the test.
    pub(super) skip_if_deployed: bool,
    /// Why the test is ignored, if it is; may be empty.
    pub(super) ignore: Option<&'static str>,
    /// The words by which it is selected.
    pub(super) tags: Vec<&'static str>,
    /// The test's own time limit.
    pub(super) timeout: Option<Duration>,
    /// Whether it is expected to fail.
    pub(super) xfail: Option<Xfail>,
    /// How many times it is tried again when it fails.
    pub(super) retries: u32,
}

impl Treatment {
    /// Puts the marks of a test and of its module together: what is on or listed in either counts; of two values the
    /// test's own wins.
    pub(super) fn new(test: &Marks, module: &Marks) -> Self {
        let mut tags = test.tags.to_vec();
        tags.extend(module.tags.iter().filter(|tag| !test.tags.contains(tag)));
        let xfail = test.xfail.or(module.xfail);
        Self {
            abort_on_fail: test.abort_on_fail || module.abort_on_fail,
            abort_on_xfail: test.abort_on_xfail || module.abort_on_xfail,
            skip_if_deployed: test.skip_if_deployed || module.skip_if_deployed,
            ignore: test.ignore.or(module.ignore),
            tags,
            timeout: test
                .timeout_ms
                .or(module.timeout_ms)
                .map(Duration::from_millis),
            xfail,
            // A failure that is expected is no reason to try again.
            retries: match xfail {
                Some(_) => 0,
                None => test.retries.or(module.retries).unwrap_or_default(),
            },
        }
    }

    /// Returns the tags, and the options that `-m` takes for tags.
    pub(super) fn marks(&self) -> Vec<&'static str> {
        let mut marks = self.tags.clone();
        marks.extend(self.abort_on_fail.then_some("abort_on_fail"));
        marks.extend(self.skip_if_deployed.then_some("skip_if_deployed"));
        marks.extend(self.xfail.map(|_| "xfail"));
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHY: Xfail = Xfail {
        reason: "why",
        strict: false,
    };

    #[test]
    fn what_a_module_says_holds_for_its_tests() {
        let module = Marks {
            abort_on_fail: true,
            abort_on_xfail: true,
            skip_if_deployed: true,
            ignore: Some("no cloud"),
            tags: &["slow"],
            timeout_ms: Some(5),
            xfail: None,
            retries: Some(2),
        };
        let treatment = Treatment::new(&Marks::NONE, &module);
        assert_eq!(
            treatment,
            Treatment {
                abort_on_fail: true,
                abort_on_xfail: true,
                skip_if_deployed: true,
                ignore: Some("no cloud"),
                tags: vec!["slow"],
                timeout: Some(Duration::from_millis(5)),
                xfail: None,
                retries: 2,
            }
        );
        assert_eq!(treatment, Treatment::new(&module, &Marks::NONE));
        assert_eq!(treatment, Treatment::new(&module, &module));
    }

    #[test]
    fn of_two_values_the_one_of_the_test_wins() {
        let module = Marks {
            tags: &["slow", "net"],
            timeout_ms: Some(5),
            xfail: Some(WHY),
            ignore: Some("no cloud"),
            ..Marks::NONE
        };
        let test = Marks {
            tags: &["net", "quick"],
            timeout_ms: Some(6),
            xfail: Some(Xfail {
                strict: true,
                ..WHY
            }),
            ignore: Some(""),
            ..Marks::NONE
        };
        let treatment = Treatment::new(&test, &module);
        assert_eq!(treatment.tags, ["net", "quick", "slow"]);
        assert_eq!(treatment.timeout, Some(Duration::from_millis(6)));
        assert_eq!(treatment.xfail.map(|xfail| xfail.strict), Some(true));
        assert_eq!(treatment.ignore, Some(""));
    }

    #[test]
    fn only_unexpected_failures_are_tried_again() {
        let retries = |test: Option<u32>, module: Option<u32>, xfail: Option<Xfail>| {
            let test = Marks {
                retries: test,
                xfail,
                ..Marks::NONE
            };
            let module = Marks {
                retries: module,
                ..Marks::NONE
            };
            Treatment::new(&test, &module).retries
        };
        assert_eq!(retries(None, None, None), 0);
        assert_eq!(retries(None, Some(2), None), 2);
        assert_eq!(retries(Some(0), Some(2), None), 0);
        assert_eq!(retries(None, Some(2), Some(WHY)), 0);
    }
}
