//! The generic tests themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::bench::{Bench, artefact, home};
use crate::failure::{Failure, FailureKind, Result, skip};
use crate::juju::Status;
use crate::ops_test::{CharmEndpoint, CharmInfo, EndpointRole, EndpointScope, OptionType};

/// The charm is deployed and settles.
pub(super) async fn deploy(bench: &Bench<'_>) -> Result {
    bench.deploy().await?;
    Ok(())
}

/// The charm shows the defaults that it declares; changed all at once and reset, it comes back to the status that it had.
pub(super) async fn config_defaults(bench: &Bench<'_>) -> Result {
    if bench.info.config.is_empty() {
        Err(skip("the charm has no options"))?;
    }
    let before = statuses(&bench.deploy().await?, &bench.app);
    let shown = bench.model.config(&bench.app).await?;
    for (name, option) in &bench.info.config {
        let declared = option.default.clone().unwrap_or(Value::Null);
        let value = shown.get(name).cloned().unwrap_or(Value::Null);
        if !is_same(&value, &declared) {
            Err(format!(
                "option `{name}` is {value} after the deployment, and its default is {declared}"
            ))?;
        }
    }
    let others = other_values(&bench.info);
    if others.is_empty() {
        bench.note("no option can be changed: all are secrets");
        return Ok(());
    }
    bench.model.set_config(&bench.app, others.clone()).await?;
    bench.settle_others([bench.app.clone()]).await?;
    let names: Vec<&str> = others.iter().map(|(name, _)| name.as_str()).collect();
    bench.model.reset_config(&bench.app, &names).await?;
    let after = statuses(&bench.settle().await?, &bench.app);
    for (unit, was) in &before {
        let is = after.get(unit);
        if is != Some(was) {
            let is = is.map_or("gone", String::as_str);
            Err(format!(
                "{unit} was {was} after the deployment and is {is} with all options back at their defaults"
            ))?;
        }
    }
    Ok(())
}

/// Each option takes another value of its type, one after another; a charm may say that it is blocked by it.
pub(super) async fn reconfigure(bench: &Bench<'_>) -> Result {
    let others = other_values(&bench.info);
    if others.is_empty() {
        Err(skip("the charm has no options that can be changed"))?;
    }
    bench.deploy().await?;
    for (name, value) in others {
        bench
            .model
            .set_config(&bench.app, [(name.as_str(), value.as_str())])
            .await?;
        let settled = bench.settle_others([bench.app.clone()]).await;
        settled.map_err(|failure| failure.under(&format!("with `{name}` set to `{value}`")))?;
        bench.model.reset_config(&bench.app, &[&name]).await?;
    }
    bench.settle().await?;
    Ok(())
}

/// A unit is added and removed again; the principal's, for a subordinate.
pub(super) async fn scale(bench: &Bench<'_>) -> Result {
    let status = bench.deploy().await?;
    let scaled = match home(&bench.info).filter(|_| bench.info.subordinate) {
        Some(_) => principal_of(&status, &bench.app).unwrap_or_else(|| bench.app.clone()),
        None => bench.app.clone(),
    };
    let count = status.units_of(&bench.app).len();
    for (what, count) in [("a unit was added", count + 1), ("it was removed", count)] {
        bench.model.scale(&scaled, count).await?;
        bench
            .wait_for_units(count)
            .await
            .map_err(|failure| failure.under(&format!("after {what}")))?;
        bench.settle().await?;
    }
    Ok(())
}

/// Each endpoint is related, with a charm of the collection that fits or with a stand-in, and unrelated again.
pub(super) async fn relate(bench: &Bench<'_>) -> Result {
    let home = home(&bench.info).filter(|_| bench.info.subordinate);
    let others = bench.info.endpoints.iter().filter(|endpoint| {
        endpoint.role != EndpointRole::Peer && home.is_none_or(|home| home.name != endpoint.name)
    });
    let endpoints: Vec<&CharmEndpoint> = others.collect();
    if endpoints.is_empty() {
        Err(skip("the charm has no endpoints to relate"))?;
    }
    bench.deploy().await?;
    let partners = partners(bench).await?;
    for endpoint in endpoints {
        relate_one(bench, endpoint, &partners)
            .await
            .map_err(|failure| failure.under(&format!("endpoint `{}`", endpoint.name)))?;
    }
    Ok(())
}

