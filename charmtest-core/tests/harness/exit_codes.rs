//! Exit codes, and what is said about a wrong command line.

use crate::binary::{assert_run, run, run_with};

#[test]
fn exit_codes_tell_how_a_run_went() {
    let cases = [
        ("quiet", 0),
        ("outcomes::skips", 0),
        ("outcomes::is_ignored", 0),
        ("nothing_is_called_so", 0),
        ("outcomes::panics", 101),
        ("outcomes::takes_too_long", 101),
        ("aborts", 101),
        ("--list", 0),
        ("--help", 0),
        ("--bench", 0),
        ("--no-such-flag", 2),
        ("--no-deploy", 2),
        ("--model Web", 2),
        ("--module nowhere", 2),
        ("--teardown-timeout 0", 2),
        ("--lf --ff", 2),
        ("--model m --no-deploy --cloud c", 2),
        ("--crash-dump sometimes", 2),
        ("--model-config /nonexistent/model.yaml", 2),
        ("quiet --durations 3 --maxfail 5 --juju-max-frame-size 9", 0),
        ("--logfile /nonexistent/report.txt", 2),
    ];
    for (line, code) in cases {
        assert_eq!(run(line).code, Some(code), "{line}");
    }
}

#[test]
fn a_bad_expression_is_pointed_at() {
    assert_run!(run_with(["-k", "deploys and (slow or"], &[]));
}

#[test]
fn no_deploy_names_the_flag_that_is_missing() {
    assert_run!(run("--no-deploy"));
}

#[test]
fn an_unknown_module_is_told_the_known_ones() {
    assert_run!(run("--module nowhere"));
}

#[test]
fn variables_stand_in_for_flags_and_flags_win() {
    let selected = |line: &str, filter: &str| {
        let run = run_with(line.split_whitespace(), &[("CHARMTEST_FILTER", filter)]);
        run.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let list = "--list --format terse";
    assert_eq!(selected(list, "slow"), ["outcomes::takes_too_long: test"]);
    assert_eq!(
        selected("--list --format terse -k takes_a_fixture", "slow"),
        ["quiet::takes_a_fixture: test"]
    );
    let run = run_with(["quiet"], &[("CHARMTEST_NO_DEPLOY", "1")]);
    assert_eq!(run.code, Some(2));
    let run = run_with(
        ["quiet"],
        &[("CHARMTEST_NO_DEPLOY", "0"), ("CHARMTEST_KEEP_MODELS", "")],
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn empty_variables_are_as_good_as_none() {
    let names = [
        "MODEL",
        "KEEP_MODELS",
        "NO_DEPLOY",
        "BACKEND",
        "JOBS",
        "FILTER",
        "TEST_TIMEOUT",
    ];
    let names = names.map(|name| format!("CHARMTEST_{name}"));
    let variables: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let run = run_with(["quiet"], &variables);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}
