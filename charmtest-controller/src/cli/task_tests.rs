//! Whole commands about actions, commands on units, tasks and operations.

use serde_json::json;
use tokio::sync::watch;

use super::testing::{Controller, Outcome};
use crate::JujuVersion;
use crate::model::changes::fixture;
use crate::model::{TaskId, TaskStatus, UnitName};

impl Controller {
    /// Ends a task as an agent would, once it was queued, while `args` run.
    fn run_with_end(
        &self,
        args: &[&str],
        id: TaskId,
        end: impl FnOnce(&mut crate::model::Task),
    ) -> Outcome {
        let ended = async {
            let mut states = self.hub.watch();
            let queued = |state: &std::sync::Arc<crate::model::State>| {
                state
                    .model_named("m")
                    .is_some_and(|model| model.tasks.contains(&id))
            };
            states.wait_for(queued).await.unwrap();
            let now = self.hub.now();
            self.change(|model| {
                model.tasks.update(id, |task| {
                    task.completed = Some(now);
                    end(task);
                });
            });
        };
        self.runtime
            .block_on(async { tokio::join!(self.start(args, ""), ended).0 })
    }
}

#[test]
fn an_action_is_queued_and_waited_for() {
    let c = Controller::with_applications();
    let args = [
        "run",
        "server/0",
        "say",
        "word=hi",
        "opts.deep=2",
        "--format",
        "json",
    ];
    let outcome = c.run_with_end(&args, 2, |task| {
        assert_eq!(
            json!(task.params),
            json!({"word": "hi", "opts": {"deep": 2}, "times": 1})
        );
        task.status = TaskStatus::Completed;
        task.results = json!({"said": "hi", "return-code": 0, "b": {"z": "1", "a": "2"}})
            .as_object()
            .unwrap()
            .clone();
        task.log.push((task.enqueued, "hi".to_owned()));
    });
    assert_eq!(
        outcome.ok(),
        Outcome {
            code: 0,
            stdout: "{\"server/0\":{\"id\":\"2\",\"log\":[\"2025-11-21 22:58:04 +0000 UTC hi\"],\"results\":{\"b\":{\"a\":\"2\",\"z\":\"1\"},\
                     \"return-code\":0,\"said\":\"hi\"},\"status\":\"completed\",\"timing\":{\"completed\":\"2025-11-21 22:58:04 +0000 UTC\",\
                     \"enqueued\":\"2025-11-21 22:58:04 +0000 UTC\"},\"unit\":\"server/0\"}}\n"
                .to_owned(),
            stderr: "Running operation 1 with 1 task\n  - task 2 on unit-server-0\n\nWaiting for task 2...\n22:58:04 hi\n\n".to_owned(),
        }
    );
}

#[test]
fn the_return_code_decides_not_the_status() {
    let c = Controller::with_applications();
    let failed = |code: i64| {
        move |task: &mut crate::model::Task| {
            task.status = TaskStatus::Failed;
            task.message = "boom".to_owned();
            task.results = json!({"return-code": code}).as_object().unwrap().clone();
        }
    };
    let outcome = c
        .run_with_end(&["run", "server/0", "crash", "-q"], 2, failed(0))
        .ok();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("Action id 2 failed: boom\n\n", "")
    );
    let outcome = c.run_with_end(
        &["run", "server/0", "crash", "-q", "--format", "json"],
        4,
        failed(3),
    );
    assert_eq!(outcome.code, 1);
    assert_eq!(outcome.json()["server/0"]["message"], "boom");
    assert_eq!(
        outcome.stderr,
        "ERROR the following task failed:\n - id \"4\" with return code 3\n\nuse 'juju show-task' to inspect the failure\n\n"
    );
}

