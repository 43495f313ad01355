//! `cargo charmtest charm-info`: tells a test binary, which reads neither YAML nor archives, what a charm says about itself.

use std::path::Path;

use charmtest_charm::{Base, Charm, ConfigOption, Endpoint, Resource, ResourceKind};
use serde_json::{Map, Value, json};

use crate::error::{Error, Kind, Result};
use crate::report::print;

/// Prints name, summary, bases, resources, endpoints and options of a charm as JSON.
///
/// # Errors
///
/// Fails when there is no charm at `path`.
pub(crate) fn main(path: &Path) -> Result<u8> {
    let charm = Charm::read(path).map_err(|error| Error::caused(Kind::Failed, &error))?;
    let metadata = &charm.metadata;
    let resources: Map<String, Value> = metadata
        .resources
        .iter()
        .map(|(name, resource)| (name.clone(), about_resource(resource)))
        .collect();
    let endpoints: Vec<Value> = metadata.endpoints.iter().map(about_endpoint).collect();
    let config: Map<String, Value> = charm
        .config
        .0
        .iter()
        .map(|(name, option)| (name.clone(), about_option(option)))
        .collect();
    let answer = json!({
        "name": metadata.name.as_str(),
        "summary": metadata.summary,
        "subordinate": metadata.subordinate,
        "bases": about_bases(&charm.manifest.bases),
        "resources": resources,
        "kubernetes": !metadata.containers.is_empty(),
        "endpoints": endpoints,
        "config": config,
    });
    print(&format!("{answer}\n"));
    Ok(charmtest::exit::SUCCESS)
}

/// Returns what a test binary is told of a charm's bases.
pub(super) fn about_bases(bases: &[Base]) -> Value {
    bases
        .iter()
        .map(|base| json!({ "base": base.to_string(), "architectures": base.architectures }))
        .collect()
}

fn about_endpoint(endpoint: &Endpoint) -> Value {
    json!({
        "name": endpoint.name,
        "role": endpoint.role.as_str(),
        "interface": endpoint.interface,
        "scope": endpoint.scope.as_str(),
        "optional": endpoint.optional,
    })
}

fn about_option(option: &ConfigOption) -> Value {
    json!({ "type": option.kind.as_str(), "default": option.default })
}

fn about_resource(resource: &Resource) -> Value {
    let (kind, filename) = match &resource.kind {
        ResourceKind::File { filename } => ("file", Some(filename)),
        ResourceKind::OciImage => ("oci-image", None),
    };
    json!({
        "type": kind,
        "filename": filename,
        "description": resource.description,
        "upstream-source": resource.upstream_source,
    })
}
