//! Storage over the whole program, with a charm that writes into it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::bed::Bed;

const METADATA: &str =
    "storage:\n  data: {type: filesystem, multiple: {range: 1-3}, location: /srv/data}\n";

/// Writes what the hook sees into the trace, and the unit's name into the storage when that is empty.
const SCRIPT: &str = r#"
case "$JUJU_HOOK_NAME" in
data-storage-*)
    echo "$JUJU_UNIT_NAME $JUJU_STORAGE_ID $JUJU_STORAGE_KIND $(storage-get location)" >> "$(dirname "$CHARM_DIR")/seen"
    [ "$JUJU_STORAGE_LOCATION" = "$(storage-get location)" ] || exit 1
    [ -e "$JUJU_STORAGE_LOCATION/owner" ] || echo "$JUJU_UNIT_NAME" > "$JUJU_STORAGE_LOCATION/owner" ;;
start)
    status-set active "$(storage-list | tr '\n' ' ')" ;;
esac
"#;

fn storage(bed: &Bed) -> Value {
    let text = bed.juju(&["storage", "--format", "json"]);
    serde_json::from_str(&text).unwrap_or_default()
}

fn location(bed: &Bed, id: &str, unit: &str) -> String {
    let held = &storage(bed)["storage"][id]["attachments"]["units"][unit];
    held["location"].as_str().unwrap_or_default().to_owned()
}

fn owner(location: &str) -> String {
    fs::read_to_string(Path::new(location).join("owner")).unwrap_or_default()
}

#[test]
fn storage_comes_before_install_and_outlives_its_unit() {
    let bed = Bed::new();
    let charm = bed.tracer("st", METADATA, SCRIPT);
    bed.juju(&["deploy", &charm, "st", "-n", "2", "--storage", "data=16M"]);
    bed.settle(&["st"], "active");
    assert_eq!(
        bed.trace("st/0"),
        [
            "data-storage-attached",
            "install",
            "leader-elected",
            "config-changed",
            "start"
        ]
    );
    let (first, second) = (
        location(&bed, "data/0", "st/0"),
        location(&bed, "data/1", "st/1"),
    );
    assert_ne!(
        first, second,
        "a location of the charm is no directory that units share"
    );
    assert_eq!(
        (owner(&first), owner(&second)),
        ("st/0\n".to_owned(), "st/1\n".to_owned())
    );

    // More, with the tool: it is there when the hook has ended.
    bed.juju(&["exec", "--unit", "st/0", "--", "storage-add data=1"]);
    bed.wait("data/2 attached", |_| {
        !location(&bed, "data/2", "st/0").is_empty()
    });
    bed.settle(&["st"], "active");
    assert_eq!(
        bed.trace("st/0").last().map(String::as_str),
        Some("data-storage-attached")
    );
    let third = location(&bed, "data/2", "st/0");

    // Away and back.
    bed.juju(&["detach-storage", "data/2"]);
    bed.wait("data/2 detached", |status| {
        status["storage"]["storage"]["data/2"]["status"]["current"] == "detached"
    });
    assert_eq!(
        bed.trace("st/0").last().map(String::as_str),
        Some("data-storage-detaching")
    );
    assert_eq!(owner(&third), "st/0\n", "the content stays");
    bed.juju(&["remove-storage", "data/2"]);
    bed.wait("the directory to go", |_| !Path::new(&third).exists());

    // To another unit after the first is gone.
    bed.juju(&["remove-unit", "st/0", "--no-prompt"]);
    bed.wait("st/0 to go", |status| {
        status["applications"]["st"]["units"].get("st/0").is_none()
    });
    assert_eq!(
        bed.trace("st/0")[7..],
        ["data-storage-detaching", "stop", "remove"]
    );
    bed.juju(&["attach-storage", "st/1", "data/0"]);
    bed.wait("data/0 attached", |_| {
        location(&bed, "data/0", "st/1") == first
    });
    bed.settle(&["st"], "active");
    assert_eq!(owner(&first), "st/0\n");
    assert_eq!(
        bed.juju(&["exec", "--unit", "st/1", "--", "storage-list"]),
        "data/0\ndata/1\n"
    );

    // With the application.
    bed.juju(&[
        "remove-application",
        "st",
        "--no-prompt",
        "--destroy-storage",
    ]);
    bed.wait_gone("st");
    bed.wait("the storage to go", |status| {
        status["storage"] == serde_json::json!({})
    });
    bed.wait("the directories to go", |_| {
        !Path::new(&first).exists() && !Path::new(&second).exists()
    });
}

#[test]
fn a_failed_storage_hook_is_an_error_and_can_be_resolved() {
    let bed = Bed::new();
    let script = "[ \"$JUJU_HOOK_NAME\" = data-storage-attached ] && [ ! -e \"$CHARM_DIR/../ok\" ] && exit 1";
    let charm = bed.tracer("st", METADATA, script);
    bed.juju(&["deploy", &charm, "st"]);
    let status = bed.wait("an error", |status| {
        status["applications"]["st"]["units"]["st/0"]["workload-status"]["current"] == "error"
    });
    let unit = &status["applications"]["st"]["units"]["st/0"];
    assert_eq!(
        unit["workload-status"]["message"],
        "hook failed: \"storage-attached\""
    );
    bed.juju(&["resolved", "--no-retry", "st/0"]);
    bed.settle(&["st"], "active");
    assert!(bed.trace("st/0").contains(&"install".to_owned()));
}
