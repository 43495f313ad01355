//! An agent that fails is started again.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

use super::commit;
use super::output::{UnitLog, complain};
use super::processes::kill_by_environment;
use super::shared::{Shared, transact};
use super::worker::cancelled;
use crate::model::{LogLevel, ModelUuid, UnitName};

/// Runs what `start` makes to its end; when it panics, asks `repair` with the message whether to start again.
pub(super) async fn persist<W, R>(mut start: impl FnMut() -> W, mut repair: impl FnMut(String) -> R)
where
    W: Future<Output = ()> + Send + 'static,
    R: Future<Output = bool>,
{
    loop {
        let Err(error) = tokio::spawn(start()).await else {
            return;
        };
        let why = match error.try_into_panic() {
            Ok(panic) => message(panic.as_ref()).to_owned(),
            Err(_) => return,
        };
        if !repair(why).await {
            return;
        }
    }
}

/// Shows that the agent of a unit failed, ends what it was running, and waits as long as Juju does before it starts an agent again;
/// says whether to do so.
pub(super) async fn repair(
    shared: Arc<Shared>,
    model: ModelUuid,
    unit: UnitName,
    mut cancel: watch::Receiver<bool>,
    why: String,
) -> bool {
    complain(&format!("{unit}: the agent failed: {why}"));
    let running = shared
        .hub
        .model(&model)
        .and_then(|model| model.units.get(&unit)?.progress.running.clone());
    if let Some(running) = running {
        shared.contexts.close(&running.context);
        let ending = tokio::task::spawn_blocking(move || {
            kill_by_environment(&[("JUJU_CONTEXT_ID", &running.context)]);
        });
        // A panic there is in the daemon's log.
        let _ = ending.await;
    }
    let shown = transact(&shared.hub, &model, |model, now| {
        commit::fail_agent(model, &unit, now);
        Ok::<_, std::convert::Infallible>(())
    });
    if let Err(error) = shown {
        complain(&format!("{unit}: {error}"));
    }
    UnitLog::new(Arc::clone(&shared.hub), model, unit).write(
        LogLevel::Error,
        "juju.worker.uniter",
        format!("resolver loop error: {why}"),
    );
    tokio::select! {
        () = tokio::time::sleep(shared.hub.timing.killed_hook) => true,
        () = cancelled(&mut cancel) => false,
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_panics_starts_again_until_it_ends_or_nobody_wants_it() {
        for (panics, wanted, starts) in [(0, 9, 1), (2, 9, 3), (9, 1, 2)] {
            let started = Arc::new(AtomicU32::new(0));
            let counter = Arc::clone(&started);
            let mut repairs = 0;
            let start = || {
                let counter = Arc::clone(&counter);
                async move {
                    let count = counter.fetch_add(1, Ordering::Relaxed);
                    assert!(count >= panics, "panic {count}");
                }
            };
            persist(start, |why| {
                assert_eq!(why, format!("panic {repairs}"));
                repairs += 1;
                let again = repairs <= wanted;
                async move { again }
            })
            .await;
            assert_eq!(started.load(Ordering::Relaxed), starts);
        }
    }
}
