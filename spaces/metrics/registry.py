"""Looks cost metrics up by name, and values by unit.

Four metrics come with automl. A package declares others in the group of entry points
`automl.metrics`; a script registers one with `register`. Metrics are computed by the process that
runs the search, so workers need none.
"""

from __future__ import annotations

import inspect

from ...blocks import Cost, InputError
from ...blocks.registry import Registry
from ...blocks.shape import Number
from .counts import ACTIVATIONS, MACS, PARAMS
from .memory import PeakMemory
from .metric import Metric

DEFAULT_AXIS = "macs"
"""The metric that is the cost axis of a front where none is named."""


def _accepted(name: str, part: object) -> Metric:
    """`part` as a metric: an instance, or a class that needs no arguments."""
    metric = part
    if inspect.isclass(part) and issubclass(part, Metric) and not inspect.isabstract(part):
        metric = part()
    if not isinstance(metric, Metric):
        got = part.__name__ if inspect.isclass(part) else type(part).__name__
        raise InputError(f"the cost metric {name!r} must be derived from Metric, but got {got}")
    if metric.name != name:
        raise InputError(
            f"a cost metric must be registered by its own name, but {metric.name!r} is declared as {name!r}"
        )
    if not (name.isidentifier() and name.islower()):
        raise InputError(f"the name of a cost metric must be small letters, digits and _, but got {name!r}")
    taken = units(metrics.known)
    for unit in metric.units:
        if unit.lower() in taken and taken[unit.lower()][0] != name:
            raise InputError(f"the unit {unit!r} of the cost metric {name!r} is taken by {taken[unit.lower()][0]!r}")
    return metric


def units(known: dict[str, Metric]) -> dict[str, tuple[str, float]]:
    """Unit in small letters -> its metric, and its scale."""
    return {unit.lower(): (name, scale) for name, metric in known.items() for unit, scale in metric.units.items()}


metrics: Registry[Metric] = Registry(
    "cost metric", "automl.metrics", accept=_accepted, home=lambda metric: type(metric).__module__
)
"""All cost metrics by name."""


def register(metric: Metric) -> Metric:
    """Register `metric` by its name.

    Raises:
        InputError: its name or one of its units is taken.
    """
    return metrics.add(metric.name, metric)


def metric_names() -> list[str]:
    """Names of all metrics, those of installed packages included, in order of registration."""
    return metrics.names()


def value(name: str, cost: Cost) -> Number:
    """The value of the metric `name` for a cost: a number, or an array where the cost holds arrays.

    Raises:
        InputError: there is no such metric, or it needs a network that the cost does not name.
    """
    return metrics.get(name).value(cost)


for _metric in (MACS, PARAMS, ACTIVATIONS, PeakMemory()):
    register(_metric)
