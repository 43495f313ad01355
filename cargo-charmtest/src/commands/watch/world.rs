//! What the collection does not know: how charms are tested here.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use charmtest::generic::{Generic, Require};
use charmtest::harness::{BackendArg, RunFlags};
use charmtest::juju::{Backend, BackendChoice, BackendKind, BackendOptions};
use charmtest_collection::{
    Ended, Error as WatchError, Facts, Files, Key, Kind as JobKind, Outcome, Reached,
    Result as WatchResult, Variant, Verdict, Work, World,
};
use charmtest_controller::JujuVersion;
use charmtest_sandbox::{Level, Network, Request, Sandbox};

use super::args::WatchInsideArgs;
use super::contained::{Contained, End};
use super::outcome::{Logs, verdict};
use super::place::{self, Place};
use super::plan::{self, Common};
use super::recorded::Recorded;
use super::stop::Stop;
use super::{all_causes, facts};
use crate::cli::SuiteArgs;
use crate::error::{Error, Kind, Result};
use crate::report::say;
use crate::results;
use crate::run::signals::Interrupt;
use crate::sandbox::{self, Around, Room};
use crate::suite::{self, SuiteFile, Told};

/// The key of a delta's settings that says what units must come to.
pub(super) const REQUIRE: &str = "require";

/// The key of a delta's settings that says how long a test may take.
pub(crate) const TEST_TIMEOUT: &str = "test-timeout";

/// How long the first wait before jobs are tried again is; each later one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// How the tests of a collection run.
#[derive(Debug, Clone)]
pub(super) struct Tests {
    /// The generic tests of each charm.
    pub(super) generic: Vec<Generic>,
    /// What units must come to in them.
    pub(super) require: Require,
}

/// Runs the jobs of deltas as suites of the harness.
pub(super) struct Bench {
    suite: SuiteArgs,
    tests: Tests,
    stop: Stop,
    /// What the results of the deltas are compared with, and how a user names them.
    pub(super) recorded: Recorded,
    inside: WatchInsideArgs,
    /// The directory of the record, which no contained run may reach.
    record: PathBuf,
    /// The backend of each variant, with its version; chosen when it is needed first.
    backends: RefCell<BTreeMap<String, (BackendKind, String)>>,
    /// What can be around runs, or why it cannot; tried when it is needed first.
    arounds: RefCell<BTreeMap<(bool, String), std::result::Result<Around, String>>>,
    /// Whether the user knows that untrusted charms are left out of the tests of others.
    told_of_untrusted: Cell<bool>,
}

