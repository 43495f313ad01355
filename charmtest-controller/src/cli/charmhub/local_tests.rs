//! Charm stores in directories: whole commands against archives on disk.

use std::fs;

use serde_json::json;

use super::super::testing::Controller;
use crate::JujuVersion;

/// The bases of most charms here.
const NOBLE: &str = "bases: [{name: ubuntu, channel: '24.04', architectures: [amd64, arm64]}]\n";
const JAMMY: &str = "bases: [{name: ubuntu, channel: '22.04', architectures: [amd64, arm64]}]\n";

impl Controller {
    /// Packs a charm into the store directory `store`.
    pub(super) fn publish(&self, file: &str, name: &str, metadata: &str, manifest: &str) {
        let source = self.write_charm(
            &format!("source-{file}"),
            &[
                (
                    "metadata.yaml",
                    &format!("name: {name}\nsummary: The {name} of the tests.\ndescription: |\n  One.\n  Two.\n{metadata}"),
                ),
                ("manifest.yaml", manifest),
                (
                    "config.yaml",
                    "options: {level: {type: int, default: 3, description: A number.}}\n",
                ),
                ("dispatch", "#!/bin/sh\n"),
            ],
        );
        let store = self.dir.path().join("store");
        fs::create_dir_all(&store).unwrap();
        charmtest_charm::pack_directory(&source, &store.join(file)).unwrap();
    }

    /// Writes a file into the store directory `store`.
    pub(super) fn put(&self, file: &str, text: &str) {
        let store = self.dir.path().join("store");
        fs::create_dir_all(&store).unwrap();
        fs::write(store.join(file), text).unwrap();
    }

    /// Makes a controller whose clients ask the directory `store`, with a charm in three channels and with a resource.
    pub(super) fn with_store(juju: JujuVersion) -> Self {
        let mut c = Self::with_model_of(juju);
        c.set_env("CHARMTEST_CHARM_STORE", "store");
        let metadata = "provides: {server: {interface: trace}}\nrequires: {client: {interface: trace}}\n\
                        resources: {blob: {type: file, filename: blob.txt, description: a file}}\n";
        c.publish("db_r1.charm", "db", metadata, NOBLE);
        c.publish("db_r3.charm", "db", metadata, NOBLE);
        c.publish("db_r4_candidate.charm", "db", metadata, JAMMY);
        c.publish("db_r5_14-edge.charm", "db", metadata, NOBLE);
        c.put("resource_blob_r1_blob.txt", "one");
        c.put("resource_blob_r2_blob.txt", "two");
        c
    }

    pub(super) fn application(&self, name: &str) -> serde_json::Value {
        self.juju("status --format json").json()["applications"][name].clone()
    }
}

/// Both versions, for what they do alike.
const VERSIONS: [JujuVersion; 2] = [JujuVersion::V3_6, JujuVersion::V4_0];

#[test]
fn a_name_is_deployed_from_the_store() {
    for juju in VERSIONS {
        let c = Controller::with_store(juju);
        let outcome = c.juju("deploy db");
        assert_eq!(
            (
                outcome.code,
                outcome.stdout.as_str(),
                outcome.stderr.as_str()
            ),
            (
                0,
                "",
                "Deployed \"db\" from charm-hub charm \"db\", revision 3 in channel latest/stable on ubuntu@24.04/stable\n"
            )
        );
        let app = c.application("db");
        for (key, expected) in [
            ("charm", json!("db")),
            ("charm-origin", json!("charmhub")),
            ("charm-name", json!("db")),
            ("charm-rev", json!(3)),
            ("charm-channel", json!("latest/stable")),
            ("base", json!({"name": "ubuntu", "channel": "24.04"})),
        ] {
            assert_eq!(app[key], expected, "{key}");
        }
        assert_eq!(app.get("can-upgrade-to"), None);
        assert!(
            c.juju("show-unit db/0")
                .ok()
                .stdout
                .contains("charm: ch:amd64/db-3\n")
        );
        assert!(
            c.juju("show-application db")
                .ok()
                .stdout
                .contains("channel: latest/stable\n")
        );
    }
}

