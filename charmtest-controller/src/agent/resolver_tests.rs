//! The order of hooks, rule by rule and over whole lives.

use jiff::SignedDuration;

use super::super::commit;
use super::super::hook::{Hook, RelationEvent};
use super::super::simulation::{Simulation, unit};
use super::*;
use crate::model::{Life, Resolved, changes};

const SERVER: &str = "provides: {db: {interface: sql}}\npeers: {ring: {interface: ring}}";
const CLIENT: &str = "requires: {store: {interface: sql}}";

/// `srv` (one unit, with a peer relation 0) at rest.
fn settled() -> Simulation {
    let mut sim = Simulation::new();
    sim.deploy("srv", SERVER, 1);
    sim.settle();
    sim
}

/// `srv` and `cli` at rest with relation 1 between them.
fn related() -> Simulation {
    let mut sim = settled();
    sim.deploy("cli", CLIENT, 1);
    sim.relate("srv:db", "cli:store");
    sim.settle();
    sim
}

fn write(sim: &mut Simulation, relation: RelationId, by: &str, value: &str) {
    let changes = [("k".to_owned(), value.to_owned())].into();
    let row = sim.model.relations.get_mut(&relation).unwrap();
    match UnitName::parse(by) {
        Ok(name) => row.members.get_mut(&name).unwrap().bag.merge(&changes),
        Err(_) => row
            .applications
            .entry(by.to_owned())
            .or_default()
            .merge(&changes),
    };
}

#[test]
fn first_run_of_a_leader_and_a_minion() {
    let mut sim = Simulation::new();
    sim.deploy("srv", SERVER, 1);
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
    sim.add_unit("srv");
    let ran = sim.settle();
    let of = |name: &str| {
        ran.iter()
            .filter_map(|line| line.strip_prefix(name))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("srv/1 "),
        [
            "install",
            "ring-relation-created srv",
            "leader-settings-changed",
            "config-changed",
            "start",
            "ring-relation-joined srv/0",
            "ring-relation-changed srv/0",
        ]
    );
    assert_eq!(
        of("srv/0 "),
        ["ring-relation-joined srv/1", "ring-relation-changed srv/1"]
    );
}

#[test]
fn a_unit_is_seen_by_others_right_after_its_install() {
    let mut sim = settled();
    let fresh = sim.add_unit("srv");
    while !sim.unit("srv/1").progress.installed {
        assert!(
            matches!(sim.next("srv/0"), Step::Wait { .. }),
            "nobody is in scope before `install` ended"
        );
        sim.step(&fresh);
    }
    assert_eq!(sim.next("srv/1"), Step::EnterScopes);
    sim.step(&fresh);
    assert!(matches!(sim.next("srv/0"), Step::Run(hook) if hook.name() == "ring-relation-joined"));
    assert!(matches!(sim.next("srv/1"), Step::Run(hook) if hook.name() == "ring-relation-created"));
}

#[test]
fn nothing_comes_between_config_changed_and_start() {
    let mut sim = Simulation::new();
    sim.deploy("srv", SERVER, 1);
    while sim.unit("srv/0").progress.config_seen.is_none() {
        sim.step(&unit("srv/0"));
    }
    sim.deploy("cli", CLIENT, 1);
    sim.relate("srv:db", "cli:store");
    sim.queue_task("srv/0");
    sim.remove_unit("srv/0");
    assert_eq!(sim.next("srv/0"), Step::Run(Hook::Start));
}

#[test]
fn an_action_that_was_queued_early_runs_before_config_changed() {
    let mut sim = Simulation::new();
    sim.deploy("srv", SERVER, 1);
    sim.queue_task("srv/0");
    assert_eq!(
        sim.settle_for("srv/0"),
        [
            "install",
            "ring-relation-created srv",
            "leader-elected",
            "action",
            "config-changed",
            "start"
        ]
    );
}

