//! Whole commands about applications, units and relations.

use std::fs;

use serde_json::json;

use super::charm_fixture::TRACER;
use super::testing::Controller;
use crate::JujuVersion;
use crate::agent::Hook;
use crate::model::{HookFailure, Life, Resolved, UnitName};

#[test]
fn deploy_says_what_juju_says_and_everything_is_there() {
    let c = Controller::with_tracer();
    let outcome = c
        .juju("deploy ./tracer server -n 2 --config level=7 --trust")
        .ok();
    assert_eq!(outcome.stdout, "");
    assert_eq!(
        outcome.stderr,
        "Located local charm \"tracer\", revision 0\nDeploying \"server\" from local charm \"tracer\", revision 0 on ubuntu@24.04/stable\n"
    );
    let model = c.model();
    assert_eq!(
        model.units.keys().map(UnitName::as_str).collect::<Vec<_>>(),
        ["server/0", "server/1"]
    );
    let application = model.applications.get("server").unwrap();
    assert_eq!(
        (
            application.charm.as_str(),
            application.trust,
            application.config["level"].as_i64()
        ),
        ("local:tracer-0", true, Some(7))
    );
    let archive = c
        .hub
        .data
        .charm(&model.charms.get("local:tracer-0").unwrap().sha256);
    assert!(archive.is_file(), "the archive is kept");
    let addresses: Vec<_> = model
        .machines
        .values()
        .map(|machine| machine.address)
        .collect();
    assert!(
        addresses[0].is_loopback() && addresses[0] != addresses[1],
        "{addresses:?}"
    );

    let second = c.juju("deploy ./tracer").ok();
    assert!(
        second
            .stderr
            .starts_with("Located local charm \"tracer\", revision 1\nDeploying \"tracer\" from"),
        "{second:?}"
    );
    let leftovers: Vec<_> = fs::read_dir(c.hub.data.root().join("charms"))
        .unwrap()
        .collect();
    assert_eq!(
        leftovers.len(),
        1,
        "one content, one archive: {leftovers:?}"
    );
}

#[test]
fn deploy_takes_archives_configuration_files_and_resources() {
    let c = Controller::with_tracer();
    let dir = c.dir.path();
    charmtest_charm::archive::pack_directory(&dir.join("tracer"), &dir.join("tracer.charm"))
        .unwrap();
    fs::write(
        dir.join("config.yaml"),
        "web: {mode: from-file, loud: true, level: 4}\n",
    )
    .unwrap();
    fs::write(dir.join("mode.txt"), "line1\nline2\n").unwrap();
    fs::write(dir.join("blob.txt"), "hello\n").unwrap();
    c.juju("deploy ./tracer.charm web --config config.yaml --config mode=@mode.txt --resource blob=./blob.txt --constraints mem=2G").ok();
    let model = c.model();
    let application = model.applications.get("web").unwrap();
    assert_eq!(
        json!(application.config),
        json!({"level": 4, "loud": true, "mode": "line1\nline2\n"})
    );
    assert_eq!(application.constraints["mem"], "2048M");
    let blob = &application.resources["blob"];
    assert_eq!((blob.size, blob.fingerprint.len()), (6, 96));
    assert_eq!(
        fs::read_to_string(c.hub.data.root().join(&blob.path)).unwrap(),
        "hello\n"
    );
    let listed = c.juju("resources web --format json").ok().json();
    assert_eq!(
        listed["resources"][0]["fingerprint"],
        blob.fingerprint.as_str()
    );
    assert_eq!(
        c.juju("resources web").ok().stdout,
        "Resource  Supplied by  Revision\nblob      admin        2025-11-21T22:58\n"
    );
}

