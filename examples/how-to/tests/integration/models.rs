//! Several models: a website in one, its reader in another, an offer between them.

use std::fs;

use charmtest::prelude::*;

/// The alias of the second model, which later tests find it by.
const READERS: &str = "readers";

#[charm_test(order = 0, abort_on_fail)]
async fn offers_a_website(ops: &OpsTest, model: &Model) -> Result {
    let page = ops.tmp_path().join("page.html");
    fs::write(&page, "TITLE\n")?;
    let web = ops.build_charm("charms/web").await?;
    model.deploy(web).resource("page", &page).await?;
    let offer = model.offer("web:website").await?;

    let readers = ops.track_model(READERS).await?;
    let reader = ops.build_charm("charms/reader").await?;
    readers.deploy(reader).await?;
    readers.consume(&offer).await?;
    readers.integrate("reader", "web").await?;

    model.wait_for_idle().status("active").await?;
    readers.wait_for_idle().status("active").await?;
    Ok(())
}

#[charm_test]
async fn the_reader_follows_the_website(ops: &OpsTest, model: &Model) -> Result {
    let readers = ops.tracked(READERS)?;
    assert_eq!(
        readers.unit("reader/0")?.workload_status_message().await?,
        "Home"
    );
    let offer = &model.offers().await?["web"];
    assert_eq!(offer.connections.len(), 1);
    Ok(())
}

/// The tear-down would do it as well: the newest model first.
#[charm_test(order = -1)]
async fn a_model_may_go_before_the_end(ops: &OpsTest) -> Result {
    ops.forget_model(READERS).await?;
    assert!(ops.tracked(READERS).is_err());
    Ok(())
}
