//! What can go wrong with models beside the module's own.

use crate::juju::{JujuError, NameError};
use std::error::Error;
use std::fmt;

/// Why a model cannot be tracked, found or forgotten.
#[derive(Debug)]
#[non_exhaustive]
pub enum TrackError {
    /// The alias stands for another model already.
    AliasInUse {
        /// The alias.
        alias: String,
        /// The model that it stands for; none while that one is being made.
        model: Option<String>,
    },
    /// No model is tracked under the alias.
    UnknownAlias {
        /// The alias.
        alias: String,
        /// The aliases that there are.
        known: Vec<String>,
    },
    /// The alias stands for the module's own model, which stays to the end of the module.
    OwnModel {
        /// The alias.
        alias: String,
    },
    /// The model should be new, and it is there already.
    Exists {
        /// The model.
        model: String,
    },
    /// The model should be there, and it is not.
    Missing {
        /// The model.
        model: String,
    },
    /// What was asked for makes no sense.
    Nonsense(String),
    /// The cloud was not added by this module.
    UnknownCloud {
        /// The cloud.
        cloud: String,
    },
    /// There is no kubeconfig to read.
    Kubeconfig(String),
    /// Something that had to go did not go in time.
    Late {
        /// What.
        what: String,
        /// The limit, for people.
        limit: String,
    },
    /// A `juju` command failed.
    Juju(JujuError),
}

impl TrackError {
    /// Returns what to try next, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Juju(error) => error.hint(),
            _ => None,
        }
    }
}

impl fmt::Display for TrackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AliasInUse {
                alias,
                model: Some(model),
            } => write!(
                f,
                "the alias `{alias}` stands for model {model} already; take another one, or forget that model first: \
                 `ops.forget_model({alias:?}).await?`"
            ),
            Self::AliasInUse { alias, model: None } => {
                write!(f, "a model is being made under the alias `{alias}` already")
            }
            Self::UnknownAlias { alias, known } => write!(
                f,
                "no model is tracked as `{alias}`; there are: {}",
                known.join(", ")
            ),
            Self::OwnModel { alias } => write!(
                f,
                "`{alias}` is the module's own model, which is there until the module ends; only models under `track_model` can \
                 be forgotten"
            ),
            Self::Exists { model } => write!(
                f,
                "model {model} is there already; leave `use_existing` away to take it, or choose another name"
            ),
            Self::Missing { model } => write!(
                f,
                "there is no model {model} to use; leave `use_existing` away to have it made"
            ),
            Self::Nonsense(what) => f.write_str(what),
            Self::UnknownCloud { cloud } => {
                write!(f, "cloud `{cloud}` was not added with `add_k8s`")
            }
            Self::Kubeconfig(why) => write!(
                f,
                "there is no kubeconfig to read: {why}; give one with `kubeconfig(..)` or in the variable KUBECONFIG"
            ),
            Self::Late { what, limit } => write!(f, "{what} took longer than {limit}"),
            Self::Juju(error) => error.fmt(f),
        }
    }
}

impl Error for TrackError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // The error's own text is shown above; its source is what comes next.
            Self::Juju(error) => error.source(),
            _ => None,
        }
    }
}

impl From<JujuError> for TrackError {
    fn from(error: JujuError) -> Self {
        Self::Juju(error)
    }
}

impl From<NameError> for TrackError {
    fn from(error: NameError) -> Self {
        Self::Juju(error.into())
    }
}
