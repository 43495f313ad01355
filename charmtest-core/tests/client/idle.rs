//! The judgement of idleness, as a table of histories.

use crate::status::{UNIT_IN_ERROR, read};
use charmtest::juju::Status;
use charmtest::wait::{IdleGoal, IdleMemory, OnTrouble, Verdict, judge};
use serde_json::{Value, json};
use std::time::Duration;

/// Returns an application whose units are given as `workload/agent/since`.
fn app(status: &str, units: &[&str]) -> Value {
    json!({"application-status": {"current": status}, "units": units_of("a", units)})
}

fn units_of(name: &str, units: &[&str]) -> Value {
    let unit = |(number, text): (usize, &&str)| {
        let parts: Vec<&str> = text.split('/').collect();
        let unit = json!({
            "workload-status": {"current": parts[0], "message": parts.get(3).unwrap_or(&"")},
            "juju-status": {"current": parts[1], "since": parts.get(2).unwrap_or(&"1")},
            "machine": number.to_string(),
        });
        (format!("{name}/{number}"), unit)
    };
    Value::Object(units.iter().enumerate().map(unit).collect())
}

fn model(a: Value) -> Status {
    status(json!({"applications": {"a": a}}))
}

fn status(value: Value) -> Status {
    read(&value.to_string())
}

fn goal() -> IdleGoal {
    IdleGoal {
        idle_period: Duration::from_secs(15),
        on_error: OnTrouble::Raise,
        ..IdleGoal::default()
    }
}

/// Judges each status at its second, and returns what came of it: `settled`, the reasons, or the troubles.
fn judge_all(goal: &IdleGoal, history: &[(u64, Status)]) -> Vec<String> {
    let mut memory = IdleMemory::default();
    let mut verdicts = Vec::new();
    for (second, status) in history {
        let (verdict, next) = judge(goal, &memory, status, Duration::from_secs(*second));
        memory = next;
        verdicts.push(show(&verdict));
    }
    verdicts
}

fn show(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Settled => "settled".to_owned(),
        Verdict::Busy { reasons, .. } => reasons
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; "),
        Verdict::Trouble(troubles) => {
            let troubles: Vec<String> = troubles.iter().map(ToString::to_string).collect();
            format!("TROUBLE {}", troubles.join("; "))
        }
    }
}

/// Judges one status when all its idle periods are over.
fn at_last(goal: &IdleGoal, status: Status) -> String {
    judge_all(goal, &[(0, status.clone()), (100, status)])
        .pop()
        .unwrap()
}

#[test]
fn the_idle_period_counts_from_when_a_unit_was_first_seen_idle() {
    let idle = || model(app("active", &["active/idle"]));
    let history = [(0, idle()), (10, idle()), (15, idle())];
    assert_eq!(
        judge_all(&goal(), &history),
        [
            "a/0: idle for 0.0ns of 15.0s",
            "a/0: idle for 10.0s of 15.0s",
            "settled"
        ]
    );
}

#[test]
fn work_starts_the_idle_period_anew() {
    let idle = |since| model(app("active", &[&format!("active/idle/{since}")]));
    let busy = model(app("active", &["active/executing"]));
    let seen = judge_all(
        &goal(),
        &[
            (0, idle(1)),
            (10, busy),
            (14, idle(2)),
            (28, idle(2)),
            (29, idle(2)),
        ],
    );
    assert_eq!(seen[1], "a/0: the agent is `executing`");
    assert_eq!(seen[3], "a/0: idle for 14.0s of 15.0s");
    assert_eq!(seen[4], "settled");
}

#[test]
fn work_between_two_looks_is_noticed_by_the_time_of_the_agent_status() {
    let idle = |since| model(app("active", &[&format!("active/idle/{since}")]));
    let seen = judge_all(
        &goal(),
        &[(0, idle(1)), (14, idle(2)), (16, idle(2)), (29, idle(2))],
    );
    assert_eq!(seen[2], "a/0: idle for 2.0s of 15.0s");
    assert_eq!(seen[3], "settled");
}

