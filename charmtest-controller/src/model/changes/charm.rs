//! Charms of a model: uploading them, and changing the charm of an application.

use std::collections::BTreeMap;
use std::sync::Arc;

use charmtest_charm::{Charm, Endpoint, Role, Scope};
use jiff::Timestamp;

use super::ChangeError;
use super::config::{Setting, apply, parse_settings};
use super::deploy::add_peer_relations;
use super::storage_request::StorageRequest;
use super::storage_upgrade::{furnish_upgraded, plan_upgrade};
use crate::JujuVersion;
use crate::model::{CharmRow, Life, Model, ResourceRow, is_store_url};

/// A change of an application's charm.
#[derive(Debug, Clone, PartialEq)]
pub struct Refresh {
    /// The URL of the new charm.
    pub charm: String,
    /// Settings to change in the same step.
    pub settings: Vec<(String, Setting)>,
    /// Resources that come with it.
    pub resources: BTreeMap<String, ResourceRow>,
    /// Trust, if it is to change.
    pub trust: Option<bool>,
    /// The new base, if it is to change.
    pub base: Option<String>,
    /// The new channel, if one was named.
    pub channel: Option<String>,
    /// Whether units in hook error take it up as well (`--force-units`).
    pub force_units: bool,
    /// What units to come get of the charm's storage, where it changes.
    pub storage: BTreeMap<String, StorageRequest>,
}

/// Adds an uploaded charm to the model under the next revision of its name and returns its record.
pub fn add_charm(model: &mut Model, sha256: &str, charm: Arc<Charm>) -> CharmRow {
    let name = charm.metadata.name.to_string();
    let next = model
        .info_mut()
        .next_revision
        .entry(name.clone())
        .or_default();
    let revision = *next;
    *next += 1;
    let row = CharmRow {
        url: format!("local:{name}-{revision}"),
        revision,
        sha256: sha256.to_owned(),
        charm,
    };
    model.charms.insert(row.url.clone(), row.clone());
    row
}

/// Adds a charm of a charm store to the model under the store's own name and revision and returns its record.
///
/// A revision that an application uses stays what it is, as in Juju: a store never changes what it has published.
pub fn add_store_charm(
    model: &mut Model,
    name: &str,
    revision: u32,
    sha256: &str,
    charm: Arc<Charm>,
) -> CharmRow {
    // Everything runs on this machine, whatever its architecture; the name has Juju's default one.
    let url = format!("ch:amd64/{name}-{revision}");
    let in_use = model.applications.values().any(|app| app.charm == url);
    if let Some(row) = model.charms.get(&url).filter(|_| in_use) {
        return row.clone();
    }
    let row = CharmRow {
        url,
        revision,
        sha256: sha256.to_owned(),
        charm,
    };
    model.charms.insert(row.url.clone(), row.clone());
    row
}

/// Sets another charm of the same name for an application (Juju 3.6, `juju refresh`); its units follow by themselves.
///
/// Settings that no longer fit the charm's options are dropped, and new peer endpoints get their relations.
///
/// # Errors
///
/// Fails, with nothing changed, when there is no such application or charm, the charm is another one, an endpoint that is in use is
/// gone, or settings and resources do not fit.
pub fn refresh(
    model: &mut Model,
    application: &str,
    change: Refresh,
    now: Timestamp,
) -> Result<(), ChangeError> {
    let row = model
        .applications
        .get(application)
        .ok_or_else(|| ChangeError::ApplicationNotFound(application.to_owned()))?;
    if row.life != Life::Alive {
        return Err(ChangeError::ApplicationDying(application.to_owned()));
    }
    let old = model
        .charm_of(application)
        .ok_or_else(|| ChangeError::CharmNotFound(row.charm.clone()))?
        .charm
        .clone();
    let new = model
        .charms
        .get(&change.charm)
        .ok_or_else(|| ChangeError::CharmNotFound(change.charm.clone()))?
        .charm
        .clone();
    // A store's charm may take the place of any other (`--switch`); `--path` takes only the same one.
    if old.metadata.name != new.metadata.name && !is_store_url(&change.charm) {
        return Err(ChangeError::OtherCharm {
            from: old.metadata.name.to_string(),
            to: new.metadata.name.to_string(),
        });
    }
    check_relations(model, application, &change.charm, &new)?;
    check_resources(&new, change.resources.keys())?;
    let storage = plan_upgrade(
        model,
        application,
        &change.charm,
        (&old, &new),
        &change.storage,
    )?;
    let settings = parse_settings(&new, &change.settings)?;
    let has_peer = |endpoint: &&Endpoint| {
        model
            .relations_of(application)
            .any(|relation| relation.is_peer() && relation.endpoints[0].name == endpoint.name)
    };
    let new_peers: Vec<Endpoint> = new
        .metadata
        .endpoints_with_role(Role::Peer)
        .filter(|endpoint| !has_peer(endpoint))
        .cloned()
        .collect();

    let row = model
        .applications
        .get_mut(application)
        .expect("it was there above");
    row.config.retain(|name, value| {
        new.config
            .check_value(name, value)
            .is_ok_and(|fitting| fitting == *value)
    });
    apply(&mut row.config, &settings);
    row.trust = change.trust.or(settings.trust).unwrap_or(row.trust);
    row.resources
        .retain(|name, _| new.metadata.resources.contains_key(name));
    row.resources.extend(change.resources);
    if !is_store_url(&change.charm) && is_store_url(&row.charm) {
        row.channel = None;
    }
    row.charm = change.charm;
    row.charm_modified += 1;
    row.force_charm = change.force_units;
    row.storage = storage;
    if let Some(base) = change.base {
        row.base = base;
    }
    if change.channel.is_some() {
        row.channel = change.channel;
    }
    add_peer_relations(model, application, &new_peers, now);
    furnish_upgraded(model, application, &old, &new, now);
    Ok(())
}

