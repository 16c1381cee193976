"""Finds the front: the points that no other beats; more accuracy is better, less cost is better.

A point is beaten by one that is at least as good in both and better in one. Equal points therefore
stand or fall together, as in Optuna's `best_trials`. What has no accuracy (NaN) beats nothing and
comes last.

Source: non-dominated sorting of two objectives by patience sorting, O(n log n) for all ranks
(Jensen, IEEE Trans. Evol. Comp. 7(5), 2003).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from ..blocks.errors import InputError


def front(accuracy: Sequence[float], cost: Sequence[float]) -> list[int]:
    """Indices, rising, of the points that no other beats; equal points are all kept, NaN never."""
    return [index for index, rank in enumerate(ranks(accuracy, cost)) if rank == 0]


def ranks(accuracy: Sequence[float], cost: Sequence[float]) -> list[int]:
    """For each point the number of fronts to peel off before it lies on one: 0 is the front; NaN
    comes after all others and is never 0."""
    if len(accuracy) != len(cost):
        raise InputError(f"accuracy and cost must be of one length, but got {len(accuracy)} and {len(cost)}")
    known = [index for index in range(len(accuracy)) if not (math.isnan(accuracy[index]) or math.isnan(cost[index]))]
    known.sort(
        key=lambda index: (cost[index], -accuracy[index])
    )  # from here on only an earlier point can beat a later one
    best: list[
        float
    ] = []  # for each front the highest accuracy on it so far, negated: it never falls from one front to the next
    result = [0] * len(accuracy)
    before: tuple[float, float] | None = None
    rank = 0
    for index in known:
        point = (accuracy[index], cost[index])
        if point != before:  # an equal point shares its rank
            rank = bisect_right(best, -point[0])  # the first front whose best accuracy is below this point's
            best[rank : rank + 1] = [-point[0]]
            before = point
        result[index] = rank
    last = max(len(best), 1)
    for index in set(range(len(accuracy))).difference(known):
        result[index] = last
    return result
