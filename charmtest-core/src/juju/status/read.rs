//! The lenient side of reading a status.

use super::{Machine, Relation, Relations, Status, StatusInfo, Unit};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// Reads `null` as the default value.
pub(super) fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads relations, which Juju 2.9 prints as the names of the related applications.
pub(super) fn relations<'de, D>(deserializer: D) -> Result<Relations, D::Error>
where
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Name(String),
        Relation(Relation),
    }
    let forms: Option<BTreeMap<String, Option<Vec<Form>>>> = Option::deserialize(deserializer)?;
    let relation = |form| match form {
        Form::Relation(relation) => relation,
        Form::Name(related_application) => Relation {
            related_application,
            ..Relation::default()
        },
    };
    let endpoints = forms.unwrap_or_default().into_iter();
    Ok(endpoints
        .map(|(endpoint, forms)| {
            (
                endpoint,
                forms
                    .unwrap_or_default()
                    .into_iter()
                    .map(relation)
                    .collect(),
            )
        })
        .collect())
}

/// Turns what the controller could not tell into the status `failed`.
pub(super) fn settle(status: &mut Status) {
    status.model.status.settle();
    for machine in status.machines.values_mut() {
        settle_machine(machine);
    }
    for application in status.applications.values_mut() {
        if !application.status_error.is_empty() {
            application.status = StatusInfo::failed(&application.status_error);
            application.charm_rev = -1;
        }
        application.status.settle();
        application.units.values_mut().for_each(settle_unit);
    }
    for remote in status.application_endpoints.values_mut() {
        remote.status.settle();
    }
}

fn settle_machine(machine: &mut Machine) {
    if !machine.status_error.is_empty() {
        machine.agent = StatusInfo::failed(&machine.status_error);
        machine.instance = machine.agent.clone();
    }
    machine.agent.settle();
    machine.instance.settle();
    machine.containers.values_mut().for_each(settle_machine);
}

fn settle_unit(unit: &mut Unit) {
    if !unit.status_error.is_empty() {
        unit.workload = StatusInfo::failed(&unit.status_error);
        unit.agent = unit.workload.clone();
    }
    unit.workload.settle();
    unit.agent.settle();
    unit.subordinates.values_mut().for_each(settle_unit);
}

impl StatusInfo {
    fn failed(message: &str) -> Self {
        Self {
            current: "failed".to_owned(),
            message: message.to_owned(),
            status_error: message.to_owned(),
            ..Self::default()
        }
    }

    fn settle(&mut self) {
        if !self.status_error.is_empty() {
            *self = Self::failed(&self.status_error);
        }
    }
}
