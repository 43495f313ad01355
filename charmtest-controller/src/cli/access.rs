//! `grant`, `revoke`, `grant-cloud` and `revoke-cloud`: who may do what.
//!
//! The client of this controller is always `admin`, who may do everything; what others were granted is kept and shown.

use serde_json::{Map, Value, json};

use super::command::{Command, Cx, Failure, Scope};
use super::offer::url_error;
use super::target::{CLOUD, CONTROLLER, USER};
use crate::JujuVersion;
use crate::flags::Parsed;
use crate::model::changes::{self, OfferUrl};
use crate::model::{AccessError, AccessKind, State, grant, model_name, revoke};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        "grant",
        "Grants access level to a Juju user for a model, controller, or application offer.",
        |cx| Box::pin(change(cx, Verb::Grant)),
    )
    .args(
        "<user name> <permission> [<model name> ... | <offer url> ...]",
        |args| wish(args).map(drop),
    )
    .scope(Scope::Controller),
    Command::new(
        "revoke",
        "Revokes access from a Juju user for a model, controller, or application offer.",
        |cx| Box::pin(change(cx, Verb::Revoke)),
    )
    .args(
        "<user name> <permission> [<model name> ... | <offer url> ...]",
        |args| wish(args).map(drop),
    )
    .scope(Scope::Controller),
    Command::new(
        "grant-cloud",
        "Grants access level to a Juju user for a cloud.",
        |cx| Box::pin(change_cloud(cx, Verb::Grant)),
    )
    .args("<user name> <permission> <cloud name> ...", check_cloud)
    .scope(Scope::Controller),
    Command::new(
        "revoke-cloud",
        "Revokes access from a Juju user for a cloud.",
        |cx| Box::pin(change_cloud(cx, Verb::Revoke)),
    )
    .args("<user name> <permission> <cloud name> ...", check_cloud)
    .scope(Scope::Controller),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Grant,
    Revoke,
}

impl Verb {
    fn word(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Revoke => "revoke",
        }
    }

    /// Does it to the users of one thing.
    fn apply(
        self,
        users: &mut std::collections::BTreeMap<String, String>,
        kind: AccessKind,
        user: &str,
        level: &str,
        juju: JujuVersion,
    ) -> Result<(), Failure> {
        let outcome = match self {
            Self::Grant => grant(users, kind, user, level),
            Self::Revoke => revoke(users, kind, user, level),
        };
        outcome.map_err(|error| {
            Failure::Failed(match (self, error) {
                (_, error @ AccessError::NoLevel(..)) => error.to_string(),
                (Self::Grant, AccessError::Already(_)) => has_already(juju, kind, level),
                (Self::Revoke, AccessError::NoUser(..)) if takes_all(juju, kind, level) => {
                    no_model_user(user)
                }
                (Self::Revoke, error @ AccessError::NoUser(..)) => {
                    format!("could not look up {kind} access for user: {error}")
                }
                (_, error) => format!("could not {} {kind} access: {error}", self.word()),
            })
        })
    }
}

/// Words that a user has as much access already. Juju 3.6 says at models and offers no more than that.
fn has_already(juju: JujuVersion, kind: AccessKind, level: &str) -> String {
    let why = format!("user already has {level:?} access or greater");
    match (juju, kind) {
        (JujuVersion::V3_6, AccessKind::Model | AccessKind::Offer) => why,
        _ => format!("could not grant {kind} access: {why}"),
    }
}

/// Says whether revoking the level takes a model from a user altogether, which Juju 3.6 does without a look at what the user has.
fn takes_all(juju: JujuVersion, kind: AccessKind, level: &str) -> bool {
    juju == JujuVersion::V3_6 && kind == AccessKind::Model && level == "read"
}

/// Words that a user has no access to lose (Juju 3.6).
fn no_model_user(user: &str) -> String {
    format!("could not revoke model access: model user {user:?} does not exist")
}

/// What access is to be changed to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Things {
    Controller,
    Models(Vec<String>),
    Offers(Vec<String>),
}

