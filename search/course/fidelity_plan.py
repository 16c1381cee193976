"""Chooses epochs, share of the images and rungs of a search from the time that it has.

A search needs candidates to choose from, and trainings that tell them apart. With little time the
trainings are made shorter, down to what still ranks networks; with more, first the number of
candidates grows, then the trainings become longer. It is arithmetic on the seconds that a model
expects, without a clock of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from .confirmation import CERTIFIED_SHARE, FILLED, FIRST_SEEDS, STRAGGLERS
from .rungs import KEEP, Rungs

FEWEST, COMPLETE = 24, 8
"""Candidates that a search should begin, and those that it should train to the end: fewer tell
neither the sampler nor the reader which choices matter."""
MOST = 100
"""Candidates beyond which longer trainings are worth more than further candidates: the sampler's
choices hardly improve after them."""
TELLING = 240
"""Updates that a training needs for its accuracy to rank networks."""
HALF = 0.5
"""Share of the usual trainings (those without a limit of time) from which on further candidates are
worth more than longer trainings."""
LONGEST = 3
"""Longest trainings, as a multiple of the usual ones."""
SHORTEST = 3
"""Fewest epochs: size and rate of learning need some to run their course."""
LENIENT = 0.95
"""Part of the images that tell something with which a training passes: shares are in steps."""
FEW = 3
"""Candidates below which even trainings that tell little are made shorter."""
CONFIRMING = 0.3
"""Share of the time that is kept for confirming, unless the certificate needs more."""
USED = 0.85
"""Share of the workers' time that trainings fill: proposals, starts, and the last trainings of the
search, of which not all end together, take the rest."""
STEP = 0.88
"""Factor between neighbouring shares of the images that are considered."""


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
    """The same for the references, which are among the trials."""


Takes = Callable[[int, float], Times]
"""(epochs, share of the images) -> seconds of such trainings."""


@dataclass(frozen=True, kw_only=True)
class FidelityPlan:
    """How long candidates are trained, and what is expected of it."""

    epochs: int
    """Epochs of a full training."""
    fraction: float
    """Share of the training images in each of them."""
    first: int
    """Epochs before which no training is stopped."""
    trials: int
    """Candidates that are expected to begin."""
    complete: int
    """Of these, candidates that are expected to be trained to the end."""
    shortest: float
    """Seconds of the shortest full training."""
    longest: float
    """Seconds of the longest full training."""
    confirming: float
    """Seconds that are kept for confirming."""
    references: float = 0.0
    """Part of the time for searching that the references take."""
    needed: float | None = None
    """Seconds that would be enough for `FEWEST` candidates and `COMPLETE` trainings; None if this
    plan is."""

    @property
    def enough(self) -> bool:
        """Whether the plan has the candidates and trainings that a search should have."""
        return self.needed is None


@dataclass(frozen=True, kw_only=True)
class _Option:
    """One fidelity, and what it costs."""

    epochs: int
    fraction: float
    seen: float
    """Images seen in a full training."""
    times: Times
    stages: tuple[int, ...]
    """Epochs of the rungs, and the last epoch."""

    def each(self, seconds: Sequence[float], keep: float = KEEP) -> float:
        """Expected seconds of one trial: all reach the first rung, a share of them the next."""
        total, share, before = 0.0, 1.0, 0.0
        for stage in self.stages:
            total, before, share = total + share * (seconds[stage - 1] - before), seconds[stage - 1], share * keep
        return total

    @property
    def typical(self) -> float:
        """Expected seconds of a trial of the space. Samplers prefer networks near the budget, so it
        is the mean of the costlier half."""
        return _costlier(map(self.each, self.times.networks))

    def confirming(self, given: Given) -> float:
        """Seconds to keep for confirming: `CONFIRMING` of the time, or up to `CERTIFIED_SHARE` of
        it what the certificate needs: the best network and the best reference trained again, from
        `FIRST_SEEDS` seeds or, where that would take longer, from one."""
        usual = CONFIRMING * given.seconds if given.confirms else 0.0
        if not usual or not self.times.references:
            return usual
        pair = [_costlier(each[-1] for each in self.times.networks), max(each[-1] for each in self.times.references)]
        for seeds in (FIRST_SEEDS, 1):
            needed = max(*pair, sum(pair) * seeds / given.workers) / (FILLED * STRAGGLERS)
            if needed <= CERTIFIED_SHARE * given.seconds:
                return max(usual, needed)
        return usual

    def room(self, given: Given) -> float:
        """Worker seconds that trainings of the search have."""
        return USED * given.workers * (given.seconds - self.confirming(given))

    def takes(self, trials: int) -> float:
        """Worker seconds of so many trials. The first reference goes to the end, since there is
        nothing to compare it with."""
        own = self.times.references[:trials]
        first = [self.each(each, keep=1.0) for each in own[:1]]
        return sum(first) + sum(map(self.each, own[1:])) + (trials - len(own)) * self.typical

    def fits(self, seconds: float) -> int:
        """Trials that fit into so many worker seconds."""
        own = len(self.times.references)
        if self.takes(own) >= seconds:
            return max(number for number in range(own + 1) if self.takes(number) <= seconds)
        return own + int((seconds - self.takes(own)) / self.typical)

    def complete(self, trials: int) -> int:
        """Of so many trials those that are trained to the end."""
        return math.floor(trials * KEEP ** (len(self.stages) - 1))


def plan(given: Given, takes: Takes) -> FidelityPlan:
    """The plan for a search that has `given`; never fails, see `FidelityPlan.enough`."""
    options = [_option(given, epochs, fraction, takes) for epochs, fraction in _fidelities(given)]
    options.sort(key=lambda option: (-option.seen, -option.epochs))
    least = _least(given)
    found = next((one for one in options if one.fits(one.room(given)) >= _wanted(given, one, least)), None)
    needed = None
    if found is None:
        telling = [one for one in options if one.seen >= LENIENT * least] or options
        parts = [one.takes(_needed(given, one)) / one.room(given) for one in telling if given.seconds > 0]
        needed = min(parts, default=math.inf) * given.seconds
        few = min(FEW, _most(given))
        found = cheapest = min(telling, key=lambda one: one.typical)
        if cheapest.fits(cheapest.room(given)) < few:
            found = next((one for one in options if one.seen < least and one.fits(one.room(given)) >= few), None)
            found = found or min(options, key=lambda one: one.typical)
    room = found.room(given)
    trials = max(1, min(found.fits(room), _most(given)))
    whole = [each[-1] for each in (*found.times.networks, *found.times.references)]
    return FidelityPlan(
        epochs=found.epochs,
        fraction=found.fraction,
        first=found.times.first,
        trials=trials,
        complete=max(1, found.complete(trials)),
        shortest=min(whole),
        longest=max(whole),
        confirming=found.confirming(given),
        references=found.takes(len(found.times.references)) / room if room > 0 else 0.0,
        needed=needed,
    )


def _fidelities(given: Given) -> Iterator[tuple[int, float]]:
    """The fidelities that are considered: shorter trainings have fewer images and, last, fewer
    epochs; longer ones have more epochs, and more images if there are more."""
    shorter = range(min(SHORTEST, given.epochs), given.epochs + 1)
    steps = math.ceil(math.log(LONGEST) / -math.log(STEP)) if given.trials is None else 0
    longer = [round(given.epochs * LONGEST ** (step / steps)) for step in range(1, steps + 1)]
    for number in dict.fromkeys([*shorter, *longer]) if given.fixed_epochs is None else [given.fixed_epochs]:
        if given.fixed_fraction is not None:
            yield number, given.fixed_fraction
            continue
        largest = given.fraction if number <= given.epochs or given.fixed_epochs is not None else 1.0
        fraction = largest
        while fraction == largest or fraction * given.images >= 2 * min(given.batch, given.images / 4):
            yield number, round(fraction, 3 if fraction > 0.01 else 5)
            if number > given.epochs and given.fixed_epochs is None and fraction <= given.fraction:
                break  # more epochs come after more images, not in their place
            fraction *= STEP


def _option(given: Given, epochs: int, fraction: float, takes: Takes) -> _Option:
    times = takes(epochs, fraction)
    return _Option(
        epochs=epochs,
        fraction=fraction,
        seen=epochs * fraction * given.images,
        times=times,
        stages=(*Rungs(epochs, first=times.first).levels, epochs),
    )


def _costlier(each: Iterable[float]) -> float:
    """The mean of the larger half."""
    rising = sorted(each)
    half = rising[len(rising) // 2 :]
    return sum(half) / len(half)


def _usual(given: Given) -> float:
    """Images seen in a training without a limit of time."""
    epochs = given.epochs if given.fixed_epochs is None else given.fixed_epochs
    return epochs * (given.fraction if given.fixed_fraction is None else given.fixed_fraction) * given.images


def _least(given: Given) -> float:
    """Images that a training must see to tell anything."""
    return min(TELLING * given.batch, HALF * _usual(given))


def _most(given: Given) -> int:
    """Trials that there can be."""
    return min(given.networks or 10**9, given.trials or 10**9)


def _needed(given: Given, option: _Option) -> int:
    """Candidates without which a search has too few of them, or too few that are trained to the
    end; never more than there can be."""
    if given.trials is not None:
        return _most(given)
    return min(max(FEWEST, math.ceil(COMPLETE / KEEP ** (len(option.stages) - 1))), _most(given))


def _wanted(given: Given, option: _Option, least: float) -> int:
    """Candidates that a search should begin before its trainings are as long as `option`."""
    if option.seen < LENIENT * least:
        return 10**9
    if given.trials is not None:
        return _most(given)
    # from half of the usual training to all of it, candidates grow fourfold and trainings twofold
    grown = FEWEST * max(1.0, option.seen / (HALF * _usual(given))) ** 2
    return max(_needed(given, option), min(math.ceil(min(grown, MOST)), _most(given)))