impl Bench {
    /// Makes a bench; options that would leave out tests are refused, since a delta is tested as a whole.
    ///
    /// # Errors
    ///
    /// Fails on options that make no sense here, and when this machine does not have the sandbox or network that is asked for.
    pub(super) fn new(
        mut suite: SuiteArgs,
        tests: Tests,
        inside: WatchInsideArgs,
        record: &Path,
        stop: Stop,
    ) -> Result<Self> {
        let warnings = suite.flags.settle(None);
        for warning in warnings.map_err(|why| Error::new(Kind::Usage, why))? {
            say(&format!("warning: {warning}"));
        }
        let flags = &suite.flags;
        let refused = [
            (flags.expression.is_some(), "-k"),
            (flags.tags.is_some(), "-m"),
            (flags.exitfirst, "--exitfirst"),
            (flags.maxfail.is_some(), "--maxfail"),
            (flags.last_failed, "--last-failed"),
            (flags.failed_first, "--failed-first"),
            (flags.model.is_some(), "--model"),
            (suite.list, "--list"),
            (suite.fail_on_skip, "--fail-on-skip"),
        ];
        if let Some((_, option)) = refused.iter().find(|(given, _)| *given) {
            let text =
                format!("{option} makes no sense for a recorded delta, which is tested as a whole");
            return Err(Error::new(Kind::Usage, text));
        }
        let elsewhere = inside.contain || inside.network == Some(Network::Nodes);
        if elsewhere && suite.flags.backend_choice() == BackendChoice::Juju {
            return Err(Error::new(
                Kind::Usage,
                "--contain and --network are about hooks that run on this machine; those of a real Juju do not",
            )
            .hint("--backend embedded"));
        }
        if elsewhere {
            suite.flags.backend = BackendArg::Embedded;
        }
        let record = record.canonicalize().unwrap_or_else(|_| record.to_owned());
        for path in &inside.readable {
            let real = path.canonicalize().map_err(|error| {
                Error::new(
                    Kind::Usage,
                    format!("--readable {}: {error}", path.display()),
                )
            })?;
            if record.starts_with(&real) || real.starts_with(&record) {
                let text = format!(
                    "--readable {}: the record {} must be out of reach of untrusted charms",
                    path.display(),
                    record.display()
                );
                return Err(Error::new(Kind::Usage, text));
            }
        }
        let bench = Self {
            suite,
            tests,
            stop,
            recorded: Recorded::default(),
            inside,
            record,
            backends: RefCell::default(),
            arounds: RefCell::default(),
            told_of_untrusted: Cell::new(false),
        };
        // What the command line asks for and is not there is told at once, not as the outcome of every job.
        let asked = bench.inside.sandbox.unwrap_or_default();
        let embedded = bench.suite.flags.backend_choice() != BackendChoice::Juju;
        let place = Place::of(asked, &bench.inside, false, embedded);
        bench.around(place).map_err(Error::infrastructure)?;
        if let Request::Level(_) = place.scripts
            && !place.contained
        {
            Sandbox::enter(place.scripts, sandbox::network())
                .map_err(|error| Error::infrastructure(&error))?;
        }
        Ok(bench)
    }

    /// Finds what is around jobs in a place; `None` if they run as this process does.
    fn around(&self, place: Place) -> std::result::Result<Option<Around>, String> {
        if !place.is_elsewhere() {
            return Ok(None);
        }
        let request = match place.contained {
            true => Request::Level(Level::Namespaces),
            false => Request::Off,
        };
        let key = (place.contained, place.network.to_string());
        let mut arounds = self.arounds.borrow_mut();
        let around = arounds.entry(key).or_insert_with(|| {
            Around::find(request, place.network).map_err(|error| error.to_string())
        });
        around.clone().map(Some)
    }

    /// Returns the names of the generic tests.
    pub(super) fn generic_ids(&self) -> Vec<String> {
        self.tests
            .generic
            .iter()
            .map(|id| id.id().to_owned())
            .collect()
    }

