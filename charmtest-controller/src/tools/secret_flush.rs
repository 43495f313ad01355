//! Committing what a hook did with secrets.

use jiff::Timestamp;

use crate::JujuVersion;
use crate::agent::PendingSecrets;
use crate::model::changes::{
    SecretError, create_secret, grant_secret, remove_secret, revoke_secret, track_secret,
    update_secret,
};
use crate::model::{Model, SecretId, SecretOwner, UnitName};

/// Writes pending changes of secrets, in Juju's order: new ones, changes, tracking, grants, revocations, removals.
///
/// # Errors
///
/// Fails when the unit may not change a secret, when a label is taken, and when a grant cannot be made.
pub(super) fn flush(
    model: &mut Model,
    unit: &UnitName,
    pending: &PendingSecrets,
    now: Timestamp,
) -> Result<(), String> {
    let juju = model.info.juju;
    for (id, new) in &pending.creates {
        let created = match &new.owner {
            SecretOwner::Application(_) if !model.is_leader(unit) => {
                Err(SecretError::unmanageable(juju, unit.as_str()))
            }
            owner => create_secret(model, id, owner.clone(), new.content.clone(), now),
        };
        created.map_err(|error| failed(juju, ("create", "creating"), id, &error))?;
    }
    for (id, change) in &pending.updates {
        managed(model, unit, id)
            .and_then(|()| update_secret(model, id, change.clone(), now))
            .map_err(|error| failed(juju, ("update", "updating"), id, &error))?;
    }
    for id in &pending.track_latest {
        let latest = model.secrets.get(id).map(|secret| secret.latest);
        track_secret(model, unit, id, latest, None)
            .map_err(|error| failed(juju, ("track", "tracking"), id, &error))?;
    }
    for (id, grants) in &pending.grants {
        for grant in grants.values() {
            managed(model, unit, id)
                .and_then(|()| grant_secret(model, id, grant.clone()))
                .map_err(|error| failed(juju, ("grant", "granting"), id, &error))?;
        }
    }
    for (id, subject) in &pending.revokes {
        managed(model, unit, id)
            .map_err(|error| failed(juju, ("revoke", "revoking"), id, &error))?;
        revoke_secret(model, id, subject);
    }
    for (id, revisions) in &pending.removes {
        managed(model, unit, id)
            .map_err(|error| failed(juju, ("remove", "removing"), id, &error))?;
        remove_secret(model, id, revisions.as_ref());
    }
    Ok(())
}

fn managed(model: &Model, unit: &UnitName, id: &SecretId) -> Result<(), SecretError> {
    let secret = model
        .secrets
        .get(id)
        .ok_or_else(|| SecretError::NotFound(id.clone()))?;
    match secret.is_managed_by(unit, model.is_leader(unit)) {
        true => Ok(()),
        false => Err(SecretError::unmanageable(model.info.juju, unit.as_str())),
    }
}

/// Returns what the agent says about it; for 4.0 as recorded for new secrets.
fn failed(
    juju: JujuVersion,
    (verb, doing): (&str, &str),
    id: &SecretId,
    error: &SecretError,
) -> String {
    match juju {
        JujuVersion::V3_6 => format!("{doing} secrets: {error}"),
        JujuVersion::V4_0 => {
            format!("executing leadership func: {verb} secrets: {doing} secret \"{id}\": {error}")
        }
    }
}
