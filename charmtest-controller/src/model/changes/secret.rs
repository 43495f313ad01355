//! Secrets: making, changing, showing and removing them.
//!
//! Who may do it is for the caller to check: users manage the model's secrets, units their own and those that they lead.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::JujuVersion;
use crate::model::{
    Content, Deadline, Grant, GrantScope, Life, Model, Rejected, RelationId, RotatePolicy, Secret,
    SecretConsumer, SecretId, SecretOwner, SecretRevision, Subject, UnitName,
};

/// Why something cannot be done with a secret; never with anything of its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no such model.
    #[error("model {0} not found")]
    ModelNotFound(String),
    /// There is no such secret.
    #[error("secret \"secret:{0}\" not found")]
    NotFound(SecretId),
    /// The secret has no such revision.
    #[error("secret revision not found: secret:{0}/{1}")]
    NoRevision(SecretId, u32),
    /// The owner has another secret with this label.
    #[error("secret with label {0:?} already exists")]
    LabelTaken(String),
    /// The unit uses the label for another secret.
    #[error("secret label {label:?} for consumer {unit:?} already exists")]
    ConsumerLabelTaken {
        /// The label.
        label: String,
        /// The unit's tag.
        unit: String,
    },
    /// Somebody who may not.
    #[error("{0}")]
    Denied(String),
    /// The secret cannot be shown to somebody, or no longer.
    #[error("cannot change access to \"secret:{id}\" for {subject:?}: {why}")]
    Access {
        /// The secret.
        id: SecretId,
        /// To whom.
        subject: String,
        /// Why not.
        why: String,
    },
}

impl SecretError {
    /// Makes the refusal that `who` may not read a secret.
    pub fn unreadable(juju: JujuVersion, who: &str) -> Self {
        Self::Denied(match juju {
            JujuVersion::V3_6 => "permission denied".to_owned(),
            JujuVersion::V4_0 => format!("{who:?} is not allowed to read this secret"),
        })
    }

    /// Makes the refusal that `who` may not change a secret.
    pub fn unmanageable(juju: JujuVersion, who: &str) -> Self {
        Self::Denied(match juju {
            JujuVersion::V3_6 => "permission denied".to_owned(),
            JujuVersion::V4_0 => format!("{who:?} is not allowed to manage this secret"),
        })
    }
}

impl From<Rejected> for SecretError {
    fn from(Rejected(uuid): Rejected) -> Self {
        Self::ModelNotFound(uuid.0)
    }
}

/// What changes in a secret; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SecretUpdate {
    /// New content.
    pub content: Option<Content>,
    /// The owner's label, or the name of a user secret.
    pub label: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// How often it is to be rotated.
    pub rotate: Option<RotatePolicy>,
    /// When the newest revision expires.
    pub expires: Option<Timestamp>,
    /// Whether revisions that nobody tracks are removed by themselves.
    pub auto_prune: Option<bool>,
}

impl SecretUpdate {
    /// Says whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes over what `later` changes.
    pub fn merge(&mut self, later: Self) {
        self.content = later.content.or_else(|| self.content.take());
        self.label = later.label.or_else(|| self.label.take());
        self.description = later.description.or_else(|| self.description.take());
        self.rotate = later.rotate.or(self.rotate);
        self.expires = later.expires.or(self.expires);
        self.auto_prune = later.auto_prune.or(self.auto_prune);
    }
}

/// Makes a secret with its first revision.
///
/// # Errors
///
/// Fails when the owner uses the label already.
pub fn create_secret(
    model: &mut Model,
    id: &SecretId,
    owner: SecretOwner,
    new: SecretUpdate,
    now: Timestamp,
) -> Result<(), SecretError> {
    let label = new.label.unwrap_or_default();
    check_owner_label(model, &owner, &label)?;
    let content = new.content.unwrap_or_default();
    let rotate = new.rotate.unwrap_or_default();
    let mut secret = Secret {
        id: id.clone(),
        owner,
        label,
        description: new.description.unwrap_or_default(),
        rotate,
        rotates: rotate.next(now),
        auto_prune: new.auto_prune.unwrap_or_default(),
        latest: 0,
        checksum: String::new(),
        created: now,
        updated: now,
        revisions: Default::default(),
        grants: Vec::new(),
        consumers: Default::default(),
    };
    add_revision(&mut secret, content, new.expires, now);
    model.secrets.insert(id.clone(), secret);
    Ok(())
}

