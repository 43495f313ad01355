//! Storage as `juju storage` and `juju status` show it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::report::Shown;
use super::selection::Selection;
use crate::JujuVersion;
use crate::cli::table::TextTable;
use crate::cli::times::Times;
use crate::model::{Life, Model, StorageId, StorageInstance, StorageStatus, UnitName};

/// How much a filesystem tells of the unit that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holders {
    /// All that the storage instance tells.
    Full,
    /// Its machine alone.
    Machines,
}

impl Holders {
    /// Returns what `juju storage` tells: Juju 4.0 no more than the machine (recorded).
    pub(crate) fn listed(juju: JujuVersion) -> Self {
        match juju {
            JujuVersion::V3_6 => Self::Full,
            JujuVersion::V4_0 => Self::Machines,
        }
    }
}

/// The storage of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct StorageReport {
    instances: Vec<StoragePart>,
}

/// A storage instance with its filesystem.
#[derive(Debug, Clone, PartialEq)]
struct StoragePart {
    id: StorageId,
    kind: &'static str,
    life: Life,
    status: Shown,
    pool: String,
    /// In MiB; `None` until the filesystem is there.
    size: Option<u64>,
    filesystem: u32,
    read_only: bool,
    attachment: Option<AttachmentPart>,
}

#[derive(Debug, Clone, PartialEq)]
struct AttachmentPart {
    unit: UnitName,
    machine: String,
    life: Life,
    location: String,
}

impl StorageReport {
    /// Derives the report of what `selection` picks: storage of picked units; storage that no unit holds only if all is picked.
    pub(crate) fn of(model: &Model, selection: &Selection) -> Self {
        let picked = |instance: &&StorageInstance| match &instance.attachment {
            Some(held) => selection.has_unit(&held.unit),
            None => *selection == Selection::default(),
        };
        let mut instances: Vec<StoragePart> =
            model.storage.values().filter(picked).map(part).collect();
        // Storage that no unit holds comes first, as in Juju's tables.
        instances.sort_by(|a, b| (a.unit(), &a.id).cmp(&(b.unit(), &b.id)));
        Self { instances }
    }

    /// Says whether there is nothing to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    /// Returns the instances and the filesystems, each by id; what there is none of is left out.
    pub(crate) fn to_value(&self, times: &Times, holders: Holders) -> Value {
        let mut map = Map::new();
        if !self.is_empty() {
            let filesystems = self.filesystems_value(times, holders);
            map.insert("storage".to_owned(), self.instances_value(times));
            map.insert("filesystems".to_owned(), filesystems);
        }
        Value::Object(map)
    }

    /// Returns the instances by id.
    pub(crate) fn instances_value(&self, times: &Times) -> Value {
        let entries = self
            .instances
            .iter()
            .map(|part| (part.id.to_string(), part.instance_value(times)));
        json!(entries.collect::<BTreeMap<_, _>>())
    }

    /// Returns the filesystems by number.
    pub(crate) fn filesystems_value(&self, times: &Times, holders: Holders) -> Value {
        let entries = self.instances.iter().map(|part| {
            let value = part.filesystem_value(times, holders);
            (part.filesystem.to_string(), value)
        });
        json!(entries.collect::<BTreeMap<_, _>>())
    }

    /// Returns the value of one instance, if there is such a one.
    pub(crate) fn instance(&self, id: &StorageId, times: &Times) -> Option<Value> {
        let part = self.instances.iter().find(|part| part.id == *id)?;
        Some(part.instance_value(times))
    }

    /// Renders the table of `juju storage`.
    pub(crate) fn instances_table(&self) -> String {
        let mut table = TextTable::new([
            "Unit",
            "Storage ID",
            "Type",
            "Pool",
            "Size",
            "Status",
            "Message",
        ]);
        for part in &self.instances {
            table.row([
                part.unit(),
                &part.id.to_string(),
                part.kind,
                &part.pool,
                &part.size_text(),
                part.status.current,
                &part.status.message,
            ]);
        }
        table.render()
    }

    /// Renders the storage section of `juju status`.
    pub(crate) fn status_table(&self) -> String {
        let mut table = TextTable::new([
            "Storage Unit",
            "Storage ID",
            "Type",
            "Pool",
            "Mountpoint",
            "Size",
            "Status",
            "Message",
        ]);
        for part in &self.instances {
            table.row([
                part.unit(),
                &part.id.to_string(),
                part.kind,
                &part.pool,
                part.location(),
                &part.size_text(),
                part.status.current,
                &part.status.message,
            ]);
        }
        table.render()
    }

