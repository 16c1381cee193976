"""Searches that are killed at random instants leave what they should; `benchmarks/soak.py` goes on
for hours."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from ..studies.database.servers import Absent, Server, serving
from . import killing
from .places import Driver, place
from .searches import Search, of_table, of_trainings

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.xdist_group("ray if exhaustive"),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found by their environment in /proc"),
]


@pytest.fixture(scope="module")
def alone() -> tuple[Search, killing.Outcome]:
    """A search of a table that nobody disturbs."""
    search = of_table("evolution", 300, 0)
    found = killing.undisturbed(search)
    assert found.violations == []
    assert len(found.contents.of("search")) == 300
    return search, found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[Server | None]:
    if request.param == "sqlite":
        yield None
        return
    try:
        with serving(request.param) as found:
            yield found
    except Absent as error:
        pytest.skip(f"no {request.param}: {error}")


def test_a_search_of_a_table_finds_what_it_finds_undisturbed(
    alone: tuple[Search, killing.Outcome], server: Server | None
) -> None:
    search, before = alone
    with place(search, server) as made:
        found = killing.disturbed(made, random.Random(1), kills=6, horizon=before.seconds / 2, wanted=before.contents)
    assert found.violations == []
    assert len(found.kills) >= 2


@pytest.mark.parametrize("seed", [0, 1])
def test_a_search_that_trains_is_whole(seed: int) -> None:
    with place(of_trainings(6, 0)) as made:
        found = killing.disturbed(made, random.Random(seed), kills=2, horizon=30.0, wanted=None, spared={"agent"})
    assert found.violations == []
    assert found.kills


def test_what_the_death_of_an_agent_breaks_off_goes_on() -> None:
    """Its raylet ends itself at once. The driver notices and starts Ray anew, unless Ray ends it
    before, without a word: then its watchdog says so, and the same command goes on."""
    with place(of_trainings(6, 0)) as made:
        driver = Driver(made)
        while "running" not in driver.said or not killing.kill_other(made, "agent", random.Random(0)):
            assert driver.process.poll() is None, driver.said
            time.sleep(0.05)
        driver.process.wait(killing.STUCK)
        assert driver.process.returncode in (0, 1), driver.said
        if driver.process.returncode == 0:
            assert "Ray's agent has died" in driver.said
        else:
            said = "finished evaluations are kept, go on with: automl"
            ends = time.monotonic() + killing.STOPPED
            while said not in driver.said and time.monotonic() < ends:  # its watchdog kills before it speaks
                time.sleep(0.1)
            assert said in driver.said
        found = killing.disturbed(made, random.Random(0), kills=0, horizon=0.0, wanted=None)
    assert found.violations == []


@pytest.mark.parametrize("whom", ["group", "all"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_search_that_is_told_to_stop_while_ray_starts_ends_in_order(number: signal.Signals, whom: str) -> None:
    """A closed terminal tells the group of the driver; a scheduler may tell all processes of a job,
    whatever their session is."""
    draw = random.Random(f"{number} {whom}")
    for after in (draw.uniform(0.0, 1.0), draw.uniform(1.0, 4.0)):
        with place(of_trainings(6, 0)) as made:
            driver = Driver(made)
            while "starting the workers" not in driver.said and driver.process.poll() is None:
                time.sleep(0.05)
            time.sleep(after)
            others = [] if whom == "group" else [one.pid for one in made.processes()]
            os.killpg(driver.process.pid, number)
            for one in others:
                if one != driver.process.pid:
                    with suppress(ProcessLookupError):
                        os.kill(one, number)
            assert driver.process.wait(killing.STOPPED) == 128 + number, (after, driver.said)
            said = driver.said.splitlines()
            assert said[-1].startswith("interrupted; finished evaluations are kept, go on with: "), (after, said)
            assert [line for line in said if "***" in line or "Check failed" in line] == []
            assert killing.left_processes(made) == []
