//! Storage of units in a model.

use super::super::fixture::{addresses, charm, deployed, model_of, new_application};
use super::super::storage_upgrade::{furnish_upgraded, plan_upgrade};
use super::super::{
    Haste, NewApplication, Places, add_charm, add_units, create_pool, deploy, destroy_model,
    remove_application, remove_pool, remove_unit, remove_unit_record,
};
use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

const STORAGE: &str = "storage:\n  data: {type: filesystem, multiple: {range: 1-3}, minimum-size: 64M}\n  \
                       cache: {type: filesystem, location: /srv/cache}\n  disk: {type: block, multiple: {range: 0-1}}\n";

fn unit(name: &str) -> UnitName {
    UnitName::parse(name).unwrap()
}

fn id(text: &str) -> StorageId {
    StorageId::parse(text).unwrap()
}

fn request(text: &str) -> StorageRequest {
    StorageRequest::parse(text).unwrap()
}

/// `db` with two units that have `cache/0`, `data/1` and `cache/2`, `data/3`.
fn furnished(juju: JujuVersion) -> Model {
    let mut model = model_of(juju);
    deployed(&mut model, "db", charm("db", STORAGE), 2);
    model
}

/// Lists instances: `data/1 db/0 alive`, `data/1 - dying`.
fn shown(model: &Model) -> Vec<String> {
    let line = |instance: &StorageInstance| {
        let held = instance.attachment.as_ref();
        let unit = held.map_or("-", |held| held.unit.as_str());
        let life = held.map_or(instance.life, |held| held.life).as_str();
        format!("{} {unit} {life}", instance.id)
    };
    model.storage.values().map(line).collect()
}

/// Says that the units' agents have run `storage-attached` for all storage.
fn settle(model: &mut Model) {
    let held: Vec<(StorageId, UnitName)> = model
        .storage
        .values()
        .filter_map(|row| Some((row.id.clone(), row.attachment.as_ref()?.unit.clone())))
        .collect();
    for (id, unit) in held {
        let row = model.units.get_mut(&unit).unwrap();
        row.progress.charm = Some("local:db-0".to_owned());
        row.progress.storage.insert(id);
    }
}

#[test]
fn units_get_what_the_charm_and_the_user_want() {
    let mut model = furnished(JujuVersion::V3_6);
    assert_eq!(
        shown(&model),
        [
            "cache/0 db/0 alive",
            "cache/2 db/1 alive",
            "data/1 db/0 alive",
            "data/3 db/1 alive"
        ],
        "numbers are counted over all storage"
    );
    let data = model.storage.get(&id("data/1")).unwrap();
    assert_eq!(
        (data.size, data.pool.as_str(), data.filesystem),
        (64, "rootfs", 1)
    );
    let new = NewApplication {
        storage: [("data".to_owned(), request("tmpfs,2,1G"))].into(),
        ..new_application("web", "local:db-0", 1)
    };
    let mut elsewhere = addresses();
    deploy(&mut model, &mut elsewhere, new, NOW).unwrap();
    let data = model.storage.get(&id("data/6")).unwrap();
    assert_eq!((data.size, data.pool.as_str()), (1024, "tmpfs"));
    assert_eq!(held(&model, &unit("web/0"), "data"), 2);
}

#[test]
fn storage_that_does_not_fit_is_refused_at_deploy() {
    let info = StorageInfo::default();
    let plan = |metadata: &str, requests: &[(&str, &str)]| {
        let requests = requests
            .iter()
            .map(|(name, text)| ((*name).to_owned(), request(text)))
            .collect();
        plan_storage(&charm("db", metadata), &requests, &info, None).map(drop)
    };
    for (requests, on_3_6, on_4_0) in [
        (
            &[("nosuch", "1")][..],
            "charm \"db\" has no store called \"nosuch\"",
            "storage directive \"nosuch\" does not exist in the charm",
        ),
        (
            &[("data", "nosuchpool,1G")],
            "pool \"nosuchpool\" not found",
            "storage directive data pool: getting storage pool \"nosuchpool\" UUID: storage pool \"nosuchpool\" not found",
        ),
        (
            &[("data", "9")],
            "charm \"db\" store \"data\": at most 3 instances supported, 9 specified",
            "storage directive \"data\" request count 9 exceeds the charm's maximum count of 3",
        ),
        (
            &[("data", "16M")],
            "charm \"db\" store \"data\": minimum storage size is 64 MB, 16 MB specified",
            "charm \"db\" store \"data\": minimum storage size is 64 MiB, 16 MiB specified",
        ),
        (
            &[("disk", "1")],
            "storage \"disk\" needs a block device",
            "storage \"disk\" needs a block device",
        ),
        (
            &[("data", "loop,1")],
            "storage \"data\" needs a block device",
            "storage \"data\" needs a block device",
        ),
    ] {
        let error = plan(STORAGE, requests).unwrap_err();
        let said = error.words_at_deploy_3_6();
        assert!(said.starts_with(on_3_6), "{said}");
        assert!(error.to_string().starts_with(on_4_0), "{error}");
    }
    let one = "storage: {data: {type: filesystem}}";
    assert_eq!(
        plan(one, &[("data", "2")])
            .unwrap_err()
            .words_at_deploy_3_6(),
        "charm \"db\" store \"data\": storage is singular, 2 specified"
    );
    let two = "storage: {data: {type: filesystem, multiple: {range: 2+}}}";
    assert_eq!(
        plan(two, &[("data", "1")]).unwrap_err().to_string(),
        "charm \"db\" store \"data\": 2 instances required, 1 specified"
    );
    let shared = "storage: {data: {type: filesystem, shared: true}}";
    assert_eq!(
        plan(shared, &[]).unwrap_err().to_string(),
        "charm \"db\" store \"data\": shared storage support not implemented"
    );
}