/// Changes a secret. Content that is the same as that of the newest revision makes no new one.
///
/// # Errors
///
/// Fails when there is no such secret, or the owner uses the new label for another one.
pub fn update_secret(
    model: &mut Model,
    id: &SecretId,
    change: SecretUpdate,
    now: Timestamp,
) -> Result<(), SecretError> {
    let not_found = || SecretError::NotFound(id.clone());
    let row = model.secrets.get(id).ok_or_else(not_found)?;
    if let Some(label) = change.label.as_ref().filter(|label| **label != row.label) {
        check_owner_label(model, &row.owner.clone(), label)?;
    }
    let secret = model.secrets.get_mut(id).ok_or_else(not_found)?;
    if let Some(label) = change.label {
        secret.label = label;
    }
    if let Some(description) = change.description {
        secret.description = description;
    }
    if let Some(auto_prune) = change.auto_prune {
        secret.auto_prune = auto_prune;
    }
    if let Some(policy) = change.rotate {
        set_rotation(secret, policy, now);
    }
    secret.updated = now;
    let content = change
        .content
        .filter(|content| content.checksum() != secret.checksum);
    if let Some(content) = content {
        add_revision(secret, content, change.expires, now);
    } else if let Some(at) = change.expires
        && let Some(revision) = secret.revisions.get_mut(&secret.latest)
    {
        revision.expires = Some(Deadline { since: now, at });
        revision.expire_again = None;
        revision.updated = now;
    }
    tidy_revisions(secret);
    Ok(())
}

/// Removes a secret, or only some of its revisions; with the last revision it goes as a whole. What is not there is no error.
pub fn remove_secret(model: &mut Model, id: &SecretId, revisions: Option<&BTreeSet<u32>>) {
    let Some(secret) = model.secrets.get(id) else {
        return;
    };
    let stays = |number: &u32| revisions.is_some_and(|gone| !gone.contains(number));
    if !secret.revisions.keys().any(stays) {
        drop_secret(model, id);
        return;
    }
    if secret.revisions.keys().all(stays) {
        return;
    }
    if let Some(secret) = model.secrets.get_mut(id) {
        secret.revisions.retain(|number, _| stays(number));
    }
}

/// Lets somebody read a secret. Doing it again is no error.
///
/// # Errors
///
/// Fails when there is no such secret or subject, when the relation is going, or when the subject has the secret with another one.
pub fn grant_secret(model: &mut Model, id: &SecretId, grant: Grant) -> Result<(), SecretError> {
    let secret = model
        .secrets
        .get(id)
        .ok_or_else(|| SecretError::NotFound(id.clone()))?;
    let fail = |why: String| {
        Err(SecretError::Access {
            id: id.clone(),
            subject: subject_name(&grant.subject),
            why,
        })
    };
    if let Some(why) = missing(model, &grant.subject) {
        return fail(why);
    }
    if let Some(known) = secret
        .grants
        .iter()
        .find(|known| known.subject == grant.subject)
    {
        if known.scope == grant.scope {
            return Ok(());
        }
        return fail("cannot change secret permission scope".to_owned());
    }
    if let GrantScope::Relation(relation) = grant.scope
        && model
            .relations
            .get(&relation)
            .is_none_or(|row| row.life != Life::Alive)
    {
        let tag = scope_tag(model, grant.scope);
        return fail(format!(
            "cannot grant access to secret in scope of {tag:?} which is not alive"
        ));
    }
    if let Some(secret) = model.secrets.get_mut(id) {
        secret.grants.push(grant);
    }
    Ok(())
}

/// Ends the permission of somebody to read a secret. What was not granted is no error.
pub fn revoke_secret(model: &mut Model, id: &SecretId, subject: &Subject) {
    let granted = model
        .secrets
        .get(id)
        .is_some_and(|secret| secret.grants.iter().any(|grant| grant.subject == *subject));
    if granted && let Some(secret) = model.secrets.get_mut(id) {
        secret.grants.retain(|grant| grant.subject != *subject);
    }
}

/// Says why nothing can be shown to `subject`, if it is not there.
///
/// The words are those of Juju 4.0 (recorded).
pub fn missing(model: &Model, subject: &Subject) -> Option<String> {
    match subject {
        Subject::Application(name) => {
            (!model.applications.contains(name)).then(|| format!("application {name:?} not found"))
        }
        Subject::Unit(name) => {
            (!model.units.contains(name)).then(|| format!("unit \"{name}\" not found"))
        }
    }
}

