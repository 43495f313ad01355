//! The report of a whole model against samples of Juju's own formatter (3.6.28) and a recording of Juju 4.0.15.

use serde_json::{Map, Value};

use super::fixture::{self, AT};
use super::{Host, Report, Sections, Selection};
use crate::JujuVersion;
use crate::cli::times::Times;
use crate::model::{AgentStatus, Life, Model, PortRange, Status, UnitName, Workload};

const HOST: Host = Host {
    arch: "amd64",
    cores: 2,
    memory: 2048,
};

/// The model of the sample: `db` with a subordinate in error, and `web`, which is exposed, dying and has no units.
fn sample() -> Model {
    let mut model = fixture::model();
    fixture::application(&mut model, "db", 1);
    fixture::application(&mut model, "sub", 1);
    fixture::application(&mut model, "web", 0);
    fixture::relation(&mut model, 0, ("db", "ring"), ("db", "ring"));
    fixture::relation(&mut model, 1, ("db", "server"), ("web", "client"));
    fixture::relation(&mut model, 2, ("db", "juju-info"), ("sub", "host"));
    fixture::joins(&mut model, 1, "db/0", &[]);
    fixture::joins(&mut model, 2, "db/0", &[]);
    let mut metadata = model.charms.get("local:web-0").unwrap().clone();
    metadata.url = "local:sub-7".to_owned();
    metadata.revision = 7;
    let charm = std::sync::Arc::make_mut(&mut metadata.charm);
    charm.metadata.subordinate = true;
    charm.metadata.name = "sub".to_owned().try_into().unwrap();
    model.charms.insert("local:sub-7".to_owned(), metadata);
    model.relations.get_mut(&2).unwrap().scope = crate::model::Scope::Container;
    model.applications.get_mut("sub").unwrap().charm = "local:sub-7".to_owned();
    let web = model.applications.get_mut("web").unwrap();
    web.exposed = true;
    web.life = Life::Dying;
    model.applications.get_mut("db").unwrap().workload_version = Some("14.1".to_owned());
    fixture::workload(&mut model, "db/0", Workload::Active, "ok");
    let db = model.units.get_mut("db/0").unwrap();
    let port = |from| PortRange {
        protocol: "tcp".to_owned(),
        from,
        to: from,
    };
    db.ports.insert(String::new(), [port(80), port(81)].into());
    db.ports
        .insert("server".to_owned(), [port(5432), port(80)].into());
    model.machines.remove("1");
    let sub = model.units.get_mut("sub/0").unwrap();
    sub.principal = Some(UnitName::new("db", 0));
    sub.machine = "0".to_owned();
    sub.agent = Status::new(AgentStatus::Executing, "running config-changed hook", AT);
    sub.workload = Status::new(Workload::Blocked, "hook", AT);
    model.applications.get_mut("sub").unwrap().leader = None;
    model
}

fn report(model: &Model) -> Report {
    Report::of(model, &Selection::default(), &HOST, AT)
}

#[test]
fn tables() {
    let text = report(&sample()).tabular(
        &Times::utc_zone(),
        Sections {
            relations: true,
            storage: false,
        },
    );
    assert_eq!(
        text,
        include_str!("../../tests/fixtures/status/tabular.txt")
    );
}

#[test]
fn json() {
    let value = report(&sample()).to_value(&Times::utc_zone());
    let expected = include_str!("../../tests/fixtures/status/sample.json");
    // The text is compared, because the order of keys counts.
    let expected: Value = serde_json::from_str(expected).unwrap();
    assert_eq!(
        serde_json::to_string_pretty(&value).unwrap(),
        serde_json::to_string_pretty(&expected).unwrap()
    );
}

#[test]
fn one_line_per_unit() {
    assert_eq!(
        report(&sample()).oneline(),
        "- db/0: 127.0.1.1 (agent:idle, workload:active) 80/tcp, 81/tcp, 5432/tcp\n  - sub/0: 127.0.1.1 (agent:executing, workload:blocked)\n"
    );
}

#[test]
fn a_summary_counts() {
    let text = report(&sample()).summary();
    for expected in [
        "# Machines:  (1)",
        "# Units:  (2)",
        "# Applications:  (3)",
        "db  0/1  exposed",
        "5432/tcp, 80/tcp, 81/tcp",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
}

/// Checks that `ours` has no key that `recorded` lacks, apart from those of `more`, and that common keys stand in the same order.
#[track_caller]
fn assert_shape(ours: &Value, recorded: &Value, more: &[&str]) {
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<String>>()
    };
    let recorded = keys(recorded);
    let ours: Vec<String> = keys(ours)
        .into_iter()
        .filter(|key| !more.contains(&key.as_str()))
        .collect();
    let in_order: Vec<String> = recorded
        .into_iter()
        .filter(|key| ours.contains(key))
        .collect();
    assert_eq!(ours, in_order);
}

