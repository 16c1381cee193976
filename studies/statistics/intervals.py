"""Intervals from the spread that all networks of a grid share.

Three seeds say next to nothing of the spread of one network: its own t interval has 2 degrees of
freedom and a factor of 4.3. All trainings of a grid follow one recipe, so their variance is pooled:
s² = Σ (x - mean of its network)² / Σ (n_i - 1). With 16 networks of 3 seeds that has 32 degrees of
freedom and a factor of 2.04.
Assumed: the trainings of a network are about normal, with about one variance in all networks.

A percentile bootstrap over the seeds is no substitute: with n seeds its spread is too small by
√((n-1)/n) and has no t factor, so with n = 3 an interval "of 95 %" covers about 75 %. It stands
beside the t intervals to show how a choice changes with the seeds; it decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ..json_values import JSON

SAME = 1e-12
"""Accuracies nearer than this are equal: a sum's rounding is no difference."""


class Interval(NamedTuple):
    """From low to high."""

    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether a difference of this interval may be none."""
        return self.low <= SAME and self.high >= -SAME


class Repeated(Protocol):
    """One network trained from several seeds."""

    @property
    def id(self) -> str:
        """Of the network."""
        ...

    @property
    def n(self) -> int:
        """Complete trainings."""
        ...

    @property
    def mean(self) -> float | None:
        """Their mean accuracy; None without one."""
        ...

    @property
    def std(self) -> float | None:
        """Their standard deviation, with n - 1 below; None below two."""
        ...


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean accuracy, or a difference of two, with what is known of it."""

    value: float
    """The number itself, as a fraction (0.01 is one percentage point)."""
    n: int
    """Seeds behind it; of a difference, those of the network with fewer."""
    interval: Interval | None
    """By the pooled variance and t: the one that decides; None where no network has two seeds."""
    bootstrap: Interval | None = None
    """Percentiles over resampled seeds, beside it; too narrow for few seeds."""

    def to_dict(self) -> dict[str, JSON]:
        """As plain JSON."""
        return {
            "value": self.value,
            "n": self.n,
            "interval": list(self.interval) if self.interval else None,
            "bootstrap": list(self.bootstrap) if self.bootstrap else None,
        }


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How much one training of a network differs from the next, pooled over all networks."""

    sd: float | None
    """Standard deviation of one training; None where no network has two seeds."""
    df: int
    """Degrees of freedom, Σ (n_i - 1)."""

    @classmethod
    def pooled(cls, points: Sequence[Repeated]) -> Noise:
        """From all networks, each counted once though several points may name it.

        What a seed does to all networks alike stays in the variance. It cancels in a difference of
        two networks on the same seeds, so that intervals of differences are then too wide rather
        than too narrow.
        """
        networks = {point.id: point for point in points if point.n > 1}.values()
        df = sum(point.n - 1 for point in networks)
        squares = math.fsum((point.n - 1) * (point.std or 0.0) ** 2 for point in networks)
        return cls(sd=math.sqrt(squares / df) if df else None, df=df)

    def around(self, value: float, scale: float, level: float) -> Interval | None:
        """The t interval of `value`, whose standard error is `scale` times that of one training."""
        if self.sd is None:
            return None
        from scipy.stats import t

        half = float(t.ppf((1 + level) / 2, self.df)) * self.sd * scale
        return Interval(value - half, value + half)

    def difference(self, one: Repeated, other: Repeated, level: float) -> Estimate:
        """Mean of `one` less that of `other`, both with a complete training; exactly none if they
        are one network."""
        scale = 0.0 if one.id == other.id else math.sqrt(1 / one.n + 1 / other.n)
        value = 0.0 if one.id == other.id else (one.mean or 0.0) - (other.mean or 0.0)
        return Estimate(value=value, n=min(one.n, other.n), interval=self.around(value, scale, level))
