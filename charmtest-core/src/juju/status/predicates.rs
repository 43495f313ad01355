//! Conditions for [`Model::wait`](crate::ops_test::Model::wait), with the names and truth tables of jubilant.

use super::{Status, Unit};

macro_rules! all_and_any {
    ($($status:literal: $all:ident, $any:ident);* $(;)?) => {$(
        #[doc = concat!(
            "Tells whether the named applications and all their units are `", $status, "`: all applications of the model ",
            "if none is named. An application that is not there is not ready."
        )]
        #[must_use]
        pub fn $all(status: &Status, applications: &[&str]) -> bool {
            all(status, applications, $status)
        }

        #[doc = concat!(
            "Tells whether any of the named applications, or any of their units, is `", $status, "`: of all applications ",
            "of the model if none is named."
        )]
        #[must_use]
        pub fn $any(status: &Status, applications: &[&str]) -> bool {
            any(status, applications, $status)
        }
    )*};
}

all_and_any! {
    "active": all_active, any_active;
    "blocked": all_blocked, any_blocked;
    "error": all_error, any_error;
    "maintenance": all_maintenance, any_maintenance;
    "waiting": all_waiting, any_waiting;
}

/// Tells whether the agents of all units of the named applications are idle: of all applications of the model if none is
/// named. An application that is not there is not ready.
#[must_use]
pub fn all_agents_idle(status: &Status, applications: &[&str]) -> bool {
    named(status, applications)
        .into_iter()
        .all(|name| status.app(name).is_some() && units(status, name).all(Unit::is_idle))
}

fn all(status: &Status, applications: &[&str], current: &str) -> bool {
    named(status, applications).into_iter().all(|name| {
        let right = status
            .app(name)
            .is_some_and(|app| app.status.current == current);
        right && units(status, name).all(|unit| unit.workload.current == current)
    })
}

fn any(status: &Status, applications: &[&str], current: &str) -> bool {
    named(status, applications).into_iter().any(|name| {
        let app = status
            .app(name)
            .is_some_and(|app| app.status.current == current);
        app || units(status, name).any(|unit| unit.workload.current == current)
    })
}

fn named<'a>(status: &'a Status, applications: &[&'a str]) -> Vec<&'a str> {
    if applications.is_empty() {
        return status.applications.keys().map(String::as_str).collect();
    }
    applications.to_vec()
}

fn units<'a>(status: &'a Status, application: &str) -> impl Iterator<Item = &'a Unit> {
    status
        .units_of(application)
        .into_iter()
        .map(|(_, unit)| unit)
}
