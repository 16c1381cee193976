"""What can still be proposed: all rows within the budget where they can be listed, else as many as are drawn, and their neighbours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks import InputError
from ...spaces.budget import parse_budget
from .columns import Column, Table, keys_of, params_of
from .conditions import Condition, apply

ENUMERATE = 1 << 18
"""Up to so many combinations all are listed."""
DRAWN = 100_000
"""Rows of a pool that is drawn."""
ONE_BY_ONE = 4_000
"""Likewise where a cost takes no arrays."""
ROUNDS = 50
"""Draws of a pool's size, at most, until it is full."""

CostFunction = Callable[[Mapping[str, Any]], Any]
"""Parameter → value, or → array of values, to MACs, or an array of them."""
Bounds = tuple[float, float]


def bounds_of(budget: float | str | Sequence[float] | None) -> Bounds:
    """(low, high) of a budget in MACs: a number, a pair, or text as `400MFLOPs`.

    Raises:
        InputError: not such a budget.
    """
    if budget is None:
        return 0.0, math.inf
    if isinstance(budget, str):
        parsed = parse_budget(budget).bounds
        if [bound.metric for bound in parsed] != ["macs"]:
            raise InputError(f"a sampler's budget bounds MACs, but got {budget!r}")
        return float(parsed[0].low), float(parsed[0].high)
    low, high = (0.0, float(budget)) if isinstance(budget, int | float) else map(float, budget)
    if not (0 <= low <= high and high > 0):
        raise InputError(f"0 <= low <= high must hold for a budget, but got {budget!r}")
    return low, high


