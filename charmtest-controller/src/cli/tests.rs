//! Whole commands: exit codes, streams and texts that every command shares; models.

use serde_json::{Value, json};

use super::testing::Controller;
use crate::JujuVersion;
use crate::model::{Life, Rejected, Workload};
use crate::status::fixture;

#[test]
fn wrong_command_lines() {
    let c = Controller::with_model();
    for (line, code, error) in [
        (
            "status --nosuch",
            2,
            "option provided but not defined: --nosuch",
        ),
        ("status -x", 2, "option provided but not defined: -x"),
        ("status -m", 2, "option needs an argument: -m"),
        ("status --format", 2, "option needs an argument: --format"),
        (
            "status --format xml",
            2,
            "invalid value \"xml\" for option --format: unknown format \"xml\"",
        ),
        (
            "version --format tabular",
            2,
            "invalid value \"tabular\" for option --format: unknown format \"tabular\"",
        ),
        (
            "debug-log -n abc",
            2,
            "invalid value \"abc\" for option -n: strconv.ParseUint: parsing \"abc\": invalid syntax",
        ),
        ("version extra", 2, "unrecognized args: [\"extra\"]"),
        ("switch a b", 2, "unrecognized args: [\"b\"]"),
        ("show-model -m m", 2, "option provided but not defined: -m"),
        (
            "destroy-model -y m",
            2,
            "option provided but not defined: -y",
        ),
        (
            "statuz",
            1,
            "juju: \"statuz\" is not a juju command. See \"juju --help\".\n\nDid you mean:\n\tstatus",
        ),
        (
            "help statuz",
            1,
            "juju: \"statuz\" is not a juju command. See \"juju --help\".\n\nDid you mean:\n\tstatus",
        ),
        ("zzzzqqqqxxxx", 1, "unrecognized command: juju zzzzqqqqxxxx"),
        (
            "bootstrap",
            1,
            "\"bootstrap\" is not supported by the embedded controller",
        ),
        (
            "models --quiet --verbose",
            1,
            "\"verbose\" and \"quiet\" flags clash, please use one or the other, not both",
        ),
        (
            "--quiet --verbose models",
            1,
            "\"verbose\" and \"quiet\" flags clash, please use one or the other, not both",
        ),
        (
            "status --watch 1s",
            1,
            "option --watch of \"status\" is not supported by the embedded controller",
        ),
        ("show-unit", 2, "an unit name must be supplied"),
        ("show-unit m", 2, "unit name m not valid"),
        (
            "show-application",
            2,
            "an application name must be supplied",
        ),
        (
            "show-application Bad_Name",
            2,
            "application name Bad_Name not valid",
        ),
        (
            "add-model",
            2,
            "juju: no model name was passed. See \"juju add-model --help\".\n\nDid you mean:\n\tjuju add-model <model name>",
        ),
        ("destroy-model", 2, "no model specified"),
        (
            "destroy-model m --no-wait --no-prompt",
            1,
            "--no-wait without --force not valid",
        ),
        (
            "destroy-model m --timeout 5s --no-prompt",
            2,
            "--timeout can only be used with --force (dangerous)",
        ),
        ("models -c nosuch", 1, "controller nosuch not found"),
        (
            "models --user bob",
            1,
            "user \"bob\" does not exist (not found)",
        ),
    ] {
        let outcome = c.juju(line);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str(), outcome.stderr),
            (code, "", format!("ERROR {error}\n")),
            "{line}"
        );
    }
}

#[test]
fn a_failed_command_prints_an_empty_map_in_json_and_yaml() {
    let mut c = Controller::with_model();
    for (line, code, stdout) in [
        ("show-unit web/9", 1, "{}\n"),
        ("show-unit web/9 --format json", 1, "{}\n"),
        ("status -m nosuch --format json", 1, "{}\n"),
        ("status -m nosuch", 1, ""),
        ("show-model nosuch", 1, "{}\n"),
        ("show-unit bad", 2, ""),
        ("status -m other:m --format json", 2, ""),
    ] {
        let outcome = c.juju(line);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (code, stdout),
            "{line}: {}",
            outcome.stderr
        );
    }
    c.set_env("JUJU_CONTROLLER", "nosuch");
    let outcome = c.juju("models --format json");
    assert_eq!(
        (outcome.code, outcome.stderr.lines().next()),
        (1, Some("ERROR No selected controller."))
    );
}