#[test]
fn deploy_refuses() {
    let c = Controller::with_applications();
    let change = |name: &str, file: &str, text: &str| {
        c.write_charm(name, TRACER);
        fs::write(c.dir.path().join(name).join(file), text).unwrap();
    };
    change("broken", "metadata.yaml", "name: [\n");
    change("nameless", "metadata.yaml", "summary: s\ndescription: d\n");
    change(
        "sidecar",
        "metadata.yaml",
        "name: sidecar\nsummary: s\ndescription: d\ncontainers: {app: {}}\n",
    );
    c.write_charm(
        "idle",
        &[("metadata.yaml", "name: idle\nsummary: s\ndescription: d\n")],
    );
    c.write_charm(
        "source",
        &[("charmcraft.yaml", "name: source\ntype: charm\n")],
    );
    fs::write(c.dir.path().join("text.charm"), "no zip\n").unwrap();
    fs::write(c.dir.path().join("binary.charm"), [0, 255, 0]).unwrap();
    fs::write(c.dir.path().join("bundle.yaml"), "applications: {}\n").unwrap();
    c.assert_refusals(&[
        ("deploy", 2, "", "ERROR no charm or bundle specified\n"),
        ("deploy ./tracer a b", 2, "", "ERROR unrecognized args: [\"b\"]\n"),
        ("deploy ./tracer Bad_Name", 2, "", "ERROR invalid application name \"Bad_Name\", unexpected uppercase character\n"),
        ("deploy ./tracer a -n 1001", 2, "", "ERROR --num-units must be at most 1000 in the embedded controller\n"),
        ("deploy ./tracer a -n 0", 2, "", "ERROR --num-units must be a positive integer\n"),
        ("deploy ./tracer a --resource blob", 2, "", "ERROR invalid value \"blob\" for option --resource: badly formatted name value pair: blob\n"),
        ("deploy ./nosuch", 1, "", "ERROR no charm was found at \"./nosuch\"\n"),
        ("deploy tracer", 1, "", "ERROR The charm or bundle \"tracer\" is ambiguous.\nTo deploy a local charm or bundle, run `juju deploy ./tracer`.\n"),
        ("deploy postgresql", 1, "", "has no charm store: list directories"),
        ("deploy ./bundle.yaml", 1, "", "ERROR cannot deploy bundle: the provided bundle has the following errors:\nat least one application must be specified\n"),
        ("deploy ./text.charm", 1, "", "ERROR cannot deploy bundle: the provided bundle has the following errors:\nat least one application must be specified\n"),
        ("deploy ./binary.charm", 1, "", "ERROR invalid charm or bundle provided at \"./binary.charm\": "),
        ("deploy ./broken", 1, "", "ERROR attempting to deploy \"./broken\": metadata.yaml:"),
        ("deploy ./nameless", 1, "", "metadata.yaml: "),
        ("deploy ./idle", 1, "", "ERROR invalid charm \"idle\": has no hooks nor dispatch file\n"),
        ("deploy ./source", 1, "", "pack it first"),
        ("deploy ./sidecar", 1, "", "declares the containers app"),
        ("deploy ./tracer server", 1, "", "ERROR cannot add application \"server\": application already exists: \ndeploy application using an alias name:\n"),
        ("deploy ./tracer a --config nosuch=1", 1, "", "ERROR unknown option \"nosuch\"\n"),
        ("deploy ./tracer a --config level=abc", 1, "", "ERROR option \"level\" expected int, got \"abc\"\n"),
        ("deploy ./tracer a --config nosuch.yaml", 1, "", "nosuch.yaml"),
        ("deploy ./tracer a --resource nosuch=./x", 1, "", "ERROR unrecognized resource \"nosuch\"\n"),
        ("deploy ./tracer a --resource blob=./nosuch.txt", 1, "", "ERROR file for resource \"blob\": stat ./nosuch.txt: no such file or directory\n"),
        ("deploy ./tracer a --to 99", 1, "", "ERROR cannot deploy \"a\" to machine 99: machine 99 not found\n"),
        ("deploy ./tracer a --to lxd:0", 1, "", "ERROR placement \"lxd:0\" is not supported by the embedded controller"),
        ("deploy ./tracer a --base ubuntu@20.04", 1, "", "ERROR base \"ubuntu@20.04\" not supported by charm, the charm supported bases are: ubuntu@24.04\n"),
        ("deploy ./tracer a --constraints bogus=1", 1, "", "ERROR unknown constraint \"bogus\"\n"),
        ("deploy ./tracer a --bind nosuchspace", 1, "", "ERROR space \"nosuchspace\" not found\n"),
        ("deploy ./tracer a --overlay x.yaml", 1, "", "ERROR options provided but not supported when deploying a charm: --overlay\n"),
        ("deploy ./tracer a --storage data=1G", 1, "", "ERROR cannot add application \"a\": charm \"tracer\" has no store called \"data\"\n"),
    ]);
    let charms = fs::read_dir(c.hub.data.root().join("charms")).unwrap();
    let temporary = charms.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .display()
            .to_string()
            .starts_with('.')
    });
    assert_eq!(temporary.count(), 0, "no temporary file stays");
}

