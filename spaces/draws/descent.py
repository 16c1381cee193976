"""Coordinate descent: lowers a function of the cost by changing settings.

It finds the cheapest, costliest and nearest networks of a space too large to enumerate.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...blocks import Cost
from ..kinds.union import Union
from ..space import Space
from .bulk import Rows, costs, deactivate, draw_values

GRID = 64
"""Largest number of values of one parameter that are tried."""
Figure = Callable[[Cost], NDArray[np.float64]]
"""The function to minimise: costs → one number for each row."""


def descend(
    space: Space, starts: Rows, figure: Figure, *, fixed: tuple[int, ...] = ()
) -> tuple[Rows, NDArray[np.float64]]:
    """Lower `figure` for every row of `starts`, and return the final rows and their figures.

    Each step either changes one parameter, or sets all parameters to the values that were best when
    changed alone. It stops when no step lowers a figure. Columns in `fixed` keep their values. A
    row that cannot be built has the figure infinity. Rows of a union keep their family.
    """
    if isinstance(space, Union):
        return _within_families(space, starts, figure, fixed)
    rng = np.random.default_rng(0)
    moves = [
        (column, value)
        for column, parameter in enumerate(space.parameters)
        if column not in fixed
        for value in _grid(len(parameter.values))
    ]
    rows = starts.copy()
    best = _figures(space, rows, figure)
    while moves and len(rows):
        tried = np.repeat(rows[:, None], len(moves), axis=1)
        for index, (column, value) in enumerate(moves):
            tried[:, index, column] = value
        tried = _repaired(space, tried.reshape(-1, rows.shape[1]), rng)
        figures = _figures(space, tried, figure).reshape(len(rows), -1)
        together = rows.copy()
        for column in {column for column, _ in moves}:
            own = [index for index, move in enumerate(moves) if move[0] == column]
            together[:, column] = np.array([moves[index][1] for index in own])[figures[:, own].argmin(axis=1)]
        together = _repaired(space, together, rng)
        options = np.concatenate([tried.reshape(len(rows), len(moves), -1), together[:, None]], axis=1)
        figures = np.concatenate([figures, _figures(space, together, figure)[:, None]], axis=1)
        chosen = figures.argmin(axis=1)
        falls = figures[np.arange(len(rows)), chosen] < best
        if not falls.any():
            break
        rows[falls] = options[np.arange(len(rows)), chosen][falls]
        best[falls] = figures[np.arange(len(rows)), chosen][falls]
    return rows, best


def _within_families(
    space: Union, starts: Rows, figure: Figure, fixed: tuple[int, ...]
) -> tuple[Rows, NDArray[np.float64]]:
    """Lower `figure` for every row of a union by a descent in its member."""
    rows, best = starts.copy(), np.full(len(starts), np.inf)
    for number, member, here, own in space.parts(starts):
        first = space.columns[number].start
        kept = tuple(column - first for column in fixed if 0 <= column - first < len(member.parameters))
        ends, best[here] = descend(member, own, figure, fixed=kept)
        rows[here] = space.whole(number, ends)
    return rows, best


def _grid(count: int) -> list[int]:
    """List the value indices that are tried: all of `count`, or `GRID` evenly spaced ones."""
    if count <= GRID:
        return list(range(count))
    return sorted({round(index * (count - 1) / (GRID - 1)) for index in range(GRID)})


def _figures(space: Space, rows: Rows, figure: Figure) -> NDArray[np.float64]:
    cost, valid = costs(space, rows)
    return np.where(valid, np.asarray(figure(cost), float), np.inf)


def _repaired(space: Space, rows: Rows, rng: np.random.Generator) -> Rows:
    """Draw values for parameters that became active, and clear those that became inactive."""
    return deactivate(space, np.where(rows < 0, draw_values(space, len(rows), rng), rows))
