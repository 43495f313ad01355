//! `storage-list`, `storage-get`, `storage-add`.

use serde_json::{Value, json};

use super::tool::{Answered, OutputKind, Scene, Tool, ToolError, at_most};
use crate::JujuVersion;
use crate::flags::{Flag, Parsed};
use crate::model::changes::StorageRequest;
use crate::model::{StorageId, StorageInstance};

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "storage-add",
        arguments: "<charm storage name>[=count] ...",
        summary: "Adds storage to the unit once the hook has succeeded.",
        flags: &[],
        output: OutputKind::Plain,
        run: storage_add,
    },
    Tool {
        name: "storage-get",
        arguments: "[<key>]",
        summary: "Shows what a storage is and where.",
        flags: &[Flag::text(&["s"], "The storage, by its id")],
        output: OutputKind::Smart,
        run: storage_get,
    },
    Tool {
        name: "storage-list",
        arguments: "[<storage-name>]",
        summary: "Lists the storage of the unit.",
        flags: &[],
        output: OutputKind::Smart,
        run: storage_list,
    },
];

fn storage_add(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    if parsed.positionals.is_empty() {
        return Err(ToolError::usage("storage add requires a storage directive"));
    }
    let requests = StorageRequest::parse_all(&parsed.positionals).map_err(ToolError::usage)?;
    for (name, request) in &requests {
        if request.pool.is_some() || request.size.is_some() {
            return Err(ToolError::usage(format!(
                "only count can be specified for {name:?}"
            )));
        }
    }
    let additions = requests
        .into_iter()
        .map(|(name, request)| (name, request.count.unwrap_or(1)));
    scene.context.pending.storage.extend(additions);
    Ok(Answered::nothing())
}

fn storage_get(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    let id = match parsed.text("s") {
        Some(text) => Some(find(scene, text)?),
        None => scene.context.storage().map(|hook| hook.storage.clone()),
    };
    let instance = id.and_then(|id| scene.context.base.storage.get(&id));
    let located = instance.and_then(|instance| Some((instance, location(scene, instance)?)));
    let (instance, location) =
        located.ok_or_else(|| ToolError::usage("no storage instance specified"))?;
    at_most(parsed, 1)?;
    let values = json!({ "kind": instance.kind.as_str(), "location": location });
    match parsed.positionals.first().filter(|key| !key.is_empty()) {
        None => Ok(Answered::value(values)),
        Some(key) => match values.get(key) {
            Some(value) => Ok(Answered::value(value.clone())),
            None => Err(ToolError::failed(format!(
                "invalid storage attribute {key:?}"
            ))),
        },
    }
}

/// Finds the storage that `-s` names: the unit has to hold it, and it has to be there.
fn find(scene: &Scene<'_>, text: &str) -> Result<StorageId, ToolError> {
    let wrong =
        |why: &str| ToolError::usage(format!("invalid value {text:?} for option -s: {why}"));
    let id = StorageId::parse(text).map_err(|error| wrong(&error.to_string()))?;
    let instance = scene.context.base.storage.get(&id);
    if instance.is_some_and(|instance| location(scene, instance).is_some()) {
        return Ok(id);
    }
    Err(match scene.model.info.juju {
        JujuVersion::V3_6 => wrong("storage not found"),
        JujuVersion::V4_0 => wrong(&format!("storage instance {text:?} not found")),
    })
}

/// Returns where the storage is, if the unit holds it and it is there.
fn location(scene: &Scene<'_>, instance: &StorageInstance) -> Option<String> {
    instance
        .attachment_of(&scene.context.unit)?
        .location
        .clone()
}

fn storage_list(scene: &mut Scene<'_>, parsed: &Parsed) -> Result<Answered, ToolError> {
    at_most(parsed, 1)?;
    let name = parsed.positionals.first();
    let held = scene.context.base.storage_of(&scene.context.unit);
    let mut ids: Vec<String> = held
        .filter(|instance| name.is_none_or(|name| instance.id.name() == name))
        .map(|instance| instance.id.to_string())
        .collect();
    ids.sort();
    Ok(Answered::value(Value::from(ids)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{Hook, StorageEvent, StorageHook};
    use crate::model::changes::add_storage;
    use crate::tools::testing::{World, now, unit};

    /// Gives `two/0` the storage `data/0` and `data/1`; the directory of the first is there.
    fn furnish(world: &mut World) {
        world.edit(|model| {
            let request = StorageRequest::of_count(2);
            add_storage(model, &unit("two/0"), "data", &request, now()).unwrap();
            let id = StorageId::new("data", 0);
            let instance = model.storage.get_mut(&id).unwrap();
            instance.attachment.as_mut().unwrap().location = Some("/srv/d".to_owned());
        });
        world.enter("two/0", None, None);
    }

    #[test]
    fn storage_of_the_unit() {
        let mut world = World::new();
        furnish(&mut world);
        world.check(&[
            ("storage-list", 0, "data/0\ndata/1\n", ""),
            (
                "storage-list --format json data",
                0,
                "[\"data/0\",\"data/1\"]\n",
                "",
            ),
            ("storage-list nope", 0, "", ""),
            ("storage-get -s data/0 location", 0, "/srv/d\n", ""),
            (
                "storage-get -s data/0 --format json",
                0,
                "{\"kind\":\"filesystem\",\"location\":\"/srv/d\"}\n",
                "",
            ),
            (
                "storage-get -s data/0 size",
                1,
                "",
                "ERROR invalid storage attribute \"size\"\n",
            ),
            (
                "storage-get -s data/1",
                2,
                "",
                "ERROR invalid value \"data/1\" for option -s: storage not found\n",
            ),
            (
                "storage-get -s data/9",
                2,
                "",
                "ERROR invalid value \"data/9\" for option -s: storage not found\n",
            ),
            (
                "storage-get",
                2,
                "",
                "ERROR no storage instance specified\n",
            ),
        ]);
        let hook = StorageHook {
            event: StorageEvent::Attached,
            storage: StorageId::new("data", 0),
        };
        world.enter("two/0", Some(Hook::Storage(hook)), None);
        world.check(&[("storage-get kind", 0, "filesystem\n", "")]);
        world.enter("two/1", None, None);
        world.check(&[
            ("storage-list", 0, "", ""),
            (
                "storage-get -s data/0",
                2,
                "",
                "ERROR invalid value \"data/0\" for option -s: storage not found\n",
            ),
        ]);
    }

    #[test]
    fn storage_is_added_with_the_flush() {
        let mut world = World::new();
        world.check(&[
            ("storage-add data=2", 0, "", ""),
            ("storage-add data", 0, "", ""),
            ("storage-list", 0, "", ""),
            (
                "storage-add",
                2,
                "",
                "ERROR storage add requires a storage directive\n",
            ),
            (
                "storage-add data=1M",
                2,
                "",
                "ERROR only count can be specified for \"data\"\n",
            ),
        ]);
        world.flush().unwrap();
        world.enter("two/0", None, None);
        world.check(&[
            ("storage-list", 0, "data/0\ndata/1\ndata/2\n", ""),
            ("storage-add data", 0, "", ""),
        ]);
        assert_eq!(
            world.flush().unwrap_err(),
            "preparing storage additions: preparing storage add \"data\" for unit \"two/0\": storage directive \"data\" request count 4 \
             exceeds the charm's maximum count of 3"
        );
        world.enter("two/0", None, None);
        world.check(&[("storage-add nope=1", 0, "", "")]);
        assert_eq!(
            world.flush().unwrap_err(),
            "preparing storage additions: preparing storage add \"nope\" for unit \"two/0\": storage name \"nope\" not supported by charm"
        );
    }
}
