//! Names and numbers of things, parsed once at the edge.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A name that Juju would not accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(pub String);

/// The UUID of a model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelUuid(pub String);

impl fmt::Display for ModelUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of a relation, counted per model from 0.
pub type RelationId = u32;

/// The number of an operation or a task; both are drawn from one counter per model, from 1 (Juju 3.6).
pub type TaskId = u64;

/// The name of a unit, `app/0`.
///
/// Names are ordered as strings, as Juju orders them: `db/10` comes before `db/2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnitName(String);

impl UnitName {
    /// Makes the name of unit `number` of `application`.
    pub fn new(application: &str, number: u32) -> Self {
        Self(format!("{application}/{number}"))
    }

    /// Parses `app/0`.
    ///
    /// # Errors
    ///
    /// Fails with Juju's words, ``unit name x not valid``, when the text is not an application name, a slash and a number.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let invalid = || NameError(format!("unit name {text} not valid"));
        let (application, number) = text.split_once('/').ok_or_else(invalid)?;
        let canonical = number.parse::<u32>().is_ok_and(|n| n.to_string() == number);
        if application_name(application).is_err() || !canonical {
            return Err(invalid());
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of the unit's application.
    pub fn application(&self) -> &str {
        self.0
            .split_once('/')
            .map_or(self.0.as_str(), |(application, _)| application)
    }

    /// Returns the unit's number.
    pub fn number(&self) -> u32 {
        self.0
            .split_once('/')
            .and_then(|(_, number)| number.parse().ok())
            .unwrap_or_default()
    }

    /// Returns the tag that names the unit in paths and logs, `unit-app-0`.
    pub fn tag(&self) -> String {
        format!("unit-{}", self.0.replace('/', "-"))
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for UnitName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Checks an application name by Juju's rules.
///
/// # Errors
///
/// Fails with Juju 4.0's words (recorded), which say what is wrong with the name.
pub fn application_name(text: &str) -> Result<&str, NameError> {
    let fail = |why: &str| {
        Err(NameError(format!(
            "invalid application name {text:?}, {why}"
        )))
    };
    if text.is_empty() {
        return Err(NameError("application name must not be empty".to_owned()));
    }
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return fail("unexpected uppercase character");
    }
    if let Some(odd) = text
        .chars()
        .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-'))
    {
        return fail(&format!("unexpected character {odd}"));
    }
    let words: Vec<&str> = text.split('-').collect();
    if words.iter().any(|word| word.is_empty()) {
        return fail("unexpected hyphen");
    }
    if !words[0].starts_with(|c: char| c.is_ascii_lowercase()) {
        return fail("it must start with a letter");
    }
    if words.len() > 1 && words[words.len() - 1].bytes().all(|b| b.is_ascii_digit()) {
        return fail("unexpected number(s) found after last hyphen");
    }
    if words
        .iter()
        .any(|word| word.bytes().all(|b| b.is_ascii_digit()))
    {
        return fail("unexpected number(s) between hyphens");
    }
    Ok(text)
}

/// Checks a model name by Juju's rules.
///
/// # Errors
///
/// Fails with Juju 3.6's words for `add-model`.
pub fn model_name(text: &str) -> Result<&str, NameError> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let valid = text
        .chars()
        .all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'))
        && edge(text.chars().next())
        && edge(text.chars().next_back());
    if valid {
        return Ok(text);
    }
    Err(NameError(format!(
        "{text:?} is not a valid name: model names may only contain lowercase letters, digits and hyphens"
    )))
}

/// Returns `bytes` random bytes as lower-case hexadecimal digits.
pub fn random_hex(bytes: usize) -> String {
    let mut raw = vec![0_u8; bytes];
    let filled = rustix::rand::getrandom(&mut raw, rustix::rand::GetRandomFlags::empty());
    assert_eq!(
        filled.ok(),
        Some(bytes),
        "the kernel gives random bytes in one call for small requests"
    );
    raw.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the UUID of something that stores none: it follows from `name`, so it is the same every time.
pub fn derived_uuid(name: &str) -> String {
    let hex = format!("{:x}", Sha256::digest(name));
    format!(
        "{}-{}-4{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}

/// Returns a random (version 4) UUID.
pub fn random_uuid() -> String {
    let hex = random_hex(16);
    let variant = ["8", "9", "a", "b"][usize::from(hex.as_bytes()[16]) % 4];
    format!(
        "{}-{}-4{}-{variant}{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_names() {
        for good in ["a/0", "web-app/12", "k8s/3"] {
            assert_eq!(
                UnitName::parse(good).map(|u| u.to_string()).as_deref(),
                Ok(good)
            );
        }
        for bad in [
            "a", "a/", "a/x", "a/01", "A/0", "a/-1", "/0", "a/0/1", "a-1/0",
        ] {
            assert_eq!(
                UnitName::parse(bad),
                Err(NameError(format!("unit name {bad} not valid")))
            );
        }
        let unit = UnitName::new("web-app", 7);
        assert_eq!(
            (unit.application(), unit.number(), unit.tag().as_str()),
            ("web-app", 7, "unit-web-app-7")
        );
        assert!(
            UnitName::new("db", 10) < UnitName::new("db", 2),
            "string order"
        );
    }

    #[test]
    fn application_names() {
        for good in ["a", "web", "web-app", "k8s", "a1-b2"] {
            assert_eq!(application_name(good), Ok(good));
        }
        for (bad, why) in [
            ("Bad", "uppercase"),
            ("app-1", "after last hyphen"),
            ("a--b", "hyphen"),
            ("1a", "start with a letter"),
            ("a_b", "unexpected character _"),
            ("", "empty"),
        ] {
            let error = application_name(bad).unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn model_names() {
        assert_eq!(model_name("test-charm-x7f2"), Ok("test-charm-x7f2"));
        for bad in ["Bad", "a_b", "-a", "a-", "", "a b"] {
            assert!(model_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn uuids_look_like_uuids() {
        let uuid = random_uuid();
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
        assert_ne!(uuid, random_uuid());
    }
}
