//! A test author's crate outside this repository: `cargo charmtest`, plain `cargo test`, bad flags, failures, the report.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::bed::{Bed, PROGRAM, Said};
use crate::crash_dump::unpack;

const CHARM: &str = "#!/bin/sh\nstatus-set active \"$(config-get word)\"\n";

const TESTS: &str = r#"
mod good {
    use charmtest::prelude::*;

    #[charm_test(order = 0, abort_on_fail, skip_if_deployed)]
    async fn deploys(ops: &OpsTest, model: &Model) -> Result {
        let charm = ops.build_charm("charm").await?;
        model.deploy(charm).name("app").await?;
        model.wait_for_idle().apps(["app"]).status("active").await?;
        Ok(())
    }

    #[charm_test(tags("quick"))]
    async fn is_there(model: &Model) -> Result {
        assert!(model.status().await?.app("app").is_some());
        Ok(())
    }
}

#[cfg(feature = "bad")]
mod bad {
    use charmtest::prelude::*;

    #[charm_test(order = 0, abort_on_fail)]
    async fn deploys_nothing(model: &Model) -> Result {
        println!("this was printed");
        model.deploy("./nosuch").await?;
        Ok(())
    }

    #[charm_test]
    fn never_runs() {}
}

#[cfg(feature = "hang")]
mod hang {
    use charmtest::prelude::*;

    #[charm_test]
    async fn waits_for_ever(model: &Model) -> Result {
        println!("waiting now");
        model.wait(|_| false).describe("what never comes").timeout(Duration::from_secs(600)).await?;
        Ok(())
    }

    #[charm_test]
    async fn comes_after(_model: &Model) {}
}

#[cfg(feature = "bad")]
mod panics {
    use charmtest::prelude::*;

    #[charm_test]
    fn counts() {
        assert_eq!(1 + 1, 3, "arithmetic");
    }
}

charmtest::main!();
"#;

/// Writes the crate and returns its directory. All tests share one target directory, so that the library is built once.
pub(crate) fn author(bed: &Bed, name: &str) -> PathBuf {
    let dir = bed.path().join(name);
    let features = "[features]\nbad = []\nhang = []\n";
    write_crate(&dir, name, features, &[("integration/main.rs", TESTS)]);
    fs::create_dir_all(dir.join("charm")).unwrap();
    fs::write(
        dir.join("charm/metadata.yaml"),
        "name: app\nsummary: s\ndescription: d\n",
    )
    .unwrap();
    fs::write(
        dir.join("charm/manifest.yaml"),
        "bases:\n- {name: ubuntu, channel: '24.04', architectures: [amd64]}\n",
    )
    .unwrap();
    fs::write(
        dir.join("charm/config.yaml"),
        "options:\n  word: {type: string, default: ready, description: d}\n",
    )
    .unwrap();
    crate::bed::executable(&dir.join("charm/dispatch"), CHARM);
    dir
}

/// Writes a test author's crate into `dir`: `more` of its manifest comes after its dependency on charmtest, and each of `tests`, a file
/// below `tests/` and its text, is a target.
pub(crate) fn write_crate(dir: &Path, name: &str, more: &str, tests: &[(&str, &str)]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [dev-dependencies]\ncharmtest-core = {{ path = {:?} }}\n{more}\n[workspace]\n",
        root.join("charmtest-core")
    );
    for (file, text) in tests {
        let target = file.split(['/', '.']).next().unwrap();
        manifest +=
            &format!("[[test]]\nname = \"{target}\"\npath = \"tests/{file}\"\nharness = false\n");
        let path = dir.join("tests").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root.join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();
}

/// Makes a command of cargo in the author's crate, with `cargo-charmtest` installed.
pub(crate) fn cargo_command(bed: &Bed, dir: &Path, args: &[&str]) -> Command {
    let bin = bed.path().join("bin");
    let installed = bin.join("cargo-charmtest");
    if !installed.exists() {
        fs::create_dir_all(&bin).unwrap();
        std::os::unix::fs::symlink(PROGRAM, &installed).unwrap();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path =
        std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path))).unwrap();
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for name in [
        "CARGO_MANIFEST_DIR",
        "CARGO_PKG_NAME",
        "CHARMTEST_JUJU_VERSION",
        "CHARMTEST_MODEL",
        "NEXTEST",
    ] {
        command.env_remove(name);
    }
    command
        .args(args)
        .current_dir(dir)
        .env("PATH", path)
        .env(
            "CARGO_TARGET_DIR",
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("author"),
        )
        .env("CHARMTEST_DATA", bed.data())
        .env("XDG_STATE_HOME", bed.path().join("state"))
        .env("NO_COLOR", "1")
        .env("RUST_BACKTRACE", "0");
    command
}

