"""Early stopping with two objectives: at rungs of rising fidelity, what cannot come to lie on the
front waits, and goes on only if that turns out wrong.

Asynchronous successive halving (Li et al., MLSys 2020, arXiv:1810.05934) for accuracy and cost. As
in MO-ASHA (Schmucker et al., 2021, arXiv:2106.12639) a small network is not stopped because larger
ones are more accurate; but candidates are not ranked by non-dominated sorting, which cannot tell a
point just below the front from one far below it. They are ranked by how far each lies below the
front of the *accuracies expected in the end*: those of its rung, corrected by what the rung's
accuracy and the cost have said about the end so far. So networks that learn slowly because they are
large are measured by their like, and curves that cross with cost lose nothing. At a rung goes on
who lies within the noise of that expectation, as far as the better part `KEEP` reaches.
"""

from __future__ import annotations

import math
from collections.abc import Container, Hashable, Iterable

import numpy as np
from numpy.typing import NDArray

REDUCTION = 3
"""From a rung to the next one trainings are so many times as long."""
KEEP = 0.4
"""The better part of a rung that may go on."""
NOISE = 2.25
"""Standard deviations of the expected end by which a candidate may lie below the front and still go
on, once ends are known."""
KNOWN = 3
"""Ends from which the expectation is corrected at all."""
PRIOR = 3.0
"""The weight, in observations, of the belief that the order at a rung is that of the end; and of
its doubt, half of the spread of the ends."""
WAITING = 24
"""So many wait at a rung; of more, the last are given up: their states of training would fill the
disk, and their turn would hardly come."""

Vector = NDArray[np.float64]


class Rungs:
    """Decides who goes on; keys are whatever names a training."""

    def __init__(self, epochs: int, *, first: int = 1, by_cost: bool = True) -> None:
        """Rungs at `epochs` divided by `REDUCTION` once and twice (and again, while `first` is not
        passed), none before epoch `first`, until which accuracies say nothing. Without `by_cost`
        accuracy alone counts: for candidates that all cost the same."""
        self.epochs, self._by_cost = epochs, by_cost
        levels: set[int] = set()
        level = float(epochs)
        while (level := level / REDUCTION) >= 0.7 * first and round(level) >= 1:
            levels.add(max(round(level), first))
        self.levels = tuple(sorted(level for level in levels if level < epochs))
        """Epochs after which candidates are compared, rising."""
        self._costs: dict[Hashable, float] = {}
        self._reached: dict[int, dict[Hashable, float]] = {level: {} for level in (*self.levels, epochs)}
        self._waiting: dict[Hashable, int] = {}

    def reached(self, key: Hashable, epoch: int, accuracy: float, macs: float) -> bool:
        """Note what a candidate has after `epoch`; whether it goes on at once. If not, it waits."""
        if epoch not in self._reached:
            return True
        self._costs[key] = macs * self._by_cost
        self._reached[epoch][key] = accuracy
        if epoch == self.epochs or key in self._admitted(epoch):
            return True
        self._waiting[key] = epoch
        return False

    def next(self, ready: Container[Hashable] | None = None) -> Hashable | None:
        """The first of those waiting that may go on by now, from the highest rung; it waits no
        more. `ready` are those that can (all without)."""
        for level in reversed(self.levels):
            waiting = self._at(level, ready)
            for key in self._admitted(level) if waiting else ():
                if key in waiting:
                    del self._waiting[key]
                    return key
        return None

    def surplus(self, ready: Container[Hashable] | None = None) -> list[Hashable]:
        """Those that wait in vain: behind `WAITING` others at their rung. They wait no more.
        `ready` as in `next`."""
        given_up: list[Hashable] = []
        for level in self.levels:
            waiting = self._at(level, ready)
            if len(waiting) > WAITING:
                given_up += [key for key in self._order(level)[0] if key in waiting][WAITING:]
        for key in given_up:
            del self._waiting[key]
        return given_up

    def wait(self, key: Hashable) -> None:
        """Have one wait again that went on and did not come to its next rung."""
        self._waiting[key] = max(level for level in self.levels if key in self._reached[level])

    def leave(self, key: Hashable) -> None:
        """One that waits has ended."""
        self._waiting.pop(key, None)

    @property
    def waiting(self) -> list[Hashable]:
        """All that wait."""
        return list(self._waiting)

    def replay(self, key: Hashable, curve: Iterable[tuple[int, float]], macs: float, *, waiting: bool = False) -> None:
        """Note the curve of an evaluation of an earlier run; `waiting` if it waits at the rung of
        its last epoch."""
        self._costs[key] = macs * self._by_cost
        for epoch, accuracy in curve:
            if epoch in self._reached:
                self._reached[epoch][key] = accuracy
                if waiting:
                    self._waiting[key] = epoch

    def _at(self, level: int, ready: Container[Hashable] | None) -> set[Hashable]:
        return {key for key, where in self._waiting.items() if where == level and (ready is None or key in ready)}

    def _admitted(self, level: int) -> list[Hashable]:
        """Who may go on from a rung, the best first."""
        order, behind, noise = self._order(level)
        places = math.ceil(KEEP * len(order))
        return [key for key, gap in zip(order[:places], behind, strict=False) if gap <= NOISE * noise]

    def _order(self, level: int) -> tuple[list[Hashable], Vector, float]:
        """All that have reached a rung, nearest to the front first; how far each lies below it; and
        the standard deviation of that."""
        seen, ends = self._reached[level], self._reached[self.epochs]
        keys = list(seen)
        accuracy = np.array([seen[key] for key in keys])
        cost = np.array([self._costs[key] for key in keys])
        ended = np.array([index for index, key in enumerate(keys) if key in ends], np.intp)
        reached = np.array([ends[keys[index]] for index in ended])
        expected, noise = expectation(accuracy, cost, ended, reached)
        gaps = below_front(expected, cost)
        order = np.argsort(gaps, kind="stable")
        return [keys[index] for index in order], gaps[order], noise


