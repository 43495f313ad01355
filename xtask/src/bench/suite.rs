//! The same twenty small tests with pytest-jubilant and with charmtest, on the same controller.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Bed, author_crate, median, print, row, write_script};
use crate::sh::{Result, cargo, say, sh};

/// How often each suite runs; the median counts.
const ROUNDS: usize = 5;

/// How often the memory of a running suite is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// The first argument of this program when it stands in for `juju` and notes how long each command takes.
pub(crate) const TIMED: &str = "timed-juju";

/// What a run of a suite took.
struct Cost {
    /// From its start to its end.
    wall: Duration,
    /// The time when no `juju` command ran.
    outside: Duration,
    /// The most memory that its process held at once, in KiB.
    memory: u64,
    /// How long after the last hook of a unit each wait returned.
    latencies: Vec<Duration>,
}

/// What all suites share.
struct Ground<'a> {
    bed: &'a Bed,
    /// Holds `juju`, which notes the time of each command in `calls`.
    bin: PathBuf,
    calls: PathBuf,
    latencies: PathBuf,
    stamp: PathBuf,
    charm: String,
}

pub(super) fn suite(bed: &Bed) -> Result {
    let ground = Ground::new(bed)?;
    let python = python(bed)?;
    let tests = bed.dir.join("test_small.py");
    fs::write(&tests, include_str!("suite/test_small.py"))?;
    let pytest = |eager: &str| {
        let mut command = Command::new("python3");
        let arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider"];
        command.args(arguments).arg(&tests);
        command.env("PYTHONPATH", &python).env("BENCH_EAGER", eager);
        command
    };
    let charm_tests = charm_tests(&ground)?;
    let charmtest = || {
        let mut command = Command::new(&charm_tests.binary);
        command.current_dir(&charm_tests.dir);
        command.env("CHARMTEST_PROGRAM", &charm_tests.program);
        // The `juju` on the PATH would be taken for a real one.
        command.env("CHARMTEST_BACKEND", "embedded");
        command
    };
    let (mut ours, mut theirs, mut eager) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(ground.run(charmtest())?);
        theirs.push(ground.run(pytest(""))?);
        eager.push(ground.run(pytest("1"))?);
    }
    for (theirs, name) in [
        (&theirs, "pytest-jubilant"),
        (&eager, "pytest-jubilant that looks 20 times a second"),
    ] {
        compare("20 small tests", &ours, theirs, name, |cost| cost.wall);
        compare("  outside `juju`", &ours, theirs, name, |cost| cost.outside);
        compare(
            "  a wait, after the last hook",
            &ours,
            theirs,
            name,
            |cost| median(&mut cost.latencies.clone()),
        );
        compare("  the longest such wait", &ours, theirs, name, |cost| {
            cost.latencies.iter().max().copied().unwrap_or_default()
        });
        let memory = |costs: &[Cost]| costs.iter().map(|cost| cost.memory).max().unwrap_or(0);
        let (it, other) = (memory(&ours), memory(theirs));
        print(&format!(
            "{:<46} {:>8} KiB {:>8} KiB {:>7.2}x  {name}",
            "  memory of the test process",
            it,
            other,
            it as f64 / other.max(1) as f64
        ));
    }
    Ok(())
}

fn compare(what: &str, ours: &[Cost], theirs: &[Cost], name: &str, of: impl Fn(&Cost) -> Duration) {
    let mid = |costs: &[Cost]| median(&mut costs.iter().map(&of).collect::<Vec<_>>());
    row(what, mid(ours), mid(theirs), name);
}

impl<'a> Ground<'a> {
    fn new(bed: &'a Bed) -> Result<Self> {
        let bin = bed.dir.join("suite-bin");
        fs::create_dir_all(&bin)?;
        let calls = bed.dir.join("calls");
        let stamp = bed.dir.join("stamp");
        let this = std::env::current_exe()?;
        let real = bed.data().join("bin/juju");
        write_script(
            &bin.join("juju"),
            &format!("exec {this:?} {TIMED} {calls:?} {real:?} \"$@\""),
        )?;
        let hook = format!("STAMP={stamp:?}\n{}", include_str!("suite/charm.sh"));
        let charm = bed.charm("small", &hook)?;
        let dir = Path::new(&charm);
        fs::write(
            dir.join("config.yaml"),
            "options: {title: {type: string, default: none, description: its title}}\n",
        )?;
        fs::write(
            dir.join("actions.yaml"),
            "greet: {description: greet, params: {name: {type: string}}}\n",
        )?;
        Ok(Self {
            bed,
            bin,
            calls,
            latencies: bed.dir.join("latencies"),
            stamp,
            charm,
        })
    }