#[test]
fn refresh_takes_a_new_revision() {
    let c = Controller::with_applications();
    fs::write(c.dir.path().join("tracer/extra"), "x").unwrap();
    let outcome = c
        .juju("refresh server --path ./tracer --config level=9 --force-units")
        .ok();
    assert_eq!(
        outcome.stderr,
        "Added local charm \"tracer\", revision 2, to the model\nno change to endpoints in space \"alpha\": client, ring, server\n"
    );
    let application = c.model().applications.get("server").unwrap().clone();
    assert_eq!(
        (
            application.charm.as_str(),
            application.charm_modified,
            application.force_charm
        ),
        ("local:tracer-2", 1, true)
    );
    assert_eq!(application.config["level"], 9);

    c.write_charm("other", TRACER);
    let metadata = c.dir.path().join("other/metadata.yaml");
    fs::write(&metadata, "name: other\nsummary: s\ndescription: d\n").unwrap();
    c.write_charm("bare", TRACER);
    fs::write(
        c.dir.path().join("bare/metadata.yaml"),
        "name: tracer\nsummary: s\ndescription: d\n",
    )
    .unwrap();
    c.assert_refusals(&[
        ("refresh", 2, "", "ERROR no application specified\n"),
        (
            "refresh nosuch --path ./tracer",
            1,
            "",
            "ERROR application \"nosuch\" not found\n",
        ),
        (
            "refresh server",
            1,
            "",
            "ERROR refreshing a local charm requires either --path or --switch\n",
        ),
        (
            "refresh server --path ./x --revision 3",
            2,
            "",
            "mutually exclusive",
        ),
        (
            "refresh server --path ./nosuch",
            1,
            "",
            "ERROR \"./nosuch\": file does not exist\n",
        ),
        (
            "refresh server --path ./other",
            1,
            "",
            "ERROR cannot refresh \"tracer\" to \"other\"\n",
        ),
        (
            "refresh server --path ./bare",
            1,
            "",
            "would break relation \"server:ring\"\n",
        ),
        (
            "refresh server --path ./tracer --config nosuch=1",
            1,
            "",
            "ERROR unknown option \"nosuch\"\n",
        ),
        (
            "refresh server --path ./tracer --base ubuntu@22.04",
            1,
            "",
            "not supported by charm",
        ),
    ]);
}

#[test]
fn config_shows_sets_and_resets() {
    let c = Controller::with_applications();
    c.juju("config server level=7 mode= loud=True").silent();
    assert_eq!(
        c.juju("config server --format json").ok().stdout,
        "{\"application\":\"server\",\"application-config\":{\"trust\":{\"default\":false,\"description\":\"Does this application have access to \
         trusted credentials\",\"source\":\"default\",\"type\":\"bool\",\"value\":false}},\"charm\":\"tracer\",\"settings\":{\
         \"empty\":{\"description\":\"\",\"source\":\"unset\",\"type\":\"string\"},\
         \"level\":{\"default\":3,\"description\":\"A number.\",\"source\":\"user\",\"type\":\"int\",\"value\":7},\
         \"loud\":{\"default\":false,\"description\":\"\",\"source\":\"user\",\"type\":\"boolean\",\"value\":true},\
         \"mode\":{\"default\":\"calm\",\"description\":\"\",\"source\":\"user\",\"type\":\"string\",\"value\":\"\"}}}\n"
    );
    let yaml = c.juju("config server").ok().stdout;
    assert!(
        yaml.starts_with(
            "application: server\napplication-config:\n  trust:\n    default: false\n"
        ),
        "{yaml}"
    );
    for (key, expected) in [
        ("level", "7\n"),
        ("loud", "true\n"),
        ("mode", "\n"),
        ("empty", "\n"),
        ("trust", "false\n"),
    ] {
        assert_eq!(
            c.juju(&format!("config server {key} --format json"))
                .ok()
                .stdout,
            expected,
            "{key}"
        );
    }
    c.juju("config server --reset level,loud mode=x").silent();
    assert_eq!(
        json!(c.model().applications.get("server").unwrap().config),
        json!({"mode": "x"})
    );
    let outcome = c.run(
        &["config", "server", "--file", "-", "level=1"],
        "server: {mode: from-stdin, level: 5}\n",
    );
    outcome.silent();
    assert_eq!(
        json!(c.model().applications.get("server").unwrap().config),
        json!({"level": 1, "mode": "from-stdin"})
    );
    c.juju("trust server").silent();
    assert_eq!(c.juju("config server trust").ok().stdout, "true\n");
    c.juju("trust server --remove").silent();
    assert_eq!(c.juju("config server trust").ok().stdout, "false\n");
}

