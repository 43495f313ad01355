//! Waiting, against a fake `juju` whose status changes.

use crate::fake::{FakeJuju, run};
use charmtest::juju::status::{all_active, any_error};
use charmtest::juju::{BackendKind, Note, Observer, Status};
use charmtest::wait::WaitError;
use insta::assert_snapshot;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Returns a script whose n-th status is the n-th given: JSON, or shell after `!`. The last one stays.
fn statuses(statuses: &[&str]) -> String {
    let mut cases = String::new();
    for (number, status) in statuses.iter().enumerate() {
        let pattern = if number + 1 == statuses.len() {
            "*".to_owned()
        } else {
            (number + 1).to_string()
        };
        let answer = status
            .strip_prefix('!')
            .map_or_else(|| format!("echo '{status}'"), ToOwned::to_owned);
        cases.push_str(&format!("{pattern}) {answer};;\n"));
    }
    format!("case $(wc -l < \"$here/calls\" | tr -d ' ') in\n{cases}esac")
}

fn web(workload: &str, agent: &str) -> String {
    format!(
        r#"{{"applications":{{"web":{{"application-status":{{"current":"{workload}"}},"units":{{"web/0":{{"workload-status":{{"current":"{workload}","message":"m"}},"juju-status":{{"current":"{agent}","since":"1"}}}}}}}}}}}}"#
    )
}

const SECONDS: fn(u64) -> Duration = Duration::from_secs;
const MILLIS: fn(u64) -> Duration = Duration::from_millis;

#[test]
fn a_condition_has_to_hold_three_times_in_a_row() {
    let (yes, no) = (web("active", "idle"), web("waiting", "idle"));
    let fake = FakeJuju::with_model(&statuses(&[&no, &yes, &yes, &no, &yes]));
    run(async {
        let model = fake.model().await;
        let status = model
            .wait(|status| all_active(status, &["web"]))
            .successes(3)
            .delay(MILLIS(1))
            .await
            .unwrap();
        assert!(status.unit("web/0").unwrap().is_active());
    });
    assert_eq!(fake.calls().len(), 7);

    run(async {
        let model = fake.model_of(BackendKind::Juju).await;
        let wait = model.wait(|status| all_active(status, &["web"]));
        wait.delay(MILLIS(1)).await.unwrap();
    });
    assert_eq!(fake.calls().len(), 7);
}

#[test]
fn on_the_embedded_controller_a_condition_holds_when_the_model_rests() {
    let (no, busy, rest) = (
        web("waiting", "idle"),
        web("active", "executing"),
        web("active", "idle"),
    );
    let active = |status: &Status| all_active(status, &["web"]);
    let fake = FakeJuju::with_model(&statuses(&[&no, &busy, &rest]));
    run(async {
        let model = fake.model().await;
        model.wait(active).delay(MILLIS(1)).await.unwrap();
    });
    assert_eq!(fake.calls().len(), 4);

    let fake = FakeJuju::with_model(&statuses(&[&busy]));
    run(async {
        let model = fake.model().await;
        let began = Instant::now();
        model.wait(active).delay(MILLIS(1)).await.unwrap();
        assert!(began.elapsed() >= MILLIS(200), "{:?}", began.elapsed());
    });

    let fake = FakeJuju::with_model(&statuses(&[&no, &busy, &no]));
    run(async {
        let model = fake.model().await;
        model.block_until(active).delay(MILLIS(1)).await.unwrap();
    });
    assert_eq!(fake.calls().len(), 2);
}

