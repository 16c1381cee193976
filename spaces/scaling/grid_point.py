"""One network of a grid of compound scaling, and the controls, which scale one axis alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...blocks import Cost
from .baseline import AXES, Baseline
from .single_axis import factor_alone, ideals


@dataclass(frozen=True, kw_only=True)
class GridPoint:
    """One network of the grid."""

    base: dict[str, float]
    """Axis → coefficient at φ = 1: α, β, γ."""
    factors: dict[str, float]
    """Axis → coefficient to the power of φ: the multiple by which the baseline is scaled."""
    control: str | None
    """The single axis that a control scales, "baseline" for the baseline itself, None for a point
    of the grid."""
    cost: Cost
    """Cost of the network after rounding, as ints."""
    factor: float
    """True factor: MACs of the network over MACs of the baseline."""
    product: float
    """Idealised factor: the product of the coefficients, each to the power of its exponent."""
    same: tuple[dict[str, float], ...] = ()
    """Further triples that round to this network."""


def controls(
    baseline: Baseline, axes: Sequence[str] = AXES, *, phi: float = 1.0, target: float = 2.0
) -> list[GridPoint]:
    """Return the baseline, then one network for each axis, scaled alone.

    Each axis is scaled until the true cost is as near as rounding allows to `target` ^ φ times the
    baseline's.
    """
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
