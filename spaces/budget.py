"""Parses budgets: bounds on cost in human units.

`400MFLOPs`, `0.4G`, `400MMACs`, `4e8` bound MACs (one FLOP is one multiply-add); `5.3MParams`
parameters; `12MActs` activations; `2MB`, `1MiB` the peak memory of activations; `300M..400MFLOPs`
is a range. Several bounds are separated by commas or given one after another. Each cost metric has
units of its own (`spaces.metrics`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..blocks import Cost, InputError
from ..blocks.errors import unknown
from ..blocks.shape import Number, is_array
from .metrics import Metric, metrics
from .metrics.amounts import PREFIXES, human
from .metrics.registry import units

__all__ = ["Bound", "Budget", "human", "parse_budget"]

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_AMOUNT = re.compile(rf"^\s*(?P<value>{_NUMBER})\s*(?P<unit>[a-zµ]*\s?[a-zµ]*(?:@[\w.-]+)?)\s*$", re.IGNORECASE)
_CANONICAL = re.compile(rf"^\s*(?:(?P<low>{_NUMBER})<=)?(?P<metric>\w+)<=(?P<high>{_NUMBER})\s*$")
_EXAMPLE = "write it like 400MFLOPs, 0.4G, 5.3MParams or 300M..400MFLOPs"


@dataclass(frozen=True, slots=True)
class Bound:
    """`low <= metric <= high` for one cost metric."""

    metric: str
    """The name of the metric, e.g. "macs"."""
    low: float
    """Smallest value allowed; 0 if there is no lower bound."""
    high: float
    """Largest value allowed."""

    def __str__(self) -> str:
        low, high = (str(end) if isinstance(end, int) else f"{end:.12g}" for end in (self.low, self.high))
        return f"{low}<={self.metric}<={high}" if self.low else f"{self.metric}<={high}"

    @property
    def of(self) -> Metric:
        """The metric."""
        return metrics.get(self.metric)

    def holds(self, cost: Cost) -> Number:
        """Whether `cost` meets the bound: a bool, or an array where the cost holds arrays."""
        value = self.of.value(cost)
        return (value >= self.low) & (value <= self.high)

    def reached(self, cost: Cost) -> str:
        """The value of `cost`, with all its digits."""
        value = self.of.value(cost)
        return f"{value:,} {self.metric}"


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds that the cost of a candidate must meet, all of them; no bounds admit every cost."""

    bounds: tuple[Bound, ...] = ()
    """At most one bound for each metric, in the order in which metrics are registered."""

    def admits(self, cost: Cost) -> Number:
        """Whether `cost` meets all bounds: a bool, or a boolean array where the cost holds arrays.

        A metric that needs each network (`Metric.walks`) is evaluated only for the networks that
        meet the other bounds.
        """
        inside: Number = np.bool_(True)
        for bound in sorted(self.bounds, key=lambda bound: bound.of.walks):
            if bound.of.walks and is_array(inside):
                rows = np.flatnonzero(inside)
                inside = np.array(inside)
                inside[rows] = bound.holds(_only(cost, rows))
            elif not bound.of.walks or inside:
                inside = inside & bound.holds(cost)
        return inside

    def reached(self, cost: Cost) -> str:
        """The values of `cost` that are bounded, with all their digits."""
        return ", ".join(bound.reached(cost) for bound in self.bounds)

    def distance(self, cost: Cost) -> Number:
        """Distance of `cost` from the budget: the sum of |log(value / bound)| over the bounds that
        it does not meet; 0 within the budget."""
        total: Number = 0.0
        for bound in self.bounds:
            least = 1 if bound.of.whole else 1e-12
            value = np.maximum(bound.of.value(cost), least)
            total = (
                total
                + np.maximum(0.0, np.log(value / bound.high))
                + np.maximum(0.0, np.log(max(bound.low, least) / value))
            )
        return total

    def __str__(self) -> str:
        """The canonical text, the same for all spellings of a budget."""
        return ", ".join(str(bound) for bound in self.bounds)


