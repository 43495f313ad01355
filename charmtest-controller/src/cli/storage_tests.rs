//! Storage commands, compared with what Juju 4.0.15 was recorded to print.

use serde_json::json;

use super::testing::Controller;
use crate::JujuVersion;
use crate::model::StorageId;

const METADATA: &str = "name: store\nsummary: s\ndescription: d\nstorage:\n  data: {type: filesystem, multiple: {range: 0-3}}\n  \
                        disk: {type: block, multiple: {range: 0-1}}\n";

/// A controller where `server/0` and `web/0` were deployed without storage and with `data/0`.
fn controller(juju: JujuVersion) -> Controller {
    let c = Controller::with_model_of(juju);
    let manifest = "bases: [{name: ubuntu, channel: '24.04', architectures: [amd64]}]\n";
    let files = [
        ("metadata.yaml", METADATA),
        ("manifest.yaml", manifest),
        ("dispatch", "#!/bin/sh\n"),
    ];
    c.write_charm("store", &files);
    let without = METADATA.split("storage:").next().unwrap_or_default();
    let files = [
        ("metadata.yaml", without),
        ("manifest.yaml", manifest),
        ("dispatch", "#!/bin/sh\n"),
    ];
    c.write_charm("nostor", &files);
    c.pack_charm("store");
    c.pack_charm("nostor");
    c.juju("deploy ./store.charm server").ok();
    c.juju("deploy ./store.charm web --storage data=1,16M").ok();
    c
}

/// Does what the unit's agent does: the storage is there.
fn attach(c: &Controller, id: &str) {
    let id = StorageId::parse(id).unwrap();
    c.change(|model| {
        let instance = model.storage.get_mut(&id).unwrap();
        instance.size = 258_019;
        instance.status.current = crate::model::StorageStatus::Attached;
        instance.attachment.as_mut().unwrap().location = Some(format!("/storage/{id}"));
    });
}

const BOTH: [JujuVersion; 2] = [JujuVersion::V3_6, JujuVersion::V4_0];

#[test]
fn storage_is_shown_in_all_forms() {
    for juju in BOTH {
        let c = controller(juju);
        attach(&c, "data/0");
        c.juju("add-storage server/0 data").ok();
        let since = "21 Nov 2025 22:58:04Z";
        let instance = json!({
            "kind": "filesystem", "life": "alive", "status": {"current": "attached", "since": since}, "persistent": false,
            "attachments": {"units": {"web/0": {"machine": "1", "location": "/storage/data/0", "life": "alive"}}},
        });
        let pending = json!({
            "kind": "filesystem", "life": "alive", "status": {"current": "pending", "since": since}, "persistent": false,
            "attachments": {"units": {"server/0": {"machine": "0", "life": "alive"}}},
        });
        let full = json!({
            "provider-id": "0", "storage": "data/0",
            "attachments": {
                "machines": {"1": {"mount-point": "/storage/data/0", "read-only": false, "life": "alive"}},
                "units": instance["attachments"]["units"],
            },
            "pool": "rootfs", "size": 258_019, "life": "alive", "status": {"current": "attached", "since": since},
        });
        let mut filesystem = full.clone();
        if juju == JujuVersion::V4_0 {
            filesystem["attachments"]["units"] = json!({"web/0": {"machine": "1"}});
        }
        let all = c.juju("storage --format json").ok();
        assert_eq!(
            all.json()["storage"],
            json!({"data/0": instance, "data/1": pending})
        );
        assert_eq!(all.json()["filesystems"]["0"], filesystem);
        assert!(
            all.stdout.starts_with("{\"storage\":{\"data/0\":{\"kind\":\"filesystem\",\"life\":\"alive\",\"status\":{\"current\":\"attached\""),
            "in Juju's order: {}",
            all.stdout
        );
        let status = c.juju("status --format json").ok().json();
        assert_eq!(status["storage"]["storage"], all.json()["storage"]);
        assert_eq!(status["storage"]["filesystems"]["0"], full);
        assert_eq!(
            c.juju("storage --filesystem --format json").ok().json()["filesystems"]["0"],
            filesystem
        );
        assert_eq!(
            c.juju("show-storage data/0 --format json").ok().json(),
            json!({"data/0": instance})
        );
        assert_eq!(
            c.juju("show-storage data/0").ok().stdout,
            "data/0:\n  kind: filesystem\n  life: alive\n  status:\n    current: attached\n    since: 21 Nov 2025 22:58:04Z\n  \
             persistent: false\n  attachments:\n    units:\n      web/0:\n        machine: \"1\"\n        location: /storage/data/0\n        \
             life: alive\n"
        );
        assert_eq!(
            c.juju("list-storage").ok().stdout,
            "Unit      Storage ID  Type        Pool    Size     Status    Message\n\
             server/0  data/1      filesystem  rootfs           pending   \n\
             web/0     data/0      filesystem  rootfs  252 GiB  attached  \n"
        );
        assert_eq!(
            c.juju("storage --filesystem").ok().stdout.lines().nth(2),
            Some(
                "1        web/0     data/0      0                        /storage/data/0  252 GiB  attached  "
            )
        );
        let status = c.juju("status --storage").ok().stdout;
        let table = status.split("\n\n").last().unwrap();
        assert_eq!(
            table,
            "Storage Unit  Storage ID  Type        Pool    Mountpoint       Size     Status    Message\n\
             server/0      data/1      filesystem  rootfs                            pending   \n\
             web/0         data/0      filesystem  rootfs  /storage/data/0  252 GiB  attached  \n"
        );
        assert!(!c.juju("status").ok().stdout.contains("Storage Unit"));
        let web = c.juju("status web --format json").ok().json();
        assert_eq!(web["storage"]["storage"].as_object().unwrap().len(), 1);
    }
}