#[test]
fn relating_joins_both_sides() {
    let mut sim = settled();
    sim.deploy("cli", CLIENT, 1);
    sim.settle();
    sim.relate("srv:db", "cli:store");
    assert_eq!(
        sim.settle(),
        [
            "cli/0 store-relation-created srv",
            "srv/0 db-relation-created cli",
            "cli/0 store-relation-joined srv/0",
            "srv/0 db-relation-joined cli/0",
            "cli/0 store-relation-changed srv/0",
            "srv/0 db-relation-changed cli/0",
        ]
    );
}

#[test]
fn within_a_relation_the_rules_apply_in_order() {
    let mut sim = related();
    write(&mut sim, 1, "cli", "a");
    write(&mut sim, 1, "cli/0", "a");
    sim.add_unit("cli");
    let ran = sim.settle_for("srv/0");
    assert_eq!(
        ran,
        [
            "db-relation-changed cli",
            "db-relation-changed cli/0",
            "db-relation-joined cli/1",
            "db-relation-changed cli/1"
        ],
        "cli/1 had not entered the scope when the rest was due"
    );
    // The same value again is no change; a new one is.
    write(&mut sim, 1, "cli/0", "a");
    assert!(sim.settle().is_empty());
    write(&mut sim, 1, "cli/0", "b");
    assert_eq!(sim.settle(), ["srv/0 db-relation-changed cli/0"]);
}

#[test]
fn members_join_in_string_order() {
    let mut sim = settled();
    sim.deploy("cli", CLIENT, 11);
    sim.settle();
    sim.relate("srv:db", "cli:store");
    for index in 0..11 {
        let name = UnitName::new("cli", index);
        while matches!(sim.next(name.as_str()), Step::EnterScopes) {
            sim.step(&name);
        }
    }
    let joined: Vec<String> = sim
        .settle_for("srv/0")
        .into_iter()
        .filter_map(|line| line.strip_prefix("db-relation-joined ").map(str::to_owned))
        .collect();
    assert_eq!(joined[..3], ["cli/0", "cli/1", "cli/10"]);
}

#[test]
fn the_leader_hears_of_its_own_peer_application_data() {
    let mut sim = settled();
    write(&mut sim, 0, "srv", "a");
    assert_eq!(sim.settle(), ["srv/0 ring-relation-changed srv"]);
    write(&mut sim, 0, "srv/0", "a");
    assert!(
        sim.settle().is_empty(),
        "a unit's own databag never notifies it"
    );
}

#[test]
fn removing_a_relation_departs_and_breaks_both_sides() {
    let mut sim = related();
    sim.remove_relation(1);
    assert_eq!(
        sim.settle(),
        [
            "cli/0 store-relation-departed srv/0",
            "srv/0 db-relation-departed cli/0",
            "cli/0 store-relation-broken srv",
            "srv/0 db-relation-broken cli",
        ]
    );
    assert!(!sim.model.relations.contains(&1));
    assert!(!sim.unit("srv/0").progress.relations.contains_key(&1));
}

#[test]
fn removing_a_relation_that_nobody_joined_breaks_it() {
    let mut sim = settled();
    sim.deploy("cli", CLIENT, 0);
    sim.relate("srv:db", "cli:store");
    assert_eq!(sim.settle(), ["srv/0 db-relation-created cli"]);
    sim.remove_relation(1);
    assert_eq!(sim.settle(), ["srv/0 db-relation-broken cli"]);
}

#[test]
fn removing_the_leader_unit() {
    let mut sim = related();
    sim.add_unit("srv");
    sim.settle();
    sim.remove_unit("srv/0");
    // 4.0.15 was recorded to run no `ring-relation-departed` on survivors; 3.6 documents that they do.
    assert_eq!(
        sim.settle(),
        [
            "cli/0 store-relation-departed srv/0",
            "srv/0 db-relation-departed cli/0 (leaving: self)",
            "srv/1 ring-relation-departed srv/0",
            "srv/0 db-relation-broken cli",
            "srv/0 ring-relation-departed srv/1 (leaving: self)",
            "srv/0 stop",
            "srv/0 remove",
            "srv/0 gone",
            "srv/1 leader-elected",
        ]
    );
    assert_eq!(
        sim.model.applications.get("srv").unwrap().leader,
        Some(unit("srv/1"))
    );
    assert!(
        !sim.model.machines.contains("0"),
        "the machine goes with its last unit"
    );
}

