//! Storage that a charm declares.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::is_hyphenated_name;
use crate::error::FileError;
use crate::yaml::{Entries, Located};

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
    fn parse(range: &str) -> Option<Self> {
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

/// A storage as written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RawStorage {
    #[serde(rename = "type")]
    kind: StorageKind,
    description: Option<String>,
    shared: Option<bool>,
    read_only: Option<bool>,
    multiple: Option<RawMultiple>,
    minimum_size: Option<Located<Value>>,
    location: Option<Located<String>>,
    properties: Option<Vec<StorageProperty>>,
}

#[derive(Debug, Deserialize)]
struct RawMultiple {
    range: Located<Value>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StorageProperty {
    Transient,
}

/// Applies Juju's rules to the section `storage`.
pub(super) fn build(
    file: &str,
    raw: Entries<RawStorage>,
) -> Result<BTreeMap<String, Storage>, FileError> {
    let mut storage = BTreeMap::new();
    for (name, raw) in raw.0 {
        if !is_hyphenated_name(&name.value) {
            let message = format!(
                "invalid storage name `{}`; use lower-case letters, digits and hyphens",
                name.value
            );
            return Err(name.error(file, message));
        }
        storage.insert(name.value, raw.check(file)?);
    }
    Ok(storage)
}

impl RawStorage {
    fn check(self, file: &str) -> Result<Storage, FileError> {
        let count = match &self.multiple {
            None => StorageCount::default(),
            Some(RawMultiple { range }) => {
                StorageCount::parse(&scalar(&range.value)).ok_or_else(|| {
                    range.error(file, "`range` must be `N`, `N-M` or `N+`, as in `0-3`")
                })?
            }
        };
        let minimum_size = match &self.minimum_size {
            None => 0,
            Some(size) => parse_size(&scalar(&size.value)).ok_or_else(|| {
                size.error(
                    file,
                    "`minimum-size` must be a number with a unit, as in `512M` or `1G`",
                )
            })?,
        };
        if let (StorageKind::Block, Some(location)) = (self.kind, &self.location) {
            return Err(location.error(file, "`location` is only for storage of type filesystem"));
        }
        Ok(Storage {
            kind: self.kind,
            description: self.description.unwrap_or_default(),
            shared: self.shared.unwrap_or_default(),
            read_only: self.read_only.unwrap_or_default(),
            count,
            minimum_size,
            location: self.location.map(|location| location.value),
            transient: self
                .properties
                .is_some_and(|list| list.contains(&StorageProperty::Transient)),
        })
    }
}

/// Returns a scalar as text, so that `range: 2` is as good as `range: "2"`.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Parses a size with a unit (`512M`, `1.5G`, `2TiB`) into MiB, rounded up; `None` when the text is no such size.
pub fn parse_size(text: &str) -> Option<u64> {
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
