//! A whole run with models, against a `juju` that is a shell script: names, evidence, tear-down.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use charmtest::harness::{Event, Evidence};
use tempfile::TempDir;

use crate::binary::{Run, command, finish};
use crate::signals::interrupt_until_it_ends;

/// Knows one model at a time, by the file `model`; notes its arguments in `calls`.
const JUJU: &str = r#"#!/bin/sh
ulimit -S -f unlimited
here=$(dirname "$0")
echo "$*" >> "$here/calls"
case "$1" in
version) echo 3.6.28-ubuntu-amd64 ;;
add-model) echo "$3" > "$here/model" ;;
show-model)
    model=$(cat "$here/model" 2>/dev/null) || { echo "ERROR model $4 not found" >&2; exit 1; }
    echo "{\"$model\":{\"name\":\"admin/$model\",\"short-name\":\"$model\",\"model-uuid\":\"u\",\"model-type\":\"iaas\",\"controller-name\":\"c\"}}" ;;
destroy-model)
    if [ -e "$here/undying" ]; then echo "ERROR cannot destroy" >&2; exit 1; fi
    rm "$here/model" ;;
status)
    case "$*" in *json*) echo '{"applications":{"web":{"units":{"web/0":{"workload-status":{"current":"blocked","message":"no database"}}}}}}' ;; *) echo 'Unit  Workload' ;; esac ;;
debug-log)
    cat "$here/long-log" 2>/dev/null
    echo 'unit-web-0: 2001-01-01 00:00:00 ERROR unit.web/0.juju-log long ago'
    echo 'unit-web-0: 2999-01-01 00:00:00 ERROR unit.web/0.juju-log database missing'
    echo 'unit-web-0: 2999-01-01 00:00:01 INFO unit.web/0.juju-log they say open sesame, api-token=t0' ;;
sleep) echo $$ > "$here/sleeper.new" && mv "$here/sleeper.new" "$here/sleeper"; exec sleep 600 ;;
show-status-log) echo '[{"status":"executing","message":"running start hook","since":"2001-01-01T00:00:01Z","type":"juju-unit"}]' ;;
show-secret) echo '{"s":{"content":{"Data":{"phrase":"open sesame"}}}}' ;;
show-unit) echo 'ERROR show-unit is broken' >&2; exit 1 ;;
esac
"#;

pub(crate) struct World {
    dir: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        world.write("juju", JUJU);
        world
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes an executable file in another process: one that this process had open could be open in a child of another
    /// thread still, and then it could not be executed.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let mut writer = Command::new("/bin/sh")
            .args(["-c", r#"cat > "$1" && chmod +x "$1""#, "sh"])
            .arg(self.path().join(name))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        writer
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        assert!(writer.wait().unwrap().success());
    }

    pub(crate) fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        let mut command = self.command();
        command
            .arg("evidence")
            .args(arguments)
            .envs(variables.iter().copied());
        finish(&mut command)
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = command();
        command
            .args(["--backend", "juju", "--juju"])
            .arg(self.path().join("juju"))
            .env("CHARMTEST_RECORD_DIR", self.path().join("records"))
            .env("XDG_STATE_HOME", self.path().join("state"))
            .env("CHARMTEST_CRASH_DUMP", "never");
        command
    }

