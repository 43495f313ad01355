//! Tests of the scheduler in a fake world: what a run does is read off its events.

use std::future::pending;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use super::context::Context;
use super::crash_dump_flags::CrashDumpSettings;
use super::effect::ModelOptions;
use super::event::{Event, Outcome};
use super::fake_world::{Behaviour, Content, FakeKind, FakeWorld, Shared};
use super::flag::Flag;
use super::ledger::Ledger;
use super::pack_flags::PackOptions;
use super::panics::SourceRoot;
use super::plan::{Deploying, Plan, Selection};
use super::run_state::{Keep, RunState, Settings};
use super::schedule;
use super::signals::Signal;
use crate::failure::skip;
use crate::registry::{BoxFuture, Marks, TestEntry};

pub(super) type Run = for<'a> fn(&'a Context) -> BoxFuture<'a>;

pub(super) fn passes(_: &Context) -> BoxFuture<'_> {
    Box::pin(async { Ok(()) })
}

pub(super) fn fails(_: &Context) -> BoxFuture<'_> {
    Box::pin(async { Err("not ready")? })
}

pub(super) fn needs_model(cx: &Context) -> BoxFuture<'_> {
    Box::pin(async move { cx.open().await.map(drop) })
}

pub(super) fn needs_model_and_fails(cx: &Context) -> BoxFuture<'_> {
    Box::pin(async move {
        cx.open().await?;
        Err("not ready")?
    })
}

pub(super) fn hangs(_: &Context) -> BoxFuture<'_> {
    Box::pin(pending())
}

pub(super) fn entry(module: &'static str, name: &'static str, line: u32, run: Run) -> TestEntry {
    TestEntry {
        module_path: module,
        name,
        case: None,
        file: file!(),
        line,
        column: 1,
        package: "charmtest-core",
        order: None,
        marks: Marks::NONE,
        needs: |_| {},
        run: Box::leak(Box::new(run)),
    }
}

/// Makes the tests of a module `m`, named `a`, `b`, .. in the given order.
pub(super) fn module(runs: &[Run]) -> Vec<TestEntry> {
    let names = ["a", "b", "c", "d"];
    let numbered = runs.iter().zip(names).zip(1..);
    numbered
        .map(|((run, name), line)| entry("t::m", name, line, *run))
        .collect()
}

pub(super) fn aborting(mut tests: Vec<TestEntry>) -> Vec<TestEntry> {
    tests[0].marks.abort_on_fail = true;
    tests
}

pub(super) fn settings() -> Settings {
    Settings {
        target: "t".to_owned(),
        jobs: NonZeroUsize::new(2),
        shared_model: None,
        model_alias: "main".to_owned(),
        model_config: None,
        model_options: ModelOptions::default(),
        keep: Keep::Never,
        destroy_storage: None,
        base_temp: None,
        crash_dump: CrashDumpSettings::default(),
        pack: PackOptions::default(),
        max_failures: None,
        stop_file: None,
        deploying: Deploying::Allowed,
        one_of_several: false,
        test_timeout: Some(Duration::from_secs(60)),
        teardown_timeout: Duration::from_secs(60),
        stop_grace: Duration::from_secs(60),
        package_dir: env!("CARGO_MANIFEST_DIR").into(),
        record_dir: "records".into(),
        sources: Arc::new(SourceRoot::find(
            Path::new(env!("CARGO_MANIFEST_DIR")),
            file!(),
        )),
    }
}

/// What a run did.
pub(super) struct Story {
    pub(super) events: Vec<Event>,
    pub(super) exit_code: u8,
    world: Arc<FakeWorld>,
}

