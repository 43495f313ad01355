//! Results as JUnit XML, for CI systems.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::job::Job;
use crate::results::{Outcome, Verdict, latest};

/// Returns the results of jobs as JUnit XML: one suite per charm and variant, in the order of the jobs. Jobs without an outcome are left out.
#[must_use]
pub fn junit(jobs: &[Job], outcomes: &[Outcome]) -> String {
    let latest = latest(outcomes);
    let mut names: Vec<String> = Vec::new();
    let mut suites: BTreeMap<String, Vec<&Outcome>> = BTreeMap::new();
    for job in jobs {
        let Some(outcome) = latest.get(job.id().as_str()) else {
            continue;
        };
        let mut name = job.key.to_string();
        if !job.variant.0.is_empty() {
            let _ = write!(name, "[{}]", job.variant);
        }
        if !suites.contains_key(&name) {
            names.push(name.clone());
        }
        suites.entry(name).or_default().push(outcome);
    }
    let all: Vec<&Outcome> = suites.values().flatten().copied().collect();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(xml, "<testsuites{}>", counts(&all));
    for name in names {
        let cases = &suites[&name];
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\"{}>",
            escape(&name),
            counts(cases)
        );
        for case in cases {
            write_case(&mut xml, &name, case);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn counts(cases: &[&Outcome]) -> String {
    let count = |verdicts: &[Verdict]| {
        cases
            .iter()
            .filter(|case| verdicts.contains(&case.verdict))
            .count()
    };
    let seconds: u64 = cases.iter().map(|case| case.ms).sum();
    format!(
        " tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
        cases.len(),
        count(&[Verdict::Fail, Verdict::Timeout]),
        count(&[Verdict::Infra, Verdict::Refused, Verdict::Unmet]),
        count(&[Verdict::Skip]),
        seconds_of(seconds),
    )
}

fn write_case(xml: &mut String, suite: &str, case: &Outcome) {
    let _ = write!(
        xml,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
        escape(suite),
        escape(&case.test),
        seconds_of(case.ms)
    );
    let reason = escape(case.reason.as_deref().unwrap_or_default());
    let verdict = case.verdict;
    let element = match verdict {
        Verdict::Pass => {
            xml.push_str("/>\n");
            return;
        }
        Verdict::Skip => format!("<skipped message=\"{reason}\"/>"),
        Verdict::Fail | Verdict::Timeout => {
            format!("<failure type=\"{verdict}\" message=\"{reason}\"/>")
        }
        Verdict::Infra | Verdict::Refused | Verdict::Unmet => {
            format!("<error type=\"{verdict}\" message=\"{reason}\"/>")
        }
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