#[test]
fn help_is_on_standard_output() {
    let c = Controller::new();
    for line in [
        "",
        "help",
        "--help",
        "help status",
        "status --help",
        "status -h",
        "help commands",
        "help topics",
        "help global-options",
    ] {
        let outcome = c.juju(line).ok();
        assert!(
            outcome.stdout.len() > 40 && outcome.stderr.is_empty(),
            "{line}: {outcome:?}"
        );
    }
    assert!(
        c.juju("status --help")
            .stdout
            .starts_with("Usage: juju status [options] [<selector> [...]]\n\nSummary:\n")
    );
    assert_eq!(c.juju("help status"), c.juju("status -h"));
    let list = c.juju("help commands").stdout;
    assert!(
        list.lines()
            .any(|line| line.starts_with("list-models ") && line.ends_with("Alias for 'models'.")),
        "{list}"
    );
}

#[test]
fn output_goes_into_a_file() {
    let c = Controller::with_model();
    let outcome = c.juju("models --format json -o out.json").ok();
    assert_eq!(outcome.stdout, "");
    let text = std::fs::read_to_string(c.dir.path().join("out.json")).unwrap();
    assert!(
        text.starts_with("{\"models\":[{\"name\":\"admin/m\""),
        "{text}"
    );
    let outcome = c.juju("models -o no/such/dir");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
}

#[test]
fn models_are_added() {
    let mut c = Controller::new();
    let added = c.juju("add-model one").ok();
    assert_eq!(
        (added.stdout.as_str(), added.stderr.as_str()),
        (
            "",
            "Added 'one' model on localhost/localhost with credential 'default' for user 'admin'\n"
        )
    );
    assert_eq!(
        c.juju("add-model -q two localhost/localhost").ok().stderr,
        ""
    );
    c.juju("add-model three --no-switch --config update-status-hook-interval=10s --config logging-config=<root>=DEBUG").ok();
    assert_eq!(c.juju("switch").stdout, "embedded:admin/two\n");
    assert_eq!(
        c.juju("model-config -m three update-status-hook-interval")
            .ok()
            .stdout,
        "10s\n"
    );
    for (line, code, error) in [
        (
            "one",
            1,
            "failed to create new model: model \"one\" for admin already exists (already exists)",
        ),
        (
            "Bad_Name",
            2,
            "\"Bad_Name\" is not a valid name: model names may only contain lowercase letters, digits and hyphens",
        ),
        ("x y z", 2, "unrecognized args: [\"z\"]"),
        ("x -c nosuch", 1, "controller nosuch not found"),
        (
            "x --config update-status-hook-interval=bogus",
            1,
            "failed to create new model: invalid update status hook interval in model configuration: time: invalid duration \"bogus\"",
        ),
    ] {
        let outcome = c.juju(&format!("add-model {line}"));
        assert_eq!(
            (outcome.code, outcome.stderr),
            (code, format!("ERROR {error}\n")),
            "{line}"
        );
    }
    assert!(
        c.juju("add-model x nosuchcloud")
            .stderr
            .starts_with("ERROR cloud nosuchcloud not found\n")
    );
    c.set_env("JUJU_MODEL", "three");
    assert_eq!(
        c.juju("show-model --format json").ok().json()["three"]["name"],
        "admin/three"
    );
}

