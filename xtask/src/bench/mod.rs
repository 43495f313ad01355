//! Measurements, as ratios to something else measured in the same run: the machines are noisy.

mod load;
mod scale;
mod suite;
mod watch;

pub(crate) use suite::{TIMED, timed};

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use crate::sh::{Result, cargo, print, root, say, sh};

/// How often a process is spawned per measurement.
const SPAWNS: usize = 200;

/// How many empty charm tests are run.
const EMPTY_TESTS: usize = 1_000;

/// How long the controller may take for what a benchmark waits for.
const SETTLE_LIMIT: Duration = Duration::from_secs(120);

/// How often it is looked at meanwhile: rarely enough to leave the cores to what is measured.
const SETTLE_POLL: Duration = Duration::from_millis(10);

/// How many lines are logged.
const LOG_LINES: usize = 10_000;

type Bench = fn(&Bed) -> Result;

/// Runs the benchmarks whose names are given, or all of them; after `--program` comes a `cargo-charmtest` that is built already.
pub(crate) fn run(words: &[&str]) -> Result {
    let (built, names) = match words {
        ["--program", program, names @ ..] => (Some(std::path::absolute(program)?), names),
        names => (None, names),
    };
    let all: [(&str, Bench); 12] = [
        ("tool", tool),
        ("status", status),
        ("deploy", deploy),
        ("log", log),
        ("ops-log", load::ops_log),
        ("queue", load::queue),
        ("misbehaving", load::misbehaving),
        ("scale", scale::scale),
        ("suite", suite::suite),
        ("empty", empty_tests),
        ("build", author_build),
        ("watch", watch::watch),
    ];
    if let Some(unknown) = names
        .iter()
        .find(|name| !all.iter().any(|(known, _)| known == *name))
    {
        let known: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        return Err(format!("no benchmark `{unknown}`; there are {}", known.join(", ")).into());
    }
    let selected: Vec<Bench> = all
        .into_iter()
        .filter(|(name, _)| names.is_empty() || names.contains(name))
        .map(|(_, bench)| bench)
        .collect();
    let program = match built {
        Some(program) => program,
        None => {
            cargo(&["build", "--release", "--package", "cargo-charmtest"]).run()?;
            let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
            let target = target.unwrap_or_else(|| root().join("target"));
            target.join("release/cargo-charmtest")
        }
    };
    let bed = Bed::new(program)?;
    let result = bed.prepare().and_then(|()| measure(&bed, &selected));
    bed.clear();
    result
}

fn measure(bed: &Bed, benches: &[Bench]) -> Result {
    print(&format!(
        "{:<46} {:>12} {:>12} {:>8}  against",
        "what", "it", "the other", "ratio"
    ));
    benches.iter().try_for_each(|bench| bench(bed))
}

/// A controller of its own, with one model.
struct Bed {
    dir: PathBuf,
    program: PathBuf,
}

impl Bed {
    fn new(program: PathBuf) -> Result<Self> {
        let dir = std::env::temp_dir().join(format!("charmtest-bench-{}", std::process::id()));
        fs::create_dir_all(&dir)?;
        Ok(Self { dir, program })
    }

    /// Starts the controller and makes the model.
    fn prepare(&self) -> Result {
        sh(&self.program, &["charmtest", "controller", "start"])
            .env("CHARMTEST_DATA", self.data())
            .read()?;
        self.juju(&["add-model", "bench"]).map(drop)
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn juju(&self, args: &[&str]) -> Result<String> {
        sh(self.data().join("bin/juju"), args)
            .env("CHARMTEST_DATA", self.data())
            .read()
    }

    /// Writes a shell charm whose hooks run `hook`.
    fn charm(&self, name: &str, hook: &str) -> Result<String> {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir)?;
        let base = "bases:\n- {name: ubuntu, channel: \"24.04\", architectures: [amd64]}\n";
        fs::write(
            dir.join("metadata.yaml"),
            format!("name: {name}\nsummary: a benchmark\ndescription: a benchmark\n"),
        )?;
        fs::write(dir.join("manifest.yaml"), base)?;
        write_script(&dir.join("dispatch"), hook)?;
        Ok(dir.display().to_string())
    }

    /// Waits until all units of the model are active.
    fn settle(&self, units: usize) -> Result {
        let deadline = Instant::now() + SETTLE_LIMIT;
        while Instant::now() < deadline {
            let status = self.juju(&["status", "--format", "oneline"])?;
            if status.matches("agent:idle, workload:active").count() == units {
                return Ok(());
            }
            std::thread::sleep(SETTLE_POLL);
        }
        Err(format!("the units did not settle:\n{}", self.juju(&["status"])?).into())
    }

    /// Deploys a charm with `units` active units.
    fn deploy(&self, name: &str, units: usize) -> Result {
        let charm = self.charm(name, "status-set active")?;
        self.juju(&["deploy", &charm, "-n", &units.to_string()])?;
        self.settle(units)
    }

