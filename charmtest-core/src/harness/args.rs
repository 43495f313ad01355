//! The command line of a test binary, and the part of it that `cargo charmtest` shares.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::builder::{FalseyValueParser, Resettable};
use clap::{Args, Parser, ValueEnum};

use super::duration::Limit;
use super::expression::Expression;
use crate::juju::{BackendChoice, ModelName, NameError};

const DEFAULT_TEST_TIMEOUT: Limit = Limit::of(Duration::from_secs(3_600));
const DEFAULT_TEARDOWN_TIMEOUT: Limit = Limit::of(Duration::from_secs(300));

/// How charm tests run: the flags that a test binary and `cargo charmtest` have in common.
///
/// Each flag can also be given as a variable of the environment, which reaches a test binary through `cargo test` too;
/// the flag wins.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Charm tests")]
pub struct RunFlags {
    /// Use this model for all modules; it is made if it does not exist, and kept.
    #[arg(long, value_name = "NAME", env = "CHARMTEST_MODEL", hide_env_values = true, value_parser = parse_model)]
    pub model: Option<ModelName>,

    /// Keep the models instead of destroying them at the end.
    #[arg(long, env = "CHARMTEST_KEEP_MODELS", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub keep_models: bool,

    /// Skip the tests under `skip_if_deployed`: the model already holds what they deploy. Needs --model.
    #[arg(long, env = "CHARMTEST_NO_DEPLOY", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub no_deploy: bool,

    /// The Juju controller to use.
    #[arg(
        long,
        value_name = "NAME",
        env = "CHARMTEST_CONTROLLER",
        hide_env_values = true
    )]
    pub controller: Option<String>,

    /// The cloud for new models.
    #[arg(
        long,
        value_name = "NAME",
        env = "CHARMTEST_CLOUD",
        hide_env_values = true
    )]
    pub cloud: Option<String>,

    /// What answers as `juju`; auto takes a real controller if there is one.
    #[arg(
        long,
        value_enum,
        value_name = "BACKEND",
        default_value_t,
        env = "CHARMTEST_BACKEND",
        hide_env_values = true
    )]
    pub backend: BackendArg,

    /// The `juju` program to use.
    #[arg(
        long,
        value_name = "PATH",
        env = "CHARMTEST_JUJU",
        hide_env_values = true,
        value_parser = parse_program
    )]
    pub juju: Option<PathBuf>,

    /// The Juju that the embedded controller speaks as, 3.6 or 4.0 [default: 3.6].
    #[arg(
        long,
        value_name = "VERSION",
        env = "CHARMTEST_JUJU_VERSION",
        hide_env_values = true,
        value_parser = parse_series
    )]
    pub juju_version: Option<String>,

    /// How many modules run side by side [default: the number of cores; 1 on a real Juju].
    #[arg(
        short,
        long,
        value_name = "N",
        env = "CHARMTEST_JOBS",
        hide_env_values = true
    )]
    pub jobs: Option<NonZeroUsize>,

    /// Run only tests that match, e.g. 'relations and not slow'; words are parts of names and tags.
    #[arg(
        short = 'k',
        value_name = "EXPR",
        env = "CHARMTEST_FILTER",
        hide_env_values = true
    )]
    pub expression: Option<Expression>,

    /// The time limit of a test that has none of its own; 0 for none.
    #[arg(long, value_name = "DURATION", default_value_t = DEFAULT_TEST_TIMEOUT,
          env = "CHARMTEST_TEST_TIMEOUT", hide_env_values = true)]
    pub test_timeout: Limit,

    /// The time limit of each step of the tear-down.
    #[arg(long, value_name = "DURATION", default_value_t = DEFAULT_TEARDOWN_TIMEOUT,
          env = "CHARMTEST_TEARDOWN_TIMEOUT", hide_env_values = true)]
    pub teardown_timeout: Limit,
}

