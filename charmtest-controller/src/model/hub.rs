//! The hub: the one place where state changes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::clock::{Clock, Moment, Timing};
use super::cross_model::keep_in_step;
use super::ids::{ModelUuid, RelationId, TaskId, UnitName, random_uuid};
use super::log::{LogLevel, LogLine};
use super::secret::SecretId;
use super::state::{Model, ModelInfo, State};
use super::status::{Status, StatusKind, StatusRecord};
use super::storage::StorageId;
use super::store::{LogQuery, Store, StoreError};
use crate::paths::DataDir;

/// Why a transaction did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Transact<E> {
    /// The change itself was refused.
    #[error("{0}")]
    Rejected(E),
    /// The change could not be written; the state is as it was.
    #[error(transparent)]
    Store(StoreError),
}

/// Refusal by a change of a model that does not exist (any more).
#[derive(Debug, thiserror::Error)]
#[error("model {0} not found")]
pub struct Rejected(pub ModelUuid);

/// What one commit touched; who runs units decides by it whom to wake.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Touched {
    /// Per model that changed (or came, or went).
    pub models: Vec<TouchedModel>,
}

/// What one commit touched in one model.
#[derive(Debug, Clone, PartialEq)]
pub struct TouchedModel {
    /// The model.
    pub uuid: ModelUuid,
    /// It came or went, its life or its configuration changed: what concerns every unit of it. The counters in its record do not.
    pub info: bool,
    /// Applications that changed, came or went.
    pub applications: Vec<String>,
    /// Units that changed, came or went.
    pub units: Vec<UnitName>,
    /// The principals of subordinates that went: their own records tell it no more.
    pub bereaved: Vec<UnitName>,
    /// Machines that changed, came or went.
    pub machines: Vec<String>,
    /// Relations that changed, came or went.
    pub relations: Vec<RelationId>,
    /// Tasks that changed or came.
    pub tasks: Vec<TaskId>,
    /// Secrets that changed, came or went.
    pub secrets: Vec<SecretId>,
    /// Storage instances that changed, came or went.
    pub storage: Vec<StorageId>,
}

/// The state, its database, and who wants to hear of changes.
#[derive(Debug)]
pub struct Hub {
    /// Where things are on disk.
    pub data: DataDir,
    /// Where the time comes from.
    pub clock: Clock,
    /// Juju's delays.
    pub timing: Timing,
    store: Mutex<Store>,
    state: watch::Sender<Arc<State>>,
    log_lines: watch::Sender<u64>,
    touched: mpsc::UnboundedSender<Touched>,
}

impl Hub {
    /// Opens the database of `data` and returns the hub with the stream of what commits touch.
    ///
    /// # Errors
    ///
    /// Fails when the database cannot be opened, read or written.
    pub fn open(
        data: DataDir,
        clock: Clock,
        timing: Timing,
    ) -> Result<(Arc<Self>, mpsc::UnboundedReceiver<Touched>), StoreError> {
        let store = Store::open(&data.database())?;
        let mut state = store.load()?;
        state.juju = data.juju();
        let (touched, stream) = mpsc::unbounded_channel();
        let hub = Self {
            data,
            clock,
            timing,
            store: Mutex::new(store),
            state: watch::Sender::new(Arc::new(state)),
            log_lines: watch::Sender::new(0),
            touched,
        };
        if hub.snapshot().controller.is_empty() {
            hub.transact(|state| {
                state.controller = random_uuid();
                Ok::<_, std::convert::Infallible>(())
            })
            .map_err(|error| match error {
                Transact::Store(error) => error,
                Transact::Rejected(never) => match never {},
            })?;
        }
        Ok((Arc::new(hub), stream))
    }

    /// Returns the committed state.
    pub fn snapshot(&self) -> Arc<State> {
        self.state.borrow().clone()
    }

