//! What a run of a delta has to do with its record: how a user names it, and what its tests ran with then.

use std::collections::BTreeMap;
use std::path::Path;

use charmtest::juju::quote;
use charmtest_collection::{Key, Outcome};
use charmtest_scripts::requirements::{Versions, moved_on};

use super::args::PlaceArgs;

/// Where a delta's record is for the user, and what its results say.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorded {
    /// An exported delta, which stands for itself.
    file: Option<String>,
    /// The recorded delta of which parts are tested: nobody can name those.
    bisected: Option<String>,
    /// The options that lead to the record.
    options: String,
    /// The packages that each charm's scripts ran with.
    packages: BTreeMap<Key, Versions>,
}

impl Recorded {
    /// Returns the record at a place that the user named.
    pub(super) fn at(place: &PlaceArgs) -> Self {
        let mut options = String::new();
        // A record that is named needs no collection.
        if let Some(state) = &place.state {
            options = format!(" --state {}", quote(state));
        } else if place.collection != PlaceArgs::usual() {
            options = format!(" --collection {}", quote(&place.collection));
        }
        Self {
            options,
            ..Self::default()
        }
    }

    /// Returns the record in a file.
    pub(super) fn file(file: &Path) -> Self {
        Self {
            file: Some(quote(file)),
            ..Self::default()
        }
    }

    /// Makes it that of parts of a recorded delta.
    pub(super) fn of_bisect(mut self, id: &str) -> Self {
        self.bisected = Some(id.to_owned());
        self
    }

    /// Adds what the results of a delta say.
    pub(super) fn with(mut self, outcomes: &[Outcome]) -> Self {
        for outcome in outcomes
            .iter()
            .filter(|outcome| !outcome.packages.is_empty())
        {
            self.packages
                .insert(outcome.key.clone(), outcome.packages.clone());
        }
        self
    }

    /// Returns the command that tests a delta again.
    pub(super) fn replay(&self, id: &str) -> String {
        if let Some(bisected) = &self.bisected {
            return format!("cargo charmtest watch bisect {bisected}{}", self.options);
        }
        let what = self.file.as_deref().unwrap_or(id);
        format!("cargo charmtest replay {what}{}", self.options)
    }

    /// Says which packages of a charm's scripts are other ones now.
    pub(super) fn moved_on(&self, key: &Key, now: &Versions) -> Vec<String> {
        let recorded = self.packages.get(key);
        recorded.map_or_else(Vec::new, |recorded| moved_on(recorded, now))
    }
}

#[cfg(test)]
mod tests {
    use charmtest_collection::{Job, Kind, Variant, Verdict};

    use super::*;

    #[test]
    fn the_command_leads_to_the_record() {
        let place = |collection: &str, state: Option<&str>| PlaceArgs {
            collection: collection.into(),
            state: state.map(Into::into),
        };
        for (recorded, expected) in [
            (
                Recorded::at(&place("charms.toml", None)),
                "cargo charmtest replay 3f2a",
            ),
            (
                Recorded::at(&place("charms.toml", Some("my state"))),
                "cargo charmtest replay 3f2a --state 'my state'",
            ),
            (
                Recorded::at(&place("all/charms.toml", None)),
                "cargo charmtest replay 3f2a --collection all/charms.toml",
            ),
            (
                Recorded::at(&place("all/charms.toml", Some("state"))),
                "cargo charmtest replay 3f2a --state state",
            ),
            (
                Recorded::at(&place("charms.toml", Some("state"))).of_bisect("77aa"),
                "cargo charmtest watch bisect 77aa --state state",
            ),
            (
                Recorded::file(Path::new("delta.tar")),
                "cargo charmtest replay delta.tar",
            ),
        ] {
            assert_eq!(recorded.replay("3f2a"), expected);
        }
    }

    #[test]
    fn packages_at_other_versions_are_named() {
        let key = Key::new("ubuntu@24.04", "wiki", "main");
        let versions = |pairs: &[(&str, &str)]| -> Versions {
            pairs
                .iter()
                .map(|(name, version)| ((*name).to_owned(), (*version).to_owned()))
                .collect()
        };
        let job = Job {
            key: key.clone(),
            test: "1.test".to_owned(),
            kind: Kind::Script,
            variant: Variant::default(),
        };
        let mut outcome = Outcome::new(&job, Verdict::Pass, None);
        outcome.packages = versions(&[("jq", "1.6"), ("tree", "2.1")]);
        // A job that ran later, and never came to look.
        let refused = Outcome::new(&job, Verdict::Infra, None);
        let recorded = Recorded::default().with(&[outcome, refused]);
        let now = versions(&[("jq", "1.7"), ("tree", "2.1")]);
        let said = recorded.moved_on(&key, &now);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("jq is 1.7 now and was 1.6"), "{said:?}");
        let other = Key::new("ubuntu@24.04", "wiki", "release");
        assert!(recorded.moved_on(&other, &now).is_empty());
    }
}