#[test]
fn no_storage_is_no_output() {
    let c = Controller::with_model();
    for line in [
        "storage --format json",
        "storage --format yaml",
        "storage --volume --format json",
    ] {
        c.juju(line).silent();
    }
    let none = c.juju("storage").ok();
    assert_eq!(
        (none.stdout.as_str(), none.stderr.as_str()),
        ("", "No storage to display.\n")
    );
    assert_eq!(
        c.juju("status --format json").ok().json()["storage"],
        json!({})
    );
}

#[test]
fn pools() {
    let c = controller(JujuVersion::V4_0);
    assert_eq!(
        c.juju("storage-pools").ok().stdout,
        "Name    Provider  Attributes\nloop    loop      \nrootfs  rootfs    \ntmpfs   tmpfs     \n"
    );
    c.juju("create-storage-pool mypool loop size=1G").silent();
    assert_eq!(
        c.juju("list-storage-pools --format json").ok().stdout,
        "{\"loop\":{\"provider\":\"loop\"},\"mypool\":{\"provider\":\"loop\",\"attrs\":{\"size\":\"1G\"}},\"rootfs\":{\"provider\":\"rootfs\"},\
         \"tmpfs\":{\"provider\":\"tmpfs\"}}\n"
    );
    assert_eq!(
        c.juju("storage-pools --provider loop").ok().stdout,
        "Name    Provider  Attributes\nloop    loop      \nmypool  loop      size=1G\n"
    );
    c.assert_refusals(&[
        (
            "create-storage-pool mypool loop",
            1,
            "",
            "ERROR storage pool for name \"mypool\" already exists in the model\n",
        ),
        (
            "create-storage-pool p2 nosuch",
            1,
            "",
            "ERROR no storage provider \"nosuch\" exists in the current model\n",
        ),
        (
            "remove-storage-pool mypool",
            1,
            "",
            "ERROR not yet available in 4.0.15 (not yet available; try again later)\n",
        ),
        (
            "update-storage-pool nosuch a=b",
            1,
            "",
            "ERROR not yet available in 4.0.15",
        ),
    ]);
    let c = controller(JujuVersion::V3_6);
    c.juju("create-storage-pool fast tmpfs").silent();
    c.juju("update-storage-pool fast a=b").silent();
    assert_eq!(
        c.juju("storage-pools --name fast --format json")
            .ok()
            .json(),
        json!({"fast": {"provider": "tmpfs", "attrs": {"a": "b"}}})
    );
    c.juju("remove-storage-pool fast").silent();
    c.assert_refusals(&[(
        "remove-storage-pool fast",
        1,
        "",
        "ERROR pool \"fast\" not found\n",
    )]);
}

