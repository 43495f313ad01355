//! Which secret hook runs when.

use std::collections::BTreeMap;

use super::super::commit;
use super::super::resolver::{self, Step};
use super::super::simulation::{Simulation, unit};
use super::*;
use crate::model::changes::{
    SecretUpdate, create_secret, grant_secret, track_secret, update_secret,
};
use crate::model::{
    Content, Grant, GrantScope, RotatePolicy, SecretId, SecretOwner, Subject, TimeScale,
};

fn id() -> SecretId {
    SecretId::parse("9m4e2mr0ui3e8a215n4g").unwrap()
}

fn content(value: &str) -> SecretUpdate {
    SecretUpdate {
        content: Some(Content::new(BTreeMap::from([(
            "key".to_owned(),
            value.to_owned(),
        )]))),
        ..SecretUpdate::default()
    }
}

/// `srv` with two units and `cli` with one at rest; a secret of the application `srv` that `cli` may read.
fn world(new: SecretUpdate) -> Simulation {
    let mut sim = Simulation::new();
    sim.deploy("srv", "provides: {db: {interface: sql}}", 2);
    sim.deploy("cli", "requires: {store: {interface: sql}}", 1);
    let relation = sim.relate("srv:db", "cli:store");
    sim.settle();
    let owner = SecretOwner::Application("srv".to_owned());
    create_secret(&mut sim.model, &id(), owner, new, sim.now).unwrap();
    let grant = Grant {
        subject: Subject::Application("cli".to_owned()),
        scope: GrantScope::Relation(relation),
    };
    grant_secret(&mut sim.model, &id(), grant).unwrap();
    sim
}

fn read(sim: &mut Simulation, by: &str, revision: u32) {
    track_secret(&mut sim.model, &unit(by), &id(), Some(revision), None).unwrap();
}

fn write(sim: &mut Simulation, value: &str) {
    update_secret(&mut sim.model, &id(), content(value), sim.now).unwrap();
}

fn pass(sim: &mut Simulation, time: SignedDuration) {
    sim.now = sim.now.checked_add(time).unwrap();
}

fn waits_until(sim: &Simulation, name: &str) -> Timestamp {
    match sim.next(name) {
        Step::Wait { until: Some(until) } => until,
        other => panic!("{other:?}"),
    }
}

#[test]
fn consumers_hear_of_new_revisions_and_never_of_the_first() {
    let mut sim = world(content("djE="));
    read(&mut sim, "cli/0", 1);
    assert!(sim.settle().is_empty(), "reading is no news");
    write(&mut sim, "djI=");
    assert_eq!(sim.settle(), ["cli/0 secret-changed"]);
    write(&mut sim, "djI=");
    assert!(sim.settle().is_empty(), "equal content is no news");
    read(&mut sim, "cli/0", 2);
    assert_eq!(sim.settle(), ["srv/0 secret-remove"], "the leader is told");
    read(&mut sim, "srv/1", 2);
    write(&mut sim, "djM=");
    assert_eq!(
        sim.settle(),
        ["cli/0 secret-changed", "srv/1 secret-changed"]
    );
}

#[test]
fn who_may_not_read_any_more_hears_nothing() {
    let mut sim = world(content("djE="));
    read(&mut sim, "cli/0", 1);
    let subject = Subject::Application("cli".to_owned());
    crate::model::changes::revoke_secret(&mut sim.model, &id(), &subject);
    write(&mut sim, "djI=");
    assert!(sim.settle().is_empty());
}

#[test]
fn each_unused_revision_is_reported_once() {
    let mut sim = world(content("djE="));
    write(&mut sim, "djI=");
    write(&mut sim, "djM=");
    assert_eq!(sim.settle(), ["srv/0 secret-remove", "srv/0 secret-remove"]);
    assert!(sim.settle().is_empty());
}

#[test]
fn secret_hooks_come_before_actions_and_in_their_own_order() {
    let mut sim = world(content("djE="));
    read(&mut sim, "srv/0", 1);
    write(&mut sim, "djI=");
    write(&mut sim, "djM=");
    let timed = SecretUpdate {
        rotate: Some(RotatePolicy::Hourly),
        expires: sim.now.checked_add(SignedDuration::from_mins(30)).ok(),
        ..SecretUpdate::default()
    };
    update_secret(&mut sim.model, &id(), timed, sim.now).unwrap();
    sim.queue_task("srv/0");
    pass(&mut sim, SignedDuration::from_hours(1));
    assert_eq!(
        sim.settle_for("srv/0"),
        [
            "secret-expired",
            "secret-rotate",
            "secret-changed",
            "secret-remove",
            "action"
        ]
    );
}

