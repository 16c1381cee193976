"""The networks of each rule of scaling at given multiples of a baseline's cost.

The rules: the compound rule, which scales all axes by coefficients to the power of φ, and each axis
alone. Sources: Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, section 3; Han et al., Model
Rubik's Cube: Twisting Resolution, Depth and Width for TinyNets, NeurIPS 2020, arXiv:2010.14819,
which finds that below the baseline the compound rule is not the best one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ...blocks import Cost, InputError, InvalidBlock
from ..candidates.candidate import Candidate
from .baseline import Baseline, in_letters
from .family import cost_dict, phi_steps
from .largest import Steps
from .single_axis import factor_alone, ideals

COMPOUND = "compound"
"""Name of the compound rule; every other rule has the name of its axis."""
FARTHEST = 64.0
"""Largest multiple of the baseline's cost; the smallest is 1 / FARTHEST."""


@dataclass(frozen=True, kw_only=True)
class RuleNetwork:
    """The network of one rule whose true cost is nearest to a multiple of the baseline's."""

    multiple: float
    """The multiple of the baseline's MACs aimed at."""
    rule: str
    """The axis that is scaled alone, or "compound"."""
    phi: float | None
    """φ of the compound rule; None for a rule that scales one axis."""
    factors: dict[str, float]
    """Axis → multiple of the baseline's own value; 1 for axes that are not scaled."""
    candidate: Candidate
    """The network after rounding."""
    cost: Cost
    """Its cost."""
    factor: float
    """True factor: MACs of the network over MACs of the baseline."""

    def reached(self, tolerance: float) -> bool:
        """Whether the true factor is `multiple` within a relative deviation of `tolerance`."""
        return abs(self.factor / self.multiple - 1) <= tolerance

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON with stable keys."""
        return {
            "multiple": self.multiple,
            "rule": self.rule,
            "phi": self.phi,
            "factors": self.factors,
            "id": self.candidate.id,
            "image": list(self.candidate.image),
            **cost_dict(self.cost),
            "factor": self.factor,
        }


def at_multiples(
    baseline: Baseline, coefficients: Mapping[str, float], multiples: Sequence[float]
) -> list[RuleNetwork]:
    """Return, for every multiple except 1, the network of the compound rule, then of each axis
    alone.

    Args:
        baseline: the network that is scaled.
        coefficients: axis → coefficient at φ = 1 of the compound rule. φ is negative for multiples
            below 1.
        multiples: multiples of the baseline's MACs, in rising order.

    Raises:
        InputError: the multiples are out of range or do not rise, no multiple differs from 1, there
            are fewer than two axes, or a coefficient is below 1.
    """
    _check(baseline, coefficients, multiples)
    steps, found = phi_steps(baseline, coefficients), []
    for multiple in multiples:
        if multiple == 1:
            continue
        phi = _nearest_phi(steps, multiple * float(baseline.cost.macs))
        found.append(_network(baseline, multiple, phi, {axis: value**phi for axis, value in coefficients.items()}))
        for axis in coefficients:
            found.append(_alone(baseline, list(coefficients), axis, multiple))
    return found


def _check(baseline: Baseline, coefficients: Mapping[str, float], multiples: Sequence[float]) -> None:
    for multiple in multiples:
        if not 1 / FARTHEST <= multiple <= FARTHEST:
            raise InputError(f"a multiple must lie between 1/{FARTHEST:g} and {FARTHEST:g}, but got {multiple:g}")
    for before, after in pairwise(multiples):
        if after <= before:
            raise InputError(f"multiples must rise, but {after:g} follows {before:g}")
    if not set(multiples) - {1}:
        raise InputError("a comparison needs a multiple other than 1, the baseline's own cost, but got none")
    baseline.require_axes(list(coefficients))
    if sum(value > 1 for value in coefficients.values()) < 2:
        raise InputError(
            f"a compound rule scales at least two axes, but got {in_letters(coefficients)}: the others are 1"
        )
    ideals(baseline, list(coefficients))  # raises the error if the cost does not depend on one of the axes


def _nearest_phi(steps: Steps, macs: float) -> float:
    """Return the φ whose network's MACs are nearest to `macs`, by their ratio."""

    def below(step: int) -> bool:
        found = steps.at(step)
        return found is None or float(found[1].macs) <= macs

    last = steps.last(below, start=0)
    around = [steps.least] if last is None else [last, min(last + 1, steps.most)]
    off = {step: abs(math.log(float(found[1].macs) / macs)) for step in around if (found := steps.at(step)) is not None}
    return steps.roundest(min(off, key=lambda step: off[step])) if off else 0.0


def _alone(baseline: Baseline, axes: Sequence[str], axis: str, multiple: float) -> RuleNetwork:
    """Return the network of one axis alone; the baseline if the axis cannot be scaled."""
    ones = dict.fromkeys(axes, 1.0)
    try:
        factors = ones | {axis: factor_alone(baseline, axis, multiple)}
        return _network(baseline, multiple, None, factors, axis)
    except InvalidBlock:
        return _network(baseline, multiple, None, ones, axis)


def _network(
    baseline: Baseline, multiple: float, phi: float | None, factors: dict[str, float], rule: str = COMPOUND
) -> RuleNetwork:
    candidate = baseline.candidate(factors)
    cost = candidate.cost()
    return RuleNetwork(
        multiple=multiple,
        rule=rule,
        phi=phi,
        factors=factors,
        candidate=candidate,
        cost=cost,
        factor=float(cost.macs / baseline.cost.macs),
    )