#[test]
fn changes_are_told_on_standard_error() {
    for juju in BOTH {
        let c = controller(juju);
        for (line, said) in [
            (
                "add-storage server/0 data=1,16M",
                "added storage data/1 to server/0\n",
            ),
            (
                "add-storage server/0 data",
                "added storage data/2 to server/0\n",
            ),
            (
                "add-storage server/0 data=tmpfs,1,16M",
                "added storage data/3 to server/0\n",
            ),
            (
                "detach-storage data/1 data/2",
                "detaching data/1\ndetaching data/2\n",
            ),
            ("detach-storage data/1 --force", "detaching data/1\n"),
            ("attach-storage web/0 data/1", "attaching data/1 to web/0\n"),
            ("detach-storage --force data/1", "detaching data/1\n"),
            ("detach-storage data/1", "detaching data/1\n"),
            ("remove-storage data/1", "removing data/1\n"),
        ] {
            let outcome = c.juju(line).ok();
            assert_eq!(
                (outcome.stdout.as_str(), outcome.stderr.as_str()),
                ("", said),
                "{line}"
            );
        }
        assert!(!c.model().storage.contains(&StorageId::new("data", 1)));
    }
}

#[test]
fn refusals_of_changes() {
    for juju in BOTH {
        let c = controller(juju);
        c.juju("add-storage server/0 data=3").ok();
        c.assert_refusals(&[
            ("add-storage", 2, "", "ERROR add-storage requires a unit and a storage directive\n"),
            ("add-storage server/0", 2, "", "ERROR add-storage requires a unit and a storage directive\n"),
            ("add-storage server data", 2, "", "ERROR unit name \"server\" not valid\n"),
            ("add-storage server/0 data=0", 2, "", "count must be greater than zero"),
            ("add-storage server/0 nosuch=1", 1, "", "failed to add storage \"nosuch\" to server/0: storage name \"nosuch\" not supported by charm\n"),
            ("add-storage server/9 data=1", 1, "", "failed to add storage \"data\" to server/9: unit \"server/9\" does not exist\n"),
            ("add-storage server/9 data=1 disk=1", 1, "", "unit \"server/9\" does not exist\n"),
            ("add-storage web/0 data=nosuchpool,1G", 1, "", "failed to add storage \"data\" to web/0: storage pool \"nosuchpool\" does not exist\n"),
            ("add-storage server/0 data=9", 1, "", "failed to add storage \"data\" to server/0: storage directive \"data\" request count 12 exceeds the charm's maximum count of 3\n"),
            ("add-storage server/0 disk=loop,1,32M", 1, "", "storage \"disk\" needs a block device, which is not supported by the embedded controller"),
            ("attach-storage", 2, "", "ERROR attach-storage requires a unit ID and at least one storage ID\n"),
            ("attach-storage server/0 data/99", 1, "", "failed to attach data/99 to server/0: storage \"data/99\" does not exist\n"),
            ("attach-storage web/0 data/1", 1, "", "failed to attach data/1 to web/0: storage \"data/1\" is already attached to unit \"server/0\"\n"),
            ("detach-storage", 2, "", "ERROR detach-storage requires at least one storage ID\n"),
            ("detach-storage data/99", 1, "", "failed to detach data/99: storage \"data/99\" does not exist\n"),
            ("remove-storage", 2, "", "ERROR remove-storage requires at least one storage ID\n"),
            ("remove-storage bad", 1, "", "ERROR storage ID \"bad\" not valid\n"),
            ("remove-storage data/99", 1, "", "failed to remove data/99: storage \"data/99\" does not exist\n"),
            ("show-storage", 2, "", "ERROR must specify storage ID(s)\n"),
            ("show-storage bad", 1, "{}\n", "ERROR invalid storage ID bad\n"),
            ("show-storage data/0 data/99 --format json", 1, "{}\n", "ERROR storage instance \"data/99\" not found\n"),
            ("storage --filesystem --volume", 2, "", "--filesystem and --volume can not be used together"),
            ("deploy ./store.charm a1 --storage data", 2, "", "ERROR invalid value \"data\" for option --storage: expected [<application>:]<store>=<constraints>\n"),
            ("deploy ./store.charm a1 --attach-storage data/9", 1, "", "ERROR cannot deploy \"a1\": storage instance \"data/9\" does not exist\n"),
            ("deploy ./store.charm a1 -n 2 --attach-storage data/9", 2, "", "ERROR --attach-storage cannot be used with -n\n"),
            ("refresh server --path ./store.charm --storage data=nosuch", 1, "", "ERROR storage directive \"data\" references unknown storage pool \"nosuch\" (not found)\n"),
        ]);
        let [pool, name, count] = match juju {
            JujuVersion::V3_6 => [
                "cannot add application \"a1\": pool \"nosuchpool\" not found",
                "cannot add application \"a1\": charm \"store\" has no store called \"nosuch\"",
                "cannot add application \"a1\": charm \"store\" store \"data\": at most 3 instances supported, 9 specified",
            ],
            JujuVersion::V4_0 => [
                "cannot deploy \"a1\": storage directive data pool: getting storage pool \"nosuchpool\" UUID: storage pool \"nosuchpool\" not found",
                "cannot deploy \"a1\": preparing application args: validating create application args: invalid storage directive overrides: storage directive \"nosuch\" does not exist in the charm",
                "cannot deploy \"a1\": storage directive \"data\" request count 9 exceeds the charm's maximum count of 3",
            ],
        };
        for (directive, expected) in [
            ("data=nosuchpool,1G", pool),
            ("nosuch=1", name),
            ("data=9", count),
        ] {
            let outcome = c.juju(&format!("deploy ./store.charm a1 --storage {directive}"));
            let said = outcome
                .stderr
                .lines()
                .find(|line| line.starts_with("ERROR"));
            assert_eq!(
                (outcome.code, said),
                (1, Some(format!("ERROR {expected}").as_str())),
                "{juju:?} {directive}"
            );
        }
        let removal = c.juju("refresh server --path ./nostor.charm");
        assert_eq!(removal.code, 1);
        let why = match juju {
            JujuVersion::V3_6 => "because storage definition",
            JujuVersion::V4_0 => "in-use storage",
        };
        assert!(
            !removal.stderr.contains(why),
            "the words of the other version: {removal:?}"
        );
        assert!(removal.stderr.contains("removed"), "{removal:?}");
        let attached = c.juju("remove-storage data/0");
        let hint = attached.stderr.contains("Use the --force option");
        assert_eq!(
            (attached.code, hint),
            (1, juju == JujuVersion::V3_6),
            "{attached:?}"
        );
        assert!(attached.stderr.starts_with("failed to remove data/0: "));
        let forced = c.juju("remove-storage data/0 --force");
        assert_eq!(forced.code == 0, juju == JujuVersion::V3_6, "{forced:?}");
    }
}

