"""What a stopped training would have reached: its last value, continued as those that went on to
the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .history import History

FEWEST = 4
"""Trainings that must have passed the same step on their way to the end."""
MOST = 400
"""Of either kind the latest are looked at."""


def continued(history: History) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(rows, values, variances) of the stopped trials whose last step others have passed: a
    straight line through theirs, its slope drawn towards 1.

    The variance is that of the line's residuals, raised for few points: a stopped trial counts the
    less, the less its step says about the end.
    """
    rows, values, variances = [], [], []
    lines: dict[int, tuple[float, float, float] | None] = {}
    for row, curve in history.stopped[-MOST:]:
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
    """Intercept, slope and residual variance of the end over the value at a step."""
    pairs = [
        (curve[step], value)
        for curve, value in zip(history.curves[-MOST:], history.values[-MOST:, 0], strict=True)
        if step in curve
    ]
    if len(pairs) < FEWEST:
        return None
    x, y = np.array(pairs).T
    spread = float(x.var())
    ridge = max(spread, 1e-12) / len(x)
    slope = (float(((x - x.mean()) * (y - y.mean())).mean()) + ridge) / (spread + ridge)
    residuals = y - y.mean() - slope * (x - x.mean())
    return float(y.mean() - slope * x.mean()), slope, float(residuals @ residuals) / (len(x) - 2)