    /// Waits until the process that `juju sleep` became is gone; fails if it does not go.
    fn sleeper_is_gone(&self) -> bool {
        let began = Instant::now();
        let id = self.read("sleeper");
        assert_ne!(id, "", "it was never there");
        while Path::new("/proc").join(id.trim()).exists() {
            if began.elapsed() > Duration::from_secs(60) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }
}

#[test]
fn a_failure_leaves_evidence_and_the_model_is_destroyed() {
    let world = World::new();
    let run = world.run(&[], &[("CHARMTEST_EVENTS", "stdout")]);
    assert_eq!(run.code, Some(101));
    let events: Vec<Event> = run
        .stdout
        .lines()
        .filter_map(|line| Event::split_line(line).1)
        .collect();
    let evidence = events.iter().find_map(|event| match event {
        Event::TestFinished { evidence, .. } => evidence.clone(),
        _ => None,
    });
    let Evidence {
        directory,
        highlights,
    } = evidence.unwrap();
    assert_eq!(
        Path::new(&directory),
        world.path().join("records/evidence/fails_with_a_model")
    );
    assert_eq!(
        highlights,
        [
            "web/0: blocked: no database",
            "unit-web-0: 2999-01-01 00:00:00 ERROR unit.web/0.juju-log database missing",
        ]
    );
    let saved = |name: &str| fs::read_to_string(Path::new(&directory).join(name)).unwrap();
    assert_eq!(saved("message.txt"), "not ready: <hidden>");
    assert_eq!(saved("status.txt"), "Unit  Workload\n");
    assert!(
        saved("debug-log.txt").contains("database missing")
            && !saved("debug-log.txt").contains("long ago")
    );
    assert!(
        saved("debug-log.txt").contains("they say <hidden>, api-token=<hidden>"),
        "{}",
        saved("debug-log.txt")
    );
    assert_eq!(
        saved("hooks.txt"),
        "2001-01-01 00:00:01  web/0  running start hook\n"
    );
    assert!(saved("status-log.txt").starts_with("# web/0\n2001-01-01 00:00:01  juju-unit"));
    for stored in ["commands.txt", "message.txt", "../../commands.jsonl"] {
        assert!(!saved(stored).contains("sesame"), "{stored}");
    }
    assert!(saved("show-unit.yaml").starts_with("could not be captured:"));
    assert!(saved("commands.txt").contains("add-model"));
    assert!(
        world
            .read("records/commands.jsonl")
            .contains("destroy-model")
    );
    assert_eq!(world.read("model"), "", "the model is destroyed");
}

#[test]
fn no_report_tells_a_secret_that_a_failure_holds() {
    for arguments in [&[][..], &["--format", "json"], &["--logfile", "report.txt"]] {
        let world = World::new();
        let logfile = world.path().join("report.txt");
        let place = |argument: &&str| match *argument {
            "report.txt" => logfile.to_str().unwrap().to_owned(),
            argument => argument.to_owned(),
        };
        let arguments: Vec<String> = arguments.iter().map(place).collect();
        for variables in [&[][..], &[("CHARMTEST_EVENTS", "stdout")]] {
            let run = world.run(
                &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
                variables,
            );
            assert_eq!(run.code, Some(101), "{}", run.stderr);
            let told = format!("{}{}", run.stdout, world.read("report.txt"));
            assert!(told.contains("not ready: <hidden>"), "{told}");
            assert!(!told.contains("sesame"), "{told}");
        }
    }
}

#[test]
fn without_a_place_for_evidence_the_verdict_and_its_highlights_are_told() {
    let world = World::new();
    world.write("file", "");
    let nowhere = world.path().join("file/records");
    let variables = [("CHARMTEST_RECORD_DIR", nowhere.to_str().unwrap())];
    let run = world.run(&[], &variables);
    assert_eq!(run.code, Some(101));
    assert!(
        run.stdout.contains("  | web/0: blocked: no database\n")
            && !run.stdout.contains("  evidence: "),
        "{}",
        run.stdout
    );
    assert!(
        run.stderr
            .contains("warning: the evidence is not complete: cannot write"),
        "{}",
        run.stderr
    );
    assert_eq!(world.read("model"), "", "the model is destroyed");
}

#[test]
fn the_name_is_told_before_the_model_is_made() {
    let world = World::new();
    let run = world.run(&[], &[]);
    let named = run
        .stderr
        .lines()
        .find(|line| line.starts_with("charmtest: model "))
        .unwrap();
    let model = named.split_whitespace().nth(2).unwrap();
    assert!(
        named.ends_with("for module evidence") && model.starts_with("evidence-"),
        "{named}"
    );
    assert!(
        world
            .read("calls")
            .contains(&format!("add-model --no-switch {model}\n"))
    );
    assert!(run.stderr.contains("it was asked for"), "{}", run.stderr);
    assert!(
        run.stdout.contains("  | web/0: blocked: no database\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_model_that_survives_is_named_at_the_end() {
    let world = World::new();
    world.write("undying", "");
    let run = world.run(&["--teardown-timeout", "10s"], &[]);
    let last = run
        .stderr
        .lines()
        .find(|line| line.contains("could not be destroyed"))
        .unwrap();
    assert!(
        last.starts_with("charmtest: error: model evidence-"),
        "{last}"
    );
    assert_eq!(run.code, Some(101));
}

#[test]
fn a_model_given_by_name_is_made_and_kept() {
    let world = World::new();
    let run = world.run(&["--model", "mine"], &[]);
    assert!(
        run.stderr.contains("charmtest: model mine was kept"),
        "{}",
        run.stderr
    );
    assert_eq!(world.read("model"), "mine\n");
    let again = world.run(&["--model", "mine"], &[]);
    assert!(
        again.stderr.contains("charmtest: model mine was kept"),
        "{}",
        again.stderr
    );
    assert_eq!(world.read("calls").matches("add-model").count(), 1);
    assert!(!world.read("calls").contains("destroy-model"));
}

#[test]
fn readers_that_are_gone_keep_no_model_from_its_end() {
    let world = World::new();
    let mut child = world
        .command()
        .arg("evidence")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(101));
    assert!(world.read("calls").contains("destroy-model"));
}

#[test]
fn a_run_leaves_no_command_behind() {
    let world = World::new();
    let run = finish(
        world
            .command()
            .args(["commands::are_left_behind", "--ignored"]),
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(world.sleeper_is_gone());
}

#[test]
fn a_second_interrupt_leaves_no_command_behind() {
    let world = World::new();
    let mut child = world
        .command()
        .args(["commands::hold_their_thread", "--ignored"])
        .spawn()
        .unwrap();
    while world.read("sleeper").is_empty() {
        std::thread::sleep(Duration::from_millis(10));
    }
    interrupt_until_it_ends(&mut child);
    assert!(world.sleeper_is_gone());
}

#[test]
fn a_charm_is_packed_anew_in_the_next_run_also_with_the_same_record() {
    let world = World::new();
    world.write(
        "cargo-charmtest",
        r#"#!/bin/sh
echo "$*" >> "$(dirname "$0")/packed"
touch "$5/hello.charm"
echo '{"name":"hello","charms":[{"path":"'"$5/hello.charm"'","bases":[{"base":"ubuntu@24.04","architectures":[]}]}]}'
"#,
    );
    // Processes of one run have one parent: here a shell.
    let run_two_processes = || {
        let mut command = world.command();
        command
            .args(["charms", "--ignored"])
            .env("CHARMTEST_PROGRAM", world.path().join("cargo-charmtest"));
        let run = finish(&mut twice(&command));
        assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
        world.read("packed").lines().count()
    };
    assert_eq!(run_two_processes(), 1);
    assert_eq!(run_two_processes(), 2);
}

/// Returns a command that runs another one twice.
fn twice(command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", r#""$@" && "$@""#, "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap())
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[test]
fn a_test_leaves_from_wherever_it_is() {
    let world = World::new();
    let mut command = world.command();
    command.args(["synchronous", "--ignored"]);
    let run = finish(&mut command);
    assert_eq!(run.code, Some(101), "{}", run.stderr);
    let lines: Vec<_> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with("test synchronous"))
        .collect();
    assert_eq!(
        lines,
        [
            "test synchronous::skips           ... ignored (no storage pool)",
            "test synchronous::ends_its_module ... FAILED",
            "test synchronous::is_aborted      ... ignored (aborted by synchronous::ends_its_module)",
        ]
    );
    // The place is that of the call, and nothing looks like a panic.
    let place = include_str!("fixture/main.rs")
        .lines()
        .position(|line| line.contains("ops_test.abort("))
        .unwrap();
    let place = format!(
        "nothing below can work\n  at charmtest-core/tests/harness/fixture/main.rs:{}:",
        place + 1
    );
    assert!(run.stdout.contains(&place), "{}", run.stdout);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}