#[test]
fn models_are_listed() {
    let c = Controller::new();
    c.juju("add-model beta").ok();
    c.advance(12);
    let listed = c.juju("models --format json").ok().json();
    let model = &listed["models"][0];
    assert_eq!(listed["current-model"], "beta");
    for (key, expected) in [
        ("name", json!("admin/beta")),
        ("short-name", json!("beta")),
        ("model-type", json!("iaas")),
        ("is-controller", json!(false)),
        ("cloud", json!("localhost")),
        ("life", json!("alive")),
        (
            "status",
            json!({"current": "available", "since": "12 seconds ago"}),
        ),
        ("last-connection", json!("just now")),
        ("agent-version", json!("3.6.28")),
    ] {
        assert_eq!(model[key], expected, "{key}");
    }
    assert_eq!(
        c.juju("models").ok().stdout,
        "Controller: embedded\n\n\
         Model  Cloud/Region         Type  Status     Machines  Units  Access  Last connection\n\
         beta*  localhost/localhost  lxd   available         0      0  admin   just now\n"
    );
    let shown = c.juju("show-model --format json").ok().json();
    assert_eq!(shown["beta"]["users"]["admin"]["access"], "admin");
    assert_eq!(shown["beta"]["model-uuid"], model["model-uuid"]);
}

#[test]
fn keys_of_models_are_those_of_the_version() {
    let common = [
        "name",
        "short-name",
        "model-uuid",
        "model-type",
        "controller-uuid",
        "controller-name",
        "is-controller",
        "cloud",
        "region",
        "type",
        "life",
        "status",
    ];
    let keys = |value: &Value| -> Vec<String> {
        let keys = value.as_object().unwrap().keys();
        let keys = keys.filter(|key| !common.contains(&key.as_str()));
        keys.cloned().collect()
    };
    for (juju, listed, shown) in [
        (
            JujuVersion::V3_6,
            "owner access last-connection credential sla agent-version",
            "owner users secret-backends sla agent-version credential supported-features",
        ),
        (
            JujuVersion::V4_0,
            "access last-connection agent-version",
            "users secret-backends agent-version credential supported-features",
        ),
    ] {
        let c = Controller::with_model_of(juju);
        c.juju("add-secret mine user=bob").ok();
        let models = c.juju("models --format json").ok().json();
        assert_eq!(keys(&models["models"][0]).join(" "), listed, "{juju:?}");
        let model = c.juju("show-model --format json").ok().json();
        assert_eq!(keys(&model["m"]).join(" "), shown, "{juju:?}");
        assert_eq!(
            model["m"]["secret-backends"],
            json!({"internal": {"num-secrets": 1, "status": "active"}})
        );
    }
}

#[test]
fn a_command_of_another_controller_fails_with_an_empty_result() {
    let c = Controller::with_model();
    for (line, code, stdout, stderr) in [
        (
            "models -c nosuch --format json",
            1,
            "{}\n",
            "ERROR controller nosuch not found\n",
        ),
        (
            "models -c nosuch --format yaml",
            1,
            "{}\n",
            "ERROR controller nosuch not found\n",
        ),
        (
            "models -c nosuch",
            1,
            "",
            "ERROR controller nosuch not found\n",
        ),
        (
            "models x --format json",
            2,
            "",
            "ERROR unrecognized args: [\"x\"]\n",
        ),
    ] {
        let outcome = c.juju(line);
        assert_eq!(
            (
                outcome.code,
                outcome.stdout.as_str(),
                outcome.stderr.as_str()
            ),
            (code, stdout, stderr),
            "{line}"
        );
    }
}

#[test]
fn an_empty_model_is_destroyed_at_once() {
    let c = Controller::new();
    c.juju("add-model one").ok();
    let outcome = c.juju("destroy-model --no-prompt one").ok();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("", "Destroying model\nModel destroyed.\n")
    );
    assert_eq!(c.juju("models --format json").json(), json!({"models": []}));
    let outcome = c.juju("status");
    assert_eq!(
        (outcome.code, outcome.stderr.lines().next()),
        (2, Some("ERROR No model in focus.")),
        "the current model is forgotten"
    );
    let outcome = c.juju("destroy-model --no-prompt one");
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (1, "ERROR model embedded:admin/one not found\n")
    );
}

#[test]
fn destroying_asks_for_the_name() {
    let c = Controller::with_model();
    for answer in ["", "y\n", "other\n"] {
        let outcome = c.run(&["destroy-model", "m"], answer);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (1, ""),
            "{answer:?}"
        );
        assert!(
            outcome
                .stderr
                .ends_with("unregistered: ERROR model destruction: aborted\n"),
            "{}",
            outcome.stderr
        );
    }
    assert!(
        c.run(&["destroy-model", "m"], "m\n")
            .ok()
            .stderr
            .ends_with("Destroying model\nModel destroyed.\n")
    );
}

