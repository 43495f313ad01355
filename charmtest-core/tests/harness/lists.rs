//! `--list`, for people, editors, nextest and `cargo charmtest`.

use charmtest::harness::Description;

use crate::binary::{assert_run, run, run_with};

#[test]
fn list_for_people() {
    assert_run!(run("--list"));
}

#[test]
fn list_for_editors_obeys_filters() {
    assert_run!(run("--list --format terse outcomes::p --skip library"));
}

#[test]
fn nextest_sees_modules() {
    let list = |line: &str| run_with(line.split_whitespace(), &[("NEXTEST", "1")]).stdout;
    assert_eq!(
        list("--list --format terse"),
        "crate: test\naborts: test\nblocks: test\ncharms: test\ncommands: test\nevidence: test\nexpectations: test\nfixtures: test\nfixtures::beside: test\nfixtures::hidden: test\nmarked: test\nmarked::below: test\nmodels: test\noutcomes: test\nparametrised: test\nquiet: test\nsynchronous: test\nwaits: test\n"
    );
    assert_eq!(
        list("--list --format terse --ignored"),
        "blocks: test\ncharms: test\ncommands: test\nwaits: test\n"
    );
}

#[test]
fn the_description_is_json_and_nothing_else() {
    let run = run_with(
        ["--list", "--format", "terse"],
        &[("CHARMTEST_DESCRIBE", "json")],
    );
    let description: Description = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (description.charmtest, description.target.as_str()),
        (1, "harness_fixture")
    );
    assert_eq!(description.package, "charmtest-core");
    let aborts = &description.modules[1];
    let names: Vec<_> = aborts.tests.iter().map(|test| test.name.as_str()).collect();
    assert_eq!(names, ["aborts::first", "aborts::second", "aborts::last"]);
    let first = &aborts.tests[0];
    assert!(first.abort_on_fail);
    assert_eq!(
        (first.order, first.tags.as_slice()),
        (Some(0), ["deploys".to_owned()].as_slice())
    );
    let source = include_str!("fixture/main.rs")
        .lines()
        .nth(first.line as usize - 1)
        .unwrap();
    assert!(source.contains("async fn first()"), "{source}");
}
