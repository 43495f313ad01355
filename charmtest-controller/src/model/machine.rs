//! Machines.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::Life;

/// A machine of a model: here, a loopback address and a place for units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The machine's id, `0`, `1`, ...
    pub id: String,
    /// The address of everything that runs on it, unique on this host among the models of this data directory.
    pub address: Ipv4Addr,
    /// The base that the charm asked for, `ubuntu@22.04`.
    pub base: String,
    /// Whether it is going.
    pub life: Life,
    /// When it was made.
    pub since: Timestamp,
    /// The constraints it was made with.
    #[serde(default)]
    pub constraints: std::collections::BTreeMap<String, String>,
    /// Annotations, which only bundles set.
    #[serde(default)]
    pub annotations: std::collections::BTreeMap<String, String>,
}
