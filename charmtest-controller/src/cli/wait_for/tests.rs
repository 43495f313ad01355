use std::rc::Rc;

use super::super::testing::Controller;
use super::*;
use crate::model::Workload;
use crate::status::fixture;

fn sample() -> Model {
    let mut model = fixture::model();
    fixture::application(&mut model, "db", 2);
    fixture::application(&mut model, "web", 1);
    for unit in ["db/0", "db/1"] {
        fixture::workload(&mut model, unit, Workload::Active, "");
    }
    fixture::workload(&mut model, "web/0", Workload::Blocked, "no db");
    model
}

fn holds(model: &Model, what: What, name: &str, query: &str) -> Result<bool, String> {
    let target = Target {
        what,
        name: name.to_owned(),
    };
    let parsed = syntax::parse(query).map_err(|error| error.explain(query))?;
    let parsed = parsed.unwrap();
    let entity = target.entity(model, &Rc::new(Recorder::default())).unwrap();
    let value = evaluate(&parsed, &*entity).map_err(|error| error.explain(query))?;
    Ok(value.is_true())
}

#[test]
fn queries() {
    let model = sample();
    for (what, name, query, expected) in [
        (What::Application, "db", What::Application.query(), true),
        (What::Application, "web", What::Application.query(), false),
        (What::Application, "db", "len(units) == 2", true),
        (What::Application, "db", "len(units) >= 3", false),
        (
            What::Application,
            "db",
            "forEach(units, unit => unit.workload-status == \"active\")",
            true,
        ),
        (
            What::Application,
            "db",
            "forEach(units, u => startsWith(u.name, \"db/\") && u.life == life)",
            true,
        ),
        (
            What::Application,
            "db",
            "forEach(units, u => endsWith(u.name, \"/0\"))",
            false,
        ),
        (
            What::Application,
            "db",
            "len(machines) == 2 && exposed == false",
            true,
        ),
        (
            What::Application,
            "db",
            "status != \"active\" || subordinate",
            false,
        ),
        (What::Unit, "db/0", What::Unit.query(), true),
        (
            What::Unit,
            "web/0",
            "workload-message == \"no db\" && application == \"web\"",
            true,
        ),
        (
            What::Unit,
            "db/0",
            "forEach(machines, m => m.status == \"started\")",
            true,
        ),
        (What::Unit, "db/0", "machine-id < \"1\"", true),
        (What::Machine, "0", What::Machine.query(), true),
        (What::Machine, "0", "len(supported-containers)", false),
        (What::Model, "m", What::Model.query(), true),
        (
            What::Model,
            "m",
            "forEach(applications, a => a.status == \"active\")",
            false,
        ),
        (
            What::Model,
            "m",
            "forEach(applications, a => forEach(units, u => u.life == a.life))",
            true,
        ),
        (What::Model, "m", "config[\"test-mode\"] == \"false\"", true),
        (
            What::Model,
            "m",
            "len(units) == 3 && len(machines) > 2",
            true,
        ),
        // Values of different kinds are never equal, and nothing is less.
        (What::Model, "m", "len(units) == 3.0", false),
        (What::Model, "m", "name < 3", false),
        (What::Model, "m", "int(\"12\") == 12", true),
    ] {
        assert_eq!(holds(&model, what, name, query), Ok(expected), "{query}");
    }
}

#[test]
fn queries_that_cannot_be_evaluated() {
    let model = sample();
    let error = |query: &str| holds(&model, What::Unit, "db/0", query).unwrap_err();
    let text = error("liff == \"alive\"");
    assert!(
        text.starts_with("Cannot execute query: invalid identifier.\n\n1 | liff == \"alive\"\n\nNo possible matches for \"liff\" on UnitInfo: invalid identifier\nDid you mean:\n\n    life\n"),
        "{text}"
    );
    for (query, why) in [
        ("name && true", "logical AND only allowed on boolean values"),
        ("nosuch(name)", "no function \"nosuch\""),
        (
            "len(name, name)",
            "number of params not valid for function call, wanted: 1, received: 2",
        ),
        ("forEach(name, u => true)", "unexpected scope type string"),
        ("forEach(machines, name)", "unexpected lambda string"),
        ("name.life", "unexpected identifier"),
        ("name[0]", "unexpected index expression"),
    ] {
        let text = error(query);
        assert!(text.contains(why), "{query}: {text}");
    }
}

#[test]
fn a_summary_shows_what_was_asked_for() {
    let model = sample();
    let target = Target {
        what: What::Application,
        name: "db".to_owned(),
    };
    let query = "life==\"alive\" && forEach(units, unit => unit.workload-status==\"active\")";
    let parsed = syntax::parse(query).unwrap();
    assert_eq!(
        look(&target, Some(&model), parsed.as_ref(), query),
        Ok(Look::Done(
            "Application \"db\" is running".to_owned(),
            Some(
                "properties:\n  life: alive\n  units: {}\nunits:\n  db/0:\n    workload-status: active\n  db/1:\n    workload-status: active\n"
                    .to_owned()
            )
        ))
    );
}

#[test]
fn waiting_says_for_what_and_gives_up() {
    let c = Controller::with_model();
    for (line, code, stderr) in [
        (
            "wait-for application db --timeout 10ms",
            1,
            "application \"db\" not found, waiting...\nERROR timed out waiting for \"db\" to reach goal state\n",
        ),
        (
            "wait-for unit db/0 --timeout 10ms -q",
            1,
            "ERROR timed out waiting for \"db/0\" to reach goal state\n",
        ),
        (
            "wait-for application",
            2,
            "ERROR application name must be supplied when waiting for an application\n",
        ),
        (
            "wait-for unit db",
            2,
            "ERROR \"db\" is not valid unit name\n",
        ),
        (
            "wait-for machine 0 1",
            2,
            "ERROR only one machine id can be supplied as an argument to this command\n",
        ),
        (
            "wait-for machine 0 --timeout 5",
            2,
            "ERROR invalid value \"5\" for option --timeout: time: missing unit in duration \"5\"\n",
        ),
    ] {
        let outcome = c.juju(line);
        assert_eq!(
            (outcome.code, outcome.stderr.as_str()),
            (code, stderr),
            "{line}"
        );
    }
    let outcome = c.juju("wait-for model m").ok();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        (
            "properties:\n  life: alive\n  status: available\n",
            "Model \"m\" is running\n"
        )
    );
    let outcome = c.juju("wait-for model m --summary=false").ok();
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""));
}

#[test]
fn juju_40_has_no_such_command() {
    let c = Controller::of(JujuVersion::V4_0);
    let outcome = c.juju("wait-for x");
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (1, "ERROR unrecognized command: juju wait-for\n")
    );
}
