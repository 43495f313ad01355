//! The report as the value behind JSON and YAML, keys in Juju's order.

use serde_json::{Map, Value, json};

use super::report::{ApplicationPart, MachinePart, Report, Shown, UnitPart};
use super::storage::Holders;
use crate::JujuVersion;
use crate::cli::times::Times;
use crate::cli::{CLOUD, CONTROLLER};
use crate::model::{Life, changes, is_store_url};

impl Report {
    /// Returns the value that `juju status` prints.
    pub(crate) fn to_value(&self, times: &Times) -> Value {
        let applications = self.applications.iter();
        let applications =
            applications.map(|app| (app.name.clone(), app.to_value(times, self.juju)));
        let mut map = Map::new();
        map.insert("model".to_owned(), self.model_value(times));
        map.insert("machines".to_owned(), self.machines_value(times));
        map.insert("applications".to_owned(), keyed(applications));
        self.put_cross_model(&mut map, times);
        map.insert(
            "storage".to_owned(),
            self.storage.to_value(times, Holders::Full),
        );
        let controller = json!({ "timestamp": times.of_day(self.at) });
        map.insert("controller".to_owned(), controller);
        map.into()
    }

    /// Returns the value that `juju status` prints as YAML, which leaves out an empty struct where JSON shows `{}`.
    pub(crate) fn to_yaml_value(&self, times: &Times) -> Value {
        let mut value = self.to_value(times);
        leave_out_empty_structs(&mut value["machines"]);
        value
    }

    /// Returns the machines by id as YAML shows them.
    pub(crate) fn machines_yaml_value(&self, times: &Times) -> Value {
        let mut value = self.machines_value(times);
        leave_out_empty_structs(&mut value);
        value
    }

    /// Returns the machines by id.
    pub(crate) fn machines_value(&self, times: &Times) -> Value {
        keyed(
            self.machines
                .iter()
                .map(|machine| (machine.id.clone(), machine.to_value(times, self.juju))),
        )
    }

    fn model_value(&self, times: &Times) -> Value {
        let mut value = json!({
            "name": self.model,
            "type": "iaas",
            "controller": CONTROLLER,
            "cloud": CLOUD,
            "region": CLOUD,
            "version": self.juju.number(),
            "model-status": self.model_status.to_value(times),
        });
        if self.juju == JujuVersion::V3_6 {
            value["sla"] = "unsupported".into();
        }
        value
    }
}

impl Shown {
    pub(super) fn to_value(&self, times: &Times) -> Value {
        Value::Object(self.to_map(times))
    }

    fn to_map(&self, times: &Times) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("current".to_owned(), self.current.into());
        if !self.message.is_empty() {
            map.insert("message".to_owned(), self.message.clone().into());
        }
        if let Some(since) = self.since {
            map.insert("since".to_owned(), times.since(since).into());
        }
        map
    }
}

impl MachinePart {
    fn to_value(&self, times: &Times, juju: JujuVersion) -> Value {
        let status = |current, message: &str| {
            let shown = Shown {
                current,
                message: message.to_owned(),
                since: Some(self.since),
            };
            shown.to_map(times)
        };
        let mut agent = status("started", "");
        let mut instance = status("running", "Running");
        let mut modification = status("applied", "");
        match juju {
            JujuVersion::V3_6 => {
                agent.insert("version".to_owned(), juju.number().into());
            }
            JujuVersion::V4_0 => {
                instance.extend(life(Life::Alive, juju));
                modification.clear();
            }
        }
        agent.extend(life(self.life, juju));
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        put("juju-status", agent.into());
        put("hostname", self.hostname.clone().into());
        put("dns-name", self.address.clone().into());
        put("ip-addresses", json!([self.address]));
        put("instance-id", self.hostname.clone().into());
        put("machine-status", instance.into());
        put("modification-status", modification.into());
        put("base", base(&self.base));
        let interface = json!({
            "ip-addresses": [format!("{}/8", self.address)],
            "mac-address": "00:00:00:00:00:00",
            "space": "alpha",
            "is-up": true,
        });
        put("network-interfaces", json!({ "lo": interface }));
        if !self.constraints.is_empty() {
            put("constraints", self.constraints.clone().into());
        }
        put("hardware", self.hardware.clone().into());
        map.into()
    }
}

