//! How the charm follows its configuration.

use charmtest::prelude::*;

#[charm_test(order = 0, abort_on_fail, skip_if_deployed)]
async fn deploy(ops: &OpsTest, model: &Model) -> Result {
    let charm = ops.build_charm("charm").await?;
    model
        .deploy(charm)
        .name("counter")
        .config("word", "machines")
        .await?;
    model
        .wait_for_idle()
        .apps(["counter"])
        .status("active")
        .await?;
    Ok(())
}

#[charm_test(order = 1)]
async fn starts_with_what_was_given_at_deploy(model: &Model) -> Result {
    let status = model.status().await?;
    let unit = status.unit("counter/0").expect("counter/0 is deployed");
    assert_eq!(unit.workload.message, "1 machines");
    Ok(())
}

#[charm_test(order = 2, cases("apples", two_words = "ripe pears"))]
async fn counts_what_it_is_told(model: &Model, #[case] word: &str) -> Result {
    model.set_config("counter", [("word", word)]).await?;
    model
        .wait_for_idle()
        .apps(["counter"])
        .status("active")
        .await?;
    let status = model.status().await?;
    let unit = status.unit("counter/0").expect("counter/0 is deployed");
    assert_eq!(unit.workload.message, format!("1 {word}"));
    Ok(())
}

/// Not `async`: whatever can be awaited can be waited for with `block_on` as well.
#[charm_test(order = 3)]
fn refuses_what_is_no_option(model: &Model) -> Result {
    let error = model
        .set_config("counter", [("colour", "green")])
        .block_on()
        .expect_err("there is no such option");
    assert!(error.to_string().contains("colour"), "{error}");
    Ok(())
}

#[charm_test(tags("slow"), timeout = "2m")]
async fn recovers_from_a_failing_hook(model: &Model) -> Result {
    model.set_config("counter", [("broken", true)]).await?;
    model
        .wait(|status| any_error(status, &["counter"]))
        .describe("config-changed to fail")
        .await?;
    model.set_config("counter", [("broken", false)]).await?;
    model.resolved("counter/0").await?;
    model
        .wait_for_idle()
        .apps(["counter"])
        .status("active")
        .await?;
    Ok(())
}
