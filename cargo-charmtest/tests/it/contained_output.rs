//! What comes out of runs in a sandbox, and what is left of those that were killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::bed::{PATIENCE, Said};
use crate::sandbox::has;
use crate::watch::Room;

const LEVEL_3: &str = "3 (namespaces)";

/// A hook that writes what a terminal obeys to whatever is open in its sandbox, as its message, and into its log.
const SHOUTS: &str = r#"
    shout=$(printf '\033[2J\033]0;title\007\302\2332J\rshouted')
    for p in /proc/[0-9]*; do
        for fd in 1 2; do printf '%s\n\377\n' "$shout" >> $p/fd/$fd; done
    done 2>/dev/null
    juju-log "$shout"
    status-set blocked "$shout"
    exit 3
"#;

/// What a terminal obeys of what was said.
fn obeyed(text: &str) -> Vec<char> {
    let harmless = |letter: &char| !letter.is_control() || matches!(letter, '\n' | '\t');
    text.chars().filter(|letter| !harmless(letter)).collect()
}

#[track_caller]
fn assert_harmless(said: &Said) {
    for text in [&said.stdout, &said.stderr] {
        assert_eq!(obeyed(text), [], "{text:?}");
    }
}

#[test]
fn what_comes_out_of_a_contained_run_is_harmless_text() {
    if !has(LEVEL_3) {
        return;
    }
    let room = Room::new();
    room.charm("charms/evil", SHOUTS);
    room.collection("[defaults]\nrequired-sandbox = 3\n[[charm]]\npath = 'charms/evil'\n");
    let alone = room.run(&["generic", "--contain", "--generic", "deploy", "charms/evil"]);
    assert_eq!(alone.code, Some(1), "{}", alone.stderr);
    assert!(alone.stderr.contains("[2J"), "{:?}", alone.stderr);
    assert_harmless(&alone);
    let watched = room.watch("state");
    assert_eq!(watched.code, Some(1), "{}", watched.stderr);
    assert!(
        format!("{}{}", watched.stdout, watched.stderr).contains("shouted"),
        "{watched:?}"
    );
    assert_harmless(&watched);
    for command in ["show", "status", "log"] {
        assert_harmless(&room.run(&["watch", command, "--state", "state"]));
    }
}

#[test]
fn a_contained_run_has_no_terminal() {
    if !has(LEVEL_3) {
        return;
    }
    let room = Room::new();
    room.charm("charms/evil", "status-set active");
    let script = room.path("charms/evil/tests/10.test");
    fs::create_dir_all(script.parent().unwrap()).unwrap();
    let text = "#!/bin/sh\nfor t in /dev/tty /dev/pts/*; do echo SHOU''TED > $t; done\nexit 3\n";
    crate::bed::executable(&script, text);
    // Beside the script: what starts it.
    room.charm("charms/other", "echo SHOU''TED > /dev/tty; exit 3");
    for (command, charm) in [("scripts", "charms/evil"), ("generic", "charms/other")] {
        let inner = room.command(&[command, "--contain", charm]);
        let mut typist = Command::new("python3");
        typist
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/terminal.py"))
            .arg("[]")
            .arg(inner.get_program())
            .args(inner.get_args())
            .env("TERM", "vt100")
            .current_dir(room.path(""))
            .stdin(Stdio::null());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => typist.env(name, value),
                None => typist.env_remove(name),
            };
        }
        let said = Said::from(typist.output().unwrap());
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(!said.stdout.contains("SHOUTED"), "{}", said.stdout);
    }
}

/// The directories of contained runs in a directory of runs.
fn rooms(runs: &Path) -> Vec<PathBuf> {
    let items = fs::read_dir(runs).into_iter().flatten().flatten();
    let mut rooms: Vec<PathBuf> = items
        .map(|item| item.path())
        .filter(|path| path.display().to_string().contains("-inside"))
        .collect();
    rooms.sort();
    rooms
}

#[test]
fn what_a_killed_watcher_leaves_is_deleted() {
    if !has(LEVEL_3) {
        return;
    }
    let room = Room::new();
    // Nobody but its owner comes into what it makes there, and that not without a change.
    room.charm(
        "charms/slow",
        "mkdir -p made/closed/x; chmod 0 made/closed; status-set maintenance begun; sleep 1000",
    );
    room.charm("charms/quick", "status-set active");
    room.collection("[defaults]\nrequired-sandbox = 3\n[[charm]]\npath = 'charms/slow'\n");
    let kill = |state: &str| {
        let args = ["watch", "--once", "--generic", "deploy", "--state", state];
        let mut watcher = room
            .command(&args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let runs = room.bed().path().join("xdg/charmtest/runs");
        let models = |room: &PathBuf| room.join("state/charmtest/embedded/models").is_dir();
        let begun = Instant::now();
        while !rooms(&runs).iter().any(models) {
            assert!(begun.elapsed() < PATIENCE, "nothing runs");
            sleep(Duration::from_millis(20));
        }
        // What is alive is not touched, by whomever.
        let before = rooms(&runs);
        let cleaned = room.run(&["clean"]);
        assert_eq!(cleaned.code, Some(0), "{}", cleaned.stderr);
        assert_eq!(rooms(&runs), before);
        watcher.kill().unwrap();
        watcher.wait().unwrap();
        assert_eq!(rooms(&runs), before, "it had no time to delete anything");
        runs
    };
    // By `clean`, as soon as everything in it has ended.
    let runs = kill("state");
    let begun = Instant::now();
    loop {
        let would = room.run(&["clean", "--dry-run"]);
        assert_eq!(would.code, Some(0), "{}", would.stderr);
        if would.stderr.contains("1 directory to remove") {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", would.stderr);
    }
    let cleaned = room.run(&["clean"]);
    assert_eq!(cleaned.code, Some(0), "{}", cleaned.stderr);
    assert!(
        cleaned.stderr.contains("1 directory removed"),
        "{}",
        cleaned.stderr
    );
    assert_eq!(rooms(&runs), [] as [PathBuf; 0]);

    // By the next run.
    kill("state2");
    let begun = Instant::now();
    while !rooms(&runs).is_empty() {
        assert!(begun.elapsed() < PATIENCE, "{:?}", rooms(&runs));
        let next = room.run(&[
            "generic",
            "--contain",
            "--generic",
            "deploy",
            "charms/quick",
        ]);
        assert_eq!(next.code, Some(0), "{}", next.stderr);
    }
}