#[test]
fn config_refuses() {
    let c = Controller::with_applications();
    c.assert_refusals(&[
        ("config", 2, "", "ERROR no application name specified\n"),
        (
            "config server a b",
            2,
            "",
            "ERROR cannot specify multiple keys to get\n",
        ),
        (
            "config server a b=1",
            2,
            "",
            "ERROR cannot get value and set key=value pairs simultaneously\n",
        ),
        (
            "config server a=1 --reset a",
            2,
            "",
            "ERROR cannot set and reset key \"a\" simultaneously\n",
        ),
        (
            "config server nosuch",
            1,
            "{}\n",
            "ERROR key \"nosuch\" not found in \"server\" application config or charm settings.\n",
        ),
        (
            "config server mode=x nosuch=1",
            1,
            "{}\n",
            "ERROR unknown option \"nosuch\"\n",
        ),
        (
            "config server mode=x level=abc",
            1,
            "{}\n",
            "ERROR option \"level\" expected int, got \"abc\"\n",
        ),
        (
            "config server level=1.5",
            1,
            "{}\n",
            "ERROR option \"level\" expected int, got \"1.5\"\n",
        ),
        (
            "config server loud=maybe",
            1,
            "{}\n",
            "ERROR option \"loud\" expected boolean, got \"maybe\"\n",
        ),
        (
            "config server mode=@nosuch.txt",
            1,
            "{}\n",
            "ERROR cannot read option from file \"nosuch.txt\": ",
        ),
        ("config server --file nosuch.yaml", 1, "{}\n", "nosuch.yaml"),
        (
            "config nosuch",
            1,
            "{}\n",
            "ERROR application \"nosuch\" not found (not found)\n",
        ),
        (
            "config nosuch mode=1",
            1,
            "{}\n",
            "ERROR application \"nosuch\" not found\n",
        ),
        (
            "trust nosuch",
            1,
            "",
            "ERROR application \"nosuch\" not found\n",
        ),
    ]);
}

#[test]
fn relations_come_and_go() {
    let c = Controller::with_applications();
    c.juju("integrate server:server client:client").silent();
    let id = c.model().info.next_relation - 1;
    c.assert_refusals(&[
        (
            "integrate client server:server",
            1,
            "",
            "relation client:client server:server already exists\n\nUse 'juju status --relations' to view the current relations.\n",
        ),
        (
            "integrate server client",
            1,
            "",
            "ERROR ambiguous relation: \"server client\" could refer to \"client:client server:server\"; \"server:client client:server\"\n",
        ),
        ("integrate server", 2, "", "ERROR an integration must involve two applications\n"),
        ("integrate server nosuch", 1, "", "ERROR application \"nosuch\" not found\n"),
        ("relate server:ring client:ring", 1, "", "ERROR no relations found\n"),
        ("relate server:server client:server", 1, "", "ERROR no relations found\n"),
        ("relate server:nosuch client", 1, "", "ERROR application \"server\" has no \"nosuch\" relation\n"),
        ("relate Bad_Name client", 2, "", "ERROR application name \"Bad_Name\" not valid\n"),
        ("relate client admin/m.nosuch", 1, "", "ERROR application offer \"admin/m.nosuch\" not found\n"),
        ("remove-relation abc", 2, "", "ERROR relation ID \"abc\" not valid\n"),
        ("remove-relation", 2, "", "ERROR a relation must involve two applications\n"),
        ("remove-relation 999", 1, "", "ERROR relation 999 not found\n"),
        ("remove-relation server nosuch", 1, "", "ERROR application \"nosuch\" not found\n"),
        ("remove-relation 0", 1, "", "is a peer relation\n"),
    ]);
    c.juju("remove-relation server client").silent();
    assert!(!c.model().relations.contains(&id), "no unit was in it");
    c.juju("relate server:server client:client").silent();
    c.juju(&format!("remove-relation {} --force", id + 1))
        .silent();
    assert!(
        c.model()
            .relations
            .values()
            .all(|relation| relation.is_peer())
    );
}

