//! Relations between applications: which endpoints are meant, and adding them.

use std::fmt;

use charmtest_charm::{Endpoint as CharmEndpoint, Role, Scope};
use jiff::Timestamp;

use super::ChangeError;
use super::deploy::add_relation_record;
use super::offer::endpoints_of;
use crate::model::{Endpoint, Life, Model, NameError, Relation, RelationId, application_name};

/// One side of a relation as a user names it, `app` or `app:endpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointName {
    /// The application.
    pub application: String,
    /// The endpoint, if it was named.
    pub endpoint: Option<String>,
}

impl EndpointName {
    /// Parses `app` or `app:endpoint`.
    ///
    /// # Errors
    ///
    /// Fails with Juju's words when the application's name cannot be one.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (application, endpoint) = match text.split_once(':') {
            Some((application, endpoint)) => (application, Some(endpoint.to_owned())),
            None => (text, None),
        };
        if application_name(application).is_err() || endpoint.as_deref() == Some("") {
            return Err(NameError(format!("application name {text:?} not valid")));
        }
        Ok(Self {
            application: application.to_owned(),
            endpoint,
        })
    }
}

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.application)?;
        match &self.endpoint {
            Some(endpoint) => write!(f, ":{endpoint}"),
            None => Ok(()),
        }
    }
}

/// An endpoint that a relation could join, with what its charm says about it.
#[derive(Debug, Clone, Copy)]
struct Candidate<'a> {
    application: &'a str,
    endpoint: &'a CharmEndpoint,
    implicit: bool,
}

/// Relates two applications (Juju 3.6, `juju integrate`) and returns the relation's number.
///
/// # Errors
///
/// Fails when there is no such application or endpoint, no or more than one pair of endpoints fits, the relation is there already, or an
/// endpoint has as many relations as it takes.
pub fn add_relation(
    model: &mut Model,
    a: &EndpointName,
    b: &EndpointName,
    now: Timestamp,
) -> Result<RelationId, ChangeError> {
    let (endpoints, scope) = plan_relation(model, a, b)?;
    Ok(add_relation_record(model, endpoints, scope, now))
}

/// Returns the endpoints, provider first, and the scope of the relation that [`add_relation`] would make; one of the applications may
/// be a consumed one.
pub(super) fn plan_relation(
    model: &Model,
    a: &EndpointName,
    b: &EndpointName,
) -> Result<(Vec<Endpoint>, Scope), ChangeError> {
    let implicit = CharmEndpoint::juju_info();
    let declared = [a, b].map(|side| endpoints_of(model, &side.application));
    let [Some(mut of_a), Some(mut of_b)] = declared else {
        let missing = if declared[0].is_none() { a } else { b };
        return Err(ChangeError::ApplicationNotFound(
            missing.application.clone(),
        ));
    };
    if [a, b]
        .iter()
        .any(|side| model.remote_applications.contains(&side.application))
    {
        // Units of different models are never on one machine.
        for endpoints in [&mut of_a, &mut of_b] {
            endpoints.retain(|endpoint| endpoint.scope != Scope::Container);
        }
    }
    let left = candidates(a, &of_a, &implicit)?;
    let right = candidates(b, &of_b, &implicit)?;
    let (provider, requirer) = choose(model, a, b, &left, &right)?;

    let endpoints = vec![record(provider), record(requirer)];
    let key = key(provider, requirer);
    for side in [provider, requirer] {
        let application = model.applications.get(side.application);
        let remote = model.remote_applications.get(side.application);
        let life = application
            .map(|row| row.life)
            .or(remote.map(|row| row.life));
        if life.is_some_and(|life| life != Life::Alive) {
            return Err(ChangeError::ApplicationDying(side.application.to_owned()));
        }
    }
    if let Some(existing) = model
        .relations
        .values()
        .find(|relation| relation.endpoints == endpoints)
    {
        return Err(match existing.life {
            Life::Alive => ChangeError::RelationExists(key),
            _ => ChangeError::RelationDying(key),
        });
    }
    let scope = scope(provider, requirer);
    if scope == Scope::Container {
        check_container(model, provider, requirer, &key)?;
    }
    for side in [provider, requirer] {
        check_limit(model, side, &key)?;
    }
    Ok((endpoints, scope))
}

/// Returns the scope of a relation: if either side declares that it stays within a container, so it is for both.
fn scope(provider: Candidate<'_>, requirer: Candidate<'_>) -> Scope {
    let within = |side: Candidate<'_>| side.endpoint.scope == Scope::Container;
    if within(provider) || within(requirer) {
        Scope::Container
    } else {
        Scope::Global
    }
}

