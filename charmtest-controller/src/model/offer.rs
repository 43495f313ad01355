//! Relations across models: offers, the applications that a model consumes, and how the two halves of a relation are joined.

use std::collections::BTreeMap;

use charmtest_charm::Endpoint as CharmEndpoint;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{ModelUuid, RelationId};
use super::state::{Life, Model, State};

/// Endpoints of an application that other models may relate to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The name, unique in its model.
    pub name: String,
    /// What connections refer to it by: an offer that is made anew under the same name is another one.
    pub uuid: String,
    /// The application.
    pub application: String,
    /// Names of endpoints of its charm.
    pub endpoints: Vec<String>,
    /// Access of users beside the owner of the model.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<String, String>,
}

/// An application of another model that this model consumes (SAAS).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoteApplication {
    /// Its name in this model.
    pub name: String,
    /// Where the offer is, as the user wrote it but with its owner: `admin/other.offer`, `controller:admin/other.offer`.
    pub url: String,
    /// The UUID of the offer.
    pub offer: String,
    /// The model of the offer.
    pub model: ModelUuid,
    /// The endpoints that were offered.
    pub endpoints: Vec<CharmEndpoint>,
    /// Whether it is going.
    pub life: Life,
    /// When it was consumed.
    pub since: Timestamp,
}

/// What makes a relation the half of one that joins two models.
///
/// Each model has a relation of its own, with its own number. The application of the other model stands in it under a name of this
/// model, and so do its units: agents see no difference to a relation within the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrossModel {
    /// The model that has the other half.
    pub model: ModelUuid,
    /// The number of the other half there.
    pub relation: RelationId,
    /// What the other model's application is called in this one: the consumed application, or `remote-` and 32 hexadecimal digits on
    /// the side of the offer (Juju 3.6).
    pub application: String,
    /// The UUID of the offer, on the side of the offer.
    pub offer: Option<String>,
    /// Set while the relation is suspended.
    pub suspended: Option<Suspension>,
}

/// That a relation is suspended (`juju suspend-relation`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suspension {
    /// What the user gave as the reason; may be empty.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
}

impl Offer {
    /// Returns the charm's endpoints that are offered, by name.
    pub fn endpoints_in<'a>(&self, model: &'a Model) -> BTreeMap<String, &'a CharmEndpoint> {
        let charm = model.charm_of(&self.application);
        let declared = charm
            .into_iter()
            .flat_map(|row| &row.charm.metadata.endpoints);
        declared
            .filter(|endpoint| self.endpoints.contains(&endpoint.name))
            .map(|endpoint| (endpoint.name.clone(), endpoint))
            .collect()
    }

    /// Iterates over the relations that other models have made to it.
    pub fn connections<'a>(
        &'a self,
        model: &'a Model,
    ) -> impl Iterator<Item = &'a super::relation::Relation> + Clone {
        model.relations.values().filter(move |relation| {
            let cross = relation.cross_model.as_ref();
            cross.is_some_and(|cross| cross.offer.as_ref() == Some(&self.uuid))
        })
    }

    /// Returns the URL without the controller, `admin/model.offer`.
    pub fn url(&self, model: &Model) -> String {
        format!("{}/{}.{}", model.info.owner, model.info.name, self.name)
    }
}

impl RemoteApplication {
    /// Returns the offer with the model that it is in; `None` when it was removed.
    pub fn offer_in<'a>(&self, state: &'a State) -> Option<(&'a Model, &'a Offer)> {
        let model = state.models.get(&self.model)?;
        let offer = model
            .offers
            .values()
            .find(|offer| offer.uuid == self.offer)?;
        Some((model, offer))
    }
}
