"""Learning curves made up for tests of early stopping, and a search over them on simulated
workers."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from automl.studies.front import front

EPOCHS = 9
LEVELS = (1, 3)


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Networks with their cost, and what they have at each rung and in the end."""

    macs: np.ndarray
    accuracy: dict[int, np.ndarray]

    @property
    def front(self) -> set[int]:
        """What full training of all of them would keep."""
        return set(front(self.accuracy[EPOCHS].tolist(), self.macs.tolist()))


def curves(seed: int, count: int, *, noise: float = 0.3, slow: float = 0.0) -> Curves:
    """Accuracies in the end rise with cost and saturate, with a standard deviation of 1 point
    around that; at the rungs they are known to within `noise` and half of it. With `slow`, large
    networks lie behind at the rungs, by so many points a unit of log cost that their curves cross
    those of small ones.
    """
    rng = np.random.default_rng(seed)
    log_cost = rng.uniform(0, 3, count)
    end = 70 + 4 * (1 - np.exp(-log_cost / 1.2)) + rng.normal(size=count)
    accuracy = {EPOCHS: end}
    for level, share in zip(LEVELS, (1.0, 0.5), strict=True):
        accuracy[level] = end - 20 - slow * log_cost * (1 - level / EPOCHS) + share * noise * rng.normal(size=count)
    return Curves(macs=1e6 * np.exp(log_cost), accuracy={level: values / 100 for level, values in accuracy.items()})


def search(found: Curves, rungs: Any, *, workers: int = 4) -> tuple[set[int], float]:
    """Networks in their order through `rungs`, some at once; those trained to the end, and the
    epochs spent as a share of all."""
    count, begun, spent = len(found.macs), 0, 0
    at = dict.fromkeys(range(count), 0)
    events: list[tuple[int, int, int]] = []
    complete: set[int] = set()
    levels = (*LEVELS, EPOCHS)

    def train(now: int, one: int) -> None:
        nonlocal spent
        following = next(level for level in levels if level > at[one])
        spent += following - at[one]
        heapq.heappush(events, (now + following - at[one], len(events) + spent, one))
        at[one] = following

    def assign(now: int) -> bool:
        nonlocal begun
        one = rungs.next()
        if one is None:
            if begun == count:
                return False
            one, begun = begun, begun + 1
        train(now, one)
        return True

    idle = sum(not assign(0) for _ in range(workers))
    while events:
        now, _, one = heapq.heappop(events)
        goes_on = rungs.reached(one, at[one], found.accuracy[at[one]][one], found.macs[one])
        if at[one] == EPOCHS:
            complete.add(one)
        if at[one] < EPOCHS and goes_on:
            train(now, one)
        else:
            idle += 1
            rungs.surplus()
        while idle and assign(now):
            idle -= 1
    return complete, spent / (count * EPOCHS)


def lost(make: Callable[[], Any], seeds: int, count: int, **kind: float) -> tuple[int, float]:
    """Of `seeds` studies of `count` networks, how many lose a point of the front, and the mean
    share of epochs."""
    misses, shares = 0, []
    for seed in range(seeds):
        found = curves(seed, count, **kind)
        complete, share = search(found, make())
        misses += bool(found.front - complete)
        shares.append(share)
    return misses, float(np.mean(shares))
