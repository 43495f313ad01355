//! `ssh`, `scp`, `exec` and `wait-for` from outside: real programs, streams, files.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::bed::{Bed, Said};

/// Makes a bed with two settled units of a charm that does nothing.
fn with_units() -> Bed {
    let bed = Bed::new();
    let charm = bed.tracer("web", "", "");
    bed.juju(&["deploy", &charm, "-n", "2"]);
    bed.settle(&["web"], "active");
    bed
}

#[track_caller]
fn expect(said: Said, code: i32, stdout: &str, stderr: &str) {
    assert_eq!(
        (said.code, said.stdout.as_str(), said.stderr.as_str()),
        (Some(code), stdout, stderr)
    );
}

#[test]
fn ssh_runs_commands_with_streams_and_exit_codes() {
    let bed = with_units();
    expect(
        bed.try_juju(&["ssh", "web/0", "echo out; echo err >&2; exit 3"]),
        3,
        "out\n",
        "err\n",
    );
    expect(
        bed.juju_with_input(&["ssh", "web/leader", "cat"], "through\n"),
        0,
        "through\n",
        "",
    );
    expect(
        bed.juju_with_input(&["ssh", "0"], "echo shell\nexit 5\n"),
        5,
        "shell\n",
        "Pseudo-terminal will not be allocated because stdin is not a terminal.\n",
    );
    expect(
        bed.try_juju(&["ssh", "-m", "m", "ubuntu@web/1", "--", "echo", "a", "b  c"]),
        0,
        "a b c\n",
        "",
    );
    expect(
        bed.try_juju(&["ssh", "web/0", "kill", "-9", "$$"]),
        255,
        "",
        "",
    );
    let said = bed.try_juju(&["ssh", "web/0", "nosuchcommand"]);
    assert_eq!(said.code, Some(127));
    assert!(
        said.stderr.contains("nosuchcommand: command not found"),
        "{said:?}"
    );
    // Both units see their own machine's home directory and nothing of the client's environment.
    let seen = bed.juju(&[
        "ssh",
        "web/1",
        "pwd; echo $HOME; env | grep -c CHARMTEST_DATA || true",
    ]);
    let lines: Vec<&str> = seen.lines().collect();
    assert!(
        lines[0] == lines[1] && lines[0].ends_with("/machines/1") && lines[2] == "0",
        "{seen}"
    );
}

