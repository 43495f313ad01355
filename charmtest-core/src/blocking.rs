//! Waiting in a test that is not `async`, and leaving a test from wherever it is.

use std::any::Any;
use std::cell::RefCell;
use std::future::IntoFuture;
use std::panic::resume_unwind;
use std::thread;

use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::failure::{Ending, Failure};
use crate::harness::{Either, Flag, race};

thread_local! {
    /// What tells the test of this thread to stop; `None` on any other thread.
    static STOP: RefCell<Option<Flag<()>>> = const { RefCell::new(None) };
}

/// The blocking form of everything that can be awaited: what makes a test that is not `async` as able as one that is.
///
/// ```no_run
/// use charmtest::prelude::*;
///
/// #[charm_test]
/// fn deploys(ops: &OpsTest, model: &Model) -> Result {
///     let charm = ops.build_charm("charm").block_on()?;
///     model.deploy(charm).name("web").block_on()?;
///     model.wait_for_idle().apps(["web"]).status("active").block_on()?;
///     assert!(model.status().block_on()?.app("web").is_some());
///     Ok(())
/// }
/// # fn main() {}
/// ```
///
/// Several things at once are one future: `async { tokio::try_join!(..) }.block_on()`.
///
/// A test that runs out of time or is interrupted stops in the `block_on` that it is in, or at the next one.
pub trait Blocking: IntoFuture + Sized {
    /// Waits for the output, blocking the thread of the test.
    ///
    /// # Panics
    ///
    /// If it is called outside of a charm test, as on a thread that the test started: it needs the harness's runtime.
    #[track_caller]
    fn block_on(self) -> Self::Output {
        block_on(self)
    }
}

impl<F: IntoFuture> Blocking for F {}

/// Waits for a future on this thread, until the test that runs here is told to stop.
#[track_caller]
pub(crate) fn block_on<F: IntoFuture>(future: F) -> F::Output {
    let Ok(runtime) = Handle::try_current() else {
        panic!(
            "`block_on` needs the runtime of the harness, which is on the thread of a charm test and in the tasks that it \
             spawns, and not on threads of its own"
        );
    };
    // A destructor that waits while the test unwinds already cannot unwind once more.
    let stop = STOP
        .with_borrow(Clone::clone)
        .filter(|_| !thread::panicking());
    let Some(stop) = stop else {
        return block_in_place(|| runtime.block_on(future.into_future()));
    };
    let either = block_in_place(|| runtime.block_on(race(stop.wait(), future.into_future())));
    match either {
        Either::First(()) => resume_unwind(Box::new(Departure::Stopped)),
        Either::Second(output) => output,
    }
}

/// Ends the test that runs on this thread, however deep in it this is called.
///
/// Elsewhere, as in a task that the test spawned, it is a panic with the same message.
#[track_caller]
pub(crate) fn leave(ending: Ending) -> ! {
    if STOP.with_borrow(Option::is_none) {
        panic!("{ending}");
    }
    // It unwinds as a panic does, but it is none: no panic hook hears of it.
    resume_unwind(Box::new(Departure::Left(Failure::from(ending))))
}

/// What unwinding brings when it is no panic.
pub(crate) enum Departure {
    /// The test left.
    Left(Failure),
    /// The test was told to stop and did so in a `block_on`.
    Stopped,
}

impl Departure {
    /// Returns why the test unwound, or what it panicked with.
    pub(crate) fn from_payload(payload: Box<dyn Any + Send>) -> Result<Self, Box<dyn Any + Send>> {
        payload.downcast().map(|departure| *departure)
    }
}

/// Makes this thread the one of a test.
pub(crate) fn belong_to_a_test(stop: Flag<()>) {
    STOP.set(Some(stop));
}
