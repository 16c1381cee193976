"""The time of a run: what has passed, what is left, and what is kept for confirming."""

from __future__ import annotations

import time
from collections.abc import Callable

from ...studies import FrontPoint
from .confirmation import seconds_for
from .limits import Limits

RESERVE_SHARE = 0.35
"""The largest part of the time that is kept for confirming."""


class Clock:
    """The time of one run, and how long an epoch of each network has taken in it."""

    def __init__(
        self, limits: Limits, *, now: Callable[[], float] = time.monotonic, began: float | None = None
    ) -> None:
        """Start the clock.

        Args:
            limits: the time given, and how networks are confirmed.
            now: the current time in seconds.
            began: when the time given began to count, by `now`; now if None.
        """
        self._limits, self._now = limits, now
        self._began = now() if began is None else began
        self._epoch_seconds: dict[str, float] = {}
        self.workers = 1
        """Workers that train at once."""

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._now() - self._began

    @property
    def left(self) -> float | None:
        """Seconds until the run must end; None if there is no limit of time."""
        return None if self._limits.seconds is None else max(0.0, self._limits.seconds - self.elapsed)

    def timed(self, network: str, seconds: float) -> None:
        """Note that an epoch of the network with this id took `seconds`."""
        self._epoch_seconds[network] = seconds

    def longest_epoch(self) -> float:
        """Seconds of the longest epoch noted so far; 0 before the first."""
        return max(self._epoch_seconds.values(), default=0.0)

    def may_search(self, leaders: Callable[[], list[FrontPoint]], share: float = 1.0) -> bool:
        """Whether the time kept for confirming `leaders` has not begun yet; with a `share` below 1,
        whether less than that part of it has been used."""
        seconds = self._limits.seconds
        return seconds is None or self.elapsed < seconds - share * self._reserve(leaders(), seconds)

    def takes(self, points: list[FrontPoint], seeds: int) -> float | None:
        """Seconds for one epoch of a final training of each of `points` from `seeds` seeds, on all
        workers; None if an epoch of one of them was never timed."""
        found = seconds_for(points, seeds, self._epoch_seconds, self.workers)
        return None if found is None else self._limits.epoch_scale * found

    def _reserve(self, leaders: list[FrontPoint], seconds: float) -> float:
        """Seconds to keep for confirming: what it is expected to take, with a margin.

        It is at most `RESERVE_SHARE` of the time given, unless one network alone needs more. Where
        even that would take half of the time, nothing is kept and all of it is spent on searching.
        """
        limits = self._limits
        share = RESERVE_SHARE * seconds if limits.finals else 0.0
        expected, first = self.takes(leaders, limits.seeds), self.takes(leaders[:1], 1)
        if expected is None or first is None:
            return share
        full = leaders[0].evaluation.fidelity
        least = full.passes * first / 0.7  # stragglers and margins take the rest
        if least > 0.5 * seconds:
            return 0.0
        return max(least, min(share, 1.25 * limits.factor * full.epochs * expected + 5.0))