impl ApplicationPart {
    fn to_value(&self, times: &Times, juju: JujuVersion) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        let (charm, origin) = if is_store_url(&self.charm) {
            (&self.charm_name, "charmhub")
        } else {
            (&self.charm, "local")
        };
        put("charm", charm.clone().into());
        put("base", base(&self.base));
        put("charm-origin", origin.into());
        put("charm-name", self.charm_name.clone().into());
        put("charm-rev", self.charm_rev.into());
        for (key, value) in [
            ("charm-channel", &self.charm_channel),
            ("charm-version", &self.charm_version),
            ("can-upgrade-to", &self.can_upgrade_to),
        ] {
            if let Some(value) = value {
                put(key, value.clone().into());
            }
        }
        put("exposed", self.exposed.into());
        if let Some((key, life)) = life(self.life, juju) {
            put(&key, life);
        }
        put("application-status", self.status.to_value(times));
        if !self.relations.is_empty() {
            let related = |(endpoint, others): (&String, &Vec<super::report::RelatedPart>)| {
                let others = others.iter().map(|other| {
                    json!({ "related-application": other.application, "interface": other.interface, "scope": other.scope })
                });
                (endpoint.clone(), others.collect::<Value>())
            };
            put("relations", keyed(self.relations.iter().map(related)));
        }
        if !self.subordinate_to.is_empty() {
            put("subordinate-to", json!(self.subordinate_to));
        }
        if !self.units.is_empty() {
            put("units", units(&self.units, times, juju));
        }
        if let Some(version) = &self.version {
            put("version", version.clone().into());
        }
        let bindings = self
            .bound
            .iter()
            .map(|name| (name.clone(), Value::from(changes::ALPHA)));
        put("endpoint-bindings", keyed(bindings));
        map.into()
    }
}

impl UnitPart {
    fn to_value(&self, times: &Times, juju: JujuVersion, is_principal: bool) -> Value {
        let mut agent = self.agent.to_map(times);
        agent.insert("version".to_owned(), juju.number().into());
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        put("workload-status", self.workload.to_value(times));
        put("juju-status", agent.into());
        if self.leader {
            put("leader", true.into());
        }
        if is_principal && !self.machine.is_empty() {
            put("machine", self.machine.clone().into());
        }
        if !self.ports.is_empty() {
            put("open-ports", json!(self.ports));
        }
        if let Some(address) = &self.address {
            put("public-address", address.clone().into());
        }
        if !self.subordinates.is_empty() {
            let subordinates = self
                .subordinates
                .iter()
                .map(|unit| (unit.name.to_string(), unit.to_value(times, juju, false)));
            put("subordinates", keyed(subordinates));
        }
        map.into()
    }
}

fn units(units: &[UnitPart], times: &Times, juju: JujuVersion) -> Value {
    keyed(
        units
            .iter()
            .map(|unit| (unit.name.to_string(), unit.to_value(times, juju, true))),
    )
}

/// Takes the one struct out of machines that can be empty (recorded 4.0.15).
fn leave_out_empty_structs(machines: &mut Value) {
    let all = machines.as_object_mut().into_iter();
    for machine in all
        .flat_map(Map::values_mut)
        .filter_map(Value::as_object_mut)
    {
        if machine.get("modification-status") == Some(&json!({})) {
            // The order of the keys stays.
            machine.shift_remove("modification-status");
        }
    }
}

/// Returns the entry for a life: Juju 3.6 leaves out `alive`, 4.0 does not.
fn life(life: Life, juju: JujuVersion) -> Option<(String, Value)> {
    let shown = life != Life::Alive || juju == JujuVersion::V4_0;
    shown.then(|| ("life".to_owned(), life.as_str().into()))
}

fn base(text: &str) -> Value {
    let (name, channel) = text.split_once('@').unwrap_or((text, ""));
    json!({ "name": name, "channel": channel.strip_suffix("/stable").unwrap_or(channel) })
}

fn keyed(entries: impl Iterator<Item = (String, Value)>) -> Value {
    Value::Object(entries.collect())
}