/// Lets an application whose charm is the newest follow a channel, and gives it resources (Juju 3.6, `juju refresh` of a charm that is
/// up to date). Units run `upgrade-charm` only for resources.
///
/// # Errors
///
/// Fails when there is no such application, or its charm declares no such resource.
pub fn follow_channel(
    model: &mut Model,
    application: &str,
    channel: Option<String>,
    resources: BTreeMap<String, ResourceRow>,
) -> Result<(), ChangeError> {
    let not_found = || ChangeError::ApplicationNotFound(application.to_owned());
    let charm = model
        .charm_of(application)
        .ok_or_else(not_found)?
        .charm
        .clone();
    check_resources(&charm, resources.keys())?;
    let row = model
        .applications
        .get_mut(application)
        .ok_or_else(not_found)?;
    if channel.is_some() {
        row.channel = channel;
    }
    if !resources.is_empty() {
        row.charm_modified += 1;
        row.resources.extend(resources);
    }
    Ok(())
}

/// Checks that a charm declares these resources.
pub(super) fn check_resources<'a>(
    charm: &Charm,
    names: impl IntoIterator<Item = &'a String>,
) -> Result<(), ChangeError> {
    match names
        .into_iter()
        .find(|name| !charm.metadata.resources.contains_key(*name))
    {
        Some(name) => Err(ChangeError::UnknownResource(name.clone())),
        None => Ok(()),
    }
}

