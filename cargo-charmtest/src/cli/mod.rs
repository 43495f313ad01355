//! The command line of `cargo charmtest`.

mod run;
mod suite;
mod tools;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use charmtest::harness::{Profile, ignore_empty_variables};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub(crate) use self::run::{
    CargoArgs, ColorArg, ListArgs, ListFormat, OutputArgs, RunArgs, SelectArgs, TestsArgs,
};
pub(crate) use self::suite::{
    GenericArgs, GenericSelectArgs, InsideArgs, ScriptsArgs, SuiteArgs, reachable,
};
pub(crate) use self::tools::{
    CleanArgs, ControllerCommand, CrashDumpArgs, CrashDumpFormat, DoctorArgs, LintArgs, LintFormat,
    PackArgs, PackFormat, ProfileArgs, ReportArgs, WithArgs,
};
use crate::commands;
use crate::commands::export::ExportCommand;
use crate::commands::watch::{ReplayArgs, WatchArgs};
use crate::error::Error;
use crate::profile;
use crate::report::{heading, say};
use crate::suite::SUITE_COMMAND;

/// `cargo charmtest`, as cargo calls it: `cargo-charmtest charmtest ...`.
#[derive(Parser, Debug)]
#[command(name = "cargo", bin_name = "cargo", disable_help_subcommand = true)]
struct Cargo {
    #[command(subcommand)]
    charmtest: Subcommands,
}

#[derive(Subcommand, Debug)]
enum Subcommands {
    /// Run charm tests on the embedded controller or on a real Juju.
    #[command(
        args_conflicts_with_subcommands = true,
        disable_help_subcommand = true,
        version,
        max_term_width = 100
    )]
    Charmtest(Charmtest),
}

#[derive(Args, Debug)]
struct Charmtest {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the selected charm tests (the default).
    Run(RunArgs),
    /// List the selected charm tests.
    List(ListArgs),
    /// Pack a charm as `charmcraft pack` would, and print the name of the file.
    Pack(PackArgs),
    /// Run the generic tests of charms, which no author wrote: deploy, scale, relate, upgrade, remove and more.
    Generic(GenericArgs),
    /// Run the generic tests of charms and the scripts in their `tests/`.
    Scripts(ScriptsArgs),
    /// Check charms, bundles and their tests without running them.
    Lint(LintArgs),
    /// Watch a collection of charms, and test each set of changes: record first, then test.
    Watch(Box<WatchArgs>),
    /// Test a recorded set of changes again: the same inputs, byte for byte, without network or source repositories.
    Replay(Box<ReplayArgs>),
    /// Write the charm tests down as work for programs that have many machines: spread, GitHub Actions.
    Export {
        #[command(subcommand)]
        command: Box<ExportCommand>,
    },
    /// Merge the results of several machines or parts, as --results wrote them, and say what is missing.
    Report(ReportArgs),
    /// Destroy the models of runs that ended without doing so, as when they were killed.
    Clean(CleanArgs),
    /// Start, stop and look at the embedded controller.
    Controller {
        #[command(subcommand)]
        command: ControllerCommand,
    },
    /// Run a command of the embedded controller's `juju` by hand.
    Juju {
        /// The arguments of `juju`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Save all that Juju tells about a model in one archive, and print its name.
    CrashDump(CrashDumpArgs),
    /// Run any command with the embedded `juju` first on PATH and a data directory of its own.
    With(WithArgs),
    /// Say what of Juju is not supported, and which sandboxes this machine has.
    Doctor(DoctorArgs),
    /// Print where the embedded controller's `juju` is; for test binaries.
    #[command(hide = true)]
    EmbeddedEnv,
    /// Print what a charm says about itself; for test binaries.
    #[command(hide = true)]
    CharmInfo {
        /// A `.charm` file or a charm's directory.
        path: PathBuf,
    },
    /// Run a suite in the sandbox that this process is in, and tell of its tests on standard output; for `watch`.
    #[command(hide = true)]
    SuiteInside {
        /// The suite.
        file: PathBuf,
        /// What the user would type to run it again.
        #[arg(long, value_name = "COMMAND")]
        again: String,
        #[command(flatten)]
        suite: Box<SuiteArgs>,
    },
    /// Render templates as the JSON on standard input says; for test binaries.
    #[command(hide = true)]
    Render,
    /// Print the values of a profile; for test binaries.
    #[command(hide = true)]
    ProfileEnv(ProfileArgs),
}

/// Runs the command line `args` (without the program's own name).
pub(crate) fn main(args: Vec<OsString>) -> ExitCode {
    // The arguments of a test binary are no concern of this command line.
    if let [_, command, rest @ ..] = &args[..]
        && command == SUITE_COMMAND
    {
        return crate::suite::main(rest.to_vec());
    }
    let Charmtest { command, run } = match parse_with_profile(args) {
        Ok(charmtest) => charmtest,
        Err(WrongArgs::Line(error)) => {
            // Printing help to a closed pipe is no reason to fail.
            let _ = error.print();
            return ExitCode::from(
                u8::try_from(error.exit_code()).unwrap_or(charmtest::exit::USAGE),
            );
        }
        Err(WrongArgs::Profile(error)) => {
            say(&error.to_string());
            return ExitCode::from(error.exit_code());
        }
    };
    let result = match command.unwrap_or(Command::Run(run)) {
        Command::Run(args) if args.list => {
            if let Some(warning) = args.results.without_effect() {
                say(&format!("warning: {warning}"));
            }
            commands::list::main(args.into())
        }
        Command::Run(args) => commands::run::main(args),
        Command::List(args) => commands::list::main(args),
        Command::Generic(args) => commands::generic::main(args),
        Command::Scripts(args) => commands::scripts::main(args),
        Command::Pack(args) => commands::pack::main(&args),
        Command::Lint(args) => commands::lint::main(&args),
        Command::Watch(args) => commands::watch::main(*args),
        Command::Replay(args) => commands::watch::replay(*args),
        Command::Export { command } => commands::export::main(&command),
        Command::Report(args) => commands::report::main(&args),
        Command::Clean(args) => commands::clean::main(&args),
        Command::Controller { command } => commands::controller::main(command),
        Command::Juju { args } => commands::juju::main(args),
        Command::CrashDump(args) => commands::crash_dump::main(&args),
        Command::With(args) => commands::with::main(&args),
        Command::Doctor(args) => commands::doctor::main(args),
        Command::EmbeddedEnv => commands::embedded_env::main(),
        Command::ProfileEnv(args) => commands::profile_env::main(&args),
        Command::CharmInfo { path } => commands::charm_info::main(&path),
        Command::SuiteInside { file, again, suite } => {
            crate::suite::inside_main(&file, *suite, again)
        }
        Command::Render => commands::render::main(),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&error.to_string());
            ExitCode::from(error.exit_code())
        }
    }
}

