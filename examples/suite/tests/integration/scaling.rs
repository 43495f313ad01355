//! How the charm counts its peers.

use charmtest::prelude::*;

#[charm_test(order = 0, abort_on_fail, skip_if_deployed)]
async fn deploy(ops: &OpsTest, model: &Model) -> Result {
    let charm = ops.build_charm("charm").await?;
    model.deploy(charm).name("counter").units(2).await?;
    model
        .wait_for_idle()
        .apps(["counter"])
        .status("active")
        .wait_for_exact_units(2)
        .await?;
    Ok(())
}

#[charm_test(order = 1, abort_on_fail)]
async fn scale_up(model: &Model) -> Result {
    model.add_unit("counter").await?;
    model
        .wait(|status| everyone_says(status, "3 units"))
        .describe("all three units to count three")
        .await?;
    Ok(())
}

#[charm_test(order = 2)]
async fn scale_down(model: &Model) -> Result {
    model.remove_unit("counter/2").await?;
    model
        .wait(|status| everyone_says(status, "2 units"))
        .describe("both units to count two")
        .await?;
    Ok(())
}

#[charm_test(order = -1)]
async fn remove(model: &Model) -> Result {
    model.remove_application("counter").await?;
    model
        .wait(|status| status.app("counter").is_none())
        .describe("counter to be gone")
        .await?;
    Ok(())
}

fn everyone_says(status: &Status, message: &str) -> bool {
    let units = status.units_of("counter");
    !units.is_empty()
        && units
            .iter()
            .all(|(_, unit)| unit.workload.message == message)
}