/// Checks that the endpoints in use are still there, with the same role and interface.
fn check_relations(
    model: &Model,
    application: &str,
    url: &str,
    charm: &Charm,
) -> Result<(), ChangeError> {
    for relation in model.relations_of(application) {
        let Some(used) = relation.endpoint_of(application) else {
            continue;
        };
        let implicit = Endpoint::juju_info();
        let now = charm
            .metadata
            .endpoint(&used.name)
            .or((used.name == implicit.name).then_some(&implicit));
        let fits = now.is_some_and(|endpoint| {
            endpoint.role == used.role
                && endpoint.interface == used.interface
                && (endpoint.scope == Scope::Global || relation.scope == endpoint.scope)
        });
        if !fits && model.info.juju == JujuVersion::V4_0 {
            let name = &used.name;
            let why = match now {
                None if relation.is_peer() => format!(
                    "charm has no corresponding peer relation {name:?}. Please scale down to 0 units to refresh"
                ),
                None => format!("charm has no corresponding relation {name:?}"),
                Some(now) if now.role != used.role => format!(
                    "cannot change role of relation {name:?} from {} to {}",
                    used.role.as_str(),
                    now.role.as_str()
                ),
                Some(now) => format!(
                    "cannot change interface of relation {name:?} from {} to {}",
                    used.interface, now.interface
                ),
            };
            return Err(ChangeError::SetCharm {
                application: application.to_owned(),
                why,
            });
        }
        if !fits {
            return Err(ChangeError::BreaksRelation {
                application: application.to_owned(),
                charm: url.to_owned(),
                relation: relation.key(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{charm, deployed, full_charm, model};
    use super::super::{EndpointName, add_relation, set_config};
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn upgrade(url: &str) -> Refresh {
        Refresh {
            charm: url.to_owned(),
            settings: Vec::new(),
            resources: BTreeMap::new(),
            trust: None,
            base: None,
            channel: None,
            force_units: false,
            storage: BTreeMap::new(),
        }
    }

    fn add(model: &mut Model, charm: Charm) -> String {
        add_charm(model, "sha", Arc::new(charm)).url
    }

    #[test]
    fn revisions_are_counted_per_name() {
        let mut model = model();
        for (name, expected) in [("a", "local:a-0"), ("a", "local:a-1"), ("b", "local:b-0")] {
            assert_eq!(add(&mut model, charm(name, "")), expected);
        }
    }

    #[test]
    fn a_stores_revision_in_use_stays_what_it_is() {
        let mut model = model();
        let add = |model: &mut Model, sha: &str| {
            add_store_charm(model, "web", 7, sha, Arc::new(charm("web", "")))
        };
        assert_eq!(add(&mut model, "a").url, "ch:amd64/web-7");
        assert_eq!(add(&mut model, "b").sha256, "b");
        deployed(&mut model, "web", charm("web", ""), 1);
        refresh(&mut model, "web", upgrade("ch:amd64/web-7"), NOW).unwrap();
        assert_eq!(add(&mut model, "c").sha256, "b");
    }

    #[test]
    fn a_stores_charm_may_take_the_place_of_another() {
        let mut model = model();
        deployed(&mut model, "web", charm("web", ""), 1);
        let url = add_store_charm(&mut model, "other", 3, "sha", Arc::new(charm("other", ""))).url;
        let change = Refresh {
            channel: Some("latest/edge".to_owned()),
            ..upgrade(&url)
        };
        refresh(&mut model, "web", change, NOW).unwrap();
        let channel = |model: &Model| model.applications.get("web").unwrap().channel.clone();
        assert_eq!(channel(&model).as_deref(), Some("latest/edge"));
        let back = add(&mut model, charm("other", ""));
        refresh(&mut model, "web", upgrade(&back), NOW).unwrap();
        assert_eq!(
            channel(&model),
            None,
            "an uploaded charm follows no channel"
        );
    }

    #[test]
    fn a_new_revision_keeps_what_fits() {
        let mut model = model();
        deployed(
            &mut model,
            "a",
            full_charm(
                "a",
                "",
                "options: {level: {type: int}, mode: {}, gone: {}}",
                "",
            ),
            1,
        );
        let given = [("level", "1"), ("mode", "x"), ("gone", "y")]
            .map(|(k, v)| (k.to_owned(), Setting::Text(v.to_owned())));
        set_config(&mut model, "a", &given, &[]).unwrap();
        let url = add(
            &mut model,
            full_charm(
                "a",
                "peers: {ring: r}",
                "options: {level: {type: boolean}, mode: {}}",
                "",
            ),
        );
        refresh(&mut model, "a", upgrade(&url), NOW).unwrap();
        let row = model.applications.get("a").unwrap();
        assert_eq!((row.charm.as_str(), row.charm_modified), ("local:a-1", 1));
        assert_eq!(json!(row.config), json!({"mode": "x"}));
        assert_eq!(
            model.relations_of("a").map(|r| r.key()).collect::<Vec<_>>(),
            ["a:ring"]
        );
    }

    #[test]
    fn refusals() {
        let mut model = model();
        deployed(
            &mut model,
            "web",
            charm("web", "requires: {db: sql}\npeers: {ring: r}"),
            1,
        );
        deployed(&mut model, "db", charm("db", "provides: {db: sql}"), 1);
        add_relation(
            &mut model,
            &EndpointName::parse("web").unwrap(),
            &EndpointName::parse("db").unwrap(),
            NOW,
        )
        .unwrap();
        let other = add(&mut model, charm("other", ""));
        let no_endpoint = add(&mut model, charm("web", "peers: {ring: r}"));
        let other_interface = add(
            &mut model,
            charm("web", "requires: {db: nosql}\npeers: {ring: r}"),
        );
        let no_peer = add(&mut model, charm("web", "requires: {db: sql}"));
        for (url, expected) in [
            (&other, "cannot refresh \"web\" to \"other\"".to_owned()),
            (&no_endpoint, "cannot upgrade application \"web\" to charm \"local:web-1\": would break relation \"web:db db:db\"".to_owned()),
            (&other_interface, "cannot upgrade application \"web\" to charm \"local:web-2\": would break relation \"web:db db:db\"".to_owned()),
            (&no_peer, "cannot upgrade application \"web\" to charm \"local:web-3\": would break relation \"web:ring\"".to_owned()),
        ] {
            assert_eq!(refresh(&mut model, "web", upgrade(url), NOW).unwrap_err().to_string(), expected);
        }
        assert_eq!(model.applications.get("web").unwrap().charm, "local:web-0");
        assert_eq!(
            refresh(&mut model, "x", upgrade(&other), NOW),
            Err(ChangeError::ApplicationNotFound("x".to_owned()))
        );
    }
}
