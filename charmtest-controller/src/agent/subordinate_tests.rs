//! Subordinates and relations within containers (Juju 3.6): whole lives in memory.

use super::resolver::Step;
use super::simulation::{Simulation, unit};
use crate::model::changes::{self, Haste};
use crate::model::{AgentStatus, Life, Resolved, UnitName, Workload};

const PRINCIPAL: &str = "provides: {server: {interface: box}}\npeers: {ring: {interface: ring}}";
const SUBORDINATE: &str = "subordinate: true\nrequires: {link: {interface: box, scope: container}, \
                           host: {interface: juju-info, scope: container}}\npeers: {ring: {interface: ring}}";

/// `prin` with two units at rest (ring 0), and `sub` (ring 1), which has no units.
fn apart() -> Simulation {
    let mut sim = Simulation::new();
    sim.deploy("prin", PRINCIPAL, 2);
    sim.deploy("sub", SUBORDINATE, 0);
    sim.settle();
    sim
}

/// The same with relation 2 between them, at rest.
fn together() -> Simulation {
    let mut sim = apart();
    sim.relate_container("prin:server", "sub:link");
    sim.settle();
    sim
}

fn of(ran: &[String], name: &str) -> Vec<String> {
    let prefix = format!("{name} ");
    ran.iter()
        .filter_map(|line| line.strip_prefix(&prefix))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_subordinate_comes_when_its_principal_enters_the_relation() {
    let mut sim = apart();
    let id = sim.relate_container("prin:server", "sub:link");
    assert_eq!(sim.next("prin/1"), Step::EnterScopes);
    sim.step(&unit("prin/1"));
    let row = sim.unit("sub/0");
    assert_eq!(row.principal, Some(unit("prin/1")), "numbers are its own");
    assert_eq!(row.machine, sim.unit("prin/1").machine);
    assert_eq!(
        (row.workload.current, row.workload.message.as_str()),
        (Workload::Waiting, "waiting for machine")
    );
    let ran = sim.settle();
    assert_eq!(sim.unit("sub/1").principal, Some(unit("prin/0")));
    assert_eq!(
        of(&ran, "sub/0"),
        [
            "install",
            "ring-relation-created sub",
            "link-relation-created prin",
            "leader-elected",
            "config-changed",
            "start",
            "link-relation-joined prin/1",
            "link-relation-changed prin/1",
            "ring-relation-joined sub/1",
            "ring-relation-changed sub/1",
        ],
        "it sees its own principal only, but all of its peers"
    );
    assert_eq!(
        of(&ran, "prin/1"),
        [
            "server-relation-created sub",
            "server-relation-joined sub/0",
            "server-relation-changed sub/0"
        ]
    );
    assert_eq!(
        of(&ran, "prin/0"),
        [
            "server-relation-created sub",
            "server-relation-joined sub/1",
            "server-relation-changed sub/1"
        ]
    );
    assert_eq!(sim.model.relations.get(&id).unwrap().members.len(), 4);
}

#[test]
fn application_data_reach_all_units_of_the_other_side() {
    let mut sim = together();
    let relation = sim.model.relations.get_mut(&2).unwrap();
    let bag = relation.applications.entry("prin".to_owned()).or_default();
    bag.merge(&[("k".to_owned(), "v".to_owned())].into());
    assert_eq!(
        sim.settle(),
        [
            "sub/0 link-relation-changed prin",
            "sub/1 link-relation-changed prin"
        ]
    );
    let relation = sim.model.relations.get_mut(&2).unwrap();
    let member = relation.members.get_mut(&unit("prin/0")).unwrap();
    member.bag.merge(&[("k".to_owned(), "v".to_owned())].into());
    assert_eq!(
        sim.settle(),
        ["sub/0 link-relation-changed prin/0"],
        "a unit's data reach its own subordinate only"
    );
}

#[test]
fn every_further_unit_of_the_principal_brings_its_own() {
    let mut sim = together();
    sim.add_unit("prin");
    let ran = sim.settle();
    assert_eq!(sim.unit("sub/2").principal, Some(unit("prin/2")));
    assert_eq!(
        of(&ran, "sub/0"),
        ["ring-relation-joined sub/2", "ring-relation-changed sub/2"]
    );
    assert!(
        of(&ran, "prin/0")
            .iter()
            .all(|hook| hook.starts_with("ring-"))
    );
}

#[test]
fn a_second_relation_brings_no_second_unit() {
    let mut sim = together();
    let id = sim.relate_container("prin:juju-info", "sub:host");
    assert_eq!(
        sim.settle(),
        [
            "sub/0 host-relation-created prin",
            "sub/1 host-relation-created prin",
            "sub/0 host-relation-joined prin/0",
            "sub/1 host-relation-joined prin/1",
            "sub/0 host-relation-changed prin/0",
            "sub/1 host-relation-changed prin/1",
        ],
        "no hook runs on the side of juju-info"
    );
    sim.remove_relation(id);
    assert_eq!(
        sim.settle(),
        [
            "sub/0 host-relation-departed prin/0",
            "sub/1 host-relation-departed prin/1",
            "sub/0 host-relation-broken prin",
            "sub/1 host-relation-broken prin",
        ],
        "the other relation keeps them"
    );
    assert!(
        sim.model
            .units
            .values()
            .all(|unit| unit.life == Life::Alive)
    );
}

#[test]
fn juju_info_alone_brings_subordinates() {
    let mut sim = apart();
    let id = sim.relate_container("prin:juju-info", "sub:host");
    let ran = sim.settle();
    assert_eq!(
        of(&ran, "sub/0")[6..8],
        [
            "host-relation-joined prin/0",
            "host-relation-changed prin/0"
        ]
    );
    assert!(of(&ran, "prin/0").is_empty());
    sim.remove_relation(id);
    sim.settle();
    assert_eq!(sim.model.units_of("sub").count(), 0);
    assert!(!sim.model.relations.contains(&id));
}

#[test]
fn a_subordinate_goes_with_its_last_relation() {
    let mut sim = together();
    sim.remove_relation(2);
    let ran = sim.settle();
    assert_eq!(
        of(&ran, "sub/0"),
        [
            "link-relation-departed prin/0 (leaving: self)",
            "link-relation-broken prin",
            "ring-relation-departed sub/1 (leaving: self)",
            "stop",
            "remove",
            "gone",
        ]
    );
    assert_eq!(
        of(&ran, "prin/0"),
        [
            "server-relation-departed sub/0",
            "server-relation-broken sub"
        ]
    );
    assert!(sim.model.applications.contains("sub"));
    assert!(!sim.model.relations.contains(&2));
    assert!(sim.model.machines.contains("0"), "the principal is there");
    // Once more: numbers go on.
    sim.relate_container("prin:server", "sub:link");
    sim.settle();
    assert_eq!(sim.unit("sub/2").principal, Some(unit("prin/0")));
}

#[test]
fn a_principal_takes_its_subordinate_along_and_outlives_it() {
    let mut sim = together();
    sim.remove_unit("prin/0");
    assert_eq!(sim.next("prin/0"), Step::DestroySubordinates);
    sim.step(&unit("prin/0"));
    assert_eq!(sim.unit("sub/0").life, Life::Dying);
    // The principal runs all its hooks first, and waits.
    while !sim.unit("prin/0").progress.removed {
        assert!(sim.step(&unit("prin/0")));
    }
    assert_eq!(sim.next("prin/0"), Step::Wait { until: None });
    assert!(!sim.step(&unit("prin/0")), "nothing changes while it waits");
    let row = sim.unit("prin/0");
    assert_eq!(
        (row.workload.current, row.agent.message.as_str()),
        (Workload::Terminated, "running remove hook")
    );
    let ran = sim.settle();
    assert_eq!(
        of(&ran, "prin/0"),
        [
            "server-relation-departed sub/0 (leaving: self)",
            "server-relation-broken sub",
            "ring-relation-departed prin/1 (leaving: self)",
            "stop",
            "remove",
            "gone",
        ]
    );
    assert_eq!(
        of(&ran, "sub/0"),
        [
            "link-relation-departed prin/0 (leaving: self)",
            "link-relation-broken prin",
            "ring-relation-departed sub/1 (leaving: self)",
            "stop",
            "remove",
            "gone",
        ]
    );
    let gone = |name: &str| ran.iter().position(|line| line == &format!("{name} gone"));
    assert!(gone("sub/0") < gone("prin/0"));
    assert!(!sim.model.machines.contains("0"));
    assert_eq!(
        of(&ran, "prin/1"),
        ["ring-relation-departed prin/0", "leader-elected"]
    );
    assert_eq!(
        of(&ran, "sub/1"),
        ["ring-relation-departed sub/0", "leader-elected"]
    );
}

#[test]
fn a_principal_in_error_keeps_its_subordinate() {
    let mut sim = together();
    sim.model.applications.get_mut("prin").unwrap().trust = true;
    sim.fail("prin/0");
    sim.remove_unit("prin/0");
    sim.settle_for("prin/0");
    assert_eq!(sim.unit("sub/0").life, Life::Alive);
    sim.unit_mut("prin/0").resolved = Some(Resolved::Skip);
    sim.settle();
    assert!(!sim.model.units.contains("sub/0") && !sim.model.units.contains("prin/0"));
}

#[test]
fn a_subordinate_in_error_holds_its_principal() {
    let mut sim = together();
    sim.model.applications.get_mut("sub").unwrap().trust = true;
    sim.fail("sub/0");
    sim.remove_unit("prin/0");
    sim.settle();
    assert_eq!(sim.unit("prin/0").workload.current, Workload::Terminated);
    assert_eq!(sim.unit("sub/0").agent.current, AgentStatus::Error);
    changes::remove_unit(&mut sim.model, &unit("prin/0"), Haste::Forced, sim.now).unwrap();
    assert!(!sim.model.units.contains("sub/0"), "force takes both");
}

#[test]
fn a_principal_waits_for_its_old_subordinate_before_it_enters_again() {
    let mut sim = together();
    sim.model.applications.get_mut("sub").unwrap().trust = true;
    sim.fail("sub/0");
    // The relation goes although sub/0 hangs: by force.
    changes::remove_relation(&mut sim.model, 2, Haste::Forced).unwrap();
    changes::destroy_unit(&mut sim.model, &unit("sub/0"), Haste::Orderly, sim.now);
    let id = sim.relate_container("prin:server", "sub:link");
    sim.settle();
    let inside = |sim: &Simulation, name: &str| {
        let relation = sim.model.relations.get(&id).unwrap();
        relation
            .members
            .get(&UnitName::parse(name).unwrap())
            .is_some_and(|member| member.in_scope)
    };
    assert!(!inside(&sim, "prin/0") && inside(&sim, "prin/1"));
    sim.unit_mut("sub/0").resolved = Some(Resolved::Skip);
    sim.settle();
    assert!(inside(&sim, "prin/0"));
    assert!(sim.model.subordinates_of(&unit("prin/0")).count() == 1);
}

#[test]
fn a_subordinate_ignores_other_principals() {
    let mut sim = together();
    sim.deploy("other", "provides: {server: {interface: box}}", 1);
    sim.settle();
    let id = sim.relate_container("other:server", "sub:link");
    let ran = sim.settle();
    assert_eq!(sim.unit("sub/2").principal, Some(unit("other/0")));
    assert!(
        of(&ran, "sub/0")
            .iter()
            .all(|hook| hook.starts_with("ring-")),
        "{ran:?}"
    );
    let relation = sim.model.relations.get(&id).unwrap();
    assert!(!relation.members.contains_key(&unit("sub/0")));
    sim.remove_relation(2);
    sim.settle();
    assert_eq!(
        sim.model
            .units_of("sub")
            .map(|unit| unit.name.as_str())
            .collect::<Vec<_>>(),
        ["sub/2"]
    );
}

#[test]
fn subordinates_of_one_principal_meet_within_its_container() {
    let mut sim = together();
    sim.deploy("log", "subordinate: true\nprovides: {sink: {interface: log}}\nrequires: {host: {interface: juju-info, scope: container}}", 0);
    sim.add_charm(
        "local:sub-0",
        "sub",
        &format!("{SUBORDINATE}\nextra-bindings: {{x: }}"),
    );
    sim.relate_container("prin:juju-info", "log:host");
    sim.settle();
    sim.add_charm(
        "local:sub-0",
        "sub",
        "subordinate: true\nrequires: {link: {interface: box, scope: container}, sink: {interface: log, scope: container}}\npeers: {ring: {interface: ring}}",
    );
    sim.relate_container("log:sink", "sub:sink");
    let ran = sim.settle();
    let principal = unit("prin/0");
    let mine = sim.model.subordinates_of(&principal);
    let names: Vec<&str> = mine.map(|unit| unit.name.as_str()).collect();
    assert_eq!(names, ["log/0", "sub/0"]);
    assert_eq!(
        of(&ran, "sub/0"),
        [
            "sink-relation-created log",
            "sink-relation-joined log/0",
            "sink-relation-changed log/0"
        ]
    );
}

#[test]
fn removing_the_applications() {
    let mut sim = together();
    sim.remove_application("sub");
    let ran = sim.settle();
    assert!(!sim.model.applications.contains("sub"));
    assert_eq!(
        of(&ran, "prin/1"),
        [
            "server-relation-departed sub/1",
            "server-relation-broken sub"
        ]
    );

    let mut sim = together();
    sim.remove_application("prin");
    sim.settle();
    assert!(!sim.model.applications.contains("prin"));
    assert_eq!(sim.model.units_of("sub").count(), 0);
    assert!(sim.model.applications.contains("sub") && sim.model.machines.is_empty());

    let mut sim = together();
    sim.model.info_mut().life = Life::Dying;
    sim.remove_application("prin");
    sim.remove_application("sub");
    sim.settle();
    assert!(sim.gone);
}

#[test]
fn a_relation_that_goes_before_the_subordinate_is_up_takes_it_along() {
    let mut sim = apart();
    sim.relate_container("prin:server", "sub:link");
    sim.step(&unit("prin/0"));
    let fresh = unit("sub/0");
    while !sim.unit("sub/0").progress.installed {
        sim.step(&fresh);
    }
    sim.remove_relation(2);
    let ran = sim.settle();
    assert_eq!(of(&ran, "sub/0"), ["install", "remove", "gone"]);
    assert!(!sim.model.relations.contains(&2));
}
