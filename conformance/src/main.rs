//! Compares the embedded controller with Juju: with what a real one was recorded to do, and with its rules as scenarios.

mod charm;
mod hooks;
mod juju;
mod replay;
mod scenario;
mod shape;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// An error, for people.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// The result of a step.
pub(crate) type Result<T = ()> = std::result::Result<T, Error>;

const USAGE: &str = "usage: cargo xtask conformance [OPTIONS] [NAME]...

  NAME                 run only scenarios with this in their name (`/x` for the one called x)
  recorded [TOPIC]...  replay the recorded commands: all, or those of these topics after what the others change
  stand-in [NAME]...   run scenarios as on a real Juju, with an embedded controller in its place: a test of this suite
  hooks [NAME]...      replay the recorded hooks: of all scenarios, or of those with this in their name
  --list               list the scenarios, and run nothing
  -v, --verbose        also tell what agrees
  --jobs N             scenarios side by side
  --until RECORD       end the replay of commands after this record
  --answers FILE       write our answers to the recorded commands to a file: JSON, one a line
  --program PATH       the program under test (default: cargo-charmtest, as built)
  --juju PATH          run the scenarios on a real Juju: its client
  --controller NAME    ... and the controller in which they make their models
  --rest SECONDS       how long units of a real Juju have to be idle before they count as at rest (default: 10)
  --limit MINUTES      how long a scenario may take on a real Juju (default: 30)
";

/// See `--rest`.
const REST: Duration = Duration::from_secs(10);

/// See `--limit`.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// What was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) names: Vec<String>,
    pub(crate) help: bool,
    pub(crate) list: bool,
    pub(crate) verbose: bool,
    pub(crate) jobs: Option<usize>,
    pub(crate) until: Option<String>,
    pub(crate) answers: Option<PathBuf>,
    pub(crate) charmtest: PathBuf,
    pub(crate) juju: Option<PathBuf>,
    pub(crate) controller: Option<String>,
    /// The data of an embedded controller that stands in for a real Juju.
    pub(crate) stand_in: Option<PathBuf>,
    pub(crate) rest: Duration,
    pub(crate) limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            help: false,
            list: false,
            verbose: false,
            jobs: None,
            until: None,
            answers: None,
            charmtest: PathBuf::new(),
            juju: None,
            controller: None,
            stand_in: None,
            rest: REST,
            limit: LIMIT,
        }
    }
}

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            print(&format!("error: {error}\n\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    if options.help {
        print(USAGE);
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            print(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    match options.names.first().map(String::as_str) {
        Some(hooks::NAME) => hooks::run(options, root),
        Some(replay::cli::NAME) => replay::cli::run(options, root),
        Some(scenario::STAND_IN) => scenario::stand_in(options, root),
        _ => scenario::run(options, root),
    }
}

impl Options {
    /// Returns whether something of this name was asked for.
    pub(crate) fn chooses(&self, name: &str) -> bool {
        let asks = |asked: &String| match asked.strip_prefix('/') {
            Some(whole) => name == whole,
            None => name.contains(asked.as_str()),
        };
        self.names.is_empty() || self.names.iter().any(asks)
    }

    fn parse(args: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self::default();
        let mut args = args;
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "-h" | "--help" => options.help = true,
                "--list" => options.list = true,
                "-v" | "--verbose" => options.verbose = true,
                "--jobs" => options.jobs = Some(number(&arg, &value()?)?),
                "--until" => options.until = Some(value()?),
                "--answers" => options.answers = Some(value()?.into()),
                "--program" => options.charmtest = value()?.into(),
                "--juju" => options.juju = Some(value()?.into()),
                "--controller" => options.controller = Some(value()?),
                "--rest" => options.rest = Duration::from_secs(number(&arg, &value()?)?),
                "--limit" => options.limit = Duration::from_mins(number(&arg, &value()?)?),
                word if word.starts_with('-') => {
                    return Err(format!("unknown option {word}").into());
                }
                _ => options.names.push(arg),
            }
        }
        if options.juju.is_some() != options.controller.is_some() {
            return Err("--juju and --controller go together".into());
        }
        Ok(options)
    }
}

fn number<T: std::str::FromStr>(option: &str, value: &str) -> Result<T> {
    value
        .parse()
        .map_err(|_| format!("{option} needs a whole number, not {value:?}").into())
}

/// Prints a line of the report.
pub(crate) fn print(line: &str) {
    // Nothing is left to do when standard output is closed.
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Result<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn names_choose_by_part_or_whole() {
        for (line, name, chosen) in [
            ("", "config", true),
            ("conf", "config-reset", true),
            ("/config", "config-reset", false),
            ("/config", "config", true),
            ("deploy config", "config", true),
            ("deploy", "config", false),
        ] {
            assert_eq!(
                options(line).unwrap().chooses(name),
                chosen,
                "{line} {name}"
            );
        }
    }

    #[test]
    fn bad_arguments_are_refused() {
        for line in [
            "--nosuch",
            "--jobs",
            "--jobs x",
            "--until",
            "--juju /bin/juju",
            "--controller c",
            "--rest soon",
            "--limit -1",
        ] {
            assert!(options(line).is_err(), "{line}");
        }
        assert!(options("--juju /bin/juju --controller c -v x").is_ok());
    }
}
