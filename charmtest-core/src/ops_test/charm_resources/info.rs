//! What a charm says about itself.

use super::ResourceError;
use crate::ops_test::OpsTestParts;
use crate::ops_test::build::BuiltBase;
use crate::ops_test::program::{Program, answer};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What a charm says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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
