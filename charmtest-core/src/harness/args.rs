//! The command line of a test binary: libtest's flags, and [`RunFlags`].

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::{Parser, ValueEnum};

use super::run_flags::RunFlags;

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

    /// Run only these tests; for programs that start one process per module.
    #[arg(long, value_name = "TEST", hide = true)]
    pub(super) only: Vec<String>,

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

    /// The same as --jobs.
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

    /// What the user should know about the options.
    #[arg(skip)]
    pub(super) warnings: Vec<String>,
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
    use clap::{Args, CommandFactory};

    use super::*;
    use crate::harness::{ProfileOption, profile_options};
    use crate::juju::BackendChoice;

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
            (
                "--charm-path web=/no/such.charm",
                "there is no file `/no/such.charm`",
            ),
            ("--model Bad_Name", "--model"),
            ("--model-config nosuch.yaml", "--model-config"),
            ("--model-config src", "directory"),
            ("--model-alias=", "one word"),
            ("--controller=", "one word"),
            ("--cloud=", "one word"),
            ("--juju=", "--juju"),
            ("--keep-models=perhaps", "--keep-models"),
            ("--no-deploy=perhaps", "--no-deploy"),
            ("--last-failed=perhaps", "--last-failed"),
            ("--failed-first=perhaps", "--failed-first"),
            ("--destructive-mode=perhaps", "--destructive-mode"),
            ("--no-crash-dump=perhaps", "--no-crash-dump"),
            ("--charmcraft-args", "a value is required"),
            ("--basetemp Cargo.toml", "--basetemp"),
            (
                "--crash-dump-output Cargo.toml/dumps",
                "--crash-dump-output",
            ),
            ("--teardown-timeout soon", "`soon` is not a duration"),
            ("--destroy-storage=perhaps", "--destroy-storage"),
            ("--crash-dump sometimes", "on-failure"),
            ("--crash-dump-args 'a", "is not closed"),
            ("-m slow)", "closes nothing"),
            ("--maxfail -1", "-1"),
            ("--durations many", "--durations"),
            ("--juju-max-frame-size -1", "-1"),
            ("--juju-version four", "such as 3.6"),
        ];
        for (line, text) in cases {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), i32::from(crate::exit::USAGE), "{line}");
            assert!(error.to_string().contains(text), "{line}: {error}");
        }
        for ProfileOption { flag, .. } in profile_options() {
            let mut lines = cases.iter().map(|(line, _)| line);
            let is_here = |line: &&str| line.split([' ', '=']).next() == Some(&*flag);
            assert!(lines.any(is_here), "no wrong value of {flag} is tried");
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
    fn a_model_may_name_its_controller() {
        let cases = [
            ("--model prod:bob/web", Ok((BackendChoice::Auto, "prod"))),
            (
                "--model embedded:web",
                Ok((BackendChoice::Embedded, "embedded")),
            ),
            (
                "--controller embedded",
                Ok((BackendChoice::Embedded, "embedded")),
            ),
            (
                "--controller prod --model prod:web",
                Ok((BackendChoice::Auto, "prod")),
            ),
            ("--controller prod --model test:web", Err("is on another")),
            (
                "--backend embedded --model prod:web",
                Err("has one controller"),
            ),
            ("--juju-version 4.0 --model prod:web", Err("--juju-version")),
        ];
        for (line, expected) in cases {
            let flags = parse(line).unwrap().run;
            match (flags.check(), expected) {
                (Ok(()), Ok((backend, controller))) => {
                    assert_eq!(flags.backend_choice(), backend, "{line}");
                    assert_eq!(flags.controller(), Some(controller), "{line}");
                }
                (Err(error), Err(text)) => assert!(error.contains(text), "{line}: {error}"),
                (said, _) => panic!("{line}: {said:?}"),
            }
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

    #[test]
    fn every_flag_reaches_a_test_binary_that_is_started() {
        let line = "--model web --model-alias main --model-config Cargo.toml --keep-models --destroy-storage --no-deploy \
            --controller c --cloud k8s --backend juju --juju /bin/juju --juju-version 3.6 -j 3 -k a -m b --maxfail 2 \
            --lf --ff --durations 5 --basetemp tmp --juju-max-frame-size 9 --destructive-mode --charmcraft-args=--a \
            --charmcraft-args -b --charm-path web=Cargo.toml --crash-dump never --crash-dump-output out --crash-dump-args=-x --test-timeout 9s";
        let flags = parse(line).unwrap().run;
        let variables = flags.to_env();
        let command = RunFlags::augment_args(clap::Command::new("t"));
        for variable in command.get_arguments().filter_map(clap::Arg::get_env) {
            let handed_on = variables.iter().any(|(name, _)| *name == variable);
            // The deprecated flag is handed on as what it means, and a profile as its values.
            assert_eq!(
                handed_on,
                variable != "CHARMTEST_NO_CRASH_DUMP" && variable != "CHARMTEST_PROFILE",
                "{variable:?}"
            );
        }
        let value = |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.to_str().unwrap().to_owned())
        };
        assert_eq!(value("CHARMTEST_CHARMCRAFT_ARGS").unwrap(), "--a\n-b");
        let here = std::env::current_dir().unwrap();
        let charm = format!("web={}", here.join("Cargo.toml").display());
        assert_eq!(
            value("CHARMTEST_CHARM_PATH"),
            Some(charm),
            "in any directory"
        );
    }
}
