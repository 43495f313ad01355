//! `secret-add`, `secret-set`, `secret-grant`, `secret-revoke`, `secret-remove`: all of it waits for the hook to succeed.

use std::path::Path;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::secret_read::{Known, local, metadata, parse_uri};
use super::tool::{Answered, OutputKind, RELATION, Scene, Tool, ToolError, at_most};
use crate::agent::NewSecret;
use crate::flags::{Flag, Kind, Parsed, parse_go_duration};
use crate::model::changes::SecretUpdate;
use crate::model::{
    Content, Grant, GrantScope, RotatePolicy, SecretId, SecretOwner, Subject, UnitName,
    application_name,
};
use crate::secret_content;

const UPSERT: &[Flag] = &[
    Flag::text(&["description"], "What the secret is for"),
    Flag::text(
        &["expire"],
        "When it expires: a duration or a time as in RFC 3339",
    ),
    Flag::text(&["file"], "A YAML file with keys and values"),
    Flag::text(&["label"], "The owner's label for the secret"),
    Flag::text(
        &["owner"],
        "Whose secret it is: application (the default) or unit",
    ),
    Flag::text(&["rotate"], "How often the secret is to be rotated"),
];

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "secret-add",
        arguments: "[key[#base64|#file]=value...]",
        summary: "Adds a secret once the hook has succeeded, and shows its id.",
        flags: UPSERT,
        output: OutputKind::Plain,
        run: secret_add,
    },
    Tool {
        name: "secret-grant",
        arguments: "<ID>",
        summary: "Lets the other side of a relation read a secret once the hook has succeeded.",
        flags: &[
            RELATION,
            Flag::text(&["unit"], "Only this unit of the other side"),
        ],
        output: OutputKind::Plain,
        run: secret_grant,
    },
    Tool {
        name: "secret-remove",
        arguments: "<ID>",
        summary: "Removes a secret once the hook has succeeded.",
        flags: &[Flag::of(Kind::Int, &["revision"], "Only this revision")],
        output: OutputKind::Plain,
        run: secret_remove,
    },
    Tool {
        name: "secret-revoke",
        arguments: "<ID>",
        summary: "Takes back the permission to read a secret once the hook has succeeded.",
        flags: &[
            Flag::text(&["app", "application"], "From this application"),
            RELATION,
            Flag::text(&["unit"], "From this unit"),
        ],
        output: OutputKind::Plain,
        run: secret_revoke,
    },
    Tool {
        name: "secret-set",
        arguments: "<ID> [key[#base64|#file]=value...]",
        summary: "Changes a secret once the hook has succeeded.",
        flags: UPSERT,
        output: OutputKind::Plain,
        run: secret_set,
    },
];

const NOT_LEADER: &str = "this unit is not the leader";

fn secret_add(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    if parsed.positionals.is_empty() && file(parsed).is_none() {
        return Err(ToolError::usage("missing secret value or filename"));
    }
    let update = update(scene, parsed, &parsed.positionals)?;
    let owner = match parsed.text("owner") {
        Some("unit") => SecretOwner::Unit(scene.context.unit.clone()),
        _ => SecretOwner::Application(scene.context.unit.application().to_owned()),
    };
    if matches!(owner, SecretOwner::Application(_)) && !scene.is_leader() {
        return Err(ToolError::failed(NOT_LEADER));
    }
    if update.content.is_none() {
        return Err(ToolError::failed("empty secret value not valid"));
    }
    let pending = &mut scene.context.pending.secrets;
    if let Some(label) = update
        .label
        .as_ref()
        .filter(|label| pending.creates_label(label))
    {
        return Err(ToolError::failed(format!(
            "secret with label {label:?} already exists"
        )));
    }
    let id = SecretId::random();
    pending.create(
        id.clone(),
        NewSecret {
            owner,
            content: update,
        },
    );
    let uri = format!("secret://{}/{id}", scene.context.model);
    Ok(Answered::value(uri))
}

