//! Charmhub's public HTTP interface, version 2.

use serde_json::{Value, json};

use super::http::Http;
use super::transport::{
    ApiError, Found, FoundAll, Info, RefreshAnswer, RefreshResult, ResourceRevisions, StoreResource,
};
use super::{CharmStoreError, Query, Request};

/// The fields of the answer to `info`, those that Juju asks for.
const INFO_FIELDS: &[&str] = &[
    "result.categories.featured",
    "result.categories.name",
    "result.contains-charms.name",
    "result.contains-charms.package-id",
    "result.contains-charms.store-url",
    "result.description",
    "result.license",
    "result.publisher.display-name",
    "result.store-url",
    "result.summary",
    "default-release.revision.download.size",
    "default-release.revision.config-yaml",
    "default-release.revision.metadata-yaml",
    "default-release.revision.bundle-yaml",
    "default-release.revision.bases.architecture",
    "default-release.revision.bases.name",
    "default-release.revision.bases.channel",
    "default-release.revision.revision",
    "default-release.revision.version",
    "default-release.channel.name",
    "default-release.channel.base.architecture",
    "default-release.channel.base.name",
    "default-release.channel.base.channel",
    "default-release.channel.released-at",
    "default-release.channel.risk",
    "default-release.channel.track",
    "channel-map.revision.download.size",
    "channel-map.revision.created-at",
    "channel-map.revision.bases.architecture",
    "channel-map.revision.bases.name",
    "channel-map.revision.bases.channel",
    "channel-map.revision.revision",
    "channel-map.revision.version",
    "channel-map.channel.name",
    "channel-map.channel.base.architecture",
    "channel-map.channel.base.name",
    "channel-map.channel.base.channel",
    "channel-map.channel.released-at",
    "channel-map.channel.risk",
    "channel-map.channel.track",
];

/// The fields of the answer to `find`, those that Juju asks for.
const FIND_FIELDS: &[&str] = &[
    "result.publisher.display-name",
    "result.summary",
    "result.store-url",
    "default-release.revision.bases.architecture",
    "default-release.revision.bases.name",
    "default-release.revision.bases.channel",
    "default-release.revision.version",
];

/// The fields of the answer to `refresh`, those that Juju asks for.
const REFRESH_FIELDS: &[&str] = &[
    "bases",
    "config-yaml",
    "download",
    "id",
    "license",
    "metadata-yaml",
    "name",
    "publisher",
    "resources",
    "revision",
    "summary",
    "type",
    "version",
];

/// What Charmhub wants for a base that is not known yet.
const NOT_AVAILABLE: &str = "NA";

/// The key of the one action of a request.
const INSTANCE_KEY: &str = "charmtest";

/// Charmhub at some URL.
#[derive(Debug, Clone)]
pub(crate) struct Charmhub {
    url: String,
    http: Http,
}

impl Charmhub {
    /// Asks the store at `url`, `https://api.charmhub.io`.
    pub(super) fn new(url: &str, http: Http) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            http,
        }
    }

    /// Returns the way requests are made.
    pub(super) fn http(&self) -> &Http {
        &self.http
    }

    /// Asks what is known of a charm; `None` when there is none of that name.
    ///
    /// # Errors
    ///
    /// Fails when the store cannot be asked or refuses.
    pub(super) fn info(&self, name: &str) -> Result<Option<Info>, CharmStoreError> {
        let url = format!(
            "{}/v2/charms/info/{}?{}",
            self.url,
            encode(name),
            query(&[("fields", &INFO_FIELDS.join(","))])
        );
        let answer = self.http.get::<Info>(&url)?;
        if answer.status == 404 || is_unknown(&answer.body.error_list) {
            return Ok(None);
        }
        accept(&url, answer.status, &answer.body.error_list)?;
        Ok(Some(answer.body))
    }

    /// Searches for charms.
    ///
    /// # Errors
    ///
    /// As [`Charmhub::info`].
    pub(super) fn find(&self, wanted: &Query) -> Result<Vec<Found>, CharmStoreError> {
        let mut pairs = vec![("fields", FIND_FIELDS.join(","))];
        let mut put = |name, value: &Option<String>| {
            if let Some(value) = value {
                pairs.push((name, value.clone()));
            }
        };
        put("category", &wanted.category);
        put("channel", &wanted.channel);
        put("publisher", &wanted.publisher);
        put("type", &wanted.kind);
        pairs.push(("q", wanted.text.clone()));
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let url = format!("{}/v2/charms/find?{}", self.url, query(&pairs));
        let answer = self.http.get::<FoundAll>(&url)?;
        accept(&url, answer.status, &answer.body.error_list)?;
        Ok(answer.body.results)
    }

    /// Asks for the revision that `request` gets.
    ///
    /// # Errors
    ///
    /// As [`Charmhub::info`]; that there is no such revision is part of the answer.
    pub(super) fn refresh(&self, request: &Request) -> Result<RefreshResult, CharmStoreError> {
        let url = format!("{}/v2/charms/refresh", self.url);
        let answer = self
            .http
            .post::<RefreshAnswer>(&url, &refresh_body(request))?;
        accept(&url, answer.status, &answer.body.error_list)?;
        answer.body.results.into_iter().next().ok_or_else(|| {
            CharmStoreError::failed(format!(
                "Post {url:?}: the answer has no results; try again later"
            ))
        })
    }

    /// Asks for all revisions of a resource.
    ///
    /// # Errors
    ///
    /// As [`Charmhub::info`].
    pub(super) fn resource_revisions(
        &self,
        charm: &str,
        resource: &str,
    ) -> Result<Vec<StoreResource>, CharmStoreError> {
        let url = format!(
            "{}/v2/charms/resources/{}/{}/revisions",
            self.url,
            encode(charm),
            encode(resource)
        );
        let answer = self.http.get::<ResourceRevisions>(&url)?;
        accept(&url, answer.status, &answer.body.error_list)?;
        Ok(answer.body.revisions)
    }
}

