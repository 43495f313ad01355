//! What `juju status` shows of other models: consumed applications (SAAS) and offers.

use serde_json::{Map, Value, json};

use super::derive;
use super::report::{Report, Shown};
use super::selection::Selection;
use crate::JujuVersion;
use crate::cli::table::TextTable;
use crate::cli::times::Times;
use crate::model::{Life, Model, Offer, RemoteApplication, State, Workload};

/// A consumed application.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ConsumedPart {
    name: String,
    url: String,
    endpoints: Vec<EndpointPart>,
    life: Life,
    status: Shown,
    /// Endpoints of the offer with the applications related to them.
    relations: Vec<(String, Vec<String>)>,
}

/// An offer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OfferPart {
    name: String,
    application: String,
    charm: String,
    charm_name: String,
    charm_rev: u32,
    total: usize,
    active: usize,
    endpoints: Vec<EndpointPart>,
}

#[derive(Debug, Clone, PartialEq)]
struct EndpointPart {
    name: String,
    interface: String,
    role: &'static str,
}

impl EndpointPart {
    fn of(endpoint: &charmtest_charm::Endpoint) -> Self {
        Self {
            name: endpoint.name.clone(),
            interface: endpoint.interface.clone(),
            role: endpoint.role.as_str(),
        }
    }
}

/// Returns the consumed applications of `model`; what they do is seen in the models that offer them.
pub(super) fn consumed(state: &State, model: &Model) -> Vec<ConsumedPart> {
    let part = |row: &RemoteApplication| {
        let mut endpoints: Vec<EndpointPart> = row.endpoints.iter().map(EndpointPart::of).collect();
        if model.info.juju == JujuVersion::V4_0 {
            endpoints.push(EndpointPart::of(&charmtest_charm::Endpoint::juju_info()));
        }
        endpoints.sort_by(|a, b| a.name.cmp(&b.name));
        ConsumedPart {
            name: row.name.clone(),
            url: row.url.clone(),
            endpoints,
            life: row.life,
            status: consumed_status(state, row),
            relations: consumed_relations(model, row),
        }
    };
    model.remote_applications.values().map(part).collect()
}

/// Returns the status of the application behind an offer; an offer that was removed has terminated (Juju 3.6).
fn consumed_status(state: &State, row: &RemoteApplication) -> Shown {
    let offered = row
        .offer_in(state)
        .and_then(|(model, offer)| Some((model, model.applications.get(&offer.application)?)));
    match offered {
        Some((model, application)) => derive::application_status(model, application),
        None => Shown {
            current: Workload::Terminated.as_str(),
            message: "offer has been removed".to_owned(),
            since: None,
        },
    }
}

fn consumed_relations(model: &Model, row: &RemoteApplication) -> Vec<(String, Vec<String>)> {
    let mut relations: std::collections::BTreeMap<String, Vec<String>> = Default::default();
    for relation in model.relations_of(&row.name) {
        if let (Some(own), Some(other)) = (
            relation.endpoint_of(&row.name),
            relation.remote_of(&row.name),
        ) {
            let related = relations.entry(own.name.clone()).or_default();
            related.push(other.application.clone());
        }
    }
    for related in relations.values_mut() {
        related.sort();
    }
    relations.into_iter().collect()
}

/// Returns the offers of `model`: in Juju 4.0 only those of applications that `selection` picks (recorded).
pub(super) fn offers(model: &Model, selection: &Selection) -> Vec<OfferPart> {
    let shown = |offer: &&Offer| {
        model.info.juju == JujuVersion::V3_6 || selection.has_application(&offer.application)
    };
    let part = |offer: &Offer| {
        let row = model.charm_of(&offer.application);
        let connections = offer.connections(model);
        OfferPart {
            name: offer.name.clone(),
            application: offer.application.clone(),
            charm: row
                .map(|row| crate::cli::offered_charm(model.info.juju, &row.url))
                .unwrap_or_default(),
            charm_name: row
                .map(|row| row.charm.metadata.name.to_string())
                .unwrap_or_default(),
            charm_rev: row.map_or(0, |row| row.revision),
            total: connections.clone().count(),
            active: connections
                .filter(|relation| relation.status().0 == "joined")
                .count(),
            endpoints: offer
                .endpoints_in(model)
                .into_values()
                .map(EndpointPart::of)
                .collect(),
        }
    };
    model.offers.values().filter(shown).map(part).collect()
}

