//! What a program reads of a run: JSON lines, the first of which says what was to run, then one for each attempt of a test, and a last one.
//!
//! The fields that a line of a watched delta has too (`charmtest_collection::Outcome`) are called as there.

use std::collections::{BTreeMap, BTreeSet};

use charmtest::harness::Outcome;
use charmtest_collection as collection;
use charmtest_collection::{Fate, Job, JunitCase, JunitSuite, Verdict};
use serde::{Deserialize, Serialize};

/// The version of the form of the lines.
pub(crate) const FORM: u32 = 1;

/// A line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub(crate) enum Line {
    /// A run begins.
    Run(Box<Header>),
    /// An attempt of a test is over.
    Test(Box<TestRecord>),
    /// The run is over.
    End(End),
}

/// What was to run, where, and in which form it is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The form of the lines: [`FORM`].
    pub(crate) charmtest: u32,
    /// The command: `run`, `generic`, `scripts`, `replay`, or `report` for what was merged.
    pub(crate) command: String,
    /// The name of the machine.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) node: String,
    /// When it began.
    pub(crate) started: String,
    /// The commit that is checked out where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
    /// The delta that is tested again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delta: Option<String>,
    /// Which part of the modules this run has, as `count:1/4`; all without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) partition: Option<String>,
    /// The versions of the programs, and the host.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tools: BTreeMap<String, String>,
    /// All that was selected, those of other parts included.
    pub(crate) modules: Vec<PlannedModule>,
}

/// A module with its tests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct PlannedModule {
    /// The package; `charms` for what is no test target.
    pub(crate) package: String,
    /// The test target; the command for what is none.
    pub(crate) target: String,
    /// The module, or the charm.
    pub(crate) module: String,
    /// What was chosen that the same tests may be run with twice: the backend, and its Juju.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) variant: BTreeMap<String, String>,
    /// The whole names of its tests.
    pub(crate) tests: Vec<String>,
}

/// An attempt of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TestRecord {
    /// The package.
    pub(crate) package: String,
    /// The test target.
    pub(crate) target: String,
    /// The module.
    pub(crate) module: String,
    /// The whole name of the test.
    pub(crate) test: String,
    /// The job of a delta, with its base, charm and branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<String>,
    /// The base of a delta's job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base: Option<String>,
    /// The charm of a delta's job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) charm: Option<String>,
    /// The branch of a delta's job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) branch: Option<String>,
    /// What was chosen that the same tests may be run with twice.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) variant: BTreeMap<String, String>,
    /// How often it had been tried before.
    pub(crate) attempt: u32,
    /// How it ended, in the words of a run.
    pub(crate) outcome: Outcome,
    /// How it ended, in the words of a delta.
    pub(crate) verdict: Verdict,
    /// Why it did not pass; of a test that passed, its note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// `FILE:LINE:COLUMN` of the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
    /// How long it took, in milliseconds; the last attempt's time has those before in it.
    pub(crate) ms: u64,
    /// Where what was captured at the failure is: relative to the file with this line if it is below its directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dump: Option<String>,
    /// The sandbox level that was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sandbox: Option<String>,
    /// The backend, `embedded` or `juju`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) backend: Option<String>,
    /// The versions of the programs, Juju's among them, and the host.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tools: BTreeMap<String, String>,
    /// The packages that a delta's script needs of the machine, at the versions that it ran with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) packages: BTreeMap<String, String>,
    /// When it ended.
    pub(crate) ended: String,
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    /// When.
    pub(crate) ended: String,
    /// How long it took, in milliseconds.
    pub(crate) ms: u64,
    /// The exit code.
    pub(crate) exit: u8,
    /// What is wrong although all tests may have passed: models left over, processes that ended badly, results that are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) trouble: Vec<String>,
}

impl Line {
    /// Returns the line, with its end.
    pub(crate) fn to_text(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("{json}\n")
    }
}

impl PlannedModule {
    /// Returns the name in reports: as `cargo charmtest run` has it for modules of test targets.
    pub(crate) fn name(&self) -> String {
        name_of(&self.package, &self.target, &self.module)
    }
}

