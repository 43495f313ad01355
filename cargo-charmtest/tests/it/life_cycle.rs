//! What a charm author sees of a charm's life: errors, actions, commands, addresses, the end.

use std::fs;

use serde_json::Value;

use crate::bed::{Bed, executable, units};

#[test]
fn a_failing_hook_is_an_error_until_it_is_resolved() {
    let bed = Bed::new();
    let flag = bed.path().join("well");
    let script = format!(
        "[ \"$JUJU_HOOK_NAME\" = config-changed ] && [ ! -e {} ] && exit 3",
        flag.display()
    );
    let charm = bed.tracer("srv", "", &script);
    bed.juju(&["deploy", &charm]);
    let status = bed.wait("the error", |status| {
        status["applications"]["srv"]["units"]["srv/0"]["workload-status"]["current"] == "error"
    });
    let unit = &status["applications"]["srv"]["units"]["srv/0"];
    assert_eq!(
        unit["workload-status"]["message"],
        "hook failed: \"config-changed\""
    );
    assert_eq!(unit["juju-status"]["current"], "idle");
    let log = bed.juju(&["debug-log", "--replay", "--no-tail"]);
    assert!(
        log.contains(
            "hook \"config-changed\" (via hook dispatching script: dispatch) failed: exit status 3"
        ),
        "{log}"
    );
    assert_eq!(bed.try_juju(&["resolved", "srv/7"]).code, Some(1));

    fs::write(&flag, "").unwrap();
    bed.juju(&["resolved", "srv/0"]);
    bed.settle(&["srv"], "active");
    assert_eq!(bed.trace("srv/0").last().map(String::as_str), Some("start"));
}

#[test]
fn a_failing_hook_can_be_skipped() {
    let bed = Bed::new();
    let charm = bed.tracer("srv", "", "[ \"$JUJU_HOOK_NAME\" = install ] && exit 1");
    bed.juju(&["deploy", &charm]);
    bed.wait("the error", |status| {
        status["applications"]["srv"]["units"]["srv/0"]["workload-status"]["current"] == "error"
    });
    bed.juju(&["resolved", "--no-retry", "srv/0"]);
    bed.settle(&["srv"], "active");
    assert_eq!(
        bed.trace("srv/0")
            .iter()
            .filter(|hook| *hook == "install")
            .count(),
        1
    );
}

#[test]
fn what_a_failing_hook_wrote_is_dropped_but_its_status_stays() {
    let bed = Bed::new();
    let script = "case $JUJU_HOOK_NAME in start) status-set active; open-port 80; application-version-set 7; exit 1;; esac";
    let charm = bed.charm("srv", "", script);
    bed.juju(&["deploy", &charm]);
    let status = bed.wait("the error", |status| {
        status["applications"]["srv"]["units"]["srv/0"]["workload-status"]["current"] == "error"
    });
    assert!(
        status["applications"]["srv"]["units"]["srv/0"]
            .get("open-ports")
            .is_none(),
        "{status}"
    );
    assert_eq!(status["applications"]["srv"]["version"], "7");
}

#[test]
fn actions_give_results_and_fail_with_a_message() {
    let bed = Bed::new();
    let script = "status-set active\ncase $JUJU_DISPATCH_PATH in\n\
                  actions/say) action-log \"saying it\"; echo on stdout; action-set said=\"$(action-get word)\" nested.key=1;;\n\
                  actions/fail) action-set partial=yes; action-fail \"not today\";;\n\
                  actions/crash) echo oops >&2; exit 3;;\nesac";
    let charm = bed.charm("srv", "", script);
    fs::write(
        bed.path().join("srv/actions.yaml"),
        "say: {description: d, params: {word: {type: string, default: hi}}}\nfail: {description: d}\ncrash: {description: d}\n",
    )
    .unwrap();
    bed.juju(&["deploy", &charm]);
    bed.settle(&["srv"], "active");
    let run = |args: &[&str]| {
        let said = bed.try_juju(&[&["run", "--format", "json"], args].concat());
        (
            said.code,
            serde_json::from_str::<Value>(&said.stdout).unwrap_or_default()["srv/0"].clone(),
            said.stderr,
        )
    };
    let (code, task, stderr) = run(&["srv/leader", "say"]);
    assert_eq!(
        (code, &task["status"], &task["results"]["said"]),
        (Some(0), &"completed".into(), &"hi".into()),
        "{task} {stderr}"
    );
    assert_eq!(task["results"]["nested"]["key"], "1");
    assert_eq!(task["results"]["stdout"], "on stdout\n");
    assert_eq!(task["results"]["return-code"], 0);
    assert!(
        task["log"][0].as_str().unwrap().ends_with("saying it"),
        "{task}"
    );

    let (code, task, _) = run(&["srv/0", "fail"]);
    assert_eq!(
        (code, &task["status"], &task["message"]),
        (Some(0), &"failed".into(), &"not today".into()),
        "{task}"
    );
    assert_eq!(task["results"]["partial"], "yes");

    let (code, task, stderr) = run(&["srv/0", "crash"]);
    assert_eq!(
        (code, &task["status"], &task["results"]["return-code"]),
        (Some(1), &"failed".into(), &3.into()),
        "{task}"
    );
    assert_eq!(task["results"]["stderr"], "oops\n");
    assert!(stderr.contains("the following task failed"), "{stderr}");
}

