//! A model made by hand with one running hook, for tests of the tools.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use charmtest_charm::{Charm, ConfigOptions, Metadata};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Answer, Call, flush, run};
use crate::JujuVersion;
use crate::agent::{ActionContext, Hook, HookContext, RelationEvent, RelationHook, SharedContext};
use crate::model::{CharmRow, Clock, Hub, LogQuery, Model, ModelUuid, TaskId, Timing, UnitName};
use crate::paths::DataDir;

/// The model's UUID.
const UUID: &str = "f9b1fe93-c6b4-4956-8442-f3344fac642a";

/// When everything happens.
const NOW: &str = "2026-11-22T00:09:55Z";

const METADATA: &str = "
name: two
summary: a
description: b
provides: {server: {interface: kv}}
requires: {client: {interface: kv}}
peers: {ring: {interface: ring}}
extra-bindings: {extra: null}
storage: {data: {type: filesystem, multiple: {range: 0-3}}}
resources:
  blob: {type: file, filename: blob.txt}
  image: {type: oci-image}
  missing: {type: file, filename: missing.txt}
";

const CONFIG: &str = "
options:
  mode: {type: string, default: calm}
  level: {type: int, default: 3}
  big: {type: int, default: 12345678}
  ratio: {type: float, default: 0.5}
  loud: {type: boolean, default: false}
  empty: {type: string, default: ''}
  unset: {type: string}
  cred: {type: secret}
";

/// The applications `two` (`two/0`, its leader, and `two/1`) and `oth` (`oth/0`) on one machine with the address 10.200.0.5; the
/// peer relation `ring:10` and the relation `server:12` from `two:server` to `oth:client`; task 5 on `two/0`.
pub(super) struct World {
    pub(super) hub: Arc<Hub>,
    pub(super) dir: TempDir,
    context: SharedContext,
}

/// A call with its exit code, standard output and standard error.
pub(super) type Row<'a> = (&'a str, u8, &'a str, &'a str);

impl World {
    /// Makes the world with `two/0` in `config-changed`.
    pub(super) fn new() -> Self {
        Self::of(JujuVersion::V3_6)
    }

