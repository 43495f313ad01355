//! The report of a run: a reader of the event stream that keeps what the summary needs.

mod merged;
mod output;
mod plain;
mod progress;
mod style;
mod summary;

pub(crate) use merged::summary as merged_summary;
pub(crate) use plain::{hand_on, is_obeyed, plain, shows_colours};
pub(crate) use style::heading;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitStatus;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use charmtest::harness::{Event, Evidence, Outcome};

use crate::cli::ColorArg;
use crate::results::{Attempt, Recorder};
use crate::run::module::ModulePlan;
use crate::run::process::describe;
use crate::run::scheduler::{Job, Streams};
use crate::run::together::ProcessPlan;
use output::Output;
use progress::{Progress, Waiting};

/// How a run reports.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Show the output of passing tests too, as it comes.
    pub(crate) no_capture: bool,
    /// Only what went wrong, and the summary.
    pub(crate) quiet: bool,
    /// How the user calls the backend's `juju`.
    pub(crate) juju: String,
    /// The options with which the tests were built, for a shell.
    pub(crate) build: Vec<String>,
    /// How many of the slowest tests to show; all for 0.
    pub(crate) durations: Option<usize>,
    /// Who wants each test as soon as it is over.
    pub(crate) listener: Option<Sender<FinishedTest>>,
}

/// What is known of one module.
#[derive(Debug)]
struct Module {
    plan: ModulePlan,
    tests: BTreeMap<String, TestResult>,
    /// The tests that were started.
    started: BTreeSet<String>,
    running: Option<(String, Instant)>,
    output: Output,
    models: BTreeMap<String, ModelEnd>,
    /// Clouds that could not be removed.
    clouds: Vec<LeftCloud>,
    /// What was said of fixtures that could not be torn down.
    fixtures: Vec<String>,
    /// What is wrong with the module's process although nothing is with its tests.
    trouble: Option<String>,
    /// The version of Juju that its process said it has.
    juju: Option<String>,
    /// How often the running test was tried before.
    retries: u32,
}

/// What came of one test.
#[derive(Debug, Clone)]
struct TestResult {
    outcome: Outcome,
    took: Duration,
    message: Option<String>,
    location: Option<String>,
    evidence: Option<Evidence>,
    output: Output,
}

impl TestResult {
    /// Returns the result of a test that did not run.
    fn without_running(outcome: Outcome, why: &str) -> Self {
        Self {
            outcome,
            took: Duration::ZERO,
            message: Some(why.to_owned()),
            location: None,
            evidence: None,
            output: Output::default(),
        }
    }
}

/// A test of a run that is over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FinishedTest {
    /// Its module.
    pub(crate) module: String,
    /// Its full name.
    pub(crate) name: String,
    /// The outcome.
    pub(crate) outcome: Outcome,
    /// How long it ran.
    pub(crate) took: Duration,
    /// Why it did not pass, or its note.
    pub(crate) message: Option<String>,
    /// The directory with what was captured.
    pub(crate) evidence: Option<String>,
    /// The last lines that it wrote.
    pub(crate) output: Vec<String>,
}

/// What became of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ModelEnd {
    InUse,
    Kept(String),
    Destroyed,
    Left(String),
}

/// A cloud that a test added and that could not be removed.
#[derive(Debug)]
struct LeftCloud {
    cloud: String,
    controller: String,
    why: String,
}

impl fmt::Display for LeftCloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cloud {} is left over: {}", self.cloud, self.why)
    }
}

/// Tells the user what happens, and keeps what the summary needs.
#[derive(Debug)]
pub(crate) struct Report {
    options: Options,
    started: Instant,
    modules: Vec<Module>,
    /// The modules of each process.
    processes: Vec<ProcessPlan>,
    progress: Progress,
    backend_named: bool,
    interrupted: bool,
    warned: BTreeSet<String>,
    /// The files of charms that were packed before and taken.
    prebuilt: BTreeSet<String>,
    recorder: Option<Recorder>,
}

