"""Has the search beaten random search at the same price? From its own first, random, part.

Like for like: accuracies of one seed on both sides, so that the luck of being the highest of many
is on both, and early stopping on both. A random network that was stopped early (or failed) is a
censored draw: it counts as a draw, has cost what it cost, and is never the best; so are the guided
ones. One network is ahead of another if it has the higher accuracy at the last epoch that all have
in common: the first rung, or the end where none was stopped. Random search of the same price
therefore draws n networks, n = what the whole search spent / what a random network took on average,
by epochs or by hours, or the number of networks evaluated: whichever is most, as that favours
random search.

Two questions, and both must be answered yes for "beat random search":
- are the guided networks better than chance? Exactly, without any assumption: if guided and random
  networks came from one distribution, so many guided ones would rarely be ahead of all random ones
  (`chance_of_better`, 2.5 %);
- is the best above what random search is expected to find in n? Up to the size of the random part
  by order statistics, beyond by `RandomTail`.
Or the best is above the whole interval of what random search finds. Random search that is asked
whether it beat random search says so in at most 5 of 100
searches: simulated in the tests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..json_values import JSON
from ..statistics.intervals import SAME, Interval
from ..statistics.order_statistics import best_quantile, chance_of_better, expected_best
from ..statistics.random_search_tail import RandomTail
from .rows import RANDOM, WAITING, Row

BEAT = "beat random search"
UNCLEAR = "cannot be told from random search"
NOT = "did not beat random search"
WAS_RANDOM = "this was random search"
UNKNOWN = "-"
LEVEL = 0.95
POINTS = 40
"""Of the curve, at most."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What random search finds in n evaluations."""

    n: float
    """Evaluations, those that are stopped early or fail included."""
    value: float
    """Up to the size of the random part the mean of the best; beyond, the median."""
    interval: Interval
    """Of the best, the luck of random search included."""
    extrapolated: bool
    """Whether n is beyond the random part."""

    def to_dict(self) -> dict[str, JSON]:
        """As plain JSON."""
        return {"n": self.n, "value": self.value, "interval": list(self.interval), "extrapolated": self.extrapolated}


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The search beside random search."""

    verdict: str
    """One of BEAT, UNCLEAR, NOT, WAS_RANDOM, or UNKNOWN."""
    reason: str
    """Why, in a sentence."""
    random: int = 0
    """Networks drawn at random."""
    random_complete: int = 0
    """Of these trained to the end."""
    random_share: float | None = None
    """Part of the search's training that they took."""
    guided: int = 0
    """Networks proposed by the sampler's own judgement."""
    best: float | None = None
    """The best of the search."""
    best_random: float | None = None
    """The best of the random part."""
    better: int | None = None
    """Guided networks ahead of all random ones."""
    chance: float | None = None
    """Of that many, or more, if the guided ones were random."""
    bases: dict[str, float] = field(default_factory=dict)
    """Evaluations of random search at the same number of evaluations, the same epochs, the same
    hours."""
    expected: Expected | None = None
    """Of random search at the largest of these."""
    margin: float | None = None
    """The best less what is expected of random search."""
    margin_interval: Interval | None = None
    """The best less the interval of what random search finds."""
    reached: float | None = None
    """Probability that random search would have found one at least as good."""
    curve: tuple[Expected, ...] = ()
    """What random search finds in 1, 2, … evaluations."""

    def to_dict(self) -> dict[str, JSON]:
        """As plain JSON, with the same keys whatever is known."""
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "random": self.random,
            "random_complete": self.random_complete,
            "random_share": self.random_share,
            "guided": self.guided,
            "best": self.best,
            "best_random": self.best_random,
            "ahead_of_random": self.better,
            "chance": self.chance,
            "n": dict(self.bases),
            "expected": self.expected.to_dict() if self.expected else None,
            "margin": self.margin,
            "margin_interval": list(self.margin_interval) if self.margin_interval else None,
            "reached_by_random": self.reached,
            "curve": [point.to_dict() for point in self.curve],
        }


def against_random(rows: Sequence[Row], *, ceiling: float = math.inf, seed: int = 0) -> Baseline:
    """The verdict; `ceiling` is the highest value there can be (1 for accuracies)."""
    random = [row for row in rows if row.origin == RANDOM]
    guided = [row for row in rows if row.origin not in (RANDOM, "")]
    unknown = sum(not row.origin and row.state != WAITING for row in rows)
    finished = [row.reached for row in rows if row.reached is not None]
    values = [-math.inf if row.reached is None else row.reached for row in random]
    counts = {
        "random": len(random),
        "random_complete": int(np.isfinite(values).sum()) if values else 0,
        "guided": len(guided),
        "best": max(finished, default=None),
        "best_random": max((value for value in values if value > -math.inf), default=None),
        "random_share": _share(random, rows),
    }
    if not rows:
        return Baseline(verdict=UNKNOWN, reason="nothing has been evaluated yet")
    if unknown:
        return Baseline(
            verdict=UNKNOWN,
            reason=f"{unknown} of {len(rows)} evaluations do not say who proposed them: made by an older version",
            **counts,
        )
    if not random:
        return Baseline(verdict=UNKNOWN, reason="the search had no random part", **counts)
    if not guided:
        reason = f"every network so far was drawn at random (n = {len(random)})"
        return Baseline(verdict=WAS_RANDOM, reason=reason, **counts, curve=_curve(values, None, len(random)))
    if not finished:
        return Baseline(verdict=UNKNOWN, reason="no network has been trained to the end", **counts)
    others = [row.reached for row in guided if row.reached is not None]
    best = max(finished)
    standings = _standings([*random, *guided])
    first = max(standings[: len(random)])
    better = sum(_ahead(one, first) for one in standings[len(random) :])
    tail = RandomTail(values, others, ceiling=ceiling, ahead=better, seed=seed)
    bases = _bases(random, rows)
    n = max(bases.values())
    found = tail.best_of(n)
    expected = _at(values, tail, n)
    chance = chance_of_better(better, len(guided), len(random))
    margin = best - expected.value
    interval = Interval(best - expected.interval.high, best - expected.interval.low)
    reached = float((found >= best - SAME).mean())
    verdict, reason = _verdict(better, chance, margin, interval, reached, len(random), len(guided))
    return Baseline(
        verdict=verdict,
        reason=reason,
        **counts,
        better=better,
        chance=chance,
        bases=bases,
        expected=expected,
        margin=margin,
        margin_interval=interval,
        reached=reached,
        curve=_curve(values, tail, n),
    )


