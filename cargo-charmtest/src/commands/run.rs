//! `cargo charmtest [run]`: build, choose the backend, run the modules, report.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use charmtest::juju::{
    Backend, BackendError, BackendKind, BackendOptions, kill_all_commands, quote,
};

use charmtest_controller::JujuVersion;

use crate::cli::{RunArgs, TestsArgs};
use crate::error::{Error, Kind, Result};
use crate::record;
use crate::report::{Options, Report, choose_color, say};
use crate::run::again::{self, Again};
use crate::run::module::{Common, ModulePlan};
use crate::run::scheduler::{self, Run, Stop};
use crate::run::signals::{self, Interrupt};
use crate::workspace;

/// How long choosing the backend may take before the user is told what is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The commands that a filter may have been meant as.
const COMMANDS: [&str; 9] = [
    "crash-dump",
    "clean",
    "list",
    "pack",
    "controller",
    "juju",
    "with",
    "run",
    "help",
];

/// Runs the selected charm tests and returns the exit code of the run.
///
/// # Errors
///
/// Fails on wrong usage, when nothing is selected, when the build fails, and when there is no backend.
pub(crate) fn main(mut args: RunArgs) -> Result<u8> {
    choose_color(args.tests.output.color);
    let warnings = args.tests.flags.settle(args.test_threads);
    for warning in warnings.map_err(|why| Error::new(Kind::Usage, why))? {
        say(&format!("warning: {warning}"));
    }
    let again = Again::take(&mut args.tests.flags);
    let TestsArgs {
        select,
        flags,
        cargo,
        output,
    } = &args.tests;
    let found = workspace::test_binaries(&args.tests)?;
    for binary in &found.binaries {
        for warning in &binary.description.warnings {
            say(&format!("warning: {}: {warning}", binary.executable.id()));
        }
    }
    for warning in workspace::unknown_words(flags, &found) {
        say(&format!("warning: {warning}"));
    }
    let mut plan = ModulePlan::all(found.binaries);
    if plan.is_empty() {
        return Err(nothing_selected(&select.filters));
    }
    if let Some(again) = again {
        for note in again::apply(&mut plan, again) {
            say(&format!("warning: {note}"));
        }
    }
    let program = std::env::current_exe().map_err(Error::infrastructure)?;
    let selected = select_backend(BackendOptions {
        kind: flags.backend_choice(),
        juju: flags.juju.clone(),
        controller: flags.controller().map(str::to_owned),
        cloud: flags.cloud.clone(),
        program: Some(program.clone()),
        juju_version: flags.juju_version.clone().or_else(|| common_version(&plan)),
    })?;
    let backend = match selected {
        Selected::Backend(backend) => *backend,
        Selected::Interrupted(interrupt) => return Ok(interrupt.exit_code()),
    };

    if backend.kind == BackendKind::Juju || flags.juju_version.is_some() {
        // A real Juju has a version of its own, and the command line wins over manifests.
        for module in &mut plan {
            module.executable.juju_version = None;
        }
    }
    let mut env: BTreeMap<String, OsString> = flags
        .to_env()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    env.insert("CHARMTEST_PROGRAM".to_owned(), program.into());
    let (kind, juju) = match backend.kind {
        BackendKind::Embedded => ("embedded", "cargo charmtest juju"),
        BackendKind::Juju => ("juju", "juju"),
    };
    env.insert("CHARMTEST_BACKEND".to_owned(), kind.into());
    let stop = flags.max_failures().map(Stop::after).transpose();
    let stop = stop.map_err(|error| {
        Error::infrastructure(format!("no temporary directory for --maxfail: {error}"))
    })?;
    if let Some(stop) = &stop {
        env.insert("CHARMTEST_STOP_FILE".to_owned(), stop.file().into());
    }
    match record::runs_dir() {
        Some(runs) => {
            env.insert(
                "CHARMTEST_RECORD_DIR".to_owned(),
                runs.join(record::new_id()).into(),
            );
        }
        None => say("warning: neither XDG_STATE_HOME nor HOME is set: failures are not recorded"),
    }

    let mut report = Report::new(
        &plan,
        Options {
            no_capture: args.no_capture,
            quiet: output.quiet,
            juju: juju.to_owned(),
            durations: flags.durations,
            build: cargo.options("--cargo-profile").iter().map(quote).collect(),
        },
    );
    report.backend(&backend.why);
    if common_version(&plan).is_none() {
        for line in versions(&plan) {
            report.backend(&line);
        }
    }
    let (sender, messages) = mpsc::channel();
    signals::forward(sender.clone()).map_err(Error::infrastructure)?;
    let run = Run {
        common: Common {
            selection: workspace::selection(select),
            env,
            unset: flags.unset_env(),
        },
        stop,
        jobs: jobs(&args, backend.kind),
        teardown: flags
            .teardown_timeout
            .duration()
            .expect("RunFlags::check refuses a tear-down without a limit"),
        sender,
        messages,
        report: &mut report,
    };
    let interrupted = scheduler::run(&plan, run);
    report.finish();
    if interrupted.is_none() {
        for warning in flags.charms_without_effect(report.prebuilt()) {
            say(&format!("warning: {warning}"));
        }
    }
    for warning in again::enter(report.results()) {
        say(&format!("warning: {warning}"));
    }
    Ok(scheduler::exit_code(
        &report.outcomes(),
        report.has_trouble(),
        interrupted,
    ))
}

