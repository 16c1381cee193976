"""The default sampler: proposes the feasible candidate that is most promising by a model.

Source: predictor-based architecture search over an enumerated pool (Wen et al., ECCV 2020,
arXiv:1912.00848; White et al., BANANAS, AAAI 2021, arXiv:1910.11858), with a Gaussian process
(`surrogate.py`) instead of their networks; candidates are compared as in `acquisition.py`.

Tried and not better on generated problems (`benchmarks/results/search_ablation.md`): a proposal far
from the best trial after eight near it without improvement, every third proposal within two edits
of the best, an average of several models, the highest observation as what is to be exceeded,
larger deviations in the expected improvement, starts that share few choices, and a distance with a
weight for each parameter, which ranks candidates better and does not search better.
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
from .acquisition import PROMISING, Offer, domination, improvement, promising, shortlist, value_of
from .auxiliary import Auxiliary, Rows, rows_of
from .columns import Table, columns_of
from .conditions import Declared
from .feasible import FeasibleSampler
from .features import Encoder, Features, Hint, Vector
from .history import History
from .models import Models, Quality
from .one_thread import one_thread
from .pool import Pool
from .recommendation import Recommendation, by_model, by_values
from .region import CostFunction, Region
from .success import MAX_EACH, Success, SuccessModel
from .surrogate import Surrogate

PARENTS = 20
"""Number of the best trials whose neighbours are added to a pool that is not complete."""
TOURNAMENT = 3
"""Before there is a model, the costliest of this number of random rows is proposed if the best
network is wanted, since accuracy rises with cost."""

SCREENED = 25_000
"""Rows of a pool whose means are computed at a proposal; of a larger pool random ones."""
ROUNDS, MUTATIONS = 4, 900
"""Rounds in which neighbours of the best rows are added to a pool that is not screened completely,
in the first of the best trials, then of the rows of the highest mean; and mutations tried in each.
More rounds find better rows, and take longer."""
SEEN = 200
"""Trials of the highest values among which the best posterior mean is sought."""
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
        conditions: Mapping[str, Declared] | None = None,
        region: Region | None = None,
        objective: Literal["best", "front"] | None = None,
        earlier: Sequence[Sequence[FrozenTrial]] = (),
        hints: Mapping[str, Rows] | None = None,
        startup: int = 6,
    ) -> None:
        """Make a sampler.

        Args:
            seed, cost, budget, space, conditions, region: as in `FeasibleSampler`.
            objective: "best" looks for the best first value, "front" for the hypervolume of all
                values; by default "best" for one objective and "front" for several.
            earlier: trials of earlier studies of the same parameters and directions, to learn from.
            hints: name -> values of some candidates without noise, such as zero-cost scores.
            startup: number of completed and pruned trials before the model is used.
        """
        super().__init__(seed=seed, cost=cost, budget=budget, space=space, conditions=conditions, region=region)
        self._objective, self._startup = objective, max(2, startup)
        self._earlier = [list(trials) for trials in earlier]
        self._hints = {name: list(rows) for name, rows in (hints or {}).items()}
        self._models = Models(self._region)
        self._encoded: tuple[Pool, Encoder, Features] | None = None
        self._odds: tuple[History, tuple[int, int, int], Success] | None = None
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
        self._reseed(pool)
        encoder, features = self._features_of(pool, study)
        best = self._objective == "best" or len(study.directions) == 1
        success = self._success(history)
        if not self._knows(history):
            begun = len(history.rows) + len(history.stopped) + len(running)
            return self._begin(pool, features, begun, success, best=best)
        free = np.flatnonzero(pool.free)
        if len(free) > SCREENED:
            free = np.sort(self._rng.choice(free, SCREENED, replace=False))
        offer = Offer(rows=pool.rows[free], costs=pool.costs[free], features=features[free])
        models = self._fitted(history, encoder, best=best)
        offer = self._shortlisted(models[0], offer, history, pool, encoder, success, best=best)
        if not len(offer):
            return None
        pending = encoder(running, self._models.costs(history, running))
        if best:
            top = history.rows[np.argsort(-history.values[:, 0], kind="stable")[:SEEN]]
            seen = encoder(top, self._models.costs(history, top))
            gain = improvement(models[0], offer, seen, pending, success)
        else:
            seen = encoder(history.rows, self._models.costs(history, history.rows))
            gain = domination(models, offer, seen, history.values, pending, success, self._rng)
        return offer.rows[np.argmax(gain)]

    def _fitted(self, history: History, encoder: Encoder, *, best: bool) -> dict[int, Surrogate]:
        """The models of the objectives that are compared: of the first, and, for a front, of the
        others that are not minus the cost."""
        models = {0: self._models.fit(history, encoder, 0, self._rng, warped=best)}
        for index in range(1, 1 if best else history.values.shape[1]):
            costs = self._models.costs(history, history.rows)
            if not (self._region.priced and np.allclose(history.values[:, index], -costs)):
                models[index] = self._models.fit(history, encoder, index, self._rng, warped=False)
        return models

    def _shortlisted(
        self,
        model: Surrogate,
        offer: Offer,
        history: History,
        pool: Pool,
        encoder: Encoder,
        success: Success | None,
        *,
        best: bool,
    ) -> Offer:
        """The rows worth comparing: of the pool, and, if it is not screened completely, neighbours
        of the best trials, and neighbours of the best rows found so far."""
        whole = pool.complete and len(pool.rows) <= SCREENED
        value = value_of(model, offer, success)
        offer = shortlist(model, offer, value, self._rng, best=best)
        if whole:
            return offer
        parents = history.rows[np.argsort(-history.values[:, 0], kind="stable")[:PARENTS]]
        for _ in range(ROUNDS):
            rows, costs = pool.neighbours(parents, MUTATIONS, self._rng)
            near = Offer(rows=rows, costs=costs, features=encoder(rows, costs))
            offer = offer.followed_by(near[promising(value_of(model, near, success), None, self._rng)])
            value = value_of(model, offer, success)
            parents = offer.rows[np.argsort(-value, kind="stable")[:PARENTS]]
        return offer if best else offer[promising(value, offer.costs, self._rng)]

    def _success(self, history: History) -> Success | None:
        """The probability that a row can be evaluated; None if nothing has failed."""
        counts = len(history.rows), len(history.stopped), len(history.failed)
        if not counts[2]:
            return None
        if self._odds is None or self._odds[0] is not history or self._odds[1] != counts:
            works, fails = history.worked[-MAX_EACH:], history.failed[-MAX_EACH:]
            succeeded, failed = ((rows, self._models.costs(history, rows)) for rows in (works, fails))
            self._odds = history, counts, SuccessModel(history.columns, succeeded, failed)
        return self._odds[2]

    def _begin(
        self, pool: Pool, features: Features, count: int, success: Success | None, *, best: bool
    ) -> NDArray[np.float64] | None:
        """A row before there is a model of this study: every second one by the model of an earlier
        study, if there is one; otherwise a random one, preferably costly if `best`, and preferably
        one that will not fail. The families of a union take turns, since the model needs trials of
        each."""
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
        odds = None
        if success is not None:
            free = self._rng.choice(free, min(len(free), PROMISING), replace=False)
            odds = success(pool.rows[free], pool.costs[free])
            odds = odds / odds.sum()
        few = self._rng.choice(free, min(len(free), TOURNAMENT if best else 1), replace=False, p=odds)
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
            self._encoded = pool, encoder, encoder(pool.rows, pool.costs, np.float32)
            self._models = Models(self._region)
        return self._encoded[1], self._encoded[2]
