//! What becomes of secrets, step by step.

use std::collections::BTreeMap;

use super::super::fixture::{charm, deployed, model};
use super::super::{EndpointName, Haste, add_relation, remove_application, remove_unit};
use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn id() -> SecretId {
    SecretId::parse("9m4e2mr0ui3e8a215n4g").unwrap()
}

fn other_id() -> SecretId {
    SecretId::parse("d00000000000000000g0").unwrap()
}

fn unit(name: &str) -> UnitName {
    UnitName::parse(name).unwrap()
}

fn app(name: &str) -> SecretOwner {
    SecretOwner::Application(name.to_owned())
}

fn content(value: &str) -> Content {
    Content::new(BTreeMap::from([("key".to_owned(), value.to_owned())]))
}

fn new(value: &str) -> SecretUpdate {
    SecretUpdate {
        content: Some(content(value)),
        ..SecretUpdate::default()
    }
}

fn labelled(label: &str) -> SecretUpdate {
    SecretUpdate {
        label: Some(label.to_owned()),
        ..new("djE=")
    }
}

/// Two related applications of two units each, and a secret of `db`.
fn world() -> (Model, RelationId) {
    let mut model = model();
    deployed(&mut model, "db", charm("db", "provides: {db: sql}"), 2);
    deployed(&mut model, "web", charm("web", "requires: {db: sql}"), 2);
    let relation = add_relation(
        &mut model,
        &EndpointName::parse("web").unwrap(),
        &EndpointName::parse("db").unwrap(),
        NOW,
    )
    .unwrap();
    create_secret(&mut model, &id(), app("db"), new("djE="), NOW).unwrap();
    (model, relation)
}

fn secret(model: &Model) -> &Secret {
    model.secrets.get(&id()).unwrap()
}

fn obsolete(model: &Model) -> Vec<u32> {
    let revisions = secret(model).revisions.iter();
    revisions
        .filter(|(_, revision)| revision.obsolete)
        .map(|(number, _)| *number)
        .collect()
}

fn to_web(relation: RelationId) -> Grant {
    Grant {
        subject: Subject::Application("web".to_owned()),
        scope: GrantScope::Relation(relation),
    }
}

#[test]
fn only_other_content_makes_a_revision() {
    let (mut model, _) = world();
    update_secret(&mut model, &id(), new("djE="), NOW).unwrap();
    assert_eq!(secret(&model).latest, 1);
    update_secret(&mut model, &id(), new("djI="), NOW).unwrap();
    assert_eq!(secret(&model).latest, 2);
    let gone = update_secret(&mut model, &other_id(), new("djI="), NOW).unwrap_err();
    assert_eq!(
        gone.to_string(),
        "secret \"secret:d00000000000000000g0\" not found"
    );
}

#[test]
fn a_revision_is_obsolete_when_nobody_tracks_it_any_more() {
    let (mut model, _) = world();
    track_secret(&mut model, &unit("web/0"), &id(), Some(1), None).unwrap();
    update_secret(&mut model, &id(), new("djI="), NOW).unwrap();
    assert!(obsolete(&model).is_empty(), "web/0 reads revision 1");
    update_secret(&mut model, &id(), new("djM="), NOW).unwrap();
    assert_eq!(obsolete(&model), [2], "nobody ever read revision 2");
    track_secret(&mut model, &unit("web/0"), &id(), Some(3), None).unwrap();
    assert_eq!(obsolete(&model), [1, 2]);
}

#[test]
fn user_secrets_prune_themselves_on_request() {
    let (mut model, _) = world();
    model.secrets.remove(&id());
    create_secret(&mut model, &id(), SecretOwner::Model, new("djE="), NOW).unwrap();
    update_secret(&mut model, &id(), new("djI="), NOW).unwrap();
    assert_eq!(obsolete(&model), [1]);
    let prune = SecretUpdate {
        auto_prune: Some(true),
        ..SecretUpdate::default()
    };
    update_secret(&mut model, &id(), prune, NOW).unwrap();
    assert_eq!(secret(&model).revisions.keys().collect::<Vec<_>>(), [&2]);
    update_secret(&mut model, &id(), new("djM="), NOW).unwrap();
    assert_eq!(secret(&model).revisions.keys().collect::<Vec<_>>(), [&3]);
}

#[test]
fn labels_are_unique_where_they_could_be_mistaken() {
    let owners = |name: &str| match name {
        "model" => SecretOwner::Model,
        name if name.contains('/') => SecretOwner::Unit(unit(name)),
        name => app(name),
    };
    for (first, second, clash) in [
        ("db", "db", true),
        ("db", "db/0", true),
        ("db/0", "db", true),
        ("db/0", "db/0", true),
        ("db/0", "db/1", false),
        ("db", "web", false),
        ("model", "model", true),
        ("model", "db", false),
    ] {
        let (mut model, _) = world();
        model.secrets.remove(&id());
        create_secret(&mut model, &id(), owners(first), labelled("l"), NOW).unwrap();
        let again = create_secret(&mut model, &other_id(), owners(second), labelled("l"), NOW);
        let expected = Err(SecretError::LabelTaken("l".to_owned()));
        assert_eq!(
            again,
            if clash { expected } else { Ok(()) },
            "{first} {second}"
        );
    }
}

