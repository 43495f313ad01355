//! The results of one run: what the report of it is told, as records.

use std::collections::BTreeMap;
use std::path::PathBuf;

use charmtest::harness::Outcome;

use super::record::{FORM, Header, PlannedModule, TestRecord, add, verdict_of};
use super::sink::Sink;
use super::{commit, node, now, tools};
use crate::error::Result;
use crate::run::module::ModulePlan;

/// What a run that writes results is.
#[derive(Debug)]
pub(crate) struct Recording {
    /// Where they go.
    pub(crate) sink: Sink,
    /// The command.
    pub(crate) command: String,
    /// All that was selected, other parts included.
    pub(crate) modules: Vec<PlannedModule>,
    /// The part that runs here.
    pub(crate) partition: Option<String>,
    /// The sandbox levels of tests that run in one, by their names.
    pub(crate) sandbox: BTreeMap<String, String>,
    /// A directory of the sources.
    pub(crate) sources: PathBuf,
}

/// Writes what came of tests as long as a run goes on.
#[derive(Debug)]
pub(crate) struct Recorder {
    sink: Sink,
    sandbox: BTreeMap<String, String>,
    variant: BTreeMap<String, String>,
    backend: String,
    juju: String,
    tools: BTreeMap<String, String>,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    /// The test.
    pub(crate) test: &'a str,
    /// How often it had been tried before.
    pub(crate) attempt: u32,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// How long it took, in milliseconds.
    pub(crate) ms: u64,
    /// Why it did not pass, or its note.
    pub(crate) message: Option<&'a str>,
    /// Where in the sources it failed.
    pub(crate) location: Option<&'a str>,
    /// The directory with what was captured.
    pub(crate) evidence: Option<&'a str>,
    /// The version of Juju that it ran with, if that is known by now.
    pub(crate) juju: Option<&'a str>,
}

impl Recording {
    /// Writes what is to run; `asked` is the Juju that was asked for, `juju` the one that answered.
    ///
    /// # Errors
    ///
    /// Fails when that cannot be written.
    pub(crate) fn begin(self, backend: &str, juju: &str, asked: Option<&str>) -> Result<Recorder> {
        let Self {
            mut sink,
            command,
            mut modules,
            partition,
            sandbox,
            sources,
        } = self;
        // A real Juju is what it is; the embedded one is what was asked for, and without that what each manifest says.
        let series = || juju.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        let chosen = match backend {
            "juju" => Some(series()),
            _ => asked.map(str::to_owned),
        };
        let mut variant = BTreeMap::from([("backend".to_owned(), backend.to_owned())]);
        variant.extend(chosen.map(|juju| ("juju".to_owned(), juju)));
        for module in &mut modules {
            module.variant.clone_from(&variant);
        }
        let mut tools = tools();
        tools.insert("backend".to_owned(), backend.to_owned());
        sink.begin(Header {
            charmtest: FORM,
            command,
            node: node(),
            started: now(),
            commit: commit(&sources),
            delta: None,
            partition,
            tools: tools.clone(),
            modules,
        })?;
        Ok(Recorder {
            sink,
            sandbox,
            variant,
            backend: backend.to_owned(),
            juju: juju.to_owned(),
            tools,
        })
    }
}

impl Recorder {
    /// Writes what came of an attempt of a module's test.
    pub(crate) fn attempt(&mut self, plan: &ModulePlan, attempt: Attempt<'_>) {
        let manifest = plan.executable.juju_version.map(|juju| juju.to_string());
        let juju = attempt.juju.map(str::to_owned).or(manifest);
        let mut tools = self.tools.clone();
        tools.insert("juju".to_owned(), juju.unwrap_or_else(|| self.juju.clone()));
        let dump = attempt.evidence.filter(|directory| !directory.is_empty());
        self.sink.test(TestRecord {
            package: plan.executable.package.clone(),
            target: plan.executable.target.clone(),
            module: plan.module.name.clone(),
            test: attempt.test.to_owned(),
            job: None,
            base: None,
            charm: None,
            branch: None,
            variant: self.variant.clone(),
            attempt: attempt.attempt,
            outcome: attempt.outcome,
            verdict: verdict_of(attempt.outcome),
            reason: attempt.message.map(str::to_owned),
            location: attempt.location.map(str::to_owned),
            ms: attempt.ms,
            dump: dump.map(str::to_owned),
            sandbox: self.sandbox.get(attempt.test).cloned(),
            backend: Some(self.backend.clone()),
            tools,
            packages: BTreeMap::new(),
            ended: now(),
        });
    }

    /// Writes how the run ended, as [`Sink::end`] does.
    pub(crate) fn end(self, code: u8, trouble: Vec<String>) -> (u8, Vec<String>) {
        self.sink.end(code, trouble)
    }
}

/// Returns a plan as results tell it: the tests of a module together, though each may have a process of its own.
pub(crate) fn planned(plan: &[ModulePlan]) -> Vec<PlannedModule> {
    let mut modules = Vec::new();
    for module in plan {
        let tests = module.module.tests.iter();
        add(
            &mut modules,
            PlannedModule {
                package: module.executable.package.clone(),
                target: module.executable.target.clone(),
                module: module.module.name.clone(),
                variant: BTreeMap::new(),
                tests: tests.map(|test| test.name.clone()).collect(),
            },
        );
    }
    modules
}
