"""Fits the surrogates of a study's objectives to its history, and tells how well they predict.

Finding the hyperparameters takes most of the time, so they are not fitted at every proposal.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from .curves import continued
from .features import Encoder, Features, Vector
from .history import History
from .region import Region, filled
from .surrogate import Surrogate
from .warp import clipped, warp

MAX_OBSERVATIONS = 400
"""Observations that a model is fitted to at most. The better half of them are the best of all, the
others are drawn at random."""
MAX_FOR_WEIGHTS = 200
"""Observations by which hyperparameters are found at most."""
ALWAYS_REFIT, REFIT = 100, 1.05
"""Up to ALWAYS_REFIT observations hyperparameters are found anew at every proposal; beyond that,
each time the number of observations has grown by the factor REFIT."""
MIN_FOR_QUALITY = 5
"""With fewer observations than this the quality of a model is not told."""


class Quality(TypedDict):
    """How well a model predicts."""

    rank_correlation: float
    """Spearman's, between the observations and the prediction of each from all others."""
    n: int
    """Number of observations."""
    weights: dict[str, float]
    """Weights of the model's parts, in units of the observations' variance."""


class Models:
    """The surrogates of one study, with their latest hyperparameters."""

    def __init__(self, region: Region) -> None:
        """`region` tells the costs of observed rows."""
        self._region = region
        self._fitted: dict[int, tuple[int, dict[str, float]]] = {}
        self._costs: dict[bytes, float] = {}

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each part of the model of the first objective, and of the noise, in units of
        the observations' variance; empty if no model has been fitted."""
        return dict(self._fitted[0][1]) if 0 in self._fitted else {}

    def fit(
        self, history: History, encoder: Encoder, objective: int, rng: np.random.Generator, *, warped: bool
    ) -> Surrogate:
        """The surrogate of one objective.

        Args:
            history: the observations; pruned trials are used for the first objective.
            encoder: makes their features.
            objective: index of the objective.
            rng: draws observations if there are too many.
            warped: whether values are warped, or only clipped.
        """
        rows, values, extra = history.rows, history.values[:, objective], np.zeros(len(history.rows))
        if objective == 0 and history.stopped:
            more, predicted, variance = continued(history)
            rows, values, extra = (
                np.concatenate([rows, more]),
                np.concatenate([values, predicted]),
                np.concatenate([extra, variance]),
            )
        kept = _kept(values, rng)
        rows, values, extra = rows[kept], values[kept], extra[kept]
        target = warp(values) if warped else clipped(values)
        if values.std() > 0:
            extra = extra * (target.var() / values.var())
        features = encoder(rows, self.costs(history, rows))
        before, count = self._fitted.get(objective), len(history.rows)
        if before is None or count <= ALWAYS_REFIT or count >= REFIT * before[0] or count < before[0]:
            few = (
                np.arange(len(values))
                if len(values) <= MAX_FOR_WEIGHTS
                else rng.choice(len(values), MAX_FOR_WEIGHTS, replace=False)
            )
            fitted = Surrogate(features[few], target[few], extra[few], start=None if before is None else before[1])
            self._fitted[objective] = count, fitted.weights
            if len(few) == len(values):
                return fitted
        return Surrogate(features, target, extra, weights=self._fitted[objective][1])

    def costs(self, history: History, rows: NDArray[np.float64]) -> Vector:
        """Costs of observed rows, each of which is computed once; one that cannot be told is the
        mean of the others."""
        keys = [row.tobytes() for row in rows]
        new = [index for index, key in enumerate(keys) if key not in self._costs]
        if new:
            costs = self._region.examine(history.columns, rows[new]).costs
            self._costs.update(zip((keys[index] for index in new), costs.tolist(), strict=True))
        return filled(np.array([self._costs[key] for key in keys], np.float64))

    def quality(self, features: Features, values: Vector) -> Quality | None:
        """How well the first objective's model ranks observations that it has not seen; None if
        there are too few, or all are equal.

        Args:
            features: features of the completed trials.
            values: their values, maximised.
        """
        kept = np.sort(np.argsort(-values, kind="stable")[:MAX_OBSERVATIONS])
        values = values[kept]
        if len(values) < MIN_FOR_QUALITY or np.ptp(values) == 0:
            return None
        predicted = Surrogate(features[kept], clipped(values)).leave_one_out()
        if np.ptp(predicted) == 0:
            return None
        correlation = float(np.corrcoef(rankdata(predicted), rankdata(values))[0, 1])
        return Quality(rank_correlation=correlation, n=len(values), weights=self.weights)


def _kept(values: Vector, rng: np.random.Generator) -> NDArray[np.intp]:
    """Indices of the observations that a model is fitted to."""
    if len(values) <= MAX_OBSERVATIONS:
        return np.arange(len(values))
    order, half = np.argsort(-values, kind="stable"), MAX_OBSERVATIONS // 2
    others = rng.choice(order[half:], MAX_OBSERVATIONS - half, replace=False)
    return np.sort(np.concatenate([order[:half], others]))
