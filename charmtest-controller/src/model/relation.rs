//! Relations: endpoints, databags, scope.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::{RelationId, UnitName};
use super::offer::{CrossModel, Suspension};
use super::state::Life;

use charmtest_charm::Role;
pub use charmtest_charm::Scope;

/// One side of a relation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The application.
    pub application: String,
    /// The endpoint's name in that application's charm.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// The interface.
    pub interface: String,
}

/// A databag with a version that goes up with every real change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Bag {
    /// The data; an empty value never stands here, it means "absent".
    pub data: BTreeMap<String, String>,
    /// 0 as long as nothing was written.
    pub version: u64,
}

impl Bag {
    /// Merges `changes` (an absent or empty value deletes the key) and says whether anything really changed.
    pub fn merge(&mut self, changes: &BTreeMap<String, String>) -> bool {
        let mut changed = false;
        for (key, value) in changes {
            changed |= match value.as_str() {
                "" => self.data.remove(key).is_some(),
                _ => self.data.insert(key.clone(), value.clone()).as_ref() != Some(value),
            };
        }
        if changed {
            self.version += 1;
        }
        changed
    }
}

/// A unit's part in a relation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The unit's databag; it stays readable after the unit left, until the relation goes.
    pub bag: Bag,
    /// Whether the unit is in scope: others see it and join it.
    pub in_scope: bool,
    /// Whether the unit is on its way out: hidden from others, though still in scope itself.
    pub departing: bool,
}

/// A relation between two endpoints, or of one peer endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// The number.
    pub id: RelationId,
    /// One endpoint (peer) or two (provider first).
    pub endpoints: Vec<Endpoint>,
    /// `container` if either side declares it.
    pub scope: Scope,
    /// Whether it is going.
    pub life: Life,
    /// When it was made.
    #[serde(default)]
    pub since: jiff::Timestamp,
    /// When every unit leaves it, whatever its agent has done by then (`--force`).
    #[serde(default)]
    pub force_at: Option<jiff::Timestamp>,
    /// Application databags by application.
    pub applications: BTreeMap<String, Bag>,
    /// Units that are or were in scope.
    pub members: BTreeMap<UnitName, Member>,
    /// Set when the other side lives in another model.
    #[serde(default)]
    pub cross_model: Option<CrossModel>,
    /// The subnets that traffic of the requirer comes from (`juju integrate --via`); none means its address.
    #[serde(default)]
    pub egress: Vec<String>,
}

impl Relation {
    /// Says whether this is a peer relation.
    pub fn is_peer(&self) -> bool {
        self.endpoints.len() == 1
    }

    /// Says whether a unit in the relation belongs to another model.
    pub fn is_foreign(&self, unit: &UnitName) -> bool {
        self.is_foreign_application(unit.application())
    }

    /// Says whether an application in the relation belongs to another model.
    pub fn is_foreign_application(&self, name: &str) -> bool {
        let cross = self.cross_model.as_ref();
        cross.is_some_and(|cross| cross.application == name)
    }

    /// Returns the subnets that traffic of this model's units comes from, where the relation says so.
    pub fn own_egress(&self) -> &[String] {
        let of_consumer = self
            .cross_model
            .as_ref()
            .is_some_and(|cross| cross.offer.is_some());
        if of_consumer { &[] } else { &self.egress }
    }

    /// Returns the suspension of a relation across models, while it lasts.
    pub fn suspension(&self) -> Option<&Suspension> {
        self.cross_model.as_ref()?.suspended.as_ref()
    }

    /// Returns where the relation stands, in the word that Juju prints, with what goes with it.
    ///
    /// Juju 3.6 has the leaders say so: `joined` when they enter the scope, `suspended` after their `-broken`.
    pub fn status(&self) -> (&'static str, &str) {
        let mut members = self.members.iter();
        let inside = members.any(|(unit, member)| member.in_scope && !self.is_foreign(unit));
        match (self.suspension(), inside) {
            (Some(suspension), true) => ("suspending", &suspension.message),
            (Some(suspension), false) => ("suspended", &suspension.message),
            (None, true) => ("joined", ""),
            (None, false) => ("joining", ""),
        }
    }

    /// Returns the endpoint of `application`.
    pub fn endpoint_of(&self, application: &str) -> Option<&Endpoint> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.application == application)
    }

    /// Returns the endpoint on the other side of `application`; its own for a peer relation.
    pub fn remote_of(&self, application: &str) -> Option<&Endpoint> {
        if self.is_peer() {
            return self.endpoint_of(application);
        }
        self.endpoint_of(application)?;
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.application != application)
    }

    /// Returns the relation's key as Juju writes it, `web:db db:server` (requirer first) or `app:ring`.
    pub fn key(&self) -> String {
        let mut sides: Vec<String> = self
            .endpoints
            .iter()
            .map(|e| format!("{}:{}", e.application, e.name))
            .collect();
        sides.reverse();
        sides.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn only_a_real_change_raises_the_version() {
        let mut bag = Bag::default();
        assert!(!bag.merge(&changes(&[("a", "")])), "deleting nothing");
        assert!(bag.merge(&changes(&[("a", "1"), ("b", "2")])));
        assert!(!bag.merge(&changes(&[("a", "1")])), "the same value");
        assert!(bag.merge(&changes(&[("a", ""), ("b", "2")])));
        assert_eq!((bag.version, bag.data), (2, changes(&[("b", "2")])));
    }
}
