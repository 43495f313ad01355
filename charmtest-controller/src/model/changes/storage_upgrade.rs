//! Storage when the charm of an application changes.

use std::collections::BTreeMap;

use charmtest_charm::{Charm, Storage};
use jiff::Timestamp;

use super::storage::{make, plan_storage};
use super::storage_error::StorageError;
use super::storage_request::StorageRequest;
use crate::JujuVersion;
use crate::model::{Life, Model, StorageDirective, UnitName};

/// Checks that the storage of a new charm fits what its units have, and returns the application's new directives (Juju 3.6, `juju
/// refresh`).
///
/// # Errors
///
/// Fails when storage that is needed or in use is gone or differs too much, and when `requests` do not fit the new charm. Juju 4.0
/// refuses charms that lack any storage of the old one (recorded).
pub(super) fn plan_upgrade(
    model: &Model,
    application: &str,
    url: &str,
    charms: (&Charm, &Charm),
    requests: &BTreeMap<String, StorageRequest>,
) -> Result<BTreeMap<String, StorageDirective>, StorageError> {
    let (old, new) = charms;
    let juju = model.info.juju;
    let mut misfits = old.metadata.storage.iter().filter_map(|(name, before)| {
        match new.metadata.storage.get(name) {
            None => removed(model, application, name, before),
            Some(after) => changed(name, before, after),
        }
    });
    if let Some(why) = misfits.next() {
        let charm = url.to_owned();
        return Err(match juju {
            JujuVersion::V3_6 => StorageError::Upgrade {
                application: application.to_owned(),
                charm,
                why,
            },
            JujuVersion::V4_0 => StorageError::SetCharm { charm, why },
        });
    }
    let default_pool = model.config("storage-default-filesystem-source");
    let mut directives = plan_storage(new, requests, &model.info.storage, default_pool).map_err(
        |error| match error {
            StorageError::DeployPool { name, pool } => StorageError::UnknownPool { name, pool },
            other => other,
        },
    )?;
    if let Some(app) = model.applications.get(application) {
        for (name, directive) in &app.storage {
            if let Some(fresh) = directives.get_mut(name)
                && !requests.contains_key(name)
            {
                *fresh = directive.clone();
            }
        }
    }
    Ok(directives)
}

fn removed(model: &Model, application: &str, name: &str, before: &Storage) -> Option<String> {
    if model.info.juju == JujuVersion::V4_0 {
        return Some(format!(
            "storage definition {name:?} removed (not supported)"
        ));
    }
    if before.count.min > 0 {
        return Some(format!("required storage {name:?} removed"));
    }
    let in_use = model.storage.values().any(|instance| {
        let unit = instance.attachment.as_ref().map(|held| &held.unit);
        instance.id.name() == name && unit.is_some_and(|unit| unit.application() == application)
    });
    in_use.then(|| format!("in-use storage {name:?} removed"))
}

fn changed(name: &str, before: &Storage, after: &Storage) -> Option<String> {
    let differs = |what: &str, from: String, to: String| {
        (from != to)
            .then(|| format!("existing storage {name:?} {what} changed from {from} to {to}"))
    };
    let quoted = |text: &Option<String>| format!("{:?}", text.as_deref().unwrap_or_default());
    let kind = |storage: &Storage| format!("{:?}", storage.kind.as_str());
    let contracted = || {
        let max = after.count.max?;
        let shrinks = before.count.max.is_none_or(|old| max < old);
        let old = before
            .count
            .max
            .map_or_else(|| "<unbounded>".to_owned(), |old| old.to_string());
        shrinks.then(|| {
            format!("existing storage {name:?} range contracted: max decreased from {old} to {max}")
        })
    };
    let multiplied = || {
        let was_single = before.location.is_some() && before.count.is_singleton();
        (was_single && !after.count.is_singleton()).then(|| {
            format!("existing storage {name:?} with location changed from single to multiple")
        })
    };
    differs("type", kind(before), kind(after))
        .or_else(|| {
            differs(
                "shared",
                before.shared.to_string(),
                after.shared.to_string(),
            )
        })
        .or_else(|| {
            differs(
                "read-only",
                before.read_only.to_string(),
                after.read_only.to_string(),
            )
        })
        .or_else(|| {
            differs(
                "location",
                quoted(&before.location),
                quoted(&after.location),
            )
        })
        .or_else(contracted)
        .or_else(multiplied)
}

/// Gives the units of an application what a new charm needs: all of a storage that is new, else the rest up to the minimum.
pub(super) fn furnish_upgraded(
    model: &mut Model,
    application: &str,
    old: &Charm,
    new: &Charm,
    now: Timestamp,
) {
    let directives = model
        .applications
        .get(application)
        .map(|app| app.storage.clone())
        .unwrap_or_default();
    let units: Vec<UnitName> = model
        .units_of(application)
        .filter(|unit| unit.life == Life::Alive)
        .map(|unit| unit.name.clone())
        .collect();
    for (name, directive) in directives {
        let wanted = match (
            old.metadata.storage.contains_key(&name),
            new.metadata.storage.get(&name),
        ) {
            (false, _) => directive.count,
            (true, Some(storage)) => storage.count.min,
            (true, None) => 0,
        };
        for unit in &units {
            let held = model
                .storage_of(unit)
                .filter(|instance| instance.id.name() == name)
                .count();
            let held = u32::try_from(held).unwrap_or(u32::MAX);
            make(
                model,
                unit,
                &name,
                wanted.saturating_sub(held),
                &directive,
                now,
            );
        }
    }
}
