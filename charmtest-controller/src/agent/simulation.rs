//! For tests: a model in memory whose units run the resolver and the commits, with hooks that always succeed.

use std::net::Ipv4Addr;
use std::sync::Arc;

use charmtest_charm::{Charm, Metadata};
use jiff::{SignedDuration, Timestamp};

use super::commit;
use super::hook::Hook;
use super::resolver::{self, Step};
use super::storage;
use crate::JujuVersion;
use crate::model::changes;
use crate::model::{
    AgentStatus, Application, CharmRow, Endpoint, Life, Machine, Model, ModelInfo, ModelUuid,
    Relation, RelationId, Status, Task, TaskStatus, Timing, Unit, UnitName, Workload,
};

/// A model and a clock.
pub(crate) struct Simulation {
    pub(crate) model: Model,
    pub(crate) now: Timestamp,
    /// What ran: `srv/0 install`, `srv/0 db-relation-joined cli/0`.
    pub(crate) ran: Vec<String>,
    /// Whether the model asked to be removed.
    pub(crate) gone: bool,
}

pub(crate) fn unit(name: &str) -> UnitName {
    UnitName::parse(name).unwrap()
}

impl Simulation {
    pub(crate) fn new() -> Self {
        Self::of(JujuVersion::V3_6)
    }

    /// Makes one whose controller speaks as `juju`.
    pub(crate) fn of(juju: JujuVersion) -> Self {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let uuid = ModelUuid("9a6d1c1e-0000-4000-8000-000000000001".to_owned());
        let info = ModelInfo::new(juju, uuid, "m".to_owned(), now);
        Self {
            model: Model::new(info),
            now,
            ran: Vec::new(),
            gone: false,
        }
    }

    /// Deploys an application whose charm has these endpoints (YAML, `provides: {db: {interface: i}}`).
    pub(crate) fn deploy(&mut self, name: &str, endpoints: &str, units: u32) {
        let url = format!("local:{name}-0");
        self.add_charm(&url, name, endpoints);
        let app = Application {
            name: name.to_owned(),
            charm: url.clone(),
            charm_modified: 0,
            life: Life::Alive,
            config: Default::default(),
            trust: false,
            exposed: false,
            exposed_endpoints: Default::default(),
            annotations: Default::default(),
            base: "ubuntu@24.04".to_owned(),
            channel: None,
            constraints: Default::default(),
            status: None,
            leader: None,
            next_unit: 0,
            workload_version: None,
            resources: Default::default(),
            leader_settings: Default::default(),
            force_charm: false,
            storage: Default::default(),
        };
        self.model.applications.insert(name.to_owned(), app);
        let charm = Arc::clone(&self.model.charms.get(&url).unwrap().charm);
        for peer in charm
            .metadata
            .endpoints_with_role(charmtest_charm::Role::Peer)
        {
            self.add_relation(vec![endpoint(name, peer)]);
        }
        for _ in 0..units {
            self.add_unit(name);
        }
    }

    pub(crate) fn add_charm(&mut self, url: &str, name: &str, endpoints: &str) {
        let metadata = Metadata::parse(
            "metadata.yaml",
            &format!("name: {name}\nsummary: s\ndescription: d\n{endpoints}"),
        )
        .unwrap();
        let charm = Charm {
            metadata,
            config: Default::default(),
            actions: Default::default(),
            manifest: Default::default(),
            lxd_profile: None,
            version: None,
        };
        let row = CharmRow {
            url: url.to_owned(),
            revision: 0,
            sha256: "0".repeat(64),
            charm: Arc::new(charm),
        };
        self.model.charms.insert(url.to_owned(), row);
    }