#[test]
fn removing_an_application() {
    let mut sim = related();
    sim.remove_application("srv");
    assert_eq!(
        sim.settle(),
        [
            "cli/0 store-relation-departed srv/0",
            "srv/0 db-relation-departed cli/0 (leaving: self)",
            "cli/0 store-relation-broken srv",
            "srv/0 db-relation-broken cli",
            "srv/0 stop",
            "srv/0 remove",
            "srv/0 gone",
        ]
    );
    assert!(!sim.model.applications.contains("srv"));
    assert!(
        sim.model.relations.is_empty(),
        "the peer relation goes with its application"
    );
    assert_eq!(sim.model.info.unit_counters.get("srv"), Some(&1));
    assert!(!sim.gone);
}

#[test]
fn a_dying_model_goes_with_its_last_application() {
    let mut sim = related();
    sim.model.info_mut().life = Life::Dying;
    sim.remove_application("srv");
    sim.remove_application("cli");
    sim.settle();
    assert!(sim.gone);
}

#[test]
fn a_unit_that_never_came_up_goes_without_hooks() {
    let mut sim = Simulation::new();
    sim.deploy("srv", SERVER, 1);
    sim.remove_unit("srv/0");
    assert!(sim.settle().is_empty());
    assert!(sim.model.units.is_empty());
    let fresh = sim.add_unit("srv");
    sim.step(&fresh);
    sim.remove_unit("srv/1");
    assert_eq!(
        sim.settle(),
        ["srv/1 gone"],
        "`install` was queued but not begun"
    );
}

#[test]
fn config_changed_follows_configuration_trust_and_address() {
    let mut sim = settled();
    sim.model
        .applications
        .get_mut("srv")
        .unwrap()
        .config
        .insert("a".to_owned(), 1.into());
    assert_eq!(sim.settle(), ["srv/0 config-changed"]);
    sim.model
        .applications
        .get_mut("srv")
        .unwrap()
        .config
        .insert("a".to_owned(), 1.into());
    assert!(sim.settle().is_empty(), "the same value is no event");
    sim.model.applications.get_mut("srv").unwrap().trust = true;
    assert_eq!(sim.settle(), ["srv/0 config-changed"]);
    sim.model.machines.get_mut("0").unwrap().address = std::net::Ipv4Addr::new(127, 1, 2, 3);
    assert_eq!(sim.settle(), ["srv/0 config-changed"]);
    assert_eq!(
        sim.model.relations.get(&0).unwrap().members[&unit("srv/0")]
            .bag
            .data["ingress-address"],
        "127.1.2.3"
    );
}

#[test]
fn an_upgrade_runs_upgrade_charm_then_config_changed() {
    let mut sim = settled();
    sim.add_charm("local:srv-1", "srv", SERVER);
    let app = sim.model.applications.get_mut("srv").unwrap();
    app.charm = "local:srv-1".to_owned();
    app.charm_modified += 1;
    assert_eq!(sim.next("srv/0"), Step::Unpack);
    assert_eq!(
        sim.settle(),
        ["srv/0 upgrade-charm", "srv/0 config-changed"]
    );
    // A resource that was attached counts as a change of the charm.
    sim.model
        .applications
        .get_mut("srv")
        .unwrap()
        .charm_modified += 1;
    assert_eq!(
        sim.settle(),
        ["srv/0 upgrade-charm", "srv/0 config-changed"]
    );
}

