//! The order of hooks, as Juju's contract has it.

use crate::bed::Bed;

const SERVER: &str = "provides:\n  server: {interface: kv}\npeers:\n  ring: {interface: ring}\n";
const CLIENT: &str = "requires:\n  client: {interface: kv}\n";

#[track_caller]
fn assert_trace(bed: &Bed, unit: &str, expected: &[&str]) {
    assert_eq!(bed.trace(unit), expected, "the hooks of {unit}");
}

#[test]
fn a_first_unit_runs_its_first_hooks_in_order() {
    let bed = Bed::new();
    let charm = bed.tracer("srv", SERVER, "");
    bed.juju(&["deploy", &charm]);
    bed.settle(&["srv"], "active");
    assert_trace(
        &bed,
        "srv/0",
        &[
            "install",
            "ring-relation-created srv",
            "leader-elected",
            "config-changed",
            "start",
        ],
    );
}

#[test]
fn leader_settings_are_of_juju_3_6() {
    for (juju, runs, sla) in [("3.6", true, "unsupported"), ("4.0", false, "")] {
        let bed = Bed::of(juju);
        let note = format!(
            "[ $JUJU_HOOK_NAME = install ] && echo \"$JUJU_SLA\" > {}",
            bed.path().join("sla").display()
        );
        let charm = bed.packed(&bed.tracer("srv", SERVER, &note));
        bed.juju(&["deploy", &charm, "-n", "2"]);
        bed.settle(&["srv"], "active");
        let ran = bed
            .trace("srv/1")
            .contains(&"leader-settings-changed".to_owned());
        assert_eq!(ran, runs, "Juju {juju}");
        let seen = std::fs::read_to_string(bed.path().join("sla")).unwrap();
        assert_eq!(seen.trim(), sla, "Juju {juju}");
    }
}

#[test]
fn a_second_unit_is_told_of_the_leader_and_joins_its_peers() {
    let bed = Bed::new();
    let charm = bed.tracer("srv", SERVER, "");
    bed.juju(&["deploy", &charm]);
    bed.settle(&["srv"], "active");
    bed.juju(&["add-unit", "srv"]);
    bed.wait("both to have seen each other", |_| {
        [
            "srv/0 ring-relation-changed srv srv/1",
            "srv/1 ring-relation-changed srv srv/0",
        ]
        .iter()
        .all(|line| {
            std::fs::read_to_string(bed.trace_file())
                .unwrap()
                .contains(line)
        })
    });
    assert_trace(
        &bed,
        "srv/1",
        &[
            "install",
            "ring-relation-created srv",
            "leader-settings-changed",
            "config-changed",
            "start",
            "ring-relation-joined srv srv/0",
            "ring-relation-changed srv srv/0",
        ],
    );
    let joined = [
        "ring-relation-joined srv srv/1",
        "ring-relation-changed srv srv/1",
    ];
    assert_eq!(bed.trace("srv/0")[5..], joined);
}

#[test]
fn a_relation_lives_and_dies_on_both_sides() {
    let bed = Bed::new();
    let server = bed.tracer("srv", SERVER, "");
    let client = bed.tracer("cli", CLIENT, "");
    bed.juju(&["deploy", &server]);
    bed.juju(&["deploy", &client]);
    bed.settle(&["srv", "cli"], "active");
    let (server_first, client_first) = (bed.trace("srv/0").len(), bed.trace("cli/0").len());

    bed.juju(&["integrate", "srv:server", "cli:client"]);
    bed.wait("both to have joined", |_| {
        bed.trace("srv/0")
            .iter()
            .any(|hook| hook == "server-relation-changed cli cli/0")
            && bed
                .trace("cli/0")
                .iter()
                .any(|hook| hook == "client-relation-changed srv srv/0")
    });
    bed.juju(&["remove-relation", "srv", "cli"]);
    bed.wait("the relation to go", |status| {
        status["applications"]["cli"].get("relations").is_none()
    });
    bed.settle(&["srv", "cli"], "active");

    assert_eq!(
        bed.trace("srv/0")[server_first..],
        [
            "server-relation-created cli",
            "server-relation-joined cli cli/0",
            "server-relation-changed cli cli/0",
            "server-relation-departed cli cli/0 cli/0",
            "server-relation-broken cli",
        ]
    );
    assert_eq!(
        bed.trace("cli/0")[client_first..],
        [
            "client-relation-created srv",
            "client-relation-joined srv srv/0",
            "client-relation-changed srv srv/0",
            "client-relation-departed srv srv/0 srv/0",
            "client-relation-broken srv",
        ]
    );
}

#[test]
fn what_a_hook_writes_reaches_the_other_side_once() {
    let bed = Bed::new();
    let script = "case $JUJU_HOOK_NAME in *-relation-created) relation-set motto=hello; is-leader | grep -q True && relation-set --app name=$JUJU_UNIT_NAME;; \
                  *-relation-changed) relation-set motto=hello;; esac";
    let server = bed.tracer("srv", SERVER, script);
    let client = bed.tracer("cli", CLIENT, "");
    bed.juju(&["deploy", &server]);
    bed.juju(&["deploy", &client]);
    bed.settle(&["srv", "cli"], "active");
    bed.juju(&["integrate", "srv", "cli"]);
    bed.wait("the databag to arrive", |_| {
        bed.juju(&["show-unit", "cli/0", "--format", "json"])
            .contains("\"name\":\"srv/0\"")
            && bed
                .trace("cli/0")
                .iter()
                .any(|hook| hook.starts_with("client-relation-changed srv srv/0"))
    });
    bed.settle(&["srv", "cli"], "active");
    let unit = bed.juju(&[
        "exec",
        "--unit",
        "cli/0",
        "--",
        "relation-get -r client:1 - srv/0; relation-get -r client:1 --app - srv",
    ]);
    assert!(
        unit.contains("motto: hello") && unit.contains("name: srv/0"),
        "{unit}"
    );
    let changed = bed
        .trace("cli/0")
        .iter()
        .filter(|hook| **hook == "client-relation-changed srv srv/0")
        .count();
    assert!(
        changed <= 2,
        "an equal write is no event: {:?}",
        bed.trace("cli/0")
    );
}

