//! Generic tests: what every charm can be asked to do without a line from its author.
//!
//! [`Generic`] names the tests, [`Subject`] says which charm is tested and how, and [`Generic::run`] runs one of them in the model of
//! the running test, which must be empty: `cargo charmtest generic` and `generic_tests!` give each a model of its own.

mod bench;
mod checks;
mod failures;
mod macros;
mod stand_in;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};
use crate::harness::Context;
use bench::Bench;

/// The generic tests, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Generic {
    /// The charm is deployed and settles.
    Deploy,
    /// The charm shows the defaults that it declares, and can return to them.
    ConfigDefaults,
    /// Each option takes another value of its type.
    Reconfigure,
    /// A unit is added and removed again.
    Scale,
    /// Each endpoint is related and unrelated.
    Relate,
    /// The charm is upgraded, from an earlier artefact if there is one.
    Upgrade,
    /// The application is removed and leaves nothing.
    Remove,
    /// The application is removed by force and deployed again under the same name.
    Redeploy,
}

impl Generic {
    /// All generic tests, in the order in which they run.
    pub const ALL: [Self; 8] = [
        Self::Deploy,
        Self::ConfigDefaults,
        Self::Reconfigure,
        Self::Scale,
        Self::Relate,
        Self::Upgrade,
        Self::Remove,
        Self::Redeploy,
    ];

    /// Returns the name that users know.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::ConfigDefaults => "config-defaults",
            Self::Reconfigure => "reconfigure",
            Self::Scale => "scale",
            Self::Relate => "relate",
            Self::Upgrade => "upgrade",
            Self::Remove => "remove",
            Self::Redeploy => "redeploy",
        }
    }

    /// Runs the test on a charm, in the model of the running test, which must not hold applications that the test deploys.
    ///
    /// # Errors
    ///
    /// Fails when the charm does; the test is skipped when the model cannot take the charm at all, with the reason.
    pub async fn run(self, subject: &Subject, cx: &Context) -> Result {
        let bench = Bench::set_up(subject, cx).await;
        let bench = bench.map_err(Failure::without_place)?;
        let ended = match self {
            Self::Deploy => checks::deploy(&bench).await,
            Self::ConfigDefaults => checks::config_defaults(&bench).await,
            Self::Reconfigure => checks::reconfigure(&bench).await,
            Self::Scale => checks::scale(&bench).await,
            Self::Relate => checks::relate(&bench).await,
            Self::Upgrade => checks::upgrade(&bench).await,
            Self::Remove => checks::remove(&bench).await,
            Self::Redeploy => checks::redeploy(&bench).await,
        };
        // Lines of this program are nothing to the author of a charm.
        ended.map_err(|failure| bench.annotated(failure).without_place())
    }
}

impl fmt::Display for Generic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Generic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|test| test.id() == text);
        known.ok_or_else(|| {
            let ids = Self::ALL.map(Self::id).join(", ");
            format!("there is no generic test `{text}`; there are {ids}")
        })
    }
}

/// What the units of the charm must come to for a generic test to pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Require {
    /// They are idle and not in error. `active` and `unknown` are good; any other status, as `blocked`, is a note.
    #[default]
    Settled,
    /// They are idle and `active`.
    Active,
}

impl fmt::Display for Require {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settled => "settled",
            Self::Active => "active",
        })
    }
}

impl FromStr for Require {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "settled" => Ok(Self::Settled),
            "active" => Ok(Self::Active),
            _ => Err(format!("`{text}` is neither `settled` nor `active`")),
        }
    }
}

/// The charm that is tested, and how.
#[derive(Clone, Debug)]
pub struct Subject {
    charm: PathBuf,
    previous: Option<PathBuf>,
    partners: Vec<PathBuf>,
    require: Require,
}

impl Subject {
    /// Tests the charm at `charm`: a `.charm` file, or a directory that is packed first; relative to the directory of the test's package.
    pub fn new(charm: impl AsRef<Path>) -> Self {
        Self {
            charm: charm.as_ref().to_owned(),
            previous: None,
            partners: Vec::new(),
            require: Require::default(),
        }
    }

    /// Upgrades from this earlier artefact of the charm, or its directory.
    #[must_use]
    pub fn previous(mut self, charm: impl AsRef<Path>) -> Self {
        self.previous = Some(charm.as_ref().to_owned());
        self
    }

    /// Relates the charm with this one where an endpoint of it fits, instead of with a stand-in; may be repeated.
    #[must_use]
    pub fn partner(mut self, charm: impl AsRef<Path>) -> Self {
        self.partners.push(charm.as_ref().to_owned());
        self
    }

    /// Sets what its units must come to.
    #[must_use]
    pub fn require(mut self, require: Require) -> Self {
        self.require = require;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_is_known_by_its_id() {
        for test in Generic::ALL {
            assert_eq!(test.id().parse(), Ok(test));
        }
        let error = "jump".parse::<Generic>().unwrap_err();
        assert!(error.contains("`jump`; there are deploy, "), "{error}");
        assert!(Generic::ALL.is_sorted());
        for require in [Require::Settled, Require::Active] {
            assert_eq!(require.to_string().parse(), Ok(require));
        }
    }
}