#[test]
fn an_upgrade_that_fails_waits_until_it_is_resolved_or_forced() {
    let wait = Step::Wait { until: None };
    let name = unit("srv/0");
    let upgrade_to = |sim: &mut Simulation, revision: u32, force: bool| {
        let url = format!("local:srv-{revision}");
        sim.add_charm(&url, "srv", SERVER);
        let app = sim.model.applications.get_mut("srv").unwrap();
        app.charm = url;
        app.charm_modified += 1;
        app.force_charm = force;
    };
    let fail = |sim: &mut Simulation| {
        let (url, modified) = charm_to_unpack(&sim.model, sim.unit("srv/0")).unwrap();
        commit::begin_unpack(&mut sim.model, &unit("srv/0"), sim.now);
        commit::fail_unpack(&mut sim.model, &unit("srv/0"), &url, modified, sim.now);
    };
    let mut sim = settled();
    // By force or not: one attempt.
    upgrade_to(&mut sim, 1, true);
    assert_eq!(sim.next("srv/0"), Step::Unpack);
    fail(&mut sim);
    let row = sim.unit("srv/0");
    assert_eq!(row.agent.message, "upgrade failed");
    assert!(!commit::is_unsettled(row), "the error stays");
    sim.queue_task("srv/0");
    sim.model.applications.get_mut("srv").unwrap().trust = true;
    assert_eq!(sim.next("srv/0"), wait, "neither hooks nor actions");
    upgrade_to(&mut sim, 2, false);
    assert_eq!(sim.next("srv/0"), wait);

    for how in [Resolved::Skip, Resolved::Retry] {
        crate::model::changes::resolve(&mut sim.model, &name, how).unwrap();
        assert_eq!(sim.next("srv/0"), Step::Unpack);
        let again = charm_to_unpack(&sim.model, sim.unit("srv/0")).unwrap();
        assert_eq!(again.0, "local:srv-1", "the one that failed");
        fail(&mut sim);
        assert_eq!(sim.unit("srv/0").resolved, None);
        assert_eq!(sim.next("srv/0"), wait);
    }
    // An agent that starts anew tries again, with what the application has now.
    commit::recover(&mut sim.model, &name, sim.now);
    assert_eq!(sim.next("srv/0"), Step::Unpack);
    let newest = charm_to_unpack(&sim.model, sim.unit("srv/0")).unwrap();
    assert_eq!(newest.0, "local:srv-2");
    fail(&mut sim);

    upgrade_to(&mut sim, 3, true);
    assert_eq!(sim.next("srv/0"), Step::Unpack);
    assert_eq!(
        sim.settle(),
        [
            "srv/0 upgrade-charm",
            "srv/0 config-changed",
            "srv/0 action",
        ]
    );
    assert_eq!(
        sim.unit("srv/0").progress.charm.as_deref(),
        Some("local:srv-3")
    );
}

#[test]
fn an_interrupted_unpacking_comes_before_everything() {
    let mut sim = settled();
    sim.queue_task("srv/0");
    commit::begin_unpack(&mut sim.model, &unit("srv/0"), sim.now);
    assert_eq!(sim.next("srv/0"), Step::Unpack);
}

#[test]
fn update_status_comes_after_the_interval_with_jitter() {
    let mut sim = settled();
    let last = sim.unit("srv/0").progress.last_hook.unwrap();
    let Step::Wait { until: Some(at) } = sim.next("srv/0") else {
        panic!("nothing is due")
    };
    let wait = at.duration_since(last).as_secs();
    assert!((240..=360).contains(&wait), "{wait} s of 5 m");
    sim.now = at;
    assert_eq!(sim.next("srv/0"), Step::Run(Hook::UpdateStatus));
    sim.model
        .info_mut()
        .config
        .insert("update-status-hook-interval".to_owned(), "10s".to_owned());
    sim.now = last.checked_add(SignedDuration::from_secs(13)).unwrap();
    assert_eq!(sim.next("srv/0"), Step::Run(Hook::UpdateStatus));
}