#[test]
fn a_verdict_says_when_only_time_is_missing() {
    let memory = IdleMemory::default();
    let two = model(app("active", &["active/idle", "active/idle"]));
    let (verdict, memory) = judge(&goal(), &memory, &two, Duration::from_secs(3));
    assert!(
        matches!(verdict, Verdict::Busy { settled_in: Some(left), .. } if left == Duration::from_secs(15))
    );
    let one_busy = model(app("active", &["active/idle", "active/executing"]));
    let (verdict, _) = judge(&goal(), &memory, &one_busy, Duration::from_secs(5));
    assert!(matches!(
        verdict,
        Verdict::Busy {
            settled_in: None,
            ..
        }
    ));
}

#[test]
fn what_is_waited_for_is_there() {
    let none = status(json!({}));
    assert_eq!(
        at_last(&goal(), none.clone()),
        "there are no applications in the model"
    );
    let named = IdleGoal {
        applications: vec!["a".into(), "b".into()],
        ..goal()
    };
    assert_eq!(
        at_last(&named, none),
        "a: is not in the model; b: is not in the model"
    );
    assert_eq!(
        at_last(&goal(), model(app("unknown", &[]))),
        "a: has 0 of 1 units"
    );
}

#[test]
fn the_applications_are_those_in_the_model_at_the_moment() {
    let one = model(app("active", &["active/idle"]));
    let two = status(
        json!({"applications": {"a": app("active", &["active/idle"]), "b": app("waiting", &[])}}),
    );
    let seen = judge_all(&goal(), &[(0, one.clone()), (20, two), (21, one)]);
    assert_eq!(seen[1], "b: has 0 of 1 units");
    assert_eq!(seen[2], "settled");
}

#[test]
fn a_unit_that_was_busy_and_is_gone_does_not_block() {
    let seen = judge_all(
        &goal(),
        &[
            (
                0,
                model(app("active", &["active/idle", "active/executing"])),
            ),
            (15, model(app("active", &["active/idle"]))),
        ],
    );
    assert_eq!(seen[1], "settled");
}

#[test]
fn the_status_of_units_and_application_has_to_be_the_one_asked_for() {
    let active = IdleGoal {
        status: Some("active".into()),
        ..goal()
    };
    for (app, expected) in [
        (app("active", &["active/idle", "active/idle"]), "settled"),
        (app("unknown", &["active/idle"]), "settled"),
        (
            app("active", &["active/idle", "waiting/idle/1/no db"]),
            "a/1: the unit is `waiting` (no db), not `active`",
        ),
        (
            app("maintenance", &["active/idle"]),
            "a: the application is `maintenance`, not `active`",
        ),
    ] {
        assert_eq!(at_last(&active, model(app)), expected);
    }
}

#[test]
fn units_are_counted_per_application() {
    let exactly = |count| IdleGoal {
        exactly: Some(count),
        ..goal()
    };
    let at_least = |count| IdleGoal {
        at_least: Some(count),
        status: Some("active".into()),
        ..goal()
    };
    let idle = "active/idle";
    for (goal, app, expected) in [
        (
            exactly(2),
            app("active", &[idle]),
            "a: has 1 of exactly 2 units",
        ),
        (exactly(2), app("active", &[idle, idle]), "settled"),
        (
            exactly(1),
            app("active", &[idle, idle]),
            "a: has 2 of exactly 1 units",
        ),
        (exactly(0), app("unknown", &[]), "settled"),
        (
            exactly(0),
            app("active", &[idle]),
            "a: has 1 of exactly 0 units",
        ),
        (
            at_least(1),
            app("blocked", &[idle, "blocked/executing"]),
            "settled",
        ),
        (
            at_least(3),
            app("active", &[idle, idle]),
            "a: has 2 of at least 3 units",
        ),
        (
            at_least(2),
            app("active", &[idle, "waiting/idle"]),
            "a/1: the unit is `waiting`, not `active`",
        ),
        (at_least(0), app("unknown", &[]), "settled"),
        (
            goal(),
            json!({"scale": 2, "application-status": {"current": "active"}, "units": units_of("a", &[idle])}),
            "a: has 1 of 2 units",
        ),
    ] {
        assert_eq!(
            at_last(&goal, model(app.clone())),
            expected,
            "{goal:?} {app}"
        );
    }

    let two = json!({"a": app("active", &[idle, idle]), "b": {"units": units_of("b", &[])}});
    assert_eq!(
        at_last(&at_least(1), status(json!({"applications": two}))),
        "b: has 0 of at least 1 units"
    );
}

