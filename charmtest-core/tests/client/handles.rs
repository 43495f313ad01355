//! What [`Application`](charmtest::ops_test::Application) and [`Unit`](charmtest::ops_test::Unit) ask `juju` to do.

use crate::fake::{FakeJuju, run};
use charmtest::juju::JujuError;
use insta::assert_snapshot;

const JUJU: &str = r#"case "$*" in
status*) echo '{"applications":{"web":{"application-status":{"current":"blocked","message":"no page"},"units":{
    "web/0":{"leader":false,"workload-status":{"current":"active"}},
    "web/1":{"leader":true,"workload-status":{"current":"blocked","message":"no page"}}}}}}';;
config*--format*) echo '{"settings":{"title":{"value":"News"}}}';;
run*) echo '{"web/1":{"id":"2","results":{"return-code":0,"count":"3"},"status":"completed","unit":"web/1"}}';;
exec*) echo '{"web/1":{"id":"3","results":{"return-code":0,"stdout":"hi"},"status":"completed","unit":"web/1"}}';;
show-unit*) echo '{"web/1":{"leader":true}}';;
esac"#;

#[test]
fn an_application_is_configured_scaled_and_removed() {
    let fake = FakeJuju::with_model(JUJU);
    run(async {
        let model = fake.model().await;
        let web = model.application("web")?;
        let status = web.status().await?.status;
        assert_eq!(
            (status.current.as_str(), status.message.as_str()),
            ("blocked", "no page")
        );
        web.set_config([("title", "News")]).await?;
        assert_eq!(web.config().await?["title"], "News");
        web.reset_config(&["title"]).await?;
        web.add_unit().units(2).await?;
        web.scale(3).await?;
        web.scale(1).await?;
        web.attach_resource("page", "page.html").await?;
        web.expose().await?;
        web.unexpose().await?;
        web.trust().await?;
        web.refresh().path("web.charm").await?;
        web.remove().destroy_storage().await?;
        Ok::<(), JujuError>(())
    })
    .unwrap();
    let calls = fake.calls();
    let changes: Vec<&str> = calls
        .iter()
        .map(String::as_str)
        .filter(|call| !call.contains("--format"))
        .collect();
    assert_snapshot!(changes.join("\n"), @r"
    config --model c:m web title=News
    config --model c:m web --reset title
    add-unit --model c:m web --num-units 2
    add-unit --model c:m web --num-units 1
    remove-unit --model c:m --no-prompt web/1
    attach-resource --model c:m web page=page.html
    expose --model c:m web
    unexpose --model c:m web
    trust --model c:m web
    refresh --model c:m web --path ./web.charm
    remove-application --model c:m --no-prompt web --destroy-storage
    ");
}

#[test]
fn a_unit_is_asked_and_removed() {
    let fake = FakeJuju::with_model(JUJU);
    run(async {
        let model = fake.model().await;
        let leader = model.leader("web").await?;
        assert_eq!(leader.name(), "web/1");
        assert!(leader.is_leader().await?);
        assert_eq!(leader.workload_status().await?, "blocked");
        assert_eq!(leader.workload_status_message().await?, "no page");
        assert!(!model.application("web")?.unit(0)?.is_leader().await?);

        let task = leader.run_action("count").await?;
        assert_eq!((task.results.len(), task.result("count")), (1, Some("3")));
        assert_eq!(leader.exec("echo hi").await?.stdout, "hi");
        let shown = model.call(["show-unit", "web/1"]).check().await?;
        assert!(shown.stdout.contains("leader"), "{}", shown.stdout);
        assert!(model.show_unit("web/1").await?.leader);

        model.remove_unit("web/0").await?;
        leader.remove().force().await?;
        Ok::<(), JujuError>(())
    })
    .unwrap();
    assert_snapshot!(fake.calls().iter().filter(|call| !call.starts_with("status")).cloned().collect::<Vec<_>>().join("\n"), @r"
    run --model c:m --format json --wait=600s web/1 count
    exec --model c:m --format json --unit web/1 --wait 600s -- echo hi
    show-unit --model c:m web/1
    show-unit --model c:m web/1 --format json
    remove-unit --model c:m --no-prompt web/0
    remove-unit --model c:m --no-prompt --force web/1
    ");
}
