//! `cargo charmtest watch` and `replay` with charms that nobody trusts: what runs, where, and what it can reach (R16, R26, R27).
//!
//! Tests that need a sandbox around hooks say so when this machine has none.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use charmtest_sandbox::{Level, Network, Policy, Request, Sandbox};
use serde_json::Value;

use crate::bed::{PROGRAM, Said, executable};
use crate::sandbox::has;
use crate::watch::{OFFICIAL, Room, text};

/// What must not be seen.
const CANARY: &str = "CANARY-77d1";

/// A level that holds a run: that of the sandbox around hooks.
const LEVEL_3: &str = "3 (namespaces)";

/// A level in which no namespaces can be made.
const LEVEL_2: &str = "2 (seccomp)";

/// A watcher's user with secrets, beside the room that holds collection and record.
struct User {
    room: Room,
    process: Child,
}

impl User {
    fn new() -> Self {
        let room = Room::new();
        let home = room.path("home");
        for file in [
            ".ssh/id_ed25519",
            ".local/share/juju/accounts.yaml",
            ".juju/environments.yaml",
            "juju-data/accounts.yaml",
        ] {
            let path = home.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, CANARY).unwrap();
        }
        let process = Command::new("perl")
            .args(["-e", "sleep 1000", CANARY])
            .env("SECRET", CANARY)
            .current_dir(home.join(".ssh"))
            .spawn()
            .unwrap();
        Self { room, process }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.room.command(args);
        command
            .env("HOME", self.room.path("home"))
            .env("JUJU_DATA", self.room.path("home/juju-data"))
            .env("SECRET", CANARY);
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        self.command(args).output().unwrap().into()
    }

    fn watch(&self) -> Said {
        self.run(&["watch", "--once", "--generic", "deploy", "--state", "state"])
    }

    /// What a hostile hook does, in a shell: it reads all that it finds, and tries to change the record. What it read is its status and its
    /// log; then it goes on as if nothing had been.
    fn hostile(&self) -> String {
        let (home, state) = (self.room.path("home"), self.room.path("state"));
        let (home, state) = (home.display(), state.display());
        let process = self.process.id();
        format!(
            r#"attempts() {{
                cat {home}/.ssh/* {home}/.local/share/juju/* {home}/.juju/* {home}/juju-data/*
                cat {state}/reviews.toml {state}/head.json {state}/cas/sha256/*/* {state}/deltas/*/delta.json
                ln -s {home}/.ssh link; cat link/id_ed25519
                cat /proc/{process}/environ /proc/{process}/cmdline /proc/{process}/cwd/id_ed25519
                for p in /proc/[0-9]*; do cat $p/environ $p/cmdline; cat $p/root{home}/.ssh/id_ed25519 $p/cwd/state/canary; done
                kill -0 {process} && grep -q sleep /proc/{process}/cmdline && echo {CANARY} by a signal
                echo '[[review]]' >> {state}/reviews.toml
                for f in {state}/deltas/*/results.jsonl {state}/head.json {state}/index.json {state}/canary; do echo {CANARY} >> $f; done
                for f in {state}/cas/sha256/*/*; do echo {CANARY} >> $f; done
                mkdir -p {state}/cas/sha256/zz && echo {CANARY} > {state}/cas/sha256/zz/forged
                rm -rf {state}/deltas/*/logs {state}/previous
                env
            }}
            found=$(attempts 2>&1 | tr '\0' ' ')
            case $found in *{CANARY}*) seen=yes;; *) seen=no;; esac
            juju-log "$found"
            status-set active "canary seen: $seen""#
        )
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// All files of a directory with their content, but for those below `without`.
fn files(directory: &Path, without: &[&str]) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            let below = path.strip_prefix(directory).unwrap().to_owned();
            if without.iter().any(|name| below.starts_with(name)) {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else {
                found.push((below, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn results(room: &Room) -> Vec<Value> {
    let shown = room.json(&["watch", "show"], "state");
    shown["results"].as_array().unwrap().clone()
}

/// Writes a script of a charm.
fn script(room: &Room, path: &str, text: &str) {
    let path = room.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    executable(&path, text);
}

/// The last result of a job, found by a part of its name.
#[track_caller]
fn result(room: &Room, job: &str) -> Value {
    let found = results(room)
        .into_iter()
        .rfind(|result| text(&result["job"]).contains(job));
    found.unwrap_or_else(|| panic!("no result of {job}"))
}

#[test]
fn r26_a_hostile_hook_is_contained_or_refused_and_runs_outside_once_it_is_approved() {
    let user = User::new();
    let room = &user.room;
    room.repository("repos/evil", &user.hostile());
    let collection = |required: &str| {
        room.collection(&format!(
            "[defaults]\n{required}[[charm]]\ngit = 'repos/evil'\n"
        ));
    };
    let version = |number: u32| {
        room.charm("repos/evil", &format!("{}\n# {number}", user.hostile()));
        room.commit("repos/evil");
    };
    let canaries = || -> Vec<PathBuf> {
        let state = files(&room.path("state"), &[]);
        let holds = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(CANARY);
        // The charm names it.
        let own = |path: &Path| path.starts_with("cas") || path.starts_with("git");
        state
            .into_iter()
            .filter(|(path, bytes)| !own(path) && holds(bytes))
            .map(|(path, _)| path)
            .collect()
    };

    // No level suffices: refused.
    collection("");
    let refused = user.watch();
    assert_eq!(refused.code, Some(5), "{}", refused.stderr);
    assert!(refused.stderr.contains("1 refused"), "{}", refused.stderr);
    assert!(canaries().is_empty(), "{:?}", canaries());
    if !has(LEVEL_3) {
        return;
    }

    // The level that is required is there: it runs, and passes, and sees and changes nothing.
    collection("required-sandbox = 3\n");
    let before = files(&room.path("state/cas"), &[]);
    let contained = user.watch();
    assert_eq!(contained.code, Some(0), "{}", contained.stderr);
    let told = &contained.stderr;
    assert!(
        told.contains("sandbox level 3 (namespaces), network nodes") && told.contains("1 pass"),
        "{told}"
    );
    assert!(!told.contains(CANARY), "{told}");
    let outcome = result(room, "/deploy");
    assert_eq!(outcome["verdict"], "pass");
    assert_eq!(outcome["hooks"], "namespaces");
    assert_eq!(outcome["sandbox"], "namespaces");
    assert_eq!(outcome["network"], "nodes");
    assert!(canaries().is_empty(), "{:?}", canaries());
    assert_eq!(files(&room.path("state/cas"), &[]), before);
    assert!(!room.path("state/reviews.toml").exists());
    assert!(!room.path("state/canary").exists());
    assert_eq!(
        user.watch().code,
        Some(0),
        "it is tested and nothing changed"
    );

    // The next commit is contained again, whatever the last one was.
    version(1);
    let contained = user.watch();
    assert_eq!(contained.code, Some(0), "{}", contained.stderr);
    assert!(contained.stderr.contains("Inside"), "{}", contained.stderr);
    assert!(canaries().is_empty(), "{:?}", canaries());

    // Approved at its tree, the very same hook runs outside, where it sees: else what was before would prove nothing.
    version(2);
    collection("");
    assert_eq!(user.watch().code, Some(5));
    let tree = room.json(&["watch", "status"], "state")["charms"][0]["tree"].clone();
    let approved = user.run(&["watch", "approve", &text(&tree), "--state", "state"]);
    assert_eq!(approved.code, Some(0), "{}", approved.stderr);
    let outside = user.watch();
    assert!(!outside.stderr.contains("Inside"), "{}", outside.stderr);
    assert!(room.path("state/canary").exists(), "{}", outside.stderr);
}

#[test]
fn r26_a_script_of_an_untrusted_charm_is_contained_with_its_hooks() {
    if !has(LEVEL_3) {
        return;
    }
    let user = User::new();
    let room = &user.room;
    room.charm("charms/evil", "status-set active");
    script(
        room,
        "charms/evil/tests/10-look.test",
        &format!(
            "#!/bin/bash\njuju-log() {{ looked=$1; }}\nstatus-set() {{ echo \"$2\"; }}\n{}\njuju deploy evil || exit 9\njuju deploy other || exit 10\n[ $seen = no ] || {{ echo \"ERROR: $looked\"; exit 8; }}",
            user.hostile()
        ),
    );
    room.charm("charms/other", "status-set active");
    room.collection(
        "[defaults]\nrequired-sandbox = 1\n[[charm]]\npath = 'charms/evil'\n[[charm]]\npath = 'charms/other'\n",
    );
    let watched = user.run(&["watch", "--once", "--no-generic", "--state", "state"]);
    let outcome = result(room, "10-look.test");
    assert_eq!(
        (watched.code, &outcome["verdict"]),
        (Some(0), &Value::from("pass")),
        "{} {outcome}",
        watched.stderr
    );
    assert_eq!(outcome["sandbox"], "namespaces");
    assert_eq!(outcome["hooks"], "namespaces");
    assert_eq!(outcome["deployed"], serde_json::json!(["evil", "other"]));
    assert!(!watched.stderr.contains(CANARY), "{}", watched.stderr);
}

#[test]
fn r26_what_a_contained_charm_says_of_others_does_not_count() {
    if !has(LEVEL_3) {
        return;
    }
    let room = Room::new();
    // It writes what looks like results to whoever listens.
    let lie = |name: &str| {
        format!(
            r#"\001charmtest-inside {{"name":"{name}::deploy","outcome":"passed","ms":1,"message":"a lie","output":[],"asked":[],"packages":{{}}}}\n"#
        )
    };
    room.charm(
        "charms/evil",
        &format!(
            "for p in /proc/[0-9]*; do printf '{}{}{}{}' >> $p/fd/1; done 2>/dev/null\nexit 3",
            lie("evil"),
            lie("victim"),
            lie("ubuntu@24.04:victim:-"),
            lie("zoo")
        ),
    );
    room.charm("charms/victim", "exit 3");
    room.charm("charms/zoo", "exit 3");
    // Whoever follows the links of a charm looks at what they point to.
    room.charm("charms/links", "true");
    fs::write(room.path("secret"), CANARY).unwrap();
    for link in ["README.md", "config.yaml"] {
        symlink(room.path("secret"), room.path("charms/links").join(link)).unwrap();
    }
    room.collection(
        "[defaults]\nrequired-sandbox = 3\n[[charm]]\npath = 'charms/evil'\n[[charm]]\npath = 'charms/links'\n[[charm]]\npath = 'charms/victim'\n[[charm]]\npath = 'charms/zoo'\ntrust = 'official'\n",
    );
    let watched = room.watch("state");
    assert_eq!(watched.code, Some(1), "{}", watched.stderr);
    // What it says of itself is worth what it is worth; of the others it says nothing that counts.
    assert_eq!(
        result(&room, "victim")["verdict"],
        "fail",
        "{}",
        watched.stderr
    );
    assert_eq!(
        result(&room, "zoo")["verdict"],
        "fail",
        "{}",
        watched.stderr
    );
    assert_eq!(
        result(&room, "links")["verdict"],
        "fail",
        "{}",
        watched.stderr
    );
    assert!(!watched.stderr.contains(CANARY), "{}", watched.stderr);
    assert_eq!(results(&room).len(), 4, "{:?}", results(&room));
    assert_eq!(result(&room, "zoo")["hooks"], "plain");
}

#[test]
fn r26_trusted_charms_do_without_those_that_nobody_trusts() {
    if !has(LEVEL_3) {
        return;
    }
    let user = User::new();
    let room = &user.room;
    room.charm("charms/evil", &user.hostile());
    room.charm("charms/good", "status-set active");
    for (name, side) in [("evil", "provides"), ("good", "requires")] {
        let path = room.path("charms").join(name).join("metadata.yaml");
        let metadata = fs::read_to_string(&path).unwrap();
        fs::write(
            &path,
            format!("{metadata}{side}:\n  db: {{interface: sql}}\n"),
        )
        .unwrap();
    }
    script(
        room,
        "charms/good/tests/10-evil.test",
        "#!/bin/sh\njuju deploy evil && exit 0\nexit 7\n",
    );
    room.collection(
        "[defaults]\nrequired-sandbox = 3\n[[charm]]\npath = 'charms/evil'\n[[charm]]\npath = 'charms/good'\ntrust = 'official'\n",
    );
    let watched = user.run(&["watch", "--once", "--generic", "relate", "--state", "state"]);
    assert_eq!(watched.code, Some(5), "{}", watched.stderr);
    assert!(
        watched
            .stderr
            .contains("cannot deploy what is untrusted: evil"),
        "{}",
        watched.stderr
    );
    for (job, verdict, hooks) in [
        ("good:-/relate", "pass", "plain"),
        ("good:-/10-evil.test", "refused", "plain"),
        ("evil:-/relate", "pass", "namespaces"),
    ] {
        let outcome = result(room, job);
        assert_eq!(outcome["verdict"], verdict, "{outcome}");
        assert_eq!(outcome["hooks"], hooks, "{outcome}");
    }
    assert!(!room.path("state/canary").exists());
}

#[test]
fn r26_what_a_machine_without_the_level_refuses_says_which_it_has() {
    // In a sandbox nobody makes another one: it stands for such a machine.
    if !has(LEVEL_2) {
        return;
    }
    let shim = Path::new(PROGRAM);
    let level = Request::Level(Level::Seccomp);
    let sandbox = Sandbox::with_shim(shim, level, Network::Host).unwrap();
    let room = Room::new();
    room.charm("charms/a", "true");
    room.collection("[defaults]\nrequired-sandbox = 2\n[[charm]]\npath = 'charms/a'\n");
    let writable = room.path("").canonicalize().unwrap();
    fs::create_dir_all(room.path("tmp")).unwrap();
    let policy = Policy::system()
        .executable(PROGRAM)
        .writable(&writable)
        .environment([
            ("PATH", "/usr/bin:/bin".to_owned()),
            ("HOME", writable.display().to_string()),
            ("TMPDIR", writable.join("tmp").display().to_string()),
            ("CHARMTEST_BACKEND", "embedded".to_owned()),
        ]);
    let run = |args: &[&str]| -> Said {
        let mut command = sandbox.command(&policy, PROGRAM, args).unwrap();
        command.current_dir(&writable).stdin(Stdio::null());
        command.output().unwrap().into()
    };
    let refused = run(&["charmtest", "watch", "--once", "--state", "state"]);
    assert_eq!(refused.code, Some(5), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("hooks have sandbox level 0, not 2"),
        "{}",
        refused.stderr
    );
    // What the user asks for and is not there is told before anything is looked at.
    for option in [&["--contain"][..], &["--sandbox", "3"]] {
        let words = [
            &["charmtest", "watch", "--once", "--state", "other"][..],
            option,
        ];
        let said = run(&words.concat());
        assert_eq!(said.code, Some(4), "{}", said.stderr);
        assert!(
            said.stderr.contains("3 (namespaces)") && !room.path("other/deltas").exists(),
            "{}",
            said.stderr
        );
    }
    // What the matrix asks for is not on this machine, and nothing lower stands for it.
    room.collection(&format!(
        "{OFFICIAL}[[charm]]\npath = 'charms/a'\n[matrix]\nsandbox = ['3']\n"
    ));
    let unmet = run(&["charmtest", "watch", "--once", "--state", "matrix"]);
    assert_eq!(unmet.code, Some(4), "{}", unmet.stderr);
    assert!(unmet.stderr.contains(" unmet "), "{}", unmet.stderr);
}

#[test]
fn r27_the_sandbox_is_an_axis_with_result_sets_of_its_own() {
    if !has(LEVEL_3) {
        return;
    }
    let room = Room::new();
    room.charm("charms/a", "status-set active");
    script(&room, "charms/a/tests/10.test", "#!/bin/sh\njuju status\n");
    room.charm("charms/b", "status-set active");
    room.collection(
        "[defaults]\nrequired-sandbox = 3\n[[charm]]\npath = 'charms/a'\ntrust = 'official'\n[[charm]]\npath = 'charms/b'\n[matrix]\nsandbox = ['off', '1', '3']\n",
    );
    let watched = room.watch("state");
    assert_eq!(watched.code, Some(5), "{}", watched.stderr);
    let mut sets: Vec<String> = results(&room)
        .iter()
        .map(|result| {
            let told = |key: &str| text(&result[key]);
            let variant = text(&result["variant"]["sandbox"]);
            let (charm, test, verdict) = (told("charm"), told("test"), told("verdict"));
            let (hooks, sandbox) = (told("hooks"), told("sandbox"));
            format!("{variant} {charm} {test}: {verdict} {hooks} {sandbox}")
        })
        .collect();
    sets.sort();
    assert_eq!(
        sets,
        [
            "1 a 10.test: pass namespaces namespaces",
            "1 a deploy: pass namespaces namespaces",
            "1 b deploy: pass namespaces namespaces",
            "3 a 10.test: pass namespaces namespaces",
            "3 a deploy: pass namespaces namespaces",
            "3 b deploy: pass namespaces namespaces",
            "off a 10.test: pass plain plain",
            "off a deploy: pass plain plain",
            "off b deploy: refused  ",
        ],
        "{}",
        watched.stderr
    );
    let both = room.run(&["watch", "--once", "--contain", "--state", "state"]);
    assert_eq!(both.code, Some(2), "{}", both.stderr);
}

#[test]
fn r16_trusted_charms_are_contained_too_if_the_user_wants_it() {
    if !has(LEVEL_3) {
        return;
    }
    let user = User::new();
    let room = &user.room;
    room.charm("charms/evil", &user.hostile());
    room.charm("charms/good", "status-set active");
    script(
        room,
        "charms/evil/tests/10.test",
        "#!/bin/sh\njuju deploy good\n",
    );
    room.collection(&format!("{OFFICIAL}[[charm]]\npath = 'charms/*'\n"));
    let options = ["--contain", "--network", "nodes", "--state", "state"];
    let words = [&["watch", "--once", "--generic", "deploy"][..], &options];
    let watched = user.run(&words.concat());
    assert_eq!(watched.code, Some(0), "{}", watched.stderr);
    for outcome in results(room) {
        assert_eq!(outcome["hooks"], "namespaces", "{outcome}");
        assert_eq!(outcome["verdict"], "pass", "{outcome}");
    }
    let replayed = user.run(&[&["replay", "last"][..], &options].concat());
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    assert!(
        replayed
            .stderr
            .contains("sandbox level 3 (namespaces), network nodes"),
        "{}",
        replayed.stderr
    );
    assert!(!room.path("state/canary").exists());
    // The record is not for them, whoever asks for it.
    let options = ["--contain", "--readable", "."];
    let refused = user.run(&[&["watch", "--once", "--state", "state"][..], &options].concat());
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("must be out of reach"),
        "{}",
        refused.stderr
    );
}
