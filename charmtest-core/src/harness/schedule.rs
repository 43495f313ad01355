//! The scheduler: modules side by side, the tests of a module one after another.

use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

use super::context::Context;
use super::duration::format_duration;
use super::event::{Event, Evidence, Outcome};
use super::flag::{Either, Flag, race};
use super::module::{ModuleState, TestFiles};
use super::plan::{Choice, Plan, PlannedModule, PlannedTest, ROOT};
use super::progress::{Progress, millis};
use super::run_state::{RunState, cores};
use super::signals::Signal;
use super::test_thread::{self, BodyEnd};
use super::world::CaptureRequest;
use crate::failure::{Failure, FailureKind};

/// How long the evidence of one failure may take to collect, all steps together.
const CAPTURE_LIMIT: Duration = Duration::from_secs(120);

/// Runs a plan; returns when every module is done, tear-down included.
///
/// Exactly one `TestFinished` is emitted for every test that is not filtered out, whatever happens.
pub(super) fn run(plan: &Plan, state: &Arc<RunState>, runtime: &Handle) {
    let modules: Vec<&PlannedModule> = plan
        .modules
        .iter()
        .filter(|module| has_tests(module))
        .collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..workers(state).min(modules.len()) {
            scope.spawn(|| {
                while let Some(module) = modules.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run_module(module, state, runtime);
                }
            });
        }
    });
}

fn has_tests(module: &PlannedModule) -> bool {
    module
        .tests
        .iter()
        .any(|test| test.choice != Choice::FilteredOut)
}

/// How many modules run side by side. How many of them may have a model is the backend's matter: [`RunState`] sees to it.
fn workers(state: &RunState) -> usize {
    if state.settings.shared_model.is_some() {
        return 1;
    }
    state.settings.jobs.map_or_else(cores, NonZeroUsize::get)
}

fn run_module(module: &PlannedModule, state: &Arc<RunState>, runtime: &Handle) {
    let finished = Mutex::new(0);
    let drive = || runtime.block_on(ModuleRun::new(module, state, &finished).drive());
    if catch_unwind(AssertUnwindSafe(drive)).is_ok() {
        return;
    }
    // A fault in the harness itself must not leave anybody waiting for the rest of the module.
    let finished = *finished.lock().unwrap_or_else(PoisonError::into_inner);
    let selected = module
        .tests
        .iter()
        .filter(|test| test.choice != Choice::FilteredOut);
    for test in selected.skip(finished) {
        let verdict = Verdict::new(Outcome::Errored).because("the scheduler lost this test");
        state.emit(verdict.into_event(&test.name, Duration::ZERO));
    }
    state.emit(Event::ModuleFinished {
        module: module.name.clone(),
    });
}

/// What became of a test, but for its duration.
#[derive(Debug)]
struct Verdict {
    outcome: Outcome,
    message: Option<String>,
    location: Option<String>,
    cause: Option<String>,
    evidence: Option<Evidence>,
}

impl Verdict {
    fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            message: None,
            location: None,
            cause: None,
            evidence: None,
        }
    }

    fn because(self, message: impl Into<String>) -> Self {
        Self {
            message: Some(message.into()),
            ..self
        }
    }

    fn at(self, location: Option<String>) -> Self {
        Self { location, ..self }
    }

    fn into_event(self, test: &str, duration: Duration) -> Event {
        Event::TestFinished {
            test: test.to_owned(),
            outcome: self.outcome,
            duration_ms: millis(duration),
            message: self.message,
            location: self.location,
            cause: self.cause,
            evidence: self.evidence,
        }
    }
}

/// Why no further test of a module runs.
struct Abort {
    by: String,
    message: String,
}

/// How the run of one test ended, seen from outside.
enum TestEnd {
    Body(BodyEnd),
    OutOfTime(Stop),
    Interrupted(Stop),
    /// Its thread could not be started.
    NotStarted(io::Error),
    /// Its thread ended without a word.
    Lost,
}

/// Whether a test that was told to stop did so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Stopped,
    LeftBehind,
}

/// One module being run.
struct ModuleRun<'a> {
    module: &'a PlannedModule,
    run: &'a Arc<RunState>,
    state: Arc<ModuleState>,
    finished: &'a Mutex<usize>,
    abort: Option<Abort>,
    files: TestFiles,
}

