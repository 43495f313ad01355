//! Running commands: what a fake `juju` does to its caller.

use crate::fake::{FakeJuju, run};
use charmtest::juju::{Call, JujuError, Note, Observer, Transcript};
use insta::assert_snapshot;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A `juju` that writes its number and that of a child into a file and sleeps.
const SLEEPER: &str = r#"sleep 600 & echo "$$ $!" > "$here/pids.new"; mv "$here/pids.new" "$here/pids"; echo nearly >&2; wait"#;

/// Waits until a condition holds; fails after a minute.
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "never happened: {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_alive(pid: &str) -> bool {
    let check = ["-c", r#"kill -0 "$1""#, "sh", pid];
    let status = Command::new("/bin/sh")
        .args(check)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    status.success() && !is_zombie(pid)
}

/// A process that is dead and that its parent (init, for an orphan) has not looked at yet.
fn is_zombie(pid: &str) -> bool {
    let ps = Command::new("ps")
        .args(["-o", "stat=", "-p", pid])
        .output()
        .unwrap();
    String::from_utf8_lossy(&ps.stdout)
        .trim_start()
        .starts_with('Z')
}

fn assert_all_gone(fake: &FakeJuju) {
    let pids = fs::read_to_string(fake.path("pids")).unwrap();
    for pid in pids.split_whitespace() {
        eventually("the process is gone", || !is_alive(pid));
    }
}

