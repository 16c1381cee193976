"""Early stopping with two objectives: compares trainings at rungs of rising fidelity.

Asynchronous successive halving (Li et al., MLSys 2020, arXiv:1810.05934) for accuracy and cost. As
in MO-ASHA (Schmucker et al., 2021, arXiv:2106.12639), a small network is not stopped because larger
ones are more accurate. Candidates are not ranked by non-dominated sorting, which cannot tell a
point just below the front from one far below it. They are ranked by their distance below the front
of the *expected final accuracies*: the accuracy at the rung, corrected by a regression on the
rung's accuracy and the cost, fitted to the trainings that are complete. So large networks that
learn slowly are compared with their like, and learning curves that cross with cost lose nothing.

A training is promoted if it is within `NOISE` standard deviations of the front and among the best
`KEEP` of its rung; otherwise it is paused, and may be promoted later. Of equal trainings it does
not matter which reached the rung first: a run that goes on knows them in another order.
"""

from __future__ import annotations

import bisect
import hashlib
import math
from collections.abc import Container, Hashable, Iterable

import numpy as np
from numpy.typing import NDArray

GATHERED = 8
"""Most trainings that wait for each other at the first rung."""
REDUCTION = 3
"""Factor between the epochs of neighbouring rungs."""
KEEP = 0.4
"""Share of the trainings at a rung that may be promoted."""
NOISE = 2.25
"""Standard deviations of the expected final accuracy by which a training may lie below the front
and still be promoted, once complete trainings are known."""
KNOWN = 3
"""Complete trainings from which on the expectation is corrected at all."""
PRIOR = 3.0
"""Weight, in observations, of two prior beliefs: that the order at a rung is the final order, and
that the noise is half of the spread of the final accuracies."""
WAITING = 24
"""Paused trainings that are kept at a rung. If there are more, the lowest ranked are pruned: their
states would fill the disk, and they would hardly be promoted."""

Vector = NDArray[np.float64]


