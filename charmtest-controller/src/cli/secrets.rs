//! `add-secret`, `update-secret`, `remove-secret`, `grant-secret`, `revoke-secret`.

use std::collections::BTreeSet;
use std::path::Path;

use super::command::{Command, Cx, Failure, any_args, at_most, first_of};
use crate::JujuVersion;
use crate::flags::{Flag, Kind, Parsed};
use crate::model::changes::{
    SecretError, SecretUpdate, create_secret, grant_secret, missing, remove_secret, revoke_secret,
    update_secret,
};
use crate::model::{Content, Grant, GrantScope, Model, SecretId, SecretOwner, SecretUri, Subject};
use crate::secret_content;

const FILE: Flag = Flag::text(&["file"], "A YAML file containing secret key values");
const INFO: Flag = Flag::text(&["info"], "The secret description");

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("add-secret", "Add a new secret.", |cx| Box::pin(add(cx)))
        .args("<name> [key[#base64|#file]=value...]", |args| {
            match args.positionals.is_empty() {
                true => Err("secret name needs to be supplied as the first argument".to_owned()),
                false => Ok(()),
            }
        })
        .flags(&[FILE, INFO]),
    Command::new("grant-secret", "Grant access to a secret.", |cx| {
        Box::pin(share(cx, Sharing::Grant))
    })
    .args("<ID>|<name> <application>[,<application>...]", check_share),
    Command::new("remove-secret", "Remove a existing secret.", |cx| {
        Box::pin(remove(cx))
    })
    .args("<ID>|<name>", |args| {
        first_of(args, 1, "missing secret URI")
    })
    .flags(&[Flag::of(
        Kind::Int,
        &["revision"],
        "Remove the specified revision",
    )]),
    Command::new("revoke-secret", "Revoke access to a secret.", |cx| {
        Box::pin(share(cx, Sharing::Revoke))
    })
    .args("<ID>|<name> <application>[,<application>...]", check_share),
    Command::new("update-secret", "Update an existing secret.", |cx| {
        Box::pin(update(cx))
    })
    .args("<ID>|<name> [key[#base64|#file]=value...]", |args| {
        match args.positionals.is_empty() {
            true => Err("missing secret URI".to_owned()),
            false => any_args(args),
        }
    })
    .flags(&[
        Flag::switch(
            &["auto-prune"],
            "Used to allow Juju to automatically remove revisions which are no longer being tracked by any observers",
        ),
        FILE,
        INFO,
        Flag::text(&["name"], "The new secret name"),
    ]),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Grant,
    Revoke,
}

fn check_share(args: &Parsed) -> Result<(), String> {
    if args.positionals.len() < 2 {
        return Err("missing secret URI or application name".to_owned());
    }
    at_most(args, 2)
}

async fn add(cx: &Cx) -> Result<(), Failure> {
    let (name, values) = cx.positionals().split_first().ok_or(Failure::Silent(2))?;
    let content = content(cx, values)?;
    if content.is_none() && file(cx).is_none() {
        return Err(Failure::usage("missing secret value or filename"));
    }
    if content.is_none() {
        return Err(Failure::failed("empty secret value not valid"));
    }
    let new = SecretUpdate {
        content,
        label: Some(name.clone()),
        description: given(cx, "info"),
        ..SecretUpdate::default()
    };
    let (id, now) = (SecretId::random(), cx.hub.now());
    let added = cx.hub.transact_model(&cx.model_uuid(), |model| {
        create_secret(model, &id, SecretOwner::Model, new, now).map_err(named)
    });
    added.map_err(Failure::failed)?;
    cx.print(&format!("secret:{id}\n")).await
}

async fn update(cx: &Cx) -> Result<(), Failure> {
    let (which, values) = cx.positionals().split_first().ok_or(Failure::Silent(2))?;
    let change = SecretUpdate {
        content: content(cx, values)?,
        label: given(cx, "name"),
        description: given(cx, "info"),
        auto_prune: cx
            .args
            .is_set("auto-prune")
            .then(|| cx.args.switch("auto-prune")),
        ..SecretUpdate::default()
    };
    if change.is_empty() {
        return Err(Failure::failed(
            "at least one attribute to update must be specified",
        ));
    }
    let (juju, now) = (cx.juju(), cx.hub.now());
    cx.change(|model| {
        let id = user_secret(model, which, juju, true)?;
        update_secret(model, &id, change, now).map_err(named)
    })
}

