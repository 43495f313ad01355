//! `secret-get`, `secret-info-get`, `secret-ids`.

use std::collections::BTreeMap;

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde_json::{Map, Value, json};

use super::format::Shown;
use super::tool::{Answered, Effect, OutputKind, Scene, Tool, ToolError, at_most};
use crate::JujuVersion;
use crate::flags::{Flag, Parsed};
use crate::model::changes::{SecretError, consumed_by_label, owned_by_label, scope_tag};
use crate::model::{Content, Grant, RotatePolicy, Secret, SecretId, SecretOwner, SecretUri};

const LABEL: Flag = Flag::text(&["label"], "The unit's label for the secret");

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "secret-get",
        arguments: "<ID> [key[#base64]]",
        summary: "Shows the content of a secret.",
        flags: &[
            LABEL,
            Flag::switch(&["peek"], "The newest revision, this time only"),
            Flag::switch(&["refresh"], "The newest revision, from now on"),
        ],
        output: OutputKind::Yaml,
        run: secret_get,
    },
    Tool {
        name: "secret-ids",
        arguments: "",
        summary: "Shows the ids of the secrets that the unit looks after.",
        flags: &[],
        output: OutputKind::Smart,
        run: secret_ids,
    },
    Tool {
        name: "secret-info-get",
        arguments: "<ID>",
        summary: "Shows what is known of a secret that the unit looks after.",
        flags: &[LABEL],
        output: OutputKind::Yaml,
        run: secret_info_get,
    },
];

/// What the unit knows of a secret that it looks after, with what its hook has changed so far.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) owner: SecretOwner,
    label: String,
    description: String,
    revision: u32,
    /// The checksum of the newest content.
    pub(super) checksum: Option<String>,
    rotate: Option<RotatePolicy>,
    expires: Option<Timestamp>,
    rotates: Option<Timestamp>,
    /// Who may read it.
    pub(super) grants: Vec<Grant>,
}

/// Reads a reference to a secret.
pub(super) fn parse_uri(text: &str) -> Result<SecretUri, ToolError> {
    SecretUri::parse(text).ok_or_else(|| ToolError::usage(format!("secret URI {text:?} not valid")))
}

/// Returns the id of a secret of this model.
pub(super) fn local(scene: &Scene<'_>, uri: SecretUri) -> Result<SecretId, ToolError> {
    match &uri.source {
        Some(source) if *source != scene.context.model.0 => Err(ToolError::failed(format!(
            "{uri}: secrets of other models are not supported by the embedded controller"
        ))),
        _ => Ok(uri.id),
    }
}

/// Returns what the unit looks after: its own secrets, and as the leader its application's (Juju 3.6).
pub(super) fn metadata(scene: &Scene<'_>) -> BTreeMap<SecretId, Known> {
    let (unit, pending) = (&scene.context.unit, &scene.context.pending.secrets);
    let leads = scene.is_leader();
    let mut all = BTreeMap::new();
    for (id, new) in &pending.creates {
        let known = Known {
            owner: new.owner.clone(),
            label: new.content.label.clone().unwrap_or_default(),
            description: new.content.description.clone().unwrap_or_default(),
            revision: 1,
            checksum: new.content.content.as_ref().map(Content::checksum),
            rotate: new.content.rotate,
            expires: new.content.expires,
            rotates: None,
            grants: Vec::new(),
        };
        all.insert(id.clone(), known);
    }
    let stored = scene.context.base.secrets.values();
    for secret in stored.filter(|secret| secret.is_managed_by(unit, leads)) {
        // Also when only a revision goes, as Juju has it.
        if pending.removes.contains_key(&secret.id) {
            continue;
        }
        let mut known = stored_known(secret);
        if let Some(update) = pending.updates.get(&secret.id) {
            known.label = update.label.clone().unwrap_or(known.label);
            known.description = update.description.clone().unwrap_or(known.description);
            known.rotate = update.rotate.or(known.rotate);
            known.expires = update.expires.or(known.expires);
            if let Some(content) = &update.content {
                known.checksum = Some(content.checksum());
            }
        }
        all.insert(secret.id.clone(), known);
    }
    for (id, known) in &mut all {
        let granted = pending
            .grants
            .get(id)
            .into_iter()
            .flat_map(BTreeMap::values);
        known.grants.extend(granted.cloned());
        for (_, subject) in pending.revokes.iter().filter(|(other, _)| other == id) {
            known.grants.retain(|grant| grant.subject != *subject);
        }
    }
    all
}

