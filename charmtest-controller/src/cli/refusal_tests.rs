//! What commands about applications say when they fail, on Juju 3.6 and on Juju 4.0.

use std::fs;

use super::charm_fixture::TRACER;
use super::testing::Controller;
use crate::JujuVersion;

/// A controller with the packed charm of the recordings, `./tracer.charm`, deployed as `server`.
fn controller(juju: JujuVersion) -> Controller {
    let c = Controller::with_model_of(juju);
    c.write_charm("tracer", TRACER);
    c.pack_charm("tracer");
    c.juju("deploy ./tracer.charm server").ok();
    c
}

/// Asserts what commands print on standard error before they exit with 1: line, on 3.6, on 4.0. `$DIR` is the client's directory.
#[track_caller]
fn assert_says(cases: &[(&str, &str, &str)]) {
    for (juju, number) in [(JujuVersion::V3_6, 0), (JujuVersion::V4_0, 1)] {
        let c = controller(juju);
        for (line, on_36, on_40) in cases {
            let outcome = c.juju(line);
            let expected =
                [*on_36, *on_40][number].replace("$DIR", &c.dir.path().display().to_string());
            assert_eq!(outcome.code, 1, "{juju:?} {line}: {outcome:?}");
            // What a charm that is uploaded is called stands before it, and counts its uploads.
            let last = outcome
                .stderr
                .split_inclusive('\n')
                .skip_while(|line| !line.starts_with("ERROR"))
                .collect::<String>();
            assert_eq!(last, format!("ERROR {expected}\n"), "{juju:?} {line}");
        }
    }
}

#[test]
fn configuration_and_constraints() {
    let both = |line, text| (line, text, text);
    assert_says(&[
        (
            "config nosuch",
            "application \"nosuch\" not found (not found)",
            "application nosuch not found (not found)",
        ),
        (
            "config nosuch mode",
            "application \"nosuch\" not found (not found)",
            "application nosuch not found (not found)",
        ),
        (
            "config Bad_Name",
            "\"Bad_Name\" is not a valid application name",
            "application name not valid",
        ),
        both("config nosuch mode=x", "application \"nosuch\" not found"),
        (
            "config nosuch --reset mode",
            "application \"nosuch\" not found",
            "application nosuch not found",
        ),
        (
            "config server nosuch=1",
            "unknown option \"nosuch\"",
            "invalid application config: unknown option \"nosuch\"",
        ),
        both(
            "config server level=abc",
            "option \"level\" expected int, got \"abc\"",
        ),
        both(
            "config server --file nosuch.yaml",
            "open $DIR/nosuch.yaml: no such file or directory",
        ),
        both(
            "config server mode=@nosuch.txt",
            "cannot read option from file \"nosuch.txt\": stat $DIR/nosuch.txt: no such file or directory",
        ),
        (
            "set-constraints nosuch mem=1G",
            "application \"nosuch\" not found (not found)",
            "application nosuch not found (not found)",
        ),
        (
            "constraints nosuch",
            "unable to get constraints for \"nosuch\": application \"nosuch\" not found",
            "unable to get constraints for \"nosuch\": application nosuch not found",
        ),
        both("trust nosuch beside", "application \"nosuch\" not found"),
    ]);
}

#[test]
fn deploying() {
    let both = |line, text| (line, text, text);
    let exists = "cannot add application \"server\": application already exists: \ndeploy application using an alias name:\n    \
                  juju deploy <application> <alias>\nor use remove-application to remove the existing one and try again.";
    assert_says(&[
        (
            "deploy ./tracer.charm server",
            exists,
            "cannot deploy \"server\": creating application \"server\": creating IAAS application \"server\": inserting IAAS \
             application \"server\": checking if application \"server\" exists: application already exists",
        ),
        (
            "deploy ./tracer.charm server --config nosuch=1",
            exists,
            "cannot deploy \"server\": preparing application args: validating create application args: validating application \
             config: unknown option \"nosuch\"",
        ),
        (
            "deploy ./tracer.charm a1 --config level=abc",
            "option \"level\" expected int, got \"abc\"",
            "cannot deploy \"a1\": preparing application args: validating create application args: validating application config: \
             option \"level\" expected int, got \"abc\"",
        ),
        both(
            "deploy ./tracer.charm a1 --config nosuch.yaml",
            "open $DIR/nosuch.yaml: no such file or directory",
        ),
        (
            "deploy ./tracer.charm a1 --to 99",
            "cannot deploy \"a1\" to machine 99: machine 99 not found",
            "cannot deploy \"a1\": preparing application args: making unit args: getting machine \"99\" for unit placement \
             directive: machine with name \"99\" does not exist",
        ),
        (
            "deploy ./tracer.charm server --attach-storage data/9",
            exists,
            "cannot deploy \"server\": storage instance \"data/9\" does not exist",
        ),
        (
            "deploy ./tracer.charm a1 --device gpu=1",
            "charm \"tracer\" has no device called \"gpu\"",
            "cannot deploy \"a1\": preparing application args: validating create application args: validating device constraints: \
             charm \"tracer\" has no device called \"gpu\"",
        ),
        (
            "deploy ./tracer.charm a1 --base ubuntu@20.04",
            "base \"ubuntu@20.04\" not supported by charm, the charm supported bases are: ubuntu@24.04\nUse --force to deploy the \
             charm anyway.",
            "base \"ubuntu@20.04/stable\" is not supported, supported bases are: ubuntu@24.04",
        ),
        both(
            "deploy ./tracer.charm a1 --base bogus",
            "expected base string to contain os and channel separated by '@'",
        ),
    ]);
}

