"""Regularised evolution and random search within a budget.

Source: Real et al., Regularized Evolution for Image Classifier Architecture Search, AAAI 2019,
arXiv:1802.01548, algorithm 1 (mutation only): the population is the last trials, so the oldest
dies; the best of a random sample of it is mutated in one parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution

from .conditions import Declared
from .feasible import FeasibleSampler
from .history import History
from .pool import Pool
from .region import CostFunction, Region

MUTATIONS = 64
"""Mutations tried for a new feasible child."""


class EvolutionSampler(FeasibleSampler):
    """Regularised evolution within a budget, for any Optuna study."""

    def __init__(
        self,
        *,
        seed: int | None = None,
        cost: CostFunction | None = None,
        budget: float | str | Sequence[float] | None = None,
        space: Mapping[str, BaseDistribution] | None = None,
        conditions: Mapping[str, Declared] | None = None,
        region: Region | None = None,
        population: int = 20,
        sample: int = 5,
    ) -> None:
        """Make a sampler.

        Args:
            seed, cost, budget, space, conditions, region: as in `FeasibleSampler`.
            population: number of the latest trials that are alive.
            sample: number of them among which the best becomes the parent.
        """
        super().__init__(seed=seed, cost=cost, budget=budget, space=space, conditions=conditions, region=region)
        self._population, self._sample = population, sample

    def choose(
        self, study: Study, history: History, pool: Pool, running: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        self._reseed(pool)
        if len(history.rows) < self._population:
            return self.at_random(pool)
        alive = np.arange(len(history.rows) - self._population, len(history.rows))
        few = self._rng.choice(alive, min(self._sample, len(alive)), replace=False)
        parent = few[np.argmax(history.values[few, 0])]
        children, _ = pool.neighbours(history.rows[parent][None], MUTATIONS, self._rng, twice=0.0)
        return children[self._rng.integers(len(children))] if len(children) else self.at_random(pool)


class RandomSampler(FeasibleSampler):
    """Uniform draws within a budget, without repetition."""

    def choose(
        self, study: Study, history: History, pool: Pool, running: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        return self.at_random(pool)