    fn remove(&self, name: &str) -> Result {
        self.juju(&["remove-application", "--no-prompt", "--force", name])?;
        self.settle(0)
    }

    fn clear(&self) {
        let end = |args: &[&str]| {
            sh(&self.program, args)
                .env("CHARMTEST_DATA", self.data())
                .read()
                .map(drop)
        };
        let destroyed = self
            .juju(&[
                "destroy-model",
                "--no-prompt",
                "--force",
                "--no-wait",
                "bench",
            ])
            .map(drop);
        for result in [destroyed, end(&["charmtest", "controller", "stop"])] {
            if let Err(error) = result {
                say(&format!("warning: {error}"));
            }
        }
        // What cannot be deleted is in the temporary directory anyway.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn tool(bed: &Bed) -> Result {
    bed.deploy("tool", 1)?;
    // A command that stays in its context while we call tools from outside.
    let env = bed.dir.join("context");
    let done = bed.dir.join("done");
    let script = format!(
        "env > {env}.new; mv {env}.new {env}; while [ ! -e {done} ]; do sleep 0.05; done",
        env = env.display(),
        done = done.display()
    );
    let mut exec = sh(
        bed.data().join("bin/juju"),
        &["exec", "--unit", "tool/0", "--", &script],
    )
    .env("CHARMTEST_DATA", bed.data())
    .start()?;
    let deadline = Instant::now() + SETTLE_LIMIT;
    while !env.exists() {
        if exec.try_wait()?.is_some() || Instant::now() > deadline {
            return Err("`juju exec` did not reach the unit".to_owned().into());
        }
        std::thread::sleep(SETTLE_POLL);
    }
    let context: Vec<(String, String)> = fs::read_to_string(&env)?
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| name.starts_with("JUJU_"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let tools = bed.data().join("tools");
    let mut call = Command::new(tools.join("is-leader"));
    call.envs(context);
    let (it, other) = interleaved(&mut call, &mut Command::new("/bin/true"))?;
    row(
        "hook tool call (is-leader)",
        it,
        other,
        "spawning /bin/true",
    );
    fs::write(&done, "")?;
    exec.wait()?;
    bed.remove("tool")
}

fn status(bed: &Bed) -> Result {
    bed.deploy("ten", 10)?;
    let mut juju = Command::new(bed.data().join("bin/juju"));
    juju.args(["status", "--format", "json"])
        .env("CHARMTEST_DATA", bed.data());
    let (it, other) = interleaved(&mut juju, &mut Command::new("/bin/true"))?;
    row("juju status, 10 units", it, other, "spawning /bin/true");
    bed.remove("ten")
}

fn deploy(bed: &Bed) -> Result {
    let stamps = bed.dir.join("stamps");
    let hook = format!("date +%s%N >> {}; status-set active", stamps.display());
    let charm = bed.charm("stamp", &hook)?;
    let rounds = 10;
    let (mut first, mut active, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let name = format!("stamp{}", char::from(b'a' + round));
        let _ = fs::remove_file(&stamps);
        let started = Instant::now();
        bed.juju(&["deploy", &charm, &name])?;
        let returned = SystemTime::now();
        bed.settle(1)?;
        active.push(started.elapsed());
        let text = fs::read_to_string(&stamps)?;
        let nanos: u64 = text
            .lines()
            .next()
            .and_then(|line| line.parse().ok())
            .ok_or("the first hook left no time".to_owned())?;
        let hook = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
        // The first hook may well begin before the client has ended.
        first.push(hook.duration_since(returned).unwrap_or_default());
        let hooks = text.lines().count();
        alone.push(time(|| {
            for _ in 0..hooks {
                run_quietly(
                    Command::new("/bin/sh").args(["-c", "date +%s%N >/dev/null; /bin/true"]),
                )?;
            }
            Ok(())
        })?);
        bed.remove(&name)?;
    }
    let mut spawns = Vec::new();
    for _ in 0..SPAWNS {
        spawns.push(time(|| run_quietly(&mut Command::new("/bin/true")))?);
    }
    row(
        "first hook after `deploy` returned",
        median(&mut first),
        median(&mut spawns),
        "spawning /bin/true",
    );
    row(
        "shell charm, deploy to active and idle",
        median(&mut active),
        median(&mut alone),
        "its hooks' commands alone",
    );
    Ok(())
}

fn log(bed: &Bed) -> Result {
    bed.deploy("log", 1)?;
    let loop_of = |command: &str| {
        format!("i=0; while [ $i -lt {LOG_LINES} ]; do {command} $i; i=$((i+1)); done")
    };
    let exec = |script: &str| {
        time(|| {
            bed.juju(&["exec", "--wait", "10m", "--unit", "log/0", "--", script])
                .map(drop)
        })
    };
    let it = exec(&loop_of("juju-log"))?;
    let other = exec(&loop_of("/bin/true"))?;
    row("10,000 juju-log calls", it, other, "10,000 times /bin/true");
    bed.remove("log")
}

fn empty_tests(bed: &Bed) -> Result {
    let tests: String = (0..EMPTY_TESTS)
        .map(|n| format!("#[charm_test]\nfn t{n}() {{}}\n"))
        .collect();
    let dir = author_crate(
        bed,
        "empty",
        &format!("use charmtest::prelude::*;\n{tests}\ncharmtest::main!();\n"),
    )?;
    let target = bed.dir.join("target");
    let built = cargo(&["test", "--release", "--no-run", "--message-format", "json"])
        .dir(&dir)
        .env("CARGO_TARGET_DIR", &target)
        .read()?;
    let binary = executable(&built)?;
    let mut tests = Command::new(&binary);
    tests
        .current_dir(&dir)
        .env("CHARMTEST_PROGRAM", &bed.program)
        .env("CHARMTEST_DATA", bed.data());
    let it = time(|| run_quietly(&mut tests))?;
    let other = time(|| run_quietly(Command::new(&binary).arg("--list").current_dir(&dir)))?;
    row("1,000 empty charm tests", it, other, "listing them");
    print(&format!(
        "{:<46} {:>12}",
        "  per test",
        human(it / u32::try_from(EMPTY_TESTS).unwrap_or(1))
    ));
    Ok(())
}

fn author_build(bed: &Bed) -> Result {
    let source = "use charmtest::prelude::*;\n#[charm_test]\nasync fn deploys(model: &Model) -> Result {\n    model.deploy(\"./charm\").await?;\n    Ok(())\n}\ncharmtest::main!();\n";
    let dir = author_crate(bed, "author", source)?;
    let build = |dir: &Path, target: &str| {
        let target = bed.dir.join(target);
        cargo(&["fetch"]).dir(dir).read()?;
        time(|| {
            cargo(&["test", "--no-run"])
                .dir(dir)
                .env("CARGO_TARGET_DIR", &target)
                .read()
                .map(drop)
        })
    };
    let it = build(&dir, "author-target")?;
    let plain = bed.dir.join("plain");
    fs::create_dir_all(plain.join("tests"))?;
    let manifest = "[package]\nname = \"plain\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[dev-dependencies]\nlibtest-mimic = \"0.8\"\ntokio = { version = \"1\", features = [\"rt\", \"time\"] }\n[workspace]\n";
    fs::write(plain.join("Cargo.toml"), manifest)?;
    fs::write(plain.join("lib.rs"), "")?;
    fs::write(plain.join("tests/it.rs"), "#[test]\nfn t() {}\n")?;
    let other = build(&plain, "plain-target")?;
    row(
        "clean build of a one-test crate",
        it,
        other,
        "with libtest-mimic and tokio only",
    );
    Ok(())
}

/// Writes a crate as a test author has it.
fn author_crate(bed: &Bed, name: &str, source: &str) -> Result<PathBuf> {
    let dir = bed.dir.join(format!("{name}-crate"));
    fs::create_dir_all(dir.join("tests"))?;
    let core = root().join("charmtest-core");
    fs::write(
        dir.join("Cargo.toml"),
        format!(
            "[package]\nname = \"{name}\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[dev-dependencies]\ncharmtest-core = {{ path = {core:?} }}\n[[test]]\nname = \"integration\"\nharness = false\n[workspace]\n"
        ),
    )?;
    fs::write(dir.join("lib.rs"), "")?;
    fs::write(dir.join("tests/integration.rs"), source)?;
    Ok(dir)
}

/// Finds the test binary in what cargo tells as JSON.
fn executable(built: &str) -> Result<PathBuf> {
    let marker = "\"executable\":\"";
    let at = built
        .rfind(marker)
        .ok_or("cargo named no executable".to_owned())?;
    let rest = &built[at + marker.len()..];
    Ok(rest.split('"').next().unwrap_or_default().into())
}

/// Measures two commands in turns, so that both see the same noise; returns their median times.
fn interleaved(it: &mut Command, other: &mut Command) -> Result<(Duration, Duration)> {
    let (mut its, mut others) = (Vec::new(), Vec::new());
    for _ in 0..SPAWNS {
        its.push(time(|| run_quietly(it))?);
        others.push(time(|| run_quietly(other))?);
    }
    Ok((median(&mut its), median(&mut others)))
}

fn run_quietly(command: &mut Command) -> Result {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

fn time(what: impl FnOnce() -> Result) -> Result<Duration> {
    let started = Instant::now();
    what()?;
    Ok(started.elapsed())
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn row(what: &str, it: Duration, other: Duration, against: &str) {
    let ratio = it.as_secs_f64() / other.as_secs_f64().max(f64::EPSILON);
    print(&format!(
        "{what:<46} {:>12} {:>12} {ratio:>7.2}x  {against}",
        human(it),
        human(other)
    ));
}

fn human(time: Duration) -> String {
    match time.as_secs_f64() {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 0.001 => format!("{:.2} ms", s * 1e3),
        s => format!("{:.1} us", s * 1e6),
    }
}

fn write_script(path: &Path, body: &str) -> Result {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, format!("#!/bin/sh\n{body}\n"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
