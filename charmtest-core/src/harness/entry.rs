//! The way from a test binary's command line to its exit code.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use tokio::runtime::{Builder, Runtime};

use super::args::{FormatArg, TestArgs, ignore_empty_variables};
use super::event::Event;
use super::flag::Flag;
use super::juju_world::{JujuWorld, TRANSCRIPT_FILE};
use super::last_failed::{Base, LastFailed};
use super::ledger::Ledger;
use super::panics::SourceRoot;
use super::plan::{Choice, Comparison, Deploying, Ignored, Plan, Selection};
use super::profile::{Answer, Profile, key_of};
use super::report::lines::{self, ListForm};
use super::report::plain::{self, Style};
use super::rerun::Rerun;
use super::run_state::{Keep, RunState, Settings};
use super::signals;
use super::unknown_words::Known;
use super::world::World;
use super::{durations, files, one_process, record, rerun, schedule};
use crate::exit;
use crate::juju::{BackendOptions, kill_all_commands};
use crate::registry::{ModuleEntry, TestEntry};

/// How long a test that was told to stop may take to reach its next await.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Runs the charm tests of a target; [`charmtest::main!`](crate::main) calls it.
#[must_use]
pub fn main(package: &str, target: &str) -> ExitCode {
    main_with(env::args_os(), package, target, &Tests::Registered)
}

