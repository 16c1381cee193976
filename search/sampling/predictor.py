"""The default sampler: a model of accuracy, and what it expects most improvement of, over a large
pool of what the budget allows.

Source: predictor-based architecture search over an enumerated pool (Wen et al., ECCV 2020,
arXiv:1912.00848; White et al., BANANAS, AAAI 2021, arXiv:1910.11858), with a Gaussian process in
place of their networks. The best is sought by expected improvement over the best that is believed
of what was observed (Mockus 1974; for noisy observations Picheny et al., Struct. Multidisc. Optim.
48, 2013); a front by the hypervolume that a draw from the posterior adds (Thompson sampling: Russo
et al., 2018, arXiv:1707.02038).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from scipy.special import ndtr
from scipy.stats import rankdata
from threadpoolctl import ThreadpoolController

from .auxiliary import Auxiliary, Rows, rows_of
from .columns import Table
from .curves import continued
from .feasible import NEIGHBOURS, FeasibleSampler
from .features import Encoder, Features, Hint, Vector
from .history import History
from .hypervolume import improvements
from .pool import Pool
from .region import CostFunction, Region
from .surrogate import Surrogate
from .warp import clipped, warp

SUPPORT = 400
"""Observations that a model is fitted to at most: the better half of them the best, the others
drawn."""
WEIGHED = 200
"""Observations by which its weights are found."""
ALWAYS, REFIT = 100, 1.05
"""Up to so many observations the weights are sought anew at every proposal; beyond, when there are
so many times as many."""
BOLDNESS = 0.4
"""By which a draw's distance from the mean is multiplied: trials are few, and a whole draw explores
for many."""
PROMISING, AT_RANDOM = 320, 80
"""Rows that are compared: those of the highest mean, and others."""
DOUBTFUL, LOOKED_AT = 120, 4_000
"""Besides, of so many drawn at random those of the highest mean plus standard deviation: what is
hardly known may be better than what looks best."""
PARENTS = 20
"""How many of the best have neighbours."""
BINS = 8
"""Parts of the cost range, from each of which promising rows come where the whole front is wanted.
"""
FEWEST = 5
"""Observations without which nothing is said of the model's quality."""
TOURNAMENT = 3
"""At random the costliest of so many draws is taken, for the first trials in search of the best:
accuracy rises with cost."""


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[object]:
    """Linear algebra on one core: its matrices are small, and beside busy workers threads that wait
    for each other take a hundred times as long."""
    return _controller().limit(limits=1, user_api="blas")


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What a model is worth."""

    rank_correlation: float
    """Spearman's, between observations and what was expected of each from all others."""
    n: int
    """Observations."""
    weights: dict[str, float]
    """Of the model's parts, hints among them, in units of the observations' variance."""