fn stored_known(secret: &Secret) -> Known {
    Known {
        owner: secret.owner.clone(),
        label: secret.label.clone(),
        description: secret.description.clone(),
        revision: secret.latest,
        checksum: Some(secret.checksum.clone()),
        rotate: Some(secret.rotate),
        expires: secret.expires().map(|deadline| deadline.at),
        rotates: secret.rotates.map(|deadline| deadline.at),
        grants: secret.grants.clone(),
    }
}

fn secret_ids(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    at_most(parsed, 0)?;
    let ids: Vec<String> = metadata(scene).keys().map(ToString::to_string).collect();
    // Go shows a list that was never made as null.
    let null = ids.is_empty() && parsed.text("format") == Some("json");
    Ok(Answered::value(if null { Value::Null } else { json!(ids) }))
}

fn secret_info_get(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let uri = parsed.positionals.first().map(|text| parse_uri(text));
    let uri = uri.transpose()?;
    let label = parsed.text("label").filter(|label| !label.is_empty());
    let (wanted, found) = match (uri, label) {
        (None, None) => {
            return Err(ToolError::usage("require either a secret URI or label"));
        }
        (Some(_), Some(_)) => {
            return Err(ToolError::usage(
                "specify either a secret URI or label but not both",
            ));
        }
        (Some(uri), None) => {
            at_most(parsed, 1)?;
            let id = local(scene, uri)?;
            let known = metadata(scene).remove(&id);
            (id.to_string(), known.map(|known| (id, known)))
        }
        (None, Some(label)) => {
            let mut known = metadata(scene);
            let id = labelled(scene, &known, label);
            let found = id.and_then(|id| known.remove_entry(&id));
            (label.to_owned(), found)
        }
    };
    let (id, known) =
        found.ok_or_else(|| ToolError::failed(format!("secret {wanted:?} not found")))?;
    let shown = json!({id.as_str(): describe(scene, &known)});
    Ok(Answered {
        shown: Some(Shown::Timed(shown)),
        effect: None,
    })
}

/// Finds a secret that the unit looks after by its label: a stored one before one of this hook, whose label is then taken.
fn labelled(scene: &Scene<'_>, known: &BTreeMap<SecretId, Known>, label: &str) -> Option<SecretId> {
    let mut ids = known.iter().filter(|(_, known)| known.label == label);
    let creates = &scene.context.pending.secrets.creates;
    ids.clone()
        .find(|(id, _)| !creates.contains_key(*id))
        .or_else(|| ids.next())
        .map(|(id, _)| id.clone())
}

fn describe(scene: &Scene<'_>, known: &Known) -> Value {
    let juju = scene.model.info.juju;
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("revision", json!(known.revision));
    put("label", json!(known.label));
    put(
        "owner",
        json!(match known.owner {
            SecretOwner::Unit(_) => "unit",
            _ => "application",
        }),
    );
    if !known.description.is_empty() {
        put("description", json!(known.description));
    }
    if let Some(policy) = known.rotate {
        put("rotation", json!(policy.as_str()));
    }
    if let Some(at) = known.expires {
        put("expiry", json!(time(juju, at)));
    }
    if let Some(at) = known.rotates {
        put("rotates", json!(time(juju, at)));
    }
    let access = known.grants.iter().map(|grant| {
        json!({
            "target": grant.subject.tag(),
            "scope": scope_tag(&scene.context.base, grant.scope),
            "role": "view",
        })
    });
    let access: Vec<Value> = access.collect();
    if !access.is_empty() {
        put("access", json!(access));
    }
    Value::Object(map)
}

/// Returns a moment as Juju prints it: 3.6 keeps whole seconds.
pub(crate) fn time(juju: JujuVersion, at: Timestamp) -> String {
    let rounding = TimestampRound::new()
        .smallest(Unit::Second)
        .mode(RoundMode::HalfExpand);
    match juju {
        JujuVersion::V3_6 => at.round(rounding).unwrap_or(at).to_string(),
        JujuVersion::V4_0 => at.to_string(),
    }
}

fn secret_get(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let uri = parsed.positionals.first().map(|text| parse_uri(text));
    let uri = uri.transpose()?;
    let label = parsed.text("label").filter(|label| !label.is_empty());
    if uri.is_none() && label.is_none() {
        return Err(ToolError::usage("require either a secret URI or label"));
    }
    let (peek, refresh) = (parsed.switch("peek"), parsed.switch("refresh"));
    if peek && refresh {
        return Err(ToolError::usage(
            "specify one of --peek or --refresh but not both",
        ));
    }
    at_most(parsed, 2)?;
    let key = parsed.positionals.get(1).map(String::as_str);
    let (content, effect) = match (uri, label) {
        (Some(uri), label) => {
            let id = local(scene, uri.clone())?;
            match pending_content(scene, &id, label, refresh, peek) {
                Some(content) => (content, None),
                None => stored_content(scene, &id, &uri, label, refresh, peek)?,
            }
        }
        (None, label) => by_label(scene, label.unwrap_or_default(), refresh, peek)?,
    };
    Ok(Answered {
        shown: Some(Shown::Map(show(&content, key)?)),
        effect,
    })
}

