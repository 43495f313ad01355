//! To whom applications are exposed.

use std::collections::BTreeMap;

use charmtest_charm::bundle::is_network;

use super::ChangeError;
use super::application::find;
use crate::JujuVersion;
use crate::model::{ExposedTo, Model};

/// The only space there is.
pub const ALPHA: &str = "alpha";

/// Exposes endpoints of an application (Juju 3.6, `juju expose`); the empty endpoint means all of them.
///
/// What is said about an endpoint replaces what was said about it before; nothing said means the whole world.
///
/// # Errors
///
/// Fails when there is no such application, endpoint or space, or a network is none.
pub fn expose(
    model: &mut Model,
    application: &str,
    endpoints: BTreeMap<String, ExposedTo>,
) -> Result<(), ChangeError> {
    find(model, application)?;
    check_endpoints(model, application, endpoints.keys())?;
    let mut checked = BTreeMap::new();
    for (endpoint, mut to) in endpoints {
        if let Some(space) = to.spaces.iter().find(|space| *space != ALPHA) {
            return Err(ChangeError::SpaceNotFound(space.clone()));
        }
        if let Some(cidr) = to.cidrs.iter().find(|cidr| !is_network(cidr)) {
            return Err(ChangeError::Cidr(cidr.clone()));
        }
        for list in [&mut to.spaces, &mut to.cidrs] {
            list.sort();
            list.dedup();
        }
        if to == ExposedTo::default() {
            to = ExposedTo::everybody();
        }
        checked.insert(endpoint, to);
    }
    if checked.is_empty() {
        checked.insert(String::new(), ExposedTo::everybody());
    }
    let row = find(model, application)?;
    row.exposed = true;
    row.exposed_endpoints.extend(checked);
    Ok(())
}

/// Takes endpoints, or with none named the whole application, from the world (Juju 3.6, `juju unexpose`).
///
/// # Errors
///
/// Fails when there is no such application or endpoint, or an endpoint is not exposed.
pub fn unexpose(
    model: &mut Model,
    application: &str,
    endpoints: &[String],
) -> Result<(), ChangeError> {
    find(model, application)?;
    check_endpoints(model, application, endpoints)?;
    let row = find(model, application)?;
    if endpoints.is_empty() {
        row.exposed_endpoints.clear();
    }
    if let Some(hidden) = endpoints
        .iter()
        .find(|endpoint| !row.exposed_endpoints.contains_key(*endpoint))
    {
        return Err(ChangeError::NotExposed(hidden.clone()));
    }
    for endpoint in endpoints {
        row.exposed_endpoints.remove(endpoint);
    }
    row.exposed = !row.exposed_endpoints.is_empty();
    Ok(())
}

/// Returns the names of what is bound to a space, in order: what can be bound, in Juju 4.0 also `juju-info`, and the application
/// itself, whose name is empty.
pub fn bound(model: &Model, application: &str) -> Vec<String> {
    let mut names = bindable(model, application);
    names.push(String::new());
    if model.info.juju == JujuVersion::V4_0 {
        names.push("juju-info".to_owned());
    }
    names.sort();
    names
}

/// Returns the names of what can be bound to spaces: the charm's endpoints and its extra bindings.
pub fn bindable(model: &Model, application: &str) -> Vec<String> {
    let Some(row) = model.charm_of(application) else {
        return Vec::new();
    };
    let metadata = &row.charm.metadata;
    let declared = metadata
        .endpoints
        .iter()
        .map(|endpoint| endpoint.name.clone());
    let mut names: Vec<String> = declared
        .chain(metadata.extra_bindings.iter().cloned())
        .collect();
    names.sort();
    names
}

fn check_endpoints<'a>(
    model: &Model,
    application: &str,
    endpoints: impl IntoIterator<Item = &'a String>,
) -> Result<(), ChangeError> {
    let known = bindable(model, application);
    let unknown: Vec<String> = endpoints
        .into_iter()
        .filter(|endpoint| !endpoint.is_empty() && !known.contains(endpoint))
        .cloned()
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(ChangeError::UnknownEndpoints(unknown))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{charm, deployed, model};
    use super::*;

    fn app() -> Model {
        let mut model = model();
        deployed(
            &mut model,
            "a",
            charm("a", "provides: {web: http, admin: http}"),
            1,
        );
        model
    }

    fn to(spaces: &[&str], cidrs: &[&str]) -> ExposedTo {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        ExposedTo {
            spaces: owned(spaces),
            cidrs: owned(cidrs),
        }
    }

    fn only(endpoint: &str, to: ExposedTo) -> BTreeMap<String, ExposedTo> {
        BTreeMap::from([(endpoint.to_owned(), to)])
    }

    #[test]
    fn endpoints_are_exposed_one_by_one() {
        let mut model = app();
        expose(&mut model, "a", BTreeMap::new()).unwrap();
        expose(
            &mut model,
            "a",
            only("web", to(&["alpha"], &["10.1.0.0/16", "10.0.0.0/8"])),
        )
        .unwrap();
        let row = model.applications.get("a").unwrap();
        assert!(row.exposed);
        let expected = BTreeMap::from([
            (String::new(), ExposedTo::everybody()),
            (
                "web".to_owned(),
                to(&["alpha"], &["10.0.0.0/8", "10.1.0.0/16"]),
            ),
        ]);
        assert_eq!(row.exposed_endpoints, expected);
        unexpose(&mut model, "a", &["web".to_owned()]).unwrap();
        assert!(model.applications.get("a").unwrap().exposed);
        unexpose(&mut model, "a", &[String::new()]).unwrap();
        assert!(
            !model.applications.get("a").unwrap().exposed,
            "nothing is left"
        );
        expose(&mut model, "a", only("web", ExposedTo::default())).unwrap();
        unexpose(&mut model, "a", &[]).unwrap();
        unexpose(&mut model, "a", &[]).unwrap();
        assert_eq!(
            model.applications.get("a").unwrap().exposed_endpoints,
            BTreeMap::new()
        );
    }

    #[test]
    fn refusals() {
        for (application, endpoint, target, expected) in [
            ("b", "", to(&[], &[]), "application \"b\" not found"),
            ("a", "nosuch", to(&[], &[]), "endpoint \"nosuch\" not found"),
            ("a", "web", to(&["dmz"], &[]), "space \"dmz\" not found"),
            (
                "a",
                "",
                to(&[], &["bogus"]),
                "unable to parse \"bogus\" as a CIDR: invalid CIDR address: bogus",
            ),
        ] {
            let error = expose(&mut app(), application, only(endpoint, target)).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        let hidden = unexpose(&mut app(), "a", &["web".to_owned()]).unwrap_err();
        assert_eq!(hidden.to_string(), "endpoint \"web\" is not exposed");
        let unknown = unexpose(&mut app(), "a", &["nosuch".to_owned()]).unwrap_err();
        assert_eq!(unknown.to_string(), "endpoint \"nosuch\" not found");
    }

    #[test]
    fn networks() {
        for (text, expected) in [
            ("10.0.0.0/8", true),
            ("::/0", true),
            ("10.0.0.0/33", false),
            ("10.0.0.0", false),
            ("10.0.0.0/+8", false),
            ("x/8", false),
        ] {
            assert_eq!(is_network(text), expected, "{text}");
        }
    }
}