#[test]
fn nothing_scheduled_is_no_failure_in_juju_36() {
    let c = Controller::with_applications();
    for (line, expected) in [
        (
            "run server/9 say word=x --format json",
            "\nOperation 1 failed to schedule any tasks:\n\"unit-server-9\" not found\n",
        ),
        (
            "run server/0 nosuch",
            "\nOperation 2 failed to schedule any tasks:\naction \"nosuch\" not defined on unit \"server/0\"\n",
        ),
        (
            "run server/leader say word=x",
            "\nOperation 3 failed to schedule any tasks:\ncould not determine leader for \"server\"\n",
        ),
        (
            "run server/0 say",
            "\nOperation 4 failed to schedule any tasks:\nvalidation failed: (root) : \"word\" property is missing and required, given {}\n",
        ),
        (
            "run server/0 say word=x times=abc",
            "\nOperation 5 failed to schedule any tasks:\nvalidation failed: (root).times : must be of type integer, given \"abc\"\n",
        ),
        (
            "run server/0 say word=5 --string-args times=2",
            "\nOperation 6 failed to schedule any tasks:\nvalidation failed: (root).times : must be of type integer, given \"2\"\n",
        ),
        (
            "exec -u server/9 -- true",
            "Operation 7 failed to schedule any tasks:\n\"unit-server-9\" not found\n",
        ),
    ] {
        let outcome = c.juju(line).ok();
        assert_eq!(
            (outcome.stdout.as_str(), outcome.stderr.as_str()),
            ("", expected),
            "{line}"
        );
    }
    assert!(c.model().tasks.is_empty());
}

#[test]
fn waiting_ends_when_time_is_up_or_the_client_goes() {
    let c = Controller::with_applications();
    let outcome = c.juju("run server/0 crash --wait 1ms --format json");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, "{}\n"));
    assert!(
        outcome
            .stderr
            .ends_with("ERROR timed out waiting for results from: unit server/0\n"),
        "{outcome:?}"
    );
    assert_eq!(
        c.model().tasks.get(&2).unwrap().status,
        TaskStatus::Pending,
        "the task stays"
    );

    let (leave, gone) = watch::channel(false);
    let leaving = async {
        let mut states = c.hub.watch();
        states
            .wait_for(|state| {
                state
                    .model_named("m")
                    .is_some_and(|model| model.tasks.contains(&4))
            })
            .await
            .unwrap();
        leave.send_replace(true);
    };
    let args = [
        "exec", "-u", "server/0", "--wait", "-1s", "--", "sleep", "9",
    ];
    let outcome = c
        .runtime
        .block_on(async { tokio::join!(c.start_with_gone(&args, "", gone), leaving).0 });
    assert_eq!(outcome.code, 1);
}

#[test]
fn in_the_background() {
    let c = Controller::with_applications();
    let outcome = c.juju("run server/0 crash --background --format json").ok();
    assert_eq!(outcome.stdout, "");
    assert_eq!(
        outcome.stderr,
        "Scheduled operation 1 with task 2\nCheck operation status with 'juju show-operation 1'\nCheck task status with 'juju show-task 2'\n"
    );
    let outcome = c
        .juju("exec -u server/0,client/0 --background -- echo later")
        .ok();
    assert_eq!(
        outcome.stdout,
        "client/0:\n  id: \"5\"\nserver/0:\n  id: \"4\"\n"
    );
    let command = c.model().tasks.get(&4).unwrap().params.clone();
    assert_eq!(
        json!(command),
        json!({"command": "echo later", "timeout": 300_000_000_000_u64})
    );
    let outcome = c.juju("run server/0 server/7 crash --background").ok();
    assert!(
        outcome.stderr.starts_with(
            "Some actions could not be scheduled:\n\"unit-server-7\" not found\n\nScheduled"
        ),
        "{outcome:?}"
    );
}

#[test]
fn commands_on_applications_and_leaders() {
    let c = Controller::with_applications();
    c.juju("add-unit server").silent();
    c.change(|model| {
        model.applications.get_mut("server").unwrap().leader = Some(UnitName::new("server", 1))
    });
    c.juju("exec -a server --background -- true").ok();
    let units: Vec<String> = c
        .model()
        .tasks
        .values()
        .map(|task| task.receiver.to_string())
        .collect();
    assert_eq!(units, ["server/0", "server/1"]);
    c.juju("exec -u server/leader --background -- true").ok();
    assert_eq!(
        c.model()
            .tasks
            .values()
            .last()
            .unwrap()
            .receiver
            .to_string(),
        "server/1"
    );
}