pub(super) fn tell(tests: Vec<TestEntry>, settings: Settings, world: FakeWorld) -> Story {
    let tests: &'static [TestEntry] = Box::leak(tests.into_boxed_slice());
    let plan = Plan::new(tests, [], &Selection::default());
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = {
        let events = Arc::clone(&events);
        move |event| events.lock().unwrap().push(event)
    };
    let world = Arc::new(world);
    let interrupt = Flag::new();
    let shared = Arc::new(Shared(Arc::clone(&world)));
    let state = Arc::new(RunState::new(
        shared,
        settings,
        interrupt.clone(),
        Box::new(sink),
    ));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    schedule::run(&plan, &state, runtime.handle());
    runtime.shutdown_background();
    let events = events.lock().unwrap().clone();
    let mut ledger = Ledger::default();
    events.iter().for_each(|event| ledger.enter(event));
    Story {
        exit_code: ledger.exit_code(interrupt.get()),
        events,
        world,
    }
}

impl Story {
    /// Returns the outcomes in the order in which the tests finished: `m::a passed`, with the message if there is one.
    pub(super) fn outcomes(&self) -> Vec<String> {
        let outcome = |event: &Event| match event {
            Event::TestFinished {
                test,
                outcome,
                message,
                ..
            } => {
                let outcome = serde_json::to_value(outcome).unwrap();
                let message = message.as_ref().map(|message| format!(": {message}"));
                let outcome = outcome.as_str().unwrap();
                Some(format!("{test} {outcome}{}", message.unwrap_or_default()))
            }
            _ => None,
        };
        self.events.iter().filter_map(outcome).collect()
    }

    /// Returns the names of the events, models and tests included, without the random part of a model's name.
    pub(super) fn steps(&self) -> Vec<String> {
        let step = |event: &Event| {
            let json = serde_json::to_value(event).unwrap();
            let text = |key: &str| {
                json[key]
                    .as_str()
                    .map(|text| format!(" {}", text.split('-').next().unwrap()))
            };
            let subject = text("test")
                .or_else(|| text("model"))
                .or_else(|| text("module"));
            format!(
                "{}{}",
                json["event"].as_str().unwrap(),
                subject.unwrap_or_default()
            )
        };
        self.events.iter().map(step).collect()
    }

    fn finished(&self, name: &str) -> &Event {
        let named =
            |event: &&Event| matches!(event, Event::TestFinished { test, .. } if test == name);
        self.events.iter().find(named).unwrap()
    }

    fn location(&self, name: &str) -> Option<&str> {
        match self.finished(name) {
            Event::TestFinished { location, .. } => location.as_deref(),
            _ => None,
        }
    }

    fn models(&self) -> usize {
        self.world.models.lock().unwrap().len()
    }
}

#[test]
fn tests_that_need_no_model_make_none() {
    let story = tell(module(&[passes, passes]), settings(), FakeWorld::default());
    assert_eq!(
        story.steps(),
        [
            "module_started m",
            "test_started m::a",
            "test_finished m::a",
            "test_started m::b",
            "test_finished m::b",
            "module_finished m",
        ]
    );
    assert_eq!(story.exit_code, 0);
}

#[test]
fn a_model_is_named_made_once_and_destroyed() {
    let story = tell(
        module(&[passes, needs_model, needs_model]),
        settings(),
        FakeWorld::default(),
    );
    assert_eq!(
        story.steps()[3..],
        [
            "test_started m::b",
            "run_started",
            "model_named fake:m",
            "model_ready fake:m",
            "test_finished m::b",
            "test_started m::c",
            "test_finished m::c",
            "model_destroyed fake:m",
            "module_finished m",
        ]
    );
    assert_eq!((story.exit_code, story.models()), (0, 0));
}

#[test]
fn a_failure_goes_on_unless_it_aborts() {
    let story = tell(module(&[fails, passes]), settings(), FakeWorld::default());
    assert_eq!(story.outcomes(), ["m::a failed: not ready", "m::b passed"]);
    assert_eq!(story.exit_code, 101);
    assert!(story.location("m::a").unwrap().starts_with(file!()));

    let story = tell(
        aborting(module(&[fails, passes])),
        settings(),
        FakeWorld::default(),
    );
    assert_eq!(
        story.outcomes(),
        ["m::a failed: not ready", "m::b aborted: aborted by m::a"]
    );
    let Event::TestFinished { cause, .. } = story.finished("m::b") else {
        unreachable!("it finds nothing else")
    };
    assert_eq!(cause.as_deref(), Some("m::a"));
}

