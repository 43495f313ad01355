//! Bundles with charms of a store, offers and consumed offers.

use std::fs;

use serde_json::json;

use super::super::testing::Controller;
use crate::JujuVersion;

fn write(c: &Controller, name: &str, text: &str) {
    fs::write(c.dir.path().join(name), text).unwrap();
}

/// Two applications of one charm of the store, related.
const TWO: &str = "default-base: ubuntu@24.04/stable\napplications:\n  a: {charm: db, num_units: 1, constraints: arch=amd64, options: {level: 7}, resources: {blob: 1}}\n  \
                   b: {charm: db, channel: stable, num_units: 1, constraints: arch=amd64}\nrelations: [[\"a:server\", \"b:client\"]]\n";

#[test]
fn charms_of_a_store_are_deployed() {
    for juju in JujuVersion::ALL {
        let c = Controller::with_store(juju);
        write(&c, "b.yaml", TWO);
        let with_arch = match juju {
            JujuVersion::V3_6 => " with architecture=amd64",
            JujuVersion::V4_0 => "",
        };
        let outcome = c.juju("deploy ./b.yaml").ok();
        assert_eq!(
            outcome.stdout,
            format!(
                "Executing changes:\n- upload charm db from charm-hub for base ubuntu@24.04/stable{with_arch}\n\
                 - deploy application a from charm-hub on ubuntu@24.04/stable using db\n\
                 - deploy application b from charm-hub on ubuntu@24.04/stable with stable using db\n\
                 - add relation a:server - b:client\n- add unit a/0 to new machine 0\n- add unit b/0 to new machine 1\n"
            )
        );
        for name in ["a", "b"] {
            let app = c.application(name);
            assert_eq!(app["charm-origin"], "charmhub", "{name}");
            assert_eq!(app["charm-rev"], 3);
            assert_eq!(app["charm-channel"], "latest/stable");
        }
        let revision = |app: &str| {
            let all = c
                .juju(&format!("resources {app} --format json"))
                .ok()
                .json();
            all["resources"][0]["revision"].clone()
        };
        assert_eq!((revision("a"), revision("b")), (json!("1"), json!("2")));
        assert_eq!(c.juju("config a level").ok().stdout, "7\n");
        assert_eq!(
            c.juju("deploy ./b.yaml").ok().stderr,
            "No changes to apply.\n"
        );
        // What is exported says the same.
        let exported = c.juju("export-bundle").ok().stdout;
        assert!(
            exported.contains("    charm: db\n    channel: latest/stable\n    revision: 3\n    resources:\n      blob: 1\n"),
            "{exported}"
        );
        write(&c, "exported.yaml", &exported);
        let outcome = c.juju("deploy ./exported.yaml").ok();
        assert_eq!(outcome.stderr, "No changes to apply.\n", "{outcome:?}");
        c.juju("add-model copy").ok();
        c.juju("deploy ./exported.yaml").ok();
        assert_eq!(c.application("b")["charm-rev"], 3);
    }
}

#[test]
fn newer_revisions_are_taken_up_and_channels_kept() {
    let c = Controller::with_store(JujuVersion::V3_6);
    write(
        &c,
        "old.yaml",
        "default-base: ubuntu@24.04/stable\napplications: {a: {charm: 'ch:db', channel: stable, revision: 1, constraints: arch=amd64, num_units: 1}}\n",
    );
    c.juju("deploy ./old.yaml").ok();
    assert_eq!(c.application("a")["charm-rev"], 1);
    write(
        &c,
        "new.yaml",
        "default-base: ubuntu@24.04/stable\napplications: {a: {charm: db, channel: stable, constraints: arch=amd64, num_units: 1}}\n",
    );
    let outcome = c.juju("deploy ./new.yaml").ok();
    assert_eq!(
        outcome.stdout,
        "Executing changes:\n- upload charm db from charm-hub for base ubuntu@24.04/stable from channel stable with architecture=amd64\n\
         - upgrade a from charm-hub using charm db for base ubuntu@24.04/stable from channel stable\n"
    );
    assert_eq!(c.application("a")["charm-rev"], 3);
    write(
        &c,
        "edge.yaml",
        "default-base: ubuntu@24.04/stable\napplications: {a: {charm: db, channel: 14/edge, constraints: arch=amd64, num_units: 1}}\n",
    );
    let outcome = c.juju("deploy ./edge.yaml");
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (
            1,
            "ERROR cannot deploy bundle: application \"a\": upgrades not supported across channels (existing: \"latest/stable\", requested: \"14/edge\"); use --force to override\n"
        )
    );
    write(&c, "none.yaml", "applications: {a: {charm: nosuch}}\n");
    let outcome = c.juju("deploy ./none.yaml");
    assert!(
        outcome.code == 1
            && outcome.stderr.starts_with(
                "ERROR cannot deploy bundle: cannot resolve charm or bundle \"nosuch\": "
            ),
        "{outcome:?}"
    );
}

