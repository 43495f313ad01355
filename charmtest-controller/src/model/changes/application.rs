//! Small changes of applications and units: resources, constraints, resolving.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::ChangeError;
use super::charm::check_resources;
use crate::JujuVersion;
use crate::model::{
    Application, Model, Resolved, ResourceRow, Running, Unit, UnitName, derived_uuid,
};

/// The architecture of applications and models that name none (Juju 3.6).
pub const DEFAULT_ARCH: &str = "amd64";

/// Replaces the constraints of an application (Juju 3.6, `juju set-constraints`); they count for machines to come.
///
/// # Errors
///
/// Fails when there is no such application, and when another architecture is asked for than the application has.
pub fn set_constraints(
    model: &mut Model,
    application: &str,
    constraints: BTreeMap<String, String>,
) -> Result<(), ChangeError> {
    let row = find(model, application)?;
    if let Some(wanted) = constraints.get("arch") {
        let current = row.constraints.get("arch");
        if wanted != current.map_or(DEFAULT_ARCH, String::as_str) {
            return Err(ChangeError::Architecture(
                current.map(|arch| format!(" ({arch})")).unwrap_or_default(),
            ));
        }
    }
    row.constraints = constraints;
    Ok(())
}

/// Replaces a resource of an application (Juju 3.6, `juju attach-resource`); its units run `upgrade-charm`.
///
/// # Errors
///
/// Fails when there is no such application, or its charm declares no such resource.
pub fn attach_resource(
    model: &mut Model,
    application: &str,
    name: &str,
    resource: ResourceRow,
) -> Result<(), ChangeError> {
    let charm = model
        .charm_of(application)
        .ok_or_else(|| ChangeError::ApplicationNotFound(application.to_owned()))?
        .charm
        .clone();
    check_resources(&charm, [&name.to_owned()])?;
    let row = find(model, application)?;
    row.resources.insert(name.to_owned(), resource);
    row.charm_modified += 1;
    Ok(())
}

/// Tells a unit how to go on after a failed hook (Juju 3.6, `juju resolved`).
///
/// # Errors
///
/// Fails when there is no such unit, it is not in error, or was told already.
pub fn resolve(model: &mut Model, name: &UnitName, how: Resolved) -> Result<(), ChangeError> {
    let (juju, model_uuid) = (model.info.juju, model.info.uuid.clone());
    let unit = model
        .units
        .get_mut(name)
        .ok_or_else(|| ChangeError::UnitNotFound(name.to_string()))?;
    // 4.0 has forgotten the error as soon as it is resolved, and speaks of the unit by its UUID.
    let resolved = unit.resolved.is_some();
    let is_in_error = shows_error(unit);
    if juju == JujuVersion::V4_0 && (resolved || !is_in_error) {
        return Err(ChangeError::NotInErrorUuid(derived_uuid(&format!(
            "{model_uuid}/{name}"
        ))));
    }
    if !is_in_error {
        return Err(ChangeError::NotInError(name.to_string()));
    }
    if resolved {
        return Err(ChangeError::AlreadyResolved(name.to_string()));
    }
    unit.resolved = Some(how);
    Ok(())
}

/// Says whether the unit waits with a failed hook or upgrade: while the hook runs again the unit is executing, and not in error (Juju
/// 3.6).
fn shows_error(unit: &Unit) -> bool {
    let progress = &unit.progress;
    let is_running = |running: &Running| running.hook.is_some();
    progress.conflict.is_some()
        || progress.failure.is_some() && !progress.running.as_ref().is_some_and(is_running)
}

/// Tells every unit in error how to go on (`juju resolved --all`).
pub fn resolve_all(model: &mut Model, how: Resolved) {
    let failed = model
        .units
        .values()
        .filter(|unit| shows_error(unit) && unit.resolved.is_none());
    let names: Vec<UnitName> = failed.map(|unit| unit.name.clone()).collect();
    for name in &names {
        if let Some(unit) = model.units.get_mut(name) {
            unit.resolved = Some(how);
        }
    }
}

/// Starts the back-off of all failed hooks anew: what becomes of a change of `automatically-retry-hooks`, for which Juju's agents start
/// again.
pub fn restart_retries(model: &mut Model, first: SignedDuration, now: Timestamp) {
    let failed = model
        .units
        .values()
        .filter(|unit| unit.progress.failure.is_some());
    let names: Vec<UnitName> = failed.map(|unit| unit.name.clone()).collect();
    for name in &names {
        if let Some(unit) = model.units.get_mut(name)
            && let Some(failure) = &mut unit.progress.failure
        {
            failure.attempts = 1;
            failure.retry_at = now.checked_add(first).unwrap_or(now);
        }
    }
}

