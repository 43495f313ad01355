//! What Juju 3.6 and Juju 4.0 say of the same refusal, where the state cannot know which command it refuses.

use super::command::Failure;
use crate::JujuVersion;
use crate::model::application_name;
use crate::model::changes::{ChangeError, StorageError};

/// Words that the one application that a call is about is not there: the answer then carries the code of its error (recorded 4.0.15,
/// `juju config APP` and `juju set-constraints`; Juju 3.6 has the same calls).
pub(super) fn no_application(juju: JujuVersion, name: &str) -> Failure {
    let is_name = application_name(name).is_ok();
    Failure::failed(match (juju, is_name) {
        (JujuVersion::V3_6, true) => format!("application {name:?} not found (not found)"),
        (JujuVersion::V3_6, false) => format!("{name:?} is not a valid application name"),
        (JujuVersion::V4_0, true) => format!("application {name} not found (not found)"),
        (JujuVersion::V4_0, false) => "application name not valid".to_owned(),
    })
}

/// Words the refusal of `juju config APP k=v`.
pub(super) fn config(juju: JujuVersion, error: ChangeError) -> Failure {
    use charmtest_charm::ConfigError;
    match (juju, &error) {
        (JujuVersion::V4_0, ChangeError::Config(ConfigError::UnknownOption(_))) => {
            Failure::failed(format!("invalid application config: {error}"))
        }
        _ => Failure::failed(error),
    }
}

/// Words the refusal of an application called `name` that is to be deployed from the user's files.
pub(super) fn deploy(juju: JujuVersion, name: &str, error: ChangeError) -> Failure {
    let why = match (juju, &error) {
        (JujuVersion::V3_6, _) | (_, ChangeError::Storage(_)) => {
            return deploy_from_store(juju, name, error);
        }
        (JujuVersion::V4_0, ChangeError::ApplicationExists(_)) => format!(
            "creating application {name:?}: creating IAAS application {name:?}: inserting IAAS application {name:?}: \
             checking if application {name:?} exists: application already exists"
        ),
        (JujuVersion::V4_0, ChangeError::Config(_) | ChangeError::Trust(_)) => format!(
            "preparing application args: validating create application args: validating application config: {error}"
        ),
        (JujuVersion::V4_0, ChangeError::NoDevice { .. }) => format!(
            "preparing application args: validating create application args: validating device constraints: {error}"
        ),
        (JujuVersion::V4_0, ChangeError::MachineNotFound(id)) => format!(
            "preparing application args: making unit args: getting machine {id:?} for unit placement directive: \
             machine with name {id:?} does not exist"
        ),
        (JujuVersion::V4_0, ChangeError::Placement(_)) => error.to_string(),
        (JujuVersion::V4_0, _) => return Failure::failed(error),
    };
    Failure::failed(format!("cannot deploy {name:?}: {why}"))
}

/// Words the refusal of an application called `name` that is to be deployed from a charm store.
pub(super) fn deploy_from_store(juju: JujuVersion, name: &str, error: ChangeError) -> Failure {
    let why = match (juju, &error) {
        (JujuVersion::V3_6, ChangeError::MachineNotFound(id)) => {
            return Failure::failed(format!("cannot deploy {name:?} to machine {id}: {error}"));
        }
        (_, ChangeError::Storage(StorageError::NotFound(id))) => {
            format!("storage instance \"{id}\" does not exist")
        }
        (JujuVersion::V3_6, ChangeError::Storage(error)) => {
            return Failure::failed(format!(
                "cannot add application {name:?}: {}",
                error.words_at_deploy_3_6()
            ));
        }
        (JujuVersion::V4_0, ChangeError::Storage(StorageError::NotInCharm { .. })) => format!(
            "preparing application args: validating create application args: invalid storage directive overrides: {error}"
        ),
        (JujuVersion::V4_0, ChangeError::Storage(_)) => error.to_string(),
        _ => return Failure::failed(error),
    };
    Failure::failed(format!("cannot deploy {name:?}: {why}"))
}
