//! Who starts agents, wakes them, and cleans up after them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::cleaner::{Cleaner, Gone, clean_up};
use super::commit;
use super::machine::Machines;
use super::persist::{persist, repair};
use super::processes::kill_by_environment;
use super::shared::{Shared, remove_dir, transact};
use super::tidy::needs_tidying;
use super::worker::Worker;
use crate::model::{Hub, Model, ModelUuid, State, Touched, TouchedModel, UnitName};

/// Runs the agents of all units.
pub(super) struct Supervisor {
    shared: Arc<Shared>,
    touched: mpsc::UnboundedReceiver<Touched>,
    stopped: watch::Receiver<bool>,
    workers: HashMap<(ModelUuid, UnitName), Handle>,
    cleaning: JoinSet<()>,
    cleaner: Cleaner,
    machines: Machines,
}

struct Handle {
    concern: watch::Sender<()>,
    cancel: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Supervisor {
    pub(super) fn new(
        shared: Arc<Shared>,
        touched: mpsc::UnboundedReceiver<Touched>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let cleaner = Cleaner::start(Arc::clone(&shared.hub));
        let machines = Machines::new(Arc::clone(&shared), cleaner.queue());
        Self {
            shared,
            touched,
            stopped,
            workers: HashMap::new(),
            cleaning: JoinSet::new(),
            cleaner,
            machines,
        }
    }

    /// Takes up the units of `state`, then follows what commits touch, until it is told to stop.
    pub(super) async fn run(mut self, state: Arc<State>) {
        let hub = Arc::clone(&self.shared.hub);
        let found = Arc::clone(&state);
        // A panic there is in the daemon's log; the agents start regardless.
        let _ = tokio::task::spawn_blocking(move || recover(&hub, &found)).await;
        for (uuid, model) in &state.models {
            for unit in model.units.keys() {
                self.start(uuid, unit);
            }
            let tasks: Vec<_> = model.tasks.keys().copied().collect();
            self.machines.follow(uuid, &tasks, &[]);
            self.tidy(uuid);
        }
        while let Some(touched) = self.next_touched().await {
            for model in &touched.models {
                self.follow(model);
            }
        }
        // What was committed until now still counts: a unit that was removed a moment ago is cleaned up.
        self.touched.close();
        while let Some(touched) = self.touched.recv().await {
            for model in &touched.models {
                self.follow(model);
            }
        }
        self.machines.stop().await;
        let running: Vec<JoinHandle<()>> = self
            .workers
            .drain()
            .map(|(_, handle)| {
                handle.cancel.send_replace(true);
                handle.running
            })
            .collect();
        for worker in running {
            let _ = worker.await;
        }
        while self.cleaning.join_next().await.is_some() {}
        drop(self.machines);
        self.cleaner.finish().await;
    }

    /// Waits for the next commit; `None` when it is time to stop.
    async fn next_touched(&mut self) -> Option<Touched> {
        let Self {
            stopped,
            touched,
            cleaning,
            ..
        } = self;
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return None,
                touched = touched.recv() => return touched,
                Some(_) = cleaning.join_next() => {}
            }
        }
    }

    /// Does what a commit asks for: starts, wakes and ends agents.
    fn follow(&mut self, touched: &TouchedModel) {
        self.machines
            .follow(&touched.uuid, &touched.tasks, &touched.machines);
        let Some(model) = self.shared.hub.model(&touched.uuid) else {
            return self.end_model(&touched.uuid);
        };
        for unit in &touched.units {
            if model.units.contains(unit) {
                self.start(&touched.uuid, unit);
            } else {
                self.end(&touched.uuid, unit);
            }
        }
        for id in touched
            .storage
            .iter()
            .filter(|id| !model.storage.contains(*id))
        {
            let dir = self.shared.hub.data.storage(&touched.uuid, id);
            self.cleaning.spawn_blocking(move || remove_dir(&dir));
        }
        for unit in concerned(&model, touched) {
            if let Some(handle) = self.workers.get(&(touched.uuid.clone(), unit)) {
                handle.concern.send_replace(());
            }
        }
        self.tidy(&touched.uuid);
    }

    /// Removes what a command left empty: no unit is there to do it.
    fn tidy(&self, uuid: &ModelUuid) {
        let needed = self
            .shared
            .hub
            .model(uuid)
            .is_some_and(|model| needs_tidying(&model));
        if !needed {
            return;
        }
        if let Err(error) = transact(&self.shared.hub, uuid, |_, _| {
            Ok::<_, std::convert::Infallible>(())
        }) {
            super::output::complain(&format!("cannot tidy the model: {error}"));
        }
    }

    fn start(&mut self, model: &ModelUuid, unit: &UnitName) {
        let key = (model.clone(), unit.clone());
        if self.workers.contains_key(&key) {
            return;
        }
        let (concern, concerned) = watch::channel(());
        let (cancel, cancelled) = watch::channel(false);
        let running = {
            let shared = Arc::clone(&self.shared);
            let (model, unit) = (model.clone(), unit.clone());
            tokio::spawn(async move {
                let work = || {
                    let worker = Worker::new(
                        Arc::clone(&shared),
                        model.clone(),
                        unit.clone(),
                        concerned.clone(),
                        cancelled.clone(),
                    );
                    worker.run()
                };
                let repair = |why| {
                    repair(
                        Arc::clone(&shared),
                        model.clone(),
                        unit.clone(),
                        cancelled.clone(),
                        why,
                    )
                };
                persist(work, repair).await;
            })
        };
        self.workers.insert(
            key,
            Handle {
                concern,
                cancel,
                running,
            },
        );
    }

    /// Ends the agent of a unit that is gone, with everything that the unit left on this machine.
    fn end(&mut self, model: &ModelUuid, unit: &UnitName) {
        let handle = self.workers.remove(&(model.clone(), unit.clone()));
        let gone = Gone::Unit(model.clone(), unit.clone());
        let clean = self.cleaner.queue();
        self.cleaning.spawn(async move {
            if let Some(handle) = handle {
                handle.cancel.send_replace(true);
                let _ = handle.running.await;
            }
            // The cleaner is there as long as the supervisor is.
            let _ = clean.send(gone);
        });
    }

    fn end_model(&mut self, uuid: &ModelUuid) {
        let of_model = |(model, _): &&(ModelUuid, UnitName)| model == uuid;
        let units: Vec<UnitName> = self
            .workers
            .keys()
            .filter(of_model)
            .map(|(_, unit)| unit.clone())
            .collect();
        for unit in &units {
            self.end(uuid, unit);
        }
        let dir = self.shared.hub.data.model(uuid);
        if units.is_empty() {
            self.cleaning.spawn_blocking(move || remove_dir(&dir));
        }
    }
}

