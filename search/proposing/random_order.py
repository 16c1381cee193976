"""Random orders of the networks within a budget, each network once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from ...spaces import Budget, Census, Space, Union
from ...spaces.draws.bulk import settings
from ...spaces.draws.distinct import feasible
from ...spaces.kinds.union import FAMILY
from ...spaces.values.parameters import Value

Drawn = Iterator[Mapping[str, Value]]
"""Settings, one network after another."""


def uniform(space: Space, budget: Budget, census: Census, rng: np.random.Generator) -> Drawn:
    """Settings of the distinct candidates within the budget in random order, followed by those that
    the census found, since draws may miss rare ones."""
    for rows in feasible(space, budget, rng):
        for row in rows:
            yield settings(space, row)
    for row in census.rows:
        yield settings(space, row)


def families_in_turn(space: Space, budget: Budget, census: Census, rng: np.random.Generator) -> Drawn:
    """Settings for the random trials at the start of a search: as `uniform`, but the families of a
    union take turns, since one may have thousands of times the networks of another."""
    if not isinstance(space, Union):
        yield from uniform(space, budget, census, rng)
        return
    orders: list[Drawn] = []
    for member, columns in zip(space.members, space.columns, strict=True):
        own = census.families.get(member.name)
        if own is not None and len(own.rows):
            orders.append(_named(member.name, uniform(member, budget, replace(own, rows=own.rows[:, columns]), rng)))
    while orders:
        for order in list(orders):
            chosen = next(order, None)
            if chosen is None:
                orders.remove(order)
            else:
                yield chosen


def _named(family: str, order: Drawn) -> Drawn:
    """Settings of a member as settings of its union."""
    for chosen in order:
        yield {FAMILY: family, **{f"{family}.{name}": value for name, value in chosen.items()}}
