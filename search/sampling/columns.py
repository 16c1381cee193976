"""Represents settings as rows of a table of numbers, one column a parameter, instead of dicts.

The number of a categorical parameter is the index of its choice; the number of any other is its
value. A parameter that a trial was not asked for is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from ...spaces.candidates.fingerprint import GOLDEN, scrambled

Table = NDArray[np.float64]
"""(rows, parameters)."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One parameter."""

    name: str
    """Its name in the study."""
    distribution: BaseDistribution
    """Its values, as Optuna describes them."""

    @cached_property
    def values(self) -> NDArray[np.float64] | None:
        """All its numbers in ascending order; None for a continuous parameter."""
        found = self.distribution
        if isinstance(found, CategoricalDistribution):
            return np.arange(len(found.choices), dtype=np.float64)
        if isinstance(found, IntDistribution):
            return np.arange(found.low, found.high + 1, found.step, dtype=np.float64)
        assert isinstance(found, FloatDistribution)
        if found.low == found.high:
            return np.array([found.low])
        if found.step is None:
            return None
        steps = np.arange(round((found.high - found.low) / found.step) + 1)
        return np.minimum(found.low + found.step * steps, found.high)  # Optuna takes none above, by a digit even

    @property
    def categorical(self) -> bool:
        """Whether its values are unordered."""
        return isinstance(self.distribution, CategoricalDistribution)

    @property
    def log(self) -> bool:
        """Whether it has a logarithmic scale."""
        return bool(getattr(self.distribution, "log", False))

    def number(self, value: Any) -> float:
        """The number of a value; NaN if the parameter has no such value."""
        try:
            return float(self.distribution.to_internal_repr(value))
        except (ValueError, TypeError):
            return math.nan

    def value(self, number: float) -> Any:
        """The value of a number."""
        return self.distribution.to_external_repr(float(number))

    def array(self, numbers: NDArray[np.float64]) -> NDArray[Any]:
        """The values of many numbers, none of them NaN: an array of integers for an integer
        parameter, of the choices for a categorical one."""
        if self.categorical:
            choices: Sequence[Any] = self.distribution.choices  # type: ignore[attr-defined]
            plain = all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in choices)
            kept = np.array(choices) if plain else _objects(choices)
            return kept[numbers.astype(np.intp)]
        return numbers.astype(np.int64) if isinstance(self.distribution, IntDistribution) else numbers

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Independent numbers, uniform on its scale."""
        found = self.distribution
        if self.values is not None and not self.log:
            return rng.choice(self.values, count)
        low, high = float(found.low), float(found.high)  # type: ignore[attr-defined]
        if isinstance(found, IntDistribution):
            return np.asarray(
                np.clip(np.round(np.exp(rng.uniform(math.log(low - 0.5), math.log(high + 0.5), count))), low, high),
                np.float64,
            )
        drawn = np.exp(rng.uniform(math.log(low), math.log(high), count)) if self.log else rng.uniform(low, high, count)
        return np.asarray(drawn.clip(low, high), np.float64)


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    found = np.empty(len(values), object)
    found[:] = values
    return found


def columns_of(distributions: Mapping[str, BaseDistribution]) -> list[Column]:
    """The columns of a search space, sorted by name."""
    return [Column(name=name, distribution=distributions[name]) for name in sorted(distributions)]


def table_of(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> Table:
    """Dicts as rows of a table; missing parameters are NaN."""
    return np.array(
        [[column.number(row[column.name]) if column.name in row else math.nan for column in columns] for row in rows]
    ).reshape(len(rows), len(columns))


def params_of(columns: Sequence[Column], row: NDArray[np.float64]) -> dict[str, Any]:
    """A row as a dict, without the parameters that are NaN."""
    return {
        column.name: column.value(number) for column, number in zip(columns, row, strict=True) if not math.isnan(number)
    }


def keys_of(table: Table) -> NDArray[np.uint64]:
    """A 64-bit hash of each row: equal rows have equal hashes."""
    bits = np.ascontiguousarray(np.where(np.isnan(table), -1e300, table + 0.0)).view(np.uint64)
    found = np.zeros(len(table), np.uint64)
    with np.errstate(over="ignore"):
        for index in range(table.shape[1]):
            found = scrambled(found ^ (bits[:, index] + np.uint64(index + 1) * GOLDEN))
    return found