class Costing:
    """A cost function and its bounds; without a function everything is within and costs nothing."""

    def __init__(self, cost: CostFunction | None, bounds: Bounds) -> None:
        self.cost, self.low, self.high = cost, *bounds
        self.vectorised = True
        """Whether the function takes arrays; found out at the first call."""

    def of(self, columns: Sequence[Column], table: Table) -> NDArray[np.float64]:
        """MACs of every row. In arrays, a parameter that a row does not have stands at its lowest value."""
        if self.cost is None or not len(table):
            return np.zeros(len(table))
        if self.vectorised:
            lowest = np.array([0.0 if column.values is None else column.values[0] for column in columns])
            full = np.where(np.isnan(table), lowest, table)
            try:
                found = np.asarray(self.cost({column.name: column.array(full[:, i]) for i, column in enumerate(columns)}), float)
                if found.shape == (len(table),):
                    return found
            except Exception:  # whatever a function meant for scalars makes of arrays
                pass
            self.vectorised = False
        return np.array([float(self.cost(params_of(columns, row))) for row in table])

    def admits(self, macs: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which are within the bounds."""
        return np.ones(len(macs), bool) if self.cost is None else (macs >= self.low) & (macs <= self.high)


class Pool:
    """Rows within the budget, each once."""

    def __init__(self, columns: Sequence[Column], costing: Costing, conditions: Sequence[Condition], rng: np.random.Generator) -> None:
        """List or draw them.

        Raises:
            InputError: nothing is within the budget, as far as it was looked.
        """
        self.columns, self._costing, self._conditions = list(columns), costing, list(conditions)
        sizes = [math.inf if column.values is None else len(column.values) for column in columns]
        self.whole = math.prod(sizes) <= ENUMERATE
        """Whether these are all there are."""
        rows, macs = self._listed() if self.whole else self._drawn(rng)
        if not len(rows):
            where = "" if self.whole else f", of {ROUNDS * DRAWN:,} drawn"
            raise InputError(f"nothing in the search space is within the budget of {costing.low:g} to {costing.high:g} MACs{where}")
        self.rows: Table = rows
        self.macs: NDArray[np.float64] = macs
        self.free: NDArray[np.bool_] = np.ones(len(rows), bool)
        """Which have not been taken."""
        keys = keys_of(rows)
        self._order = np.argsort(keys)
        self._keys = keys[self._order]
        self._taken: set[int] = set()

    def take(self, rows: Table) -> None:
        """Never again offer these rows."""
        for key in keys_of(rows):
            self._taken.add(int(key))
            place = int(np.searchsorted(self._keys, key))
            if place < len(self._keys) and self._keys[place] == key:
                self.free[self._order[place]] = False

    def neighbours(self, rows: Table, count: int, rng: np.random.Generator, *, twice: float = 0.5) -> tuple[Table, NDArray[np.float64]]:
        """Up to `count` rows within the budget, not taken, that differ from one of `rows` in one parameter, or (a share of `twice`) in two; and their MACs."""
        changed = rows[rng.integers(0, len(rows), count)].copy()
        for times in (np.ones(count, bool), rng.random(count) < twice):
            which = rng.integers(0, len(self.columns), count)
            for index, column in enumerate(self.columns):
                here = np.flatnonzero(times & (which == index))
                changed[here, index] = self._moved(column, changed[here, index], rng)
        return self._admitted(self._filled(changed, rng), known=True)

    def _moved(self, column: Column, numbers: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Another value of a column: any of a categorical one, mostly a near one where there is an order."""
        fresh = column.draw(len(numbers), rng)
        if column.categorical or column.values is None or len(column.values) < 3:
            if column.values is not None or column.log:
                return fresh
            spread = 0.1 * (column.distribution.high - column.distribution.low)  # type: ignore[attr-defined]
            near = np.clip(numbers + spread * rng.standard_normal(len(numbers)), column.distribution.low, column.distribution.high)  # type: ignore[attr-defined]
            return np.where(np.isnan(numbers) | (rng.random(len(numbers)) < 0.2), fresh, near)
        place = np.searchsorted(column.values, np.nan_to_num(numbers, nan=column.values[0]))
        near = column.values[np.clip(place + rng.choice([-2, -1, 1, 2], len(numbers)), 0, len(column.values) - 1)]
        return np.where(np.isnan(numbers) | (rng.random(len(numbers)) < 0.3), fresh, near)

    def _filled(self, rows: Table, rng: np.random.Generator) -> Table:
        """Values for what has none, and none for what is not asked for."""
        for index, column in enumerate(self.columns):
            gaps = np.isnan(rows[:, index])
            rows[gaps, index] = column.draw(int(gaps.sum()), rng)
        return apply(self._conditions, rows)

    def _admitted(self, rows: Table, *, known: bool = False) -> tuple[Table, NDArray[np.float64]]:
        """Of rows those within the budget, each once; where some are `known`, those not taken."""
        macs = self._costing.of(self.columns, rows)
        fits = np.flatnonzero(self._costing.admits(macs))
        keys = keys_of(rows[fits])
        first = np.sort(np.unique(keys, return_index=True)[1])
        if known:
            first = first[[int(key) not in self._taken for key in keys[first]]] if len(first) else first
        kept = fits[first]
        return rows[kept], macs[kept]

    def _listed(self) -> tuple[Table, NDArray[np.float64]]:
        grids = np.meshgrid(*[column.values for column in self.columns], indexing="ij") if self.columns else [np.zeros(1)]
        rows = np.stack([grid.ravel() for grid in grids], axis=1) if self.columns else np.zeros((1, 0))
        return self._admitted(apply(self._conditions, rows))

    def _drawn(self, rng: np.random.Generator) -> tuple[Table, NDArray[np.float64]]:
        rows, macs, seen = [], [], 0
        wanted = DRAWN
        for _ in range(ROUNDS):
            count = wanted if self._costing.vectorised else ONE_BY_ONE
            drawn = np.stack([column.draw(count, rng) for column in self.columns], axis=1)
            new, cost = self._admitted(apply(self._conditions, drawn))
            wanted = DRAWN if self._costing.vectorised else ONE_BY_ONE  # the first call finds out
            rows.append(new)
            macs.append(cost)
            seen += len(new)
            if seen >= 0.8 * wanted:
                break
        return np.concatenate(rows)[:wanted], np.concatenate(macs)[:wanted]