def expectation(accuracy: Vector, cost: Vector, ended: NDArray[np.intp], reached: Vector) -> tuple[Vector, float]:
    """The accuracy of everyone in the end, and the standard deviation of what is only expected
    (infinite while too little is known).

    A regression of the gain since the rung on the rung's accuracy and the log cost, over those that
    have `ended` with accuracies `reached`, drawn towards a gain equal for all. It is fair although
    only the better ones end: who goes on is decided by what the regression knows.
    """
    if len(ended) < KNOWN:
        return accuracy, math.inf
    features = np.stack([accuracy, np.log(np.maximum(cost, 1.0))], axis=1)
    gain = reached - accuracy[ended]
    centre, scale = features[ended].mean(0), features[ended].std(0)
    scaled = (features - centre) / np.where(scale > 0, scale, np.inf)
    inner = scaled[ended]
    weights = np.linalg.solve(inner.T @ inner + PRIOR * np.eye(2), inner.T @ (gain - gain.mean()))
    expected = accuracy + gain.mean() + scaled @ weights
    residuals = reached - expected[ended]
    doubt = PRIOR * (0.5 * float(reached.std())) ** 2
    noise = math.sqrt((float(residuals @ residuals) + doubt) / (max(len(ended) - 3, 0) + PRIOR))
    expected[ended] = reached
    return expected, noise


def below_front(accuracy: Vector, cost: Vector) -> Vector:
    """How far each lies below the most accurate that costs no more; negative for who leads, by the
    lead; -inf for the cheapest."""
    order = np.lexsort((-accuracy, cost))
    best = np.maximum.accumulate(np.concatenate([[-np.inf], accuracy[order][:-1]]))
    gaps = np.empty(len(accuracy))
    gaps[order] = best - accuracy[order]
    return gaps
