//! `cargo charmtest generic` end to end: requirements R1 to R5 of the Charm Testing specification, on charms made for the purpose.

use std::fs;
use std::process::Command;
use std::time::Instant;

use crate::bed::{Bed, PATIENCE, PROGRAM, Said};

/// A charm that is active once it has started; `more` are further cases of its hooks.
pub(crate) fn toy(bed: &Bed, name: &str, metadata: &str, more: &str) -> String {
    let script = format!(
        "case $JUJU_DISPATCH_PATH in\n{more}\nhooks/start) status-set active ;;\nesac\nexit 0"
    );
    bed.charm(name, metadata, &script)
}

/// Runs `cargo charmtest generic` on the embedded controller of a bed; what it reports is on standard error.
pub(crate) fn generic(bed: &Bed, args: &[&str]) -> Said {
    let mut command = Command::new(PROGRAM);
    for name in [
        "CHARMTEST_MODEL",
        "CHARMTEST_JUJU_VERSION",
        "CARGO_TERM_COLOR",
    ] {
        command.env_remove(name);
    }
    let output = command
        .args(["charmtest", "generic", "--backend", "embedded"])
        .args(args)
        .current_dir(bed.path())
        .env("CHARMTEST_DATA", bed.data())
        .env("XDG_STATE_HOME", bed.path().join("state"))
        .env("XDG_CACHE_HOME", bed.path().join("cache"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    output.into()
}

/// Returns the word of the report for each test: `PASS web::deploy`, with the note or reason if there is one.
pub(crate) fn verdicts(said: &Said) -> Vec<String> {
    let (before, _) = said.stderr.split_once("────").unwrap_or((&said.stderr, ""));
    let words = ["PASS", "FAIL", "SKIP", "TIMEOUT", "ERROR"];
    let mut verdicts: Vec<String> = before
        .lines()
        .filter_map(|line| {
            let (word, rest) = line.trim_start().split_once(" [")?;
            let (_, test) = rest.split_once("] ")?;
            words.contains(&word).then(|| format!("{word} {test}"))
        })
        .collect();
    verdicts.sort_unstable();
    verdicts
}

#[test]
fn r01_a_charm_that_settles_passes_with_a_note_if_it_is_not_active() {
    let bed = Bed::bare();
    let blocked = "hooks/start) status-set blocked 'needs a database'; exit 0 ;;";
    let flaps = "hooks/install) status-set waiting 'for a disk' ;;\n\
                 hooks/config-changed) status-set maintenance; status-set blocked; status-set maintenance ;;";
    let charms = [
        toy(&bed, "ok", "", ""),
        toy(&bed, "blocked", "", blocked),
        toy(&bed, "no-status-set", "", "hooks/start) exit 0 ;;"),
        toy(&bed, "flaps", "", flaps),
    ];
    let mut args: Vec<&str> = charms.iter().map(String::as_str).collect();
    args.extend(["--generic", "deploy"]);
    let said = generic(&bed, &args);
    assert_eq!(
        verdicts(&said),
        [
            "PASS blocked::deploy (blocked/0 is blocked: needs a database)",
            "PASS flaps::deploy",
            "PASS no-status-set::deploy",
            "PASS ok::deploy",
        ],
        "{said:?}"
    );
    assert_eq!(said.code, Some(0), "{said:?}");

    args.extend(["--require", "active"]);
    let said = generic(&bed, &args);
    assert_eq!(
        verdicts(&said),
        [
            "FAIL blocked::deploy",
            "FAIL no-status-set::deploy",
            "PASS flaps::deploy",
            "PASS ok::deploy",
        ],
        "{said:?}"
    );
    let why = "blocked/0 is blocked: needs a database (--require active)";
    assert!(said.stderr.contains(why), "{said:?}");
    assert_eq!(said.code, Some(1), "{said:?}");
}

#[test]
fn r02_a_failed_hook_fails_the_test_at_once_with_its_name_its_exit_code_and_its_log() {
    let bed = Bed::bare();
    let mut charms = Vec::new();
    for (hook, code) in [("install", 1), ("config-changed", 3), ("start", 7)] {
        let case = format!("hooks/{hook}) echo 'no disk of {hook}' >&2; exit {code} ;;");
        charms.push(toy(&bed, &format!("no-{hook}"), "", &case));
    }
    let mut args: Vec<&str> = charms.iter().map(String::as_str).collect();
    args.extend(["--generic", "deploy"]);
    let started = Instant::now();
    let said = generic(&bed, &args);
    for (hook, code) in [("install", 1), ("config-changed", 3), ("start", 7)] {
        let text = format!("hook \"{hook}\" of no-{hook}/0 failed: exit status {code}\n");
        assert!(said.stderr.contains(&text), "{text}{said:?}");
        let (_, after) = said.stderr.split_once(&text).unwrap();
        assert!(after.contains("the last lines of the log of"), "{after}");
        assert!(after.contains(&format!("no disk of {hook}")), "{after}");
    }
    assert_eq!(verdicts(&said).len(), 3, "{said:?}");
    assert_eq!(said.code, Some(1), "{said:?}");
    // Without a time limit: nothing waits for a charm that has failed.
    assert!(started.elapsed() < PATIENCE * 2);
}

#[test]
fn r03_a_hook_that_sleeps_for_ever_is_a_failure_and_leaves_no_process() {
    let bed = Bed::bare();
    let pids = bed.path().join("pids");
    let case = format!(
        "hooks/install) sleep 3600 & echo $$ $! > {0}.new; mv {0}.new {0}; sleep 3600 ;;",
        pids.display()
    );
    let charm = toy(&bed, "sleeper", "", &case);
    // Whoever waits for the whole hour is caught by the time limit of the test run.
    let args = [&charm, "--generic", "deploy", "--test-timeout", "3s"];
    let said = generic(&bed, &args);
    assert_eq!(verdicts(&said), ["TIMEOUT sleeper::deploy"], "{said:?}");
    assert!(
        said.stderr
            .contains("ran longer than 3s; waiting for sleeper to be idle"),
        "{said:?}"
    );
    assert_eq!(said.code, Some(1), "{said:?}");
    let left: Vec<String> = fs::read_to_string(&pids)
        .unwrap_or_default()
        .split_whitespace()
        .filter(|pid| is_alive(pid))
        .map(str::to_owned)
        .collect();
    assert!(pids.exists() && left.is_empty(), "{left:?} {said:?}");
}

/// Says whether there is such a process; one that has ended and that nobody asked for its exit code is none.
fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| &rest[..1]);
    state.is_some_and(|state| state != "Z")
}