/// Finds a secret by a label: one that the unit looks after first, then its application's, then one that it reads under that label.
fn by_label(
    scene: &mut Scene<'_>,
    label: &str,
    refresh: bool,
    peek: bool,
) -> Result<(Content, Option<Effect>), ToolError> {
    let own = labelled(scene, &metadata(scene), label);
    let unit = scene.context.unit.clone();
    let stored = || {
        owned_by_label(scene.model, &unit, label)
            .or_else(|| consumed_by_label(scene.model, &unit, label))
            .map(|secret| secret.id.clone())
    };
    let Some(id) = own.or_else(stored) else {
        return Err(ToolError::failed(match scene.model.info.juju {
            JujuVersion::V3_6 => format!("consumer label {label:?} not found"),
            JujuVersion::V4_0 => format!("secret URI for consumer label {label:?} not found"),
        }));
    };
    if let Some(content) = pending_content(scene, &id, None, refresh, peek) {
        return Ok((content, None));
    }
    let uri = SecretUri {
        source: None,
        id: id.clone(),
    };
    stored_content(scene, &id, &uri, None, refresh, peek)
}

/// Returns content that this hook has written itself: of a new secret always, of another one with `--refresh` or `--peek` only.
fn pending_content(
    scene: &mut Scene<'_>,
    id: &SecretId,
    label: Option<&str>,
    refresh: bool,
    peek: bool,
) -> Option<Content> {
    let pending = &mut scene.context.pending.secrets;
    if let Some(new) = pending.creates.get_mut(id) {
        if let Some(label) = label {
            new.content.label = Some(label.to_owned());
        }
        return new.content.content.clone();
    }
    if !refresh && !peek {
        return None;
    }
    let update = pending.updates.get_mut(id)?;
    if let Some(label) = label {
        update.label = Some(label.to_owned());
    }
    let content = update.content.clone()?;
    if refresh {
        pending.track_latest.insert(id.clone());
    }
    Some(content)
}

/// Returns the content that the unit reads, and what that changes: the first time the newest revision, from then on that one until it
/// refreshes.
fn stored_content(
    scene: &Scene<'_>,
    id: &SecretId,
    uri: &SecretUri,
    label: Option<&str>,
    refresh: bool,
    peek: bool,
) -> Result<(Content, Option<Effect>), ToolError> {
    let (unit, juju) = (&scene.context.unit, scene.model.info.juju);
    let secret = scene.model.secrets.get(id).ok_or_else(|| {
        ToolError::failed(match juju {
            JujuVersion::V3_6 => format!("secret \"{uri}\" not found"),
            JujuVersion::V4_0 => "getting latest secret revision: secret not found".to_owned(),
        })
    })?;
    if !secret.is_readable_by(unit) {
        let denied = SecretError::unreadable(juju, unit.as_str());
        return Err(ToolError::failed(denied.to_string()));
    }
    let tracked = secret.consumers.get(unit).map(|consumer| consumer.revision);
    let refresh = refresh || tracked.is_none();
    let revision = match tracked {
        Some(tracked) if !refresh && !peek => tracked,
        _ => secret.latest,
    };
    let content = secret
        .revisions
        .get(&revision)
        .map(|row| row.content.clone());
    let content = content.ok_or_else(|| {
        ToolError::failed(format!("secret revision \"{id}/{revision}\" not found"))
    })?;
    let effect = (refresh || label.is_some()).then(|| Effect::TrackSecret {
        id: id.clone(),
        revision: refresh.then_some(revision),
        label: label.map(str::to_owned),
    });
    Ok((content, effect))
}

/// Returns all values or that of one key; what is no UTF-8 is shown as well as can be, `KEY#base64` shows it whole.
fn show(content: &Content, key: Option<&str>) -> Result<Value, ToolError> {
    let encoded = key.and_then(|key| key.strip_suffix("#base64"));
    let missing = |key: &str| ToolError::failed(format!("secret key value {key:?} not found"));
    if let Some(key) = encoded {
        return Ok(json!(content.encoded(key).ok_or_else(|| missing(key))?));
    }
    let mut values = Map::new();
    for pair in content.decoded() {
        let (key, value) = pair.map_err(ToolError::failed)?;
        values.insert(key.to_owned(), json!(String::from_utf8_lossy(&value)));
    }
    match key {
        Some(key) => values.remove(key).ok_or_else(|| missing(key)),
        None => Ok(Value::Object(values)),
    }
}
