//! What shows each row of the guide: how the row begins, and its tests.

use crate::model_rows::MODEL;

/// How rows of a section begin, each with its tests: `FILE::FUNCTION`, with the end of the file's path. Functions that the tests
/// run may stand beside them.
pub(crate) type Rows = &'static [(&'static str, &'static [&'static str])];

pub(crate) const SECTIONS: &[(&str, Rows)] = &[
    ("Options", OPTIONS),
    ("Markers", MARKERS),
    ("`ops_test`", OPS_TEST),
    ("The model", MODEL),
    ("Traps that are gone", TRAPS),
];

const OPTIONS: Rows = &[
    (
        "`--controller`, `--cloud`",
        &[
            "client/backend.rs::a_named_controller_or_cloud_calls_for_a_real_juju",
            "harness/options.rs::a_new_model_is_made_where_the_user_wants_it",
            "harness/options.rs::options_for_a_new_model_are_named_when_it_was_there",
        ],
    ),
    (
        "`--model NAME`",
        &[
            "harness/evidence.rs::a_model_given_by_name_is_made_and_kept",
            "harness/models.rs::a_model_of_an_owner_or_a_controller_is_made_once_and_then_taken",
        ],
    ),
    (
        "`--model-alias`, `--model-config FILE`",
        &[
            "harness/models.rs::the_own_model_has_the_alias_that_the_user_gave_it",
            "harness/options.rs::a_new_model_gets_its_configuration_from_the_file",
        ],
    ),
    (
        "`--keep-models`",
        &[
            "it/author.rs::a_kept_model_is_found_again",
            "harness/schedule_tests.rs::kept_models_stay",
            "harness/options.rs::a_model_that_is_kept_is_named_with_the_command_that_shows_it",
        ],
    ),
    (
        "`--destroy-storage`",
        &["harness/options.rs::storage_is_released_when_it_is_not_to_be_destroyed"],
    ),
    (
        "`--no-deploy`",
        &[
            "it/author.rs::a_kept_model_is_found_again",
            "harness/schedule_tests.rs::no_deploy_needs_a_model_with_applications",
        ],
    ),
    (
        "`--destructive-mode`, `--charmcraft-args`",
        &["client/build.rs::another_way_of_packing_packs_again"],
    ),
    (
        "`--crash-dump MODE`",
        &[
            "harness/crash_dumps.rs::juju_crashdump_is_run_before_the_model_ends",
            "harness/crash_dumps.rs::the_mode_decides",
            "harness/exit_codes.rs::exit_codes_tell_how_a_run_went",
        ],
    ),
    (
        "`--basetemp DIR`",
        &["harness/options.rs::files_of_tests_are_where_the_user_wants_them"],
    ),
    (
        "`--juju-max-frame-size`",
        &["harness/effect.rs::what_is_taken_for_the_sake_of_scripts_is_explained"],
    ),
    (
        "pytest's `-k`",
        &[
            "it/author.rs::tests_are_selected_by_filter_expression_module_and_file",
            "it/options.rs::a_run_stops_after_enough_failures",
            "it/options.rs::what_failed_in_the_last_run_runs_again",
            "it/options.rs::the_slowest_tests_are_shown",
            "harness/args.rs::every_flag_reaches_a_test_binary_that_is_started",
            "harness/expression.rs::expressions_select_by_name_and_tag",
        ],
    ),
    (
        "`--asyncio-mode`",
        &[
            "harness/reports.rs::sync_tests_wait_and_are_stopped_as_others_are",
            "it/author.rs::failures_are_named_with_place_cause_and_evidence",
        ],
    ),
    (
        "`--juju-model P`",
        &["harness/evidence.rs::a_model_given_by_name_is_made_and_kept"],
    ),
    (
        "`--juju-controller`",
        &[
            "client/backend.rs::a_named_controller_or_cloud_calls_for_a_real_juju",
            "harness/options.rs::a_new_model_is_made_where_the_user_wants_it",
            "harness/options.rs::options_for_a_new_model_are_named_when_it_was_there",
        ],
    ),
    (
        "`--no-juju-setup`",
        &["it/author.rs::a_kept_model_is_found_again"],
    ),
    (
        "`--no-juju-teardown`",
        &["it/author.rs::a_kept_model_is_found_again"],
    ),
    (
        "`--juju-dump-logs DIR`",
        &[
            "harness/evidence.rs::a_failure_leaves_evidence_and_the_model_is_destroyed",
            "harness/crash_dumps.rs::the_mode_decides",
        ],
    ),
    (
        "`--juju-switch`",
        &["client/model.rs::a_model_is_made_without_touching_the_current_one"],
    ),
];