#[test]
fn channels_bases_and_revisions_choose() {
    let c = Controller::with_store(JujuVersion::V3_6);
    for (options, app, expected) in [
        (
            "--channel 14/edge",
            "a",
            "revision 5 in channel 14/edge on ubuntu@24.04/stable",
        ),
        (
            "--channel candidate",
            "b",
            "revision 4 in channel latest/candidate on ubuntu@22.04/stable",
        ),
        // Nothing for this base is a candidate: what is stable follows.
        (
            "--channel candidate --base ubuntu@24.04",
            "c",
            "revision 3 in channel latest/stable on ubuntu@24.04/stable",
        ),
        (
            "--channel edge",
            "d",
            "revision 4 in channel latest/candidate on ubuntu@22.04/stable",
        ),
        (
            "--revision 1 --channel edge",
            "e",
            "revision 1 in channel latest/edge on ubuntu@24.04/stable",
        ),
    ] {
        let outcome = c.juju(&format!("deploy ch:db {app} {options}")).ok();
        assert_eq!(
            outcome.stderr,
            format!("Deployed \"{app}\" from charm-hub charm \"db\", {expected}\n")
        );
    }
    c.juju("model-config default-base=ubuntu@22.04").ok();
    let outcome = c.juju("deploy db f --channel candidate");
    assert!(outcome.stderr.contains("revision 4 "), "{outcome:?}");
}

#[test]
fn a_dry_run_changes_nothing() {
    let c = Controller::with_store(JujuVersion::V3_6);
    let before = c.model();
    assert_eq!(
        c.juju("deploy db web --dry-run").ok().stderr,
        "\"web\" from charm-hub charm \"db\", revision 3 in channel latest/stable on ubuntu@24.04/stable would be deployed\n"
    );
    assert_eq!(c.model(), before);
}

#[test]
fn refusals_of_deploy() {
    for juju in VERSIONS {
        let c = Controller::with_store(juju);
        c.juju("deploy db").ok();
        let releases = "\navailable releases are:\n  channel \"latest/stable\": available bases are: ubuntu@24.04\n  \
                        channel \"latest/candidate\": available bases are: ubuntu@22.04\n  channel \"14/edge\": available bases are: ubuntu@24.04\n";
        let not_in = |place: &str, base: &str| {
            format!(
                "ERROR selecting releases: charm or bundle not found {place}, base {base:?}{releases}"
            )
        };
        let arch = super::host_arch();
        for (line, expected) in [
            ("deploy nosuch".to_owned(), "ERROR resolving error: No charm or bundle with name \"nosuch\" in ".to_owned()),
            ("deploy db x --channel 15/stable".to_owned(), not_in("for channel \"15/stable\"", arch)),
            (
                "deploy db x --base ubuntu@20.04".to_owned(),
                not_in("in the charm's default channel", &format!("{arch}/ubuntu/20.04/stable")),
            ),
            (
                "deploy db x --revision 9 --channel stable".to_owned(),
                "ERROR selecting releases: no releases available\n".to_owned(),
            ),
            (
                "deploy db x --revision 1".to_owned(),
                "ERROR specifying a revision requires a channel for future upgrades. Please use --channel\n".to_owned(),
            ),
            (
                "deploy db-1".to_owned(),
                "ERROR cannot specify revision in a charm or bundle name. Please use --revision.\n".to_owned(),
            ),
            ("deploy db x --channel a/b".to_owned(), "ERROR risk in channel \"a/b\" not valid\n".to_owned()),
            (
                "deploy db x --overlay o.yaml".to_owned(),
                "ERROR options provided but not supported when deploying a charm: --overlay\n".to_owned(),
            ),
            (
                "deploy db".to_owned(),
                "ERROR cannot add application \"db\": application already exists\nERROR failed to deploy charm \"db\"\n".to_owned(),
            ),
            (
                "deploy db x --config nosuch=1".to_owned(),
                "ERROR unknown option \"nosuch\"\nERROR failed to deploy charm \"db\"\n".to_owned(),
            ),
            (
                "deploy db x --resource blob=9".to_owned(),
                "ERROR charm resource \"blob\" at revision 9 not found\nERROR failed to deploy charm \"db\"\n".to_owned(),
            ),
        ] {
            let before = c.model();
            let outcome = c.juju(&line);
            assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{line}: {outcome:?}");
            assert!(outcome.stderr.starts_with(&expected), "{line}: {outcome:?}");
            assert_eq!(c.model(), before, "{line}");
        }
    }
}

