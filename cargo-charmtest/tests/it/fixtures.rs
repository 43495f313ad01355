//! Fixtures in a run of several processes: one of scope "run" is made once, and what its end does to the run.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::author::{assert_no_models, author, cargo_command, write_crate};
use crate::bed::{Bed, PROGRAM, Said};

/// What happens is appended to the file `LOG`, with the process in which it does. `BREAK` names what fails.
const SUITE: &str = r#"
use std::io::Write;

use charmtest::prelude::*;

fn log(what: &str) {
    let path = std::env::var_os("LOG").unwrap();
    let mut log = std::fs::File::options().create(true).append(true).open(path).unwrap();
    log.write_all(format!("{what} in {}\n", std::process::id()).as_bytes()).unwrap();
}

fn breaks(name: &str) -> Result {
    log(name);
    let broken = std::env::var("BREAK").unwrap_or_default();
    match broken.split(' ').any(|broken| broken == name) {
        true => Err(format!("{name} is broken"))?,
        false => Ok(()),
    }
}

/// Waits until the other module has come as far, if the modules are to meet.
async fn meet(own: &str, other: &str) {
    log(own);
    let path = std::env::var_os("LOG").unwrap();
    let other = format!("{other} in ");
    while std::env::var_os("MEET").is_some() && !std::fs::read_to_string(&path).unwrap().contains(&other) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

struct Pool;

#[charm_fixture(scope = "run", teardown = drain)]
fn pool() -> Result<Pool> {
    breaks("pool").map(|()| Pool)
}

fn drain(_: &Pool) -> Result {
    breaks("pool-end")
}

struct Desk;

#[charm_fixture(scope = "module", teardown = clear)]
fn desk(_: &Pool) -> Desk {
    log("desk");
    Desk
}

async fn clear(_: &Desk) -> Result {
    breaks("desk-end")
}

struct Page;

#[charm_fixture(teardown = turn)]
fn page() -> Page {
    Page
}

fn turn(_: &Page) -> Result {
    breaks("page-end")
}

mod alone {
    use super::*;

    #[charm_test]
    fn asks_for_nothing_of_the_run(_: &Page) -> Result {
        breaks("alone")
    }
}

mod east {
    use super::*;

    #[charm_test]
    async fn shares(_: &Desk) -> Result {
        println!("the east speaks");
        meet("east", "west").await;
        if std::env::var_os("CRASH").is_some() {
            std::process::abort();
        }
        breaks("east-end")
    }

    #[charm_test]
    async fn goes_on(_: &Desk) {
        if std::env::var_os("HANG").is_some() {
            log("hangs");
            std::future::pending().await
        }
    }
}

mod west {
    use super::*;

    #[charm_test]
    async fn shares(_: &Pool) -> Result {
        println!("the west speaks");
        meet("west", "east").await;
        if std::env::var_os("CRASH").is_some() {
            std::future::pending().await
        }
        Ok(())
    }
}

charmtest::main!();
"#;

/// A crate with the suite.
struct Suite {
    bed: Bed,
    dir: PathBuf,
}

impl Suite {
    fn new(name: &str) -> Self {
        let bed = Bed::bare();
        let dir = bed.path().join(name);
        let tokio = "tokio = { version = \"1\", features = [\"time\"] }";
        write_crate(&dir, name, tokio, &[("suite.rs", SUITE)]);
        Self { bed, dir }
    }

    fn log_file(&self) -> PathBuf {
        self.bed.path().join("log")
    }

    /// Returns a command of cargo that begins a new log.
    fn command(&self, line: &str, variables: &[(&str, &str)]) -> Command {
        fs::write(self.log_file(), "").unwrap();
        let args: Vec<&str> = line.split_whitespace().collect();
        let mut command = cargo_command(&self.bed, &self.dir, &args);
        command
            .env("LOG", self.log_file())
            .envs(variables.iter().copied());
        command
    }

    fn run(&self, line: &str, variables: &[(&str, &str)]) -> Said {
        self.command(line, variables).output().unwrap().into()
    }

    /// Returns what happened, each with the process.
    fn log(&self) -> Vec<(String, String)> {
        let log = fs::read_to_string(self.log_file()).unwrap();
        let entry = |line: &str| {
            let (what, process) = line.split_once(" in ").unwrap();
            (what.to_owned(), process.to_owned())
        };
        log.lines().map(entry).collect()
    }

    /// Returns how often something happened.
    fn count(&self, what: &str) -> usize {
        let log = self.log();
        log.iter().filter(|(happened, _)| happened == what).count()
    }
}

#[test]
fn a_fixture_of_the_run_is_made_once_for_all_modules() {
    let suite = Suite::new("fixtures-once");
    for line in [
        "charmtest --jobs 2",
        "test --test suite -- --jobs 2",
        "charmtest --jobs 3 --ff",
    ] {
        // The modules wait for one another: they run side by side, though in one process.
        let said = suite.run(line, &[("MEET", "1")]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(!said.stderr.contains("pool"), "{said:?}");
        let log = suite.log();
        let process = |what: &str| {
            let mut found = log.iter().filter(|(happened, _)| happened == what);
            let process = found.next().map(|(_, process)| process.clone());
            assert!(found.next().is_none(), "{what} in {log:?}");
            process.unwrap_or_else(|| panic!("no {what} in {log:?}"))
        };
        let shared = process("pool");
        for what in ["east", "west", "desk", "desk-end", "pool-end"] {
            assert_eq!(process(what), shared, "{what} in {log:?}");
        }
        let of_its_own = line.starts_with("charmtest");
        assert_eq!(process("alone") != shared, of_its_own, "{log:?}");
        let shared: Vec<&str> = log
            .iter()
            .map(|(what, _)| what.as_str())
            .filter(|what| !["alone", "page-end"].contains(what))
            .collect();
        assert_eq!(shared.last(), Some(&"pool-end"), "{log:?}");
    }

    // No more modules run than may.
    let said = suite.run("charmtest --jobs 1", &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let log = suite.log();
    let names: Vec<&str> = log.iter().map(|(what, _)| what.as_str()).collect();
    let expected = [
        "pool", "desk", "east", "east-end", "desk-end", "west", "pool-end", "alone", "page-end",
    ];
    assert_eq!(names, expected);

    // One module of those has its process for itself; the description says which asks for what.
    let said = suite.run("charmtest west", &[]);
    assert_eq!(
        (said.code, suite.count("pool-end")),
        (Some(0), 1),
        "{said:?}"
    );
    let said = suite.run("charmtest list --format json", &[]);
    assert_eq!(said.stdout.matches("run_fixtures").count(), 3, "{said:?}");
}

#[test]
fn what_goes_wrong_in_a_shared_process_is_told_of_each_module() {
    let suite = Suite::new("fixtures-wrong");

    // A tear-down that fails fails the run, in every scope.
    for (broken, of) in [
        ("pool-end", "`pool` of the run"),
        ("desk-end", "`desk` of module `east`"),
        (
            "page-end",
            "`page` of test `alone::asks_for_nothing_of_the_run`",
        ),
    ] {
        let said = suite.run("charmtest", &[("BREAK", broken)]);
        let text = format!("fixture {of} could not be torn down: {broken} is broken");
        // When it happens, and in the summary.
        assert_eq!(said.stderr.matches(&text).count(), 2, "{said:?}");
        assert!(said.stderr.contains("4 charm tests: 4 passed"), "{said:?}");
        assert_eq!(said.code, Some(1), "{said:?}");
        assert_eq!(suite.count("pool-end"), 1, "{said:?}");

        let said = suite.run("test --test suite", &[("BREAK", broken)]);
        assert!(said.stderr.contains(&text), "{said:?}");
        assert_eq!(said.code, Some(101), "{said:?}");
    }

    // What cannot be made is an error of all who asked, with the cause, and is tried once.
    let said = suite.run("charmtest", &[("BREAK", "pool")]);
    assert_eq!((said.code, suite.count("pool")), (Some(4), 1), "{said:?}");
    assert!(said.stderr.contains("1 passed, 3 errored"), "{said:?}");
    assert!(said.stderr.contains("pool is broken"), "{said:?}");
    // The last run decides what runs again: not the module that passed.
    let said = suite.run("charmtest --lf", &[("BREAK", "east-end")]);
    assert!(said.stderr.contains("2 passed, 1 failed"), "{said:?}");
    assert_eq!(
        (suite.count("alone"), suite.count("pool")),
        (0, 1),
        "{said:?}"
    );
    let said = suite.run("charmtest --lf", &[]);
    assert!(said.stderr.contains("1 charm test: 1 passed"), "{said:?}");
    assert_eq!((suite.count("west"), suite.count("pool-end")), (0, 1));

    // What a test writes that runs beside another may be either's.
    let said = suite.run(
        "charmtest --jobs 2",
        &[("MEET", "1"), ("BREAK", "east-end")],
    );
    assert!(said.stderr.contains("the east speaks"), "{said:?}");
    assert!(!said.stderr.contains("WARN"), "{said:?}");

    // After enough failures nothing more starts, here or elsewhere, and what was made ends.
    let said = suite.run("charmtest -x --jobs 1", &[("BREAK", "east-end")]);
    assert!(said.stderr.contains("1 failed, 3 skipped"), "{said:?}");
    assert_eq!(
        (said.code, suite.count("pool-end")),
        (Some(1), 1),
        "{said:?}"
    );

    // A process that is lost is an error of the tests that ran in it.
    let said = suite.run("charmtest --jobs 2", &[("MEET", "1"), ("CRASH", "1")]);
    assert!(
        said.stderr.contains("1 passed, 2 errored, 1 aborted"),
        "{said:?}"
    );
    assert!(
        said.stderr
            .contains("the test process ended early: signal 6"),
        "{said:?}"
    );
    assert_eq!(said.code, Some(4), "{said:?}");
}

#[test]
fn an_interruption_ends_the_fixtures_of_a_shared_process() {
    let suite = Suite::new("fixtures-interrupted");
    // Without cargo in between, whose own exit code after a signal is another matter.
    let cargo = suite.command("", &[("HANG", "1")]);
    let variables = cargo.get_envs();
    let mut child = Command::new(PROGRAM)
        .args(["charmtest", "--jobs", "1"])
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .current_dir(&suite.dir)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(stderr).lines();
        lines.map_while(Result::ok).collect::<Vec<String>>()
    });
    while suite.count("hangs") == 0 {
        assert_eq!(child.try_wait().unwrap(), None, "it ended early");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let code = child.wait().unwrap().code();
    let said = reader.join().unwrap().join("\n");
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("tearing down 1 module;"), "{said}");
    let log = suite.log();
    let names: Vec<&str> = log.iter().map(|(what, _)| what.as_str()).collect();
    let expected = [
        "pool", "desk", "east", "east-end", "hangs", "desk-end", "pool-end",
    ];
    assert_eq!(names, expected, "{said}");
}

const CHARMS: &str = r#"
use charmtest::prelude::*;

charmtest::charm!(
    /// The charm under test.
    pub App, "charm", base = "ubuntu@24.04"
);
charmtest::charm!(Missing, "nosuch");

mod one {
    use super::*;

    #[charm_test]
    async fn deploys(app: &App, model: &Model) -> Result {
        model.deploy(app).name("app").await?;
        model.wait_for_idle().apps(["app"]).status("active").await?;
        Ok(())
    }
}

mod two {
    use super::*;

    #[charm_test]
    async fn reads(ops: &OpsTest, app: &App) -> Result {
        assert_eq!(ops.charm_info(app).await?.name, "app");
        assert!(app.path().is_file());
        // It is the same, and not packed again.
        let same = ops.build_charm("charm").await?;
        assert_eq!(same.file_name(), app.path().file_name());
        Ok(())
    }

    #[charm_test]
    fn needs_no_model(app: &App) -> Result {
        println!("packed {}", app.path().display());
        match std::env::var_os("SHOW") {
            Some(_) => Err("to be shown")?,
            None => Ok(()),
        }
    }
}

mod missing {
    use super::*;

    #[charm_test]
    fn asks(_: &Missing) {}

    #[charm_test]
    fn asks_again(_: &Missing) {}
}

charmtest::main!();
"#;

/// Returns how often a charm was packed in all runs so far.
fn packed(bed: &Bed) -> usize {
    let runs = fs::read_dir(bed.path().join("state/charmtest/runs")).unwrap();
    let records = runs.map(|run| run.unwrap().path().join("commands.jsonl"));
    let commands: Vec<String> = records
        .filter_map(|path| fs::read_to_string(path).ok())
        .collect();
    let lines = commands.iter().flat_map(|commands| commands.lines());
    lines.filter(|line| line.contains("--output-dir")).count()
}

#[test]
fn a_charm_is_packed_once_for_the_modules_of_all_processes() {
    let bed = Bed::bare();
    let dir = author(&bed, "fixtures-charm");
    fs::write(dir.join("tests/integration/main.rs"), CHARMS).unwrap();
    let run = |args: &[&str], variable: (&str, &str)| -> Said {
        let mut command = cargo_command(&bed, &dir, args);
        for name in ["CHARM_PATH", "CRAFT_ARTIFACT"] {
            command.env_remove(name);
        }
        command.env(variable.0, variable.1).output().unwrap().into()
    };

    // That it cannot be packed is an error of those who asked for it.
    let said = run(&["charmtest"], ("SHOW", "1"));
    assert_eq!(said.code, Some(4), "{said:?}");
    assert!(said.stderr.contains("1 failed, 2 errored"), "{said:?}");
    assert!(
        said.stderr.contains("fixture `Missing` failed: "),
        "{said:?}"
    );
    assert!(said.stderr.contains("fixtures-charm/nosuch"), "{said:?}");
    assert_eq!(packed(&bed), 1, "{said:?}");
    let path = said
        .stderr
        .lines()
        .find_map(|line| line.split_once("packed /"));
    let copy = Path::new("/").join(path.unwrap().1);
    assert!(!copy.exists(), "{} is left over", copy.display());

    // Each run packs anew, and all modules of a process share it as well.
    let said = run(&["test", "--", "--skip", "missing"], ("A", "b"));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(packed(&bed), 2, "{said:?}");

    // One that was packed before is taken.
    let charm = bed.packed(dir.join("charm").to_str().unwrap());
    let said = run(&["charmtest", "one"], ("CRAFT_ARTIFACT", &charm));
    assert_eq!(said.code, Some(0), "{said:?}");
    let given = format!("app={charm}");
    let said = run(&["charmtest", "--charm-path", &given, "one"], ("A", "b"));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(packed(&bed), 2, "{said:?}");
    assert_no_models(&bed);
}
