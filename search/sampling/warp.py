"""Transforms accuracies before a model is fitted, so that differences among the best count most."""

from __future__ import annotations

import numpy as np

from .features import Vector

SOFTENED = 0.5
"""Fraction of the median distance from the best that is added before taking the logarithm."""
DEPTH = 3.0
"""Values are clipped this many times (best - median) below the median."""


def warp(values: Vector) -> Vector:
    """Minus the logarithm of the distance from the best, softened by the median distance. The worst
    values then have little influence on the model near the best."""
    behind = values.max() - values
    return -np.log(behind + SOFTENED * float(np.median(behind)) + 1e-12)


def clipped(values: Vector) -> Vector:
    """The values, clipped from below at DEPTH times (best - median) under the median."""
    middle = float(np.median(values))
    return np.maximum(values, middle - DEPTH * max(float(values.max()) - middle, 1e-12))
