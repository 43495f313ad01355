//! What a hook's tools do with secrets, waiting for the hook to succeed.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::changes::SecretUpdate;
use crate::model::{Grant, RelationId, SecretId, SecretOwner, Subject};

/// A secret that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSecret {
    /// Whose it is going to be.
    pub owner: SecretOwner,
    /// What is in it.
    pub content: SecretUpdate,
}

/// Changes of secrets that wait for the end of the hook, in the kinds and the order in which Juju writes them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PendingSecrets {
    /// `secret-add`.
    pub creates: BTreeMap<SecretId, NewSecret>,
    /// `secret-set`.
    pub updates: BTreeMap<SecretId, SecretUpdate>,
    /// `secret-get --refresh` of content that is itself pending.
    pub track_latest: BTreeSet<SecretId>,
    /// `secret-grant`: one per relation, the later one counts.
    pub grants: BTreeMap<SecretId, BTreeMap<RelationId, Grant>>,
    /// `secret-revoke`.
    pub revokes: Vec<(SecretId, Subject)>,
    /// `secret-remove`: some revisions, or all.
    pub removes: BTreeMap<SecretId, Option<BTreeSet<u32>>>,
}

impl PendingSecrets {
    /// Says whether another secret that this hook made has the label.
    pub fn creates_label(&self, label: &str) -> bool {
        self.creates
            .values()
            .any(|new| new.content.label.as_deref() == Some(label))
    }

    /// Makes a secret.
    pub fn create(&mut self, id: SecretId, new: NewSecret) {
        self.removes.remove(&id);
        self.creates.insert(id, new);
    }

    /// Changes a secret, one of this hook's making as well.
    pub fn update(&mut self, id: SecretId, change: SecretUpdate) {
        self.removes.remove(&id);
        match self.creates.get_mut(&id) {
            Some(new) => new.content.merge(change),
            None => self.updates.entry(id).or_default().merge(change),
        }
    }

    /// Shows a secret to somebody.
    pub fn grant(&mut self, id: SecretId, relation: RelationId, grant: Grant) {
        self.grants.entry(id).or_default().insert(relation, grant);
    }

    /// Stops showing a secret to somebody.
    pub fn revoke(&mut self, id: SecretId, subject: Subject) {
        let revoke = (id, subject);
        if !self.revokes.contains(&revoke) {
            self.revokes.push(revoke);
        }
    }

    /// Removes one revision of a secret, or all. Whatever else this hook did with the secret is dropped (Juju 3.6).
    pub fn remove(&mut self, id: SecretId, revision: Option<u32>) {
        self.creates.remove(&id);
        self.updates.remove(&id);
        self.grants.remove(&id);
        self.revokes.retain(|(other, _)| *other != id);
        self.track_latest.remove(&id);
        let gone = self
            .removes
            .entry(id)
            .or_insert_with(|| Some(BTreeSet::new()));
        match (gone, revision) {
            (Some(gone), Some(revision)) => {
                gone.insert(revision);
            }
            (gone, _) => *gone = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_takes_back_what_the_hook_did_before() {
        let id = SecretId::random();
        let mut pending = PendingSecrets::default();
        pending.update(id.clone(), SecretUpdate::default());
        pending.track_latest.insert(id.clone());
        pending.revoke(id.clone(), Subject::Application("a".to_owned()));
        pending.remove(id.clone(), Some(1));
        pending.remove(id.clone(), Some(2));
        let expected = PendingSecrets {
            removes: BTreeMap::from([(id.clone(), Some(BTreeSet::from([1, 2])))]),
            ..PendingSecrets::default()
        };
        assert_eq!(pending, expected);
        pending.remove(id.clone(), None);
        pending.remove(id.clone(), Some(3));
        assert_eq!(pending.removes[&id], None, "all stays all");
    }
}