    /// Returns what results depend on beside charms and matrix.
    pub(super) fn settings(&self) -> BTreeMap<String, String> {
        let timeout = self.suite.flags.test_timeout.to_string();
        [
            (REQUIRE, self.tests.require.to_string()),
            (TEST_TIMEOUT, timeout),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .chain(self.inside.settings())
        .collect()
    }

    /// Returns the programs and the host.
    pub(super) fn tools(&self) -> BTreeMap<String, String> {
        let backend = match (self.suite.flags.backend, &self.suite.flags.juju_version) {
            (BackendArg::Juju, _) => "juju".to_owned(),
            (BackendArg::Auto, None) => "auto".to_owned(),
            (_, version) => format!("embedded {}", version.as_deref().unwrap_or_default())
                .trim_end()
                .to_owned(),
        };
        let mut tools = results::tools();
        tools.insert("backend".to_owned(), backend);
        tools
    }

    /// Waits; says whether it was interrupted.
    pub(super) fn wait(&self, duration: Duration) -> bool {
        self.stop.wait(duration)
    }

    /// Returns the exit code after an interruption.
    pub(super) fn interrupted(&self) -> u8 {
        self.stop
            .asked()
            .map_or(charmtest::exit::INTERRUPTED, Interrupt::exit_code)
    }

    /// Returns the flags of a variant, and which backend they choose. The embedded controller is not started for that.
    fn flags_of(&self, variant: &Variant) -> std::result::Result<(RunFlags, BackendKind), String> {
        let mut flags = self.suite.flags.clone();
        match variant.get("backend") {
            Some("juju") => flags.backend = BackendArg::Juju,
            Some(_) => flags.backend = BackendArg::Embedded,
            None => {}
        }
        if let Some(version) = variant.get("juju")
            && flags.backend != BackendArg::Juju
        {
            flags.juju_version = Some(version.to_owned());
        }
        let kind = match flags.backend_choice() {
            BackendChoice::Embedded => BackendKind::Embedded,
            BackendChoice::Juju => BackendKind::Juju,
            BackendChoice::Auto => self.backend(variant, &flags)?.0,
        };
        Ok((flags, kind))
    }

    /// Returns the backend of a variant, with its version.
    fn backend(
        &self,
        variant: &Variant,
        flags: &RunFlags,
    ) -> std::result::Result<(BackendKind, String), String> {
        let name = variant.to_string();
        if let Some(known) = self.backends.borrow().get(&name) {
            return Ok(known.clone());
        }
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let backend = Backend::select(&BackendOptions {
            kind: flags.backend_choice(),
            juju: flags.juju.clone(),
            controller: flags.controller().map(str::to_owned),
            cloud: flags.cloud.clone(),
            program: Some(program),
            juju_version: flags.juju_version.clone(),
        });
        let backend = backend.map_err(|error| all_causes(&error))?;
        let backend = (backend.kind, backend.version);
        self.backends.borrow_mut().insert(name, backend.clone());
        Ok(backend)
    }

    /// Returns the version of Juju in a variant; a contained controller has that which it is started with.
    fn juju_version(
        &self,
        variant: &Variant,
        flags: &RunFlags,
        is_elsewhere: bool,
    ) -> std::result::Result<String, String> {
        if !is_elsewhere {
            return Ok(self.backend(variant, flags)?.1);
        }
        let asked = flags.juju_version.as_deref().map(JujuVersion::parse);
        let version = asked.transpose().map_err(|error| error.to_string())?;
        Ok(version.unwrap_or_default().number().to_owned())
    }

    /// Tells once that tests do without untrusted charms that they may want.
    fn tell_of_untrusted(&self, work: &Work<'_>, suite: &SuiteFile) {
        let has_scripts = suite.charms.iter().any(|charm| charm.scripts.is_some());
        if !has_scripts || self.told_of_untrusted.get() {
            return;
        }
        let allowed: BTreeSet<&Key> = work.allowed.iter().map(|entry| &entry.key).collect();
        let entries = work.delta.snapshot.entries().iter();
        let left_out = entries.filter(|entry| !allowed.contains(&entry.key));
        let names: BTreeSet<&str> = left_out.map(|entry| entry.facts.name.as_str()).collect();
        if names.is_empty() {
            return;
        }
        self.told_of_untrusted.set(true);
        let mut text = names.iter().take(5).copied().collect::<Vec<_>>().join(", ");
        if names.len() > 5 {
            let _ = write!(text, " and {} more", names.len() - 5);
        }
        say(&format!(
            "note: scripts of trusted charms cannot deploy what is untrusted: {text}"
        ));
    }
}

impl World for Bench {
    fn facts(&self, files: &dyn Files) -> std::result::Result<Option<Facts>, String> {
        facts::facts(files)
    }

    fn facts_version(&self) -> String {
        // What was read without scripts, or without those that are symlinks, is read again.
        concat!(env!("CARGO_PKG_VERSION"), "+scripts+symlinks").to_owned()
    }

    fn now(&self) -> String {
        results::now()
    }

    fn sandbox_level(&self, variant: &Variant) -> Reached {
        let nothing = |why: String| Reached {
            level: Level::Plain.number(),
            missing: Some(why),
        };
        let asked = place::asked(variant, &self.inside);
        if matches!(asked, Request::Off | Request::Level(Level::Plain)) {
            return nothing("these jobs ask for no sandbox".to_owned());
        }
        match self.flags_of(variant) {
            Err(why) => return nothing(why),
            Ok((_, BackendKind::Juju)) => {
                return nothing("a real Juju runs them, on its machines".to_owned());
            }
            Ok((_, BackendKind::Embedded)) => {}
        }
        match self.around(Place::of(asked, &self.inside, true, true)) {
            Ok(around) => Reached {
                level: around.map_or(0, |around| around.level().number()),
                missing: None,
            },
            Err(why) => nothing(format!("they can be contained at level 3 only: {why}")),
        }
    }

