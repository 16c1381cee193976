"""Rank correlation of the accuracy at each rung with the accuracy at full fidelity.

Only complete trainings can be compared, and these were promoted because of their accuracy at the
rung. Over this restricted range a correlation is lower than over all candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..statistics.intervals import Interval
from ..statistics.rank_correlation import spearman_and_kendall
from ..writing.json_values import JSON
from .search_rows import WAITING, Row

MAX_EPOCHS = 8
"""Limit on the epochs shown where no training was stopped, and the rungs are therefore unknown."""


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """Correlation of accuracies at one rung with those at full fidelity."""

    epoch: int
    """Epoch of the rung."""
    n: int
    """Number of complete trainings that reported an accuracy at this epoch."""
    stopped: int
    """Number of trainings that were pruned at this rung, or are paused there."""
    spearman: float | None
    """Spearman's rho; None with fewer than five trainings, or where all accuracies are equal."""
    spearman_interval: Interval | None
    """The 95 % confidence interval of Spearman's rho."""
    kendall: float | None
    """Kendall's tau-b, which corrects for ties; None where Spearman's rho is."""
    kendall_interval: Interval | None
    """The 95 % confidence interval of Kendall's tau-b."""

    def to_dict(self) -> dict[str, JSON]:
        """The correlation as plain JSON."""
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
    """One correlation for each rung, in the order of the epochs.

    Rungs are the epochs at which a training was pruned or is paused. If there are none, the
    reported epochs at 1/2, 1/4, … of a full training take their place.
    """
    complete = [row for row in rows if row.complete and row.curve]
    if not complete:
        return ()
    full = max(row.full for row in complete)
    stops = [row.curve[-1][0] for row in rows if row.state in ("PRUNED", WAITING) and row.curve]
    reported = {epoch for row in complete for epoch, _ in row.curve if epoch < full}
    epochs = {stop for stop in stops if stop < full} or {full // 2**power for power in range(1, MAX_EPOCHS)} & reported
    return tuple(_correlation(epoch, full, complete, stops.count(epoch)) for epoch in sorted(epochs))


def _correlation(epoch: int, full: int, complete: Sequence[Row], stopped: int) -> Correlation:
    pairs = [
        (dict(row.curve)[epoch], row.reached)
        for row in complete
        if epoch in dict(row.curve) and row.full == full and row.reached is not None
    ]
    found = spearman_and_kendall([early for early, _ in pairs], [late for _, late in pairs])
    spearman, kendall = found or (None, None)
    return Correlation(
        epoch=epoch,
        n=len(pairs),
        stopped=stopped,
        spearman=spearman and spearman.value,
        spearman_interval=spearman and spearman.interval,
        kendall=kendall and kendall.value,
        kendall_interval=kendall and kendall.interval,
    )
