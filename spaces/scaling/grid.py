"""The grid of compound scaling: all triples (α, β, γ) at a given multiple of the baseline's cost.

Source: Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, section 3.3, step 1: fix φ = 1, assume
twice the resources, search α, β, γ ≥ 1 under α·β²·γ² ≈ 2. Neither its step nor its size was
published. Here two rules stand side by side: the paper's, by the product of idealised exponents,
and the true one, by what the network costs once its widths, repeats and sizes are rounded. Triples
that build one network are one point; scaling one axis alone is the control.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...blocks import Cost, InputError
from ..bulk import selected, unravelled
from ..candidate import Candidate
from .axes import exponents
from .baseline import AXES, Baseline, Factors, ScaledSpace, in_letters
from .single import FURTHEST, factor_alone, factors_alone, ideals
from .stages import measures

Rule = Literal["true", "paper"]
MOST = 20_000_000
"""Triples of one grid."""
_CHUNK = 1 << 18


@dataclass(frozen=True, kw_only=True)
class GridPoint:
    """One network of the grid."""

    base: dict[str, float]
    """Axis → coefficient at φ = 1: α, β, γ."""
    factors: dict[str, float]
    """Axis → α^φ, by which the baseline is scaled."""
    control: str | None
    """The axis that it scales alone, "baseline" for the baseline itself, None for a point of the
    grid."""
    cost: Cost
    """Of the network, true."""
    factor: float
    """MACs over the baseline's."""
    product: float
    """What the idealised rule says of it: the product of the coefficients to the power of their
    exponents."""
    same: tuple[dict[str, float], ...] = ()
    """Further triples that build this network."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """All that a grid admits, and what it leaves out."""

    baseline: Baseline
    """What is scaled."""
    phi: float
    """The compound coefficient."""
    target: float
    """Multiple of the baseline's cost at φ = 1."""
    step: float
    """Between neighbouring coefficients."""
    tolerance: float
    """Relative, of the cost (true rule) or of the product (paper's rule)."""
    rule: Rule
    """By which triples are admitted."""
    exponents: dict[str, float]
    """Axis → cost exponent, measured from the cost model."""
    examined: int
    """Triples on the grid."""
    counts: dict[str, int]
    """Triples admitted: by `true`, by `paper`, by `both`; `impossible` cannot be built."""
    points: list[GridPoint]
    """Different networks that the rule admits and that scale more than one axis, in the order of
    their coefficients."""
    alone: int
    """Different networks admitted that scale one axis alone: the controls stand for them."""
    controls: list[GridPoint]
    """The baseline, then each axis alone at the cost nearest to the target."""
    only: dict[str, list[GridPoint]]
    """Some triples that one rule admits and the other does not: "paper" → those whose true cost is
    off, "true" → those whose product is."""
    true_factors: tuple[float, float, float]
    """Lowest, median and highest true factor among the triples of the paper's rule; NaN where there
    are none."""

    @property
    def multiple(self) -> float:
        """The cost aimed at, over the baseline's: target ^ φ."""
        return self.target**self.phi

    @cached_property
    def scaled(self) -> ScaledSpace:
        """The space that holds every point and control."""
        values = {
            axis: sorted({point.factors[axis] for point in (*self.points, *self.controls)}) for axis in self.exponents
        }
        return self.baseline.table(values)

    def candidate(self, point: GridPoint) -> Candidate:
        """The network of a point."""
        return self.baseline.candidate(point.factors)

    def spread(self, count: int) -> list[GridPoint]:
        """`count` points as far from each other as can be, by how they share the cost among the
        axes; all of them if there are no more.

        Those that scale every axis come first: the corners of the simplex are the controls.
        """
        if count >= len(self.points):
            return list(self.points)
        shares = self._shares()
        order = [int(np.argmin(((shares - 1 / shares.shape[1]) ** 2).sum(axis=1)))]  # the most balanced one first
        inner = (shares > 0).all(axis=1)
        while len(order) < count:
            gaps = ((shares[:, None] - shares[None, order]) ** 2).sum(axis=2).min(axis=1)
            free = inner & (gaps > 0)
            order.append(int(np.argmax(np.where(free, gaps, -1) if free.any() else gaps)))
        return [self.points[index] for index in sorted(order)]

    def _shares(self) -> NDArray[np.float64]:
        """(points, axes): the logarithm of what each coefficient costs where it stands alone,
        rounded as it is, over that of the cost aimed at."""
        columns = []
        for axis in self.exponents:
            values = sorted({point.factors[axis] for point in self.points})
            alone = dict(zip(values, factors_alone(self.baseline, axis, values)[0], strict=True))
            columns.append([math.log(max(alone[point.factors[axis]], 1e-9)) for point in self.points])
        return np.array(columns).T / math.log(self.multiple)


