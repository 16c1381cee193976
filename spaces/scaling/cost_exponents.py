"""How much an axis costs: its exponent, measured from the cost model.

The paper's rule takes 1, 2, 2 for depth, width and resolution (Tan & Le, EfficientNet, ICML 2019,
arXiv:1905.11946, section 3.3). True networks differ: stem and classifier do not grow with depth,
and widths and repeats grow in steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .baseline import AXES, Baseline

COEFFICIENTS = tuple(round(1 + 0.01 * index, 2) for index in range(101))
"""1 to 2, over which the exponent is fitted."""


def exponents(baseline: Baseline, axes: Sequence[str] = AXES) -> dict[str, float]:
    """Axis → the slope of log MACs over log coefficient, each axis scaled alone from 1 to 2: least
    squares through the baseline's own cost.

    Raises:
        InputError: the baseline does not have one of the axes.
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
    # a whole-number axis is what it is rounded to, not what was asked
    x = np.log([baseline.value(axis, factor) / baseline.own[axis] for factor in kept])[valid]
    y = np.log(np.asarray(cost.macs, float)[valid] / float(baseline.cost.macs))
    return float(x @ y / (x @ x)) if (x @ x) > 0 else 0.0
