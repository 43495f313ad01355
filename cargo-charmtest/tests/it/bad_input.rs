//! Bad input: a clear error that names the thing, the exit code of Juju, nothing lost, nothing left running.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::bed::{Bed, Said};

#[track_caller]
fn assert_refused(said: &Said, code: i32, texts: &[&str]) {
    assert_eq!(said.code, Some(code), "{said:?}");
    assert!(said.stderr.contains("ERROR "), "{said:?}");
    for text in texts {
        assert!(said.stderr.contains(text), "no {text:?} in {said:?}");
    }
}

#[test]
fn bad_charms_are_refused() {
    let bed = Bed::new();
    bed.charm("broken", "provides: [\n", "");
    assert_refused(
        &bed.try_juju(&["deploy", "./broken"]),
        1,
        &["metadata.yaml"],
    );

    let dir = bed.path().join("nameless");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("metadata.yaml"), "summary: s\ndescription: d\n").unwrap();
    fs::write(dir.join("dispatch"), "").unwrap();
    assert_refused(&bed.try_juju(&["deploy", "./nameless"]), 1, &["name"]);

    bed.charm("handless", "", "");
    fs::remove_file(bed.path().join("handless/dispatch")).unwrap();
    assert_refused(
        &bed.try_juju(&["deploy", "./handless"]),
        1,
        &["handless", "has no hooks nor dispatch file"],
    );

    fs::write(bed.path().join("no.charm"), "not a zip").unwrap();
    // A text is read as a bundle (Juju 4.0.15, recorded).
    assert_refused(
        &bed.try_juju(&["deploy", "./no.charm"]),
        1,
        &["at least one application must be specified"],
    );
    assert_refused(
        &bed.try_juju(&["deploy", "./nosuch"]),
        1,
        &["no charm was found at \"./nosuch\""],
    );
    let status = bed.status();
    assert_eq!(
        status["applications"].as_object().map(serde_json::Map::len),
        Some(0),
        "{status}"
    );
}

