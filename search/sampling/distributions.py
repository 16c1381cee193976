"""Translates the parameters of a space into Optuna's distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from ...spaces.values.parameters import Parameter


def distribution(parameter: Parameter) -> BaseDistribution:
    """The distribution whose values are those of `parameter`."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if parameter.step is None or len(parameter.values) == 1:
        return CategoricalDistribution(list(parameter.values))  # type: ignore[arg-type]
    low, high = parameter.values[0], parameter.values[-1]
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, step=int(parameter.step))
    return FloatDistribution(float(low), float(high), step=parameter.step)
