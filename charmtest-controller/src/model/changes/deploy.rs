//! New applications, units and machines.

use std::collections::{BTreeMap, BTreeSet};

use charmtest_charm::{Endpoint as CharmEndpoint, Role};
use jiff::Timestamp;

use super::application::DEFAULT_ARCH;
use super::charm::check_resources;
use super::config::{Setting, apply, parse_settings};
use super::storage::{furnish_unit, plan_storage};
use super::storage_error::StorageError;
use super::storage_request::StorageRequest;
use super::{Addresses, ChangeError};
use crate::JujuVersion;
use crate::model::{
    AgentStatus, Application, Bag, Endpoint, Life, Machine, Model, Relation, RelationId,
    ResourceRow, Scope, Status, StorageId, Unit, UnitName, UnitProgress, Workload,
    application_name,
};

/// An application to be.
#[derive(Debug, Clone, PartialEq)]
pub struct NewApplication {
    /// Its name.
    pub name: String,
    /// The URL of its charm, which is in the model.
    pub charm: String,
    /// How many units.
    pub units: u32,
    /// Settings.
    pub settings: Vec<(String, Setting)>,
    /// Whether it gets the cloud's credentials.
    pub trust: bool,
    /// Its base.
    pub base: String,
    /// Its channel, if one was named.
    pub channel: Option<String>,
    /// Its constraints.
    pub constraints: BTreeMap<String, String>,
    /// Its resources.
    pub resources: BTreeMap<String, ResourceRow>,
    /// Where the first units go; the others get new machines.
    pub placement: Vec<Placement>,
    /// What its units get of the charm's storage.
    pub storage: BTreeMap<String, StorageRequest>,
    /// Storage of the model that the first unit gets instead of new storage.
    pub attach_storage: Vec<StorageId>,
}

/// New units of an application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// How many.
    pub count: u32,
    /// Where the first of them go; the others get new machines.
    pub placement: Vec<Placement>,
    /// Storage of the model that the first one gets instead of new storage.
    pub attach_storage: Vec<StorageId>,
}

/// Where a unit goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// On a machine of its own.
    NewMachine,
    /// On this machine.
    Machine(String),
}

impl Placement {
    /// Parses one part of `--to`.
    ///
    /// # Errors
    ///
    /// Fails for containers (`lxd:0`), zones and hosts, which this controller does not have.
    pub fn parse(text: &str) -> Result<Self, ChangeError> {
        match text {
            "new" => Ok(Self::NewMachine),
            id if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(Self::Machine(id.to_owned()))
            }
            other => Err(ChangeError::Placement(other.to_owned())),
        }
    }
}

/// Adds an application with its units, machines and peer relations, all at once (Juju 3.6, `juju deploy`), and returns the units.
///
/// # Errors
///
/// Fails when the model is going, the name is taken or no name, there is no such charm or machine, settings or resources do not fit the
/// charm, or no address is left.
pub fn deploy(
    model: &mut Model,
    addresses: &mut Addresses,
    new: NewApplication,
    now: Timestamp,
) -> Result<Vec<UnitName>, ChangeError> {
    if model.info.life != Life::Alive {
        return Err(ChangeError::ModelDying(model.info.name.clone()));
    }
    application_name(&new.name)?;
    // 4.0 looks for the name last (recorded).
    let is_late = model.info.juju == JujuVersion::V4_0;
    if !is_late {
        check_free(model, &new.name)?;
    }
    let charm = model
        .charms
        .get(&new.charm)
        .ok_or_else(|| ChangeError::CharmNotFound(new.charm.clone()))?
        .charm
        .clone();
    check_resources(&charm, new.resources.keys())?;
    let settings = parse_settings(&charm, &new.settings)?;
    let storage = plan_storage(
        &charm,
        &new.storage,
        &model.info.storage,
        model.config("storage-default-filesystem-source"),
    )?;
    if is_late {
        for placement in &new.placement {
            if let Placement::Machine(id) = placement {
                alive_machine(model, id.clone())?;
            }
        }
        if let Some(id) = new
            .attach_storage
            .iter()
            .find(|id| model.storage.get(*id).is_none())
        {
            return Err(StorageError::NotFound(id.clone()).into());
        }
        check_free(model, &new.name)?;
    }
    let mut config = BTreeMap::new();
    apply(&mut config, &settings);

    let mut constraints = new.constraints;
    if !charm.metadata.subordinate {
        // Juju writes the architecture down at once, and 4.0 all constraints of the model with it.
        for (name, value) in &model.info.constraints {
            if name == "arch" || model.info.juju == JujuVersion::V4_0 {
                constraints
                    .entry(name.clone())
                    .or_insert_with(|| value.clone());
            }
        }
        constraints
            .entry("arch".to_owned())
            .or_insert_with(|| DEFAULT_ARCH.to_owned());
    }
    let application = Application {
        name: new.name.clone(),
        charm: new.charm,
        charm_modified: 0,
        life: Life::Alive,
        config,
        trust: new.trust || settings.trust.unwrap_or_default(),
        exposed: false,
        exposed_endpoints: BTreeMap::new(),
        annotations: BTreeMap::new(),
        base: new.base,
        channel: new.channel,
        constraints,
        status: None,
        leader: None,
        next_unit: model
            .info
            .unit_counters
            .get(&new.name)
            .copied()
            .unwrap_or_default(),
        workload_version: None,
        resources: new.resources,
        leader_settings: Bag::default(),
        force_charm: false,
        storage,
    };
    model.applications.insert(new.name.clone(), application);
    let peers: Vec<CharmEndpoint> = charm
        .metadata
        .endpoints_with_role(Role::Peer)
        .cloned()
        .collect();
    add_peer_relations(model, &new.name, &peers, now);
    if charm.metadata.subordinate {
        // Its units come with those of its principals.
        return Ok(Vec::new());
    }
    let places = Places {
        count: new.units,
        placement: new.placement,
        attach_storage: new.attach_storage,
    };
    place_units(model, addresses, &new.name, places, now)
}