/// The value of `--backend`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum BackendArg {
    /// A real controller if there is one, else the embedded one.
    #[default]
    Auto,
    /// The embedded controller.
    Embedded,
    /// A real Juju client.
    Juju,
}

impl From<BackendArg> for BackendChoice {
    fn from(arg: BackendArg) -> Self {
        match arg {
            BackendArg::Auto => Self::Auto,
            BackendArg::Embedded => Self::Embedded,
            BackendArg::Juju => Self::Juju,
        }
    }
}

impl RunFlags {
    /// Checks what no single flag can check.
    ///
    /// # Errors
    ///
    /// A text that names the flag to add or to change; it is a usage error.
    pub fn check(&self) -> Result<(), String> {
        if self.no_deploy && self.model.is_none() {
            return Err(
                "--no-deploy skips the tests that deploy, so it needs a model that holds the applications: add --model NAME"
                    .to_owned(),
            );
        }
        let real =
            self.backend == BackendArg::Juju || self.controller.is_some() || self.cloud.is_some();
        if self.juju_version.is_some() && real {
            return Err(
                "--juju-version says as which Juju the embedded controller speaks; a real controller has a version of its own"
                    .to_owned(),
            );
        }
        if self.teardown_timeout.duration().is_none() {
            return Err(
                "--teardown-timeout 0 would wait for ever; give a duration like 5m".to_owned(),
            );
        }
        Ok(())
    }

    /// Returns which backend is asked for: a version for the embedded controller asks for that one.
    #[must_use]
    pub fn backend_choice(&self) -> BackendChoice {
        match self.backend {
            BackendArg::Auto if self.juju_version.is_some() => BackendChoice::Embedded,
            backend => backend.into(),
        }
    }

    /// Returns the flags as variables of the environment, for a test binary that is started.
    #[must_use]
    pub fn to_env(&self) -> Vec<(&'static str, OsString)> {
        let backend = match self.backend {
            BackendArg::Auto => "auto",
            BackendArg::Embedded => "embedded",
            BackendArg::Juju => "juju",
        };
        let mut variables: Vec<(&'static str, OsString)> = vec![
            ("CHARMTEST_BACKEND", backend.into()),
            (
                "CHARMTEST_TEST_TIMEOUT",
                self.test_timeout.to_string().into(),
            ),
            (
                "CHARMTEST_TEARDOWN_TIMEOUT",
                self.teardown_timeout.to_string().into(),
            ),
        ];
        let mut set =
            |name, value: Option<OsString>| variables.extend(value.map(|value| (name, value)));
        set(
            "CHARMTEST_MODEL",
            self.model.as_ref().map(|model| model.to_string().into()),
        );
        set(
            "CHARMTEST_KEEP_MODELS",
            self.keep_models.then(|| "1".into()),
        );
        set("CHARMTEST_NO_DEPLOY", self.no_deploy.then(|| "1".into()));
        set(
            "CHARMTEST_CONTROLLER",
            self.controller.as_ref().map(Into::into),
        );
        set("CHARMTEST_CLOUD", self.cloud.as_ref().map(Into::into));
        set("CHARMTEST_JUJU", self.juju.as_ref().map(Into::into));
        set(
            "CHARMTEST_JUJU_VERSION",
            self.juju_version.as_ref().map(Into::into),
        );
        set(
            "CHARMTEST_JOBS",
            self.jobs.map(|jobs| jobs.to_string().into()),
        );
        set(
            "CHARMTEST_FILTER",
            self.expression
                .as_ref()
                .map(|expression| expression.to_string().into()),
        );
        variables
    }

    /// Gives the flags to a test binary as variables of its environment.
    pub fn apply_env(&self, command: &mut Command) {
        command.envs(self.to_env());
    }
}

