//! What the collection does not know: how charms are tested here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use charmtest::generic::{Generic, Require};
use charmtest::harness::{BackendArg, Outcome as TestOutcome, RunFlags};
use charmtest::juju::{Backend, BackendKind, BackendOptions};
use charmtest_collection::{
    Digest, Ended, Entry, Error as WatchError, Facts, Files, Job, Key, Kind as JobKind, Outcome,
    Reached, Resolved, Result as WatchResult, Variant, Verdict, Work, World,
};
use charmtest_controller::JujuVersion;
use charmtest_sandbox::{Level, Request, Sandbox};
use charmtest_scripts::requirements::{Versions, Wishes};
use charmtest_scripts::{Settings, discover};

use super::recorded::Recorded;
use super::{all_causes, facts};
use crate::cli::SuiteArgs;
use crate::error::{Error, Kind, Result};
use crate::report::{FinishedTest, say};
use crate::results;
use crate::run::signals::{self, Interrupt};
use crate::sandbox;
use crate::suite::{
    self, Room, ShelfFile, Stored, SuiteFile, SuiteRequirements, SuiteScripts, SuiteShell,
};

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
    backends: BTreeMap<String, (BackendKind, String)>,
}

impl Bench {
    /// Makes a bench; options that would leave out tests are refused, since a delta is tested as a whole.
    pub(super) fn new(mut suite: SuiteArgs, tests: Tests, stop: Stop) -> Result<Self> {
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
        Ok(Self {
            suite,
            tests,
            stop,
            recorded: Recorded::default(),
            backends: BTreeMap::new(),
        })
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
        .into()
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

    /// Returns the flags of a variant, with the backend that they choose.
    fn flags_of(
        &mut self,
        variant: &Variant,
    ) -> std::result::Result<(RunFlags, BackendKind, String), String> {
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
        let name = variant.to_string();
        if !self.backends.contains_key(&name) {
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
            self.backends
                .insert(name.clone(), (backend.kind, backend.version));
        }
        let (kind, version) = self.backends[&name].clone();
        Ok((flags, kind, version))
    }

    fn suite_of(
        &self,
        work: &Work<'_>,
        directory: &Path,
    ) -> WatchResult<(SuiteFile, BTreeMap<String, Job>)> {
        let mut keys: Vec<&Key> = Vec::new();
        let mut jobs: BTreeMap<&Key, Vec<&Job>> = BTreeMap::new();
        for job in work.jobs {
            let own = jobs.entry(&job.key).or_default();
            if own.is_empty() {
                keys.push(&job.key);
            }
            own.push(job);
        }
        let allowed: BTreeMap<&Key, &Entry> = work
            .allowed
            .iter()
            .map(|entry| (&entry.key, *entry))
            .collect();
        let room = Room::new(work.store.clone(), directory.to_owned());
        let places = Places { work, room };
        let mut shelves = BTreeMap::new();
        let mut charms = Vec::new();
        let mut names = BTreeMap::new();
        let mut modules = BTreeSet::new();
        for key in keys {
            let Some(entry) = allowed.get(key) else {
                continue;
            };
            let module = module(key, &mut modules);
            let own = jobs.remove(key).unwrap_or_default();
            for job in &own {
                let test = match job.kind {
                    JobKind::Generic => job.test.clone(),
                    JobKind::Script => suite::script_name(script_file(job)),
                };
                names.insert(format!("{module}::{test}"), (*job).clone());
            }
            let generic = own.iter().filter(|job| job.kind == JobKind::Generic);
            let generic =
                generic.filter_map(|job| Generic::ALL.into_iter().find(|id| id.id() == job.test));
            let previous = work.previous.get(&key.to_string());
            let previous =
                previous.map(|previous| places.charm("previous", key, &previous.content));
            let path = places.charm("charms", key, &entry.content)?;
            tell_of_scripts(key, &path);
            let read = suite::charms(std::slice::from_ref(&path));
            let read = read.map_err(|error| WatchError::Runner(error.to_string()))?;
            let partners = partners(entry, work.trusted).into_iter();
            let partners =
                partners.map(|partner| places.charm("charms", &partner.key, &partner.content));
            let partners = partners.collect::<WatchResult<Vec<_>>>()?;
            let previous = previous.transpose()?;
            let generic: Vec<Generic> = generic.collect();
            let own_scripts = own.iter().filter(|job| job.kind == JobKind::Script);
            let own_scripts: Vec<String> =
                own_scripts.map(|job| script_file(job).to_owned()).collect();
            let scripts = match own_scripts.is_empty() {
                true => None,
                false => {
                    let kind = (key.base.as_str(), key.branch.as_str());
                    let shelf = match shelves.get(&kind) {
                        Some(shelf) => PathBuf::clone(shelf),
                        None => places.shelf(entry, shelves.len())?,
                    };
                    shelves.insert(kind, shelf.clone());
                    let mut scripts = self.scripts_of(entry, own_scripts, &path, &places)?;
                    scripts.shelf = Some(shelf);
                    Some(scripts)
                }
            };
            charms.extend(read.into_iter().map(|mut charm| {
                charm.module.clone_from(&module);
                charm.previous.clone_from(&previous);
                charm.partners.clone_from(&partners);
                charm.generic.clone_from(&generic);
                charm.require = self.tests.require;
                charm.scripts.clone_from(&scripts);
                charm
            }));
        }
        Ok((SuiteFile::new("watch", charms), names))
    }

    /// Returns the scripts of a charm with what they run with, but for the other charms of this delta: what `[resolve]` names.
    fn scripts_of(
        &self,
        entry: &Entry,
        names: Vec<String>,
        directory: &Path,
        places: &Places<'_>,
    ) -> WatchResult<SuiteScripts> {
        let name = &entry.facts.name;
        let settings = Settings::read(directory);
        let settings = settings.map_err(|error| WatchError::Runner(error.to_string()))?;
        let mut scripts = SuiteScripts {
            requirements: SuiteRequirements::of(directory, &settings, Wishes::default()),
            charm: name.clone(),
            directory: directory.to_owned(),
            artifact: places.packed("charms", &entry.content, name)?,
            names,
            limit_s: suite::script_limit(&self.suite.flags),
            sandbox: "auto".to_owned(),
            shell: SuiteShell::Never,
            ..SuiteScripts::default()
        };
        let versions = &scripts.requirements.versions;
        for warning in self.recorded.moved_on(&entry.key, versions) {
            say(&format!("warning: charm {}: {warning}", entry.key));
        }
        for (name, target) in &places.work.delta.resolve {
            let target = match target {
                Resolved::Store(name) => format!("ch:{name}"),
                Resolved::File { sha256, .. } => places.file(name, sha256)?.display().to_string(),
                Resolved::Tree { content, .. } => {
                    let artifact = places.packed("resolve", content, name)?;
                    artifact.display().to_string()
                }
            };
            scripts.chosen.insert(name.clone(), target);
        }
        Ok(scripts)
    }
}

/// Returns what charm names mean in the scripts of `entry`: the charms of its base, of its own branch if there is one.
fn named<'a>(entry: &Entry, allowed: &[&'a Entry]) -> BTreeMap<&'a str, &'a Entry> {
    let mut named: BTreeMap<&str, &Entry> = BTreeMap::new();
    for other in allowed
        .iter()
        .filter(|other| other.key.base == entry.key.base)
    {
        let name = other.facts.name.as_str();
        if other.key.branch == entry.key.branch || !named.contains_key(name) {
            named.insert(name, other);
        }
    }
    named
}

