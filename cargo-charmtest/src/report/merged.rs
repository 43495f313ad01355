//! The summary of results that were merged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use charmtest::juju::quote;

use super::summary::{RULE, counts, is_worth_a_line, titled};
use super::{Output, TestResult, style};
use crate::results::merge::Merged;
use crate::results::{TestRecord, is_of_charms};
use charmtest::harness::Evidence;

/// Returns the summary, as a run of all of it would have said it, and before it what went wrong, unless `quiet`.
pub(crate) fn summary(merged: &Merged, files: usize, quiet: bool) -> String {
    let last = merged.last();
    let variants: BTreeSet<_> = last.iter().map(|record| &record.variant).collect();
    let several = variants.len() > 1;
    let mut lines = Vec::new();
    for record in last
        .iter()
        .filter(|record| !quiet && !record.outcome.is_success())
    {
        let result = result(record);
        lines.push(style::test_line(&name(record, several), &result));
        lines.extend(Some(style::details(&result)).filter(|details| !details.is_empty()));
    }
    let took = Duration::from_millis(merged.end.ms);
    let runs = if files == 1 { "run" } else { "runs" };
    let text = format!(
        "[{:>8}] {} ({files} {runs})",
        style::duration(took),
        counts(last.iter().map(|record| record.outcome))
    );
    lines.extend([RULE.to_owned(), style::heading("Summary", &text)]);
    for record in last.iter().filter(|record| is_worth_a_line(record.outcome)) {
        lines.push(style::test_line(&name(record, several), &result(record)));
    }
    let warnings = merged.notes.iter().chain(&merged.end.trouble);
    lines.extend(warnings.map(|warning| style::warning(warning)));
    lines.extend(titled(
        "to run what went wrong again:",
        again(&last, merged.header.delta.as_deref()).into_iter(),
    ));
    lines.extend(titled(
        "these are not the results of one whole run:",
        merged
            .problems
            .iter()
            .map(|problem| format!("    {problem}")),
    ));
    lines.join("\n")
}

fn name(record: &TestRecord, several: bool) -> String {
    let name = record.name();
    match several && record.job.is_none() {
        false => name,
        true => {
            let values: Vec<&str> = record.variant.values().map(String::as_str).collect();
            format!("{name} [{}]", values.join(","))
        }
    }
}

fn result(record: &TestRecord) -> TestResult {
    // Evidence that stayed on another machine is named all the same.
    let evidence = record.dump.as_ref().map(|directory| Evidence {
        directory: match Path::new(directory).exists() {
            true => directory.clone(),
            false => format!("{directory}, which is not here"),
        },
        highlights: Vec::new(),
    });
    TestResult {
        outcome: record.outcome,
        took: Duration::from_millis(record.ms),
        message: record.reason.clone(),
        location: record.location.clone(),
        evidence,
        output: Output::default(),
    }
}

/// Returns commands that run the modules with failures again.
fn again(last: &[&TestRecord], delta: Option<&str>) -> Vec<String> {
    let mut targets: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    let mut jobs: Vec<String> = Vec::new();
    for record in last.iter().filter(|record| !record.outcome.is_success()) {
        match &record.job {
            Some(job) => jobs.push(quote(job)),
            None if is_of_charms(&record.package, &record.target) => {}
            None => {
                let modules = targets
                    .entry((&record.package, &record.target))
                    .or_default();
                let module = quote(&record.module);
                if !modules.contains(&module) {
                    modules.push(module);
                }
            }
        }
    }
    let command = |((package, target), modules): ((&str, &str), Vec<String>)| {
        format!(
            "    cargo charmtest -p {package} --test {target} {}",
            modules.join(" ")
        )
    };
    let mut commands: Vec<String> = targets.into_iter().map(command).collect();
    if let (Some(delta), false) = (delta, jobs.is_empty()) {
        commands.push(format!(
            "    cargo charmtest replay {delta} {}",
            jobs.join(" ")
        ));
    }
    commands
}
