//! Secret hooks: which one is due for a unit, and what follows once it was run.

use jiff::{SignedDuration, Timestamp};

use super::hook::{Hook, SecretEvent, SecretHook};
use crate::JujuVersion;
use crate::model::{Deadline, Model, Moment, Secret, Unit, UnitName};

/// After how long a charm is asked again that did not do what `secret-rotate` or `secret-expired` is about (Juju 3.6).
const ASK_AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// Returns the next secret hook of `unit`: expiry, rotation, changes, revisions that nobody tracks any more (Juju 3.6).
pub(super) fn next_hook(model: &Model, unit: &Unit, moment: Moment) -> Option<Hook> {
    let name = &unit.name;
    expired(model, name, moment)
        .or_else(|| rotate(model, name, moment))
        .or_else(|| changed(model, unit))
        .or_else(|| removed(model, unit))
        .map(Hook::Secret)
}

/// Returns when the next timed secret hook of `unit` is due.
pub(super) fn next_due(model: &Model, unit: &Unit, moment: Moment) -> Option<Timestamp> {
    let deadlines = managed(model, &unit.name).flat_map(|secret| {
        let expiries = secret
            .revisions
            .values()
            .filter_map(|revision| revision.expire_again.or(revision.expires));
        expiries.chain(secret.rotates)
    });
    deadlines.map(|deadline| deadline.due(moment.scale)).min()
}

/// Says whether the hook is about a secret that is another unit's business by now: the leader's, and this is no leader any more.
pub(super) fn is_obsolete(model: &Model, unit: &UnitName, hook: &SecretHook) -> bool {
    hook.event != SecretEvent::Changed
        && model
            .secrets
            .get(&hook.secret)
            .is_some_and(|secret| !secret.is_managed_by(unit, model.is_leader(unit)))
}

/// Takes a secret hook as done.
pub(super) fn finish(model: &mut Model, unit: &UnitName, hook: &SecretHook, now: Timestamp) {
    // Removed meanwhile, perhaps by this very hook: nothing is left to note it in.
    if !model.secrets.contains(&hook.secret) {
        return;
    }
    match hook.event {
        SecretEvent::Changed => {
            if let Some(row) = model.units.get_mut(unit) {
                let seen = &mut row.progress.secrets.changed;
                seen.insert(hook.secret.clone(), hook.revision);
            }
        }
        SecretEvent::Remove => {
            if let Some(row) = model.units.get_mut(unit) {
                let told = &mut row.progress.secrets.removed;
                told.entry(hook.secret.clone())
                    .or_default()
                    .insert(hook.revision);
            }
        }
        SecretEvent::Rotate => {
            if let Some(secret) = model.secrets.get_mut(&hook.secret) {
                secret.rotates = next_rotation(secret, hook.revision, now);
            }
        }
        SecretEvent::Expired => {
            let secret = model.secrets.get_mut(&hook.secret);
            let revision = secret.and_then(|secret| secret.revisions.get_mut(&hook.revision));
            if let Some(revision) = revision
                && revision.expires.is_some()
            {
                revision.expire_again = Some(Deadline::after(now, ASK_AGAIN));
            }
        }
    }
}

fn expired(model: &Model, unit: &UnitName, moment: Moment) -> Option<SecretHook> {
    managed(model, unit).find_map(|secret| {
        let (number, _) = secret.revisions.iter().find(|(_, revision)| {
            let deadline = revision.expire_again.or(revision.expires);
            deadline.is_some_and(|at| at.due(moment.scale) <= moment.now)
        })?;
        Some(own_hook(model, secret, SecretEvent::Expired, *number))
    })
}

fn rotate(model: &Model, unit: &UnitName, moment: Moment) -> Option<SecretHook> {
    let due = |secret: &&Secret| {
        secret
            .rotates
            .is_some_and(|at| at.due(moment.scale) <= moment.now)
    };
    let secret = managed(model, unit).find(due)?;
    Some(own_hook(model, secret, SecretEvent::Rotate, secret.latest))
}

/// A secret that the unit has read, that it still may read, and that has another revision than `secret-changed` was last about.
/// The first revision is never news.
fn changed(model: &Model, unit: &Unit) -> Option<SecretHook> {
    let told = &unit.progress.secrets.changed;
    model.secrets.values().find_map(|secret| {
        let consumer = secret.consumers.get(&unit.name)?;
        let news = secret.latest > 1 && told.get(&secret.id) != Some(&secret.latest);
        if !news || !secret.is_readable_by(&unit.name) {
            return None;
        }
        let own = secret.owner.application() == Some(unit.name.application());
        let label = match consumer.label.as_str() {
            "" if own => &secret.label,
            label => label,
        };
        Some(SecretHook {
            event: SecretEvent::Changed,
            secret: secret.id.clone(),
            uri: format!("secret:{}", secret.id),
            revision: secret.latest,
            label: label.to_owned(),
        })
    })
}

fn removed(model: &Model, unit: &Unit) -> Option<SecretHook> {
    let told = &unit.progress.secrets.removed;
    managed(model, &unit.name).find_map(|secret| {
        let told = told.get(&secret.id);
        let (number, _) = secret.revisions.iter().find(|(number, revision)| {
            revision.obsolete && !told.is_some_and(|told| told.contains(number))
        })?;
        Some(own_hook(model, secret, SecretEvent::Remove, *number))
    })
}

/// The secrets that are the unit's to look after: its own, and as the leader its application's.
fn managed<'a>(model: &'a Model, unit: &'a UnitName) -> impl Iterator<Item = &'a Secret> {
    let leads = model.is_leader(unit);
    model
        .secrets
        .values()
        .filter(move |secret| secret.is_managed_by(unit, leads))
}

fn own_hook(model: &Model, secret: &Secret, event: SecretEvent, revision: u32) -> SecretHook {
    let uri = match model.info.juju {
        JujuVersion::V3_6 => format!("secret:{}", secret.id),
        // Recorded for `secret-remove` and `secret-expired`; `secret-rotate` comes the same way.
        JujuVersion::V4_0 => secret.id.to_string(),
    };
    SecretHook {
        event,
        secret: secret.id.clone(),
        uri,
        revision,
        label: secret.label.clone(),
    }
}

/// Returns when a secret is to be rotated next whose `secret-rotate` began at revision `before`: soon again if the charm made no new
/// revision, or if the one it has expires before the regular time (Juju 3.6).
fn next_rotation(secret: &Secret, before: u32, now: Timestamp) -> Option<Deadline> {
    let last = secret.rotates.map_or(now, |last| last.at.min(now));
    // What was missed while no controller ran is not made up for.
    let next = [last, now]
        .into_iter()
        .filter_map(|last| secret.rotate.next(last))
        .find(|next| next.at > now)?;
    let again = [last, now]
        .into_iter()
        .map(|last| Deadline::after(last, ASK_AGAIN))
        .find(|again| again.at > now)?;
    let expires_first = secret
        .expires()
        .is_some_and(|expires| expires.at < next.at && again.at < expires.at);
    Some(match secret.latest == before || expires_first {
        true => again,
        false => next,
    })
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