/// Runs cargo in the author's crate.
pub(crate) fn cargo(bed: &Bed, dir: &Path, args: &[&str]) -> Said {
    cargo_command(bed, dir, args).output().unwrap().into()
}

/// Asserts that no model is left in the controller.
#[track_caller]
pub(crate) fn assert_no_models(bed: &Bed) {
    let models: serde_json::Value =
        serde_json::from_str(&bed.juju(&["models", "--format", "json"])).unwrap();
    assert_eq!(
        models["models"].as_array().map(Vec::len),
        Some(0),
        "{models}"
    );
}

#[test]
fn a_crate_of_its_own_works_with_cargo_charmtest_and_with_cargo_test() {
    let bed = Bed::bare();
    let dir = author(&bed, "author-good");
    let said = cargo(&bed, &dir, &["charmtest"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.contains("Backend embedded"), "{said:?}");
    assert!(said.stderr.contains("2 charm tests: 2 passed"), "{said:?}");

    // A charm that is packed already is taken, and one that nobody builds is named.
    let said = cargo(&bed, &dir, &["charmtest", "pack", "charm"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let file = dir.join(said.stdout.trim());
    fs::copy(&file, dir.join("db.charm")).unwrap();
    let taken = file.display().to_string();
    let other = format!("db={}", dir.join("db.charm").display());
    let paths = ["charmtest", "--charm-path", &taken, "--charm-path", &other];
    let said = cargo(&bed, &dir, &paths);
    assert_eq!(said.code, Some(0), "{said:?}");
    let warning = format!(
        "warning: --charm-path {other} had no effect: no test that ran built the charm `db`"
    );
    assert!(said.stderr.contains(&warning), "{said:?}");
    assert_eq!(said.stderr.matches("had no effect").count(), 1, "{said:?}");

    let said = cargo(&bed, &dir, &["test"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("test good::deploys"), "{said:?}");
    assert!(
        said.stdout.contains("test result: ok. 2 passed"),
        "{said:?}"
    );
    assert_no_models(&bed);
}

#[test]
fn a_suite_says_for_which_juju_it_is_written() {
    let bed = Bed::bare();
    let dir = author(&bed, "author-version");
    let manifest = fs::read_to_string(dir.join("Cargo.toml")).unwrap();
    let setting = "[package.metadata.charmtest]\njuju-version = \"4.0\"\n";
    fs::write(dir.join("Cargo.toml"), format!("{manifest}{setting}")).unwrap();
    let said = cargo(&bed, &dir, &["charmtest"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.stderr.contains("embedded controller, Juju 4.0.15"),
        "{said:?}"
    );
    let version = bed.juju(&["version"]);
    assert!(version.starts_with("4.0.15-"), "{version}");

    // The data directory stays with its version, and the command line wins over the manifest.
    let said = cargo(&bed, &dir, &["charmtest", "--juju-version", "3.6"]);
    assert_ne!(said.code, Some(0), "{said:?}");
    assert!(
        said.stderr.contains("was made for Juju 4.0, not 3.6"),
        "{said:?}"
    );

    let wrong = setting.replace("4.0", "2.9");
    fs::write(dir.join("Cargo.toml"), format!("{manifest}{wrong}")).unwrap();
    let said = cargo(&bed, &dir, &["charmtest"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.stderr
            .contains("juju-version in [package.metadata.charmtest]: \"2.9\""),
        "{said:?}"
    );
}

#[test]
fn a_kept_model_is_found_again() {
    let bed = Bed::bare();
    let dir = author(&bed, "author-kept");
    let said = cargo(
        &bed,
        &dir,
        &["charmtest", "--", "--model", "foo", "--keep-models"],
    );
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.contains("Kept model foo"), "{said:?}");
    let before = bed.juju(&["status", "-m", "foo", "--format", "json"]);

    let said = cargo(
        &bed,
        &dir,
        &[
            "charmtest",
            "--model",
            "foo",
            "--keep-models",
            "--no-deploy",
        ],
    );
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.contains("1 passed, 1 skipped"), "{said:?}");
    assert!(
        said.stderr.contains("SKIP") && said.stderr.contains("no-deploy"),
        "{said:?}"
    );
    let apps = |text: &str| {
        serde_json::from_str::<serde_json::Value>(text).unwrap()["applications"].clone()
    };
    assert_eq!(
        apps(&before),
        apps(&bed.juju(&["status", "-m", "foo", "--format", "json"]))
    );
}

#[test]
fn failures_are_named_with_place_cause_and_evidence() {
    let bed = Bed::bare();
    let dir = author(&bed, "author-bad");
    let said = cargo(&bed, &dir, &["charmtest", "--features", "bad"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    for text in [
        "FAIL [",
        "bad::deploys_nothing",
        "no charm was found at \"./nosuch\"",
        "at tests/integration/main.rs:27:",
        "this was printed",
        "evidence in ",
        "ABORT [",
        "bad::never_runs (aborted by bad::deploys_nothing)",
        "arithmetic",
        "at tests/integration/main.rs:56:",
        "2 passed, 2 failed, 1 aborted",
        "cargo charmtest -p author-bad --test integration bad panics",
    ] {
        assert!(
            said.stderr.contains(text),
            "no {text:?} in:\n{}",
            said.stderr
        );
    }
    let evidence = said
        .stderr
        .lines()
        .find_map(|line| line.trim().strip_prefix("evidence in "))
        .unwrap();
    let files: Vec<String> = fs::read_dir(evidence)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        files.iter().any(|name| name.contains("status"))
            && files.iter().any(|name| name.contains("debug-log")),
        "{files:?}"
    );
    let dump = said
        .stderr
        .lines()
        .find_map(|line| line.trim().strip_prefix("Crash dump "))
        .unwrap();
    let (path, model) = dump.split_once(" of ").unwrap();
    assert!(model.starts_with("embedded:bad-"), "{dump}");
    let dump = unpack(Path::new(path), bed.path());
    assert!(dump.join("juju_status.yaml").is_file());
    assert!(dump.join("charmtest/transcript.jsonl").is_file());
}

#[test]
fn tests_are_selected_by_filter_expression_module_and_file() {
    let bed = Bed::bare();
    let dir = author(&bed, "author-select");
    for (args, expected) in [
        (
            &["charmtest", "list", "--format", "terse"][..],
            "good::deploys: test\ngood::is_there: test\n",
        ),
        (
            &["charmtest", "list", "--format", "terse", "is_there"],
            "good::is_there: test\n",
        ),
        (
            &["charmtest", "list", "--format", "terse", "-k", "quick"],
            "good::is_there: test\n",
        ),
        (
            &[
                "charmtest",
                "list",
                "--format",
                "terse",
                "-k",
                "good and not quick",
            ],
            "good::deploys: test\n",
        ),
        (
            &[
                "charmtest",
                "list",
                "--format",
                "terse",
                "--skip",
                "deploys",
            ],
            "good::is_there: test\n",
        ),
    ] {
        let said = cargo(&bed, &dir, args);
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (Some(0), expected),
            "{args:?} {said:?}"
        );
    }
}

#[test]
fn wrong_usage_is_told_apart() {
    let bed = Bed::bare();
    let dir = author(&bed, "author-usage");
    for (args, code, text) in [
        (&["charmtest", "--no-deploy"][..], 2, "--model"),
        (&["charmtest", "--no-such-flag"], 2, "--no-such-flag"),
        (&["charmtest", "-k", "a and ("], 2, "-k"),
        (&["charmtest", "--model", "Bad_Name"], 2, "Bad_Name"),
        (
            &["charmtest", "nothing_like_this"],
            3,
            "no charm test matches",
        ),
        (&["charmtest", "lsit"], 3, "taken as a filter"),
        (&["charmtest", "-p", "nosuch"], 2, "nosuch"),
        (
            &[
                "charmtest",
                "--juju",
                "/nonexistent/juju",
                "--backend",
                "juju",
            ],
            4,
            "/nonexistent/juju",
        ),
    ] {
        let said = cargo(&bed, &dir, args);
        assert_eq!(said.code, Some(code), "{args:?} {said:?}");
        assert!(
            said.stderr.contains(text),
            "{args:?} no {text:?} in {said:?}"
        );
    }
}

#[test]
fn an_interrupted_run_tears_down_and_says_so() {
    let bed = Bed::bare();
    let dir = author(&bed, "author-hang");
    let mut run = cargo_command(
        &bed,
        &dir,
        &["charmtest", "--features", "hang", "--nocapture", "hang"],
    )
    .stdin(Stdio::null())
    .stderr(Stdio::piped())
    .process_group(0)
    .spawn()
    .unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut text: Vec<String> = Vec::new();
    while !text.last().is_some_and(|line| line.contains("waiting now")) {
        text.push(
            lines
                .next()
                .unwrap_or_else(|| panic!("the test never ran: {text:?}")),
        );
    }
    // cargo and its subcommand form a process group: a terminal's ^C reaches both.
    let group = format!("-{}", run.id());
    assert!(
        Command::new("kill")
            .args(["-INT", "--", &group])
            .status()
            .unwrap()
            .success()
    );
    text.extend(lines);
    run.wait().unwrap();
    let text = text.join("\n");
    assert!(
        text.contains("interrupted: tearing down 1 module"),
        "{text}"
    );
    assert!(text.contains("comes_after (interrupted)"), "{text}");
    assert_no_models(&bed);
}

/// Runs `cargo charmtest` until it has said `text`, interrupts it, and returns the exit code.
///
/// It is started without cargo in between, whose own exit code after a signal is another matter.
fn interrupt_after(bed: &Bed, dir: &Path, args: &[&str], text: &str) -> Option<i32> {
    let cargo = cargo_command(bed, dir, &[]);
    let mut run = Command::new(PROGRAM)
        .arg("charmtest")
        .args(args)
        .envs(
            cargo
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .current_dir(dir)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    assert!(lines.any(|line| line.contains(text)), "never said {text:?}");
    let pid = run.id().to_string();
    let killed = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(killed.success());
    // Read to its end, so that the program is never kept waiting for a reader.
    lines.for_each(drop);
    run.wait().unwrap().code()
}

#[test]
fn an_interrupted_run_exits_with_130() {
    let bed = Bed::bare();
    let dir = author(&bed, "author-int");
    let args = ["--features", "hang", "--nocapture", "hang"];
    let code = interrupt_after(&bed, &dir, &args, "waiting now");
    assert_eq!(code, Some(130));
    assert_no_models(&bed);
}

#[test]
fn two_runs_at_once_share_the_controller() {
    let bed = Bed::bare();
    let dir = author(&bed, "author-twice");
    let mut runs = [0, 1].map(|_| cargo_command(&bed, &dir, &["charmtest"]));
    let said: Vec<Said> = std::thread::scope(|scope| {
        let runs = runs
            .each_mut()
            .map(|run| scope.spawn(|| run.output().unwrap().into()));
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for said in said {
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    assert_no_models(&bed);
}

#[test]
fn a_juju_that_hangs_can_be_interrupted_and_is_not_left_running() {
    let bed = Bed::bare();
    let dir = author(&bed, "author-stuck");
    let pid = bed.path().join("pid");
    let stuck = bed.path().join("stuck/juju");
    fs::create_dir_all(stuck.parent().unwrap()).unwrap();
    crate::bed::executable(
        &stuck,
        &format!("#!/bin/sh\necho $$ > {}\nexec sleep 1000\n", pid.display()),
    );
    let args = ["--juju", stuck.to_str().unwrap()];
    let text = "waiting for `juju` to name its controllers";
    assert_eq!(interrupt_after(&bed, &dir, &args, text), Some(130));
    let pid = fs::read_to_string(&pid).unwrap();
    let gone = || !Path::new("/proc").join(pid.trim()).exists();
    let deadline = std::time::Instant::now() + crate::bed::PATIENCE;
    while !gone() {
        assert!(
            std::time::Instant::now() < deadline,
            "the hanging juju still runs"
        );
        std::thread::yield_now();
    }
}
