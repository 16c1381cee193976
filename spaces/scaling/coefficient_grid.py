"""The grid of compound scaling: all triples (α, β, γ) at a given multiple of the baseline's cost.

Source: Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, section 3.3, step 1: fix φ = 1, assume
twice the resources, search α, β, γ ≥ 1 under α·β²·γ² ≈ 2. The paper states neither the step nor the
number of triples. Two rules are offered: the paper's, by the product of idealised exponents, and
the true one, by the cost of the network after rounding of widths, repeats and sizes. Triples that
build the same network are one point. The controls scale one axis alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...blocks import InputError
from ..candidates.candidate import Candidate
from ..draws.bulk import unravelled
from .baseline import AXES, Baseline
from .cost_exponents import exponents
from .grid_point import GridPoint, controls
from .scaled_space import ScaledSpace
from .single_axis import factors_alone, ideals
from .stage_sizes import measures
from .triples import MOST, Rule, TripleWalk, coefficients_of, kept_coefficients

_CHUNK = 1 << 18
"""Triples examined in one pass."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The networks that a rule admits, the controls, and counts of what was left out."""

    baseline: Baseline
    """The network that is scaled."""
    phi: float
    """The compound coefficient φ."""
    target: float
    """The multiple of the baseline's cost that is aimed at when φ = 1."""
    step: float
    """Distance between neighbouring coefficients of one axis."""
    tolerance: float
    """Relative deviation allowed: of the cost (true rule) or of the product (paper's rule)."""
    rule: Rule
    """The rule that admits triples."""
    exponents: dict[str, float]
    """Axis → cost exponent, measured from the cost model."""
    examined: int
    """Number of triples on the grid."""
    counts: dict[str, int]
    """Triples admitted by the `true` rule, by the `paper` rule and by `both`, and triples that are
    `impossible` to build."""
    points: list[GridPoint]
    """The different networks that the rule admits and that scale more than one axis, sorted by
    their coefficients."""
    alone: int
    """Number of different networks that the rule admits and that scale one axis alone. They are not
    points: the controls represent them."""
    controls: list[GridPoint]
    """The baseline, then each axis alone at the cost nearest to the target."""
    only: dict[str, list[GridPoint]]
    """Up to three triples that only one rule admits: "paper" → their true cost misses the target,
    "true" → their product misses it."""
    true_factors: tuple[float, float, float]
    """Lowest, median and highest true factor among the triples of the paper's rule; NaN if the rule
    admits none."""

    @property
    def multiple(self) -> float:
        """The cost aimed at over the baseline's cost: target ^ φ."""
        return self.target**self.phi

    @cached_property
    def scaled(self) -> ScaledSpace:
        """The space that contains every point and every control."""
        values = {
            axis: sorted({point.factors[axis] for point in (*self.points, *self.controls)}) for axis in self.exponents
        }
        return self.baseline.table(values)

    def candidate(self, point: GridPoint) -> Candidate:
        """Return the network of a point."""
        return self.baseline.candidate(point.factors)

    def spread(self, count: int) -> list[GridPoint]:
        """Choose `count` points that lie far from each other; all points if there are no more.

        The distance is that between the shares of the cost that the axes take (see `_shares`). The
        most balanced point is taken first, then always the point farthest from those taken. Points
        that scale every axis take precedence: the controls already stand at the corners, where one
        axis takes the whole cost.
        """
        if count >= len(self.points):
            return list(self.points)
        shares = self._shares()
        order = [int(np.argmin(((shares - 1 / shares.shape[1]) ** 2).sum(axis=1)))]
        inner = (shares > 0).all(axis=1)
        while len(order) < count:
            gaps = ((shares[:, None] - shares[None, order]) ** 2).sum(axis=2).min(axis=1)
            free = inner & (gaps > 0)
            order.append(int(np.argmax(np.where(free, gaps, -1) if free.any() else gaps)))
        return [self.points[index] for index in sorted(order)]

    def _shares(self) -> NDArray[np.float64]:
        """Share of the cost that each axis takes, shape (points, axes).

        It is the logarithm of the true factor of the axis scaled alone, over the logarithm of the
        multiple aimed at.
        """
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
    """Find the networks that scale the baseline to `target` ^ φ times its cost.

    The coefficients at φ = 1 run from 1 in steps of `step`; a network is scaled by their powers of
    φ.

    Args:
        baseline: the network that is scaled.
        phi: the compound coefficient φ.
        target: multiple of the baseline's cost when φ = 1.
        step: distance between neighbouring coefficients of one axis.
        tolerance: relative deviation allowed, of the cost (true rule) or the product (paper's).
        rule: which rule admits triples.
        axes: the axes to scale, at least two.

    Raises:
        InputError: an argument is out of its range, the grid has more than `MOST` triples, or the
            rule admits none; the message then names the nearest triple.
    """
    _check(phi, target, step, tolerance, rule, axes)
    baseline.require_axes(axes)
    slopes, ideal = exponents(baseline, axes), ideals(baseline, axes)
    values = {axis: coefficients_of(baseline, axis, ideal[axis], phi, target, step, tolerance) for axis in axes}
    examined = math.prod(map(len, values.values()))
    if examined > MOST:
        raise InputError(
            f"a grid must have at most {MOST:,} triples, but step {step:g} gives {examined:,}: take a larger step"
        )
    table = baseline.table({axis: [value**phi for value in column] for axis, column in values.items()})
    sizes = [len(table.factors[axis]) for axis in axes]  # values of a whole-number axis may coincide
    kept = {axis: kept_coefficients(values[axis], table.factors[axis], phi) for axis in axes}
    walk = TripleWalk(
        table, kept, ideal, float(baseline.cost.macs), phi=phi, target=target, tolerance=tolerance, rule=rule
    )
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
    if not (-10 <= phi <= 10 and phi != 0):
        raise InputError(f"--phi must lie between -10 and 10 and not be 0, but got {phi:g}")
    for name, value, low, high in (
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


def rounded(grid: Grid, point: GridPoint) -> Iterator[tuple[str, float, float]]:
    """Yield (axis, coefficient asked for, coefficient after rounding) for a point.

    The latter is the ratio of what `measures` finds in the point's network and in the baseline.
    """
    before, after = measures(grid.baseline.network), measures(grid.candidate(point))
    for axis, asked in point.factors.items():
        if axis in before:
            yield axis, asked, after[axis] / before[axis]