#[test]
fn the_idle_period_holds_for_at_least_as_well() {
    let goal = IdleGoal {
        at_least: Some(1),
        ..goal()
    };
    let seen = judge_all(
        &goal,
        &[(
            0,
            model(app("active", &["active/idle", "active/executing"])),
        )],
    );
    assert_eq!(
        seen,
        ["a/0: idle for 0.0ns of 15.0s; a/1: the agent is `executing`"]
    );
}

#[test]
fn subordinate_units_count() {
    let subordinates = json!({"s/0": {"workload-status": {"current": "active"}, "juju-status": {"current": "executing", "message": "running install hook"}}});
    let mut a = app("active", &["active/idle"]);
    a["units"]["a/0"]["subordinates"] = subordinates;
    let both = status(json!({"applications": {"a": a, "s": {"subordinate-to": ["a"]}}}));
    assert_eq!(
        at_last(&goal(), both),
        "s/0: the agent is `executing` (running install hook)"
    );
}

#[test]
fn what_is_in_error_is_named_at_once() {
    let recorded = judge_all(&goal(), &[(0, read(UNIT_IN_ERROR))]);
    assert_eq!(
        recorded,
        [r#"TROUBLE unit server/0 is in error: hook failed: "config-changed""#]
    );

    for (app, machine, expected) in [
        (
            app("error", &["error/idle/1/bad", "error/idle"]),
            "running",
            "unit a/0 is in error: bad; unit a/1 is in error",
        ),
        (
            app("active", &["active/failed"]),
            "running",
            "the agent of a/0 has failed",
        ),
        (
            app("error", &["active/idle"]),
            "running",
            "application a is in error",
        ),
        (
            app("waiting", &["waiting/allocating", "error/idle"]),
            "provisioning error",
            "machine 0 is in error; unit a/1 is in error",
        ),
    ] {
        let status = status(json!({
            "applications": {"a": app},
            "machines": {"0": {"machine-status": {"current": machine}}},
        }));
        assert_eq!(
            judge_all(&goal(), &[(0, status)]),
            [format!("TROUBLE {expected}")]
        );
    }
}

#[test]
fn what_is_in_error_is_never_idle() {
    let patient = IdleGoal {
        on_error: OnTrouble::Wait,
        ..goal()
    };
    assert_eq!(
        at_last(&patient, model(app("error", &["error/idle/1/hook failed"]))),
        "a/0: the unit is `error` (hook failed)"
    );
}

#[test]
fn what_the_controller_could_not_tell_is_not_trouble() {
    let a = json!({"application-status": {"current": "active"}, "units": {"a/0": {"status-error": "try again"}}});
    assert_eq!(
        at_last(&goal(), model(a)),
        "a/0: the agent is `failed` (try again)"
    );
}

#[test]
fn blocked_is_trouble_only_when_asked_and_not_when_waited_for() {
    let blocked = || model(app("blocked", &["blocked/idle/1/no relation"]));
    assert_eq!(at_last(&goal(), blocked()), "settled");
    let raising = IdleGoal {
        on_blocked: OnTrouble::Raise,
        ..goal()
    };
    assert_eq!(
        at_last(&raising, blocked()),
        "TROUBLE unit a/0 is blocked: no relation"
    );
    let waiting_for_it = IdleGoal {
        status: Some("blocked".into()),
        ..raising
    };
    assert_eq!(at_last(&waiting_for_it, blocked()), "settled");
}
