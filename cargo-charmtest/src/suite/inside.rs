//! A suite in a sandbox: how it tells of its tests to who started it outside.
//!
//! The one inside writes a line on standard output for each test that is over. Whatever runs in the sandbox can write such lines too, so the
//! one outside takes them for what the suite says of itself and for nothing else: it reads texts, never paths, and bounds them.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use charmtest::harness::Outcome;
use charmtest_scripts::requirements::Versions;
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};

use super::prepare::move_shelves;
use super::{SuiteFile, asked, packages, prepare, run_telling};
use crate::cli::SuiteArgs;
use crate::error::{Error, Result};
use crate::report::{FinishedTest, is_obeyed};

/// The word by which this program runs a suite inside.
pub(crate) const INSIDE_COMMAND: &str = "suite-inside";

/// What lines about tests begin with.
const MARK: &str = "\u{1}charmtest-inside ";

/// How much of a text is taken over.
const LONGEST: usize = 64 << 10;

/// How many lines of output are taken over.
const MOST_LINES: usize = 1000;

/// A test that is over, and what is known of it beside how it ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    /// The test.
    pub(crate) test: FinishedTest,
    /// The charm names that it asked for.
    pub(crate) asked: Vec<String>,
    /// The packages that it ran with, at their versions.
    pub(crate) packages: Versions,
}

impl Told {
    /// Adds what is known in the process that runs a suite, in `room`.
    pub(crate) fn of(test: FinishedTest, suite: &SuiteFile, room: &Path) -> Self {
        Self {
            asked: asked(room, &test.name),
            packages: packages(suite, &test.name),
            test,
        }
    }
}

/// A test that is over, as a line says it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    outcome: Outcome,
    ms: u64,
    message: Option<String>,
    output: Vec<String>,
    asked: Vec<String>,
    packages: Versions,
}

/// Runs the suite in `file`, and tells of each test as soon as it is over; returns the exit code.
///
/// It ends with whoever started it, who holds the other end of its standard input.
///
/// # Errors
///
/// Fails when the suite cannot be read or prepared, and as running one does.
pub(crate) fn inside_main(file: &Path, args: SuiteArgs, again: String) -> Result<u8> {
    thread::spawn(|| {
        // Whatever comes of reading: nobody listens any more.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = kill_process(getpid(), Signal::KILL);
    });
    let mut suite = SuiteFile::read(file)?;
    let room = tempfile::tempdir().map_err(Error::infrastructure)?;
    let room = room.path();
    prepare(&mut suite, room, &str::to_owned)?;
    move_shelves(&mut suite, room)?;
    let (sender, finished) = mpsc::channel();
    let ended = thread::scope(|scope| {
        let suite = &suite;
        let running =
            scope.spawn(move || run_telling(suite, args, "cargo charmtest watch", again, sender));
        for test in finished {
            tell(Told::of(test, suite, room))?;
        }
        running
            .join()
            .map_err(|_| Error::infrastructure("the run panicked"))?
    })?;
    for test in ended.tests {
        tell(Told::of(test, &suite, room))?;
    }
    Ok(ended.code)
}

fn tell(told: Told) -> Result<()> {
    let test = told.test;
    let line = Line {
        name: test.name,
        outcome: test.outcome,
        ms: u64::try_from(test.took.as_millis()).unwrap_or(u64::MAX),
        message: test.message,
        output: test.output,
        asked: told.asked,
        packages: told.packages,
    };
    let line = serde_json::to_string(&line).map_err(Error::infrastructure)?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{MARK}{line}")
        .and_then(|()| stdout.flush())
        .map_err(Error::infrastructure)
}

/// Understands a line that a suite inside wrote; `None` if it says nothing of a test.
///
/// Texts are cut to a length and hold nothing that a terminal obeys. Where evidence is is not believed.
pub(crate) fn understand(line: &[u8]) -> Option<Told> {
    let json = line.strip_prefix(MARK.as_bytes())?;
    let told: Line = serde_json::from_slice(json).ok()?;
    let module = told.name.split_once("::")?.0.to_owned();
    // To be refused is not for a charm to say: that is decided before it runs.
    let outcome = match told.outcome {
        Outcome::Refused => Outcome::Failed,
        outcome => outcome,
    };
    let asked = told.asked.into_iter().filter(|name| is_name(name));
    let asked = asked.take(MOST_LINES).collect();
    let test = FinishedTest {
        module,
        name: told.name,
        outcome,
        took: Duration::from_millis(told.ms),
        message: told.message.as_deref().map(plain),
        evidence: None,
        output: told
            .output
            .iter()
            .take(MOST_LINES)
            .map(|line| plain(line))
            .collect(),
    };
    let packages = told.packages.into_iter().take(MOST_LINES);
    let packages = packages.map(|(name, version)| (plain(&name), plain(&version)));
    Some(Told {
        test,
        asked,
        packages: packages.collect(),
    })
}

/// Says whether a text can be the name of a charm.
fn is_name(text: &str) -> bool {
    let is_letter =
        |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    !text.is_empty() && text.len() <= 100 && text.bytes().all(is_letter)
}

/// Returns a text without what a terminal would obey, and not too much of it.
fn plain(text: &str) -> String {
    let kept = text
        .chars()
        .filter(|letter| !is_obeyed(*letter) || matches!(letter, '\n' | '\t'));
    kept.take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_suite_inside_says_is_taken_for_no_more_than_it_is() {
        let understood = |json: &str| understand(format!("{MARK}{json}").as_bytes());
        let good = r#"{"name":"a::deploy","outcome":"passed","ms":5,"message":"a\u001b[2Jb","output":["x\ty\r"],"asked":["b","../c","B","d-1"],"packages":{"jq":"1.6\u0007"}}"#;
        let Told {
            test,
            asked,
            packages,
        } = understood(good).unwrap();
        assert_eq!(packages, [("jq".to_owned(), "1.6".to_owned())].into());
        assert_eq!(asked, ["b", "d-1"]);
        assert_eq!((test.module.as_str(), test.outcome), ("a", Outcome::Passed));
        assert_eq!(test.message.as_deref(), Some("a[2Jb"));
        assert_eq!(test.output, ["x\ty"]);
        let refused = understood(&good.replace("passed", "refused")).unwrap().test;
        assert_eq!(refused.outcome, Outcome::Failed);
        for line in [
            good.replace("a::deploy", "deploy"),
            good.replace("\"ms\":5", "\"ms\":5,\"evidence\":\"/etc\""),
            good.replace("passed", "perfect"),
            good[..30].to_owned(),
        ] {
            assert_eq!(understood(&line), None, "{line}");
        }
        assert_eq!(understand(good.as_bytes()), None);
        let long = good.replace("a\\u001b[2Jb", &"x".repeat(2 * LONGEST));
        let test = understood(&long).unwrap().test;
        assert_eq!(test.message.unwrap().len(), LONGEST);
    }
}
