//! The agent of one unit: looks what is next, does it, commits it, and waits when there is nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, watch};

use super::commit;
use super::output::{UnitLog, complain};
use super::resolver::{self, Step};
use super::shared::{Shared, transact};
use crate::model::changes::storage::release;
use crate::model::changes::{Haste, destroy_subordinates, destroy_unit, remove_unit_record};
use crate::model::{Model, ModelUuid, Task, Transact, UnitName};

/// How long a step that the disk refused waits before it is committed again.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// The agent of one unit.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) model: ModelUuid,
    pub(super) unit: UnitName,
    /// Changes with every commit that may concern this unit.
    pub(super) concern: watch::Receiver<()>,
    pub(super) cancel: watch::Receiver<bool>,
    pub(super) log: UnitLog,
}

/// What holds others back while a step runs.
pub(super) struct Turn {
    _machine: Option<OwnedMutexGuard<()>>,
    /// Given back when a hook takes long, see [`super::process`].
    pub(super) slot: Option<OwnedSemaphorePermit>,
}

impl Worker {
    /// Makes the agent of a unit; `concern` changes with every commit that may concern it, `cancel` turns true when it has to stop.
    pub(super) fn new(
        shared: Arc<Shared>,
        model: ModelUuid,
        unit: UnitName,
        concern: watch::Receiver<()>,
        cancel: watch::Receiver<bool>,
    ) -> Self {
        let log = UnitLog::new(Arc::clone(&shared.hub), model.clone(), unit.clone());
        Self {
            shared,
            model,
            unit,
            concern,
            cancel,
            log,
        }
    }

    /// Works until the unit is gone or the agent is told to stop.
    pub(super) async fn run(mut self) {
        while !*self.cancel.borrow() {
            // Before the look: what comes after this is news.
            self.concern.mark_unchanged();
            let Some((model, step)) = self.look() else {
                return;
            };
            match step {
                Step::Wait { until } => {
                    if self.settle(&model).await {
                        continue;
                    }
                    // Whoever waits keeps no model: a thousand agents would keep as many of them, with all that was in them.
                    drop(model);
                    if !self.wait(until).await {
                        return;
                    }
                }
                step if needs_turn(&step) => {
                    let wanted = self.wanted_turn(&model, &step);
                    drop(model);
                    let Some(turn) = self.take_turn(wanted).await else {
                        return;
                    };
                    // Much may have happened while this unit waited for its turn.
                    let Some((model, step)) = self.look() else {
                        return;
                    };
                    if needs_turn(&step) {
                        self.act(&model, step, turn).await;
                    }
                }
                Step::EnterScopes => self.commit(commit::enter_scopes).await,
                Step::DestroySubordinates => self.commit(destroy_subordinates).await,
                Step::Destroy => {
                    self.commit(|model, unit, now| destroy_unit(model, unit, Haste::Orderly, now))
                        .await
                }
                Step::LeaveScope(id) => {
                    self.commit(|model, unit, _| commit::leave_scope(model, unit, id))
                        .await
                }
                Step::ProvisionStorage(ids) => self.provision_storage(ids).await,
                Step::DropStorage(id) => {
                    self.commit(|model, _, now| release(model, &id, now)).await
                }
                Step::SkipFailed(hook) => {
                    self.commit(|model, unit, now| commit::skip_failed(model, unit, &hook, now))
                        .await
                }
                _ => self.commit(remove_unit_record).await,
            }
        }
    }

    fn look(&self) -> Option<(Arc<Model>, Step)> {
        let model = self.shared.hub.model(&self.model)?;
        let step = resolver::next(
            &model,
            model.units.get(&self.unit)?,
            self.shared.hub.moment(),
        );
        Some((model, step))
    }

    /// Shows that nothing is to be done; says whether that was news.
    async fn settle(&mut self, model: &Model) -> bool {
        let news = model
            .units
            .get(&self.unit)
            .is_some_and(commit::is_unsettled);
        if news {
            self.commit(commit::settle).await;
        }
        news
    }