#[test]
fn output_comes_back_whole_and_apart() {
    let fake = FakeJuju::new(r#"printf 'out\377\n'; echo err >&2; exit 3"#);
    let output = run(fake.juju().call(["status"]).run()).unwrap();
    assert_eq!(
        (output.code, output.stdout.as_str(), output.stderr.as_str()),
        (3, "out\u{fffd}\n", "err\n")
    );
    assert_eq!(fake.juju().call(["status"]).run_blocking().unwrap(), output);
}

#[test]
fn much_output_and_much_input_do_not_block_each_other() {
    let fake = FakeJuju::new("cat; cat /dev/zero | head -c 300000 >&2");
    let text = "x".repeat(300_000);
    let output = run(fake.juju().call(["add-cloud"]).stdin(text.clone()).run()).unwrap();
    assert_eq!((output.stdout, output.stderr.len()), (text, 300_000));
}

#[test]
fn standard_input_is_closed_unless_given() {
    let fake = FakeJuju::new("cat; echo end");
    assert_eq!(run(fake.juju().call(["x"]).run()).unwrap().stdout, "end\n");
}

#[test]
fn input_that_nobody_reads_is_no_error() {
    let fake = FakeJuju::new("exit 0");
    let text = "x".repeat(1_000_000);
    assert!(
        run(fake.juju().call(["x"]).stdin(text).run())
            .unwrap()
            .success()
    );
}

#[test]
fn environment_and_directory_reach_the_program() {
    let fake = FakeJuju::new(r#"echo "$JUJU_DATA $EXTRA ${HOME-unset}"; pwd"#);
    let juju = fake
        .juju()
        .with_env("JUJU_DATA", "/data")
        .without_env("HOME");
    let output = run(juju.call(["x"]).env("EXTRA", "e").cwd("/").run()).unwrap();
    assert_eq!(output.stdout, "/data e unset\n/\n");
}

#[test]
fn a_failure_shows_the_command_ready_to_paste_and_what_juju_said() {
    let fake = FakeJuju::new(
        "echo out; printf 'ERROR no charm was found at \"./x y\"\\nmore\\n' >&2; exit 1",
    );
    let juju = fake.juju().with_env("JUJU_DATA", "/my data");
    let error = run(juju
        .call(["deploy", "./x y", "--config", "k=it's"])
        .check()
        .run())
    .unwrap_err();
    assert_eq!(
        (error.code(), error.stderr().unwrap().lines().count()),
        (Some(1), 2)
    );
    assert_snapshot!(fake.tidy(&error), @r#"
    `JUJU_DATA='/my data' juju deploy './x y' --config 'k=it'\''s'` failed with exit code 1: no charm was found at "./x y"
    more
    "#);

    let silent = FakeJuju::new("exit 2");
    let error = run(silent.juju().call(["status"]).check().run()).unwrap_err();
    assert_snapshot!(silent.tidy(&error), @"`juju status` failed with exit code 2, saying nothing");
}

#[test]
fn a_failure_begins_with_what_the_caller_says_it_means() {
    let fake = FakeJuju::new(
        "[ \"$1\" = ok ] && exit; [ \"$1\" = slow ] && sleep 600; echo no >&2; exit 4",
    );
    let said = |call: Call| run(call.fail_msg("the images cannot be built").run());
    let juju = fake.juju();
    said(juju.call(["ok"])).unwrap();

    let error = said(juju.call(["x"])).unwrap_err();
    assert_snapshot!(fake.tidy(&error), @"the images cannot be built: `juju x` failed with exit code 4: no");
    assert_eq!(
        (error.code(), error.stderr(), error.task()),
        (Some(4), Some("no\n"), None)
    );
    assert!(error.command().unwrap().ends_with("juju x"));

    let slow = juju.call(["slow"]).timeout(Duration::from_millis(300));
    let error = said(slow).unwrap_err();
    assert_snapshot!(fake.tidy(&error), @"the images cannot be built: `juju slow` did not end within 300ms, saying nothing");
    assert!(error.hint().unwrap().contains(".timeout(..)"));

    let missing = charmtest::juju::Juju::new(fake.path("nosuch"));
    let error = missing.call(["x"]).fail_msg("no images").run_blocking();
    assert_snapshot!(fake.tidy(error.unwrap_err()), @"no images: there is no program `nosuch`");
}

#[test]
fn a_signal_is_an_exit_code() {
    let fake = FakeJuju::new("kill -TERM $$");
    assert_eq!(run(fake.juju().call(["x"]).run()).unwrap().code, 143);
}

#[test]
fn garbage_is_shown() {
    let fake = FakeJuju::with_model("echo 'Killed by OOM'");
    let error = run(async { fake.model().await.status().await.unwrap_err() });
    assert_snapshot!(fake.tidy(&error), @r#"`juju status --model c:m --format json` did not print a status: expected value at line 1 column 1; it printed "Killed by OOM\n""#);
}

#[test]
fn a_program_that_hangs_is_stopped_with_all_it_started() {
    let fake = FakeJuju::new(SLEEPER);
    let began = Instant::now();
    let call = fake
        .juju()
        .call(["status"])
        .timeout(Duration::from_millis(500));
    let error = run(call.clone().run()).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_snapshot!(fake.tidy(&error), @"`juju status` did not end within 500ms: nearly");
    assert_eq!(
        error.hint(),
        Some("a call of the test can be given more time with `.timeout(..)`")
    );
    assert_all_gone(&fake);

    let error = call.run_blocking().unwrap_err();
    assert!(matches!(error, JujuError::TimedOut { .. }), "{error}");
    assert_all_gone(&fake);
}

#[test]
fn a_dropped_future_stops_the_program_with_all_it_started() {
    let fake = FakeJuju::new(SLEEPER);
    let transcript = Transcript::default();
    let juju = fake.juju().with_transcript(transcript.clone());
    run(async {
        let task = tokio::spawn(juju.call(["run"]).run());
        while !fake.path("pids").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_all_gone(&fake);
    assert_eq!(transcript.entries()[0].code, None);
}

#[test]
fn a_process_left_in_the_background_does_not_keep_the_caller() {
    let fake = FakeJuju::new("sleep 600 & echo $! > \"$here/pid\"; echo done");
    let began = Instant::now();
    let output = run(fake.juju().call(["x"]).run()).unwrap();
    assert_eq!(output.stdout, "done\n");
    assert!(began.elapsed() < Duration::from_secs(20));
    let pid = fs::read_to_string(fake.path("pid")).unwrap();
    assert!(
        is_alive(pid.trim()),
        "a process that ended by itself is not to be followed by killing its children"
    );
    Command::new("/bin/sh")
        .args(["-c", r#"kill "$1""#, "sh", pid.trim()])
        .status()
        .unwrap();
}

#[test]
fn a_program_that_cannot_be_run_is_named() {
    let fake = FakeJuju::new("");
    let missing = charmtest::juju::Juju::new(fake.path("nosuch"));
    let error = run(missing.call(["status"]).run()).unwrap_err();
    assert_snapshot!(fake.tidy(&error), @"there is no program `nosuch`");
    assert!(error.hint().unwrap().contains("CHARMTEST_JUJU"));

    fs::write(fake.path("plain"), "no program").unwrap();
    let plain = charmtest::juju::Juju::new(fake.path("plain"));
    let error = run(plain.call(["status"]).run()).unwrap_err();
    assert_snapshot!(fake.tidy(&error), @"cannot run `plain`");
    assert!(
        error
            .hint()
            .unwrap()
            .starts_with("make the file executable"),
        "{:?}",
        error.hint()
    );

    let error = run(fake.juju().call(["status"]).cwd(fake.path("nowhere")).run()).unwrap_err();
    assert_snapshot!(fake.tidy(&error), @"there is no directory `nowhere` to run `juju status` in");
}

#[test]
fn every_command_is_in_the_transcript_and_reported() {
    let fake = FakeJuju::new("[ \"$1\" = ok ]");
    let file = fake.path("transcript");
    let noted = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&noted);
    let observer = Observer::new(move |note| {
        if let Note::Command { command, code, .. } = note {
            notes.lock().unwrap().push((command.clone(), *code));
        }
    });
    let juju = fake
        .juju()
        .with_transcript(Transcript::to_file(&file).unwrap())
        .with_observer(observer);
    run(async {
        juju.call(["ok"]).await.unwrap();
        juju.call(["add-secret", "token", "value=hush"])
            .check()
            .await
            .unwrap_err();
    });

    let entries = juju.transcript().entries();
    let seen: Vec<(String, Option<i32>)> = entries
        .iter()
        .map(|entry| (entry.command.clone(), entry.code))
        .collect();
    assert_eq!(*noted.lock().unwrap(), seen);
    assert_eq!(fake.tidy(&seen[0].0), "juju ok");
    assert_eq!(
        fake.tidy(&seen[1].0),
        "juju add-secret token value='<hidden>'"
    );
    let text = fs::read_to_string(file).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["code"], &lines[1]["code"]),
        (&0.into(), &1.into())
    );
    assert!(!text.contains("hush"));
}

#[test]
fn repeated_commands_do_not_push_the_others_out_of_the_transcript() {
    let fake = FakeJuju::new("[ \"$1\" = status ]");
    let juju = fake.juju();
    run(async {
        for command in [
            "deploy", "status", "status", "status", "status", "deploy", "status",
        ] {
            juju.call([command]).await.unwrap();
        }
    });
    let words = |line: &str| fake.tidy(line).replace("juju ", "");
    let seen: Vec<String> = juju
        .transcript()
        .entries()
        .iter()
        .map(|entry| words(&entry.command))
        .collect();
    assert_eq!(seen, ["deploy", "status", "status", "deploy", "status"]);
}

#[test]
fn the_model_goes_where_juju_takes_it() {
    let juju = charmtest::juju::Juju::new("juju");
    let model = "c:m".try_into().unwrap();
    let line = |call: Call| call.command_line();
    assert_eq!(
        line(juju.call_in(&model, ["status", "--format", "json"])),
        "juju status --model c:m --format json"
    );
    assert_eq!(
        line(juju.call_in(&model, ["ssh", "a/0", "ls", "-l"])),
        "juju ssh --model c:m a/0 ls -l"
    );
    assert_eq!(
        line(juju.call_in(&model, ["show-model", "m"])),
        "juju show-model m"
    );
    assert!(Path::new("juju") == juju.program());
}