/// Where the charms of some work are written to.
struct Places<'a> {
    work: &'a Work<'a>,
    room: Room,
}

impl Places<'_> {
    /// Writes a charm, checked byte by byte, unless it is there already.
    fn charm(&self, kind: &str, key: &Key, content: &Digest) -> WatchResult<PathBuf> {
        self.room.charm(kind, &key.charm, content)
    }

    /// Packs a charm, unless that is done already.
    fn packed(&self, kind: &str, content: &Digest, name: &str) -> WatchResult<PathBuf> {
        let packed = self.room.packed(kind, name, content);
        packed.map_err(WatchError::Runner)
    }

    /// Writes down which charms the scripts of `entry`, and of all others of its base and branch, may deploy by name: those of the base
    /// in this delta, and the good versions before it.
    fn shelf(&self, entry: &Entry, number: usize) -> WatchResult<PathBuf> {
        let stored = |(name, other): (&str, &Entry)| {
            let previous = self.work.previous.get(&other.key.to_string());
            let stored = Stored {
                content: other.content.clone(),
                previous: previous.map(|previous| previous.content.clone()),
            };
            (name.to_owned(), stored)
        };
        let charms = named(entry, self.work.allowed).into_iter().map(stored);
        let shelf = ShelfFile {
            state: self.work.store.state().to_owned(),
            room: self.room.directory().to_owned(),
            charms: charms.collect(),
        };
        let path = self.room.directory().join(format!("shelf-{number}.json"));
        let failed = |why: &dyn std::fmt::Display| {
            WatchError::Runner(format!("cannot write {}: {why}", path.display()))
        };
        let text = serde_json::to_vec(&shelf).map_err(|error| failed(&error))?;
        fs::write(&path, text).map_err(|error| failed(&error))?;
        Ok(path)
    }

    /// Writes a recorded `.charm` file.
    fn file(&self, name: &str, content: &Digest) -> WatchResult<PathBuf> {
        let room = self.room.directory().join("resolve-files");
        let path = room.join(format!("{name}.charm"));
        if !path.is_file() {
            let bytes = self.work.store.get(content)?;
            let written = fs::create_dir_all(&room).and_then(|()| fs::write(&path, bytes));
            written.map_err(|error| {
                WatchError::Runner(format!("cannot write {}: {error}", path.display()))
            })?;
        }
        Ok(path)
    }
}

