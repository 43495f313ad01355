//! What shows each row of the abort table in `docs/outcomes.md`.

use crate::rows::Rows;

pub(crate) const SECTIONS: &[(&str, Rows)] = &[("The abort table", ABORTS)];

const TABLE: &str = "harness/outcome_tests.rs::the_abort_table";

const ABORTS: Rows = &[
    (
        "an `abort_on_fail` test fails",
        &[
            TABLE,
            "harness/fixture_tests.rs::values_end_however_the_tests_did_the_newest_first",
        ],
    ),
    ("it does not use the model", &[TABLE]),
    (
        "`charmtest::module!(abort_on_fail)`",
        &[
            "harness/marks.rs::what_a_module_says_holds_for_its_tests",
            "harness/reports.rs::options_of_a_module_hold_for_its_own_tests",
            "harness/reports.rs::each_case_is_a_test",
        ],
    ),
    (
        "a parameter (fixture) of the test cannot be made",
        &[
            TABLE,
            "harness/fixture_tests.rs::a_fixture_that_fails_is_an_error_of_each_test_that_asks_and_is_made_once",
        ],
    ),
    (
        "the module's model cannot be made",
        &[
            "harness/outcome_tests.rs::a_failed_set_up_is_no_expected_failure_and_aborts_without_a_mark",
            "harness/schedule_tests.rs::an_interrupt_during_the_set_up_leaves_no_model",
            TABLE,
        ],
    ),
    (
        "the tear-down of a model or a fixture fails",
        &[
            "harness/outcome_tests.rs::a_failed_tear_down_comes_after_the_tests_and_fails_the_run",
            "harness/schedule_tests.rs::a_model_that_cannot_be_destroyed_is_named_and_fails_the_run",
            "harness/fixture_tests.rs::a_tear_down_that_fails_fails_the_run_and_stops_no_other",
        ],
    ),
    ("the test is skipped", &[TABLE]),
    ("it fails as `xfail` says", &[TABLE]),
    (
        "the same with `abort_on_xfail`",
        &[
            TABLE,
            "harness/reports.rs::options_of_a_module_hold_for_its_own_tests",
        ],
    ),
    (
        "the same, `xfail(\"\")` without a reason",
        &[
            TABLE,
            "charmtest-macros/src/attr.rs::a_failure_is_expected_for_a_reason",
        ],
    ),
    ("`abort_on_xfail`, and it passes", &[TABLE]),
    ("a strict `xfail` passes", &[TABLE]),
    (
        "the set-up of an `xfail` test fails",
        &[
            TABLE,
            "harness/outcome_tests.rs::a_failed_set_up_is_no_expected_failure_and_aborts_without_a_mark",
        ],
    ),
    (
        "all attempts of a test with `retries` fail",
        &[
            "harness/outcome_tests.rs::a_test_that_never_passes_fails_and_aborts_after_its_last_attempt",
        ],
    ),
    (
        "`ops.abort(..)`",
        &[
            TABLE,
            "harness/evidence.rs::a_test_leaves_from_wherever_it_is",
        ],
    ),
    (
        "a test blocks its thread beyond its time limit",
        &[
            "harness/schedule_tests.rs::a_test_that_blocks_is_left_behind_and_ends_its_module",
            "harness/outcome_tests.rs::a_test_that_blocks_aborts_also_when_it_is_expected_to",
        ],
    ),
    (
        "the option on something that is no test",
        &[
            "charmtest-macros/tests/ui.rs::ui",
            "fail/fixtures.rs::options",
        ],
    ),
    (
        "later modules",
        &["harness/schedule_tests.rs::an_abort_stays_in_its_module"],
    ),
];
