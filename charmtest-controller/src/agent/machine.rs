//! The agents of machines: they run commands (`juju exec --machine`) and clean up after machines that are gone.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::action::task_end;
use super::cleaner::Gone;
use super::commit::TaskEnd;
use super::context::ActionContext;
use super::environment::command_environment;
use super::output::{Stream, complain};
use super::process::{self, Exit, Interrupt, Job, Script};
use super::processes::{
    MACHINE_VARIABLE, TASK_VARIABLE, kill_by_environment, machine_mark, task_mark,
};
use super::shared::{Shared, transact};
use crate::model::changes::forget_excess;
use crate::model::{Hub, Model, ModelUuid, Task, TaskId, TaskReceiver, TaskStatus};

/// The commands that run on machines right now.
pub(super) struct Machines {
    shared: Arc<Shared>,
    clean: mpsc::UnboundedSender<Gone>,
    running: HashSet<(ModelUuid, TaskId)>,
    tasks: JoinSet<(ModelUuid, TaskId)>,
    stop: watch::Sender<bool>,
}

impl Machines {
    /// Makes the agents of no machine.
    ///
    /// Machines that are gone are put into `clean`.
    pub(super) fn new(shared: Arc<Shared>, clean: mpsc::UnboundedSender<Gone>) -> Self {
        Self {
            shared,
            clean,
            running: HashSet::new(),
            tasks: JoinSet::new(),
            stop: watch::Sender::new(false),
        }
    }

    /// Ends commands that an earlier daemon left running; their tasks fail, as in Juju when an agent starts anew.
    pub(super) fn recover(hub: &Hub, uuid: &ModelUuid, model: &Model) {
        let left: Vec<TaskId> = model
            .tasks
            .values()
            .filter(|task| matches!(task.status, TaskStatus::Running | TaskStatus::Aborting))
            .filter(|task| task.receiver.machine().is_some())
            .map(|task| task.id)
            .collect();
        for id in left {
            kill_by_environment(&[(TASK_VARIABLE, &task_mark(uuid, id))]);
            finish(
                hub,
                uuid,
                id,
                &TaskEnd::without_results(TaskStatus::Failed, "action terminated"),
            );
        }
    }

    /// Takes up a commit: starts the commands among `tasks` that wait, and cleans up after those of `machines` that are gone.
    pub(super) fn follow(&mut self, uuid: &ModelUuid, tasks: &[TaskId], machines: &[String]) {
        while let Some(Ok(ended)) = self.tasks.try_join_next() {
            self.running.remove(&ended);
        }
        let model = self.shared.hub.model(uuid);
        let is_gone = |id: &&String| {
            let there = model.as_ref().map(|model| model.machines.contains(*id));
            !there.unwrap_or_default()
        };
        for id in machines.iter().filter(is_gone) {
            // Nobody is left to clean up for once the daemon ends.
            let _ = self.clean.send(Gone::Machine(uuid.clone(), id.clone()));
        }
        let Some(model) = model else { return };
        for id in tasks {
            let waits = model.tasks.get(id).is_some_and(|task| {
                task.status == TaskStatus::Pending && task.receiver.machine().is_some()
            });
            let key = (uuid.clone(), *id);
            if waits && self.running.insert(key.clone()) {
                let (shared, stop) = (Arc::clone(&self.shared), self.stop.subscribe());
                self.tasks.spawn(async move {
                    run(&shared, &key.0, key.1, stop).await;
                    key
                });
            }
        }
    }

    /// Ends all commands; what ran fails with the next daemon.
    pub(super) async fn stop(&mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Runs a command on a machine and commits what came of it.
async fn run(shared: &Shared, uuid: &ModelUuid, id: TaskId, mut stop: watch::Receiver<bool>) {
    let hub = &shared.hub;
    let begun = transact(hub, uuid, |model, now| {
        let begun = model.tasks.update(id, |task| {
            let waits = task.status == TaskStatus::Pending;
            if waits {
                task.status = TaskStatus::Running;
                task.started = Some(now);
            }
            waits
        });
        match begun {
            Some(true) => Ok(()),
            _ => Err(()),
        }
    });
    if begun.is_err() {
        return;
    }
    let Some(model) = hub.model(uuid) else { return };
    let Some(task) = model.tasks.get(&id) else {
        return;
    };
    let TaskReceiver::Machine(machine) = &task.receiver else {
        return;
    };
    let home = hub.data.machine(uuid, machine);
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&home);
    let exit = match made {
        Err(error) => (Exit::NotStarted(error), Vec::new(), Vec::new()),
        Ok(()) => {
            let text = |key: &str| task.params.get(key).and_then(Value::as_str);
            let mut env: BTreeMap<String, String> = command_environment(&model, &hub.data);
            env.insert(TASK_VARIABLE.to_owned(), task_mark(uuid, id));
            env.insert(MACHINE_VARIABLE.to_owned(), machine_mark(uuid, machine));
            let job = Job {
                script: Script::Shell(text("command").unwrap_or_default().to_owned()),
                dir: home,
                env,
                drain: hub.timing.drain,
                slot: None,
            };
            let (mut stdout, mut stderr) = (Stream::silent(), Stream::silent());
            let interrupt = interrupt(hub, uuid, task, &mut stop);
            let exit = process::run(job, &mut stdout, &mut stderr, interrupt).await;
            (exit, stdout.finish(), stderr.finish())
        }
    };
    let (exit, stdout, stderr) = exit;
    if matches!(exit, Exit::Interrupted(Interrupt::Stop)) {
        return;
    }
    let action = ActionContext {
        task: id,
        name: Task::EXEC.to_owned(),
        ..ActionContext::default()
    };
    finish(hub, uuid, id, &task_end(&action, &exit, &stdout, &stderr));
}

fn finish(hub: &Hub, uuid: &ModelUuid, id: TaskId, end: &TaskEnd) {
    let done = transact(hub, uuid, |model, now| {
        model.tasks.update(id, |task| {
            task.status = end.status;
            task.message.clone_from(&end.message);
            task.results.clone_from(&end.results);
            task.completed = Some(now);
        });
        forget_excess(model, now);
        Ok::<_, std::convert::Infallible>(())
    });
    if let Err(error) = done {
        complain(&format!("task {id}: {error}"));
    }
}

/// Ends when the daemon stops, the task is cancelled, its machine goes, or it has taken its time.
async fn interrupt(
    hub: &Hub,
    uuid: &ModelUuid,
    task: &Task,
    stop: &mut watch::Receiver<bool>,
) -> Interrupt {
    let mut states = hub.watch();
    let aborted = states.wait_for(|state| {
        let model = state.models.get(uuid);
        let task = model.and_then(|model| model.tasks.get(&task.id));
        task.is_none_or(|task| task.status == TaskStatus::Aborting)
            || model.is_none_or(|model| {
                task.and_then(|task| task.receiver.machine())
                    .is_none_or(|id| !model.machines.contains(id))
            })
    });
    let limit = task.params.get("timeout").and_then(Value::as_u64);
    let timer = async {
        match limit {
            Some(nanoseconds @ 1..) => tokio::time::sleep(Duration::from_nanos(nanoseconds)).await,
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => Interrupt::Stop,
        _ = aborted => Interrupt::Abort,
        () = timer => Interrupt::TimedOut,
    }
}