/// A charm of the collection that could be at the other end.
struct Partner {
    charm: PathBuf,
    info: CharmInfo,
}

/// Returns the other charms that can be at the other end of an endpoint; a note names those that cannot, which says nothing of the charm
/// under test.
///
/// # Errors
///
/// Fails when one is not there at all.
async fn partners(bench: &Bench<'_>) -> Result<Vec<Partner>> {
    let mut partners = Vec::new();
    for path in &bench.subject.partners {
        let shown = path.display();
        if !bench.ops.package_dir().join(path).exists() {
            Err(format!("there is no charm {shown} to relate it with"))?;
        }
        let found = match artefact(bench.ops, path).await {
            Ok(charm) => match bench.ops.charm_info(&charm).await {
                Ok(info) => Ok(Partner { charm, info }),
                Err(error) => Err(error.into()),
            },
            Err(failure) => Err(failure),
        };
        let failure: Failure = match found {
            Ok(partner) => {
                partners.push(partner);
                continue;
            }
            Err(failure) => failure,
        };
        bench.note(format!(
            "not related with {shown}: {}",
            first_line(&failure)
        ));
    }
    let info = &bench.info;
    let fits = |partner: &Partner| {
        let mut endpoints = info.endpoints.iter();
        endpoints.any(|endpoint| other_end(info, endpoint, &partner.info).is_some())
    };
    for partner in partners.iter().filter(|partner| !fits(partner)) {
        let name = &partner.info.name;
        bench.note(format!(
            "not related with {name}: it has no endpoint that fits"
        ));
    }
    Ok(partners)
}

fn first_line(failure: &Failure) -> String {
    let text = failure.message();
    text.lines().next().unwrap_or_default().to_owned()
}

async fn relate_one(bench: &Bench<'_>, endpoint: &CharmEndpoint, partners: &[Partner]) -> Result {
    let (other, end, is_subordinate) = match deploy_partner(bench, endpoint, partners).await? {
        Some(partner) => partner,
        None => {
            let (name, end) = bench.deploy_stand_in(endpoint).await?;
            let within = endpoint.scope == EndpointScope::Container;
            (name, end, within && !bench.info.subordinate)
        }
    };
    if !is_subordinate {
        bench.settle_others([other.clone()]).await?;
    }
    let own = format!("{}:{}", bench.app, endpoint.name);
    bench.model.integrate(&own, &end).await?;
    bench.settle_with(&other).await?;
    bench.model.remove_relation(&own, &end).await?;
    bench.settle_others([bench.app.clone()]).await?;
    bench
        .model
        .remove_application(&other)
        .destroy_storage()
        .await?;
    bench.wait_gone(&other).await
}

