//! What a run prints.

use charmtest::harness::{Event, Outcome};

use crate::binary::{assert_run, run, run_with};

#[test]
fn failures_name_their_place_and_their_cause() {
    let run = run("outcomes aborts quiet");
    assert_run!(run);
    let fixture: Vec<&str> = include_str!("fixture/main.rs").lines().collect();
    let places = run.stdout.lines().filter_map(|line| {
        let (_, place) = line
            .trim()
            .split_once("at charmtest-core/tests/harness/fixture/main.rs:")?;
        let (line, _) = place.split_once(':')?;
        Some(fixture[line.parse::<usize>().ok()? - 1].trim())
    });
    assert_eq!(
        places.collect::<Vec<_>>(),
        [
            r#"let port: u16 = "eighty".parse()?;"#,
            r#"assert_eq!(1 + 1, 3, "sums are off");"#,
            "let _ = [0].iter().step_by(0);",
            "async fn takes_too_long() {",
        ]
    );
}

#[test]
fn expected_failures_flaky_tests_and_aborts_are_told_apart() {
    assert_run!(run("expectations"));
}

#[test]
fn sync_tests_wait_and_are_stopped_as_others_are() {
    assert_run!(run("synchronous"));
}

#[test]
fn options_of_a_module_hold_for_its_own_tests() {
    assert_run!(run("marked::"));
    let listed = run("--list --format terse -k marked --skip below").stdout;
    assert_eq!(listed, "marked::fails: test\nmarked::is_aborted: test\n");
    let tagged = run_with(["--list", "--format", "terse", "-m", "marked"], &[]).stdout;
    assert_eq!(tagged, "marked::fails: test\nmarked::is_aborted: test\n");
}

#[test]
fn each_case_is_a_test() {
    assert_run!(run("parametrised"));
    let passed = |line: &[&str]| {
        let run = run_with(line, &[]);
        assert_eq!(run.code, Some(0), "{}", run.stdout);
        let lines = run.stdout.lines().filter(|line| line.ends_with(" ok"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        passed(&["--exact", "parametrised::is_odd[3/edge]"]),
        ["test parametrised::is_odd[3/edge] ... ok"]
    );
    assert_eq!(
        passed(&["-k", "is_odd[one] or pairs[a-1]"]),
        [
            "test parametrised::is_odd[one] ... ok",
            "test parametrised::pairs[a-1]  ... ok"
        ]
    );
}

#[test]
fn modules_side_by_side_print_the_same() {
    let seconds = |text: &str| text.split("; finished in").next().unwrap().to_owned();
    let one = run("outcomes aborts quiet --jobs 1");
    let many = run("outcomes aborts quiet --jobs 3");
    assert_eq!(seconds(&one.stdout), seconds(&many.stdout));
}

#[test]
fn an_editor_runs_one_test() {
    assert_run!(run(
        "quiet::takes_a_fixture --exact --nocapture --include-ignored"
    ));
}

#[test]
fn nextest_runs_a_module() {
    assert_run!(run_with(
        ["--exact", "aborts", "--nocapture"],
        &[("NEXTEST", "1")]
    ));
}

#[test]
fn json_lines_are_those_of_libtest_mimic() {
    let run = run("--format json quiet");
    for line in run.stdout.lines() {
        let json: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(json.is_ok(), "{line}");
    }
    assert!(
        run.stdout
            .contains(r#""name": "quiet::takes_a_fixture", "event": "ok""#)
    );
}

#[test]
fn a_test_that_builds_on_another_is_warned_about() {
    let run = run("aborts::second");
    assert_eq!(run.code, Some(0));
    assert!(
        run.stderr
            .contains("warning: `aborts::second` runs without `aborts::first`"),
        "{}",
        run.stderr
    );
}

#[test]
fn events_are_all_that_is_printed_for_cargo_charmtest() {
    let run = run_with(["--module", "aborts"], &[("CHARMTEST_EVENTS", "stdout")]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(101), ""));
    let events: Vec<Event> = run
        .stdout
        .lines()
        .map(|line| match Event::split_line(line) {
            ("", Some(event)) => event,
            other => panic!("{other:?}"),
        })
        .collect();
    let outcomes: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::TestFinished { test, outcome, .. } => Some((test.as_str(), *outcome)),
            _ => None,
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            ("aborts::first", Outcome::Failed),
            ("aborts::second", Outcome::Aborted),
            ("aborts::last", Outcome::Aborted),
        ]
    );
}

#[test]
fn a_model_that_cannot_be_made_errors_one_test_and_aborts_the_next() {
    let run = run("models --backend juju --juju /nonexistent/juju");
    assert_eq!(run.code, Some(101));
    let lines: Vec<_> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with("test models"))
        .collect();
    assert_eq!(
        lines,
        [
            "test models::needs_none  ... ok",
            "test models::needs_one   ... FAILED",
            "test models::comes_after ... ignored (model set-up failed in models::needs_one)",
        ]
    );
}
