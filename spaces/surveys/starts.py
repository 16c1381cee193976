"""Finds the networks with which a search of a space begins: what has paid before, at this budget.

A space file may name settings that are known to be good in its field (`start:`). Each leaves some
parameters open, usually the width; they are chosen so that the network is the largest within the
budget. A search tries these networks before it draws others, and learns from them like from any.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from math import prod

import numpy as np

from ..budget import Budget
from ..draws.bulk import costs, deactivate, draw_values, settings, unravelled
from ..kinds.skeleton_space import SkeletonSpace
from ..kinds.union import FAMILY, Union
from ..space import Settings, Space

MOST = 20_000
"""Settings of one start that are costed; if there are more, this number is drawn at random."""


def starts(space: Space, budget: Budget) -> list[Settings]:
    """The settings with which a search of `space` begins: for each entry of `start` the costliest
    ones within the budget, of the families of a union in turn. Entries of which none is within the
    budget are left out, and without a budget all are: it would be the largest networks of all."""
    if not budget.bounds:
        return []
    if isinstance(space, Union):
        return _of_union(space, budget)
    return list(_of_skeleton(space, budget)) if isinstance(space, SkeletonSpace) else []


def _of_union(space: Union, budget: Budget) -> list[Settings]:
    families = []
    for member in space.members:
        own = [
            {FAMILY: member.name, **{f"{member.name}.{name}": value for name, value in chosen.items()}}
            for chosen in _of_skeleton(member, budget)
        ]
        families.append(own)
    return [chosen for each in zip_longest(*families) for chosen in each if chosen is not None]


def _of_skeleton(space: SkeletonSpace, budget: Budget) -> Iterator[Settings]:
    for entry in space.start:
        # a value that an image leaves out builds the network of the first value
        fixed = {
            column: one.values.index(entry[one.name]) if entry[one.name] in one.values else 0
            for column, one in enumerate(space.parameters)
            if one.name in entry
        }
        sizes = [1 if column in fixed else len(one.values) for column, one in enumerate(space.parameters)]
        rows = (
            unravelled(np.arange(prod(sizes)), sizes)
            if prod(sizes) <= MOST
            else draw_values(space, MOST, np.random.default_rng(0))
        )
        for column, index in fixed.items():
            rows[:, column] = index
        rows = deactivate(space, rows)
        cost, valid = costs(space, rows)
        named = (rows[:, list(fixed)] >= 0).all(1)  # what the entry names has an effect
        within = np.flatnonzero(valid & named & np.broadcast_to(budget.admits(cost), valid.shape))
        if len(within):
            macs = np.broadcast_to(np.asarray(cost.macs, float), valid.shape)
            yield settings(space, rows[within[np.argmax(macs[within])]])