/// Checks that no application has the name.
fn check_free(model: &Model, name: &str) -> Result<(), ChangeError> {
    if model.applications.contains(name) {
        return Err(ChangeError::ApplicationExists(name.to_owned()));
    }
    if model.remote_applications.contains(name) {
        return Err(ChangeError::RemoteApplicationExists(name.to_owned()));
    }
    Ok(())
}

/// Adds units to an application (Juju 3.6, `juju add-unit`) and returns them.
///
/// # Errors
///
/// Fails when there is no such application or machine, one of them is going, or no address is left.
pub fn add_units(
    model: &mut Model,
    addresses: &mut Addresses,
    application: &str,
    places: Places,
    now: Timestamp,
) -> Result<Vec<UnitName>, ChangeError> {
    let row = model
        .applications
        .get(application)
        .ok_or_else(|| ChangeError::ApplicationNotFound(application.to_owned()))?;
    if row.life != Life::Alive {
        return Err(ChangeError::ApplicationDying(application.to_owned()));
    }
    if model.is_subordinate(application) {
        return Err(ChangeError::AddSubordinate {
            application: application.to_owned(),
            count: places.count,
        });
    }
    place_units(model, addresses, application, places, now)
}

/// Adds the unit of a subordinate application beside a principal unit, unless it is there, and returns it (Juju 3.6: when the
/// principal enters the scope of a relation within its container).
pub fn add_subordinate(
    model: &mut Model,
    application: &str,
    principal: &UnitName,
    now: Timestamp,
) -> Option<UnitName> {
    let machine = model.units.get(principal)?.machine.clone();
    let there = model
        .subordinates_of(principal)
        .any(|unit| unit.name.application() == application);
    if there || !model.applications.contains(application) {
        return None;
    }
    let unit = add_unit(model, application, machine, Some(principal.clone()), now);
    let furnished = furnish_unit(model, &unit, &[], now);
    debug_assert!(furnished.is_ok(), "nothing was to be attached");
    Some(unit)
}

/// Adds the relations of peer endpoints; they take numbers like all others.
pub(super) fn add_peer_relations(
    model: &mut Model,
    application: &str,
    peers: &[CharmEndpoint],
    now: Timestamp,
) {
    for peer in peers {
        let endpoint = Endpoint {
            application: application.to_owned(),
            name: peer.name.clone(),
            role: peer.role,
            interface: peer.interface.clone(),
        };
        add_relation_record(model, vec![endpoint], peer.scope, now);
    }
}

/// Adds the record of a relation and returns its number.
pub(super) fn add_relation_record(
    model: &mut Model,
    endpoints: Vec<Endpoint>,
    scope: Scope,
    now: Timestamp,
) -> RelationId {
    let info = model.info_mut();
    let id = info.next_relation;
    info.next_relation += 1;
    let applications = endpoints
        .iter()
        .map(|endpoint| (endpoint.application.clone(), Bag::default()))
        .collect();
    let relation = Relation {
        id,
        endpoints,
        scope,
        life: Life::Alive,
        applications,
        members: BTreeMap::new(),
        since: now,
        force_at: None,
        cross_model: None,
        egress: Vec::new(),
    };
    model.relations.insert(id, relation);
    id
}

