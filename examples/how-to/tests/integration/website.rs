//! One application from its deployment on: resources, configuration, actions, its workload, commands, relations, scaling.
//!
//! Keep the model and come back to it without deploying again:
//!
//! ```console
//! $ cargo charmtest -p example-how-to -- --model mine website
//! $ cargo charmtest -p example-how-to -- --model mine --no-deploy website
//! ```

use charmtest::prelude::*;

use crate::fixtures::Page;

/// Builds and deploys. Everything below stands on it: if it fails, the rest of the module is aborted; and it is what
/// `--no-deploy` leaves out.
#[charm_test(order = 0, abort_on_fail, skip_if_deployed)]
async fn deploys(ops: &OpsTest, model: &Model, page: &Page) -> Result {
    let charm = ops.build_charm("charms/web").await?;
    model
        .deploy(charm)
        .name("web")
        .resource("page", page.path())
        .await?;
    model.wait_for_idle().apps(["web"]).status("active").await?;
    Ok(())
}

/// Asks the workload itself, until it answers as it should.
#[charm_test]
async fn serves_its_page(model: &Model) -> Result {
    let unit = model.unit("web/0")?;
    let page = unit
        .http_get(8000, "/")
        .status(200)
        .body_contains("welcome")
        .await?;
    assert!(page.body.starts_with("Home\n"), "{page:?}");
    Ok(())
}

#[charm_test]
async fn takes_its_title_from_the_configuration(model: &Model) -> Result {
    let web = model.application("web")?;
    web.set_config([("title", "News")]).await?;
    model.wait_for_idle().apps(["web"]).status("active").await?;
    assert_eq!(
        model.unit("web/0")?.workload_status_message().await?,
        "News"
    );
    model
        .unit("web/0")?
        .http_get(8000, "/")
        .body_contains("News")
        .await?;
    web.reset_config(&["title"]).await?;
    model.wait_for_idle().apps(["web"]).await?;
    Ok(())
}

/// What the action `visits` answers.
#[derive(serde::Deserialize)]
struct Count {
    visits: u64,
}

/// An action fails the test when it fails; its results are texts, or of a type of your own with `parse`.
#[charm_test]
async fn counts_its_visits(model: &Model) -> Result {
    let unit = model.unit("web/0")?;
    let before: Count = unit.run_action("visits").await?.parse()?;
    unit.http_get(8000, "/").await?;
    let after: Count = unit.run_action("visits").await?.parse()?;
    assert_eq!(after.visits, before.visits + 1);
    Ok(())
}

/// What has no method is a command: `ops.juju` and `ops.run` mean this model.
#[charm_test]
async fn commands_see_the_model(ops: &OpsTest, model: &Model) -> Result {
    let shown = ops.juju(["show-application", "web"]).check().await?;
    assert!(shown.stdout.contains("web:"), "{}", shown.stdout);

    let script = r#"juju exec --unit web/0 -- cat site/index.html"#;
    let page = ops.run(["sh", "-c", script]).check().await?;
    assert!(page.stdout.contains("welcome"), "{}", page.stdout);

    let hook = model.exec("web/leader", "is-leader").await?;
    assert_eq!(hook.stdout, "True\n");
    Ok(())
}

/// `update-status` runs every five minutes; a test need not wait so long.
#[charm_test]
async fn repairs_itself_from_time_to_time(model: &Model) -> Result {
    let unit = model.unit("web/0")?;
    unit.exec("kill -KILL $(cat server.pid) && rm server.pid")
        .await?;
    let answers = unit.http_get(8000, "/").status(200);
    model
        .fast_forward(Duration::from_secs(1))
        .during(answers)
        .await??;
    unit.exec("test -f server.pid").await?;
    Ok(())
}

#[charm_test]
async fn is_read_over_a_relation(ops: &OpsTest, model: &Model) -> Result {
    let charm = ops.build_charm("charms/reader").await?;
    model.deploy(charm).name("reader").await?;
    model
        .wait_for_idle()
        .apps(["reader"])
        .status("blocked")
        .await?;

    model.integrate("reader:website", "web").await?;
    model
        .wait_for_idle()
        .apps(["reader", "web"])
        .status("active")
        .await?;
    let reader = model.unit("reader/0")?;
    assert_eq!(reader.workload_status_message().await?, "Home");

    model.remove_relation("reader", "web").await?;
    model
        .wait_for_idle()
        .apps(["reader"])
        .status("blocked")
        .await?;
    Ok(())
}

/// Tags select tests too: `-m scaling`, `-m 'not scaling'`.
#[charm_test(order = -1, tags("scaling"))]
async fn scales(model: &Model) -> Result {
    model.add_unit("web").units(2).await?;
    model
        .wait_for_idle()
        .apps(["web"])
        .status("active")
        .wait_for_exact_units(3)
        .await?;
    for unit in model.application("web")?.units().await? {
        unit.http_get(8000, "/").status(200).await?;
    }
    Ok(())
}