#[test]
fn a_consumers_label_stands_for_one_secret() {
    let (mut model, _) = world();
    create_secret(&mut model, &other_id(), app("web"), labelled("own"), NOW).unwrap();
    let web = unit("web/0");
    track_secret(&mut model, &web, &id(), Some(1), Some("a")).unwrap();
    track_secret(&mut model, &web, &id(), None, Some("b")).unwrap();
    assert_eq!(
        secret(&model).consumers[&web].label,
        "b",
        "the later one counts"
    );
    let clash = track_secret(&mut model, &web, &id(), None, Some("own")).unwrap_err();
    assert_eq!(
        clash.to_string(),
        "secret label \"own\" for consumer \"unit-web-0\" already exists"
    );
    let clash = track_secret(&mut model, &web, &other_id(), Some(1), Some("b"));
    assert!(matches!(clash, Err(SecretError::ConsumerLabelTaken { .. })));
    track_secret(&mut model, &unit("web/1"), &other_id(), Some(1), Some("b")).unwrap();
    assert_eq!(consumed_by_label(&model, &web, "b").unwrap().id, id());
    assert_eq!(owned_by_label(&model, &web, "own").unwrap().id, other_id());
    assert_eq!(owned_by_label(&model, &web, ""), None);
}

#[test]
fn grants_end_with_their_relation() {
    let (mut model, relation) = world();
    assert!(!secret(&model).is_readable_by(&unit("web/0")));
    assert!(secret(&model).is_readable_by(&unit("db/1")));
    grant_secret(&mut model, &id(), to_web(relation)).unwrap();
    grant_secret(&mut model, &id(), to_web(relation)).unwrap();
    assert_eq!(secret(&model).grants.len(), 1);
    assert!(secret(&model).is_readable_by(&unit("web/0")));
    assert_eq!(
        scope_tag(&model, GrantScope::Relation(relation)),
        "relation-web.db#db.db"
    );
    let other = Grant {
        scope: GrantScope::Model,
        ..to_web(relation)
    };
    let error = grant_secret(&mut model, &id(), other).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot change access to \"secret:9m4e2mr0ui3e8a215n4g\" for \"web\": cannot change secret permission scope"
    );
    super::super::remove_relation(&mut model, relation, Haste::Forced).unwrap();
    assert!(secret(&model).grants.is_empty());
}

#[test]
fn secrets_go_with_their_owners() {
    let (mut model, relation) = world();
    let own = SecretOwner::Unit(unit("db/1"));
    create_secret(&mut model, &other_id(), own, new("djE="), NOW).unwrap();
    grant_secret(&mut model, &id(), to_web(relation)).unwrap();
    track_secret(&mut model, &unit("db/1"), &id(), Some(1), None).unwrap();
    track_secret(&mut model, &unit("web/0"), &id(), Some(1), None).unwrap();
    remove_unit(&mut model, &unit("db/1"), Haste::Forced, NOW).unwrap();
    assert!(!model.secrets.contains(&other_id()));
    let readers: Vec<&UnitName> = secret(&model).consumers.keys().collect();
    assert_eq!(readers, [&unit("web/0")]);
    remove_application(&mut model, "web", Haste::Forced, NOW).unwrap();
    assert!(secret(&model).consumers.is_empty() && secret(&model).grants.is_empty());
    remove_application(&mut model, "db", Haste::Forced, NOW).unwrap();
    assert!(model.secrets.is_empty());
}

#[test]
fn the_last_revision_takes_the_secret_with_it() {
    let (mut model, _) = world();
    update_secret(&mut model, &id(), new("djI="), NOW).unwrap();
    let name = unit("db/0");
    let progress = &mut model.units.get_mut(&name).unwrap().progress.secrets;
    progress.changed.insert(id(), 2);
    remove_secret(&mut model, &id(), Some(&BTreeSet::from([9])));
    remove_secret(&mut model, &id(), Some(&BTreeSet::from([1])));
    assert_eq!(secret(&model).revisions.keys().collect::<Vec<_>>(), [&2]);
    remove_secret(&mut model, &id(), Some(&BTreeSet::from([2])));
    assert!(model.secrets.is_empty());
    assert!(
        !model
            .units
            .get(&name)
            .unwrap()
            .progress
            .secrets
            .knows(&id())
    );
    remove_secret(&mut model, &id(), None);
}

#[test]
fn rotation_starts_when_it_is_asked_for_and_is_only_ever_brought_forward() {
    let (mut model, _) = world();
    let policy = |policy| SecretUpdate {
        rotate: Some(policy),
        ..SecretUpdate::default()
    };
    let rotates = |model: &Model| secret(model).rotates.map(|at| at.at.to_string());
    for (next, at) in [
        (RotatePolicy::Daily, Some("1970-01-02T00:00:00Z")),
        (RotatePolicy::Yearly, Some("1970-01-02T00:00:00Z")),
        (RotatePolicy::Hourly, Some("1970-01-01T01:00:00Z")),
        (RotatePolicy::Never, None),
        (RotatePolicy::Weekly, Some("1970-01-08T00:00:00Z")),
    ] {
        update_secret(&mut model, &id(), policy(next), NOW).unwrap();
        assert_eq!(rotates(&model).as_deref(), at, "{next:?}");
        assert_eq!(secret(&model).rotate, next);
    }
}

#[test]
fn expiry_belongs_to_a_revision() {
    let (mut model, _) = world();
    let later: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let expire = SecretUpdate {
        expires: Some(later),
        ..SecretUpdate::default()
    };
    update_secret(&mut model, &id(), expire, NOW).unwrap();
    assert_eq!(secret(&model).expires().map(|at| at.at), Some(later));
    update_secret(&mut model, &id(), new("djI="), NOW).unwrap();
    assert_eq!(
        secret(&model).expires(),
        None,
        "the new one does not expire"
    );
    assert!(secret(&model).revisions[&1].expires.is_some());
}
