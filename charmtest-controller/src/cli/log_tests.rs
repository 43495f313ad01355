use jiff::Timestamp;

use super::super::testing::Controller;
use super::*;
use crate::model::ModelUuid;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_763_765_884 + second).unwrap()
}

fn line(model: &ModelUuid, second: i64, entity: &str, level: LogLevel, module: &str) -> LogLine {
    LogLine {
        model: model.clone(),
        at: at(second),
        entity: entity.to_owned(),
        level,
        module: module.to_owned(),
        message: format!("line {second}"),
    }
}

/// A model with 12 lines of units `web/0`, `web/1`, `db/0` in turn.
fn filled() -> (Controller, ModelUuid) {
    let c = Controller::with_model();
    let model = c.hub.snapshot().current_model.clone().unwrap();
    let entities = ["unit-web-0", "unit-web-1", "unit-db-0"];
    let levels = [
        LogLevel::Info,
        LogLevel::Warning,
        LogLevel::Error,
        LogLevel::Info,
    ];
    let lines = (0..12_usize).map(|n| {
        let module = if n % 2 == 0 {
            "juju.worker.uniter"
        } else {
            "unit.x/0.juju-log"
        };
        line(
            &model,
            i64::try_from(n).unwrap(),
            entities[n % 3],
            levels[n % 4],
            module,
        )
    });
    c.hub.log(lines).unwrap();
    (c, model)
}

fn shown(c: &Controller, options: &str) -> Vec<u32> {
    let text = c.juju(&format!("debug-log {options}")).ok().stdout;
    text.lines()
        .map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
        .collect()
}

#[test]
fn lines_are_chosen() {
    let (c, _) = filled();
    for (options, expected) in [
        ("", (2..12).collect::<Vec<u32>>()),
        ("--no-tail", (2..12).collect()),
        ("--limit 3", vec![9, 10, 11]),
        ("--limit 0", (0..12).collect()),
        ("--replay --no-tail", (0..12).collect()),
        ("--replay --limit 2", vec![0, 1]),
        ("--level ERROR", vec![2, 6, 10]),
        ("--level warning --limit 2", vec![9, 10]),
        ("--include web/0", vec![0, 3, 6, 9]),
        ("--include web --limit 3", vec![7, 9, 10]),
        ("--include web/0 --include db --limit 3", vec![8, 9, 11]),
        ("--exclude web", vec![2, 5, 8, 11]),
        ("-i web -x web/1", vec![0, 3, 6, 9]),
        ("--include-module juju.worker --limit 2", vec![8, 10]),
        ("--exclude-module juju.worker --limit 2", vec![9, 11]),
        ("--include nosuch", vec![]),
        ("--include-label a", vec![]),
        ("--exclude-label a --limit 1", vec![11]),
    ] {
        assert_eq!(shown(&c, options), expected, "{options}");
    }
}

#[test]
fn lines_have_jujus_layout() {
    let (c, _) = filled();
    for (options, expected) in [
        ("", "unit-db-0: 22:58:15 INFO unit.x/0.juju-log line 11\n"),
        (
            "--date --utc",
            "unit-db-0: 2025-11-21 22:58:15 INFO unit.x/0.juju-log line 11\n",
        ),
        (
            "--ms",
            "unit-db-0: 22:58:15.000 INFO unit.x/0.juju-log line 11\n",
        ),
    ] {
        assert_eq!(
            c.juju(&format!("debug-log --limit 1 {options}"))
                .ok()
                .stdout,
            expected
        );
    }
}

#[test]
fn contradictions_are_refused() {
    let c = Controller::with_model();
    for (options, error) in [
        ("--tail --no-tail", "setting --tail and --no-tail not valid"),
        ("--tail --limit 3", "setting --tail and --limit not valid"),
        ("--no-tail -n 5", "setting --no-tail and --lines not valid"),
        ("--limit 3 -n 3", "setting --limit and --lines not valid"),
        ("--replay -n 3", "setting --replay and --lines not valid"),
        (
            "--level bogus",
            "level value \"bogus\" is not one of \"TRACE\", \"DEBUG\", \"INFO\", \"WARNING\", \"ERROR\"",
        ),
        ("extra", "unrecognized args: [\"extra\"]"),
    ] {
        let outcome = c.juju(&format!("debug-log {options}"));
        assert_eq!(
            (outcome.code, outcome.stderr),
            (2, format!("ERROR {error}\n")),
            "{options}"
        );
    }
}

