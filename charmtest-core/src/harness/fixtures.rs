//! Fixtures at work: made on the thread of the test that asks, torn down at the end of their scope.

use std::any::TypeId;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::timeout;

use super::context::Context;
use super::duration::format_duration;
use super::event::Event;
use super::flag::{Either, Flag, race};
use super::panics::{self, Panic};
use super::run_state::RunState;
use super::test_thread::{self, BodyEnd, Work};
use crate::blocking::Departure;
use crate::failure::{Failure, FailureKind, Result};
use crate::fixture::{
    Fixture, FixtureCache, FixtureDefinition, Made, Needs, Refusal, Scope, Value,
};
use crate::registry::BoxFuture;

/// A fixture that is being made: one step of the way from a test to what it asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    key: TypeId,
    pub(super) definition: FixtureDefinition,
}

impl Context {
    /// Returns the value of a fixture, making it if this is the first time that it is asked for in its scope.
    pub(crate) async fn fixture<T: Fixture>(&self) -> Result<&T> {
        let step = Step {
            key: TypeId::of::<T>(),
            definition: T::DEFINITION,
        };
        check(self.steps(), step)?;
        let scope = T::DEFINITION.scope;
        if scope == Scope::Run {
            self.check_announced(step);
        }
        let cache = self.fixtures(scope);
        let is_ours = |step: &Step| step.definition.scope == scope;
        // It may take long and is nobody's fault: that is bounded by the time that it has of its own.
        let _paused = (scope == Scope::Process).then(|| self.progress().pause());
        let _turn = match scope == Scope::Process || self.steps().iter().any(is_ours) {
            true => None,
            false => {
                // Another module may be making it: that is bounded by the time of its test, not of this one.
                let _paused = self.progress().pause();
                Some(cache.turn().await)
            }
        };
        let make = self.make::<T>(step, cache);
        cache.slot::<T>().get_or_make(self.test_name(), make).await
    }

    /// Warns if modules in other processes may have a value of their own of a fixture of the run, because what the test says of
    /// itself does not name it.
    fn check_announced(&self, step: Step) {
        let run = self.module().run();
        if run.settings.one_of_several && !Needs::of(self.entry()).contains(step.key) {
            let (fixture, test) = (step.definition.name, self.test_name());
            run.warn_once(format!(
                "fixture `{fixture}` of scope \"run\" may be made in other processes too: `{test}` asks for it through a `FromContext` \
                 that does not name it in `needs`"
            ));
        }
    }

    async fn make<T: Fixture>(
        &self,
        step: Step,
        cache: &FixtureCache,
    ) -> std::result::Result<Value, Refusal> {
        let context = self.for_fixture(step);
        let value = unwinding(T::DEFINITION.name, T::make(&context)).await?;
        cache.note_made::<T>();
        Ok(Box::new(value))
    }
}

/// Checks whether what `steps` lead to may ask for the fixture `next`.
fn check(steps: &[Step], next: Step) -> Result<()> {
    let name = next.definition.name;
    if let Some(first) = steps.iter().position(|step| step.key == next.key) {
        let way: String = steps[first..]
            .iter()
            .map(|step| format!("`{}` -> ", step.definition.name))
            .collect();
        return Err(Failure::setup(format!(
            "fixture `{name}` needs itself: {way}`{name}`; break the circle"
        )));
    }
    let scope = next.definition.scope;
    if let Some(user) = steps.iter().rfind(|step| step.definition.scope > scope) {
        let user = user.definition;
        let (longer, shorter) = (user.scope.name(), scope.name());
        return Err(Failure::setup(format!(
            "fixture `{}` of scope \"{longer}\" cannot use fixture `{name}` of scope \"{shorter}\", which ends before it; \
             give `{name}` the scope \"{longer}\", or `{}` the scope \"{shorter}\"",
            user.name, user.name
        )));
    }
    Ok(())
}

