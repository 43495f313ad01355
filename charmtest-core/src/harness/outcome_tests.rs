//! Outcomes, aborts and retries, row by row: the table in `verdict.rs`, and where it departs from pytest-operator's.
//!
//! The comments before the rows say what pytest-operator does, where that is something else.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::context::Context;
use super::event::{Event, Outcome};
use super::fake_world::{Behaviour, FakeWorld};
use super::run_state::Settings;
use super::schedule_tests::{
    Run, Story, fails, hangs, module, needs_model, needs_model_and_fails, passes, settings, tell,
};
use crate::failure::{abort, skip, xfail};
use crate::registry::{BoxFuture, Marks, TestEntry, Xfail};

const EXPECTED: Marks = Marks {
    xfail: Some(Xfail {
        reason: "it is broken",
        strict: false,
    }),
    ..Marks::NONE
};

const STRICT: Marks = Marks {
    xfail: Some(Xfail {
        reason: "it is broken",
        strict: true,
    }),
    ..Marks::NONE
};

fn abort_on_fail(marks: Marks) -> Marks {
    Marks {
        abort_on_fail: true,
        ..marks
    }
}

fn abort_on_xfail(marks: Marks) -> Marks {
    Marks {
        abort_on_xfail: true,
        ..marks
    }
}

fn skips(_: &Context) -> BoxFuture<'_> {
    Box::pin(async { Err(skip("no storage"))? })
}

fn fails_as_expected(_: &Context) -> BoxFuture<'_> {
    Box::pin(async { Err(xfail("no zones"))? })
}

fn fails_as_expected_without_a_reason(_: &Context) -> BoxFuture<'_> {
    Box::pin(async { Err(xfail(""))? })
}

fn aborts(_: &Context) -> BoxFuture<'_> {
    Box::pin(async { Err(abort("no workers"))? })
}

/// Something that the test takes as a parameter cannot be made.
fn lacks_a_parameter(_: &Context) -> BoxFuture<'_> {
    Box::pin(async { Err(crate::Failure::setup("no charm")) })
}

fn refuses(_: &Context) -> BoxFuture<'_> {
    Box::pin(async { Err(crate::Failure::refused("nobody reviewed it")) })
}

fn lacks_a_package(_: &Context) -> BoxFuture<'_> {
    Box::pin(async { Err(crate::Failure::unmet("apt install jq")) })
}

fn remarks(cx: &Context) -> BoxFuture<'_> {
    cx.note("web/0 is blocked");
    cx.note("web/0 is blocked");
    cx.note("no storage");
    Box::pin(async { Ok(()) })
}

fn panics(_: &Context) -> BoxFuture<'_> {
    Box::pin(async { panic!("no leader") })
}

/// Returns a module of a test with these marks and one that passes.
fn before_one_that_passes(run: Run, marks: Marks) -> Vec<TestEntry> {
    let mut tests = module(&[run, passes]);
    tests[0].marks = marks;
    tests
}

fn run(tests: Vec<TestEntry>) -> Story {
    tell(tests, settings(), FakeWorld::default())
}

const ABORTED: &str = "m::b aborted: aborted by m::a";
const PASSED: &str = "m::b passed";