#[test]
fn the_leader_of_nothing_is_an_error_in_4_0() {
    for (juju, code, stdout, error) in [
        (JujuVersion::V3_6, 0, "", "could not determine leader"),
        (
            JujuVersion::V4_0,
            1,
            "{}\n",
            "ERROR getting leader unit for nosuch: application \"nosuch\" not found in leases (not found)",
        ),
    ] {
        let c = Controller::with_model_of(juju);
        let outcome = c.juju("exec -u nosuch/leader --format json -- true");
        assert_eq!((outcome.code, outcome.stdout.as_str()), (code, stdout));
        assert!(outcome.stderr.contains(error), "{}", outcome.stderr);
    }
}

#[test]
fn what_run_and_exec_refuse() {
    let c = Controller::with_applications();
    c.assert_refusals(&[
        ("run", 2, "", "ERROR no unit specified\n"),
        ("run server/0", 2, "", "ERROR no action specified\n"),
        ("run server/0 Say", 2, "", "ERROR invalid unit or action name \"Say\"\n"),
        ("run server/0 client/0 say", 2, "", "ERROR all units must be of the same application\n"),
        ("run server/0 say --wait 5", 2, "", "ERROR invalid value \"5\" for option --wait: time: missing unit in duration \"5\"\n"),
        ("run server/0 say --wait 5s --background", 2, "", "ERROR cannot specify both --wait and --background\n"),
        ("run server/0 say --params nosuch.yaml --format json", 1, "{}\n", "nosuch.yaml"),
        ("exec", 2, "", "ERROR no commands specified\n"),
        ("exec -- ls", 2, "", "ERROR You must specify a target, either through --all, --machine, --application or --unit\n"),
        ("exec -u bad -- true", 2, "", "ERROR The following exec targets are not valid:\n  \"bad\" is not a valid unit name\n"),
        ("exec -a nosuch -- true", 1, "", "ERROR application \"nosuch\" not found\n"),
        ("exec --machine x -- true", 2, "", "ERROR The following exec targets are not valid:\n  \"x\" is not a valid machine id\n"),
        ("exec --all --machine 0 -- true", 2, "", "ERROR You cannot specify --all and individual machines\n"),
    ]);
}

#[test]
fn listing_actions() {
    let c = Controller::with_applications();
    assert_eq!(
        c.juju("actions server").ok().stdout,
        "Action  Description\ncrash   No description\nsay     Say something.\n"
    );
    assert_eq!(
        c.juju("actions server --format json").ok().stdout,
        "{\"crash\":\"No description\",\"say\":\"Say something.\"}\n"
    );
    let schema = c.juju("actions server --schema --format json").ok().json();
    assert_eq!(
        schema["crash"].get("additionalProperties"),
        None,
        "3.6 leaves it open"
    );
    assert_eq!(
        schema["say"]["properties"]["times"],
        json!({"default": 1, "minimum": 1, "type": "integer"})
    );
    assert_eq!(
        c.juju("show-action server say").ok().stdout,
        "Say something.\n\nArguments\nopts:\n  type: object\n  description: null\ntimes:\n  type: integer\n  description: null\n  default: 1\n\
         word:\n  type: string\n  description: null\n\n"
    );
    c.write_charm(
        "quiet",
        &[
            ("metadata.yaml", "name: quiet\nsummary: s\ndescription: d\n"),
            ("dispatch", ""),
        ],
    );
    c.juju("deploy ./quiet").ok();
    let none = c.juju("actions quiet --format json").ok();
    assert_eq!(
        (none.stdout.as_str(), none.stderr.as_str()),
        ("{}\n", "No actions defined for quiet.\n")
    );
    c.assert_refusals(&[
        ("actions", 2, "", "ERROR no application name specified\n"),
        (
            "actions nosuch --format json",
            1,
            "{}\n",
            "ERROR application \"nosuch\" not found\n",
        ),
        (
            "show-action server nosuch",
            1,
            "",
            "unknown action \"nosuch\"\n",
        ),
        ("show-action server", 2, "", "ERROR no action specified\n"),
    ]);
}