    fn run(
        &mut self,
        work: Work<'_>,
        report: &mut dyn FnMut(Outcome) -> WatchResult<()>,
    ) -> WatchResult<Ended> {
        if self.stop.asked().is_some() {
            return Ok(Ended::Interrupted);
        }
        let Some(variant) = work.jobs.first().map(|job| job.variant.clone()) else {
            return Ok(Ended::Completed);
        };
        let (flags, kind) = self.flags_of(&variant).map_err(WatchError::Runner)?;
        let asked = place::asked(&variant, &self.inside);
        let embedded = kind == BackendKind::Embedded;
        let place = Place::of(asked, &self.inside, work.contained, embedded);
        let around = match self.around(place) {
            Ok(around) => around,
            Err(why) => return unmet(&work, &why, report),
        };
        let version = self.juju_version(&variant, &flags, place.is_elsewhere());
        let version = version.map_err(WatchError::Runner)?;
        let directory = plan::room(work.directory);
        let directory = directory
            .map_err(|error| WatchError::Runner(format!("no directory for the charms: {error}")))?;
        let common = Common {
            require: self.tests.require,
            limit_s: suite::script_limit(&flags),
            sandbox: place.scripts,
            contained: place.contained,
        };
        let (mut suite, names) = plan::suite(&work, &common, directory.path())?;
        let of_hooks = around.as_ref().map_or(Level::Plain, Around::level);
        let of_scripts = match scripts_level(&suite, place) {
            Ok(level) => level,
            Err(why) => return unmet(&work, &why, report),
        };
        self.tell_of_untrusted(&work, &suite);
        let mut tools = self.tools();
        tools.insert("backend".to_owned(), kind.to_string());
        tools.insert("juju".to_owned(), version);
        let mut args = self.suite.clone();
        args.flags = flags;
        let stop = self.stop.clone();
        let logs = Logs {
            directory: work.directory,
            attempt: work.attempt,
        };
        let room = match &around {
            Some(_) => Some(Room::make().map_err(|error| WatchError::Runner(error.to_string()))?),
            None => None,
        };
        let kept = room.as_ref().map(|room| room.path().display().to_string());
        let is_red = Cell::new(false);
        let mut told = BTreeSet::new();
        let mut compared = BTreeSet::new();
        let mut tell = |of: Told| -> WatchResult<()> {
            let test = of.test;
            let Some(job) = names.get(&test.name).filter(|_| !told.contains(&test.name)) else {
                return Ok(());
            };
            let Some(verdict) = verdict(test.outcome) else {
                return Ok(());
            };
            // What ends because we were asked to end says nothing.
            if stop.asked().is_some() && verdict != Verdict::Pass {
                return Ok(());
            }
            let good = matches!(verdict, Verdict::Pass | Verdict::Skip);
            is_red.set(is_red.get() || !good);
            let mut outcome = Outcome::new(job, verdict, test.message.clone());
            outcome.ms = u64::try_from(test.took.as_millis()).unwrap_or(u64::MAX);
            outcome.log = logs.write(job, &test);
            outcome.dump = match &kept {
                Some(room) => (!good).then(|| room.clone()),
                None => test.evidence,
            };
            outcome.backend = Some(kind.to_string());
            outcome.tools = tools.clone();
            let level = match job.kind {
                JobKind::Generic => of_hooks,
                JobKind::Script => of_scripts.max(of_hooks),
            };
            outcome.sandbox = Some(level.name().to_owned());
            outcome.hooks = embedded.then(|| of_hooks.name().to_owned());
            outcome.network = embedded.then(|| place.network.to_string());
            outcome.deployed = BTreeSet::from([job.key.charm.clone()]);
            // With what a generic test relates a charm, that shares an interface with it.
            outcome.deployed.extend(of.asked);
            if !of.packages.is_empty() && compared.insert(job.key.clone()) {
                for warning in self.recorded.moved_on(&job.key, &of.packages) {
                    say(&format!("warning: charm {}: {warning}", job.key));
                }
            }
            outcome.packages = of.packages;
            outcome.ended = results::now();
            told.insert(test.name);
            report(outcome)
        };
        let again = self.recorded.replay(&work.delta.id);
        if let (Some(around), Some(room)) = (&around, room) {
            let contained = Contained {
                around,
                args: &args,
                again: &again,
                directory: directory.path(),
                readable: &self.inside.readable,
                hidden: &self.record,
            };
            let ended = contained.run(&suite, room, &mut tell, &|| is_red.get())?;
            if self.stop.asked().is_some() {
                return Ok(Ended::Interrupted);
            }
            if let End::TookLonger(limit) = ended {
                let why = format!(
                    "the contained run did not end in {} s, which is more than its tests may take",
                    limit.as_secs()
                );
                return leave(&work, Verdict::Timeout, &why, report);
            }
            return Ok(Ended::Completed);
        }
        let keys: BTreeMap<&str, String> = names
            .iter()
            .filter_map(|(test, job)| Some((test.split_once("::")?.0, job.key.to_string())))
            .collect();
        let named = |module: &str| keys.get(module).cloned().unwrap_or_default();
        let prepared = suite::prepare(&mut suite, directory.path(), &named);
        prepared.map_err(|error| WatchError::Runner(error.to_string()))?;
        let (sender, finished) = mpsc::channel();
        let ended = thread::scope(|scope| {
            let suite = &suite;
            let running = scope.spawn(move || {
                suite::run_telling(suite, args, "cargo charmtest watch", again, sender)
            });
            for test in finished {
                tell(Told::of(test, suite, directory.path()))?;
            }
            running
                .join()
                .map_err(|_| WatchError::Runner("the run panicked".to_owned()))
        })?;
        let ended = ended.map_err(|error| WatchError::Runner(error.to_string()))?;
        if self.stop.asked().is_some() {
            return Ok(Ended::Interrupted);
        }
        for test in ended.tests {
            tell(Told::of(test, &suite, directory.path()))?;
        }
        Ok(Ended::Completed)
    }

