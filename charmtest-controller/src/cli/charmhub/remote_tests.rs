//! Charmhub: whole commands against a server on this machine.

use std::fs;

use serde_json::{Value, json};

use super::super::testing::Controller;
use super::fake::Fake;

const BASE: &str = "22.04";

/// Packs a charm and returns the archive.
fn archive(c: &Controller, revision: u32) -> Vec<u8> {
    let metadata = "name: hubbed\nsummary: A charm of the hub.\ndescription: d\nprovides: {server: {interface: trace}}\n\
                    resources: {blob: {type: file, filename: blob.txt}, image: {type: oci-image}}\n";
    let source = c.write_charm(
        &format!("source-{revision}"),
        &[
            ("metadata.yaml", metadata),
            (
                "manifest.yaml",
                "bases: [{name: ubuntu, channel: '22.04', architectures: [amd64]}]\n",
            ),
            ("dispatch", "#!/bin/sh\n"),
            ("revision-of-the-test", &revision.to_string()),
        ],
    );
    let file = c.dir.path().join(format!("packed-{revision}"));
    charmtest_charm::pack_directory(&source, &file).unwrap();
    fs::read(file).unwrap()
}

/// Returns the result of an action that gets a revision, as Charmhub writes it.
fn result(charm: &Value, effective: Option<&str>) -> Value {
    json!({
        "charm": charm,
        "effective-channel": effective,
        "error": null,
        "id": "hubbedHUBBEDhubbedHUBBEDhubbed01",
        "name": "hubbed",
        "redirect-channel": null,
        "released-at": effective.map(|_| "2023-03-08T09:02:26.017066+00:00"),
        "result": "install",
    })
}

/// Returns a revision as Charmhub describes it.
fn charm(fake: &Fake, c: &Controller, revision: u32, resources: &[Value]) -> Value {
    let path = format!("/api/v1/charms/download/hubbedHUBBEDhubbedHUBBEDhubbed01_{revision}.charm");
    json!({
        "bases": [{"architecture": "amd64", "channel": BASE, "name": "ubuntu"}],
        "config-yaml": "{}\n",
        "created-at": "2023-03-08T09:00:59.371245",
        "download": fake.file(&path, &archive(c, revision)),
        "id": "hubbedHUBBEDhubbedHUBBEDhubbed01",
        "license": "Apache-2.0",
        "metadata-yaml": "name: hubbed\n",
        "name": "hubbed",
        "publisher": {"display-name": "Hub Team", "id": "x", "username": "hub", "validation": "unproven"},
        "resources": resources,
        "revision": revision,
        "summary": "A charm of the hub.",
        "type": "charm",
        "version": revision.to_string(),
    })
}

fn blob(fake: &Fake, revision: u32) -> Value {
    let path = format!("/api/v1/resources/download/charm_x.blob_{revision}");
    let content = format!("blob {revision}");
    json!({
        "created-at": "2023-03-08T08:00:00", "description": "", "filename": "blob.txt", "name": "blob",
        "download": fake.file(&path, content.as_bytes()), "revision": revision, "type": "file",
    })
}

fn image(fake: &Fake) -> Value {
    let content =
        r#"{"ImageName": "registry.example/hubbed@sha256:abc", "Username": "u", "Password": "p"}"#;
    json!({
        "created-at": "2023-03-08T08:00:00", "description": "", "filename": "", "name": "image",
        "download": fake.file("/api/v1/resources/download/charm_x.image_4", content.as_bytes()), "revision": 4, "type": "oci-image",
    })
}