fn secret_set(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let (id, rest) = secret_argument(scene, parsed)?;
    let mut update = update(scene, parsed, rest)?;
    let known = metadata(scene);
    let known = known.get(&id);
    managed(scene, known)?;
    // What is the newest content already makes no revision (Juju 3.6).
    if let (Some(known), Some(content)) = (known, &update.content)
        && known.checksum.as_deref() == Some(&content.checksum())
    {
        update.content = None;
    }
    if !update.is_empty() {
        scene.context.pending.secrets.update(id, update);
    }
    Ok(Answered::nothing())
}

fn secret_remove(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let (id, _) = secret_argument(scene, parsed)?;
    at_most(parsed, 1)?;
    managed(scene, metadata(scene).get(&id))?;
    let revision = parsed
        .int("revision")
        .and_then(|number| u32::try_from(number).ok());
    let revision = revision.filter(|number| *number > 0);
    scene.context.pending.secrets.remove(id, revision);
    Ok(Answered::nothing())
}

fn secret_grant(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let (id, _) = secret_argument(scene, parsed)?;
    let relation = scene.require_relation(parsed)?;
    let application = remote_application(scene, relation);
    let unit = unit_argument(parsed)?;
    if let Some(unit) = unit
        .as_ref()
        .filter(|unit| unit.application() != application)
    {
        return Err(ToolError::usage(format!(
            "cannot specify unit \"{unit}\" in relation to application {application:?}"
        )));
    }
    at_most(parsed, 1)?;
    let known = metadata(scene);
    let known = known
        .get(&id)
        .ok_or_else(|| ToolError::failed(format!("secret \"{id}\" not found")))?;
    managed(scene, Some(known))?;
    let subject = unit.map_or(Subject::Application(application), Subject::Unit);
    let scope = GrantScope::Relation(relation);
    for grant in known.grants.iter().filter(|grant| grant.scope == scope) {
        match (&grant.subject, &subject) {
            (old, new) if old == new => return Ok(Answered::nothing()),
            // Its application may read it already.
            (Subject::Application(_), _) => return Ok(Answered::nothing()),
            (_, Subject::Application(_)) => {
                return Err(ToolError::failed(
                    "any unit level grants need to be revoked before granting access to the corresponding application",
                ));
            }
            _ => {}
        }
    }
    let grant = Grant { subject, scope };
    scene.context.pending.secrets.grant(id, relation, grant);
    Ok(Answered::nothing())
}

fn secret_revoke(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let (id, _) = secret_argument(scene, parsed)?;
    let mut application = parsed.text("application").filter(|name| !name.is_empty());
    if let Some(name) = application.filter(|name| application_name(name).is_err()) {
        return Err(ToolError::usage(format!("application {name:?} not valid")));
    }
    let unit = unit_argument(parsed)?;
    if application.is_some() && unit.is_some() {
        return Err(ToolError::usage("specify only one of application or unit"));
    }
    let remote = scene
        .relation_id(parsed)?
        .map(|relation| remote_application(scene, relation));
    if let Some(remote) = &remote {
        if application.is_some() {
            return Err(ToolError::usage("do not specify both relation and app"));
        }
        application = Some(remote);
    }
    let subject = match (unit, application) {
        (Some(unit), _) => Subject::Unit(unit),
        (None, Some(name)) => Subject::Application(name.to_owned()),
        (None, None) => {
            return Err(ToolError::usage("missing relation or application or unit"));
        }
    };
    at_most(parsed, 1)?;
    managed(scene, metadata(scene).get(&id))?;
    scene.context.pending.secrets.revoke(id, subject);
    Ok(Answered::nothing())
}

/// Takes the secret off the arguments.
fn secret_argument<'a>(
    scene: &Scene<'_>,
    parsed: &'a Parsed,
) -> Result<(SecretId, &'a [String]), ToolError> {
    let (text, rest) = parsed
        .positionals
        .split_first()
        .ok_or_else(|| ToolError::usage("missing secret URI"))?;
    Ok((local(scene, parse_uri(text)?)?, rest))
}

