//! URLs of offers, `[controller:][owner/]model.offer[:endpoint]`.

use std::fmt;

/// Where an offer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferUrl {
    /// The controller, if it was named.
    pub controller: Option<String>,
    /// The owner of the model, if it was named.
    pub owner: Option<String>,
    /// The model.
    pub model: String,
    /// The offer.
    pub offer: String,
    /// The endpoint, if it was named.
    pub endpoint: Option<String>,
}

/// A text that is no URL of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferUrlError {
    /// There is no name of an offer in it.
    NoName,
    /// It makes no sense.
    NotValid(String),
}

impl OfferUrl {
    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// Fails when no offer is named or a part is empty or has characters that no name has.
    pub fn parse(text: &str) -> Result<Self, OfferUrlError> {
        let not_valid = || OfferUrlError::NotValid(text.to_owned());
        // A colon before the model's dot ends the controller, one after it begins the endpoint.
        let (controller, rest) = match text.split_once(':') {
            Some((controller, rest)) if !controller.contains('.') => (Some(controller), rest),
            _ => (None, text),
        };
        let (place, endpoint) = match rest.split_once(':') {
            Some((place, endpoint)) => (place, Some(endpoint)),
            None => (rest, None),
        };
        let place = place.strip_prefix('/').unwrap_or(place);
        let (owner, place) = match place.rsplit_once('/') {
            Some((owner, place)) => (Some(owner), place),
            None => (None, place),
        };
        let Some((model, offer)) = place.split_once('.') else {
            return Err(OfferUrlError::NoName);
        };
        if offer.is_empty() {
            return Err(OfferUrlError::NoName);
        }
        let odd = |part: &str| part.is_empty() || part.contains(['/', ':', '.', ' ']);
        // Owners may be users of other domains, `bob@external`.
        let bad_owner = owner.is_some_and(|owner| owner.is_empty() || owner.contains(['/', ' ']));
        if odd(model) || odd(offer) || bad_owner || endpoint.is_some_and(odd) {
            return Err(not_valid());
        }
        Ok(Self {
            controller: controller
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            owner: owner.map(str::to_owned),
            model: model.to_owned(),
            offer: offer.to_owned(),
            endpoint: endpoint.map(str::to_owned),
        })
    }

    /// Returns the URL without controller and endpoint, with `owner` where none was named: `admin/model.offer`.
    pub fn path(&self, owner: &str) -> String {
        format!("{}.{}", self.qualified_model(owner), self.offer)
    }

    /// Returns the model with its owner, `owner` where none was named.
    pub fn qualified_model(&self, owner: &str) -> String {
        format!("{}/{}", self.owner.as_deref().unwrap_or(owner), self.model)
    }
}

impl fmt::Display for OfferUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(controller) = &self.controller {
            write!(f, "{controller}:")?;
        }
        if let Some(owner) = &self.owner {
            write!(f, "{owner}/")?;
        }
        write!(f, "{}.{}", self.model, self.offer)?;
        match &self.endpoint {
            Some(endpoint) => write!(f, ":{endpoint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, controller, owner, model, offer, endpoint) in [
            ("m.db", None, None, "m", "db", None),
            ("admin/m.db", None, Some("admin"), "m", "db", None),
            ("c:admin/m.db", Some("c"), Some("admin"), "m", "db", None),
            ("c:m.db:sql", Some("c"), None, "m", "db", Some("sql")),
            (
                "admin/m.db:sql",
                None,
                Some("admin"),
                "m",
                "db",
                Some("sql"),
            ),
            ("a@b.c/m.db", None, Some("a@b.c"), "m", "db", None),
            ("/admin/m.db", None, Some("admin"), "m", "db", None),
            (":m.db", None, None, "m", "db", None),
        ] {
            let url = OfferUrl::parse(text).unwrap();
            let parts = (
                url.controller.as_deref(),
                url.owner.as_deref(),
                url.model.as_str(),
                url.offer.as_str(),
                url.endpoint.as_deref(),
            );
            assert_eq!(parts, (controller, owner, model, offer, endpoint), "{text}");
        }
        for text in ["bad", "admin/m", "m.", "c:admin/m"] {
            assert_eq!(OfferUrl::parse(text), Err(OfferUrlError::NoName), "{text}");
        }
        for text in [".db", "m.a.b", "a//m.db", "m.d b", "m.db:"] {
            let error = OfferUrl::parse(text);
            assert_eq!(
                error,
                Err(OfferUrlError::NotValid(text.to_owned())),
                "{text}"
            );
        }
        let url = OfferUrl::parse("c:m.db:sql").unwrap();
        assert_eq!(
            (url.to_string().as_str(), url.path("bob").as_str()),
            ("c:m.db:sql", "bob/m.db")
        );
    }
}