fn endpoints_value(endpoints: &[EndpointPart]) -> Value {
    let entries = endpoints.iter().map(|endpoint| {
        let value = json!({ "interface": endpoint.interface, "role": endpoint.role });
        (endpoint.name.clone(), value)
    });
    Value::Object(entries.collect())
}

impl ConsumedPart {
    fn to_value(&self, juju: JujuVersion, times: &Times) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        put("url", self.url.clone().into());
        put("endpoints", endpoints_value(&self.endpoints));
        if self.life != Life::Alive || juju == JujuVersion::V4_0 {
            put("life", self.life.as_str().into());
        }
        put("application-status", self.status.to_value(times));
        if !self.relations.is_empty() {
            let relations = self.relations.iter();
            let relations = relations.map(|(name, related)| (name.clone(), json!(related)));
            put("relations", Value::Object(relations.collect()));
        }
        map.into()
    }
}

impl OfferPart {
    fn to_value(&self) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        put("application", self.application.clone().into());
        put("charm", self.charm.clone().into());
        if self.total > 0 {
            put("total-connected-count", self.total.into());
        }
        if self.active > 0 {
            put("active-connected-count", self.active.into());
        }
        put("endpoints", endpoints_value(&self.endpoints));
        map.into()
    }
}

impl Report {
    /// Adds what the model consumes of other models of `state`.
    pub(crate) fn with_consumed(mut self, state: &State, model: &Model) -> Self {
        self.consumed = consumed(state, model);
        self
    }

    /// Puts consumed applications and offers under their keys, if there are any.
    pub(super) fn put_cross_model(&self, map: &mut Map<String, Value>, times: &Times) {
        if !self.consumed.is_empty() {
            let entries = self.consumed.iter();
            let entries = entries.map(|part| (part.name.clone(), part.to_value(self.juju, times)));
            map.insert(
                "application-endpoints".to_owned(),
                Value::Object(entries.collect()),
            );
        }
        if !self.offers.is_empty() {
            let entries = self.offers.iter();
            let entries = entries.map(|part| (part.name.clone(), part.to_value()));
            map.insert("offers".to_owned(), Value::Object(entries.collect()));
        }
    }

    /// Renders the SAAS table.
    pub(super) fn consumed_table(&self) -> String {
        let mut table = TextTable::new(["SAAS", "Status", "Store", "URL"]);
        for part in &self.consumed {
            let (store, url) = part.url.split_once(':').unwrap_or(("local", &part.url));
            table.row([part.name.as_str(), part.status.current, store, url]);
        }
        table.render()
    }

    /// Renders the table of offers: the offer stands in front of its first endpoint only.
    pub(super) fn offers_table(&self) -> String {
        let mut table = TextTable::new([
            "Offer",
            "Application",
            "Charm",
            "Rev",
            "Connected",
            "Endpoint",
            "Interface",
            "Role",
        ]);
        for offer in &self.offers {
            let (rev, connected) = (
                offer.charm_rev.to_string(),
                format!("{}/{}", offer.active, offer.total),
            );
            let head = [
                offer.name.as_str(),
                &offer.application,
                &offer.charm_name,
                &rev,
                &connected,
            ];
            for (index, endpoint) in offer.endpoints.iter().enumerate() {
                let head = if index == 0 { head } else { [""; 5] };
                let tail = [endpoint.name.as_str(), &endpoint.interface, endpoint.role];
                table.row(head.into_iter().chain(tail));
            }
        }
        table.render()
    }
}