#[test]
fn a_place_that_is_not_there_is_found_last() {
    for juju in [JujuVersion::V3_6, JujuVersion::V4_0] {
        let outcome = controller(juju).juju("deploy ./tracer.charm a1 --to zone=x");
        assert_eq!(outcome.code, 1, "{outcome:?}");
        let lines: Vec<&str> = outcome.stderr.lines().collect();
        assert_eq!(
            lines[..2],
            [
                "Located local charm \"tracer\", revision 1",
                "Deploying \"a1\" from local charm \"tracer\", revision 1 on ubuntu@24.04/stable",
            ]
        );
        assert!(
            lines[2].contains("not supported by the embedded controller"),
            "{outcome:?}"
        );
    }
}

#[test]
fn charms_that_are_none() {
    for juju in [JujuVersion::V3_6, JujuVersion::V4_0] {
        let c = controller(juju);
        let without = TRACER
            .iter()
            .filter(|(name, _)| *name != "metadata.yaml")
            .copied()
            .collect::<Vec<_>>();
        c.write_charm("empty", &without);
        c.pack_charm("empty");
        fs::write(c.dir.path().join("blob.txt"), "a blob\n").unwrap();
        for (line, expected) in [
            (
                "deploy ./empty.charm",
                "attempting to deploy \"./empty.charm\": archive file \"metadata.yaml\" not found",
            ),
            (
                "deploy ./nosuch.charm",
                "no charm was found at \"./nosuch.charm\"",
            ),
            (
                "refresh server --path ./empty.charm",
                "archive file \"metadata.yaml\" not found",
            ),
            (
                "refresh server --path ./nosuch.charm",
                "\"./nosuch.charm\": file does not exist",
            ),
            (
                "refresh server --path ./blob.txt",
                "zip: not a valid zip file",
            ),
            (
                "refresh server --path tracer.charm",
                "cannot parse name and/or revision in URL \"ch:tracer.charm\": name \"tracer.charm\" not valid",
            ),
        ] {
            let outcome = c.juju(line);
            assert_eq!(
                (outcome.code, outcome.stderr),
                (1, format!("ERROR {expected}\n")),
                "{juju:?} {line}"
            );
        }
    }
}

/// Writes the charm of the recordings with one text for another, as `./next.charm`.
fn next_charm(c: &Controller, file: &str, old: &str, new: &str) {
    let files: Vec<(&str, String)> = TRACER
        .iter()
        .map(|(name, text)| match *name == file {
            true => (*name, text.replace(old, new)),
            false => (*name, (*text).to_owned()),
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    c.write_charm("next", &files);
    c.pack_charm("next");
}

#[test]
fn a_charm_without_the_peers_of_the_old_one() {
    for (juju, expected) in [
        (
            JujuVersion::V3_6,
            "cannot upgrade application \"server\" to charm \"local:tracer-1\": would break relation \"server:ring\"",
        ),
        (
            JujuVersion::V4_0,
            "setting application \"server\" charm: charm has no corresponding peer relation \"ring\". Please scale down to 0 units \
             to refresh",
        ),
    ] {
        let c = controller(juju);
        next_charm(&c, "metadata.yaml", "peers: {ring", "peers: {circle");
        let outcome = c.juju("refresh server --path ./next.charm");
        assert_eq!(outcome.code, 1, "{outcome:?}");
        assert_eq!(
            outcome.stderr,
            format!("Added local charm \"tracer\", revision 1, to the model\nERROR {expected}\n")
        );
    }
}

#[test]
fn a_charm_for_other_bases() {
    let c = controller(JujuVersion::V3_6);
    next_charm(&c, "manifest.yaml", "24.04", "22.04");
    let outcome = c.juju("refresh server --path ./next.charm");
    assert_eq!(outcome.code, 1);
    assert!(
        outcome
            .stderr
            .starts_with("ERROR base \"ubuntu@24.04\" not supported by charm"),
        "{outcome:?}"
    );

    let c = controller(JujuVersion::V4_0);
    next_charm(&c, "manifest.yaml", "24.04", "22.04");
    let outcome = c.juju("refresh server --path ./next.charm").ok();
    assert_eq!(
        outcome.stderr,
        "Added local charm \"tracer\", revision 1, to the model\n\
         no change to endpoints in space \"alpha\": client, juju-info, ring, server\n"
    );
    assert_eq!(
        c.model().applications.get("server").unwrap().base,
        "ubuntu@24.04"
    );
    let outcome = c.juju("refresh server --path ./next.charm --base ubuntu@22.04");
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (
            1,
            "Added local charm \"tracer\", revision 2, to the model\n\
             ERROR cannot set charm \"local:tracer-2\": refreshing application from base \"ubuntu@24.04\" to \"ubuntu@22.04\" \
             (incompatible base)\n"
        )
    );
}

#[test]
fn only_4_0_names_the_implicit_endpoint() {
    for (juju, endpoints) in [
        (JujuVersion::V3_6, "client, ring, server"),
        (JujuVersion::V4_0, "client, juju-info, ring, server"),
    ] {
        let outcome = controller(juju)
            .juju("refresh server --path ./tracer.charm")
            .ok();
        assert!(
            outcome.stderr.ends_with(&format!(
                "no change to endpoints in space \"alpha\": {endpoints}\n"
            )),
            "{outcome:?}"
        );
    }
}

#[test]
fn an_application_needs_a_name() {
    let c = controller(JujuVersion::V3_6);
    c.assert_refusals(&[
        (
            "config mode=x",
            2,
            "",
            "ERROR no application name specified\n",
        ),
        (
            "deploy ./tracer.charm a1 --device gpu",
            2,
            "",
            "ERROR invalid value \"gpu\" for option --device",
        ),
    ]);
}