/// Waits for what a fixture's function gives. A panic in it is a failure of the fixture, and leaving the test in it is what
/// it returns.
async fn unwinding<T>(fixture: &str, future: impl Future<Output = Result<T>>) -> Result<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let poll = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        poll.unwrap_or_else(|payload| match Departure::from_payload(payload) {
            Ok(Departure::Left(failure)) => Poll::Ready(Err(failure.of_fixture(fixture))),
            Ok(stopped @ Departure::Stopped) => resume_unwind(Box::new(stopped)),
            Err(payload) => {
                let Panic { message, location } = panics::take(payload.as_ref());
                let at = location.map_or_else(String::new, |at| format!("\n  at {at}"));
                Poll::Ready(Err(Failure::setup(format!(
                    "fixture `{fixture}` panicked: {message}{at}"
                ))))
            }
        })
    })
    .await
}

/// Ends the values of a scope, the newest first; never fails, never hangs. What could not be ended is reported, and `of` says
/// whose it was: ``module `web` ``.
pub(super) async fn tear_down(cache: &Arc<FixtureCache>, run: &RunState, of: &str) {
    while let Some(made) = cache.take_newest() {
        if let Err(why) = end(cache, made, run).await {
            run.emit(Event::FixtureLeft {
                fixture: made.definition.name.to_owned(),
                of: of.to_owned(),
                why,
            });
        }
    }
}

async fn end(
    cache: &Arc<FixtureCache>,
    made: Made,
    run: &RunState,
) -> std::result::Result<(), String> {
    let settings = &run.settings;
    let stop = Flag::new();
    let work = TearDown {
        cache: Arc::clone(cache),
        made,
    };
    let sources = Arc::clone(&settings.sources);
    let mut thread = test_thread::start_work(made.definition.name, work, stop.clone(), sources)
        .map_err(|error| format!("no thread could be started for its tear-down: {error}"))?;
    let limit = tokio::time::sleep(settings.teardown_timeout);
    match race(&mut thread, limit).await {
        Either::First(Ok(BodyEnd::Returned(Ok(())))) => Ok(()),
        Either::First(Ok(BodyEnd::Returned(Err(failure)))) => Err(match failure.location() {
            Some(at) => format!("{}\n  at {at}", failure.full_text()),
            None => failure.full_text(),
        }),
        Either::First(Ok(BodyEnd::Panicked(panic))) => Err(match panic.location {
            Some(at) => format!("it panicked: {}\n  at {at}", panic.message),
            None => format!("it panicked: {}", panic.message),
        }),
        Either::First(Ok(BodyEnd::Stopped) | Err(_)) => {
            Err("the thread of its tear-down is lost".to_owned())
        }
        Either::Second(()) => {
            stop.set(());
            let blocks = timeout(settings.stop_grace, thread).await.is_err();
            let limit = format_duration(settings.teardown_timeout);
            Err(match blocks {
                false => format!("it took longer than {limit} (--teardown-timeout)"),
                true => format!(
                    "it took longer than {limit} (--teardown-timeout) and still blocks its thread"
                ),
            })
        }
    }
}

struct TearDown {
    cache: Arc<FixtureCache>,
    made: Made,
}

impl Work for TearDown {
    fn run(&self) -> BoxFuture<'_> {
        self.cache.tear_down(self.made)
    }
}

/// Returns the failure that tells a fixture of scope "run" that a module's model is not for it.
pub(super) fn no_model_for(steps: &[Step]) -> Option<Failure> {
    let is_run = |step: &&Step| step.definition.scope == Scope::Run;
    let fixture = steps.iter().find(is_run)?.definition.name;
    Some(Failure::of_kind(
        FailureKind::Errored,
        format!(
            "fixture `{fixture}` of scope \"run\" cannot use a model, which belongs to one module and ends with it; use `&Juju`, or \
             give it the scope \"module\""
        ),
    ))
}