/// What keeps a command line from being understood.
enum WrongArgs {
    Line(clap::Error),
    Profile(Error),
}

/// Understands a command line, with the values of its profile for what it does not give.
fn parse_with_profile(args: Vec<OsString>) -> Result<Charmtest, WrongArgs> {
    let plain = parse(args.clone(), &Profile::default()).map_err(WrongArgs::Line)?;
    let of_tests = |tests: &TestsArgs| {
        let manifest = tests.cargo.manifest_path.clone();
        (tests.flags.profile.clone(), manifest, tests.output.quiet)
    };
    let of_suite = |suite: &SuiteArgs| (suite.flags.profile.clone(), None, suite.quiet);
    let ((name, manifest, quiet), runs) = match &plain.command {
        None => (of_tests(&plain.run.tests), !plain.run.list),
        Some(Command::Run(run)) => (of_tests(&run.tests), !run.list),
        Some(Command::List(list)) => (of_tests(&list.tests), false),
        Some(Command::Generic(args)) => (of_suite(&args.suite), !args.suite.list),
        Some(Command::Scripts(args)) => (of_suite(&args.suite), !args.suite.list),
        Some(Command::Watch(args)) => (of_suite(&args.suite), args.command.is_none()),
        Some(Command::Replay(args)) => (of_suite(&args.suite), true),
        Some(_) => return Ok(plain),
    };
    let name = name.as_deref();
    let profile = profile::read(name, manifest.as_deref()).map_err(WrongArgs::Profile)?;
    let Some(file) = &profile.file else {
        return Ok(plain);
    };
    if runs && !quiet {
        let name = name.unwrap_or(profile::DEFAULT);
        let text = format!("{name} of {}", file.display());
        say(&heading("Profile", &text));
    }
    parse(args, &profile).map_err(WrongArgs::Line)
}

fn parse(args: Vec<OsString>, profile: &Profile) -> Result<Charmtest, clap::Error> {
    let args = std::iter::once("cargo".into()).chain(merge_dashes(args));
    let command = without_empty_variables(Cargo::command());
    let matches = with_profile(command, profile).try_get_matches_from(args)?;
    let Cargo {
        charmtest: Subcommands::Charmtest(charmtest),
    } = Cargo::from_arg_matches(&matches)?;
    Ok(charmtest)
}

fn with_profile(command: clap::Command, profile: &Profile) -> clap::Command {
    let of_subcommand = |command| with_profile(command, profile);
    profile.apply(command).mut_subcommands(of_subcommand)
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    ignore_empty_variables(command).mut_subcommands(without_empty_variables)
}

