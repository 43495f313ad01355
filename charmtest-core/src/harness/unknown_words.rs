//! Words of `-k` and `-m` that mean no test: typing errors, most of them, which `not` would hide.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::origins::Origin;
use super::run_flags::RunFlags;

/// Words of `-k` and `-m` that mean no test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownWords {
    /// Words of `-k` that stand in no test's name and in no tag.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub filter: BTreeSet<String>,
    /// Words of `-m` that are no test's tag.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
}

/// Of which tests it is known that a word means none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// All of the workspace.
    All,
    /// Some targets or packages: a word may well mean tests of others.
    Some,
}

impl UnknownWords {
    /// Returns whether every word means a test.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filter.is_empty() && self.tags.is_empty()
    }

    /// Returns the words that mean no test of two sets of tests together.
    #[must_use]
    pub fn in_both(&self, other: &Self) -> Self {
        let both = |ours: &BTreeSet<String>, theirs| ours.intersection(theirs).cloned().collect();
        Self {
            filter: both(&self.filter, &other.filter),
            tags: both(&self.tags, &other.tags),
        }
    }
}

impl RunFlags {
    /// Returns the warnings about words of `-k` and `-m` that mean no test.
    ///
    /// A profile is written for all tests of a workspace, so its words are warned of only if all of these are known.
    #[must_use]
    pub fn warn_of(&self, unknown: &UnknownWords, known: Known) -> Vec<String> {
        let is_told = |id: &str| known == Known::All || self.origins.of(id) != Origin::Profile;
        let list = |id: &str, words: &BTreeSet<String>, what: &str| {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            let told = is_told(id) && !words.is_empty();
            told.then(|| format!("{}: {what} {}", self.origins.spelled(id), words.join(", ")))
        };
        let warnings = [
            list(
                "expression",
                &unknown.filter,
                "no test has in its name or tags",
            ),
            list("tags", &unknown.tags, "no test has the tag"),
        ];
        warnings.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    fn words(filter: &[&str], tags: &[&str]) -> UnknownWords {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        UnknownWords {
            filter: owned(filter),
            tags: owned(tags),
        }
    }

    #[test]
    fn what_means_a_test_of_any_target_is_known() {
        let first = words(&["a", "b"], &["slow", "typo"]);
        assert_eq!(
            first.in_both(&words(&["b"], &["typo", "net"])),
            words(&["b"], &["typo"])
        );
        assert!(first.in_both(&words(&[], &[])).is_empty());
    }

    #[test]
    fn words_are_told_where_it_is_sure_that_they_mean_nothing() {
        let unknown = words(&["deplyo"], &["fast", "slwo"]);
        let warnings = |line: &str, profile: Option<&'static str>, known| {
            let mut command = RunFlags::augment_args(clap::Command::new("t"));
            if let Some(tags) = profile {
                command = command.mut_arg("tags", |arg| arg.default_value(tags));
            }
            let words = std::iter::once("t").chain(line.split_whitespace());
            let matches = command.try_get_matches_from(words).unwrap();
            let flags = RunFlags::from_arg_matches(&matches).unwrap();
            flags.warn_of(&unknown, known).join("\n")
        };
        for known in [Known::All, Known::Some] {
            assert_eq!(
                warnings("-k deplyo -m slwo", None, known),
                "-k: no test has in its name or tags `deplyo`\n-m: no test has the tag `fast`, `slwo`"
            );
        }
        let of_profile = |known| warnings("-k deplyo", Some("slwo"), known);
        assert_eq!(
            of_profile(Known::Some),
            "-k: no test has in its name or tags `deplyo`"
        );
        assert!(
            of_profile(Known::All)
                .ends_with("`tags` in the profile: no test has the tag `fast`, `slwo`")
        );
    }
}
