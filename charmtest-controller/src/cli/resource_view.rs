//! Resources of applications and units as `juju resources` shows them.

use charmtest_charm::{Resource, ResourceKind};
use serde_json::{Map, Value, json};

use super::table::TextTable;
use super::target::USER;
use crate::JujuVersion;
use crate::model::{Application, Model, ResourceRow, Unit, derived_uuid};

/// The moment that stands for none.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// What `juju resources` shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResourceView<'a> {
    /// The model.
    pub(super) model: &'a Model,
    /// The application.
    pub(super) application: &'a Application,
    /// The unit, if one was named that is there.
    pub(super) unit: Option<&'a Unit>,
    /// Whether a unit was named: its table is another one also when it is not there (recorded).
    pub(super) is_of_unit: bool,
    /// Whether the value is for YAML, where Juju shows some more.
    pub(super) is_yaml: bool,
}

/// One resource of one unit.
#[derive(Debug, Clone, Copy)]
struct OfUnit<'a> {
    unit: &'a Unit,
    name: &'a str,
    declared: &'a Resource,
    /// What the unit has fetched.
    fetched: Option<&'a ResourceRow>,
    /// What its application has.
    expected: Option<&'a ResourceRow>,
}

impl<'a> ResourceView<'a> {
    /// Says whether the charm declares no resources.
    pub(super) fn is_empty(&self) -> bool {
        self.declared().next().is_none()
    }

    /// Returns the resources of the application, or of the unit.
    pub(super) fn value(&self) -> Value {
        let Some(unit) = self.unit else {
            let all: Vec<Value> = self
                .declared()
                .map(|(name, declared)| {
                    let given = self.application.resources.get(name);
                    self.describe(name, declared, given, given.is_some())
                })
                .collect();
            return json!({ "resources": all });
        };
        // A unit that has not fetched a resource has no revision of it.
        self.of_unit(unit)
            .map(|part| {
                let given = part.fetched.or(part.expected);
                self.describe(part.name, part.declared, given, part.fetched.is_some())
            })
            .collect()
    }