    /// Returns the committed state of one model.
    pub fn model(&self, uuid: &ModelUuid) -> Option<Arc<Model>> {
        self.state.borrow().models.get(uuid).cloned()
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the current time with the scale of the waits, for decisions.
    pub fn moment(&self) -> Moment {
        Moment {
            now: self.now(),
            scale: self.timing.scale,
        }
    }

    /// Returns a receiver that is woken by every commit and always holds the newest state.
    pub fn watch(&self) -> watch::Receiver<Arc<State>> {
        self.state.subscribe()
    }

    /// Returns a receiver that is woken when lines were added to a log.
    pub fn watch_log(&self) -> watch::Receiver<u64> {
        self.log_lines.subscribe()
    }

    /// Changes the state: `change` gets a copy; if it returns `Ok` and the database took it, the copy becomes the state.
    ///
    /// Status changes of units and applications enter the status history by themselves.
    ///
    /// # Errors
    ///
    /// Fails with what `change` returned, or when the database could not write. The state is then as it was.
    pub fn transact<R, E>(
        &self,
        change: impl FnOnce(&mut State) -> Result<R, E>,
    ) -> Result<R, Transact<E>> {
        let mut store = self.store();
        let before = self.snapshot();
        let mut after = (*before).clone();
        let result = change(&mut after).map_err(Transact::Rejected)?;
        keep_in_step(&before, &mut after);
        let (touched, history) = compare(&before, &after);
        store
            .commit(&before, &after, &history)
            .map_err(Transact::Store)?;
        self.publish(after, touched);
        Ok(result)
    }

    /// Shows a committed state and says what it touched, as one: whoever sees the state finds in the stream what the commit touched,
    /// and whoever hears what was touched sees the state.
    ///
    /// Otherwise agents that are stopped by somebody who saw a unit go would never hear that it went, and leave its files behind.
    fn publish(&self, state: State, touched: Touched) {
        let mut state = Arc::new(state);
        self.state.send_modify(|shown| {
            std::mem::swap(shown, &mut state);
            // Nobody listens once the daemon shuts down.
            let _ = self.touched.send(touched);
        });
        // The state before goes here: it may be the last reference to much, and readers are kept out above.
        drop(state);
    }

    /// Changes one model, see [`Hub::transact`].
    ///
    /// # Errors
    ///
    /// Fails as [`Hub::transact`] does, and with `E::from(Rejected)` when there is no such model.
    pub fn transact_model<R, E: From<Rejected>>(
        &self,
        uuid: &ModelUuid,
        change: impl FnOnce(&mut Model) -> Result<R, E>,
    ) -> Result<R, Transact<E>> {
        self.transact(|state| match state.model_mut(uuid) {
            Some(model) => change(model),
            None => Err(Rejected(uuid.clone()).into()),
        })
    }

    /// Adds lines to the log, those that their model's `logging-config` lets through.
    ///
    /// # Errors
    ///
    /// Fails when the database could not write.
    pub fn log(&self, lines: impl IntoIterator<Item = LogLine>) -> Result<(), StoreError> {
        let state = self.snapshot();
        let wanted: Vec<LogLine> = lines
            .into_iter()
            .filter(|line| {
                let model = state.models.get(&line.model);
                model.is_some_and(|model| {
                    line.level
                        >= threshold(
                            model.config("logging-config").unwrap_or_default(),
                            &line.module,
                        )
                })
            })
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        self.store().append_log(&wanted)?;
        self.log_lines.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Reads log lines of a model, oldest first, with their row ids.
    ///
    /// # Errors
    ///
    /// Fails when the database cannot be read.
    pub fn read_log(
        &self,
        model: Option<&ModelUuid>,
        query: &LogQuery,
    ) -> Result<Vec<(i64, LogLine)>, StoreError> {
        self.store().read_log(model, query)
    }

    /// Reads the last `limit` status history records of an entity, oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the database cannot be read.
    pub fn read_history(
        &self,
        model: &ModelUuid,
        entity: &str,
        kinds: &[StatusKind],
        limit: usize,
    ) -> Result<Vec<StatusRecord>, StoreError> {
        self.store().read_history(model, entity, kinds, limit)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // A panic in a change leaves the store usable: the SQLite transaction was never begun or was rolled back.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns what differs between two states, and the status history records that this makes.
fn compare(before: &State, after: &State) -> (Touched, Vec<(ModelUuid, StatusRecord)>) {
    let mut touched = Touched::default();
    let mut history = Vec::new();
    for (uuid, model) in &after.models {
        match before.models.get(uuid) {
            Some(old) if Arc::ptr_eq(old, model) => {}
            Some(old) => touched
                .models
                .push(compare_models(old, model, &mut history)),
            None => {
                let nothing = Model::new((*model.info).clone());
                touched.models.push(TouchedModel {
                    info: true,
                    ..compare_models(&nothing, model, &mut history)
                });
            }
        }
    }
    for (uuid, model) in before
        .models
        .iter()
        .filter(|(uuid, _)| !after.models.contains_key(*uuid))
    {
        touched.models.push(TouchedModel {
            info: true,
            units: model.units.keys().cloned().collect(),
            machines: model.machines.keys().cloned().collect(),
            ..TouchedModel::new(uuid)
        });
    }
    (touched, history)
}

impl TouchedModel {
    /// Says that nothing in a model was touched.
    pub(crate) fn new(uuid: &ModelUuid) -> Self {
        Self {
            uuid: uuid.clone(),
            info: false,
            applications: Vec::new(),
            units: Vec::new(),
            bereaved: Vec::new(),
            machines: Vec::new(),
            relations: Vec::new(),
            tasks: Vec::new(),
            secrets: Vec::new(),
            storage: Vec::new(),
        }
    }
}

fn compare_models(
    old: &Model,
    new: &Model,
    history: &mut Vec<(ModelUuid, StatusRecord)>,
) -> TouchedModel {
    let mut touched = TouchedModel {
        info: concerns_all(&old.info, &new.info),
        ..TouchedModel::new(&new.info.uuid)
    };
    new.applications
        .each_change(&old.applications, |name, row| {
            touched.applications.push(name.clone());
            let was = old
                .applications
                .get(name)
                .and_then(|app| app.status.as_ref());
            let is = row.and_then(|app| app.status.as_ref());
            if let Some(status) = is.filter(|is| was.is_none_or(|was| !is.says_the_same(was))) {
                history.push(record(
                    new,
                    name,
                    StatusKind::Application,
                    status.current.as_str(),
                    status,
                ));
            }
        });
    new.units.each_change(&old.units, |name, row| {
        touched.units.push(name.clone());
        let was = old.units.get(name);
        let Some(is) = row else {
            touched
                .bereaved
                .extend(was.and_then(|was| was.principal.clone()));
            return;
        };
        if was.is_none_or(|was| !is.workload.says_the_same(&was.workload)) {
            let status = &is.workload;
            history.push(record(
                new,
                name.as_str(),
                StatusKind::Workload,
                status.current.as_str(),
                status,
            ));
        }
        if was.is_none_or(|was| !is.agent.says_the_same(&was.agent)) {
            let status = &is.agent;
            history.push(record(
                new,
                name.as_str(),
                StatusKind::JujuUnit,
                status.current.as_str(),
                status,
            ));
        }
    });
    new.machines
        .each_change(&old.machines, |id, _| touched.machines.push(id.clone()));
    new.relations
        .each_change(&old.relations, |id, _| touched.relations.push(*id));
    new.tasks
        .each_change(&old.tasks, |id, _| touched.tasks.push(*id));
    new.secrets
        .each_change(&old.secrets, |id, _| touched.secrets.push(id.clone()));
    new.storage
        .each_change(&old.storage, |id, _| touched.storage.push(id.clone()));
    touched
}

/// Says whether a change of a model's own record can matter to its units.
fn concerns_all(old: &Arc<ModelInfo>, new: &Arc<ModelInfo>) -> bool {
    !Arc::ptr_eq(old, new) && (old.life != new.life || old.config != new.config)
}

fn record<S>(
    model: &Model,
    entity: &str,
    kind: StatusKind,
    word: &str,
    status: &Status<S>,
) -> (ModelUuid, StatusRecord) {
    let record = StatusRecord {
        entity: entity.to_owned(),
        kind,
        status: word.to_owned(),
        message: status.message.clone(),
        since: status.since,
        data: status.data.clone(),
    };
    (model.info.uuid.clone(), record)
}

/// Returns the lowest level that `config` (such as `<root>=INFO;unit=DEBUG`) lets through for `module`: the longest matching prefix decides.
fn threshold(config: &str, module: &str) -> LogLevel {
    config
        .split([';', ','])
        .filter_map(|rule| {
            let (prefix, level) = rule.split_once('=')?;
            let prefix = prefix.trim();
            let length = match prefix {
                "<root>" => 0,
                _ if module == prefix
                    || module
                        .strip_prefix(prefix)
                        .is_some_and(|rest| rest.starts_with('.')) =>
                {
                    prefix.len()
                }
                _ => return None,
            };
            Some((length, LogLevel::parse(level.trim())?))
        })
        .max_by_key(|(length, _)| *length)
        .map_or(LogLevel::Warning, |(_, level)| level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::changes::{self, fixture};

    #[test]
    fn a_commit_touches_no_more_than_it_changed() {
        let mut model = fixture::model();
        fixture::deployed(&mut model, "db", fixture::charm("db", ""), 3);
        let uuid = model.info.uuid.clone();
        let mut before = fixture::state();
        before.models.insert(uuid.clone(), Arc::new(model));
        let touched_by = |change: &dyn Fn(&mut Model)| {
            let mut after = before.clone();
            change(after.model_mut(&uuid).unwrap());
            compare(&before, &after).0.models.remove(0)
        };
        let nothing = TouchedModel::new(&uuid);
        let unit = |name: &str| UnitName::parse(name).unwrap();
        let now = Timestamp::UNIX_EPOCH;

        let queued = touched_by(&|model| {
            let task = changes::NewTask {
                receiver: unit("db/0").into(),
                params: Default::default(),
            };
            changes::queue_operation(model, String::new(), "act", vec![task], &[], now);
        });
        let expected = TouchedModel {
            tasks: vec![2],
            ..nothing.clone()
        };
        assert_eq!(queued, expected, "the counters of a model concern nobody");

        let removed = touched_by(&|model| changes::remove_unit_record(model, &unit("db/2"), now));
        let expected = TouchedModel {
            units: vec![unit("db/2")],
            machines: vec!["2".to_owned()],
            ..nothing.clone()
        };
        assert_eq!(
            removed, expected,
            "the other units have nothing to do with it"
        );

        let configured = touched_by(&|model| {
            let config = &mut model.info_mut().config;
            config.insert("automatically-retry-hooks".to_owned(), "false".to_owned());
        });
        let expected = TouchedModel {
            info: true,
            ..nothing
        };
        assert_eq!(configured, expected);
    }

    #[test]
    fn a_state_is_never_seen_before_what_its_commit_touched_nor_after() {
        const COMMITS: usize = 2_000;
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(&dir.path().join("data")).unwrap();
        let (hub, mut stream) = Hub::open(data, Clock::System, Timing::default()).unwrap();
        stream.try_recv().unwrap();
        std::thread::scope(|scope| {
            let hub = &hub;
            let committed = || match &hub.snapshot().current_model {
                Some(number) => number.0.parse().unwrap(),
                None => 0,
            };
            let stream = &mut stream;
            let watcher = scope.spawn(move || {
                let mut heard: usize = 0;
                while heard < COMMITS {
                    let seen: usize = committed();
                    while stream.try_recv().is_ok() {
                        heard += 1;
                        assert!(committed() >= heard, "told of commit {heard} too early");
                    }
                    assert!(heard >= seen, "not told of commit {seen}, which is there");
                }
            });
            for number in 1..=COMMITS {
                hub.transact(|state| {
                    state.current_model = Some(ModelUuid(number.to_string()));
                    Ok::<_, std::convert::Infallible>(())
                })
                .unwrap();
            }
            watcher.join().unwrap();
        });
    }

    #[test]
    fn logging_config_is_decided_by_the_longest_prefix() {
        for (config, module, expected) in [
            ("<root>=INFO", "unit.a/0.juju-log", LogLevel::Info),
            (
                "<root>=INFO;unit=DEBUG",
                "unit.a/0.juju-log",
                LogLevel::Debug,
            ),
            (
                "<root>=DEBUG;unit=ERROR;unit.a/0=TRACE",
                "unit.a/0.install",
                LogLevel::Trace,
            ),
            ("<root>=INFO;unit=DEBUG", "units.a", LogLevel::Info),
            ("<root>=warn", "x", LogLevel::Warning),
            ("", "x", LogLevel::Warning),
        ] {
            assert_eq!(threshold(config, module), expected, "{config} {module}");
        }
    }
}