def grid(
    baseline: Baseline,
    *,
    phi: float = 1.0,
    target: float = 2.0,
    step: float = 0.05,
    tolerance: float = 0.05,
    rule: Rule = "true",
    axes: Sequence[str] = AXES,
) -> Grid:
    """All coefficients ≥ 1 in steps of `step` at `target` times the baseline's cost (to the power
    of φ, of which coefficients are taken too).

    Raises:
        InputError: a value that cannot be, or a grid that admits nothing: its nearest triple is
            named.
    """
    _check(phi, target, step, tolerance, rule, axes)
    baseline.require_axes(axes)
    slopes, ideal = exponents(baseline, axes), ideals(baseline, axes)
    values = {axis: _values(baseline, axis, ideal[axis], phi, target, step, tolerance) for axis in axes}
    examined = math.prod(map(len, values.values()))
    if examined > MOST:
        raise InputError(
            f"a grid must have at most {MOST:,} triples, but step {step:g} gives {examined:,}: take a larger step"
        )
    table = baseline.table({axis: [value**phi for value in column] for axis, column in values.items()})
    sizes = [len(table.factors[axis]) for axis in axes]  # coefficients of a whole-number axis may fall together
    kept = {axis: _matching(values[axis], table.factors[axis], phi) for axis in axes}
    walk = _Walk(table, kept, ideal, float(baseline.cost.macs), phi=phi, target=target, tolerance=tolerance, rule=rule)
    for start in range(0, math.prod(sizes), _CHUNK):
        walk.take(unravelled(np.arange(start, min(start + _CHUNK, math.prod(sizes))), sizes))
    points, alone = walk.points()
    if not points and not alone:
        raise InputError(
            f"no triple in steps of {step:g} has {target**phi:.6g} times the cost of {baseline.name} within"
            f" {tolerance:.3g} by the {rule} rule; the nearest is {walk.nearest()}"
        )
    return Grid(
        baseline=baseline,
        phi=phi,
        target=target,
        step=step,
        tolerance=tolerance,
        rule=rule,
        exponents=slopes,
        examined=math.prod(sizes),
        counts=walk.counts,
        points=points,
        alone=alone,
        controls=controls(baseline, axes, phi=phi, target=target),
        only=walk.only,
        true_factors=walk.true_factors(),
    )


def _check(phi: float, target: float, step: float, tolerance: float, rule: str, axes: Sequence[str]) -> None:
    for name, value, low, high in (
        ("--phi", phi, 0.0, 10.0),
        ("--target", target, 1.0, 1000.0),
        ("--step", step, 0.0, 100.0),
        ("--tolerance", tolerance, 0.0, 1.0),
    ):
        if not low < value <= high:
            raise InputError(f"{name} must be above {low:g} and at most {high:g}, but got {value:g}")
    if rule not in ("true", "paper"):
        raise InputError(f"--rule must be true or paper, but got {rule!r}")
    if len(axes) < 2:
        raise InputError(f"compound scaling needs at least two axes, but got {', '.join(axes) or 'none'}")


def _values(
    baseline: Baseline, axis: str, exponent: float, phi: float, target: float, step: float, tolerance: float
) -> list[float]:
    """Coefficients of one axis: from 1 until either rule would refuse them even with all others at
    1."""
    beyond = (target * (1 + tolerance)) ** (1 / exponent)
    while True:
        count = math.floor((min(beyond, FURTHEST) - 1) / step + 1e-9) + 1
        if count > MOST:
            raise InputError(
                f"a grid must have at most {MOST:,} triples, but step {step:g} gives more on {axis} alone: take a"
                " larger step"
            )
        values = [round(1 + index * step, 9) for index in range(count)]
        factors, valid = factors_alone(baseline, axis, [value**phi for value in (values[-1] + step, *values)])
        if beyond >= FURTHEST or factors[0] > target**phi * (1 + tolerance) or not valid[0]:
            fits = [index for index, factor in enumerate(factors[1:]) if factor <= target**phi * (1 + tolerance)]
            ideal = math.floor(((target * (1 + tolerance)) ** (1 / exponent) - 1) / step + 1e-9)
            return values[: max(max(fits, default=0), ideal) + 1]
        beyond *= 1.3