class Rungs:
    """Promotes trainings, or pauses them; a key is any hashable that identifies a training."""

    def __init__(self, epochs: int, *, first: int = 1, by_cost: bool = True, together: int = 0) -> None:
        """Place the rungs: `epochs` divided by `REDUCTION` once, twice and so on.

        Args:
            epochs: epochs of a full training.
            first: no rung lies before this epoch, until which accuracies do not rank networks.
            by_cost: whether a network is compared with those that cost no more; if False, all are
                compared by accuracy alone, because they cost the same.
            together: trainings that wait for each other at the first rung (`gathering`).
        """
        self.epochs: int = epochs
        self._by_cost, self._together = by_cost, together
        levels: set[int] = set()
        level = float(epochs)
        while (level := level / REDUCTION) >= 0.7 * first and round(level) >= 1:
            levels.add(max(round(level), first))
        self.levels: tuple[int, ...] = tuple(sorted(level for level in levels if level < epochs))
        """Epochs of the rungs, rising."""
        self._costs: dict[Hashable, float] = {}
        self._reached: dict[int, dict[Hashable, float]] = {level: {} for level in (*self.levels, epochs)}
        self._sorted: dict[int, list[tuple[int, Hashable]]] = {level: [] for level in self._reached}
        self._waiting: dict[Hashable, int] = {}
        self._references: set[Hashable] = set()

    @property
    def gathering(self) -> bool:
        """Whether trainings still wait for others at the first rung. The first to arrive would be
        the best of its rung, whatever it is: where few candidates are trained, most of the time
        would go to those that happened to come first."""
        return bool(self.levels) and len(self._reached[self.levels[0]]) < self._together

    def reached(
        self, key: Hashable, epoch: int, accuracy: float, cost: float, *, wait: bool = False, reference: bool = False
    ) -> bool:
        """Note the accuracy of a training after `epoch`; True if it is promoted, or at no rung. If
        False, or with `wait` at a rung, it is paused. The better half of the references goes on in
        any case."""
        if epoch not in self._reached:
            return True
        self._know(key, cost, reference=reference)
        self._note(key, epoch, accuracy)
        if epoch == self.epochs:
            return True
        self._waiting[key] = epoch
        if wait or key not in self._admitted(epoch):
            return False
        del self._waiting[key]
        return True

    def next(self, ready: Container[Hashable] | None = None) -> Hashable | None:
        """Promote one paused training, from the highest rung that has one; None if there is none.

        `ready` holds the trainings that can be resumed; None means all.
        """
        for level in reversed(self.levels):
            waiting = self._at(level, ready)
            for key in self._admitted(level) if waiting else ():
                if key in waiting:
                    del self._waiting[key]
                    return key
        return None

    def promotes(self, key: Hashable) -> bool:
        """Whether a paused training would be promoted, if a worker were free."""
        level = self._waiting.get(key)
        return level is not None and key in self._admitted(level)

    def surplus(self, ready: Container[Hashable] | None = None) -> list[Hashable]:
        """Remove and return paused trainings ranked below `WAITING` at their rung; `ready` as in
        `next`."""
        given_up: list[Hashable] = []
        for level in self.levels:
            waiting = self._at(level, ready)
            if len(waiting) > WAITING:
                given_up += [key for key in self._order(level)[0] if key in waiting][WAITING:]
        for key in given_up:
            self.leave(key)
        return given_up

    def wait(self, key: Hashable) -> None:
        """Pause a training again that was promoted and did not reach its next rung."""
        self._waiting[key] = max(level for level in self.levels if key in self._reached[level])

    def leave(self, key: Hashable) -> None:
        """Remove a training that does not go on to its end from those that are paused."""
        self._waiting.pop(key, None)
        self._references.discard(key)

    @property
    def waiting(self) -> list[Hashable]:
        """All paused trainings."""
        return list(self._waiting)

    def replay(
        self,
        key: Hashable,
        curve: Iterable[tuple[int, float]],
        cost: float,
        *,
        waiting: bool = False,
        reference: bool = False,
    ) -> None:
        """Note the curve of an evaluation of an earlier run; `waiting` if it is paused at the rung
        of its last epoch."""
        self._know(key, cost, reference=reference)
        for epoch, accuracy in curve:
            if epoch in self._reached:
                self._note(key, epoch, accuracy)
                if waiting:
                    self._waiting[key] = epoch

    def _know(self, key: Hashable, cost: float, *, reference: bool) -> None:
        self._costs[key] = cost * self._by_cost
        if reference:
            self._references.add(key)

    def _note(self, key: Hashable, level: int, accuracy: float) -> None:
        if key not in self._reached[level]:
            bisect.insort(self._sorted[level], (_place(key), key), key=lambda pair: pair[0])
        self._reached[level][key] = accuracy

    def _at(self, level: int, ready: Container[Hashable] | None) -> set[Hashable]:
        return {key for key, where in self._waiting.items() if where == level and (ready is None or key in ready)}

    def _admitted(self, level: int) -> list[Hashable]:
        """Trainings that may be promoted from a rung, best first; and the better half of the
        references, since the search is compared with the best of them at their ends."""
        order, behind, noise = self._order(level)
        places = math.ceil(KEEP * len(order))
        found = [key for key, gap in zip(order[:places], behind, strict=False) if gap <= NOISE * noise]
        references = [key for key in order if key in self._references] if self._references else []
        staying = [key for key in references if self._waiting.get(key) == level]
        leave = len(references) // 2 if level == self.levels[0] else 0  # half of them leaves once
        return found + [key for key in staying[: max(0, len(staying) - leave)] if key not in found]

    def _order(self, level: int) -> tuple[list[Hashable], Vector, float]:
        """Trainings that have reached a rung, nearest to the front first; their distances below the
        front; and the standard deviation of a distance."""
        seen, ends = self._reached[level], self._reached[self.epochs]
        keys = [key for _, key in self._sorted[level]]  # equal ones are in the same order after a restart
        accuracy = np.array([seen[key] for key in keys])
        cost = np.array([self._costs[key] for key in keys])
        ended = np.array([index for index, key in enumerate(keys) if key in ends], np.intp)
        reached = np.array([ends[keys[index]] for index in ended])
        expected, noise = expectation(accuracy, cost, ended, reached)
        gaps = below_front(expected, cost)
        order = np.argsort(gaps, kind="stable")
        return [keys[index] for index in order], gaps[order], noise


def gathered(trials: int | None) -> int:
    """The number of trainings that wait for each other in a search of so many trials; None: that is
    not known. With half of the trials at the first rung, the other half can still follow."""
    number = GATHERED if trials is None else min(GATHERED, trials // 2)
    return number if number > 1 else 0


def _place(key: Hashable) -> int:
    """A number by which trainings are sorted, whenever they have reached a rung."""
    return int.from_bytes(hashlib.blake2b(repr(key).encode(), digest_size=8).digest())


def expectation(accuracy: Vector, cost: Vector, ended: NDArray[np.intp], reached: Vector) -> tuple[Vector, float]:
    """Expected final accuracies, and the standard deviation of their error (infinite while too
    little is known).

    A ridge regression of the gain since the rung on the rung's accuracy and the log cost, fitted to
    the complete trainings, shrunk towards an equal gain for all. It is not biased by the fact that
    only promoted trainings become complete: promotion depends only on the features of the
    regression.

    Args:
        accuracy: accuracies at the rung.
        cost: costs of the networks.
        ended: indices of the trainings that are complete.
        reached: final accuracies of those.
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
    """Distance of each point below the most accurate one that costs no more.

    It is negative for a point on the front, by its lead, and -inf for the cheapest point.
    """
    order = np.lexsort((-accuracy, cost))
    best = np.maximum.accumulate(np.concatenate([[-np.inf], accuracy[order][:-1]]))
    gaps = np.empty(len(accuracy))
    gaps[order] = best - accuracy[order]
    return gaps
