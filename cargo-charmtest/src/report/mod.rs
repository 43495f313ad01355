//! The report of a run: a reader of the event stream that keeps what the summary needs.

mod progress;
mod style;
mod summary;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use charmtest::harness::{Event, Evidence, Outcome};

use crate::cli::ColorArg;
use crate::run::module::ModulePlan;
use crate::run::scheduler::Job;
use progress::{Progress, Waiting};

/// How many lines of a failed test's output are shown; all of it would bury the rest.
const OUTPUT_LINES: usize = 200;

/// How a run reports.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    /// Show the output of passing tests too, as it comes.
    pub(crate) no_capture: bool,
    /// Only what went wrong, and the summary.
    pub(crate) quiet: bool,
}

/// What is known of one module.
#[derive(Debug)]
struct Module {
    plan: ModulePlan,
    tests: BTreeMap<String, TestResult>,
    running: Option<(String, Instant)>,
    output: Vec<String>,
    models: BTreeMap<String, ModelEnd>,
}

/// What came of one test.
#[derive(Debug, Clone)]
struct TestResult {
    outcome: Outcome,
    took: Duration,
    message: Option<String>,
    location: Option<String>,
    evidence: Option<Evidence>,
    output: Vec<String>,
}

/// What became of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ModelEnd {
    InUse,
    Kept(String),
    Destroyed,
    Left(String),
}

/// Tells the user what happens, and keeps what the summary needs.
#[derive(Debug)]
pub(crate) struct Report {
    options: Options,
    started: Instant,
    modules: Vec<Module>,
    progress: Progress,
    backend_named: bool,
}

impl Report {
    /// Begins the report of a run of `plan`.
    pub(crate) fn new(plan: &[ModulePlan], options: Options) -> Self {
        let modules = plan.iter().map(|plan| Module {
            plan: plan.clone(),
            tests: BTreeMap::new(),
            running: None,
            output: Vec::new(),
            models: BTreeMap::new(),
        });
        Self {
            options,
            started: Instant::now(),
            modules: modules.collect(),
            progress: Progress::new(),
            backend_named: false,
        }
    }

    /// Says which backend is used and why.
    pub(crate) fn backend(&mut self, why: &str) {
        self.backend_named = true;
        self.line(&style::heading("Backend", why));
    }