#[test]
fn actions_in_4_0() {
    let c = Controller::with_model_of(crate::JujuVersion::V4_0);
    c.write_charm("tracer", super::charm_fixture::TRACER);
    c.pack_charm("tracer");
    c.juju("deploy ./tracer.charm server").ok();
    let schema = c.juju("actions server --schema --format json").ok().json();
    assert_eq!(schema["crash"]["additionalProperties"], false);
    for (line, expected) in [
        (
            "run nosuch/0 say --format json",
            "ERROR adding action operation: adding action operation: getting charm UUID for application \"nosuch\": application \"nosuch\" not found\n",
        ),
        (
            "run nosuch/leader say --format json",
            "ERROR getting leader unit for nosuch: application \"nosuch\" not found in leases (not found)\n",
        ),
    ] {
        let outcome = c.juju(line);
        assert_eq!(
            (
                outcome.code,
                outcome.stdout.as_str(),
                outcome.stderr.as_str()
            ),
            (1, "{}\n", expected),
            "{line}"
        );
    }
    c.juju("run server/0 say word=x --background").ok();
    c.juju("exec -u server/0 --background -- true").ok();
    let operations = c.juju("operations --format json").ok().json();
    let summaries: Vec<&str> = operations
        .as_object()
        .unwrap()
        .values()
        .filter_map(|operation| operation["summary"].as_str())
        .collect();
    assert_eq!(summaries, ["action \"say\"", "exec \"true\""]);
}

#[test]
fn what_a_task_logs_is_told_while_it_runs() {
    let c = Controller::with_applications();
    c.juju("run server/0 say word=x --background").ok();
    let set = |status| {
        c.change(|model| {
            model.tasks.update(2, |task| {
                task.log = vec![(task.enqueued, "hi".to_owned())];
                task.status = status;
            });
        });
    };
    for (status, line, expected) in [
        (
            TaskStatus::Running,
            "show-task 2 --wait 1ms",
            "22:58:04 hi\nERROR maximum wait time reached\n",
        ),
        (
            TaskStatus::Running,
            "show-operation 1 --wait 1ms",
            "ERROR maximum wait time reached\n",
        ),
        (TaskStatus::Completed, "show-task 2 --wait 1m", ""),
        (TaskStatus::Completed, "show-task 2 --watch", ""),
    ] {
        set(status);
        assert_eq!(c.juju(line).stderr, expected, "{line}");
    }
}

#[test]
fn showing_and_cancelling_tasks() {
    let c = Controller::with_applications();
    c.juju("run server/0 say word=x --background").ok();
    c.juju("exec -u client/0 --background -- true").ok();
    assert_eq!(c.juju("show-task 2").ok().stdout, "Task 2 pending\n");
    assert_eq!(
        c.juju("show-operation 1").ok().stdout,
        "summary: say run on unit-server-0\nstatus: pending\naction:\n  name: say\n  parameters:\n    times: 1\n    word: x\ntiming:\n  \
         enqueued: 2025-11-21 22:58:04 +0000 UTC\ntasks:\n  \"2\":\n    host: server/0\n    status: pending\n    timing:\n      \
         enqueued: 2025-11-21 22:58:04 +0000 UTC\n"
    );
    assert_eq!(
        c.juju("operations").ok().stdout,
        "ID  Status   Started  Finished  Task IDs  Summary\n 1  pending                     2         say run on unit-server-0\n \
         3  pending                     4         \"true\" run on unit-client-0\n"
    );
    assert_eq!(
        c.juju("operations --apps client --format json")
            .ok()
            .json()
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["3"]
    );
    let batch = c.juju("operations --limit 1").ok().stdout;
    assert!(
        batch.starts_with(
            "Displaying operation results 1 to 1.\nRun the command again with --offset=1 --limit=1"
        ),
        "{batch}"
    );
    assert_eq!(
        c.juju("operations --status failed --format json")
            .ok()
            .stderr,
        "no matching operations\n"
    );

    c.change(|model| {
        model
            .tasks
            .update(4, |task| task.status = TaskStatus::Running);
    });
    let outcome = c.juju("cancel-task 2 4 --format json").ok();
    assert_eq!(
        outcome.stdout,
        "{\"actions\":[{\"action\":\"say\",\"completed at\":\"2025-11-21 22:58:04\",\"id\":\"2\",\"status\":\"cancelled\",\"unit\":\"server/0\"},\
         {\"action\":\"juju-exec\",\"completed at\":\"n/a\",\"id\":\"4\",\"status\":\"aborting\",\"unit\":\"client/0\"}]}\n"
    );
    let again = c.juju("cancel-task 2").ok();
    assert_eq!(
        again.stderr,
        "WARNING The following tasks could not be canceled:\ntask: 2, error: the task has already ended\n"
    );
    let waited = c.juju("show-task 4 --wait 1ms");
    assert_eq!(
        (waited.code, waited.stderr.as_str()),
        (1, "ERROR maximum wait time reached\n")
    );
    c.assert_refusals(&[
        ("show-task", 2, "", "ERROR no task ID specified\n"),
        ("show-task abc", 2, "", "ERROR task ID \"abc\" not valid\n"),
        (
            "show-task 99 --format json",
            1,
            "{}\n",
            "ERROR id not found\n",
        ),
        (
            "show-operation 99",
            1,
            "{}\n",
            "ERROR operation \"99\" not found\n",
        ),
        ("cancel-task", 1, "{}\n", "ERROR no task IDs specified\n"),
        (
            "cancel-task abc",
            2,
            "",
            "ERROR task ID \"abc\" not valid\n",
        ),
        (
            "operations --status bogus",
            2,
            "",
            "ERROR \"bogus\" is not a valid task status, want one of [pending running",
        ),
    ]);
}

