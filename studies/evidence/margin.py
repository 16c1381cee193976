"""Computes the margin of the best of several networks over another network, paired by seed.

The margin is the mean difference of accuracies on the same seeds, with Student's t interval. The
variance of a training from seed to seed is pooled over all the networks (`statistics.intervals`):
that of two or three differences alone has one or two degrees of freedom, and a factor of 12.7 or
4.3. The best of several networks is overestimated on the seeds that chose it. With two
seeds or more, each seed therefore compares the network that the other seeds choose, as a grid does
(`studies.scaling.leave_one_out`). Chosen by the highest mean, the margin is never larger than that
of the network chosen by all seeds. If the study chooses by a posterior, the other seeds and the
trials of the search choose: none of them is the seed that is compared. As the folds are not
independent, the standard error has the correction of Nadeau & Bengio, Machine Learning 52 (2003):
s √(1/n + 1/(n - 1)) in place of s √(1/n), where s = √2 times the deviation of one training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ..records.measure import ACCURACY
from ..statistics.intervals import LEVEL, Interval, Noise, mean_of
from ..statistics.seed_choice import highest_mean
from ..writing.json_values import JSON
from .numbers import Numbers

Networks = Mapping[str, Mapping[int, float]]
"""Network -> seed -> accuracy."""
Choose = Callable[[Networks], str | None]
"""Chooses one of several networks by their accuracies; None if it cannot be told."""
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


def margin_over(reference: Mapping[int, float], networks: Networks, *, choose: Choose = highest_mean) -> Margin | None:
    """The margin of the best of `networks` over `reference`.

    Networks with one seed in common with the reference are left out if others have more. Seeds that
    not all of the others have do not take part in the choice; they are compared where the network
    chosen has them.

    Args:
        reference: accuracy of the reference for each seed.
        networks: accuracy of each network for each seed, by id.
        choose: chooses one of the networks by their accuracies on some of the seeds.

    Returns:
        The margin, None if no network has a seed in common with the reference.
    """
    apart = {
        key: {seed: value - reference[seed] for seed, value in accuracies.items() if seed in reference}
        for key, accuracies in networks.items()
    }
    n = max(map(len, apart.values()), default=0)
    rivals = {key: differences for key, differences in apart.items() if len(differences) >= min(n, 2)}
    if not n:
        return None
    if n > 1 and len(set.intersection(*map(set, rivals.values()))) < 2:
        rivals = dict([(key, differences) for key, differences in rivals.items() if len(differences) == n][:1])
    if n == 1:
        value = max(value for differences in rivals.values() for value in differences.values())
        return Margin(value=value, n=1, interval=None, selection="none" if len(rivals) == 1 else "same seed")
    if len(rivals) == 1:
        differences, scale = list(next(iter(rivals.values())).values()), math.sqrt(2 / n)
    else:
        differences = [value for value in _left_out(rivals, networks, choose) if value is not None]
        n = len(differences)
        scale = math.sqrt(2 / n + 2 / (n - 1))
    value = mean_of(differences) or 0.0
    noise = Noise.within([list(one.values()) for one in (reference, *networks.values())])
    return Margin(
        value=value,
        n=n,
        interval=noise.around(value, scale, LEVEL),
        selection="none" if len(rivals) == 1 else "left out",
    )


def margin_text(margin: Margin, *, confirmed: bool = True, measure: str = ACCURACY) -> str:
    """A margin with its interval: "+1.8 points, 95 % +0.6 to +3.0, 3 seeds"."""
    numbers = Numbers(measure)
    interval = "-" if margin.interval is None else numbers.apart(margin.interval, digits=1)
    seeds = f"{margin.n} seed{'s' * (margin.n > 1)}"
    value = f"{numbers.difference(margin.value, digits=1)} {numbers.unit}"
    return f"{value}, 95 % {interval}, {seeds if confirmed else 'one training of the search'}"


def _left_out(rivals: Networks, networks: Networks, choose: Choose) -> Iterator[float | None]:
    """For every seed, the difference of the network that is best on the other seeds that all have;
    None if it was not trained from that seed."""
    common = set.intersection(*map(set, rivals.values()))
    for seed in sorted({seed for one in rivals.values() for seed in one}):
        best = choose({key: {other: networks[key][other] for other in common - {seed}} for key in rivals})
        yield None if best is None else rivals[best].get(seed)
