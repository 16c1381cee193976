"""Draws settings of a space so that all distinct candidates are equally likely.

Settings are drawn uniformly, and a network that m settings build is kept with probability 1 / m. m
is counted over all alternatives of each stage, and over the values of each parameter of the whole
network that can be exchanged alone. If settings of several stages, or of the network and its
stages, can only be exchanged together (a constraint ties two stages; depth times layers), m is too
small, and these networks are drawn too often.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from itertools import accumulate
from math import prod
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...blocks import Cost
from ..budget import Budget
from ..kinds.skeleton_space import SkeletonSpace
from ..space import Space
from ..values.parameters import Parameter
from .bulk import Rows, active_once, deactivate, draw_values, examine, joined, unravelled

PARTS = (8, 16, 32, 64)
"""Rows of which the settings that build the same candidate are counted at a time, at first and in
the end: counting takes up to a tenth of a second for each of a few rows, with which a search
begins, and far less for each of many."""
TRIES = 40
"""Repetitions of a draw, at most, if conditions leave few of its settings."""
ENUMERATE_STAGE = 1 << 17
"""Largest number of combinations of a stage whose alternatives are listed. The settings of a larger
stage count as different networks."""
S = TypeVar("S", bound=Space)


def within(budget: Budget, cost: Cost, aim: float = 0.0) -> NDArray[np.bool_]:
    """Whether each cost is within the budget, and at least `aim` times its first upper bound."""
    inside = np.broadcast_to(np.asarray(budget.admits(cost)), np.shape(cost.macs))
    if aim > 0 and budget.bounds:
        inside = inside & (budget.bounds[0].of.value(cost) >= aim * budget.bounds[0].high)
    return inside


class Drawing(ABC, Generic[S]):
    """Draws settings uniformly, and keeps some so that all candidates are equally likely."""

    def __init__(self, space: S) -> None:
        self.space = space

    @abstractmethod
    def rows(self, count: int, rng: np.random.Generator) -> Rows:
        """At most `count` settings, all equally likely; fewer if conditions make many parameters
        inactive."""

    @abstractmethod
    def chance(self, rows: Rows, keys: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Probability with which each row is kept; `keys` are the fingerprints of the rows."""

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
        cost, valid, keys = examine(self.space, rows)
        fits = np.flatnonzero(valid & within(budget, cost, aim))
        for part in np.split(fits, [*accumulate(PARTS), *range(sum(PARTS) + PARTS[-1], len(fits), PARTS[-1])]):
            part = part[[int(name) not in seen for name in joined(keys[part])]] if seen else part
            if not len(part):
                continue
            kept = part[rng.random(len(part)) < self.chance(rows[part], keys[part])]
            yield rows[kept], joined(keys[kept])


class SkeletonDrawing(Drawing[SkeletonSpace]):
    """Draws from a space of one skeleton, and counts how many settings build the same candidate."""

    def __init__(self, space: SkeletonSpace) -> None:
        super().__init__(space)
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
        raw = draw_values(self.space, count, rng)
        for columns, table in (*self._stages.values(), *self._layers):
            raw[:, columns] = table[rng.integers(0, len(table), count)]
        return active_once(self.space, raw)

    def chance(self, rows: Rows, keys: NDArray[np.uint64]) -> NDArray[np.float64]:
        """One over the number of settings that build the candidate of each row."""
        return 1 / self.multiplicity(rows, keys)

    def multiplicity(self, rows: Rows, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Number of settings that build the candidate of each row."""
        many = np.ones(len(rows), np.int64)
        for stage in self._stages:
            many *= self._of_stage(stage, rows, keys)
        for column in self._whole:
            many *= self._of_parameter(column, rows, keys)
        return many

    def _combinations(self, columns: list[int]) -> int:
        return prod(len(self.space.parameters[index].values) for index in columns)

    def _alternatives(self, columns: list[int]) -> Rows:
        """All settings of some parameters of a stage, each once, as far as the stage's own
        parameters decide which are inactive."""
        space = self.space
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
        known = self.space.by_name
        if parameter.layer is not None and any(
            depth.stage in (None, parameter.stage) and depth.name not in names for depth in self.space.depths
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
                others = active_once(self.space, np.where(others < 0, 0, others))
                _, valid, found = examine(self.space, others)
                values, many = np.unique(found[valid, 1 + stage], return_counts=True)
                self._counts[name] = dict(zip(values.tolist(), many.tolist(), strict=True))
            counts[index] = self._counts[name].get(int(keys[index, 1 + stage]), 1)
        return counts

    def _context(self, stage: int) -> list[int]:
        """Parameters outside a stage that affect which of its settings build the same network:
        those of the network, those that change its input width, and those tied by constraints."""
        space = self.space
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
        parameter = self.space.parameters[column]
        if (
            len(parameter.values) == 1
            or (parameter.name in self._parents and parameter not in self.space.depths)
            or not len(rows)
        ):
            return np.ones(len(rows), np.int64)
        others = np.repeat(rows[:, None], len(parameter.values), axis=1)
        others[:, :, column] = np.arange(len(parameter.values))
        inactive = rows[:, column] < 0
        others[inactive, :, column] = -1
        _, valid, found = examine(self.space, deactivate(self.space, others.reshape(-1, rows.shape[1])))
        same = valid & (found == np.repeat(keys, len(parameter.values), axis=0)).all(axis=1)
        counts = same.reshape(len(rows), -1).sum(axis=1)
        return np.where(inactive, 1, np.maximum(counts, 1))
