//! The same twenty small tests with charmtest.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use charmtest::prelude::*;

/// Waits until the application is idle and notes how long after the last hook the wait returned.
async fn settled(model: &Model, units: usize) -> Result {
    let idle = model.wait_for_idle().apps(["small"]).status("active");
    idle.wait_for_exact_units(units).timeout(Duration::from_secs(60)).await?;
    let returned = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let stamp: u128 = fs::read_to_string(env::var("BENCH_STAMP")?)?.trim().parse()?;
    let mut latencies = File::options().append(true).create(true).open(env::var("BENCH_LATENCIES")?)?;
    latencies.write_all(format!("{}\n", returned.saturating_sub(stamp)).as_bytes())?;
    Ok(())
}

#[charm_test]
async fn deploy(model: &Model) -> Result {
    model.deploy(env::var("BENCH_CHARM")?).name("small").await?;
    settled(model, 1).await?;
    assert!(model.unit("small/0")?.is_leader().await?);
    Ok(())
}

#[charm_test(cases(one = "one", two = "two", three = "three", four = "four", five = "five", six = "six"))]
async fn config(model: &Model, #[case] title: &str) -> Result {
    model.application("small")?.set_config([("title", title)]).await?;
    settled(model, 1).await?;
    assert_eq!(model.unit("small/0")?.workload_status_message().await?, title);
    Ok(())
}

#[charm_test(cases(first = 1, second = 2, third = 3, fourth = 4))]
async fn status(model: &Model, #[case] _look: u32) -> Result {
    assert_eq!(model.unit("small/0")?.workload_status().await?, "active");
    Ok(())
}

#[charm_test(cases(ada = "Ada", grace = "Grace", edsger = "Edsger", barbara = "Barbara"))]
async fn action(model: &Model, #[case] name: &str) -> Result {
    let task = model.unit("small/0")?.run_action("greet").param("name", name).await?;
    assert_eq!(task.result("greeting"), Some(format!("Hello, {name}!").as_str()));
    Ok(())
}

#[charm_test(cases(a = "a", b = "b", c = "c"))]
async fn exec(model: &Model, #[case] word: &str) -> Result {
    let task = model.unit("small/0")?.exec(format!("echo {word}")).await?;
    assert_eq!(task.stdout.trim(), word);
    Ok(())
}

#[charm_test]
async fn add_unit(model: &Model) -> Result {
    model.application("small")?.add_unit().await?;
    settled(model, 2).await
}

#[charm_test]
async fn remove_unit(model: &Model) -> Result {
    model.unit("small/1")?.remove().await?;
    let alone = model.wait_for_idle().apps(["small"]).wait_for_exact_units(1);
    alone.timeout(Duration::from_secs(60)).await?;
    Ok(())
}

charmtest::main!();
