//! Storage that a charm declares.

use serde::{Deserialize, Serialize};

/// A storage of a charm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    /// What the unit gets.
    #[serde(rename = "type")]
    pub kind: StorageKind,
    /// What the charm's author says about it.
    #[serde(default)]
    pub description: String,
    /// Whether all units share one instance.
    #[serde(default)]
    pub shared: bool,
    /// Whether it is mounted read-only.
    #[serde(default)]
    pub read_only: bool,
    /// How many instances a unit has.
    #[serde(default)]
    pub count: StorageCount,
    /// The smallest acceptable size in MiB; 0 when the charm does not say.
    #[serde(default)]
    pub minimum_size: u64,
    /// Where a filesystem is mounted, if the charm says so.
    #[serde(default)]
    pub location: Option<String>,
    /// Whether the content may be lost with the machine (`properties: [transient]`).
    #[serde(default)]
    pub transient: bool,
}

/// What the unit gets of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// A mounted directory.
    Filesystem,
    /// A block device.
    Block,
}

impl StorageKind {
    /// Returns Juju's word: `filesystem` or `block`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filesystem => "filesystem",
            Self::Block => "block",
        }
    }
}

/// How many instances of a storage a unit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageCount {
    /// At least so many.
    pub min: u32,
    /// At most so many; `None` means any number.
    pub max: Option<u32>,
}

impl Default for StorageCount {
    /// Exactly one, as for a storage without `multiple`.
    fn default() -> Self {
        Self {
            min: 1,
            max: Some(1),
        }
    }
}

impl StorageCount {
    /// Says whether the storage is declared once and only once, so that its `location` is used as it is.
    pub fn is_singleton(self) -> bool {
        self.max == Some(1)
    }

    /// Parses `multiple.range`: `2`, `0-3`, `1+` or `1-`.
    pub(crate) fn parse(range: &str) -> Option<Self> {
        let digits = range.find(|c: char| !c.is_ascii_digit());
        let (min, rest) = range.split_at(digits.unwrap_or(range.len()));
        let min = min.parse().ok()?;
        let max = match rest {
            "" => Some(min),
            "+" | "-" => None,
            _ => Some(rest.strip_prefix('-')?.parse().ok()?),
        };
        (max.is_none_or(|max| max >= min && max > 0)).then_some(Self { min, max })
    }
}

/// Parses a size with a unit (`512M`, `1.5G`, `2TiB`) into MiB, rounded up.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(split);
    let unit = unit
        .strip_suffix("iB")
        .or(unit.strip_suffix('B'))
        .unwrap_or(unit);
    let exponent = match unit {
        "M" => 0,
        "G" => 1,
        "T" => 2,
        "P" => 3,
        "E" => 4,
        _ => return None,
    };
    let mebibytes = number.parse::<f64>().ok()? * 1024_f64.powi(exponent);
    // A float holds every integer below 2^53 exactly; nobody asks for 8 YiB of storage.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "digits and a dot cannot make a negative number, and the cast saturates"
    )]
    Some(mebibytes.ceil() as u64)
}
