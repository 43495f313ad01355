//! ^C, SIGTERM, a second ^C and a tear-down that hangs, in every phase of a run of `cargo charmtest`. The `juju` is a script, so that
//! each phase lasts as long as a test wants.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::author::{author, cargo_command};
use crate::bed::{Bed, PROGRAM};

/// Knows models by files below `models`. `hang-COMMAND` beside it makes a command wait until that file is gone, and `at-COMMAND`
/// tells that it does.
const JUJU: &str = r#"#!/bin/sh
here=$(dirname "$0")
hang() { if [ -e "$here/hang-$1" ]; then touch "$here/at-$1"; while [ -e "$here/hang-$1" ]; do sleep 0.05; done; fi; }
last() { for word; do :; done; echo "${word##*:}"; }
case "$1" in
version) echo 3.6.28-ubuntu-amd64 ;;
controllers) echo '{"controllers":{"c":{}},"current-controller":"c"}' ;;
add-model) touch "$here/models/$3"; hang add-model ;;
show-model)
    name=$(last "$@")
    [ -e "$here/models/$name" ] || { echo "ERROR model c:admin/$name not found" >&2; exit 1; }
    echo "{\"$name\":{\"name\":\"admin/$name\",\"short-name\":\"$name\",\"model-uuid\":\"uuid-$name\",\"model-type\":\"iaas\",\"controller-name\":\"c\",\"cloud\":\"lxd\"}}" ;;
destroy-model) hang destroy-model; rm -f "$here/models/${2##*:}" ;;
status) echo '{"applications":{}}' ;;
esac
"#;

const TESTS: &str = r#"
mod phases {
    use charmtest::prelude::*;

    #[charm_test]
    async fn runs(_model: &Model) {
        if std::env::var_os("WAITS").is_some() {
            println!("waiting now");
            std::future::pending().await
        }
    }

    #[charm_test]
    async fn comes_after(_model: &Model) {}
}

charmtest::main!();
"#;

struct Stage {
    bed: Bed,
    dir: PathBuf,
}

impl Stage {
    fn new(name: &str) -> Self {
        let bed = Bed::bare();
        let dir = author(&bed, name);
        fs::write(dir.join("tests/integration/main.rs"), TESTS).unwrap();
        fs::create_dir_all(bed.path().join("script/models")).unwrap();
        crate::bed::executable(&bed.path().join("script/juju"), JUJU);
        Self { bed, dir }
    }

    /// Returns a file beside the script.
    fn file(&self, name: &str) -> PathBuf {
        self.bed.path().join("script").join(name)
    }