#[test]
fn a_dispatch_that_cannot_be_executed_is_a_failed_hook() {
    let bed = Bed::new();
    bed.charm("lame", "", "status-set active");
    let archive = bed.path().join("lame.charm");
    fs::set_permissions(
        bed.path().join("lame/dispatch"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    // A directory would be packed with normalised modes; an archive keeps them.
    let zipped = std::process::Command::new("python3")
        .args(["-c", "import sys, zipfile, os\nos.chdir(sys.argv[1])\nz = zipfile.ZipFile(sys.argv[2], 'w')\n[z.write(n) for n in sorted(os.listdir('.'))]\nz.close()"])
        .args([bed.path().join("lame"), archive])
        .status()
        .unwrap();
    assert!(zipped.success());
    bed.juju(&["deploy", "./lame.charm"]);
    bed.wait("the error", |status| {
        status["applications"]["lame"]["units"]["lame/0"]["workload-status"]["current"] == "error"
    });
    let log = bed.juju(&["debug-log", "--replay", "--no-tail"]);
    assert!(log.contains("permission denied"), "{log}");
}

#[test]
fn wrong_configuration_changes_nothing() {
    let bed = Bed::new();
    let charm = bed.charm("srv", "", "status-set active");
    fs::write(
        bed.path().join("srv/config.yaml"),
        "options:\n  level: {type: int, default: 1, description: d}\n",
    )
    .unwrap();
    bed.juju(&["deploy", &charm]);
    assert_refused(
        &bed.try_juju(&["config", "srv", "colour=red"]),
        1,
        &["unknown option \"colour\""],
    );
    assert_refused(
        &bed.try_juju(&["config", "srv", "level=high"]),
        1,
        &["option \"level\" expected int, got \"high\""],
    );
    assert_refused(
        &bed.try_juju(&["config", "srv", "level=2", "colour=red"]),
        1,
        &["colour"],
    );
    assert_eq!(bed.juju(&["config", "srv", "level"]), "1\n");
    let said = bed.try_juju(&["config", "srv", "nosuch"]);
    assert_refused(&said, 1, &["key \"nosuch\" not found in \"srv\""]);
    assert_eq!(said.stdout, "{}\n");
    assert_refused(
        &bed.try_juju(&["deploy", &charm, "other", "--config", "level=x"]),
        1,
        &["level"],
    );
    assert!(bed.status()["applications"].get("other").is_none());
}

#[test]
fn impossible_relations_are_refused() {
    let bed = Bed::new();
    let server = bed.charm(
        "srv",
        "provides:\n  db: {interface: kv}\n",
        "status-set active",
    );
    let client = bed.charm(
        "cli",
        "requires:\n  db: {interface: kv}\n  web: {interface: http}\n",
        "status-set active",
    );
    bed.juju(&["deploy", &server]);
    bed.juju(&["deploy", &client]);
    assert_refused(
        &bed.try_juju(&["integrate", "srv:db", "cli:web"]),
        1,
        &["no relations found"],
    );
    assert_refused(
        &bed.try_juju(&["integrate", "srv", "nosuch"]),
        1,
        &["nosuch", "not found"],
    );
    assert_refused(
        &bed.try_juju(&["integrate", "srv"]),
        2,
        &["an integration must involve two applications"],
    );
    bed.juju(&["integrate", "srv", "cli"]);
    assert_refused(
        &bed.try_juju(&["integrate", "srv", "cli"]),
        1,
        &["relation", "already exists"],
    );
    assert_refused(
        &bed.try_juju(&["remove-relation", "srv:db", "cli:web"]),
        1,
        &["not found"],
    );
}

#[test]
fn impossible_actions_are_refused() {
    let bed = Bed::new();
    let charm = bed.charm(
        "srv",
        "",
        "status-set active\nif [ \"$JUJU_ACTION_NAME\" = hang ]; then sleep 600; fi",
    );
    fs::write(
        bed.path().join("srv/actions.yaml"),
        "say: {description: d, params: {times: {type: integer}}, required: [times]}\nhang: {description: d}\n",
    )
    .unwrap();
    bed.juju(&["deploy", &charm]);
    bed.settle(&["srv"], "active");
    // Juju 3.6 says so on standard error and exits 0 with nothing on standard output.
    let said = bed.try_juju(&["run", "srv/0", "nosuch", "--format", "json"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{said:?}");
    assert!(
        said.stderr.contains("failed to schedule any tasks") && said.stderr.contains("nosuch"),
        "{said:?}"
    );
    for args in [
        &["run", "srv/0", "say"][..],
        &["run", "srv/0", "say", "times=often"],
    ] {
        let said = bed.try_juju(args);
        assert!(
            said.stderr.contains("validation failed") && said.stderr.contains("times"),
            "{said:?}"
        );
    }
    let said = bed.try_juju(&["run", "srv/7", "hang"]);
    assert!(
        said.stderr.contains("srv-7") || said.stderr.contains("srv/7"),
        "{said:?}"
    );
    let said = bed.try_juju(&["run", "srv/0", "hang", "--wait", "1s"]);
    assert_refused(
        &said,
        1,
        &["timed out waiting for results from: unit srv/0"],
    );
    let args = ["--no-prompt", "--force", "--no-wait"];
    bed.juju(&[&["remove-application", "srv"][..], &args].concat());
    bed.wait_gone("srv");
}

#[test]
fn what_is_not_there_is_named() {
    let bed = Bed::new();
    for (args, code, text) in [
        (&["status", "-m", "nosuch"][..], 1, "nosuch"),
        (&["config", "nosuch"], 1, "nosuch"),
        (&["show-unit", "nosuch/0"], 1, "nosuch/0"),
        (&["show-unit", "Nosuch"], 2, "unit name Nosuch not valid"),
        (
            &["remove-application", "nosuch", "--no-prompt"],
            1,
            "nosuch",
        ),
        (&["remove-unit", "nosuch/0", "--no-prompt"], 1, "nosuch/0"),
        (&["add-model", "Bad_Name"], 2, "Bad_Name"),
        (&["statuz"], 1, "is not a juju command"),
        (
            &["status", "--nosuch"],
            2,
            "option provided but not defined: --nosuch",
        ),
        (&["add-space", "x"], 1, "add-space"),
    ] {
        assert_refused(&bed.try_juju(args), code, &[text]);
    }
}

#[test]
fn a_hook_that_floods_its_output_hurts_nobody() {
    let bed = Bed::new();
    bed.juju(&["model-config", "logging-config=<root>=DEBUG"]);
    let charm = bed.charm("srv", "", "[ \"$JUJU_HOOK_NAME\" = install ] && head -c 100000000 /dev/zero | tr '\\0' 'x'\nstatus-set active");
    bed.juju(&["deploy", &charm]);
    bed.settle(&["srv"], "active");
    let size = fs::metadata(bed.data().join("state.db")).unwrap().len();
    assert!(size < 50_000_000, "the database holds {size} bytes");
}

#[test]
fn a_hook_that_hangs_can_be_got_rid_of() {
    let bed = Bed::new();
    let charm = bed.charm("srv", "", "[ \"$JUJU_HOOK_NAME\" = install ] && sleep 1000");
    let other = bed.charm("well", "", "status-set active");
    bed.juju(&["deploy", &charm]);
    bed.juju(&["deploy", &other]);
    bed.settle(&["well"], "active");
    let args = ["--no-prompt", "--force", "--no-wait"];
    bed.juju(&[&["remove-application", "srv"][..], &args].concat());
    bed.wait_gone("srv");
}
