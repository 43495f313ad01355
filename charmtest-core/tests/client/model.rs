//! What a [`Model`] asks `juju` to do.

use crate::fake::{FakeJuju, run};
use charmtest::juju::{BackendKind, Juju, JujuError};
use charmtest::ops_test::{CreateModel, Model};
use insta::assert_snapshot;
use serde_json::json;
use std::time::Duration;

/// Returns the calls that a model makes.
fn calls<F: Future<Output = Result<(), JujuError>>>(
    script: &str,
    use_it: impl FnOnce(Model) -> F,
) -> String {
    let fake = FakeJuju::with_model(script);
    run(async {
        let model = fake.model().await;
        use_it(model).await.unwrap();
    });
    fake.calls().join("\n")
}

#[test]
fn deploying() {
    let calls = calls("", |model| async move {
        model
            .deploy("./hello")
            .name("web")
            .units(2)
            .config("port", 80)
            .config("tls", true)
            .await?;
        model
            .deploy("postgresql")
            .channel("14/stable")
            .revision(7)
            .base("ubuntu@24.04")
            .constraints("cores=2")
            .resource("blob", "./b.txt")
            .to("0")
            .trust()
            .await?;
        model
            .deploy("bundle.yaml")
            .overlay("small.yaml")
            .map_machines("existing")
            .trust()
            .await?;
        model
            .deploy("db")
            .bind("public database=internal")
            .attach_storage("data/0")
            .series("jammy")
            .await?;
        model
            .refresh("web")
            .path("charms/new.charm")
            .config("port", 1)
            .storage("data", "1G")
            .await?;
        model
            .refresh("db")
            .channel("14/edge")
            .base("ubuntu@24.04")
            .await
    });
    assert_snapshot!(calls, @r"
    deploy --model c:m ./hello web --num-units 2 --config port=80 --config tls=true
    deploy --model c:m postgresql --channel 14/stable --revision 7 --base ubuntu@24.04 --constraints cores=2 --resource blob=./b.txt --to 0 --trust
    deploy --model c:m ./bundle.yaml --overlay ./small.yaml --map-machines existing --trust
    deploy --model c:m db --bind public database=internal --attach-storage data/0 --series jammy
    refresh --model c:m web --path ./charms/new.charm --config port=1 --storage data=1G
    refresh --model c:m db --channel 14/edge --base ubuntu@24.04
    ");
}

#[test]
fn everyday_commands() {
    let calls = calls("", |model| async move {
        model.integrate("web:db", "db").await?;
        model.remove_relation("web", "db").await?;
        model.remove_relation("web:db", "db").force().await?;
        model.set_config("web", [("port", 80)]).await?;
        model.reset_config("web", &["port", "tls"]).await?;
        model.set_config::<_, &str, &str>("web", []).await?;
        model.add_unit("web").units(2).to("0,1").await?;
        model.add_unit("web").attach_storage("data/1").await?;
        model.remove_unit("web/1").force().await?;
        model.remove_application("web").destroy_storage().await?;
        model.resolved("web/0").no_retry().await?;
        model.trust("web").await?;
        model.expose("web").await?;
        model
            .set_model_config([("update-status-hook-interval", "10s")])
            .await?;
        model
            .reset_model_config(&["test-mode", "ftp-proxy"])
            .await?;
        model.debug_log().await?;
        model
            .debug_log()
            .lines(50)
            .level("ERROR")
            .include("web/0")
            .await?;
        Ok(())
    });
    assert_snapshot!(calls, @r"
    integrate --model c:m web:db db
    remove-relation --model c:m web db
    remove-relation --model c:m web:db db --force
    config --model c:m web port=80
    config --model c:m web --reset port,tls
    add-unit --model c:m web --num-units 2 --to 0,1
    add-unit --model c:m web --attach-storage data/1
    remove-unit --model c:m --no-prompt --force web/1
    remove-application --model c:m --no-prompt web --destroy-storage
    resolved --model c:m --no-retry web/0
    trust --model c:m web
    expose --model c:m web
    model-config --model c:m update-status-hook-interval=10s
    model-config --model c:m --reset test-mode,ftp-proxy
    debug-log --model c:m --no-tail --replay
    debug-log --model c:m --no-tail --level ERROR --include web/0 --limit 50
    ");
}

#[test]
fn bad_names_never_reach_juju() {
    let fake = FakeJuju::with_model("");
    run(async {
        let model = fake.model().await;
        let errors = [
            model.deploy("./x").name("Web").await.unwrap_err(),
            model.remove_unit("web").await.unwrap_err(),
            model.run_action("web/first", "x").await.unwrap_err(),
            model.config("--help").await.unwrap_err(),
        ];
        assert!(
            errors
                .iter()
                .all(|error| matches!(error, JujuError::Name(_))),
            "{errors:?}"
        );
    });
    assert!(fake.calls().is_empty());
}

#[test]
fn scaling_removes_the_highest_numbers() {
    let status = r#"[ "$1" = status ] && echo '{"applications":{"web":{"units":{"web/2":{},"web/9":{},"web/10":{}}}}}'; exit 0"#;
    let calls = calls(status, |model| async move {
        model.scale("web", 1).await?;
        model.scale("web", 3).await?;
        model.scale("web", 5).await
    });
    assert_snapshot!(calls, @r"
    status --model c:m --format json
    remove-unit --model c:m --no-prompt web/10 web/9
    status --model c:m --format json
    status --model c:m --format json
    add-unit --model c:m web --num-units 2
    ");
}

#[test]
fn kubernetes_scales_by_itself() {
    let fake = FakeJuju::new(
        r#"echo '{"m":{"model-uuid":"u","model-type":"caas","controller-name":"c"}}'"#,
    );
    run(async {
        let model = fake.model().await;
        model.scale("web", 3).await.unwrap();
        model.trust("web").await.unwrap();
        let error = model.remove_unit("web/1").await.unwrap_err();
        assert!(
            error.to_string().contains(r#"model.scale("web", n)"#),
            "{error}"
        );
    });
    assert_eq!(
        fake.calls(),
        [
            "scale-application --model c:m web 3",
            "trust --model c:m web --scope=cluster"
        ]
    );
}

#[test]
fn actions_and_commands() {
    let fake = FakeJuju::with_model(
        r#"case "$1" in
        run) echo '{"web/0":{"id":"2","message":"boom","results":{"return-code":0,"a":"b"},"status":"failed","unit":"web/0"}}';;
        exec) printf '%s' '{"web/0":{"id":"3","results":{"return-code":0,"stdout":"hi\n"},"status":"completed","unit":"web/0"}}';;
        esac"#,
    );
    run(async {
        let model = fake.model().await;
        let action = model
            .run_action("web/leader", "say")
            .param("to", json!({"list": [1, "two"]}))
            .param("word", "5");
        let error = action.timeout(Duration::from_secs(90)).await.unwrap_err();
        assert_snapshot!(error, @r#"
        action say on web/0 ended as failed: boom
        results: {"a":"b"}
        "#);
        assert_eq!(error.task().unwrap().result("a"), Some("b"));
        assert_eq!(
            model.exec("web/0", "echo hi; true").await.unwrap().stdout,
            "hi\n"
        );
    });
    assert_snapshot!(fake.calls().join("\n"), @r#"
    run --model c:m --format json --wait=90s web/leader say to={"list":[1,"two"]} word="5"
    exec --model c:m --format json --unit web/0 --wait 600s -- echo hi; true
    "#);
}

#[test]
fn juju_2_has_other_words() {
    let fake = FakeJuju::with_model("echo '{}'; exit 1");
    run(async {
        let juju = fake.juju().with_version("2.9.52".parse().unwrap());
        let model = Model::adopt(&juju, &"c:m".try_into().unwrap())
            .await
            .unwrap()
            .unwrap();
        model.integrate("a", "b").await.unwrap_err();
        model.run_action("a/0", "say").await.unwrap_err();
        model.exec("a/0", "ls").await.unwrap_err();
    });
    let words: Vec<String> = fake
        .calls()
        .iter()
        .filter_map(|call| call.split(' ').next())
        .map(Into::into)
        .collect();
    assert_eq!(words, ["show-model", "relate", "run-action", "exec"]);
}

#[test]
fn configuration_is_read() {
    let script = r#"case "$1" in
        config) echo '{"application":"web","settings":{"port":{"type":"int","value":80,"source":"default"},"name":{"type":"string","source":"unset"}}}';;
        model-config) echo '{"update-status-hook-interval":{"Value":"5m","Source":"default"}}';;
        esac"#;
    let fake = FakeJuju::with_model(script);
    run(async {
        let model = fake.model().await;
        let config = model.config("web").await.unwrap();
        assert_eq!(
            config.into_iter().collect::<Vec<_>>(),
            [("port".to_owned(), json!(80))]
        );
        assert_eq!(
            model.model_config().await.unwrap()["update-status-hook-interval"],
            json!("5m")
        );
    });
}

#[test]
fn a_model_is_made_without_touching_the_current_one() {
    let fake = FakeJuju::with_model("");
    let model = run(Model::create(
        &fake.juju(),
        &"web-x7f2".try_into().unwrap(),
        CreateModel {
            credential: None,
            config_file: Some("/etc/model.yaml".into()),
            controller: Some("prod".to_owned()),
            cloud: Some("lxd/default".to_owned()),
            config: [("test-mode".to_owned(), "true".to_owned())].into(),
        },
    ))
    .unwrap();
    assert_eq!(
        (model.name(), model.full_name(), model.uuid()),
        ("web-x7f2", "prod:web-x7f2", "u1")
    );
    assert!(!model.is_kubernetes());
    assert_snapshot!(fake.calls().join("\n"), @r"
    add-model --no-switch web-x7f2 lxd/default --controller prod --config /etc/model.yaml --config test-mode=true
    show-model --format json prod:web-x7f2
    ");
}

#[test]
fn a_model_on_the_current_controller_keeps_its_name() {
    let fake = FakeJuju::with_model("");
    let model = run(Model::create(
        &fake.juju(),
        &"web".try_into().unwrap(),
        CreateModel::default(),
    ))
    .unwrap();
    assert_eq!(model.full_name(), "c:web");
}

fn adopt(stderr: &str) -> Result<Option<Model>, JujuError> {
    let fake = FakeJuju::new(&format!("echo '{{}}'; echo '{stderr}' >&2; exit 1"));
    run(Model::adopt(&fake.juju(), &"c:admin/m".try_into().unwrap()))
}

#[test]
fn a_model_that_is_not_there_is_told_apart_from_a_controller_that_is_not() {
    for stderr in [
        "ERROR model c:admin/m not found",
        "ERROR model c:m not found",
        "ERROR getting it: model c:m not found",
    ] {
        assert!(adopt(stderr).unwrap().is_none(), "{stderr}");
    }
    for stderr in [
        "ERROR controller c not found",
        "ERROR unable to connect to API: dial tcp",
    ] {
        assert!(adopt(stderr).is_err(), "{stderr}");
    }
}

fn destroy(
    kind: BackendKind,
    script: &str,
    limit: Duration,
) -> (Result<(), JujuError>, Vec<String>) {
    let fake = FakeJuju::with_model(script);
    let destroyed = run(async { fake.model_of(kind).await.destroy(limit).await });
    (destroyed, fake.calls())
}

const FORCED: &str = "destroy-model c:m --no-prompt --destroy-storage --force";
const RUSHED: &str = "destroy-model c:m --no-prompt --destroy-storage --force --no-wait";

#[test]
fn a_model_of_a_real_juju_is_destroyed_with_patience_first() {
    let minute = Duration::from_secs(60);
    let (destroyed, calls) = destroy(BackendKind::Juju, "", minute);
    destroyed.unwrap();
    assert_eq!(calls, [FORCED]);

    let hang_once = r#"case "$*" in *--no-wait) exit 0;; esac; sleep 600"#;
    let (destroyed, calls) = destroy(BackendKind::Juju, hang_once, Duration::from_secs(2));
    destroyed.unwrap();
    assert_eq!(calls, [FORCED, RUSHED]);
}

#[test]
fn an_embedded_model_is_destroyed_without_waiting_for_its_charms() {
    let (destroyed, calls) = destroy(BackendKind::Embedded, "", Duration::from_secs(60));
    destroyed.unwrap();
    assert_eq!(calls, [RUSHED]);
}

#[test]
fn destroying_a_model_that_is_gone_is_fine_and_other_errors_are_told() {
    let minute = Duration::from_secs(60);
    for kind in [BackendKind::Embedded, BackendKind::Juju] {
        let gone = "echo 'ERROR model c:admin/m not found' >&2; exit 1";
        let (destroyed, _) = destroy(kind, gone, minute);
        destroyed.unwrap();

        let refused = "echo 'ERROR permission denied' >&2; exit 1";
        let (destroyed, _) = destroy(kind, refused, minute);
        assert_eq!(destroyed.unwrap_err().code(), Some(1), "{kind}");

        let (destroyed, _) = destroy(kind, "sleep 600", Duration::from_secs(2));
        let error = destroyed.unwrap_err();
        assert!(matches!(error, JujuError::TimedOut { .. }), "{kind}");
    }
}

#[test]
fn futures_can_move_between_threads() {
    fn sendable(_: impl Send) {}
    let model_future = |juju: Juju| async move {
        let model = Model::create(&juju, &"m".try_into().unwrap(), CreateModel::default()).await?;
        model.deploy("x").await?;
        model.run_action("a/0", "x").await?;
        model.has_applications().await
    };
    sendable(model_future(Juju::new("juju")));
}