pub(super) fn find<'a>(
    model: &'a mut Model,
    application: &str,
) -> Result<&'a mut Application, ChangeError> {
    model
        .applications
        .get_mut(application)
        .ok_or_else(|| ChangeError::ApplicationNotFound(application.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{charm, deployed, model};
    use super::*;
    use crate::agent::Hook;
    use crate::model::HookFailure;

    fn app() -> Model {
        let mut model = model();
        deployed(
            &mut model,
            "a",
            charm("a", "resources: {blob: {type: file, filename: b.txt}}"),
            2,
        );
        model
    }

    #[test]
    fn a_new_resource_makes_units_upgrade() {
        let mut model = app();
        let resource = ResourceRow {
            path: "resources/f".to_owned(),
            fingerprint: "f".to_owned(),
            size: 1,
            uploaded: Timestamp::UNIX_EPOCH,
            store_revision: None,
        };
        attach_resource(&mut model, "a", "blob", resource.clone()).unwrap();
        let row = model.applications.get("a").unwrap();
        assert_eq!(row.charm_modified, 1);
        assert_eq!(row.resources.get("blob"), Some(&resource));
        let error = attach_resource(&mut model, "a", "nosuch", resource).unwrap_err();
        assert_eq!(error.to_string(), "unrecognized resource \"nosuch\"");
    }

    #[test]
    fn only_units_in_error_can_be_resolved() {
        let mut model = app();
        let [first, second] = [UnitName::new("a", 0), UnitName::new("a", 1)];
        assert_eq!(
            resolve(&mut model, &first, Resolved::Retry),
            Err(ChangeError::NotInError("a/0".to_owned()))
        );
        let failure = HookFailure {
            hook: Hook::Install,
            attempts: 1,
            retry_at: Timestamp::UNIX_EPOCH,
        };
        model.units.get_mut(&first).unwrap().progress.failure = Some(failure);
        resolve(&mut model, &first, Resolved::Skip).unwrap();
        assert_eq!(
            model.units.get(&first).unwrap().resolved,
            Some(Resolved::Skip)
        );
        assert_eq!(
            resolve(&mut model, &first, Resolved::Retry),
            Err(ChangeError::AlreadyResolved("a/0".to_owned()))
        );
        resolve_all(&mut model, Resolved::Retry);
        assert_eq!(
            model.units.get(&first).unwrap().resolved,
            Some(Resolved::Skip),
            "not told twice"
        );
        for juju in JujuVersion::ALL {
            let mut model = model.clone();
            model.info_mut().juju = juju;
            let unit = model.units.get_mut(&first).unwrap();
            unit.resolved = None;
            unit.progress.running = Some(Running {
                context: "ctx".to_owned(),
                hook: Some(Hook::Install),
                task: None,
            });
            let again = resolve(&mut model, &first, Resolved::Retry).unwrap_err();
            let said = again.to_string();
            assert!(said.contains("not in"), "the hook runs again: {said}");
            resolve_all(&mut model, Resolved::Retry);
            assert_eq!(model.units.get(&first).unwrap().resolved, None);
        }
        assert_eq!(model.units.get(&second).unwrap().resolved, None);
        let nobody = UnitName::new("a", 9);
        assert_eq!(
            resolve(&mut model, &nobody, Resolved::Retry)
                .unwrap_err()
                .to_string(),
            "unit \"a/9\" not found"
        );
    }

    #[test]
    fn what_4_0_says_of_units_without_error() {
        let mut model = app();
        model.info_mut().juju = JujuVersion::V4_0;
        let name = UnitName::new("a", 0);
        let refusal = |model: &mut Model| {
            let error = resolve(model, &name, Resolved::Retry).unwrap_err();
            error.to_string()
        };
        let text = refusal(&mut model);
        let uuid = text
            .strip_prefix("resolving unit: checking unit \"")
            .and_then(|rest| rest.strip_suffix("\" status: unit is not in error state"))
            .unwrap_or_else(|| panic!("{text}"));
        let shape: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(shape, [8, 4, 4, 4, 12]);
        let failure = HookFailure {
            hook: Hook::Install,
            attempts: 1,
            retry_at: Timestamp::UNIX_EPOCH,
        };
        model.units.get_mut(&name).unwrap().progress.failure = Some(failure);
        resolve(&mut model, &name, Resolved::Retry).unwrap();
        assert_eq!(
            refusal(&mut model),
            text,
            "also when it was resolved already"
        );
    }

    #[test]
    fn the_back_off_can_start_anew() {
        let mut model = app();
        let name = UnitName::new("a", 1);
        let failure = HookFailure {
            hook: Hook::Install,
            attempts: 5,
            retry_at: Timestamp::UNIX_EPOCH,
        };
        model.units.get_mut(&name).unwrap().progress.failure = Some(failure);
        let now = Timestamp::from_second(100).unwrap();
        restart_retries(&mut model, SignedDuration::from_secs(5), now);
        let failure = &model.units.get(&name).unwrap().progress.failure;
        let failure = failure.as_ref().unwrap();
        assert_eq!((failure.attempts, failure.retry_at.as_second()), (1, 105));
    }
}