    /// Makes it in a controller that speaks as `juju`.
    pub(super) fn of(juju: JujuVersion) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open_for(&dir.path().join("data"), Some(juju)).unwrap();
        let clock = Clock::Manual(Arc::new(Mutex::new(NOW.parse().unwrap())));
        let (hub, _) = Hub::open(data, clock, Timing::default()).unwrap();
        let mut model = model();
        model.info_mut().juju = juju;
        hub.transact(|state| {
            state
                .models
                .insert(ModelUuid(UUID.to_owned()), Arc::new(model));
            Ok::<_, std::convert::Infallible>(())
        })
        .unwrap();
        let context = SharedContext::default();
        let mut world = Self { hub, dir, context };
        world.enter("two/0", Some(Hook::ConfigChanged), None);
        world
    }

    /// Starts a new context, as the agent of `name`.
    pub(super) fn enter(&mut self, name: &str, hook: Option<Hook>, action: Option<ActionContext>) {
        let context = HookContext::new("id".to_owned(), unit(name), hook, action, self.model());
        self.context = Arc::new(Mutex::new(Some(context)));
    }

    /// Starts a relation hook of `server:12` on `two/0`.
    pub(super) fn enter_relation(&mut self, event: RelationEvent, remote_unit: Option<&str>) {
        let hook = Hook::Relation(RelationHook {
            event,
            relation: 12,
            endpoint: "server".to_owned(),
            remote_application: "oth".to_owned(),
            remote_unit: remote_unit.map(unit),
            departing_unit: remote_unit
                .filter(|_| event == RelationEvent::Departed)
                .map(unit),
        });
        self.enter("two/0", Some(hook), None);
    }

    /// Starts an action on `name` with these parameters.
    pub(super) fn enter_action(&mut self, name: &str, params: Value) {
        let task: TaskId = 5;
        let Value::Object(params) = params else {
            panic!("parameters are a map")
        };
        self.enter(
            name,
            None,
            Some(ActionContext {
                task,
                name: "act".to_owned(),
                params,
                ..ActionContext::default()
            }),
        );
    }

    pub(super) fn model(&self) -> Arc<Model> {
        self.hub.model(&ModelUuid(UUID.to_owned())).unwrap()
    }

    /// Changes the model; the running context does not see it in its base.
    pub(super) fn edit(&self, edit: impl FnOnce(&mut Model)) {
        self.hub
            .transact_model(&ModelUuid(UUID.to_owned()), |model| {
                edit(model);
                Ok::<_, super::ToolError>(())
            })
            .unwrap();
    }

    /// Looks into the running context.
    pub(super) fn context<R>(&self, look: impl FnOnce(&HookContext) -> R) -> R {
        let context = self.context.lock().unwrap_or_else(PoisonError::into_inner);
        look(context.as_ref().expect("a hook runs"))
    }

    /// Ends the running hook under tools that still hold its context.
    pub(super) fn leave(&self) {
        let mut context = self.context.lock().unwrap_or_else(PoisonError::into_inner);
        *context = None;
    }

    /// Commits what is pending, as the agent does after the hook.
    pub(super) fn flush(&self) -> Result<(), String> {
        let mut refused = None;
        let committed = self
            .hub
            .transact_model(&ModelUuid(UUID.to_owned()), |model| {
                self.context(|context| flush(model, context, now()))
                    .map_err(|error| {
                        refused = Some(error.clone());
                        super::ToolError::failed(error)
                    })
            });
        match (committed, refused) {
            (Ok(()), _) => Ok(()),
            (Err(_), Some(error)) => Err(error),
            (Err(error), None) => panic!("{error:?}"),
        }
    }

    /// The working directory of calls.
    pub(super) fn cwd(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// Calls a tool.
    pub(super) fn call(&self, argv: &[String], stdin: Option<&str>) -> (u8, String, String) {
        let mut call = Call {
            name: argv[0].clone(),
            args: argv[1..].to_vec(),
            cwd: self.cwd(),
            stdin: None,
        };
        let mut answer = run(&self.hub, &self.context, &call);
        if answer == Answer::NeedsStdin {
            call.stdin = Some(
                stdin
                    .expect("only a call that reads it asks for input")
                    .as_bytes()
                    .to_vec(),
            );
            answer = run(&self.hub, &self.context, &call);
        }
        let Answer::Done {
            code,
            stdout,
            stderr,
        } = answer
        else {
            panic!("asked for input twice")
        };
        (
            code,
            String::from_utf8(stdout).unwrap(),
            String::from_utf8(stderr).unwrap(),
        )
    }

    /// Calls a tool with arguments written in one line; single quotes hold words together.
    pub(super) fn run(&self, line: &str) -> (u8, String, String) {
        self.call(&words(line), None)
    }

    /// Calls tools one after the other and compares all that comes of each.
    pub(super) fn check(&self, rows: &[Row<'_>]) {
        for (line, code, stdout, stderr) in rows {
            assert_eq!(
                self.run(line),
                (*code, (*stdout).to_owned(), (*stderr).to_owned()),
                "{line}"
            );
        }
    }

    /// Returns the log as `LEVEL module message` lines.
    pub(super) fn log(&self) -> Vec<String> {
        let lines = self
            .hub
            .read_log(Some(&ModelUuid(UUID.to_owned())), &LogQuery::default())
            .unwrap();
        lines
            .into_iter()
            .map(|(_, line)| format!("{} {} {}", line.level.as_str(), line.module, line.message))
            .collect()
    }
}

pub(super) fn unit(name: &str) -> UnitName {
    UnitName::parse(name).unwrap()
}

fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut quoted = false;
    let mut fresh = true;
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                if fresh {
                    words.push(String::new());
                    fresh = false;
                }
            }
            ' ' if !quoted => fresh = true,
            c => {
                if fresh {
                    words.push(String::new());
                    fresh = false;
                }
                words.last_mut().unwrap().push(c);
            }
        }
    }
    words
}