/// A model with one unit whose agent has reported, so that it leaves only by its hooks.
fn with_unit() -> Controller {
    let c = Controller::with_model();
    let uuid = c.hub.snapshot().current_model.clone().unwrap();
    let added = c.hub.transact_model(&uuid, |model| {
        let row = fixture::model().charms.get("local:web-0").unwrap().clone();
        model.charms.insert(row.url.clone(), row);
        fixture::application(model, "web", 1);
        model.units.get_mut("web/0").unwrap().progress.installed = true;
        Ok::<_, Rejected>(())
    });
    added.unwrap();
    c
}

#[test]
fn a_model_with_units_is_destroyed_when_their_agents_are_done() {
    for force in [false, true] {
        let c = with_unit();
        let uuid = c.hub.snapshot().current_model.clone().unwrap();
        let mut line = vec!["destroy-model", "m", "--no-prompt"];
        line.extend(force.then_some("--force"));
        let outcome = c.runtime.block_on(async {
            let agent = async {
                let mut states = c.hub.watch();
                // With force as well the unit has time for its last hooks, but not for ever.
                let dying = |unit: &crate::model::Unit| {
                    unit.life == Life::Dying && unit.force_at.is_some() == force
                };
                states
                    .wait_for(|state| state.models[&uuid].units.values().all(dying))
                    .await
                    .unwrap();
                let now = c.hub.now();
                c.hub
                    .transact_model(&uuid, |model| {
                        let name = crate::model::UnitName::new("web", 0);
                        crate::model::changes::remove_unit_record(model, &name, now);
                        Ok::<_, Rejected>(())
                    })
                    .unwrap();
            };
            tokio::join!(c.start(&line, ""), agent).0
        });
        assert_eq!(
            (outcome.code, outcome.stderr.as_str()),
            (0, "Destroying model\nModel destroyed.\n")
        );
        assert!(c.hub.snapshot().models.is_empty());
    }
}

#[test]
fn force_without_waiting_does_not_wait_for_agents() {
    let c = with_unit();
    c.juju("destroy-model --no-prompt --force --no-wait m").ok();
    assert!(c.hub.snapshot().models.is_empty());
}

#[test]
fn a_client_that_goes_away_leaves_the_model_going() {
    let c = with_unit();
    let (gone, is_gone) = tokio::sync::watch::channel(false);
    let outcome = c.runtime.block_on(async {
        let leave = async {
            let mut states = c.hub.watch();
            states
                .wait_for(|state| {
                    state
                        .models
                        .values()
                        .all(|model| model.info.life == Life::Dying)
                })
                .await
                .unwrap();
            gone.send_replace(true);
        };
        tokio::join!(
            c.start_with_gone(&["destroy-model", "m", "--no-prompt"], "", is_gone),
            leave
        )
        .0
    });
    assert_eq!(outcome.code, 1);
    assert_eq!(
        c.juju("models --format json").json()["models"][0]["status"]["current"],
        "destroying"
    );
}

#[test]
fn an_empty_model_says_so() {
    let c = Controller::with_model();
    let outcome = c.juju("status").ok();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        (
            "Model  Controller  Cloud/Region         Version  SLA          Timestamp\n\
             m      embedded    localhost/localhost  3.6.28   unsupported  22:58:04Z\n",
            "\nModel \"admin/m\" is empty.\n"
        )
    );
    assert_eq!(
        c.juju("status -m m").ok().stderr,
        "\nModel \"m\" is empty.\n"
    );
    assert_eq!(
        c.juju("status --utc")
            .ok()
            .stdout
            .lines()
            .nth(1)
            .map(|line| line.ends_with(" 22:58:04")),
        Some(true)
    );
    assert_eq!(
        c.juju("status --relations --format json").ok().stderr,
        "provided relations option is always enabled in non tabular formats\n\nModel \"admin/m\" is empty.\n"
    );
    assert_eq!(
        c.juju("machines").ok().stdout,
        "Machine  State  Address  Inst id  Base  AZ  Message\n"
    );
}