/// Checks that a relation within containers has a side that lives in another's container, on a base that both know.
fn check_container(
    model: &Model,
    provider: Candidate<'_>,
    requirer: Candidate<'_>,
    key: &str,
) -> Result<(), ChangeError> {
    let charms = [provider, requirer].map(|side| model.charm_of(side.application));
    let bases = charms.map(|row| row.map_or(&[][..], |row| &row.charm.manifest.bases[..]));
    let [left, right] = bases;
    let share = left.iter().any(|base| {
        right
            .iter()
            .any(|other| (&base.name, &base.channel) == (&other.name, &other.channel))
    });
    if !left.is_empty() && !right.is_empty() && !share {
        return Err(ChangeError::SubordinateBases(key.to_owned()));
    }
    if !has_subordinate(model, provider, requirer) {
        return Err(ChangeError::NoSubordinate(key.to_owned()));
    }
    Ok(())
}

fn has_subordinate(model: &Model, provider: Candidate<'_>, requirer: Candidate<'_>) -> bool {
    [provider, requirer]
        .iter()
        .any(|side| model.is_subordinate(side.application))
}

/// Finds the relation that two names mean (Juju 3.6, `juju remove-relation`).
///
/// # Errors
///
/// Fails when there is none, or more than one.
pub fn find_relation(
    model: &Model,
    a: &EndpointName,
    b: &EndpointName,
) -> Result<RelationId, ChangeError> {
    for side in [a, b] {
        if !model.knows_application(&side.application) {
            return Err(ChangeError::ApplicationNotFound(side.application.clone()));
        }
    }
    let joins = |relation: &Relation, side: &EndpointName| {
        relation
            .endpoint_of(&side.application)
            .is_some_and(|endpoint| {
                side.endpoint
                    .as_ref()
                    .is_none_or(|name| *name == endpoint.name)
            })
    };
    let mut found = model.relations.values().filter(|relation| {
        !relation.is_peer()
            && a.application != b.application
            && joins(relation, a)
            && joins(relation, b)
    });
    match (found.next(), found.next()) {
        (None, _) => Err(ChangeError::RelationNotFound(format!(
            "{:?}",
            format!("{a} {b}")
        ))),
        (Some(relation), None) => Ok(relation.id),
        (Some(_), Some(_)) => Err(ChangeError::AmbiguousEndpoints(format!(
            "[{:?} {:?}]",
            a.to_string(),
            b.to_string()
        ))),
    }
}

/// Lists the endpoints that a name can mean; every charm provides `juju-info` without saying so.
fn candidates<'a>(
    name: &'a EndpointName,
    declared: &'a [CharmEndpoint],
    implicit: &'a CharmEndpoint,
) -> Result<Vec<Candidate<'a>>, ChangeError> {
    let wanted = |endpoint: &CharmEndpoint| {
        name.endpoint
            .as_ref()
            .is_none_or(|wanted| *wanted == endpoint.name)
    };
    let found: Vec<Candidate<'a>> = declared
        .iter()
        .map(|endpoint| (endpoint, false))
        .chain([(implicit, true)])
        .filter(|(endpoint, _)| wanted(endpoint))
        .map(|(endpoint, implicit)| Candidate {
            application: &name.application,
            endpoint,
            implicit,
        })
        .collect();
    match &name.endpoint {
        Some(endpoint) if found.is_empty() => Err(ChangeError::EndpointNotFound {
            application: name.application.clone(),
            endpoint: endpoint.clone(),
        }),
        _ => Ok(found),
    }
}