#[test]
fn a_failed_hook_blocks_all_but_actions() {
    let mut sim = settled();
    sim.model.applications.get_mut("srv").unwrap().trust = true;
    sim.fail("srv/0");
    let Step::Wait { until: Some(at) } = sim.next("srv/0") else {
        panic!("it must wait for the retry")
    };
    assert_eq!(at.duration_since(sim.now).as_secs(), 5);
    sim.remove_unit("srv/0");
    assert!(
        matches!(sim.next("srv/0"), Step::Wait { .. }),
        "teardown waits as well"
    );
    let task = sim.queue_task("srv/0");
    assert_eq!(sim.next("srv/0"), Step::Action(task));
    sim.step(&unit("srv/0"));
    assert_eq!(
        sim.unit("srv/0").agent.message,
        "hook failed: \"config-changed\"",
        "an action does not hide the error"
    );
    sim.now = at;
    assert_eq!(sim.next("srv/0"), Step::Retry(Hook::ConfigChanged));
    assert_eq!(
        sim.settle_for("srv/0"),
        ["action", "config-changed", "stop", "remove", "gone"]
    );
}

#[test]
fn resolved_retries_or_skips() {
    let mut sim = settled();
    sim.model
        .info_mut()
        .config
        .insert("automatically-retry-hooks".to_owned(), "false".to_owned());
    sim.model.applications.get_mut("srv").unwrap().trust = true;
    sim.fail("srv/0");
    assert_eq!(sim.next("srv/0"), Step::Wait { until: None });
    sim.unit_mut("srv/0").resolved = Some(Resolved::Retry);
    assert_eq!(sim.next("srv/0"), Step::Retry(Hook::ConfigChanged));
    sim.fail("srv/0");
    assert_eq!(sim.next("srv/0"), Step::Wait { until: None });
    sim.unit_mut("srv/0").resolved = Some(Resolved::Skip);
    assert_eq!(sim.next("srv/0"), Step::SkipFailed(Hook::ConfigChanged));
    assert!(sim.settle().is_empty(), "it counts as done");
    assert_eq!(sim.unit("srv/0").progress.failure, None);
}

#[test]
fn a_skipped_install_counts_as_installed() {
    let mut sim = Simulation::new();
    sim.deploy("srv", SERVER, 1);
    sim.step(&unit("srv/0"));
    sim.fail("srv/0");
    sim.unit_mut("srv/0").resolved = Some(Resolved::Skip);
    assert_eq!(
        sim.settle_for("srv/0"),
        [
            "ring-relation-created srv",
            "leader-elected",
            "config-changed",
            "start"
        ]
    );
}

#[test]
fn a_relation_removed_while_its_joined_hook_fails_is_gone_through() {
    let mut sim = settled();
    sim.deploy("cli", CLIENT, 1);
    sim.relate("srv:db", "cli:store");
    while !matches!(sim.next("srv/0"), Step::Run(hook) if hook.name() == "db-relation-joined") {
        sim.step(&unit("srv/0"));
        sim.step(&unit("cli/0"));
    }
    sim.fail("srv/0");
    sim.remove_relation(1);
    sim.settle();
    sim.unit_mut("srv/0").resolved = Some(Resolved::Retry);
    assert_eq!(
        sim.settle_for("srv/0"),
        [
            "db-relation-joined cli/0",
            "db-relation-changed cli/0",
            "db-relation-departed cli/0",
            "db-relation-broken cli"
        ]
    );
}

#[test]
fn a_forced_upgrade_replaces_the_charm_under_a_failed_hook() {
    let mut sim = settled();
    sim.model.applications.get_mut("srv").unwrap().trust = true;
    sim.fail("srv/0");
    let app = sim.model.applications.get_mut("srv").unwrap();
    app.charm_modified += 1;
    assert!(
        matches!(sim.next("srv/0"), Step::Wait { .. }),
        "not without force"
    );
    sim.model.applications.get_mut("srv").unwrap().force_charm = true;
    assert_eq!(sim.next("srv/0"), Step::Unpack);
    sim.unit_mut("srv/0").resolved = Some(Resolved::Retry);
    assert_eq!(
        sim.settle(),
        ["srv/0 config-changed"],
        "no upgrade-charm follows"
    );
}