impl Report {
    /// Begins the report of a run of `plan`, divided into `processes`.
    pub(crate) fn new(plan: &[ModulePlan], processes: &[ProcessPlan], options: Options) -> Self {
        let modules = plan.iter().map(|plan| Module {
            plan: plan.clone(),
            tests: BTreeMap::new(),
            started: BTreeSet::new(),
            running: None,
            output: Output::default(),
            models: BTreeMap::new(),
            clouds: Vec::new(),
            fixtures: Vec::new(),
            trouble: None,
            juju: None,
            retries: 0,
        });
        Self {
            options,
            started: Instant::now(),
            modules: modules.collect(),
            processes: processes.to_vec(),
            progress: Progress::new(),
            backend_named: false,
            interrupted: false,
            warned: BTreeSet::new(),
            prebuilt: BTreeSet::new(),
            recorder: None,
        }
    }

    /// Has what comes of tests written down for programs.
    pub(crate) fn record_to(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Writes down how the run ended, and returns its exit code with what could not be written.
    pub(crate) fn end_record(&mut self, code: u8) -> (u8, Vec<String>) {
        let trouble = summary::troubles(&self.modules);
        match self.recorder.take() {
            Some(recorder) => recorder.end(code, trouble),
            None => (code, Vec::new()),
        }
    }

    fn record(&mut self, place: usize, test: &str, attempt: u32, result: &TestResult) {
        let Some(recorder) = &mut self.recorder else {
            return;
        };
        let module = &self.modules[place];
        let evidence = result.evidence.as_ref();
        recorder.attempt(
            &module.plan,
            Attempt {
                test,
                attempt,
                outcome: result.outcome,
                ms: u64::try_from(result.took.as_millis()).unwrap_or(u64::MAX),
                message: result.message.as_deref(),
                location: result.location.as_deref(),
                evidence: evidence.map(|evidence| evidence.directory.as_str()),
                juju: module.juju.as_deref(),
            },
        );
    }

    /// Says which backend is used and why.
    pub(crate) fn backend(&mut self, why: &str) {
        self.backend_named = true;
        self.line(&style::heading("Backend", why));
    }

    /// Says where units run.
    pub(crate) fn units(&mut self, text: &str) {
        self.line(&style::heading("Units", text));
    }

    /// Takes in an event of a process.
    pub(crate) fn event(&mut self, job: Job, event: Event) {
        let at = self.place(job, &event);
        if let Event::RunStarted { version, .. } = &event {
            for &place in &self.processes[job].modules {
                self.modules[place].juju = Some(version.clone());
            }
        }
        match event {
            Event::RunStarted { why, .. } if !self.backend_named => self.backend(&why),
            Event::RunStarted { .. }
            | Event::ModuleStarted { .. }
            | Event::ModelReady { .. }
            | Event::ModuleFinished { .. } => {}
            Event::ModelNamed { model, .. } => {
                let text = format!("{model} for {}", self.modules[at].plan.name());
                self.modules[at].models.insert(model, ModelEnd::InUse);
                self.chatter(&style::heading("Model", &text));
            }
            Event::TestStarted { test } => {
                self.modules[at].output.clear();
                self.modules[at].started.insert(test.clone());
                self.modules[at].retries = 0;
                self.modules[at].running = Some((test.clone(), Instant::now()));
                let name = self.modules[at].test_name(&test);
                self.progress.started(at, name);
            }
            Event::Waiting {
                what,
                elapsed_ms,
                limit_ms,
                ..
            } => {
                let millis = Duration::from_millis;
                self.progress.waiting(
                    at,
                    Waiting {
                        what,
                        elapsed: millis(elapsed_ms),
                        limit: limit_ms.map(millis),
                        at: Instant::now(),
                    },
                );
            }
            Event::TestRetried {
                test,
                attempt,
                attempts,
                outcome,
                duration_ms,
                message,
                location,
                evidence,
            } => {
                let result = TestResult {
                    outcome,
                    took: Duration::from_millis(duration_ms),
                    message,
                    location,
                    evidence,
                    output: std::mem::take(&mut self.modules[at].output),
                };
                let name = self.modules[at].test_name(&test);
                self.record(at, &test, attempt.saturating_sub(1), &result);
                self.modules[at].retries = attempt;
                self.line(&style::retry_line(&name, attempt, attempts, &result));
                let details = style::details(&result);
                if !details.is_empty() {
                    self.line(&details);
                }
                self.progress.started(at, name);
            }
            Event::TestFinished {
                test,
                outcome,
                duration_ms,
                message,
                location,
                evidence,
                ..
            } => {
                let output = std::mem::take(&mut self.modules[at].output);
                let took = Duration::from_millis(duration_ms);
                self.finished(
                    at,
                    test,
                    TestResult {
                        outcome,
                        took,
                        message,
                        location,
                        evidence,
                        output,
                    },
                );
            }
            Event::ModelKept { model, why, .. } => {
                self.modules[at].models.insert(model, ModelEnd::Kept(why));
            }
            Event::ModelDestroyed { model, .. } => {
                self.modules[at].models.insert(model, ModelEnd::Destroyed);
            }
            Event::ModelLeft { model, why, .. } => {
                self.line(&style::warning(&format!(
                    "model {model} is left over: {why}"
                )));
                self.modules[at].models.insert(model, ModelEnd::Left(why));
            }
            Event::CloudLeft {
                cloud,
                controller,
                why,
                ..
            } => {
                let left = LeftCloud {
                    cloud,
                    controller,
                    why,
                };
                self.line(&style::warning(&left.to_string()));
                self.modules[at].clouds.push(left);
            }
            Event::CrashDump { model, path, .. } => {
                self.line(&style::heading("Crash dump", &format!("{path} of {model}")));
            }
            Event::PrebuiltCharm { file } => {
                self.prebuilt.insert(file);
            }
            Event::Warning { message } => {
                // What concerns the whole run is said by every module.
                if self.warned.insert(message.clone()) {
                    self.line(&style::warning(&message));
                }
            }
            Event::FixtureLeft { fixture, of, why } => {
                let text = format!("fixture `{fixture}` of {of} could not be torn down: {why}");
                self.line(&style::warning(&text));
                self.modules[at].fixtures.push(text);
            }
        }
    }

    /// Returns which of a process's modules an event is about; the first if it does not say.
    fn place(&self, job: Job, event: &Event) -> usize {
        let modules = &self.processes[job].modules;
        let is_meant = |place: &&usize| {
            let module = &self.modules[**place].plan.module;
            match subject(event) {
                Subject::Module(name) => module.name == *name,
                Subject::Test(name) => module.tests.iter().any(|test| test.name == *name),
                Subject::Process => true,
            }
        };
        match modules[..] {
            [only] => only,
            _ => modules.iter().find(is_meant).copied().unwrap_or(modules[0]),
        }
    }

    /// Takes in a line that a test wrote.
    ///
    /// Which of several tests that run in a process wrote it cannot be told: each of them may have.
    pub(crate) fn output(&mut self, job: Job, line: String) {
        if self.options.no_capture {
            self.line(&line);
        }
        let modules = &self.processes[job].modules;
        let runs = |place: &usize| self.modules[*place].running.is_some();
        let mut writers: Vec<usize> = modules.iter().copied().filter(runs).collect();
        if writers.is_empty() {
            writers.push(modules[0]);
        }
        for &place in &writers {
            let output = &mut self.modules[place].output;
            output.add(&line, writers.len());
        }
    }

    /// Notes that a process has ended.
    ///
    /// One that ends before all its tests have an outcome is lost; one that fails although nothing else did is not passed over.
    pub(crate) fn ended(&mut self, job: Job, status: io::Result<ExitStatus>, streams: Streams) {
        let failed = !status.as_ref().is_ok_and(ExitStatus::success);
        let how = status.map_or_else(|error| error.to_string(), describe);
        let why = if self.interrupted {
            "interrupted".to_owned()
        } else {
            format!("the test process ended early: {how}")
        };
        self.lost(job, &why);
        let modules = &self.processes[job].modules;
        let first = modules[0];
        let names = modules
            .iter()
            .map(|place| self.modules[*place].plan.module.name.as_str());
        let names = names.collect::<Vec<_>>().join(", ");
        let name = format!("{} {names}", self.modules[first].plan.executable.id());
        let is_fine = modules.iter().all(|place| self.modules[*place].is_fine());
        if failed && !self.interrupted && is_fine {
            let said = std::mem::take(&mut self.modules[first].output);
            let said = said.lines().map(|line| format!("\n    {line}"));
            let trouble = format!(
                "the test process of {name} ended badly: {how}{}",
                said.collect::<String>()
            );
            self.modules[first].trouble = Some(trouble.clone());
            self.line(&style::warning(&trouble));
        }
        if streams == Streams::Held {
            self.line(&style::warning(&format!(
                "{name} left a process behind that holds its output; what it still writes is not shown"
            )));
        }
    }

    /// Notes that a process is gone: tests without an outcome get one, and models in use are left over.
    ///
    /// It is an error of the tests that ran, or of the first that would have been next; it aborts the others.
    pub(crate) fn lost(&mut self, job: Job, why: &str) {
        let places = self.processes[job].modules.clone();
        let ran = places
            .iter()
            .any(|place| self.modules[*place].running.is_some());
        let mut next_is_hit = !ran;
        for place in places {
            let module = &mut self.modules[place];
            let running = module.running.take();
            let open: Vec<String> = module.open_tests();
            for model in module
                .models
                .values_mut()
                .filter(|end| **end == ModelEnd::InUse)
            {
                *model = ModelEnd::Left(why.to_owned());
            }
            for test in open {
                let hit = match &running {
                    Some((name, _)) => *name == test,
                    None => std::mem::take(&mut next_is_hit),
                };
                let result = match hit {
                    true => TestResult {
                        outcome: Outcome::Errored,
                        took: running
                            .as_ref()
                            .map(|(_, since)| since.elapsed())
                            .unwrap_or_default(),
                        message: Some(why.to_owned()),
                        location: None,
                        evidence: None,
                        output: std::mem::take(&mut self.modules[place].output),
                    },
                    false => TestResult::without_running(Outcome::Aborted, why),
                };
                self.finished(place, test, result);
            }
            self.progress.ended(place);
        }
    }

    /// Notes that a process never started.
    pub(crate) fn not_started(&mut self, job: Job, why: &str) {
        let mut skipped = Vec::new();
        for &place in &self.processes[job].modules {
            let module = &mut self.modules[place];
            for test in module.open_tests() {
                let result = TestResult::without_running(Outcome::Skipped, why);
                module.tests.insert(test.clone(), result.clone());
                skipped.push((place, test, result));
            }
        }
        for (place, test, result) in skipped {
            self.record(place, &test, 0, &result);
        }
    }

    /// Says that the run is being interrupted.
    pub(crate) fn interrupted(&mut self, modules: usize) {
        self.interrupted = true;
        let plural = if modules == 1 { "" } else { "s" };
        self.line(&style::warning(&format!(
            "interrupted: tearing down {modules} module{plural}; interrupt again to leave at once"
        )));
    }

    /// Draws the progress anew, on a terminal.
    pub(crate) fn tick(&mut self) {
        self.progress.draw();
    }

    /// Prints the summary.
    pub(crate) fn finish(&mut self) {
        self.progress.clear();
        say(&summary::text(
            &self.modules,
            self.started.elapsed(),
            &self.options,
        ));
    }

    /// Returns the outcomes of all tests.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        self.modules
            .iter()
            .flat_map(|module| module.tests.values())
            .map(|result| result.outcome)
            .collect()
    }

