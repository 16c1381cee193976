"""Accuracies on a scale on which a model of them is of use: the best are told apart, the worst are
not."""

from __future__ import annotations

import numpy as np

from .features import Vector

SOFTENED = 0.5
"""Of the median distance from the best, what is added before the logarithm is taken."""
DEPTH = 3.0
"""Spreads of the better half below the median, from where a broken network is as bad as any."""


def warp(values: Vector) -> Vector:
    """How far each lies behind the best, on a logarithmic scale that is softened by the spread of
    the better half: the worst say little about the best."""
    behind = values.max() - values
    return -np.log(behind + SOFTENED * float(np.median(behind)) + 1e-12)


def clipped(values: Vector) -> Vector:
    """The values themselves, but none further below the median than so many spreads of the better
    half."""
    middle = float(np.median(values))
    return np.maximum(values, middle - DEPTH * max(float(values.max()) - middle, 1e-12))