    /// Takes in an event of a module.
    pub(crate) fn event(&mut self, job: Job, event: Event) {
        match event {
            Event::RunStarted { why, .. } if !self.backend_named => self.backend(&why),
            Event::RunStarted { .. }
            | Event::ModuleStarted { .. }
            | Event::ModelReady { .. }
            | Event::ModuleFinished { .. } => {}
            Event::ModelNamed { model, .. } => {
                let text = format!("{model} for {}", self.modules[job].plan.name());
                self.modules[job].models.insert(model, ModelEnd::InUse);
                self.chatter(&style::heading("Model", &text));
            }
            Event::TestStarted { test } => {
                self.modules[job].output.clear();
                self.modules[job].running = Some((test.clone(), Instant::now()));
                let name = format!("{} {test}", self.modules[job].plan.binary);
                self.progress.started(job, name);
            }
            Event::Waiting {
                what,
                elapsed_ms,
                limit_ms,
                ..
            } => {
                let millis = Duration::from_millis;
                self.progress.waiting(
                    job,
                    Waiting {
                        what,
                        elapsed: millis(elapsed_ms),
                        limit: limit_ms.map(millis),
                        at: Instant::now(),
                    },
                );
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
                let output = std::mem::take(&mut self.modules[job].output);
                let took = Duration::from_millis(duration_ms);
                self.finished(
                    job,
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
                self.chatter(&style::heading("Kept", &format!("{model} ({why})")));
                self.modules[job].models.insert(model, ModelEnd::Kept(why));
            }
            Event::ModelDestroyed { model, .. } => {
                self.modules[job].models.insert(model, ModelEnd::Destroyed);
            }
            Event::ModelLeft { model, why, .. } => {
                self.line(&style::warning(&format!(
                    "model {model} is left over: {why}"
                )));
                self.modules[job].models.insert(model, ModelEnd::Left(why));
            }
            Event::Warning { message } => self.line(&style::warning(&message)),
        }
    }

    /// Takes in a line that a test wrote.
    pub(crate) fn output(&mut self, job: Job, line: String) {
        if self.options.no_capture {
            self.line(&line);
        }
        let output = &mut self.modules[job].output;
        if output.len() == OUTPUT_LINES {
            output.remove(0);
        }
        output.push(line);
    }

    /// Notes that a module's process is gone: tests without an outcome get one, and models in use are left over.
    pub(crate) fn lost(&mut self, job: Job, why: &str) {
        let module = &mut self.modules[job];
        let running = module.running.take();
        let open: Vec<String> = module.open_tests();
        for model in module
            .models
            .values_mut()
            .filter(|end| **end == ModelEnd::InUse)
        {
            *model = ModelEnd::Left(why.to_owned());
        }
        for (index, test) in open.into_iter().enumerate() {
            let hit = running
                .as_ref()
                .map_or(index == 0, |(name, _)| *name == test);
            let outcome = if hit {
                Outcome::Errored
            } else {
                Outcome::Aborted
            };
            let took = running
                .as_ref()
                .filter(|_| hit)
                .map(|(_, since)| since.elapsed())
                .unwrap_or_default();
            let output = if hit {
                std::mem::take(&mut self.modules[job].output)
            } else {
                Vec::new()
            };
            self.finished(
                job,
                test,
                TestResult {
                    outcome,
                    took,
                    message: Some(why.to_owned()),
                    location: None,
                    evidence: None,
                    output,
                },
            );
        }
        self.progress.ended(job);
    }

    /// Notes that a module never started.
    pub(crate) fn not_started(&mut self, job: Job, why: &str) {
        for test in self.modules[job].open_tests() {
            let result = TestResult {
                outcome: Outcome::Skipped,
                took: Duration::ZERO,
                message: Some(why.to_owned()),
                location: None,
                evidence: None,
                output: Vec::new(),
            };
            self.modules[job].tests.insert(test, result);
        }
    }

    /// Says that the run is being interrupted.
    pub(crate) fn interrupted(&mut self, modules: usize) {
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
        say(&summary::text(&self.modules, self.started.elapsed()));
    }

    /// Returns the outcomes of all tests.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        self.modules
            .iter()
            .flat_map(|module| module.tests.values())
            .map(|result| result.outcome)
            .collect()
    }

    /// Says whether models were left over.
    pub(crate) fn models_left(&self) -> bool {
        self.modules
            .iter()
            .flat_map(|module| module.models.values())
            .any(|end| matches!(end, ModelEnd::Left(_)))
    }

    fn finished(&mut self, job: Job, test: String, result: TestResult) {
        let name = format!("{} {test}", self.modules[job].plan.binary);
        self.modules[job].running = None;
        self.progress.ended(job);
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
        self.modules[job].tests.insert(test, result);
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

impl Module {
    fn open_tests(&self) -> Vec<String> {
        let names = self.plan.module.tests.iter().map(|test| &test.name);
        names
            .filter(|name| !self.tests.contains_key(*name))
            .cloned()
            .collect()
    }
}

/// Decides about colours for the whole program.
pub(crate) fn choose_color(color: Option<ColorArg>) {
    let choice = match color {
        None | Some(ColorArg::Auto) => anstream::ColorChoice::Auto,
        Some(ColorArg::Always) => anstream::ColorChoice::Always,
        Some(ColorArg::Never) => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Writes a line for people, on standard error.
pub(crate) fn say(line: &str) {
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

/// Says whether progress can be drawn: on a terminal, and not in CI.
fn is_interactive() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("CI").is_none()
}