/// Makes a controller that may ask a server, with the charm `hubbed`: revision 7 is stable, 8 is edge.
fn hub() -> (Controller, Fake) {
    let (mut c, fake) = (Controller::with_model(), Fake::start());
    c.set_env("CHARMTEST_CHARMHUB", "true");
    c.set_env("CHARMHUB_URL", &fake.url);
    c.juju(&format!("model-config charmhub-url={}", fake.url))
        .ok();
    let stable = charm(&fake, &c, 7, &[blob(&fake, 2), image(&fake)]);
    let edge = charm(&fake, &c, 8, &[blob(&fake, 3), image(&fake)]);
    // Charmhub wants a base of its own choice first, as for `juju deploy` without one.
    fake.on_refresh(
        json!({"name": "hubbed", "base": {"architecture": super::host_arch(), "name": "NA", "channel": "NA"}}),
        json!({
            "charm": null, "effective-channel": null, "id": null, "name": "hubbed", "result": "error",
            "error": {
                "code": "invalid-charm-base",
                "message": "Expecting a base for the charm",
                "extra": {"default-bases": [{"architecture": super::host_arch(), "channel": BASE, "name": "ubuntu"}], "releases": null},
            },
        }),
    );
    fake.on_refresh(
        json!({"name": "hubbed", "base": {"architecture": super::host_arch(), "name": "ubuntu", "channel": "20.04"}}),
        json!({
            "charm": null, "effective-channel": null, "name": "hubbed", "result": "error",
            "error": {
                "code": "revision-not-found",
                "message": "No revision was found in the Store.",
                "extra": {"releases": [{"base": {"architecture": super::host_arch(), "channel": BASE, "name": "ubuntu"}, "channel": "latest/stable"}]},
            },
        }),
    );
    fake.on_refresh(
        json!({"name": "hubbed", "channel": "stable"}),
        result(&stable, Some("latest/stable")),
    );
    fake.on_refresh(
        json!({"name": "hubbed", "channel": "latest/stable"}),
        result(&stable, Some("latest/stable")),
    );
    fake.on_refresh(
        json!({"name": "hubbed", "channel": "latest/edge"}),
        result(&edge, Some("latest/edge")),
    );
    fake.on_refresh(
        json!({"name": "hubbed", "revision": 7}),
        result(&stable, None),
    );
    (c, fake)
}

#[test]
fn charmhub_is_not_asked_unless_the_user_allows_it() {
    let (mut c, fake) = hub();
    c.set_env("CHARMTEST_CHARMHUB", "");
    let commands = [
        "deploy hubbed",
        "info hubbed",
        "find hubbed",
        "download hubbed",
        "charm-resources hubbed",
    ];
    for command in commands {
        let outcome = c.juju(command);
        assert_eq!(outcome.code, 1, "{outcome:?}");
        assert!(
            outcome
                .stderr
                .contains("has no charm store: list directories"),
            "{outcome:?}"
        );
    }
    fs::create_dir(c.dir.path().join("store")).unwrap();
    c.set_env("CHARMTEST_CHARM_STORE", "store");
    for command in commands
        .into_iter()
        .filter(|command| !command.starts_with("find"))
    {
        assert_eq!(c.juju(command).code, 1);
    }
    let outcome = c.juju("deploy hubbed");
    assert!(
        outcome
            .stderr
            .contains("Charmhub is not asked (CHARMTEST_CHARMHUB allows it)"),
        "{outcome:?}"
    );
    assert_eq!(fake.requests(), Vec::<String>::new());
    fs::write(
        c.hub.data.root().join("charm-store.yaml"),
        "charmhub: true\n",
    )
    .unwrap();
    c.juju("deploy hubbed --dry-run").ok();
    assert!(!fake.requests().is_empty());
}

