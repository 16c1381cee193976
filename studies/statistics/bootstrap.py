"""A paired bootstrap of mean accuracies over seeds that all networks share.

A seed fixes the data split and the initialisation number of every network, so seeds are resampled
jointly: a resample draws seeds with replacement, and every network contributes its accuracies on
those seeds. Resampling each network separately would discard the pairing, that is, what all
networks of one seed have in common. If a network lacks some seeds, its resampled mean is over the
drawn seeds that it has; if it has none of them, it is NaN in that resample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .intervals import Interval

Floats = NDArray[np.float64]


class Seeded(Protocol):
    """One network with its accuracy on each seed."""

    @property
    def accuracies(self) -> Mapping[int, float]:
        """Accuracy of the complete training on each seed."""
        ...


class SeedBootstrap:
    """Mean accuracies of all points in every resample: one row a resample, one column a point."""

    def __init__(self, points: Sequence[Seeded], *, resamples: int, seed: int, level: float) -> None:
        """Draw `resamples` resamples from the generator of `seed`; `level` is that of intervals."""
        seeds = sorted({one for point in points for one in point.accuracies})
        self.level = level
        self.index: dict[int, int] = {id(point): column for column, point in enumerate(points)}
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
        with np.errstate(invalid="ignore"):  # 0 / 0 where none of a network's seeds was drawn
            means = drawn @ np.where(known, table, 0.0).T / (drawn @ known.T)
        # Equal accuracies must give equal means, in whatever order they are summed.
        self.means: Floats = np.round(means, 12)

    def of(self, points: Sequence[Seeded]) -> Floats:
        """The resampled means of these points: (resamples, points)."""
        return self.means[:, [self.index[id(point)] for point in points]]

    def interval(self, values: Floats) -> Interval | None:
        """The percentile interval of one value per resample; None if none is finite."""
        values = values[np.isfinite(values)]
        if not values.size:
            return None
        tail = (1 - self.level) / 2
        low, high = np.quantile(values, [tail, 1 - tail])
        return Interval(float(low), float(high))

    def best(self, points: Sequence[Seeded]) -> Floats:
        """The highest mean among these points in every resample; NaN where all are NaN.

        The best point is chosen anew in each resample.
        """
        highest = np.where(np.isnan(columns := self.of(points)), -np.inf, columns).max(axis=1)
        return np.where(np.isfinite(highest), highest, np.nan)

    def probability_best(self, point: Seeded, points: Sequence[Seeded]) -> float:
        """Share of the resamples in which `point` has the highest mean of `points`.

        Points with equal highest means share a resample equally.
        """
        columns = self.of(points)
        wins = columns == self.best(points)[:, None]
        mine = wins[:, [self.index[id(one)] for one in points].index(self.index[id(point)])]
        some = wins.any(axis=1)
        return float((mine[some] / wins[some].sum(axis=1)).mean()) if some.any() else 0.0
