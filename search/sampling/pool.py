"""What can still be proposed: everything within the region where that can be listed, else as much
as is drawn, and its neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...blocks import InputError
from .columns import Column, Table
from .region import Region

ENUMERATE = 1 << 18
"""Up to so many combinations all are listed."""
DRAWN = 100_000
"""Rows of a pool that is drawn."""
SLOWLY = 20_000
"""Likewise where a cost takes one setting at a time; up to three times as many are listed."""
ROUNDS = 50
"""Draws of a pool's size, at most, until it is full."""


class Pool:
    """Rows of a region, each thing to evaluate once."""

    def __init__(self, columns: Sequence[Column], region: Region, rng: np.random.Generator) -> None:
        """List or draw them.

        Raises:
            InputError: nothing is within the region, as far as it was looked.
        """
        self.columns, self._region = list(columns), region
        combinations = math.prod(math.inf if column.values is None else len(column.values) for column in columns)
        if combinations > SLOWLY:
            self._admitted(
                region.settled(self.columns, self._draws(2, rng))
            )  # a cost function that takes no arrays shows it here
        self.whole = combinations <= (ENUMERATE if region.quick else 3 * SLOWLY)
        """Whether these are all there are."""
        rows, macs, keys = self._listed() if self.whole else self._drawn(rng)
        if not len(rows):
            where = "" if self.whole else f", of {ROUNDS} draws of {DRAWN if region.quick else SLOWLY:,}"
            raise InputError(f"nothing in the search space is within the budget{where}")
        self.rows: Table = rows
        self.macs: NDArray[np.float64] = macs
        self.free: NDArray[np.bool_] = np.ones(len(rows), bool)
        """Which have not been taken."""
        self._order = np.argsort(keys)
        self._keys = keys[self._order]
        self._taken: set[int] = set()
        self.left = len(rows)
        """How many are free."""

    def take(self, rows: Table) -> None:
        """Never again offer these rows, nor others that are the same."""
        if not len(rows):
            return
        for key in self._region.examine(self.columns, self._region.settled(self.columns, rows)).keys.tolist():
            if key in self._taken:
                continue
            self._taken.add(key)
            place = int(np.searchsorted(self._keys, np.uint64(key)))
            if place < len(self._keys) and int(self._keys[place]) == key:
                self.free[self._order[place]] = False
                self.left -= 1

    def neighbours(
        self, rows: Table, count: int, rng: np.random.Generator, *, twice: float = 0.5
    ) -> tuple[Table, NDArray[np.float64]]:
        """Up to `count` rows of the region, not taken, that differ from one of `rows` in one
        parameter, or (a share of `twice`) in two; and their MACs."""
        if not self.columns or not len(rows):
            return np.zeros((0, len(self.columns))), np.zeros(0)
        changed = rows[rng.integers(0, len(rows), count)].copy()
        for times in (np.ones(count, bool), rng.random(count) < twice):
            which = rng.integers(0, len(self.columns), count)
            for index, column in enumerate(self.columns):
                here = np.flatnonzero(times & (which == index))
                changed[here, index] = self._moved(column, changed[here, index], rng)
        for index, column in enumerate(self.columns):
            gaps = np.isnan(changed[:, index])
            changed[gaps, index] = column.draw(int(gaps.sum()), rng)
        found, macs, keys = self._admitted(self._region.settled(self.columns, changed))
        new = np.array([key not in self._taken for key in keys.tolist()], bool)
        return found[new], macs[new]

    def _moved(self, column: Column, numbers: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Another value of a column: any of a categorical one, mostly a near one where there is an
        order."""
        fresh, values = column.draw(len(numbers), rng), column.values
        if values is None:
            low, high = float(column.distribution.low), float(column.distribution.high)  # type: ignore[attr-defined]
            scale = np.log if column.log else np.asarray
            spread = 10 ** rng.uniform(-2.5, -0.5, len(numbers)) * (scale(high) - scale(low))
            moved = scale(np.nan_to_num(numbers, nan=low)) + spread * rng.standard_normal(len(numbers))
            near = np.clip(np.exp(moved) if column.log else moved, low, high)
        elif column.categorical or len(values) < 3:
            return fresh
        else:
            place = np.searchsorted(values, np.nan_to_num(numbers, nan=values[0]) - 1e-9)
            near = values[np.clip(place + rng.choice([-2, -1, 1, 2], len(numbers)), 0, len(values) - 1)]
        return np.where(np.isnan(numbers) | (rng.random(len(numbers)) < 0.2), fresh, near)

    def _admitted(self, rows: Table) -> tuple[Table, NDArray[np.float64], NDArray[np.uint64]]:
        """Of settled rows those of the region, each once; their MACs and keys."""
        seen = self._region.examine(self.columns, rows)
        fits = np.flatnonzero(seen.admitted)
        kept = fits[np.sort(np.unique(seen.keys[fits], return_index=True)[1])]
        return rows[kept], seen.macs[kept], seen.keys[kept]

    def _listed(self) -> tuple[Table, NDArray[np.float64], NDArray[np.uint64]]:
        grids = (
            np.meshgrid(*[column.values for column in self.columns if column.values is not None], indexing="ij")
            if self.columns
            else []
        )
        rows = np.stack([grid.ravel() for grid in grids], axis=1) if grids else np.zeros((1, 0))
        return self._admitted(self._region.settled(self.columns, rows))

    def _draws(self, count: int, rng: np.random.Generator) -> Table:
        return np.stack([column.draw(count, rng) for column in self.columns], axis=1)

    def _drawn(self, rng: np.random.Generator) -> tuple[Table, NDArray[np.float64], NDArray[np.uint64]]:
        """Uniform draws; where a budget admits next to none of them, the neighbours of those that
        came nearest lead into it."""
        wanted = DRAWN if self._region.quick else SLOWLY
        rows, macs, keys = np.zeros((0, len(self.columns))), np.zeros(0), np.zeros(0, np.uint64)
        for round_ in range(ROUNDS):
            drawn = self._draws(wanted, rng) if round_ < 2 or not len(rows) else self._around(rows, wanted, rng)
            if round_ >= 2 and not len(rows):
                drawn = self._descended(drawn[0])
            found = self._admitted(self._region.settled(self.columns, drawn))
            rows, macs, keys = (
                np.concatenate([rows, found[0]]),
                np.concatenate([macs, found[1]]),
                np.concatenate([keys, found[2]]),
            )
            first = np.sort(np.unique(keys, return_index=True)[1])
            rows, macs, keys = rows[first], macs[first], keys[first]
            if len(rows) >= 0.9 * wanted or (round_ >= 8 and len(rows) >= 0.05 * wanted):
                break
        return rows[:wanted], macs[:wanted], keys[:wanted]

    def _descended(self, row: NDArray[np.float64]) -> Table:
        """What is passed on the way to a cheap row, one parameter after another set to what costs
        least."""
        passed = [row[None]]
        for index in np.tile(np.arange(len(self.columns)), 2):
            values = self.columns[index].values
            tried = np.repeat(passed[-1][-1:], 16 if values is None else len(values), axis=0)
            tried[:, index] = np.linspace(*self._ends(index), 16) if values is None else values
            macs = self._region.examine(self.columns, self._region.settled(self.columns, tried)).macs
            passed.append(tried[np.argsort(-macs, kind="stable")])
        return np.concatenate(passed)

    def _ends(self, index: int) -> tuple[float, float]:
        found = self.columns[index].distribution
        return float(found.low), float(found.high)  # type: ignore[attr-defined]

    def _around(self, rows: Table, count: int, rng: np.random.Generator) -> Table:
        """Crossings of two rows, one value in ten new: a small part of a space is filled from
        within."""
        one, other = rows[rng.integers(0, len(rows), count)], rows[rng.integers(0, len(rows), count)]
        mixed = np.where(rng.random(one.shape) < 0.5, one, other)
        fresh = self._draws(count, rng)
        return np.where((rng.random(one.shape) < 0.1) | np.isnan(mixed), fresh, mixed)