impl<'a> ModuleRun<'a> {
    fn new(module: &'a PlannedModule, run: &'a Arc<RunState>, finished: &'a Mutex<usize>) -> Self {
        Self {
            module,
            run,
            state: Arc::new(ModuleState::new(Arc::clone(run), &module.name)),
            finished,
            abort: None,
            files: TestFiles::Remove,
        }
    }

    async fn drive(mut self) {
        self.run.emit(Event::ModuleStarted {
            module: self.module.name.clone(),
        });
        for test in &self.module.tests {
            let (verdict, duration) = match self.verdict_without_running(test) {
                Some(verdict) => (verdict, Duration::ZERO),
                None if test.choice == Choice::FilteredOut => continue,
                None => self.run_test(test).await,
            };
            if !verdict.outcome.is_success() {
                self.files = TestFiles::Keep;
            }
            self.run.emit(verdict.into_event(&test.name, duration));
            *self.finished.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
        self.state.tear_down(self.files).await;
        self.run.emit(Event::ModuleFinished {
            module: self.module.name.clone(),
        });
    }

    fn verdict_without_running(&self, test: &PlannedTest) -> Option<Verdict> {
        match &test.choice {
            Choice::FilteredOut => return None,
            Choice::Skip(reason) => {
                let verdict = Verdict::new(Outcome::Skipped);
                return Some(match reason {
                    Some(reason) => verdict.because(reason),
                    None => verdict,
                });
            }
            Choice::Run => {}
        }
        if let Some(signal) = self.run.interrupt.get() {
            return Some(Verdict::new(Outcome::Skipped).because(signal.name()));
        }
        let abort = self.abort.as_ref()?;
        Some(Verdict {
            cause: Some(abort.by.clone()),
            ..Verdict::new(Outcome::Aborted).because(&abort.message)
        })
    }

    async fn run_test(&mut self, test: &PlannedTest) -> (Verdict, Duration) {
        self.run.emit(Event::TestStarted {
            test: test.name.clone(),
        });
        let limit = test.timeout().or(self.run.settings.test_timeout);
        let progress = Arc::new(Progress::start(&test.name, limit));
        self.state.set_current(Arc::clone(&progress));
        let end = self.run_body(test, &progress).await;
        let duration = progress.elapsed();
        let mut verdict = judge(&end, limit, &progress, self.run.interrupt.get());
        if matches!(
            verdict.outcome,
            Outcome::Failed | Outcome::TimedOut | Outcome::Errored
        ) {
            verdict.evidence = self.capture(&progress, &verdict).await;
        }
        if verdict.location.is_none() && !verdict.outcome.is_success() {
            let entry = test.entry;
            verdict.location = Some(format!("{}:{}:{}", entry.file, entry.line, entry.column));
        }
        self.abort = abort_after(test, &end, &verdict, self.state.setup_error().as_deref());
        (verdict, duration)
    }

    /// Runs the body until it ends, has used up its time, or is interrupted.
    async fn run_body(&self, test: &PlannedTest, progress: &Arc<Progress>) -> TestEnd {
        let stop = Flag::new();
        let context = Context::new(Arc::clone(&self.state), Arc::clone(progress));
        let sources = Arc::clone(&self.run.settings.sources);
        let mut body = match test_thread::start(test.entry, context, stop.clone(), sources) {
            Ok(body) => body,
            Err(error) => return TestEnd::NotStarted(error),
        };
        let limits = race(self.run.interrupt.wait(), progress.out_of_time());
        let limit = match race(&mut body, limits).await {
            Either::First(Ok(end)) => return TestEnd::Body(end),
            Either::First(Err(_)) => return TestEnd::Lost,
            Either::Second(limit) => limit,
        };
        stop.set(());
        let stopped = match timeout(self.run.settings.stop_grace, body).await {
            Ok(_) => Stop::Stopped,
            Err(_) => Stop::LeftBehind,
        };
        match limit {
            Either::First(_) => TestEnd::Interrupted(stopped),
            Either::Second(()) => TestEnd::OutOfTime(stopped),
        }
    }

    /// Saves the state of the model; whatever goes wrong here is a warning.
    async fn capture(&self, progress: &Progress, verdict: &Verdict) -> Option<Evidence> {
        let site = &self.state.opened()?.site;
        let directory = evidence_directory(&self.run.settings.record_dir, progress.test());
        let request = CaptureRequest {
            directory: &directory,
            since: progress.started_at(),
            message: verdict.message.as_deref().unwrap_or_default(),
        };
        let interrupted = self.run.interrupt.wait();
        let problem = match race(interrupted, timeout(CAPTURE_LIMIT, site.capture(request))).await {
            Either::Second(Ok(Ok(evidence))) => return Some(evidence),
            Either::Second(Ok(Err(failure))) => failure.full_text(),
            Either::Second(Err(_)) => {
                format!("it took longer than {}", format_duration(CAPTURE_LIMIT))
            }
            Either::First(_) => return None,
        };
        self.run.emit(Event::Warning {
            message: format!("no evidence of `{}` was saved: {problem}", progress.test()),
        });
        None
    }
}

/// Returns `<records>/<module>/<test>`, with one directory per part of the module's path.
fn evidence_directory(records: &Path, test: &str) -> PathBuf {
    let (module, name) = test.rsplit_once("::").unwrap_or((ROOT, test));
    module
        .split("::")
        .fold(records.to_owned(), |path, part| path.join(part))
        .join(name)
}

/// Decides what became of a test that was run.
fn judge(
    end: &TestEnd,
    limit: Option<Duration>,
    progress: &Progress,
    signal: Option<Signal>,
) -> Verdict {
    match end {
        TestEnd::Body(BodyEnd::Returned(Ok(()))) => Verdict::new(Outcome::Passed),
        TestEnd::Body(BodyEnd::Returned(Err(failure))) => failed(failure),
        TestEnd::Body(BodyEnd::Panicked(panic)) => Verdict::new(Outcome::Failed)
            .because(&panic.message)
            .at(panic.location.clone()),
        TestEnd::Body(BodyEnd::Stopped) | TestEnd::Lost => {
            Verdict::new(Outcome::Errored).because("the scheduler lost this test")
        }
        TestEnd::NotStarted(error) => Verdict::new(Outcome::Errored)
            .because(format!("no thread could be started for this test: {error}")),
        TestEnd::OutOfTime(stop) => {
            let mut message = format!(
                "ran longer than {}",
                format_duration(limit.unwrap_or_default())
            );
            if let Some(seen) = progress.last_seen() {
                message = format!("{message}; {seen}");
            }
            Verdict::new(Outcome::TimedOut).because(message + left_behind(*stop))
        }
        TestEnd::Interrupted(stop) => {
            let name = signal.map_or("interrupted", Signal::name);
            Verdict::new(Outcome::Aborted).because(name.to_owned() + left_behind(*stop))
        }
    }
}

fn failed(failure: &Failure) -> Verdict {
    let outcome = match failure.kind() {
        FailureKind::Failed => Outcome::Failed,
        FailureKind::Skipped => Outcome::Skipped,
        FailureKind::Errored => Outcome::Errored,
    };
    // The place of a set-up error is in the harness, which tells nobody anything.
    let location = failure.location().filter(|_| outcome == Outcome::Failed);
    Verdict::new(outcome)
        .because(failure.full_text())
        .at(location.map(ToString::to_string))
}

fn left_behind(stop: Stop) -> &'static str {
    match stop {
        Stop::Stopped => "",
        Stop::LeftBehind => {
            "; the test blocks its thread and was left behind (await in tests, or use `spawn_blocking` for blocking work)"
        }
    }
}

/// Decides whether the rest of the module can run after a test.
fn abort_after(
    test: &PlannedTest,
    end: &TestEnd,
    verdict: &Verdict,
    setup_error: Option<&str>,
) -> Option<Abort> {
    let message = match (end, setup_error) {
        (TestEnd::OutOfTime(Stop::LeftBehind), _) => {
            format!("`{}` still blocks its thread", test.name)
        }
        (_, Some(_)) => format!("model set-up failed in {}", test.name),
        _ if test.entry.abort_on_fail && !verdict.outcome.is_success() => {
            format!("aborted by {}", test.name)
        }
        _ => return None,
    };
    Some(Abort {
        by: test.name.clone(),
        message,
    })
}
