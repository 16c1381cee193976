"""The random part of a search: its control, and what a sampler begins with."""

from __future__ import annotations

from .clock import Clock
from .limits import Limits

SHARE = 0.15
"""Largest share of the trials, and of the time, that are drawn at random."""
MOST = 32
"""Largest number of trials drawn at random: enough to tell what random search finds."""


class RandomPart:
    """Counts the random trials of a study, and says whether the next one is to be random."""

    def __init__(self, limits: Limits, clock: Clock, epochs: int) -> None:
        """Begin with none; `epochs` are those of a full training."""
        self._limits, self._clock, self._epochs = limits, clock, epochs
        self._count = 0

    def note(self, origin: str) -> None:
        """Note that a trial of this origin has begun."""
        self._count += origin == "random"

    def goes_on(self) -> bool:
        """Whether the next candidate is to be drawn at random."""
        if self._count >= MOST:
            return False
        trials, seconds = self._limits.trials, self._limits.seconds
        if trials is not None and self._count >= max(1, int(SHARE * trials)):
            return False
        if seconds is None or self._count < self._clock.workers:
            return True
        each = self._clock.longest_epoch() * self._epochs
        return (self._count + 1) * each <= SHARE * seconds * self._clock.workers