#[test]
fn an_abort_stays_in_its_module() {
    let mut tests = aborting(module(&[fails, passes]));
    tests.push(entry("t::n", "a", 1, passes));
    let story = tell(tests, settings(), FakeWorld::default());
    assert!(story.outcomes().contains(&"n::a passed".to_owned()));
}

#[test]
fn a_skip_aborts_nothing() {
    let run: Run = |_| Box::pin(async { Err(skip("no storage"))? });
    let story = tell(
        aborting(module(&[run, passes])),
        settings(),
        FakeWorld::default(),
    );
    assert_eq!(
        story.outcomes(),
        ["m::a skipped: no storage", "m::b passed"]
    );
    assert_eq!(story.exit_code, 0);
}

#[test]
fn a_failed_set_up_errors_one_test_and_aborts_the_others() {
    for (backend, create, why) in [
        (Behaviour::Works, Behaviour::Fails, "the creation failed"),
        (
            Behaviour::Fails,
            Behaviour::Works,
            "no controller is reachable",
        ),
    ] {
        let world = FakeWorld {
            backend,
            create,
            ..FakeWorld::default()
        };
        let story = tell(module(&[passes, needs_model, passes]), settings(), world);
        assert_eq!(
            story.outcomes(),
            [
                "m::a passed".to_owned(),
                format!("m::b errored: {why}"),
                "m::c aborted: model set-up failed in m::b".to_owned(),
            ]
        );
        assert_eq!(story.exit_code, 101);
        assert_eq!(
            story.location("m::b"),
            Some(format!("{}:2:1", file!()).as_str())
        );
    }
}

#[test]
fn a_panic_is_a_failure_with_its_place() {
    let run: Run = |_| Box::pin(async { panic!("no leader") });
    let story = tell(module(&[run, passes]), settings(), FakeWorld::default());
    assert_eq!(story.outcomes(), ["m::a failed: no leader", "m::b passed"]);
    assert!(story.location("m::a").unwrap().starts_with(file!()));
}

#[test]
fn a_test_is_stopped_at_its_limit() {
    let mut tests = aborting(module(&[hangs, passes]));
    tests[0].marks.timeout_ms = Some(5);
    let story = tell(tests, settings(), FakeWorld::default());
    assert_eq!(
        story.outcomes(),
        [
            "m::a timed_out: ran longer than 5ms",
            "m::b aborted: aborted by m::a"
        ]
    );
}

#[test]
fn the_set_up_does_not_count_against_the_limit() {
    let mut tests = module(&[needs_model]);
    tests[0].marks.timeout_ms = Some(300);
    let world = FakeWorld {
        create: Behaviour::Takes(Duration::from_millis(400)),
        ..FakeWorld::default()
    };
    assert_eq!(tell(tests, settings(), world).outcomes(), ["m::a passed"]);
}

#[test]
fn a_test_that_blocks_is_left_behind_and_ends_its_module() {
    let run: Run = |_| {
        Box::pin(async {
            loop {
                std::thread::park()
            }
        })
    };
    let mut tests = module(&[run, passes]);
    // Long enough for the test to begin on a busy machine: one that has not begun can be stopped.
    tests[0].marks.timeout_ms = Some(500);
    let settings = Settings {
        stop_grace: Duration::from_millis(5),
        ..settings()
    };
    let outcomes = tell(tests, settings, FakeWorld::default()).outcomes();
    assert!(
        outcomes[0].contains("blocks its thread and was left behind"),
        "{outcomes:?}"
    );
    assert_eq!(outcomes[1], "m::b aborted: `m::a` still blocks its thread");
}

