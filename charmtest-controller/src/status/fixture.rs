//! Models for tests, made from the rows as they are stored: fields that are added to a row with a default need no change here.

use std::sync::Arc;

use charmtest_charm::{Charm, Metadata};
use jiff::Timestamp;
use serde_json::json;

use crate::agent::Hook;
use crate::model::{
    Bag, CharmRow, Member, Model, QueuedHook, Status, UnitName, UnitProgress, Workload,
};

/// 2025-11-21 22:58:04 UTC.
pub(crate) const AT: Timestamp = Timestamp::constant(1_763_765_884, 0);

const METADATA: &str = "name: web\nsummary: s\ndescription: d\nprovides:\n  server: {interface: http}\nrequires:\n  client: {interface: http}\n";

/// Makes the empty model `m`.
pub(crate) fn model() -> Model {
    let info = json!({
        "uuid": "12345678-1234-4234-8234-123456789012",
        "name": "m",
        "owner": "admin",
        "life": "alive",
        "created": AT,
        "config": {},
        "constraints": {},
        "next_relation": 0,
        "next_task": 1,
        "next_machine": 0,
        "next_revision": {},
        "unit_counters": {},
    });
    let mut model = Model::new(serde_json::from_value(info).unwrap());
    let charm = Charm {
        metadata: Metadata::parse("metadata.yaml", METADATA).unwrap(),
        config: Default::default(),
        actions: Default::default(),
        manifest: Default::default(),
        lxd_profile: None,
        version: None,
    };
    let row = CharmRow {
        url: "local:web-0".to_owned(),
        revision: 0,
        sha256: String::new(),
        charm: Arc::new(charm),
    };
    model.charms.insert("local:web-0".to_owned(), row);
    model
}

/// Adds an application with active units, each on a machine of its own; unit 0 is the leader.
pub(crate) fn application(model: &mut Model, name: &str, units: u32) {
    let app = json!({
        "name": name,
        "charm": "local:web-0",
        "charm_modified": 1,
        "life": "alive",
        "config": {},
        "trust": false,
        "exposed": false,
        "base": "ubuntu@22.04",
        "constraints": {},
        "leader": (units > 0).then(|| UnitName::new(name, 0)),
        "next_unit": units,
        "resources": {},
    });
    model
        .applications
        .insert(name.to_owned(), serde_json::from_value(app).unwrap());
    for number in 0..units {
        let id = model.info.next_machine;
        model.info_mut().next_machine += 1;
        let machine = json!({
            "id": id.to_string(),
            "address": format!("127.0.1.{}", id + 1),
            "base": "ubuntu@22.04",
            "life": "alive",
            "since": AT,
        });
        model
            .machines
            .insert(id.to_string(), serde_json::from_value(machine).unwrap());
        let name = UnitName::new(name, number);
        let unit = json!({
            "name": name,
            "machine": id.to_string(),
            "life": "alive",
            "workload": { "current": "active", "message": "", "since": AT },
            "charm_set_status": true,
            "agent": { "current": "idle", "message": "", "since": AT },
            "ports": {},
            "charm_state": {},
            "progress": settled(),
        });
        model
            .units
            .insert(name, serde_json::from_value(unit).unwrap());
    }
}

/// The progress of a unit whose agent has nothing to do for a long time, whatever is in the model.
fn settled() -> UnitProgress {
    UnitProgress {
        charm: Some("local:web-0".to_owned()),
        queued: Some(QueuedHook {
            hook: Hook::UpdateStatus,
            not_before: Some(Timestamp::MAX),
        }),
        ..UnitProgress::default()
    }
}

/// Sets the workload status of a unit.
pub(crate) fn workload(model: &mut Model, unit: &str, current: Workload, message: &str) {
    model.units.get_mut(unit).unwrap().workload = Status::new(current, message, AT);
}

/// Adds a relation between a provider and a requirer, or a peer relation when both are the same.
pub(crate) fn relation(model: &mut Model, id: u32, provider: (&str, &str), requirer: (&str, &str)) {
    let side = |(application, name): (&str, &str), role: &str| json!({ "application": application, "name": name, "role": role, "interface": "http" });
    let endpoints = match provider == requirer {
        true => json!([side(provider, "peer")]),
        false => json!([side(provider, "provider"), side(requirer, "requirer")]),
    };
    let relation = json!({ "id": id, "endpoints": endpoints, "scope": "global", "life": "alive", "applications": {}, "members": {} });
    model
        .relations
        .insert(id, serde_json::from_value(relation).unwrap());
}

/// Puts a unit in the scope of a relation with these data.
pub(crate) fn joins(model: &mut Model, id: u32, unit: &str, data: &[(&str, &str)]) {
    let member = Member {
        bag: bag(data),
        in_scope: true,
        ..Member::default()
    };
    let name = UnitName::parse(unit).unwrap();
    model
        .relations
        .get_mut(&id)
        .unwrap()
        .members
        .insert(name, member);
}

/// Sets the data of an application in a relation.
pub(crate) fn application_data(
    model: &mut Model,
    id: u32,
    application: &str,
    data: &[(&str, &str)],
) {
    model
        .relations
        .get_mut(&id)
        .unwrap()
        .applications
        .insert(application.to_owned(), bag(data));
}

fn bag(data: &[(&str, &str)]) -> Bag {
    let mut bag = Bag::default();
    bag.merge(
        &data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    );
    bag
}
