"""Guesses which value of a parameter is cheapest, before any cost is known.

Small numbers are taken to be cheap, and choices that are named like the absence of something.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

from .columns import Column

ABSENT = re.compile(r"none|zero|skip|identity|no$|off|false", re.IGNORECASE)
"""Names of choices that presumably cost nothing."""


def presumed_cost(column: Column) -> Callable[[float], float | tuple[float, float]]:
    """A sort key for the numbers of a parameter, in ascending order of their presumed cost."""
    found = column.distribution
    if not isinstance(found, CategoricalDistribution):
        return float

    def key(number: float) -> tuple[float, float]:
        choice = found.choices[int(number)]
        if choice is None or choice is False or (isinstance(choice, str) and ABSENT.search(choice)):
            return (-1.0, number)
        if isinstance(choice, int | float):
            return (float(choice), number)
        digits = re.findall(r"\d+", str(choice))
        return (float(sum(map(int, digits))), number)

    return key


def is_cheapest(name: str, distribution: BaseDistribution, value: Any) -> bool:
    """Whether a value of a parameter is the presumably cheapest one, or the lowest number."""
    column = Column(name=name, distribution=distribution)
    if column.categorical and column.values is not None:
        return bool(column.number(value) == min(column.values, key=presumed_cost(column)))
    return bool(column.number(value) == float(distribution.low))  # type: ignore[attr-defined]
