//! Fixtures of every scope in a test binary: when they are made, what their ends do to the run, who is told of them.

use std::collections::BTreeMap;

use charmtest::harness::{Description, Event};

use crate::binary::{Run, run_with};

/// Returns what became of fixtures, in order.
fn told(run: &Run) -> Vec<&str> {
    let lines = run.stdout.lines();
    // The name of the test that runs may stand before.
    lines
        .filter_map(|line| Some(line.split_once("fixture: ")?.1))
        .collect()
}

#[test]
fn each_scope_has_its_value_and_its_end() {
    let run = run_with(["--jobs", "1", "fixtures::"], &[]);
    assert_eq!(run.code, Some(0), "{}", run.stdout);
    let expected = [
        "pool is made",
        "desk is made",
        "page is made",
        "page ends",
        "page is made",
        "page ends",
        "desk ends",
        "pool ends",
    ];
    assert_eq!(told(&run), expected, "{}", run.stdout);
}

#[test]
fn a_tear_down_that_fails_fails_the_run_in_each_scope() {
    for (fails, of) in [
        ("page", "test `fixtures::second`"),
        ("desk", "module `fixtures`"),
        ("pool", "the run"),
    ] {
        let why = format!("the {fails} is stuck");
        let run = run_with(["--jobs", "1", "fixtures::second"], &[("FAILS", fails)]);
        // The tests have passed, and are said to.
        assert!(
            run.stdout.contains("1 passed; 0 failed"),
            "{fails}: {}",
            run.stdout
        );
        let said = format!("fixture `{fails}` of {of} could not be torn down: {why}");
        assert!(run.stderr.contains(&said), "{fails}: {}", run.stderr);
        assert_eq!(run.code, Some(101), "{fails}");
        // What was made before it ends all the same.
        assert_eq!(told(&run).last(), Some(&"pool ends"));

        let run = run_with(
            ["fixtures::second"],
            &[("FAILS", fails), ("CHARMTEST_EVENTS", "stdout")],
        );
        let left: Vec<Event> = run
            .stdout
            .lines()
            .filter_map(|line| Event::split_line(line).1)
            .filter(|event| matches!(event, Event::FixtureLeft { .. }))
            .collect();
        let [
            Event::FixtureLeft {
                fixture,
                of: whose,
                why: cause,
            },
        ] = &left[..]
        else {
            panic!("{left:?}");
        };
        assert_eq!((fixture.as_str(), whose.as_str()), (fails, of));
        assert!(cause.contains(&why), "{cause}");
        assert_eq!(run.code, Some(101), "{fails}");
    }
}

#[test]
fn the_description_tells_which_tests_ask_for_a_fixture_of_the_run() {
    let run = run_with(["--list"], &[("CHARMTEST_DESCRIBE", "json")]);
    let description: Description = serde_json::from_str(&run.stdout).unwrap();
    let tests = description.modules.iter().flat_map(|module| &module.tests);
    let asking: BTreeMap<&str, &[String]> = tests
        .filter(|test| !test.run_fixtures.is_empty())
        .map(|test| (test.name.as_str(), test.run_fixtures.as_slice()))
        .collect();
    let pool = &["pool".to_owned()][..];
    let expected = [
        ("fixtures::beside::asks_in_a_way_of_its_own", pool),
        // Through a fixture of the test, and one of the module.
        ("fixtures::first", pool),
        ("fixtures::second", pool),
    ];
    assert_eq!(asking, expected.into());
}

/// Returns the warnings of a run.
fn warnings(arguments: &[&str], variable: (&str, &str)) -> Vec<String> {
    let run = run_with(arguments, &[variable]);
    let events = run
        .stdout
        .lines()
        .filter_map(|line| match Event::split_line(line).1? {
            Event::Warning { message } => Some(message),
            _ => None,
        });
    let printed = run.stderr.lines();
    let printed = printed
        .filter(|line| line.contains("fixture"))
        .map(str::to_owned);
    events.chain(printed).collect()
}

#[test]
fn a_fixture_of_the_run_that_several_processes_make_is_warned_of() {
    const SEVERAL: &str = "`pool` of scope \"run\" are in several processes";
    let events = ("CHARMTEST_EVENTS", "stdout");
    let alone = ["--module", "fixtures"];
    let together = ["--module", "fixtures", "--module", "fixtures::beside"];
    // A test that was left out asks for nothing.
    let narrowed = ["--module", "fixtures", "--only", "fixtures::first"];
    for (arguments, variable, several) in [
        (&alone[..], events, true),
        (&together[..], events, false),
        (&narrowed[..], events, false),
        (&["--module", "quiet"], events, false),
        (&alone[..], ("CHARMTEST_EVENTS", ""), false),
        // What nextest starts beside it is not known.
        (&["--exact", "fixtures"], ("NEXTEST", "1"), true),
        (&["--exact", "quiet"], ("NEXTEST", "1"), false),
    ] {
        let said = warnings(arguments, variable);
        let warned = said.iter().any(|warning| warning.contains(SEVERAL));
        assert_eq!(warned, several, "{arguments:?}: {said:?}");
        assert_eq!(said.len(), usize::from(several), "{arguments:?}: {said:?}");
    }
}

#[test]
fn who_asks_without_saying_so_is_warned() {
    let hidden = ["--module", "fixtures::hidden"];
    let said = warnings(&hidden, ("CHARMTEST_EVENTS", "stdout"));
    let expected = "fixture `pool` of scope \"run\" may be made in other processes too: \
                    `fixtures::hidden::does_not_say_what_it_asks_for` asks for it through a `FromContext` that does not name it in `needs`";
    assert_eq!(said, [expected]);
    assert_eq!(
        warnings(&hidden, ("CHARMTEST_EVENTS", "")),
        Vec::<String>::new()
    );
}