async fn remove(cx: &Cx) -> Result<(), Failure> {
    let which = &cx.positionals()[0];
    let juju = cx.juju();
    let revision = cx
        .args
        .int("revision")
        .and_then(|number| u32::try_from(number).ok());
    let revision = revision.filter(|number| *number > 0);
    cx.change(|model| {
        let id = user_secret(model, which, juju, false)?;
        let Some(number) = revision else {
            remove_secret(model, &id, None);
            return Ok(());
        };
        let secret = model.secrets.get(&id);
        if secret.is_none_or(|secret| !secret.revisions.contains_key(&number)) {
            return Err(SecretError::NoRevision(id, number));
        }
        remove_secret(model, &id, Some(&BTreeSet::from([number])));
        Ok(())
    })
}

async fn share(cx: &Cx, sharing: Sharing) -> Result<(), Failure> {
    let (which, applications) = (&cx.positionals()[0], &cx.positionals()[1]);
    let juju = cx.juju();
    let refused: Vec<String> = cx.change(|model| {
        let id = user_secret(model, which, juju, true)?;
        let subjects = applications
            .split(',')
            .map(|name| Subject::Application(name.to_owned()));
        let refused = subjects.filter_map(|subject| change_access(model, &id, subject, sharing));
        Ok::<_, SecretError>(refused.collect())
    })?;
    match refused.is_empty() {
        true => Ok(()),
        false => Err(Failure::failed(format!(
            "failed to grant/revoke secret: {}",
            refused.join(", ")
        ))),
    }
}

/// Grants or revokes for one application; returns why not.
fn change_access(
    model: &mut Model,
    id: &SecretId,
    subject: Subject,
    sharing: Sharing,
) -> Option<String> {
    if sharing == Sharing::Grant {
        let grant = Grant {
            subject,
            scope: GrantScope::Model,
        };
        return grant_secret(model, id, grant)
            .err()
            .map(|error| error.to_string());
    }
    if let (Some(why), Subject::Application(name)) = (missing(model, &subject), &subject) {
        let error = SecretError::Access {
            id: id.clone(),
            subject: name.clone(),
            why,
        };
        return Some(error.to_string());
    }
    revoke_secret(model, id, &subject);
    None
}

/// Finds the user secret that `which` names by id or name.
///
/// The words for an unknown name are those of 4.0 (recorded), with `suffix` where 4.0 repeats itself.
fn user_secret(
    model: &Model,
    which: &str,
    juju: JujuVersion,
    suffix: bool,
) -> Result<SecretId, SecretError> {
    let Some(uri) = SecretUri::parse(which) else {
        let found = model.secrets.values().find(|secret| {
            secret.owner == SecretOwner::Model && secret.label == which && !which.is_empty()
        });
        return found.map(|secret| secret.id.clone()).ok_or_else(|| {
            let suffix = if suffix { " (secret not found)" } else { "" };
            SecretError::Denied(format!(
                "getting user secret for label {which:?}: secret with label {which:?} not found{suffix}"
            ))
        });
    };
    let secret = model
        .secrets
        .get(&uri.id)
        .ok_or_else(|| SecretError::NotFound(uri.id.clone()))?;
    match secret.owner {
        SecretOwner::Model => Ok(uri.id),
        // Secrets of charms are the charms' to change.
        _ => Err(SecretError::unmanageable(juju, &model.info.uuid.0)),
    }
}

/// The label of a user secret is called its name.
fn named(error: SecretError) -> SecretError {
    match error {
        SecretError::LabelTaken(name) => {
            SecretError::Denied(format!("secret with name {name:?} already exists"))
        }
        error => error,
    }
}

/// Reads the content that the client gives; `None` when there is none. What is wrong with it is wrong with the command line.
fn content(cx: &Cx, values: &[String]) -> Result<Option<Content>, Failure> {
    // Files are the client's: their names start at its working directory.
    let values: Vec<String> = values.iter().map(|value| absolute(cx, value)).collect();
    let path = file(cx).map(|name| cx.path(name));
    let read = |path: &Path| std::fs::read(path);
    let content = secret_content::read(&values, path.as_deref(), read).map_err(|error| {
        // Errors name the file as the user did.
        let cwd = format!("{}/", cx.request.cwd.trim_end_matches('/'));
        Failure::usage(error.replace(&cwd, ""))
    })?;
    Ok(Some(content).filter(|content| !content.is_empty()))
}

fn absolute(cx: &Cx, value: &str) -> String {
    match value.split_once("#file=") {
        Some((key, name)) if !key.contains('=') => {
            format!("{key}#file={}", cx.path(name).display())
        }
        _ => value.to_owned(),
    }
}

fn file(cx: &Cx) -> Option<&str> {
    cx.args.text("file").filter(|name| !name.is_empty())
}

fn given(cx: &Cx, name: &str) -> Option<String> {
    let text = cx.args.text(name).filter(|text| !text.is_empty());
    text.map(str::to_owned)
}