#[test]
fn r04_each_generic_test_finds_what_the_others_do_not() {
    let bed = Bed::bare();
    let options = "options:\n  a: {type: string, default: x, description: d}\n  b: {type: string, default: x, description: d}\n";
    let web = "provides:\n  web: {interface: http}\n";
    let remembers = bed.path().display().to_string();
    let broken = [
        (
            "config-defaults",
            "hooks/config-changed)\n\
             case $(config-get a)$(config-get b) in\n\
             xx) [ -e changed ] && exit 1 ;;\n\
             charmtestcharmtest) touch changed ;;\n\
             esac ;;"
                .to_owned(),
        ),
        (
            "reconfigure",
            "hooks/config-changed) [ \"$(config-get a)\" = \"$(config-get b)\" ] || exit 1 ;;"
                .to_owned(),
        ),
        (
            "scale",
            "hooks/install) [ \"$(is-leader)\" = True ] || exit 1 ;;".to_owned(),
        ),
        ("relate", "hooks/web-relation-joined) exit 1 ;;".to_owned()),
        ("upgrade", "hooks/upgrade-charm) exit 1 ;;".to_owned()),
        (
            "redeploy",
            format!(
                "hooks/remove) touch {remembers}/$JUJU_MODEL_UUID ;;\n\
                 hooks/install) [ -e {remembers}/$JUJU_MODEL_UUID ] && exit 1 ;;"
            ),
        ),
        // Last: Juju's removal by force waits a minute for the failed hook before it goes over it.
        (
            "remove",
            "hooks/stop) [ \"$(is-leader)\" = True ] && exit 1 ;;".to_owned(),
        ),
    ];
    let mut charms = Vec::new();
    for (id, case) in &broken {
        charms.push(toy(&bed, &format!("no-{id}"), web, case));
        fs::write(bed.path().join(format!("no-{id}/config.yaml")), options).unwrap();
    }
    // Each charm is asked for what it cannot do and for what the next one cannot do: all eight for all would take long.
    let ids = broken.iter().map(|(id, _)| id);
    let next = ids.clone().cycle().skip(1);
    let wanted = ids
        .zip(next)
        .map(|(id, next)| format!("no-{id}::{id} or no-{id}::{next}"));
    let wanted: Vec<String> = wanted.collect();
    let wanted = wanted.join(" or ");
    let mut args: Vec<&str> = charms.iter().map(String::as_str).collect();
    args.extend(["-k", &wanted]);
    let said = generic(&bed, &args);
    let failed: Vec<String> = verdicts(&said)
        .into_iter()
        .filter(|line| !line.starts_with("PASS "))
        .collect();
    let mut expected: Vec<String> = broken
        .iter()
        .map(|(id, _)| format!("FAIL no-{id}::{id}"))
        .collect();
    expected.sort_unstable();
    assert_eq!(failed, expected, "{}", said.stderr);
    assert_eq!(verdicts(&said).len(), 2 * broken.len(), "{said:?}");
    assert_eq!(said.code, Some(1), "{said:?}");
    // Only what failed runs again.
    let again = generic(&bed, &[&args[..], &["--lf", "--list"]].concat());
    let names: Vec<String> = expected.iter().map(|line| line[5..].to_owned()).collect();
    let mut listed: Vec<&str> = again.stdout.lines().collect();
    listed.sort_unstable();
    assert_eq!(listed, names, "{again:?}");
}