/// Makes a command line ignore variables of the environment that are set and empty, as a CI system leaves them.
#[must_use]
pub fn ignore_empty_variables(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| {
        let empty = arg
            .get_env()
            .and_then(std::env::var_os)
            .is_some_and(|value| value.is_empty());
        if empty {
            arg.env(Resettable::Reset)
        } else {
            arg
        }
    })
}

/// Makes a path absolute: it is used in other directories than the one it was written in. A bare name is searched on PATH.
fn parse_program(text: &str) -> std::io::Result<PathBuf> {
    match text.contains(std::path::MAIN_SEPARATOR) {
        true => std::path::absolute(text),
        false => Ok(PathBuf::from(text)),
    }
}

/// Reads a version of Juju; which there are, the embedded controller knows.
fn parse_series(text: &str) -> Result<String, String> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.split('.').count();
    if (2..=3).contains(&parts) && text.split('.').all(digits) {
        return Ok(text.to_owned());
    }
    Err("not a version of Juju such as 3.6".to_owned())
}

fn parse_model(text: &str) -> Result<ModelName, NameError> {
    ModelName::parse(text)
}

/// The command line of a test binary: libtest's flags, and [`RunFlags`].
#[derive(Parser, Clone, Debug)]
#[command(
    about = "Runs the charm tests of this target",
    disable_version_flag = true,
    max_term_width = 100,
    after_help = "Tests of a module run one after another and share one model; modules run side by side (--jobs)."
)]
pub(super) struct TestArgs {
    /// Run only tests whose name contains FILTER; a module's name or a source file selects its tests.
    #[arg(value_name = "FILTER")]
    pub(super) filters: Vec<String>,

    /// Match filters and skips against whole names.
    #[arg(long)]
    pub(super) exact: bool,

    /// Leave out tests whose name contains FILTER; can be given several times.
    #[arg(long, value_name = "FILTER")]
    pub(super) skip: Vec<String>,

    /// Run only ignored tests.
    #[arg(long)]
    pub(super) ignored: bool,

    /// Run ignored tests too.
    #[arg(long, conflicts_with = "ignored")]
    pub(super) include_ignored: bool,

    /// Run only this module; for programs that start one process per module.
    #[arg(long = "module", value_name = "MODULE", hide = true)]
    pub(super) modules: Vec<String>,

    /// List the tests instead of running them.
    #[arg(long)]
    pub(super) list: bool,

    /// One character per test instead of one line.
    #[arg(short, long, conflicts_with = "format")]
    pub(super) quiet: bool,

    /// How to print.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(super) format: Option<FormatArg>,

    /// When to colour the output.
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(super) color: Option<ColorArg>,

    /// Write the report to this file instead of standard output.
    #[arg(long, value_name = "PATH")]
    pub(super) logfile: Option<PathBuf>,

    /// The same as --jobs, which wins.
    #[arg(
        long,
        value_name = "N",
        env = "RUST_TEST_THREADS",
        hide_env_values = true
    )]
    pub(super) test_threads: Option<NonZeroUsize>,

    /// Accepted as libtest does; output of tests is never captured in one process.
    #[arg(long = "nocapture", alias = "no-capture")]
    pub(super) _no_capture: bool,

    #[arg(long = "show-output", hide = true)]
    pub(super) _show_output: bool,

    #[arg(long = "report-time", hide = true)]
    pub(super) _report_time: bool,

    #[arg(short = 'Z', hide = true, value_name = "FLAG")]
    pub(super) _unstable: Vec<String>,

    #[arg(long = "test", hide = true, conflicts_with = "bench")]
    pub(super) _test: bool,

    /// Run benchmarks only: there are none.
    #[arg(long, hide = true)]
    pub(super) bench: bool,

    #[command(flatten)]
    pub(super) run: RunFlags,
}

/// The value of `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FormatArg {
    Pretty,
    Terse,
    Json,
}

