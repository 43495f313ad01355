//! Reboots, removal by force, agents that fail, and what differs between Juju 3.6 and 4.0: rule by rule, in memory.

use jiff::SignedDuration;

use super::commit;
use super::hook::Hook;
use super::resolver::Step;
use super::simulation::{Simulation, unit};
use crate::JujuVersion;
use crate::model::changes::{self, Haste};
use crate::model::{AgentStatus, Resolved, TaskStatus, Workload};

const SERVER: &str = "provides: {db: {interface: sql}}\npeers: {ring: {interface: ring}}";
const CLIENT: &str = "requires: {store: {interface: sql}}";

fn settled_in(juju: JujuVersion, units: u32) -> Simulation {
    let mut sim = Simulation::of(juju);
    sim.deploy("srv", SERVER, units);
    sim.settle();
    sim
}

fn settled() -> Simulation {
    settled_in(JujuVersion::V3_6, 1)
}

/// Two units, the second on the machine of the first.
fn together() -> Simulation {
    let mut sim = settled_in(JujuVersion::V3_6, 2);
    sim.unit_mut("srv/1").machine = "0".to_owned();
    sim.settle();
    sim
}

#[test]
fn a_reboot_starts_every_unit_of_the_machine_again() {
    let mut sim = together();
    let now = sim.now;
    sim.deploy("oth", "", 1);
    sim.settle();
    commit::reboot(&mut sim.model, &unit("srv/0"), now);
    assert_eq!(sim.unit("srv/0").agent.current, AgentStatus::Rebooting);
    assert_eq!(sim.settle(), ["srv/0 start", "srv/1 start"]);
    assert_eq!(sim.unit("srv/0").agent.current, AgentStatus::Idle);
}

#[test]
fn after_a_reboot_what_is_queued_or_failed_comes_first() {
    let mut sim = settled();
    let now = sim.now;
    commit::requeue_hook(&mut sim.model, &unit("srv/0"), &Hook::ConfigChanged, None);
    commit::reboot(&mut sim.model, &unit("srv/0"), now);
    assert_eq!(sim.settle(), ["srv/0 config-changed", "srv/0 start"]);

    sim.model.applications.get_mut("srv").unwrap().trust = true;
    sim.fail("srv/0");
    let now = sim.now;
    commit::reboot(&mut sim.model, &unit("srv/0"), now);
    sim.unit_mut("srv/0").resolved = Some(Resolved::Retry);
    assert_eq!(sim.settle(), ["srv/0 config-changed", "srv/0 start"]);
}

#[test]
fn a_unit_that_was_never_started_does_not_notice_a_reboot() {
    let mut sim = Simulation::new();
    sim.deploy("srv", SERVER, 1);
    sim.step(&unit("srv/0"));
    let now = sim.now;
    commit::requeue_hook(&mut sim.model, &unit("srv/0"), &Hook::Install, None);
    commit::reboot(&mut sim.model, &unit("srv/0"), now);
    assert_eq!(
        sim.settle_for("srv/0"),
        [
            "install",
            "ring-relation-created srv",
            "leader-elected",
            "config-changed",
            "start"
        ]
    );
}

#[test]
fn force_gives_a_unit_a_minute_for_its_last_hooks() {
    let mut sim = settled();
    let haste = Haste::of(true, false, sim.now);
    changes::remove_unit(&mut sim.model, &unit("srv/0"), haste, sim.now).unwrap();
    assert_eq!(
        sim.settle(),
        ["srv/0 stop", "srv/0 remove", "srv/0 gone"],
        "it needs no force"
    );

    let mut sim = settled();
    sim.model.applications.get_mut("srv").unwrap().trust = true;
    sim.model
        .info_mut()
        .config
        .insert("automatically-retry-hooks".to_owned(), "false".to_owned());
    sim.fail("srv/0");
    let haste = Haste::of(true, false, sim.now);
    changes::remove_unit(&mut sim.model, &unit("srv/0"), haste, sim.now).unwrap();
    // Asking again does not put it off.
    let later = Haste::of(true, false, sim.now + SignedDuration::from_secs(30));
    changes::remove_unit(&mut sim.model, &unit("srv/0"), later, sim.now).unwrap();
    let Step::Wait { until: Some(at) } = sim.next("srv/0") else {
        panic!("it is in error")
    };
    assert_eq!(at.duration_since(sim.now).as_secs(), 60);
    sim.now = at;
    assert_eq!(sim.next("srv/0"), Step::Remove);

    let now = sim.now;
    assert_eq!(Haste::of(true, true, now), Haste::Forced);
    assert_eq!(Haste::of(false, true, now), Haste::Orderly);
}