    /// Adds a unit on a machine of its own.
    pub(crate) fn add_unit(&mut self, application: &str) -> UnitName {
        let app = self.model.applications.get_mut(application).unwrap();
        let name = UnitName::new(application, app.next_unit);
        app.next_unit += 1;
        let info = self.model.info_mut();
        let id = info.next_machine;
        info.next_machine += 1;
        let machine = Machine {
            id: id.to_string(),
            address: Ipv4Addr::new(127, 77, 0, u8::try_from(id + 1).unwrap()),
            base: "ubuntu@24.04".to_owned(),
            life: Life::Alive,
            since: self.now,
            constraints: Default::default(),
            annotations: Default::default(),
        };
        self.model.machines.insert(machine.id.clone(), machine);
        let row = Unit {
            name: name.clone(),
            machine: id.to_string(),
            principal: None,
            life: Life::Alive,
            workload: Status::new(Workload::Waiting, "waiting for machine", self.now),
            charm_set_status: false,
            agent: Status::new(AgentStatus::Allocating, "", self.now),
            workload_version: None,
            ports: Default::default(),
            charm_state: Default::default(),
            progress: Default::default(),
            resolved: None,
            force_at: None,
        };
        self.model.units.insert(name.clone(), row);
        name
    }

    /// Relates two endpoints, `app:endpoint` each, provider first.
    pub(crate) fn relate(&mut self, provider: &str, requirer: &str) -> RelationId {
        let sides = [provider, requirer].map(|side| {
            let (app, name) = side.split_once(':').unwrap();
            let charm = &self.model.charm_of(app).unwrap().charm;
            endpoint(
                app,
                charm
                    .metadata
                    .endpoint(name)
                    .unwrap_or(&charmtest_charm::Endpoint::juju_info()),
            )
        });
        self.add_relation(sides.into())
    }

    /// Like [`Simulation::relate`], within containers.
    pub(crate) fn relate_container(&mut self, provider: &str, requirer: &str) -> RelationId {
        let id = self.relate(provider, requirer);
        self.model.relations.get_mut(&id).unwrap().scope = crate::model::Scope::Container;
        id
    }

    fn add_relation(&mut self, endpoints: Vec<Endpoint>) -> RelationId {
        let info = self.model.info_mut();
        let id = info.next_relation;
        info.next_relation += 1;
        let relation = Relation {
            id,
            endpoints,
            scope: Default::default(),
            life: Life::Alive,
            since: self.now,
            force_at: None,
            applications: Default::default(),
            members: Default::default(),
            cross_model: None,
            egress: Vec::new(),
        };
        self.model.relations.insert(id, relation);
        id
    }

    /// Queues an action.
    pub(crate) fn queue_task(&mut self, on: &str) -> u64 {
        let info = self.model.info_mut();
        let id = info.next_task;
        info.next_task += 1;
        let task = Task {
            id,
            operation: id,
            receiver: unit(on).into(),
            action: "act".to_owned(),
            params: Default::default(),
            status: TaskStatus::Pending,
            message: String::new(),
            results: Default::default(),
            log: Vec::new(),
            enqueued: self.now,
            started: None,
            completed: None,
        };
        self.model.tasks.insert(task);
        id
    }

    pub(crate) fn remove_unit(&mut self, name: &str) {
        changes::remove_unit(
            &mut self.model,
            &unit(name),
            changes::Haste::Orderly,
            self.now,
        )
        .unwrap();
    }

    pub(crate) fn remove_relation(&mut self, id: RelationId) {
        changes::remove_relation(&mut self.model, id, changes::Haste::Orderly).unwrap();
    }

    pub(crate) fn remove_application(&mut self, name: &str) {
        changes::remove_application(&mut self.model, name, changes::Haste::Orderly, self.now)
            .unwrap();
    }

    pub(crate) fn unit(&self, name: &str) -> &Unit {
        self.model.units.get(&unit(name)).unwrap()
    }

    pub(crate) fn unit_mut(&mut self, name: &str) -> &mut Unit {
        self.model.units.get_mut(&unit(name)).unwrap()
    }

    /// Returns the next step of a unit.
    pub(crate) fn next(&self, name: &str) -> Step {
        resolver::next(&self.model, self.unit(name), self.now)
    }

