"""Counts what trainings of one fidelity take: how many fit into the time of a search, and what
confirming its best networks needs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from .confirmation import CERTIFIED_SHARE, FILLED, FIRST_SEEDS, FIRST_SHARE, STRAGGLERS, seconds_for
from .rungs import KEEP

CONFIRMING = 0.3
"""Share of the time that is kept for confirming, unless the certificate needs more."""
USED = 0.85
"""Share of the workers' time that trainings fill: proposals, starts, and the last trainings of the
search, of which not all end together, take the rest."""
SOMEWHAT = 1.1
"""Factor up to which a search may be longer than what it needs without keeping a larger share."""
ROUNDS = 3
"""Trainings of each worker from which on it does not matter that workers do not end together."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a plan has to go by."""

    seconds: float
    """Time for searching and confirming."""
    workers: int
    """Networks trained at once."""
    images: int
    """Images of the training part."""
    batch: int
    """Images of an update."""
    epochs: int
    """Epochs of a training without a limit of time."""
    fraction: float
    """Its share of the images."""
    networks: int | None = None
    """Different networks within the budget; None if they are too many to count."""
    trials: int | None = None
    """Trials asked for; None if only time ends the search."""
    fixed_epochs: int | None = None
    """Epochs that the user asked for."""
    fixed_fraction: float | None = None
    """Share of the images that the user asked for."""
    confirms: bool = True
    """Whether networks are confirmed."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """Expected seconds of trainings of one fidelity."""

    first: int
    """The first epoch whose accuracies rank networks."""
    networks: Sequence[Sequence[float]]
    """Seconds of a network's training up to the end of each epoch, for networks of the space."""
    references: Sequence[Sequence[float]] = ()
    """Seconds of a reference's training up to the end of each epoch; references are trials too."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """One fidelity, and what it costs."""

    epochs: int
    fraction: float
    seen: float
    """Images seen in a full training."""
    times: Times
    stages: tuple[int, ...]
    """Epochs of the rungs, and the last epoch."""
    keeps: bool
    """Whether time is kept for confirming."""

    def each(self, seconds: Sequence[float], keep: float = KEEP) -> float:
        """Expected seconds of one trial: all reach the first rung, a share of them the next."""
        total, share, before = 0.0, 1.0, 0.0
        for stage in self.stages:
            total, before, share = total + share * (seconds[stage - 1] - before), seconds[stage - 1], share * keep
        return total

    @cached_property
    def typical(self) -> float:
        """Expected seconds of a trial of the space. Samplers prefer networks near the budget, so it
        is the mean of the costlier half."""
        return _costlier(map(self.each, self.times.networks))

    @cached_property
    def whole(self) -> float:
        """Expected seconds of such a trial that goes to the end."""
        return _costlier(each[-1] for each in self.times.networks)

    def confirming(self, given: Given) -> float:
        """Seconds to keep for confirming: `CONFIRMING` of the time, or up to `CERTIFIED_SHARE` of
        it what the certificate needs: the best network and the best reference trained again, from
        `FIRST_SEEDS` seeds or, where that would take longer, from one; or up to `FIRST_SHARE` of it
        what one network alone needs. Nothing if that would take longer still."""
        usual = CONFIRMING * given.seconds if self.keeps else 0.0
        best = self.whole
        if usual and self.times.references:
            pair = [best, max(each[-1] for each in self.times.references)]
            for seeds in (FIRST_SEEDS, 1):
                needed = kept_for(max(*pair, sum(pair) * seeds / given.workers))
                if needed <= CERTIFIED_SHARE * given.seconds:
                    return max(usual, needed)
        alone = kept_for(best)
        return max(usual, alone) if usual and alone <= FIRST_SHARE * given.seconds else 0.0

    def room(self, given: Given) -> float:
        """Seconds that trainings of the search have."""
        return USED * (given.seconds - self.confirming(given))

    def lasts(self, trials: int, workers: int) -> float:
        """Seconds in which `workers` end `trials`. If each does only a few, some wait for the last
        trials."""
        seconds = self.takes(trials) / workers
        return seconds if trials >= ROUNDS * workers else max(seconds, seconds_for(self.trials(trials), workers))

    def needs(self, trials: int, given: Given) -> float:
        """Seconds of a search in which `trials` fit, with the time for confirming that it
        would keep."""
        lasts = self.lasts(trials, given.workers)
        seconds = max(given.seconds, kept_for(self.whole) / FIRST_SHARE if self.keeps else 0.0)
        for share in (0.0, CONFIRMING, (CONFIRMING + CERTIFIED_SHARE) / 2, CERTIFIED_SHARE, FIRST_SHARE):
            seconds = max(seconds, lasts / (USED * (1 - share)))
            # a search that is somewhat longer may keep a larger share
            if all(self.room(replace(given, seconds=factor * seconds)) >= lasts for factor in (1.0001, SOMEWHAT)):
                break
        return seconds

    def takes(self, trials: int) -> float:
        """Worker seconds of `trials`."""
        own = self.trials(min(trials, len(self.times.references)))
        return sum(own) + (trials - len(own)) * self.typical

    def trials(self, count: int) -> list[float]:
        """Seconds of each of `count` trials. One reference is counted to its end and the others as
        all trials are, which is about the half of them that goes on in any case."""
        own = self.times.references[:count]
        first = [self.each(each, keep=1.0) for each in own[:1]]
        return [*first, *map(self.each, own[1:]), *[self.typical] * (count - len(own))]

    def fits(self, given: Given) -> int:
        """Trials that fit into the time for searching. None if not even one of them would end in
        it, or none would be confirmed though time is kept."""
        room, own = self.room(given), len(self.times.references)
        if self.whole > room or self.keeps > (self.confirming(given) > 0):
            return 0
        count = own + int(max(0.0, room * given.workers - self.takes(own)) / self.typical)
        while count and self.lasts(count, given.workers) > room:
            count -= 1
        return count

    def complete(self, trials: int) -> int:
        """How many of `trials` are trained to the end."""
        return math.floor(trials * KEEP ** (len(self.stages) - 1))


def _costlier(each: Iterable[float]) -> float:
    """The mean of the larger half."""
    rising = sorted(each)
    half = rising[len(rising) // 2 :]
    return sum(half) / len(half)


def kept_for(seconds: float) -> float:
    """Seconds to keep so that final trainings of these seconds end in time."""
    return seconds / (FILLED * STRAGGLERS)
