//! Shells on a terminal: `cargo charmtest scripts --shell` and `--debug`, typed at as a user does.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::bed::Said;
use crate::scripts::Suite;

/// What types: the machine's Python, which charms of the operator framework need anyway, has pseudo-terminals.
const TYPIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/terminal.py");

/// The prompt of the shell.
const PROMPT: &str = "charmtest$ ";

/// Runs `scripts` on a terminal of its own; each step is what the terminal must show before something is typed, and what that is.
fn typed(suite: &Suite, args: &[&str], steps: &[(&str, &str)]) -> Said {
    let command = suite.command(&[&["wiki"], args].concat());
    let mut typist = Command::new("python3");
    typist
        .arg(TYPIST)
        .arg(serde_json::to_string(steps).unwrap())
        .arg(command.get_program())
        .args(command.get_args())
        .env("TERM", "vt100")
        .env_remove("CI")
        .current_dir(suite.bed.path())
        .stdin(Stdio::null());
    copy_environment(&command, &mut typist);
    typist.output().unwrap().into()
}

fn copy_environment(from: &Command, to: &mut Command) {
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
}

#[test]
fn debug_opens_a_shell_where_the_script_failed() {
    for sandbox in ["off", "landlock", "auto"] {
        let suite = Suite::new();
        suite.script(
            "a.test",
            "echo from-the-script > left; juju deploy wiki failed-app; echo last words; exit 3",
        );
        let said = typed(
            &suite,
            &["--debug", "--sandbox", sandbox],
            &[
                ("last words", ""),
                ("tests/a.test did not pass: exit code 3", ""),
                (
                    PROMPT,
                    "cat left; pwd; echo in=$CHARMTEST_MODEL=$TERM; juju status | grep -o failed-app | head -1\n",
                ),
                ("from-the-script\r\n", ""),
                ("=vt100\r\n", ""),
                ("failed-app\r\n", ""),
                // ^C ends what runs in the shell, and neither the shell nor the run.
                // (A program that says so itself: it has the terminal by then.)
                (PROMPT, "sh -c 'echo run\"\"ning; exec sleep 1000'\n"),
                ("running\r\n", "\u{3}"),
                // ^Z stops a job, and the shell goes on.
                (PROMPT, "sh -c 'echo work\"\"ing; exec sleep 2000'\n"),
                ("working\r\n", "\u{1a}"),
                ("Stopped", ""),
                (PROMPT, "kill -9 %1\n"),
                // It may be over before; else it is waited for.
                (PROMPT, "fg %1 2>/dev/null\n"),
                (PROMPT, "echo en''ded\n"),
                ("ended\r\n", ""),
                (PROMPT, "exit\n"),
            ],
        );
        assert_eq!(
            said.code,
            Some(1),
            "{sandbox}: {}{}",
            said.stdout,
            said.stderr
        );
        let shown = &said.stdout;
        assert!(shown.contains("1 failed"), "{sandbox}: {shown}");
        assert!(
            shown.contains("exit code 3: last words"),
            "{sandbox}: {shown}"
        );
        let end = shown.split("ended\r\n").nth(1).unwrap();
        assert!(!end.contains("tty"), "the shell complains: {shown}");
        assert!(suite.has_no_model(), "{sandbox}: {shown}");
    }
}

#[test]
fn shell_comes_in_the_place_of_the_script() {
    let suite = Suite::new();
    suite.script("a.test", "echo must not run");
    suite.script("set-up", "echo prepared > prepared; juju deploy wiki");
    suite.script("b.test", "echo must not run");
    let settings = suite.charm.join("tests/tests.yaml");
    fs::write(settings, "setup: set-up\nexit-codes: {0: fail}\n").unwrap();
    let said = typed(
        &suite,
        &["--shell", "-k", "a"],
        &[
            ("instead of tests/a.test", ""),
            (PROMPT, "cat prepared; command -v juju; umask\n"),
            ("prepared\r\n", ""),
            ("/juju\r\n0022", ""),
            (PROMPT, "\u{3}"),
            (PROMPT, "\u{4}"),
        ],
    );
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    for part in ["1 skipped", "a shell was opened in its place"] {
        assert!(said.stdout.contains(part), "{part:?}: {}", said.stdout);
    }
    assert!(!said.stdout.contains("must not run"), "{}", said.stdout);
    assert!(suite.has_no_model(), "{}", said.stdout);
}

#[test]
fn ending_the_run_ends_the_shell() {
    for sandbox in ["off", "auto"] {
        let suite = Suite::new();
        suite.script("a.test", "exit 3");
        let said = typed(
            &suite,
            &["--debug", "--sandbox", sandbox],
            &[
                (PROMPT, "sh -c 'echo run\"\"ning; exec sleep 3000'\n"),
                ("running\r\n", "SIGTERM"),
            ],
        );
        assert_eq!(
            said.code,
            Some(143),
            "{sandbox}: {}{}",
            said.stdout,
            said.stderr
        );
        assert!(suite.has_no_model(), "{sandbox}: {}", said.stdout);
    }
}

#[test]
fn a_shell_that_cannot_be_opened_is_refused_before_anything_runs() {
    let suite = Suite::new();
    suite.script("a.test", "touch ../../ran");
    let without_terminal = "import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])";
    for option in ["--shell", "--debug"] {
        let command = suite.command(&["wiki", option]);
        let mut alone = Command::new("python3");
        alone
            .args(["-c", without_terminal])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(suite.bed.path())
            .stdin(Stdio::null());
        copy_environment(&command, &mut alone);
        let said = Said::from(alone.output().unwrap());
        assert_eq!(said.code, Some(2), "{}{}", said.stdout, said.stderr);
        let expected = format!("{option} opens a shell on the terminal: there is no terminal");
        assert!(said.stderr.contains(&expected), "{}", said.stderr);
        assert!(!Path::new(&suite.state()).exists(), "nothing ran");
    }
    let said = suite.run(&["--debug", "--network", "nodes"]);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(
        said.stderr.contains("contained as a whole"),
        "{}",
        said.stderr
    );
}
