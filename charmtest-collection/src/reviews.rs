//! Which charms may run: trust, and approvals of one version.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::collection::Trust;
use crate::digest::Digest;
use crate::disk::{Disk, Durability, read_if_there};
use crate::error::{Error, Result};
use crate::previous::Previous;
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

    /// Adds a review behind those that are there.
    ///
    /// # Errors
    ///
    /// As [`Reviews::read`], and when the file cannot be written.
    pub(crate) fn add(state: &Path, disk: &Disk, review: Review) -> Result<()> {
        let path = state.join("reviews.toml");
        let mut all = Self::read(state)?;
        let bytes = read_if_there(&path)?.unwrap_or_default();
        let there = String::from_utf8_lossy(&bytes);
        let one = Self {
            reviews: vec![review],
        };
        let text = match there.trim_end() {
            "" => one.to_toml()?,
            there => format!("{there}\n\n{}", one.to_toml()?),
        };
        all.reviews.extend(one.reviews);
        let text = match toml::from_str::<Self>(&text) {
            Ok(read) if read == all => text,
            // Somebody writes them in another way, behind which nothing can be put.
            _ => all.to_toml()?,
        };
        disk.write(&path, text.as_bytes(), Durability::Synced)
    }

    fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::Usage(error.to_string()))
    }

    /// Returns the review of an entry's very content.
    #[must_use]
    pub fn of(&self, entry: &Entry) -> Option<&Review> {
        let same = |review: &&Review| review.tree == entry.tree && review.content == entry.content;
        self.reviews.iter().find(same)
    }

    /// Says whether a charm is trusted: it is official, or its very content was approved.
    #[must_use]
    pub fn trust(&self, entry: &Entry) -> bool {
        entry.trust == Trust::Official || self.of(entry).is_some()
    }

    /// Says whether an earlier version may run where no sandbox is.
    #[must_use]
    pub fn trust_previous(&self, previous: &Previous) -> bool {
        let same =
            |review: &Review| review.tree == previous.tree && review.content == previous.content;
        !previous.untrusted || self.reviews.iter().any(same)
    }
}

/// Whether a charm may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Run,
    /// Its hooks and tests may, in a sandbox around all of them.
    Contained,
    /// It may not, for this reason.
    Refused(String),
}

impl Decision {
    /// Says whether the charm runs at all.
    #[must_use]
    pub fn runs(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

/// The sandbox that there is around hooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Its level.
    pub level: u8,
    /// Why it has no higher one.
    pub missing: Option<String>,
}

/// What decides whether charms may run.
#[derive(Clone, Copy)]
pub struct Gate<'a> {
    /// The reviews.
    pub reviews: &'a Reviews,
    /// The sandbox level at which untrusted charms may run, if any.
    pub required: Option<u8>,
    /// Finds out which sandbox there is; asked only if it matters.
    pub reached: &'a dyn Fn() -> Reached,
}