#[test]
fn an_implicit_endpoint_enters_scope_without_hooks() {
    let mut sim = settled();
    sim.deploy("mon", "requires: {host: {interface: juju-info}}", 1);
    sim.settle();
    let id = sim.relate("srv:juju-info", "mon:host");
    assert_eq!(
        sim.settle(),
        [
            "mon/0 host-relation-created srv",
            "mon/0 host-relation-joined srv/0",
            "mon/0 host-relation-changed srv/0"
        ]
    );
    sim.remove_relation(id);
    assert_eq!(
        sim.settle(),
        [
            "mon/0 host-relation-departed srv/0",
            "mon/0 host-relation-broken srv"
        ]
    );
    assert!(!sim.model.relations.contains(&id));
}

#[test]
fn other_relations_are_torn_down_before_peers() {
    let mut sim = Simulation::new();
    sim.deploy("srv", SERVER, 2);
    sim.deploy("cli", CLIENT, 1);
    sim.relate("srv:db", "cli:store");
    sim.settle();
    sim.remove_unit("srv/1");
    let ran = sim.settle_for("srv/1");
    assert_eq!(
        ran,
        [
            "db-relation-departed cli/0 (leaving: self)",
            "db-relation-broken cli",
            "ring-relation-departed srv/0 (leaving: self)",
            "stop",
            "remove",
            "gone"
        ]
    );
}

#[test]
fn a_hook_whose_relation_was_forced_away_is_dropped() {
    let mut sim = related();
    write(&mut sim, 1, "cli/0", "x");
    sim.fail("srv/0");
    changes::remove_relation(&mut sim.model, 1, changes::Haste::Forced).unwrap();
    assert!(
        matches!(sim.next("srv/0"), Step::SkipFailed(hook) if hook.relation().is_some_and(|h| h.event == RelationEvent::Changed))
    );
    assert!(sim.settle().is_empty());
    assert!(!sim.unit("srv/0").progress.relations.contains_key(&1));
}

#[test]
fn minions_hear_of_leader_settings() {
    let mut sim = Simulation::new();
    sim.deploy("srv", SERVER, 2);
    sim.settle();
    let changes = [("k".to_owned(), "v".to_owned())].into();
    sim.model
        .applications
        .get_mut("srv")
        .unwrap()
        .leader_settings
        .merge(&changes);
    assert_eq!(sim.settle(), ["srv/1 leader-settings-changed"]);
}

#[test]
fn durations_are_read_as_go_writes_them() {
    for (text, milliseconds) in [
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("1.5s", 1_500),
        ("300ms", 300),
        ("0", 0),
    ] {
        assert_eq!(
            interval(text).map(|d| d.as_millis()),
            Some(milliseconds),
            "{text}"
        );
    }
    for text in ["", "5", "m", "5x", "5m3", "-", "-5m"] {
        assert_eq!(interval(text), None, "{text}");
    }
}

const STORAGE: &str = "peers: {ring: {interface: ring}}\nprovides: {db: {interface: sql}}\n\
                       storage: {data: {type: filesystem, multiple: {range: 0-3}}, cache: {type: filesystem}}";

/// Adds storage to a unit and returns its id.
fn add_storage(sim: &mut Simulation, to: &str, name: &str) -> StorageId {
    let request = changes::StorageRequest::of_count(1);
    let now = sim.now;
    let added = changes::add_storage(&mut sim.model, &unit(to), name, &request, now);
    added.unwrap().remove(0)
}

/// `srv` (one unit) at rest, deployed with `cache/0` and `data/1`.
fn with_storage() -> Simulation {
    let mut sim = Simulation::new();
    sim.deploy("srv", STORAGE, 1);
    add_storage(&mut sim, "srv/0", "cache");
    add_storage(&mut sim, "srv/0", "data");
    sim.settle();
    sim
}