    /// Returns what became of each test, in the order of the plan.
    pub(crate) fn tests(&self) -> Vec<FinishedTest> {
        let tests = self.modules.iter().flat_map(|module| {
            let results = module.results();
            results.map(|(name, result)| module.finished(name, result))
        });
        tests.collect()
    }

    /// Returns how many tests have failed so far.
    pub(crate) fn failures(&self) -> usize {
        let outcomes = self.outcomes().into_iter();
        outcomes.filter(|outcome| outcome.is_failure()).count()
    }

    /// Returns what became of the tests that ran or were kept from it by a failure; not of those that the user left out.
    pub(crate) fn results(&self) -> Vec<(&ModulePlan, String, Outcome)> {
        let results = self.modules.iter().flat_map(|module| {
            let ran = module.results().filter(|(name, result)| {
                module.started.contains(*name) || !result.outcome.is_success()
            });
            ran.map(|(name, result)| (&module.plan, name.to_owned(), result.outcome))
        });
        results.collect()
    }

    /// Returns the files of charms that were packed before and taken.
    pub(crate) fn prebuilt(&self) -> &BTreeSet<String> {
        &self.prebuilt
    }

    /// Says something that the user should know.
    pub(crate) fn warn(&mut self, message: &str) {
        self.line(&style::warning(message));
    }

