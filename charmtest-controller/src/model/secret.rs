//! Secrets: what the controller knows of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::clock::Deadline;
use super::ids::{RelationId, UnitName, random_hex};

/// The digits of secret ids: base 32 with the extended hexadecimal alphabet.
const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// The id of a secret: 20 digits that stand for 12 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretId(String);

impl SecretId {
    /// Parses a bare id; `None` when the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 20 && text.bytes().all(|byte| DIGITS.contains(&byte));
        // 12 bytes are 96 bits and 20 digits hold 100: four bits of the last digit say nothing and must be zero.
        (digits && text.ends_with(['0', 'g'])).then(|| Self(text.to_owned()))
    }

    /// Makes a random id.
    pub fn random() -> Self {
        let hex = random_hex(12);
        let mut bits = hex
            .chars()
            .filter_map(|digit| digit.to_digit(16))
            .flat_map(|digit| (0..4).rev().map(move |bit| digit >> bit & 1));
        let digit = |_| {
            let value = (0..5).fold(0, |value, _| value << 1 | bits.next().unwrap_or_default());
            char::from(DIGITS[value as usize % DIGITS.len()])
        };
        Self((0..20).map(digit).collect())
    }

    /// Returns the bare id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A secret as users and charms name it: `ID`, `secret:ID`, `secret:MODEL-UUID/ID` or `secret://MODEL-UUID/ID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUri {
    /// The model that the secret is in, if it was named.
    pub source: Option<String>,
    /// The id.
    pub id: SecretId,
}

impl SecretUri {
    /// Parses a reference; `None` when the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("secret:").unwrap_or(text);
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (source, id) = match rest.rsplit_once('/') {
            Some((source, id)) => (Some(source), id),
            None => (None, rest),
        };
        if source.is_some_and(|source| !is_uuid(source)) {
            return None;
        }
        Some(Self {
            source: source.map(str::to_owned),
            id: SecretId::parse(id)?,
        })
    }
}

impl fmt::Display for SecretUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "secret://{source}/{}", self.id),
            None => write!(f, "secret:{}", self.id),
        }
    }
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

/// The keys and values of a secret, the values in base64. Its `Debug` shows neither.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Content(Arc<BTreeMap<String, String>>);

impl Content {
    /// Makes content of values that are in base64 already.
    pub fn new(values: BTreeMap<String, String>) -> Self {
        Self(Arc::new(values))
    }

    /// Says whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns a value as it is kept, in base64.
    pub fn encoded(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Iterates over keys and decoded values in key order.
    ///
    /// What is no base64 after all, which a charm may have said with `#base64`, is an error that names the key.
    pub fn decoded(&self) -> impl Iterator<Item = Result<(&str, Vec<u8>), String>> {
        self.0.iter().map(|(key, value)| {
            let bytes = STANDARD
                .decode(value)
                .map_err(|_| format!("the value of secret key {key:?} is not valid base64"))?;
            Ok((key.as_str(), bytes))
        })
    }

    /// Returns Juju's checksum: the SHA-256 of the values in base64 as JSON with sorted keys.
    pub fn checksum(&self) -> String {
        // Keys are plain and values base64, so Go's JSON and serde's are the same bytes.
        let json = serde_json::to_string(&*self.0).unwrap_or_default();
        format!("{:x}", Sha256::digest(json))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} hidden values)", self.0.len())
    }
}

/// Whose secret it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretOwner {
    /// The model's: a user secret.
    Model,
    /// An application's: its leader manages it, all its units may read it.
    Application(String),
    /// A unit's.
    Unit(UnitName),
}

impl SecretOwner {
    /// Returns how `juju secrets` names the owner.
    pub fn shown(&self) -> &str {
        match self {
            Self::Model => "<model>",
            Self::Application(name) => name,
            Self::Unit(name) => name.as_str(),
        }
    }

    /// Returns the application that the secret belongs to, with its units.
    pub fn application(&self) -> Option<&str> {
        match self {
            Self::Model => None,
            Self::Application(name) => Some(name),
            Self::Unit(name) => Some(name.application()),
        }
    }
}

/// How often a charm is asked to change a secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RotatePolicy {
    /// Not at all.
    #[default]
    Never,
    /// Every hour.
    Hourly,
    /// Every day.
    Daily,
    /// Every week.
    Weekly,
    /// Every month.
    Monthly,
    /// Every three months.
    Quarterly,
    /// Every year.
    Yearly,
}