#[test]
fn storage_is_attached_before_install() {
    let mut sim = Simulation::new();
    sim.deploy("srv", STORAGE, 1);
    add_storage(&mut sim, "srv/0", "cache");
    add_storage(&mut sim, "srv/0", "data");
    assert_eq!(
        sim.settle(),
        [
            "srv/0 cache-storage-attached cache/0",
            "srv/0 data-storage-attached data/1",
            "srv/0 install",
            "srv/0 ring-relation-created srv",
            "srv/0 leader-elected",
            "srv/0 config-changed",
            "srv/0 start"
        ]
    );
    // Later it comes after actions.
    add_storage(&mut sim, "srv/0", "data");
    sim.queue_task("srv/0");
    assert_eq!(
        sim.settle(),
        ["srv/0 action", "srv/0 data-storage-attached data/2"]
    );
}

#[test]
fn storage_has_its_directory_before_its_hook() {
    let mut sim = settled();
    sim.add_charm("local:srv-0", "srv", STORAGE);
    let id = add_storage(&mut sim, "srv/0", "data");
    assert_eq!(sim.next("srv/0"), Step::ProvisionStorage(vec![id]));
    sim.step(&unit("srv/0"));
    assert!(matches!(sim.next("srv/0"), Step::Run(hook) if hook.name() == "data-storage-attached"));
}

