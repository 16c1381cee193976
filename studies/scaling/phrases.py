"""Numbers and clauses that the reports of a grid share.

Accuracies are written in percent, differences in percentage points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..measure import mean_in_words
from ..statistics.intervals import Estimate, Interval
from .compare import BestPoint, Comparison
from .scaled_points import ScaledPoint, grid_of


def percent(point: ScaledPoint) -> str:
    """Mean and standard deviation over the seeds: "81.20 ± 0.35 % (n = 3)"."""
    if point.mean is None:
        return "no complete training"
    return mean_in_words(point.mean, point.std, point.n)


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


def mean_text(mean: float | None, n: int) -> str:
    """ "81.20 % (n = 3)"."""
    return "no complete training" if mean is None else mean_in_words(mean, None, n)


def in_points(value: float, sign: bool = False) -> str:
    """A fraction in percentage points with two decimals; `sign` writes a plus sign too."""
    shown = round(100 * value, 2) + 0.0  # no "-0.00"
    return f"{shown:+.2f}" if sign else f"{shown:.2f}"


def interval_points(interval: Interval | None, sign: bool = False) -> str:
    """ "0.12 to 0.50", in percentage points; a dash without an interval."""
    return f"{in_points(interval.low, sign)} to {in_points(interval.high, sign)}" if interval else "–"


def level_and_interval(interval: Interval | None, level: float, what: str) -> str:
    """ "95 % interval of the mean 80.10 to 82.30", in percent."""
    return (
        f"{100 * level:.4g} % interval of the {what} {interval_points(interval)}"
        if interval
        else "no interval: one seed"
    )


def estimate_text(estimate: Estimate | None, level: float) -> str:
    """ "+0.30 points (95 % interval +0.12 to +0.50, n = 3)"."""
    if estimate is None:
        return "unknown"
    within = (
        f"{100 * level:.4g} % interval {interval_points(estimate.interval, True)}"
        if estimate.interval
        else "no interval"
    )
    return f"{in_points(estimate.value, True)} points ({within}, n = {estimate.n})"