#[test]
fn a_name_is_deployed_from_charmhub() {
    let (c, fake) = hub();
    let outcome = c.juju("deploy hubbed").ok();
    assert_eq!(
        outcome.stderr,
        "Deployed \"hubbed\" from charm-hub charm \"hubbed\", revision 7 in channel latest/stable on ubuntu@22.04/stable\n"
    );
    let download =
        "GET /api/v1/charms/download/hubbedHUBBEDhubbedHUBBEDhubbed01_7.charm".to_owned();
    let requests = fake.requests();
    assert_eq!(
        requests[..2],
        ["POST /v2/charms/refresh", "POST /v2/charms/refresh"]
    );
    assert_eq!(
        requests.iter().filter(|line| **line == download).count(),
        1,
        "{requests:?}"
    );
    let model = c.model();
    let app = model.applications.get("hubbed").unwrap();
    assert_eq!(
        (app.charm.as_str(), app.channel.as_deref()),
        ("ch:amd64/hubbed-7", Some("latest/stable"))
    );
    let content = |name: &str| {
        let row = &app.resources[name];
        (
            row.store_revision,
            fs::read_to_string(c.hub.data.root().join(&row.path)).unwrap(),
        )
    };
    assert_eq!(content("blob"), (Some(2), "blob 2".to_owned()));
    assert_eq!(
        content("image"),
        (
            Some(4),
            "registrypath: registry.example/hubbed@sha256:abc\nusername: u\npassword: p\n"
                .to_owned()
        )
    );

    // What was downloaded is kept: neither the charm nor its resources travel again.
    c.juju("deploy hubbed again --revision 7 --channel edge")
        .ok();
    assert_eq!(fake.requests(), ["POST /v2/charms/refresh"]);
    assert_eq!(
        c.model()
            .applications
            .get("again")
            .unwrap()
            .channel
            .as_deref(),
        Some("latest/edge")
    );

    assert_eq!(
        c.juju("refresh hubbed --channel edge").ok().stderr,
        "Added charm-hub charm \"hubbed\", revision 8 in channel latest/edge, to the model\n\
         no change to endpoints in space \"alpha\": server\n"
    );
    let model = c.model();
    assert_eq!(
        model.applications.get("hubbed").unwrap().resources["blob"].store_revision,
        Some(3)
    );
}

#[test]
fn revisions_of_resources_are_looked_up() {
    let (c, fake) = hub();
    let revisions = json!({"revisions": [blob(&fake, 3), blob(&fake, 1)]});
    fake.put(
        "/v2/charms/resources/hubbed/blob/revisions",
        200,
        revisions.to_string().as_bytes(),
    );
    c.juju("deploy hubbed --resource blob=1").ok();
    let row = c.model().applications.get("hubbed").unwrap().resources["blob"].clone();
    assert_eq!(
        fs::read_to_string(c.hub.data.root().join(row.path)).unwrap(),
        "blob 1"
    );
    let table = c.juju("charm-resources hubbed").ok().stdout;
    assert_eq!(table, "Resource  Revision\nblob      2\nimage     4\n");
    let outcome = c.juju("deploy hubbed other --resource blob=9");
    assert!(
        outcome
            .stderr
            .starts_with("ERROR charm resource \"blob\" at revision 9 not found\n"),
        "{outcome:?}"
    );
}

#[test]
fn what_the_store_refuses_is_said_in_jujus_words() {
    let (c, fake) = hub();
    let arch = super::host_arch();
    c.assert_refusals(&[
        ("deploy nosuch", 1, "", "ERROR resolving error: No charm or bundle with name \"nosuch\".\n"),
        (
            "deploy hubbed --base ubuntu@20.04",
            1,
            "",
            &format!(
                "ERROR selecting releases: charm or bundle not found in the charm's default channel, base \"{arch}/ubuntu/20.04/stable\"\n\
                 available releases are:\n  channel \"latest/stable\": available bases are: ubuntu@22.04\n"
            ),
        ),
        ("info nosuch", 1, "", "ERROR No information found for charm or bundle with the name \"nosuch\"\n"),
    ]);
    fake.on_refresh(
        json!({"name": "stack"}),
        json!({"charm": {"type": "bundle", "name": "stack", "revision": 1, "bases": [null], "resources": [], "download": {}}, "effective-channel": "latest/stable", "error": null}),
    );
    c.assert_refusals(&[("deploy stack", 1, "", "\"stack\" is a bundle")]);
}