#[test]
fn a_test_that_is_left_behind_keeps_no_module_from_its_model() {
    let blocks: Run = |cx| {
        Box::pin(async move {
            cx.open().await?;
            loop {
                std::thread::park()
            }
        })
    };
    let mut tests = module(&[blocks]);
    tests[0].marks.timeout_ms = Some(500);
    tests.push(entry("t::n", "a", 1, needs_model));
    // On a real Juju one module has a model at a time.
    let world = FakeWorld {
        kind: FakeKind::Juju,
        ..FakeWorld::default()
    };
    let settings = Settings {
        jobs: None,
        stop_grace: Duration::from_millis(5),
        ..settings()
    };
    let story = tell(tests, settings, world);
    assert!(story.outcomes().contains(&"n::a passed".to_owned()));
    assert_eq!(story.models(), 0);
}

#[test]
fn a_test_that_is_stopped_while_the_backend_is_selected_starts_no_second_selection() {
    let impatient: Run = |cx| {
        Box::pin(async move {
            let opening = cx.open();
            let _ = tokio::time::timeout(Duration::from_millis(5), opening).await;
            Ok(())
        })
    };
    let world = FakeWorld {
        backend: Behaviour::Takes(Duration::from_millis(300)),
        ..FakeWorld::default()
    };
    let story = tell(module(&[impatient, needs_model]), settings(), world);
    assert_eq!(story.outcomes(), ["m::a passed", "m::b passed"]);
    assert_eq!(story.world.selections.load(Ordering::Relaxed), 1);
}

#[test]
fn the_selection_of_the_backend_does_not_count_against_the_limit() {
    let asks: Run = |cx| {
        Box::pin(async move {
            // There is no client in the fake world.
            assert!(cx.juju().await.is_err());
            Ok(())
        })
    };
    let mut tests = module(&[asks]);
    tests[0].marks.timeout_ms = Some(300);
    let world = FakeWorld {
        backend: Behaviour::Takes(Duration::from_millis(400)),
        ..FakeWorld::default()
    };
    assert_eq!(tell(tests, settings(), world).outcomes(), ["m::a passed"]);
}

#[test]
fn an_interrupt_drops_the_running_test_and_tears_down() {
    let run: Run = |cx| {
        Box::pin(async move {
            cx.open().await?;
            cx.module().run().interrupt.set(Signal::Interrupt);
            pending().await
        })
    };
    let story = tell(
        module(&[passes, run, passes]),
        settings(),
        FakeWorld::default(),
    );
    assert_eq!(
        story.outcomes(),
        [
            "m::a passed",
            "m::b aborted: interrupted",
            "m::c skipped: interrupted"
        ]
    );
    assert_eq!((story.exit_code, story.models()), (130, 0));
}

#[test]
fn an_interrupt_during_the_set_up_leaves_no_model() {
    let run: Run = |cx| {
        Box::pin(async move {
            cx.module().run().interrupt.set(Signal::Terminate);
            cx.open().await.map(drop)
        })
    };
    let world = FakeWorld {
        create: Behaviour::Hangs,
        ..FakeWorld::default()
    };
    let story = tell(module(&[run]), settings(), world);
    assert_eq!(story.outcomes(), ["m::a aborted: terminated"]);
    assert_eq!(story.exit_code, 143);
    assert!(!story.steps().contains(&"model_left fake:m".to_owned()));
}

#[test]
fn a_model_that_cannot_be_destroyed_is_named_and_fails_the_run() {
    let cases = [
        (
            Behaviour::Fails,
            "destroying it failed: the destruction failed",
        ),
        (Behaviour::Hangs, "destroying it took longer than 5ms"),
    ];
    for (destroy, expected) in cases {
        let world = FakeWorld {
            destroy,
            ..FakeWorld::default()
        };
        let settings = Settings {
            teardown_timeout: Duration::from_millis(5),
            stop_grace: Duration::from_millis(5),
            ..settings()
        };
        let story = tell(module(&[needs_model]), settings, world);
        let left = |event: &Event| match event {
            Event::ModelLeft { why, .. } => Some(why.clone()),
            _ => None,
        };
        assert_eq!(story.outcomes(), ["m::a passed"]);
        assert_eq!(
            story.events.iter().find_map(left).as_deref(),
            Some(expected)
        );
        assert_eq!(story.exit_code, 101);
    }
}

