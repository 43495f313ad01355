//! What differs between Juju 2.9, 3.6 and 4.0. The answers of 2.9 and 3.6 are those of their sources.

use crate::fake::{FakeJuju, run};
use charmtest::juju::{Call, JujuError};
use insta::assert_snapshot;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Answers of Juju 2.9 that differ from later ones in shape.
const JUJU_2: &str = r#"echo() { printf '%s\n' "$*"; }
case "$*" in
run-action*--wait*) echo '{"unit-a-0":{"UnitId":"a/0","id":"4","results":{"Stdout":"x\n","k":"3"},"status":"completed"}}';;
run-action*) echo '{"Action queued with id":"5"}';;
show-action-output*) echo '{"UnitId":"a/0","id":"5","status":"completed","results":{"k":"v"}}';;
exec*) echo '[{"unit":"a/0","stdout":"hi\n","return-code":0},{"unit":"a/1","stdout":"ho\n","return-code":2}]';;
status*) echo '{"applications":{"a":{"series":"jammy","relations":{"db":["b"]},"units":{"a/0":{"machine":"0","public-address":"10.0.0.1"}}}}}';;
get-constraints*) echo '{"mem":1024}';;
show-application*) echo '{"a":{"charm":"c","series":"jammy","principal":true}}';;
show-unit*) echo '{"a/0":{"opened-ports":[],"charm":"ch:amd64/jammy/c-3","leader":true,"relation-info":[]}}';;
remove-*) echo "removing unit a/0" >&2;;
esac"#;

