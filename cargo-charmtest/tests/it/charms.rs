//! Charms of every style that there is, kept in `tests/charms/`: which hooks each runs, in which order, and what it makes of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::bed::Bed;
use crate::clients::python_package;

/// Copies a charm of `tests/charms/` into a bed and returns it as `./name`; one on ops gets ops as if it had been packed with it.
#[track_caller]
pub(crate) fn fixture(bed: &Bed, name: &str) -> String {
    let charms = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/charms");
    let charm = bed.path().join(name);
    copy(&charms.join(name), &charm);
    let trace = bed.trace_file();
    fs::write(charm.join("trace-to"), trace.to_str().unwrap()).unwrap();
    if charm.join("src/charm.py").exists() {
        copy(&python_package("ops"), &charm.join("venv"));
    }
    format!("./{name}")
}

/// Copies a directory as it is, symbolic links included.
#[track_caller]
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success(), "{}", from.display());
}

/// Waits until a unit is idle and its charm says this.
#[track_caller]
fn wait_for_message(bed: &Bed, unit: &str, message: &str) {
    bed.wait(&format!("{unit} saying {message:?}"), |status| {
        let (application, _) = unit.split_once('/').unwrap();
        let unit = &status["applications"][application]["units"][unit];
        unit["workload-status"]["message"] == message && unit["juju-status"]["current"] == "idle"
    });
}

/// Returns what an action returned.
#[track_caller]
fn run(bed: &Bed, unit: &str, action: &[&str]) -> Value {
    let args = [&["run", unit], action, &["--format", "json"]].concat();
    let said: Value = serde_json::from_str(&bed.juju(&args)).unwrap();
    said[unit]["results"].clone()
}

/// Returns a unit's trace with repetitions as one: a change may be noticed in one hook or in two.
fn trace(bed: &Bed, unit: &str) -> Vec<String> {
    let mut trace = bed.trace(unit);
    trace.dedup();
    trace
}

#[test]
fn charms_in_shell_are_served_through_hooks_or_dispatch() {
    for juju in ["3.6", "4.0"] {
        let bed = Bed::of(juju);
        bed.juju(&["model-config", "automatically-retry-hooks=false"]);
        for charm in ["legacy", "shell"] {
            let charm = fixture(&bed, charm);
            bed.juju(&["deploy", &bed.packed(&charm)]);
        }
        wait_for_message(&bed, "legacy/0", "serving Home");
        wait_for_message(&bed, "shell/0", "no site");
        assert_eq!(
            bed.trace("legacy/0"),
            ["install", "config-changed", "start"],
            "hooks without a file do not run, Juju {juju}"
        );
        assert_eq!(
            bed.trace("shell/0"),
            ["install", "leader-elected", "config-changed", "start"],
            "dispatch runs instead of hooks/install, Juju {juju}"
        );
        assert_eq!(bed.status()["applications"]["shell"]["version"], "1.2");

        bed.juju(&["integrate", "legacy", "shell"]);
        wait_for_message(&bed, "shell/0", "Home on 80");
        bed.juju(&["config", "legacy", "title=News"]);
        wait_for_message(&bed, "shell/0", "News on 80");
        assert_eq!(run(&bed, "legacy/0", &["headline"])["title"], "News");
        let read = run(&bed, "shell/0", &["read", "prefix=seen"]);
        assert_eq!(read["what"], "seen News");

        bed.juju(&["config", "shell", "broken=true"]);
        bed.wait("shell/0 to fail", |status| {
            let unit = &status["applications"]["shell"]["units"]["shell/0"];
            unit["workload-status"]["message"] == "hook failed: \"config-changed\""
        });
        bed.juju(&["config", "shell", "broken=false"]);
        bed.juju(&["resolved", "shell/0"]);
        wait_for_message(&bed, "shell/0", "News on 80");
        bed.juju(&["remove-relation", "legacy", "shell"]);
        wait_for_message(&bed, "shell/0", "no site");
        assert_eq!(
            trace(&bed, "shell/0")[4..],
            [
                "site-relation-created legacy",
                "site-relation-joined legacy legacy/0",
                "site-relation-changed legacy legacy/0",
                "actions/read",
                "config-changed",
                "site-relation-departed legacy legacy/0 legacy/0",
                "site-relation-broken legacy",
            ],
            "Juju {juju}"
        );
        bed.juju(&["remove-application", "legacy", "--no-prompt"]);
        bed.wait_gone("legacy");
        assert_eq!(
            bed.trace("legacy/0")[3..],
            [
                "website-relation-joined shell shell/0",
                "config-changed",
                "website-relation-departed shell shell/0 shell/0",
                "stop",
            ],
            "Juju {juju}"
        );
    }
}

