"""Extrapolates the curves of pruned trainings, by those of trainings that were completed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .history import History

MIN_COMPLETED = 4
"""Completed trainings needed that have a value at the step at which another was pruned."""
MAX_TRAININGS = 400
"""Only the latest of the pruned, and of the completed, trainings are used."""


def continued(history: History) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The final values that pruned trials would have reached: (rows, values, variances).

    The final value is a linear function of the value at the step at which the trial was pruned,
    fitted to the completed trials with a slope shrunk towards 1. The variance is that of the
    residuals, so a trial counts less if its step predicts the end poorly. Trials pruned at a step
    that fewer than MIN_COMPLETED completed trials have reported are left out.
    """
    rows, values, variances = [], [], []
    lines: dict[int, tuple[float, float, float] | None] = {}
    for row, curve in history.stopped[-MAX_TRAININGS:]:
        step = max(curve)
        if step not in lines:
            lines[step] = _line(history, step)
        line = lines[step]
        if line is not None:
            rows.append(row)
            values.append(line[0] + line[1] * curve[step])
            variances.append(line[2])
    return np.array(rows).reshape(len(rows), len(history.columns)), np.array(values), np.array(variances)


def _line(history: History, step: int) -> tuple[float, float, float] | None:
    """Intercept, slope and residual variance of the final value over the value at `step`."""
    pairs = [
        (curve[step], value)
        for curve, value in zip(history.curves[-MAX_TRAININGS:], history.values[-MAX_TRAININGS:, 0], strict=True)
        if step in curve
    ]
    if len(pairs) < MIN_COMPLETED:
        return None
    x, y = np.array(pairs).T
    spread = float(x.var())
    ridge = max(spread, 1e-12) / len(x)
    slope = (float(((x - x.mean()) * (y - y.mean())).mean()) + ridge) / (spread + ridge)
    residuals = y - y.mean() - slope * (x - x.mean())
    return float(y.mean() - slope * x.mean()), slope, float(residuals @ residuals) / (len(x) - 2)