def _matching(values: Sequence[float], kept: Sequence[float], phi: float) -> list[float]:
    """The coefficients at φ = 1 of those that a table has kept."""
    by_factor = {value**phi: value for value in values}
    return [by_factor[factor] for factor in kept]


def controls(
    baseline: Baseline, axes: Sequence[str] = AXES, *, phi: float = 1.0, target: float = 2.0
) -> list[GridPoint]:
    """The baseline, then each axis alone, scaled until the true cost is as near as it gets to
    `target` ^ φ times the baseline's."""
    ones, ideal = dict.fromkeys(axes, 1.0), ideals(baseline, axes)
    found = [GridPoint(base=ones, factors=ones, control="baseline", cost=baseline.cost, factor=1.0, product=1.0)]
    for axis in axes:
        factor = factor_alone(baseline, axis, target**phi)
        base = factor ** (1 / phi)
        cost = baseline.candidate({axis: factor}).cost()
        found.append(
            GridPoint(
                base=ones | {axis: base},
                factors=ones | {axis: factor},
                control=axis,
                cost=cost,
                factor=float(cost.macs / baseline.cost.macs),
                product=base ** ideal[axis],
            )
        )
    return found


class _Walk:
    """Walks through a grid chunk by chunk and keeps what a rule admits."""

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
        self._table, self._base, self._ideal, self._macs, self._phi = table, base, ideal, macs, phi
        self._target, self._tolerance, self._rule = target, tolerance, rule
        self._columns = [np.array(values) for values in base.values()]
        self._logs = [np.log(values) * ideal[axis] for axis, values in zip(base, self._columns, strict=True)]
        self._kept: list[
            tuple[NDArray[np.int32], Cost, NDArray[np.float64], NDArray[np.float64], NDArray[np.uint64]]
        ] = []
        self._off: tuple[float, str] = (math.inf, "none")
        self._paper: list[NDArray[np.float64]] = []
        self.counts = {"true": 0, "paper": 0, "both": 0, "impossible": 0}
        self.only: dict[str, list[GridPoint]] = {"paper": [], "true": []}

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
            for index in np.flatnonzero(mask)[: max(0, 3 - len(self.only[name]))]:
                self.only[name].append(self._point(chosen[index], selected(cost, index), factor[index], product[index]))
        fits = np.flatnonzero(true if self._rule == "true" else paper)
        self._kept.append((chosen[fits], selected(cost, fits), factor[fits], product[fits], names[fits]))

    def points(self) -> tuple[list[GridPoint], int]:
        """Different networks that scale more than one axis, and how many there are that scale one
        alone."""
        found: dict[int, GridPoint] = {}
        same: dict[int, list[dict[str, float]]] = {}
        for rows, cost, factors, products, names in self._kept:
            # fewest axes first, so that a triple whose other coefficients round to nothing is known
            # as scaling one axis
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
        """The triple that comes nearest to the target."""
        return self._off[1]

    def true_factors(self) -> tuple[float, float, float]:
        """Lowest, median and highest true factor of what the paper's rule admits."""
        factors = np.concatenate(self._paper) if self._paper else np.zeros(0)
        return (
            (float(factors.min()), float(np.median(factors)), float(factors.max()))
            if len(factors)
            else (math.nan, math.nan, math.nan)
        )

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
        if off[best] < self._off[0]:
            text = f"{in_letters(self._coefficients(chosen[best]))} with a true factor of {factor[best]:.4g}"
            self._off = float(off[best]), text if self._rule == "true" else f"{text} and a product of {value[best]:.4g}"

    def _coefficients(self, row: NDArray[np.int32]) -> dict[str, float]:
        return {axis: float(values[index]) for (axis, values), index in zip(self._base.items(), row, strict=True)}

    def _point(self, row: NDArray[np.int32], cost: Cost, factor: Any, product: Any) -> GridPoint:
        base = self._coefficients(row)
        scalar = Cost(*(int(getattr(cost, metric)) for metric in ("macs", "params", "activations", "peak")))
        factors = {axis: float(self._table.factors[axis][index]) for axis, index in zip(base, row, strict=True)}
        return GridPoint(
            base=base, factors=factors, control=None, cost=scalar, factor=float(factor), product=float(product)
        )


def rounded(grid: Grid, point: GridPoint) -> Iterator[tuple[str, float, float]]:
    """(axis, coefficient asked, coefficient that rounding made of it), the latter of what the two
    networks measure."""
    before, after = measures(grid.baseline.network), measures(grid.candidate(point))
    for axis, asked in point.factors.items():
        if axis in before:
            yield axis, asked, after[axis] / before[axis]
