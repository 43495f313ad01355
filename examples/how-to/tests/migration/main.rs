//! The suite of [the migration guide](../../../../docs/migration.md), after the move; `charmtest-core`'s tests compare the two.

use charmtest::prelude::*;

#[charm_test(abort_on_fail, skip_if_deployed)]
async fn build_and_deploy(ops: &OpsTest, model: &Model) -> Result {
    let charm = ops.build_charm("charms/web").await?;
    model
        .deploy(charm)
        .name("web")
        .resource("page", "page.html")
        .await?;
    model
        .wait_for_idle()
        .apps(["web"])
        .status("active")
        .timeout(Duration::from_secs(1000))
        .await?;
    Ok(())
}

#[charm_test]
async fn title(model: &Model) -> Result {
    let app = model.application("web")?;
    app.set_config([("title", "News")]).await?;
    model.wait_for_idle().apps(["web"]).status("active").await?;
    assert_eq!(app.unit(0)?.workload_status_message().await?, "News");
    Ok(())
}

#[charm_test]
async fn page(model: &Model) -> Result {
    model
        .unit("web/0")?
        .http_get(8000, "/")
        .body_contains("News")
        .await?;
    Ok(())
}

#[charm_test]
async fn action(model: &Model) -> Result {
    let task = model.unit("web/0")?.run_action("visits").await?;
    assert!(task.result("visits").unwrap_or("0").parse::<u64>()? > 0);
    Ok(())
}

#[charm_test]
async fn relation(ops: &OpsTest, model: &Model) -> Result {
    let reader = ops.build_charm("charms/reader").await?;
    model.deploy(reader).name("reader").await?;
    model.integrate("reader:website", "web").await?;
    let idle = model
        .wait_for_idle()
        .apps(["reader", "web"])
        .status("active");
    model
        .fast_forward(Duration::from_secs(60))
        .during(idle)
        .await??;
    Ok(())
}

#[charm_test]
async fn scale(model: &Model) -> Result {
    model.application("web")?.add_unit().units(2).await?;
    model
        .wait_for_idle()
        .apps(["web"])
        .wait_for_exact_units(3)
        .await?;
    Ok(())
}

charmtest::main!();
