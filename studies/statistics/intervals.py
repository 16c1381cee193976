"""Student's t intervals with a standard deviation that is pooled over all networks.

The spread of one network over three seeds is known poorly: its own t interval has 2 degrees of
freedom and a factor of 4.3. All trainings compared here follow one recipe, so their variance is
pooled: s² = Σ (x - mean of its network)² / Σ (n_i - 1). With 16 networks of 3 seeds each that has
32 degrees of freedom and a factor of 2.04.
Assumptions: the accuracies of a network over its seeds are approximately normal, and all networks
have approximately the same variance.

A percentile bootstrap over the seeds does not replace these intervals: with n seeds its spread is
too small by √((n-1)/n) and it has no t factor, so that with n = 3 its nominal 95 % interval covers
about 75 %. Reports show it beside the t interval to indicate how a choice varies with the seeds;
no verdict uses it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ..writing.json_values import JSON

LEVEL = 0.95
"""Confidence level of the intervals in reports."""
SAME = 1e-12
"""Accuracies that differ by less than this are equal: the difference is a rounding error."""


class Interval(NamedTuple):
    """A closed interval."""

    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether the interval contains zero, up to rounding errors."""
        return self.low <= SAME and self.high >= -SAME


class Repeated(Protocol):
    """One network that was trained from several seeds."""

    @property
    def id(self) -> str:
        """Id of the network."""
        ...

    @property
    def n(self) -> int:
        """Number of complete trainings."""
        ...

    @property
    def mean(self) -> float | None:
        """Mean accuracy over the complete trainings; None if there are none."""
        ...

    @property
    def std(self) -> float | None:
        """Sample standard deviation (divisor n - 1); None with fewer than two trainings."""
        ...


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean accuracy, or a difference of two means, with its intervals."""

    value: float
    """The estimate as a fraction (0.01 is one percentage point)."""
    n: int
    """Number of seeds; for a difference, that of the network with fewer seeds."""
    interval: Interval | None
    """The t interval with the pooled variance, on which verdicts rest; None if no network has two
    seeds."""
    bootstrap: Interval | None = None
    """Percentile bootstrap interval over the seeds, for comparison; too narrow with few seeds."""

    def to_dict(self) -> dict[str, JSON]:
        """The estimate as plain JSON."""
        return {
            "value": self.value,
            "n": self.n,
            "interval": list(self.interval) if self.interval else None,
            "bootstrap": list(self.bootstrap) if self.bootstrap else None,
        }


@dataclass(frozen=True, kw_only=True)
class Noise:
    """The spread of the accuracy from seed to seed, pooled over all networks."""

    sd: float | None
    """Standard deviation of a single training, as a fraction; None if no network has two seeds."""
    df: int
    """Degrees of freedom, Σ (n_i - 1)."""

    @classmethod
    def pooled(cls, points: Sequence[Repeated]) -> Noise:
        """Pool the variance of all networks; points with the same id count as one network.

        A seed's effect that is common to all networks stays in the variance, although it cancels in
        a difference of two networks on the same seeds. Intervals of such differences are therefore
        too wide rather than too narrow.
        """
        networks = {point.id: point for point in points if point.n > 1}.values()
        return cls._of((point.n, point.std or 0.0) for point in networks)

    @classmethod
    def within(cls, networks: Collection[Collection[float]]) -> Noise:
        """Pool the variance of all networks, each given by its accuracies; see `pooled`."""
        return cls._of((len(each), standard_deviation(each) or 0.0) for each in networks if len(each) > 1)

    @classmethod
    def _of(cls, spreads: Iterable[tuple[int, float]]) -> Noise:
        """Pool (number of trainings, their standard deviation) of several networks."""
        squares, df = 0.0, 0
        for n, std in spreads:
            squares, df = squares + (n - 1) * std**2, df + n - 1
        return cls(sd=math.sqrt(squares / df) if df else None, df=df)

    def around(self, value: float, scale: float, level: float) -> Interval | None:
        """The t interval around `value`; None if the standard deviation is unknown.

        The standard error of `value` is `scale` times the standard deviation of one training.
        """
        if self.sd is None:
            return None
        from scipy.stats import t

        half = float(t.ppf((1 + level) / 2, self.df)) * self.sd * scale
        return Interval(value - half, value + half)

    def difference(self, one: Repeated, other: Repeated, level: float) -> Estimate:
        """The mean of `one` minus the mean of `other`; exactly 0 if they are the same network.

        Both must have a complete training.
        """
        scale = 0.0 if one.id == other.id else math.sqrt(1 / one.n + 1 / other.n)
        value = 0.0 if one.id == other.id else (one.mean or 0.0) - (other.mean or 0.0)
        return Estimate(value=value, n=min(one.n, other.n), interval=self.around(value, scale, level))


def mean_of(values: Collection[float]) -> float | None:
    """The arithmetic mean, summed without rounding errors; None without values."""
    return math.fsum(values) / len(values) if values else None


def standard_deviation(values: Collection[float]) -> float | None:
    """The sample standard deviation (divisor n - 1); None with fewer than two values."""
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
