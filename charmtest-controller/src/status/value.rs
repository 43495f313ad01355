//! The report as the value behind JSON and YAML, keys in Juju's order.

use serde_json::{Map, Value, json};

use super::report::{ApplicationPart, MachinePart, Report, Shown, UnitPart};
use crate::cli::times::Times;
use crate::cli::{CLOUD, CONTROLLER};
use crate::model::Life;

impl Report {
    /// Returns the value that `juju status` prints.
    pub(crate) fn to_value(&self, times: &Times) -> Value {
        json!({
            "model": self.model_value(times),
            "machines": self.machines_value(times),
            "applications": keyed(self.applications.iter().map(|app| (app.name.clone(), app.to_value(times)))),
            "storage": {},
            "controller": { "timestamp": times.of_day(self.at) },
        })
    }

    /// Returns the machines by id.
    pub(crate) fn machines_value(&self, times: &Times) -> Value {
        keyed(
            self.machines
                .iter()
                .map(|machine| (machine.id.clone(), machine.to_value(times))),
        )
    }

    fn model_value(&self, times: &Times) -> Value {
        json!({
            "name": self.model,
            "type": "iaas",
            "controller": CONTROLLER,
            "cloud": CLOUD,
            "region": CLOUD,
            "version": crate::JUJU_VERSION,
            "model-status": self.model_status.to_value(times),
            "sla": "unsupported",
        })
    }
}

impl Shown {
    fn to_value(&self, times: &Times) -> Value {
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
    fn to_value(&self, times: &Times) -> Value {
        let status = |current, message: &str| Shown {
            current,
            message: message.to_owned(),
            since: Some(self.since),
        };
        let mut agent = status("started", "").to_map(times);
        agent.insert("version".to_owned(), crate::JUJU_VERSION.into());
        if self.life != Life::Alive {
            agent.insert("life".to_owned(), self.life.as_str().into());
        }
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        put("juju-status", agent.into());
        put("hostname", self.hostname.clone().into());
        put("dns-name", self.address.clone().into());
        put("ip-addresses", json!([self.address]));
        put("instance-id", self.hostname.clone().into());
        put(
            "machine-status",
            status("running", "Running").to_value(times),
        );
        put("modification-status", status("applied", "").to_value(times));
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
    fn to_value(&self, times: &Times) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        put("charm", self.charm.clone().into());
        put("base", base(&self.base));
        put("charm-origin", "local".into());
        put("charm-name", self.charm_name.clone().into());
        put("charm-rev", self.charm_rev.into());
        if let Some(version) = &self.charm_version {
            put("charm-version", version.clone().into());
        }
        put("exposed", self.exposed.into());
        if self.life != Life::Alive {
            put("life", self.life.as_str().into());
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
            put("units", units(&self.units, times));
        }
        if let Some(version) = &self.version {
            put("version", version.clone().into());
        }
        let bindings = self
            .endpoints
            .iter()
            .map(|endpoint| (endpoint.clone(), Value::from("alpha")));
        put(
            "endpoint-bindings",
            keyed(std::iter::once((String::new(), Value::from("alpha"))).chain(bindings)),
        );
        map.into()
    }
}

impl UnitPart {
    fn to_value(&self, times: &Times, is_principal: bool) -> Value {
        let mut agent = self.agent.to_map(times);
        agent.insert("version".to_owned(), crate::JUJU_VERSION.into());
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
                .map(|unit| (unit.name.to_string(), unit.to_value(times, false)));
            put("subordinates", keyed(subordinates));
        }
        map.into()
    }
}

fn units(units: &[UnitPart], times: &Times) -> Value {
    keyed(
        units
            .iter()
            .map(|unit| (unit.name.to_string(), unit.to_value(times, true))),
    )
}

fn base(text: &str) -> Value {
    let (name, channel) = text.split_once('@').unwrap_or((text, ""));
    json!({ "name": name, "channel": channel.strip_suffix("/stable").unwrap_or(channel) })
}

fn keyed(entries: impl Iterator<Item = (String, Value)>) -> Value {
    Value::Object(entries.collect())
}
