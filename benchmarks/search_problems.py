"""What a problem of `search.py` is. `search_named.py` and `search_generated.py` make problems.

Accuracies are in per cent, costs in MACs (the synthetic ones' are in arbitrary units). A problem's
functions take dicts of arrays.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

# ruff: noqa: E402
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"  # read when numpy and torch are imported

import numpy as np
from automl.search.sampling.columns import columns_of, keys_of
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution

Vector = NDArray[np.float64]
Params = Mapping[str, Any]
LISTED = 50_000
"""Spaces of at most this many settings are listed; in larger ones the best is sought by climbing
from the best of this many random settings."""


FAILED = 0.0
"""The true accuracy of a setting that cannot be evaluated: its trials fail."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something to search."""

    name: str
    """Short."""
    words: str
    """What it is."""
    space: dict[str, BaseDistribution]
    """Parameters; all of them are asked for, unless `ask` says otherwise."""
    mean: Callable[[Params], Vector] = field(repr=False)
    """True accuracy."""
    macs: Callable[[Params], Vector] = field(repr=False)
    """Exact cost."""
    observed: Callable[[Params, np.random.Generator, int], float] = field(repr=False)
    """One noisy accuracy: parameters (scalars), the run's generator, the run's seed."""
    shares: tuple[float, ...] = (0.2, 0.5)
    """Budgets as quantiles of the cost of uniform draws."""
    fixed: tuple[float, ...] = ()
    """Budgets as they are, in place of shares."""
    conditional: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    """Parameter → the (other parameter, value) by which alone it is asked for."""

    def ask(self, trial: Any) -> dict[str, Any]:
        """Suggest every parameter."""
        chosen: dict[str, Any] = {}
        for name, one in self.space.items():
            condition = self.conditional.get(name)
            if condition is None or chosen[condition[0]] == condition[1]:
                chosen[name] = trial._suggest(name, one)
        return chosen

    def at(self, params: Params) -> tuple[float, float]:
        """(true accuracy, cost) of one setting."""
        arrays = {name: np.array([params.get(name, self._default(one))]) for name, one in self.space.items()}
        return float(self.mean(arrays)[0]), float(self.macs(arrays)[0])

    def cost(self, params: Params) -> Any:
        """As a sampler takes it: scalars or arrays."""
        arrays = {name: np.atleast_1d(params.get(name, self._default(one))) for name, one in self.space.items()}
        found = self.macs(arrays)
        return found if any(np.ndim(value) for value in params.values()) else float(found[0])

    @staticmethod
    def _default(one: BaseDistribution) -> Any:
        return one.choices[0] if isinstance(one, CategoricalDistribution) else one.low  # type: ignore[attr-defined]

    @property
    def size(self) -> float:
        return math.prod(math.inf if column.values is None else len(column.values) for column in columns_of(self.space))

    @cached_property
    def sample(self) -> tuple[dict[str, NDArray[Any]], Vector, Vector]:
        """(arrays, accuracies, costs) of all settings or of many."""
        columns = columns_of(self.space)
        rng = np.random.default_rng(0)
        if self.size <= LISTED:
            grids = np.meshgrid(*[column.values for column in columns], indexing="ij")
            table = np.stack([grid.ravel() for grid in grids], axis=1)
        else:
            table = np.stack([column.draw(LISTED, rng) for column in columns], axis=1)
            table = self._climbed(columns, table, rng)
        arrays = {column.name: column.array(table[:, index]) for index, column in enumerate(columns)}
        return arrays, self.mean(arrays), self.macs(arrays)

    def _climbed(self, columns: list, table: Vector, rng: np.random.Generator) -> Vector:
        """With the draws, the ends of climbs under every budget and without one."""

        def value(rows: Vector) -> tuple[Vector, Vector]:
            arrays = {column.name: column.array(rows[:, index]) for index, column in enumerate(columns)}
            return self.mean(arrays), self.macs(arrays)

        mean, macs = value(table)
        found = [table]
        for budget in (*self._budgets(macs), *np.quantile(macs, [0.01, 0.05, 0.1, 0.3, 0.7, 0.9]), math.inf):
            inside = np.flatnonzero(macs <= budget)
            best = table[inside[np.argsort(-mean[inside])[:300]]]
            height = np.sort(mean[inside])[::-1][:300].copy()
            for _ in range(400):
                tried = best.copy()
                for _ in range(1 + int(rng.integers(0, 3))):
                    which = rng.integers(0, len(columns), len(best))
                    for index, column in enumerate(columns):
                        here = np.flatnonzero(which == index)
                        fresh = column.draw(len(here), rng)
                        if column.values is None:
                            fresh = np.where(
                                rng.random(len(here)) < 0.5,
                                fresh,
                                tried[here, index] + 0.1 * (fresh - tried[here, index]),
                            )
                        tried[here, index] = fresh
                new, cost = value(tried)
                better = (new > height) & (cost <= budget)
                best[better], height[better] = tried[better], new[better]
            found.append(best)
        return np.concatenate(found)

    def _budgets(self, macs: Vector) -> tuple[float, ...]:
        return self.fixed or tuple(float(one) for one in np.quantile(macs[:LISTED], self.shares))

    @cached_property
    def budgets(self) -> tuple[float, ...]:
        """In MACs."""
        return self._budgets(self.sample[2])

    def best(self, budget: float) -> float:
        """The highest true accuracy within a budget."""
        _, mean, macs = self.sample
        return float(mean[macs <= budget].max())

    @cached_property
    def corner(self) -> tuple[float, float]:
        """What hypervolumes are measured from: the accuracy that a tenth is below, the highest
        cost."""
        _, mean, macs = self.sample
        return float(np.quantile(mean[:LISTED], 0.1)), float(macs.max())


