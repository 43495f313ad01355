//! `assumes`: what a charm needs of Juju and of the cluster.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A condition on the controller or the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assumes {
    /// A feature must be there, perhaps in some version.
    Feature(Requirement),
    /// One of the conditions must hold.
    AnyOf(Vec<Assumes>),
    /// All of the conditions must hold.
    AllOf(Vec<Assumes>),
}

/// A feature and, if given, the version it must have; prints as `juju >= 3.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// The feature: `juju`, `k8s-api`, or one this program does not know.
    pub feature: String,
    /// The version bound.
    #[serde(default)]
    pub version: Option<(Comparison, String)>,
}

/// How a version is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `>=`.
    AtLeast,
    /// `<`.
    Below,
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.feature)?;
        match &self.version {
            None => Ok(()),
            Some((Comparison::AtLeast, version)) => write!(f, " >= {version}"),
            Some((Comparison::Below, version)) => write!(f, " < {version}"),
        }
    }
}

/// Builds the conditions of a list under `assumes`, `any-of` or `all-of`.
pub(super) fn build(list: &Value) -> Result<Vec<Assumes>, String> {
    match list {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items.iter().map(build_one).collect(),
        _ => Err("`assumes` must be a list of features".to_owned()),
    }
}

fn build_one(item: &Value) -> Result<Assumes, String> {
    match item {
        Value::String(text) => requirement(text).map(Assumes::Feature),
        Value::Object(map) if map.len() == 1 => match map.iter().next() {
            Some((key, list)) if key == "any-of" => build(list).map(Assumes::AnyOf),
            Some((key, list)) if key == "all-of" => build(list).map(Assumes::AllOf),
            _ => Err("a map under `assumes` must have the key `any-of` or `all-of`".to_owned()),
        },
        _ => Err(
            "an entry of `assumes` must be a feature (`juju >= 3.1`) or a map with the one key \
             `any-of` or `all-of`"
                .to_owned(),
        ),
    }
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let malformed = || format!("`{text}` under `assumes` is not of the form `feature >= version`");
    let (feature, version) = match text.split_once([' ', '<', '>']) {
        None => (text, None),
        Some((feature, _)) => (feature, Some(text[feature.len()..].trim())),
    };
    let named = feature
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if feature.is_empty() || !named {
        return Err(malformed());
    }
    let version = match version {
        None => None,
        Some(bound) => Some(bound_of(bound).ok_or_else(malformed)?),
    };
    Ok(Requirement {
        feature: feature.to_owned(),
        version,
    })
}

fn bound_of(text: &str) -> Option<(Comparison, String)> {
    let (comparison, version) = match text.strip_prefix(">=") {
        Some(rest) => (Comparison::AtLeast, rest.trim()),
        None => (Comparison::Below, text.strip_prefix('<')?.trim()),
    };
    let digits = version.starts_with(|c: char| c.is_ascii_digit());
    let plain = version
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
    (digits && plain).then(|| (comparison, version.to_owned()))
}