#[test]
fn files_of_a_module_go_with_its_model_when_all_is_well() {
    let removals = |runs: &[Run], keep| {
        let settings = Settings { keep, ..settings() };
        let story = tell(module(runs), settings, FakeWorld::default());
        story.world.removals.load(Ordering::Relaxed)
    };
    assert_eq!(removals(&[needs_model, passes], Keep::Never), 1);
    assert_eq!(removals(&[needs_model, fails], Keep::Never), 0);
    assert_eq!(removals(&[needs_model], Keep::Always), 0);
}

#[test]
fn kept_models_stay() {
    let keeping = Settings {
        keep: Keep::Always,
        ..settings()
    };
    let story = tell(module(&[needs_model]), keeping, FakeWorld::default());
    assert!(story.steps().contains(&"model_kept fake:m".to_owned()));
    assert_eq!((story.exit_code, story.models()), (0, 1));
}

fn sharing() -> Settings {
    Settings {
        shared_model: Some("web".to_owned()),
        ..settings()
    }
}

#[test]
fn a_shared_model_is_made_if_missing_and_kept() {
    let mut tests = module(&[needs_model]);
    tests.push(entry("t::n", "a", 1, needs_model));
    let story = tell(tests, sharing(), FakeWorld::default());
    assert_eq!(story.outcomes(), ["m::a passed", "n::a passed"]);
    let kept = |step: &&String| *step == "model_kept fake:web";
    assert_eq!(story.steps().iter().filter(kept).count(), 2);
    assert_eq!((story.exit_code, story.models()), (0, 1));
}

#[test]
fn no_test_starts_after_enough_failures() {
    let tests = || {
        let mut tests = module(&[passes, fails, fails, needs_model]);
        tests.extend([entry("t::n", "a", 1, passes), entry("t::n", "b", 2, fails)]);
        tests
    };
    let outcomes = |max_failures| {
        let settings = Settings {
            jobs: NonZeroUsize::new(1),
            max_failures,
            ..settings()
        };
        let story = tell(tests(), settings, FakeWorld::default());
        assert_eq!(story.exit_code, 101);
        let short = |outcome: String| outcome.split(" (").next().unwrap().to_owned();
        (
            story.outcomes().into_iter().map(short).collect::<Vec<_>>(),
            story.models(),
        )
    };
    let skipped = "skipped: not run after 1 failure";
    let (first, models) = outcomes(Some(1));
    assert_eq!(first[0], "m::a passed");
    assert!(first[1].starts_with("m::b failed"), "{first:?}");
    assert_eq!(
        first[2..],
        ["m::c", "m::d", "n::a", "n::b"].map(|test| format!("{test} {skipped}"))
    );
    assert_eq!(models, 0);
    let (second, _) = outcomes(Some(2));
    assert!(second[2].starts_with("m::c failed"), "{second:?}");
    assert_eq!(second[3], "m::d skipped: not run after 2 failures");
    let (all, _) = outcomes(None);
    assert!(
        all.iter().all(|outcome| !outcome.contains("not run")),
        "{all:?}"
    );
}

#[test]
fn no_test_starts_when_another_process_has_had_enough() {
    let stop = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(stop.path(), "not run after 3 failures").unwrap();
    let settings = Settings {
        stop_file: Some(stop.path().to_owned()),
        ..settings()
    };
    let story = tell(module(&[needs_model]), settings, FakeWorld::default());
    assert_eq!(story.outcomes(), ["m::a skipped: not run after 3 failures"]);
}

#[test]
fn options_that_the_shared_model_makes_useless_are_named_once() {
    let mut tests = module(&[needs_model]);
    tests.push(entry("t::n", "a", 1, needs_model));
    let settings = Settings {
        model_options: ModelOptions::of(&["--cloud"], &["--destroy-storage"]),
        ..sharing()
    };
    let world = FakeWorld::default().with_model("web", Content::Nothing);
    let story = tell(tests, settings, world);
    let warnings: Vec<_> = story
        .events
        .iter()
        .filter(|event| matches!(event, Event::Warning { .. }))
        .collect();
    let message =
        "--cloud, --destroy-storage not used for model fake:web: it was there before and is kept"
            .to_owned();
    assert_eq!(warnings, [&Event::Warning { message }]);
}

