"""Computes the margin of the best of several networks over another network, paired by seed.

The margin is the mean difference of accuracies on the same seeds, with Student's t interval of the
differences. The best of several networks is overestimated on the seeds that chose it. With two
seeds or more, each seed therefore compares the network that the other seeds choose, as a grid does
(`studies.scaling.leave_one_out`); the margin is never larger than that of the network chosen by all
seeds. As the folds are not independent, the standard error has the correction of Nadeau & Bengio,
Machine Learning 52 (2003): s √(1/n + 1/(n - 1)) in place of s √(1/n).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ..json_values import JSON
from ..statistics.intervals import LEVEL, Interval, Noise, mean_of, standard_deviation
from ..statistics.seed_choice import best_without

Verdict = Literal["better", "tied", "worse"]
Selection = Literal["none", "left out", "same seed"]
"""How the best network is chosen: there is only one; without the seed on which it is compared; by
the very training that is compared."""


@dataclass(frozen=True, kw_only=True)
class Margin:
    """The accuracy of one network minus that of another; one of them may be the best of several."""

    value: float
    """The mean difference, as a fraction."""
    n: int
    """Number of seeds."""
    interval: Interval | None
    """Student's 95 % interval; None with one seed."""
    selection: Selection
    """How the best network is chosen."""

    @property
    def verdict(self) -> Verdict:
        """Whether the first network is better than the second; "tied" if the interval contains 0 or
        is unknown."""
        if self.interval is None or self.interval.holds_zero:
            return "tied"
        return "better" if self.interval.low > 0 else "worse"

    @property
    def reversed(self) -> Margin:
        """The margin of the second network over the first."""
        interval = None if self.interval is None else Interval(-self.interval.high, -self.interval.low)
        return Margin(value=-self.value, n=self.n, interval=interval, selection=self.selection)


def margin_dict(margin: Margin | None) -> dict[str, JSON]:
    """A margin as plain JSON with stable keys; all values are null if there is none."""
    return {
        "margin": None if margin is None else margin.value,
        "margin_interval": None if margin is None or margin.interval is None else list(margin.interval),
        "n": None if margin is None else margin.n,
        "selection": None if margin is None else margin.selection,
        "verdict": None if margin is None else margin.verdict,
    }


def margin_over(reference: Mapping[int, float], networks: Mapping[str, Mapping[int, float]]) -> Margin | None:
    """The margin of the best of `networks` over `reference`.

    Networks with one seed in common with the reference are left out if others have more. Seeds that
    not all of the others have do not take part in the choice; they are compared where the network
    chosen has them.

    Args:
        reference: accuracy of the reference for each seed.
        networks: accuracy of each network for each seed, by id.

    Returns:
        The margin, None if no network has a seed in common with the reference.
    """
    apart = {
        key: {seed: value - reference[seed] for seed, value in accuracies.items() if seed in reference}
        for key, accuracies in networks.items()
    }
    n = max(map(len, apart.values()), default=0)
    rivals = [differences for differences in apart.values() if len(differences) >= min(n, 2)]
    if not n:
        return None
    if n > 1 and len(set.intersection(*map(set, rivals))) < 2:
        rivals = [differences for differences in rivals if len(differences) == n][:1]
    if n == 1:
        value = max(value for differences in rivals for value in differences.values())
        return Margin(value=value, n=1, interval=None, selection="none" if len(rivals) == 1 else "same seed")
    if len(rivals) == 1:
        differences, scale = list(rivals[0].values()), math.sqrt(1 / n)
    else:
        differences = [value for value in _left_out(rivals) if value is not None]
        n = len(differences)
        scale = math.sqrt(1 / n + 1 / (n - 1))
    value = mean_of(differences) or 0.0
    spread = Noise(sd=standard_deviation(differences), df=n - 1)
    return Margin(
        value=value,
        n=n,
        interval=spread.around(value, scale, LEVEL),
        selection="none" if len(rivals) == 1 else "left out",
    )


def margin_text(margin: Margin, *, confirmed: bool = True) -> str:
    """A margin with its interval: "+1.8 points, 95 % +0.6 to +3.0, 3 seeds"."""
    interval = "-" if margin.interval is None else " to ".join(map(_points, margin.interval))
    seeds = f"{margin.n} seed{'s' * (margin.n > 1)}"
    return f"{_points(margin.value)} points, 95 % {interval}, {seeds if confirmed else 'one training of the search'}"


def _left_out(rivals: list[dict[int, float]]) -> Iterator[float | None]:
    """For every seed, the difference of the network that is best on the other seeds that all have;
    None if it was not trained from that seed."""
    common = set.intersection(*map(set, rivals))
    for seed in sorted({seed for one in rivals for seed in one}):
        # only that there is a value for the seed counts: it is left out of the choice
        best = best_without(seed, [{seed: 0.0} | {other: one[other] for other in common - {seed}} for one in rivals])
        yield None if best is None else rivals[best].get(seed)


def _points(value: float) -> str:
    return f"{round(100 * value, 1) + 0.0:+.1f}"  # no "-0.0"
