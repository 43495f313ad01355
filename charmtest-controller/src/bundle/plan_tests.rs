use charmtest_charm::bundle::parse;
use serde_json::json;

use super::super::existing::MachineMap;
use super::*;
use crate::model::Model;
use crate::model::changes::fixture::{charm, deployed, full_charm, model};
use crate::model::changes::{self, EndpointName};

fn constraints(text: &str) -> Result<BTreeMap<String, String>, String> {
    let pairs = text
        .split_whitespace()
        .filter_map(|pair| pair.split_once('='));
    Ok(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
}

/// Plans a bundle whose local charms run on ubuntu@24.04.
fn planned(
    text: &str,
    model: &Model,
    machines: &str,
    juju: JujuVersion,
) -> Result<Vec<Planned>, PlanError> {
    let bundle = parse(text).unwrap().remove(0);
    let base: Base = "ubuntu@24.04".parse().unwrap();
    let bases = bundle
        .apps()
        .filter(|(_, app)| app.is_local())
        .map(|(_, app)| (app.charm.clone(), vec![base.clone()]))
        .collect();
    let wanted = Wanted {
        bundle: &bundle,
        bases: &bases,
        store: &BTreeMap::new(),
        arch: "amd64",
        constraints: &constraints,
        force: false,
        juju,
    };
    plan(
        &wanted,
        Existing::of(model, &MachineMap::parse(machines).unwrap()),
    )
}

fn lines(text: &str, model: &Model, machines: &str) -> Vec<String> {
    let changes = planned(text, model, machines, JujuVersion::V3_6).unwrap();
    changes
        .iter()
        .flat_map(|planned| planned.change.describe())
        .collect()
}

/// The bundle of the recordings.
const RECORDED: &str = "default-base: ubuntu@24.04/stable\napplications:\n  alpha:\n    charm: /w/tracer.charm\n    num_units: 1\n    \
                        to: [\"1\"]\n    options: {mode: bundled, level: 5}\n  beta:\n    charm: /w/tracer.charm\n    num_units: 1\n    \
                        to: [\"1\"]\nmachines:\n  \"1\": {}\nrelations:\n- [\"alpha:server\", \"beta:client\"]\n";

#[test]
fn the_recorded_plan() {
    let mut model = model();
    deployed(&mut model, "other", charm("other", ""), 2);
    let of = |juju| -> Vec<String> {
        let changes = planned(RECORDED, &model, "", juju).unwrap();
        changes
            .iter()
            .flat_map(|planned| planned.change.describe())
            .collect()
    };
    let mut expected = [
        "upload charm /w/tracer.charm for base ubuntu@24.04/stable",
        "deploy application alpha on ubuntu@24.04/stable",
        "deploy application beta on ubuntu@24.04/stable",
        "add new machine 2 (bundle machine 1)",
        "add relation alpha:server - beta:client",
        "add unit alpha/0 to new machine 2",
        "add unit beta/0 to new machine 2",
    ]
    .map(str::to_owned);
    assert_eq!(of(JujuVersion::V4_0), expected);
    expected[0].push_str(" with architecture=amd64");
    assert_eq!(of(JujuVersion::V3_6), expected);
    let mapped = lines(RECORDED, &model, "existing");
    assert_eq!(
        mapped[3..],
        [
            "add relation alpha:server - beta:client",
            "add unit alpha/0 to existing machine 1",
            "add unit beta/0 to existing machine 1",
        ]
    );
    assert_eq!(
        lines(RECORDED, &model, "1=0")[4],
        "add unit alpha/0 to existing machine 0"
    );
}

/// A model with `a` on two machines and `b`, related, as a bundle could have made it.
fn two() -> Model {
    let mut model = model();
    let charm = full_charm(
        "a",
        "provides: {x: i}\nrequires: {w: i}",
        "options: {level: {type: int, default: 3}, ratio: {type: float, default: 1}, mode: {}}",
        "",
    );
    deployed(&mut model, "a", charm.clone(), 2);
    deployed(&mut model, "b", charm, 1);
    let [a, b] = ["a:x", "b:w"].map(|text| EndpointName::parse(text).unwrap());
    changes::add_relation(&mut model, &a, &b, jiff::Timestamp::UNIX_EPOCH).unwrap();
    model
}

#[test]
fn what_is_there_already_is_no_change() {
    let same = "applications:\n  a: {charm: /w/a, num_units: 2, constraints: arch=amd64, options: {level: 3, ratio: 1}}\n  \
                b: {charm: /w/a, num_units: 1, constraints: arch=amd64, base: ubuntu@22.04}\nrelations: [[\"b:w\", \"a:x\"]]\n";
    assert_eq!(lines(same, &two(), ""), Vec::<String>::new());
    let bare = same.replace(", constraints: arch=amd64", "");
    // Juju compares constraints word by word, and an application notes its architecture (recorded).
    let expected = [
        "set constraints for a to \"\"",
        "set constraints for b to \"\"",
    ];
    assert_eq!(lines(&bare, &two(), ""), expected);
}

#[test]
fn what_differs_is_changed() {
    let mut model = two();
    changes::expose(&mut model, "b", BTreeMap::new()).unwrap();
    let text = "applications:\n  a: {charm: /w/a, num_units: 3, constraints: mem=1G, options: {level: 4, ratio: 1.0, mode: m}, \
                annotations: {k: v}, expose: true}\n  b: {charm: /w/a, constraints: arch=amd64, expose: true}\n  \
                c: {charm: /w/c, num_units: 1, expose: true, annotations: {k: v}}\nrelations: [[\"a:x\", \"b:w\"], [\"a:w\", \"c:x\"]]\n";
    assert_eq!(
        lines(text, &model, ""),
        [
            "set application options for a",
            "set constraints for a to \"mem=1G\"",
            "expose all endpoints of a and allow access from CIDRs 0.0.0.0/0 and ::/0",
            "set annotations for a",
            "upload charm /w/c for base ubuntu@24.04/stable with architecture=amd64",
            "deploy application c on ubuntu@24.04/stable",
            "expose all endpoints of c and allow access from CIDRs 0.0.0.0/0 and ::/0",
            "set annotations for c",
            "add relation a:w - c:x",
            "add unit a/2 to new machine 3",
            "add unit c/0 to new machine 4",
        ]
    );
    let options: Vec<Change> = planned(text, &model, "", JujuVersion::V3_6)
        .unwrap()
        .into_iter()
        .map(|planned| planned.change)
        .collect();
    let Change::SetOptions { options, .. } = &options[0] else {
        panic!("{options:?}");
    };
    assert_eq!(json!(options), json!({"level": 4, "mode": "m"}));
}

#[test]
fn placements() {
    for (text, expected) in [
        (
            "applications:\n  a: {charm: /w/a, num_units: 2, to: [b]}\n  b: {charm: /w/b, num_units: 3}\n",
            &[
                "add unit b/0 to new machine 0",
                "add unit b/1 to new machine 1",
                "add unit b/2 to new machine 2",
                "add unit a/0 to new machine 0 to satisfy [b]",
                "add unit a/1 to new machine 1 to satisfy [b]",
            ][..],
        ),
        (
            "applications:\n  a: {charm: /w/a, num_units: 2, to: [b/1]}\n  b: {charm: /w/b, num_units: 2, to: [new]}\n",
            &[
                "add new machine 0",
                "add new machine 1",
                "add unit b/0 to new machine 0",
                "add unit b/1 to new machine 1",
                "add unit a/0 to new machine 1 to satisfy [b/1]",
                "add unit a/1 to new machine 2",
            ],
        ),
        (
            "applications:\n  a: {charm: /w/a, num_units: 1, to: ['lxd:0']}\nmachines: {0: {annotations: {k: v}}}\n",
            &[
                "add new machine 0",
                "set annotations for new machine 0",
                "add lxd container 0/lxd/0 on new machine 0",
                "add unit a/0 to 0/lxd/0",
            ],
        ),
        (
            "applications:\n  a: {charm: /w/a, num_units: 1, to: ['lxd:new']}\n",
            &[
                "add lxd container 0/lxd/0 on new machine 0",
                "add unit a/0 to 0/lxd/0",
            ],
        ),
    ] {
        let lines = lines(text, &model(), "");
        let machines: Vec<&String> = lines
            .iter()
            .filter(|line| !line.starts_with("upload") && !line.starts_with("deploy"))
            .collect();
        assert_eq!(machines, expected, "{text}");
    }
}

#[test]
fn units_go_beside_those_that_are_there() {
    let text = "applications:\n  a: {charm: /w/a, num_units: 2, constraints: arch=amd64}\n  b: {charm: /w/a, num_units: 3, to: [a, a], \
                constraints: arch=amd64}\nrelations: [[\"a:x\", \"b:w\"]]\n";
    assert_eq!(
        lines(text, &two(), ""),
        [
            "add unit b/1 to existing machine 0 to satisfy [a]",
            "add unit b/2 to existing machine 1 to satisfy [a]",
        ]
    );
}

#[test]
fn machines_are_found_by_their_units() {
    let text = "applications:\n  a: {charm: /w/a, num_units: 3, to: ['5', '6', '7'], constraints: arch=amd64}\nmachines: {5: , 6: , 7: }\n";
    assert_eq!(
        lines(text, &two(), ""),
        [
            "add new machine 3 (bundle machine 7)",
            "add unit a/2 to new machine 3"
        ]
    );
}

#[test]
fn offers_and_saas() {
    let text = "applications:\n  a: {charm: /w/a, offers: {o: {endpoints: [x, z], acl: {bob: consume}}}}\n\
                saas: {remote: {url: admin/m.offer}}\nrelations: [[\"a:w\", \"remote:x\"]]\n";
    assert_eq!(
        lines(text, &model(), "")[2..],
        [
            "consume offer remote at admin/m.offer",
            "create offer o using a:x,z",
            "grant user bob consume access to offer o",
            "add relation a:w - remote:x",
        ]
    );
}

#[test]
fn series_are_bases_until_4() {
    let text = "series: jammy\napplications: {a: {charm: store}}";
    let of = |juju| {
        planned(text, &model(), "", juju).unwrap()[1]
            .change
            .describe()
    };
    assert_eq!(
        of(JujuVersion::V3_6),
        ["deploy application a from charm-hub on ubuntu@22.04/stable using store"]
    );
    assert_eq!(
        of(JujuVersion::V4_0),
        ["deploy application a from charm-hub using store"]
    );
}

#[test]
fn what_cannot_be_planned() {
    for (text, expected) in [
        (
            "applications:\n  a: {charm: /w/a, num_units: 1, to: [b]}\n  b: {charm: /w/b, num_units: 1, to: [a]}\n",
            "cycle in placement directives for: a, b",
        ),
        (
            "applications:\n  a: {charm: /w/a, num_units: 2, channel: edge}\n",
            "upgrades not supported when the channel for \"a\" is unknown; use --force to override",
        ),
        (
            "applications:\n  a: {charm: /w/a, num_units: 2, to: ['7', '8']}\nmachines: {7: , 8: , 9: }\n",
            "bundle and machine mapping are inconsistent: need an explicit entry mapping bundle machine \"9\", perhaps to unreferenced \
             model machine \"2\"",
        ),
    ] {
        assert_eq!(
            planned(text, &two(), "", JujuVersion::V3_6)
                .unwrap_err()
                .to_string(),
            expected
        );
    }
}
