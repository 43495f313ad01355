//! Looking at collections of 1,000 small charms.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use super::{Bed, human, median, run_quietly, time};
use crate::sh::{Result, print, sh};

/// How many charms a collection has.
const CHARMS: usize = 1_000;

/// How long a look may take at which nothing has changed.
const UNCHANGED_LIMIT: Duration = Duration::from_secs(5);

/// How long a look may take beyond the tests when one charm has changed.
const CHANGED_LIMIT: Duration = Duration::from_secs(1);

/// How often each kind of look is measured; the median counts.
const ROUNDS: usize = 5;

/// Measures a look without and with a change, for charms in directories, in one work tree, and in one repository elsewhere.
pub(super) fn watch(bed: &Bed) -> Result {
    let plain = bed.dir.join("watch-plain");
    charms(&plain.join("charms"))?;
    let sources = "[[charm]]\npath = 'charms/*'\n";
    let plain = Collection::new(bed, plain, "directories", sources)?;
    plain.measure()?;
    // A script that deploys another charm by its name, which is packed for it.
    let tests = plain.charm(7).join("tests");
    fs::create_dir_all(&tests)?;
    super::write_script(&tests.join("1.test"), "juju deploy c8")?;
    plain.changes("one, beyond its script", &["--no-generic"])?;

    let tree = bed.dir.join("watch-tree");
    charms(&tree.join("repo/charms"))?;
    commit(&tree.join("repo"))?;
    let sources = "[[charm]]\npath = 'repo/charms/*'\n";
    Collection::new(bed, tree, "one work tree", sources)?.measure()?;

    let remote = bed.dir.join("watch-remote");
    charms(&remote.join("repo/charms"))?;
    commit(&remote.join("repo"))?;
    let sources: String = (0..CHARMS)
        .map(|n| format!("[[charm]]\ngit = 'repo'\nsubdir = 'charms/c{n}'\n"))
        .collect();
    Collection::new(bed, remote, "one git remote", &sources)?.measure()
}

/// A collection with a record beside it.
struct Collection<'a> {
    bed: &'a Bed,
    dir: PathBuf,
    what: &'a str,
}

/// What a look took at which one charm was tested.
struct Look {
    /// All of it but the test.
    beyond: Duration,
    /// Until the delta was recorded: reading, waiting for a directory to settle, writing.
    record: Duration,
    /// From there to the result of the test, without its own time: the suite, the backend, the model.
    start: Duration,
    /// From there to the end: the model goes, the results are summed up.
    end: Duration,
}

impl<'a> Collection<'a> {
    fn new(bed: &'a Bed, dir: PathBuf, what: &'a str, sources: &str) -> Result<Self> {
        let defaults = "[defaults]\ntrust = 'official'\nscope = 'changed'\n";
        fs::write(dir.join("charms.toml"), format!("{defaults}{sources}"))?;
        Ok(Self { bed, dir, what })
    }

    /// Returns the directory of a charm.
    fn charm(&self, number: usize) -> PathBuf {
        let (own, repo) = (self.dir.join("charms"), self.dir.join("repo/charms"));
        let charms = if repo.exists() { repo } else { own };
        charms.join(format!("c{number}"))
    }

    fn watch(&self, generic: &[&str]) -> Result {
        let mut command = Command::new(&self.bed.program);
        command
            .args(["charmtest", "watch", "--once", "--quiet"])
            .args(["--backend", "embedded", "--state", "state"])
            .args(generic)
            .current_dir(&self.dir)
            .env("CHARMTEST_DATA", self.bed.data());
        run_quietly(&mut command)
    }

    fn measure(&self) -> Result {
        let first = time(|| self.watch(&["--no-generic"]))?;
        self.row("recorded at first", first, None);
        let mut unchanged = Vec::new();
        for _ in 0..ROUNDS {
            unchanged.push(time(|| self.watch(&["--no-generic"]))?);
        }
        let unchanged = median(&mut unchanged);
        self.row("nothing changed", unchanged, Some(UNCHANGED_LIMIT));
        self.changes("one, beyond its test", &["--generic", "deploy"])
    }