/// Deploys the first of the other charms that fits an endpoint and that the model takes; returns its application, its end of the relation,
/// and whether it is a subordinate.
async fn deploy_partner(
    bench: &Bench<'_>,
    endpoint: &CharmEndpoint,
    partners: &[Partner],
) -> Result<Option<(String, String, bool)>> {
    for Partner { charm, info } in partners {
        let Some(end) = other_end(&bench.info, endpoint, info) else {
            continue;
        };
        let name = match info.name == bench.app {
            true => format!("other-{}", bench.app),
            false => info.name.clone(),
        };
        match bench.deploy_as(&name, charm, info).await {
            Ok(()) => {
                let end = format!("{name}:{}", end.name);
                return Ok(Some((name, end, info.subordinate)));
            }
            // What keeps another charm out of the model is no reason to leave this one untested.
            Err(failure) if failure.kind() == FailureKind::Skipped => {
                let why = first_line(&failure);
                bench.note(format!("not related with {}: {why}", info.name));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(None)
}

/// Returns the endpoint of another charm that fits one of the charm under test.
fn other_end<'a>(
    own: &CharmInfo,
    endpoint: &CharmEndpoint,
    other: &'a CharmInfo,
) -> Option<&'a CharmEndpoint> {
    if own.kubernetes != other.kubernetes {
        return None;
    }
    let role = match endpoint.role {
        EndpointRole::Provider => EndpointRole::Requirer,
        EndpointRole::Requirer => EndpointRole::Provider,
        EndpointRole::Peer => return None,
    };
    other.endpoints.iter().find(|end| {
        let within = [endpoint.scope, end.scope].contains(&EndpointScope::Container);
        let can_meet = match within {
            true => own.subordinate != other.subordinate,
            // A subordinate would need a principal of its own.
            false => !other.subordinate,
        };
        end.role == role && end.interface == endpoint.interface && can_meet
    })
}

/// The charm is upgraded, from the previous artefact or from itself.
pub(super) async fn upgrade(bench: &Bench<'_>) -> Result {
    let before = match &bench.subject.previous {
        Some(previous) => deploy_previous(bench, previous)
            .await
            .map_err(|failure| failure.under("the previous version"))?,
        None => {
            bench.note("upgraded from itself: no previous version is known");
            bench.deploy().await?;
            bench.info.clone()
        }
    };
    let mut refresh = bench.model.refresh(&bench.app).path(&bench.charm);
    // What was given to the previous version stays.
    let there: Vec<String> = before.resources.into_keys().collect();
    for (name, value) in bench.resources(&bench.app, &bench.info, &there)? {
        refresh = refresh.resource(&name, value);
    }
    refresh.await?;
    bench.settle().await?;
    Ok(())
}

/// Deploys the previous version of the charm, and returns what it says about itself.
async fn deploy_previous(bench: &Bench<'_>, previous: &Path) -> Result<CharmInfo> {
    let previous = artefact(bench.ops, previous).await?;
    let info = bench.ops.charm_info(&previous).await?;
    bench.deploy_from(&previous, &info).await?;
    Ok(info)
}

/// The application is removed with its storage, and no trace of it is left in the status.
pub(super) async fn remove(bench: &Bench<'_>) -> Result {
    bench.deploy().await?;
    bench
        .model
        .remove_application(&bench.app)
        .destroy_storage()
        .await?;
    bench.wait_gone(&bench.app).await?;
    bench.wait_no_storage().await?;
    let left = traces(&bench.model.status().await?, &bench.app);
    if left.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} was removed and left: {}",
        bench.app,
        left.join(", ")
    ))?
}

/// The application is removed by force, which goes over failed hooks, and deployed again under the same name.
pub(super) async fn redeploy(bench: &Bench<'_>) -> Result {
    bench.deploy().await?;
    let removal = bench.model.remove_application(&bench.app);
    removal.destroy_storage().force().await?;
    bench.wait_gone_whatever_happens(&bench.app).await?;
    bench
        .deploy()
        .await
        .map_err(|failure| failure.under("deployed again"))?;
    Ok(())
}

/// Returns what a status still tells of an application.
fn traces(status: &Status, app: &str) -> Vec<String> {
    let mut traces = Vec::new();
    if status.app(app).is_some() {
        traces.push(format!("the application {app}"));
    }
    let of_app = |unit: &str| unit.rsplit_once('/').is_some_and(|(name, _)| name == app);
    for (name, other) in &status.applications {
        let below = other
            .units
            .values()
            .flat_map(|unit| unit.subordinates.keys());
        let units = other.units.keys().chain(below);
        traces.extend(
            units
                .filter(|unit| of_app(unit))
                .map(|unit| format!("the unit {unit}")),
        );
        for (endpoint, relations) in &other.relations {
            if relations
                .iter()
                .any(|relation| relation.related_application == app)
            {
                traces.push(format!("a relation with {name}:{endpoint}"));
            }
        }
    }
    traces
}

/// Returns the application on whose units a subordinate's are.
fn principal_of(status: &Status, subordinate: &str) -> Option<String> {
    let app = status.app(subordinate)?;
    app.subordinate_to.first().cloned()
}

/// Returns the status of each unit.
fn statuses(status: &Status, app: &str) -> BTreeMap<String, String> {
    let units = status.units_of(app).into_iter();
    units
        .map(|(name, unit)| (name.to_owned(), unit.workload.current.clone()))
        .collect()
}