/// Notes which revision `unit` reads from now on, and its label for the secret.
///
/// # Errors
///
/// Fails when there is no such secret, or when the label stands for another secret already.
pub fn track_secret(
    model: &mut Model,
    unit: &UnitName,
    id: &SecretId,
    revision: Option<u32>,
    label: Option<&str>,
) -> Result<(), SecretError> {
    let not_found = || SecretError::NotFound(id.clone());
    let secret = model.secrets.get(id).ok_or_else(not_found)?;
    let old = secret.consumers.get(unit);
    let mut new = old.cloned().unwrap_or_default();
    if let Some(revision) = revision {
        new.revision = revision;
    }
    if let Some(label) = label.filter(|label| !label.is_empty()) {
        if new.label != label {
            check_consumer_label(model, unit, id, label)?;
        }
        label.clone_into(&mut new.label);
    }
    if old == Some(&new) {
        return Ok(());
    }
    let secret = model.secrets.get_mut(id).ok_or_else(not_found)?;
    secret.consumers.insert(unit.clone(), new);
    tidy_revisions(secret);
    Ok(())
}

/// Removes the secrets of a unit that goes, and what others' secrets know of it.
pub(super) fn forget_unit(model: &mut Model, unit: &UnitName) {
    drop_secrets_of(model, |owner| *owner == SecretOwner::Unit(unit.clone()));
    change_secrets(
        model,
        |secret| {
            secret.consumers.contains_key(unit)
                || secret
                    .grants
                    .iter()
                    .any(|grant| grant.subject == Subject::Unit(unit.clone()))
        },
        |secret| {
            secret.consumers.remove(unit);
            secret
                .grants
                .retain(|grant| grant.subject != Subject::Unit(unit.clone()));
        },
    );
}

/// Removes the secrets of an application that goes, and what was granted to it.
pub(super) fn forget_application(model: &mut Model, application: &str) {
    drop_secrets_of(model, |owner| owner.application() == Some(application));
    let subject = Subject::Application(application.to_owned());
    change_secrets(
        model,
        |secret| secret.grants.iter().any(|grant| grant.subject == subject),
        |secret| secret.grants.retain(|grant| grant.subject != subject),
    );
}

/// Ends the grants that came with a relation that goes.
pub(super) fn forget_relation(model: &mut Model, relation: RelationId) {
    let scope = GrantScope::Relation(relation);
    change_secrets(
        model,
        |secret| secret.grants.iter().any(|grant| grant.scope == scope),
        |secret| secret.grants.retain(|grant| grant.scope != scope),
    );
}

/// Returns the tag of what a grant ends with, as Juju prints it: `relation-web.db#db.server` or `model-UUID`.
pub fn scope_tag(model: &Model, scope: GrantScope) -> String {
    match scope {
        GrantScope::Model => format!("model-{}", model.info.uuid),
        GrantScope::Relation(id) => {
            let key = model.relations.get(&id).map(|relation| relation.key());
            let key = key.unwrap_or_default().replace(':', ".").replace(' ', "#");
            format!("relation-{key}")
        }
    }
}

fn subject_name(subject: &Subject) -> String {
    match subject {
        Subject::Application(name) => name.clone(),
        Subject::Unit(name) => name.to_string(),
    }
}

fn add_revision(secret: &mut Secret, content: Content, expires: Option<Timestamp>, now: Timestamp) {
    secret.latest += 1;
    secret.checksum = content.checksum();
    let revision = SecretRevision {
        content,
        created: now,
        updated: now,
        expires: expires.map(|at| Deadline { since: now, at }),
        expire_again: None,
        obsolete: false,
    };
    secret.revisions.insert(secret.latest, revision);
}

/// Sets a rotation policy. A secret that rotates already is only ever rotated sooner by that (Juju 3.6).
fn set_rotation(secret: &mut Secret, policy: RotatePolicy, now: Timestamp) {
    let next = policy.next(now);
    secret.rotates = match (secret.rotates, next) {
        (Some(old), Some(new)) if secret.rotate != RotatePolicy::Never && old.at <= new.at => {
            Some(old)
        }
        (_, new) => new,
    };
    secret.rotate = policy;
}

/// Marks revisions that nobody tracks, and removes them where the user asked for that.
fn tidy_revisions(secret: &mut Secret) {
    secret.mark_obsolete();
    if secret.auto_prune && secret.owner == SecretOwner::Model {
        secret.revisions.retain(|_, revision| !revision.obsolete);
    }
}

