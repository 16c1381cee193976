"""Computes how much each of many points would increase the hypervolume of a front."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MARGIN = 0.1
"""Distance of the reference point below the lowest values, as a fraction of the range."""


def improvements(
    values: NDArray[np.float64], points: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """The increase in hypervolume by each of `points`; all objectives are maximised.

    Exact for two objectives. For more it is estimated by 2,000 uniform draws from the box between
    the reference point and the highest values.

    Args:
        values: (n, objectives), the observed points.
        points: (m, objectives), the points to compare.
        rng: draws the estimate's points.

    Returns:
        (m,); only the proportions between points have a meaning.
    """
    low, high = values.min(0), np.maximum(values.max(0), points.max(0))
    span = np.where(high > low, high - low, 1.0)
    reference = low - MARGIN * span
    scaled, wanted = (values - reference) / span, np.maximum((points - reference) / span, 0.0)
    if values.shape[1] == 2:
        return _plane(scaled, wanted)
    box = rng.random((2_000, values.shape[1])) * (1 + MARGIN)
    box = box[~(scaled[:, None] >= box[None]).all(2).any(0)]
    return (wanted[:, None] >= box[None]).all(2).mean(1) if len(box) else np.zeros(len(points))


def _plane(values: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two objectives: the area that each point dominates and the front does not."""
    order = np.lexsort((-values[:, 1], -values[:, 0]))
    front, highest = [], 0.0
    for x, y in values[order]:
        if y > highest:
            front.append((x, y))
            highest = y
    # steps from right to left: between the x of one step and that of the next, the front is as high
    # as the former
    right = np.array([np.inf, *(x for x, _ in front)])
    left = np.array([*(x for x, _ in front), 0.0])
    height = np.array([0.0, *(y for _, y in front)])
    width = np.clip(np.minimum(points[:, :1], right[None]) - left[None], 0.0, None)
    return (width * np.clip(points[:, 1:] - height[None], 0.0, None)).sum(1)
