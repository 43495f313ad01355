//! Resource commands, compared with what Juju 4.0.15 was recorded to print.

use std::fs;

use serde_json::json;

use super::testing::Controller;
use crate::JujuVersion;

const BOTH: [JujuVersion; 2] = [JujuVersion::V3_6, JujuVersion::V4_0];

/// A controller with the application `server` whose charm declares the file `blob` and the image `app`.
fn controller(juju: JujuVersion) -> Controller {
    let c = Controller::with_model_of(juju);
    let metadata = "name: res\nsummary: s\ndescription: d\nresources:\n  blob: {type: file, filename: blob.txt, description: a file}\n  \
                    app: {type: oci-image}\n";
    let files = [
        ("metadata.yaml", metadata),
        (
            "manifest.yaml",
            "bases: [{name: ubuntu, channel: '24.04', architectures: [amd64]}]\n",
        ),
        ("dispatch", "#!/bin/sh\n"),
    ];
    c.write_charm("res", &files);
    c.pack_charm("res");
    fs::write(c.dir.path().join("b.txt"), "blob\n").unwrap();
    fs::write(c.dir.path().join("b.bin"), "blob\n").unwrap();
    c.juju("deploy ./res.charm server --resource blob=./b.txt --resource app=docker.io/x/y:1")
        .ok();
    c
}

/// Does what `resource-get` on `server/0` does.
fn fetch(c: &Controller, name: &str) {
    c.change(|model| {
        let row = model.applications.get("server").unwrap().resources[name].clone();
        let unit = model.units.get_mut("server/0").unwrap();
        unit.progress.resources.insert(name.to_owned(), row);
    });
}

#[test]
fn resources_of_units() {
    for juju in BOTH {
        let c = controller(juju);
        let listed = c.juju("resources server/0 --format json").ok().json();
        assert_eq!(
            (&listed[1]["name"], &listed[1]["revision"]),
            (&json!("blob"), &json!("-"))
        );
        fetch(&c, "blob");
        let listed = c.juju("resources server/0 --format json").ok().json();
        assert_eq!(listed[1]["revision"], "0");
        assert_eq!(
            c.juju("resources server/0").ok().stdout,
            "Resource  Revision\napp       2025-11-21T22:58\nblob      2025-11-21T22:58\n"
        );
        assert_eq!(
            c.juju("resources server --details").ok().stdout,
            "Unit      Resource  Revision          Expected\n\
             server/0  app       -                 2025-11-21T22:58\n\
             server/0  blob      2025-11-21T22:58  2025-11-21T22:58\n"
        );
        let details = c
            .juju("resources server --details --format json")
            .ok()
            .json();
        let nothing = json!({
            "name": "", "type": "", "path": "", "revision": "0", "fingerprint": "", "size": 0, "origin": "", "used": false,
            "timestamp": "0001-01-01T00:00:00Z",
        });
        let of = |index: usize| details["resources"][index].clone();
        assert_eq!(
            (&of(0)["unitID"], &of(0)["unit"]),
            (&json!("server/0"), &nothing)
        );
        assert_eq!(of(1)["unit"], of(1)["expected"]);
        assert_eq!(of(1)["progress"], -1);
        assert_eq!(
            c.juju("resources server/9").ok().stdout,
            c.juju("resources server/0").ok().stdout,
            "a unit that is not there"
        );
    }
}

#[test]
fn ids_and_words_follow_the_version() {
    for (juju, id, missing) in [
        (
            JujuVersion::V3_6,
            "server/blob",
            "ERROR application \"nosuch\" not found\n",
        ),
        (
            JujuVersion::V4_0,
            "-",
            "ERROR application nosuch not found\n",
        ),
    ] {
        let c = controller(juju);
        let listed = c.juju("resources server --format json").ok().json();
        let shown = listed["resources"][1]["resourceid"]
            .as_str()
            .unwrap()
            .to_owned();
        match juju {
            JujuVersion::V3_6 => assert_eq!(shown, id),
            JujuVersion::V4_0 => assert_eq!(
                shown.split(id).map(str::len).collect::<Vec<_>>(),
                [8, 4, 4, 4, 12]
            ),
        }
        for line in ["resources nosuch", "attach-resource nosuch blob=./b.txt"] {
            assert_eq!(c.juju(line).stderr, missing);
        }
        let refreshed = c.juju("refresh server --path ./res.charm --resource nosuch=./b.txt");
        assert_eq!(
            refreshed.code == 0,
            juju == JujuVersion::V4_0,
            "{refreshed:?}"
        );
    }
}

#[test]
fn a_file_has_the_extension_of_the_charms_file() {
    let c = controller(JujuVersion::V3_6);
    let why = "incorrect extension on resource upload \"./b.bin\", expected \".txt\"\n";
    c.assert_refusals(&[
        ("attach-resource server blob=./b.bin", 1, "", why),
        (
            "deploy ./res.charm other --resource blob=./b.bin",
            1,
            "",
            why,
        ),
        (
            "refresh server --path ./res.charm --resource blob=./b.bin",
            1,
            "",
            why,
        ),
        (
            "deploy ./res.charm other --resource blob=./nosuch.bin",
            1,
            "",
            "ERROR file for resource \"blob\": stat ./nosuch.bin: no such file or directory\n",
        ),
    ]);
}

#[test]
fn images_are_references_or_files_with_credentials() {
    let c = controller(JujuVersion::V3_6);
    let content = |c: &Controller| {
        let model = c.model();
        let row = &model.applications.get("server").unwrap().resources["app"];
        fs::read_to_string(c.hub.data.root().join(&row.path)).unwrap()
    };
    assert_eq!(content(&c), "registrypath: docker.io/x/y:1\n");
    fs::write(
        c.dir.path().join("image.yaml"),
        "registrypath: ghcr.io/a/b@sha256:0\nusername: me\npassword: secret\nother: x\n",
    )
    .unwrap();
    c.juju("attach-resource server app=./image.yaml").silent();
    assert_eq!(
        content(&c),
        "registrypath: ghcr.io/a/b@sha256:0\nusername: me\npassword: secret\n"
    );
    fs::write(c.dir.path().join("bad.yaml"), "username: me\n").unwrap();
    c.assert_refusals(&[(
        "attach-resource server app=./bad.yaml",
        1,
        "",
        "ERROR failed to upload resource \"app\": docker image path \"./bad.yaml\" not valid\n",
    )]);
}
