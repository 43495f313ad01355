//! Tests of fixtures in a fake world: when they are made and torn down, and what follows when that goes wrong.

use std::future::pending;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Duration;

use charmtest_macros::charm_fixture;

use super::event::Event;
use super::fake_world::FakeWorld;
use super::run_state::Settings;
use super::schedule_tests::{Run, Story, aborting, entry, fails, module, settings, tell};
use crate::failure::{Failure, Result, abort, skip};
use crate::harness::Context;
use crate::registry::{FromContext, TestEntry};

/// What happened, in order; each test has its own.
struct Log(Mutex<Vec<String>>);

impl Log {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn add(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn told(tests: Vec<TestEntry>) -> Story {
    tell(tests, settings(), FakeWorld::default())
}

/// Returns what was left over: `fixture of whom: why`.
fn left(story: &Story) -> Vec<String> {
    let left = |event: &Event| match event {
        Event::FixtureLeft { fixture, of, why } => Some(format!("{fixture} of {of}: {why}")),
        _ => None,
    };
    story.events.iter().filter_map(left).collect()
}

/// A test that asks for fixtures by their types.
macro_rules! asks {
    ($($ty:ty),+) => {{
        let run: Run = |cx| Box::pin(async move {
            $(<&$ty>::from_context(cx).await?;)+
            Ok(())
        });
        run
    }};
}

#[test]
fn each_scope_has_its_own_value() {
    static LOG: Log = Log::new();
    struct Short;
    struct Middle;
    struct Long;

    #[charm_fixture(crate = "crate", scope = "run", teardown = end_long)]
    fn long() -> Long {
        LOG.add("long");
        Long
    }
    #[charm_fixture(crate = "crate", scope = "module", teardown = end_middle)]
    async fn middle(_: &Long) -> Middle {
        LOG.add("middle");
        Middle
    }
    #[charm_fixture(crate = "crate", teardown = end_short)]
    async fn short(_: &Middle, _: &Long) -> Result<Short> {
        LOG.add("short");
        Ok(Short)
    }
    fn end_long(_: &Long) {
        LOG.add("end long");
    }
    async fn end_middle(_: &Middle) -> Result {
        LOG.add("end middle");
        Ok(())
    }
    fn end_short(_: &Short) -> Result {
        LOG.add("end short");
        Ok(())
    }

    let mut tests = module(&[asks!(Short, Middle, Short), asks!(Short)]);
    tests.push(entry("t::n", "a", 1, asks!(Middle)));
    let one = Settings {
        jobs: NonZeroUsize::new(1),
        ..settings()
    };
    let story = tell(tests, one, FakeWorld::default());
    assert_eq!(
        story.outcomes(),
        ["m::a passed", "m::b passed", "n::a passed"]
    );
    assert_eq!(
        LOG.all(),
        [
            "long",
            "middle",
            "short",
            "end short",
            "short",
            "end short",
            "end middle",
            "middle",
            "end middle",
            "end long",
        ]
    );
    assert_eq!((story.exit_code, left(&story)), (0, vec![]));
}

#[test]
fn values_end_however_the_tests_did_the_newest_first() {
    static LOG: Log = Log::new();
    struct First;
    struct Second;

    #[charm_fixture(crate = "crate", scope = "module", teardown = end_first)]
    fn first() -> First {
        First
    }
    #[charm_fixture(crate = "crate", scope = "module", teardown = end_second)]
    fn second() -> Second {
        Second
    }
    fn end_first(_: &First) {
        LOG.add("first");
    }
    fn end_second(_: &Second) {
        LOG.add("second");
    }
    let times_out: Run = |cx| {
        Box::pin(async move {
            <&Second>::from_context(cx).await?;
            pending().await
        })
    };
    let fails_with_it: Run = |cx| {
        Box::pin(async move {
            <&First>::from_context(cx).await?;
            Err("not ready")?
        })
    };
    let mut tests = module(&[fails_with_it, times_out, fails]);
    tests[1].marks.timeout_ms = Some(20);
    tests[1].marks.abort_on_fail = true;
    let story = told(tests);
    assert_eq!(LOG.all(), ["second", "first"]);
    assert_eq!(
        story.outcomes(),
        [
            "m::a failed: not ready",
            "m::b timed_out: ran longer than 20ms",
            "m::c aborted: aborted by m::b",
        ]
    );
}

#[test]
fn a_fixture_that_fails_is_an_error_of_each_test_that_asks_and_is_made_once() {
    static LOG: Log = Log::new();
    struct Port;
    struct Server;

    #[charm_fixture(crate = "crate", scope = "module")]
    async fn port() -> Result<Port, std::num::ParseIntError> {
        LOG.add("port");
        "eighty".parse::<u16>().map(|_| Port)
    }
    #[charm_fixture(crate = "crate", scope = "test")]
    async fn server(_: &Port) -> Server {
        Server
    }

    let story = told(module(&[asks!(Port), asks!(Server), |_| {
        Box::pin(async { Ok(()) })
    }]));
    let why = "fixture `port` failed: invalid digit found in string";
    assert_eq!(
        story.outcomes(),
        [
            format!("m::a errored: {why}"),
            format!("m::b errored: {why}\n  it was asked for by m::a and is made only once"),
            "m::c passed".to_owned(),
        ]
    );
    assert_eq!(LOG.all(), ["port"]);
    assert_eq!(story.exit_code, 101);

    let story = told(aborting(module(&[asks!(Port), fails])));
    assert_eq!(
        story.outcomes(),
        [
            format!("m::a errored: {why}"),
            "m::b aborted: aborted by m::a".to_owned()
        ]
    );
}

#[test]
fn the_place_of_a_failure_is_told() {
    struct Port;

    #[charm_fixture(crate = "crate")]
    fn port() -> Result<Port> {
        "eighty".parse::<u16>()?;
        Ok(Port)
    }
    struct Panics;

    #[charm_fixture(crate = "crate")]
    fn panics() -> Panics {
        panic!("no {}", "luck")
    }

    let story = told(module(&[asks!(Port), asks!(Panics)]));
    let outcomes = story.outcomes();
    let expected = [
        "m::a errored: fixture `port` failed: invalid digit found in string\n  at ",
        "m::b errored: fixture `panics` panicked: no luck\n  at ",
    ];
    for (outcome, expected) in outcomes.iter().zip(expected) {
        let place = outcome.strip_prefix(expected).unwrap();
        assert!(place.contains("fixture_tests.rs:"), "{outcome}");
    }
}

#[test]
fn a_fixture_can_skip_its_tests_and_abort_their_module() {
    struct Pool;

    #[charm_fixture(crate = "crate", scope = "module")]
    fn pool() -> Result<Pool> {
        Err(skip("no storage pool"))?
    }
    struct Workers;

    #[charm_fixture(crate = "crate", scope = "module")]
    fn workers() -> Result<Workers> {
        Err(abort("no worker came up"))?
    }

    let story = told(module(&[asks!(Pool), asks!(Pool), asks!(Workers), fails]));
    assert_eq!(
        story.outcomes(),
        [
            "m::a skipped: no storage pool",
            "m::b skipped: no storage pool",
            "m::c failed: no worker came up",
            "m::d aborted: aborted by m::c",
        ]
    );
}

#[test]
fn a_circle_is_an_error() {
    struct Hen;
    struct Egg;
    struct Itself;

    #[charm_fixture(crate = "crate", scope = "module")]
    fn hen(_: &Egg) -> Hen {
        Hen
    }
    #[charm_fixture(crate = "crate", scope = "module")]
    fn egg(_: &Hen) -> Egg {
        Egg
    }
    #[charm_fixture(crate = "crate", scope = "run")]
    fn itself(_: &Itself) -> Itself {
        Itself
    }

    let story = told(module(&[asks!(Hen), asks!(Itself)]));
    assert_eq!(
        story.outcomes(),
        [
            "m::a errored: fixture `hen` needs itself: `hen` -> `egg` -> `hen`; break the circle",
            "m::b errored: fixture `itself` needs itself: `itself` -> `itself`; break the circle",
        ]
    );
}

#[test]
fn modules_that_meet_in_a_circle_do_not_wait_for_one_another() {
    struct Hen;
    struct Egg;

    #[charm_fixture(crate = "crate", scope = "run")]
    async fn hen(_: Slow, _: &Egg) -> Hen {
        Hen
    }
    #[charm_fixture(crate = "crate", scope = "run")]
    async fn egg(_: Slow, _: &Hen) -> Egg {
        Egg
    }
    struct Slow;

    impl<'a> FromContext<'a> for Slow {
        async fn from_context(_: &'a Context) -> Result<Self, Failure> {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(Self)
        }
    }

    let mut tests = module(&[asks!(Hen)]);
    tests.push(entry("t::n", "a", 1, asks!(Egg)));
    let story = told(tests);
    let outcomes = story.outcomes();
    let errored = |outcome: &&String| outcome.contains("needs itself");
    assert_eq!(outcomes.iter().filter(errored).count(), 2, "{outcomes:?}");
}

#[test]
fn what_ends_earlier_cannot_be_used() {
    struct Short;
    struct Middle;
    struct Long;

    #[charm_fixture(crate = "crate")]
    fn short() -> Short {
        Short
    }
    #[charm_fixture(crate = "crate", scope = "module")]
    fn middle(_: &Short) -> Middle {
        Middle
    }
    struct NeedsModel;

    impl<'a> FromContext<'a> for NeedsModel {
        async fn from_context(cx: &'a Context) -> Result<Self, Failure> {
            cx.open().await.map(|_| Self)
        }
    }
    #[charm_fixture(crate = "crate", scope = "run")]
    fn long(_: NeedsModel) -> Long {
        Long
    }

    let story = told(module(&[asks!(Middle), asks!(Long), fails]));
    assert_eq!(
        story.outcomes(),
        [
            "m::a errored: fixture `middle` of scope \"module\" cannot use fixture `short` of scope \"test\", which ends \
             before it; give `short` the scope \"module\", or `middle` the scope \"test\"",
            "m::b errored: fixture `long` of scope \"run\" cannot use a model, which belongs to one module and ends with it; \
             use `&Juju`, or give it the scope \"module\"",
            "m::c failed: not ready",
        ]
    );
}

#[test]
fn a_fixture_that_was_cut_off_is_not_tried_again() {
    struct Endless;

    #[charm_fixture(crate = "crate", scope = "module", teardown = never)]
    async fn endless() -> Endless {
        pending().await
    }
    fn never(_: &Endless) {
        unreachable!("there is no value");
    }

    let mut tests = module(&[asks!(Endless), asks!(Endless)]);
    tests[0].marks.timeout_ms = Some(20);
    let story = told(tests);
    assert_eq!(
        story.outcomes(),
        [
            "m::a timed_out: ran longer than 20ms",
            "m::b errored: fixture `endless` was not ready when its test was stopped\n  it was asked for by m::a and is made \
             only once",
        ]
    );
    assert_eq!(left(&story), Vec::<String>::new());
}

#[test]
fn each_attempt_has_values_of_its_own() {
    static LOG: Log = Log::new();
    struct Port;

    #[charm_fixture(crate = "crate", teardown = close)]
    fn port() -> Port {
        LOG.add("open");
        Port
    }
    fn close(_: &Port) {
        LOG.add("close");
    }
    let run: Run = |cx| {
        Box::pin(async move {
            <&Port>::from_context(cx).await?;
            match LOG.all().len() {
                1 => Err("too early")?,
                _ => Ok(()),
            }
        })
    };
    let mut tests = module(&[run]);
    tests[0].marks.retries = Some(1);
    let story = told(tests);
    assert_eq!(LOG.all(), ["open", "close", "open", "close"]);
    assert_eq!(story.exit_code, 0);
}

#[test]
fn a_tear_down_that_fails_fails_the_run_and_stops_no_other() {
    static LOG: Log = Log::new();
    struct Ends;
    struct Fails;
    struct Panics;

    #[charm_fixture(crate = "crate", scope = "module", teardown = end)]
    fn ends() -> Ends {
        Ends
    }
    #[charm_fixture(crate = "crate", scope = "module", teardown = fail)]
    fn fails() -> Fails {
        Fails
    }
    #[charm_fixture(crate = "crate", teardown = panic)]
    fn panics() -> Panics {
        Panics
    }
    fn end(_: &Ends) {
        LOG.add("end");
    }
    fn fail(_: &Fails) -> Result<(), std::num::ParseIntError> {
        "eighty".parse::<u16>().map(drop)
    }
    fn panic(_: &Panics) {
        panic!("no luck");
    }

    let run: Run = |cx| {
        Box::pin(async move {
            <&Ends>::from_context(cx).await?;
            <&Fails>::from_context(cx).await?;
            <&Panics>::from_context(cx).await?;
            cx.open().await.map(drop)
        })
    };
    let story = told(module(&[run]));
    assert_eq!(story.outcomes(), ["m::a passed"]);
    let left = left(&story);
    let expected = [
        "panics of test `m::a`: it panicked: no luck\n  at ",
        "fails of module `m`: invalid digit found in string",
    ];
    assert_eq!(left.len(), expected.len(), "{left:?}");
    for (left, expected) in left.iter().zip(expected) {
        assert!(left.starts_with(expected), "{left}");
    }
    assert_eq!(LOG.all(), ["end"]);
    assert_eq!(story.exit_code, 101);
    // What a fixture made in the model is ended before the model is.
    assert_eq!(
        story.steps()[5..],
        [
            "fixture_left",
            "test_finished m::a",
            "fixture_left",
            "model_destroyed fake:m",
            "module_finished m",
        ]
    );
}

#[test]
fn a_tear_down_that_hangs_is_left() {
    struct Hangs;
    struct Blocks;

    #[charm_fixture(crate = "crate", scope = "run", teardown = hang)]
    fn hangs() -> Hangs {
        Hangs
    }
    #[charm_fixture(crate = "crate", scope = "run", teardown = block)]
    fn blocks() -> Blocks {
        Blocks
    }
    async fn hang(_: &Hangs) {
        pending().await
    }
    fn block(_: &Blocks) {
        loop {
            std::thread::park();
        }
    }

    let limit = Duration::from_millis(50);
    let impatient = |stop_grace| Settings {
        teardown_timeout: limit,
        stop_grace,
        ..settings()
    };
    let long = Duration::from_secs(60);
    for (run, grace, expected) in [
        (
            asks!(Hangs),
            long,
            "hangs of the run: it took longer than 50ms (--teardown-timeout)",
        ),
        (
            asks!(Blocks),
            limit,
            "blocks of the run: it took longer than 50ms (--teardown-timeout) and still blocks its thread",
        ),
    ] {
        let story = tell(module(&[run]), impatient(grace), FakeWorld::default());
        assert_eq!(story.outcomes(), ["m::a passed"]);
        assert_eq!(left(&story), [expected]);
        assert_eq!(story.exit_code, 101);
    }
}
