//! A subordinate charm beside its principal, from its deployment to its end.

use serde_json::Value;

use crate::bed::{Bed, units};

const PRINCIPAL: &str = "provides:\n  server: {interface: box}\n";
const SUBORDINATE: &str = "subordinate: true\nrequires:\n  link: {interface: box, scope: container}\n  \
                           host: {interface: juju-info, scope: container}\npeers:\n  ring: {interface: ring}\n";

/// What both charms do beside leaving a trace: note their principal and machine, see whether hooks of the machine overlap, and say
/// who they are in every relation that they join.
const SCRIPT: &str = "\
echo \"$JUJU_UNIT_NAME $JUJU_MACHINE_ID ${JUJU_PRINCIPAL_UNIT:--}\" >> @DIR@/places
mkdir @DIR@/lock-$JUJU_MACHINE_ID || echo \"$JUJU_UNIT_NAME $JUJU_HOOK_NAME\" >> @DIR@/overlaps
case $JUJU_HOOK_NAME in *-relation-joined) relation-set from=$JUJU_UNIT_NAME;; esac
case $JUJU_DISPATCH_PATH in actions/*) action-set listed=\"$(relation-list -r $(relation-ids link))\";; esac
rmdir @DIR@/lock-$JUJU_MACHINE_ID";

/// `prin` with two units, the second on the machine of the first, and `sub` related to it.
fn bed() -> Bed {
    let bed = Bed::new();
    let script = SCRIPT.replace("@DIR@", &bed.path().display().to_string());
    let principal = bed.tracer("prin", PRINCIPAL, &script);
    let subordinate = bed.tracer("sub", SUBORDINATE, &script);
    std::fs::write(bed.path().join("sub/actions.yaml"), "who: {}\n").unwrap();
    bed.juju(&["deploy", &principal, "-n", "2", "--to", "new,0"]);
    bed.juju(&["deploy", &subordinate]);
    bed.juju(&["integrate", "prin:server", "sub:link"]);
    bed.wait("both pairs to be at rest", |status| {
        let pairs = below(status);
        pairs.len() == 2 && at_rest(status) && {
            let trace = bed.trace("sub/1");
            trace
                .iter()
                .any(|hook| hook.starts_with("link-relation-changed prin prin/"))
        }
    });
    bed
}

/// The subordinate units with their principals.
fn below(status: &Value) -> Vec<(String, String)> {
    let principals = units(status, "prin");
    let pairs = principals.iter().flat_map(|(principal, unit)| {
        let below = unit["subordinates"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        below
            .into_iter()
            .map(move |(name, _)| (name, principal.clone()))
    });
    pairs.collect()
}

fn at_rest(status: &Value) -> bool {
    let rests = |unit: &Value| {
        unit["workload-status"]["current"] == "active" && unit["juju-status"]["current"] == "idle"
    };
    units(status, "prin").iter().all(|(_, unit)| {
        let below = unit["subordinates"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        rests(unit) && below.values().all(rests)
    })
}

#[test]
fn a_subordinate_lives_beside_its_own_principal() {
    let bed = bed();
    let status = bed.status();
    let principal_of = |unit: &str| {
        let pairs = below(&status);
        let found = pairs.into_iter().find(|(name, _)| name == unit);
        found.unwrap_or_else(|| panic!("{unit} is nowhere")).1
    };
    for unit in ["sub/0", "sub/1"] {
        let own = principal_of(unit);
        let mut expected = vec!["install".to_owned()];
        // The order among relations is that of their numbers; which unit leads is decided by its own number.
        expected.push("ring-relation-created sub".to_owned());
        expected.push("link-relation-created prin".to_owned());
        expected.push(
            if unit == "sub/0" {
                "leader-elected"
            } else {
                "leader-settings-changed"
            }
            .to_owned(),
        );
        expected.push("config-changed".to_owned());
        expected.push("start".to_owned());
        expected.push(format!("link-relation-joined prin {own}"));
        expected.push(format!("link-relation-changed prin {own}"));
        let trace = bed.trace(unit);
        assert_eq!(trace[..8], expected, "{unit}");
        let strangers = trace.iter().any(|hook| {
            hook.starts_with("link-") && hook.contains("prin/") && !hook.ends_with(&own)
        });
        assert!(!strangers, "{unit} met another principal: {trace:?}");
    }

    let places = std::fs::read_to_string(bed.path().join("places")).unwrap();
    for line in places.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let expected = match words[0].starts_with("sub/") {
            true => principal_of(words[0]),
            false => "-".to_owned(),
        };
        assert_eq!((words[1], words[2]), ("0", expected.as_str()), "{line}");
    }
    let overlaps = std::fs::read_to_string(bed.path().join("overlaps")).unwrap_or_default();
    assert_eq!(overlaps, "", "hooks of one machine ran at the same time");

    let said = bed.juju(&["run", "sub/1", "who", "--format", "json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        said["sub/1"]["results"]["listed"],
        principal_of("sub/1").as_str()
    );
    let said = bed.juju(&[
        "exec",
        "--unit",
        "sub/0",
        "--",
        "relation-get",
        "-r",
        "link:1",
        "from",
        &principal_of("sub/0"),
    ]);
    assert_eq!(said.trim(), principal_of("sub/0"));

    let refused = bed.try_juju(&["remove-unit", "sub/0", "--no-prompt"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused
            .stderr
            .contains("is a subordinate, to remove use remove-relation"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_subordinate_goes_with_its_principal_or_their_relation() {
    let bed = bed();
    let pairs = below(&bed.status());
    let (first, _) = pairs
        .iter()
        .find(|(_, principal)| principal == "prin/0")
        .unwrap()
        .clone();
    let (second, _) = pairs
        .iter()
        .find(|(_, principal)| principal == "prin/1")
        .unwrap()
        .clone();
    let before = bed.trace(&second).len();

    bed.juju(&["remove-unit", "prin/1", "--no-prompt"]);
    bed.wait("prin/1 and its subordinate to go", |status| {
        units(status, "prin").len() == 1 && below(status).len() == 1 && at_rest(status)
    });
    let trace = bed.trace(&second);
    // A subordinate dies by its principal's agent, so it may see the principal leave before it is dying itself.
    let departed =
        ["prin/1", &second].map(|who| format!("link-relation-departed prin prin/1 {who}"));
    assert!(departed.contains(&trace[before]), "{trace:?}");
    assert_eq!(
        trace[before + 1..],
        [
            "link-relation-broken prin".to_owned(),
            format!("ring-relation-departed sub {first} {second}"),
            "stop".to_owned(),
            "remove".to_owned(),
        ]
    );
    let trace = bed.trace("prin/1");
    assert_eq!(
        trace[trace.len() - 4..],
        [
            format!("server-relation-departed sub {second} prin/1"),
            "server-relation-broken sub".to_owned(),
            "stop".to_owned(),
            "remove".to_owned(),
        ]
    );

    bed.juju(&["integrate", "prin:juju-info", "sub:host"]);
    bed.wait("the second relation", |status| {
        at_rest(status)
            && bed
                .trace(&first)
                .iter()
                .any(|hook| hook == "host-relation-changed prin prin/0")
    });
    bed.juju(&["remove-relation", "prin:server", "sub:link"]);
    bed.wait("the first relation to go", |status| {
        at_rest(status)
            && bed
                .trace(&first)
                .iter()
                .any(|hook| hook == "link-relation-broken prin")
    });
    assert_eq!(
        below(&bed.status()),
        [(first.clone(), "prin/0".to_owned())],
        "one relation is enough"
    );
    bed.juju(&["remove-relation", "prin", "sub"]);
    bed.wait("the subordinate to go", |status| below(status).is_empty());
    let trace = bed.trace(&first);
    assert_eq!(
        trace[trace.len() - 3..],
        ["host-relation-broken prin", "stop", "remove"]
    );
    assert!(
        !bed.trace("prin/0")
            .iter()
            .any(|hook| hook.starts_with("juju-info"))
    );

    bed.juju(&["remove-application", "sub", "prin", "--no-prompt"]);
    bed.wait_gone("sub");
    bed.wait_gone("prin");
}
