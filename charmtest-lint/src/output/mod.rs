//! Printing what was found.

mod sarif;

use serde::Serialize;
use serde_json::{Value, json};

pub use sarif::sarif;

use crate::finding::{Finding, Report};
use crate::rules::{Level, Rule};

/// Returns one line per finding, `FILE:LINE:COLUMN: LEVEL[ID]: TEXT`, and a line that counts them.
pub fn human(report: &Report) -> String {
    let mut text: String = report.findings.iter().map(line).collect();
    text.push_str(&summary(report));
    text.push('\n');
    text
}

fn line(finding: &Finding) -> String {
    let place = finding
        .position
        .map(|at| format!("{}:{}:", at.line, at.column))
        .unwrap_or_default();
    let Finding {
        file,
        level,
        rule,
        message,
        ..
    } = finding;
    // Some messages of parsers have several lines; a finding has one.
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    format!(
        "{file}:{place} {}[{}]: {message}\n",
        level.as_str(),
        rule.id
    )
}

/// Returns how many findings of each level there are: `2 errors, 1 warning, 0 infos; 1 allowed`.
pub fn summary(report: &Report) -> String {
    let count = |level: Level| {
        let count = report.count(level);
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {}{plural}", level.as_str())
    };
    let counts = [Level::Error, Level::Warning, Level::Info]
        .map(count)
        .join(", ");
    match report.allowed {
        0 => counts,
        allowed => format!("{counts}; {allowed} allowed"),
    }
}

/// What a finding is in JSON.
#[derive(Serialize)]
struct JsonFinding<'a> {
    id: &'a str,
    level: Level,
    file: &'a str,
    line: Option<u64>,
    column: Option<u64>,
    title: &'a str,
    message: &'a str,
    advice: &'a str,
}

/// Returns the report as JSON; `docs/lint.md` describes it.
pub fn json(report: &Report) -> String {
    let findings: Vec<JsonFinding<'_>> = report
        .findings
        .iter()
        .map(|finding| JsonFinding {
            id: finding.rule.id,
            level: finding.level,
            file: &finding.file,
            line: finding.position.map(|at| at.line),
            column: finding.position.map(|at| at.column),
            title: finding.rule.title,
            message: &finding.message,
            advice: finding.rule.advice,
        })
        .collect();
    let report = json!({
        "version": 1,
        "findings": findings,
        "summary": {
            "errors": report.count(Level::Error),
            "warnings": report.count(Level::Warning),
            "infos": report.count(Level::Info),
            "allowed": report.allowed,
        },
    });
    pretty(&report)
}

/// Returns what a rule is about, what to do, and where it comes from.
pub fn explain(rule: &Rule) -> String {
    let Rule {
        id,
        level,
        title,
        advice,
        source,
    } = rule;
    format!(
        "{id} ({}, {}): {title}\n\n{advice}\n\nFrom: {source}.\n",
        rule.group(),
        level.as_str()
    )
}

fn pretty(value: &Value) -> String {
    // A value of ours has only keys that are text, which is all that can fail.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
