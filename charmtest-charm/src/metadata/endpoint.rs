//! Endpoints: the sockets that relations join.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An endpoint that a charm declares under `provides`, `requires` or `peers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its name, unique in the charm.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// The protocol spoken over it; relations join endpoints of one interface.
    pub interface: String,
    /// How many relations it takes; `None` means any number.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Whether the charm works without it; Juju only reports this.
    #[serde(default)]
    pub optional: bool,
    /// Which units see each other.
    #[serde(default)]
    pub scope: Scope,
}

impl Endpoint {
    /// Returns the endpoint `juju-info`, which every charm provides without saying so.
    pub fn juju_info() -> Self {
        Self {
            name: "juju-info".to_owned(),
            role: Role::Provider,
            interface: "juju-info".to_owned(),
            limit: None,
            optional: false,
            scope: Scope::Global,
        }
    }
}

/// The role of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Listed under `provides`.
    Provider,
    /// Listed under `requires`.
    Requirer,
    /// Listed under `peers`.
    Peer,
}

impl Role {
    /// Returns Juju's word: `provider`, `requirer` or `peer`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Requirer => "requirer",
            Self::Peer => "peer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which units of two related applications see each other.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// All of them.
    #[default]
    Global,
    /// Only those that share a machine: a principal unit and its subordinate.
    Container,
}

impl Scope {
    /// Returns Juju's word: `global` or `container`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Container => "container",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