#[test]
fn a_condition_may_borrow_and_its_error_ends_the_wait() {
    let fake = FakeJuju::with_model(&statuses(&[&web("waiting", "idle"), &web("error", "idle")]));
    run(async {
        let model = fake.model().await;
        let applications = ["web"];
        let wait = model
            .wait(|status| all_active(status, &applications))
            .delay(MILLIS(1))
            .describe("web");
        let error = wait
            .error(|status| any_error(status, &applications))
            .await
            .unwrap_err();
        assert_snapshot!(error, @r"
        the error condition came true while waiting for web:
          web: `error`
          web/0: `error` (m), agent `idle`
        ");
    });
}

#[test]
fn a_condition_that_never_comes_true_times_out_with_what_the_units_do() {
    let fake = FakeJuju::with_model(&statuses(&[&web("waiting", "executing")]));
    run(async {
        let model = fake.model().await;
        let wait = model
            .wait(|status| all_active(status, &[]))
            .describe("everything to be active");
        let error = wait.timeout(MILLIS(300)).await.unwrap_err();
        assert_snapshot!(error, @r"
        timed out after 300ms waiting for everything to be active:
          web: `waiting`
          web/0: `waiting` (m), agent `executing`
        ");
    });
}

#[test]
fn idle_is_reached_after_the_idle_period() {
    let fake = FakeJuju::with_model(&statuses(&[
        &web("active", "executing"),
        &web("active", "idle"),
    ]));
    run(async {
        let model = fake.model().await;
        let began = Instant::now();
        model
            .wait_for_idle()
            .status("active")
            .idle_period(MILLIS(400))
            .check_freq(MILLIS(50))
            .await
            .unwrap();
        assert!(began.elapsed() >= MILLIS(400));
    });
}

#[test]
fn the_end_of_the_idle_period_is_not_slept_over() {
    let fake = FakeJuju::with_model(&statuses(&[&web("active", "idle")]));
    run(async {
        let model = fake.model().await;
        let began = Instant::now();
        model
            .wait_for_idle()
            .idle_period(MILLIS(300))
            .check_freq(SECONDS(60))
            .await
            .unwrap();
        assert!(began.elapsed() < SECONDS(30), "{:?}", began.elapsed());
    });
}

#[test]
fn a_unit_in_error_is_named_at_once() {
    let fake = FakeJuju::with_model(&statuses(&[&web("error", "idle")]));
    run(async {
        let error = fake
            .model()
            .await
            .wait_for_idle()
            .apps(["web"])
            .await
            .unwrap_err();
        assert_snapshot!(error, @"while waiting for web to be idle: unit web/0 is in error: m");
    });
    assert_eq!(fake.calls().len(), 1);
}

#[test]
fn a_time_out_names_what_was_still_busy() {
    let fake = FakeJuju::with_model(&statuses(&[&web("maintenance", "idle")]));
    run(async {
        let model = fake.model().await;
        let wait = model
            .wait_for_idle()
            .apps(["web", "db"])
            .status("active")
            .idle_period(MILLIS(1))
            .timeout(MILLIS(200));
        assert_snapshot!(wait.await.unwrap_err(), @r"
        timed out after 200ms waiting for web, db to be idle and active:
          web/0: the unit is `maintenance` (m), not `active`
          web: the application is `maintenance`, not `active`
          db: is not in the model
        ");
    });
}

#[test]
fn a_status_that_fails_for_a_moment_is_tried_again() {
    let flaky = [
        "!echo ERROR connection is shut down >&2; exit 1",
        "!echo oops",
        &web("active", "idle"),
    ];
    let fake = FakeJuju::with_model(&statuses(&flaky));
    run(async {
        let model = fake.model().await;
        model
            .wait_for_idle()
            .idle_period(MILLIS(1))
            .check_freq(MILLIS(1))
            .await
            .unwrap();
    });
}

#[test]
fn a_status_that_keeps_failing_is_named_in_the_time_out() {
    let fake = FakeJuju::with_model("echo ERROR connection is shut down >&2; exit 1");
    run(async {
        let model = fake.model().await;
        let wait = model
            .wait_for_idle()
            .idle_period(MILLIS(1))
            .timeout(MILLIS(200));
        assert_snapshot!(fake.tidy(wait.await.unwrap_err()), @"
        timed out after 200ms waiting for all applications to be idle
        and it was not always possible to tell: `juju status --model c:m --format json` failed with exit code 1: connection is shut down
        ");
    });
}

#[test]
fn a_status_that_hangs_is_bounded_by_the_time_limit() {
    let fake = FakeJuju::with_model("sleep 600");
    run(async {
        let model = fake.model().await;
        let began = Instant::now();
        let error = model
            .wait_for_idle()
            .idle_period(MILLIS(1))
            .timeout(MILLIS(200))
            .await
            .unwrap_err();
        assert!(began.elapsed() < SECONDS(20));
        assert!(error.to_string().contains("did not end within"), "{error}");
    });
}

#[test]
fn a_model_that_is_gone_ends_the_wait() {
    let fake = FakeJuju::with_model("echo ERROR model c:admin/m not found >&2; exit 1");
    run(async {
        let error = fake.model().await.wait_for_idle().await.unwrap_err();
        assert!(matches!(error, WaitError::Status(_)), "{error}");
    });
    assert_eq!(fake.calls().len(), 1);
}

#[test]
fn a_wait_that_makes_no_sense_is_refused() {
    let fake = FakeJuju::with_model("");
    run(async {
        let model = fake.model().await;
        for wait in [
            model.wait_for_idle().status("actve"),
            model.wait_for_idle().status("error"),
            model
                .wait_for_idle()
                .wait_for_exact_units(1)
                .wait_for_at_least_units(2),
            model
                .wait_for_idle()
                .idle_period(SECONDS(60))
                .timeout(SECONDS(10)),
        ] {
            let error = wait.await.unwrap_err();
            assert!(matches!(error, WaitError::Usage(_)), "{error}");
        }
    });
    assert!(fake.calls().is_empty());
}

#[test]
fn a_wait_says_what_it_waits_for() {
    let fake = FakeJuju::with_model(&statuses(&[
        &web("active", "executing"),
        &web("active", "idle"),
    ]));
    let noted = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&noted);
    run(async {
        let observer = Observer::new(move |note| {
            if let Note::Waiting { what, limit, .. } = note {
                notes.lock().unwrap().push((what.clone(), *limit));
            }
        });
        let model = fake.model().await.with_observer(observer);
        model.wait_for_idle().idle_period(MILLIS(1)).await.unwrap();
    });
    let first = noted.lock().unwrap()[0].clone();
    assert_eq!(
        first,
        (
            "all applications to be idle; web/0: the agent is `executing`".to_owned(),
            Some(SECONDS(600))
        )
    );
}

#[test]
fn a_real_juju_is_asked_less_often() {
    let fake = FakeJuju::with_model(&statuses(&[&web("active", "executing")]));
    run(async {
        let model = fake.model_of(BackendKind::Juju).await;
        model
            .wait_for_idle()
            .idle_period(MILLIS(1))
            .timeout(MILLIS(1200))
            .await
            .unwrap_err();
    });
    assert!((2..=4).contains(&fake.calls().len()), "{:?}", fake.calls());
}

#[test]
fn errors_may_be_waited_out_and_blocked_may_end_the_wait() {
    let fake = FakeJuju::with_model(&statuses(&[&web("error", "idle"), &web("active", "idle")]));
    run(async {
        let model = fake.model().await;
        let wait = model.wait_for_idle().ignore_errors();
        let wait = wait.idle_period(MILLIS(1)).check_freq(MILLIS(1));
        wait.await.unwrap();
    });
    assert!(fake.calls().len() >= 2, "a unit in error is not idle");

    let fake = FakeJuju::with_model(&statuses(&[&web("blocked", "idle")]));
    run(async {
        let model = fake.model().await;
        let wait = model.wait_for_idle().apps(["web"]).idle_period(MILLIS(1));
        let error = wait.raise_on_blocked().await.unwrap_err();
        assert_snapshot!(error, @"while waiting for web to be idle: unit web/0 is blocked: m");
        let wait = model.wait_for_idle().apps(["web"]).idle_period(MILLIS(1));
        wait.status("blocked").raise_on_blocked().await.unwrap();
    });
}

#[test]
fn the_error_condition_is_asked_first() {
    let fake = FakeJuju::with_model(&statuses(&[&web("error", "idle")]));
    run(async {
        let model = fake.model().await;
        let wait = model.wait(|status| any_error(status, &[]));
        let wait = wait.error(|status| any_error(status, &[])).successes(1);
        let error = wait.await.unwrap_err();
        assert!(matches!(error, WaitError::Condition { .. }), "{error}");
    });
    assert_eq!(fake.calls().len(), 1);
}