#[test]
fn a_download_must_be_what_the_store_says() {
    let (c, fake) = hub();
    let path = "/api/v1/charms/download/hubbedHUBBEDhubbedHUBBEDhubbed01_7.charm";
    fake.put(path, 200, b"something else");
    c.assert_refusals(&[
        (
            "deploy hubbed",
            1,
            "",
            "Checksum of download failed for \"hubbed\":\nExpected:   ",
        ),
        (
            "download hubbed --base ubuntu@22.04",
            1,
            "",
            "Checksum of download failed for \"hubbed\":\n",
        ),
    ]);
    let kept = fs::read_dir(c.hub.data.root().join("store-cache"))
        .unwrap()
        .count();
    assert_eq!(kept, 0, "nothing of it stays");
    fake.put("/moved", 200, &archive(&c, 7));
    fake.put(path, 302, b"/moved");
    c.juju("deploy hubbed").ok();
}

#[test]
fn trouble_names_the_host_and_the_way_out() {
    let (c, fake) = hub();
    let url = format!("{}/v2/charms/refresh", fake.url);
    for (status, body, expected) in [
        (
            500,
            "no JSON",
            "127.0.0.1 answers with the HTTP status 500; check charmhub-url, or try again later",
        ),
        (
            200,
            "<html>",
            "127.0.0.1 answers with something else than a charm store's answer",
        ),
        (
            503,
            "{}",
            "answers with the HTTP status 503; try again later",
        ),
        (
            400,
            r#"{"error-list": [{"code": "api-error", "message": "bad request"}]}"#,
            "bad request",
        ),
    ] {
        fake.put("/v2/charms/refresh", status, body.as_bytes());
        let outcome = c.juju("deploy hubbed");
        assert_eq!(outcome.code, 1);
        assert!(
            outcome
                .stderr
                .starts_with("ERROR resolving with preferred channel: "),
            "{outcome:?}"
        );
        assert!(outcome.stderr.contains(expected), "{outcome:?}");
    }
    // Nobody listens on the port of a listener that is gone.
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    c.juju(&format!("model-config charmhub-url=http://{gone}"))
        .ok();
    let outcome = c.juju("deploy hubbed");
    assert!(
        outcome.stderr.starts_with(&format!("ERROR resolving with preferred channel: Post \"http://{gone}/v2/charms/refresh\": 127.0.0.1: "))
            && outcome.stderr.contains("check the network, HTTPS_PROXY and NO_PROXY"),
        "{outcome:?} {url}"
    );
}

#[test]
fn the_proxy_of_the_client_is_used() {
    let (mut c, fake) = hub();
    c.juju("model-config charmhub-url=http://charmhub.invalid")
        .ok();
    c.set_env("HTTP_PROXY", &fake.url);
    c.juju("deploy hubbed --dry-run --base ubuntu@22.04").ok();
    let requests = fake.requests();
    assert!(
        requests
            .iter()
            .any(|line| line.contains("charmhub.invalid")),
        "{requests:?}"
    );
    c.set_env("NO_PROXY", "charmhub.invalid");
    let outcome = c.juju("deploy hubbed --dry-run");
    assert!(outcome.stderr.contains("charmhub.invalid"), "{outcome:?}");
    assert_eq!(fake.requests(), Vec::<String>::new());
}

#[test]
fn directories_come_first() {
    let (mut c, fake) = hub();
    let store = c.dir.path().join("store");
    fs::create_dir(&store).unwrap();
    fs::write(store.join("hubbed_r99.charm"), archive(&c, 99)).unwrap();
    c.set_env("CHARMTEST_CHARM_STORE", "store");
    assert!(
        c.juju("deploy hubbed")
            .ok()
            .stderr
            .contains("revision 99 in channel latest/stable")
    );
    assert_eq!(fake.requests(), Vec::<String>::new());
}