#[test]
fn keys_are_those_of_a_real_controller() {
    let real: Value =
        serde_json::from_str(include_str!("../../tests/fixtures/status/juju-4.0.15.json")).unwrap();
    let mut model = sample();
    model.info_mut().juju = JujuVersion::V4_0;
    let ours = report(&model).to_value(&Times::utc_zone());
    let first = |map: &Value, wanted: &str| {
        let map: &Map<String, Value> = map.as_object().unwrap();
        map.values()
            .find(|entry| entry.get(wanted).is_some())
            .cloned()
            .unwrap()
    };
    assert_shape(&ours, &real, &[]);
    assert_shape(&ours["model"], &real["model"], &[]);
    let (machine, real_machine) = (
        first(&ours["machines"], "hardware"),
        first(&real["machines"], "hardware"),
    );
    assert_shape(&machine, &real_machine, &[]);
    assert_shape(&machine["juju-status"], &real_machine["juju-status"], &[]);
    let (app, real_app) = (
        first(&ours["applications"], "units"),
        first(&real["applications"], "units"),
    );
    assert_shape(&app, &real_app, &["version"]);
    assert_shape(
        &app["relations"]["ring"][0],
        &real_app["relations"]["ring"][0],
        &[],
    );
    let (unit, real_unit) = (
        first(&app["units"], "leader"),
        first(&real_app["units"], "leader"),
    );
    assert_shape(&unit, &real_unit, &["open-ports", "subordinates"]);
    assert_shape(&unit["workload-status"], &real_unit["workload-status"], &[]);
    assert_shape(&unit["juju-status"], &real_unit["juju-status"], &[]);
}

#[test]
fn yaml_leaves_out_an_empty_struct() {
    let mut model = sample();
    for (juju, in_json, in_yaml) in [
        (JujuVersion::V3_6, Some(false), Some(false)),
        (JujuVersion::V4_0, Some(true), None),
    ] {
        model.info_mut().juju = juju;
        let (report, times) = (report(&model), Times::utc_zone());
        let is_empty = |machines: &Value| {
            let status = machines["0"].get("modification-status");
            status.map(|status| status.as_object().unwrap().is_empty())
        };
        assert_eq!(is_empty(&report.to_value(&times)["machines"]), in_json);
        assert_eq!(is_empty(&report.machines_value(&times)), in_json);
        assert_eq!(is_empty(&report.to_yaml_value(&times)["machines"]), in_yaml);
        let machines = report.machines_yaml_value(&times);
        assert_eq!(is_empty(&machines), in_yaml);
        let keys: Vec<&String> = machines["0"].as_object().unwrap().keys().collect();
        assert_eq!(keys.last().unwrap().as_str(), "hardware");
    }
}

#[test]
fn bindings_name_what_every_charm_provides_in_4_0() {
    let mut model = sample();
    for (juju, expected) in [
        (JujuVersion::V3_6, vec!["", "client", "server"]),
        (JujuVersion::V4_0, vec!["", "client", "juju-info", "server"]),
    ] {
        model.info_mut().juju = juju;
        let value = report(&model).to_value(&Times::utc_zone());
        let bindings = value["applications"]["db"]["endpoint-bindings"].as_object();
        let names: Vec<&String> = bindings.unwrap().keys().collect();
        assert_eq!(names, expected, "{juju:?}");
    }
}

#[test]
fn a_charm_of_a_store_has_a_channel() {
    let mut model = fixture::model();
    fixture::application(&mut model, "db", 1);
    let mut row = model.charms.get("local:web-0").unwrap().clone();
    row.url = "ch:amd64/postgresql-5".to_owned();
    row.revision = 5;
    std::sync::Arc::make_mut(&mut row.charm).metadata.name =
        "postgresql".to_owned().try_into().unwrap();
    model.charms.insert(row.url.clone(), row.clone());
    let db = model.applications.get_mut("db").unwrap();
    (db.charm, db.channel) = (row.url, Some("14/stable".to_owned()));
    let mut report = report(&model);
    report.applications[0].can_upgrade_to = Some("ch:amd64/postgresql-6".to_owned());
    let value = &report.to_value(&Times::new(Some("UTC"), None, false))["applications"]["db"];
    let text = value.to_string();
    let start = "{\"charm\":\"postgresql\",\"base\":{\"name\":\"ubuntu\",\"channel\":\"22.04\"},\"charm-origin\":\"charmhub\",\
                 \"charm-name\":\"postgresql\",\"charm-rev\":5,\"charm-channel\":\"14/stable\",";
    assert!(text.starts_with(start), "{text}");
    assert_eq!(value["can-upgrade-to"], "ch:amd64/postgresql-6");
    let table = report.tabular(&Times::new(Some("UTC"), None, false), Sections::default());
    let line = table.lines().find(|line| line.starts_with("db ")).unwrap();
    assert!(line.contains("  postgresql  14/stable    5  "), "{line}");
}