    fn back_off(&mut self, attempt: u32) -> bool {
        let wait = FIRST_WAIT * 2_u32.saturating_pow(attempt.saturating_sub(1).min(6));
        say(&format!(
            "something around the tests failed; trying again in {} s",
            wait.as_secs()
        ));
        !self.stop.wait(wait)
    }

    fn say(&mut self, line: &str) {
        say(line);
    }
}

/// Reports that jobs ask for what is not on this machine.
fn unmet(
    work: &Work<'_>,
    why: &str,
    report: &mut dyn FnMut(Outcome) -> WatchResult<()>,
) -> WatchResult<Ended> {
    leave(work, Verdict::Unmet, why, report)
}

/// Reports jobs that have no outcome of their own.
fn leave(
    work: &Work<'_>,
    verdict: Verdict,
    why: &str,
    report: &mut dyn FnMut(Outcome) -> WatchResult<()>,
) -> WatchResult<Ended> {
    for job in work.jobs {
        let mut outcome = Outcome::new(job, verdict, Some(why.to_owned()));
        outcome.ended = results::now();
        report(outcome)?;
    }
    Ok(Ended::Completed)
}

/// Returns the sandbox level in which the scripts of a suite run here, if they are not contained.
///
/// What asking for the best one fails of, they fail of too; a level that is asked for must be there.
fn scripts_level(suite: &SuiteFile, place: Place) -> std::result::Result<Level, String> {
    if place.contained || suite.charms.iter().all(|charm| charm.scripts.is_none()) {
        return Ok(Level::Plain);
    }
    match Sandbox::enter(place.scripts, sandbox::network()) {
        Ok(sandbox) => Ok(sandbox.achieved().level),
        Err(error) if matches!(place.scripts, Request::Level(_)) => Err(error.to_string()),
        Err(_) => Ok(Level::Plain),
    }
}
