//! Relations: their data from both sides, and those between models.

use charmtest::prelude::*;

#[charm_test(order = 0, abort_on_fail, skip_if_deployed)]
async fn deploy(ops: &OpsTest, model: &Model) -> Result {
    let charm = ops.build_charm("charm").await?;
    let page = ops.package_dir().join("tests/page.txt");
    for name in ["back", "front"] {
        model
            .deploy(&charm)
            .name(name)
            .resource("page", &page)
            .await?;
    }
    model.integrate("front:upstream", "back:website").await?;
    model.wait_for_idle().status("active").await?;
    Ok(())
}

#[charm_test(order = 1)]
async fn the_data_of_both_sides_can_be_seen(model: &Model) -> Result {
    let back = model.unit("back/0")?.address().await?;
    let url = format!("http://{back}:8080/");
    let relations = model.relation_data("front/leader", "upstream").await?;
    let [relation] = &relations[..] else {
        return Err(format!("one relation was made, not {relations:?}").into());
    };
    assert_eq!(relation.related_endpoint, "website");
    assert_eq!(relation.remote_application["url"], url);
    assert_eq!(relation.remote_units["back/0"]["ingress-address"], back);
    assert_eq!(relation.local_unit["visits"], "1");

    let from_behind = &model.unit("back/0")?.relation_data("website").await?[0];
    assert_eq!(from_behind.id, relation.id);
    assert_eq!(from_behind.local_application["url"], url);
    assert_eq!(from_behind.remote_units["front/0"]["visits"], "1");

    let unit = model.unit("back/0")?.show().await?;
    assert_eq!(unit.opened_ports, ["8080/tcp"]);
    assert!(unit.leader);
    assert_eq!(
        model.application("front")?.relations().await?["upstream"].len(),
        1
    );

    model
        .remove_relation("front:upstream", "back:website")
        .await?;
    model
        .block_until(|status| {
            status
                .app("front")
                .is_some_and(|front| front.relations.is_empty())
        })
        .await?;
    Ok(())
}

#[charm_test(order = 2)]
async fn an_offer_reaches_another_model(ops: &OpsTest, model: &Model) -> Result {
    let other = ops.track_model("other").await?;
    let charm = ops.build_charm("charm").await?;
    let page = ops.package_dir().join("tests/page.txt");
    other
        .deploy(charm)
        .name("front")
        .resource("page", page)
        .await?;

    let url = model.offer("back:website").name("site").await?;
    assert_eq!(model.offers().await?["site"].url, url);
    assert_eq!(other.consume(&url).alias("remote").await?, "remote");
    other.integrate("front:upstream", "remote").await?;
    other
        .wait_for_idle()
        .apps(["front"])
        .status("active")
        .await?;
    let back = model.unit("back/0")?.address().await?;
    let front = other.unit("front/0")?;
    front.wait_for_port(8080).await?;
    front
        .http_get(8080, "/upstream")
        .body_contains(back)
        .await?;
    model
        .block_until(|status| {
            status
                .offers
                .get("site")
                .is_some_and(|offer| offer.total_connected_count == 1)
        })
        .describe("the offer to be connected")
        .await?;

    let error = model.remove_offer("site").await.expect_err("it is in use");
    assert!(error.to_string().contains("has 1 "), "{error}");
    other.remove_relation("front", "remote").await?;
    other
        .block_until(|status| {
            status
                .app("front")
                .is_some_and(|front| front.relations.is_empty())
        })
        .await?;
    other.remove_saas("remote").await?;
    model.remove_offer("site").force().await?;
    assert!(model.offers().await?.is_empty());
    Ok(())
}
