//! What `cargo charmtest generic` says of charms that fail, and what it does not blame a charm for.

use std::fs;

use crate::bed::Bed;
use crate::generic::{generic, toy, verdicts};

#[test]
fn r02_a_hook_that_is_killed_fails_the_test_though_juju_only_runs_it_again() {
    let bed = Bed::bare();
    let charms = [
        toy(
            &bed,
            "always",
            "",
            "hooks/install) echo 'no memory' >&2; kill -KILL $$ ;;",
        ),
        toy(
            &bed,
            "once",
            "requires:\n  db: {interface: sql}\n",
            "hooks/db-relation-joined) [ -e died ] && exit; touch died; echo 'no luck' >&2; kill -TERM $$ ;;",
        ),
    ];
    let mut args: Vec<&str> = charms.iter().map(String::as_str).collect();
    // Who waits for the time limit is told so.
    let wanted = "always::deploy or once::relate";
    args.extend(["-k", wanted, "-j", "2", "--test-timeout", "5m"]);
    let said = generic(&bed, &args);
    assert_eq!(
        verdicts(&said),
        ["FAIL always::deploy", "FAIL once::relate"],
        "{said:?}"
    );
    for (hook, log) in [
        ("hook \"install\" of always/0", "no memory"),
        (
            "endpoint `db`: hook \"db-relation-joined\" of once/0",
            "no luck",
        ),
    ] {
        let text = format!("{hook} died of SIGTERM or SIGKILL");
        let (_, after) = said.stderr.split_once(&text).expect(&said.stderr);
        assert!(after.contains(log), "{said:?}");
    }
    assert_eq!(said.code, Some(1), "{said:?}");
}

#[test]
fn r02_a_failure_names_the_hook_the_charm_and_what_it_was_given() {
    let bed = Bed::bare();
    let charm = toy(
        &bed,
        "store",
        "storage:\n  data: {type: filesystem}\nresources:\n  blob: {type: file, filename: blob.txt, description: d}\n",
        "hooks/data-storage-detaching) exit 6 ;;",
    );
    let said = generic(&bed, &[&charm, "--generic", "remove"]);
    assert_eq!(verdicts(&said), ["FAIL store::remove"], "{said:?}");
    // The status of Juju says `storage-detaching` alone.
    let text = "hook \"data-storage-detaching\" of store/0 failed: exit status 6\n";
    assert!(said.stderr.contains(text), "{said:?}");
    let note = "note: the resource `blob` of store is an empty file";
    assert!(said.stderr.contains(note), "{said:?}");
    // The charm, and no line of the program that tests it.
    let place = format!("at {}\n", bed.path().join("store").display());
    assert!(said.stderr.contains(&place), "{said:?}");
    assert!(!said.stderr.contains("bench.rs"), "{said:?}");
}

#[test]
fn r04_a_partner_that_cannot_be_had_is_no_fault_of_the_charm() {
    let bed = Bed::bare();
    let trace = format!("{}/trace", bed.path().display());
    let joined = format!("hooks/*-relation-joined) echo $JUJU_REMOTE_UNIT >> {trace} ;;");
    let metadata = "requires:\n  cache: {interface: memcache}\n  db: {interface: sql}\n";
    toy(&bed, "web", metadata, &joined);
    // Of a later Juju; and one that has to be built, and cannot.
    let later = "assumes: [juju >= 9.0]\nprovides:\n  cache: {interface: memcache}\n";
    toy(&bed, "cached", later, "");
    let db = bed.path().join("db");
    fs::create_dir(&db).unwrap();
    let charmcraft = "name: db\ntype: charm\nsummary: s\ndescription: d\nbase: ubuntu@24.04\nplatforms: {amd64: }\n\
                      parts: {db: {plugin: nil, build-packages: [no-such-package]}}\nprovides:\n  server: {interface: sql}\n";
    fs::write(db.join("charmcraft.yaml"), charmcraft).unwrap();
    let args = ["./web", "./cached", "./db", "-k", "web::relate"];
    let said = generic(&bed, &args);
    let [told] = &verdicts(&said)[..] else {
        panic!("{said:?}")
    };
    assert!(told.starts_with("PASS web::relate ("), "{said:?}");
    let directory = db.display().to_string();
    for note in [
        &format!("not related with {directory}: "),
        "not related with cached: Charm feature requirements cannot be met",
    ] {
        assert!(told.contains(note), "{note}: {told}");
    }
    let trace = fs::read_to_string(trace).unwrap();
    let mut lines: Vec<&str> = trace.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["stand-in-cache/0", "stand-in-db/0"], "{said:?}");
}

#[test]
fn r04_an_upgrade_has_what_the_new_version_wants_and_tells_what_ails_the_old_one() {
    let bed = Bed::bare();
    let resources = "resources:\n  blob: {type: file, filename: b.bin, description: d}\n  more: {type: file, filename: m.bin, description: d}\n";
    let gets = "hooks/upgrade-charm) resource-get blob && resource-get more || exit 1 ;;";
    toy(&bed, "web", resources, gets);
    let version = |name: &str, metadata: &str, more: &str| {
        let charm = toy(&bed, name, metadata, more);
        let file = bed.path().join(name).join("metadata.yaml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(
            &file,
            text.replace(&format!("name: {name}\n"), "name: web\n"),
        )
        .unwrap();
        format!("web={charm}")
    };
    let (one, _) = resources.split_once("  more").unwrap();
    let old = version("old", one, "");
    let broken = version("broken", "", "hooks/install) exit 3 ;;");
    let upgraded = |previous: &str| {
        generic(
            &bed,
            &["./web", "--generic", "upgrade", "--previous", previous],
        )
    };
    let said = upgraded(&old);
    let note =
        "the resource `blob` of web is an empty file; the resource `more` of web is an empty file";
    assert_eq!(
        verdicts(&said),
        [format!("PASS web::upgrade ({note})")],
        "{said:?}"
    );
    let said = upgraded(&broken);
    assert_eq!(verdicts(&said), ["FAIL web::upgrade"], "{said:?}");
    let text = "the previous version: hook \"install\" of web/0 failed: exit status 3";
    assert!(said.stderr.contains(text), "{said:?}");
}

#[test]
fn r01_what_a_leader_says_of_its_application_is_told() {
    let bed = Bed::bare();
    let says = "hooks/start) status-set active; status-set --application blocked 'no quorum' ;;";
    let charm = toy(&bed, "web", "", says);
    let said = generic(&bed, &[&charm, "--generic", "deploy"]);
    let note = "PASS web::deploy (the application web is blocked: no quorum)";
    assert_eq!(verdicts(&said), [note], "{said:?}");
    let said = generic(
        &bed,
        &[&charm, "--generic", "deploy", "--require", "active"],
    );
    assert_eq!(verdicts(&said), ["FAIL web::deploy"], "{said:?}");
}