const MARKERS: Rows = &[
    (
        "`@pytest.mark.abort_on_fail`",
        &[
            "harness/outcome_tests.rs::the_abort_table",
            "harness/reports.rs::failures_name_their_place_and_their_cause",
            "fixture/main.rs::first",
        ],
    ),
    (
        "`abort_on_fail(abort_on_xfail=True)`",
        &[
            "harness/outcome_tests.rs::the_abort_table",
            "harness/reports.rs::options_of_a_module_hold_for_its_own_tests",
            "fixture/main.rs::marked",
        ],
    ),
    (
        "`@pytest.mark.skip_if_deployed`",
        &[
            "harness/plan.rs::no_deploy_skips_what_deploys",
            "migration/main.rs::build_and_deploy",
        ],
    ),
    (
        "`@pytest.mark.xfail(reason=\"why\")`",
        &[
            "harness/reports.rs::expected_failures_flaky_tests_and_aborts_are_told_apart",
            "fixture/main.rs::fails_as_expected",
            "fixture/main.rs::passes_and_must_not",
        ],
    ),
    (
        "`@pytest.mark.skip(reason=\"why\")`",
        &[
            "harness/plan.rs::ignored_tests_are_shown_included_or_alone",
            "charmtest-macros/tests/ui.rs::ui",
            "ok/attributes.rs::above",
        ],
    ),
    (
        "`pytest.skip(\"why\")`",
        &[
            "harness/reports.rs::expected_failures_flaky_tests_and_aborts_are_told_apart",
            "harness/evidence.rs::a_test_leaves_from_wherever_it_is",
            "fixture/main.rs::skips",
            "fixture/main.rs::says_that_it_fails",
        ],
    ),
    (
        "`@pytest.mark.skipif(condition",
        &[
            "harness/reports.rs::expected_failures_flaky_tests_and_aborts_are_told_apart",
            "fixture/main.rs::skips",
        ],
    ),
    (
        "`@pytest.mark.parametrize`",
        &[
            "harness/reports.rs::each_case_is_a_test",
            "fixture/main.rs::is_odd",
        ],
    ),
    (
        "`@pytest.mark.slow`",
        &[
            "harness/expression.rs::expressions_select_by_name_and_tag",
            "harness/reports.rs::options_of_a_module_hold_for_its_own_tests",
            "fixture/main.rs::first",
        ],
    ),
    (
        "`@pytest.mark.juju_teardown`",
        &[
            "harness/expression.rs::expressions_select_by_name_and_tag",
            "harness/reports.rs::options_of_a_module_hold_for_its_own_tests",
            "fixture/main.rs::first",
        ],
    ),
    (
        "`pytestmark = ...`",
        &[
            "harness/reports.rs::options_of_a_module_hold_for_its_own_tests",
            "fixture/main.rs::marked",
        ],
    ),
    (
        "`@pytest.mark.flaky(reruns=2)`",
        &[
            "harness/reports.rs::expected_failures_flaky_tests_and_aborts_are_told_apart",
            "fixture/main.rs::is_flaky",
        ],
    ),
    (
        "`@pytest.mark.timeout(600)`",
        &[
            "harness/reports.rs::failures_name_their_place_and_their_cause",
            "fixture/main.rs::takes_too_long",
        ],
    ),
    (
        "`@pytest.mark.order(1)`",
        &[
            "harness/plan.rs::the_root_comes_first_and_order_beats_the_source",
            "fixture/main.rs::second",
        ],
    ),
    (
        "a module-scoped fixture",
        &["harness/fixture_tests.rs::each_scope_has_its_own_value"],
    ),
];

