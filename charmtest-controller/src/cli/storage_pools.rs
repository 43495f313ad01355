//! `juju storage-pools` and the commands that make, change and remove pools.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::command::{Command, Cx, Failure, Running};
use super::table::TextTable;
use crate::JujuVersion;
use crate::flags::{Flag, Parsed};
use crate::model::changes::{self, ChangeError};
use crate::model::{StorageInfo, StorageProvider};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("storage-pools", "List storage pools.", list)
        .aliases(&["list-storage-pools"])
        .formats(&["tabular", "json", "yaml"])
        .flags(&[
            Flag::text(&["name"], "Only show pools with these names"),
            Flag::text(&["provider"], "Only show pools of these provider types"),
        ]),
    Command::new(
        "create-storage-pool",
        "Create or define a storage pool.",
        create,
    )
    .args(
        "<name> <storage provider> [<key>=<value> [<key>=<value>...]]",
        check_create,
    ),
    Command::new(
        "update-storage-pool",
        "Update storage pool attributes.",
        update,
    )
    .args("<name> [<key>=<value> [<key>=<value>...]]", check_update),
    Command::new(
        "remove-storage-pool",
        "Remove an existing storage pool.",
        remove,
    )
    .args("<name>", |args| match args.positionals[..] {
        [_] => Ok(()),
        _ => Err("pool removal requires exactly one pool name".to_owned()),
    }),
];

fn check_create(args: &Parsed) -> Result<(), String> {
    let [name, provider, attributes @ ..] = &args.positionals[..] else {
        return Err(
            "pool creation requires names, provider type and optional attributes for configuration"
                .to_owned(),
        );
    };
    if name.contains('=') || provider.contains('=') {
        return Err(
            "pool creation requires names and provider type before optional attributes for configuration"
                .to_owned(),
        );
    }
    attributes_of(attributes).map(drop)
}

fn check_update(args: &Parsed) -> Result<(), String> {
    match &args.positionals[..] {
        [_, attributes @ ..] if !attributes.is_empty() => attributes_of(attributes).map(drop),
        _ => Err("pool update requires name and configuration attributes".to_owned()),
    }
}

fn attributes_of(arguments: &[String]) -> Result<BTreeMap<String, String>, String> {
    arguments
        .iter()
        .map(|argument| {
            let pair = argument
                .split_once('=')
                .filter(|(key, value)| !key.is_empty() && !value.is_empty());
            pair.map(|(key, value)| (key.to_owned(), value.to_owned()))
                .ok_or_else(|| format!("expected \"key=value\", got {argument:?}"))
        })
        .collect()
}

fn list(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let model = cx.model()?;
        let names: Vec<&str> = cx.args.list("name").collect();
        let providers: Vec<&str> = cx.args.list("provider").collect();
        let mut pools = all(&model.info.storage);
        pools.retain(|name, pool| {
            let provider = pool["provider"].as_str().unwrap_or_default();
            (names.is_empty() || names.contains(&name.as_str()))
                && (providers.is_empty() || providers.contains(&provider))
        });
        if pools.is_empty() {
            cx.info("No storage pools to display.").await;
            return Ok(());
        }
        cx.print_value(&json!(pools), |_| table(&pools)).await
    })
}

/// Returns the pools by name: one of each provider, and those that were made.
fn all(info: &StorageInfo) -> BTreeMap<String, Value> {
    let builtin = StorageProvider::ALL.into_iter().map(|provider| {
        let name = provider.as_str().to_owned();
        (name, json!({ "provider": provider.as_str() }))
    });
    let made = info.pools.iter().map(|(name, pool)| {
        let mut map = Map::new();
        map.insert("provider".to_owned(), pool.provider.as_str().into());
        if !pool.attributes.is_empty() {
            map.insert("attrs".to_owned(), json!(pool.attributes));
        }
        (name.clone(), Value::Object(map))
    });
    builtin.chain(made).collect()
}

fn table(pools: &BTreeMap<String, Value>) -> String {
    let mut table = TextTable::new(["Name", "Provider", "Attributes"]);
    for (name, pool) in pools {
        let attributes = pool["attrs"].as_object().into_iter().flatten();
        let attributes: Vec<String> = attributes
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
            .collect();
        table.row([
            name.as_str(),
            pool["provider"].as_str().unwrap_or_default(),
            &attributes.join(" "),
        ]);
    }
    table.render()
}

fn create(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let attributes = attributes_of(&cx.positionals()[2..]).map_err(Failure::usage)?;
        let (name, provider) = (&cx.positionals()[0], &cx.positionals()[1]);
        cx.change(|model| {
            changes::create_pool(model, name, provider, attributes).map_err(ChangeError::from)
        })
    })
}

fn update(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        check_version(cx)?;
        let attributes = attributes_of(&cx.positionals()[1..]).map_err(Failure::usage)?;
        let name = &cx.positionals()[0];
        cx.change(|model| changes::update_pool(model, name, attributes).map_err(ChangeError::from))
    })
}

fn remove(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        check_version(cx)?;
        let name = &cx.positionals()[0];
        cx.change(|model| changes::remove_pool(model, name).map_err(ChangeError::from))
    })
}

/// Juju 4.0.15 was recorded not to change or remove pools.
fn check_version(cx: &Cx) -> Result<(), Failure> {
    match cx.juju() {
        JujuVersion::V3_6 => Ok(()),
        JujuVersion::V4_0 => Err(Failure::failed(format!(
            "not yet available in {} (not yet available; try again later)",
            cx.juju().number()
        ))),
    }
}
