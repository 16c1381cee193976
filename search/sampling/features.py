"""Encodes rows as features for a model of accuracy.

The blocks of features are the parameters' effects, their order (numeric choices, and how much each
choice adds to the cost), the sums of exchangeable parameters, the family in a union, the logarithm
of the cost, and hints. A parameter that is inactive in a row has no effect there: its features are
0, the mean over its values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .columns import Column, Table
from .families import Families, dimension

Vector = NDArray[np.float64]
Matrix = NDArray[Any]
Hint = Callable[[Table, Vector], Vector]
"""Maps rows and their costs to one number each."""
STANDARDISED_BY = 5_000
"""Approximate number of rows of the pool by which hints are standardised."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """Blocks of features, scaled so that the mean square of a row over a block is about 1."""

    linear: Mapping[str, Matrix]
    """Name of a block -> (rows, features); the model has a linear part for each."""

    def __getitem__(self, index: object) -> Features:
        return Features(linear={name: block[index] for name, block in self.linear.items()})  # type: ignore[index]

    def __len__(self) -> int:
        return len(self.linear["effects"])

    def as_type(self, dtype: DTypeLike) -> Features:
        """The same as numbers of another type, without a copy if they are of it already."""
        return Features(linear={name: block.astype(dtype, copy=False) for name, block in self.linear.items()})

    def followed_by(self, other: Features) -> Features:
        """The rows of both."""
        return Features(
            linear={name: np.concatenate([block, other.linear[name]]) for name, block in self.linear.items()}
        )


class Encoder:
    """Maps rows to features."""

    def __init__(
        self,
        columns: Sequence[Column],
        rows: Table,
        costs: Vector | None,
        hints: Mapping[str, Hint] | None = None,
        *,
        families: Families | None = None,
    ) -> None:
        """Standardise the features.

        Args:
            columns: the parameters.
            rows: the rows by which features are standardised, usually the pool.
            costs: their costs; if None, cost is not a feature.
            hints: name -> function whose value is a feature.
            families: the families of a union, whose effects are a block of their own.
        """
        self._columns = list(columns)
        self._family = None if families is None else families.place(columns)
        sized = [index for index, column in enumerate(columns) if column.values is None or len(column.values) > 1]
        # in a union most parameters are inactive in any row: those that are active fill the block
        active = len(sized) if families is None else float((~np.isnan(rows[:, sized])).sum(axis=1).mean())
        self._effects = math.sqrt(max(1.0, active))
        self._priced = costs is not None and len(costs) > 1 and costs.min() > 0 and float(np.ptp(costs)) > 0
        self._log = (0.0, 1.0)
        self._marginals: list[Vector | None] = [None] * len(columns)
        if self._priced and costs is not None:
            logs = np.log(costs)
            self._log = float(logs.mean()), float(logs.std()) or 1.0
            self._marginals = [_marginal(column, rows[:, index], logs) for index, column in enumerate(columns)]
        alike: dict[str, list[int]] = {}
        for index, column in enumerate(columns):
            own = "" if families is None else dimension(column.name)
            alike.setdefault(f"{column.distribution!r} {own}", []).append(index)
        self._exchangeable = [places for places in alike.values() if len(places) > 1]
        self._hints = dict(hints or {})
        self._scales: dict[str, tuple[float, float]] = {}
        few = slice(None, None, max(1, len(rows) // STANDARDISED_BY))
        for name, hint in self._hints.items():
            values = hint(rows[few], np.zeros(len(rows[few])) if costs is None else costs[few])
            self._scales[name] = float(values.mean()), float(values.std())

    def __call__(self, table: Table, costs: Vector | None, dtype: DTypeLike = np.float64) -> Features:
        """The features of every row of `table`, as numbers of type `dtype`; `costs` are its
        costs."""
        blocks = [_effects(column, table[:, index]).astype(dtype) for index, column in enumerate(self._columns)]
        empty = np.zeros((len(table), 0), dtype)
        effects = np.concatenate([*blocks, empty], axis=1) / self._effects
        found = {"effects": effects}
        if self._family is not None:
            found["family"] = blocks[self._family]
        ordered = [
            block.astype(dtype)
            for index, column in enumerate(self._columns)
            if (block := self._ordered(index, column, table[:, index])) is not None
        ]
        if ordered:
            found["ordered"] = np.concatenate(ordered, axis=1) / math.sqrt(len(ordered))
        shared = [
            np.add.reduce([blocks[index] for index in places]) / math.sqrt(len(places)) for places in self._exchangeable
        ]
        if shared:
            found["shared"] = np.concatenate(shared, axis=1) / math.sqrt(len(shared))
        if self._priced and costs is not None:
            # without its square: trials crowd near the upper bound of the budget, and a parabola
            # through them extrapolates badly to cheap networks
            cost = (np.log(np.maximum(costs, 1e-300)) - self._log[0]) / self._log[1]
            found["cost"] = cost[:, None].astype(dtype)
        for name, hint in self._hints.items():
            mean, scale = self._scales[name]
            if scale > 0:
                values = hint(table, np.zeros(len(table)) if costs is None else costs)
                found[name] = ((values - mean) / scale).clip(-4, 4)[:, None].astype(dtype)
        return Features(linear=found)

    def _ordered(self, index: int, column: Column, numbers: Vector) -> Matrix | None:
        """One or two scores for each choice of a categorical parameter: the choice itself if it is
        a number, and what it adds to the logarithm of the cost."""
        if not column.categorical:
            return None
        parts = [scores for scores in (self._marginals[index], _own(column)) if scores is not None]
        if not parts:
            return None
        missing = np.isnan(numbers)
        at = np.where(missing, 0, numbers).astype(np.intp)
        found = np.stack([scores[at] for scores in parts], axis=1) / math.sqrt(len(parts))
        found[missing] = 0.0
        return found


def _own(column: Column) -> Vector | None:
    """Numeric choices, standardised (their logarithms if all are positive); None for others."""
    choices: Sequence[object] = column.distribution.choices  # type: ignore[attr-defined]
    if len(choices) < 3 or not all(
        isinstance(choice, int | float) and not isinstance(choice, bool) for choice in choices
    ):
        return None
    values = np.array(choices, float)
    if not np.isfinite(values).all():
        return None
    return _standard(np.log(values) if values.min() > 0 else values)


def _marginal(column: Column, numbers: Vector, logs: Vector) -> Vector | None:
    """Mean logarithm of the cost of the rows with each choice, standardised over the choices; None
    if all choices cost the same."""
    if not column.categorical or column.values is None or len(column.values) < 3:
        return None
    here = ~np.isnan(numbers)
    at = numbers[here].astype(np.intp)
    count = np.bincount(at, minlength=len(column.values))
    mean = np.bincount(at, logs[here], minlength=len(column.values)) / np.maximum(count, 1)
    mean[count == 0] = float(logs.mean())
    return _standard(mean) if np.ptp(mean) > 1e-3 * logs.std() else None


def _standard(values: Vector) -> Vector | None:
    scale = float(values.std())
    return (values - values.mean()) / scale if scale > 0 else None


def _effects(column: Column, numbers: Vector) -> Matrix:
    """The effect coding of a parameter: centred one-hot for a categorical one, the first two
    Legendre polynomials of the position in its range for others."""
    values, missing = column.values, np.isnan(numbers)
    if values is not None and len(values) == 1:
        return np.zeros((len(numbers), 0))
    if column.categorical:
        assert values is not None
        size = len(values)
        found = (numbers[:, None] == values) - 1.0 / size
        found /= math.sqrt((size - 1) / size)
    else:
        low, high = float(column.distribution.low), float(column.distribution.high)  # type: ignore[attr-defined]
        here = np.nan_to_num(numbers, nan=low)
        place = (np.log(here) - math.log(low)) / math.log(high / low) if column.log else (here - low) / (high - low)
        u = 2 * place - 1
        found = np.stack([math.sqrt(0.6 * 3) * u, math.sqrt(0.4 * 5) * (3 * u**2 - 1) / 2], axis=1)
    found[missing] = 0.0
    return found
