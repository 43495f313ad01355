//! What single lines look like.

use std::fmt::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use charmtest::harness::Outcome;

use super::TestResult;

/// The width of the word in front of a line, as cargo has it.
const WORD: usize = 12;

/// Returns a line with a right-aligned, coloured word in front.
pub(crate) fn heading(word: &str, text: &str) -> String {
    coloured(word, AnsiColor::Cyan, text)
}

/// Returns a warning line.
pub(super) fn warning(text: &str) -> String {
    coloured("warning", AnsiColor::Yellow, text)
}

/// Returns the line of a test that has its outcome.
pub(super) fn test_line(name: &str, result: &TestResult) -> String {
    let (word, colour) = outcome(result.outcome);
    let mut text = format!("[{:>8}] {name}", duration(result.took));
    if let (
        Outcome::Passed
        | Outcome::Skipped
        | Outcome::Aborted
        | Outcome::Flaky
        | Outcome::Xfailed
        | Outcome::Xpassed,
        Some(why),
    ) = (result.outcome, &result.message)
    {
        // Writing to a String cannot fail.
        let _ = write!(text, " ({why})");
    }
    coloured(word, colour, &text)
}

/// Returns the line of an attempt after which a test is tried again.
pub(super) fn retry_line(name: &str, attempt: u32, attempts: u32, result: &TestResult) -> String {
    let (word, _) = outcome(result.outcome);
    let took = duration(result.took);
    let text = format!("[{took:>8}] {name} ({word} at attempt {attempt} of {attempts})");
    coloured("RETRY", AnsiColor::Yellow, &text)
}

/// Returns what to tell of a test that went wrong, indented below its line.
pub(super) fn details(result: &TestResult) -> String {
    let mut lines = Vec::new();
    if result.outcome != Outcome::Aborted {
        lines.extend(
            result
                .message
                .iter()
                .flat_map(|message| message.lines())
                .map(str::to_owned),
        );
        lines.extend(result.location.iter().map(|place| format!("at {place}")));
    }
    if let Some(title) = result.output.title() {
        lines.push(title.to_owned());
        lines.extend(result.output.lines().map(|line| format!("  {line}")));
    }
    if let Some(evidence) = &result.evidence {
        lines.extend(evidence.highlights.iter().map(|line| format!("| {line}")));
        if !evidence.directory.is_empty() {
            lines.push(format!("evidence in {}", evidence.directory));
        }
    }
    let indent = " ".repeat(WORD + 1);
    lines
        .iter()
        .map(|line| format!("{indent}{line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns the word for an outcome with its colour.
pub(super) fn outcome(outcome: Outcome) -> (&'static str, AnsiColor) {
    match outcome {
        Outcome::Passed => ("PASS", AnsiColor::Green),
        Outcome::Flaky => ("FLAKY", AnsiColor::Yellow),
        Outcome::Xfailed => ("XFAIL", AnsiColor::Yellow),
        Outcome::Xpassed => ("XPASS", AnsiColor::Yellow),
        Outcome::Failed => ("FAIL", AnsiColor::Red),
        Outcome::Skipped => ("SKIP", AnsiColor::Yellow),
        Outcome::Aborted => ("ABORT", AnsiColor::Magenta),
        Outcome::TimedOut => ("TIMEOUT", AnsiColor::Red),
        Outcome::Errored => ("ERROR", AnsiColor::Red),
        Outcome::Refused => ("REFUSED", AnsiColor::Magenta),
        Outcome::Unmet => ("UNMET", AnsiColor::Red),
    }
}

/// Returns a duration for people: `0.31s`, `12.3s`, `2m05s`.
pub(super) fn duration(duration: Duration) -> String {
    match duration.as_secs_f64() {
        s if s < 9.995 => format!("{s:.2}s"),
        s if s < 59.95 => format!("{s:.1}s"),
        s => {
            let whole = Duration::from_secs_f64(s.round()).as_secs();
            format!("{}m{:02}s", whole / 60, whole % 60)
        }
    }
}

fn coloured(word: &str, colour: AnsiColor, text: &str) -> String {
    let style = Style::new().bold().fg_color(Some(colour.into()));
    format!("{style}{word:>WORD$}{style:#} {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (millis, expected) in [
            (0, "0.00s"),
            (312, "0.31s"),
            (9_990, "9.99s"),
            (12_340, "12.3s"),
            (59_940, "59.9s"),
            (59_970, "1m00s"),
            (125_000, "2m05s"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        }
    }
}
