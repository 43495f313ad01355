//! What the exit code and the output of a script mean.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What became of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The charm does what the script wants.
    Pass,
    /// It does not.
    Fail,
    /// The script did not come to an end in time, or says that something else did not.
    Timeout,
    /// The script could not be run here, and says why.
    Skip,
    /// What the script runs on failed: no verdict on the charm.
    Infra,
}

/// How a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// The runner ended it when its time was over.
    TimeIsOver,
}

/// Exit codes that a suite gives a meaning of its own.
pub type ExitCodes = BTreeMap<i32, Verdict>;

/// How many lines of the output are looked at, from the end, for a reason.
const LINES: usize = 2000;

/// Says what the end of a script means: 0 is a pass, 77 and 100 are skips, 124 is a time limit, 200 is trouble outside of the charm, and
/// everything else, signals included, is a failure. `codes` overrides it code by code.
#[must_use]
pub fn verdict(end: End, codes: &ExitCodes) -> Verdict {
    let code = match end {
        End::TimeIsOver => return Verdict::Timeout,
        End::Signal(_) => return Verdict::Fail,
        End::Code(code) => code,
    };
    codes.get(&code).copied().unwrap_or(match code {
        0 => Verdict::Pass,
        77 | 100 => Verdict::Skip,
        124 => Verdict::Timeout,
        200 => Verdict::Infra,
        _ => Verdict::Fail,
    })
}

/// Returns the reason of a verdict that is no pass: the text after the last `FAIL:`, else `ERROR:`, at the beginning of a line (of a skip
/// `SKIP:`, else `ERROR:`; of trouble outside of the charm `ERROR:`, else `FAIL:`) and how the script ended; without one, how it ended and
/// the last line that it printed.
#[must_use]
pub fn reason(verdict: Verdict, end: End, output: &str) -> Option<String> {
    // What was a reason to skip is none to fail: `deploy-previous` may have said it long before.
    let words: [&str; 2] = match verdict {
        Verdict::Pass => return None,
        Verdict::Skip => ["SKIP:", "ERROR:"],
        Verdict::Infra => ["ERROR:", "FAIL:"],
        Verdict::Fail | Verdict::Timeout => ["FAIL:", "ERROR:"],
    };
    let lines: Vec<&str> = output.lines().rev().take(LINES).collect();
    let said = |word: &&str| {
        let texts = lines.iter().filter_map(|line| line.strip_prefix(word));
        texts.map(str::trim).find(|text| !text.is_empty())
    };
    let said = words.iter().find_map(said);
    let how = how(end);
    if let Some(said) = said {
        return Some(match end {
            End::TimeIsOver => format!("{how}: {said}"),
            _ => format!("{said} ({how})"),
        });
    }
    let mut lines = lines.iter().map(|line| line.trim());
    Some(match lines.find(|line| !line.is_empty()) {
        Some(last) => format!("{how}: {last}"),
        None => format!("{how}, without a word"),
    })
}

/// Says how a script ended.
#[must_use]
pub fn how(end: End) -> String {
    match end {
        // A shell says so of a command that a signal ended.
        End::Code(code @ 129..=192) => format!("exit code {code} (as of signal {})", code - 128),
        End::Code(code) => format!("exit code {code}"),
        End::Signal(signal) => format!("ended by signal {signal}"),
        End::TimeIsOver => "its time was over".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_have_meanings() {
        let codes = ExitCodes::from([(3, Verdict::Skip), (100, Verdict::Fail)]);
        for (end, usual, own) in [
            (End::Code(0), Verdict::Pass, Verdict::Pass),
            (End::Code(1), Verdict::Fail, Verdict::Fail),
            (End::Code(2), Verdict::Fail, Verdict::Fail),
            (End::Code(3), Verdict::Fail, Verdict::Skip),
            (End::Code(77), Verdict::Skip, Verdict::Skip),
            (End::Code(100), Verdict::Skip, Verdict::Fail),
            (End::Code(124), Verdict::Timeout, Verdict::Timeout),
            (End::Code(137), Verdict::Fail, Verdict::Fail),
            (End::Code(200), Verdict::Infra, Verdict::Infra),
            (End::Signal(9), Verdict::Fail, Verdict::Fail),
            (End::TimeIsOver, Verdict::Timeout, Verdict::Timeout),
        ] {
            assert_eq!(verdict(end, &ExitCodes::new()), usual, "{end:?}");
            assert_eq!(verdict(end, &codes), own, "{end:?} with codes");
        }
    }

    #[test]
    fn the_output_says_why() {
        let fail = End::Code(1);
        for (verdict, end, output, expected) in [
            (Verdict::Pass, End::Code(0), "FAIL: no", None),
            (
                Verdict::Fail,
                fail,
                "ERROR: first\nFAIL: page is empty\n",
                Some("page is empty (exit code 1)"),
            ),
            (
                Verdict::Fail,
                fail,
                "ERROR: first\nERROR: second\nbye\n",
                Some("second (exit code 1)"),
            ),
            (
                Verdict::Skip,
                End::Code(100),
                "ERROR: x\nSKIP: no mysql\n",
                Some("no mysql (exit code 100)"),
            ),
            (
                Verdict::Infra,
                End::Code(200),
                "ERROR: no disk\nFAIL: x\n",
                Some("no disk (exit code 200)"),
            ),
            (
                Verdict::Fail,
                fail,
                "said FAIL: x\n  \n",
                Some("exit code 1: said FAIL: x"),
            ),
            (Verdict::Fail, fail, "", Some("exit code 1, without a word")),
            (
                Verdict::Fail,
                End::Code(137),
                "a\nb",
                Some("exit code 137 (as of signal 9): b"),
            ),
            (
                Verdict::Fail,
                End::Code(255),
                "SKIP: no version of wiki\nbye",
                Some("exit code 255: bye"),
            ),
            (
                Verdict::Infra,
                End::Code(200),
                "",
                Some("exit code 200, without a word"),
            ),
            (
                Verdict::Skip,
                End::Code(77),
                "FAIL: not yet\nno disk",
                Some("exit code 77: no disk"),
            ),
            (
                Verdict::Fail,
                End::Signal(11),
                "",
                Some("ended by signal 11, without a word"),
            ),
            (
                Verdict::Timeout,
                End::TimeIsOver,
                "ERROR: slow\n",
                Some("its time was over: slow"),
            ),
        ] {
            assert_eq!(
                reason(verdict, end, output).as_deref(),
                expected,
                "{output:?}"
            );
        }
    }
}