    /// Takes the next step of a unit; says whether there was one.
    pub(crate) fn step(&mut self, name: &UnitName) -> bool {
        let Some(row) = self.model.units.get(name) else {
            return false;
        };
        let step = resolver::next(&self.model, row, self.now);
        self.now = self
            .now
            .checked_add(SignedDuration::from_millis(10))
            .unwrap();
        match step {
            Step::Wait { .. } => {
                let unsettled = commit::is_unsettled(row);
                if unsettled {
                    commit::settle(&mut self.model, name, self.now);
                }
                return unsettled;
            }
            Step::Run(hook) | Step::Retry(hook) => {
                self.record(name, &hook);
                commit::begin_hook(&mut self.model, name, &hook, "ctx", self.now);
                let base = self.model.clone();
                if hook == Hook::ConfigChanged {
                    crate::tools::refresh_network(&mut self.model, name);
                }
                commit::finish_hook(&mut self.model, name, &hook, &base, self.now);
            }
            Step::SkipFailed(hook) => commit::skip_failed(&mut self.model, name, &hook, self.now),
            Step::Action(task) => {
                self.ran.push(format!("{name} action"));
                commit::begin_task(&mut self.model, name, task, "ctx", self.now);
                let end = commit::TaskEnd::without_results(TaskStatus::Completed, "");
                commit::finish_task(&mut self.model, name, task, end, self.now);
            }
            Step::Unpack => {
                let (url, modified) = super::resolver::charm_to_unpack(&self.model, row).unwrap();
                commit::begin_unpack(&mut self.model, name, self.now);
                commit::finish_unpack(&mut self.model, name, &url, modified);
            }
            Step::EnterScopes => commit::enter_scopes(&mut self.model, name, self.now),
            Step::DestroySubordinates => {
                changes::destroy_subordinates(&mut self.model, name, self.now)
            }
            Step::Destroy => {
                changes::destroy_unit(&mut self.model, name, changes::Haste::Orderly, self.now)
            }
            Step::LeaveScope(id) => commit::leave_scope(&mut self.model, name, id),
            Step::ProvisionStorage(ids) => {
                for id in ids {
                    let location = format!("/storage/{id}");
                    storage::provisioned(&mut self.model, name, &id, &location, 2048, self.now);
                }
            }
            Step::DropStorage(id) => {
                changes::storage::release(&mut self.model, &id, self.now);
            }
            Step::Remove => {
                self.ran.push(format!("{name} gone"));
                changes::remove_unit_record(&mut self.model, name, self.now);
            }
        }
        self.gone |= super::tidy::tidy(&mut self.model);
        true
    }

    /// Takes steps of all units in turns until all of them wait; returns what ran since the last call.
    pub(crate) fn settle(&mut self) -> Vec<String> {
        for _ in 0..1000 {
            let names: Vec<UnitName> = self.model.units.keys().cloned().collect();
            let mut moved = false;
            for name in &names {
                moved |= self.step(name);
            }
            if !moved {
                return std::mem::take(&mut self.ran);
            }
        }
        panic!("the units do not come to rest: {:?}", self.ran);
    }

    /// Like [`Simulation::settle`], with the hooks of one unit only.
    pub(crate) fn settle_for(&mut self, name: &str) -> Vec<String> {
        let prefix = format!("{name} ");
        self.settle()
            .iter()
            .filter_map(|line| line.strip_prefix(&prefix))
            .map(str::to_owned)
            .collect()
    }

    /// Begins the next step of a unit, which must be a hook, and lets it fail.
    pub(crate) fn fail(&mut self, name: &str) {
        let hook = match self.next(name) {
            Step::Run(hook) | Step::Retry(hook) => hook,
            other => panic!("no hook is due but {other:?}"),
        };
        commit::begin_hook(&mut self.model, &unit(name), &hook, "ctx", self.now);
        commit::fail_hook(
            &mut self.model,
            &unit(name),
            &hook,
            &Timing::default(),
            self.now,
        );
    }

    fn record(&mut self, name: &UnitName, hook: &Hook) {
        let remote = match hook.relation() {
            Some(hook) => match (&hook.remote_unit, &hook.departing_unit) {
                (Some(remote), Some(leaving)) if leaving == name => {
                    format!(" {remote} (leaving: self)")
                }
                (Some(remote), _) => format!(" {remote}"),
                (None, _) => format!(" {}", hook.remote_application),
            },
            None => hook
                .storage()
                .map(|hook| format!(" {}", hook.storage))
                .unwrap_or_default(),
        };
        self.ran.push(format!("{name} {}{remote}", hook.name()));
    }
}

fn endpoint(application: &str, declared: &charmtest_charm::Endpoint) -> Endpoint {
    Endpoint {
        application: application.to_owned(),
        name: declared.name.clone(),
        role: declared.role,
        interface: declared.interface.clone(),
    }
}
