//! Results as JUnit XML, for CI systems.

use std::fmt::Write as _;

use crate::job::Job;
use crate::results::{Outcome, Verdict, latest};

/// Cases that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JunitSuite {
    /// Its name.
    pub name: String,
    /// The cases, in their order.
    pub cases: Vec<JunitCase>,
}

/// A test with what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JunitCase {
    /// The test.
    pub name: String,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// What came of it.
    pub fate: Fate,
    /// The word for it: the `type` of a failure or an error.
    pub word: String,
    /// Why.
    pub reason: String,
}

/// What JUnit knows to come of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It passed.
    Passed,
    /// It did not run, and that is fine.
    Skipped,
    /// It failed.
    Failed,
    /// It could not run, or something around it failed.
    Error,
}

impl From<Verdict> for Fate {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Passed,
            Verdict::Skip => Self::Skipped,
            Verdict::Fail | Verdict::Timeout => Self::Failed,
            Verdict::Infra | Verdict::Refused | Verdict::Unmet => Self::Error,
        }
    }
}

/// Returns the results of jobs as JUnit XML: one suite per charm and variant, in the order of the jobs. Jobs without an outcome are left out.
#[must_use]
pub fn junit(jobs: &[Job], outcomes: &[Outcome]) -> String {
    let latest = latest(outcomes);
    let mut suites: Vec<JunitSuite> = Vec::new();
    for job in jobs {
        let Some(outcome) = latest.get(job.id().as_str()) else {
            continue;
        };
        let mut name = job.key.to_string();
        if !job.variant.0.is_empty() {
            let _ = write!(name, "[{}]", job.variant);
        }
        let case = JunitCase {
            name: outcome.test.clone(),
            ms: outcome.ms,
            fate: outcome.verdict.into(),
            word: outcome.verdict.to_string(),
            reason: outcome.reason.clone().unwrap_or_default(),
        };
        match suites.iter_mut().find(|suite| suite.name == name) {
            Some(suite) => suite.cases.push(case),
            None => suites.push(JunitSuite {
                name,
                cases: vec![case],
            }),
        }
    }
    junit_xml(&suites)
}

/// Returns suites as JUnit XML.
#[must_use]
pub fn junit_xml(suites: &[JunitSuite]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all = suites.iter().flat_map(|suite| &suite.cases);
    let _ = writeln!(xml, "<testsuites{}>", counts(all));
    for JunitSuite { name, cases } in suites {
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\"{}>",
            escape(name),
            counts(cases.iter())
        );
        for case in cases {
            write_case(&mut xml, name, case);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn counts<'a>(cases: impl Iterator<Item = &'a JunitCase> + Clone) -> String {
    let count = |fate: Fate| cases.clone().filter(|case| case.fate == fate).count();
    let ms: u64 = cases.clone().map(|case| case.ms).sum();
    format!(
        " tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
        cases.clone().count(),
        count(Fate::Failed),
        count(Fate::Error),
        count(Fate::Skipped),
        seconds_of(ms),
    )
}

fn write_case(xml: &mut String, suite: &str, case: &JunitCase) {
    let _ = write!(
        xml,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
        escape(suite),
        escape(&case.name),
        seconds_of(case.ms)
    );
    let (word, reason) = (escape(&case.word), escape(&case.reason));
    let element = match case.fate {
        Fate::Passed => {
            xml.push_str("/>\n");
            return;
        }
        Fate::Skipped => format!("<skipped message=\"{reason}\"/>"),
        Fate::Failed => format!("<failure type=\"{word}\" message=\"{reason}\"/>"),
        Fate::Error => format!("<error type=\"{word}\" message=\"{reason}\"/>"),
    };
    let _ = writeln!(xml, ">{element}</testcase>");
}

fn seconds_of(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Escapes text for an attribute; what XML cannot hold becomes `?`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' => escaped.push_str("&#9;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('?'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::tests::delta;

    #[test]
    fn each_verdict_has_its_element() {
        let delta = delta(1, "x");
        let jobs = delta.jobs();
        let mut failed = Outcome::new(
            &jobs[1],
            Verdict::Timeout,
            Some("a < \"b\"\n\u{1}".to_owned()),
        );
        failed.ms = 1234;
        let outcomes = [Outcome::new(&jobs[0], Verdict::Pass, None), failed];
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="2" failures="1" errors="0" skipped="0" time="1.234">
  <testsuite name="b:a:-" tests="2" failures="1" errors="0" skipped="0" time="1.234">
    <testcase classname="b:a:-" name="deploy" time="0.000"/>
    <testcase classname="b:a:-" name="9.test" time="1.234"><failure type="timeout" message="a &lt; &quot;b&quot;&#10;?"/></testcase>
  </testsuite>
</testsuites>
"#;
        assert_eq!(junit(&jobs, &outcomes), expected);
    }
}