/// Returns the version that the manifests of all modules ask for, if they agree.
fn common_version(plan: &[ModulePlan]) -> Option<String> {
    let mut versions = plan.iter().map(|module| module.executable.juju_version);
    let first = versions.next()??;
    versions
        .all(|version| version == Some(first))
        .then(|| first.to_string())
}

/// Returns a line per version of Juju that manifests ask for, with the packages that do.
fn versions(plan: &[ModulePlan]) -> Vec<String> {
    let mut packages: BTreeMap<JujuVersion, BTreeSet<&str>> = BTreeMap::new();
    for executable in plan.iter().map(|module| &module.executable) {
        if let Some(version) = executable.juju_version {
            let named = packages.entry(version).or_default();
            named.insert(&executable.package);
        }
    }
    let line = |(version, packages): (JujuVersion, BTreeSet<&str>)| {
        let packages: Vec<&str> = packages.into_iter().collect();
        format!(
            "embedded controller, Juju {}: the manifest of {} says so",
            version.number(),
            packages.join(", ")
        )
    };
    packages.into_iter().map(line).collect()
}

/// What came of asking for a backend.
enum Selected {
    Backend(Box<Backend>),
    Interrupted(Interrupt),
}

/// Selects the backend; a `juju` that does not answer does not keep ^C from ending the program.
fn select_backend(options: BackendOptions) -> Result<Selected> {
    enum Message {
        Selected(std::result::Result<Backend, BackendError>),
        Interrupt(Interrupt),
    }
    impl From<Interrupt> for Message {
        fn from(interrupt: Interrupt) -> Self {
            Self::Interrupt(interrupt)
        }
    }
    let (sender, messages) = mpsc::channel();
    signals::forward(sender.clone()).map_err(Error::infrastructure)?;
    thread::spawn(move || {
        // Nobody waits for the answer after an interruption.
        let _ = sender.send(Message::Selected(Backend::select(&options)));
    });
    let mut answer = messages.recv_timeout(PATIENCE);
    if matches!(answer, Err(RecvTimeoutError::Timeout)) {
        say("     waiting for `juju` to name its controllers");
        answer = messages.recv().map_err(RecvTimeoutError::from);
    }
    match answer.map_err(Error::infrastructure)? {
        Message::Selected(backend) => {
            let backend = backend.map_err(|error| Error::caused(Kind::Infrastructure, &error))?;
            Ok(Selected::Backend(Box::new(backend)))
        }
        Message::Interrupt(interrupt) => {
            kill_all_commands();
            Ok(Selected::Interrupted(interrupt))
        }
    }
}

/// Returns how many modules run side by side: as asked; else one with a shared model or on a real Juju, all cores otherwise.
fn jobs(args: &RunArgs, backend: BackendKind) -> usize {
    let flags = &args.tests.flags;
    if flags.model.is_some() {
        return 1;
    }
    let asked = flags.jobs.map(NonZeroUsize::get);
    asked.unwrap_or_else(|| match backend {
        BackendKind::Juju => 1,
        BackendKind::Embedded => thread::available_parallelism().map_or(1, NonZeroUsize::get),
    })
}

fn nothing_selected(filters: &[String]) -> Error {
    let error = Error::new(Kind::NothingSelected, "no charm test matches");
    match filters.iter().find(|filter| COMMANDS.iter().any(|command| is_near(filter, command))) {
        Some(word) => error.hint(format!("`{word}` was taken as a filter; a command comes first and its options after it, see `cargo charmtest --help`")),
        None => error.hint("`cargo charmtest list` shows all of them"),
    }
}

/// Says whether two words are the same but for one letter or two swapped ones.
fn is_near(a: &str, b: &str) -> bool {
    let sorted = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    a == b
        || sorted(a) == sorted(b)
        || (a.len().abs_diff(b.len()) <= 1
            && a.chars().zip(b.chars()).filter(|(x, y)| x != y).count() <= 1)
}