/// Returns the units that a commit may have given something to do.
fn concerned(model: &Model, touched: &TouchedModel) -> BTreeSet<UnitName> {
    if touched.info {
        return model.units.keys().cloned().collect();
    }
    let mut applications: BTreeSet<&str> =
        touched.applications.iter().map(String::as_str).collect();
    let relations = touched
        .relations
        .iter()
        .filter_map(|id| model.relations.get(id));
    // Whoever shares a relation with a unit sees whether that unit is going.
    let of_units = touched
        .units
        .iter()
        .flat_map(|unit| model.relations_of(unit.application()));
    for relation in relations.chain(of_units) {
        applications.extend(
            relation
                .endpoints
                .iter()
                .map(|endpoint| endpoint.application.as_str()),
        );
    }
    let mut units: BTreeSet<UnitName> = touched.units.iter().cloned().collect();
    // A principal that is going may wait for just this subordinate to be gone.
    units.extend(touched.bereaved.iter().cloned());
    let secrets = touched
        .secrets
        .iter()
        .filter_map(|id| model.secrets.get(id));
    for secret in secrets {
        applications.extend(secret.owner.application());
        units.extend(secret.consumers.keys().cloned());
    }
    units.extend(
        touched
            .tasks
            .iter()
            .filter_map(|id| model.tasks.get(id))
            .filter_map(|task| task.receiver.unit().cloned()),
    );
    let storage = touched
        .storage
        .iter()
        .filter_map(|id| model.storage.get(id));
    units.extend(
        storage
            .filter_map(|instance| instance.attachment.as_ref())
            .map(|attachment| attachment.unit.clone()),
    );
    units.extend(
        applications
            .into_iter()
            .flat_map(|application| model.units_of(application))
            .map(|unit| unit.name.clone()),
    );
    units
}