#[test]
fn a_refresh_takes_the_newest_of_the_channel() {
    for juju in VERSIONS {
        let c = Controller::with_store(juju);
        c.juju("deploy db --revision 1 --channel stable").ok();
        assert_eq!(c.application("db")["can-upgrade-to"], "ch:amd64/db-3");
        let endpoints = match juju {
            JujuVersion::V3_6 => "client, server",
            JujuVersion::V4_0 => "client, juju-info, server",
        };
        assert_eq!(
            c.juju("refresh db").ok().stderr,
            format!(
                "Added charm-hub charm \"db\", revision 3 in channel latest/stable, to the model\n\
                 no change to endpoints in space \"alpha\": {endpoints}\n"
            )
        );
        assert_eq!(c.model().applications.get("db").unwrap().charm_modified, 1);
        assert_eq!(c.application("db").get("can-upgrade-to"), None);
        assert_eq!(
            c.juju("refresh db").ok().stderr,
            "charm \"db\": already up-to-date\n"
        );
        assert_eq!(
            c.juju("refresh db --channel 14/edge")
                .ok()
                .stderr
                .lines()
                .next()
                .unwrap(),
            "Added charm-hub charm \"db\", revision 5 in channel 14/edge, to the model"
        );
        assert_eq!(c.application("db")["charm-channel"], "14/edge");
        // A risk alone stays on the track, and what is closed follows the safer one: here nothing.
        let outcome = c.juju("refresh db --channel candidate");
        assert!(
            outcome
                .stderr
                .contains("not found for channel \"14/candidate\""),
            "{outcome:?}"
        );
        c.juju("refresh db --revision 1").ok();
        let app = c.application("db");
        assert_eq!(
            (&app["charm-rev"], &app["charm-channel"]),
            (&json!(1), &json!("14/edge"))
        );
    }
}

#[test]
fn a_charm_that_is_up_to_date_may_follow_another_channel() {
    let c = Controller::with_store(JujuVersion::V3_6);
    c.put(
        "index.yaml",
        "db: {channels: {latest/stable: {revision: 3, file: db_r3.charm}, latest/edge: {revision: 3}}}\n",
    );
    c.juju("deploy db").ok();
    let before = c.model().applications.get("db").unwrap().charm_modified;
    assert_eq!(
        c.juju("refresh db --channel edge").ok().stderr,
        "charm \"db\": already up-to-date\nNote: all future refreshes will now use channel \"latest/edge\"\n"
    );
    let app = c.model().applications.get("db").unwrap().clone();
    assert_eq!(
        (app.channel.as_deref(), app.charm_modified),
        (Some("latest/edge"), before)
    );
}

