//! Offers, the applications that a model consumes, and relations across models.

use charmtest_charm::{Endpoint as CharmEndpoint, Scope};
use jiff::Timestamp;

use super::deploy::add_relation_record;
use super::relate::plan_relation;
use super::removal::{end_relation, remove_remote_application_if_empty};
use super::{ChangeError, EndpointName, Haste, OfferUrl, add_relation};
use crate::JujuVersion;
use crate::model::{
    CrossModel, Endpoint, Life, Model, ModelUuid, Offer, Rejected, RelationId, RemoteApplication,
    State, Suspension, application_name, random_hex, random_uuid,
};

/// The one user, who owns all models.
const USER: &str = "admin";

/// Why a change across models is refused. The words depend on the version of Juju, see [`OfferError::words`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferError {
    /// A change within a model is refused.
    Change(ChangeError),
    /// There is no application of this name to be offered in the model with this UUID.
    NoApplication(String, ModelUuid),
    /// The application has no such endpoint to be offered.
    NoEndpoint {
        /// The offer.
        offer: String,
        /// The application.
        application: String,
        /// The endpoint.
        endpoint: String,
    },
    /// The offer's name is no name.
    Name(String),
    /// The offer cannot be changed this way while others are connected to it.
    InUse(String),
    /// There is no such model (with its owner).
    NoModel(String),
    /// There is no such offer (its URL without the controller).
    NoOffer(String),
    /// There is no such offer to remove (its name).
    NoOfferToRemove(String),
    /// Others are connected to the offer.
    Connected {
        /// The offer's name.
        offer: String,
        /// Its UUID.
        uuid: String,
        /// How many relations there are.
        count: usize,
    },
    /// The name is that of an application of the model.
    LocalApplication(String),
    /// The name is that of another consumed application.
    OtherOffer(String),
    /// The model consumes no such application.
    NoRemoteApplication(String),
    /// Both sides of the relation are consumed applications.
    BothRemote(String, String),
    /// The relation (its key) was not made to an offer of the model.
    NotOffered(String),
}

impl From<ChangeError> for OfferError {
    fn from(error: ChangeError) -> Self {
        Self::Change(error)
    }
}

impl From<Rejected> for OfferError {
    fn from(error: Rejected) -> Self {
        Self::Change(error.into())
    }
}

impl OfferError {
    /// Returns what `juju` says. The words of 4.0 are recorded, those of 3.6 are from its sources.
    pub fn words(&self, juju: JujuVersion) -> String {
        use JujuVersion::{V3_6, V4_0};
        match (self, juju) {
            (Self::Change(error), _) => error.to_string(),
            (Self::NoApplication(name, _), V3_6) => {
                format!("getting offered application {name}: application {name:?} not found")
            }
            (Self::NoApplication(name, model), V4_0) => {
                format!("application {name:?} not found in model {:?}", model.0)
            }
            (
                Self::NoEndpoint {
                    offer,
                    application,
                    endpoint,
                },
                V3_6,
            ) => format!(
                "cannot add application offer {offer:?}: getting relation endpoint for relation {endpoint:?} and application \
                 {application:?}: application {application:?} has no {endpoint:?} relation"
            ),
            (
                Self::NoEndpoint {
                    offer, endpoint, ..
                },
                V4_0,
            ) => {
                format!("creating offer {offer:?}: {endpoint:?}: endpoint not found")
            }
            (Self::Name(name), _) => format!("offer name {name:?} not valid"),
            (Self::InUse(name), _) => format!(
                "cannot update application offer {name:?}: its relations need the endpoints that it has; remove them first"
            ),
            (Self::NoModel(name), V3_6) => format!("model {name:?} not found"),
            (Self::NoModel(name), V4_0) => format!("model {name:?}: not found"),
            (Self::NoOffer(url), _) => format!("application offer {url:?} not found"),
            (Self::NoOfferToRemove(name), V3_6) => format!(
                "cannot delete application offer {name:?}: application offer {name:?} not found"
            ),
            (Self::NoOfferToRemove(name), V4_0) => format!("{name:?}: offer not found"),
            (Self::Connected { offer, count, .. }, V3_6) => format!(
                "cannot delete application offer {offer:?}: offer has {count} relation{}",
                if *count == 1 { "" } else { "s" }
            ),
            (Self::Connected { uuid, count, .. }, V4_0) => format!(
                "deleting offer {uuid:?}: cannot delete offer {{{uuid:?}}}, it has {count} connections"
            ),
            (Self::LocalApplication(name), _) => format!(
                "cannot add saas application {name:?}: local application with same name already exists"
            ),
            (Self::OtherOffer(name), _) => {
                format!("cannot add saas application {name:?}: saas application already exists")
            }
            (Self::NoRemoteApplication(name), _) => {
                format!("saas application {name:?} not found")
            }
            (Self::BothRemote(a, b), _) => {
                format!("cannot add relation between remote applications {a:?} and {b:?}")
            }
            (Self::NotOffered(key), V3_6) => format!(
                "cannot set suspend status for {key:?} which is not associated with an offer"
            ),
            (Self::NotOffered(_), V4_0) => {
                "relation must be a remote relation to be suspended".to_owned()
            }
        }
    }
}

