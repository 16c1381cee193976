"""Numbers and clauses that the reports of a grid share.

Shares, such as accuracies, are written in percent and their differences in percentage points;
values of other measures and their differences as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..evidence.numbers import Numbers
from ..records.measure import ACCURACY, in_percent, mean_in_words, shown, words
from ..statistics.intervals import Estimate, Interval
from .compare import BestPoint, Comparison
from .scaled_points import ScaledPoint, grid_of


def percent(point: ScaledPoint) -> str:
    """Mean and standard deviation over the seeds: "81.20 ± 0.35 % (n = 3)"."""
    if point.mean is None:
        return "no complete training"
    return mean_in_words(point.mean, point.std, point.n, point.metric)


def best_point(points: Sequence[ScaledPoint], comparison: Comparison) -> ScaledPoint | None:
    """The best grid point of the comparison; None if there is none."""
    return next((point for point in grid_of(points) if comparison.best and point.id == comparison.best.id), None)


def ties_text(comparison: Comparison) -> str:
    """The number of ties, as a clause: "2 other grid points cannot be told from it"."""
    if comparison.noise.sd is None:
        return "what ties with it is unknown"
    count = len(comparison.tied)
    return (
        f"{count} other {'grid point' if count == 1 else 'grid points'} cannot be told from it"
        if count
        else "no other grid point ties with it"
    )


def often_text(best: BestPoint) -> str:
    """The bootstrap probability of being best, as a clause with its semicolon; "" if unknown."""
    return "" if best.probability_best is None else f"best in {100 * best.probability_best:.0f} % of the resamples; "


def coefficients_text(values: Mapping[str, float]) -> str:
    """ "depth 1.200, width 1.100"."""
    return ", ".join(f"{axis} {value:.3f}" for axis, value in values.items())


def mean_text(mean: float | None, n: int, metric: str = ACCURACY) -> str:
    """ "81.20 % (n = 3)"."""
    return "no complete training" if mean is None else mean_in_words(mean, None, n, metric)


def height(value: float, metric: str = ACCURACY) -> float:
    """A value as figures draw it: a share in percent, another one as it is shown."""
    return scale(metric) * shown(metric, value)


def scale(metric: str = ACCURACY) -> float:
    """What differences and spreads are multiplied by in figures: 100 for shares, else 1."""
    return 100.0 if in_percent(metric) else 1.0


def heading(metric: str = ACCURACY) -> str:
    """The measure as the head of a column or the name of an axis: "accuracy (%)"."""
    return f"{words(metric)} (%)" if in_percent(metric) else words(metric)


def in_value(value: float, metric: str = ACCURACY) -> str:
    """A value without its unit: "81.20" of a share in percent, or "0.1234"."""
    return Numbers(metric).value(value).removesuffix(" %")


def unit_of(metric: str = ACCURACY) -> str:
    """The unit of differences: "points" of shares, else the measure in words."""
    return Numbers(metric).unit


def in_points(value: float, sign: bool = False, metric: str = ACCURACY) -> str:
    """A difference in its unit, shares with two decimals; without `sign`, its size alone.

    A difference of a measure of which smaller is better is shown as that of the values that people
    see: -0.5 is half a unit less, and better.
    """
    return Numbers(metric).difference(value, sign=sign)


def interval_values(interval: Interval | None, metric: str = ACCURACY) -> str:
    """ "80.10 to 82.30", an interval of values without its unit; a dash without an interval."""
    return Numbers(metric).between(interval).replace(" %", "") if interval else "–"


def interval_points(interval: Interval | None, metric: str = ACCURACY) -> str:
    """ "+0.12 to +0.50", an interval of differences in their unit; a dash without an interval."""
    return Numbers(metric).apart(interval) if interval else "–"


def level_and_interval(interval: Interval | None, level: float, what: str, metric: str = ACCURACY) -> str:
    """ "95 % interval of the mean 80.10 to 82.30", in percent."""
    return (
        f"{100 * level:.4g} % interval of the {what} {interval_values(interval, metric)}"
        if interval
        else "no interval: one seed"
    )


def estimate_text(estimate: Estimate | None, level: float, metric: str = ACCURACY) -> str:
    """ "+0.30 points (95 % interval +0.12 to +0.50, n = 3)"."""
    if estimate is None:
        return "unknown"
    within = (
        f"{100 * level:.4g} % interval {interval_points(estimate.interval, metric)}"
        if estimate.interval
        else "no interval"
    )
    return f"{in_points(estimate.value, True, metric)} {unit_of(metric)} ({within}, n = {estimate.n})"


def higher(metric: str = ACCURACY) -> str:
    """The verb before a difference of the best from another network: "is higher by", or "differs
    by" where smaller is better, since the number then has a minus sign."""
    return "is higher by" if shown(metric, 1.0) > 0 else "differs by"