fn place_units(
    model: &mut Model,
    addresses: &mut Addresses,
    application: &str,
    places: Places,
    now: Timestamp,
) -> Result<Vec<UnitName>, ChangeError> {
    let mut placement = places.placement.into_iter();
    (0..places.count)
        .map(|number| {
            let machine = match placement.next() {
                Some(Placement::Machine(id)) => alive_machine(model, id)?,
                Some(Placement::NewMachine) | None => {
                    machine_for(model, addresses, application, now)?
                }
            };
            let unit = add_unit(model, application, machine, None, now);
            let attach = match number {
                0 => places.attach_storage.as_slice(),
                _ => &[],
            };
            furnish_unit(model, &unit, attach, now)?;
            Ok(unit)
        })
        .collect()
}

fn alive_machine(model: &Model, id: String) -> Result<String, ChangeError> {
    match model.machines.get(&id) {
        None => Err(ChangeError::MachineNotFound(id)),
        Some(machine) if machine.life != Life::Alive => Err(ChangeError::MachineDying(id)),
        Some(_) => Ok(id),
    }
}

/// Adds a machine for units of an application.
fn machine_for(
    model: &mut Model,
    addresses: &mut Addresses,
    application: &str,
    now: Timestamp,
) -> Result<String, ChangeError> {
    let row = model.applications.get(application);
    let (base, constraints) = row
        .map(|row| (row.base.clone(), row.constraints.clone()))
        .unwrap_or_default();
    add_machine(model, addresses, &base, constraints, now)
}

/// Adds a machine (Juju 3.6, `juju add-machine`) and returns its id; constraints of the model count where none are given.
///
/// # Errors
///
/// Fails when no address is left.
pub fn add_machine(
    model: &mut Model,
    addresses: &mut Addresses,
    base: &str,
    mut constraints: BTreeMap<String, String>,
    now: Timestamp,
) -> Result<String, ChangeError> {
    let number = model.info.next_machine;
    let address = addresses
        .take(&model.info.uuid, number)
        .ok_or(ChangeError::NoAddress)?;
    model.info_mut().next_machine += 1;
    for (key, value) in &model.info.constraints {
        constraints
            .entry(key.clone())
            .or_insert_with(|| value.clone());
    }
    let id = number.to_string();
    model.machines.insert(
        id.clone(),
        Machine {
            id: id.clone(),
            address,
            base: base.split('/').next().unwrap_or_default().to_owned(),
            life: Life::Alive,
            since: now,
            constraints,
            annotations: BTreeMap::new(),
        },
    );
    Ok(id)
}

