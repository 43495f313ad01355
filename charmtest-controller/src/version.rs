//! Which Juju a controller speaks as.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The Juju that a data directory was made for: every place where the two differ asks this.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum JujuVersion {
    /// The long-term release 3.6.
    #[default]
    #[serde(rename = "3.6")]
    V3_6,
    /// 4.0.
    #[serde(rename = "4.0")]
    V4_0,
}

/// A text that names no version that we speak as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no Juju version that the embedded controller speaks as; take 3.6 or 4.0")]
pub struct UnknownVersion(String);

impl JujuVersion {
    /// All versions, the oldest first.
    pub const ALL: [Self; 2] = [Self::V3_6, Self::V4_0];

    /// Returns the full version number: that of the Juju whose behaviour was looked at.
    pub const fn number(self) -> &'static str {
        match self {
            Self::V3_6 => "3.6.28",
            Self::V4_0 => "4.0.15",
        }
    }

    /// Returns the series, `3.6` or `4.0`: what users write.
    pub const fn series(self) -> &'static str {
        match self {
            Self::V3_6 => "3.6",
            Self::V4_0 => "4.0",
        }
    }

    /// Reads a series, or a version number of one: `4.0` and `4.0.15` mean the same.
    ///
    /// # Errors
    ///
    /// Fails for every other text.
    pub fn parse(text: &str) -> Result<Self, UnknownVersion> {
        Self::ALL
            .into_iter()
            .find(|version| text == version.series() || text == version.number())
            .ok_or_else(|| UnknownVersion(text.to_owned()))
    }
}

impl fmt::Display for JujuVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.series())
    }
}

/// In which versions of Juju something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versions {
    /// In all that we speak as.
    All,
    /// In one.
    Only(JujuVersion),
}

impl Versions {
    /// Says whether `version` is one of them.
    pub(crate) fn contain(self, version: JujuVersion) -> bool {
        match self {
            Self::All => true,
            Self::Only(only) => only == version,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_by_series_or_number() {
        for (text, expected) in [
            ("3.6", Some(JujuVersion::V3_6)),
            ("4.0", Some(JujuVersion::V4_0)),
            ("4.0.15", Some(JujuVersion::V4_0)),
            ("2.9", None),
            ("4", None),
            ("", None),
        ] {
            assert_eq!(JujuVersion::parse(text).ok(), expected, "{text:?}");
        }
        assert_eq!(
            serde_json::to_string(&JujuVersion::V4_0).unwrap(),
            "\"4.0\""
        );
    }
}