#[test]
fn rotation_is_asked_for_again_until_there_is_a_new_revision() {
    let mut sim = world(SecretUpdate {
        rotate: Some(RotatePolicy::Hourly),
        ..content("djE=")
    });
    let set = sim.now;
    sim.model
        .info_mut()
        .config
        .insert("update-status-hook-interval".to_owned(), "1000h".to_owned());
    let at = |minutes| set.checked_add(SignedDuration::from_mins(minutes)).unwrap();
    assert_eq!(waits_until(&sim, "srv/0"), at(60));
    sim.now = at(60);
    assert_eq!(sim.settle(), ["srv/0 secret-rotate"]);
    assert_eq!(waits_until(&sim, "srv/0"), at(65), "nothing was rotated");
    sim.now = at(65);
    let Step::Run(hook) = sim.next("srv/0") else {
        panic!("rotation is due")
    };
    commit::begin_hook(&mut sim.model, &unit("srv/0"), &hook, "ctx", sim.now);
    write(&mut sim, "djI=");
    let base = sim.model.clone();
    commit::finish_hook(&mut sim.model, &unit("srv/0"), &hook, &base, sim.now);
    sim.settle();
    assert_eq!(waits_until(&sim, "srv/0"), at(125));
}

#[test]
fn expiry_is_reported_again_until_the_revision_is_gone() {
    let mut sim = world(content("djE="));
    let at = sim.now.checked_add(SignedDuration::from_hours(1)).unwrap();
    let expire = SecretUpdate {
        expires: Some(at),
        ..SecretUpdate::default()
    };
    update_secret(&mut sim.model, &id(), expire, sim.now).unwrap();
    sim.now = at;
    assert!(sim.settle().contains(&"srv/0 secret-expired".to_owned()));
    assert!(sim.settle().is_empty());
    pass(&mut sim, SignedDuration::from_mins(5));
    assert!(sim.settle().contains(&"srv/0 secret-expired".to_owned()));
    crate::model::changes::remove_secret(&mut sim.model, &id(), None);
    pass(&mut sim, SignedDuration::from_mins(5));
    assert!(!sim.settle().contains(&"srv/0 secret-expired".to_owned()));
}

#[test]
fn timed_hooks_are_the_leaders_and_follow_the_scale() {
    let sim = world(SecretUpdate {
        rotate: Some(RotatePolicy::Daily),
        ..content("djE=")
    });
    let moment = |seconds, scale| Moment {
        now: sim
            .now
            .checked_add(SignedDuration::from_secs(seconds))
            .unwrap(),
        scale: TimeScale::new(scale),
    };
    let due = |name: &str, moment| {
        matches!(
            resolver::next(&sim.model, sim.unit(name), moment),
            Step::Run(hook) if hook.name() == "secret-rotate"
        )
    };
    for (name, seconds, scale, expected) in [
        ("srv/0", 23, 3600, false),
        ("srv/0", 24, 3600, true),
        ("srv/1", 24, 3600, false),
        ("cli/0", 24, 3600, false),
        ("srv/0", 24, 1, false),
        ("srv/0", 86_400, 1, true),
    ] {
        assert_eq!(
            due(name, moment(seconds, scale)),
            expected,
            "{name} after {seconds} s at {scale}"
        );
    }
}

#[test]
fn a_hook_that_became_another_units_business_is_skipped() {
    let mut sim = world(content("djE="));
    write(&mut sim, "djI=");
    sim.fail("srv/0");
    let status = &sim.unit("srv/0").agent;
    assert_eq!(status.message, "hook failed: \"secret-remove\"");
    assert_eq!(status.data["secret-uri"], "secret:9m4e2mr0ui3e8a215n4g");
    sim.model.applications.get_mut("srv").unwrap().leader = Some(unit("srv/1"));
    assert!(matches!(sim.next("srv/0"), Step::SkipFailed(_)));
    sim.settle();
}

#[test]
fn dying_units_run_no_secret_hooks() {
    let mut sim = world(content("djE="));
    write(&mut sim, "djI=");
    sim.remove_application("srv");
    let ran = sim.settle();
    assert!(!ran.iter().any(|hook| hook.contains("secret")), "{ran:?}");
    assert!(
        sim.model.secrets.is_empty(),
        "they went with the application"
    );
}

#[test]
fn the_charm_is_told_in_the_words_of_each_juju() {
    for (juju, uri, running) in [
        (
            JujuVersion::V3_6,
            "secret:9m4e2mr0ui3e8a215n4g",
            "running secret-remove hook for secret:9m4e2mr0ui3e8a215n4g/1",
        ),
        (
            JujuVersion::V4_0,
            "9m4e2mr0ui3e8a215n4g",
            "running secret-remove hook for 9m4e2mr0ui3e8a215n4g/1",
        ),
    ] {
        let mut sim = world(content("djE="));
        sim.model.info_mut().juju = juju;
        write(&mut sim, "djI=");
        let Step::Run(hook) = sim.next("srv/0") else {
            panic!("a revision is unused")
        };
        assert_eq!(hook.running_message(), running);
        assert!(matches!(hook, Hook::Secret(hook) if hook.uri == uri));
        read(&mut sim, "cli/0", 2);
        let Step::Run(hook) = sim.next("cli/0") else {
            panic!("there is a newer revision than the first")
        };
        assert_eq!(
            hook.running_message(),
            "running secret-changed hook for secret:9m4e2mr0ui3e8a215n4g"
        );
    }
}
