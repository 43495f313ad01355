//! What a charm store answers, in the shapes of Charmhub's public interface (version 2); stores on this machine answer in them too.

use serde::{Deserialize, Deserializer};

/// The answer to `GET /v2/charms/info/NAME`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Info {
    /// `charm` or `bundle`.
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub(crate) kind: String,
    /// The store's own key of the charm.
    #[serde(deserialize_with = "nullable")]
    pub(crate) id: String,
    /// The charm's name.
    #[serde(deserialize_with = "nullable")]
    pub(crate) name: String,
    /// What the store knows apart from revisions.
    #[serde(rename = "result", deserialize_with = "nullable")]
    pub(crate) entity: Entity,
    /// What is released where.
    #[serde(deserialize_with = "nullable")]
    pub(crate) channel_map: Vec<Released>,
    /// What is installed when nothing is asked for.
    #[serde(deserialize_with = "nullable")]
    pub(crate) default_release: Released,
    /// Why there is no answer.
    #[serde(deserialize_with = "nullable")]
    pub(crate) error_list: Vec<ApiError>,
}

/// One of the results of `GET /v2/charms/find`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Found {
    /// `charm` or `bundle`.
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub(crate) kind: String,
    /// The store's own key.
    #[serde(deserialize_with = "nullable")]
    pub(crate) id: String,
    /// The name.
    #[serde(deserialize_with = "nullable")]
    pub(crate) name: String,
    /// What the store knows apart from revisions.
    #[serde(rename = "result", deserialize_with = "nullable")]
    pub(crate) entity: Entity,
    /// What is installed when nothing is asked for.
    #[serde(deserialize_with = "nullable")]
    pub(crate) default_release: Released,
}

/// The answer to `GET /v2/charms/find`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct FoundAll {
    /// What was found.
    #[serde(deserialize_with = "nullable")]
    pub(crate) results: Vec<Found>,
    /// Why there is no answer.
    #[serde(deserialize_with = "nullable")]
    pub(crate) error_list: Vec<ApiError>,
}

/// What a store knows about a charm apart from its revisions.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Entity {
    #[serde(deserialize_with = "nullable")]
    pub(crate) categories: Vec<Named>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) contains_charms: Vec<Named>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) description: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) publisher: Publisher,
    #[serde(deserialize_with = "nullable")]
    pub(crate) summary: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) used_by: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) store_url: String,
}

/// Who published a charm.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Publisher {
    #[serde(deserialize_with = "nullable")]
    pub(crate) display_name: String,
}

/// A category, or a charm of a bundle.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    #[serde(deserialize_with = "nullable")]
    pub(crate) name: String,
}

/// A revision in a channel.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Released {
    #[serde(deserialize_with = "nullable")]
    pub(crate) channel: ReleaseChannel,
    #[serde(deserialize_with = "nullable")]
    pub(crate) revision: Revision,
}

/// A channel with what is released there.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct ReleaseChannel {
    #[serde(deserialize_with = "nullable")]
    pub(crate) released_at: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) risk: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) track: String,
}

/// A revision of a charm in the answer to `info` and `find`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Revision {
    #[serde(deserialize_with = "nullable")]
    pub(crate) config_yaml: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) metadata_yaml: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) download: Download,
    /// What it runs on; bundles have `[null]`.
    #[serde(deserialize_with = "without_nulls")]
    pub(crate) bases: Vec<Base>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) revision: u32,
    #[serde(deserialize_with = "nullable")]
    pub(crate) version: String,
}

/// Where a file is and what it must be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Download {
    #[serde(
        rename = "hash-sha-256",
        alias = "hash-sha256",
        deserialize_with = "nullable"
    )]
    pub(crate) sha256: String,
    #[serde(
        rename = "hash-sha-384",
        alias = "hash-sha384",
        deserialize_with = "nullable"
    )]
    pub(crate) sha384: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) size: u64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) url: String,
}

/// An operating system release and an architecture.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
pub(crate) struct Base {
    #[serde(deserialize_with = "nullable")]
    pub(crate) architecture: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) channel: String,
}

impl Base {
    /// Returns the base in the form `ubuntu@22.04`.
    pub(crate) fn display(&self) -> String {
        let release = self.channel.split('/').next().unwrap_or_default();
        format!("{}@{release}", self.name)
    }
}

/// The answer to `POST /v2/charms/refresh`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct RefreshAnswer {
    #[serde(deserialize_with = "nullable")]
    pub(crate) results: Vec<RefreshResult>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) error_list: Vec<ApiError>,
}

/// The revision that an action gets, or why it gets none.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct RefreshResult {
    #[serde(deserialize_with = "nullable")]
    pub(crate) charm: RefreshCharm,
    #[serde(deserialize_with = "nullable")]
    pub(crate) effective_channel: String,
    pub(crate) error: Option<ApiError>,
}

/// A revision with all that is needed to fetch it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct RefreshCharm {
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub(crate) kind: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) download: Download,
    #[serde(deserialize_with = "nullable")]
    pub(crate) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) resources: Vec<StoreResource>,
    #[serde(deserialize_with = "without_nulls")]
    pub(crate) bases: Vec<Base>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) revision: u32,
}

/// A revision of a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct StoreResource {
    #[serde(deserialize_with = "nullable")]
    pub(crate) download: Download,
    #[serde(deserialize_with = "nullable")]
    pub(crate) description: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) filename: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) revision: u32,
    /// `file` or `oci-image`.
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub(crate) kind: String,
}

/// The answer to `GET /v2/charms/resources/CHARM/RESOURCE/revisions`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct ResourceRevisions {
    #[serde(deserialize_with = "nullable")]
    pub(crate) revisions: Vec<StoreResource>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) error_list: Vec<ApiError>,
}

/// Why the store does not do what it was asked.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct ApiError {
    /// `name-not-found`, `revision-not-found`, `invalid-charm-base`, ...
    #[serde(deserialize_with = "nullable")]
    pub(crate) code: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) message: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) extra: ApiErrorExtra,
}

/// What would have worked.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct ApiErrorExtra {
    #[serde(deserialize_with = "nullable")]
    pub(crate) releases: Vec<Release>,
    #[serde(deserialize_with = "without_nulls")]
    pub(crate) default_bases: Vec<Base>,
}

/// A channel and a base that something is released for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Release {
    #[serde(deserialize_with = "nullable")]
    pub(crate) base: Base,
    #[serde(deserialize_with = "nullable")]
    pub(crate) channel: String,
}

/// Takes `null` for nothing: the store leaves keys out and sets them to `null` alike.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Leaves out the `null`s of a list that may be `null` itself.
fn without_nulls<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list: Option<Vec<Option<T>>> = Option::deserialize(deserializer)?;
    Ok(list.unwrap_or_default().into_iter().flatten().collect())
}
