"""Samplers by name. They are named explicitly: Optuna's default for several objectives changes
between versions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ...blocks.errors import unknown

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from ..sampling.space_region import SpaceRegion

Objective = Literal["best", "front"]
"""The most accurate network within the budget, or the whole front of accuracy and cost."""
DEFAULT_SAMPLER = "predictor"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a sampler is made for."""

    seed: int
    """Of its draws."""
    trials: int
    """About so many evaluations."""
    objective: Objective = "best"
    """What is looked for."""
    region: SpaceRegion | None = None
    """What may be proposed; for samplers of ours."""
    earlier: Sequence[Sequence[FrozenTrial]] = ()
    """Trials of earlier studies of the same space; for the predictor."""
    hints: Mapping[str, Sequence[tuple[Mapping[str, Any], float]]] | None = None
    """Name → (parameters, value) of some candidates; for the predictor."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """A sampler that can be chosen."""

    words: str
    """What it is, in a line."""
    make: Callable[[Asked], BaseSampler] | None
    """Makes it; None where candidates are drawn without a sampler."""
    ours: bool = False
    """Whether it proposes only what is new and within the budget; what others propose is examined,
    and refused where it is not."""
    patience: int = 50
    """Proposals in a row that may be refused before one is drawn from the feasible pool."""
    hinted: bool = False
    """Whether it makes use of hints."""
    starts: bool = False
    """Whether its first candidates are drawn from the feasible pool before it is asked at all."""


def _predictor(asked: Asked) -> BaseSampler:
    from ..sampling.predictor import PredictorSampler

    space = None if asked.region is None else asked.region.distributions
    return PredictorSampler(
        seed=asked.seed,
        region=asked.region,
        space=space,
        objective=asked.objective,
        earlier=asked.earlier,
        hints=asked.hints,
    )


def _evolution(asked: Asked) -> BaseSampler:
    from ..sampling.evolution import EvolutionSampler

    population = max(6, min(50, asked.trials // 5))
    space = None if asked.region is None else asked.region.distributions
    return EvolutionSampler(
        seed=asked.seed, region=asked.region, space=space, population=population, sample=max(2, population // 4)
    )


def _tpe(asked: Asked) -> BaseSampler:
    from optuna.samplers import TPESampler

    # grouped, because conditional dimensions are absent from some trials; a running trial counts as
    # a bad one, so that workers do not crowd
    return TPESampler(seed=asked.seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=1)


def _nsga2(asked: Asked) -> BaseSampler:
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(seed=asked.seed, population_size=max(6, min(50, asked.trials // 5)))


def _gp(asked: Asked) -> BaseSampler:
    from optuna.samplers import GPSampler

    return GPSampler(seed=asked.seed, n_startup_trials=1)


SAMPLERS: Mapping[str, Described] = {
    "predictor": Described(
        words="a model of accuracy, and what it expects most of within the budget",
        make=_predictor,
        ours=True,
        hinted=True,
    ),
    "evolution": Described(
        words="regularised evolution: the oldest dies, the best of a few has a child", make=_evolution, ours=True
    ),
    "random": Described(words="uniform over the distinct networks within the budget", make=None, ours=True),
    "tpe": Described(words="Optuna's multivariate tree-structured Parzen estimator", make=_tpe, starts=True),
    "nsga2": Described(words="Optuna's NSGA-II", make=_nsga2, starts=True),
    "gp": Described(words="Optuna's Gaussian process", make=_gp, patience=8, starts=True),  # it takes a second to ask
    "grid": Described(words="every distinct network within the budget once, in a seeded order", make=None, ours=True),
}
"""By name. CMA-ES is none of them: it takes no categorical parameters."""


def startup(name: str, trials: int) -> int:
    """How many candidates a sampler with a model takes from the feasible pool before it is asked at
    all."""
    return max(4, min(10, trials // 4)) if SAMPLERS[name].starts else 0


def sampler_names() -> list[str]:
    """Names that `--sampler` takes."""
    return list(SAMPLERS)


def check_sampler(name: str) -> None:
    """InputError with the nearest name when there is no such sampler."""
    if name not in SAMPLERS:
        raise unknown("sampler", name, SAMPLERS)


def make_sampler(name: str, *, seed: int, trials: int, **more: Any) -> BaseSampler:
    """The sampler called `name`, for a search of about `trials` evaluations; `more` as in `Asked`.

    Raises:
        InputError: unknown name; the nearest is named.
    """
    check_sampler(name)
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import RandomSampler

    asked = Asked(seed=seed % 2**32, trials=trials, **more)
    make = SAMPLERS[name].make
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return RandomSampler(seed=asked.seed) if make is None else make(asked)