#[test]
fn the_abort_table() {
    let plain = Marks::NONE;
    let rows: &[(&str, Run, Marks, &str, &str, u8)] = &[
        // No abort as long as the file has not used `ops_test`: there is no such state here.
        (
            "a marked test fails that uses no model",
            fails,
            abort_on_fail(plain),
            "failed: not ready",
            ABORTED,
            101,
        ),
        (
            "a marked test fails that uses the model",
            needs_model_and_fails,
            abort_on_fail(plain),
            "failed: not ready",
            ABORTED,
            101,
        ),
        (
            "a marked test panics",
            panics,
            abort_on_fail(plain),
            "failed: no leader",
            ABORTED,
            101,
        ),
        (
            "a test fails that is not marked",
            fails,
            plain,
            "failed: not ready",
            PASSED,
            101,
        ),
        // An error of a module's fixture does not abort; one of a test's fixture does.
        (
            "a parameter of a marked test cannot be made",
            lacks_a_parameter,
            abort_on_fail(plain),
            "errored: no charm",
            ABORTED,
            101,
        ),
        (
            "a parameter of a test cannot be made that is not marked",
            lacks_a_parameter,
            plain,
            "errored: no charm",
            PASSED,
            101,
        ),
        (
            "a policy does not let a marked test run",
            refuses,
            abort_on_fail(plain),
            "refused: nobody reviewed it",
            ABORTED,
            101,
        ),
        (
            "the machine lacks what a test requires, which is expected to fail",
            lacks_a_package,
            EXPECTED,
            "unmet: apt install jq",
            PASSED,
            101,
        ),
        (
            "a test passes with notes",
            remarks,
            plain,
            "passed: web/0 is blocked; no storage",
            PASSED,
            0,
        ),
        (
            "a marked test is skipped",
            skips,
            abort_on_fail(plain),
            "skipped: no storage",
            PASSED,
            0,
        ),
        (
            "a marked test is skipped that was expected to fail",
            skips,
            abort_on_xfail(EXPECTED),
            "skipped: no storage",
            PASSED,
            0,
        ),
        (
            "a marked test fails as expected",
            fails,
            abort_on_fail(EXPECTED),
            "xfailed: it is broken: not ready",
            PASSED,
            0,
        ),
        (
            "a marked test says that it fails as expected",
            fails_as_expected,
            abort_on_fail(plain),
            "xfailed: no zones",
            PASSED,
            0,
        ),
        (
            "abort_on_xfail, and it fails as expected",
            fails,
            abort_on_xfail(EXPECTED),
            "xfailed: it is broken: not ready",
            ABORTED,
            101,
        ),
        (
            "abort_on_xfail, and it says so itself",
            fails_as_expected,
            abort_on_xfail(plain),
            "xfailed: no zones",
            ABORTED,
            101,
        ),
        // No abort without a reason. The option `xfail` has one always.
        (
            "abort_on_xfail, and it gives no reason",
            fails_as_expected_without_a_reason,
            abort_on_xfail(plain),
            "xfailed: ",
            ABORTED,
            101,
        ),
        // It aborts, although the test passed.
        (
            "abort_on_xfail, and it passes",
            passes,
            abort_on_xfail(EXPECTED),
            "xpassed: it is broken",
            PASSED,
            0,
        ),
        (
            "a marked test passes in spite of a strict xfail",
            passes,
            abort_on_fail(STRICT),
            "failed: passed, and is expected to fail: it is broken (xfail is strict)",
            ABORTED,
            101,
        ),
        (
            "a test passes in spite of a strict xfail",
            passes,
            STRICT,
            "failed: passed, and is expected to fail: it is broken (xfail is strict)",
            PASSED,
            101,
        ),
        (
            "abort_on_xfail says more than abort_on_fail",
            fails,
            abort_on_xfail(plain),
            "failed: not ready",
            ABORTED,
            101,
        ),
        // It is expected to fail also if its fixtures fail: what is broken was never reached.
        (
            "a parameter cannot be made of a test that is expected to fail",
            lacks_a_parameter,
            EXPECTED,
            "errored: no charm",
            PASSED,
            101,
        ),
        (
            "a test aborts, and needs no mark for it",
            aborts,
            plain,
            "failed: no workers",
            ABORTED,
            101,
        ),
        (
            "a test aborts that was expected to fail",
            aborts,
            EXPECTED,
            "xfailed: it is broken: no workers",
            ABORTED,
            101,
        ),
    ];
    for (row, first, marks, outcome, follower, exit_code) in rows {
        let story = run(before_one_that_passes(*first, *marks));
        assert_eq!(
            story.outcomes(),
            [format!("m::a {outcome}"), (*follower).to_owned()],
            "{row}"
        );
        assert_eq!(story.exit_code, *exit_code, "{row}");
    }
}

#[test]
fn an_aborted_test_makes_none_of_its_parameters() {
    // pytest-operator builds the module's fixtures of a test before it finds that the module was aborted.
    let mut tests = module(&[fails, needs_model]);
    tests[0].marks.abort_on_fail = true;
    let story = run(tests);
    assert_eq!(story.outcomes()[1], ABORTED);
    assert!(!story.steps().iter().any(|step| step.starts_with("model_")));
}

#[test]
fn a_mark_on_the_last_test_has_nothing_to_abort() {
    let mut tests = module(&[passes, fails]);
    tests[1].marks = abort_on_xfail(EXPECTED);
    let story = run(tests);
    assert_eq!(
        story.outcomes(),
        ["m::a passed", "m::b xfailed: it is broken: not ready"]
    );
    assert_eq!(story.exit_code, 0);
}

#[test]
fn a_failed_set_up_is_no_expected_failure_and_aborts_without_a_mark() {
    // Tests that need no model run on in pytest-operator, and the model may leak.
    let world = FakeWorld {
        create: Behaviour::Fails,
        ..FakeWorld::default()
    };
    let story = tell(
        before_one_that_passes(needs_model, EXPECTED),
        settings(),
        world,
    );
    assert_eq!(
        story.outcomes(),
        [
            "m::a errored: the creation failed",
            "m::b aborted: model set-up failed in m::a",
        ]
    );
    assert_eq!(story.exit_code, 101);
}

#[test]
fn a_failed_tear_down_comes_after_the_tests_and_fails_the_run() {
    let world = FakeWorld {
        destroy: Behaviour::Fails,
        ..FakeWorld::default()
    };
    let tests = before_one_that_passes(needs_model, abort_on_fail(Marks::NONE));
    let story = tell(tests, settings(), world);
    assert_eq!(story.outcomes(), ["m::a passed", PASSED]);
    assert_eq!(story.exit_code, 101);
}

#[test]
fn a_test_that_runs_out_of_time_may_be_expected_to() {
    let mut tests = before_one_that_passes(hangs, EXPECTED);
    tests[0].marks.timeout_ms = Some(5);
    let story = run(tests);
    assert_eq!(
        story.outcomes(),
        ["m::a xfailed: it is broken: ran longer than 5ms", PASSED]
    );
}

