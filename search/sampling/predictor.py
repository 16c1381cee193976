"""The default sampler: proposes the feasible candidate that is most promising by a model.

Source: predictor-based architecture search over an enumerated pool (Wen et al., ECCV 2020,
arXiv:1912.00848; White et al., BANANAS, AAAI 2021, arXiv:1910.11858), with a Gaussian process
(`surrogate.py`) instead of their networks; candidates are compared as in `acquisition.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from ...studies.database.optuna_private import trials_of
from .acquisition import most_dominating, most_improving
from .auxiliary import Auxiliary, Rows, rows_of
from .columns import Table, columns_of
from .feasible import NEIGHBOURS, FeasibleSampler
from .features import Encoder, Features, Hint, Vector
from .history import History
from .models import Models, Quality
from .one_thread import one_thread
from .pool import Pool
from .recommendation import Recommendation, by_model, by_values
from .region import CostFunction, Region

PARENTS = 20
"""Number of the best trials whose neighbours are added to a pool that is not complete."""
TOURNAMENT = 3
"""Before there is a model, the costliest of this number of random rows is proposed if the best
network is wanted, since accuracy rises with cost."""


COMPLETED = 2
"""Completed trials before the model is used, whatever is known of pruned ones, whose values are
extrapolated by them."""


class PredictorSampler(FeasibleSampler):
    """Proposes the candidate within the budget with the highest expected improvement, or, for a
    front, the highest sampled gain in hypervolume. Works with any Optuna study."""

    def __init__(
        self,
        *,
        seed: int | None = None,
        cost: CostFunction | None = None,
        budget: float | str | Sequence[float] | None = None,
        space: Mapping[str, BaseDistribution] | None = None,
        region: Region | None = None,
        objective: Literal["best", "front"] | None = None,
        earlier: Sequence[Sequence[FrozenTrial]] = (),
        hints: Mapping[str, Rows] | None = None,
        startup: int = 6,
    ) -> None:
        """Make a sampler.

        Args:
            seed, cost, budget, space, region: as in `FeasibleSampler`.
            objective: "best" looks for the best first value, "front" for the hypervolume of all
                values; by default "best" for one objective and "front" for several.
            earlier: trials of earlier studies of the same parameters and directions, to learn from.
            hints: name -> values of some candidates without noise, such as zero-cost scores.
            startup: number of completed and pruned trials before the model is used.
        """
        super().__init__(seed=seed, cost=cost, budget=budget, space=space, region=region)
        self._objective, self._startup = objective, max(2, startup)
        self._earlier = [list(trials) for trials in earlier]
        self._hints = {name: list(rows) for name, rows in (hints or {}).items()}
        self._models = Models(self._region)
        self._encoded: tuple[Pool, Encoder, Features] | None = None
        self._sources: dict[str, Hint] = {}

    def hint(self, name: str, rows: Rows) -> None:
        """Add a hint, or more values to the hint of that name."""
        self._hints.setdefault(name, []).extend(rows)
        self._encoded = None

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each part of the model of the first objective, and of the noise, in units of
        the observations' variance; empty if no model has been fitted."""
        return self._models.weights

    def quality(self, study: Study) -> Quality | None:
        """How well the model ranks completed trials that it has not seen; None if there are too
        few."""
        if self._history is None or self._pool is None or not len(self._history.rows):
            return None
        with one_thread():
            encoder, _ = self._features_of(self._pool, study)
            history = self._history
            features = encoder(history.rows, self._models.costs(history, history.rows))
            return self._models.quality(features, history.values[:, 0])

    def recommend(self, study: Study) -> list[Recommendation]:
        """The trials of a study, the best first by the model of the first objective.

        The model has seen all of them: completed trials, of which several with the same parameters
        are seeds, and pruned ones by their curves. Before there is a model they are ranked by their
        values alone. What is proposed next does not depend on it.
        """
        trials = trials_of(study)
        columns = columns_of(self.infer_relative_search_space(study, trials[-1])) if trials else []
        if not columns:
            return by_values(study)
        history, pool = self._followed(study, columns, trials, len(trials))
        if not self._knows(history):
            return by_values(study)
        with one_thread():
            encoder, _ = self._features_of(pool, study)
            models = Models(self._region)
            model = models.fit(history, encoder, 0, np.random.default_rng(0), warped=False)

            def predict(rows: Table) -> tuple[Vector, Vector]:
                features = encoder(rows, models.costs(history, rows))
                return model.mean(features), model.deviation(features)

            return by_model(study, history, predict, model.noise)

    def _knows(self, history: History) -> bool:
        """Whether there are enough trials for a model."""
        known = len(history.rows) + len(history.stopped)  # a search may stop nearly all of its trainings
        return known >= self._startup and len(history.rows) >= COMPLETED

    def choose(self, study: Study, history: History, pool: Pool, running: Table) -> NDArray[np.float64] | None:
        with one_thread():
            return self._choose(study, history, pool, running)

    def _choose(self, study: Study, history: History, pool: Pool, running: Table) -> NDArray[np.float64] | None:
        encoder, features = self._features_of(pool, study)
        best = self._objective == "best" or len(study.directions) == 1
        if not self._knows(history):
            begun = len(history.rows) + len(history.stopped) + len(running)
            return self._begin(pool, features, begun, best)
        rows, costs, features = pool.rows[pool.free], pool.costs[pool.free], features[pool.free]
        if not pool.complete:
            parents = history.rows[np.argsort(-history.values[:, 0])[:PARENTS]]
            near, their_costs = pool.neighbours(parents, NEIGHBOURS, self._rng)
            rows, costs = np.concatenate([rows, near]), np.concatenate([costs, their_costs])
            features = features.followed_by(encoder(near, their_costs))
        if not len(rows):
            return None
        pending = encoder(running, self._models.costs(history, running))
        return rows[(self._best if best else self._front)(history, encoder, features, costs, pending)]

    def _begin(self, pool: Pool, features: Features, count: int, best: bool) -> NDArray[np.float64] | None:
        """A row before there is a model of this study: every second one by the model of an earlier
        study, if there is one; otherwise a random one, preferably costly if `best`. The families of
        a union take turns, since the model needs trials of each."""
        free = np.flatnonzero(pool.free)
        if not len(free):
            return self.at_random(pool)
        if self._region.families is not None:
            family = pool.rows[free, self._region.families.place(pool.columns)]
            there = np.unique(family)
            free = free[family == there[count % len(there)]]
        known = [
            name
            for name, source in self._sources.items()
            if name.startswith("earlier") and isinstance(source, Auxiliary) and source.model is not None
        ]
        if known and count % 2 == 0:
            name = known[count // 2 % len(known)]
            few = self._rng.choice(free, min(len(free), 5_000), replace=False)
            return pool.rows[few[np.argmax(features.linear[name][few, 0])]]
        few = self._rng.choice(free, min(len(free), TOURNAMENT if best else 1), replace=False)
        return pool.rows[few[np.argmax(pool.costs[few])]]

    def _features_of(self, pool: Pool, study: Study) -> tuple[Encoder, Features]:
        """Encoder and features of the whole pool; made once for each pool."""
        if self._encoded is None or self._encoded[0] is not pool:
            sign = 1.0 if study.directions[0] == StudyDirection.MAXIMIZE else -1.0
            of_pool = pool.rows, pool.costs
            self._sources = {}
            for index, trials in enumerate(self._earlier):
                rows = rows_of(trials, sign)
                self._sources[f"earlier {index}"] = Auxiliary(
                    pool.columns, self._region, of_pool, rows, noisy=True, rng=self._rng
                )
            for name, rows in self._hints.items():
                self._sources[f"hint {name}"] = Auxiliary(
                    pool.columns, self._region, of_pool, rows, noisy=False, rng=self._rng
                )
            costs = pool.costs if self._region.priced else None
            encoder = Encoder(pool.columns, pool.rows, costs, self._sources, families=self._region.families)
            self._encoded = pool, encoder, encoder(pool.rows, pool.costs)
            self._models = Models(self._region)
        return self._encoded[1], self._encoded[2]

    def _best(self, history: History, encoder: Encoder, features: Features, costs: Vector, pending: Features) -> int:
        model = self._models.fit(history, encoder, 0, self._rng, warped=True)
        seen = encoder(history.rows, self._models.costs(history, history.rows))
        return most_improving(model, features, seen, pending, self._rng)

    def _front(self, history: History, encoder: Encoder, features: Features, costs: Vector, pending: Features) -> int:
        own = self._models.costs(history, history.rows)
        models = {
            index: self._models.fit(history, encoder, index, self._rng, warped=False)
            for index in range(history.values.shape[1])
            if index == 0 or not (self._region.priced and np.allclose(history.values[:, index], -own))
        }
        seen = encoder(history.rows, own)
        return most_dominating(models, features, costs, seen, history.values, pending, self._rng)
