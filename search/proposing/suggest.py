"""Chooses the settings of a candidate by asking an Optuna trial for one parameter after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...spaces import Space
from ...spaces.values.parameters import Parameter, Value
from ..sampling.distributions import distribution

if TYPE_CHECKING:
    from optuna.trial import BaseTrial


def suggest(space: Space, trial: BaseTrial) -> dict[str, Value]:
    """Settings suggested by `trial`; inactive parameters are not asked for."""
    chosen: dict[str, Value] = {}
    for parameter in space.parameters:
        if space.active(parameter, chosen):
            chosen[parameter.name] = _value(parameter, trial)
    return chosen


def _value(parameter: Parameter, trial: BaseTrial) -> Value:
    from optuna.distributions import CategoricalDistribution, IntDistribution

    asked, name = distribution(parameter), parameter.name
    if isinstance(asked, CategoricalDistribution):
        value = trial.suggest_categorical(name, asked.choices)
        return parameter.values[parameter.values.index(value)]  # type: ignore[arg-type]
    if isinstance(asked, IntDistribution):
        return trial.suggest_int(name, asked.low, asked.high, step=asked.step)
    # a multiple of the step has rounding errors: take the value that the space itself has
    return parameter.snap(trial.suggest_float(name, asked.low, asked.high, step=asked.step))  # type: ignore[attr-defined]