#[test]
fn ssh_streams_while_the_command_runs() {
    let bed = with_units();
    let mut child = bed
        .command(&["ssh", "web/0", "read a; echo got $a; read b; echo got $b"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut answer = |text: &str| {
        stdin.write_all(text.as_bytes()).unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
        line
    };
    assert_eq!(answer("one\n"), "got one\n");
    assert_eq!(answer("two\n"), "got two\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn scp_copies_both_ways() {
    let bed = with_units();
    fs::write(bed.path().join("up"), [0, 159, 146, 150]).unwrap();
    fs::create_dir_all(bed.path().join("tree/sub")).unwrap();
    fs::write(bed.path().join("tree/sub/f"), "deep").unwrap();
    for args in [
        &["scp", "up", "web/0:there"][..],
        &["scp", "web/0:there", "down"],
        &["scp", "web/0:there", "1:"],
        &["scp", "1:there", "down2"],
        &["scp", "--", "-r", "tree", "web/leader:"],
        &["scp", "--", "-r", "0:tree", "back"],
    ] {
        expect(bed.try_juju(args), 0, "", "");
    }
    assert_eq!(
        fs::read(bed.path().join("down")).unwrap(),
        [0, 159, 146, 150]
    );
    assert_eq!(
        fs::read(bed.path().join("down2")).unwrap(),
        [0, 159, 146, 150]
    );
    assert_eq!(
        fs::read_to_string(bed.path().join("back/sub/f")).unwrap(),
        "deep"
    );
    assert_eq!(bed.juju(&["ssh", "0", "cat tree/sub/f"]), "deep");
    expect(
        bed.try_juju(&["scp", "web/0:nosuch", "x"]),
        1,
        "",
        "ERROR exit status 1 (scp: nosuch: No such file or directory)\n",
    );
    expect(
        bed.try_juju(&["scp", "-r", "tree", "web/0:"]),
        2,
        "",
        "ERROR option provided but not defined: -r\n",
    );
    expect(
        bed.try_juju(&["scp", "up", "web/9:x"]),
        1,
        "",
        "ERROR unit \"web/9\" not found\n",
    );
}

#[test]
fn exec_runs_on_machines() {
    let bed = with_units();
    expect(
        bed.try_juju(&["exec", "--machine", "0", "--", "echo out; echo err >&2"]),
        0,
        "out\nerr\n",
        "",
    );
    expect(
        bed.try_juju(&["exec", "--all", "--", "echo", "hi"]),
        0,
        "0:\nhi\n\n1:\nhi\n\n",
        "",
    );
    let said = bed.try_juju(&[
        "exec",
        "--machine",
        "1",
        "--format",
        "json",
        "--",
        "exit",
        "7",
    ]);
    let shown: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(shown["1"]["results"]["return-code"], 7);
    assert_eq!(shown["1"]["machine"], "1");
    // The variables of hooks belong to units.
    expect(
        bed.try_juju(&["exec", "--machine", "0", "--", "env | grep -c ^JUJU_; true"]),
        0,
        "0\n",
        "",
    );
    // A machine without units has an agent too.
    expect(bed.try_juju(&["add-machine"]), 0, "", "created machine 2\n");
    expect(
        bed.try_juju(&["exec", "--machine", "2", "--", "echo here"]),
        0,
        "here\n",
        "",
    );
    expect(
        bed.try_juju(&[
            "exec",
            "--machine",
            "2",
            "--wait",
            "200ms",
            "--",
            "sleep 60",
        ]),
        1,
        "",
        "ERROR timed out waiting for results from: machine 2\n",
    );
    expect(
        bed.try_juju(&["remove-machine", "2", "--no-prompt"]),
        0,
        "will remove machine 2\n",
        "",
    );
}

#[test]
fn wait_for_follows_the_model() {
    let bed = Bed::new();
    let charm = bed.tracer("web", "", "");
    let waiting = bed
        .command(&["wait-for", "application", "web", "--timeout", "60s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    bed.juju(&["deploy", &charm]);
    let said: Said = waiting.wait_with_output().unwrap().into();
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "properties:\n  life: alive\n  status: active\n"),
        "{said:?}"
    );
    assert!(
        said.stderr.ends_with("Application \"web\" is running\n"),
        "{said:?}"
    );
    let waiting = bed
        .command(&["wait-for", "unit", "web/0", "--query", "life==\"dead\""])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    bed.juju(&["remove-application", "--no-prompt", "web"]);
    let said: Said = waiting.wait_with_output().unwrap().into();
    assert!(
        said.code == Some(1) && said.stderr.ends_with("ERROR unit web/0 removed\n"),
        "{said:?}"
    );
}

#[test]
fn doctor_lists_what_is_not_there() {
    let list = |version: &str| {
        let output = std::process::Command::new(crate::bed::PROGRAM)
            .args([
                "charmtest",
                "doctor",
                "--embedded",
                "--juju-version",
                version,
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let (old, new) = (list("3.6"), list("4.0"));
    assert!(old.starts_with("Juju 3.6: ") && new.starts_with("Juju 4.0: "));
    assert!(old.contains("\n  juju enable-ha\n") && !new.contains("enable-ha"));
    for text in [&old, &new] {
        assert!(text.contains("\n  juju bootstrap\n") && !text.contains("\n  juju ssh\n"));
    }
}

#[test]
fn doctor_tries_the_sandbox_levels() {
    let output = std::process::Command::new(crate::bed::PROGRAM)
        .args(["charmtest", "doctor", "--sandbox"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for level in [
        "0 (plain)       yes\n",
        "\n1 (landlock) ",
        "\n2 (seccomp) ",
        "\n3 (namespaces) ",
        "\nnetwork: nodes ",
    ] {
        assert!(text.contains(level), "{level}: {text}");
    }
    // Who lacks a level is told what to do.
    assert_eq!(
        text.matches(" no: ").count() > 0,
        text.contains("fix: ") || text.contains("network: nodes  no"),
        "{text}"
    );
}
