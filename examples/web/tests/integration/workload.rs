//! What the server says, and what makes it say something else.

use charmtest::prelude::*;

#[charm_test(order = 0, abort_on_fail, skip_if_deployed)]
async fn deploy(ops: &OpsTest, model: &Model) -> Result {
    let charm = ops.build_charm("charm").await?;
    model
        .deploy(charm)
        .name("web")
        .resource("page", ops.package_dir().join("tests/page.txt"))
        .await?;
    let web = model.application("web")?;
    web.wait_for_idle().status("active").await?;
    assert_eq!(web.units().await?.len(), 1);
    Ok(())
}

#[charm_test]
async fn serves_a_page(model: &Model) -> Result {
    let unit = model.leader("web").await?;
    assert_eq!(unit.name(), "web/0");
    assert_eq!(unit.workload_status().await?, "active");
    unit.wait_for_port(8080).await?;
    let page = unit.http_get(8080, "/").await?;
    assert_eq!(page.body, "<h1>Hello</h1>\n");
    assert_eq!(page.header("content-type"), Some("text/html"));
    let missing = unit.http_get(8080, "/nosuch").status(404).await?;
    assert!(!missing.is_success());

    let error = unit
        .http_get(8080, "/")
        .body_contains("Goodbye")
        .timeout(Duration::from_secs(1))
        .await
        .expect_err("it says Hello");
    assert!(error.to_string().contains("at last: "), "{error}");
    let error = unit
        .wait_for_port(8081)
        .timeout(Duration::from_secs(1))
        .await
        .expect_err("nobody listens there");
    assert!(error.to_string().contains("refused"), "{error}");
    Ok(())
}

#[charm_test]
async fn follows_its_configuration(model: &Model) -> Result {
    let web = model.application("web")?;
    web.set_config([("title", "Moved")]).await?;
    let unit = web.unit(0)?;
    unit.http_get(8080, "/").body_contains("Moved").await?;
    assert_eq!(web.config().await?["title"], "Moved");
    web.wait_for_idle().status("active").await?;
    assert_eq!(unit.workload_status_message().await?, "Moved");

    // Juju 4.0 runs no hook for a reset.
    web.set_config([("title", "Hello")]).await?;
    unit.http_get(8080, "/").body_contains("Hello").await?;
    Ok(())
}

#[charm_test]
async fn serves_its_resource(ops: &OpsTest, model: &Model) -> Result {
    let web = model.application("web")?;
    let unit = web.unit(0)?;
    let page = unit.http_get(8080, "/page.txt").await?;
    assert_eq!(page.body, "the first edition\n");

    let second = ops.package_dir().join("tests/page2.txt");
    web.attach_resource("page", second).await?;
    let resources = web.resources().await?;
    assert_eq!(
        (resources[0].name.as_str(), resources[0].kind.as_str()),
        ("page", "file")
    );
    unit.http_get(8080, "/page.txt")
        .body_contains("the second edition")
        .await?;
    Ok(())
}

#[charm_test]
async fn serves_a_secret_that_it_was_granted(model: &Model) -> Result {
    let uri = model
        .add_secret("token")
        .info("for the web")
        .value("token", "open sesame")
        .await?;
    model.grant_secret(&uri, &["web"]).await?;
    model.set_config("web", [("token", &uri)]).await?;
    let unit = model.unit("web/0")?;
    unit.http_get(8080, "/token")
        .body_contains("open sesame")
        .await?;

    let secret = model.show_secret("token").reveal().await?;
    assert_eq!(secret.uri(), uri);
    assert_eq!(secret.content.get("token"), Some("open sesame"));
    assert_eq!(secret.access[0].target, "application-web");
    model
        .update_secret("token")
        .value("token", "shut sesame")
        .await?;
    unit.http_get(8080, "/token")
        .body_contains("shut sesame")
        .await?;
    assert_eq!(model.secrets().await?.len(), 1);

    model.set_config("web", [("token", "")]).await?;
    model.wait_for_idle().apps(["web"]).status("active").await?;
    model.revoke_secret("token", &["web"]).await?;
    model.remove_secret("token").await?;
    assert!(model.secrets().await?.is_empty());
    Ok(())
}

#[charm_test]
async fn updates_its_status_more_often_when_told_to(model: &Model) -> Result {
    const KEY: &str = "update-status-hook-interval";
    let before = model.model_config().await?[KEY].clone();
    let unit = model.unit("web/0")?;

    let fast = model.fast_forward(Duration::from_secs(1)).await?;
    assert_eq!(model.model_config().await?[KEY], "1s");
    unit.http_get(8080, "/updates").await?;
    fast.end().await?;
    assert_eq!(model.model_config().await?[KEY], before);

    let page = unit.http_get(8080, "/updates");
    model
        .fast_forward(Duration::from_secs(1))
        .during(page)
        .await??;
    assert_eq!(model.model_config().await?[KEY], before);
    Ok(())
}