/// Offers endpoints of an application to other models, or changes the offer of that name (Juju 3.6, `juju offer`).
///
/// The recorded 4.0.15 takes names that are none and cannot list the model's offers from then on; here they are refused.
///
/// # Errors
///
/// Fails when there is no such application or endpoint, the name is no name, and when relations to the offer need what it would lose.
pub fn offer(
    model: &mut Model,
    application: &str,
    endpoints: &[String],
    name: &str,
) -> Result<(), OfferError> {
    if model.info.life != Life::Alive {
        return Err(ChangeError::ModelDying(model.info.name.clone()).into());
    }
    let missing = || OfferError::NoApplication(application.to_owned(), model.info.uuid.clone());
    if !model.applications.contains(application) {
        return Err(missing());
    }
    let charm = model.charm_of(application).ok_or_else(missing)?;
    if let Some(endpoint) = endpoints
        .iter()
        .find(|endpoint| charm.charm.metadata.endpoint(endpoint).is_none())
    {
        return Err(OfferError::NoEndpoint {
            offer: name.to_owned(),
            application: application.to_owned(),
            endpoint: endpoint.clone(),
        });
    }
    if application_name(name).is_err() {
        return Err(OfferError::Name(name.to_owned()));
    }
    let existing = model.offers.get(name);
    if let Some(existing) = existing {
        let loses = |endpoint: &Endpoint| {
            existing.application != application || !endpoints.contains(&endpoint.name)
        };
        let breaks = existing.connections(model).any(|relation| {
            relation
                .endpoint_of(&existing.application)
                .is_some_and(loses)
        });
        if breaks {
            return Err(OfferError::InUse(name.to_owned()));
        }
    }
    let uuid = existing.map_or_else(random_uuid, |offer| offer.uuid.clone());
    let users = existing.map(|offer| offer.users.clone());
    let offer = Offer {
        name: name.to_owned(),
        uuid,
        application: application.to_owned(),
        endpoints: endpoints.to_vec(),
        users: users.unwrap_or_default(),
    };
    model.offers.insert(name.to_owned(), offer);
    Ok(())
}

/// Finds the offer that a URL names.
///
/// # Errors
///
/// Fails when there is no such model, or no such offer in it.
pub fn find_offer<'a>(
    state: &'a State,
    url: &OfferUrl,
) -> Result<(&'a Model, &'a Offer), OfferError> {
    let owner = url.owner.as_deref().unwrap_or(USER);
    let model = state
        .models
        .values()
        .find(|model| model.info.name == url.model && model.info.owner == owner)
        .ok_or_else(|| OfferError::NoModel(url.qualified_model(USER)))?;
    let offer = model.offers.get(&url.offer);
    let offer = offer.ok_or_else(|| OfferError::NoOffer(url.path(USER)))?;
    Ok((model, offer))
}

