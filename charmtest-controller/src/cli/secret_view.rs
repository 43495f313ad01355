//! `secrets` and `show-secret`.

use charmtest_charm::yaml_writer::{Times, YamlStyle, to_yaml_with};
use serde_json::{Map, Value, json};

use super::command::{Command, Cx, Failure, first_of};
use super::table::{Align, TextTable};
use super::times::friendly;
use crate::JujuVersion;
use crate::flags::{Flag, Kind, Parsed};
use crate::model::changes::scope_tag;
use crate::model::{
    Model, ModelUuid, Secret, SecretOwner, SecretRevision, SecretUri, UnitName, application_name,
};
use crate::tools::secret_time;

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("secrets", "Lists secrets available in the model.", |cx| {
        Box::pin(list(cx))
    })
    .aliases(&["list-secrets"])
    .formats(&["tabular", "json", "yaml"])
    .flags(&[
        Flag::text(&["owner"], "Include secrets for the specified owner"),
        Flag::switch(&["revisions"], "Show the secret revisions metadata").only(JujuVersion::V4_0),
    ]),
    Command::new(
        "show-secret",
        "Shows details for a specific secret.",
        |cx| Box::pin(show(cx)),
    )
    .args("<ID>|<name>", check_show)
    .formats(&["yaml", "json"])
    .flags(&[
        Flag::switch(
            &["reveal"],
            "Reveal secret values, applicable to yaml or json formats only",
        ),
        Flag::of(
            Kind::Int,
            &["r", "revision"],
            "Show a specific revision (defaults to latest)",
        ),
        Flag::switch(&["revisions"], "Show the secret revisions metadata"),
    ]),
];

/// What of a secret is shown.
#[derive(Debug, Clone, Copy)]
struct What {
    juju: JujuVersion,
    /// Content nested under `Data`, as only JSON has it.
    nested: bool,
    /// The content of this revision.
    content: Option<u32>,
    revisions: bool,
    access: bool,
}

fn check_show(args: &Parsed) -> Result<(), String> {
    if args.positionals.is_empty() {
        return Err("secret ID is required".to_owned());
    }
    let revision = args.int("revision").unwrap_or_default();
    if args.switch("revisions") {
        if args.switch("reveal") {
            return Err("specify either --revisions or --reveal but not both".to_owned());
        }
        if revision > 0 {
            return Err("specify either --revisions or --revision but not both".to_owned());
        }
    }
    if revision < 0 {
        return Err("revision must be a positive integer".to_owned());
    }
    first_of(args, 1, "secret ID is required")
}

async fn list(cx: &Cx) -> Result<(), Failure> {
    let model = cx.model()?;
    let owner = cx.args.text("owner").filter(|tag| !tag.is_empty());
    let owner = owner.map(|tag| {
        owner_of_tag(tag, &model.info.uuid, cx.juju())
            .map_err(|why| Failure::failed(format!("invalid owner {tag:?}{why}")))
    });
    let owner = owner.transpose()?;
    let wanted = |secret: &&Secret| owner.as_ref().is_none_or(|owner| secret.owner == *owner);
    let secrets: Vec<&Secret> = model.secrets.values().filter(wanted).collect();
    let revisions = cx.args.switch("revisions");
    let value = describe_all(&model, &secrets, |_| What {
        revisions,
        ..what(cx)
    })?;
    match cx.format.as_str() {
        "tabular" => cx.print(&tabular(cx, &secrets)).await,
        _ => print(cx, &value).await,
    }
}

async fn show(cx: &Cx) -> Result<(), Failure> {
    let which = cx.positionals()[0].as_str();
    let model = cx.model()?;
    let uri = SecretUri::parse(which);
    let wanted = |secret: &&Secret| match &uri {
        Some(uri) => secret.id == uri.id,
        None => secret.label == which,
    };
    let secrets: Vec<&Secret> = model.secrets.values().filter(wanted).collect();
    if secrets.is_empty() {
        return Err(Failure::failed(match (uri, cx.juju()) {
            (Some(uri), JujuVersion::V4_0) => format!(
                "getting secret by URI \"{0}\": querying secrets: secret {{\"\" \"{0}\"}} not found (secret not found)",
                uri.id
            ),
            (Some(uri), JujuVersion::V3_6) => format!("secret \"{}\" not found", uri.id),
            (None, _) => format!("secret {which:?} not found"),
        }));
    }
    let number = cx
        .args
        .int("revision")
        .and_then(|number| u32::try_from(number).ok());
    let number = number.filter(|number| *number > 0);
    if let Some(number) = number
        && cx.juju() == JujuVersion::V3_6
        && let Some(secret) = secrets
            .iter()
            .find(|secret| !secret.revisions.contains_key(&number))
    {
        return Err(Failure::failed(format!(
            "revison {number} for secret \"secret:{}\" not found",
            secret.id
        )));
    }
    let reveal = cx.args.switch("reveal");
    let revisions = cx.args.switch("revisions");
    let value = describe_all(&model, &secrets, |secret| What {
        content: reveal.then(|| number.unwrap_or(secret.latest)),
        revisions,
        access: true,
        ..what(cx)
    })?;
    print(cx, &value).await
}

fn what(cx: &Cx) -> What {
    What {
        juju: cx.juju(),
        nested: cx.format == "json",
        content: None,
        revisions: false,
        access: false,
    }
}

