//! Clients of others, unmodified: jubilant and pytest-jubilant drive the embedded `juju`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::bed::{Bed, PROGRAM, Said, executable};
use crate::charms::fixture;

/// What a suite on jubilant does with a charm: deploy, wait, configure, run, exec, integrate, status, upgrade, remove.
const SUITE: &str = r#"
import pathlib
import sys

import jubilant

hello, counter = sys.argv[1:]

with jubilant.temp_model() as juju:
    juju.deploy(hello, "hello", config={"greeting": "Salut"})
    juju.deploy(pathlib.Path(counter), "counter", num_units=2)
    status = juju.wait(jubilant.all_active, error=jubilant.any_error, timeout=60)
    assert status.apps["hello"].units["hello/0"].workload_status.message == "Salut, world", status
    juju.wait(lambda status: jubilant.all_agents_idle(status), timeout=60)

    juju.config("hello", {"greeting": "Ahoy"})
    juju.wait(lambda status: status.apps["hello"].app_status.message == "Ahoy, world", timeout=60)
    assert juju.config("hello")["greeting"] == "Ahoy"

    task = juju.run("hello/0", "greet", {"name": "Ada", "times": 3})
    assert task.success and task.results == {"greeting": "Ahoy, Ada", "times": "3"}, task
    assert any("greeting Ada" in line for line in task.log), task
    try:
        juju.run("hello/0", "nosuch")
    except ValueError:
        pass
    else:
        raise AssertionError("an unknown action went through")
    try:
        juju.run("hello/0", "greet", {"times": 0})
    except (jubilant.TaskError, jubilant.CLIError, ValueError):
        pass
    else:
        raise AssertionError("bad parameters went through")

    task = juju.exec("echo", "a b", "$HOME", unit="hello/0")
    assert task.stdout == "a b $HOME\n", task
    try:
        juju.exec("exit 3", unit="hello/0")
    except jubilant.TaskError as error:
        assert error.task.return_code == 3, error.task
    else:
        raise AssertionError("a failing command went through")

    juju.deploy(hello, "provider")
    juju.wait(lambda status: jubilant.all_active(status, "provider"), timeout=60)
    try:
        juju.integrate("hello", "counter")
    except jubilant.CLIError as error:
        assert "no relations found" in error.stderr, error.stderr
    else:
        raise AssertionError("an impossible relation went through")

    juju.add_unit("counter")
    juju.wait(lambda status: len(status.apps["counter"].units) == 3 and status.apps["counter"].app_status.message == "3 units", timeout=60)
    assert len(juju.show_unit("counter/0").relation_info[0].related_units) == 2
    juju.remove_unit("counter/2")
    juju.wait(lambda status: len(status.apps["counter"].units) == 2, timeout=60)

    juju.refresh("hello", path=hello)
    juju.wait(lambda status: status.apps["hello"].charm_rev == 2 and jubilant.all_agents_idle(status), timeout=60)
    juju.model_config({"update-status-hook-interval": "10s"})
    assert juju.model_config()["update-status-hook-interval"] == "10s"
    assert "hello/0" in juju.debug_log()
    assert juju.version().tuple[:2] == (3, 6)
    assert juju.show_model().short_name == juju.model
    juju.remove_application("provider")
    juju.wait(lambda status: "provider" not in status.apps, timeout=60)
print("all is well")
"#;

/// A suite on pytest-jubilant's fixtures: two models with an offer between them, and secrets of the user.
const PYTEST_SUITE: &str = r#"
import os
import pathlib

import jubilant
import pytest

CHARMS = pathlib.Path(os.environ["CHARMS"])


@pytest.fixture(scope="module")
def other(juju_factory):
    return juju_factory.get_juju("other")


def says(app, message):
    return lambda status: app in status.apps and status.apps[app].units[f"{app}/0"].workload_status.message == message


@pytest.mark.juju_setup
def test_deploy(juju, other):
    juju.deploy(CHARMS / "legacy", "site")
    other.deploy(CHARMS / "shell", "reader")
    juju.wait(lambda status: jubilant.all_active(status, "site"), error=jubilant.any_error, timeout=60)
    other.wait(lambda status: jubilant.all_blocked(status, "reader"), error=jubilant.any_error, timeout=60)
    assert juju.model.endswith("-suite") and other.model == f"{juju.model}-other"
    assert juju.model_constraints()["arch"]


@pytest.mark.juju_setup
def test_cross_model(juju, other):
    juju.offer("site", endpoint="website")
    other.consume(f"{juju.model}.site", "far")
    other.integrate("reader:site", "far:website")
    status = other.wait(says("reader", "Home on 80"), error=jubilant.any_error, timeout=60)
    assert status.app_endpoints["far"].url.endswith(f"admin/{juju.model}.site"), status
    offer = juju.status().offers["site"]
    assert offer.app == "site" and offer.total_connected_count == 1, offer
    juju.config("site", {"title": "News"})
    other.wait(says("reader", "News on 80"), timeout=60)
    other.remove_relation("reader", "far")
    other.wait(says("reader", "no site"), timeout=60)


