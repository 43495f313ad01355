//! What steps change.

use super::super::resolver::Step;
use super::super::simulation::{Simulation, unit};
use super::*;

const SERVER: &str = "provides: {db: {interface: sql}}\npeers: {ring: {interface: ring}}";

fn settled() -> Simulation {
    let mut sim = Simulation::new();
    sim.deploy("srv", SERVER, 1);
    sim.settle();
    sim
}

#[test]
fn statuses_of_a_life() {
    let mut sim = Simulation::new();
    sim.deploy("srv", SERVER, 1);
    let mut seen: Vec<String> = Vec::new();
    let name = unit("srv/0");
    let mut look = |model: &Model| {
        let Some(row) = model.units.get(&name) else {
            return;
        };
        let line = format!(
            "{} {:?} | {} {:?}",
            row.agent.current.as_str(),
            row.agent.message,
            row.workload.current.as_str(),
            row.workload.message
        );
        if seen.last() != Some(&line) {
            seen.push(line);
        }
    };
    look(&sim.model);
    loop {
        match sim.next("srv/0") {
            Step::Run(hook) => {
                begin_hook(&mut sim.model, &name, &hook, "ctx", sim.now);
                look(&sim.model);
                let base = sim.model.clone();
                finish_hook(&mut sim.model, &name, &hook, &base, sim.now);
                look(&sim.model);
                if hook == Hook::Remove {
                    break;
                }
            }
            _ => {
                if !sim.step(&name) {
                    look(&sim.model);
                    sim.remove_unit("srv/0");
                }
                look(&sim.model);
            }
        }
    }
    assert_eq!(
        seen,
        [
            r#"allocating "" | waiting "waiting for machine""#,
            r#"allocating "" | waiting "agent initialising""#,
            r#"executing "running install hook" | maintenance "installing charm software""#,
            r#"executing "running ring-relation-created hook" | maintenance "installing charm software""#,
            r#"executing "running leader-elected hook" | maintenance "installing charm software""#,
            r#"executing "running config-changed hook" | maintenance "installing charm software""#,
            r#"executing "running start hook" | maintenance "installing charm software""#,
            r#"executing "running start hook" | unknown """#,
            r#"idle "" | unknown """#,
            r#"executing "running stop hook" | maintenance "stopping charm software""#,
            r#"executing "running stop hook" | maintenance """#,
            r#"executing "running remove hook" | maintenance "cleaning up prior to charm deletion""#,
            r#"executing "running remove hook" | terminated """#,
        ]
    );
}

#[test]
fn a_status_that_the_charm_set_is_kept() {
    let mut sim = Simulation::new();
    sim.deploy("srv", SERVER, 1);
    let now = sim.now;
    let row = sim.unit_mut("srv/0");
    row.charm_set_status = true;
    row.workload = Status::new(Workload::Active, "ready", now);
    sim.settle();
    assert_eq!(sim.unit("srv/0").workload.message, "ready");
}

#[test]
fn a_failure_is_shown_with_its_hook() {
    let mut sim = settled();
    sim.deploy("cli", "requires: {store: {interface: sql}}", 1);
    sim.relate("srv:db", "cli:store");
    while !matches!(sim.next("srv/0"), Step::Run(hook) if hook.name() == "db-relation-joined") {
        sim.step(&unit("srv/0"));
        sim.step(&unit("cli/0"));
    }
    sim.fail("srv/0");
    let agent = &sim.unit("srv/0").agent;
    assert_eq!(
        (agent.current, agent.message.as_str()),
        (AgentStatus::Error, "hook failed: \"db-relation-joined\"")
    );
    let data = serde_json::to_string(&agent.data).unwrap();
    assert_eq!(
        data,
        r#"{"hook":"db-relation-joined","relation-id":1,"remote-unit":"cli/0"}"#
    );
}

#[test]
fn retries_back_off() {
    let mut sim = settled();
    sim.model.applications.get_mut("srv").unwrap().trust = true;
    let mut delays = Vec::new();
    for _ in 0..9 {
        sim.fail("srv/0");
        let at = sim
            .unit("srv/0")
            .progress
            .failure
            .as_ref()
            .unwrap()
            .retry_at;
        delays.push(at.duration_since(sim.now).as_secs_f64());
        sim.now = at;
    }
    for (delay, expected) in delays
        .iter()
        .zip([5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0])
    {
        assert!((delay - expected).abs() <= expected * 0.031, "{delays:?}");
    }
    sim.unit_mut("srv/0").resolved = Some(crate::model::Resolved::Retry);
    sim.fail("srv/0");
    assert_eq!(
        sim.unit("srv/0")
            .progress
            .failure
            .as_ref()
            .unwrap()
            .attempts,
        1,
        "`resolved` starts the back-off anew"
    );
}

#[test]
fn a_databag_is_made_with_the_addresses() {
    let sim = settled();
    let bag = &sim.model.relations.get(&0).unwrap().members[&unit("srv/0")].bag;
    let text = serde_json::to_string(&bag.data).unwrap();
    assert_eq!(
        text,
        r#"{"egress-subnets":"127.77.0.1/32","ingress-address":"127.77.0.1","private-address":"127.77.0.1"}"#
    );
}

#[test]
fn a_change_during_a_hook_is_not_lost() {
    let mut sim = settled();
    sim.model.applications.get_mut("srv").unwrap().trust = true;
    let base = sim.model.clone();
    sim.model.applications.get_mut("srv").unwrap().trust = false;
    let now = sim.now;
    finish_hook(
        &mut sim.model,
        &unit("srv/0"),
        &Hook::ConfigChanged,
        &base,
        now,
    );
    assert_eq!(sim.settle(), ["srv/0 config-changed"]);
}

#[test]
fn an_agent_that_was_killed_takes_up_its_work() {
    let mut sim = settled();
    sim.model.applications.get_mut("srv").unwrap().trust = true;
    let now = sim.now;
    begin_hook(
        &mut sim.model,
        &unit("srv/0"),
        &Hook::ConfigChanged,
        "ctx",
        now,
    );
    sim.model.applications.get_mut("srv").unwrap().trust = false;
    recover(&mut sim.model, &unit("srv/0"), now);
    assert_eq!(
        sim.settle(),
        ["srv/0 config-changed"],
        "it runs again although nothing differs any more"
    );

    let task = sim.queue_task("srv/0");
    begin_task(&mut sim.model, &unit("srv/0"), task, "ctx", now);
    recover(&mut sim.model, &unit("srv/0"), now);
    let task = sim.model.tasks.get(&task).unwrap();
    assert_eq!(
        (task.status, task.message.as_str()),
        (TaskStatus::Failed, "action terminated")
    );
}
