//! When pytest-operator (0.43.2) aborts the rest of a file, row by row, and what shows the same here, or what is otherwise.

use crate::claims::Behaviour;

const TABLE: &str = "harness/outcome_tests.rs::the_abort_table";

pub(crate) const ABORTS: &[Behaviour] = &[
    Behaviour {
        id: "A1",
        says: "a marked test that fails before ops_test was made aborts nothing",
        tests: &[TABLE],
        otherwise: Some(
            "it aborts: whether a model was needed yet says nothing of what builds on the test",
        ),
    },
    Behaviour {
        id: "A2",
        says: "a marked test that fails afterwards aborts, also if it does not use ops_test",
        tests: &[TABLE],
        otherwise: None,
    },
    Behaviour {
        id: "A3",
        says: "a mark on the module, or on one case, is one on each of its tests",
        tests: &[
            "harness/marks.rs::what_a_module_says_holds_for_its_tests",
            "harness/reports.rs::options_of_a_module_hold_for_its_own_tests",
            "harness/reports.rs::each_case_is_a_test",
        ],
        otherwise: Some("a test is marked with all its cases; there are no classes"),
    },
    Behaviour {
        id: "A4",
        says: "an error of a function's fixture of a marked test aborts",
        tests: &[TABLE],
        otherwise: None,
    },
    Behaviour {
        id: "A5",
        says: "one of a module's fixture does not",
        tests: &[
            "harness/fixture_tests.rs::a_fixture_that_fails_is_an_error_of_each_test_that_asks_and_is_made_once",
        ],
        otherwise: Some("it does: the test did not do what others build on"),
    },
    Behaviour {
        id: "A6",
        says: "an error in the tear-down of a marked test aborts nothing",
        tests: &[
            "harness/outcome_tests.rs::a_failed_tear_down_comes_after_the_tests_and_fails_the_run",
            "harness/fixture_tests.rs::a_tear_down_that_fails_fails_the_run_and_stops_no_other",
        ],
        otherwise: None,
    },
    Behaviour {
        id: "A7",
        says: "a marked test that is skipped aborts nothing",
        tests: &[TABLE, "harness/schedule_tests.rs::a_skip_aborts_nothing"],
        otherwise: None,
    },
    Behaviour {
        id: "A8",
        says: "one that fails as expected aborts nothing",
        tests: &[TABLE],
        otherwise: None,
    },
    Behaviour {
        id: "A9",
        says: "with abort_on_xfail it aborts, be it expected by a mark or by a call",
        tests: &[
            TABLE,
            "harness/reports.rs::options_of_a_module_hold_for_its_own_tests",
        ],
        otherwise: None,
    },
    Behaviour {
        id: "A10",
        says: "but not without a reason",
        tests: &[TABLE],
        otherwise: Some("it aborts, whatever the reason"),
    },
    Behaviour {
        id: "A11",
        says: "with abort_on_xfail, one that passes unexpectedly aborts",
        tests: &[TABLE],
        otherwise: Some("it aborts nothing, since it passed"),
    },
    Behaviour {
        id: "A12",
        says: "a mark on a fixture does nothing",
        tests: &[
            "charmtest-macros/tests/ui.rs::ui",
            "fail/fixtures.rs::options",
        ],
        otherwise: Some("it does not compile"),
    },
    Behaviour {
        id: "A13",
        says: "an aborted test makes the fixtures of its module first",
        tests: &["harness/outcome_tests.rs::an_aborted_test_makes_none_of_its_parameters"],
        otherwise: Some("it makes none"),
    },
    Behaviour {
        id: "A14",
        says: "a run in which all that happened is an abort after an expected failure ends with 0",
        tests: &[TABLE],
        otherwise: Some("it fails: tests did not run"),
    },
    Behaviour {
        id: "A15",
        says: "if ops_test cannot be made, tests that do not need it run, and nothing is cleaned up",
        tests: &[
            "harness/outcome_tests.rs::a_failed_set_up_is_no_expected_failure_and_aborts_without_a_mark",
            "harness/schedule_tests.rs::a_failed_set_up_errors_one_test_and_aborts_the_others",
            "harness/schedule_tests.rs::an_interrupt_during_the_set_up_leaves_no_model",
            "harness/reports.rs::a_model_that_cannot_be_made_errors_one_test_and_aborts_the_next",
        ],
        otherwise: Some("the rest of the module is aborted, and what was made of the model goes"),
    },
];