#[test]
fn a_unit_that_goes_says_goodbye_in_order() {
    let bed = Bed::new();
    let server = bed.tracer("srv", SERVER, "");
    let client = bed.tracer("cli", CLIENT, "");
    bed.juju(&["deploy", &server, "-n", "2"]);
    bed.juju(&["deploy", &client]);
    bed.settle(&["srv", "cli"], "active");
    bed.juju(&["integrate", "srv", "cli"]);
    let changed = |unit: &str, hook: &str| bed.trace(unit).iter().any(|line| line == hook);
    bed.wait("everybody to have met", |_| {
        changed("cli/0", "client-relation-changed srv srv/0")
            && changed("cli/0", "client-relation-changed srv srv/1")
            && changed("srv/1", "server-relation-changed cli cli/0")
            && changed("srv/0", "server-relation-changed cli cli/0")
            && changed("srv/0", "ring-relation-changed srv srv/1")
            && changed("srv/1", "ring-relation-changed srv srv/0")
    });
    bed.settle(&["srv", "cli"], "active");
    let before = bed.trace("srv/1").len();

    bed.juju(&["remove-unit", "srv/1", "--no-prompt"]);
    bed.wait("srv/1 to go", |status| {
        status["applications"]["srv"]["units"]
            .get("srv/1")
            .is_none()
    });
    bed.wait("the survivors to know", |_| {
        changed("cli/0", "client-relation-departed srv srv/1 srv/1")
            && changed("srv/0", "ring-relation-departed srv srv/1 srv/1")
    });
    assert_eq!(
        bed.trace("srv/1")[before..],
        [
            "server-relation-departed cli cli/0 srv/1",
            "server-relation-broken cli",
            "ring-relation-departed srv srv/0 srv/1",
            "stop",
            "remove",
        ]
    );
    assert!(
        !bed.trace("cli/0")
            .iter()
            .any(|hook| hook.contains("broken")),
        "the relation itself stays"
    );
}

#[test]
fn the_leader_is_replaced() {
    let bed = Bed::new();
    let charm = bed.tracer("srv", SERVER, "");
    bed.juju(&["deploy", &charm, "-n", "2"]);
    let status = bed.settle(&["srv"], "active");
    let leader = |status: &serde_json::Value| {
        let units = crate::bed::units(status, "srv");
        units
            .iter()
            .find(|(_, unit)| unit["leader"] == true)
            .map(|(name, _)| name.clone())
    };
    assert_eq!(leader(&status).as_deref(), Some("srv/0"));
    bed.juju(&["remove-unit", "srv/0", "--no-prompt"]);
    bed.wait("the other unit to lead", |status| {
        leader(status).as_deref() == Some("srv/1")
    });
    bed.wait("it to have been told", |_| {
        bed.trace("srv/1")
            .iter()
            .any(|hook| hook == "leader-elected")
    });
    assert_eq!(
        bed.trace("srv/0")
            .iter()
            .filter(|hook| *hook == "leader-elected")
            .count(),
        1
    );
}

#[test]
fn configuration_reaches_the_charm_when_it_really_changes() {
    let bed = Bed::new();
    let script =
        "[ \"$JUJU_HOOK_NAME\" = config-changed ] && status-set active \"word=$(config-get word)\"";
    let charm = bed.tracer("srv", "", script);
    std::fs::write(
        bed.path().join("srv/config.yaml"),
        "options:\n  word: {type: string, default: a, description: d}\n",
    )
    .unwrap();
    bed.juju(&["deploy", &charm]);
    let says = |text: &'static str| {
        move |status: &serde_json::Value| {
            status["applications"]["srv"]["units"]["srv/0"]["workload-status"]["message"] == text
        }
    };
    bed.settle(&["srv"], "active");
    bed.juju(&["config", "srv", "word=b"]);
    bed.wait("the new word", says("word=b"));
    bed.settle(&["srv"], "active");
    let count = || {
        bed.trace("srv/0")
            .iter()
            .filter(|hook| *hook == "config-changed")
            .count()
    };
    assert_eq!(count(), 2);
    bed.juju(&["config", "srv", "word=b"]);
    bed.juju(&["config", "srv", "word=c"]);
    bed.wait("the third word", says("word=c"));
    bed.settle(&["srv"], "active");
    assert_eq!(count(), 3, "the same value is no event");
}

#[test]
fn an_upgrade_runs_upgrade_charm_then_config_changed() {
    let bed = Bed::new();
    let charm = bed.tracer("srv", "", "touch made-at-run-time");
    std::fs::write(bed.path().join("srv/old-file"), "").unwrap();
    bed.juju(&["deploy", &charm]);
    bed.settle(&["srv"], "active");
    std::fs::remove_file(bed.path().join("srv/old-file")).unwrap();
    bed.juju(&["refresh", "srv", "--path", &charm]);
    bed.wait("the upgrade", |_| bed.trace("srv/0").len() >= 6);
    bed.settle(&["srv"], "active");
    assert_eq!(bed.trace("srv/0")[4..], ["upgrade-charm", "config-changed"]);
    let files = bed.juju(&["exec", "--unit", "srv/0", "--", "ls"]);
    assert!(
        files.contains("made-at-run-time") && !files.contains("old-file"),
        "{files}"
    );
}
