//! One test on a thread of its own: its future need not be `Send`, and a test that blocks can be left behind.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::context::Context;
use super::flag::{Either, Flag, race};
use super::panics::{self, Panic, SourceRoot};
use crate::blocking::{Departure, belong_to_a_test};
use crate::failure::{Failure, Result};
use crate::registry::{BoxFuture, TestEntry};

/// How the body of a test ended.
#[derive(Debug)]
pub(super) enum BodyEnd {
    /// It returned.
    Returned(Result<(), Failure>),
    /// It panicked.
    Panicked(Panic),
    /// It was dropped because it was told to stop.
    Stopped,
}

/// What runs on a thread of its own.
pub(super) trait Work: Send + 'static {
    /// Does it.
    fn run(&self) -> BoxFuture<'_>;
}

struct TestBody {
    entry: &'static TestEntry,
    context: Context,
}

impl Work for TestBody {
    fn run(&self) -> BoxFuture<'_> {
        (self.entry.run)(&self.context)
    }
}

/// Starts a test. It is dropped at its next await or `block_on` once `stop` is set.
pub(super) fn start(
    entry: &'static TestEntry,
    context: Context,
    stop: Flag<()>,
    sources: Arc<SourceRoot>,
) -> io::Result<oneshot::Receiver<BodyEnd>> {
    let name = context.test_name().to_owned();
    start_work(&name, TestBody { entry, context }, stop, sources)
}

/// Starts any work. It is dropped at its next await once `stop` is set.
pub(super) fn start_work(
    name: &str,
    work: impl Work,
    stop: Flag<()>,
    sources: Arc<SourceRoot>,
) -> io::Result<oneshot::Receiver<BodyEnd>> {
    let (sender, receiver) = oneshot::channel();
    let runtime = Handle::current();
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            panics::record_on_this_thread(sources);
            belong_to_a_test(stop.clone());
            let body = || runtime.block_on(race(stop.wait(), async { work.run().await }));
            let end = match catch_unwind(AssertUnwindSafe(body)) {
                Ok(Either::First(())) => BodyEnd::Stopped,
                Ok(Either::Second(result)) => BodyEnd::Returned(result),
                Err(payload) => match Departure::from_payload(payload) {
                    Ok(Departure::Left(failure)) => BodyEnd::Returned(Err(failure)),
                    Ok(Departure::Stopped) => BodyEnd::Stopped,
                    Err(payload) => BodyEnd::Panicked(panics::take(payload.as_ref())),
                },
            };
            // The scheduler gave up on a test that comes this late.
            let _ = sender.send(end);
        })?;
    Ok(receiver)
}
