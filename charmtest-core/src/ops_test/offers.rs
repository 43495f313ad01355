//! Offers to other models, and those of other models.

use super::{Model, awaitable};
use crate::juju::read::readable;
use crate::juju::status::StatusInfo;
use crate::juju::{ApplicationName, Call, JujuError};
use std::collections::BTreeMap;

readable! {
    /// An offer of the model.
    pub struct Offer {
        /// The application that is offered.
        "application" => application: String,
        /// Its charm.
        "charm" => charm: String,
        /// The URL, as [`Model::consume`] and [`Model::integrate`] take it in a model of the same controller.
        "offer-url" => url: String,
        /// The endpoints that are offered.
        "endpoints" => endpoints: BTreeMap<String, OfferEndpoint>,
        /// The relations to it.
        "connections" => connections: Vec<OfferConnection>,
    }
}

readable! {
    /// An endpoint that is offered.
    pub struct OfferEndpoint {
        /// The interface.
        "interface" => interface: String,
        /// `provider` or `requirer`.
        "role" => role: String,
    }
}

readable! {
    /// A relation to an offer.
    pub struct OfferConnection {
        /// The UUID of the model on the other side.
        "source-model-uuid" => model_uuid: String,
        /// Who made it.
        "username" => user: String,
        /// The number of the relation in this model.
        "relation-id" => relation_id: u64,
        /// The endpoint of the offer.
        "endpoint" => endpoint: String,
        /// `joined`, `suspended`, ...
        "status" => status: StatusInfo,
    }
}

impl Model {
    /// Offers endpoints of an application to other models, as `db:database` or `db:a,b`, and returns the offer's URL:
    /// `juju offer`.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model, other: charmtest::ops_test::Model) -> charmtest::Result {
    /// let url = model.offer("db:database").await?;
    /// other.consume(&url).await?;
    /// other.integrate("web", "db").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such application or endpoint.
    pub fn offer(&self, endpoints: &str) -> CreateOffer {
        CreateOffer {
            model: self.clone(),
            endpoints: endpoints.to_owned(),
            name: None,
        }
    }

    /// Returns the offers of the model by name: `juju offers`.
    ///
    /// # Errors
    ///
    /// If the command fails.
    pub async fn offers(&self) -> Result<BTreeMap<String, Offer>, JujuError> {
        let call = self.call(["offers", "--format", "json"]);
        call.read("a list of offers").await
    }

    /// Removes an offer, by name or URL: `juju remove-offer`.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such offer, or it is in use and not [forced](RemoveOffer::force).
    pub fn remove_offer(&self, offer: &str) -> RemoveOffer {
        RemoveOffer {
            model: self.clone(),
            offer: offer.to_owned(),
            force: false,
        }
    }

    /// Makes an offer of another model known in this one, and returns the name that it has here: `juju consume`.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if there is no such offer, or the name is taken.
    pub fn consume(&self, url: &str) -> Consume {
        Consume {
            model: self.clone(),
            url: url.to_owned(),
            alias: None,
        }
    }

    /// Takes back [`Model::consume`]: `juju remove-saas`. Juju does not mind a name that is not there.
    ///
    /// # Errors
    ///
    /// Awaiting it fails if the command does.
    pub fn remove_saas(&self, name: &str) -> RemoveSaas {
        RemoveSaas {
            call: self.call(["remove-saas", name]),
        }
    }
}

/// An offer about to be made: see [`Model::offer`].
#[must_use = "nothing is offered until this is awaited"]
#[derive(Clone, Debug)]
pub struct CreateOffer {
    model: Model,
    endpoints: String,
    name: Option<String>,
}