/// Takes up after a daemon that was killed: ends the processes of hooks that were never committed, so that the hooks can run again,
/// and removes what is left of units that are gone.
fn recover(hub: &Hub, state: &State) {
    for (uuid, model) in &state.models {
        Machines::recover(hub, uuid, model);
        for unit in model.units.values() {
            if !commit::is_interrupted(unit) {
                continue;
            }
            if let Some(running) = &unit.progress.running {
                kill_by_environment(&[("JUJU_CONTEXT_ID", &running.context)]);
            }
            let done = transact(hub, uuid, |model, now| {
                commit::recover(model, &unit.name, now);
                Ok::<_, std::convert::Infallible>(())
            });
            if let Err(error) = done {
                super::output::complain(&format!("{}: {error}", unit.name));
            }
        }
    }
    remove_strays(hub, state);
}

/// Removes directories of models and units that are not in the state any more: the daemon ended before it could.
fn remove_strays(hub: &Hub, state: &State) {
    let models = hub.data.root().join("models");
    for uuid in names_in(&models).into_iter().map(ModelUuid) {
        let model = state.models.get(&uuid);
        let units = model.into_iter().flat_map(|model| model.units.keys());
        let known: HashSet<String> = units.map(UnitName::tag).collect();
        let strays: Vec<Gone> = names_in(&hub.data.model(&uuid).join("agents"))
            .iter()
            .filter(|tag| !known.contains(*tag))
            .filter_map(|tag| Some(Gone::Unit(uuid.clone(), unit_of_tag(tag)?)))
            .collect();
        if !strays.is_empty() {
            clean_up(hub, &strays);
        }
        for dir in super::storage::strays(
            &hub.data.model(&uuid).join("storage"),
            model.map(Arc::as_ref),
        ) {
            remove_dir(&dir);
        }
        if model.is_none() {
            remove_dir(&hub.data.model(&uuid));
        }
    }
}

fn names_in(dir: &std::path::Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect()
}

fn unit_of_tag(tag: &str) -> Option<UnitName> {
    let (application, number) = tag.strip_prefix("unit-")?.rsplit_once('-')?;
    UnitName::parse(&format!("{application}/{number}")).ok()
}

#[cfg(test)]
mod tests {
    use super::super::simulation::{Simulation, unit};
    use super::*;

    #[test]
    fn a_commit_wakes_those_whom_it_concerns() {
        let mut sim = Simulation::new();
        sim.deploy("srv", "provides: {db: {interface: sql}}", 2);
        sim.deploy("cli", "requires: {store: {interface: sql}}", 1);
        sim.deploy("oth", "", 1);
        let id = sim.relate("srv:db", "cli:store");
        let task = sim.queue_task("oth/0");
        let nothing = TouchedModel::new(&sim.model.info.uuid);
        let cases = [
            (nothing.clone(), ""),
            (
                TouchedModel {
                    info: true,
                    ..nothing.clone()
                },
                "cli/0 oth/0 srv/0 srv/1",
            ),
            (
                TouchedModel {
                    applications: vec!["srv".to_owned()],
                    ..nothing.clone()
                },
                "srv/0 srv/1",
            ),
            (
                TouchedModel {
                    units: vec![unit("srv/0")],
                    ..nothing.clone()
                },
                "cli/0 srv/0 srv/1",
            ),
            (
                TouchedModel {
                    units: vec![unit("oth/0")],
                    ..nothing.clone()
                },
                "oth/0",
            ),
            (
                TouchedModel {
                    relations: vec![id],
                    ..nothing.clone()
                },
                "cli/0 srv/0 srv/1",
            ),
            (
                TouchedModel {
                    tasks: vec![task],
                    ..nothing.clone()
                },
                "oth/0",
            ),
        ];
        for (touched, expected) in cases {
            let woken: Vec<String> = concerned(&sim.model, &touched)
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(woken.join(" "), expected, "{touched:?}");
        }
    }

    #[test]
    fn tags_name_units() {
        assert_eq!(unit_of_tag("unit-web-app-12"), Some(unit("web-app/12")));
        for bad in ["unit-web", "web-0", "unit--0", "machine-0"] {
            assert_eq!(unit_of_tag(bad), None, "{bad}");
        }
    }
}
