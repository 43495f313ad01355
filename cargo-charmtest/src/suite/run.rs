//! Running a suite: what commands such as `generic` have in common.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::sync::mpsc::Sender;

use charmtest::harness::{Known, RunFlags};
use charmtest_sandbox::Level;

use super::SUITE_VARIABLE;
use super::file::{SuiteCharm, SuiteFile};
use super::scripts::script_name;
use crate::cli::{SelectArgs, SuiteArgs};
use crate::error::{Error, Kind, Result};
use crate::report::{FinishedTest, choose_color, print, say};
use crate::results::{CHARMS, Recording, Sink, planned};
use crate::run::again::{self, Again};
use crate::run::module::ModulePlan;
use crate::run::session::{Finished, Session};
use crate::run::together::Order;
use crate::sandbox;
use crate::workspace::{self, Executable, TestBinaries};

/// What stands for the package in the description of a suite.
pub(super) const PACKAGE: &str = CHARMS;

/// Runs a suite and reports on it; `command` is what the user would type to run it again, and `sink` gets the results for programs.
///
/// # Errors
///
/// Fails on options that make no sense for a suite, when no test is selected, and as [`Session::run`] does.
pub(crate) fn run(
    suite: &SuiteFile,
    args: SuiteArgs,
    command: &str,
    sink: Option<Sink>,
) -> Result<Finished> {
    let again = format!("{command} --lf");
    run_with(suite, args, command, again, None, sink)
}

/// Runs a suite as [`run`] does, and sends each test to `listener` as soon as it is over; `again` is what the user would type to run what
/// went wrong again.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn run_telling(
    suite: &SuiteFile,
    args: SuiteArgs,
    command: &str,
    again: String,
    listener: Sender<FinishedTest>,
) -> Result<Finished> {
    run_with(suite, args, command, again, Some(listener), None)
}

fn run_with(
    suite: &SuiteFile,
    mut args: SuiteArgs,
    command: &str,
    again: String,
    listener: Option<Sender<FinishedTest>>,
    sink: Option<Sink>,
) -> Result<Finished> {
    choose_color(args.color);
    check(&args.flags)?;
    let warnings = args.flags.settle(None);
    for warning in warnings.map_err(|why| Error::new(Kind::Usage, why))? {
        say(&format!("warning: {warning}"));
    }
    // In the order of the plan, one after the other, unless the user wants something else.
    args.flags.jobs.get_or_insert(NonZeroUsize::MIN);
    let rerun = Again::take(&mut args.flags);
    let directory = tempfile::Builder::new().prefix("charmtest-").tempdir();
    let directory = directory.map_err(|error| {
        Error::infrastructure(format!("no temporary directory for the suite: {error}"))
    })?;
    let file = directory.path().join("suite.json");
    suite.write(&file)?;
    let here = std::env::current_dir().map_err(Error::infrastructure)?;
    let variables = vec![(SUITE_VARIABLE, OsString::from(file))];
    let names = (PACKAGE, suite.name.as_str());
    let binary = Executable::of_suite(names, &here, variables, again)?;
    let binary = workspace::describe(binary, &SelectArgs::default(), &args.flags)?;
    let found = TestBinaries {
        binaries: binary.into_iter().collect(),
        known: Known::All,
    };
    for warning in workspace::unknown_words(&args.flags, &found) {
        say(&format!("warning: {warning}"));
    }
    let mut plan: Vec<ModulePlan> = found
        .binaries
        .into_iter()
        .flat_map(ModulePlan::one_per_test)
        .collect();
    if plan.is_empty() {
        return Err(
            Error::new(Kind::NothingSelected, "no test matches").hint(format!(
                "`{command} --list` without -k and -m shows all of them"
            )),
        );
    }
    if let Some(rerun) = rerun {
        for note in again::apply(&mut plan, rerun) {
            say(&format!("warning: {note}"));
        }
    }
    if args.list {
        for test in plan.iter().flat_map(|module| &module.module.tests) {
            print(&format!("{}\n", test.name));
        }
        let (code, tests) = (charmtest::exit::SUCCESS, Vec::new());
        return Ok(Finished { code, tests });
    }
    let recording = sink.map(|sink| Recording {
        sink,
        command: suite.name.clone(),
        modules: planned(&plan),
        partition: None,
        sandbox: sandbox_levels(suite, &plan),
        sources: here,
    });
    let session = Session {
        plan,
        order: Order::AsPlanned,
        flags: args.flags,
        selection: Vec::new(),
        no_capture: args.no_capture,
        quiet: args.quiet,
        build: Vec::new(),
        listener,
        recording,
        fail_on_skip: args.fail_on_skip,
        of_units: of_units(suite, sandbox::level()),
    };
    session.run()
}

/// Returns what to say of units beside scripts that are in a sandbox: the level that each script's verdict names is not that of its units.
fn of_units(suite: &SuiteFile, around: Level) -> Option<&'static str> {
    let in_sandbox = |charm: &SuiteCharm| {
        let scripts = charm.scripts.as_ref();
        scripts.is_some_and(|scripts| !scripts.names.is_empty() && scripts.sandbox != "off")
    };
    (around == Level::Plain && suite.charms.iter().any(in_sandbox)).then_some(
        "on this machine, as you, in no sandbox, whatever that of a script is; --contain puts them in one",
    )
}

/// Returns the sandbox level of each test: that around the whole run, or for scripts the better one that they ask for.
fn sandbox_levels(suite: &SuiteFile, plan: &[ModulePlan]) -> BTreeMap<String, String> {
    let around = sandbox::level();
    let mut of_request: BTreeMap<&str, Level> = BTreeMap::new();
    let mut levels = BTreeMap::new();
    for module in plan {
        let charm = suite
            .charms
            .iter()
            .find(|charm| charm.module == module.module.name);
        let scripts = charm.and_then(|charm| charm.scripts.as_ref());
        for test in &module.module.tests {
            let name = test.name.strip_prefix(&module.module.name);
            let name = name.and_then(|name| name.strip_prefix("::"));
            let of_test = scripts.filter(|scripts| {
                name.is_some_and(|name| {
                    scripts
                        .names
                        .iter()
                        .any(|script| script_name(script) == name)
                })
            });
            let own = of_test.map(|scripts| {
                *of_request
                    .entry(&scripts.sandbox)
                    .or_insert_with(|| sandbox::level_of(&scripts.sandbox))
            });
            let level = own.map_or(around, |own| own.max(around));
            levels.insert(test.name.clone(), level.name().to_owned());
        }
    }
    levels
}

/// Refuses options that a suite cannot keep to, and warns of those without an effect.
fn check(flags: &RunFlags) -> Result<()> {
    if let Some(model) = &flags.model {
        let text =
            format!("--model {model} names one model, and each of these tests has a fresh one");
        let hint = "--controller NAME says where they are made, --keep-models keeps them";
        return Err(Error::new(Kind::Usage, text).hint(hint));
    }
    if flags.model_alias.is_some() {
        say(
            "warning: --model-alias has no effect: none of these tests asks for a model by its name",
        );
    }
    Ok(())
}