#[test]
fn a_test_that_blocks_aborts_also_when_it_is_expected_to() {
    let blocks: Run = |_| {
        Box::pin(async {
            loop {
                std::thread::park()
            }
        })
    };
    let mut tests = before_one_that_passes(blocks, EXPECTED);
    tests[0].marks.timeout_ms = Some(500);
    let settings = Settings {
        stop_grace: Duration::from_millis(5),
        ..settings()
    };
    let outcomes = tell(tests, settings, FakeWorld::default()).outcomes();
    assert!(outcomes[0].starts_with("m::a xfailed: it is broken: ran longer than"));
    assert_eq!(outcomes[1], "m::b aborted: `m::a` still blocks its thread");
}

#[test]
fn what_fails_as_expected_is_no_evidence() {
    let tests = before_one_that_passes(needs_model_and_fails, EXPECTED);
    let story = run(tests);
    let Some(Event::TestFinished { evidence, .. }) = story
        .events
        .iter()
        .find(|event| matches!(event, Event::TestFinished { .. }))
    else {
        panic!("{:?}", story.events)
    };
    assert_eq!(*evidence, None);
}

fn retried(run: Run, retries: u32) -> Vec<TestEntry> {
    before_one_that_passes(
        run,
        Marks {
            retries: Some(retries),
            ..abort_on_fail(Marks::NONE)
        },
    )
}

/// Returns the attempts that were not the last ones: `1 of 3 failed: not ready`.
fn attempts(story: &Story) -> Vec<String> {
    let attempt = |event: &Event| match event {
        Event::TestRetried {
            test,
            attempt,
            attempts,
            outcome,
            message,
            ..
        } => {
            assert_eq!(test, "m::a");
            let outcome = serde_json::to_value(outcome).unwrap();
            Some(format!(
                "{attempt} of {attempts} {}: {}",
                outcome.as_str().unwrap(),
                message.as_deref().unwrap_or_default()
            ))
        }
        _ => None,
    };
    story.events.iter().filter_map(attempt).collect()
}

#[test]
fn a_test_that_passes_when_it_is_tried_again_is_flaky_and_aborts_nothing() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let flaky: Run = |cx| {
        Box::pin(async move {
            cx.open().await?;
            match RUNS.fetch_add(1, Ordering::Relaxed) {
                0 => Err("no leader")?,
                1 => panic!("no unit"),
                _ => Ok(()),
            }
        })
    };
    let story = run(retried(flaky, 3));
    assert_eq!(
        attempts(&story),
        ["1 of 4 failed: no leader", "2 of 4 failed: no unit",]
    );
    assert_eq!(
        story.outcomes(),
        [
            "m::a flaky: passed at attempt 3 of 4; the one before failed: no unit",
            PASSED
        ]
    );
    assert_eq!(story.exit_code, 0);
    let evidence: Vec<_> = story
        .events
        .iter()
        .filter_map(|event| match event {
            Event::TestRetried { evidence, .. } => Some(evidence.as_ref().unwrap()),
            _ => None,
        })
        .map(|evidence| evidence.directory.as_str())
        .collect();
    assert_eq!(evidence, ["records/m/a/attempt-1", "records/m/a/attempt-2"]);
}

#[test]
fn a_test_that_never_passes_fails_and_aborts_after_its_last_attempt() {
    let story = run(retried(fails, 2));
    assert_eq!(
        attempts(&story),
        ["1 of 3 failed: not ready", "2 of 3 failed: not ready"]
    );
    assert_eq!(
        story.outcomes(),
        ["m::a failed: not ready\nnone of 3 attempts passed", ABORTED]
    );
    assert_eq!(story.exit_code, 101);
}

#[test]
fn only_failures_are_tried_again() {
    let cases: [(Run, &str); 5] = [
        (passes, "m::a passed"),
        (skips, "m::a skipped: no storage"),
        (fails_as_expected, "m::a xfailed: no zones"),
        (lacks_a_parameter, "m::a errored: no charm"),
        (aborts, "m::a failed: no workers"),
    ];
    for (first, outcome) in cases {
        let story = run(retried(first, 2));
        assert_eq!(attempts(&story), [""; 0]);
        assert_eq!(story.outcomes()[0], outcome);
    }
}

#[test]
fn an_interrupted_run_tries_nothing_again() {
    let interrupts: Run = |cx| {
        Box::pin(async move {
            cx.module()
                .run()
                .interrupt
                .set(super::signals::Signal::Interrupt);
            Err("not ready")?
        })
    };
    let story = run(retried(interrupts, 2));
    assert_eq!(attempts(&story), [""; 0]);
    assert_eq!(story.exit_code, 130);
    let finished = story.events.iter().find_map(|event| match event {
        Event::TestFinished { outcome, .. } => Some(*outcome),
        _ => None,
    });
    // Whichever of the two the scheduler saw first.
    assert!(matches!(finished, Some(Outcome::Failed | Outcome::Aborted)));
}
