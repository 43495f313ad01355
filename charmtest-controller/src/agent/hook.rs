//! Hooks: which there are, and the names, variables and labels that follow from each.

use serde::{Deserialize, Serialize};

use crate::model::{RelationId, SecretId, StorageId, UnitName};

/// A hook that a unit's agent runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Hook {
    /// `install`
    Install,
    /// `leader-elected`
    LeaderElected,
    /// `leader-settings-changed` (Juju 3.6, once per minion at start-up)
    LeaderSettingsChanged,
    /// `config-changed`
    ConfigChanged,
    /// `start`
    Start,
    /// `update-status`
    UpdateStatus,
    /// `upgrade-charm`
    UpgradeCharm,
    /// `stop`
    Stop,
    /// `remove`
    Remove,
    /// `X-relation-*`
    Relation(RelationHook),
    /// `secret-*`
    Secret(SecretHook),
    /// `X-storage-*`
    Storage(StorageHook),
}

/// A storage hook with what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageHook {
    /// Which of them.
    pub event: StorageEvent,
    /// The instance.
    pub storage: StorageId,
}

/// The storage events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageEvent {
    /// `-storage-attached`
    Attached,
    /// `-storage-detaching`
    Detaching,
}

/// A relation hook with what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationHook {
    /// Which of them.
    pub event: RelationEvent,
    /// The relation.
    pub relation: RelationId,
    /// The endpoint's name on this unit's side.
    pub endpoint: String,
    /// The application on the other side; the own one for peers.
    pub remote_application: String,
    /// The remote unit, for joined, departed, and changed of a unit.
    pub remote_unit: Option<UnitName>,
    /// For departed: the unit that leaves, which may be this one.
    pub departing_unit: Option<UnitName>,
}

/// A secret hook with what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHook {
    /// Which of them.
    pub event: SecretEvent,
    /// The secret.
    pub secret: SecretId,
    /// The secret as the charm is told of it.
    pub uri: String,
    /// The revision that is obsolete or expired; for the other events the newest one when the hook became due.
    pub revision: u32,
    /// The unit's label for the secret; may be empty.
    pub label: String,
}

/// The secret events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretEvent {
    /// `secret-changed`
    Changed,
    /// `secret-expired`
    Expired,
    /// `secret-remove`
    Remove,
    /// `secret-rotate`
    Rotate,
}

/// The relation events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelationEvent {
    /// `-relation-created`
    Created,
    /// `-relation-joined`
    Joined,
    /// `-relation-changed`
    Changed,
    /// `-relation-departed`
    Departed,
    /// `-relation-broken`
    Broken,
}

impl Hook {
    /// Returns the full name, as in `JUJU_HOOK_NAME`: `install`, `db-relation-changed`.
    pub fn name(&self) -> String {
        match self {
            Self::Relation(hook) => format!("{}-relation-{}", hook.endpoint, hook.event.as_str()),
            Self::Secret(hook) => format!("secret-{}", hook.event.as_str()),
            Self::Storage(hook) => {
                format!("{}-storage-{}", hook.storage.name(), hook.event.as_str())
            }
            Self::Install => "install".to_owned(),
            Self::LeaderElected => "leader-elected".to_owned(),
            Self::LeaderSettingsChanged => "leader-settings-changed".to_owned(),
            Self::ConfigChanged => "config-changed".to_owned(),
            Self::Start => "start".to_owned(),
            Self::UpdateStatus => "update-status".to_owned(),
            Self::UpgradeCharm => "upgrade-charm".to_owned(),
            Self::Stop => "stop".to_owned(),
            Self::Remove => "remove".to_owned(),
        }
    }

    /// Returns the kind: the name without the endpoint, `install`, `relation-changed`.
    pub fn kind(&self) -> String {
        match self {
            Self::Relation(hook) => format!("relation-{}", hook.event.as_str()),
            Self::Storage(hook) => format!("storage-{}", hook.event.as_str()),
            _ => self.name(),
        }
    }

    /// Returns the message of the agent's status while the hook runs (Juju 3.6): `running db-relation-joined hook for db/0`.
    pub fn running_message(&self) -> String {
        if let Self::Secret(hook) = self {
            let revision = hook.numbered().map(|revision| format!("/{revision}"));
            return format!(
                "running {} hook for {}{}",
                self.name(),
                hook.uri,
                revision.unwrap_or_default()
            );
        }
        let remote = self.relation().and_then(|hook| hook.remote_unit.as_ref());
        let remote = remote
            .map(|unit| format!(" for {unit}"))
            .unwrap_or_default();
        format!("running {} hook{remote}", self.name())
    }

    /// Returns the storage part of a storage hook.
    pub fn storage(&self) -> Option<&StorageHook> {
        match self {
            Self::Storage(hook) => Some(hook),
            _ => None,
        }
    }

    /// Returns the relation part of a relation hook.
    pub fn relation(&self) -> Option<&RelationHook> {
        match self {
            Self::Relation(hook) => Some(hook),
            _ => None,
        }
    }
}

impl SecretHook {
    /// Returns the revision if the charm is told of it.
    pub fn numbered(&self) -> Option<u32> {
        matches!(self.event, SecretEvent::Expired | SecretEvent::Remove).then_some(self.revision)
    }
}

impl SecretEvent {
    /// Returns the last part of the hook's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Expired => "expired",
            Self::Remove => "remove",
            Self::Rotate => "rotate",
        }
    }
}

impl StorageEvent {
    /// Returns the last part of the hook's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Detaching => "detaching",
        }
    }
}

impl RelationEvent {
    /// Returns the last part of the hook's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Joined => "joined",
            Self::Changed => "changed",
            Self::Departed => "departed",
            Self::Broken => "broken",
        }
    }
}