/// Chooses the one pair of endpoints that fits; an implicit endpoint counts only if nothing else fits.
fn choose<'a>(
    model: &Model,
    a: &EndpointName,
    b: &EndpointName,
    left: &[Candidate<'a>],
    right: &[Candidate<'a>],
) -> Result<(Candidate<'a>, Candidate<'a>), ChangeError> {
    let pairs = left
        .iter()
        .flat_map(|x| right.iter().filter_map(|y| provider_and_requirer(*x, *y)));
    // Two principals cannot meet within a container.
    let mut pairs: Vec<(Candidate<'a>, Candidate<'a>)> = pairs
        .filter(|(provider, requirer)| {
            scope(*provider, *requirer) == Scope::Global
                || has_subordinate(model, *provider, *requirer)
        })
        .collect();
    if pairs.len() > 1 {
        let mut declared = pairs
            .iter()
            .filter(|(provider, requirer)| !provider.implicit && !requirer.implicit);
        if let (Some(only), None) = (declared.next(), declared.next()) {
            pairs = vec![*only];
        }
    }
    match pairs[..] {
        [] => Err(ChangeError::NoRelations),
        [pair] => Ok(pair),
        _ => {
            let mut keys: Vec<String> = pairs
                .iter()
                .map(|(provider, requirer)| format!("{:?}", key(*provider, *requirer)))
                .collect();
            keys.sort();
            Err(ChangeError::AmbiguousRelation {
                pair: format!("{a} {b}"),
                candidates: keys.join("; "),
            })
        }
    }
}

/// Returns the two in order if they can be related: other applications, one interface, opposite roles.
fn provider_and_requirer<'a>(
    x: Candidate<'a>,
    y: Candidate<'a>,
) -> Option<(Candidate<'a>, Candidate<'a>)> {
    if x.application == y.application || x.endpoint.interface != y.endpoint.interface {
        return None;
    }
    match (x.endpoint.role, y.endpoint.role) {
        (Role::Provider, Role::Requirer) => Some((x, y)),
        (Role::Requirer, Role::Provider) => Some((y, x)),
        _ => None,
    }
}

fn check_limit(model: &Model, side: Candidate<'_>, key: &str) -> Result<(), ChangeError> {
    let Some(limit) = side.endpoint.limit.filter(|limit| *limit > 0) else {
        return Ok(());
    };
    let joined = model
        .relations_of(side.application)
        .filter(|relation| {
            relation
                .endpoint_of(side.application)
                .is_some_and(|used| used.name == side.endpoint.name)
        })
        .count();
    if joined < usize::try_from(limit).unwrap_or(usize::MAX) {
        return Ok(());
    }
    let endpoint = format!("{}:{}", side.application, side.endpoint.name);
    Err(ChangeError::RelationLimit {
        key: key.to_owned(),
        endpoint,
        limit,
    })
}

fn key(provider: Candidate<'_>, requirer: Candidate<'_>) -> String {
    let full = |side: Candidate<'_>| format!("{}:{}", side.application, side.endpoint.name);
    format!("{} {}", full(requirer), full(provider))
}

