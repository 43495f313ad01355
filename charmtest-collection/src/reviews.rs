//! Which charms may run: trust, and approvals of one version.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::collection::Trust;
use crate::digest::Digest;
use crate::disk::{Disk, Durability, read_if_there};
use crate::error::{Error, Result};
use crate::snapshot::Entry;

/// Somebody's word that one version of a charm may run here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// The charm's name, for people.
    pub charm: String,
    /// The tree that was looked at.
    pub tree: String,
    /// Its content.
    pub content: Digest,
    /// Who looked.
    pub who: String,
    /// When.
    pub date: String,
    /// What they say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// All reviews: `reviews.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviews {
    /// The reviews, oldest first.
    #[serde(default, rename = "review")]
    pub reviews: Vec<Review>,
}

impl Reviews {
    /// Reads the reviews of a state directory.
    ///
    /// # Errors
    ///
    /// Fails when the file is there and not understood: a review that does not count must not go unnoticed.
    pub(crate) fn read(state: &Path) -> Result<Self> {
        let path = state.join("reviews.toml");
        let Some(bytes) = read_if_there(&path)? else {
            return Ok(Self::default());
        };
        let text = String::from_utf8_lossy(&bytes);
        toml::from_str(&text).map_err(|error| Error::Corrupt {
            path,
            message: error.message().to_owned(),
        })
    }

    /// Writes the reviews.
    pub(crate) fn write(&self, state: &Path, disk: &Disk) -> Result<()> {
        let text = toml::to_string(self).map_err(|error| Error::Usage(error.to_string()))?;
        disk.write(
            &state.join("reviews.toml"),
            text.as_bytes(),
            Durability::Synced,
        )
    }

    /// Returns the review of an entry's very content.
    #[must_use]
    pub fn of(&self, entry: &Entry) -> Option<&Review> {
        let same = |review: &&Review| review.tree == entry.tree && review.content == entry.content;
        self.reviews.iter().find(same)
    }
}

/// Whether a charm may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Run,
    /// It may not, for this reason.
    Refused(String),
}

/// What decides whether charms may run.
#[derive(Debug, Clone, Copy)]
pub struct Gate<'a> {
    /// The reviews.
    pub reviews: &'a Reviews,
    /// The sandbox level at which untrusted charms may run, if any.
    pub required: Option<u8>,
    /// The sandbox level that there is.
    pub reached: u8,
}

impl Gate<'_> {
    /// Decides about one charm: its tests and its hooks alike.
    #[must_use]
    pub fn decide(&self, entry: &Entry) -> Decision {
        if entry.trust == Trust::Official || self.reviews.of(entry).is_some() {
            return Decision::Run;
        }
        let sandbox = match self.required {
            Some(required) if self.reached >= required => return Decision::Run,
            Some(required) => format!("the sandbox has level {}, not {required}", self.reached),
            None => "no sandbox level is said to suffice".to_owned(),
        };
        Decision::Refused(format!(
            "untrusted, tree {} is not approved, and {sandbox}; look at it, then `cargo charmtest watch approve {}`",
            entry.tree, entry.key
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::tests::entry;

    #[test]
    fn r26_who_may_run() {
        let entry = entry("b", "a", "-", "1");
        let review = Review {
            charm: "a".to_owned(),
            tree: entry.tree.clone(),
            content: entry.content.clone(),
            who: "me".to_owned(),
            date: "today".to_owned(),
            note: None,
        };
        let mut other = review.clone();
        other.content = Digest::of(b"2");
        let reviewed = |reviews: &[&Review]| Reviews {
            reviews: reviews.iter().copied().cloned().collect(),
        };
        for (trust, reviews, required, reached, runs) in [
            (Trust::Official, vec![], None, 0, true),
            (Trust::Untrusted, vec![], None, 3, false),
            (Trust::Untrusted, vec![], Some(3), 2, false),
            (Trust::Untrusted, vec![], Some(3), 3, true),
            (Trust::Untrusted, vec![&other], None, 0, false),
            (Trust::Untrusted, vec![&other, &review], None, 0, true),
        ] {
            let mut entry = entry.clone();
            entry.trust = trust;
            let reviews = reviewed(&reviews);
            let gate = Gate {
                reviews: &reviews,
                required,
                reached,
            };
            let decision = gate.decide(&entry);
            assert_eq!(
                decision == Decision::Run,
                runs,
                "{trust:?} {required:?} {reached}"
            );
            if let Decision::Refused(why) = decision {
                assert!(
                    why.contains(&entry.tree) && why.contains("approve b:a:-"),
                    "{why}"
                );
            }
        }
    }
}
