//! Cleaning up after units and machines that are gone, as many as there are at a time.
//!
//! Finding the processes that somebody left behind takes a look at all processes of the host. When a thousand units go, that is done
//! for all that have gone meanwhile together, and by one thread: the host has other things to do.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::processes::{Environment, MACHINE_VARIABLE, kill_where, machine_mark};
use super::shared::remove_dir;
use crate::model::{Hub, ModelUuid, UnitName};

/// The most that is cleaned up together, so that the first need not wait for the last.
const BATCH: usize = 512;

/// What has left something behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gone {
    /// A unit whose agent has ended: its processes and its directory.
    Unit(ModelUuid, UnitName),
    /// A machine: its processes and its directory.
    Machine(ModelUuid, String),
}

/// Cleans up in the background.
#[derive(Debug)]
pub(super) struct Cleaner {
    queue: mpsc::UnboundedSender<Gone>,
    running: JoinHandle<()>,
}

impl Cleaner {
    /// Makes one that has nothing to do.
    pub(super) fn start(hub: Arc<Hub>) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        Self {
            queue,
            running: tokio::spawn(work(hub, waiting)),
        }
    }

    /// Returns where to put what is gone.
    pub(super) fn queue(&self) -> mpsc::UnboundedSender<Gone> {
        self.queue.clone()
    }

    /// Waits until everything is clean, also what others that hold the queue still put there.
    pub(super) async fn finish(self) {
        drop(self.queue);
        // A panic there is in the daemon's log.
        let _ = self.running.await;
    }
}

async fn work(hub: Arc<Hub>, mut waiting: mpsc::UnboundedReceiver<Gone>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let (hub, gone) = (Arc::clone(&hub), std::mem::take(&mut batch));
        // A panic there is in the daemon's log; the next ones are cleaned up all the same.
        let _ = tokio::task::spawn_blocking(move || clean_up(&hub, &gone)).await;
    }
}

/// Ends what is left running, then removes the directories; with a model that is gone, all of it.
///
/// It reads `/proc` and deletes files: call it where blocking is allowed.
pub(super) fn clean_up(hub: &Hub, gone: &[Gone]) {
    let mut units = HashSet::new();
    let mut machines = HashSet::new();
    for one in gone {
        match one {
            Gone::Unit(model, unit) => drop(units.insert((model.0.as_str(), unit.as_str()))),
            Gone::Machine(model, id) => drop(machines.insert(machine_mark(model, id))),
        }
    }
    let of_unit = |environment: &Environment| {
        let mut models = environment.values("JUJU_MODEL_UUID");
        models.any(|model| {
            environment
                .values("JUJU_UNIT_NAME")
                .any(|unit| units.contains(&(model, unit)))
        })
    };
    let of_machine = |environment: &Environment| {
        let mut marks = environment.values(MACHINE_VARIABLE);
        marks.any(|mark| machines.contains(mark))
    };
    kill_where(|environment| of_unit(environment) || of_machine(environment));
    let mut models = HashSet::new();
    for one in gone {
        let (model, dir) = match one {
            Gone::Unit(model, unit) => (model, hub.data.agent(model, unit)),
            Gone::Machine(model, id) => (model, hub.data.machine(model, id)),
        };
        remove_dir(&dir);
        models.insert(model);
    }
    for model in models {
        if hub.model(model).is_none() {
            remove_dir(&hub.data.model(model));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::model::{Clock, TimeScale, Timing};
    use crate::paths::DataDir;

    fn sleeper(variables: &[(&str, &str)]) -> Child {
        Command::new("sleep")
            .arg("600")
            .env_clear()
            .envs(variables.iter().copied())
            .spawn()
            .unwrap()
    }

    #[test]
    fn what_is_gone_together_is_cleaned_up_together_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        let (hub, _touched) =
            Hub::open(data, Clock::System, Timing::scaled(TimeScale::default())).unwrap();
        let model = ModelUuid(crate::model::random_uuid());
        let unit = |name: &str| UnitName::parse(name).unwrap();
        let mark = |id: &str| machine_mark(&model, id);
        let hook = |unit| sleeper(&[("JUJU_UNIT_NAME", unit), ("JUJU_MODEL_UUID", &model.0)]);
        let mut ended = [
            hook("a/0"),
            hook("a/1"),
            sleeper(&[(MACHINE_VARIABLE, &mark("0"))]),
        ];
        let mut left = [
            hook("a/2"),
            sleeper(&[("JUJU_UNIT_NAME", "a/0"), ("JUJU_MODEL_UUID", "other")]),
            sleeper(&[(MACHINE_VARIABLE, &mark("1"))]),
        ];
        let dirs = [
            (hub.data.agent(&model, &unit("a/0")), false),
            (hub.data.machine(&model, "0"), false),
            (hub.data.root().join("models"), true),
        ];
        for (dir, _) in &dirs {
            std::fs::create_dir_all(dir).unwrap();
        }
        let gone = [
            Gone::Unit(model.clone(), unit("a/0")),
            Gone::Unit(model.clone(), unit("a/1")),
            Gone::Machine(model.clone(), "0".to_owned()),
        ];
        clean_up(&hub, &gone);
        for child in &mut ended {
            assert!(!child.wait().unwrap().success());
        }
        for child in &mut left {
            assert!(child.try_wait().unwrap().is_none(), "{child:?}");
            child.kill().unwrap();
            child.wait().unwrap();
        }
        for (dir, stays) in dirs {
            assert_eq!(dir.exists(), stays, "{}", dir.display());
        }
    }
}
