"""Draws uniformly from the distinct candidates within a budget, not from their settings.

Several settings may build the same network: 1.1 times 2 layers and 1.2 times 2 layers are both 3
layers, and a skipped layer may be the first or the second. A small space is enumerated. From a
larger one settings are drawn uniformly, and a network that m settings build is kept with
probability 1 / m (rejection sampling). m is counted over all alternatives of each stage, and over
the values of each parameter of the whole network that can be exchanged alone. If settings of
several stages, or of the network and its stages, can only be exchanged together (a constraint ties
two stages; depth times layers), m is too small, and these networks are drawn too often.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import prod

import numpy as np
from numpy.typing import NDArray

from ..blocks import Cost
from .budget import Budget
from .bulk import (
    Rows,
    active_once,
    combinations,
    concatenated,
    deactivate,
    draw_values,
    enumerate_rows,
    examine,
    joined,
    selected,
    unravelled,
)
from .parameters import Parameter
from .space import Space

ENUMERATE = 1 << 18
"""Largest number of combinations of a space that is enumerated."""
DRAWS = 20_000
"""Settings that are drawn at a time from a larger space."""
TRIES = 40
"""Repetitions of a draw, at most, if conditions leave few of its settings."""
MAX_EMPTY_DRAWS = 50
"""Stop after this many consecutive draws without a new candidate."""
ENUMERATE_STAGE = 1 << 17
"""Largest number of combinations of a stage whose alternatives are listed. The settings of a larger
stage count as different networks."""


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
    drawing = Drawing(space)
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


def within(budget: Budget, cost: Cost, aim: float = 0.0) -> NDArray[np.bool_]:
    """Whether each cost is within the budget, and at least `aim` times its first upper bound."""
    inside = np.broadcast_to(np.asarray(budget.admits(cost)), np.shape(cost.macs))
    if aim > 0 and budget.bounds:
        inside = inside & (budget.bounds[0].of.value(cost) >= aim * budget.bounds[0].high)
    return inside


class Drawing:
    """Draws settings uniformly, and counts how many settings build the same candidate."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._parents = {name for parameter in space.parameters for name, _ in parameter.when} | {
            parameter.name for parameter in space.depths
        }
        self._whole = [index for index, parameter in enumerate(space.parameters) if parameter.stage is None]
        self._stages: dict[int, tuple[list[int], Rows]] = {}
        self._layers: list[tuple[list[int], Rows]] = []
        for stage in range(len(space.skeleton.stages)):
            columns = [index for index, parameter in enumerate(space.parameters) if parameter.stage == stage]
            if columns and self._combinations(columns) <= ENUMERATE_STAGE:
                self._stages[stage] = columns, self._alternatives(columns)
            else:  # too many to count equal ones, but each layer can still be drawn as a whole
                for layer in sorted({space.parameters[index].layer or 0 for index in columns}):
                    own = [index for index in columns if space.parameters[index].layer == layer]
                    if own and self._combinations(own) <= ENUMERATE_STAGE:
                        self._layers.append((own, self._alternatives(own)))
        self._counts: dict[tuple[int, bytes], dict[int, int]] = {}

    def rows(self, count: int, rng: np.random.Generator) -> Rows:
        """At most `count` settings, all equally likely; fewer if conditions make many parameters
        inactive."""
        found: list[Rows] = []
        for _ in range(TRIES):
            found.append(self._rows(count, rng))
            if sum(map(len, found)) >= count:
                break
        return np.concatenate(found)[:count]

    def _rows(self, count: int, rng: np.random.Generator) -> Rows:
        """Uniform values for all parameters. Rows whose inactive parameters do not have their first
        value are dropped, so that all settings are equally likely."""
        raw = draw_values(self._space, count, rng)
        for columns, table in (*self._stages.values(), *self._layers):
            raw[:, columns] = table[rng.integers(0, len(table), count)]
        return active_once(self._space, raw)

    def candidates(
        self, budget: Budget, count: int, rng: np.random.Generator, *, aim: float = 0.0, seen: Collection[int] = ()
    ) -> Iterator[tuple[Rows, NDArray[np.uint64]]]:
        """Rows within `budget` and their fingerprints, a few at a time. All distinct candidates are
        equally likely.

        Args:
            budget: bounds on the cost of a candidate.
            count: number of settings drawn; fewer rows are yielded.
            rng: the random numbers.
            aim: as in `feasible`.
            seen: fingerprints of candidates to leave out, which saves counting their settings.
        """
        rows = self.rows(count, rng)
        cost, valid, keys = examine(self._space, rows)
        fits = np.flatnonzero(valid & within(budget, cost, aim))
        for part in np.array_split(fits, len(fits) // 64 + 1):
            part = part[[int(name) not in seen for name in joined(keys[part])]] if seen else part
            if not len(part):
                continue
            kept = part[rng.random(len(part)) * self.multiplicity(rows[part], keys[part]) < 1]
            yield rows[kept], joined(keys[kept])

    def multiplicity(self, rows: Rows, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Number of settings that build the candidate of each row."""
        many = np.ones(len(rows), np.int64)
        for stage in self._stages:
            many *= self._of_stage(stage, rows, keys)
        for column in self._whole:
            many *= self._of_parameter(column, rows, keys)
        return many

    def _combinations(self, columns: list[int]) -> int:
        return prod(len(self._space.parameters[index].values) for index in columns)

    def _alternatives(self, columns: list[int]) -> Rows:
        """All settings of some parameters of a stage, each once, as far as the stage's own
        parameters decide which are inactive."""
        space = self._space
        sizes = [len(space.parameters[index].values) for index in columns]
        raw = np.zeros((prod(sizes), len(space.parameters)), np.int32)
        raw[:, columns] = unravelled(np.arange(prod(sizes)), sizes)
        inactive = deactivate(space, raw) < 0
        own = [
            index
            for index in columns
            if self._is_own(space.parameters[index], {space.parameters[i].name for i in columns})
        ]
        return raw[~(inactive[:, own] & (raw[:, own] > 0)).any(axis=1)][:, columns]

    def _is_own(self, parameter: Parameter, names: set[str]) -> bool:
        """Whether the parameters `names` of its stage alone decide if a parameter is active."""
        known = self._space.by_name
        if parameter.layer is not None and any(
            depth.stage in (None, parameter.stage) and depth.name not in names for depth in self._space.depths
        ):
            return False
        return all(name in names and self._is_own(known[name], names) for name, _ in parameter.when)

    def _of_stage(self, stage: int, rows: Rows, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        columns, table = self._stages[stage]
        context = self._context(stage)
        counts = np.ones(len(rows), np.int64)
        for index, row in enumerate(rows):
            name = (stage, row[context].tobytes())
            if name not in self._counts:
                others = np.repeat(row[None], len(table), axis=0)
                others[:, columns] = table
                others = active_once(self._space, np.where(others < 0, 0, others))
                _, valid, found = examine(self._space, others)
                values, many = np.unique(found[valid, 1 + stage], return_counts=True)
                self._counts[name] = dict(zip(values.tolist(), many.tolist(), strict=True))
            counts[index] = self._counts[name].get(int(keys[index, 1 + stage]), 1)
        return counts

    def _context(self, stage: int) -> list[int]:
        """Parameters outside a stage that affect which of its settings build the same network:
        those of the network, those that change its input width, and those tied by constraints."""
        space = self._space
        tying = [
            constraint.names
            for constraint in space.constraints
            if any(space.by_name[name].stage is not None for name in constraint.names)
        ]
        entangled = {name for names in tying for name in names}
        chosen = []
        for index, parameter in enumerate(space.parameters):
            of_network = parameter.stage is None and set(parameter.sets) != {"resolution"}
            widens = parameter.stage == stage - 1 and bool(space.skeleton.widens & set(parameter.sets))
            tied = parameter.stage != stage and parameter.name in entangled
            if of_network or widens or tied:
                chosen.append(index)
        return chosen

    def _of_parameter(self, column: int, rows: Rows, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        parameter = self._space.parameters[column]
        if (
            len(parameter.values) == 1
            or (parameter.name in self._parents and parameter not in self._space.depths)
            or not len(rows)
        ):
            return np.ones(len(rows), np.int64)
        others = np.repeat(rows[:, None], len(parameter.values), axis=1)
        others[:, :, column] = np.arange(len(parameter.values))
        inactive = rows[:, column] < 0
        others[inactive, :, column] = -1
        _, valid, found = examine(self._space, deactivate(self._space, others.reshape(-1, rows.shape[1])))
        same = valid & (found == np.repeat(keys, len(parameter.values), axis=0)).all(axis=1)
        counts = same.reshape(len(rows), -1).sum(axis=1)
        return np.where(inactive, 1, np.maximum(counts, 1))