#[test]
fn selectors_without_a_match_say_so() {
    let c = with_unit();
    assert_eq!(
        c.juju("status nosuch").ok().stderr,
        "Nothing matched specified filter.\n"
    );
    assert_eq!(
        c.juju("status nosuch other").ok().stderr,
        "Nothing matched specified filters.\n"
    );
    assert_eq!(
        c.juju("status nosuch --format json").ok().json()["applications"],
        json!({})
    );
    assert_eq!(
        c.juju("status web --format oneline").ok().stdout,
        "- web/0: 127.0.1.1 (agent:idle, workload:active)\n"
    );
}

#[test]
fn units_and_applications_are_shown() {
    let c = with_unit();
    let uuid = c.hub.snapshot().current_model.clone().unwrap();
    c.hub
        .transact_model(&uuid, |model| {
            fixture::application(model, "db", 1);
            fixture::relation(model, 4, ("db", "server"), ("web", "client"));
            fixture::relation(model, 5, ("web", "ring"), ("web", "ring"));
            fixture::joins(model, 4, "db/0", &[("port", "5432")]);
            fixture::joins(model, 5, "web/0", &[("a", "1")]);
            fixture::application_data(model, 4, "db", &[("name", "main")]);
            fixture::workload(model, "web/0", Workload::Active, "ready");
            Ok::<_, Rejected>(())
        })
        .unwrap();
    assert_eq!(
        c.juju("show-unit web/0 --format json").ok().stdout,
        "{\"web/0\":{\"machine\":\"0\",\"opened-ports\":null,\"public-address\":\"127.0.1.1\",\"charm\":\"local:web-0\",\"leader\":true,\
         \"life\":\"alive\",\"relation-info\":[{\"relation-id\":4,\"endpoint\":\"client\",\"related-endpoint\":\"server\",\
         \"application-data\":{\"name\":\"main\"},\"local-unit\":{\"in-scope\":false,\"data\":null},\"related-units\":{\"db/0\":\
         {\"in-scope\":true,\"data\":{\"port\":\"5432\"}}}},{\"relation-id\":5,\"endpoint\":\"ring\",\"related-endpoint\":\"ring\",\
         \"application-data\":{},\"local-unit\":{\"in-scope\":true,\"data\":{\"a\":\"1\"}}}]}}\n"
    );
    assert_eq!(
        c.juju("show-unit web/0 --endpoint ring").ok().stdout,
        "web/0:\n  machine: \"0\"\n  opened-ports: []\n  public-address: 127.0.1.1\n  charm: local:web-0\n  leader: true\n  life: alive\n  \
         relation-info:\n  - relation-id: 5\n    endpoint: ring\n    related-endpoint: ring\n    application-data: {}\n    local-unit:\n      \
         in-scope: true\n      data:\n        a: \"1\"\n"
    );
    let app = c.juju("show-unit db/0 --app --format json").ok().json();
    assert!(
        app["db/0"]["relation-info"].is_null(),
        "web wrote no application data: {app}"
    );
    assert_eq!(
        c.juju("show-application web --format json").ok().stdout,
        "{\"web\":{\"charm\":\"web\",\"base\":\"ubuntu@22.04\",\"constraints\":{},\"principal\":true,\"exposed\":false,\"remote\":false,\
         \"life\":\"alive\",\"endpoint-bindings\":{\"\":\"alpha\",\"client\":\"alpha\",\"server\":\"alpha\"}}}\n"
    );
    let missing = c.juju("show-application nosuch");
    assert_eq!(
        (
            missing.code,
            missing.stdout.as_str(),
            missing.stderr.as_str()
        ),
        (1, "{}\n", "ERROR application \"nosuch\" not found\n")
    );
    let machines = c.juju("show-machine 0 --format json").ok().json();
    assert_eq!(
        (
            machines["model"].as_str(),
            machines["machines"].as_object().map(serde_json::Map::len)
        ),
        (Some("m"), Some(1))
    );
    assert_eq!(
        c.juju("show-machine 9").ok().stdout,
        "model: m\nmachines: {}\n"
    );
}
