//! Chores of this repository: `cargo xtask ci`, `cargo xtask bench`, `cargo xtask conformance`, `cargo xtask ui-tests`.

mod bench;
mod ci;
mod conformance;
mod sh;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND

commands:
  ci           what .ci/run runs: format, lints, tests, charm tests of the examples, scenarios, recordings
  bench        measure, and print ratios; names of benchmarks choose some, --program FILE takes a built cargo-charmtest
  conformance  compare the embedded controller with Juju: recordings and scenarios; --help tells more
  ui-tests     write the expected messages of the macro's UI tests anew; read the diff before committing it
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        [bench::TIMED, calls, juju, args @ ..] => return bench::timed(calls, juju, args),
        ["ci"] => ci::run(),
        ["bench"] => bench::run(&[]),
        ["bench", names @ ..] => bench::run(names),
        ["conformance", rest @ ..] => conformance::run(rest),
        ["ui-tests"] => sh::cargo(&["test", "--package", "charmtest-macros", "--test", "ui"])
            .env("TRYBUILD", "overwrite")
            .run(),
        _ => {
            sh::say(USAGE);
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            sh::say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