impl RotatePolicy {
    /// All policies.
    pub const ALL: [Self; 7] = [
        Self::Never,
        Self::Hourly,
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Quarterly,
        Self::Yearly,
    ];

    /// Returns the policy called `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text)
    }

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::Yearly => "yearly",
        }
    }

    /// Returns when a secret that was rotated at `last` is to be rotated next.
    pub fn next(self, last: Timestamp) -> Option<Deadline> {
        let span = match self {
            Self::Never => return None,
            Self::Hourly => return Some(Deadline::after(last, SignedDuration::from_hours(1))),
            Self::Daily => Span::new().days(1),
            Self::Weekly => Span::new().days(7),
            Self::Monthly => Span::new().months(1),
            Self::Quarterly => Span::new().months(3),
            Self::Yearly => Span::new().years(1),
        };
        let at = last.to_zoned(TimeZone::UTC).checked_add(span);
        Some(Deadline {
            since: last,
            at: at.map_or(Timestamp::MAX, |at| at.timestamp()),
        })
    }
}

/// One content that a secret has or had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretRevision {
    /// The content.
    pub content: Content,
    /// When it was made.
    pub created: Timestamp,
    /// When it or its expiry was changed.
    pub updated: Timestamp,
    /// When it expires.
    #[serde(default)]
    pub expires: Option<Deadline>,
    /// When the owner is told again that it expired.
    #[serde(default)]
    pub expire_again: Option<Deadline>,
    /// There is a newer one, and no consumer tracks this one: the owner is told once, by `secret-remove`.
    #[serde(default)]
    pub obsolete: bool,
}

/// A unit that has read the secret.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SecretConsumer {
    /// The unit's own label for it; may be empty.
    pub label: String,
    /// The revision that the unit reads until it refreshes.
    pub revision: u32,
}

/// To whom a secret was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// All units of an application.
    Application(String),
    /// One unit.
    Unit(UnitName),
}

impl Subject {
    /// Returns the tag that Juju prints, `application-web` or `unit-web-0`.
    pub fn tag(&self) -> String {
        match self {
            Self::Application(name) => format!("application-{name}"),
            Self::Unit(name) => name.tag(),
        }
    }

    /// Says whether `unit` is meant.
    pub fn includes(&self, unit: &UnitName) -> bool {
        match self {
            Self::Application(name) => name == unit.application(),
            Self::Unit(name) => name == unit,
        }
    }
}

/// With what a grant ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GrantScope {
    /// The model: grants of user secrets.
    Model,
    /// A relation: grants of charm secrets.
    Relation(RelationId),
}

/// The permission to read a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who may read it.
    pub subject: Subject,
    /// As long as what lives.
    pub scope: GrantScope,
}

/// A secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    /// Its id.
    pub id: SecretId,
    /// Whose it is.
    pub owner: SecretOwner,
    /// The owner's label; of a user secret its name. May be empty.
    pub label: String,
    /// What it is for; may be empty.
    pub description: String,
    /// How often it is to be rotated.
    pub rotate: RotatePolicy,
    /// When it is to be rotated next.
    pub rotates: Option<Deadline>,
    /// Whether revisions that nobody tracks are removed by themselves (user secrets only).
    pub auto_prune: bool,
    /// The number of the newest revision; it stays when that revision is removed.
    pub latest: u32,
    /// The checksum of the newest revision's content.
    pub checksum: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed.
    pub updated: Timestamp,
    /// Revisions by number.
    pub revisions: BTreeMap<u32, SecretRevision>,
    /// Who may read it, in the order in which it was granted.
    pub grants: Vec<Grant>,
    /// Who has read it.
    pub consumers: BTreeMap<UnitName, SecretConsumer>,
}

impl Secret {
    /// Says whether `unit` may read the secret: its own, its application's, or one that was granted to either.
    pub fn is_readable_by(&self, unit: &UnitName) -> bool {
        let own = match &self.owner {
            SecretOwner::Model => false,
            SecretOwner::Application(name) => name == unit.application(),
            SecretOwner::Unit(name) => name == unit,
        };
        own || self.grants.iter().any(|grant| grant.subject.includes(unit))
    }

