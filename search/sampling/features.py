"""Rows as numbers that a model of accuracy is made of: parameters' effects, what they cost, their
order, their sums, log MACs, and hints."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .columns import Column, Table

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Hint = Callable[[Table, Vector], Vector]
"""Rows and their MACs to a number each."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """Blocks of features; a row's mean square over a block is about 1."""

    linear: Mapping[str, Matrix]
    """Name → (rows, features), of each of which there is a Bayesian linear model."""
    place: Matrix
    """(rows, features): where a row lies, for what depends on products and distances."""

    def __getitem__(self, index: object) -> Features:
        return Features(linear={name: block[index] for name, block in self.linear.items()}, place=self.place[index])  # type: ignore[index]

    def __len__(self) -> int:
        return len(self.place)


class Encoder:
    """Makes features of rows."""

    def __init__(
        self, columns: Sequence[Column], rows: Table, macs: Vector | None, hints: Mapping[str, Hint] | None = None
    ) -> None:
        """`rows` and `macs` are those of the pool, by which features are standardised; without
        `macs` cost is no feature."""
        self._columns = list(columns)
        self._priced = macs is not None and len(macs) > 1 and macs.min() > 0 and float(np.ptp(macs)) > 0
        self._log = (0.0, 1.0)
        self._marginals: list[Vector | None] = [None] * len(columns)
        if self._priced and macs is not None:
            logs = np.log(macs)
            self._log = float(logs.mean()), float(logs.std()) or 1.0
            self._marginals = [_marginal(column, rows[:, index], logs) for index, column in enumerate(columns)]
        alike: dict[str, list[int]] = {}
        for index, column in enumerate(columns):
            alike.setdefault(f"{column.distribution!r}", []).append(index)
        self._alike = [places for places in alike.values() if len(places) > 1]
        self._hints = dict(hints or {})
        self._scales: dict[str, tuple[float, float]] = {}
        few = slice(None, None, max(1, len(rows) // 5_000))
        for name, hint in self._hints.items():
            values = hint(rows[few], np.zeros(len(rows[few])) if macs is None else macs[few])
            self._scales[name] = float(values.mean()), float(values.std())

    def __call__(self, table: Table, macs: Vector | None) -> Features:
        blocks = [_effects(column, table[:, index]) for index, column in enumerate(self._columns)]
        empty = np.zeros((len(table), 0))
        effects = np.concatenate([*blocks, empty], axis=1) / math.sqrt(
            max(1, sum(block.shape[1] > 0 for block in blocks))
        )
        found = {"effects": effects}
        ordered = [
            block
            for index, column in enumerate(self._columns)
            if (block := self._ordered(index, column, table[:, index])) is not None
        ]
        if ordered:
            found["ordered"] = np.concatenate(ordered, axis=1) / math.sqrt(len(ordered))
        shared = [np.add.reduce([blocks[index] for index in places]) / math.sqrt(len(places)) for places in self._alike]
        if shared:
            found["shared"] = np.concatenate(shared, axis=1) / math.sqrt(len(shared))
        place = effects
        if self._priced and macs is not None:
            cost = ((np.log(np.maximum(macs, 1e-300)) - self._log[0]) / self._log[1])[:, None]
            # no square of it: trials crowd at the budget's upper end, and a parabola through them
            # says anything of the cheap networks
            found["cost"] = cost
            place = np.concatenate([effects, cost / 2], axis=1)
        for name, hint in self._hints.items():
            mean, scale = self._scales[name]
            if scale > 0:
                found[name] = ((hint(table, np.zeros(len(table)) if macs is None else macs) - mean) / scale).clip(
                    -4, 4
                )[:, None]
        return Features(linear=found, place=place)

    def _ordered(self, index: int, column: Column, numbers: Vector) -> Matrix | None:
        """One number for each choice of a categorical parameter: its own, where it is one, and what
        it adds to log cost."""
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
    """Numeric choices, standardised by rank and value."""
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
    """Mean log cost of the rows with each choice, standardised over the choices; None where they
    cost the same."""
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
    """One-hot and centred, or the first two Legendre polynomials of the place in a range."""
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