/// Reads what the positional arguments want, as Juju does before it asks the controller.
fn wish(args: &Parsed) -> Result<(&str, &str, Things), String> {
    let mut words = args.positionals.iter();
    let user = words.next().ok_or("no user specified")?;
    let level = words.next().ok_or("no permission level specified")?;
    let (mut models, mut offers) = (Vec::new(), Vec::new());
    for word in words {
        if OfferUrl::parse(word).is_ok() {
            offers.push(word.clone());
            continue;
        }
        let bare = word
            .rsplit_once('/')
            .map_or(word.as_str(), |(_, bare)| bare);
        if model_name(bare).is_err() {
            return Err(format!("model name {bare:?} not valid"));
        }
        models.push(word.clone());
    }
    let things = match (models.is_empty(), offers.is_empty()) {
        (true, true) => Things::Controller,
        (false, true) => Things::Models(models),
        (true, false) => Things::Offers(offers),
        (false, false) => {
            return Err("either specify model names or offer URLs but not both".to_owned());
        }
    };
    let of = |kind: AccessKind| kind.check(level);
    if things != Things::Controller && of(AccessKind::Controller).is_ok() {
        return Err(format!(
            "You have specified a controller access permission {level:?}.\nIf you intended to change controller access, do not specify any model names or offer URLs.\nSee 'juju help grant'."
        ));
    }
    match things {
        Things::Models(_) => of(AccessKind::Model).map_err(|error| error.to_string())?,
        Things::Offers(_) => of(AccessKind::Offer).map_err(|error| error.to_string())?,
        Things::Controller if of(AccessKind::Model).is_ok() => {
            return Err(format!(
                "You have specified a model access permission {level:?}.\nIf you intended to change model access, you need to specify one or more model names.\nSee 'juju help grant'."
            ));
        }
        Things::Controller => {}
    }
    Ok((user, level, things))
}

fn check_cloud(args: &Parsed) -> Result<(), String> {
    let [_, level, clouds @ ..] = args.positionals.as_slice() else {
        return Err(match args.positionals.len() {
            0 => "no user specified".to_owned(),
            _ => "no permission level specified".to_owned(),
        });
    };
    AccessKind::Cloud
        .check(level)
        .map_err(|error| error.to_string())?;
    if clouds.is_empty() {
        return Err("no cloud specified".to_owned());
    }
    Ok(())
}

/// Finds the user, who must be one whose access can change.
fn known(
    state: &State,
    verb: Verb,
    kind: AccessKind,
    user: &str,
    level: &str,
) -> Result<(), Failure> {
    let juju = state.juju;
    let user = user.strip_suffix("@local").unwrap_or(user);
    if user == USER {
        return Err(Failure::Failed(match verb {
            Verb::Grant => has_already(juju, kind, level),
            Verb::Revoke => format!(
                "could not revoke {kind} access: {USER:?} owns everything in the embedded controller, whose client is always {USER:?}"
            ),
        }));
    }
    if state.info.users.contains_key(user) {
        return Ok(());
    }
    Err(Failure::Failed(match (juju, verb, kind) {
        (_, Verb::Revoke, _) if takes_all(juju, kind, level) => no_model_user(user),
        (JujuVersion::V4_0, Verb::Grant, AccessKind::Offer) => {
            format!("could not grant offer access for {user:?}: user not found")
        }
        _ => format!(
            "could not {} {kind} access: user {user:?} does not exist locally: user {user:?} not found",
            verb.word()
        ),
    }))
}

async fn change(cx: &Cx, verb: Verb) -> Result<(), Failure> {
    let juju = cx.juju();
    let (user, level, things) = wish(&cx.args).map_err(Failure::usage)?;
    cx.hub
        .transact(|state| match &things {
            Things::Controller => {
                known(state, verb, AccessKind::Controller, user, level)?;
                let users = &mut state.info_mut().access;
                verb.apply(users, AccessKind::Controller, user, level, juju)
            }
            Things::Models(names) => names
                .iter()
                .try_for_each(|name| of_model(state, verb, user, level, name)),
            Things::Offers(urls) => urls
                .iter()
                .try_for_each(|url| of_offer(cx, state, verb, user, level, url)),
        })
        .map_err(Failure::from)
}

fn of_model(
    state: &mut State,
    verb: Verb,
    user: &str,
    level: &str,
    name: &str,
) -> Result<(), Failure> {
    let (owner, bare) = name.split_once('/').unwrap_or((USER, name));
    let full = format!("{owner}/{bare}");
    let found = state
        .models
        .values()
        .find(|model| model.full_name() == full);
    let missing = || Failure::Failed(format!("model {CONTROLLER}:{full} not found"));
    let uuid = found.ok_or_else(missing)?.info.uuid.clone();
    let juju = state.juju;
    known(state, verb, AccessKind::Model, user, level)?;
    let model = state.model_mut(&uuid).ok_or_else(missing)?;
    let users = &mut model.info_mut().users;
    verb.apply(users, AccessKind::Model, user, level, juju)
}