    /// Returns what every unit, or the named one, has fetched, and what it should have.
    pub(super) fn details(&self) -> Value {
        let described = |part: OfUnit<'_>| {
            let expected = self.describe(
                part.name,
                part.declared,
                part.expected,
                part.expected.is_some(),
            );
            let fetched = match part.fetched {
                Some(row) => self.describe(part.name, part.declared, Some(row), true),
                None => nothing(),
            };
            json!({ "unitID": part.unit.name.as_str(), "unit": fetched, "expected": expected, "progress": -1 })
        };
        let all: Vec<Value> = self.parts().map(described).collect();
        match self.unit {
            Some(_) => Value::Array(all),
            None => json!({ "resources": all }),
        }
    }

    /// Renders the table of `juju resources`.
    pub(super) fn table(&self) -> String {
        let mut table = match self.is_of_unit {
            true => TextTable::new(["Resource", "Revision"]),
            false => TextTable::new(["Resource", "Supplied by", "Revision"]),
        };
        for (name, _) in self.declared() {
            let given = self.application.resources.get(name);
            match self.is_of_unit {
                true => table.row([name, &revision(given)]),
                false => table.row([name, origin(given, self.model.info.juju), &revision(given)]),
            }
        }
        table.render()
    }

    /// Renders the table of `juju resources --details`.
    pub(super) fn details_table(&self) -> String {
        let mut table = match self.unit {
            Some(_) => TextTable::new(["Resource", "Revision", "Expected"]),
            None => TextTable::new(["Unit", "Resource", "Revision", "Expected"]),
        };
        for part in self.parts() {
            let (fetched, expected) = (revision(part.fetched), revision(part.expected));
            match self.unit {
                Some(_) => table.row([part.name, &fetched, &expected]),
                None => table.row([part.unit.name.as_str(), part.name, &fetched, &expected]),
            }
        }
        table.render()
    }

    fn declared(&self) -> impl Iterator<Item = (&'a str, &'a Resource)> + use<'a> {
        let charm = self.model.charm_of(&self.application.name);
        let resources = charm.map(|row| row.charm.metadata.resources.iter());
        resources
            .into_iter()
            .flatten()
            .map(|(name, declared)| (name.as_str(), declared))
    }

    fn of_unit(&self, unit: &'a Unit) -> impl Iterator<Item = OfUnit<'a>> + use<'a> {
        let application = self.application;
        self.declared().map(move |(name, declared)| OfUnit {
            unit,
            name,
            declared,
            fetched: unit.progress.resources.get(name),
            expected: application.resources.get(name),
        })
    }

    fn parts(&self) -> impl Iterator<Item = OfUnit<'a>> {
        let named = self.unit;
        let units = self.model.units_of(&self.application.name);
        units
            .filter(move |unit| named.is_none_or(|named| named.name == unit.name))
            .flat_map(|unit| self.of_unit(unit))
    }

    fn describe(
        &self,
        name: &str,
        declared: &Resource,
        given: Option<&ResourceRow>,
        has_revision: bool,
    ) -> Value {
        let (kind, path) = match &declared.kind {
            ResourceKind::File { filename } => ("file", filename.as_str()),
            ResourceKind::OciImage => ("oci-image", ""),
        };
        let number = given.and_then(|row| row.store_revision).unwrap_or(0);
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        put("resourceid", self.id(name, given).into());
        put("applicationId", self.application.name.as_str().into());
        put("name", name.into());
        put("type", kind.into());
        put("path", path.into());
        if !declared.description.is_empty() {
            put("description", declared.description.as_str().into());
        }
        let shown = if has_revision {
            number.to_string()
        } else {
            "-".to_owned()
        };
        put("revision", shown.into());
        let fingerprint = given.map(|row| row.fingerprint.as_str());
        put("fingerprint", fingerprint.unwrap_or_default().into());
        put("size", given.map_or(0, |row| row.size).into());
        let from_store = given.is_some_and(|row| row.store_revision.is_some());
        put("origin", if from_store { "store" } else { "upload" }.into());
        put("used", given.is_some().into());
        let uploaded = given.map_or_else(|| NEVER.to_owned(), |row| row.uploaded.to_string());
        put("timestamp", uploaded.into());
        if given.is_some() && !from_store {
            put("username", USER.into());
        }
        if self.is_yaml {
            put("combinedrevision", revision(given).into());
            put(
                "usedyesno",
                if given.is_some() { "yes" } else { "no" }.into(),
            );
            put("combinedorigin", origin(given, self.model.info.juju).into());
        }
        Value::Object(map)
    }

    /// Returns the id: the names in 3.6, a UUID that changes with every upload in 4.0.
    fn id(&self, name: &str, given: Option<&ResourceRow>) -> String {
        let names = format!("{}/{name}", self.application.name);
        if self.model.info.juju == JujuVersion::V3_6 {
            return names;
        }
        let uploaded = given.map(|row| row.uploaded.to_string());
        derived_uuid(&format!("{} {names} {uploaded:?}", self.model.info.uuid))
    }
}

/// Describes what a unit has that has fetched nothing.
fn nothing() -> Value {
    json!({
        "name": "", "type": "", "path": "", "revision": "0", "fingerprint": "", "size": 0, "origin": "", "used": false,
        "timestamp": NEVER,
    })
}

/// Returns what tables show as the revision: the number in the store, or when an uploaded resource came.
fn revision(given: Option<&ResourceRow>) -> String {
    given.map_or_else(
        || "-".to_owned(),
        |row| match row.store_revision {
            Some(number) => number.to_string(),
            None => row.uploaded.strftime("%Y-%m-%dT%H:%M").to_string(),
        },
    )
}

/// Returns who gave a resource, in the words of the version.
fn origin(given: Option<&ResourceRow>, juju: JujuVersion) -> &'static str {
    match given {
        None => "upload",
        Some(row) if row.store_revision.is_none() => USER,
        Some(_) => match juju {
            JujuVersion::V3_6 => "charmstore",
            JujuVersion::V4_0 => "store",
        },
    }
}