#[test]
fn info_and_find_show_what_charmhub_says() {
    let (c, fake) = hub();
    let base = json!({"architecture": "amd64", "channel": BASE, "name": "ubuntu"});
    let released = |risk: &str, revision: u32, at: &str| {
        json!({
            "channel": {"base": base, "name": format!("latest/{risk}"), "released-at": at, "risk": risk, "track": "latest"},
            "revision": {
                "bases": [base], "created-at": at, "download": {"size": 12_042_240}, "revision": revision, "version": revision.to_string(),
            },
        })
    };
    let mut default = released("stable", 7, "2019-12-16T19:44:44.076943+00:00");
    default["revision"]["metadata-yaml"] =
        "name: hubbed\nsummary: s\ndescription: d\nsubordinate: false\nprovides: {one: {interface: two}}\nrequires: {five: {interface: six}}\n".into();
    default["revision"]["config-yaml"] = "{}\n".into();
    let info = json!({
        "channel-map": [released("stable", 7, "2019-12-16T19:44:44.076943+00:00"), released("edge", 8, "2020-01-02T03:04:05.000000+00:00")],
        "default-release": default,
        "id": "hubbedHUBBEDhubbedHUBBEDhubbed01",
        "name": "hubbed",
        "result": {
            "categories": [{"featured": true, "name": "app"}, {"featured": false, "name": "seven"}],
            "contains-charms": null,
            "description": "Does this.\nAnd that.",
            "license": "Apache-2.0",
            "publisher": {"display-name": "Hub Team"},
            "store-url": "https://charmhub.io/hubbed",
            "summary": "A charm of the hub.",
        },
        "type": "charm",
    });
    fake.put("/v2/charms/info/hubbed", 200, info.to_string().as_bytes());
    assert_eq!(
        c.juju("info ch:hubbed").ok().stdout,
        "name: hubbed\npublisher: Hub Team\nsummary: A charm of the hub.\ndescription: |-\n  Does this.\n  And that.\n\
         store-url: https://charmhub.io/hubbed\ncharm-id: hubbedHUBBEDhubbedHUBBEDhubbed01\nsupports: ubuntu@22.04\ntags: app, seven\n\
         subordinate: false\nrelations:\n  provides:\n    one: two\n  requires:\n    five: six\nchannels: |\n  \
         latest/stable:     7  2019-12-16  (7)  12MB  amd64  ubuntu@22.04\n  latest/candidate:  ^\n  latest/beta:       ^\n  \
         latest/edge:       8  2020-01-02  (8)  12MB  amd64  ubuntu@22.04\n"
    );
    let found = json!({"results": [
        {"id": "1", "name": "hubbed", "type": "charm", "default-release": default, "result": {
            "publisher": {"display-name": "Hub Team"}, "store-url": "https://charmhub.io/hubbed",
            "summary": "This charm of the hub has a summary that is longer than a line.\nAnd more.",
        }},
        {"id": "2", "name": "stack", "type": "bundle", "default-release": {"revision": {"bases": [null], "version": "3"}}, "result": {
            "publisher": {"display-name": "Hub"}, "summary": "A bundle.", "store-url": null,
        }},
    ]});
    fake.put("/v2/charms/find", 200, found.to_string().as_bytes());
    assert_eq!(
        c.juju("find hub").ok().stdout,
        "Name    Bundle  Version  Publisher  Summary\n\
         hubbed  -       7        Hub Team   This charm of the hub has a summary that\n\
         \x20                                   is longer than a line.\n\
         stack   Y       3        Hub        A bundle.\n\n"
    );
    let json = c.juju("find hub --format json").ok().json();
    assert_eq!(
        (&json[1]["type"], json[1].get("supports")),
        (&json!("bundle"), None)
    );
}

#[test]
fn downloads_go_to_files_and_to_standard_output() {
    let (c, _fake) = hub();
    c.juju("download hubbed --base ubuntu@22.04 --resources")
        .ok();
    assert_eq!(
        fs::read(c.dir.path().join("hubbed_r7.charm")).unwrap(),
        archive(&c, 7)
    );
    assert_eq!(
        fs::read(c.dir.path().join("resource_blob_r2_blob.txt")).unwrap(),
        b"blob 2"
    );
    assert!(c.dir.path().join("resource_image_r4").exists());
}