#[test]
fn removal_says_what_becomes_of_storage() {
    let c = controller(JujuVersion::V3_6);
    assert_eq!(
        c.juju("remove-unit web/0 --dry-run").ok().stdout,
        "will remove unit web/0\n- will detach storage data/0\n"
    );
    assert_eq!(
        c.juju("remove-application web --dry-run --destroy-storage")
            .ok()
            .stdout,
        "will remove application web\n- will remove unit web/0\n- will remove storage data/0\n"
    );
    c.juju("remove-unit web/0 --no-prompt").ok();
    assert_eq!(
        c.juju("storage").ok().stdout,
        "Unit  Storage ID  Type        Pool    Size    Status    Message\n      data/0      filesystem  rootfs  16 MiB  detached  \n"
    );
    let kept = c.juju("destroy-model --no-prompt m");
    assert_eq!(kept.code, 1);
    assert!(
        kept.stderr.starts_with(
            "ERROR cannot destroy model \"m\"\n\nThe model has persistent storage remaining:\n\t1 filesystem\n\nTo destroy the storage"
        ),
        "{kept:?}"
    );
    c.juju("deploy ./store.charm other --attach-storage data/0")
        .ok();
    assert_eq!(
        c.juju("show-storage data/0 --format json").ok().json()["data/0"]["attachments"]["units"]["other/0"]
            ["life"],
        "alive"
    );
    c.juju("remove-application other --no-prompt --destroy-storage")
        .ok();
    c.juju("storage --format json").silent();

    let c = controller(JujuVersion::V4_0);
    assert_eq!(
        c.juju("remove-unit web/0 --dry-run").ok().stdout,
        "will remove unit web/0\n",
        "as recorded"
    );
}