#[test]
fn a_tail_follows_until_the_client_goes() {
    let (c, model) = filled();
    let (gone, is_gone) = tokio::sync::watch::channel(false);
    let outcome = c.runtime.block_on(async {
        let follow = c.start_with_gone(
            &["debug-log", "--tail", "-n", "1", "-i", "web"],
            "",
            is_gone,
        );
        let more = async {
            // The command is polled first; then the lines come, then the client goes.
            tokio::task::yield_now().await;
            c.hub
                .log([
                    line(&model, 20, "unit-web-0", LogLevel::Info, "m"),
                    line(&model, 21, "unit-db-0", LogLevel::Info, "m"),
                ])
                .unwrap();
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            gone.send_replace(true);
        };
        tokio::join!(follow, more).0
    });
    let lines: Vec<&str> = outcome
        .stdout
        .lines()
        .map(|line| line.rsplit_once("line ").unwrap().1)
        .collect();
    assert_eq!((outcome.code, lines), (0, vec!["10", "20"]));
}

#[test]
fn status_history() {
    use crate::model::{AgentStatus, Status, Workload};
    use crate::status::fixture;
    let c = Controller::with_model();
    let model = c.hub.snapshot().current_model.clone().unwrap();
    c.hub
        .transact_model(&model, |model| {
            fixture::application(model, "web", 1);
            Ok::<_, crate::model::Rejected>(())
        })
        .unwrap();
    for (second, message) in [(1, "one"), (2, "two")] {
        c.hub
            .transact_model(&model, |model| {
                model.units.get_mut("web/0").unwrap().workload =
                    Status::new(Workload::Blocked, message, at(second));
                Ok::<_, crate::model::Rejected>(())
            })
            .unwrap();
    }
    let text = c
        .juju("show-status-log web/0 --type workload -n 2")
        .ok()
        .stdout;
    assert_eq!(
        text,
        "Time                   Type      Status   Message\n\
         21 Nov 2025 22:58:05Z  workload  blocked  one\n\
         21 Nov 2025 22:58:06Z  workload  blocked  two\n"
    );
    let json = c
        .juju("show-status-log web/0 --type workload -n 1 --format json")
        .ok()
        .stdout;
    assert_eq!(
        json,
        "[{\"status\":\"blocked\",\"message\":\"two\",\"since\":\"2025-11-21T22:58:06Z\",\"type\":\"workload\"}]\n"
    );
    c.hub
        .transact_model(&model, |model| {
            let mut failed =
                Status::new(AgentStatus::Error, "hook failed: \"config-changed\"", at(3));
            failed.data.insert("hook".into(), "config-changed".into());
            model.units.get_mut("web/0").unwrap().agent = failed;
            Ok::<_, crate::model::Rejected>(())
        })
        .unwrap();
    assert_eq!(
        c.juju("show-status-log web/0 -n 1 --format yaml")
            .ok()
            .stdout,
        "- status: error\n  message: 'hook failed: \"config-changed\"'\n  data:\n    hook: config-changed\n  \
         since: \"2025-11-21T22:58:07Z\"\n  type: juju-unit\n"
    );
    assert_eq!(
        c.juju("show-status-log web/0 -n 1 --format json")
            .ok()
            .json()[0]["data"],
        serde_json::json!({"hook": "config-changed"})
    );
    for (line, code, error) in [
        ("", 2, "entity name is missing."),
        ("web/9", 1, "no status history available"),
        ("web", 1, "\"web\" is not a valid name for a unit"),
        ("web/0 --type bogus", 2, "unexpected status type \"bogus\""),
        (
            "web/0 --days 1 -n 2",
            2,
            "backlog size, backlog date and backlog days back cannot be specified together",
        ),
    ] {
        let outcome = c.juju(&format!("show-status-log {line}"));
        assert_eq!(
            (outcome.code, outcome.stderr),
            (code, format!("ERROR {error}\n")),
            "{line}"
        );
    }
}