#[test]
fn a_deferred_event_comes_back_in_each_hook_until_it_is_handled() {
    let bed = Bed::new();
    let charm = fixture(&bed, "deferrer");
    bed.juju(&["deploy", &charm]);
    wait_for_message(&bed, "deferrer/0", "not ready");
    let first = [
        "install",
        "install-deferred-in install",
        "leader-elected",
        "install-deferred-in leader-elected",
        "config-changed",
        "install-deferred-in config-changed",
        "start",
        "install-deferred-in start",
        "start-seen",
    ];
    bed.wait("start to be over", |_| bed.trace("deferrer/0").len() >= 9);
    assert_eq!(bed.trace("deferrer/0"), first);

    bed.juju(&["refresh", "deferrer", "--path", &charm]);
    bed.wait("the upgrade", |_| bed.trace("deferrer/0").len() >= 13);
    wait_for_message(&bed, "deferrer/0", "not ready");
    let upgraded = [
        "upgrade-charm",
        "install-deferred-in upgrade-charm",
        "config-changed",
        "install-deferred-in config-changed",
    ];
    assert_eq!(
        bed.trace("deferrer/0")[9..],
        upgraded,
        "what the charm stored outlives its upgrade"
    );

    bed.juju(&["config", "deferrer", "ready=true"]);
    wait_for_message(&bed, "deferrer/0", "deferred 6 times");
    assert_eq!(
        bed.trace("deferrer/0")[13..],
        ["config-changed", "install-done-in config-changed"]
    );
    let counted = run(&bed, "deferrer/0", &["count"]);
    assert_eq!(counted["deferred"], "6");
    assert_eq!(
        counted["hooks"],
        "install leader-elected config-changed start upgrade-charm config-changed"
    );
    assert_eq!(
        bed.trace("deferrer/0")[15..],
        ["actions/count"],
        "it came once"
    );
}

#[test]
fn peers_elect_a_leader_who_writes_for_all() {
    let bed = Bed::new();
    let charm = fixture(&bed, "ring");
    bed.juju(&["deploy", &charm, "-n", "2"]);
    for unit in ["ring/0", "ring/1"] {
        wait_for_message(&bed, unit, "ring/0 ring/1 led by ring/0");
    }
    let mut leader = bed.trace("ring/0");
    // What the leader writes for all, it is told of as well: once or more often, as it happens.
    assert!(leader.contains(&"ring-relation-changed ring".to_owned()));
    leader.retain(|hook| hook != "ring-relation-changed ring");
    leader.dedup();
    assert_eq!(
        leader,
        [
            "install",
            "ring-relation-created ring",
            "leader-elected",
            "config-changed",
            "start",
            "ring-relation-joined ring ring/1",
            "ring-relation-changed ring ring/1",
        ]
    );
    let other = trace(&bed, "ring/1");
    let mut first = other.clone();
    first.retain(|hook| !hook.starts_with("ring-relation-changed"));
    assert_eq!(
        first,
        [
            "install",
            "ring-relation-created ring",
            "leader-settings-changed",
            "config-changed",
            "start",
            "ring-relation-joined ring ring/0",
        ]
    );
    let status = bed.status();
    let application = &status["applications"]["ring"]["application-status"];
    assert_eq!(application["message"], "2 members");

    bed.juju(&["remove-unit", "ring/0", "--no-prompt"]);
    wait_for_message(&bed, "ring/1", "ring/1 led by ring/1");
    bed.wait("ring/0 to be gone", |status| {
        status["applications"]["ring"]["units"]
            .get("ring/0")
            .is_none()
    });
    let gone = bed.trace("ring/0");
    assert_eq!(
        gone[gone.len() - 3..],
        [
            "ring-relation-departed ring ring/1 ring/0",
            "stop",
            "remove"
        ]
    );
    let mut after = trace(&bed, "ring/1").split_off(other.len());
    after.retain(|hook| !hook.starts_with("ring-relation-changed"));
    after.sort();
    assert_eq!(
        after,
        [
            "leader-elected",
            "ring-relation-departed ring ring/0 ring/0"
        ]
    );
}