/// Checks that the secret, if the unit or its application owns it, is not the business of a leader that this unit is not. What the
/// unit does not own it finds out at the end of the hook.
fn managed(scene: &Scene<'_>, known: Option<&Known>) -> Result<(), ToolError> {
    let of_application =
        known.is_some_and(|known| matches!(known.owner, SecretOwner::Application(_)));
    match of_application && !scene.is_leader() {
        true => Err(ToolError::failed(NOT_LEADER)),
        false => Ok(()),
    }
}

fn unit_argument(parsed: &Parsed) -> Result<Option<UnitName>, ToolError> {
    let Some(text) = parsed.text("unit").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    UnitName::parse(text)
        .map(Some)
        .map_err(|_| ToolError::usage(format!("unit {text:?} not valid")))
}

fn remote_application(scene: &Scene<'_>, relation: u32) -> String {
    let relation = scene.context.base.relations.get(&relation);
    let remote = relation.and_then(|row| row.remote_of(scene.context.unit.application()));
    remote
        .map(|endpoint| endpoint.application.clone())
        .unwrap_or_default()
}

fn file(parsed: &Parsed) -> Option<&str> {
    parsed.text("file").filter(|name| !name.is_empty())
}

/// Reads what `secret-add` and `secret-set` have in common.
fn update(
    scene: &Scene<'_>,
    parsed: &Parsed,
    arguments: &[String],
) -> Result<SecretUpdate, ToolError> {
    let text = |name: &str| {
        let text = parsed.text(name).filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    let expires = text("expire")
        .map(|text| expiry(&text, scene.now))
        .transpose()
        .map_err(ToolError::usage)?;
    let rotate = match text("rotate") {
        Some(policy) => Some(
            RotatePolicy::parse(&policy)
                .ok_or_else(|| ToolError::usage(format!("rotate policy {policy:?} not valid")))?,
        ),
        None => None,
    };
    if let Some(owner) = parsed
        .text("owner")
        .filter(|owner| !matches!(*owner, "application" | "unit"))
    {
        return Err(ToolError::usage(format!(
            "secret owner {owner:?} not valid"
        )));
    }
    let content = secret_content::read(arguments, file(parsed).map(Path::new), scene.read_file)
        .map_err(ToolError::usage)?;
    Ok(SecretUpdate {
        content: Some(content).filter(|content: &Content| !content.is_empty()),
        label: text("label"),
        description: text("description"),
        rotate,
        expires,
        auto_prune: None,
    })
}

/// Reads when something expires: a time with or without a zone (then it is UTC), or a Go duration from now.
fn expiry(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    // What jiff reads beyond RFC 3339, such as a date alone, Juju does not.
    let is_time = text.as_bytes().get(10) == Some(&b'T') && text.len() >= 19;
    let time = is_time.then(|| {
        text.parse::<Timestamp>().ok().or_else(|| {
            let civil = text.parse::<DateTime>().ok()?;
            Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
        })
    });
    if let Some(time) = time.flatten() {
        return Ok(time);
    }
    match parse_go_duration(text) {
        Ok(nanos @ 1..) => now
            .checked_add(SignedDuration::from_nanos(nanos))
            .map_err(|_| format!("expire time or duration {text:?} not valid")),
        Ok(_) => Err(format!("negative expire duration {text:?} not valid")),
        Err(_) => Err(format!("expire time or duration {text:?} not valid")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiries() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("24h", Ok("2026-01-02T00:00:00Z")),
            ("2027-01-01T06:06:06", Ok("2027-01-01T06:06:06Z")),
            (
                "2027-01-01T06:06:06.123456",
                Ok("2027-01-01T06:06:06.123456Z"),
            ),
            ("2027-01-01T06:06:06+02:00", Ok("2027-01-01T04:06:06Z")),
            ("bad", Err("expire time or duration \"bad\" not valid")),
            (
                "2027-01-01",
                Err("expire time or duration \"2027-01-01\" not valid"),
            ),
            ("-1h", Err("negative expire duration \"-1h\" not valid")),
            ("0", Err("negative expire duration \"0\" not valid")),
        ] {
            let read = expiry(text, now).map(|time| time.to_string());
            assert_eq!(
                read,
                expected.map(str::to_owned).map_err(str::to_owned),
                "{text}"
            );
        }
    }
}
