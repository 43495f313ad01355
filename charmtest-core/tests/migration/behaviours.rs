//! What pytest-operator's own tests assert (0.43.2), and what shows the same here.

use crate::claims::Behaviour;

pub(crate) const BEHAVIOURS: &[Behaviour] = &[
    Behaviour {
        id: "U1",
        says: "with TOX_ENV_DIR, files go below it",
        tests: &[
            "harness/options.rs::files_of_tests_are_where_the_user_wants_them",
            "harness/files.rs::the_flag_wins_over_tox",
        ],
        otherwise: Some("the directory is tmp/charmtest there, not tmp/pytest"),
    },
    Behaviour {
        id: "U2",
        says: "--basetemp wins over TOX_ENV_DIR",
        tests: &[
            "harness/options.rs::files_of_tests_are_where_the_user_wants_them",
            "harness/files.rs::the_flag_wins_over_tox",
        ],
        otherwise: None,
    },
    Behaviour {
        id: "U3",
        says: "charmcraft pack gets exactly the arguments given; no file made is an error that names the pattern",
        tests: &[
            "it/charmcraft.rs::charmcraft_is_asked_for_exactly_what_was_wanted",
            "it/packing.rs::a_charmcraft_that_fails_or_hangs_is_reported_with_its_output",
        ],
        otherwise: None,
    },
    Behaviour {
        id: "U4",
        says: "all charms are returned if all are wanted, inside charms/ of tmp_path",
        tests: &["client/build.rs::of_several_charms_one_is_chosen_and_all_can_be_had"],
        otherwise: None,
    },
    Behaviour {
        id: "U5",
        says: "else one of them is",
        tests: &[
            "client/build.rs::of_several_charms_one_is_chosen_and_all_can_be_had",
            "build/choice.rs::what_was_asked_for_is_chosen_and_else_what_runs_here",
        ],
        otherwise: Some("the one that runs on this machine, not whichever comes first"),
    },
    Behaviour {
        id: "U6",
        says: "who may not use LXD packs with its group or not at all; a failed build says so with its output",
        tests: &[
            "it/charmcraft.rs::who_may_not_use_lxd_packs_with_its_group",
            "it/charmcraft.rs::without_lxd_nothing_is_packed_unless_on_this_machine",
            "it/charmcraft.rs::an_error_shows_the_command_the_directory_and_the_output",
        ],
        otherwise: None,
    },
    Behaviour {
        id: "U7",
        says: "Charmhub is asked for a charm, its resources and their files",
        tests: &[
            "it/ops_test.rs::resources_are_downloaded_from_the_store",
            "charmhub/remote_tests.rs::info_and_find_show_what_charmhub_says",
        ],
        otherwise: Some("`juju download` asks it, not the test"),
    },
    Behaviour {
        id: "U8",
        says: "the same of the charm store before Charmhub",
        tests: &[],
        otherwise: Some("that store was switched off"),
    },
    Behaviour {
        id: "U9",
        says: "resources are built by a script in resources/ of tmp_path; a missing script is an error",
        tests: &[
            "it/ops_test.rs::resources_are_built_known_and_deployed",
            "client/resources.rs::a_script_runs_as_it_was_asked_to",
        ],
        otherwise: Some(
            "a script that fails is an error, and the root user runs it only if that is asked for",
        ),
    },
    Behaviour {
        id: "U10",
        says: "architectures of resources are read from their names",
        tests: &[
            "charm_resources/arch.rs::names_show_architectures",
            "it/ops_test.rs::resources_are_built_known_and_deployed",
        ],
        otherwise: None,
    },
    Behaviour {
        id: "U11",
        says: "resources are downloaded to RESOURCE/FILE",
        tests: &[
            "it/ops_test.rs::resources_are_downloaded_from_the_store",
            "charm_resources/download.rs::files_belong_to_resources_by_their_names",
        ],
        otherwise: None,
    },
    Behaviour {
        id: "U12",
        says: "bundles come from texts, files with each ending, and Charmhub; anything else is refused",
        tests: &[
            "it/ops_test.rs::bundles_come_from_texts_and_files",
            "it/ops_test.rs::a_bundle_of_charmhub_is_downloaded_and_rendered",
            "templates/bundle.rs::text_is_a_path_or_a_template",
        ],
        otherwise: Some("what is no source of a bundle does not compile"),
    },
    Behaviour {
        id: "U13",
        says: "mode, --no-crash-dump, failures and keeping decide on a crash dump; juju-crashdump gets exact arguments",
        tests: &[
            "diagnose/crash_dump.rs::the_mode_the_failures_and_the_keeping_decide",
            "diagnose/crash_dump.rs::juju_crashdump_gets_the_arguments_of_pytest_operator",
            "harness/crash_dumps.rs::juju_crashdump_is_run_before_the_model_ends",
            "harness/crash_dumps.rs::the_mode_decides",
        ],
        otherwise: Some("failures are those of the module, not of the whole run"),
    },
    Behaviour {
        id: "U14",
        says: "a mode that is none is refused",
        tests: &["harness/exit_codes.rs::exit_codes_tell_how_a_run_went"],
        otherwise: Some("as wrong usage, before any test"),
    },
    Behaviour {
        id: "U15",
        says: "without juju-crashdump nothing fails",
        tests: &[
            "harness/crash_dumps.rs::without_juju_crashdump_our_own_collector_is_run_and_knows_what_to_hide",
        ],
        otherwise: Some("a dump is made all the same"),
    },
    Behaviour {
        id: "U16",
        says: "--no-deploy skips what deploys, and is wrong usage without --model",
        tests: &[
            "harness/plan.rs::no_deploy_skips_what_deploys",
            "harness/exit_codes.rs::no_deploy_names_the_flag_that_is_missing",
            "it/author.rs::a_kept_model_is_found_again",
        ],
        otherwise: None,
    },
    Behaviour {
        id: "U17",
        says: "a model that is there is taken, kept, and its storage with it",
        tests: &[
            "harness/models.rs::models_that_were_there_and_models_to_keep_stay",
            "harness/schedule_tests.rs::a_shared_model_is_made_if_missing_and_kept",
            "client/track.rs::a_model_that_is_there_is_taken_unless_it_must_be_new",
        ],
        otherwise: Some(
            "no connection, so no frame size; its cloud is its own, not the controller's first",
        ),
    },
    Behaviour {
        id: "U18",
        says: "a negative frame size is refused",
        tests: &["harness/args.rs::what_is_wrong_is_a_usage_error"],
        otherwise: None,
    },
    Behaviour {
        id: "U19",
        says: "further models end before the module's own",
        tests: &["harness/models.rs::tracked_models_end_before_the_own_one_the_newest_first"],
        otherwise: Some("`juju models` need not fill a cache: `juju` itself makes the models"),
    },
    Behaviour {
        id: "U20",
        says: "the keep matrix",
        tests: &[
            "ops_test/keep.rs::the_keep_matrix_of_pytest_operator",
            "client/track.rs::a_forgotten_model_is_destroyed_unless_it_is_to_be_kept",
            "harness/schedule_tests.rs::kept_models_stay",
            "harness/models.rs::models_that_were_there_and_models_to_keep_stay",
        ],
        otherwise: None,
    },
    Behaviour {
        id: "U21",
        says: "the storage matrix",
        tests: &[
            "ops_test/keep.rs::who_says_what_becomes_of_storage",
            "client/track.rs::storage_goes_with_models_of_the_run_and_stays_with_others",
        ],
        otherwise: Some(
            "storage of a model that the run made is destroyed unless it is asked to be released",
        ),
    },
    Behaviour {
        id: "U22",
        says: "without --model one is made under a generated name, and not kept",
        tests: &[
            "harness/schedule_tests.rs::a_model_is_named_made_once_and_destroyed",
            "harness/evidence.rs::a_failure_leaves_evidence_and_the_model_is_destroyed",
            "harness/model_name.rs::names_are_what_juju_allows",
        ],
        otherwise: None,
    },
    Behaviour {
        id: "U23",
        says: "tracking switches nothing, a context is about its model, each has its own files, names and clouds follow the rules, and what \
               is forgotten is gone",
        tests: &[
            "client/track.rs::a_tracked_model_is_another_one_with_its_own_files_and_found_again",
            "client/track.rs::what_is_asked_for_reaches_juju",
            "client/track.rs::an_alias_stands_for_one_model",
            "client/track.rs::a_forgotten_model_is_destroyed_unless_it_is_to_be_kept",
            "client/track.rs::a_model_that_does_not_go_stays_tracked",
            "harness/models.rs::a_tear_down_that_hangs_is_bounded_step_by_step",
        ],
        otherwise: Some("a model that does not go is an error, and the tear-down tries again"),
    },
    Behaviour {
        id: "I1",
        says: "charms from templates are built, and a bundle from a template brings them up",
        tests: &[
            "it/ops_test.rs::a_charm_from_templates_is_packed",
            "it/ops_test.rs::a_bundle_from_a_template_comes_up",
            "integration/bundles.rs::has_what_the_template_says",
        ],
        otherwise: Some("no library of Python is built"),
    },
    Behaviour {
        id: "I2",
        says: "a test sees what the one before deployed",
        tests: &[
            "migration/main.rs::title",
            "integration/website.rs::serves_its_page",
        ],
        otherwise: None,
    },
    Behaviour {
        id: "I3",
        says: "a crash dump is in the directory that was asked for",
        tests: &[
            "harness/crash_dumps.rs::juju_crashdump_is_run_before_the_model_ends",
            "it/crash_dump.rs::a_dump_has_the_files_of_juju_crashdump_and_no_secrets",
        ],
        otherwise: None,
    },
    Behaviour {
        id: "I4",
        says: "a further model is another one; a second name of the module's own model can be forgotten without harm",
        tests: &[
            "client/track.rs::a_tracked_model_is_another_one_with_its_own_files_and_found_again",
            "client/track.rs::a_forgotten_model_is_destroyed_unless_it_is_to_be_kept",
            "integration/models.rs::a_model_may_go_before_the_end",
        ],
        otherwise: Some(
            "a context whose model is forgotten still has it, since nothing is current for all",
        ),
    },
    Behaviour {
        id: "I5",
        says: "a failure in a model's context leads back to the model before",
        tests: &[
            "client/track.rs::a_tracked_model_is_another_one_with_its_own_files_and_found_again",
        ],
        otherwise: Some(
            "a context is a value of its own: nothing was switched, so there is no way back to lose",
        ),
    },
    Behaviour {
        id: "I6",
        says: "a test that is not async can use everything",
        tests: &[
            "harness/reports.rs::sync_tests_wait_and_are_stopped_as_others_are",
            "client/ops_test.rs::a_future_can_be_waited_for_without_async",
        ],
        otherwise: None,
    },
    Behaviour {
        id: "I7",
        says: "run returns code and streams, checks with a message, and feeds standard input",
        tests: &[
            "client/ops_test.rs::commands_are_about_the_model_of_the_test",
            "client/ops_test.rs::what_is_run_is_checked_if_that_is_asked_for",
            "client/juju.rs::output_comes_back_whole_and_apart",
            "client/juju.rs::a_failure_begins_with_what_the_caller_says_it_means",
        ],
        otherwise: None,
    },
    Behaviour {
        id: "I8",
        says: "fast_forward sets the interval and brings the one before back, or another one, also after a failure",
        tests: &[
            "client/fast_forward.rs::a_guard_brings_the_interval_back_however_it_goes",
            "client/fast_forward.rs::an_interval_that_was_the_default_is_reset",
            "client/fast_forward.rs::another_interval_may_follow",
            "integration/website.rs::repairs_itself_from_time_to_time",
        ],
        otherwise: Some("an interval that was Juju's default is the default again, not pinned"),
    },
    Behaviour {
        id: "I9",
        says: "abort_on_xfail, and the next test does not run",
        tests: &[
            "harness/outcome_tests.rs::the_abort_table",
            "harness/reports.rs::options_of_a_module_hold_for_its_own_tests",
        ],
        otherwise: Some("it is called aborted, not xfailed, and the run fails"),
    },
    Behaviour {
        id: "I10",
        says: "a Kubernetes cloud is added, holds models, and goes after them",
        tests: &[
            "client/track.rs::a_k8s_cloud_is_added_to_the_controller_and_goes_after_its_models",
            "harness/models.rs::a_cloud_goes_after_its_models_and_is_named_if_it_does_not",
        ],
        otherwise: Some(
            "with a scripted juju: the embedded controller has no Kubernetes, and upstream's test is skipped without one",
        ),
    },
];
