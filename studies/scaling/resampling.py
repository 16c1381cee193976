"""What follows from the choice of the best by the same seeds: bootstrap over shared seeds, and
leaving one seed out.

Seed s is the same split and initialisation number for every network, so the seeds are resampled
jointly: a resample draws seeds, and every network gets the accuracies of those seeds. Resampling
each network by itself would throw away what the networks of one seed have in common, and with it
the pairing. Where a network lacks a seed, its resampled mean is over the drawn seeds that it has;
if it has none of them it takes no part in that resample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..statistics.intervals import Estimate, Interval, Noise
from .points import ScaledPoint, complete

Floats = NDArray[np.float64]


class Resamples:
    """Means of all points in every resample of the seeds; rows resamples, columns points."""

    def __init__(self, points: Sequence[ScaledPoint], *, resamples: int, seed: int, level: float) -> None:
        seeds = sorted({one for point in points for one in point.accuracies})
        self.level = level
        self.index = {id(point): column for column, point in enumerate(points)}
        table = np.array([[point.accuracies.get(one, np.nan) for one in seeds] for point in points]).reshape(
            len(points), len(seeds)
        )
        known = ~np.isnan(table)
        shape = (resamples, len(seeds))
        drawn = (
            np.random.default_rng(seed).multinomial(len(seeds), np.full(len(seeds), 1 / len(seeds)), size=resamples)
            if seeds
            else np.zeros(shape)
        )
        with np.errstate(invalid="ignore"):  # 0 / 0: none of its seeds was drawn
            means = drawn @ np.where(known, table, 0.0).T / (drawn @ known.T)
        self.means: Floats = np.round(
            means, 12
        )  # equal accuracies shall be equal means, whatever the order of their sum

    def of(self, points: Sequence[ScaledPoint]) -> Floats:
        """The columns of these points."""
        return self.means[:, [self.index[id(point)] for point in points]]

    def interval(self, values: Floats) -> Interval | None:
        """Percentiles of what the resamples gave."""
        values = values[np.isfinite(values)]
        if not values.size:
            return None
        tail = (1 - self.level) / 2
        low, high = np.quantile(values, [tail, 1 - tail])
        return Interval(float(low), float(high))

    def best(self, points: Sequence[ScaledPoint]) -> Floats:
        """The highest mean among these points in every resample, chosen anew in each; NaN where
        none takes part."""
        highest = np.where(np.isnan(columns := self.of(points)), -np.inf, columns).max(axis=1)
        return np.where(np.isfinite(highest), highest, np.nan)

    def probability_best(self, point: ScaledPoint, points: Sequence[ScaledPoint]) -> float:
        """Share of the resamples in which `point` has the highest mean of `points`; equal ones
        share it."""
        columns = self.of(points)
        wins = columns == self.best(points)[:, None]
        mine = wins[:, [self.index[id(one)] for one in points].index(self.index[id(point)])]
        some = wins.any(axis=1)
        return float((mine[some] / wins[some].sum(axis=1)).mean()) if some.any() else 0.0


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One seed left out: what the others would have chosen, compared on this one."""

    seed: int
    """The seed left out."""
    best: str
    """Id of the grid point with the highest mean on the other seeds."""
    control: str
    """Id of the single-axis control with the highest mean on the other seeds."""
    difference: float
    """Accuracy of the grid point less that of the control, on the left-out seed."""


def leave_one_seed_out(
    grid: Sequence[ScaledPoint], controls: Sequence[ScaledPoint], noise: Noise, level: float
) -> tuple[Estimate | None, tuple[Fold, ...]]:
    """The margin of the best grid point over the best control without the winner's curse, and the
    folds behind it.

    Choosing and comparing never share a seed, so no difference is flattered by the luck that made
    the choice. The price: each choice has a seed less.

    Its interval is a t interval with the pooled variance. The folds are not independent, as each
    chooses by seeds that the others compare on: the variance of their mean is not 2 s²/n but nearer
    to 2 s² (1/n + 1/(n - 1)), which is the correction of Nadeau & Bengio, Inference for the
    Generalization Error, Machine Learning 52 (2003), for test sets of one seed and training sets of
    n - 1. Simulated with 13 triples, 3 controls and no true difference the interval holds 0 in 99 %
    of grids with 3 seeds, in 97 % with 5, in 95 % with 10; without the correction in 90 %, 87 % and
    79 %.
    """
    rivals = complete(grid), complete(controls)
    folds: list[Fold] = []
    for seed in sorted({seed for point in rivals[0] for seed in point.accuracies}):
        best, control = (_chosen(points, seed) for points in rivals)
        if best and control:
            difference = best.accuracies[seed] - control.accuracies[seed]
            folds.append(Fold(seed=seed, best=best.id, control=control.id, difference=difference))
    if not folds:
        return None, ()
    n = len(folds)
    value = math.fsum(fold.difference for fold in folds) / n
    interval = noise.around(value, math.sqrt(2 * (1 / n + 1 / (n - 1))), level) if n > 1 else None
    return Estimate(value=value, n=n, interval=interval), tuple(folds)


def _chosen(points: Sequence[ScaledPoint], left_out: int) -> ScaledPoint | None:
    """Of the points that have this seed, the one with the highest mean on its other seeds; where
    there is only one, nothing is chosen."""
    present = [point for point in points if left_out in point.accuracies]
    if len(points) == 1:
        return present[0] if present else None
    rest = [[value for seed, value in sorted(point.accuracies.items()) if seed != left_out] for point in present]
    means = [round(math.fsum(values) / len(values), 12) if values else -math.inf for values in rest]
    best = max(range(len(present)), key=means.__getitem__, default=None)
    return None if best is None or math.isinf(means[best]) else present[best]
