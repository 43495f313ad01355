//! Actions and commands on units, as a real Juju 4.0.15 and, where they differ, older ones answer.

use crate::fake::{FakeJuju, run};
use charmtest::juju::JujuError;
use insta::assert_snapshot;
use serde::Deserialize;
use std::time::Duration;

#[test]
fn results_have_types() {
    #[derive(Deserialize)]
    struct Said {
        said: String,
        nested: Nested,
    }
    #[derive(Deserialize)]
    struct Nested {
        a: u8,
        b: String,
    }
    let fake = FakeJuju::recorded(&[("run *", "actions-128")]);
    run(async {
        let model = fake.model().await;
        let task = model
            .unit("server/0")
            .unwrap()
            .run_action("say")
            .param("word", "hi")
            .param("times", 3)
            .await
            .unwrap();
        assert_eq!(task.log.len(), 3);
        let said: Said = task.parse().unwrap();
        assert_eq!(
            (said.said.as_str(), said.nested.a, said.nested.b.as_str()),
            ("hi", 1, "two")
        );
        let error = task.parse::<Vec<String>>().unwrap_err();
        assert!(error.task().is_some());
        assert_snapshot!(error, @r#"the results of task 290 on server/0 are not what was expected: invalid type: map, expected a sequence; they are {"nested":{"a":"1","b":"two"},"said":"hi"}"#);
    });
}

#[test]
fn a_failure_may_be_what_the_test_wants() {
    let fake = FakeJuju::recorded(&[
        ("run * fail", "actions-018"),
        ("run * say", "actions-012"),
        ("exec *", "exec-ssh-scp-130"),
    ]);
    run(async {
        let model = fake.model().await;
        let task = model
            .run_action("server/0", "fail")
            .unchecked()
            .await
            .unwrap();
        assert_eq!((task.status.as_str(), task.return_code), ("failed", 1));
        assert_eq!(task.result("partial"), Some("yes"));
        let error = model.run_action("server/0", "fail").await.unwrap_err();
        assert!(matches!(error, JujuError::Task { .. }), "{error}");
        let error = model.run_action("server/0", "say").await.unwrap_err();
        assert!(error.to_string().contains("validation failed"), "{error}");

        let task = model.exec("server/0", "x").unchecked().await.unwrap();
        assert_eq!(
            (task.return_code, task.stdout.as_str(), task.stderr.as_str()),
            (3, "out\n", "err\n")
        );
    });
}

#[test]
fn what_is_not_there_is_told_apart_in_every_version() {
    let fake = FakeJuju::recorded(&[
        ("run * server/9 *", "actions-027"),
        ("run * nosuch", "actions-024"),
        ("exec * server/9 *", "exec-ssh-scp-136"),
        ("exec * server/0,server/9 *", "exec-ssh-scp-148"),
        ("exec * --machine 9 *", "exec-ssh-scp-142"),
        ("exec * --application nosuch *", "exec-ssh-scp-139"),
        ("exec *", "exec-ssh-scp-145"),
    ]);
    run(async {
        let model = fake.model().await;
        let errors = [
            model.run_action("server/9", "say").await.unwrap_err(),
            model.run_action("server/0", "nosuch").await.unwrap_err(),
            model.exec("server/9", "true").await.unwrap_err(),
            model
                .exec_on_units(["server/0", "server/9"], "true")
                .await
                .unwrap_err(),
            model.exec_on_machine("9", "true").await.unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, JujuError::NotScheduled { .. }), "{error:?}");
            assert!(error.to_string().contains(" not "), "{error}");
        }
        let nowhere = model.exec_on_application("nosuch", "true").await;
        assert!(
            nowhere
                .unwrap_err()
                .to_string()
                .contains("no application found")
        );
        let late = model.exec("server/0", "sleep 3");
        let late = late.timeout(Duration::from_secs(1)).await.unwrap_err();
        assert!(matches!(late, JujuError::TimedOut { .. }), "{late:?}");
    });
}

#[test]
fn commands_run_on_several_units_and_on_machines() {
    let fake = FakeJuju::recorded(&[
        ("exec * server/0,client/0 * -- hostname", "exec-ssh-scp-121"),
        ("exec * server/0,client/0 *", "exec-ssh-scp-133"),
        ("exec * --application *", "exec-ssh-scp-124"),
        ("exec * --machine *", "exec-ssh-scp-127"),
    ]);
    run(async {
        let model = fake.model().await;
        let units = ["server/0", "client/0"];
        let tasks = model.exec_on_units(units, "hostname").await.unwrap();
        let said: Vec<(&str, &str)> = tasks
            .iter()
            .map(|task| (task.unit.as_str(), task.stdout.as_str()))
            .collect();
        assert_eq!(said, [("client/0", "m3\n"), ("server/0", "m4\n")]);
        let error = model.exec_on_units(units, "exit 4").await.unwrap_err();
        assert_snapshot!(error, @"command `exit 4` on client/0 ended as completed with code 4");
        let tasks = model.exec_on_units(units, "exit 4").unchecked().await;
        assert_eq!(tasks.unwrap().len(), 2);
        let server = model.application("server").unwrap();
        let tasks = server.exec("echo out; echo err >&2").await.unwrap();
        assert_eq!(tasks[0].stderr, "err\n");
        let task = model.exec_on_machine("0", "hostname").await.unwrap();
        assert_eq!((task.unit.as_str(), task.stdout.as_str()), ("0", "m4\n"));
    });
    assert_snapshot!(fake.calls().join("\n"), @r"
    exec --model c:m --format json --unit server/0,client/0 --wait 600s -- hostname
    exec --model c:m --format json --unit server/0,client/0 --wait 600s -- exit 4
    exec --model c:m --format json --unit server/0,client/0 --wait 600s -- exit 4
    exec --model c:m --format json --application server --wait 600s -- echo out; echo err >&2
    exec --model c:m --format json --machine 0 --wait 600s -- hostname
    ");
}

#[test]
fn an_action_may_run_in_the_background() {
    let fake = FakeJuju::recorded(&[
        ("run * crash", "actions-069"),
        ("run * nosuch", "actions-024"),
        ("show-task * --wait * 90", "actions-073"),
        ("show-task * 90", "actions-084"),
        ("cancel-task * 90", "actions-089"),
    ]);
    run(async {
        let model = fake.model().await;
        let crash = model.run_action("server/0", "crash").start().await.unwrap();
        assert_eq!(crash.id(), "90");
        assert_eq!(crash.status().await.unwrap().status, "pending");
        let error = crash.wait().await.unwrap_err();
        assert_eq!(error.task().unwrap().return_code, 3);
        let error = crash.cancel().await.unwrap_err();
        assert!(
            error.to_string().contains("could not be canceled"),
            "{error}"
        );
        let error = model.run_action("server/0", "nosuch").start().await;
        assert!(matches!(error.unwrap_err(), JujuError::NotScheduled { .. }));
    });
    assert_snapshot!(fake.calls().join("\n"), @r"
    run --model c:m --background server/0 crash
    show-task --model c:m --format json 90
    show-task --model c:m --format json --wait 600s 90
    cancel-task --model c:m 90
    run --model c:m --background server/0 nosuch
    ");
}
