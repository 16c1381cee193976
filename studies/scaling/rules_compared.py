"""Compares the compound rule with each axis alone at several multiples of the baseline's cost.

The networks are named before they are trained; only the best single axis is chosen, on seeds other
than the one on which it is compared (`leave_one_out`). Intervals are t intervals with the variance
pooled over all networks of all multiples (`statistics.intervals`).

Source of the question below the baseline: Han et al., TinyNet, NeurIPS 2020, arXiv:2010.14819:
resolution and depth matter more than width in networks smaller than the baseline, so that shrinking
the width alone would cost least.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...blocks.errors import InputError
from ..records.measure import ACCURACY, as_shown
from ..statistics.intervals import LEVEL, Estimate, Noise
from ..writing.json_values import JSON
from .compare import margin_verdict
from .leave_one_out import leave_one_seed_out
from .scaled_points import ScaledPoint, check, controls_of, grid_of

WIDTH = "width"
"""The axis that TinyNet shrinks first."""


@dataclass(frozen=True, kw_only=True)
class AtMultiple:
    """The networks of one multiple of the baseline's cost."""

    multiple: float
    """The multiple of the baseline's MACs."""
    points: tuple[ScaledPoint, ...]
    """The networks that have this cost: that of the compound rule (`control` None), and those of
    each axis alone. A rule that reaches no network of this cost is not among them."""
    unreached: Mapping[str, float]
    """Rule → true factor of its nearest network, for each rule that does not reach the cost."""

    @property
    def compound(self) -> ScaledPoint | None:
        """The network of the compound rule; None if it does not reach the cost."""
        return next(iter(grid_of(self.points)), None)

    @property
    def best(self) -> ScaledPoint | None:
        """The network with the highest mean; None without a complete training."""
        return max((one for one in self.points if one.n), key=lambda one: one.mean or 0.0, default=None)


@dataclass(frozen=True, kw_only=True)
class RuleVerdict:
    """What the trainings say about the rules at one multiple."""

    multiple: float
    """The multiple of the baseline's MACs."""
    differences: Mapping[str, Estimate]
    """Axis → mean accuracy of the compound network minus that of the axis alone."""
    margin: Estimate | None
    """Compound network minus the best single axis, which each seed's comparison takes from the
    other seeds; None if there are too few seeds."""
    verdict: str
    """Verdict in one sentence, decided by the interval of `margin`."""
    shrunk_width: Mapping[str, Estimate]
    """Axis → mean accuracy of the width alone minus that of this axis alone, for a multiple below
    1; empty above."""

    def to_dict(self) -> dict[str, JSON]:
        """The verdict as plain JSON with stable keys."""
        return {
            "multiple": self.multiple,
            "compound_minus": {axis: one.to_dict() for axis, one in self.differences.items()},
            "margin": None if self.margin is None else self.margin.to_dict(),
            "verdict": self.verdict,
            "width_minus": {axis: one.to_dict() for axis, one in self.shrunk_width.items()},
        }


@dataclass(frozen=True, kw_only=True)
class RulesCompared:
    """The rules of scaling, compared at every multiple."""

    level: float
    """Confidence level of each interval by itself."""
    noise: Noise
    """Standard deviation of one training, pooled over all networks."""
    seeds: tuple[int, ...]
    """Seeds from which at least one network has a complete training."""
    baseline: ScaledPoint
    """The unscaled network."""
    groups: tuple[AtMultiple, ...]
    """The networks of every multiple, in rising order."""
    verdicts: tuple[RuleVerdict, ...]
    """One verdict for each group."""
    metric: str = ACCURACY
    """The quality measure; of all its values here larger is better."""

    def to_dict(self) -> dict[str, JSON]:
        """The comparison as plain JSON with stable keys; unknown values are null."""
        return {
            "metric": self.metric,
            "level": self.level,
            "seeds": list(self.seeds),
            "noise": {"sd": self.noise.sd, "df": self.noise.df},
            "baseline": self.baseline.to_dict(),
            "multiples": [
                {
                    "multiple": group.multiple,
                    "networks": [{"rule": rule_of(one), **one.to_dict()} for one in group.points],
                    "unreached": dict(group.unreached),
                    **as_shown(verdict.to_dict(), self.metric),
                }
                for group, verdict in zip(self.groups, self.verdicts, strict=True)
            ],
        }


def rule_of(point: ScaledPoint) -> str:
    """Name of the rule that made a network: "compound", an axis, or "baseline"."""
    return point.control or "compound"


def compare_rules(baseline: ScaledPoint, groups: Sequence[AtMultiple], *, level: float = LEVEL) -> RulesCompared:
    """Compare the rules at every multiple.

    Raises:
        InputError: there is no multiple, or the networks do not belong together.
    """
    if not groups:
        raise InputError("a comparison of rules needs at least one multiple, but got none")
    points = [baseline, *(point for group in groups for point in group.points)]
    check(points)
    noise = Noise.pooled(points)
    return RulesCompared(
        level=level,
        noise=noise,
        seeds=tuple(sorted({seed for point in points for seed in point.accuracies})),
        baseline=baseline,
        groups=tuple(groups),
        verdicts=tuple(_verdict(group, noise, level, baseline.metric) for group in groups),
        metric=baseline.metric,
    )


def _verdict(group: AtMultiple, noise: Noise, level: float, metric: str) -> RuleVerdict:
    compound, axes = group.compound, [one for one in controls_of(group.points) if one.n]
    complete = compound if compound is not None and compound.n else None
    alone = {one.control or "": one for one in axes}
    differences, margin = {}, None
    if complete is not None:
        differences = {axis: noise.difference(complete, one, level) for axis, one in alone.items()}
        margin = leave_one_seed_out([complete], axes, noise, level)[0] if axes else None
    width = alone.get(WIDTH)
    shrunk = {
        axis: noise.difference(width, one, level)
        for axis, one in alone.items()
        if width is not None and one is not width and group.multiple < 1
    }
    return RuleVerdict(
        multiple=group.multiple,
        differences=differences,
        margin=margin,
        verdict=_words(group, complete, axes, margin, level, metric),
        shrunk_width=shrunk,
    )


def _words(
    group: AtMultiple,
    compound: ScaledPoint | None,
    axes: Sequence[ScaledPoint],
    margin: Estimate | None,
    level: float,
    metric: str,
) -> str:
    if group.compound is None:
        return "no difference can be shown: the compound rule has no network of this cost"
    if compound is None:
        return "no difference can be shown: the compound network has no complete training"
    return margin_verdict(compound, next(iter(axes), None), margin, level, metric)
