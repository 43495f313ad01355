//! The scheduler: modules side by side, the tests of a module one after another.

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
use super::fixtures;
use super::flag::{Either, Flag, race};
use super::module::{ModuleState, TestFiles};
use super::plan::{Choice, Plan, PlannedModule, PlannedTest, ROOT};
use super::progress::Progress;
use super::run_state::{RunState, cores};
use super::test_thread;
use super::verdict::{Abort, Stop, TestEnd, Verdict, abort_after, can_try_again, judge};
use crate::diagnose::Capture;
use crate::fixture::FixtureCache;

/// How long the evidence of one failure may take to collect, all steps together.
const CAPTURE_LIMIT: Duration = Duration::from_secs(120);

/// How much longer it may take to save what was collected within the limit.
const CAPTURE_GRACE: Duration = Duration::from_secs(30);

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
    runtime.block_on(fixtures::tear_down(state.fixtures(), state, "the run"));
    state.world.remove_files();
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
        if let Some(abort) = &self.abort {
            let verdict = Verdict::new(Outcome::Aborted).because(&abort.message);
            return Some(verdict.caused_by(&abort.by));
        }
        let enough = self.run.enough()?;
        Some(Verdict::new(Outcome::Skipped).because(enough))
    }

    /// Runs a test, and again as often as it may be tried.
    async fn run_test(&mut self, test: &PlannedTest) -> (Verdict, Duration) {
        self.run.emit(Event::TestStarted {
            test: test.name.clone(),
        });
        let attempts = test.treatment.retries.saturating_add(1);
        let mut attempt = 1;
        let mut earlier: Option<Verdict> = None;
        let mut spent = Duration::ZERO;
        loop {
            let (end, verdict, took) = self.attempt(test, attempt).await;
            spent += took;
            if attempt < attempts
                && can_try_again(&end, &verdict)
                && self.run.interrupt.get().is_none()
            {
                self.run.emit(
                    verdict
                        .clone()
                        .into_retry(&test.name, took, attempt, attempts),
                );
                earlier = Some(verdict);
                attempt += 1;
                continue;
            }
            let verdict = verdict.after_attempts(attempt, attempts, earlier.as_ref());
            let setup_error = self.state.setup_error();
            self.abort = abort_after(
                &test.name,
                &test.treatment,
                &end,
                &verdict,
                setup_error.as_deref(),
            );
            return (verdict, spent);
        }
    }

    /// Runs a test once.
    async fn attempt(&self, test: &PlannedTest, attempt: u32) -> (TestEnd, Verdict, Duration) {
        let treatment = &test.treatment;
        let limit = treatment.timeout.or(self.run.settings.test_timeout);
        let progress = Arc::new(Progress::start(&test.name, limit));
        self.state.set_current(Arc::clone(&progress));
        let fixtures = Arc::default();
        let end = self.run_body(test, &progress, &fixtures).await;
        let took = progress.elapsed();
        let signal = self.run.interrupt.get();
        let mut verdict = judge(&end, limit, progress.last_seen(), signal, treatment.xfail);
        if verdict.outcome == Outcome::Passed {
            verdict.message = progress.remarks();
        }
        if verdict.needs_evidence() {
            let attempt = (treatment.retries > 0).then_some(attempt);
            verdict.evidence = self.capture(&progress, &verdict, attempt).await;
        }
        // After the capture, which learns of secrets too.
        if let (Some(message), Some(juju)) = (&mut verdict.message, self.run.world.juju()) {
            *message = juju.transcript().masker().mask(message);
        }
        if verdict.location.is_none() && !verdict.outcome.is_success() {
            verdict.location = Some(test.entry.place());
        }
        fixtures::tear_down(&fixtures, self.run, &format!("test `{}`", test.name)).await;
        (end, verdict, took)
    }

    /// Runs the body until it ends, has used up its time, or is interrupted.
    async fn run_body(
        &self,
        test: &PlannedTest,
        progress: &Arc<Progress>,
        fixtures: &Arc<FixtureCache>,
    ) -> TestEnd {
        let stop = Flag::new();
        let context = Context::new(
            test.entry,
            Arc::clone(&self.state),
            Arc::clone(progress),
            Arc::clone(fixtures),
        );
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
    async fn capture(
        &self,
        progress: &Progress,
        verdict: &Verdict,
        attempt: Option<u32>,
    ) -> Option<Evidence> {
        let site = &self.state.opened()?.site;
        let mut directory = evidence_directory(&self.run.settings.record_dir, progress.test());
        if let Some(attempt) = attempt {
            directory.push(format!("attempt-{attempt}"));
        }
        let request = Capture {
            directory: &directory,
            since: progress.started_at(),
            message: verdict.message.as_deref().unwrap_or_default(),
            limit: CAPTURE_LIMIT,
        };
        let interrupted = self.run.interrupt.wait();
        let problem = match race(
            interrupted,
            timeout(CAPTURE_LIMIT + CAPTURE_GRACE, site.capture(request)),
        )
        .await
        {
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

/// Returns `<records>/<module>/<test>`, with one directory per part of the module's path. The name of a case, or of
/// a suite's module, may hold what cannot be in the name of a directory.
pub(super) fn evidence_directory(records: &Path, test: &str) -> PathBuf {
    let (module, name) = test.rsplit_once("::").unwrap_or((ROOT, test));
    let parts = module.split("::").chain([name]);
    parts.fold(records.to_owned(), |path, part| {
        path.join(part.replace('%', "%25").replace('/', "%2F"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_has_a_directory_for_each_test() {
        for (test, expected) in [
            ("deploy", "r/crate/deploy"),
            ("relations::sub::deploy", "r/relations/sub/deploy"),
            ("relations::scale[one]", "r/relations/scale[one]"),
            (
                "web@24.04/main::10-basic.test",
                "r/web@24.04%2Fmain/10-basic.test",
            ),
            ("scale[14/edge]", "r/crate/scale[14%2Fedge]"),
            ("scale[14%2Fedge]", "r/crate/scale[14%252Fedge]"),
        ] {
            assert_eq!(
                evidence_directory(Path::new("r"), test),
                Path::new(expected)
            );
        }
    }
}