fn of_offer(
    cx: &Cx,
    state: &mut State,
    verb: Verb,
    user: &str,
    level: &str,
    url: &str,
) -> Result<(), Failure> {
    let juju = cx.juju();
    let url = OfferUrl::parse(url).map_err(|error| Failure::Failed(url_error(&error, juju)))?;
    let refused = |error: changes::OfferError| Failure::Failed(error.words(juju));
    let (uuid, name) = {
        let (model, offer) = changes::find_offer(state, &url).map_err(refused)?;
        (model.info.uuid.clone(), offer.name.clone())
    };
    known(state, verb, AccessKind::Offer, user, level)?;
    let offer = state
        .model_mut(&uuid)
        .and_then(|model| model.offers.get_mut(&name));
    match offer {
        Some(offer) => verb.apply(&mut offer.users, AccessKind::Offer, user, level, juju),
        None => Ok(()),
    }
}

async fn change_cloud(cx: &Cx, verb: Verb) -> Result<(), Failure> {
    let [user, level, clouds @ ..] = cx.positionals() else {
        return Ok(());
    };
    if let Some(other) = clouds.iter().find(|cloud| *cloud != CLOUD) {
        return Err(Failure::Failed(format!(
            "could not {} cloud access: cloud {other:?} not found",
            verb.word()
        )));
    }
    cx.hub
        .transact(|state| {
            let juju = state.juju;
            known(state, verb, AccessKind::Cloud, user, level)?;
            let users = &mut state.info_mut().cloud_access;
            verb.apply(users, AccessKind::Cloud, user, level, juju)
        })
        .map_err(Failure::from)
}

/// Gives a user access to an offer of the command's model; what the user has already is fine.
///
/// # Errors
///
/// Fails when there is no such user, offer or level of access.
pub(super) fn grant_in_bundle(
    cx: &Cx,
    user: &str,
    level: &str,
    offer: &str,
) -> Result<(), Failure> {
    // The owner has all, and in 3.6 everybody may see offers.
    let external = user == "everyone@external" && cx.juju() == JujuVersion::V3_6;
    if user == USER || (external && level == "read") {
        return Ok(());
    }
    let uuid = cx.model_uuid();
    cx.hub
        .transact(|state| {
            known(state, Verb::Grant, AccessKind::Offer, user, level)?;
            let row = state
                .model_mut(&uuid)
                .and_then(|model| model.offers.get_mut(offer));
            let missing = || Failure::failed(format!("application offer {offer:?} not found"));
            let users = &mut row.ok_or_else(missing)?.users;
            match grant(users, AccessKind::Offer, user, level) {
                Ok(()) | Err(AccessError::Already(_)) => Ok(()),
                Err(error) => Err(Failure::failed(error)),
            }
        })
        .map_err(|error| match Failure::from(error) {
            Failure::Failed(why) => Failure::Failed(format!(
                "cannot grant {level} access to user {user} on offer {offer}: {why}"
            )),
            other => other,
        })
}

/// Describes who has access to something: `admin`, who has all of it, and those of `others` who are users.
pub(super) fn describe(
    state: &State,
    kind: AccessKind,
    others: &std::collections::BTreeMap<String, String>,
) -> Map<String, Value> {
    let mut users = Map::new();
    users.insert(
        USER.to_owned(),
        json!({ "display-name": USER, "access": kind.most() }),
    );
    for (name, level) in others {
        let Some(user) = state.info.users.get(name) else {
            continue;
        };
        let mut about = Map::new();
        if !user.display_name.is_empty() {
            about.insert("display-name".to_owned(), user.display_name.clone().into());
        }
        about.insert("access".to_owned(), level.clone().into());
        users.insert(name.clone(), about.into());
    }
    users
}