    /// Starts a run in which a command of `juju` hangs, or the test waits, and returns when it does.
    fn start(&self, phase: Phase, args: &[&str]) -> (Child, impl Iterator<Item = String> + use<>) {
        let cargo = cargo_command(&self.bed, &self.dir, &[]);
        let ours = cargo.get_envs();
        let mut command = Command::new(PROGRAM);
        command
            .args(["charmtest", "--backend", "juju", "--crash-dump", "never"])
            .arg("--juju")
            .arg(self.file("juju"))
            .args(args)
            .envs(ours.filter_map(|(name, value)| Some((name, value?))))
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        match phase {
            Phase::Test => drop(command.env("WAITS", "1").arg("--nocapture")),
            Phase::SetUp | Phase::TearDown => fs::write(self.file(phase.hang()), "").unwrap(),
        }
        let mut run = command.spawn().unwrap();
        let stderr = BufReader::new(run.stderr.take().unwrap());
        let mut lines = stderr.lines().map(Result::unwrap);
        match phase {
            Phase::Test => {
                let waits = lines.any(|line| line.contains("waiting now"));
                assert!(waits, "the test never ran");
            }
            Phase::SetUp | Phase::TearDown => {
                while !self.file(phase.tells()).exists() {
                    if let Some(status) = run.try_wait().unwrap() {
                        let said: Vec<String> = lines.collect();
                        panic!("{status} before {phase:?}:\n{}", said.join("\n"));
                    }
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
        (run, lines)
    }

    fn models(&self) -> usize {
        fs::read_dir(self.file("models")).unwrap().count()
    }

    fn on_record(&self) -> usize {
        let record = self.bed.path().join("state/charmtest/models");
        fs::read_dir(record).map_or(0, Iterator::count)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    SetUp,
    Test,
    TearDown,
}

impl Phase {
    fn hang(self) -> &'static str {
        match self {
            Self::SetUp => "hang-add-model",
            Self::Test => "",
            Self::TearDown => "hang-destroy-model",
        }
    }

    fn tells(self) -> &'static str {
        match self {
            Self::SetUp => "at-add-model",
            Self::Test => "",
            Self::TearDown => "at-destroy-model",
        }
    }
}

fn send(signal: &str, run: &Child) {
    let pid = run.id().to_string();
    let sent = Command::new("kill").args([signal, &pid]).output().unwrap();
    // The program may have ended just before.
    assert!(sent.status.success() || signal == "-INT", "{sent:?}");
}

fn remove(file: &Path) {
    fs::remove_file(file).unwrap_or_default();
}

#[test]
fn a_signal_in_any_phase_leaves_no_model_and_is_in_the_exit_code() {
    let stage = Stage::new("signals-once");
    for phase in [Phase::SetUp, Phase::Test, Phase::TearDown] {
        for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 143)] {
            let case = format!("{phase:?} {signal}");
            let (mut run, mut lines) = stage.start(phase, &[]);
            assert_eq!(stage.models(), 1, "{case}");
            send(signal, &run);
            let told = "interrupted: tearing down 1 module; interrupt again to leave at once";
            assert!(lines.any(|line| line.contains(told)), "{case}");
            if phase == Phase::TearDown {
                // It goes on, and takes what time it needs.
                remove(&stage.file(phase.hang()));
            }
            let rest: Vec<String> = lines.collect();
            let rest = rest.join("\n");
            assert_eq!(run.wait().unwrap().code(), Some(code), "{case}: {rest}");
            assert_eq!(stage.models(), 0, "{case}: {rest}");
            assert_eq!(stage.on_record(), 0, "{case}: {rest}");
            let outcome = match phase {
                Phase::TearDown => "2 charm tests: 2 passed",
                _ => "2 charm tests: 0 passed, 1 aborted, 1 skipped",
            };
            assert!(rest.contains(outcome), "{case}: {rest}");
            for file in [phase.hang(), phase.tells()] {
                remove(&stage.file(file));
            }
        }
    }
}

#[test]
fn a_tear_down_that_does_not_end_is_bounded_and_what_it_leaves_is_named() {
    let stage = Stage::new("signals-stuck");
    let assert_left = |code: Option<i32>, expected: i32, said: &str| {
        assert_eq!(code, Some(expected), "{said}");
        assert!(said.contains("is left over"), "{said}");
        let advice = "to remove what was left over: `cargo charmtest clean`, or";
        assert!(said.contains(advice), "{said}");
    };
    // By its time limit.
    let (mut run, lines) = stage.start(Phase::TearDown, &["--teardown-timeout", "500ms"]);
    let said = lines.collect::<Vec<_>>().join("\n");
    assert_left(run.wait().unwrap().code(), 1, &said);
    assert!(said.contains("did not end within"), "{said}");
    assert_eq!((stage.models(), stage.on_record()), (1, 1));
    remove(&stage.file("at-destroy-model"));

    // By a second ^C. Signals that arrive together count as one, so it is sent until it tells.
    let (mut run, lines) = stage.start(Phase::TearDown, &[]);
    let reader = thread::spawn(move || lines.collect::<Vec<_>>().join("\n"));
    let status = loop {
        if let Some(status) = run.try_wait().unwrap() {
            break status;
        }
        send("-INT", &run);
        thread::sleep(Duration::from_millis(10));
    };
    assert_left(status.code(), 130, &reader.join().unwrap());
    assert_eq!((stage.models(), stage.on_record()), (2, 2));
    // Lets the command go that still waits, if any.
    remove(&stage.file("hang-destroy-model"));
}

#[test]
fn the_tests_of_a_run_that_was_killed_end_and_remove_their_models() {
    let stage = Stage::new("signals-killed");
    let (mut run, lines) = stage.start(Phase::Test, &[]);
    assert_eq!(stage.models(), 1);
    send("-KILL", &run);
    assert_eq!(run.wait().unwrap().code(), None);
    drop(lines);
    while (stage.models(), stage.on_record()) != (0, 0) {
        thread::sleep(Duration::from_millis(20));
    }
}
