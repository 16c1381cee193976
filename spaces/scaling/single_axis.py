"""Scales one axis alone: the cost at given coefficients, and the coefficient for a given cost.

The idealised exponents are those of Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, section
3.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...blocks import InputError
from .baseline import AXES, Baseline
from .cost_exponents import exponents

IDEAL = {"depth": 1.0, "width": 2.0, "resolution": 2.0}
"""Axis → cost exponent of the paper's rule."""
FURTHEST = 64.0
"""Largest coefficient of an axis; the smallest is 1 / FURTHEST."""
COARSE, FINE = 0.05, 0.001
"""Step sizes of the two passes that search the coefficient of a control."""


def ideals(baseline: Baseline, axes: Sequence[str] = AXES) -> dict[str, float]:
    """Return the idealised cost exponent of each axis.

    It is the paper's for depth, width and resolution, and measured for any other axis.

    Raises:
        InputError: the cost does not depend on one of the axes.
    """
    slopes = exponents(baseline, axes)
    for axis, slope in slopes.items():
        if slope < 0.05:
            raise InputError(
                f"an axis must raise the cost, but {axis} of {baseline.name} has the cost exponent {slope:.3f}"
            )
    return {axis: IDEAL.get(axis, slopes[axis]) for axis in axes}


def factors_alone(
    baseline: Baseline, axis: str, coefficients: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the true factor of each coefficient on one axis alone, and whether it can be built.

    The true factor is the network's MACs over the baseline's.
    """
    table = baseline.table({axis: coefficients})
    place = {value: index for index, value in enumerate(table.factors[axis])}
    by_value = {baseline.value(axis, value): index for value, index in place.items()}
    chosen = np.array([[by_value[baseline.value(axis, value)]] for value in coefficients], np.int32)
    cost, valid, _ = table.examine(chosen)
    return np.asarray(cost.macs) / float(baseline.cost.macs), valid


def factor_alone(baseline: Baseline, axis: str, multiple: float) -> float:
    """Return the coefficient of one axis whose true cost is nearest to `multiple` × the baseline's.

    If several are equally near, it is the nearest to 1. The coefficient is below 1 if `multiple`
    is.
    """
    if multiple < 1:
        return _shrinking(baseline, axis, multiple)
    high = 2.0
    while True:
        coarse = _steps(1.0, high, COARSE)
        factors, valid = factors_alone(baseline, axis, coarse)
        above = np.flatnonzero(valid & (factors >= multiple))
        if len(above) or high >= FURTHEST:
            break
        high = min(1.5 * high, FURTHEST)
    # the cost never falls with the coefficient: the nearest lies between the start of the last
    # plateau below `multiple` and the first coefficient above it
    last = int(above[0]) if len(above) else len(coarse) - 1
    first = int(np.flatnonzero(factors == factors[max(last - 1, 0)])[0])
    values = _steps(max(coarse[max(first - 1, 0)], 1 + FINE), coarse[last], FINE)
    factors, valid = factors_alone(baseline, axis, values)
    off = np.where(valid, np.abs(np.log(np.maximum(factors, 1e-9) / multiple)), np.inf)
    return values[int(np.argmin(off))]


def _shrinking(baseline: Baseline, axis: str, multiple: float) -> float:
    """Return the coefficient below 1 of one axis whose true cost is nearest to `multiple` × the
    baseline's."""
    smallest = round(math.ceil(1 / FURTHEST / FINE) * FINE, 9)
    coarse = [*reversed(_steps(COARSE, 1.0, COARSE)), smallest]
    factors, valid = factors_alone(baseline, axis, coarse)
    below = np.flatnonzero(~valid | (factors <= multiple))
    # as in `factor_alone`, from 1 downwards
    last = int(below[0]) if len(below) else len(coarse) - 1
    first = int(np.flatnonzero(factors == factors[max(last - 1, 0)])[0])
    values = _steps(coarse[last], min(coarse[max(first - 1, 0)], 1 - FINE), FINE)[::-1]
    factors, valid = factors_alone(baseline, axis, values)
    off = np.where(valid, np.abs(np.log(np.maximum(factors, 1e-9) / multiple)), np.inf)
    return values[int(np.argmin(off))]


def _steps(low: float, high: float, step: float) -> list[float]:
    return [round(low + index * step, 9) for index in range(max(0, math.ceil((high - low) / step - 1e-9)) + 1)]