/// Makes a row from JSON, so that fields which tools do not look at need not be written.
fn row<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn model() -> Model {
    let mut model = Model::new(row(json!({
        "uuid": UUID, "name": "m", "owner": "admin", "life": "alive", "created": NOW, "config": {}, "constraints": {},
        "next_relation": 13, "next_task": 6, "next_machine": 1, "next_revision": {}, "unit_counters": {},
    })));
    model.machines.insert(
        "0".to_owned(),
        row(json!({"id": "0", "address": "10.200.0.5", "base": "ubuntu@24.04", "life": "alive", "since": NOW})),
    );
    let charm = Charm {
        metadata: Metadata::parse("metadata.yaml", METADATA).unwrap(),
        config: ConfigOptions::parse("config.yaml", CONFIG).unwrap(),
        actions: Default::default(),
        manifest: Default::default(),
        lxd_profile: None,
        version: None,
    };
    let url = "local:two-0".to_owned();
    model.charms.insert(
        url.clone(),
        CharmRow {
            url,
            revision: 0,
            sha256: "0".to_owned(),
            charm: Arc::new(charm),
        },
    );
    for (name, units) in [("two", vec!["two/0", "two/1"]), ("oth", vec!["oth/0"])] {
        model
            .applications
            .insert(name.to_owned(), application(name, units[0]));
        for name in units {
            model.units.insert(unit(name), self::unit_row(name));
        }
    }
    model.relations.insert(10, row(json!({
        "id": 10, "scope": "global", "life": "alive", "since": "2026-11-22T00:09:01Z",
        "endpoints": [{"application": "two", "name": "ring", "role": "peer", "interface": "ring"}],
        "applications": {"two": bag(json!({"app-from": "two"}))},
        "members": {
            "two/0": member("two/0", &["two/1"]),
            "two/1": member("two/1", &["two/0"]),
        },
    })));
    model.relations.insert(12, row(json!({
        "id": 12, "scope": "global", "life": "alive", "since": "2026-11-22T00:09:07Z",
        "endpoints": [
            {"application": "two", "name": "server", "role": "provider", "interface": "kv"},
            {"application": "oth", "name": "client", "role": "requirer", "interface": "kv"},
        ],
        "applications": {"two": bag(json!({"app-from": "two"})), "oth": bag(json!({"app-from": "oth"}))},
        "members": {
            "two/0": member("two/0", &["oth/0"]),
            "two/1": member("two/1", &["oth/0"]),
            "oth/0": member("oth/0", &["two/0", "two/1"]),
        },
    })));
    model.tasks.insert(row(json!({
        "id": 5, "operation": 4, "unit": "two/0", "action": "act", "params": {}, "status": "running", "message": "",
        "results": {}, "log": [], "enqueued": NOW, "started": NOW, "completed": null,
    })));
    model
}

fn application(name: &str, leader: &str) -> crate::model::Application {
    row(json!({
        "name": name, "charm": "local:two-0", "charm_modified": 1, "life": "alive", "config": {}, "trust": false, "exposed": false,
        "base": "ubuntu@24.04", "channel": null, "constraints": {}, "status": null, "leader": leader, "next_unit": 2,
        "workload_version": null, "resources": {},
    }))
}

fn unit_row(name: &str) -> crate::model::Unit {
    let since = match name {
        "two/0" => NOW,
        "two/1" => "2026-11-22T00:09:10Z",
        _ => "2026-11-22T00:09:11Z",
    };
    let mut relations = json!({});
    if name.starts_with("two") {
        let peer = if name == "two/0" { "two/1" } else { "two/0" };
        relations = json!({
            "10": {"created": true, "members": {peer: 1}, "changed_pending": null, "applications": {}, "done": false},
            "12": {"created": true, "members": {"oth/0": 1}, "changed_pending": null, "applications": {}, "done": false},
        });
    }
    row(json!({
        "name": name, "machine": "0", "principal": null, "life": "alive",
        "workload": {"current": "active", "message": "ready", "since": since}, "charm_set_status": true,
        "agent": {"current": "executing", "message": "", "since": since}, "workload_version": null, "ports": {}, "charm_state": {},
        "progress": {
            "installed": true, "started": true, "stopped": false, "removed": false, "leader": name == "two/0",
            "config_seen": null, "charm": "local:two-0", "charm_modified": 1, "relations": relations, "failure": null,
            "running": null, "last_hook": null,
        },
        "resolved": null,
    }))
}

fn bag(data: Value) -> Value {
    json!({"data": data, "version": 1})
}

fn member(name: &str, seen: &[&str]) -> Value {
    let mut data =
        json!({"egress-subnets": "10.200.0.5/32", "ingress-address": "10.200.0.5", "from": name});
    for other in seen {
        data[format!("seen-{}", other.replace('/', "-"))] = json!("yes");
    }
    json!({"bag": bag(data), "in_scope": true, "departing": false})
}

/// The time at which everything happens.
pub(super) fn now() -> Timestamp {
    NOW.parse().unwrap()
}
