//! Hostile hooks and hostile scripts: what is the user's, and what is outside, stays out of their reach.
//!
//! Each test says at which level it ran; what this machine does not have is not tried.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use crate::bed::PROGRAM;

/// What must not be seen.
const CANARY: &str = "CANARY-51c2";

/// A user with secrets, and a listener that stands for the world outside.
struct User {
    directory: tempfile::TempDir,
    process: Child,
    outside: u16,
}

impl User {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("home");
        for name in [
            ".local/share/juju",
            ".juju",
            ".ssh",
            "charms",
            ".local/state",
        ] {
            fs::create_dir_all(home.join(name)).unwrap();
        }
        for name in [
            ".local/share/juju/accounts.yaml",
            ".juju/environments.yaml",
            ".ssh/id_ed25519",
        ] {
            fs::write(home.join(name), CANARY).unwrap();
        }
        let process = Command::new("perl")
            .args(["-e", "sleep 1000", CANARY])
            .env("SECRET", CANARY)
            .current_dir(home.join(".ssh"))
            .spawn()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let outside = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let _ = writeln!(stream, "{CANARY} from outside");
            }
        });
        Self {
            directory,
            process,
            outside,
        }
    }

    fn home(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join("home")
    }

    /// Makes a charm whose `install` is this shell script.
    fn charm(&self, name: &str, install: &str) -> PathBuf {
        let charm = self.home().join("charms").join(name);
        executable(&charm.join("hooks/install"), install);
        let metadata = format!("name: {name}\nsummary: a charm\ndescription: a charm\n");
        fs::write(charm.join("metadata.yaml"), metadata).unwrap();
        charm
    }

    /// What a hostile author tries; it prints what it finds.
    fn attempts(&self) -> String {
        let (home, process, outside) = (self.home(), self.process.id(), self.outside);
        let home = home.display();
        format!(
            r#"
            cat {home}/.local/share/juju/* {home}/.juju/* {home}/.ssh/*
            grep -rhs . {home}/.local/share {home}/.juju {home}/.ssh
            ln -sf {home}/.ssh here-$$; cat here-$$/id_ed25519; rm -f here-$$
            cat /proc/{process}/environ /proc/{process}/cmdline /proc/{process}/cwd/id_ed25519 /proc/{process}/root{home}/.ssh/id_ed25519 /proc/1/root{home}/.ssh/id_ed25519
            for f in /proc/[0-9]*/environ; do grep -a {CANARY} "$f"; done
            kill -0 {process} && echo {CANARY} by a signal
            env
            "#
        ) + &connect("127.0.0.1", &outside.to_string())
    }

    fn charmtest(&self, args: &[&str]) -> Output {
        Command::new(PROGRAM)
            .arg("charmtest")
            .args(args)
            .current_dir(self.home().join("charms"))
            .env("HOME", self.home())
            .env("SECRET", CANARY)
            .env("JUJU_DATA", self.home().join(".local/share/juju"))
            .env_remove("XDG_STATE_HOME")
            .env_remove("CHARMTEST_DATA")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn executable(path: &Path, body: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/bash\n{body}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A shell command that prints what a TCP server says.
fn connect(address: &str, port: &str) -> String {
    format!(
        r#"
        perl -MSocket -e 'socket(S, AF_INET, SOCK_STREAM, 0) and connect(S, sockaddr_in({port}, inet_aton("{address}"))) and print <S>'
        "#
    )
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Says whether this machine has a level, or `network: nodes`, as `doctor` writes them.
pub(crate) fn has(what: &str) -> bool {
    let output = Command::new(PROGRAM)
        .args(["charmtest", "doctor", "--sandbox"])
        .output()
        .unwrap();
    let table = said(&output);
    let mut lines = table.lines().filter_map(|line| line.strip_prefix(what));
    let found = lines.next().is_some_and(|rest| rest.trim() == "yes");
    if !found {
        #[expect(clippy::print_stderr, reason = "a test says what it did not try")]
        {
            eprintln!("not tried, for this machine has no {what}:\n{table}");
        }
    }
    found
}

/// Deploys `evil` and prints its log once it is active.
const DEPLOY: &str = r#"
    set -e
    juju add-model m >&2
    juju deploy ./evil >&2
    until juju status | grep -q "evil/0.*active.*idle"; do
        if juju status | grep -q "evil/0.*error"; then juju debug-log --replay; exit 9; fi
        sleep 0.1
    done
    juju debug-log --replay
"#;

#[test]
fn r26_hooks_of_a_contained_run_see_nothing_of_the_user() {
    if !has("3 (namespaces)") {
        return;
    }
    let user = User::new();
    user.charm(
        "evil",
        &format!(
            "juju-log \"$( ( {} ) 2>&1 | tr '\\0' ' ' )\"; status-set active done",
            user.attempts()
        ),
    );
    // As they are, hooks are programs of the user: else what follows would prove nothing.
    let open = said(&user.charmtest(&["with", "--", "bash", "-c", DEPLOY]));
    assert!(
        open.contains(CANARY) && open.contains("from outside") && open.contains("by a signal"),
        "{open}"
    );
    let output = user.charmtest(&[
        "with",
        "--contain",
        "--network",
        "nodes",
        "--",
        "bash",
        "-c",
        DEPLOY,
    ]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains("sandbox level 3 (namespaces), network nodes"),
        "{text}"
    );
    assert!(text.contains("id_ed25519: No such file"), "{text}");
    assert!(!text.contains(CANARY), "{text}");
    // With the network of the host it is the network alone that is reached.
    let host = said(&user.charmtest(&["with", "--contain", "--", "bash", "-c", DEPLOY]));
    assert!(host.contains(&format!("{CANARY} from outside")), "{host}");
    assert_eq!(host.matches(CANARY).count(), 1, "{host}");
}

#[test]
fn r17_with_network_nodes_units_are_reached_and_the_world_is_not() {
    if !has("network: nodes") {
        return;
    }
    let user = User::new();
    user.charm(
        "evil",
        r#"
        export ADDRESS=$(unit-get private-address)
        setsid perl -MSocket -e '
            socket(L, AF_INET, SOCK_STREAM, 0); setsockopt(L, SOL_SOCKET, SO_REUSEADDR, 1);
            bind(L, sockaddr_in(7117, inet_aton($ENV{ADDRESS}))) && listen(L, 5) or die $!;
            exit if fork; while (accept(S, L)) { print S "a unit\n"; close S }' < /dev/null > web.log 2>&1
        status-set active listening
        "#,
    );
    let script = format!(
        "{DEPLOY}
        export ADDRESS=$(juju status --format json | perl -ne 'print $1 if /\"public-address\": ?\"([0-9.]+)\"/')
        echo \"unit at $ADDRESS\"
        {}
        {}
        echo end",
        connect("$ENV{ADDRESS}", "7117"),
        connect("127.0.0.1", &user.outside.to_string()),
    );
    for (network, outside) in [("host", true), ("nodes", false)] {
        let output = user.charmtest(&["with", "--network", network, "--", "bash", "-c", &script]);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(
            text.contains("\na unit\n") && text.contains("\nend\n"),
            "{text}"
        );
        assert_eq!(text.contains("from outside"), outside, "{network}: {text}");
    }
}

#[test]
fn a_contained_run_says_what_it_cannot_do() {
    let user = User::new();
    for (args, wanted) in [
        (
            &["with", "--network", "none", "--", "true"][..],
            "host or nodes",
        ),
        (
            &["with", "--network", "internet", "--", "true"],
            "no network",
        ),
        (&["with", "--readable", "/tmp", "--", "true"], "--contain"),
    ] {
        let output = user.charmtest(args);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(wanted), "{}", said(&output));
    }
    if !has("3 (namespaces)") {
        return;
    }
    let home = user.home();
    let home = home.to_str().unwrap();
    let output = user.charmtest(&["with", "--contain", "--readable", home, "--", "true"]);
    assert!(
        said(&output).contains("must be out of reach"),
        "{}",
        said(&output)
    );
    // What it is given it has, and its exit code is its own.
    let outcome = user.home().join("charms/outcome");
    fs::create_dir(&outcome).unwrap();
    let output = user.charmtest(&[
        "with",
        "--contain",
        "--writable",
        outcome.to_str().unwrap(),
        "--",
        "bash",
        "-c",
        "echo told > outcome/file; echo no > file; exit 7",
    ]);
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
    assert_eq!(fs::read_to_string(outcome.join("file")).unwrap(), "told\n");
    assert!(!user.home().join("charms/file").exists());
    let runs = user.home().join(".local/state/charmtest/runs");
    let left: Vec<_> = fs::read_dir(runs).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn r26_generic_tests_of_a_contained_charm_see_nothing_of_the_user() {
    if !has("3 (namespaces)") {
        return;
    }
    let user = User::new();
    user.charm(
        "evil",
        &format!(
            "found=$( ( {} ) 2>&1 | tr '\\0' ' ' ); status-set active \"${{found:0:2000}}\"; case $found in *{CANARY}*) exit 9;; esac",
            user.attempts()
        ),
    );
    let run = |more: &[&str]| {
        user.charmtest(&[&["generic", "evil", "--generic", "deploy"][..], more].concat())
    };
    let output = run(&["--contain", "--network", "nodes"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains("sandbox level 3 (namespaces), network nodes"),
        "{text}"
    );
    assert!(
        text.contains("evil::deploy") && !text.contains(CANARY),
        "{text}"
    );
    let output = run(&["--backend", "juju", "--contain"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    // Uncontained the very hook finds something, and fails.
    assert_eq!(run(&["--backend", "embedded"]).status.code(), Some(1));
}

#[test]
fn r17_scripts_with_network_nodes_reach_no_world_and_hostile_ones_no_user() {
    if !has("network: nodes") || !has("3 (namespaces)") {
        return;
    }
    let user = User::new();
    let charm = user.charm("evil", "status-set active done");
    let script = format!(
        "found=$( ( {} ) 2>&1 | tr '\\0' ' ' )\njuju status > status || exit 8\ncase $found in *{CANARY}*) echo \"ERROR: $found\"; exit 9;; esac",
        user.attempts()
    );
    executable(&charm.join("tests/10-hostile.test"), &script);
    let run = |more: &[&str]| {
        let args = [
            &["scripts", "evil", "--no-generic", "--backend", "embedded"][..],
            more,
        ];
        user.charmtest(&args.concat())
    };
    for more in [
        &["--network", "nodes"][..],
        &["--network", "nodes", "--sandbox", "1"],
        &["--network", "nodes", "--contain"],
    ] {
        let output = run(more);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(0), "{more:?}: {text}");
        assert!(
            text.contains("network nodes") && !text.contains(CANARY),
            "{text}"
        );
        let in_sandbox = more.contains(&"--contain");
        assert_ne!(text.contains("in no sandbox"), in_sandbox, "{text}");
    }
    // With the host's network the script finds the world, and says so.
    let text = said(&run(&[]));
    assert!(text.contains("from outside"), "{text}");
}