class PredictorSampler(FeasibleSampler):
    """Proposes that within a budget of which a model of accuracy expects most; for any Optuna
    study."""

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
        """As `FeasibleSampler`, and:

        Args:
            objective: of several, "best" looks for the best first value (the others are what it
                costs), "front" for the hypervolume of all; "best" of one and "front" of several
                where it is not given.
            earlier: the trials of each of some studies of the same parameters and directions; what
                they say of the first value is weighed by evidence.
            hints: name → (parameters, value) of some candidates, exact: zero-cost scores, say. Each
                is weighed by evidence.
            startup: trials drawn at random before there is a model.
        """
        super().__init__(seed=seed, cost=cost, budget=budget, space=space, region=region)
        self._objective, self._startup = objective, max(2, startup)
        self._earlier = [list(trials) for trials in earlier]
        self._hints = {name: list(rows) for name, rows in (hints or {}).items()}
        self._weights: dict[int, tuple[int, dict[str, float]]] = {}
        self._encoded: tuple[Pool, Encoder, Features] | None = None
        self._sources: dict[str, Hint] = {}

    def hint(self, name: str, rows: Rows) -> None:
        """Add a hint, or more rows to one of that name."""
        self._hints.setdefault(name, []).extend(rows)
        self._encoded = None

    @property
    def weights(self) -> dict[str, float]:
        """What each part of the model of the first value, and the noise, weighs, in units of the
        observations' variance; empty before there is one."""
        return dict(self._weights[0][1]) if 0 in self._weights else {}

    def quality(self, study: Study) -> Quality | None:
        """How well the model ranks what it has not seen: every trial of `study` that ended in full,
        expected from all others; None with fewer than 5."""
        if self._history is None or self._pool is None or len(self._history.rows) < FEWEST:
            return None
        with one_thread():
            encoder, _ = self._features_of(self._pool, study)
            history = self._history
            features = encoder(history.rows, self._macs(history, history.rows))
            kept = np.sort(np.argsort(-history.values[:, 0], kind="stable")[:SUPPORT])
            values = history.values[kept, 0]
            expected = Surrogate(features[kept], clipped(values)).left_out()
        if np.ptp(values) == 0 or np.ptp(expected) == 0:
            return None
        return Quality(
            rank_correlation=float(np.corrcoef(rankdata(expected), rankdata(values))[0, 1]),
            n=len(values),
            weights=self.weights,
        )

    def choose(self, study: Study, history: History, pool: Pool, running: Table) -> NDArray[np.float64] | None:
        with one_thread():
            return self._choose(study, history, pool, running)

    def _choose(self, study: Study, history: History, pool: Pool, running: Table) -> NDArray[np.float64] | None:
        encoder, features = self._features_of(pool, study)
        best = self._objective == "best" or len(study.directions) == 1
        if len(history.rows) < self._startup:
            return self._begin(pool, features, len(history.rows) + len(running), best)
        rows, macs, features = pool.rows[pool.free], pool.macs[pool.free], features[pool.free]
        if not pool.whole:
            leaders = history.rows[np.argsort(-history.values[:, 0])[:PARENTS]]
            near, cost = pool.neighbours(leaders, NEIGHBOURS, self._rng)
            rows, macs, features = (
                np.concatenate([rows, near]),
                np.concatenate([macs, cost]),
                _joined(features, encoder(near, cost)),
            )
        if not len(rows):
            return None
        busy = encoder(running, self._macs(history, running))
        return rows[(self._best if best else self._front)(history, encoder, features, macs, busy)]

    def _begin(self, pool: Pool, features: Features, count: int, best: bool) -> NDArray[np.float64] | None:
        """Before there is a model: by an earlier study, every second time; else at random, and
        rather costly where the best is wanted."""
        free = np.flatnonzero(pool.free)
        if not len(free):
            return self.at_random(pool)
        known = [
            name
            for name, source in self._sources.items()
            if name.startswith("earlier") and isinstance(source, Auxiliary) and source.model is not None
        ]
        if known and count % 2 == 0:
            name = known[count // 2 % len(known)]
            few = self._rng.choice(free, min(len(free), 5_000), replace=False)
            return pool.rows[few[np.argmax(features.linear[name][few, 0])]]
        times = TOURNAMENT if best else 1
        few = self._rng.choice(free, min(len(free), times), replace=False)
        return pool.rows[few[np.argmax(pool.macs[few])]]

    def _features_of(self, pool: Pool, study: Study) -> tuple[Encoder, Features]:
        """Of the whole pool, made once."""
        if self._encoded is None or self._encoded[0] is not pool:
            sign = 1.0 if study.directions[0] == StudyDirection.MAXIMIZE else -1.0
            of_pool = pool.rows, pool.macs
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
            encoder = Encoder(pool.columns, pool.rows, pool.macs if self._region.priced else None, self._sources)
            self._encoded = pool, encoder, encoder(pool.rows, pool.macs)
            self._weights = {}
        return self._encoded[1], self._encoded[2]

    def _best(self, history: History, encoder: Encoder, features: Features, macs: Vector, busy: Features) -> int:
        """The row of which most improvement of the first objective is expected."""
        model = self._model(history, encoder, 0, warped=True)
        mean = model.mean(features)
        chosen = self._promising(mean, None)
        if len(chosen) < len(mean):
            few = self._rng.integers(0, len(mean), LOOKED_AT)
            chosen = np.union1d(chosen, few[np.argsort(-mean[few] - model.spread(features[few]))[:DOUBTFUL]])
        best = model.mean(encoder(history.rows, self._macs(history, history.rows))).max()
        expected, factor = model.with_more(busy).posterior(features[chosen])
        return int(chosen[np.argmax(improvement(expected - best, np.sqrt((factor**2).sum(1))))])

    def _front(self, history: History, encoder: Encoder, features: Features, macs: Vector, busy: Features) -> int:
        """The row where a draw of all objectives adds most to the hypervolume of what is believed
        of those observed; the cost is not drawn but known."""
        own = self._macs(history, history.rows)
        known = [
            index
            for index in range(1, history.values.shape[1])
            if self._region.priced and np.allclose(history.values[:, index], -own)
        ]
        models = {
            index: self._model(history, encoder, index, warped=False)
            for index in range(history.values.shape[1])
            if index not in known
        }
        believed = history.values.copy()
        seen = encoder(history.rows, own)
        for index, model in models.items():
            believed[:, index] = model.mean(seen)
        chosen = self._promising(models[0].mean(features), macs if known else None)
        count = history.values.shape[1]
        drawn = np.stack(
            [
                (
                    -macs[chosen]
                    if index in known
                    else models[index].with_more(busy).sample(features[chosen], self._rng, BOLDNESS)[0]
                )
                for index in range(count)
            ],
            axis=1,
        )
        return int(chosen[np.argmax(improvements(believed, drawn, self._rng))])

    def _promising(self, mean: Vector, macs: Vector | None) -> NDArray[np.intp]:
        """Rows to compare: those of the highest mean, of every part of the cost range where `macs`
        are given, and some at random."""
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
            rows, values, extra = (
                np.concatenate([rows, more]),
                np.concatenate([values, guessed]),
                np.concatenate([extra, variance]),
            )
        kept = self._support(values)
        rows, values, extra = rows[kept], values[kept], extra[kept]
        target = warp(values) if warped else clipped(values)
        if values.std() > 0:
            extra = extra * (target.var() / values.var())
        features = encoder(rows, self._macs(history, rows))
        before = self._weights.get(objective)
        if (
            before is None
            or len(history.rows) <= ALWAYS
            or len(history.rows) >= REFIT * before[0]
            or len(history.rows) < before[0]
        ):
            few = (
                np.arange(len(values))
                if len(values) <= WEIGHED
                else self._rng.choice(len(values), WEIGHED, replace=False)
            )
            weighed = Surrogate(features[few], target[few], extra[few], start=None if before is None else before[1])
            self._weights[objective] = len(history.rows), weighed.weights
            if len(few) == len(values):
                return weighed
        return Surrogate(features, target, extra, weights=self._weights[objective][1])

    def _support(self, values: Vector) -> NDArray[np.intp]:
        if len(values) <= SUPPORT:
            return np.arange(len(values))
        order = np.argsort(-values, kind="stable")
        others = self._rng.choice(order[SUPPORT // 2 :], SUPPORT - SUPPORT // 2, replace=False)
        return np.sort(np.concatenate([order[: SUPPORT // 2], others]))

    def _macs(self, history: History, rows: Table) -> Vector:
        return self._region.examine(history.columns, rows).macs


def improvement(lead: Vector, spread: Vector) -> Vector:
    """What a normal variable of mean `lead` and standard deviation `spread` is expected to be where
    it is above 0, and 0 elsewhere."""
    scaled = lead / spread
    return spread * (scaled * ndtr(scaled) + np.exp(-0.5 * scaled**2) / math.sqrt(2 * math.pi))


def _joined(a: Features, b: Features) -> Features:
    return Features(
        linear={name: np.concatenate([block, b.linear[name]]) for name, block in a.linear.items()},
        place=np.concatenate([a.place, b.place]),
    )
