"""Draws uniformly from the distinct candidates within a budget, not from their settings.

Several settings may build the same network: 1.1 times 2 layers and 1.2 times 2 layers are both 3
layers, and a skipped layer may be the first or the second. A small space is enumerated. From a
larger one settings are drawn uniformly, and a network that m settings build is kept with
probability 1 / m (rejection sampling; `drawing.py`). The networks of a union are those of all its
members, each once (`union_drawing.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks import Cost
from ..budget import Budget
from ..kinds.skeleton_space import SkeletonSpace
from ..kinds.union import Union
from ..space import Space
from .bulk import ENUMERATE, Rows, combinations, concatenated, enumerate_rows, examine, joined, selected
from .drawing import Drawing, SkeletonDrawing, within
from .union_drawing import UnionDrawing

DRAWS = 20_000
"""Settings that are drawn at a time from a larger space."""
MAX_EMPTY_DRAWS = 50
"""Stop after this many consecutive draws without a new candidate."""


def feasible(space: Space, budget: Budget, rng: np.random.Generator, *, aim: float = 0.0) -> Iterator[Rows]:
    """Settings of distinct candidates within `budget` in random order, a few rows at a time, until
    nothing new is found.

    Args:
        space: the space.
        budget: bounds on the cost of a candidate.
        rng: the random numbers.
        aim: yields only candidates that cost at least this share of the upper bound on MACs, or of
            the first bound if there is none on MACs.
    """
    if combinations(space) <= ENUMERATE:
        rows, _ = enumerated(space, budget, aim=aim)
        yield rng.permutation(rows)
        return
    drawing = drawing_of(space)
    seen: set[int] = set()
    empty = 0
    while empty < MAX_EMPTY_DRAWS:
        found = False
        for rows, names in drawing.candidates(budget, DRAWS, rng, aim=aim, seen=seen):
            first = np.sort(np.unique(names, return_index=True)[1])
            new = first[[int(name) not in seen for name in names[first]]]
            seen.update(int(name) for name in names[new])
            if len(new):
                found = True
                yield rows[new]
        empty = 0 if found else empty + 1


def enumerated(space: Space, budget: Budget, *, aim: float = 0.0) -> tuple[Rows, Cost]:
    """Settings of every distinct candidate within `budget`, and their costs, by enumerating the
    space. `aim` is as in `feasible`."""
    found: list[tuple[Rows, NDArray[np.uint64], Cost]] = []
    for chunk in enumerate_rows(space):
        cost, valid, keys = examine(space, chunk)
        fits = valid & within(budget, cost, aim)
        found.append((chunk[fits], joined(keys[fits]), selected(cost, fits)))
    rows = np.concatenate([rows for rows, _, _ in found])
    first = np.sort(np.unique(np.concatenate([names for _, names, _ in found]), return_index=True)[1])
    return rows[first], selected(concatenated([cost for _, _, cost in found]), first)


def drawing_of(space: Space) -> Drawing[Any]:
    """Return what draws from a space of any kind."""
    if isinstance(space, Union):
        return UnionDrawing(space)
    assert isinstance(space, SkeletonSpace)
    return SkeletonDrawing(space)
