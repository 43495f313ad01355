//! Build a charm and its resources, and deploy them together.

use charmtest::prelude::*;

#[charm_test(order = 0, abort_on_fail, skip_if_deployed)]
async fn deploys_with_resources(ops: &OpsTest, model: &Model) -> Result {
    let charm = ops.build_charm("charms/shelf").await?;
    let files = ops.build_resources("build-resources.sh").await?;
    assert_eq!(files.len(), 1, "{files:?}");

    let info = ops.charm_info(&charm).await?;
    let mut deploy = model.deploy(&charm).resource("book", &files[0]);
    for (name, image) in info.images() {
        deploy = deploy.resource(name, image);
    }
    deploy.await?;
    model
        .wait_for_idle()
        .apps(["shelf"])
        .status("active")
        .await?;
    Ok(())
}

#[charm_test]
async fn serves_what_was_built(model: &Model) -> Result {
    let status = model.status().await?;
    let unit = status.unit("shelf/0").ok_or("there is no shelf/0")?;
    assert_eq!(unit.workload.message, "Moby Dick by example.com/reader:1");
    Ok(())
}
