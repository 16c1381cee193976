"""Extrapolates the curves of pruned trainings, by those of trainings that were completed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .history import History

PRIOR = 3.0
"""Weight, in observations, of the belief that the error of an extrapolation has half the standard
deviation of all values at its step."""
MAX_TRAININGS = 400
"""Only the latest of the pruned, and of the completed, trainings are used."""


def continued(history: History) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The final values that pruned trials would have reached: (rows, values, variances).

    The final value is a linear function of the value at the step at which the trial was pruned,
    fitted to the completed trials with a slope shrunk towards 1: after a single one it is the value
    at the step and the gain of that one. The variance is that of the residuals and of a prior
    belief, so a trial counts less if its step predicts the end poorly. Trials pruned at a step that
    no completed trial has reported are left out.

    A search may stop nearly all of its trainings. If their values did not count until several were
    complete, it would go on proposing what has always been stopped.
    """
    rows, values, variances = [], [], []
    lines: dict[int, tuple[float, float, float] | None] = {}
    stopped = history.stopped[-MAX_TRAININGS:]
    for row, curve in stopped:
        step = max(curve)
        if step not in lines:
            lines[step] = _line(history, step, [other[step] for _, other in stopped if step in other])
        line = lines[step]
        if line is not None:
            rows.append(row)
            values.append(line[0] + line[1] * curve[step])
            variances.append(line[2])
    return np.array(rows).reshape(len(rows), len(history.columns)), np.array(values), np.array(variances)


def _line(history: History, step: int, stopped: list[float]) -> tuple[float, float, float] | None:
    """Intercept, slope and variance of the final value over the value at `step`; `stopped` are the
    values of pruned trials there."""
    pairs = [
        (curve[step], value)
        for curve, value in zip(history.curves[-MAX_TRAININGS:], history.values[-MAX_TRAININGS:, 0], strict=True)
        if step in curve
    ]
    if not pairs:
        return None
    x, y = np.array(pairs).T
    spread = float(x.var())
    ridge = max(spread, 1e-12) / len(x)
    slope = (float(((x - x.mean()) * (y - y.mean())).mean()) + ridge) / (spread + ridge)
    residuals = y - y.mean() - slope * (x - x.mean())
    doubt = PRIOR * 0.25 * float(np.var([*x, *stopped]))
    variance = (float(residuals @ residuals) + doubt) / (max(len(x) - 2, 0) + PRIOR)
    return float(y.mean() - slope * x.mean()), slope, variance
