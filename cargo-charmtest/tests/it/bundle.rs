//! A bundle of local charms, deployed by the whole program.

use std::fs;

use crate::bed::{Bed, executable};

/// Says what it was configured with, what its resource holds and what the other side of its relation says.
const SCRIPT: &str = "case $JUJU_HOOK_NAME in\n\
                      start) status-set active \"$(config-get greeting 2>/dev/null) $(cat \"$(resource-get blob)\" 2>/dev/null)\" ;;\n\
                      db-relation-joined) relation-set from=\"$JUJU_UNIT_NAME\" ;;\n\
                      db-relation-changed) [ -n \"$JUJU_REMOTE_UNIT\" ] && echo \"$JUJU_UNIT_NAME hears $(relation-get from)\" >> \"TRACE\" ;;\n\
                      esac\nexit 0";

#[test]
fn a_bundle_with_an_overlay_comes_up_and_can_be_exported() {
    let bed = Bed::new();
    let script = SCRIPT.replace("TRACE", &bed.trace_file().display().to_string());
    bed.charm(
        "web",
        "requires: {db: {interface: sql}}\nresources: {blob: {type: file, filename: blob.txt}}\n",
        &script,
    );
    fs::write(
        bed.path().join("web/config.yaml"),
        "options: {greeting: {type: string, default: hi}}\n",
    )
    .unwrap();
    bed.charm("db", "provides: {db: {interface: sql}}\n", "");
    executable(
        &bed.path().join("db/dispatch"),
        &format!("#!/bin/sh\n[ \"$JUJU_HOOK_NAME\" = start ] && status-set active\n{script}\n"),
    );
    fs::create_dir(bed.path().join("deploy")).unwrap();
    let write =
        |name: &str, text: &str| fs::write(bed.path().join("deploy").join(name), text).unwrap();
    write(
        "bundle.yaml",
        "default-base: ubuntu@24.04\napplications:\n  web:\n    charm: ../web\n    num_units: 1\n    options: {greeting: hello}\n    \
         resources: {blob: ./blob.txt}\n    to: [db]\n  db: {charm: ../db, num_units: 1}\nrelations:\n- [web:db, db:db]\n",
    );
    write("blob.txt", "blob\n");
    write(
        "overlay.yaml",
        "applications:\n  web: {options: {greeting: 'include-file://greeting'}, expose: true}\n",
    );
    write("greeting", "from the overlay");

    let args = [
        "deploy",
        "./deploy/bundle.yaml",
        "--overlay",
        "./deploy/overlay.yaml",
    ];
    let plan = bed.juju(&[&args[..], &["--dry-run"]].concat());
    assert!(
        plan.starts_with("Changes to deploy bundle:\n- upload charm "),
        "{plan}"
    );
    assert!(bed.status()["applications"].as_object().unwrap().is_empty());
    let said = bed.try_juju(&args);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(
        said.stdout,
        plan.replacen("Changes to deploy bundle:", "Executing changes:", 1)
    );
    assert_eq!(
        said.stderr,
        "  added resource blob\nDeploy of bundle completed.\n"
    );

    let status = bed.settle(&["web", "db"], "active");
    let web = &status["applications"]["web"];
    assert_eq!(web["exposed"], true);
    let unit = &web["units"]["web/0"];
    assert_eq!(unit["workload-status"]["message"], "from the overlay blob");
    assert_eq!(
        unit["machine"],
        status["applications"]["db"]["units"]["db/0"]["machine"]
    );
    bed.wait("both sides to hear each other", |_| {
        let text = fs::read_to_string(bed.trace_file()).unwrap_or_default();
        text.contains("web/0 hears db/0") && text.contains("db/0 hears web/0")
    });

    bed.juju(&["export-bundle", "--filename", "exported.yaml"]);
    let again = bed.try_juju(&["deploy", "./exported.yaml"]);
    assert_eq!(
        (again.stdout.as_str(), again.stderr.as_str()),
        ("", "No changes to apply.\n")
    );
}
