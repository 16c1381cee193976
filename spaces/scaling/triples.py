"""Enumerates the coefficient triples of a grid and keeps those that a rule admits.

Triples are walked through in chunks, as arrays of coefficient indices of shape (rows, axes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...blocks import Cost, InputError
from ..draws.bulk import METRICS, selected
from .baseline import Baseline, Factors, in_letters
from .grid_point import GridPoint
from .scaled_space import ScaledSpace
from .single_axis import FURTHEST, factors_alone

Rule = Literal["true", "paper"]
"""How triples are admitted: by the true cost, or by the product of idealised exponents."""
MOST = 20_000_000
"""Largest number of triples of one grid."""
EXAMPLES = 3
"""Number of triples kept as examples of what only one of the two rules admits."""


class _Admitted(NamedTuple):
    """Triples of one chunk that the rule admits, as arrays with one entry for each."""

    rows: NDArray[np.int32]
    """Coefficient indices, shape (rows, axes)."""
    cost: Cost
    """Cost of each network."""
    factors: NDArray[np.float64]
    """MACs over the baseline's."""
    products: NDArray[np.float64]
    """Product of the coefficients, each to the power of its idealised exponent."""
    fingerprints: NDArray[np.uint64]
    """Fingerprint of each network; equal networks have equal ones."""


def coefficients_of(
    baseline: Baseline, axis: str, exponent: float, phi: float, target: float, step: float, tolerance: float
) -> list[float]:
    """List the coefficients of one axis, at φ = 1, that a triple within the tolerance can have.

    They start at 1 and end where both rules refuse the axis even if all other coefficients are 1.
    If φ is negative, the networks shrink as the coefficients rise, and a last coefficient is one
    that still changes the network.

    Raises:
        InputError: there are more than `MOST` of them.
    """
    beyond, growing = (target * (1 + tolerance)) ** (1 / exponent), phi > 0
    limit = target**phi * (1 + tolerance if growing else 1 - tolerance)
    while True:
        count = math.floor((min(beyond, FURTHEST) - 1) / step + 1e-9) + 1
        if count > MOST:
            raise InputError(
                f"a grid must have at most {MOST:,} triples, but step {step:g} gives more on {axis} alone: take a"
                " larger step"
            )
        values = [round(1 + index * step, 9) for index in range(count)]
        factors, valid = factors_alone(baseline, axis, [value**phi for value in (values[-1] + step, *values)])
        passed = factors <= limit if growing else factors >= limit
        if beyond >= FURTHEST or not (passed[0] and valid[0]):
            fits = np.flatnonzero(passed[1:] if growing else passed[1:] & np.append(True, np.diff(factors[1:]) != 0))
            ideal = math.floor(((target * (1 + tolerance)) ** (1 / exponent) - 1) / step + 1e-9)
            return values[: max(int(max(fits, default=0)), ideal) + 1]
        beyond *= 1.3


def kept_coefficients(values: Sequence[float], factors: Sequence[float], phi: float) -> list[float]:
    """Return those of `values` (at φ = 1) whose power of φ a table has kept in `factors`."""
    by_factor = {value**phi: value for value in values}
    return [by_factor[factor] for factor in factors]


