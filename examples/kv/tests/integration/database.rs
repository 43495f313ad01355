//! The database on its own.

use charmtest::prelude::*;
use serde_json::json;

use crate::kv;

#[charm_test(order = 0, abort_on_fail, skip_if_deployed)]
async fn deploys(ops: &OpsTest, model: &Model) -> Result {
    let charm = ops.build_charm("charms/kv-db").await?;
    model.deploy(charm).name("db").await?;
    model.wait_for_idle().apps(["db"]).status("active").await?;
    Ok(())
}

#[charm_test]
async fn stores_what_it_is_told(model: &Model) -> Result {
    let server = kv::server_of(model, "db/0").await?;
    let set = json!({"do": "set", "ns": "test", "key": "a", "value": "1"});
    assert_eq!(kv::ask(&server, &set)?, json!({"ok": true}));
    let get = json!({"do": "get", "ns": "test", "key": "a"});
    assert_eq!(kv::ask(&server, &get)?, json!({"ok": true, "value": "1"}));
    Ok(())
}

#[charm_test]
async fn counts_what_it_holds(model: &Model) -> Result {
    let task = model.run_action("db/leader", "stats").await?;
    assert_eq!(task.results["namespaces"], "{\"test\": 1}");
    Ok(())
}

#[charm_test]
async fn runs_a_server_on_every_unit(model: &Model) -> Result {
    model.add_unit("db").await?;
    model
        .wait_for_idle()
        .apps(["db"])
        .status("active")
        .wait_for_exact_units(2)
        .await?;
    let servers = [
        kv::server_of(model, "db/0").await?,
        kv::server_of(model, "db/1").await?,
    ];
    assert_ne!(
        servers[0], servers[1],
        "every unit has an address of its own"
    );
    for server in servers {
        assert_eq!(
            kv::ask(&server, &json!({"do": "stats"}))?["ok"],
            true,
            "{server}"
        );
    }
    Ok(())
}

#[charm_test]
async fn keeps_its_data_over_an_upgrade(ops: &OpsTest, model: &Model) -> Result {
    let charm = ops.build_charm("charms/kv-db").await?;
    model.refresh("db").path(charm).await?;
    model.wait_for_idle().apps(["db"]).status("active").await?;
    let server = kv::server_of(model, "db/0").await?;
    let get = json!({"do": "get", "ns": "test", "key": "a"});
    assert_eq!(kv::ask(&server, &get)?["value"], "1");
    Ok(())
}

#[charm_test(order = -1)]
async fn takes_its_server_with_it(model: &Model) -> Result {
    let server = kv::server_of(model, "db/1").await?;
    model.remove_unit("db/1").await?;
    model
        .wait_for_idle()
        .apps(["db"])
        .status("active")
        .wait_for_exact_units(1)
        .await?;
    assert!(
        kv::ask(&server, &json!({"do": "stats"})).is_err(),
        "{server} still answers"
    );
    Ok(())
}
