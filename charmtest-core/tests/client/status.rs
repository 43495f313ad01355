//! Reading `juju status`, and the conditions on it.

use charmtest::juju::Status;
use charmtest::juju::status::{
    all_active, all_agents_idle, all_blocked, all_error, all_maintenance, all_waiting, any_active,
    any_blocked, any_error, any_maintenance, any_waiting,
};

pub(crate) const TWO_APPLICATIONS: &str = include_str!("fixtures/status-4.0-two-applications.json");
pub(crate) const NOTHING: &str = include_str!("fixtures/status-4.0-nothing-matched.json");
pub(crate) const UNIT_IN_ERROR: &str = include_str!("fixtures/status-4.0-unit-in-error.json");
const AGENT_LOST: &str = include_str!("fixtures/status-4.0-agent-lost.json");
const CONSUMED_OFFER: &str = include_str!("fixtures/status-4.0-consumed-offer.json");
const SUBORDINATE_36: &str = include_str!("fixtures/status-3.6-subordinate.json");
const SUBORDINATE_29: &str = include_str!("fixtures/status-2.9-subordinate.json");

pub(crate) fn read(text: &str) -> Status {
    Status::from_json(text).unwrap()
}

#[test]
fn the_recorded_status_of_juju_4_is_read() {
    let status = read(TWO_APPLICATIONS);
    assert_eq!(
        (status.model.name.as_str(), status.model.kind.as_str()),
        ("t1", "iaas")
    );
    let client = status.app("client").unwrap();
    assert_eq!(
        (
            client.charm_name.as_str(),
            client.charm_rev,
            client.life.as_str()
        ),
        ("tracer", 2, "alive")
    );
    assert_eq!(
        (client.base.name.as_str(), client.base.channel.as_str()),
        ("ubuntu", "24.04")
    );
    assert_eq!(client.relations["ring"][0].related_application, "client");
    let unit = status.unit("client/0").unwrap();
    assert!(unit.leader && unit.is_idle() && unit.is_active());
    assert_eq!(unit.workload.message, "mode calm");
    assert_eq!(status.unit("client/leader").unwrap().machine, unit.machine);
    assert_eq!(
        status.machine(&unit.machine).unwrap().agent.current,
        "started"
    );
}

#[test]
fn what_is_wrong_with_a_unit_is_read() {
    let status = read(UNIT_IN_ERROR);
    let server = status.unit("server/0").unwrap();
    assert!(server.is_error() && server.is_idle());
    assert!(
        server.workload.message.starts_with("hook failed: "),
        "{:?}",
        server.workload
    );

    let lost = read(AGENT_LOST);
    assert_eq!(lost.unit("client/0").unwrap().agent.current, "lost");
}

#[test]
fn consumed_offers_are_read() {
    let status = read(CONSUMED_OFFER);
    let (_, remote) = status.application_endpoints.first_key_value().unwrap();
    assert!(remote.url.contains('.'), "{remote:?}");
}

#[test]
fn subordinate_units_belong_to_their_application_in_every_version() {
    for (text, interface) in [(SUBORDINATE_36, "pgsql"), (SUBORDINATE_29, "")] {
        let status = read(text);
        assert_eq!(
            status
                .units_of("sub")
                .iter()
                .map(|(name, _)| *name)
                .collect::<Vec<_>>(),
            ["sub/0"]
        );
        assert_eq!(status.unit("sub/0").unwrap().agent.current, "executing");
        assert_eq!(status.app("sub").unwrap().subordinate_to, ["db"]);
        let relation = &status.app("db").unwrap().relations["db"][0];
        assert_eq!(
            (
                relation.related_application.as_str(),
                relation.interface.as_str()
            ),
            ("web", interface)
        );
    }
    assert_eq!(read(SUBORDINATE_29).app("db").unwrap().series, "jammy");
}

#[test]
fn units_come_in_the_order_of_their_numbers() {
    let status = read(r#"{"applications":{"a":{"units":{"a/10":{},"a/2":{},"a/1":{}}}}}"#);
    let names: Vec<&str> = status
        .units_of("a")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["a/1", "a/2", "a/10"]);
}

#[test]
fn nulls_unknown_keys_and_missing_keys_are_all_the_same() {
    let status = read(
        r#"{"model":null,"machines":null,"new":1,"applications":{"a":{"exposed":null,"scale":null,"relations":{"x":null},
        "units":{"a/0":{"leader":null,"open-ports":null,"workload-status":null,"new":{}}}}},"storage":null}"#,
    );
    assert_eq!(status.units_of("a").len(), 1);
    assert!(
        status.app("b").is_none()
            && status.units_of("b").is_empty()
            && status.unit("nonsense").is_none()
    );
}

#[test]
fn what_the_controller_cannot_tell_is_failed() {
    let status = read(
        r#"{"applications":{"a":{"status-error":"cannot get charm"},"b":{"application-status":{"status-error":"later"},
        "units":{"b/0":{"status-error":"gone"}}}},"machines":{"0":{"status-error":"no such machine"}}}"#,
    );
    let told = |current: &str, message: &str| (current.to_owned(), message.to_owned());
    let both =
        |info: &charmtest::juju::status::StatusInfo| (info.current.clone(), info.message.clone());
    assert_eq!(
        both(&status.app("a").unwrap().status),
        told("failed", "cannot get charm")
    );
    assert_eq!(
        both(&status.app("b").unwrap().status),
        told("failed", "later")
    );
    assert_eq!(
        both(&status.unit("b/0").unwrap().agent),
        told("failed", "gone")
    );
    assert_eq!(
        both(&status.machine("0").unwrap().instance),
        told("failed", "no such machine")
    );
}