/// Returns a charm of each interface of `entry` with the same base, one for each at most: those with which it may be related.
fn partners<'a>(entry: &Entry, allowed: &[&'a Entry]) -> Vec<&'a Entry> {
    let mut partners: Vec<&Entry> = Vec::new();
    for interface in &entry.facts.interfaces {
        let fits = |other: &&&Entry| {
            other.key != entry.key
                && other.key.base == entry.key.base
                && other.facts.interfaces.contains(interface)
        };
        // One of the same branch, if there is one.
        let mut same = allowed
            .iter()
            .filter(fits)
            .filter(|other| other.key.branch == entry.key.branch);
        let found = same.next().or_else(|| allowed.iter().find(fits));
        partners.extend(found.filter(|found| !partners.iter().any(|there| there.key == found.key)));
    }
    partners
}

/// Returns a module for a charm that no other has: its name, with base and branch where that is not enough.
fn module(key: &Key, taken: &mut BTreeSet<String>) -> String {
    let plain = |text: &str| {
        text.replace(
            |letter: char| !letter.is_ascii_alphanumeric() && !".-_@".contains(letter),
            "-",
        )
    };
    let named = format!("{}@{}@{}", key.charm, plain(&key.base), plain(&key.branch));
    let numbered = (2..).map(|number| format!("{named}-{number}"));
    let mut names = [key.charm.clone(), named.clone()]
        .into_iter()
        .chain(numbered);
    names
        .find(|name| taken.insert(name.clone()))
        .unwrap_or(named)
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

    fn sandbox_level(&self, _: &Variant) -> Reached {
        // Hooks of the embedded controller run as this user, with all that it may do.
        Reached {
            level: 0,
            missing: None,
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
        let (flags, kind, version) = self.flags_of(&variant).map_err(WatchError::Runner)?;
        let directory = room(work.directory);
        let directory = directory
            .map_err(|error| WatchError::Runner(format!("no directory for the charms: {error}")))?;
        let (suite, names) = self.suite_of(&work, directory.path())?;
        let backend = match kind {
            BackendKind::Embedded => "embedded",
            BackendKind::Juju => "juju",
        };
        let mut tools = self.tools();
        tools.insert("backend".to_owned(), backend.to_owned());
        tools.insert("juju".to_owned(), version);
        let mut args = self.suite.clone();
        args.flags = flags;
        let stop = self.stop.clone();
        let logs = Logs {
            directory: work.directory,
            attempt: work.attempt,
        };
        let of_scripts = scripts_level(&suite);
        let packages = packages(&suite, &names);
        let mut told = BTreeSet::new();
        let mut tell = |test: FinishedTest| -> WatchResult<()> {
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
            let mut outcome = Outcome::new(job, verdict, test.message.clone());
            outcome.ms = u64::try_from(test.took.as_millis()).unwrap_or(u64::MAX);
            outcome.log = logs.write(job, &test);
            outcome.dump = test.evidence;
            outcome.backend = Some(backend.to_owned());
            outcome.tools = tools.clone();
            let level = match job.kind {
                JobKind::Generic => Level::Plain,
                JobKind::Script => of_scripts,
            };
            outcome.sandbox = Some(level.name().to_owned());
            outcome.deployed = BTreeSet::from([job.key.charm.clone()]);
            // With what a generic test relates a charm, that shares an interface with it.
            outcome
                .deployed
                .extend(suite::asked(directory.path(), &test.name));
            if job.kind == JobKind::Script
                && let Some(versions) = packages.get(&job.key)
            {
                outcome.packages = versions.clone();
            }
            outcome.ended = results::now();
            told.insert(test.name);
            report(outcome)
        };
        let (sender, finished) = mpsc::channel();
        let again = self.recorded.replay(&work.delta.id);
        let ended = thread::scope(|scope| {
            let suite = &suite;
            let running = scope.spawn(move || {
                suite::run_telling(suite, args, "cargo charmtest watch", again, sender)
            });
            for test in finished {
                tell(test)?;
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
            tell(test)?;
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

/// Returns the packages that the scripts of each charm of a suite need, at the versions that they run with.
fn packages(suite: &SuiteFile, names: &BTreeMap<String, Job>) -> BTreeMap<Key, Versions> {
    let mut packages = BTreeMap::new();
    for charm in &suite.charms {
        let Some(scripts) = &charm.scripts else {
            continue;
        };
        for script in &scripts.names {
            let test = format!("{}::{}", charm.module, suite::script_name(script));
            if let Some(job) = names.get(&test) {
                packages.insert(job.key.clone(), scripts.requirements.versions.clone());
            }
        }
    }
    packages
}

/// Returns the name in `tests/` of the script of a job.
fn script_file(job: &Job) -> &str {
    job.test.strip_prefix("tests/").unwrap_or(&job.test)
}

/// Tells what a reader of a charm's results should know of its scripts: which look like one and are none, settings without an effect, and
/// settings that are wrong, of which the test that has them fails by itself.
fn tell_of_scripts(key: &Key, charm: &Path) {
    let all = || -> std::result::Result<Vec<String>, String> {
        let settings = Settings::read(charm).map_err(|error| error.to_string())?;
        let found = discover(charm, &settings.tests).map_err(|error| error.to_string())?;
        let own = settings.of_scripts(charm, &found.scripts);
        let own = own.unwrap_or_else(|error| vec![error.to_string()]);
        Ok([settings.warnings, found.warnings, own].concat())
    };
    for warning in all().unwrap_or_else(|error| vec![error]) {
        say(&format!("warning: charm {key}: {warning}"));
    }
}

/// Returns the sandbox level in which the scripts of a suite run here: the best there is. What asking for it fails of, they fail of too.
fn scripts_level(suite: &SuiteFile) -> Level {
    if suite.charms.iter().all(|charm| charm.scripts.is_none()) {
        return Level::Plain;
    }
    let entered = Sandbox::enter(Request::Auto, sandbox::network());
    entered.map_or(Level::Plain, |sandbox| sandbox.achieved().level)
}

/// Makes a directory for charms below that of a delta; what a watcher that was killed left there goes.
fn room(directory: &Path) -> std::io::Result<tempfile::TempDir> {
    let rooms = directory.join("work");
    match fs::remove_dir_all(&rooms) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(&rooms)?,
    }
    tempfile::tempdir_in(rooms)
}

/// What an outcome of the harness means; nothing for a test that did not run.
fn verdict(outcome: TestOutcome) -> Option<Verdict> {
    Some(match outcome {
        TestOutcome::Passed | TestOutcome::Flaky | TestOutcome::Xfailed | TestOutcome::Xpassed => {
            Verdict::Pass
        }
        TestOutcome::Skipped => Verdict::Skip,
        TestOutcome::Failed => Verdict::Fail,
        TestOutcome::TimedOut => Verdict::Timeout,
        TestOutcome::Errored => Verdict::Infra,
        TestOutcome::Refused => Verdict::Refused,
        TestOutcome::Unmet => Verdict::Unmet,
        TestOutcome::Aborted => return None,
    })
}

/// What tests printed.
struct Logs<'a> {
    directory: &'a Path,
    attempt: u32,
}

impl Logs<'_> {
    /// Keeps what a test said; returns the file, relative to the directory.
    fn write(&self, job: &Job, test: &FinishedTest) -> Option<String> {
        let mut text = String::new();
        if let Some(message) = &test.message {
            let _ = writeln!(text, "{message}");
        }
        for line in &test.output {
            let _ = writeln!(text, "{line}");
        }
        if text.is_empty() {
            return None;
        }
        let letter = |letter: char| {
            if letter.is_ascii_alphanumeric() || ".-_@".contains(letter) {
                letter
            } else {
                '_'
            }
        };
        let name: String = job.id().chars().map(letter).collect();
        let file = format!("logs/{name}.{}.log", self.attempt);
        let path = self.directory.join(&file);
        let written =
            fs::create_dir_all(self.directory.join("logs")).and_then(|()| fs::write(path, text));
        written.is_ok().then_some(file)
    }
}

/// Checks the values of a matrix.
pub(super) fn check_variant(variant: &Variant) -> std::result::Result<(), String> {
    for (axis, value) in &variant.0 {
        match axis.as_str() {
            "backend" if ["embedded", "juju"].contains(&value.as_str()) => {}
            "backend" => {
                return Err(format!(
                    "backend `{value}` is neither `embedded` nor `juju`"
                ));
            }
            "juju" => drop(JujuVersion::parse(value).map_err(|error| error.to_string())?),
            other => return Err(format!("`{other}` cannot be chosen here yet")),
        }
    }
    if variant.get("juju").is_some() && variant.get("backend") == Some("juju") {
        return Err(
            "a real Juju has a version of its own; `juju` is for the embedded backend".to_owned(),
        );
    }
    Ok(())
}

/// Whether somebody wants us to end.
#[derive(Debug, Clone)]
pub(super) struct Stop(Arc<(Mutex<Option<Interrupt>>, Condvar)>);

impl Stop {
    /// Listens to signals from now on.
    pub(super) fn on_signals() -> Result<Self> {
        let shared = Arc::new((Mutex::new(None), Condvar::new()));
        let (sender, signals) = mpsc::channel::<Interrupt>();
        signals::forward(sender).map_err(Error::infrastructure)?;
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for interrupt in signals {
                let (asked, changed) = &*of_thread;
                asked
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .get_or_insert(interrupt);
                changed.notify_all();
            }
        });
        Ok(Self(shared))
    }

    fn asked(&self) -> Option<Interrupt> {
        *self
            .0
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn wait(&self, duration: Duration) -> bool {
        let (asked, changed) = &*self.0;
        let guard = asked
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let waited = changed.wait_timeout_while(guard, duration, |asked| asked.is_none());
        let (guard, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        guard.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_has_values_that_there_are() {
        for (axes, good) in [
            (&[("backend", "embedded"), ("juju", "4.0")][..], true),
            (&[("juju", "3.6")], true),
            (&[("backend", "juju")], true),
            (&[("backend", "lxd")], false),
            (&[("juju", "2.9")], false),
            (&[("backend", "juju"), ("juju", "3.6")], false),
        ] {
            let variant = Variant(
                axes.iter()
                    .map(|(axis, value)| ((*axis).to_owned(), (*value).to_owned()))
                    .collect(),
            );
            assert_eq!(check_variant(&variant).is_ok(), good, "{variant}");
        }
    }

    #[test]
    fn modules_are_told_apart() {
        let mut taken = BTreeSet::new();
        let names = [
            ("24.04", "main"),
            ("22.04", "main"),
            ("22.04", "a/b"),
            ("22.04", "a-b"),
        ]
        .map(|(base, branch)| {
            module(
                &Key::new(&format!("ubuntu@{base}"), "a", branch),
                &mut taken,
            )
        });
        assert_eq!(
            names,
            [
                "a",
                "a@ubuntu@22.04@main",
                "a@ubuntu@22.04@a-b",
                "a@ubuntu@22.04@a-b-2"
            ]
        );
    }
}