#[test]
fn r04_generic_tests_are_selected_by_their_ids() {
    let bed = Bed::bare();
    toy(&bed, "web", "", "");
    let listed = |args: &[&str]| {
        let said = generic(&bed, &[&["./web", "--list"], args].concat());
        (said.code, said.stdout.replace('\n', " "), said.stderr)
    };
    let all = "web::deploy web::config-defaults web::reconfigure web::scale web::relate web::upgrade web::remove web::redeploy ";
    assert_eq!(listed(&[]).1, all);
    assert_eq!(
        listed(&["--generic", "upgrade,deploy"]).1,
        "web::deploy web::upgrade "
    );
    assert_eq!(
        listed(&["-k", "scale or remove"]).1,
        "web::scale web::remove "
    );
    for (args, code, text) in [
        (
            &["--generic", "jump"][..],
            2,
            "there is no generic test `jump`",
        ),
        (&["--model", "m"], 2, "each of these tests has a fresh one"),
        (&["--require", "idle"], 2, "neither `settled` nor `active`"),
        (&["-k", "nosuch"], 3, "no test matches"),
        (&["./nosuch"], 2, "nosuch"),
        (&["--previous", "db=./web"], 2, "no charm `db`"),
    ] {
        let (said, _, stderr) = listed(args);
        assert_eq!(said, Some(code), "{args:?} {stderr}");
        assert!(stderr.contains(text), "{args:?} {stderr}");
    }
}