    /// Says whether `unit`, which leads its application or not, may change the secret.
    pub fn is_managed_by(&self, unit: &UnitName, leads: bool) -> bool {
        match &self.owner {
            SecretOwner::Model => false,
            SecretOwner::Application(name) => leads && name == unit.application(),
            SecretOwner::Unit(name) => name == unit,
        }
    }

    /// Returns when the newest revision expires.
    pub fn expires(&self) -> Option<Deadline> {
        self.revisions.get(&self.latest)?.expires
    }

    /// Marks revisions as obsolete that are not the newest and that nobody tracks.
    pub fn mark_obsolete(&mut self) {
        let tracked: BTreeSet<u32> = self
            .consumers
            .values()
            .map(|consumer| consumer.revision)
            .chain([self.latest])
            .collect();
        for (number, revision) in &mut self.revisions {
            // A revision that somebody tracks (again) is not obsolete.
            let unused = !tracked.contains(number);
            if revision.obsolete != unused {
                revision.obsolete = unused;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(pairs: &[(&str, &str)]) -> Content {
        let encode = |(key, value): &(&str, &str)| ((*key).to_owned(), STANDARD.encode(value));
        Content::new(pairs.iter().map(encode).collect())
    }

    #[test]
    fn ids_are_what_juju_reads() {
        for good in ["9m4e2mr0ui3e8a215n4g", "d00000000000000000g0"] {
            assert_eq!(SecretId::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "nope",
            "9m4e2mr0ui3e8a215n4",
            "9m4e2mr0ui3e8a215n4h",
            "9m4e2mr0ui3e8a215n4z",
            "9M4E2MR0UI3E8A215N4G",
        ] {
            assert_eq!(SecretId::parse(bad), None, "{bad}");
        }
        for _ in 0..100 {
            let id = SecretId::random();
            assert_eq!(SecretId::parse(id.as_str()), Some(id.clone()), "{id}");
        }
        assert_ne!(SecretId::random(), SecretId::random());
    }

    #[test]
    fn references_have_four_forms() {
        let uuid = "f9b1fe93-c6b4-4956-8442-f3344fac642a";
        let id = "9m4e2mr0ui3e8a215n4g";
        for (text, source) in [
            (id.to_owned(), None),
            (format!("secret:{id}"), None),
            (format!("secret:{uuid}/{id}"), Some(uuid)),
            (format!("secret://{uuid}/{id}"), Some(uuid)),
        ] {
            let uri = SecretUri::parse(&text).unwrap();
            assert_eq!((uri.source.as_deref(), uri.id.as_str()), (source, id));
            let again = uri.to_string();
            assert_eq!(SecretUri::parse(&again), Some(uri), "{again}");
        }
        for bad in [
            "x",
            "secret:nope",
            "http:x",
            "secret://host/9m4e2mr0ui3e8a215n4g",
        ] {
            assert_eq!(SecretUri::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn checksums_are_those_of_a_real_juju() {
        for (pairs, checksum) in [
            (
                [("user", "bob"), ("token", "s3")],
                "f732cab3d40b402a456d252645ffd41410fc5b4e21de34b3580f128bf2849069",
            ),
            (
                [("user", "carol"), ("token", "s4")],
                "8dfc1e6950df2a59b87a1c338e12083f00449d099b420e909e4be2475fb59fec",
            ),
        ] {
            assert_eq!(content(&pairs).checksum(), checksum);
        }
    }

    #[test]
    fn debug_output_hides_content() {
        let content = content(&[("password", "hunter2")]);
        let shown = format!("{content:?}");
        assert_eq!(shown, "Content(1 hidden values)");
    }

    #[test]
    fn rotation_follows_the_calendar() {
        let last: Timestamp = "2026-01-31T10:00:00Z".parse().unwrap();
        for (policy, at) in [
            ("hourly", "2026-01-31T11:00:00Z"),
            ("daily", "2026-02-01T10:00:00Z"),
            ("weekly", "2026-02-07T10:00:00Z"),
            ("monthly", "2026-02-28T10:00:00Z"),
            ("quarterly", "2026-04-30T10:00:00Z"),
            ("yearly", "2027-01-31T10:00:00Z"),
        ] {
            let next = RotatePolicy::parse(policy).unwrap().next(last).unwrap();
            assert_eq!(next.at.to_string(), at, "{policy}");
        }
        assert_eq!(RotatePolicy::Never.next(last), None);
        assert_eq!(RotatePolicy::parse("sometimes"), None);
    }
}