    /// Runs a suite and measures it.
    fn run(&self, mut suite: Command) -> Result<Cost> {
        for file in [&self.calls, &self.latencies] {
            fs::write(file, "")?;
        }
        let output = self.bed.dir.join("output");
        let stream = fs::File::create(&output)?;
        let path = std::env::var("PATH").unwrap_or_default();
        suite
            .env("PATH", format!("{}:{path}", self.bin.display()))
            .env("CHARMTEST_DATA", self.bed.data())
            .env("JUJU_DATA", self.bed.data())
            .env("BENCH_CHARM", &self.charm)
            .env("BENCH_STAMP", &self.stamp)
            .env("BENCH_LATENCIES", &self.latencies)
            .stdin(Stdio::null())
            .stdout(stream.try_clone()?)
            .stderr(stream);
        let started = Instant::now();
        let mut child = suite.spawn()?;
        let memory = peak_memory(&mut child)?;
        let wall = started.elapsed();
        let status = child.wait()?;
        if !status.success() {
            let said = fs::read_to_string(&output)?;
            return Err(format!("{suite:?}: {status}\n{said}").into());
        }
        let calls = spans(&fs::read_to_string(&self.calls)?);
        let latencies = fs::read_to_string(&self.latencies)?;
        Ok(Cost {
            wall,
            outside: wall.saturating_sub(covered(calls)),
            memory,
            latencies: latencies
                .lines()
                .filter_map(|line| line.parse().ok())
                .map(Duration::from_nanos)
                .collect(),
        })
    }
}

/// Waits for a process to end and returns the most memory that it held, in KiB.
fn peak_memory(child: &mut Child) -> Result<u64> {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        // The file is empty of numbers once the process has ended.
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(number.unwrap_or(0));
        std::thread::sleep(LOOK);
    }
    Ok(peak)
}

/// Reads the beginnings and ends of commands, in nanoseconds.
fn spans(text: &str) -> Vec<(u64, u64)> {
    text.lines()
        .filter_map(|line| {
            let (start, end) = line.split_once(' ')?;
            Some((start.parse().ok()?, end.parse().ok()?))
        })
        .collect()
}

/// Returns how long at least one of the commands ran.
fn covered(mut spans: Vec<(u64, u64)>) -> Duration {
    spans.sort_unstable();
    let mut total = 0;
    let mut reached = 0;
    for (start, end) in spans {
        total += end.saturating_sub(start.max(reached));
        reached = reached.max(end);
    }
    Duration::from_nanos(total)
}

/// Stands in for `juju`: runs it and notes when it began and ended.
pub(crate) fn timed(calls: &str, juju: &str, args: &[&str]) -> ExitCode {
    let now = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_nanos()
    };
    let started = now();
    let status = Command::new(juju).args(args).status();
    let line = format!("{started} {}\n", now());
    let noted = fs::File::options()
        .append(true)
        .open(calls)
        .and_then(|mut file| std::io::Write::write_all(&mut file, line.as_bytes()));
    match (status, noted) {
        (Ok(status), Ok(())) => ExitCode::from(
            status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .unwrap_or(1),
        ),
        (Err(error), _) | (_, Err(error)) => {
            say(&format!("error: {juju}: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Installs pytest-jubilant from PyPI and returns where.
fn python(bed: &Bed) -> Result<PathBuf> {
    let dir = bed.dir.join("python");
    let target = dir.display().to_string();
    let words = ["-m", "pip", "install", "--quiet", "--target", &target];
    sh("python3", &[&words[..], &["pytest-jubilant"]].concat()).read()?;
    Ok(dir)
}

/// The built charm tests.
struct CharmTests {
    dir: PathBuf,
    binary: PathBuf,
    /// What the tests take for `cargo-charmtest`: it names the timed `juju`.
    program: PathBuf,
}

fn charm_tests(ground: &Ground<'_>) -> Result<CharmTests> {
    let bed = ground.bed;
    let dir = author_crate(bed, "small", include_str!("suite/integration.rs"))?;
    let built = cargo(&["test", "--no-run", "--message-format", "json"])
        .dir(&dir)
        .env("CARGO_TARGET_DIR", bed.dir.join("small-target"))
        .read()?;
    let binary = super::executable(&built)?;
    let program = ground.bin.join("cargo-charmtest");
    let (real, timed) = (&bed.program, ground.bin.join("juju"));
    let juju = bed.data().join("bin/juju");
    write_script(
        &program,
        &format!(
            "case \"$2\" in\nembedded-env) {real:?} \"$@\" | sed 's#\"juju\":\"{juju}\"#\"juju\":\"{timed}\"#' ;;\n*) exec {real:?} \"$@\" ;;\nesac",
            juju = juju.display(),
            timed = timed.display()
        ),
    )?;
    Ok(CharmTests {
        dir,
        binary,
        program,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_covered_once() {
        for (spans, expected) in [
            (vec![], 0),
            (vec![(1, 3)], 2),
            (vec![(5, 7), (1, 3)], 4),
            (vec![(1, 9), (2, 4), (8, 10)], 9),
        ] {
            assert_eq!(
                covered(spans.clone()),
                Duration::from_nanos(expected),
                "{spans:?}"
            );
        }
    }
}