/// Takes the `--` out of a run's arguments: flags mean the same before and after it, so both sides are one command line.
///
/// Commands that pass something on (`juju`, `with`) keep theirs.
fn merge_dashes(args: Vec<OsString>) -> Vec<OsString> {
    let passes_on = |word: &OsString| word == "juju" || word == "with";
    if args.get(1).is_some_and(passes_on) {
        return args;
    }
    let dashes = args.iter().position(|arg| arg == "--");
    args.into_iter()
        .enumerate()
        .filter(|(index, _)| Some(*index) != dashes)
        .map(|(_, arg)| arg)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Charmtest, clap::Error> {
        super::parse(
            line.split_whitespace().map(Into::into).collect(),
            &Profile::default(),
        )
    }

    #[test]
    fn the_definition_is_consistent() {
        Cargo::command().debug_assert();
    }

    #[test]
    fn flags_mean_the_same_before_and_after_the_dashes() {
        let before = parse("charmtest relations --model foo --keep-models --skip slow")
            .unwrap()
            .run
            .tests;
        let after = parse("charmtest relations -- --model foo --keep-models --skip slow")
            .unwrap()
            .run
            .tests;
        assert_eq!(before.flags, after.flags);
        assert_eq!(
            (before.select.filters, before.select.skip),
            (after.select.filters, after.select.skip)
        );
        assert_eq!(
            after.flags.model.map(|model| model.to_string()).as_deref(),
            Some("foo")
        );
    }

    #[test]
    fn words_are_filters_unless_they_are_commands() {
        assert_eq!(
            parse("charmtest relations upgrade")
                .unwrap()
                .run
                .tests
                .select
                .filters,
            ["relations", "upgrade"]
        );
        assert!(
            matches!(parse("charmtest list relations").unwrap().command, Some(Command::List(args)) if args.tests.select.filters == ["relations"])
        );
        assert!(
            matches!(parse("charmtest run list").unwrap().command, Some(Command::Run(args)) if args.tests.select.filters == ["list"])
        );
    }

    #[test]
    fn what_is_passed_on_stays_as_it_is() {
        let Some(Command::Juju { args }) = parse("charmtest juju -- exec --unit a/0 -- ls -l")
            .unwrap()
            .command
        else {
            panic!("not taken as `juju`");
        };
        assert_eq!(args.join(" "), "exec --unit a/0 -- ls -l");
        let Some(Command::With(with)) =
            parse("charmtest with --keep-models -- python -m pytest -x")
                .unwrap()
                .command
        else {
            panic!("not taken as `with`");
        };
        assert!(with.keep_models);
        assert_eq!(with.command, ["python", "-m", "pytest", "-x"]);
    }

    #[test]
    fn what_is_passed_on_need_not_be_utf_8() {
        use std::os::unix::ffi::OsStringExt;

        let word = OsString::from_vec(b"caf\xe9".to_vec());
        let args = ["charmtest".into(), "with".into(), word.clone()];
        let Some(Command::With(with)) = super::parse(args.to_vec(), &Profile::default())
            .unwrap()
            .command
        else {
            panic!("not taken as `with`");
        };
        assert_eq!(with.command, [word]);
    }

    #[test]
    fn cargo_gets_its_own_flags() {
        let options = |line: &str| parse(line).unwrap().run.tests.cargo.options("--profile");
        let line = "charmtest --locked -F a,b -F c --cargo-profile fast --manifest-path d/Cargo.toml --test it";
        assert_eq!(
            options(line),
            [
                "--features",
                "a,b",
                "--features",
                "c",
                "--profile",
                "fast",
                "--manifest-path",
                "d/Cargo.toml",
                "--locked"
            ]
        );
        assert!(options("charmtest --test it -p x").is_empty());
    }

    #[test]
    fn the_juju_of_a_crash_dump_means_the_same_everywhere() {
        let juju = |path: &str| {
            let line = format!("charmtest crash-dump --juju {path}");
            match parse(&line).unwrap().command {
                Some(Command::CrashDump(args)) => args.juju.unwrap(),
                other => panic!("not taken as `crash-dump`: {other:?}"),
            }
        };
        let here = std::env::current_dir().unwrap();
        assert_eq!(juju("bin/juju"), here.join("bin/juju"));
        assert_eq!(juju("juju"), PathBuf::from("juju"));
    }

    #[test]
    fn unknown_flags_are_usage_errors() {
        for line in [
            "charmtest --no-such",
            "charmtest -- --no-such",
            "charmtest --exclude x",
            "charmtest with",
        ] {
            assert_eq!(
                parse(line).unwrap_err().exit_code(),
                i32::from(charmtest::exit::USAGE),
                "{line}"
            );
        }
    }
}