#[test]
fn r04_charms_of_the_collection_are_related_and_upgraded_from_what_was_there() {
    let bed = Bed::bare();
    let trace = format!("{}/trace", bed.path().display());
    let joined = format!("hooks/db-relation-joined) echo web $JUJU_REMOTE_UNIT >> {trace} ;;");
    let upgraded = format!(
        "hooks/install) echo installed $(cat release) >> {trace} ;;\n\
         hooks/upgrade-charm) echo upgraded to $(cat release) >> {trace} ;;"
    );
    let metadata = "requires:\n  db: {interface: sql}\n  cache: {interface: memcache}\n";
    toy(&bed, "web", metadata, &format!("{joined}\n{upgraded}"));
    toy(&bed, "db", "provides:\n  server: {interface: sql}\n", "");
    // An earlier version, which cannot be told from the later one by its metadata.
    let old = bed.path().join("old");
    fs::create_dir(&old).unwrap();
    for file in ["metadata.yaml", "manifest.yaml", "dispatch"] {
        fs::copy(bed.path().join("web").join(file), old.join(file)).unwrap();
    }
    fs::write(old.join("release"), "1\n").unwrap();
    fs::write(bed.path().join("web/release"), "2\n").unwrap();
    let args = [
        "./web",
        "./db",
        "--generic",
        "relate,upgrade",
        "--previous",
        "web=./old",
        "-k",
        "web",
    ];
    let said = generic(&bed, &args);
    assert_eq!(
        verdicts(&said),
        ["PASS web::relate", "PASS web::upgrade"],
        "{said:?}"
    );
    let trace = fs::read_to_string(trace).unwrap();
    let mut lines: Vec<&str> = trace.lines().collect();
    lines.sort_unstable();
    // One `web` for each test; only that of `upgrade` was the earlier one at first.
    let expected = ["installed 1", "installed 2", "upgraded to 2", "web db/0"];
    assert_eq!(lines, expected, "{said:?}");
}

#[test]
fn r04_what_a_model_cannot_take_is_skipped_with_the_reason() {
    let bed = Bed::bare();
    toy(&bed, "later", "assumes: [juju >= 9.0]\n", "");
    toy(
        &bed,
        "bare",
        "resources:\n  blob: {type: file, filename: blob.txt, description: d}\n",
        "",
    );
    let args = ["./later", "./bare", "--generic", "deploy,relate"];
    let said = generic(&bed, &args);
    let told = verdicts(&said);
    assert_eq!(
        told[0], "PASS bare::deploy (the resource `blob` of bare is an empty file)",
        "{said:?}"
    );
    assert_eq!(
        told[1], "SKIP bare::relate (the charm has no endpoints to relate)",
        "{said:?}"
    );
    assert!(
        told[2].starts_with("SKIP later::deploy (Charm feature requirements cannot be met"),
        "{said:?}"
    );
    assert!(told[2].contains("9.0"), "{said:?}");
    assert_eq!(said.code, Some(0), "{said:?}");
    let said = generic(&bed, &["./bare", "--generic", "relate", "--fail-on-skip"]);
    assert_eq!(said.code, Some(1), "{said:?}");
}

#[test]
fn r05_a_subordinate_is_tested_with_a_principal_and_a_principal_with_a_subordinate() {
    let bed = Bed::bare();
    let trace = format!("{}/trace", bed.path().display());
    let sub = "subordinate: true\nrequires:\n  host: {interface: juju-info, scope: container}\n  log: {interface: syslog}\n";
    let start = format!("hooks/start) echo $JUJU_PRINCIPAL_UNIT >> {trace}; status-set active ;;");
    toy(&bed, "sub", sub, &start);
    let metadata = "provides:\n  inside: {interface: box, scope: container}\n";
    let joined = format!("hooks/inside-relation-joined) echo $JUJU_REMOTE_UNIT >> {trace} ;;");
    toy(&bed, "prin", metadata, &joined);
    let said = generic(&bed, &["./sub", "./prin", "-k", "sub or relate"]);
    let told = verdicts(&said);
    let failed: Vec<&String> = told
        .iter()
        .filter(|line| line.starts_with("FAIL"))
        .collect();
    assert!(failed.is_empty() && told.len() == 9, "{}", said.stderr);
    assert_eq!(said.code, Some(0), "{said:?}");
    let trace = fs::read_to_string(trace).unwrap();
    // Scaling a subordinate means scaling its principal.
    for unit in ["stand-in-host/0", "stand-in-host/1", "stand-in-inside/0"] {
        assert!(trace.lines().any(|line| line == unit), "{unit}: {trace}");
    }
}
