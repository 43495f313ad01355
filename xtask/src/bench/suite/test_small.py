"""Twenty small tests as users of pytest-jubilant write them."""

import os
import time

import jubilant
import pytest

CHARM = os.environ["BENCH_CHARM"]
STAMP = os.environ["BENCH_STAMP"]
LATENCIES = os.environ["BENCH_LATENCIES"]
# Without the variable, jubilant's own defaults: a look per second, three good ones in a row.
PACE = {"delay": 0.05, "successes": 1} if os.environ.get("BENCH_EAGER") else {}


def settled(juju, ready):
    status = juju.wait(ready, error=jubilant.any_error, timeout=60, **PACE)
    returned = time.time_ns()
    with open(STAMP) as stamp, open(LATENCIES, "a") as latencies:
        print(returned - int(stamp.read()), file=latencies)
    return status


def test_deploy(juju):
    juju.deploy(CHARM, "small")
    status = settled(juju, lambda status: jubilant.all_active(status, "small"))
    assert status.apps["small"].units["small/0"].leader


@pytest.mark.parametrize("title", ["one", "two", "three", "four", "five", "six"])
def test_config(juju, title):
    juju.config("small", {"title": title})
    settled(
        juju,
        lambda status: jubilant.all_agents_idle(status, "small")
        and status.apps["small"].units["small/0"].workload_status.message == title,
    )


@pytest.mark.parametrize("look", range(4))
def test_status(juju, look):
    assert juju.status().apps["small"].units["small/0"].is_active


@pytest.mark.parametrize("name", ["Ada", "Grace", "Edsger", "Barbara"])
def test_action(juju, name):
    task = juju.run("small/0", "greet", {"name": name})
    assert task.results["greeting"] == f"Hello, {name}!"


@pytest.mark.parametrize("word", ["a", "b", "c"])
def test_exec(juju, word):
    assert juju.exec(f"echo {word}", unit="small/0").stdout.strip() == word


def test_add_unit(juju):
    juju.add_unit("small")
    settled(juju, lambda status: jubilant.all_active(status, "small") and len(status.apps["small"].units) == 2)


def test_remove_unit(juju):
    juju.remove_unit("small/1")
    juju.wait(lambda status: len(status.apps["small"].units) == 1, timeout=60, **PACE)