#[test]
fn juju_2_is_asked_in_its_own_words() {
    let fake = FakeJuju::with_model(JUJU_2);
    run(async {
        let model = fake.model_of_version("2.9.52").await;
        model.integrate("a", "b").await.unwrap();
        let task = model.run_action("a/0", "say").await.unwrap();
        assert_eq!((task.unit.as_str(), task.stdout.as_str()), ("a/0", "x\n"));
        let pending = model.run_action("a/0", "say").start().await.unwrap();
        assert_eq!(pending.wait().await.unwrap().result("k"), Some("v"));
        let tasks = model.exec_on_application("a", "x").unchecked().await;
        assert_eq!(tasks.unwrap()[1].return_code, 2);
        assert_eq!(model.constraints("a").await.unwrap()["mem"], 1024);
        model.model_constraints().await.unwrap();
        model.remove_unit("a/0").await.unwrap();
        let status = model.status().await.unwrap();
        assert_eq!(
            status.app("a").unwrap().relations["db"][0].related_application,
            "b"
        );
        assert_eq!(status.address_of("a/0"), Some("10.0.0.1"));
        assert_eq!(model.show_application("a").await.unwrap().series, "jammy");
        assert!(model.show_unit("a/0").await.unwrap().leader);
        model.deploy("./c.charm").series("jammy").await.unwrap();
        model.add_machine().series("jammy").await.unwrap_err();
    });
    assert_snapshot!(fake.calls().join("\n"), @r"
    relate --model c:m a b
    run-action --model c:m --format json --wait=600s a/0 say
    run-action --model c:m --format json a/0 say
    show-action-output --model c:m --format json --wait 600s 5
    exec --model c:m --format json --application a --timeout 600s -- x
    get-constraints --model c:m a --format json
    get-model-constraints --model c:m --format json
    remove-unit --model c:m --no-prompt a/0
    status --model c:m --format json
    show-application --model c:m a --format json
    show-unit --model c:m a/0 --format json
    deploy --model c:m ./c.charm --series jammy
    add-machine --model c:m --series jammy
    ");
}

#[test]
fn what_a_version_lacks_is_refused_by_name() {
    async fn refused<T: std::fmt::Debug>(
        what: impl IntoFuture<Output = Result<T, JujuError>>,
    ) -> String {
        let error = what.await.unwrap_err();
        assert!(matches!(error, JujuError::Unsupported(_)), "{error:?}");
        error.to_string()
    }
    let fake = FakeJuju::with_model("");
    run(async {
        let model = fake.model_of_version("2.9.52").await;
        let refusals = [
            refused(model.add_secret("a").value("key", "v")).await,
            refused(model.show_secret("a")).await,
            refused(model.deploy("x").base("ubuntu@22.04")).await,
            refused(model.add_machine().base("ubuntu@22.04")).await,
            refused(model.refresh("x").base("ubuntu@22.04")).await,
            refused(model.refresh("x").config("a", 1)).await,
        ];
        fs::remove_file(fake.path("calls")).unwrap_or_default();
        assert_snapshot!(refusals.join("\n"), @r#"
        Juju 2.9.52 has no secrets; they came with Juju 3
        Juju 2.9.52 has no secrets; they came with Juju 3
        `juju deploy` of Juju 2.9.52 has no `--base`: bases came with Juju 3
        `juju add-machine` of Juju 2.9.52 has no `--base`: bases came with Juju 3
        `juju refresh` of Juju 2.9.52 has no `--base`: bases came with Juju 3
        `juju refresh` of Juju 2.9.52 takes no configuration; set it with `model.set_config("x", ..)`
        "#);
    });
    run(async {
        let model = fake.model_of_version("4.0.15").await;
        let refusals = [
            refused(model.deploy("x").series("jammy")).await,
            refused(model.add_machine().series("jammy")).await,
            refused(model.refresh("x").path("./x.charm").config("a", 1)).await,
        ];
        assert_snapshot!(refusals.join("\n"), @r#"
        `juju deploy` of Juju 4.0.15 has no `--series`: give a base instead, `.base(..)`
        `juju add-machine` of Juju 4.0.15 has no `--series`: give a base instead, `.base(..)`
        `juju refresh --path` of Juju 4.0.15 ignores configuration; set it with `model.set_config("x", ..)` afterwards
        "#);
    });
    assert!(fake.calls().is_empty(), "{:?}", fake.calls());
}

#[test]
fn juju_4_says_what_to_do_about_directories_and_keys() {
    let fake = FakeJuju::recorded(&[("deploy *", "deploy-002")]);
    run(async {
        let error = fake.model().await.deploy("./dir").await.unwrap_err();
        assert!(error.hint().unwrap().contains("build_charm"), "{error}");
    });
    let fake = FakeJuju::with_model(
        "echo 'ubuntu@10.0.0.1: Permission denied (publickey).' >&2; exit 255",
    );
    run(async {
        let error = fake.model().await.ssh("a/0", "ls").await.unwrap_err();
        assert!(error.hint().unwrap().contains("add_ssh_key"), "{error}");
    });
}

#[test]
fn a_unit_that_is_not_there_is_named_whatever_the_text() {
    for said in [
        r#"unit "x/9" not found"#, // 2.9, 3.6
        "unit x/9 not found",      // 4.0
    ] {
        let fake = FakeJuju::with_model(&format!("echo '{{}}'; echo 'ERROR {said}' >&2; exit 1"));
        run(async {
            let error = fake.model().await.show_unit("x/9").await.unwrap_err();
            assert!(error.to_string().ends_with(said), "{error}");
        });
    }
}

/// Juju 4.0.15 says which of its commands take `--model`.
#[test]
fn the_model_is_given_to_the_commands_that_take_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../conformance/recordings/juju-4.0.15/cli/flags.json");
    let commands: Map<String, Value> =
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    // These have it in 4.0 alone, and name their model otherwise.
    let since_4 = ["find-offers", "show-offer", "switch"];
    let juju = charmtest::juju::Juju::new("juju");
    let model = "c:m".try_into().unwrap();
    let given = |call: Call| call.command_line().contains(" --model ");
    let mut wrong = BTreeSet::new();
    for (name, command) in &commands {
        let takes_it = command["flags"].as_array().is_some_and(|flags| {
            flags.iter().any(|flag| {
                flag["names"]
                    .as_array()
                    .unwrap()
                    .contains(&"--model".into())
            })
        });
        let gets_it = given(juju.call_in(&model, [name]));
        if takes_it != gets_it && name != "_global" && !since_4.contains(&name.as_str()) {
            wrong.insert(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