/// Returns the access of `user` to a model, if the user has any.
pub(super) fn model_access<'a>(
    state: &'a State,
    model: &'a crate::model::Model,
    user: &str,
) -> Option<&'a str> {
    if user == model.info.owner {
        return Some(AccessKind::Model.most());
    }
    state.info.users.get(user)?;
    model.info.users.get(user).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::Controller;
    use crate::JujuVersion;

    #[test]
    fn what_was_granted_is_shown() {
        for juju in JujuVersion::ALL {
            let c = Controller::with_model_of(juju);
            c.juju("add-user bob Bobby").ok();
            c.juju("grant bob write m").ok();
            let shown = c.juju("show-model m --format json").ok().json();
            assert_eq!(
                shown["m"]["users"]["bob"],
                json!({"display-name": "Bobby", "access": "write", "last-connection": "never connected"})
            );
            let users = c.juju("users m --format json").ok().json();
            assert_eq!(users["bob"]["access"], "write");
            let models = c.juju("models --user bob --format json").ok().json();
            assert_eq!(models["models"][0]["access"], "write");
            c.juju("revoke bob write m").ok();
            let users = c.juju("users m --format json").ok().json();
            assert_eq!(users["bob"]["access"], "read");
            c.juju("revoke bob read m").ok();
            assert_eq!(
                c.juju("models --user bob --format json").ok().json()["models"],
                json!([])
            );
            c.juju("grant bob superuser").ok();
            assert_eq!(
                c.juju("show-user bob --format json").ok().json()["access"],
                "superuser"
            );
            c.juju("grant-cloud bob add-model localhost").ok();
            let cloud = c
                .juju("show-cloud localhost -c embedded --format json")
                .ok();
            assert!(
                cloud
                    .stdout
                    .contains("\"bob\":{\"display-name\":\"Bobby\",\"access\":\"add-model\"}"),
                "{cloud:?}"
            );
            c.juju("revoke-cloud bob add-model localhost").ok();
        }
    }

    #[test]
    fn what_is_refused() {
        let c = Controller::with_model();
        c.juju("add-user bob").ok();
        c.juju("grant bob read m").ok();
        for (line, code, expected) in [
            ("grant", 2, "no user specified"),
            ("grant bob", 2, "no permission level specified"),
            (
                "grant bob read Bad_Name",
                2,
                "model name \"Bad_Name\" not valid",
            ),
            (
                "grant bob login m",
                2,
                "You have specified a controller access permission \"login\".",
            ),
            (
                "grant bob read",
                2,
                "You have specified a model access permission \"read\".",
            ),
            (
                "grant bob consume m",
                2,
                "\"consume\" model access not valid",
            ),
            (
                "grant bob write admin/m.x",
                2,
                "\"write\" offer access not valid",
            ),
            (
                "grant bob read m m.x",
                2,
                "either specify model names or offer URLs but not both",
            ),
            (
                "grant bob read m",
                1,
                "user already has \"read\" access or greater",
            ),
            ("grant bob fly", 1, "\"fly\" controller access not valid"),
            (
                "grant eve read m",
                1,
                "could not grant model access: user \"eve\" does not exist locally: user \"eve\" not found",
            ),
            (
                "grant bob read nosuch",
                1,
                "model embedded:admin/nosuch not found",
            ),
            (
                "revoke bob read m.nosuch",
                1,
                "application offer \"admin/m.nosuch\" not found",
            ),
            ("revoke-cloud bob admin", 2, "no cloud specified"),
            (
                "grant-cloud bob read localhost",
                2,
                "\"read\" cloud access not valid",
            ),
            (
                "grant-cloud bob admin aws",
                1,
                "could not grant cloud access: cloud \"aws\" not found",
            ),
            (
                "revoke-cloud bob admin localhost",
                1,
                "could not look up cloud access for user: cloud user \"bob\" not found",
            ),
            (
                "grant admin read m",
                1,
                "user already has \"read\" access or greater",
            ),
            (
                "revoke eve read m",
                1,
                "could not revoke model access: model user \"eve\" does not exist",
            ),
            (
                "grant eve superuser",
                1,
                "could not grant controller access: user \"eve\" does not exist locally: user \"eve\" not found",
            ),
            (
                "grant bob login",
                1,
                "could not grant controller access: user already has \"login\" access or greater",
            ),
        ] {
            let outcome = c.juju(line);
            assert_eq!(
                (
                    outcome.code,
                    outcome.stderr.lines().next().unwrap_or_default()
                ),
                (code, format!("ERROR {expected}").as_str()),
                "{line}"
            );
        }
    }
}
