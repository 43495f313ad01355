//! Suites made at run time: tests that a program makes of something else than functions under `#[charm_test]`.

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use super::context::Context;
use super::entry::{self, Tests};
use super::progress::millis;
use crate::registry::{BoxFuture, Marks, Run, TestEntry};

/// Tests that were made at run time, to be run by [`run_suite`].
#[derive(Debug)]
pub struct Suite {
    package: &'static str,
    target: &'static str,
    tests: Vec<SuiteTest>,
}

/// One test of a [`Suite`].
pub struct SuiteTest {
    module: String,
    name: String,
    place: String,
    tags: Vec<String>,
    timeout: Option<Duration>,
    run: Run,
}

impl Suite {
    /// Makes a suite; `package` and `target` stand for the names of a package and of its test target.
    ///
    /// Modules run in the order of their first tests, and the tests of a module in the order of `tests`. No two tests may have the
    /// same module and name. What the suite is made of stays in memory as long as the process lives: make one.
    #[must_use]
    pub fn new(package: &str, target: &str, tests: Vec<SuiteTest>) -> Self {
        Self {
            package: leak(package),
            target: leak(target),
            tests,
        }
    }

    /// Returns the tests as the registry holds those of a test target.
    fn entries(self) -> Vec<&'static TestEntry> {
        let Self {
            package,
            target,
            tests,
        } = self;
        let entry = |(at, test): (usize, SuiteTest)| {
            let tags: Vec<&'static str> = test.tags.iter().map(|tag| leak(tag)).collect();
            let entry = TestEntry {
                module_path: leak(&format!("{target}::{}", test.module)),
                name: leak(&test.name),
                case: None,
                file: leak(&test.place),
                line: 0,
                column: 0,
                package,
                order: Some(i32::try_from(at).unwrap_or(i32::MAX)),
                marks: Marks {
                    tags: tags.leak(),
                    timeout_ms: test.timeout.map(millis),
                    ..Marks::NONE
                },
                needs: |_| {},
                run: test.run,
            };
            &*Box::leak(Box::new(entry))
        };
        tests.into_iter().enumerate().map(entry).collect()
    }
}

impl SuiteTest {
    /// Makes the test `MODULE::NAME`, which `run` runs; `place` is the file or directory that it is made of.
    ///
    /// `run` may be called more than once.
    #[must_use]
    pub fn new(
        module: impl Into<String>,
        name: impl Into<String>,
        place: impl Into<String>,
        run: impl for<'a> Fn(&'a Context) -> BoxFuture<'a> + Sync + 'static,
    ) -> Self {
        Self {
            module: module.into(),
            name: name.into(),
            place: place.into(),
            tags: Vec::new(),
            timeout: None,
            run: Box::leak(Box::new(run)),
        }
    }

    /// Gives the test a time limit of its own instead of `--test-timeout`.
    #[must_use]
    pub fn timeout(self, limit: Duration) -> Self {
        Self {
            timeout: Some(limit),
            ..self
        }
    }

    /// Adds a word by which `-m` and `-k` select the test.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }
}

impl fmt::Debug for SuiteTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SuiteTest")
            .field("module", &self.module)
            .field("name", &self.name)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Runs a suite as a test binary runs its tests: `arguments`, the program's name first, and the environment mean the same.
///
/// So it also lists and describes the tests, and writes events for a program that starts it.
#[must_use]
pub fn run_suite(suite: Suite, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (package, target) = (suite.package, suite.target);
    let tests = Tests::Made(suite.entries());
    entry::main_with(arguments.into_iter(), package, target, &tests)
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Plan, Selection};
    use super::*;

    #[test]
    fn a_suite_keeps_its_order() {
        let test = |module: &str, name: &str| {
            SuiteTest::new(module, name, "charms/x", |_| Box::pin(async { Ok(()) }))
        };
        let tests = vec![
            test("web", "deploy").tag("generic"),
            test("web", "10.test").timeout(Duration::from_secs(3)),
            test("db@22.04", "deploy"),
            test("web", "9.test"),
        ];
        let entries = Suite::new("charms", "generic", tests).entries();
        let mut plan = Plan::new(entries, [], &Selection::default());
        plan.in_order_of_tests();
        let described = plan.describe("charms", "generic");
        let tests = described.modules.iter().flat_map(|module| &module.tests);
        let names: Vec<&str> = tests.clone().map(|test| test.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "web::deploy",
                "web::10.test",
                "web::9.test",
                "db@22.04::deploy"
            ]
        );
        let limits: Vec<_> = tests.map(|test| test.timeout_s).collect();
        assert_eq!(limits, [None, Some(3), None, None]);
        assert_eq!(described.modules[0].tests[0].tags, ["generic"]);
    }
}