#[test]
fn commands_on_machines() {
    let c = Controller::with_applications();
    for (line, expected) in [
        ("exec --machine 0,1 --background -- true", "0 1"),
        ("exec --all --background -- true", "0 1"),
        (
            "exec --machine 0 -u server/0 --background -- true",
            "0 server/0",
        ),
    ] {
        c.juju(line).ok();
        let model = c.model();
        let operation = model.operations.values().last().unwrap();
        let receivers: Vec<String> = operation
            .tasks
            .iter()
            .map(|id| model.tasks.get(id).unwrap().receiver.to_string())
            .collect();
        assert_eq!(receivers.join(" "), expected, "{line}");
    }
    let outcome = c.juju("exec --machine 9 --format json -- true").ok();
    let said = outcome.stderr.lines().last().unwrap();
    assert_eq!(
        (outcome.stdout.as_str(), said),
        ("", "\"machine-9\" not found")
    );
    let listed = c.juju("operations --machines 1 --format json").ok().json();
    assert_eq!(listed.as_object().unwrap().len(), 2);
}

#[test]
fn the_result_of_a_command_on_a_machine_names_the_machine() {
    let c = Controller::with_applications();
    let outcome = c.run_with_end(
        &["exec", "--machine", "0", "--format", "json", "--", "true"],
        2,
        |task| {
            task.status = TaskStatus::Completed;
            task.results = json!({"return-code": 0, "stdout": "m4\n"})
                .as_object()
                .unwrap()
                .clone();
        },
    );
    let shown = &outcome.ok().json()["0"];
    assert_eq!(
        (
            &shown["machine"],
            shown.get("unit"),
            &shown["results"]["stdout"]
        ),
        (&json!("0"), None, &json!("m4\n"))
    );
}

#[test]
fn juju_40_words_its_refusals_differently() {
    let c = Controller::of(JujuVersion::V4_0);
    c.juju("add-model m").ok();
    c.change(|model| {
        let action = "say: {params: {word: {type: string}}, required: [word]}";
        let charm = fixture::full_charm("server", "", "options: {}", action);
        fixture::deployed(model, "server", charm, 1);
    });
    let outcome = c.juju("run server/0 nosuch --format json");
    assert_eq!(
        (
            outcome.code,
            outcome.stdout.as_str(),
            outcome.stderr.as_str()
        ),
        (
            1,
            "{}\n",
            "ERROR action \"nosuch\" not defined for unit \"server/0\". (not found)\n"
        )
    );
    let outcome = c.juju("run server/9 say --format json").ok();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        (
            "",
            "\nOperation 0 failed to schedule any tasks:\nlinking task to unit: getting unit UUID for \"server/9\": unit \"server/9\" not found\n"
        )
    );
    assert_eq!(
        c.juju("exec -a nosuch -- true").stderr,
        "ERROR starting exec operation: adding exec operation: getting units for applications [nosuch]: no application found\n"
    );
    assert_eq!(
        c.juju("exec --machine 9 -- true")
            .ok()
            .stderr
            .lines()
            .last(),
        Some("getting machine UUID for \"9\": machine \"9\" not found")
    );
}