def test_secrets(juju):
    uri = juju.add_secret("password", {"user": "ada", "pass": "one"}, info="of the site")
    secret = juju.show_secret("password", reveal=True)
    assert secret.uri.unique_identifier == uri.unique_identifier
    assert secret.content == {"user": "ada", "pass": "one"} and secret.description == "of the site", secret
    with pytest.raises(jubilant.TaskError):
        juju.exec(f"secret-get {uri}", unit="site/0")
    juju.grant_secret(uri, "site")
    assert juju.exec(f"secret-get {uri} pass", unit="site/0").stdout.strip() == "one"
    juju.update_secret(uri, {"pass": "two"}, name="renamed")
    secret = juju.show_secret("renamed", revisions=True)
    assert secret.revision == 2 and [each.revision for each in secret.revisions] == [1, 2], secret
    assert [secret.name for secret in juju.secrets()] == ["renamed"]
    assert juju.exec(f"secret-get {uri} pass --refresh", unit="site/0").stdout.strip() == "two"
    juju.remove_secret(uri)
    assert juju.secrets() == []
"#;

/// Installs a package from PyPI for the tests of this target directory, once, and returns where.
pub(crate) fn python_package(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{name}"));
    if dir.join("complete").exists() {
        return dir;
    }
    let fresh = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let installed = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--target"])
        .arg(fresh.path())
        .arg(name)
        .output()
        .unwrap();
    assert!(
        installed.status.success(),
        "{}",
        String::from_utf8_lossy(&installed.stderr)
    );
    fs::write(fresh.path().join("complete"), "").unwrap();
    // A concurrent test may have been faster: then its directory is as good as ours.
    let _ = fs::rename(fresh.keep(), &dir);
    dir
}

fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("examples")
}

#[test]
fn jubilant_drives_the_embedded_controller() {
    let bed = Bed::bare();
    let suite = bed.path().join("suite.py");
    fs::write(&suite, SUITE).unwrap();
    let packed = |charm: &str| {
        let said: Said = Command::new(PROGRAM)
            .args(["charmtest", "pack", "--output-dir"])
            .arg(bed.path())
            .arg(examples().join(charm))
            .current_dir(bed.path())
            .output()
            .unwrap()
            .into();
        assert_eq!(said.code, Some(0), "{said:?}");
        bed.path().join(said.stdout.trim())
    };
    let said: Said = Command::new(PROGRAM)
        .args(["charmtest", "with", "--", "python3"])
        .arg(&suite)
        .args([packed("hello/charm"), packed("suite/charm")])
        .env("PYTHONPATH", python_package("jubilant"))
        .env("XDG_STATE_HOME", bed.path().join("state"))
        .output()
        .unwrap()
        .into();
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
    assert!(said.stdout.ends_with("all is well\n"), "{said:?}");
    let left: Vec<_> = fs::read_dir(bed.path().join("state/charmtest/runs"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn pytest_jubilant_drives_models_that_share_an_offer() {
    let bed = Bed::bare();
    for charm in ["legacy", "shell"] {
        fixture(&bed, charm);
    }
    fs::write(bed.path().join("suite.py"), PYTEST_SUITE).unwrap();
    let script = bed.path().join("script");
    // The second run is on the models that the first one left.
    executable(
        &script,
        "#!/bin/sh\nset -e\npytest='python3 -m pytest -p no:cacheprovider suite.py --juju-model kept'\n\
         $pytest --no-juju-teardown\njuju models --format json > between\n\
         $pytest --no-juju-setup --juju-dump-logs logs\njuju models --format json > after\n",
    );
    let said: Said = Command::new(PROGRAM)
        .args(["charmtest", "with", "--"])
        .arg(&script)
        .current_dir(bed.path())
        .env("CHARMS", bed.path())
        .env("PYTHONPATH", python_package("pytest-jubilant"))
        .env("XDG_STATE_HOME", bed.path().join("state"))
        .output()
        .unwrap()
        .into();
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("3 passed"), "{}", said.stdout);
    assert!(
        said.stdout.contains("1 passed, 2 skipped"),
        "{}",
        said.stdout
    );
    let read = |name: &str| fs::read_to_string(bed.path().join(name)).unwrap();
    assert!(read("between").contains("kept-suite-other"));
    assert!(!read("after").contains("\"kept-suite\""));
    assert!(read("logs/kept-suite-juju-debug.log").contains("unit-site-0"));
}

#[test]
fn the_command_behind_with_decides_the_exit_code() {
    let bed = Bed::bare();
    let script = bed.path().join("script");
    executable(
        &script,
        "#!/bin/sh\njuju add-model x && juju models --format json > models && exit 7\n",
    );
    let said: Said = Command::new(PROGRAM)
        .args(["charmtest", "with", "--"])
        .arg(&script)
        .current_dir(bed.path())
        .env("XDG_STATE_HOME", bed.path().join("state"))
        .output()
        .unwrap()
        .into();
    assert_eq!(said.code, Some(7), "{said:?}");
    assert!(
        fs::read_to_string(bed.path().join("models"))
            .unwrap()
            .contains("admin/x")
    );
    assert_eq!(
        fs::read_dir(bed.path().join("state/charmtest/runs"))
            .unwrap()
            .count(),
        0,
        "the model was destroyed with the rest"
    );
}
