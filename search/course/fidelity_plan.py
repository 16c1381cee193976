"""Chooses epochs, share of the images and rungs of a search from the time that it has.

A search needs candidates to choose from, and trainings that tell them apart. With little time the
trainings are made shorter, down to what still ranks networks; with more, first the number of
candidates grows, then the trainings become longer. It is arithmetic on the seconds that a model
expects, without a clock of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from .fidelity_option import ROUNDS, Given, Option, Times
from .rungs import KEEP, Rungs

NOTE = "plan"
"""Note of the study that keeps what was planned."""
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
LEARNING = 120
"""Updates below which a network has hardly begun to learn: its accuracy is near chance, and the
network that is handed over is of no use. Trainings are made shorter than this only if not even one
such training fits into the time."""
FEW = 3
"""Complete trainings without which there is nothing to choose from."""
SEVERAL = 4
"""Complete trainings for which those that tell little are made shorter, down to `LEARNING` updates.
It is done too if fewer than `ROUNDS` candidates of each worker would begin: a single round that
takes longer than expected would complete nothing."""
CLEARLY = 1.2
"""Times as many candidates for which fewer of them are trained to the end."""
STEP = 0.88
"""Factor between neighbouring shares of the images that are considered."""


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


def plan(given: Given, takes: Takes) -> FidelityPlan:
    """The plan for a search that has `given`; never fails, see `FidelityPlan.enough`."""
    options = [_option(given, epochs, fraction, takes) for epochs, fraction in _fidelities(given)]
    options.sort(key=lambda option: (-option.seen, -option.epochs))
    options += [replace(one, keeps=False) for one in options if one.keeps]  # they are confirmed if that can be
    least = _least(given)
    wanted = [one for one in options if one.fits(given) >= _wanted(given, one, least)]
    telling = [one for one in options if one.seen >= LENIENT * least]
    # longer ones than wanted may still fit where shorter ones cannot be stopped early
    enough = [one for one in reversed(telling) if one.fits(given) >= _needed(given, one)]
    found = next((one for one in (*wanted, *enough) if one.keeps == given.confirms), None)
    needed = None
    if found is None:
        shortest = min(one.seen for one in telling or options)
        found = _short(given, options, wanted, shortest) or min(options, key=lambda one: (one.typical, one.keeps))
        found = _more(given, options, found)
        confirmed = (one for one in telling or options if one.keeps == given.confirms)
        needed = min(one.needs(_needed(given, one), given) for one in confirmed)
    room = found.room(given)
    trials = max(1, min(found.fits(given), _most(given)))
    whole = [each[-1] for each in (*found.times.networks, *found.times.references)]
    references = found.takes(len(found.times.references))
    return FidelityPlan(
        epochs=found.epochs,
        fraction=found.fraction,
        first=found.times.first,
        trials=trials,
        complete=max(1, found.complete(trials)),
        shortest=min(whole),
        longest=max(whole),
        confirming=found.confirming(given),
        references=references / (room * given.workers) if room > 0 else 0.0,
        needed=needed,
    )


def _short(given: Given, options: Sequence[Option], wanted: Sequence[Option], least: float) -> Option | None:
    """The fidelity where the time is short, of at most the `least` images that tell: the longest
    with which several candidates are trained to the end, or else a few, if a network learns from
    it; without confirming if it has to be; or else one candidate that learns; or else the longest
    with which several, or a few, are trained to the end; None if there is none."""
    rounds = min(max(SEVERAL, ROUNDS * given.workers), FEWEST)
    shorter = [one for one in options if one.seen <= least]
    learning = [one for one in shorter if one.seen >= min(LEARNING * given.batch, least)]
    kept = [one for one in learning if one.keeps]
    demands = [
        (kept, rounds, SEVERAL),
        (kept, FEW, FEW),
        (wanted, 1, 1),
        (learning, rounds, SEVERAL),
        (learning, FEW, FEW),
        (sorted(learning, key=lambda one: (one.seen, not one.keeps)), 1, 1),
        (shorter, rounds, SEVERAL),
        (shorter, FEW, FEW),
    ]
    return next((one for pool, *numbers in demands for one in pool if _gives(given, one, *numbers)), None)


def _more(given: Given, options: Sequence[Option], than: Option) -> Option:
    """The fidelity of no shorter trainings with which most candidates begin, if clearly more do
    than with `than`: trainings that are stopped early leave time for others."""
    begun = than.fits(given)
    several = min(COMPLETE, than.complete(begun))
    longer = [one for one in options if one.keeps == than.keeps and one.seen >= than.seen]
    more = [one for one in longer if one.fits(given) >= CLEARLY * begun and one.complete(one.fits(given)) >= several]
    return max((than, *more), key=lambda one: one.fits(given))


def _gives(given: Given, option: Option, begun: int, complete: int) -> bool:
    """Whether the option lets `begun` trials begin, and `complete` of them go to the end."""
    trials = option.fits(given)
    return trials >= min(begun, _most(given)) and option.complete(trials) >= min(complete, _most(given))


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


def _option(given: Given, epochs: int, fraction: float, takes: Takes) -> Option:
    times = takes(epochs, fraction)
    return Option(
        epochs=epochs,
        fraction=fraction,
        seen=epochs * fraction * given.images,
        times=times,
        stages=(*Rungs(epochs, first=times.first).levels, epochs),
        keeps=given.confirms,
    )


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


def _needed(given: Given, option: Option) -> int:
    """Candidates without which a search has too few of them, or too few that are trained to the
    end; never more than there can be."""
    if given.trials is not None:
        return _most(given)
    return min(max(FEWEST, math.ceil(COMPLETE / KEEP ** (len(option.stages) - 1))), _most(given))


def _wanted(given: Given, option: Option, least: float) -> int:
    """Candidates that a search should begin before its trainings are as long as `option`."""
    if option.seen < LENIENT * least:
        return 10**9
    if given.trials is not None:
        return _most(given)
    # from half of the usual training to all of it, candidates grow fourfold and trainings twofold
    grown = FEWEST * max(1.0, option.seen / (HALF * _usual(given))) ** 2
    return max(_needed(given, option), min(math.ceil(min(grown, MOST)), _most(given)))
