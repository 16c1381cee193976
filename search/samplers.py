"""Samplers by name. They are named explicitly: Optuna's default for several objectives changes between versions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..blocks.errors import unknown

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

GRID = "grid"
"""No model: every distinct candidate within the budget once, in a seeded order."""


def _tpe(seed: int, trials: int) -> BaseSampler:
    from optuna.samplers import TPESampler

    # grouped, because conditional dimensions are absent from some trials; a running trial counts as a bad one, so that workers do not crowd
    return TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=1)


def _nsga2(seed: int, trials: int) -> BaseSampler:
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(seed=seed, population_size=max(6, min(50, trials // 5)))


def _gp(seed: int, trials: int) -> BaseSampler:
    from optuna.samplers import GPSampler

    return GPSampler(seed=seed, n_startup_trials=1)


def _random(seed: int, trials: int) -> BaseSampler:
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


_samplers: dict[str, Callable[[int, int], BaseSampler]] = {"tpe": _tpe, "nsga2": _nsga2, "gp": _gp, "random": _random, GRID: _random}
DEFAULT_SAMPLER = "tpe"
PATIENCE = {GRID: 0, "gp": 8}
"""Proposals in a row that may be refused before one is drawn from the feasible pool (50 unless named here): a Gaussian process takes a second to ask."""


def patience(name: str) -> int:
    """Refusals in a row after which the feasible pool is drawn from."""
    return PATIENCE.get(name, 50)


def startup(name: str, trials: int) -> int:
    """How many candidates a sampler with a model takes from the feasible pool before it is asked at all."""
    return 0 if name in ("random", GRID) else max(4, min(10, trials // 4))


def sampler_names() -> list[str]:
    """Names that `--sampler` takes."""
    return list(_samplers)


def check_sampler(name: str) -> None:
    """InputError with the nearest name when there is no such sampler."""
    if name not in _samplers:
        raise unknown("sampler", name, _samplers)


def make_sampler(name: str, *, seed: int, trials: int) -> BaseSampler:
    """The sampler called `name`, for a search of about `trials` evaluations.

    Raises:
        InputError: unknown name; the nearest is named.
    """
    check_sampler(name)
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return _samplers[name](seed % 2**32, trials)