#[test]
fn no_deploy_needs_a_model_with_applications() {
    let settings = || Settings {
        deploying: Deploying::Forbidden,
        ..sharing()
    };
    let outcome = |world| {
        tell(module(&[needs_model]), settings(), world)
            .outcomes()
            .remove(0)
    };
    let missing = outcome(FakeWorld::default());
    assert!(
        missing.starts_with("m::a errored: --no-deploy needs")
            && missing.ends_with("no model `web`")
    );
    let empty = outcome(FakeWorld::default().with_model("web", Content::Nothing));
    assert!(empty.ends_with("model `web` holds none"), "{empty}");
    let ready = outcome(FakeWorld::default().with_model("web", Content::Applications));
    assert_eq!(ready, "m::a passed");
}

#[test]
fn a_failure_is_captured_where_its_test_has_a_place() {
    let story = tell(
        module(&[needs_model_and_fails]),
        settings(),
        FakeWorld::default(),
    );
    let Event::TestFinished { evidence, .. } = story.finished("m::a") else {
        unreachable!("it finds nothing else")
    };
    let evidence = evidence.as_ref().unwrap();
    assert_eq!(evidence.directory, "records/m/a");
    assert_eq!(evidence.highlights, ["not ready"]);
}

#[test]
fn a_capture_that_fails_is_a_warning() {
    let world = FakeWorld {
        capture: Behaviour::Fails,
        ..FakeWorld::default()
    };
    let story = tell(module(&[needs_model_and_fails]), settings(), world);
    assert_eq!(story.outcomes(), ["m::a failed: not ready"]);
    assert!(story.events.contains(&Event::Warning {
        message: "no evidence of `m::a` was saved: the capture failed".to_owned(),
    }));
}

#[test]
fn a_fault_of_the_scheduler_loses_tests_but_hangs_nobody() {
    let world = FakeWorld {
        capture: Behaviour::Panics,
        ..FakeWorld::default()
    };
    let story = tell(
        module(&[passes, needs_model_and_fails, passes]),
        settings(),
        world,
    );
    assert_eq!(
        story.outcomes(),
        [
            "m::a passed",
            "m::b errored: the scheduler lost this test",
            "m::c errored: the scheduler lost this test",
        ]
    );
    assert_eq!(story.exit_code, 101);
    assert_eq!(story.steps().last().unwrap(), "module_finished m");
}

#[test]
fn modules_run_side_by_side() {
    static BOTH: Barrier = Barrier::new(2);
    let meets: Run = |_| {
        Box::pin(async {
            BOTH.wait();
            Ok(())
        })
    };
    let tests = vec![entry("t::m", "a", 1, meets), entry("t::n", "a", 1, meets)];
    let story = tell(tests, settings(), FakeWorld::default());
    let outcomes = story.outcomes();
    assert!(
        outcomes.iter().all(|outcome| outcome.ends_with("passed")),
        "{outcomes:?}"
    );
}

/// What they cost is measured by `cargo xtask bench empty`.
#[test]
fn each_of_many_empty_tests_is_told_of() {
    const COUNT: u32 = 1_000;
    let tests = (0..COUNT).map(|line| entry("t::m", "empty", line, passes));
    let story = tell(tests.collect(), settings(), FakeWorld::default());
    assert_eq!(story.outcomes().len(), COUNT as usize);
}

#[test]
fn what_is_as_it_should_be_fails_no_run() {
    let successes = [
        Outcome::Passed,
        Outcome::Flaky,
        Outcome::Skipped,
        Outcome::Xfailed,
        Outcome::Xpassed,
    ];
    let failures = [
        Outcome::Failed,
        Outcome::Aborted,
        Outcome::TimedOut,
        Outcome::Errored,
        Outcome::Refused,
        Outcome::Unmet,
    ];
    assert!(successes.iter().all(|outcome| outcome.is_success()));
    assert!(!failures.iter().any(|outcome| outcome.is_success()));
}