#[test]
fn a_charm_may_take_the_place_of_another() {
    let c = Controller::with_store(JujuVersion::V3_6);
    c.publish(
        "web_r7.charm",
        "web",
        "provides: {server: {interface: trace}}\n",
        NOBLE,
    );
    let tracer = "name: tracer\nsummary: s\ndescription: d\n";
    c.write_charm(
        "tracer",
        &[("metadata.yaml", tracer), ("dispatch", "#!/bin/sh\n")],
    );
    c.juju("deploy ./tracer db").ok();
    assert_eq!(
        c.juju("refresh db --switch web")
            .ok()
            .stderr
            .lines()
            .next()
            .unwrap(),
        "Added charm-hub charm \"web\", revision 7 in channel latest/stable, to the model"
    );
    let app = c.application("db");
    assert_eq!(
        (&app["charm-name"], &app["charm-origin"]),
        (&json!("web"), &json!("charmhub"))
    );
    let outcome = c.juju("refresh db --switch ./tracer");
    assert!(
        outcome
            .stderr
            .contains("cannot refresh \"web\" to \"tracer\""),
        "{outcome:?}"
    );
}

#[test]
fn resources_come_from_the_store() {
    for (juju, supplier) in [
        (JujuVersion::V3_6, "charmstore"),
        (JujuVersion::V4_0, "store"),
    ] {
        let c = Controller::with_store(juju);
        c.juju("deploy db").ok();
        c.juju("deploy db old --resource blob=1").ok();
        fs::write(c.dir.path().join("own.txt"), "own").unwrap();
        c.juju("deploy db own --resource blob=./own.txt --resource nosuch=1")
            .ok();
        let resource = |app: &str| {
            c.juju(&format!("resources {app} --format json"))
                .ok()
                .json()["resources"][0]
                .clone()
        };
        for (app, revision, origin, size) in [
            ("db", "2", "store", 3),
            ("old", "1", "store", 3),
            ("own", "0", "upload", 3),
        ] {
            let value = resource(app);
            assert_eq!(
                (&value["revision"], &value["origin"], &value["size"]),
                (&json!(revision), &json!(origin), &json!(size)),
                "{app}"
            );
            assert_eq!(value.get("username").is_some(), origin == "upload", "{app}");
        }
        let width = supplier.len().max("Supplied by".len());
        assert_eq!(
            c.juju("resources db").ok().stdout,
            format!(
                "Resource  {:width$}  Revision\nblob      {supplier:width$}  2\n",
                "Supplied by"
            )
        );
        let table = c.juju("charm-resources db").ok().stdout;
        assert_eq!(table, "Resource  Revision\nblob      2\n");
        let listed = c.juju("charm-resources db --format json").ok().json();
        assert_eq!(
            (
                &listed[0]["name"],
                &listed[0]["path"],
                &listed[0]["revision"],
                &listed[0]["origin"]
            ),
            (
                &json!("blob"),
                &json!("blob.txt"),
                &json!(2),
                &json!("store")
            )
        );
        assert_eq!(listed[0]["fingerprint"], resource("db")["fingerprint"]);

        // A newer revision of a resource alone is a refresh too; what the user uploaded stays.
        c.put("resource_blob_r3_blob.txt", "three");
        assert_eq!(
            c.juju("refresh db").ok().stderr,
            "charm \"db\": already up-to-date\nresources to be upgraded\n"
        );
        assert_eq!(resource("db")["revision"], "3");
        assert_eq!(c.model().applications.get("db").unwrap().charm_modified, 1);
        assert_eq!(
            c.juju("refresh own").ok().stderr,
            "charm \"db\": already up-to-date\n"
        );
    }
}

#[test]
fn a_resource_that_cannot_be_uploaded_does_not_stop_the_deploy() {
    let c = Controller::with_store(JujuVersion::V3_6);
    let outcome = c.juju("deploy db --resource blob=./nosuch.txt").ok();
    assert_eq!(
        outcome.stderr.lines().next().unwrap(),
        "ERROR Unable to upload resources for db, consider using --attach-resource. "
    );
    assert!(outcome.stderr.contains("no such file or directory"));
    assert!(outcome.stderr.ends_with("on ubuntu@24.04/stable\n"));
    assert!(
        c.model()
            .applications
            .get("db")
            .unwrap()
            .resources
            .is_empty()
    );
}

