//! `metadata.yaml` as written, and the rules that turn it into [`Metadata`].

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::storage::{self, RawStorage};
use super::{
    CharmName, CharmUser, Container, Device, Endpoint, Metadata, Mount, Resource, ResourceKind,
    Role, Scope, Storage, assumes,
};
use crate::error::FileError;
use crate::yaml::{Entries, Located};

/// The keys of `metadata.yaml`, which are also keys of `charmcraft.yaml` (`title` only there).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct RawMetadata {
    name: Option<Located<String>>,
    #[serde(alias = "title")]
    display_name: Option<String>,
    summary: Option<String>,
    description: Option<String>,
    subordinate: Option<Located<bool>>,
    #[serde(default)]
    provides: Entries<RawEndpoint>,
    #[serde(default)]
    requires: Entries<RawEndpoint>,
    #[serde(default)]
    peers: Entries<RawEndpoint>,
    extra_bindings: Option<Entries<IgnoredAny>>,
    #[serde(default)]
    storage: Entries<RawStorage>,
    #[serde(default)]
    resources: Entries<RawResource>,
    #[serde(default)]
    containers: Entries<Option<RawContainer>>,
    #[serde(default)]
    devices: Entries<RawDevice>,
    assumes: Option<Located<Value>>,
    charm_user: Option<Located<CharmUser>>,
    series: Option<Located<Vec<String>>>,
    deployment: Option<Located<IgnoredAny>>,
    min_juju_version: Option<Located<String>>,
    terms: Option<Vec<String>>,
    categories: Option<Vec<String>>,
    tags: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
struct RawEndpointMap {
    interface: Option<String>,
    limit: Option<u32>,
    optional: Option<bool>,
    scope: Option<Scope>,
}

/// An endpoint: the name of its interface, or a map.
#[derive(Debug)]
struct RawEndpoint(RawEndpointMap);

