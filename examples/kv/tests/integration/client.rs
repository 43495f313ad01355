//! The database together with its client.

use charmtest::prelude::*;
use serde_json::json;

use crate::kv;

#[charm_test(order = 0, abort_on_fail, skip_if_deployed)]
async fn deploys(ops: &OpsTest, model: &Model) -> Result {
    let database = ops.build_charm("charms/kv-db").await?;
    let client = ops.build_charm("charms/kv-client").await?;
    model.deploy(database).name("db").await?;
    model.deploy(client).name("client").await?;
    model.wait_for_idle().apps(["db"]).status("active").await?;
    model
        .wait_for_idle()
        .apps(["client"])
        .status("blocked")
        .await?;
    Ok(())
}

#[charm_test(order = 1, abort_on_fail, skip_if_deployed)]
async fn relates(model: &Model) -> Result {
    model.integrate("db:database", "client:database").await?;
    model
        .wait_for_idle()
        .apps(["db", "client"])
        .status("active")
        .await?;
    Ok(())
}

#[charm_test]
async fn keeps_its_motto_in_the_database(model: &Model) -> Result {
    model
        .set_config("client", [("motto", "per aspera")])
        .await?;
    let server = kv::server_of(model, "db/0").await?;
    let unit = model.show_unit("client/0").await?;
    let namespace = &unit.relations[0].application_data["namespace"];
    let get = json!({"do": "get", "ns": namespace, "key": "motto"});
    model
        .wait(|_| kv::ask(&server, &get).is_ok_and(|answer| answer["value"] == "per aspera"))
        .describe("the motto to arrive in the database")
        .await?;
    Ok(())
}

#[charm_test]
async fn writes_and_reads_through_actions(model: &Model) -> Result {
    model
        .run_action("client/0", "put")
        .param("key", "colour")
        .param("value", "green")
        .await?;
    let task = model
        .run_action("client/0", "get")
        .param("key", "colour")
        .await?;
    assert_eq!(task.results["value"], "green");

    let failure = model
        .run_action("client/0", "get")
        .param("key", "nothing")
        .await
        .expect_err("there is no such key");
    assert!(
        failure.to_string().contains("no such key: nothing"),
        "{failure}"
    );
    Ok(())
}

#[charm_test(order = -1)]
async fn blocks_when_the_relation_goes(model: &Model) -> Result {
    model
        .remove_relation("db:database", "client:database")
        .await?;
    model
        .wait_for_idle()
        .apps(["client"])
        .status("blocked")
        .await?;
    Ok(())
}