#[test]
fn charm_resources_refuses_what_is_not_there() {
    let c = Controller::with_store(JujuVersion::V3_6);
    c.publish("web_r7.charm", "web", "", NOBLE);
    let none = c.juju("charm-resources web").ok();
    assert_eq!(
        (none.stdout.as_str(), none.stderr.as_str()),
        ("", "No resources to display.\n")
    );
    c.assert_refusals(&[
        (
            "charm-resources db --channel 15/edge",
            1,
            "",
            "ERROR unable to locate charm \"db\" with matching channel \"15/edge\"\n",
        ),
        (
            "charm-resources ./tracer.charm",
            1,
            "",
            "ERROR cannot parse name and/or revision in URL \"./tracer.charm\": name \"tracer.charm\" not valid\n",
        ),
        ("charm-resources", 2, "", "ERROR missing charm\n"),
    ]);
}

#[test]
fn info_in_all_formats() {
    let c = Controller::with_store(JujuVersion::V3_6);
    for revision in [1, 3] {
        let file = c.dir.path().join(format!("store/db_r{revision}.charm"));
        let at = std::time::UNIX_EPOCH
            + std::time::Duration::from_secs(1_700_000_000 + revision * 86_400);
        fs::File::options()
            .append(true)
            .open(file)
            .unwrap()
            .set_modified(at)
            .unwrap();
    }
    let text = c
        .juju("info db --config --base ubuntu@24.04 --arch amd64")
        .ok()
        .stdout;
    let (front, sizes): (String, Vec<&str>) = (
        text.split('\n')
            .map(|line| {
                line.rsplit_once("  ")
                    .filter(|_| line.contains("B"))
                    .map_or(line, |(front, _)| front)
            })
            .map(|line| format!("{line}\n"))
            .collect(),
        text.lines().filter(|line| line.ends_with('B')).collect(),
    );
    assert_eq!(sizes.len(), 2, "{text}");
    let expected =
        "name: db\nsummary: The db of the tests.\ndescription: |\n  One.\n  Two.\ncharm-id: ";
    assert!(front.starts_with(expected), "{text}");
    for part in [
        "\nsupports: ubuntu@24.04\nsubordinate: false\nrelations:\n  provides:\n    server: trace\n  requires:\n    client: trace\nchannels: |\n",
        "  latest/stable:     3  2023-11-17  (3)",
        "\n  latest/candidate:  ^\n  latest/beta:       ^\n  latest/edge:       ^\n  14/stable:         --\n",
        "\nconfig:\n  settings:\n    level:\n      type: int\n      description: A number.\n      default: 3\n",
    ] {
        assert!(text.contains(part), "{part}\nin\n{text}");
    }
    let unicode = c
        .juju("info db --base ubuntu@24.04 --unicode always")
        .ok()
        .stdout;
    assert!(unicode.contains("  14/stable:         –\n"), "{unicode}");
    assert!(
        unicode.contains("\n                     1  2023-11-15  (1)"),
        "all revisions for a base: {unicode}"
    );

    let json = c.juju("info db --format json").ok();
    let keys: Vec<String> = json.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "type",
            "id",
            "name",
            "description",
            "publisher",
            "summary",
            "supports",
            "store-url",
            "charm",
            "channels",
            "tracks"
        ]
    );
    let value = json.json();
    assert_eq!(
        value["charm"]["config"]["Options"]["level"],
        json!({"Type": "int", "Description": "A number.", "Default": 3})
    );
    assert_eq!(value["tracks"], json!(["latest", "14"]));
    let stable = &value["channels"]["latest"]["stable"][0];
    assert_eq!(stable["revision"], 3);
    assert_eq!(stable["released-at"], "2023-11-17T22:13:20.000000+00:00");
    assert_eq!(
        (&stable["architectures"], &stable["bases"]),
        (
            &json!(["amd64", "arm64"]),
            &json!([{"name": "ubuntu", "channel": "24.04"}])
        )
    );
    let yaml = c.juju("info db --format yaml --revision 4").ok().stdout;
    assert!(
        yaml.contains(
            "\nchannels:\n  latest:\n    candidate:\n    - track: latest\n      risk: candidate\n"
        ),
        "{yaml}"
    );
    assert!(yaml.contains("\n        type: int\n"), "{yaml}");
    let tracks = c.juju("info db --format json --track 14").ok().json()["tracks"].clone();
    assert_eq!(tracks, json!(["14"]));
}

