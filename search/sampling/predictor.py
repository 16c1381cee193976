"""The default sampler: a model of accuracy, and a draw from what it believes, over a large pool of what the budget allows.

Source: Thompson sampling (Thompson 1933; Russo et al., 2018, arXiv:1707.02038) over an enumerated pool, as in predictor-based architecture search (Wen et
al., ECCV 2020, arXiv:1912.00848; White et al., BANANAS, AAAI 2021, arXiv:1910.11858), with a Gaussian process in place of their networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution

from .curves import continued
from .feasible import NEIGHBOURS, FeasibleSampler, History
from .hypervolume import improvements
from .pool import CostFunction, Pool
from .surrogate import Encoder, Features, Surrogate, Vector

SUPPORT = 400
"""Observations that a model is fitted to at most: the better half of them the best, the others drawn."""
WEIGHED = 200
"""Observations by which its weights are found."""
SOFTENED = 0.5
"""Of the median distance from the best, what is added before the logarithm is taken."""
BOLDNESS = 0.5
"""By which a draw's distance from the mean is multiplied: trials are few, and a whole draw explores for many."""
PROMISING, AT_RANDOM = 600, 200
"""Rows that a draw compares: those of the highest mean, and others."""
PARENTS = 20
"""How many of the best have neighbours."""
BINS = 8
"""Parts of the cost range, from each of which promising rows come where the whole front is wanted."""


class PredictorSampler(FeasibleSampler):
    """Proposes what a draw from a model of accuracy thinks best within a budget; for any Optuna study."""

    def __init__(
        self,
        *,
        seed: int | None = None,
        cost: CostFunction | None = None,
        budget: float | str | Sequence[float] | None = None,
        space: Mapping[str, BaseDistribution] | None = None,
        objective: Literal["best", "front"] = "best",
        startup: int = 6,
    ) -> None:
        """As `FeasibleSampler`, and:

        Args:
            objective: of several, "best" looks for the best first value (the others are what it costs), "front" for the hypervolume of all.
            startup: trials drawn at random before there is a model.
        """
        super().__init__(seed=seed, cost=cost, budget=budget, space=space)
        self._objective, self._startup = objective, startup
        self._logs: dict[int, NDArray[np.float64]] = {}

    def choose(self, study: Study, history: History, pool: Pool, running: NDArray[np.float64]) -> NDArray[np.float64] | None:
        if len(history.rows) < self._startup:
            return self.at_random(pool)
        free = np.flatnonzero(pool.free)
        encoder = Encoder(pool.columns, pool.macs if self._costing.cost is not None else None)
        rows, macs = pool.rows[free], pool.macs[free]
        if not pool.whole:
            best = history.rows[np.argsort(-history.values[:, 0])[:PARENTS]]
            near, cost = pool.neighbours(best, NEIGHBOURS, self._rng)
            rows, macs = np.concatenate([rows, near]), np.concatenate([macs, cost])
            if not len(rows):
                return None
        features = encoder(rows, macs)
        if self._objective == "best" or history.values.shape[1] == 1:
            return rows[self._best(history, encoder, features)]
        return rows[self._front(history, encoder, features, macs)]

    def _best(self, history: History, encoder: Encoder, features: Features) -> int:
        """The row where a draw of the first objective is highest."""
        model = self._model(history, encoder, 0, warped=True)
        chosen = self._promising(model.mean(features), None)
        return int(chosen[np.argmax(model.sample(features[chosen], self._rng, BOLDNESS))])

    def _front(self, history: History, encoder: Encoder, features: Features, macs: Vector) -> int:
        """The row where a draw of all objectives adds most to the hypervolume; an objective that is the cost is not drawn but known."""
        own = self._costing.of(history.columns, history.rows)
        known = [index for index in range(1, history.values.shape[1]) if self._costing.cost is not None and np.allclose(history.values[:, index], -own)]
        models = {index: self._model(history, encoder, index, warped=False) for index in range(history.values.shape[1]) if index not in known}
        chosen = self._promising(models[0].mean(features), macs if known else None)
        drawn = np.stack([
            -macs[chosen] if index in known else models[index].sample(features[chosen], self._rng, BOLDNESS) for index in range(history.values.shape[1])
        ], axis=1)  # fmt: skip
        return int(chosen[np.argmax(improvements(history.values, drawn, self._rng))])

    def _promising(self, mean: Vector, macs: Vector | None) -> NDArray[np.intp]:
        """Rows to compare: those of the highest mean, of every part of the cost range where `macs` are given, and some at random."""
        if len(mean) <= PROMISING + AT_RANDOM:
            return np.arange(len(mean))
        parts = [np.arange(len(mean))] if macs is None else np.array_split(np.argsort(macs, kind="stable"), BINS)
        count = PROMISING // len(parts)
        best = [part[np.argpartition(-mean[part], min(count, len(part) - 1))[:count]] for part in parts]
        return np.union1d(np.concatenate(best), self._rng.integers(0, len(mean), AT_RANDOM))

    def _model(self, history: History, encoder: Encoder, objective: int, *, warped: bool) -> Surrogate:
        rows, values, extra = history.rows, history.values[:, objective], np.zeros(len(history.rows))
        if objective == 0 and history.stopped:
            more, guessed, variance = continued(history)
            rows, values, extra = np.concatenate([rows, more]), np.concatenate([values, guessed]), np.concatenate([extra, variance])
        kept = self._support(values)
        rows, values, extra = rows[kept], values[kept], extra[kept]
        features = encoder(rows, self._costing.of(history.columns, rows))
        target, scale = (warp(values), values.var()) if warped else (values, values.var())
        extra = extra / scale if scale > 0 else np.zeros(len(extra))
        few = np.arange(len(values)) if len(values) <= WEIGHED else self._rng.choice(len(values), WEIGHED, replace=False)
        weighed = Surrogate(features[few], target[few], extra[few], start=self._logs.get(objective))
        self._logs[objective] = weighed.logs
        return weighed if len(few) == len(values) else Surrogate(features, target, extra, logs=weighed.logs)

    def _support(self, values: Vector) -> NDArray[np.intp]:
        if len(values) <= SUPPORT:
            return np.arange(len(values))
        order = np.argsort(-values, kind="stable")
        others = self._rng.choice(order[SUPPORT // 2 :], SUPPORT - SUPPORT // 2, replace=False)
        return np.sort(np.concatenate([order[: SUPPORT // 2], others]))


def warp(values: Vector) -> Vector:
    """How far each lies behind the best, on a logarithmic scale that is softened by the spread of the better half: the worst say little about the best."""
    behind = values.max() - values
    return -np.log(behind + SOFTENED * float(np.median(behind)) + 1e-12)
