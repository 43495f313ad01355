//! What a charm says about itself.

use super::ResourceError;
use crate::ops_test::OpsTestParts;
use crate::ops_test::build::BuiltBase;
use crate::ops_test::program::{Program, answer};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What a charm says about itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct CharmInfo {
    /// Its name.
    pub name: String,
    /// Its summary.
    pub summary: String,
    /// Whether it is a subordinate.
    pub subordinate: bool,
    /// The bases that it runs on; empty if it does not say.
    pub bases: Vec<BuiltBase>,
    /// Its resources by name.
    pub resources: BTreeMap<String, CharmResource>,
    /// Whether it is for Kubernetes: it has containers, or says so otherwise.
    pub kubernetes: bool,
    /// Its endpoints, those of peers included; not `juju-info`, which every charm provides.
    pub endpoints: Vec<CharmEndpoint>,
    /// Its options by name.
    pub config: BTreeMap<String, CharmOption>,
}

/// An endpoint of a charm.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct CharmEndpoint {
    /// Its name.
    pub name: String,
    /// Its role in a relation.
    pub role: EndpointRole,
    /// The interface that both ends must have.
    pub interface: String,
    /// Between which units a relation is.
    pub scope: EndpointScope,
    /// Whether the charm says that it can do without a relation there.
    pub optional: bool,
}

/// The role of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointRole {
    /// Under `provides`.
    Provider,
    /// Under `requires`.
    Requirer,
    /// Under `peers`.
    Peer,
}

/// Between which units a relation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointScope {
    /// All of both applications.
    Global,
    /// A principal and the subordinate on its machine.
    Container,
}

/// An option of a charm.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct CharmOption {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: OptionType,
    /// The value when none is set.
    #[serde(default)]
    pub default: Option<serde_json::Value>,
}

/// The type of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptionType {
    /// Any text.
    String,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// True or false.
    Boolean,
    /// The URI of a user secret (Juju 3.4 and later).
    Secret,
}

/// A resource that a charm wants.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct CharmResource {
    /// What kind it is.
    #[serde(rename = "type")]
    pub kind: ResourceKind,
    /// How units see the file; `None` for an image.
    pub filename: Option<String>,
    /// What the charm's author says about it.
    pub description: String,
    /// Where tests take it from, as the charm's author says in `upstream-source`.
    pub upstream_source: Option<String>,
}

/// The kinds of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceKind {
    /// A file.
    File,
    /// An OCI image.
    OciImage,
}

impl CharmInfo {
    /// Returns the images that the charm wants and says where to find: the name of the resource and its `upstream-source`.
    pub fn images(&self) -> impl Iterator<Item = (&str, &str)> {
        self.resources.iter().filter_map(|(name, resource)| {
            let image = resource.upstream_source.as_deref()?;
            (resource.kind == ResourceKind::OciImage).then_some((name.as_str(), image))
        })
    }
}

/// Reads a charm.
pub(super) async fn read(parts: &OpsTestParts, charm: &Path) -> Result<CharmInfo, ResourceError> {
    let charm = parts.package_dir.join(charm);
    let program = Program::need(parts, "read charms")?;
    let call = program.call(["charm-info"]).arg(&charm);
    answer(call, "what the charm says")
        .await
        .map_err(|error| ResourceError::Charm {
            charm,
            error: Box::new(error),
        })
}