#[test]
fn units_come_and_go() {
    let c = Controller::with_applications();
    c.juju("add-unit server -n 2 --to 0").silent();
    let machines = |c: &Controller| -> Vec<(String, String)> {
        c.model()
            .units_of("server")
            .map(|unit| (unit.name.to_string(), unit.machine.clone()))
            .collect()
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        machines(&c),
        [
            pair("server/0", "0"),
            pair("server/1", "0"),
            pair("server/2", "2")
        ]
    );

    let plan = "will remove unit server/1\n";
    let asked = "WARNING This command will perform the following actions:\n\nContinue [y/N]? ";
    for (answer, code, end) in [
        ("", 1, "ERROR unit removal: aborted\n"),
        ("n\n", 1, "ERROR unit removal: aborted\n"),
        ("y\n", 0, ""),
    ] {
        let outcome = c.run(&["remove-unit", "server/1"], answer);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str(), outcome.stderr),
            (code, plan, format!("{asked}{end}")),
            "{answer:?}"
        );
    }
    let outcome = c.juju("remove-unit server/2 server/9 --no-prompt");
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (1, "will remove unit server/2\n")
    );
    assert_eq!(
        outcome.stderr,
        "ERROR removing unit server/9 failed: unit \"server/9\" not found\n"
    );
    assert_eq!(
        machines(&c),
        [pair("server/0", "0")],
        "the good one was removed"
    );

    let outcome = c.juju("remove-application server --dry-run").ok();
    assert_eq!(
        outcome.stdout,
        "will remove application server\n- will remove unit server/0\n"
    );
    assert!(c.model().applications.contains("server"));
    c.change(|model| model.units.get_mut("server/0").unwrap().progress.installed = true);
    c.juju("remove-application server --no-prompt").ok();
    assert_eq!(
        c.model().applications.get("server").unwrap().life,
        Life::Dying
    );
    c.juju("remove-application server --no-prompt --force --no-wait")
        .ok();
    assert!(!c.model().applications.contains("server"));
    c.assert_refusals(&[
        ("remove-unit", 2, "", "ERROR no units specified\n"),
        (
            "remove-unit client --no-prompt",
            2,
            "",
            "ERROR invalid unit name \"client\"\n",
        ),
        (
            "remove-application",
            2,
            "",
            "ERROR no application specified\n",
        ),
        (
            "remove-application client --no-wait",
            2,
            "",
            "ERROR --no-wait without --force not valid\n",
        ),
        (
            "remove-application server --no-prompt",
            1,
            "",
            "ERROR removing application server failed: application \"server\" not found\n",
        ),
        ("add-unit", 2, "", "ERROR no application specified\n"),
        (
            "add-unit nosuch",
            1,
            "",
            "ERROR application \"nosuch\" not found\n",
        ),
        (
            "add-unit client -n 0",
            2,
            "",
            "ERROR --num-units must be a positive integer\n",
        ),
        (
            "add-unit client --to 99",
            1,
            "",
            "ERROR machine 99 not found\n",
        ),
    ]);
}