    /// Waits until something concerns this unit, or until that moment; says whether to go on.
    async fn wait(&mut self, until: Option<Timestamp>) -> bool {
        let now = self.shared.hub.now();
        let delay = until.map(|at| {
            at.duration_since(now)
                .max(SignedDuration::ZERO)
                .unsigned_abs()
        });
        let timer = async {
            match delay {
                // A little late rather than early, so that the look afterwards finds it due.
                Some(delay) => tokio::time::sleep(delay + Duration::from_millis(1)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // It has an end when nobody follows this unit any more, and then the agent is told to stop.
            Ok(()) = self.concern.changed() => true,
            () = timer => true,
            () = cancelled(&mut self.cancel) => false,
        }
    }

    /// Returns the machine that a step runs on and its execution group there, see [`group`].
    fn wanted_turn(&self, model: &Model, step: &Step) -> Option<(String, Option<String>)> {
        let machine = model.units.get(&self.unit)?.machine.clone();
        Some((machine, group(model, step)))
    }

    /// Waits for the machine and for a slot; `None` when the agent has to stop.
    async fn take_turn(&mut self, wanted: Option<(String, Option<String>)>) -> Option<Turn> {
        let (machine, group) = wanted?;
        let shared = Arc::clone(&self.shared);
        let uuid = self.model.clone();
        let turn = async move {
            let machine = match group {
                Some(group) => Some(shared.lock_machine(&uuid, &machine, &group).await),
                None => None,
            };
            let slot = Arc::clone(&shared.slots).acquire_owned().await.ok();
            Turn {
                _machine: machine,
                slot,
            }
        };
        tokio::select! {
            turn = turn => Some(turn),
            () = cancelled(&mut self.cancel) => None,
        }
    }

    async fn act(&mut self, model: &Model, step: Step, turn: Turn) {
        if model.units.get(&self.unit).is_some_and(commit::is_new) {
            self.commit(commit::take_up).await;
        }
        match step {
            Step::Unpack => self.unpack(model).await,
            Step::Run(hook) | Step::Retry(hook) => self.run_hook(hook, turn).await,
            Step::Action(task) => self.run_task(task, turn).await,
            _ => {}
        }
    }

    /// Commits what cannot be refused.
    pub(super) async fn commit(&mut self, change: impl Fn(&mut Model, &UnitName, Timestamp)) {
        let Ok(()) = self
            .try_commit::<Infallible>(|model, unit, now| {
                change(model, unit, now);
                Ok(())
            })
            .await;
    }

    /// Commits; a disk that refuses is asked again until it takes it or the agent stops, so that a hook is neither lost nor repeated.
    pub(super) async fn try_commit<E>(
        &mut self,
        change: impl Fn(&mut Model, &UnitName, Timestamp) -> Result<(), E>,
    ) -> Result<(), E> {
        let hub = Arc::clone(&self.shared.hub);
        loop {
            match transact(&hub, &self.model, |model, now| {
                change(model, &self.unit, now)
            }) {
                Ok(()) => return Ok(()),
                Err(Transact::Rejected(error)) => return Err(error),
                Err(Transact::Store(error)) => {
                    complain(&format!("{}: {error}; trying again", self.unit))
                }
            }
            self.pause(STORE_RETRY).await;
            if *self.cancel.borrow() {
                return Ok(());
            }
        }
    }

    /// Waits, but not longer than the agent is wanted.
    pub(super) async fn pause(&mut self, delay: Duration) {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = cancelled(&mut self.cancel) => {}
        }
    }
}

/// Says whether the step runs something, so that it needs the machine and a slot.
fn needs_turn(step: &Step) -> bool {
    matches!(
        step,
        Step::Run(_) | Step::Retry(_) | Step::Action(_) | Step::Unpack
    )
}

/// Returns the execution group in which only one step at a time runs on a machine, `""` for hooks; `None` when the step waits for
/// nobody: for commands, and for actions that are parallel and in no group (Juju 3.6).
fn group(model: &Model, step: &Step) -> Option<String> {
    let Step::Action(id) = step else {
        return Some(String::new());
    };
    let task = model.tasks.get(id)?;
    if task.action == Task::EXEC {
        return None;
    }
    let declared = task
        .receiver
        .unit()
        .and_then(|unit| model.charm_of(unit.application()))
        .and_then(|row| row.charm.actions.0.get(&task.action));
    match declared {
        Some(action) if !action.execution_group.is_empty() => Some(action.execution_group.clone()),
        Some(action) if action.parallel => None,
        _ => Some(String::new()),
    }
}

/// Waits until the agent is told to stop.
pub(super) async fn cancelled(cancel: &mut watch::Receiver<bool>) {
    // The sender is dropped with the agents: that is an end as well.
    let _ = cancel.wait_for(|cancelled| *cancelled).await;
}

#[cfg(test)]
mod tests {
    use super::super::hook::Hook;
    use super::super::simulation::Simulation;
    use super::*;

    #[test]
    fn who_waits_for_whom() {
        let mut sim = Simulation::new();
        sim.deploy("srv", "", 1);
        let row = sim.model.charms.get_mut("local:srv-0").unwrap();
        let mut charm = (*row.charm).clone();
        charm.actions = charmtest_charm::Actions::parse(
            "actions.yaml",
            "plain: {}\nbeside: {parallel: true}\nqueue: {parallel: true, execution-group: db}\nline: {execution-group: db}\n",
        )
        .unwrap();
        row.charm = Arc::new(charm);
        for (action, expected) in [
            ("plain", Some("")),
            ("beside", None),
            ("queue", Some("db")),
            ("line", Some("db")),
            (Task::EXEC, None),
        ] {
            let id = sim.queue_task("srv/0");
            sim.model
                .tasks
                .update(id, |task| task.action = action.to_owned());
            assert_eq!(
                group(&sim.model, &Step::Action(id)).as_deref(),
                expected,
                "{action}"
            );
        }
        let hook = Step::Run(Hook::Start);
        assert_eq!(group(&sim.model, &hook).as_deref(), Some(""));
    }
}
