"""Parameters as columns of numbers: rows of a table in place of dicts.

A categorical parameter's number is the index of its choice, any other's is its value; a parameter
that a trial was never asked for is NaN.
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

Table = NDArray[np.float64]
"""(rows, parameters)."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One parameter."""

    name: str
    """As the study knows it."""
    distribution: BaseDistribution
    """What its values are."""

    @cached_property
    def values(self) -> NDArray[np.float64] | None:
        """All numbers it can have, rising; None if they are not countable."""
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
        return np.asarray(
            found.low + found.step * np.arange(round((found.high - found.low) / found.step) + 1), np.float64
        )

    @property
    def categorical(self) -> bool:
        """Whether its values have no order."""
        return isinstance(self.distribution, CategoricalDistribution)

    @property
    def log(self) -> bool:
        """Whether it is drawn and understood on a logarithmic scale."""
        return bool(getattr(self.distribution, "log", False))

    def number(self, value: Any) -> float:
        """The number of a value, NaN where it is none of them."""
        try:
            return float(self.distribution.to_internal_repr(value))
        except (ValueError, TypeError):
            return math.nan

    def value(self, number: float) -> Any:
        """The value of a number."""
        return self.distribution.to_external_repr(float(number))

    def array(self, numbers: NDArray[np.float64]) -> NDArray[Any]:
        """The values of many numbers, none of them NaN: of an integer parameter integers, of a
        categorical one whatever its choices are."""
        if self.categorical:
            choices: Sequence[Any] = self.distribution.choices  # type: ignore[attr-defined]
            plain = all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in choices)
            kept = np.array(choices) if plain else _objects(choices)
            return kept[numbers.astype(np.intp)]
        return numbers.astype(np.int64) if isinstance(self.distribution, IntDistribution) else numbers

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Independent draws, uniform on its scale."""
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
    """The columns of a search space, in the order of their names."""
    return [Column(name=name, distribution=distributions[name]) for name in sorted(distributions)]


def table_of(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> Table:
    """Dicts as rows; what a dict does not have is NaN."""
    return np.array(
        [[column.number(row[column.name]) if column.name in row else math.nan for column in columns] for row in rows]
    ).reshape(len(rows), len(columns))


def params_of(columns: Sequence[Column], row: NDArray[np.float64]) -> dict[str, Any]:
    """A row as a dict, without what is NaN."""
    return {
        column.name: column.value(number) for column, number in zip(columns, row, strict=True) if not math.isnan(number)
    }


def keys_of(table: Table) -> NDArray[np.uint64]:
    """A number for each row, the same for equal rows and, but for one in 2**64, for no others."""
    bits = np.ascontiguousarray(np.where(np.isnan(table), -1e300, table + 0.0)).view(np.uint64)
    found = np.zeros(len(table), np.uint64)
    for index in range(table.shape[1]):
        found = _mixed(found ^ (bits[:, index] + np.uint64((index + 1) * 0x9E3779B97F4A7C15 % 2**64)))
    return found


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser: every bit depends on every bit."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    return numbers ^ (numbers >> np.uint64(31))
