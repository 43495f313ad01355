//! A run of modules from choosing the backend to its exit code: what all commands that run tests have in common.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use charmtest::harness::{Outcome, RunFlags};
use charmtest::juju::{Backend, BackendError, BackendKind, BackendOptions, kill_all_commands};
use charmtest_controller::JujuVersion;

use super::again;
use super::module::{Common, ModulePlan};
use super::scheduler::{self, Run, Stop};
use super::signals::{self, Interrupt};
use super::together::{Order, processes};
use crate::error::{Error, Kind, Result};
use crate::record;
use crate::report::{FinishedTest, Options, Report, say};
use crate::results::{Recording, VARIABLES};

/// How long choosing the backend may take before the user is told what is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tests that are about to run.
#[derive(Debug)]
pub(crate) struct Session {
    /// The modules, in the order of the report.
    pub(crate) plan: Vec<ModulePlan>,
    /// In which order their processes start.
    pub(crate) order: Order,
    /// How they run; settled, and without what [`Again::take`](super::again::Again::take) takes.
    pub(crate) flags: RunFlags,
    /// The arguments by which a test binary selects the same tests.
    pub(crate) selection: Vec<String>,
    /// Show the output of passing tests too.
    pub(crate) no_capture: bool,
    /// Say only what went wrong, and the summary.
    pub(crate) quiet: bool,
    /// The options with which the tests were built, for a shell.
    pub(crate) build: Vec<String>,
    /// Who wants each test as soon as it is over.
    pub(crate) listener: Option<Sender<FinishedTest>>,
    /// Where results go for programs to read, if anywhere.
    pub(crate) recording: Option<Recording>,
    /// Fail also when tests were skipped.
    pub(crate) fail_on_skip: bool,
    /// What to say of the units if they run on this machine.
    pub(crate) of_units: Option<&'static str>,
}

/// What came of a session.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code.
    pub(crate) code: u8,
    /// The tests with their outcomes, in the order of the plan; none if the run was interrupted before it began.
    pub(crate) tests: Vec<FinishedTest>,
}

impl Session {
    /// Chooses the backend, runs the modules and reports on them.
    ///
    /// # Errors
    ///
    /// Fails when there is no backend, and when a signal cannot be caught.
    pub(crate) fn run(self) -> Result<Finished> {
        let Self {
            mut plan,
            order,
            flags,
            selection,
            no_capture,
            quiet,
            build,
            listener,
            recording,
            fail_on_skip,
            of_units,
        } = self;
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
            Selected::Interrupted(interrupt) => {
                let (code, tests) = (interrupt.exit_code(), Vec::new());
                return Ok(Finished { code, tests });
            }
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
        let begin = |recording: Recording| {
            recording.begin(kind, &backend.version, flags.juju_version.as_deref())
        };
        let recorder = recording.map(begin).transpose()?;
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
            None => {
                say("warning: neither XDG_STATE_HOME nor HOME is set: failures are not recorded")
            }
        }

        let processes = processes(&plan, order);
        let mut report = Report::new(
            &plan,
            &processes,
            Options {
                no_capture,
                quiet,
                juju: juju.to_owned(),
                durations: flags.durations,
                build,
                listener,
            },
        );
        if let Some(recorder) = recorder {
            report.record_to(recorder);
        }
        report.backend(&backend.why);
        if let Some(text) = of_units.filter(|_| backend.kind == BackendKind::Embedded) {
            report.units(text);
        }
        if common_version(&plan).is_none() {
            for line in versions(&plan) {
                report.backend(&line);
            }
        }
        let (sender, messages) = mpsc::channel();
        signals::forward(sender.clone()).map_err(Error::infrastructure)?;
        let run = Run {
            common: Common {
                selection,
                env,
                unset: [flags.unset_env(), VARIABLES.map(str::to_owned).to_vec()].concat(),
            },
            stop,
            jobs: jobs(&flags, backend.kind),
            teardown: flags
                .teardown_timeout
                .duration()
                .expect("RunFlags::check refuses a tear-down without a limit"),
            sender,
            messages,
            report: &mut report,
        };
        let interrupted = scheduler::run(&plan, &processes, run);
        report.finish();
        if interrupted.is_none() {
            for warning in flags.charms_without_effect(report.prebuilt()) {
                say(&format!("warning: {warning}"));
            }
        }
        for warning in again::enter(report.results()) {
            say(&format!("warning: {warning}"));
        }
        let outcomes = report.outcomes();
        let mut code = scheduler::exit_code(&outcomes, report.has_trouble(), interrupted);
        if fail_on_skip && code == charmtest::exit::SUCCESS && outcomes.contains(&Outcome::Skipped)
        {
            say("warning: tests were skipped, which fails the run (--fail-on-skip)");
            code = charmtest::exit::FAILED;
        }
        let (code, unwritten) = report.end_record(code);
        for what in unwritten {
            say(&format!("warning: results are not complete: {what}"));
        }
        Ok(Finished {
            code,
            tests: report.tests(),
        })
    }
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
fn jobs(flags: &RunFlags, backend: BackendKind) -> usize {
    if flags.model.is_some() {
        return 1;
    }
    let asked = flags.jobs.map(NonZeroUsize::get);
    asked.unwrap_or_else(|| match backend {
        BackendKind::Juju => 1,
        BackendKind::Embedded => thread::available_parallelism().map_or(1, NonZeroUsize::get),
    })
}