async fn print(cx: &Cx, value: &Value) -> Result<(), Failure> {
    if cx.format != "yaml" {
        return cx.print_value(value, |_| String::new()).await;
    }
    let style = YamlStyle {
        times: Times::Plain,
        ..YamlStyle::default()
    };
    cx.print(&to_yaml_with(value, style)).await
}

/// Reads the tag of an owner as `--owner` takes it; an error is what stands after the tag.
fn owner_of_tag(tag: &str, model: &ModelUuid, juju: JujuVersion) -> Result<SecretOwner, String> {
    let no_tag = || format!(": {tag:?} is not a valid tag");
    let (kind, id) = tag.split_once('-').ok_or_else(no_tag)?;
    let invalid = || format!(": {tag:?} is not a valid {kind} tag");
    match kind {
        "application" => application_name(id)
            .map(|name| SecretOwner::Application(name.to_owned()))
            .map_err(|_| invalid()),
        "unit" => {
            let (application, number) = id.rsplit_once('-').ok_or_else(invalid)?;
            UnitName::parse(&format!("{application}/{number}"))
                .map(SecretOwner::Unit)
                .map_err(|_| invalid())
        }
        // 4.0 has no such filter.
        "model" if id == model.0 && juju == JujuVersion::V4_0 => Err(String::new()),
        "model" if id == model.0 => Ok(SecretOwner::Model),
        "model" => Err(invalid()),
        _ => Err(no_tag()),
    }
}

fn describe_all(
    model: &Model,
    secrets: &[&Secret],
    what: impl Fn(&Secret) -> What,
) -> Result<Value, Failure> {
    let described = secrets.iter().map(|secret| {
        let value = describe(model, secret, what(secret)).map_err(Failure::failed)?;
        Ok((secret.id.to_string(), value))
    });
    described.collect::<Result<_, _>>().map(Value::Object)
}

fn describe(model: &Model, secret: &Secret, what: What) -> Result<Value, String> {
    let time = |at| json!(secret_time(what.juju, at));
    let revealed = what
        .content
        .and_then(|number| secret.revisions.get(&number));
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("revision", json!(secret.latest));
    if revealed.is_some() {
        put("checksum", json!(secret.checksum));
    }
    if let Some(deadline) = secret.expires() {
        put("expires", time(deadline.at));
    }
    put("rotation", json!(secret.rotate.as_str()));
    if let Some(deadline) = secret.rotates {
        put("rotates", time(deadline.at));
    }
    put("owner", json!(secret.owner.shown()));
    if !secret.description.is_empty() {
        put("description", json!(secret.description));
    }
    if !secret.label.is_empty() {
        let key = match secret.owner {
            SecretOwner::Model => "name",
            _ => "label",
        };
        put(key, json!(secret.label));
    }
    put("created", time(secret.created));
    put("updated", time(secret.updated));
    if let Some(revision) = revealed {
        put("content", content(revision, what.nested)?);
    }
    if what.revisions {
        let revisions = secret.revisions.iter().map(|(number, revision)| {
            let mut row = Map::new();
            row.insert("revision".to_owned(), json!(number));
            row.insert("backend".to_owned(), json!("internal"));
            row.insert("created".to_owned(), time(revision.created));
            // 4.0 counts every change of the secret as one of its newest revision (recorded).
            let updated = match what.juju {
                JujuVersion::V4_0 if *number == secret.latest => secret.updated,
                _ => revision.updated,
            };
            row.insert("updated".to_owned(), time(updated));
            if let Some(deadline) = revision.expires {
                row.insert("expires".to_owned(), time(deadline.at));
            }
            Value::Object(row)
        });
        let revisions: Vec<Value> = revisions.collect();
        put("revisions", json!(revisions));
    }
    if what.access && !secret.grants.is_empty() {
        let access = secret.grants.iter().map(|grant| {
            json!({
                "target": grant.subject.tag(),
                "scope": scope_tag(model, grant.scope),
                "role": "view",
            })
        });
        let access: Vec<Value> = access.collect();
        put("access", json!(access));
    }
    Ok(Value::Object(map))
}

fn content(revision: &SecretRevision, nested: bool) -> Result<Value, String> {
    let mut values = Map::new();
    for pair in revision.content.decoded() {
        let (key, value) = pair?;
        values.insert(key.to_owned(), json!(String::from_utf8_lossy(&value)));
    }
    Ok(match nested {
        true => json!({"Data": values}),
        false => Value::Object(values),
    })
}

fn tabular(cx: &Cx, secrets: &[&Secret]) -> String {
    let mut sorted = secrets.to_vec();
    sorted.sort_by(|a, b| {
        let newest_first = b.latest.cmp(&a.latest);
        a.owner.shown().cmp(b.owner.shown()).then(newest_first)
    });
    let mut table = TextTable::new([
        "ID",
        "Name",
        "Owner",
        "Rotation",
        "Revision",
        "Last updated",
    ])
    .align(4, Align::Right);
    let now = cx.hub.now();
    for secret in sorted {
        let name = match (&secret.owner, secret.label.as_str()) {
            (SecretOwner::Model, name) if !name.is_empty() => name,
            _ => "-",
        };
        let (revision, age) = (secret.latest.to_string(), friendly(secret.updated, now));
        // The empty last cell: Juju pads the times, but not their header.
        table.row([
            secret.id.as_str(),
            name,
            secret.owner.shown(),
            secret.rotate.as_str(),
            &revision,
            &age,
            "",
        ]);
    }
    table.render()
}
