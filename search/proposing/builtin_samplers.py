"""The samplers that come with automl.

Each factory imports its sampler when it is called, since Optuna takes long to import. CMA-ES is
missing because it takes no categorical parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .proposal import Hints
from .sampler_kind import Objective, SamplerKind

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from ..sampling.space_region import SpaceRegion


def _predictor(
    seed: int,
    region: SpaceRegion | None,
    space: Mapping[str, BaseDistribution] | None,
    objective: Objective,
    earlier: Sequence[Sequence[FrozenTrial]],
    hints: Mapping[str, Hints] | None,
) -> BaseSampler:
    from ..sampling.predictor import PredictorSampler

    return PredictorSampler(seed=seed, region=region, space=space, objective=objective, earlier=earlier, hints=hints)


def _evolution(
    seed: int, trials: int, region: SpaceRegion | None, space: Mapping[str, BaseDistribution] | None
) -> BaseSampler:
    from ..sampling.evolution import EvolutionSampler

    population = _population(trials)
    return EvolutionSampler(
        seed=seed, region=region, space=space, population=population, sample=max(2, population // 4)
    )


def _tpe(seed: int) -> BaseSampler:
    from optuna.samplers import TPESampler

    # grouped: conditional parameters are missing from some trials. constant_liar: a running trial
    # counts as a bad one, so that parallel workers do not propose the same
    return TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=1)


def _nsga2(seed: int, trials: int) -> BaseSampler:
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(seed=seed, population_size=_population(trials))


def _gp(seed: int) -> BaseSampler:
    from optuna.samplers import GPSampler

    return GPSampler(seed=seed, n_startup_trials=1)


def _population(trials: int) -> int:
    return max(6, min(50, trials // 5))


BUILTIN: dict[str, SamplerKind] = {
    "predictor": SamplerKind(
        words="highest expected improvement by a model of accuracy", factory=_predictor, feasible=True, steady=True
    ),
    "evolution": SamplerKind(
        words="regularised evolution: mutates the best of a sample of recent trials",
        factory=_evolution,
        feasible=True,
        steady=True,
    ),
    "random": SamplerKind(words="uniform over the distinct networks within the budget", factory=None, feasible=True),
    "tpe": SamplerKind(words="Optuna's multivariate tree-structured Parzen estimator", factory=_tpe),
    "nsga2": SamplerKind(words="Optuna's NSGA-II", factory=_nsga2),
    "gp": SamplerKind(words="Optuna's Gaussian process", factory=_gp, patience=8),  # a proposal takes a second
    "grid": SamplerKind(
        words="every distinct network within the budget once, in a seeded order", factory=None, feasible=True
    ),
}
