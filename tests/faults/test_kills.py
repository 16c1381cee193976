"""Searches that are killed at random instants leave what they should; `benchmarks/soak.py` goes on
for hours."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

import pytest

from ..studies.database.servers import Absent, Server, serving
from . import killing
from .places import place
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
        found = killing.disturbed(made, random.Random(seed), kills=2, horizon=30.0, wanted=None)
    assert found.violations == []
    assert found.kills