const OPS_TEST: Rows = &[
    (
        "`ops_test.model`",
        &[
            "client/ops_test.rs::commands_are_about_the_model_of_the_test",
            "fixture/main.rs::fails_with_a_model",
        ],
    ),
    (
        "`model_name`",
        &[
            "client/track.rs::a_tracked_model_is_another_one_with_its_own_files_and_found_again",
            "client/track.rs::a_forgotten_model_is_destroyed_unless_it_is_to_be_kept",
        ],
    ),
    (
        "`build_charm(path",
        &[
            "client/build.rs::a_charm_is_packed_once_however_many_ask",
            "client/build.rs::another_way_of_packing_packs_again",
            "client/build.rs::of_several_charms_one_is_chosen_and_all_can_be_had",
        ],
    ),
    (
        "`build_charms(",
        &["client/build.rs::charms_are_packed_side_by_side_and_returned_by_name"],
    ),
    (
        "`yaml.safe_load(",
        &["it/ops_test.rs::resources_are_built_known_and_deployed"],
    ),
    (
        "`build_resources(script)`",
        &[
            "it/ops_test.rs::resources_are_built_known_and_deployed",
            "it/ops_test.rs::resources_are_downloaded_from_the_store",
        ],
    ),
    (
        "`render_bundle(s)`",
        &[
            "it/ops_test.rs::bundles_come_from_texts_and_files",
            "it/ops_test.rs::a_bundle_of_charmhub_is_downloaded_and_rendered",
            "it/ops_test.rs::a_charm_from_templates_is_packed",
        ],
    ),
    (
        "`ops_test.juju(",
        &[
            "client/ops_test.rs::commands_are_about_the_model_of_the_test",
            "client/ops_test.rs::what_is_run_is_checked_if_that_is_asked_for",
        ],
    ),
    (
        "`ops_test.run(",
        &["client/ops_test.rs::commands_are_about_the_model_of_the_test"],
    ),
    (
        "`async with ops_test.fast_forward(",
        &["client/fast_forward.rs::a_guard_brings_the_interval_back_however_it_goes"],
    ),
    (
        "`track_model(alias",
        &["client/track.rs::a_forgotten_model_is_destroyed_unless_it_is_to_be_kept"],
    ),
    (
        "`with ops_test.model_context(alias)`",
        &[
            "client/track.rs::a_tracked_model_is_another_one_with_its_own_files_and_found_again",
            "client/track.rs::ops_test",
        ],
    ),
    (
        "`ops_test.abort(",
        &[
            "harness/evidence.rs::a_test_leaves_from_wherever_it_is",
            "fixture/main.rs::ends_its_module",
        ],
    ),
    (
        "`log_model()`",
        &[
            "harness/evidence.rs::a_failure_leaves_evidence_and_the_model_is_destroyed",
            "it/crash_dump.rs::a_dump_has_the_files_of_juju_crashdump_and_no_secrets",
            "it/crash_dump.rs::crash_dump",
        ],
    ),
    (
        "`add_k8s(",
        &["client/track.rs::a_k8s_cloud_is_added_to_the_controller_and_goes_after_its_models"],
    ),
    (
        "`build_bundle`",
        &[
            "client/model.rs::deploying",
            "it/ops_test.rs::a_bundle_from_a_template_comes_up",
        ],
    ),
];

const TRAPS: Rows = &[
    (
        "A wait for idle on an empty model",
        &[
            "client/idle.rs::what_is_waited_for_is_there",
            "client/idle.rs::what_is_in_error_is_never_idle",
            "client/idle.rs::units_are_counted_per_application",
            "client/idle.rs::work_between_two_looks_is_noticed_by_the_time_of_the_agent_status",
            "client/idle.rs::the_idle_period_holds_for_at_least_as_well",
        ],
    ),
    (
        "A failed action, a failed `exec`",
        &[
            "client/tasks.rs::a_failure_may_be_what_the_test_wants",
            "client/tasks.rs::commands_run_on_several_units_and_on_machines",
            "client/juju.rs::a_failure_shows_the_command_ready_to_paste_and_what_juju_said",
        ],
    ),
    (
        "What an aborted test would have shown",
        &["harness/outcome_tests.rs::the_abort_table"],
    ),
    (
        "Models of failed set-ups",
        &[
            "harness/models.rs::a_model_is_on_record_before_it_is_made",
            "harness/models.rs::a_signal_while_the_model_is_made_removes_it_all_the_same",
            "harness/models.rs::a_killed_run_leaves_its_models_on_record",
            "harness/models.rs::a_controller_that_stops_answering_holds_nobody_up",
            "it/clean.rs::a_test_process_that_is_killed_leaves_a_model_that_is_cleaned_up",
        ],
    ),
    (
        "A failing test leaves its evidence",
        &["harness/schedule_tests.rs::a_failure_is_captured_where_its_test_has_a_place"],
    ),
    (
        "Storage of a model",
        &[
            "client/track.rs::storage_goes_with_models_of_the_run_and_stays_with_others",
            "harness/options.rs::storage_is_released_when_it_is_not_to_be_destroyed",
            "ops_test/keep.rs::who_says_what_becomes_of_storage",
        ],
    ),
    (
        "The charm's directory",
        &["it/charmcraft.rs::what_charmcraft_leaves_beside_the_charm_and_what_was_there_stays"],
    ),
];