#[test]
fn commands_run_in_the_context_of_a_unit() {
    let bed = Bed::new();
    let charm = bed.charm("srv", "", "status-set active");
    bed.juju(&["deploy", &charm]);
    bed.settle(&["srv"], "active");
    assert_eq!(
        bed.juju(&[
            "exec",
            "--unit",
            "srv/0",
            "--",
            "echo $JUJU_UNIT_NAME; is-leader"
        ]),
        "srv/0\nTrue\n"
    );
    let said = bed.try_juju(&["exec", "--unit", "srv/0", "--", "exit 4"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    // Nothing of the user's environment reaches a unit.
    assert_eq!(
        bed.juju(&[
            "exec",
            "--unit",
            "srv/0",
            "--",
            "echo ${HOME-unset} ${CHARMTEST_DATA-unset}"
        ]),
        "unset unset\n"
    );
}

#[test]
fn every_unit_has_an_address_of_its_own_that_all_agree_on() {
    let bed = Bed::new();
    let charm = bed.charm(
        "srv",
        "peers:\n  ring: {interface: ring}\n",
        "status-set active",
    );
    bed.juju(&["deploy", &charm, "-n", "2"]);
    let status = bed.settle(&["srv"], "active");
    let addresses: Vec<String> = units(&status, "srv")
        .iter()
        .map(|(_, unit)| unit["public-address"].as_str().unwrap().to_owned())
        .collect();
    assert_ne!(addresses[0], addresses[1]);
    for (index, address) in addresses.iter().enumerate() {
        assert!(address.starts_with("127."), "{address}");
        let unit = format!("srv/{index}");
        let said = bed.juju(&[
            "exec",
            "--unit",
            &unit,
            "--",
            "unit-get private-address; network-get ring --ingress-address; relation-get -r ring:0 ingress-address $JUJU_UNIT_NAME",
        ]);
        assert_eq!(said.lines().collect::<Vec<_>>(), [address; 3], "{unit}");
    }
}

#[test]
fn a_removed_application_takes_its_processes_and_files_along() {
    let bed = Bed::new();
    let pid = bed.path().join("pid");
    let script = format!(
        "case $JUJU_HOOK_NAME in start) status-set active; setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! > {};; esac",
        pid.display()
    );
    let charm = bed.charm("srv", "", &script);
    bed.juju(&["deploy", &charm]);
    bed.settle(&["srv"], "active");
    let running = || {
        let pid = fs::read_to_string(&pid).unwrap();
        fs::read_to_string(format!("/proc/{}/cmdline", pid.trim()))
            .is_ok_and(|line| line.starts_with("sleep"))
    };
    // Its process becomes `sleep` some time after the hook that started it has ended.
    bed.wait("the workload to outlive its hook", |_| running());
    bed.juju(&["remove-application", "srv", "--no-prompt"]);
    bed.wait_gone("srv");
    bed.wait("the workload to be gone", |_| !running());
    let agents = bed.data().join("models");
    let left = || {
        let models = fs::read_dir(&agents).unwrap().flatten();
        models
            .flat_map(|model| fs::read_dir(model.path().join("agents")))
            .flatten()
            .count()
    };
    bed.wait("its files to be gone", |_| left() == 0);
}

#[test]
fn update_status_comes_at_the_interval_of_the_model() {
    let bed = Bed::new();
    bed.juju(&["model-config", "update-status-hook-interval=1s"]);
    let charm = bed.tracer("srv", "", "");
    bed.juju(&["deploy", &charm]);
    bed.wait("two ticks", |_| {
        bed.trace("srv/0")
            .iter()
            .filter(|hook| *hook == "update-status")
            .count()
            >= 2
    });
}

#[test]
fn legacy_hooks_run_without_a_dispatch() {
    let bed = Bed::new();
    let charm = bed.charm("srv", "", "");
    let dir = bed.path().join("srv");
    fs::remove_file(dir.join("dispatch")).unwrap();
    fs::create_dir(dir.join("hooks")).unwrap();
    executable(
        &dir.join("hooks/install"),
        "#!/bin/sh\nstatus-set maintenance installed\n",
    );
    executable(
        &dir.join("hooks/start"),
        "#!/bin/sh\nstatus-set active \"from hooks/start\"\n",
    );
    bed.juju(&["deploy", &charm]);
    let status = bed.settle(&["srv"], "active");
    assert_eq!(
        status["applications"]["srv"]["application-status"]["message"],
        "from hooks/start"
    );
}
