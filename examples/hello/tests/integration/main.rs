//! Charm tests of `hello`: deploy it, configure it, run its action, upgrade it.

use charmtest::prelude::*;

#[charm_test(order = 0, abort_on_fail, skip_if_deployed)]
async fn deploys(ops: &OpsTest, model: &Model) -> Result {
    let charm = ops.build_charm("charm").await?;
    model.deploy(charm).name("hello").await?;
    model
        .wait_for_idle()
        .apps(["hello"])
        .status("active")
        .await?;
    Ok(())
}

#[charm_test]
async fn greets_by_default(model: &Model) -> Result {
    let status = model.status().await?;
    let unit = status.unit("hello/0").expect("hello/0 is deployed");
    assert_eq!(unit.workload.message, "Hello, world");
    Ok(())
}

#[charm_test]
async fn says_what_is_configured(model: &Model) -> Result {
    model.set_config("hello", [("greeting", "Ahoy")]).await?;
    model
        .wait(|status| {
            let unit = status.unit("hello/0");
            unit.is_some_and(|unit| unit.workload.message == "Ahoy, world")
        })
        .describe("hello/0 to greet with Ahoy")
        .await?;
    Ok(())
}

#[charm_test]
async fn blocks_without_a_greeting(model: &Model) -> Result {
    model.set_config("hello", [("greeting", "")]).await?;
    model
        .wait_for_idle()
        .apps(["hello"])
        .status("blocked")
        .await?;

    let failure = model
        .run_action("hello/leader", "greet")
        .await
        .expect_err("there is nothing to say");
    assert!(
        failure.to_string().contains("no greeting configured"),
        "{failure}"
    );

    model.reset_config("hello", &["greeting"]).await?;
    model
        .wait_for_idle()
        .apps(["hello"])
        .status("active")
        .await?;
    Ok(())
}

#[charm_test]
async fn greets_on_request(model: &Model) -> Result {
    let task = model
        .run_action("hello/0", "greet")
        .param("name", "Ada")
        .param("times", 2)
        .await?;
    assert_eq!(task.results["greeting"], "Hello, Ada");
    assert_eq!(task.results["times"], "2");
    Ok(())
}

#[charm_test]
async fn survives_an_upgrade(ops: &OpsTest, model: &Model) -> Result {
    let charm = ops.build_charm("charm").await?;
    model.refresh("hello").path(charm).await?;
    model
        .wait_for_idle()
        .apps(["hello"])
        .status("active")
        .await?;
    let status = model.status().await?;
    assert_eq!(status.app("hello").map(|app| app.charm_rev), Some(1));
    Ok(())
}

charmtest::main!();