#[test]
fn force_gives_the_units_of_a_model_a_minute_for_their_last_hooks() {
    let mut sim = settled();
    sim.deploy("cli", CLIENT, 1);
    sim.relate("srv:db", "cli:store");
    sim.settle();
    sim.model.applications.get_mut("srv").unwrap().trust = true;
    sim.model
        .info_mut()
        .config
        .insert("automatically-retry-hooks".to_owned(), "false".to_owned());
    sim.fail("srv/0");
    let began = sim.now;
    let haste = Haste::of(true, false, began);
    changes::destroy_model(&mut sim.model, haste, began);
    assert_eq!(
        sim.settle(),
        [
            "cli/0 store-relation-departed srv/0 (leaving: self)",
            "cli/0 store-relation-broken srv",
            "cli/0 stop",
            "cli/0 remove",
            "cli/0 gone"
        ],
        "what is well ends as without force"
    );
    sim.now = began + SignedDuration::from_secs(59);
    assert!(
        !sim.step(&unit("srv/0")),
        "it is in error, and has its time"
    );
    sim.now = began + SignedDuration::from_mins(1);
    assert_eq!(sim.settle().last().unwrap(), "srv/0 gone");
    assert!(sim.model.applications.is_empty() && sim.model.machines.is_empty());
}

#[test]
fn force_ends_a_relation_after_a_minute_whatever_hangs() {
    let mut sim = settled();
    sim.deploy("cli", CLIENT, 1);
    let id = sim.relate("srv:db", "cli:store");
    sim.settle();
    sim.model.applications.get_mut("srv").unwrap().trust = true;
    sim.fail("srv/0");
    let haste = Haste::of(true, false, sim.now);
    changes::remove_relation(&mut sim.model, id, haste).unwrap();
    assert_eq!(
        sim.settle_for("cli/0"),
        ["store-relation-departed srv/0", "store-relation-broken srv"]
    );
    assert!(sim.model.relations.contains(&id), "srv/0 is still in it");
    sim.now += SignedDuration::from_mins(1);
    assert_eq!(sim.next("srv/0"), Step::LeaveScope(id));
    sim.step(&unit("srv/0"));
    assert!(!sim.model.relations.contains(&id));
    assert_eq!(sim.unit("srv/0").agent.current, AgentStatus::Error);
}

#[test]
fn an_agent_that_failed_shows_it_and_takes_up_its_work() {
    let mut sim = settled();
    sim.model.applications.get_mut("srv").unwrap().trust = true;
    let (name, now) = (unit("srv/0"), sim.now);
    commit::begin_hook(&mut sim.model, &name, &Hook::ConfigChanged, "ctx", now);
    commit::fail_agent(&mut sim.model, &name, now);
    let agent = &sim.unit("srv/0").agent;
    assert_eq!(
        (agent.current, agent.message.as_str()),
        (AgentStatus::Failed, "resolver loop error")
    );
    assert_eq!(sim.settle(), ["srv/0 config-changed"]);
    assert_eq!(sim.unit("srv/0").agent.current, AgentStatus::Idle);

    commit::fail_agent(&mut sim.model, &name, now);
    assert!(sim.settle().is_empty());
    assert_eq!(sim.unit("srv/0").agent.current, AgentStatus::Idle);

    let task = sim.queue_task("srv/0");
    commit::begin_task(&mut sim.model, &name, task, "ctx", now);
    commit::fail_agent(&mut sim.model, &name, now);
    assert_eq!(
        sim.model.tasks.get(&task).unwrap().status,
        TaskStatus::Failed
    );
}

#[test]
fn the_machine_takes_a_unit_up_once() {
    let mut sim = Simulation::new();
    sim.deploy("srv", SERVER, 1);
    let (name, now) = (unit("srv/0"), sim.now);
    assert!(commit::is_new(sim.unit("srv/0")));
    commit::take_up(&mut sim.model, &name, now);
    let workload = &sim.unit("srv/0").workload;
    assert_eq!(
        (workload.current, workload.message.as_str()),
        (Workload::Waiting, "installing agent")
    );
    commit::begin_unpack(&mut sim.model, &name, now);
    assert_eq!(sim.unit("srv/0").workload.message, "agent initialising");
    assert!(!commit::is_new(sim.unit("srv/0")));
    commit::take_up(&mut sim.model, &name, now);
    assert_eq!(sim.unit("srv/0").workload.message, "agent initialising");
}

#[test]
fn minions_are_told_of_leader_settings_in_3_6_only() {
    for (juju, expected) in [
        (JujuVersion::V3_6, Some("leader-settings-changed")),
        (JujuVersion::V4_0, None),
    ] {
        let mut sim = settled_in(juju, 1);
        sim.add_unit("srv");
        let ran = sim.settle_for("srv/1");
        let found = ran.iter().find(|hook| hook.starts_with("leader-"));
        assert_eq!(found.map(String::as_str), expected, "{juju}");
    }
}

#[test]
fn a_databag_begins_with_a_private_address_in_3_6_only() {
    for (juju, expected) in [
        (
            JujuVersion::V3_6,
            "egress-subnets ingress-address private-address",
        ),
        (JujuVersion::V4_0, "egress-subnets ingress-address"),
    ] {
        let sim = settled_in(juju, 1);
        let bag = &sim.model.relations.get(&0).unwrap().members[&unit("srv/0")].bag;
        let keys: Vec<&str> = bag.data.keys().map(String::as_str).collect();
        assert_eq!(keys.join(" "), expected, "{juju}");
    }
}
