//! Charms by name: a directory as the charm store of real processes.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::bed::{Bed, PROGRAM};

/// A charm that writes down its hooks, its revision and the text of its resource.
const SCRIPT: &str =
    "status-set active \"$(cat revision-of-charm) $(cat \"$(resource-get blob)\")\"";

/// Packs revision `revision` of the charm `hubbed` into the store directory.
fn publish(bed: &Bed, revision: u32, file: &str) {
    let metadata = "resources: {blob: {type: file, filename: blob.txt}}\n";
    let source = bed.tracer("hubbed", metadata, SCRIPT);
    let source = bed.path().join(source);
    fs::write(source.join("revision-of-charm"), revision.to_string()).unwrap();
    fs::create_dir_all(bed.path().join("store")).unwrap();
    charmtest_charm::pack_directory(&source, &bed.path().join("store").join(file)).unwrap();
    // A directory of that name beside it would make the name ambiguous.
    fs::remove_dir_all(source).unwrap();
}

/// Makes a bed whose data directory names a store with a stable and an edge revision, and a revision of a resource.
fn bed_with_store() -> Bed {
    let bed = Bed::new();
    fs::write(bed.data().join("charm-store.yaml"), "paths: [../store]\n").unwrap();
    publish(&bed, 1, "hubbed_r1.charm");
    publish(&bed, 2, "hubbed_r2_edge.charm");
    fs::write(bed.path().join("store/resource_blob_r1_blob.txt"), "one").unwrap();
    bed
}

#[test]
fn a_charm_from_the_store_runs_and_is_refreshed_by_channel() {
    let bed = bed_with_store();
    let said = bed.try_juju(&["deploy", "hubbed", "web"]);
    assert_eq!(
        (said.code, said.stdout.as_str(), said.stderr.as_str()),
        (
            Some(0),
            "",
            "Deployed \"web\" from charm-hub charm \"hubbed\", revision 1 in channel latest/stable on ubuntu@24.04/stable\n"
        )
    );
    let shows = |message: &'static str| {
        move |status: &serde_json::Value| {
            let unit = &status["applications"]["web"]["units"]["web/0"];
            unit["workload-status"]["message"] == message
                && unit["juju-status"]["current"] == "idle"
        }
    };
    let status = bed.wait("revision 1 with resource 1", shows("1 one"));
    let app = &status["applications"]["web"];
    assert_eq!(
        (
            &app["charm"],
            &app["charm-origin"],
            &app["charm-channel"],
            &app["charm-rev"]
        ),
        (
            &json!("hubbed"),
            &json!("charmhub"),
            &json!("latest/stable"),
            &json!(1)
        )
    );

    bed.juju(&["refresh", "web", "--channel", "edge"]);
    bed.wait("revision 2", shows("2 one"));
    assert_eq!(
        bed.trace("web/0")
            .iter()
            .filter(|hook| *hook == "upgrade-charm")
            .count(),
        1
    );

    // A newer revision of a resource reaches the unit by `upgrade-charm`, too.
    fs::write(bed.path().join("store/resource_blob_r2_blob.txt"), "two").unwrap();
    bed.juju(&["refresh", "web"]);
    bed.wait("resource 2", shows("2 two"));

    publish(&bed, 3, "hubbed_r3_edge.charm");
    assert_eq!(
        bed.status()["applications"]["web"]["can-upgrade-to"],
        "ch:amd64/hubbed-3"
    );
}

#[test]
fn a_download_is_the_file_of_the_store_and_deploys() {
    let bed = bed_with_store();
    let published = fs::read(bed.path().join("store/hubbed_r1.charm")).unwrap();
    let output = bed.command(&["download", "hubbed", "-"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout == published, "standard output is the archive");
    bed.juju(&["download", "hubbed", "--resources"]);
    assert!(fs::read(bed.path().join("hubbed_r1.charm")).unwrap() == published);
    // A store survives the restart of the controller: nothing but the archive in `charms/` is needed.
    bed.juju(&["deploy", "hubbed"]);
    fs::remove_dir_all(bed.path().join("store")).unwrap();
    Command::new(PROGRAM)
        .args(["charmtest", "controller", "stop"])
        .env("CHARMTEST_DATA", bed.data())
        .output()
        .unwrap();
    bed.juju(&["add-unit", "hubbed"]);
    bed.settle(&["hubbed"], "active");
    bed.juju(&[
        "deploy",
        "./hubbed_r1.charm",
        "local",
        "--resource",
        "blob=./resource_blob_r1_blob.txt",
    ]);
    bed.settle(&["local"], "active");
}