/// Makes an offer usable in a model, under the name `alias` or its own (Juju 3.6, `juju consume`), and returns the name.
///
/// Consuming it again under the same name takes up changes of the offer; a consumed application whose offer is gone is replaced.
///
/// # Errors
///
/// Fails when there is no such offer, and when the name is taken.
pub fn consume(
    state: &mut State,
    consumer: &ModelUuid,
    url: &OfferUrl,
    alias: Option<&str>,
    now: Timestamp,
) -> Result<String, OfferError> {
    let (model, offer) = find_offer(state, url)?;
    let name = alias.unwrap_or(&offer.name).to_owned();
    let source = url.controller.as_deref();
    let source = source.map(|name| format!("{name}:")).unwrap_or_default();
    let mut row = RemoteApplication {
        name: name.clone(),
        url: format!("{source}{}", url.path(USER)),
        offer: offer.uuid.clone(),
        model: model.info.uuid.clone(),
        endpoints: offer.endpoints_in(model).into_values().cloned().collect(),
        life: Life::Alive,
        since: now,
    };
    let model = state
        .models
        .get(consumer)
        .ok_or_else(|| Rejected(consumer.clone()))?;
    if model.info.life != Life::Alive {
        return Err(ChangeError::ModelDying(model.info.name.clone()).into());
    }
    if model.applications.contains(&name) {
        return Err(OfferError::LocalApplication(name));
    }
    let mut replaced = false;
    if let Some(existing) = model.remote_applications.get(&name) {
        let is_over = existing.offer_in(state).is_none();
        if existing.life != Life::Alive || (existing.offer != row.offer && !is_over) {
            return Err(OfferError::OtherOffer(name));
        }
        replaced = existing.offer != row.offer;
        if !replaced {
            row.since = existing.since;
        }
    }
    if let Some(model) = state.model_mut(consumer) {
        if replaced {
            end_relations_of(model, &name, Haste::Forced);
        }
        model.remote_applications.insert(name.clone(), row);
    }
    Ok(name)
}

/// Relates two applications of a model, of which one may be a consumed one (Juju 3.6, `juju integrate`), and returns the relation's
/// number in this model. `egress` are the subnets that traffic of this side comes from.
///
/// # Errors
///
/// Fails as [`add_relation`] does, and when both sides are consumed applications or the offer is gone.
pub fn relate(
    state: &mut State,
    uuid: &ModelUuid,
    a: &EndpointName,
    b: &EndpointName,
    egress: &[String],
    now: Timestamp,
) -> Result<RelationId, OfferError> {
    let model = state
        .models
        .get(uuid)
        .ok_or_else(|| Rejected(uuid.clone()))?;
    let remote = |side: &EndpointName| model.remote_applications.get(&side.application);
    let row = match (remote(a), remote(b)) {
        (Some(_), Some(_)) => {
            return Err(OfferError::BothRemote(
                a.application.clone(),
                b.application.clone(),
            ));
        }
        (Some(row), None) | (None, Some(row)) => row.clone(),
        (None, None) => {
            let model = state.model_mut(uuid);
            let model = model.ok_or_else(|| Rejected(uuid.clone()))?;
            let id = add_relation(model, a, b, now)?;
            set_egress(model, id, egress);
            return Ok(id);
        }
    };
    let (plan, _) = plan_relation(model, a, b)?;
    let Some((offering, offer)) = row.offer_in(state) else {
        let url = row.url.rsplit(':').next().unwrap_or_default();
        return Err(OfferError::NoOffer(url.to_owned()));
    };
    let offering_uuid = offering.info.uuid.clone();
    let (offer_uuid, offered) = (offer.uuid.clone(), offer.application.clone());
    let local = if a.application == row.name { b } else { a };
    let alias = consumer_alias(state, uuid, &row.name, &local.application, offering, offer);
    let there: Vec<Endpoint> = plan
        .iter()
        .map(|endpoint| Endpoint {
            application: if endpoint.application == row.name {
                offered.clone()
            } else {
                alias.clone()
            },
            ..endpoint.clone()
        })
        .collect();
    let link = |model: &ModelUuid, relation, application: &str, offer| CrossModel {
        model: model.clone(),
        relation,
        application: application.to_owned(),
        offer,
        suspended: None,
    };
    let here_id = new_half(state, uuid, plan, now)?;
    let there_id = new_half(state, &offering_uuid, there, now)?;
    let here = link(&offering_uuid, there_id, &row.name, None);
    let there = link(uuid, here_id, &alias, Some(offer_uuid));
    for (model, id, cross) in [(uuid, here_id, here), (&offering_uuid, there_id, there)] {
        let model = state.model_mut(model);
        if let Some(relation) = model.and_then(|model| model.relations.get_mut(&id)) {
            relation.cross_model = Some(cross);
            relation.egress = egress.to_vec();
        }
    }
    Ok(here_id)
}