/// The value of `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorArg {
    Auto,
    Always,
    Never,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<TestArgs, clap::Error> {
        TestArgs::try_parse_from(std::iter::once("integration").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definition_is_consistent() {
        TestArgs::command().debug_assert();
    }

    #[test]
    fn what_cargo_and_editors_send_is_taken() {
        let lines = [
            "relations::deploy --exact --nocapture --include-ignored",
            "--list --format terse",
            "--list --format terse --ignored",
            "--exact relations --nocapture",
            "a b --skip c --skip d -q",
            "--no-capture --show-output --test-threads 1 --color always",
            "-Z unstable-options --report-time --format json",
            "-Zunstable-options --logfile report.txt --test",
        ];
        for line in lines {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
        }
        let args = parse("a b --skip c --exact").unwrap();
        assert_eq!(args.filters, ["a", "b"]);
        assert_eq!(args.skip, ["c"]);
        assert!(args.exact);
    }

    #[test]
    fn what_is_wrong_is_a_usage_error() {
        let cases = [
            ("--no-such-flag", "--no-such-flag"),
            ("--jobs 0", "--jobs"),
            ("--test-timeout soon", "`soon` is not a duration"),
            ("--backend cloud", "embedded"),
            ("-k a) x", "closes nothing"),
            ("--model Bad_Name", "--model"),
            ("--juju-version four", "such as 3.6"),
        ];
        for (line, text) in cases {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), i32::from(crate::exit::USAGE), "{line}");
            assert!(error.to_string().contains(text), "{line}: {error}");
        }
    }

    #[test]
    fn no_deploy_needs_a_model() {
        let error = parse("--no-deploy").unwrap().run.check().unwrap_err();
        assert!(error.contains("add --model NAME"), "{error}");
        assert_eq!(
            parse("--no-deploy --model web").unwrap().run.check(),
            Ok(())
        );
    }

    #[test]
    fn the_path_of_juju_means_the_same_everywhere() {
        let juju = |text: &str| parse(&format!("--juju {text}")).unwrap().run.juju.unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(juju("juju"), PathBuf::from("juju"));
        assert_eq!(juju("bin/juju"), here.join("bin/juju"));
        assert_eq!(juju("/snap/bin/juju"), PathBuf::from("/snap/bin/juju"));
    }

    #[test]
    fn a_version_asks_for_the_embedded_controller() {
        let flags = parse("--juju-version 4.0").unwrap().run;
        assert_eq!(flags.check(), Ok(()));
        assert_eq!(flags.backend_choice(), BackendChoice::Embedded);
        for line in ["--backend juju", "--controller prod", "--cloud aws"] {
            let flags = parse(&format!("--juju-version 4.0 {line}")).unwrap().run;
            let error = flags.check().unwrap_err();
            assert!(error.contains("--juju-version"), "{line}: {error}");
        }
    }

    #[test]
    fn limits_have_defaults() {
        let flags = parse("").unwrap().run;
        assert_eq!(flags.test_timeout.to_string(), "1h");
        assert_eq!(flags.teardown_timeout.to_string(), "5m");
        let endless = parse("--test-timeout 0 --teardown-timeout 0").unwrap().run;
        assert_eq!(endless.test_timeout.duration(), None);
        assert!(endless.check().is_err());
    }

    #[test]
    fn flags_become_variables() {
        let flags =
            parse("--model web --keep-models --cloud k8s --backend juju -j 3 --test-timeout 90")
                .unwrap()
                .run;
        let variables: Vec<_> = flags
            .to_env()
            .into_iter()
            .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
            .collect();
        assert_eq!(
            variables,
            [
                "CHARMTEST_BACKEND=juju",
                "CHARMTEST_TEST_TIMEOUT=1m30s",
                "CHARMTEST_TEARDOWN_TIMEOUT=5m",
                "CHARMTEST_MODEL=web",
                "CHARMTEST_KEEP_MODELS=1",
                "CHARMTEST_CLOUD=k8s",
                "CHARMTEST_JOBS=3",
            ]
        );
    }
}