class TripleWalk:
    """Collects what the two rules say of the triples, chunk by chunk."""

    def __init__(
        self,
        table: ScaledSpace,
        base: dict[str, list[float]],
        ideal: Factors,
        macs: float,
        *,
        phi: float,
        target: float,
        tolerance: float,
        rule: Rule,
    ) -> None:
        """Start a walk.

        Args:
            table: the scaled networks.
            base: axis → coefficients at φ = 1, in the order of the table's.
            ideal: axis → idealised cost exponent.
            macs: MACs of the baseline.
            phi, target, tolerance, rule: as in `grid`.
        """
        self._table, self._base, self._ideal, self._macs, self._phi = table, base, ideal, macs, phi
        self._target, self._tolerance, self._rule = target, tolerance, rule
        self._columns = [np.array(values) for values in base.values()]
        self._logs = [np.log(values) * ideal[axis] for axis, values in zip(base, self._columns, strict=True)]
        self._kept: list[_Admitted] = []
        self._nearest: tuple[float, str] = (math.inf, "none")
        self._paper: list[NDArray[np.float64]] = []
        self.counts: dict[str, int] = {"true": 0, "paper": 0, "both": 0, "impossible": 0}
        """Triples admitted by each rule and by both, and triples that cannot be built."""
        self.only: dict[str, list[GridPoint]] = {"paper": [], "true": []}
        """Rule → the first `EXAMPLES` triples that it alone admits."""

    def take(self, chosen: NDArray[np.int32]) -> None:
        """Examine rows of coefficient indices."""
        cost, valid, names = self._table.examine(chosen)
        factor = np.asarray(cost.macs) / self._macs
        product = np.exp(sum(logs[chosen[:, column]] for column, logs in enumerate(self._logs)))
        true = valid & (np.abs(factor / self._target**self._phi - 1) <= self._tolerance + 1e-12)
        paper = valid & (np.abs(product / self._target - 1) <= self._tolerance + 1e-12)
        for name, mask in (("true", true), ("paper", paper), ("both", true & paper), ("impossible", ~valid)):
            self.counts[name] += int(mask.sum())
        self._paper.append(factor[paper])
        self._note_nearest(chosen, factor if self._rule == "true" else product, valid, factor)
        for name, mask in (("paper", paper & ~true), ("true", true & ~paper)):
            for index in np.flatnonzero(mask)[: max(0, EXAMPLES - len(self.only[name]))]:
                self.only[name].append(self._point(chosen[index], selected(cost, index), factor[index], product[index]))
        fits = np.flatnonzero(true if self._rule == "true" else paper)
        self._kept.append(_Admitted(chosen[fits], selected(cost, fits), factor[fits], product[fits], names[fits]))

    def points(self) -> tuple[list[GridPoint], int]:
        """Return the different networks that scale more than one axis, and the number of those
        that scale one axis alone.

        A network that several triples build is one point; its triple is the one that scales the
        fewest axes.
        """
        found: dict[int, GridPoint] = {}
        same: dict[int, list[dict[str, float]]] = {}
        for rows, cost, factors, products, names in self._kept:
            # fewest axes first: if the other coefficients of a triple change nothing after
            # rounding, its network counts as one that scales a single axis
            for index in np.argsort((rows > 0).sum(axis=1), kind="stable"):
                name = int(names[index])
                if name in found and (rows[index] > 0).sum() >= sum(value > 1 for value in found[name].base.values()):
                    same[name].append(self._coefficients(rows[index]))
                    continue
                if name in found:
                    same[name].append(found[name].base)
                found[name] = self._point(rows[index], selected(cost, index), factors[index], products[index])
                same.setdefault(name, [])
        several = [name for name, point in found.items() if sum(value > 1 for value in point.base.values()) > 1]
        points = [
            GridPoint(**{**vars(found[name]), "same": tuple(same[name])})
            for name in sorted(several, key=lambda name: tuple(found[name].base.values()))
        ]
        return points, len(found) - len(points)

    def nearest(self) -> str:
        """Describe the triple that comes nearest to the target, for an error message."""
        return self._nearest[1]

    def true_factors(self) -> tuple[float, float, float]:
        """Return the lowest, the median and the highest true factor of the triples that the paper's
        rule admits; NaN if it admits none."""
        factors = np.concatenate(self._paper) if self._paper else np.zeros(0)
        if not len(factors):
            return math.nan, math.nan, math.nan
        return float(factors.min()), float(np.median(factors)), float(factors.max())

    def _note_nearest(
        self,
        chosen: NDArray[np.int32],
        value: NDArray[np.float64],
        valid: NDArray[np.bool_],
        factor: NDArray[np.float64],
    ) -> None:
        wanted = self._target ** (self._phi if self._rule == "true" else 1.0)
        off = np.where(valid, np.abs(np.log(np.maximum(value, 1e-9) / wanted)), np.inf)
        best = int(np.argmin(off))
        if off[best] < self._nearest[0]:
            text = f"{in_letters(self._coefficients(chosen[best]))} with a true factor of {factor[best]:.4g}"
            self._nearest = (
                float(off[best]),
                text if self._rule == "true" else f"{text} and a product of {value[best]:.4g}",
            )

    def _coefficients(self, row: NDArray[np.int32]) -> dict[str, float]:
        return {axis: float(values[index]) for (axis, values), index in zip(self._base.items(), row, strict=True)}

    def _point(self, row: NDArray[np.int32], cost: Cost, factor: Any, product: Any) -> GridPoint:
        base = self._coefficients(row)
        scalar = Cost(*(int(getattr(cost, metric)) for metric in METRICS))
        factors = {axis: float(self._table.factors[axis][index]) for axis, index in zip(base, row, strict=True)}
        return GridPoint(
            base=base, factors=factors, control=None, cost=scalar, factor=float(factor), product=float(product)
        )