def residual(space: Mapping[str, BaseDistribution], params: Params, spread: float, salt: int = 0) -> Vector:
    """A normal number that belongs to a setting: what no model of its parts explains."""
    columns = columns_of(space)
    table = np.stack([numbers(column, params[column.name]) for column in columns], axis=1)
    bits = keys_of(np.concatenate([table, np.full((len(table), 1), float(salt))], axis=1))
    u = ((bits >> np.uint64(11)).astype(float) + 0.5) / 2**53
    v = (((bits * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(11)).astype(float) + 0.5) / 2**53
    return spread * np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)


def numbers(column: Any, values: Any) -> Vector:
    if isinstance(column.distribution, CategoricalDistribution):
        place = {choice: index for index, choice in enumerate(column.distribution.choices)}
        return np.array([place[value] for value in np.asarray(values).tolist()], float)
    return np.asarray(values, float)


def noisy(
    mean: Callable[[Params], Vector], spread: Callable[[float], float]
) -> Callable[[Params, np.random.Generator, int], float]:
    def observed(params: Params, rng: np.random.Generator, seed: int) -> float:
        true = float(mean({name: np.array([value]) for name, value in params.items()})[0])
        return true + spread(true) * float(rng.standard_normal())

    return observed


def looked_up(
    seeds: Vector, place: Callable[[Params], NDArray[np.int64]]
) -> Callable[[Params, np.random.Generator, int], float]:
    """One seed of a row of `seeds`, (rows, seeds), found by `place`: the same one for a run's seed,
    whenever it is asked for."""

    @cache
    def drawn(seed: int) -> NDArray[np.int64]:
        return np.random.default_rng([seed, 7]).integers(0, seeds.shape[1], len(seeds))

    def observed(params: Params, rng: np.random.Generator, seed: int) -> float:
        index = int(place({name: [value] for name, value in params.items()})[0])
        return float(seeds[index, drawn(seed)[index]])

    return observed


EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""Edges of a cell of four nodes."""


@cache
def problem(name: str) -> Problem:
    """By name, made once."""
    from search_generated import generated
    from search_named import ALL

    return ALL[name]() if name in ALL else generated(name)