fn refresh_body(request: &Request) -> Value {
    let mut action = json!({
        "action": "install",
        "instance-key": INSTANCE_KEY,
        "name": request.name,
    });
    match request.revision {
        // A revision is the same in every channel and for every base.
        Some(revision) => {
            action["revision"] = revision.into();
            action["base"] = Value::Null;
        }
        None => {
            let channel = request.channel.clone().unwrap_or_default().normalized();
            action["channel"] = channel.to_string().into();
            let part = |part: fn(&super::WantedBase) -> &str| {
                request.base.as_ref().map_or(NOT_AVAILABLE, part)
            };
            action["base"] = json!({
                "architecture": request.arch,
                "name": part(|base| &base.name),
                "channel": part(|base| &base.channel),
            });
        }
    }
    json!({ "context": [], "actions": [action], "fields": REFRESH_FIELDS })
}

fn is_unknown(errors: &[ApiError]) -> bool {
    errors.iter().any(|error| {
        matches!(
            error.code.as_str(),
            "name-not-found" | "resource-not-found" | "not-found"
        )
    })
}

/// Refuses answers that are errors.
fn accept(url: &str, status: u16, errors: &[ApiError]) -> Result<(), CharmStoreError> {
    let messages: Vec<&str> = errors
        .iter()
        .map(|error| error.message.as_str())
        .filter(|message| !message.is_empty())
        .collect();
    if !messages.is_empty() {
        return Err(CharmStoreError::failed(messages.join("\n")));
    }
    if status >= 400 {
        return Err(CharmStoreError::failed(format!(
            "{url:?} answers with the HTTP status {status}; try again later"
        )));
    }
    Ok(())
}

fn query(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    pairs.join("&")
}

/// Encodes a text for a part of a URL.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::super::WantedBase;
    use super::super::channel::Channel;
    use super::*;

    #[test]
    fn requests_are_those_of_juju() {
        let by_channel = Request {
            name: "db".to_owned(),
            channel: Some(Channel::parse("edge").unwrap()),
            revision: None,
            base: None,
            arch: "amd64".to_owned(),
        };
        assert_eq!(
            refresh_body(&by_channel)["actions"][0],
            json!({"action": "install", "instance-key": "charmtest", "name": "db", "channel": "edge",
                   "base": {"architecture": "amd64", "name": "NA", "channel": "NA"}})
        );
        let with_base = Request {
            base: Some(WantedBase {
                name: "ubuntu".to_owned(),
                channel: "22.04".to_owned(),
            }),
            channel: None,
            ..by_channel.clone()
        };
        let action = &refresh_body(&with_base)["actions"][0];
        assert_eq!(
            (&action["channel"], &action["base"]["channel"]),
            (&json!("stable"), &json!("22.04"))
        );
        let by_revision = Request {
            revision: Some(7),
            ..with_base
        };
        assert_eq!(
            refresh_body(&by_revision)["actions"][0],
            json!({"action": "install", "instance-key": "charmtest", "name": "db", "revision": 7, "base": null})
        );
    }

    #[test]
    fn texts_in_urls() {
        assert_eq!(
            query(&[("q", "a b,ü/"), ("t", "x-._~")]),
            "q=a%20b%2C%C3%BC%2F&t=x-._~"
        );
    }
}
