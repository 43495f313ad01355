//! Whole commands about bundles.

use std::fs;

use serde_json::json;

use super::super::charm_fixture::TRACER;
use super::super::testing::{Controller, Outcome};
use crate::JujuVersion;

/// The bundle of the recordings, with a directory for the charm.
const BUNDLE: &str = "default-base: ubuntu@24.04/stable\napplications:\n  alpha:\n    charm: ./tracer\n    num_units: 1\n    to: [\"1\"]\n    \
                      options: {mode: bundled, level: 5}\n    resources: {blob: ./blob.txt}\n  beta:\n    charm: ./tracer\n    num_units: 1\n    \
                      to: [\"1\"]\nmachines:\n  \"1\": {}\nrelations:\n- [\"alpha:server\", \"beta:client\"]\n";

impl Controller {
    fn write(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes a controller with the charm of the recordings and `b.yaml`.
    fn with_bundle() -> Self {
        let controller = Self::with_tracer();
        controller.write("b.yaml", BUNDLE);
        controller.write("blob.txt", "hello\n");
        controller
    }

    fn units(&self) -> Vec<(String, String)> {
        let model = self.model();
        let units = model.units.values();
        units
            .map(|unit| (unit.name.to_string(), unit.machine.clone()))
            .collect()
    }
}

impl Outcome {
    /// Returns the lines of the plan, paths without the directory.
    fn plan(&self, c: &Controller) -> Vec<String> {
        let dir = format!("{}/", c.dir.path().display());
        self.stdout
            .replace(&dir, "")
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

#[test]
fn a_bundle_is_deployed() {
    let c = Controller::with_bundle();
    let plan = [
        "- upload charm tracer for base ubuntu@24.04/stable with architecture=amd64",
        "- deploy application alpha on ubuntu@24.04/stable",
        "- deploy application beta on ubuntu@24.04/stable",
        "- add new machine 0 (bundle machine 1)",
        "- add relation alpha:server - beta:client",
        "- add unit alpha/0 to new machine 0",
        "- add unit beta/0 to new machine 0",
    ];
    let dry = c.juju("deploy ./b.yaml --dry-run").ok();
    assert_eq!(dry.plan(&c)[0], "Changes to deploy bundle:");
    assert_eq!(
        (&dry.plan(&c)[1..], dry.stderr.as_str()),
        (&plan.map(str::to_owned)[..], "")
    );
    assert_eq!(c.units(), [], "nothing happened");

    let real = c.juju("deploy ./b.yaml").ok();
    assert_eq!(real.plan(&c)[0], "Executing changes:");
    assert_eq!(real.plan(&c)[1..], plan);
    assert_eq!(
        real.stderr,
        "  added resource blob\n  added resource blob\nDeploy of bundle completed.\n"
    );
    let pair = |unit: &str| (unit.to_owned(), "0".to_owned());
    assert_eq!(c.units(), [pair("alpha/0"), pair("beta/0")]);
    let model = c.model();
    let alpha = model.applications.get("alpha").unwrap();
    assert_eq!(json!(alpha.config), json!({"mode": "bundled", "level": 5}));
    assert_eq!(
        (alpha.charm.as_str(), alpha.base.as_str()),
        ("local:tracer-0", "ubuntu@24.04")
    );
    assert_eq!(alpha.resources["blob"].size, 6);
    assert!(model.applications.get("beta").unwrap().resources.is_empty());
    let relation = model
        .relations
        .values()
        .find(|relation| !relation.is_peer())
        .unwrap();
    assert_eq!(relation.key(), "beta:client alpha:server");
}

#[test]
fn deploying_again_changes_what_differs() {
    let c = Controller::with_bundle();
    c.juju("deploy ./b.yaml").ok();
    // An application notes its architecture, which the bundle does not name.
    assert_eq!(
        c.juju("deploy ./b.yaml").ok().plan(&c),
        [
            "Executing changes:",
            "- set constraints for alpha to \"\"",
            "- set constraints for beta to \"\""
        ]
    );
    let before = c.model();
    let again = c.juju("deploy ./b.yaml").ok();
    assert_eq!(
        (again.stdout.as_str(), again.stderr.as_str()),
        ("", "No changes to apply.\n")
    );
    assert_eq!(c.model(), before);
    c.write("base.yaml", "applications: {alpha: {base: ubuntu@22.04}}");
    let other = c.juju("deploy ./b.yaml --overlay ./base.yaml");
    let why = format!(
        "ERROR cannot deploy bundle: cannot deploy local charm at \"{}/tracer\": file does not exist\n",
        c.dir.path().display()
    );
    assert_eq!(
        (other.code, other.stderr),
        (1, why),
        "a local charm does not change its base"
    );
    c.write("ov.yaml", "applications: {alpha: {options: {level: 1}, num_units: 2, annotations: {k: include-file://ov.yaml}}}");
    assert_eq!(
        c.juju("deploy ./b.yaml --overlay ./ov.yaml").ok().plan(&c),
        [
            "Executing changes:",
            "- set application options for alpha",
            "- set annotations for alpha",
            "- add unit alpha/1 to new machine 1",
        ]
    );
    assert_eq!(
        json!(c.model().applications.get("alpha").unwrap().config),
        json!({"mode": "bundled", "level": 1})
    );
}

#[test]
fn bundles_speak_as_their_juju() {
    let c = Controller::with_model_of(JujuVersion::V4_0);
    c.write_charm("tracer", TRACER);
    c.write("b.yaml", BUNDLE);
    let outcome = c.juju("deploy ./b.yaml --dry-run");
    let why = format!(
        "ERROR cannot deploy bundle: read {}/tracer: is a directory\n",
        c.dir.path().display()
    );
    assert_eq!((outcome.code, outcome.stderr), (1, why));
    charmtest_charm::pack_directory(
        &c.dir.path().join("tracer"),
        &c.dir.path().join("tracer.charm"),
    )
    .unwrap();
    c.write(
        "b.yaml",
        &BUNDLE
            .replace("./tracer", "./tracer.charm")
            .replace("    resources: {blob: ./blob.txt}\n", ""),
    );
    let plan = c.juju("deploy ./b.yaml --dry-run").ok().plan(&c);
    assert_eq!(
        plan[1],
        "- upload charm tracer.charm for base ubuntu@24.04/stable"
    );
    c.juju("deploy ./b.yaml").ok();
    assert_eq!(c.units().len(), 2);
}

#[test]
fn overlays_machines_and_exposure() {
    let c = Controller::with_tracer();
    c.juju("deploy ./tracer other -n 2").ok();
    c.write(
        "dir/bundle.yaml",
        "applications:\n  a: {charm: ../tracer, num_units: 3, to: ['0', '0', b/0], expose: true, trust: true, options: {mode: 'include-file://m'}, \
         constraints: mem=1G}\n  b: {charm: ../tracer, num_units: 1}\n  gone: {charm: ../tracer}\nmachines: {0: {annotations: {k: v}}}\n\
         relations: [[gone:server, a:client]]\n---\napplications: {gone: }\n",
    );
    c.write("dir/m", "from a file");
    c.write("ov.yaml", "applications:\n  a: {options: {level: 9}}\n---\napplications:\n  a: {options: {loud: true}}\nrelations: [[a:server, b:client]]\n");
    let refused = c.juju("deploy ./dir --overlay ./ov.yaml");
    assert_eq!(
        (refused.code, refused.stderr.as_str()),
        (
            1,
            "ERROR Bundle cannot be deployed without trusting applications with your cloud credentials.\nPlease repeat the deploy command \
             with the --trust argument if you consent to trust the following application(s):\n  - a\n"
        )
    );
    let outcome = c
        .juju("deploy ./dir --overlay ./ov.yaml --trust --map-machines 0=1")
        .ok();
    assert_eq!(
        outcome.plan(&c)[2..],
        [
            "- deploy application a on ubuntu@24.04/stable",
            "- expose all endpoints of a and allow access from CIDRs 0.0.0.0/0 and ::/0",
            "- deploy application b on ubuntu@24.04/stable",
            "- set annotations for existing machine 1",
            "- add relation a:server - b:client",
            "- add unit a/0 to existing machine 1",
            "- add unit a/1 to existing machine 1",
            "- add unit b/0 to new machine 2",
            "- add unit a/2 to new machine 2 to satisfy [b/0]",
        ]
    );
    let pair = |unit: &str, machine: &str| (unit.to_owned(), machine.to_owned());
    assert_eq!(
        c.units()[..4],
        [
            pair("a/0", "1"),
            pair("a/1", "1"),
            pair("a/2", "2"),
            pair("b/0", "2")
        ]
    );
    let model = c.model();
    let a = model.applications.get("a").unwrap();
    assert_eq!(
        json!(a.config),
        json!({"mode": "from a file", "level": 9, "loud": true})
    );
    assert_eq!((a.trust, a.exposed), (true, true));
    assert_eq!(
        json!(a.constraints),
        json!({"arch": "amd64", "mem": "1024M"})
    );
    assert_eq!(
        json!(model.machines.get("1").unwrap().annotations),
        json!({"k": "v"})
    );
    assert!(!model.applications.contains("gone"));
}

#[test]
fn what_stays_when_a_change_fails() {
    let c = Controller::with_tracer();
    c.write("b.yaml", "applications:\n  a: {charm: ./tracer, num_units: 1}\n  b: {charm: ./tracer, options: {nosuch: 1}}\n");
    let outcome = c.juju("deploy ./b.yaml");
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (
            1,
            "  added resource blob\nERROR cannot deploy bundle: cannot deploy application \"b\": unknown option \"nosuch\"\n"
        )
    );
    assert_eq!(
        outcome.plan(&c).last().unwrap(),
        "- deploy application b on ubuntu@24.04/stable"
    );
    assert!(
        c.model().applications.contains("a"),
        "as in Juju, it is no transaction"
    );
}

#[test]
fn bundles_that_are_wrong() {
    let c = Controller::with_bundle();
    c.write("plain.txt", "hello\n");
    c.write("ok.yaml", "applications: {x: {charm: ./tracer}}");
    for (name, text) in [
        (
            "missing",
            "applications:\n  x: {charm: ./nosuch.charm, num_units: 1}\n",
        ),
        ("syntax", "applications: [\n"),
        (
            "machine",
            "applications:\n  x: {charm: ./tracer, num_units: 1, to: [\"7\"]}\n",
        ),
        (
            "relation",
            "applications:\n  x: {charm: ./tracer}\nrelations:\n- [\"x:server\",\"y:client\"]\n",
        ),
        ("foo", "foo: bar\n"),
        (
            "offer",
            "applications: {x: {charm: ./tracer, offers: {o: {endpoints: [server]}}}}\n",
        ),
        (
            "include",
            "applications: {x: {charm: ./tracer, options: {mode: 'include-file://no'}}}\n",
        ),
        ("store", "applications: {x: {charm: nosuchcharm}}\n"),
        (
            "lxd",
            "applications: {x: {charm: ./tracer, num_units: 1, to: ['lxd:new']}}\n",
        ),
        (
            "k8s",
            "{bundle: kubernetes, applications: {x: {charm: ./tracer}}}\n",
        ),
        ("empty", ""),
    ] {
        c.write(&format!("{name}.yaml"), text);
    }
    let dir = c.dir.path().display().to_string();
    let errors = |why: &str| {
        format!(
            "ERROR cannot deploy bundle: the provided bundle has the following errors:\n{why}\n"
        )
    };
    let cases = [
        ("./missing.yaml", errors(&format!("charm path in application \"x\" does not exist: {dir}/nosuch.charm"))),
        ("./machine.yaml", errors("placement \"7\" refers to a machine not defined in this bundle")),
        ("./relation.yaml", errors("relation [\"x:server\" \"y:client\"] refers to application \"y\" not defined in this bundle")),
        ("./foo.yaml", errors("at least one application must be specified")),
        ("./plain.txt", errors("at least one application must be specified")),
        ("./syntax.yaml", "ERROR cannot deploy bundle: cannot unmarshal bundle contents: unmarshal document 0: yaml: line ".to_owned()),
        ("./offer.yaml", "ERROR cannot deploy bundle: applications.x.offers can only appear in an overlay section (and 1 more errors)\n".to_owned()),
        (
            "./include.yaml",
            format!("ERROR cannot deploy bundle: processing option \"mode\" for application \"x\": resolving include \"no\": include file \"{dir}/no\" not found\n"),
        ),
        ("./store.yaml", "ERROR cannot deploy bundle: cannot resolve charm or bundle \"nosuchcharm\": ".to_owned()),
        ("./lxd.yaml", "lxd containers are not supported by the embedded controller\n".to_owned()),
        ("./k8s.yaml", "Kubernetes bundles are not supported by the embedded controller".to_owned()),
        ("./empty.yaml", "ERROR cannot deploy bundle: malformed bundle: bundle is empty not valid\n".to_owned()),
        ("./nosuch.yaml", "ERROR no charm was found at \"./nosuch.yaml\"\n".to_owned()),
        (
            "./b.yaml -n 2 --config a=1 --to 1",
            "ERROR options provided but not supported when deploying a bundle: --config, -n, --to\n".to_owned(),
        ),
        (
            "./b.yaml --overlay ./nosuch.yaml",
            "ERROR cannot deploy bundle: unable to process overlays: \"./nosuch.yaml\" not found\n".to_owned(),
        ),
    ];
    for (args, error) in &cases {
        c.assert_refusals(&[(&format!("deploy {args}"), 1, "", error)]);
    }
    c.assert_refusals(&[(
        "deploy ./b.yaml --map-machines x",
        2,
        "",
        "ERROR error in --map-machines: expected \"existing\" or \"<bundle-id>=<machine-id>\", got \"x\"\n",
    )]);
    c.write(
        "odd.yaml",
        "name: x\napplications: {x: {charm: ./tracer, bogus: 1}}",
    );
    let odd = c.juju("deploy ./odd.yaml --dry-run").ok();
    assert_eq!(
        odd.stderr,
        "WARNING \n unmarshal document 0: yaml: unmarshal errors:\n  line 1: field name not found in bundle\n  line 2: field bogus not found \
         in application\n\n"
    );
    assert_eq!(
        c.juju("deploy ./odd.yaml").ok().stderr,
        "  added resource blob\nDeploy of bundle completed.\n"
    );
}

#[test]
fn a_model_is_exported_and_deployed_again() {
    let c = Controller::with_bundle();
    c.assert_refusals(&[(
        "export-bundle",
        1,
        "",
        "ERROR nothing to export as there are no applications\n",
    )]);
    c.juju("deploy ./b.yaml").ok();
    let text = c.juju("export-bundle").ok().stdout;
    assert!(text.starts_with("default-base: ubuntu@24.04/stable\napplications:\n  alpha:\n    charm: local:tracer-0\n"), "{text}");
    let said = c
        .juju("export-bundle --filename exp.yaml --include-charm-defaults")
        .ok();
    assert_eq!(said.stdout, "Bundle successfully exported to exp.yaml\n");
    let exported = fs::read_to_string(c.dir.path().join("exp.yaml")).unwrap();
    assert!(exported.contains("      loud: false\n"), "{exported}");
    // Local charms stay what they are, so that an exported bundle changes nothing where it came from.
    assert_eq!(
        c.juju("deploy ./exp.yaml").ok().stderr,
        "No changes to apply.\n"
    );
    let unwritten = c.juju("export-bundle --filename /nosuchdir/x.yaml");
    assert_eq!(
        (unwritten.code, unwritten.stderr.as_str()),
        (
            1,
            "ERROR while creating local file: open /nosuchdir/x.yaml: no such file or directory\n"
        )
    );
}

#[test]
fn bundles_are_compared() {
    let c = Controller::with_bundle();
    c.juju("deploy ./b.yaml").ok();
    c.juju("deploy ./tracer extra").ok();
    let text = c.juju("diff-bundle ./b.yaml").ok().stdout;
    let dir = c.dir.path().display();
    let head = format!(
        "applications:\n  alpha:\n    charm:\n      bundle: {dir}/tracer\n      model: local:tracer-0\n    revision:\n      bundle: -1\n      \
         model: 0\n    options:\n      loud:\n        bundle: null\n        model: false\n    constraints:\n      bundle: \"\"\n      \
         model: arch=amd64\n  beta:\n"
    );
    assert!(text.starts_with(&head), "{text}");
    assert!(
        text.ends_with("  extra:\n    missing: bundle\nmachines:\n  \"1\":\n    missing: bundle\n"),
        "{text}"
    );
    c.assert_refusals(&[
        ("diff-bundle", 2, "", "ERROR no bundle specified\n"),
        ("diff-bundle ./nosuch.yaml", 1, "", "is no bundle file"),
        (
            "diff-bundle ./b.yaml --format json",
            2,
            "",
            "ERROR option provided but not defined: --format\n",
        ),
    ]);
}