/// Adds a module to a plan; the tests of one that is there already are added to it.
pub(crate) fn add(modules: &mut Vec<PlannedModule>, module: PlannedModule) {
    let same = |there: &&mut PlannedModule| {
        (&there.package, &there.target, &there.module, &there.variant)
            == (
                &module.package,
                &module.target,
                &module.module,
                &module.variant,
            )
    };
    // Those of one charm follow one another.
    let Some(there) = modules.iter_mut().rev().find(same) else {
        modules.push(module);
        return;
    };
    for test in module.tests {
        if !there.tests.contains(&test) {
            there.tests.push(test);
        }
    }
}

/// What stands for the package of tests that are in no test target.
pub(crate) const CHARMS: &str = "charms";

/// What stands for the target of a delta's jobs.
const WATCH: &str = "watch";

/// Returns the modules of a delta's jobs: one for each charm and variant.
pub(crate) fn modules_of(jobs: &[Job]) -> Vec<PlannedModule> {
    let mut modules = Vec::new();
    for job in jobs {
        add(
            &mut modules,
            PlannedModule {
                package: CHARMS.to_owned(),
                target: WATCH.to_owned(),
                module: job.key.to_string(),
                variant: job.variant.to_map(),
                tests: vec![job.test.clone()],
            },
        );
    }
    modules
}

/// Says whether tests are in no test target, as those of `generic`, `scripts` and deltas.
pub(crate) fn is_of_charms(package: &str, target: &str) -> bool {
    package == CHARMS && ["generic", "scripts", WATCH].contains(&target)
}

fn name_of(package: &str, target: &str, name: &str) -> String {
    match is_of_charms(package, target) {
        true => name.to_owned(),
        false => format!("{package}::{target} {name}"),
    }
}

impl TestRecord {
    /// Returns the name in reports.
    pub(crate) fn name(&self) -> String {
        match &self.job {
            Some(job) => job.clone(),
            None => name_of(&self.package, &self.target, &self.test),
        }
    }

    /// Makes the record of a delta's job.
    pub(crate) fn of_job(outcome: &collection::Outcome) -> Self {
        let key = &outcome.key;
        Self {
            package: CHARMS.to_owned(),
            target: WATCH.to_owned(),
            module: key.to_string(),
            test: outcome.test.clone(),
            job: Some(outcome.job.clone()),
            base: Some(key.base.clone()),
            charm: Some(key.charm.clone()),
            branch: Some(key.branch.clone()),
            variant: outcome.variant.clone(),
            attempt: outcome.attempt,
            outcome: outcome_of(outcome.verdict),
            verdict: outcome.verdict,
            reason: outcome.reason.clone(),
            location: None,
            ms: outcome.ms,
            dump: outcome.dump.clone(),
            sandbox: outcome.sandbox.clone(),
            backend: outcome.backend.clone(),
            tools: outcome.tools.clone(),
            packages: outcome.packages.clone(),
            ended: outcome.ended.clone(),
        }
    }
}

/// Returns how a run's outcome is called in deltas.
pub(crate) fn verdict_of(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Passed | Outcome::Flaky | Outcome::Xfailed | Outcome::Xpassed => Verdict::Pass,
        Outcome::Skipped => Verdict::Skip,
        Outcome::Failed | Outcome::Aborted => Verdict::Fail,
        Outcome::TimedOut => Verdict::Timeout,
        Outcome::Errored => Verdict::Infra,
        Outcome::Refused => Verdict::Refused,
        Outcome::Unmet => Verdict::Unmet,
    }
}

fn outcome_of(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Pass => Outcome::Passed,
        Verdict::Skip => Outcome::Skipped,
        Verdict::Fail => Outcome::Failed,
        Verdict::Timeout => Outcome::TimedOut,
        Verdict::Infra => Outcome::Errored,
        Verdict::Refused => Outcome::Refused,
        Verdict::Unmet => Outcome::Unmet,
    }
}