def _verdict(
    better: int, chance: float, margin: float, interval: Interval, reached: float, random: int, guided: int
) -> tuple[str, str]:
    counted = f"{better} of {guided} guided networks are ahead of all {random} random ones"
    if chance_of_better(guided, guided, random) > (1 - LEVEL) / 2:
        return UNCLEAR, f"{guided} guided networks beside {random} random ones are too few to tell"
    if not better:
        return NOT, f"none of {guided} guided networks is ahead of all {random} random ones"
    if interval.high < -SAME:
        return NOT, f"{counted}, but random search finds a better one in as much training"
    told = f"{counted} (by chance: p = {chance:.2g})"
    if interval.low > SAME:
        return BEAT, f"{told}, and random search finds none as good in as much training"
    if chance > (1 - LEVEL) / 2:
        return UNCLEAR, told
    if margin <= SAME:
        return (
            UNCLEAR,
            f"{told}, but the best is no better than what random search is expected to find in as much training",
        )
    return (
        BEAT,
        (
            f"{told}; the best alone says less: {reached:.0%} of random searches would find as good a one in as much"
            " training"
        ),
    )


def _bases(random: Sequence[Row], rows: Sequence[Row]) -> dict[str, float]:
    """How many evaluations random search would have had, by what is held equal; never fewer than
    there are of the random part."""
    bases = {"evaluations": float(len(rows))}
    for name, of in (("epochs", _epochs), ("hours", _seconds)):
        each = of(random) / len(random)
        if each > 0:
            bases[name] = of(rows) / each
    return bases


def _epochs(rows: Sequence[Row]) -> float:
    return math.fsum(row.epochs for row in rows)


def _seconds(rows: Sequence[Row]) -> float:
    return math.fsum(row.seconds for row in rows)


def _standings(rows: Sequence[Row]) -> list[tuple[int, float]]:
    """(epoch, accuracy) of each at the first epoch at which any was stopped, the last that all have
    in common; of failed ones (0, -inf).

    Where a curve lacks that epoch, how far each got and its accuracy there.
    """
    ends = [row.full if row.complete else row.epochs for row in rows]
    usable = [row.complete or (bool(row.curve) and row.state != "FAIL") for row in rows]
    common = min((end for end, good in zip(ends, usable, strict=True) if good), default=0)
    curves = [{**dict(row.curve), **({row.full: row.reached} if row.reached is not None else {})} for row in rows]
    shared = all(common in curve for curve, good in zip(curves, usable, strict=True) if good)
    at = [common if shared else end for end in ends]
    return [
        (epoch, curve[epoch]) if good else (0, -math.inf) for epoch, curve, good in zip(at, curves, usable, strict=True)
    ]


def _ahead(one: tuple[int, float], other: tuple[int, float]) -> bool:
    return one[0] > other[0] or (one[0] == other[0] and one[1] > other[1] + SAME)


def _share(random: Sequence[Row], rows: Sequence[Row]) -> float | None:
    for of in (_seconds, _epochs):
        if (whole := of(rows)) > 0:
            return of(random) / whole
    return None


def _at(values: Sequence[float], tail: RandomTail | None, n: float) -> Expected:
    low, high = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    if n <= len(values) and max(values) > -math.inf:
        whole = max(1, int(n))
        quantiles = (best_quantile(values, whole, level) for level in (low, high))
        worst = min(value for value in values if value > -math.inf)  # a draw without any accuracy has none to show
        return Expected(
            n=n,
            value=expected_best(values, whole),
            interval=Interval(*(max(value, worst) for value in quantiles)),
            extrapolated=False,
        )
    assert tail is not None
    bottom, median, top = np.quantile(tail.best_of(n), [low, 0.5, high])
    return Expected(n=n, value=float(median), interval=Interval(float(bottom), float(top)), extrapolated=True)


def _curve(values: Sequence[float], tail: RandomTail | None, n: float) -> tuple[Expected, ...]:
    known = any(value > -math.inf for value in values)
    last = n if tail else len(values)
    steps = sorted(
        {float(round(step)) for step in np.geomspace(1, max(1.0, last), POINTS)} | {float(len(values)), float(last)}
    )
    return tuple(_at(values, tail, step) for step in steps if step <= last and (known or (tail and step > len(values))))
