"""Looks samplers up by name: automl's own, registered ones, and those of installed packages.

Samplers are always named explicitly, since Optuna's default for several objectives changes between
versions. A package declares a sampler in the group of entry points `automl.samplers`; a script
registers one with `samplers.add(name, factory)`.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from ...blocks.errors import InputError
from ...blocks.registry import Registry
from .builtin_samplers import BUILTIN
from .sampler_kind import Asked, Objective, SamplerKind, kind_of

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

DEFAULT_SAMPLER = "predictor"


def _home(kind: SamplerKind) -> str:
    return __name__ if kind.factory is None else getattr(kind.factory, "__module__", "")


samplers: Registry[SamplerKind] = Registry("sampler", "automl.samplers", accept=kind_of, home=_home)
"""All samplers by name."""
for _name, _kind in BUILTIN.items():
    samplers.add(_name, _kind)


def sampler_names() -> list[str]:
    """Names that `--sampler` takes, those of installed packages included."""
    return samplers.names()


def check_sampler(name: str, objective: Objective | None = None) -> None:
    """Check that there is a sampler called `name`, and that it can look for `objective`.

    Raises:
        InputError: it does not exist (the nearest name is given), or looks for something else only.
    """
    kind = samplers.get(name)
    if objective is not None and objective not in kind.objectives:
        raise InputError(
            f"the sampler {name} must be used with --objective {' or '.join(kind.objectives)}, but got {objective}"
        )


def make_sampler(name: str, *, seed: int, trials: int, **more: Any) -> BaseSampler:
    """The sampler called `name` for a search of about `trials` trials.

    Args:
        name: as in `sampler_names`.
        seed: seed of its random numbers.
        trials: approximate number of trials in the study.
        more: other fields of `Asked`.

    Raises:
        InputError: unknown name (the nearest is given), or the sampler cannot be made.
    """
    kind = samplers.get(name)
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return kind.make(Asked(seed=seed % 2**32, trials=trials, **more))