/// Where the tests come from.
pub(super) enum Tests {
    /// `#[charm_test]` registered them.
    Registered,
    /// The program made them.
    Made(Vec<&'static TestEntry>),
}

/// Runs tests by a command line, the program's name first.
pub(super) fn main_with(
    arguments: impl Iterator<Item = OsString>,
    package: &str,
    target: &str,
    tests: &Tests,
) -> ExitCode {
    let code = match parse(arguments, target) {
        Ok(args) => run(&args, package, target, tests),
        Err(error) => {
            // Help goes to standard output, complaints to standard error; a closed pipe is no reason to panic.
            let _ = error.print();
            u8::try_from(error.exit_code()).unwrap_or(exit::USAGE)
        }
    };
    ExitCode::from(code)
}

/// The variables of options that a profile may have and that only `cargo charmtest` knows.
const OF_PROGRAM: [&str; 2] = ["CHARMTEST_RESULTS", "CHARMTEST_JUNIT"];

fn parse(arguments: impl Iterator<Item = OsString>, target: &str) -> Result<TestArgs, clap::Error> {
    let arguments: Vec<OsString> = arguments.collect();
    let parse = |profile: &Profile| {
        let command = profile.apply(command(target));
        TestArgs::from_arg_matches(&command.try_get_matches_from(&arguments)?)
    };
    let usage = |kind, text: String| command(target).error(kind, text);
    let mut args = parse(&Profile::default())?;
    let mut unread = None;
    let mut without_effect: BTreeSet<&str> = BTreeSet::new();
    // A program that starts test binaries has read the profile, and gives its values as variables.
    if !is_set("CHARMTEST_EVENTS") && !is_set("CHARMTEST_DESCRIBE") {
        let program = env::var_os("CHARMTEST_PROGRAM").filter(|path| !path.is_empty());
        let asked = Profile::ask(
            args.run.profile.as_deref(),
            program.as_deref().map(Path::new),
        );
        match asked.map_err(|text| usage(ErrorKind::InvalidValue, text))? {
            Answer::Profile(profile) if profile.values.is_empty() => {}
            Answer::Profile(profile) => {
                args = parse(&profile)?;
                let of_profile = |name: &&str| profile.values.contains_key(*name);
                without_effect.extend(OF_PROGRAM.into_iter().filter(of_profile));
            }
            Answer::Unread(why) => unread = Some(why),
        }
        without_effect.extend(OF_PROGRAM.into_iter().filter(|name| is_set(name)));
    }
    let settled = args.run.settle(args.test_threads);
    args.warnings = settled.map_err(|text| usage(ErrorKind::MissingRequiredArgument, text))?;
    args.warnings.extend(unread);
    args.warnings.extend(without_effect.into_iter().map(|name| {
        let (key, shown) = (key_of(name), is_set(name).then_some(name));
        let shown = shown.map_or_else(|| format!("`{key}` in the profile"), str::to_owned);
        format!("{shown} has no effect here: it is an option of `cargo charmtest`")
    }));
    if let Some(path) = &args.logfile {
        File::create(path).map_err(|error| {
            usage(
                ErrorKind::Io,
                format!("--logfile {}: {error}", path.display()),
            )
        })?;
    }
    Ok(args)
}

/// The command line, under the name of the target: the file's own name ends in a hash.
fn command(target: &str) -> clap::Command {
    ignore_empty_variables(TestArgs::command()).bin_name(target)
}

fn run(args: &TestArgs, package: &str, target: &str, tests: &Tests) -> u8 {
    let mut plan = plan(args, tests, &selection(args));
    if let Err(text) = check_modules(&args.modules, &plan, target) {
        let _ = command(target).error(ErrorKind::InvalidValue, text).print();
        return exit::USAGE;
    }
    let record = LastFailed::of(&package_dir(), target, |name| env::var_os(name));
    let mut warnings = args.warnings.clone();
    if !args.only.is_empty() {
        plan.keep_only(&args.only.iter().cloned().collect());
    }
    if let Some(rerun) = rerun(args) {
        warnings.extend(rerun::apply(&mut plan, rerun, &record));
    }
    if !is_set("CHARMTEST_DESCRIBE") {
        let unknown = args.run.warn_of(plan.unknown_words(), Known::Some);
        warnings.extend(unknown.iter().map(|text| in_target(text, target)));
    }
    if args.list {
        list(args, &plan, package, target);
        return exit::SUCCESS;
    }
    if let Some(all) = in_all_processes(args, |selection| self::plan(args, tests, selection)) {
        warnings.extend(one_process::made_elsewhere_too(&plan, &all));
    }
    let runtime = match Builder::new_multi_thread()
        .enable_all()
        .thread_name("charmtest")
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            lines::note(&format!("error: no runtime could be started: {error}"));
            return exit::TEST_FAILED;
        }
    };
    let settings = settings(args, target, plan.a_source_file());
    let world = JujuWorld::new(backend_options(args), settings.clone());
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let record_dir = settings.record_dir.clone();
    let world: Arc<dyn World> = Arc::new(world);
    let code = execute(
        args,
        &plan,
        &warnings,
        settings,
        Arc::clone(&world),
        &runtime,
        &ledger,
    );
    let lost = world.juju().and_then(|juju| juju.transcript().lost());
    if let Some(lost) = lost {
        let message = format!(
            "{} is not complete: {lost}",
            record_dir.join(TRANSCRIPT_FILE).display()
        );
        match is_set("CHARMTEST_EVENTS") {
            true => lines::event(&Event::Warning { message }),
            false => lines::note(&format!("warning: {message}")),
        }
    }
    if !is_set("CHARMTEST_EVENTS") {
        let interrupted = [exit::INTERRUPTED, exit::TERMINATED].contains(&code);
        close(args, target, &lock(&ledger), &record, interrupted);
    }
    // A test that blocks its thread, or a task that a test spawned, must not keep the process.
    runtime.shutdown_background();
    kill_all_commands();
    code
}

fn plan(args: &TestArgs, tests: &Tests, selection: &Selection) -> Plan {
    if args.bench {
        return Plan::new([], [], &Selection::default());
    }
    match tests {
        Tests::Registered => {
            let tests = inventory::iter::<TestEntry>.into_iter();
            let modules = inventory::iter::<ModuleEntry>.into_iter();
            Plan::new(tests, modules, selection)
        }
        Tests::Made(tests) => {
            let mut plan = Plan::new(tests.iter().copied(), [], selection);
            plan.in_order_of_tests();
            plan
        }
    }
}