#[test]
fn no_prompt_is_needed_when_the_model_says_so() {
    let c = Controller::with_applications();
    c.juju("model-config mode=").ok();
    let outcome = c.juju("remove-unit server/0").ok();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("will remove unit server/0\n", "")
    );
}

#[test]
fn resolving_units() {
    let c = Controller::with_applications();
    c.assert_refusals(&[
        ("resolved", 2, "", "ERROR no unit specified\n"),
        ("resolved bad", 2, "", "ERROR unit name \"bad\" not valid\n"),
        (
            "resolved --all server/0",
            2,
            "",
            "ERROR specifying unit names(s) with --all not supported\n",
        ),
        (
            "resolved server/9",
            1,
            "",
            "ERROR unit \"server/9\" not found\n",
        ),
        (
            "resolved server/0",
            1,
            "",
            "ERROR unit \"server/0\" is not in an error state\n",
        ),
    ]);
    c.juju("resolved --all").silent();
    let retry_at = c.hub.now();
    let failure = HookFailure {
        hook: Hook::Install,
        attempts: 1,
        retry_at,
    };
    c.change(|model| model.units.get_mut("server/0").unwrap().progress.failure = Some(failure));
    c.juju("resolve server/0 --no-retry").silent();
    assert_eq!(
        c.model().units.get("server/0").unwrap().resolved,
        Some(Resolved::Skip)
    );
}

#[test]
fn exposing_constraints_and_resources() {
    let c = Controller::with_applications();
    c.juju("expose server").silent();
    assert!(c.model().applications.get("server").unwrap().exposed);
    c.juju("unexpose server").silent();
    assert!(!c.model().applications.get("server").unwrap().exposed);
    c.juju("expose server --endpoints ring,server --to-cidrs 10.0.0.0/24")
        .silent();
    let shown = c.juju("show-application server --format json").ok().json();
    let to = json!({"expose-to-cidrs": ["10.0.0.0/24"]});
    assert_eq!(
        shown["server"]["exposed-endpoints"],
        json!({"ring": to, "server": to})
    );
    c.juju("unexpose server --endpoints ring").silent();
    c.juju("unexpose server").silent();
    let yaml = c.juju("show-application server").ok().stdout;
    assert!(
        yaml.contains("  constraints:\n    arch: amd64\n  principal: true\n"),
        "{yaml}"
    );
    c.juju("set-constraints server").silent();
    let yaml = c.juju("show-application server").ok().stdout;
    assert!(!yaml.contains("constraints"), "{yaml}");
    c.juju("set-constraints server mem=1G cores=2").silent();
    assert_eq!(
        c.juju("constraints server").ok().stdout,
        "cores=2 mem=1024M\n"
    );
    assert_eq!(
        c.juju("constraints server --format json").ok().stdout,
        "{\"cores\":2,\"mem\":1024}\n"
    );

    assert_eq!(
        c.juju("resources server").ok().stdout,
        "Resource  Supplied by  Revision\nblob      upload       -\n"
    );
    fs::write(c.dir.path().join("b.txt"), "hello\n").unwrap();
    fs::write(c.dir.path().join("b.bin"), "hello\n").unwrap();
    c.juju("attach-resource server blob=./b.txt").silent();
    let listed = c.juju("resources server/0 --format json").ok().json();
    assert_eq!(
        (&listed[0]["size"], &listed[0]["path"]),
        (&json!(6), &json!("blob.txt"))
    );
    let yaml = c.juju("resources server --format yaml").ok().stdout;
    assert!(
        yaml.contains("\n  timestamp: 2025-11-21T22:58:04Z\n"),
        "{yaml}"
    );
    assert_eq!(
        c.model().applications.get("server").unwrap().charm_modified,
        1
    );
    c.assert_refusals(&[
        (
            "expose nosuch",
            1,
            "",
            "ERROR application \"nosuch\" not found\n",
        ),
        (
            "expose server --endpoints x",
            1,
            "",
            "ERROR endpoint \"x\" not found\n",
        ),
        (
            "unexpose server --endpoints ring",
            1,
            "",
            "ERROR endpoint \"ring\" is not exposed\n",
        ),
        (
            "set-constraints server arch=arm64",
            1,
            "",
            "ERROR cannot set constraints: changing architecture not supported\n",
        ),
        (
            "set-constraints server bogus=1",
            2,
            "",
            "ERROR unknown constraint \"bogus\"\n",
        ),
        (
            "constraints nosuch --format json",
            1,
            "{}\n",
            "ERROR unable to get constraints for \"nosuch\"",
        ),
        ("attach-resource", 2, "", "ERROR missing application name\n"),
        (
            "attach-resource server",
            2,
            "",
            "ERROR no resource specified\n",
        ),
        (
            "attach-resource server blob",
            2,
            "",
            "ERROR bad resource arg \"blob\": expected name=path format\n",
        ),
        (
            "attach-resource server blob=",
            2,
            "",
            "ERROR bad resource arg \"blob=\": missing resource value\n",
        ),
        (
            "attach-resource server blob=./no.txt",
            1,
            "",
            "ERROR failed to upload resource \"blob\": open ./no.txt: no such file or directory\n",
        ),
        (
            "attach-resource server blob=./b.bin",
            1,
            "",
            "incorrect extension on resource upload \"./b.bin\", expected \".txt\"\n",
        ),
        (
            "attach-resource server nosuch=./b.txt",
            1,
            "",
            "resource \"nosuch\" not found\n",
        ),
        (
            "attach-resource nosuch blob=./b.txt",
            1,
            "",
            "ERROR application \"nosuch\" not found\n",
        ),
        (
            "resources nosuch --format json",
            1,
            "{}\n",
            "ERROR application \"nosuch\" not found\n",
        ),
        (
            "resources Bad_Name",
            1,
            "",
            "ERROR \"Bad_Name\" is neither an application nor a unit\n",
        ),
    ]);
}

