"""The candidates that can still be proposed, each once.

A small region is listed completely. Of a large one a fixed number of rows is drawn, and neighbours
of good rows are added when a sampler asks for them.

A study with conditional parameters asks for some of them in some trials only, and it may not be
known yet which ones a row would be asked for. A row then counts as evaluated if it agrees with a
trial in every parameter that the trial asked for: equal values make the objective function ask for
the same further parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...blocks import InputError
from .columns import Column, Table, keys_of
from .families import Families
from .region import Region, filled

ENUMERATE = 1 << 18
"""Largest number of combinations that are listed completely."""
DRAWN = 25_000
"""Number of rows in a pool that is drawn."""
DRAWN_SLOWLY = 20_000
"""Number of rows in such a pool if the cost function takes one setting at a time; three
times this number of combinations are listed."""
KEPT = 0.75
"""Rows that are taken over from an earlier pool at most, as a share of a pool that is drawn: what
has been learned since may admit others."""
ROUNDS = 50
"""Largest number of draws, each of the size of the pool, to fill the pool."""

Found = tuple[Table, NDArray[np.float64], NDArray[np.uint64]]
"""Rows, their costs, their keys."""


class Pool:
    """Feasible rows of a region, no two of which are the same thing to evaluate."""

    def __init__(
        self,
        columns: Sequence[Column],
        region: Region,
        rng: np.random.Generator,
        *,
        drawn: int | None = None,
        kept: Pool | None = None,
    ) -> None:
        """List or draw the rows.

        Args:
            columns: the parameters.
            region: which rows are feasible.
            rng: the random numbers.
            drawn: number of rows in a pool that is drawn; None takes the usual one.
            kept: a pool of the same region with fewer parameters or other conditions; where rows
                are drawn, its rows are taken over, with values drawn for what they lack.

        Raises:
            InputError: no feasible row was found.
            Exception: the cost function failed for every row, and not for lack of a parameter.
        """
        self.columns: list[Column] = list(columns)
        self._region, self._wanted = region, drawn
        combinations = math.prod(math.inf if column.values is None else len(column.values) for column in columns)
        if combinations > DRAWN_SLOWLY:
            # finds out whether the region is vectorised
            self._admitted(region.settled(self.columns, self._draws(2, rng)))
        self.complete: bool = combinations <= (ENUMERATE if region.vectorised else 3 * DRAWN_SLOWLY)
        """Whether the pool holds every feasible row."""
        if region.families is not None:
            found = self._of_families(region.families, rng)
        else:
            found = self._listed() if self.complete else self._drawn(rng, self._carried(kept, rng))
        rows, costs, keys = found
        if not len(rows):
            where = "" if self.complete else f", of {ROUNDS} draws of {self._size():,}"
            raise InputError(f"nothing in the search space is within the budget{where}")
        if region.error is not None and not isinstance(region.error, KeyError) and np.isnan(costs).all():
            raise region.error
        self.rows: Table = rows
        self.costs: NDArray[np.float64] = filled(costs)
        self._open: NDArray[np.bool_] = np.ones(len(rows), bool)
        self.free: NDArray[np.bool_] = self._open
        """Whether each row can be proposed now."""
        self._order = np.argsort(keys)
        self._keys = keys[self._order]
        self._taken: set[int] = set()
        self._asked: dict[bytes, tuple[NDArray[np.bool_], list[int]]] = {}
        self._held: list[tuple[NDArray[np.bool_], list[int]]] = []
        self.left: int = len(rows)
        """Number of free rows."""

    @property
    def taken(self) -> int:
        """Number of things to evaluate that are never offered again."""
        return len(self._taken)

    def take(self, rows: Table) -> None:
        """Never offer these rows again, nor others that are the same thing to evaluate."""
        if not len(rows):
            return
        if self._region.certain:
            keys = self._region.examine(self.columns, self._region.settled(self.columns, rows)).keys
        else:
            keys = keys_of(rows)
            for asked, part in _by_parameters(rows):
                if not asked.all():
                    agreeing = keys_of(part[:, asked])
                    self._asked.setdefault(asked.tobytes(), (asked, []))[1].extend(agreeing.tolist())
                    self._open[np.isin(keys_of(self.rows[:, asked]), agreeing)] = False
        for key in keys.tolist():
            if key not in self._taken:
                self._taken.add(key)
                place = int(np.searchsorted(self._keys, np.uint64(key)))
                if place < len(self._keys) and int(self._keys[place]) == key:
                    self._open[self._order[place]] = False
        self.free = self._open
        self.left = int(self.free.sum())

    def hold(self, rows: Table) -> None:
        """Do not offer rows now that agree with one of these in all parameters that it has: rows of
        trials that are being evaluated, which may have asked for all their parameters."""
        groups = _by_parameters(rows) if len(rows) else []
        self._held = [(asked, keys_of(part[:, asked]).tolist()) for asked, part in groups if asked.any()]
        held = np.zeros(len(self.rows), bool)
        for asked, agreeing in self._held:
            held |= np.isin(keys_of(self.rows[:, asked]), np.array(agreeing, np.uint64))
        free = self._open & ~held
        self.free = free if free.any() else self._open
        self.left = int(self.free.sum())

    def neighbours(
        self, rows: Table, count: int, rng: np.random.Generator, *, twice: float = 0.5
    ) -> tuple[Table, NDArray[np.float64]]:
        """Feasible rows near `rows` that have not been taken, and their costs.

        Args:
            rows: the parents.
            count: number of mutations tried; fewer rows are returned.
            rng: the random numbers.
            twice: the share of rows that differ from their parent in two parameters, not one.
        """
        if not self.columns or not len(rows):
            return np.zeros((0, len(self.columns))), np.zeros(0)
        changed = rows[rng.integers(0, len(rows), count)].copy()
        for times in (np.ones(count, bool), rng.random(count) < twice):
            which = self._which(changed, rng)
            for index, column in enumerate(self.columns):
                here = np.flatnonzero(times & (which == index))
                changed[here, index] = self._mutated(column, changed[here, index], rng)
        if self._region.families is not None:
            changed = self._region.families.carried(self.columns, changed)
        for index, column in enumerate(self.columns):
            gaps = np.isnan(changed[:, index])
            changed[gaps, index] = column.draw(int(gaps.sum()), rng)
        found, costs, keys = self._admitted(self._region.settled(self.columns, changed))
        new = np.array([key not in self._taken for key in keys.tolist()], bool)
        for asked, agreeing in (*self._asked.values(), *self._held):
            new &= ~np.isin(keys_of(found[:, asked]), np.array(agreeing, np.uint64))
        return found[new], filled(costs)[new]

    def _which(self, rows: Table, rng: np.random.Generator) -> NDArray[np.intp]:
        """A parameter to change for each row. In a union it is an active one: most parameters are
        those of other families."""
        if self._region.families is None:
            return rng.integers(0, len(self.columns), len(rows))
        return np.asarray(np.argmax(rng.random(rows.shape) * ~np.isnan(rows), axis=1))

    def _mutated(self, column: Column, numbers: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Another value for each number: any value of a categorical parameter, mostly a near one of
        an ordered parameter."""
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

    def _admitted(self, rows: Table) -> Found:
        """The feasible ones among settled rows, without repetitions."""
        seen = self._region.examine(self.columns, rows)
        fits = np.flatnonzero(seen.admitted)
        kept = fits[np.sort(np.unique(seen.keys[fits], return_index=True)[1])]
        return rows[kept], seen.costs[kept], seen.keys[kept]

    def _of_families(self, families: Families, rng: np.random.Generator) -> Found:
        """The pools of all families, each listed or drawn by itself, so that a small family is
        there beside a large one."""
        found, self.complete = [np.zeros((0, len(self.columns)))], True
        place = families.place(self.columns)
        for name, region in families.regions.items():
            places, own = families.own(self.columns, name)
            try:
                pool = Pool(own, region, rng, drawn=self._size() // len(families.regions))
            except InputError:  # nothing of this family is within the budget
                continue
            rows = np.full((len(pool.rows), len(self.columns)), math.nan)
            rows[:, place], rows[:, places] = self.columns[place].number(name), pool.rows
            found.append(rows)
            self.complete &= pool.complete
        return self._admitted(np.concatenate(found))

    def _listed(self) -> Found:
        grids = (
            np.meshgrid(*[column.values for column in self.columns if column.values is not None], indexing="ij")
            if self.columns
            else []
        )
        rows = np.stack([grid.ravel() for grid in grids], axis=1) if grids else np.zeros((1, 0))
        return self._admitted(self._region.settled(self.columns, rows))

    def _size(self) -> int:
        return self._wanted or (DRAWN if self._region.vectorised else DRAWN_SLOWLY)

    def _draws(self, count: int, rng: np.random.Generator) -> Table:
        return np.stack([column.draw(count, rng) for column in self.columns], axis=1)

    def _carried(self, kept: Pool | None, rng: np.random.Generator) -> Found:
        """The rows of another pool, with values drawn for the parameters that they lack."""
        if kept is None:
            return np.zeros((0, len(self.columns))), np.zeros(0), np.zeros(0, np.uint64)
        old = kept.rows[rng.permutation(len(kept.rows))[: int(KEPT * self._size())]]
        rows = self._draws(len(old), rng)
        place = {column.name: index for index, column in enumerate(self.columns)}
        for index, column in enumerate(kept.columns):
            there = ~np.isnan(old[:, index])
            rows[there, place[column.name]] = old[there, index]
        return self._admitted(self._region.settled(self.columns, rows))

    def _drawn(self, rng: np.random.Generator, found: Found) -> Found:
        """The rows that have been found, and more: uniform draws first; then crossings of the
        feasible rows found so far. If two rounds find none, a descent to cheap rows looks for the
        first."""
        wanted = self._size()
        rows, costs, keys = found
        count = wanted - len(rows)
        for round_ in range(ROUNDS):
            drawn = self._draws(count, rng) if round_ < 2 or not len(rows) else self._crossed(rows, count, rng)
            if round_ >= 2 and not len(rows):
                drawn = self._descended(drawn[0])
            found = self._admitted(self._region.settled(self.columns, drawn))
            rows, costs, keys = (
                np.concatenate([rows, found[0]]),
                np.concatenate([costs, found[1]]),
                np.concatenate([keys, found[2]]),
            )
            first = np.sort(np.unique(keys, return_index=True)[1])
            rows, costs, keys = rows[first], costs[first], keys[first]
            if len(rows) >= 0.9 * wanted or (round_ >= 8 and len(rows) >= 0.05 * wanted):
                break
        return rows[:wanted], costs[:wanted], keys[:wanted]

    def _descended(self, row: NDArray[np.float64]) -> Table:
        """All rows seen on a coordinate descent from `row` to a cheap one: each parameter in turn
        gets the value of the lowest cost."""
        passed = [row[None]]
        for index in np.tile(np.arange(len(self.columns)), 2):
            values = self.columns[index].values
            tried = np.repeat(passed[-1][-1:], 16 if values is None else len(values), axis=0)
            tried[:, index] = np.linspace(*self._ends(index), 16) if values is None else values
            costs = self._region.examine(self.columns, self._region.settled(self.columns, tried)).costs
            passed.append(tried[np.argsort(-filled(costs), kind="stable")])
        return np.concatenate(passed)

    def _ends(self, index: int) -> tuple[float, float]:
        found = self.columns[index].distribution
        return float(found.low), float(found.high)  # type: ignore[attr-defined]

    def _crossed(self, rows: Table, count: int, rng: np.random.Generator) -> Table:
        """Uniform crossings of two rows each, with one value in ten drawn anew."""
        one, other = rows[rng.integers(0, len(rows), count)], rows[rng.integers(0, len(rows), count)]
        mixed = np.where(rng.random(one.shape) < 0.5, one, other)
        fresh = self._draws(count, rng)
        return np.where((rng.random(one.shape) < 0.1) | np.isnan(mixed), fresh, mixed)


def _by_parameters(rows: Table) -> list[tuple[NDArray[np.bool_], Table]]:
    """The rows grouped by the parameters that they have: (whether each is there, the rows)."""
    there = ~np.isnan(rows)
    masks, which = np.unique(there, axis=0, return_inverse=True)
    return [(mask, rows[which.ravel() == index]) for index, mask in enumerate(masks)]
