"""The networks of a compound-scaling grid, with the accuracies that their trainings reached.

Source of the grid: Tan & Le, EfficientNet, arXiv:1905.11946, section 3.3: coefficients alpha
(depth), beta (width), gamma (resolution), all of about one cost. Accuracies are values of the
study's quality measure on validation images, larger being better: fractions, 0 to 1, unless another
measure is named. Costs are for one image.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...blocks.errors import InputError
from ..records.measure import ACCURACY, as_shown, bounds, shown
from ..statistics.intervals import mean_of, standard_deviation
from ..writing.json_values import JSON

BASELINE = "baseline"
"""The `control` of the unscaled network."""


@dataclass(frozen=True, kw_only=True)
class ScaledPoint:
    """One network of the grid with the accuracies of its trainings."""

    id: str
    """Id of the candidate; points with the same id are the same network, trained once."""
    coefficients: Mapping[str, float]
    """Requested coefficient of each axis, axes in order: {"depth": 1.2, "width": 1.1, "resolution":
    1.15}."""
    control: str | None = None
    """Role of the point: None for a point of the grid, the name of the axis that alone is scaled,
    or "baseline" for the unscaled network."""
    macs: int
    """Multiply-adds for one image."""
    params: int
    """Number of trainable parameters."""
    factor: float
    """Actual MACs divided by those of the baseline; as layers are rounded, it differs from the
    product of the coefficients."""
    accuracies: Mapping[int, float]
    """Validation accuracy at full fidelity for each seed."""
    stopped: Mapping[int, float]
    """Last validation accuracy of the trainings that were stopped early, for each seed; means leave
    these out."""
    metric: str = ACCURACY
    """The quality measure; of all its values here larger is better."""

    def __post_init__(self) -> None:
        if not self.coefficients:
            raise InputError("coefficients must name at least one axis, but got none")
        for axis, value in self.coefficients.items():
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"a coefficient must be finite and above 0, but got {axis}={value}")
        if self.control is not None and self.control != BASELINE and self.control not in self.coefficients:
            raise InputError(
                f"control must be {BASELINE!r}, None or one of the axes {', '.join(self.coefficients)}, but got"
                f" {self.control!r}"
            )
        if self.macs <= 0 or self.params < 0 or not (math.isfinite(self.factor) and self.factor > 0):
            raise InputError(
                f"macs > 0, params >= 0 and factor > 0 must hold, but got (macs={self.macs}, params={self.params},"
                f" factor={self.factor})"
            )
        worst, best = bounds(self.metric)
        for seed, accuracy in [*self.accuracies.items(), *self.stopped.items()]:
            if not worst <= accuracy <= best:  # refuses NaN too
                low, high = sorted((shown(self.metric, worst), shown(self.metric, best)))
                raise InputError(
                    f"an accuracy must be between {low:g} and {high:g}, but got {shown(self.metric, accuracy)}"
                    f" (seed {seed} of {self.id[:12]})"
                )
        if both := sorted(set(self.accuracies) & set(self.stopped)):
            raise InputError(
                f"a training must be either complete or stopped, but got seed {both[0]} of {self.id[:12]} as both"
            )

    @property
    def n(self) -> int:
        """Number of complete trainings."""
        return len(self.accuracies)

    @property
    def mean(self) -> float | None:
        """Mean accuracy over the seeds; None without a complete training."""
        return mean_of(self.accuracies.values())

    @property
    def std(self) -> float | None:
        """Sample standard deviation over the seeds (divisor n - 1); None below two seeds."""
        return standard_deviation(self.accuracies.values())

    @property
    def label(self) -> str:
        """The coefficients as text: "depth 1.2, width 1.1, resolution 1.15"."""
        return ", ".join(f"{axis} {value:.4g}" for axis, value in self.coefficients.items())

    def to_dict(self) -> dict[str, JSON]:
        """The point as plain JSON; seeds become strings, as keys of JSON must be."""
        data: dict[str, JSON] = {
            "id": self.id,
            "control": self.control,
            "coefficients": {axis: float(value) for axis, value in self.coefficients.items()},
            "macs": int(self.macs),
            "params": int(self.params),
            "factor": float(self.factor),
            "n": self.n,
            "mean": self.mean,
            "std": self.std,
            "accuracies": {str(seed): float(self.accuracies[seed]) for seed in sorted(self.accuracies)},
        }
        stopped = {str(seed): shown(self.metric, float(self.stopped[seed])) for seed in sorted(self.stopped)}
        return {**as_shown(data, self.metric), "stopped": stopped}


def check(points: Sequence[ScaledPoint]) -> tuple[str, ...]:
    """The axes that all points share.

    Raises:
        InputError: the points do not belong to one grid.
    """
    if not points:
        raise InputError("a grid must hold at least one network, but got none")
    axes = tuple(points[0].coefficients)
    seen: dict[str, ScaledPoint] = {}
    for point in points:
        if tuple(point.coefficients) != axes:
            raise InputError(
                f"the points of a grid must have the same axes in one order, but got {axes} and"
                f" {tuple(point.coefficients)}"
            )
        first = seen.setdefault(point.id, point)
        if dict(first.accuracies) != dict(point.accuracies):
            raise InputError(f"points of one id must carry the same accuracies, but got two sets for {point.id[:12]}")
        if point.metric != points[0].metric:
            raise InputError(
                f"the points of a grid must have one measure, but got {points[0].metric} and {point.metric}"
            )
    if (count := sum(point.control == BASELINE for point in points)) > 1:
        raise InputError(f"a grid must have at most one baseline, but got {count}")
    return axes


def metric_of(points: Sequence[ScaledPoint]) -> str:
    """The quality measure of the points."""
    return points[0].metric if points else ACCURACY


def grid_of(points: Iterable[ScaledPoint]) -> list[ScaledPoint]:
    """The points of the grid proper, without controls and baseline."""
    return [point for point in points if point.control is None]


def controls_of(points: Iterable[ScaledPoint]) -> list[ScaledPoint]:
    """The controls, in each of which a single axis is scaled to the whole cost."""
    return [point for point in points if point.control not in (None, BASELINE)]


def baseline_of(points: Iterable[ScaledPoint]) -> ScaledPoint | None:
    """The unscaled network; None if it is not among the points."""
    return next((point for point in points if point.control == BASELINE), None)


def complete(points: Sequence[ScaledPoint]) -> list[ScaledPoint]:
    """The points with the most complete trainings, among which the best is chosen.

    A mean over fewer seeds has a larger variance and is therefore more often the highest by chance.
    """
    most = max((point.n for point in points), default=0)
    return [point for point in points if most and point.n == most]


def highest(points: Sequence[ScaledPoint]) -> ScaledPoint | None:
    """The point with the highest mean among those with the most seeds; the first of equal ones."""
    return max(complete(points), key=lambda point: round(point.mean or 0.0, 12), default=None)
