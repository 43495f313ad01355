//! The rest of a model: actions, commands, files, storage, machines, bundles.

use charmtest::prelude::*;
use serde::Deserialize;
use std::fs;

/// Whoever has the other half of this key may log in. A test of your own takes that of whoever runs it, as
/// `~/.ssh/id_ed25519.pub`.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9O+D2H+3UGpsN9X2Kf4OdRSBQoAWOOqvliEYOEYJOI a@test";

#[charm_test(order = 0, abort_on_fail, skip_if_deployed)]
async fn deploy(ops: &OpsTest, model: &Model) -> Result {
    let charm = ops.build_charm("charm").await?;
    // Juju 4 lets nobody into the machines of a model by itself.
    model.add_ssh_key(KEY).await?;
    model
        .deploy(charm)
        .name("web")
        .units(2)
        .resource("page", ops.package_dir().join("tests/page.txt"))
        .await?;
    model
        .wait_for_idle()
        .apps(["web"])
        .status("active")
        .wait_for_exact_units(2)
        .await?;
    Ok(())
}

#[derive(Debug, Deserialize, PartialEq)]
struct Description {
    title: String,
    up: bool,
    pages: u32,
    address: Address,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Address {
    port: u16,
}

#[charm_test]
async fn actions_have_results(model: &Model) -> Result {
    assert_eq!(
        model.actions("web").await?["describe"],
        "Says what is served."
    );
    let unit = model.unit("web/0")?;
    let description: Description = unit.run_action("describe").await?.parse()?;
    assert_eq!(
        description,
        Description {
            title: "Hello".to_owned(),
            up: true,
            pages: 2,
            address: Address { port: 8080 },
        }
    );

    let failed = unit
        .run_action("describe")
        .param("fail", true)
        .unchecked()
        .await?;
    assert_eq!(
        (failed.status.as_str(), failed.message.as_str()),
        ("failed", "told to fail")
    );
    let error = unit.run_action("describe").param("fail", true).await;
    assert!(error.is_err_and(|error| error.task().is_some()));
    let error = unit
        .run_action("dance")
        .await
        .expect_err("there is no such action");
    assert!(error.to_string().contains("dance"), "{error}");

    let tasks = model
        .run_action_on_units(["web/0", "web/1"], "describe")
        .await?;
    assert_eq!(tasks.len(), 2);
    let slow = unit
        .run_action("describe")
        .param("seconds", 0.3)
        .start()
        .await?;
    assert_eq!(slow.wait().await?.result("up"), Some("true"));
    Ok(())
}

#[charm_test]
async fn commands_run_where_they_should(model: &Model) -> Result {
    let unit = model.unit("web/0")?;
    assert_eq!(unit.exec("echo $JUJU_UNIT_NAME").await?.stdout, "web/0\n");
    let tasks = model
        .application("web")?
        .exec("echo $JUJU_UNIT_NAME")
        .await?;
    let mut said: Vec<&str> = tasks.iter().map(|task| task.stdout.trim()).collect();
    said.sort_unstable();
    assert_eq!(said, ["web/0", "web/1"]);
    let task = model
        .exec("web/1", "echo oh >&2; exit 3")
        .unchecked()
        .await?;
    assert_eq!((task.return_code, task.stderr.as_str()), (3, "oh\n"));
    let machine = unit.machine().await?;
    assert_eq!(
        model.exec_on_machine(&machine, "echo here").await?.stdout,
        "here\n"
    );
    let error = model
        .exec_on_units(["web/0", "web/9"], "true")
        .await
        .expect_err("there is no web/9");
    assert!(error.to_string().contains("web/9"), "{error}");

    assert_eq!(unit.ssh("echo $((6 * 7))").await?.stdout, "42\n");
    let output = unit.ssh("exit 5").unchecked().await?;
    assert_eq!(output.code, 5);
    assert_eq!(unit.ssh("cat").stdin("typed").await?.stdout, "typed");
    Ok(())
}

#[charm_test]
async fn files_go_there_and_back(ops: &OpsTest, model: &Model) -> Result {
    let unit = model.unit("web/0")?;
    let (sent, got) = (ops.tmp_path().join("sent"), ops.tmp_path().join("got"));
    fs::write(&sent, "a letter")?;
    unit.scp_to(&sent, "letter").await?;
    unit.scp_from("letter", &got).await?;
    assert_eq!(fs::read_to_string(&got)?, "a letter");
    Ok(())
}

#[charm_test]
async fn storage_comes_and_goes(model: &Model) -> Result {
    let added = model.add_storage("web/0", "data").await?;
    let [data] = &added[..] else {
        return Err(format!("one instance was asked for, not {added:?}").into());
    };
    model.wait_for_idle().apps(["web"]).status("active").await?;
    let storage = model.storage().await?;
    assert_eq!(storage[data].kind, "filesystem");
    assert!(!storage[data].units["web/0"].location.is_empty());
    assert!(storage[data].size > 0);
    let error = model
        .add_storage("web/0", "nosuch")
        .await
        .expect_err("there is no such storage");
    assert!(error.to_string().contains("nosuch"), "{error}");

    model.detach_storage(data).await?;
    model.wait_for_idle().apps(["web"]).await?;
    model.remove_storage(data).force().await?;
    model
        .block_until(|status| {
            status.storage["storage"]
                .as_object()
                .is_none_or(|all| all.is_empty())
        })
        .describe("the storage to be gone")
        .await?;
    assert!(model.storage().await?.is_empty());
    Ok(())
}

#[charm_test]
async fn units_are_placed_on_machines(model: &Model) -> Result {
    let machine = model.add_machine().await?;
    assert!(model.machines().await?.contains_key(&machine));
    let web = model.application("web")?;
    web.add_unit().to(&machine).await?;
    web.wait_for_idle()
        .status("active")
        .wait_for_exact_units(3)
        .await?;
    assert_eq!(web.unit(2)?.machine().await?, machine);
    web.unit(2)?.remove().await?;
    model
        .block_until(|status| status.unit("web/2").is_none())
        .await?;

    let spare = model.add_machine().await?;
    model.remove_machine(&spare).force().await?;
    model
        .block_until(|status| status.machine(&spare).is_none())
        .describe("the spare machine to be gone")
        .await?;
    Ok(())
}

#[charm_test]
async fn applications_are_shown_and_constrained(model: &Model) -> Result {
    let web = model.application("web")?;
    let shown = web.show().await?;
    assert_eq!((shown.charm.as_str(), shown.exposed), ("web", false));
    web.expose().await?;
    assert!(web.show().await?.exposed);
    web.unexpose().await?;
    model.set_constraints("web", [("mem", "1G")]).await?;
    assert_eq!(web.constraints().await?["mem"], 1024);
    model.set_model_constraints([("cores", "2")]).await?;
    assert_eq!(model.model_constraints().await?["cores"], 2);

    let error = model
        .application("nosuch")?
        .units()
        .await
        .expect_err("there is no such application");
    assert!(
        error
            .to_string()
            .contains("there is no application `nosuch`"),
        "{error}"
    );
    Ok(())
}

#[charm_test]
async fn a_bundle_is_deployed_with_an_overlay(ops: &OpsTest, model: &Model) -> Result {
    let charm = ops.build_charm("charm").await?;
    let page = ops.package_dir().join("tests/page.txt");
    let template = fs::read_to_string(ops.package_dir().join("tests/bundle.yaml"))?;
    let (bundle, overlay) = (
        ops.tmp_path().join("bundle.yaml"),
        ops.tmp_path().join("overlay.yaml"),
    );
    let text = template
        .replace("CHARM", &charm.display().to_string())
        .replace("PAGE", &page.display().to_string());
    fs::write(&bundle, text)?;
    fs::write(
        &overlay,
        "applications: {inner: {options: {title: From above}}}",
    )?;
    model.deploy(bundle).overlay(overlay).await?;
    let inner = model.application("inner")?;
    inner.wait_for_idle().status("active").await?;
    assert_eq!(inner.config().await?["title"], "From above");
    inner.remove().await?;
    model
        .block_until(|status| status.app("inner").is_none())
        .await?;
    Ok(())
}

#[charm_test]
async fn programs_are_run_in_the_context_of_the_model(ops: &OpsTest, model: &Model) -> Result {
    let output = ops.run(["sh", "-c", "echo $JUJU_MODEL"]).check().await?;
    assert_eq!(output.stdout.trim(), model.full_name());
    let error = ops
        .run(["sh", "-c", "echo no >&2; exit 4"])
        .fail_msg("the images cannot be built")
        .await
        .expect_err("it exits with 4");
    assert_eq!(error.code(), Some(4));
    assert!(
        error
            .to_string()
            .starts_with("the images cannot be built: "),
        "{error}"
    );
    assert!(
        ops.juju(["status", "web"])
            .check()
            .await?
            .stdout
            .contains("web/0")
    );
    Ok(())
}
