//! What users do with subordinate applications.

use serde_json::json;

use super::testing::Controller;
use crate::model::changes::{self, Haste};
use crate::model::{AgentStatus, Status, UnitName, Workload};

const SUBORDINATE: &[(&str, &str)] = &[
    (
        "metadata.yaml",
        "name: side\nsummary: s\ndescription: d\nsubordinate: true\n\
         requires: {host: {interface: juju-info, scope: container}, link: {interface: trace, scope: container}}\n",
    ),
    (
        "manifest.yaml",
        "bases: [{name: ubuntu, channel: '24.04', architectures: [amd64]}]\n",
    ),
    ("actions.yaml", "say: {}\n"),
    ("dispatch", "#!/bin/sh\n"),
];

/// A controller with `server` and `client` (one unit each), and `./side`.
fn controller() -> Controller {
    let c = Controller::with_applications();
    c.write_charm("side", SUBORDINATE);
    c
}

/// The same with `side` related to `server`, whose unit brought `side/0`.
fn related() -> Controller {
    let c = controller();
    c.juju("deploy ./side").ok();
    c.juju("integrate server side:host").silent();
    c.change(|model| {
        let principal = UnitName::new("server", 0);
        changes::add_subordinate(model, "side", &principal, model.info.created).unwrap();
        let at = model.info.created;
        for name in ["server/0", "side/0"] {
            let unit = model.units.get_mut(name).unwrap();
            unit.agent = Status::new(AgentStatus::Executing, "running start hook", at);
            unit.workload = Status::new(Workload::Active, "ready", at);
            unit.progress.installed = true;
            unit.progress.charm = Some("local:side-0".to_owned());
        }
        model.applications.get_mut("side").unwrap().leader = Some(UnitName::new("side", 0));
    });
    c
}

#[test]
fn a_subordinate_is_deployed_without_units() {
    let c = controller();
    c.assert_refusals(&[
        (
            "deploy ./side -n 2",
            1,
            "",
            "ERROR cannot use --num-units or --to with subordinate application\n",
        ),
        (
            "deploy ./side --to 0",
            1,
            "",
            "ERROR cannot use --num-units or --to with subordinate application\n",
        ),
        (
            "deploy ./side --constraints mem=1G -n 2",
            1,
            "",
            "ERROR cannot use --constraints with subordinate application\n",
        ),
    ]);
    c.juju("deploy ./side -n 1").ok();
    assert_eq!(c.model().units_of("side").count(), 0);
    c.assert_refusals(&[(
        "add-unit side -n 3",
        1,
        "",
        "ERROR cannot add unit 1/3 to application \"side\": cannot add unit to application \"side\": application is a subordinate\n",
    )]);
    c.juju("expose side").silent();
    assert!(c.model().applications.get("side").unwrap().exposed);
}

#[test]
fn a_subordinate_is_shown_below_its_principal() {
    let c = related();
    let status = c.juju("status --format json").ok().json();
    let side = &status["applications"]["side"];
    assert_eq!(side["subordinate-to"], json!(["server"]));
    assert_eq!(side.get("units"), None);
    assert_eq!(side["application-status"]["current"], "active");
    assert_eq!(
        side["relations"],
        json!({"host": [{"related-application": "server", "interface": "juju-info", "scope": "container"}]})
    );
    let unit = &status["applications"]["server"]["units"]["server/0"];
    let below = unit["subordinates"]["side/0"].as_object().unwrap();
    assert_eq!(
        below.keys().collect::<Vec<_>>(),
        ["workload-status", "juju-status", "leader", "public-address"]
    );
    assert_eq!(below["public-address"], unit["public-address"]);

    let table = c.juju("status --relations").ok().stdout;
    let words = |start: &str| -> Vec<String> {
        let line = table.lines().find(|line| line.starts_with(start)).unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(
        words("side  ")[..4],
        ["side", "active", "1", "side"].map(str::to_owned)
    );
    let address = unit["public-address"].as_str().unwrap();
    assert_eq!(
        words("  side/0*"),
        [
            "side/0*",
            "active",
            "executing",
            address,
            "(start)",
            "ready"
        ]
    );
    assert_eq!(
        words("server:juju-info"),
        [
            "server:juju-info",
            "side:host",
            "juju-info",
            "subordinate",
            "joining"
        ]
    );
    let line = c.juju("status --format oneline").ok().stdout;
    assert!(
        line.contains(&format!(
            "\n  - side/0: {address} (agent:executing, workload:active)"
        )),
        "{line}"
    );
}

#[test]
fn a_subordinate_unit_goes_with_its_relation_only() {
    let c = related();
    for flags in ["--no-prompt", "--no-prompt --force", "--dry-run"] {
        let line = format!("remove-unit side/0 {flags}");
        c.assert_refusals(&[(
            &line,
            1,
            "",
            "ERROR removing unit side/0 failed: unit \"side/0\" is a subordinate, to remove use remove-relation. \
             Note: this will remove all units of \"side\"\n",
        )]);
    }
    let outcome = c
        .juju("remove-unit server/0 --no-prompt --force --no-wait")
        .ok();
    assert_eq!(outcome.stdout, "will remove unit server/0\n");
    assert_eq!(
        c.model().units_of("side").count(),
        0,
        "force takes it along"
    );
    let outcome = c.juju("remove-application side --no-prompt").ok();
    assert_eq!(outcome.stdout, "will remove application side\n");
    assert!(!c.model().applications.contains("side"));
}

#[test]
fn tasks_reach_subordinates() {
    let c = related();
    for (line, units) in [
        ("exec --unit side/0 --background true", "side/0"),
        ("exec --application side --background true", "side/0"),
        ("run side/0 say --background", "side/0"),
        ("run side/leader say --background", "side/0"),
    ] {
        let outcome = c.juju(line);
        assert_eq!(outcome.code, 0, "{line}: {outcome:?}");
        let last = c.model();
        let task = last.tasks.values().last().unwrap();
        assert_eq!(task.receiver.to_string(), units, "{line}");
    }
}

#[test]
fn relations_within_containers_are_checked() {
    let c = controller();
    c.juju("deploy ./side").ok();
    let other = [
        SUBORDINATE[0],
        (
            "manifest.yaml",
            "bases: [{name: ubuntu, channel: '22.04', architectures: [amd64]}]\n",
        ),
        SUBORDINATE[3],
    ];
    c.write_charm("old", &other);
    c.juju("deploy ./old old").ok();
    c.assert_refusals(&[(
        "integrate server old:host",
        1,
        "",
        "ERROR cannot add relation \"old:host server:juju-info\": principal and subordinate applications' bases must match\n",
    )]);
    c.juju("integrate side:link server:server").silent();
    let model = c.model();
    let relation = model.relations.values().last().unwrap();
    assert_eq!(relation.scope, crate::model::Scope::Container);
    let mut model = c.model();
    let now = model.info.created;
    changes::remove_application(&mut model, "side", Haste::Orderly, now).unwrap();
    assert!(!model.applications.contains("side"));
}