#[test]
fn directories_are_charms_for_3_6_only() {
    for (juju, deployed, refreshed) in [
        (JujuVersion::V3_6, (0, ""), (0, "")),
        (
            JujuVersion::V4_0,
            (
                1,
                "ERROR attempting to deploy \"./tracer\": deploying from directory not supported\n",
            ),
            (1, "ERROR deploying from directory not supported\n"),
        ),
    ] {
        let c = Controller::with_model_of(juju);
        c.write_charm("tracer", TRACER);
        c.pack_charm("tracer");
        let said = |line: &str| {
            let outcome = c.juju(line);
            let errors = outcome
                .stderr
                .lines()
                .filter(|line| line.starts_with("ERROR "));
            (
                outcome.code,
                errors.map(|line| format!("{line}\n")).collect::<String>(),
            )
        };
        let expected = |(code, text): (u8, &str)| (code, text.to_owned());
        assert_eq!(said("deploy ./tracer"), expected(deployed), "{juju:?}");
        assert_eq!(
            said("deploy ./tracer.charm server"),
            expected((0, "")),
            "{juju:?}"
        );
        assert_eq!(
            said("refresh server --path ./tracer"),
            expected(refreshed),
            "{juju:?}"
        );
        assert_eq!(
            said("refresh server --switch ./tracer"),
            expected(refreshed),
            "{juju:?}"
        );
        assert_eq!(
            said("refresh server --path ./tracer.charm"),
            expected((0, "")),
            "{juju:?}"
        );
    }
}

#[test]
fn resetting_what_is_no_option_fails_in_3_6_only() {
    for (juju, code, stdout, stderr) in [
        (
            JujuVersion::V3_6,
            1,
            "{}\n",
            "ERROR unknown option \"nosuch\"\n",
        ),
        (JujuVersion::V4_0, 0, "", ""),
    ] {
        let c = Controller::with_model_of(juju);
        c.write_charm("tracer", TRACER);
        c.pack_charm("tracer");
        c.juju("deploy ./tracer.charm server --config level=7").ok();
        let outcome = c.juju("config server --reset nosuch,level");
        assert_eq!(
            (
                outcome.code,
                outcome.stdout.as_str(),
                outcome.stderr.as_str()
            ),
            (code, stdout, stderr)
        );
        let level = c.juju("config server level").ok().stdout;
        assert_eq!(level, if code == 0 { "3\n" } else { "7\n" }, "{juju:?}");
    }
}