#[test]
fn offers_are_made_granted_and_consumed() {
    for juju in JujuVersion::ALL {
        let c = Controller::with_store(juju);
        c.juju("add-user bob").ok();
        write(
            &c,
            "b.yaml",
            "default-base: ubuntu@24.04/stable\napplications: {a: {charm: db, num_units: 1}}\n",
        );
        write(
            &c,
            "offers.yaml",
            "applications: {a: {offers: {shared: {endpoints: [server], acl: {admin: admin, bob: consume}}}}}\n",
        );
        let outcome = c.juju("deploy ./b.yaml --overlay ./offers.yaml").ok();
        let (before, after) = outcome.stdout.split_once("- create offer").unwrap();
        assert!(before.contains("- deploy application a"), "{outcome:?}");
        assert!(
            after.starts_with(" shared using a:server\n- grant user admin admin access to offer shared\n- grant user bob consume access to offer shared\n"),
            "{after}"
        );
        let offers = c.juju("offers --format json").ok().json();
        assert_eq!(offers["shared"]["application"], "a");
        assert_eq!(offers["shared"]["users"]["bob"]["access"], "consume");
        let exported = c.juju("export-bundle").ok().stdout;
        let (_, overlay) = exported.split_once("--- # overlay.yaml\n").unwrap();
        assert_eq!(
            overlay,
            "applications:\n  a:\n    offers:\n      shared:\n        endpoints:\n        - server\n        acl:\n          admin: admin\n          bob: consume\n"
        );

        c.juju("add-model user").ok();
        write(
            &c,
            "saas.yaml",
            "default-base: ubuntu@24.04/stable\nsaas: {far: {url: admin/m.shared}}\napplications: {b: {charm: db, num_units: 1}}\nrelations: [[\"b:client\", \"far:server\"]]\n",
        );
        let outcome = c.juju("deploy ./saas.yaml").ok();
        assert!(
            outcome
                .stdout
                .contains("- consume offer far at admin/m.shared\n"),
            "{outcome:?}"
        );
        assert!(
            outcome.stderr.contains("Added admin/m.shared as far\n"),
            "{outcome:?}"
        );
        let status = c.juju("status --format json").ok().json();
        assert_eq!(
            status["application-endpoints"]["far"]["url"],
            "admin/m.shared"
        );
        assert_eq!(
            status["applications"]["b"]["relations"]["client"][0]["related-application"],
            "far"
        );
        let exported = c.juju("export-bundle").ok().stdout;
        assert!(
            exported.contains("saas:\n  far:\n    url: admin/m.shared\napplications:\n")
                && exported.ends_with("relations:\n- - far:server\n  - b:client\n"),
            "{exported}"
        );
        // The side of the offer says nothing of a relation that another model made.
        c.juju("switch m").ok();
        assert!(!c.juju("export-bundle").ok().stdout.contains("relations:"));
    }
}

#[test]
fn what_cannot_be_offered_or_consumed() {
    let c = Controller::with_store(JujuVersion::V3_6);
    write(
        &c,
        "a.yaml",
        "applications: {a: {charm: db}}\nsaas: {far: {url: admin/m.nosuch}}\n",
    );
    let outcome = c.juju("deploy ./a.yaml");
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (
            1,
            "  added resource blob\nERROR cannot deploy bundle: application offer \"admin/m.nosuch\" not found\n"
        )
    );
    write(&c, "b.yaml", "applications: {a: {charm: db}}\n");
    for (name, offer, expected) in [
        (
            "endpoint",
            "o: {endpoints: [nosuch]}",
            "cannot create offer o: ",
        ),
        (
            "user",
            "o: {endpoints: [server], acl: {eve: read}}",
            "cannot grant read access to user eve on offer o: could not grant offer access: user \"eve\" does not exist locally",
        ),
        (
            "level",
            "p: {endpoints: [server], acl: {bob: fly}}",
            "cannot grant fly access to user bob on offer p: ",
        ),
    ] {
        let file = format!("{name}.yaml");
        write(
            &c,
            &file,
            &format!("applications: {{a: {{offers: {{{offer}}}}}}}\n"),
        );
        let outcome = c.juju(&format!("deploy ./b.yaml --overlay ./{file}"));
        assert!(
            outcome.code == 1
                && outcome
                    .stderr
                    .contains(&format!("ERROR cannot deploy bundle: {expected}")),
            "{outcome:?}"
        );
    }
}
