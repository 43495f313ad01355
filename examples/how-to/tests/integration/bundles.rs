//! Deploy a bundle that is made from a template: the charms are those of this run, the rest is as the test wants it.

use charmtest::prelude::*;

#[charm_test(order = 0, abort_on_fail, skip_if_deployed)]
async fn deploys_a_bundle(ops: &OpsTest, model: &Model) -> Result {
    let charms = ops.build_charms(["charms/shelf"]).await?;
    let book = ops.build_resources("build-resources.sh").await?;
    let bundle = ops
        .render_bundle("bundle.yaml.j2")
        .var("charms", &charms)
        .var("book", &book[0])
        .var("units", 2)
        .await?;
    model.deploy(bundle).await?;
    model
        .wait_for_idle()
        .apps(["shelf"])
        .status("active")
        .await?;
    Ok(())
}

#[charm_test]
async fn has_what_the_template_says(model: &Model) -> Result {
    let status = model.status().await?;
    let unit = status
        .unit("shelf/1")
        .ok_or("the bundle asks for two units")?;
    assert_eq!(unit.workload.message, "Moby Dick by example.com/reader:2");
    Ok(())
}