#[test]
fn detaching_runs_a_hook_only_after_attached_did() {
    let mut sim = with_storage();
    let (id, fresh) = (
        StorageId::new("data", 1),
        add_storage(&mut sim, "srv/0", "data"),
    );
    for id in [&id, &fresh] {
        changes::detach_storage(&mut sim.model, id, false, Timestamp::UNIX_EPOCH).unwrap();
    }
    assert_eq!(sim.settle(), ["srv/0 data-storage-detaching data/1"]);
    let row = sim.model.storage.get(&id).unwrap();
    assert_eq!(
        (row.attachment.is_none(), row.status.current.as_str()),
        (true, "detached")
    );
    assert!(sim.model.storage.get(&fresh).unwrap().attachment.is_none());
    changes::attach_storage(&mut sim.model, &unit("srv/0"), &id, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(sim.settle(), ["srv/0 data-storage-attached data/1"]);
}

#[test]
fn a_dying_unit_lets_go_of_its_storage_before_its_relations() {
    let mut sim = with_storage();
    sim.deploy("cli", CLIENT, 1);
    sim.relate("srv:db", "cli:store");
    sim.settle();
    sim.remove_unit("srv/0");
    assert_eq!(
        sim.settle_for("srv/0"),
        [
            "cache-storage-detaching cache/0",
            "data-storage-detaching data/1",
            "db-relation-departed cli/0 (leaving: self)",
            "db-relation-broken cli",
            "stop",
            "remove",
            "gone"
        ]
    );
    assert_eq!(sim.model.storage.len(), 2, "the storage stays");
}

#[test]
fn a_unit_that_goes_before_its_install_lets_go_of_what_it_has() {
    let mut sim = Simulation::new();
    sim.deploy("srv", STORAGE, 1);
    add_storage(&mut sim, "srv/0", "cache");
    add_storage(&mut sim, "srv/0", "data");
    while sim.unit("srv/0").progress.storage.is_empty() {
        sim.step(&unit("srv/0"));
    }
    sim.remove_unit("srv/0");
    sim.ran.clear();
    assert_eq!(
        sim.settle(),
        ["srv/0 cache-storage-detaching cache/0", "srv/0 gone"]
    );
}

#[test]
fn a_failed_storage_hook_holds_install_back_until_it_is_resolved() {
    let mut sim = Simulation::new();
    sim.deploy("srv", STORAGE, 1);
    let id = add_storage(&mut sim, "srv/0", "cache");
    while !matches!(sim.next("srv/0"), Step::Run(Hook::Storage(_))) {
        sim.step(&unit("srv/0"));
    }
    sim.fail("srv/0");
    let status = &sim.unit("srv/0").agent;
    assert_eq!(status.message, "hook failed: \"storage-attached\"");
    assert_eq!(status.data["hook"], "cache-storage-attached");
    assert!(matches!(sim.next("srv/0"), Step::Wait { .. }));
    changes::resolve(&mut sim.model, &unit("srv/0"), Resolved::Skip).unwrap();
    assert_eq!(sim.settle()[..1], ["srv/0 install"]);
    assert!(
        sim.unit("srv/0").progress.storage.contains(&id),
        "it counts as done"
    );
}

#[test]
fn a_failed_storage_hook_is_forgotten_when_its_storage_is_taken_away() {
    let mut sim = with_storage();
    let id = add_storage(&mut sim, "srv/0", "data");
    while !matches!(sim.next("srv/0"), Step::Run(Hook::Storage(_))) {
        sim.step(&unit("srv/0"));
    }
    sim.fail("srv/0");
    changes::detach_storage(&mut sim.model, &id, true, Timestamp::UNIX_EPOCH).unwrap();
    assert!(sim.settle().is_empty());
    assert!(sim.unit("srv/0").progress.failure.is_none());
}

#[test]
fn a_failed_hook_holds_only_the_hooks_of_storage_up() {
    let mut sim = with_storage();
    sim.model.applications.get_mut("srv").unwrap().trust = true;
    sim.fail("srv/0");
    let id = add_storage(&mut sim, "srv/0", "data");
    assert_eq!(sim.settle(), [] as [&str; 0]);
    let held = sim.model.storage.get(&id).unwrap().attachment.clone();
    assert!(held.unwrap().location.is_some(), "its directory is there");
    changes::detach_storage(&mut sim.model, &id, false, sim.now).unwrap();
    assert_eq!(sim.next("srv/0"), Step::DropStorage(id.clone()));
    let seen = StorageId::parse("data/1").unwrap();
    changes::detach_storage(&mut sim.model, &seen, false, sim.now).unwrap();
    assert_eq!(sim.settle(), [] as [&str; 0]);
    let attachment = |sim: &Simulation, id| sim.model.storage.get(id).unwrap().attachment.clone();
    assert_eq!(attachment(&sim, &id), None);
    assert!(
        attachment(&sim, &seen).is_some(),
        "that one has a hook to run"
    );
}

#[test]
fn an_endpoint_of_a_newer_charm_waits_for_that_charm() {
    let mut sim = Simulation::new();
    sim.deploy("srv", "", 1);
    sim.deploy("cli", "requires: {db: {interface: sql}}", 1);
    sim.settle();
    sim.model.applications.get_mut("srv").unwrap().trust = true;
    sim.fail("srv/0");
    sim.add_charm("local:srv-1", "srv", SERVER);
    let app = sim.model.applications.get_mut("srv").unwrap();
    app.charm = "local:srv-1".to_owned();
    sim.relate("srv:db", "cli:db");
    assert_eq!(sim.settle(), ["cli/0 db-relation-created srv"]);
    let name = unit("srv/0");
    let ignored: Vec<&str> = ignored_relations(&sim.model, &name)
        .map(|(_, endpoint)| endpoint)
        .collect();
    assert_eq!(ignored, ["db"]);
    changes::resolve(&mut sim.model, &name, Resolved::Retry).unwrap();
    assert_eq!(
        sim.settle_for("srv/0")[..4],
        [
            "config-changed",
            "upgrade-charm",
            "config-changed",
            "db-relation-created cli"
        ]
    );
    assert_eq!(ignored_relations(&sim.model, &name).count(), 0);
}

#[test]
fn storage_of_a_newer_charm_waits_for_that_charm() {
    let mut sim = Simulation::new();
    sim.deploy("srv", "", 1);
    sim.settle();
    sim.add_charm("local:srv-1", "srv", "storage: {data: {type: filesystem}}");
    let app = sim.model.applications.get_mut("srv").unwrap();
    app.charm = "local:srv-1".to_owned();
    add_storage(&mut sim, "srv/0", "data");
    assert_eq!(
        sim.settle(),
        [
            "srv/0 upgrade-charm",
            "srv/0 config-changed",
            "srv/0 data-storage-attached data/0"
        ]
    );
}