/// Takes an offer back (Juju 3.6, `juju remove-offer`). With force relations to it end as by `juju remove-relation --force`.
///
/// # Errors
///
/// Fails when there is no such offer, and without force when there are relations to it.
pub fn remove_offer(model: &mut Model, name: &str, haste: Haste) -> Result<(), OfferError> {
    let offer = model.offers.get(name);
    let offer = offer.ok_or_else(|| OfferError::NoOfferToRemove(name.to_owned()))?;
    let connections: Vec<RelationId> = offer
        .connections(model)
        .map(|relation| relation.id)
        .collect();
    if !connections.is_empty() && haste == Haste::Orderly {
        return Err(OfferError::Connected {
            offer: name.to_owned(),
            uuid: offer.uuid.clone(),
            count: connections.len(),
        });
    }
    model.offers.remove(name);
    for id in connections {
        end_relation(model, id, haste);
    }
    Ok(())
}

/// Removes a consumed application with its relations (Juju 3.6, `juju remove-saas`).
///
/// # Errors
///
/// Fails when there is none of this name.
pub fn remove_remote_application(
    model: &mut Model,
    name: &str,
    haste: Haste,
) -> Result<(), OfferError> {
    let row = model.remote_applications.get_mut(name);
    let row = row.ok_or_else(|| OfferError::NoRemoteApplication(name.to_owned()))?;
    row.life = Life::Dying;
    end_relations_of(model, name, haste);
    remove_remote_application_if_empty(model, name);
    Ok(())
}

/// Suspends a relation to an offer of the model, or resumes it when no `suspension` is given (Juju 3.6, `juju suspend-relation`).
/// What is as asked already stays as it is.
///
/// # Errors
///
/// Fails when there is no such relation, or it was not made to an offer.
pub fn set_suspended(
    model: &mut Model,
    id: RelationId,
    suspension: Option<Suspension>,
) -> Result<(), OfferError> {
    let relation = model.relations.get(&id);
    let relation = relation.ok_or(ChangeError::RelationIdNotFound(id))?;
    let cross = relation.cross_model.as_ref();
    let cross = cross.filter(|cross| cross.offer.is_some());
    let cross = cross.ok_or_else(|| OfferError::NotOffered(relation.key()))?;
    if cross.suspended.is_some() == suspension.is_some() {
        return Ok(());
    }
    if let Some(cross) = model
        .relations
        .get_mut(&id)
        .and_then(|relation| relation.cross_model.as_mut())
    {
        cross.suspended = suspension;
    }
    Ok(())
}

/// Ends all relations with an application of another model.
fn end_relations_of(model: &mut Model, name: &str, haste: Haste) {
    let ids: Vec<RelationId> = model
        .relations_of(name)
        .map(|relation| relation.id)
        .collect();
    for id in ids {
        end_relation(model, id, haste);
    }
}

fn new_half(
    state: &mut State,
    uuid: &ModelUuid,
    endpoints: Vec<Endpoint>,
    now: Timestamp,
) -> Result<RelationId, OfferError> {
    let model = state.model_mut(uuid);
    let model = model.ok_or_else(|| Rejected(uuid.clone()))?;
    Ok(add_relation_record(model, endpoints, Scope::Global, now))
}

fn set_egress(model: &mut Model, id: RelationId, egress: &[String]) {
    if !egress.is_empty()
        && let Some(relation) = model.relations.get_mut(&id)
    {
        relation.egress = egress.to_vec();
    }
}

/// Returns what the consuming application is called in the offering model: one name for all relations of one application to an offer.
fn consumer_alias(
    state: &State,
    consumer: &ModelUuid,
    remote: &str,
    application: &str,
    offering: &Model,
    offer: &Offer,
) -> String {
    let is_ours = |cross: &&CrossModel| {
        let half = state
            .models
            .get(consumer)
            .filter(|_| cross.model == *consumer)
            .and_then(|model| model.relations.get(&cross.relation));
        let sides = [remote, application];
        half.is_some_and(|half| sides.iter().all(|name| half.endpoint_of(name).is_some()))
    };
    let mut known = offer
        .connections(offering)
        .filter(|relation| relation.life == Life::Alive)
        .filter_map(|relation| relation.cross_model.as_ref())
        .filter(is_ours);
    if let Some(cross) = known.next() {
        return cross.application.clone();
    }
    loop {
        let name = format!("remote-{}", random_hex(16));
        // All digits after a hyphen would be no name.
        if application_name(&name).is_ok() {
            return name;
        }
    }
}

/// Returns the endpoints that a name can mean: those of an application's charm, or those that were offered.
pub(super) fn endpoints_of(model: &Model, application: &str) -> Option<Vec<CharmEndpoint>> {
    if let Some(row) = model.charm_of(application) {
        return Some(row.charm.metadata.endpoints.clone());
    }
    let row = model.remote_applications.get(application)?;
    Some(row.endpoints.clone())
}