#[test]
fn info_and_find_refuse_nonsense() {
    let c = Controller::with_store(JujuVersion::V3_6);
    c.assert_refusals(&[
        ("info nosuch", 1, "", "ERROR No information found for charm or bundle with the name \"nosuch\"\n"),
        ("info nosuch --format json", 1, "{}\n", "ERROR No information found"),
        ("info", 2, "", "ERROR expected a charm or bundle name\n"),
        ("info a.b", 2, "", "ERROR charm or bundle name, \"a.b\", is not valid\n"),
        ("info local:db", 2, "", "ERROR \"local:db\" is not a Charm Hub charm\n"),
        ("info db --revision 1 --channel edge", 2, "", "ERROR --revision cannot be specified together with --arch,"),
        ("info db --track 1 --base ubuntu@22.04", 2, "", "ERROR --track cannot be specified together with --arch,"),
        ("info db --arch mips", 2, "", "ERROR unexpected architecture flag value \"mips\", expected <all|amd64|arm64|ppc64el|riscv64|s390x>\n"),
        ("info db --unicode maybe", 2, "", "ERROR unexpected unicode flag value \"maybe\", expected <auto|never|always>\n"),
        ("find --type snap", 2, "", "ERROR expected type to be charm or bundle\n"),
        ("find --columns nX", 2, "", "ERROR unexpected column type 'X'\n"),
    ]);
}

#[test]
fn find_in_all_formats() {
    let c = Controller::with_store(JujuVersion::V3_6);
    c.publish("web_r7.charm", "web", "", JAMMY);
    assert_eq!(
        c.juju("find WEB").ok().stdout,
        "Name  Bundle  Version  Publisher  Summary\nweb   -       7                   The web of the tests.\n\n"
    );
    assert_eq!(
        c.juju("find web --columns nS").ok().stdout,
        "Name  Supports\nweb   ubuntu@22.04\n\n"
    );
    let all = c.juju("find").ok().stdout;
    assert!(
        all.starts_with(
            "No search term specified. Here are some interesting charms:\n\nName  Bundle"
        ),
        "{all}"
    );
    assert!(
        all.ends_with("\n\nProvide a search term for more specific results.\n"),
        "{all}"
    );
    let found = c.juju("find db --format json").ok().json();
    assert_eq!(found.as_array().unwrap().len(), 1);
    let keys: Vec<String> = found[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "type",
            "id",
            "name",
            "publisher",
            "summary",
            "version",
            "architectures",
            "os",
            "supports",
            "store-url"
        ]
    );
    let none = c.juju("find nosuch").ok();
    assert_eq!(
        (none.stdout.as_str(), none.stderr.as_str()),
        ("", "No matching charms or bundles\n")
    );
    let none = c.juju("find --type bundle").ok();
    assert_eq!(
        (none.stdout.as_str(), none.stderr.as_str()),
        ("", "No matching bundles\n")
    );
    assert_eq!(c.juju("find nosuch --format json").ok().stdout, "[]\n");
}