/// Returns for each option a value that it does not have by default. Secrets are left out: nobody knows one.
fn other_values(info: &CharmInfo) -> Vec<(String, String)> {
    let options = info.config.iter();
    options
        .filter_map(|(name, option)| {
            let default = option.default.as_ref();
            let value = match option.kind {
                OptionType::String => match default.and_then(Value::as_str) {
                    Some("charmtest") => "charmtest-2".to_owned(),
                    _ => "charmtest".to_owned(),
                },
                OptionType::Int => {
                    let default = default.and_then(Value::as_i64).unwrap_or(0);
                    default.checked_add(1).unwrap_or(default - 1).to_string()
                }
                OptionType::Float => {
                    let default = default.and_then(Value::as_f64).unwrap_or(0.0);
                    // A large number swallows a half.
                    let other = Some(default + 0.5).filter(|other| *other != default);
                    other.unwrap_or(default / 2.0).to_string()
                }
                OptionType::Boolean => {
                    (!default.and_then(Value::as_bool).unwrap_or(false)).to_string()
                }
                OptionType::Secret => return None,
            };
            Some((name.clone(), value))
        })
        .collect()
}

/// Says whether an option's value is its default; an empty text is as good as none.
fn is_same(value: &Value, declared: &Value) -> bool {
    let is_empty = |value: &Value| value.is_null() || value == "";
    match (value.as_f64(), declared.as_f64()) {
        (Some(value), Some(declared)) => value == declared,
        _ => value == declared || (is_empty(value) && is_empty(declared)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn info(value: Value) -> CharmInfo {
        let mut all = json!({"name": "web", "summary": "", "subordinate": false, "bases": [], "resources": {},
            "kubernetes": false, "endpoints": [], "config": {}});
        let fields = value.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(fields);
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn every_option_gets_another_value() {
        let info = info(json!({"config": {
            "a": {"type": "string", "default": "x"},
            "b": {"type": "int", "default": 7},
            "c": {"type": "float"},
            "d": {"type": "boolean", "default": true},
            "e": {"type": "secret"},
            "f": {"type": "string", "default": "charmtest"},
            "g": {"type": "int", "default": i64::MAX},
            "h": {"type": "float", "default": 1e18},
        }}));
        let values = other_values(&info);
        let values: Vec<_> = values
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            values,
            [
                ("a", "charmtest"),
                ("b", "8"),
                ("c", "0.5"),
                ("d", "false"),
                ("f", "charmtest-2"),
                ("g", "9223372036854775806"),
                ("h", "500000000000000000"),
            ]
        );
    }

    #[test]
    fn values_are_compared_as_juju_shows_them() {
        for (value, declared, same) in [
            (json!(1), json!(1.0), true),
            (json!(null), json!(""), true),
            (json!("a"), json!("a"), true),
            (json!(false), json!(null), false),
            (json!("b"), json!("a"), false),
        ] {
            assert_eq!(is_same(&value, &declared), same, "{value} {declared}");
        }
    }

    #[test]
    fn the_other_end_has_the_other_role_and_can_be_met() {
        let end = |name: &str, role: &str, scope: &str| json!({"name": name, "role": role, "interface": "db", "scope": scope, "optional": false});
        let web = info(json!({"endpoints": [end("db", "requirer", "global")]}));
        let db = info(
            json!({"name": "db", "endpoints": [end("up", "requirer", "global"), end("down", "provider", "global")]}),
        );
        let near = info(
            json!({"name": "near", "subordinate": true, "endpoints": [end("here", "provider", "container")]}),
        );
        let far = info(
            json!({"name": "far", "subordinate": true, "endpoints": [end("here", "provider", "global")]}),
        );
        let pod = info(
            json!({"name": "pod", "kubernetes": true, "endpoints": [end("here", "provider", "global")]}),
        );
        let found = |other| other_end(&web, &web.endpoints[0], other).map(|end| end.name.clone());
        assert_eq!(found(&db).as_deref(), Some("down"));
        assert_eq!(found(&near).as_deref(), Some("here"));
        for other in [&web, &far, &pod] {
            assert_eq!(found(other), None, "{}", other.name);
        }
    }

    #[test]
    fn traces_of_an_application_are_found() {
        let status = json!({"applications": {
            "db": {
                "units": {"db/0": {"subordinates": {"web/3": {}}}},
                "relations": {"clients": [{"related-application": "web", "interface": "db", "scope": "global"}]},
            },
        }});
        let status = Status::from_json(&status.to_string()).unwrap();
        assert_eq!(
            traces(&status, "web"),
            ["the unit web/3", "a relation with db:clients"]
        );
        assert!(traces(&status, "we").is_empty());
    }
}