def _only(cost: Cost, rows: Any) -> Cost:
    """The cost of some rows, reduced to the candidates that a metric with `walks` reads."""
    subject: Any = cost.subject
    return replace(cost, subject=None if subject is None else subject[rows])


def parse_budget(texts: str | Iterable[str]) -> Budget:
    """Parse a budget from texts in human units or in canonical form; several bounds of one metric
    are intersected.

    Raises:
        InputError: a text is no budget or not positive, or the bounds exclude each other.
    """
    bounds: dict[str, Bound] = {}
    listed = [texts] if isinstance(texts, str) or not isinstance(texts, Iterable) else texts
    for text in listed:
        if not isinstance(text, str):
            raise InputError(f"a budget is given as text, but got {text!r}; {_EXAMPLE}")
        for part in text.split(","):
            new = _parse_bound(part)
            old = bounds.get(new.metric)
            joined = new if old is None else Bound(new.metric, max(old.low, new.low), min(old.high, new.high))
            if joined.low > joined.high:
                raise InputError(f"a budget's low <= high must hold, but got {text!r} ({joined})")
            bounds[new.metric] = joined
    return Budget(tuple(bounds[name] for name in metrics.names() if name in bounds))


def _parse_bound(text: str) -> Bound:
    canonical = _CANONICAL.match(text)
    if canonical is not None:
        low, high = float(canonical["low"] or 0), float(canonical["high"])
        return _bound(metrics.get(canonical["metric"]), low, high, text, ranged=canonical["low"] is not None)
    ends = text.split("..")
    if len(ends) > 2:
        raise InputError(f"a budget is one amount or a range, but got {text!r}; {_EXAMPLE}")
    high, high_scale, metric = _parse_amount(ends[-1], text)
    low = 0.0
    if len(ends) == 2:
        low, low_scale, low_metric = _parse_amount(ends[0], text)
        if low_metric not in (None, metric):
            raise InputError(f"both ends of a range must be of one kind, but got {text!r}")
        low *= (high_scale if low_scale is None else low_scale) or 1.0
    return _bound(metrics.get(metric or "macs"), low, high * (high_scale or 1.0), text, ranged=len(ends) == 2)


def _bound(metric: Metric, low: float, high: float, text: str, *, ranged: bool) -> Bound:
    if not high < 1e18:
        raise InputError(f"a budget must be below 1e18, but got {text!r}")
    least = 1 if metric.whole else 1e-12
    if high < least or (ranged and low < least):
        raise InputError(f"a budget must be positive, but got {text!r}; {_EXAMPLE}")
    if low > high:
        raise InputError(f"a budget's low <= high must hold, but got {text!r}")
    return Bound(metric.name, round(low), round(high)) if metric.whole else Bound(metric.name, low, high)


def _parse_amount(amount: str, text: str) -> tuple[float, float | None, str | None]:
    """The number, the scale of its unit and the metric; scale and metric are None if no unit names
    them."""
    match = _AMOUNT.match(amount)
    if match is None:
        raise InputError(f"not a budget: {text!r}; {_EXAMPLE}")
    number, unit = float(match["value"]), "".join(match["unit"].split())
    if not unit:
        return number, None, None
    prefixes = {prefix.lower(): float(scale) for prefix, scale in PREFIXES.items()}
    if unit.lower() in prefixes:
        return number, prefixes[unit.lower()], None
    found = units(metrics.parts()).get(unit.lower())
    if found is None:
        raise unknown(f"unit in the budget {text.strip()!r}:", unit, _known_units())
    return number, found[1], found[0]


def _known_units() -> list[str]:
    """All units, for an error message that shows only some: the first three of each metric come
    first."""
    every = [[unit for unit in metric.units if unit not in PREFIXES] for metric in metrics.parts().values()]
    return list(dict.fromkeys(unit for few in [[own[:3] for own in every], every] for own in few for unit in own))