impl CreateOffer {
    /// Names the offer; it is named as the application without it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    async fn run(self) -> Result<String, JujuError> {
        let (application, endpoints) = self.endpoints.split_once(':').unwrap_or_default();
        if endpoints.is_empty() {
            return Err(JujuError::Unsupported(format!(
                "`{}` says no endpoint to offer; write `application:endpoint`",
                self.endpoints
            )));
        }
        ApplicationName::parse(application)?;
        // Juju takes any text and cannot list the model's offers from then on.
        let name = self.name.as_deref().unwrap_or(application);
        ApplicationName::parse(name)?;
        // `juju offer` has no `--model`: the model is part of what is offered.
        let model = self.model.name();
        let mut call = self
            .model
            .call(["offer", &format!("{model}.{}", self.endpoints)]);
        if let Some(name) = &self.name {
            call = call.arg(name);
        }
        call = call.arg("--controller").arg(self.model.controller());
        let output = call.check().await?;
        // `Application "db" endpoints [database] available at "admin/m.db"`
        let url = output
            .stderr
            .rsplit_once("available at \"")
            .and_then(|(_, rest)| rest.split('"').next());
        match url {
            Some(url) => Ok(url.to_owned()),
            None => offer_url(&self.model, name).await,
        }
    }
}

awaitable!(CreateOffer => Result<String, JujuError>);

/// Returns the URL of an offer of the model.
async fn offer_url(model: &Model, name: &str) -> Result<String, JujuError> {
    let mut offers = model.offers().await?;
    match offers.remove(name) {
        Some(offer) => Ok(offer.url),
        None => Err(JujuError::NotFound(format!(
            "there is no offer `{name}` in the model {}",
            model.full_name()
        ))),
    }
}

/// An offer about to be removed: see [`Model::remove_offer`].
#[must_use = "nothing is removed until this is awaited"]
#[derive(Clone, Debug)]
pub struct RemoveOffer {
    model: Model,
    offer: String,
    force: bool,
}

impl RemoveOffer {
    /// Removes it with the relations to it.
    pub fn force(mut self) -> Self {
        self.force = true;
        self
    }

    async fn run(self) -> Result<(), JujuError> {
        let url = if self.offer.contains(['.', '/', ':']) {
            self.offer
        } else {
            offer_url(&self.model, &self.offer).await?
        };
        let mut call = self.model.call(["remove-offer", &url]);
        call = call.arg("--controller").arg(self.model.controller());
        if self.force {
            call = call.args(["--force", "--yes"]);
        }
        call.check().await?;
        Ok(())
    }
}

awaitable!(RemoveOffer => Result<(), JujuError>);

/// An offer about to be consumed: see [`Model::consume`].
#[must_use = "nothing is consumed until this is awaited"]
#[derive(Clone, Debug)]
pub struct Consume {
    model: Model,
    url: String,
    alias: Option<String>,
}

impl Consume {
    /// Names it in this model; it is named as the offer without it.
    pub fn alias(mut self, alias: impl Into<String>) -> Self {
        self.alias = Some(alias.into());
        self
    }

    async fn run(self) -> Result<String, JujuError> {
        let mut call = self.model.call(["consume", &self.url]);
        if let Some(alias) = &self.alias {
            call = call.arg(ApplicationName::parse(alias)?.as_str());
        }
        let output = call.check().await?;
        // `Added admin/m.db as db`
        let said = output.stderr.trim_end().rsplit_once(" as ");
        let named = said.map(|(_, name)| name.to_owned()).or(self.alias);
        Ok(named.unwrap_or_else(|| self.url.rsplit('.').next().unwrap_or_default().to_owned()))
    }
}

awaitable!(Consume => Result<String, JujuError>);

/// A consumed offer about to be removed: see [`Model::remove_saas`].
#[must_use = "nothing is removed until this is awaited"]
#[derive(Clone, Debug)]
pub struct RemoveSaas {
    call: Call,
}

impl RemoveSaas {
    /// Goes on when something fails.
    pub fn force(mut self) -> Self {
        self.call = self.call.arg("--force");
        self
    }

    async fn run(self) -> Result<(), JujuError> {
        self.call.check().await?;
        Ok(())
    }
}

awaitable!(RemoveSaas => Result<(), JujuError>);