#[test]
fn downloads() {
    let c = Controller::with_store(JujuVersion::V3_6);
    let arch = super::host_arch();
    let stored = |file: &str| fs::read(c.dir.path().join(file)).unwrap();
    let outcome = c.juju("download db --no-progress").ok();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr),
        (
            "",
            format!(
                "Fetching charm \"db\" revision 3 using \"latest/stable\" channel and base \"{arch}/ubuntu/24.04\"\n\
                 Install the \"db\" charm with:\n    juju deploy ./db_r3.charm\n"
            )
        )
    );
    assert_eq!(stored("db_r3.charm"), stored("store/db_r3.charm"));
    let outcome = c
        .juju("download db --channel candidate --filepath sub.charm")
        .ok();
    assert_eq!(
        outcome.stderr.lines().next().unwrap(),
        format!(
            "Fetching charm \"db\" revision 3 using \"latest/candidate\" channel and base \"{arch}/ubuntu/24.04\""
        )
    );
    let outcome = c.juju("download db --revision 1 --resources").ok();
    assert_eq!(
        outcome.stderr,
        "Fetching charm \"db\" revision 1\nInstall the \"db\" charm with:\n    \
         juju deploy ./db_r1.charm --resource blob=./resource_blob_r2_blob.txt\n"
    );
    assert_eq!(stored("resource_blob_r2_blob.txt"), b"two");
    // Only jammy is there: the store's own suggestion is taken.
    c.publish("old_r1.charm", "old", "", JAMMY);
    let outcome = c.juju("download old").ok();
    assert!(
        outcome.stderr.starts_with("Base \"ubuntu@24.04\" is not supported for charm \"old\", trying base \"ubuntu@22.04\"\nFetching charm \"old\""),
        "{outcome:?}"
    );
    c.assert_refusals(&[
        ("download nosuch", 1, "", "ERROR unable to locate nosuch: No charm or bundle with name \"nosuch\""),
        ("download db --revision 9", 1, "", "ERROR unable to locate db revison 9: No revision was found in the Store.\n"),
        (
            "download db --channel 15/edge",
            1,
            "",
            "ERROR \"db\" has no releases in channel \"15/edge\". Type\n    juju info db\nfor a list of supported channels.\n",
        ),
        ("download db x", 2, "", "ERROR expected a charm or bundle name, followed by hyphen to pipe to stdout\n"),
        ("download db - --resources", 2, "", "ERROR cannot pipe to stdout and download resources"),
        ("download db --filepath no/such/x", 1, "", "ERROR cannot write no/such/x: "),
    ]);
}

#[test]
fn series_are_an_option_of_3_6_alone() {
    for (juju, expected) in [
        (
            JujuVersion::V3_6,
            "option --series of \"info\" is not supported by the embedded controller",
        ),
        (
            JujuVersion::V4_0,
            "option provided but not defined: --series",
        ),
    ] {
        let outcome = Controller::with_store(juju).juju("info db --series jammy");
        assert!(outcome.stderr.contains(expected), "{outcome:?}");
    }
}

#[test]
fn a_store_that_is_wrong_says_so() {
    let mut c = Controller::with_store(JujuVersion::V3_6);
    c.publish("fake_r1.charm", "real", "", NOBLE);
    c.put("broken_r1.charm", "no zip");
    for (line, expected) in [
        (
            "deploy fake",
            "fake_r1.charm of the charm store cannot be used: it holds the charm \"real\", not \"fake\"",
        ),
        (
            "info broken",
            "broken_r1.charm of the charm store cannot be used: ",
        ),
    ] {
        let outcome = c.juju(line);
        assert!(
            outcome.code == 1 && outcome.stderr.contains(expected),
            "{outcome:?}"
        );
    }
    // A charm that is used goes on whatever else is wrong.
    c.juju("deploy db").ok();
    c.set_env("CHARMTEST_CHARM_STORE", "nosuch");
    let outcome = c.juju("deploy db other");
    assert!(
        outcome
            .stderr
            .contains("/nosuch, which CHARMTEST_CHARM_STORE names"),
        "{outcome:?}"
    );
    assert_eq!(c.application("db")["charm-rev"], 3);
    c.set_env("CHARMTEST_CHARM_STORE", "");
    let outcome = c.juju("refresh db");
    assert!(
        outcome
            .stderr
            .contains("has no charm store: list directories"),
        "{outcome:?}"
    );
}