#[test]
fn what_is_no_status_is_an_error() {
    for text in ["", "oops", "[]", r#"{"applications":{"a":{"units":7}}}"#] {
        assert!(Status::from_json(text).is_err(), "{text}");
    }
    let misshapen = r#"{"applications":{"a":{"units":{"a/0":{"open-ports":["80/tcp",8080]}}}}}"#;
    assert_eq!(
        Status::from_json(misshapen).unwrap_err().to_string(),
        "`applications.a.units.a/0.open-ports.1` is not a text"
    );
}

/// The truth table of jubilant, for applications `a` (unit a/0) and `b` (no unit).
#[test]
fn conditions_have_the_truth_table_of_jubilant() {
    let status = |app: &str, unit: &str, agent: &str| {
        read(&format!(
            r#"{{"applications":{{
            "a":{{"application-status":{{"current":"{app}"}},"units":{{"a/0":{{"workload-status":{{"current":"{unit}"}},"juju-status":{{"current":"{agent}"}}}}}}}},
            "b":{{"application-status":{{"current":"active"}}}}}}}}"#
        ))
    };
    type Condition = fn(&Status, &[&str]) -> bool;
    let cases: [(Condition, Status, &[&str], bool); 17] = [
        (all_active, status("active", "active", "idle"), &[], true),
        (
            all_active,
            status("active", "waiting", "idle"),
            &["a"],
            false,
        ),
        (
            all_active,
            status("waiting", "active", "idle"),
            &["a"],
            false,
        ),
        (
            all_active,
            status("waiting", "active", "idle"),
            &["b"],
            true,
        ),
        (
            all_active,
            status("active", "active", "idle"),
            &["a", "nosuch"],
            false,
        ),
        (
            all_blocked,
            status("blocked", "blocked", "idle"),
            &["a"],
            true,
        ),
        (
            all_blocked,
            status("blocked", "blocked", "idle"),
            &[],
            false,
        ),
        (all_error, status("error", "error", "idle"), &["a"], true),
        (any_error, status("active", "error", "idle"), &[], true),
        (any_error, status("error", "active", "idle"), &["a"], true),
        (any_error, status("error", "error", "idle"), &["b"], false),
        (
            any_error,
            status("error", "error", "idle"),
            &["nosuch"],
            false,
        ),
        (
            any_active,
            status("blocked", "blocked", "idle"),
            &["a"],
            false,
        ),
        (
            any_blocked,
            status("active", "blocked", "idle"),
            &["nosuch", "a"],
            true,
        ),
        (
            any_waiting,
            status("waiting", "active", "idle"),
            &["a"],
            true,
        ),
        (
            all_agents_idle,
            status("error", "error", "idle"),
            &["a", "b"],
            true,
        ),
        (
            all_agents_idle,
            status("active", "active", "executing"),
            &["a"],
            false,
        ),
    ];
    for (number, (condition, status, applications, expected)) in cases.into_iter().enumerate() {
        assert_eq!(condition(&status, applications), expected, "case {number}");
    }

    let empty = read(NOTHING);
    assert!(all_active(&empty, &[]) && all_agents_idle(&empty, &[]) && !any_active(&empty, &[]));
    assert!(!all_agents_idle(&empty, &["a"]));
}

#[test]
fn each_condition_asks_for_its_own_status() {
    type Condition = fn(&Status, &[&str]) -> bool;
    let conditions: [(&str, Condition, Condition); 5] = [
        ("active", all_active, any_active),
        ("blocked", all_blocked, any_blocked),
        ("error", all_error, any_error),
        ("maintenance", all_maintenance, any_maintenance),
        ("waiting", all_waiting, any_waiting),
    ];
    for (wanted, all, any) in conditions {
        for (current, _, _) in conditions {
            let unit = format!(r#"{{"workload-status":{{"current":"{current}"}}}}"#);
            let both = read(&format!(
                r#"{{"applications":{{"a":{{"application-status":{{"current":"{current}"}},"units":{{"a/0":{unit}}}}}}}}}"#
            ));
            let right = wanted == current;
            assert_eq!(all(&both, &[]), right, "{wanted} {current}");
            assert_eq!(any(&both, &[]), right, "{wanted} {current}");

            // Without units the status of the application counts alone.
            let lone = read(&format!(
                r#"{{"applications":{{"a":{{"application-status":{{"current":"{current}"}}}}}}}}"#
            ));
            assert_eq!(all(&lone, &["a"]), right, "{wanted} {current}");
            assert_eq!(any(&lone, &["a"]), right, "{wanted} {current}");
            assert!(all_agents_idle(&lone, &["a"]));
        }
    }
}

#[test]
fn a_subordinate_application_is_judged_by_its_units_and_its_principal_is_not() {
    let status = read(SUBORDINATE_36);
    assert!(all_active(&status, &["db"]));
    assert!(!all_agents_idle(&status, &["sub"]));
    assert!(all_error(&status, &["sub"]));
}
