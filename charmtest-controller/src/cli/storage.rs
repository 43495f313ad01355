//! `juju storage` and `juju show-storage`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::command::{Command, Cx, Failure, Running};
use crate::flags::{Flag, Parsed};
use crate::model::StorageId;
use crate::status::{Holders, Selection, StorageReport};

/// The commands of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("storage", "Lists storage details.", list)
        .aliases(&["list-storage"])
        .args("<filesystem|volume> ...", check_list)
        .formats(&["tabular", "json", "yaml"])
        .flags(&[
            Flag::switch(&["filesystem"], "List filesystem storage"),
            Flag::switch(&["volume"], "List volume storage"),
        ]),
    Command::new("show-storage", "Shows storage instance information.", show)
        .args("<storage ID> [...]", |args| match args.positionals[..] {
            [] => Err("must specify storage ID(s)".to_owned()),
            _ => Ok(()),
        })
        .formats(&["yaml", "json"]),
];

fn check_list(args: &Parsed) -> Result<(), String> {
    match (args.switch("filesystem"), args.switch("volume")) {
        (true, true) => Err("--filesystem and --volume can not be used together".to_owned()),
        (false, false) if !args.positionals.is_empty() => {
            Err("specifying IDs only supported with --filesystem and --volume options".to_owned())
        }
        _ => Ok(()),
    }
}

fn list(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let model = cx.model()?;
        let report = StorageReport::of(&model, &Selection::default());
        let times = cx.times();
        let wanted = cx.positionals();
        let holders = Holders::listed(cx.juju());
        // There are no volumes here.
        let value = if cx.args.switch("volume") || report.is_empty() {
            None
        } else if cx.args.switch("filesystem") {
            let mut filesystems = report.filesystems_value(&times, holders);
            if let Some(map) = filesystems.as_object_mut() {
                map.retain(|number, _| wanted.is_empty() || wanted.contains(number));
            }
            Some(json!({ "filesystems": filesystems }))
        } else {
            Some(report.to_value(&times, holders))
        };
        let Some(value) = value else {
            if cx.format == "tabular" {
                cx.info("No storage to display.").await;
            }
            return Ok(());
        };
        cx.print_value(&value, |_| {
            if cx.args.switch("filesystem") {
                report.filesystems_table()
            } else {
                report.instances_table()
            }
        })
        .await
    })
}

fn show(cx: &Cx) -> Running<'_> {
    Box::pin(async move {
        let model = cx.model()?;
        let report = StorageReport::of(&model, &Selection::default());
        let times = cx.times();
        let mut shown: BTreeMap<String, Value> = BTreeMap::new();
        for text in cx.positionals() {
            let id = StorageId::parse(text)
                .map_err(|_| Failure::failed(format!("invalid storage ID {text}")))?;
            let value = report
                .instance(&id, &times)
                .ok_or_else(|| Failure::failed(format!("storage instance {text:?} not found")))?;
            shown.insert(text.clone(), value);
        }
        cx.print_value(&json!(shown), |_| String::new()).await
    })
}
