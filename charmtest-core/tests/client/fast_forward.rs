//! Running `update-status` more often for a while.

use crate::fake::{FakeJuju, run};
use charmtest::juju::{Note, Observer};
use charmtest::ops_test::Model;
use insta::assert_snapshot;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECONDS: fn(u64) -> Duration = Duration::from_secs;

/// A `juju` whose model has this interval from this source, and that does what the script says to change it.
fn juju(value: &str, source: &str, change: &str) -> FakeJuju {
    let config =
        format!(r#"{{"update-status-hook-interval":{{"Value":"{value}","Source":"{source}"}}}}"#);
    FakeJuju::with_model(&format!(
        "case \"$*\" in model-config*--format*) echo '{config}'; exit;; esac\n{change}"
    ))
}

/// Returns the model, and what it warns about.
async fn warned_model(fake: &FakeJuju) -> (Model, Arc<Mutex<Vec<String>>>) {
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&warnings);
    let observer = Observer::new(move |note| {
        if let Note::Warning(text) = note {
            heard.lock().unwrap().push(text.clone());
        }
    });
    (fake.model().await.with_observer(observer), warnings)
}

fn changes(fake: &FakeJuju) -> Vec<String> {
    let calls = fake.calls().into_iter();
    let changes = calls.filter(|call| !call.contains("--format"));
    let word = |call: String| {
        call.replace("model-config --model c:m ", "")
            .replace("update-status-hook-interval", "KEY")
    };
    changes.map(word).collect()
}

#[test]
fn a_guard_brings_the_interval_back_however_it_goes() {
    let fake = juju("7m", "model", "");
    run(async {
        let model = fake.model().await;
        let guard = model.fast_forward(SECONDS(10)).await.unwrap();
        guard.end().await.unwrap();
    });
    assert_eq!(changes(&fake), ["KEY=10s", "KEY=7m"]);

    let fake = juju("7m", "model", "");
    run(async {
        let model = fake.model().await;
        let failing = async {
            let _fast = model.fast_forward(SECONDS(10)).await?;
            Err::<(), _>(charmtest::Failure::from("the test fails"))
        };
        failing.await.unwrap_err();
    });
    assert_eq!(changes(&fake), ["KEY=10s", "KEY=7m"]);

    let fake = juju("7m", "model", "");
    run(async {
        let model = fake.model().await;
        let panicking = tokio::spawn(async move {
            let _fast = model.fast_forward(SECONDS(10)).await.unwrap();
            panic!("the test panics");
        });
        assert!(panicking.await.unwrap_err().is_panic());
    });
    assert_eq!(changes(&fake), ["KEY=10s", "KEY=7m"]);

    let fake = juju("7m", "model", "");
    run(async {
        let model = fake.model().await;
        let late = model
            .fast_forward(SECONDS(10))
            .during(std::future::pending::<()>());
        let late = tokio::spawn(late);
        while changes(&fake).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        late.abort();
        assert!(late.await.unwrap_err().is_cancelled());
    });
    assert_eq!(changes(&fake).first().unwrap(), "KEY=10s");
    assert_eq!(changes(&fake).last().unwrap(), "KEY=7m");
}

#[test]
fn an_interval_that_was_the_default_is_reset() {
    let fake = juju("5m", "default", "");
    let output = run(async {
        let model = fake.model().await;
        let work = async { Err::<(), _>("no") };
        model.fast_forward(SECONDS(10)).during(work).await
    });
    assert_eq!(output.unwrap(), Err("no"));
    assert_eq!(changes(&fake), ["KEY=10s", "--reset KEY"]);
}

#[test]
fn another_interval_may_follow() {
    let fake = juju("5m", "default", "");
    run(async {
        let model = fake.model().await;
        let fast = model.fast_forward(SECONDS(10)).slow_interval(SECONDS(3600));
        fast.during(async {}).await.unwrap();
    });
    assert_eq!(changes(&fake), ["KEY=10s", "KEY=3600s"]);
}

#[test]
fn a_juju_that_refuses_short_intervals_gets_a_minute() {
    let refuse = r#"case "$*" in *interval=10s) echo "ERROR update status hook interval 10s cannot be less than 1m" >&2; exit 1;; esac"#;
    let fake = juju("5m", "default", refuse);
    run(async {
        let (model, warnings) = warned_model(&fake).await;
        model
            .fast_forward(SECONDS(10))
            .during(async {})
            .await
            .unwrap();
        let warnings = warnings.lock().unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0]
                .starts_with("Juju refuses to run update-status every 10s; it runs every minute: "),
            "{warnings:?}"
        );
    });
    assert_eq!(changes(&fake), ["KEY=10s", "KEY=60s", "--reset KEY"]);
}

#[test]
fn an_interval_that_cannot_be_set_is_left_alone() {
    let fake = juju(
        "5m",
        "default",
        "echo 'ERROR permission denied' >&2; exit 1",
    );
    run(async {
        let (model, warnings) = warned_model(&fake).await;
        let error = model.fast_forward(SECONDS(10)).await.unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{error}");
        assert!(error.to_string().contains("=10s"), "{error}");
        assert!(warnings.lock().unwrap().is_empty());
    });
    assert_eq!(changes(&fake), ["KEY=10s", "KEY=60s"]);
}

#[test]
fn an_interval_that_cannot_be_brought_back_is_warned_about() {
    let fake = juju(
        "5m",
        "default",
        r#"case "$*" in *--reset*) echo "ERROR gone" >&2; exit 1;; esac"#,
    );
    run(async {
        let (model, warnings) = warned_model(&fake).await;
        model
            .fast_forward(SECONDS(10))
            .during(async {})
            .await
            .unwrap();
        let guard = model.fast_forward(SECONDS(10)).await.unwrap();
        guard.end().await.unwrap_err();
        drop(model.fast_forward(SECONDS(10)).await.unwrap());
        let warnings = warnings.lock().unwrap();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert_eq!(warnings[0], warnings[1]);
        assert_snapshot!(fake.tidy(&warnings[0]), @"update-status still runs often in the model c:m: `juju model-config --model c:m --reset update-status-hook-interval` failed with exit code 1: gone");
    });
}

#[test]
fn an_idle_period_that_is_longer_than_the_interval_is_warned_about_once() {
    let status = r#"case "$1" in status) echo '{"applications":{"web":{"units":{"web/0":{"workload-status":{"current":"active"},"juju-status":{"current":"idle","since":"1"}}}}}}';; esac"#;
    let fake = juju("5m", "default", status);
    let wait = |model: &Model, period: u64| {
        model
            .wait_for_idle()
            .idle_period(Duration::from_millis(period))
    };
    run(async {
        let (model, warnings) = warned_model(&fake).await;
        let fast = model.fast_forward(Duration::from_millis(50)).await.unwrap();
        wait(&model, 10).await.unwrap();
        assert!(warnings.lock().unwrap().is_empty());
        wait(&model, 50).await.unwrap();
        wait(&model, 60).await.unwrap();
        fast.end().await.unwrap();
        wait(&model, 60).await.unwrap();
        let warnings = warnings.lock().unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_snapshot!(warnings[0], @"update-status runs every 50ms in the model c:m and units are waited for to be idle for 50ms: this may never happen; give the wait a shorter `.idle_period(..)`, or `fast_forward` a longer interval");
    });
}