/// Runs the plan and reports on it; returns the exit code.
fn execute(
    args: &TestArgs,
    plan: &Plan,
    warnings: &[String],
    settings: Settings,
    world: Arc<dyn World>,
    runtime: &Runtime,
    ledger: &Arc<Mutex<Ledger>>,
) -> u8 {
    let interrupt = Flag::new();
    let at_second_signal = {
        let ledger = Arc::clone(ledger);
        Arc::new(move || {
            lock(&ledger)
                .closing_lines()
                .iter()
                .for_each(|line| lines::note(line))
        })
    };
    let (printer, desk) = if is_set("CHARMTEST_EVENTS") {
        (None, None)
    } else {
        let (printer, desk) = plain::report(plan, &style(args));
        (Some(printer), Some(desk))
    };
    let sink = {
        let ledger = Arc::clone(ledger);
        move |event: Event| {
            lock(&ledger).enter(&event);
            match &desk {
                Some(desk) => desk.hear(&event),
                None => lines::event(&event),
            }
        }
    };
    if let Err(error) = signals::listen(runtime.handle(), interrupt.clone(), at_second_signal) {
        let message = format!("^C will not tear down: {error}");
        sink(Event::Warning { message });
    }
    if is_set("CHARMTEST_EVENTS") {
        signals::end_with_parent(runtime.handle(), interrupt.clone());
    }
    for message in warnings {
        let message = message.clone();
        sink(Event::Warning { message });
    }
    if settings.shared_model.is_none() {
        plan.warnings()
            .into_iter()
            .for_each(|message| sink(Event::Warning { message }));
    }
    let state = RunState::new(world, settings, interrupt.clone(), Box::new(sink));
    thread::scope(|scope| {
        // The scheduler owns the sink: when it ends, however it ends, nobody waits for another verdict.
        let handle = runtime.handle();
        let scheduler = scope.spawn(move || {
            let state = Arc::new(state);
            schedule::run(plan, &state, handle);
        });
        if let Some(printer) = printer {
            printer.print();
        }
        scheduler.join()
    })
    .map_or(exit::TEST_FAILED, |()| {
        lock(ledger).exit_code(interrupt.get())
    })
}

/// Says what is left to say after the report, and keeps what failed for the next run.
fn close(args: &TestArgs, target: &str, ledger: &Ledger, record: &LastFailed, interrupted: bool) {
    let mut closing = Vec::new();
    if let Some(limit) = args.run.durations {
        closing.extend(durations::lines(&ledger.durations(), limit));
    }
    closing.extend(ledger.closing_lines());
    // A process of nextest runs one module, and knows nothing of the others.
    if !interrupted && !is_set("NEXTEST") {
        let unused = args.run.charms_without_effect(ledger.prebuilt());
        let unused = unused.iter().map(|text| in_target(text, target));
        closing.extend(unused.map(|text| format!("warning: {text}")));
    }
    if let Err(error) = record.enter(&ledger.outcomes()) {
        closing.push(format!(
            "warning: --last-failed will not know of this run: {error}"
        ));
    }
    closing.iter().for_each(|line| lines::note(line));
}

/// Says of which target something is true: `cargo test` runs one after another with the same options.
fn in_target(text: &str, target: &str) -> String {
    format!("{text} (target `{target}`)")
}

fn rerun(args: &TestArgs) -> Option<Rerun> {
    match (args.run.last_failed, args.run.failed_first) {
        (true, _) if args.run.model.is_some() => Some(Rerun::Only(Base::Model)),
        (true, _) => Some(Rerun::Only(Base::Tests)),
        (false, true) => Some(Rerun::First),
        (false, false) => None,
    }
}

/// Returns the directory of the package: cargo runs a test binary in it.
fn package_dir() -> PathBuf {
    env::current_dir().unwrap_or_else(|_| PathBuf::from("."))
}

fn list(args: &TestArgs, plan: &Plan, package: &str, target: &str) {
    if env::var_os("CHARMTEST_DESCRIBE").is_some_and(|form| form == "json") {
        lines::description(&plan.describe(package, target));
        return;
    }
    let form = match args.format {
        Some(FormatArg::Terse) => ListForm::Terse,
        None if args.quiet => ListForm::Terse,
        _ => ListForm::Pretty,
    };
    if is_set("NEXTEST") {
        // nextest runs what it lists, one process each and in any order: a module is what can be run so.
        lines::list(&listed_modules(plan, ignored(args)), form);
        return;
    }
    let selected = plan
        .tests()
        .filter(|test| test.choice != Choice::FilteredOut);
    lines::list(
        &selected.map(|test| test.name.as_str()).collect::<Vec<_>>(),
        form,
    );
}

/// Returns the modules that nextest may run; among the ignored ones are only those whose tests are all ignored.
fn listed_modules(plan: &Plan, ignored: Ignored) -> Vec<&str> {
    let listed = plan.modules.iter().filter(|module| match ignored {
        Ignored::Only => module
            .tests
            .iter()
            .all(|test| test.treatment.ignore.is_some()),
        Ignored::Show | Ignored::Include => true,
    });
    listed
        .filter(|module| {
            module
                .tests
                .iter()
                .any(|test| test.choice != Choice::FilteredOut)
        })
        .map(|module| module.name.as_str())
        .collect()
}

