//! What failed in the last run of a target: kept for `--last-failed` and `--failed-first`.
//!
//! There is one file per test target of a package, beside the records of runs. Processes of one run may share it: nextest
//! starts one per module.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::describe::{DescribedModule, DescribedTest};
use super::event::Outcome;
use super::record::state_dir;

/// How long another process may hold the file; it does so for moments.
const LOCK_LIMIT: Duration = Duration::from_secs(10);

/// The tests of a target that did not pass when they were run last.
#[derive(Clone, Debug)]
pub struct LastFailed {
    path: PathBuf,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored {
    failed: BTreeSet<String>,
}

impl LastFailed {
    /// Returns the record of a target; `variable` reads the environment.
    ///
    /// `package_dir` is the directory of the package; `target` may be written as cargo or as the compiler writes it.
    #[must_use]
    pub fn of(
        package_dir: &Path,
        target: &str,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let target = target.replace('-', "_");
        // Ways to a directory differ; the directory is the same.
        let package_dir = fs::canonicalize(package_dir).unwrap_or_else(|_| package_dir.to_owned());
        let mut hasher = DefaultHasher::new();
        (&package_dir, &target).hash(&mut hasher);
        let name = format!("{target}-{:016x}.json", hasher.finish());
        Self {
            path: state_dir(variable).join("last-failed").join(name),
        }
    }

    /// Returns the names of the tests; none when there is no record.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or holds something else.
    pub fn read(&self) -> io::Result<BTreeSet<String>> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(self.named(&error)),
        };
        let stored: Stored =
            serde_json::from_str(&text).map_err(|error| self.named(&error.into()))?;
        Ok(stored.failed)
    }

    /// Enters what became of tests that ran; those that did not run stay as they were.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn enter(&self, ran: &[(String, Outcome)]) -> io::Result<()> {
        if ran.is_empty() {
            return Ok(());
        }
        self.update(ran).map_err(|error| self.named(&error))
    }

    fn update(&self, ran: &[(String, Outcome)]) -> io::Result<()> {
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let _lock = lock(&self.path.with_extension("lock"))?;
        // What cannot be read is replaced.
        let mut failed = self.read().unwrap_or_default();
        for (test, outcome) in ran {
            if outcome.is_success() {
                failed.remove(test);
            } else {
                failed.insert(test.clone());
            }
        }
        let text = serde_json::to_vec_pretty(&Stored { failed })?;
        let fresh = self.path.with_extension("new");
        fs::write(&fresh, text)?;
        fs::rename(&fresh, &self.path)
    }

    fn named(&self, error: &io::Error) -> io::Error {
        let text = format!("{}: {error}", self.path.display());
        io::Error::new(error.kind(), text)
    }
}

/// Waits until no other process writes the file; the lock lasts as long as the returned file is open.
fn lock(path: &Path) -> io::Result<File> {
    let file = File::options().create(true).append(true).open(path)?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_LIMIT => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// What the tests that failed last build on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The model is made anew: the tests under `abort_on_fail` before them, which set it up, run too.
    Tests,
    /// `--model`: a model that is ready.
    Model,
}

/// Returns the tests of a module that `--last-failed` runs: those in `failed`, and before them those that they build on. None
/// when none of the module's failed.
#[must_use]
pub fn run_again<'a>(
    module: &'a DescribedModule,
    failed: &BTreeSet<String>,
    base: Base,
) -> Vec<&'a DescribedTest> {
    let has_failed = |test: &DescribedTest| failed.contains(&test.name);
    let Some(last) = module.tests.iter().rposition(has_failed) else {
        return Vec::new();
    };
    let wanted = |test: &&DescribedTest| {
        has_failed(test) || (base == Base::Tests && test.abort_on_fail && test.ignore.is_none())
    };
    module.tests[..=last].iter().filter(wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(name: &str, abort_on_fail: bool) -> DescribedTest {
        serde_json::from_value(serde_json::json!({
            "name": name, "file": "", "line": 1, "column": 1, "order": null, "abort_on_fail": abort_on_fail,
            "skip_if_deployed": false, "ignore": null, "tags": [], "timeout_s": null,
        }))
        .unwrap()
    }

    #[test]
    fn what_failed_runs_again_with_what_it_builds_on() {
        let module = DescribedModule {
            name: "m".to_owned(),
            tests: vec![
                described("deploy", true),
                described("a", false),
                described("relate", true),
                described("b", false),
                described("upgrade", true),
            ],
        };
        let again = |failed: &[&str], base| {
            let failed = failed.iter().map(|&name| name.to_owned()).collect();
            let tests = run_again(&module, &failed, base);
            tests
                .iter()
                .map(|test| test.name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(again(&["b"], Base::Tests), ["deploy", "relate", "b"]);
        assert_eq!(again(&["a"], Base::Tests), ["deploy", "a"]);
        assert_eq!(again(&["b"], Base::Model), ["b"]);
        assert_eq!(again(&["deploy"], Base::Tests), ["deploy"]);
        assert_eq!(again(&["gone"], Base::Tests), [""; 0]);
    }

    #[test]
    fn the_record_follows_what_ran() {
        let home = tempfile::tempdir().unwrap();
        let state = OsString::from(home.path());
        let record = |target: &str| {
            let state = state.clone();
            LastFailed::of(Path::new("/ws/web"), target, move |name| {
                (name == "XDG_STATE_HOME").then(|| state.clone())
            })
        };
        let names = |record: &LastFailed| record.read().unwrap().into_iter().collect::<Vec<_>>();
        let it = record("my-tests");
        assert_eq!(names(&it), [""; 0]);
        let ran = |outcomes: &[(&str, Outcome)]| {
            let owned = outcomes
                .iter()
                .map(|&(name, outcome)| (name.to_owned(), outcome));
            it.enter(&owned.collect::<Vec<_>>()).unwrap();
        };
        ran(&[
            ("a", Outcome::Failed),
            ("b", Outcome::Aborted),
            ("c", Outcome::Passed),
            ("d", Outcome::Skipped),
        ]);
        assert_eq!(names(&it), ["a", "b"]);
        ran(&[("a", Outcome::Passed), ("e", Outcome::TimedOut)]);
        assert_eq!(names(&it), ["b", "e"]);
        // The compiler's spelling is the same target; another target is not.
        assert_eq!(names(&record("my_tests")), ["b", "e"]);
        assert_eq!(names(&record("other")), [""; 0]);

        fs::write(&it.path, "no record").unwrap();
        let error = it.read().unwrap_err().to_string();
        assert!(error.contains("last-failed"), "{error}");
        ran(&[("b", Outcome::Failed)]);
        assert_eq!(names(&it), ["b"]);
    }
}