    /// Measures looks at which one charm has changed.
    fn changes(&self, what: &str, generic: &[&str]) -> Result {
        let mut looks = Vec::new();
        for round in 0..ROUNDS {
            let hook = format!("status-set active '{what} {round}'");
            super::write_script(&self.charm(7).join("dispatch"), &hook)?;
            let repo = self.dir.join("repo");
            if repo.exists() {
                commit(&repo)?;
            }
            looks.push(self.look(generic)?);
        }
        let of = |part: fn(&Look) -> Duration| {
            let mut parts: Vec<Duration> = looks.iter().map(part).collect();
            median(&mut parts)
        };
        self.row(what, of(|look| look.beyond), Some(CHANGED_LIMIT));
        for (name, part) in [
            ("until it is recorded", of(|look| look.record)),
            ("around its test", of(|look| look.start)),
            ("from its result to the end", of(|look| look.end)),
        ] {
            print(&format!("  {name:<58} {:>10}", human(part)));
        }
        Ok(())
    }

    /// Looks once; when things happened is known from the files of the new delta.
    fn look(&self, generic: &[&str]) -> Result<Look> {
        let (began, clock) = (Instant::now(), SystemTime::now());
        self.watch(generic)?;
        let whole = began.elapsed();
        let mut deltas = Vec::new();
        for delta in fs::read_dir(self.dir.join("state/deltas"))? {
            deltas.push(delta?.path());
        }
        deltas.sort();
        let delta = deltas.pop().ok_or("nothing was recorded".to_owned())?;
        let results = fs::read_to_string(delta.join("results.jsonl"))?;
        let test = match results.lines().collect::<Vec<_>>().as_slice() {
            [line] if line.contains("\"verdict\":\"pass\"") => milliseconds(line),
            _ => None,
        };
        let test = test.ok_or_else(|| format!("one test was to pass: {results}"))?;
        let when = |file: &str| -> Result<Duration> {
            let written = fs::metadata(delta.join(file))?.modified()?;
            Ok(written.duration_since(clock).unwrap_or_default())
        };
        let (recorded, tested) = (when("delta.json")?, when("results.jsonl")?);
        Ok(Look {
            beyond: whole.saturating_sub(test),
            record: recorded,
            start: tested.saturating_sub(recorded).saturating_sub(test),
            end: whole.saturating_sub(tested),
        })
    }

    fn row(&self, what: &str, it: Duration, limit: Option<Duration>) {
        let what = format!("1,000 charms, {}: {what}", self.what);
        let Some(limit) = limit else {
            print(&format!("{what:<60} {:>10}", human(it)));
            return;
        };
        let ratio = it.as_secs_f64() / limit.as_secs_f64();
        let verdict = if it > limit { "over" } else { "within" };
        print(&format!(
            "{what:<60} {:>10} {ratio:>5.2}x  {verdict} the aim of {}",
            human(it),
            human(limit)
        ));
    }
}

/// Returns how long the test of a line of results took.
fn milliseconds(line: &str) -> Option<Duration> {
    let (_, rest) = line.split_once("\"ms\":")?;
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.parse().ok().map(Duration::from_millis)
}

/// Writes the charms.
fn charms(dir: &Path) -> Result {
    for n in 0..CHARMS {
        let charm = dir.join(format!("c{n}"));
        fs::create_dir_all(charm.join("src"))?;
        let metadata = format!("name: c{n}\nsummary: a benchmark\ndescription: a benchmark\n");
        fs::write(charm.join("metadata.yaml"), metadata)?;
        let manifest = "bases:\n- {name: ubuntu, channel: \"24.04\", architectures: [amd64]}\n";
        fs::write(charm.join("manifest.yaml"), manifest)?;
        fs::write(
            charm.join("src/lib.sh"),
            format!("# charm {n}\n").repeat(50),
        )?;
        super::write_script(&charm.join("dispatch"), "status-set active")?;
    }
    Ok(())
}

/// Commits all that is in a repository.
fn commit(repo: &Path) -> Result {
    for args in [
        &["init", "-q", "-b", "main"][..],
        &["add", "-A"],
        &[
            "-c",
            "user.name=Bench",
            "-c",
            "user.email=bench@example.com",
            "commit",
            "-q",
            "-m",
            "charms",
        ],
    ] {
        sh("git", args).dir(repo).read()?;
    }
    Ok(())
}