/// Checks a label that an owner gives: unique among the owner's labels, and no unit of an application may mean two secrets by it.
fn check_owner_label(model: &Model, owner: &SecretOwner, label: &str) -> Result<(), SecretError> {
    if label.is_empty() {
        return Ok(());
    }
    let taken = model.secrets.values().any(|secret| {
        let owned = secret.label == label
            && match (owner, &secret.owner) {
                (SecretOwner::Model, other) => *other == SecretOwner::Model,
                (SecretOwner::Application(name), other) => other.application() == Some(name),
                (SecretOwner::Unit(name), SecretOwner::Application(other)) => {
                    other == name.application()
                }
                (SecretOwner::Unit(name), SecretOwner::Unit(other)) => other == name,
                (SecretOwner::Unit(_), SecretOwner::Model) => false,
            };
        let consumed = secret.consumers.iter().any(|(unit, consumer)| {
            consumer.label == label
                && match owner {
                    SecretOwner::Model => false,
                    SecretOwner::Application(name) => unit.application() == name,
                    SecretOwner::Unit(name) => unit == name,
                }
        });
        owned || consumed
    });
    match taken {
        true => Err(SecretError::LabelTaken(label.to_owned())),
        false => Ok(()),
    }
}

/// Checks a label that a unit gives to a secret which it reads.
fn check_consumer_label(
    model: &Model,
    unit: &UnitName,
    id: &SecretId,
    label: &str,
) -> Result<(), SecretError> {
    let taken = model.secrets.values().any(|secret| {
        let owned = match &secret.owner {
            SecretOwner::Model => false,
            SecretOwner::Application(name) => name == unit.application(),
            SecretOwner::Unit(name) => name == unit,
        };
        let consumed = || {
            let consumer = secret.consumers.get(unit);
            secret.id != *id && consumer.is_some_and(|consumer| consumer.label == label)
        };
        owned && secret.label == label || consumed()
    });
    match taken {
        true => Err(SecretError::ConsumerLabelTaken {
            label: label.to_owned(),
            unit: unit.tag(),
        }),
        false => Ok(()),
    }
}

fn drop_secrets_of(model: &mut Model, goes: impl Fn(&SecretOwner) -> bool) {
    let ids: Vec<SecretId> = model
        .secrets
        .values()
        .filter(|secret| goes(&secret.owner))
        .map(|secret| secret.id.clone())
        .collect();
    for id in ids {
        drop_secret(model, &id);
    }
}

/// Removes a secret, and what agents know of it.
fn drop_secret(model: &mut Model, id: &SecretId) {
    model.secrets.remove(id);
    let knowing: Vec<UnitName> = model
        .units
        .values()
        .filter(|unit| unit.progress.secrets.knows(id))
        .map(|unit| unit.name.clone())
        .collect();
    for name in knowing {
        if let Some(unit) = model.units.get_mut(&name) {
            unit.progress.secrets.forget(id);
        }
    }
}

fn change_secrets(
    model: &mut Model,
    concerned: impl Fn(&Secret) -> bool,
    change: impl Fn(&mut Secret),
) {
    let ids: Vec<SecretId> = model
        .secrets
        .values()
        .filter(|secret| concerned(secret))
        .map(|secret| secret.id.clone())
        .collect();
    for id in ids {
        if let Some(secret) = model.secrets.get_mut(&id) {
            change(secret);
        }
    }
}

/// Returns the secret of `unit` or of its application with this label, as the unit may name it.
pub fn owned_by_label<'a>(model: &'a Model, unit: &UnitName, label: &str) -> Option<&'a Secret> {
    let own = |secret: &&Secret| match &secret.owner {
        SecretOwner::Model => false,
        SecretOwner::Application(name) => name == unit.application(),
        SecretOwner::Unit(name) => name == unit,
    };
    model
        .secrets
        .values()
        .filter(own)
        .find(|secret| !label.is_empty() && secret.label == label)
}

/// Returns the secret that `unit` reads under a label of its own.
pub fn consumed_by_label<'a>(model: &'a Model, unit: &UnitName, label: &str) -> Option<&'a Secret> {
    let by_label = |consumer: &SecretConsumer| !label.is_empty() && consumer.label == label;
    model
        .secrets
        .values()
        .find(|secret| secret.consumers.get(unit).is_some_and(by_label))
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