    /// Says whether something is wrong although all tests may have passed: models were left over, or a process ended badly.
    pub(crate) fn has_trouble(&self) -> bool {
        self.modules
            .iter()
            .any(|module| module.trouble.is_some() || module.leaves_something())
    }

    fn finished(&mut self, place: usize, test: String, result: TestResult) {
        let name = self.modules[place].test_name(&test);
        self.modules[place].running = None;
        let tried = std::mem::take(&mut self.modules[place].retries);
        self.record(place, &test, tried, &result);
        self.progress.ended(place);
        let line = style::test_line(&name, &result);
        if result.outcome.is_success() {
            self.chatter(&line);
        } else {
            self.line(&line);
            let details = style::details(&result);
            if !details.is_empty() {
                self.line(&details);
            }
        }
        if let Some(listener) = &self.options.listener {
            // Nobody listens any more: then nobody needs it.
            let _ = listener.send(self.modules[place].finished(&test, &result));
        }
        self.modules[place].tests.insert(test, result);
    }

    /// Prints a line unless the user asked for quiet.
    fn chatter(&mut self, line: &str) {
        if !self.options.quiet {
            self.line(line);
        }
    }

    fn line(&mut self, line: &str) {
        self.progress.clear();
        say(line);
    }
}

/// What an event is about.
enum Subject<'a> {
    Module(&'a String),
    Test(&'a String),
    /// The whole process, or something that it does not say.
    Process,
}

fn subject(event: &Event) -> Subject<'_> {
    match event {
        Event::ModuleStarted { module }
        | Event::ModelNamed { module, .. }
        | Event::ModelReady { module, .. }
        | Event::ModelKept { module, .. }
        | Event::ModelDestroyed { module, .. }
        | Event::ModelLeft { module, .. }
        | Event::CloudLeft { module, .. }
        | Event::CrashDump { module, .. }
        | Event::ModuleFinished { module } => Subject::Module(module),
        Event::TestStarted { test }
        | Event::Waiting { test, .. }
        | Event::TestRetried { test, .. }
        | Event::TestFinished { test, .. } => Subject::Test(test),
        Event::RunStarted { .. }
        | Event::PrebuiltCharm { .. }
        | Event::Warning { .. }
        | Event::FixtureLeft { .. } => Subject::Process,
    }
}

