//! Relations across models with real charms: data both ways, suspension, removal, and what is left.

use std::time::Instant;

use serde_json::Value;

use crate::bed::{Bed, PATIENCE};

/// Waits until the trace of a unit ends with these hooks.
#[track_caller]
fn wait_trace(bed: &Bed, unit: &str, expected: &[&str]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let trace = bed.trace(unit);
        if trace.ends_with(
            &expected
                .iter()
                .map(|line| (*line).to_owned())
                .collect::<Vec<_>>(),
        ) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{unit}: {expected:?} did not come: {trace:#?}"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn json(bed: &Bed, args: &[&str]) -> Value {
    serde_json::from_str(&bed.juju(args)).unwrap()
}

/// Writes down what the other side says, and says something itself.
const TALK: &str = r#"
case "$JUJU_HOOK_NAME" in
*-relation-created) relation-set "said=$JUJU_UNIT_NAME"; is-leader | grep -q True && relation-set --app app="$JUJU_MODEL_NAME" ;;
*-relation-changed)
    [ -n "$JUJU_REMOTE_UNIT" ] && status-set active "$(relation-get said) $(relation-get --app app) $(relation-model-get --format=json)" ;;
*-relation-broken) status-set active broken ;;
esac
"#;

#[test]
fn charms_of_two_models_talk_and_part() {
    let bed = Bed::bare();
    let db = bed.tracer("db", "provides: {db: {interface: sql}}", TALK);
    let web = bed.tracer("web", "requires: {db: {interface: sql}}", TALK);
    bed.juju(&["add-model", "offers"]);
    bed.juju(&["deploy", &db, "db"]);
    bed.juju(&["offer", "db:db", "sql"]);
    bed.juju(&["add-model", "uses"]);
    bed.juju(&["deploy", &web, "web"]);
    bed.juju(&["integrate", "web", "admin/offers.sql"]);

    wait_trace(
        &bed,
        "web/0",
        &[
            "db-relation-created sql",
            "config-changed",
            "start",
            "db-relation-changed sql",
            "db-relation-joined sql sql/0",
            "db-relation-changed sql sql/0",
        ],
    );
    let status = bed.settle(&["web"], "active");
    let uuid = |name: &str| {
        let shown = json(&bed, &["show-model", name, "--format", "json"]);
        shown[name]["model-uuid"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        status["applications"]["web"]["units"]["web/0"]["workload-status"]["message"],
        format!("db/0 offers {{\"uuid\":\"{}\"}}", uuid("offers"))
    );
    assert_eq!(
        status["application-endpoints"]["sql"]["relations"]["db"][0],
        "web"
    );

    // The other side, by a name that only Juju knows.
    let offers = json(&bed, &["offers", "-m", "offers", "--format", "json"]);
    let connection = &offers["sql"]["connections"][0];
    assert_eq!(connection["status"]["current"], "joined");
    assert_eq!(connection["source-model-uuid"], uuid("uses").as_str());
    let id = connection["relation-id"].to_string();
    let shown = json(
        &bed,
        &["show-unit", "-m", "offers", "db/0", "--format", "json"],
    );
    let relation = &shown["db/0"]["relation-info"][0];
    assert_eq!(relation["cross-model"], true);
    let units = relation["related-units"].as_object().unwrap();
    let (remote_unit, data) = units.iter().next().unwrap();
    let remote = remote_unit.strip_suffix("/0").unwrap();
    assert!(remote.starts_with("remote-") && remote.len() == 39);
    assert_eq!(data["data"]["said"], "web/0");
    wait_trace(
        &bed,
        "db/0",
        &[
            &format!("db-relation-joined {remote} {remote_unit}"),
            &format!("db-relation-changed {remote} {remote_unit}"),
        ],
    );

    bed.juju(&["suspend-relation", "-m", "offers", &id, "--message", "held"]);
    wait_trace(
        &bed,
        "web/0",
        &[
            "db-relation-departed sql sql/0 sql/0",
            "db-relation-broken sql",
        ],
    );
    wait_trace(&bed, "db/0", &[&format!("db-relation-broken {remote}")]);
    bed.juju(&["resume-relation", "-m", "offers", &id]);
    wait_trace(
        &bed,
        "web/0",
        &[
            "db-relation-created sql",
            "db-relation-changed sql",
            "db-relation-joined sql sql/0",
            "db-relation-changed sql sql/0",
        ],
    );

    // The offering model goes: the consumer's units are told.
    bed.juju(&["destroy-model", "offers", "--no-prompt"]);
    wait_trace(
        &bed,
        "web/0",
        &[
            "db-relation-departed sql sql/0 sql/0",
            "db-relation-broken sql",
        ],
    );
    let status = bed.wait("the end of the relation", |status| {
        status["application-endpoints"]["sql"]
            .get("relations")
            .is_none()
    });
    let consumed = &status["application-endpoints"]["sql"]["application-status"];
    assert_eq!(consumed["current"], "terminated");
    bed.juju(&["remove-saas", "sql"]);
    let status = bed.status();
    assert!(status.get("application-endpoints").is_none(), "{status}");
    bed.juju(&["destroy-model", "uses", "--no-prompt"]);
}