    /// Renders the table of `juju storage --filesystem`: those that a unit holds (recorded).
    pub(crate) fn filesystems_table(&self) -> String {
        let mut table = TextTable::new([
            "Machine",
            "Unit",
            "Storage ID",
            "ID",
            "Volume",
            "Provider ID",
            "Mountpoint",
            "Size",
            "State",
            "Message",
        ]);
        let held = |part: &&StoragePart| part.attachment.is_some();
        for part in self.instances.iter().filter(held) {
            let machine = part.attachment.as_ref().map(|held| held.machine.as_str());
            table.row([
                machine.unwrap_or_default(),
                part.unit(),
                &part.id.to_string(),
                &part.filesystem.to_string(),
                "",
                "",
                part.location(),
                &part.size_text(),
                part.status.current,
                &part.status.message,
            ]);
        }
        table.render()
    }
}

impl StoragePart {
    fn unit(&self) -> &str {
        let held = self.attachment.as_ref();
        held.map_or("", |held| held.unit.as_str())
    }

    fn location(&self) -> &str {
        let held = self.attachment.as_ref();
        held.map_or("", |held| held.location.as_str())
    }

    fn size_text(&self) -> String {
        self.size.map(human_size).unwrap_or_default()
    }

    fn instance_value(&self, times: &Times) -> Value {
        let mut value = json!({
            "kind": self.kind,
            "life": self.life.as_str(),
            "status": self.status.to_value(times),
            "persistent": false,
        });
        if let Some(held) = &self.attachment {
            value["attachments"] = json!({ "units": { held.unit.as_str(): held.to_value() } });
        }
        value
    }

    fn filesystem_value(&self, times: &Times, holders: Holders) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        if self.size.is_some() {
            put("provider-id", self.filesystem.to_string().into());
        }
        put("storage", self.id.to_string().into());
        if let Some(held) = &self.attachment {
            let machine = json!({
                "mount-point": held.location,
                "read-only": self.read_only,
                "life": held.life.as_str(),
            });
            let unit = match holders {
                Holders::Full => held.to_value(),
                Holders::Machines => json!({ "machine": held.machine }),
            };
            let attachments = json!({
                "machines": { held.machine.as_str(): machine },
                "units": { held.unit.as_str(): unit },
            });
            put("attachments", attachments);
        }
        put("pool", self.pool.clone().into());
        put("size", self.size.unwrap_or_default().into());
        put("life", self.life.as_str().into());
        put("status", self.status.to_value(times));
        map.into()
    }
}

impl AttachmentPart {
    fn to_value(&self) -> Value {
        let mut value = json!({ "machine": self.machine });
        if !self.location.is_empty() {
            value["location"] = self.location.clone().into();
        }
        value["life"] = self.life.as_str().into();
        value
    }
}

fn part(instance: &StorageInstance) -> StoragePart {
    let status = &instance.status;
    let there = !matches!(
        status.current,
        StorageStatus::Pending | StorageStatus::Error
    );
    StoragePart {
        id: instance.id.clone(),
        kind: instance.kind.as_str(),
        life: instance.life,
        status: Shown {
            current: status.current.as_str(),
            message: status.message.clone(),
            since: Some(status.since),
        },
        pool: instance.pool.clone(),
        size: there.then_some(instance.size),
        filesystem: instance.filesystem,
        read_only: instance.read_only,
        attachment: instance.attachment.as_ref().map(|held| AttachmentPart {
            unit: held.unit.clone(),
            machine: held.machine.clone(),
            life: held.life,
            location: held.location.clone().unwrap_or_default(),
        }),
    }
}

/// Renders a size in MiB for people, as Juju's tables do: `16 MiB`, `1.0 GiB`, `252 GiB`.
fn human_size(mebibytes: u64) -> String {
    let mut value = mebibytes as f64;
    let mut units = ["MiB", "GiB", "TiB", "PiB", "EiB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    while value >= 1024.0
        && let Some(next) = units.next()
    {
        value /= 1024.0;
        unit = next;
    }
    let rounded = (value * 10.0 + 0.5).floor() / 10.0;
    if rounded < 10.0 {
        format!("{rounded:.1} {unit}")
    } else {
        format!("{rounded:.0} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (size, expected) in [
            (16, "16 MiB"),
            (1024, "1.0 GiB"),
            (1536, "1.5 GiB"),
            (258_019, "252 GiB"),
            (3 << 20, "3.0 TiB"),
        ] {
            assert_eq!(human_size(size), expected);
        }
    }
}
