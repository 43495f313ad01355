//! What Juju knows of one application, one unit, and the data of relations.

use super::Model;
use crate::juju::read::{Misshapen, Read, readable};
use crate::juju::{ApplicationName, JujuError, NameError, UnitName};
use serde_json::Value;
use std::collections::BTreeMap;

/// Keys with their values, as `relation-get` sees them.
pub type Databag = BTreeMap<String, String>;

readable! {
    /// An application as `juju show-application` shows it.
    pub struct ApplicationInfo {
        /// The charm's name.
        "charm" => charm: String,
        /// The base, as `ubuntu@24.04`; empty before Juju 3, which has `series`.
        "base" => base: String,
        /// The series (Juju 2.9).
        "series" => series: String,
        /// The channel that the charm is from.
        "channel" => channel: String,
        /// The constraints; `mem` and `root-disk` are numbers of MiB.
        "constraints" => constraints: BTreeMap<String, Value>,
        /// Whether it has units of its own: it is not a subordinate.
        "principal" => principal: bool,
        /// Whether it is exposed.
        "exposed" => exposed: bool,
        /// Whether it is an offer of another model.
        "remote" => remote: bool,
        /// `alive`, `dying`, `dead`.
        "life" => life: String,
        /// Space by endpoint.
        "endpoint-bindings" => endpoint_bindings: BTreeMap<String, String>,
    }
}

readable! {
    /// A unit as `juju show-unit` shows it.
    pub struct UnitInfo {
        /// The charm's URL.
        "charm" => charm: String,
        /// Whether it is the leader.
        "leader" => leader: bool,
        /// `alive`, `dying`, `dead`.
        "life" => life: String,
        /// The machine; empty in Kubernetes.
        "machine" => machine: String,
        /// Open ports, as `8080/tcp`.
        "opened-ports" => opened_ports: Vec<String>,
        /// The public address (machines).
        "public-address" => public_address: String,
        /// The address (Kubernetes).
        "address" => address: String,
        /// The cloud's name for the unit (Kubernetes).
        "provider-id" => provider_id: String,
        /// The version of the workload.
        "workload-version" => workload_version: String,
        /// Its relations.
        "relation-info" => relations: Vec<UnitRelation>,
    }
}

readable! {
    /// A relation as one of its units sees it.
    pub struct UnitRelation {
        /// Its number.
        "relation-id" => id: u64,
        /// The endpoint of the unit.
        "endpoint" => endpoint: String,
        /// The endpoint at the other side.
        "related-endpoint" => related_endpoint: String,
        /// Whether the other side is in another model.
        "cross-model" => cross_model: bool,
        /// The data of the application at the other side; of the unit's own in a peer relation.
        "application-data" => application_data: Data,
        /// The unit's own data; Juju tells it only in peer relations.
        "local-unit" => local_unit: UnitData,
        /// The units at the other side.
        "related-units" => related_units: BTreeMap<String, UnitData>,
    }
}

readable! {
    /// What a unit has put into a relation.
    pub struct UnitData {
        /// Whether the unit has joined.
        "in-scope" => in_scope: bool,
        /// The data.
        "data" => data: Data,
    }
}

/// The data of a unit or an application in a relation. It is a [`Databag`] for reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data(Databag);

impl std::ops::Deref for Data {
    type Target = Databag;

    fn deref(&self) -> &Databag {
        &self.0
    }
}

impl Read for Data {
    /// Values are texts; whatever else is there is shown as JSON.
    fn read(value: &Value) -> Result<Self, Misshapen> {
        let values: BTreeMap<String, Value> = Read::read(value)?;
        let text = |value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(Self(
            values
                .into_iter()
                .map(|(key, value)| (key, text(value)))
                .collect(),
        ))
    }
}

/// The data of one relation, both sides of it, seen from a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelationData {
    /// The number of the relation.
    pub id: u64,
    /// The endpoint at the other side.
    pub related_endpoint: String,
    /// What the unit's own application has set; empty where Juju does not tell, see [`Model::relation_data`].
    pub local_application: Databag,
    /// What the unit has set; empty where Juju does not tell.
    pub local_unit: Databag,
    /// What the application at the other side has set. In a peer relation that is the unit's own.
    pub remote_application: Databag,
    /// What the units at the other side have set.
    pub remote_units: BTreeMap<String, Databag>,
}

impl Model {
    /// Returns what `juju show-application` says of an application.
    ///
    /// # Errors
    ///
    /// If there is no such application.
    pub async fn show_application(&self, application: &str) -> Result<ApplicationInfo, JujuError> {
        ApplicationName::parse(application)?;
        let call = self.call(["show-application", application, "--format", "json"]);
        let shown: BTreeMap<String, ApplicationInfo> = call.read("an application").await?;
        let first = shown.into_values().next();
        first.ok_or_else(|| self.not_there("application", application))
    }

