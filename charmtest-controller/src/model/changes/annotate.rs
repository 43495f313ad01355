//! Annotations, which only bundles set.

use std::collections::BTreeMap;

use super::ChangeError;
use super::application::find;
use crate::model::Model;

/// Sets annotations of an application; an empty value takes one away (Juju 3.6).
///
/// # Errors
///
/// Fails when there is no such application.
pub fn annotate_application(
    model: &mut Model,
    application: &str,
    annotations: &BTreeMap<String, String>,
) -> Result<(), ChangeError> {
    merge(&mut find(model, application)?.annotations, annotations);
    Ok(())
}

/// Sets annotations of a machine; an empty value takes one away (Juju 3.6).
///
/// # Errors
///
/// Fails when there is no such machine.
pub fn annotate_machine(
    model: &mut Model,
    machine: &str,
    annotations: &BTreeMap<String, String>,
) -> Result<(), ChangeError> {
    let row = model
        .machines
        .get_mut(machine)
        .ok_or_else(|| ChangeError::MachineNotFound(machine.to_owned()))?;
    merge(&mut row.annotations, annotations);
    Ok(())
}

fn merge(known: &mut BTreeMap<String, String>, annotations: &BTreeMap<String, String>) {
    for (key, value) in annotations {
        if value.is_empty() {
            known.remove(key);
        } else {
            known.insert(key.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{charm, deployed, model};
    use super::*;

    #[test]
    fn annotations_are_merged() {
        let mut model = model();
        deployed(&mut model, "a", charm("a", ""), 1);
        let of = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        annotate_application(&mut model, "a", &of(&[("x", "1"), ("y", "2")])).unwrap();
        annotate_application(&mut model, "a", &of(&[("x", ""), ("z", "3")])).unwrap();
        assert_eq!(
            model.applications.get("a").unwrap().annotations,
            of(&[("y", "2"), ("z", "3")])
        );
        annotate_machine(&mut model, "0", &of(&[("m", "1")])).unwrap();
        assert_eq!(
            model.machines.get("0").unwrap().annotations,
            of(&[("m", "1")])
        );
        assert_eq!(
            annotate_machine(&mut model, "9", &of(&[]))
                .unwrap_err()
                .to_string(),
            "machine 9 not found"
        );
    }
}
