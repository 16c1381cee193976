"""Measures the cost exponent of each axis: by which power of its coefficient the MACs grow.

The paper assumes 1, 2, 2 for depth, width and resolution (Tan & Le, EfficientNet, ICML 2019,
arXiv:1905.11946, section 3.3). Real networks differ: stem and classifier do not grow with depth,
and widths and repeats are rounded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .baseline import AXES, Baseline

COEFFICIENTS = tuple(round(1 + 0.01 * index, 2) for index in range(101))
"""The coefficients, 1 to 2, over which the exponent is fitted."""


def exponents(baseline: Baseline, axes: Sequence[str] = AXES) -> dict[str, float]:
    """Return the cost exponent of each axis: the slope of log MACs over log coefficient.

    Each axis is scaled alone from 1 to 2. The slope is a least-squares fit through the baseline's
    own cost.

    Raises:
        InputError: the baseline lacks one of the axes.
    """
    baseline.require_axes(axes)
    for axis in axes:
        if axis not in baseline.slopes:
            baseline.slopes[axis] = _slope(baseline, axis)
    return {axis: baseline.slopes[axis] for axis in axes}


def _slope(baseline: Baseline, axis: str) -> float:
    table = baseline.table({axis: COEFFICIENTS})
    kept = table.factors[axis]
    cost, valid, _ = table.examine(np.arange(len(kept), dtype=np.int32)[:, None])
    # on a whole-number axis the coefficient is that of the rounded value
    x = np.log([baseline.value(axis, factor) / baseline.own[axis] for factor in kept])[valid]
    y = np.log(np.asarray(cost.macs, float)[valid] / float(baseline.cost.macs))
    return float(x @ y / (x @ x)) if (x @ x) > 0 else 0.0