/// Returns the last record of each test as suites of JUnit, one for each module, in the order of the records.
pub(crate) fn junit_suites(records: &[TestRecord]) -> Vec<JunitSuite> {
    let several: BTreeSet<_> = records.iter().map(|record| &record.variant).collect();
    let several = several.len() > 1;
    let mut suites: Vec<JunitSuite> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for record in records {
        let mut name = name_of(&record.package, &record.target, &record.module);
        // Of several variants each has suites of its own.
        if several || record.job.is_some() && !record.variant.is_empty() {
            let values: Vec<&str> = record.variant.values().map(String::as_str).collect();
            name = format!("{name}[{}]", values.join(","));
        }
        let place = *places.entry(name.clone()).or_insert_with(|| {
            let cases = Vec::new();
            suites.push(JunitSuite { name, cases });
            suites.len() - 1
        });
        let cases = &mut suites[place].cases;
        let case = JunitCase {
            name: record.test.clone(),
            ms: record.ms,
            fate: match record.outcome {
                Outcome::Aborted => Fate::Error,
                _ => record.verdict.into(),
            },
            word: word(record.outcome),
            reason: record.reason.clone().unwrap_or_default(),
        };
        match cases.iter_mut().find(|there| there.name == case.name) {
            Some(there) => *there = case,
            None => cases.push(case),
        }
    }
    suites
}

/// Returns an outcome as it is in the lines.
fn word(outcome: Outcome) -> String {
    let value = serde_json::to_value(outcome).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use charmtest_collection::junit_xml;

    use super::*;

    /// Returns the record of a test of `p::t` that passed.
    pub(crate) fn record(module: &str, test: &str) -> TestRecord {
        TestRecord {
            package: "p".to_owned(),
            target: "t".to_owned(),
            module: module.to_owned(),
            test: test.to_owned(),
            job: None,
            base: None,
            charm: None,
            branch: None,
            variant: BTreeMap::new(),
            attempt: 0,
            outcome: Outcome::Passed,
            verdict: Verdict::Pass,
            reason: None,
            location: None,
            ms: 1,
            dump: None,
            sandbox: None,
            backend: Some("embedded".to_owned()),
            tools: BTreeMap::new(),
            packages: BTreeMap::new(),
            ended: "2026-01-01T00:00:00Z".to_owned(),
        }
    }

    #[test]
    fn lines_read_back_and_leave_out_what_there_is_not() {
        let line = Line::Test(Box::new(record("a", "a::t")));
        let text = line.to_text();
        let expected = r#"{"record":"test","package":"p","target":"t","module":"a","test":"a::t","attempt":0,"outcome":"passed","verdict":"pass","ms":1,"backend":"embedded","ended":"2026-01-01T00:00:00Z"}"#;
        assert_eq!(text, format!("{expected}\n"));
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
    }

    #[test]
    fn the_last_attempt_of_a_test_is_its_case() {
        let mut first = record("a", "a::t");
        first.outcome = Outcome::Failed;
        let mut last = record("a", "a::t");
        (last.attempt, last.outcome) = (1, Outcome::Flaky);
        let mut aborted = record("a", "a::u");
        (aborted.outcome, aborted.verdict) = (Outcome::Aborted, Verdict::Fail);
        let suites = junit_suites(&[first, record("b", "b::t"), last, aborted]);
        let xml = junit_xml(&suites);
        assert!(
            xml.contains("tests=\"3\" failures=\"0\" errors=\"1\""),
            "{xml}"
        );
        assert!(xml.contains("<error type=\"aborted\""), "{xml}");
        let names: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
        assert_eq!(names, ["p::t a", "p::t b"]);
    }

    #[test]
    fn results_of_two_variants_are_suites_of_their_own() {
        let with = |juju: &str| {
            let mut record = record("a", "a::t");
            record.variant = [("juju".to_owned(), juju.to_owned())].into();
            record
        };
        let names = |records: &[TestRecord]| -> Vec<String> {
            let suites = junit_suites(records).into_iter();
            suites.map(|suite| suite.name).collect()
        };
        assert_eq!(names(&[with("3.6")]), ["p::t a"]);
        assert_eq!(
            names(&[with("3.6"), with("4.0")]),
            ["p::t a[3.6]", "p::t a[4.0]"]
        );
    }
}