fn record(side: Candidate<'_>) -> Endpoint {
    Endpoint {
        application: side.application.to_owned(),
        name: side.endpoint.name.clone(),
        role: side.endpoint.role,
        interface: side.endpoint.interface.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{charm, deployed, model};
    use super::super::{Haste, remove_application};
    use super::*;

    fn models() -> Model {
        let mut model = model();
        deployed(
            &mut model,
            "db",
            charm(
                "db",
                "provides: {db: sql, admin: sql-admin}\npeers: {ring: r}",
            ),
            1,
        );
        deployed(
            &mut model,
            "web",
            charm(
                "web",
                "requires: {db: sql, cache: {interface: kv, limit: 1}}",
            ),
            1,
        );
        deployed(
            &mut model,
            "multi",
            charm("multi", "requires: {one: sql, two: sql}"),
            1,
        );
        deployed(&mut model, "kv", charm("kv", "provides: {kv: kv}"), 1);
        deployed(&mut model, "kv2", charm("kv", "provides: {kv: kv}"), 1);
        deployed(
            &mut model,
            "probe",
            charm("probe", "requires: {info: juju-info, kv: kv}"),
            1,
        );
        deployed(&mut model, "plain", charm("plain", ""), 1);
        deployed(
            &mut model,
            "side",
            charm(
                "side",
                "requires: {host: {interface: sql, scope: container}}",
            ),
            1,
        );
        for name in ["agent", "agent2"] {
            let lines = "subordinate: true\nrequires: {host: {interface: juju-info, scope: container}, sql: {interface: sql, scope: container, optional: true}}";
            deployed(&mut model, name, charm(name, lines), 0);
        }
        model
    }

    fn relate(model: &mut Model, pair: &str) -> Result<String, String> {
        let (a, b) = pair.split_once(' ').unwrap();
        let names = [a, b].map(|name| EndpointName::parse(name).unwrap());
        let id = add_relation(model, &names[0], &names[1], Timestamp::UNIX_EPOCH)
            .map_err(|error| error.to_string())?;
        Ok(model.relations.get(&id).unwrap().key())
    }

    #[test]
    fn endpoints_are_inferred() {
        for (pair, expected) in [
            ("web db", Ok("web:db db:db")),
            ("db web", Ok("web:db db:db")),
            ("db:db web:db", Ok("web:db db:db")),
            ("db web:db", Ok("web:db db:db")),
            ("multi:two db", Ok("multi:two db:db")),
            ("plain probe", Ok("probe:info plain:juju-info")),
            ("kv probe", Ok("probe:kv kv:kv")),
            ("kv:juju-info probe", Ok("probe:info kv:juju-info")),
            (
                "multi db",
                Err(
                    "ambiguous relation: \"multi db\" could refer to \"multi:one db:db\"; \"multi:two db:db\"",
                ),
            ),
            ("web plain", Err("no relations found")),
            ("web:db db:admin", Err("no relations found")),
            ("db:ring web:db", Err("no relations found")),
            ("db:db db:db", Err("no relations found")),
            ("web nosuch", Err("application \"nosuch\" not found")),
            ("nosuch web", Err("application \"nosuch\" not found")),
            (
                "web:nosuch db",
                Err("application \"web\" has no \"nosuch\" relation"),
            ),
            ("side db", Err("no relations found")),
            ("agent db", Ok("agent:sql db:db")),
            ("agent plain", Ok("agent:host plain:juju-info")),
            ("db:db agent", Ok("agent:sql db:db")),
            ("agent agent2:host", Ok("agent2:host agent:juju-info")),
        ] {
            let outcome = relate(&mut models(), pair);
            assert_eq!(
                outcome.as_deref().map_err(String::as_str),
                expected,
                "{pair}"
            );
        }
    }

    #[test]
    fn a_relation_can_be_there_once() {
        let mut model = models();
        let id = model.info.next_relation;
        relate(&mut model, "web db").unwrap();
        assert_eq!(
            model
                .relations
                .get(&id)
                .unwrap()
                .applications
                .keys()
                .collect::<Vec<_>>(),
            ["db", "web"]
        );
        let again = relate(&mut model, "db:db web").unwrap_err();
        assert_eq!(
            again,
            "cannot add relation \"web:db db:db\": relation web:db db:db already exists"
        );
        model.relations.get_mut(&id).unwrap().life = Life::Dying;
        let dying = relate(&mut model, "db:db web").unwrap_err();
        assert!(dying.ends_with("is dying, but not yet removed"), "{dying}");
    }

    #[test]
    fn limits_count() {
        let mut model = models();
        relate(&mut model, "web kv").unwrap();
        assert_eq!(
            relate(&mut model, "web kv2").unwrap_err(),
            "cannot add relation \"web:cache kv2:kv\": establishing a new relation for web:cache would exceed its maximum relation limit of 1"
        );
        relate(&mut model, "probe kv").unwrap();
    }

    #[test]
    fn a_dying_application_takes_no_relations() {
        let mut model = models();
        model.units.get_mut("db/0").unwrap().progress.installed = true;
        remove_application(&mut model, "db", Haste::Orderly, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(
            relate(&mut model, "web db").unwrap_err(),
            "application \"db\" is not alive"
        );
    }

    #[test]
    fn finding_relations_by_their_ends() {
        let mut model = models();
        relate(&mut model, "web db").unwrap();
        relate(&mut model, "multi:one db").unwrap();
        relate(&mut model, "multi:two db").unwrap();
        let find = |a: &str, b: &str| {
            find_relation(
                &model,
                &EndpointName::parse(a).unwrap(),
                &EndpointName::parse(b).unwrap(),
            )
            .map(|id| model.relations.get(&id).unwrap().key())
            .map_err(|error| error.to_string())
        };
        assert_eq!(find("web", "db").as_deref(), Ok("web:db db:db"));
        assert_eq!(find("db:db", "web").as_deref(), Ok("web:db db:db"));
        assert_eq!(find("db", "multi:two").as_deref(), Ok("multi:two db:db"));
        assert_eq!(
            find("db", "multi"),
            Err(
                "endpoints [\"db\" \"multi\"] are ambiguous, specify relation endpoints or id"
                    .to_owned()
            )
        );
        assert_eq!(
            find("web:cache", "db"),
            Err("relation \"web:cache db\" not found".to_owned())
        );
        assert_eq!(
            find("db:ring", "db:ring"),
            Err("relation \"db:ring db:ring\" not found".to_owned())
        );
        assert_eq!(
            find("web", "nosuch"),
            Err("application \"nosuch\" not found".to_owned())
        );
    }

    #[test]
    fn names_of_endpoints() {
        assert_eq!(EndpointName::parse("a:b").unwrap().to_string(), "a:b");
        for bad in ["Bad_Name", "", ":x", "a:"] {
            assert_eq!(
                EndpointName::parse(bad).unwrap_err().to_string(),
                format!("application name {bad:?} not valid")
            );
        }
    }
}