#[test]
fn adding_to_a_unit() {
    let mut model = furnished(JujuVersion::V3_6);
    let added = add_storage(&mut model, &unit("db/0"), "data", &request("2"), NOW).unwrap();
    assert_eq!(added, [id("data/4"), id("data/5")]);
    for (name, storage, text, expected) in [
        (
            "db/0",
            "data",
            "1",
            "storage directive \"data\" request count 4 exceeds the charm's maximum count of 3",
        ),
        (
            "db/1",
            "nosuch",
            "1",
            "storage name \"nosuch\" not supported by charm",
        ),
        ("db/9", "data", "1", "unit \"db/9\" does not exist"),
        (
            "db/1",
            "data",
            "nosuchpool,1G",
            "storage pool \"nosuchpool\" does not exist",
        ),
    ] {
        let error = add_storage(&mut model, &unit(name), storage, &request(text), NOW);
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
}

#[test]
fn what_a_unit_needs_cannot_be_detached() {
    let mut model = furnished(JujuVersion::V3_6);
    let detach = |model: &mut Model, text: &str, force| {
        detach_storage(model, &id(text), force, NOW).map_err(|error| error.to_string())
    };
    assert_eq!(
        detach(&mut model, "cache/0", false).unwrap_err(),
        "cannot detach, storage is singular"
    );
    assert_eq!(
        detach(&mut model, "data/1", false).unwrap_err(),
        "detaching 1 storage instance brings the total to 0, which is less than the minimum of 1"
    );
    assert_eq!(
        detach(&mut model, "data/99", false).unwrap_err(),
        "storage \"data/99\" does not exist"
    );
    add_storage(&mut model, &unit("db/0"), "data", &request("1"), NOW).unwrap();
    detach(&mut model, "data/4", false).unwrap();
    detach(&mut model, "data/4", false).unwrap();
    assert_eq!(
        shown(&model)[4],
        "data/4 db/0 dying",
        "the agent lets go of it"
    );
    detach(&mut model, "cache/0", true).unwrap();
    assert_eq!(shown(&model)[0], "cache/0 - alive");
    detach(&mut model, "cache/0", false).unwrap();
}

#[test]
fn storage_outlives_its_unit_and_goes_to_another() {
    let mut model = furnished(JujuVersion::V3_6);
    settle(&mut model);
    remove_unit(&mut model, &unit("db/0"), Haste::Orderly, NOW).unwrap();
    assert_eq!(shown(&model)[2], "data/1 db/0 dying");
    remove_unit_record(&mut model, &unit("db/0"), NOW);
    assert_eq!(
        shown(&model),
        [
            "cache/0 - alive",
            "cache/2 db/1 alive",
            "data/1 - alive",
            "data/3 db/1 alive"
        ]
    );
    attach_storage(&mut model, &unit("db/1"), &id("data/1"), NOW).unwrap();
    assert_eq!(shown(&model)[2], "data/1 db/1 alive");
    for (storage, expected) in [
        (
            "cache/0",
            "attaching storage \"cache/0\" would exceed the maximum count of 1 for storage definition \"cache\" of unit \"db/1\"",
        ),
        ("data/99", "storage \"data/99\" does not exist"),
        (
            "data/3",
            "storage \"data/3\" is already attached to unit \"db/1\"",
        ),
    ] {
        let error = attach_storage(&mut model, &unit("db/1"), &id(storage), NOW).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let places = Places {
        count: 1,
        attach_storage: vec![id("cache/0")],
        ..Places::default()
    };
    add_units(&mut model, &mut addresses(), "db", places, NOW).unwrap();
    assert_eq!(
        shown(&model)[0],
        "cache/0 db/2 alive",
        "instead of a new one"
    );
    assert_eq!(held(&model, &unit("db/2"), "cache"), 1);
    assert_eq!(held(&model, &unit("db/2"), "data"), 1);
}

#[test]
fn storage_can_go_with_its_unit() {
    let mut model = furnished(JujuVersion::V3_6);
    settle(&mut model);
    destroy_storage_of(&mut model, &unit("db/0"));
    remove_unit(&mut model, &unit("db/0"), Haste::Forced, NOW).unwrap();
    assert_eq!(shown(&model), ["cache/2 db/1 alive", "data/3 db/1 alive"]);
    remove_application(&mut model, "db", Haste::Forced, NOW).unwrap();
    assert_eq!(shown(&model), ["cache/2 - alive", "data/3 - alive"]);
    destroy_model(&mut model, Haste::Orderly, NOW);
    assert!(model.storage.is_empty());
}

#[test]
fn removing() {
    for (juju, expected) in [
        (
            JujuVersion::V3_6,
            "cannot destroy storage \"data/1\": storage is attached",
        ),
        (JujuVersion::V4_0, "storage instance still attached"),
    ] {
        let mut model = furnished(juju);
        settle(&mut model);
        let error = remove_storage(&mut model, &id("data/1"), false).unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}");
        let forced = remove_storage(&mut model, &id("data/1"), true);
        if juju == JujuVersion::V4_0 {
            assert!(forced.is_err());
            continue;
        }
        assert_eq!(shown(&model)[2], "data/1 db/0 dying");
        release(&mut model, &id("data/1"), NOW);
        assert!(
            !model.storage.contains(&id("data/1")),
            "with its attachment"
        );
        let row = model.units.get(&unit("db/0")).unwrap();
        assert!(!row.progress.storage.contains(&id("data/1")));
        assert_eq!(
            release_from_model(&model, &id("data/3"))
                .unwrap_err()
                .to_string(),
            "cannot release storage \"data/3\": storage provider \"rootfs\" does not support releasing storage"
        );
    }
}

#[test]
fn pools_in_use_stay() {
    let mut model = furnished(JujuVersion::V3_6);
    create_pool(&mut model, "fast", "tmpfs", BTreeMap::new()).unwrap();
    add_storage(&mut model, &unit("db/0"), "data", &request("fast,1"), NOW).unwrap();
    for (error, expected) in [
        (
            create_pool(&mut model, "fast", "loop", BTreeMap::new()),
            "storage pool for name \"fast\" already exists in the model",
        ),
        (
            create_pool(&mut model, "p2", "nosuch", BTreeMap::new()),
            "no storage provider \"nosuch\" exists in the current model",
        ),
        (
            remove_pool(&mut model, "fast"),
            "storage pool \"fast\" in use",
        ),
        (
            remove_pool(&mut model, "rootfs"),
            "pool \"rootfs\" not found",
        ),
    ] {
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_new_charm_may_bring_storage_but_not_lose_it() {
    let upgrade = |juju, metadata: &str| {
        let mut model = furnished(juju);
        let new = charm("db", metadata);
        let old = model.charm_of("db").unwrap().charm.clone();
        let url = add_charm(&mut model, "sha", std::sync::Arc::new(new.clone())).url;
        let planned = plan_upgrade(&model, "db", &url, (&old, &new), &BTreeMap::new());
        let directives = planned.map_err(|error| error.to_string())?;
        let app = model.applications.get_mut("db").unwrap();
        app.storage = directives;
        app.charm = url;
        furnish_upgraded(&mut model, "db", &old, &new, NOW);
        Ok::<_, String>(model)
    };
    let more = STORAGE.replace("range: 1-3", "range: 2-4") + "  logs: {type: filesystem}\n";
    let model = upgrade(JujuVersion::V3_6, &more).unwrap();
    for name in ["db/0", "db/1"] {
        assert_eq!(
            held(&model, &unit(name), "data"),
            2,
            "up to the new minimum"
        );
        assert_eq!(held(&model, &unit(name), "logs"), 1);
    }
    let without_disk = STORAGE.replace("  disk: {type: block, multiple: {range: 0-1}}\n", "");
    upgrade(JujuVersion::V3_6, &without_disk).unwrap();
    let cases = [
        (
            "storage: {}".to_owned(),
            "required storage \"cache\" removed",
        ),
        (
            STORAGE.replace("1-3", "1-2"),
            "existing storage \"data\" range contracted: max decreased from 3 to 2",
        ),
        (
            STORAGE.replace("/srv/cache", "/srv/other"),
            "existing storage \"cache\" location changed from \"/srv/cache\" to \"/srv/other\"",
        ),
        (
            STORAGE.replace("{type: block, m", "{type: filesystem, m"),
            "existing storage \"disk\" type changed from \"block\" to \"filesystem\"",
        ),
    ];
    for (metadata, why) in cases {
        assert_eq!(
            upgrade(JujuVersion::V3_6, &metadata).unwrap_err(),
            format!("cannot upgrade application \"db\" to charm \"local:db-1\": {why}")
        );
    }
    assert_eq!(
        upgrade(JujuVersion::V4_0, &without_disk).unwrap_err(),
        "cannot set charm \"local:db-1\" because storage definition \"disk\" removed (not supported)"
    );
}
