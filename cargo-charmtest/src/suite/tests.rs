//! The test binary of a suite.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use charmtest::generic::Subject;
use charmtest::harness::{Suite, SuiteTest, run_suite};

use super::file::{SuiteCharm, SuiteFile};
use super::run::PACKAGE;
use super::scripts::script_tests;
use super::{SUITE_COMMAND, SUITE_VARIABLE};
use crate::error::{Error, Kind};
use crate::report::say;

/// Runs the suite that the environment names, with the arguments of a test binary.
pub(crate) fn main(arguments: Vec<OsString>) -> ExitCode {
    let file = match std::env::var_os(SUITE_VARIABLE) {
        Some(path) => SuiteFile::read(Path::new(&path)),
        None => Err(Error::new(
            Kind::Usage,
            format!("{SUITE_VARIABLE} names no suite"),
        )),
    };
    match file {
        Ok(file) => {
            let tests = tests(&file);
            let suite = Suite::new(PACKAGE, &file.name, tests);
            let program = OsString::from(SUITE_COMMAND);
            run_suite(suite, std::iter::once(program).chain(arguments))
        }
        Err(error) => {
            say(&error.to_string());
            ExitCode::from(error.exit_code())
        }
    }
}

/// Returns the tests of a suite in their order: those of one charm after those of another, the generic ones first.
fn tests(suite: &SuiteFile) -> Vec<SuiteTest> {
    let charms = suite.charms.iter();
    charms
        .flat_map(|charm| generic_tests(charm).chain(script_tests(charm)))
        .collect()
}

fn generic_tests(charm: &SuiteCharm) -> impl Iterator<Item = SuiteTest> {
    let mut subject = Subject::new(&charm.path).require(charm.require);
    if let Some(previous) = &charm.previous {
        subject = subject.previous(previous);
    }
    let subject = Arc::new(charm.partners.iter().fold(subject, Subject::partner));
    charm.generic.iter().map(move |&generic| {
        let subject = Arc::clone(&subject);
        SuiteTest::new(&charm.module, generic.id(), charm.place(None), move |cx| {
            let subject = Arc::clone(&subject);
            Box::pin(async move { generic.run(&subject, cx).await })
        })
        .tag("generic")
    })
}
