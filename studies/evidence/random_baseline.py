"""Compares a search with random search at equal cost, which is estimated from its random phase.

Both sides use accuracies of one seed and early stopping, so both contain the same selection bias.
Published networks, with which a search may begin, are on neither side; their cost is part of the
cost of the search.
A network that was stopped early or failed is a censored draw: it counts as a draw, contributes the
cost it had, and is never the best. One network is ahead of another if its accuracy is higher at the
last epoch that all networks reached: the first rung, or full fidelity if none was stopped.

At equal cost random search draws n networks. n is the largest of three numbers, a choice that
favours random search: the cost of the whole search divided by the mean cost of a random network, in
epochs and in seconds, and the number of networks evaluated.

The verdict "beat random search" requires both of:
- the guided networks are better than chance: if guided and random networks had the same
  distribution, at least this many guided ones would be ahead of all random ones with a probability
  of at most 2.5 % (`chance_of_better`, an exact test without assumptions);
- the best network is above the expected best of n random ones, from order statistics up to the size
  of the random phase, beyond it from the extrapolation of `RandomTail`.
The second requirement alone is enough if the best is above the whole 95 % interval. Simulated in
the tests: a random search is said to beat random search in at most 5 of 100 searches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..statistics.intervals import LEVEL, SAME, Interval
from ..statistics.order_statistics import best_of, chance_of_better
from ..statistics.random_search_tail import RandomTail
from ..writing.json_values import JSON
from .search_rows import RANDOM, REFERENCE, WAITING, Row

BEAT = "beat random search"
UNCLEAR = "cannot be told from random search"
NOT = "did not beat random search"
WAS_RANDOM = "this was random search"
UNKNOWN = "-"
CURVE_POINTS = 40
"""Approximate number of points on the curve of random search."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The best that random search is expected to find in n evaluations."""

    n: float
    """Number of evaluations, including those stopped early and those that fail."""
    value: float
    """Mean of the best up to the size of the random phase; median of the best beyond it."""
    interval: Interval
    """95 % interval of the best that a single random search finds."""
    extrapolated: bool
    """Whether n is larger than the random phase."""

    def to_dict(self) -> dict[str, JSON]:
        """The expectation as plain JSON."""
        return {"n": self.n, "value": self.value, "interval": list(self.interval), "extrapolated": self.extrapolated}


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The comparison of a search with random search at equal cost."""

    verdict: str
    """One of BEAT, UNCLEAR, NOT, WAS_RANDOM, or UNKNOWN."""
    reason: str
    """Reason for the verdict, in a sentence."""
    random: int = 0
    """Number of networks drawn at random."""
    random_complete: int = 0
    """Number of random networks trained at full fidelity."""
    random_share: float | None = None
    """Share of the search's training time (or epochs) that the random networks took."""
    guided: int = 0
    """Number of networks proposed by the sampler's model."""
    best: float | None = None
    """Highest accuracy of the search, published networks excepted."""
    best_random: float | None = None
    """Highest accuracy of the random networks."""
    better: int | None = None
    """Number of guided networks that are ahead of all random ones."""
    chance: float | None = None
    """Probability of at least this many if guided networks were random (one-sided p-value)."""
    bases: dict[str, float] = field(default_factory=dict)
    """Number of evaluations of a random search with the same number of evaluations, the same epochs
    and the same hours."""
    expected: Expected | None = None
    """Expected best of random search at the largest of these numbers."""
    margin: float | None = None
    """Highest accuracy of the search minus the expected best of random search."""
    margin_interval: Interval | None = None
    """Highest accuracy of the search minus the 95 % interval of random search's best."""
    reached: float | None = None
    """Probability that random search finds a network at least as good."""
    curve: tuple[Expected, ...] = ()
    """Expected best of random search over the number of evaluations, from 1."""

    def to_dict(self) -> dict[str, JSON]:
        """The comparison as plain JSON with stable keys; unknown values are null."""
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
    """Compare the search of `rows` with random search at equal cost.

    `ceiling` is the largest possible value (1 for accuracies); `seed` is that of the extrapolation.
    """
    random = [row for row in rows if row.origin == RANDOM]
    guided = [row for row in rows if row.origin not in (RANDOM, REFERENCE, "")]
    references = sum(row.origin == REFERENCE for row in rows)
    unknown = sum(not row.origin and row.state != WAITING for row in rows)
    finished = [row.reached for row in rows if row.reached is not None and row.origin != REFERENCE]
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
        drawn = "every network so far that is no reference" if references else "every network so far"
        reason = f"{drawn} was drawn at random (n = {len(random)})"
        return Baseline(verdict=WAS_RANDOM, reason=reason, **counts, curve=_curve(np.sort(values), None, len(random)))
    if not finished:
        return Baseline(verdict=UNKNOWN, reason="no network has been trained to the end", **counts)
    if len(finished) == 1:
        return Baseline(verdict=UNKNOWN, reason="a single network has been trained to the end (n = 1)", **counts)
    others = [row.reached for row in guided if row.reached is not None]
    best = max(finished)
    standings = _standings([*random, *guided])
    first = max(standings[: len(random)])
    better = sum(_ahead(one, first) for one in standings[len(random) :])
    tail = RandomTail(values, others, ceiling=ceiling, ahead=better, seed=seed)
    bases = _bases(random, rows)
    n = max(bases.values())
    found = tail.best_of(n)
    ordered = np.sort(np.asarray(values, dtype=float))
    expected = _at(ordered, tail, n)
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
        curve=_curve(ordered, tail, n),
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
    """Evaluations of a random search of equal cost, by the kind of cost that is held equal.

    None is smaller than the number of random networks.
    """
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
    """(epoch, accuracy) of each network at the last epoch that all networks reached.

    A failed one has (0, -inf). If a curve has no accuracy at that epoch, each network stands at its
    own last epoch.
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


def _at(values: NDArray[np.float64], tail: RandomTail | None, n: float) -> Expected:
    """The best of `n` of these values, which rise, or beyond them by their tail."""
    low, high = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    if n <= len(values) and values[-1] > -math.inf:
        value, quantiles = best_of(values, max(1, int(n)), (low, high))
        worst = float(values[np.isfinite(values)][0])  # a quantile of -inf cannot be drawn
        return Expected(
            n=n, value=value, interval=Interval(*(max(value, worst) for value in quantiles)), extrapolated=False
        )
    assert tail is not None
    bottom, median, top = np.quantile(tail.best_of(n), [low, 0.5, high])
    return Expected(n=n, value=float(median), interval=Interval(float(bottom), float(top)), extrapolated=True)


def _curve(values: NDArray[np.float64], tail: RandomTail | None, n: float) -> tuple[Expected, ...]:
    known = bool(np.isfinite(values).any())
    last = n if tail else len(values)
    steps = sorted(
        {float(round(step)) for step in np.geomspace(1, max(1.0, last), CURVE_POINTS)}
        | {float(len(values)), float(last)}
    )
    return tuple(_at(values, tail, step) for step in steps if step <= last and (known or (tail and step > len(values))))