fn add_unit(
    model: &mut Model,
    application: &str,
    machine: String,
    principal: Option<UnitName>,
    now: Timestamp,
) -> UnitName {
    let number = model.applications.get_mut(application).map_or(0, |row| {
        row.next_unit += 1;
        row.next_unit - 1
    });
    let name = UnitName::new(application, number);
    let unit = Unit {
        name: name.clone(),
        machine,
        principal,
        life: Life::Alive,
        workload: Status::new(Workload::Waiting, "waiting for machine", now),
        charm_set_status: false,
        agent: Status::new(AgentStatus::Allocating, "", now),
        workload_version: None,
        ports: BTreeMap::<String, BTreeSet<_>>::new(),
        charm_state: BTreeMap::new(),
        progress: UnitProgress::default(),
        resolved: None,
        force_at: None,
    };
    model.units.insert(name.clone(), unit);
    name
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::add_charm;
    use super::super::fixture::{addresses, charm, deployed, full_charm, model, new_application};
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn places(count: u32, placement: Vec<Placement>) -> Places {
        Places {
            count,
            placement,
            ..Places::default()
        }
    }

    fn machines(model: &Model) -> Vec<(&str, &str)> {
        model
            .units
            .values()
            .map(|unit| (unit.name.as_str(), unit.machine.as_str()))
            .collect()
    }

    #[test]
    fn everything_is_there_at_once() {
        let mut model = model();
        deployed(
            &mut model,
            "db",
            charm("db", "peers: {ring: r, other: {interface: o}}"),
            2,
        );
        deployed(&mut model, "web", charm("web", "peers: {ring: r}"), 1);
        assert_eq!(
            machines(&model),
            [("db/0", "0"), ("db/1", "1"), ("web/0", "2")]
        );
        let relations: Vec<_> = model
            .relations
            .values()
            .map(|relation| (relation.id, relation.key()))
            .collect();
        assert_eq!(
            relations,
            [
                (0, "db:ring".to_owned()),
                (1, "db:other".to_owned()),
                (2, "web:ring".to_owned())
            ]
        );
        let unit = model.units.get("db/1").unwrap();
        assert_eq!(
            (unit.agent.current, unit.agent.message.as_str()),
            (AgentStatus::Allocating, "")
        );
        assert_eq!(
            (unit.workload.current, unit.workload.message.as_str()),
            (Workload::Waiting, "waiting for machine")
        );
        assert_eq!(model.applications.get("db").unwrap().leader, None);
        assert_eq!(model.machines.get("0").unwrap().base, "ubuntu@22.04");
    }

    #[test]
    fn placement() {
        let mut model = model();
        deployed(&mut model, "db", charm("db", ""), 1);
        let to = |text: &str| {
            text.split(',')
                .map(|part| Placement::parse(part).unwrap())
                .collect::<Vec<_>>()
        };
        add_units(
            &mut model,
            &mut addresses(),
            "db",
            places(3, to("0,new")),
            NOW,
        )
        .unwrap();
        assert_eq!(
            machines(&model),
            [("db/0", "0"), ("db/1", "0"), ("db/2", "1"), ("db/3", "2")]
        );
        let unknown =
            add_units(&mut model, &mut addresses(), "db", places(1, to("99")), NOW).unwrap_err();
        assert_eq!(unknown.to_string(), "machine 99 not found");
        for odd in ["lxd:0", "lxd", "zone=a", "host", ""] {
            let error = Placement::parse(odd).unwrap_err().to_string();
            assert!(
                error.contains("not supported by the embedded controller"),
                "{error}"
            );
        }
    }

    #[test]
    fn unit_numbers_are_not_used_twice() {
        let mut model = model();
        deployed(&mut model, "db", charm("db", ""), 2);
        super::super::remove_unit_record(&mut model, &UnitName::new("db", 1), NOW);
        add_units(
            &mut model,
            &mut addresses(),
            "db",
            places(1, Vec::new()),
            NOW,
        )
        .unwrap();
        assert_eq!(machines(&model), [("db/0", "0"), ("db/2", "2")]);
    }

    #[test]
    fn settings_and_trust() {
        let mut model = model();
        let url = add_charm(
            &mut model,
            "sha",
            Arc::new(full_charm("a", "", "options: {level: {type: int}}", "")),
        )
        .url;
        let given = [("level", "5"), ("trust", "true")]
            .map(|(k, v)| (k.to_owned(), Setting::Text(v.to_owned())));
        let new = NewApplication {
            settings: given.to_vec(),
            ..new_application("a", &url, 1)
        };
        deploy(&mut model, &mut addresses(), new, NOW).unwrap();
        let row = model.applications.get("a").unwrap();
        assert_eq!((row.config["level"].as_i64(), row.trust), (Some(5), true));
    }

    #[test]
    fn refusals() {
        let mut model = model();
        deployed(&mut model, "db", charm("db", ""), 1);
        let setting = vec![("nosuch".to_owned(), Setting::Text("1".to_owned()))];
        let resource = ResourceRow {
            path: String::new(),
            fingerprint: String::new(),
            size: 0,
            uploaded: NOW,
            store_revision: None,
        };
        let good = new_application("new", "local:db-0", 1);
        for (new, expected) in [
            (
                NewApplication {
                    name: "db".to_owned(),
                    ..good.clone()
                },
                "cannot add application \"db\": application already exists",
            ),
            (
                NewApplication {
                    name: "Bad_Name".to_owned(),
                    ..good.clone()
                },
                "invalid application name \"Bad_Name\"",
            ),
            (
                NewApplication {
                    charm: "local:x-9".to_owned(),
                    ..good.clone()
                },
                "charm \"local:x-9\" not found",
            ),
            (
                NewApplication {
                    settings: setting,
                    ..good.clone()
                },
                "unknown option \"nosuch\"",
            ),
            (
                NewApplication {
                    resources: [("blob".to_owned(), resource)].into(),
                    ..good.clone()
                },
                "unrecognized resource \"blob\"",
            ),
            (
                NewApplication {
                    placement: vec![Placement::Machine("7".to_owned())],
                    ..good.clone()
                },
                "machine 7 not found",
            ),
        ] {
            let mut copy = model.clone();
            let error = deploy(&mut copy, &mut addresses(), new, NOW)
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        super::super::destroy_model(&mut model, super::super::Haste::Orderly, NOW);
        let error = deploy(&mut model, &mut addresses(), good, NOW).unwrap_err();
        assert_eq!(error.to_string(), "model \"m\" is no longer alive");
    }
}