/// Returns what else is run for the target by whoever started this process, if that may be in other processes.
fn in_all_processes(args: &TestArgs, plan: impl Fn(&Selection) -> Plan) -> Option<Plan> {
    if is_set("NEXTEST") {
        // What it selects it does not tell.
        return Some(plan(&Selection::default()));
    }
    is_set("CHARMTEST_EVENTS").then(|| {
        let mut all = plan(&Selection {
            modules: Vec::new(),
            ..selection(args)
        });
        if !args.only.is_empty() {
            all.keep_only(&args.only.iter().cloned().collect());
        }
        all
    })
}

fn check_modules(wanted: &[String], plan: &Plan, target: &str) -> Result<(), String> {
    let names: Vec<&str> = plan
        .modules
        .iter()
        .map(|module| module.name.as_str())
        .collect();
    match wanted
        .iter()
        .find(|module| !names.contains(&module.as_str()))
    {
        Some(module) => Err(format!(
            "target `{target}` has no module `{module}` with charm tests; it has: {}",
            names.join(", ")
        )),
        None => Ok(()),
    }
}

fn selection(args: &TestArgs) -> Selection {
    Selection {
        filters: args.filters.clone(),
        skips: args.skip.clone(),
        comparison: if args.exact {
            Comparison::Whole
        } else {
            Comparison::Part
        },
        expression: args.run.expression.clone(),
        tags: args.run.tags.clone(),
        modules: args.modules.clone(),
        ignored: ignored(args),
        deploying: deploying(args),
    }
}

fn ignored(args: &TestArgs) -> Ignored {
    match (args.ignored, args.include_ignored) {
        (true, _) => Ignored::Only,
        (false, true) => Ignored::Include,
        (false, false) => Ignored::Show,
    }
}

fn deploying(args: &TestArgs) -> Deploying {
    if args.run.no_deploy {
        Deploying::Forbidden
    } else {
        Deploying::Allowed
    }
}

fn settings(args: &TestArgs, target: &str, file: &str) -> Settings {
    let package_dir = package_dir();
    Settings {
        target: target.to_owned(),
        jobs: args.run.jobs.or(args.test_threads),
        shared_model: args.run.model.as_ref().map(ToString::to_string),
        model_alias: args.run.model_alias.as_deref().unwrap_or("main").to_owned(),
        model_config: args.run.model_config.clone(),
        model_options: args.run.model_options(),
        destroy_storage: args.run.destroy_storage,
        crash_dump: args.run.crash_dump.settings(),
        pack: args.run.pack.options(),
        base_temp: files::base(args.run.basetemp.as_deref(), |name| env::var_os(name)),
        stop_file: env::var_os("CHARMTEST_STOP_FILE")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from),
        max_failures: args.run.max_failures(),
        keep: if args.run.keep_models {
            Keep::Always
        } else {
            Keep::Never
        },
        one_of_several: is_set("CHARMTEST_EVENTS") || is_set("NEXTEST"),
        deploying: deploying(args),
        test_timeout: args.run.test_timeout.duration(),
        teardown_timeout: args.run.teardown_timeout.duration().unwrap_or(STOP_GRACE),
        stop_grace: STOP_GRACE,
        record_dir: record::directory(
            |name| env::var_os(name),
            SystemTime::now(),
            std::process::id(),
        ),
        sources: Arc::new(SourceRoot::find(&package_dir, file)),
        package_dir,
    }
}

fn backend_options(args: &TestArgs) -> BackendOptions {
    BackendOptions {
        kind: args.run.backend_choice(),
        juju: args.run.juju.clone(),
        controller: args.run.controller().map(str::to_owned),
        cloud: args.run.cloud.clone(),
        program: env::var_os("CHARMTEST_PROGRAM")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from),
        juju_version: args.run.juju_version.clone(),
    }
}

fn style(args: &TestArgs) -> Style {
    Style {
        format: if args.quiet {
            Some(FormatArg::Terse)
        } else {
            args.format
        },
        color: args.color,
        logfile: args.logfile.clone(),
    }
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