impl Module {
    fn open_tests(&self) -> Vec<String> {
        let names = self.plan.module.tests.iter().map(|test| &test.name);
        names
            .filter(|name| !self.tests.contains_key(*name))
            .cloned()
            .collect()
    }

    /// Returns the results in the order of the plan.
    fn results(&self) -> impl Iterator<Item = (&str, &TestResult)> {
        let names = self.plan.module.tests.iter().map(|test| &test.name);
        names.filter_map(|name| Some((name.as_str(), self.tests.get(name)?)))
    }

    fn finished(&self, name: &str, result: &TestResult) -> FinishedTest {
        let directory = result.evidence.as_ref().map(|evidence| &evidence.directory);
        FinishedTest {
            module: self.plan.module.name.clone(),
            name: name.to_owned(),
            outcome: result.outcome,
            took: result.took,
            message: result.message.clone(),
            evidence: directory.filter(|directory| !directory.is_empty()).cloned(),
            output: result.output.lines().map(str::to_owned).collect(),
        }
    }

    fn test_name(&self, test: &str) -> String {
        self.plan.test_name(test)
    }

    fn leaves_something(&self) -> bool {
        let mut ends = self.models.values();
        ends.any(|end| matches!(end, ModelEnd::InUse | ModelEnd::Left(_)))
            || !self.clouds.is_empty()
            || !self.fixtures.is_empty()
    }

    fn is_fine(&self) -> bool {
        !self.leaves_something()
            && self
                .tests
                .values()
                .all(|result| result.outcome.is_success())
    }
}

/// Decides about colours for the whole program.
pub(crate) fn choose_color(color: ColorArg) {
    let choice = match color {
        ColorArg::Auto => anstream::ColorChoice::Auto,
        ColorArg::Always => anstream::ColorChoice::Always,
        ColorArg::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Writes a line for people, on standard error. Names and messages in it may be those of a charm: nothing that a terminal obeys gets there.
pub(crate) fn say(line: &str) {
    let line = plain(line);
    // Nothing is left to do when standard error is closed.
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Writes data to standard output; a reader that went away is no error.
pub(crate) fn print(text: &str) {
    let mut stdout = anstream::stdout();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

/// Says whether progress can be drawn: on a terminal that can move its cursor, and not in CI.
fn is_interactive() -> bool {
    let var = |name| std::env::var_os(name).unwrap_or_default();
    io::stderr().is_terminal() && var("CI").is_empty() && var("TERM") != "dumb"
}