#[test]
fn a_long_log_is_read_in_pages() {
    let c = Controller::with_model();
    let model = c.hub.snapshot().current_model.clone().unwrap();
    let lines = (0..2500).map(|n| {
        let entity = if n % 1000 == 0 {
            "unit-a-0"
        } else {
            "unit-b-0"
        };
        line(&model, n, entity, LogLevel::Info, "m")
    });
    c.hub.log(lines).unwrap();
    assert_eq!(shown(&c, "--include a"), [0, 1000, 2000]);
    assert_eq!(shown(&c, "--include a --limit 2"), [1000, 2000]);
    assert_eq!(shown(&c, "--include a --replay --limit 2"), [0, 1000]);
    assert_eq!(shown(&c, "--replay --no-tail").len(), 2500);
    assert_eq!(shown(&c, "--limit 1500").first(), Some(&1000));
}

#[test]
fn juju_40_writes_json_and_files() {
    let c = Controller::of(JujuVersion::V4_0);
    c.juju("add-model m").ok();
    let model = c.hub.snapshot().current_model.clone().unwrap();
    c.hub
        .log([line(
            &model,
            1,
            "unit-a-0",
            LogLevel::Warning,
            "unit.a/0.juju-log",
        )])
        .unwrap();
    assert_eq!(
        c.juju("debug-log --limit 1 --format json").ok().stdout,
        format!(
            "{{\"model-uuid\":\"{model}\",\"timestamp\":\"2025-11-21T22:58:05Z\",\"entity\":\"unit-a-0\",\"level\":\"WARNING\",\
             \"module\":\"unit.a/0.juju-log\",\"location\":\"\",\"message\":\"line 1\"}}\n"
        )
    );
    assert_eq!(c.juju("debug-log --limit 1 -o log.txt").ok().stdout, "");
    let written = std::fs::read_to_string(c.dir.path().join("log.txt")).unwrap();
    assert_eq!(
        written,
        "unit-a-0: 22:58:05 WARNING unit.a/0.juju-log line 1\n"
    );
    let three = Controller::with_model();
    for (c, option) in [
        (&three, "--format json"),
        (&three, "--include-labels a=b"),
        (&three, "-o x"),
        (&c, "--include-label a"),
    ] {
        let outcome = c.juju(&format!("debug-log --limit 1 {option}"));
        assert!(
            outcome.code == 2 && outcome.stderr.contains("option provided but not defined"),
            "{option}: {outcome:?}"
        );
    }
}

#[test]
fn machines_and_models_have_a_history_of_one() {
    let c = Controller::with_model();
    c.juju("add-machine").ok();
    for (line, status, kind) in [
        ("0 --type machine", "running", "machine"),
        ("0 --type juju-machine", "started", "juju-machine"),
        ("m --type model", "available", "model"),
    ] {
        let shown = c
            .juju(&format!("show-status-log {line} --format json"))
            .ok()
            .json();
        assert_eq!(
            (&shown[0]["status"], &shown[0]["type"]),
            (&json!(status), &json!(kind)),
            "{line}"
        );
    }
    assert_eq!(c.juju("show-status-log 9 --type machine").code, 1);
}

#[test]
fn levels_are_coloured_on_demand() {
    let (c, _) = filled();
    let shown = c.juju("debug-log --limit 2 --color").ok().stdout;
    assert!(shown.contains(" \u{1b}[91mERROR\u{1b}[0m "), "{shown:?}");
    assert!(shown.contains(" \u{1b}[94mINFO\u{1b}[0m "), "{shown:?}");
    let plain = c.juju("debug-log --limit 2").ok().stdout;
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
}

#[test]
fn in_4_0_all_models_can_be_followed() {
    let c = Controller::of(JujuVersion::V4_0);
    for (name, second) in [("a", 1), ("b", 2)] {
        c.juju(&format!("add-model {name}")).ok();
        let model = c.hub.snapshot().current_model.clone().unwrap();
        let one = line(&model, second, "unit-web-0", LogLevel::Info, "m");
        c.hub.log([one]).unwrap();
    }
    let models = c.hub.snapshot();
    let uuid = |name: &str| models.model_named(name).unwrap().info.uuid.clone();
    assert_eq!(
        c.juju("debug-log --limit 5 --firehose").ok().stdout,
        format!(
            "{}: unit-web-0: {} INFO m line 1\n{}: unit-web-0: {} INFO m line 2\n",
            uuid("a"),
            at(1).strftime("%H:%M:%S"),
            uuid("b"),
            at(2).strftime("%H:%M:%S")
        )
    );
    assert_eq!(c.juju("debug-log --limit 5").ok().stdout.lines().count(), 1);
    assert_eq!(
        Controller::with_model().juju("debug-log --firehose").code,
        2,
        "3.6 has no such option"
    );
}