impl Gate<'_> {
    /// Decides about one charm: its tests and its hooks alike.
    #[must_use]
    pub fn decide(&self, entry: &Entry) -> Decision {
        if self.reviews.trust(entry) {
            return Decision::Run;
        }
        let sandbox = match self.required {
            Some(0) => return Decision::Run,
            Some(required) => {
                let reached = (self.reached)();
                if reached.level >= required {
                    return Decision::Contained;
                }
                let why = reached.missing.map(|why| format!(" ({why})"));
                format!(
                    "hooks have sandbox level {}, not {required}{}",
                    reached.level,
                    why.unwrap_or_default()
                )
            }
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
    use std::cell::Cell;

    use super::*;
    use crate::delta::tests::entry;
    use crate::state::State;

    fn review(charm: &str) -> Review {
        Review {
            charm: charm.to_owned(),
            tree: "tree".to_owned(),
            content: Digest::of(charm.as_bytes()),
            who: "me".to_owned(),
            date: "today".to_owned(),
            note: Some("a \"note\"".to_owned()),
        }
    }

    #[test]
    fn an_approval_loses_nothing_that_people_wrote() {
        for (before, stays) in [
            ("", ""),
            ("# ours\n", "# ours\n"),
            (
                "# ours\n[[review]]\ncharm = 'a' # the best\ntree = 't'\nwho = 'x'\ndate = 'd'\ncontent = 'CONTENT'",
                "# the best",
            ),
            (
                "review = [{charm = 'a', tree = 't', who = 'x', date = 'd', content = 'CONTENT'}]\n",
                "charm = \"a\"",
            ),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let state = State::new(directory.path());
            let path = directory.path().join("reviews.toml");
            let before = before.replace("CONTENT", Digest::of(b"a").as_str());
            std::fs::write(&path, &before).unwrap();
            let mut expected = state.reviews().unwrap();
            for charm in ["b", "c"] {
                state.approve(review(charm)).unwrap();
                expected.reviews.push(review(charm));
            }
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(state.reviews().unwrap(), expected, "{text}");
            assert!(text.contains(stays), "{text}");
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("reviews.toml");
        std::fs::write(&path, "[[review]]\ncharm = 1\n").unwrap();
        State::new(directory.path())
            .approve(review("b"))
            .unwrap_err();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "[[review]]\ncharm = 1\n");
    }

    #[test]
    fn approvals_at_once_are_all_kept() {
        let directory = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for person in 0..4 {
                let state = State::new(directory.path());
                scope.spawn(move || {
                    for charm in 0..10 {
                        state.approve(review(&format!("{person}-{charm}"))).unwrap();
                    }
                });
            }
        });
        let reviews = State::new(directory.path()).reviews().unwrap().reviews;
        assert_eq!(reviews.len(), 40);
    }

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
        let (run, contained, refused) = (Some(Decision::Run), Some(Decision::Contained), None);
        for (trust, reviews, required, reached, expected) in [
            (Trust::Official, vec![], None, 0, &run),
            (Trust::Official, vec![], Some(3), 3, &run),
            (Trust::Untrusted, vec![], None, 3, &refused),
            (Trust::Untrusted, vec![], Some(0), 0, &run),
            (Trust::Untrusted, vec![], Some(1), 0, &refused),
            (Trust::Untrusted, vec![], Some(1), 3, &contained),
            (Trust::Untrusted, vec![], Some(3), 0, &refused),
            (Trust::Untrusted, vec![], Some(3), 3, &contained),
            (Trust::Untrusted, vec![&other], None, 0, &refused),
            (Trust::Untrusted, vec![&other], Some(3), 3, &contained),
            (Trust::Untrusted, vec![&other, &review], None, 0, &run),
            (Trust::Untrusted, vec![&review], Some(3), 3, &run),
        ] {
            let mut entry = entry.clone();
            entry.trust = trust;
            let reviews = reviewed(&reviews);
            let asked = Cell::new(false);
            let gate = Gate {
                reviews: &reviews,
                required,
                reached: &|| {
                    asked.set(true);
                    Reached {
                        level: reached,
                        missing: Some("no namespaces".to_owned()),
                    }
                },
            };
            let decision = gate.decide(&entry);
            if let Decision::Refused(why) = &decision {
                assert!(
                    why.contains(&entry.tree) && why.contains("approve b:a:-"),
                    "{why}"
                );
                let told = format!(
                    "level {reached}, not {} (no namespaces)",
                    required.unwrap_or_default()
                );
                assert_eq!(why.contains(&told), required.is_some(), "{why}");
            }
            let of_level = required.is_some_and(|level| level > 0);
            let is_run = decision == Decision::Run;
            assert_eq!(asked.get(), of_level && !is_run, "only if it matters");
            let decision = Some(decision).filter(Decision::runs);
            assert_eq!(&decision, expected, "{trust:?} {required:?} {reached}");
        }
    }

    #[test]
    fn r26_an_earlier_version_that_nobody_approved_is_not_trusted() {
        let entry = entry("b", "a", "-", "1");
        let mut previous = Previous {
            tree: entry.tree.clone(),
            content: entry.content.clone(),
            delta: "d".to_owned(),
            seq: 1,
            untrusted: false,
        };
        let mut reviews = Reviews::default();
        assert!(reviews.trust_previous(&previous));
        previous.untrusted = true;
        assert!(!reviews.trust_previous(&previous));
        reviews.reviews.push(Review {
            charm: "a".to_owned(),
            tree: entry.tree.clone(),
            content: entry.content.clone(),
            who: "me".to_owned(),
            date: "today".to_owned(),
            note: None,
        });
        assert!(reviews.trust_previous(&previous));
    }
}
