//! Who may do what: levels of access of users to the controller, its cloud, models and offers.

use std::collections::BTreeMap;
use std::fmt;

/// What access is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessKind {
    /// The controller.
    Controller,
    /// A cloud.
    Cloud,
    /// A model.
    Model,
    /// An offer.
    Offer,
}

impl AccessKind {
    /// Returns the levels of access, the least first; who has one has those before it.
    pub const fn levels(self) -> &'static [&'static str] {
        match self {
            Self::Controller => &["login", "superuser"],
            Self::Cloud => &["add-model", "admin"],
            Self::Model => &["read", "write", "admin"],
            Self::Offer => &["read", "consume", "admin"],
        }
    }

    /// Returns what the user who owns the controller has.
    pub fn most(self) -> &'static str {
        self.levels().last().copied().unwrap_or_default()
    }

    /// Checks a level of access.
    ///
    /// # Errors
    ///
    /// Fails when there is no such level.
    pub fn check(self, level: &str) -> Result<(), AccessError> {
        self.rank(level).map(drop)
    }

    fn rank(self, level: &str) -> Result<usize, AccessError> {
        let found = self.levels().iter().position(|name| *name == level);
        found.ok_or_else(|| AccessError::NoLevel(self, level.to_owned()))
    }
}

impl fmt::Display for AccessKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Controller => "controller",
            Self::Cloud => "cloud",
            Self::Model => "model",
            Self::Offer => "offer",
        })
    }
}

/// Why access cannot be changed, in Juju's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// There is no such level.
    #[error("{1:?} {0} access not valid")]
    NoLevel(AccessKind, String),
    /// The user has it already.
    #[error("user already has {0:?} access or greater")]
    Already(String),
    /// The user has no access to lose.
    #[error("{0} user {1:?} not found")]
    NoUser(AccessKind, String),
}

/// Gives a user access to one thing, whose users with their levels are `users`.
///
/// # Errors
///
/// Fails when there is no such level, or the user has as much already.
pub fn grant(
    users: &mut BTreeMap<String, String>,
    kind: AccessKind,
    user: &str,
    level: &str,
) -> Result<(), AccessError> {
    let wanted = kind.rank(level)?;
    let present = users.get(user).and_then(|level| kind.rank(level).ok());
    if present.is_some_and(|present| present >= wanted) {
        return Err(AccessError::Already(level.to_owned()));
    }
    users.insert(user.to_owned(), level.to_owned());
    Ok(())
}

/// Takes a level of access, and all above it, from a user: what is left is the level below.
///
/// # Errors
///
/// Fails when there is no such level, or the user has none.
pub fn revoke(
    users: &mut BTreeMap<String, String>,
    kind: AccessKind,
    user: &str,
    level: &str,
) -> Result<(), AccessError> {
    let taken = kind.rank(level)?;
    let present = users.get(user).and_then(|level| kind.rank(level).ok());
    let Some(present) = present else {
        return Err(AccessError::NoUser(kind, user.to_owned()));
    };
    match taken.checked_sub(1) {
        None => {
            users.remove(user);
        }
        Some(left) if left < present => {
            users.insert(user.to_owned(), kind.levels()[left].to_owned());
        }
        Some(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_is_given_and_taken_level_by_level() {
        use AccessKind::{Cloud, Controller, Model, Offer};
        for (kind, before, verb, level, after) in [
            (Model, "", "grant", "read", Ok("read")),
            (Model, "read", "grant", "admin", Ok("admin")),
            (
                Model,
                "write",
                "grant",
                "read",
                Err("user already has \"read\" access or greater"),
            ),
            (
                Model,
                "read",
                "grant",
                "read",
                Err("user already has \"read\" access or greater"),
            ),
            (Model, "admin", "revoke", "admin", Ok("write")),
            (Model, "admin", "revoke", "write", Ok("read")),
            (Model, "admin", "revoke", "read", Ok("")),
            (Model, "read", "revoke", "write", Ok("read")),
            (
                Model,
                "",
                "revoke",
                "write",
                Err("model user \"bob\" not found"),
            ),
            (
                Model,
                "",
                "grant",
                "login",
                Err("\"login\" model access not valid"),
            ),
            (Offer, "", "grant", "consume", Ok("consume")),
            (Offer, "consume", "revoke", "consume", Ok("read")),
            (Controller, "login", "grant", "superuser", Ok("superuser")),
            (Controller, "superuser", "revoke", "superuser", Ok("login")),
            (Cloud, "", "grant", "add-model", Ok("add-model")),
            (Cloud, "admin", "revoke", "add-model", Ok("")),
            (
                Cloud,
                "",
                "grant",
                "read",
                Err("\"read\" cloud access not valid"),
            ),
        ] {
            let mut users = BTreeMap::new();
            if !before.is_empty() {
                users.insert("bob".to_owned(), before.to_owned());
            }
            let change = if verb == "grant" { grant } else { revoke };
            let outcome = change(&mut users, kind, "bob", level).map_err(|error| error.to_string());
            let left = users.get("bob").map_or("", String::as_str);
            assert_eq!(
                outcome.map(|()| left),
                after.map_err(str::to_owned),
                "{verb} {level} of {kind} for one with {before:?}"
            );
        }
    }
}