#[test]
fn a_subordinate_stands_beside_a_charm_that_does_not_know_it() {
    let bed = Bed::new();
    for charm in ["legacy", "sidecar"] {
        let charm = fixture(&bed, charm);
        bed.juju(&["deploy", &charm]);
    }
    wait_for_message(&bed, "legacy/0", "serving Home");
    assert!(bed.trace("sidecar/0").is_empty(), "nothing to stand beside");

    bed.juju(&["integrate", "legacy", "sidecar"]);
    bed.wait("sidecar/0 to have met legacy/0", |status| {
        let principal = &status["applications"]["legacy"]["units"]["legacy/0"];
        let sidecar = &principal["subordinates"]["sidecar/0"];
        sidecar["workload-status"]["message"] == "beside legacy/0"
            && sidecar["juju-status"]["current"] == "idle"
            && bed.trace("sidecar/0").len() >= 7
    });
    bed.juju(&["remove-relation", "legacy", "sidecar"]);
    bed.wait("sidecar/0 to go", |status| {
        let principal = &status["applications"]["legacy"]["units"]["legacy/0"];
        principal.get("subordinates").is_none()
    });
    assert_eq!(
        bed.trace("sidecar/0"),
        [
            "install",
            "host-relation-created legacy",
            "leader-elected",
            "config-changed",
            "start",
            "host-relation-joined legacy legacy/0",
            "host-relation-changed legacy legacy/0",
            "host-relation-departed legacy legacy/0 sidecar/0",
            "host-relation-broken legacy",
            "stop",
            "remove",
        ]
    );
    assert_eq!(
        bed.trace("legacy/0"),
        ["install", "config-changed", "start"]
    );
}

#[test]
fn a_secret_is_read_changed_and_pruned() {
    let bed = Bed::new();
    let charm = fixture(&bed, "vault");
    bed.juju(&["deploy", &charm, "owner"]);
    bed.juju(&["deploy", &charm, "reader"]);
    bed.settle(&["owner", "reader"], "active");
    let (owner, reader) = (bed.trace("owner/0").len(), bed.trace("reader/0").len());

    bed.juju(&["integrate", "owner:keys", "reader:lock"]);
    wait_for_message(&bed, "reader/0", "read first");
    bed.juju(&["run", "owner/0", "change", "to=second"]);
    wait_for_message(&bed, "reader/0", "theirs: first became second");
    wait_for_message(&bed, "owner/0", "password: removed 1");
    assert_eq!(
        trace(&bed, "owner/0")[owner..],
        [
            "keys-relation-created reader",
            "keys-relation-joined reader reader/0",
            "keys-relation-changed reader reader/0",
            "actions/change",
            "secret-changed",
            "secret-remove",
        ],
        "an owner that reads its secret is told of a change like others"
    );
    let seen = trace(&bed, "reader/0").split_off(reader);
    assert_eq!(seen.last().unwrap(), "secret-changed", "{seen:?}");
    assert_eq!(
        seen.iter().filter(|hook| *hook == "secret-changed").count(),
        1
    );

    let get = |unit: &str, label: &str| {
        bed.try_juju(&["exec", "--unit", unit, "--", "secret-get", "--label", label])
    };
    assert!(get("reader/0", "theirs").stdout.contains("second"));
    bed.juju(&["remove-relation", "owner", "reader"]);
    bed.wait("the relation to go", |status| {
        status["applications"]["reader"].get("relations").is_none()
    });
    bed.settle(&["owner", "reader"], "active");
    let refused = get("reader/0", "theirs");
    assert_ne!(refused.code, Some(0), "the grant went with the relation");
}
