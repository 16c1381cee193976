"""How well the accuracy at a rung tells the one at the end: rank correlations over the trainings
that got there.

Only what was promoted got to the end, and it was promoted for its accuracy at the rung: over this
narrower range a correlation is lower than over all candidates. Intervals: Fisher's z, with the
variances of Bonett & Wright, Psychometrika 65 (2000), for Spearman and of Fieller et al.,
Biometrika 44 (1957), for Kendall.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..json_values import JSON
from ..statistics.intervals import Interval
from .baseline import LEVEL
from .rows import WAITING, Row

LEAST = 5
"""Trainings below which no correlation is given."""
MOST = 8
"""Epochs shown where nothing says at which there are rungs."""


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """Accuracies after some epochs against those at the end."""

    epoch: int
    """The rung."""
    n: int
    """Complete trainings that reported there."""
    stopped: int
    """Trainings that ended here, or wait here."""
    spearman: float | None
    """None with fewer than five, or where all are equal."""
    spearman_interval: Interval | None
    """Of 95 %."""
    kendall: float | None
    """Tau-b, which knows of ties."""
    kendall_interval: Interval | None
    """Of 95 %."""

    def to_dict(self) -> dict[str, JSON]:
        """As plain JSON."""
        return {
            "epoch": self.epoch,
            "n": self.n,
            "stopped": self.stopped,
            "spearman": self.spearman,
            "spearman_interval": list(self.spearman_interval) if self.spearman_interval else None,
            "kendall": self.kendall,
            "kendall_interval": list(self.kendall_interval) if self.kendall_interval else None,
        }


def rank_correlations(rows: Sequence[Row]) -> tuple[Correlation, ...]:
    """One for each rung: an epoch at which a training was stopped or waits; without any, epochs at
    halves of the whole."""
    complete = [row for row in rows if row.complete and row.curve]
    if not complete:
        return ()
    full = max(row.full for row in complete)
    stops = [row.curve[-1][0] for row in rows if row.state in ("PRUNED", WAITING) and row.curve]
    reported = {epoch for row in complete for epoch, _ in row.curve if epoch < full}
    epochs = {stop for stop in stops if stop < full} or {full // 2**power for power in range(1, MOST)} & reported
    found = []
    for epoch in sorted(epochs):
        pairs = [
            (dict(row.curve)[epoch], row.reached)
            for row in complete
            if epoch in dict(row.curve) and row.full == full and row.reached is not None
        ]
        early, late = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        spearman, kendall = _ranks(early, late)
        found.append(
            Correlation(
                epoch=epoch,
                n=len(pairs),
                stopped=stops.count(epoch),
                spearman=spearman,
                spearman_interval=_spearman(spearman, len(pairs)),
                kendall=kendall,
                kendall_interval=_kendall(kendall, len(pairs)),
            )
        )
    return tuple(found)


def _ranks(early: Sequence[float], late: Sequence[float]) -> tuple[float | None, float | None]:
    if len(early) < LEAST or len(set(early)) < 2 or len(set(late)) < 2:
        return None, None
    from scipy.stats import kendalltau, spearmanr

    return float(spearmanr(early, late).statistic), float(kendalltau(early, late).statistic)  # pyright: ignore[reportAttributeAccessIssue]


def _spearman(value: float | None, n: int) -> Interval | None:
    if value is None:
        return None
    nearest = 1 - 6 / (n * (n * n - 1))  # half of a swap of neighbours from 1, where z has no value
    return _fisher(max(-nearest, min(nearest, value)), math.sqrt((1 + value * value / 2) / (n - 3)), value)


def _kendall(value: float | None, n: int) -> Interval | None:
    if value is None:
        return None
    nearest = 1 - 2 / (n * (n - 1))
    return _fisher(max(-nearest, min(nearest, value)), math.sqrt(0.437 / (n - 4)), value)


def _fisher(bounded: float, error: float, value: float) -> Interval:
    from scipy.special import ndtri

    half = float(ndtri((1 + LEVEL) / 2)) * error
    return Interval(
        min(value, math.tanh(math.atanh(bounded) - half)), max(value, math.tanh(math.atanh(bounded) + half))
    )