    /// Returns what `juju show-unit` says of a unit: its addresses, and its relations with their data.
    ///
    /// # Errors
    ///
    /// If there is no such unit.
    pub async fn show_unit<U>(&self, unit: U) -> Result<UnitInfo, JujuError>
    where
        U: TryInto<UnitName>,
        NameError: From<U::Error>,
    {
        let unit = unit.try_into().map_err(NameError::from)?;
        // `show-unit` knows no leaders (Juju 3.6 and 4.0: `unit name a/leader not valid`).
        let unit = self.resolve_leader(unit).await?;
        self.shown_unit(&unit).await
    }

    async fn shown_unit(&self, unit: &UnitName) -> Result<UnitInfo, JujuError> {
        let call = self.call(["show-unit", unit.as_str(), "--format", "json"]);
        let shown: BTreeMap<String, UnitInfo> = call.read("a unit").await?;
        let first = shown.into_values().next();
        first.ok_or_else(|| self.not_there("unit", unit.as_str()))
    }

    /// Returns the data of the relations that a unit has at an endpoint, from both sides, in the order of their numbers.
    ///
    /// ```no_run
    /// # async fn test(model: charmtest::ops_test::Model) -> charmtest::Result {
    /// let [relation] = &model.relation_data("web/0", "database").await?[..] else {
    ///     return Err("web has not one relation at database")?;
    /// };
    /// assert_eq!(relation.remote_application["version"], "14");
    /// assert_eq!(relation.local_application["extra-user-roles"], "admin");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Juju shows a unit the other side of its relations only, so the unit's own side comes from asking a unit of the other
    /// application. It is empty for an application in another model, and while there are no units there.
    ///
    /// # Errors
    ///
    /// If there is no such unit. An endpoint without relations is fine.
    pub async fn relation_data<U>(
        &self,
        unit: U,
        endpoint: &str,
    ) -> Result<Vec<RelationData>, JujuError>
    where
        U: TryInto<UnitName>,
        NameError: From<U::Error>,
    {
        let unit = unit.try_into().map_err(NameError::from)?;
        let unit = self.resolve_leader(unit).await?;
        let shown = self.shown_unit(&unit).await?;
        let mut found = Vec::new();
        for relation in shown.relations {
            if relation.endpoint != endpoint {
                continue;
            }
            let mut data = RelationData {
                id: relation.id,
                related_endpoint: relation.related_endpoint.clone(),
                remote_application: relation.application_data.0.clone(),
                local_unit: relation.local_unit.data.0.clone(),
                ..RelationData::default()
            };
            if let Some(other) = self.other_side(&unit, &relation).await? {
                data.local_application = other.application_data.0;
                if let Some(own) = other.related_units.get(unit.as_str()) {
                    data.local_unit = own.data.0.clone();
                }
            } else if is_peer(&unit, &relation) {
                data.local_application = data.remote_application.clone();
            }
            data.remote_units = relation
                .related_units
                .into_iter()
                .map(|(unit, data)| (unit, data.data.0))
                .collect();
            found.push(data);
        }
        found.sort_by_key(|relation| relation.id);
        Ok(found)
    }

    /// Returns a relation as a unit at the other side sees it, if there is one that can be asked.
    async fn other_side(
        &self,
        unit: &UnitName,
        relation: &UnitRelation,
    ) -> Result<Option<UnitRelation>, JujuError> {
        if relation.cross_model || is_peer(unit, relation) {
            return Ok(None);
        }
        let Some(other) = relation.related_units.keys().next() else {
            return Ok(None);
        };
        let shown = match self.shown_unit(&UnitName::parse(other)?).await {
            Ok(shown) => shown,
            // It may have gone since.
            Err(JujuError::Failed { stderr, .. }) if stderr.contains("not found") => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(shown
            .relations
            .into_iter()
            .find(|seen| seen.id == relation.id))
    }

    /// Returns the unit itself, or for `application/leader` the unit that leads at this moment.
    async fn resolve_leader(&self, unit: UnitName) -> Result<UnitName, JujuError> {
        if !unit.as_str().ends_with("/leader") {
            return Ok(unit);
        }
        let status = self.status().await?;
        match status.leader_of(unit.application()) {
            Some((leader, _)) => Ok(UnitName::parse(leader)?),
            None => Err(self.not_there("unit", unit.as_str())),
        }
    }

    /// Returns the error for something that is not in the model.
    pub(super) fn not_there(&self, what: &str, name: &str) -> JujuError {
        JujuError::NotFound(format!(
            "there is no {what} `{name}` in the model {}",
            self.full_name()
        ))
    }
}

/// Tells whether a relation is among the units of one application. A relation of an application to itself that is none has
/// two endpoints.
fn is_peer(unit: &UnitName, relation: &UnitRelation) -> bool {
    let own = |other: &String| {
        other
            .rsplit_once('/')
            .is_some_and(|(application, _)| application == unit.application())
    };
    relation.endpoint == relation.related_endpoint
        && (relation.local_unit.in_scope || relation.related_units.keys().any(own))
}
