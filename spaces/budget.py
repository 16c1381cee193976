"""Budgets: bounds on cost, as people write them.

`400MFLOPs`, `0.4G`, `400MMACs`, `4e8` bound MACs (one FLOP is one multiply-add); `5.3MParams`
parameters; `12MActs` activations; `300M..400MFLOPs` is a range; several at once are separated by
commas or given in turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..blocks import Cost, InputError
from ..blocks.errors import unknown
from ..blocks.shape import Number

_scales = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}
_metrics = {
    "": "macs", "flops": "macs", "flop": "macs", "macs": "macs", "mac": "macs", "madds": "macs",
    "params": "params", "param": "params", "parameters": "params", "acts": "activations", "activations": "activations",
}  # fmt: skip
_amount = re.compile(r"^\s*(?P<value>[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(?P<rest>[a-z]*)\s*$", re.IGNORECASE)
_example = "write it like 400MFLOPs, 0.4G, 5.3MParams or 300M..400MFLOPs"


@dataclass(frozen=True, slots=True)
class Bound:
    """`low <= metric <= high` for one metric of `Cost`."""

    metric: str
    """"macs", "params" or "activations"."""
    low: int
    """Smallest value allowed; 0 where there is none."""
    high: int
    """Largest value allowed."""

    def __str__(self) -> str:
        return f"{self.low}<={self.metric}<={self.high}" if self.low else f"{self.metric}<={self.high}"


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds that a candidate's cost must meet, all of them; without bounds it admits everything."""

    bounds: tuple[Bound, ...] = ()
    """One for each metric at the most, ordered by metric."""

    def admits(self, cost: Cost) -> Number:
        """Whether `cost` meets all bounds: a bool, or a boolean array where the cost holds arrays."""
        inside: Number = np.bool_(True)
        for bound in self.bounds:
            value = getattr(cost, bound.metric)
            inside = inside & (value >= bound.low) & (value <= bound.high)
        return inside

    def distance(self, cost: Cost) -> Number:
        """How far `cost` lies outside, as the sum over bounds of |log(value / bound)|; 0 inside."""
        total: Number = 0.0
        for bound in self.bounds:
            value = np.maximum(getattr(cost, bound.metric), 1)
            total = (
                total + np.maximum(0.0, np.log(value / bound.high)) + np.maximum(0.0, np.log(max(bound.low, 1) / value))
            )
        return total

    def __str__(self) -> str:
        """Canonical text, the same for all spellings of a budget."""
        return ", ".join(str(bound) for bound in self.bounds)


def parse_budget(texts: str | Iterable[str]) -> Budget:
    """The budget that `texts` spell, the bounds of one metric intersected.

    Raises:
        InputError: not a budget, not positive, or bounds that exclude each other.
    """
    bounds: dict[str, Bound] = {}
    for text in [texts] if isinstance(texts, str) else texts:
        for part in text.split(","):
            new = _parse_bound(part)
            old = bounds.get(new.metric)
            joined = new if old is None else Bound(new.metric, max(old.low, new.low), min(old.high, new.high))
            if joined.low > joined.high:
                raise InputError(f"a budget's low <= high must hold, but got {text!r} ({joined})")
            bounds[new.metric] = joined
    return Budget(tuple(bounds[metric] for metric in ("macs", "params", "activations") if metric in bounds))


def _parse_bound(text: str) -> Bound:
    ends = text.split("..")
    if len(ends) > 2:
        raise InputError(f"a budget is one amount or a range, but got {text!r}; {_example}")
    high, high_scale, metric = _parse_amount(ends[-1], text)
    low = 0.0
    if len(ends) == 2:
        low, low_scale, low_metric = _parse_amount(ends[0], text)
        if low_metric not in (None, metric):
            raise InputError(f"both ends of a range must be of one kind, but got {text!r}")
        low *= (high_scale if low_scale is None else low_scale) or 1.0
    high *= high_scale or 1.0
    if not high < 1e18:
        raise InputError(f"a budget must be below 1e18, but got {text!r}")
    if high < 1 or (len(ends) == 2 and low < 1):
        raise InputError(f"a budget must be positive, but got {text!r}; {_example}")
    if low > high:
        raise InputError(f"a budget's low <= high must hold, but got {text!r}")
    return Bound(metric or "macs", round(low), round(high))


def _parse_amount(amount: str, text: str) -> tuple[float, float | None, str | None]:
    """The number, its scale (None: not written) and its metric (None: not written)."""
    match = _amount.match(amount)
    if match is None:
        raise InputError(f"not a budget: {text!r}; {_example}")
    rest = match["rest"].lower()
    for length in (1, 0):
        if rest[:length] in _scales and rest[length:] in _metrics and len(rest[:length]) == length:
            return (
                float(match["value"]),
                (_scales[rest[:length]] if length else None),
                (_metrics[rest[length:]] if rest[length:] else None),
            )
    raise unknown(
        f"unit in the budget {text.strip()!r}:",
        match["rest"],
        ["FLOPs", "MACs", "Params", "Acts", "MFLOPs", "GFLOPs", "MMACs", "GMACs", "MParams"],
    )


def human(value: float, unit: str = "") -> str:
    """A count with three digits and a decimal prefix: 385814752 → "386M"."""
    for scale, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= scale * 0.9995:
            scaled = value / scale
            return f"{scaled:.0f}{prefix}{unit}" if scaled >= 99.95 else f"{scaled:.3g}{prefix}{unit}"
    return f"{value:.0f}{unit}"