impl<'de> Deserialize<'de> for RawEndpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EndpointVisitor;

        impl<'de> Visitor<'de> for EndpointVisitor {
            type Value = RawEndpoint;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an interface or a map with `interface`")
            }

            fn visit_unit<E>(self) -> Result<RawEndpoint, E> {
                Ok(RawEndpoint(RawEndpointMap::default()))
            }

            fn visit_str<E>(self, interface: &str) -> Result<RawEndpoint, E> {
                Ok(RawEndpoint(RawEndpointMap {
                    interface: Some(interface.to_owned()),
                    ..RawEndpointMap::default()
                }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawEndpoint, A::Error> {
                RawEndpointMap::deserialize(MapAccessDeserializer::new(map)).map(RawEndpoint)
            }
        }

        deserializer.deserialize_any(EndpointVisitor)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawResource {
    #[serde(rename = "type")]
    kind: Option<RawResourceKind>,
    filename: Option<Located<String>>,
    description: Option<String>,
    upstream_source: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawResourceKind {
    File,
    OciImage,
}

#[derive(Debug, Default, Deserialize)]
struct RawContainer {
    resource: Option<Located<String>>,
    mounts: Option<Vec<Located<RawMount>>>,
    uid: Option<Located<u32>>,
    gid: Option<Located<u32>>,
}

#[derive(Debug, Deserialize)]
struct RawMount {
    storage: String,
    location: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RawDevice {
    #[serde(rename = "type")]
    kind: String,
    countmin: Option<u32>,
    countmax: Option<u32>,
    description: Option<String>,
}

impl RawMetadata {
    /// Applies Juju's rules.
    pub(crate) fn check(self, file: &str) -> Result<Metadata, FileError> {
        self.check_formats(file)?;
        let name = self
            .name
            .as_ref()
            .ok_or_else(|| FileError::new(file, "`name` is missing"))?;
        let name = CharmName::new(&name.value).map_err(|e| name.error(file, e.to_string()))?;
        let summary = required(file, "summary", self.summary)?;
        let description = required(file, "description", self.description)?;

        let subordinate = self.subordinate.as_ref().is_some_and(|flag| flag.value);
        let mut endpoints = Vec::new();
        let sections = [
            (Role::Provider, self.provides),
            (Role::Requirer, self.requires),
            (Role::Peer, self.peers),
        ];
        for (role, section) in sections {
            for (name, raw) in section.0 {
                let endpoint = build_endpoint(&name.value, role, raw, subordinate, &endpoints)
                    .map_err(|message| name.error(file, message))?;
                endpoints.push(endpoint);
            }
        }
        check_subordinate(file, self.subordinate.as_ref(), &endpoints)?;

        let storage = storage::build(file, self.storage)?;
        let resources = build_resources(file, self.resources)?;
        let containers = build_containers(file, self.containers, &resources, &storage)?;
        let assumes = match self.assumes {
            None => Vec::new(),
            Some(list) => assumes::build(&list.value).map_err(|m| list.error(file, m))?,
        };
        Ok(Metadata {
            name,
            display_name: self.display_name,
            summary,
            description,
            subordinate,
            extra_bindings: build_extra_bindings(file, self.extra_bindings, &endpoints)?,
            endpoints,
            storage,
            resources,
            containers,
            devices: build_devices(file, self.devices)?,
            assumes,
            charm_user: self.charm_user.map(|user| user.value).unwrap_or_default(),
            series: self.series.map(|series| series.value).unwrap_or_default(),
            min_juju_version: self.min_juju_version.map(|version| version.value),
            terms: self.terms.unwrap_or_default(),
            categories: self.categories.unwrap_or_default(),
            tags: self.tags.unwrap_or_default(),
        })
    }

    /// Refuses keys of the old and the new metadata format beside each other.
    fn check_formats(&self, file: &str) -> Result<(), FileError> {
        let new = [
            (!self.containers.0.is_empty(), "containers"),
            (self.assumes.is_some(), "assumes"),
            (self.charm_user.is_some(), "charm-user"),
        ];
        let series = self.series.as_ref().map(|key| key.error(file, ""));
        let deployment = self.deployment.as_ref().map(|key| key.error(file, ""));
        let version = self
            .min_juju_version
            .as_ref()
            .map(|key| key.error(file, ""));
        let old = [
            (series, "series"),
            (deployment, "deployment"),
            (version, "min-juju-version"),
        ];
        let new = new.iter().find(|(there, _)| *there);
        let old = old.into_iter().find_map(|(at, key)| Some((at?, key)));
        let (Some((_, new)), Some((at, old))) = (new, old) else {
            return Ok(());
        };
        Err(FileError {
            message: format!("ambiguous metadata: key `{new}` cannot be used with `{old}`"),
            ..at
        })
    }
}

fn required(file: &str, key: &str, value: Option<String>) -> Result<String, FileError> {
    value.ok_or_else(|| FileError::new(file, format!("`{key}` is missing")))
}

fn build_endpoint(
    name: &str,
    role: Role,
    RawEndpoint(raw): RawEndpoint,
    subordinate: bool,
    earlier: &[Endpoint],
) -> Result<Endpoint, String> {
    if let Some(twin) = earlier.iter().find(|endpoint| endpoint.name == name) {
        return Err(format!(
            "endpoint `{name}` is declared twice, as {} and as {role}; one name may stand in one section only",
            twin.role
        ));
    }
    if !is_endpoint_name(name) {
        return Err(format!(
            "invalid endpoint name `{name}`; use letters and digits, joined by single `-` or `_`"
        ));
    }
    let scope = raw.scope.unwrap_or_default();
    let Some(interface) = raw.interface.filter(|interface| !interface.is_empty()) else {
        return Err(format!("endpoint `{name}` has no interface"));
    };
    let beside_principal = subordinate && role == Role::Requirer && scope == Scope::Container;
    if is_reserved(name) && !beside_principal {
        return Err(format!(
            "endpoint name `{name}` is reserved: names starting with `juju-` are Juju's own"
        ));
    }
    if is_reserved(&interface) && role != Role::Requirer {
        return Err(format!(
            "endpoint `{name}` uses the reserved interface `{interface}`, which only `requires` may do"
        ));
    }
    Ok(Endpoint {
        name: name.to_owned(),
        role,
        interface,
        limit: raw.limit,
        optional: raw.optional.unwrap_or_default(),
        scope,
    })
}

fn is_reserved(name: &str) -> bool {
    name == "juju" || name.starts_with("juju-")
}

/// Juju's rule for endpoint names; they become parts of hook file names.
fn is_endpoint_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .split(['-', '_'])
            .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric()))
}

fn check_subordinate(
    file: &str,
    subordinate: Option<&Located<bool>>,
    endpoints: &[Endpoint],
) -> Result<(), FileError> {
    let Some(flag) = subordinate.filter(|flag| flag.value) else {
        return Ok(());
    };
    let has_principal = endpoints
        .iter()
        .any(|e| e.role == Role::Requirer && e.scope == Scope::Container);
    if has_principal {
        return Ok(());
    }
    Err(flag.error(
        file,
        "a subordinate charm needs at least one endpoint under `requires` with `scope: container`",
    ))
}

fn build_extra_bindings(
    file: &str,
    raw: Option<Entries<IgnoredAny>>,
    endpoints: &[Endpoint],
) -> Result<Vec<String>, FileError> {
    let Some(raw) = raw else {
        return Ok(Vec::new());
    };
    if raw.0.is_empty() {
        return Err(FileError::new(
            file,
            "`extra-bindings` is empty; name a binding or remove the key",
        ));
    }
    let mut names = Vec::new();
    for (name, IgnoredAny) in raw.0 {
        if name.value.is_empty() {
            return Err(name.error(file, "an extra binding needs a name"));
        }
        if endpoints.iter().any(|e| e.name == name.value) {
            let message = format!("extra binding `{}` has the name of an endpoint", name.value);
            return Err(name.error(file, message));
        }
        names.push(name.value);
    }
    Ok(names)
}

fn build_resources(
    file: &str,
    raw: Entries<RawResource>,
) -> Result<BTreeMap<String, Resource>, FileError> {
    let mut resources = BTreeMap::new();
    for (name, raw) in raw.0 {
        let kind = match raw.kind {
            Some(RawResourceKind::OciImage) => ResourceKind::OciImage,
            Some(RawResourceKind::File) | None => {
                let Some(filename) = raw.filename else {
                    let message =
                        format!("resource `{}` of type file needs `filename`", name.value);
                    return Err(name.error(file, message));
                };
                if filename.value.contains('/') || matches!(&*filename.value, "" | "." | "..") {
                    return Err(filename.error(file, "`filename` must be a plain file name"));
                }
                ResourceKind::File {
                    filename: filename.value,
                }
            }
        };
        let resource = Resource {
            kind,
            description: raw.description.unwrap_or_default(),
            // Juju does not look at it, so it cannot be wrong.
            upstream_source: raw
                .upstream_source
                .and_then(|source| source.as_str().map(str::to_owned)),
        };
        resources.insert(name.value, resource);
    }
    Ok(resources)
}

fn build_containers(
    file: &str,
    raw: Entries<Option<RawContainer>>,
    resources: &BTreeMap<String, Resource>,
    storage: &BTreeMap<String, Storage>,
) -> Result<BTreeMap<String, Container>, FileError> {
    let mut containers = BTreeMap::new();
    for (name, raw) in raw.0 {
        if !is_endpoint_name(&name.value) {
            let message = format!("invalid container name `{}`", name.value);
            return Err(name.error(file, message));
        }
        let container = raw.unwrap_or_default().check(file, resources, storage)?;
        containers.insert(name.value, container);
    }
    Ok(containers)
}

impl RawContainer {
    fn check(
        self,
        file: &str,
        resources: &BTreeMap<String, Resource>,
        storage: &BTreeMap<String, Storage>,
    ) -> Result<Container, FileError> {
        if let Some(resource) = &self.resource {
            let kind = resources.get(&resource.value).map(|r| &r.kind);
            if kind != Some(&ResourceKind::OciImage) {
                let message = format!(
                    "`{}` is not a resource of type oci-image of this charm",
                    resource.value
                );
                return Err(resource.error(file, message));
            }
        }
        let mut mounts = Vec::new();
        for mount in self.mounts.unwrap_or_default() {
            if !storage.contains_key(&mount.value.storage) {
                let message = format!("`{}` is not a storage of this charm", mount.value.storage);
                return Err(mount.error(file, message));
            }
            mounts.push(Mount {
                storage: mount.value.storage,
                location: mount.value.location,
            });
        }
        for id in [&self.uid, &self.gid].into_iter().flatten() {
            if (1000..10000).contains(&id.value) {
                return Err(id.error(file, "`uid` and `gid` must not be between 1000 and 9999"));
            }
        }
        Ok(Container {
            resource: self.resource.map(|resource| resource.value),
            mounts,
            uid: self.uid.map(|id| id.value),
            gid: self.gid.map(|id| id.value),
        })
    }
}

fn build_devices(
    file: &str,
    raw: Entries<RawDevice>,
) -> Result<BTreeMap<String, Device>, FileError> {
    let mut devices = BTreeMap::new();
    for (name, raw) in raw.0 {
        let count_min = raw.countmin.unwrap_or(1);
        let count_max = raw.countmax.unwrap_or(count_min);
        if count_max < count_min {
            return Err(name.error(file, "`countmax` must not be below `countmin`"));
        }
        let device = Device {
            kind: raw.kind,
            count_min,
            count_max,
            description: raw.description.unwrap_or_default(),
        };
        devices.insert(name.value, device);
    }
    Ok(devices)
}
